//! Decisions: what becomes of a payment, and the exact bytes for Meta.
//!
//! Sources: the two sample bodies of Linkrunner's "Revenue Tracking API", word for word without
//! their comments; rows LR-28 and MX-1 to MX-21 of reference/payment-apis.md.

use proptest::prelude::*;

use super::super::finding::Code;
use super::super::json;
use super::super::mapping::{Datasets, compile};
use super::super::payment::{PaymentType, read};
use super::*;

const COMMERCE: &str = include_str!("../../../mappings/commerce.toml");

/// 2026-02-28T12:00:00Z
const NOW: i64 = 1_772_280_000;

/// The samples, as the documentation prints them.
const FIRST_SAMPLE: &str = r#"{
  "user_id": "666",
  "payment_id": "ABC",
  "amount": 25096,
  "type": "FIRST_PAYMENT",
  "status": "PAYMENT_COMPLETED"
}"#;
const SECOND_SAMPLE: &str = r#"{
  "user_id": "666",
  "payment_id": "ABC",
  "amount": 25096,
  "type": "DEFAULT",
  "status": "PAYMENT_COMPLETED",
  "event_data": {
    "content_ids": ["whshct4mwc"],
    "contents": [
      {
        "id": "whshct4mwc",
        "quantity": 2,
        "item_price": 1000
      }
    ],
    "content_type": "product",
    "currency": "INR",
    "value": 2000.0,
    "num_items": 2,
    "order_id": "order_id_1234"
  }
}"#;

fn rule_of(lines: &str) -> Mapping {
    let source = format!("version = 1\n{lines}");
    compile(&source, Datasets::Any).0.expect(&source)
}

/// A mapping of one rule for `DEFAULT`.
fn one_rule(rule: &str) -> Mapping {
    rule_of(&format!("[defaults]\ndataset = \"storefront\"\n[payments]\nDEFAULT = {rule}\n"))
}

fn decided(mapping: &Mapping, body: &str, known: bool) -> Decision {
    let json = json::read(body.as_bytes()).expect(body);
    let received = Timestamp::from_seconds(NOW);
    let payment = read(json, received).value.expect(body);
    let user = User::default();
    let case = Case {
        mapping,
        payment: &payment,
        user: known.then_some(&user),
        currency: None,
        record_id: "r1",
        now: received,
    };
    let decision = decide(case);
    assert_eq!(decision, decide(case), "the same case gives the same decision and bytes: {body}");
    decision
}

fn codes(decision: &Decision) -> Vec<Code> {
    decision.findings.iter().map(|finding| finding.code).collect()
}

fn body_of(decision: &Decision) -> serde_json::Value {
    serde_json::from_str(&decision.events[0].body).expect("what is frozen is JSON")
}

#[test]
fn the_documents_second_sample_becomes_a_purchase_of_2000_rupees() {
    let mapping = compile(COMMERCE, Datasets::Any).0.unwrap();
    let decision = decided(&mapping, SECOND_SAMPLE, true);
    assert_eq!(decision.verdict, Verdict::Forward);
    assert_eq!(codes(&decision), [Code::AmountDiffers]);
    assert_eq!(decision.currency.map(Currency::code), Some("INR"));
    // SHA-256 of `666`, worked out with `printf 666 | sha256sum`.
    assert_eq!(
        decision.events[0].body,
        concat!(
            r#"{"event_name":"Purchase","event_time":1772280000,"event_id":"DEFAULT.ABC","#,
            r#""action_source":"system_generated","user_data":{"external_id":["#,
            r#""c7e616822f366fb1b5e0756af498cc11d2c0862edcb32ca65882f622ff39de1b"]},"#,
            r#""custom_data":{"value":2000.0,"currency":"INR","content_ids":["whshct4mwc"],"#,
            r#""contents":[{"id":"whshct4mwc","quantity":2,"item_price":1000}],"#,
            r#""content_type":"product","num_items":2,"order_id":"order_id_1234"}}"#
        )
    );
}

#[test]
fn the_documents_first_sample_names_no_product_and_is_blocked() {
    let mapping = compile(COMMERCE, Datasets::Any).0.unwrap();
    let decision = decided(&mapping, FIRST_SAMPLE, true);
    assert_eq!((decision.verdict, decision.events.len()), (Verdict::Block, 0));
    assert_eq!(
        codes(&decision),
        [
            Code::CurrencyMissing,
            Code::IdsMissing,
            Code::ContentTypeMissing,
            Code::NumItemsMissing,
            Code::OrderIdMissing
        ]
    );
    let plain = one_rule(r#""Purchase""#);
    let with_currency = FIRST_SAMPLE.replace("FIRST_PAYMENT", "DEFAULT").replacen(
        "25096",
        r#"25096, "currency": "INR""#,
        1,
    );
    let decision = decided(&plain, &with_currency, true);
    assert_eq!(decision.verdict, Verdict::Forward);
    assert_eq!(body_of(&decision)["custom_data"]["value"], 25096);
}

#[test]
fn a_payment_is_forwarded_skipped_blocked_or_held() {
    use Verdict::{Block, Forward, Hold, Skip};
    let mapping = rule_of(
        "[defaults]\ndataset = \"storefront\"\ncurrency = \"INR\"\n[payments]\n\
         DEFAULT = \"Subscribe\"\nRECURRING = { event = \"Subscribe\", statuses = [\"PAYMENT_FAILED\"] }\n\
         FUNDS_WITHDRAWAL = { forward = false, because = \"money out\" }\n",
    );
    let week = 7 * 24 * 3_600;
    for (fields, known, verdict, reason) in [
        (String::new(), true, Forward, None),
        (String::new(), false, Hold, Some(Reason::UserNotKnown)),
        (r#","type":"ONE_TIME""#.into(), true, Skip, Some(Reason::NoMapping)),
        (r#","type":"ONE_TIME""#.into(), false, Hold, Some(Reason::UserNotKnown)),
        (r#","type":"FUNDS_WITHDRAWAL""#.into(), true, Skip, Some(Reason::Rule)),
        (r#","status":"PAYMENT_INITIATED""#.into(), true, Skip, Some(Reason::Status)),
        (r#","status":"PAYMENT_FAILED""#.into(), true, Skip, Some(Reason::Status)),
        (r#","type":"RECURRING""#.into(), true, Skip, Some(Reason::Status)),
        (r#","type":"RECURRING","status":"PAYMENT_FAILED""#.into(), true, Forward, None),
        (format!(r#","occurred_at":{}"#, NOW - week), true, Forward, None),
        (format!(r#","occurred_at":{}"#, NOW - week - 1), true, Skip, Some(Reason::TooOld)),
        (r#","event_data":{"contents":5}"#.into(), true, Block, None),
    ] {
        let body = format!(r#"{{"user_id":"1","amount":5{fields}}}"#);
        let decision = decided(&mapping, &body, known);
        assert_eq!((decision.verdict, decision.reason), (verdict, reason), "{body}");
        assert_eq!(decision.because.is_some(), reason.is_some(), "{body}");
        assert_eq!(decision.events.is_empty(), verdict != Forward, "{body}");
    }
}

#[test]
fn a_payment_goes_to_every_dataset_of_its_rule_as_the_same_bytes() {
    let mapping =
        one_rule(r#"{ event = "Subscribe", currency = "INR", dataset = ["b", "a", "b"] }"#);
    let decision = decided(&mapping, r#"{"user_id":"1","amount":5}"#, true);
    let datasets: Vec<&str> = decision.events.iter().map(|event| event.dataset.as_str()).collect();
    assert_eq!(datasets, ["b", "a"]);
    assert_eq!(decision.events[0].body, decision.events[1].body);
}

#[test]
fn an_app_event_needs_a_device_or_another_source() {
    for (rule, expected, source) in [
        (r#"action_source = "app""#, vec![Code::NoDevice], None),
        (r#"action_source = "app", without_device = "block""#, vec![Code::NoDevice], None),
        (r#"action_source = "app", without_device = "other""#, vec![], Some("other")),
        (r#"action_source = "website""#, vec![Code::PageMissing], None),
        (r#"profile = "plain""#, vec![], Some("system_generated")),
    ] {
        let mapping = one_rule(&format!(r#"{{ event = "Lead", currency = "INR", {rule} }}"#));
        let body = r#"{"user_id":"1","amount":5,"client_user_agent":"x"}"#;
        let decision = decided(&mapping, body, true);
        assert_eq!(codes(&decision), expected, "{rule}");
        let sent = decision.events.first().map(|_| body_of(&decision)["action_source"].clone());
        assert_eq!(sent, source.map(Into::into), "{rule}");
    }
}

#[test]
fn an_app_event_carries_the_device_of_the_payment_or_of_the_signup() {
    let device = |version: &str| {
        format!(
            r#"{{"advertiser_tracking_enabled":1,"extinfo":["a2","","","","{version}","","","","","","","","","","",""]}}"#
        )
    };
    let known = format!(r#"{{"user_data":{{}},"app_data":{}}}"#, device("13"));
    let rule =
        r#"{ event = "Lead", currency = "INR", action_source = "app", without_device = "other" }"#;
    let mapping = one_rule(rule);
    for (user, own, source, version) in [
        ("{}", None, "other", None),
        (known.as_str(), None, "app", Some("13")),
        (known.as_str(), Some(device("14")), "app", Some("14")),
        ("{}", Some(device("14")), "app", Some("14")),
    ] {
        let own = own.map(|device| format!(r#","app_data":{device}"#)).unwrap_or_default();
        let body = format!(r#"{{"user_id":"1","amount":5{own}}}"#);
        let json = json::read(body.as_bytes()).expect("JSON");
        let payment = read(json, Timestamp::from_seconds(NOW)).value.expect("a payment");
        let decision = decide(Case {
            mapping: &mapping,
            payment: &payment,
            user: Some(&User::from_stored(user)),
            currency: None,
            record_id: "r1",
            now: Timestamp::from_seconds(NOW),
        });
        let event = body_of(&decision);
        assert_eq!(event["action_source"], source, "{body}");
        assert_eq!(event["app_data"]["extinfo"][4].as_str(), version, "{body}");
    }
}

#[test]
fn limited_data_use_is_chosen_by_the_sender_or_the_file() {
    let mapping = one_rule(
        r#"{ event = "Lead", currency = "INR", limited_data_use = { country = 1, state = 1000 } }"#,
    );
    for (own, options, state) in [
        ("", r#"["LDU"]"#, Some(1_000)),
        // Nobody lifts a limit.
        (r#","data_processing_options":[]"#, r#"["LDU"]"#, Some(1_000)),
        (
            r#","data_processing_options":["LDU"],"data_processing_options_country":0,"data_processing_options_state":0"#,
            r#"["LDU"]"#,
            Some(0),
        ),
    ] {
        let decision = decided(&mapping, &format!(r#"{{"user_id":"1","amount":5{own}}}"#), true);
        let event = body_of(&decision);
        assert_eq!(event["data_processing_options"].to_string(), options, "{own}");
        assert_eq!(event["data_processing_options_state"].as_i64(), state, "{own}");
    }
    let unknown = r#"{"user_id":"1","amount":5,"data_processing_options":["ldu"]}"#;
    assert_eq!(codes(&decided(&mapping, unknown, true)), [Code::DataProcessingUnknown]);
}

#[test]
fn a_physical_store_may_report_for_sixty_two_days() {
    const DAY: i64 = 24 * 3_600;
    for (source, days, verdict) in [
        ("physical_store", 61, Verdict::Forward),
        ("physical_store", 63, Verdict::Skip),
        ("system_generated", 6, Verdict::Forward),
        ("system_generated", 8, Verdict::Skip),
    ] {
        let rule = format!(r#"{{ event = "Lead", currency = "INR", action_source = "{source}" }}"#);
        let time = NOW - days * DAY;
        let body = format!(r#"{{"user_id":"1","amount":5,"occurred_at":{time}}}"#);
        let decision = decided(&one_rule(&rule), &body, true);
        assert_eq!(decision.verdict, verdict, "{source} {days}");
        let window = if source == "physical_store" { 62 } else { 7 };
        for event in &decision.events {
            assert_eq!(event.expires_at.seconds(), time + window * DAY, "{source}");
        }
    }
}

#[test]
fn an_event_id_is_the_senders_or_made_of_the_payments_key() {
    let mapping = one_rule(r#"{ event = "Subscribe", currency = "INR" }"#);
    for (fields, expected) in [
        (r#""payment_id":"ABC""#, "DEFAULT.ABC"),
        (r#""payment_id":123"#, "DEFAULT.123"),
        (r#""payment_id":"""#, "DEFAULT.r1"),
        (r#""payment_id":"ABC","event_data":{"event_id":" web-7 "}"#, "web-7"),
        (r#""payment_id":"ABC","event_data":{"event_id":""}"#, "DEFAULT.ABC"),
        (r#""payment_id":"ABC","event_data":{"event_id":7}"#, "7"),
    ] {
        let decision =
            decided(&mapping, &format!(r#"{{"user_id":"1","amount":5,{fields}}}"#), true);
        assert_eq!(decision.events[0].event_id.as_str(), expected, "{fields}");
        assert_eq!(body_of(&decision)["event_id"], expected, "{fields}");
    }
}

#[test]
fn a_value_goes_out_with_its_own_currency() {
    // The payment's currency: its own > event_data > mapping > project (row LR-28). What Meta gets
    // beside `event_data.value` is the currency beside that number.
    let project = Currency::read("EUR");
    for (fields, rule, of_payment, value, of_value, disagree) in [
        (r#""currency":"INR""#, "USD", "INR", "5", "INR", false),
        (r#""event_data":{"currency":"KWD"}"#, "USD", "KWD", "5", "KWD", false),
        ("", "USD", "USD", "5", "USD", false),
        ("", "", "EUR", "5", "EUR", false),
        (r#""event_data":{"value":7}"#, "USD", "USD", "7", "USD", false),
        (r#""currency":"INR","event_data":{"value":7}"#, "USD", "INR", "7", "INR", false),
        (
            r#""currency":"INR","event_data":{"value":7,"currency":"USD"}"#,
            "",
            "INR",
            "7",
            "USD",
            true,
        ),
        (r#""currency":"INR","event_data":{"currency":"USD"}"#, "", "INR", "5", "INR", true),
        (
            r#""currency":"INR","event_data":{"value":5,"currency":"INR"}"#,
            "",
            "INR",
            "5",
            "INR",
            false,
        ),
    ] {
        let currency =
            if rule.is_empty() { String::new() } else { format!(", currency = \"{rule}\"") };
        let mapping = one_rule(&format!(r#"{{ event = "Subscribe"{currency} }}"#));
        let comma = if fields.is_empty() { "" } else { "," };
        let body = format!(r#"{{"user_id":"1","amount":5{comma}{fields}}}"#);
        let json = json::read(body.as_bytes()).unwrap();
        let now = Timestamp::from_seconds(NOW);
        let payment = read(json, now).value.unwrap();
        let user = User::default();
        let case = Case {
            mapping: &mapping,
            payment: &payment,
            user: Some(&user),
            currency: project,
            record_id: "r1",
            now,
        };
        let decision = decide(case);
        let wire = body_of(&decision)["custom_data"].clone();
        assert_eq!(decision.currency.map(Currency::code), Some(of_payment), "{body}");
        assert_eq!(wire["value"].to_string(), value, "{body}");
        assert_eq!(wire["currency"], of_value, "{body}");
        let found = codes(&decision);
        assert_eq!(found.contains(&Code::CurrenciesDisagree), disagree, "{body}");
        let apart = fields.contains('7') && of_payment == of_value;
        assert_eq!(found.contains(&Code::AmountDiffers), apart, "same currency only: {body}");
    }
}

#[test]
fn the_shipped_mappings_compile_and_bind_every_type() {
    for (name, source) in [
        ("commerce", COMMERCE),
        ("subscription", include_str!("../../../mappings/subscription.toml")),
        ("wallet", include_str!("../../../mappings/wallet.toml")),
    ] {
        let (mapping, findings) = compile(source, Datasets::Any);
        assert!(findings.is_empty(), "{name}: {findings:?}");
        let mapping = mapping.unwrap();
        for payment_type in PaymentType::ALL {
            assert!(!mapping.rules(*payment_type).is_empty(), "{name} binds {payment_type}");
        }
    }
}

proptest! {
    #[test]
    fn what_is_frozen_is_json_with_the_senders_strings(
        id in "\\PC*[^\\s\\p{C}]\\PC*|[\\x00-\\x1f]{1,3}a[\"\\\\\u{2028}é]",
        key in "[a-z\"\\\\]{1,8}_x", text in any::<String>(), brand in "\\PC*[a-z\"]\\PC*",
    ) {
        let mapping = one_rule(r#"{ event = "Subscribe", currency = "INR" }"#);
        let mut event_data = serde_json::json!({
            "content_ids": [id],
            "contents": [{"id": id, "quantity": 1, "brand": brand}],
        });
        event_data[&key] = text.clone().into();
        let body = serde_json::json!({"user_id": "1", "payment_id": id, "amount": 5, "event_data": event_data});
        let json = body.to_string();
        let Some(payment) = read(json::read(json.as_bytes()).unwrap(), Timestamp::from_seconds(NOW)).value
        else { return Ok(()) };
        let user = User::default();
        let now = Timestamp::from_seconds(NOW);
        let case = Case { mapping: &mapping, payment: &payment, user: Some(&user), currency: None, record_id: "r", now };
        let decision = decide(case);
        prop_assert_eq!(&decision, &decide(case));
        // A text that is an e-mail address as a whole is left out before: P203.
        prop_assume!(!codes_of_reading(&json).contains(&Code::PersonalData));
        let wire: serde_json::Value = serde_json::from_str(&decision.events[0].body).unwrap();
        prop_assert_eq!(&wire["custom_data"]["content_ids"][0], &id);
        prop_assert_eq!(&wire["custom_data"]["contents"][0]["id"], &id);
        prop_assert_eq!(&wire["custom_data"]["contents"][0]["brand"], &brand);
        prop_assert_eq!(&wire["custom_data"][&key], &text);
    }
}

fn codes_of_reading(body: &str) -> Vec<Code> {
    let json = json::read(body.as_bytes()).unwrap();
    let findings = read(json, Timestamp::from_seconds(NOW)).findings;
    findings.iter().map(|finding| finding.code).collect()
}
