//! Keeps the books small and forgetful: ends holds, erases what has served its purpose, prunes, counts.
//!
//! In: the books, the clock, how long the books are kept. Out: log lines. The work goes to the
//! writer in small jobs with pauses between, so that captures pass in between; what fails is said
//! and tried again at the next round. Nothing is lost by a stop in the middle: every job stands for
//! itself.

use std::sync::Arc;

use crate::clock::Clock;
use crate::core::time::Timestamp;
use crate::http::UpkeepRounds;
use crate::store::{DatasetKey, Kept, Stage, Store, StoreError};
use crate::telemetry;

/// How often it is looked for something to erase or to end, in milliseconds.
const ROUND_MILLIS: i64 = 10_000;

/// How often the books are pruned, in milliseconds. Days are counted, so an hour is exact enough.
const PRUNE_MILLIS: i64 = 3_600_000;

/// The pause between two jobs, in milliseconds: about as long as a job takes.
const PAUSE_MILLIS: i64 = 5;

const DAY_MILLIS: i64 = 24 * 3_600_000;

/// What the books are kept with.
#[derive(Debug)]
pub(super) struct Upkeep {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) retention_days: u64,
    /// The datasets that events are sent to.
    pub(super) datasets: Arc<[DatasetKey]>,
    /// Where its rounds are counted.
    pub(super) rounds: UpkeepRounds,
}

impl Upkeep {
    /// Works until it is dropped.
    pub(super) async fn run(self) {
        let mut prune_at = self.clock.now();
        loop {
            let now = self.clock.now();
            let ended = self.round(now, now >= prune_at).await;
            self.rounds.ended(ended.is_ok());
            if let Err(error) = ended {
                telemetry::upkeep_failed(&error);
            } else if now >= prune_at {
                prune_at = now.plus_millis(PRUNE_MILLIS);
            }
            self.clock.sleep_millis(ROUND_MILLIS).await;
        }
    }

    /// Everything once. What fails holds up nothing of the rest, and what was erased is folded in
    /// whatever failed. The first failure is told.
    async fn round(&self, now: Timestamp, prune: bool) -> Result<(), StoreError> {
        let mut gone = 0;
        let done = [
            self.end_holds(now, &mut gone).await,
            self.erase(now, &mut gone).await,
            if prune { self.prune(now, &mut gone).await } else { Ok(()) },
            self.count().await,
            self.store.fold_in_erased(gone > 0).await,
        ];
        done.into_iter().collect()
    }

    async fn end_holds(&self, now: Timestamp, gone: &mut usize) -> Result<(), StoreError> {
        let mut ended = 0;
        loop {
            let count = self.store.end_holds(now).await?;
            ended += count;
            *gone += count;
            if count == 0 {
                break;
            }
            self.pause().await;
        }
        if ended > 0 {
            telemetry::holds_ended(ended);
        }
        Ok(())
    }

    async fn erase(&self, now: Timestamp, gone: &mut usize) -> Result<(), StoreError> {
        loop {
            let slice = self.store.erase_passing(now).await?;
            *gone += slice.payments;
            if !slice.more {
                return Ok(());
            }
            self.pause().await;
        }
    }

    async fn prune(&self, now: Timestamp, gone: &mut usize) -> Result<(), StoreError> {
        let days = i64::try_from(self.retention_days).unwrap_or(i64::MAX);
        let before = now.plus_millis(-days.saturating_mul(DAY_MILLIS));
        loop {
            let aged = self.store.age_users(before).await?;
            *gone += aged;
            if aged == 0 {
                break;
            }
            self.pause().await;
        }
        let mut pruned = 0;
        let mut stage = Some(Stage::FIRST);
        while let Some(next) = stage {
            let kept = Kept { before, now, datasets: Arc::clone(&self.datasets) };
            let slice = self.store.prune(kept, next).await?;
            pruned += slice.payments;
            *gone += slice.payments;
            stage = slice.next;
            // A slice of payments that must stay costs the writer as much as one that goes.
            if slice.looked_at > 0 {
                self.pause().await;
            }
        }
        if pruned > 0 {
            telemetry::pruned(pruned, self.retention_days);
        }
        Ok(())
    }

    async fn count(&self) -> Result<(), StoreError> {
        while self.store.move_tallies().await? {
            self.pause().await;
        }
        Ok(())
    }

    async fn pause(&self) {
        self.clock.sleep_millis(PAUSE_MILLIS).await;
    }
}
