//! The checks, as one table a family: an event, and what is said about it.
//!
//! Every row goes through `decide`, because that is the only way in. Sources: rows MX-6 to MX-12
//! and LR-28 of reference/payment-apis.md; the tolerance of totals is worked out by hand.

use super::super::decide::{Case, Decision, Verdict, decide};
use super::super::finding::Code;
use super::super::finding::Severity::{self, Error, Note, Warning};
use super::super::mapping::{Datasets, compile};
use super::super::payment;
use super::*;
use crate::core::json;

const NOW: i64 = 1_772_280_000;

/// The decision on a body under a mapping of one rule, five seconds after it was received.
fn decided(rule: &str, body: &str, user: &str) -> Decision {
    let source = format!(
        "version = 1\n[defaults]\ndataset = \"storefront\"\n[payments]\nDEFAULT = {{ {rule} }}\n"
    );
    let mapping = compile(&source, Datasets::Any).0.expect(&source);
    let json = json::read(body.as_bytes()).expect(body);
    let payment = payment::read(json, Timestamp::from_seconds(NOW)).value.expect(body);
    decide(Case {
        mapping: &mapping,
        payment: &payment,
        user: Some(&UserData::from_stored(user)),
        currency: None,
        record_id: "r1",
        now: Timestamp::from_seconds(NOW),
    })
}

fn weights(decision: &Decision) -> Vec<(Code, Severity)> {
    let blocked = decision.findings.has_error();
    assert_eq!(decision.verdict == Verdict::Block, blocked, "an error blocks: {decision:?}");
    decision.findings.iter().map(|finding| (finding.code, finding.severity)).collect()
}

/// What is said about the `event_data` of a Purchase of 2000 INR.
fn said(rule: &str, event_data: &str) -> Vec<(Code, Severity)> {
    let body =
        format!(r#"{{"user_id":"1","amount":2000,"currency":"INR","event_data":{event_data}}}"#);
    weights(&decided(rule, &body, ""))
}

const PLAIN: &str = r#"event = "Purchase""#;
const CATALOG: &str = r#"event = "Purchase", profile = "catalog""#;
const CUSTOM: &str = r#"event = "WalletTopup", custom_event = true, profile = "catalog""#;

/// All that the catalogue wants of a Purchase but the fields named in `without`.
fn complete_without(without: &[&str]) -> String {
    let all = [
        ("content_ids", r#"["a"]"#),
        ("contents", r#"[{"id":"a","quantity":2,"item_price":1000}]"#),
        ("content_type", r#""product""#),
        ("num_items", "2"),
        ("order_id", r#""o""#),
    ];
    let kept = all.iter().filter(|(key, _)| !without.contains(key));
    let fields: Vec<String> = kept.map(|(key, value)| format!(r#""{key}":{value}"#)).collect();
    format!("{{{}}}", fields.join(","))
}

/// The fields that are left out, and what is said about it for the catalogue.
type Row<'r> = (&'r [&'r str], &'r [(Code, Severity)]);

#[test]
fn what_only_the_catalogue_needs_blocks_there_and_warns_elsewhere() {
    let rows: [Row<'_>; 7] = [
        (&[], &[]),
        (&["content_type"], &[(Code::ContentTypeMissing, Error)]),
        (&["num_items"], &[(Code::NumItemsMissing, Error)]),
        (&["order_id"], &[(Code::OrderIdMissing, Error)]),
        (&["content_ids", "contents"], &[(Code::IdsMissing, Error)]),
        (&["contents"], &[(Code::ContentsMissing, Warning)]),
        (&["content_ids"], &[(Code::IdsFromContents, Note)]),
    ];
    for (without, expected) in rows {
        let event_data = complete_without(without);
        assert_eq!(said(CATALOG, &event_data), expected, "catalog: {event_data}");
        let softer: Vec<(Code, Severity)> =
            expected.iter().map(|(code, severity)| (*code, (*severity).max(Warning))).collect();
        assert_eq!(said(PLAIN, &event_data), softer, "plain: {event_data}");
        assert_eq!(
            said(CUSTOM, &event_data),
            expected.iter().copied().filter(|row| row.1 == Note).collect::<Vec<_>>(),
            "a custom event needs nothing: {event_data}"
        );
    }
}

#[test]
fn each_event_for_the_catalogue_needs_what_its_row_says() {
    // Linkrunner, "Meta Commerce Manager", required fields per event.
    use Code::{ContentTypeMissing, IdsMissing, NumItemsMissing, OrderIdMissing};
    for (event, missing) in [
        ("Purchase", vec![IdsMissing, ContentTypeMissing, NumItemsMissing, OrderIdMissing]),
        ("AddToCart", vec![IdsMissing, ContentTypeMissing, NumItemsMissing]),
        ("ViewContent", vec![IdsMissing, ContentTypeMissing]),
        ("Subscribe", vec![]),
    ] {
        let found = said(&format!(r#"event = "{event}", profile = "catalog""#), "{}");
        let codes: Vec<Code> = found.into_iter().map(|(code, _)| code).collect();
        assert_eq!(codes, missing, "{event}");
    }
}

#[test]
fn a_field_that_could_not_be_read_is_not_missing_as_well() {
    for (without, sent, code) in [
        ("content_ids", r#""content_ids":true"#, Code::KindOfField),
        ("contents", r#""contents":5"#, Code::ContentsShape),
        ("content_type", r#""content_type":"x""#, Code::ContentTypeUnknown),
        ("num_items", r#""num_items":1.5"#, Code::KindOfField),
        ("order_id", r#""order_id":{}"#, Code::KindOfField),
        ("value", r#""value":"x""#, Code::KindOfField),
        ("currency", r#""currency":"Rs""#, Code::CurrencyUnknown),
    ] {
        let all = complete_without(&[without]);
        let event_data = format!("{{{sent},{}", all.trim_start_matches('{'));
        assert_eq!(said(CATALOG, &event_data), [(code, Error)], "{event_data}");
    }
}

#[test]
fn a_value_needs_a_currency() {
    let body = r#"{"user_id":"1","amount":5}"#;
    for (rule, expected) in [
        (r#"event = "Purchase""#, true),
        (r#"event = "Subscribe""#, true),
        (r#"event = "Subscribe", currency = "INR""#, false),
    ] {
        let found = weights(&decided(rule, body, ""));
        assert_eq!(found.contains(&(Code::CurrencyMissing, Error)), expected, "{rule}");
    }
}

/// An order of lines (quantity, price), its value, and whether that is a finding.
fn totals(currency: &str, lines: &[(u64, &str)], value: &str) -> bool {
    let items: Vec<String> = lines
        .iter()
        .map(|(quantity, price)| {
            format!(r#"{{"id":"a","quantity":{quantity},"item_price":{price}}}"#)
        })
        .collect();
    let pieces: u64 = lines.iter().map(|(quantity, _)| quantity).sum();
    let body = format!(
        r#"{{"user_id":"1","amount":{value},"currency":"{currency}","event_data":{{
        "value":{value},"currency":"{currency}","content_ids":["a"],"content_type":"product",
        "order_id":"o","num_items":{pieces},"contents":[{}]}}}}"#,
        items.join(",")
    );
    let found = weights(&decided(CATALOG, &body, ""));
    assert!(found.is_empty() || found == [(Code::ValueDiffers, Warning)], "{body}: {found:?}");
    !found.is_empty()
}

#[test]
fn a_total_may_be_off_by_its_rounding_and_no_more() {
    // Tolerance: (pieces + 1) × half a minor unit. For 2 pieces 0.015 INR, 1.5 JPY, 0.0015 KWD.
    for (currency, lines, value, finding) in [
        ("INR", vec![(2, "1000")], "2000", false),
        ("INR", vec![(2, "1000")], "2000.015", false),
        ("INR", vec![(2, "1000")], "2000.016", true),
        ("INR", vec![(2, "1000")], "1999.985", false),
        ("INR", vec![(2, "1000")], "1999.984", true),
        ("JPY", vec![(2, "1000")], "2001.5", false),
        ("JPY", vec![(2, "1000")], "2001.6", true),
        ("KWD", vec![(2, "1.000")], "2.0015", false),
        ("KWD", vec![(2, "1.000")], "2.0016", true),
        // Rounded prices as in the CDNOW data: 2 × 14.67 = 29.34, 3 × 11.66 = 34.98.
        ("USD", vec![(2, "14.67")], "29.33", false),
        ("USD", vec![(3, "11.66")], "34.97", false),
        ("USD", vec![(3, "33.33")], "100", false),
        ("USD", vec![(1, "5"), (2, "2.50")], "10", false),
        ("USD", vec![(1, "5"), (2, "2.50")], "12", true),
    ] {
        assert_eq!(totals(currency, &lines, value), finding, "{currency} {lines:?} {value}");
    }
}

#[test]
fn two_fields_that_disagree_are_mentioned() {
    let with = |without: &str, field: &str| {
        let all = complete_without(&[without]);
        format!("{{{field},{}", all.trim_start_matches('{'))
    };
    for (event_data, expected) in [
        (with("num_items", r#""num_items":1"#), vec![(Code::NumItemsDiffers, Warning)]),
        (with("content_ids", r#""content_ids":["A"]"#), vec![(Code::IdsDisagree, Warning)]),
        (with("content_ids", r#""content_ids":["a","b"]"#), vec![(Code::IdsDisagree, Warning)]),
        (with("", r#""value":1999"#), vec![(Code::ValueDiffers, Warning), (Code::AmountDiffers, Warning)]),
        (with("", r#""value":2000.00"#), vec![]),
        (
            r#"{"item_group_ids":["a"],"contents":[{"id":"a","quantity":1}],"num_items":1,"order_id":"o"}"#.to_owned(),
            vec![(Code::GroupIds, Note)],
        ),
        (
            r#"{"item_group_ids":["a"],"content_type":"product","contents":[{"id":"a","quantity":1}],"num_items":1,"order_id":"o"}"#.to_owned(),
            vec![(Code::GroupsAsProducts, Warning)],
        ),
        // A list that could be read only in part is compared with nothing.
        (
            with("contents", r#""contents":[{"id":"b","quantity":1},5]"#),
            vec![(Code::ContentsShape, Error)],
        ),
    ] {
        assert_eq!(said(CATALOG, &event_data), expected, "{event_data}");
    }
}

#[test]
fn a_time_ahead_is_taken_as_now_for_a_minute() {
    for (millis_ahead, expected) in [
        (0, vec![]),
        (1, vec![(Code::TimeTakenAsNow, Note)]),
        (60_000, vec![(Code::TimeTakenAsNow, Note)]),
        (60_001, vec![(Code::TimeInFuture, Error)]),
        (61_000, vec![(Code::TimeInFuture, Error)]),
    ] {
        let time = Timestamp::from_seconds(NOW).plus_millis(millis_ahead);
        let body =
            format!(r#"{{"user_id":"1","amount":5,"currency":"INR","occurred_at":"{time}"}}"#);
        let decision = decided(CUSTOM, &body, "");
        assert_eq!(weights(&decision), expected, "{millis_ahead} ms ahead");
        for event in &decision.events {
            assert_eq!(event.event_time.seconds(), NOW, "{millis_ahead} ms ahead");
        }
    }
}

#[test]
fn an_event_must_say_who_it_was() {
    // Meta's four sets, reference/meta-capi.md 3.4. A placeholder as user id is nobody's id.
    let thin = vec![(Code::UserDataThin, Error)];
    for (user_id, user_data, expected) in [
        ("666", "{}", vec![]),
        ("null", "{}", thin.clone()),
        (
            "unknown",
            r#"{"country":"in","ct":"Delhi","st":"dl","zp":"110001","ge":"f"}"#,
            thin.clone(),
        ),
        ("unknown", r#"{"db":"19970216","client_user_agent":"x"}"#, thin.clone()),
        ("unknown", r#"{"fn":"Ann","ge":"f"}"#, thin.clone()),
        ("unknown", r#"{"ln":"Lee","ge":"f"}"#, thin.clone()),
        ("unknown", r#"{"client_user_agent":"x"}"#, thin),
        ("unknown", r#"{"fn":"Ann","ln":"Lee"}"#, vec![]),
        ("unknown", r#"{"client_user_agent":"x","client_ip_address":"8.8.8.8"}"#, vec![]),
        ("unknown", r#"{"em":"ann@shop.example"}"#, vec![]),
        ("666", r#"{"country":"in"}"#, vec![]),
    ] {
        let body = format!(
            r#"{{"user_id":"{user_id}","amount":5,"currency":"INR","user_data":{user_data}}}"#
        );
        assert_eq!(weights(&decided(CUSTOM, &body, "")), expected, "{body}");
        let signed_up = format!(r#"{{"em":["{}"]}}"#, "a".repeat(64));
        assert_eq!(weights(&decided(CUSTOM, &body, &signed_up)), [], "known by signup: {body}");
    }
}
