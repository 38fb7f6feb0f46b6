//! The load: one thread, raw sockets, prepared bytes, answers read without taking anything.
//!
//! In: where to, over how many connections, how long or how many, at which rate. Out: how long each
//! answer took. Closed loop: each connection sends its next request when the last is answered. Open
//! loop: requests have their moments, whatever the answers do, and wait for a connection where all
//! are busy; their time counts from the moment that was intended. So a stall is seen by all who
//! would have met it. An answer that is not the expected one ends the run.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use memchr::memmem;
use mio::event::Event;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token, Waker};

use super::fault::Fault;
use super::{machine, wire};
use crate::clock::Clock;

/// Longest wait for any answer at all, in microseconds: the service itself gives up after 30 s.
const SILENCE_MAX_MICROS: u64 = 40_000_000;

/// How often an open loop looks what is due, in microseconds.
const TICK_MICROS: u64 = 200;

/// The ticks of an open loop arrive under this name.
const TICK: Token = Token(usize::MAX);

/// What is sent.
pub(super) struct Plan {
    /// Where to.
    pub(super) address: SocketAddr,
    /// Over how many connections.
    pub(super) connections: usize,
    /// When it ends, unless the requests end before.
    pub(super) micros: Option<u64>,
    /// Requests a second; as many as are answered if there is none.
    pub(super) rate: Option<u32>,
    /// How an answer begins.
    pub(super) expected: Expected,
}

/// How every answer begins.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    /// The status.
    pub(super) status: &'static str,
    /// The beginning of the body.
    pub(super) body: String,
    /// What stands in it besides; looked for in the first answer of each connection.
    pub(super) within: &'static str,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Driven {
    /// How long each request took, in microseconds, in no order.
    pub(super) micros: Vec<u32>,
    /// From the first request to the last answer.
    pub(super) took_micros: u64,
    /// Processor time of the generator in between.
    pub(super) cpu_micros: u64,
}

/// Writes the next request, and says whether there was one.
pub(super) type Next<'n> = &'n mut dyn FnMut(&mut Vec<u8>) -> bool;

/// Sends until it ends, and waits for every answer.
pub(super) fn drive(plan: &Plan, next: Next<'_>, stopped: &AtomicBool) -> Result<Driven, Fault> {
    let mut driver = Driver::new(plan, next)?;
    let _ticker = match plan.rate {
        Some(_) => Some(Ticker::start(&driver.poll)?),
        None => None,
    };
    let cpu = machine::own_thread_cpu_micros()?;
    driver.begin()?;
    let mut events = Events::with_capacity(1_024);
    let mut last = driver.began;
    while !driver.is_finished() {
        let polled = driver.poll.poll(&mut events, Some(Duration::from_millis(100)));
        match polled {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            polled => polled.map_err(Fault::of("cannot wait for answers"))?,
        }
        for event in events.iter().filter(|event| event.token() != TICK) {
            if driver.progress(event)? {
                last = driver.now;
            }
        }
        driver.now = Clock::System.monotonic_micros();
        driver.issue_due()?;
        if stopped.load(Ordering::Relaxed) {
            return Err(Fault::Stopped);
        }
        if driver.now.saturating_sub(last) > SILENCE_MAX_MICROS {
            return Err(Fault::Unexpected(format!(
                "no answer for {} s, {} requests are under way",
                SILENCE_MAX_MICROS / 1_000_000,
                driver.under_way
            )));
        }
    }
    let took_micros = last.saturating_sub(driver.began).max(1);
    let cpu_micros = machine::own_thread_cpu_micros()? - cpu;
    Ok(Driven { micros: driver.micros, took_micros, cpu_micros })
}

struct Driver<'p> {
    plan: &'p Plan,
    next: Next<'p>,
    poll: Poll,
    connections: Vec<Connection>,
    idle: VecDeque<usize>,
    began: u64,
    now: u64,
    /// Requests sent, by which an open loop knows what is due.
    issued: u64,
    under_way: usize,
    is_over: bool,
    micros: Vec<u32>,
}

impl<'p> Driver<'p> {
    fn new(plan: &'p Plan, next: Next<'p>) -> Result<Self, Fault> {
        let poll = Poll::new().map_err(Fault::of("cannot wait for sockets"))?;
        let mut connections = Vec::with_capacity(plan.connections);
        for number in 0..plan.connections {
            connections.push(Connection::open(plan.address, &poll, number)?);
        }
        let idle = (0..plan.connections).collect();
        let (began, now) = (0, 0);
        let micros = Vec::with_capacity(1 << 20);
        let (issued, under_way, is_over) = (0, 0, false);
        Ok(Self {
            plan,
            next,
            poll,
            connections,
            idle,
            began,
            now,
            issued,
            under_way,
            is_over,
            micros,
        })
    }

    fn begin(&mut self) -> Result<(), Fault> {
        self.began = Clock::System.monotonic_micros();
        self.now = self.began;
        self.issue_due()
    }

    fn is_finished(&self) -> bool {
        self.is_over && self.under_way == 0
    }

    /// Sends whatever should have been sent by now, as far as there are idle connections.
    fn issue_due(&mut self) -> Result<(), Fault> {
        while let Some(since) = self.due() {
            let Some(number) = self.idle.pop_front() else { return Ok(()) };
            self.issue(number, since)?;
        }
        Ok(())
    }

    /// The moment of the next request, if it has come.
    fn due(&mut self) -> Option<u64> {
        if self.is_over {
            return None;
        }
        let moment = match self.plan.rate {
            None => self.now,
            Some(rate) => self.began + self.issued.saturating_mul(1_000_000) / u64::from(rate),
        };
        let end = self.plan.micros.map(|micros| self.began + micros);
        if end.is_some_and(|end| moment >= end) {
            self.is_over = true;
        }
        (!self.is_over && moment <= self.now).then_some(moment)
    }

    fn issue(&mut self, number: usize, since: u64) -> Result<(), Fault> {
        let connection = &mut self.connections[number];
        connection.outbox.clear();
        if !(self.next)(&mut connection.outbox) {
            self.is_over = true;
            return Ok(());
        }
        self.issued += 1;
        self.under_way += 1;
        connection.begin(since).map_err(Fault::of("cannot send to the service"))
    }

    /// Goes on with a connection; whether its answer has come.
    fn progress(&mut self, event: &Event) -> Result<bool, Fault> {
        let number = event.token().0;
        let connection = &mut self.connections[number];
        if !connection.is_waiting {
            if event.is_read_closed() {
                // The service closes what is idle for long; a slow open loop leaves some idle.
                *connection = Connection::open(self.plan.address, &self.poll, number)?;
            }
            return Ok(false);
        }
        let answered = connection.progress().map_err(Fault::of("the connection broke"))?;
        let Some(message) = answered else { return Ok(false) };
        connection.check(message, &self.plan.expected)?;
        self.now = Clock::System.monotonic_micros();
        let micros = self.now.saturating_sub(connection.since);
        self.micros.push(u32::try_from(micros).unwrap_or(u32::MAX));
        self.under_way -= 1;
        // In a closed loop whoever has answered is asked again at once, before the others are read.
        match self.due() {
            Some(since) => self.issue(number, since)?,
            None => self.idle.push_back(number),
        }
        Ok(true)
    }
}

struct Connection {
    stream: TcpStream,
    outbox: Vec<u8>,
    written: usize,
    inbox: Vec<u8>,
    filled: usize,
    /// From when the time of its request counts.
    since: u64,
    is_waiting: bool,
    was_looked_at: bool,
}

impl Connection {
    fn open(address: SocketAddr, poll: &Poll, number: usize) -> Result<Self, Fault> {
        let failed = || Fault::of(format!("cannot open connection {}", number + 1));
        let mut stream = std::net::TcpStream::connect(address).map_err(failed())?;
        stream.set_nodelay(true).map_err(failed())?;
        greet(&mut stream).map_err(failed())?;
        stream.set_nonblocking(true).map_err(failed())?;
        let mut stream = TcpStream::from_std(stream);
        let both = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut stream, Token(number), both).map_err(failed())?;
        Ok(Self {
            stream,
            outbox: Vec::with_capacity(2_048),
            written: 0,
            inbox: vec![0; 4_096],
            filled: 0,
            since: 0,
            is_waiting: false,
            was_looked_at: false,
        })
    }

    fn begin(&mut self, since: u64) -> io::Result<()> {
        self.since = since;
        self.is_waiting = true;
        (self.written, self.filled) = (0, 0);
        self.write()
    }

    fn write(&mut self) -> io::Result<()> {
        while self.written < self.outbox.len() {
            match self.stream.write(&self.outbox[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Writes and reads what can be; the answer, once it is whole. More than one answer never waits,
    /// so whoever has read it need not ask whether there is more.
    fn progress(&mut self) -> io::Result<Option<wire::Message>> {
        self.write()?;
        loop {
            if self.filled == self.inbox.len() {
                self.inbox.resize(2 * self.filled, 0);
            }
            match self.stream.read(&mut self.inbox[self.filled..]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.filled += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            if let Some(message) = wire::message(&self.inbox[..self.filled]) {
                self.is_waiting = false;
                return Ok(Some(message));
            }
        }
    }

    fn check(&mut self, message: wire::Message, expected: &Expected) -> Result<(), Fault> {
        let answer = &self.inbox[..message.end];
        let (status, body) = (answer.get(9..12).unwrap_or_default(), &answer[message.body..]);
        let is_right = status == expected.status.as_bytes()
            && body.starts_with(expected.body.as_bytes())
            && (self.was_looked_at || memmem::find(body, expected.within.as_bytes()).is_some());
        self.was_looked_at = true;
        if is_right {
            return Ok(());
        }
        let shown: String = String::from_utf8_lossy(body).chars().take(600).collect();
        Err(Fault::Unexpected(format!(
            "an answer is not the expected {} {}…{}: {} {shown}",
            expected.status,
            expected.body,
            expected.within,
            String::from_utf8_lossy(status)
        )))
    }
}

/// Asks for nothing and waits for the answer: only then has the other side accepted the connection,
/// and not just its system, which drops what comes before if too many wait.
fn greet(stream: &mut std::net::TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_micros(SILENCE_MAX_MICROS)))?;
    stream.write_all(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n")?;
    let mut inbox = Vec::with_capacity(1_024);
    while wire::message(&inbox).is_none() {
        let mut bytes = [0; 4_096];
        match stream.read(&mut bytes)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => inbox.extend_from_slice(&bytes[..count]),
        }
    }
    Ok(())
}

/// Wakes an open loop, since a poll waits whole milliseconds.
struct Ticker(Arc<AtomicBool>);

impl Ticker {
    fn start(poll: &Poll) -> Result<Self, Fault> {
        let waker = Waker::new(poll.registry(), TICK).map_err(Fault::of("cannot set a tick"))?;
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_over);
        std::thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) && waker.wake().is_ok() {
                Clock::block_micros(TICK_MICROS);
            }
        });
        Ok(Self(is_over))
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
