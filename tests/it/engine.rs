//! The harness: a whole engine in this process, with a clock that a test moves.
//!
//! `Engine::start()` opens a new store in a folder of its own, a sandbox in Meta's place, and the
//! HTTP doors on free ports. Stories send, move the clock, and look at what arrived. Nothing
//! sleeps: waiting for the forwarder means moving the clock until the books say it is done.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tillpost::app::{App, StartError};
use tillpost::clock::{Clock, FrozenClock};
use tillpost::config::{self, Config, FeedStamp, World};
use tillpost::core::time::Timestamp;
use tillpost::http::UpkeepRounds;
use tillpost::sandbox::{self, Sandbox, Script, Settings};
use tillpost::store::{Books, Store, StoreError};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// 2026-02-28T12:00:00Z: when every story begins.
pub(crate) const BEGINNING: i64 = 1_772_280_000;

/// The server key of the stories.
pub(crate) const KEY: &str = "story-server-key";

/// How often the harness looks whether the forwarder is done: far more than any story needs.
const LOOKS_MAX: usize = 100_000;

/// How often it is tried to open books that are in use, with a millisecond between: a fork that is not
/// yet another program may stand still as long as the machine lets it.
pub(crate) const TRIES_MAX: usize = 30_000;

/// After how many looks that saw nothing new the story's clock moves on.
const QUIET_LOOKS: usize = 4;

/// A running engine.
pub(crate) struct Engine {
    pub(crate) clock: FrozenClock,
    pub(crate) sandbox: Sandbox,
    pub(crate) folder: Arc<TempDir>,
    files: Files,
    sandbox_address: SocketAddr,
    store: Store,
    upkeep: UpkeepRounds,
    public: SocketAddr,
    admin: SocketAddr,
    http: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<()>>,
}

/// What a story may set before the engine starts.
pub(crate) struct Plan {
    project: String,
    dataset: String,
    mapping: String,
    feed: String,
    token: String,
    more_files: Vec<(&'static str, String)>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            project: String::new(),
            dataset: String::new(),
            mapping: commerce(),
            feed: String::new(),
            token: "{ env = \"TOKEN\" }".to_owned(),
            more_files: Vec::new(),
        }
    }
}

impl Plan {
    /// More lines for `[[projects]]`.
    pub(crate) fn project(mut self, lines: &str) -> Self {
        self.project.push_str(lines);
        self
    }

    /// Where the token of the dataset is.
    pub(crate) fn token(mut self, place: &str) -> Self {
        place.clone_into(&mut self.token);
        self
    }

    /// One more file in the story's folder.
    pub(crate) fn file(mut self, name: &'static str, text: &str) -> Self {
        self.more_files.push((name, text.to_owned()));
        self
    }

    /// More lines for `[datasets.storefront]`; `SANDBOX` becomes the address of Meta's stand-in.
    pub(crate) fn dataset(mut self, lines: &str) -> Self {
        self.dataset.push_str(lines);
        self
    }

    /// Another mapping file.
    pub(crate) fn mapping(mut self, text: &str) -> Self {
        text.clone_into(&mut self.mapping);
        self
    }

    /// A product feed, and the line of the mapping file that names it.
    pub(crate) fn feed(mut self, text: &str) -> Self {
        text.clone_into(&mut self.feed);
        self.mapping.push_str("\n[catalog]\nfeed = \"feed.csv\"\n");
        self
    }

    /// Starts the engine in a new folder, with a new sandbox.
    pub(crate) async fn start(self) -> Engine {
        let clock = FrozenClock::at(Timestamp::from_seconds(BEGINNING));
        let (sandbox, address) = new_sandbox(&clock).await;
        let folder = Arc::new(TempDir::new().expect("a temporary folder"));
        Engine::start_in(&self, folder, (clock, sandbox, address)).await
    }

    fn files(&self, folder: &Path, sandbox: SocketAddr) -> HashMap<PathBuf, String> {
        let config = format!(
            r#"
            [http]
            listen = "127.0.0.1:0"
            admin_listen = "127.0.0.1:0"
            [store]
            url = "sqlite:books/tillpost.db"
            [[projects]]
            name = "shop"
            server_key = {{ env = "KEY" }}
            mapping = "mapping.toml"
            currency = "INR"
            {}
            [datasets.storefront]
            id = "1234567890"
            access_token = {}
            endpoint = "http://{sandbox}"
            {}
            "#,
            self.project,
            self.token,
            self.dataset.replace("SANDBOX", &sandbox.to_string())
        );
        let more = self.more_files.iter().map(|(name, text)| (*name, text));
        let own =
            [("tillpost.toml", &config), ("mapping.toml", &self.mapping), ("feed.csv", &self.feed)];
        more.chain(own).map(|(name, text)| (folder.join(name), text.clone())).collect()
    }
}

/// The files of a story; a story may write them while the engine runs.
#[derive(Debug, Clone)]
struct Files(Arc<Mutex<HashMap<PathBuf, String>>>);

impl Files {
    fn lock(&self) -> MutexGuard<'_, HashMap<PathBuf, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World for Files {
    fn file(&self, path: &Path) -> io::Result<String> {
        self.lock().get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn stamp(&self, path: &Path) -> Option<FeedStamp> {
        let bytes = u64::try_from(self.lock().get(path)?.len()).ok()?;
        Some(FeedStamp { modified: None, bytes })
    }

    fn variable(&self, name: &str) -> Option<String> {
        match name {
            "KEY" => Some(KEY.to_owned()),
            "CLIENT" => Some("story-client-token".to_owned()),
            "TOKEN" => Some("story-access-token".to_owned()),
            "HOOK" => Some("story-webhook-secret".to_owned()),
            "HOOK2" => Some("story-webhook-secret-2".to_owned()),
            // Whatever else a story names holds its own name in small letters.
            _ => name.starts_with("STORY_").then(|| name.to_lowercase()),
        }
    }
}

async fn new_sandbox(clock: &FrozenClock) -> (Sandbox, SocketAddr) {
    // Meta's own clock is right, whatever happens to the calendar of the engine.
    let time = Clock::Frozen(clock.clone());
    let right = move || time.monotonic_millis() / 1_000;
    let sandbox = Sandbox::new(Settings::default(), Arc::new(right));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(sandbox::serve(listener, sandbox.clone(), std::future::pending()));
    (sandbox, address)
}

impl Engine {
    /// Starts an engine with the shipped commerce mapping, but for its line for signups.
    pub(crate) async fn start() -> Self {
        Plan::default().start().await
    }

    async fn start_in(
        plan: &Plan,
        folder: Arc<TempDir>,
        (clock, sandbox, sandbox_address): (FrozenClock, Sandbox, SocketAddr),
    ) -> Self {
        let path = folder.path().join("tillpost.toml");
        let files = Files(Arc::new(Mutex::new(plan.files(folder.path(), sandbox_address))));
        let (config, report) = config::load(&path, &files);
        let drawn = report.draw(tillpost::core::finding::render::Colour::Never);
        let config = config.unwrap_or_else(|| panic!("a good configuration:\n{drawn}"));
        let app = opened(&config, &clock, &files).await;
        let public = app.public_address().expect("an address");
        let admin = app.admin_address().expect("an address");
        let (store, upkeep) = (app.desk().store.clone(), app.upkeep_rounds());
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(async move {
            let stop = async {
                let _ = stopped.await;
            };
            app.run(stop).await.expect("a store that does not fail");
        });
        Self {
            clock,
            sandbox,
            folder,
            files,
            sandbox_address,
            store,
            upkeep,
            public,
            admin,
            http: reqwest::Client::builder()
                .no_proxy()
                .timeout(Duration::from_mins(2))
                .build()
                .expect("a client"),
            stop: Some(stop),
            running: Some(running),
        }
    }

    /// Stops gracefully and starts again on the same books.
    pub(crate) async fn restart(mut self, plan: &Plan) -> Self {
        self.stop().await;
        let Self { clock, sandbox, folder, sandbox_address, .. } = self;
        Self::start_in(plan, folder, (clock, sandbox, sandbox_address)).await
    }

    /// Stops gracefully.
    pub(crate) async fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(running) = self.running.take() {
            running.await.expect("a graceful stop");
        }
    }

    /// Takes the books away under the running service, as a disk does that fails: whatever would be
    /// written from now on is refused until the next start.
    pub(crate) async fn lose_books(&self) {
        self.store.close().await;
    }

    /// Writes the mapping file; `None` deletes it.
    pub(crate) fn edit_mapping(&self, text: Option<&str>) {
        self.edit("mapping.toml", text);
    }

    /// Writes a file of the story's folder; `None` deletes it.
    pub(crate) fn edit(&self, name: &str, text: Option<&str>) {
        let path = self.folder.path().join(name);
        let mut files = self.files.lock();
        match text {
            Some(text) => files.insert(path, text.to_owned()),
            None => files.remove(&path),
        };
    }

    /// Moves the clock, a little at a time, until the mapping in force looks as expected.
    pub(crate) async fn mapping_until(&self, done: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..LOOKS_MAX {
            let mapping = self.admin("/admin/v1/mapping").await.body["projects"][0].take();
            if done(&mapping) {
                return mapping;
            }
            self.clock.advance(Duration::from_millis(100));
        }
        panic!("the mapping never got there");
    }

    /// What the story's clock shows, in Unix seconds.
    pub(crate) fn clock_seconds(&self) -> i64 {
        Clock::Frozen(self.clock.clone()).now().seconds()
    }

    /// How many seconds have passed on the clock that no step of the calendar moves.
    pub(crate) fn steady_seconds(&self) -> i64 {
        Clock::Frozen(self.clock.clone()).monotonic_millis() / 1_000
    }

    /// The dataset of another configuration in this story's folder.
    pub(crate) fn dataset_of(&self, config: &str) -> config::Dataset {
        self.edit("other.toml", Some(config));
        let (config, report) = config::load(&self.folder.path().join("other.toml"), &self.files);
        let config = config.unwrap_or_else(|| panic!("a good configuration: {report:?}"));
        config.datasets.into_values().next().expect("a dataset")
    }

    /// Posts a body to the public API with the project's key.
    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        self.post_with(path, body, &[("linkrunner-key", KEY)]).await
    }

    /// Posts a body with these headers.
    pub(crate) async fn post_with(
        &self,
        path: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = self.http.post(format!("http://{}{path}", self.public));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.body(body.to_owned()).send().await.expect("an answer");
        let answer = Answer::of(answer).await;
        crate::openapi::judge("post", path, body.as_bytes(), &answer);
        answer
    }

    /// Any request to the public API.
    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().expect("a method");
        self.http.request(method, format!("http://{}{path}", self.public))
    }

    /// Gets a page of the admin API.
    pub(crate) async fn admin(&self, path: &str) -> Answer {
        let url = format!("http://{}{path}", self.admin);
        let answer = Answer::of(self.http.get(url).send().await.expect("an answer")).await;
        crate::openapi::judge("get", path, b"", &answer);
        answer
    }

    /// Posts to the admin API.
    pub(crate) async fn admin_post(&self, path: &str, body: Vec<u8>) -> Answer {
        let url = format!("http://{}{path}", self.admin);
        let answer = self.http.post(url).body(body.clone()).send().await.expect("an answer");
        let answer = Answer::of(answer).await;
        crate::openapi::judge("post", path, &body, &answer);
        answer
    }

    /// Signs a user up.
    pub(crate) async fn sign_up(&self, id: &str) -> Answer {
        let body = format!(
            r#"{{"user_data":{{"id":"{id}","name":"Mary Smith","email":"{id}@example.com","phone":"+91 98765 43210"}}}}"#
        );
        let answer = self.post("/api/v1/signup", &body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer
    }

    /// Captures a payment.
    pub(crate) async fn capture(&self, body: &str) -> Answer {
        self.post("/api/v1/capture-payment", body).await
    }

    /// Captures a complete purchase of one piece.
    pub(crate) async fn purchase(&self, user: &str, payment: &str) -> Answer {
        let answer = self.capture(&purchase(user, payment)).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer
    }

    /// Hands the sandbox a script of faults.
    pub(crate) fn faults(&self, script: &str) {
        let script = Script::read(script.as_bytes()).expect("a good script");
        self.sandbox.set_faults(script);
    }

    /// The sums of the books.
    pub(crate) async fn books(&self) -> Books {
        self.store.books().await.expect("the books")
    }

    /// Lets a round of upkeep begin and end: two, since the first that ends may have begun before, at
    /// another time. After every few looks the clock moves on by as much as their pauses take.
    pub(crate) async fn upkeep(&self) {
        for _ in 0..2 {
            let before = self.upkeep.count();
            self.clock.advance(Duration::from_secs(10));
            let mut looks = 0;
            while self.upkeep.count() == before {
                assert!(looks < LOOKS_MAX, "the round never ended");
                looks += 1;
                self.books().await;
                if looks % QUIET_LOOKS == 0 {
                    self.clock.advance(Duration::from_millis(5));
                }
            }
        }
    }

    /// Moves the clock, a little at a time, until nothing is pending or due again.
    pub(crate) async fn drain(&self) -> Books {
        self.until(|books| books.pending + books.retrying == 0).await
    }

    /// Moves the clock, a little at a time, until the books look as expected. It moves only while
    /// nothing happens: on a busy machine the story's time must not run away from the engine.
    pub(crate) async fn until(&self, done: impl Fn(&Books) -> bool) -> Books {
        let (mut before, mut quiet) = (None, 0);
        for _ in 0..LOOKS_MAX {
            let books = self.books().await;
            if done(&books) {
                return books;
            }
            let seen = Some((books, self.sandbox.requests().len()));
            quiet = if seen == before { quiet + 1 } else { 0 };
            before = seen;
            if quiet >= QUIET_LOOKS {
                self.clock.advance(Duration::from_millis(100));
                quiet = 0;
            }
            tokio::task::yield_now().await;
        }
        panic!("the forwarder never got there: {:?}", self.books().await);
    }

    /// Looks until the books are as expected, while the clock stands still.
    pub(crate) async fn standing(&self, done: impl Fn(&Books) -> bool) -> Books {
        for _ in 0..LOOKS_MAX {
            let books = self.books().await;
            if done(&books) {
                return books;
            }
        }
        panic!("it takes time: {:?}", self.books().await);
    }

    /// The ids of what arrived at the sandbox, in order.
    pub(crate) fn arrived(&self) -> Vec<String> {
        self.sandbox.events().into_iter().filter_map(|event| event.event_id).collect()
    }
}

/// An engine on these books, as soon as they are free. A test that starts a program beside this one
/// forks, and for a moment the fork holds every lock of this process, whoever gave it up since.
async fn opened(config: &Config, clock: &FrozenClock, files: &Files) -> App {
    for _ in 0..TRIES_MAX {
        match App::build(config, Clock::Frozen(clock.clone()), Arc::new(files.clone())).await {
            Err(StartError::Store(StoreError::InUse { .. })) => Clock::System.sleep_millis(1).await,
            built => return built.expect("an engine"),
        }
    }
    panic!("the books were never free");
}

/// A store of its own at this place, as soon as it is free, for the same reason.
pub(crate) fn store_at(path: &Path) -> Store {
    for _ in 0..TRIES_MAX {
        match Store::open(path) {
            Err(StoreError::InUse { .. }) => Clock::block_micros(1_000),
            opened => return opened.expect("a store"),
        }
    }
    panic!("the place was never free");
}

/// The shipped commerce mapping without its line for signups: stories sign people up all the time,
/// and count what arrives. The stories of `apps` have that line.
pub(crate) fn commerce() -> String {
    let shipped = include_str!("../../mappings/commerce.toml");
    let lines: Vec<&str> = shipped.lines().filter(|line| !line.starts_with("signup ")).collect();
    assert_eq!(lines.len() + 1, shipped.lines().count(), "one line binds signups");
    // The test of that line would fail for want of it.
    let text = lines.join("\n");
    let tests = text.find("\n[[test]]").unwrap_or(text.len());
    text[..tests].to_owned() + "\n"
}

/// A complete purchase of one piece.
pub(crate) fn purchase(user: &str, payment: &str) -> String {
    format!(
        r#"{{"user_id":"{user}","payment_id":"{payment}","amount":10.5,"event_data":{{"content_ids":["sku1"],"contents":[{{"id":"sku1","quantity":1,"item_price":10.5}}],"content_type":"product","currency":"INR","value":10.5,"num_items":1,"order_id":"{payment}"}}}}"#
    )
}

/// An answer: its status, its headers, its JSON.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) async fn of(response: reqwest::Response) -> Self {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await.expect("a text");
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Self { status, headers, body }
    }

    /// Status and JSON, as a snapshot shows them.
    pub(crate) fn printed(&self) -> String {
        let mut body = self.body.clone();
        // The version changes with every edit of the shipped file; what it is, `mapping` tests.
        if let Some(version) = body.pointer_mut("/data/mapping") {
            *version = Value::from("[version]");
        }
        let body = serde_json::to_string_pretty(&body).expect("JSON");
        format!("{}\n{body}", self.status)
    }

    /// The codes of its findings, errors of a refusal included.
    pub(crate) fn codes(&self) -> Vec<&str> {
        let data = &self.body["data"];
        let findings = data["findings"].as_array().or(data["errors"].as_array());
        findings.into_iter().flatten().filter_map(|finding| finding["code"].as_str()).collect()
    }
}
