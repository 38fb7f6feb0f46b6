//! The only room that sees all others: build, bind, run, drain.
//!
//! In: a checked configuration and a clock. Out: a running service. Everything that can fail does
//! so in [`App::build`], before anybody is served. One future means "stop": intake closes first,
//! requests under way are answered, attempts under way are settled, then the books are closed.

mod reload;
mod tokens;
mod upkeep;

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::config::{Config, Dataset};
use crate::core::delivery::Waits;
use crate::core::mapping::DatasetName;
use crate::forwarder::{Alarm, ClientError, Forwarder, Looked, MetaClient, Stop};
use crate::http::{self, Api, Patience, UpkeepRounds};
use crate::intake::{Intake, LiveMapping, Project};
use crate::store::{Condition, DatasetKey, Store, StoreError};
use crate::telemetry;
use reload::Reload;
use tokens::{Token, Tokens};
use upkeep::Upkeep;

pub use reload::SharedWorld;

/// Longest time that a stop waits for requests, and again for attempts, in seconds. Together they
/// stay below the ten seconds that supervisors commonly give.
const DRAIN_SECS: u64 = 4;

/// How many new connections may wait to be accepted; the system may allow fewer (`net.core.somaxconn`).
/// Beyond it their bytes are dropped and come again later: hundreds of times when 1,536 came at once.
const WAITING_MAX: u32 = 4_096;

/// How often held payments are looked through, in milliseconds.
const TEND_MILLIS: i64 = 60_000;

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The books cannot be opened.
    #[error("the store cannot be used")]
    Store(#[from] StoreError),
    /// An address is taken or not ours.
    #[error("cannot listen on {address}; give another with --listen or --admin-listen")]
    Bind {
        /// Which.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Requests to Meta cannot be made.
    #[error("the forwarder cannot be set up")]
    Client(#[from] ClientError),
}

/// The books and the way into them, without a service around: for commands that load or look.
#[derive(Debug, Clone)]
pub struct Desk {
    /// The books.
    pub store: Store,
    /// The way in.
    pub intake: Intake,
    /// Whose payments are taken.
    pub projects: Vec<Project>,
    datasets: BTreeMap<DatasetName, DatasetKey>,
    clock: Clock,
}

/// A service that is ready to run: opened, bound, and not yet serving.
#[derive(Debug)]
pub struct App {
    desk: Desk,
    api: Api,
    public: TcpListener,
    admin: TcpListener,
    forwarders: Vec<Forwarder>,
    reload: Reload,
    tokens: Tokens,
    upkeep: Upkeep,
    address_file: PathBuf,
}

impl Desk {
    /// Opens the books of a configuration.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be opened.
    pub async fn open(config: &Config, clock: &Clock) -> Result<Self, StoreError> {
        let store = opened(&config.store, clock)?;
        // Left by a process that was killed; whoever listens there now is not us.
        drop(std::fs::remove_file(address_file(&config.store)));
        let mut datasets = BTreeMap::new();
        for name in config.datasets.keys() {
            datasets.insert(name.clone(), store.dataset(name.as_str()).await?);
        }
        let mut projects: Vec<Project> = Vec::with_capacity(config.projects.len());
        for project in &config.projects {
            // Projects that share a file share what is in force.
            let path = &project.mapping_path;
            let shared = projects.iter().map(|other| &other.mapping).find(|m| m.path() == path);
            let mapping = shared
                .cloned()
                .unwrap_or_else(|| LiveMapping::new(path, project.mapping.clone(), clock.now()));
            projects.push(Project {
                name: project.name.clone(),
                key: store.project(&project.name).await?,
                server_keys: project.server_keys.clone(),
                client_tokens: project.client_tokens.clone(),
                client_signing: project.client_signing.clone(),
                mapping,
                users: project.users,
                currency: project.currency,
                hold_millis: i64::try_from(project.hold_days).unwrap_or(7) * 24 * 3_600_000,
                max_requests_per_second: project.max_requests_per_second,
                remove_by_user_wins: project.remove_by_user_wins,
                site: project.site.clone(),
                webhooks: project.webhooks.clone(),
            });
        }
        let intake = Intake::new(store.clone(), clock.clone(), datasets.clone());
        Ok(Self { store, intake, projects, datasets, clock: clock.clone() })
    }

    /// Releases what a crash between a signup and its releases left behind.
    async fn release_left_behind(&self) {
        loop {
            match self.intake.release_left_behind(&self.projects).await {
                Ok(0) => return,
                Ok(count) => telemetry::released(count),
                Err(error) => return telemetry::intake_failed("all projects", &error),
            }
        }
    }

    /// The same from time to time, and what was too much for one answer.
    async fn tend(self) {
        loop {
            self.clock.sleep_millis(TEND_MILLIS).await;
            self.release_left_behind().await;
        }
    }
}

impl App {
    /// Opens the books, binds the addresses, prepares the way to Meta. In `world` the mapping files
    /// are looked at again while the service runs.
    ///
    /// # Errors
    /// [`StartError`] with the first thing that does not work.
    pub async fn build(
        config: &Config,
        clock: Clock,
        world: SharedWorld,
    ) -> Result<Self, StartError> {
        let desk = Desk::open(config, &clock).await?;
        let (forwarders, tokens) = ways_out(config, &clock, &desk)?;
        let tokens =
            Tokens { all: tokens, world: SharedWorld::clone(&world), clock: clock.clone() };
        let public = listening(config.http.listen)?;
        let admin = listening(config.http.admin_listen)?;
        let mut files: Vec<LiveMapping> = Vec::new();
        for Project { mapping, .. } in &desk.projects {
            if files.iter().all(|file| file.path() != mapping.path()) {
                files.push(mapping.clone());
            }
        }
        let datasets = config.datasets.keys().cloned().collect();
        let reload =
            Reload { files, datasets, config: config.path.clone(), world, clock: clock.clone() };
        let (store, retention_days) = (desk.store.clone(), config.retention_days);
        let (doors, time) = ((desk.intake.clone(), store.clone()), clock.clone());
        let api = Api::new(doors, time, desk.projects.clone(), config.http.admin_token.clone());
        let datasets = desk.datasets.values().copied().collect();
        let rounds = api.upkeep_rounds().clone();
        let upkeep = Upkeep { store, clock, retention_days, datasets, rounds };
        let address_file = address_file(&config.store);
        // Before anybody is told that the service is ready: another command may look at once.
        let told = admin.local_addr().and_then(|address| tell(&address_file, address));
        if let Err(error) = told {
            telemetry::listener_failed("the file of the admin address", &error);
        }
        Ok(Self { desk, api, public, admin, forwarders, reload, tokens, upkeep, address_file })
    }

    /// Where the public API listens.
    ///
    /// # Errors
    /// Whatever the socket says.
    pub fn public_address(&self) -> std::io::Result<SocketAddr> {
        self.public.local_addr()
    }

    /// Where the admin API listens.
    ///
    /// # Errors
    /// Whatever the socket says.
    pub fn admin_address(&self) -> std::io::Result<SocketAddr> {
        self.admin.local_addr()
    }

    /// The books and the way into them.
    #[must_use]
    pub fn desk(&self) -> &Desk {
        &self.desk
    }

    /// How the rounds of upkeep end: tests wait for them.
    #[must_use]
    pub fn upkeep_rounds(&self) -> UpkeepRounds {
        self.api.upkeep_rounds().clone()
    }

    /// Serves until `stop`, then drains.
    ///
    /// # Errors
    /// [`StoreError`] if the disk or the database failed: the service stops by itself, because only
    /// a new start can tell what is on the disk.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) -> Result<(), StoreError> {
        // Before anybody is served: it would take what a signup of just now releases, and tells.
        self.desk.release_left_behind().await;
        self.announce();
        let (closing, closed) = watch::channel(false);
        let (ending, ended) = watch::channel(false);
        let mut doors = JoinSet::new();
        let patience = Patience::default().within(http::files_max());
        let public = http::public(self.api.clone());
        doors.spawn(serve("the API", self.public, (public, patience), closed.clone()));
        let (admin, patience) = (http::admin(self.api), Patience::of_operators());
        doors.spawn(serve("the admin API", self.admin, (admin.into(), patience), closed.clone()));
        let mut forwarders = JoinSet::new();
        for forwarder in self.forwarders {
            forwarders.spawn(forwarder.run(ended.clone()));
        }
        let tending = tokio::spawn(self.desk.clone().tend());
        let reloading = tokio::spawn(self.reload.run());
        let renewing = tokio::spawn(self.tokens.run());
        let upkeep = tokio::spawn(self.upkeep.run());
        let store = self.desk.store;
        let failed = tokio::select! {
            () = stop => None,
            failure = watch_over(&store) => Some(failure),
        };
        telemetry::stopping();
        tending.abort();
        reloading.abort();
        renewing.abort();
        upkeep.abort();
        closing.send_replace(true);
        drain(doors).await;
        ending.send_replace(true);
        if failed.is_some() {
            // Nothing can be settled any more; what was under way is sent again.
            forwarders.shutdown().await;
        }
        drain(forwarders).await;
        store.close().await;
        // Whoever finds the file knows from the lock whether somebody listens there.
        drop(std::fs::remove_file(&self.address_file));
        telemetry::stopped();
        failed.map_or(Ok(()), Err)
    }

    /// Says in the log where it listens.
    fn announce(&self) {
        if let Ok(address) = self.public_address() {
            telemetry::listening("the API", address);
        }
        if let Ok(address) = self.admin_address() {
            telemetry::listening("the admin API", address);
        }
    }
}

/// Opens the books, and says so where they are of an older version: that may take a while.
fn opened(path: &Path, clock: &Clock) -> Result<Store, StoreError> {
    let Some((from, to)) = crate::store::outdated(path) else { return Store::open(path) };
    telemetry::migrating(path, (from, to));
    let began = clock.monotonic_millis();
    let store = Store::open(path)?;
    telemetry::migrated(path, to, clock.monotonic_millis() - began);
    Ok(store)
}

/// A forwarder for each dataset, and the token that it sends.
fn ways_out(
    config: &Config,
    clock: &Clock,
    desk: &Desk,
) -> Result<(Vec<Forwarder>, Vec<Token>), StartError> {
    let (mut forwarders, mut tokens) = (Vec::new(), Vec::new());
    let alarm = Alarm::new(config.alerts.clone(), clock)?;
    for (name, dataset) in &config.datasets {
        let (in_use, token) = watch::channel(dataset.access_token.clone());
        let file = dataset.access_token_file.clone();
        tokens.push(Token { dataset: name.clone(), file, in_use });
        forwarders.push(Forwarder {
            store: desk.store.clone(),
            clock: clock.clone(),
            name: name.clone(),
            key: desk.datasets[name],
            client: MetaClient::new(dataset, token)?,
            sending: dataset.sending,
            waits: Waits::default(),
            alarm: alarm.clone(),
            owner: uuid::Uuid::now_v7().to_string(),
        });
    }
    Ok((forwarders, tokens))
}

/// The description of the HTTP API: OpenAPI 3.1, as JSON.
#[must_use]
pub fn openapi() -> String {
    http::openapi::text()
}

/// Says in the log how the store fares, until it has failed.
async fn watch_over(store: &Store) -> StoreError {
    let mut condition = store.condition();
    let mut was_full = false;
    loop {
        let now = condition.borrow_and_update().clone();
        match &now {
            Condition::Failed(error) => {
                telemetry::store_failed(error);
                return error.clone();
            }
            Condition::Full => telemetry::store_full(),
            Condition::Well if was_full => telemetry::store_has_room(),
            Condition::Well => {}
        }
        was_full = matches!(now, Condition::Full);
        // The sender lives as long as the store.
        let _ = condition.changed().await;
    }
}

/// Looks at a dataset with its token, which sends no event.
///
/// # Errors
/// [`ClientError`] if the machine's TLS set-up does not work.
pub async fn look_at(dataset: &Dataset) -> Result<Looked, ClientError> {
    Ok(MetaClient::for_a_look(dataset)?.look().await)
}

/// The file that names the admin address of the service that has this database open.
#[must_use]
pub fn address_file(store: &Path) -> PathBuf {
    crate::store::beside(store, "admin")
}

/// Writes the file whole or not at all: a command that reads it meanwhile must not see half of it.
fn tell(file: &Path, address: SocketAddr) -> std::io::Result<()> {
    let draft = file.with_added_extension("new");
    std::fs::write(&draft, address.to_string())?;
    std::fs::rename(draft, file)
}

fn listening(address: SocketAddr) -> Result<TcpListener, StartError> {
    let new = if address.is_ipv4() { TcpSocket::new_v4 } else { TcpSocket::new_v6 };
    let listener = new().and_then(|socket| {
        socket.set_reuseaddr(true)?; // Connections of the process before may linger.
        socket.bind(address)?;
        socket.listen(WAITING_MAX)
    });
    listener.map_err(|source| StartError::Bind { address, source })
}

async fn serve(
    what: &'static str,
    listener: TcpListener,
    (doors, patience): (http::Doors, Patience),
    mut closed: Stop,
) {
    let stop = async move {
        // The sender lives until the doors are drained.
        let _ = closed.wait_for(|closed| *closed).await;
    };
    if let Err(error) = http::serve(listener, doors, patience, stop).await {
        telemetry::listener_failed(what, &error);
    }
}

/// Waits for all, but not for ever: a client that holds its connection must not hold the stop.
async fn drain(mut tasks: JoinSet<()>) {
    let all = async { while tasks.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(Duration::from_secs(DRAIN_SECS), all).await;
    tasks.shutdown().await;
}
