//! `[[test]]`: a payment, and what must become of it.
//!
//! In: the words of payments and decisions. Out: the schema of a test. Here alone it is stricter
//! than the compiler, which reads any value: a test with such a value could never pass.

use super::super::compile::EXPECTABLE;
use crate::core::decide::{Reason, Verdict};
use crate::core::finding::Code;
use crate::core::meta::{ActionSource, StandardEvent};
use crate::core::payment::{PaymentStatus, PaymentType};
use crate::core::schema::{Key, Schema, meanings};

pub(super) fn tests() -> Schema {
    let test = Schema::table([
        (
            "name",
            Schema::text()
                .says("What it shows, as a sentence. Required.")
                .examples(["a first payment is a Purchase"].map(Into::into)),
        ),
        ("payment", payment()),
        ("expect", expect()),
    ]);
    Schema::list(test.required(&["name", "payment", "expect"]))
        .says("Tests of this file, run by `tillpost test`: a payment, and what must become of it.")
}

/// The body of a payment as the backend sends it; other fields are allowed.
fn payment() -> Schema {
    let text_or_number =
        |says: &str| Schema::anything().with("type", ["string", "number"].as_slice()).says(says);
    // What of the person or the device is of the wrong kind costs itself alone, not the payment.
    let loose = |says: &str| Schema::anything().says(says);
    let object = |says: &str| Schema::open_table([]).says(says);
    Schema::open_table([
        (
            "type",
            Schema::words(meanings!(PaymentType))
                .default(PaymentType::Default.as_str())
                .says("What was paid for."),
        ),
        (
            "status",
            Schema::words(meanings!(PaymentStatus))
                .default(PaymentStatus::Completed.as_str())
                .says("How far it got."),
        ),
        ("payment_id", text_or_number("Your id of the payment.")),
        (
            "user_id",
            text_or_number("Your id of the person. Required; in a test every user is known."),
        ),
        ("amount", text_or_number("How much. Required.")),
        ("currency", Schema::text().says("In which currency: a code of ISO 4217.")),
        ("event_data", object("The commerce details as your backend sends them.")),
        ("user_data", loose("Fields of the person that travel with the payment.")),
        ("device_data", loose("What the app says of its device.")),
    ])
    .says("The payment as your backend would send it. Required.")
    .examples(vec![serde_json::json!({
        "type": "FIRST_PAYMENT", "payment_id": "ABC", "amount": 2000, "user_id": "666"
    })])
}

fn expect() -> Schema {
    let keys = EXPECTABLE.map(|key| -> Key { (key, expected(key)) });
    Schema::table(keys)
        .says("What must become of the payment; name only what you care about. Required.")
        .examples(vec![
            serde_json::json!({"verdict": "forward", "event": "Purchase", "findings": []}),
        ])
}

fn expected(key: &str) -> Schema {
    match key {
        "verdict" => Schema::words(meanings!(Verdict)).says("What becomes of it."),
        "reason" => Schema::words(meanings!(Reason)).says("Why it is skipped or held."),
        "event" => Schema::any_of([Schema::words(meanings!(StandardEvent)), Schema::text()])
            .says("The name of the event that Meta receives."),
        "event_id" => Schema::text().says("The id of the event."),
        "dataset" => Schema::one_or_many(Schema::text())
            .says("Where it goes: one dataset, or the list of several."),
        "action_source" => {
            Schema::words(meanings!(ActionSource)).says("Where the conversion happened.")
        }
        "value" => Schema::number().says("The value that Meta receives; 2000 and 2000.0 are the same."),
        "currency" => Schema::text().says("The currency that Meta receives."),
        "findings" => Schema::list(Schema::words(codes())).says(
            "The codes of all errors and warnings, and of the notes that you care about; `[]` for none.",
        ),
        "custom_data" => Schema::open_table([]).says("Parameters of the event that you care about."),
        "user_data" => Schema::open_table([]).says("Fields of the person that you care about, hashed."),
        _ => Schema::anything(),
    }
}

/// The codes that can be found of a payment.
fn codes() -> impl Iterator<Item = (&'static str, &'static str)> {
    let of_files = |code: &&Code| code.as_str().starts_with(['M', 'C']);
    Code::ALL.iter().filter(move |code| !of_files(code)).map(|code| (code.as_str(), code.title()))
}
