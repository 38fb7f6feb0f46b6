//! `tillpost decide`: what would become of these payments. Sends and stores nothing.

use std::path::PathBuf;

use super::difference::{self, Side};
use super::payments::{Body, bodies};
use super::table::{Asked, Table, table};
use super::{Ended, Format, margin, setup, terminal};
use crate::clock::Clock;
use crate::core::decide::{FrozenEvent, RuleOutcome, TriedRule, Way};
use crate::core::dry_run::{DryRun, Ruling, dry_run};
use crate::core::finding::render;
use crate::core::json;
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
    /// The mapping file. Without it: the one that --config or this folder's tillpost.toml names,
    /// else this folder's mappings/commerce.toml, else the shipped one. stderr says which it is.
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,

    /// The configuration whose mapping and currency are used.
    #[arg(long, value_name = "FILE", conflicts_with = "mapping")]
    config: Option<PathBuf>,

    /// The project of the configuration, where it has more than one.
    #[arg(long, value_name = "NAME", conflicts_with = "mapping")]
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
    let Table { mapping, currency, name } = table(Asked {
        mapping: arguments.mapping.as_deref(),
        config: arguments.config.as_deref(),
        project: arguments.project.as_deref(),
    })?;
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
    let bodies = bodies(&arguments.file, &bytes)?;
    let user = User::default();
    let ruling = Ruling { mapping: &mapping, currency, user: Some(&user), now };
    if let (Some(old), Some(path)) = (&old, &arguments.diff) {
        terminal::say(&format!("compared with: {}", path.display()));
        let before =
            Side { name: path.display().to_string(), ruling: Ruling { mapping: old, ..ruling } };
        return Ok(difference::print(&bodies, (before, Side { name, ruling }), arguments.format));
    }
    let mut ended = Ended::Well;
    for body in bodies {
        let run = tried_out(&body, ruling);
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

/// A dry run of one payment of a file.
pub(super) fn tried_out(body: &Body, ruling: Ruling<'_>) -> DryRun {
    match body.fault() {
        Some(fault) => DryRun::not_json(&fault),
        None => dry_run(&body.bytes, ruling),
    }
}

fn text(run: &DryRun, body: &Body) -> String {
    let name = run.payment_id.as_deref().unwrap_or("(without payment_id)");
    let mut lines = Vec::new();
    match &run.decided {
        None => {
            let id = run.payment_id.as_deref().map(|id| format!(", payment_id {id}"));
            let (place, id) = (&body.place, id.unwrap_or_default());
            let line = format!("{place}{id}: refused, nothing would be recorded");
            lines.push(terminal::escaped(&line).into_owned());
        }
        Some((decision, way)) => {
            let because = decision.because.as_deref().map(|why| format!(": {why}"));
            let line = format!("{name}: {}{}", decision.verdict, because.unwrap_or_default());
            lines.push(terminal::escaped(&line).into_owned());
            lines.extend(way.rules.iter().map(tried));
            lines.extend(decision.events.iter().flat_map(|event| event_lines(event, way)));
        }
    }
    let findings = render::in_body(&run.findings, json::read(&body.bytes).ok().as_ref());
    lines.extend(findings.lines().map(|line| format!("  {line}")));
    lines.join("\n")
}

fn event_lines(event: &FrozenEvent, way: &Way) -> Vec<String> {
    let FrozenEvent { event_name, event_id, dataset, body, .. } = event;
    let head = format!("  {event_name} {} to {dataset}", event_id.as_str());
    let mut lines = vec![terminal::escaped(&head).into_owned()];
    let pretty = json::read(body.as_bytes()).map(|event| json::pretty(&event));
    let pretty = pretty.unwrap_or_else(|_| body.clone());
    // The margin has colours of ours, so that each line is looked at before.
    let pretty = terminal::lined(&pretty.lines().map(str::to_owned).collect::<Vec<_>>());
    let noted = margin::noted(&pretty, &way.from).into_iter();
    lines.extend(noted.map(|line| format!("    {line}")));
    lines
}

/// A rule, and whether it was taken.
pub(super) fn tried(rule: &TriedRule) -> String {
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
