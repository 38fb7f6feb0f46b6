//! Folding the write-ahead log into the database, beside the writer.
//!
//! A thread with a connection of its own copies the pages and syncs the database while the writer
//! goes on appending. It can never catch up with a busy one, so the writer folds in the little that
//! is left; the log begins anew with its next commit.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

use crate::store::health::Health;
use crate::store::{StoreError, schema};

/// How long a commit waits for a lock of somebody who looks into the file with another program.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// What a fold came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Folded {
    /// Whether somebody held it up.
    pub(super) was_busy: bool,
    /// How many pages of the log are in the database now.
    pub(super) pages: i32,
}

/// Folds the log into the database, up to where a reader holds it up: readers are not waited for.
pub(super) fn fold(connection: &Connection, how: &'static str) -> Result<Folded, StoreError> {
    let patience = connection.busy_timeout(Duration::ZERO);
    let folded = connection.pragma_update_and_check(None, "wal_checkpoint", how, |row| {
        Ok(Folded { was_busy: row.get::<_, i64>(0)? != 0, pages: row.get(2)? })
    });
    let _ = patience.and_then(|()| connection.busy_timeout(PATIENCE));
    Ok(folded?)
}

/// The thread and the way to it.
pub(super) struct Folding {
    orders: SyncSender<()>,
    thread: JoinHandle<()>,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    is_busy: AtomicBool,
    pages: AtomicI32,
}

impl Folding {
    /// Starts the thread for a database that is open.
    pub(super) fn start(path: &Path, health: Arc<Health>) -> Result<Self, StoreError> {
        let connection = schema::connect(path)?;
        let state = Arc::new(State::default());
        let (orders, queue) = sync_channel(1);
        let known = Arc::clone(&state);
        let work = move || {
            while queue.recv().is_ok() {
                match fold(&connection, "PASSIVE") {
                    Ok(folded) => known.pages.store(folded.pages, Ordering::Relaxed),
                    Err(error) => drop(health.note(&error)),
                }
                known.is_busy.store(false, Ordering::Release);
            }
        };
        let thread = std::thread::Builder::new().name("store-folding".into()).spawn(work).map_err(
            |source| StoreError::Open { path: path.to_owned(), source: Arc::new(source) },
        )?;
        Ok(Self { orders, thread, state })
    }

    /// Whether a fold is under way.
    pub(super) fn is_busy(&self) -> bool {
        self.state.is_busy.load(Ordering::Acquire)
    }

    /// How many pages of the log are in the database, as far as this thread has done it.
    pub(super) fn pages(&self) -> i32 {
        self.state.pages.load(Ordering::Relaxed)
    }

    /// The log begins anew.
    pub(super) fn anew(&self) {
        self.state.pages.store(0, Ordering::Relaxed);
    }

    /// Begins a fold.
    pub(super) fn begin(&self) {
        self.state.is_busy.store(true, Ordering::Release);
        if self.orders.try_send(()).is_err() {
            self.state.is_busy.store(false, Ordering::Release);
        }
    }

    /// Waits for the end of the thread.
    pub(super) fn stop(self) {
        drop(self.orders);
        let _ = self.thread.join();
    }
}
