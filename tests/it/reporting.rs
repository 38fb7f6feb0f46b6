//! Events that a sender reports by name (rows LR-37 and LR-38), and captures in batches.

use serde_json::{Value, json};

use crate::engine::{Engine, Plan, purchase};

const EVENTS: &str = "version = 1\n[defaults]\ndataset = \"storefront\"\ncurrency = \"INR\"\n[payments]\nDEFAULT = \"Purchase\"\n[events]\nadd_to_cart = \"AddToCart\"\nlead = { event = \"Lead\", custom_data = { plan = \"{event_data.plan}\" } }\n";

const CART: &str = r#"{"event_name":"add_to_cart","user_id":"u1","event_id":"e1","event_data":{"content_ids":["sku1"],"contents":[{"id":"sku1","quantity":1,"item_price":10}],"content_type":"product","value":10,"currency":"INR","num_items":1}}"#;

async fn engine() -> Engine {
    let engine = Plan::default().mapping(EVENTS).start().await;
    engine.sign_up("u1").await;
    engine
}

fn sent(engine: &Engine, at: usize) -> Value {
    serde_json::from_str(&engine.sandbox.events()[at].raw).expect("JSON")
}

/// Shows LR-37, LR-38.
#[tokio::test]
async fn a_reported_event_goes_to_meta_under_the_name_that_the_mapping_gives_it() {
    let engine = engine().await;
    let answer = engine.post("/api/v1/capture-event", CART).await;
    let exact = json!({"msg": "Event capture request received!", "status": 200, "data": null});
    assert_eq!((answer.status, &answer.body), (201, &exact));
    engine.drain().await;
    let event = sent(&engine, 0);
    assert_eq!((&event["event_name"], &event["event_id"]), (&json!("AddToCart"), &json!("e1")));
    assert_eq!(event["custom_data"]["value"], 10);
    assert!(event["user_data"]["em"].is_array(), "the person is known by the signup: {event}");

    // The same id again, from the app or from the server: one event, and both 201 (row LR-38).
    let again = engine.post("/api/v1/capture-event", CART).await;
    assert_eq!((again.status, &again.body["data"]["duplicate"]), (201, &json!(true)));
    // A payment of that id is something else.
    engine.purchase("u1", "e1").await;
    assert_eq!(engine.drain().await.delivered, 2);
    let story = engine.admin("/admin/v1/payments/e1").await.body;
    let kinds: Vec<&Value> =
        story["payments"].as_array().into_iter().flatten().map(|p| &p["type"]).collect();
    assert_eq!(kinds, ["event:add_to_cart", "DEFAULT"]);
}

/// Shows LR-38.
#[tokio::test]
async fn without_an_id_every_report_is_one_of_its_own_and_none_has_the_id_of_another() {
    let engine = engine().await;
    let body = CART.replace(r#""event_id":"e1","#, "");
    for _ in 0..3 {
        assert_eq!(engine.post("/api/v1/capture-event", &body).await.status, 201);
    }
    engine.drain().await;
    let mut ids = engine.arrived();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3, "{ids:?}");
    assert!(ids[0].starts_with("add_to_cart."), "{ids:?}");
}

/// Shows LR-37.
#[tokio::test]
async fn what_becomes_of_a_report_is_never_left_unsaid() {
    let engine = engine().await;
    for (body, status, verdict, code) in [
        (r#"{"event_name":"lead","user_id":"u1","event_id":"a"}"#, 201, "forward", None),
        (r#"{"event_name":"unheard_of","user_id":"u1","event_id":"b"}"#, 201, "skip", None),
        (r#"{"event_name":"Add_To_Cart","user_id":"u1","event_id":"c"}"#, 201, "skip", None),
        (r#"{"event_name":"lead","user_id":"stranger","event_id":"d"}"#, 201, "hold", None),
        (r#"{"user_id":"u1"}"#, 400, "", Some("P102")),
        (r#"{"event_name":"lead"}"#, 400, "", Some("P102")),
        (r#"{"event_name":" ","user_id":"u1"}"#, 400, "", Some("P102")),
        (r#"{"event_name":7,"user_id":"u1"}"#, 400, "", Some("P103")),
        (r#"{"event_name":"canary@shop.example","user_id":"u1"}"#, 400, "", Some("P103")),
        (r#"{"event_name":"lead","user_id":"u1","event_data":[]}"#, 400, "", Some("P103")),
    ] {
        let answer = engine.post("/api/v1/capture-event", body).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
        let data = &answer.body["data"];
        if status == 201 {
            let found = data["verdict"].as_str().unwrap_or("forward");
            assert_eq!(found, verdict, "{body}: {}", answer.body);
        } else {
            assert_eq!(answer.codes().first().copied(), code, "{body}: {}", answer.body);
        }
        assert!(!answer.body.to_string().contains("canary"), "{}", answer.body);
    }
    // The signup releases what waited, and it belongs to its user.
    engine.sign_up("stranger").await;
    engine.drain().await;
    assert_eq!(engine.arrived(), ["a", "d"]);
}

#[tokio::test]
async fn revenue_of_a_report_is_its_amount_and_only_a_number_counts() {
    let engine = engine().await;
    for (event_data, value) in [
        (r#"{"amount":7.5}"#, json!(7.5)),
        (r#"{"amount":"7.5"}"#, Value::Null),
        (r#"{"value":3,"amount":7.5}"#, json!(3)),
        ("{}", Value::Null),
    ] {
        let body = format!(r#"{{"event_name":"lead","user_id":"u1","event_data":{event_data}}}"#);
        let answer = engine.post("/api/v1/capture-event", &body).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        engine.drain().await;
        let event = sent(&engine, engine.sandbox.events().len() - 1);
        assert_eq!(event["custom_data"]["value"], value, "{event_data}: {event}");
    }
}

#[tokio::test]
async fn a_batch_answers_each_of_its_payments_in_order() {
    let engine = engine().await;
    let bodies = [purchase("u1", "a"), "{}".to_owned(), purchase("u1", "a"), purchase("u9", "b")];
    let lines = bodies.join("\n");
    let array = format!("[{}]", bodies.join(","));
    for (body, statuses, msgs) in [
        (
            &array,
            [201, 400, 201, 201],
            [
                "Payment captured",
                "user_id is required",
                "Payment captured before; this repetition was ignored",
                "Payment held: its user is not known yet",
            ],
        ),
        (
            &lines,
            [201, 400, 201, 201],
            [
                "Payment captured before; this repetition was ignored",
                "user_id is required",
                "Payment captured before; this repetition was ignored",
                "Payment held: its user is not known yet",
            ],
        ),
    ] {
        let answer = engine.post("/api/v1/capture-payments", body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let results = answer.body["data"]["results"].as_array().expect("a list").clone();
        for (at, result) in results.iter().enumerate() {
            assert_eq!(result["status"], statuses[at], "{at}: {result}");
            assert_eq!(result["msg"], msgs[at], "{at}: {result}");
        }
        assert_eq!(results[1]["data"]["errors"][0]["code"], "P102");
        assert_eq!(answer.body["msg"], "3 taken, 1 refused");
    }
    let books = engine.drain().await;
    assert_eq!((books.recorded, books.held, books.delivered), (1, 1, 1));
}

#[tokio::test]
async fn a_batch_that_is_none_is_refused_whole() {
    let engine = engine().await;
    let many = vec!["{}"; 1_001].join("\n");
    for (body, status) in [("", 400), ("[{},", 400), ("[]", 200), (many.as_str(), 413)] {
        let answer = engine.post("/api/v1/capture-payments", body).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        assert_eq!(answer.body["status"], status);
    }
    let no_key = engine.post_with("/api/v1/capture-payments", "[]", &[]).await;
    assert_eq!(no_key.status, 401);
}

#[tokio::test]
async fn a_mapping_file_tests_its_events_too() {
    let engine = engine().await;
    let body = r#"{"event_name":"lead","user_id":"u1","event_data":{"plan":"gold"}}"#;
    let run = engine.admin_post("/admin/v1/decide", body.as_bytes().to_vec()).await.body;
    assert_eq!(run["verdict"], "forward", "{run}");
    assert_eq!(run["events"][0]["event"]["custom_data"]["plan"], "gold");
    assert_eq!(run["way"]["rules"][0]["event"], "Lead");
}
