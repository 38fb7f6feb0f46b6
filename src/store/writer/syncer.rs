//! The disk's part of a commit: a group is answered once the write-ahead log is on stable storage.
//!
//! `SQLite` writes a commit into the log and could sync it itself; then the writer would wait for
//! the disk, and the disk for the writer. So the writer's connection does not sync commits
//! (`synchronous = NORMAL`: the log is synced before it is folded in, and whenever it begins anew),
//! and this thread does, while the writer works on the next group. What the sync covers is answered
//! after it and not before. Groups that gathered meanwhile share the next sync.
//!
//! A group behind which nothing waits is synced by the writer itself: it has nothing else to do, and
//! waking a thread costs as much as a quarter of a sync. What comes meanwhile becomes one larger group.
//!
//! Whoever reads in between may see what is not yet on stable storage. Nothing is sent of it: a
//! request is claimed before it goes out, and that is a job of the writer, answered behind it.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
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
    disk: Arc<Disk>,
    /// Groups that were handed over and are not answered yet.
    waiting: Arc<AtomicUsize>,
}

/// What a sync needs, and who hears of it.
struct Disk {
    log: File,
    health: Arc<Health>,
    bells: Arc<Bells>,
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
        let disk = Arc::new(Disk { log, health, bells });
        let waiting = Arc::new(AtomicUsize::new(0));
        // One waits while one is synced: more would only make the first wait longer.
        let (groups, queue) = sync_channel(1);
        let (theirs, counted) = (Arc::clone(&disk), Arc::clone(&waiting));
        let thread = std::thread::Builder::new()
            .name("store-syncer".into())
            .spawn(move || run(&queue, &theirs, &counted))
            .map_err(not_opened)?;
        Ok(Self { groups, thread, disk, waiting })
    }

    /// Hands a group over; waits while another one waits. If nothing waits behind it either, it is
    /// synced and answered here.
    ///
    /// # Errors
    /// A final one, if the thread is gone: then nobody could be promised anything any more.
    pub(super) fn sync(&self, group: Committed, is_last: bool) -> Result<(), StoreError> {
        // Nobody but the writer, which is here, makes this more than none.
        if is_last && self.waiting.load(Ordering::Acquire) == 0 {
            self.disk.finish(vec![group]);
            return Ok(());
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.groups.send(group).map_err(|_| broken("the thread that syncs is gone".to_owned()))
    }

    /// Lets the thread answer what it has, and waits for its end.
    pub(super) fn stop(self) {
        drop(self.groups);
        let _ = self.thread.join();
    }
}

fn run(queue: &Receiver<Committed>, disk: &Disk, waiting: &AtomicUsize) {
    while let Ok(first) = queue.recv() {
        let mut groups = vec![first];
        groups.extend(queue.try_iter());
        let count = groups.len();
        disk.finish(groups);
        waiting.fetch_sub(count, Ordering::Release);
    }
}

impl Disk {
    /// Syncs groups, answers them and rings their bells.
    fn finish(&self, groups: Vec<Committed>) {
        let synced = self.synced(&groups);
        for group in groups {
            for job in group.jobs {
                job.answer(synced.clone());
            }
            if synced.is_ok() {
                for dataset in group.appended {
                    self.bells.of(dataset).notify_one();
                }
            }
        }
    }

    /// Syncs the log. A sync that failed is never tried again as if it had worked: what it should
    /// have written may be gone although the next one succeeds.
    fn synced(&self, groups: &[Committed]) -> Result<(), StoreError> {
        if let Some(failure) = self.health.failure() {
            return Err(failure);
        }
        if !groups.iter().any(|group| group.wrote) {
            return Ok(());
        }
        self.log.sync_data().map_err(|error| {
            let failure = broken(format!("syncing the write-ahead log: {error}"));
            self.health.note(&failure);
            failure
        })
    }
}

/// An error of the disk, after which nothing is written.
pub(super) fn broken(says: String) -> StoreError {
    let failure = ffi::Error::new(ffi::SQLITE_IOERR_FSYNC);
    rusqlite::Error::SqliteFailure(failure, Some(says)).into()
}
