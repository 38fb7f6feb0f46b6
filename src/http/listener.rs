//! Serving a listener: connections are counted, heads and bodies have a time in which to arrive, and
//! answers one in which to be read.
//!
//! A client that opens connections and says nothing, sends its body a byte at a time, or never reads
//! what it asked for, must cost others nothing. So there are at most [`Patience::connections`] at
//! once (the next one waits to be accepted), a head that is not complete in time closes its
//! connection, a request that is not read and answered in time gets 408, and a connection whose
//! answer is not taken in time ends. A request over which our own code panics gets 500.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::Doors;
use super::answer;
use super::taker::Taker;
use crate::clock::Clock;
use crate::telemetry::{Panicked, caught};

/// How long a listener waits for its clients, and for how many.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Connections at once.
    pub connections: usize,
    /// For a complete head, and for the next request of a connection that stays open.
    pub head: Duration,
    /// For a complete body and its answer.
    pub request: Duration,
    /// For the client to take an answer that does not fit into its socket.
    pub answer: Duration,
}

/// Twice the connections of our largest measurement; a head comes in one packet; a body of 1 MB
/// takes half a minute over a line of 300 kbit/s, and so does an answer.
impl Default for Patience {
    fn default() -> Self {
        let half_a_minute = Duration::from_secs(30);
        let (head, request, answer) = (half_a_minute, half_a_minute, half_a_minute);
        Self { connections: 2_048, head, request, answer }
    }
}

impl Patience {
    /// The same for operators: their programs are few.
    #[must_use]
    pub fn of_operators() -> Self {
        Self { connections: 256, ..Self::default() }
    }

    /// The same with no more connections than the process may have files open: clients must not
    /// take the descriptors that the database and the way to Meta need.
    #[must_use]
    pub fn within(self, files: u64) -> Self {
        let free = files.saturating_sub(FILES_OF_OUR_OWN).max(CONNECTIONS_MIN);
        Self {
            connections: usize::try_from(free)
                .map_or(self.connections, |free| free.min(self.connections)),
            ..self
        }
    }
}

/// Descriptors that are kept for the database, the way to Meta and the operators. Ours: four times
/// what is ever seen beside the operators' connections.
const FILES_OF_OUR_OWN: u64 = 384;

/// Connections that are served at all, however few files may be open.
const CONNECTIONS_MIN: u64 = 64;

/// How many files this process may have open, after asking for as many as it can get: where services
/// are started, 1,024 is a common beginning, for the sake of programs that know no other way to wait
/// than `select`.
#[must_use]
pub fn files_max() -> u64 {
    let files = Resource::RLIMIT_NOFILE;
    let Ok((now, most)) = getrlimit(files) else { return u64::MAX };
    // Where more is not given, less is used.
    let raised = setrlimit(files, most, most);
    if raised.is_ok() { most } else { now }
}

/// How long accepting pauses when the process has no descriptor left, in milliseconds.
const PAUSE_MILLIS: i64 = 100;

/// Serves until `stop`, then answers what was accepted.
///
/// # Errors
/// Whatever the listener says, but for want of descriptors, which passes.
pub async fn serve(
    listener: TcpListener,
    doors: impl Into<Doors>,
    patience: Patience,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let doors = doors.into();
    let places = Arc::new(Semaphore::new(patience.connections));
    let open = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(patience.head);
    // Who has said everything and closes that half still gets the answer: its payment is recorded.
    http.half_close(true);
    let mut stop = pin!(stop);
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            accepted = accepted => accepted,
            () = &mut stop => break,
        };
        let Some(stream) = stream(accepted).await? else { continue };
        let doors = doors.clone();
        let service = service_fn(move |request| {
            let doors = doors.clone();
            async move { Ok::<_, Infallible>(in_time(request, doors, patience.request).await) }
        });
        let stream = TokioIo::new(Taker::new(stream, patience.answer));
        let connection = open.watch(http.serve_connection(stream, service));
        tokio::spawn(async move {
            // A client that breaks off has nobody left to be told.
            let _ = connection.await;
            drop(place);
        });
    }
    drop(listener);
    open.shutdown().await;
    Ok(())
}

/// The accepted connection; nothing, after a pause, if it was gone or no descriptor was left.
async fn stream(
    accepted: io::Result<(TcpStream, std::net::SocketAddr)>,
) -> io::Result<Option<TcpStream>> {
    match accepted {
        Ok((stream, _)) => {
            // Answers are small and complete: waiting to fill a packet only delays them. A socket
            // that refuses the option works all the same.
            let _ = stream.set_nodelay(true);
            Ok(Some(stream))
        }
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Err(error),
        Err(_) => {
            Clock::System.sleep_millis(PAUSE_MILLIS).await;
            Ok(None)
        }
    }
}

async fn in_time(request: Request<Incoming>, doors: Doors, limit: Duration) -> Response {
    let is_chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
    if is_chunked && request.headers().contains_key(header::CONTENT_LENGTH) {
        let msg =
            "The request has both a length and a transfer coding: nobody can say where it ends.";
        return last(answer::plain(StatusCode::BAD_REQUEST, msg));
    }
    let response = match tokio::time::timeout(limit, caught(doors.answer(request))).await {
        Ok(Ok(response)) => response,
        // Without this the connection would break, and the caller would try for ever.
        Ok(Err(Panicked)) => answer::failed(),
        Err(_) => answer::plain(
            StatusCode::REQUEST_TIMEOUT,
            "The request did not arrive, or could not be answered, in time.",
        ),
    };
    if is_chunked { last(response) } else { response }
}

/// The last answer of its connection. A length that stands behind the transfer coding is dropped
/// before anybody here sees it; a proxy in front may have gone by it, and what it takes for the rest
/// of this body must not become a request of its own.
///
/// # Source
/// RFC 9112, 6.1: a server closes the connection after such a request.
fn last(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
