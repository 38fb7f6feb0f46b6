//! The shapes that answers share: envelopes, findings, what a capture is answered.
//!
//! In: the closed lists and limits of the program. Out: JSON Schemas (2020-12), closed and with
//! every member required, so that an answer that changes does not fit any more.

use serde_json::{Value, json};

use super::operation::{Answer, Family, Operation};
use crate::core::decide::{Reason, Verdict};
use crate::core::finding::{Code, Severity};
use crate::core::payment::occasion::EVENT_NAME_CHARS_MAX;
use crate::core::payment::{ID_CHARS_MAX, PaymentStatus, PaymentType};
use crate::core::schema::{Key, Schema, meanings};

/// What stands under this name among the components.
pub(super) fn part(name: &str) -> Schema {
    Schema::anything().with("$ref", format!("#/components/schemas/{name}"))
}

/// One of several words; each is explained behind the sentence.
pub(super) fn words<'w>(says: &str, words: impl IntoIterator<Item = (&'w str, &'w str)>) -> Schema {
    let (words, lines): (Vec<&str>, Vec<String>) =
        words.into_iter().map(|(word, means)| (word, format!("- `{word}`: {means}"))).unzip();
    Schema::text()
        .with("enum", words)
        .with("description", format!("{says}\n\n{}", lines.join("\n")))
}

/// The same or null.
pub(super) fn or_null(schema: Schema) -> Schema {
    let value = schema.clone().value();
    let schema = match value.get("enum").and_then(Value::as_array) {
        Some(words) => schema.with("enum", [words.clone(), vec![Value::Null]].concat()),
        None => schema,
    };
    match &value["type"] {
        Value::String(kind) => schema.with("type", json!([kind, "null"])),
        Value::Array(kinds) => schema.with("type", [kinds.clone(), vec!["null".into()]].concat()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            Schema::any_of([schema, Schema::anything().with("type", "null")])
        }
    }
}

/// A schema that was taken apart, put together again.
pub(super) fn schema_of(value: Value) -> Schema {
    let Value::Object(words) = value else { return Schema::anything() };
    words.into_iter().fold(Schema::anything(), |schema, (word, value)| schema.with(&word, value))
}

/// A table of these keys and no others, all of them there.
pub(super) fn closed(keys: impl IntoIterator<Item = Key>) -> Schema {
    let keys: Vec<Key> = keys.into_iter().collect();
    let names: Vec<&str> = keys.iter().map(|(name, _)| *name).collect();
    Schema::table(keys).required(&names)
}

/// A whole number that counts something.
pub(super) fn count(says: &str) -> Schema {
    Schema::anything().with("type", "integer").with("minimum", 0).says(says)
}

/// Text with a sentence.
pub(super) fn text(says: &str) -> Schema {
    Schema::text().says(says)
}

/// A moment.
pub(super) fn moment(says: &str) -> Schema {
    Schema::text().with("format", "date-time").says(format!("{says} RFC 3339, in UTC."))
}

/// `{"msg", "status", "data"}` as an answer of this status has it.
pub(super) fn envelope(status: u16, data: Schema) -> Schema {
    closed([
        ("msg", text("What happened, for a person. Programs read the status and `data`.")),
        ("status", Schema::anything().with("const", status).says("The status of HTTP once more.")),
        ("data", data),
    ])
}

/// Nothing.
pub(super) fn nothing() -> Schema {
    Schema::anything().with("type", "null")
}

/// What answers of the family of Linkrunner may be besides the good one.
pub(super) fn refusals(family: Family, operation: Operation) -> Operation {
    let takes = operation.body.is_some();
    let mb = operation.body.as_ref().map_or(0, |body| body.bytes_max / 1024 / 1024);
    let plain = |status, says: String| Answer::new(status, says, failure(family, status));
    let late = "The request did not arrive, or could not be answered, in time.".to_owned();
    // The clock of the connection knows no family.
    let mut all = vec![Answer::new(408, late, failure(Family::Linkrunner, 408))];
    if takes {
        let large = format!("The body is larger than {mb} MB. Nothing of it was read.");
        all.push(plain(413, large));
        all.push(plain(400, "The body is at fault; nothing was stored.".to_owned()));
    }
    let passes_gate = takes && family != Family::Admin;
    if passes_gate {
        let coded = "The body is compressed (`Content-Encoding`). Nothing of it was read.";
        all.push(plain(415, coded.to_owned()));
    }
    let by_key = matches!(family, Family::Linkrunner | Family::Client | Family::Faurya);
    if by_key || family == Family::Admin {
        all.push(plain(401, no_key(family).to_owned()));
    }
    if by_key {
        let often = "The key calls more often than its project may (`max_requests_per_second`). \
                     Nothing was read; come back after the seconds of `Retry-After`.";
        all.push(plain(429, often.to_owned()).header("Retry-After"));
    }
    if family == Family::Admin {
        let page = "The call comes from a page of another site (`Origin`), or by a name instead of \
                    an address (`Host`).";
        all.push(plain(403, page.to_owned()));
    }
    let fault =
        "A fault of Tillpost's own met this call. Nothing of it is promised; please report it.";
    all.push(plain(500, fault.to_owned()));
    let what = if passes_gate {
        "The store does not answer, or more is under way than can be worked off at once."
    } else {
        "The store does not answer."
    };
    let down = format!(
        "{what} Nothing was promised: repeat the call as it is, after the seconds of `Retry-After`."
    );
    all.push(plain(503, down).header("Retry-After"));
    operation.all(all)
}

fn no_key(family: Family) -> &'static str {
    match family {
        Family::Linkrunner => {
            "The header `linkrunner-key` is missing, or is the key of no project."
        }
        Family::Client => {
            "`token` is missing from the body, or is the token of no project; or the project has \
             `client_signing`, and the signature is missing, wrong or out of time."
        }
        Family::Faurya => "`Authorization: Bearer` is missing, or its key is the key of no site.",
        Family::Admin => "The admin token is missing or wrong.",
        Family::Webhooks | Family::Service => "",
    }
}

/// The shape of a refusal.
pub(super) fn failure(family: Family, status: u16) -> Schema {
    match family {
        Family::Linkrunner | Family::Client | Family::Webhooks | Family::Service => {
            let errors = status == 400 && family != Family::Webhooks;
            let data = if errors { or_null(part("Errors")) } else { nothing() };
            envelope(status, data)
        }
        Family::Admin => envelope(status, nothing()),
        Family::Faurya => {
            let error = closed([
                ("code", Schema::anything().with("const", status).says("The status of HTTP.")),
                ("message", text("Everything that is wrong, for a person.")),
            ]);
            let status = Schema::anything().with("const", "error");
            Schema::table([
                ("status", status),
                ("error", error),
                ("code", text("A word for programs, where the message is not enough.")),
                ("transaction_id", text("Which transaction is meant.")),
            ])
            .required(&["status", "error"])
        }
    }
}

/// The shapes that stand among the components.
pub(super) fn components() -> Vec<Key> {
    vec![
        ("Finding", finding()),
        ("Errors", closed([("errors", findings("What is wrong, all of it."))])),
        ("Event", event()),
        ("Captured", captured()),
        ("Removed", removed()),
        ("Decision", decision()),
    ]
}

/// A list of findings.
pub(super) fn findings(says: &str) -> Schema {
    Schema::list(part("Finding")).says(format!("{says} Errors first."))
}

fn finding() -> Schema {
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    let code = Schema::text()
        .with("enum", codes)
        .says("Its stable name. `tillpost explain CODE` prints its page.");
    closed([
        ("code", code),
        ("severity", words("How much it weighs.", meanings!(Severity))),
        ("says", text("One sentence. It never repeats a person's data.")),
        ("at", text("Where: a JSON pointer into the body that was sent; empty for all of it.")),
        ("help", or_null(Schema::text()).says("What to do, where there is one thing to do.")),
    ])
    .says("One thing there is to say about a call.")
}

fn event() -> Schema {
    closed([
        ("event_name", text("Its name at Meta.")),
        ("event_id", text("The id by which Meta recognises copies of it.")),
        ("dataset", text("Where it goes: a name of `[datasets]` of the configuration.")),
    ])
    .says("An event for Meta, made of a capture.")
}

/// A verdict, as an answer has it.
pub(super) fn verdict() -> Schema {
    words("What becomes of it.", meanings!(Verdict))
}

/// A reason, as an answer has it.
pub(super) fn reason() -> Schema {
    or_null(words("Why it is skipped or held.", meanings!(Reason)))
}

/// The same in words.
pub(super) fn because() -> Schema {
    or_null(Schema::text()).says("The reason in words.")
}

/// The version of a mapping file.
pub(super) fn version() -> Schema {
    text("Which text of the mapping file decided: a hash of it.")
}

fn captured() -> Schema {
    let id = || or_null(Schema::text().with("maxLength", ID_CHARS_MAX));
    let payment = closed([
        ("payment_id", id().says("Your id of the payment.")),
        ("type", words("What was paid for.", meanings!(PaymentType))),
        ("status", words("How far the payment got.", meanings!(PaymentStatus))),
        ("user_id", text("Whose it is.")),
        ("amount", or_null(Schema::number()).says("How much, digit by digit as you sent it.")),
        ("currency", or_null(Schema::text()).says("Its currency, in ISO 4217.")),
    ])
    .says("The payment as it stands in the books.");
    let event = closed([
        ("event_name", Schema::text().with("maxLength", EVENT_NAME_CHARS_MAX).says("Its name.")),
        ("event_id", id().says("Your id of it.")),
        ("user_id", text("Whose it is.")),
    ])
    .says("The event as it stands in the books.");
    let common = vec![
        ("recorded", Schema::flag().says("Whether it is in the books, on stable storage.")),
        ("duplicate", Schema::flag().says("Whether it was there before; then this is the first record, and `findings` says what of the repetition was ignored.")),
        ("verdict", or_null(verdict())),
        ("events", Schema::list(part("Event")).says("What goes to Meta.")),
        ("reason", reason()),
        ("because", because()),
        ("mapping", or_null(version())),
        ("findings", findings("Everything there is to say.")),
    ];
    let names: Vec<&str> = common.iter().map(|(name, _)| *name).collect();
    Schema::table(common.into_iter().chain([("payment", payment), ("event", event)]))
        .required(&names)
        .with("oneOf", json!([{"required": ["payment"]}, {"required": ["event"]}]))
        .says("What becomes of a capture, and why.")
}

fn removed() -> Schema {
    closed([
        ("deleted", count("How many payments were taken back, recorded and held.")),
        ("withheld", count("How many of their events were not sent yet, and never will be.")),
        ("already_sent", count("How many of their events Meta has or is being sent.")),
        ("because", or_null(Schema::text()).says("Why those stay, if there are any.")),
    ])
    .says("What a removal found.")
}

fn decision() -> Schema {
    closed([
        ("verdict", verdict()),
        ("reason", reason()),
        ("because", because()),
        ("currency", or_null(Schema::text()).says("The payment's currency, in ISO 4217.")),
        ("events", Schema::list(part("Event")).says("What goes to Meta.")),
        ("findings", findings("Everything there is to say.")),
        ("mapping", version()),
    ])
    .says("A decision as the books keep it.")
}
