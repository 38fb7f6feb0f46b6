//! Results of tests as JUnit writes them, which every CI reads.
//!
//! In: the suites. Out: one XML document: a `testsuite` a mapping file, a `testcase` a test. A file
//! that cannot be used is a test case with an error, so that CI shows it. Deliberately absent: the
//! time that a test took, which says nothing of a mapping file.
//!
//! Source: there is no standard; the elements are those that Jenkins, GitLab and GitHub's reporters
//! read. `file` and `line` are read by some of them.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::{Suite, Tried, told};
use crate::core::finding::render::{self, Colour, line_and_column};
use crate::core::finding::{At, Severity};
use crate::core::trial::Difference;

type Xml = Writer<Vec<u8>>;

/// The document.
pub(super) fn document(suites: &[Suite]) -> io::Result<String> {
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let all: Vec<Counts> = suites.iter().map(counts).collect();
    let total = |count: fn(&Counts) -> usize| all.iter().map(count).sum::<usize>().to_string();
    let (tests, failures) = (total(|counts| counts.tests), total(|counts| counts.failures));
    let errors = total(|counts| counts.errors);
    xml.create_element("testsuites")
        .with_attribute(("name", "tillpost test"))
        .with_attribute(("tests", tests.as_str()))
        .with_attribute(("failures", failures.as_str()))
        .with_attribute(("errors", errors.as_str()))
        .write_inner_content(|xml| suites.iter().try_for_each(|found| suite(xml, found)))?;
    String::from_utf8(xml.into_inner()).map_err(io::Error::other)
}

struct Counts {
    tests: usize,
    failures: usize,
    errors: usize,
}

fn counts(suite: &Suite) -> Counts {
    let failures = suite.tried.iter().filter(|tried| !tried.trial.passed()).count();
    let errors = usize::from(suite.is_broken);
    Counts { tests: suite.tried.len() + errors, failures, errors }
}

fn suite(xml: &mut Xml, suite: &Suite) -> io::Result<()> {
    let Counts { tests, failures, errors } = counts(suite);
    let path = printable(&suite.path);
    xml.create_element("testsuite")
        .with_attribute(("name", path.as_str()))
        .with_attribute(("file", path.as_str()))
        .with_attribute(("tests", tests.to_string().as_str()))
        .with_attribute(("failures", failures.to_string().as_str()))
        .with_attribute(("errors", errors.to_string().as_str()))
        .with_attribute(("skipped", "0"))
        .write_inner_content(|xml| {
            if suite.is_broken {
                broken(xml, suite)?;
            }
            suite.tried.iter().try_for_each(|tried| case(xml, &path, tried))
        })?;
    Ok(())
}

fn case(xml: &mut Xml, path: &str, Tried { name, line, trial }: &Tried) -> io::Result<()> {
    let (name, line) = (printable(name), line.to_string());
    let element = xml
        .create_element("testcase")
        .with_attribute(("name", name.as_str()))
        .with_attribute(("classname", path))
        .with_attribute(("file", path))
        .with_attribute(("line", line.as_str()));
    if trial.passed() {
        element.write_empty()?;
        return Ok(());
    }
    let short = |Difference { key, expected, got }: &Difference| {
        format!("{key}: expected {expected}, got {got}")
    };
    let message: Vec<String> = trial.differences.iter().map(short).collect();
    let story = anstream::adapter::strip_str(&told(trial)).to_string();
    element.write_inner_content(|xml| {
        complaint(xml, ("failure", "difference"), &message.join("; "), &story)
    })?;
    Ok(())
}

/// The file itself as a test case, at its first error.
fn broken(xml: &mut Xml, suite: &Suite) -> io::Result<()> {
    let path = printable(&suite.path);
    let is_error = |severity| severity == Severity::Error;
    let errors = suite.file.findings.by_place();
    let first = errors.into_iter().find(|finding| is_error(finding.severity));
    let line = first.map_or(1, |finding| match &finding.at {
        At::Span(span) => line_and_column(&suite.file.text, span.start).0,
        At::Pointer(_) => 1,
    });
    let code = first.map_or("error", |finding| finding.code.as_str());
    let says = first.map_or("the file cannot be used", |finding| finding.says.as_str());
    let source = render::Source { path: &suite.path, text: &suite.file.text };
    let story = render::in_file(&suite.file.findings, source, Colour::Never);
    xml.create_element("testcase")
        .with_attribute(("name", "the file can be used"))
        .with_attribute(("classname", path.as_str()))
        .with_attribute(("file", path.as_str()))
        .with_attribute(("line", line.to_string().as_str()))
        .write_inner_content(|xml| complaint(xml, ("error", code), says, &story))?;
    Ok(())
}

fn complaint(
    xml: &mut Xml,
    (element, kind): (&str, &str),
    message: &str,
    story: &str,
) -> io::Result<()> {
    xml.create_element(element)
        .with_attribute(("message", printable(message).as_str()))
        .with_attribute(("type", kind))
        .write_text_content(BytesText::new(&printable(story)))?;
    Ok(())
}

/// XML has no way to write control characters, not even escaped.
fn printable(text: &str) -> String {
    let is_allowed = |c: char| !c.is_control() || matches!(c, '\n' | '\t');
    let is_character = |c: char| !matches!(c, '\u{fffe}' | '\u{ffff}');
    text.chars().map(|c| if is_allowed(c) && is_character(c) { c } else { '\u{fffd}' }).collect()
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn what_xml_cannot_say_is_replaced() {
        for (text, expected) in [
            ("a\tb\nc", "a\tb\nc"),
            ("\u{1b}[31m", "\u{fffd}[31m"),
            ("a\0b\u{ffff}", "a\u{fffd}b\u{fffd}"),
            ("₹ <&>", "₹ <&>"),
        ] {
            assert_eq!(printable(text), expected, "{text:?}");
        }
    }
}
