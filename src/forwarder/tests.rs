//! What the forwarder must not do, where no story shows it.

use std::collections::VecDeque;
use std::io;
use std::path::Path;

use secrecy::SecretString;
use tokio::sync::watch;

use super::{Alarm, Forwarder, MetaClient, Window};
use crate::clock::{Clock, FrozenClock};
use crate::config::{self, World};
use crate::core::delivery::Waits;
use crate::core::time::Timestamp;
use crate::store::{Entry, NewPayment, Source, Store};

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

async fn forwarder(store: &Store) -> Forwarder {
    let config = config::load(Path::new("/t/tillpost.toml"), &Page).0.expect("a configuration");
    let (name, dataset) = config.datasets.into_iter().next().expect("a dataset");
    let (_, token) = watch::channel(SecretString::from("token"));
    let clock = Clock::Frozen(FrozenClock::at(Timestamp::from_seconds(1_772_280_000)));
    Forwarder {
        key: store.dataset(name.as_str()).await.expect("its number"),
        store: store.clone(),
        client: MetaClient::new(&dataset, token).expect("a client"),
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
        deliveries: vec![(forwarder.key, now, "{}".into())],
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
