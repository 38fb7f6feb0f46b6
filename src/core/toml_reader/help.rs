//! What to write instead of a key that is not known, or of a value of the wrong kind.
//!
//! In: the key, and what stands there. Out: an instruction, or nothing. A word that other tools use
//! for the same thing is known here; a hint that may be wrong is worse than none.

use toml::de::DeValue;

use super::Codes;
use crate::core::finding::Code;
use crate::core::names::suggestion;

/// What people write, and what it is called here.
const SYNONYMS: [(&str, &str); 30] = [
    ("price", "item_price"),
    ("unit_price", "item_price"),
    ("minimum", "at_least"),
    ("min", "at_least"),
    ("gte", "at_least"),
    ("maximum", "at_most"),
    ("max", "at_most"),
    ("lte", "at_most"),
    ("in", "one_of"),
    ("any_of", "one_of"),
    ("present", "exists"),
    ("if", "when"),
    ("where", "when"),
    ("condition", "when"),
    ("remove_prefix", "strip_prefix"),
    ("remove_suffix", "strip_suffix"),
    ("sku", "id"),
    ("qty", "quantity"),
    ("event_name", "event"),
    ("name", "event"),
    ("reason", "because"),
    ("params", "custom_data"),
    ("parameters", "custom_data"),
    ("properties", "custom_data"),
    ("pixel", "dataset"),
    ("datasets", "dataset"),
    ("items", "contents"),
    ("path", "each"),
    ("file", "feed"),
    ("quantity", "num_items"),
];

/// Keys of the rules that stand somewhere else, with where.
const ELSEWHERE: [(&str, &str); 11] = [
    ("default_country", "write it under [defaults]: signups are completed with it too"),
    ("strip_prefix", "write content_id = { strip_prefix = \"wc_\" }"),
    ("strip_suffix", "write content_id = { strip_suffix = \"_in\" }"),
    ("prefix", "write content_id = { prefix = \"wc_\" }"),
    ("suffix", "write content_id = { suffix = \"_in\" }"),
    ("case", "write content_id = { case = \"lower\" }"),
    ("order_id", "write custom_data = { order_id = \"{payment_id}\" }"),
    ("at_least", "write when = { amount = { at_least = 100 } }"),
    ("at_most", "write when = { amount = { at_most = 100 } }"),
    ("each", "write contents = { each = \"event_data.lines\" }"),
    ("feed", "write it under [catalog]"),
];

/// Keys of mapping files that people look for in `tillpost.toml`.
const OF_MAPPINGS: [&str; 9] = [
    "profile",
    "statuses",
    "defaults",
    "payments",
    "events",
    "catalog",
    "action_source",
    "send_revenue",
    "default_country",
];

/// What to do about a key that is not one of `known`.
pub(super) fn for_key(key: &str, known: &[&'static str], codes: Codes) -> Option<String> {
    let synonym = SYNONYMS.iter().find(|(wrong, right)| *wrong == key && known.contains(right));
    if let Some((_, right)) = synonym {
        return Some(format!("did you mean `{right}`?"));
    }
    if codes.key == Code::ConfigKey && OF_MAPPINGS.contains(&key) {
        return Some("write it into the mapping file, which the project's `mapping` names".into());
    }
    // Where `event` is known, a rule or the defaults are read.
    let elsewhere = ELSEWHERE.iter().find(|(wrong, _)| *wrong == key);
    if let Some((_, help)) = elsewhere.filter(|_| known.contains(&"action_source")) {
        return Some((*help).to_owned());
    }
    let near = suggestion(key, known.iter().copied())?;
    Some(format!("did you mean `{near}`?"))
}

/// What to write where a value of another kind is wanted.
pub(super) fn for_kind(key: &str, wanted: &str, value: &DeValue<'_>) -> Option<String> {
    let some = |help: &str| Some(help.to_owned());
    match (wanted, value) {
        ("true or false", DeValue::String(text)) => match text.trim().to_lowercase().as_str() {
            "no" | "off" | "false" | "n" | "0" => some("write `false`, without quotes"),
            "yes" | "on" | "true" | "y" | "1" => some("write `true`, without quotes"),
            _ => some("write true or false, without quotes"),
        },
        ("true or false", DeValue::Integer(_)) => some("write true or false"),
        ("a whole number", DeValue::String(text)) => Some(number_for(key, text)),
        ("a whole number", DeValue::Float(_)) => Some(number_for(key, "")),
        ("a table", DeValue::String(text)) => table_for(key, text),
        (wanted, DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_))
            if wanted.starts_with("text") =>
        {
            some("put it into quotes")
        }
        _ => None,
    }
}

/// The number that the text says, or an example in the key's own unit.
fn number_for(key: &str, text: &str) -> String {
    let said = leading_number(text).filter(|number| !number.contains('.'));
    let unit = text.trim().trim_start_matches(|c: char| c.is_ascii_digit()).trim().to_lowercase();
    // Of another unit it would be another number.
    let said = said.filter(|_| ["", "d", "day", "days", "ms"].contains(&unit.as_str()));
    if key.ends_with("_days") {
        format!("write a number of days: {}", said.unwrap_or("7"))
    } else if key.ends_with("_ms") {
        format!("write a number of milliseconds: {}", said.unwrap_or("2000"))
    } else {
        format!("write a number without quotes: {}", said.unwrap_or("7"))
    }
}

/// The digits with which a text begins: 100 of `100 INR`.
#[must_use]
pub fn leading_number(text: &str) -> Option<&str> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number = text[..end].trim_end_matches('.');
    number.starts_with(|c: char| c.is_ascii_digit()).then_some(number)
}

/// Tables of rules, filled in with the text that stands there.
fn table_for(key: &str, text: &str) -> Option<String> {
    Some(match key {
        "content_id" => format!("write content_id = {{ strip_prefix = {text:?} }}"),
        "contents" => format!("write contents = {{ each = {text:?} }}"),
        "catalog" => format!("write [catalog] and below it feed = {text:?}"),
        "when" => r#"write when = { "event_data.plan" = "gold" }"#.to_owned(),
        "custom_data" => r#"write custom_data = { plan = "{event_data.plan}" }"#.to_owned(),
        "checks" => r#"write checks = { E207 = "block" }"#.to_owned(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_text_is_found() {
        for (text, expected) in [
            ("100", Some("100")),
            ("100 INR", Some("100")),
            (" 9.50€", Some("9.50")),
            ("7.", Some("7")),
            ("INR 100", None),
            ("", None),
        ] {
            assert_eq!(leading_number(text), expected, "{text}");
        }
    }

    #[test]
    fn a_help_is_no_circle() {
        let text = |text: &'static str| DeValue::String(text.into());
        for (key, wanted, value, expected) in [
            ("exists", "true or false", text("no"), Some("write `false`, without quotes")),
            ("exists", "true or false", text("On"), Some("write `true`, without quotes")),
            ("exists", "true or false", text("maybe"), Some("write true or false, without quotes")),
            ("hold_days", "a whole number", text("a week"), Some("write a number of days: 7")),
            ("hold_days", "a whole number", text("3 days"), Some("write a number of days: 3")),
            (
                "wait_ms",
                "a whole number",
                text("soon"),
                Some("write a number of milliseconds: 2000"),
            ),
            ("batch", "a whole number", text("x"), Some("write a number without quotes: 7")),
            (
                "content_id",
                "a table",
                text("wc_"),
                Some("write content_id = { strip_prefix = \"wc_\" }"),
            ),
            ("http", "a table", text("wc_"), None),
            ("feed", "text", DeValue::Boolean(true), Some("put it into quotes")),
        ] {
            assert_eq!(for_kind(key, wanted, &value).as_deref(), expected, "{key}");
        }
    }
}
