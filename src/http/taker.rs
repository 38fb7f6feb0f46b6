//! A connection whose client must take what it asked for within a time.
//!
//! In: a stream, and a time. Out: the same stream, which fails once an answer has waited so long for
//! a client that does not read. The time counts from the first moment in which the socket takes no
//! more to the one in which all is written, so that reading a byte now and then gains nothing.
//! While everything fits into the socket, as nearly every answer does, no timer is made.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::clock::Clock;

type Timer = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The connection.
pub(super) struct Taker {
    stream: TcpStream,
    limit: Duration,
    /// Runs while the client owes us to read.
    owing: Option<Timer>,
}

impl Taker {
    pub(super) fn new(stream: TcpStream, limit: Duration) -> Self {
        Self { stream, limit, owing: None }
    }

    /// A write that waits may wait until the timer ends.
    fn in_time(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            return written;
        }
        let millis = i64::try_from(self.limit.as_millis()).unwrap_or(i64::MAX);
        let timer = self.owing.get_or_insert_with(|| {
            Box::pin(async move { Clock::System.sleep_millis(millis).await })
        });
        timer.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Taker {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Taker {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.in_time(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.in_time(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Asked once everything is written.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.owing = None;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
