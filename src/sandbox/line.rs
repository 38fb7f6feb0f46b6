//! The listening end: accepts connections and keeps a hand on each, to cut it without an answer.
//!
//! `axum` has no way to drop a connection from a handler, so [`Door`] wraps every accepted stream
//! in a [`Wire`] that shares a flag with the handlers ([`Line`]). Once the flag is up, the next
//! write closes the socket with a reset, before a byte of the answer has left. The line also knows
//! when the server is closing, which ends every stall. Deliberately absent: HTTP.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::extract::connect_info::Connected;
use axum::http::request::Parts;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A listener whose connections can be cut.
pub(crate) struct Door {
    listener: TcpListener,
    closing: watch::Receiver<bool>,
}

/// One connection.
pub(crate) struct Wire {
    stream: TcpStream,
    line: Line,
}

/// What a handler knows of the connection it answers on.
#[derive(Clone)]
pub(crate) struct Line {
    cut: Arc<AtomicBool>,
    closing: watch::Receiver<bool>,
}

impl Door {
    /// `closing` turns true when the server is to stop.
    pub(crate) fn new(listener: TcpListener, closing: watch::Receiver<bool>) -> Self {
        Self { listener, closing }
    }
}

impl Line {
    /// The line a request came in on; `None` where the router is served by something else.
    pub(crate) fn of(head: &Parts) -> Option<Self> {
        head.extensions.get::<ConnectInfo<Self>>().map(|info| info.0.clone())
    }

    /// Closes the connection instead of whatever would be written to it next.
    pub(crate) fn cut(&self) {
        self.cut.store(true, Ordering::Release);
    }

    /// Waits, but no longer than the server runs.
    pub(crate) async fn pause(&mut self, wait: Duration) {
        // Both ends mean the same here: the time is up, or the server stops.
        let _ = tokio::time::timeout(wait, self.closing.wait_for(|closing| *closing)).await;
    }
}

impl Listener for Door {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Wire, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.listener).await;
        // A socket that refuses the option still works, only later by milliseconds.
        let _ = stream.set_nodelay(true);
        let line = Line { cut: Arc::default(), closing: self.closing.clone() };
        (Wire { stream, line }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Connected<IncomingStream<'_, Door>> for Line {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        stream.io().line.clone()
    }
}

impl Wire {
    /// The stream to write to.
    ///
    /// # Errors
    /// Where the line was cut: the socket is set to reset when it is dropped, and it will be.
    fn writable(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        if self.line.cut.load(Ordering::Acquire) {
            self.stream.set_zero_linger()?;
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(Pin::new(&mut self.stream))
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writable()?.poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.writable()?.poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writable()?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writable()?.poll_shutdown(context)
    }
}
