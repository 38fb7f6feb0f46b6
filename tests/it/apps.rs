//! What the mobile SDKs send (rows SDK-1 to SDK-8): the token in the body, blanks, installations.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::engine::{Answer, Engine, Plan};

const MAPPING: &str = "version = 1\n[defaults]\ndataset = \"storefront\"\ncurrency = \"INR\"\naction_source = \"app\"\nwithout_device = \"system_generated\"\n[payments]\nDEFAULT = \"Purchase\"\n[events]\nadd_to_cart = \"AddToCart\"\n";

async fn start(mapping: &str) -> Engine {
    Plan::default().project("client_token = { env = \"CLIENT\" }").mapping(mapping).start().await
}

/// A body as an SDK writes it, sent with the project's token.
async fn call(engine: &Engine, path: &str, body: Value) -> Answer {
    let mut body = body;
    body["token"] = json!("story-client-token");
    engine.post_with(&format!("/api/client/{path}"), &body.to_string(), &[]).await
}

fn device() -> Value {
    json!({"device": "iPhone16,1", "system_version": "17.5", "idfa": "38400000-8cf0-11bd-b23e-10b96e40000d", "bundle_id": "com.shop"})
}

async fn trigger(engine: &Engine, user: &str, install: &str) -> Answer {
    let answer = call(
        engine,
        "trigger",
        json!({
            "user_data": {"id": user, "email": format!("{user}@example.com"), "is_first_time_user": true},
            "platform": "IOS", "data": {"device_data": device()},
            "install_instance_id": install, "time_since_app_install": 1.5,
        }),
    )
    .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer
}

/// Shows SDK-1, SDK-3.
#[tokio::test]
async fn a_signup_of_an_app_makes_its_user_known_with_the_device() {
    let engine = start(MAPPING).await;
    trigger(&engine, "u1", "i1").await;
    // The server's API and the app's share users and keys (row SDK-3).
    let paid = r#"{"user_id":"u1","payment_id":"p1","amount":5}"#;
    let server = engine.capture(paid).await;
    assert_eq!(server.body["data"]["recorded"], true, "{}", server.body);
    let app = call(
        &engine,
        "capture-payment",
        json!({"user_id": "u1", "payment_id": "p1", "amount": 5.0, "type": "DEFAULT", "status": "PAYMENT_COMPLETED",
               "event_data": null, "platform": "IOS", "data": {"device_data": device()}, "install_instance_id": "i1"}),
    )
    .await;
    assert_eq!((app.status, &app.body["data"]["duplicate"]), (201, &json!(true)), "{}", app.body);
    engine.drain().await;
    let event: Value = serde_json::from_str(&engine.sandbox.events()[0].raw).expect("JSON");
    assert_eq!(event["action_source"], "app");
    assert_eq!(event["app_data"]["extinfo"][0], "i2");
    assert_eq!(engine.arrived(), ["DEFAULT.p1"]);
}

/// Shows SDK-2, LR-2.
#[tokio::test]
async fn a_token_that_is_missing_or_wrong_is_a_401_and_nothing_is_stored() {
    let engine = start(MAPPING).await;
    for (body, msg) in [
        (r#"{"user_id":"u1"}"#, "Project token missing!"),
        (r#"{"token":"","user_id":"u1"}"#, "Project token missing!"),
        (r#"{"token":"wrong","user_data":{"id":"u1"}}"#, "Project token invalid!"),
        // A server's key is no token, and stays out of apps.
        (r#"{"token":"story-server-key","user_data":{"id":"u1"}}"#, "Project token invalid!"),
    ] {
        for path in [
            "init",
            "trigger",
            "set-user-data",
            "capture-payment",
            "remove-captured-payment",
            "capture-event",
        ] {
            let answer = engine.post_with(&format!("/api/client/{path}"), body, &[]).await;
            assert_eq!((answer.status, &answer.body["msg"]), (401, &json!(msg)), "{path} {body}");
        }
    }
    let as_key = [("linkrunner-key", "story-client-token")];
    let answer = engine.post_with("/api/v1/signup", r#"{"user_data":{"id":"u1"}}"#, &as_key).await;
    assert_eq!(answer.status, 401, "a token is no server key (row LR-2)");
    for body in ["", "[]", "{"] {
        let answer = engine.post_with("/api/client/trigger", body, &[]).await;
        assert_eq!(answer.status, 400, "{body}");
        assert_eq!(answer.body["status"], 400, "{body}");
    }
    assert_eq!(engine.books().await.recorded, 0);
}

/// Shows SDK-5.
#[tokio::test]
async fn what_came_before_the_signup_belongs_to_its_user_and_goes_once() {
    let engine = start(MAPPING).await;
    let early = json!({"event_name": "add_to_cart", "event_id": "e1", "event_data": null, "device_data": {},
                       "platform": "IOS", "install_instance_id": "i1"});
    let held = call(&engine, "capture-event", early.clone()).await;
    assert_eq!(
        (held.status, &held.body["data"]["verdict"]),
        (201, &json!("hold")),
        "{}",
        held.body
    );
    let paid = json!({"user_id": "", "payment_id": "p1", "amount": 5, "install_instance_id": "i1"});
    let held = call(&engine, "capture-payment", paid).await;
    assert_eq!(held.body["data"]["recorded"], false, "{}", held.body);
    // Another installation's signup releases nothing of this one.
    trigger(&engine, "u2", "i2").await;
    assert_eq!(engine.books().await.held, 2);
    let signed_up = trigger(&engine, "u1", "i1").await;
    assert_eq!(signed_up.body["data"]["released"].as_array().map(Vec::len), Some(2));
    engine.drain().await;
    assert_eq!(engine.arrived(), ["e1", "DEFAULT.p1"]);
    let story = &engine.admin("/admin/v1/payments/p1").await.body["payments"][0];
    assert_eq!(story["capture"]["user_id"], "u1", "{story:#}");
    // Later, the installation alone is enough; and the early event stays one (row SDK-5).
    let again = call(&engine, "capture-event", early).await;
    assert_eq!(again.body["data"]["duplicate"], true, "{}", again.body);
    let late = json!({"event_name": "add_to_cart", "event_id": "e2", "install_instance_id": "i1"});
    let late = call(&engine, "capture-event", late).await;
    assert_eq!(late.status, 201, "{}", late.body);
    assert_eq!(engine.drain().await.delivered, 3);
    // Who names neither user nor installation is told both.
    let nobody = call(&engine, "capture-event", json!({"event_name": "add_to_cart"})).await;
    assert_eq!((nobody.status, &nobody.body["msg"]), (400, &json!("user_id is required")));
}

#[tokio::test]
async fn even_where_everybody_counts_an_installation_is_not_yet_somebody() {
    let engine = Plan::default()
        .project("users = \"open\"\nclient_token = { env = \"CLIENT\" }")
        .mapping(MAPPING)
        .start()
        .await;
    let early = json!({"event_name": "add_to_cart", "event_id": "e1", "install_instance_id": "i1"});
    let held = call(&engine, "capture-event", early).await;
    assert_eq!(held.body["data"]["verdict"], "hold", "{}", held.body);
    trigger(&engine, "u1", "i1").await;
    engine.drain().await;
    assert_eq!(engine.arrived(), ["e1"]);
}

/// Shows SDK-3, SDK-4.
#[tokio::test]
async fn a_removal_with_blanks_means_the_key_that_is_there() {
    let engine = start(MAPPING).await;
    trigger(&engine, "u1", "i1").await;
    trigger(&engine, "u2", "i2").await;
    for (user, payment) in [("u1", "a"), ("u1", "b"), ("u2", "c")] {
        engine
            .capture(&format!(r#"{{"user_id":"{user}","payment_id":"{payment}","amount":5}}"#))
            .await;
    }
    for (user, payment, status, deleted) in [
        ("", "a", 200, 1),
        ("u1", "", 200, 1),
        ("u2", "b", 400, 0),
        ("", "", 400, 0),
        ("u2", "c", 200, 1),
    ] {
        let body = json!({"user_id": user, "payment_id": payment, "platform": "ANDROID", "data": {"device_data": {}}});
        let answer = call(&engine, "remove-captured-payment", body).await;
        assert_eq!(answer.status, status, "{user} {payment}: {}", answer.body);
        if status == 200 {
            assert_eq!(answer.body["data"]["deleted"], deleted, "{}", answer.body);
        }
    }
    assert_eq!(engine.books().await.recorded, 0);
}

#[tokio::test]
async fn signup_and_first_open_are_events_where_the_mapping_binds_them() {
    let mapping = MAPPING.replace("[events]", "[events]\nsignup = \"CompleteRegistration\"\nfirst_open = { event = \"Opened\", custom_event = true }");
    let engine = start(&mapping).await;
    for _ in 0..2 {
        let opened = call(
            &engine,
            "init",
            json!({"install_instance_id": "i1", "platform": "IOS", "device_data": device()}),
        )
        .await;
        assert_eq!((opened.status, &opened.body["status"]), (200, &json!(200)), "{}", opened.body);
        assert!(opened.body["data"].is_object(), "{}", opened.body);
    }
    for _ in 0..2 {
        trigger(&engine, "u1", "i1").await;
    }
    call(&engine, "set-user-data", json!({"user_data": {"id": "u1", "phone": "+919876543210"}}))
        .await;
    engine.sign_up("u1").await;
    engine.drain().await;
    let mut names: Vec<String> =
        engine.sandbox.events().into_iter().map(|event| event.event_name).collect();
    names.sort();
    assert_eq!(names, ["CompleteRegistration", "Opened"], "each once");
    assert!(engine.arrived().iter().all(|id| !id.contains("u1") && !id.contains("i1")));
    let books = engine.books().await;
    assert_eq!((books.recorded, books.delivered, books.held), (2, 2, 0));
}

#[tokio::test]
async fn the_shipped_mapping_registers_each_person_once() {
    let shipped = include_str!("../../mappings/commerce.toml");
    let lines = "site_key = { env = \"STORY_SITE_KEY\" }";
    let engine = Plan::default().project(lines).mapping(shipped).start().await;
    let signup = async |body: &str| {
        let answer = engine.post("/api/v1/signup", body).await;
        assert_eq!(answer.status, 200, "{body}: {}", answer.body);
        answer.body["data"]["signup"].clone()
    };
    let first =
        signup(r#"{"user_data":{"id":"666","email":"a@example.com"},"event_id":"e1"}"#).await;
    assert_eq!(first["verdict"], "forward", "{first}");
    assert_eq!(first["duplicate"], false, "{first}");
    assert_eq!(
        first["events"],
        json!([{"event_name": "CompleteRegistration", "event_id": "e1", "dataset": "storefront"}])
    );
    // Sent again for want of an answer: the first record, and nothing new.
    let again =
        signup(r#"{"user_data":{"id":"666","email":"a@example.com"},"event_id":"e1"}"#).await;
    assert_eq!((&again["duplicate"], &again["findings"]), (&json!(true), &json!([])), "{again}");
    // A correction, and a signup that says that the person is not new.
    assert!(signup(r#"{"user_data":{"id":"666","phone":"+919876543210"}}"#).await.is_null());
    let not_new = r#"{"user_data":{"id":"777","is_first_time_user":false}}"#;
    assert!(signup(not_new).await.is_null());
    // Nor is a visitor who was known before.
    let site = [("authorization", "Bearer story_site_key")];
    let visitor = r#"{"faurya_visitor_id":"v1"}"#;
    assert_eq!(engine.post_with("/api/v1/visitors", visitor, &site).await.status, 200);
    assert!(signup(r#"{"user_data":{"id":"v1"}}"#).await.is_null());
    // Without an id of the sender's the same signup has the same id, which tells nobody whose.
    let body = r#"{"user_data":{"id":"888"}}"#;
    let (one, two) = (signup(body).await, signup(body).await);
    assert_eq!((&one["event"], &two["duplicate"]), (&two["event"], &json!(true)));
    // Who registered long ago is known from now on, and Meta is not told of it as news.
    let old =
        signup(r#"{"user_data":{"id":"999","user_created_at":"2019-05-01T08:00:00Z"}}"#).await;
    assert_eq!((&old["verdict"], &old["reason"]), (&json!("skip"), &json!("too_old")), "{old}");
    for wrong in [r#""event_id":[1]"#, r#""occurred_at":"soon""#] {
        let body = format!(r#"{{"user_data":{{"id":"5"}},{wrong}}}"#);
        assert_eq!(engine.post("/api/v1/signup", &body).await.status, 400, "{body}");
    }
    engine.drain().await;
    assert_eq!(engine.arrived().len(), 2);
    assert_eq!(engine.arrived()[0], "e1");
}

#[tokio::test]
async fn an_event_that_its_own_call_makes_is_not_taken_a_second_time() {
    let mapping = MAPPING.replace("[events]", "[events]\nsignup = \"CompleteRegistration\"\nfirst_open = { event = \"Opened\", custom_event = true }");
    let engine = start(&mapping).await;
    trigger(&engine, "u1", "i1").await;
    for (name, call) in [("signup", "`signup`"), ("first_open", "`init`")] {
        let event = json!({"user_id": "u1", "event_name": name, "event_id": "mine"}).to_string();
        let answer = engine.post("/api/v1/capture-event", &event).await;
        assert_eq!(answer.status, 400, "{}", answer.body);
        let error = &answer.body["data"]["errors"][0];
        assert!(error["help"].as_str().is_some_and(|help| help.contains(call)), "{error}");
    }
    engine.drain().await;
    let arrived = engine.arrived();
    assert!(arrived.len() == 1 && arrived[0].starts_with("signup."), "{arrived:?}");
}

#[tokio::test]
async fn a_character_that_no_terminal_shows_reaches_meta_like_any_other() {
    let engine = start(MAPPING).await;
    trigger(&engine, "u1", "i1").await;
    let body = |user: &str, id: &str| {
        format!(
            r#"{{"user_id":"{user}","payment_id":"{id}","amount":5,"event_data":{{"note":"a\u001b\u0014b"}}}}"#
        )
    };
    engine.capture(&body("u1", "known")).await;
    engine.capture(&body("u9", "held")).await;
    engine.sign_up("u9").await;
    let books = engine.drain().await;
    assert_eq!((books.delivered, books.dead, books.held), (2, 0, 0));
}

/// Signs a body as the SDK for iOS does, by the story's clock.
fn signature(secret: &str, at: &str, body: &str) -> String {
    let digest = BASE64.encode(Sha256::digest(body));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key");
    mac.update(format!("{at}\n{digest}").as_bytes());
    BASE64.encode(mac.finalize().into_bytes())
}

/// Shows SDK-7.
#[tokio::test]
async fn where_apps_sign_nothing_else_is_believed() {
    let signing = "client_token = { env = \"CLIENT\" }\nclient_signing = [{ key_id = \"app-2\", secret = { env = \"STORY_NEW\" } }, { key_id = \"app-1\", secret = { env = \"STORY_OLD\" } }]";
    let engine = Plan::default().project(signing).mapping(MAPPING).start().await;
    engine.sign_up("u1").await;
    let paid = |id: &str| {
        format!(r#"{{"token":"story-client-token","user_id":"u1","payment_id":"{id}","amount":5}}"#)
    };
    let path = "/api/client/capture-payment";
    let now = engine.clock_seconds() * 1000;
    let post = async |body: &str, [id, at, signature]: [&str; 3]| {
        let headers = [
            ("authorization", "HMAC"),
            ("x-key-id", id),
            ("x-timestamp", at),
            ("x-signature", signature),
        ];
        engine.post_with(path, body, &headers).await
    };
    let (body, at, old) = (paid("p1"), now.to_string(), (now - 300_001).to_string());
    let right = signature("story_new", &at, &body);
    let unsigned = engine.post_with(path, &body, &[]).await;
    assert_eq!((unsigned.status, &unsigned.body["status"]), (401, &json!(401)));
    assert_eq!(
        unsigned.body["msg"],
        "Signature missing: x-key-id, x-timestamp and x-signature are needed."
    );
    for (what, body, headers) in [
        ("another body", paid("p2"), ["app-2", at.as_str(), right.as_str()]),
        ("another's name", body.clone(), ["app-1", &at, &right]),
        ("nobody's secret", body.clone(), ["app-2", &at, &signature("other", &at, &body)]),
        ("too old", body.clone(), ["app-2", &old, &signature("story_new", &old, &body)]),
        ("no signature", body.clone(), ["app-2", &at, ""]),
    ] {
        let answer = post(&body, headers).await;
        assert_eq!((answer.status, &answer.body["data"]), (401, &Value::Null), "{what}");
    }
    assert_eq!(engine.books().await.recorded, 0);
    // Every route of the apps asks for it, and a wrong token is told first.
    for route in ["init", "trigger", "set-user-data", "remove-captured-payment", "capture-event"] {
        let answer = engine.post_with(&format!("/api/client/{route}"), &body, &[]).await;
        assert_eq!(answer.status, 401, "{route}");
    }
    let wrong = engine.post_with(path, &body.replace("story-client", "x"), &[]).await;
    assert_eq!(wrong.body["msg"], "Project token invalid!");
    // Both secrets count while one is replaced; what is played again is a repetition.
    for (key, secret, duplicate) in
        [("app-2", "story_new", false), ("app-1", "story_old", true), ("app-2", "story_new", true)]
    {
        let answer = post(&body, [key, &at, &signature(secret, &at, &body)]).await;
        assert_eq!(answer.status, 201, "{key}: {}", answer.body);
        assert_eq!(answer.body["data"]["duplicate"], duplicate, "{key}");
    }
    // The server's API needs no such signature.
    assert_eq!(engine.purchase("u1", "p3").await.status, 201);
}
