//! Ten thousand mapping files, each broken somewhere: refused with a place, or they decide.
//!
//! From a seed: a file of the corpus or a shipped one, changed a few times, in its text or in its
//! values. A refused file must have an error whose place lies in it and can be drawn; an accepted
//! one decides payments of every type, and whatever it forwards is JSON that the sandbox takes. A
//! failure prints its seed: `MUTATION_SEED=17` plays that one alone, `MUTATIONS=100000` plays more.

use std::sync::Arc;

use fastrand::Rng;
use tillpost::core::decide::{Case, Decision, Verdict, decide};
use tillpost::core::finding::render::{Colour, Source, in_file, line_and_column};
use tillpost::core::finding::{At, Findings, Severity};
use tillpost::core::json;
use tillpost::core::mapping::{Datasets, Mapping, compile};
use tillpost::core::payment::{self, PaymentType};
use tillpost::core::time::Timestamp;
use tillpost::core::trial;
use tillpost::core::user::User;
use tillpost::sandbox::{self, Sandbox, Settings};
use tokio::net::TcpListener;

use crate::engine::BEGINNING;
use crate::mappings::corpus;
use crate::program;

const MUTATIONS: u64 = 10_000;

/// One of so many refused files is drawn: drawing is the slowest part of a look at a file.
const DRAWN_OF: u64 = 8;

/// Most frozen events that one request to the sandbox carries.
const EVENTS_OF_REQUEST: usize = 500;

/// What somebody may put in place of a word.
const WORDS: [&str; 34] = [
    "\"\"",
    "\" \"",
    "true",
    "false",
    "0",
    "-1",
    "1.5",
    "1e3",
    "nan",
    "0x1F",
    "1979-05-27",
    "[]",
    "{}",
    "[[]]",
    "[1, \"a\"]",
    "{ a = { b = {} } }",
    "\"amount\"",
    "\"event_data.x.y\"",
    "\"sum(contents)\"",
    "\"{\"",
    "\"{{}}\"",
    "\"{payment_id}\"",
    "\"Purchase\"",
    "\"purchase\"",
    "\"app\"",
    "\"website\"",
    "\"PAYMENT_FAILED\"",
    "\"INR\"",
    "'''a\nb'''",
    "\"\\u00e9\"",
    "\"\u{202e}\u{0}\"",
    "999999999999999999999999",
    "event_data.plan",
    "\"💶\"",
];

/// Keys of the language and their misspellings.
const KEYS: [&str; 24] = [
    "event",
    "evnt",
    "when",
    "dataset",
    "datasets",
    "value",
    "num_items",
    "contents",
    "each",
    "content_id",
    "custom_data",
    "event_id",
    "checks",
    "consent",
    "limited_data_use",
    "statuses",
    "forward",
    "because",
    "send_revenue",
    "amount",
    "\"event_data.a\"",
    "\"\"",
    "type",
    "DEFAULT",
];

const SIGNS: [&str; 16] =
    ["\"", "'", "[", "]", "{", "}", "=", "#", "\n", ",", ".", "\r\n", "\t", "é", "\u{feff}", "\0"];

fn pick<'a>(random: &mut Rng, choices: &[&'a str]) -> &'a str {
    choices[random.usize(..choices.len())]
}

/// A place between two characters.
fn place(random: &mut Rng, text: &str) -> usize {
    let mut at = random.usize(..=text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Lines left out, doubled, exchanged or taken from another file.
fn change_lines(random: &mut Rng, text: &str, other: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    if lines.is_empty() {
        return other.to_owned();
    }
    let (at, to) = (random.usize(..lines.len()), random.usize(..lines.len()));
    let strangers: Vec<&str> = other.lines().collect();
    match random.u8(..5) {
        0 => drop(lines.remove(at)),
        1 => lines.insert(to, lines[at]),
        2 => lines.swap(at, to),
        3 => lines.truncate(at + 1),
        _ => lines.insert(at, pick(random, &strangers)),
    }
    lines.join(if random.u8(..20) == 0 { "\r\n" } else { "\n" })
}

/// The value or the key around a `=`, changed for another: mostly still TOML.
fn change_value(random: &mut Rng, text: &str) -> String {
    let signs: Vec<usize> = text.match_indices(" = ").map(|(at, _)| at).collect();
    if signs.is_empty() {
        return text.to_owned();
    }
    let at = signs[random.usize(..signs.len())];
    if random.u8(..3) == 0 {
        let start = text[..at].rfind(['\n', '{', ',', ' ']).map_or(0, |before| before + 1);
        return format!("{}{}{}", &text[..start], pick(random, &KEYS), &text[at..]);
    }
    let rest = &text[at + 3..];
    let end = rest.find(['\n', ',', '}']).unwrap_or(rest.len());
    let word = match random.u8(..12) {
        0 => format!("\"{}\"", "x".repeat(random.usize(..3_000))),
        1 => format!("{}1{}", "[".repeat(random.usize(..60)), "]".repeat(random.usize(..60))),
        2 => format!("{}1{}", "{ a = ".repeat(40), " }".repeat(40)),
        _ => pick(random, &WORDS).to_owned(),
    };
    format!("{}{word}{}", &text[..at + 3], &rest[end..])
}

/// A few characters left out, put in or doubled.
fn change_signs(random: &mut Rng, text: &str) -> String {
    let (at, other) = (place(random, text), place(random, text));
    let (start, end) = (at.min(other), at.max(other));
    let mut near = (start + random.usize(..12)).min(end);
    while !text.is_char_boundary(near) {
        near -= 1;
    }
    match random.u8(..4) {
        0 => format!("{}{}", &text[..start], &text[near..]),
        1 => format!("{}{}{}", &text[..at], pick(random, &SIGNS), &text[at..]),
        2 => format!("{}{}{}", &text[..near], &text[start..near], &text[near..]),
        _ => format!("{}{}{}", &text[..at], pick(random, &WORDS), &text[at..]),
    }
}

/// The file of a seed.
fn mutated(seed: u64, files: &[String]) -> String {
    let mut random = Rng::with_seed(seed);
    let mut text = files[random.usize(..files.len())].clone();
    for _ in 0..random.usize(1..3) {
        let other = random.usize(..files.len());
        text = match random.u8(..8) {
            0..=2 => change_lines(&mut random, &text, &files[other]),
            3..=6 => change_value(&mut random, &text),
            _ => change_signs(&mut random, &text),
        };
    }
    text
}

fn payments() -> Vec<String> {
    let details = [
        "",
        r#","event_data":{"plan":"gold","trial":true,"total":5,"cur":"USD","marketing_consent":true,"content_ids":["sku1"]}"#,
        r#","currency":"EUR","event_data":{"category":"books","lines":[{"sku":"wc_post_id_1","qty":2,"price":{"unit":9.5}}],"contents":[{"id":"A","quantity":1,"item_price":3}],"order_id":"o","content_type":"product","num_items":1,"value":3}"#,
    ];
    let of_type = |payment_type: &PaymentType| {
        let bodies = details.map(|more| {
            format!(
                r#"{{"user_id":"u","payment_id":"p","amount":150,"type":"{payment_type}"{more}}}"#
            )
        });
        bodies.to_vec()
    };
    PaymentType::ALL.iter().flat_map(of_type).collect()
}

/// What must hold of a file that is refused.
fn refused(text: &str, findings: &Findings, draws: bool) -> Result<(), String> {
    if !findings.iter().any(|finding| finding.severity == Severity::Error) {
        return Err("refused without an error".to_owned());
    }
    placed(text, findings)?;
    if draws {
        let drawn = in_file(findings, Source { path: "m.toml", text }, Colour::Never);
        if drawn.matches("--> m.toml:").count() < findings.iter().count() {
            return Err(format!("a finding is drawn without its place: {drawn}"));
        }
    }
    Ok(())
}

/// Every place lies in the file, between characters, and has a line and a column.
fn placed(text: &str, findings: &Findings) -> Result<(), String> {
    for finding in findings {
        let At::Span(span) = &finding.at else { return Err(format!("no place: {finding:?}")) };
        let inside = span.start <= span.end && text.get(span.clone()).is_some();
        let (line, column) = line_and_column(text, span.start);
        let lines = text.split('\n').count();
        if !inside || line == 0 || line > lines || column == 0 {
            return Err(format!("a place outside of the file, {line}:{column}: {finding:?}"));
        }
    }
    Ok(())
}

/// What must hold of a file that is accepted; gives the events that it makes.
fn accepted(mapping: &Mapping, payments: &[String]) -> Result<Vec<String>, String> {
    let now = Timestamp::from_seconds(BEGINNING);
    let user = User::default();
    let mut events = Vec::new();
    for body in payments {
        let read = json::read(body.as_bytes()).map_err(|_| "no JSON")?;
        let payment = payment::read(read, now).value.ok_or("no payment")?;
        let (payment, user) = (&payment, Some(&user));
        let decision = decide(Case { mapping, payment, user, currency: None, record_id: "r", now });
        consistent(&decision)?;
        events.extend(decision.events.into_iter().map(|event| event.body));
    }
    for test in mapping.tests() {
        let _ = trial::run(mapping, test, now);
    }
    Ok(events)
}

fn consistent(decision: &Decision) -> Result<(), String> {
    let forwards = decision.verdict == Verdict::Forward;
    if forwards == decision.events.is_empty() || forwards && decision.findings.has_error() {
        return Err(format!("verdict, events and findings disagree: {decision:?}"));
    }
    for event in &decision.events {
        let read: Result<serde_json::Value, _> = serde_json::from_str(&event.body);
        if !read.is_ok_and(|event| event["event_name"].is_string()) {
            return Err(format!("a frozen event is no JSON: {}", event.body));
        }
    }
    Ok(())
}

/// Posts events to the sandbox; gives what it refused.
async fn refusal(http: &reqwest::Client, address: &str, events: &[String]) -> Option<String> {
    let answer = http
        .post(format!("http://{address}/v25.0/1234567890/events"))
        .bearer_auth("token")
        .body(format!(r#"{{"data":[{}]}}"#, events.join(",")))
        .send()
        .await
        .expect("an answer");
    let status = answer.status();
    let says = answer.text().await.expect("text");
    (!status.is_success()).then_some(says)
}

async fn sandbox_address() -> String {
    let sandbox = Sandbox::new(Settings::default(), Arc::new(|| BEGINNING));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(sandbox::serve(listener, sandbox, std::future::pending()));
    address.to_string()
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[tokio::test]
async fn ten_thousand_mutated_files_are_refused_with_a_place_or_decide() {
    let mut files: Vec<String> = corpus().into_iter().map(|(_, text)| text).collect();
    files.extend([
        include_str!("../../mappings/commerce.toml").to_owned(),
        include_str!("../../mappings/subscription.toml").to_owned(),
        include_str!("../../mappings/wallet.toml").to_owned(),
    ]);
    let (payments, address, http) = (payments(), sandbox_address().await, program::client());
    let seeds = match variable("MUTATION_SEED") {
        Some(one) => one..one + 1,
        None => 0..variable("MUTATIONS").unwrap_or(MUTATIONS),
    };
    let is_one = seeds.end - seeds.start == 1;
    let (mut counts, mut events) = ([0_u64; 2], Vec::<(u64, String)>::new());
    for seed in seeds {
        let text = mutated(seed, &files);
        let (mapping, findings) = compile(&text, Datasets::Any);
        let fault = match &mapping {
            Some(mapping) => {
                let made = placed(&text, &findings).and_then(|()| accepted(mapping, &payments));
                made.map(|made| events.extend(made.into_iter().map(|event| (seed, event)))).err()
            }
            None => refused(&text, &findings, is_one || seed % DRAWN_OF == 0).err(),
        };
        counts[usize::from(mapping.is_none())] += 1;
        assert_eq!(fault, None, "MUTATION_SEED={seed} plays this again:\n{text}");
    }
    events.sort_unstable_by(|(_, one), (_, other)| one.cmp(other));
    events.dedup_by(|(_, one), (_, other)| one == other);
    println!("accepted, refused: {counts:?}; {} different events", events.len());
    for many in events.chunks(EVENTS_OF_REQUEST) {
        let bodies: Vec<String> = many.iter().map(|(_, event)| event.clone()).collect();
        if refusal(&http, &address, &bodies).await.is_none() {
            continue;
        }
        for (seed, event) in many {
            let says = refusal(&http, &address, std::slice::from_ref(event)).await;
            assert_eq!(says, None, "MUTATION_SEED={seed} made what the sandbox refuses: {event}");
        }
    }
    let [accepted, refused] = counts;
    assert!(
        is_one || accepted > 1_000 && refused > 1_000,
        "{accepted} accepted, {refused} refused"
    );
}

/// The control: each of the judgements above says no to what it is there for.
#[tokio::test]
async fn the_judgement_of_mutated_files_can_say_no() {
    let text = "version = 1\n[payments]\nDEFAULT = \"Leda\"\n";
    let (_, findings) = compile(text, Datasets::Any);
    assert_eq!(refused(text, &findings, true), Ok(()));
    assert!(refused("version", &findings, false).is_err(), "places behind the end of the file");
    assert!(
        refused("ééééééééééééééééééééééééééééé", &findings, false).is_err(),
        "inside of a character"
    );
    assert!(refused(text, &Findings::default(), false).is_err(), "refused without an error");
    let file = "version = 1\n[defaults]\ndataset = \"a\"\ncurrency = \"INR\"\n[payments]\nDEFAULT = \"Purchase\"\n";
    let mapping = compile(file, Datasets::Any).0.expect(file);
    let events = accepted(&mapping, &payments()).expect("a good file");
    let (address, http) = (sandbox_address().await, program::client());
    assert_eq!(refusal(&http, &address, &events).await, None);
    let broken = events[0].replace("\"currency\":\"INR\"", "\"currency\":\"RUPEES\"");
    assert_ne!(broken, events[0]);
    assert!(refusal(&http, &address, &[broken]).await.is_some(), "the sandbox refuses it");
    let payment = &payments()[0];
    let now = Timestamp::from_seconds(BEGINNING);
    let payment = payment::read(json::read(payment.as_bytes()).expect("JSON"), now);
    let payment = &payment.value.expect("a payment");
    let user = Some(&User::default());
    let mut decision =
        decide(Case { mapping: &mapping, payment, user, currency: None, record_id: "r", now });
    decision.verdict = Verdict::Forward;
    decision.events.clear();
    assert!(consistent(&decision).is_err(), "forwarded without an event");
}
