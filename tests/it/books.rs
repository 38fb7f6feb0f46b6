//! The books' own promises, on the real store: each of these was broken once.

use std::path::Path;

use tempfile::TempDir;
use tillpost::core::batch::BatchLimits;
use tillpost::core::delivery::DeathReason;
use tillpost::core::time::Timestamp;
use tillpost::core::user::User;
use tillpost::store::{
    ACCEPTED, Attempt, DatasetKey, Dead, Ending, Entered, Entry, Kept, Lease, LetterEnd,
    NewPayment, NewSignup, ProjectKey, Settlement, Source, Stage, Store, Unsent, check_up,
};

use crate::engine::store_at;
use crate::program::Program;

/// A store with one project and one dataset, and the lease on it.
struct Ledger {
    _folder: Option<TempDir>,
    store: Store,
    project: ProjectKey,
    dataset: DatasetKey,
    lease: Lease,
}

fn now() -> Timestamp {
    Timestamp::from_seconds(1_772_280_000)
}

fn later() -> Timestamp {
    now().plus_millis(30_000)
}

impl Ledger {
    async fn open() -> Self {
        let folder = TempDir::new().expect("a folder");
        let path = folder.path().join("t.db");
        Self { _folder: Some(folder), ..Self::open_at(&path).await }
    }

    async fn open_at(path: &Path) -> Self {
        let store = store_at(path);
        let project = store.project("shop").await.expect("a project");
        let dataset = store.dataset("storefront").await.expect("a dataset");
        let lease = store.lease(dataset, "me".into(), now(), later()).await;
        let lease = lease.expect("a store").expect("a lease");
        Self { _folder: None, store, project, dataset, lease }
    }

    fn payment(&self, user: &str, id: &str) -> NewPayment {
        NewPayment {
            project: self.project,
            source: Source::Sender,
            payment_type: "DEFAULT".to_owned(),
            payment_id: Some(id.to_owned()),
            user_id: user.to_owned(),
            received_at: now(),
            capture: "{}".to_owned(),
            decision: "{}".to_owned(),
            deliveries: vec![(self.dataset, now(), r#"{"event":1}"#.into())],
        }
    }

    async fn enter(&self, entry: Entry) -> Entered {
        let entered = self.store.enter(vec![entry]).await.expect("entered");
        entered.into_iter().next().expect("one answer")
    }

    /// Records a payment; its delivery has the next number.
    async fn record(&self, id: &str) {
        assert_eq!(self.enter(Entry::Record(self.payment("666", id))).await, Entered::New);
    }

    async fn sign_up(&self, user: &str) -> Vec<i64> {
        let signup = NewSignup {
            project: self.project,
            user_id: user.to_owned(),
            user: User::default(),
            install: None,
            first: None,
        };
        let entered = self.store.sign_up(signup, now()).await.expect("signed up");
        entered.waiting.into_iter().map(|payment| payment.id).collect()
    }

    async fn settle(&self, settlement: Settlement) {
        self.store.settle(settlement).await.expect("settled");
    }

    fn settlement(&self) -> Settlement {
        Settlement::renewal(self.lease, later())
    }

    fn attempt(outcome: &'static str, delivery: i64) -> Attempt {
        Attempt {
            at: now(),
            millis: 1,
            deliveries: vec![delivery],
            outcome,
            status: None,
            code: None,
            subcode: None,
            says: String::new(),
            trace_id: None,
        }
    }

    /// Prunes all that arrived before later, at this moment, where events go to these datasets.
    async fn prune(&self, at: Timestamp, datasets: &[DatasetKey]) {
        let mut stage = Some(Stage::FIRST);
        while let Some(next) = stage {
            let kept = Kept { before: later(), now: at, datasets: datasets.into() };
            stage = self.store.prune(kept, next).await.expect("pruned").next;
        }
    }

    /// Removes a payment: how many deliveries were withheld, and how many sent.
    async fn remove(&self, id: &str) -> (usize, usize) {
        let removed = self.store.remove(self.project, None, Some(id.to_owned()), now());
        let removed = removed.await.expect("removed");
        (removed.withheld, removed.sent)
    }

    /// Every delivery stands in exactly one place.
    async fn sums(&self) -> [u64; 5] {
        let books = self.store.books().await.expect("the books");
        let sums = [books.delivered, books.pending, books.retrying, books.dead, books.withheld];
        assert_eq!(sums.iter().sum::<u64>() + books.dropped, books.deliveries, "{books:?}");
        sums
    }
}

#[tokio::test]
async fn releasing_a_held_payment_twice_never_meets_anothers() {
    let ledger = Ledger::open().await;
    ledger.enter(Entry::Hold(ledger.payment("a", "of-a"), later())).await;
    let (first, second) = (ledger.sign_up("a").await, ledger.sign_up("a").await);
    assert_eq!(first, second, "two signups at once see the same payment");
    let release = |id, payment| ledger.store.release(id, payment);
    let released = release(first[0], ledger.payment("a", "of-a")).await.expect("released");
    assert_eq!(released, Some(Entered::New));
    let held = ledger.enter(Entry::Hold(ledger.payment("b", "of-b"), later())).await;
    assert_eq!(held, Entered::Waiting);
    let again = release(second[0], ledger.payment("a", "of-a")).await.expect("nothing to release");
    assert_eq!(again, None);
    assert_eq!(ledger.sign_up("b").await.len(), 1, "b's payment still waits");
}

#[tokio::test]
async fn a_payment_that_waited_in_vain_can_wait_again() {
    let ledger = Ledger::open().await;
    let hold = |expires_at| ledger.enter(Entry::Hold(ledger.payment("a", "p"), expires_at));
    hold(now().plus_millis(-1)).await;
    assert_eq!(ledger.sign_up("nobody").await, Vec::<i64>::new());
    hold(later()).await;
    assert_eq!(ledger.sign_up("a").await.len(), 1);
}

#[tokio::test]
async fn a_removal_is_exact_wherever_the_delivery_stands() {
    let ledger = Ledger::open().await;
    for id in ["pending", "under-way", "retrying", "dead", "delivered"] {
        ledger.record(id).await;
    }
    // Number 1 waits; 2 is under way; 3 will be sent again; 4 is dead; 5 is delivered. The
    // cursor stands behind 5 for the last three, so the first two are recorded anew.
    ledger
        .settle(Settlement {
            cursor: 5,
            attempts: vec![Ledger::attempt(ACCEPTED, 5)],
            retries: vec![(3, now(), 1)],
            dead: vec![dead(4)],
            ..ledger.settlement()
        })
        .await;
    ledger.record("pending-2").await;
    ledger.record("under-way-2").await;
    assert_eq!(ledger.store.claim(ledger.dataset, vec![7]).await.ok(), Some(vec![]));
    for (id, expected) in [
        ("pending-2", (1, 0)),
        ("under-way-2", (0, 1)),
        ("retrying", (1, 0)),
        ("dead", (1, 0)),
        ("delivered", (0, 1)),
    ] {
        assert_eq!(ledger.remove(id).await, expected, "{id}");
        ledger.sums().await;
    }
    assert_eq!(ledger.sums().await, [3, 0, 0, 0, 4]);
}

#[tokio::test]
async fn what_was_removed_is_not_sent_again_and_not_buried() {
    let ledger = Ledger::open().await;
    ledger.record("one").await;
    ledger.record("two").await;
    ledger.store.claim(ledger.dataset, vec![1, 2]).await.expect("claimed");
    ledger.remove("one").await;
    ledger.remove("two").await;
    // Both were under way; the one is to be sent again, the other would be dead.
    ledger
        .settle(Settlement {
            cursor: 2,
            attempts: vec![Ledger::attempt("transient", 1), Ledger::attempt("event", 2)],
            retries: vec![(1, now(), 1)],
            dead: vec![dead(2)],
            ..ledger.settlement()
        })
        .await;
    assert_eq!(ledger.store.due(ledger.dataset, later(), 10).await.ok(), Some(vec![]));
    assert_eq!(ledger.sums().await, [0, 0, 0, 0, 2]);
    let removed = ledger.store.claim(ledger.dataset, vec![1, 2]).await.expect("claimed");
    assert_eq!(removed, [1, 2], "whoever read them before the removal is told");
}

#[tokio::test]
async fn what_was_removed_under_way_and_accepted_is_delivered() {
    let ledger = Ledger::open().await;
    ledger.record("one").await;
    ledger.store.claim(ledger.dataset, vec![1]).await.expect("claimed");
    assert_eq!(ledger.remove("one").await, (0, 1));
    ledger
        .settle(Settlement {
            cursor: 1,
            attempts: vec![Ledger::attempt(ACCEPTED, 1)],
            ..ledger.settlement()
        })
        .await;
    assert_eq!(ledger.sums().await, [1, 0, 0, 0, 0]);
}

#[tokio::test]
async fn the_log_is_read_by_bytes_as_well_as_by_number() {
    let ledger = Ledger::open().await;
    for id in 0..10 {
        ledger.record(&format!("p{id}")).await;
    }
    for (events, bytes, length, is_full) in
        [(3, 1_000, 3, true), (100, 36, 3, true), (100, 1, 1, true), (10, 1_000, 10, false)]
    {
        let limits = BatchLimits { events, bytes };
        let run = ledger.store.log(ledger.dataset, 0, limits).await.expect("a run");
        let found = (run.deliveries.len(), run.is_full, run.newest);
        assert_eq!(found, (length, is_full, 10), "{events} events, {bytes} bytes");
    }
}

#[tokio::test]
async fn closing_folds_the_log_in_and_frees_the_place() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("t.db");
    let store = Store::open(&path).expect("a store");
    store.project("shop").await.expect("a project");
    store.books().await.expect("a reader");
    store.close().await;
    let log = std::fs::metadata(folder.path().join("t.db-wal")).map(|file| file.len());
    assert_eq!(log.unwrap_or(0), 0, "whoever copies t.db has everything");
    assert!(store_at(&path).ping().await.is_ok());
}

#[tokio::test]
async fn a_letter_is_ended_where_it_stands_whatever_comes_between() {
    let ledger = Ledger::open().await;
    let end = async |ending: Ending, id: i64| {
        let ended = ledger.store.end_letters(vec![id], (ending, false), earlier()).await;
        ended.expect("the store")[0]
    };
    let (retry, drop) = (|| Ending::Retry, || Ending::Drop { because: None });
    let bury = |ids: &[i64]| Settlement {
        cursor: 6,
        dead: ids.iter().map(|id| dead(*id)).collect(),
        retried: ids.to_vec(),
        ..ledger.settlement()
    };
    for id in ["removed", "retried", "dropped", "again", "under-way", "waits"] {
        ledger.record(id).await;
    }
    ledger.settle(bury(&[1, 2, 3, 4, 5])).await;
    // Its payment was removed first: there are no bytes to send.
    ledger.remove("removed").await;
    assert_eq!(end(retry(), 1).await, LetterEnd::Removed);
    assert_eq!(end(drop(), 1).await, LetterEnd::Removed);
    // Retried first, removed then: it is taken out of the retries and sent to nobody.
    assert_eq!(end(retry(), 2).await, LetterEnd::Retried);
    assert_eq!(end(retry(), 2).await, LetterEnd::NotDead, "twice is once");
    assert_eq!(end(drop(), 2).await, LetterEnd::NotDead, "it is on its way");
    assert_eq!(ledger.remove("retried").await, (1, 0));
    assert_eq!(ledger.store.due(ledger.dataset, now(), 10).await.ok(), Some(vec![]));
    // Dropped first, removed then: it was never sent, and is counted once.
    assert_eq!(end(drop(), 3).await, LetterEnd::Dropped);
    assert_eq!(end(retry(), 3).await, LetterEnd::NotDead, "a decision stands");
    assert_eq!(ledger.store.books().await.map(|books| books.dropped).ok(), Some(1));
    assert_eq!(ledger.remove("dropped").await, (1, 0));
    // Retried, refused, dead again; the bytes and the count of tries are as on the first day.
    assert_eq!(end(retry(), 4).await, LetterEnd::Retried);
    let due = ledger.store.due(ledger.dataset, now(), 10).await.expect("the store");
    assert_eq!((due[0].seq, due[0].tries, &*due[0].body), (4, 0, r#"{"event":1}"#));
    ledger.settle(bury(&[4])).await;
    assert_eq!(end(drop(), 4).await, LetterEnd::Dropped);
    let (_, story) = ledger.store.letter(4).await.expect("the store").expect("a letter");
    let ended: Vec<&str> = story.ended.iter().map(|letter| letter.how.as_str()).collect();
    assert_eq!(ended, ["retried", "dropped"]);
    // Under way when its payment is removed: it counts as sent, and if Meta takes it, it was.
    assert_eq!(end(retry(), 5).await, LetterEnd::Retried);
    ledger.store.claim(ledger.dataset, vec![5]).await.expect("claimed");
    assert_eq!(ledger.remove("under-way").await, (0, 1));
    assert_eq!(end(drop(), 5).await, LetterEnd::NotDead);
    // What never was a letter, and what is not there at all.
    for id in [6, 99] {
        assert_eq!(end(retry(), id).await, LetterEnd::NotDead, "{id}");
    }
    let books = ledger.store.books().await.expect("the books");
    assert_eq!(ledger.sums().await, [1, 0, 0, 0, 4]);
    assert_eq!(books.dropped, 1);
}

/// Long enough before the events of these payments expire.
fn earlier() -> Timestamp {
    now().plus_millis(-3_600_000)
}

#[tokio::test]
async fn a_number_is_not_given_twice_when_all_that_had_it_is_pruned() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("t.db");
    let ledger = Ledger::open_at(&path).await;
    for id in ["one", "two", "three"] {
        let nothing = NewPayment { deliveries: Vec::new(), ..ledger.payment("666", id) };
        ledger.enter(Entry::Record(nothing)).await;
    }
    ledger.prune(later(), &[ledger.dataset]).await;
    let books = ledger.store.books().await.expect("the books");
    assert_eq!((books.recorded, books.pruned.payments), (0, 3));
    ledger.store.close().await;
    drop(ledger);
    let ledger = Ledger::open_at(&path).await;
    let nothing = NewPayment { deliveries: Vec::new(), ..ledger.payment("666", "one") };
    assert_eq!(ledger.enter(Entry::Record(nothing)).await, Entered::New, "the key is free");
    let unsent = ledger.store.unsent(Unsent::default(), 0, 10).await.expect("the store");
    assert_eq!(unsent.iter().map(|payment| payment.seq).collect::<Vec<_>>(), [4]);
}

#[tokio::test]
async fn what_waits_for_a_dataset_that_is_gone_is_pruned_once_meta_would_not_take_it() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("t.db");
    let ledger = Ledger::open_at(&path).await;
    for id in ["retried", "pending", "removed"] {
        ledger.record(id).await;
    }
    let attempts = vec![Ledger::attempt("transient", 1)];
    let retries = vec![(1, later(), 1)];
    ledger.settle(Settlement { cursor: 1, attempts, retries, ..ledger.settlement() }).await;
    assert_eq!(ledger.remove("removed").await, (1, 0));
    let books = async || ledger.store.books().await.expect("the books");
    // Its forwarder may have them in its hands; and a configuration may come back in time.
    ledger.prune(later(), &[ledger.dataset]).await;
    ledger.prune(now(), &[]).await;
    assert_eq!((books().await.recorded, books().await.retrying, books().await.pending), (2, 1, 1));
    ledger.prune(later(), &[]).await;
    let left = books().await;
    assert_eq!((left.recorded, left.retrying, left.pending, left.deliveries), (0, 0, 0, 0));
    assert_eq!((left.pruned.payments, left.pruned.dead), (2, 2), "nobody looked after them");
    assert_eq!((left.pruned.removed, left.pruned.withheld), (1, 1));
    ledger.store.close().await;
    drop(ledger);
    let ledger = Ledger::open_at(&path).await;
    ledger.record("next").await;
    let limits = BatchLimits { events: 10, bytes: 10_000 };
    let log = ledger.store.log(ledger.dataset, 0, limits).await.expect("the log");
    let seqs: Vec<_> = log.deliveries.iter().map(|delivery| delivery.seq).collect();
    assert_eq!(seqs, [4], "no number is given twice");
    assert_eq!(check_up(&path, true, now()).expect("a look").miscounted, None);
}

#[test]
fn an_older_database_is_brought_up_to_date_and_the_log_says_so_once() {
    let folder = TempDir::new().expect("a folder");
    Program::configure(folder.path(), ([127, 0, 0, 1], 9).into());
    let data = folder.path().join("tillpost-data");
    std::fs::create_dir(&data).expect("a folder");
    let older = rusqlite::Connection::open(data.join("tillpost.db")).expect("a database");
    let first = include_str!("../../src/store/migrations/0001_first.sql");
    older.execute_batch(first).expect("the first schema");
    older.pragma_update(None, "user_version", 1).expect("its version");
    drop(older);
    for _ in 0..2 {
        assert_eq!(Program::start(folder.path()).terminate(), Some(0));
    }
    let log = std::fs::read_to_string(folder.path().join("log.txt")).expect("a log");
    let lines = |text: &str| log.lines().filter(|line| line.contains(text)).count();
    assert_eq!((lines("from schema 1 to "), lines("has schema ")), (1, 1), "{log}");
}

fn dead(delivery: i64) -> Dead {
    Dead {
        delivery,
        at: now(),
        reason: DeathReason::Refused,
        code: Some(100),
        subcode: None,
        says: "Invalid parameter".to_owned(),
        trace_id: None,
    }
}

#[tokio::test]
async fn a_month_counts_what_was_recorded_in_it_whatever_became_of_that() {
    let ledger = Ledger::open().await;
    let within = async |id: &str, at: Timestamp, limit| {
        let payment = NewPayment { received_at: at, ..ledger.payment("666", id) };
        ledger.store.record_within(payment, Some(limit)).await.expect("the store")
    };
    let last_month = now().plus_millis(-28 * 24 * 3_600_000);
    let (first, next) = now().month();
    // Before anybody asks: one of last month, two of this one, of which one is removed; and one
    // that was removed while it waited, so was never recorded.
    let older = NewPayment { received_at: last_month, ..ledger.payment("666", "older") };
    ledger.enter(Entry::Record(older)).await;
    ledger.record("kept").await;
    ledger.record("removed").await;
    let held = NewPayment {
        decision: r#"{"verdict":"hold"}"#.to_owned(),
        ..ledger.payment("stranger", "held")
    };
    ledger.enter(Entry::Hold(held, later())).await;
    for id in ["removed", "held"] {
        ledger.remove(id).await;
    }
    assert_eq!(within("third", now(), 2).await, None);
    assert_eq!(within("third", now(), 3).await, Some(Entered::New));
    assert_eq!(within("fourth", now(), 3).await, None);
    // A known key is a repetition, full or not.
    assert!(matches!(within("kept", now(), 3).await, Some(Entered::Duplicate(_))));
    // From now on every recording counts, whichever door it came through.
    ledger.record("captured").await;
    assert_eq!(within("fifth", now(), 4).await, None);
    // The first and the last moment of the month belong to it, and its neighbours have room.
    for (at, id, expected) in [
        (first, "first", None),
        (next.plus_millis(-1), "last", None),
        (first.plus_millis(-1), "before", Some(Entered::New)),
        (next, "after", Some(Entered::New)),
    ] {
        assert_eq!(within(id, at, 4).await, expected, "{id}");
    }
    assert_eq!(within("without a limit", now(), u32::MAX).await, Some(Entered::New));
}
