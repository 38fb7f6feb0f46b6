//! Rules: one line, a table, or a list of tables of which the first that holds counts.
//!
//! In: the value of a payment type or of an event. Out: its rules, in order, with every default
//! filled in; findings for what cannot be read, can never be reached, or can never be sent.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use super::settings::Settings;
use super::{CODES, Compiler, Placed, one_or_many, when};
use crate::core::check::Profile;
use crate::core::finding::{At, Code, Finding, Findings, Severity};
use crate::core::mapping::condition::{Literal, Test, When};
use crate::core::mapping::path::Root;
use crate::core::mapping::{Action, ExternalId, Forward, Rule};
use crate::core::meta::{ActionSource, EventName};
use crate::core::payment::PaymentStatus;
use crate::core::toml_reader::{Table, kind};

impl Compiler<'_> {
    /// `TYPE = "Event"`, `TYPE = { … }`, or `[[payments.TYPE]]` several times.
    pub(super) fn rules(&mut self, key: &Placed<&str>, value: &Spanned<DeValue<'_>>) -> Vec<Rule> {
        let mut rules: Vec<(Rule, Range<usize>)> = Vec::new();
        let all = one_or_many(value);
        if all.is_empty() {
            let says = format!("`{}` is an empty list of rules", key.value);
            self.say(Code::MappingKind, value.span(), says, r#"write "Purchase""#);
        }
        for item in all {
            let Some(rule) = self.rule(item) else { continue };
            // `[[payments.TYPE]]` begins before its first key: that line is the rule's.
            self.lint(&rule, &item.span(), &rules);
            rules.push((rule, item.span()));
        }
        rules.into_iter().map(|(rule, _)| rule).collect()
    }

    fn rule(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Rule> {
        let line = self.line(&value.span());
        match value.get_ref() {
            DeValue::String(name) => {
                let name = Placed { value: &**name, span: value.span() };
                let event = self.standard(&name)?;
                let action = self.forward(event, Settings::default(), &name.span)?;
                Some(Rule { when: When::default(), action, line })
            }
            DeValue::Table(table) => self.rule_table(Table::new(table, value.span(), CODES), line),
            other @ (DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)) => {
                let says = format!("a rule is text or a table, not {}", kind(other));
                let help = r#"write "Purchase" or { event = "Purchase" }"#;
                self.say(Code::MappingKind, value.span(), says, help);
                None
            }
        }
    }

    fn rule_table(&mut self, mut table: Table<'_, '_>, line: usize) -> Option<Rule> {
        let span = table.span();
        let forward = self.flag(&mut table, "forward", true);
        let custom = self.flag(&mut table, "custom_event", false);
        let because = table.text("because", &mut self.findings).map(|text| text.value.to_owned());
        let name = table.text("event", &mut self.findings);
        let errors = |findings: &Findings| {
            findings.iter().filter(|found| found.severity == Severity::Error).count()
        };
        let before = errors(&self.findings);
        let when = when::read(&mut table, &mut self.findings);
        // A condition that cannot be read is none to compare others with.
        let is_read = errors(&self.findings) == before;
        let settings = self.settings(&mut table);
        let action = match (forward, custom, name) {
            (Some(false), ..) => self.withhold(&mut table, because),
            (Some(true), Some(custom), Some(name)) => {
                let event = if custom { self.custom(&name) } else { self.standard(&name) };
                event.and_then(|event| self.forward(event, settings, &span))
            }
            (Some(true), _, None) => {
                if table.get("event").is_none() {
                    table.missing("event", r#"write event = "Purchase""#, &mut self.findings);
                }
                None
            }
            // A flag of the wrong kind has its finding; what else it would mean is not guessed.
            (None, ..) | (Some(true), None, Some(_)) => None,
        };
        table.finish(&mut self.findings);
        is_read.then_some(Rule { when, action: action?, line })
    }

    /// A flag or its default; nothing where it is there and cannot be read.
    fn flag(
        &mut self,
        table: &mut Table<'_, '_>,
        key: &'static str,
        default: bool,
    ) -> Option<bool> {
        if table.get(key).is_none() {
            return Some(default);
        }
        table.boolean(key, &mut self.findings).map(|flag| flag.value)
    }

    fn withhold(&mut self, table: &mut Table<'_, '_>, because: Option<String>) -> Option<Action> {
        if let Some(event) = table.get("event") {
            let says = "`event` has no effect, because `forward` is false";
            let finding = Finding::new(Code::MappingKey, At::Span(event.span()), says);
            let help = "leave out one of the two";
            self.findings.push(finding.weighing(Severity::Warning).help(help));
        }
        if because.is_none() && table.get("because").is_none() {
            let help = r#"say it for the next reader: because = "money out is no conversion""#;
            table.missing("because", help, &mut self.findings);
        }
        because.map(|because| Action::Withhold { because })
    }

    fn forward(&mut self, event: EventName, own: Settings, span: &Range<usize>) -> Option<Action> {
        let defaults = self.defaults.clone();
        let Some(datasets) = own.datasets.or(defaults.datasets) else {
            let says = "no `dataset` says where this event goes".to_owned();
            let help = "set `dataset` under [defaults] or in the rule";
            self.say(Code::MappingMissing, span.clone(), says, help);
            return None;
        };
        if datasets.is_empty() {
            return None;
        }
        let send_revenue = own.send_revenue.or(defaults.send_revenue).unwrap_or(true);
        let required = event.standard().map_or(&[][..], |event| event.parameters().required);
        if !send_revenue && required.contains(&"value") {
            let says =
                format!("a {} without value and currency is refused by Meta", event.as_str());
            let help = "leave out `send_revenue = false`, or send another event";
            self.say(Code::MappingUnsendable, span.clone(), says, help);
        }
        let completed = || vec![PaymentStatus::Completed];
        Some(Action::Forward(Box::new(Forward {
            event,
            datasets,
            statuses: own.statuses.or(defaults.statuses).unwrap_or_else(completed),
            action_source: own
                .action_source
                .or(defaults.action_source)
                .unwrap_or(ActionSource::SystemGenerated),
            without_device: own.without_device.or(defaults.without_device).unwrap_or(None),
            currency: own.currency.or(defaults.currency),
            send_revenue,
            profile: own.profile.or(defaults.profile).unwrap_or(Profile::Plain),
            shape: own.shape.completed_with(&defaults.shape),
            event_id: own.event_id.or(defaults.event_id),
            external_id: own.external_id.or(defaults.external_id).unwrap_or(ExternalId::Hashed),
            consent: own.consent.or(defaults.consent),
            data_processing: own.data_processing.or(defaults.data_processing),
            checks: own.checks.completed_with(&defaults.checks),
        })))
    }

    /// What is wrong with a rule beside those before it: nothing can fulfil it, or nothing is left
    /// for it.
    fn lint(&mut self, rule: &Rule, span: &Range<usize>, before: &[(Rule, Range<usize>)]) {
        if let Some(part) = rule.when.impossible() {
            let says = format!("nothing fulfils {part}");
            self.say(Code::MappingUnreachable, span.clone(), says, "mend the condition");
            return;
        }
        if let Some((earlier, _)) =
            before.iter().find(|(rule_before, _)| rule.when.implies(&rule_before.when))
        {
            let says = if earlier.when.is_always() {
                format!(
                    "this rule is never reached: the one of line {} takes every payment",
                    earlier.line
                )
            } else {
                format!(
                    "this rule is never reached: the one of line {} takes all that it would",
                    earlier.line
                )
            };
            let help = "put the narrower rule first, or leave one of the two out";
            self.say(Code::MappingUnreachable, span.clone(), says, help);
        } else if let (Action::Forward(forward), Some(status)) = (&rule.action, status(&rule.when))
            && !forward.statuses.contains(&status)
        {
            let says = format!("this rule is for {status}, which `statuses` does not forward");
            let help = format!(r#"add statuses = ["{status}"] to the rule"#);
            let finding = Finding::new(Code::MappingUnreachable, At::Span(span.clone()), says);
            self.findings.push(finding.weighing(Severity::Error).help(help));
        }
    }
}

/// The one status that a condition asks for.
fn status(when: &When) -> Option<PaymentStatus> {
    let parts = when.0.iter().filter(|part| part.path.root() == Root::Status);
    parts.flat_map(|part| &part.tests).find_map(|test| match test {
        Test::Equals(Literal::Text(word)) => PaymentStatus::read(word),
        Test::Equals(_) | Test::OneOf(_) | Test::AtLeast(_) | Test::AtMost(_) | Test::Exists(_) => {
            None
        }
    })
}
