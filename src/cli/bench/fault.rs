//! Why a measurement cannot go on. A figure is only printed where nothing of this happened.

use std::io;

/// What ended a run.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// The machine refuses something.
    #[error("{0}")]
    Machine(String, #[source] io::Error),
    /// The call cannot be followed.
    #[error("{0}")]
    Misused(String),
    /// What was measured did something else than it must.
    #[error("{0}")]
    Unexpected(String),
    /// Somebody pressed Ctrl-C.
    #[error("stopped before the end: no figures")]
    Stopped,
}

impl Fault {
    /// For `map_err`: what was being done when the machine refused.
    pub(super) fn of(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |error| Self::Machine(doing, error)
    }
}
