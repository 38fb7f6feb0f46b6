//! One payment as understood, from whichever API it came.
//!
//! In: a JSON body and the time it arrived. Out: a [`Payment`], or the findings that say why there
//! is none. Only a broken envelope loses a payment (not JSON, no user, no amount, an unknown type);
//! whatever is wrong *inside* `event_data` is left for the checks, which block the event and keep
//! the payment. A person's fields are hashed while they are read, so no [`Payment`] holds a clear one.
//!
//! [`Payment::to_stored`] writes the same shape back with hashed fields, and [`read`] reads it
//! again: held payments and replays use the one reader.

pub mod difference;
pub mod event_fields;
pub mod faurya;
pub mod install;
pub mod misplaced;
pub mod occasion;
pub mod personal;
pub mod reader;
mod stored;
mod subject;

pub use misplaced::KNOWN as CAPTURE_FIELDS;

use std::borrow::Cow;

use serde::Serialize;

use super::customer::{Context, CountryCode};
use super::device::{self, Device, Tracking};
use super::finding::{Code, Finding, Findings};
use super::json::{self, Json};
use super::meta::{AppData, DataProcessing, EventFields};
use super::money::{Amount, Currency};
use super::names::closed_list;
use super::time::Timestamp;
use super::user_data::{self, ClearField, UserData};
use reader::BodyReader;

use subject::Subject;

pub use install::InstallId;
pub use occasion::Occasion;

closed_list! {
    /// What was paid for. The closed list of the payment API.
    ///
    /// # Source
    /// Linkrunner, "Revenue Tracking API", Payment types.
    pub enum PaymentType {
        /// The user's first payment.
        FirstPayment = "FIRST_PAYMENT",
        /// The user's second payment.
        SecondPayment = "SECOND_PAYMENT",
        /// Funds added to a wallet.
        WalletTopup = "WALLET_TOPUP",
        /// Funds withdrawn.
        FundsWithdrawal = "FUNDS_WITHDRAWAL",
        /// A subscription started.
        SubscriptionCreated = "SUBSCRIPTION_CREATED",
        /// A subscription renewed.
        SubscriptionRenewed = "SUBSCRIPTION_RENEWED",
        /// A single payment.
        OneTime = "ONE_TIME",
        /// A recurring payment.
        Recurring = "RECURRING",
        /// Whatever names no type.
        Default = "DEFAULT",
    }
}

closed_list! {
    /// How far a payment got. The closed list of the payment API.
    ///
    /// # Source
    /// Linkrunner, "Revenue Tracking API", Payment status.
    pub enum PaymentStatus {
        /// The payment was begun.
        Initiated = "PAYMENT_INITIATED",
        /// The money arrived.
        Completed = "PAYMENT_COMPLETED",
        /// The attempt failed.
        Failed = "PAYMENT_FAILED",
        /// The payment was cancelled.
        Cancelled = "PAYMENT_CANCELLED",
    }
}

/// Longest user id and payment id, in characters. Ours: long enough for a URL-like id of any shop.
pub const ID_CHARS_MAX: usize = 256;

/// The sender's id of a person: opaque, kept as sent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct UserId(String);

/// The sender's id of a payment, unique within a type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct PaymentId(String);

impl UserId {
    /// The id, if `text` is one: neither blank nor longer than [`ID_CHARS_MAX`]. Trimmed.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        id(text).map(Self)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PaymentId {
    /// The id, if `text` is one: neither blank nor longer than [`ID_CHARS_MAX`]. Trimmed.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        id(text).map(Self)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One capture: a payment, or an event that the sender reports.
#[derive(Debug, PartialEq)]
pub struct Payment<'a> {
    /// Half of the key of deduplication, of an event its `event_id`. Without it every capture is
    /// one of its own.
    pub payment_id: Option<PaymentId>,
    /// The other half of the key, and what the mapping file binds.
    pub occasion: Occasion<'a>,
    /// How far it got. An event that is reported has happened.
    pub status: PaymentStatus,
    /// Whose payment it is.
    pub user_id: UserId,
    /// How much, in the payment's currency. Never negative. An event need not have one.
    pub amount: Option<Amount>,
    /// The currency named beside the amount.
    pub currency: Option<Currency>,
    /// The sender's commerce details, as sent, without fields of a person.
    pub event_data: Option<Json<'a>>,
    /// The person's fields that travelled with the payment, hashed.
    pub user_data: UserData,
    /// The device that travelled with the payment.
    pub app_data: Option<AppData>,
    /// Whether the person lets apps follow them, as far as that device said.
    pub tracking: Option<Tracking>,
    /// What the sender says of the event: pages, opting out, an earlier event.
    pub event_fields: EventFields,
    /// What Meta may do with the event, where the sender chose.
    pub data_processing: Option<DataProcessing>,
    /// When it happened, where the sender said so.
    pub occurred_at: Option<Timestamp>,
    /// When we received it.
    pub received_at: Timestamp,
}

/// What came of reading a body: a payment or none, and everything there is to say about it.
#[derive(Debug, PartialEq)]
pub struct Reading<T> {
    /// The value, unless an error forbids it.
    pub value: Option<T>,
    /// Errors if there is no value; warnings and notes besides.
    pub findings: Findings,
}

impl Payment<'_> {
    /// The payment's own time: when it happened, else when it arrived.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.occurred_at.unwrap_or(self.received_at)
    }
}

/// What a body meets where it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// When it was received.
    pub received_at: Timestamp,
    /// With which country phone numbers in national form are completed.
    pub default_country: Option<CountryCode>,
}

/// A body that arrives where no country is set.
impl From<Timestamp> for Arrival {
    fn from(received_at: Timestamp) -> Self {
        Self { received_at, default_country: None }
    }
}

impl Arrival {
    /// What normalising a person's fields needs to know.
    #[must_use]
    pub fn context(self) -> Context {
        let Self { received_at, default_country } = self;
        Context { country: None, default_country, today: received_at.date() }
    }
}

/// Which body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaptureKind {
    /// A payment.
    Payment,
    /// An event that the sender reports: it has an `event_name`.
    Event,
    /// Either, as `event_name` says: what the store gives back, and what people try out.
    Either,
}

impl CaptureKind {
    fn is_event(self, fields: &json::Fields<'_>) -> bool {
        match self {
            Self::Payment => false,
            Self::Event => true,
            Self::Either => {
                json::get(fields, "event_name").is_some_and(|name| !json::is_blank(name))
            }
        }
    }
}

/// Reads the body of a captured payment.
#[must_use]
pub fn read(body: Json<'_>, arrival: impl Into<Arrival>) -> Reading<Payment<'_>> {
    read_as(CaptureKind::Payment, body, arrival)
}

/// Reads the body of a capture of this kind.
#[must_use]
pub fn read_as(
    kind: CaptureKind,
    body: Json<'_>,
    arrival: impl Into<Arrival>,
) -> Reading<Payment<'_>> {
    let arrival = arrival.into();
    let Json::Object(mut fields) = body else {
        return BodyReader::not_an_object(&body);
    };
    let sent = take(&mut fields, "event_data");
    let mut reader = BodyReader::new(&fields);
    let event_data = event_data(sent, &mut reader.findings);
    let user_id = reader.required_id("user_id").and_then(UserId::read);
    let is_event = kind.is_event(&fields);
    let subject = if is_event {
        subject::event(&mut reader, event_data.as_ref())
    } else {
        subject::payment(&mut reader, event_data.as_ref())
    };
    let currency = currency(&mut reader);
    let occurred_at = reader.time("occurred_at");
    misplaced::check(&mut reader, is_event);
    let event_fields = event_fields::read(&mut reader);
    let data_processing = event_fields::data_processing(&reader, event_data.as_ref());
    let mut user_data = user_data::of_payment(&mut reader, arrival.context());
    let Device { app_data, tracking, .. } = device(&mut reader, &mut user_data);
    let findings = reader.findings;
    let value = match (user_id, subject, findings.has_error()) {
        (Some(user_id), Some(Subject { occasion, status, payment_id, amount }), false) => {
            Some(Payment {
                payment_id,
                occasion,
                status,
                user_id,
                amount,
                currency,
                event_data,
                user_data,
                app_data,
                tracking,
                event_fields,
                data_processing,
                occurred_at,
                received_at: arrival.received_at,
            })
        }
        _ => None,
    };
    Reading { value, findings }
}

/// The device of a body; its advertising id is an identifier of the person's.
pub(super) fn device(reader: &mut BodyReader<'_, '_>, user_data: &mut UserData) -> Device {
    let found = device::of_body(reader);
    if let Some(id) = &found.advertising_id
        && user_data.keys().all(|key| key != ClearField::Madid.as_str())
    {
        user_data.set(ClearField::Madid, id.clone());
    }
    if found.tracking == Some(Tracking::Denied) {
        user_data.remove(ClearField::Madid);
    }
    found
}

fn id(text: &str) -> Option<String> {
    let trimmed = text.trim();
    // A text has no more characters than bytes.
    let is_short = || trimmed.len() <= ID_CHARS_MAX || trimmed.chars().count() <= ID_CHARS_MAX;
    (!trimmed.is_empty() && is_short()).then(|| trimmed.to_owned())
}

fn take<'a>(fields: &mut Vec<(Cow<'a, str>, Json<'a>)>, key: &str) -> Option<Json<'a>> {
    let at = fields.iter().position(|(name, _)| name == key)?;
    Some(fields.swap_remove(at).1)
}

fn event_data<'a>(sent: Option<Json<'a>>, findings: &mut Findings) -> Option<Json<'a>> {
    match sent? {
        Json::Null => None,
        Json::Object(fields) => {
            let kept = personal::leave_out(fields, findings);
            (!kept.is_empty()).then_some(Json::Object(kept))
        }
        other @ (Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_)) => {
            let says = format!("event_data must be an object, not {}", json::kind(&other));
            findings.push(Finding::in_body(Code::FieldKind, "/event_data", says));
            None
        }
    }
}

fn currency(reader: &mut BodyReader<'_, '_>) -> Option<Currency> {
    let text = reader.optional_text("currency")?;
    let found = Currency::read(text);
    if found.is_none() {
        let says = format!("currency is not an ISO 4217 code: {}", json::shortened(text));
        let finding = Finding::in_body(Code::CurrencyOfPayment, "/currency", says)
            .help("send three letters such as INR or USD");
        reader.findings.push(finding);
    }
    found
}

#[cfg(test)]
mod tests;
