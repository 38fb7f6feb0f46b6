//! Serving a listener: connections are counted, heads and bodies have a time in which to arrive.
//!
//! A client that opens connections and says nothing, or sends its body a byte at a time, must cost
//! others nothing. So there are at most [`Patience::connections`] at once (the next one waits to be
//! accepted), a head that is not complete in time closes its connection, and a request that is not
//! read and answered in time gets 408.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::answer;
use crate::clock::Clock;

/// How long a listener waits for its clients, and for how many.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Connections at once.
    pub connections: usize,
    /// For a complete head, and for the next request of a connection that stays open.
    pub head: Duration,
    /// For a complete body and its answer.
    pub request: Duration,
}

/// Twice the connections of our largest measurement; a head comes in one packet; a body of 1 MB
/// takes half a minute over a line of 300 kbit/s.
impl Default for Patience {
    fn default() -> Self {
        Self { connections: 2_048, head: Duration::from_secs(30), request: Duration::from_secs(30) }
    }
}

/// How long accepting pauses when the process has no descriptor left, in milliseconds.
const PAUSE_MILLIS: i64 = 100;

/// Serves until `stop`, then answers what was accepted.
///
/// # Errors
/// Whatever the listener says, but for want of descriptors, which passes.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    patience: Patience,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let in_time = move |request: Request, next: Next| in_time(request, next, patience.request);
    let router = router.layer(from_fn(in_time));
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
        let service = TowerToHyperService::new(router.clone());
        let connection = open.watch(http.serve_connection(TokioIo::new(stream), service));
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

async fn in_time(request: Request, next: Next, limit: Duration) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => answer::plain(
            StatusCode::REQUEST_TIMEOUT,
            "The request did not arrive, or could not be answered, in time.",
        ),
    }
}
