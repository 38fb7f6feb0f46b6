//! Limits: more than fits, clients that mean no good, and clocks that are wrong.
//!
//! What a test here asserts does not depend on how busy the machine is; figures are printed, for
//! whoever runs it with `--nocapture`. `LIMIT_SECONDS=n` makes the load of `overload` longer.

mod clocks;
mod injection;
mod large;
mod overload;
mod slow;
mod talk;

use std::time::{Duration, Instant};

/// Waits until something is so, which takes less than three minutes on the busiest machine.
async fn until(done: impl Fn() -> bool, what: &str) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < Duration::from_mins(3), "{what}");
        tokio::task::yield_now().await;
    }
}
