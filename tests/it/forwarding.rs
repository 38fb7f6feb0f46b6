//! Forwarding: what Meta receives on good days and on bad ones.

use std::time::Duration;

use crate::engine::{Engine, Plan, purchase};

async fn send(engine: &Engine, payments: std::ops::Range<usize>) {
    engine.sign_up("666").await;
    for number in payments {
        engine.purchase("666", &format!("p{number}")).await;
    }
}

fn ids(payments: std::ops::Range<usize>) -> Vec<String> {
    payments.map(|number| format!("DEFAULT.p{number}")).collect()
}

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort_by_key(|id| id.trim_start_matches("DEFAULT.p").parse::<usize>().unwrap_or(0));
    ids
}

#[tokio::test]
async fn a_backlog_goes_in_requests_of_the_configured_size_in_order() {
    let engine = Plan::default().dataset("batch_events = 10\nmax_in_flight = 2").start().await;
    send(&engine, 0..45).await;
    let books = engine.drain().await;
    assert_eq!(books.delivered, 45);
    assert_eq!(sorted(engine.arrived()), ids(0..45));
    assert!(engine.sandbox.requests().iter().all(|request| request.events <= 10));
}

#[tokio::test]
async fn bad_days_of_every_kind_are_waited_out_and_the_same_event_goes_again() {
    for faults in [
        r#"{"faults":[{"do":"fail","times":3,"status":500,"code":2}]}"#,
        r#"{"faults":[{"do":"fail","times":2,"status":503,"empty":true}]}"#,
        r#"{"faults":[{"do":"throttle","times":3,"code":4}]}"#,
        r#"{"faults":[{"do":"throttle","times":2,"code":80004,"retry_minutes":1}]}"#,
        r#"{"faults":[{"do":"html","times":2,"status":502}]}"#,
        r#"{"faults":[{"do":"wrong_json","times":2}]}"#,
        r#"{"faults":[{"do":"reset","times":2}]}"#,
        r#"{"faults":[{"do":"token_revoked","times":2}]}"#,
        r#"{"faults":[{"do":"dataset_missing","times":2}]}"#,
    ] {
        let engine = Engine::start().await;
        engine.faults(faults);
        send(&engine, 0..3).await;
        let books = engine.drain().await;
        assert_eq!((books.delivered, books.dead), (3, 0), "{faults}");
        let arrived = sorted(engine.arrived());
        let mut once = arrived.clone();
        once.dedup();
        assert_eq!(once, ids(0..3), "{faults}");
        let story = engine.admin("/admin/v1/payments/p0").await;
        let attempts = story.body["payments"][0]["deliveries"][0]["attempts"].clone();
        let attempts = attempts.as_array().map(Vec::len).unwrap_or_default();
        // How many of the faults met this payment depends on which shared its requests.
        assert!(attempts >= 2, "{faults}: the story has each attempt: {}", story.body);
        assert!(!engine.sandbox.requests().is_empty(), "the faults struck");
    }
}

#[tokio::test]
async fn what_was_sent_again_is_the_same_bytes() {
    let engine = Engine::start().await;
    // The sandbox remembers the events, then breaks off: what Meta may do on a bad day.
    engine.faults(r#"{"faults":[{"do":"reset","times":1,"accepted":true}]}"#);
    send(&engine, 0..1).await;
    engine.drain().await;
    let events = engine.sandbox.events();
    assert_eq!(events.len(), 2, "the first request was accepted and its answer lost");
    assert_eq!(events[0].raw, events[1].raw);
}

#[tokio::test]
async fn one_bad_event_costs_the_others_a_moment_and_not_their_delivery() {
    for name_index in [true, false] {
        let engine = Engine::start().await;
        engine.faults(&format!(
            r#"{{"faults":[{{"do":"refuse_event_id","event_id":"DEFAULT.p40","name_index":{name_index}}}]}}"#
        ));
        send(&engine, 0..64).await;
        let books = engine.drain().await;
        assert_eq!((books.delivered, books.dead), (63, 1), "name_index {name_index}");
        let mut expected = ids(0..64);
        expected.remove(40);
        assert_eq!(sorted(engine.arrived()), expected);
        // Named: the whole is refused, and the one alone. Not named: the whole, and the half with
        // the bad one on each of log₂ 64 levels.
        let refused = engine.sandbox.requests().iter().filter(|r| r.code.is_some()).count();
        let most = if name_index { 2 } else { 1 + 6 };
        assert!(refused <= most, "name_index {name_index}: {refused} requests were refused");
        let story = engine.admin("/admin/v1/payments/p40").await;
        let delivery = &story.body["payments"][0]["deliveries"][0];
        assert_eq!(delivery["fate"], "dead", "{}", story.body);
    }
}

#[tokio::test]
async fn a_setup_fault_kills_nothing_however_long_it_lasts() {
    let engine = Engine::start().await;
    engine.faults(r#"{"faults":[{"do":"token_revoked"}]}"#);
    send(&engine, 0..2).await;
    for _ in 0..200 {
        engine.clock.advance(Duration::from_mins(5));
        tokio::task::yield_now().await;
    }
    let books = engine.books().await;
    assert_eq!((books.pending, books.dead), (2, 0));
    engine.faults(r#"{"faults":[]}"#);
    assert_eq!(engine.drain().await.delivered, 2);
}

#[tokio::test]
async fn what_became_too_old_is_a_dead_letter_and_spoils_no_request() {
    let engine = Engine::start().await;
    engine.faults(r#"{"faults":[{"do":"fail","status":500,"code":2}]}"#);
    send(&engine, 0..2).await;
    engine.until(|_| !engine.sandbox.requests().is_empty()).await;
    engine.clock.advance(Duration::from_hours(7 * 24));
    engine.purchase("666", "fresh").await;
    engine.faults(r#"{"faults":[]}"#);
    let books = engine.until(|books| books.pending == 0).await;
    let story = engine.admin("/admin/v1/payments/p0").await;
    assert_eq!((books.delivered, books.dead), (1, 2), "{}", story.body);
    assert_eq!(engine.arrived(), ["DEFAULT.fresh"]);
    let because = story.body["payments"][0]["deliveries"][0]["because"].to_string();
    assert!(because.contains("too_old"), "{because}");
}

#[tokio::test]
async fn the_rate_limit_holds_over_a_backlog() {
    let engine =
        Plan::default().dataset("batch_events = 10\nmax_events_per_second = 10").start().await;
    let began = engine.clock_seconds();
    send(&engine, 0..50).await;
    engine.drain().await;
    let events = engine.sandbox.events();
    assert_eq!(events.len(), 50);
    let last = events.iter().map(|event| event.received_at).max();
    // A burst of 10 goes at once; the other 40 take a second for each 10.
    assert!(last >= Some(began + 4), "from {began} to {last:?}");
}

#[tokio::test]
async fn where_every_second_request_fails_repetitions_stay_a_tenth() {
    let engine = Plan::default()
        .dataset("batch_events = 1\nbatch_wait_ms = 0\nmax_in_flight = 1")
        .start()
        .await;
    let fails = r#"{"do":"fail","times":1,"status":503,"code":2}"#;
    let passes = r#"{"do":"usage","percent":1,"times":1}"#;
    let script = vec![format!("{fails},{passes}"); 30];
    engine.faults(&format!(r#"{{"faults":[{}]}}"#, script.join(",")));
    send(&engine, 0..40).await;
    let books = engine.drain().await;
    assert_eq!((books.delivered, books.dead), (40, 0));
    let requests = engine.sandbox.requests();
    let times: Vec<i64> = requests.iter().map(|heard| heard.received_at).collect();
    assert_eq!(times.len(), 70, "each of the 30 that failed went again, once");
    // Ten to start with, one for each ten of the 40, and one in twelve seconds: 16 at least had to
    // wait for such a moment. By their own waits all would be over within a minute.
    let took = times.last().zip(times.first()).map_or(0, |(last, first)| last - first);
    assert!(took >= 15 * 12, "{took} s: {times:?}");
}

#[tokio::test]
async fn a_stop_and_a_start_lose_nothing_and_double_nothing() {
    let plan = Plan::default();
    let mut engine = Plan::default().start().await;
    engine.sign_up("666").await;
    let mut expected = Vec::new();
    for round in 0..5 {
        for number in 0..20 {
            let id = format!("r{round}-{number}");
            engine.purchase("666", &id).await;
            expected.push(format!("DEFAULT.{id}"));
        }
        engine = engine.restart(&plan).await;
    }
    engine.drain().await;
    assert_eq!(engine.arrived(), expected, "each once, in the order of the log");
}

#[tokio::test]
async fn a_stop_settles_what_was_accepted_behind_a_failed_request() {
    let lines = "batch_events = 1\nmax_in_flight = 2";
    let plan = Plan::default().dataset(lines);
    let engine = Plan::default().dataset(lines).start().await;
    engine.sign_up("666").await;
    engine.faults(r#"{"faults":[{"do":"fail","status":500,"code":2,"times":1}]}"#);
    engine.purchase("666", "p0").await;
    engine.purchase("666", "p1").await;
    engine.until(|_| engine.sandbox.received() > 0).await;
    let engine = engine.restart(&plan).await;
    engine.drain().await;
    assert_eq!(sorted(engine.arrived()), ids(0..2), "each once");
}

#[tokio::test]
async fn an_event_that_something_on_the_way_chokes_on_holds_nobody_up() {
    let engine = Plan::default().start().await;
    send(&engine, 0..8).await;
    engine.drain().await;
    engine.sandbox.clear();
    // A proxy answers with HTML whenever request bodies hold this event.
    engine.faults(r#"{"faults":[{"do":"html","status":403,"times":9}]}"#);
    for number in 8..16 {
        engine.purchase("666", &format!("p{number}")).await;
    }
    let books = engine.drain().await;
    assert_eq!((books.delivered, books.dead), (16, 0));
    assert_eq!(sorted(engine.arrived()), ids(8..16));
    let smallest = engine.sandbox.requests().iter().map(|request| request.events).min();
    assert!(smallest < Some(8), "the stubborn request was halved");
}

#[tokio::test]
async fn an_answer_that_counts_nothing_is_no_acceptance() {
    let engine = Engine::start().await;
    engine.faults(r#"{"faults":[{"do":"wrong_json","times":3,"accepted":false}]}"#);
    send(&engine, 0..1).await;
    let books = engine.drain().await;
    assert_eq!((books.delivered, engine.sandbox.received()), (1, 1));
}

#[tokio::test]
async fn one_payment_may_go_to_several_datasets() {
    let engine = Plan::default()
        .dataset("[datasets.second]\nid = \"222\"\naccess_token = { env = \"TOKEN\" }\nendpoint = \"http://127.0.0.1:9\"")
        .mapping(
            "version = 1\n[defaults]\ndataset = [\"storefront\", \"second\"]\n[payments]\nDEFAULT = \"Purchase\"",
        )
        .start()
        .await;
    engine.sign_up("666").await;
    let answer = engine.capture(&purchase("666", "both")).await;
    assert_eq!(answer.body["data"]["events"].as_array().map(Vec::len), Some(2));
    // Nobody listens at the second: the first is not held up by it.
    let books = engine.until(|books| books.delivered == 1).await;
    assert_eq!((books.deliveries, books.pending + books.retrying), (2, 1));
    let story = engine.admin("/admin/v1/payments/both").await;
    let fates: Vec<_> = story.body["payments"][0]["deliveries"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|delivery| (delivery["dataset"].as_str(), delivery["fate"].as_str()))
        .collect();
    assert_eq!(fates[0], (Some("storefront"), Some("delivered")));
    assert_ne!(fates[1], (Some("second"), Some("delivered")));
}

#[tokio::test]
async fn an_event_that_breaks_meta_holds_up_nobody_else() {
    for fault in [
        r#"{"do":"fail","status":500,"code":1,"holding":"DEFAULT.poison"}"#,
        r#"{"do":"fail","status":400,"code":999,"holding":"DEFAULT.poison"}"#,
        r#"{"do":"html","status":403,"holding":"DEFAULT.poison"}"#,
    ] {
        let engine = Engine::start().await;
        engine.faults(&format!(r#"{{"faults":[{fault}]}}"#));
        engine.sign_up("666").await;
        // It comes first and alone, as at night.
        engine.purchase("666", "poison").await;
        engine.until(|books| books.retrying == 1).await;
        for number in 0..20 {
            engine.purchase("666", &format!("p{number}")).await;
            engine.until(|books| books.delivered > number).await;
        }
        // A healthy payment that had to wait for the bad one would cost a refused request each.
        // Alone it is tried ever less often: ten times in the first quarter of an hour.
        let refused = engine.sandbox.requests().iter().filter(|heard| heard.status != 200).count();
        assert!(refused < 20, "{fault}: {refused} refused requests beside twenty healthy payments");
        let books = engine.books().await;
        assert_eq!((books.delivered, books.retrying, books.dead), (20, 1, 0), "{fault}");
    }
}

#[tokio::test]
async fn good_events_that_wait_beside_a_bad_one_are_freed() {
    let plan = Plan::default();
    let engine = Plan::default().start().await;
    engine.faults(r#"{"faults":[{"do":"fail","status":500,"code":1}]}"#);
    send(&engine, 0..20).await;
    engine.purchase("666", "poison").await;
    engine.until(|_| engine.sandbox.requests().len() > 1).await;
    // A stop during an outage leaves all of them to be sent again, in one request.
    let engine = engine.restart(&plan).await;
    engine.faults(r#"{"faults":[{"do":"fail","status":500,"code":1,"holding":"DEFAULT.poison"}]}"#);
    let books = engine.until(|books| books.delivered == 20).await;
    assert_eq!((books.retrying + books.pending, books.dead), (1, 0));
}
