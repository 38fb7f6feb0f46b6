//! The mutation corpus: right payments, each broken in one way.
//!
//! For every row the engine must say what the row expects, at its place, and nothing graver; an
//! event that a forwarder without checks would make of it must fare at the sandbox as the row says
//! Meta treats it; and whatever the engine still forwards, the sandbox must take. The corpus was
//! written from the contract and Meta's pages, not from this program's output.

mod naive;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use tillpost::core::decide::{Case, Decision, Verdict, decide};
use tillpost::core::finding::{At, Findings, Severity};
use tillpost::core::json as tree;
use tillpost::core::mapping::{Datasets, compile};
use tillpost::core::payment::{self, Arrival};
use tillpost::core::signup::read_signup;
use tillpost::core::time::Timestamp;
use tillpost::core::user::User;
use tillpost::sandbox::{self, Sandbox, Settings};
use tokio::net::TcpListener;

use crate::engine::BEGINNING;
use crate::program;

/// A right payment.
#[derive(Deserialize)]
struct Shape {
    name: String,
    mapping: String,
    signup: Option<Value>,
    payment: Value,
}

/// One way to break it.
#[derive(Deserialize)]
struct Mutation {
    name: String,
    shape: String,
    #[serde(default)]
    change: json_patch::Patch,
    body: Option<String>,
    expect: Expected,
    meta: Meta,
}

#[derive(Deserialize)]
struct Expected {
    verdict: String,
    code: Option<String>,
    at: Option<String>,
    #[serde(default)]
    also: Vec<String>,
    reason: Option<String>,
}

#[derive(Deserialize)]
struct Meta {
    accepted: Option<bool>,
    subcode: Option<i64>,
}

/// What the engine made of a body.
struct Made {
    verdict: String,
    reason: Option<String>,
    findings: Findings,
    decision: Option<Decision>,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/mutations")
}

fn shapes() -> BTreeMap<String, Shape> {
    let files = std::fs::read_dir(folder().join("shapes")).expect("the shapes");
    let read = |file: std::io::Result<std::fs::DirEntry>| {
        let text = std::fs::read_to_string(file.expect("a file").path()).expect("text");
        let shape: Shape = serde_json::from_str(&text).expect(&text);
        (shape.name.clone(), shape)
    };
    files.map(read).collect()
}

fn mutations() -> Vec<Mutation> {
    let text = std::fs::read_to_string(folder().join("mutations.json")).expect("the corpus");
    serde_json::from_str(&text).expect("the corpus")
}

/// The shape, broken: its document and the bytes of its body.
fn broken(shape: &Shape, mutation: &Mutation) -> (Value, String) {
    let mut document =
        json!({"payment": shape.payment, "signup": shape.signup, "mapping": shape.mapping});
    json_patch::patch(&mut document, &mutation.change).expect(&mutation.name);
    let body = mutation.body.clone().unwrap_or_else(|| document["payment"].to_string());
    (document, body)
}

/// What the engine makes of it: the mapping compiled, the user signed up, the payment decided.
fn made(document: &Value, body: &str) -> Made {
    let source = document["mapping"].as_str().expect("a mapping");
    let mapping = compile(source, Datasets::Any).0.expect(source);
    let received_at = Timestamp::from_seconds(BEGINNING);
    let arrival = Arrival { received_at, default_country: mapping.default_country() };
    let signup = document["signup"].to_string();
    let user = if document["signup"].is_null() {
        User::default()
    } else {
        let json = tree::read(signup.as_bytes()).expect("JSON");
        read_signup(&json, arrival).value.expect("a signup").user
    };
    let refused =
        |findings| Made { verdict: "refuse".to_owned(), reason: None, findings, decision: None };
    let Ok(json) = tree::read(body.as_bytes()) else {
        let code = tillpost::core::finding::Code::NotJson;
        let finding = tillpost::core::finding::Finding::in_body(code, "", "not JSON");
        return refused(Findings::from_iter([finding]));
    };
    let reading = payment::read(json, arrival);
    let Some(payment) = reading.value else { return refused(reading.findings) };
    let decision = decide(Case {
        mapping: &mapping,
        payment: &payment,
        user: Some(&user),
        currency: None,
        record_id: "r1",
        now: received_at,
    });
    let mut findings = reading.findings;
    findings.extend(decision.findings.clone());
    Made {
        verdict: decision.verdict.to_string(),
        reason: decision.reason.map(|reason| reason.to_string()),
        findings,
        decision: Some(decision),
    }
}

/// The codes of severity error or warning, each once.
fn grave(findings: &Findings) -> Vec<&'static str> {
    let grave = findings.iter().filter(|finding| finding.severity != Severity::Note);
    let mut codes: Vec<&str> = grave.map(|finding| finding.code.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// What is wrong with what the engine made, in a sentence.
fn objection(expected: &Expected, made: &Made) -> Option<String> {
    let said: Vec<String> =
        made.findings.iter().map(|f| format!("{} {:?}", f.code, f.at)).collect();
    if made.verdict != expected.verdict {
        return Some(format!("verdict {} instead of {}: {said:?}", made.verdict, expected.verdict));
    }
    if expected.reason.is_some() && made.reason != expected.reason {
        return Some(format!("reason {:?} instead of {:?}", made.reason, expected.reason));
    }
    if let Some(code) = &expected.code {
        let at = At::Pointer(expected.at.clone().unwrap_or_default());
        if !made.findings.iter().any(|f| f.code.as_str() == code && f.at == at) {
            return Some(format!("no {code} at {at:?}: {said:?}"));
        }
    }
    let mut allowed: Vec<&str> = expected.also.iter().map(String::as_str).collect();
    allowed.extend(expected.code.as_deref());
    let beyond: Vec<&str> =
        grave(&made.findings).into_iter().filter(|code| !allowed.contains(code)).collect();
    let lacking: Vec<&String> = expected
        .also
        .iter()
        .filter(|code| !grave(&made.findings).contains(&code.as_str()))
        .collect();
    (!beyond.is_empty() || !lacking.is_empty())
        .then(|| format!("also said {beyond:?}, not said {lacking:?}"))
}

/// What the sandbox answers to one event: accepted, or the subcode of its refusal.
async fn judged(http: &reqwest::Client, address: SocketAddr, event: &str) -> (bool, Option<i64>) {
    let url = format!("http://{address}/v25.0/1234567890/events?access_token=EAAcorpus");
    let request = http.post(url).header("content-type", "application/json");
    let answer = request.body(format!(r#"{{"data":[{event}]}}"#)).send().await.expect("an answer");
    let accepted = answer.status().is_success();
    let body: Value = serde_json::from_str(&answer.text().await.expect("text")).expect("JSON");
    (accepted, body["error"]["error_subcode"].as_i64())
}

async fn witness() -> SocketAddr {
    let sandbox = Sandbox::new(Settings::default(), Arc::new(|| BEGINNING));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(sandbox::serve(listener, sandbox, std::future::pending()));
    address
}

#[test]
fn a_right_payment_is_forwarded_without_a_word() {
    let shapes = shapes();
    assert!(shapes.len() >= 17, "the shapes: {}", shapes.len());
    for shape in shapes.values() {
        let document = json!({"signup": shape.signup, "mapping": shape.mapping});
        let made = made(&document, &shape.payment.to_string());
        assert_eq!(made.verdict, "forward", "{}: {:?}", shape.name, made.findings);
        assert_eq!(grave(&made.findings), Vec::<&str>::new(), "{}", shape.name);
    }
}

#[test]
fn each_break_is_said_at_its_place_and_nothing_else_is() {
    let (shapes, mutations) = (shapes(), mutations());
    assert!(mutations.len() >= 330, "the corpus: {}", mutations.len());
    let mut objections = Vec::new();
    for mutation in &mutations {
        let (document, body) = broken(&shapes[&mutation.shape], mutation);
        let made = made(&document, &body);
        let objection = objection(&mutation.expect, &made);
        objections.extend(objection.map(|why| format!("{}: {why}", mutation.name)));
    }
    assert!(objections.is_empty(), "{} rows:\n{}", objections.len(), objections.join("\n"));
}

#[tokio::test]
async fn the_sandbox_takes_and_refuses_what_meta_does() {
    let (shapes, http, address) = (shapes(), program::client(), witness().await);
    let mut objections = Vec::new();
    for mutation in mutations() {
        let Some(accepted) = mutation.meta.accepted else { continue };
        let (document, body) = broken(&shapes[&mutation.shape], &mutation);
        let Some(event) = naive::event(&document, &body) else {
            objections.push(format!("{}: no event can be made of it", mutation.name));
            continue;
        };
        let (got, subcode) = judged(&http, address, &event.to_string()).await;
        let right = got == accepted
            && (accepted || mutation.meta.subcode.is_none() || subcode == mutation.meta.subcode);
        if !right {
            objections.push(format!("{}: sandbox {got} {subcode:?}: {event}", mutation.name));
        }
    }
    assert!(objections.is_empty(), "{} rows:\n{}", objections.len(), objections.join("\n"));
}

#[tokio::test]
async fn what_is_still_forwarded_the_sandbox_takes() {
    let (shapes, http, address) = (shapes(), program::client(), witness().await);
    let mut forwarded = 0;
    for mutation in mutations() {
        let (document, body) = broken(&shapes[&mutation.shape], &mutation);
        let made = made(&document, &body);
        let events = made.decision.map(|decision| decision.events).unwrap_or_default();
        assert_eq!(events.is_empty(), made.verdict != Verdict::Forward.as_str());
        for event in events {
            let verdict = judged(&http, address, &event.body).await;
            assert_eq!(verdict, (true, None), "{}: {}", mutation.name, event.body);
            forwarded += 1;
        }
    }
    assert!(forwarded > 100, "{forwarded}");
}

/// The codes that block although Meta takes the event: under `profile = "catalog"` an event that
/// catalogue ads cannot use is a mistake of the sender (contract, section 8; the codes' pages).
const OUR_OWN_BLOCKS: [&str; 4] = ["E201", "E204", "E206", "E208"];

#[test]
fn what_meta_takes_is_blocked_only_for_a_documented_reason() {
    let unexplained: Vec<String> = mutations()
        .into_iter()
        .filter(|row| row.meta.accepted == Some(true) && row.expect.verdict == "block")
        .filter(|row| {
            let code = row.expect.code.as_deref().unwrap_or_default();
            !OUR_OWN_BLOCKS.contains(&code)
        })
        .map(|row| format!("{} {}", row.expect.code.unwrap_or_default(), row.name))
        .collect();
    assert_eq!(unexplained, Vec::<String>::new());
}
