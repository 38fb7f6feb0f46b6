//! Rules: one line, a table, or a list of tables of which the first that holds counts.
//!
//! In: the value of a payment type or of an event. Out: its rules, in order, with every default
//! filled in; findings for what cannot be read, has no effect, or can never be sent.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use super::lint::PlacedRule;
use super::settings::Settings;
use super::{CODES, Compiler, Placed, RULES_MAX, one_or_many, when};
use crate::core::check::Profile;
use crate::core::finding::{At, Code, Finding, Findings, Severity};
use crate::core::mapping::condition::When;
use crate::core::mapping::{Action, ExternalId, Forward, Rule};
use crate::core::meta::{ActionSource, EventName};
use crate::core::payment::{PaymentStatus, PaymentType};
use crate::core::toml_reader::{Table, kind};

impl Compiler<'_> {
    /// `TYPE = "Event"`, `TYPE = { … }`, or `[[payments.TYPE]]` several times.
    ///
    /// Rules of an event have no payment type.
    pub(super) fn rules(
        &mut self,
        payment_type: Option<PaymentType>,
        key: &Placed<&str>,
        value: &Spanned<DeValue<'_>>,
    ) -> Vec<Rule> {
        let mut rules: Vec<PlacedRule> = Vec::new();
        let all = one_or_many(value);
        if all.is_empty() {
            let says = format!("`{}` is an empty list of rules", key.value);
            self.say(Code::MappingKind, value.span(), says, r#"write "Purchase""#);
        }
        if all.len() > RULES_MAX {
            let says = format!("`{}` has {} rules", key.value, all.len());
            let help = format!(
                "write at most {RULES_MAX}; what depends on so many values is a field for the sender"
            );
            self.say(Code::MappingKind, value.span(), says, &help);
            return Vec::new();
        }
        for item in all {
            let Some(rule) = self.rule(item) else { continue };
            // `[[payments.TYPE]]` begins before its first key: that line is the rule's.
            rules.push((rule, item.span()));
        }
        self.lint(payment_type, &rules);
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
                let help = if other.as_bool() == Some(false) {
                    r#"write { forward = false, because = "…" } for payments that stay here"#
                } else {
                    r#"write "Purchase" or { event = "Purchase" }"#
                };
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
        if forward == Some(true) {
            self.without_effect(&mut table, &settings);
        }
        let action = match (forward, custom, name) {
            (Some(false), ..) => {
                self.without_effect_here(&table);
                self.withhold(&mut table, because)
            }
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
        self.types_inside(&mut table, line);
        table.finish(&mut self.findings);
        is_read.then_some(Rule { when, action: action?, line })
    }

    /// Lines of `[payments]` that stand below a `[[payments.TYPE]]` are lines of that rule.
    fn types_inside(&mut self, table: &mut Table<'_, '_>, line: usize) {
        let is_type = |key: &Placed<&str>| PaymentType::read(key.value).is_some();
        let inside: Vec<Placed<&str>> =
            table.entries().map(|(key, _)| key).filter(is_type).collect();
        // Asked for, so that none of them is unknown besides.
        for word in PaymentType::words().filter(|w| inside.iter().any(|key| key.value == *w)) {
            table.get(word);
        }
        let Some(first) = inside.iter().min_by_key(|key| key.span.start) else { return };
        let says = format!(
            "`{}` is a payment type, but stands in the rule that begins at line {line}",
            first.value
        );
        let help = "move that rule, and every [[…]], below the last plain line of [payments]";
        self.say(Code::MappingKey, first.span.clone(), says, help);
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

    /// Settings that other settings of the same rule make useless.
    fn without_effect(&mut self, table: &mut Table<'_, '_>, own: &Settings) {
        if let Some(because) = table.get("because") {
            let says = "`because` has no effect: the rule does not say `forward = false`";
            self.no_effect(
                because.span(),
                says,
                "write forward = false beside it, or leave it out",
            );
        }
        let source = own.action_source.or(self.defaults.action_source);
        if let (Some(setting), false) =
            (table.get("without_device"), source == Some(ActionSource::App))
        {
            let says =
                "`without_device` has no effect: it is about events with action_source = \"app\"";
            self.no_effect(setting.span(), says, "set action_source = \"app\", or leave it out");
        }
        if own.send_revenue == Some(false) {
            for key in ["value", "currency"] {
                let Some(setting) = table.get(key) else { continue };
                let says = format!("`{key}` has no effect beside `send_revenue = false`");
                self.no_effect(setting.span(), &says, "leave out one of the two");
            }
        }
    }

    /// Settings beside `forward = false`.
    fn without_effect_here(&mut self, table: &Table<'_, '_>) {
        let kept = ["forward", "because", "when", "event"];
        for key in table.known().filter(|key| !kept.contains(&key.value)) {
            let says = format!("`{}` has no effect, because `forward` is false", key.value);
            self.no_effect(key.span, &says, "leave it out");
        }
    }

    pub(super) fn no_effect(&mut self, span: Range<usize>, says: &str, help: &str) {
        self.say(Code::MappingNoEffect, span, says.to_owned(), help);
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
}
