//! The processes of the simulation: what `forwarder` does, one turn after the other.

use std::collections::VecDeque;

use super::super::circuits::{self, CircuitChange};
use super::super::deliveries::{self, Lease, Settlement};
use super::super::writer::Books;
use super::super::{StoreError, settle};
use super::world::World;
use super::{Breach, DATASET, IN_FLIGHT, LEASE_MILLIS, LIMITS, Sabotage};
use crate::core::delivery::{
    Admission, Attempt, Carriage, Carried, Circuit, Delivery, Heard, Valve, Waits, stops_for,
};
use crate::core::meta::answer::{Outcome, Refusal};
use crate::core::meta::usage::Usage;
use crate::core::time::Timestamp;

/// One process.
pub(super) struct Process {
    pub(super) name: String,
    pub(super) held: Option<Held>,
    /// Does nothing before this moment.
    pub(super) sleeps_until: i64,
}

/// What a process keeps in memory while it has the lease.
pub(super) struct Held {
    pub(super) lease: Lease,
    pub(super) cursor: i64,
    pub(super) position: i64,
    pub(super) retrying: bool,
    pub(super) renew_at: i64,
    pub(super) window: VecDeque<Run>,
    pub(super) valve: Valve,
    pub(super) written: (i64, Option<Circuit>),
}

pub(super) struct Run {
    pub(super) upto: Option<i64>,
    pub(super) carriage: Option<Carriage>,
    pub(super) request: Option<Request>,
    pub(super) carried: Option<Carried>,
}

pub(super) struct Request {
    pub(super) deliveries: Vec<Delivery>,
    pub(super) started: i64,
    pub(super) at: Timestamp,
    pub(super) ends_at: i64,
    pub(super) outcome: Outcome,
}

impl World {
    /// One process does everything that it can do at this moment.
    pub(super) fn act(&mut self, process: &mut Process) -> Result<(), Breach> {
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
        let lease = {
            let mut books = Books::new(&self.books, &mut self.state);
            deliveries::take_lease(&mut books, DATASET, name, (now, until)).expect("a look")?
        };
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
        let read = || deliveries::log(&self.books, DATASET, held.position, LIMITS).expect("a look");
        let recent = self.state.recent.tail().run(DATASET, held.position, LIMITS);
        if let Some(recent) = &recent {
            assert_eq!(*recent, read(), "memory and table give one log");
        }
        let log = recent.unwrap_or_else(read);
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
            let removed = {
                let mut books = Books::new(&self.books, &mut self.state);
                deliveries::claim(&mut books, DATASET, &seqs).expect("a claim")
            };
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
        let tries = held.valve.tries(stops_for(&heard_outcome));
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
        let settled = settle::settle(&mut Books::new(&self.books, &mut self.state), &settlement);
        let end = if settled.is_ok() { "COMMIT" } else { "ROLLBACK" };
        self.books.execute_batch(end).expect("an end");
        match settled {
            Ok(()) => true,
            Err(StoreError::LeaseLost) => false,
            Err(error) => panic!("the store fails: {error}"),
        }
    }
}

impl Process {
    /// When it has something to do next.
    pub(super) fn next(&self, now: i64) -> i64 {
        let Some(held) = &self.held else { return self.sleeps_until.max(now + 1) };
        let answers = held.window.iter().filter_map(|run| Some(run.request.as_ref()?.ends_at));
        let circuit = held.valve.circuit().map(|_| now + 250);
        let idle = held.window.iter().any(|run| run.request.is_none()).then_some(now + 250);
        let next = answers.chain(circuit).chain(idle).chain([held.renew_at]).min();
        next.unwrap_or(now + 1).max(self.sleeps_until)
    }
}
