//! What each form of the mapping language does to a payment, seen in the event.
//!
//! Sources: section 4 of the contract; sums and ids are worked out by hand.

use serde_json::{Value, json};

use super::super::finding::{At, Code};
use super::super::json as tree;
use super::super::mapping::{Datasets, compile};
use super::super::payment::read;
use super::*;

const NOW: i64 = 1_772_280_000;

/// What becomes of a payment under one rule for `DEFAULT`, or under the lines given.
fn decided(rules: &str, body: &str) -> Decision {
    let source = format!("version = 1\n[defaults]\ndataset = \"shop\"\n[payments]\n{rules}\n");
    let mapping = compile(&source, Datasets::Any).0.expect(&source);
    let json = tree::read(body.as_bytes()).expect(body);
    let payment = read(json, Timestamp::from_seconds(NOW)).value.expect(body);
    decide(Case {
        mapping: &mapping,
        payment: &payment,
        user: Some(&User::default()),
        currency: Currency::read("INR"),
        record_id: "r1",
        now: Timestamp::from_seconds(NOW),
    })
}

fn event(decision: &Decision) -> Value {
    let body = &decision.events.first().expect("an event").body;
    serde_json::from_str(body).expect("JSON")
}

fn payment(event_data: &str) -> String {
    format!(r#"{{"user_id":"u7","payment_id":"p7","amount":100,"event_data":{event_data}}}"#)
}

fn said(decision: &Decision) -> Vec<(Code, String)> {
    let place = |at: &At| match at {
        At::Pointer(pointer) => pointer.clone(),
        At::Span(_) => unreachable!("a body has pointers"),
    };
    decision.findings.iter().map(|finding| (finding.code, place(&finding.at))).collect()
}

const LINES: &str = r#"DEFAULT = { event = "Purchase", value = "sum(contents)", num_items = "count(contents)", content_type = "product", content_id = { strip_prefix = "wc_", case = "lower", suffix = "-in" }, checks = { E208 = "off", E213 = "off" }, contents = { each = "event_data.lines", id = "sku", quantity = "qty", item_price = "price.unit", brand = "maker" } }"#;

#[test]
fn a_list_under_other_names_becomes_contents_with_its_sums() {
    let body = payment(
        r#"{"lines":[{"sku":"wc_A1","qty":2,"price":{"unit":10.50},"maker":"B"},
        {"sku":"C3","qty":1,"price":{"unit":4}}]}"#,
    );
    let decision = decided(LINES, &body);
    assert_eq!(said(&decision), []);
    let data = event(&decision)["custom_data"].clone();
    assert_eq!(
        data,
        json!({
            "value": 25.00, "currency": "INR", "content_type": "product", "num_items": 3,
            "content_ids": ["a1-in", "c3-in"],
            "contents": [
                {"id": "a1-in", "quantity": 2, "item_price": 10.50, "brand": "B"},
                {"id": "c3-in", "quantity": 1, "item_price": 4}
            ]
        })
    );
}

#[test]
fn findings_point_at_what_the_sender_wrote() {
    for (lines, expected) in [
        (
            r#"[{"sku":"a","qty":1,"price":{"unit":5}},{"sku":"b","qty":0,"price":{"unit":5}}]"#,
            (Code::ContentsItem, "/event_data/lines/1/qty"),
        ),
        (
            r#"[{"sku":"a","qty":1,"price":{"unit":"five"}}]"#,
            (Code::KindOfField, "/event_data/lines/0/price/unit"),
        ),
        ("[7]", (Code::ContentsShape, "/event_data/lines/0")),
        (r#"[{"sku":"a","qty":1}]"#, (Code::SumImpossible, "/event_data/lines")),
    ] {
        let decision = decided(LINES, &payment(&format!(r#"{{"lines":{lines}}}"#)));
        assert_eq!(decision.verdict, Verdict::Block, "{lines}");
        let (code, at) = expected;
        assert_eq!(said(&decision).first(), Some(&(code, at.to_owned())), "{lines}");
    }
}

#[test]
fn a_value_is_the_first_that_exists_and_never_a_guess() {
    let rule = |value: &str| format!(r#"DEFAULT = {{ event = "Purchase", value = {value} }}"#);
    for (value, event_data, expected) in [
        (r#""event_data.total""#, r#"{"total":7.5}"#, Some(json!(7.5))),
        (r#"["event_data.total", "amount"]"#, "{}", Some(json!(100))),
        (r#"["event_data.total", "amount"]"#, r#"{"total":null}"#, Some(json!(100))),
        (r#"["event_data.total", 9.99]"#, "{}", Some(json!(9.99))),
        (
            r#"["event_data.total", "sum(contents)"]"#,
            r#"{"contents":[{"id":"a","quantity":3,"item_price":4}]}"#,
            Some(json!(12)),
        ),
        (r#""event_data.total""#, "{}", None),
        (r#""event_data.total""#, r#"{"value":5}"#, None),
    ] {
        let decision = decided(&rule(value), &payment(event_data));
        let sent =
            decision.events.first().map(|_| event(&decision)["custom_data"]["value"].clone());
        assert_eq!(sent, expected, "{value} {event_data}");
        let missing = said(&decision).iter().any(|(code, _)| *code == Code::ValueMissing);
        assert_eq!(missing, expected.is_none(), "E202: {value} {event_data}");
    }
}

#[test]
fn parameters_are_literals_places_and_templates() {
    let rule = r#"DEFAULT = { event = "Lead", custom_data = { channel = "shop", score = 5, vip = true, plan = "{event_data.plan}", label = "plan {event_data.plan} of {type}", ltv = "event_data.deep.ltv", predicted_ltv = "{event_data.deep.ltv}", none = "{event_data.none}" } }"#;
    let decision = decided(rule, &payment(r#"{"plan":"gold","deep":{"ltv":12.50},"own":1}"#));
    let data = event(&decision)["custom_data"].clone();
    assert_eq!(
        data,
        json!({
            "value": 100, "currency": "INR", "channel": "shop", "score": 5, "vip": true,
            "plan": "gold", "label": "plan gold of DEFAULT", "ltv": 12.50, "predicted_ltv": 12.50,
            "own": 1
        })
    );
}

#[test]
fn revenue_ids_currency_and_consent_are_as_the_rule_says() {
    let sent = |rule: &str, body: &str, pointer: &str| {
        let decision = decided(&format!("DEFAULT = {{ event = \"Lead\", {rule} }}"), body);
        decision.events.first().map(|_| event(&decision).pointer(pointer).cloned())
    };
    let plain = payment("{}");
    let value = "/custom_data/value";
    let cases = [
        ("send_revenue = false", plain.as_str(), value, Some(None)),
        ("send_revenue = false", &plain, "/custom_data/currency", Some(None)),
        (r#"event_id = "o-{payment_id}""#, &plain, "/event_id", Some(Some(json!("o-p7")))),
        // An empty place would give many payments one id: the usual id instead.
        (r#"event_id = "o-{event_data.no}""#, &plain, "/event_id", Some(Some(json!("DEFAULT.p7")))),
        (
            r#"event_id = "o-{payment_id}""#,
            r#"{"user_id":"u","payment_id":"p","amount":1,"event_data":{"event_id":"shared"}}"#,
            "/event_id",
            Some(Some(json!("shared"))),
        ),
        (r#"external_id = "plain""#, &plain, "/user_data/external_id", Some(Some(json!("u7")))),
        (
            r#"currency = ["event_data.cur", "EUR"]"#,
            r#"{"user_id":"u","amount":1,"event_data":{"cur":"usd"}}"#,
            "/custom_data/currency",
            Some(Some(json!("USD"))),
        ),
        (
            r#"currency = ["event_data.cur", "EUR"]"#,
            &plain,
            "/custom_data/currency",
            Some(Some(json!("EUR"))),
        ),
        (r#"consent = "event_data.ok""#, &plain, value, None),
        (
            r#"consent = "event_data.ok""#,
            r#"{"user_id":"u","amount":1,"event_data":{"ok":true}}"#,
            value,
            Some(Some(json!(1))),
        ),
        (
            r#"consent = "event_data.ok""#,
            r#"{"user_id":"u","amount":1,"event_data":{"ok":"no"}}"#,
            value,
            None,
        ),
    ];
    for (rule, body, pointer, expected) in cases {
        assert_eq!(sent(rule, body, pointer), expected, "{rule} {body}");
    }
    let address = r#"{"user_id":"mary@shop.example","amount":1}"#;
    let id = sent(r#"external_id = "plain""#, address, "/user_data/external_id").flatten();
    assert!(id.is_some_and(|id| id.is_array()), "an address is hashed, whatever the file says");
    let skipped = decided(r#"DEFAULT = { event = "Lead", consent = "event_data.ok" }"#, &plain);
    assert_eq!((skipped.verdict, skipped.reason), (Verdict::Skip, Some(Reason::NoConsent)));
}

#[test]
fn of_several_rules_the_first_that_holds_counts() {
    let rules = "[[payments.DEFAULT]]\nwhen = { \"event_data.trial\" = true }\nevent = \"StartTrial\"\n\
        [[payments.DEFAULT]]\nwhen = { amount = { at_least = 100 } }\nevent = \"Subscribe\"\n\
        [[payments.DEFAULT]]\nwhen = { amount = { at_most = 1 } }\nforward = false\nbecause = \"a test of cards\"\n";
    for (amount, trial, expected) in [
        ("100", "true", Some("StartTrial")),
        ("100", "false", Some("Subscribe")),
        ("99.99", "false", None),
        ("1", "false", None),
    ] {
        let body =
            format!(r#"{{"user_id":"u","amount":{amount},"event_data":{{"trial":{trial}}}}}"#);
        let decision = decided(rules, &body);
        let name = decision.events.first().map(|event| event.event_name.as_str());
        assert_eq!(name, expected, "{body}");
        if expected.is_none() {
            let reason = if amount == "1" { Reason::Rule } else { Reason::NoMapping };
            assert_eq!(decision.reason, Some(reason), "{body}: {:?}", decision.because);
        }
    }
}
