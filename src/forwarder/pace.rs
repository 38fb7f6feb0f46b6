//! How fast a dataset is sent to: its rate limit, and the pause after a failure.
//!
//! Shared by the runs of one dataset, so that a failure of one holds all, and retries pass
//! through the same limit as first tries.

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::clock::Clock;
use crate::config::Sending;

/// The pace of one dataset.
#[derive(Debug)]
pub(super) struct Pace {
    clock: Clock,
    limiter: Option<RateLimiter<NotKeyed, InMemoryState, Clock, NoOpMiddleware<Nanos>>>,
    pause: Mutex<Pause>,
}

/// By the monotonic clock: a step of the calendar must not stretch a pause.
#[derive(Debug, Clone, Copy)]
struct Pause {
    until: i64,
    failed_at: i64,
    failures: u32,
    /// Whether a single event failed and nothing was accepted since.
    doubted: bool,
}

impl Pace {
    /// The pace that a dataset asks for, or as fast as Meta answers.
    pub(super) fn new(clock: &Clock, sending: &Sending) -> Self {
        let quota = |rate: NonZeroU32| {
            // A full request must fit through the limiter at once, even where the rate is below it.
            let request = u32::try_from(sending.batch_events).unwrap_or(u32::MAX);
            Quota::per_second(rate).allow_burst(NonZeroU32::new(request).unwrap_or(rate).max(rate))
        };
        let limiter = sending
            .max_events_per_second
            .and_then(NonZeroU32::new)
            .map(|rate| RateLimiter::direct_with_clock(quota(rate), clock.clone()));
        let pause = Pause { until: i64::MIN, failed_at: i64::MIN, failures: 0, doubted: false };
        Self { clock: clock.clone(), limiter, pause: Mutex::new(pause) }
    }

    /// Waits until so many events may be sent.
    pub(super) async fn ready(&self, events: usize) {
        loop {
            let pause = self.lock().until.saturating_sub(self.clock.monotonic_millis());
            if pause > 0 {
                self.clock.sleep_millis(pause).await;
                continue;
            }
            match self.limit(events) {
                None => return,
                Some(wait_millis) => self.clock.sleep_millis(wait_millis).await,
            }
        }
    }

    /// How many requests in a row have failed, the next one included.
    pub(super) fn tries(&self) -> u32 {
        self.lock().failures.saturating_add(1)
    }

    /// A request that was sent at `started` (monotonic) failed: nothing is sent for so long.
    ///
    /// Requests that were under way when another failed met the same trouble: they count once.
    pub(super) fn failed(&self, started: i64, wait_millis: u64) {
        let now = self.clock.monotonic_millis();
        let wait = i64::try_from(wait_millis).unwrap_or(i64::MAX);
        let mut pause = self.lock();
        pause.until = pause.until.max(now.saturating_add(wait));
        if started >= pause.failed_at {
            pause.failures = pause.failures.saturating_add(1);
        }
        pause.failed_at = now;
    }

    /// A request with a single event failed. That may be the event's doing: others are held up
    /// only if a second request fails before one is accepted.
    pub(super) fn doubted(&self, started: i64, wait_millis: u64) {
        let before = std::mem::replace(&mut self.lock().doubted, true);
        if before {
            self.failed(started, wait_millis);
        }
    }

    /// A request was answered by Meta in earnest.
    pub(super) fn answered(&self) {
        let mut pause = self.lock();
        pause.failures = 0;
        pause.doubted = false;
    }

    fn limit(&self, events: usize) -> Option<i64> {
        let limiter = self.limiter.as_ref()?;
        let events = NonZeroU32::new(u32::try_from(events).ok()?)?;
        match limiter.check_n(events) {
            Ok(Err(early)) => {
                let wait = early.wait_time_from(governor::clock::Clock::now(&self.clock));
                Some(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX) + 1)
            }
            // The burst holds the largest request there is (`Err` cannot come).
            Ok(Ok(())) | Err(_) => None,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Pause> {
        self.pause.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
