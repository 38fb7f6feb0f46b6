//! What the engine has to say about an input: a [`Finding`], as a value.
//!
//! A finding has a stable code, a severity, one sentence, a place and, where we can give one, the
//! way out. Checks make findings; drawing them is somebody else's job (`render`), so that the
//! HTTP answer, the command line and the store show the same thing. Everything wrong with an
//! input is collected in one pass into [`Findings`], errors first.

pub mod code;
pub mod placed;
pub mod render;

use std::ops::Range;

use serde::ser::{Serialize, SerializeMap as _, Serializer};

pub use code::Code;
pub use placed::{Placed, placed};

use super::names::closed_list;

closed_list! {
    /// How much a finding weighs.
    pub enum Severity {
        /// The event (or the request, or the file) cannot be used as it is.
        Error = "error",
        /// It is used, and somebody should look.
        Warning = "warning",
        /// Nothing is wrong; worth knowing.
        Note = "note",
    }
}

/// Most findings that are shown of one input. More would bury the first, which is the useful one.
pub const FINDINGS_MAX: usize = 50;

/// Most findings of one code that one input collects. The bound is per code, so that many of one
/// kind never hide another: what a verdict depends on must not depend on how much else is wrong.
pub const OF_ONE_CODE_MAX: usize = 20;

/// Where in the input a finding points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    /// A place in a JSON body, as a JSON pointer (RFC 6901): `/event_data/contents/0/quantity`.
    Pointer(String),
    /// A place in a TOML file, in bytes from its start.
    Span(Range<usize>),
}

impl At {
    /// The whole body.
    #[must_use]
    pub const fn body() -> Self {
        Self::Pointer(String::new())
    }
}

/// One thing the engine says about an input.
///
/// `says` stands alone, names the field in backticks, has no full stop, and never repeats a value
/// that may be personal. `help` is an instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The stable name of what was found; `tillpost explain CODE` prints its page.
    pub code: Code,
    /// How much it weighs here. The code's own severity, unless a mapping file changed it.
    pub severity: Severity,
    /// One sentence.
    pub says: String,
    /// The place.
    pub at: At,
    /// What to do, where there is one thing to do.
    pub help: Option<String>,
}

impl Finding {
    /// A finding of the code's own severity.
    #[must_use]
    pub fn new(code: Code, at: At, says: impl Into<String>) -> Self {
        Self { code, severity: code.severity(), says: says.into(), at, help: None }
    }

    /// A finding in a JSON body.
    #[must_use]
    pub fn in_body(code: Code, pointer: impl Into<String>, says: impl Into<String>) -> Self {
        Self::new(code, At::Pointer(pointer.into()), says)
    }

    /// The same finding with an instruction.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same finding at another severity.
    #[must_use]
    pub fn weighing(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }
}

/// As the HTTP answer and `--format json` show it: `{"code", "severity", "says", "at", "help"}`.
impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(5))?;
        map.serialize_entry("code", self.code.as_str())?;
        map.serialize_entry("severity", &self.severity)?;
        map.serialize_entry("says", &self.says)?;
        match &self.at {
            At::Pointer(pointer) => map.serialize_entry("at", pointer)?,
            At::Span(span) => map.serialize_entry("at", &[span.start, span.end])?,
        }
        map.serialize_entry("help", &self.help)?;
        map.end()
    }
}

/// All findings on one input: errors first, otherwise in the order in which they were found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// Adds a finding, unless [`OF_ONE_CODE_MAX`] of its code are there already.
    pub fn push(&mut self, finding: Finding) {
        let same = |earlier: &&Finding| {
            earlier.code == finding.code && earlier.severity == finding.severity
        };
        if self.0.iter().filter(same).count() >= OF_ONE_CODE_MAX {
            return;
        }
        let place = self.0.partition_point(|earlier| earlier.severity <= finding.severity);
        self.0.insert(place, finding);
    }

    /// The findings that are shown: errors first, [`FINDINGS_MAX`] at most.
    pub fn shown(&self) -> impl Iterator<Item = &Finding> {
        self.0.iter().take(FINDINGS_MAX)
    }

    /// Adds all of `others`.
    pub fn extend(&mut self, others: impl IntoIterator<Item = Finding>) {
        others.into_iter().for_each(|finding| self.push(finding));
    }

    /// Whether something forbids using the input.
    #[must_use]
    pub fn has_error(&self) -> bool {
        self.0.first().is_some_and(|first| first.severity == Severity::Error)
    }

    /// Whether there is anything to say.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The findings in the order of their places in a file, as its reader meets them.
    #[must_use]
    pub fn by_place(&self) -> Vec<&Finding> {
        let start = |finding: &&Finding| match &finding.at {
            At::Span(span) => span.start,
            At::Pointer(_) => 0,
        };
        let mut sorted: Vec<&Finding> = self.0.iter().collect();
        sorted.sort_by_key(start);
        sorted
    }

    /// The findings, errors first.
    pub fn iter(&self) -> std::slice::Iter<'_, Finding> {
        self.0.iter()
    }
}

impl Serialize for Findings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.shown())
    }
}

impl IntoIterator for Findings {
    type Item = Finding;
    type IntoIter = std::vec::IntoIter<Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'f> IntoIterator for &'f Findings {
    type Item = &'f Finding;
    type IntoIter = std::slice::Iter<'f, Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl FromIterator<Finding> for Findings {
    fn from_iter<I: IntoIterator<Item = Finding>>(findings: I) -> Self {
        let mut all = Self::default();
        all.extend(findings);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(severity: Severity, says: &str) -> Finding {
        Finding::in_body(Code::ValueDiffers, "/x", says).weighing(severity)
    }

    #[test]
    fn errors_come_first_and_equals_keep_their_order() {
        use Severity::{Error, Note, Warning};
        let all: Findings = [(Note, "a"), (Error, "b"), (Warning, "c"), (Error, "d"), (Note, "e")]
            .into_iter()
            .map(|(severity, says)| finding(severity, says))
            .collect();
        let order: Vec<&str> = all.iter().map(|f| f.says.as_str()).collect();
        assert_eq!(order, ["b", "d", "c", "a", "e"]);
        assert!(all.has_error());
    }

    #[test]
    fn no_finding_is_crowded_out_by_many_of_another_code() {
        let mut all = Findings::default();
        for code in Code::ALL {
            for _ in 0..1_000 {
                all.push(Finding::in_body(*code, "/x", "again and again"));
            }
        }
        for code in Code::ALL {
            let count = all.iter().filter(|finding| finding.code == *code).count();
            assert_eq!(count, OF_ONE_CODE_MAX, "{code}");
        }
        assert!(all.has_error());
        assert_eq!(all.shown().count(), FINDINGS_MAX);
    }
}
