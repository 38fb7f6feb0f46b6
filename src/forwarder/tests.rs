//! What the forwarder must not do, where no story shows it.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use super::{Alarm, Forwarder, LEASE_MILLIS, MetaClient, Window};
use crate::clock::{Clock, FrozenClock};
use crate::config::{self, Dataset, World};
use crate::core::delivery::Waits;
use crate::core::mapping::DatasetName;
use crate::core::time::Timestamp;
use crate::store::{Books, Entry, NewPayment, Settlement, Source, Store};

/// How long the events of these tests may be sent, in milliseconds.
const DAY_MILLIS: i64 = 86_400_000;

/// The smallest configuration.
#[derive(Debug)]
struct Page;

impl World for Page {
    fn file(&self, path: &Path) -> io::Result<String> {
        let config = "[[projects]]\nname = \"shop\"\nserver_key = { env = \"KEY\" }\nmapping = \"m.toml\"\n\
                      [datasets.storefront]\nid = \"1\"\naccess_token = { env = \"TOKEN\" }\n\
                      endpoint = \"http://127.0.0.1:1\"\n";
        let mapping =
            "version = 1\n[defaults]\ndataset = \"storefront\"\n[payments]\nDEFAULT = \"Lead\"\n";
        let is_config = path.ends_with("tillpost.toml");
        Ok(if is_config { config } else { mapping }.to_owned())
    }

    fn variable(&self, _: &str) -> Option<String> {
        Some("a-secret-of-enough-letters".to_owned())
    }
}

fn dataset() -> (DatasetName, Dataset) {
    let config = config::load(Path::new("/t/tillpost.toml"), &Page).0.expect("a configuration");
    config.datasets.into_iter().next().expect("a dataset")
}

fn client(dataset: &Dataset) -> MetaClient {
    MetaClient::new(dataset, watch::channel(SecretString::from("token")).1).expect("a client")
}

async fn forwarder(store: &Store) -> Forwarder {
    let (name, dataset) = dataset();
    let clock = Clock::Frozen(FrozenClock::at(Timestamp::from_seconds(1_772_280_000)));
    Forwarder {
        key: store.dataset(name.as_str()).await.expect("its number"),
        store: store.clone(),
        client: client(&dataset),
        sending: dataset.sending,
        waits: Waits::default(),
        alarm: Alarm::new(None, &clock).expect("no alarm"),
        owner: "me".to_owned(),
        name,
        clock,
    }
}

async fn record(forwarder: &Forwarder, id: &str) {
    let now = forwarder.clock.now();
    let payment = NewPayment {
        project: forwarder.store.project("shop").await.expect("a project"),
        payment_type: "DEFAULT".to_owned(),
        payment_id: Some(id.to_owned()),
        user_id: "666".to_owned(),
        source: Source::Sender,
        received_at: now,
        capture: "{}".to_owned(),
        decision: "{}".to_owned(),
        deliveries: vec![(forwarder.key, now.plus_millis(DAY_MILLIS), format!("\"{id}\"").into())],
    };
    forwarder.store.enter(vec![Entry::Record(payment)]).await.expect("recorded");
}

#[tokio::test]
async fn a_dataset_that_stands_reads_what_waits_behind_it_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("books.db");
    let store = Store::open(&path).expect("a store");
    record(&forwarder(&store).await, "one").await;
    store.close().await;
    // What was recorded before a start is read from the file.
    let store = Store::open(&path).expect("a store");
    let forwarder = forwarder(&store).await;
    // A run that Meta does not take, and one that was due again among those under way.
    let stands = tokio::spawn(std::future::pending());
    let mut window = Window {
        runs: VecDeque::from([stands]),
        position: 0,
        retrying: true,
        has_looked: false,
        is_behind: false,
    };
    let next = forwarder.next_run(&mut window).await.expect("a look");
    assert!(next.is_none() && window.has_looked, "less than a full request waits");
    // From here on the log is not even read: without its files a read would fail.
    store.close().await;
    drop(folder);
    let next = forwarder.next_run(&mut window).await.expect("no look");
    assert!(next.is_none());
    // Once a run has ended it is looked at again.
    window.has_looked = false;
    assert!(forwarder.next_run(&mut window).await.is_err(), "this one looks");
}

/// When a request arrived, in milliseconds, and what it carried.
type Heard = (i64, Vec<String>);

/// Somebody in Meta's place who answers a request only once a test lets it.
struct Meta {
    heard: Arc<Mutex<Vec<Heard>>>,
    answers: Arc<Semaphore>,
}

impl Meta {
    /// Stands in for Meta before this forwarder.
    async fn before(forwarder: &mut Forwarder) -> Self {
        let heard = Arc::<Mutex<Vec<Heard>>>::default();
        let answers = Arc::new(Semaphore::new(0));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let meta = Self { heard: Arc::clone(&heard), answers: Arc::clone(&answers) };
        let clock = forwarder.clock.clone();
        let hear = move |body: String| async move {
            let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
            let events = body["data"].as_array().expect("events").iter();
            let events: Vec<String> =
                events.filter_map(|event| event.as_str().map(str::to_owned)).collect();
            let answer = format!(r#"{{"events_received":{}}}"#, events.len());
            let of_now = (clock.now().millis(), events);
            heard.lock().unwrap_or_else(PoisonError::into_inner).push(of_now);
            answers.acquire().await.expect("open").forget();
            answer
        };
        let router = Router::new().fallback(hear);
        tokio::spawn(async move { axum::serve(listener, router).await });
        forwarder.client = client(&Dataset { endpoint, ..dataset().1 });
        meta
    }

    fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn answer(&self, requests: usize) {
        self.answers.add_permits(requests);
    }
}

fn advance(forwarder: &Forwarder, by: Duration) {
    let Clock::Frozen(clock) = &forwarder.clock else { unreachable!("a frozen clock") };
    clock.advance(by);
}

/// Looks into the books until something is so, and moves the clock by so much after every few looks.
/// While it stands the forwarder has all the time it needs, however busy the machine is.
async fn until(forwarder: &Forwarder, step: Duration, done: impl Fn(&Books) -> bool) {
    for _ in 0..20_000 {
        for _ in 0..50 {
            if done(&forwarder.store.books().await.expect("the books")) {
                return;
            }
        }
        advance(forwarder, step);
    }
    unreachable!("it never came to that");
}

const STANDS: Duration = Duration::ZERO;
const A_LITTLE: Duration = Duration::from_millis(10);

/// Looks long enough that whatever could happen while the clock stands has happened.
async fn nothing_happens(forwarder: &Forwarder, meta: &Meta) {
    let before = meta.heard();
    for _ in 0..200 {
        forwarder.store.books().await.expect("the books");
    }
    assert_eq!(meta.heard(), before, "the clock stood still");
}

/// A forwarder before a stand-in, and the books, with so many events in them.
async fn with_events(count: usize) -> (tempfile::TempDir, Forwarder, Meta) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("books.db")).expect("a store");
    let mut forwarder = forwarder(&store).await;
    let meta = Meta::before(&mut forwarder).await;
    for number in 0..count {
        record(&forwarder, &format!("e{number}")).await;
    }
    (folder, forwarder, meta)
}

/// Forwards until the test drops what keeps it.
fn started(forwarder: &Forwarder) -> watch::Sender<bool> {
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(forwarder.clone().run(stopped));
    stop
}

/// Sent as soon as a request is over, what came meanwhile would go in many small ones.
#[tokio::test]
async fn what_arrives_while_a_request_is_under_way_gathers_behind_it() {
    let (_folder, mut forwarder, meta) = with_events(1).await;
    forwarder.sending.batch_wait_ms = 200;
    let _stop = started(&forwarder);
    until(&forwarder, A_LITTLE, |_| meta.heard().len() == 1).await;
    record(&forwarder, "under way").await;
    nothing_happens(&forwarder, &meta).await;
    meta.answer(1);
    until(&forwarder, STANDS, |books| books.delivered == 1).await;
    // The request is over. Sent at once, the event would go alone.
    nothing_happens(&forwarder, &meta).await;
    record(&forwarder, "behind it").await;
    let over = forwarder.clock.now().millis();
    advance(&forwarder, Duration::from_millis(199));
    nothing_happens(&forwarder, &meta).await;
    until(&forwarder, Duration::from_millis(1), |_| meta.heard().len() > 1).await;
    let (at, events) = meta.heard().remove(1);
    assert_eq!(events, ["under way", "behind it"]);
    assert!(at >= over + 200, "{at} {over}");
}

/// It has waited already, and more of it may be due: behind a bad hour it would go out at one run in
/// `batch_wait_ms`.
#[tokio::test]
async fn what_is_due_again_goes_one_run_behind_the_other_without_gathering() {
    let (_folder, mut forwarder, meta) = with_events(3).await;
    forwarder.sending.batch_events = 1;
    // As if each had met trouble of its own.
    let now = forwarder.clock.now();
    let until_then = now.plus_millis(LEASE_MILLIS);
    let lease = forwarder.store.lease(forwarder.key, forwarder.owner.clone(), now, until_then);
    let lease = lease.await.expect("a lease").expect("nobody else's");
    let retries = (1..=3).map(|delivery| (delivery, now, 1)).collect();
    let settlement = Settlement { cursor: 3, retries, ..Settlement::renewal(lease, until_then) };
    forwarder.store.settle(settlement).await.expect("settled");
    let _stop = started(&forwarder);
    until(&forwarder, A_LITTLE, |_| meta.heard().len() == 1).await;
    let began = forwarder.clock.now().millis();
    for number in 1..=3 {
        until(&forwarder, STANDS, |_| meta.heard().len() == number).await;
        // They have left the order: one run of them at a time, so that none is taken twice.
        nothing_happens(&forwarder, &meta).await;
        meta.answer(1);
    }
    let expected = ["e1", "e2"].map(|event| (began, vec![event.to_owned()]));
    assert_eq!(meta.heard()[1..], expected);
}

/// Behind a full request there is more: a backlog gains nothing by waiting.
#[tokio::test]
async fn full_requests_do_not_gather() {
    let (_folder, mut forwarder, meta) = with_events(6).await;
    forwarder.sending.batch_events = 2;
    forwarder.sending.max_in_flight = 1;
    let _stop = started(&forwarder);
    until(&forwarder, A_LITTLE, |_| meta.heard().len() == 1).await;
    let began = forwarder.clock.now().millis();
    meta.answer(3);
    until(&forwarder, STANDS, |_| meta.heard().len() == 3).await;
    let expected = [["e2", "e3"], ["e4", "e5"]].map(|two| (began, two.map(str::to_owned).into()));
    assert_eq!(meta.heard()[1..], expected);
}
