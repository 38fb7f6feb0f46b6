//! In Meta's place: a server that only counts and answers like Meta, or the sandbox that judges.
//!
//! In: the service's requests. Out: how many events came, and when. The plain one costs next to
//! nothing, so that figures are the service's; the sandbox checks every event. A plain one can
//! refuse, as Meta does with a bad token: then nothing passes until the service starts again.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use memchr::memmem;
use tokio::runtime::Runtime;

use super::fault::Fault;
use super::wire;
use crate::clock::Clock;
use crate::sandbox::{self, Sandbox, Settings};

/// Who stands in for Meta.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Kind {
    /// Counts events and answers like Meta: for figures.
    Plain,
    /// The sandbox, which judges every event and takes much of the processor.
    Sandbox,
}

/// A running stand-in; it lives as long as this process.
pub(super) struct StandIn {
    /// Where it listens.
    pub(super) address: SocketAddr,
    log: Arc<Log>,
}

/// What came.
#[derive(Default)]
struct Log {
    events: AtomicU64,
    /// When each request was read, in microseconds, and how many events it carried.
    requests: Mutex<Vec<(u64, u64)>>,
}

impl Log {
    fn note(&self, events: u64) {
        let now = Clock::System.monotonic_micros();
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push((now, events));
        self.events.fetch_add(events, Ordering::SeqCst);
    }
}

/// How fast events came.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Arrivals {
    /// When the last request was read.
    pub(super) last_micros: u64,
    /// From the first request to the last.
    pub(super) took_micros: u64,
    /// Events after the first request's.
    pub(super) events: u64,
    /// Requests after the first.
    pub(super) requests: u64,
}

impl StandIn {
    /// Starts one.
    pub(super) fn start(kind: Kind, runtime: &Runtime) -> Result<Self, Fault> {
        match kind {
            Kind::Plain => Self::plain(Answer::Taken),
            Kind::Sandbox => Self::judging(runtime),
        }
    }

    /// Starts one that refuses everything.
    pub(super) fn refusing() -> Result<Self, Fault> {
        Self::plain(Answer::Refused)
    }

    /// Events that were taken.
    pub(super) fn events(&self) -> u64 {
        self.log.events.load(Ordering::SeqCst)
    }

    /// When they came.
    pub(super) fn arrivals(&self) -> Arrivals {
        let requests = self.log.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some((first, _)), Some((last, _))) = (requests.first(), requests.last()) else {
            return Arrivals::default();
        };
        Arrivals {
            last_micros: *last,
            took_micros: last - first,
            events: requests[1..].iter().map(|(_, events)| events).sum(),
            requests: u64::try_from(requests.len() - 1).unwrap_or(u64::MAX),
        }
    }

    fn plain(answer: Answer) -> Result<Self, Fault> {
        let failed = || Fault::of("cannot start a stand-in for Meta");
        let listener = TcpListener::bind("127.0.0.1:0").map_err(failed())?;
        let address = listener.local_addr().map_err(failed())?;
        let log = Arc::new(Log::default());
        let kept = Arc::clone(&log);
        let accept = move || {
            for stream in listener.incoming().flatten() {
                let log = Arc::clone(&log);
                // A service that hangs up has nobody left to be told.
                std::thread::spawn(move || drop(serve(stream, answer, &log)));
            }
        };
        std::thread::Builder::new().name("stand-in".into()).spawn(accept).map_err(failed())?;
        Ok(Self { address, log: kept })
    }

    fn judging(runtime: &Runtime) -> Result<Self, Fault> {
        let log = Arc::new(Log::default());
        let kept = Arc::clone(&log);
        let tell = move |record: &sandbox::RequestRecord| {
            kept.note(u64::try_from(record.accepted).unwrap_or(u64::MAX));
        };
        let settings = Settings {
            keep_events: 1_000,
            keep_requests: 100,
            on_verdict: Some(Arc::new(tell)),
            ..Settings::default()
        };
        let sandbox = Sandbox::new(settings, Arc::new(|| Clock::System.now().seconds()));
        let bound = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"));
        let listener = bound.map_err(Fault::of("cannot start the sandbox"))?;
        let address = listener.local_addr().map_err(Fault::of("cannot start the sandbox"))?;
        runtime.spawn(sandbox::serve(listener, sandbox, std::future::pending()));
        Ok(Self { address, log })
    }
}

#[derive(Debug, Clone, Copy)]
enum Answer {
    Taken,
    /// As Meta refuses a bad token: the dataset is paused, and a restart tries again at once.
    Refused,
}

/// What stands in each of our events once.
const ONE_EVENT: &[u8] = br#""event_name":"#;

/// Answers one connection until it ends.
fn serve(mut stream: TcpStream, answer: Answer, log: &Log) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let one_event = memmem::Finder::new(ONE_EVENT);
    let mut inbox = vec![0; 64 * 1024];
    let mut filled = 0;
    loop {
        let count = stream.read(&mut inbox[filled..])?;
        if count == 0 {
            return Ok(());
        }
        filled += count;
        let Some(message) = wire::announced(&inbox[..filled]) else { continue };
        if message.end > inbox.len() {
            inbox.resize(message.end, 0);
        }
        stream.read_exact(&mut inbox[filled.min(message.end)..message.end])?;
        filled = 0;
        let count = one_event.find_iter(&inbox[message.body..message.end]).count();
        let (status, body) = match answer {
            Answer::Taken => {
                log.note(u64::try_from(count).unwrap_or(u64::MAX));
                let body = format!(
                    r#"{{"events_received":{count},"messages":[],"fbtrace_id":"AbenchAbenchAbenchAbe"}}"#
                );
                ("200 OK", body)
            }
            Answer::Refused => ("400 Bad Request", REFUSAL.to_owned()),
        };
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json; charset=UTF-8\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.into_bytes(), body.into_bytes()].concat())?;
    }
}

/// # Source
/// Meta, "Graph API / Handling errors": 190, the access token has expired or is not good.
const REFUSAL: &str = r#"{"error":{"message":"Invalid OAuth access token.","type":"OAuthException","code":190,"fbtrace_id":"AbenchAbenchAbenchAbe"}}"#;
