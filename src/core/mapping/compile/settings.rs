//! The settings that `[defaults]` and a rule share, one function each.
//!
//! In: a table of the mapping file. Out: the value, or nothing and a finding at its place.

use toml::de::DeValue;

use crate::core::check::{Weight, Weights};
use crate::core::customer::CountryCode;
use crate::core::finding::{At, Code, Finding, Findings};
use crate::core::meta::ActionSource;
use crate::core::meta::data_processing::{DataProcessing, Region};
use crate::core::money::Currency;
use crate::core::names::suggestion;
use crate::core::toml_reader::{Table, kind};

/// `"block"`, or another action source.
#[expect(clippy::option_option, reason = "absent, or `block`, which is no source")]
pub(super) fn without_device(
    table: &mut Table<'_, '_>,
    findings: &mut Findings,
) -> Option<Option<ActionSource>> {
    let words: Vec<Option<ActionSource>> = std::iter::once(None)
        .chain(ActionSource::ALL.iter().copied().filter(|s| *s != ActionSource::App).map(Some))
        .collect();
    let spelling = |word: Option<ActionSource>| word.map_or("block", ActionSource::as_str);
    table.word("without_device", &words, spelling, findings).map(|word| word.value)
}

pub(super) fn currency(table: &mut Table<'_, '_>, findings: &mut Findings) -> Option<Currency> {
    let text = table.text("currency", findings)?;
    let found = Currency::read(text.value);
    if found.is_none() {
        let says = format!("`{}` is not an ISO 4217 currency", text.value);
        let finding = Finding::new(Code::MappingWord, At::Span(text.span), says);
        findings.push(finding.help("write three letters such as \"INR\""));
    }
    found
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
pub(super) fn limited_data_use(
    table: &mut Table<'_, '_>,
    findings: &mut Findings,
) -> Option<DataProcessing> {
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
pub(super) fn checks(table: &mut Table<'_, '_>, findings: &mut Findings) -> Weights {
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
