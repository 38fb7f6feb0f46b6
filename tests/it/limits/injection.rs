//! Injection: what a sender writes into one field changes no other field, no header, no log line and
//! no address; and what a stranger answers sends us nowhere else.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::talk::{ask, connect, get, sign_up, whole};
use crate::engine::{Engine, Plan};
use crate::program::{self, Program};

/// What an attacker writes: an end of a line, of a header, of a text, of an object, and beginnings of
/// whatever could follow.
const HOSTILE: [&str; 6] = [
    "evil\r\nx-evil: 1\r\n\r\nGET /evil HTTP/1.1\r\n\r\n",
    "evil\",\"value\":99999,\"currency\":\"EUR",
    "evil\\\",\\\"event_name\\\":\\\"Lead",
    "evil'; DROP TABLE payments; --",
    "evil\u{2028}\u{0}\u{1b}[31m{event_data.x}../../%0d%0a?access_token=evil&",
    "evil\n2026-02-28T12:00:00Z ERROR evil",
];

/// Every field of a payment that takes text, by its JSON pointer.
const FIELDS: [&str; 31] = [
    "/payment_id",
    "/type",
    "/status",
    "/currency",
    "/occurred_at",
    "/platform",
    "/client_ip_address",
    "/client_user_agent",
    "/fbc",
    "/fbp",
    "/event_source_url",
    "/referrer_url",
    "/action_source",
    "/customer_segmentation",
    "/user_data/email",
    "/user_data/phone",
    "/user_data/first_name",
    "/user_data/city",
    "/user_data/country",
    "/user_data/external_id",
    "/user_data/subscription_id",
    "/event_data/currency",
    "/event_data/content_type",
    "/event_data/content_ids/0",
    "/event_data/contents/0/id",
    "/event_data/order_id",
    "/event_data/content_name",
    "/event_data/content_category",
    "/event_data/event_id",
    "/event_data/coupon",
    "/event_data/plan",
];

/// A payment with each of the fields that the table names and an honest payment has.
fn payment() -> Value {
    json!({
        "user_id": "666", "payment_id": "P", "type": "ONE_TIME", "amount": 10.5, "currency": "INR",
        "client_ip_address": "49.207.200.113", "client_user_agent": "plain/1",
        "event_source_url": "https://shop.example/plain",
        "user_data": {
            "email": "plain@example.com", "phone": "+919876543210", "first_name": "plain",
            "city": "plain", "country": "IN", "external_id": "plain", "subscription_id": "plain",
        },
        "event_data": {
            "value": 10.5, "currency": "INR", "content_type": "product", "num_items": 1,
            "content_ids": ["plain"], "order_id": "plain", "content_name": "plain",
            "content_category": "plain", "coupon": "plain", "plan": "plain",
            "contents": [{"id": "plain", "quantity": 1, "item_price": 10.5}],
        },
    })
}

/// The same with this in one field.
fn with(pointer: &str, value: &str, id: &str) -> Value {
    let mut payment = payment();
    payment["payment_id"] = json!(id);
    let (object, key) = pointer.rsplit_once('/').expect("a pointer");
    let place = payment.pointer_mut(object).expect("an object or a list");
    match key.parse::<usize>() {
        Ok(index) => place[index] = json!(value),
        Err(_) => place[key] = json!(value),
    }
    payment
}

/// The leaves of an event, by their pointers.
fn leaves(value: &Value, at: &str, into: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                leaves(value, &format!("{at}/{key}"), into);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                leaves(value, &format!("{at}/{index}"), into);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            into.insert(at.to_owned(), value.to_string());
        }
    }
}

/// Which leaf of the event this field of the payment may change, beside its own text and digest.
fn may_follow(field: &str, leaf: &str) -> bool {
    match field {
        // Ids of the event; a type or a status that is not known is another payment, or none.
        "/payment_id" | "/type" | "/event_data/event_id" => leaf == "/event_id",
        // A broken list of ids is made of contents, and the other way round.
        "/event_data/content_ids/0" | "/event_data/contents/0/id" => {
            leaf.starts_with("/custom_data/content")
        }
        // An event without an address or a page may be one of another source, as the mapping says.
        "/platform" | "/action_source" => leaf == "/action_source" || leaf.starts_with("/app_data"),
        "/occurred_at" => leaf == "/event_time",
        _ => false,
    }
}

/// How far a key of an event is one of Meta's: lower case, and short.
fn is_word(pointer: &str) -> bool {
    pointer
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"/_".contains(&byte))
}

#[tokio::test]
async fn one_field_changes_no_other_whatever_stands_in_it() {
    let engine = Engine::start().await;
    engine.sign_up("666").await;
    let mut plain = payment();
    plain["payment_id"] = json!("honest");
    let answer = engine.capture(&plain.to_string()).await;
    assert_eq!(answer.body["data"]["verdict"], "forward", "{}", answer.body);
    let mut sent: BTreeMap<String, &str> = BTreeMap::new();
    let mut refused = 0;
    for (row, field) in FIELDS.iter().enumerate() {
        for (column, hostile) in HOSTILE.iter().enumerate() {
            let id = format!("x{row}-{column}");
            let body = with(field, hostile, &id);
            let answer = engine.capture(&body.to_string()).await;
            assert!(matches!(answer.status, 201 | 400), "{field}: {}", answer.body);
            for (name, value) in &answer.headers {
                let name = name.as_str();
                assert!(
                    ["content-type", "content-length", "date"].contains(&name),
                    "{field}: {name}"
                );
                assert!(!value.as_bytes().windows(4).any(|window| window == b"evil"), "{field}");
            }
            refused += usize::from(answer.status == 400);
            for event in answer.body["data"]["events"].as_array().into_iter().flatten() {
                sent.insert(event["event_id"].as_str().expect("an id").to_owned(), field);
            }
        }
    }
    engine.drain().await;
    let mut honest = BTreeMap::new();
    let events = engine.sandbox.events();
    leaves(&serde_json::from_str(&events[0].raw).expect("JSON"), "", &mut honest);
    let mut compared = 0;
    for event in &events[1..] {
        let id = event.event_id.as_deref().expect("an id");
        let field = sent.get(id).unwrap_or_else(|| panic!("nobody sent {id}"));
        let mut found = BTreeMap::new();
        leaves(&serde_json::from_str(&event.raw).expect("JSON"), "", &mut found);
        let all: std::collections::BTreeSet<&String> = honest.keys().chain(found.keys()).collect();
        for leaf in all {
            let (before, now) = (honest.get(leaf), found.get(leaf));
            assert!(now.is_none() || is_word(leaf), "{field} makes a key: {leaf}");
            // The id and the time of each event are its own.
            if before == now || ["/event_id", "/event_time"].contains(&leaf.as_str()) {
                continue;
            }
            let own = leaf.rsplit('/').find(|part| part.parse::<usize>().is_err());
            let own = own.unwrap_or_default();
            let is_own = field.ends_with(&format!("/{own}"))
                || now.is_some_and(|now| now.contains("evil"))
                || leaf.starts_with("/user_data/") && field.starts_with("/user_data/");
            assert!(
                is_own || may_follow(field, leaf),
                "{field} changes {leaf}: {before:?}, then {now:?}"
            );
        }
        compared += 1;
    }
    println!(
        "{} hostile payments: {refused} refused, {compared} events compared",
        FIELDS.len() * HOSTILE.len()
    );
    assert!(compared > 50, "{compared}");
    for request in engine.sandbox.requests() {
        let asked = (request.method.as_str(), request.path.as_str());
        assert_eq!(asked, ("POST", "/v25.0/1234567890/events"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_field_makes_a_line_of_the_log_or_of_the_metrics() {
    let folder = TempDir::new().expect("a folder");
    let (_, sandbox) = program::oracle().await;
    Program::configure(folder.path(), sandbox);
    let mut program = Program::start(folder.path());
    sign_up(&program).await;
    let mut stream = connect(program.api).await;
    for (row, field) in FIELDS.iter().enumerate() {
        for (column, hostile) in HOSTILE.iter().enumerate() {
            let body = with(field, hostile, &format!("x{row}-{column}")).to_string();
            let reply = ask(&mut stream, &whole("/api/v1/capture-payment", &body)).await;
            let reply = reply.expect("an answer");
            assert!(matches!(reply.status, 201 | 400), "{field}: {reply:?}");
            assert!(!reply.head.contains("evil"), "{field}: {}", reply.head);
        }
    }
    for path in [
        "/webhooks/evil%0d%0ax-evil:%201/evil",
        "/api/v1/visitors/evil%0d%0ax-evil:%201",
        "/evil%0d%0ax-evil:%201",
        "/evil%00%1b[31m%e2%80%a8",
    ] {
        for request in [get(path), whole(path, "{}")] {
            let reply = ask(&mut stream, &request).await.expect("an answer");
            assert!(matches!(reply.status, 401 | 404 | 405), "{path}: {reply:?}");
            assert!(!reply.head.contains("evil"), "{path}: {}", reply.head);
        }
    }
    let mut operator = connect(program.admin).await;
    let metrics = ask(&mut operator, &get("/metrics")).await.expect("an answer").body;
    for line in metrics.lines() {
        assert!(line.starts_with("tillpost_") || line.starts_with('#'), "{line}");
        assert!(!line.contains("evil"), "{line}");
    }
    assert_eq!(program.terminate(), Some(0));
    let log = std::fs::read_to_string(folder.path().join("log.txt")).expect("a log");
    assert!(log.lines().count() > 3, "{log}");
    for line in log.lines() {
        let is_ours =
            line.get(..4).is_some_and(|year| year.parse::<u16>().is_ok()) && line.contains('Z');
        assert!(is_ours, "a line that nobody wrote: {line:?}");
        assert!(!line.contains("ERROR evil") && !line.contains('\u{1b}'), "{line:?}");
    }
}

/// A stranger that counts who comes, and sends everybody on to the next address.
async fn stranger(to: Option<SocketAddr>, status: u16) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let came = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&came);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            let mut asked = [0; 4_096];
            let _ = stream.read(&mut asked).await;
            let place = to.map(|to| format!("location: http://{to}/\r\n")).unwrap_or_default();
            let answer = format!(
                "HTTP/1.1 {status} X\r\n{place}content-length: 0\r\nconnection: close\r\n\r\n"
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (address, came)
}

#[tokio::test]
async fn nobody_who_is_called_sends_us_elsewhere() {
    for status in [301, 302, 303, 307, 308] {
        let (trap, caught) = stranger(None, 200).await;
        let (hook, called) = stranger(Some(trap), status).await;
        // Meta's address and the alarm's: both answer with another place.
        let engine = Plan::default()
            .file("hook", &format!("http://{hook}/alarm"))
            .dataset("[alerts]\nwebhook = { file = \"hook\" }")
            .start()
            .await;
        engine.faults(
            r#"{"faults":[{"do":"fail","times":1,"status":400,"code":190,"subcode":463}]}"#,
        );
        engine.sign_up("666").await;
        engine.purchase("666", "p").await;
        engine.until(|_| called.load(Ordering::Relaxed) >= 2).await;
        assert_eq!(caught.load(Ordering::Relaxed), 0, "{status}: the alarm was sent on");
        let (meta, asked) = stranger(Some(trap), status).await;
        let config = format!(
            "[http]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:1\"\n[[projects]]\nname = \"shop\"\n\
             server_key = {{ env = \"KEY\" }}\nmapping = \"mapping.toml\"\n[datasets.storefront]\n\
             id = \"1234567890\"\naccess_token = {{ env = \"TOKEN\" }}\nendpoint = \"http://{meta}\"\n"
        );
        let dataset = engine.dataset_of(&config);
        let looked = tillpost::app::look_at(&dataset).await.expect("a look");
        assert_eq!(asked.load(Ordering::Relaxed), 1, "{status}");
        assert!(!format!("{looked:?}").contains("Accepted"), "{status}: {looked:?}");
        assert_eq!(caught.load(Ordering::Relaxed), 0, "{status}: the token was sent on");
    }
}
