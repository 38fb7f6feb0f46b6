//! The only place that asks what time it is, and the only one that waits for time to pass.
//!
//! A [`Clock`] is handed to whoever needs one. The system's asks the system; a frozen one stands
//! still until a test moves it, and wakes whoever sleeps on it. So no test ever waits. A test's clock
//! may carry a [`Trap`] too, which makes our own work fail where the test wants it to.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use crate::core::time::Timestamp;

/// Where time comes from. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A clock that a test moves.
    Frozen(FrozenClock),
}

/// A clock that stands still until it is moved.
#[derive(Debug, Clone)]
pub struct FrozenClock {
    hands: Arc<Mutex<watch::Sender<Hands>>>,
    seen: watch::Receiver<Hands>,
    trap: Arc<OnceLock<Trap>>,
}

/// What a frozen clock shows.
#[derive(Debug, Clone, Copy)]
struct Hands {
    /// The steady clock: it only grows.
    steady: i64,
    /// How far the calendar is ahead of it.
    ahead: i64,
}

/// Called with a place in our work and what is worked on there; it may panic. Only tests have one.
pub type Trap = fn(place: &str, with: &str);

impl FrozenClock {
    /// A clock that stands at this moment.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        let (sender, seen) = watch::channel(Hands { steady: now.millis(), ahead: 0 });
        Self { hands: Arc::new(Mutex::new(sender)), seen, trap: Arc::default() }
    }

    /// Moves the clock. Whoever slept until then or before wakes up.
    pub fn advance(&self, by: Duration) {
        let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.turn(|hands| hands.steady = hands.steady.saturating_add(millis));
    }

    /// Sets the calendar forward or back, as somebody does who corrects a machine's clock. No time
    /// passes by that.
    pub fn step(&self, millis: i64) {
        self.turn(|hands| hands.ahead = hands.ahead.saturating_add(millis));
    }

    fn turn(&self, turn: impl FnOnce(&mut Hands)) {
        self.hands.lock().unwrap_or_else(PoisonError::into_inner).send_modify(turn);
    }

    /// Sets the trap, once for all copies of this clock.
    pub fn set_trap(&self, trap: Trap) {
        self.trap.get_or_init(|| trap);
    }
}

impl Clock {
    /// The time.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the system")]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::Frozen(frozen) => {
                let Hands { steady, ahead } = *frozen.seen.borrow();
                Timestamp::from_millis(steady.saturating_add(ahead))
            }
            Self::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
            }
        }
    }

    /// Our work is at this place, with this. Nothing happens, unless a test has set a trap.
    pub fn pass(&self, place: &str, with: &str) {
        match self {
            Self::System => {}
            Self::Frozen(frozen) => {
                if let Some(trap) = frozen.trap.get() {
                    trap(place, with);
                }
            }
        }
    }

    /// Waits until this moment, or not at all if it has passed.
    ///
    /// The wait is measured by the steady clock, so that a step of the calendar neither shortens
    /// nor stretches it.
    pub async fn sleep_until(&self, moment: Timestamp) {
        match self {
            Self::Frozen(frozen) => {
                let mut seen = frozen.seen.clone();
                let Hands { steady, ahead } = *seen.borrow();
                let wait =
                    moment.millis_since(Timestamp::from_millis(steady.saturating_add(ahead)));
                let end = steady.saturating_add(wait);
                // The sender lives as long as this clock does.
                let _ = seen.wait_for(|hands| hands.steady >= end).await;
            }
            Self::System => {
                Self::sleep(moment.millis_since(self.now())).await;
            }
        }
    }

    /// Waits so many milliseconds, whatever happens to the calendar.
    pub async fn sleep_millis(&self, millis: i64) {
        match self {
            Self::Frozen(_) => self.sleep_until(self.now().plus_millis(millis)).await,
            Self::System => Self::sleep(millis).await,
        }
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that sleeps")]
    async fn sleep(millis: i64) {
        tokio::time::sleep(Duration::from_millis(u64::try_from(millis).unwrap_or(0))).await;
    }

    /// Milliseconds since an arbitrary start, which only ever grow: for pauses, rates and how long
    /// something took.
    #[must_use]
    pub fn monotonic_millis(&self) -> i64 {
        match self {
            Self::Frozen(frozen) => frozen.seen.borrow().steady,
            Self::System => i64::try_from(running().as_millis()).unwrap_or(i64::MAX),
        }
    }

    /// The same in microseconds, for whoever measures answers.
    #[must_use]
    pub fn monotonic_micros(&self) -> u64 {
        match self {
            Self::Frozen(_) => u64::try_from(self.monotonic_millis()).unwrap_or(0) * 1_000,
            Self::System => u64::try_from(running().as_micros()).unwrap_or(u64::MAX),
        }
    }

    /// Waits on a thread of its own, where no runtime is.
    pub fn block_micros(micros: u64) {
        std::thread::sleep(Duration::from_micros(micros));
    }
}

/// How long the system's clock has been asked.
#[expect(clippy::disallowed_methods, reason = "this is the one place that asks the system")]
fn running() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

/// The clock that `governor` asks: nanoseconds since an arbitrary start.
impl governor::clock::Clock for Clock {
    type Instant = governor::nanos::Nanos;

    fn now(&self) -> Self::Instant {
        Duration::from_millis(u64::try_from(self.monotonic_millis()).unwrap_or(0)).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_step_of_the_calendar_wakes_nobody_and_keeps_nobody_asleep() {
        let frozen = FrozenClock::at(Timestamp::from_seconds(1_000));
        let clock = Clock::Frozen(frozen.clone());
        for step in [-86_400_000, 86_400_000, 0] {
            let sleeper = clock.clone();
            let sleeping = tokio::spawn(async move { sleeper.sleep_millis(10_000).await });
            // It looks at the clock before anything is turned.
            tokio::task::yield_now().await;
            let before = (clock.now(), clock.monotonic_millis());
            frozen.step(step);
            frozen.advance(Duration::from_secs(9));
            tokio::task::yield_now().await;
            assert!(!sleeping.is_finished(), "{step}");
            frozen.advance(Duration::from_secs(1));
            sleeping.await.expect("awake");
            assert_eq!(clock.now().millis_since(before.0), step + 10_000);
            assert_eq!(clock.monotonic_millis() - before.1, 10_000);
        }
    }
}
