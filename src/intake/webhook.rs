//! What a provider tells, into the books: a capture, a payment taken back, or nothing.
//!
//! In: the meaning of a webhook whose signature is right. Out: what became of it. A provider tells
//! everything at least once and in any order, so a payment that was taken back, by its refund or by
//! `remove-payment`, is not brought back by a late repetition of its first event. And a backend may
//! tell the same payment, under a type that no provider knows: whoever comes second repeats the
//! first (`store::Source`).

use serde_json::json;

use super::{Captured, Intake, Project, Refused, RemovedAnswer, answered, read};
use crate::core::finding::Findings;
use crate::core::payment::CaptureKind;
use crate::core::webhook::Meaning;
use crate::store::{Entered, StoreError};

/// What became of a webhook.
#[derive(Debug)]
pub enum Heard {
    /// The payment is in the books, was there before, or waits for its user.
    Captured(Box<Captured>),
    /// The payment was taken back before; it stays so.
    TakenBackBefore,
    /// The payment was taken back now.
    TakenBack(RemovedAnswer),
    /// Another id of a payment is known now.
    Noted,
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
                if let Some(alias) = capture.alias {
                    self.store.note_alias(project.key, (alias, capture.payment_id)).await?;
                }
                self.told(project, capture.body.as_bytes()).await
            }
            Meaning::Alias { alias, payment_id } => {
                self.store.note_alias(project.key, (alias, payment_id)).await?;
                Ok(Heard::Noted)
            }
            Meaning::Refund(ids) => self.take_back(project, ids).await,
            Meaning::PartialRefund => Ok(Heard::PartialRefund),
            Meaning::Ignored(because) => Ok(Heard::Ignored(because)),
            Meaning::Unknown => Ok(Heard::Unknown),
            Meaning::Fault(says) => Ok(Heard::Fault(says)),
        }
    }

    /// Records or holds a payment as its provider tells it.
    async fn told(&self, project: &Project, body: &[u8]) -> Result<Heard, StoreError> {
        let now = self.clock.now();
        let project = &project.ruled_for_provider();
        let readable = match read(CaptureKind::Payment, body, project.arrival(now)) {
            Ok((payment, findings)) => [(0, payment, findings)],
            Err(refused) => return Ok(Heard::Refused(refused.into_findings())),
        };
        loop {
            let entered = self.enter(project, &readable, now).await?;
            let [(_, payment, _)] = &readable;
            match entered.into_iter().next() {
                Some((Entered::TakenBack, _)) => return Ok(Heard::TakenBackBefore),
                Some((entered, decision)) => {
                    // Twice at most: a user who becomes known between the look and the hold stays known.
                    if let Some(captured) = answered(payment, decision, &entered) {
                        return Ok(Heard::Captured(Box::new(captured)));
                    }
                }
                None => return Err(StoreError::Closed),
            }
        }
    }

    /// Takes back what is recorded or held under the first of the ids that is known, or of which one
    /// of them is known as another name.
    async fn take_back(&self, project: &Project, ids: Vec<String>) -> Result<Heard, StoreError> {
        let mut all = ids.clone();
        for id in ids {
            all.extend(self.store.of_alias(project.key, id).await?);
        }
        for id in all {
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
