//! What is written down of a delivery on its way: itself, each attempt, and its death.
//!
//! In: what an attempt met. Out: the records that the books keep. Deliberately absent: keeping
//! them (`store`), and any decision.

use std::sync::Arc;

use super::DeathReason;
use crate::core::batch::Planned;
use crate::core::meta::answer::Outcome;
use crate::core::time::Timestamp;

/// The outcome of an attempt that Meta accepted.
pub const ACCEPTED: &str = "accepted";

/// One frozen event on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its number in the log.
    pub seq: i64,
    /// The latest moment at which Meta takes its event.
    pub expires_at: Timestamp,
    /// The frozen event.
    pub body: Arc<str>,
    /// How often it was tried since it left the order; 0 for one that never did.
    pub tries: u32,
}

impl Planned for Delivery {
    fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
    fn body(&self) -> &str {
        &self.body
    }
}

/// One request to Meta, as it is written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// When it was sent.
    pub at: Timestamp,
    /// How long the answer took, in milliseconds.
    pub millis: i64,
    /// The deliveries it carried, ascending. Never empty.
    pub deliveries: Vec<i64>,
    /// `accepted`, `unanswered`, `panicked`, or the fault of a refusal.
    pub outcome: &'static str,
    /// HTTP status, where there was one.
    pub status: Option<u16>,
    /// Meta's code.
    pub code: Option<i64>,
    /// Meta's subcode.
    pub subcode: Option<i64>,
    /// Meta's words, or ours about its silence.
    pub says: String,
    /// Meta's id of the request.
    pub trace_id: Option<String>,
}

impl Attempt {
    /// What a request with these deliveries met, sent at `at` and answered after `millis`.
    #[must_use]
    pub fn of(request: &[Delivery], at: Timestamp, millis: i64, outcome: &Outcome) -> Self {
        let mut deliveries: Vec<i64> = request.iter().map(|delivery| delivery.seq).collect();
        deliveries.sort_unstable();
        let mut attempt = Self {
            at,
            millis,
            deliveries,
            outcome: "unanswered",
            status: None,
            code: None,
            subcode: None,
            says: String::new(),
            trace_id: None,
        };
        match outcome {
            Outcome::Accepted { trace_id } => {
                attempt.outcome = ACCEPTED;
                attempt.trace_id.clone_from(trace_id);
            }
            Outcome::Refused(refusal) => {
                attempt.outcome = refusal.fault.as_str();
                attempt.status = Some(refusal.status);
                attempt.code = Some(refusal.code);
                attempt.subcode = refusal.subcode;
                attempt.says.clone_from(&refusal.says);
                attempt.trace_id.clone_from(&refusal.trace_id);
            }
            Outcome::Unanswered { says } => attempt.says.clone_from(says),
        }
        attempt
    }

    /// A request of this one delivery over which our own code panicked. Whether it was sent is not
    /// known.
    #[must_use]
    pub fn panicked(delivery: &Delivery, at: Timestamp, millis: i64) -> Self {
        Self {
            at,
            millis,
            deliveries: vec![delivery.seq],
            outcome: "panicked",
            status: None,
            code: None,
            subcode: None,
            says: "a fault of Tillpost's own met this event".to_owned(),
            trace_id: None,
        }
    }

    /// What a log may show of it: codes. Meta's words may quote what was sent.
    #[must_use]
    pub fn shown(&self) -> String {
        match (self.code, self.subcode) {
            (Some(code), Some(subcode)) => format!("code {code}/{subcode}"),
            (Some(code), None) => format!("code {code}"),
            (None, _) => self.says.clone(),
        }
    }
}

/// A delivery that needs a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dead {
    /// Which.
    pub delivery: i64,
    /// Since when.
    pub at: Timestamp,
    /// Why.
    pub reason: DeathReason,
    /// Meta's code.
    pub code: Option<i64>,
    /// Meta's subcode.
    pub subcode: Option<i64>,
    /// Meta's words, or ours.
    pub says: String,
    /// Meta's id of the request.
    pub trace_id: Option<String>,
}

impl Dead {
    /// One that Meta refused in this attempt.
    #[must_use]
    pub fn refused(delivery: i64, reason: DeathReason, attempt: &Attempt) -> Self {
        Self {
            delivery,
            at: attempt.at,
            reason,
            code: attempt.code,
            subcode: attempt.subcode,
            says: attempt.says.clone(),
            trace_id: attempt.trace_id.clone(),
        }
    }

    /// One that became too old before it could be sent.
    #[must_use]
    pub fn too_old(delivery: i64, at: Timestamp) -> Self {
        Self {
            delivery,
            at,
            reason: DeathReason::TooOld,
            code: None,
            subcode: None,
            says: "it became older than Meta takes before it could be delivered".to_owned(),
            trace_id: None,
        }
    }
}
