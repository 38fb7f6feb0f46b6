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

mod budget;
mod carriage;
mod circuit;
mod isolation;
mod poison;
mod records;
mod suspects;
mod valve;

pub use carriage::{Carriage, Carried, Step};
pub use circuit::{Circuit, Why};
pub use poison::halves;
pub use records::{ACCEPTED, Attempt, Dead, Delivery};
pub use valve::{Admission, Heard, Moment, Signal, Turn, Valve};

use super::meta::answer::{Fault, Outcome, Refusal};
use super::names::closed_list;

closed_list! {
    /// Why a delivery needs a person.
    pub enum DeathReason {
        /// Meta refused this very event.
        Refused = "refused",
        /// It became older than Meta takes before it could be delivered.
        TooOld = "too_old",
        /// Our own code failed on it, each time.
        Panicked = "panicked",
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

/// How long to wait, by what went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waits {
    /// Meta is busy, broken or unreachable, or one event fails without a reason.
    pub trouble: RetryPolicy,
    /// We sent too much, and Meta does not say when it will listen again.
    pub throttle: RetryPolicy,
    /// A person has to act: how often we look whether somebody has.
    pub setup: RetryPolicy,
}

/// Longest wait of all: fifteen minutes, the client policy of `reference/meta-capi.md` 1.9.
const LONGEST_MILLIS: u64 = 15 * 60 * 1_000;

/// Trouble: from one second on, as that policy says. A throttle: from fifteen seconds on, because a
/// call during a block makes the block longer. Set-up: from a minute on.
impl Default for Waits {
    fn default() -> Self {
        let from = |first_millis| RetryPolicy { first_millis, longest_millis: LONGEST_MILLIS };
        Self { trouble: from(1_000), throttle: from(15_000), setup: from(60_000) }
    }
}

impl RetryPolicy {
    /// The wait before try number `tries + 1`, with full jitter.
    ///
    /// `jitter` is in `0.0..=1.0`: the share of the longest wait that chance picked.
    #[must_use]
    pub fn wait_millis(&self, tries: u32, jitter: f64) -> u64 {
        share(self.ceiling_millis(tries), jitter)
    }

    /// The same, but at least half of the longest wait: for when asking too soon does harm.
    #[must_use]
    pub fn patient_millis(&self, tries: u32, jitter: f64) -> u64 {
        let half = self.ceiling_millis(tries) / 2;
        half + share(half, jitter)
    }

    fn ceiling_millis(&self, tries: u32) -> u64 {
        let doublings = tries.saturating_sub(1).min(40);
        self.first_millis.saturating_mul(1 << doublings).min(self.longest_millis)
    }
}

/// A part of a time.
fn share(millis: u64, part: f64) -> u64 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a wait of a day in milliseconds is exact in a double"
    )]
    let share = (millis as f64 * part.clamp(0.0, 1.0)) as u64;
    share
}

/// What happens to the deliveries of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// They are delivered.
    Deliver,
    /// The dataset waits so long, then the same bytes go again.
    Wait {
        /// What is waited for.
        why: Why,
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

/// What a dataset stands still for after this outcome, if it does.
#[must_use]
pub fn stops_for(outcome: &Outcome) -> Option<Why> {
    match outcome {
        Outcome::Accepted { .. } => None,
        Outcome::Unanswered { .. } => Some(Why::Trouble),
        Outcome::Refused(refusal) => match refusal.fault {
            Fault::Transient | Fault::Unknown => Some(Why::Trouble),
            Fault::Throttled => Some(Why::Throttled),
            Fault::Setup => Some(Why::Setup),
            Fault::Event => None,
        },
    }
}

/// The table: what to do after an attempt. `jitter` is in `0.0..=1.0`.
#[must_use]
pub fn judge(waits: Waits, met: Met<'_>, jitter: f64) -> Next {
    let trouble =
        || Next::Wait { why: Why::Trouble, millis: waits.trouble.wait_millis(met.tries, jitter) };
    match met.outcome {
        Outcome::Accepted { .. } => Next::Deliver,
        Outcome::Unanswered { .. } => wait_or_halve(met, trouble),
        Outcome::Refused(refusal) => match refusal.fault {
            Fault::Transient => wait_or_halve(met, trouble),
            Fault::Event => event_fault(met, refusal),
            // A code that nobody knows may be the account's: looked for like an event's fault,
            // but nothing dies of it.
            Fault::Unknown if met.deliveries > 1 => Next::Halve,
            Fault::Unknown => trouble(),
            Fault::Throttled => Next::Wait {
                why: Why::Throttled,
                millis: throttle_millis(waits, met.tries, refusal.regain_millis, jitter),
            },
            Fault::Setup => Next::Wait {
                why: Why::Setup,
                millis: waits.setup.patient_millis(met.tries, jitter),
            },
        },
    }
}

/// Never before the stated time, and some seconds after it by chance: whoever was told the same
/// time must not come back in the same moment.
fn throttle_millis(waits: Waits, tries: u32, regain_millis: Option<u64>, jitter: f64) -> u64 {
    const SPREAD_MILLIS_MAX: u64 = 60_000;
    let patient = waits.throttle.patient_millis(tries, jitter);
    let stated = regain_millis.unwrap_or(0);
    let spread = share((stated / 10).min(SPREAD_MILLIS_MAX), jitter);
    patient.max(stated.saturating_add(spread))
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

    const TROUBLE: RetryPolicy = RetryPolicy { first_millis: 1_000, longest_millis: 60_000 };
    const WAITS: Waits = Waits {
        trouble: TROUBLE,
        throttle: RetryPolicy { first_millis: 10_000, longest_millis: 60_000 },
        setup: RetryPolicy { first_millis: 30_000, longest_millis: 900_000 },
    };

    fn refusal(fault: Fault) -> Refusal {
        let says = String::new();
        Refusal {
            fault,
            status: 400,
            code: 100,
            subcode: None,
            says,
            trace_id: None,
            index: None,
            regain_millis: None,
        }
    }

    fn refused(fault: Fault, index: Option<usize>) -> Outcome {
        Outcome::Refused(Refusal { index, ..refusal(fault) })
    }

    fn throttled(minutes: u64) -> Outcome {
        let regain_millis = Some(minutes * 60_000);
        Outcome::Refused(Refusal { regain_millis, ..refusal(Fault::Throttled) })
    }

    #[test]
    fn every_row_of_the_table() {
        use Next::{DeadLetter, Deliver, Halve, SetAside};
        let accepted = || Outcome::Accepted { trace_id: None };
        let silent = || Outcome::Unanswered { says: "timed out".into() };
        let wait = |why, millis| Next::Wait { why, millis };
        let trouble = |millis| wait(Why::Trouble, millis);
        for (deliveries, tries, outcome, expected) in [
            (9, 1, accepted(), Deliver),
            (9, 1, silent(), trouble(1_000)),
            (9, 3, silent(), trouble(4_000)),
            (9, 5, silent(), trouble(16_000)),
            (9, 6, silent(), Halve),
            (9, 6, refused(Fault::Transient, None), Halve),
            (1, u32::MAX, silent(), trouble(60_000)),
            (9, 2, refused(Fault::Transient, None), trouble(2_000)),
            (9, 1, refused(Fault::Throttled, None), wait(Why::Throttled, 10_000)),
            (9, 6, refused(Fault::Throttled, None), wait(Why::Throttled, 60_000)),
            // Never before the stated time; a tenth of it, at most a minute, by chance.
            (9, 1, throttled(5), wait(Why::Throttled, 330_000)),
            (9, 9, throttled(5), wait(Why::Throttled, 330_000)),
            (1, 1, throttled(600), wait(Why::Throttled, 36_060_000)),
            (9, 1, refused(Fault::Setup, None), wait(Why::Setup, 30_000)),
            (1, 9, refused(Fault::Setup, None), wait(Why::Setup, 900_000)),
            (9, 1, refused(Fault::Event, None), Halve),
            (9, 1, refused(Fault::Event, Some(8)), SetAside { index: 8 }),
            (9, 1, refused(Fault::Event, Some(9)), Halve),
            (1, 1, refused(Fault::Event, Some(0)), DeadLetter(DeathReason::Refused)),
            (9, 1, refused(Fault::Unknown, None), Halve),
            (1, 1, refused(Fault::Unknown, None), trouble(1_000)),
        ] {
            let met = Met { deliveries, tries, outcome: &outcome };
            assert_eq!(judge(WAITS, met, 1.0), expected, "{met:?}");
        }
    }

    #[test]
    fn no_chance_shortens_a_stated_time() {
        for jitter in [0.0, 0.3, 1.0] {
            let outcome = throttled(5);
            let met = Met { deliveries: 9, tries: 1, outcome: &outcome };
            let Next::Wait { millis, .. } = judge(WAITS, met, jitter) else {
                unreachable!("a throttle is waited out")
            };
            assert!((300_000..=330_000).contains(&millis), "{jitter}: {millis}");
        }
    }

    #[test]
    fn jitter_spreads_the_wait_over_its_whole_length() {
        for (jitter, millis, patient) in [
            (0.0, 0, 2_000),
            (0.5, 2_000, 3_000),
            (1.0, 4_000, 4_000),
            (7.0, 4_000, 4_000),
            (-1.0, 0, 2_000),
        ] {
            assert_eq!(TROUBLE.wait_millis(3, jitter), millis, "{jitter}");
            assert_eq!(TROUBLE.patient_millis(3, jitter), patient, "{jitter}");
        }
    }
}
