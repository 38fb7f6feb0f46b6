//! How fast a dataset is sent to: its valve and its rate limit, shared by the runs under way.
//!
//! In: requests that want to go. Out: a [`Place`] each, in its time. What the valve says is decided
//! in `core::delivery`; here is only the waiting. A request passes the valve first and the limiter
//! last, repetitions included: if another fails while it waits, it is asked again, and has used up
//! neither the rate nor the budget of repetitions for nothing.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::sync::watch;

use crate::clock::Clock;
use crate::config::Sending;
use crate::core::delivery::{Admission, Circuit, Heard, Moment, Signal, Turn, Valve, Why};
use crate::core::time::Timestamp;
use crate::store::CircuitChange;

/// The pace of one dataset.
#[derive(Debug)]
pub(super) struct Pace {
    clock: Clock,
    limiter: Option<RateLimiter<NotKeyed, InMemoryState, Clock, NoOpMiddleware<Nanos>>>,
    valve: Mutex<Valve>,
    written: Mutex<Written>,
    /// The beginning of the pause of which somebody was told, and not yet that it is over.
    alarmed: Mutex<Option<Timestamp>>,
    /// Whether Meta has answered for an event.
    answered: AtomicBool,
    /// Counts the changes of the valve; whoever waits for one listens here.
    changes: watch::Sender<u64>,
}

/// What the books were last told of the valve.
#[derive(Debug)]
struct Written {
    change: i64,
    circuit: Option<Circuit>,
    is_certain: bool,
}

/// The right to have one request under way. Dropping it gives the place to the next.
#[derive(Debug)]
pub(super) struct Place(Arc<Pace>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.change(Valve::leave);
    }
}

impl Pace {
    /// The pace that a dataset asks for, or as fast as Meta answers; its valve stands as it was
    /// left. `told` is the beginning of the pause of which somebody was told.
    pub(super) fn new(
        clock: &Clock,
        sending: &Sending,
        (left, told): (Option<Circuit>, Option<Timestamp>),
    ) -> Arc<Self> {
        let quota = |rate: NonZeroU32| {
            // A full request must fit through the limiter at once, even where the rate is below it.
            let request = u32::try_from(sending.batch_events).unwrap_or(u32::MAX);
            Quota::per_second(rate).allow_burst(NonZeroU32::new(request).unwrap_or(rate).max(rate))
        };
        let limiter = sending
            .max_events_per_second
            .and_then(NonZeroU32::new)
            .map(|rate| RateLimiter::direct_with_clock(quota(rate), clock.clone()));
        let paused = left.as_ref().filter(|circuit| circuit.is_paused()).map(|left| left.since);
        let alarmed = Mutex::new(told.filter(|_| left.is_some()).or(paused));
        let written = Written { change: 0, circuit: left.clone(), is_certain: true };
        let valve = Mutex::new(Valve::new(sending.max_in_flight, left, moment(clock)));
        let (changes, _) = watch::channel(0);
        let written = Mutex::new(written);
        let answered = AtomicBool::new(false);
        Arc::new(Self { clock: clock.clone(), limiter, valve, written, alarmed, answered, changes })
    }

    /// Waits until a request with so many events may be sent.
    pub(super) async fn ready(self: &Arc<Self>, events: usize, is_repetition: bool) -> Place {
        loop {
            let mut changes = self.changes.subscribe();
            let now = self.clock.monotonic_millis();
            let admission = self.lock().admit(now, is_repetition);
            match admission {
                Admission::Go => {
                    let place = Place(Arc::clone(self));
                    while self.lock().is_open(self.clock.monotonic_millis()) {
                        let Some(wait) = self.limit(events) else { return place };
                        self.clock.sleep_millis(wait).await;
                    }
                    self.lock().unsent(is_repetition);
                }
                // A change may come first: somebody mends the token.
                Admission::Until(moment) => tokio::select! {
                    () = self.clock.sleep_millis(moment.saturating_sub(now)) => {}
                    _ = changes.changed() => {}
                },
                // The sender of changes lives as long as this pace does.
                Admission::Busy => drop(changes.changed().await),
            }
        }
    }

    /// How many requests in a row have failed, one that met this included.
    pub(super) fn tries(&self, why: Option<Why>) -> u32 {
        self.lock().tries(why)
    }

    /// Whether events have got through under this lease.
    pub(super) fn has_answered(&self) -> bool {
        self.answered.load(Ordering::Relaxed)
    }

    /// Tells the valve what a request met.
    pub(super) fn met(&self, met: Heard<'_>) -> Turn {
        if matches!(met.signal, Signal::Accepted | Signal::Judged) {
            self.answered.store(true, Ordering::Relaxed);
        }
        self.change(|valve| valve.met(met))
    }

    /// Notes that people are told of a pause: the beginning of the one that they know, or of this
    /// one, and whether it is news.
    pub(super) fn alarm(&self, since: Timestamp) -> (Timestamp, bool) {
        let mut alarmed = self.alarmed.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = alarmed.is_none();
        (*alarmed.get_or_insert(since), is_new)
    }

    /// Notes that the pause is over, and says whether people knew of one.
    pub(super) fn end_alarm(&self) -> bool {
        self.alarmed.lock().unwrap_or_else(PoisonError::into_inner).take().is_some()
    }

    /// Why nothing is sent at the moment, if that is so.
    pub(super) fn circuit(&self) -> Option<Circuit> {
        self.lock().circuit().cloned()
    }

    /// Whether it is time to look at a paused dataset for which no event waits.
    pub(super) fn is_look_due(&self) -> bool {
        let valve = self.lock();
        valve.circuit().is_some_and(Circuit::is_seen_by_a_look)
            && valve.is_open(self.clock.monotonic_millis())
    }

    /// What the books have not been told yet: for the next settlement, whosever it is.
    pub(super) fn unwritten(&self) -> Option<CircuitChange> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let circuit = self.circuit();
        if written.is_certain && written.circuit == circuit {
            return None;
        }
        written.circuit.clone_from(&circuit);
        written.is_certain = true;
        written.change += 1;
        Some(CircuitChange { change: written.change, circuit })
    }

    /// The settlement failed: the books are told again.
    pub(super) fn not_written(&self) {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).is_certain = false;
    }

    /// Somebody has changed the set-up: a paused dataset is looked at at once.
    pub(super) fn look_again(&self) {
        let now = moment(&self.clock);
        self.change(|valve| valve.look_again(now));
    }

    fn change<T>(&self, change: impl FnOnce(&mut Valve) -> T) -> T {
        let changed = change(&mut self.lock());
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
        changed
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

    fn lock(&self) -> MutexGuard<'_, Valve> {
        self.valve.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Now, by both clocks.
pub(super) fn moment(clock: &Clock) -> Moment {
    Moment { steady: clock.monotonic_millis(), wall: clock.now() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::FrozenClock;
    use crate::core::delivery::Signal;
    use crate::core::meta::usage::Usage;
    use crate::core::time::Timestamp;

    /// Lets whoever can go on go on.
    async fn settle() {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn who_is_stopped_while_it_waits_for_its_rate_uses_up_nothing() {
        let frozen = FrozenClock::at(Timestamp::from_seconds(1_772_280_000));
        let clock = Clock::Frozen(frozen.clone());
        let began = clock.monotonic_millis();
        let slow =
            Sending { max_events_per_second: Some(1), batch_events: 10, ..Sending::default() };
        let pace = Pace::new(&clock, &slow, (None, None));
        let heard = |started, signal| Heard {
            started,
            now: moment(&clock),
            signal,
            usage: Usage::default(),
            codes: (None, None),
            says: "",
        };
        // The first takes the whole burst; its answer opens a second place.
        let first = pace.ready(10, false).await;
        pace.met(heard(began, Signal::Accepted));
        let waiting = tokio::spawn({
            let pace = Arc::clone(&pace);
            async move { pace.ready(10, true).await }
        });
        settle().await;
        frozen.advance(Duration::from_secs(5));
        pace.met(heard(began + 1, Signal::Halt { why: Why::Throttled, millis: 7_000 }));
        drop(first);
        // Its rate comes at ten seconds, the end of the stop at twelve.
        for (seconds, may_go) in [(6, false), (1, true)] {
            assert!(!waiting.is_finished());
            frozen.advance(Duration::from_secs(seconds));
            settle().await;
            assert_eq!(waiting.is_finished(), may_go, "{seconds} s later");
        }
    }
}
