//! The valve of one dataset: whether a request may go now, and what each answer changes about it.
//!
//! In: requests that want to go, and what they met. Out: [`Admission`]s, and a [`Turn`] when the
//! dataset stops or flows again. One closed valve serves for everything that stops a dataset: Meta
//! in trouble, a throttle, a budget nearly used up, a fault of the set-up. After each stop a single
//! request goes first; from then on the number of requests under way grows while answers come as
//! fast as before, and shrinks when they slow down. Time is an argument; nothing here waits.
//!
//! # Source
//! Meta's advice on usage headers and codes: meta-capi.md 1.9 (slower from 75 %, stop at 95 %).
//! Van Jacobson, "Congestion Avoidance and Control" (slow start, additive increase).

use super::budget::Budget;
use super::circuit::{Circuit, Why};
use crate::core::meta::usage::{REGAIN_MILLIS_MAX, Usage};
use crate::core::time::Timestamp;

/// Percent of Meta's budget from which requests go slower.
const SLOWER_FROM: u32 = 75;

/// Percent of Meta's budget from which none goes.
const STOP_FROM: u32 = 95;

/// How long a used-up budget is waited for where Meta states no time, in milliseconds: a minute of
/// the rolling hour gives back more than one request needs.
const BUDGET_MILLIS: u64 = 60_000;

/// Longest stop because of events that failed alone, in milliseconds: each of them waits for itself,
/// so that little is gained by stopping the others, and much is lost if they were good.
const DOUBT_MILLIS_MAX: u64 = 10_000;

/// Longest rest of a place after a request because the budget runs low, in milliseconds.
const REST_MILLIS_MAX: f64 = 60_000.0;

/// A moment by both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Milliseconds that only grow: what pauses are measured by.
    pub steady: i64,
    /// The calendar: what people read, and what a restart goes by.
    pub wall: Timestamp,
}

/// What one request met, as far as the valve is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Meta took it.
    Accepted,
    /// Meta refused it for an event: the way is good.
    Judged,
    /// A single event failed, maybe for its own sake. Others are held up only if another event
    /// fails before one is answered, and not for long.
    Doubt {
        /// Its number in the log.
        event: i64,
        /// How long to wait if it was not.
        millis: u64,
    },
    /// Nothing may go for a while.
    Halt {
        /// Why.
        why: Why,
        /// How long, in milliseconds.
        millis: u64,
    },
}

/// One request and what it met.
#[derive(Debug, Clone, Copy)]
pub struct Heard<'m> {
    /// When it was sent, by the steady clock.
    pub started: i64,
    /// When it was answered.
    pub now: Moment,
    /// What it met.
    pub signal: Signal,
    /// What the headers of the answer say.
    pub usage: Usage,
    /// Meta's code and subcode.
    pub codes: (Option<i64>, Option<i64>),
    /// Meta's words, or ours.
    pub says: &'m str,
}

/// Whether a request may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Now. It takes a place, which its answer frees.
    Go,
    /// Not before this moment of the steady clock.
    Until(i64),
    /// Not before a request under way is answered.
    Busy,
}

/// The dataset stopped, for this reason, or flows again after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// Why it stood still before.
    pub before: Option<Why>,
    /// Why it stands still now.
    pub after: Option<Why>,
}

/// The valve.
#[derive(Debug)]
pub struct Valve {
    /// Requests under way at once, at most.
    places_max: f64,
    /// The same at the moment: grows with answers, falls with trouble. At least 1.
    places: f64,
    /// From where on `places` grows slowly.
    slow_from: f64,
    under_way: usize,
    /// Ends of the rests of places that a low budget keeps empty.
    resting: Vec<i64>,
    halt: Option<Halt>,
    failed_at: i64,
    failures: u32,
    /// The single event that failed, if nothing was answered since.
    doubted: Option<i64>,
    latency: Latency,
    budget: Budget,
}

#[derive(Debug)]
struct Halt {
    until: i64,
    circuit: Circuit,
}

impl Halt {
    /// Whether a request that was sent at this moment, and met this, has shown the reason of this
    /// stop to be gone: the throttle is over, and what is wrong now is something else. Only a bad
    /// set-up is not mended by meeting a network that is down.
    fn is_ended_by(&self, started: i64, why: Why) -> bool {
        let is_same = self.circuit.why == why;
        let hides = self.circuit.why == Why::Setup && why == Why::Trouble;
        started >= self.until && !is_same && !hides
    }

    /// What two stops come to that nothing has ended between them: the graver reason and the later
    /// end. A look at a dataset without a token that times out has not mended the token.
    fn and(self, later: Self) -> Self {
        let until = self.until.max(later.until);
        let end = self.circuit.until.max(later.circuit.until);
        let since = self.circuit.since;
        let failures = later.circuit.failures;
        let (is_same, is_graver) =
            (later.circuit.why == self.circuit.why, later.circuit.why > self.circuit.why);
        let circuit = if is_graver || is_same { later.circuit } else { self.circuit };
        let since = if is_graver { circuit.since } else { since };
        Self { until, circuit: Circuit { since, until: end, failures, ..circuit } }
    }
}

impl Valve {
    /// A valve for so many requests at once, as a former process left it.
    #[must_use]
    pub fn new(places_max: usize, left: Option<Circuit>, now: Moment) -> Self {
        let places_max = f64::from(u32::try_from(places_max.max(1)).unwrap_or(u32::MAX));
        let failures = left.as_ref().map_or(0, |circuit| circuit.failures);
        let halt = left.map(|mut circuit| {
            let left = circuit.until.millis_since(now.wall);
            // A restart may be the repair: a fault of the set-up is looked at again at once. And a
            // time that no pause lasts was written by a clock that has been set back since.
            let wait = match circuit.why {
                Why::Setup => 0,
                Why::Trouble | Why::Throttled | Why::Budget => left.clamp(0, longest()),
            };
            circuit.until = now.wall.plus_millis(wait);
            Halt { until: now.steady.saturating_add(wait), circuit }
        });
        Self {
            places_max,
            places: 1.0,
            slow_from: places_max,
            under_way: 0,
            resting: Vec::new(),
            halt,
            failed_at: i64::MIN,
            failures,
            doubted: None,
            latency: Latency::default(),
            budget: Budget::new(now.steady),
        }
    }

    /// Asks whether a request may go. `is_repetition` says that it failed before: such requests
    /// have a budget of their own, so that they never crowd out the others.
    pub fn admit(&mut self, now: i64, is_repetition: bool) -> Admission {
        if let Some(halt) = &self.halt {
            if now < halt.until {
                return Admission::Until(halt.until);
            }
            if self.under_way > 0 {
                return Admission::Busy;
            }
        }
        self.resting.retain(|until| *until > now);
        let taken = self.under_way + self.resting.len();
        if taken >= self.places() {
            return self.resting.iter().min().map_or(Admission::Busy, |end| Admission::Until(*end));
        }
        if let Err(until) = self.budget.spend(now, is_repetition) {
            return Admission::Until(until);
        }
        self.under_way += 1;
        Admission::Go
    }

    /// A request that was admitted does not go after all: what it changed of the budget is taken
    /// back. Its place is freed by [`Valve::leave`].
    pub fn unsent(&mut self, is_repetition: bool) {
        self.budget.give_back(is_repetition);
    }

    /// Whether a request that was admitted may still go: another may have failed meanwhile.
    #[must_use]
    pub fn is_open(&self, now: i64) -> bool {
        self.halt.as_ref().is_none_or(|halt| now >= halt.until)
    }

    /// Frees the place of a request, whether it was sent or not.
    pub fn leave(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// How many requests in a row have failed, one that met this included. What is graver than what
    /// the dataset stood still for is counted from its own beginning: the waits of an outage say
    /// nothing about a bad token.
    #[must_use]
    pub fn tries(&self, why: Option<Why>) -> u32 {
        if self.is_graver(why) { 1 } else { self.failures.saturating_add(1) }
    }

    fn is_graver(&self, why: Option<Why>) -> bool {
        why.zip(self.circuit()).is_some_and(|(why, circuit)| why > circuit.why)
    }

    /// Why nothing is sent at the moment, if that is so.
    #[must_use]
    pub fn circuit(&self) -> Option<&Circuit> {
        self.halt.as_ref().map(|halt| &halt.circuit)
    }

    /// Somebody has changed the set-up: it is looked at again at once.
    pub fn look_again(&mut self, now: Moment) {
        if let Some(halt) = &mut self.halt
            && halt.circuit.why == Why::Setup
        {
            halt.until = now.steady;
            halt.circuit.until = now.wall;
            self.failures = 0;
        }
    }

    /// Tells what a request met. Its place is freed by [`Valve::leave`].
    pub fn met(&mut self, met: Heard<'_>) -> Turn {
        let before = self.circuit().map(|circuit| circuit.why);
        match met.signal {
            Signal::Accepted | Signal::Judged => self.answered(&met),
            Signal::Doubt { event, millis } => {
                // The same event again proves nothing about the others, however often it fails.
                if *self.doubted.get_or_insert(event) != event {
                    self.halt(&met, Why::Trouble, millis.min(DOUBT_MILLIS_MAX));
                }
            }
            Signal::Halt { why, millis } => self.halt(&met, why, millis),
        }
        Turn { before, after: self.circuit().map(|circuit| circuit.why) }
    }

    fn answered(&mut self, met: &Heard<'_>) {
        // An answer to what was sent before the stop was over says nothing about its end.
        if self.halt.as_ref().is_some_and(|halt| met.started < halt.until) {
            return;
        }
        self.failures = 0;
        self.doubted = None;
        self.halt = None;
        let took = to_float(met.now.steady - met.started);
        if self.latency.is_slow(took) {
            self.places = (self.places * 0.9).max(1.0);
            self.slow_from = self.places;
        } else if self.places < self.slow_from {
            self.places += 1.0;
        } else {
            self.places += 1.0 / self.places;
        }
        self.places = self.places.min(self.places_max);
        match met.usage.percent {
            Some(percent) if percent >= STOP_FROM => {
                let millis = met.usage.regain_millis.unwrap_or(BUDGET_MILLIS);
                self.stop(met, Why::Budget, millis);
            }
            Some(percent) if percent >= SLOWER_FROM => self.rest(met.now.steady, took, percent),
            Some(_) | None => {}
        }
    }

    /// Keeps one place empty after a request, so long that its share of the pace falls from whole
    /// at 75 % to nothing at 95 %.
    fn rest(&mut self, now: i64, took: f64, percent: u32) {
        let share = f64::from(STOP_FROM - percent) / f64::from(STOP_FROM - SLOWER_FROM);
        let rest = (took.max(1.0) * (1.0 / share - 1.0)).min(REST_MILLIS_MAX);
        self.resting.push(now.saturating_add(to_millis(rest)));
    }

    /// Requests that were under way when another failed met the same trouble: they count once.
    fn halt(&mut self, met: &Heard<'_>, why: Why, millis: u64) {
        if self.is_graver(Some(why)) {
            self.failures = 1;
        } else if met.started >= self.failed_at {
            self.failures = self.failures.saturating_add(1);
        }
        if met.started >= self.failed_at {
            self.slow_from = (self.places / 2.0).max(1.0);
        }
        self.failed_at = met.now.steady;
        self.stop(met, why, millis);
    }

    fn stop(&mut self, met: &Heard<'_>, why: Why, millis: u64) {
        self.places = 1.0;
        let wait = i64::try_from(millis).unwrap_or(i64::MAX).min(longest());
        let until = met.now.steady.saturating_add(wait);
        let (code, subcode) = met.codes;
        let says = match why {
            Why::Budget => "Meta's budget is nearly used up".to_owned(),
            Why::Trouble | Why::Throttled | Why::Setup => met.says.to_owned(),
        };
        let new = Halt {
            until,
            circuit: Circuit {
                why,
                since: met.now.wall,
                until: met.now.wall.plus_millis(wait),
                failures: self.failures,
                code,
                subcode,
                says,
            },
        };
        self.halt = Some(match self.halt.take() {
            Some(former) if former.is_ended_by(met.started, why) => new,
            Some(former) => former.and(new),
            None => new,
        });
    }

    fn places(&self) -> usize {
        usize::try_from(to_millis(self.places)).unwrap_or(1).max(1)
    }
}

/// How long answers take: a mean and a mean deviation that follow slowly, as TCP keeps them.
#[derive(Debug, Default)]
struct Latency {
    mean: f64,
    deviation: f64,
    answers: u32,
}

impl Latency {
    /// Answers that are looked at before any is called slow.
    const ANSWERS_MIN: u32 = 8;

    /// Differences below this are nobody's queue, in milliseconds.
    const NOISE_MILLIS: f64 = 100.0;

    /// Takes an answer into account, and says whether it took far longer than those before.
    fn is_slow(&mut self, took: f64) -> bool {
        if self.answers == 0 {
            (self.mean, self.deviation) = (took, took / 2.0);
        }
        let limit = self.mean * 1.5 + self.deviation * 2.0 + Self::NOISE_MILLIS;
        let is_slow = self.answers >= Self::ANSWERS_MIN && took > limit;
        self.deviation += ((took - self.mean).abs() - self.deviation) / 4.0;
        self.mean += (took - self.mean) / 8.0;
        self.answers = self.answers.saturating_add(1);
        is_slow
    }
}

/// No stop is longer than what a header may ask for, and its spread.
fn longest() -> i64 {
    i64::try_from(REGAIN_MILLIS_MAX).unwrap_or(i64::MAX).saturating_add(60_000)
}

#[expect(clippy::cast_precision_loss, reason = "durations are far below 2^52 milliseconds")]
fn to_float(millis: i64) -> f64 {
    millis as f64
}

#[expect(clippy::cast_possible_truncation, reason = "bounded by whoever calls it")]
fn to_millis(float: f64) -> i64 {
    float as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_772_280_000;
    const DAY: i64 = 86_400_000;

    fn at(steady: i64) -> Moment {
        Moment { steady, wall: Timestamp::from_seconds(NOON).plus_millis(steady) }
    }

    fn met(started: i64, now: i64, signal: Signal) -> Heard<'static> {
        let usage = Usage::default();
        Heard { started, now: at(now), signal, usage, codes: (Some(190), None), says: "expired" }
    }

    fn used(percent: u32, regain_millis: Option<u64>) -> Usage {
        Usage { percent: Some(percent), regain_millis }
    }

    /// Admits one request and tells at once what it met.
    fn exchange(valve: &mut Valve, now: i64, met: Heard<'_>) -> Turn {
        assert_eq!(valve.admit(now, false), Admission::Go, "at {now}");
        let turn = valve.met(met);
        valve.leave();
        turn
    }

    fn halt(why: Why, millis: u64) -> Signal {
        Signal::Halt { why, millis }
    }

    #[test]
    fn a_start_is_slow_and_ends_at_the_limit() {
        let mut valve = Valve::new(4, None, at(0));
        let mut now = 0;
        for expected in [1, 2, 3, 4, 4, 4] {
            let mut went = 0;
            while valve.admit(now, false) == Admission::Go {
                went += 1;
            }
            assert_eq!(went, expected, "at {now}");
            assert_eq!(valve.admit(now, false), Admission::Busy);
            now += 10;
            valve.met(met(now - 10, now, Signal::Accepted));
            (0..went).for_each(|_| valve.leave());
        }
    }

    #[test]
    fn trouble_stops_all_and_one_goes_first_afterwards() {
        let mut valve = Valve::new(4, None, at(0));
        for now in 0..8 {
            exchange(&mut valve, now, met(now, now, Signal::Accepted));
        }
        for _ in 0..3 {
            assert_eq!(valve.admit(10, false), Admission::Go);
        }
        let turn = valve.met(met(10, 20, halt(Why::Trouble, 1_000)));
        assert_eq!((turn.before, turn.after), (None, Some(Why::Trouble)));
        // The two others were under way: the same trouble, counted once.
        valve.met(met(10, 21, halt(Why::Trouble, 1_000)));
        valve.met(met(10, 22, halt(Why::Trouble, 500)));
        (0..3).for_each(|_| valve.leave());
        assert_eq!(valve.tries(Some(Why::Trouble)), 2);
        assert_eq!(valve.admit(500, true), Admission::Until(1_021));
        assert!(!valve.is_open(1_020) && valve.is_open(1_021));
        assert_eq!(valve.admit(1_021, true), Admission::Go);
        assert_eq!(valve.admit(1_021, true), Admission::Busy);
        let turn = valve.met(met(1_021, 1_030, Signal::Accepted));
        assert_eq!((turn.before, turn.after), (Some(Why::Trouble), None));
        valve.leave();
        assert_eq!((valve.tries(None), valve.circuit()), (1, None));
    }

    #[test]
    fn an_answer_to_what_went_before_the_trouble_does_not_end_it() {
        let mut valve = Valve::new(4, None, at(0));
        exchange(&mut valve, 0, met(0, 0, Signal::Accepted));
        assert_eq!(valve.admit(10, false), Admission::Go);
        assert_eq!(valve.admit(10, false), Admission::Go);
        valve.met(met(10, 20, halt(Why::Throttled, 60_000)));
        valve.met(met(10, 30, Signal::Accepted));
        // Nor does one that was sent in the very moment in which the trouble showed.
        valve.met(met(20, 31, Signal::Accepted));
        assert_eq!(valve.admit(40, false), Admission::Until(60_020));
    }

    #[test]
    fn one_doubtful_event_holds_up_nobody_and_two_do() {
        let mut valve = Valve::new(4, None, at(0));
        let doubt = |event| Signal::Doubt { event, millis: 90_000 };
        for now in 0..9 {
            exchange(&mut valve, now, met(now, now, doubt(7)));
            assert_eq!(valve.circuit(), None, "the same event proves nothing about the others");
        }
        exchange(&mut valve, 10, met(10, 11, doubt(8)));
        assert_eq!(valve.admit(12, false), Admission::Until(10_011));
    }

    #[test]
    fn a_low_budget_slows_and_a_spent_one_stops() {
        // An answer after 100 ms with one place: at 75 % the next may follow at once, half way to
        // 95 % after as long again, at 90 % after three times as long.
        for (percent, next) in [(10, 100), (75, 100), (85, 200), (90, 400), (94, 2_000)] {
            let mut valve = Valve::new(1, None, at(0));
            let usage = used(percent, None);
            exchange(&mut valve, 0, Heard { usage, ..met(0, 100, Signal::Accepted) });
            let expected = if next == 100 { Admission::Go } else { Admission::Until(next) };
            assert_eq!(valve.admit(100, false), expected, "{percent} %");
        }
        for (usage, until) in [
            (used(95, None), 60_100),
            (used(300, None), 60_100),
            (used(100, Some(300_000)), 300_100),
        ] {
            let mut valve = Valve::new(4, None, at(0));
            exchange(&mut valve, 0, Heard { usage, ..met(0, 100, Signal::Accepted) });
            assert_eq!(valve.circuit().map(|circuit| circuit.why), Some(Why::Budget));
            assert_eq!(valve.admit(101, false), Admission::Until(until), "{usage:?}");
        }
    }

    #[test]
    fn a_paused_dataset_stays_paused_until_it_is_answered() {
        let mut valve = Valve::new(4, None, at(0));
        exchange(&mut valve, 0, met(0, 0, halt(Why::Setup, 60_000)));
        // The look meets a network that is down: the token is not mended by that.
        let turn = exchange(&mut valve, 60_000, met(60_000, 60_500, halt(Why::Trouble, 2_000)));
        assert_eq!((turn.before, turn.after), (Some(Why::Setup), Some(Why::Setup)));
        let circuit = valve.circuit().expect("paused").clone();
        assert_eq!((circuit.since, circuit.until), (at(0).wall, at(62_500).wall));
        valve.look_again(at(61_000));
        let turn = exchange(&mut valve, 61_000, met(61_000, 61_100, Signal::Judged));
        assert_eq!((turn.before, turn.after), (Some(Why::Setup), None));
    }

    #[test]
    fn a_stated_time_holds_even_while_the_token_is_bad() {
        let mut valve = Valve::new(4, None, at(0));
        for now in 0..4 {
            exchange(&mut valve, now, met(now, now, Signal::Accepted));
        }
        assert_eq!(valve.admit(10, false), Admission::Go);
        assert_eq!(valve.admit(10, false), Admission::Go);
        valve.met(met(10, 20, halt(Why::Throttled, 300_000)));
        valve.met(met(10, 30, halt(Why::Setup, 60_000)));
        (0..2).for_each(|_| valve.leave());
        valve.look_again(at(40));
        assert_eq!(valve.admit(40, false), Admission::Until(300_020));
        let mut anew = Valve::new(4, valve.circuit().cloned(), at(50));
        assert_eq!(anew.admit(50, false), Admission::Until(300_020));
    }

    #[test]
    fn a_token_that_goes_bad_during_a_throttle_shows_when_the_throttle_is_over() {
        let mut valve = Valve::new(4, None, at(0));
        exchange(&mut valve, 0, met(0, 0, halt(Why::Throttled, 60_000)));
        let turn = exchange(&mut valve, 60_000, met(60_000, 60_100, halt(Why::Setup, 30_000)));
        assert_eq!((turn.before, turn.after), (Some(Why::Throttled), Some(Why::Setup)));
        let circuit = valve.circuit().expect("paused");
        assert_eq!((circuit.since, circuit.until), (at(60_100).wall, at(90_100).wall));
        // And the other way round: whoever is throttled has been let in.
        let turn = exchange(&mut valve, 90_100, met(90_100, 90_200, halt(Why::Throttled, 5_000)));
        assert_eq!((turn.before, turn.after), (Some(Why::Setup), Some(Why::Throttled)));
    }

    #[test]
    fn a_graver_stop_replaces_a_lesser_one_from_its_own_beginning() {
        let mut valve = Valve::new(4, None, at(0));
        exchange(&mut valve, 0, met(0, 0, halt(Why::Trouble, 1_000)));
        exchange(&mut valve, 1_000, met(1_000, 1_500, halt(Why::Setup, 60_000)));
        let circuit = valve.circuit().expect("paused");
        assert_eq!((circuit.why, circuit.since), (Why::Setup, at(1_500).wall));
    }

    #[test]
    fn an_outage_does_not_count_for_the_bad_token_behind_it() {
        let mut valve = Valve::new(4, None, at(0));
        for now in (0..6).map(|round| round * 1_000) {
            exchange(&mut valve, now, met(now, now, halt(Why::Trouble, 1_000)));
        }
        assert_eq!(valve.tries(Some(Why::Trouble)), 7);
        assert_eq!(valve.tries(Some(Why::Setup)), 1);
        exchange(&mut valve, 6_000, met(6_000, 6_000, halt(Why::Setup, 60_000)));
        assert_eq!(valve.tries(Some(Why::Setup)), 2);
        // A look that times out is a look all the same.
        exchange(&mut valve, 66_000, met(66_000, 66_000, halt(Why::Trouble, 1_000)));
        assert_eq!(valve.tries(Some(Why::Setup)), 3);
        assert_eq!(valve.circuit().map(|circuit| circuit.failures), Some(2));
    }

    #[test]
    fn a_restart_keeps_what_meta_asked_for() {
        let circuit = |why, until| Circuit {
            why,
            since: at(-100).wall,
            until: at(until).wall,
            failures: 3,
            code: Some(80_004),
            subcode: None,
            says: String::new(),
        };
        for (why, until, expected) in [
            (Why::Throttled, 240_000, Admission::Until(240_000)),
            (Why::Trouble, 5_000, Admission::Until(5_000)),
            (Why::Throttled, -5, Admission::Go),
            // Its clock was a year ahead.
            (Why::Throttled, 365 * DAY, Admission::Until(DAY + 60_000)),
            // The restart may be the repair.
            (Why::Setup, 900_000, Admission::Go),
        ] {
            let mut valve = Valve::new(4, Some(circuit(why, until)), at(0));
            assert_eq!(valve.admit(0, false), expected, "{why} {until}");
            assert_eq!(valve.circuit().map(|circuit| circuit.why), Some(why));
            assert_eq!(valve.tries(Some(why)), 4);
        }
    }

    #[test]
    fn slow_answers_make_room() {
        let mut valve = Valve::new(64, None, at(0));
        let mut now = 0;
        for _ in 0..80 {
            exchange(&mut valve, now, met(now, now + 50, Signal::Accepted));
            now += 50;
        }
        assert_eq!(valve.places(), 64);
        for _ in 0..4 {
            exchange(&mut valve, now, met(now, now + 5_000, Signal::Accepted));
            now += 5_000;
        }
        assert!(valve.places() < 64, "{}", valve.places());
    }
}
