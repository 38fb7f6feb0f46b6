//! Where a measurement takes place: a folder, and the payments that go into its books.
//!
//! In: how large payments are. Out: payments sent, events delivered, sums compared. Whoever
//! measures puts these steps in order; each of them fails rather than give a figure of something
//! else.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::runtime::Runtime;

use super::engine::{Books, Engine, KEY};
use super::fault::Fault;
use super::generator::{self, Driven, Expected, Plan};
use super::stand_in::{Kind, StandIn};
use super::stock::{self, Capture, Shape};
use super::wire;
use crate::clock::Clock;

/// Different payments; each is sent many times, under an id of its own.
const CAPTURES: usize = 2_048;

/// Bytes of all of them together. Payments with many lines are fewer.
const CAPTURES_BYTES: usize = 32 * 1024 * 1024;

/// Connections and payments a request with which books are filled before a measurement.
const FILLING: (usize, usize) = (4, 1_000);

/// Connections over which users are signed up: a signup takes several syncs, one after the other, so
/// that few connections would wait long for a slow disk.
const SIGNING_UP: usize = 250;

/// Bytes of one such request: well below what a batch may have.
const FILLING_BYTES: usize = 4 * 1024 * 1024;

/// How long nothing may arrive at the stand-in before a run gives up, in microseconds.
const SILENCE_MICROS: u64 = 60_000_000;

/// What all measurements of one call share.
pub(super) struct Context {
    /// Where folders are made.
    pub(super) folder: PathBuf,
    /// For the sandbox, and for Ctrl-C.
    pub(super) runtime: Runtime,
    /// Whether somebody pressed it.
    pub(super) stopped: Arc<AtomicBool>,
    /// Who stands in for Meta.
    pub(super) kind: Kind,
}

impl Context {
    /// A fault, unless the run was stopped and failed because of that.
    pub(super) fn or_stopped(&self, fault: Fault) -> Fault {
        if self.stopped.load(Ordering::Relaxed) { Fault::Stopped } else { fault }
    }
}

/// How requests go out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    /// Connections.
    pub(super) connections: usize,
    /// Payments a request.
    pub(super) batch: usize,
    /// Requests a second, unless as many as are answered.
    pub(super) rate: Option<u32>,
    /// When it ends.
    pub(super) end: End,
}

/// When sending ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    /// After so long.
    Micros(u64),
    /// After so many payments, rounded up to whole requests.
    Payments(u64),
}

/// A folder with a database, and payments for it.
pub(super) struct Site<'c> {
    pub(super) context: &'c Context,
    /// The folder.
    pub(super) folder: PathBuf,
    /// Bytes of a payment, on average.
    pub(super) payment_bytes: usize,
    keep: bool,
    shape: Shape,
    rules: usize,
    captures: Vec<(String, Capture)>,
    /// The number of the next payment: no two payments of one database have the same.
    next: u64,
    /// Whether the users are known.
    is_signed_up: bool,
}

impl Drop for Site<'_> {
    fn drop(&mut self) {
        if !self.keep {
            drop(fs::remove_dir_all(&self.folder));
        }
    }
}

impl<'c> Site<'c> {
    /// A site for payments of this shape. One that is kept goes on with the books of the last call.
    pub(super) fn new(
        context: &'c Context,
        (shape, rules): (Shape, usize),
        keep: bool,
    ) -> Result<Self, Fault> {
        let name = if keep {
            "tillpost-bench".to_owned()
        } else {
            format!("tillpost-bench-{}", std::process::id())
        };
        let folder = context.folder.join(name);
        fs::create_dir_all(&folder)
            .map_err(Fault::of(format!("cannot make {}", folder.display())))?;
        let one = stock::captures(shape, 1).first().map_or(1, |capture| capture.body.len());
        let captures = stock::captures(shape, (CAPTURES_BYTES / one).clamp(16, CAPTURES));
        let bytes: usize = captures.iter().map(|capture| capture.body.len()).sum();
        let payment_bytes = bytes / captures.len();
        let with_head = |capture: Capture| {
            let head = wire::head("/api/v1/capture-payment", KEY, capture.body.len());
            (head, capture)
        };
        let captures = captures.into_iter().map(with_head).collect();
        // What an earlier call has numbered is far below: it would have had to send for years.
        let next = if keep { Clock::System.now().millis().unsigned_abs() << 20 } else { 0 };
        Ok(Self {
            context,
            folder,
            payment_bytes,
            keep,
            shape,
            rules,
            captures,
            next,
            is_signed_up: false,
        })
    }

    /// Starts the service with users whom it knows, and the log folded into its database.
    pub(super) fn start(&mut self, stand_in: &StandIn) -> Result<Engine, Fault> {
        let start = || Engine::start(&self.folder, stand_in.address, self.rules);
        if !self.is_signed_up {
            let engine = start()?;
            self.sign_up(&engine)?;
            engine.stop()?;
        }
        let engine = start()?;
        self.is_signed_up = true;
        Ok(engine)
    }

    fn sign_up(&self, engine: &Engine) -> Result<(), Fault> {
        let mut signups = stock::signups(self.shape.seed).into_iter();
        let mut next = |outbox: &mut Vec<u8>| {
            let Some(body) = signups.next() else { return false };
            outbox.extend(wire::head("/api/v1/signup", KEY, body.len()).as_bytes());
            outbox.extend(body.as_bytes());
            true
        };
        let expected = Expected {
            status: "200",
            body: r#"{"msg":"User signed up","status":200,"#.to_owned(),
            within: r#""findings":[]"#,
        };
        let (address, connections) = (engine.api, SIGNING_UP);
        let plan = Plan { address, connections, micros: None, rate: None, expected };
        generator::drive(&plan, &mut next, &self.context.stopped)?;
        Ok(())
    }

    /// Sends payments that nobody has sent before; every answer is that of a new one.
    pub(super) fn send(
        &mut self,
        address: std::net::SocketAddr,
        way: Way,
    ) -> Result<Driven, Fault> {
        let mut left = match way.end {
            End::Micros(_) => u64::MAX,
            End::Payments(count) => count.div_ceil(u64::try_from(way.batch).unwrap_or(1)),
        };
        let micros = match way.end {
            End::Micros(micros) => Some(micros),
            End::Payments(_) => None,
        };
        let expected = expected(way.batch);
        let (connections, rate) = (way.connections, way.rate);
        let plan = Plan { address, connections, micros, rate, expected };
        let stopped = Arc::clone(&self.context.stopped);
        let mut next = |outbox: &mut Vec<u8>| {
            let is_left = left > 0;
            if is_left {
                left -= 1;
                self.write(way.batch, outbox);
            }
            is_left
        };
        generator::drive(&plan, &mut next, &stopped)
    }

    /// Writes a request with the next payments.
    fn write(&mut self, batch: usize, outbox: &mut Vec<u8>) {
        let count = self.captures.len();
        let first = usize::try_from(self.next % count as u64).unwrap_or(0);
        let indices = (first..first + batch).map(|index| index % count);
        if batch == 1 {
            outbox.extend(self.captures[first].0.as_bytes());
        } else {
            let bytes = indices.clone().map(|index| self.captures[index].1.body.len() + 1);
            let head = wire::head("/api/v1/capture-payments", KEY, bytes.sum());
            outbox.extend(head.as_bytes());
        }
        for index in indices {
            let (at, capture) = (outbox.len(), &self.captures[index].1);
            outbox.extend(&capture.body);
            capture.number(outbox, at, &stock::digits(self.shape.seed, self.next));
            self.next += 1;
            if batch > 1 {
                outbox.push(b'\n');
            }
        }
    }

    /// Fills the books with so many payments more, in large batches. Returns how many there were.
    pub(super) fn fill(&mut self, engine: &Engine, payments: u64) -> Result<u64, Fault> {
        let (connections, most) = FILLING;
        let batch = (FILLING_BYTES / self.payment_bytes).clamp(2, most);
        let batch = batch.min(usize::try_from(payments).unwrap_or(most)).max(2);
        let way = Way { connections, batch, rate: None, end: End::Payments(payments) };
        let driven = self.send(engine.api, way)?;
        Ok(u64::try_from(driven.micros.len() * batch).unwrap_or(u64::MAX))
    }

    /// Waits until the stand-in has so many events and the books say so.
    pub(super) fn settle(
        &self,
        engine: &Engine,
        stand_in: &StandIn,
        events: u64,
    ) -> Result<Books, Fault> {
        let clock = Clock::System;
        let (mut seen, mut since) = (0, clock.monotonic_micros());
        loop {
            let now = clock.monotonic_micros();
            let count = stand_in.events();
            if count > seen {
                (seen, since) = (count, now);
            }
            if count >= events {
                let books = engine.books()?;
                if books.pending + books.retrying == 0 {
                    return Ok(books);
                }
            }
            if now - since > SILENCE_MICROS {
                let books = engine.books()?;
                return Err(Fault::Unexpected(format!(
                    "the stand-in has {count} events of {events} and no more come: {books:?}"
                )));
            }
            if self.context.stopped.load(Ordering::Relaxed) {
                return Err(Fault::Stopped);
            }
            Clock::block_micros(10_000);
        }
    }
}

/// How the answer to a request of so many new payments begins.
pub(super) fn expected(batch: usize) -> Expected {
    let (status, msg) = match batch {
        1 => ("201", "Payment captured".to_owned()),
        batch => ("200", format!("{batch} taken, 0 refused")),
    };
    let body = format!(r#"{{"msg":"{msg}","status":{status},"#);
    Expected { status, body, within: r#""verdict":"forward""# }
}

/// Compares the sums with what was answered: `before` and `after` in the books, `events` at the
/// stand-in, for so many payments whose answers said that they are recorded.
pub(super) fn compare(
    (before, after): (Books, Books),
    (answered, events): (u64, u64),
) -> Result<(), Fault> {
    let waited = before.pending + before.retrying;
    let right = Books {
        recorded: before.recorded + answered,
        delivered: before.delivered + waited + answered,
        pending: 0,
        retrying: 0,
        dead: before.dead,
    };
    if after == right && events == waited + answered {
        return Ok(());
    }
    Err(Fault::Unexpected(format!(
        "the sums differ: {answered} payments were answered and {waited} events waited before, the stand-in took {events}, the books say {after:?} and should say {right:?}"
    )))
}

/// Makes sure that figures are of a disk.
pub(super) fn check_folder(folder: &Path) -> Result<(), Fault> {
    let is_there = folder.is_dir();
    let says = format!("{} is not a folder; name one on the disk to measure", folder.display());
    if is_there { Ok(()) } else { Err(Fault::Misused(says)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Books = Books { recorded: 0, delivered: 0, pending: 0, retrying: 0, dead: 0 };

    #[test]
    fn sums_that_differ_end_a_run() {
        let waiting = Books { recorded: 9, delivered: 4, pending: 5, ..NONE };
        let all = |count| Books { recorded: count, delivered: count, ..NONE };
        for (before, after, answered, events, is_right) in [
            (NONE, all(10), 10, 10, true),
            (NONE, all(11), 10, 10, false),
            (NONE, all(10), 10, 11, false),
            (NONE, Books { delivered: 9, ..all(10) }, 10, 10, false),
            (NONE, Books { dead: 1, ..all(10) }, 10, 10, false),
            (waiting, all(9), 0, 5, true),
            (waiting, all(12), 3, 8, true),
            (waiting, all(12), 3, 3, false),
        ] {
            let compared = compare((before, after), (answered, events));
            assert_eq!(compared.is_ok(), is_right, "{before:?} {after:?} {answered} {events}");
        }
    }
}
