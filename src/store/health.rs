//! How the store is: well, without room, or failed for good.
//!
//! In: the errors that the writer and the readers meet. Out: what whoever asks may still do. A full
//! disk passes, and the store with it. A disk that failed, or a file that is not what was written,
//! does not: what a sync did not reach may be gone although the next sync succeeds, so from then on
//! nothing is written, and only a new start, which reads what is really there, helps.

use std::path::{Path, PathBuf};

use tokio::sync::watch;

use super::{StoreError, beside};

/// How the store is.
#[derive(Debug, Clone)]
pub enum Condition {
    /// Everything is taken.
    Well,
    /// Nothing new is taken until there is room; what was taken is finished.
    Full,
    /// Nothing is written any more until the next start.
    Failed(StoreError),
}

/// The condition, known to the writer, the readers and whoever watches.
#[derive(Debug)]
pub(super) struct Health {
    path: PathBuf,
    condition: watch::Sender<Condition>,
}

impl Health {
    pub(super) fn of(path: &Path) -> Self {
        Self { path: path.to_owned(), condition: watch::Sender::new(Condition::Well) }
    }

    /// Tells of every change.
    pub(super) fn watch(&self) -> watch::Receiver<Condition> {
        self.condition.subscribe()
    }

    /// Why nothing is written any more, if that is so.
    pub(super) fn failure(&self) -> Option<StoreError> {
        match &*self.condition.borrow() {
            Condition::Failed(error) => Some(error.clone()),
            Condition::Well | Condition::Full => None,
        }
    }

    pub(super) fn is_full(&self) -> bool {
        matches!(*self.condition.borrow(), Condition::Full)
    }

    /// Notes whether there is room. What has failed stays so.
    pub(super) fn has_room(&self, has_room: bool) {
        self.condition.send_if_modified(|condition| match (&condition, has_room) {
            (Condition::Well, false) => {
                *condition = Condition::Full;
                true
            }
            (Condition::Full, true) => {
                *condition = Condition::Well;
                true
            }
            (Condition::Well, true) | (Condition::Full, false) | (Condition::Failed(_), _) => false,
        });
    }

    /// Notes an error, if it is one after which nothing may be written. Whether it is.
    pub(super) fn note(&self, error: &StoreError) -> bool {
        if !error.is_final() {
            return false;
        }
        if matches!(error, StoreError::Damaged(_)) {
            // The next start looks at every page. It is no loss if the disk takes no mark either.
            drop(std::fs::write(mark(&self.path), b""));
        }
        self.condition.send_if_modified(|condition| {
            let is_first = !matches!(condition, Condition::Failed(_));
            if is_first {
                *condition = Condition::Failed(error.clone());
            }
            is_first
        });
        true
    }
}

/// The file that says that damage was met while the service ran.
pub(super) fn mark(path: &Path) -> PathBuf {
    beside(path, "damaged")
}
