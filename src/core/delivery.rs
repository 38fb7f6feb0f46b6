//! The life of a delivery, as a pure function: outcome in, next step out.
//!
//! In: what an attempt met, how many deliveries it carried, how often it was tried. Out: the
//! [`Next`] step. Nothing here sends, sleeps, stores or reads a clock, so every row of the retry
//! table is a test row.
//!
//! The principle: waiting is for the destination, splitting is for the batch, a dead letter is for
//! one delivery. A setup fault never kills anything: no event can pass until a person acts, and
//! then all can.
//!
//! Source: Meta, "Conversions API / Using the API" (one invalid event refuses the whole request);
//! Marc Brooker, "Exponential Backoff And Jitter" (full jitter).

use super::meta::answer::{Fault, Outcome, Refusal};
use super::names::closed_list;

closed_list! {
    /// Why a delivery needs a person.
    pub enum DeathReason {
        /// Meta refused this very event.
        Refused = "refused",
        /// It became older than Meta takes before it could be delivered.
        TooOld = "too_old",
    }
}

/// How long to wait between tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Longest wait before the second try, in milliseconds.
    pub first_millis: u64,
    /// Longest wait before any try, in milliseconds.
    pub longest_millis: u64,
}

/// One second, doubling up to fifteen minutes: the client policy of `reference/meta-capi.md` 1.9.
impl Default for RetryPolicy {
    fn default() -> Self {
        Self { first_millis: 1_000, longest_millis: 15 * 60 * 1_000 }
    }
}

impl RetryPolicy {
    /// The wait before try number `tries + 1`, with full jitter.
    ///
    /// `jitter` is in `0.0..=1.0`: the share of the longest wait that chance picked.
    #[must_use]
    pub fn wait_millis(&self, tries: u32, jitter: f64) -> u64 {
        let doublings = tries.saturating_sub(1).min(40);
        let ceiling = self.first_millis.saturating_mul(1 << doublings).min(self.longest_millis);
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a wait of minutes in milliseconds is exact in a double"
        )]
        let wait = (ceiling as f64 * jitter.clamp(0.0, 1.0)) as u64;
        wait
    }
}

/// What happens to the deliveries of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// They are delivered.
    Deliver,
    /// The dataset waits so long, then the same bytes go again.
    Wait {
        /// Milliseconds.
        millis: u64,
    },
    /// One of them spoils the rest: find it by halves.
    Halve,
    /// This one spoils the rest: send the others without it.
    SetAside {
        /// Its index in the request.
        index: usize,
    },
    /// The only one in the request is refused.
    DeadLetter(DeathReason),
}

/// A request and what it met.
#[derive(Debug, Clone, Copy)]
pub struct Met<'m> {
    /// How many deliveries it carried.
    pub deliveries: usize,
    /// How many times this request was sent, this one included.
    pub tries: u32,
    /// What it met.
    pub outcome: &'m Outcome,
}

/// The table: what to do after an attempt.
#[must_use]
pub fn judge(policy: RetryPolicy, met: Met<'_>, jitter: f64) -> Next {
    let wait = || Next::Wait { millis: policy.wait_millis(met.tries, jitter) };
    match met.outcome {
        Outcome::Accepted { .. } => Next::Deliver,
        Outcome::Unanswered { .. } => wait_or_halve(met, wait),
        Outcome::Refused(refusal) => match refusal.fault {
            Fault::Transient => wait_or_halve(met, wait),
            Fault::Event => event_fault(met, refusal),
            // A code that nobody knows may be the account's: looked for like an event's fault,
            // but nothing dies of it.
            Fault::Unknown if met.deliveries > 1 => Next::Halve,
            Fault::Throttled | Fault::Setup | Fault::Unknown => wait(),
        },
    }
}

/// After how many tries a request that fails for no known reason is halved. Waits double from one
/// second, so that takes half a minute on average, and a long outage halves only a few requests.
const STUBBORN_TRIES: u32 = 6;

/// A stubborn failure may be one event's: something on the way that chokes on it.
fn wait_or_halve(met: Met<'_>, wait: impl Fn() -> Next) -> Next {
    if met.deliveries > 1 && met.tries >= STUBBORN_TRIES { Next::Halve } else { wait() }
}

fn event_fault(met: Met<'_>, refusal: &Refusal) -> Next {
    match refusal.index {
        _ if met.deliveries == 1 => Next::DeadLetter(DeathReason::Refused),
        Some(index) if index < met.deliveries => Next::SetAside { index },
        Some(_) | None => Next::Halve,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy = RetryPolicy { first_millis: 1_000, longest_millis: 60_000 };

    fn refused(fault: Fault, index: Option<usize>) -> Outcome {
        let says = String::new();
        Outcome::Refused(Refusal {
            fault,
            status: 400,
            code: 100,
            subcode: None,
            says,
            trace_id: None,
            index,
        })
    }

    #[test]
    fn every_row_of_the_table() {
        use Next::{DeadLetter, Deliver, Halve, SetAside, Wait};
        let accepted = || Outcome::Accepted { trace_id: None };
        let silent = || Outcome::Unanswered { says: "timed out".into() };
        for (deliveries, tries, outcome, expected) in [
            (9, 1, accepted(), Deliver),
            (9, 1, silent(), Wait { millis: 1_000 }),
            (9, 3, silent(), Wait { millis: 4_000 }),
            (9, 5, silent(), Wait { millis: 16_000 }),
            (9, 6, silent(), Halve),
            (9, 6, refused(Fault::Transient, None), Halve),
            (9, 6, refused(Fault::Throttled, None), Wait { millis: 32_000 }),
            (1, u32::MAX, silent(), Wait { millis: 60_000 }),
            (9, 2, refused(Fault::Transient, None), Wait { millis: 2_000 }),
            (9, 1, refused(Fault::Throttled, None), Wait { millis: 1_000 }),
            (1, 9, refused(Fault::Setup, None), Wait { millis: 60_000 }),
            (9, 1, refused(Fault::Event, None), Halve),
            (9, 1, refused(Fault::Event, Some(8)), SetAside { index: 8 }),
            (9, 1, refused(Fault::Event, Some(9)), Halve),
            (1, 1, refused(Fault::Event, Some(0)), DeadLetter(DeathReason::Refused)),
            (9, 1, refused(Fault::Unknown, None), Halve),
            (1, 1, refused(Fault::Unknown, None), Wait { millis: 1_000 }),
        ] {
            let met = Met { deliveries, tries, outcome: &outcome };
            assert_eq!(judge(POLICY, met, 1.0), expected, "{met:?}");
        }
    }

    #[test]
    fn jitter_spreads_the_wait_over_its_whole_length() {
        for (jitter, millis) in [(0.0, 0), (0.5, 2_000), (1.0, 4_000), (7.0, 4_000), (-1.0, 0)] {
            assert_eq!(POLICY.wait_millis(3, jitter), millis, "{jitter}");
        }
    }
}
