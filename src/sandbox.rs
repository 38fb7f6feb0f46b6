//! The sandbox: a local stand-in for Meta's Conversions API, and the second witness of our tests.
//!
//! In: `POST /{version}/{dataset_id}/events` in all of Meta's body forms. Out: Meta's answers,
//! right and wrong, and what arrived for whoever asks (`/sandbox/…`, or [`Sandbox::events`] in the
//! same process). It judges by its own table of Meta's rules ([`rules()`]) and calls nothing of the
//! engine: a wrong check must not pass its own test. Deliberately absent: the clock, logging, files
//! and tokens in memory. Source: meta-capi.md, named rule by rule.

mod answer;
mod body;
mod codes;
mod control;
mod currency;
mod duplicates;
mod envelope;
mod faults;
mod hearing;
mod json;
mod line;
mod manual;
mod memory;
mod reply;
mod rules;
mod script;
mod trickle;
mod version;

use std::collections::BTreeSet;
use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::response::Response;
use axum::routing::{any, get};
use tokio::net::TcpListener;
use tokio::sync::watch;

use envelope::Call;
use hearing::hear;
use line::{Door, Line};
use memory::Memory;
use reply::Reply;

pub use duplicates::Duplicate;
pub use faults::{Act, Fault, Script};
pub use hearing::EVENTS_MAX;
pub use manual::routes_and_faults;
pub use memory::{Answered, ArrivedEvent, Objection, RequestRecord};
pub use rules::{Complaint, Rule, Strength, Warning, rules};

/// Longest request body, in bytes: 16 MiB. Meta publishes no limit; a thousand rich events are
/// about two of them.
pub const BODY_MAX_BYTES: usize = 16 * 1024 * 1024;

/// Told of every request and its answer.
pub type OnVerdict = Arc<dyn Fn(&RequestRecord) + Send + Sync>;

/// The clock: Unix seconds whenever it is asked.
pub type Now = Arc<dyn Fn() -> i64 + Send + Sync>;

/// What a sandbox takes for granted.
#[derive(Clone)]
pub struct Settings {
    /// The datasets that exist; `None` for every numeric id.
    pub datasets: Option<BTreeSet<String>>,
    /// The tokens that are good; `None` for every one.
    pub tokens: Option<BTreeSet<String>>,
    /// Whether events are refused for what Meta is only assumed to refuse ([`Strength::Assumed`]).
    /// Default yes, so that a test of a sender finds more rather than less.
    pub strict: bool,
    /// Events kept. Default 200,000: two seconds at the rate the engine is built for, about 200 MB.
    pub keep_events: usize,
    /// Requests kept. Default 10,000.
    pub keep_requests: usize,
    /// Told of every request after it was judged and remembered, outside of every lock.
    pub on_verdict: Option<OnVerdict>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            datasets: None,
            tokens: None,
            strict: true,
            keep_events: 200_000,
            keep_requests: 10_000,
            on_verdict: None,
        }
    }
}

/// A handle on one sandbox; clones see the same events.
#[derive(Clone)]
pub struct Sandbox {
    room: Arc<Room>,
}

struct Room {
    settings: Settings,
    now: Now,
    requests: AtomicU64,
    memory: Mutex<Memory>,
    faults: Mutex<Script>,
}

impl Sandbox {
    /// An empty sandbox that takes its time from `now`, in Unix seconds.
    #[must_use]
    pub fn new(settings: Settings, now: Now) -> Self {
        let memory = Mutex::new(Memory::new(settings.keep_events, settings.keep_requests));
        let (requests, faults) = (AtomicU64::new(0), Mutex::default());
        Self { room: Arc::new(Room { settings, now, requests, memory, faults }) }
    }

    /// The control routes; everything else is a call of Meta's, right or wrong. Served by anything but [`serve`], a `reset` cannot cut
    /// the connection and answers 502 without a body instead.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/", get(control::about))
            .route("/sandbox/events", get(control::list_events).delete(control::forget))
            .route("/sandbox/duplicates", get(control::list_duplicates))
            .route("/sandbox/requests", get(control::list_requests))
            .route(
                "/sandbox/faults",
                get(control::show_faults).post(control::order_faults).delete(control::clear_faults),
            )
            .route("/sandbox", any(control::unknown_route))
            .route("/sandbox/{*rest}", any(control::unknown_route))
            .fallback(receive)
            .method_not_allowed_fallback(wrong_method)
            .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
            .with_state(self.clone())
    }

    /// The kept events, newest last.
    #[must_use]
    pub fn events(&self) -> Vec<ArrivedEvent> {
        let (events, _) = self.snapshot();
        events.into_iter().map(Arc::unwrap_or_clone).collect()
    }

    /// The kept events that arrived more than once.
    #[must_use]
    pub fn duplicates(&self) -> Vec<Duplicate> {
        let (events, _) = self.snapshot();
        duplicates::find(events.iter())
    }

    /// Events accepted since the beginning or the last [`Sandbox::clear`], kept or not.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.memory().received()
    }

    /// The kept requests and their answers, newest last.
    #[must_use]
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.request_records().into_iter().map(Arc::unwrap_or_clone).collect()
    }

    /// Forgets events and requests, and says how many of each. Faults stay, and the numbers of the
    /// requests go on.
    #[expect(clippy::must_use_candidate, reason = "what was forgotten is seldom of interest")]
    pub fn clear(&self) -> (usize, usize) {
        self.memory().clear()
    }

    /// Puts a script in the place of the one in force.
    pub fn set_faults(&self, script: Script) {
        *self.script() = script;
    }

    /// What is left of the script in force.
    #[must_use]
    pub fn faults(&self) -> Script {
        self.script().clone()
    }

    fn snapshot(&self) -> (Vec<Arc<ArrivedEvent>>, u64) {
        let memory = self.memory();
        (memory.events(), memory.received())
    }

    fn request_records(&self) -> Vec<Arc<RequestRecord>> {
        self.memory().requests()
    }

    /// Judges a call, remembers what is to be remembered, and answers, each at its time.
    async fn answer(&self, call: Call, mut line: Option<Line>) -> Response {
        let number = self.room.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let now = (self.room.now)();
        let hearing = hear(&call, &self.room.settings, now, |subject| self.script().take(subject));
        drop(call);
        let stall = hearing.fault.as_ref().and_then(Act::stall);
        if let Some((wait, false)) = stall {
            pause(line.as_mut(), wait).await;
        }
        let reply = self.settle(Reply::new(hearing, number, now));
        if let Some((wait, true)) = stall {
            pause(line.as_mut(), wait).await;
        }
        reply.send(line.as_ref())
    }

    /// Remembers a request, and its events where they were accepted; then tells the listener.
    fn settle(&self, mut reply: Reply) -> Reply {
        let record = std::mem::take(&mut reply.record);
        let arrivals = std::mem::take(&mut reply.arrivals);
        let record = self.memory().add(record, arrivals);
        if let Some(tell) = &self.room.settings.on_verdict {
            tell(&record);
        }
        reply
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.room.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.room.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves a sandbox until `stop`; stalled answers are then sent at once.
///
/// # Errors
/// When the listener can no longer be used.
pub async fn serve(
    listener: TcpListener,
    sandbox: Sandbox,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (closing, closed) = watch::channel(false);
    let routes = sandbox.router().into_make_service_with_connect_info::<Line>();
    let stop = async move {
        stop.await;
        closing.send_replace(true);
    };
    axum::serve(Door::new(listener, closed), routes).with_graceful_shutdown(stop).await
}

async fn receive(State(sandbox): State<Sandbox>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let line = Line::of(&head);
    let body = Bytes::from_request(Request::from_parts(head.clone(), body), &()).await;
    let call = Call::new(&head, body).await;
    if let Some(Ok(id)) = hearing::look(&call, &sandbox.room.settings) {
        return control::dataset(&id);
    }
    sandbox.answer(call, line).await
}

/// A control route was asked by another method, or a sender has this address for Meta's and no path.
async fn wrong_method(State(sandbox): State<Sandbox>, request: Request) -> Response {
    if request.uri().path() == "/" {
        return receive(State(sandbox), request).await;
    }
    control::wrong_method(&request)
}

#[expect(clippy::disallowed_methods, reason = "a stall is real time, ordered by a script")]
async fn pause(line: Option<&mut Line>, wait: Duration) {
    match line {
        Some(line) => line.pause(wait).await,
        None => tokio::time::sleep(wait).await,
    }
}

#[cfg(test)]
mod tests;
