//! Rules about data processing options, Meta's name for limited data use.
//!
//! In: an [`Event`]. Out: a schema fault naming the option. Deliberately absent: what the options
//! do to the event; the sandbox only reads them. Source: MAPI/overview/data-processing-options,
//! meta-capi.md 2.4. Meta's own subcode for a wrong form is not known, so the schema fault stands.

use super::complaint::SCHEMA;
use super::view::{must_be, required};
use super::{Event, Rule, Strength};
use crate::sandbox::json::Json;

const OPTIONS: &str = "data_processing_options";
const COUNTRY: &str = "data_processing_options_country";
const STATE: &str = "data_processing_options_state";

pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "data_processing.options",
        strength: Strength::Assumed,
        answers: &SCHEMA,
        source: "MAPI/overview/data-processing-options [D]: [] or [\"LDU\"]; subcode [A]",
        check: options_are_known,
    },
    Rule {
        name: "data_processing.country",
        strength: Strength::Assumed,
        answers: &SCHEMA,
        source: "MAPI/overview/data-processing-options [D]: 1 or 0, needed with LDU; subcode [A]",
        check: |event| number(event, COUNTRY, &[0..=1]),
    },
    Rule {
        name: "data_processing.state",
        strength: Strength::Assumed,
        answers: &SCHEMA,
        source: "MAPI/overview/data-processing-options [D]: needed with a country; subcode [A]",
        check: |event| number(event, STATE, &[0..=0, 1000..=1013]),
    },
];

fn options_are_known(event: &Event<'_>) -> Option<String> {
    let options = event.body.get(OPTIONS)?;
    let is_ldu = |option: &Json<'_>| option.text() == Some("LDU");
    let right = options.list().is_some_and(|options| options.iter().all(is_ldu));
    (!right).then(|| must_be(&event.at(&[OPTIONS]), "a list that is empty or holds \"LDU\""))
}

/// The complaint about a country or state that is missing under limited data use, or unknown.
fn number(
    event: &Event<'_>,
    key: &str,
    known: &[std::ops::RangeInclusive<i128>],
) -> Option<String> {
    let Some(value) = event.body.get(key) else {
        let limited = event.body.given(OPTIONS).is_some();
        return limited.then(|| required(&event.at(&[key])));
    };
    let right = value.whole().is_some_and(|value| known.iter().any(|range| range.contains(&value)));
    (!right).then(|| must_be(&event.at(&[key]), "a number Meta has a region for"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::sandbox::rules::cases::{assert_all, right, with};

    #[test]
    fn no_restriction_can_be_said_in_two_ways() {
        let rows = [
            ("/data_processing_options", json!([]), ""),
            ("/data_processing_options", json!(["ldu"]), "data_processing.options"),
            ("/data_processing_options", json!([1]), "data_processing.options"),
            ("/data_processing_options", json!({}), "data_processing.options"),
            ("/data_processing_options_country", json!(0), ""),
            ("/data_processing_options_country", json!(91), "data_processing.country"),
            ("/data_processing_options_state", json!("1000"), "data_processing.state"),
        ];
        assert_all(&right("other"), &rows);
    }

    #[test]
    fn limited_data_use_names_a_place() {
        let limited = with(right("other"), "/data_processing_options", json!(["LDU"]));
        let limited = with(limited, "/data_processing_options_country", json!(1));
        let rows = [
            ("/data_processing_options_state", json!(1000), ""),
            ("/data_processing_options_state", json!(1013), ""),
            ("/data_processing_options_state", json!(0), ""),
            ("/data_processing_options_state", json!(1014), "data_processing.state"),
            ("/data_processing_options_state", json!(null), "data_processing.state"),
            ("/data_processing_options_country", json!(null), "data_processing.country"),
        ];
        assert_all(&limited, &rows);
    }
}
