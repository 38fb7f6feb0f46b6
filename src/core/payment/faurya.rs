//! A payment as Faurya's API sends it, read strictly and put into the words of a capture.
//!
//! In: the JSON body of `POST /api/v1/payments`. Out: a [`FauryaPayment`], or findings that name
//! Faurya's fields. Unlike a capture, kinds are not coerced here: an id is text, an amount is a
//! number. [`FauryaPayment::to_capture`] writes the body of a capture, so that everything behind it
//! is shared: mapping, checks, deduplication, delivery.
//!
//! Deliberately absent: whether the visitor exists and whether the id is new. The books know that.
//!
//! Source: Faurya, "POST Payment"; rows FA-3 to FA-8, FA-13, FA-14 of the requirements.

mod deletion;
mod visitor;

use std::borrow::Cow;
use std::fmt::Write as _;

pub use deletion::{Deletion, FILTERS, read_deletion};
pub use visitor::{Visitor, read_visitor};

use super::reader::BodyReader;
use super::{ID_CHARS_MAX, PaymentId, PaymentType, Reading, UserId};
use crate::core::finding::{Code, Finding};
use crate::core::json::{self, Json};
use crate::core::money::{Amount, Currency};

/// The type of every payment that arrives by Faurya's API, which knows no types.
pub const TYPE: PaymentType = PaymentType::Default;

/// Most attributes of `metadata`.
///
/// # Source
/// Faurya, "POST Payment", Metadata rules.
pub const METADATA_MAX: usize = 10;

/// What the payment itself says: metadata must not say otherwise. `contents` is a list of objects,
/// which no attribute can be.
const OF_THE_PAYMENT: [&str; 5] = ["value", "amount", "currency", "order_id", "contents"];

/// One payment in Faurya's words.
#[derive(Debug, PartialEq)]
pub struct FauryaPayment<'a> {
    /// Whose payment it is.
    pub visitor: UserId,
    /// Its id, unique for a site.
    pub transaction_id: PaymentId,
    amount: Amount,
    currency: Option<Declared>,
    metadata: Vec<(Cow<'a, str>, Json<'a>)>,
}

/// The currency that the sender named. Faurya takes any text.
#[derive(Debug, PartialEq, Eq)]
enum Declared {
    /// One of ISO 4217.
    Known(Currency),
    /// Anything else, fit to be repeated.
    Other(String),
}

/// Reads the body of a payment.
#[must_use]
pub fn read_payment<'j>(body: &'j Json<'_>) -> Reading<FauryaPayment<'j>> {
    let Some(fields) = json::fields(body) else { return BodyReader::not_an_object(body) };
    let mut reader = BodyReader::new(fields);
    let visitor = required_id("faurya_visitor_id", &mut reader).and_then(UserId::read);
    let transaction = required_id("transaction_id", &mut reader);
    let amount = amount(&mut reader);
    // Nothing is attributed to a session here: its kind is all that can be wrong with it.
    reader.optional_text("faurya_session_id");
    let currency = reader.optional_text("currency");
    let metadata = metadata(&mut reader);
    let findings = reader.findings;
    let transaction = transaction.and_then(PaymentId::read);
    let value = match (visitor, transaction, amount) {
        (Some(visitor), Some(transaction_id), Some(amount)) if !findings.has_error() => {
            let currency = currency.map(Declared::read);
            Some(FauryaPayment { visitor, transaction_id, amount, currency, metadata })
        }
        _ => None,
    };
    Reading { value, findings }
}

impl Declared {
    fn read(text: &str) -> Self {
        match Currency::read(text) {
            Some(known) => Self::Known(known),
            None => Self::Other(json::shortened(text).into_owned()),
        }
    }
}

impl FauryaPayment<'_> {
    /// The same as the body of a capture. Metadata becomes `event_data`, word by word, so that it
    /// may name what Meta knows (`content_ids`, `content_type`, `event_id`) and whatever a mapping
    /// file asks for. What would contradict the payment itself is kept under `metadata_…`.
    ///
    /// A currency that ISO 4217 does not know goes where it is an error of the event: another one
    /// in its place would be a wrong sum at Meta.
    #[must_use]
    pub fn to_capture(&self) -> String {
        let mut body = format!(
            r#"{{"user_id":{},"payment_id":{},"type":"{TYPE}","amount":{}"#,
            json::quoted(self.visitor.as_str()),
            json::quoted(self.transaction_id.as_str()),
            self.amount,
        );
        let mut inner = format!(r#""order_id":{}"#, json::quoted(self.transaction_id.as_str()));
        // Writing to a String cannot fail.
        let _ = match &self.currency {
            Some(Declared::Known(code)) => write!(body, r#","currency":"{}""#, code.code()),
            Some(Declared::Other(text)) => {
                write!(inner, r#","currency":{}"#, json::quoted(text))
            }
            None => Ok(()),
        };
        for (key, value) in &self.metadata {
            let _ = write!(inner, ",{}:{value}", json::quoted(&self.name_of(key)));
        }
        let _ = write!(body, r#","event_data":{{{inner}}}}}"#);
        body
    }

    /// What an attribute is called in `event_data`.
    fn name_of<'k>(&self, key: &'k str) -> Cow<'k, str> {
        let mut name = Cow::Borrowed(key);
        if OF_THE_PAYMENT.contains(&key) {
            name = Cow::Owned(format!("metadata_{key}"));
            while self.metadata.iter().any(|(other, _)| *other == name) {
                name = Cow::Owned(format!("metadata_{name}"));
            }
        }
        name
    }
}

/// An id that must be there, as text.
fn required_id<'f>(key: &str, reader: &mut BodyReader<'f, '_>) -> Option<&'f str> {
    if reader.get(key).is_none_or(json::is_blank) {
        reader.missing(key, "");
        return None;
    }
    optional_id(key, reader)
}

/// An id that may be absent. A number is refused: Faurya types its ids as text.
fn optional_id<'f>(key: &str, reader: &mut BodyReader<'f, '_>) -> Option<&'f str> {
    let id = reader.optional_text(key)?;
    if id.chars().nth(ID_CHARS_MAX).is_some() {
        let says = format!("{key} has more than {ID_CHARS_MAX} characters");
        let finding = Finding::in_body(Code::FieldTooLong, reader.pointer(key), says);
        reader.findings.push(finding);
        return None;
    }
    Some(id)
}

fn amount(reader: &mut BodyReader<'_, '_>) -> Option<Amount> {
    let amount = match reader.get("amount") {
        None => {
            reader.missing("amount", "");
            return None;
        }
        Some(Json::Number(_)) => reader.amount("amount")?,
        Some(other) => {
            reader.kind("amount", "a number", other);
            return None;
        }
    };
    if amount.decimal().is_zero() || amount.is_negative() {
        let finding =
            Finding::in_body(Code::AmountNegative, "/amount", "amount must be greater than 0");
        reader.findings.push(finding.help("take a payment back with DELETE /api/v1/payments"));
        return None;
    }
    Some(amount)
}

/// The attributes of `metadata`: at most ten, none of them a list or an object.
fn metadata<'f>(reader: &mut BodyReader<'f, '_>) -> Vec<(Cow<'f, str>, Json<'f>)> {
    let fields = match reader.get("metadata") {
        None => return Vec::new(),
        Some(Json::Object(fields)) => fields,
        Some(other) => {
            reader.kind("metadata", "an object", other);
            return Vec::new();
        }
    };
    if fields.len() > METADATA_MAX {
        let says = format!("metadata has {} attributes; {METADATA_MAX} are allowed", fields.len());
        reader.findings.push(Finding::in_body(Code::FieldTooLong, "/metadata", says));
        return Vec::new();
    }
    for (key, value) in fields.iter().filter(|(_, value)| !is_primitive(value)) {
        let (name, kind) = (json::shortened(key), json::kind(value));
        let says =
            format!("metadata.{name} must be text, a number, true, false or null, not {kind}");
        let finding = Finding::in_body(Code::FieldKind, json::pointer("/metadata", key), says);
        reader.findings.push(finding);
    }
    json::copy_fields(fields)
}

fn is_primitive(value: &Json<'_>) -> bool {
    match value {
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => true,
        Json::Array(_) | Json::Object(_) => false,
    }
}

#[cfg(test)]
mod tests;
