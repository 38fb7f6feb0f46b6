//! Stories of the sandbox over real sockets: a hand-written client against [`serve`].
//!
//! The rules have their tables beside them; here stands what only shows on the wire: bodies and
//! headers to the byte, faults, limits, bounds, and many clients at once.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicI64, AtomicUsize};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::rules::cases::{NOW, right, with};
use super::*;

/// A sandbox being served on loopback.
struct Served {
    sandbox: Sandbox,
    address: SocketAddr,
    runtime: Runtime,
    stop: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<io::Result<()>>>,
}

/// An answer as it came over the wire.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Served {
    fn new() -> Self {
        Self::with(Settings::default())
    }

    fn with(settings: Settings) -> Self {
        Self::of(Sandbox::new(settings, Arc::new(|| NOW)))
    }

    fn of(sandbox: Sandbox) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let task = runtime.spawn(serve(listener, sandbox.clone(), async {
            let _ = stopped.await;
        }));
        Self { sandbox, address, runtime, stop: Some(stop), task: Some(task) }
    }

    fn post(&self, events: &[Value]) -> Answer {
        self.ask("POST", "/v25.0/7/events", &json!({"data": events}).to_string())
    }

    fn get(&self, path: &str) -> Value {
        let answer = self.ask("GET", path, "");
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        let head = "authorization: Bearer token\r\ncontent-type: application/json\r\n";
        self.send(method, path, head, body).unwrap()
    }

    /// Orders one fault.
    fn order(&self, fault: &Value) {
        let script = json!({"faults": [fault]}).to_string();
        let answer = self.ask("POST", "/sandbox/faults", &script);
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    fn send(&self, method: &str, path: &str, head: &str, body: &str) -> io::Result<Answer> {
        let mut stream = TcpStream::connect(self.address)?;
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: sandbox\r\nconnection: close\r\n\
             content-length: {length}\r\n{head}\r\n{body}"
        )?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(Answer::read(&text))
    }

    fn names(&self) -> Vec<String> {
        self.sandbox.events().into_iter().map(|event| event.event_name).collect()
    }

    fn last(&self) -> RequestRecord {
        self.sandbox.requests().pop().unwrap()
    }

    /// Stops the server and waits until it has.
    fn stop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
        self.runtime.block_on(self.task.take().unwrap()).unwrap().unwrap();
    }
}

impl Answer {
    fn read(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap();
        Self { status, head: head.to_lowercase(), body: body.to_owned() }
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn error(&self) -> (u16, i64, i64) {
        let error = &self.json()["error"];
        let number = |key: &str| error[key].as_i64().unwrap_or(0);
        (self.status, number("code"), number("error_subcode"))
    }

    fn header(&self, name: &str) -> Option<&str> {
        let value = |line: &'_ str| Some(line.split_once(": ")?.1.len());
        let line = self.head.lines().find(|line| line.starts_with(name))?;
        value(line).map(|length| &line[line.len() - length..])
    }
}

fn named(name: &str) -> Value {
    with(right("other"), "/event_name", json!(name))
}

fn identified(id: &str) -> Value {
    with(right("other"), "/event_id", json!(id))
}

#[test]
fn a_right_request_is_answered_as_meta_does_and_remembered() {
    let served = Served::new();
    let answer = served.post(&[named("Purchase"), named("Lead")]);
    let trace = &served.last().fbtrace_id;
    assert_eq!(answer.status, 200);
    let expect = format!(r#"{{"events_received":2,"messages":[],"fbtrace_id":"{trace}"}}"#);
    assert_eq!(answer.body, expect);
    assert_eq!(answer.header("facebook-api-version"), Some("v25.0"));
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(answer.header("x-app-usage"), None);
    let events = served.sandbox.events();
    assert_eq!((events.len(), served.sandbox.received()), (2, 2));
    let first = &events[0];
    assert_eq!((&*first.dataset_id, &*first.version), ("7", "v25.0"));
    assert_eq!(first.event_id.as_deref(), Some("DEFAULT.ABC"));
    assert_eq!((first.event_time, first.received_at, first.request, first.seen), (NOW, NOW, 1, 1));
    assert_eq!(first.raw, named("Purchase").to_string());
}

#[test]
fn every_way_to_send_a_token_and_a_body() {
    let served = Served::new();
    let event = right("website").to_string();
    let encode =
        |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    let json_type = "content-type: application/json\r\n";
    let bearer = "authorization: bearer t\r\ncontent-type: application/json\r\n";
    let data = format!("[{event}]");
    let text = json!({"data": [event], "access_token": "t"}).to_string();
    let parts = "content-type: multipart/form-data; boundary=X\r\n";
    let part = |name: &str, value: &str| {
        format!("--X\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    for (path, head, body) in [
        ("/v25.0/7/events", bearer, format!("{{\"data\":{data}}}")),
        ("/v25.0/7/events?access_token=t", json_type, format!("{{\"data\":{data}}}")),
        ("/v26.0/7/events", "", text),
        ("/7/events", form, format!("access_token=t&data={}", encode(&data))),
        ("/7/events?access_token=t", form, format!("data={}", encode(&data))),
        ("/7/events", parts, part("data", &data) + &part("access_token", "t") + "--X--\r\n"),
    ] {
        let answer = served.send("POST", path, head, &body).unwrap();
        assert_eq!(answer.status, 200, "{path} {head} {answer:?}");
    }
    let events = served.sandbox.events();
    assert!(events.iter().all(|arrived| arrived.raw == event));
    assert_eq!(events.iter().map(|event| event.seen).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    let versions: Vec<_> = events.iter().map(|event| &*event.version).collect();
    assert_eq!(versions, ["v25.0", "v25.0", "v26.0", "", "", ""]);
    let answer = served.send("POST", "/7/events", form, "data=[]").unwrap();
    assert_eq!(answer.error(), (400, 104, 0));
    assert_eq!(answer.header("facebook-api-version"), Some("v20.0"));
}

#[test]
fn one_wrong_event_refuses_the_request_and_nothing_is_remembered() {
    let served = Served::new();
    let wrong = with(right("other"), "/custom_data/currency", json!("XXX"));
    let answer = served.post(&[identified("a"), identified("b"), wrong, identified("c")]);
    assert_eq!(answer.error(), (400, 100, 2_804_011));
    assert_eq!(answer.json()["error"]["error_user_title"], "Invalid Currency For Purchase Event");
    assert_eq!((served.sandbox.received(), served.sandbox.events().len()), (0, 0));
    let record = served.last();
    assert_eq!((record.events, record.accepted, record.status), (4, 0, 400));
    assert_eq!((record.code, record.subcode), (Some(100), Some(2_804_011)));
    assert_eq!(record.rule, Some("currency.known"));
    assert_eq!(record.event_ids, ["a", "b", "DEFAULT.ABC"]);
}

#[test]
fn what_is_only_assumed_is_refused_or_warned_of() {
    let event = with(right("website"), "/event_source_url", json!(null));
    let event = with(event, "/user_data/client_user_agent", json!("Mozilla/5.0"));
    let served = Served::new();
    assert_eq!(served.post(std::slice::from_ref(&event)).error(), (400, 100, 2_804_019));
    let served = Served::with(Settings { strict: false, ..Settings::default() });
    let answer = served.post(&[right("other"), event]);
    let trace = &served.last().fbtrace_id;
    let expect = format!(r#"{{"events_received":2,"messages":[],"fbtrace_id":"{trace}"}}"#);
    assert_eq!((answer.status, answer.body), (200, expect), "Meta's own words stay Meta's");
    let warning = json!([{"event": 1, "rule": "event_source_url.required",
        "says": "The parameter $['data'][1]['event_source_url'] is required"}]);
    assert_eq!(served.get("/sandbox/requests")["requests"][0]["warnings"], warning);
    let events = served.get("/sandbox/events")["events"].take();
    assert_eq!(events[0]["sandbox"]["warnings"], json!(null));
    assert_eq!(events[1]["sandbox"]["warnings"], warning);
}

#[test]
fn advice_stands_in_the_log_and_beside_the_event_and_is_bounded() {
    let served = Served::new();
    assert_eq!(served.post(&vec![named("purchase"); 30]).status, 200);
    let record = served.last();
    assert_eq!(record.warnings.len(), 20);
    assert_eq!((record.warnings[1].event, record.warnings[1].rule), (1, "event_name.near_miss"));
    let newest = &served.get("/sandbox/events?limit=1")["events"][0]["sandbox"]["warnings"][0];
    assert_eq!((&newest["event"], &newest["rule"]), (&json!(29), &json!("event_name.near_miss")));
}

#[test]
fn a_thousand_events_and_one_more() {
    let served = Served::new();
    let thousand = vec![right("other"); 1_000];
    assert_eq!(served.post(&thousand).status, 200);
    assert_eq!(served.post(&vec![right("other"); 1_001]).error(), (400, 100, 0));
    assert_eq!(served.sandbox.received(), 1_000);
}

#[test]
fn the_clock_decides() {
    let time = Arc::new(AtomicI64::new(NOW + 7 * 86_400));
    let clock = Arc::clone(&time);
    let now: Now = Arc::new(move || clock.load(Ordering::Relaxed));
    let served = Served::of(Sandbox::new(Settings::default(), now));
    assert_eq!(served.post(&[right("other")]).status, 200);
    time.fetch_add(1, Ordering::Relaxed);
    assert_eq!(served.post(&[right("other")]).error(), (400, 100, 2_804_003));
    time.store(NOW - 60, Ordering::Relaxed);
    assert_eq!(served.post(&[right("other")]).status, 200);
    time.store(NOW - 61, Ordering::Relaxed);
    assert_eq!(served.post(&[right("other")]).error(), (400, 100, 2_804_004));
}

#[test]
fn the_answer_names_the_version_that_ran_and_the_clock_knows_it() {
    let time = Arc::new(AtomicI64::new(NOW));
    let clock = Arc::clone(&time);
    let now: Now = Arc::new(move || clock.load(Ordering::Relaxed));
    let served = Served::of(Sandbox::new(Settings::default(), now));
    let ran = |path: &str| {
        let answer = served.ask("POST", path, r#"{"data":[]}"#);
        let version = answer.header("facebook-api-version").unwrap().to_owned();
        (answer.error().1, version)
    };
    assert_eq!(ran("/v20.0/7/events"), (100, "v20.0".to_owned()));
    assert_eq!(ran("/v26.0/7/events"), (100, "v26.0".to_owned()));
    assert_eq!(ran("/v27.0/7/events"), (2500, "v20.0".to_owned()));
    // v20.0 ends on 2026-09-24.
    time.store(1_790_208_000, Ordering::Relaxed);
    assert_eq!(ran("/v20.0/7/events"), (100, "v21.0".to_owned()));
    assert_eq!(ran("/7/events"), (100, "v21.0".to_owned()));
}

#[test]
fn what_arrived_can_be_asked_filtered_and_forgotten() {
    let served = Served::new();
    served.post(&[identified("a"), identified("b"), named("Lead")]);
    let body = json!({"data": [identified("a")], "test_event_code": "TEST1"}).to_string();
    served.ask("POST", "/v25.0/8/events", &body);
    let ids = |path: &str| -> Vec<String> {
        let listing = served.get(path);
        assert_eq!((&listing["received"], &listing["kept"]), (&json!(4), &json!(4)));
        let events = listing["events"].as_array().unwrap().clone();
        events.iter().map(|event| event["event_id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids("/sandbox/events"), ["a", "b", "DEFAULT.ABC", "a"]);
    assert_eq!(ids("/sandbox/events?limit=2"), ["DEFAULT.ABC", "a"]);
    assert_eq!(ids("/sandbox/events?event_name=Lead"), ["DEFAULT.ABC"]);
    assert_eq!(ids("/sandbox/events?event_id=a&dataset_id=7"), ["a"]);
    assert_eq!(ids("/sandbox/events?dataset_id=9"), [""; 0]);
    assert_eq!(served.ask("GET", "/sandbox/events?since=1", "").status, 400);
    let newest = &served.get("/sandbox/events?limit=1")["events"][0]["sandbox"];
    let expect = json!({
        "dataset_id": "8", "version": "v25.0", "received_at": NOW, "request": 2, "seen": 1,
        "test_event_code": "TEST1",
    });
    assert_eq!(newest, &expect);
    let requests = served.get("/sandbox/requests");
    assert_eq!(requests["requests"][1]["test_event_code"], "TEST1");
    assert_eq!(requests["requests"][0]["event_ids"], json!(["a", "b", "DEFAULT.ABC"]));
    let answer = served.ask("DELETE", "/sandbox/events", "");
    assert_eq!(answer.json(), json!({"forgotten": {"events": 4, "requests": 2}}));
    let empty = json!({"events": [], "received": 0, "kept": 0, "dropped": 0, "duplicates": 0});
    assert_eq!(served.get("/sandbox/events"), empty);
    assert_eq!(served.get("/sandbox/requests"), json!({"requests": []}));
    served.post(&[right("other")]);
    assert_eq!(served.last().number, 3, "numbers go on");
}

#[test]
fn what_arrived_twice_is_listed_with_its_requests() {
    let served = Served::new();
    served.post(&[identified("a"), identified("b")]);
    served.post(&[identified("a"), with(identified("b"), "/custom_data/value", json!(5))]);
    assert_eq!(served.get("/sandbox/events?limit=0")["duplicates"], 2);
    let found = served.get("/sandbox/duplicates")["duplicates"].take();
    let duplicate = |id: &str, same_bytes: bool| {
        json!({"dataset_id": "7", "event_name": "Purchase", "event_id": id, "count": 2,
            "same_bytes": same_bytes, "requests": [1, 2]})
    };
    assert_eq!(found, json!([duplicate("a", true), duplicate("b", false)]));
    let found = served.get("/sandbox/duplicates?event_id=b")["duplicates"].take();
    assert_eq!(found, json!([duplicate("b", false)]));
    assert_eq!(served.ask("GET", "/sandbox/duplicates?since=1", "").status, 400);
    assert_eq!(served.sandbox.duplicates().len(), 2);
}

#[test]
fn memory_is_bounded() {
    let settings = Settings { keep_events: 3, keep_requests: 2, ..Settings::default() };
    let served = Served::with(settings);
    for id in ["a", "b", "c", "d"] {
        served.post(&[identified(id), identified(id)]);
    }
    let listing = served.get("/sandbox/events");
    let counts = ["received", "kept", "dropped"].map(|key| listing[key].as_u64().unwrap());
    assert_eq!(counts, [8, 3, 5]);
    let ids: Vec<_> = served.sandbox.events().into_iter().map(|e| e.event_id.unwrap()).collect();
    assert_eq!(ids, ["c", "d", "d"]);
    let numbers: Vec<_> = served.sandbox.requests().iter().map(|r| r.number).collect();
    assert_eq!(numbers, [3, 4]);
}

#[test]
fn answers_on_order() {
    let served = Served::new();
    for (fault, expect) in [
        (json!({"do": "throttle"}), (400, 4, 0)),
        (json!({"do": "throttle", "code": 80_004, "status": 429}), (429, 80_004, 0)),
        (json!({"do": "fail"}), (500, 2, 0)),
        (json!({"do": "fail", "code": 1}), (500, 1, 0)),
        (json!({"do": "fail", "code": 190, "subcode": 463}), (400, 190, 463)),
        (json!({"do": "fail", "status": 503}), (503, 2, 0)),
        (json!({"do": "token_revoked"}), (400, 190, 460)),
        (json!({"do": "dataset_missing"}), (400, 100, 33)),
        (json!({"do": "refuse_event", "index": 0}), (400, 100, 2_804_019)),
        (json!({"do": "refuse_event_id", "event_id": "DEFAULT.ABC"}), (400, 100, 2_804_019)),
    ] {
        served.order(&fault);
        let answer = served.post(&[right("other")]);
        assert_eq!(answer.error(), expect, "{fault}");
        let record = served.last();
        assert_eq!((record.status, record.code), (expect.0, Some(expect.1)));
        assert_eq!(record.fault, fault["do"].as_str());
    }
    assert_eq!(served.sandbox.received(), 0);
    served.sandbox.set_faults(Script::default());
    assert_eq!(served.post(&[right("other")]).status, 200);
}

#[test]
fn a_failure_can_say_anything_of_metas_envelope() {
    let served = Served::new();
    served.order(&json!({"do": "fail", "code": 190, "subcode": 463, "times": 1}));
    let error = served.post(&[right("other")]).json()["error"].take();
    assert_eq!(error["message"], "Error validating access token: Session has expired.");
    served.order(&json!({"do": "fail", "status": 400, "code": -3, "subcode": 5, "message": "m",
        "type": "CodedException", "title": "T", "user_msg": "u", "is_transient": true}));
    let mut error = served.post(&[right("other")]).json()["error"].take();
    error["fbtrace_id"] = json!("A");
    let expect = json!({"message": "m", "type": "CodedException", "code": -3, "error_subcode": 5,
        "is_transient": true, "error_user_title": "T", "error_user_msg": "u", "fbtrace_id": "A"});
    assert_eq!(error, expect);
    assert_eq!(served.last().title.as_deref(), Some("T"));
}

#[test]
fn a_throttle_tells_the_usage_and_ends() {
    let served = Served::new();
    served.order(&json!({"do": "throttle", "times": 2, "retry_minutes": 5, "dataset_id": "7"}));
    let other = json!({"data": [right("other")]}).to_string();
    assert_eq!(served.ask("POST", "/v25.0/8/events", &other).status, 200);
    let answer = served.post(&[right("other")]);
    assert_eq!(answer.error(), (400, 4, 0));
    assert_eq!(answer.json()["error"]["is_transient"], true);
    let usage: Value = serde_json::from_str(answer.header("x-app-usage").unwrap()).unwrap();
    assert_eq!(usage["call_count"], 100);
    let business = answer.header("x-business-use-case-usage").unwrap();
    let business: Value = serde_json::from_str(business).unwrap();
    assert_eq!(business["7"][0]["estimated_time_to_regain_access"], 5);
    assert_eq!(served.get("/sandbox/faults")["faults"][0]["times"], 1);
    assert_eq!(served.post(&[right("other")]).status, 400);
    assert_eq!(served.get("/sandbox/faults"), json!({"faults": []}));
    assert_eq!(served.post(&[right("other")]).status, 200);
    served.order(&json!({"do": "usage", "percent": 80, "total_time": 9, "account_percent": 70}));
    let answer = served.post(&[right("other")]);
    assert_eq!(answer.status, 200);
    let usage = r#"{"call_count":80,"total_cputime":80,"total_time":9}"#;
    assert_eq!(answer.header("x-app-usage"), Some(usage));
    assert!(answer.header("x-ad-account-usage").unwrap().contains("\"acc_id_util_pct\":70"));
}

#[test]
fn only_the_named_event_is_refused_until_the_script_is_cleared() {
    let served = Served::new();
    served.order(&json!({"do": "refuse_event_id", "event_id": "bad"}));
    assert_eq!(served.post(&[identified("a")]).status, 200);
    let answer = served.post(&[identified("a"), identified("bad")]);
    let says = answer.json()["error"]["error_user_msg"].as_str().unwrap().to_owned();
    assert!(says.contains("$['data'][1]"), "{says}");
    served.order(&json!({"do": "refuse_event_id", "event_id": "bad", "name_index": false}));
    for _ in 0..3 {
        let answer = served.post(&[identified("bad")]);
        assert_eq!(answer.error(), (400, 100, 2_804_009));
        assert!(!answer.body.contains("$["));
    }
    assert_eq!(served.ask("DELETE", "/sandbox/faults", "").json(), json!({"cleared": 1}));
    assert_eq!(served.post(&[identified("bad")]).status, 200);
}

#[test]
fn bodies_that_are_not_metas() {
    let served = Served::new();
    served.order(&json!({"do": "html", "times": 1}));
    let answer = served.post(&[right("other")]);
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (502, Some("text/html; charset=utf-8"))
    );
    assert!(answer.body.starts_with("<html>"));
    served.order(&json!({"do": "wrong_json", "times": 1}));
    let answer = served.post(&[right("other")]);
    assert_eq!(answer.status, 200);
    assert!(serde_json::from_str::<Value>(&answer.body).is_err());
    served.order(&json!({"do": "fail", "status": 503, "empty": true, "times": 1}));
    let answer = served.post(&[right("other")]);
    assert_eq!((answer.status, answer.body.as_str()), (503, ""));
    assert_eq!(served.sandbox.received(), 0);
    served.order(&json!({"do": "html", "times": 1, "accepted": true}));
    assert_eq!(served.post(&[right("other")]).status, 502);
    assert_eq!((served.sandbox.received(), served.last().accepted), (1, 1));
}

#[test]
fn the_log_tells_what_was_answered_and_what_the_rules_say_apart() {
    let served = Served::new();
    let (good, wrong) = (right("other"), with(right("other"), "/x", json!(1)));
    for (fault, event, answer, code, verdict) in [
        (json!({"do": "usage", "percent": 1}), &good, Answered::Success, None, None),
        (json!({"do": "usage", "percent": 1}), &wrong, Answered::Error, Some(100), Some(100)),
        (json!({"do": "html"}), &wrong, Answered::Html, None, Some(100)),
        (json!({"do": "html"}), &good, Answered::Html, None, None),
        (json!({"do": "wrong_json"}), &wrong, Answered::WrongJson, None, Some(100)),
        (json!({"do": "fail", "empty": true}), &wrong, Answered::Empty, None, Some(100)),
        (json!({"do": "cut", "bytes": 5}), &wrong, Answered::Cut, None, Some(100)),
        (json!({"do": "cut", "bytes": 5_000}), &wrong, Answered::Error, Some(100), Some(100)),
        (json!({"do": "token_revoked"}), &wrong, Answered::Error, Some(190), Some(100)),
        (json!({"do": "token_revoked"}), &good, Answered::Error, Some(190), None),
    ] {
        served.order(&fault);
        served.post(std::slice::from_ref(event));
        let record = served.last();
        assert_eq!((record.answer, record.code), (answer, code), "{fault}");
        assert_eq!(record.verdict.as_ref().map(|verdict| verdict.code), verdict, "{fault}");
        let rule = code.filter(|code| *code == 100).map(|_| "event.unknown_key");
        assert_eq!(record.rule, rule, "{fault}");
    }
    let shown = served.get("/sandbox/requests")["requests"][2].take();
    assert_eq!((&shown["answer"], &shown["code"]), (&json!("html"), &json!(null)));
    assert_eq!(shown["verdict"]["rule"], "event.unknown_key");
}

#[test]
fn a_reset_sends_not_one_byte() {
    let served = Served::new();
    for (accepted, received) in [(false, 0), (true, 1)] {
        served.order(&json!({"do": "reset", "times": 1, "accepted": accepted}));
        let body = json!({"data": [right("other")]}).to_string();
        let head = "authorization: Bearer t\r\n";
        let error = served.send("POST", "/v25.0/7/events", head, &body).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        let record = served.last();
        assert_eq!((record.status, record.fault, record.code), (0, Some("reset"), None));
        assert_eq!(served.sandbox.received(), received);
    }
    assert_eq!(served.post(&[right("other")]).status, 200);
}

#[test]
fn a_stall_answers_late_and_holds_nobody_else() {
    let mut served = Served::new();
    served.order(&json!({"do": "stall", "ms": 50, "times": 1}));
    let start = Instant::now();
    assert_eq!(served.post(&[named("Lead")]).status, 200);
    assert!(start.elapsed() >= Duration::from_millis(50));

    served.order(&json!({"do": "stall", "ms": 3_600_000, "times": 1}));
    let (address, body) = (served.address, json!({"data": [named("Search")]}).to_string());
    let stalled = std::thread::spawn(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        let length = body.len();
        write!(
            stream,
            "POST /v25.0/7/events?access_token=t HTTP/1.1\r\nhost: s\r\nconnection: close\r\n\
             content-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        Answer::read(&text).status
    });
    while served.names().len() < 2 {
        std::thread::yield_now();
    }
    assert_eq!(served.names(), ["Lead", "Search"], "remembered before the wait");
    assert_eq!(served.post(&[named("Contact")]).status, 200);
    assert_eq!(served.ask("GET", "/sandbox/faults", "").json(), json!({"faults": []}));
    served.stop();
    assert_eq!(stalled.join().unwrap(), 200, "the end of the server ends the stall");
}

#[test]
fn a_drip_comes_byte_by_byte_and_whole() {
    let mut served = Served::new();
    served.order(&json!({"do": "drip", "ms": 90, "times": 1}));
    let start = Instant::now();
    let answer = served.post(&[right("other")]);
    assert!(start.elapsed() >= Duration::from_millis(50), "{:?}", start.elapsed());
    assert_eq!((answer.status, answer.json()["events_received"].as_i64()), (200, Some(1)));
    assert_eq!(answer.header("content-length"), Some(answer.body.len().to_string().as_str()));
    assert_eq!((served.last().accepted, served.last().fault), (1, Some("drip")));

    served.order(&json!({"do": "drip", "ms": 3_600_000, "times": 1}));
    let mut stream = TcpStream::connect(served.address).unwrap();
    let head = "POST /v25.0/7/events?access_token=t HTTP/1.1\r\nhost: s\r\nconnection: close\r\n\
                content-length: 11\r\n\r\n{\"data\":[]}";
    stream.write_all(head.as_bytes()).unwrap();
    let mut text = [0; 12];
    stream.read_exact(&mut text).unwrap();
    assert_eq!(&text, b"HTTP/1.1 400", "the head comes at once");
    served.stop();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.ends_with("\"}}"), "the end of the server ends the drip: {rest}");
}

#[test]
fn a_cut_sends_the_head_and_some_bytes() {
    let served = Served::new();
    for (bytes, accepted, received) in [(0, false, 0), (10, false, 0), (10, true, 1)] {
        served.order(&json!({"do": "cut", "bytes": bytes, "times": 1, "accepted": accepted}));
        let answer = served.post(&[right("other")]);
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, &"{\"events_received\":1"[..bytes])
        );
        let promised: usize = answer.header("content-length").unwrap().parse().unwrap();
        assert!(promised > 60, "{promised}");
        assert_eq!((served.sandbox.received(), served.last().fault), (received, Some("cut")));
    }
    served.order(&json!({"do": "cut", "bytes": 1_000, "times": 1}));
    assert_eq!(served.post(&[right("other")]).json()["events_received"], 1, "it was shorter");
}

/// Sends one event on a connection of its own and does not wait for the answer.
fn send_and_leave(served: &Served, until: impl Fn() -> bool) {
    let mut stream = TcpStream::connect(served.address).unwrap();
    let body = json!({"data": [named("Lead")]}).to_string();
    let length = body.len();
    write!(
        stream,
        "POST /7/events?access_token=t HTTP/1.1\r\nhost: s\r\ncontent-length: {length}\r\n\r\n\
         {body}"
    )
    .unwrap();
    while !until() {
        std::thread::yield_now();
    }
}

#[test]
fn a_client_that_gives_up_during_a_stall_has_delivered() {
    let served = Served::new();
    served.order(&json!({"do": "stall", "ms": 3_600_000, "times": 1}));
    send_and_leave(&served, || served.sandbox.received() == 1);
    assert_eq!((served.last().status, served.last().fault), (200, Some("stall")));
}

#[test]
fn a_client_that_gives_up_before_it_was_accepted_has_not() {
    let served = Served::new();
    served.order(&json!({"do": "stall", "ms": 300, "times": 1, "accepted": false}));
    send_and_leave(&served, || served.sandbox.faults().faults.is_empty());
    served.order(&json!({"do": "stall", "ms": 600, "times": 1}));
    assert_eq!(served.post(&[named("Search")]).status, 200);
    assert_eq!(served.names(), ["Search"], "the first one left before its stall was over");
}

#[test]
fn a_wrong_script_changes_nothing_and_every_mistake_is_named() {
    let served = Served::new();
    served.order(&json!({"do": "token_revoked"}));
    let script = json!({"faults": [{"do": "stall"}, {"do": "rest"}]}).to_string();
    let answer = served.ask("POST", "/sandbox/faults", &script);
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["mistakes"].as_array().unwrap().len(), 2);
    assert_eq!(served.get("/sandbox/faults"), json!({"faults": [{"do": "token_revoked"}]}));
}

#[test]
fn control_routes_that_do_not_exist_say_which_do() {
    let served = Served::new();
    for (method, path, status) in [
        ("POST", "/sandbox", 404),
        ("GET", "/sandbox/event", 404),
        ("POST", "/sandbox/events", 405),
        ("PUT", "/sandbox/faults", 405),
    ] {
        let answer = served.ask(method, path, "");
        assert_eq!(answer.status, status, "{method} {path}");
        let routes = answer.json()["routes"].as_array().unwrap().len();
        assert!(routes > 5 && answer.body.contains(path), "{answer:?}");
    }
    let page = served.ask("GET", "/", "");
    assert_eq!(
        (page.status, page.header("content-type")),
        (200, Some("text/plain; charset=utf-8"))
    );
    for route in ["/sandbox/events", "/sandbox/requests", "/sandbox/faults"] {
        assert!(page.body.contains(route));
    }
    assert_eq!(served.sandbox.requests(), []);
}

#[test]
fn odd_paths_are_answered_by_meta_and_listed() {
    let served = Served::new();
    let body = json!({"data": [right("other")]}).to_string();
    for (method, path, expect) in [
        ("POST", "/v25.0/shop/events", (400, 100, 33)),
        ("POST", "/v25/7/events", (400, 2500, 0)),
        ("POST", "/act_7/events", (400, 100, 33)),
        ("POST", "/v25.0/7/event", (400, 2500, 0)),
        ("POST", "/", (400, 2500, 0)),
        ("POST", "/sandboxes", (400, 2500, 0)),
        ("DELETE", "/v25.0/7", (400, 100, 33)),
        ("GET", "/v25.0/7/events", (400, 100, 33)),
        ("PUT", "/api/v1/capture", (400, 2500, 0)),
    ] {
        let answer = served.ask(method, path, &body);
        assert_eq!(answer.error(), expect, "{path}");
        assert!(answer.header("facebook-api-version").is_some(), "{path}");
        let record = served.last();
        assert_eq!((record.method.as_str(), record.path.as_str()), (method, path));
        assert_eq!((record.status, record.code, record.accepted), (400, Some(expect.1), 0));
    }
    served.ask("POST", "/nowhere?access_token=secret", &body);
    assert_eq!(served.last().path, "/nowhere", "a query may hold a token");
    let answer = served.ask("POST", "/v25.0/7/events/", &body);
    assert_eq!((answer.status, served.sandbox.received()), (200, 1));
}

#[test]
fn the_longest_body_and_one_byte_more() {
    let served = Served::new();
    let body = " ".repeat(BODY_MAX_BYTES);
    assert_eq!(served.ask("POST", "/v25.0/7/events", &body).error(), (400, 100, 0));
    assert_eq!(served.last().bytes, BODY_MAX_BYTES);
    assert_eq!(served.ask("POST", "/v25.0/7/events", &format!("{body} ")).status, 413);
}

#[test]
fn one_connection_carries_many_requests() {
    let served = Served::new();
    let mut stream = TcpStream::connect(served.address).unwrap();
    let body = json!({"data": [right("other")]}).to_string();
    let length = body.len();
    let request = format!(
        "POST /v25.0/7/events?access_token=t HTTP/1.1\r\nhost: s\r\ncontent-length: {length}\r\n\r\n\
         {body}"
    );
    let last = request.replacen("host", "connection: close\r\nhost", 1);
    stream.write_all(format!("{request}{request}{last}").as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 3);
    assert_eq!(served.sandbox.received(), 3);
}

#[test]
fn many_clients_at_once_lose_nothing() {
    let told = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&told);
    let on_verdict: OnVerdict = Arc::new(move |record| {
        count.fetch_add(record.accepted, Ordering::Relaxed);
    });
    let served = Served::with(Settings { on_verdict: Some(on_verdict), ..Settings::default() });
    std::thread::scope(|scope| {
        for client in 0..8 {
            let served = &served;
            scope.spawn(move || {
                for round in 0..10 {
                    let id = |n: i32| identified(&format!("{client}.{round}.{n}"));
                    let events: Vec<Value> = (0..20).map(id).collect();
                    assert_eq!(served.post(&events).status, 200);
                }
            });
        }
    });
    assert_eq!((served.sandbox.received(), told.load(Ordering::Relaxed)), (1_600, 1_600));
    assert!(served.sandbox.events().iter().all(|event| event.seen == 1));
    let numbers: BTreeSet<u64> = served.sandbox.requests().iter().map(|r| r.number).collect();
    assert_eq!((numbers.len(), numbers.last()), (80, Some(&80)));
}

#[test]
fn the_server_stops_when_it_is_told() {
    let mut served = Served::new();
    assert_eq!(served.post(&[right("other")]).status, 200);
    served.stop();
    assert!(TcpStream::connect(served.address).is_err());
    assert_eq!(served.sandbox.received(), 1, "the handle outlives the server");
}
