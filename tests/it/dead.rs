//! Dead letters: what a person sees, decides, and what becomes of that.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::commands::printed;
use crate::engine::{BEGINNING, Engine, Plan};
use crate::program::{self, KEY, Program};

/// A script that refuses these events, each with its subcode.
fn refusing(events: &[(&str, u32)]) -> String {
    let faults = events.iter().map(|(id, subcode)| {
        json!({"do": "refuse_event_id", "event_id": format!("DEFAULT.{id}"), "subcode": subcode})
    });
    json!({"faults": faults.collect::<Vec<_>>()}).to_string()
}

/// An engine with a dead letter for each of these payments.
async fn with_letters(letters: &[(&str, u32)]) -> Engine {
    let engine = Engine::start().await;
    engine.faults(&refusing(letters));
    engine.sign_up("666").await;
    for (id, _) in letters {
        engine.purchase("666", id).await;
    }
    engine.drain().await;
    engine
}

async fn list(engine: &Engine, query: &str) -> Vec<Value> {
    let answer = engine.admin(&format!("/admin/v1/dead-letters?{query}")).await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.body);
    answer.body["dead_letters"].as_array().expect("a list").clone()
}

/// Ends letters; the results in order.
async fn end(engine: &Engine, how: &str, asked: Value) -> Vec<String> {
    let path = format!("/admin/v1/dead-letters/{how}");
    let answer = engine.admin_post(&path, asked.to_string().into_bytes()).await;
    assert_eq!(answer.status, 200, "{asked}: {}", answer.body);
    let letters = answer.body["dead_letters"].as_array().expect("a list");
    letters.iter().map(|letter| letter["result"].as_str().expect("a word").to_owned()).collect()
}

fn ids(letters: &[Value]) -> Vec<&str> {
    letters.iter().filter_map(|letter| letter["payment_id"].as_str()).collect()
}

#[tokio::test]
async fn a_letter_is_listed_with_advice_retried_with_the_same_bytes_and_told() {
    let engine = with_letters(&[("bad", 2_804_011)]).await;
    let letters = list(&engine, "").await;
    let letter = &letters[0];
    assert_eq!(letter["event_id"], "DEFAULT.bad");
    assert_eq!((&letter["code"], &letter["subcode"]), (&json!(100), &json!(2_804_011)));
    assert_eq!(letter["likely"][0]["code"], "E242");
    let next = letter["next_step"].as_str().expect("words");
    assert!(next.contains("`tillpost explain E242`"), "{next}");

    // Meta refuses it still: it is dead again, and the first death is not forgotten.
    let id = letter["id"].clone();
    engine.clock.advance(Duration::from_hours(1));
    assert_eq!(end(&engine, "retry", json!({"ids": [id], "dry_run": true})).await, ["retried"]);
    assert_eq!(engine.books().await.dead, 1, "a dry run changes nothing");
    assert_eq!(end(&engine, "retry", json!({"ids": [id]})).await, ["retried"]);
    engine.until(|books| books.dead == 1).await;
    let shown = engine.admin(&format!("/admin/v1/dead-letters/{id}")).await.body;
    assert_eq!(shown["fate"], "dead");
    assert_eq!(shown["ended"].as_array().map(Vec::len), Some(1), "{shown:#}");
    assert_eq!(shown["attempts"].as_array().map(Vec::len), Some(2), "{shown:#}");

    // Meta takes it: the event of the first day, an hour and a retry later.
    engine.faults(r#"{"faults":[]}"#);
    assert_eq!(end(&engine, "retry", json!({"all": true})).await, ["retried"]);
    let books = engine.until(|books| books.delivered == 1).await;
    assert_eq!((books.dead, books.retrying, books.pending), (0, 0, 0));
    assert_eq!(engine.sandbox.events()[0].event_time, BEGINNING);
    assert_eq!(list(&engine, "").await, Vec::<Value>::new());
    let story = engine.admin("/admin/v1/payments/bad").await.body;
    let ended = &story["payments"][0]["deliveries"][0]["ended"];
    assert_eq!((&ended[0]["how"], &ended[1]["how"]), (&json!("retried"), &json!("retried")));
    let shown = engine.admin(&format!("/admin/v1/dead-letters/{id}")).await.body;
    assert_eq!(
        (&shown["fate"], &shown["next_step"]),
        (&json!("delivered"), &json!("nothing: Meta has it"))
    );
}

#[tokio::test]
async fn age_is_asked_again_and_what_is_dropped_is_accounted_for() {
    let engine = with_letters(&[("old", 2_804_009), ("other", 2_804_009)]).await;
    engine.faults(r#"{"faults":[]}"#);
    engine.clock.advance(Duration::from_hours(7 * 24));
    for dry_run in [true, false] {
        let asked = json!({"subcode": 2_804_009, "dry_run": dry_run});
        assert_eq!(end(&engine, "retry", asked).await, ["too_old", "too_old"]);
    }
    assert_eq!(engine.books().await.dead, 2, "they stay where they are");
    let next = list(&engine, "").await[0]["next_step"].to_string();
    assert!(next.contains("drop it"), "{next}");

    let asked = json!({"payment_id": "old", "because": "a test payment"});
    assert_eq!(end(&engine, "drop", asked).await, ["dropped"]);
    let books = engine.books().await;
    assert_eq!((books.deliveries, books.dead, books.dropped, books.delivered), (2, 1, 1, 0));
    let story = engine.admin("/admin/v1/payments/old").await.body;
    let delivery = &story["payments"][0]["deliveries"][0];
    assert_eq!(
        (&delivery["fate"], &delivery["because"]),
        (&json!("dropped"), &json!("a test payment"))
    );
    let metrics = engine.admin("/metrics").await.body;
    let line = r#"tillpost_deliveries{state="dropped"} 1"#;
    assert!(metrics.as_str().expect("a page").contains(line), "{metrics}");

    // A removal finds nothing that was sent.
    let removed = engine.post("/api/v1/remove-payment", r#"{"payment_id":"old"}"#).await;
    assert_eq!(removed.body["data"]["already_sent"], 0, "{}", removed.body);
    let books = engine.books().await;
    assert_eq!((books.dead, books.dropped, books.withheld), (1, 0, 1));
    assert!(engine.arrived().is_empty());
}

#[tokio::test]
async fn letters_are_filtered_paged_and_never_all_meant_by_accident() {
    let kinds = [("a", 2_804_009), ("b", 2_804_011), ("c", 2_804_009), ("d", 2_804_011)];
    let engine = with_letters(&kinds).await;
    for (query, expected) in [
        ("subcode=2804009", 2),
        ("code=100&dataset=storefront&project=shop&type=DEFAULT&event_name=Purchase", 4),
        ("code=101", 0),
        ("dataset=other", 0),
        ("type=ONE_TIME", 0),
        ("event_name=Lead", 0),
        ("reason=too_old", 0),
        ("reason=refused&payment_id=c", 1),
        (&format!("until={BEGINNING}"), 0),
        (&format!("since={BEGINNING}"), 4),
    ] {
        assert_eq!(list(&engine, query).await.len(), expected, "{query}");
    }
    // Page by page, each letter once.
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/admin/v1/dead-letters?limit=1&cursor={cursor}");
        let page = engine.admin(&path).await.body;
        seen.extend(
            ids(page["dead_letters"].as_array().expect("a list")).iter().map(ToString::to_string),
        );
        match page["next"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    seen.sort();
    assert_eq!(seen, ["a", "b", "c", "d"]);

    for (how, asked, part) in [
        ("retry", json!({}), "say which letters"),
        ("drop", json!({"dry_run": true}), "say which letters"),
        ("drop", json!({"all": true, "code": 100}), "exclude each other"),
        ("retry", json!({"subcod": 1}), "unknown field"),
        ("retry", json!({"reason": "old"}), "`reason` is `refused`"),
        ("retry", json!({"ids": ["1"]}), "cannot be read"),
        // The keys by their order: nobody means that.
        ("drop", json!([[1, 2]]), "not a JSON object"),
    ] {
        let path = format!("/admin/v1/dead-letters/{how}");
        let answer = engine.admin_post(&path, asked.to_string().into_bytes()).await;
        assert_eq!(answer.status, 400, "{asked}");
        assert!(answer.body.to_string().contains(part), "{asked}: {}", answer.body);
    }
    for (path, status) in [
        ("?subcod=1", 400),
        ("/99", 404),
        ("/x", 400),
        ("/%ff", 400),
        ("?limit=501", 400),
        ("?cursor=x", 400),
    ] {
        let answer = engine.admin(&format!("/admin/v1/dead-letters{path}")).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
    }
    assert_eq!(engine.books().await.dead, 4, "none of that ended a letter");
    assert_eq!(end(&engine, "drop", json!({"subcode": 2_804_011})).await.len(), 2);
    assert_eq!(ids(&list(&engine, "").await).len(), 2);
}

#[tokio::test]
async fn a_long_outage_expires_exactly_what_meta_would_refuse() {
    const DAY: i64 = 24 * 3_600;
    const HOUR: i64 = 3_600;
    let mapping = "version = 1\n[defaults]\ndataset = \"storefront\"\naction_source = \"system_generated\"\n\
                   [payments]\nDEFAULT = \"Purchase\"\n\
                   ONE_TIME = { event = \"Purchase\", action_source = \"physical_store\" }\n";
    let engine = Plan::default().mapping(mapping).start().await;
    engine.faults(r#"{"faults":[{"do":"fail","status":503,"code":2}]}"#);
    engine.sign_up("666").await;
    let began = engine.clock_seconds();
    let back = began + 7 * DAY;
    let mut expected = Vec::new();
    let mut count = 0;
    // At each moment of the outage payments of many ages, online and in the shop.
    for moment in [0, 3 * DAY, 5 * DAY, 6 * DAY] {
        let now = engine.clock_seconds();
        engine
            .clock
            .advance(Duration::from_secs(u64::try_from(began + moment - now).expect("later")));
        for (kind, days) in [("DEFAULT", 7), ("ONE_TIME", 62)] {
            for age in [0, HOUR, DAY, 3 * DAY, 6 * DAY, 30 * DAY, 54 * DAY, 58 * DAY, 61 * DAY] {
                if age >= days * DAY {
                    continue;
                }
                let (id, time) = (format!("p{count}"), engine.clock_seconds() - age);
                count += 1;
                let body = format!(
                    r#"{{"type":"{kind}","user_id":"666","payment_id":"{id}","amount":5,"currency":"INR","occurred_at":{time}}}"#
                );
                let answer = engine.capture(&body).await;
                assert_eq!(answer.body["data"]["verdict"], "forward", "{}", answer.body);
                // Meta's rule, by the calendar: seven days, and 62 for what happened in a shop.
                // Nothing here lies within an hour of it when Meta is back, but for what is
                // exactly at it: that would be too old on arrival.
                if time + days * DAY > back {
                    expected.push(format!("{kind}.{id}"));
                }
            }
        }
    }
    while engine.clock_seconds() < back {
        engine.clock.advance(Duration::from_hours(1));
        tokio::task::yield_now().await;
    }
    assert!(!engine.sandbox.requests().is_empty(), "the outage struck");
    assert_eq!(engine.books().await.delivered, 0, "it let nothing through");
    engine.faults(r#"{"faults":[]}"#);
    let books = engine.drain().await;
    let mut arrived = engine.arrived();
    arrived.sort();
    expected.sort();
    assert_eq!(arrived, expected);
    assert_eq!(books.dead, count - u64::try_from(expected.len()).expect("few"));
    let letters = list(&engine, "limit=500&reason=too_old").await;
    assert_eq!(u64::try_from(letters.len()).ok(), Some(books.dead), "each says why");
    // The second witness was asked nothing that it would refuse for its age.
    assert!(engine.sandbox.requests().iter().all(|request| request.code != Some(100)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_ends_letters_beside_a_service_and_without_one() {
    let folder = TempDir::new().expect("a folder");
    let (sandbox, address) = program::oracle().await;
    let script = refusing(&[("bad", 2_804_011), ("worse", 2_804_050)]);
    sandbox.set_faults(tillpost::sandbox::Script::read(script.as_bytes()).expect("a script"));
    Program::configure(folder.path(), address);
    let run = |arguments: &[&str]| printed(folder.path(), &[&["dead"], arguments].concat(), "");
    assert_eq!(run(&["list"]).code, Some(2), "there are no books yet");
    let mut program = Program::start(folder.path());
    let http = program::client();
    let post = async |path: &str, body: String| {
        let request = http.post(format!("http://{}/api/v1/{path}", program.api));
        let answer = request.header("linkrunner-key", KEY).body(body).send().await;
        assert!(answer.expect("an answer").status().is_success(), "{path}");
    };
    assert_eq!(run(&["list"]).data.trim(), "there is no dead letter that fits");
    post("signup", r#"{"user_data":{"id":"666","email":"a@example.com"}}"#.to_owned()).await;
    for id in ["bad", "worse"] {
        post("capture-payment", crate::engine::purchase("666", id)).await;
    }
    let started = Instant::now();
    while program.books(&http).await["dead"] != 2 {
        assert!(started.elapsed() < Duration::from_secs(30), "both die");
        tokio::task::yield_now().await;
    }
    // The times are today's, and the order in which two die is theirs.
    let listed = run(&["list", "--payment", "bad"]).data;
    assert!(listed.contains("Purchase DEFAULT.bad  refused 100/2804011  E242 E222"), "{listed}");
    let all: Value = serde_json::from_str(&run(&["list", "--format", "json"]).data).expect("JSON");
    let letters = all["dead_letters"].as_array().expect("a list");
    let letter = letters.iter().find(|letter| letter["payment_id"] == "bad").expect("a letter");
    let id = letter["id"].to_string();
    let shown = run(&["show", &id]).data;
    for part in [
        "Purchase DEFAULT.bad to storefront, dead",
        "refused for one of its events",
        "likely E242: Meta was seen to refuse the currency",
        "next: read `tillpost explain E242`",
    ] {
        assert!(shown.contains(part), "{part} is not in\n{shown}");
    }
    let tried = run(&["retry", "--all", "--dry-run"]);
    assert_eq!(tried.data.trim(), "2 letters would be sent again; nothing was changed");
    sandbox.set_faults(tillpost::sandbox::Script::default());
    assert_eq!(run(&["retry", &id]).data.trim(), "1 letter on the way again");
    let started = Instant::now();
    while program.books(&http).await["delivered"] != 1 {
        assert!(started.elapsed() < Duration::from_secs(30), "it arrives");
        tokio::task::yield_now().await;
    }
    assert_eq!(program.terminate(), Some(0));

    // Nobody has the books open.
    let again = run(&["retry", &id]);
    assert_eq!(again.code, Some(1));
    assert!(again.data.contains("is no dead letter"), "{}", again.data);
    assert_eq!(run(&["drop"]).code, Some(2), "it must be said which");
    assert_eq!(run(&["retry", "--reason", "old"]).code, Some(2));
    let dropped = run(&["drop", "--payment", "worse", "--because", "only a test"]);
    assert_eq!((dropped.code, dropped.data.trim()), (Some(0), "1 letter dropped"));
    let traced = printed(folder.path(), &["trace", "worse"], "").data;
    assert!(traced.contains("dropped by hand: only a test"), "{traced}");
    assert_eq!(run(&["show", "99"]).code, Some(1));
}
