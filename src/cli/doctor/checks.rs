//! What the doctor looks at, one function each.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use jiff::fmt::rfc2822;

use super::super::setup;
use super::Line;
use crate::app;
use crate::clock::Clock;
use crate::config::{self, Config, Dataset, Report};
use crate::core::delivery::Circuit;
use crate::core::finding::Severity;
use crate::core::mapping::DatasetName;
use crate::core::meta::answer::{Fault, Outcome, Refusal};
use crate::core::names::counted;
use crate::core::time::Timestamp;
use crate::store::{self, Checkup};

/// How far our clock may be from Meta's, in seconds. Ours: events carry our time, Meta takes none
/// from the future, and a minute is what a request may have been under way.
const CLOCK_SECS_MAX: i64 = 60;

/// Days of room below which the disk is worth a warning. Ours: time to act before a long weekend.
const DAYS_LEFT_MIN: u64 = 14;

/// How long a payment may wait for its turn before it is worth a warning, in milliseconds. Ours:
/// with Meta well, a turn comes within seconds.
const WAIT_MILLIS_MAX: i64 = 3_600_000;

const MIB: u64 = 1024 * 1024;

/// The configuration and the mapping files that it names; secrets are part of it.
pub(super) fn configuration(report: &Report) -> Vec<Line> {
    let line = |(number, file): (usize, &config::FileReport)| {
        let check = if number == 0 { "configuration" } else { "mapping" };
        let path = file.path.display();
        let count = |severity| file.findings.iter().filter(|f| f.severity == severity).count();
        let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
        let help = format!("`tillpost check {path}` shows each with its place");
        match (errors, warnings) {
            (0, 0) => Line::ok(check, format!("{path} has nothing to mend")),
            (0, warnings) => {
                Line::warning(check, format!("{path}: {}", counted(warnings, "warning")), &help)
            }
            (errors, _) => {
                let first = file.findings.iter().find(|f| f.severity == Severity::Error);
                let says = first.map(|finding| finding.says.as_str()).unwrap_or_default();
                Line::error(
                    check,
                    format!("{path}: {}, the first: {says}", counted(errors, "error")),
                    &help,
                )
            }
        }
    };
    report.files.iter().enumerate().map(line).collect()
}

/// The database and its disk.
pub(super) fn store(config: &Config, thorough: bool, now: Timestamp) -> Vec<Line> {
    let path = &config.store;
    if !path.exists() {
        let says = setup::no_database(path);
        return vec![Line::warning("store", says, "the first `tillpost serve` makes it")];
    }
    match store::check_up(path, thorough, now) {
        Ok(checkup) => {
            let mut lines = integrity(path, &checkup);
            lines.extend(backlog(&checkup, now));
            lines.extend(checkup.stopped.iter().filter_map(|stop| stopped(config, stop)));
            lines.extend(disk(&checkup));
            lines
        }
        Err(error) => vec![Line::error("store", crate::telemetry::chain(&error), SALVAGE)],
    }
}

const SALVAGE: &str = "stop the service, copy the database with its -wal file to a safe place, restore a \
    backup, or run `tillpost doctor --salvage NEWFILE`; docs/operations.md tells the whole way";

fn integrity(path: &Path, checkup: &Checkup) -> Vec<Line> {
    let shown = path.display();
    let (found, known) = checkup.schema;
    let mut lines = Vec::new();
    if found > known {
        let says = format!("{shown} has schema {found}, this program knows up to {known}");
        lines.push(Line::error("store", says, "use the newer tillpost that wrote it"));
    }
    if let Some(first) = checkup.damages.first() {
        let says = format!("{shown} is damaged: {first}");
        lines.push(Line::error("store", says, SALVAGE));
    } else if !checkup.is_whole_look {
        let help =
            "`tillpost doctor --full` looks at every page; that takes as long as reading the file";
        let says = format!("{shown} is large, and was not looked at page by page");
        lines.push(if checkup.was_damaged {
            Line::warning("store", says, help)
        } else {
            Line { help: Some(help.to_owned()), ..Line::ok("store", says) }
        });
    } else {
        let user =
            if checkup.is_in_use { "a service has it open" } else { "no service runs on it" };
        let log = checkup.log_bytes / MIB;
        let (size, free) = (checkup.bytes / MIB, checkup.unused_bytes / MIB);
        let says = format!(
            "{shown} is whole: {size} MiB, {free} MiB of it unused, log {log} MiB, schema {found}; {user}"
        );
        lines.push(Line::ok("store", says));
    }
    if let Some(says) = &checkup.miscounted {
        let help = "no payment is lost and all is sent; the numbers of `/metrics` and of the lines below \
            are wrong; please report it; a stopped service's books are counted anew by \
            `tillpost doctor --salvage NEWFILE`";
        let says = format!("{shown} counts wrongly: {says}");
        lines.push(Line::warning("sums", says, help));
    }
    lines
}

fn backlog(checkup: &Checkup, now: Timestamp) -> Vec<Line> {
    let Some(books) = checkup.books else { return Vec::new() };
    let mut lines = Vec::new();
    let waits = checkup.oldest_pending.map(|since| now.millis() - since.millis());
    let says = match books.pending {
        1 => format!("1 event waits for its turn, {} for another try", books.retrying),
        many => format!("{many} events wait for their turn, {} for another try", books.retrying),
    };
    lines.push(match waits {
        Some(millis) if millis > WAIT_MILLIS_MAX => {
            let says = format!("{says}; the oldest for {} hours", millis / 3_600_000);
            let help = "see what is said of its dataset below, and the log of the service; Meta takes \
                no event that is older than seven days";
            Line::warning("backlog", says, help)
        }
        Some(_) | None => Line::ok("backlog", says),
    });
    lines.push(match books.dead {
        0 => Line::ok("dead letters", "none"),
        dead => {
            let help = "`tillpost dead list` tells what Meta said of each, and what to do";
            let says = match dead {
                1 => "1 event needs a person".to_owned(),
                many => format!("{many} events need a person"),
            };
            Line::warning("dead letters", says, help)
        }
    });
    lines
}

/// A dataset to which the service sends nothing, as it noted itself.
fn stopped(config: &Config, (name, circuit): &(String, Circuit)) -> Option<Line> {
    // The books may know datasets that the configuration has no more.
    config.datasets.keys().find(|known| known.as_str() == name)?;
    let check = format!("sending {name}");
    let says = format!("{} (since {})", circuit.what(), circuit.since);
    Some(if circuit.is_paused() {
        Line::error(check, says, circuit.help())
    } else {
        Line::warning(
            check,
            format!("{says}; the next request goes at {}", circuit.until),
            circuit.help(),
        )
    })
}

fn disk(checkup: &Checkup) -> Option<Line> {
    let free = checkup.disk_free?;
    let says = format!("{} MiB free", free / MIB);
    let help =
        "make room or move the database to a larger disk; below 16 MiB payments are answered 503";
    Some(match free.checked_div(checkup.bytes_a_day) {
        _ if free < 64 * MIB => Line::error("disk", says, help),
        Some(days) if days < DAYS_LEFT_MIN => Line::warning(
            "disk",
            format!("{says}; at the rate of the last day full in {days} days"),
            help,
        ),
        Some(days) => {
            Line::ok("disk", format!("{says}; at the rate of the last day enough for {days} days"))
        }
        None => Line::ok("disk", says),
    })
}

/// Whether others on this machine can read the payments.
pub(super) fn permissions(path: &Path) -> Option<Line> {
    let mode = |path: &Path| Some(path.metadata().ok()?.permissions().mode());
    let database = mode(path)?;
    let folder = path.parent().and_then(mode).unwrap_or(0);
    // The folder decides who gets in; the file, who reads it.
    let is_open = folder & 0o011 != 0 && database & 0o044 != 0;
    Some(if is_open {
        let help = format!(
            "chmod 600 {0}* (it holds hashed persons, addresses and payments)",
            path.display()
        );
        Line::warning("permissions", "other users of this machine can read the database", &help)
    } else {
        Line::ok("permissions", "only this user reads the database")
    })
}

/// Whether the addresses are free, where no service has them.
pub(super) async fn addresses(config: &Config) -> Vec<Line> {
    if let Ok(address) = std::fs::read_to_string(app::address_file(&config.store)) {
        let says =
            format!("a service answers for this database; its admin API is on {}", address.trim());
        return vec![Line::ok("addresses", says)];
    }
    let mut lines = Vec::new();
    for address in [config.http.listen, config.http.admin_listen] {
        lines.push(match tokio::net::TcpListener::bind(address).await {
            Ok(_) => Line::ok("addresses", format!("{address} is free")),
            Err(error) => {
                let says = format!("cannot listen on {address}: {error}");
                let help = "stop what listens there, or give another `listen` or `admin_listen` under [http]";
                Line::error("addresses", says, help)
            }
        });
    }
    lines
}

/// The token of each dataset, and our clock beside Meta's. A sandbox, which the built-in
/// configuration is for, need not run.
pub(super) async fn datasets(config: &Config, clock: &Clock, is_built_in: bool) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut is_timed = false;
    for (name, dataset) in &config.datasets {
        let check = format!("dataset {name}");
        if config::is_not_set(&dataset.access_token) {
            let says = "not asked: its token is not found from here";
            let help = "run the doctor with the environment and as the user of the service";
            lines.push(Line::warning(check, says, help));
            continue;
        }
        match app::look_at(dataset).await {
            Ok(looked) if is_built_in && matches!(looked.outcome, Outcome::Unanswered { .. }) => {
                let says = format!("no sandbox runs at {}", dataset.endpoint);
                lines.push(Line::warning(check, says, "`tillpost serve --sandbox` starts one"));
            }
            Ok(looked) => {
                lines.push(opened(check, (name, dataset), &looked.outcome));
                if let Some(line) =
                    looked.date.filter(|_| !is_timed).and_then(|date| timed(&date, clock))
                {
                    is_timed = true;
                    lines.push(line);
                }
            }
            Err(error) => {
                let help = "the machine's certificates or its TLS set-up need a look";
                lines.push(Line::error(check, crate::telemetry::chain(&error), help));
            }
        }
    }
    lines
}

fn opened(check: String, (name, dataset): (&DatasetName, &Dataset), outcome: &Outcome) -> Line {
    let host = &dataset.endpoint;
    match outcome {
        Outcome::Accepted { .. } => {
            Line::ok(check, format!("the token opens dataset {} at {host}", dataset.id))
        }
        Outcome::Unanswered { says } => {
            let help = "look at the network, a proxy or the `endpoint` of this dataset; events wait meanwhile";
            Line::error(check, format!("{host} {says}"), help)
        }
        Outcome::Refused(refusal) => refused(check, name, refusal),
    }
}

/// # Source
/// Meta, "Graph API / Handling errors": 190 is the token, 10 and 200 to 299 the permission, 100
/// with subcode 33 an object that does not exist or that the token may not see.
fn refused(check: String, name: &DatasetName, refusal: &Refusal) -> Line {
    let Refusal { code, subcode, says, .. } = refusal;
    let number = subcode.map_or_else(|| code.to_string(), |subcode| format!("{code}/{subcode}"));
    let token = format!(
        "make a new token in Events Manager (Settings, Conversions API), and put it where `access_token` \
         of [datasets.{name}] says; events wait meanwhile"
    );
    let help = match (code, subcode) {
        (190 | 102, _) => token.as_str(),
        (10 | 200..=299, _) => {
            "the token lacks a permission: give its system user the dataset and `ads_management`"
        }
        (100, Some(33)) => {
            "the `id` is wrong, or the token's system user has no access to this dataset: compare it with \
             Events Manager"
        }
        _ => "Meta's page of error codes tells more",
    };
    let says = format!("Meta refuses the token with code {number}: {says}");
    match refusal.fault {
        Fault::Transient | Fault::Throttled => {
            Line::warning(check, says, "Meta is busy; ask again in some minutes")
        }
        Fault::Setup | Fault::Event | Fault::Unknown => Line::error(check, says, help),
    }
}

fn timed(date: &str, clock: &Clock) -> Option<Line> {
    let theirs = rfc2822::parse(date).ok()?.timestamp().as_second();
    let apart = clock.now().seconds() - theirs;
    let side = if apart > 0 { "ahead" } else { "behind" };
    Some(if apart.abs() > CLOCK_SECS_MAX {
        let help = "set the clock by NTP: the time of an event is taken from it";
        let says = format!("this machine is {} s {side} of the other side's clock", apart.abs());
        Line::warning("clock", says, help)
    } else {
        Line::ok("clock", format!("within {CLOCK_SECS_MAX} s of the other side's"))
    })
}
