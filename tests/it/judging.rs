//! What the engine makes of devices, countries, stores and hostile values, told through the API.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::engine::{Engine, Plan, purchase};

#[tokio::test]
async fn a_signups_device_makes_app_events() {
    let engine = Engine::start().await;
    let signup = r#"{"user_data":{"id":"666","email":"mary@example.com"},"platform":"ANDROID",
        "device_data":{"device":"Pixel 8","device_name":"Mary's phone","system_version":"14",
        "gaid":"38400000-8CF0-11BD-B23E-10B96E40000D","bundle_id":"com.shop","device_ip":"8.8.8.8"}}"#;
    let answer = engine.post("/api/v1/signup", signup).await;
    assert_eq!((answer.status, answer.codes().len()), (200, 0), "{}", answer.body);
    engine.purchase("666", "A").await;
    engine.drain().await;
    let events = engine.sandbox.events();
    let sent: Value = serde_json::from_str(&events[0].raw).expect("JSON");
    assert_eq!(sent["action_source"], "app");
    assert_eq!(sent["app_data"]["advertiser_tracking_enabled"], 1);
    let expected =
        ["a2", "com.shop", "", "", "14", "Pixel 8", "", "", "", "", "", "", "", "", "", ""];
    assert_eq!(sent["app_data"]["extinfo"], json!(expected));
    assert_eq!(sent["user_data"]["madid"], "38400000-8cf0-11bd-b23e-10b96e40000d");
    for left_out in ["8.8.8.8", "phone"] {
        assert!(!events[0].raw.contains(left_out), "{left_out}: {}", events[0].raw);
    }
    // A second signup without a device keeps the first one's.
    engine.sign_up("666").await;
    engine.purchase("666", "B").await;
    engine.drain().await;
    let sent: Value = serde_json::from_str(&engine.sandbox.events()[1].raw).expect("JSON");
    assert_eq!(sent["app_data"]["extinfo"][4], "14");
}

#[tokio::test]
async fn a_national_phone_number_is_completed_with_the_mappings_country() {
    let mapping = include_str!("../../mappings/commerce.toml")
        .replace("[defaults]", "[defaults]\ndefault_country = \"IN\"");
    let engine = Plan::default().mapping(&mapping).start().await;
    let signup = r#"{"user_data":{"id":"666","phone":"098765 43210"}}"#;
    assert_eq!(engine.post("/api/v1/signup", signup).await.status, 200);
    engine.purchase("666", "A").await;
    engine.drain().await;
    let sent: Value = serde_json::from_str(&engine.sandbox.events()[0].raw).expect("JSON");
    // Vector 45 of reference/meta-capi.md 3.8: the digest of 919876543210.
    let digest = "92b5072176e723878b5e06ff3ca61898e4eb74e8c46642a0f2db800b17364ab0";
    assert_eq!(sent["user_data"]["ph"], json!([digest]));
}

#[tokio::test]
async fn an_event_of_a_store_may_be_delivered_for_two_months() {
    let mapping = include_str!("../../mappings/commerce.toml")
        .replace("action_source  = \"app\"", "action_source  = \"physical_store\"");
    let engine = Plan::default().mapping(&mapping).start().await;
    engine.sign_up("666").await;
    let day = 24 * 3_600;
    let old = |days: i64, id: &str| {
        let body = purchase("666", id);
        let time = engine.clock_seconds() - days * day;
        body.replacen('{', &format!(r#"{{"occurred_at":{time},"#), 1)
    };
    let answer = engine.capture(&old(30, "A")).await;
    assert_eq!(answer.body["data"]["verdict"], "forward", "{}", answer.body);
    let answer = engine.capture(&old(63, "B")).await;
    assert_eq!(answer.body["data"]["reason"], "too_old", "{}", answer.body);
    let books = engine.drain().await;
    assert_eq!((books.delivered, books.dead), (1, 0));
}

/// Values that break careless readers, each as one field of an otherwise right purchase.
#[tokio::test]
async fn hostile_values_are_refused_or_found_in_bounded_time() {
    let engine = Engine::start().await;
    engine.sign_up("666").await;
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    let items: Vec<String> =
        (0..10_000).map(|n| format!(r#"{{"id":"{n}","quantity":1,"item_price":1}}"#)).collect();
    let many = format!("[{}]", items.join(","));
    let long = format!(r#""{}""#, "x".repeat(900_000));
    let ids = format!("[{}]", vec![r#""a""#; 200_000].join(","));
    for (key, value) in [
        ("value", deep.as_str()),
        ("contents", &many),
        ("content_ids", &ids),
        ("order_id", &long),
        ("note", &long),
        ("value", "1e400"),
        ("value", "-0.0"),
        ("num_items", "9007199254740993"),
        ("num_items", "18446744073709551616"),
        ("value", "0.000000000000000000000000000001"),
        ("order_id", r#""\ud800""#),
        ("order_id", r#""a\u0000b""#),
        ("content_ids", r#"["\u202e\ufeff"]"#),
        ("contents", r#"[{"id":"\ud800","quantity":1}]"#),
        ("contents", r#"[{"id":"a","quantity":1e18,"item_price":1e18}]"#),
    ] {
        let body = format!(
            r#"{{"user_id":"666","amount":5,"currency":"INR","event_data":{{"{key}":{value}}}}}"#
        );
        let shown: String = body.chars().take(120).collect();
        let started = Instant::now();
        let answer = engine.capture(&body).await;
        assert!(started.elapsed() < Duration::from_secs(10), "bounded time: {shown}");
        let found = !answer.codes().is_empty();
        let refused = (400..500).contains(&answer.status);
        assert!(
            refused || (answer.status == 201 && found),
            "{shown}: {} {}",
            answer.status,
            answer.body
        );
    }
    let books = engine.drain().await;
    assert_eq!((books.dead, books.retrying), (0, 0), "what went out was taken");
    assert_eq!(engine.purchase("666", "after").await.status, 201, "and the next one is served");
}
