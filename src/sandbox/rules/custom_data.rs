//! Rules about `custom_data`: money, content ids, and the kinds of the standard parameters.
//!
//! In: an [`Event`]. Out: 2804009, 2804010, 2804011, 2804023 or the schema fault. Unknown keys are
//! custom properties and pass. Deliberately absent: whether the value equals the contents, and the
//! catalogue; Meta refuses neither. Source: CAPI/parameters/custom-data, meta-capi.md 4.1, 4.4.

use super::complaint::{BAD_CURRENCY, NO_CURRENCY, NO_VALUE, SCHEMA, VALUE_ALONE};
use super::view::{Kind, is_one_of, must_be, must_be_one_of};
use super::{Event, Rule, Strength};
use crate::sandbox::currency;
use crate::sandbox::json::Json;

const CONTENT_TYPES: [&str; 2] = ["product", "product_group"];

/// How goods reach the buyer, for the event and for each content.
pub(crate) const DELIVERIES: [&str; 3] = ["in_store", "curbside", "home_delivery"];

pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "value.purchase",
        strength: Strength::Known,
        answers: &NO_VALUE,
        source: "CAPI/parameters/custom-data [D]; rudder-transformer fixtures [R]",
        check: |event| missing_in_purchase(event, "value", NO_VALUE.says),
    },
    Rule {
        name: "value.number",
        strength: Strength::Known,
        answers: &SCHEMA,
        source: "CAPI/parameters/custom-data [D]: a number, in samples also as text; subcode [A]",
        check: |event| {
            event.demands_custom("value", Kind::Number).filter(|_| given(event, "value"))
        },
    },
    Rule {
        name: "currency.purchase",
        strength: Strength::Known,
        answers: &NO_CURRENCY,
        source: "CAPI/parameters/custom-data [D]; Adsmurai CAPI client#7 [R]",
        check: |event| missing_in_purchase(event, "currency", NO_CURRENCY.says),
    },
    Rule {
        name: "currency.known",
        strength: Strength::Known,
        answers: &BAD_CURRENCY,
        source: "ISO 4217 without MRU [R]",
        check: |event| currency_is_known(event).filter(|_| is_purchase(event)),
    },
    Rule {
        name: "currency.other",
        strength: Strength::Assumed,
        answers: &BAD_CURRENCY,
        source: "as currency.known [R]; that Meta looks at it in other events [A]",
        check: |event| currency_is_known(event).filter(|_| !is_purchase(event)),
    },
    Rule {
        name: "currency.with_value",
        strength: Strength::Known,
        answers: &VALUE_ALONE,
        source: "one report, meta-capi.md 4.4 [R]",
        check: value_has_currency,
    },
    Rule {
        name: "content_ids.list",
        strength: Strength::Known,
        answers: &SCHEMA,
        source: "CAPI/parameters/custom-data [D]: list of strings or ints; magento#27 [R]",
        check: ids_are_a_list,
    },
    Rule {
        name: "content_type.known",
        strength: Strength::Assumed,
        answers: &SCHEMA,
        source: "CAPI/parameters/custom-data [D]; that Meta refuses other words [A]",
        check: |event| one_of(event, "content_type", &CONTENT_TYPES),
    },
    Rule {
        name: "content_category.text",
        strength: Strength::Known,
        answers: &SCHEMA,
        source: "sentence seen live, meta-capi.md 9 [R]",
        check: |event| event.demands_custom("content_category", Kind::Text),
    },
    Rule {
        name: "num_items.whole",
        strength: Strength::Assumed,
        answers: &SCHEMA,
        source: "CAPI/parameters/custom-data [D]: integer; that Meta refuses other kinds [A]",
        check: |event| event.demands_custom("num_items", Kind::Whole),
    },
    Rule {
        name: "delivery_category.known",
        strength: Strength::Assumed,
        answers: &SCHEMA,
        source: "CAPI/parameters/custom-data [D]; the SDKs refuse other words [S]",
        check: |event| one_of(event, "delivery_category", &DELIVERIES),
    },
    Rule {
        name: "custom_data.text",
        strength: Strength::Assumed,
        answers: &SCHEMA,
        source: "CAPI/parameters/custom-data [D]; that Meta refuses other kinds [A]",
        check: |event| {
            let keys = ["content_name", "order_id", "search_string"];
            keys.into_iter().find_map(|key| event.demands_custom(key, Kind::Text))
        },
    },
    Rule {
        name: "custom_data.number",
        strength: Strength::Assumed,
        answers: &SCHEMA,
        source: "CAPI/parameters/custom-data [D]; that Meta refuses other kinds [A]",
        check: |event| {
            let keys = ["net_revenue", "predicted_ltv"];
            keys.into_iter().find_map(|key| event.demands_custom(key, Kind::Number))
        },
    },
];

fn missing_in_purchase(event: &Event<'_>, key: &str, says: &str) -> Option<String> {
    let missing = is_purchase(event) && !given(event, key);
    missing.then(|| says.to_owned())
}

fn is_purchase(event: &Event<'_>) -> bool {
    event.name == Some("Purchase")
}

fn currency_is_known(event: &Event<'_>) -> Option<String> {
    let code = event.custom?.given("currency")?;
    let known = code.text().is_some_and(currency::is_known);
    (!known).then(|| BAD_CURRENCY.says.to_owned())
}

fn value_has_currency(event: &Event<'_>) -> Option<String> {
    let alone = given(event, "value") && !given(event, "currency");
    alone.then(|| VALUE_ALONE.says.to_owned())
}

fn ids_are_a_list(event: &Event<'_>) -> Option<String> {
    let ids = event.custom?.get("content_ids")?;
    let right = ids.list().is_some_and(|ids| ids.iter().all(is_id));
    let path = || event.at(&["custom_data", "content_ids"]);
    (!right).then(|| must_be(&path(), "a list of strings or integers"))
}

fn one_of(event: &Event<'_>, key: &str, words: &[&str]) -> Option<String> {
    let value = event.custom?.get(key)?;
    (!is_one_of(value, words)).then(|| must_be_one_of(&event.at(&["custom_data", key]), words))
}

fn given(event: &Event<'_>, key: &str) -> bool {
    event.custom.is_some_and(|custom| custom.given(key).is_some())
}

/// Whether a value can be a catalogue id.
pub(crate) fn is_id(value: &Json<'_>) -> bool {
    value.text().is_some() || value.whole().is_some()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::sandbox::rules::cases::{assert_all, right, says, with};

    #[test]
    fn a_purchase_has_a_value_and_a_known_currency() {
        let rows = [
            ("/custom_data/value", json!(null), "value.purchase"),
            ("/custom_data/value", json!(""), "value.purchase"),
            ("/custom_data/value", json!(0), ""),
            ("/custom_data/value", json!("142.52"), ""),
            ("/custom_data/value", json!("Rs 5"), "value.number"),
            ("/custom_data/value", json!(true), "value.number"),
            ("/custom_data/value", json!([5]), "value.number"),
            ("/custom_data/currency", json!(null), "currency.purchase"),
            ("/custom_data/currency", json!("inr"), ""),
            ("/custom_data/currency", json!("MRU"), "currency.known"),
            ("/custom_data/currency", json!(356), "currency.known"),
            ("/custom_data", json!({}), "value.purchase"),
            ("/custom_data", json!(null), "value.purchase"),
        ];
        assert_all(&right("other"), &rows);
    }

    #[test]
    fn other_events_need_a_currency_only_beside_a_value() {
        let rows = [
            ("/custom_data", json!(null), ""),
            ("/custom_data", json!({"currency": "INR"}), ""),
            ("/custom_data", json!({"value": 5}), "currency.with_value"),
            ("/custom_data", json!({"value": 5, "currency": ""}), "currency.with_value"),
            ("/custom_data", json!({"value": 5, "currency": "rupees"}), "currency.other"),
            ("/custom_data", json!({"value": "", "currency": "INR"}), ""),
        ];
        assert_all(&with(right("other"), "/event_name", json!("purchase")), &rows);
    }

    #[test]
    fn kinds_of_the_standard_parameters() {
        let rows = [
            ("/custom_data/content_ids", json!(["a", 7]), ""),
            ("/custom_data/content_ids", json!([]), ""),
            ("/custom_data/content_ids", json!([1.5]), "content_ids.list"),
            ("/custom_data/content_ids", json!([{"id": "a"}]), "content_ids.list"),
            ("/custom_data/content_ids", json!([null]), "content_ids.list"),
            ("/custom_data/content_type", json!("product_group"), ""),
            ("/custom_data/content_type", json!("Product"), "content_type.known"),
            ("/custom_data/content_category", json!("Hair"), ""),
            ("/custom_data/content_category", json!(["Hair"]), "content_category.text"),
            ("/custom_data/num_items", json!(2), ""),
            ("/custom_data/num_items", json!("2"), "num_items.whole"),
            ("/custom_data/delivery_category", json!("curbside"), ""),
            ("/custom_data/delivery_category", json!("Curbside"), "delivery_category.known"),
            ("/custom_data/content_name", json!(7), "custom_data.text"),
            ("/custom_data/search_string", json!({}), "custom_data.text"),
            ("/custom_data/predicted_ltv", json!("5.5"), ""),
            ("/custom_data/predicted_ltv", json!("much"), "custom_data.number"),
            ("/custom_data/anything", json!({"else": []}), ""),
        ];
        assert_all(&right("other"), &rows);
    }

    #[test]
    fn the_sentence_is_metas() {
        let wrong = with(right("other"), "/custom_data/content_category", json!([]));
        let sentence = "Param $['data'][0]['custom_data']['content_category'] must be a string";
        assert_eq!(says(&wrong), sentence);
    }
}
