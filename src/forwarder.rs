//! The way out: from the log of deliveries to Meta, one forwarder per dataset.
//!
//! In: the log. Out: requests to Meta, and settlements. A run of the log is taken, sent by a
//! `carrier`, and settled in the order of the log, so the cursor only ever passes what is
//! finished. Several runs are under way at once; a slow one holds the cursor, not the others.
//! Delivery is at least once with the same bytes: a crash resends what was under way, no more.
//!
//! The lease only keeps two forwarders from doing the same work; what keeps them from harm is the
//! epoch inside each settlement. Deliberately absent: deciding what an answer means (`core`).

mod alarm;
mod carrier;
mod meta_client;
mod pace;
mod poison;

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use alarm::Alarm;
pub use meta_client::{ClientError, Looked, MetaClient};

use crate::clock::Clock;
use crate::config::Sending;
use crate::core::batch::BatchLimits;
use crate::core::delivery::Waits;
use crate::core::mapping::DatasetName;
use crate::store::{DatasetKey, Lease, Settlement, Store, StoreError};
use crate::telemetry;
use carrier::{Carrier, Finished, Run};
use pace::Pace;

/// How long a lease lasts, in milliseconds: long enough for a stall, short enough for a takeover.
pub const LEASE_MILLIS: i64 = 30_000;

/// How often an idle forwarder renews its lease, in milliseconds: three times in its length.
const HEARTBEAT_MILLIS: i64 = LEASE_MILLIS / 3;

/// How long events gather at most, in milliseconds, whatever is configured: behind a renewal comes the
/// gathering behind a run, a wait for more, the gathering of that, and only then the next renewal.
const LINGER_MILLIS_MAX: i64 = HEARTBEAT_MILLIS / 2;

/// How long a forwarder pauses when the store fails, in milliseconds.
const STORE_PAUSE_MILLIS: i64 = 1_000;

/// Everything that one dataset's forwarder works with.
#[derive(Debug, Clone)]
pub struct Forwarder {
    /// The books.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// The dataset's name.
    pub name: DatasetName,
    /// Its number in the books.
    pub key: DatasetKey,
    /// The way to Meta.
    pub client: MetaClient,
    /// The pace.
    pub sending: Sending,
    /// How long to wait between tries.
    pub waits: Waits,
    /// Whom to tell when a person has to act.
    pub alarm: Alarm,
    /// Who takes the lease: unique among all processes.
    pub owner: String,
}

/// Told to stop by this becoming true.
pub type Stop = watch::Receiver<bool>;

impl Forwarder {
    /// Forwards until told to stop. Requests under way are then waited for and settled; waits
    /// between tries are cut short.
    pub async fn run(self, mut stop: Stop) {
        while !*stop.borrow() {
            let pause = match self.lease().await {
                // A panic of ours costs this lease, and the dataset a moment.
                Ok(Some(lease)) => match self.forward_safely(lease, &mut stop).await {
                    Ok(()) => return,
                    Err(StoreError::LeaseLost) => {
                        telemetry::lease_lost(&self.name);
                        HEARTBEAT_MILLIS
                    }
                    Err(error) => {
                        telemetry::forwarder_failed(&self.name, &error);
                        STORE_PAUSE_MILLIS
                    }
                },
                Ok(None) => {
                    telemetry::lease_lost(&self.name);
                    HEARTBEAT_MILLIS
                }
                Err(error) => {
                    telemetry::forwarder_failed(&self.name, &error);
                    STORE_PAUSE_MILLIS
                }
            };
            tokio::select! {
                () = self.clock.sleep_millis(pause) => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
        }
    }

    async fn lease(&self) -> Result<Option<Lease>, StoreError> {
        let now = self.clock.now();
        let until = now.plus_millis(LEASE_MILLIS);
        self.store.lease(self.key, self.owner.clone(), now, until).await
    }

    async fn forward_safely(&self, lease: Lease, stop: &mut Stop) -> Result<(), StoreError> {
        let forwarded = telemetry::caught(self.forward(lease, stop)).await;
        forwarded.unwrap_or(Err(StoreError::Panicked))
    }

    /// Forwards under one lease, until told to stop.
    async fn forward(&self, lease: Lease, stop: &mut Stop) -> Result<(), StoreError> {
        let left = self.store.circuit(self.key).await?;
        let told = self.store.alarmed(self.key).await?;
        self.alarm.begin(self, told, left.is_none());
        let pace = Pace::new(&self.clock, &self.sending, (left, told));
        let _watching = self.watch_token(&pace);
        let mut carrier = Carrier { forwarder: self.clone(), lease, pace, stop: stop.clone() };
        let mut window = Window {
            runs: VecDeque::new(),
            position: lease.cursor,
            retrying: false,
            has_looked: false,
            is_behind: false,
        };
        let mut cursor = lease.cursor;
        // What comes right after a start is a burst as well: it gets the same moment to gather.
        self.linger(stop).await;
        loop {
            while !*stop.borrow() && window.runs.len() < self.sending.max_in_flight {
                match self.next_run(&mut window).await {
                    Ok(Some(run)) => window.start(&carrier, run),
                    Ok(None) => break,
                    Err(error) => {
                        self.wait_out(error).await?;
                        break;
                    }
                }
            }
            if let Some(head) = window.runs.front_mut() {
                let heartbeat = self.clock.now().plus_millis(HEARTBEAT_MILLIS);
                tokio::select! {
                    carried = head => {
                        window.runs.pop_front();
                        window.has_looked = false;
                        // A run that ends otherwise has panicked: a fault of ours, and the log
                        // still has what it carried.
                        let carried = carried.map_err(|_| StoreError::Panicked)?;
                        let is_of_log = carried.upto.is_some();
                        cursor = self.settle(&carrier, cursor, carried, &mut window).await?;
                        // What is due again has waited, and more of it may be due.
                        if is_of_log && window.runs.is_empty() && !window.is_behind {
                            self.linger(stop).await;
                        }
                    }
                    () = self.clock.sleep_until(heartbeat) => self.renew(lease, cursor).await?,
                }
            } else if *stop.borrow() {
                return Ok(());
            } else {
                cursor = window.position;
                carrier.look().await;
                self.idle(lease, cursor, stop).await?;
            }
        }
    }

    /// Waits until there is something to do: new deliveries, one that is due again, or a lease
    /// to renew.
    async fn idle(&self, lease: Lease, cursor: i64, stop: &mut Stop) -> Result<(), StoreError> {
        let heartbeat = self.clock.now().plus_millis(HEARTBEAT_MILLIS);
        let due = self.store.next_due(self.key).await?;
        let wake = due.map_or(heartbeat, |due| due.min(heartbeat));
        let appended = tokio::select! {
            () = self.store.appended(self.key) => true,
            () = self.clock.sleep_until(wake) => false,
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
        };
        if appended {
            self.linger(stop).await;
        } else if wake == heartbeat {
            self.renew(lease, cursor).await?;
        }
        Ok(())
    }

    /// What to send next: what is due again goes first, then the log.
    ///
    /// While runs are under way, less than a full request waits for them to finish: that is the
    /// moment in which requests fill up.
    async fn next_run(&self, window: &mut Window) -> Result<Option<Run>, StoreError> {
        if !window.retrying {
            let limit = self.sending.batch_events;
            let due = self.store.due(self.key, self.clock.now(), limit).await?;
            if !due.is_empty() {
                return Ok(Some(Run { deliveries: due, upto: None }));
            }
        }
        if window.has_looked && !window.runs.is_empty() {
            // A dataset that stands still must not read what was appended for all others, again
            // and again.
            return Ok(None);
        }
        let log = self.store.log(self.key, window.position, self.limits()).await?;
        window.is_behind = log.is_full;
        let Some(last) = log.deliveries.last().map(|delivery| delivery.seq) else {
            // What was appended since the position went to other datasets; it is not read again. The
            // log's end in memory may be a moment behind the table that gave the position.
            window.position = window.position.max(log.newest);
            return Ok(None);
        };
        if !log.is_full && !window.runs.is_empty() {
            window.has_looked = true;
            return Ok(None);
        }
        Ok(Some(Run { deliveries: log.deliveries, upto: Some(last) }))
    }

    /// Gives the events of a burst a moment to gather, so that they share a request.
    async fn linger(&self, stop: &mut Stop) {
        let wait = i64::try_from(self.sending.batch_wait_ms).unwrap_or(0);
        tokio::select! {
            () = self.clock.sleep_millis(wait.min(LINGER_MILLIS_MAX)) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }

    async fn settle(
        &self,
        carrier: &Carrier,
        cursor: i64,
        finished: Finished,
        window: &mut Window,
    ) -> Result<i64, StoreError> {
        let Finished { upto, carried } = finished;
        let cursor = upto.unwrap_or(cursor);
        if upto.is_none() {
            window.retrying = false;
        }
        let until = self.clock.now().plus_millis(LEASE_MILLIS);
        let mut settlement = Settlement {
            cursor,
            attempts: carried.attempts,
            dead: carried.dead,
            retries: carried.retries,
            retried: carried.retried,
            ..Settlement::renewal(carrier.lease, until)
        };
        loop {
            settlement.circuit = carrier.pace.unwritten();
            match self.store.settle(settlement.clone()).await {
                Ok(()) => return Ok(cursor),
                // What Meta took must not be sent again because the disk was full for a moment.
                Err(error) => {
                    carrier.pace.not_written();
                    self.wait_out(error).await?;
                }
            }
        }
    }

    /// Looks at a paused dataset again as soon as its token changes, as long as this is kept.
    fn watch_token(&self, pace: &Arc<Pace>) -> Watching {
        let (pace, mut token) = (Arc::clone(pace), self.client.token());
        Watching(tokio::spawn(async move {
            while token.changed().await.is_ok() {
                pace.look_again();
            }
        }))
    }

    async fn renew(&self, lease: Lease, cursor: i64) -> Result<(), StoreError> {
        let until = self.clock.now().plus_millis(LEASE_MILLIS);
        let renewal = Settlement { cursor, ..Settlement::renewal(lease, until) };
        match self.store.settle(renewal).await {
            Ok(()) => Ok(()),
            Err(error) => self.wait_out(error).await,
        }
    }

    /// Waits a moment for a store that fails; what is under way goes on. Without the lease or the
    /// store there is nothing to wait for.
    async fn wait_out(&self, error: StoreError) -> Result<(), StoreError> {
        if matches!(error, StoreError::LeaseLost | StoreError::Closed) {
            return Err(error);
        }
        telemetry::forwarder_failed(&self.name, &error);
        self.clock.sleep_millis(STORE_PAUSE_MILLIS).await;
        Ok(())
    }

    fn limits(&self) -> BatchLimits {
        BatchLimits { events: self.sending.batch_events, bytes: self.sending.batch_bytes }
    }
}

/// Listens for a new token until it is dropped.
struct Watching(JoinHandle<()>);

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The runs under way, in the order of the log.
struct Window {
    runs: VecDeque<JoinHandle<Finished>>,
    /// Up to which delivery the log is taken.
    position: i64,
    /// Whether one of the runs carries what was due again.
    retrying: bool,
    /// Whether the log held less than a full request since the last run ended.
    has_looked: bool,
    /// Whether the log held a full request when it was last read: then nothing needs to gather.
    is_behind: bool,
}

impl Window {
    fn start(&mut self, carrier: &Carrier, run: Run) {
        match run.upto {
            Some(upto) => self.position = upto,
            None => self.retrying = true,
        }
        self.runs.push_back(tokio::spawn(carrier.clone().carry(run)));
    }
}

/// Runs under way end with the forwarder that started them.
impl Drop for Window {
    fn drop(&mut self) {
        self.runs.iter().for_each(JoinHandle::abort);
    }
}

#[cfg(test)]
mod tests;
