//! What a provider tells, into the books: a capture, a payment taken back, or nothing.
//!
//! In: the meaning of a webhook whose signature is right. Out: what became of it. A provider tells
//! everything at least once and in any order, so a payment that was taken back, by its refund or by
//! `remove-payment`, is not brought back by a late repetition of its first event. And a backend that
//! told the payment itself may have given it a type that no provider knows: then it is recorded.

use serde_json::json;

use super::{Captured, Intake, Project, Refused, RemovedAnswer};
use crate::core::finding::Findings;
use crate::core::payment::CaptureKind;
use crate::core::webhook::Meaning;
use crate::store::{KnownAs, StoreError};

/// What became of a webhook.
#[derive(Debug)]
pub enum Heard {
    /// The payment is in the books, was there before, or waits for its user.
    Captured(Box<Captured>),
    /// The payment is in the books under this other type: somebody else told it before.
    RecordedAs(String),
    /// The payment was taken back before; it stays so.
    TakenBackBefore,
    /// The payment was taken back now.
    TakenBack(RemovedAnswer),
    /// No payment is known under the ids of the refund.
    NothingToTakeBack,
    /// Part of the money went back: nothing changes.
    PartialRefund,
    /// It is no payment; the sentence says why.
    Ignored(&'static str),
    /// Its type is not read.
    Unknown,
    /// It should be a payment and cannot be understood.
    Fault(&'static str),
    /// It is a payment that the reader of captures refuses.
    Refused(Findings),
}

impl Intake {
    /// Does what a webhook means. What it answers is on stable storage.
    ///
    /// # Errors
    /// [`StoreError`]: nothing was promised, and the provider should try again.
    pub async fn hear(&self, project: &Project, meaning: Meaning) -> Result<Heard, StoreError> {
        match meaning {
            Meaning::Capture(capture) => {
                match self.store.known_as(project.key, capture.payment_id).await? {
                    KnownAs::Removed => return Ok(Heard::TakenBackBefore),
                    KnownAs::Recorded(types) => {
                        let own = capture.payment_type.as_str();
                        // Of its own type it is a repetition like any other; the capture says so.
                        let is_other = types.iter().all(|known| known != own);
                        if let Some(known) = types.into_iter().next().filter(|_| is_other) {
                            return Ok(Heard::RecordedAs(known));
                        }
                    }
                    KnownAs::Nothing => {}
                }
                match self.capture(project, CaptureKind::Payment, capture.body.as_bytes()).await {
                    Ok(captured) => Ok(Heard::Captured(Box::new(captured))),
                    Err(Refused::Store(error)) => Err(error),
                    Err(Refused::Body(findings)) => Ok(Heard::Refused(findings)),
                    Err(Refused::NothingToRemove) => Ok(Heard::NothingToTakeBack),
                }
            }
            Meaning::Refund(ids) => self.take_back(project, ids).await,
            Meaning::PartialRefund => Ok(Heard::PartialRefund),
            Meaning::Ignored(because) => Ok(Heard::Ignored(because)),
            Meaning::Unknown => Ok(Heard::Unknown),
            Meaning::Fault(says) => Ok(Heard::Fault(says)),
        }
    }

    /// Takes back what is recorded or held under the first of the ids that is known.
    async fn take_back(&self, project: &Project, ids: Vec<String>) -> Result<Heard, StoreError> {
        for id in ids {
            let body = json!({ "payment_id": id }).to_string();
            match self.remove(project, body.as_bytes()).await {
                Ok(removed) => return Ok(Heard::TakenBack(removed)),
                Err(Refused::Store(error)) => return Err(error),
                Err(Refused::NothingToRemove | Refused::Body(_)) => {}
            }
        }
        Ok(Heard::NothingToTakeBack)
    }
}
