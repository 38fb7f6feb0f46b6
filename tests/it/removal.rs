//! Removals: what is taken back, what is withheld, what is gone.

use crate::engine::{Engine, Plan, purchase};

const REMOVE: &str = include_str!("../corpus/linkrunner/remove.json");

/// Shows LR-31, LR-34, LR-36.
#[tokio::test]
async fn the_documents_removal_takes_back_one_payment() {
    let engine = Engine::start().await;
    engine.sign_up("666").await;
    engine.purchase("666", "ABC").await;
    engine.purchase("666", "OTHER").await;
    engine.drain().await;
    let answer = engine.post("/api/v1/remove-payment", REMOVE).await;
    insta::assert_snapshot!(answer.printed(), @r#"
    200
    {
      "data": {
        "already_sent": 1,
        "because": "Meta has no way to take an event back",
        "deleted": 1,
        "withheld": 0
      },
      "msg": "Payment entry/entries deleted",
      "status": 200
    }
    "#);
    let again = engine.post("/api/v1/remove-payment", REMOVE).await;
    assert_eq!(again.status, 400);
    assert_eq!(again.body["msg"], "No payment found with the given payment id or user id");
    assert_eq!(engine.books().await.recorded, 1, "the other payment of the user stays (LR-34)");
}

/// Shows LR-34.
#[tokio::test]
async fn where_the_user_wins_a_removal_with_both_takes_every_payment_of_the_user() {
    let engine = Plan::default().project("remove_by_user_wins = true").start().await;
    engine.sign_up("666").await;
    engine.sign_up("667").await;
    engine.purchase("666", "ABC").await;
    engine.purchase("666", "OTHER").await;
    engine.purchase("667", "THEIRS").await;
    let answer = engine.post("/api/v1/remove-payment", REMOVE).await;
    assert_eq!(answer.body["data"]["deleted"], 2, "{}", answer.body);
    let one = engine.post("/api/v1/remove-payment", r#"{"payment_id":"THEIRS"}"#).await;
    assert_eq!(one.body["data"]["deleted"], 1, "a payment alone is still a payment alone");
}

/// Shows LR-36.
#[tokio::test]
async fn what_was_not_sent_yet_is_never_sent() {
    let plan = Plan::default();
    let engine = Plan::default().start().await;
    engine.faults(r#"{"faults":[{"do":"token_revoked"}]}"#);
    engine.sign_up("666").await;
    // The first two were tried against a bad token and wait for the next try; the third is
    // recorded behind them.
    engine.purchase("666", "tried").await;
    engine.purchase("666", "stays").await;
    engine.until(|_| !engine.sandbox.requests().is_empty()).await;
    engine.purchase("666", "waiting").await;
    for id in ["tried", "waiting"] {
        let body = format!(r#"{{"payment_id":"{id}"}}"#);
        let answer = engine.post("/api/v1/remove-payment", &body).await;
        let data = &answer.body["data"];
        let counts = (data["withheld"].as_u64(), data["already_sent"].as_u64());
        assert_eq!(counts, (Some(1), Some(0)), "{id}: {}", answer.body);
    }
    let engine = engine.restart(&plan).await;
    engine.faults(r#"{"faults":[]}"#);
    let books = engine.drain().await;
    assert_eq!((books.delivered, books.withheld, books.dead), (1, 2, 0));
    assert_eq!(engine.arrived(), ["DEFAULT.stays"]);
}

/// Shows LR-32, LR-36.
#[tokio::test]
async fn a_user_is_removed_with_every_payment_and_every_trace() {
    let engine = Engine::start().await;
    engine.sign_up("canary-user").await;
    engine.sign_up("666").await;
    for payment in ["a", "b"] {
        engine.purchase("canary-user", payment).await;
    }
    engine.purchase("666", "c").await;
    engine.capture(&purchase("stranger", "d")).await;
    engine.drain().await;
    let answer = engine.post("/api/v1/remove-payment", r#"{"user_id":"canary-user"}"#).await;
    assert_eq!(answer.body["data"]["deleted"], 2);
    assert_eq!(answer.body["data"]["already_sent"], 2);
    let held = engine.post("/api/v1/remove-payment", r#"{"user_id":"stranger"}"#).await;
    assert_eq!(held.body["data"]["deleted"], 1, "held payments are found too");
    let books = engine.books().await;
    assert_eq!((books.recorded, books.removed, books.held), (1, 3, 0));
    let story = engine.admin("/admin/v1/payments/a").await;
    assert_eq!(story.body["payments"][0]["state"], "removed");
    assert!(!story.body.to_string().contains("canary-user"), "{}", story.body);
}

/// Shows LR-15, LR-33.
#[tokio::test]
async fn a_removed_key_is_free_again_and_its_event_keeps_its_id() {
    let engine = Engine::start().await;
    engine.sign_up("666").await;
    engine.purchase("666", "ABC").await;
    engine.drain().await;
    engine.post("/api/v1/remove-payment", REMOVE).await;
    let again = engine.purchase("666", "ABC").await;
    assert_eq!(again.body["data"]["duplicate"], false);
    engine.drain().await;
    // LR-33: the same event id, so that Meta can drop it.
    assert_eq!(engine.arrived(), ["DEFAULT.ABC", "DEFAULT.ABC"]);
}

#[tokio::test]
async fn a_removal_racing_with_sending_is_told_exactly() {
    let engine = Engine::start().await;
    engine.sign_up("666").await;
    for round in 0..30 {
        let id = format!("race-{round}");
        engine.purchase("666", &id).await;
        let body = format!(r#"{{"payment_id":"{id}"}}"#);
        let removal = engine.post("/api/v1/remove-payment", &body);
        let (answer, _) = tokio::join!(removal, engine.drain());
        let event = format!("DEFAULT.{id}");
        if answer.body["data"]["already_sent"] == 1 {
            // It may still be on its way: then it arrives.
            engine.until(|_| engine.arrived().contains(&event)).await;
        } else {
            // Whatever is sent after it has passed it by.
            engine.purchase("666", &format!("after-{round}")).await;
            engine.drain().await;
            assert!(!engine.arrived().contains(&event), "{id}: {}", answer.body);
        }
    }
}
