//! The single writer: group commit without a timer.
//!
//! Work arrives through a bounded channel. The thread takes everything that waits, up to
//! [`GROUP_MAX`], does it in one transaction, commits once (which syncs), and answers each. While
//! it syncs, the next group gathers: the busier, the larger. A full channel makes callers wait,
//! which is the back pressure.
//!
//! A job that fails takes nobody along: the group is rolled back and its jobs are done again, one
//! transaction each. That is why jobs can run twice and must keep their state in the database.

use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::{Bells, DatasetKey, StoreError};

/// Most jobs in one transaction: bounds how long the first of them waits for the last.
const GROUP_MAX: usize = 1_024;

/// How long a commit waits for a lock of somebody who looks into the file with another program.
const PATIENCE: Duration = Duration::from_secs(5);

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
        // A pruned log must not give a number twice: cursors and removals remember the highest.
        let payment = number(
            "SELECT max(coalesce((SELECT max(seq) FROM payments), 0),
                        coalesce((SELECT max(seq) FROM removed_payments), 0),
                        coalesce((SELECT number FROM last_numbers WHERE what = 'payment'), 0))",
        )?;
        let delivery = number(
            "SELECT max(coalesce((SELECT max(seq) FROM deliveries), 0),
                        coalesce((SELECT max(cursor) FROM datasets), 0))",
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
    /// Does the work inside the open transaction.
    fn run(&mut self, books: &mut Books<'_>) -> Result<(), StoreError>;
    /// Answers: the result if the transaction was committed, the error otherwise.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

struct Pending<T, W> {
    work: W,
    result: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, W> Job for Pending<T, W>
where
    T: Send,
    W: FnMut(&mut Books<'_>) -> Result<T, StoreError> + Send,
{
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
    pub(super) fn start(connection: Connection, bells: Arc<Bells>) -> Result<Self, StoreError> {
        let state = State::read(&connection)?;
        let (jobs, queue) = mpsc::channel(GROUP_MAX * 4);
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || run(&connection, state, queue, &bells))
            .map_err(|source| StoreError::Open {
                path: std::path::PathBuf::from("store-writer"),
                source: Arc::new(source),
            })?;
        Ok(Self { jobs: Mutex::new(Some(jobs)), thread: Mutex::new(Some(thread)) })
    }

    /// Hands work over and waits until it is committed.
    pub(super) async fn submit<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Books<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Pending { work, result: None, reply });
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

fn run(
    connection: &Connection,
    mut state: State,
    mut queue: mpsc::Receiver<Box<dyn Job>>,
    bells: &Bells,
) {
    let mut group = Vec::with_capacity(GROUP_MAX);
    let mut group_number = 0_u32;
    while queue.blocking_recv_many(&mut group, GROUP_MAX) > 0 {
        let jobs = std::mem::take(&mut group);
        let before = state.erased;
        let alone = match together(connection, &mut state, jobs) {
            Ok(()) => Vec::new(),
            Err(jobs) => jobs,
        };
        for job in alone {
            one(connection, &mut state, job);
        }
        for dataset in std::mem::take(&mut state.appended) {
            bells.of(dataset).notify_one();
        }
        group_number = group_number.wrapping_add(1);
        let wanted = std::mem::take(&mut state.cut_wanted);
        if state.erased && (!before || wanted || group_number.is_multiple_of(GROUPS_BETWEEN_CUTS)) {
            state.erased = !fold_in(connection);
        }
    }
    // Whoever copies the database file after a stop has everything.
    fold_in(connection);
}

/// Folds the write-ahead log into the database and cuts it off. Whether that was done: a reader
/// may hold it up, and is not waited for, because everybody waits for this thread.
fn fold_in(connection: &Connection) -> bool {
    let patience = connection.busy_timeout(Duration::ZERO);
    let busy = connection
        .pragma_update_and_check(None, "wal_checkpoint", "TRUNCATE", |row| row.get::<_, i64>(0));
    let _ = patience.and_then(|()| connection.busy_timeout(PATIENCE));
    busy.is_ok_and(|busy| busy == 0)
}

/// All jobs in one transaction. If one fails, all come back undone.
fn together(
    connection: &Connection,
    state: &mut State,
    mut jobs: Vec<Box<dyn Job>>,
) -> Result<(), Vec<Box<dyn Job>>> {
    let done = transaction(connection, |connection| {
        jobs.iter_mut().try_for_each(|job| job.run(&mut Books { connection, state }))
    });
    match done {
        Ok(()) => jobs.into_iter().for_each(|job| job.answer(Ok(()))),
        Err(_) => return Err(jobs),
    }
    Ok(())
}

fn one(connection: &Connection, state: &mut State, mut job: Box<dyn Job>) {
    let done = transaction(connection, |connection| job.run(&mut Books { connection, state }));
    job.answer(done);
}

fn transaction(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    // A job that panics is a fault of ours: it must cost itself, not the thread that all wait for.
    let worked = catch_unwind(AssertUnwindSafe(|| work(connection)));
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
