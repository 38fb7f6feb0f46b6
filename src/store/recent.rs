//! The newest deliveries in memory, so that a forwarder need not read back what was just written.
//!
//! In: what the writer appends, once it is committed. Out: runs of the log, equal to those that the
//! table would give, or nothing where only the table can say. Bounded by [`BYTES_MAX`] and by the
//! cursors: what falls out is read from the table, as after a start. Reading all of it from there took
//! a twentieth of the engine's time at 25,000 payments a second, and more in batches.
//!
//! Whoever changes a delivery otherwise than by appending it says so ([`Recent::changed`]): what is
//! erased, removed or pruned in the books is not kept here either.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::DatasetKey;
use super::deliveries::LogRun;
use crate::core::batch::BatchLimits;
use crate::core::delivery::Delivery;

/// Most bytes of events that are kept, without the 70 that each of them takes besides: those of some
/// 6,000, a tenth of a second in batches.
const BYTES_MAX: usize = 8 * 1024 * 1024;

/// The end of the log as the writer makes it.
#[derive(Debug)]
pub(super) struct Recent {
    tail: Tail,
    /// What the open transaction has appended.
    staged: Vec<(DatasetKey, Delivery)>,
    /// Up to which delivery the open transaction has changed some.
    changed: i64,
}

/// The end of the log as forwarders read it. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Tail(Arc<Mutex<Kept>>);

#[derive(Debug)]
struct Kept {
    rows: VecDeque<(DatasetKey, Delivery)>,
    /// Of the events in `rows`.
    bytes: usize,
    /// Every delivery behind this one is in `rows`.
    behind: i64,
    /// The newest delivery of all.
    newest: i64,
}

impl Recent {
    /// Behind the last delivery that the table has.
    pub(super) fn begin(last: i64) -> Self {
        let kept = Kept { rows: VecDeque::new(), bytes: 0, behind: last, newest: last };
        Self { tail: Tail(Arc::new(Mutex::new(kept))), staged: Vec::new(), changed: i64::MIN }
    }

    /// For whoever reads.
    pub(super) fn tail(&self) -> Tail {
        self.tail.clone()
    }

    /// Notes a delivery that the open transaction appends.
    pub(super) fn append(&mut self, dataset: DatasetKey, delivery: Delivery) {
        self.staged.push((dataset, delivery));
    }

    /// Ends the transaction: what it appended can be read if it was committed.
    pub(super) fn end(&mut self, is_committed: bool) {
        let changed = std::mem::replace(&mut self.changed, i64::MIN);
        let staged = self.staged.drain(..);
        if !is_committed || staged.len() == 0 {
            return;
        }
        let mut kept = self.tail.kept();
        for (dataset, delivery) in staged {
            kept.newest = delivery.seq;
            kept.bytes += delivery.body.len();
            kept.rows.push_back((dataset, delivery));
        }
        kept.drop_while(|kept, (_, row)| kept.bytes > BYTES_MAX || row.seq <= changed);
    }

    /// Forgets what a dataset's cursor has passed, as far as nothing of another stands before it.
    pub(super) fn passed(&self, dataset: DatasetKey, cursor: i64) {
        self.tail.kept().drop_while(|_, (of, row)| *of == dataset && row.seq <= cursor);
    }

    /// Forgets everything up to a delivery that the open transaction changes in the table, and that it
    /// may have appended itself.
    pub(super) fn changed(&mut self, delivery: i64) {
        self.changed = self.changed.max(delivery);
        self.tail.kept().drop_while(|_, (_, row)| row.seq <= delivery);
    }
}

impl Tail {
    /// The run of the log that [`super::deliveries::log`] would read; nothing if not all of it is here.
    pub(super) fn run(
        &self,
        dataset: DatasetKey,
        after: i64,
        limits: BatchLimits,
    ) -> Option<LogRun> {
        let kept = self.kept();
        if after < kept.behind {
            return None;
        }
        let mut run = LogRun { deliveries: Vec::new(), is_full: false, newest: kept.newest };
        let mut bytes = 0;
        let start = kept.rows.partition_point(|(_, row)| row.seq <= after);
        for (_, row) in kept.rows.range(start..).filter(|(of, _)| *of == dataset) {
            if !run.takes(row, &mut bytes, limits) {
                break;
            }
            run.deliveries.push(row.clone());
        }
        Some(run)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Drops rows from the front, as long as this holds of the first.
    fn drop_while(&mut self, is_to_go: impl Fn(&Self, &(DatasetKey, Delivery)) -> bool) {
        while let Some(first) = self.rows.front()
            && is_to_go(self, first)
        {
            self.bytes -= first.1.body.len();
            self.behind = first.1.seq;
            self.rows.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::time::Timestamp;
    use crate::store::{Entry, NewPayment, Source, Store};

    const SHOP: DatasetKey = DatasetKey(1);
    const APP: DatasetKey = DatasetKey(2);
    const LIMITS: BatchLimits = BatchLimits { events: 2, bytes: 1_000 };

    fn delivery(seq: i64, bytes: usize) -> Delivery {
        let expires_at = Timestamp::from_seconds(1_772_280_000);
        Delivery { seq, expires_at, body: "x".repeat(bytes).into(), tries: 0 }
    }

    fn seqs(tail: &Tail, dataset: DatasetKey, after: i64) -> Option<(Vec<i64>, bool, i64)> {
        let run = tail.run(dataset, after, LIMITS)?;
        let seqs = run.deliveries.iter().map(|delivery| delivery.seq).collect();
        Some((seqs, run.is_full, run.newest))
    }

    #[test]
    fn what_was_committed_is_read_and_what_was_undone_is_not() {
        let mut recent = Recent::begin(4);
        let tail = recent.tail();
        assert_eq!(seqs(&tail, SHOP, 4), Some((vec![], false, 4)));
        assert_eq!(seqs(&tail, SHOP, 3), None, "only the table has the fourth");
        recent.append(SHOP, delivery(5, 10));
        assert_eq!(seqs(&tail, SHOP, 4), Some((vec![], false, 4)), "not committed");
        recent.end(false);
        for (seq, dataset) in [(6, SHOP), (7, APP), (8, SHOP), (9, SHOP)] {
            recent.append(dataset, delivery(seq, 10));
        }
        recent.end(true);
        assert_eq!(seqs(&tail, SHOP, 4), Some((vec![6, 8], true, 9)));
        assert_eq!(seqs(&tail, SHOP, 8), Some((vec![9], false, 9)));
        assert_eq!(seqs(&tail, APP, 4), Some((vec![7], false, 9)));
    }

    #[test]
    fn what_a_cursor_has_passed_is_forgotten_unless_it_stands_behind_anothers() {
        let mut recent = Recent::begin(0);
        let tail = recent.tail();
        for (seq, dataset) in [(1, SHOP), (2, APP), (3, SHOP)] {
            recent.append(dataset, delivery(seq, 10));
        }
        recent.end(true);
        recent.passed(SHOP, 3);
        assert_eq!(seqs(&tail, SHOP, 0), None);
        assert_eq!(seqs(&tail, APP, 1), Some((vec![2], false, 3)));
        recent.passed(APP, 2);
        assert_eq!(seqs(&tail, SHOP, 2), Some((vec![3], false, 3)));
    }

    #[test]
    fn what_was_changed_is_read_from_the_table() {
        let mut recent = Recent::begin(0);
        let tail = recent.tail();
        for seq in 1..=3 {
            recent.append(SHOP, delivery(seq, 10));
        }
        recent.end(true);
        recent.changed(2);
        recent.end(true);
        assert_eq!(seqs(&tail, SHOP, 1), None, "the table says what is left of it");
        assert_eq!(seqs(&tail, SHOP, 2), Some((vec![3], false, 3)));
        // Appended and removed in one transaction, and one more behind it.
        recent.append(SHOP, delivery(4, 10));
        recent.changed(4);
        recent.append(SHOP, delivery(5, 10));
        recent.end(true);
        assert_eq!(seqs(&tail, SHOP, 3), None);
        assert_eq!(seqs(&tail, SHOP, 4), Some((vec![5], false, 5)));
        // What was undone says nothing of the next transaction.
        recent.changed(9);
        recent.end(false);
        recent.append(SHOP, delivery(6, 10));
        recent.end(true);
        assert_eq!(seqs(&tail, SHOP, 5), Some((vec![6], false, 6)));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut recent = Recent::begin(0);
        let tail = recent.tail();
        let half = BYTES_MAX / 2;
        for seq in 1..=3 {
            recent.append(SHOP, delivery(seq, half));
            recent.end(true);
        }
        assert!(tail.run(SHOP, 0, LIMITS).is_none(), "the first has fallen out");
        let left = tail.run(SHOP, 1, BatchLimits { events: 9, bytes: usize::MAX }).expect("two");
        assert_eq!(left.deliveries, [delivery(2, half), delivery(3, half)]);
        assert_eq!(tail.kept().bytes, BYTES_MAX);
    }

    /// Without the file a read of the table would fail: this is none.
    #[tokio::test]
    async fn a_forwarder_that_keeps_pace_reads_no_table() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("books.db")).expect("a store");
        let dataset = store.dataset("storefront").await.expect("its number");
        let moment = Timestamp::from_seconds(1_772_280_000);
        let payment = NewPayment {
            project: store.project("shop").await.expect("a number"),
            payment_type: "DEFAULT".to_owned(),
            payment_id: None,
            user_id: "666".to_owned(),
            source: Source::Sender,
            received_at: moment,
            capture: "{}".to_owned(),
            decision: "{}".to_owned(),
            deliveries: vec![(dataset, moment, "{}".into())],
        };
        store.enter(vec![Entry::Record(payment)]).await.expect("recorded");
        store.close().await;
        drop(folder);
        let run = store.log(dataset, 0, LIMITS).await.expect("from memory");
        assert_eq!(run.deliveries.len(), 1);
        assert!(store.log(dataset, -1, LIMITS).await.is_err(), "the table is gone");
    }
}
