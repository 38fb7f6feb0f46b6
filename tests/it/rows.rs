//! What a backend or an app that talks to the hosted services relies on, where no other story
//! shows it. Each test names its acceptance rows; `tests/tidy.rs` knows them all.

use serde_json::{Value, json};

use crate::engine::{Answer, Engine, Plan, purchase};

const TYPES: [&str; 9] = [
    "FIRST_PAYMENT",
    "SECOND_PAYMENT",
    "WALLET_TOPUP",
    "FUNDS_WITHDRAWAL",
    "SUBSCRIPTION_CREATED",
    "SUBSCRIPTION_RENEWED",
    "ONE_TIME",
    "RECURRING",
    "DEFAULT",
];
const STATUSES: [&str; 4] =
    ["PAYMENT_INITIATED", "PAYMENT_COMPLETED", "PAYMENT_FAILED", "PAYMENT_CANCELLED"];

async fn capture(engine: &Engine, body: &Value) -> Answer {
    engine.capture(&body.to_string()).await
}

async fn known() -> Engine {
    let engine = Engine::start().await;
    engine.sign_up("666").await;
    engine
}

/// What the books show of a payment.
async fn story(engine: &Engine, id: &str) -> Value {
    engine.admin(&format!("/admin/v1/payments/{id}")).await.body["payments"][0].take()
}

/// Shows LR-3, LR-4, LR-5, LR-17.
#[tokio::test]
async fn every_type_and_status_of_the_documents_is_recorded_as_sent() {
    let engine = known().await;
    for kind in TYPES {
        for status in STATUSES {
            let body = json!({"user_id": "666", "payment_id": format!("{kind}-{status}"), "amount": 5,
                "type": kind, "status": status});
            let answer = capture(&engine, &body).await;
            assert_eq!(answer.status, 201, "{}", answer.body);
            let payment = &answer.body["data"]["payment"];
            assert_eq!((&payment["type"], &payment["status"]), (&json!(kind), &json!(status)));
        }
    }
    for body in [
        json!({"user_id": "666", "payment_id": "a", "amount": 5}),
        json!({"user_id": "666", "payment_id": "b", "amount": 5, "type": null, "status": null}),
    ] {
        let payment = capture(&engine, &body).await.body["data"]["payment"].take();
        assert_eq!(
            (&payment["type"], &payment["status"]),
            (&json!("DEFAULT"), &json!("PAYMENT_COMPLETED"))
        );
    }
    assert_eq!(engine.books().await.recorded, 38);
}

/// Shows LR-2.
#[tokio::test]
async fn a_key_sees_its_own_project_and_no_other() {
    let other = "\n[[projects]]\nname = \"other\"\nserver_key = [{ env = \"STORY_A\" }, { env = \"STORY_B\" }]\nmapping = \"mapping.toml\"\n";
    let engine = Plan::default().project(other).start().await;
    engine.sign_up("666").await;
    engine.purchase("666", "ABC").await;
    // Both of its keys are valid: one can be replaced while the other is still in use.
    let keys = ["story_a", "story_b"];
    for key in keys {
        let headers = [("linkrunner-key", key)];
        let body = r#"{"payment_id":"ABC"}"#;
        let answer = engine.post_with("/api/v1/remove-payment", body, &headers).await;
        assert_eq!(answer.status, 400, "nobody else's payment: {}", answer.body);
    }
    for key in keys {
        let headers = [("linkrunner-key", key)];
        let body = purchase("666", "ABC");
        let answer = engine.post_with("/api/v1/capture-payment", &body, &headers).await;
        assert_eq!(answer.body["data"]["verdict"], "hold", "nobody else's user: {}", answer.body);
    }
    let books = engine.books().await;
    assert_eq!((books.recorded, books.held), (1, 1));
}

/// Shows LR-7, LR-13, LR-15.
#[tokio::test]
async fn a_status_never_moves_on_and_a_key_lives_as_long_as_its_payment() {
    let engine = known().await;
    let body =
        |status: &str| json!({"user_id": "666", "payment_id": "p", "amount": 5, "status": status});
    capture(&engine, &body("PAYMENT_INITIATED")).await;
    let later = capture(&engine, &body("PAYMENT_COMPLETED")).await;
    let data = &later.body["data"];
    assert_eq!(data["duplicate"], true);
    assert_eq!(data["payment"]["status"], "PAYMENT_INITIATED");
    assert!(data["findings"].to_string().contains("in its final state"), "{data}");
    // A payment is kept for 90 days unless more is set; there is no shorter window.
    engine.clock.advance(std::time::Duration::from_hours(24 * 89));
    let again = capture(&engine, &body("PAYMENT_INITIATED")).await;
    assert_eq!(again.body["data"]["duplicate"], true, "89 days later");
}

/// Shows LR-18, LR-19, LR-20, LR-21, LR-22, LR-23.
#[tokio::test]
async fn ids_and_amounts_are_read_as_the_documents_say() {
    let engine = known().await;
    for (fields, amount) in [
        (r#""user_id":"666","amount":"250.50""#, "250.5"),
        (r#""user_id":666,"amount":19.99"#, "19.99"),
        (r#""user_id":"666","amount":0.1"#, "0.1"),
        (r#""user_id":"666","amount":25096.005"#, "25096.005"),
        (r#""user_id":"666","amount":1e3"#, "1000"),
        (r#""user_id":"666","amount":0"#, "0"),
        (r#""user_id":"666","event_data":{"value":12.5}"#, "12.5"),
        (r#""user_id":"666","amount":5,"type":"FUNDS_WITHDRAWAL""#, "5"),
    ] {
        let answer = engine.capture(&format!("{{{fields}}}")).await;
        assert_eq!(answer.status, 201, "{fields}: {}", answer.body);
        let shown = &answer.body["data"]["payment"];
        assert_eq!(shown["amount"].to_string().parse::<f64>(), amount.parse(), "{fields}: {shown}");
        assert_eq!(shown["user_id"], "666", "{fields}");
        let is_warned = answer.codes().contains(&"P201");
        assert_eq!(is_warned, fields.contains("\"250.50\""), "{fields}: {}", answer.body);
    }
    for (fields, says) in [
        (r#""user_id":null,"amount":5"#, "user_id is required"),
        (r#""user_id":true,"amount":5"#, "user_id must be"),
        (r#""user_id":"666","amount":"NaN""#, "amount"),
        (r#""user_id":"666","amount":"""#, "amount"),
        (r#""user_id":"666","amount":1234567890123456789"#, "more than 18 digits"),
        (r#""user_id":"666","amount":-5"#, "must not be negative"),
    ] {
        let answer = engine.capture(&format!("{{{fields}}}")).await;
        let says_so = answer.body["msg"].as_str().is_some_and(|msg| msg.contains(says));
        assert!(answer.status == 400 && says_so, "{fields}: {}", answer.body);
        let is_pointed = answer.body["data"]["errors"].to_string().contains("remove-payment");
        assert_eq!(is_pointed, fields.ends_with("-5"), "{fields}: {}", answer.body);
    }
}

/// Shows LR-24, LR-25.
#[tokio::test]
async fn an_unknown_type_or_status_is_refused_with_the_words_that_are_known() {
    let engine = known().await;
    for (key, word, words) in [
        ("type", "SALE", &TYPES[..]),
        ("type", "first_payment", &["FIRST_PAYMENT"]),
        ("status", "SALE", &STATUSES),
    ] {
        let answer = capture(&engine, &json!({"user_id": "666", "amount": 5, key: word})).await;
        assert_eq!(answer.status, 400, "{word}");
        let says = answer.body.to_string();
        assert!(words.iter().all(|word| says.contains(word)), "{key} {word}: {says}");
    }
}

/// Shows LR-26, LR-27, LR-29.
#[tokio::test]
async fn event_data_is_kept_as_sent_and_unknown_fields_are_passed_over() {
    let engine = known().await;
    let kept = json!({"Ключ": "значение", "nested": {"a": [1, 2, {"b": null}]}, "rate": 0.1});
    let body = json!({"user_id": "666", "payment_id": "kept", "amount": 5, "event_data": kept,
        "data": {"device_data": {}}, "time_since_app_install": 1.5, "something": "else"});
    assert_eq!(capture(&engine, &body).await.status, 201);
    assert_eq!(story(&engine, "kept").await["capture"]["event_data"], kept);
    for (id, empty) in [("null", Value::Null), ("empty", json!({}))] {
        let body = json!({"user_id": "666", "payment_id": id, "amount": 5, "event_data": empty});
        assert_eq!(capture(&engine, &body).await.status, 201, "{id}");
    }
    for (wrong, kind) in [(json!("text"), "text"), (json!([]), "a list"), (json!(5), "a number")] {
        let body = json!({"user_id": "666", "amount": 5, "event_data": wrong});
        let answer = capture(&engine, &body).await;
        assert_eq!(answer.status, 400, "{wrong}");
        assert_eq!(answer.body["msg"], format!("event_data must be an object, not {kind}"));
    }
}

/// Shows LR-28.
#[tokio::test]
async fn a_currency_is_the_payments_the_details_the_mappings_or_the_projects() {
    const MAPPING: &str = "version = 1\n[defaults]\ndataset = \"storefront\"\naction_source = \"system_generated\"\n[payments]\nDEFAULT = \"Purchase\"\nONE_TIME = { event = \"Purchase\", currency = \"EUR\" }\n";
    let engine = Plan::default().mapping(MAPPING).start().await;
    engine.sign_up("666").await;
    for (kind, top, inner, currency, warned) in [
        ("DEFAULT", json!("USD"), json!("GBP"), "USD", true),
        ("DEFAULT", Value::Null, json!("GBP"), "GBP", false),
        ("ONE_TIME", json!("USD"), Value::Null, "USD", false),
        ("ONE_TIME", Value::Null, json!("GBP"), "GBP", false),
        ("ONE_TIME", Value::Null, Value::Null, "EUR", false),
        ("DEFAULT", Value::Null, Value::Null, "INR", false),
    ] {
        let body = json!({"user_id": "666", "amount": 5, "type": kind, "currency": top,
            "event_data": {"currency": inner}});
        let answer = capture(&engine, &body).await;
        let data = &answer.body["data"];
        assert_eq!(data["payment"]["currency"], currency, "{body}: {data}");
        let says = data["findings"].to_string();
        assert_eq!(says.contains("GBP") || says.contains("currency"), warned, "{body}: {says}");
    }
    let wrong = json!({"user_id": "666", "amount": 5, "currency": "rupees"});
    assert_eq!(capture(&engine, &wrong).await.status, 400);
}

/// Shows LR-31, LR-32, LR-34, LR-35.
#[tokio::test]
async fn a_removal_means_what_its_keys_name() {
    let engine = known().await;
    engine.sign_up("667").await;
    for (user, kind, id) in [
        ("666", "DEFAULT", "a"),
        ("666", "ONE_TIME", "a"),
        ("666", "DEFAULT", "b"),
        ("666", "DEFAULT", "c"),
        ("667", "DEFAULT", "d"),
    ] {
        capture(&engine, &json!({"user_id": user, "type": kind, "payment_id": id, "amount": 5}))
            .await;
    }
    let missing = "user_id or payment_id is required";
    let nothing = "No payment found with the given payment id or user id";
    for (body, status, told) in [
        (json!({}), 400, json!(missing)),
        (json!({"user_id": " ", "payment_id": null}), 400, json!(missing)),
        (json!({"payment_id": "never"}), 400, json!(nothing)),
        (json!({"user_id": "nobody"}), 400, json!(nothing)),
        (json!({"user_id": "667", "payment_id": "a"}), 400, json!(nothing)),
        (json!({"payment_id": "a"}), 200, json!(2)),
        (json!({"payment_id": "a"}), 400, json!(nothing)),
        (json!({"user_id": "666", "payment_id": "b"}), 200, json!(1)),
        (json!({"user_id": "666"}), 200, json!(1)),
        (json!({"user_id": "666"}), 400, json!(nothing)),
    ] {
        let answer = engine.post("/api/v1/remove-payment", &body.to_string()).await;
        let found =
            if status == 200 { &answer.body["data"]["deleted"] } else { &answer.body["msg"] };
        assert_eq!((answer.status, found), (status, &told), "{body}");
    }
    assert_eq!(engine.books().await.recorded, 1, "others' payments are untouched");
}

/// Shows LR-41, MX-26.
#[tokio::test]
async fn a_payment_is_shown_with_what_became_of_it_and_each_attempt() {
    let engine = known().await;
    engine.faults(r#"{"faults":[{"do":"throttle","times":1}]}"#);
    engine.purchase("666", "ABC").await;
    engine.drain().await;
    let page = engine.admin("/admin/v1/payments?user_id=666").await.body;
    let row = &page["payments"][0];
    for (key, value) in [
        ("payment_id", json!("ABC")),
        ("type", json!("DEFAULT")),
        ("status", json!("PAYMENT_COMPLETED")),
        ("amount", json!(10.5)),
        ("currency", json!("INR")),
        ("user_id", json!("666")),
        ("verdict", json!("forward")),
    ] {
        assert_eq!(row[key], value, "{key}: {row:#}");
    }
    assert_eq!(row["events"][0]["fate"], "delivered", "{row:#}");
    let told = story(&engine, "ABC").await;
    let text = told.to_string();
    let attempts = told["deliveries"][0]["attempts"].as_array().map(Vec::len);
    assert_eq!(attempts, Some(2), "{told:#}");
    assert!(text.contains("trace_id") && !text.contains("story-access-token"), "{told:#}");
}

/// An app of the project.
async fn app() -> Engine {
    Plan::default().project("client_token = { env = \"CLIENT\" }").start().await
}

async fn client(engine: &Engine, path: &str, mut body: Value) -> Answer {
    body["token"] = json!("story-client-token");
    engine.post_with(&format!("/api/client/{path}"), &body.to_string(), &[]).await
}

/// Shows SDK-1, SDK-8.
#[tokio::test]
async fn every_success_of_an_app_says_so_in_the_body() {
    let engine = app().await;
    let device = json!({"system_version": "17.5"});
    for (path, body) in [
        ("init", json!({"install_instance_id": "i1", "platform": "IOS", "device_data": device})),
        ("trigger", json!({"user_data": {"id": "u1"}, "install_instance_id": "i1"})),
        ("set-user-data", json!({"user_data": {"id": "u1", "email": "a@shop.example"}})),
        ("capture-payment", json!({"user_id": "u1", "payment_id": "p1", "amount": 5})),
        ("capture-payment", json!({"user_id": "u1", "payment_id": "p1", "amount": 5})),
        ("capture-payment", json!({"user_id": "u9", "payment_id": "p2", "amount": 5})),
        ("capture-event", json!({"user_id": "u1", "event_name": "e", "event_id": "e1"})),
        ("capture-event", json!({"user_id": "u1", "event_name": "e", "event_id": "e1"})),
        ("remove-captured-payment", json!({"user_id": "u1", "payment_id": "p1"})),
    ] {
        let answer = client(&engine, path, body).await;
        assert!((200..300).contains(&answer.status), "{path}: {}", answer.body);
        let status = answer.body["status"].as_u64();
        assert!(matches!(status, Some(200 | 201)), "{path}: {}", answer.body);
        let says = answer.body["msg"].as_str().is_some_and(|msg| !msg.is_empty());
        assert!(says && answer.body.get("data").is_some(), "{path}: {}", answer.body);
    }
}

/// Shows SDK-6.
#[tokio::test]
async fn a_digest_of_an_app_is_sent_as_it_came_and_doubted() {
    let engine = app().await;
    // printf 'Asha@Shop.example' | sha256sum: of the text as the person wrote it.
    let digest = "20543eddbb7e97a9d8c75136d43b4dc1d6bdf4f6d76f8a39aa5419a45b0a9998";
    for (path, email, doubted) in [
        ("trigger", digest, true),
        ("set-user-data", digest, true),
        ("trigger", "asha@shop.example", false),
    ] {
        let body = json!({"user_data": {"id": format!("{path}-{doubted}"), "email": email}});
        let answer = client(&engine, path, body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let is_doubted = answer.codes().contains(&"U302");
        assert_eq!(is_doubted, doubted, "{path} {email}: {}", answer.body);
        assert!(!answer.body.to_string().contains(digest), "{}", answer.body);
    }
    engine.purchase("trigger-true", "p1").await;
    engine.drain().await;
    let event: Value = serde_json::from_str(&engine.sandbox.events()[0].raw).expect("JSON");
    assert_eq!(event["user_data"]["em"], json!([digest]), "never hashed again");
}
