//! What a `[[test]]` may expect, and what no decision ever gives.
//!
//! In: the payment and the expectations of a test, with their places, and what the rules of the
//! file make. Out: a warning for a test that can never be met or that shows nothing. Warnings,
//! because the rules are as good as they were: `tillpost test` is what fails.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Compiler;
use crate::core::decide::{Reason, Verdict};
use crate::core::finding::{At, Code, Finding, Severity};
use crate::core::json;
use crate::core::mapping::{Action, DatasetName, Rule};
use crate::core::meta::ActionSource;
use crate::core::money::Currency;
use crate::core::names::{one_of, suggestion};
use crate::core::payment::{self, CaptureKind};
use crate::core::time::Timestamp;
use crate::core::toml_reader::{Placed, Table, kind};

/// What a test may expect.
pub(in crate::core::mapping) const EXPECTABLE: [&str; 11] = [
    "verdict",
    "reason",
    "event",
    "event_id",
    "dataset",
    "action_source",
    "value",
    "currency",
    "findings",
    "custom_data",
    "user_data",
];

/// What only an event has. A payment that stays here has none.
const OF_AN_EVENT: [&str; 8] = [
    "event",
    "event_id",
    "dataset",
    "action_source",
    "value",
    "currency",
    "custom_data",
    "user_data",
];

/// What the rules of a file make. Empty where some rule could not be read.
#[derive(Debug, Default)]
pub(super) struct Made<'r> {
    events: BTreeSet<&'r str>,
    datasets: BTreeSet<&'r str>,
}

impl<'r> Made<'r> {
    /// What these rules make.
    pub(super) fn by(rules: impl Iterator<Item = &'r Rule>) -> Self {
        let mut made = Self::default();
        for rule in rules {
            match &rule.action {
                Action::Forward(forward) => {
                    made.events.insert(forward.event.as_str());
                    made.datasets.extend(forward.datasets.iter().map(DatasetName::as_str));
                }
                Action::Withhold { .. } => {}
            }
        }
        made
    }
}

impl Compiler<'_> {
    /// Says what of these expectations no decision ever gives.
    pub(super) fn expectations(&mut self, table: &mut Table<'_, '_>, made: &Made<'_>) {
        if table.entries().next().is_none() {
            let says = "this test expects nothing, and would always pass".to_owned();
            self.never(table.span(), says, r#"write expect = { verdict = "forward" }"#);
        }
        let forwards = ["verdict", "reason"].map(|key| {
            table.get(key).and_then(|value| value.get_ref().as_str()).map(str::to_owned)
        });
        for (key, value) in table.entries() {
            self.expectation(&key, value, made);
        }
        let [verdict, reason] = forwards;
        let is_forward = verdict.as_deref() == Some(Verdict::Forward.as_str());
        let is_known = verdict.as_deref().is_some_and(|word| Verdict::read(word).is_some());
        let stays = is_known || reason.is_some();
        for (key, _) in table.entries() {
            if key.value == "reason" && is_forward {
                let says = "a payment that is forwarded has no `reason`".to_owned();
                self.never(key.span, says, "leave out one of the two");
            } else if stays && !is_forward && OF_AN_EVENT.contains(&key.value) {
                let says = format!("a payment that is not forwarded has no `{}`", key.value);
                self.never(key.span, says, "leave it out, or expect verdict = \"forward\"");
            }
        }
    }

    fn expectation(&mut self, key: &Placed<&str>, value: &Spanned<DeValue<'_>>, made: &Made<'_>) {
        let items = super::one_or_many(value);
        match key.value {
            "verdict" => {
                // The user of a test is known: nothing is held.
                let words = Verdict::words().filter(|word| *word != Verdict::Hold.as_str());
                self.one_of_these(key.value, value, words.collect());
            }
            "reason" => {
                let unknown_user = Reason::UserNotKnown.as_str();
                let words = Reason::words().filter(|word| *word != unknown_user);
                self.one_of_these(key.value, value, words.collect());
            }
            "action_source" => {
                self.one_of_these(key.value, value, ActionSource::words().collect());
            }
            "event" if !made.events.is_empty() => {
                self.one_of_these(key.value, value, made.events.iter().copied().collect());
            }
            "dataset" if !made.datasets.is_empty() => {
                for item in items {
                    self.one_of_these(key.value, item, made.datasets.iter().copied().collect());
                }
            }
            "findings" => {
                for item in items {
                    let codes = Code::ALL.iter().map(|code| code.as_str()).collect();
                    self.one_of_these(key.value, item, codes);
                }
            }
            "value" if super::when::digits(value.get_ref()).is_none() => {
                let says =
                    format!("`value` of an event is a number, not {}", kind(value.get_ref()));
                self.never(value.span(), says, "write the number without quotes");
            }
            "currency" => {
                let known = |code: &str| Currency::read(code).is_some_and(|is| is.code() == code);
                if !value.get_ref().as_str().is_some_and(known) {
                    let says = "`currency` of an event is a code of ISO 4217".to_owned();
                    self.never(value.span(), says, "write three capitals such as \"INR\"");
                }
            }
            _ => {}
        }
    }

    /// An expected word that is none of those there are.
    fn one_of_these(&mut self, key: &str, value: &Spanned<DeValue<'_>>, words: Vec<&str>) {
        let Some(word) = value.get_ref().as_str() else {
            let says = format!("`{key}` is text, not {}", kind(value.get_ref()));
            self.never(value.span(), says, "write it in quotes");
            return;
        };
        if words.contains(&word) {
            return;
        }
        let says = format!("`{key}` is never `{}`", json::shortened(word));
        let help = match (suggestion(word, words.iter().copied()), words.len()) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, 0..=12) => format!("here it can be {}", one_of(words)),
            (None, _) => "`tillpost explain` lists every code".to_owned(),
        };
        self.never(value.span(), says, &help);
    }

    /// Says what is wrong with the payment of a test. `expected` are the codes that it is meant to
    /// show.
    pub(super) fn payment_of_test(
        &mut self,
        (payment, table): (&str, &DeTable<'_>),
        span: &Range<usize>,
        expected: &[&str],
    ) {
        let Ok(body) = json::read(payment.as_bytes()) else {
            let says = "no such payment is ever decided: it is nested too deeply".to_owned();
            self.never(span.clone(), says, "leave out what the rules do not look at");
            return;
        };
        let findings =
            payment::read_as(CaptureKind::Either, body, Timestamp::from_seconds(0)).findings;
        for found in &findings {
            let is_refused = found.severity == Severity::Error;
            let is_meant = expected.contains(&found.code.as_str());
            if !is_refused && (found.code != Code::FieldMisplaced || is_meant) {
                continue;
            }
            let place = match &found.at {
                At::Pointer(pointer) => inside(table, pointer),
                At::Span(_) => None,
            };
            let says = if is_refused {
                format!("no such payment is ever decided: {}", found.says)
            } else {
                found.says.clone()
            };
            let help = found.help.as_deref().unwrap_or("send what the API would take");
            self.never(place.unwrap_or_else(|| span.clone()), says, help);
        }
    }

    pub(super) fn never(&mut self, span: Range<usize>, says: String, help: &str) {
        let finding = Finding::new(Code::MappingTest, At::Span(span), says);
        self.findings.push(finding.help(help));
    }
}

/// Where a member of a payment stands in the file.
fn inside(table: &DeTable<'_>, pointer: &str) -> Option<Range<usize>> {
    let first = pointer.strip_prefix('/')?.split('/').next()?;
    let (key, value) = table.get_key_value(first)?;
    let is_object = value.get_ref().is_table();
    Some(if is_object { key.span() } else { key.span().start..value.span().end })
}
