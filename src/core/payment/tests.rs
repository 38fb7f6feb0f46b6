//! The body of a capture, field by field: what is kept, what is refused, and what is said.
//!
//! Sources: rows LR-4 to LR-30 of reference/payment-apis.md 5.1.

use proptest::prelude::*;

use super::*;

const BASE: [(&str, &str); 3] =
    [("user_id", r#""666""#), ("payment_id", r#""ABC""#), ("amount", "25096")];

/// What became of one field: its JSON as it is stored, nothing, or no payment at all.
#[derive(Debug, Clone, PartialEq)]
enum Field {
    Kept(String),
    Absent,
    Refused,
}

/// 2026-02-28T12:00:00Z
fn received() -> Timestamp {
    Timestamp::from_seconds(1_772_280_000)
}

fn kept(json: &str) -> Field {
    Field::Kept(json.to_owned())
}

/// The body of [`BASE`] with one field set to `value`, or without it where `value` is empty.
fn body(key: &str, value: &str) -> String {
    let others = BASE.iter().copied().filter(|(name, _)| *name != key);
    let field = Some((key, value)).filter(|_| !value.is_empty());
    let fields: Vec<String> =
        others.chain(field).map(|(key, value)| format!(r#""{key}":{value}"#)).collect();
    format!("{{{}}}", fields.join(","))
}

fn outcome(text: &str, key: &str) -> (Field, Vec<Code>) {
    let json = json::read(text.as_bytes()).expect(text);
    let Reading { value, findings } = read(json, received());
    let codes = findings.iter().map(|finding| finding.code).collect();
    assert_eq!(value.is_none(), findings.has_error(), "no payment without an error: {text}");
    let Some(payment) = value else { return (Field::Refused, codes) };
    let stored = payment.to_stored();
    let stored = json::read(stored.as_bytes()).expect("what is stored is JSON");
    let field = json::get(json::fields(&stored).unwrap(), key).map(json::printed);
    (field.map_or(Field::Absent, Field::Kept), codes)
}

fn holds(key: &str, rows: &[(&str, Field, &[Code])]) {
    for (value, field, codes) in rows {
        let found = outcome(&body(key, value), key);
        assert_eq!(found, (field.clone(), codes.to_vec()), "{key}: {value}");
    }
}

/// `"xxx…"`, so many characters long.
fn long(chars: usize) -> String {
    format!(r#""{}""#, "x".repeat(chars))
}

#[test]
fn a_user_id_is_required_and_may_be_a_number() {
    use Field::Refused;
    let (limit, beyond) = (long(ID_CHARS_MAX), long(ID_CHARS_MAX + 1));
    holds(
        "user_id",
        &[
            (r#""666""#, kept(r#""666""#), &[]),
            (r#"" 666 ""#, kept(r#""666""#), &[]),
            ("666", kept(r#""666""#), &[]),
            ("", Refused, &[Code::FieldMissing]),
            ("null", Refused, &[Code::FieldMissing]),
            (r#""""#, Refused, &[Code::FieldMissing]),
            (r#"" \t""#, Refused, &[Code::FieldMissing]),
            ("true", Refused, &[Code::FieldKind]),
            (r#"["666"]"#, Refused, &[Code::FieldKind]),
            ("{}", Refused, &[Code::FieldKind]),
            (&limit, kept(&limit), &[]),
            (&beyond, Refused, &[Code::FieldTooLong]),
        ],
    );
}

#[test]
fn a_payment_id_may_be_absent_in_every_spelling() {
    use Field::{Absent, Refused};
    let (limit, beyond) = (long(ID_CHARS_MAX), long(ID_CHARS_MAX + 1));
    holds(
        "payment_id",
        &[
            (r#""ABC""#, kept(r#""ABC""#), &[]),
            ("", Absent, &[]),
            ("null", Absent, &[]),
            (r#""""#, Absent, &[]),
            (r#""  ""#, Absent, &[]),
            ("123", kept(r#""123""#), &[]),
            ("true", Refused, &[Code::FieldKind]),
            ("[]", Refused, &[Code::FieldKind]),
            ("{}", Refused, &[Code::FieldKind]),
            (&limit, kept(&limit), &[]),
            (&beyond, Refused, &[Code::FieldTooLong]),
        ],
    );
}

#[test]
fn an_amount_is_kept_digit_by_digit_or_refused() {
    use Field::Refused;
    holds(
        "amount",
        &[
            ("25096", kept("25096"), &[]),
            ("0", kept("0"), &[]),
            ("19.99", kept("19.99"), &[]),
            ("0.1", kept("0.1"), &[]),
            ("25096.005", kept("25096.005"), &[]),
            ("1e3", kept("1000"), &[]),
            // 2^53 + 1: the first whole number that no float can hold.
            ("9007199254740993", kept("9007199254740993"), &[]),
            ("123456789012345678", kept("123456789012345678"), &[]),
            ("1234567890123456789", Refused, &[Code::AmountUnreadable]),
            ("1e400", Refused, &[Code::AmountUnreadable]),
            (r#""250.50""#, kept("250.50"), &[Code::AmountAsText]),
            (r#"" 250.50 ""#, kept("250.50"), &[Code::AmountAsText]),
            (r#""₹250""#, Refused, &[Code::AmountUnreadable]),
            (r#""1,000""#, Refused, &[Code::AmountUnreadable]),
            (r#""NaN""#, Refused, &[Code::AmountUnreadable]),
            (r#""""#, Refused, &[Code::AmountUnreadable]),
            ("-1", Refused, &[Code::AmountNegative]),
            ("-0.01", Refused, &[Code::AmountNegative]),
            ("", Refused, &[Code::FieldMissing]),
            ("null", Refused, &[Code::FieldMissing]),
            ("true", Refused, &[Code::FieldKind]),
            ("[1]", Refused, &[Code::FieldKind]),
            ("{}", Refused, &[Code::FieldKind]),
        ],
    );
}

#[test]
fn without_an_amount_the_value_of_event_data_is_taken() {
    for (event_data, amount, findings) in [
        (r#"{"value":2000.0}"#, Some("2000.0"), vec![]),
        (r#"{"value":"2000"}"#, Some("2000"), vec![]),
        (r#"{"value":" 2000 "}"#, Some("2000"), vec![]),
        (r#"{"value":-5}"#, None, vec![(Code::AmountNegative, "/event_data/value")]),
        (r#"{"value":"much"}"#, None, vec![(Code::FieldMissing, "/amount")]),
        (r#"{"value":""}"#, None, vec![(Code::FieldMissing, "/amount")]),
        (r#"{"value":[1]}"#, None, vec![(Code::FieldMissing, "/amount")]),
        ("{}", None, vec![(Code::FieldMissing, "/amount")]),
    ] {
        let text = format!(r#"{{"user_id":"1","event_data":{event_data}}}"#);
        let reading = read(json::read(text.as_bytes()).expect(&text), received());
        let read =
            reading.value.and_then(|payment| payment.amount).map(|amount| amount.to_string());
        assert_eq!(read.as_deref(), amount, "{text}");
        let found: Vec<_> = reading.findings.iter().map(|f| (f.code, f.at.clone())).collect();
        let expected: Vec<_> = findings
            .into_iter()
            .map(|(code, at)| (code, super::super::finding::At::Pointer(at.to_owned())))
            .collect();
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn a_type_is_one_of_nine_and_a_status_one_of_four() {
    use Field::Refused;
    let beyond = long(reader::TEXT_CHARS_MAX + 1);
    holds(
        "type",
        &[
            ("", kept(r#""DEFAULT""#), &[]),
            ("null", kept(r#""DEFAULT""#), &[]),
            (r#""""#, kept(r#""DEFAULT""#), &[]),
            (r#""DEFAULT_PAYMENT""#, kept(r#""DEFAULT""#), &[]),
            (r#""SALE""#, Refused, &[Code::TypeUnknown]),
            (r#""first_payment""#, Refused, &[Code::TypeUnknown]),
            ("5", Refused, &[Code::FieldKind]),
            ("[]", Refused, &[Code::FieldKind]),
            (&beyond, Refused, &[Code::FieldTooLong]),
        ],
    );
    holds(
        "status",
        &[
            ("", kept(r#""PAYMENT_COMPLETED""#), &[]),
            ("null", kept(r#""PAYMENT_COMPLETED""#), &[]),
            (r#"" ""#, kept(r#""PAYMENT_COMPLETED""#), &[]),
            (r#""COMPLETED""#, Refused, &[Code::StatusUnknown]),
            (r#""payment_completed""#, Refused, &[Code::StatusUnknown]),
            ("true", Refused, &[Code::FieldKind]),
            (&beyond, Refused, &[Code::FieldTooLong]),
        ],
    );
}

#[test]
fn every_type_goes_with_every_status() {
    for payment_type in PaymentType::ALL {
        for status in PaymentStatus::ALL {
            let text = format!(
                r#"{{"user_id":"1","amount":1,"type":"{payment_type}","status":"{status}"}}"#
            );
            let payment = read(json::read(text.as_bytes()).expect(&text), received()).value;
            let read = payment.map(|payment| (payment.occasion, payment.status));
            assert_eq!(read, Some((Occasion::Payment(*payment_type), *status)), "{text}");
        }
    }
}

#[test]
fn a_currency_is_a_code_of_iso_4217() {
    use Field::{Absent, Refused};
    holds(
        "currency",
        &[
            (r#""INR""#, kept(r#""INR""#), &[]),
            (r#""us d""#, kept(r#""USD""#), &[]),
            ("", Absent, &[]),
            ("null", Absent, &[]),
            (r#""""#, Absent, &[]),
            (r#""Rs""#, Refused, &[Code::CurrencyOfPayment]),
            (r#""XXX""#, Refused, &[Code::CurrencyOfPayment]),
            ("356", Refused, &[Code::FieldKind]),
        ],
    );
}

#[test]
fn event_data_is_an_object_and_is_kept_as_sent() {
    use Field::{Absent, Refused};
    let odd = r#"{"plan":{"정":[null,true,1.50,"é"]},"b":"","n":1e400}"#;
    holds(
        "event_data",
        &[
            (odd, kept(odd), &[]),
            ("", Absent, &[]),
            ("null", Absent, &[]),
            ("{}", Absent, &[]),
            (r#""plan=x""#, Refused, &[Code::FieldKind]),
            ("[]", Refused, &[Code::FieldKind]),
            ("5", Refused, &[Code::FieldKind]),
            ("true", Refused, &[Code::FieldKind]),
            (r#"{"email":"a@b.io","x":1}"#, kept(r#"{"x":1}"#), &[Code::PersonalData]),
            (r#"{"email":"a@b.io"}"#, Absent, &[Code::PersonalData]),
        ],
    );
}

#[test]
fn the_person_travels_hashed_and_a_bad_field_never_costs_the_payment() {
    use Field::{Absent, Refused};
    // SHA-256 of `mary@example.com`, vector 8 of reference/meta-capi.md 3.8.
    let mary = r#"{"em":["f1904cf1a9d73a55fa5de0ac823c4403ded71afd4c3248d00bdcd0866552bb79"]}"#;
    holds(
        "user_data",
        &[
            (r#"{"email":"Mary@example.com"}"#, kept(mary), &[]),
            (mary, kept(mary), &[]),
            ("", Absent, &[]),
            ("null", Absent, &[]),
            ("{}", Absent, &[]),
            (r#"{"email":""}"#, Absent, &[]),
            (r#"{"email":"mary"}"#, Absent, &[Code::UserFieldRefused]),
            (r#"{"emial":"mary@example.com"}"#, Absent, &[Code::UserFieldUnknown]),
            (r#""mary""#, Refused, &[Code::FieldKind]),
            ("[]", Refused, &[Code::FieldKind]),
        ],
    );
    holds(
        "client_ip_address",
        &[
            ("", Absent, &[]),
            (r#""""#, Absent, &[]),
            (r#""10.0.0.1""#, Absent, &[Code::UserFieldRefused]),
            ("5", Absent, &[Code::UserFieldRefused]),
            ("[]", Absent, &[Code::UserFieldRefused]),
        ],
    );
}

#[test]
fn the_page_is_a_web_address() {
    use Field::{Absent, Refused};
    let of = |chars: usize| format!(r#""https://{}""#, "x".repeat(chars - "https://".len()));
    let (limit, beyond) = (of(reader::TEXT_CHARS_MAX), of(reader::TEXT_CHARS_MAX + 1));
    holds(
        "event_source_url",
        &[
            (r#""https://shop.example/?a=1#b""#, kept(r#""https://shop.example/?a=1#b""#), &[]),
            (r#""HTTP://shop.example""#, kept(r#""HTTP://shop.example""#), &[]),
            ("", Absent, &[]),
            ("null", Absent, &[]),
            (r#"" ""#, Absent, &[]),
            (r#""ftp://shop.example""#, Absent, &[Code::EventFieldRefused]),
            (r#""javascript:alert(1)""#, Absent, &[Code::EventFieldRefused]),
            (r#""shop.example""#, Absent, &[Code::EventFieldRefused]),
            (r#""https://""#, Absent, &[Code::EventFieldRefused]),
            (r#""정정정정""#, Absent, &[Code::EventFieldRefused]),
            ("5", Refused, &[Code::FieldKind]),
            (&limit, kept(&limit), &[]),
            (&beyond, Absent, &[Code::EventFieldRefused]),
        ],
    );
}

#[test]
fn the_time_is_rfc_3339_or_unix_seconds() {
    use Field::{Absent, Refused};
    holds(
        "occurred_at",
        &[
            ("1772280000", kept(r#""2026-02-28T12:00:00Z""#), &[]),
            (r#""1772280000.5""#, kept(r#""2026-02-28T12:00:00.5Z""#), &[]),
            (r#""2026-02-28T17:30:00+05:30""#, kept(r#""2026-02-28T12:00:00Z""#), &[]),
            ("", Absent, &[]),
            ("null", Absent, &[]),
            (r#""""#, Absent, &[]),
            ("1772280000000", Refused, &[Code::TimeUnreadable]),
            (r#""2026-02-28""#, Refused, &[Code::TimeUnreadable]),
            ("true", Refused, &[Code::FieldKind]),
        ],
    );
}

#[test]
fn a_body_is_one_object_and_unknown_fields_are_nobodys_business() {
    for text in ["[]", "null", "5", r#""x""#, "true"] {
        assert_eq!(outcome(text, "amount"), (Field::Refused, vec![Code::NotJson]), "{text}");
    }
    holds("platform", &[(r#"{"x":[1]}"#, Field::Absent, &[])]);
}

#[test]
fn everything_wrong_is_said_in_one_pass() {
    let text = r#"{"amount":-1,"type":"SALE","status":"DONE","currency":"Rs","occurred_at":"x",
        "event_data":5}"#;
    let (_, mut codes) = outcome(text, "amount");
    codes.sort_unstable();
    let expected = [
        Code::FieldMissing,
        Code::FieldKind,
        Code::AmountNegative,
        Code::TypeUnknown,
        Code::StatusUnknown,
        Code::TimeUnreadable,
        Code::CurrencyOfPayment,
    ];
    assert_eq!(codes, expected);
}

fn scalar() -> impl Strategy<Value = serde_json::Value> {
    prop_oneof![
        any::<String>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<bool>().prop_map(serde_json::Value::from),
        Just(serde_json::Value::Null),
        Just("somebody@shop.example".into()),
    ]
}

fn event_data() -> impl Strategy<Value = serde_json::Value> {
    let key = prop_oneof![any::<String>(), Just("email".to_owned()), Just("value".to_owned())];
    let tree = scalar().prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            proptest::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    });
    proptest::collection::btree_map(key, tree, 0..5)
        .prop_map(|map| serde_json::Value::Object(map.into_iter().collect()))
}

proptest! {
    #[test]
    fn what_is_stored_is_read_back_as_it_was(
        user in "\\PC{1,20}", id in any::<String>(), units in 0..=i64::MAX / 10, scale in 0_u32..=18,
        email in "[a-z]{1,8}", seconds in proptest::option::of(0_i64..4_000_000_000),
        page in "https://\\PC{1,20}", event_data in event_data(), kinds in (0..9_usize, 0..4_usize),
    ) {
        let mut body = serde_json::json!({
            "user_id": user, "payment_id": id, "amount": "AMOUNT", "event_data": event_data,
            "user_data": {"email": format!("{email}@shop.example"), "country": "in", "name": user},
            "type": PaymentType::ALL[kinds.0].as_str(),
            "status": PaymentStatus::ALL[kinds.1].as_str(),
            "event_source_url": page, "currency": "inr", "client_user_agent": user,
        });
        if let Some(seconds) = seconds {
            body["occurred_at"] = seconds.into();
        }
        let amount = rust_decimal::Decimal::new(units, scale).to_string();
        let text = body.to_string().replacen(r#""AMOUNT""#, &amount, 1);
        let first = read(json::read(text.as_bytes()).unwrap(), received()).value;
        if let Some(first) = first {
            let stored = first.to_stored();
            let again = read(json::read(stored.as_bytes()).unwrap(), received());
            prop_assert!(again.findings.is_empty(), "{stored}: {:?}", again.findings);
            prop_assert_eq!(again.value, Some(first), "{}", stored);
        }
    }
}
