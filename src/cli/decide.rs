//! `tillpost decide`: what would become of these payments. Sends and stores nothing.

use std::path::{Path, PathBuf};

use super::{Ended, Format, difference, margin, setup, terminal};
use crate::clock::Clock;
use crate::config::{self, Onlooker};
use crate::core::decide::{FrozenEvent, RuleOutcome, TriedRule, Way};
use crate::core::dry_run::{DryRun, Ruling, dry_run};
use crate::core::finding::render::{self, Colour};
use crate::core::json::{self, Json};
use crate::core::mapping::Mapping;
use crate::core::money::Currency;
use crate::core::time::Timestamp;
use crate::core::user::User;

/// Decides payments without sending or storing anything.
///
/// Reads capture bodies (one JSON object, an array, or one object a line) and prints for each what
/// would become of it: the verdict, the rule that was taken and why not the others, the exact event
/// for Meta with where each value came from, everything there is to say. Users count as known.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  echo '{\"user_id\": \"666\", \"amount\": 500, \"currency\": \"INR\", \"type\": \"WALLET_TOPUP\"}' | tillpost decide
  tillpost decide --mapping new.toml --diff old.toml payments.ndjson     what does my edit do?")]
pub(super) struct Arguments {
    /// The mapping file. Without it: the one of --config, or the shipped commerce.toml.
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,

    /// The configuration whose mapping and currency are used.
    #[arg(long, value_name = "FILE", conflicts_with = "mapping")]
    config: Option<PathBuf>,

    /// The project of the configuration, where it has more than one.
    #[arg(long, value_name = "NAME", requires = "config")]
    project: Option<String>,

    /// The time at which to decide, RFC 3339 or Unix seconds. Without it: now.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,

    /// An older mapping file: shows what would change for these payments, one by one and in sum.
    #[arg(long, value_name = "FILE")]
    diff: Option<PathBuf>,

    /// How decisions are printed.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,

    /// The payments; `-` or nothing reads standard input.
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Ended {
    decisions(arguments).unwrap_or_else(|ended| ended)
}

fn decisions(arguments: &Arguments) -> Result<Ended, Ended> {
    let table = table(arguments)?;
    let old = match &arguments.diff {
        Some(path) => setup::usable_mapping(path)?.ok_or(Ended::Misused).map(Some)?,
        None => None,
    };
    let now = match &arguments.at {
        None => Clock::System.now(),
        Some(text) => Timestamp::read(text)
            .map_err(|reason| terminal::misused(&format!("--at {reason}: {text}")))?,
    };
    let bytes = setup::input(&arguments.file)?;
    let bodies = bodies(&bytes);
    if bodies.is_empty() {
        return Err(terminal::misused("there is no payment in the input"));
    }
    let user = User::default();
    let Table { mapping, currency } = &table;
    let ruling = Ruling { mapping, currency: *currency, user: Some(&user), now };
    if let Some(old) = &old {
        let before = Ruling { mapping: old, ..ruling };
        return Ok(difference::print(&bodies, (before, ruling), arguments.format));
    }
    let mut ended = Ended::Well;
    for body in bodies {
        let run = dry_run(&body, ruling);
        match arguments.format {
            Format::Json => terminal::data(&serde_json::to_string(&run).unwrap_or_default()),
            Format::Text => terminal::data(&text(&run, &body)),
        }
        if run.findings.has_error() {
            ended = Ended::WithErrors;
        }
    }
    Ok(ended)
}

/// What payments are decided with.
struct Table {
    mapping: Mapping,
    currency: Option<Currency>,
}

fn table(arguments: &Arguments) -> Result<Table, Ended> {
    if let Some(path) = &arguments.config {
        return configured(path, arguments.project.as_deref());
    }
    let mapping = match &arguments.mapping {
        Some(path) => setup::usable_mapping(path)?,
        None => setup::shipped_mapping(),
    };
    let mapping = mapping.ok_or(Ended::Misused)?;
    Ok(Table { mapping, currency: None })
}

fn configured(path: &Path, name: Option<&str>) -> Result<Table, Ended> {
    let (config, report) = config::load(path, &Onlooker);
    if report.has_error() {
        terminal::say(&report.draw(Colour::Always));
    }
    let config = config.ok_or(Ended::Misused)?;
    let project = match (name, config.projects.as_slice()) {
        (None, [only]) => Some(only),
        (name, projects) => projects.iter().find(|project| Some(project.name.as_str()) == name),
    };
    let Some(project) = project else {
        return Err(terminal::misused("name one of the configuration's projects with --project"));
    };
    Ok(Table { mapping: project.mapping.clone(), currency: project.currency })
}

/// The bodies of an object, an array, or lines. What is none of these is handed on as it is, so
/// that reading it says what is wrong.
pub(super) fn bodies(bytes: &[u8]) -> Vec<Vec<u8>> {
    match json::read(bytes) {
        Ok(Json::Array(items)) => {
            items.iter().map(|item| json::printed(item).into_bytes()).collect()
        }
        Ok(_) => vec![bytes.to_vec()],
        Err(_) => {
            let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
            lines.filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
        }
    }
}

fn text(run: &DryRun, body: &[u8]) -> String {
    let name = run.payment_id.as_deref().unwrap_or("(without payment_id)");
    let mut lines = Vec::new();
    match &run.decided {
        None => lines.push(format!("{name}: refused, nothing would be recorded")),
        Some((decision, way)) => {
            let because = decision.because.as_deref().map(|why| format!(": {why}"));
            lines.push(format!("{name}: {}{}", decision.verdict, because.unwrap_or_default()));
            lines.extend(way.rules.iter().map(tried));
            lines.extend(decision.events.iter().flat_map(|event| event_lines(event, way)));
        }
    }
    let findings = render::in_body(&run.findings, json::read(body).ok().as_ref());
    lines.extend(findings.lines().map(|line| format!("  {line}")));
    lines.join("\n")
}

fn event_lines(event: &FrozenEvent, way: &Way) -> Vec<String> {
    let FrozenEvent { event_name, event_id, dataset, body, .. } = event;
    let mut lines = vec![format!("  {event_name} {} to {dataset}", event_id.as_str())];
    let pretty = json::read(body.as_bytes()).map(|event| json::pretty(&event));
    let pretty = pretty.unwrap_or_else(|_| body.clone());
    let noted = margin::noted(&pretty, &way.from).into_iter();
    lines.extend(noted.map(|line| format!("    {line}")));
    lines
}

/// A rule, and whether it was taken.
fn tried(rule: &TriedRule) -> String {
    let TriedRule { line, event, outcome, refuted_by } = rule;
    let event = event.as_deref().unwrap_or("stays here");
    match (outcome, refuted_by) {
        (RuleOutcome::Taken, _) => format!("  rule of line {line} ({event}) is taken"),
        (RuleOutcome::NotTried, _) => {
            format!("  rule of line {line} ({event}) is not asked any more")
        }
        (RuleOutcome::Refuted, part) => {
            let part = part.as_deref().unwrap_or_default();
            format!("  rule of line {line} ({event}) does not hold: {part}")
        }
    }
}
