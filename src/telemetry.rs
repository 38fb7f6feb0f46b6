//! Everything the program says while it runs: each log line by name.
//!
//! A line reads alone, carries dotted fields with units, and never a person, a key or a token:
//! payments appear by project and type, deliveries by number, Meta's words only where they are
//! about us. All lines are here, so that one look shows what can be said.

mod panics;

use std::error::Error;
use std::path::Path;

use tracing::{debug, error, info, warn};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::core::delivery::Circuit;
use crate::core::finding::{Placed, Severity};
use crate::core::mapping::{DatasetName, MappingVersion};
use crate::core::names::counted;
use crate::core::webhook::Provider;

pub use panics::{Panicked, caught};

/// Sends log lines to stderr. `filter` is a level or a list such as `tillpost=debug,warn`.
pub fn start(filter: &str, colour: bool) {
    let targets: Targets = filter
        .parse()
        .unwrap_or_else(|_| Targets::new().with_default(tracing::level_filters::LevelFilter::INFO));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(colour)
        .with_target(false);
    // A second start in one process (tests) keeps the first subscriber.
    let _ = tracing_subscriber::registry().with(lines).with(targets).try_init();
    panics::tell_places();
}

/// An error with its causes, one after the other, printed once.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

/// The service listens.
pub fn listening(what: &'static str, address: std::net::SocketAddr) {
    info!(listen.what = what, listen.address = %address, "{what} listens on {address}");
}

/// Somebody asked the service to stop.
pub fn stopping() {
    info!("stopping: no new requests; what was accepted is finished");
}

/// The service has stopped.
pub fn stopped() {
    info!("stopped");
}

/// A database of an older version is about to be brought up to date.
pub fn migrating(path: &Path, (from, to): (u32, u32)) {
    info!(
        store.from = from,
        store.to = to,
        "bringing {} from schema {from} to {to}: seconds for each million payments; an older tillpost \
         cannot read it afterwards",
        path.display()
    );
}

/// It is up to date.
pub fn migrated(path: &Path, to: u32, millis: i64) {
    info!(store.to = to, store.ms = millis, "{} has schema {to} after {millis} ms", path.display());
}

/// A request could not be served because the store failed.
pub fn intake_failed(project: &str, cause: &dyn Error) {
    error!(project.name = project, "a request of `{project}` failed: {}", chain(cause));
}

/// The disk is full.
pub fn store_full() {
    error!(
        "the disk of the database is full: payments are answered 503 and nothing new is recorded; \
         what was recorded goes on to Meta; make room, a restart is not needed"
    );
}

/// The disk has room again.
pub fn store_has_room() {
    info!("the disk of the database has room again: payments are recorded");
}

/// The disk or the database failed; the service stops.
pub fn store_failed(cause: &dyn Error) {
    error!(
        "{}; nothing is written any more and the service stops: what was answered 201 is safe; \
         start it again, and if it refuses, follow what it says",
        chain(cause)
    );
}

/// A record of the books cannot be read; it stays where it is.
pub fn unreadable(project: &str, what: &str, number: i64) {
    error!(
        project.name = project,
        record.id = number,
        "a {what} of `{project}` cannot be read from the books: number {number}; it stays as it is"
    );
}

/// A webhook bears no signature that fits.
pub fn webhook_unsigned(project: &str, provider: Provider, cause: &dyn Error) {
    debug!(project.name = project, webhook.provider = %provider,
        "a webhook of {provider} for `{project}` is not believed: {}", chain(cause));
}

/// A webhook tells a payment that cannot be recorded, however often it comes.
pub fn webhook_lost(project: &str, provider: Provider, why: &str) {
    error!(project.name = project, webhook.provider = %provider,
        "a payment that {provider} told `{project}` cannot be recorded: {why}");
}

/// Payments that a crash had left waiting were released.
pub fn released(count: usize) {
    info!(
        payments.count = count,
        "released {} whose users had signed up",
        counted(count, "payment")
    );
}

/// Held payments have waited in vain.
pub fn holds_ended(count: usize) {
    warn!(
        payments.count = count,
        "{} waited in vain: nobody signed the users up within `hold_days`, and nothing is sent",
        counted(count, "held payment")
    );
}

/// What the books kept long enough is gone.
pub fn pruned(count: usize, days: u64) {
    info!(
        payments.count = count,
        retention.days = days,
        "pruned {} that the books had kept for {days} days",
        counted(count, "payment")
    );
}

/// Erasing or pruning failed; the next round tries again.
pub fn upkeep_failed(cause: &dyn Error) {
    error!("the books could not be tidied: {}", chain(cause));
}

/// Meta took a request.
pub fn delivered(dataset: &DatasetName, events: usize, millis: i64) {
    debug!(dataset.name = %dataset, request.events = events, meta.ms = millis,
        "delivered {} to `{dataset}` in {millis} ms", counted(events, "event"));
}

/// Meta did not take a request; it will go again.
pub fn waiting(dataset: &DatasetName, says: &str, millis: u64, tries: u32) {
    warn!(dataset.name = %dataset, retry.ms = millis, attempt.n = tries,
        "`{dataset}` did not take a request ({says}); try {} in {millis} ms", tries + 1);
}

/// Nothing goes to a dataset until a person acts. Said once.
pub fn paused(dataset: &DatasetName, circuit: &Circuit) {
    let (what, help) = (circuit.what(), circuit.help());
    error!(dataset.name = %dataset, meta.code = circuit.code, meta.subcode = circuit.subcode,
        "`{dataset}` is paused: {what}; nothing is lost, and it goes on by itself; to do: {help}");
}

/// A paused dataset goes on.
pub fn resumed(dataset: &DatasetName) {
    info!(dataset.name = %dataset, "`{dataset}` goes on: events flow again");
}

/// The token of a dataset was read anew from its file.
pub fn token_taken(dataset: &DatasetName) {
    info!(dataset.name = %dataset, "the access token of `{dataset}` has changed and is in use");
}

/// Nobody took an alarm. Its address is a secret.
pub fn alarm_unheard(event: &'static str) {
    error!(alarm.event = event, "the alarm `{event}` could not be delivered to [alerts] webhook");
}

/// Meta refused a request for one of its events.
pub fn refused(dataset: &DatasetName, events: usize, says: &str) {
    warn!(dataset.name = %dataset, request.events = events,
        "`{dataset}` refused {} ({says})", counted(events, "event"));
}

/// A delivery needs a person.
pub fn dead(dataset: &DatasetName, delivery: i64, reason: &str) {
    error!(dataset.name = %dataset, delivery.id = delivery, delivery.reason = reason,
        "delivery {delivery} to `{dataset}` is a dead letter: {reason}");
}

/// Our own code panicked over a request.
pub fn request_panicked(dataset: &DatasetName, events: usize) {
    let what = if events > 1 { "they go in halves" } else { "it waits for another try" };
    error!(dataset.name = %dataset, request.events = events,
        "a fault of ours met {} to `{dataset}`: {what}", counted(events, "event"));
}

/// Our own code panicked over a payment.
pub fn payment_panicked(project: &str) {
    error!(project.name = %project, "a fault of ours met a payment of `{project}`: it is refused");
}

/// The forwarder could not read or settle.
pub fn forwarder_failed(dataset: &DatasetName, cause: &dyn Error) {
    error!(dataset.name = %dataset, "the forwarder of `{dataset}` pauses: {}", chain(cause));
}

/// Another forwarder took over.
pub fn lease_lost(dataset: &DatasetName) {
    warn!(dataset.name = %dataset, "another forwarder has the lease on `{dataset}`");
}

/// A changed mapping file is in force.
pub fn mapping_taken(path: &Path, (old, new): (&MappingVersion, &MappingVersion)) {
    let (path, old, new) = (path.display(), old.as_str(), new.as_str());
    if old == new {
        info!(mapping.path = %path, mapping.version = new,
            "the feed of {path} has changed and is read anew; version {new} of the table stays");
        return;
    }
    info!(mapping.path = %path, mapping.version = new,
        "{path} has changed: its version {new} is in force, {old} no longer");
}

/// A changed mapping file has errors, and is not taken. `check` of the other file, the
/// configuration, shows the same.
pub fn mapping_refused(
    (path, config): (&Path, &Path),
    findings: &[Placed],
    stays: &MappingVersion,
) {
    let (path, stays) = (path.display(), stays.as_str());
    let shown_by = config.display();
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
    error!(mapping.path = %path, mapping.version = stays,
        "{path} has changed and is refused: {}; version {stays} stays in force; \
         `tillpost check {shown_by}` shows what is wrong",
        counted(errors.clone().count(), "error"));
    for Placed { code, says, line, column, help, .. } in errors.take(3) {
        let help = help.as_deref().map(|help| format!("; help: {help}")).unwrap_or_default();
        error!(mapping.path = %path, finding.code = code,
            "{path}:{line}:{column}: {says} [{code}]{help}");
    }
}

/// A mapping file that was refused says again what is in force.
pub fn mapping_restored(path: &Path, version: &MappingVersion) {
    let (path, version) = (path.display(), version.as_str());
    info!(mapping.path = %path, mapping.version = version,
        "{path} says again what is in force: version {version}");
}

/// Nobody looks at the mapping files any more.
pub fn reload_failed(cause: &dyn Error) {
    error!("mapping files are no longer looked at; restart to take changes: {}", chain(cause));
}

/// A listener failed.
pub fn listener_failed(what: &'static str, cause: &dyn Error) {
    error!(listen.what = what, "{what} stopped: {}", chain(cause));
}
