//! What a body says of the payment or the event itself: which, how far, under which id, how much.

use super::occasion::{self, Occasion};
use super::reader::BodyReader;
use super::{PaymentId, PaymentStatus, PaymentType};
use crate::core::finding::{Code, Finding};
use crate::core::json::{self, Json};
use crate::core::money::Amount;
use crate::core::names::{one_of, suggestion};

/// What a body says of the payment or the event itself.
pub(super) struct Subject<'a> {
    pub(super) occasion: Occasion<'a>,
    pub(super) status: PaymentStatus,
    pub(super) payment_id: Option<PaymentId>,
    pub(super) amount: Option<Amount>,
}

/// What a payment's body says.
pub(super) fn payment<'a>(
    reader: &mut BodyReader<'_, '_>,
    event_data: Option<&Json<'_>>,
) -> Option<Subject<'a>> {
    let payment_id = reader.optional_id("payment_id").and_then(PaymentId::read);
    let payment_type = payment_type(reader);
    let status = status(reader);
    let amount = amount(reader, event_data);
    let occasion = Occasion::Payment(payment_type?);
    Some(Subject { occasion, status: status?, payment_id, amount: Some(amount?) })
}

/// An event's revenue is `event_data.amount`, which must be a number; its id may stand in
/// `event_data` too, where a payment has it (reference/payment-apis.md 1.7).
pub(super) fn event<'a>(
    reader: &mut BodyReader<'_, '_>,
    event_data: Option<&Json<'_>>,
) -> Option<Subject<'a>> {
    let name = occasion::event_name(reader);
    let inner = |key: &str| json::get(json::fields(event_data?)?, key);
    let shared = inner("event_id").and_then(json::text_or_number).and_then(PaymentId::read);
    let own = reader.optional_id("event_id").and_then(PaymentId::read);
    let revenue = match (reader.get("amount"), inner("amount")) {
        (Some(_), _) => reader.amount("amount"),
        (None, Some(Json::Number((digits, _)))) => Amount::read(digits).ok(),
        (None, _) => None,
    };
    Some(Subject {
        occasion: Occasion::Event(name?.to_owned().into()),
        status: PaymentStatus::Completed,
        payment_id: own.or(shared),
        amount: revenue.filter(|amount| !amount.is_negative()),
    })
}

fn payment_type(reader: &mut BodyReader<'_, '_>) -> Option<PaymentType> {
    let Some(word) = reader.optional_text("type") else { return Some(PaymentType::Default) };
    // The Flutter SDK sends the name of its enum (reference/payment-apis.md 2.3).
    let word = if word == "DEFAULT_PAYMENT" { "DEFAULT" } else { word };
    let found = PaymentType::read(word);
    if found.is_none() {
        let says = none_of("payment types", PaymentType::words(), word);
        let says = format!("type {says}");
        reader.findings.push(unknown(Code::TypeUnknown, "/type", says, word, PaymentType::words()));
    }
    found
}

fn status(reader: &mut BodyReader<'_, '_>) -> Option<PaymentStatus> {
    let Some(word) = reader.optional_text("status") else { return Some(PaymentStatus::Completed) };
    let found = PaymentStatus::read(word);
    if found.is_none() {
        let says = none_of("payment statuses", PaymentStatus::words(), word);
        let says = format!("status {says}");
        let words = PaymentStatus::words();
        reader.findings.push(unknown(Code::StatusUnknown, "/status", says, word, words));
    }
    found
}

fn none_of(list: &str, words: impl Iterator<Item = &'static str>, word: &str) -> String {
    let words: Vec<&str> = words.collect();
    format!("must be one of the {list} {}, not {}", words.join(", "), json::shortened(word))
}

fn unknown(
    code: Code,
    at: &str,
    says: String,
    word: &str,
    words: impl Iterator<Item = &'static str> + Clone,
) -> Finding {
    let help = match suggestion(word, words.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("send {}", one_of(words)),
    };
    Finding::in_body(code, at, says).help(help)
}

/// The amount, else `event_data.value` (row LR-20).
fn amount(reader: &mut BodyReader<'_, '_>, event_data: Option<&Json<'_>>) -> Option<Amount> {
    let (key, amount) = match reader.get("amount") {
        Some(_) => ("amount", reader.amount("amount")),
        None => ("event_data/value", value_of(event_data)),
    };
    if amount.is_none() && key != "amount" {
        reader.missing("amount", "send `amount`, or a number in `event_data.value`");
    }
    let amount = amount?;
    if amount.is_negative() {
        let says = format!("{} must not be negative", key.replace('/', "."));
        let finding = Finding::in_body(Code::AmountNegative, format!("/{key}"), says)
            .help("take a payment back with remove-payment; a withdrawal has a positive amount");
        reader.findings.push(finding);
    }
    Some(amount)
}

fn value_of(event_data: Option<&Json<'_>>) -> Option<Amount> {
    let value = json::get(json::fields(event_data?)?, "value")?;
    Amount::read(json::text_or_number(value)?.trim()).ok()
}
