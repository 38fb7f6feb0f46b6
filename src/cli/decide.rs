//! `tillpost decide`: what would become of these payments. Sends and stores nothing.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::value::RawValue;

use super::{Ended, Format, setup, terminal};
use crate::clock::Clock;
use crate::config::{self, Onlooker};
use crate::core::decide::{Case, Decision, FrozenEvent, Verdict, decide};
use crate::core::finding::render::{self, Colour};
use crate::core::finding::{Code, Finding, Findings};
use crate::core::json::{self, Json};
use crate::core::mapping::{self, Mapping};
use crate::core::money::Currency;
use crate::core::payment::{self, Arrival, PaymentId};
use crate::core::time::Timestamp;
use crate::core::user::User;

/// Decides payments without sending or storing anything.
///
/// Reads capture bodies (one JSON object, an array, or one object a line) and prints for each what
/// would become of it: the verdict, the exact event for Meta, everything there is to say. Users
/// count as known.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Example:
  echo '{\"user_id\": \"666\", \"amount\": 500, \"currency\": \"INR\", \"type\": \"WALLET_TOPUP\"}' | tillpost decide")]
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

    /// How decisions are printed.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,

    /// The payments; `-` or nothing reads standard input.
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
}

/// One payment and what would become of it, as `--format json` prints it.
#[derive(Serialize)]
struct Decided<'d> {
    payment_id: Option<&'d str>,
    /// Absent where the body is refused.
    #[serde(flatten)]
    decision: Option<Printed<'d>>,
    refused: bool,
    findings: &'d Findings,
}

#[derive(Serialize)]
struct Printed<'d> {
    verdict: Verdict,
    reason: Option<crate::core::decide::Reason>,
    because: Option<&'d str>,
    events: Vec<PrintedEvent<'d>>,
    mapping: &'d mapping::MappingVersion,
}

#[derive(Serialize)]
struct PrintedEvent<'d> {
    event_name: &'d str,
    event_id: &'d crate::core::meta::EventId,
    dataset: &'d mapping::DatasetName,
    /// The exact bytes for Meta.
    event: Box<RawValue>,
}

pub(super) fn run(arguments: &Arguments) -> Ended {
    decisions(arguments).unwrap_or_else(|ended| ended)
}

fn decisions(arguments: &Arguments) -> Result<Ended, Ended> {
    let table = table(arguments)?;
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
    let mut ended = Ended::Well;
    for body in bodies {
        if decided(&body, &table, now, arguments.format) == Ended::WithErrors {
            ended = Ended::WithErrors;
        }
    }
    Ok(ended)
}

/// What payments are decided with.
struct Ruling {
    mapping: Mapping,
    currency: Option<Currency>,
}

fn table(arguments: &Arguments) -> Result<Ruling, Ended> {
    if let Some(path) = &arguments.config {
        return configured(path, arguments.project.as_deref());
    }
    let mapping = match &arguments.mapping {
        Some(path) => setup::usable_mapping(path)?,
        None => setup::shipped_mapping(),
    };
    let mapping = mapping.ok_or(Ended::Misused)?;
    Ok(Ruling { mapping, currency: None })
}

fn configured(path: &Path, name: Option<&str>) -> Result<Ruling, Ended> {
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
    Ok(Ruling { mapping: project.mapping.clone(), currency: project.currency })
}

/// The bodies of an object, an array, or lines. What is none of these is handed on as it is, so
/// that reading it says what is wrong.
fn bodies(bytes: &[u8]) -> Vec<Vec<u8>> {
    match json::read(bytes) {
        Ok(Json::Array(items)) => items.iter().map(|item| item.to_string().into_bytes()).collect(),
        Ok(_) => vec![bytes.to_vec()],
        Err(_) => {
            let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
            lines.filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
        }
    }
}

fn decided(body: &[u8], ruling: &Ruling, now: Timestamp, format: Format) -> Ended {
    let json = match json::read(body) {
        Ok(json) => json,
        Err(fault) => {
            let says = format!("the body is not JSON: {fault}");
            let findings = Findings::from_iter([Finding::in_body(Code::NotJson, "", says)]);
            return print((None, None), &findings, (body, format));
        }
    };
    let default_country = ruling.mapping.default_country();
    let reading = payment::read(json, Arrival { received_at: now, default_country });
    let Some(payment) = reading.value else {
        return print((None, None), &reading.findings, (body, format));
    };
    let user = User::default();
    let decision = decide(Case {
        mapping: &ruling.mapping,
        payment: &payment,
        user: Some(&user),
        currency: ruling.currency,
        record_id: "(an id of its own)",
        now,
    });
    let mut findings = reading.findings;
    findings.extend(decision.findings.clone());
    let payment_id = payment.payment_id.as_ref().map(PaymentId::as_str);
    print((payment_id, Some(&decision)), &findings, (body, format))
}

fn print(
    (payment_id, decision): (Option<&str>, Option<&Decision>),
    findings: &Findings,
    (body, format): (&[u8], Format),
) -> Ended {
    let printed = decision.map(|decision| Printed {
        verdict: decision.verdict,
        reason: decision.reason,
        because: decision.because.as_deref(),
        events: decision.events.iter().filter_map(printed_event).collect(),
        mapping: &decision.mapping,
    });
    let decided = Decided { payment_id, refused: printed.is_none(), decision: printed, findings };
    match format {
        Format::Json => terminal::data(&serde_json::to_string(&decided).unwrap_or_default()),
        Format::Text => terminal::data(&text(&decided, decision, body)),
    }
    if findings.has_error() { Ended::WithErrors } else { Ended::Well }
}

fn printed_event(event: &FrozenEvent) -> Option<PrintedEvent<'_>> {
    let body = RawValue::from_string(event.body.clone()).ok()?;
    let FrozenEvent { event_name, event_id, dataset, .. } = event;
    Some(PrintedEvent { event_name, event_id, dataset, event: body })
}

fn text(decided: &Decided<'_>, decision: Option<&Decision>, body: &[u8]) -> String {
    let name = decided.payment_id.unwrap_or("(without payment_id)");
    let mut lines = vec![match decision {
        None => format!("{name}: refused, nothing would be recorded"),
        Some(decision) => {
            let because = decision.because.as_deref().map(|why| format!(": {why}"));
            format!("{name}: {}{}", decision.verdict, because.unwrap_or_default())
        }
    }];
    for event in decision.iter().flat_map(|decision| &decision.events) {
        let FrozenEvent { event_name, event_id, dataset, body, .. } = event;
        lines.push(format!("  {event_name} {} to {dataset}", event_id.as_str()));
        let pretty = json::read(body.as_bytes()).map(|event| json::pretty(&event));
        let pretty = pretty.unwrap_or_else(|_| body.clone());
        lines.extend(pretty.lines().map(|line| format!("    {line}")));
    }
    let findings = render::in_body(decided.findings, json::read(body).ok().as_ref());
    lines.extend(findings.lines().map(|line| format!("  {line}")));
    lines.join("\n")
}
