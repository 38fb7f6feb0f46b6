//! What an edit of a mapping file does to payments: the same payment decided twice, compared.
//!
//! In: two dry runs of one body. Out: every difference in what Meta would receive, by field, with
//! both values; and the sums over many payments. Hashed values are compared and never shown.

use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::value::RawValue;

use super::decide::Verdict;
use super::dry_run::DryRun;
use super::finding::Severity;
use super::json::{self, Json};
use super::money::Amount;

/// One difference. Values are JSON texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What differs: `verdict`, `custom_data.value`.
    pub field: String,
    /// Under the old file; none where it was not there.
    pub before: Option<String>,
    /// Under the new one; none where it is not there.
    pub after: Option<String>,
}

/// What becomes of payments under a file, in sum.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Sums {
    /// Payments by verdict; `refused` where the body cannot be read.
    pub payments: BTreeMap<&'static str, u64>,
    /// Events by name.
    pub events: BTreeMap<String, u64>,
    /// The values of all events, by currency, as far as they can be added exactly.
    pub value: BTreeMap<String, Amount>,
}

/// The comparison of many payments.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Comparison {
    /// How many were compared.
    pub payments: u64,
    /// Of how many something would change.
    pub changed: u64,
    /// How many would no longer be sent.
    pub lost: u64,
    /// For each field, in how many payments it differs.
    pub fields: BTreeMap<String, u64>,
    /// Under the old file.
    pub before: Sums,
    /// Under the new one.
    pub after: Sums,
}

/// `{"field", "before", "after"}`, with the values as JSON.
impl Serialize for Change {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value = |text: &Option<String>| {
            text.as_ref().and_then(|text| RawValue::from_string(text.clone()).ok())
        };
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("field", &self.field)?;
        map.serialize_entry("before", &value(&self.before))?;
        map.serialize_entry("after", &value(&self.after))?;
        map.end()
    }
}

impl Comparison {
    /// Compares one payment, and adds it to the sums.
    pub fn add(&mut self, before: &DryRun, after: &DryRun) -> Vec<Change> {
        let changes = changes(before, after);
        self.payments += 1;
        self.changed += u64::from(!changes.is_empty());
        self.lost += u64::from(is_sent(before) && !is_sent(after));
        for change in &changes {
            *self.fields.entry(change.field.clone()).or_default() += 1;
        }
        self.before.add(before);
        self.after.add(after);
        changes
    }
}

fn is_sent(run: &DryRun) -> bool {
    verdict(run) == Verdict::Forward.as_str()
}

fn verdict(run: &DryRun) -> &'static str {
    run.decided.as_ref().map_or("refused", |(decision, _)| decision.verdict.as_str())
}

impl Sums {
    fn add(&mut self, run: &DryRun) {
        *self.payments.entry(verdict(run)).or_default() += 1;
        // The copies for several datasets are one event.
        for event in run.decided.iter().filter_map(|(decision, _)| decision.events.first()) {
            *self.events.entry(event.event_name.clone()).or_default() += 1;
            let Ok(body) = json::read(event.body.as_bytes()) else { continue };
            let data = json::fields(&body).and_then(|fields| json::get(fields, "custom_data"));
            let of = |key: &str| json::get(json::fields(data?)?, key);
            let value = of("value").and_then(json::text_or_number);
            let value = value.and_then(|digits| Amount::read(digits).ok());
            let (Some(value), Some(currency)) = (value, of("currency").and_then(json::text)) else {
                continue;
            };
            let before = self.value.get(currency).map(|sum| sum.decimal()).unwrap_or_default();
            let sum = before.checked_add(value.decimal());
            if let Some(sum) = sum.and_then(|sum| Amount::read(&sum.to_string()).ok()) {
                self.value.insert(currency.to_owned(), sum);
            }
        }
    }
}

/// Every difference between two decisions about one payment, in the order of an event's fields.
#[must_use]
pub fn changes(before: &DryRun, after: &DryRun) -> Vec<Change> {
    let (old, new) = (facts(before), facts(after));
    let names = old.iter().chain(&new).map(|(field, _)| field);
    let mut seen = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    let of = |facts: &[(String, String)], name: &str| {
        facts.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone())
    };
    let change = |name: &String| {
        let (before, after) = (of(&old, name), of(&new, name));
        (before != after).then(|| shown(Change { field: name.clone(), before, after }))
    };
    let is_named = |change: &Change| {
        is_sent(before) == is_sent(after) || OF_FATE.contains(&change.field.as_str())
    };
    seen.into_iter().filter_map(change).filter(is_named).collect()
}

/// What is named where one of two decisions makes no event: that it has no fields goes without
/// saying.
const OF_FATE: [&str; 6] =
    ["verdict", "because", "event_name", "custom_data.value", "custom_data.currency", "findings"];

/// A person's digests say nothing to a reader, and a long value buries the others.
fn shown(mut change: Change) -> Change {
    let is_person = change.field.starts_with("user_data.");
    for value in [&mut change.before, &mut change.after].into_iter().flatten() {
        if is_person {
            "\"(hashed)\"".clone_into(value);
        }
    }
    change
}

/// What a reader of both files would compare, as field and JSON.
fn facts(run: &DryRun) -> Vec<(String, String)> {
    let mut facts = vec![("verdict".to_owned(), json::quoted(verdict(run)))];
    let mut say = |field: &str, value: String| facts.push((field.to_owned(), value));
    if let Some((decision, _)) = &run.decided {
        if let Some(because) = &decision.because {
            say("because", json::quoted(because));
        }
        let datasets: Vec<String> =
            decision.events.iter().map(|event| json::quoted(event.dataset.as_str())).collect();
        if !datasets.is_empty() {
            say("dataset", format!("[{}]", datasets.join(",")));
        }
        // The copies for several datasets are one event.
        if let Some(event) = decision.events.first()
            && let Ok(Json::Object(members)) = json::read(event.body.as_bytes())
        {
            for (key, value) in &members {
                let is_group = matches!(&**key, "custom_data" | "user_data");
                match json::fields(value).filter(|_| is_group) {
                    Some(inner) => inner.iter().for_each(|(name, value)| {
                        say(&format!("{key}.{name}"), json::printed(value));
                    }),
                    None => say(key, json::printed(value)),
                }
            }
        }
    }
    let heard = run.findings.iter().filter(|finding| finding.severity != Severity::Note);
    let mut codes: Vec<&str> = heard.map(|finding| finding.code.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    if !codes.is_empty() {
        let codes: Vec<String> = codes.into_iter().map(json::quoted).collect();
        say("findings", format!("[{}]", codes.join(",")));
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::dry_run::{Ruling, dry_run};
    use crate::core::mapping::{Datasets, compile};
    use crate::core::money::Currency;
    use crate::core::time::Timestamp;
    use crate::core::user::User;

    const BODY: &str = r#"{"user_id":"u","payment_id":"p","amount":2000,"user_data":{"email":"a@b.example"},"event_data":{"plan":"gold","total":1500}}"#;

    fn run(rule: &str, body: &str) -> DryRun {
        let source = format!("version = 1\n[defaults]\ndataset = \"shop\"\n[payments]\n{rule}\n");
        let mapping = compile(&source, Datasets::Any).0.expect(&source);
        let (user, now) = (User::default(), Timestamp::from_seconds(1_772_280_000));
        let currency = Currency::read("INR");
        let ruling = Ruling { mapping: &mapping, user: Some(&user), currency, now };
        dry_run(body.as_bytes(), ruling)
    }

    fn changed(old: &str, new: &str) -> Vec<(String, Option<String>, Option<String>)> {
        let changes = changes(&run(old, BODY), &run(new, BODY)).into_iter();
        changes.map(|change| (change.field, change.before, change.after)).collect()
    }

    fn row(field: &str, before: &str, after: &str) -> (String, Option<String>, Option<String>) {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        (field.to_owned(), some(before), some(after))
    }

    #[test]
    fn only_what_differs_is_named_with_both_values() {
        let lead = r#"DEFAULT = "Lead""#;
        for (old, new, expected) in [
            (lead, lead, vec![]),
            (lead, r#"DEFAULT = { event = "Lead" }"#, vec![]),
            (lead, r#"DEFAULT = "Contact""#, vec![row("event_name", "\"Lead\"", "\"Contact\"")]),
            (
                lead,
                r#"DEFAULT = { event = "Lead", value = "event_data.total", custom_data = { plan = "p-{event_data.plan}" } }"#,
                vec![
                    row("custom_data.value", "2000", "1500"),
                    row("custom_data.plan", "\"gold\"", "\"p-gold\""),
                ],
            ),
            (
                lead,
                r#"DEFAULT = { event = "Lead", external_id = "plain" }"#,
                vec![row("user_data.external_id", "\"(hashed)\"", "\"(hashed)\"")],
            ),
            (
                lead,
                r#"DEFAULT = { event = "Lead", dataset = ["shop", "app"] }"#,
                vec![row("dataset", "[\"shop\"]", "[\"shop\",\"app\"]")],
            ),
        ] {
            assert_eq!(changed(old, new), expected, "{new}");
        }
    }

    #[test]
    fn what_is_no_longer_sent_is_counted_and_the_sums_are_those_of_the_events() {
        let second = BODY.replace("2000", "0.5");
        let mut all = Comparison::default();
        for body in [BODY, &second, "{"] {
            all.add(
                &run(r#"DEFAULT = "Lead""#, body),
                &run(r#"DEFAULT = { event = "Lead", when = { amount = { at_least = 5 } } }"#, body),
            );
        }
        assert_eq!((all.payments, all.changed, all.lost), (3, 1, 1));
        let value = |sums: &Sums| sums.value["INR"].to_string();
        assert_eq!((value(&all.before), value(&all.after)), ("2000.5".into(), "2000".into()));
        assert_eq!(all.before.payments, [("forward", 2), ("refused", 1)].into());
        assert_eq!(all.after.payments, [("forward", 1), ("refused", 1), ("skip", 1)].into());
        assert_eq!(all.after.events, [("Lead".to_owned(), 1)].into());
        assert_eq!(all.fields["verdict"], 1);
    }
}
