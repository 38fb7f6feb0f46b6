//! Carries one run of deliveries to Meta, however many requests that takes.
//!
//! In: a [`Run`]. Out: [`Carried`], what became of each delivery. A failure of the destination is
//! waited out in place; a failure of one event is isolated, by Meta's index or by halves, so that
//! it costs the others a moment and not their delivery. Each failed attempt is written down at
//! once, for whoever looks why nothing arrives; the successful one is written with the settlement.

use std::sync::Arc;

use super::pace::Pace;
use super::{Forwarder, LEASE_MILLIS, STORE_PAUSE_MILLIS, Stop};
use crate::core::batch;
use crate::core::delivery::{DeathReason, Met, Next, judge};
use crate::core::meta::answer::Outcome;
use crate::core::time::Timestamp;
use crate::store::{ACCEPTED, Attempt, Dead, Delivery, Lease, Settlement, StoreError};
use crate::telemetry;

/// A run of deliveries.
#[derive(Debug)]
pub(super) struct Run {
    /// What to send, ascending.
    pub(super) deliveries: Vec<Delivery>,
    /// The cursor once all of it is finished; `None` for deliveries that are due again.
    pub(super) upto: Option<i64>,
}

/// What became of a run.
#[derive(Debug, Default)]
pub(super) struct Carried {
    pub(super) upto: Option<i64>,
    pub(super) attempts: Vec<Attempt>,
    pub(super) dead: Vec<Dead>,
    pub(super) retries: Vec<(i64, Timestamp, u32)>,
    pub(super) retried: Vec<i64>,
}

impl Carried {
    /// Sends these again when they are due: they leave the order, and hold nobody up.
    fn postpone(&mut self, request: &[Delivery], due_at: Timestamp) {
        for delivery in request {
            self.retried.retain(|seq| *seq != delivery.seq);
            self.retries.push((delivery.seq, due_at, delivery.tries.saturating_add(1)));
        }
    }

    /// What a stop leaves of a run that was finished in part.
    fn leave_for_later(&mut self, requests: Vec<Vec<Delivery>>, now: Timestamp) {
        for request in requests {
            self.postpone(&request, now);
        }
    }
}

/// What a run is carried with.
#[derive(Debug, Clone)]
pub(super) struct Carrier {
    pub(super) forwarder: Forwarder,
    pub(super) lease: Lease,
    pub(super) pace: Arc<Pace>,
    pub(super) stop: Stop,
}

impl Carrier {
    /// Carries a run until each delivery of it is finished, or left for later.
    pub(super) async fn carry(mut self, run: Run) -> Carried {
        let again = run.upto.is_none();
        let mut carried = Carried { upto: run.upto, ..Carried::default() };
        if again {
            carried.retried = run.deliveries.iter().map(|delivery| delivery.seq).collect();
        }
        let mut requests = self.plan(run.deliveries, &mut carried);
        while let Some(request) = requests.pop() {
            let may_go = self.ready(&request).await;
            let wanted = if may_go { self.claim(request).await } else { Err(request) };
            let wanted = match wanted {
                Ok(wanted) => wanted,
                Err(request) => {
                    requests.push(request);
                    carried.leave_for_later(requests, self.forwarder.clock.now());
                    return carried;
                }
            };
            // Age is asked before every try: a wait may have been the last hour of an event.
            for fresh in self.plan(wanted, &mut carried) {
                requests.extend(self.attempt_and_judge(fresh, again, &mut carried).await);
            }
        }
        carried
    }

    /// Takes the deliveries that may be sent: those whose payments were not removed. Gives all of
    /// them back if the store is closed; while it only fails, nothing is sent.
    async fn claim(&self, request: Vec<Delivery>) -> Result<Vec<Delivery>, Vec<Delivery>> {
        let seqs: Vec<i64> = request.iter().map(|delivery| delivery.seq).collect();
        loop {
            match self.forwarder.store.claim(self.lease.dataset, seqs.clone()).await {
                Ok(removed) => {
                    let wanted = |delivery: &Delivery| !removed.contains(&delivery.seq);
                    return Ok(request.into_iter().filter(wanted).collect());
                }
                Err(StoreError::Closed) => return Err(request),
                Err(error) => {
                    telemetry::forwarder_failed(&self.forwarder.name, &error);
                    self.forwarder.clock.sleep_millis(STORE_PAUSE_MILLIS).await;
                }
            }
        }
    }

    /// Cuts deliveries into requests, the first to be sent last, and buries what is too old. A
    /// request that was cut before stays whole.
    fn plan(&self, deliveries: Vec<Delivery>, carried: &mut Carried) -> Vec<Vec<Delivery>> {
        let now = self.forwarder.clock.now();
        let mut plan = batch::plan(self.forwarder.limits(), deliveries, now);
        for delivery in &plan.too_old {
            self.bury_too_old(delivery, carried);
        }
        plan.requests.reverse();
        plan.requests
    }

    /// Waits until the request may be sent. False if the forwarder is told to stop.
    async fn ready(&mut self, request: &[Delivery]) -> bool {
        tokio::select! {
            () = self.pace.ready(request.len()) => {}
            _ = self.stop.wait_for(|stop| *stop) => {}
        }
        !*self.stop.borrow()
    }

    /// Sends one request once. Returns what is still to be sent, the first part last. `again` says
    /// that the request left the order before.
    async fn attempt_and_judge(
        &self,
        request: Vec<Delivery>,
        again: bool,
        carried: &mut Carried,
    ) -> Vec<Vec<Delivery>> {
        let started = self.forwarder.clock.monotonic_millis();
        let (attempt, outcome) = self.attempt(&request).await;
        let own_tries = request.iter().map(|delivery| delivery.tries).max().unwrap_or(0) + 1;
        let tries = self.pace.tries().max(own_tries);
        let met = Met { deliveries: request.len(), tries, outcome: &outcome };
        let next = judge(self.forwarder.retry, met, fastrand::f64());
        let rest = match next {
            Next::Wait { millis } => {
                telemetry::waiting(&self.forwarder.name, &shown(&attempt), millis, tries);
                // A single event that fails may fail for its own sake: it leaves the order, so
                // that it holds neither the cursor nor, unless another fails too, the dataset.
                let is_own = request.len() == 1 && outcome.may_be_the_events();
                if is_own {
                    self.pace.doubted(started, millis);
                } else {
                    self.pace.failed(started, millis);
                }
                if !again && !is_own {
                    self.write_down(attempt).await;
                    return vec![request];
                }
                let wait = i64::try_from(millis).unwrap_or(i64::MAX);
                carried.postpone(&request, self.forwarder.clock.now().plus_millis(wait));
                Vec::new()
            }
            Next::Halve => {
                self.refused(&request, &attempt, &outcome, started);
                let (front, back) = request.split_at(request.len() / 2);
                vec![back.to_vec(), front.to_vec()]
            }
            // Alone it gets its own answer: Meta's index is trusted to find it, not to condemn it.
            Next::SetAside { index } => {
                self.refused(&request, &attempt, &outcome, started);
                let mut others = request;
                let accused = others.remove(index);
                vec![vec![accused], others]
            }
            Next::DeadLetter(reason) => {
                self.noticed(&outcome, started);
                self.bury(&request, reason, &attempt, carried);
                Vec::new()
            }
            Next::Deliver => {
                self.noticed(&outcome, started);
                telemetry::delivered(&self.forwarder.name, request.len(), attempt.millis);
                Vec::new()
            }
        };
        carried.attempts.push(attempt);
        rest
    }

    fn refused(&self, request: &[Delivery], attempt: &Attempt, outcome: &Outcome, started: i64) {
        self.noticed(outcome, started);
        telemetry::refused(&self.forwarder.name, request.len(), &shown(attempt));
    }

    /// Tells the pace how a request went that is not waited out.
    fn noticed(&self, outcome: &Outcome, started: i64) {
        if outcome.is_metas_word() {
            self.pace.answered();
        } else {
            // Halved for being stubborn: the trouble goes on, and so does the wait.
            let wait = self.forwarder.retry.wait_millis(self.pace.tries(), fastrand::f64());
            self.pace.failed(started, wait);
        }
    }

    async fn attempt(&self, request: &[Delivery]) -> (Attempt, Outcome) {
        let clock = &self.forwarder.clock;
        let body = batch::join(request, self.forwarder.client.test_event_code());
        let at = clock.now();
        let started = clock.monotonic_millis();
        let outcome = self.forwarder.client.send(body, request.len()).await;
        let mut attempt = Attempt {
            at,
            millis: clock.monotonic_millis() - started,
            deliveries: request.iter().map(|delivery| delivery.seq).collect(),
            outcome: "unanswered",
            status: None,
            code: None,
            subcode: None,
            says: String::new(),
            trace_id: None,
        };
        attempt.deliveries.sort_unstable();
        match &outcome {
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
        (attempt, outcome)
    }

    /// Writes a failed attempt down at once. If that fails the attempt is forgotten, nothing else.
    async fn write_down(&self, attempt: Attempt) {
        let until = self.forwarder.clock.now().plus_millis(LEASE_MILLIS);
        let settlement =
            Settlement { attempts: vec![attempt], ..Settlement::renewal(self.lease, until) };
        if let Err(error) = self.forwarder.store.settle(settlement).await {
            telemetry::forwarder_failed(&self.forwarder.name, &error);
        }
    }

    fn bury(
        &self,
        request: &[Delivery],
        reason: DeathReason,
        attempt: &Attempt,
        carried: &mut Carried,
    ) {
        for delivery in request {
            telemetry::dead(&self.forwarder.name, delivery.seq, reason.as_str());
            carried.dead.push(Dead {
                delivery: delivery.seq,
                at: attempt.at,
                reason,
                code: attempt.code,
                subcode: attempt.subcode,
                says: attempt.says.clone(),
                trace_id: attempt.trace_id.clone(),
            });
        }
    }

    fn bury_too_old(&self, delivery: &Delivery, carried: &mut Carried) {
        let reason = DeathReason::TooOld;
        telemetry::dead(&self.forwarder.name, delivery.seq, reason.as_str());
        carried.dead.push(Dead {
            delivery: delivery.seq,
            at: self.forwarder.clock.now(),
            reason,
            code: None,
            subcode: None,
            says: "it became older than seven days before it could be delivered".to_owned(),
            trace_id: None,
        });
    }
}

/// What the log shows of a failed attempt: codes. Meta's words may quote what was sent.
fn shown(attempt: &Attempt) -> String {
    match (attempt.code, attempt.subcode) {
        (Some(code), Some(subcode)) => format!("code {code}/{subcode}"),
        (Some(code), None) => format!("code {code}"),
        (None, _) => attempt.says.clone(),
    }
}
