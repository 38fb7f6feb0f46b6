//! Findings as a person reads them in a terminal.
//!
//! In: findings, and for those in a file its name and text. Out: text. In a file the finding
//! stands under the line that caused it, with a caret, as good compilers do it; in a JSON body it
//! names its pointer and shows the member there, unless that may be a person's. Colours are the
//! caller's choice, never asked of the environment here.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::{At, Code, Finding, Findings, Severity};
use crate::core::json::{self, Json};
use crate::core::payment::personal::is_personal_name;

/// A file whose findings are drawn.
#[derive(Debug, Clone, Copy)]
pub struct Source<'s> {
    /// Its name, as the user gave it.
    pub path: &'s str,
    /// Its text.
    pub text: &'s str,
}

/// Whether the text carries terminal colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Plain text.
    Never,
    /// ANSI escapes.
    Always,
}

/// All findings on a file, each under its line, with a blank line between two.
#[must_use]
pub fn in_file(findings: &Findings, source: Source<'_>, colour: Colour) -> String {
    let renderer = match colour {
        Colour::Never => Renderer::plain(),
        Colour::Always => Renderer::styled(),
    };
    let drawn = findings.by_place().into_iter().map(|finding| draw(finding, source, &renderer));
    let drawn: Vec<String> = drawn.collect();
    drawn.join("\n\n")
}

/// All findings on a JSON body, as text: headline, place, the member at that place, help.
#[must_use]
pub fn in_body(findings: &Findings, body: Option<&Json<'_>>) -> String {
    // Where a person's data was left out, a list has other places than the body that was sent.
    let is_whole = findings.iter().all(|finding| finding.code != Code::PersonalData);
    let body = body.filter(|_| is_whole);
    let lines = findings.shown().flat_map(|finding| [plain(finding, body), "\n".to_owned()]);
    lines.collect::<String>().replace(|c| c != '\n' && json::is_unprintable(c), "\u{fffd}")
}

/// What some editors put before the text of a file.
const BYTE_ORDER: char = '\u{feff}';

/// Line and column (from 1, in characters) of a byte in a text.
#[must_use]
pub fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let mut end = offset.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = &text[..end];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    // A mark of the byte order is no character of the line that a reader sees.
    let line_start = if before.starts_with(BYTE_ORDER) { line_start.max(3) } else { line_start };
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// Members in which no person's data stands by their meaning. Nothing of any other is shown.
const SHOWN: [&str; 11] = [
    "event_data",
    "amount",
    "currency",
    "type",
    "status",
    "occurred_at",
    "data_processing_options",
    "data_processing_options_country",
    "data_processing_options_state",
    "customer_segmentation",
    "messaging_channel",
];

/// Most characters of a value that are shown.
const SHOWN_CHARS: usize = 60;

/// The member at the place of a finding, with a caret under its value: two lines, or none.
fn member(finding: &Finding, body: Option<&Json<'_>>) -> Option<String> {
    let At::Pointer(pointer) = &finding.at else { return None };
    let mut steps =
        pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~"));
    let first = steps.next()?;
    if !SHOWN.contains(&first.as_str()) {
        return None;
    }
    let mut key = first.clone();
    let mut value = step(body?, &first)?;
    for next in steps {
        value = step(value, &next)?;
        key = next;
    }
    let name = match key.parse::<usize>() {
        Ok(_) => String::new(),
        Err(_) => format!("{}: ", json::quoted(&key)),
    };
    let text = json::printed(value);
    if text.contains('@') || is_personal_name(&key) {
        return None;
    }
    let short: String = text.chars().take(SHOWN_CHARS).collect();
    let more = if short.len() < text.len() { " …" } else { "" };
    let (gap, carets) = (" ".repeat(name.chars().count()), "^".repeat(short.chars().count()));
    Some(format!("\n   | {name}{short}{more}\n   | {gap}{carets}"))
}

fn step<'j, 'a>(value: &'j Json<'a>, key: &str) -> Option<&'j Json<'a>> {
    match value {
        Json::Array(items) => items.get(key.parse::<usize>().ok()?),
        Json::Object(fields) => json::get(fields, key),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => None,
    }
}

fn plain(finding: &Finding, body: Option<&Json<'_>>) -> String {
    let Finding { code, severity, says, at, help } = finding;
    let place = match at {
        At::Pointer(pointer) if pointer.is_empty() => "the body",
        At::Pointer(pointer) => pointer,
        At::Span(_) => "the file",
    };
    let member = member(finding, body).unwrap_or_default();
    let help = help.as_ref().map(|help| format!("\n   = help: {help}")).unwrap_or_default();
    format!("{severity}[{code}]: {says}\n  --> {place}{member}{help}")
}

fn draw(finding: &Finding, source: Source<'_>, renderer: &Renderer) -> String {
    let At::Span(span) = &finding.at else { return plain(finding, None) };
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let end = span.end.min(source.text.len());
    let start = span.start.min(end);
    let text = source.text.strip_prefix(BYTE_ORDER).unwrap_or(source.text);
    let skipped = source.text.len() - text.len();
    let span = start.saturating_sub(skipped)..end.saturating_sub(skipped);
    let snippet =
        Snippet::source(text).path(source.path).annotation(AnnotationKind::Primary.span(span));
    let title = level.primary_title(&finding.says).id(finding.code.as_str());
    let mut group: Group<'_> = title.element(snippet);
    if let Some(help) = &finding.help {
        group = group.element(Level::HELP.message(help));
    }
    renderer.render(&[group])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_in_a_body_reads_alone() {
        let findings = [Finding::in_body(
            Code::ValueDiffers,
            "/event_data/value",
            "`value` is 2000, but the contents add up to 1000",
        )
        .help("send `value` = 1000, or correct `item_price`")]
        .into_iter()
        .collect();
        insta::assert_snapshot!(in_body(&findings, None), @r"
        warning[E207]: `value` is 2000, but the contents add up to 1000
          --> /event_data/value
           = help: send `value` = 1000, or correct `item_price`
        ");
    }

    #[test]
    fn a_finding_in_a_body_shows_its_member_and_nobodys_data() {
        let text = r#"{"event_data":{"a/b":[{"id":"x"},"sku1,sku2"],"value":2000},"user_data":{"email":"canary"}}"#;
        let body = json::read(text.as_bytes()).expect("JSON");
        let of = |pointer: &str| {
            let finding = Finding::in_body(Code::FieldCoerced, pointer, "it is so");
            in_body(&[finding].into_iter().collect(), Some(&body))
        };
        insta::assert_snapshot!(of("/event_data/value"), @r#"
        warning[E227]: it is so
          --> /event_data/value
           | "value": 2000
           |          ^^^^
        "#);
        insta::assert_snapshot!(of("/event_data/a~1b/1"), @r#"
        warning[E227]: it is so
          --> /event_data/a~1b/1
           | "sku1,sku2"
           | ^^^^^^^^^^^
        "#);
        for hidden in ["/user_data/email", "/user_data", "/event_data/none", ""] {
            assert_eq!(of(hidden).lines().count(), 2, "{hidden}");
        }
        assert!(!of("/user_data/email").contains("canary"));
    }

    #[test]
    fn a_finding_in_a_file_stands_under_its_line() {
        let text = "version = 1\n\n[payments]\nFIRST_PAYMNT = \"Purchase\"\n";
        let at = At::Span(24..36);
        let findings =
            [Finding::new(Code::MappingType, at, "`FIRST_PAYMNT` is not a payment type")
                .help("did you mean `FIRST_PAYMENT`?")]
            .into_iter()
            .collect();
        let source = Source { path: "commerce.toml", text };
        insta::assert_snapshot!(in_file(&findings, source, Colour::Never), @r#"
        error[M404]: `FIRST_PAYMNT` is not a payment type
         --> commerce.toml:4:1
          |
        4 | FIRST_PAYMNT = "Purchase"
          | ^^^^^^^^^^^^
          |
          = help: did you mean `FIRST_PAYMENT`?
        "#);
    }

    #[test]
    fn places_are_counted_in_characters_from_one() {
        let text = "ä\nöü = 1";
        assert_eq!(line_and_column(text, 0), (1, 1));
        assert_eq!(line_and_column(text, text.find('=').unwrap_or(0)), (2, 4));
        assert_eq!(line_and_column(text, 4), (2, 1), "inside a character: its start");
        assert_eq!(line_and_column(text, 999), (2, 7));
        assert_eq!(line_and_column("\u{feff}ab", 4), (1, 2), "a mark of the byte order is none");
        assert_eq!(line_and_column("\u{feff}ab\nc", 6), (2, 1));
    }
}
