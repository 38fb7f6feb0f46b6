//! The settings that `[defaults]` and a rule share.
//!
//! In: a table of the mapping file. Out: [`Settings`], what it sets; a finding at the place of
//! whatever cannot be read.

use toml::de::DeValue;

use super::{Compiler, Datasets, Placed, shape, when};
use crate::core::check::{Profile, Weight, Weights};
use crate::core::customer::CountryCode;
use crate::core::finding::{At, Code, Finding, Findings};
use crate::core::mapping::path::{Path, Root};
use crate::core::mapping::shape::Shape;
use crate::core::mapping::template::Template;
use crate::core::mapping::{DatasetName, ExternalId};
use crate::core::meta::ActionSource;
use crate::core::meta::data_processing::{DataProcessing, Region};
use crate::core::money::Currency;
use crate::core::names::{one_of, suggestion};
use crate::core::payment::PaymentStatus;
use crate::core::toml_reader::{Table, kind};

/// What `[defaults]` and a rule may both set.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    /// Empty where the key is there and names no dataset: a finding has said so.
    pub(super) datasets: Option<Vec<DatasetName>>,
    pub(super) statuses: Option<Vec<PaymentStatus>>,
    pub(super) action_source: Option<ActionSource>,
    #[expect(clippy::option_option, reason = "absent, or `block`, which is no source")]
    pub(super) without_device: Option<Option<ActionSource>>,
    pub(super) currency: Option<Currency>,
    pub(super) send_revenue: Option<bool>,
    pub(super) profile: Option<Profile>,
    pub(super) shape: Shape,
    pub(super) event_id: Option<Template>,
    pub(super) external_id: Option<ExternalId>,
    pub(super) consent: Option<Path>,
    pub(super) data_processing: Option<DataProcessing>,
    pub(super) checks: Weights,
}

impl Compiler<'_> {
    pub(super) fn settings(&mut self, table: &mut Table<'_, '_>) -> Settings {
        let datasets = self.dataset(table);
        self.not_empty(table, "statuses");
        let findings = &mut self.findings;
        let action_source =
            table.word("action_source", ActionSource::ALL, ActionSource::as_str, findings);
        let external_id = table.word("external_id", ExternalId::ALL, ExternalId::as_str, findings);
        let profile = table.word("profile", Profile::ALL, Profile::as_str, findings);
        let (currency, currencies) = currency(table, findings);
        let mut shape = shape::read(table, findings);
        shape.currency = currencies;
        Settings {
            datasets,
            statuses: table.words("statuses", PaymentStatus::ALL, PaymentStatus::as_str, findings),
            action_source: action_source.map(|word| word.value),
            without_device: without_device(table, findings),
            currency,
            send_revenue: table.boolean("send_revenue", findings).map(|flag| flag.value),
            profile: profile.map(|word| word.value),
            shape,
            event_id: shape::event_id(table, findings),
            external_id: external_id.map(|word| word.value),
            consent: consent(table, findings),
            data_processing: limited_data_use(table, findings),
            checks: checks(table, findings),
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
        let says = match self.datasets {
            Datasets::Known(_) => format!("the dataset `{}` is not configured", text.value),
            Datasets::Any => format!("`{}` cannot be the name of a dataset", text.value),
        };
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
}

/// A path that must be true: `consent = "event_data.marketing_consent"`.
fn consent(table: &mut Table<'_, '_>, findings: &mut Findings) -> Option<Path> {
    let text = table.text("consent", findings)?;
    let path = when::path(&text, findings)?;
    if path.root() != Root::EventData {
        let says = format!("`{path}` of a payment is never true");
        let finding = Finding::new(Code::MappingPath, At::Span(text.span), says);
        findings.push(finding.help("write the path of a flag: \"event_data.marketing_consent\""));
        return None;
    }
    Some(path)
}

/// `"block"`, or another action source.
#[expect(clippy::option_option, reason = "absent, or `block`, which is no source")]
fn without_device(
    table: &mut Table<'_, '_>,
    findings: &mut Findings,
) -> Option<Option<ActionSource>> {
    let words: Vec<Option<ActionSource>> = std::iter::once(None)
        .chain(ActionSource::ALL.iter().copied().filter(|s| *s != ActionSource::App).map(Some))
        .collect();
    let spelling = |word: Option<ActionSource>| word.map_or("block", ActionSource::as_str);
    table.word("without_device", &words, spelling, findings).map(|word| word.value)
}

/// One code, the last resort; or places to look in first: `["event_data.cur", "INR"]`.
fn currency(table: &mut Table<'_, '_>, findings: &mut Findings) -> (Option<Currency>, Vec<Path>) {
    let texts = table.texts("currency", findings).unwrap_or_default();
    let (mut last, mut places) = (None, Vec::new());
    let count = texts.len();
    for (index, text) in texts.into_iter().enumerate() {
        let is_path = text.value.contains(['.', '_']);
        match Currency::read(text.value) {
            Some(known) if !is_path => {
                if index + 1 < count {
                    let says = format!("`{}` counts last, wherever it stands", text.value);
                    let finding = Finding::new(Code::MappingNoEffect, At::Span(text.span), says);
                    findings.push(finding.help("put the paths first, then one currency"));
                }
                last = Some(known);
            }
            _ if is_path => places.extend(currency_path(&text, findings)),
            _ => {
                let says = format!("`{}` is not an ISO 4217 currency", text.value);
                let finding = Finding::new(Code::MappingWord, At::Span(text.span), says);
                findings.push(finding.help("write three letters such as \"INR\", or a path"));
            }
        }
    }
    (last, places)
}

fn currency_path(text: &Placed<&str>, findings: &mut Findings) -> Option<Path> {
    let path = when::path(text, findings)?;
    if path.root() != Root::EventData {
        let says = format!("`{path}` of a payment is never a currency");
        let finding = Finding::new(Code::MappingPath, At::Span(text.span.clone()), says);
        findings.push(finding.help("the payment's own currency counts anyway; leave it out"));
        return None;
    }
    Some(path)
}

/// With which country phone numbers are completed: `default_country = "IN"`.
pub(super) fn default_country(
    table: &mut Table<'_, '_>,
    findings: &mut Findings,
) -> Option<CountryCode> {
    let text = table.text("default_country", findings)?;
    let found = CountryCode::read(text.value);
    if found.is_none() {
        let says = format!("`{}` is not a country of ISO 3166-1", text.value);
        let finding = Finding::new(Code::MappingWord, At::Span(text.span), says);
        findings.push(finding.help("write two letters such as \"IN\""));
    }
    found
}

/// `limited_data_use = true`, or `{ country = 1, state = 1000 }`.
fn limited_data_use(table: &mut Table<'_, '_>, findings: &mut Findings) -> Option<DataProcessing> {
    const KEY: &str = "limited_data_use";
    let value = table.get(KEY)?;
    match value.get_ref() {
        DeValue::Boolean(true) => Some(DataProcessing::limited(Some(Region::FOUND_BY_META))),
        DeValue::Boolean(false) => Some(DataProcessing::Unrestricted),
        DeValue::Table(_) => {
            let mut region = table.table(KEY, findings)?;
            let number = |region: &mut Table<'_, '_>, key, findings: &mut Findings| {
                if region.get(key).is_none() {
                    region.missing(key, "write { country = 1, state = 1000 }", findings);
                }
                region.whole(key, findings).map(|number| number.value)
            };
            let country = number(&mut region, "country", findings);
            let state = number(&mut region, "state", findings);
            region.finish(findings);
            let (country, state) = country.zip(state)?;
            let known = Region::read(country, state);
            if known.is_none() {
                let says = format!("Meta knows no region of country {country} and state {state}");
                let finding = Finding::new(Code::MappingWord, At::Span(value.span()), says);
                findings.push(finding.help(
                    "write country 0 and state 0, or country 1 and a state from 1000 to 1013",
                ));
            }
            known.map(|region| DataProcessing::limited(Some(region)))
        }
        other @ (DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)) => {
            let says = format!("`{KEY}` must be true, false or a table, not {}", kind(other));
            findings.push(Finding::new(Code::MappingKind, At::Span(value.span()), says));
            None
        }
    }
}

/// `checks = { E207 = "block", E235 = "off" }`.
fn checks(table: &mut Table<'_, '_>, findings: &mut Findings) -> Weights {
    let mut weights = Weights::default();
    let Some(inner) = table.table("checks", findings) else { return weights };
    for (key, value) in inner.entries() {
        let code = Code::read(key.value).filter(|code| Weights::may_name(*code));
        if code.is_none() {
            findings.push(unknown_code(key.value, At::Span(key.span)));
        }
        let word = value.get_ref().as_str().and_then(Weight::read);
        if word.is_none() {
            let says = format!("the weight of `{}` is \"block\", \"warn\" or \"off\"", key.value);
            let near = suggestion(value.get_ref().as_str().unwrap_or_default(), Weight::words());
            let help = near.map_or_else(
                || "write \"warn\"".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            let at = At::Span(value.span());
            findings.push(Finding::new(Code::MappingWord, at, says).help(help));
        }
        match (code, word) {
            (Some(code), Some(Weight::Warn | Weight::Off)) if Weights::always_blocks(code) => {
                let says =
                    format!("{code} is found where Meta refuses the event; it always blocks");
                let finding = Finding::new(Code::MappingWord, At::Span(value.span()), says);
                findings.push(finding.help("one such event costs its whole request: leave it out"));
            }
            (Some(code), Some(weight)) => weights.set(code, weight),
            (None, _) | (_, None) => {}
        }
    }
    weights
}

fn unknown_code(key: &str, at: At) -> Finding {
    let finding = |says: String| Finding::new(Code::MappingKey, at, says);
    if let Some(code) = Code::read(key) {
        let says =
            format!("{code} is found before the event is decided; it cannot be weighed here");
        return finding(says).help("codes from E201 to E299 can be, and P204");
    }
    let known = Code::ALL.iter().copied().filter(|code| Weights::may_name(*code));
    let near = suggestion(key, known.map(Code::as_str));
    let says = format!("`{key}` is not the code of a finding");
    match near {
        Some(near) => finding(says).help(format!("did you mean `{near}`?")),
        None => finding(says).help("`tillpost explain` lists every code"),
    }
}
