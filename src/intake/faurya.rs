//! The way in for Faurya's API: payments of visitors who exist, deletions, visitors.
//!
//! In: bodies in Faurya's words. Out: what its answers need. A payment becomes a capture and goes
//! the way of every capture; what differs stands here: its visitor must be known already, its site
//! must be there, its month must have room, and a repetition is a refusal. In that order, and a
//! refusal leaves nothing behind.

use std::sync::Arc;

use super::matching::looked_up;
use super::{Captured, Intake, Project, Refused, Ruled, answered, decided, parse, read, record_id};
use crate::core::finding::Findings;
use crate::core::payment::faurya::{self, Deletion};
use crate::core::payment::{CaptureKind, UserId};
use crate::core::time::Timestamp;
use crate::core::user::User;
use crate::store::{Doomed, Entered, NewSignup, Removed, StoreError};

/// Why a call of Faurya's API was not served.
#[derive(Debug)]
pub enum NotServed {
    /// The body is at fault.
    Body(Findings),
    /// The site is gone.
    NoSite,
    /// Nobody made this visitor known.
    NoVisitor,
    /// No payment matches a deletion.
    NothingToDelete,
    /// The transaction is in the books already.
    Duplicate {
        /// Its id.
        transaction_id: String,
    },
    /// The month has as many payments as the project allows.
    LimitReached {
        /// Until the next month begins.
        seconds: u64,
    },
    /// The store is at fault; nothing was promised.
    Store(StoreError),
}

impl From<StoreError> for NotServed {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Refused> for NotServed {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Body(findings) => Self::Body(findings),
            Refused::NothingToRemove => Self::NothingToDelete,
            Refused::Store(error) => Self::Store(error),
        }
    }
}

/// A payment that was recorded just now.
#[derive(Debug)]
pub struct Recorded {
    /// Its id.
    pub transaction_id: String,
    /// What a capture would have answered.
    pub captured: Captured,
}

/// What was deleted.
#[derive(Debug)]
pub struct Deleted {
    /// What the call meant.
    pub deletion: Deletion,
    /// Until when a range went that named no end.
    pub now: Timestamp,
    /// What was found.
    pub removed: Removed,
}

/// A visitor who is known now.
#[derive(Debug)]
pub struct VisitorMade {
    /// The id, as sent or made.
    pub id: String,
    /// Everything there is to say about the person's fields.
    pub findings: Findings,
}

/// What is known of a visitor.
#[derive(Debug)]
pub struct KnownVisitor {
    /// The id.
    pub id: String,
    /// Since when.
    pub since: Timestamp,
    /// Which of Meta's fields of a person are known; their values are hashed.
    pub fields: Vec<&'static str>,
}

impl Intake {
    /// Records a payment of a visitor. What it answers is on stable storage.
    ///
    /// # Errors
    /// [`NotServed`]: nothing was recorded, and the transaction id is as free as it was.
    pub async fn record_of_site(
        &self,
        project: &Project,
        body: &[u8],
    ) -> Result<Recorded, NotServed> {
        let now = self.clock.now();
        let body = parse(body)?;
        let reading = faurya::read_payment(&body);
        let Some(sent) = reading.value else { return Err(NotServed::Body(reading.findings)) };
        let user = self.visitor(project, &sent.visitor).await?;
        let transaction_id = sent.transaction_id.as_str().to_owned();
        let capture = sent.to_capture();
        match self.record_within(&project.ruled(), capture.as_bytes(), (&user, now)).await? {
            Some((Entered::New, captured)) => Ok(Recorded { transaction_id, captured }),
            Some(_) => Err(NotServed::Duplicate { transaction_id }),
            None => {
                let millis = now.month().1.millis_since(now);
                Err(NotServed::LimitReached { seconds: millis.unsigned_abs().div_ceil(1_000) })
            }
        }
    }

    /// Deletes payments.
    ///
    /// # Errors
    /// [`NotServed`]: nothing was deleted.
    pub async fn delete_of_site(
        &self,
        project: &Project,
        body: &[u8],
    ) -> Result<Deleted, NotServed> {
        let reading = faurya::read_deletion(&parse(body)?);
        let Some(deletion) = reading.value else { return Err(NotServed::Body(reading.findings)) };
        is_open(project)?;
        let now = self.clock.now();
        let doomed = match &deletion {
            Deletion::Transaction(id) => Doomed::Key(faurya::TYPE.as_str(), id.as_str().to_owned()),
            Deletion::Matching { visitor, from, to } => {
                let visitor = visitor.as_ref().map(|id| id.as_str().to_owned());
                let from = from.unwrap_or(Timestamp::from_millis(i64::MIN));
                Doomed::Arrived(visitor, (from, to.unwrap_or(now)))
            }
        };
        let removed = self.store.remove_all(project.key, doomed, now).await?;
        if removed.payments + removed.held == 0 {
            return Err(NotServed::NothingToDelete);
        }
        Ok(Deleted { deletion, now, removed })
    }

    /// Makes a visitor known, or corrects what is known.
    ///
    /// # Errors
    /// [`NotServed`]: the visitor is not known.
    pub async fn make_visitor(
        &self,
        project: &Project,
        body: &[u8],
    ) -> Result<VisitorMade, NotServed> {
        let now = self.clock.now();
        let ruled = project.ruled();
        let reading = faurya::read_visitor(&parse(body)?, ruled.arrival(now));
        let Some(visitor) = reading.value else { return Err(NotServed::Body(reading.findings)) };
        is_open(project)?;
        let id = match visitor.id {
            Some(id) => id.as_str().to_owned(),
            None => record_id(now),
        };
        let signup = NewSignup {
            project: project.key,
            user_id: id.clone(),
            user: visitor.user,
            install: None,
            first: None,
        };
        self.admit(&ruled, signup, now).await?;
        Ok(VisitorMade { id, findings: reading.findings })
    }

    /// What is known of a visitor.
    ///
    /// # Errors
    /// [`NotServed`]: nobody made such a visitor known, or the store is at fault.
    pub async fn look_at_visitor(
        &self,
        project: &Project,
        id: &str,
    ) -> Result<KnownVisitor, NotServed> {
        let id = UserId::read(id).ok_or(NotServed::NoVisitor)?;
        let user = self.visitor(project, &id).await?;
        let id = id.as_str().to_owned();
        let since = self.store.known_since(project.key, id.clone()).await?;
        let since = since.ok_or(NotServed::NoVisitor)?;
        Ok(KnownVisitor { id, since, fields: user.user_data.keys().collect() })
    }

    /// What is known of a visitor of a site that is there. Where payments of unknown users count,
    /// an unknown visitor is unknown all the same: Faurya promises so.
    async fn visitor(&self, project: &Project, id: &UserId) -> Result<Arc<User>, NotServed> {
        is_open(project)?;
        let found = self.store.users(project.key, vec![id.as_str().to_owned()]).await?;
        found.into_iter().next().flatten().ok_or(NotServed::NoVisitor)
    }

    /// Decides a capture of a known user and records it, if its month has room.
    async fn record_within(
        &self,
        project: &Ruled<'_>,
        capture: &[u8],
        (user, now): (&User, Timestamp),
    ) -> Result<Option<(Entered, Captured)>, NotServed> {
        let (payment, findings) = read(CaptureKind::Payment, capture, project.arrival(now))?;
        self.clock.pass("decide", payment.user_id.as_str());
        let mut decision = decided(project, &payment, Some(user), now);
        decision.findings.extend(findings);
        let lookup = looked_up(&mut decision);
        let new = self.new_payment(project, &payment, &mut decision);
        let limit = project.project.site.max_payments_per_month;
        let Some(entered) = self.store.record_within(new, limit).await? else { return Ok(None) };
        if let (Some(lookup), Entered::New) = (&lookup, &entered) {
            self.matching.note(project.project, lookup);
        }
        let captured = answered(&payment, decision, &entered);
        Ok(captured.map(|captured| (entered, captured)))
    }
}

fn is_open(project: &Project) -> Result<(), NotServed> {
    if project.site.closed { Err(NotServed::NoSite) } else { Ok(()) }
}
