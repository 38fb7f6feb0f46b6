//! The lease: whoever took it last is the only one whose settlement counts.

use tillpost::core::time::Timestamp;
use tillpost::store::{Settlement, Store, StoreError};

use crate::engine::store_at;

#[tokio::test]
async fn a_paused_forwarder_cannot_move_the_cursor_of_its_successor() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("t.db")).expect("a store");
    let dataset = store.dataset("storefront").await.expect("a number");
    let at = |seconds: i64| Timestamp::from_seconds(1_000 + seconds);
    let lease =
        |owner: &str, now, until| store.lease(dataset, owner.to_owned(), at(now), at(until));

    let first = lease("one", 0, 30).await.expect("a store").expect("a free lease");
    assert_eq!(lease("two", 29, 60).await.expect("a store"), None, "it is taken");
    let second = lease("two", 30, 60).await.expect("a store").expect("it has ended");
    assert!(second.epoch > first.epoch);

    let zombie = Settlement { cursor: 99, ..Settlement::renewal(first, at(90)) };
    assert!(matches!(store.settle(zombie).await, Err(StoreError::LeaseLost)));
    let third = lease("two", 31, 61).await.expect("a store").expect("its own");
    assert_eq!(third.cursor, 0, "the zombie moved nothing");
    let settlement = Settlement { cursor: 5, ..Settlement::renewal(third, at(90)) };
    store.settle(settlement).await.expect("the owner settles");
    store.close().await;
}

#[tokio::test]
async fn a_database_has_one_writer() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("t.db");
    let store = Store::open(&path).expect("a store");
    let second = Store::open(&path);
    assert!(matches!(second, Err(StoreError::InUse { .. })), "{second:?}");
    store.close().await;
    drop(store);
    drop(store_at(&path));
}
