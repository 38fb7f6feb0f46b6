//! How long a mapping file takes to compile, and what its rules cost each payment.
//!
//! `cargo bench --bench check` prints the figures of docs/performance.md. `WRITE_MAPPING=PATH` also
//! writes the file of two thousand lines, for a look at `tillpost check` as a whole process.

#![expect(clippy::expect_used, reason = "a benchmark that cannot begin says why")]
#![expect(clippy::disallowed_methods, reason = "the path of the written file is the caller's")]

use std::fmt::Write as _;

use divan::{Bencher, black_box};
use tillpost::core::decide::{Case, Verdict, decide};
use tillpost::core::json;
use tillpost::core::mapping::{Datasets, Mapping, compile};
use tillpost::core::payment::{self, PaymentType};
use tillpost::core::time::Timestamp;
use tillpost::core::user::User;

/// 2026-02-28T12:00:00Z
const NOW: i64 = 1_772_280_000;

const HEAD: &str = "version = 1\n\n[defaults]\ndataset = \"storefront\"\ncurrency = \"INR\"\n";

/// An order of three lines, under names of the sender's own.
const PAYMENT: &str = r#"{"user_id":"666","payment_id":"p1","amount":2500,"type":"RECURRING",
    "event_data":{"category":"books","plan":"gold","total":2500,"lines":[
    {"sku":"wc_1","qty":1,"price":{"unit":500}},{"sku":"wc_2","qty":2,"price":{"unit":750}},
    {"sku":"wc_3","qty":1,"price":{"unit":500}}]}}"#;

/// The same order in Meta's words, for a rule that has nothing to do.
const PLAIN_PAYMENT: &str = r#"{"user_id":"666","payment_id":"p1","amount":2500,"type":"RECURRING",
    "event_data":{"plan":"gold","value":2500,"num_items":4,"contents":[
    {"id":"1","quantity":1,"item_price":500},{"id":"2","quantity":2,"item_price":750},
    {"id":"3","quantity":1,"item_price":500}]}}"#;

const LOADED_RULES: &str = r#"[[payments.RECURRING]]
when  = { "event_data.trial" = true }
event = "StartTrial"
[[payments.RECURRING]]
when  = { amount = { at_least = 5000 } }
event = "Subscribe"
[[payments.RECURRING]]
when        = { amount = { at_least = 100 }, "event_data.category" = { one_of = ["games", "books"] } }
event       = "Purchase"
contents    = { each = "event_data.lines", id = "sku", quantity = "qty", item_price = "price.unit" }
value       = "sum(contents)"
num_items   = "count(contents)"
content_id  = { strip_prefix = "wc_" }
event_id    = "order-{payment_id}"
custom_data = { plan = "{event_data.plan}", label = "{event_data.plan} of {type}", channel = "app" }
"#;

fn main() {
    if let Ok(path) = std::env::var("WRITE_MAPPING") {
        std::fs::write(&path, two_thousand_lines()).expect("the file can be written");
    }
    divan::main();
}

/// A file of two thousand lines with every kind of setting, and nothing to mend.
fn two_thousand_lines() -> String {
    let mut text = format!("{HEAD}\n[events]\n");
    for number in 0..200 {
        let _ = writeln!(text, "event_{number} = \"AddToCart\"");
    }
    for (payment_type, rule) in PaymentType::ALL.iter().flat_map(|t| (0..12).map(move |n| (t, n))) {
        let least = 1_000 - rule * 10;
        let _ = writeln!(
            text,
            r#"
[[payments.{payment_type}]]
when        = {{ amount = {{ at_least = {least} }}, "event_data.category" = {{ one_of = ["books{rule}", "games{rule}"] }} }}
event       = "Purchase"
contents    = {{ each = "event_data.lines", id = "sku", quantity = "qty", item_price = "price.unit" }}
value       = "sum(contents)"
num_items   = "count(contents)"
content_id  = {{ strip_prefix = "wc_", case = "lower" }}
event_id    = "{{type}}-{{payment_id}}"
custom_data = {{ plan = "{{event_data.plan}}", label = "plan {{event_data.plan}}", channel = "app" }}
checks      = {{ E207 = "block" }}
currency    = ["event_data.cur", "EUR"]"#
        );
    }
    while text.lines().count() < 2_000 {
        let number = text.lines().count();
        let _ = writeln!(
            text,
            r#"
[[test]]
name    = "test {number}"
payment = {{ payment_id = "ABC", amount = 2000, user_id = "666" }}
expect  = {{ verdict = "skip", reason = "no_mapping" }}"#
        );
    }
    text
}

#[divan::bench]
fn compile_two_thousand_lines(bencher: Bencher<'_, '_>) {
    let text = two_thousand_lines();
    let (mapping, findings) = compile(&text, Datasets::Any);
    assert!(mapping.is_some() && findings.is_empty(), "nothing to mend: {findings:?}");
    bencher.bench(|| compile(black_box(&text), Datasets::Any));
}

/// Lists of 665 rules for one payment type, two thousand lines, that are hard to compare.
fn many_rules(kind: &str) -> String {
    let mut text = HEAD.to_owned();
    for number in 0..665 {
        let when = match kind {
            "own_paths" => format!("\"event_data.p{number}\" = true"),
            "own_words" => format!("\"event_data.plan\" = \"p{number}\""),
            "own_amounts" => format!("amount = {{ at_least = {} }}", 1_000 - number),
            // Each asks of two of sixty paths: most pairs overlap.
            "riddle" => {
                let (one, other) = (number % 60, (number * 7 + 3) % 60);
                let is = number % 2 == 0;
                format!("\"event_data.p{one}\" = {is}, \"event_data.q{other}\" = {}", !is)
            }
            // A hundred words in every rule, which those of other rules share in part.
            _ => {
                let words: Vec<String> =
                    (0..100).map(|word| format!("\"w{}\"", word * 7 + number)).collect();
                format!("\"event_data.plan\" = {{ one_of = [{}] }}", words.join(", "))
            }
        };
        let _ = writeln!(text, "[[payments.RECURRING]]\nwhen = {{ {when} }}\nevent = \"Purchase\"");
    }
    text
}

#[divan::bench(args = ["own_paths", "own_words", "own_amounts", "riddle", "long_lists"])]
fn compile_many_rules(bencher: Bencher<'_, '_>, kind: &str) {
    let text = many_rules(kind);
    bencher.bench(|| compile(black_box(&text), Datasets::Any));
}

#[divan::bench]
fn compile_the_shipped_file(bencher: Bencher<'_, '_>) {
    let text = include_str!("../mappings/commerce.toml");
    bencher.bench(|| compile(black_box(text), Datasets::Any));
}

fn mapping(rules: &str) -> Mapping {
    compile(&format!("{HEAD}[payments]\n{rules}"), Datasets::Any).0.expect(rules)
}

/// Reading and deciding, as a capture does both.
fn decides(bencher: Bencher<'_, '_>, rules: &str, body: &str) {
    let (mapping, user, now) = (mapping(rules), User::default(), Timestamp::from_seconds(NOW));
    let once = || {
        let body = json::read(black_box(body).as_bytes()).expect("JSON");
        let payment = payment::read(body, now).value.expect("a payment");
        let (payment, user) = (&payment, Some(&user));
        decide(Case { mapping: &mapping, payment, user, currency: None, record_id: "r", now })
    };
    assert_eq!(once().verdict, Verdict::Forward);
    bencher.bench(once);
}

#[divan::bench]
fn decide_one_line(bencher: Bencher<'_, '_>) {
    decides(bencher, "RECURRING = \"Purchase\"\n", PLAIN_PAYMENT);
}

#[divan::bench]
fn decide_conditions(bencher: Bencher<'_, '_>) {
    let rules = LOADED_RULES.split("contents ").next().unwrap_or_default();
    let rules = rules.replace("{ one_of = [\"games\", \"books\"] }", "{ exists = false }");
    decides(bencher, &rules, PLAIN_PAYMENT);
}

#[divan::bench]
fn decide_conditions_lines_and_templates(bencher: Bencher<'_, '_>) {
    decides(bencher, LOADED_RULES, PAYMENT);
}
