//! Finding the events that spoil a request: which part of it is sent next.
//!
//! In: requests, and for each part of them whether Meta took it. Out: the next part. A request that
//! is refused for an event is searched for the first bad one: its front half is sent; if that is
//! taken, the fault stands in the back half, which is then not sent whole. What stands behind a
//! bad event is sent whole once, and after a second one in steps as long as the way between the
//! two. So k bad events among n cost about k·log₂(n) requests, whether they are few or many. Every
//! event is sent before it is given up: a wrong guess costs a request, never a delivery.
//!
//! Deliberately absent: what an answer means (`judge`).
//!
//! # Source
//! Frank Hwang, "A Method for Detecting All Defective Members in a Population by Group Testing"
//! (1972), with the number of bad ones learnt on the way.

use super::records::Delivery;

/// What is left to send of a run.
#[derive(Debug)]
pub(super) struct Parts {
    /// Requests that nothing is known of. The next is the last.
    requests: Vec<Vec<Delivery>>,
    /// What stands behind the bad ones found so far, in order: nothing is known of it.
    rest: Vec<Delivery>,
    /// One of these, at least, is bad.
    suspects: Vec<Delivery>,
    /// How many are sent at once: of the suspects or of the rest, from their front.
    step: usize,
    /// How many were taken since the last bad one.
    taken: usize,
    /// How many bad ones the request had so far.
    found: usize,
    /// Whether the next part was sent before, as it is.
    has_failed: bool,
}

impl Parts {
    /// These requests, to be sent in their order.
    pub(super) fn new(mut requests: Vec<Vec<Delivery>>) -> Self {
        requests.reverse();
        Self {
            requests,
            rest: Vec::new(),
            suspects: Vec::new(),
            step: usize::MAX,
            taken: 0,
            found: 0,
            has_failed: false,
        }
    }

    /// The part that is sent next.
    pub(super) fn next(&mut self) -> Option<&[Delivery]> {
        while self.suspects.is_empty() && self.rest.is_empty() {
            self.rest = self.requests.pop()?;
            (self.step, self.taken, self.found) = (usize::MAX, 0, 0);
        }
        self.current()
    }

    /// The same, if there is one.
    pub(super) fn current(&self) -> Option<&[Delivery]> {
        let length = self.length();
        let part = if self.suspects.is_empty() { &self.rest } else { &self.suspects };
        (length > 0).then(|| &part[..length])
    }

    /// How many deliveries of the suspects, or else of the rest, are sent next.
    fn length(&self) -> usize {
        match self.suspects.len() {
            0 => self.step.min(self.rest.len()),
            1 => 1,
            many => self.step.min(many / 2).max(1),
        }
    }

    /// Whether that part was sent before, as it is.
    pub(super) fn is_repetition(&self) -> bool {
        self.has_failed
    }

    /// Keeps of the next part what is still wanted, and returns what is gone. If nothing is left
    /// of it, what is sent next is another part.
    pub(super) fn keep(&mut self, wanted: impl Fn(&Delivery) -> bool) -> Vec<Delivery> {
        let among_suspects = !self.suspects.is_empty();
        let (kept, gone): (Vec<_>, Vec<_>) = self.take().into_iter().partition(wanted);
        if gone.is_empty() {
            let part = if among_suspects { &mut self.suspects } else { &mut self.rest };
            part.splice(..0, kept);
            return gone;
        }
        // What spoilt the request may be gone: nothing is known of what is left.
        self.step = kept.len().max(1);
        let suspects = std::mem::take(&mut self.suspects);
        self.rest.splice(..0, kept.into_iter().chain(suspects));
        gone
    }

    /// The part goes again as it is.
    pub(super) fn again(&mut self) {
        self.has_failed = true;
    }

    /// Meta took the part.
    pub(super) fn accepted(&mut self) {
        let gone = self.take();
        self.taken += gone.len();
        self.step = self.step.saturating_mul(2);
        self.has_failed = false;
    }

    /// The part is given up, or goes another way. A single suspect that was refused is a bad one.
    pub(super) fn finish(&mut self) -> Vec<Delivery> {
        let gone = self.take();
        // It may have been the only one among the suspects.
        let suspects = std::mem::take(&mut self.suspects);
        self.rest.splice(..0, suspects);
        self.found += 1;
        // Whoever has met one bad event hopes that it was the only one.
        self.step = if self.found == 1 { usize::MAX } else { self.stride() };
        self.taken = 0;
        self.has_failed = false;
        gone
    }

    /// The part was refused for one of its events, nobody knows which.
    pub(super) fn cut(&mut self) {
        let front = self.take();
        let behind = std::mem::replace(&mut self.suspects, front);
        self.rest.splice(..0, behind);
        // After the first bad one, what is between it and the next tells how far to step.
        self.step = if self.found == 1 { self.stride() } else { usize::MAX };
        self.has_failed = false;
    }

    /// The part was refused for the event of this index: the others go without it, and it goes
    /// alone. Meta's index is trusted to find it, not to condemn it.
    pub(super) fn set_aside(&mut self, index: usize) {
        let mut others = self.take();
        if index < others.len() {
            self.requests.push(vec![others.remove(index)]);
        }
        self.whole(others);
    }

    /// The part was refused, and these of it (by index) are suspects of our own: the others go
    /// without them.
    pub(super) fn suspect(&mut self, indexes: &[usize]) {
        let (mut suspects, mut others) = (Vec::new(), Vec::new());
        for (index, delivery) in self.take().into_iter().enumerate() {
            if indexes.contains(&index) { suspects.push(delivery) } else { others.push(delivery) }
        }
        self.requests.push(suspects);
        self.whole(others);
    }

    /// Everything that is left, for later.
    pub(super) fn leave(self) -> Vec<Delivery> {
        let behind = self.requests.into_iter().rev().flatten();
        self.suspects.into_iter().chain(self.rest).chain(behind).collect()
    }

    /// These are sent whole, before what stood behind them.
    fn whole(&mut self, others: Vec<Delivery>) {
        let behind = std::mem::take(&mut self.suspects);
        self.step = others.len().max(1);
        self.rest.splice(..0, others.into_iter().chain(behind));
        self.has_failed = false;
    }

    /// As far as the last bad one was away. Tried against half, twice and more of it: this one
    /// costs least where ten among a thousand are bad, evenly or by chance.
    fn stride(&self) -> usize {
        self.taken.saturating_add(1)
    }

    /// Takes the next part out.
    fn take(&mut self) -> Vec<Delivery> {
        let length = self.length();
        self.part().drain(..length).collect()
    }

    fn part(&mut self) -> &mut Vec<Delivery> {
        if self.suspects.is_empty() { &mut self.rest } else { &mut self.suspects }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::core::time::Timestamp;

    fn request(events: i64) -> Vec<Delivery> {
        let delivery = |seq| Delivery {
            seq,
            expires_at: Timestamp::from_seconds(0),
            body: "".into(),
            tries: 0,
        };
        (0..events).map(delivery).collect()
    }

    /// Sends everything to a Meta that refuses a request for these events and names none of them.
    /// Returns what it took, what it refused alone, and how many requests that were.
    fn sent_to_a_silent_meta(events: i64, bad: &BTreeSet<i64>) -> (Vec<i64>, Vec<i64>, usize) {
        let mut parts = Parts::new(vec![request(events)]);
        let (mut taken, mut refused, mut requests) = (Vec::new(), Vec::new(), 0);
        while let Some(part) = parts.next() {
            requests += 1;
            let seqs: Vec<i64> = part.iter().map(|delivery| delivery.seq).collect();
            match seqs.as_slice() {
                all if all.iter().all(|seq| !bad.contains(seq)) => {
                    taken.extend(all);
                    parts.accepted();
                }
                [alone] => {
                    refused.push(*alone);
                    parts.finish();
                }
                _ => parts.cut(),
            }
        }
        taken.sort_unstable();
        refused.sort_unstable();
        (taken, refused, requests)
    }

    #[test]
    fn one_bad_event_of_a_thousand_costs_as_many_requests_as_halvings() {
        // The whole, log2(1000) halves, the bad one alone, and what stands behind it.
        for place in [0, 1, 499, 500, 998, 999] {
            let (taken, refused, requests) = sent_to_a_silent_meta(1_000, &BTreeSet::from([place]));
            assert_eq!((taken.len(), refused), (999, vec![place]));
            assert!(requests <= 1 + 10 + 1 + 1, "{place}: {requests}");
        }
    }

    #[test]
    fn ten_bad_events_of_a_thousand_cost_a_hundred_requests_wherever_they_stand() {
        // delivery.md 6, row 15: at most 110 more than one.
        let evenly = (0..10).map(|index| 37 + index * 97).collect();
        let together = (500..510).collect();
        let at_the_ends = (0..5).chain(995..1_000).collect();
        for bad in [evenly, together, at_the_ends] {
            let (taken, refused, requests) = sent_to_a_silent_meta(1_000, &bad);
            assert_eq!((taken.len(), refused.len()), (990, 10));
            assert!(requests <= 111, "{bad:?}: {requests}");
        }
        let mut chance = fastrand::Rng::with_seed(7);
        let (mut sum, mut worst) = (0, 0);
        for _ in 0..300 {
            let mut bad = BTreeSet::new();
            while bad.len() < 10 {
                bad.insert(chance.i64(0..1_000));
            }
            let (.., requests) = sent_to_a_silent_meta(1_000, &bad);
            (sum, worst) = (sum + requests, worst.max(requests));
        }
        assert!(sum / 300 <= 101 && worst <= 120, "{} on average, {worst} at the worst", sum / 300);
    }

    #[test]
    fn a_request_of_nothing_but_bad_events_is_not_much_worse_than_one_by_one() {
        let (taken, refused, requests) = sent_to_a_silent_meta(256, &(0..256).collect());
        assert_eq!((taken.len(), refused.len()), (0, 256));
        assert!(requests <= 256 * 3, "{requests}");
    }

    proptest! {
        #[test]
        fn the_good_are_taken_and_the_bad_are_named(
            events in 1..600_i64,
            bad in prop::collection::btree_set(0..600_i64, 0..12),
        ) {
            let bad: BTreeSet<i64> = bad.into_iter().filter(|seq| *seq < events).collect();
            let (taken, refused, requests) = sent_to_a_silent_meta(events, &bad);
            let good: Vec<i64> = (0..events).filter(|seq| !bad.contains(seq)).collect();
            prop_assert_eq!(taken, good);
            prop_assert_eq!(&refused, &bad.iter().copied().collect::<Vec<_>>());
            let depth = usize::try_from(events.ilog2()).expect("small") + 1;
            prop_assert!(requests <= 3 + bad.len() * (depth + 5), "{} requests", requests);
        }
    }

    fn seqs(parts: &mut Parts) -> Vec<i64> {
        parts.next().unwrap_or_default().iter().map(|delivery| delivery.seq).collect()
    }

    #[test]
    fn a_wrong_suspicion_costs_a_request_and_no_delivery() {
        let mut parts = Parts::new(vec![request(6)]);
        assert_eq!(seqs(&mut parts), [0, 1, 2, 3, 4, 5]);
        parts.suspect(&[1, 4]);
        assert_eq!(seqs(&mut parts), [0, 2, 3, 5]);
        // They were innocent: the fault stands among the others, who are cut.
        parts.cut();
        assert_eq!(seqs(&mut parts), [0, 2]);
        parts.accepted();
        // Known to be at fault, so they are not sent whole.
        assert_eq!(seqs(&mut parts), [3]);
        parts.accepted();
        assert_eq!(seqs(&mut parts), [5]);
        assert_eq!(parts.finish().len(), 1);
        assert_eq!(seqs(&mut parts), [1, 4]);
        parts.accepted();
        assert_eq!(parts.next(), None);
    }

    #[test]
    fn the_event_that_meta_names_goes_alone_after_the_others() {
        let mut parts = Parts::new(vec![request(4)]);
        assert_eq!(seqs(&mut parts), [0, 1, 2, 3]);
        parts.set_aside(2);
        assert_eq!(seqs(&mut parts), [0, 1, 3]);
        parts.accepted();
        assert_eq!(seqs(&mut parts), [2]);
    }

    #[test]
    fn what_was_removed_from_a_half_proves_nothing_about_the_other() {
        let mut parts = Parts::new(vec![request(4)]);
        assert_eq!(seqs(&mut parts), [0, 1, 2, 3]);
        parts.cut();
        assert_eq!(seqs(&mut parts), [0, 1]);
        assert_eq!(parts.keep(|delivery| delivery.seq != 1).len(), 1);
        assert_eq!(seqs(&mut parts), [0]);
        parts.accepted();
        // The bad one may have been the one that is gone: the back half is sent whole.
        assert_eq!(seqs(&mut parts), [2, 3]);
    }

    #[test]
    fn a_suspect_that_is_alone_is_sent_alone() {
        let mut parts = Parts::new(vec![request(3)]);
        parts.next();
        parts.cut();
        assert!(parts.keep(|_| true).is_empty());
        assert_eq!(seqs(&mut parts), [0]);
        assert!(parts.keep(|_| true).is_empty());
        parts.finish();
        assert_eq!(seqs(&mut parts), [1, 2]);
    }

    #[test]
    fn a_part_of_which_nothing_is_left_makes_room_for_the_next() {
        let mut parts = Parts::new(vec![request(2), vec![request(9).remove(8)]]);
        assert_eq!(seqs(&mut parts), [0, 1]);
        assert_eq!(parts.keep(|_| false).len(), 2);
        assert_eq!(seqs(&mut parts), [8]);
        assert_eq!(parts.leave().len(), 1);
    }
}
