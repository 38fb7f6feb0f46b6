//! The way in: read, know the user, decide, record. The one path for every API and for imports.
//!
//! In: the body of a request and the project it belongs to. Out: what is now in the books, in the
//! words of the answer. Everything that decides is the core's; everything that lasts is the
//! store's; this module puts them in order and closes the gaps between them: a payment that races
//! its own signup, a repetition that races its first, a crash between signup and release.

mod answer;
mod client;
pub mod dead;
pub mod faurya;
pub mod import;
mod known;
mod live;
mod matching;
mod poison;
mod project;
pub mod replay;
pub mod webhook;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub use answer::{Captured, RemovedAnswer, SignedUp};
pub use live::{InForce, LiveMapping, RefusedFile};
pub use matching::CatalogReport;
pub use project::Project;

use answer::{Told, answered};
use client::Origin;
use matching::{Matching, looked_up};
use project::Ruled;

use crate::clock::Clock;
use crate::config::Users;
use crate::core::decide::{Case, Decision, FrozenEvent, Verdict, decide};
use crate::core::dry_run::{DryRun, Ruling, dry_run};
use crate::core::finding::{Code, Finding, Findings};
use crate::core::json::{self, Json};
use crate::core::mapping::DatasetName;
use crate::core::payment::{self, Arrival, CaptureKind, Payment, Reading, UserId};
use crate::core::signup;
use crate::core::time::Timestamp;
use crate::core::user::User;
use crate::store::{DatasetKey, Entered, Entry, HeldPayment, NewPayment, Store, StoreError};
use crate::telemetry;

/// Why a request was not served.
#[derive(Debug)]
pub enum Refused {
    /// The body is at fault; nothing was stored.
    Body(Findings),
    /// No payment matches a removal.
    NothingToRemove,
    /// The store is at fault; nothing was promised.
    Store(StoreError),
}

impl Refused {
    /// What is wrong with the body; nothing where the body is not at fault.
    #[must_use]
    pub fn into_findings(self) -> Findings {
        match self {
            Self::Body(findings) => findings,
            Self::NothingToRemove | Self::Store(_) => Findings::default(),
        }
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The way in. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Intake {
    store: Store,
    clock: Clock,
    datasets: BTreeMap<DatasetName, DatasetKey>,
    matching: Matching,
}

impl Intake {
    /// The way into this store.
    #[must_use]
    pub fn new(store: Store, clock: Clock, datasets: BTreeMap<DatasetName, DatasetKey>) -> Self {
        Self { store, clock, datasets, matching: Matching::default() }
    }

    /// Where events can go: names, and numbers in the books.
    #[must_use]
    pub fn datasets(&self) -> &BTreeMap<DatasetName, DatasetKey> {
        &self.datasets
    }

    /// Takes a capture. What it answers is on stable storage.
    ///
    /// # Errors
    /// [`Refused`]: the body or the store is at fault, and nothing was recorded.
    pub async fn capture(
        &self,
        project: &Project,
        kind: CaptureKind,
        body: &[u8],
    ) -> Result<Captured, Refused> {
        let answers = self.capture_all(project, kind, &[body]).await?;
        answers.into_iter().next().unwrap_or_else(|| Err(Refused::Body(Findings::default())))
    }

    /// Takes captures, in this order and in one transaction; one bad body spoils no other.
    ///
    /// # Errors
    /// [`StoreError`]: nothing was recorded. The bodies' own faults are among the answers.
    pub async fn capture_all(
        &self,
        project: &Project,
        kind: CaptureKind,
        bodies: &[&[u8]],
    ) -> Result<Vec<Result<Captured, Refused>>, StoreError> {
        self.take_safely(&project.ruled(), (kind, Origin::Caller), bodies).await
    }

    async fn take(
        &self,
        project: &Ruled<'_>,
        (kind, origin): (CaptureKind, Origin),
        bodies: &[&[u8]],
        has_entered: &AtomicBool,
    ) -> Result<Vec<Result<Captured, Refused>>, StoreError> {
        let now = self.clock.now();
        let mut answers = Vec::with_capacity(bodies.len());
        let mut readable = Vec::with_capacity(bodies.len());
        for body in bodies {
            let read = read(kind, body, project.arrival(now)).and_then(|read| match origin {
                Origin::Ourselves => Ok(read),
                Origin::Caller => {
                    let is_free = client::not_reserved(project, &read.0.occasion);
                    is_free.map(|()| read).map_err(Refused::Body)
                }
            });
            match read {
                Ok((payment, findings)) => {
                    readable.push((answers.len(), payment, findings));
                    answers.push(None);
                }
                Err(refused) => answers.push(Some(Err(refused))),
            }
        }
        // Twice at most: a user who becomes known between the look and the hold stays known.
        while !readable.is_empty() {
            let entered = self.enter(project, &readable, now).await?;
            has_entered.store(true, Ordering::Relaxed);
            let mut again = Vec::new();
            for ((place, payment, findings), (entered, decision)) in
                readable.into_iter().zip(entered)
            {
                self.clock.pass("tell", payment.user_id.as_str());
                match answered(&payment, decision, &entered) {
                    Some(captured) => answers[place] = Some(Ok(captured)),
                    None => again.push((place, payment, findings)),
                }
            }
            readable = again;
        }
        Ok(answers.into_iter().flatten().collect())
    }

    /// What would become of a capture at this moment. Nothing is stored.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot say what is known of the user.
    pub async fn dry_run(&self, project: &Project, body: &[u8]) -> Result<DryRun, StoreError> {
        let now = self.clock.now();
        let ruled = project.ruled();
        let user = match read(CaptureKind::Either, body, ruled.arrival(now)) {
            Ok((payment, _)) => {
                let user_id = payment.user_id.as_str().to_owned();
                self.users(project, vec![user_id]).await?.into_iter().next().flatten()
            }
            Err(_) => None,
        };
        let (mapping, currency) = (&*ruled.mapping, project.currency);
        Ok(dry_run(body, Ruling { mapping, user: user.as_deref(), currency, now }))
    }

    /// Takes payments back.
    ///
    /// # Errors
    /// [`Refused`]: the body or the store is at fault, or nothing matches.
    pub async fn remove(&self, project: &Project, body: &[u8]) -> Result<RemovedAnswer, Refused> {
        let reading = signup::read_removal(&parse(body)?);
        let Some(removal) = reading.value else { return Err(Refused::Body(reading.findings)) };
        let removal = removal.understood(project.remove_by_user_wins);
        let user_id = removal.user_id.map(|id| id.as_str().to_owned());
        let payment_id = removal.payment_id.map(|id| id.as_str().to_owned());
        let now = self.clock.now();
        let removed = self.store.remove(project.key, user_id, payment_id, now).await?;
        if removed.payments + removed.held == 0 {
            return Err(Refused::NothingToRemove);
        }
        Ok(RemovedAnswer(removed))
    }

    /// How many ids of the events the catalogues of these projects have.
    #[must_use]
    pub fn match_rates(&self, projects: &[Project]) -> Vec<CatalogReport> {
        self.matching.report(projects)
    }

    /// Releases payments whose user became known before a crash. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails; the rest waits for the next start.
    pub async fn release_left_behind(&self, projects: &[Project]) -> Result<usize, StoreError> {
        let held = self.store.releasable(self.clock.now()).await?;
        let mut count = 0;
        for payment in held {
            let Some(project) = projects.iter().find(|project| project.key == payment.project)
            else {
                continue;
            };
            match self.release_safely(&project.ruled(), payment).await {
                Ok(released) => count += usize::from(released.is_some()),
                Err(Refused::Store(error)) => return Err(error),
                Err(Refused::Body(_) | Refused::NothingToRemove) => {}
            }
        }
        Ok(count)
    }

    /// Decides each payment and enters all: recorded, or held where the user is not known.
    async fn enter(
        &self,
        project: &Ruled<'_>,
        payments: &[(usize, Payment<'_>, Findings)],
        now: Timestamp,
    ) -> Result<Vec<(Entered, Decision)>, StoreError> {
        let ids = payments.iter().map(|(_, payment, _)| payment.user_id.as_str().to_owned());
        let users = self.users(project.project, ids.collect()).await?;
        let mut entries = Vec::with_capacity(payments.len());
        let mut decisions = Vec::with_capacity(payments.len());
        let mut lookups = Vec::with_capacity(payments.len());
        for ((_, payment, findings), user) in payments.iter().zip(&users) {
            self.clock.pass("decide", payment.user_id.as_str());
            let mut decision = decided(project, payment, user.as_deref(), now);
            // What was found while reading belongs to the record: a story should have it too.
            decision.findings.extend(findings.clone());
            lookups.push(looked_up(&mut decision));
            let held = decision.verdict == Verdict::Hold;
            let new = self.new_payment(project, payment, &mut decision);
            decisions.push(decision);
            entries.push(if held {
                Entry::Hold(new, now.plus_millis(project.project.hold_millis))
            } else {
                Entry::Record(new)
            });
        }
        let entered = self.store.enter(entries).await?;
        let looked_up = entered.iter().zip(&lookups).filter_map(|(entered, lookup)| {
            lookup.as_ref().filter(|_| matches!(entered, Entered::New))
        });
        looked_up.for_each(|lookup| self.matching.note(project.project, lookup));
        Ok(entered.into_iter().zip(decisions).collect())
    }

    /// Decides a held payment anew, now that its user is known, and records it.
    async fn release(
        &self,
        project: &Ruled<'_>,
        held: HeldPayment,
    ) -> Result<Option<Captured>, Refused> {
        // A record that a damaged database gives back broken must not stop the others.
        let arrival = project.arrival(held.received_at);
        let read = read(CaptureKind::Either, held.capture.as_bytes(), arrival);
        let (Ok((mut payment, _)), Some(user_id)) = (read, UserId::read(&held.user_id)) else {
            telemetry::unreadable(&project.project.name, "held payment", held.id);
            return Ok(None);
        };
        // It may have come from an installation whose user is known by now.
        payment.user_id = user_id;
        let users = self.users(project.project, vec![held.user_id]).await?;
        let user = users.first().and_then(Option::as_deref);
        // A calendar that was set back since makes no payment one of the future.
        let now = self.clock.now().max(held.received_at);
        let mut decision = decided(project, &payment, user, now);
        if decision.verdict == Verdict::Hold {
            return Ok(None);
        }
        let lookup = looked_up(&mut decision);
        let new = self.new_payment(project, &payment, &mut decision);
        // What was found while the payment was read belongs to its record.
        let json = answer::with_findings(&new.decision, &held.decision);
        let new = NewPayment { source: held.source, decision: json.clone(), ..new };
        let entered = self.store.release(held.id, new).await?;
        if let (Some(lookup), Some(Entered::New)) = (&lookup, &entered) {
            self.matching.note(project.project, lookup);
        }
        Ok(entered.and_then(|entered| answered(&payment, Told::Stored(json), &entered)))
    }

    /// What is known of users. Where everybody counts, an unknown user is one without fields.
    async fn users(
        &self,
        project: &Project,
        user_ids: Vec<String>,
    ) -> Result<Vec<Option<Arc<User>>>, StoreError> {
        let stand_ins: Vec<bool> = user_ids.iter().map(|id| UserId::is_stand_in(id)).collect();
        let known = self.store.users(project.key, user_ids).await?;
        Ok(match project.users {
            Users::Known => known,
            Users::Open => known
                .into_iter()
                .zip(stand_ins)
                .map(|(user, stand_in)| user.or_else(|| (!stand_in).then(Arc::default)))
                .collect(),
        })
    }

    /// What goes into the books. The bytes of the events go with it; the rest of the decision stays
    /// for the answer.
    fn new_payment(
        &self,
        project: &Ruled<'_>,
        payment: &Payment<'_>,
        decision: &mut Decision,
    ) -> NewPayment {
        NewPayment {
            project: project.project.key,
            source: project.source_of(payment),
            payment_type: payment.occasion.key(),
            payment_id: payment.payment_id.as_ref().map(|id| id.as_str().to_owned()),
            user_id: payment.user_id.as_str().to_owned(),
            received_at: payment.received_at,
            capture: payment.to_stored(),
            decision: decision.to_json(),
            deliveries: self.deliveries(decision),
        }
    }

    /// The deliveries of a decision: dataset, the latest moment at which Meta takes it, bytes, which
    /// are taken out of it.
    fn deliveries(&self, decision: &mut Decision) -> Vec<(DatasetKey, Timestamp, Arc<str>)> {
        // Every dataset of a mapping is configured (M409), so none is passed over here.
        let delivery = |event: &mut FrozenEvent| {
            let body = std::mem::take(&mut event.body);
            Some((*self.datasets.get(&event.dataset)?, event.expires_at, body.into()))
        };
        decision.events.iter_mut().filter_map(delivery).collect()
    }
}

fn decided(
    project: &Ruled<'_>,
    payment: &Payment<'_>,
    user: Option<&User>,
    now: Timestamp,
) -> Decision {
    let record_id = if payment.payment_id.is_some() { String::new() } else { record_id(now) };
    decide(Case {
        mapping: &project.mapping,
        payment,
        user,
        currency: project.project.currency,
        record_id: &record_id,
        now,
    })
}

fn read(
    kind: CaptureKind,
    body: &[u8],
    arrival: Arrival,
) -> Result<(Payment<'_>, Findings), Refused> {
    let Reading { value, findings } = payment::read_as(kind, parse(body)?, arrival);
    match value {
        Some(payment) => Ok((payment, findings)),
        None => Err(Refused::Body(findings)),
    }
}

fn parse(body: &[u8]) -> Result<Json<'_>, Refused> {
    json::read(body).map_err(|fault| {
        let says = format!("the body is not JSON: {fault}");
        let finding = Finding::in_body(Code::NotJson, "", says);
        Refused::Body(Findings::from_iter([finding]))
    })
}

/// An id for the event of a payment that has none: unique, and ordered by time. Few need one.
fn record_id(now: Timestamp) -> String {
    let seconds = u64::try_from(now.seconds()).unwrap_or(0);
    let moment = uuid::Timestamp::from_unix(uuid::NoContext, seconds, 0);
    uuid::Uuid::new_v7(moment).simple().to_string()
}
