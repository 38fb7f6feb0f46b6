//! Tells somebody outside that a dataset is paused, and that it flows again: once each.
//!
//! In: the configured address. Out: a small JSON object by POST, whose `text` chat services show as
//! it is, and a note in the books of what was heard: what a process could not tell before it died, the
//! next one tells. Each dataset has a place for one notice, the newest: so nobody hears of a pause
//! after its end, and an address that is slow for one dataset holds up no other. An alarm that nobody
//! takes is a line in the log, and is tried again when the dataset is looked at again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::{ClientError, Forwarder};
use crate::clock::Clock;
use crate::core::delivery::Circuit;
use crate::core::time::Timestamp;
use crate::store::{DatasetKey, Store};
use crate::telemetry;

/// How often an alarm is sent until somebody takes it.
const TRIES_MAX: u32 = 5;

/// How long one try may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long to wait after the first try, in milliseconds; it doubles.
const WAIT_MILLIS: i64 = 2_000;

/// Whom to tell. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Alarm(Option<Arc<Bell>>);

#[derive(Debug)]
struct Bell {
    post: Arc<Post>,
    desks: Mutex<HashMap<DatasetKey, Arc<Desk>>>,
    /// One for each desk; they end with the last alarm.
    tellers: Mutex<JoinSet<()>>,
}

/// The way to whoever listens.
#[derive(Debug)]
struct Post {
    http: reqwest::Client,
    /// An address that whoever knows it can write to: a secret.
    address: SecretString,
    clock: Clock,
}

/// What is to be told of one dataset.
#[derive(Debug, Default)]
struct Desk {
    news: Mutex<News>,
    has_news: Notify,
}

#[derive(Debug, Default)]
struct News {
    /// What is being told.
    newest: Option<Notice>,
    /// Since when the dataset is paused, as whoever listens believes; nothing if it flows.
    heard: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Notice {
    /// The beginning of the pause; nothing if it is over.
    #[serde(skip)]
    paused: Option<Timestamp>,
    event: &'static str,
    dataset: String,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subcode: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'static str>,
    text: String,
}

impl Alarm {
    /// An alarm that posts to this address, or is only written into the log.
    ///
    /// # Errors
    /// [`ClientError`] if the machine's TLS set-up does not work.
    pub fn new(address: Option<SecretString>, clock: &Clock) -> Result<Self, ClientError> {
        let Some(address) = address else { return Ok(Self(None)) };
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .build()
            .map_err(ClientError::Build)?;
        let post = Arc::new(Post { http, address, clock: clock.clone() });
        let (desks, tellers) = (Mutex::default(), Mutex::default());
        Ok(Self(Some(Arc::new(Bell { post, desks, tellers }))))
    }

    /// Begins with what a former process was heard to tell: `heard` is the beginning of that pause.
    /// If the pause is over, its end is told now.
    pub(super) fn begin(&self, forwarder: &Forwarder, heard: Option<Timestamp>, is_over: bool) {
        let Some(bell) = &self.0 else { return };
        lock(&bell.desk(forwarder).news).heard = heard;
        if heard.is_some() && is_over {
            self.resumed(forwarder);
        }
    }

    /// Nothing goes to this dataset until a person acts. To be called whenever that is seen: what was
    /// heard, or is being told, is not told again. `since` is the beginning of the pause.
    pub(super) fn paused(&self, forwarder: &Forwarder, circuit: &Circuit, since: Timestamp) {
        let dataset = &forwarder.name;
        let text = format!(
            "Tillpost: `{dataset}` is paused: {}. Nothing is lost. To do: {}.",
            circuit.what(),
            circuit.help()
        );
        let notice = Notice {
            paused: Some(since),
            event: "dataset_paused",
            dataset: dataset.to_string(),
            at: since.to_string(),
            code: circuit.code,
            subcode: circuit.subcode,
            help: Some(circuit.help()),
            text,
        };
        self.ring(forwarder, notice);
    }

    /// Events go to this dataset again.
    pub(super) fn resumed(&self, forwarder: &Forwarder) {
        let dataset = &forwarder.name;
        let notice = Notice {
            paused: None,
            event: "dataset_resumed",
            dataset: dataset.to_string(),
            at: forwarder.clock.now().to_string(),
            code: None,
            subcode: None,
            help: None,
            text: format!("Tillpost: events flow to `{dataset}` again."),
        };
        self.ring(forwarder, notice);
    }

    fn ring(&self, forwarder: &Forwarder, notice: Notice) {
        let Some(bell) = &self.0 else { return };
        let desk = bell.desk(forwarder);
        let mut news = lock(&desk.news);
        let is_known = match &news.newest {
            Some(newest) => newest.paused == notice.paused,
            None => notice.paused.is_some() && news.heard == notice.paused,
        };
        if !is_known {
            news.newest = Some(notice);
            desk.has_news.notify_one();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Bell {
    /// The desk of a dataset, with somebody who tells what lies on it.
    fn desk(&self, forwarder: &Forwarder) -> Arc<Desk> {
        let mut desks = lock(&self.desks);
        let desk = desks.entry(forwarder.key).or_insert_with(|| {
            let desk = Arc::<Desk>::default();
            let books = (forwarder.store.clone(), forwarder.key);
            let teller = Arc::clone(&desk).tell(Arc::clone(&self.post), books);
            lock(&self.tellers).spawn(teller);
            desk
        });
        Arc::clone(desk)
    }
}

impl Desk {
    /// Tells the newest notice, again and again.
    async fn tell(self: Arc<Self>, post: Arc<Post>, (store, dataset): (Store, DatasetKey)) {
        loop {
            let newest = lock(&self.news).newest.clone();
            let Some(notice) = newest else {
                self.has_news.notified().await;
                continue;
            };
            let mut is_heard = false;
            for tries in 0..TRIES_MAX {
                is_heard = post.is_heard(&notice).await;
                if is_heard {
                    break;
                }
                tokio::select! {
                    () = post.clock.sleep_millis(WAIT_MILLIS << tries) => {}
                    () = self.has_news.notified() => {}
                }
                // What is newer takes the place of what nobody heard, at once. The ring alone does not
                // say so: it may be that of this notice, come while the one before it was told.
                if lock(&self.news).newest.as_ref() != Some(&notice) {
                    break;
                }
            }
            if is_heard {
                lock(&self.news).heard = notice.paused;
                // Unwritten it is told once more after a restart; that is all.
                drop(store.alarm_heard(dataset, notice.paused).await);
            }
            let mut news = lock(&self.news);
            if news.newest.as_ref() == Some(&notice) {
                news.newest = None;
                if !is_heard {
                    telemetry::alarm_unheard(notice.event);
                }
            }
        }
    }
}

impl Post {
    async fn is_heard(&self, notice: &Notice) -> bool {
        let Ok(body) = serde_json::to_string(notice) else { return false };
        let request = self
            .http
            .post(self.address.expose_secret())
            .header(CONTENT_TYPE, "application/json")
            .body(body);
        request.send().await.is_ok_and(|response| response.status().is_success())
    }
}
