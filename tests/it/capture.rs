//! Captures: what a backend service sends and reads.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::engine::{Engine, KEY, Plan, purchase};

const COMMERCE: &str = include_str!("../corpus/linkrunner/commerce.json");
const PLAIN: &str = include_str!("../corpus/linkrunner/capture.json");

/// Shows LR-3.
#[tokio::test]
async fn the_documents_purchase_reaches_meta_word_for_word() {
    let engine = Engine::start().await;
    engine.sign_up("666").await;
    let answer = engine.capture(COMMERCE).await;
    insta::assert_snapshot!(answer.printed(), @r#"
    201
    {
      "data": {
        "because": null,
        "duplicate": false,
        "events": [
          {
            "dataset": "storefront",
            "event_id": "DEFAULT.ABC",
            "event_name": "Purchase"
          }
        ],
        "findings": [
          {
            "at": "/event_data/value",
            "code": "E210",
            "help": "send the same number twice, unless the event is worth less than the payment",
            "says": "`amount` is 25096 and `event_data.value` is 2000.0; Meta gets 2000.0",
            "severity": "warning"
          }
        ],
        "mapping": "[version]",
        "payment": {
          "amount": 25096,
          "currency": "INR",
          "payment_id": "ABC",
          "status": "PAYMENT_COMPLETED",
          "type": "DEFAULT",
          "user_id": "666"
        },
        "reason": null,
        "recorded": true,
        "verdict": "forward"
      },
      "msg": "Payment captured",
      "status": 201
    }
    "#);
    engine.drain().await;
    let [event] = engine.sandbox.events().try_into().expect("one event");
    // Meta gets event_data.value, not the amount; the page's sample contradicts itself (MX-7).
    let expected = concat!(
        r#""custom_data":{"value":2000.0,"currency":"INR","content_ids":["whshct4mwc"],"#,
        r#""contents":[{"id":"whshct4mwc","quantity":2,"item_price":1000}],"#,
        r#""content_type":"product","num_items":2,"order_id":"order_id_1234"}"#
    );
    assert!(event.raw.contains(expected), "{}", event.raw);
    assert_eq!(event.event_time, crate::engine::BEGINNING);
    // SHA-256 of 919876543210: vector 45 of the golden table (Meta's SDKs).
    let phone = "92b5072176e723878b5e06ff3ca61898e4eb74e8c46642a0f2db800b17364ab0";
    assert!(event.raw.contains(phone), "{}", event.raw);
}

#[tokio::test]
async fn the_documents_plain_payment_is_recorded_and_its_event_is_blocked() {
    let engine = Engine::start().await;
    engine.sign_up("666").await;
    let answer = engine.capture(PLAIN).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.body["data"]["verdict"], "block");
    assert_eq!(answer.body["data"]["recorded"], true);
    let codes = answer.codes();
    // A catalogue Purchase names its products, its type, its count and its order.
    for code in ["E201", "E204", "E206", "E208"] {
        assert!(codes.contains(&code), "{code} in {codes:?}");
    }
    engine.drain().await;
    assert_eq!(engine.sandbox.received(), 0);
}

/// Shows LR-6, LR-7, LR-14.
#[tokio::test]
async fn a_repetition_answers_201_with_the_first_record_and_names_what_it_ignored() {
    let engine = Engine::start().await;
    engine.sign_up("666").await;
    let first = engine.capture(COMMERCE).await;
    let again = engine.capture(COMMERCE).await;
    assert_eq!(again.status, 201);
    assert_eq!(again.body["data"]["duplicate"], true);
    for key in ["payment", "verdict", "events"] {
        assert_eq!(again.body["data"][key], first.body["data"][key], "{key}");
    }
    let other = COMMERCE.replace("25096", "99").replace(r#""666""#, r#""667""#);
    engine.sign_up("667").await;
    let different = engine.capture(&other).await;
    assert_eq!(different.body["data"]["payment"], first.body["data"]["payment"]);
    let findings = different.body["data"]["findings"].to_string();
    assert!(findings.contains("`amount` is recorded as 25096; 99 was ignored"), "{findings}");
    assert!(findings.contains("recorded for another user"), "{findings}");
    let books = engine.drain().await;
    assert_eq!((books.recorded, books.delivered), (1, 1));
}

/// Shows LR-8, LR-9, LR-11, LR-12.
#[tokio::test]
async fn the_key_is_the_pair_of_type_and_id() {
    let engine = Engine::start().await;
    engine.sign_up("666").await;
    for (body, duplicate) in [
        (r#"{"user_id":"666","payment_id":"1","amount":1}"#, false),
        // LR-9: DEFAULT is what an absent type means. LR-12: a number is its digits.
        (r#"{"user_id":"666","payment_id":1,"amount":1,"type":"DEFAULT"}"#, true),
        (r#"{"user_id":"666","payment_id":" 1 ","amount":1,"type":null}"#, true),
        (r#"{"user_id":"666","payment_id":"1","amount":1,"type":"DEFAULT_PAYMENT"}"#, true),
        (r#"{"user_id":"666","payment_id":"1","amount":1,"type":"ONE_TIME"}"#, false),
        // LR-11: without an id every capture is a payment of its own.
        (r#"{"user_id":"666","amount":1}"#, false),
        (r#"{"user_id":"666","payment_id":"","amount":1}"#, false),
        (r#"{"user_id":"666","payment_id":null,"amount":1}"#, false),
    ] {
        let answer = engine.capture(body).await;
        assert_eq!(answer.status, 201, "{body}");
        assert_eq!(answer.body["data"]["duplicate"], duplicate, "{body}");
    }
    assert_eq!(engine.books().await.recorded, 5);
}

/// Shows LR-10.
#[tokio::test]
async fn concurrent_equal_captures_give_one_record_and_one_event() {
    let engine = Engine::start().await;
    engine.sign_up("666").await;
    let body = purchase("666", "race");
    let answers = futures(64, || engine.capture(&body)).await;
    assert!(answers.iter().all(|answer| answer.status == 201));
    let new = answers.iter().filter(|answer| answer.body["data"]["duplicate"] == false).count();
    assert_eq!(new, 1, "exactly one of them was the first");
    let books = engine.drain().await;
    assert_eq!((books.recorded, books.delivered), (1, 1));
    assert_eq!(engine.arrived(), ["DEFAULT.race"]);
}

/// Shows LR-16.
#[tokio::test]
async fn a_payment_before_its_signup_is_held_and_released_with_its_own_time() {
    let engine = Engine::start().await;
    let held = engine.capture(&purchase("late", "early-1")).await;
    insta::assert_snapshot!(held.printed(), @r#"
    201
    {
      "data": {
        "because": "the user is not known yet; the payment waits for the signup",
        "duplicate": false,
        "events": [],
        "findings": [],
        "mapping": "[version]",
        "payment": {
          "amount": 10.5,
          "currency": "INR",
          "payment_id": "early-1",
          "status": "PAYMENT_COMPLETED",
          "type": "DEFAULT",
          "user_id": "late"
        },
        "reason": "user_not_known",
        "recorded": false,
        "verdict": "hold"
      },
      "msg": "Payment held: its user is not known yet",
      "status": 201
    }
    "#);
    engine.capture(&purchase("late", "early-1")).await;
    assert_eq!(engine.books().await.held, 1, "an equal payment waits once");
    // Another payment under the key of one that waits: the answer shows the one that waits.
    let other = engine.capture(&purchase("late", "early-1").replace("10.5", "99")).await;
    assert_eq!(other.body["data"]["payment"]["amount"], 10.5);
    assert!(other.codes().contains(&"P202"), "{}", other.body);
    engine.clock.advance(std::time::Duration::from_hours(1));
    assert_eq!(engine.drain().await.recorded, 0);
    let signed_up = engine.sign_up("late").await;
    assert_eq!(signed_up.body["data"]["released"][0]["verdict"], "forward");
    let books = engine.drain().await;
    assert_eq!((books.held, books.recorded, books.delivered), (0, 1, 1));
    let [event] = engine.sandbox.events().try_into().expect("one event");
    assert_eq!(event.event_time, crate::engine::BEGINNING, "the time of the payment");
    // The key was not used up by waiting, and is now.
    let again = engine.purchase("late", "early-1").await;
    assert_eq!(again.body["data"]["duplicate"], true);
}

#[tokio::test]
async fn a_payment_that_waits_beside_one_of_another_user_says_so() {
    let engine = Engine::start().await;
    let first = engine.capture(&purchase("one", "SAME")).await;
    assert_eq!(first.body["data"]["findings"], json!([]));
    let second = engine.capture(&purchase("two", "SAME")).await;
    let said = &second.body["data"]["findings"][0];
    assert_eq!((&said["code"], &said["at"]), (&json!("P202"), &json!("/user_id")), "{said}");
    // And so does the story of each, as long as it waits, and what becomes of it.
    let stories = async || engine.admin("/admin/v1/payments/SAME").await.body["payments"].take();
    let because = |story: &Value| story["because"].as_str().unwrap_or_default().to_owned();
    for story in stories().await.as_array().expect("a list") {
        assert!(because(story).contains("whoever signs up first gets it"), "{story}");
    }
    engine.sign_up("two").await;
    for story in stories().await.as_array().expect("a list") {
        let (is_held, because) = (story["state"] == "held", because(story));
        assert_eq!(because.contains("it is a repetition"), is_held, "{story}");
        assert_eq!(because.is_empty(), !is_held, "{story}");
    }
    let loser = engine.post("/api/v1/signup", r#"{"user_data":{"id":"one"}}"#).await;
    let released = &loser.body["data"]["released"][0];
    assert_eq!(released["duplicate"], true, "{released}");
    assert!(released["findings"].to_string().contains("P202"), "{released}");
}

#[tokio::test]
async fn what_was_found_while_reading_stays_with_a_held_payment() {
    let engine = Engine::start().await;
    let body = purchase("late", "early").replace(r#""amount":10.5"#, r#""amount":"10.5""#);
    let held = engine.capture(&body).await;
    assert_eq!(held.codes(), ["P201"]);
    let signed_up = engine.sign_up("late").await;
    let findings = signed_up.body["data"]["released"][0]["findings"].to_string();
    assert!(findings.contains("P201"), "{findings}");
    let story = engine.admin("/admin/v1/payments/early").await;
    assert!(story.body.to_string().contains("P201"), "{}", story.body);
}

#[tokio::test]
async fn a_payment_racing_its_own_signup_ends_recorded_once() {
    let engine = Engine::start().await;
    for round in 0..30 {
        let (user, payment) = (format!("user-{round}"), format!("racing-{round}"));
        let body = purchase(&user, &payment);
        let (captured, _) = tokio::join!(engine.capture(&body), engine.sign_up(&user));
        assert_eq!(captured.status, 201);
    }
    let books = engine.drain().await;
    assert_eq!((books.held, books.recorded, books.delivered), (0, 30, 30));
    let arrived = engine.arrived();
    assert_eq!(arrived.iter().collect::<HashSet<_>>().len(), arrived.len());
}

#[tokio::test]
async fn a_payment_waits_for_its_user_as_long_as_configured_and_no_longer() {
    let engine = Plan::default().project("hold_days = 2").start().await;
    engine.capture(&purchase("slow", "p1")).await;
    engine.clock.advance(std::time::Duration::from_hours(48));
    let signed_up = engine.sign_up("slow").await;
    assert_eq!(signed_up.body["data"]["released"], serde_json::json!([]));
    let story = engine.admin("/admin/v1/payments/p1").await;
    assert_eq!(story.body["payments"][0]["state"], "expired", "{}", story.body);
}

#[tokio::test]
async fn a_large_body_sent_twice_costs_no_more_than_its_size() {
    let engine = Engine::start().await;
    engine.sign_up("666").await;
    let fields: Vec<String> = (0..60_000).map(|key| format!(r#""k{key:05}":1"#)).collect();
    let body = format!(
        r#"{{"user_id":"666","payment_id":"large","amount":1,"event_data":{{{}}}}}"#,
        fields.join(",")
    );
    // Quadratic in the number of keys this took minutes; the client gives up after thirty seconds.
    for duplicate in [false, true] {
        let answer = engine.capture(&body).await;
        assert_eq!(answer.body["data"]["duplicate"], duplicate);
    }
}

#[tokio::test]
async fn where_everybody_counts_nobody_has_to_sign_up() {
    let engine = Plan::default().project(r#"users = "open""#).start().await;
    let answer = engine.purchase("stranger", "p1").await;
    assert_eq!(answer.body["data"]["verdict"], "forward");
    engine.drain().await;
    assert_eq!(engine.arrived(), ["DEFAULT.p1"]);
}

/// Shows LR-1.
#[tokio::test]
async fn keys_are_asked_for_before_anything_is_read() {
    let engine = Engine::start().await;
    for (headers, message) in [
        (&[][..], "Server key missing!"),
        (&[("linkrunner-key", "")][..], "Server key missing!"),
        (&[("linkrunner-key", "  ")][..], "Server key missing!"),
        (&[("linkrunner-key", "wrong")][..], "Server key invalid!"),
        (&[("authorization", "Bearer story-server-key")][..], "Server key missing!"),
    ] {
        for path in ["/api/v1/capture-payment", "/api/v1/remove-payment", "/api/v1/signup"] {
            let answer = engine.post_with(path, "not json", headers).await;
            assert_eq!(
                (answer.status, answer.body["msg"].as_str()),
                (401, Some(message)),
                "{path}"
            );
            assert_eq!(answer.body["status"], 401);
        }
    }
    let answer = engine.post_with("/api/v1/signup", "{}", &[("LINKRUNNER-KEY", KEY)]).await;
    assert_eq!(answer.status, 400, "header names have no case");
}

/// Shows LR-12, LR-18, LR-19, LR-23, LR-26, LR-30.
#[tokio::test]
async fn bad_bodies_are_4xx_that_name_the_field_and_store_nothing() {
    let engine = Engine::start().await;
    engine.sign_up("666").await;
    let long = "x".repeat(257);
    for (body, says) in [
        ("", "not JSON"),
        ("not json", "not JSON"),
        ("[]", "must be a JSON object"),
        ("\"text\"", "must be a JSON object"),
        ("{\"user_id\":", "not JSON"),
        ("{}", "user_id is required"),
        (r#"{"user_id":"666"}"#, "amount is required"),
        (r#"{"user_id":"","amount":1}"#, "user_id is required"),
        (r#"{"user_id":["666"],"amount":1}"#, "user_id must be text"),
        (r#"{"user_id":"666","amount":"₹250"}"#, "amount is not a plain number"),
        (r#"{"user_id":"666","amount":"1,000"}"#, "amount is not a plain number"),
        (r#"{"user_id":"666","amount":-5}"#, "amount must not be negative"),
        (r#"{"user_id":"666","amount":1e400}"#, "more than 18 digits"),
        (r#"{"user_id":"666","amount":true}"#, "amount must be a number"),
        (r#"{"user_id":"666","amount":1,"type":"SALE"}"#, "payment types"),
        (r#"{"user_id":"666","amount":1,"status":"PAID"}"#, "payment statuses"),
        (r#"{"user_id":"666","amount":1,"event_data":[]}"#, "event_data must be an object"),
        (r#"{"user_id":"666","amount":1,"event_data":"{}"}"#, "event_data must be an object"),
        (r#"{"user_id":"666","amount":1,"currency":"rupees"}"#, "currency is not an ISO 4217"),
        (r#"{"user_id":"666","amount":1,"payment_id":{}}"#, "payment_id must be text"),
        (r#"{"user_id":"666","amount":1,"occurred_at":"yesterday"}"#, "occurred_at"),
        (r#"{"user_id":"666","amount":1,"amount":2}"#, "stands twice"),
        (r#"{"user_id":"\ud800","amount":1}"#, "not JSON"),
        (r#"{"user_id":"\udc00\ud800","amount":1}"#, "not JSON"),
        (r#"{"user_id":"666","amount":1,"event_data":{"\ud83d":1}}"#, "not JSON"),
        ("\u{feff}{}", "not JSON"),
        ("{\"user_id\":\"6\u{0}6\",\"amount\":1}", "not JSON"),
        (r#"{"user_id":"666","amount":9007199254740993e10}"#, "more than 18 digits"),
        (&format!(r#"{{"user_id":"{long}","amount":1}}"#), "more than 256 characters"),
        (&format!(r#"{{"user_id":"666","amount":{}"#, "[".repeat(100_000)), "not JSON"),
    ] {
        let answer = engine.capture(body).await;
        let shown: String = body.chars().take(60).collect();
        assert_eq!(answer.status, 400, "{shown}");
        let message = answer.body["msg"].as_str().unwrap_or_default();
        assert!(message.contains(says), "{shown}: {message}");
        assert!(!answer.codes().is_empty(), "{shown}: {}", answer.body);
    }
    let huge =
        format!(r#"{{"user_id":"666","amount":1,"event_data":{{"x":"{}"}}}}"#, "y".repeat(1 << 20));
    let answer = engine.capture(&huge).await;
    assert_eq!((answer.status, answer.body["status"].as_u64()), (413, Some(413)));
    assert_eq!(engine.books().await.recorded, 0);
    let answer = engine.capture(r#"{"user_id":"666","amount":1}"#).await;
    assert_eq!(answer.status, 201, "and the next one is served");
}

#[tokio::test]
async fn a_broken_event_data_never_loses_the_payment() {
    let engine = Engine::start().await;
    engine.sign_up("666").await;
    let body = r#"{"user_id":"666","payment_id":"P","amount":5,
        "event_data":{"contents":"sku1","value":"five","currency":"Rs","num_items":[]}}"#;
    let answer = engine.capture(body).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.body["data"]["verdict"], "block");
    assert_eq!(engine.books().await.recorded, 1);
}

/// Shows LR-30.
#[tokio::test]
async fn wrong_paths_and_methods_are_told_so_in_the_envelope() {
    let engine = Engine::start().await;
    for (method, path, status) in [
        ("GET", "/api/v1/capture-payment", 405),
        ("DELETE", "/api/v1/remove-payment", 405),
        ("POST", "/api/v1/capture", 404),
        ("GET", "/", 404),
        ("POST", "/health/live", 405),
    ] {
        let response = engine.request(method, path).send().await.expect("an answer");
        let answer = crate::engine::Answer::of(response).await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(answer.body["status"], status, "{method} {path}");
    }
    for path in ["/health/live", "/health/ready"] {
        let response = engine.request("GET", path).send().await.expect("an answer");
        assert_eq!(response.status(), 200, "{path}");
    }
}

/// Shows LR-39.
#[tokio::test]
async fn a_key_that_calls_too_often_is_told_when_to_come_back() {
    let engine = Plan::default().project("max_requests_per_second = 3").start().await;
    let body = r#"{"user_id":"1","amount":1}"#;
    for _ in 0..3 {
        assert_eq!(engine.capture(body).await.status, 201);
    }
    let answer = engine.capture(body).await;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.body["msg"], "Rate limit exceeded. Please try again later.");
    assert_eq!(answer.headers.get("retry-after").and_then(|v| v.to_str().ok()), Some("1"));
    engine.clock.advance(std::time::Duration::from_secs(1));
    assert_eq!(engine.capture(body).await.status, 201);
}

/// Runs `count` equal requests at once.
async fn futures<F: Future>(count: usize, make: impl Fn() -> F) -> Vec<F::Output> {
    let mut pending: Vec<_> = (0..count).map(|_| Box::pin(make())).collect();
    let mut done = Vec::with_capacity(count);
    std::future::poll_fn(|context| {
        pending.retain_mut(|future| match future.as_mut().poll(context) {
            std::task::Poll::Ready(output) => {
                done.push(output);
                false
            }
            std::task::Poll::Pending => true,
        });
        if pending.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done
}
