//! Answers that come slowly or not to their end.
//!
//! In: the text of an answer. Out: a body for it that drips byte by byte, or breaks off after some
//! bytes although its length promised more. Deliberately absent: which answer it is, and cutting the
//! line before the first byte (`line.rs`).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};
use tokio::sync::mpsc;

use super::line::Line;

/// A body that takes `over` to come, byte by byte, but no longer than the server runs.
pub(crate) fn drip(text: String, over: Duration, line: Option<&Line>) -> Body {
    let length = text.len();
    let each = over / u32::try_from(length.max(1)).unwrap_or(u32::MAX);
    let (sender, drops) = mpsc::channel(1);
    let mut line = line.cloned();
    tokio::spawn(async move {
        for byte in text.into_bytes() {
            super::pause(line.as_mut(), each).await;
            // The client has gone away.
            if sender.send(Bytes::from(vec![byte])).await.is_err() {
                return;
            }
        }
    });
    Body::new(Drip { drops, left: length as u64 })
}

/// A body that ends after `bytes` of its text, if there are more: the connection is closed then.
pub(crate) fn broken(text: String, bytes: usize) -> Body {
    if text.len() <= bytes {
        return Body::from(text);
    }
    let left = text.len() as u64;
    let mut first = Bytes::from(text);
    first.truncate(bytes);
    Body::new(Broken { left, first: Some(first), paused: false })
}

struct Drip {
    drops: mpsc::Receiver<Bytes>,
    left: u64,
}

impl hyper::body::Body for Drip {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let drop = self.drops.poll_recv(context);
        drop.map(|drop| {
            drop.map(|bytes| {
                self.left = self.left.saturating_sub(bytes.len() as u64);
                Ok(Frame::data(bytes))
            })
        })
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

struct Broken {
    /// What the length promises, and is not kept.
    left: u64,
    first: Option<Bytes>,
    paused: bool,
}

impl hyper::body::Body for Broken {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(bytes) = self.first.take().filter(|bytes| !bytes.is_empty()) {
            self.left -= bytes.len() as u64;
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        // A pause before the error, so that what there is leaves the machine first.
        if !self.paused {
            self.paused = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
