//! What a capture is about: a payment of a type, or an event that the sender reports by its name.
//!
//! Both go the same way: the mapping file binds them, the checks judge them, the books keep them
//! once. Only their keys are apart, so that an event called `DEFAULT` is no payment of that type.

use std::borrow::Cow;

use super::PaymentType;
use crate::core::finding::{Code, Finding};
use crate::core::json;
use crate::core::payment::reader::BodyReader;

/// Longest name of a reported event, in characters. Ours: Meta takes 50 for names of one's own.
pub const EVENT_NAME_CHARS_MAX: usize = 128;

/// How the books tell events from payments.
const EVENT_PREFIX: &str = "event:";

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Occasion<'a> {
    /// A payment of this type.
    Payment(PaymentType),
    /// An event under this name, exactly as the sender spells it.
    Event(Cow<'a, str>),
}

impl Occasion<'_> {
    /// The type of the payment, or the name of the event.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Payment(payment_type) => payment_type.as_str(),
            Self::Event(name) => name,
        }
    }

    /// Half of the key in the books.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Payment(payment_type) => payment_type.as_str().to_owned(),
            Self::Event(name) => format!("{EVENT_PREFIX}{name}"),
        }
    }

    /// Whether it is a payment.
    #[must_use]
    pub fn is_payment(&self) -> bool {
        matches!(self, Self::Payment(_))
    }
}

/// `event_name`: required, and not blank.
pub(super) fn event_name<'f>(reader: &mut BodyReader<'f, '_>) -> Option<&'f str> {
    if reader.get("event_name").is_none_or(json::is_blank) {
        reader.missing("event_name", "send the name under which [events] binds it");
        return None;
    }
    let name = reader.optional_text("event_name")?;
    if name.chars().count() > EVENT_NAME_CHARS_MAX {
        let says = format!("event_name has more than {EVENT_NAME_CHARS_MAX} characters");
        let finding = Finding::in_body(Code::FieldTooLong, "/event_name", says);
        reader.findings.push(finding.help("send a short name; details belong into `event_data`"));
        return None;
    }
    // A name is shown everywhere; what may be a person's address is none.
    if name.contains(json::is_unprintable) || name.contains('@') {
        let says = "event_name holds characters that no name has";
        let finding = Finding::in_body(Code::FieldKind, "/event_name", says);
        reader.findings.push(finding.help("send letters, digits, blanks, `_`, `-` and the like"));
        return None;
    }
    Some(name)
}
