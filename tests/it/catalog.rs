//! The catalogue, told through the API and the command line: what is said of an id, and the match rate.

use serde_json::{Value, json};

use crate::engine::{Engine, Plan, purchase};
use crate::program;

const FEED: &str = "id,item_group_id,price\nsku1,shirt,10.50 INR\nsku2,shirt,9.99 INR\n";

fn of(purchase: &str, id: &str) -> String {
    purchase.replace("sku1", id)
}

#[tokio::test]
async fn an_id_that_the_catalogue_lacks_is_said_and_lowers_the_match_rate() {
    let engine = Plan::default().feed(FEED).start().await;
    engine.sign_up("666").await;
    let answer = engine.purchase("666", "A").await;
    assert_eq!(answer.codes(), Vec::<&str>::new(), "{}", answer.body);
    // A repetition is no second event.
    engine.purchase("666", "A").await;
    let answer = engine.capture(&of(&purchase("666", "B"), "wc_sku2")).await;
    assert_eq!(answer.body["data"]["verdict"], "forward", "Meta takes it: {}", answer.body);
    assert_eq!(answer.codes(), ["E244"], "{}", answer.body);
    let help = answer.body["data"]["findings"][0]["help"].as_str().expect("help");
    assert!(help.contains("strip_prefix = \"wc_\""), "{help}");
    // The price of the other product.
    let answer = engine.capture(&of(&purchase("666", "C"), "sku2")).await;
    assert_eq!(answer.codes(), ["E245"], "{}", answer.body);
    // Held until the signup, and counted then.
    engine.capture(&purchase("777", "D")).await;
    let rate = engine.admin("/admin/v1/catalog").await.body["datasets"][0].clone();
    assert_eq!(rate["seen"], 3, "what is held is not seen: {rate}");
    engine.sign_up("777").await;
    let answer = engine.admin("/admin/v1/catalog").await;
    assert_eq!(answer.status, 200);
    let expected = json!({
        "project": "shop", "dataset": "storefront", "feed": "feed.csv", "loaded": true,
        "products": 2, "groups": 1, "events": 4, "seen": 4, "matched": 3,
        "rate_percent": 75.0, "good": false,
        "worst": [{"id": "wc_sku2", "times": 1, "did_you_mean": "sku2", "help": help}],
        "mends": [{"line": "content_id = { strip_prefix = \"wc_\" }", "ids": 1, "breaks": 0, "rate_percent": 100.0}],
    });
    assert_eq!(answer.body["datasets"], json!([expected]));
}

#[tokio::test]
async fn without_a_feed_there_is_no_catalogue_and_nothing_is_said() {
    let engine = Engine::start().await;
    engine.sign_up("666").await;
    let answer = engine.capture(&of(&purchase("666", "A"), "wc_sku2")).await;
    assert_eq!(answer.codes(), Vec::<&str>::new(), "{}", answer.body);
    let answer = engine.admin("/admin/v1/catalog").await;
    assert_eq!(answer.body, json!({"datasets": []}));
}

#[tokio::test]
async fn a_service_starts_without_a_feed_that_cannot_be_used() {
    let engine = Plan::default().feed("").start().await;
    engine.sign_up("666").await;
    let answer = engine.purchase("666", "A").await;
    assert_eq!(answer.body["data"]["verdict"], "forward", "{}", answer.body);
    let rate = engine.admin("/admin/v1/catalog").await.body["datasets"][0].clone();
    assert_eq!((&rate["loaded"], &rate["seen"]), (&json!(false), &json!(0)), "{rate}");
    // Once the feed can be read, it is.
    engine.edit("feed.csv", Some(FEED));
    engine.mapping_until(|mapping| mapping["reloads"] == 1).await;
    engine.purchase("666", "B").await;
    let rate = engine.admin("/admin/v1/catalog").await.body["datasets"][0].clone();
    assert_eq!((&rate["products"], &rate["matched"]), (&json!(2), &json!(1)), "{rate}");
    // A feed that is gone, or half written, takes the catalogue from nobody.
    engine.edit("feed.csv", None);
    engine.mapping_until(|mapping| !mapping["refused"].is_null()).await;
    let rate = engine.admin("/admin/v1/catalog").await.body["datasets"][0].clone();
    assert_eq!(rate["products"], 2, "{rate}");
}

#[test]
fn the_command_prints_the_rate_the_worst_ids_and_the_line_that_mends_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let feed = format!("{FEED}sku2,,1 USD\n,,\nsku3,,\"9,99 EUR\"\n");
    std::fs::write(folder.path().join("feed.csv"), feed).expect("a file");
    let bodies = [
        purchase("666", "A"),
        of(&purchase("666", "B"), "wc_sku2"),
        of(&purchase("666", "C"), "wc_sku1"),
        of(&purchase("666", "D"), "shirt"),
        of(&purchase("666", "E"), "sku2"),
        "{}".to_owned(),
        r#"{"user_id":"1","amount":5,"type":"FUNDS_WITHDRAWAL"}"#.to_owned(),
    ];
    std::fs::write(folder.path().join("payments.ndjson"), bodies.join("\n")).expect("a file");
    let run = |arguments: &[&str]| program::run(folder.path(), arguments);
    let output = run(&["catalog", "feed.csv", "payments.ndjson"]);
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(String::from_utf8_lossy(&output.stdout), @r#"
    feed.csv: products 3, groups 1, rows 4
      fields that are read: id, item_group_id, price; not in the feed: sale_price
      rows that have an `id` that an earlier row has: 1, first in line 4
        help: give every product an id of its own; the first row counts here
      rows that have a `price` that cannot be read: 1, first in line 6
        help: write a number with a point, a blank and the currency: "9.99 USD"
    payments: 7
      that cannot be read (`tillpost decide` says why): 1
      that become no event under the mapping file: 1

    storefront: 40.0 % of the ids match (ids 5, found 2, events 5): too low, Meta wants 90 % or more
      ids that are not in the feed, the most frequent first:
             1 × `shirt`: it is the id of a group of variants: set `content_type = "product_group"` in the mapping file, or send the id of the variant
             1 × `wc_sku1`, did you mean `sku1`?
             1 × `wc_sku2`, did you mean `sku2`?
      a line for the mapping file, under [defaults] or in a rule; after an edit, run this again:
        content_id = { strip_prefix = "wc_" }   # 40.0 % → 80.0 %; mends 2, breaks none

    payments with a price that differs from the catalogue: 1
      E: `item_price` is 10.5, the catalogue says 9.99 INR
    "#);
    let output = run(&["catalog", "feed.csv", "payments.ndjson", "--format", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_eq!(report["datasets"][0]["rate_percent"], 40.0, "{report}");
    assert_eq!(report["price_differences"]["payments"], 1, "{report}");
    // With the line that it names.
    let mapping = include_str!("../../mappings/commerce.toml")
        .replace("[defaults]", "[defaults]\ncontent_id = { strip_prefix = \"wc_\" }");
    std::fs::write(folder.path().join("m.toml"), mapping).expect("a file");
    std::fs::write(folder.path().join("one.json"), &bodies[1]).expect("a file");
    let output = run(&["catalog", "feed.csv", "one.json", "--mapping", "m.toml"]);
    assert_eq!(output.status.code(), Some(0));
    let output = run(&["catalog", "none.csv", "one.json"]);
    assert_eq!(output.status.code(), Some(2));
}
