//! Mapping files while the service runs: an edit is in force at once, an edit with errors is not.

use crate::engine::{Engine, Plan, purchase};

const PURCHASE: &str =
    "version = 1\n[defaults]\ndataset = \"storefront\"\n[payments]\nDEFAULT = \"Purchase\"\n";

fn edited(from: &str, to: &str) -> String {
    let text = PURCHASE.replace(from, to);
    assert_ne!(text, PURCHASE);
    text
}

async fn event_of(engine: &Engine, payment: &str) -> (String, String) {
    let answer = engine.capture(&purchase("u1", payment)).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let data = &answer.body["data"];
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    (text(&data["events"][0]["event_name"]), text(&data["mapping"]))
}

#[tokio::test]
async fn an_edit_is_in_force_and_what_was_decided_before_stays() {
    let engine = Plan::default().mapping(PURCHASE).start().await;
    engine.sign_up("u1").await;
    let (name, first) = event_of(&engine, "p1").await;
    assert_eq!(name, "Purchase");

    engine.edit_mapping(Some(&edited("\"Purchase\"", "\"Subscribe\"")));
    let shown = engine.mapping_until(|mapping| mapping["version"] != first.as_str()).await;
    assert_eq!(shown["reloads"], 1);
    assert_eq!(shown["payments"]["DEFAULT"][0]["event"], "Subscribe");

    let (name, second) = event_of(&engine, "p2").await;
    assert_eq!(
        (name.as_str(), second.as_str()),
        ("Subscribe", shown["version"].as_str().expect("a version"))
    );
    // A repetition shows the first record, whatever the file says by now.
    assert_eq!(event_of(&engine, "p1").await, ("Purchase".to_owned(), first));
}

#[tokio::test]
async fn an_edit_with_errors_changes_nothing_and_everybody_says_so() {
    let engine = Plan::default().mapping(PURCHASE).start().await;
    engine.sign_up("u1").await;
    let (_, version) = event_of(&engine, "p1").await;

    engine.edit_mapping(Some(&edited("\"Purchase\"", "\"Purchse\"")));
    let shown = engine.mapping_until(|mapping| !mapping["refused"].is_null()).await;
    let finding = &shown["refused"]["findings"][0];
    assert_eq!((&finding["code"], &finding["line"]), (&"M405".into(), &5.into()), "{shown:#}");
    assert_eq!(finding["help"], "did you mean `Purchase`? Names are case-sensitive at Meta");
    assert_eq!(shown["version"], version.as_str());
    assert_eq!(event_of(&engine, "p2").await, ("Purchase".to_owned(), version.clone()));

    let health = engine.request("GET", "/health/ready").send().await.expect("an answer");
    assert_eq!(health.status(), 200, "it serves as before");
    let health = health.text().await.expect("a text");
    assert!(health.contains("the mapping file of `shop` is refused"), "{health}");
    let metrics = engine.admin("/metrics").await.body;
    let metrics = metrics.as_str().expect("a page");
    for line in [
        "tillpost_mapping_refused{project=\"shop\"} 1",
        "tillpost_mapping_reloads{project=\"shop\",result=\"refused\"} 1",
        &format!("tillpost_mapping{{project=\"shop\",version=\"{version}\"}} 1"),
        "tillpost_payments{state=\"recorded\"} 2",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }

    engine.edit_mapping(Some(PURCHASE));
    let shown = engine.mapping_until(|mapping| mapping["refused"].is_null()).await;
    assert_eq!((&shown["version"], &shown["reloads"]), (&version.into(), &0.into()));
}

#[tokio::test]
async fn a_file_that_is_gone_for_a_while_changes_nothing() {
    let engine = Plan::default().mapping(PURCHASE).start().await;
    engine.sign_up("u1").await;
    let (_, version) = event_of(&engine, "p1").await;
    engine.edit_mapping(None);
    let shown = engine.mapping_until(|mapping| !mapping["refused"].is_null()).await;
    assert_eq!(shown["refused"]["findings"][0]["code"], "C507");
    assert_eq!(event_of(&engine, "p2").await.1, version);
    engine.edit_mapping(Some(PURCHASE));
    engine.mapping_until(|mapping| mapping["refused"].is_null()).await;
}
