//! From the TOML of a mapping file to a [`Mapping`], with everything that is wrong in one pass.
//!
//! In: the text, and the datasets that exist where that is known. Out: a mapping, unless an error
//! forbids it, and findings with their place. Nothing here reads a file.

mod expectations;
mod feed;
mod lint;
mod names;
mod rules;
mod settings;
mod shape;
mod templates;
mod tests_of_file;
mod when;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

pub(super) use expectations::EXPECTABLE;
use settings::Settings;
pub(super) use shape::OWN_SETTINGS;
use toml::Spanned;
use toml::de::DeValue;

use super::condition::reach::Effort;
use super::{Action, DatasetName, Mapping, MappingVersion, Rule};
use crate::core::customer::CountryCode;
use crate::core::finding::{At, Code, Finding, Findings};
use crate::core::meta::ActionSource;
use crate::core::names::{one_of, suggestion};
use crate::core::payment::PaymentType;
use crate::core::toml_reader::{Codes, Placed, Table, parse, settled};

/// The keys of a mapping file.
const FILE_KEYS: [&str; 7] =
    ["version", "description", "defaults", "payments", "events", "test", "catalog"];

/// The only version of the mapping language so far.
pub(super) const LANGUAGE_VERSION: u64 = 1;

const CODES: Codes = Codes {
    syntax: Code::MappingSyntax,
    key: Code::MappingKey,
    kind: Code::MappingKind,
    missing: Code::MappingMissing,
    word: Code::MappingWord,
};

/// Most rules of one payment type. Ours: each payment is compared with them in order, and each rule
/// with those before it.
pub(super) const RULES_MAX: usize = 1_000;

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
    let mut compiler = Compiler {
        lines: source.match_indices('\n').map(|(at, _)| at).collect(),
        datasets,
        defaults: Settings::default(),
        default_country: None,
        findings,
        effort: Effort::default(),
    };
    compiler.defaults(&mut file);
    let payments = compiler.payments(&mut file);
    let events = compiler.events(&mut file);
    let rules = payments.iter().flatten().chain(events.values());
    compiler.defaults_without_effect(&mut file, rules.clone());
    let tests = compiler.tests(&mut file, rules);
    let default_country = compiler.default_country;
    let mut findings = compiler.findings;
    let feed = feed::read(&mut file, &mut findings);
    file.finish(&mut findings);
    let findings = settled(findings, source, CODES);
    let version = MappingVersion::of(source);
    let mapping =
        Mapping { version, default_country, payments, events, tests, feed, catalog: None };
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

/// The items of a list, or the one value that is none.
fn one_or_many<'v, 'i>(value: &'v Spanned<DeValue<'i>>) -> &'v [Spanned<DeValue<'i>>] {
    let items = value.get_ref().as_array();
    items.map_or(std::slice::from_ref(value), |items| items)
}

struct Compiler<'d> {
    /// Where each line ends. A file of thousands of rules is not counted through for each.
    lines: Vec<usize>,
    datasets: Datasets<'d>,
    defaults: Settings,
    default_country: Option<CountryCode>,
    findings: Findings,
    effort: Effort,
}

impl Compiler<'_> {
    fn line(&self, span: &Range<usize>) -> usize {
        self.lines.partition_point(|end| *end < span.start) + 1
    }

    fn say(&mut self, code: Code, span: Range<usize>, says: String, help: &str) {
        self.findings.push(Finding::new(code, At::Span(span), says).help(help));
    }

    fn defaults(&mut self, file: &mut Table<'_, '_>) {
        if let Some(mut table) = file.nearly("defaults", &FILE_KEYS, &mut self.findings) {
            self.defaults = self.settings(&mut table);
            self.default_country = settings::default_country(&mut table, &mut self.findings);
            table.finish(&mut self.findings);
        }
    }

    /// A default that no rule of the file lets count.
    fn defaults_without_effect<'r>(
        &mut self,
        file: &mut Table<'_, '_>,
        mut rules: impl Iterator<Item = &'r Rule>,
    ) {
        let is_app = |rule: &Rule| match &rule.action {
            Action::Forward(forward) => forward.action_source == ActionSource::App,
            Action::Withhold { .. } => false,
        };
        let setting = file.get("defaults").and_then(|value| {
            value.get_ref().as_table().and_then(|table| table.get("without_device"))
        });
        if let Some(setting) = setting
            && !self.findings.has_error()
            && !rules.any(is_app)
        {
            let says = "`without_device` has no effect: no rule has action_source = \"app\"";
            self.no_effect(setting.span(), says, "set action_source = \"app\", or leave it out");
        }
    }

    fn payments(&mut self, file: &mut Table<'_, '_>) -> [Vec<Rule>; PaymentType::ALL.len()] {
        let mut rules = [const { Vec::new() }; PaymentType::ALL.len()];
        let Some(table) = file.nearly("payments", &FILE_KEYS, &mut self.findings) else {
            if file.get("payments").is_none() {
                let help = "add a table [payments] with a line such as DEFAULT = \"Purchase\"";
                file.missing("payments", help, &mut self.findings);
            }
            return rules;
        };
        for (key, value) in table.entries() {
            match PaymentType::read(key.value) {
                Some(payment_type) => {
                    rules[payment_type as usize] = self.rules(Some(payment_type), &key, value);
                }
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
        self.say(Code::MappingType, key.span.clone(), says, &help);
    }

    /// `[events]`: names that a sender reports, each with one rule.
    fn events(&mut self, file: &mut Table<'_, '_>) -> BTreeMap<String, Rule> {
        let Some(table) = file.nearly("events", &FILE_KEYS, &mut self.findings) else {
            return BTreeMap::new();
        };
        let mut events = BTreeMap::new();
        for (key, value) in table.entries() {
            let rules = self.rules(None, &key, value);
            if rules.len() > 1 {
                let says = format!("`{}` has several rules; an event has one", key.value);
                self.say(Code::MappingKind, key.span, says, "write one line, without `when`");
            } else if let Some(rule) = rules.into_iter().next() {
                events.insert(key.value.to_owned(), rule);
            }
        }
        events
    }
}
