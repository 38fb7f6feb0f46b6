//! The single writer: group commit without a timer.
//!
//! Work arrives through a bounded channel. The thread takes everything that waits, up to
//! [`GROUP_MAX`], does it in one transaction, commits once, and hands the group to the [`syncer`],
//! which answers everybody once the commit is on stable storage. Meanwhile the next group is worked
//! on: the busier, the larger. A full channel makes callers wait, which is the back pressure.
//!
//! A job that fails takes nobody along: the group is rolled back and its jobs are done again, one
//! transaction each. That is why jobs can run twice and must keep their state in the database.
//!
//! While the disk is full, jobs that append are turned away and the others go on. After an error of
//! the disk, or of the file, every job is turned away: a sync that failed is never tried again as
//! if it had worked. The log is folded in by a thread of ours ([`folding`]) and not by `SQLite` inside
//! a commit: there nobody would hear of its errors, and somebody would wait for it.

mod folding;
mod job;
mod state;
mod syncer;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use rusqlite::hooks::Wal;
use tokio::sync::{mpsc, oneshot};

use super::health::Health;
use super::payments::Inserts;
use super::recent::Tail;
use super::room::Room;
use super::{Bells, StoreError};
pub(super) use folding::DatabaseFile;
use folding::{Cuts, Folding, How};
pub(super) use job::Kind;
use job::{Job, Jobs, Pending};
pub(super) use state::State;
use syncer::{Committed, Syncer};

/// Most jobs in one transaction: bounds how long the first of them waits for the last.
const GROUP_MAX: usize = 1_024;

/// How often a stop tries to cut off the log, ten milliseconds each.
const LAST_CUTS: usize = 100;

/// At which length the log is folded into the database, in bytes: as `SQLite` does by itself.
const LOG_BYTES_MAX: u32 = 4 * 1024 * 1024;

/// How long the log may be, in pages.
#[derive(Debug, Clone, Copy)]
struct LogPages {
    /// At so many it is folded in, most of it by the thread beside the writer.
    max: i32,
    /// So many the writer folds in itself.
    left: i32,
    /// At so many it folds in all there are and lets the log begin anew, if every group is so large
    /// that the thread beside it never leaves only a few, or if there is always somebody who reads.
    much: i32,
}

impl LogPages {
    /// For the pages of this database.
    fn of(connection: &Connection) -> Result<Self, StoreError> {
        let bytes: u32 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let max = i32::try_from(LOG_BYTES_MAX / bytes.max(1)).unwrap_or(i32::MAX / 4);
        Ok(Self { max, left: max / 4, much: 4 * max })
    }
}

/// What a job may use: the open transaction, and the numbers that only the writer knows.
#[derive(Debug)]
pub(super) struct Books<'c> {
    /// The connection, inside a transaction.
    pub(super) connection: &'c Connection,
    /// The counters.
    pub(super) state: &'c mut State,
    /// What every payment runs, once one of this transaction has.
    inserts: Option<Inserts<'c>>,
}

impl<'c> Books<'c> {
    /// Of a connection whose transaction is open.
    pub(super) fn new(connection: &'c Connection, state: &'c mut State) -> Self {
        Self { connection, state, inserts: None }
    }

    /// What every payment runs, and the counters.
    pub(super) fn inserts(&mut self) -> Result<(&mut Inserts<'c>, &mut State), StoreError> {
        let inserts = match self.inserts.take() {
            Some(inserts) => inserts,
            None => Inserts::prepare(self.connection)?,
        };
        Ok((self.inserts.insert(inserts), self.state))
    }
}

/// The thread, and the way to it.
pub(super) struct Writer {
    jobs: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    tail: Tail,
}

impl fmt::Debug for Writer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Writer")
    }
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(
        (mut connection, file): (Connection, Arc<DatabaseFile>),
        (health, room): (Arc<Health>, Room),
        bells: Arc<Bells>,
    ) -> Result<Self, StoreError> {
        let (state, limits) = (State::read(&connection)?, LogPages::of(&connection)?);
        let syncer = Syncer::start(&connection, Arc::clone(&health), bells)?;
        let path = connection.path().map(std::path::PathBuf::from).unwrap_or_default();
        let folding = Folding::start(&path, Arc::clone(&file), Arc::clone(&health))?;
        let (jobs, queue) = mpsc::channel(GROUP_MAX * 4);
        let log_pages = Arc::new(AtomicI32::new(0));
        let has_written = Arc::new(AtomicBool::new(true));
        let (counted, noted) = (Arc::clone(&log_pages), Arc::clone(&has_written));
        connection.wal_hook(Some(move |_: &mut Wal, pages| {
            counted.store(pages, Ordering::Relaxed);
            noted.store(true, Ordering::Relaxed);
            Ok(())
        }))?;
        let tail = state.recent.tail();
        let office = Office {
            connection,
            state,
            health,
            room,
            log_pages,
            has_written,
            fold_at: limits.max,
            limits,
            _file: file,
        };
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || office.run(queue, syncer, folding))
            .map_err(|source| StoreError::Open { path, source: Arc::new(source) })?;
        Ok(Self { jobs: Mutex::new(Some(jobs)), thread: Mutex::new(Some(thread)), tail })
    }

    /// Hands work over and waits until it is committed.
    pub(super) async fn submit<T: Send + 'static>(
        &self,
        kind: Kind,
        work: impl FnMut(&mut Books<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Pending { kind, work, result: None, reply });
        jobs.ok_or(StoreError::Closed)?.send(job).await.map_err(|_| StoreError::Closed)?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// The newest deliveries that are committed.
    pub(super) fn tail(&self) -> &Tail {
        &self.tail
    }

    /// Lets the thread finish what was handed over, and waits for its end.
    pub(super) async fn stop(&self) {
        drop(self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

/// The thread and what it works with.
struct Office {
    connection: Connection,
    state: State,
    health: Arc<Health>,
    room: Room,
    /// How long the write-ahead log was after the last commit, in pages.
    log_pages: Arc<AtomicI32>,
    /// Whether a commit wrote anything since this was last asked.
    has_written: Arc<AtomicBool>,
    /// At which length of the log something is done about it next.
    fold_at: i32,
    /// What is too long.
    limits: LogPages,
    /// Closed behind the connection, which stands above.
    _file: Arc<DatabaseFile>,
}

impl Office {
    fn run(mut self, mut queue: mpsc::Receiver<Box<dyn Job>>, syncer: Syncer, folding: Folding) {
        let mut group = Vec::with_capacity(GROUP_MAX);
        let mut cuts = Cuts::default();
        while queue.blocking_recv_many(&mut group, GROUP_MAX) > 0 {
            let jobs = self.admitted(std::mem::take(&mut group));
            match self.together(jobs) {
                Ok(jobs) => self.hand_over(jobs, &syncer, queue.is_empty()),
                Err(jobs) => {
                    for job in jobs {
                        let done = self.one(job);
                        self.hand_over(Vec::from_iter(done), &syncer, false);
                    }
                }
            }
            cuts.count();
            if let Some(error) = folding.failed() {
                self.note(&error);
            }
            let is_time = cuts.is_time() || self.state.cut_wanted;
            if self.state.erased && is_time && !folding.is_busy() {
                self.state.cut_wanted = false;
                self.state.erased = !self.fold_in(How::Cut, Some(&folding));
                cuts.tried(!self.state.erased);
            } else {
                self.fold_in_time(&folding);
            }
        }
        syncer.stop();
        folding.stop();
        // Whoever copies the database file after a stop has everything; the last readers soon end.
        let _ = (0..LAST_CUTS).any(|_| self.fold_in(How::Cut, None));
        if self.health.failure().is_some() {
            // The next start reads what is really there; nothing is tidied up on a broken disk.
            let keep = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
            let _ = self.connection.set_db_config(keep, true);
        }
    }

    /// Gives committed jobs to whoever syncs and answers them; `is_last` says that nothing waits
    /// behind them.
    fn hand_over(&mut self, jobs: Jobs, syncer: &Syncer, is_last: bool) {
        let appended = std::mem::take(&mut self.state.appended);
        if !jobs.is_empty() {
            let wrote = self.has_written.swap(false, Ordering::Relaxed);
            if let Err(error) = syncer.sync(Committed { jobs, appended, wrote }, is_last) {
                self.note(&error);
            }
        }
    }

    /// Keeps the log short without making anybody wait: the most of it is folded in beside the
    /// writer, and what came in meanwhile by the writer itself.
    fn fold_in_time(&mut self, folding: &Folding) {
        let pages = self.log_pages.load(Ordering::Relaxed);
        let LogPages { max, left, much } = self.limits;
        if folding.is_busy() || self.health.failure().is_some() {
            return;
        }
        if pages < max {
            // It may have begun anew by itself, behind a fold that caught up.
            folding.anew();
            self.fold_at = max;
        }
        if pages < self.fold_at {
            return;
        }
        // If a reader holds it up, it is tried again when there is more to do.
        if pages >= much {
            self.fold_at = pages + max;
            self.fold_in(How::Restart, Some(folding));
        } else if pages - folding.pages() <= left {
            self.fold_at = pages + left;
            self.fold_in(How::Passive, Some(folding));
        } else if !self.state.erased {
            // While something is to be cut off, nobody else may hold the log.
            folding.begin();
        }
    }

    /// Turns away what the disk forbids, and gives back the others.
    fn admitted(&mut self, jobs: Jobs) -> Jobs {
        if let Some(failure) = self.health.failure() {
            for job in jobs {
                job.answer(Err(failure.clone()));
            }
            return Vec::new();
        }
        if !jobs.iter().any(|job| job.appends()) {
            return jobs;
        }
        let has_room = self.room.look(self.health.is_full());
        self.health.has_room(has_room);
        if has_room {
            return jobs;
        }
        let (appending, others): (Vec<_>, Vec<_>) = jobs.into_iter().partition(|job| job.appends());
        for job in appending {
            job.answer(Err(StoreError::Full));
        }
        others
    }

    /// All jobs in one transaction. If one fails, all come back undone.
    fn together(&mut self, mut jobs: Jobs) -> Result<Jobs, Jobs> {
        if jobs.is_empty() {
            return Ok(jobs);
        }
        match self.transaction(|books| jobs.iter_mut().try_for_each(|job| job.run(books))) {
            Ok(()) => Ok(jobs),
            Err(_) => Err(jobs),
        }
    }

    /// One job in its own transaction: the job, if it was committed.
    fn one(&mut self, mut job: Box<dyn Job>) -> Option<Box<dyn Job>> {
        let done = match self.health.failure() {
            Some(failure) => Err(failure),
            None if job.appends() && self.health.is_full() => Err(StoreError::Full),
            None => {
                let done = self.transaction(|books| job.run(books));
                // What must be finished has got the room that was kept for it.
                if matches!(done, Err(StoreError::Full)) && !job.appends() {
                    self.transaction(|books| job.run(books))
                } else {
                    done
                }
            }
        };
        match done {
            Ok(()) => Some(job),
            Err(error) => {
                job.answer(Err(error));
                None
            }
        }
    }

    /// Folds the write-ahead log into the database. Whether all of it was: a reader may hold it
    /// up, and is hardly waited for, because everybody waits for this thread.
    fn fold_in(&mut self, how: How, folding: Option<&Folding>) -> bool {
        if self.health.failure().is_some() {
            return false;
        }
        // The next commit tells how long it is then.
        self.log_pages.store(0, Ordering::Relaxed);
        match folding::fold(&self.connection, how) {
            Ok(folded) => {
                if let Some(folding) = folding.filter(|_| folded.is_whole) {
                    folding.anew();
                }
                folded.is_whole
            }
            Err(error) => {
                self.note(&error);
                false
            }
        }
    }

    fn transaction(
        &mut self,
        work: impl FnOnce(&mut Books<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let done = transaction(&self.connection, &mut self.state, work);
        if let Err(error) = &done {
            self.note(error);
        }
        done
    }

    /// What an error means for the next jobs.
    fn note(&mut self, error: &StoreError) {
        self.health.note(error);
        if matches!(error, StoreError::Full) {
            // From here on only what must be finished is written, in the room that was kept for it.
            self.room.give_up();
            self.health.has_room(false);
        }
    }
}

fn transaction(
    connection: &Connection,
    state: &mut State,
    work: impl FnOnce(&mut Books<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    // A job that panics is a fault of ours: it must cost itself, not the thread that all wait for.
    let worked = catch_unwind(AssertUnwindSafe(|| work(&mut Books::new(connection, &mut *state))));
    let done = worked.unwrap_or(Err(StoreError::Panicked)).and_then(|()| {
        connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    });
    state.ended(done.is_ok());
    if done.is_err() && !connection.is_autocommit() {
        // A rollback that fails leaves no transaction either; the next BEGIN will tell.
        let _ = connection.execute_batch("ROLLBACK");
    }
    done
}
