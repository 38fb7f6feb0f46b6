//! The JSON Schema of mapping files: what an editor completes, explains and underlines.
//!
//! In: nothing but the closed lists and limits that the compiler uses. Out: the text that `tillpost
//! schema mapping` prints and `schemas/mapping.schema.json` keeps. Each key has a sentence for a
//! marketing engineer. `tests/it/schema.rs` compares it with the compiler, key by key and kind by kind.

mod settings;
mod test_tables;
mod when;

use super::compile::LANGUAGE_VERSION;
use super::path::Root;
use crate::core::catalog::FeedFormat;
use crate::core::meta::StandardEvent;
use crate::core::meta::standard_event::{CUSTOM_NAME_CHARS_MAX, RESERVED};
use crate::core::payment::PaymentType;
use crate::core::schema::{Key, Schema, meanings};

/// The schema of a mapping file.
#[must_use]
pub fn schema() -> String {
    let file = Schema::table([
        ("version", version()),
        ("description", description()),
        ("defaults", settings::defaults()),
        ("payments", payments()),
        ("events", events()),
        ("catalog", catalog()),
        ("test", test_tables::tests()),
    ]);
    file.required(&["version", "payments"])
        .says("Which payment becomes which event at Meta. After an edit run `tillpost check` and `tillpost test`.")
        .document("Tillpost mapping file", [("standard_event", standard_event()), ("rule", rule())])
}

fn version() -> Schema {
    Schema::anything()
        .with("type", "integer")
        .with("const", LANGUAGE_VERSION)
        .default(LANGUAGE_VERSION)
        .says("The version of the mapping language, not of your file: always 1. Required.")
}

fn description() -> Schema {
    Schema::text()
        .says("What this file is for, in your own words.")
        .examples(["Storefront purchases"].map(Into::into))
}

/// `[payments]`: every type, each with what it is.
fn payments() -> Schema {
    let line = |payment_type: &PaymentType| -> Key {
        let says = format!(
            "{} Write the event that Meta receives, a table with more settings, or a list of tables \
             (`[[payments.{payment_type}]]`) of which the first whose `when` holds counts.",
            payment_type.meaning()
        );
        (payment_type.as_str(), rules(false).says(says))
    };
    Schema::table(PaymentType::ALL.iter().map(line)).says(
        "Left the type of a payment, right the event that Meta receives. Payments of a type \
         without a line are recorded and not sent. Required.",
    )
}

/// `[events]`: names that a sender chooses.
fn events() -> Schema {
    let says = "Name of an event as your backend or app reports it; right of it the event that Meta receives.";
    let reserved = [
        ("signup", "A person signed up."),
        ("first_open", "An app was opened for the first time."),
    ];
    let known = reserved.map(|(name, meaning)| {
        (name, rules(true).says(format!("{meaning} Right of it the event that Meta receives.")))
    });
    Schema::open_table(known).others(&rules(true).says(says)).says(
        "Events that are no payments: left the name as it is reported, right the event that Meta receives. \
         One rule a name.",
    )
}

/// The three forms of a line: text, table, list.
fn rules(only_one: bool) -> Schema {
    let one = || [Schema::defined("standard_event"), Schema::defined("rule")];
    let mut list = Schema::list(Schema::any_of(one())).not_empty();
    if only_one {
        list = list.with("maxItems", 1);
    }
    Schema::any_of(one().into_iter().chain([list])).examples(
        [StandardEvent::Purchase, StandardEvent::Subscribe].map(|event| event.as_str().into()),
    )
}

fn standard_event() -> Schema {
    Schema::words(meanings!(StandardEvent))
        .says("One of Meta's standard events. Small and capital letters matter.")
}

/// The table form of a rule.
fn rule() -> Schema {
    let own = [
        ("event", event()),
        (
            "custom_event",
            Schema::flag()
                .default(false)
                .says("True says that `event` is a name of your own and none of Meta's standard events."),
        ),
        (
            "forward",
            Schema::flag().default(true).says(
                "False keeps these payments here: they are recorded and not sent. Say why with `because`.",
            ),
        ),
        (
            "because",
            Schema::text()
                .says("Why these payments are not sent: the next reader and the payment's answer show it. Needed with `forward = false`.")
                .examples(["money out is not a conversion"].map(Into::into)),
        ),
        ("when", when::when()),
    ];
    let set = |key: &'static str, value: bool| {
        Schema::open_table([(key, Schema::anything().with("const", value))]).required(&[key])
    };
    let standard = Schema::open_table([("event", Schema::defined("standard_event"))]);
    let named = Schema::open_table([])
        .required(&["event"])
        .with("if", set("custom_event", true))
        .with("then", Schema::open_table([("event", custom_event())]))
        .with("else", standard);
    Schema::table(own.into_iter().chain(settings::shared()))
        .with("if", set("forward", false))
        .with("then", Schema::open_table([]).required(&["because"]))
        .with("else", named)
        .says("A rule: an event and how it is made. What it does not set comes from `[defaults]`.")
}

fn event() -> Schema {
    Schema::any_of([Schema::defined("standard_event"), Schema::text()])
        .says("The event that Meta receives: a standard one, or with `custom_event = true` a name of your own.")
        .examples(["Purchase"].map(Into::into))
}

/// A name that is free.
fn custom_event() -> Schema {
    let taken: Vec<&str> = StandardEvent::words().chain(RESERVED).collect();
    Schema::text()
        .with("maxLength", CUSTOM_NAME_CHARS_MAX)
        .matching(r"\S")
        .with("not", Schema::anything().with("enum", taken))
        .says("The name of your own event: 1 to 50 characters, none of Meta's standard events.")
}

/// `[catalog]`: the feed that ids and prices are checked against.
fn catalog() -> Schema {
    let feed = Schema::text()
        .matching(r"\S")
        .says("The path of the product feed, relative to this file. Required.")
        .examples(["products.csv"].map(Into::into));
    let format = Schema::words(meanings!(FeedFormat))
        .says("How the feed is written, where the ending of its name does not say so.");
    Schema::table([("feed", feed), ("format", format)]).required(&["feed"]).says(
        "A product feed as Meta reads it: ids and prices of each event are checked against it.",
    )
}

/// A regular expression for a path: a field of a payment, or a value in `event_data`.
fn path_pattern(roots: &[Root]) -> String {
    let field = |root: &Root| match root {
        Root::EventData => format!(r"{root}(\.[^.]+)+"),
        Root::Type
        | Root::Status
        | Root::Amount
        | Root::Currency
        | Root::PaymentId
        | Root::UserId
        | Root::EventSourceUrl => root.to_string(),
    };
    let fields: Vec<String> = roots.iter().map(field).collect();
    format!("^({})$", fields.join("|"))
}

/// A path below one of these fields.
fn path(roots: &[Root]) -> Schema {
    Schema::text().matching(path_pattern(roots))
}
