//! A deterministic simulation of forwarding: the real decisions and the real SQL, under a simulated
//! clock, a simulated Meta, and every fault that a seed thinks of.
//!
//! What decides is not imitated: `core::delivery` carries, isolates, paces and judges; the lease,
//! the log, the claims and the settlements are this store's own functions on a database in memory.
//! What is imitated is the glue of `forwarder`: processes that take turns, crash, and stand still.
//! One seed gives one history, byte for byte. A failing seed is printed with the command that plays
//! it again. The sabotages are the negative control: each must be noticed.

#![expect(clippy::print_stdout, reason = "figures for whoever runs a test with --nocapture")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rusqlite::{Connection, params};

use super::circuits::{self, CircuitChange};
use super::deliveries::{self, Lease, Settlement};
use super::writer::{Books, State};
use super::{DatasetKey, StoreError, schema, settle};
use crate::core::batch::{BatchLimits, TRAVEL_MILLIS};
use crate::core::delivery::{
    Admission, Attempt, Carriage, Carried, Circuit, Delivery, Heard, Moment, Valve, Waits,
};
use crate::core::meta::answer::{Fault, Outcome, Refusal};
use crate::core::meta::usage::Usage;
use crate::core::time::Timestamp;

const BEGINNING: i64 = 1_772_280_000_000;
const DAY: i64 = 86_400_000;
const LEASE_MILLIS: i64 = 30_000;
const DATASET: DatasetKey = DatasetKey(1);
const LIMITS: BatchLimits = BatchLimits { events: 8, bytes: 100_000 };
const IN_FLIGHT: usize = 3;

/// What is broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sabotage {
    Nothing,
    /// The cursor moves when a run is sent, not when it is finished.
    SettlesEarly,
    /// A settlement does not compare the epoch.
    IgnoresTheFence,
    /// What the table calls a wait is forgotten.
    ForgetsRetries,
    /// A throttle is not waited out.
    IgnoresThrottles,
}

/// How often what happened: a simulation in which nothing goes wrong proves nothing.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Counts {
    appended: u64,
    requests: u64,
    crashes: u64,
    stalls: u64,
    takeovers: u64,
    fenced: u64,
    steps: u64,
    throttles: u64,
    pauses: u64,
    lost_answers: u64,
    isolations: u64,
    refused: u64,
    too_old: u64,
    withheld: u64,
    twice: u64,
}

/// Meta, as this seed has it.
#[derive(Debug)]
struct Meta {
    mood: Mood,
    bad: BTreeSet<i64>,
    /// How often each event was taken.
    taken: BTreeMap<i64, u32>,
    /// Nothing may be sent before this moment, once the answer that said so was heard.
    heard_until: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Well,
    Down,
    Busy,
    Throttling { minutes: u64 },
    WithoutToken,
    LosingAnswers,
}

/// One process.
struct Process {
    name: String,
    held: Option<Held>,
    /// Does nothing before this moment.
    sleeps_until: i64,
}

/// What a process keeps in memory while it has the lease.
struct Held {
    lease: Lease,
    cursor: i64,
    position: i64,
    retrying: bool,
    renew_at: i64,
    window: VecDeque<Run>,
    valve: Valve,
    written: (i64, Option<Circuit>),
}

struct Run {
    upto: Option<i64>,
    carriage: Option<Carriage>,
    request: Option<Request>,
    carried: Option<Carried>,
}

struct Request {
    deliveries: Vec<Delivery>,
    started: i64,
    at: Timestamp,
    ends_at: i64,
    outcome: Outcome,
}

struct World {
    chance: fastrand::Rng,
    books: Connection,
    state: State,
    now: i64,
    /// How far the calendar is from the steady clock.
    skew: i64,
    has_stepped: bool,
    meta: Meta,
    processes: Vec<Process>,
    next_seq: i64,
    expiry: BTreeMap<i64, Timestamp>,
    withheld: BTreeSet<i64>,
    /// What the books have called delivered.
    delivered: BTreeSet<i64>,
    counts: Counts,
    sabotage: Sabotage,
    /// Everything that happened, as a number: equal seeds must give equal ones.
    trace: u64,
}

/// What went wrong.
type Breach = String;

impl World {
    fn new(seed: u64, sabotage: Sabotage) -> Self {
        let mut books = Connection::open_in_memory().expect("a database in memory");
        schema::migrate(&mut books).expect("the schema");
        books.execute("INSERT INTO datasets (id, name) VALUES (1, 'd')", []).expect("a dataset");
        let state = State::read(&books).expect("the numbers");
        let mut chance = fastrand::Rng::with_seed(seed);
        let processes = (0..chance.usize(1..=2))
            .map(|number| Process { name: format!("p{number}"), held: None, sleeps_until: 0 })
            .collect();
        let meta =
            Meta { mood: Mood::Well, bad: BTreeSet::new(), taken: BTreeMap::new(), heard_until: 0 };
        Self {
            chance,
            books,
            state,
            now: 0,
            skew: 0,
            has_stepped: false,
            meta,
            processes,
            next_seq: 1,
            expiry: BTreeMap::new(),
            withheld: BTreeSet::new(),
            delivered: BTreeSet::new(),
            counts: Counts::default(),
            sabotage,
            trace: seed,
        }
    }

    fn moment(&self) -> Moment {
        Moment { steady: self.now, wall: self.wall() }
    }

    fn wall(&self) -> Timestamp {
        Timestamp::from_millis(BEGINNING + self.now + self.skew)
    }

    fn note(&mut self, what: i64) {
        let mixed = self.trace ^ u64::from_ne_bytes(what.to_ne_bytes());
        self.trace = mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23);
    }

    /// A history: so many turns with faults, then quiet until nothing is left to do.
    fn play(mut self, turns: u32) -> Result<(Counts, u64), Breach> {
        for _ in 0..turns {
            self.disturb();
            let pass = self.chance.i64(1..4_000);
            self.pass(pass)?;
            self.conserve()?;
        }
        self.meta.mood = Mood::Well;
        for process in &mut self.processes {
            process.sleeps_until = self.now;
        }
        // The longest wait there is, twice over.
        for _ in 0..400 {
            if self.is_quiet() {
                break;
            }
            self.pass(600_000)?;
        }
        self.conserve()?;
        self.judge()
    }

    /// One fault, or none, or new events.
    fn disturb(&mut self) {
        match self.chance.u32(0..100) {
            0..40 => self.append(),
            40..45 => self.crash(),
            45..50 => self.stall(),
            50..52 => {
                self.skew += self.chance.i64(-DAY..DAY);
                self.has_stepped = true;
                self.counts.steps += 1;
            }
            52..58 => self.withhold(),
            58..72 => {
                let minutes = self.chance.u64(1..10);
                self.meta.mood = match self.chance.u32(0..10) {
                    0 => Mood::Down,
                    1 => Mood::Busy,
                    2 => Mood::Throttling { minutes },
                    3 => Mood::WithoutToken,
                    4 | 5 => Mood::LosingAnswers,
                    _ => Mood::Well,
                };
            }
            _ => {}
        }
    }

    fn append(&mut self) {
        for _ in 0..self.chance.i64(1..12) {
            let seq = self.next_seq;
            self.next_seq += 1;
            let left = if self.chance.u32(0..12) == 0 { 70_000 } else { 7 * DAY };
            let expires_at = Timestamp::from_millis(BEGINNING + self.now + self.skew + left);
            if self.chance.u32(0..15) == 0 {
                self.meta.bad.insert(seq);
            }
            self.expiry.insert(seq, expires_at);
            let insert = "INSERT INTO deliveries (seq, dataset, payment, expires_at, body)
                          VALUES (?1, 1, ?1, ?2, ?3)";
            let row = params![seq, expires_at.millis(), format!(r#"{{"event_id":"{seq}"}}"#)];
            self.books.execute(insert, row).expect("appended");
            self.counts.appended += 1;
        }
    }

    fn crash(&mut self) {
        let index = self.chance.usize(0..self.processes.len());
        let process = &mut self.processes[index];
        if process.held.take().is_some() {
            self.counts.crashes += 1;
        }
        // A process that starts again has another name, and finds the place free only if nobody
        // else has the books: as `Store::open` does.
        process.name.push('\'');
        if self.processes.len() == 1 {
            self.books.execute("UPDATE datasets SET lease_until = 0", []).expect("freed");
            self.state.under_way.clear();
        }
    }

    fn stall(&mut self) {
        let index = self.chance.usize(0..self.processes.len());
        let pause = self.chance.i64(1_000..120_000);
        self.processes[index].sleeps_until = self.now + pause;
        self.counts.stalls += 1;
    }

    /// Removes a payment whose event is not finished.
    fn withhold(&mut self) {
        if self.next_seq == 1 {
            return;
        }
        let seq = self.chance.i64(1..self.next_seq);
        let unfinished = "SELECT EXISTS (SELECT 1 FROM deliveries d JOIN datasets s ON s.id = 1
                          WHERE d.seq = ?1 AND (d.seq > s.cursor
                            OR EXISTS (SELECT 1 FROM retries WHERE delivery = ?1))
                          AND NOT EXISTS (SELECT 1 FROM dead_letters WHERE delivery = ?1))";
        let is_open: bool =
            self.books.query_row(unfinished, [seq], |row| row.get(0)).expect("a look");
        if is_open && self.withheld.insert(seq) {
            let insert = "INSERT INTO withheld (delivery, dataset, at) VALUES (?1, 1, 0)";
            self.books.execute(insert, [seq]).expect("withheld");
            self.books.execute("DELETE FROM retries WHERE delivery = ?1", [seq]).expect("gone");
            self.counts.withheld += 1;
        }
    }

    /// Lets so much time pass, one moment at which something happens after the other.
    fn pass(&mut self, millis: i64) -> Result<(), Breach> {
        let end = self.now + millis;
        loop {
            for index in 0..self.processes.len() {
                if self.processes[index].sleeps_until <= self.now {
                    let mut process = self.take_out(index);
                    let done = self.act(&mut process);
                    self.processes[index] = process;
                    done?;
                }
            }
            let next = self.processes.iter().map(|process| process.next(self.now)).min();
            let next = next.unwrap_or(end).max(self.now + 1);
            if next >= end {
                self.now = end;
                return Ok(());
            }
            self.now = next;
        }
    }

    fn take_out(&mut self, index: usize) -> Process {
        let empty = Process { name: String::new(), held: None, sleeps_until: i64::MAX };
        std::mem::replace(&mut self.processes[index], empty)
    }

    /// One process does everything that it can do at this moment.
    fn act(&mut self, process: &mut Process) -> Result<(), Breach> {
        if process.held.is_none() {
            process.held = self.lease(&process.name);
        }
        let Some(mut held) = process.held.take() else {
            process.sleeps_until = self.now + LEASE_MILLIS / 3;
            return Ok(());
        };
        if self.forward(&mut held)? {
            process.held = Some(held);
        } else {
            // The lease is lost: everything in memory is void.
            process.sleeps_until = self.now + LEASE_MILLIS / 3;
        }
        Ok(())
    }

    fn lease(&mut self, name: &str) -> Option<Held> {
        let (now, until) = (self.wall(), self.wall().plus_millis(LEASE_MILLIS));
        let mut books = Books { connection: &self.books, state: &mut self.state };
        let lease =
            deliveries::take_lease(&mut books, DATASET, name, (now, until)).expect("a look")?;
        self.counts.takeovers += u64::from(lease.epoch > 1);
        let left = circuits::circuit(&self.books, DATASET).expect("a look");
        let valve = Valve::new(IN_FLIGHT, left.clone(), self.moment());
        Some(Held {
            lease,
            cursor: lease.cursor,
            position: lease.cursor,
            retrying: false,
            renew_at: self.now + LEASE_MILLIS / 3,
            window: VecDeque::new(),
            valve,
            written: (0, left),
        })
    }

    /// What the forwarder's loop does. False if the lease is lost.
    fn forward(&mut self, held: &mut Held) -> Result<bool, Breach> {
        loop {
            let mut has_moved = self.fill(held);
            let mut window = std::mem::take(&mut held.window);
            for run in &mut window {
                has_moved |= self.carry(held, run)?;
            }
            held.window = window;
            while let Some(carried) = held.window.front_mut().and_then(|run| run.carried.take()) {
                let upto = held.window.pop_front().and_then(|run| run.upto);
                if !self.settle(held, upto, carried) {
                    return Ok(false);
                }
                has_moved = true;
            }
            if self.now >= held.renew_at {
                held.renew_at = self.now + LEASE_MILLIS / 3;
                if !self.settle(held, None, Carried::default()) {
                    return Ok(false);
                }
            }
            if !has_moved {
                return Ok(true);
            }
        }
    }

    fn fill(&mut self, held: &mut Held) -> bool {
        let mut has_moved = false;
        while held.window.len() < IN_FLIGHT {
            let Some((run, upto)) = self.next_run(held) else { break };
            if self.sabotage == Sabotage::SettlesEarly
                && let Some(upto) = upto
            {
                self.books.execute("UPDATE datasets SET cursor = ?1", [upto]).expect("moved");
            }
            let carriage = Carriage::new(LIMITS, run, upto.is_none(), self.wall());
            held.window.push_back(Run {
                upto,
                carriage: Some(carriage),
                request: None,
                carried: None,
            });
            has_moved = true;
        }
        has_moved
    }

    fn next_run(&mut self, held: &mut Held) -> Option<(Vec<Delivery>, Option<i64>)> {
        if !held.retrying {
            let due = deliveries::due(&self.books, DATASET, self.wall(), LIMITS.events);
            let due = due.expect("a look");
            if !due.is_empty() {
                held.retrying = true;
                return Some((due, None));
            }
        }
        let log = deliveries::log(&self.books, DATASET, held.position, LIMITS).expect("a look");
        let last = log.deliveries.last()?.seq;
        if !log.is_full && !held.window.is_empty() {
            return None;
        }
        held.position = last;
        Some((log.deliveries, Some(last)))
    }

    /// Moves one run on. Whether anything happened.
    fn carry(&mut self, held: &mut Held, run: &mut Run) -> Result<bool, Breach> {
        let Some(mut carriage) = run.carriage.take() else { return Ok(false) };
        if let Some(request) = run.request.take() {
            if request.ends_at > self.now {
                (run.request, run.carriage) = (Some(request), Some(carriage));
                return Ok(false);
            }
            self.answered(held, &mut carriage, request);
            run.carriage = Some(carriage);
            return Ok(true);
        }
        let Some(request) = carriage.request() else {
            run.carried = Some(carriage.finish());
            return Ok(true);
        };
        let seqs: Vec<i64> = request.iter().map(|delivery| delivery.seq).collect();
        let has_place = held.valve.admit(self.now, carriage.is_repetition()) == Admission::Go;
        if has_place {
            let mut books = Books { connection: &self.books, state: &mut self.state };
            let removed = deliveries::claim(&mut books, DATASET, &seqs).expect("a claim");
            let wanted = carriage.claimed(&removed, self.wall()).to_vec();
            if wanted.is_empty() {
                held.valve.leave();
            } else {
                run.request = Some(self.send(wanted)?);
            }
        }
        run.carriage = Some(carriage);
        Ok(has_place)
    }

    /// Meta receives a request, and answers after a while.
    fn send(&mut self, deliveries: Vec<Delivery>) -> Result<Request, Breach> {
        self.counts.requests += 1;
        if self.processes.len() == 1 && !self.has_stepped && self.now < self.meta.heard_until {
            return Err(format!("a request {} ms too early", self.meta.heard_until - self.now));
        }
        let took = self.chance.i64(5..3_000);
        let arrival = self.wall();
        let seqs: Vec<i64> = deliveries.iter().map(|delivery| delivery.seq).collect();
        for seq in &seqs {
            self.note(*seq);
            if self.withheld.contains(seq) {
                return Err(format!("{seq} was sent although its payment had been removed"));
            }
            if arrival.plus_millis(TRAVEL_MILLIS) > self.expiry[seq] {
                return Err(format!("{seq} was sent although it was too old"));
            }
        }
        let is_spoilt = seqs.iter().any(|seq| self.meta.bad.contains(seq));
        let outcome = match self.meta.mood {
            Mood::Down => silence(),
            Mood::Busy => refusal(Fault::Transient, None),
            Mood::Throttling { minutes } => refusal(Fault::Throttled, Some(minutes * 60_000)),
            Mood::WithoutToken => refusal(Fault::Setup, None),
            Mood::Well | Mood::LosingAnswers if is_spoilt => {
                self.counts.isolations += u64::from(seqs.len() > 1);
                refusal(Fault::Event, None)
            }
            Mood::Well | Mood::LosingAnswers => {
                for seq in &seqs {
                    *self.meta.taken.entry(*seq).or_default() += 1;
                }
                if self.meta.mood == Mood::LosingAnswers && self.chance.bool() {
                    self.counts.lost_answers += 1;
                    silence()
                } else {
                    Outcome::Accepted { trace_id: None }
                }
            }
        };
        let ends_at = self.now + took;
        Ok(Request { deliveries, started: self.now, at: arrival, ends_at, outcome })
    }

    fn answered(&mut self, held: &mut Held, carriage: &mut Carriage, request: Request) {
        let Request { deliveries, started, at, outcome, .. } = request;
        let attempt = Attempt::of(&deliveries, at, self.now - started, &outcome);
        let (codes, says) = ((attempt.code, attempt.subcode), attempt.says.clone());
        let jitter = self.chance.f64();
        let mut waits = Waits::default();
        let mut heard_outcome = outcome.clone();
        if self.sabotage == Sabotage::IgnoresThrottles
            && let Outcome::Refused(refusal) = &mut heard_outcome
        {
            refusal.regain_millis = None;
            waits.throttle.longest_millis = 10;
        }
        let tries = held.valve.tries();
        let step = carriage.met(attempt, &heard_outcome, (waits, tries), jitter);
        let heard = Heard {
            started,
            now: self.moment(),
            signal: step.signal,
            usage: Usage::default(),
            codes,
            says: &says,
        };
        let turn = held.valve.met(heard);
        held.valve.leave();
        self.note(i64::from(tries));
        if turn.before != turn.after {
            self.counts.pauses += u64::from(turn.after.is_some());
        }
        if let Outcome::Refused(Refusal { regain_millis: Some(millis), .. }) = outcome {
            self.counts.throttles += 1;
            let until = self.now + i64::try_from(millis).expect("minutes");
            self.meta.heard_until = self.meta.heard_until.max(until);
        }
        if let Some(attempt) = step.write_down {
            let carried = Carried { attempts: vec![attempt], ..Carried::default() };
            // A lost lease shows at the next settlement of the run.
            let _ = self.settled(held, None, carried);
        }
    }

    /// Settles. False if the lease is lost.
    fn settle(&mut self, held: &mut Held, upto: Option<i64>, mut carried: Carried) -> bool {
        if upto.is_none() && !carried.retried.is_empty() | !carried.retries.is_empty() {
            held.retrying = false;
        }
        if self.sabotage == Sabotage::ForgetsRetries {
            carried.retries.clear();
        }
        self.counts.refused += u64::try_from(carried.dead.len()).expect("few");
        let is_settled = self.settled(held, upto, carried);
        if !is_settled {
            self.counts.fenced += 1;
        }
        is_settled
    }

    fn settled(&mut self, held: &mut Held, upto: Option<i64>, carried: Carried) -> bool {
        held.cursor = upto.unwrap_or(held.cursor);
        let circuit = held.valve.circuit().cloned();
        let change = (circuit != held.written.1).then(|| {
            held.written = (held.written.0 + 1, circuit.clone());
            CircuitChange { change: held.written.0, circuit }
        });
        let mut lease = held.lease;
        if self.sabotage == Sabotage::IgnoresTheFence {
            let select = "SELECT lease_epoch FROM datasets";
            lease.epoch = self.books.query_row(select, [], |row| row.get(0)).expect("an epoch");
        }
        let settlement = Settlement {
            cursor: held.cursor,
            attempts: carried.attempts,
            dead: carried.dead,
            retries: carried.retries,
            retried: carried.retried,
            circuit: change,
            ..Settlement::renewal(lease, self.wall().plus_millis(LEASE_MILLIS))
        };
        self.books.execute_batch("BEGIN").expect("a transaction");
        let mut books = Books { connection: &self.books, state: &mut self.state };
        let settled = settle::settle(&mut books, &settlement);
        let end = if settled.is_ok() { "COMMIT" } else { "ROLLBACK" };
        self.books.execute_batch(end).expect("an end");
        match settled {
            Ok(()) => true,
            Err(StoreError::LeaseLost) => false,
            Err(error) => panic!("the store fails: {error}"),
        }
    }

    fn numbers(&self, select: &str) -> BTreeSet<i64> {
        let mut statement = self.books.prepare_cached(select).expect("a question");
        let rows = statement.query_map([], |row| row.get(0)).expect("an answer");
        rows.collect::<Result<_, _>>().expect("numbers")
    }

    /// What must hold at every moment: each delivery stands in one place.
    fn conserve(&mut self) -> Result<(), Breach> {
        let cursor: i64 = self
            .books
            .query_row("SELECT cursor FROM datasets", [], |row| row.get(0))
            .expect("a cursor");
        let retries = self.numbers("SELECT delivery FROM retries");
        let dead = self.numbers("SELECT delivery FROM dead_letters");
        let withheld = self.numbers("SELECT delivery FROM withheld");
        if let Some(seq) = retries.intersection(&dead).next() {
            return Err(format!("{seq} is dead and is tried again"));
        }
        if let Some(seq) = withheld.intersection(&dead).next() {
            return Err(format!("{seq} is dead and withheld"));
        }
        for seq in 1..self.next_seq.min(cursor + 1) {
            let is_open = retries.contains(&seq) || dead.contains(&seq) || withheld.contains(&seq);
            if !is_open && !self.meta.taken.contains_key(&seq) {
                return Err(format!("{seq} counts as delivered and Meta never took it"));
            }
            if !is_open {
                self.delivered.insert(seq);
            }
        }
        if let Some(seq) = self.delivered.intersection(&retries).next() {
            return Err(format!("{seq} was delivered and is tried again"));
        }
        if let Some(seq) = self.delivered.intersection(&dead).next() {
            return Err(format!("{seq} was delivered and is dead"));
        }
        for seq in &dead {
            let is_old = self.has_stepped || self.expiry[seq] < self.wall().plus_millis(DAY);
            if !self.meta.bad.contains(seq) && !is_old {
                return Err(format!("{seq} is dead and was neither bad nor old"));
            }
        }
        Ok(())
    }

    fn is_quiet(&self) -> bool {
        let select = "SELECT (SELECT count(*) FROM retries)
                           + (SELECT count(*) FROM deliveries, datasets WHERE seq > cursor)";
        let open: i64 = self.books.query_row(select, [], |row| row.get(0)).expect("a count");
        open == 0
    }

    /// What must hold at the end.
    fn judge(mut self) -> Result<(Counts, u64), Breach> {
        if !self.is_quiet() {
            return Err("something is still to be sent after days of good weather".to_owned());
        }
        let dead = self.numbers("SELECT delivery FROM dead_letters");
        for seq in 1..self.next_seq {
            let taken = self.meta.taken.get(&seq).copied().unwrap_or(0);
            self.counts.twice += u64::from(taken > 1);
            let ends = [taken > 0, dead.contains(&seq), self.withheld.contains(&seq)];
            if !ends.contains(&true) {
                return Err(format!("{seq} is lost"));
            }
            if taken > 0 && self.meta.bad.contains(&seq) {
                return Err(format!("{seq} was taken although it is bad"));
            }
            self.counts.too_old += u64::from(dead.contains(&seq) && !self.meta.bad.contains(&seq));
        }
        // Whoever takes over repeats at most what was under way; a lost answer, one request.
        let repeated = 24 * self.counts.takeovers + 8 * self.counts.lost_answers;
        if self.counts.twice > repeated {
            let twice = self.counts.twice;
            return Err(format!("{twice} events were sent twice, {repeated} may have been"));
        }
        Ok((self.counts, self.trace))
    }
}

impl Process {
    /// When it has something to do next.
    fn next(&self, now: i64) -> i64 {
        let Some(held) = &self.held else { return self.sleeps_until.max(now + 1) };
        let answers = held.window.iter().filter_map(|run| Some(run.request.as_ref()?.ends_at));
        let circuit = held.valve.circuit().map(|_| now + 250);
        let idle = held.window.iter().any(|run| run.request.is_none()).then_some(now + 250);
        let next = answers.chain(circuit).chain(idle).chain([held.renew_at]).min();
        next.unwrap_or(now + 1).max(self.sleeps_until)
    }
}

fn silence() -> Outcome {
    Outcome::Unanswered { says: "timed out".into() }
}

fn refusal(fault: Fault, regain_millis: Option<u64>) -> Outcome {
    Outcome::Refused(Refusal {
        fault,
        status: 400,
        code: 100,
        subcode: None,
        says: String::new(),
        trace_id: None,
        index: None,
        regain_millis,
    })
}

#[expect(clippy::disallowed_methods, reason = "whoever runs a test chooses its seeds")]
/// From the environment: `SIMULATION_SEED=n` plays one, `SIMULATION_SEEDS=n` so many.
fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// At two seconds a turn, a history takes four minutes: long enough for a lease to run out.
const TURNS: u32 = 120;

#[test]
fn no_seed_loses_doubles_or_forgets_anything() {
    let one = setting("SIMULATION_SEED");
    let seeds = one.map_or(0..setting("SIMULATION_SEEDS").unwrap_or(80), |seed| seed..seed + 1);
    let mut sum = Counts::default();
    for seed in seeds.clone() {
        let replay = "cargo test --lib simulation -- --nocapture";
        let (counts, trace) = World::new(seed, Sabotage::Nothing)
            .play(TURNS)
            .unwrap_or_else(|breach| panic!("{breach}; SIMULATION_SEED={seed} {replay}"));
        if seed % 50 == 0 {
            let again = World::new(seed, Sabotage::Nothing).play(TURNS).expect("the same history");
            assert_eq!((counts, trace), again, "seed {seed} has two histories");
        }
        sum.add(counts);
    }
    println!("{} seeds: {sum:?}", seeds.end - seeds.start);
    if one.is_none() {
        sum.everything_happened();
    }
}

#[test]
fn each_sabotage_is_noticed() {
    for sabotage in [
        Sabotage::SettlesEarly,
        Sabotage::IgnoresTheFence,
        Sabotage::ForgetsRetries,
        Sabotage::IgnoresThrottles,
    ] {
        let noticed = (0..300).find_map(|seed| {
            World::new(seed, sabotage).play(TURNS).err().map(|breach| (seed, breach))
        });
        println!("{sabotage:?}: {noticed:?}");
        assert!(noticed.is_some(), "{sabotage:?} went unnoticed");
    }
}

impl Counts {
    fn all(&mut self) -> [&mut u64; 15] {
        let Self {
            appended,
            requests,
            crashes,
            stalls,
            takeovers,
            fenced,
            steps,
            throttles,
            pauses,
            lost_answers,
            isolations,
            refused,
            too_old,
            withheld,
            twice,
        } = self;
        [
            appended,
            requests,
            crashes,
            stalls,
            takeovers,
            fenced,
            steps,
            throttles,
            pauses,
            lost_answers,
            isolations,
            refused,
            too_old,
            withheld,
            twice,
        ]
    }

    fn add(&mut self, mut other: Self) {
        for (sum, count) in self.all().into_iter().zip(other.all()) {
            *sum += *count;
        }
    }

    /// A fault that never struck was not survived.
    fn everything_happened(mut self) {
        let printed = format!("{self:?}");
        assert!(self.all().into_iter().all(|count| *count >= 10), "something is rare: {printed}");
    }
}
