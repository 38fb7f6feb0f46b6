//! One mapping file: read and compiled, with the product feed it names, and what there is to say.
//!
//! In: a path and a [`World`] to read it from. Out: the mapping, unless an error forbids it, and
//! the report. Everybody who needs a mapping (`tillpost.toml`, the reload of a running service,
//! `check`, `decide`, `test`) gets it here, so that all see the same file in the same way.
//!
//! A feed that cannot be read is an error of the mapping file: a reload then keeps the mapping and
//! the catalogue that it has. Only a start is content without: it has no older one to keep, and
//! payments count for more than what they are compared with.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::feed::FeedError;
use super::super::world::FeedStamp;
use super::super::{FileReport, System, World, feed};
use crate::core::catalog::{Feed, FeedReport};
use crate::core::finding::{At, Code, Finding, Findings, Severity};
use crate::core::json::shortened;
use crate::core::mapping::{self, Datasets, Mapping};

/// Reads and compiles a mapping file, and reads the feed that it names.
///
/// # Errors
/// Whatever the file system says, if the file cannot be read; faults of its text, and of the feed,
/// are findings.
pub fn mapping_file(
    path: &Path,
    datasets: Datasets<'_>,
    world: &dyn World,
) -> io::Result<(Option<Mapping>, FileReport)> {
    let text = world.file(path)?;
    Ok(strict(with_feed(path, text, datasets, world)))
}

/// The same for a service that starts: a mapping whose feed cannot be read is taken without a
/// catalogue, and what is wrong is a warning.
pub(super) fn at_a_start(
    path: &Path,
    datasets: Datasets<'_>,
    world: &dyn World,
) -> io::Result<(Option<Mapping>, FileReport)> {
    let text = world.file(path)?;
    let (mapping, mut report) = with_feed(path, text, datasets, world);
    let softer = |finding: Finding| {
        let is_of_feed = matches!(finding.code, Code::FeedUnreadable | Code::FeedEmpty);
        if is_of_feed { finding.weighing(Severity::Warning) } else { finding }
    };
    report.findings = report.findings.into_iter().map(softer).collect();
    Ok((mapping, report))
}

/// Compiles the text of a mapping file that stands, or would stand, at `path`. The feed that it
/// names is read from this machine.
#[must_use]
pub fn compiled(
    path: &Path,
    text: String,
    datasets: Datasets<'_>,
) -> (Option<Mapping>, FileReport) {
    strict(with_feed(path, text, datasets, &System))
}

/// What tells whether the feed of a mapping file has changed since; `None` where the file names
/// none, or where it is not there.
#[must_use]
pub fn feed_stamp(path: &Path, mapping: &Mapping, world: &dyn World) -> Option<FeedStamp> {
    world.stamp(&place(path, mapping.feed()?))
}

/// Where a feed is: relative to the folder of its mapping file.
fn place(path: &Path, feed: &Feed) -> PathBuf {
    path.parent().unwrap_or(Path::new("")).join(&feed.path)
}

fn strict((mapping, report): (Option<Mapping>, FileReport)) -> (Option<Mapping>, FileReport) {
    (mapping.filter(|_| !report.findings.has_error()), report)
}

/// Compiles a mapping file and attaches the catalogue, if its feed can be read.
fn with_feed(
    path: &Path,
    text: String,
    datasets: Datasets<'_>,
    world: &dyn World,
) -> (Option<Mapping>, FileReport) {
    let (mut mapping, mut findings) = mapping::compile(&text, datasets);
    if let Some(feed) = mapping.as_ref().and_then(Mapping::feed).cloned() {
        match feed::read(&place(path, &feed), feed.format, world) {
            Ok((catalog, report)) => {
                findings.extend(about_rows(&feed, &report));
                if report.products > 0 {
                    mapping = mapping.map(|mapping| mapping.with_catalog(Arc::new(catalog)));
                }
            }
            Err(error) => {
                let says = format!("cannot read the feed `{}`: {error}", shortened(&feed.path));
                let finding = Finding::new(Code::FeedUnreadable, At::Span(feed.span), says);
                findings.push(finding.help(what_to_do(&error)));
            }
        }
    }
    (mapping, FileReport { path: path.to_owned(), text, findings })
}

/// How to come by a feed that can be read.
fn what_to_do(error: &FeedError) -> &'static str {
    match error {
        FeedError::QuoteNotClosed { .. } => {
            "close it, or write two quotation marks for one within a value: \"5\"\" tv\""
        }
        FeedError::Io(_)
        | FeedError::Table(_)
        | FeedError::Xml { .. }
        | FeedError::TooDeep
        | FeedError::CutOff
        | FeedError::NameTooLong { .. }
        | FeedError::TooManyColumns { .. }
        | FeedError::Utf16 => {
            "write a path relative to the folder of this file, to a CSV, TSV, RSS or Atom file"
        }
    }
}

/// What the rows of a feed are worth a finding for.
fn about_rows(feed: &Feed, report: &FeedReport) -> Findings {
    let at = || At::Span(feed.span.clone());
    let name = shortened(&feed.path);
    if report.products == 0 {
        let says = match report.rows {
            0 => format!("the feed `{name}` has no product"),
            rows => format!("none of the {rows} rows of the feed `{name}` has a usable `id`"),
        };
        let help = "name the columns `id`, `item_group_id`, `price` and `sale_price` in the first line, with commas or tabs between";
        return Findings::from_iter([Finding::new(Code::FeedEmpty, at(), says).help(help)]);
    }
    let about = report.troubles.iter().map(|trouble| {
        let lines: Vec<String> = trouble.lines.iter().map(u64::to_string).collect();
        let (rows, all) = (trouble.rows, report.rows);
        let what = trouble.problem.says();
        let lines = lines.join(", ");
        let says = format!("rows of the feed that {what}: {rows} of {all}, first in line {lines}");
        Finding::new(Code::FeedRows, at(), says).help(trouble.problem.help())
    });
    about.collect()
}
