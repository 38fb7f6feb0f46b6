//! The effective table: what a mapping file means once every default is filled in.
//!
//! In: a compiled [`Mapping`]. Out: JSON for people and programs that ask what is in force: each
//! payment type and each reported event with its rules, in the order in which they are tried.

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::shape::{Fill, Rewrite, Shape, Source};
use super::{Action, Forward, Mapping, Rule};
use crate::core::customer::CountryCode;
use crate::core::json;
use crate::core::money::Currency;
use crate::core::payment::PaymentType;

/// The table of a mapping: `{"payments": {type: [rule…]}, "events": {name: rule}, "tests": n}`.
#[derive(Debug, Clone, Copy)]
pub struct EffectiveTable<'m>(pub &'m Mapping);

impl Serialize for EffectiveTable<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bound = PaymentType::ALL.iter().filter(|kind| !self.0.rules(**kind).is_empty());
        let payments: Vec<_> = bound.map(|kind| (kind.as_str(), self.0.rules(*kind))).collect();
        let events: Vec<_> =
            self.0.events.iter().map(|(name, rule)| (name.as_str(), rule)).collect();
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("default_country", &self.0.default_country().map(CountryCode::as_str))?;
        map.serialize_entry("payments", &Members(&payments))?;
        map.serialize_entry("events", &Members(&events))?;
        map.serialize_entry("tests", &self.0.tests().len())?;
        map.end()
    }
}

/// An object whose keys are data, in this order.
struct Members<'m, K, V>(&'m [(K, V)]);

impl<K: Serialize, V: Serialize> Serialize for Members<'_, K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("line", &self.line)?;
        let when: Vec<String> = self.when.0.iter().map(ToString::to_string).collect();
        map.serialize_entry("when", &when)?;
        match &self.action {
            Action::Withhold { because } => {
                map.serialize_entry("forward", &false)?;
                map.serialize_entry("because", because)?;
            }
            Action::Forward(forward) => forwarding(forward, &mut map)?,
        }
        map.end()
    }
}

/// The settings of a rule, under the names that the file has for them.
fn forwarding<M: serde::ser::SerializeMap>(forward: &Forward, map: &mut M) -> Result<(), M::Error> {
    let Forward {
        event,
        datasets,
        statuses,
        action_source,
        without_device,
        currency,
        send_revenue,
        profile,
        shape,
        event_id,
        external_id,
        consent,
        data_processing,
        checks,
    } = forward;
    map.serialize_entry("event", event.as_str())?;
    map.serialize_entry("custom_event", &event.standard().is_none())?;
    map.serialize_entry("dataset", datasets)?;
    map.serialize_entry("statuses", statuses)?;
    map.serialize_entry("profile", profile)?;
    map.serialize_entry("action_source", action_source)?;
    map.serialize_entry("without_device", &without_device.map_or("block", |s| s.as_str()))?;
    map.serialize_entry("send_revenue", send_revenue)?;
    map.serialize_entry("currency", &currency.map(Currency::code))?;
    shaping(shape, map)?;
    let id = event_id.as_ref().map(ToString::to_string);
    map.serialize_entry("event_id", &id.unwrap_or_else(|| "{type}.{payment_id}".to_owned()))?;
    map.serialize_entry("external_id", external_id)?;
    map.serialize_entry("consent", &consent.as_ref().map(ToString::to_string))?;
    map.serialize_entry("limited_data_use", data_processing)?;
    let checks: Vec<_> = checks.iter().map(|(code, weight)| (code.as_str(), weight)).collect();
    map.serialize_entry("checks", &Members(&checks))
}

fn shaping<M: serde::ser::SerializeMap>(shape: &Shape, map: &mut M) -> Result<(), M::Error> {
    let Shape { value, currency, num_items, contents, content_id, content_type, custom_data } =
        shape;
    let sources = |sources: &[Source], of_contents: &str| -> Vec<String> {
        sources.iter().map(|source| source.shown(of_contents)).collect()
    };
    let or = |named: Vec<String>, default: &[&str]| -> Vec<String> {
        if named.is_empty() { default.iter().map(|&text| text.to_owned()).collect() } else { named }
    };
    let value = sources(value, "sum(contents)");
    map.serialize_entry("value", &or(value, &["event_data.value", "amount"]))?;
    let places: Vec<String> = currency.iter().map(ToString::to_string).collect();
    map.serialize_entry("currency_from", &or(places, &["currency", "event_data.currency"]))?;
    let num_items = sources(num_items, "count(contents)");
    map.serialize_entry("num_items", &or(num_items, &["event_data.num_items"]))?;
    let each = contents.as_ref().map(|lines| lines.each.to_string());
    map.serialize_entry("contents", &each.as_deref().unwrap_or("event_data.contents"))?;
    map.serialize_entry("content_id", content_id)?;
    map.serialize_entry("content_type", content_type)?;
    let set: Vec<_> = custom_data.iter().map(|(key, fill)| (key.as_str(), fill)).collect();
    map.serialize_entry("custom_data", &Members(&set))
}

impl Source {
    /// As the mapping file writes it.
    #[must_use]
    pub fn shown(&self, of_contents: &str) -> String {
        match self {
            Self::Path(path) => path.to_string(),
            Self::Literal(digits) => digits.clone(),
            Self::OfContents => of_contents.to_owned(),
        }
    }
}

/// As the mapping file writes it.
impl Serialize for Fill {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Literal(text) => match json::read(text.as_bytes()) {
                Ok(json::Json::String(text)) => serializer.serialize_str(&text),
                _ => serializer.serialize_str(text),
            },
            Self::Path(path) => serializer.collect_str(path),
            Self::Template(template) => serializer.collect_str(template),
        }
    }
}

/// Only what is set.
impl Serialize for Rewrite {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { strip_prefix, strip_suffix, prefix, suffix, case } = self;
        let mut map = serializer.serialize_map(None)?;
        if let Some(case) = case {
            map.serialize_entry("case", case)?;
        }
        for (key, text) in [
            ("strip_prefix", strip_prefix),
            ("strip_suffix", strip_suffix),
            ("prefix", prefix),
            ("suffix", suffix),
        ] {
            if !text.is_empty() {
                map.serialize_entry(key, text)?;
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::mapping::{Datasets, compile};

    #[test]
    fn the_table_shows_what_a_line_means_with_every_default() {
        let source = r#"
            version = 1
            [defaults]
            dataset = "shop"
            checks = { E207 = "block" }
            [payments]
            DEFAULT = "Purchase"
            ONE_TIME = { forward = false, because = "a trial" }
            RECURRING = { event = "Renewed", custom_event = true, when = { amount = { at_least = 5 } }, value = ["event_data.total", 5], custom_data = { plan = "p-{event_data.plan}", n = 1, s = "x" }, content_id = { strip_prefix = "p-" } }
            [events]
            seen = "ViewContent"
        "#;
        let mapping = compile(source, Datasets::Any).0.expect(source);
        let table = serde_json::to_value(EffectiveTable(&mapping)).expect("JSON");
        let rule = |kind: &str| table["payments"][kind][0].clone();
        for (got, expected) in [
            (rule("DEFAULT")["event"].clone(), serde_json::json!("Purchase")),
            (rule("DEFAULT")["line"].clone(), serde_json::json!(7)),
            (rule("DEFAULT")["dataset"].clone(), serde_json::json!(["shop"])),
            (rule("DEFAULT")["statuses"].clone(), serde_json::json!(["PAYMENT_COMPLETED"])),
            (rule("DEFAULT")["checks"].clone(), serde_json::json!({"E207": "block"})),
            (rule("DEFAULT")["value"].clone(), serde_json::json!(["event_data.value", "amount"])),
            (rule("DEFAULT")["event_id"].clone(), serde_json::json!("{type}.{payment_id}")),
            (rule("ONE_TIME")["because"].clone(), serde_json::json!("a trial")),
            (rule("RECURRING")["when"].clone(), serde_json::json!(["`amount` is at least 5"])),
            (rule("RECURRING")["value"].clone(), serde_json::json!(["event_data.total", "5"])),
            (
                rule("RECURRING")["custom_data"].clone(),
                serde_json::json!({"plan": "p-{event_data.plan}", "n": "1", "s": "x"}),
            ),
            (rule("RECURRING")["content_id"].clone(), serde_json::json!({"strip_prefix": "p-"})),
            (table["events"]["seen"]["event"].clone(), serde_json::json!("ViewContent")),
        ] {
            assert_eq!(got, expected, "{table:#}");
        }
    }
}
