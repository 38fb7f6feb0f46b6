//! `tillpost catalog`: how many ids of these payments are in a product feed. Sends and stores nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ValueEnum;
use clap::builder::PossibleValue;
use serde::Serialize;

use super::payments::bodies;
use super::table::{Asked, Table, table};
use super::{Ended, Format, setup, terminal};
use crate::config::{self, System};
use crate::core::catalog::rate::{GOOD_PERCENT, MatchRate, Mended, RateReport};
use crate::core::catalog::{FIELDS, FeedFormat, FeedReport};
use crate::core::decide::{Case, Decision, decide};
use crate::core::finding::Code;
use crate::core::json;
use crate::core::mapping::shape::Rewrite;
use crate::core::mapping::{Action, DatasetName, Mapping};
use crate::core::money::Currency;
use crate::core::payment::{self, Arrival, PaymentId, PaymentType};
use crate::core::time::Timestamp;
use crate::core::user::User;

/// Compares payments with a product feed, without sending or storing anything.
///
/// Reads a feed as Meta does (CSV, TSV, RSS or Atom, also with gzip) and capture bodies (one JSON
/// object, an array, or one object a line), sends them through the mapping file, and prints the match
/// rate of each dataset, the ids that fail most with what was probably meant, and the lines of the
/// mapping file that would mend them. Each payment counts, however old it is. Exits with 1 if a rate
/// is below 90 %, or if there is none.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Example:
  tillpost catalog examples/catalog.csv examples/payments.ndjson")]
pub(super) struct Arguments {
    /// The product feed.
    #[arg(value_name = "FEED")]
    feed: PathBuf,

    /// The payments; `-` reads standard input.
    #[arg(value_name = "PAYMENTS")]
    payments: PathBuf,

    /// The mapping file. Without it: the one that this folder's tillpost.toml names, else this
    /// folder's mappings/commerce.toml, else the shipped one. stderr says which it is.
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,

    /// The project of tillpost.toml, where it has several with different mapping files.
    #[arg(long, value_name = "NAME", conflicts_with = "mapping")]
    project: Option<String>,

    /// How the feed is written, where its ending and content do not tell.
    #[arg(long, value_enum)]
    feed_format: Option<FeedFormat>,

    /// How the report is printed.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// The list that mapping files have, so that there is one.
impl ValueEnum for FeedFormat {
    fn value_variants<'a>() -> &'a [Self] {
        Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.as_str()).help(self.meaning().trim_end_matches('.')))
    }
}

/// How many ids, prices and lines a report names.
const WORST_SHOWN: usize = 10;

/// The report, as `--format json` prints it.
#[derive(Serialize)]
struct Report<'r> {
    feed: &'r FeedReport,
    payments: Payments,
    datasets: Vec<OfDataset>,
    price_differences: Prices,
}

/// What became of the payments.
#[derive(Debug, Default, Serialize)]
struct Payments {
    read: u64,
    /// Their bodies cannot be read.
    refused: u64,
    /// The mapping file makes no event of them.
    without_event: u64,
    /// Their events name no product.
    without_ids: u64,
}

#[derive(Serialize)]
struct OfDataset {
    dataset: String,
    #[serde(flatten)]
    rate: RateReport,
}

#[derive(Debug, Default, Serialize)]
struct Prices {
    payments: u64,
    first: Vec<PriceDifference>,
}

#[derive(Debug, Serialize)]
struct PriceDifference {
    payment_id: Option<String>,
    says: String,
}

/// What is counted while payments go by.
#[derive(Default)]
struct Tally {
    payments: Payments,
    rates: BTreeMap<DatasetName, MatchRate>,
    prices: Prices,
}

pub(super) fn run(arguments: &Arguments) -> Ended {
    compared(arguments).unwrap_or_else(|ended| ended)
}

fn compared(arguments: &Arguments) -> Result<Ended, Ended> {
    let Table { mapping, currency, .. } = table(Asked {
        mapping: arguments.mapping.as_deref(),
        config: None,
        project: arguments.project.as_deref(),
    })?;
    let path = arguments.feed.as_path();
    let format = arguments.feed_format;
    let (catalog, report) = config::feed::read(path, format, &System).map_err(|error| {
        terminal::misused(&format!("cannot read the feed {}: {error}", path.display()))
    })?;
    let mapping = mapping.with_catalog(Arc::new(catalog));
    let bytes = setup::input(&arguments.payments)?;
    let bodies = bodies(&arguments.payments, &bytes)?;
    let mut tally = Tally::default();
    for body in &bodies {
        tally.take(&body.bytes, (&mapping, currency));
    }
    let datasets = tally.rates.into_iter().map(|(dataset, rate)| OfDataset {
        dataset: dataset.to_string(),
        rate: rate.report(mapping.catalog(), WORST_SHOWN),
    });
    let report = Report {
        feed: &report,
        payments: tally.payments,
        datasets: datasets.collect(),
        price_differences: tally.prices,
    };
    match arguments.format {
        Format::Json => terminal::data(&serde_json::to_string(&report).unwrap_or_default()),
        Format::Text => terminal::data(&text(&report, path, &rewriting(&mapping))),
    }
    let is_good = |dataset: &OfDataset| dataset.rate.good == Some(true);
    let all_good = !report.datasets.is_empty() && report.datasets.iter().all(is_good);
    Ok(if all_good && report.feed.products > 0 { Ended::Well } else { Ended::WithErrors })
}

impl Tally {
    fn take(&mut self, body: &[u8], (mapping, currency): (&Mapping, Option<Currency>)) {
        self.payments.read += 1;
        let default_country = mapping.default_country();
        // Each payment is decided at its own time, so that its age leaves none out.
        let received_at = Timestamp::from_seconds(0);
        let json = json::read(body).ok();
        let reading =
            json.map(|json| payment::read(json, Arrival { received_at, default_country }));
        let Some(payment) = reading.and_then(|reading| reading.value) else {
            self.payments.refused += 1;
            return;
        };
        let decision = decide(Case {
            mapping,
            payment: &payment,
            user: Some(&User::default()),
            currency,
            record_id: "(an id of its own)",
            now: payment.time(),
        });
        self.note(payment.payment_id.as_ref(), &decision);
    }

    fn note(&mut self, payment_id: Option<&PaymentId>, decision: &Decision) {
        let Some(lookup) = &decision.lookup else {
            self.payments.without_event += 1;
            return;
        };
        self.payments.without_ids += u64::from(lookup.ids.is_empty());
        for dataset in &lookup.datasets {
            self.rates.entry(dataset.clone()).or_default().note(lookup);
        }
        let differs = decision.findings.iter().find(|f| f.code == Code::PriceDiffers);
        let Some(finding) = differs else { return };
        self.prices.payments += 1;
        if self.prices.first.len() < WORST_SHOWN {
            let payment_id = payment_id.map(|id| id.as_str().to_owned());
            self.prices.first.push(PriceDifference { payment_id, says: finding.says.clone() });
        }
    }
}

/// The lines of the rules in which a `content_id` counts.
fn rewriting(mapping: &Mapping) -> Vec<usize> {
    let rules = PaymentType::ALL.iter().flat_map(|kind| mapping.rules(*kind));
    let rewrites = rules.filter(|rule| match &rule.action {
        Action::Forward(forward) => forward.shape.content_id != Rewrite::default(),
        Action::Withhold { .. } => false,
    });
    let lines: BTreeSet<usize> = rewrites.map(|rule| rule.line).collect();
    lines.into_iter().collect()
}

fn text(report: &Report<'_>, path: &Path, rewriting: &[usize]) -> String {
    let FeedReport { rows, products, groups, fields, troubles } = report.feed;
    let shown = path.display();
    let mut lines = vec![
        format!("{shown}: products {products}, groups {groups}, rows {rows}"),
        recognised(fields),
    ];
    for trouble in troubles {
        let at: Vec<String> = trouble.lines.iter().map(u64::to_string).collect();
        let (rows, what) = (trouble.rows, trouble.problem.says());
        lines.push(format!("  rows that {what}: {rows}, first in line {}", at.join(", ")));
        lines.push(format!("    help: {}", trouble.problem.help()));
    }
    let Payments { read, refused, without_event, without_ids } = report.payments;
    lines.push(format!("payments: {read}"));
    for (count, what) in [
        (refused, "cannot be read (`tillpost decide` says why)"),
        (without_event, "become no event under the mapping file"),
        (without_ids, "become an event that names no product"),
    ] {
        if count > 0 {
            lines.push(format!("  that {what}: {count}"));
        }
    }
    for OfDataset { dataset, rate } in &report.datasets {
        lines.extend(of_dataset(dataset, rate, rewriting));
    }
    let Prices { payments, first } = &report.price_differences;
    if *payments > 0 {
        lines.push(format!("\npayments with a price that differs from the catalogue: {payments}"));
        for PriceDifference { payment_id, says } in first {
            let name = payment_id.as_deref().unwrap_or("(without payment_id)");
            lines.push(terminal::escaped(&format!("  {name}: {says}")).into_owned());
        }
    }
    lines.join("\n")
}

/// Which fields of the feed are read, and which it lacks.
fn recognised(fields: &[&str]) -> String {
    let missing: Vec<&str> = FIELDS.into_iter().filter(|field| !fields.contains(field)).collect();
    let listed =
        |names: &[&str]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let (read, missing) = (listed(fields), listed(&missing));
    format!("  fields that are read: {read}; not in the feed: {missing}")
}

fn of_dataset(dataset: &str, rate: &RateReport, rewriting: &[usize]) -> Vec<String> {
    let RateReport { events, seen, matched, rate_percent, good, worst, mends } = rate;
    let Some(percent) = rate_percent else {
        return vec![format!("\n{dataset}: no event names a product, so there is no match rate")];
    };
    let verdict = match good {
        Some(true) => "good",
        Some(false) | None => "too low",
    };
    let mut lines = vec![format!(
        "\n{dataset}: {percent} % of the ids match (ids {seen}, found {matched}, events {events}): {verdict}, Meta wants {GOOD_PERCENT} % or more"
    )];
    if !worst.is_empty() {
        lines.push("  ids that are not in the feed, the most frequent first:".to_owned());
    }
    for missed in worst {
        let meant = match (&missed.did_you_mean, &missed.help) {
            (Some(id), _) => format!(", did you mean `{id}`?"),
            (None, Some(help)) => format!(": {help}"),
            (None, None) => String::new(),
        };
        let line = format!("    {:>6} × `{}`{meant}", missed.times, missed.id);
        lines.push(terminal::escaped(&line).into_owned());
    }
    if !mends.is_empty() {
        let one = if mends.len() > 1 { "one of these lines" } else { "a line" };
        lines.push(format!(
            "  {one} for the mapping file, under [defaults] or in a rule; after an edit, run this again:"
        ));
    }
    for Mended { line, ids, breaks, rate_percent } in mends {
        let breaks = if *breaks == 0 { "none".to_owned() } else { breaks.to_string() };
        lines.push(format!(
            "    {line}   # {percent} % → {rate_percent} %; mends {ids}, breaks {breaks}"
        ));
    }
    if !mends.is_empty() && !rewriting.is_empty() {
        let rules: Vec<String> = rewriting.iter().map(usize::to_string).collect();
        lines.push(format!(
            "    a `content_id` counts already in the rules of lines {}: add the keys to that one",
            rules.join(", ")
        ));
    }
    lines
}
