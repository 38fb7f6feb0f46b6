//! Overload: how much is taken in at once, and what is turned away before it costs anything.
//!
//! In: requests that carry a body. Out: the answer of their route, or 503 with `Retry-After` at
//! once. Two bounds, because they hold off two dangers. Captures that are being worked on wait for
//! the disk: more of them than it serves within a blink would only wait longer, so the rest is told
//! to come again. A place among them is taken when the body is whole, so that senders who dribble
//! take none. Large bodies take up memory while they arrive: what they may take together is counted
//! as it arrives, and what a body announces beyond its route's limit is not read at all.
//!
//! Deliberately absent: removals, reads and the admin API among the captures that are counted. What
//! takes a person out, and what says how things stand, must work most of all when much goes on.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use axum::BoxError;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::MethodRouter;
use hyper::body::{Frame, SizeHint};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family as Counters;
use prometheus_client::registry::Registry;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Api, answer, faurya};

/// What is counted of a body, in bytes. Ours: an ordinary capture is one portion.
const PORTION_BYTES: usize = 16 * 1024;

/// Portions of captures that are worked on at once, at most. A disk that takes 20,000 captures a
/// second works off as many in 50 ms. Reading a body takes up to eight times its size: 128 MiB, half of
/// the smallest machine that is meant. A body made of nothing but tiny objects takes thirty times.
pub const CAPTURES_MAX: usize = 1_024;

/// What a capture counts at most: a batch is one transaction, however many payments it has, and must
/// find a place beside ordinary captures.
const PORTIONS_OF_ONE_MAX: usize = 64;

/// Portions of bodies in memory at once beyond the first of each, at most: 16 MiB, two of the
/// largest batches. The first portions are bounded by the count of connections.
const ARRIVING_MAX: usize = 1_024;

/// What of too much there was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// Too many captures are being worked on.
    Captures,
    /// Too many large bodies are arriving.
    Bodies,
    /// The body is larger than its route takes.
    Size,
    /// The body is compressed: a megabyte could be a thousand.
    Coding,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Because {
    because: &'static str,
}

/// What is taken in at the moment.
#[derive(Debug)]
pub(super) struct Admission {
    captures: Arc<Semaphore>,
    arriving: Arc<Semaphore>,
    refused: Counters<Because, Counter>,
}

impl Default for Admission {
    fn default() -> Self {
        let refused = Counters::<Because, Counter>::default();
        // An alarm on a number that does not exist yet never rings.
        for refusal in [Refusal::Captures, Refusal::Bodies] {
            drop(refused.get_or_create(&refusal.because()));
        }
        Self {
            captures: Arc::new(Semaphore::new(CAPTURES_MAX)),
            arriving: Arc::new(Semaphore::new(ARRIVING_MAX)),
            refused,
        }
    }
}

impl Admission {
    /// Shows the counts on a page of metrics.
    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Requests turned away since the start because too much was under way";
        registry.register("refused_requests", help, self.refused.clone());
    }
}

impl Refusal {
    fn because(self) -> Because {
        let because = match self {
            Self::Captures => "captures_under_way",
            Self::Bodies => "bodies_under_way",
            Self::Size => "size",
            Self::Coding => "coding",
        };
        Because { because }
    }

    fn says(self) -> &'static str {
        match self {
            Self::Captures => {
                "Too much is under way at the moment. Please try again; repeating a request is safe."
            }
            Self::Bodies => {
                "Too many large bodies arrive at the moment. Please try again; repeating a request \
                 is safe."
            }
            Self::Size => "The body is larger than this route takes.",
            Self::Coding => {
                "The body is compressed (`Content-Encoding`), which is not read here. Please send it \
                 as it is."
            }
        }
    }
}

/// Whose shape a refusal has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// The envelope, also of what apps and providers call.
    Envelope,
    /// Faurya's.
    Site,
}

/// A route that takes bodies.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    /// What is shared.
    pub(super) api: Api,
    /// Its shape of refusals.
    pub(super) shape: Shape,
    /// Its largest body, in bytes.
    pub(super) bytes_max: usize,
}

impl Gate {
    /// These handlers take something new: at most so much of it at once.
    pub(super) fn captures(&self, handlers: MethodRouter<Api>) -> MethodRouter<Api> {
        let passage = Passage { gate: self.clone(), is_capture: true };
        handlers.route_layer(from_fn_with_state(passage, pass))
    }

    /// These handlers take bodies and must always work: only the memory of bodies is bounded.
    pub(super) fn bodies(&self, handlers: MethodRouter<Api>) -> MethodRouter<Api> {
        let passage = Passage { gate: self.clone(), is_capture: false };
        handlers.route_layer(from_fn_with_state(passage, pass))
    }

    /// Lets a request in to `next` if there is room for it.
    pub(super) async fn pass<B, F: Future<Output = Response>>(
        &self,
        is_capture: bool,
        request: Request<B>,
        next: impl FnOnce(Request<Weighed<B>>) -> F,
    ) -> Response {
        let admission = &self.api.shared.admission;
        // Nothing is read for somebody who would be turned away afterwards.
        if is_capture && admission.captures.available_permits() == 0 {
            return self.refuse(Refusal::Captures);
        }
        let held = Arc::new(Mutex::new(Held::default()));
        let is_plain = is_plain(request.headers());
        let request = request.map(|inner| Weighed {
            inner,
            held: Arc::clone(&held),
            captures: is_capture.then(|| Arc::clone(&admission.captures)),
            arriving: Arc::clone(&admission.arriving),
            bytes_max: self.bytes_max,
            is_plain,
            bytes: 0,
            portions: Vec::new(),
        });
        let response = next(request).await;
        let Held { refusal, places } = std::mem::take(&mut *lock(&held));
        drop(places);
        refusal.map_or(response, |refusal| self.refuse(refusal))
    }

    fn refuse(&self, refusal: Refusal) -> Response {
        let admission = &self.api.shared.admission;
        let status = match (refusal, self.shape) {
            (Refusal::Size, Shape::Envelope) => return answer::too_large(self.bytes_max),
            (Refusal::Size, Shape::Site) => return faurya::too_large(),
            (Refusal::Coding, _) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            (Refusal::Captures | Refusal::Bodies, _) => {
                admission.refused.get_or_create(&refusal.because()).inc();
                StatusCode::SERVICE_UNAVAILABLE
            }
        };
        let response = match self.shape {
            Shape::Envelope => answer::plain(status, refusal.says()),
            Shape::Site => faurya::error(status, refusal.says().trim_end_matches('.')),
        };
        if status == StatusCode::SERVICE_UNAVAILABLE {
            return answer::with_retry_after(response, answer::RETRY_AFTER_SECS);
        }
        response
    }
}

#[derive(Debug, Clone)]
struct Passage {
    gate: Gate,
    is_capture: bool,
}

/// What a request holds until it is answered.
#[derive(Debug, Default)]
struct Held {
    refusal: Option<Refusal>,
    places: Vec<OwnedSemaphorePermit>,
}

async fn pass(State(passage): State<Passage>, request: Request, next: Next) -> Response {
    let Passage { gate, is_capture } = passage;
    gate.pass(is_capture, request, |request| next.run(request.map(Body::new))).await
}

fn lock(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A body that is counted while it arrives, and needs a place once it is whole.
pub(super) struct Weighed<B> {
    inner: B,
    held: Arc<Mutex<Held>>,
    captures: Option<Arc<Semaphore>>,
    arriving: Arc<Semaphore>,
    bytes_max: usize,
    is_plain: bool,
    bytes: usize,
    portions: Vec<OwnedSemaphorePermit>,
}

/// The body is not read on; what its sender is told stands in [`Held`].
#[derive(Debug, thiserror::Error)]
#[error("the body is not read on")]
struct Unread;

impl<B> Weighed<B> {
    fn unread(&mut self, refusal: Refusal) -> axum::Error {
        lock(&self.held).refusal = Some(refusal);
        self.portions.clear();
        axum::Error::new(Unread)
    }

    /// Makes room for more bytes.
    fn take(&mut self, more: usize) -> Result<(), axum::Error> {
        let before = portions(self.bytes);
        self.bytes = self.bytes.saturating_add(more);
        if self.bytes > self.bytes_max {
            return Err(self.unread(Refusal::Size));
        }
        let wanted = u32::try_from(portions(self.bytes) - before).unwrap_or(u32::MAX);
        if wanted == 0 {
            return Ok(());
        }
        match Arc::clone(&self.arriving).try_acquire_many_owned(wanted) {
            Ok(permit) => self.portions.push(permit),
            Err(_) => return Err(self.unread(Refusal::Bodies)),
        }
        Ok(())
    }

    /// The body is whole: it keeps what it took until it is answered.
    fn whole(&mut self) -> Result<(), axum::Error> {
        let mut places = std::mem::take(&mut self.portions);
        if let Some(captures) = self.captures.take() {
            let wanted = portions(self.bytes).min(PORTIONS_OF_ONE_MAX);
            let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
            match captures.try_acquire_many_owned(wanted) {
                Ok(place) => places.push(place),
                Err(_) => return Err(self.unread(Refusal::Captures)),
            }
        }
        lock(&self.held).places = places;
        Ok(())
    }
}

/// Whether a body is what it is, and not compressed.
fn is_plain(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    codings.all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity") || coding.is_empty())
}

/// How many portions a body has; an empty one is one.
fn portions(bytes: usize) -> usize {
    bytes.div_ceil(PORTION_BYTES).max(1)
}

impl<B> hyper::body::Body for Weighed<B>
where
    B: hyper::body::Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if !self.is_plain {
            return Poll::Ready(Some(Err(self.unread(Refusal::Coding))));
        }
        if self.bytes == 0 && exceeds(self.inner.size_hint().lower(), self.bytes_max) {
            return Poll::Ready(Some(Err(self.unread(Refusal::Size))));
        }
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        let counted = match &frame {
            Some(Ok(frame)) => {
                let more = frame.data_ref().map_or(0, Bytes::len);
                self.take(more)
            }
            None => self.whole(),
            Some(Err(_)) => Ok(()),
        };
        Poll::Ready(match counted {
            Ok(()) => frame.map(|frame| frame.map_err(axum::Error::new)),
            Err(error) => Some(Err(error)),
        })
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

fn exceeds(announced: u64, bytes_max: usize) -> bool {
    usize::try_from(announced).is_ok_and(|announced| announced > bytes_max)
        || usize::try_from(announced).is_err()
}
