//! The hands of a carriage: waits until a request may go, claims it, sends it, and tells what it met.
//!
//! In: a [`Run`]. Out: [`Finished`], what became of each delivery. What follows from an answer is
//! decided in `core::delivery`, by the same code that the simulation drives. Each failed attempt is
//! written down at once, for whoever looks why nothing arrives; the successful one is written with
//! the settlement.

use std::sync::Arc;

use super::pace::{Pace, Place, moment};
use super::{Forwarder, LEASE_MILLIS, STORE_PAUSE_MILLIS, Stop};
use crate::core::batch;
use crate::core::delivery::{
    Attempt, Carriage, Carried, Delivery, Heard, Met, Next, Signal, Step, Turn, Why, judge,
    stops_for,
};
use crate::core::meta::usage::Usage;
use crate::store::{Lease, Settlement, StoreError};
use crate::telemetry;

/// A run of deliveries.
#[derive(Debug)]
pub(super) struct Run {
    /// What to send, ascending.
    pub(super) deliveries: Vec<Delivery>,
    /// The cursor once all of it is finished; `None` for deliveries that are due again.
    pub(super) upto: Option<i64>,
}

/// A run that is finished, or left for later.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) upto: Option<i64>,
    pub(super) carried: Carried,
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
    pub(super) async fn carry(self, run: Run) -> Finished {
        let Run { deliveries, upto } = run;
        let carried = self.carry_safely(deliveries, upto.is_none()).await;
        carried.dead.iter().for_each(|dead| {
            telemetry::dead(&self.forwarder.name, dead.delivery, dead.reason.as_str());
        });
        Finished { upto, carried }
    }

    /// The same for a part of a run. May panic; then nothing is known of any of it.
    pub(super) async fn carry_part(mut self, part: Vec<Delivery>, is_again: bool) -> Carried {
        let now = self.forwarder.clock.now();
        let mut carriage = Carriage::new(self.forwarder.limits(), part, is_again, now);
        loop {
            let Some(request) = carriage.request().map(seqs) else { return carriage.finish() };
            let claimed = match self.ready(request.len(), carriage.is_repetition()).await {
                Some(place) => self.claim(request).await.map(|removed| (place, removed)),
                None => None,
            };
            let now = self.forwarder.clock.now();
            let Some((place, removed)) = claimed else { return carriage.leave(now) };
            // Age is asked before every try: a wait may have been the last hour of an event.
            let wanted = carriage.claimed(&removed, now);
            if wanted.is_empty() {
                continue;
            }
            self.pass("batch", wanted);
            let body = batch::join(wanted, self.forwarder.client.test_event_code());
            let wanted = wanted.to_vec();
            self.exchange(&mut carriage, &wanted, body).await;
            drop(place);
        }
    }

    /// Notes that these are about to be sent, and returns those that must not be: their payments
    /// were removed. Nothing if the store is closed; while it only fails, nothing is sent.
    async fn claim(&self, request: Vec<i64>) -> Option<Vec<i64>> {
        loop {
            match self.forwarder.store.claim(self.lease.dataset, request.clone()).await {
                Ok(removed) => return Some(removed),
                Err(StoreError::Closed) => return None,
                Err(error) => {
                    telemetry::forwarder_failed(&self.forwarder.name, &error);
                    self.forwarder.clock.sleep_millis(STORE_PAUSE_MILLIS).await;
                }
            }
        }
    }

    /// Waits until the request may be sent. Nothing if the forwarder is told to stop.
    async fn ready(&mut self, events: usize, is_repetition: bool) -> Option<Place> {
        let place = tokio::select! {
            place = self.pace.ready(events, is_repetition) => place,
            _ = self.stop.wait_for(|stop| *stop) => return None,
        };
        (!*self.stop.borrow()).then_some(place)
    }

    /// Sends one request once, and tells carriage and valve what it met.
    async fn exchange(&self, carriage: &mut Carriage, request: &[Delivery], body: String) {
        let clock = &self.forwarder.clock;
        let (at, started) = (clock.now(), clock.monotonic_millis());
        let (outcome, usage) = self.forwarder.client.send(body, request.len()).await;
        self.pass("answer", request);
        let now = moment(clock);
        let attempt = Attempt::of(request, at, now.steady - started, &outcome);
        let (shown, says) = (attempt.shown(), attempt.says.clone());
        let (codes, millis) = ((attempt.code, attempt.subcode), attempt.millis);
        let tries = self.pace.tries(stops_for(&outcome));
        let waits = self.forwarder.waits;
        let step = carriage.met(attempt, &outcome, (waits, tries), fastrand::f64());
        let Step { next, signal, write_down } = step;
        let heard = Heard { started, now, signal, usage, codes, says: &says };
        let turn = self.pace.met(heard);
        self.tell(next, signal, request.len(), (&shown, millis, tries));
        self.tell_turn(turn);
        if let Some(attempt) = write_down {
            self.write_down(attempt).await;
        }
    }

    /// Looks at a dataset that is paused while no event waits for it: without a request nobody would
    /// ever find out that it is mended.
    pub(super) async fn look(&mut self) {
        if !self.pace.is_look_due() {
            return;
        }
        let clock = self.forwarder.clock.clone();
        let (at, started) = (clock.now(), clock.monotonic_millis());
        let looked = tokio::select! {
            looked = self.forwarder.client.look() => looked,
            _ = self.stop.wait_for(|stop| *stop) => return,
        };
        let now = moment(&clock);
        let attempt = Attempt::of(&[], at, now.steady - started, &looked.outcome);
        let tries = self.pace.tries(stops_for(&looked.outcome));
        let met = Met { outcome: &looked.outcome, deliveries: 1, tries };
        let signal = match judge(self.forwarder.waits, met, fastrand::f64()) {
            Next::Deliver => Signal::Accepted,
            Next::Wait { why, millis } => Signal::Halt { why, millis },
            // A look carries no event that could be at fault: it is the dataset, as before.
            Next::Halve | Next::SetAside { .. } | Next::DeadLetter(_) => {
                let millis = self.forwarder.waits.setup.patient_millis(tries, fastrand::f64());
                Signal::Halt { why: Why::Setup, millis }
            }
        };
        let (usage, codes, says) =
            (Usage::default(), (attempt.code, attempt.subcode), attempt.says.as_str());
        let turn = self.pace.met(Heard { started, now, signal, usage, codes, says });
        self.tell_turn(turn);
        self.note(Vec::new()).await;
    }

    /// Where a test may have us fail, by an event.
    fn pass(&self, place: &str, request: &[Delivery]) {
        for delivery in request {
            self.forwarder.clock.pass(place, &delivery.body);
        }
    }

    /// What the log says of a request.
    fn tell(&self, next: Next, signal: Signal, events: usize, met: (&str, i64, u32)) {
        let (name, (shown, millis, tries)) = (&self.forwarder.name, met);
        match next {
            Next::Deliver => telemetry::delivered(name, events, millis),
            Next::Halve | Next::SetAside { .. } => telemetry::refused(name, events, shown),
            // The alarm has said it once; looks that find nothing changed are not news.
            Next::Wait { why: Why::Setup, .. } | Next::DeadLetter(_) => {}
            Next::Wait { .. } => match signal {
                Signal::Halt { millis, .. } | Signal::Doubt { millis, .. } => {
                    telemetry::waiting(name, shown, millis, tries);
                }
                Signal::Accepted | Signal::Judged => {}
            },
        }
    }

    /// Raises the alarm once when a person has to act, and ends it once.
    pub(super) fn tell_turn(&self, turn: Turn) {
        let (name, alarm) = (&self.forwarder.name, &self.forwarder.alarm);
        match turn.after {
            Some(Why::Setup) => {
                let Some(circuit) = self.pace.circuit() else { return };
                let (since, is_new) = self.pace.alarm(circuit.since);
                if is_new {
                    telemetry::paused(name, &circuit);
                }
                alarm.paused(&self.forwarder, &circuit, since);
            }
            // A throttle after a pause is an end of the pause that changes nothing for whoever waits.
            None if self.pace.end_alarm() => {
                telemetry::resumed(name);
                alarm.resumed(&self.forwarder);
            }
            Some(_) | None => {}
        }
    }

    /// Writes a failed attempt down at once, with why nothing is sent any more. If that fails the
    /// attempt is forgotten, nothing else.
    async fn write_down(&self, attempt: Attempt) {
        self.note(vec![attempt]).await;
    }

    async fn note(&self, attempts: Vec<Attempt>) {
        let until = self.forwarder.clock.now().plus_millis(LEASE_MILLIS);
        let settlement = Settlement {
            attempts,
            circuit: self.pace.unwritten(),
            ..Settlement::renewal(self.lease, until)
        };
        if let Err(error) = self.forwarder.store.settle(settlement).await {
            self.pace.not_written();
            telemetry::forwarder_failed(&self.forwarder.name, &error);
        }
    }
}

fn seqs(request: &[Delivery]) -> Vec<i64> {
    request.iter().map(|delivery| delivery.seq).collect()
}
