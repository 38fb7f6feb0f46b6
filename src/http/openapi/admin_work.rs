//! The operations of the admin listener that do something: trying out, loading, replaying.

use serde_json::{Value, json};

use super::admin::{BLOCKED, KNOWN, bad, kind, null_text, post, project};
use super::bodies::moments;
use super::operation::{Answer, Call, Operation};
use super::shapes::{
    because, closed, count, findings, moment, or_null, part, reason, text, verdict, version, words,
};
use crate::core::decide::{Reason, RuleOutcome, Verdict};
use crate::core::payment::PaymentType;
use crate::core::schema::{Schema, meanings};
use crate::http::IMPORT_BYTES_MAX;
use crate::intake::import::LineOutcome;

/// Trying out.
pub(super) fn decide() -> Operation {
    let event = closed([
        ("event_name", text("Its name at Meta.")),
        ("event_id", text("Its id.")),
        ("dataset", text("Where it would go.")),
        (
            "event",
            Schema::open_table([]).says("Exactly what Meta would receive.").required(&[
                "event_name",
                "event_time",
                "user_data",
            ]),
        ),
    ]);
    let tried = closed([
        ("line", count("Where the rule stands in the mapping file.")),
        ("event", null_text("The event that it makes.")),
        ("outcome", words("What became of it.", meanings!(RuleOutcome))),
        ("refuted_by", null_text("What of its condition does not hold.")),
    ]);
    let origin = closed([
        ("field", text("A field of the event.")),
        ("from", text("Where its value came from.")),
    ]);
    let way = closed([("rules", Schema::list(tried)), ("from", Schema::list(origin))]);
    let answer = Schema::table([
        ("payment_id", null_text("Your id.")),
        ("refused", Schema::flag().says("Whether a capture would be a 400.")),
        ("findings", findings("Everything there is to say.")),
        ("verdict", verdict()),
        ("reason", reason()),
        ("because", because()),
        ("events", Schema::list(event)),
        ("mapping", version()),
        (
            "way",
            way.says("How it came to that: the rules that were asked, the origin of each value."),
        ),
    ])
    .required(&["payment_id", "refused", "findings"])
    .with("if", json!({"properties": {"refused": {"const": false}}}))
    .with(
        "then",
        json!({"required": ["verdict", "reason", "because", "events", "mapping", "way"]}),
    );
    let body = Schema::anything().says("A body of `capture-payment` or `capture-event`. Whatever is wrong with it is said in the answer.");
    post("/admin/v1/decide", "decide")
        .says("Try a capture out", "Says what would become of a capture at this moment: the verdict, the exact event, the way of the decision. Nothing is stored and nothing is sent.")
        .query("project", project())
        .takes(body, IMPORT_BYTES_MAX)
        .answers(Answer::new(200, "What would become of it; `refused` says that a capture would be a 400.", answer))
        .answers(bad("There is no such project, or the body did not arrive whole."))
        .call(Call::new("A payment", 200, r#"{"user_id": "666", "payment_id": "TRY", "amount": 2000, "currency": "INR"}"#).after(KNOWN.0, KNOWN.1))
        .call(Call::new("A body that would be refused", 200, r#"{"payment_id": "TRY", "amount": -1}"#))
        .call(Call::new("A project that is not there", 400, "{}").with("project", "shoop"))
}

/// Loading.
pub(super) fn import() -> Operation {
    let line = Schema::table([
        ("outcome", words("What became of it.", meanings!(LineOutcome))),
        ("verdict", verdict().says("What becomes of it, where it is recorded or waits.")),
        ("reason", words("Why it is not sent; of a block the findings say it.", meanings!(Reason))),
        ("findings", findings("Why it was refused; absent if there is nothing to say.")),
    ]);
    let lines = Schema::list(line.required(&["outcome"])).says("One for each line, in order.");
    let body = Schema::text().says("Lines of JSON: bodies of `signup`, `capture-payment` and `capture-event`. Each capture has an id, so that importing twice changes nothing.");
    post("/admin/v1/import", "import")
        .says("Load signups and captures", "Takes lines in their order, under the same rules as the API. `tillpost import` calls it while the service runs.")
        .query("project", project())
        .takes_lines(body, IMPORT_BYTES_MAX)
        .answers(Answer::new(200, "Every line was looked at.", closed([("lines", lines)])))
        .answers(bad("There is no such project, or the body did not arrive whole."))
        .call(Call::new("A signup, a payment, and one without an id", 200, "{\"user_data\": {\"id\": \"888\", \"email\": \"ravi@shop.example\"}}\n{\"user_id\": \"888\", \"payment_id\": \"I-1\", \"amount\": 50, \"currency\": \"INR\"}\n{\"user_id\": \"888\", \"amount\": 50}"))
        .call(Call::new("A project that is not there", 400, "{}").with("project", "shoop"))
}

/// Replaying.
pub(super) fn replay() -> Operation {
    let words_of =
        |says: &str, list: Vec<&str>| or_null(Schema::text().with("enum", list)).says(says);
    let body = Schema::table([
        ("project", null_text("Only of this project.")),
        (
            "verdict",
            words_of(
                "Only what was decided so; both if absent.",
                vec![Verdict::Skip.as_str(), Verdict::Block.as_str()],
            ),
        ),
        ("type", words_of("Only of this type.", PaymentType::words().collect())),
        ("since", null_time("Only what arrived then or later.")),
        ("until", null_time("Only what arrived before.")),
        (
            "dry_run",
            Schema::flag().default(false).says("True: say what would be sent, and send nothing."),
        ),
        (
            "all",
            Schema::flag().default(false).says(
                "True: every payment is meant. Needed where no filter is named and it is no trial.",
            ),
        ),
        (
            "after",
            Schema::anything()
                .with("type", "integer")
                .with("minimum", 0)
                .with("maximum", i64::MAX)
                .default(0)
                .says("Where the page before ended: its `next`."),
        ),
    ])
    .with("anyOf", bounds());
    let now = closed([
        ("verdict", verdict()),
        ("reason", reason()),
        ("because", because()),
        ("events", or_null(Schema::list(part("Event")))),
        ("findings", findings("Everything there is to say.")),
    ]);
    let payment = closed([
        ("project", text("Whose books.")),
        ("payment_id", null_text("Your id.")),
        ("type", kind()),
        ("received_at", moment("When it arrived.")),
        ("before", or_null(part("Decision")).says("What was decided before.")),
        ("now", now.says("What is decided now.")),
        ("sent", Schema::flag().says("Whether its events are on their way now.")),
    ]);
    let page = closed([
        ("payments", Schema::list(payment).says("In order of arrival.")),
        (
            "next",
            or_null(Schema::anything().with("type", "integer"))
                .says("The `after` of the next page; null behind the last."),
        ),
    ]);
    post("/admin/v1/replay", "replay")
        .says("Decide stored payments anew", "Decides payments anew that were skipped or blocked, under the mapping of today, and sends what has become sendable and is young enough, with the same event ids. A page at a time.")
        .takes(body, IMPORT_BYTES_MAX)
        .answers(Answer::new(200, "A page.", page))
        .answers(bad("The body cannot be read, or a value of it is at fault."))
        .call(Call::new("What was blocked, as a trial", 200, r#"{"verdict": "block", "dry_run": true}"#).after(KNOWN.0, KNOWN.1).after(BLOCKED.0, BLOCKED.1))
        .call(Call::new("Neither a filter nor `all`", 400, "{}"))
        .call(Call::new("A verdict that is never replayed", 400, r#"{"verdict": "forward"}"#))
}

/// A moment that the body of a question may name: text.
/// The ways of saying how much of the books a replay means.
fn bounds() -> Vec<Value> {
    let said = |key: &str, value: Value| json!({"required": [key], "properties": {key: value}});
    let wishes = ["all", "dry_run"].map(|key| said(key, json!({"const": true})));
    let filters = ["project", "verdict", "type", "since", "until"];
    wishes.into_iter().chain(filters.map(|key| said(key, json!({"type": "string"})))).collect()
}

pub(super) fn null_time(says: &str) -> Schema {
    or_null(Schema::text())
        .with("anyOf", moments())
        .says(format!("{says} RFC 3339, or Unix seconds as text."))
}
