//! Datasets that stop: for their token, for a throttle, for a bad neighbour, for poison.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::Value;
use tillpost::core::time::Timestamp;
use tokio::net::TcpListener;

use crate::engine::{Engine, Plan, purchase};

/// What an alarm was told.
type Heard = Arc<Mutex<Vec<Value>>>;

/// Somebody who listens to alarms, and the address.
async fn listener() -> (Heard, String) {
    let (heard, address, _) = listener_that_may_be_deaf(false).await;
    (heard, address)
}

/// The same, who refuses whatever comes as long as the flag is up. Each refusal is kept
/// as `null`.
async fn listener_that_may_be_deaf(deaf: bool) -> (Heard, String, Arc<AtomicBool>) {
    let heard = Heard::default();
    let deaf = Arc::new(AtomicBool::new(deaf));
    let is_deaf = Arc::clone(&deaf);
    let listening = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listening.local_addr().expect("an address");
    let notices = Arc::clone(&heard);
    let hear = move |body: String| async move {
        let is_deaf = is_deaf.load(Ordering::Relaxed);
        let notice = if is_deaf { "null" } else { &body };
        let notice = serde_json::from_str(notice).expect("JSON");
        notices.lock().unwrap_or_else(PoisonError::into_inner).push(notice);
        if is_deaf { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }
    };
    let router = Router::new().route("/hook", post(hear));
    tokio::spawn(async move { axum::serve(listening, router).await });
    (heard, format!("http://{address}/hook"), deaf)
}

/// How often somebody knocked, heard or not.
fn knocks(heard: &Heard) -> usize {
    heard.lock().unwrap_or_else(PoisonError::into_inner).len()
}

fn events(heard: &Heard) -> Vec<String> {
    let heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
    heard.iter().filter_map(|notice| notice["event"].as_str().map(str::to_owned)).collect()
}

async fn dataset(engine: &Engine) -> Value {
    engine.admin("/admin/v1/datasets").await.body["datasets"][0].take()
}

/// Waits until the dataset is in this state. The clock stands still: an answer under way is worked
/// off, however busy the machine is, before the story's time goes on.
async fn becomes(engine: &Engine, state: &str) {
    for _ in 0..10_000 {
        if dataset(engine).await["state"] == state {
            return;
        }
    }
    panic!("the dataset is never {state}: {}", dataset(engine).await);
}

/// Moves the clock by so many seconds, a little at a time, so that whoever sleeps can act.
async fn pass(engine: &Engine, seconds: u32) {
    for _ in 0..seconds * 4 {
        engine.clock.advance(Duration::from_millis(250));
        engine.books().await;
    }
}

#[tokio::test]
async fn an_expired_token_pauses_once_and_a_new_one_in_its_file_wakes_within_seconds() {
    let (heard, address) = listener().await;
    let plan = || {
        Plan::default()
            .token("{ file = \"token\" }")
            .file("token", "story-old-token\n")
            .file("hook", &address)
            .dataset("[alerts]\nwebhook = { file = \"hook\" }")
    };
    let engine = plan().start().await;
    engine.faults(r#"{"faults":[{"do":"fail","status":400,"code":190,"subcode":463}]}"#);
    engine.sign_up("666").await;
    for number in 0..50 {
        engine.purchase("666", &format!("p{number}")).await;
    }
    engine.until(|_| !engine.sandbox.requests().is_empty()).await;
    becomes(&engine, "paused").await;
    pass(&engine, 25).await;
    assert!(engine.sandbox.requests().len() <= 3, "{} requests", engine.sandbox.requests().len());
    let shown = dataset(&engine).await;
    assert_eq!((&shown["state"], &shown["pending"]), (&"paused".into(), &50.into()), "{shown}");
    assert_eq!(shown["stopped"]["code"], 190);
    let help = shown["stopped"]["help"].as_str().unwrap_or_default();
    assert!(help.contains("make a new access token"), "{shown}");
    let ready = engine.request("GET", "/health/ready").send().await.expect("an answer");
    assert_eq!(ready.status(), 200, "payments are taken all the same");
    let ready = ready.text().await.expect("a text");
    assert!(ready.contains("`storefront` is paused"), "{ready}");
    let metrics = engine.admin("/metrics").await.body.to_string();
    assert!(metrics.contains(r#"dataset=\"storefront\",state=\"paused\"} 1"#), "{metrics}");
    // The story of an event that waits says the same.
    let story = engine.admin("/admin/v1/payments/p0").await.body;
    let waits = &story["payments"][0]["deliveries"][0];
    let because = waits["because"].as_str().unwrap_or_default();
    assert!(because.starts_with("storefront is paused since 2026-02-28T"), "{waits}");
    assert!(because.contains("help: make a new access token"), "{waits}");
    // What `tillpost doctor` reads beside the running service.
    let path = engine.folder.path().join("books/tillpost.db");
    let now = Timestamp::from_seconds(engine.clock_seconds());
    let checkup = tillpost::store::check_up(&path, false, now).expect("a look");
    let stopped: Vec<_> = checkup.stopped.iter().map(|(name, why)| (&**name, why.code)).collect();
    assert_eq!(stopped, [("storefront", Some(190))]);
    // A restart finds it paused, looks once, and raises no second alarm.
    let before = engine.sandbox.requests().len();
    let engine = engine.restart(&plan()).await;
    engine.until(|_| engine.sandbox.requests().len() > before).await;
    pass(&engine, 5).await;
    assert_eq!(dataset(&engine).await["state"], "paused");
    engine.faults(r#"{"faults":[]}"#);
    engine.edit("token", Some("story-new-token\n"));
    // Five seconds of the story at most, and for each quarter as much real time as a busy machine
    // needs: the next look without a new token would be a minute away.
    for _ in 0..20 {
        engine.clock.advance(Duration::from_millis(250));
        for _ in 0..2_000 {
            if engine.books().await.delivered == 50 {
                break;
            }
        }
    }
    let books = engine.standing(|books| books.delivered == 50).await;
    assert_eq!((books.dead, books.pending), (0, 0), "a new token wakes the dataset");
    assert_eq!(dataset(&engine).await["state"], "flowing");
    engine.until(|_| events(&heard).len() == 2).await;
    assert_eq!(events(&heard), ["dataset_paused", "dataset_resumed"]);
    let told = heard.lock().unwrap_or_else(PoisonError::into_inner)[0].clone();
    let text = told["text"].as_str().unwrap_or_default();
    assert!(text.contains("Nothing is lost") && !text.contains("story-"), "{told}");
}

#[tokio::test]
async fn a_pause_that_nobody_heard_of_is_told_by_the_next_process() {
    let (heard, address, deaf) = listener_that_may_be_deaf(true).await;
    let plan = || {
        Plan::default().file("hook", &address).dataset("[alerts]\nwebhook = { file = \"hook\" }")
    };
    let engine = plan().start().await;
    engine.faults(r#"{"faults":[{"do":"fail","status":400,"code":190,"subcode":463}]}"#);
    engine.sign_up("666").await;
    engine.purchase("666", "p0").await;
    engine.until(|_| knocks(&heard) > 0).await;
    becomes(&engine, "paused").await;
    let engine = engine.restart(&plan()).await;
    deaf.store(false, Ordering::Relaxed);
    engine.until(|_| events(&heard).len() == 1).await;
    assert_eq!(events(&heard), ["dataset_paused"]);

    // Its end was not heard either before the next process: that one tells it without a request.
    deaf.store(true, Ordering::Relaxed);
    let before = knocks(&heard);
    engine.faults(r#"{"faults":[]}"#);
    engine.drain().await;
    engine.until(|_| knocks(&heard) > before).await;
    becomes(&engine, "flowing").await;
    let engine = engine.restart(&plan()).await;
    deaf.store(false, Ordering::Relaxed);
    engine.until(|_| events(&heard).len() == 2).await;
    assert_eq!(events(&heard), ["dataset_paused", "dataset_resumed"]);
    let engine = engine.restart(&plan()).await;
    pass(&engine, 15).await;
    assert_eq!(events(&heard).len(), 2, "what was heard is not told again");
}

#[tokio::test]
async fn nobody_hears_of_a_pause_after_its_end() {
    let (heard, address, deaf) = listener_that_may_be_deaf(true).await;
    let engine = Plan::default()
        .file("hook", &address)
        .dataset("[alerts]\nwebhook = { file = \"hook\" }")
        .start()
        .await;
    let expired = r#"{"do":"fail","times":1,"status":400,"code":190,"subcode":463}"#;
    engine.faults(&format!(r#"{{"faults":[{expired}]}}"#));
    engine.sign_up("666").await;
    engine.purchase("666", "p0").await;
    engine.until(|_| knocks(&heard) > 0).await;
    // The pause is over before somebody takes its alarm.
    assert_eq!(engine.drain().await.delivered, 1);
    let before = knocks(&heard);
    engine.until(|_| knocks(&heard) > before).await;
    deaf.store(false, Ordering::Relaxed);
    engine.until(|_| !events(&heard).is_empty()).await;
    pass(&engine, 60).await;
    assert_eq!(events(&heard), ["dataset_resumed"]);
}

#[tokio::test]
async fn a_paused_dataset_is_looked_at_when_nothing_waits_for_it() {
    let engine = Engine::start().await;
    engine.sign_up("666").await;
    for (code, becomes_well) in [(190, true), (200, false)] {
        let refuses = format!(r#"{{"do":"fail","status":400,"code":{code}}}"#);
        engine.faults(&format!(r#"{{"faults":[{refuses}]}}"#));
        let before = engine.sandbox.requests().len();
        engine.purchase("666", "taken-back").await;
        engine.until(|_| engine.sandbox.requests().len() > before).await;
        becomes(&engine, "paused").await;
        engine.post("/api/v1/remove-payment", r#"{"payment_id":"taken-back"}"#).await;
        let mut state = Value::Null;
        // Two minutes of the story are long enough for a look; on a busy machine its answer comes later.
        let seconds = if becomes_well { 10_000 } else { 120 };
        for _ in 0..seconds {
            pass(&engine, 1).await;
            state = dataset(&engine).await;
            if becomes_well && state["state"] == "flowing" {
                break;
            }
        }
        // Only the token's fault shows in a look; what the token may not do shows in an event.
        let is_well = state["state"] == "flowing";
        assert_eq!(is_well, becomes_well, "{code}: {state}");
        let help = state["stopped"]["help"].as_str().unwrap_or_default();
        assert_eq!(help.contains("the next event is the next try"), !becomes_well, "{state}");
        assert_eq!(engine.sandbox.requests().len(), before + 1, "no event was sent for a look");
    }
    engine.faults(r#"{"faults":[]}"#);
    engine.purchase("666", "next").await;
    assert_eq!(engine.drain().await.delivered, 1);
    becomes(&engine, "flowing").await;
}

#[tokio::test]
async fn what_was_removed_is_not_counted_at_its_dataset() {
    let engine = Engine::start().await;
    let refusing = r#"{"do":"refuse_event_id","event_id":"DEFAULT.bad","subcode":2804009}"#;
    engine.faults(&format!(r#"{{"faults":[{refusing}]}}"#));
    engine.sign_up("666").await;
    engine.purchase("666", "bad").await;
    engine.until(|books| books.dead == 1).await;
    assert_eq!(dataset(&engine).await["dead"], 1);
    engine.post("/api/v1/remove-payment", r#"{"payment_id":"bad"}"#).await;
    assert_eq!(dataset(&engine).await["dead"], engine.books().await.dead);
    assert_eq!(dataset(&engine).await["dead"], 0);

    // The oldest of those that wait is taken back: the next one is the oldest.
    engine.faults(r#"{"faults":[{"do":"fail","status":400,"code":190,"subcode":463}]}"#);
    engine.purchase("666", "first").await;
    engine.clock.advance(Duration::from_secs(1));
    engine.purchase("666", "second").await;
    engine.until(|_| engine.sandbox.requests().len() > 1).await;
    let before = dataset(&engine).await["oldest_pending"].take();
    engine.post("/api/v1/remove-payment", r#"{"payment_id":"first"}"#).await;
    let shown = dataset(&engine).await;
    assert_eq!(shown["pending"], 1, "{shown}");
    assert!(shown["oldest_pending"].as_str() > before.as_str(), "{before} {shown}");
}

#[tokio::test]
async fn a_throttle_hides_no_bad_token_and_swallows_no_end_of_a_pause() {
    let (heard, address) = listener().await;
    let engine = Plan::default()
        .file("hook", &address)
        .dataset("[alerts]\nwebhook = { file = \"hook\" }")
        .start()
        .await;
    let throttle = r#"{"do":"throttle","times":1,"code":80004,"retry_minutes":1}"#;
    let expired = r#"{"do":"fail","times":1,"status":400,"code":190,"subcode":463}"#;
    engine.faults(&format!(r#"{{"faults":[{throttle},{expired},{throttle}]}}"#));
    engine.sign_up("666").await;
    engine.purchase("666", "p0").await;
    engine.until(|_| engine.sandbox.requests().len() == 2).await;
    becomes(&engine, "paused").await;
    assert_eq!(engine.drain().await.delivered, 1);
    engine.until(|_| events(&heard).len() == 2).await;
    assert_eq!(events(&heard), ["dataset_paused", "dataset_resumed"]);
}

#[tokio::test]
async fn nothing_is_sent_before_the_time_that_meta_stated_not_even_after_a_restart() {
    let plan = Plan::default();
    let engine = Plan::default().start().await;
    engine.faults(r#"{"faults":[{"do":"throttle","times":1,"code":80004,"retry_minutes":5}]}"#);
    engine.sign_up("666").await;
    engine.purchase("666", "p0").await;
    engine.until(|_| !engine.sandbox.requests().is_empty()).await;
    becomes(&engine, "throttled").await;
    pass(&engine, 60).await;
    assert_eq!(dataset(&engine).await["state"], "throttled");
    let engine = engine.restart(&plan).await;
    engine.purchase("666", "p1").await;
    pass(&engine, 60).await;
    assert_eq!(engine.sandbox.requests().len(), 1, "a restart is no reason to ask again");
    let books = engine.drain().await;
    assert_eq!((books.delivered, books.dead), (2, 0));
    let times: Vec<i64> = engine.sandbox.requests().iter().map(|heard| heard.received_at).collect();
    assert!(times[1] - times[0] >= 300, "{times:?}");
}

#[tokio::test]
async fn a_budget_that_is_nearly_used_up_stops_requests_before_meta_does() {
    let engine = Plan::default().dataset("batch_events = 1\nbatch_wait_ms = 0").start().await;
    engine.faults(r#"{"faults":[{"do":"usage","percent":96,"times":1}]}"#);
    engine.sign_up("666").await;
    for number in 0..3 {
        engine.purchase("666", &format!("p{number}")).await;
    }
    engine.until(|books| books.delivered == 1).await;
    pass(&engine, 20).await;
    assert_eq!(dataset(&engine).await["state"], "slowed");
    let books = engine.drain().await;
    assert_eq!((books.delivered, books.dead), (3, 0));
    let requests = engine.sandbox.requests();
    let waited = requests[1].received_at - requests[0].received_at;
    assert!(waited >= 60, "{waited} s");
}

#[tokio::test]
async fn a_neighbour_that_never_answers_costs_the_others_nothing() {
    for fault in [
        r#"{"do":"stall","ms":600000,"dataset_id":"222"}"#,
        r#"{"do":"drip","ms":600000,"dataset_id":"222"}"#,
        r#"{"do":"reset","dataset_id":"222"}"#,
    ] {
        let engine = Plan::default()
            .dataset(
                "[datasets.second]\nid = \"222\"\naccess_token = { env = \"TOKEN\" }\n\
                 endpoint = \"http://SANDBOX\"\ntimeout_ms = 200",
            )
            .mapping(
                "version = 1\n[defaults]\ndataset = [\"storefront\", \"second\"]\n[payments]\nDEFAULT = \"Purchase\"",
            )
            .start()
            .await;
        engine.faults(&format!(r#"{{"faults":[{fault}]}}"#));
        engine.sign_up("666").await;
        for number in 0..30 {
            engine.purchase("666", &format!("p{number}")).await;
        }
        let books = engine.until(|books| books.delivered == 30).await;
        assert_eq!((books.dead, books.deliveries), (0, 60), "{fault}");
        let to_the_other = |id: &str| {
            let requests = engine.sandbox.requests();
            requests
                .iter()
                .filter(|heard| heard.dataset_id.as_deref() == Some(id) && heard.status == 200)
                .count()
        };
        assert!(to_the_other("1234567890") > 0, "{fault}");
    }
}

#[tokio::test]
async fn bad_events_in_a_full_request_cost_few_requests_more_and_name_themselves() {
    // The bars of delivery.md 6, row 15: twenty and a hundred and ten requests more.
    for (bad, most) in [(1, 20), (10, 110)] {
        let engine = Plan::default().dataset("batch_bytes = 16000000").start().await;
        engine.sign_up("666").await;
        let bad: BTreeSet<usize> = (0..bad).map(|index| 37 + index * 97).collect();
        let faults: Vec<String> = bad
            .iter()
            .map(|index| {
                format!(r#"{{"do":"refuse_event_id","event_id":"DEFAULT.p{index}","name_index":false,"subcode":2804009}}"#)
            })
            .collect();
        engine.faults(&format!(r#"{{"faults":[{}]}}"#, faults.join(",")));
        let lines: Vec<String> =
            (0..1_000).map(|number| purchase("666", &format!("p{number}"))).collect();
        let batch = format!("[{}]", lines.join(","));
        let answer = engine.post("/api/v1/capture-payments", &batch).await;
        assert_eq!(answer.status, 200);
        let books = engine.drain().await;
        let expected = u64::try_from(bad.len()).expect("few");
        assert_eq!((books.delivered, books.dead), (1_000 - expected, expected));
        // On a good day it would be one request.
        let requests: Vec<_> = engine.sandbox.requests().iter().map(|heard| heard.events).collect();
        assert!(requests.len() <= most + 1, "{} bad: {requests:?}", bad.len());
        let story = engine.admin("/admin/v1/payments/p37").await;
        let delivery = &story.body["payments"][0]["deliveries"][0];
        assert_eq!(delivery["fate"], "dead");
        assert!(delivery.to_string().contains("2804009"), "{delivery}");
    }
}
