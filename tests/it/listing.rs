//! The list of payments: what a person sees who asks what became of them.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::engine::{Engine, purchase};

async fn list(engine: &Engine, query: &str) -> Value {
    let answer = engine.admin(&format!("/admin/v1/payments?{query}")).await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.body);
    answer.body
}

fn ids(page: &Value) -> Vec<&str> {
    let payments = page["payments"].as_array().expect("a list");
    payments.iter().map(|payment| payment["payment_id"].as_str().expect("an id")).collect()
}

/// Five payments, a second apart: delivered, blocked, skipped, removed, held.
async fn engine_with_five() -> Engine {
    let engine = Engine::start().await;
    engine.sign_up("666").await;
    for (id, body) in [
        ("delivered", purchase("666", "delivered")),
        (
            "blocked",
            r#"{"user_id":"666","payment_id":"blocked","amount":12345678901234567}"#.to_owned(),
        ),
        ("skipped", purchase("666", "skipped").replacen('{', r#"{"status":"PAYMENT_FAILED","#, 1)),
        ("removed", purchase("666", "removed")),
        ("held", purchase("stranger", "held").replacen('{', r#"{"type":"ONE_TIME","#, 1)),
    ] {
        let answer = engine.capture(&body).await;
        assert_eq!(answer.status, 201, "{id}: {}", answer.body);
        engine.clock.advance(Duration::from_secs(1));
    }
    let removed = engine.post("/api/v1/remove-payment", r#"{"payment_id":"removed"}"#).await;
    assert_eq!(removed.status, 200, "{}", removed.body);
    engine.drain().await;
    engine
}

#[tokio::test]
async fn one_list_says_what_became_of_every_payment() {
    let engine = engine_with_five().await;
    let page = list(&engine, "").await;
    assert_eq!(ids(&page), ["held", "removed", "skipped", "blocked", "delivered"]);
    assert_eq!(page["next"], Value::Null);
    let [held, removed, skipped, blocked, delivered] =
        page["payments"].as_array().expect("a list").as_slice()
    else {
        panic!("five: {page}")
    };
    insta::assert_snapshot!(serde_json::to_string_pretty(delivered).expect("JSON"), @r#"
    {
      "amount": 10.5,
      "because": null,
      "currency": "INR",
      "events": [
        {
          "because": null,
          "dataset": "storefront",
          "due_at": null,
          "event_id": "DEFAULT.delivered",
          "event_name": "Purchase",
          "fate": "delivered"
        }
      ],
      "payment_id": "delivered",
      "project": "shop",
      "reason": null,
      "received_at": "2026-02-28T12:00:00Z",
      "state": "recorded",
      "status": "PAYMENT_COMPLETED",
      "type": "DEFAULT",
      "user_id": "666",
      "verdict": "forward"
    }
    "#);
    assert_eq!((&held["verdict"], &held["state"]), (&json!("hold"), &json!("held")));
    assert_eq!((&held["reason"], &held["user_id"]), (&json!("user_not_known"), &json!("stranger")));
    assert_eq!(removed["state"], "removed");
    assert_eq!((&removed["user_id"], &removed["amount"]), (&Value::Null, &Value::Null));
    assert_eq!((&skipped["verdict"], &skipped["reason"]), (&json!("skip"), &json!("status")));
    assert_eq!(skipped["status"], "PAYMENT_FAILED");
    assert_eq!((&blocked["verdict"], &blocked["events"]), (&json!("block"), &json!([])));
    // More digits than a float has.
    assert_eq!(blocked["amount"].as_u64(), Some(12_345_678_901_234_567), "{blocked}");
}

#[tokio::test]
async fn each_filter_finds_what_it_names_and_wrong_ones_are_named() {
    let engine = engine_with_five().await;
    let second = |number: i64| crate::engine::BEGINNING + number;
    for (query, expected) in [
        ("payment_id=blocked", vec!["blocked"]),
        ("payment_id=removed", vec!["removed"]),
        ("payment_id=held&user_id=666", vec![]),
        ("type=ONE_TIME", vec!["held"]),
        ("user_id=666", vec!["skipped", "blocked", "delivered"]),
        ("user_id=stranger", vec!["held"]),
        ("verdict=hold", vec!["held"]),
        ("verdict=forward&user_id=666", vec!["delivered"]),
        ("status=PAYMENT_FAILED", vec!["skipped"]),
        (&format!("since={}", second(3)), vec!["held", "removed"]),
        (&format!("until={}", second(1)), vec!["delivered"]),
        (&format!("since={}&until={}", second(1), second(3)), vec!["skipped", "blocked"]),
        ("payment_id=nothing", vec![]),
    ] {
        assert_eq!(ids(&list(&engine, query).await), expected, "{query}");
    }
    let answer = engine.admin("/admin/v1/payments?typ=DEFAULT&limit=1000").await;
    assert_eq!((answer.status, &answer.body["status"]), (400, &json!(400)));
    let says = answer.body["msg"].as_str().expect("a text");
    assert!(says.contains("did you mean `type`?") && says.contains("from 1 to 500"), "{says}");
}

#[tokio::test]
async fn pages_stay_true_while_payments_arrive_and_are_removed_and_released() {
    let engine = Engine::start().await;
    engine.sign_up("666").await;
    for number in 0..20 {
        // All of one moment, then some of another: ties have an order as well.
        let user = if number % 4 == 0 { "late" } else { "666" };
        engine.capture(&purchase(user, &format!("p{number}"))).await;
        if number % 5 == 0 {
            engine.clock.advance(Duration::from_millis(1));
        }
    }
    let expected: BTreeSet<String> = (0..20).map(|number| format!("p{number}")).collect();
    let mut seen: Vec<String> = Vec::new();
    let mut cursor = String::new();
    for round in 0.. {
        let page = list(&engine, &format!("limit=3&cursor={cursor}")).await;
        seen.extend(ids(&page).into_iter().map(str::to_owned));
        let Some(next) = page["next"].as_str() else { break };
        next.clone_into(&mut cursor);
        engine.clock.advance(Duration::from_millis(1));
        engine.purchase("666", &format!("new-{round}")).await;
        if round == 2 {
            engine.post("/api/v1/remove-payment", r#"{"payment_id":"p1"}"#).await;
            engine.post("/api/v1/remove-payment", r#"{"payment_id":"p19"}"#).await;
        }
    }
    assert_eq!(seen.len(), 20, "each once: {seen:?}");
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), expected);
    // Whoever signs up later does not change the order.
    let before = list(&engine, "limit=500").await;
    engine.sign_up("late").await;
    assert_eq!(ids(&list(&engine, "limit=500").await).len(), ids(&before).len());
}

#[tokio::test]
async fn a_payment_is_found_by_the_id_of_its_event() {
    let engine = Engine::start().await;
    engine.sign_up("666").await;
    engine.purchase("666", "p1").await;
    let own = purchase("666", "p2").replace(r#""value""#, r#""event_id":"browser-\"7","value""#);
    engine.capture(&own).await;
    let answer = engine.admin("/admin/v1/payments/DEFAULT.p1").await;
    assert_eq!(answer.body["payments"][0]["payment_id"], "p1", "{}", answer.body);
    assert_eq!(engine.admin("/admin/v1/payments/ONE_TIME.p1").await.status, 404);
    let books = engine.folder.path().join("books/tillpost.db");
    let now = tillpost::core::time::Timestamp::from_seconds(engine.clock_seconds());
    for (event, payment) in
        [("DEFAULT.p1", Some("p1")), ("browser-\"7", Some("p2")), ("browser-", None)]
    {
        let stories = tillpost::store::stories_of_event(&books, event, now).expect("stories");
        let found = stories.first().and_then(|story| story.payment_id.as_deref());
        assert_eq!(found, payment, "{event}");
    }
}
