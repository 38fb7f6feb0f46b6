//! The JSON Schema of `tillpost.toml`: what an editor completes, explains and underlines.
//!
//! In: the limits and defaults that the reader uses. Out: the text that `tillpost schema config`
//! prints and `schemas/tillpost.schema.json` keeps. `tests/it/schema.rs` compares it with the
//! reader, key by key and kind by kind.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::{META_ENDPOINT, META_VERSION, Sending, Users, limits};
use crate::core::schema::{Key, Schema, meanings};

/// The schema of `tillpost.toml`.
#[must_use]
pub fn schema() -> String {
    let names = Schema::anything().matching("^[A-Za-z0-9_-]{1,64}$");
    let datasets = Schema::open_table([]).others(&dataset()).with("propertyNames", names).says(
        "Meta's datasets by the names that mapping files use: `[datasets.storefront]`. Required.",
    );
    let projects = Schema::list(project())
        .says("Whose payments are taken: a table `[[projects]]` for each. Required.");
    Schema::table([
        ("http", http()),
        ("store", store()),
        ("projects", projects),
        ("datasets", datasets),
        ("alerts", alerts()),
    ])
        .required(&["projects", "datasets"])
        .says("The configuration of Tillpost. Paths are relative to its folder. Check it with `tillpost check`.")
        .document("Tillpost configuration", [])
}

fn http() -> Schema {
    Schema::table([
        (
            "listen",
            address().default("127.0.0.1:8080").says("Address and port of the public API."),
        ),
        (
            "admin_listen",
            address().default("127.0.0.1:8081").says("Address and port of the admin API; never public by default."),
        ),
        (
            "admin_token",
            secrets(false).says(
                "Where the token of the admin API is. Needed where `admin_listen` is reached from other machines.",
            ),
        ),
    ])
    .says("Where Tillpost listens.")
}

fn alerts() -> Schema {
    let webhook = secrets(true).says(
        "Where the address is that is told by POST when a dataset is paused, and when it flows again. Required.",
    );
    Schema::table([("webhook", webhook)])
        .required(&["webhook"])
        .says("Whom to tell when a person has to act.")
}

fn address() -> Schema {
    Schema::text().matching(r"^\S+:[0-9]{1,5}$")
}

fn store() -> Schema {
    Schema::table([
        (
            "url",
            Schema::text()
                .matching("^sqlite:.")
                .default("sqlite:tillpost-data/tillpost.db")
                .says("The database of payments and deliveries."),
        ),
        (
            "retention_days",
            whole(&limits::RETENTION_DAYS)
                .default(limits::RETENTION_DAYS_DEFAULT)
                .says("For how many days payments are kept, with all that belongs to them."),
        ),
    ])
    .says("Where the books are.")
}

fn project() -> Schema {
    Schema::table([
        ("name", example(Schema::text(), "shop").says("The project's name. Required.")),
        (
            "server_key",
            secrets(true).says(
                "Where the key of its servers is (header `linkrunner-key`); a list of several while one is replaced. \
                 Required.",
            ),
        ),
        ("site_key", secrets(false).says("Where the key of its websites is (`Authorization: Bearer`).")),
        ("client_token", secrets(false).says("Where the token of its mobile apps is.")),
        (
            "client_signing",
            Schema::one_or_many(signing()).says(
                "With what its mobile apps sign; without it they need not. A list of several while one is replaced.",
            ),
        ),
        (
            "mapping",
            example(Schema::text(), "mappings/commerce.toml").says("The path of its mapping file. Required."),
        ),
        ("users", Schema::words(meanings!(Users)).default(Users::Known.as_str()).says("Whose payments count.")),
        (
            "currency",
            example(Schema::text().with("minLength", 3), "INR")
                .says("Its currency where nothing else names one: a code of ISO 4217."),
        ),
        (
            "hold_days",
            whole(&limits::HOLD_DAYS).default(7).says(
                "For how many days a payment waits for its user. Meta takes nothing older than seven.",
            ),
        ),
        (
            "max_requests_per_second",
            whole(&limits::PER_SECOND).says("Most requests of one key in a second; no limit unless set."),
        ),
        (
            "remove_by_user_wins",
            Schema::flag().default(false).says(
                "Whether `remove-payment` with a user and a payment removes every payment of the user.",
            ),
        ),
        (
            "max_payments_per_month",
            whole(&limits::PER_MONTH).says(
                "At how many payments of a calendar month Faurya's API takes no more; no limit unless set.",
            ),
        ),
        (
            "closed",
            Schema::flag().default(false).says("Whether the project is gone: its keys take no more payments."),
        ),
        ("webhooks", webhooks()),
    ])
    .required(&["name", "server_key", "mapping"])
    .says("One project: its keys, its mapping file, its users.")
}

fn signing() -> Schema {
    Schema::table([
        (
            "key_id",
            example(Schema::text(), "app-1")
                .says("The name of the secret, which the app sends along. Required."),
        ),
        ("secret", secrets(true).says("Where the signing secret is. Required.")),
    ])
    .required(&["key_id", "secret"])
}

fn webhooks() -> Schema {
    Schema::table([
        ("stripe", secrets(false).says("Where the signing secret of Stripe's endpoint is (`whsec_…`).")),
        ("lemonsqueezy", secrets(false).says("Where the signing secret of Lemon Squeezy's webhook is.")),
        ("polar", secrets(false).says("Where the secret of Polar's endpoint is.")),
    ])
    .says(
        "Where the secrets are with which payment providers sign what they post to `/webhooks/PROVIDER/NAME`; a list \
         of several while one is replaced.",
    )
}

fn dataset() -> Schema {
    let own = [
        (
            "id",
            example(Schema::text().matching("^[0-9]+$"), "1234567890")
                .says("Meta's number of the dataset (formerly pixel), in quotes: Events Manager shows it. Required."),
        ),
        ("access_token", secrets(true).says("Where the token that may send to it is. Required.")),
        (
            "endpoint",
            Schema::text()
                .matching(r"^(https://|http://(127\.0\.0\.1|localhost|\[::1\])([:/]|$))")
                .default(META_ENDPOINT)
                .says("Meta's address, or a stand-in's: https, or this machine."),
        ),
        (
            "version",
            Schema::text()
                .matching(r"^v[0-9]+\.[0-9]+$")
                .default(META_VERSION)
                .says("The version of Meta's Graph API."),
        ),
        (
            "test_event_code",
            example(Schema::text(), "TEST12345")
                .says("Shows its events under Test Events as well. Not for live traffic."),
        ),
    ];
    Schema::table(own.into_iter().chain(pace()))
        .required(&["id", "access_token"])
        .says("Where events go, with which token, at what pace.")
}

fn pace() -> Vec<Key> {
    let Sending {
        batch_events,
        batch_bytes,
        batch_wait_ms,
        max_in_flight,
        timeout_ms,
        max_events_per_second: _,
    } = Sending::default();
    vec![
        (
            "batch_events",
            whole(&limits::BATCH_EVENTS).default(batch_events).says("Most events of one request."),
        ),
        (
            "batch_bytes",
            whole(&limits::BATCH_BYTES).default(batch_bytes).says("Most bytes of one request."),
        ),
        (
            "batch_wait_ms",
            whole(&limits::BATCH_WAIT_MS)
                .default(batch_wait_ms)
                .says("How long a request waits to fill, in milliseconds."),
        ),
        (
            "max_in_flight",
            whole(&limits::IN_FLIGHT)
                .default(max_in_flight)
                .says("Most requests under way at once."),
        ),
        (
            "max_events_per_second",
            whole(&limits::PER_SECOND).says("Most events in a second; no limit unless set."),
        ),
        (
            "timeout_ms",
            whole(&limits::TIMEOUT_MS)
                .default(timeout_ms)
                .says("How long an answer may take, in milliseconds."),
        ),
    ]
}

/// One secret or a list of them; never the secret itself.
fn secrets(needed: bool) -> Schema {
    let place = |key: &str| Value::from(Schema::open_table([]).required(&[key]));
    let one = Schema::table([
        (
            "env",
            example(Schema::text(), "SHOP_SERVER_KEY")
                .says("The environment variable that holds the secret."),
        ),
        (
            "file",
            example(Schema::text(), "secrets/server_key")
                .says("The file that holds the secret, in one line."),
        ),
    ])
    .with("oneOf", vec![place("env"), place("file")]);
    let list = Schema::list(one.clone());
    Schema::any_of([one, if needed { list.not_empty() } else { list }])
        .examples(vec![json!({"env": "SHOP_SERVER_KEY"})])
}

fn whole(limits: &RangeInclusive<u64>) -> Schema {
    Schema::whole(*limits.start(), *limits.end())
}

fn example(schema: Schema, value: &str) -> Schema {
    schema.examples(vec![Value::from(value)])
}
