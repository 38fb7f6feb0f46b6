//! The disk's part of a commit: a group is answered once the write-ahead log is on stable storage.
//!
//! `SQLite` writes a commit into the log and could sync it itself; then the writer would wait for
//! the disk, and the disk for the writer. So the writer's connection does not sync commits
//! (`synchronous = NORMAL`: the log is synced before it is folded in, and whenever it begins anew),
//! and this thread does, while the writer works on the next group. What the sync covers is answered
//! after it and not before. Groups that gathered meanwhile share the next sync.
//!
//! Whoever reads in between may see what is not yet on stable storage. Nothing is sent of it: a
//! request is claimed before it goes out, and that is a job of the writer, answered behind it.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;
use rusqlite::ffi;

use super::job::Jobs;
use crate::store::health::Health;
use crate::store::{Bells, DatasetKey, StoreError};

/// A group that is committed and waits for the disk.
pub(super) struct Committed {
    /// Its jobs.
    pub(super) jobs: Jobs,
    /// To which datasets it appended deliveries.
    pub(super) appended: Vec<DatasetKey>,
    /// Whether it wrote anything.
    pub(super) wrote: bool,
}

/// The thread and the way to it.
pub(super) struct Syncer {
    groups: SyncSender<Committed>,
    thread: JoinHandle<()>,
}

impl Syncer {
    /// Starts the thread for the database of this connection, which has begun its log.
    pub(super) fn start(
        connection: &Connection,
        health: Arc<Health>,
        bells: Arc<Bells>,
    ) -> Result<Self, StoreError> {
        let mut path = PathBuf::from(connection.path().unwrap_or_default()).into_os_string();
        path.push("-wal");
        let path = PathBuf::from(path);
        let not_opened = |source| StoreError::Open { path: path.clone(), source: Arc::new(source) };
        let log = File::options().write(true).open(&path).map_err(not_opened)?;
        // One waits while one is synced: more would only make the first wait longer.
        let (groups, queue) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("store-syncer".into())
            .spawn(move || run(&queue, &log, &health, &bells))
            .map_err(not_opened)?;
        Ok(Self { groups, thread })
    }

    /// Hands a group over; waits while another one waits.
    ///
    /// # Errors
    /// A final one, if the thread is gone: then nobody could be promised anything any more.
    pub(super) fn sync(&self, group: Committed) -> Result<(), StoreError> {
        self.groups.send(group).map_err(|_| broken("the thread that syncs is gone".to_owned()))
    }

    /// Lets the thread answer what it has, and waits for its end.
    pub(super) fn stop(self) {
        drop(self.groups);
        let _ = self.thread.join();
    }
}

fn run(queue: &Receiver<Committed>, log: &File, health: &Health, bells: &Bells) {
    while let Ok(first) = queue.recv() {
        let mut groups = vec![first];
        groups.extend(queue.try_iter());
        let synced = synced(&groups, log, health);
        for group in groups {
            for job in group.jobs {
                job.answer(synced.clone());
            }
            if synced.is_ok() {
                for dataset in group.appended {
                    bells.of(dataset).notify_one();
                }
            }
        }
    }
}

/// Syncs the log. A sync that failed is never tried again as if it had worked: what it should have
/// written may be gone although the next one succeeds.
fn synced(groups: &[Committed], log: &File, health: &Health) -> Result<(), StoreError> {
    if let Some(failure) = health.failure() {
        return Err(failure);
    }
    if !groups.iter().any(|group| group.wrote) {
        return Ok(());
    }
    log.sync_data().map_err(|error| {
        let failure = broken(format!("syncing the write-ahead log: {error}"));
        health.note(&failure);
        failure
    })
}

/// An error of the disk, after which nothing is written.
fn broken(says: String) -> StoreError {
    let failure = ffi::Error::new(ffi::SQLITE_IOERR_FSYNC);
    rusqlite::Error::SqliteFailure(failure, Some(says)).into()
}
