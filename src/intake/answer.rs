//! What is answered: the `data` of the contract, for a capture, a signup and a removal.
//!
//! The same shape whether the payment is new, repeated or held: what is in the books, what will
//! happen to it, why, and everything there is to say. A repetition shows the first record word for
//! word: its answer is cut from the text that the store keeps of the decision.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::core::check::Weights;
use crate::core::decide::{Decision, EventSummary, Reason, Verdict};
use crate::core::finding::{Code, Finding, Findings};
use crate::core::json;
use crate::core::money::Amount;
use crate::core::payment::difference::differences;
use crate::core::payment::{self, CaptureKind, Occasion, Payment};
use crate::store::{Entered, Removed, StoredPayment};

/// The answer to a capture: `data` of the contract, section 5.
#[derive(Debug)]
pub struct Captured {
    /// Whether it is in the books.
    pub recorded: bool,
    /// Whether it was there already.
    pub duplicate: bool,
    subject: Subject,
    told: Told,
    /// What there is to say besides.
    besides: Findings,
}

/// The decision that an answer tells.
#[derive(Debug)]
pub(super) enum Told {
    /// It was taken just now. The bytes of its events have gone into the books.
    Fresh(Box<Decision>),
    /// The text that the books have of it.
    Stored(String),
}

impl From<Decision> for Told {
    fn from(decision: Decision) -> Self {
        Self::Fresh(Box::new(decision))
    }
}

impl Serialize for Captured {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap as _;
        let mut map = serializer.serialize_map(Some(9))?;
        map.serialize_entry("recorded", &self.recorded)?;
        map.serialize_entry("duplicate", &self.duplicate)?;
        map.serialize_entry(self.subject.key(), &self.subject)?;
        match &self.told {
            Told::Fresh(decision) => {
                map.serialize_entry("verdict", &decision.verdict)?;
                let events: Vec<_> = decision.events.iter().map(EventSummary::of).collect();
                map.serialize_entry("events", &events)?;
                map.serialize_entry("reason", &decision.reason)?;
                map.serialize_entry("because", &decision.because)?;
                map.serialize_entry("mapping", &decision.mapping)?;
                let findings: Vec<&Finding> = decision.findings.shown().collect();
                map.serialize_entry("findings", &Said(&findings, &self.besides))?;
            }
            Told::Stored(text) => {
                let decision = StoredDecision::read(text);
                map.serialize_entry("verdict", decision.verdict)?;
                map.serialize_entry("events", decision.events)?;
                map.serialize_entry("reason", &decision.reason)?;
                map.serialize_entry("because", &decision.because)?;
                map.serialize_entry("mapping", decision.mapping)?;
                map.serialize_entry("findings", &Said(&decision.findings, &self.besides))?;
            }
        }
        map.end()
    }
}

/// Findings of a record, and what was found since.
struct Said<'s, F>(&'s [F], &'s Findings);

impl<F: Serialize> Serialize for Said<'_, F> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeSeq as _;
        let mut list = serializer.serialize_seq(None)?;
        self.0.iter().try_for_each(|finding| list.serialize_element(finding))?;
        self.1.iter().try_for_each(|finding| list.serialize_element(finding))?;
        list.end()
    }
}

/// What was captured, as it stands in the books.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
enum Subject {
    Payment {
        payment_id: Option<String>,
        r#type: &'static str,
        status: &'static str,
        user_id: String,
        amount: Option<Amount>,
        currency: Option<Cow<'static, str>>,
    },
    Event {
        event_name: String,
        event_id: Option<String>,
        user_id: String,
    },
}

impl Subject {
    fn key(&self) -> &'static str {
        match self {
            Self::Payment { .. } => "payment",
            Self::Event { .. } => "event",
        }
    }

    fn of(payment: &Payment<'_>, currency: Option<Cow<'static, str>>) -> Self {
        let id = payment.payment_id.as_ref().map(|id| id.as_str().to_owned());
        let user_id = payment.user_id.as_str().to_owned();
        match &payment.occasion {
            Occasion::Payment(payment_type) => Self::Payment {
                payment_id: id,
                r#type: payment_type.as_str(),
                status: payment.status.as_str(),
                user_id,
                amount: payment.amount,
                currency,
            },
            Occasion::Event(name) => {
                Self::Event { event_name: name.clone().into_owned(), event_id: id, user_id }
            }
        }
    }
}

/// The decision as the store keeps it: each part as the JSON text it was written as.
#[derive(Debug, Serialize, serde::Deserialize)]
struct StoredDecision<'d> {
    #[serde(borrow)]
    verdict: &'d RawValue,
    reason: Option<&'d RawValue>,
    because: Option<&'d RawValue>,
    currency: Option<String>,
    events: &'d RawValue,
    findings: Vec<&'d RawValue>,
    mapping: &'d RawValue,
}

/// The answer to a signup.
#[derive(Debug, Serialize)]
pub struct SignedUp {
    /// Who is known now.
    pub user_id: String,
    /// The event of the signup, as a capture would answer it, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signup: Option<Captured>,
    /// The payments that waited for that, each as a capture would answer it.
    pub released: Vec<Captured>,
    /// Everything there is to say about the person's fields.
    pub findings: Findings,
}

/// The answer to a removal.
#[derive(Debug)]
pub struct RemovedAnswer(pub Removed);

impl Serialize for RemovedAnswer {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap as _;
        let Removed { payments, held, withheld, sent } = self.0;
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("deleted", &(payments + held))?;
        map.serialize_entry("withheld", &withheld)?;
        map.serialize_entry("already_sent", &sent)?;
        let because = (sent > 0).then_some("Meta has no way to take an event back");
        map.serialize_entry("because", &because)?;
        map.end()
    }
}

impl Captured {
    /// What becomes of it, as one word.
    #[must_use]
    pub fn verdict(&self) -> &str {
        match &self.told {
            Told::Fresh(decision) => decision.verdict.as_str(),
            Told::Stored(text) => StoredDecision::read(text).verdict.get().trim_matches('"'),
        }
    }

    /// Why it is not sent, as one word, where there is one.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match &self.told {
            Told::Fresh(decision) => decision.reason.map(Reason::as_str),
            Told::Stored(text) => {
                let reason = StoredDecision::read(text).reason?.get().trim_matches('"');
                (reason != "null").then_some(reason)
            }
        }
    }

    /// The answer for a payment that was recorded just now.
    pub(super) fn recorded(payment: &Payment<'_>, told: Told) -> Self {
        Self::of(payment, told, true)
    }

    /// The answer for a payment that waits for its user.
    pub(super) fn held(payment: &Payment<'_>, told: Told) -> Self {
        Self::of(payment, told, false)
    }

    /// The same, where a payment of another user waits under the same key.
    pub(super) fn beside_another(mut self) -> Self {
        let says = "a payment of another user waits under the same `payment_id` and `type`";
        let finding = Finding::in_body(Code::RepeatDiffers, "/user_id", says).help(
            "give each payment an id of its own: the user who signs up first gets this one, and the \
             other's is taken for its repetition",
        );
        self.besides.push(finding);
        self
    }

    /// The answer for a repetition: the first record, and what was ignored.
    pub(super) fn repeated(payment: &Payment<'_>, first: &StoredPayment) -> Self {
        let mut answer = Self::first(payment, first, true);
        answer.duplicate = true;
        answer
    }

    /// The answer for a payment of which an equal one waits already: that one, and what was ignored.
    pub(super) fn still_held(payment: &Payment<'_>, first: &StoredPayment) -> Self {
        Self::first(payment, first, false)
    }

    /// Whether it is recorded just now and goes to Meta, and there is nothing else to say.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let is_new = self.recorded && !self.duplicate && self.besides.is_empty();
        let is_silent = || match &self.told {
            Told::Fresh(decision) => decision.findings.is_empty(),
            Told::Stored(text) => StoredDecision::read(text).findings.is_empty(),
        };
        is_new && self.verdict() == Verdict::Forward.as_str() && is_silent()
    }

    fn first(payment: &Payment<'_>, first: &StoredPayment, recorded: bool) -> Self {
        let ignored = differences(&first.capture, payment).into_iter().collect();
        let body = json::read(first.capture.as_bytes()).ok();
        let stored = body
            .and_then(|body| payment::read_as(CaptureKind::Either, body, first.received_at).value);
        let payment = stored.as_ref().unwrap_or(payment);
        let mut answer = Self::of(payment, Told::Stored(first.decision.clone()), recorded);
        answer.besides = ignored;
        answer
    }

    fn of(payment: &Payment<'_>, told: Told, recorded: bool) -> Self {
        let currency = match &told {
            Told::Fresh(decision) => decision.currency.map(|currency| currency.code().into()),
            Told::Stored(text) => StoredDecision::read(text).currency.map(Cow::Owned),
        };
        let subject = Subject::of(payment, currency);
        let answer =
            Self { recorded, duplicate: false, subject, told, besides: Findings::default() };
        debug_assert!(answer.is_as_stored(), "a repetition will show another decision");
        answer
    }

    /// Whether the text in the books would tell the same.
    fn is_as_stored(&self) -> bool {
        let Told::Fresh(decision) = &self.told else { return true };
        let stored = Self {
            subject: self.subject.clone(),
            told: Told::Stored(decision.to_json()),
            besides: self.besides.clone(),
            ..*self
        };
        serde_json::to_string(&stored).ok() == serde_json::to_string(self).ok()
    }
}

impl<'d> StoredDecision<'d> {
    /// The parts of a text that the store kept; of one that a damaged database gives back, what is
    /// shown instead.
    fn read(text: &'d str) -> Self {
        serde_json::from_str(text).unwrap_or(Self {
            verdict: RawValue::NULL,
            reason: None,
            because: serde_json::from_str(UNREADABLE).ok(),
            currency: None,
            events: serde_json::from_str("[]").unwrap_or(RawValue::NULL),
            findings: Vec::new(),
            mapping: RawValue::NULL,
        })
    }
}

const UNREADABLE: &str = r#""the stored decision cannot be read""#;

/// The answer, unless the payment must be decided again.
pub(super) fn answered(
    payment: &Payment<'_>,
    told: impl Into<Told>,
    entered: &Entered,
) -> Option<Captured> {
    match entered {
        Entered::New => Some(Captured::recorded(payment, told.into())),
        Entered::Waiting => Some(Captured::held(payment, told.into())),
        Entered::WaitsBeside => Some(Captured::held(payment, told.into()).beside_another()),
        Entered::WaitsAlready(first) => Some(Captured::still_held(payment, first)),
        Entered::Duplicate(first) => Some(Captured::repeated(payment, first)),
        // Only a webhook's payment can be one that was taken back, and it is not answered here.
        Entered::UserIsKnown | Entered::TakenBack => None,
    }
}

/// A decision as the store keeps it, with the findings of an earlier one before its own.
pub(super) fn with_findings(decision: &str, earlier: &str) -> String {
    let parsed = |text| serde_json::from_str::<StoredDecision<'_>>(text).ok();
    let (Some(mut decision), Some(earlier)) = (parsed(decision), parsed(earlier)) else {
        return decision.to_owned();
    };
    decision.findings.splice(0..0, earlier.findings);
    serde_json::to_string(&decision).unwrap_or_default()
}

/// A decision as the store keeps it, with what was found while the payment was first read: what is
/// stored is cleaned by then, and does not show it again.
pub(super) fn with_reading(decision: &str, former: &str) -> String {
    #[derive(serde::Deserialize)]
    struct Coded<'f> {
        code: &'f str,
    }
    let of_reading = |finding: &RawValue| {
        let code = serde_json::from_str::<Coded<'_>>(finding.get()).ok();
        code.and_then(|coded| Code::read(coded.code)).is_some_and(|code| !Weights::may_name(code))
    };
    let Ok(mut earlier) = serde_json::from_str::<StoredDecision<'_>>(former) else {
        return decision.to_owned();
    };
    earlier.findings.retain(|finding| of_reading(finding));
    match serde_json::to_string(&earlier) {
        Ok(earlier) => with_findings(decision, &earlier),
        Err(_) => decision.to_owned(),
    }
}
