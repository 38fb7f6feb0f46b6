//! Real input: 6,919 purchases of a record shop, all recorded, all delivered once, to the cent.

use std::collections::BTreeMap;

use crate::engine::{Engine, Plan};
use crate::program;

const SIGNUPS: &str = include_str!("../data/cdnow-signups.ndjson");
const PAYMENTS: &str = include_str!("../data/cdnow-payments.ndjson");

/// The orders of the file: event id, and the value in cents, read without our own reader.
fn orders() -> BTreeMap<String, i64> {
    PAYMENTS
        .lines()
        .map(|line| {
            let order: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
            let id = format!(
                "{}.{}",
                order["type"].as_str().expect("a type"),
                order["payment_id"].as_str().expect("an id")
            );
            (id, cents(&order["event_data"]["value"].to_string()))
        })
        .collect()
}

/// Digits to cents, by hand: at most two after the point.
fn cents(number: &str) -> i64 {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let padded = format!("{fraction:0<2}");
    assert_eq!(padded.len(), 2, "{number}");
    whole.parse::<i64>().expect("digits") * 100 + padded.parse::<i64>().expect("digits")
}

async fn import(engine: &Engine, text: &str) -> BTreeMap<String, usize> {
    let mut outcomes = BTreeMap::new();
    let lines: Vec<&str> = text.lines().collect();
    for chunk in lines.chunks(1_000) {
        let answer = engine.admin_post("/admin/v1/import", chunk.join("\n").into_bytes()).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        for line in answer.body["lines"].as_array().expect("a list") {
            let outcome = line["outcome"].as_str().expect("a word").to_owned();
            *outcomes.entry(outcome).or_default() += 1;
        }
    }
    outcomes
}

#[tokio::test]
async fn every_real_purchase_is_recorded_once_and_delivered_to_the_cent() {
    let engine = Plan::default().start().await;
    let signed_up = import(&engine, SIGNUPS).await;
    assert_eq!(signed_up, BTreeMap::from([("signed_up".to_owned(), 2_357)]));
    let recorded = import(&engine, PAYMENTS).await;
    assert_eq!(recorded, BTreeMap::from([("recorded".to_owned(), 6_919)]));
    let books = engine.drain().await;
    assert_eq!((books.recorded, books.delivered, books.dead), (6_919, 6_919, 0));

    let again = import(&engine, PAYMENTS).await;
    assert_eq!(again, BTreeMap::from([("duplicate".to_owned(), 6_919)]));
    assert_eq!(engine.drain().await, books, "a second import changes nothing");

    let orders = orders();
    let events = engine.sandbox.events();
    assert_eq!(events.len(), orders.len(), "each arrived once");
    let mut sums = (0, 0);
    for event in &events {
        let id = event.event_id.as_deref().expect("an id");
        let sent: serde_json::Value = serde_json::from_str(&event.raw).expect("JSON");
        let value = cents(&sent["custom_data"]["value"].to_string());
        assert_eq!(value, orders[id], "{id}");
        sums = (sums.0 + value, sums.1 + orders[id]);
    }
    assert_eq!(sums.0, sums.1);
    // Python: sum(Decimal(line["event_data"]["value"]) for each line) == 244091.94
    assert_eq!(sums.0, 24_409_194);
    println!("{} events, {} cents", events.len(), sums.0);
}

#[tokio::test]
async fn rounding_in_real_orders_is_no_finding() {
    let engine = Engine::start().await;
    import(&engine, SIGNUPS).await;
    let mut differing = Vec::new();
    for line in PAYMENTS.lines().step_by(23) {
        let answer = engine.capture(line).await;
        if answer.codes().iter().any(|code| matches!(*code, "E207" | "E209" | "E210")) {
            differing.push(line);
        }
    }
    assert_eq!(differing, Vec::<&str>::new());
}

#[tokio::test]
async fn an_import_refuses_lines_and_goes_on() {
    let engine = Engine::start().await;
    let text = concat!(
        r#"{"user_data":{"id":"1"}}"#,
        "\n\n",
        r#"{"user_id":"1","payment_id":"a","amount":1}"#,
        "\n",
        "not json\n",
        r#"{"user_id":"1","amount":1}"#,
        "\n",
        r#"{"user_id":"2","payment_id":"b","amount":1}"#,
        "\r\n",
        r#"{"user_data":{"email":"x@example.com"}}"#,
        "\n",
    );
    let outcomes = import(&engine, text).await;
    let expected = [("held", 1), ("recorded", 1), ("refused", 3), ("signed_up", 1)];
    assert_eq!(outcomes, expected.map(|(word, count)| (word.to_owned(), count)).into());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_loads_through_a_running_service_or_without_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let (sandbox, address) = program::oracle().await;
    program::Program::configure(folder.path(), address);
    let head: Vec<&str> = SIGNUPS.lines().take(50).collect();
    std::fs::write(folder.path().join("signups.ndjson"), head.join("\n")).expect("a file");
    let head: Vec<&str> = PAYMENTS.lines().take(60).collect();
    std::fs::write(folder.path().join("payments.ndjson"), head.join("\n")).expect("a file");

    // Nobody has the database open: this process loads it.
    let alone = program::run(folder.path(), &["import", "signups.ndjson"]);
    let printed = program::printed(&alone);
    assert!(alone.status.success() && printed.contains("50 signed up"), "{printed}");

    // A service has it: it does the work and delivers.
    let service = program::Program::start(folder.path());
    let beside = program::run(folder.path(), &["import", "payments.ndjson"]);
    let printed = program::printed(&beside);
    assert!(beside.status.success() && printed.contains("60 recorded"), "{printed}");
    let http = program::client();
    let started = std::time::Instant::now();
    while service.books(&http).await["delivered"] != 60 {
        assert!(started.elapsed() < std::time::Duration::from_secs(30), "it delivers");
    }
    assert_eq!(sandbox.received(), 60);
    let again = program::run(folder.path(), &["import", "payments.ndjson"]);
    assert!(String::from_utf8_lossy(&again.stdout).contains("60 duplicate"));
}
