//! The single writer: group commit without a timer.
//!
//! Work arrives through a bounded channel. The thread takes everything that waits, up to
//! [`GROUP_MAX`], does it in one transaction, commits once (which syncs), and answers each. While
//! it syncs, the next group gathers: the busier, the larger. A full channel makes callers wait,
//! which is the back pressure.
//!
//! A job that fails takes nobody along: the group is rolled back and its jobs are done again, one
//! transaction each. That is why jobs can run twice and must keep their state in the database.
//!
//! While the disk is full, jobs that append are turned away and the others go on. After an error of
//! the disk, or of the file, every job is turned away: a sync that failed is never tried again as
//! if it had worked. The log is folded in here and not by `SQLite` inside a commit: there nobody
//! would hear of its errors, and somebody would wait for it.

use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use rusqlite::hooks::Wal;
use tokio::sync::{mpsc, oneshot};

use super::health::Health;
use super::room::Room;
use super::{Bells, DatasetKey, StoreError};

/// Most jobs in one transaction: bounds how long the first of them waits for the last.
const GROUP_MAX: usize = 1_024;

/// How long a commit waits for a lock of somebody who looks into the file with another program.
const PATIENCE: Duration = Duration::from_secs(5);

/// At how many pages the log is folded into the database: `SQLite`'s own measure, 4 MiB.
const LOG_PAGES_MAX: i32 = 1_000;

/// After how many groups cutting off the log is tried again, if a reader held it up.
const GROUPS_BETWEEN_CUTS: u32 = 64;

/// What a job may use: the open transaction, and the numbers that only the writer knows.
#[derive(Debug)]
pub(super) struct Books<'c> {
    /// The connection, inside a transaction.
    pub(super) connection: &'c Connection,
    /// The counters.
    pub(super) state: &'c mut State,
}

/// What the writer keeps in memory. A rolled-back job may leave a gap in the numbers; that is all.
#[derive(Debug)]
pub(super) struct State {
    next_payment: i64,
    next_delivery: i64,
    /// Deliveries whose request is under way, or was and is not settled yet.
    pub(super) under_way: HashMap<i64, DatasetKey>,
    /// To which datasets this group appended deliveries.
    appended: Vec<DatasetKey>,
    /// Whether this group erased something that the write-ahead log still holds.
    erased: bool,
    /// Whether somebody wants the log cut off behind this group.
    cut_wanted: bool,
}

impl State {
    pub(super) fn read(connection: &Connection) -> Result<Self, StoreError> {
        let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
        // No number is given twice, whatever was pruned or is lost: who refers to it remembers it.
        // The last delivery stands for all of them; a salvage looks at each.
        let payment = number(
            "SELECT max(coalesce((SELECT max(seq) FROM payments), 0),
                        coalesce((SELECT max(seq) FROM removed_payments), 0),
                        coalesce((SELECT payment FROM deliveries ORDER BY seq DESC LIMIT 1), 0),
                        coalesce((SELECT max(payment) FROM former_decisions), 0),
                        coalesce((SELECT number FROM last_numbers WHERE what = 'payment'), 0))",
        )?;
        let delivery = number(
            "SELECT max(coalesce((SELECT max(seq) FROM deliveries), 0),
                        coalesce((SELECT max(cursor) FROM datasets), 0),
                        coalesce((SELECT number FROM last_numbers WHERE what = 'delivery'), 0))",
        )?;
        Ok(Self {
            next_payment: payment + 1,
            next_delivery: delivery + 1,
            under_way: HashMap::new(),
            appended: Vec::new(),
            erased: false,
            cut_wanted: false,
        })
    }

    /// The number of the next payment.
    pub(super) fn payment(&mut self) -> i64 {
        self.next_payment += 1;
        self.next_payment - 1
    }

    /// The first of `count` numbers for deliveries.
    pub(super) fn deliveries(&mut self, count: usize) -> i64 {
        let first = self.next_delivery;
        self.next_delivery += i64::try_from(count).unwrap_or(0);
        first
    }

    /// Notes that something was erased: it must not survive in the write-ahead log either.
    pub(super) fn erase(&mut self) {
        self.erased = true;
    }

    /// Tries again behind this group to cut off the log, if it still holds what was erased.
    pub(super) fn cut_log(&mut self) {
        self.cut_wanted = self.erased;
    }

    /// Notes that the dataset's forwarder has something to do once this group is committed.
    pub(super) fn ring(&mut self, dataset: DatasetKey) {
        if !self.appended.contains(&dataset) {
            self.appended.push(dataset);
        }
    }
}

/// One piece of work and the one who waits for it.
trait Job: Send {
    /// Whether it takes something new, and so is turned away while the disk is full.
    fn appends(&self) -> bool;
    /// Does the work inside the open transaction.
    fn run(&mut self, books: &mut Books<'_>) -> Result<(), StoreError>;
    /// Answers: the result if the transaction was committed, the error otherwise.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

/// What a job needs of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It takes something new.
    Appends,
    /// It finishes or removes what was taken; room is kept for it.
    Finishes,
}

struct Pending<T, W> {
    kind: Kind,
    work: W,
    result: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, W> Job for Pending<T, W>
where
    T: Send,
    W: FnMut(&mut Books<'_>) -> Result<T, StoreError> + Send,
{
    fn appends(&self) -> bool {
        self.kind == Kind::Appends
    }

    fn run(&mut self, books: &mut Books<'_>) -> Result<(), StoreError> {
        self.result = Some((self.work)(books)?);
        Ok(())
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let result = self.result.ok_or(StoreError::Closed);
        // Whoever waited may have gone; the work is done all the same.
        let _ = self.reply.send(committed.and(result));
    }
}

/// The thread, and the way to it.
pub(super) struct Writer {
    jobs: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Writer")
    }
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(
        mut connection: Connection,
        (health, room): (Arc<Health>, Room),
        bells: Arc<Bells>,
    ) -> Result<Self, StoreError> {
        let state = State::read(&connection)?;
        let (jobs, queue) = mpsc::channel(GROUP_MAX * 4);
        let log_pages = Arc::new(AtomicI32::new(0));
        let counted = Arc::clone(&log_pages);
        connection.wal_hook(Some(move |_: &mut Wal, pages| {
            counted.store(pages, Ordering::Relaxed);
            Ok(())
        }))?;
        let office = Office { connection, state, health, room, log_pages };
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || office.run(queue, &bells))
            .map_err(|source| StoreError::Open {
                path: std::path::PathBuf::from("store-writer"),
                source: Arc::new(source),
            })?;
        Ok(Self { jobs: Mutex::new(Some(jobs)), thread: Mutex::new(Some(thread)) })
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
    /// How long the write-ahead log was after the last commit.
    log_pages: Arc<AtomicI32>,
}

impl Office {
    fn run(mut self, mut queue: mpsc::Receiver<Box<dyn Job>>, bells: &Bells) {
        let mut group = Vec::with_capacity(GROUP_MAX);
        let mut group_number = 0_u32;
        while queue.blocking_recv_many(&mut group, GROUP_MAX) > 0 {
            let before = self.state.erased;
            let jobs = self.admitted(std::mem::take(&mut group));
            let alone = match self.together(jobs) {
                Ok(()) => Vec::new(),
                Err(jobs) => jobs,
            };
            for job in alone {
                self.one(job);
            }
            for dataset in std::mem::take(&mut self.state.appended) {
                bells.of(dataset).notify_one();
            }
            group_number = group_number.wrapping_add(1);
            let wanted = std::mem::take(&mut self.state.cut_wanted);
            let is_time = !before || wanted || group_number.is_multiple_of(GROUPS_BETWEEN_CUTS);
            if self.state.erased && is_time && self.health.failure().is_none() {
                self.state.erased = !self.fold_in("TRUNCATE");
            } else if self.log_pages.load(Ordering::Relaxed) >= LOG_PAGES_MAX {
                self.fold_in("PASSIVE");
            }
        }
        // Whoever copies the database file after a stop has everything.
        self.fold_in("TRUNCATE");
        if self.health.failure().is_some() {
            // The next start reads what is really there; nothing is tidied up on a broken disk.
            let keep = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
            let _ = self.connection.set_db_config(keep, true);
        }
    }

    /// Turns away what the disk forbids, and gives back the others.
    fn admitted(&mut self, jobs: Vec<Box<dyn Job>>) -> Vec<Box<dyn Job>> {
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
    fn together(&mut self, mut jobs: Vec<Box<dyn Job>>) -> Result<(), Vec<Box<dyn Job>>> {
        if jobs.is_empty() {
            return Ok(());
        }
        match self.transaction(|books| jobs.iter_mut().try_for_each(|job| job.run(books))) {
            Ok(()) => jobs.into_iter().for_each(|job| job.answer(Ok(()))),
            Err(_) => return Err(jobs),
        }
        Ok(())
    }

    /// One job in its own transaction.
    fn one(&mut self, mut job: Box<dyn Job>) {
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
        job.answer(done);
    }

    /// Folds the write-ahead log into the database. Whether all of it was: a reader may hold it
    /// up, and is not waited for, because everybody waits for this thread.
    fn fold_in(&mut self, how: &'static str) -> bool {
        if self.health.failure().is_some() {
            return false;
        }
        // The next commit tells how long it is then.
        self.log_pages.store(0, Ordering::Relaxed);
        let connection = &self.connection;
        let patience = connection.busy_timeout(Duration::ZERO);
        let busy = connection
            .pragma_update_and_check(None, "wal_checkpoint", how, |row| row.get::<_, i64>(0));
        let _ = patience.and_then(|()| connection.busy_timeout(PATIENCE));
        match busy.map_err(StoreError::from) {
            Ok(busy) => busy == 0,
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
    let worked = catch_unwind(AssertUnwindSafe(|| work(&mut Books { connection, state })));
    let done = worked.unwrap_or(Err(StoreError::Panicked)).and_then(|()| {
        connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    });
    if done.is_err() && !connection.is_autocommit() {
        // A rollback that fails leaves no transaction either; the next BEGIN will tell.
        let _ = connection.execute_batch("ROLLBACK");
    }
    done
}
