//! `tillpost.toml`: as written, checked, and everything it names: mapping files and secrets.
//!
//! In: a path, and a [`World`] to read files and environment variables from. Out: a [`Config`] in
//! which nothing is left to check, or a [`Report`] with every fault of every file. A secret is
//! read here, kept in a type that does not print, and named in findings only by where it was
//! looked for. This is the only module that reads the environment.

pub mod feed;
mod limits;
mod outline;
mod read;
mod schema;
mod world;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

pub use outline::{Outline, OutlinedProject, outline};
pub use read::mapping_file::{compiled, feed_stamp, mapping_file};
pub use read::secret::{is_not_set, secret_in};
pub use schema::schema;
pub use world::{FeedStamp, Onlooker, System, World};

use crate::core::finding::render::{self, Colour, Source};
use crate::core::finding::{Code, Finding, Findings, Severity};
use crate::core::key::KeyDigest;
use crate::core::mapping::{DatasetName, Mapping};
use crate::core::money::Currency;
use crate::core::webhook::Provider;

/// A configuration in which nothing is left to check.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file that says all this.
    pub path: PathBuf,
    /// Where to listen.
    pub http: Http,
    /// Where the books are.
    pub store: PathBuf,
    /// For how many days the books are kept.
    pub retention_days: u64,
    /// Whose payments are taken.
    pub projects: Vec<Project>,
    /// Where events go.
    pub datasets: BTreeMap<DatasetName, Dataset>,
    /// The address that alarms are posted to: a secret, because whoever knows it can write there.
    pub alerts: Option<SecretString>,
}

/// `[http]`
#[derive(Debug, Clone)]
pub struct Http {
    /// The public API. Default 127.0.0.1:8080: nobody is served by accident.
    pub listen: SocketAddr,
    /// The admin API. Default 127.0.0.1:8081.
    pub admin_listen: SocketAddr,
    /// The admin API's token, demanded when it listens beyond the loopback.
    pub admin_token: Option<SecretString>,
}

/// One of `[[projects]]`
#[derive(Debug, Clone)]
pub struct Project {
    /// Its name.
    pub name: String,
    /// The keys of its servers (header `linkrunner-key`). Several may be valid at once, so that
    /// one can be replaced.
    pub server_keys: Vec<KeyDigest>,
    /// The tokens that its apps send along; several may be valid at once.
    pub client_tokens: Vec<KeyDigest>,
    /// With what its apps sign, where they must.
    pub client_signing: Vec<SigningKey>,
    /// Its mapping file.
    pub mapping_path: PathBuf,
    /// The same, compiled.
    pub mapping: Mapping,
    /// Whose payments count.
    pub users: Users,
    /// Its currency, where nothing else names one.
    pub currency: Option<Currency>,
    /// How many days a payment waits for its user. Default 7: Meta takes nothing older.
    pub hold_days: u64,
    /// Most requests of one key in a second; no limit unless set.
    pub max_requests_per_second: Option<u32>,
    /// Whether a removal that names a user and a payment means every payment of the user. Default
    /// false: it means the one payment.
    pub remove_by_user_wins: bool,
    /// The secrets of its webhooks, by provider. Several may be valid at once.
    pub webhooks: BTreeMap<Provider, Vec<SecretString>>,
    /// The project as Faurya's API sees it.
    pub site: Site,
}

/// A project as Faurya's API sees it: a site with keys and a limit, that may be gone.
#[derive(Debug, Clone, Default)]
pub struct Site {
    /// The keys of its servers (`Authorization: Bearer`); several may be valid at once.
    pub keys: Vec<KeyDigest>,
    /// Whether it is gone: its keys are known, and nothing is taken for it.
    pub closed: bool,
    /// Most payments of a calendar month; no limit unless set.
    pub max_payments_per_month: Option<u32>,
}

/// With what an app signs its requests: one of `client_signing`.
#[derive(Debug, Clone)]
pub struct SigningKey {
    /// The name of the secret, which the app sends along.
    pub id: String,
    /// The secret.
    pub secret: SecretString,
}

crate::core::names::closed_list! {
    /// Whose payments count.
    pub enum Users {
        /// Those of users who signed up.
        Known = "known",
        /// Everybody's.
        Open = "open",
    }
}

/// One of `[datasets.NAME]`
#[derive(Debug, Clone)]
pub struct Dataset {
    /// Meta's number.
    pub id: String,
    /// The token that may send to it.
    pub access_token: SecretString,
    /// The file that it was read from, where it was: a new token in it is taken while the service
    /// runs.
    pub access_token_file: Option<PathBuf>,
    /// Meta, or a stand-in. Only https, or the loopback.
    pub endpoint: String,
    /// The version of the Graph API.
    pub version: String,
    /// Shows the events under Test Events as well.
    pub test_event_code: Option<String>,
    /// How it is sent to.
    pub sending: Sending,
}

/// The pace of one dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sending {
    /// Events per request. Default 1,000, Meta's limit: a refused batch is halved, not lost.
    pub batch_events: usize,
    /// Bytes per request. Default 1 MiB: Meta documents no limit, so this one is ours.
    pub batch_bytes: usize,
    /// How long a request waits to fill, in milliseconds. Default 200: well within the second in
    /// which a tester expects the event to appear.
    pub batch_wait_ms: u64,
    /// Requests under way at once. Default 4: at 300 ms a request, some 13,000 events a second.
    pub max_in_flight: usize,
    /// Events a second; no limit unless set, because Meta publishes none.
    pub max_events_per_second: Option<u32>,
    /// How long an answer may take, in milliseconds. Default 10,000: Meta advises 1,500 for single
    /// events; a full batch takes longer, and giving up on one that arrived means sending it twice.
    pub timeout_ms: u64,
}

impl Default for Sending {
    fn default() -> Self {
        Self {
            batch_events: crate::core::meta::BATCH_EVENTS_MAX,
            batch_bytes: 1024 * 1024,
            batch_wait_ms: 200,
            max_in_flight: 4,
            max_events_per_second: None,
            timeout_ms: 10_000,
        }
    }
}

/// Meta's own address.
pub const META_ENDPOINT: &str = "https://graph.facebook.com";

/// The version of the Graph API that is used unless another is set. Live until 2028-07-29.
///
/// # Source
/// Meta, "Graph API / Changelog", as read 2026-08-13.
pub const META_VERSION: &str = "v25.0";

/// What there is to say about one file.
#[derive(Debug, Clone)]
pub struct FileReport {
    /// The file.
    pub path: PathBuf,
    /// Its text; empty if it could not be read.
    pub text: String,
    /// What was found in it.
    pub findings: Findings,
}

/// What there is to say about a configuration: every file that was read.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// One entry a file, `tillpost.toml` first.
    pub files: Vec<FileReport>,
}

impl Report {
    /// Whether something forbids using the configuration.
    #[must_use]
    pub fn has_error(&self) -> bool {
        self.files.iter().any(|file| file.findings.has_error())
    }

    /// How many findings of this severity there are.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        let weighs = |file: &FileReport| {
            file.findings.iter().filter(|finding| finding.severity == severity).count()
        };
        self.files.iter().map(weighs).sum()
    }

    /// Every finding under its line.
    #[must_use]
    pub fn draw(&self, colour: Colour) -> String {
        let drawn: Vec<String> = self
            .files
            .iter()
            .filter(|file| !file.findings.is_empty())
            .map(|file| {
                let path = file.path.display().to_string();
                let source = Source { path: &path, text: &file.text };
                render::in_file(&file.findings, source, colour)
            })
            .collect();
        drawn.join("\n\n")
    }
}

/// Loads `tillpost.toml` and all that it names.
#[must_use]
pub fn load(path: &Path, world: &dyn World) -> (Option<Config>, Report) {
    read::load(path, world)
}

/// The same for whoever looks at the files themselves: a feed that cannot be read, with which a
/// start is content, is an error.
#[must_use]
pub fn load_strictly(path: &Path, world: &dyn World) -> (Option<Config>, Report) {
    let (config, mut report) = load(path, world);
    for file in &mut report.files {
        let strict = |finding: Finding| {
            let is_of_feed = matches!(finding.code, Code::FeedUnreadable | Code::FeedEmpty);
            if is_of_feed { finding.weighing(Severity::Error) } else { finding }
        };
        file.findings = std::mem::take(&mut file.findings).into_iter().map(strict).collect();
    }
    (config.filter(|_| !report.has_error()), report)
}

#[cfg(test)]
mod tests;
