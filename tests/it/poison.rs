//! Payments and events over which our own code panics: they cost themselves, and nobody else.
//!
//! A trap in the story's clock makes our code panic at a place, for what is named there. The control
//! is everything else in the same story, which goes its way.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::engine::{Answer, Engine, KEY, Plan, purchase};

/// Panics over whoever and whatever is named after the place.
fn trap(place: &str, with: &str) {
    assert!(!with.contains(&format!("poison-{place}")), "a trap at {place}");
}

async fn trapped(plan: Plan) -> Engine {
    let engine = plan.start().await;
    engine.clock.set_trap(trap);
    engine
}

/// 500 in the shape of the family, with nothing of the payment in it.
fn assert_failed(answer: &Answer) {
    assert_eq!(answer.status, 500, "{}", answer.body);
    let msg = answer.body["msg"].as_str().expect("a sentence");
    assert!(msg.contains("fault of Tillpost's own"), "{msg}");
    assert_eq!(answer.body, json!({"msg": msg, "status": 500, "data": null}));
}

#[tokio::test]
async fn a_payment_that_panics_is_refused_alone_and_nothing_of_it_is_stored() {
    let engine = trapped(Plan::default()).await;
    engine.sign_up("666").await;
    engine.sign_up("poison-decide").await;
    assert_failed(&engine.capture(&purchase("poison-decide", "p1")).await);
    engine.purchase("666", "p2").await;

    let batch = [("666", "p3"), ("poison-decide", "p4"), ("666", "p5")];
    let lines = batch.map(|(user, id)| purchase(user, id)).join("\n");
    let headers = [("linkrunner-key", KEY)];
    let answer = engine.post_with("/api/v1/capture-payments", &lines, &headers).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let statuses: Vec<&Value> = answer.body["data"]["results"]
        .as_array()
        .expect("results")
        .iter()
        .map(|r| &r["status"])
        .collect();
    assert_eq!(statuses, [201, 500, 201]);

    let lines = [("666", "p6"), ("poison-decide", "p7"), ("666", "p8")];
    let lines = lines.map(|(user, id)| purchase(user, id)).join("\n");
    let answer = engine.admin_post("/admin/v1/import", lines.into_bytes()).await;
    let outcomes: Vec<&Value> =
        answer.body["lines"].as_array().expect("lines").iter().map(|l| &l["outcome"]).collect();
    assert_eq!(outcomes, ["recorded", "refused", "recorded"], "{}", answer.body);

    let books = engine.drain().await;
    assert_eq!((books.recorded, books.delivered, books.held), (5, 5, 0));
}

#[tokio::test]
async fn a_panic_behind_the_entry_enters_nothing_again() {
    let engine = trapped(Plan::default()).await;
    engine.sign_up("666").await;
    engine.sign_up("poison-tell").await;
    let mut nameless: Value = serde_json::from_str(&purchase("666", "gone")).expect("JSON");
    nameless.as_object_mut().expect("an object").remove("payment_id");
    let lines = format!("{nameless}\n{}", purchase("poison-tell", "p9"));
    let headers = [("linkrunner-key", KEY)];
    let answer = engine.post_with("/api/v1/capture-payments", &lines, &headers).await;
    let results = answer.body["data"]["results"].as_array().expect("results");
    assert!(results.iter().all(|result| result["status"] == 500), "{}", answer.body);
    // Both were entered before; the one without an id would be another payment the second time.
    let books = engine.drain().await;
    assert_eq!((books.recorded, books.delivered), (2, 2));
}

#[tokio::test]
async fn a_held_payment_that_panics_goes_on_waiting_and_stops_no_other() {
    let engine = trapped(Plan::default()).await;
    for (user, id) in [("poison-release", "h1"), ("667", "h2")] {
        let answer = engine.capture(&purchase(user, id)).await;
        assert_eq!(answer.body["data"]["verdict"], "hold", "{}", answer.body);
    }
    for (user, released) in [("poison-release", 0), ("667", 1)] {
        let answer = engine.sign_up(user).await;
        let all = answer.body["data"]["released"].as_array().map_or(0, Vec::len);
        assert_eq!(all, released, "{}", answer.body);
    }
    let books = engine.drain().await;
    assert_eq!((books.recorded, books.held), (1, 1));
    // A start looks through what waits: neither does it stop there.
    let engine = engine.restart(&Plan::default()).await;
    engine.purchase("667", "h3").await;
    let books = engine.drain().await;
    assert_eq!((books.recorded, books.held), (2, 1));
}

#[tokio::test]
async fn a_site_reads_of_a_panic_in_its_own_shape() {
    let plan = Plan::default().project("site_key = { env = \"STORY_SITE_KEY\" }");
    let engine = trapped(plan).await;
    let send = async |path: &str, body: String| {
        let request = engine.request("POST", path).header("authorization", "Bearer story_site_key");
        Answer::of(request.body(body).send().await.expect("an answer")).await
    };
    let visitor = r#"{"faurya_visitor_id":"poison-decide"}"#.to_owned();
    assert_eq!(send("/api/v1/visitors", visitor).await.status, 200);
    let payment = r#"{"faurya_visitor_id":"poison-decide","transaction_id":"t1","amount":29.99}"#;
    let answer = send("/api/v1/payments", payment.to_owned()).await;
    assert_eq!(answer.status, 500, "{}", answer.body);
    let message = answer.body["error"]["message"].as_str().expect("a sentence");
    let shape = json!({"status": "error", "error": {"code": 500, "message": message}});
    assert_eq!(answer.body, shape);
    assert_eq!(engine.books().await.recorded, 0);
}

#[tokio::test]
async fn an_event_that_panics_is_a_dead_letter_after_three_tries_and_delays_nobody() {
    let engine = trapped(Plan::default()).await;
    engine.sign_up("666").await;
    for number in 0..20 {
        let id = match number {
            3 => "poison-batch".to_owned(),
            11 => "poison-answer".to_owned(),
            _ => format!("good{number}"),
        };
        engine.purchase("666", &id).await;
    }
    engine.until(|_| !engine.sandbox.requests().is_empty()).await;
    // From the first request on nobody else waits: the clock stands still.
    let books = engine.standing(|books| books.delivered == 18 && books.retrying == 2).await;
    assert_eq!(books.pending + books.dead, 0, "{books:?}");

    // The tries are in the books: a restart forgets none.
    let engine = engine.restart(&Plan::default()).await;
    engine.purchase("666", "good20").await;
    let books = engine.until(|books| books.dead == 2).await;
    assert_eq!((books.delivered, books.retrying + books.pending), (19, 0), "{books:?}");
    let letters = engine.admin("/admin/v1/dead-letters").await;
    let letters = letters.body["dead_letters"].as_array().expect("a list").clone();
    assert_eq!(letters.len(), 2);
    for letter in &letters {
        assert_eq!(letter["reason"], "panicked", "{letter}");
        let next = letter["next_step"].as_str().expect("words");
        assert!(next.contains("report it"), "{next}");
    }
    for id in ["poison-batch", "poison-answer"] {
        let story = engine.admin(&format!("/admin/v1/payments/{id}")).await;
        let tries = story.body.to_string().matches(r#""outcome":"panicked""#).count();
        // Behind the restart none counts until another event has passed, and the story's clock may run
        // ahead of that on a busy machine; core::delivery has the table of exactly three.
        assert!((3..=9).contains(&tries), "{}", story.body);
    }
}

/// How often everybody's trap has struck.
static PANICS: AtomicUsize = AtomicUsize::new(0);

#[tokio::test]
async fn a_fault_that_meets_every_event_buries_none() {
    let engine = Engine::start().await;
    engine.clock.set_trap(|place, _| {
        if place == "answer" {
            PANICS.fetch_add(1, Ordering::Relaxed);
            panic!("a trap for everybody");
        }
    });
    engine.sign_up("666").await;
    for number in 0..4 {
        engine.purchase("666", &format!("p{number}")).await;
    }
    // Seven to take the first request apart; then each of the four has its tries, many times over.
    let books = engine.until(|_| PANICS.load(Ordering::Relaxed) >= 7 + 4 * 5).await;
    assert_eq!((books.dead, books.delivered), (0, 0), "{books:?}");
    assert_eq!(books.retrying + books.pending, 4);
}
