//! Every field of every body of Faurya's API: absent, null, blank, of the wrong kind, at its limits.
//!
//! One table of values, one of fields: each field says which values it takes, and what is said of
//! the others must name it. Source of what is right: Faurya, "POST Payment" (rows FA-3 to FA-8).

use super::*;
use crate::core::time::Timestamp;

const NOW: i64 = 1_772_280_000;

/// What is sent in a field, and what it is called in [`Takes`].
const VALUES: [(&str, &str); 15] = [
    ("absent", ""),
    ("null", "null"),
    ("empty", r#""""#),
    ("blank", r#"" \t""#),
    ("text", r#""payment_456""#),
    ("money in text", r#""29.99""#),
    ("long", "LONG"),
    ("too long", "TOO LONG"),
    ("number", "29.99"),
    ("zero", "0"),
    ("negative", "-1"),
    ("huge", "1e309"),
    ("truth", "true"),
    ("list", r#"["a"]"#),
    ("object", r#"{"a":{"b":1}}"#),
];

/// A field, its longest text, and the values of the table that it takes.
type Takes = (&'static str, usize, &'static [&'static str]);

const ID: &[&str] = &["text", "money in text", "long"];
const OPTIONAL: &[&str] = &["absent", "null", "empty", "blank", "text", "money in text", "long"];

const OF_PAYMENT: [Takes; 6] = [
    ("faurya_visitor_id", ID_CHARS_MAX, ID),
    ("transaction_id", ID_CHARS_MAX, ID),
    ("amount", 1, &["number"]),
    ("faurya_session_id", 2_048, OPTIONAL),
    ("currency", 2_048, OPTIONAL),
    ("metadata", 1, &["absent", "null"]),
];

const PAYMENT: [(&str, &str); 6] = [
    ("faurya_visitor_id", r#""visitor_1""#),
    ("faurya_session_id", r#""session_1""#),
    ("transaction_id", r#""payment_456""#),
    ("amount", "29.99"),
    ("currency", r#""USD""#),
    ("metadata", r#"{"plan":"starter"}"#),
];

/// The body with one field replaced.
fn with(body: &[(&str, &str)], field: &str, value: &str, longest: usize) -> String {
    let value = match value {
        "LONG" => json::quoted(&"x".repeat(longest)),
        "TOO LONG" => json::quoted(&"x".repeat(longest + 1)),
        other => other.to_owned(),
    };
    let others = body.iter().filter(|(key, _)| *key != field);
    let mut all: Vec<String> = others.map(|(key, value)| format!("\"{key}\":{value}")).collect();
    if !value.is_empty() {
        all.push(format!("\"{field}\":{value}"));
    }
    format!("{{{}}}", all.join(","))
}

/// Tries every value in every field; what is refused must be an error that names the field.
fn judge(
    fields: &[Takes],
    body: &[(&str, &str)],
    read: impl Fn(&Json<'_>) -> (bool, Vec<(String, String)>),
) {
    for (field, longest, taken) in fields {
        for (name, value) in VALUES {
            let text = with(body, field, value, *longest);
            let json = json::read(text.as_bytes()).expect(&text);
            let (is_read, says) = read(&json);
            assert_eq!(is_read, taken.contains(&name), "{field} is {name}: {text}: {says:?}");
            if !is_read {
                assert!(says.iter().any(|(_, says)| says.contains(field)), "{text}: {says:?}");
            }
        }
    }
}

fn said<T>(reading: &Reading<T>) -> (bool, Vec<(String, String)>) {
    let said = reading.findings.iter().map(|f| (f.code.to_string(), f.says.clone()));
    (reading.value.is_some(), said.collect())
}

fn payment_of(text: &str) -> (Option<String>, Vec<(String, String)>) {
    let json = json::read(text.as_bytes()).expect(text);
    let reading = read_payment(&json);
    let says = said(&reading).1;
    (reading.value.map(|payment| payment.to_capture()), says)
}

/// Shows FA-3, FA-4, FA-5, FA-6, FA-13, FA-14.
#[test]
fn every_field_of_a_payment_takes_what_is_documented() {
    judge(&OF_PAYMENT, &PAYMENT, |body| said(&read_payment(body)));
}

#[test]
fn every_field_of_a_deletion_takes_what_is_documented() {
    const TIME: &[&str] = &["absent", "number", "zero", "negative", "money in text"];
    // Beside a visitor: what names nothing must not widen the deletion.
    let visitor = [("faurya_visitor_id", r#""visitor_1""#)];
    let beside: [Takes; 6] = [
        ("transaction_id", ID_CHARS_MAX, &["absent", "text", "money in text", "long"]),
        ("tx_id", ID_CHARS_MAX, &["absent", "text", "money in text", "long"]),
        ("startAt", 1, TIME),
        ("startDate", 1, TIME),
        ("endAt", 1, TIME),
        ("endDate", 1, TIME),
    ];
    judge(&beside, &visitor, |body| said(&read_deletion(body)));
    judge(&[("faurya_visitor_id", ID_CHARS_MAX, ID)], &[], |body| said(&read_deletion(body)));
}

#[test]
fn every_field_of_a_visitor_takes_what_is_documented() {
    let now = Timestamp::from_seconds(NOW);
    // What cannot be used of a person's fields costs the field, never the visitor.
    let all: Vec<&str> = VALUES.iter().map(|(name, _)| *name).collect();
    let all: &'static [&'static str] = Box::leak(all.into_boxed_slice());
    let fields: [Takes; 6] = [
        ("faurya_visitor_id", ID_CHARS_MAX, OPTIONAL),
        ("user_data", 1, &["absent", "null", "object"]),
        ("fbc", 1, all),
        ("fbp", 1, all),
        ("client_ip_address", 1, all),
        ("client_user_agent", 1, all),
    ];
    judge(&fields, &[], |body| said(&read_visitor(body, now)));
}

#[test]
fn a_payment_becomes_a_capture() {
    const BEFORE: &str =
        r#""faurya_visitor_id":"visitor_1","transaction_id":"payment_456","amount":29.99"#;
    const AFTER: &str =
        r#"{"user_id":"visitor_1","payment_id":"payment_456","type":"DEFAULT","amount":29.99"#;
    for (more, capture) in [
        ("", r#","event_data":{"order_id":"payment_456"}}"#),
        (r#","metadata":{}"#, r#","event_data":{"order_id":"payment_456"}}"#),
        // Text, numbers digit by digit, truth, null.
        (
            r#","metadata":{"plan":"é\n","n":1.50,"yes":true,"no":null}"#,
            r#","event_data":{"order_id":"payment_456","plan":"é\n","n":1.50,"yes":true,"no":null}}"#,
        ),
        (r#","currency":"usd""#, r#","currency":"USD","event_data":{"order_id":"payment_456"}}"#),
        // Not a currency: the event must not be sent in another one.
        (
            r#","currency":"coins""#,
            r#","event_data":{"order_id":"payment_456","currency":"coins"}}"#,
        ),
        (
            r#","currency":"a@shop.example""#,
            r#","event_data":{"order_id":"payment_456","currency":"(a text with an @)"}}"#,
        ),
        // What the payment says is not said otherwise, and nothing is lost.
        (
            r#","metadata":{"value":5,"order_id":"7","metadata_value":6,"content_ids":"sku1"}"#,
            r#","event_data":{"order_id":"payment_456","metadata_metadata_value":5,"metadata_order_id":"7","metadata_value":6,"content_ids":"sku1"}}"#,
        ),
    ] {
        let (read, says) = payment_of(&format!("{{{BEFORE}{more}}}"));
        assert_eq!(read.as_deref(), Some(&*format!("{AFTER}{capture}")), "{more}: {says:?}");
        let json = json::read(read.as_deref().unwrap_or_default().as_bytes());
        let again = crate::core::payment::read(json.expect(more), Timestamp::from_seconds(NOW));
        assert!(again.value.is_some() && again.findings.is_empty(), "{more}: {again:?}");
    }
}

/// Shows FA-6, FA-7, FA-8.
#[test]
fn metadata_has_at_most_ten_plain_attributes() {
    let body = |metadata: &str| {
        format!(
            r#"{{"faurya_visitor_id":"v","transaction_id":"t","amount":0.01,"metadata":{metadata}}}"#
        )
    };
    let many = |count: usize| {
        let all: Vec<String> = (0..count).map(|n| format!("\"k{n}\":{n}")).collect();
        format!("{{{}}}", all.join(","))
    };
    for (metadata, expected) in [
        (many(METADATA_MAX), None),
        (many(METADATA_MAX + 1), Some("metadata has 11 attributes; 10 are allowed")),
        (
            r#"{"a":{"b":1}}"#.to_owned(),
            Some("metadata.a must be text, a number, true, false or null, not an object"),
        ),
        (
            r#"{"a":[1]}"#.to_owned(),
            Some("metadata.a must be text, a number, true, false or null, not a list"),
        ),
        ("[]".to_owned(), Some("metadata must be an object, not a list")),
        (r#""x""#.to_owned(), Some("metadata must be an object, not text")),
        ("5".to_owned(), Some("metadata must be an object, not a number")),
    ] {
        let (read, says) = payment_of(&body(&metadata));
        let says: Vec<&str> = says.iter().map(|(_, says)| says.as_str()).collect();
        assert_eq!(says, expected.into_iter().collect::<Vec<_>>(), "{metadata}");
        assert_eq!(read.is_none(), expected.is_some(), "{metadata}");
    }
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let (read, says) = payment_of(r#"{"transaction_id":7,"amount":0,"metadata":[]}"#);
    assert_eq!(read, None);
    let codes: Vec<&str> = says.iter().map(|(code, _)| code.as_str()).collect();
    let expected = [Code::FieldMissing, Code::FieldKind, Code::AmountNegative, Code::FieldKind]
        .map(Code::as_str);
    assert_eq!(codes, expected, "{says:?}");
}

#[test]
fn a_deletion_names_a_transaction_or_a_visitor_and_a_range() {
    let at = |text: &str| Some(Timestamp::read(text).expect(text));
    let user = |text: &str| UserId::read(text);
    let matching = |visitor, from, to| Some(Deletion::Matching { visitor, from, to });
    let transaction = |text: &str| PaymentId::read(text).map(Deletion::Transaction);
    for (body, expected) in [
        (r#"{"transaction_id":"t"}"#, transaction("t")),
        (r#"{"tx_id":" t "}"#, transaction("t")),
        (r#"{"tx_id":"other","transaction_id":"t"}"#, transaction("t")),
        // The id wins over all else, whatever else is wrong.
        (r#"{"tx_id":"t","faurya_visitor_id":"v","startAt":"soon"}"#, transaction("t")),
        (r#"{"faurya_visitor_id":"v"}"#, matching(user("v"), None, None)),
        (
            r#"{"startAt":"2026-02-01T00:00:00Z","endAt":1772280000}"#,
            matching(None, at("2026-02-01T00:00:00Z"), at("2026-02-28T12:00:00Z")),
        ),
        (
            r#"{"startDate":"2026-02-01","endDate":"2026-02-28"}"#,
            matching(None, at("2026-02-01T00:00:00Z"), at("2026-02-28T23:59:59.999Z")),
        ),
        (
            r#"{"startDate":"2026-02-28","endDate":"2026-02-28","faurya_visitor_id":"v"}"#,
            matching(user("v"), at("2026-02-28T00:00:00Z"), at("2026-02-28T23:59:59.999Z")),
        ),
        (r#"{"endAt":"2026-02-28"}"#, matching(None, None, at("2026-02-28T23:59:59.999Z"))),
        (r#"{"startAt":"2026-03-01","endAt":"2026-02-28"}"#, None),
        (r#"{"startAt":"2026-02-28T12:00:00","endAt":"2026-02-28"}"#, None),
        (r#"{"startAt":"2026-02-30"}"#, None),
        ("{}", None),
        (r#"{"name":"goal"}"#, None),
        // A field that is no filter may be meant as one.
        (r#"{"faurya_visitor_id":"v","transactionId":"t"}"#, None),
        (r#"{"faurya_visitor_id":"v","startat":"2026-02-28"}"#, None),
        (r#"{"faurya_visitor_id":"v","endat":null}"#, None),
        (r#"{"transaction_id":"t","amount":5}"#, None),
        ("[]", None),
    ] {
        let json = json::read(body.as_bytes()).expect(body);
        let reading = read_deletion(&json);
        assert_eq!(reading.value, expected, "{body}: {:?}", reading.findings);
        assert_eq!(reading.findings.is_empty(), expected.is_some(), "{body}");
    }
}

#[test]
fn a_visitors_fields_are_hashed_while_they_are_read() {
    let body = r#"{"faurya_visitor_id":"v","user_data":{"email":"Mary@Example.com"},"fbp":"fb.1.1700000000000.42","client_ip_address":"203.0.113.9","client_user_agent":"Mozilla/5.0"}"#;
    let json = json::read(body.as_bytes()).expect(body);
    let visitor = read_visitor(&json, Timestamp::from_seconds(NOW)).value.expect("a visitor");
    assert_eq!(visitor.id, UserId::read("v"));
    let stored = visitor.user.to_stored();
    // printf mary@example.com | sha256sum
    assert!(
        stored.contains("f1904cf1a9d73a55fa5de0ac823c4403ded71afd4c3248d00bdcd0866552bb79"),
        "{stored}"
    );
    let keys: Vec<_> = visitor.user.user_data.keys().collect();
    assert_eq!(keys, ["em", "client_ip_address", "client_user_agent", "fbp"]);
}
