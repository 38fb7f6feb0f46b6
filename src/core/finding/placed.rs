//! A finding on a file with its line and column, as programs read it.
//!
//! In: a finding and the text of its file. Out: one flat value, the same for `check --format json`,
//! the annotations of a forge, and the admin API.

use serde::Serialize;

use super::render::line_and_column;
use super::{At, Findings, Severity};

/// A finding in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Placed {
    /// Its code.
    pub code: &'static str,
    /// How much it weighs.
    pub severity: Severity,
    /// One sentence.
    pub says: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What to do.
    pub help: Option<String>,
}

/// The findings on a file, as its reader meets them.
#[must_use]
pub fn placed(findings: &Findings, text: &str) -> Vec<Placed> {
    let place = |at: &At| match at {
        At::Span(span) => line_and_column(text, span.start),
        At::Pointer(_) => (1, 1),
    };
    let findings = findings.by_place().into_iter().map(|finding| {
        let (line, column) = place(&finding.at);
        Placed {
            code: finding.code.as_str(),
            severity: finding.severity,
            says: finding.says.clone(),
            line,
            column,
            help: finding.help.clone(),
        }
    });
    findings.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::finding::{Code, Finding};

    #[test]
    fn places_are_counted_in_characters_from_one() {
        let text = "version = 1\nnäme = 2\n";
        let start = text.find('2').expect("a digit");
        let finding = Finding::new(Code::MappingKey, At::Span(start..start + 1), "says");
        let placed = placed(&Findings::from_iter([finding]), text);
        assert_eq!((placed[0].line, placed[0].column), (2, 8));
    }
}
