//! What several commands begin with: the configuration, a runtime, the shipped mapping.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::check::{self, Tables};
use super::{ConfigArgument, Ended, terminal};
use crate::config::{self, Config, FeedStamp, FileReport, Report, System, World};
use crate::core::finding::Severity;
use crate::core::finding::render::Colour;
use crate::core::mapping::{Datasets, Mapping};
use crate::core::names;
use crate::store;

/// The mapping that ships with the program, for those who have no file yet.
pub(super) const SHIPPED_MAPPING: &str = include_str!("../../mappings/commerce.toml");

/// Where the shipped mapping stands in the repository.
pub(super) const SHIPPED_MAPPING_PATH: &str = "mappings/commerce.toml";

/// What a caller of Faurya's API sends to `serve --sandbox`. None of the three is a secret: that
/// service listens on this machine only, and knows nobody but its demo user.
pub(super) const SANDBOX_SITE_KEY: &str = "sandbox-site-key";

/// What an app sends to it.
pub(super) const SANDBOX_CLIENT_TOKEN: &str = "sandbox-client-token";

/// What a backend sends to it.
pub(super) const SANDBOX_SERVER_KEY: &str = "sandbox-server-key";

/// The name of the configuration where there is none to name.
pub(super) const DEFAULT_CONFIG: &str = "tillpost.toml";

/// Loads the configuration that the arguments mean, printing whatever there is to say about it.
///
/// With a sandbox the books are others: what was meant for Meta must never go to a stand-in, nor
/// a trial to Meta.
pub(super) fn config(
    argument: &ConfigArgument,
    sandbox: bool,
    world: &dyn World,
) -> Result<Config, Ended> {
    let named = argument.config.as_deref();
    match named.or_else(|| (!sandbox && has_config()).then_some(Path::new(DEFAULT_CONFIG))) {
        None => sandbox_config(SocketAddr::from(([127, 0, 0, 1], 8090))),
        Some(path) => {
            let mut config = checked(config::load(path, world), world)?;
            if sandbox {
                config.store = store::beside(&config.store, "sandbox");
            }
            Ok(config)
        }
    }
}

/// Whether this folder has a configuration.
pub(super) fn has_config() -> bool {
    Path::new(DEFAULT_CONFIG).exists()
}

/// The configuration of `serve --sandbox`: everything on this machine, nothing to configure.
pub(super) fn sandbox_config(sandbox: SocketAddr) -> Result<Config, Ended> {
    let world = BuiltIn::new(sandbox);
    let config = checked(config::load(Path::new(BUILT_IN), &world), &world)?;
    // Nobody can look at a file that is built in; the mapping is what can be mended.
    Ok(Config { path: SHIPPED_MAPPING_PATH.into(), ..config })
}

/// Demands the database of a configuration, for commands that do nothing without one and must not
/// make it.
pub(super) fn books_exist(config: &Config) -> Result<(), Ended> {
    if config.store.exists() {
        return Ok(());
    }
    Err(terminal::misused(&format!(
        "{}; start `tillpost serve` first, or name its configuration with --config",
        no_database(&config.store)
    )))
}

/// What is said of a database that nobody has made.
pub(super) fn no_database(path: &Path) -> String {
    format!("there is no database {} yet", path.display())
}

/// A runtime for commands that wait for something.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Ended> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| terminal::failed(&error))
}

/// Reads a file, or standard input for `-`.
pub(super) fn input(path: &Path) -> Result<Vec<u8>, Ended> {
    let read = if path == Path::new("-") {
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut io::stdin().lock(), &mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    read.map_err(|error| terminal::misused(&format!("cannot read {}: {error}", path.display())))
}

/// Reads and compiles a mapping file, or standard input for `-`.
pub(super) fn mapping(path: &Path) -> Result<(Option<Mapping>, FileReport), Ended> {
    let bytes = input(path)?;
    let text = String::from_utf8(bytes)
        .map_err(|_| terminal::misused(&format!("{} is not UTF-8 text", path.display())))?;
    let path = if path == Path::new("-") { Path::new("(standard input)") } else { path };
    Ok(config::compiled(path, text, Datasets::Any))
}

/// The same, for commands that can do nothing without it: prints what there is to say.
pub(super) fn usable_mapping(path: &Path) -> Result<Option<Mapping>, Ended> {
    let (mapping, file) = mapping(path)?;
    if let Some(Tables::Configuration) = check::tables(path, &file.text) {
        let path = path.display();
        return Err(terminal::misused(&format!(
            "{path} is a configuration, not a mapping file: name one that its `mapping` names, or write `--config {path}`"
        )));
    }
    say_findings(&file);
    Ok(mapping)
}

/// The shipped mapping, for those who have no file yet.
pub(super) fn shipped_mapping() -> Option<Mapping> {
    let path = Path::new(SHIPPED_MAPPING_PATH);
    let (mapping, file) = config::compiled(path, SHIPPED_MAPPING.to_owned(), Datasets::Any);
    say_findings(&file);
    mapping
}

/// Prints what there is to say of a file.
pub(super) fn say_findings(file: &FileReport) {
    if !file.findings.is_empty() {
        terminal::say(&Report { files: vec![file.clone()] }.draw(Colour::Always));
    }
}

/// "1 error, 2 warnings", or nothing where there is nothing to count.
pub(super) fn counted(report: &Report) -> Option<String> {
    let counts: Vec<String> = [(Severity::Error, "error"), (Severity::Warning, "warning")]
        .into_iter()
        .map(|(severity, word)| (report.count(severity), word))
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| names::counted(count, word))
        .collect();
    (!counts.is_empty()).then(|| counts.join(", "))
}

/// Prints what there is to say. To somebody who only looks, only what forbids looking.
fn checked((config, report): (Option<Config>, Report), world: &dyn World) -> Result<Config, Ended> {
    let shown = world.needs_secrets() || report.has_error();
    if let Some(counts) = counted(&report).filter(|_| shown) {
        terminal::say(&report.draw(Colour::Always));
        terminal::say(&format!("\n{counts} in the configuration"));
    }
    config.ok_or(Ended::Misused)
}

/// What the built-in configuration is called in messages.
const BUILT_IN: &str = "(built-in sandbox configuration)";

/// The files and variables of the built-in configuration; the mapping file may be replaced by the
/// one in this folder.
#[derive(Debug)]
pub(super) struct BuiltIn {
    sandbox: SocketAddr,
    /// Whether this folder has had the file: one that goes away later is missed, not replaced.
    was_there: AtomicBool,
}

impl BuiltIn {
    pub(super) fn new(sandbox: SocketAddr) -> Self {
        let was_there = AtomicBool::new(Path::new(SHIPPED_MAPPING_PATH).exists());
        Self { sandbox, was_there }
    }
}

impl World for BuiltIn {
    fn file(&self, path: &Path) -> io::Result<String> {
        if path == Path::new(BUILT_IN) {
            return Ok(format!(
                r#"
                [store]
                url = "sqlite:tillpost-data/sandbox.db"

                [[projects]]
                name = "shop"
                server_key = {{ env = "SANDBOX_SERVER_KEY" }}
                site_key = {{ env = "SANDBOX_SITE_KEY" }}
                client_token = {{ env = "SANDBOX_CLIENT_TOKEN" }}
                mapping = "{SHIPPED_MAPPING_PATH}"
                currency = "INR"

                [datasets.storefront]
                id = "1234567890"
                access_token = {{ env = "SANDBOX_ACCESS_TOKEN" }}
                endpoint = "http://{}"
                "#,
                self.sandbox
            ));
        }
        match std::fs::read_to_string(path) {
            Err(error)
                if error.kind() == io::ErrorKind::NotFound && !self.was_there.load(Relaxed) =>
            {
                Ok(SHIPPED_MAPPING.to_owned())
            }
            Ok(text) => {
                self.was_there.store(true, Relaxed);
                Ok(text)
            }
            Err(error) => Err(error),
        }
    }

    // Only mapping files have a stand-in.
    fn open(&self, path: &Path) -> io::Result<Box<dyn io::Read>> {
        System.open(path)
    }

    fn stamp(&self, path: &Path) -> Option<FeedStamp> {
        System.stamp(path)
    }

    fn variable(&self, name: &str) -> Option<String> {
        match name {
            "SANDBOX_SERVER_KEY" => Some(SANDBOX_SERVER_KEY.to_owned()),
            "SANDBOX_SITE_KEY" => Some(SANDBOX_SITE_KEY.to_owned()),
            "SANDBOX_CLIENT_TOKEN" => Some(SANDBOX_CLIENT_TOKEN.to_owned()),
            "SANDBOX_ACCESS_TOKEN" => Some("sandbox-access-token".to_owned()),
            _ => None,
        }
    }

    fn is_play(&self) -> bool {
        true
    }
}

/// The path of a file as a person may type it again.
pub(super) fn shown(path: &Path) -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_that_the_pages_show_are_those_of_the_sandbox() {
        let (api, readme) = (include_str!("../../docs/api.md"), include_str!("../../README.md"));
        for (page, key) in [
            (api, format!("linkrunner-key: {SANDBOX_SERVER_KEY}")),
            (api, format!(r#""token": "{SANDBOX_CLIENT_TOKEN}""#)),
            (readme, format!("authorization: Bearer {SANDBOX_SITE_KEY}'")),
        ] {
            assert!(page.contains(&key), "{key}");
        }
        let built_in = BuiltIn::new(SocketAddr::from(([127, 0, 0, 1], 8090)));
        let variable = |name| built_in.variable(name);
        assert_eq!(variable("SANDBOX_CLIENT_TOKEN").as_deref(), Some(SANDBOX_CLIENT_TOKEN));
    }
}
