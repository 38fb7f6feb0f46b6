//! What the books forget: addresses and browsers once Meta has them, and everything in its time.

use std::time::Duration;

use rusqlite::Connection;

use crate::engine::{Engine, Plan, purchase};

/// A network address and a browser that stand nowhere else.
const ADDRESS: &str = "49.207.200.113";
const BROWSER: &str = "Canarybrowser/7.31";

/// A payment whose person has an address and a browser.
fn from_somewhere(user: &str, payment: &str) -> String {
    let fields = format!(
        r#"{{"user_data":{{"client_ip_address":"{ADDRESS}","client_user_agent":"{BROWSER}"}},"#
    );
    purchase(user, payment).replacen('{', &fields, 1)
}

/// How many files of the books hold the address or the browser.
fn holding(engine: &Engine) -> usize {
    let files = std::fs::read_dir(engine.folder.path().join("books")).expect("the books");
    let holds = |bytes: &[u8], text: &str| {
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    };
    let held = files.map(|file| std::fs::read(file.expect("a file").path()).unwrap_or_default());
    held.filter(|bytes| holds(bytes, ADDRESS) || holds(bytes, BROWSER)).count()
}

/// Lets upkeep look so many times, within twenty seconds each, until nothing holds them any more.
async fn forgotten_within(engine: &Engine, rounds: usize) -> bool {
    for _ in 0..rounds {
        if holding(engine) == 0 {
            return true;
        }
        engine.upkeep().await;
    }
    holding(engine) == 0
}

#[tokio::test]
async fn address_and_browser_are_erased_once_meta_has_the_event() {
    let engine = Engine::start().await;
    engine.faults(r#"{"faults":[{"do":"fail","status":503,"code":2}]}"#);
    engine.sign_up("666").await;
    let answer = engine.capture(&from_somewhere("666", "p1")).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    // While Meta does not answer they are needed, and the search finds them.
    assert!(!forgotten_within(&engine, 6).await, "what is not delivered keeps them");
    engine.faults(r#"{"faults":[]}"#);
    engine.drain().await;
    assert!(forgotten_within(&engine, 15).await, "they stand in the books");
    let sent = &engine.sandbox.events()[0].raw;
    assert!(sent.contains(ADDRESS) && sent.contains(BROWSER), "Meta has them: {sent}");

    // The rest of the record stands, and a repetition is one, wherever it comes from.
    let elsewhere = from_somewhere("666", "p1").replace(ADDRESS, "49.207.200.9");
    let again = engine.capture(&elsewhere).await;
    assert_eq!(again.body["data"]["duplicate"], true);
    let found = again.body["data"]["findings"].to_string();
    assert!(!found.contains("P202"), "{found}");
    let story = engine.admin("/admin/v1/payments/p1").await.body;
    assert_eq!(story["payments"][0]["deliveries"][0]["fate"], "delivered");
    assert_eq!(story["payments"][0]["capture"]["amount"].to_string(), "10.5");
}

#[tokio::test]
async fn a_dead_letter_keeps_them_until_it_is_dropped_and_a_blocked_event_for_a_week() {
    let engine = Engine::start().await;
    engine.faults(r#"{"faults":[{"do":"refuse_event_id","event_id":"DEFAULT.bad"}]}"#);
    engine.sign_up("666").await;
    engine.capture(&from_somewhere("666", "bad")).await;
    engine.drain().await;
    assert!(!forgotten_within(&engine, 15).await, "a retry sends the same bytes");
    engine.faults(r#"{"faults":[]}"#);
    let all = br#"{"all":true,"because":"a test"}"#.to_vec();
    let dropped = engine.admin_post("/admin/v1/dead-letters/drop", all);
    assert_eq!(dropped.await.status, 200);
    assert!(forgotten_within(&engine, 15).await, "nobody can send it any more");

    // A replay could still send what was blocked, and a signup what is held.
    let blocked =
        from_somewhere("666", "blocked").replace(r#""currency":"INR","#, r#""currency":"XXQ","#);
    let answer = engine.capture(&blocked).await;
    assert_eq!(answer.body["data"]["verdict"], "block", "{}", answer.body);
    let held = engine.capture(&from_somewhere("nobody-yet", "held")).await;
    assert_eq!(held.body["data"]["verdict"], "hold");
    engine.clock.advance(Duration::from_hours(7 * 24 - 1));
    assert!(!forgotten_within(&engine, 2).await, "a day too early");
    engine.clock.advance(Duration::from_hours(1));
    assert!(forgotten_within(&engine, 15).await, "nothing can be sent any more");
    let books = engine.books().await;
    assert_eq!((books.held, books.expired), (0, 1), "who waited in vain is counted apart");
    let story = engine.admin("/admin/v1/payments/held").await.body;
    assert_eq!(story["payments"][0]["state"], "expired", "and told");
}

#[tokio::test]
async fn after_the_retention_things_are_gone_and_their_room_is_used_again() {
    let plan = Plan::default();
    let engine = Plan::default().start().await;
    engine.sign_up("666").await;
    engine.faults(r#"{"faults":[{"do":"refuse_event_id","event_id":"DEFAULT.dead"}]}"#);
    for number in 0..900 {
        engine.purchase("666", &format!("p{number}")).await;
    }
    engine.purchase("666", "dead").await;
    engine.purchase("666", "removed").await;
    engine.drain().await;
    let skipped = purchase("666", "skipped").replacen('{', r#"{"status":"PAYMENT_FAILED","#, 1);
    assert_eq!(engine.capture(&skipped).await.body["data"]["verdict"], "skip");
    engine.capture(&purchase("stranger", "held")).await;
    engine.post("/api/v1/remove-payment", r#"{"payment_id":"removed"}"#).await;
    // What was accepted in the last days before, and what still waits for Meta, stays.
    engine.faults(r#"{"faults":[{"do":"token_revoked"}]}"#);
    engine.purchase("666", "waits").await;
    let before = engine.books().await;
    assert_eq!((before.recorded, before.dead, before.removed, before.held), (903, 1, 1, 1));

    engine.clock.advance(Duration::from_hours(24 * 89));
    engine.purchase("666", "young").await;
    engine.upkeep().await;
    assert_eq!(engine.books().await.pruned.payments, 0, "nothing is old enough");
    engine.clock.advance(Duration::from_hours(24 * 2));
    // Intake goes on between the slices.
    engine.purchase("666", "meanwhile").await;
    let books = engine.until(|books| books.pruned.expired == 1).await;
    assert_eq!(books.pruned.payments, 902, "{books:?}");
    assert_eq!((books.pruned.removed, books.pruned.delivered, books.pruned.dead), (1, 901, 1));
    assert_eq!(books.recorded, 3, "young, meanwhile, and what waited for Meta");
    let kept = books.delivered + books.pending + books.retrying + books.dead + books.dropped;
    assert_eq!(books.deliveries, kept + books.withheld);
    assert_eq!(engine.admin("/admin/v1/payments/p1").await.status, 404);
    assert_eq!(engine.admin("/admin/v1/payments/waits").await.status, 200);
    let metrics = engine.admin("/metrics").await.body;
    let line = r#"tillpost_pruned_deliveries{state="delivered"} 901"#;
    assert!(metrics.as_str().expect("a page").contains(line), "{metrics}");

    // The key is free again, the user is known as before, and the file does not grow.
    let engine = engine.restart(&plan).await;
    let path = engine.folder.path().join("books").join("tillpost.db");
    let number = |sql: &str| {
        let connection = Connection::open(&path).expect("the database");
        connection.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a number")
    };
    let (pages, free) = (number("PRAGMA page_count"), number("PRAGMA freelist_count"));
    assert!(free * 2 > pages, "{free} of {pages} pages are free");
    for number in 0..300 {
        let again = engine.purchase("666", &format!("p{number}")).await;
        assert_eq!(again.body["data"]["duplicate"], false);
    }
    assert_eq!(number("PRAGMA page_count"), pages, "their room is used again");
}

#[tokio::test]
async fn what_waits_for_a_dataset_that_is_gone_keeps_them_no_longer_than_meta_would_take_it() {
    let both = Plan::default()
        .dataset(
            "[datasets.second]\nid = \"222\"\naccess_token = { env = \"TOKEN\" }\n\
             endpoint = \"http://SANDBOX\"\ntimeout_ms = 200",
        )
        .mapping(
            "version = 1\n[defaults]\ndataset = [\"storefront\", \"second\"]\n[payments]\nDEFAULT = \"Purchase\"",
        );
    let engine = both.start().await;
    engine.faults(r#"{"faults":[{"do":"reset","dataset_id":"222"}]}"#);
    engine.sign_up("666").await;
    engine.capture(&from_somewhere("666", "p1")).await;
    engine.until(|books| books.delivered == 1).await;
    let engine = engine.restart(&Plan::default()).await;
    assert!(!forgotten_within(&engine, 15).await, "the dataset may come back");
    engine.clock.advance(Duration::from_hours(7 * 24));
    assert!(!forgotten_within(&engine, 2).await, "a clock may be wrong by hours");
    engine.clock.advance(Duration::from_hours(26));
    assert!(forgotten_within(&engine, 15).await, "Meta would not take it any more");
    engine.clock.advance(Duration::from_hours(24 * 90));
    let books = engine.until(|books| books.pruned.payments == 1).await;
    assert_eq!((books.pruned.delivered, books.pruned.dead), (1, 1));
    assert_eq!((books.recorded, books.pending, books.deliveries), (0, 0, 0));
}

#[tokio::test]
async fn a_step_of_the_upkeep_that_fails_holds_up_no_other() {
    let engine = Engine::start().await;
    engine.sign_up("666").await;
    engine.capture(&purchase("nobody", "held")).await;
    // Ending a hold fails from now on: somebody has a hand in the file.
    let path = engine.folder.path().join("books").join("tillpost.db");
    let stranger = Connection::open(&path).expect("the database");
    stranger
        .execute_batch(
            "CREATE TRIGGER held_fast BEFORE UPDATE ON held_payments
             BEGIN SELECT raise(abort, 'held fast'); END",
        )
        .expect("a trigger");
    drop(stranger);
    engine.clock.advance(Duration::from_hours(8 * 24));
    engine.capture(&from_somewhere("666", "p1")).await;
    engine.drain().await;
    assert!(forgotten_within(&engine, 15).await, "what can be erased is, from the log as well");
    assert_eq!(engine.books().await.held, 1);
    let metrics = engine.admin("/metrics").await.body;
    let page = metrics.as_str().expect("a page");
    let rounds = |result: &str| {
        let line = format!(r#"tillpost_upkeep_rounds_total{{result="{result}"}} "#);
        let count = page.lines().find_map(|found| found.strip_prefix(&line)).expect("a line");
        count.parse::<u64>().expect("a count")
    };
    assert!(rounds("failed") > 0, "{page}");
    assert!(rounds("done") + rounds("failed") >= 2, "each round is counted once: {page}");
}

#[tokio::test]
async fn a_visitor_keeps_them_as_long_as_the_books_are_kept_after_the_last_visit() {
    let engine = Plan::default().project("site_key = { env = \"STORY_SITE_KEY\" }\n").start().await;
    let visit = async |fields: &str| {
        let body = format!(r#"{{"faurya_visitor_id":"v1",{fields}}}"#);
        let headers = [("authorization", "Bearer story_site_key")];
        let answer = engine.post_with("/api/v1/visitors", &body, &headers).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    };
    let seen = format!(r#""client_ip_address":"{ADDRESS}","client_user_agent":"{BROWSER}""#);
    visit(&seen).await;
    engine.clock.advance(Duration::from_hours(24 * 60));
    visit(&seen).await;
    // A visit that brings neither makes what is known no younger.
    engine.clock.advance(Duration::from_hours(24 * 60));
    visit(r#""user_data":{"email":"ann@example.com"}"#).await;
    assert!(!forgotten_within(&engine, 2).await, "60 days are no 90");
    engine.clock.advance(Duration::from_hours(24 * 31));
    assert!(forgotten_within(&engine, 200).await, "91 days after the visit that brought them");
    let headers = [("authorization", "Bearer story_site_key")];
    let known = engine.request("GET", "/api/v1/visitors/v1").header(headers[0].0, headers[0].1);
    let known = known.send().await.expect("an answer").text().await.expect("a text");
    assert!(known.contains("\"em\"") && !known.contains("client_ip_address"), "{known}");
}
