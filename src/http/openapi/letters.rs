//! The operations about dead letters: the list, one of them, and what a person decides.

use serde_json::{Map, Value, json};

use super::admin::{KNOWN, attempt, bad, ended, get, kind, null_text, post};
use super::admin_work::null_time;
use super::bodies::moment as time;
use super::linkrunner::PURCHASE;
use super::operation::{Answer, Call, Family, Operation};
use super::shapes::{closed, failure, moment, nothing, or_null, text, words};
use crate::core::delivery::DeathReason;
use crate::core::finding::Code;
use crate::core::payment::PaymentType;
use crate::core::schema::{Key, Schema, meanings};
use crate::http::IMPORT_BYTES_MAX;
use crate::http::dead::PARAMETERS;
use crate::intake::dead::{BECAUSE_CHARS_MAX, PAGE, PAGE_MAX};
use crate::store::{Fate, LetterEnd};

/// Every key of a question beside the parameters of the list.
const OF_BODIES: [&str; 4] = ["ids", "all", "because", "dry_run"];

/// The operations.
pub(super) fn operations() -> [Operation; 4] {
    [list(), show(), retry(), discard()]
}

fn number() -> Schema {
    Schema::anything().with("type", "integer").with("minimum", i64::MIN).with("maximum", i64::MAX)
}

/// One way to say which letters are meant, or how.
fn asked(name: &str) -> Schema {
    match name {
        "project" => text("Only of payments of this project."),
        "dataset" => text("Only on their way to this dataset."),
        "reason" => words("Only dead for this reason.", meanings!(DeathReason)),
        "code" => number().says("Only refused with this code of Meta's."),
        "subcode" => number().says("Only refused with this subcode of Meta's."),
        "type" => words("Only of payments of this type.", meanings!(PaymentType)),
        "payment_id" => text("Only of the payment with this id of yours."),
        "event_name" => text("Only whose event has this name at Meta."),
        "since" => time("Only what died then or later."),
        "until" => time("Only what died before."),
        "limit" => Schema::whole(1, u64::try_from(PAGE_MAX).unwrap_or_default())
            .says("Most letters of the page."),
        "cursor" => text("Where the page before ended: its `next`.").matching(r"^\d+-\d+$"),
        "ids" => Schema::list(number())
            .with("maxItems", PAGE_MAX)
            .says("These, by their numbers. They exclude filters and `all`."),
        "all" => Schema::flag()
            .default(false)
            .says("True: every one. It must be said, so that nobody means it by saying nothing."),
        "because" => Schema::text()
            .with("maxLength", BECAUSE_CHARS_MAX)
            .says("Why they are dropped, for whoever looks later. `all` requires it."),
        "dry_run" => Schema::flag()
            .default(false)
            .says("True: say what would become of each, and change nothing."),
        // A key without its sentence fails the test below.
        _ => Schema::anything(),
    }
}

/// A dead letter, with these members besides.
fn letter(more: impl IntoIterator<Item = Key>) -> Schema {
    let likely = closed([
        (
            "code",
            Schema::text()
                .with("enum", Code::ALL.iter().map(|code| code.as_str()).collect::<Vec<_>>())
                .says("The code of a finding. `tillpost explain CODE` prints its page."),
        ),
        ("title", text("Its title.")),
        ("said", null_text("What was said when the payment was decided, if it was found then.")),
    ]);
    let own = [
        ("id", number().says("Its number.")),
        ("project", text("Whose books.")),
        ("payment_id", null_text("Your id of the payment.")),
        ("type", kind()),
        ("received_at", moment("When the payment arrived.")),
        ("dataset", text("Where it goes.")),
        ("event_name", text("Its name at Meta.")),
        ("event_id", text("Its id.")),
        ("fate", words("Where it stands.", meanings!(Fate))),
        ("since", moment("Since when it is dead, or was for the last time.")),
        ("reason", words("Why.", meanings!(DeathReason))),
        ("code", or_null(number()).says("Meta's code.")),
        ("subcode", or_null(number()).says("Meta's subcode.")),
        ("says", text("Meta's words, or ours.")),
        ("trace_id", null_text("Meta's id of the request.")),
        ("sendable_until", moment("Until when Meta takes it.")),
        ("likely", Schema::list(likely).says("What it may suffer from, likeliest first.")),
        ("next_step", text("What to do.")),
    ];
    closed(own.into_iter().chain(more))
}

fn next() -> Schema {
    null_text("The `cursor` of the next page; null behind the last.")
}

fn list() -> Operation {
    let page = closed([
        ("dead_letters", Schema::list(letter([])).says("Newest first.")),
        ("next", next()),
    ]);
    let operation = get("/admin/v1/dead-letters", "deadLetters").says(
        "List dead letters",
        "The events that need a person, the latest death first, a page at a time, each with what \
         it may suffer from and what to do. A page may be short and have a next one.",
    );
    let parameter = |name| match name {
        "limit" => asked(name).default(PAGE),
        _ => asked(name),
    };
    PARAMETERS
        .into_iter()
        .fold(operation, |all, name| all.query(name, parameter(name)))
        .answers(Answer::new(200, "A page.", page))
        .answers(bad("A parameter is at fault; all of them are named."))
        .call(refused(Call::new("What Meta refused", 200, "").with("reason", "refused")))
        .call(Call::new("A misspelt parameter", 400, "").with("subcod", "2804011"))
}

fn show() -> Operation {
    let told = letter([
        ("attempts", Schema::list(attempt()).says("The requests that carried it, in order.")),
        ("ended", Schema::list(ended()).says("What persons decided about it before, in order.")),
    ]);
    get("/admin/v1/dead-letters/{id}", "deadLetter")
        .says(
            "One dead letter",
            "Everything that happened to it. A letter that was retried or dropped is still told of.",
        )
        .at("id", number().says("Its number, as the list has it."))
        .answers(Answer::new(200, "The letter.", told))
        .answers(bad("That is no number."))
        .answers(Answer::new(
            404,
            "There is no such letter; if there was one, its payment was removed or pruned.",
            failure(Family::Admin, 404),
        ))
        .call(refused(Call::new("The letter of a purchase", 200, "").with("id", "1")))
        .call(Call::new("A letter that never was", 404, "").with("id", "77"))
}

fn retry() -> Operation {
    let says = "Sends letters again, with the bytes that they always had: for when the fault was \
                Meta's, or is mended at Meta. What Meta would refuse for its age stays a dead \
                letter. A mended mapping file changes nothing about them.";
    end("/admin/v1/dead-letters/retry", "retryDeadLetters")
        .says("Send dead letters again", says)
        .call(refused(Call::new("By Meta's subcode", 200, r#"{"subcode": 2804011}"#)))
        .call(Call::new("Without saying which", 400, "{}"))
}

fn discard() -> Operation {
    let body = r#"{"ids": [1], "because": "a test payment"}"#;
    end("/admin/v1/dead-letters/drop", "dropDeadLetters")
        .says(
            "Drop dead letters",
            "Decides that letters are never sent. The books count them as dropped, and the story \
             of the payment says why. The payments stay.",
        )
        .call(refused(Call::new("One, with the reason", 200, body)))
        .call(Call::new("Two ways of saying which", 400, r#"{"ids": [1], "all": true}"#))
}

fn end(path: &'static str, id: &'static str) -> Operation {
    let result = closed([
        ("id", number().says("Its number.")),
        ("result", words("What became of it, or would.", meanings!(LetterEnd))),
        ("event_id", null_text("Its event's id, where a filter found it.")),
        ("dataset", null_text("Where it goes, where a filter found it.")),
    ]);
    let page = closed([
        ("dead_letters", Schema::list(result).says("In the order of `ids`; else newest first.")),
        ("next", next()),
    ]);
    let is_retry = id == "retryDeadLetters";
    let optional = |name| match name {
        "ids" | "all" | "dry_run" => (name, asked(name)),
        "since" => (name, null_time("Only what died then or later.")),
        "until" => (name, null_time("Only what died before.")),
        "because" if is_retry => (name, nothing().says("A retry needs no reason.")),
        _ => (name, or_null(asked(name))),
    };
    let limit = or_null(asked("limit")).default(PAGE_MAX);
    let keys = OF_BODIES.into_iter().chain(PARAMETERS).map(optional);
    let body = Schema::table(keys.chain([("limit", limit)])).with("anyOf", ways()).says(
        "Which letters: `ids`, one or more filters, or `all`, and never two of these. A call ends \
         a page; it is called again with the `next` of the answer as `cursor`.",
    );
    post(path, id)
        .takes(body, IMPORT_BYTES_MAX)
        .answers(Answer::new(200, "What became of each; a page.", page))
        .answers(bad("The body cannot be read, or does not say which; nothing was changed."))
}

/// The three ways of saying which letters are meant; each is without the others.
fn ways() -> [Value; 3] {
    let filters = || PARAMETERS.into_iter().filter(|name| !["limit", "cursor"].contains(name));
    let none = filters().map(|name| (name.to_owned(), json!({"type": "null"})));
    let none: Map<String, Value> = none.collect();
    let some = filters().map(
        |name| json!({"required": [name], "properties": {name: {"type": ["string", "integer"]}}}),
    );
    let with = |key: &str, schema: Value, other: &str, nothing: Value| {
        let mut properties = none.clone();
        properties.insert(key.to_owned(), schema);
        properties.insert(other.to_owned(), nothing);
        json!({"required": [key], "properties": properties})
    };
    let no_ids = json!({"maxItems": 0});
    let by_filter = json!({
        "properties": {"ids": no_ids, "all": {"const": false}},
        "anyOf": some.collect::<Vec<_>>(),
    });
    [
        with("ids", json!({"minItems": 1}), "all", json!({"const": false})),
        with("all", json!({"const": true}), "ids", no_ids),
        by_filter,
    ]
}

/// The call, once Meta has refused a purchase.
fn refused(call: Call) -> Call {
    call.after(KNOWN.0, KNOWN.1).after(PURCHASE.0, PURCHASE.1).refused()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::dead::Asked;

    #[test]
    fn every_key_of_a_question_is_described() {
        let known = serde_json::to_value(Asked::default()).expect("JSON");
        let mut known: Vec<&String> = known.as_object().expect("keys").keys().collect();
        let mut own: Vec<&str> = OF_BODIES.into_iter().chain(PARAMETERS).collect();
        known.sort();
        own.sort_unstable();
        assert_eq!(known, own);
        for name in own {
            assert!(asked(name).value()["description"].is_string(), "{name} has no sentence");
        }
    }
}
