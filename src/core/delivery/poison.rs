//! Events over which our own code panics.
//!
//! In: a run whose carrying panicked. Out: its halves, until one event is left over; that one waits
//! for other tries, and is given up after the last. It is counted in the books before each further
//! try, so that a restart forgets none. Nothing is given up while no other event gets through: then
//! the fault may be everybody's, and it would bury a backlog.

use super::{Attempt, Carried, Dead, DeathReason, Delivery, Waits};

/// After how many tries an event over which our own code panics is given up. Ours: one may be the
/// moment's, two may be chance.
const TRIES: u32 = 3;

/// Two runs of a run that panicked: the first half, and the rest. Nothing of a run of one.
#[must_use]
pub fn halves(mut run: Vec<Delivery>) -> Option<(Vec<Delivery>, Vec<Delivery>)> {
    let rest = run.split_off(run.len().div_ceil(2));
    (!rest.is_empty()).then_some((run, rest))
}

impl Carried {
    /// The carrying of this single event has panicked once more. `others_pass` says whether the
    /// dataset has answered for others; `jitter` is in `0.0..=1.0`. Returns how long it waits, in
    /// milliseconds.
    pub fn panicked(
        &mut self,
        delivery: &Delivery,
        attempt: Attempt,
        others_pass: bool,
        (waits, jitter): (Waits, f64),
    ) -> u64 {
        let tries = delivery.tries.saturating_add(1);
        let millis = waits.trouble.wait_millis(tries, jitter);
        if tries >= TRIES && others_pass {
            self.dead.push(Dead::refused(delivery.seq, DeathReason::Panicked, &attempt));
            self.retried.push(delivery.seq);
        } else {
            let wait = i64::try_from(millis).unwrap_or(i64::MAX);
            self.postpone(delivery, attempt.at.plus_millis(wait), 1);
        }
        self.attempts.push(attempt);
        millis
    }

    /// Adds what became of another run.
    pub fn add(&mut self, other: Self) {
        self.attempts.extend(other.attempts);
        self.dead.extend(other.dead);
        self.retries.extend(other.retries);
        self.retried.extend(other.retried);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::time::Timestamp;

    fn delivery(seq: i64, tries: u32) -> Delivery {
        let expires_at = Timestamp::from_seconds(1_772_290_000);
        Delivery { seq, expires_at, body: "{}".into(), tries }
    }

    #[test]
    fn halves_end_at_single_events() {
        for (length, expected) in [(1, None), (2, Some((1, 1))), (3, Some((2, 1))), (0, None)] {
            let run = (0..length).map(|seq| delivery(seq, 0)).collect();
            let lengths = halves(run).map(|(first, rest)| (first.len(), rest.len()));
            assert_eq!(lengths, expected, "{length}");
        }
    }

    #[test]
    fn an_event_is_given_up_at_its_third_try_and_only_if_others_pass() {
        let now = Timestamp::from_seconds(1_772_280_000);
        for (tries, others_pass, is_dead) in [
            (0, true, false),
            (1, true, false),
            (2, true, true),
            (2, false, false),
            (9, true, true),
        ] {
            let (mut carried, delivery) = (Carried::default(), delivery(7, tries));
            let attempt = Attempt::panicked(&delivery, now, 3);
            carried.panicked(&delivery, attempt, others_pass, (Waits::default(), 1.0));
            let dead: Vec<_> = carried.dead.iter().map(|d| (d.delivery, d.reason)).collect();
            let expected = if is_dead { vec![(7, DeathReason::Panicked)] } else { vec![] };
            assert_eq!(dead, expected, "{tries} {others_pass}");
            let left: Vec<_> =
                carried.retries.iter().map(|(seq, _, tries)| (*seq, *tries)).collect();
            let expected = if is_dead { vec![] } else { vec![(7, tries + 1)] };
            assert_eq!(left, expected, "{tries} {others_pass}");
        }
    }
}
