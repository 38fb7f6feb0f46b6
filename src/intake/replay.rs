//! Payments that went nowhere, decided anew under today's mapping.
//!
//! In: which payments. Out: of each, what was decided, what would be decided now, and whether it
//! was sent. Only what becomes sendable is changed; the rest keeps its first decision. Nothing
//! doubles: the event id is made of the payment's key as before, and a payment with a delivery is
//! never looked at. The person is known by hashed identifiers only, as ever.

use serde::Serialize;
use serde_json::value::RawValue;

use super::matching::looked_up;
use super::{Intake, Project, answer, decided, read};
use crate::core::catalog::rate::Lookup;
use crate::core::decide::{Decision, EventSummary, Reason, Verdict};
use crate::core::finding::Findings;
use crate::core::payment::{CaptureKind, PaymentId, PaymentType};
use crate::core::time::Timestamp;
use crate::store::{DecidedAnew, StoreError, Unsent, UnsentPayment};
use crate::telemetry;

/// Payments in one page: a request that stays well within a second.
const PAGE: usize = 500;

/// Which payments are decided anew, and how far that goes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Replay<'p> {
    /// Only of this project.
    pub project: Option<&'p Project>,
    /// Only skipped or only blocked ones.
    pub verdict: Option<Verdict>,
    /// Only of this type.
    pub payment_type: Option<PaymentType>,
    /// Only those that arrived then or later.
    pub since: Option<Timestamp>,
    /// Only those that arrived before.
    pub until: Option<Timestamp>,
    /// Shows, and changes nothing.
    pub dry_run: bool,
}

/// Some payments, and where to go on.
#[derive(Debug, Serialize)]
pub struct Replayed {
    /// In order of arrival.
    pub payments: Vec<ReplayedPayment>,
    /// The number behind which the next page begins; none behind the last.
    pub next: Option<i64>,
}

/// One payment under today's mapping.
#[derive(Debug, Serialize)]
pub struct ReplayedPayment {
    /// Whose books.
    pub project: String,
    /// The sender's id.
    pub payment_id: Option<String>,
    /// Its type.
    pub r#type: String,
    /// When it arrived.
    pub received_at: Timestamp,
    /// What was decided when it arrived.
    pub before: Option<Box<RawValue>>,
    /// What is decided now.
    pub now: DecidedNow,
    /// Whether its events are on their way now.
    pub sent: bool,
}

/// A decision of today.
#[derive(Debug, Serialize)]
pub struct DecidedNow {
    /// What becomes of the payment.
    pub verdict: Verdict,
    /// Why it is skipped or held.
    pub reason: Option<Reason>,
    /// The same in words.
    pub because: Option<String>,
    /// Its events, named as the answer to a capture names them.
    pub events: Option<Box<RawValue>>,
    /// Everything there is to say.
    pub findings: Findings,
}

/// A payment that has become sendable, and what was looked up for it.
type Change = (DecidedAnew, Option<Lookup>);

impl DecidedNow {
    fn of(decision: &Decision) -> Self {
        let events: Vec<EventSummary<'_>> = decision.events.iter().map(EventSummary::of).collect();
        Self {
            verdict: decision.verdict,
            reason: decision.reason,
            because: decision.because.clone(),
            events: serde_json::value::to_raw_value(&events).ok(),
            findings: decision.findings.clone(),
        }
    }
}

impl Intake {
    /// Decides a page of payments anew, those behind the number `after`.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails; then this page changed nothing.
    pub async fn replay(
        &self,
        projects: &[Project],
        replay: Replay<'_>,
        after: i64,
    ) -> Result<Replayed, StoreError> {
        let which = Unsent {
            project: replay.project.map(|project| project.key),
            verdict: replay.verdict.map(Verdict::as_str),
            payment_type: replay.payment_type.map(PaymentType::as_str),
            since: replay.since,
            until: replay.until,
        };
        let found = self.store.unsent(which, after, PAGE).await?;
        let next = found.last().map(|last| last.seq).filter(|_| found.len() == PAGE);
        let now = self.clock.now();
        let mut payments = Vec::with_capacity(found.len());
        let (mut anew, mut sendable) = (Vec::new(), Vec::new());
        for unsent in found {
            let of = projects.iter().find(|project| project.key == unsent.project);
            let Some(project) = of else { continue };
            let Some((payment, change)) = self.again(project, unsent, now).await? else { continue };
            if let Some((change, lookup)) = change.filter(|_| !replay.dry_run) {
                anew.push(change);
                sendable.push((payments.len(), project, lookup));
            }
            payments.push(payment);
        }
        if !anew.is_empty() {
            let done = self.store.decide_anew(anew, now).await?;
            for ((place, project, lookup), done) in sendable.into_iter().zip(done) {
                payments[place].sent = done;
                if let Some(lookup) = lookup.filter(|_| done) {
                    self.matching.note(project, &lookup);
                }
            }
        }
        Ok(Replayed { payments, next })
    }

    /// A payment under today's mapping, and the change if it has become sendable. Nothing of a
    /// record that a damaged database gives back broken: it must not stop the others.
    async fn again(
        &self,
        project: &Project,
        unsent: UnsentPayment,
        now: Timestamp,
    ) -> Result<Option<(ReplayedPayment, Option<Change>)>, StoreError> {
        let ruled = project.ruled();
        let arrival = ruled.arrival(unsent.received_at);
        let Ok((payment, _)) = read(CaptureKind::Either, unsent.capture.as_bytes(), arrival) else {
            telemetry::unreadable(&project.name, "payment", unsent.seq);
            return Ok(None);
        };
        let users = self.users(project, vec![payment.user_id.as_str().to_owned()]).await?;
        let user = users.first().and_then(Option::as_deref);
        let mut decision = decided(&ruled, &payment, user, now);
        let replayed = ReplayedPayment {
            project: project.name.clone(),
            payment_id: payment.payment_id.as_ref().map(PaymentId::as_str).map(str::to_owned),
            r#type: payment.occasion.key(),
            received_at: unsent.received_at,
            before: RawValue::from_string(unsent.decision.clone()).ok(),
            now: DecidedNow::of(&decision),
            sent: false,
        };
        if decision.verdict != Verdict::Forward {
            return Ok(Some((replayed, None)));
        }
        let lookup = looked_up(&mut decision);
        let json = answer::with_reading(&decision.to_json(), &unsent.decision);
        let deliveries = self.deliveries(&mut decision);
        let UnsentPayment { seq, decision: former, .. } = unsent;
        let change = DecidedAnew { seq, former, decision: json, deliveries };
        Ok(Some((replayed, Some((change, lookup)))))
    }
}
