//! The operations of the site API: payments of visitors, deletions, visitors, and what is not here.

use serde_json::json;

use super::bodies::moment;
use super::operation::{Answer, Call, Family, Method, Operation};
use super::shapes::{
    closed, count, failure, findings, moment as told, or_null, part, refusals, schema_of, text,
};
use crate::core::payment::ID_CHARS_MAX;
use crate::core::payment::faurya::{FILTERS, METADATA_MAX};
use crate::core::payment::reader::TEXT_CHARS_MAX;
use crate::core::schema::Schema;
use crate::http::BODY_BYTES_MAX;

/// The example that makes the visitor of the others known.
const KNOWN: (&str, &str) = ("makeVisitor", "A visitor with an e-mail address");

const RECORDED: (&str, &str) = ("recordPayment", "A payment");

/// The operations.
pub(super) fn operations() -> Vec<Operation> {
    let all = [make_visitor(), visitor(), record(), delete()];
    let absent = [
        (Method::Post, "/api/v1/goals", "makeGoal"),
        (Method::Delete, "/api/v1/goals", "deleteGoal"),
        (Method::Get, "/api/v1/analytics/{dimension}", "analytics"),
    ];
    let absent = absent.map(|(method, path, id)| not_here(method, path, id));
    all.into_iter()
        .chain(absent)
        .map(|operation| {
            let gone = "The site is gone (`closed` of the project)";
            let known = operation.answers.iter().find(|answer| answer.status == 404);
            let says = known
                .map_or_else(|| format!("{gone}."), |known| format!("{gone}; or: {}", known.says));
            refusals(Family::Faurya, operation).answers(refused(404, says))
        })
        .collect()
}

fn operation(method: Method, path: &'static str, id: &'static str) -> Operation {
    Operation::new(Family::Faurya, method, path, id)
}

fn refused(status: u16, says: impl Into<String>) -> Answer {
    Answer::new(status, says, failure(Family::Faurya, status))
}

/// An id as text; unlike elsewhere a number is none.
fn id(says: &str) -> Schema {
    text(says).with("maxLength", ID_CHARS_MAX).matching(r"\S")
}

fn record() -> Operation {
    let plain = json!({"type": ["string", "number", "boolean", "null"]});
    let metadata = Schema::anything()
        .with("type", json!(["object", "null"]))
        .with("maxProperties", METADATA_MAX)
        .with("additionalProperties", plain)
        .says(format!("Up to {METADATA_MAX} attributes of your own, none of them a list or an object. They become `event_data`, word by word."));
    let optional = || or_null(Schema::text().with("maxLength", TEXT_CHARS_MAX));
    let amount = Schema::number()
        .with("exclusiveMinimum", 0)
        .with("maximum", 999_999_999_999_999_999_u64)
        .examples([json!(29.99)])
        .says("How much was paid, greater than 0, in whole units of the currency.");
    let body = Schema::open_table([
        ("faurya_visitor_id", id("Who paid. Somebody that POST /api/v1/visitors has made known.")),
        ("transaction_id", id("Your id of the payment, unique for the site.")),
        ("amount", amount),
        (
            "currency",
            optional()
                .says("Its currency, in ISO 4217. Another text blocks the event, not the payment."),
        ),
        ("faurya_session_id", optional().says("Read and not used.")),
        ("metadata", metadata),
    ]);
    let recorded = closed([
        ("message", Schema::text().with("const", "Payment recorded successfully")),
        ("transaction_id", text("Your id of the payment.")),
    ]);
    operation(Method::Post, "/api/v1/payments", RECORDED.0)
        .says(
            "Record a payment",
            "Records a payment of a known visitor, once for each transaction id. A 200 means that it \
             is on stable storage. The body of the answer is fixed; the header `tillpost-verdict` \
             says whether an event goes to Meta.",
        )
        .takes(body.required(&["faurya_visitor_id", "transaction_id", "amount"]), BODY_BYTES_MAX)
        .answers(Answer::new(200, "The payment is recorded.", recorded).header("tillpost-verdict"))
        .answers(refused(404, "nobody made this visitor known."))
        .call(Call::new(RECORDED.1, 200, A_PAYMENT).after(KNOWN.0, KNOWN.1))
        .call(
            Call::new("The same transaction again", 400, A_PAYMENT)
                .after(KNOWN.0, KNOWN.1)
                .after(RECORDED.0, RECORDED.1),
        )
        .call(Call::new("A visitor whom nobody has made known", 404, A_PAYMENT))
        .call(Call::new("An amount as text", 400, r#"{"faurya_visitor_id": "v-1", "transaction_id": "T-2", "amount": "29.99"}"#))
        .call(Call::new("Without a key", 401, A_PAYMENT).anonymous())
}

const A_PAYMENT: &str = r#"{
  "faurya_visitor_id": "v-1",
  "transaction_id": "T-1",
  "amount": 29.99,
  "currency": "USD",
  "metadata": {"plan": "starter"}
}"#;

fn delete() -> Operation {
    let named = |key: &str| json!({"required": [key]});
    let time = |says: &str| {
        let mut value = moment(says).value();
        value["type"] = json!(["string", "integer"]);
        // A bare date is one too; a blank is none.
        schema_of(value).with(
            "anyOf",
            json!([{"type": "integer"}, {"format": "date-time"}, {"format": "date"}]),
        )
    };
    let body = Schema::table([
        ("transaction_id", id("The payment of this id. Then no other filter counts.")),
        ("tx_id", id("The same as `transaction_id`.")),
        ("faurya_visitor_id", id("All payments of this visitor.")),
        (
            "startAt",
            time(
                "All payments received then or later; a bare date means its first moment, in UTC.",
            ),
        ),
        ("startDate", time("The same as `startAt`.")),
        (
            "endAt",
            time(
                "All payments received then or before; a bare date means its last moment, in UTC.",
            ),
        ),
        ("endDate", time("The same as `endAt`.")),
    ])
    .with("anyOf", FILTERS.map(named).to_vec());
    let range = closed([
        ("startAt", or_null(told("From then on; null: since the beginning."))),
        ("endAt", told("Until then.")),
    ]);
    let deleted = Schema::table([
        ("status", Schema::text().with("const", "success")),
        ("message", text("What was done.")),
        ("deleted", count("How many payments.")),
        ("already_sent", count("How many of their events Meta has or is being sent.")),
        ("transaction_id", text("The id, where one was named.")),
        ("timeRange", range.says("The range, where no id was named.")),
    ])
    .required(&["status", "message", "deleted", "already_sent"]);
    operation(Method::Delete, "/api/v1/payments", "deletePayments")
        .says(
            "Delete payments",
            "Deletes one transaction, or whatever matches a visitor and a range of time. A filter \
             that is named and blank, and a field that is no filter, are refused: leaving them out \
             would delete more than was meant.",
        )
        .takes(body, BODY_BYTES_MAX)
        .answers(Answer::new(200, "At least one payment was deleted.", deleted))
        .answers(refused(404, "no payment matches."))
        .call(
            Call::new("One transaction", 200, r#"{"transaction_id": "T-1"}"#)
                .after(KNOWN.0, KNOWN.1)
                .after(RECORDED.0, RECORDED.1),
        )
        .call(
            Call::new(
                "All of a visitor since February",
                200,
                r#"{"faurya_visitor_id": "v-1", "startAt": "2026-02-01"}"#,
            )
            .after(KNOWN.0, KNOWN.1)
            .after(RECORDED.0, RECORDED.1),
        )
        .call(Call::new("A blank filter", 400, r#"{"faurya_visitor_id": ""}"#))
        .call(Call::new("Nothing matches", 404, r#"{"transaction_id": "NEVER"}"#))
}

fn make_visitor() -> Operation {
    let person = or_null(part("Person"));
    let any = |says: &str| Schema::anything().says(says);
    let optional = or_null(Schema::text().with("maxLength", ID_CHARS_MAX));
    let body = Schema::open_table([
        ("faurya_visitor_id", optional.says("Your id of the visitor; one is made if absent.")),
        ("user_data", person.says("Who the visitor is. It is hashed before anything is stored.")),
        ("fbc", any("The click id of Meta's cookie `_fbc`.")),
        ("fbp", any("The browser id of Meta's cookie `_fbp`.")),
        ("client_ip_address", any("The visitor's network address.")),
        ("client_user_agent", any("The visitor's browser.")),
    ]);
    let data = Schema::table([
        ("visitorId", text("Who is known now.")),
        (
            "findings",
            findings(
                "What could not be used of the person's fields; absent if there is nothing to say.",
            ),
        ),
    ])
    .required(&["visitorId"]);
    operation(Method::Post, "/api/v1/visitors", KNOWN.0)
        .says(
            "Make a visitor known",
            "Says who stands behind a visitor's id. Personal fields are hashed while they are read. \
             A second call corrects the fields that it names and keeps the rest.",
        )
        .takes(body, BODY_BYTES_MAX)
        .answers(Answer::new(200, "The visitor is known.", success(data)))
        .call(Call::new(KNOWN.1, 200, A_VISITOR))
        .call(Call::new("A number for an id", 400, r#"{"faurya_visitor_id": 17}"#))
}

const A_VISITOR: &str = r#"{
  "faurya_visitor_id": "v-1",
  "user_data": {"email": "mary@shop.example"},
  "fbp": "fb.1.1772279000000.1098115397"
}"#;

fn success(data: Schema) -> Schema {
    closed([("status", Schema::text().with("const", "success")), ("data", data)])
}

fn visitor() -> Operation {
    let identity = closed([(
        "fields",
        Schema::list(Schema::text())
            .says("Meta's names of the fields that are known. No value of them is ever told."),
    )]);
    let data = closed([
        ("visitorId", text("Who it is.")),
        ("identity", identity),
        ("activity", closed([("firstVisitAt", told("Since when the visitor is known."))])),
    ]);
    operation(Method::Get, "/api/v1/visitors/{id}", "visitor")
        .says(
            "Look at a visitor",
            "Tells since when a visitor is known, and of which kinds of fields.",
        )
        .at("id", Schema::text().says("The visitor's id."))
        .answers(Answer::new(200, "The visitor is known.", success(data)))
        .answers(refused(404, "nobody made this visitor known."))
        .call(Call::new("A known visitor", 200, "").with("id", "v-1").after(KNOWN.0, KNOWN.1))
        .call(Call::new("Somebody else", 404, "").with("id", "v-99"))
}

fn not_here(method: Method, path: &'static str, id: &'static str) -> Operation {
    let summary = match method {
        Method::Get => "Analytics: not here",
        Method::Post => "Goals: not here",
        Method::Delete => "Deleting goals: not here",
    };
    let operation = operation(method, path, id).says(
        summary,
        "Faurya has goals and analytics; Tillpost takes payments and visitors. A call is told so, \
         so that an integration does not wait for what never comes.",
    );
    let operation = operation.answers(refused(501, "There are no goals and no analytics here."));
    if path.ends_with("{dimension}") {
        return operation
            .at("dimension", Schema::text().says("What is asked for; it may have slashes."))
            .call(Call::new("Asked all the same", 501, "").with("dimension", "overview"));
    }
    operation.call(Call::new("Asked all the same", 501, ""))
}
