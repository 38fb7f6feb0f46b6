//! Webhooks of payment providers: one payment however often and by whom it is told, money that went
//! back, and what is not believed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use std::time::Duration;

use crate::engine::{Answer, BEGINNING, Engine, Plan};

const SECRET: &str = "story-webhook-secret";
const NEXT_SECRET: &str = "story-webhook-secret-2";

fn plan() -> Plan {
    Plan::default().project(
        r#"webhooks = { stripe = [{ env = "HOOK" }, { env = "HOOK2" }], lemonsqueezy = { env = "HOOK" } }"#,
    )
}

fn digest(secret: &str, before: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key");
    mac.update(before.as_bytes());
    mac.update(body.as_bytes());
    const_hex::encode(mac.finalize().into_bytes())
}

/// Posts what Stripe posts, signed at that moment.
async fn post_signed(engine: &Engine, body: &str, secret: &str, at: i64) -> Answer {
    let signature = format!("t={at},v1={}", digest(secret, &format!("{at}."), body));
    engine.post_with("/webhooks/stripe/shop", body, &[("stripe-signature", &signature)]).await
}

async fn stripe(engine: &Engine, kind: &str, object: &Value) -> Answer {
    let event =
        json!({"id": "evt_1", "type": kind, "created": BEGINNING, "data": {"object": object}});
    post_signed(engine, &event.to_string(), SECRET, engine.clock_seconds()).await
}

/// A paid checkout of 10.50 that names its products.
fn checkout(user: &str, intent: &str) -> Value {
    json!({"object": "checkout.session", "id": "cs_1", "mode": "payment", "payment_status": "paid",
        "payment_intent": intent, "invoice": null, "amount_total": 1050, "currency": "inr",
        "customer": "cus_1",
        "customer_details": {"email": "webhook.canary@example.com", "name": "Canaryname Person",
            "phone": "+919876500001", "address": {"country": "IN"}},
        "metadata": {"user_id": user, "content_ids": "sku1"}})
}

const CHECKOUT: &str = "checkout.session.completed";

async fn metric(engine: &Engine, result: &str) -> u64 {
    let page = engine.admin("/metrics").await;
    let page = page.body.as_str().expect("a text").to_owned();
    let of_result = |line: &&str| {
        line.starts_with("tillpost_webhooks_total{")
            && line.contains(&format!(r#"result="{result}""#))
    };
    let counts =
        page.lines().filter(of_result).map(|line| line.rsplit(' ').next().expect("a count"));
    counts.map(|count| count.parse::<u64>().expect("a number")).sum()
}

#[tokio::test]
async fn a_webhook_becomes_an_event_at_meta() {
    let engine = plan().start().await;
    engine.sign_up("666").await;
    let answer = stripe(&engine, CHECKOUT, &checkout("666", "pi_1")).await;
    assert_eq!((answer.status, &answer.body["msg"]), (200, &json!("Payment recorded")));
    assert_eq!(answer.body["data"]["verdict"], "forward", "{}", answer.body);
    engine.drain().await;
    assert_eq!(engine.arrived(), ["DEFAULT.pi_1"]);
    let event = &engine.sandbox.events()[0].raw;
    // printf webhook.canary@example.com | sha256sum
    let hashed = "26173740a4b085f0324660870c19c5386837122eee2a7bcb4327051d82a28a8a";
    assert!(event.contains(hashed), "the address of the checkout goes along: {event}");
    assert!(event.contains(r#""value":10.50"#), "{event}");
    assert!(!event.contains("canary@"), "{event}");
    for file in std::fs::read_dir(engine.folder.path().join("books")).expect("the books") {
        let bytes = std::fs::read(file.expect("a file").path()).expect("bytes");
        for canary in ["webhook.canary@example.com", "9876500001", "Canaryname"] {
            let found = bytes.windows(canary.len()).any(|window| window == canary.as_bytes());
            assert!(!found, "{canary} is on the disk");
        }
    }
}

#[tokio::test]
async fn the_webhook_and_the_backends_own_call_are_one_payment() {
    let engine = plan().start().await;
    engine.sign_up("666").await;
    for round in 0..10 {
        let id = format!("pi_race_{round}");
        let own =
            format!(r#"{{"user_id":"666","payment_id":"{id}","amount":10.5,"currency":"INR"}}"#);
        let told = checkout("666", &id);
        let (first, second, third, fourth) = tokio::join!(
            stripe(&engine, CHECKOUT, &told),
            engine.capture(&own),
            stripe(&engine, CHECKOUT, &told),
            engine.capture(&own),
        );
        let statuses = [first.status, second.status, third.status, fourth.status];
        assert_eq!(statuses, [200, 201, 200, 201]);
        let all = [first, second, third, fourth];
        let new = all.iter().filter(|answer| answer.body["data"]["duplicate"] == false).count();
        assert_eq!(new, 1, "{id}");
    }
    assert_eq!(engine.books().await.recorded, 10);
}

/// The backend's own telling of a payment, under a type that no provider knows.
fn own(id: &str) -> String {
    format!(
        r#"{{"user_id":"666","payment_id":"{id}","type":"FIRST_PAYMENT","amount":10.5,"currency":"INR"}}"#
    )
}

/// An invoice of 10.50, for a subscription of user 666.
fn invoice(id: &str, reason: &str) -> Value {
    json!({"object": "invoice", "id": id, "billing_reason": reason, "amount_paid": 1050,
        "currency": "inr", "customer": "cus_1", "metadata": {},
        "parent": {"subscription_details": {"metadata": {"user_id": "666"}}}})
}

#[tokio::test]
async fn a_payment_that_the_backend_told_with_another_type_is_not_told_again() {
    let engine = plan().start().await;
    engine.sign_up("666").await;
    // A report of an event under the same id is no payment, and hides none.
    let report = r#"{"user_id":"666","event_name":"add_to_cart","event_id":"in_1"}"#;
    assert_eq!(engine.post("/api/v1/capture-event", report).await.status, 201);
    assert_eq!(engine.capture(&own("in_1")).await.body["data"]["duplicate"], false);
    let told = stripe(&engine, "invoice.paid", &invoice("in_1", "subscription_create")).await;
    assert_eq!((told.status, &told.body["msg"]), (200, &json!("Payment recorded before")));
    assert_eq!(told.body["data"]["payment"]["type"], "FIRST_PAYMENT", "the first record");
    let says = &told.body["data"]["findings"];
    let ignored = "`type` is recorded as \"FIRST_PAYMENT\"; \"SUBSCRIPTION_CREATED\" was ignored";
    assert!(says.to_string().contains(&ignored.replace('"', "\\\"")), "{says}");
    assert_eq!(engine.books().await.recorded, 2);
    engine.drain().await;
    let sent = engine.arrived();
    assert!(sent.iter().all(|id| !id.starts_with("SUBSCRIPTION")), "{sent:?}");
}

#[tokio::test]
async fn a_payment_that_the_provider_told_is_not_told_again_by_the_backend() {
    let engine = plan().start().await;
    engine.sign_up("666").await;
    let told = stripe(&engine, "invoice.paid", &invoice("in_1", "subscription_create")).await;
    assert_eq!(told.body["msg"], "Payment recorded");
    let again = engine.capture(&own("in_1")).await;
    assert_eq!((again.status, &again.body["data"]["duplicate"]), (201, &json!(true)));
    assert_eq!(again.body["data"]["payment"]["type"], "SUBSCRIPTION_CREATED", "{}", again.body);
    assert!(again.codes().contains(&"P202"), "{}", again.body);
    // Backends among themselves keep two types of one id apart.
    for (kind, duplicate) in [("ONE_TIME", false), ("RECURRING", false), ("ONE_TIME", true)] {
        let body = own("order-1").replace("FIRST_PAYMENT", kind);
        assert_eq!(engine.capture(&body).await.body["data"]["duplicate"], duplicate, "{kind}");
    }
    assert_eq!(engine.books().await.recorded, 3);
    // Taken back, the id is free for the backend, and not for a late repetition of the webhook.
    let removal = engine.post("/api/v1/remove-payment", r#"{"payment_id":"in_1"}"#).await;
    assert_eq!(removal.body["data"]["deleted"], 1);
    let late = stripe(&engine, "invoice.paid", &invoice("in_1", "subscription_create")).await;
    assert_eq!(late.body["msg"], "This payment was taken back before; it stays so");
    assert_eq!(engine.capture(&own("in_1")).await.body["data"]["duplicate"], false);
    let later = stripe(&engine, "invoice.paid", &invoice("in_1", "subscription_create")).await;
    assert_eq!(later.body["msg"], "Payment recorded before");
}

#[tokio::test]
async fn two_tellings_that_wait_for_their_user_are_one_payment_too() {
    for provider_first in [true, false] {
        let engine = plan().start().await;
        let told = invoice("in_1", "subscription_create");
        let tell = async |first: bool| {
            if first == provider_first {
                stripe(&engine, "invoice.paid", &told).await
            } else {
                engine.capture(&own("in_1")).await
            }
        };
        let (first, second) = (tell(true).await, tell(false).await);
        let kind = if provider_first { "SUBSCRIPTION_CREATED" } else { "FIRST_PAYMENT" };
        for answer in [first, second] {
            assert_eq!(answer.body["data"]["verdict"], "hold", "{}", answer.body);
            assert_eq!(answer.body["data"]["payment"]["type"], kind, "{}", answer.body);
        }
        assert_eq!(engine.books().await.held, 1);
        let signed_up = engine.sign_up("666").await;
        assert_eq!(signed_up.body["data"]["released"].as_array().map(Vec::len), Some(1));
        // What was released remembers who told it.
        let (again, own) = (stripe(&engine, "invoice.paid", &told).await, own("in_1"));
        assert_eq!(again.body["msg"], "Payment recorded before");
        assert_eq!(engine.capture(&own).await.body["data"]["duplicate"], true);
        assert_eq!(engine.books().await.recorded, 1);
    }
}

#[tokio::test]
async fn two_tellings_with_two_types_at_once_are_one_payment() {
    let engine = plan().start().await;
    engine.sign_up("666").await;
    for round in 0..10 {
        let id = format!("in_race_{round}");
        let (own, told) = (own(&id), invoice(&id, "subscription_create"));
        let (one, two, three, four) = tokio::join!(
            stripe(&engine, "invoice.paid", &told),
            engine.capture(&own),
            stripe(&engine, "invoice.payment_succeeded", &told),
            engine.capture(&own),
        );
        let all = [one, two, three, four];
        let new = all.iter().filter(|answer| answer.body["data"]["duplicate"] == false).count();
        assert_eq!(new, 1, "{id}");
        let kinds: Vec<_> =
            all.iter().map(|answer| &answer.body["data"]["payment"]["type"]).collect();
        assert!(kinds.iter().all(|kind| *kind == kinds[0]), "{id}: {kinds:?}");
    }
    assert_eq!(engine.books().await.recorded, 10);
}

#[tokio::test]
async fn a_refund_that_names_no_invoice_finds_it_by_what_paid_it() {
    let engine = plan().start().await;
    engine.sign_up("666").await;
    stripe(&engine, "invoice.paid", &invoice("in_1", "subscription_create")).await;
    let charge = json!({"object": "charge", "id": "ch_1", "amount": 1050, "amount_refunded": 1050,
        "refunded": true, "payment_intent": "pi_1", "metadata": {}});
    let unknown = stripe(&engine, "charge.refunded", &charge).await;
    assert_eq!(unknown.body["msg"], "No payment is known for this refund");
    let paid_by = json!({"object": "invoice_payment", "id": "inpay_1", "invoice": "in_1",
        "payment": {"type": "payment_intent", "payment_intent": "pi_1"}, "status": "paid"});
    for _ in 0..2 {
        assert_eq!(stripe(&engine, "invoice_payment.paid", &paid_by).await.status, 200);
    }
    assert_eq!(metric(&engine, "noted").await, 2);
    let known = stripe(&engine, "charge.refunded", &charge).await;
    assert_eq!(known.body["data"]["deleted"], 1, "{}", known.body);
    assert_eq!(engine.books().await.recorded, 0);
    // An invoice that two intents have paid does not go back with one of them.
    stripe(&engine, "invoice.paid", &invoice("in_2", "subscription_cycle")).await;
    for intent in ["pi_2", "pi_3"] {
        let paid_by = json!({"invoice": "in_2", "payment": {"payment_intent": intent}});
        stripe(&engine, "invoice_payment.paid", &paid_by).await;
    }
    let mut part = charge;
    part["payment_intent"] = json!("pi_2");
    let kept = stripe(&engine, "charge.refunded", &part).await;
    assert_eq!(kept.body["msg"], "No payment is known for this refund");
    assert_eq!(engine.books().await.recorded, 1);
}

#[tokio::test]
async fn a_refund_finds_a_checkout_that_has_an_id_of_the_merchants() {
    let engine = plan().start().await;
    engine.sign_up("666").await;
    let mut session = checkout("666", "pi_1");
    session["metadata"]["transaction_id"] = json!("ORDER-1");
    stripe(&engine, CHECKOUT, &session).await;
    assert_eq!(engine.books().await.recorded, 1);
    let charge = json!({"object": "charge", "id": "ch_1", "amount": 1050, "amount_refunded": 1050,
        "refunded": true, "payment_intent": "pi_1", "metadata": {}});
    let taken_back = stripe(&engine, "charge.refunded", &charge).await;
    assert_eq!(taken_back.body["data"]["deleted"], 1, "{}", taken_back.body);
    assert_eq!(engine.books().await.recorded, 0);
}

#[tokio::test]
async fn a_site_deletes_the_transaction_that_its_provider_told() {
    let engine = plan().project("\nsite_key = { env = \"STORY_SITE\" }").start().await;
    engine.sign_up("666").await;
    stripe(&engine, "invoice.paid", &invoice("in_1", "subscription_create")).await;
    let call = async |method: &str, body: &Value| {
        let request = engine.request(method, "/api/v1/payments");
        let request = request.header("authorization", "Bearer story_site").body(body.to_string());
        Answer::of(request.send().await.expect("an answer")).await
    };
    let paid = json!({"faurya_visitor_id": "666", "transaction_id": "in_1", "amount": 10.5});
    let again = call("POST", &paid).await;
    assert_eq!((again.status, &again.body["code"]), (400, &json!("duplicate_transaction")));
    let deleted = call("DELETE", &json!({"transaction_id": "in_1"})).await;
    assert_eq!((deleted.status, &deleted.body["deleted"]), (200, &json!(1)), "{}", deleted.body);
}

#[tokio::test]
async fn while_the_store_fails_the_provider_is_asked_to_come_again() {
    let engine = plan().start().await;
    engine.sign_up("666").await;
    engine.lose_books().await;
    let charge =
        json!({"object": "charge", "id": "ch_1", "refunded": true, "payment_intent": "pi_1"});
    let paid_by = json!({"invoice": "in_1", "payment": {"payment_intent": "pi_1"}});
    for (kind, object) in [
        (CHECKOUT, checkout("666", "pi_1")),
        ("charge.refunded", charge),
        ("invoice_payment.paid", paid_by),
    ] {
        let answer = stripe(&engine, kind, &object).await;
        assert_eq!((answer.status, &answer.body["status"]), (503, &json!(503)), "{kind}");
        assert!(answer.headers.contains_key("retry-after"), "{kind}");
    }
    let engine = engine.restart(&plan()).await;
    assert_eq!(engine.books().await.recorded, 0, "nothing was promised");
    let again = stripe(&engine, CHECKOUT, &checkout("666", "pi_1")).await;
    assert_eq!(again.body["data"]["duplicate"], false, "{}", again.body);
    engine.drain().await;
    assert_eq!(engine.arrived(), ["DEFAULT.pi_1"]);
}

#[tokio::test]
async fn polar_is_believed_by_its_own_headers() {
    let engine =
        Plan::default().project(r#"webhooks = { polar = { env = "HOOK" } }"#).start().await;
    let order = include_str!("../corpus/webhooks/polar-order.json");
    let send = async |body: &str, id: &str, at: i64| {
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("a key");
        mac.update(format!("{id}.{at}.{body}").as_bytes());
        let signature = format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()));
        let at = at.to_string();
        let headers = [
            ("webhook-id", id),
            ("webhook-timestamp", at.as_str()),
            ("webhook-signature", signature.as_str()),
        ];
        engine.post_with("/webhooks/polar/shop", body, &headers).await
    };
    let now = engine.clock_seconds();
    let mut paid: Value = serde_json::from_str(order).expect("JSON");
    paid["data"]["metadata"] = json!({"user_id": "666", "content_ids": "sku1"});
    let paid = paid.to_string();
    engine.sign_up("666").await;
    for (id, duplicate) in [("msg_1", false), ("msg_1", true), ("msg_2", true)] {
        let answer = send(&paid, id, now).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.body["data"]["duplicate"], duplicate, "{id}");
    }
    assert_eq!(send(&paid, "msg_3", now - 301).await.status, 400);
    let unsigned = engine.post_with("/webhooks/polar/shop", &paid, &[]).await;
    assert_eq!(unsigned.status, 400);
    let unknown = send(r#"{"type":"benefit.created","data":{}}"#, "msg_4", now).await;
    assert_eq!((unknown.status, metric(&engine, "unknown").await), (200, 1));
    let books = engine.drain().await;
    assert_eq!((books.recorded, books.delivered), (1, 1));
    let back = paid
        .replace("order.paid", "order.refunded")
        .replace(r#""status":"paid""#, r#""status":"refunded""#);
    let back = send(&back, "msg_5", now).await;
    assert_eq!(back.body["data"]["deleted"], 1, "{}", back.body);
}

#[tokio::test]
async fn a_subscriptions_checkout_and_its_first_invoice_are_one_payment() {
    let engine = plan().start().await;
    engine.sign_up("666").await;
    let mut session = checkout("666", "pi_1");
    session["mode"] = json!("subscription");
    session["invoice"] = json!("in_1");
    session["payment_intent"] = Value::Null;
    let first = invoice("in_1", "subscription_create");
    let (one, other) =
        tokio::join!(stripe(&engine, CHECKOUT, &session), stripe(&engine, "invoice.paid", &first));
    assert_eq!((one.status, other.status), (200, 200));
    assert_eq!(engine.books().await.recorded, 1);
    let again = stripe(&engine, "invoice.payment_succeeded", &first).await;
    assert_eq!(again.body["data"]["duplicate"], true);
    let renewed = stripe(&engine, "invoice.paid", &invoice("in_2", "subscription_cycle")).await;
    assert_eq!(renewed.body["data"]["payment"]["type"], "SUBSCRIPTION_RENEWED");
    engine.drain().await;
    assert_eq!(engine.arrived(), ["SUBSCRIPTION_CREATED.in_1", "SUBSCRIPTION_RENEWED.in_2"]);
}

#[tokio::test]
async fn a_customer_nobody_knows_is_held_and_released_by_the_signup() {
    let engine = plan().start().await;
    let mut session = checkout("late", "pi_1");
    let held = stripe(&engine, CHECKOUT, &session).await;
    assert_eq!((held.status, &held.body["data"]["verdict"]), (200, &json!("hold")));
    session["metadata"]["user_id"] = Value::Null;
    let guest = stripe(&engine, CHECKOUT, &session).await;
    assert_eq!(guest.body["data"]["payment"]["user_id"], "stripe:cus_1");
    engine.sign_up("late").await;
    engine.drain().await;
    assert_eq!(engine.arrived(), ["DEFAULT.pi_1"]);
    assert_eq!(metric(&engine, "held").await, 2);
}

#[tokio::test]
async fn money_that_went_back_takes_the_payment_along_and_it_stays_gone() {
    let engine = plan().start().await;
    engine.faults(r#"{"faults":[{"do":"token_revoked"}]}"#);
    engine.sign_up("666").await;
    // Another payment meets the bad token first: from then on nothing is under way.
    engine.purchase("666", "other").await;
    engine.until(|_| !engine.sandbox.requests().is_empty()).await;
    while engine.admin("/admin/v1/payments/other").await.body["payments"][0]["deliveries"][0]["attempts"]
        .as_array()
        .is_none_or(Vec::is_empty)
    {
        tokio::task::yield_now().await;
    }
    let paid = checkout("666", "pi_1");
    stripe(&engine, CHECKOUT, &paid).await;
    let charge = |refunded: bool, intent: &str| {
        json!({"object": "charge", "id": "ch_1", "amount": 1050, "amount_refunded": 500,
            "refunded": refunded, "payment_intent": intent, "metadata": {}})
    };
    let part = stripe(&engine, "charge.refunded", &charge(false, "pi_1")).await;
    assert_eq!(part.status, 200);
    assert_eq!(engine.books().await.recorded, 2, "part of the money changes nothing");
    let full = stripe(&engine, "charge.refunded", &charge(true, "pi_1")).await;
    assert_eq!(full.body["data"]["deleted"], 1, "{}", full.body);
    assert_eq!(full.body["data"]["withheld"], 1, "{}", full.body);
    for unknown in ["pi_1", "pi_never"] {
        let answer = stripe(&engine, "charge.refunded", &charge(true, unknown)).await;
        assert_eq!(answer.status, 200, "a refund of nothing is not sent again");
    }
    let late = stripe(&engine, CHECKOUT, &paid).await;
    assert_eq!(late.body["msg"], "This payment was taken back before; it stays so");
    engine.faults(r#"{"faults":[]}"#);
    let books = engine.drain().await;
    assert_eq!((books.recorded, books.removed, books.delivered, books.withheld), (1, 1, 1, 1));
    for (result, count) in
        [("partial_refund", 1), ("taken_back", 1), ("refund_unknown", 2), ("taken_back_before", 1)]
    {
        assert_eq!(metric(&engine, result).await, count, "{result}");
    }
}

#[tokio::test]
async fn what_is_not_signed_is_not_believed() {
    let engine = plan().start().await;
    let event = json!({"type": CHECKOUT, "created": BEGINNING,
        "data": {"object": checkout("666", "pi_1")}})
    .to_string();
    let tampered = event.replace("1050", "9050");
    let path = "/webhooks/stripe/shop";
    let signature =
        format!("t={BEGINNING},v1={}", digest(SECRET, &format!("{BEGINNING}."), &event));
    let signed = [("stripe-signature", signature.as_str())];
    assert_eq!(engine.post_with(path, &tampered, &signed).await.status, 400);
    assert_eq!(engine.post_with(path, &event, &[]).await.status, 400);
    assert_eq!(post_signed(&engine, &event, "another", BEGINNING).await.status, 400);
    assert_eq!(post_signed(&engine, &event, SECRET, BEGINNING - 301).await.status, 400);
    assert_eq!(metric(&engine, "unsigned").await, 4);
    let books = engine.books().await;
    assert_eq!((books.recorded, books.held), (0, 0));
    // Both secrets count while one is replaced, and a recording does not five minutes later.
    for secret in [SECRET, NEXT_SECRET] {
        assert_eq!(post_signed(&engine, &event, secret, BEGINNING).await.status, 200, "{secret}");
    }
    engine.clock.advance(Duration::from_secs(301));
    let replayed = engine.post_with(path, &event, &signed).await;
    assert_eq!(replayed.status, 400);
    assert!(replayed.body["msg"].as_str().is_some_and(|msg| msg.contains("5 minutes")));
}

#[tokio::test]
async fn an_endpoint_that_is_not_set_up_is_not_there() {
    let engine = plan().start().await;
    for path in ["/webhooks/polar/shop", "/webhooks/stripe/other", "/webhooks/paypal/shop"] {
        let answer = engine.post_with(path, "{}", &[]).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.body["status"], 404, "{path}: the envelope");
    }
    let got = engine.request("GET", "/webhooks/stripe/shop").send().await.expect("an answer");
    assert_eq!(got.status().as_u16(), 405);
    let large = " ".repeat(1024 * 1024 + 1);
    assert_eq!(engine.post_with("/webhooks/stripe/shop", &large, &[]).await.status, 413);
}

#[tokio::test]
async fn what_can_never_be_recorded_is_counted_and_not_asked_for_again() {
    let engine = plan().start().await;
    let mut nameless = checkout("666", "pi_1");
    nameless["currency"] = Value::Null;
    let mut huge = checkout("666", "pi_2");
    huge["amount_total"] = json!(i64::MAX);
    let mut free = checkout("666", "pi_3");
    free["amount_total"] = json!(0);
    for (kind, object, result) in [
        ("customer.created", json!({}), "unknown"),
        (CHECKOUT, nameless, "fault"),
        (CHECKOUT, huge, "refused"),
        (CHECKOUT, free, "ignored"),
    ] {
        let answer = stripe(&engine, kind, &object).await;
        assert_eq!(answer.status, 200, "{result}: {}", answer.body);
        assert_eq!(metric(&engine, result).await, 1, "{result}");
        assert!(!answer.body.to_string().contains("canary"), "{}", answer.body);
    }
    let books = engine.books().await;
    assert_eq!((books.recorded, books.held), (0, 0));
}

#[tokio::test]
async fn lemon_squeezy_is_believed_by_its_own_header() {
    let engine = plan().start().await;
    let order = include_str!("../corpus/webhooks/lemonsqueezy-order.json");
    let signature = digest(SECRET, "", order);
    let headers = [("x-signature", signature.as_str())];
    for duplicate in [false, true] {
        let answer = engine.post_with("/webhooks/lemonsqueezy/shop", order, &headers).await;
        assert_eq!(answer.status, 200, "{duplicate}");
        assert_eq!(answer.body["data"]["payment"]["user_id"], "lemonsqueezy:77");
    }
    assert_eq!(engine.books().await.held, 1, "an equal one waits already");
}
