//! Carries one run of deliveries, as a machine without hands: it says what to send next, is told
//! what that met, and at the end says what became of each delivery.
//!
//! In: a run, then for each request its [`Outcome`]. Out: [`Step`]s and [`Carried`]. A failure of
//! the destination is waited out in place; a failure of one event is isolated, so that it costs the
//! others a moment and not their delivery. Nothing here sends, waits, stores or rolls dice: the
//! forwarder and the simulation drive the same machine.

use super::isolation::Parts;
use super::records::{Attempt, Dead, Delivery};
use super::suspects::suspects;
use super::valve::Signal;
use super::{DeathReason, Met, Next, Waits, Why, judge};
use crate::core::batch::{self, BatchLimits};
use crate::core::meta::answer::Outcome;
use crate::core::time::Timestamp;

/// What became of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Carried {
    /// The requests that were made and are not written down yet.
    pub attempts: Vec<Attempt>,
    /// Deliveries that need a person.
    pub dead: Vec<Dead>,
    /// Deliveries to send again: which, when, after how many tries.
    pub retries: Vec<(i64, Timestamp, u32)>,
    /// Deliveries that came from the retries and are finished or dead now.
    pub retried: Vec<i64>,
}

/// A run on its way.
#[derive(Debug)]
pub struct Carriage {
    parts: Parts,
    carried: Carried,
}

/// What a request came to.
#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    /// What the table says.
    pub next: Next,
    /// What the valve of the dataset is to be told.
    pub signal: Signal,
    /// A failed attempt that is to be written down at once, for whoever looks why nothing arrives:
    /// the run itself may not end for hours.
    pub write_down: Option<Attempt>,
}

impl Carriage {
    /// Loads a run, cut into requests. `is_again` says that it left the order before.
    #[must_use]
    pub fn new(
        limits: BatchLimits,
        deliveries: Vec<Delivery>,
        is_again: bool,
        now: Timestamp,
    ) -> Self {
        let mut carried = Carried::default();
        if is_again {
            carried.retried = deliveries.iter().map(|delivery| delivery.seq).collect();
        }
        let plan = batch::plan(limits, deliveries, now);
        carried.dead.extend(plan.too_old.iter().map(|old| Dead::too_old(old.seq, now)));
        Self { parts: Parts::new(plan.requests), carried }
    }

    /// The request that is to be sent next, if any is left.
    pub fn request(&mut self) -> Option<&[Delivery]> {
        self.parts.next()
    }

    /// Whether that request repeats one that failed.
    #[must_use]
    pub fn is_repetition(&self) -> bool {
        let is_late = |delivery: &Delivery| delivery.tries > 0;
        self.parts.is_repetition()
            || self.parts.current().is_some_and(|part| part.iter().any(is_late))
    }

    /// It may go now, but for these, which were removed. Returns what to send: nothing, if all of
    /// it was removed or has become too old while it waited.
    pub fn claimed(&mut self, removed: &[i64], now: Timestamp) -> &[Delivery] {
        let asked = self.parts.current().map_or(0, <[_]>::len);
        let is_removed = |delivery: &Delivery| removed.contains(&delivery.seq);
        let is_wanted = |delivery: &Delivery| {
            !is_removed(delivery) && !batch::is_too_old(delivery.expires_at, now)
        };
        let gone = self.parts.keep(is_wanted);
        let too_old = gone.iter().filter(|delivery| !is_removed(delivery));
        self.carried.dead.extend(too_old.map(|old| Dead::too_old(old.seq, now)));
        // What would be next instead was not claimed.
        let left = asked - gone.len();
        self.parts.current().filter(|_| left > 0).unwrap_or_default()
    }

    /// Tells what the request met, and how many requests to the dataset have failed in a row, this
    /// one included. `jitter` is in `0.0..=1.0`.
    pub fn met(
        &mut self,
        attempt: Attempt,
        outcome: &Outcome,
        (waits, dataset_tries): (Waits, u32),
        jitter: f64,
    ) -> Step {
        let request = self.parts.current().unwrap_or_default();
        // What single events have met before says nothing about a token or a throttle.
        let is_trouble = super::stops_for(outcome).is_none_or(|why| why == Why::Trouble);
        let own_tries = request.iter().map(|delivery| delivery.tries).filter(|_| is_trouble);
        let own_tries = own_tries.max().unwrap_or(0);
        let tries = dataset_tries.max(own_tries.saturating_add(1));
        let met = Met { deliveries: request.len(), tries, outcome };
        let next = judge(waits, met, jitter);
        let heard = || match outcome {
            Outcome::Accepted { .. } => Signal::Accepted,
            _ if outcome.is_metas_word() => Signal::Judged,
            // Halved for being stubborn: the trouble goes on, and so does the wait.
            Outcome::Refused(_) | Outcome::Unanswered { .. } => {
                Signal::Halt { why: Why::Trouble, millis: waits.trouble.wait_millis(tries, jitter) }
            }
        };
        let mut step = Step { next, signal: heard(), write_down: None };
        match next {
            Next::Wait { why, millis } => {
                // A single event that fails may fail for its own sake: it leaves the order, so
                // that it holds neither the cursor nor, unless another fails too, the dataset.
                let [alone] = request else { return self.wait(why, millis, attempt) };
                if !outcome.may_be_the_events() {
                    return self.wait(why, millis, attempt);
                }
                // How often this event failed says nothing about the dataset.
                let of_dataset = waits.trouble.wait_millis(dataset_tries, jitter);
                step.signal = Signal::Doubt { event: alone.seq, millis: of_dataset };
                let due_at = attempt.at.plus_millis(attempt.millis).plus_millis(signed(millis));
                for delivery in self.parts.finish() {
                    self.carried.postpone(&delivery, due_at, 1);
                }
            }
            Next::Halve => self.search(outcome),
            Next::SetAside { index } => self.parts.set_aside(index),
            Next::DeadLetter(reason) => self.bury(reason, &attempt),
            Next::Deliver => self.parts.accepted(),
        }
        self.carried.attempts.push(attempt);
        step
    }

    /// The dataset is in trouble: the request goes again as it is, and what it met is written down.
    fn wait(&mut self, why: Why, millis: u64, attempt: Attempt) -> Step {
        self.parts.again();
        let (next, signal) = (Next::Wait { why, millis }, Signal::Halt { why, millis });
        Step { next, signal, write_down: Some(attempt) }
    }

    /// Looks for what spoils the request: among our own suspects first, then by halves.
    fn search(&mut self, outcome: &Outcome) {
        let subcode = match outcome {
            Outcome::Refused(refusal) => refusal.subcode,
            Outcome::Accepted { .. } | Outcome::Unanswered { .. } => None,
        };
        let request = self.parts.current().unwrap_or_default();
        let bodies = request.iter().map(|delivery| &*delivery.body);
        match suspects(bodies, subcode).as_slice() {
            [] => self.parts.cut(),
            found => self.parts.suspect(found),
        }
    }

    /// Ends before all of it is finished: the rest is due at once, by whoever sends next.
    #[must_use]
    pub fn leave(mut self, now: Timestamp) -> Carried {
        for delivery in self.parts.leave() {
            self.carried.postpone(&delivery, now, 0);
        }
        self.carried
    }

    /// What became of the run, once nothing is left to send.
    #[must_use]
    pub fn finish(self) -> Carried {
        self.carried
    }

    fn bury(&mut self, reason: DeathReason, attempt: &Attempt) {
        let buried = self.parts.finish();
        let dead = buried.iter().map(|delivery| Dead::refused(delivery.seq, reason, attempt));
        self.carried.dead.extend(dead);
    }
}

impl Carried {
    /// Sends it again when it is due: it leaves the order, and holds nobody up.
    pub(super) fn postpone(&mut self, delivery: &Delivery, due_at: Timestamp, tries: u32) {
        self.retried.retain(|seq| *seq != delivery.seq);
        self.retries.push((delivery.seq, due_at, delivery.tries.saturating_add(tries)));
    }
}

fn signed(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::meta::answer::{Fault, Refusal};

    const NOW: i64 = 1_772_280_000;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(NOW + seconds)
    }

    fn run(events: i64) -> Vec<Delivery> {
        let delivery = |seq| Delivery { seq, expires_at: at(3_600), body: "{}".into(), tries: 0 };
        (1..=events).map(delivery).collect()
    }

    fn refused(fault: Fault) -> Outcome {
        Outcome::Refused(Refusal {
            fault,
            status: 400,
            code: 100,
            subcode: None,
            says: "Invalid parameter".into(),
            trace_id: Some("T1".into()),
            index: None,
            regain_millis: None,
        })
    }

    const LIMITS: BatchLimits = BatchLimits { events: 10, bytes: 10_000 };

    fn tell(carriage: &mut Carriage, outcome: &Outcome) -> Step {
        let request = carriage.request().expect("something to send").to_vec();
        let request = if carriage.claimed(&[], at(0)).is_empty() { vec![] } else { request };
        let attempt = Attempt::of(&request, at(0), 5, outcome);
        carriage.met(attempt, outcome, (Waits::default(), 1), 1.0)
    }

    #[test]
    fn trouble_of_the_dataset_is_waited_out_in_place() {
        let mut carriage = Carriage::new(LIMITS, run(3), false, at(0));
        assert!(carriage.request().is_some() && !carriage.is_repetition());
        let step = tell(&mut carriage, &Outcome::Unanswered { says: "timed out".into() });
        assert_eq!(step.signal, Signal::Halt { why: Why::Trouble, millis: 1_000 });
        assert_eq!(step.write_down.map(|attempt| attempt.deliveries), Some(vec![1, 2, 3]));
        assert!(carriage.request().is_some() && carriage.is_repetition());
        let step = tell(&mut carriage, &Outcome::Accepted { trace_id: None });
        assert_eq!((step.signal, carriage.request()), (Signal::Accepted, None));
        let carried = carriage.finish();
        assert_eq!((carried.attempts.len(), carried.retries.len()), (1, 0));
    }

    #[test]
    fn a_single_event_that_fails_leaves_the_order() {
        let mut carriage = Carriage::new(LIMITS, run(1), false, at(0));
        let step = tell(&mut carriage, &refused(Fault::Unknown));
        assert_eq!(step.signal, Signal::Doubt { event: 1, millis: 1_000 });
        let carried = carriage.finish();
        assert_eq!(carried.retries, [(1, at(0).plus_millis(1_005), 1)]);
        // What a set-up fault meets stays where it is: it is not the event's.
        let mut carriage = Carriage::new(LIMITS, run(1), false, at(0));
        let step = tell(&mut carriage, &refused(Fault::Setup));
        assert_eq!(step.signal, Signal::Halt { why: Why::Setup, millis: 60_000 });
        assert!(carriage.request().is_some());
    }

    #[test]
    fn what_became_too_old_or_was_removed_while_it_waited_is_not_sent() {
        let mut deliveries = run(4);
        deliveries[1].expires_at = at(100);
        deliveries[3].expires_at = at(-1);
        let mut carriage = Carriage::new(LIMITS, deliveries, false, at(0));
        assert_eq!(carriage.request().map(<[_]>::len), Some(3));
        // Travel takes a minute at most: what expires within it is not sent.
        let sent: Vec<i64> = carriage.claimed(&[3], at(41)).iter().map(|d| d.seq).collect();
        assert_eq!(sent, [1]);
        let dead: Vec<_> = carriage.finish().dead.iter().map(|d| (d.delivery, d.reason)).collect();
        assert_eq!(dead, [(4, DeathReason::TooOld), (2, DeathReason::TooOld)]);
    }

    #[test]
    fn the_event_that_shows_the_fault_is_set_apart_at_once() {
        let mut deliveries = run(64);
        for delivery in &mut deliveries {
            delivery.body = r#"{"event_name":"Purchase","custom_data":{"value":1}}"#.into();
        }
        deliveries[40].body = r#"{"event_name":"Purchase"}"#.into();
        let limits = BatchLimits { events: 100, bytes: 100_000 };
        let mut carriage = Carriage::new(limits, deliveries, false, at(0));
        let Outcome::Refused(refusal) = refused(Fault::Event) else { unreachable!("a refusal") };
        let missing = Outcome::Refused(Refusal { subcode: Some(2_804_009), ..refusal });
        tell(&mut carriage, &missing);
        assert_eq!(carriage.request().map(<[_]>::len), Some(63));
        tell(&mut carriage, &Outcome::Accepted { trace_id: None });
        tell(&mut carriage, &missing);
        let dead: Vec<i64> = carriage.finish().dead.iter().map(|dead| dead.delivery).collect();
        assert_eq!(dead, [41]);
    }

    #[test]
    fn a_run_that_ends_early_leaves_the_rest_as_it_was() {
        let mut carriage = Carriage::new(BatchLimits { events: 2, ..LIMITS }, run(5), true, at(0));
        tell(&mut carriage, &Outcome::Accepted { trace_id: None });
        let carried = carriage.leave(at(7));
        assert_eq!(carried.retries, [(3, at(7), 0), (4, at(7), 0), (5, at(7), 0)]);
        assert_eq!(carried.retried, [1, 2]);
    }

    #[test]
    fn a_refused_event_dies_with_metas_words() {
        let mut carriage = Carriage::new(LIMITS, run(1), false, at(0));
        let step = tell(&mut carriage, &refused(Fault::Event));
        assert_eq!(step.next, Next::DeadLetter(DeathReason::Refused));
        let carried = carriage.finish();
        let dead = carried.dead.first().expect("a dead letter");
        assert_eq!((dead.code, dead.says.as_str()), (Some(100), "Invalid parameter"));
        assert_eq!(dead.trace_id.as_deref(), Some("T1"));
    }
}
