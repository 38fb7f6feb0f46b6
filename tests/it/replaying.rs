//! Replay: payments that went nowhere are decided anew once the mapping file is mended.

use std::time::Duration;

use serde_json::{Value, json};

use crate::engine::{Engine, Plan, purchase};

/// The SHA-256 of `u1@example.com`, as `sha256sum` prints it.
const U1_HASHED: &str = "6228d577ed8b4c57b0388fbef9d63caed2ca3c1cca39bc8db1253cf22f80beae";

const ONLY_ONE_TIME: &str =
    "version = 1\n[defaults]\ndataset = \"storefront\"\n[payments]\nONE_TIME = \"Purchase\"\n";

async fn start(mapping: &str) -> Engine {
    let engine = Plan::default().mapping(mapping).start().await;
    engine.sign_up("u1").await;
    engine
}

async fn edit(engine: &Engine, text: &str) {
    let before = engine.mapping_until(|_| true).await["version"].clone();
    engine.edit_mapping(Some(text));
    engine.mapping_until(|mapping| mapping["version"] != before).await;
}

async fn replay(engine: &Engine, mut asked: Value) -> Vec<Value> {
    if asked == json!({}) {
        asked = json!({"all": true});
    }
    let answer = engine.admin_post("/admin/v1/replay", asked.to_string().into_bytes()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body["payments"].as_array().expect("a list").clone()
}

fn of_type(kind: &str, payment: &str) -> String {
    purchase("u1", payment).replacen('{', &format!(r#"{{"type":"{kind}","#), 1)
}

#[tokio::test]
async fn what_had_no_rule_is_sent_once_with_the_id_that_it_would_have_had() {
    let engine = start(ONLY_ONE_TIME).await;
    let answer = engine.capture(&of_type("RECURRING", "p1")).await;
    assert_eq!(answer.body["data"]["reason"], "no_mapping");
    engine.capture(&of_type("WALLET_TOPUP", "p2")).await;
    engine.capture(&of_type("ONE_TIME", "p3")).await;
    engine.drain().await;
    assert_eq!(engine.arrived(), ["ONE_TIME.p3"]);
    assert_eq!(replay(&engine, json!({})).await.iter().filter(|p| p["sent"] == true).count(), 0);

    edit(&engine, &format!("{ONLY_ONE_TIME}RECURRING = \"Subscribe\"\n")).await;
    let shown = replay(&engine, json!({"dry_run": true})).await;
    let verdicts: Vec<(&Value, &Value, &Value)> = shown
        .iter()
        .map(|p| (&p["payment_id"], &p["before"]["verdict"], &p["now"]["verdict"]))
        .collect();
    let (skip, forward) = (json!("skip"), json!("forward"));
    assert_eq!(verdicts, [(&json!("p1"), &skip, &forward), (&json!("p2"), &skip, &skip)]);
    assert_eq!(engine.books().await.deliveries, 1, "a dry run changes nothing");

    let sent = replay(&engine, json!({})).await;
    assert_eq!((&sent[0]["sent"], &sent[1]["sent"]), (&json!(true), &json!(false)));
    engine.drain().await;
    assert_eq!(engine.arrived(), ["ONE_TIME.p3", "RECURRING.p1"]);
    let event = engine.sandbox.events().pop().expect("an event");
    assert!(event.raw.contains(U1_HASHED), "the hashed person goes with it");

    // A second run finds only what still has no rule, and a repetition shows what holds by now.
    assert_eq!(replay(&engine, json!({})).await.len(), 1);
    let again = engine.capture(&of_type("RECURRING", "p1")).await;
    let data = &again.body["data"];
    assert_eq!((&data["duplicate"], &data["verdict"]), (&json!(true), &forward));
    let story = &engine.admin("/admin/v1/payments/p1").await.body["payments"][0];
    assert_eq!(story["former"][0]["decision"]["reason"], "no_mapping", "{story:#}");
    assert_eq!(story["deliveries"][0]["fate"], "delivered");
    let books = engine.books().await;
    assert_eq!((books.recorded, books.deliveries, books.delivered), (3, 2, 2));
}

#[tokio::test]
async fn what_a_check_blocked_goes_once_the_check_is_lighter_and_reading_is_not_forgotten() {
    let strict = format!(
        "{ONLY_ONE_TIME}DEFAULT = {{ event = \"Purchase\", checks = {{ E207 = \"block\" }} }}\n"
    );
    let engine = start(&strict).await;
    let body =
        purchase("u1", "p1").replace(r#""value":10.5"#, r#""value":11,"email":"a@b.example""#);
    let answer = engine.capture(&body).await;
    assert_eq!(answer.body["data"]["verdict"], "block", "{}", answer.body);
    assert!(answer.codes().contains(&"P203") && answer.codes().contains(&"E207"));

    edit(&engine, &strict.replace("block", "warn")).await;
    let sent = replay(&engine, json!({"verdict": "block"})).await;
    assert_eq!(sent[0]["sent"], true, "{sent:#?}");
    let again = engine.capture(&body).await;
    let codes = again.codes();
    let count = |code: &str| codes.iter().filter(|found| **found == code).count();
    assert_eq!((count("P203"), count("E207")), (1, 1), "{}", again.body);
    engine.drain().await;
    assert_eq!(engine.arrived(), ["DEFAULT.p1"]);
}

#[tokio::test]
async fn only_what_is_asked_for_and_young_enough_is_sent_and_nothing_that_was_removed() {
    let engine = start(ONLY_ONE_TIME).await;
    engine.capture(&of_type("RECURRING", "old")).await;
    engine.clock.advance(Duration::from_hours(8 * 24));
    for (kind, payment) in
        [("RECURRING", "young"), ("RECURRING", "gone"), ("WALLET_TOPUP", "other")]
    {
        engine.capture(&of_type(kind, payment)).await;
    }
    let removed = engine.post("/api/v1/remove-payment", r#"{"payment_id":"gone"}"#).await;
    assert_eq!(removed.status, 200, "{}", removed.body);
    let both = "RECURRING = \"Purchase\"\nWALLET_TOPUP = \"Purchase\"\n";
    edit(&engine, &format!("{ONLY_ONE_TIME}{both}")).await;

    let since = engine.clock_seconds() - 3_600;
    for (asked, ids) in [
        (json!({"type": "WALLET_TOPUP", "dry_run": true}), vec!["other"]),
        (json!({"since": since.to_string(), "dry_run": true}), vec!["young", "other"]),
        (json!({"until": since.to_string(), "dry_run": true}), vec!["old"]),
        (json!({"verdict": "block", "dry_run": true}), vec![]),
        (json!({"project": "shop", "dry_run": true}), vec!["old", "young", "other"]),
    ] {
        let found = replay(&engine, asked.clone()).await;
        let found: Vec<&str> = found.iter().filter_map(|p| p["payment_id"].as_str()).collect();
        assert_eq!(found, ids, "{asked}");
    }
    let sent = replay(&engine, json!({"type": "RECURRING"})).await;
    assert_eq!(sent[0]["now"]["reason"], "too_old", "{sent:#?}");
    assert_eq!((&sent[0]["sent"], &sent[1]["sent"]), (&json!(false), &json!(true)));
    engine.drain().await;
    assert_eq!(engine.arrived(), ["RECURRING.young"]);
}

#[tokio::test]
async fn replays_that_race_each_other_send_once() {
    let engine = start(ONLY_ONE_TIME).await;
    for number in 0..40 {
        engine.capture(&of_type("RECURRING", &format!("p{number}"))).await;
    }
    edit(&engine, &format!("{ONLY_ONE_TIME}RECURRING = \"Purchase\"\n")).await;
    let asked = || replay(&engine, json!({}));
    let (one, two, three) = tokio::join!(asked(), asked(), asked());
    let sent = [one, two, three].concat().iter().filter(|p| p["sent"] == true).count();
    assert_eq!(sent, 40);
    let books = engine.drain().await;
    assert_eq!((books.deliveries, books.delivered), (40, 40));
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_with_the_reason() {
    let engine = start(ONLY_ONE_TIME).await;
    for (asked, says) in [
        (json!({}), "send `all: true`"),
        (json!({"after": 5, "all": false, "dry_run": false}), "send `all: true`"),
        (json!({"verdict": "forward"}), "`verdict` is `skip` or `block`, not `forward`"),
        (json!({"type": "SALE"}), "`type` is `FIRST_PAYMENT`"),
        (json!({"since": "yesterday"}), "`since`"),
        (json!({"project": "other"}), "there is no project `other`"),
        (json!({"sinse": 5}), "sinse"),
        (json!([]), "the body cannot be read"),
        (json!([null, null, null, null, null]), "not a JSON object"),
    ] {
        let answer = engine.admin_post("/admin/v1/replay", asked.to_string().into_bytes()).await;
        assert_eq!(answer.status, 400, "{asked}");
        let msg = answer.body["msg"].as_str().expect("a text");
        assert!(msg.contains(says), "{asked}: {msg}");
    }
}
