//! Tables: the providers' sample objects, changed in one place, and what each must mean.
//!
//! Expected amounts are computed by hand from the providers' pages; whatever a capture says is read
//! again by the reader of captures, so that no body is made which it would refuse.

use serde_json::{Value, json};

use super::*;
use crate::core::payment;
use crate::core::time::Timestamp;

const FIXTURES: &str = include_str!("../../../tests/corpus/webhooks/stripe-fixtures.json");
const ORDER: &str = include_str!("../../../tests/corpus/webhooks/lemonsqueezy-order.json");
const INVOICE: &str = include_str!("../../../tests/corpus/webhooks/lemonsqueezy-invoice.json");
const POLAR: &str = include_str!("../../../tests/corpus/webhooks/polar-order.json");

/// What is changed in an object: a pointer, and what stands there then.
type Changes<'c> = &'c [(&'c str, Value)];

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

fn changed(mut value: Value, changes: Changes<'_>) -> Value {
    for (pointer, new) in changes {
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
        let parent = value.pointer_mut(parent).unwrap_or_else(|| panic!("no {pointer}"));
        if parent.is_null() {
            *parent = json!({});
        }
        parent[key] = new.clone();
    }
    value
}

fn stripe(kind: &str, resource: &str, changes: Changes<'_>) -> Meaning {
    let fixtures = parsed(FIXTURES);
    let object = changed(fixtures["resources"][resource].clone(), changes);
    let event = changed(
        fixtures["resources"]["event"].clone(),
        &[("/type", json!(kind)), ("/data/object", object), ("/created", json!(1_772_279_940))],
    );
    read(Provider::Stripe, event.to_string().as_bytes())
}

fn lemon(text: &str, changes: Changes<'_>) -> Meaning {
    read(Provider::LemonSqueezy, changed(parsed(text), changes).to_string().as_bytes())
}

fn polar(changes: Changes<'_>) -> Meaning {
    read(Provider::Polar, changed(parsed(POLAR), changes).to_string().as_bytes())
}

/// The body of a capture, after the reader of captures has taken it without an error.
fn body(meaning: Meaning) -> Value {
    let Meaning::Capture(capture) = meaning else { panic!("no capture: {meaning:?}") };
    let json = json::read(capture.body.as_bytes()).expect("JSON");
    let reading = payment::read(json, Timestamp::from_seconds(1_772_280_000));
    assert!(reading.findings.is_empty(), "{:?} in {}", reading.findings, capture.body);
    let payment = reading.value.expect("a payment");
    let id = payment.payment_id.expect("an id");
    assert_eq!(id.as_str(), capture.payment_id);
    parsed(&capture.body)
}

/// Type, transaction id, user, amount as written, currency.
fn key(meaning: Meaning) -> (String, String, String, String, String) {
    let Meaning::Capture(capture) = meaning.clone() else { panic!("no capture: {meaning:?}") };
    let amount = capture.body.split(r#""amount":"#).nth(1).expect("an amount");
    let amount = amount.split(',').next().expect("its end").to_owned();
    let body = body(meaning);
    let text = |key: &str| body[key].as_str().expect(key).to_owned();
    (text("type"), text("payment_id"), text("user_id"), amount, text("currency"))
}

fn expect(meaning: Meaning, expected: [&str; 5]) {
    let found = format!("{meaning:?}");
    let [payment_type, id, user, amount, currency] = expected.map(str::to_owned);
    assert_eq!(key(meaning), (payment_type, id, user, amount, currency), "{found}");
}

/// A paid checkout of 10.99.
fn checkout(changes: Changes<'_>) -> Meaning {
    let paid = [
        ("/payment_status", json!("paid")),
        ("/amount_total", json!(1099)),
        ("/currency", json!("usd")),
    ];
    let all: Vec<_> = paid.into_iter().chain(changes.iter().cloned()).collect();
    stripe("checkout.session.completed", "checkout.session", &all)
}

const INTENT: &str = "pi_1PgafyB7WZ01zgkWSjxsAJo3";
const SESSION: &str = "cs_test_a1YS1URlnyQCN5fUUduORoQ7Pw41PJqDWkIVQCpJPqkfIhd6tVY8XB1OLY";

#[test]
fn a_checkout_is_one_payment_under_the_id_that_others_know() {
    let meta = |value: Value| ("/metadata", value);
    let guest = format!("stripe:{INTENT}");
    expect(checkout(&[]), ["DEFAULT", INTENT, &guest, "10.99", "USD"]);
    expect(
        checkout(&[("/client_reference_id", json!("u9")), ("/customer", json!("cus_1"))]),
        ["DEFAULT", INTENT, "u9", "10.99", "USD"],
    );
    expect(
        checkout(&[
            ("/customer", json!({"id": "cus_1"})),
            ("/payment_intent", json!({"id": "pi_2"})),
        ]),
        ["DEFAULT", "pi_2", "stripe:cus_1", "10.99", "USD"],
    );
    expect(
        checkout(&[
            meta(
                json!({"user_id": " 666 ", "transaction_id": "order-7", "payment_type": "FIRST_PAYMENT"}),
            ),
            ("/client_reference_id", json!("u9")),
        ]),
        ["FIRST_PAYMENT", "order-7", "666", "10.99", "USD"],
    );
    // Unknown types, blank ids and ids that are too long are passed over.
    expect(
        checkout(&[
            meta(
                json!({"user_id": "x".repeat(257), "transaction_id": " ", "payment_type": "SALE"}),
            ),
            ("/client_reference_id", json!("u9")),
        ]),
        ["DEFAULT", INTENT, "u9", "10.99", "USD"],
    );
    expect(
        checkout(&[meta(json!({"faurya_visitor_id": "v1"})), ("/payment_intent", Value::Null)]),
        ["DEFAULT", SESSION, "v1", "10.99", "USD"],
    );
    // A subscription's checkout and any that makes an invoice go by the invoice alone.
    let named =
        meta(json!({"transaction_id": "order-7", "payment_type": "ONE_TIME", "user_id": "666"}));
    for (mode, payment_type) in [("subscription", "SUBSCRIPTION_CREATED"), ("payment", "DEFAULT")] {
        let changes = [("/mode", json!(mode)), ("/invoice", json!("in_1")), named.clone()];
        expect(checkout(&changes), [payment_type, "in_1", "666", "10.99", "USD"]);
    }
}

#[test]
fn what_is_no_payment_says_why() {
    let ignored = |meaning: Meaning| matches!(meaning, Meaning::Ignored(_));
    for (changes, expected) in [
        (vec![("/payment_status", json!("unpaid"))], "not paid"),
        (vec![("/payment_status", json!("no_payment_required"))], "nothing was due"),
        (vec![("/mode", json!("subscription"))], "no invoice"),
        (vec![("/amount_total", json!(0))], "no money"),
    ] {
        let meaning = checkout(&changes);
        assert!(matches!(meaning, Meaning::Ignored(why) if why.contains(expected)), "{meaning:?}");
    }
    for changes in [
        vec![("/amount_total", Value::Null)],
        vec![("/amount_total", json!(10.5))],
        vec![("/amount_total", json!("1099"))],
        vec![("/currency", Value::Null)],
        vec![("/currency", json!("xyz"))],
    ] {
        assert!(matches!(checkout(&changes), Meaning::Fault(_)), "{changes:?}");
    }
    assert!(ignored(stripe("payment_intent.succeeded", "payment_intent", &[])));
    assert_eq!(stripe("plan.created", "customer", &[]), Meaning::Unknown);
    for (provider, text) in [
        (Provider::Stripe, "{}"),
        (Provider::Stripe, "[]"),
        (Provider::Stripe, "not JSON"),
        (Provider::Stripe, r#"{"type":"invoice.paid"}"#),
        (Provider::Stripe, r#"{"type":"invoice.paid","data":{"object":{}}}"#),
        (Provider::LemonSqueezy, r#"{"meta":{"event_name":"order_created"}}"#),
        (Provider::LemonSqueezy, r#"{"event_name":"order_created"}"#),
        (Provider::Polar, r#"{"type":"order.paid","data":{}}"#),
        (Provider::Polar, r#"{"type":"order.paid"}"#),
    ] {
        let meaning = read(provider, text.as_bytes());
        assert!(matches!(meaning, Meaning::Fault(_)), "{provider} {text}: {meaning:?}");
    }
}

#[test]
fn minor_units_become_money_by_the_currency() {
    // Stripe, "Supported currencies": minor units, zero-decimal currencies, special cases.
    for (currency, minor, amount) in [
        ("usd", 1099, "10.99"),
        ("jpy", 500, "500"),
        ("krw", 500, "500"),
        ("mga", 500, "500"),
        ("kwd", 5120, "5.120"),
        ("isk", 500, "5.00"),
        ("ugx", 500, "5.00"),
        ("huf", 1045, "10.45"),
        ("twd", 80045, "800.45"),
        ("inr", 1, "0.01"),
    ] {
        let changes = [("/currency", json!(currency)), ("/amount_total", json!(minor))];
        assert_eq!(key(checkout(&changes)).3, amount, "Stripe: {minor} {currency}");
    }
    // ISO 4217, list one.
    for (currency, minor, amount) in
        [("USD", 1199, "11.99"), ("JPY", 500, "500"), ("ISK", 5, "5"), ("KWD", 5120, "5.120")]
    {
        let changes = [
            ("/data/attributes/currency", json!(currency)),
            ("/data/attributes/total", json!(minor)),
        ];
        assert_eq!(key(lemon(ORDER, &changes)).3, amount, "Lemon Squeezy: {minor} {currency}");
    }
}

fn invoice(changes: Changes<'_>) -> Meaning {
    let paid = [
        ("/amount_paid", json!(1000)),
        ("/billing_reason", json!("subscription_create")),
        ("/parent/subscription_details/metadata", json!({"user_id": "666"})),
    ];
    let all: Vec<_> = paid.into_iter().chain(changes.iter().cloned()).collect();
    stripe("invoice.paid", "invoice", &all)
}

const INVOICE_ID: &str = "in_1Pgc6tB7WZ01zgkWu9fdqL6I";

#[test]
fn an_invoice_is_first_renewed_or_neither() {
    for (reason, expected) in [
        ("subscription_create", "SUBSCRIPTION_CREATED"),
        ("subscription_cycle", "SUBSCRIPTION_RENEWED"),
        ("subscription_update", "DEFAULT"),
        ("manual", "DEFAULT"),
    ] {
        // What the subscription repeats on each invoice never names one of them.
        let shared = json!({"user_id": "666", "transaction_id": "t1", "payment_type": "ONE_TIME"});
        let changes =
            [("/billing_reason", json!(reason)), ("/parent/subscription_details/metadata", shared)];
        expect(invoice(&changes), [expected, INVOICE_ID, "666", "10.00", "USD"]);
    }
    // Before 2025-03-31 the details stood in the invoice itself.
    let older = [
        ("/parent", Value::Null),
        ("/subscription_details", json!({"metadata": {"user_id": "7"}})),
    ];
    assert_eq!(key(invoice(&older)).2, "7");
    let bare = [("/parent", Value::Null)];
    assert_eq!(key(invoice(&bare)).2, "stripe:cus_QXg1o8vcGmoR32");
    assert!(matches!(invoice(&[("/amount_paid", json!(0))]), Meaning::Ignored(_)), "a trial");
}

#[test]
fn the_lines_of_an_invoice_are_contents_where_they_say_all() {
    let product = ("/lines/data/0/pricing/price_details", json!({"product": "prod_1"}));
    let found = body(invoice(std::slice::from_ref(&product)));
    let expected = json!({"order_id": INVOICE_ID, "content_type": "product", "num_items": 1,
        "content_ids": ["prod_1"],
        "contents": [{"id": "prod_1", "quantity": 1, "item_price": 10.0}]});
    assert_eq!(found["event_data"], expected);
    let two = [product.clone(), ("/lines/data/0/quantity", json!(3))];
    let found = body(invoice(&two));
    let expected = json!([{"id": "prod_1", "quantity": 3}]);
    assert_eq!(found["event_data"]["contents"], expected, "1000 is no multiple of 3");
    let taxed = [product.clone(), ("/amount_paid", json!(1190))];
    let found = body(invoice(&taxed));
    assert_eq!(found["event_data"]["contents"], json!([{"id": "prod_1", "quantity": 1}]));
    let plain = json!({"order_id": INVOICE_ID});
    for change in [
        ("/lines/has_more", json!(true)),
        ("/lines/data/0/amount", json!(-5)),
        ("/lines/data/0/quantity", json!(0)),
        ("/lines/data/0/pricing", Value::Null),
        ("/lines", Value::Null),
    ] {
        let found = body(invoice(&[product.clone(), change.clone()]));
        assert_eq!(found["event_data"], plain, "{change:?}");
    }
    // Near the end of the numbers nothing overflows.
    let huge = [product, ("/lines/data/0/quantity", json!(i64::MAX))];
    let found = body(invoice(&huge));
    assert_eq!(found["event_data"]["num_items"], json!(i64::MAX));
}

#[test]
fn a_person_and_its_browser_go_where_they_are_hashed() {
    let changes = [
        (
            "/customer_details",
            json!({"email": "asha@example.com", "name": "Asha Rao", "phone": "+919876543210",
                "address": {"city": "Pune", "state": "MH", "postal_code": "411001", "country": "IN",
                    "line1": "1 Road"}}),
        ),
        (
            "/metadata",
            json!({"fbp": "fb.1.1772279000000.123456789", "client_ip_address": "203.0.113.9",
                "client_user_agent": "Mozilla/5.0", "event_id": "e-1", "note": "asha@example.com",
                "content_ids": "sku1, sku2,", "event_source_url": "https://shop.example/thanks"}),
        ),
    ];
    let found = body(checkout(&changes));
    let person = json!({"email": "asha@example.com", "name": "Asha Rao",
        "phone": "+919876543210", "city": "Pune", "state": "MH", "zip": "411001", "country": "IN"});
    assert_eq!(found["user_data"], person);
    assert_eq!(found["fbp"], "fb.1.1772279000000.123456789");
    assert_eq!(found["client_ip_address"], "203.0.113.9");
    assert_eq!(found["event_source_url"], "https://shop.example/thanks");
    let expected = json!({"order_id": INTENT, "event_id": "e-1", "content_type": "product",
        "num_items": 2, "content_ids": ["sku1", "sku2"]});
    assert_eq!(found["event_data"], expected, "other metadata stays with the provider");
    // date -u -d @1772279940
    assert_eq!(found["occurred_at"], "2026-02-28T11:59:00Z");
}

#[test]
fn a_payment_intent_counts_where_its_merchant_says_so() {
    let changes = [
        ("/metadata", json!({"tillpost": "capture", "user_id": "666"})),
        ("/amount_received", json!(1099)),
    ];
    let meaning = stripe("payment_intent.succeeded", "payment_intent", &changes);
    expect(meaning, ["DEFAULT", INTENT, "666", "10.99", "USD"]);
}

#[test]
fn a_refund_names_every_id_that_its_payment_may_have() {
    let charge = "ch_1PgafuB7WZ01zgkWXYmPNZs8";
    let full = ("/refunded", json!(true));
    for (changes, expected) in [
        (vec![full.clone()], vec![charge]),
        (vec![full.clone(), ("/payment_intent", json!("pi_1"))], vec!["pi_1", charge]),
        (
            vec![
                full,
                ("/payment_intent", json!("pi_1")),
                ("/invoice", json!("in_1")),
                ("/metadata", json!({"transaction_id": "order-7"})),
            ],
            vec!["order-7", "in_1", "pi_1", charge],
        ),
    ] {
        let expected = Meaning::Refund(expected.into_iter().map(str::to_owned).collect());
        assert_eq!(stripe("charge.refunded", "charge", &changes), expected);
    }
    let part = [("/amount_refunded", json!(40))];
    assert_eq!(stripe("charge.refunded", "charge", &part), Meaning::PartialRefund);
}

#[test]
fn what_pays_an_invoice_is_another_name_of_its_payment() {
    let paid = |invoice: Value, payment: Value| {
        let object = json!({"object": "invoice_payment", "invoice": invoice, "payment": payment});
        let event = json!({"type": "invoice_payment.paid", "data": {"object": object}});
        read(Provider::Stripe, event.to_string().as_bytes())
    };
    let alias = |alias: &str| Meaning::Alias { alias: alias.into(), payment_id: "in_1".into() };
    for (invoice, payment, expected) in [
        (json!("in_1"), json!({"type": "payment_intent", "payment_intent": "pi_1"}), alias("pi_1")),
        (json!({"id": "in_1"}), json!({"payment_intent": {"id": "pi_1"}}), alias("pi_1")),
        (json!("in_1"), json!({"type": "charge", "charge": "ch_1"}), alias("ch_1")),
        (
            json!("in_1"),
            json!({"type": "payment_record", "payment_record": "pr_1"}),
            Meaning::Ignored("the invoice was paid outside of Stripe"),
        ),
        (
            json!(null),
            json!({"payment_intent": "pi_1"}),
            Meaning::Fault("the payment names no invoice"),
        ),
    ] {
        assert_eq!(paid(invoice.clone(), payment.clone()), expected, "{invoice} {payment}");
    }
}

#[test]
fn lemon_squeezys_orders_and_invoices() {
    let order = "104e18a2-d755-4d4b-80c4-a6c1dcbe1c10";
    expect(lemon(ORDER, &[]), ["DEFAULT", order, "lemonsqueezy:77", "11.99", "USD"]);
    let found = body(lemon(ORDER, &[]));
    assert_eq!(found["occurred_at"], "2026-02-28T11:59:00Z");
    assert_eq!(found["user_data"], json!({"email": "asha@example.com", "name": "Asha Rao"}));
    assert_eq!(found["event_data"]["contents"], json!([{"id": "901", "quantity": 1}]), "taxed");
    let untaxed = body(lemon(ORDER, &[("/data/attributes/total", json!(999))]));
    let priced = json!([{"id": "901", "quantity": 1, "item_price": 9.99}]);
    assert_eq!(untaxed["event_data"]["contents"], priced);

    let custom =
        json!({"user_id": 666, "transaction_id": "t1", "payment_type": "SUBSCRIPTION_CREATED"});
    let named = [("/meta/custom_data", custom)];
    expect(lemon(ORDER, &named), ["SUBSCRIPTION_CREATED", "t1", "666", "11.99", "USD"]);
    // Lemon Squeezy repeats custom data with each renewal.
    let renewal = "lemonsqueezy-invoice-88";
    expect(lemon(INVOICE, &named), ["SUBSCRIPTION_RENEWED", renewal, "666", "15.00", "EUR"]);
    let of_reason =
        |reason: &str| lemon(INVOICE, &[("/data/attributes/billing_reason", json!(reason))]);
    assert!(matches!(of_reason("initial"), Meaning::Ignored(_)), "its order tells it");
    assert_eq!(key(of_reason("updated")).0, "DEFAULT");
    let pending = lemon(ORDER, &[("/data/attributes/status", json!("pending"))]);
    assert!(matches!(pending, Meaning::Ignored(_)));

    let event = |name: &str| ("/meta/event_name", json!(name));
    let is_back = ("/data/attributes/refunded", json!(true));
    let back = |minor: i64| ("/data/attributes/refunded_amount", json!(minor));
    let ids = |ids: &[&str]| Meaning::Refund(ids.iter().map(|id| (*id).to_owned()).collect());
    for (text, changes, expected) in [
        (ORDER, vec![event("order_refunded"), is_back.clone(), back(1199)], ids(&[order])),
        (ORDER, vec![event("order_refunded"), is_back.clone(), back(1198)], Meaning::PartialRefund),
        (ORDER, vec![event("order_refunded"), back(1199)], Meaning::PartialRefund),
        (
            ORDER,
            vec![event("order_refunded"), is_back.clone(), back(1199), named[0].clone()],
            ids(&["t1", order]),
        ),
        (
            INVOICE,
            vec![event("subscription_payment_refunded"), is_back, named[0].clone()],
            ids(&[renewal]),
        ),
        (ORDER, vec![event("license_key_created")], Meaning::Unknown),
    ] {
        assert_eq!(lemon(text, &changes), expected, "{changes:?}");
    }
}

#[test]
fn polars_orders() {
    let order = "57107b74-8400-4d80-a2fc-54c2b4239cb3";
    let guest = "polar:992fae2a-2a17-4b7a-8d9e-e287cf90131b";
    expect(polar(&[]), ["DEFAULT", order, guest, "97.20", "USD"]);
    let found = body(polar(&[]));
    assert_eq!(found["occurred_at"], "2026-02-28T11:57:00.123Z");
    let person = json!({"email": "asha@example.com", "name": "Asha Rao", "city": "San Francisco",
        "state": "CA", "zip": "94105", "country": "US"});
    assert_eq!(found["user_data"], person);
    let known = ("/data/customer/external_id", json!("usr_1337"));
    let metadata = json!({"user_id": "666", "transaction_id": "t1", "payment_type": "ONE_TIME"});
    let named = ("/data/metadata", metadata);
    let reason = |reason: &str| ("/data/billing_reason", json!(reason));
    for (changes, expected) in [
        (vec![known.clone()], ["DEFAULT", order, "usr_1337"]),
        (vec![known, named.clone()], ["ONE_TIME", "t1", "666"]),
        (vec![named.clone(), reason("subscription_create")], ["SUBSCRIPTION_CREATED", "t1", "666"]),
        (vec![named.clone(), reason("subscription_cycle")], ["SUBSCRIPTION_RENEWED", order, "666"]),
        (
            vec![named.clone(), reason("subscription_cycle_after_trial")],
            ["SUBSCRIPTION_RENEWED", order, "666"],
        ),
        (vec![named.clone(), reason("subscription_update")], ["DEFAULT", order, "666"]),
    ] {
        let [payment_type, id, user] = expected;
        expect(polar(&changes), [payment_type, id, user, "97.20", "USD"]);
    }
    let event = |name: &str| ("/type", json!(name));
    let status = |status: &str| ("/data/status", json!(status));
    let back = Meaning::Refund(vec!["t1".to_owned(), order.to_owned()]);
    let changes = [event("order.refunded"), status("refunded"), named];
    assert_eq!(polar(&changes), back);
    let changes = [event("order.refunded"), status("partially_refunded")];
    assert_eq!(polar(&changes), Meaning::PartialRefund);
    assert!(matches!(polar(&[event("order.created")]), Meaning::Ignored(_)));
    assert_eq!(polar(&[event("benefit.created")]), Meaning::Unknown);
}
