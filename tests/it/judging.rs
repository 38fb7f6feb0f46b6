//! What the engine makes of devices, countries, stores and hostile values, told through the API.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::engine::{Engine, Plan, commerce, purchase};

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
    let mapping = commerce().replace("[defaults]", "[defaults]\ndefault_country = \"IN\"");
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
    let mapping =
        commerce().replace("action_source  = \"app\"", "action_source  = \"physical_store\"");
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

/// Values that break careless readers, each as one field of an otherwise right purchase, and what
/// must be said of it: the first finding, or the status of a refusal.
#[tokio::test]
async fn hostile_values_are_refused_or_found_in_bounded_time() {
    let mapping = commerce().replace("\"catalog\" ", "\"plain\"   ");
    let engine = Plan::default().mapping(&mapping).start().await;
    engine.sign_up("666").await;
    let right = [
        ("content_ids", r#"["a"]"#),
        ("contents", r#"[{"id":"a","quantity":1,"item_price":5}]"#),
        ("content_type", r#""product""#),
        ("value", "5"),
        ("num_items", "1"),
        ("order_id", r#""o""#),
    ];
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    let items: Vec<String> =
        (0..10_000).map(|n| format!(r#"{{"id":"{n}","quantity":1,"item_price":1}}"#)).collect();
    let many = format!("[{}]", items.join(","));
    let long = format!(r#""{}""#, "x".repeat(900_000));
    let ids = format!("[{}]", vec![r#""a,""#; 150_000].join(","));
    for (key, value, status, code) in [
        ("order_id", r#""o2""#, 201, None),
        ("value", deep.as_str(), 400, Some("P101")),
        ("contents", &many, 201, Some("E229")),
        ("content_ids", &ids, 201, Some("E211")),
        ("note", &long, 201, None),
        ("value", "1e400", 201, Some("E221")),
        ("value", "-1e-5", 201, Some("E228")),
        ("num_items", "9007199254740993", 201, Some("E209")),
        ("num_items", "18446744073709551616", 201, Some("E221")),
        ("value", "0.000000000000000000000000000001", 201, Some("E221")),
        ("order_id", r#""\ud800""#, 400, Some("P101")),
        ("order_id", "\"a\u{0}b\"", 400, Some("P101")),
        ("order_id", r#""a\u0000b""#, 201, None),
        ("content_ids", r#"["\u202e\ufeff"]"#, 201, Some("E211")),
        ("contents", r#"[{"id":"\ud800","quantity":1}]"#, 400, Some("P101")),
        ("contents", r#"[{"id":"a","quantity":1e17,"item_price":1e17}]"#, 201, Some("E209")),
    ] {
        let fields = right.into_iter().filter(|(name, _)| *name != key).chain([(key, value)]);
        let fields: Vec<String> =
            fields.map(|(key, value)| format!(r#""{key}":{value}"#)).collect();
        let body = format!(
            r#"{{"user_id":"666","amount":5,"currency":"INR","event_data":{{{}}}}}"#,
            fields.join(",")
        );
        let shown = format!("{key}: {}", value.chars().take(60).collect::<String>());
        let started = Instant::now();
        let answer = engine.capture(&body).await;
        // A quadratic reader would take minutes for the longest of these.
        assert!(started.elapsed() < Duration::from_secs(10), "bounded time: {shown}");
        assert_eq!(answer.status, status, "{shown}: {}", answer.body);
        assert_eq!(answer.codes().first().copied(), code, "{shown}: {}", answer.body);
    }
    let books = engine.drain().await;
    assert_eq!((books.dead, books.retrying), (0, 0), "what went out was taken");
    assert!(books.delivered > 5, "and some of it went out: {books:?}");
    assert_eq!(engine.purchase("666", "after").await.status, 201, "and the next one is served");
}

/// What a verdict depends on must not depend on how much else is wrong.
#[tokio::test]
async fn many_findings_of_one_kind_hide_no_other() {
    let mapping = commerce().replace("[defaults]", "[defaults]\nchecks = { E207 = \"block\" }");
    let engine = Plan::default().mapping(&mapping).start().await;
    engine.sign_up("666").await;
    for lines in [2, 30, 300] {
        let line = r#"{"id":"a","quantity":"1","item_price":"1"}"#;
        let contents = vec![line; lines].join(",");
        let body = format!(
            r#"{{"user_id":"666","amount":999,"currency":"INR","event_data":{{"content_ids":["a"],
            "contents":[{contents}],"content_type":"product","value":999,"num_items":{lines},"order_id":"o"}}}}"#
        );
        let answer = engine.capture(&body).await;
        assert_eq!(answer.body["data"]["verdict"], "block", "{lines}: {}", answer.body);
        assert_eq!(answer.codes().first().copied(), Some("E207"), "{lines}");
        assert!(answer.codes().len() <= 50);
    }
}

/// Who declines to be followed is not: no advertising id leaves, whichever device it came from.
#[tokio::test]
async fn no_advertising_id_of_who_declined_reaches_meta() {
    let engine = Engine::start().await;
    let id = "38400000-8cf0-11bd-b23e-10b96e40000d";
    for signup in [
        format!(
            r#"{{"user_data":{{"id":"666","email":"a@b.io"}},"platform":"ANDROID","device_data":{{"system_version":"14","gaid":"{id}"}}}}"#
        ),
        r#"{"user_data":{"id":"666"},"device_data":{"advertiser_tracking_enabled":false}}"#
            .to_owned(),
        // A device that says nothing of it overrules nothing.
        r#"{"user_data":{"id":"666"},"platform":"ANDROID","device_data":{"system_version":"15"}}"#
            .to_owned(),
    ] {
        assert_eq!(engine.post("/api/v1/signup", &signup).await.status, 200);
    }
    engine.purchase("666", "A").await;
    let own = purchase("666", "B").replacen(
        '{',
        &format!(
            r#"{{"user_data":{{"madid":"{id}"}},"app_data":{{"advertiser_tracking_enabled":0}},"#
        ),
        1,
    );
    assert_eq!(engine.capture(&own).await.status, 201);
    engine.drain().await;
    let events = engine.sandbox.events();
    assert_eq!(events.len(), 2);
    for event in events {
        assert!(!event.raw.contains(id), "{}", event.raw);
        let sent: Value = serde_json::from_str(&event.raw).expect("JSON");
        assert_eq!(sent["app_data"]["advertiser_tracking_enabled"], 0, "{}", event.raw);
    }
}

#[tokio::test]
async fn a_dry_run_knows_the_user_tells_the_way_and_stores_nothing() {
    let engine = Engine::start().await;
    let body = purchase("666", "A");
    let unknown = engine.admin_post("/admin/v1/decide", body.clone().into_bytes()).await;
    assert_eq!((unknown.status, &unknown.body["verdict"]), (200, &json!("hold")));
    engine.sign_up("666").await;
    let known = engine.admin_post("/admin/v1/decide", body.clone().into_bytes()).await.body;
    assert_eq!(known["verdict"], "forward", "{known}");
    assert_eq!(known["way"]["rules"][0]["outcome"], "taken");
    let from = known["way"]["from"].as_array().expect("a list");
    assert!(from.contains(&json!({"field": "user_data.em", "from": "the signup"})), "{from:#?}");
    assert_eq!(engine.books().await.recorded, 0);
    // What is sent later is what was shown.
    engine.capture(&body).await;
    engine.drain().await;
    let sent: Value = serde_json::from_str(&engine.sandbox.events()[0].raw).expect("JSON");
    let mut shown = known["events"][0]["event"].clone();
    shown["event_time"] = sent["event_time"].clone();
    assert_eq!(shown, sent);
    let broken = engine.admin_post("/admin/v1/decide", b"{".to_vec()).await;
    assert_eq!((broken.status, &broken.body["refused"]), (200, &json!(true)));
}
