//! Which deliveries have a request under way: what a removal cannot stop any more.
//!
//! In: claims and settlements, inside their transactions. Out: whether a delivery is being sent.
//! Kept in memory, because after a crash nothing is under way. A transaction that fails leaves this as
//! it found it, as it does with the database.

use std::collections::HashMap;

use super::DatasetKey;

/// The deliveries under way, and what the open transaction has changed.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    now: HashMap<i64, DatasetKey>,
    /// What stood there before each change of the open transaction, in order.
    before: Vec<(i64, Option<DatasetKey>)>,
}

impl UnderWay {
    /// Whether its request is under way, or was and is not settled yet.
    pub(super) fn contains(&self, delivery: i64) -> bool {
        self.now.contains_key(&delivery)
    }

    /// A request with it is about to be sent.
    pub(super) fn claim(&mut self, delivery: i64, dataset: DatasetKey) {
        let before = self.now.insert(delivery, dataset);
        self.before.push((delivery, before));
    }

    /// It is settled.
    pub(super) fn settle(&mut self, delivery: i64) {
        if let Some(dataset) = self.now.remove(&delivery) {
            self.before.push((delivery, Some(dataset)));
        }
    }

    /// What an earlier lease had under way is nobody's any more.
    pub(super) fn forget(&mut self, dataset: DatasetKey) {
        let gone: Vec<i64> =
            self.now.iter().filter(|(_, of)| **of == dataset).map(|(seq, _)| *seq).collect();
        for delivery in gone {
            self.settle(delivery);
        }
    }

    /// Ends the transaction: what it changed stays if it was committed, and is undone otherwise.
    pub(super) fn end(&mut self, is_committed: bool) {
        if is_committed {
            self.before.clear();
            return;
        }
        while let Some((delivery, before)) = self.before.pop() {
            match before {
                Some(dataset) => self.now.insert(delivery, dataset),
                None => self.now.remove(&delivery),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::delivery::{ACCEPTED, Attempt};
    use crate::core::time::Timestamp;
    use crate::store::{Entry, NewPayment, Settlement, Source, Store, StoreError, settle};

    fn now() -> Timestamp {
        Timestamp::from_millis(1_772_280_000_000)
    }

    #[test]
    fn what_a_failed_transaction_changed_stands_as_it_stood() {
        let (one, other) = (DatasetKey(1), DatasetKey(2));
        let mut under_way = UnderWay::default();
        under_way.claim(1, one);
        under_way.claim(2, other);
        under_way.end(true);
        under_way.settle(1);
        under_way.claim(1, other);
        under_way.claim(3, one);
        under_way.forget(other);
        assert!(!under_way.contains(1) && !under_way.contains(2) && under_way.contains(3));
        under_way.end(false);
        assert_eq!(under_way.now, HashMap::from([(1, one), (2, other)]));
        under_way.forget(other);
        under_way.end(true);
        under_way.end(false);
        assert_eq!(under_way.now, HashMap::from([(1, one)]), "what is committed is not undone");
    }

    #[tokio::test]
    async fn a_removal_after_a_settlement_that_failed_knows_what_is_under_way() {
        let now = now();
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("books.db")).expect("a store");
        let project = store.project("shop").await.expect("a project");
        let dataset = store.dataset("storefront").await.expect("a dataset");
        let payment = NewPayment {
            project,
            payment_type: "DEFAULT".to_owned(),
            payment_id: Some("A".to_owned()),
            user_id: "666".to_owned(),
            source: Source::Sender,
            received_at: now,
            capture: "{}".to_owned(),
            decision: "{}".to_owned(),
            deliveries: vec![(dataset, now, "{}".into())],
        };
        store.enter(vec![Entry::Record(payment)]).await.expect("recorded");
        let until = now.plus_millis(30_000);
        let lease = store.lease(dataset, "me".to_owned(), now, until).await.expect("a lease");
        let lease = lease.expect("a free one");
        assert_eq!(store.claim(dataset, vec![1]).await.expect("claimed"), Vec::<i64>::new());
        let attempt = Attempt {
            deliveries: vec![1],
            at: now,
            millis: 5,
            outcome: ACCEPTED,
            status: Some(200),
            code: None,
            subcode: None,
            says: String::new(),
            trace_id: None,
        };
        let attempts = vec![attempt];
        let settlement = Settlement { cursor: 1, attempts, ..Settlement::renewal(lease, until) };
        let failed = store.write(move |books| {
            settle::settle(books, &settlement)?;
            Err::<(), _>(StoreError::LeaseLost)
        });
        assert!(matches!(failed.await, Err(StoreError::LeaseLost)));
        let removed = store.remove(project, None, Some("A".to_owned()), now).await;
        let removed = removed.expect("removed");
        assert_eq!((removed.payments, removed.sent, removed.withheld), (1, 1, 0));
        store.close().await;
    }
}
