//! How many requests may be repetitions: one in ten, and a few to start with.
//!
//! In: each request that wants to go. Out: whether it may. A dataset in half a trouble must not be
//! asked twice for everything; one in whole trouble is tried now and then all the same. Time is an
//! argument.
//!
//! # Source
//! Marc Brooker, "Fixing retries with token buckets and circuit breakers"; Finagle's retry budget.

/// Repetitions that may go before any other request has.
const RESERVE: f64 = 10.0;

/// What each request that is no repetition adds.
const SHARE: f64 = 0.1;

/// In how many milliseconds one more may go, whatever else goes: without it a dataset whose last
/// request failed would wait for the next payment.
const TRICKLE_MILLIS: i64 = 12_000;

/// Repetitions that may go.
#[derive(Debug)]
pub(super) struct Budget {
    left: f64,
    trickled_at: i64,
}

impl Budget {
    pub(super) fn new(now: i64) -> Self {
        Self { left: RESERVE, trickled_at: now }
    }

    /// Counts a request that is about to go.
    ///
    /// # Errors
    /// When a repetition may go at the earliest, if it may not now.
    pub(super) fn spend(&mut self, now: i64, is_repetition: bool) -> Result<(), i64> {
        if !is_repetition {
            self.left = (self.left + SHARE).min(RESERVE);
            return Ok(());
        }
        if self.left >= 1.0 {
            self.left -= 1.0;
            return Ok(());
        }
        let next = self.trickled_at.saturating_add(TRICKLE_MILLIS);
        if now < next {
            return Err(next);
        }
        self.trickled_at = now;
        Ok(())
    }

    /// Takes back what a request changed that did not go after all.
    pub(super) fn give_back(&mut self, is_repetition: bool) {
        let change = if is_repetition { 1.0 } else { -SHARE };
        self.left = (self.left + change).clamp(0.0, RESERVE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_of_the_requests_may_be_repetitions() {
        let mut budget = Budget::new(0);
        // Everything fails and wants to go again at once.
        let mut went = 0;
        for second in 0..600 {
            for _ in 0..10 {
                assert_eq!(budget.spend(second * 1_000, false), Ok(()));
                went += i32::from(budget.spend(second * 1_000, true).is_ok());
            }
        }
        // 6,000 requests: a tenth, the reserve, and one in twelve seconds.
        assert!((600..=600 + 10 + 50).contains(&went), "{went}");
    }

    #[test]
    fn what_did_not_go_is_neither_spent_nor_earned() {
        let mut budget = Budget::new(0);
        for _ in 0..100 {
            assert_eq!(budget.spend(0, true), Ok(()));
            budget.give_back(true);
        }
        let went = (0..100).filter(|_| budget.spend(0, true).is_ok()).count();
        assert_eq!(went, 10, "the reserve is whole");
        for _ in 0..100 {
            assert_eq!(budget.spend(0, false), Ok(()));
            budget.give_back(false);
        }
        assert_eq!(budget.spend(0, true), Err(TRICKLE_MILLIS), "nothing was earned");
        assert_eq!(budget.spend(TRICKLE_MILLIS, true), Ok(()));
        budget.give_back(true);
        assert_eq!(budget.spend(TRICKLE_MILLIS, true), Ok(()), "the one that trickled is left");
    }

    #[test]
    fn alone_they_trickle() {
        let mut budget = Budget::new(0);
        let went = (0..600).filter(|second| budget.spend(second * 1_000, true).is_ok()).count();
        assert_eq!(went, 10 + 49);
        assert_eq!(budget.spend(600_000, true), Ok(()));
        assert_eq!(budget.spend(600_001, true), Err(612_000));
    }
}
