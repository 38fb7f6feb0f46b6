//! `event_data`, field by field: what Meta would receive, and what is said.
//!
//! Sources: rows MX-6 to MX-14 of reference/payment-apis.md 5.2; reference/meta-capi.md 4.

use super::super::finding::At;
use super::super::meta::CustomData;
use super::*;

/// What was read, as Meta would receive it, and each finding with its place.
fn outcome(text: &str) -> (String, Vec<(Code, String)>) {
    let json = json::read(text.as_bytes()).expect(text);
    let (data, findings) = read(Some(&json));
    let custom_data = CustomData {
        value: data.value,
        currency: data.currency,
        content_ids: data.content_ids,
        contents: data.contents,
        content_type: data.content_type,
        num_items: data.num_items,
        order_id: data.order_id,
        properties: data.properties,
    };
    let place = |finding: &Finding| match &finding.at {
        At::Pointer(pointer) => pointer.trim_start_matches("/event_data").to_owned(),
        At::Span(_) => unreachable!("a body has pointers"),
    };
    for finding in &findings {
        assert!(!finding.says.contains("text, not text"), "{text}: {}", finding.says);
    }
    let found = findings.iter().map(|finding| (finding.code, place(finding))).collect();
    (serde_json::to_string(&custom_data).expect(text), found)
}

/// What is sent, what Meta would receive, and each finding with its place.
type Row<'r> = (&'r str, &'r str, &'r [(Code, &'r str)]);

fn holds(rows: &[Row<'_>]) {
    for (sent, wire, findings) in rows {
        let (printed, found) = outcome(sent);
        let expected: Vec<_> =
            findings.iter().map(|(code, place)| (*code, (*place).to_owned())).collect();
        assert_eq!((printed.as_str(), found), (*wire, expected), "{sent}");
    }
}

/// Sent and received word for word, and nothing to say.
fn unchanged(rows: &[&str]) {
    for row in rows {
        assert_eq!(outcome(row), ((*row).to_owned(), Vec::new()), "{row}");
    }
}

const COERCED: Code = Code::FieldCoerced;
const KIND: Code = Code::KindOfField;
const ITEM: Code = Code::ContentsItem;

#[test]
fn what_is_right_goes_out_word_for_word() {
    unchanged(&[
        "{}",
        concat!(
            r#"{"value":2000.0,"currency":"INR","content_ids":["whshct4mwc"],"#,
            r#""contents":[{"id":"whshct4mwc","quantity":2,"item_price":1000}],"#,
            r#""content_type":"product","num_items":2,"order_id":"order_id_1234"}"#
        ),
        r#"{"value":0}"#,
        r#"{"content_type":"product_group"}"#,
        r#"{"contents":[{"id":"a","quantity":1,"title":"t","brand":"é\"","delivery_category":"in_store"}]}"#,
        r#"{"content_category":"shoes","search_string":"a b","status":true}"#,
        r#"{"status":"registered","predicted_ltv":12.50,"net_revenue":-3,"delivery_category":"curbside"}"#,
        r#"{"plan":"starter","score":1.50,"trial":false,"e":1e3,"정":"é"}"#,
    ]);
}

#[test]
fn blank_fields_are_absent() {
    for key in [
        "content_ids",
        "item_group_ids",
        "product_id",
        "contents",
        "content_type",
        "currency",
        "value",
        "num_items",
        "order_id",
        "event_id",
        "content_category",
        "predicted_ltv",
        "delivery_category",
    ] {
        for blank in [r#""""#, r#"" \t""#, "null"] {
            let text = format!(r#"{{"{key}":{blank}}}"#);
            assert_eq!(outcome(&text), ("{}".to_owned(), Vec::new()), "{text}");
        }
    }
    holds(&[
        (r#"{"content_ids":[],"contents":[],"item_group_ids":[]}"#, "{}", &[]),
        (r#"{"content_ids":[],"item_group_ids":["g"]}"#, r#"{"content_ids":["g"]}"#, &[]),
        (r#"{"content_ids":["a"],"item_group_ids":["g"]}"#, r#"{"content_ids":["a"]}"#, &[]),
        (r#"{"content_ids":"","product_id":"p"}"#, r#"{"content_ids":["p"]}"#, &[]),
        (
            r#"{"contents":[{"id":"a","quantity":1,"item_price":"","title":"","name":""}]}"#,
            r#"{"contents":[{"id":"a","quantity":1}]}"#,
            &[],
        ),
        (
            r#"{"contents":[{"id":"","quantity":""}]}"#,
            "{}",
            &[(ITEM, "/contents/0/id"), (ITEM, "/contents/0/quantity")],
        ),
    ]);
}

#[test]
fn ids_are_texts_in_a_list_or_can_become_it() {
    holds(&[
        (r#"{"content_ids":"a"}"#, r#"{"content_ids":["a"]}"#, &[(COERCED, "/content_ids")]),
        (
            r#"{"content_ids":[1,"b"]}"#,
            r#"{"content_ids":["1","b"]}"#,
            &[(COERCED, "/content_ids")],
        ),
        (r#"{"product_id":["p","q"]}"#, r#"{"content_ids":["p","q"]}"#, &[]),
        (r#"{"content_ids":true}"#, "{}", &[(KIND, "/content_ids")]),
        (r#"{"content_ids":{}}"#, "{}", &[(KIND, "/content_ids")]),
        (r#"{"content_ids":["a",[]]}"#, r#"{"content_ids":["a"]}"#, &[(KIND, "/content_ids")]),
        (r#"{"content_ids":["a",""]}"#, r#"{"content_ids":["a"]}"#, &[(KIND, "/content_ids")]),
        (
            r#"{"content_type":"product_group","content_ids":["a"],"item_group_ids":["g"]}"#,
            r#"{"content_ids":["g"],"content_type":"product_group"}"#,
            &[],
        ),
        (r#"{"order_id":12}"#, r#"{"order_id":"12"}"#, &[(COERCED, "/order_id")]),
        (r#"{"order_id":["o"]}"#, "{}", &[(KIND, "/order_id")]),
        (r#"{"event_id":{}}"#, "{}", &[(KIND, "/event_id")]),
    ]);
}

#[test]
fn numbers_are_exact_and_never_negative() {
    holds(&[
        (r#"{"value":"2000.50"}"#, r#"{"value":2000.50}"#, &[(COERCED, "/value")]),
        (r#"{"value":"₹2000"}"#, "{}", &[(KIND, "/value")]),
        (r#"{"value":[1]}"#, "{}", &[(KIND, "/value")]),
        (r#"{"value":1e400}"#, "{}", &[(KIND, "/value")]),
        (r#"{"value":-0.01}"#, "{}", &[(Code::ValueNegative, "/value")]),
        (r#"{"num_items":"2"}"#, r#"{"num_items":2}"#, &[(COERCED, "/num_items")]),
        (r#"{"num_items":2.0}"#, r#"{"num_items":2}"#, &[]),
        (r#"{"num_items":1.5}"#, "{}", &[(KIND, "/num_items")]),
        (r#"{"num_items":-1}"#, "{}", &[(KIND, "/num_items")]),
        (r#"{"currency":"Rs"}"#, "{}", &[(Code::CurrencyUnknown, "/currency")]),
        (r#"{"currency":356}"#, "{}", &[(Code::KindOfField, "/currency")]),
        (r#"{"currency":"inr"}"#, r#"{"currency":"INR"}"#, &[]),
        (r#"{"content_type":"Product"}"#, "{}", &[(Code::ContentTypeUnknown, "/content_type")]),
        (r#"{"content_type":5}"#, "{}", &[(Code::KindOfField, "/content_type")]),
    ]);
}

#[test]
fn metas_own_parameters_have_the_kind_that_meta_documents() {
    holds(&[
        (r#"{"content_category":5}"#, "{}", &[(KIND, "/content_category")]),
        (r#"{"content_name":["a"]}"#, "{}", &[(KIND, "/content_name")]),
        (r#"{"search_string":true}"#, "{}", &[(KIND, "/search_string")]),
        (r#"{"status":1}"#, "{}", &[(KIND, "/status")]),
        (r#"{"delivery_category":"Curbside"}"#, "{}", &[(KIND, "/delivery_category")]),
        (r#"{"delivery_category":1}"#, "{}", &[(KIND, "/delivery_category")]),
        (r#"{"predicted_ltv":"12"}"#, r#"{"predicted_ltv":12}"#, &[(COERCED, "/predicted_ltv")]),
        (r#"{"predicted_ltv":"much"}"#, "{}", &[(KIND, "/predicted_ltv")]),
        (r#"{"net_revenue":{}}"#, "{}", &[(KIND, "/net_revenue")]),
        (r#"{"item_number":7}"#, r#"{"item_number":"7"}"#, &[(COERCED, "/item_number")]),
    ]);
}

#[test]
fn a_senders_own_property_is_any_plain_value() {
    let left_out = Code::PropertyLeftOut;
    holds(&[
        (r#"{"plan":{"a":1}}"#, "{}", &[(left_out, "/plan")]),
        (r#"{"tags":[]}"#, "{}", &[(left_out, "/tags")]),
        (r#"{"big":1e400}"#, "{}", &[(left_out, "/big")]),
        (r#"{"big":1234567890123456789}"#, "{}", &[(left_out, "/big")]),
        (r#"{"big":123456789012345678}"#, r#"{"big":123456789012345678}"#, &[]),
        (r#"{"a/b~c":[]}"#, "{}", &[(left_out, "/a~1b~0c")]),
    ]);
}

#[test]
fn an_item_has_an_id_a_quantity_and_no_other_keys_than_metas() {
    let one = r#"{"contents":[{"id":"a","quantity":1}]}"#;
    let row = |fields: &str| format!(r#"{{"contents":[{{"id":"a","quantity":1,{fields}}}]}}"#);
    for (fields, findings) in [
        (r#""price":5"#, vec![(Code::ContentsKey, "/contents/0/price")]),
        (r#""a/b":5"#, vec![(Code::ContentsKey, "/contents/0/a~1b")]),
        (r#""item_price":-1"#, vec![(Code::ValueNegative, "/contents/0/item_price")]),
        (r#""item_price":"free""#, vec![(KIND, "/contents/0/item_price")]),
        (r#""brand":5"#, vec![(KIND, "/contents/0/brand")]),
        (r#""delivery_category":"drone""#, vec![(KIND, "/contents/0/delivery_category")]),
    ] {
        holds(&[(&row(fields), one, &findings)]);
    }
    holds(&[
        (r#"{"contents":"a"}"#, "{}", &[(Code::ContentsShape, "/contents")]),
        (r#"{"contents":{"id":"a"}}"#, "{}", &[(Code::ContentsShape, "/contents")]),
        (r#"{"contents":["a"]}"#, "{}", &[(Code::ContentsShape, "/contents/0")]),
        (
            r#"{"contents":[{"id":1,"quantity":1}]}"#,
            r#"{"contents":[{"id":"1","quantity":1}]}"#,
            &[(COERCED, "/contents/0/id")],
        ),
        (r#"{"contents":[{"id":"a","quantity":"1"}]}"#, one, &[(COERCED, "/contents/0/quantity")]),
        (
            r#"{"contents":[{"id":"a","quantity":0}]}"#,
            r#"{"contents":[{"id":"a"}]}"#,
            &[(ITEM, "/contents/0/quantity")],
        ),
        (r#"{"contents":[{"id":[],"quantity":1}]}"#, "{}", &[(ITEM, "/contents/0/id")]),
        (r#"{"contents":[{"quantity":1}]}"#, "{}", &[(ITEM, "/contents/0/id")]),
    ]);
}

#[test]
fn contents_has_a_limit() {
    for (items, findings) in
        [(CONTENTS_MAX, vec![]), (CONTENTS_MAX + 1, vec![Code::TooManyContents])]
    {
        let all = vec![r#"{"id":"a","quantity":1}"#; items].join(",");
        let (_, found) = outcome(&format!(r#"{{"contents":[{all}]}}"#));
        let codes: Vec<Code> = found.into_iter().map(|(code, _)| code).collect();
        assert_eq!(codes, findings, "{items}");
    }
}
