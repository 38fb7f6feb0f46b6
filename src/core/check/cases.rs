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
use crate::core::user::User;

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
        user: Some(&User::from_stored(&format!(r#"{{"user_data":{user}}}"#))),
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
    weights(&decided(rule, &body, "{}"))
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
    use Code::{ContentTypeMissing, IdsMissing, NumItemsMissing, OrderIdMissing, Recommended};
    for (event, missing) in [
        ("Purchase", vec![IdsMissing, ContentTypeMissing, NumItemsMissing, OrderIdMissing]),
        ("AddToCart", vec![IdsMissing, ContentTypeMissing, NumItemsMissing]),
        ("ViewContent", vec![IdsMissing, ContentTypeMissing]),
        ("Search", vec![IdsMissing, ContentTypeMissing, Recommended]),
        ("InitiateCheckout", vec![Recommended]),
        ("AddPaymentInfo", vec![Recommended]),
        ("AddToWishlist", vec![Recommended]),
        ("Subscribe", vec![Recommended]),
        ("StartTrial", vec![Recommended]),
        ("Lead", vec![]),
        ("Donate", vec![]),
        ("PageView", vec![]),
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
        let found = weights(&decided(rule, body, "{}"));
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
    // Values with a third decimal are what these rows are about.
    let rule = r#"event = "Purchase", profile = "catalog", checks = { E236 = "off" }"#;
    let found = weights(&decided(rule, &body, "{}"));
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
        let decision = decided(CUSTOM, &body, "{}");
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
        assert_eq!(weights(&decided(CUSTOM, &body, "{}")), expected, "{body}");
        let signed_up = format!(r#"{{"em":["{}"]}}"#, "a".repeat(64));
        assert_eq!(weights(&decided(CUSTOM, &body, &signed_up)), [], "known by signup: {body}");
    }
}

#[test]
fn a_mapping_file_weighs_findings() {
    let event_data = complete_without(&["num_items"]);
    for (weight, expected) in [
        ("", vec![(Code::NumItemsMissing, Error)]),
        (r#", checks = { E206 = "warn" }"#, vec![(Code::NumItemsMissing, Warning)]),
        (r#", checks = { e206 = "off" }"#, vec![]),
        (r#", checks = { E207 = "off" }"#, vec![(Code::NumItemsMissing, Error)]),
    ] {
        assert_eq!(said(&format!("{CATALOG}{weight}"), &event_data), expected, "{weight}");
    }
    let blocked = said(
        &format!(r#"{CATALOG}, checks = {{ E213 = "block" }}"#),
        &complete_without(&["content_ids"]),
    );
    assert_eq!(blocked, [(Code::IdsFromContents, Error)], "a note may block");
}

#[test]
fn numbers_out_of_the_ordinary_are_mentioned() {
    use Code::{NumberUnlikely, TooManyDecimals};
    // ISO 4217: two decimals for INR, none for JPY, three for KWD. A double keeps 15 digits.
    for (currency, value, quantity, price, expected) in [
        ("INR", "10.5", 1, "10.50", vec![]),
        ("INR", "10.505", 1, "10.505", vec![TooManyDecimals, TooManyDecimals]),
        ("JPY", "10.5", 1, "10.5", vec![TooManyDecimals, TooManyDecimals]),
        ("JPY", "10.0", 1, "10", vec![]),
        ("KWD", "1.234", 1, "1.234", vec![]),
        ("INR", "100000000000000", 1, "100000000000000", vec![]),
        ("INR", "1000000000000000", 1, "1000000000000000", vec![NumberUnlikely, NumberUnlikely]),
        ("INR", "10000", 10_000, "1", vec![]),
        ("INR", "10001", 10_001, "1", vec![NumberUnlikely, NumberUnlikely]),
    ] {
        let body = format!(
            r#"{{"user_id":"1","amount":{value},"currency":"{currency}","event_data":{{
            "value":{value},"content_ids":["a"],"num_items":{quantity},
            "contents":[{{"id":"a","quantity":{quantity},"item_price":{price}}}]}}}}"#
        );
        let found = weights(&decided(r#"event = "WalletTopup", custom_event = true"#, &body, "{}"));
        let codes: Vec<Code> = found.into_iter().map(|(code, _)| code).collect();
        assert_eq!(codes, expected, "{body}");
    }
}

#[test]
fn an_id_that_was_a_list_is_mentioned() {
    for (ids, found) in [
        (r#"["sku1","sku2"]"#, false),
        (r#"["sku1,sku2"]"#, true),
        (r#"["[sku1]"]"#, true),
        (r#"["sku-1_2.3:4/5"]"#, false),
    ] {
        let said = said(CUSTOM, &format!(r#"{{"content_ids":{ids}}}"#));
        assert_eq!(said.contains(&(Code::IdLooksLikeList, Warning)), found, "{ids}");
    }
}

#[test]
fn a_website_event_names_page_and_browser() {
    let rule = r#"event = "Lead", currency = "INR", action_source = "website""#;
    for (fields, expected) in [
        ("", vec![(Code::PageMissing, Error), (Code::AgentMissing, Warning)]),
        (r#","event_source_url":"https://a.io/""#, vec![(Code::AgentMissing, Warning)]),
        (r#","event_source_url":"https://a.io/","client_user_agent":"Mozilla/5.0""#, vec![]),
    ] {
        let body = format!(r#"{{"user_id":"1","amount":5{fields}}}"#);
        assert_eq!(weights(&decided(rule, &body, "{}")), expected, "{body}");
    }
}

#[test]
fn an_event_of_messages_names_its_channel_and_its_conversation() {
    // meta-capi.md 2.2 and 5.4: the closed list, the channels, the ids in the samples.
    let incomplete = |severity| (Code::MessagingIncomplete, severity);
    for (event, fields, expected) in [
        ("Purchase", "", vec![incomplete(Error)]),
        ("Purchase", r#","messaging_channel":"whatsapp""#, vec![incomplete(Warning)]),
        (
            "Purchase",
            r#","messaging_channel":"whatsapp","user_data":{"ctwa_clid":"c","page_id":"1"}"#,
            vec![],
        ),
        (
            "Purchase",
            r#","messaging_channel":"messenger","user_data":{"page_id":"1","page_scoped_user_id":"2"}"#,
            vec![],
        ),
        (
            "Purchase",
            r#","messaging_channel":"instagram","user_data":{"ig_account_id":"1","ig_sid":"2"}"#,
            vec![],
        ),
        (
            "Lead",
            r#","messaging_channel":"messenger","user_data":{"page_id":"1","page_scoped_user_id":"2"}"#,
            vec![incomplete(Error)],
        ),
    ] {
        let rule = format!(
            r#"event = "{event}", currency = "INR", action_source = "business_messaging", checks = {{ E201 = "off", E204 = "off", E206 = "off", E208 = "off" }}"#
        );
        let body = format!(r#"{{"user_id":"1","amount":5{fields}}}"#);
        assert_eq!(weights(&decided(&rule, &body, "{}")), expected, "{event} {fields}");
    }
}

#[test]
fn a_currency_that_meta_refuses_blocks() {
    for (currency, expected) in [("INR", vec![]), ("MRU", vec![(Code::CurrencyRefused, Error)])] {
        let body = format!(r#"{{"user_id":"1","amount":5,"currency":"{currency}"}}"#);
        assert_eq!(weights(&decided(CUSTOM, &body, "{}")), expected, "{currency}");
    }
}
