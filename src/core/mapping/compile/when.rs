//! Conditions: `when = { "event_data.trial" = true, amount = { at_least = 100 } }`.
//!
//! In: the table of a rule. Out: a [`When`]; findings for paths that no payment has, words that
//! are in no list, and questions that nobody knows.

use std::collections::HashSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeFloat, DeInteger, DeValue};

use super::{CODES, Placed};
use crate::core::finding::{At, Code, Finding, Findings, Severity};
use crate::core::mapping::condition::{CONDITIONS_MAX, Literal, Part, Test, WORDS_MAX, When};
use crate::core::mapping::path::{Path, Root};
use crate::core::money::{Amount, Currency};
use crate::core::names::{completion, suggestion};
use crate::core::payment::personal::is_personal_name;
use crate::core::payment::{PaymentStatus, PaymentType};
use crate::core::toml_reader::{Table, kind, leading_number};

/// Reads `when`; a rule without one always holds.
pub(super) fn read(table: &mut Table<'_, '_>, findings: &mut Findings) -> When {
    let Some(inner) = table.table("when", findings) else { return When::default() };
    let count = inner.entries().count();
    if count > CONDITIONS_MAX {
        let says = format!("`when` has {count} conditions");
        let finding = Finding::new(Code::MappingKind, At::Span(inner.span()), says);
        findings.push(finding.help(format!("ask for at most {CONDITIONS_MAX} values in one rule")));
        return When::default();
    }
    let mut parts = Vec::new();
    for (key, value) in inner.entries() {
        // Without quotes TOML reads a path with dots as tables in tables.
        if key.value == Root::EventData.as_str() && value.get_ref().is_table() {
            let says = "a path with dots stands in quotes where it is a key";
            let finding = Finding::new(Code::MappingPath, At::Span(key.span), says);
            findings.push(finding.help(r#"write when = { "event_data.plan" = "gold" }"#));
            continue;
        }
        let (path, tests) = (path(&key, findings), tests(value, findings));
        let Some(path) = path else { continue };
        for literal in tests.iter().flat_map(Test::literals) {
            known_word(path.root(), literal, value, findings);
        }
        parts.push(Part { path, tests });
    }
    When(parts)
}

/// A path of the file, or a finding where it stands.
pub(super) fn path(text: &Placed<&str>, findings: &mut Findings) -> Option<Path> {
    match Path::read(text.value) {
        Ok(path) => {
            not_personal(&path, &text.span, findings);
            Some(path)
        }
        Err(not) => {
            let at = At::Span(text.span.clone());
            findings.push(Finding::new(Code::MappingPath, at, not.says).help(not.help));
            None
        }
    }
}

/// A person's fields are left out of `event_data` before any rule reads it.
pub(super) fn not_personal(path: &Path, span: &Range<usize>, findings: &mut Findings) {
    let Some(step) = path.steps().iter().find(|step| is_personal_name(step)) else { return };
    let says = format!("`{step}` is a person's field: it is left out before a rule can read it");
    let finding = Finding::new(Code::MappingPersonal, At::Span(span.clone()), says);
    let help = "the engine hashes what `user_data` and the signup say of a person; leave it out";
    findings.push(finding.weighing(Severity::Warning).help(help));
}

/// A text, a number or a flag of the file.
pub(super) fn literal(value: &DeValue<'_>) -> Option<Literal> {
    match value {
        DeValue::String(text) => Some(Literal::Text(text.to_string())),
        DeValue::Integer(_) | DeValue::Float(_) => {
            Amount::read(&digits(value)?).ok().map(Literal::Number)
        }
        DeValue::Boolean(flag) => Some(Literal::Flag(*flag)),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// The digits of a number of the file, as JSON writes them. TOML allows `1_000` and `+5`.
pub(super) fn digits(value: &DeValue<'_>) -> Option<String> {
    let whole = value.as_integer().filter(|integer| integer.radix() == 10);
    let fraction = value.as_float().map(DeFloat::as_str);
    let written = whole.map(DeInteger::as_str).or(fraction)?;
    let plain = written.trim_start_matches('+').replace('_', "");
    Amount::read(&plain).ok().map(|amount| amount.to_string())
}

fn tests(value: &Spanned<DeValue<'_>>, findings: &mut Findings) -> Vec<Test> {
    if let Some(table) = value.get_ref().as_table() {
        return questions(Table::new(table, value.span(), CODES), findings);
    }
    let Some(literal) = literal(value.get_ref()) else {
        let says = format!("a condition is a value or a table, not {}", kind(value.get_ref()));
        let finding = Finding::new(Code::MappingKind, At::Span(value.span()), says);
        findings.push(finding.help(r#"write { one_of = ["a", "b"] } for one of several"#));
        return Vec::new();
    };
    vec![Test::Equals(literal)]
}

/// `{ one_of = […], at_least = 5, at_most = 9, exists = true }`.
fn questions(mut table: Table<'_, '_>, findings: &mut Findings) -> Vec<Test> {
    let mut tests = Vec::new();
    if let Some(list) = table.get("one_of") {
        let items = list.get_ref().as_array();
        if let Some(count) = items.map(|items| items.len()).filter(|count| *count > WORDS_MAX) {
            let says = format!("`one_of` has {count} values");
            let finding = Finding::new(Code::MappingKind, At::Span(list.span()), says);
            findings.push(finding.help(format!(
                "name at most {WORDS_MAX}; what they have in common is a field for the sender"
            )));
            table.finish(findings);
            return tests;
        }
        let read: Option<Vec<Literal>> =
            items.and_then(|items| items.iter().map(|item| literal(item.get_ref())).collect());
        if let Some(literals) = read.filter(|literals| !literals.is_empty()) {
            twice(items.into_iter().flatten(), &literals, findings);
            tests.push(Test::OneOf(literals));
        } else {
            let (what, help) = match (literal(list.get_ref()), items) {
                (Some(literal), _) => (kind(list.get_ref()), format!("write one_of = [{literal}]")),
                (None, Some(list)) if list.is_empty() => {
                    ("an empty list", r#"write one_of = ["a", "b"]"#.to_owned())
                }
                (None, _) => (kind(list.get_ref()), r#"write one_of = ["a", "b"]"#.to_owned()),
            };
            let says = format!("`one_of` must be a list of values, not {what}");
            let finding = Finding::new(Code::MappingKind, At::Span(list.span()), says);
            findings.push(finding.help(help));
        }
    }
    for (key, test) in [
        ("at_least", Test::AtLeast as fn(Amount) -> Test),
        ("at_most", Test::AtMost as fn(Amount) -> Test),
    ] {
        let Some(value) = table.get(key) else { continue };
        if let Some(Literal::Number(number)) = literal(value.get_ref()) {
            tests.push(test(number));
        } else {
            let says = format!("`{key}` must be a number, not {}", kind(value.get_ref()));
            let finding = Finding::new(Code::MappingKind, At::Span(value.span()), says);
            let said = value.get_ref().as_str().and_then(leading_number);
            findings.push(finding.help(format!("write {key} = {}", said.unwrap_or("100"))));
        }
    }
    tests.extend(table.boolean("exists", findings).map(|flag| Test::Exists(flag.value)));
    if table.entries().next().is_none() {
        let says = "this condition asks nothing, and would always hold";
        let finding = Finding::new(Code::MappingKind, At::Span(table.span()), says);
        findings.push(finding.help("write { at_least = 100 } or { exists = true }"));
    }
    table.finish(findings);
    tests
}

/// A value that stands twice in a list is mostly another one, misspelt.
fn twice<'v, 'i: 'v>(
    items: impl Iterator<Item = &'v Spanned<DeValue<'i>>>,
    literals: &[Literal],
    findings: &mut Findings,
) {
    let mut seen = HashSet::new();
    for (item, literal) in items.zip(literals) {
        if !seen.insert(literal) {
            let says = format!("{literal} stands twice in this list");
            let finding = Finding::new(Code::MappingNoEffect, At::Span(item.span()), says);
            findings.push(finding.help("leave it out, or write the value that was meant"));
        }
    }
}

/// The word that was probably meant, misspelt or shortened.
fn meant<'k>(word: &str, known: impl Iterator<Item = &'k str> + Clone) -> Option<&'k str> {
    suggestion(word, known.clone()).or_else(|| completion(word, known))
}

/// A word that the field can never have makes a rule that never holds.
fn known_word(
    root: Root,
    literal: &Literal,
    value: &Spanned<DeValue<'_>>,
    findings: &mut Findings,
) {
    let Literal::Text(word) = literal else { return };
    let (known, near) = match root {
        Root::Type => (PaymentType::read(word).is_some(), meant(word, PaymentType::words())),
        Root::Status => (PaymentStatus::read(word).is_some(), meant(word, PaymentStatus::words())),
        Root::Currency => {
            (Currency::read(word).is_some_and(|currency| currency.code() == word), None)
        }
        Root::Amount | Root::PaymentId | Root::UserId | Root::EventSourceUrl | Root::EventData => {
            return;
        }
    };
    if !known {
        let says = format!("no payment has the {root} `{word}`");
        let finding = Finding::new(Code::MappingWord, At::Span(value.span()), says);
        findings.push(match near {
            Some(near) => finding.help(format!("did you mean `{near}`?")),
            None => finding,
        });
    }
}
