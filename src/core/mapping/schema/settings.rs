//! The settings that `[defaults]` and a rule share.
//!
//! In: closed lists, limits and defaults. Out: the schema of each key, with a sentence.

use serde_json::{Value, json};

use super::{path, path_pattern};
use crate::core::check::{Profile, Weight, Weights};
use crate::core::finding::Code;
use crate::core::mapping::ExternalId;
use crate::core::mapping::compile::OWN_SETTINGS;
use crate::core::mapping::path::Root;
use crate::core::mapping::shape::LetterCase;
use crate::core::meta::data_processing::STATES;
use crate::core::meta::event::CONTENT_TEXTS;
use crate::core::meta::{ActionSource, ContentType};
use crate::core::payment::PaymentStatus;
use crate::core::schema::{Key, Schema, meanings};

/// `[defaults]`.
pub(super) fn defaults() -> Schema {
    let country = Schema::text()
        .with("minLength", 2)
        .says("The country with which telephone numbers in national form are completed, also at signup: two letters.")
        .examples(texts(["IN", "US"]));
    Schema::table(shared().into_iter().chain([("default_country", country)]))
        .says("What holds for every rule that does not say otherwise.")
}

/// The keys of both.
pub(super) fn shared() -> Vec<Key> {
    let mut keys = destination();
    keys.extend(money());
    keys.extend(goods());
    keys.extend(person());
    keys
}

/// Where an event goes, for what, and which payments become one.
fn destination() -> Vec<Key> {
    let name = Schema::text().matching("^[A-Za-z0-9_-]{1,64}$");
    let dataset = Schema::any_of([name.clone(), Schema::list(name).not_empty()])
        .says(
            "Where the event goes: a dataset of `tillpost.toml` by its name, or a list of several.",
        )
        .examples(vec!["storefront".into(), json!(["storefront", "app_store"])]);
    let status = Schema::words(meanings!(PaymentStatus));
    let statuses = Schema::any_of([status.clone(), Schema::list(status).not_empty()])
        .default(vec![PaymentStatus::Completed.as_str()])
        .says(
            "Which statuses of a payment are sent; payments of others are recorded and stay here.",
        );
    let source = || ActionSource::ALL.iter().map(|source| (source.as_str(), source.meaning()));
    let instead = source().filter(|(word, _)| *word != ActionSource::App.as_str());
    let without_device =
        std::iter::once(("block", "It is not sent, and a finding says why.")).chain(instead);
    vec![
        ("dataset", dataset),
        ("statuses", statuses),
        (
            "action_source",
            Schema::words(source())
                .default(ActionSource::SystemGenerated.as_str())
                .says("Where the conversion happened."),
        ),
        (
            "without_device",
            Schema::words(without_device)
                .default("block")
                .says("What an app event becomes whose user has no known device: another `action_source`, or `block`."),
        ),
        (
            "profile",
            Schema::words(meanings!(Profile))
                .default(Profile::Plain.as_str())
                .says("What the event is for, which decides what it must carry."),
        ),
        ("checks", checks()),
    ]
}

/// Value, currency and counts.
fn money() -> Vec<Key> {
    let code_or_path = || {
        Schema::any_of([
            Schema::text().matching("^[^._]{3,}$").says("A code of ISO 4217 such as `INR`."),
            path(&[Root::EventData]).says("Where the currency stands in the payment."),
        ])
    };
    vec![
        (
            "value",
            sources("sum(contents)").says(
                "What the event is worth: a path, a number, `sum(contents)` (quantity × price of each item), or a list \
                 of these of which the first that exists counts. Otherwise `event_data.value`, else `amount`.",
            ).examples(vec!["event_data.total".into(), "sum(contents)".into(), json!(["event_data.total", "amount"])]),
        ),
        (
            "num_items",
            sources("count(contents)").says(
                "How many pieces: a path, a number, `count(contents)` (all quantities), or a list of these of which \
                 the first that exists counts. Otherwise `event_data.num_items`.",
            ).examples(vec!["count(contents)".into(), "event_data.pieces".into()]),
        ),
        (
            "currency",
            Schema::one_or_many(code_or_path())
                .says(
                    "The currency where neither payment nor `event_data` names one; or places to look in first, and \
                     the code as the last resort.",
                )
                .examples(vec!["INR".into(), json!(["event_data.cur", "INR"])]),
        ),
        (
            "send_revenue",
            Schema::flag()
                .default(true)
                .says("False leaves out value and currency. A Purchase needs both."),
        ),
    ]
}

/// A path, a number, a sum of the items; or a list of these.
fn sources(of_contents: &str) -> Schema {
    let loose = of_contents.replace('(', r" *\( *").replace(')', r" *\)");
    let numbers = path_pattern(&[Root::Amount, Root::EventData]);
    let text = Schema::text().matching(format!("{numbers}|^ *{loose} *$"));
    Schema::one_or_many(Schema::any_of([text, Schema::number()]))
}

/// Products and parameters.
fn goods() -> Vec<Key> {
    vec![
        ("contents", contents()),
        ("content_id", content_id()),
        (
            "content_type",
            Schema::words(meanings!(ContentType))
                .says("What the ids are ids of, whatever was sent."),
        ),
        ("custom_data", custom_data()),
        (
            "event_id",
            Schema::text()
                .matching(r"\{ *(payment_id|event_data\.)")
                .default("{type}.{payment_id}")
                .says(
                    "The id by which Meta recognises copies of one event: text with places in braces. It must name \
                     `payment_id` or a value of `event_data`, so that no two payments share it. \
                     `event_data.event_id` of the payment goes first.",
                )
                .examples(texts(["{type}.{payment_id}", "order-{event_data.order_id}"])),
        ),
    ]
}

fn contents() -> Schema {
    let each = Schema::text()
        .matching(r"^event_data(\.[^.]+)+$")
        .says("The path of the list. Required.")
        .examples(texts(["event_data.lines"]));
    let key = |name: &'static str, meaning: &str| -> Key {
        let says = format!("{meaning}: its name in an item of your list. Otherwise `{name}`.");
        // The name of a field: no path from the payment's root, no template.
        let no_name = Schema::anything().with("pattern", r"^ *event_data\.|[{}]");
        (name, Schema::text().with("not", no_name).default(name).says(says))
    };
    let own = [
        ("each", each),
        key("id", "The product's id in the catalogue"),
        key("quantity", "How many pieces"),
        key("item_price", "The price of one piece"),
    ];
    let texts = CONTENT_TEXTS.map(|name| key(name, &format!("Meta's `{name}` of an item")));
    Schema::table(own.into_iter().chain(texts))
        .required(&["each"])
        .says("Which list of the payment becomes Meta's `contents`, and what its fields are called there.")
        .examples(vec![json!({"each": "event_data.lines", "id": "sku", "quantity": "qty", "item_price": "unit_price"})])
}

fn content_id() -> Schema {
    let text = |says: &str| Schema::text().says(says);
    Schema::table([
        (
            "case",
            Schema::words(meanings!(LetterCase)).says("Changed to these letters, first of all."),
        ),
        ("strip_prefix", text("Taken from the front, where it stands there.")),
        ("strip_suffix", text("Taken from the end, where it stands there.")),
        ("prefix", text("Put before.")),
        ("suffix", text("Put behind.")),
    ])
    .says("How ids of products are rewritten to the form that they have in the catalogue.")
    .examples(vec![json!({"strip_prefix": "wc_post_id_", "case": LetterCase::Lower})])
}

fn custom_data() -> Schema {
    let value = Schema::anything().with("type", ["string", "number", "boolean"].as_slice()).says(
        "A value as it stands, the path of one (`event_data.plan`), or text with places in braces: `{event_data.plan}`.",
    );
    Schema::open_table([])
        .with("propertyNames", Schema::anything().with("not", json!({"enum": OWN_SETTINGS})))
        .others(&value)
        .says("Parameters that are set besides: left the name at Meta, right a value, a path or text with places.")
        .examples(vec![json!({"plan": "{event_data.plan}", "channel": "app"})])
}

/// The person, and what may be done with the event.
fn person() -> Vec<Key> {
    vec![
        (
            "external_id",
            Schema::words(meanings!(ExternalId))
                .default(ExternalId::Hashed.as_str())
                .says("How the person's own id is sent."),
        ),
        (
            "consent",
            path(&[Root::EventData])
                .says("A path that must be true; otherwise nothing is sent (reason `no_consent`).")
                .examples(texts(["event_data.marketing_consent"])),
        ),
        ("limited_data_use", limited_data_use()),
    ]
}

fn limited_data_use() -> Schema {
    let (first, last) = (*STATES.start(), *STATES.end());
    let only = |value: u16| Schema::anything().with("const", value);
    let region = |country: u16, state: Schema| {
        Schema::open_table([("country", only(country)), ("state", state)])
    };
    let state = Schema::any_of([only(0), Schema::whole(first.into(), last.into())]);
    let table = Schema::table([
        (
            "country",
            Schema::whole(0, 1).says("1 is the United States; 0 with state 0: Meta finds out."),
        ),
        (
            "state",
            Schema::whole(0, last.into())
                .says(format!("{first} (California) to {last}; 0: Meta finds out.")),
        ),
    ])
    .required(&["country", "state"])
    .with("anyOf", vec![Value::from(region(0, only(0))), region(1, state).into()]);
    Schema::any_of([Schema::flag(), table])
        .says("Meta's limited data use: true (Meta finds out where the person is), a region, or false for none.")
        .examples(vec![true.into(), json!({"country": 1, "state": first})])
}

/// A weight for each code that a file may weigh.
fn checks() -> Schema {
    let weights = || Schema::words(meanings!(Weight));
    let named = |code: &Code| -> Key {
        let always = Weights::always_blocks(*code);
        let more = if always { " Meta refuses it, so it always blocks." } else { "" };
        let says = format!(
            "{} ({}).{more} `tillpost explain {code}` tells more.",
            code.title(),
            code.severity()
        );
        let words = if always {
            Schema::words([(Weight::Block.as_str(), Weight::Block.meaning())])
        } else {
            weights()
        };
        (code.as_str(), words.says(says))
    };
    let codes = Code::ALL.iter().filter(|code| Weights::may_name(**code)).map(named);
    // The compiler reads codes in small letters too; editors need not offer them.
    let small = json!({"^[a-z][0-9]{3}$": weights().value()});
    Schema::table(codes)
        .with("patternProperties", small)
        .says("What findings weigh: left the code of a finding, right `block`, `warn` or `off`.")
        .examples(vec![json!({"E207": "block", "E235": "off"})])
}

fn texts<const N: usize>(texts: [&str; N]) -> Vec<Value> {
    texts.map(Value::from).to_vec()
}
