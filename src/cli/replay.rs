//! `tillpost replay`: payments that went nowhere, decided anew under today's mapping.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::door::Door;
use super::{ConfigArgument, Ended, Format, setup, terminal};
use crate::config::Onlooker;
use crate::core::decide::Verdict;
use crate::core::payment::PaymentType;
use crate::core::time::Timestamp;
use crate::intake::import;
use crate::intake::replay::Replay;

/// Decides stored payments anew and sends what has become sendable.
///
/// For payments that were skipped for want of a rule, or blocked by a check, once the mapping file
/// is mended. What is too old for Meta stays. Event ids stay the same, so nothing is counted twice.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tillpost replay --dry-run                               what would be sent, and what would not
  tillpost replay --verdict skip --type RECURRING --since 2026-11-20T00:00:00Z")]
pub(super) struct Arguments {
    /// Only payments that arrived then or later: RFC 3339 or Unix seconds.
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,

    /// Only payments that arrived before.
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,

    /// Only skipped or only blocked payments.
    #[arg(long, value_name = "VERDICT", value_parser = ["skip", "block"])]
    verdict: Option<String>,

    /// Only payments of this type.
    #[arg(long = "type", value_name = "TYPE", value_parser = PaymentType::words().collect::<Vec<_>>())]
    payment_type: Option<String>,

    /// Shows what would be sent, and changes nothing.
    #[arg(long)]
    dry_run: bool,

    /// Only payments of this project.
    #[arg(long, value_name = "NAME")]
    project: Option<String>,

    /// How the payments are printed.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,

    #[command(flatten)]
    config: ConfigArgument,

    /// The books of `serve --sandbox`, where there is a tillpost.toml as well.
    #[arg(long)]
    sandbox: bool,
}

fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::read(text).map_err(|reason| reason.to_string())
}

/// What is asked of a service, page by page.
#[derive(Serialize)]
struct Asked<'a> {
    project: Option<&'a str>,
    verdict: Option<&'a str>,
    r#type: Option<&'a str>,
    since: Option<String>,
    until: Option<String>,
    dry_run: bool,
    /// Who types no filter means everything: the command asks no other way.
    all: bool,
    after: i64,
}

/// A page, as far as it is read here.
#[derive(Deserialize)]
struct Page {
    payments: Vec<serde_json::Value>,
    next: Option<i64>,
}

/// One payment, as far as it is shown.
#[derive(Deserialize)]
struct Row {
    payment_id: Option<String>,
    r#type: String,
    received_at: String,
    before: Option<Decided>,
    now: Decided,
    sent: bool,
}

#[derive(Deserialize)]
struct Decided {
    verdict: String,
    reason: Option<String>,
    #[serde(default)]
    events: Vec<Event>,
    #[serde(default)]
    findings: Vec<Found>,
}

#[derive(Deserialize)]
struct Event {
    event_name: String,
    dataset: String,
}

#[derive(Deserialize)]
struct Found {
    code: String,
    severity: String,
}

pub(super) fn run(arguments: &Arguments) -> Ended {
    let replayed = setup::runtime().and_then(|runtime| runtime.block_on(replay(arguments)));
    replayed.unwrap_or_else(|ended| ended)
}

async fn replay(arguments: &Arguments) -> Result<Ended, Ended> {
    let config = setup::config(&arguments.config, arguments.sandbox, &Onlooker)?;
    // Opening would make one: there is nothing in it to decide anew.
    setup::books_exist(&config)?;
    let door = Door::open(&config).await?;
    let mut tally = Tally::default();
    let mut after = 0;
    loop {
        let text = page(&door, arguments, after).await?;
        let page: Page = serde_json::from_str(&text).map_err(|error| terminal::failed(&error))?;
        for payment in page.payments {
            if arguments.format == Format::Json {
                terminal::data(&payment.to_string());
            }
            let row = serde_json::from_value(payment).map_err(|error| terminal::failed(&error))?;
            tally.count(&row, arguments);
        }
        match page.next {
            Some(next) => after = next,
            None => break,
        }
    }
    if arguments.format == Format::Text {
        tally.print(arguments.dry_run);
    }
    if let Door::Here(desk) = &door {
        desk.store.close().await;
        if tally.sendable > 0 && !arguments.dry_run {
            terminal::say("no service has the database open; `tillpost serve` will deliver");
        }
    }
    Ok(Ended::Well)
}

async fn page(door: &Door, arguments: &Arguments, after: i64) -> Result<String, Ended> {
    match door {
        Door::Service(service) => {
            let asked = Asked {
                project: arguments.project.as_deref(),
                verdict: arguments.verdict.as_deref(),
                r#type: arguments.payment_type.as_deref(),
                since: arguments.since.map(|time| time.to_string()),
                until: arguments.until.map(|time| time.to_string()),
                dry_run: arguments.dry_run,
                all: true,
                after,
            };
            let body = serde_json::to_vec(&asked).unwrap_or_default();
            service.post("/admin/v1/replay", body).await
        }
        Door::Here(desk) => {
            let project = arguments.project.as_deref();
            let project =
                project.map(|name| import::project(&desk.projects, Some(name), "--project"));
            let replay = Replay {
                project: project.transpose().map_err(|says| terminal::misused(&says))?,
                verdict: arguments.verdict.as_deref().and_then(Verdict::read),
                payment_type: arguments.payment_type.as_deref().and_then(PaymentType::read),
                since: arguments.since,
                until: arguments.until,
                dry_run: arguments.dry_run,
            };
            let page = desk.intake.replay(&desk.projects, replay, after).await;
            let page = page.map_err(|error| terminal::failed(&error))?;
            Ok(serde_json::to_string(&page).unwrap_or_default())
        }
    }
}

/// How many sendable payments are shown one by one; the rest is counted.
const SHOWN_MAX: usize = 50;

/// What became of all payments.
#[derive(Default)]
struct Tally {
    sendable: usize,
    /// For each kind of change, how many payments: type, before, now.
    changes: BTreeMap<(String, String, String), usize>,
}

impl Tally {
    fn count(&mut self, row: &Row, arguments: &Arguments) {
        let is_sendable = row.now.verdict == Verdict::Forward.as_str();
        // What was removed or decided anew meanwhile by somebody else is not sent by this run.
        let counts = row.sent || arguments.dry_run;
        self.sendable += usize::from(is_sendable && counts);
        if is_sendable && arguments.format == Format::Text {
            self.show(row, arguments.dry_run);
        }
        let before = row.before.as_ref().map_or_else(|| "unreadable".to_owned(), Decided::shown);
        let key = (row.r#type.clone(), before, row.now.shown());
        *self.changes.entry(key).or_default() += 1;
    }

    fn show(&self, row: &Row, dry_run: bool) {
        if self.sendable > SHOWN_MAX {
            return;
        }
        let id = row.payment_id.as_deref().unwrap_or("(without payment_id)");
        let fate = match (row.sent, dry_run) {
            (_, true) => "would be sent",
            (true, false) => "on the way",
            (false, false) => "not sent: it was removed or sent by another replay meanwhile",
        };
        let Row { r#type, received_at, now, .. } = row;
        let line = format!("{received_at}  {type} {id}: {}  {fate}", now.shown());
        terminal::data(&terminal::escaped(&line));
    }

    fn print(&self, dry_run: bool) {
        if self.changes.is_empty() {
            return terminal::data("there is no payment that went nowhere and fits");
        }
        if self.sendable > SHOWN_MAX {
            terminal::data(&format!("… and {} more", self.sendable - SHOWN_MAX));
        }
        let width = |part: fn(&(String, String, String)) -> &String| {
            self.changes.keys().map(|key| part(key).chars().count()).max().unwrap_or(0)
        };
        let (types, before, now) = (width(|key| &key.0), width(|key| &key.1), width(|key| &key.2));
        terminal::data(&format!(
            "\n{:<types$}  {:<before$}    {:<now$}  payments",
            "type", "was", "is now"
        ));
        for ((kind, was, is), count) in &self.changes {
            terminal::data(&format!("{kind:<types$}  {was:<before$} →  {is:<now$}  {count:>8}"));
        }
        let looked_at: usize = self.changes.values().sum();
        let (sendable, stay) = (self.sendable, looked_at - self.sendable);
        let verb = if dry_run { "would be sent" } else { "on the way to Meta" };
        let again = if dry_run && sendable > 0 { "; nothing was changed" } else { "" };
        terminal::data(&format!("\n{sendable} {verb}, {stay} unchanged{again}"));
    }
}

impl Decided {
    /// `forward Purchase to storefront`, `skip no_mapping`, `block E201 E204`.
    fn shown(&self) -> String {
        let mut words = vec![self.verdict.clone()];
        words.extend(self.reason.clone());
        for Event { event_name, dataset } in &self.events {
            words.push(format!("{event_name} to {dataset}"));
        }
        if self.verdict == Verdict::Block.as_str() {
            let errors = self.findings.iter().filter(|found| found.severity == "error");
            let mut codes: Vec<String> = errors.map(|found| found.code.clone()).collect();
            codes.dedup();
            words.extend(codes);
        }
        words.join(" ")
    }
}
