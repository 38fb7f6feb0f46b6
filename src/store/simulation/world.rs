//! The world of the simulation: time, Meta, and what goes wrong.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use super::super::payments::append;
use super::super::recent::Recent;
use super::super::under_way::UnderWay;
use super::super::writer::{Books, State};
use super::super::{schema, tallies};
use super::process::{Process, Request};
use super::{BEGINNING, Breach, Counts, DATASET, DAY, Sabotage};
use crate::core::batch::TRAVEL_MILLIS;
use crate::core::delivery::{Delivery, Moment};
use crate::core::meta::answer::{Fault, Outcome, Refusal};
use crate::core::time::Timestamp;

pub(super) struct World {
    pub(super) chance: fastrand::Rng,
    pub(super) books: Connection,
    pub(super) state: State,
    pub(super) now: i64,
    /// How far the calendar is from the steady clock.
    pub(super) skew: i64,
    pub(super) has_stepped: bool,
    pub(super) meta: Meta,
    pub(super) processes: Vec<Process>,
    pub(super) next_seq: i64,
    pub(super) expiry: BTreeMap<i64, Timestamp>,
    pub(super) withheld: BTreeSet<i64>,
    /// What the books have called delivered.
    pub(super) delivered: BTreeSet<i64>,
    pub(super) counts: Counts,
    pub(super) sabotage: Sabotage,
    /// Everything that happened, as a number: equal seeds must give equal ones.
    pub(super) trace: u64,
}

/// Meta, as this seed has it.
#[derive(Debug)]
pub(super) struct Meta {
    pub(super) mood: Mood,
    pub(super) bad: BTreeSet<i64>,
    /// How often each event was taken.
    pub(super) taken: BTreeMap<i64, u32>,
    /// Nothing may be sent before this moment, once the answer that said so was heard.
    pub(super) heard_until: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    Well,
    Down,
    Busy,
    Throttling { minutes: u64 },
    WithoutToken,
    LosingAnswers,
}

impl World {
    pub(super) fn new(seed: u64, sabotage: Sabotage) -> Self {
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

    pub(super) fn moment(&self) -> Moment {
        Moment { steady: self.now, wall: self.wall() }
    }

    pub(super) fn wall(&self) -> Timestamp {
        Timestamp::from_millis(BEGINNING + self.now + self.skew)
    }

    pub(super) fn note(&mut self, what: i64) {
        let mixed = self.trace ^ u64::from_ne_bytes(what.to_ne_bytes());
        self.trace = mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23);
    }

    /// A history: so many turns with faults, then quiet until nothing is left to do.
    pub(super) fn play(mut self, turns: u32) -> Result<(Counts, u64), Breach> {
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
            let body = format!(r#"{{"event_id":"{seq}"}}"#).into();
            let deliveries = [(DATASET, expires_at, body)];
            append(&mut Books::new(&self.books, &mut self.state), (seq, seq), &deliveries)
                .expect("appended");
            self.state.ended(true);
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
            self.state.under_way = UnderWay::default();
            self.state.recent = Recent::begin(self.next_seq - 1);
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

    /// Meta receives a request, and answers after a while.
    pub(super) fn send(&mut self, deliveries: Vec<Delivery>) -> Result<Request, Breach> {
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
        if let Some(difference) = tallies::difference(&self.books).expect("both counts") {
            return Err(difference);
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
