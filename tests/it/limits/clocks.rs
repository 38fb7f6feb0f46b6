//! Clocks that are wrong: a calendar that jumps a day, stands still or runs backwards. No payment is
//! lost, no event gets another time, and what waits goes on when it should.
//!
//! The simulation (`store::simulation`) steps the calendar under lease, cursor, retry and throttle by
//! the thousand; here the whole engine runs under it, with intake, holds, limits and upkeep. Meta's
//! stand-in keeps the right time. What a payment without `occurred_at` is dated by is the calendar of
//! the moment in which it came, right or wrong: nothing else is known of it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::engine::{Engine, Plan, purchase};

const DAY: i64 = 86_400_000;

/// The times of what arrived, by event.
fn times(engine: &Engine) -> BTreeMap<String, i64> {
    let events = engine.sandbox.events().into_iter();
    let timed = events.map(|event| {
        let json: Value = serde_json::from_str(&event.raw).expect("JSON");
        (event.event_id.expect("an id"), json["event_time"].as_i64().expect("a time"))
    });
    timed.collect()
}

/// How the calendar goes on while time passes.
#[derive(Debug, Clone, Copy)]
enum Calendar {
    Right,
    Still,
    Backwards,
}

/// Lets so much time pass, a quarter of a second at a time.
async fn pass(engine: &Engine, seconds: u32, calendar: Calendar) {
    for _ in 0..seconds * 4 {
        engine.clock.advance(Duration::from_millis(250));
        engine.clock.step(match calendar {
            Calendar::Right => 0,
            Calendar::Still => -250,
            Calendar::Backwards => -500,
        });
        for _ in 0..4 {
            engine.books().await;
        }
    }
}

/// Lets time pass until nothing waits: minutes mostly, and a day of it where the machine is busy.
async fn drained(engine: &Engine, calendar: Calendar) {
    for _ in 0..86_400 {
        let books = engine.books().await;
        if books.pending + books.retrying == 0 {
            return;
        }
        pass(engine, 1, calendar).await;
    }
    panic!("still waiting: {:?}", engine.books().await);
}

#[tokio::test]
async fn a_calendar_that_jumps_a_day_loses_nothing_and_dates_nothing_anew() {
    let engine = Engine::start().await;
    engine.sign_up("666").await;
    let mut expected = BTreeMap::new();
    let mut number = 0;
    let purchase_now = async |engine: &Engine, number: u32| {
        let id = format!("p{number}");
        engine.purchase("666", &id).await;
        (format!("DEFAULT.{id}"), engine.clock_seconds())
    };
    // Back first: a calendar ahead of Meta's would date payments into Meta's future.
    for jumps in [[-DAY, DAY], [-DAY, DAY], [-3_600_000, 3_600_000], [-1_000, 1_000]] {
        engine.faults(r#"{"faults":[{"do":"fail","status":503,"code":2,"times":3}]}"#);
        number += 1;
        expected.extend([purchase_now(&engine, number).await]);
        pass(&engine, 1, Calendar::Right).await;
        for jump in jumps {
            engine.clock.step(jump);
            number += 1;
            expected.extend([purchase_now(&engine, number).await]);
            pass(&engine, 2, Calendar::Right).await;
        }
        drained(&engine, Calendar::Right).await;
    }
    assert_eq!(times(&engine), expected, "each with the time at which it came");
    assert_eq!(engine.sandbox.events().len(), expected.len(), "each once");
    let books = engine.books().await;
    assert_eq!((books.delivered, books.dead), (u64::from(number), 0), "{books:?}");
}

#[tokio::test]
async fn a_payment_that_says_when_it_was_keeps_its_time_under_a_calendar_a_day_ahead() {
    let engine = Engine::start().await;
    engine.sign_up("666").await;
    let right = engine.clock_seconds();
    engine.clock.step(DAY);
    let dated = format!(r#"{{"occurred_at":{right},"#);
    let body = purchase("666", "dated").replacen('{', &dated, 1);
    assert_eq!(engine.capture(&body).await.status, 201);
    drained(&engine, Calendar::Right).await;
    assert_eq!(times(&engine), BTreeMap::from([("DEFAULT.dated".to_owned(), right)]));
}

#[tokio::test]
async fn a_throttle_lasts_as_long_as_meta_said_whatever_the_calendar_says() {
    for jump in [DAY, -DAY] {
        let engine = Engine::start().await;
        engine.sign_up("666").await;
        // Meta states two minutes; a fault of the calendar is no news to it.
        engine.faults(r#"{"faults":[{"do":"throttle","code":80004,"retry_minutes":2,"times":1}]}"#);
        let dated = format!(r#"{{"occurred_at":{},"#, engine.clock_seconds());
        let body = purchase("666", "p").replacen('{', &dated, 1);
        assert_eq!(engine.capture(&body).await.status, 201);
        while engine.sandbox.requests().is_empty() {
            pass(&engine, 1, Calendar::Right).await;
        }
        engine.clock.step(jump);
        pass(&engine, 100, Calendar::Right).await;
        assert_eq!(engine.sandbox.requests().len(), 1, "{jump}: not before the stated time");
        // Meta's two minutes, and a spread of a tenth at most.
        drained(&engine, Calendar::Right).await;
        assert_eq!(engine.sandbox.events().len(), 1, "{jump}");
    }
}

#[tokio::test]
async fn timers_go_on_under_a_calendar_that_stands_still_or_runs_backwards() {
    for calendar in [Calendar::Still, Calendar::Backwards] {
        let plan = Plan::default().dataset("max_events_per_second = 1\nbatch_events = 2");
        let engine = plan.project("max_requests_per_second = 5").start().await;
        engine.sign_up("666").await;
        pass(&engine, 1, calendar).await;
        engine.faults(r#"{"faults":[{"do":"fail","status":500,"code":1,"times":2}]}"#);
        let mut taken = 0;
        for number in 0..12 {
            // The limit of the key gives way as time passes, not as the calendar does.
            loop {
                let answer = engine.capture(&purchase("666", &format!("p{number}"))).await;
                if answer.status == 201 {
                    taken += 1;
                    break;
                }
                assert_eq!(answer.status, 429, "{}", answer.body);
                pass(&engine, 1, calendar).await;
            }
        }
        let began = engine.steady_seconds();
        drained(&engine, calendar).await;
        let took = engine.steady_seconds() - began;
        assert!(took >= 6, "{calendar:?}: two at once and then one a second: {took} s");
        assert_eq!(engine.sandbox.events().len(), taken, "{calendar:?}: each once");
    }
}

#[tokio::test]
async fn holds_leases_and_retention_survive_a_calendar_that_is_set_back() {
    let plan = Plan::default();
    let mut engine = Plan::default().start().await;
    engine.sign_up("666").await;
    engine.purchase("666", "before").await;
    engine.drain().await;
    let came = engine.clock_seconds();
    let held = engine.capture(&purchase("late", "held")).await;
    assert_eq!(held.body["data"]["verdict"], "hold", "{}", held.body);
    engine.clock.step(-DAY);
    // A lease of tomorrow is nobody's: a new process takes it at once.
    engine = engine.restart(&plan).await;
    engine.purchase("666", "yesterday").await;
    drained(&engine, Calendar::Right).await;
    let released = engine.sign_up("late").await;
    assert_eq!(
        released.body["data"]["released"].as_array().map(Vec::len),
        Some(1),
        "{}",
        released.body
    );
    drained(&engine, Calendar::Right).await;
    assert_eq!(times(&engine).get("DEFAULT.held"), Some(&came), "with the time at which it came");
    // Upkeep runs under a calendar before the payments: nothing is old, nothing is pruned.
    pass(&engine, 180, Calendar::Right).await;
    engine.clock.step(DAY);
    pass(&engine, 180, Calendar::Right).await;
    let books = engine.books().await;
    assert_eq!((books.recorded, books.delivered, books.held), (3, 3, 0), "{books:?}");
    assert_eq!(books.pruned.payments, 0, "{books:?}");
}
