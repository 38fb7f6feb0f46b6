//! From the TOML of a mapping file to a [`Mapping`], with everything that is wrong in one pass.
//!
//! In: the text, and the datasets that exist where that is known. Out: a mapping, unless an error
//! forbids it, and findings with their place. Nothing here reads a file.

mod settings;

use std::collections::BTreeSet;

use toml::Spanned;
use toml::de::DeValue;

use super::{DatasetName, Forward, Mapping, MappingVersion, Rule};
use crate::core::check::{Profile, Weights};
use crate::core::customer::CountryCode;
use crate::core::finding::{At, Code, Finding, Findings, Severity};
use crate::core::meta::standard_event::{CUSTOM_NAME_CHARS_MAX, RESERVED};
use crate::core::meta::{ActionSource, DataProcessing, EventName, StandardEvent};
use crate::core::money::Currency;
use crate::core::names::{one_of, suggestion};
use crate::core::payment::{PaymentStatus, PaymentType};
use crate::core::toml_reader::{Codes, Placed, Table, kind, parse, settled};

/// The only version of the mapping language so far.
const LANGUAGE_VERSION: u64 = 1;

const CODES: Codes = Codes {
    syntax: Code::MappingSyntax,
    key: Code::MappingKey,
    kind: Code::MappingKind,
    missing: Code::MappingMissing,
    word: Code::MappingWord,
};

/// Which datasets a mapping file may name.
#[derive(Debug, Clone, Copy)]
pub enum Datasets<'d> {
    /// The file is looked at alone: any name may exist.
    Any,
    /// The ones that `tillpost.toml` configures.
    Known(&'d BTreeSet<DatasetName>),
}

/// Compiles a mapping file.
#[must_use]
pub fn compile(source: &str, datasets: Datasets<'_>) -> (Option<Mapping>, Findings) {
    let mut findings = Findings::default();
    let parsed = parse(source, CODES, &mut findings);
    let mut file = Table::new(parsed.get_ref(), 0..0, CODES);
    version(&mut file, &mut findings);
    file.text("description", &mut findings);
    let defaults = Settings::default();
    let mut compiler = Compiler { datasets, defaults, default_country: None, findings };
    compiler.defaults(&mut file);
    let rules = compiler.payments(&mut file);
    let default_country = compiler.default_country;
    let mut findings = compiler.findings;
    file.finish(&mut findings);
    let findings = settled(findings, CODES);
    let mapping = Mapping { version: MappingVersion::of(source), default_country, rules };
    ((!findings.has_error()).then_some(mapping), findings)
}

fn version(file: &mut Table<'_, '_>, findings: &mut Findings) {
    if file.get("version").is_none() {
        file.missing("version", "begin the file with `version = 1`", findings);
        return;
    }
    let Some(version) = file.whole("version", findings) else { return };
    if version.value != LANGUAGE_VERSION {
        let says = format!("version {} of the mapping language is not known", version.value);
        let finding = Finding::new(Code::MappingVersionUnknown, At::Span(version.span), says);
        findings.push(finding.help("write `version = 1`, or use a newer tillpost"));
    }
}

/// What `[defaults]` and a rule may both set.
#[derive(Debug, Clone, Default)]
struct Settings {
    /// Empty where the key is there and names no dataset: a finding has said so.
    datasets: Option<Vec<DatasetName>>,
    statuses: Option<Vec<PaymentStatus>>,
    action_source: Option<ActionSource>,
    #[expect(clippy::option_option, reason = "absent, or `block`, which is no source")]
    without_device: Option<Option<ActionSource>>,
    currency: Option<Currency>,
    profile: Option<Profile>,
    data_processing: Option<DataProcessing>,
    checks: Weights,
}

struct Compiler<'d> {
    datasets: Datasets<'d>,
    defaults: Settings,
    default_country: Option<CountryCode>,
    findings: Findings,
}

impl Compiler<'_> {
    fn defaults(&mut self, file: &mut Table<'_, '_>) {
        if let Some(mut table) = file.table("defaults", &mut self.findings) {
            self.defaults = self.settings(&mut table);
            self.default_country = settings::default_country(&mut table, &mut self.findings);
            table.finish(&mut self.findings);
        }
    }

    fn payments(&mut self, file: &mut Table<'_, '_>) -> [Option<Rule>; PaymentType::ALL.len()] {
        let mut rules = [const { None }; PaymentType::ALL.len()];
        if file.get("payments").is_none() {
            let help = "add a table [payments] with a line such as DEFAULT = \"Purchase\"";
            file.missing("payments", help, &mut self.findings);
        }
        let Some(table) = file.table("payments", &mut self.findings) else { return rules };
        for (key, value) in table.entries() {
            match PaymentType::read(key.value) {
                Some(payment_type) => rules[payment_type as usize] = self.rule(value),
                None => self.unknown_type(&key),
            }
        }
        rules
    }

    fn unknown_type(&mut self, key: &Placed<&str>) {
        let says = format!("`{}` is not a payment type", key.value);
        let help = match suggestion(key.value, PaymentType::words()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the payment types are {}", one_of(PaymentType::words())),
        };
        let at = At::Span(key.span.clone());
        self.findings.push(Finding::new(Code::MappingType, at, says).help(help));
    }

    /// One line: `TYPE = "Event"` or `TYPE = { event = "Event", … }`.
    fn rule(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Rule> {
        match value.get_ref() {
            DeValue::String(name) => {
                let name = Placed { value: &**name, span: value.span() };
                let event = self.standard(&name)?;
                self.forward(event, Settings::default(), &name.span)
            }
            DeValue::Table(table) => self.rule_table(Table::new(table, value.span(), CODES)),
            other @ (DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)) => {
                let says = format!("a rule is text or a table, not {}", kind(other));
                let finding = Finding::new(Code::MappingKind, At::Span(value.span()), says);
                self.findings.push(finding.help(r#"write "Purchase" or { event = "Purchase" }"#));
                None
            }
        }
    }

    fn rule_table(&mut self, mut table: Table<'_, '_>) -> Option<Rule> {
        let span = table.span();
        let forward = self.flag(&mut table, "forward", true);
        let custom = self.flag(&mut table, "custom_event", false);
        let because = table.text("because", &mut self.findings).map(|text| text.value.to_owned());
        let name = table.text("event", &mut self.findings);
        let settings = self.settings(&mut table);
        let rule = match (forward, custom, name) {
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
        rule
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

    fn withhold(&mut self, table: &mut Table<'_, '_>, because: Option<String>) -> Option<Rule> {
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
        because.map(|because| Rule::Withhold { because })
    }

    fn forward(
        &mut self,
        event: EventName,
        own: Settings,
        span: &std::ops::Range<usize>,
    ) -> Option<Rule> {
        let defaults = self.defaults.clone();
        let Some(datasets) = own.datasets.or(defaults.datasets) else {
            let says = "no `dataset` says where this event goes";
            let finding = Finding::new(Code::MappingMissing, At::Span(span.clone()), says);
            self.findings.push(finding.help("set `dataset` under [defaults] or in the rule"));
            return None;
        };
        if datasets.is_empty() {
            return None;
        }
        let completed = || vec![PaymentStatus::Completed];
        Some(Rule::Forward(Forward {
            event,
            datasets,
            statuses: own.statuses.or(defaults.statuses).unwrap_or_else(completed),
            action_source: own
                .action_source
                .or(defaults.action_source)
                .unwrap_or(ActionSource::SystemGenerated),
            without_device: own.without_device.or(defaults.without_device).unwrap_or(None),
            currency: own.currency.or(defaults.currency),
            profile: own.profile.or(defaults.profile).unwrap_or(Profile::Plain),
            data_processing: own.data_processing.or(defaults.data_processing),
            checks: own.checks.completed_with(&defaults.checks),
        }))
    }

    fn settings(&mut self, table: &mut Table<'_, '_>) -> Settings {
        let datasets = self.dataset(table);
        self.not_empty(table, "statuses");
        let findings = &mut self.findings;
        let action_source =
            table.word("action_source", ActionSource::ALL, ActionSource::as_str, findings);
        Settings {
            datasets,
            statuses: table.words("statuses", PaymentStatus::ALL, PaymentStatus::as_str, findings),
            action_source: action_source.map(|word| word.value),
            without_device: settings::without_device(table, findings),
            currency: settings::currency(table, findings),
            profile: table
                .word("profile", Profile::ALL, Profile::as_str, findings)
                .map(|word| word.value),
            data_processing: settings::limited_data_use(table, findings),
            checks: settings::checks(table, findings),
        }
    }

    fn dataset(&mut self, table: &mut Table<'_, '_>) -> Option<Vec<DatasetName>> {
        table.get("dataset")?;
        self.not_empty(table, "dataset");
        let texts = table.texts("dataset", &mut self.findings).unwrap_or_default();
        let mut names = Vec::new();
        for text in texts {
            let name = DatasetName::read(text.value);
            let known = match (self.datasets, &name) {
                (Datasets::Known(known), Some(name)) => known.contains(name),
                (Datasets::Any, name) => name.is_some(),
                (Datasets::Known(_), None) => false,
            };
            match name {
                Some(name) if known && names.contains(&name) => {}
                Some(name) if known => names.push(name),
                Some(_) | None => self.unknown_dataset(&text),
            }
        }
        Some(names)
    }

    /// A list that names nothing would silently stop every event of its rules.
    fn not_empty(&mut self, table: &mut Table<'_, '_>, key: &'static str) {
        let Some(value) = table.get(key) else { return };
        if value.get_ref().as_array().is_some_and(|list| list.is_empty()) {
            let says = format!("`{key}` is an empty list");
            let finding = Finding::new(Code::MappingMissing, At::Span(value.span()), says);
            self.findings.push(finding.help("name at least one, or leave it out"));
        }
    }

    fn unknown_dataset(&mut self, text: &Placed<&str>) {
        let says = format!("the dataset `{}` is not configured", text.value);
        let known: Vec<&str> = match self.datasets {
            Datasets::Known(known) => known.iter().map(DatasetName::as_str).collect(),
            Datasets::Any => Vec::new(),
        };
        let help = match suggestion(text.value, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => "a name is letters, digits, `_` and `-`".to_owned(),
            None => format!("tillpost.toml configures {}", one_of(known)),
        };
        let at = At::Span(text.span.clone());
        self.findings.push(Finding::new(Code::MappingDataset, at, says).help(help));
    }

    fn standard(&mut self, name: &Placed<&str>) -> Option<EventName> {
        let found = StandardEvent::read(name.value).map(EventName::Standard);
        if found.is_none() {
            let says = format!("`{}` is not one of Meta's standard events", name.value);
            let help = match StandardEvent::meant_by(name.value) {
                Some(near) => format!("did you mean `{near}`? Names are case-sensitive at Meta"),
                None => format!(
                    r#"for an event of your own write {{ event = "{}", custom_event = true }}"#,
                    name.value
                ),
            };
            let at = At::Span(name.span.clone());
            self.findings.push(Finding::new(Code::MappingEvent, at, says).help(help));
        }
        found
    }

    fn custom(&mut self, name: &Placed<&str>) -> Option<EventName> {
        let at = At::Span(name.span.clone());
        let length = name.value.chars().count();
        if name.value.trim().is_empty() || length > CUSTOM_NAME_CHARS_MAX {
            let says = format!("a custom event name has 1 to {CUSTOM_NAME_CHARS_MAX} characters");
            self.findings.push(Finding::new(Code::MappingEvent, at, says));
            return None;
        }
        if let Some(standard) = StandardEvent::read(name.value) {
            let says = format!("`{standard}` is a standard event");
            let finding = Finding::new(Code::MappingEvent, at, says);
            self.findings.push(finding.help("leave out `custom_event`"));
            return None;
        }
        if RESERVED.contains(&name.value) {
            let says = format!("`{}` is a name that Meta keeps for itself", name.value);
            self.findings.push(Finding::new(Code::MappingEvent, at, says).help("choose another"));
            return None;
        }
        if let Some(near) = StandardEvent::meant_by(name.value) {
            let says = format!("`{}` is a custom event, but looks like `{near}`", name.value);
            let finding = Finding::new(Code::MappingEventNear, at, says);
            self.findings.push(finding.help(format!("did you mean `{near}`?")));
        }
        Some(EventName::Custom(name.value.to_owned()))
    }
}
