//! `[catalog]`: which product feed the events are compared with.
//!
//! In: the file's table. Out: a [`Feed`], or findings at their places. The feed itself is read by
//! `config`, because it is another file.

use crate::core::catalog::{Feed, FeedFormat};
use crate::core::finding::{At, Code, Finding, Findings};
use crate::core::toml_reader::Table;

/// `[catalog]` with `feed = "catalog.csv"` and, where the ending does not tell, `format`.
pub(super) fn read(file: &mut Table<'_, '_>, findings: &mut Findings) -> Option<Feed> {
    let mut table = file.table("catalog", findings)?;
    if table.get("feed").is_none() {
        table.missing("feed", "write feed = \"catalog.csv\"", findings);
    }
    let path = table.text("feed", findings);
    let format = table.word("format", FeedFormat::ALL, FeedFormat::as_str, findings);
    table.finish(findings);
    let path = path?;
    if path.value.trim().is_empty() {
        let finding = Finding::new(Code::MappingMissing, At::Span(path.span), "`feed` is blank");
        findings.push(finding.help("write feed = \"catalog.csv\""));
        return None;
    }
    let format = format.map(|word| word.value);
    Some(Feed { path: path.value.to_owned(), format, span: path.span })
}
