//! Parses TOML, and says of a fault of syntax what to do: the parser's words do not.
//!
//! In: the text of a file. Out: its table as far as it can be read, and findings. One slip of the
//! pen makes many faults for a parser; here it is one finding, at the place that is to be mended.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::DeTable;

use super::Codes;
use crate::core::finding::{At, Finding, Findings};

/// Parses a file into its table. Faults of syntax are findings; what could be read is returned.
pub fn parse<'i>(text: &'i str, codes: Codes, findings: &mut Findings) -> Spanned<DeTable<'i>> {
    let (table, mut errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return table;
    }
    if let Some(at) = unclosed(text) {
        // What stands behind it was read as something else: it is not looked at.
        let before = line_of(text, at).start;
        let table = parse(&text[..before], codes, findings);
        let says = format!("this `{}` is not closed", &text[at..=at]);
        let partner = if text[at..].starts_with('{') { "}" } else { "]" };
        let finding = Finding::new(codes.syntax, At::Span(at..at + 1), says);
        findings.push(finding.help(format!("write `{partner}` where it ends")));
        return table;
    }
    errors.sort_by_key(|error| error.span().map_or(0, |span| span.start));
    let mut lines = BTreeSet::new();
    for error in errors {
        let mut span = error.span().unwrap_or(0..0);
        // A line may end in two signs; the caret stands before both.
        let before = span.start.checked_sub(1);
        span.start = before
            .filter(|before| text.as_bytes().get(*before) == Some(&b'\r'))
            .unwrap_or(span.start);
        // One slip of the pen makes several faults: the first of a line is the one to mend.
        if !lines.insert(line_of(text, span.start).start) {
            continue;
        }
        let help = help(text, &span);
        let finding = Finding::new(codes.syntax, At::Span(span), error.message());
        findings.push(match help {
            Some(help) => finding.help(help),
            None => finding,
        });
    }
    table
}

/// What remains to be said of a file. After a fault of syntax nobody knows what is missing: it may
/// stand in the part that could not be read. Nor does anybody know what else its line would say.
#[must_use]
pub fn settled(findings: Findings, text: &str, codes: Codes) -> Findings {
    let start = |finding: &Finding| match &finding.at {
        At::Span(span) => line_of(text, span.start).start,
        At::Pointer(_) => 0,
    };
    let is_syntax = |finding: &&Finding| finding.code == codes.syntax;
    let broken: BTreeSet<usize> = findings.iter().filter(is_syntax).map(start).collect();
    if broken.is_empty() {
        return findings;
    }
    let counts = |finding: &Finding| {
        is_syntax(&finding) || finding.code != codes.missing && !broken.contains(&start(finding))
    };
    findings.into_iter().filter(counts).collect()
}

/// The bytes of the line at a place.
fn line_of(text: &str, at: usize) -> Range<usize> {
    let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let start = text[..at].rfind('\n').map_or(0, |before| before + 1);
    start..text[at..].find('\n').map_or(text.len(), |behind| at + behind)
}

/// What to do about a fault of syntax, by what stands there.
fn help(text: &str, span: &Range<usize>) -> Option<String> {
    let line = &text[line_of(text, span.start)];
    let there = text.get(span.clone()).unwrap_or_default();
    let behind = text.get(span.start..).unwrap_or_default();
    let before = text.get(..span.start).unwrap_or_default();
    let some = |help: &str| Some(help.to_owned());
    if line.contains(['\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}']) {
        return some("write straight quotes (\"), not curly ones");
    }
    if line.trim_start().starts_with('[') && !there.is_empty() {
        return some("a name has one table, or one line; several rules are all [[payments.TYPE]]");
    }
    if line.matches('"').count() % 2 == 1 {
        return some("close the quotes at the end of the text");
    }
    if before.ends_with(':') || behind.starts_with(':') || before.trim_end().ends_with(':') {
        return some("write `=` between a key and its value");
    }
    if behind.starts_with(['<', '>']) {
        return some("write amount = { at_least = 100 } or { at_most = 100 }");
    }
    if let Some(help) = bare_word(line, before.len() - line_of(text, span.start).start) {
        return Some(help);
    }
    if there.starts_with(char::is_alphabetic) && before.trim_end().ends_with('=') {
        return some("put the text into quotes: \"Purchase\"");
    }
    let is_key = behind.get(there.len()..).is_some_and(|rest| rest.trim_start().starts_with('='));
    if there.is_empty() || !is_key {
        return None;
    }
    Some(match first_of(before, there) {
        Some(line) => format!("this key stands in line {line} already; keep one of the two"),
        None => "this key stands twice; keep one of the two".to_owned(),
    })
}

/// Words and units without quotes, where TOML has only `true`, `false` and bare numbers. `at` is
/// the place of the fault in the line.
fn bare_word(line: &str, at: usize) -> Option<String> {
    let head = line.get(..at)?;
    let begins = head.rfind('=').map_or_else(|| line[at..].find('=').map(|p| at + p), Some)?;
    let ends = |c: char| matches!(c, ',' | '}' | ']' | '#');
    let value = line[begins + 1..].split(ends).next()?.trim();
    match value.to_lowercase().as_str() {
        "no" | "off" | "n" => return Some("write `false`".to_owned()),
        "yes" | "on" | "y" => return Some("write `true`".to_owned()),
        "true" | "false" if value.starts_with(['T', 'F']) => {
            return Some(format!("write `{}`, in small letters", value.to_lowercase()));
        }
        _ => {}
    }
    let (number, unit) = value.split_once(' ')?;
    let is_unit = unit.trim().chars().all(char::is_alphabetic) && !unit.trim().is_empty();
    let is_number = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit() || c == '.');
    (is_unit && is_number).then(|| format!("write the number alone: {number}"))
}

/// The line in which a key of the same table stands first.
fn first_of(before: &str, key: &str) -> Option<usize> {
    let this = before.lines().count();
    let is_table = |line: &&str| line.trim_start().starts_with('[');
    let above: Vec<&str> = before.lines().take(this.saturating_sub(1)).collect();
    let above = if before.ends_with('\n') { before.lines().collect() } else { above };
    let is_first = |line: &str| {
        let rest = line.trim_start().trim_start_matches('\u{feff}').strip_prefix(key);
        rest.is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    let from = above.iter().rposition(is_table).map_or(0, |at| at + 1);
    above.iter().enumerate().skip(from).find(|(_, line)| is_first(line)).map(|(at, _)| at + 1)
}

/// The place of the first `{` or `[` that is never closed. Nothing if quotes are open somewhere:
/// then they are what is to be mended.
fn unclosed(text: &str) -> Option<usize> {
    let mut open: Vec<usize> = Vec::new();
    let mut is_value = false;
    let mut last = ' ';
    let mut at = 0;
    let mut is_start = true;
    while let Some(sign) = text[at..].chars().next() {
        let rest = &text[at..];
        if is_start && !open.is_empty() && begins_anew(rest, &text[open[open.len() - 1]..], last) {
            return open.first().copied();
        }
        is_start = sign == '\n' || is_start && sign.is_whitespace();
        let mut length = sign.len_utf8();
        match sign {
            '#' => length = rest.find('\n').unwrap_or(rest.len()),
            '"' | '\'' => {
                length = string(rest)?;
                last = sign;
            }
            '=' => (is_value, last) = (true, sign),
            '\n' if open.is_empty() => (is_value, last) = (false, ' '),
            '{' | '[' if is_value => {
                open.push(at);
                last = sign;
            }
            '}' | ']' if is_value => {
                let partner = if sign == '}' { "{" } else { "[" };
                match open.pop() {
                    Some(opened) if !text[opened..].starts_with(partner) => return Some(opened),
                    Some(_) => {}
                    // One too many is another slip.
                    None => return None,
                }
                last = sign;
            }
            other if other.is_whitespace() => {}
            other => last = other,
        }
        at += length;
    }
    open.first().copied()
}

/// Whether a line that stands inside of something open cannot belong to it: a header, or a key
/// where a list or nothing goes on.
fn begins_anew(rest: &str, opened: &str, last: char) -> bool {
    let line = rest.lines().next().unwrap_or_default().trim();
    let name = line.trim_start_matches('[');
    if line.starts_with('[') && name.starts_with(char::is_alphabetic) {
        return true;
    }
    let key = line.split('=').next().unwrap_or_default().trim();
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '"');
    let is_key = line.contains('=') && !key.is_empty() && key.chars().all(is_bare);
    is_key && (opened.starts_with('[') || !matches!(last, ',' | '{'))
}

/// How many bytes the text in quotes has with which `rest` begins; nothing if it is not closed.
fn string(rest: &str) -> Option<usize> {
    let quote = &rest[..1];
    let long = quote.repeat(3);
    let (mark, is_long) =
        if rest.starts_with(&long) { (long.as_str(), true) } else { (quote, false) };
    let mut at = mark.len();
    while let Some(sign) = rest[at..].chars().next() {
        if rest[at..].starts_with(mark) {
            return Some(at + mark.len());
        }
        at += match sign {
            '\n' if !is_long => return None,
            '\\' if quote == "\"" => 1 + rest[at + 1..].chars().next().map_or(0, char::len_utf8),
            other => other.len_utf8(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_closed_is_found_where_it_was_opened() {
        for (text, expected) in [
            ("a = { b = 1", Some("{ b = 1")),
            ("a = { b = 1\n[c]\nd = 1\n", Some("{ b = 1")),
            ("a = { b = 1\nc = 2\n", Some("{ b = 1")),
            ("a = { b = { c = 1 }\nc = 2\n", Some("{ b = { c")),
            ("a = [1, 2\nc = 2\n", Some("[1, 2")),
            ("a = [1, 2,\nc = 2\n", Some("[1, 2,")),
            ("a = { b = [1, 2 }\nc = 2\n", Some("[1, 2 }")),
            ("a = { b = \"}\" # }\n[[c.d]]\n", Some("{ b = ")),
            ("a = {\n  b = 1,\n  c = 2\n}\n", None),
            ("a = [\n  [1],\n  [2]\n]\n", None),
            ("a = \"{\nb = 1\n", None),
            ("a = \"\"\"{\n\"\"\"\nb = 1\n", None),
            ("[a]\nb = 1 }\n", None),
        ] {
            let found = unclosed(text).map(|at| &text[at..]);
            let fits = match (found, expected) {
                (Some(found), Some(expected)) => found.starts_with(expected),
                (found, expected) => found == expected,
            };
            assert!(fits, "{text}: {found:?}");
        }
    }

    #[test]
    fn a_bare_word_says_what_toml_has_instead() {
        for (line, at, expected) in [
            ("a = no", 4, Some("write `false`")),
            ("a = { b = Yes }", 10, Some("write `true`")),
            ("a = True", 4, Some("write `true`, in small letters")),
            ("hold_days = 7 days", 14, Some("write the number alone: 7")),
            ("a = Purchase", 4, None),
            ("a = true", 4, None),
        ] {
            assert_eq!(bare_word(line, at).as_deref(), expected, "{line}");
        }
    }
}
