//! What our own code does wrong: a panic costs the work that met it, and says where it was.
//!
//! In: a piece of work. Out: its result, or that it panicked. Deliberately absent: the words of a
//! panic. They may quote what was worked on, and that may be a person's.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::pin::pin;
use std::task::Poll;

use tracing::error;

/// A piece of our own work panicked. Whatever it held is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Panicked;

/// Does a piece of work whose panic must not reach whoever asked for it.
///
/// # Errors
/// [`Panicked`]: what the work was to change must be looked at as if it had not run.
pub async fn caught<T>(work: impl Future<Output = T>) -> Result<T, Panicked> {
    let mut work = pin!(work);
    poll_fn(|context| {
        match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
            Ok(Poll::Ready(done)) => Poll::Ready(Ok(done)),
            Ok(Poll::Pending) => Poll::Pending,
            // It is not asked again: this future is over.
            Err(_) => Poll::Ready(Err(Panicked)),
        }
    })
    .await
}

/// From now on a panic is a log line with its place, and nothing else.
pub(super) fn tell_places() {
    set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        error!(code.place = %place, "a fault of ours: a panic at {place}; please report it");
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_caught_wherever_the_work_stands() {
        assert_eq!(caught(async { 1 }).await, Ok(1));
        let waits = async {
            tokio::task::yield_now().await;
            2
        };
        assert_eq!(caught(waits).await, Ok(2));
        let late = async {
            tokio::task::yield_now().await;
            assert!(std::hint::black_box(false), "a fault");
        };
        assert_eq!(caught(late).await, Err(Panicked));
    }
}
