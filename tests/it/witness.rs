//! The second witness: no event that the engine forwards may be refused by the sandbox.
//!
//! Payments are made from a seed, most of them with something odd in them; the engine decides, and
//! whatever it would forward is posted to the sandbox, which judges by its own table of Meta's
//! rules. A disagreement prints the payment and the seed that made it.

use std::collections::BTreeMap;
use std::sync::Arc;

use fastrand::Rng;
use serde_json::Value;
use tillpost::core::decide::{Case, Origin, Verdict, decide, way};
use tillpost::core::json;
use tillpost::core::mapping::path::{Path, View};
use tillpost::core::mapping::{Datasets, Mapping, compile};
use tillpost::core::meta::ActionSource;
use tillpost::core::payment;
use tillpost::core::time::Timestamp;
use tillpost::core::user::User;
use tillpost::sandbox::{self, Sandbox, Settings};
use tokio::net::TcpListener;

use crate::engine::BEGINNING;
use crate::program;

/// How many payments are made. `WITNESS_SEEDS` asks for more.
const SEEDS: u64 = 10_000;

/// Text that somebody will send one day, as JSON strings.
const ODD_TEXTS: [&str; 14] = [
    r#""""#,
    r#"" ""#,
    r#""null""#,
    r#""é\u0000\n""#,
    r#""\ud83d\ude00""#,
    r#""<script>""#,
    r#""a@b.io""#,
    r#""1,000""#,
    r#""-1""#,
    r#""1e400""#,
    r#""0""#,
    r#""PRODUCT""#,
    r#""whshct4mwc,other""#,
    r#""xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx""#,
];

/// Values of every kind, odd or not.
const ODD_VALUES: [&str; 16] = [
    "null",
    "true",
    "0",
    "-1",
    "0.0",
    "1e3",
    "1e400",
    "9007199254740993",
    "0.1",
    "[]",
    "{}",
    "[null]",
    "[[]]",
    r#"{"a":1}"#,
    "12345678901234567890",
    "2.50",
];

fn seeds() -> u64 {
    let wanted = std::env::var("WITNESS_SEEDS").ok();
    wanted.and_then(|text| text.parse().ok()).unwrap_or(SEEDS)
}

fn odd(random: &mut Rng) -> String {
    if random.bool() { pick(random, &ODD_TEXTS) } else { pick(random, &ODD_VALUES) }
}

fn pick(random: &mut Rng, choices: &[&str]) -> String {
    choices[random.usize(..choices.len())].to_owned()
}

/// Mostly the good value, sometimes an odd one, sometimes nothing.
fn field(random: &mut Rng, key: &str, good: &[&str]) -> Option<String> {
    let value = match random.u8(..10) {
        0 => return None,
        1 => odd(random),
        _ => pick(random, good),
    };
    Some(format!(r#""{key}":{value}"#))
}

fn object(fields: Vec<Option<String>>) -> String {
    format!("{{{}}}", fields.into_iter().flatten().collect::<Vec<_>>().join(","))
}

fn contents(random: &mut Rng) -> String {
    let items: Vec<String> = (0..random.usize(..4))
        .map(|_| {
            object(vec![
                field(random, "id", &[r#""sku1""#, r#""sku2""#, "77"]),
                field(random, "quantity", &["1", "2", r#""3""#]),
                field(random, "item_price", &["1000", "0", "19.99", r#""5""#]),
                random.bool().then(|| field(random, "brand", &[r#""B""#])).flatten(),
                (random.u8(..4) == 0)
                    .then(|| {
                        field(random, "delivery_category", &[r#""in_store""#, r#""home_delivery""#])
                    })
                    .flatten(),
                (random.u8(..12) == 0).then(|| r#""item_name":"x""#.to_owned()),
            ])
        })
        .collect();
    format!("[{}]", items.join(","))
}

fn event_data(random: &mut Rng) -> String {
    let contents = contents(random);
    let properties = [
        "content_name",
        "content_category",
        "search_string",
        "delivery_category",
        "predicted_ltv",
        "net_revenue",
        "status",
        "coupon",
        "level",
        "item_number",
        "store_data",
    ];
    let property = properties[random.usize(..properties.len())];
    object(vec![
        field(random, "content_ids", &[r#"["sku1"]"#, r#"["sku1","sku2"]"#, r#""sku1""#, "[1,2]"]),
        (random.u8(..6) == 0).then(|| field(random, "item_group_ids", &[r#"["g1"]"#])).flatten(),
        field(
            random,
            "contents",
            &[contents.as_str(), r#"[{"id":"sku1","quantity":1,"item_price":5}]"#],
        ),
        field(random, "content_type", &[r#""product""#, r#""product_group""#]),
        field(random, "currency", &[r#""INR""#, r#""usd""#, r#""JPY""#]),
        field(random, "value", &["2000.0", "0", "5", r#""19.99""#]),
        field(random, "num_items", &["1", "2", "2.0"]),
        field(random, "order_id", &[r#""o1""#, "42"]),
        (random.u8(..5) == 0).then(|| field(random, "event_id", &[r#""e1""#])).flatten(),
        random.bool().then(|| field(random, property, &[r#""text""#, "1", "true"])).flatten(),
    ])
}

fn user_data(random: &mut Rng) -> String {
    object(vec![
        field(random, "email", &[r#""a@example.com""#, r#"["a@b.io","c@d.io"]"#]),
        field(random, "phone", &[r#""+91 98765 43210""#]),
        field(random, "first_name", &[r#""José""#]),
        field(random, "date_of_birth", &[r#""1997-02-16""#, r#""02/03/2001""#]),
        field(random, "gender", &[r#""Female""#]),
        field(random, "city", &[r#""São Paulo""#]),
        field(random, "state", &[r#""California""#]),
        field(random, "zip", &[r#""94035""#]),
        field(random, "country", &[r#""US""#]),
        field(random, "fbc", &[r#""fb.1.1700000000000.AbC""#]),
        field(random, "lead_id", &["123456789012345", r#""1234567890123456""#]),
        field(random, "client_ip_address", &[r#""8.8.8.8""#]),
        field(random, "madid", &[r#""38400000-8CF0-11BD-B23E-10B96E40000D""#]),
        field(random, "client_user_agent", &[r#""Mozilla/5.0""#]),
        field(random, "ctwa_clid", &[r#""ARAkLk""#]),
        (random.u8(..4) == 0).then(|| field(random, "fbclid", &[r#""IwAR2F4""#])).flatten(),
        field(random, "fbclid_at", &["1772270000", "1772270000000"]),
    ])
}

/// A device as an SDK or as Meta's own form tells of it, good or not.
fn device(random: &mut Rng) -> Option<String> {
    let sdks = object(vec![
        field(random, "gaid", &[r#""38400000-8CF0-11BD-B23E-10B96E40000D""#]),
        field(random, "system_version", &[r#""14""#, r#""Android 13""#, "12"]),
        field(random, "app_version", &[r#""3.1""#]),
        field(random, "locale", &[r#""en-IN""#]),
        field(random, "device_display", &[r#"{"width":1080,"height":2400,"density":2.6}"#]),
        field(random, "install_ref", &[r#""utm_source=x""#]),
    ]);
    let extinfo: Vec<String> = (0..16)
        .map(|at| match (at, random.u8(..12)) {
            (_, 0) => odd(random),
            (0, _) => r#""i2""#.to_owned(),
            (4, _) => r#""17.5""#.to_owned(),
            _ => r#""""#.to_owned(),
        })
        .collect();
    let metas = object(vec![
        field(random, "advertiser_tracking_enabled", &["0", "1", "true"]),
        field(random, "application_tracking_enabled", &["0", "1"]),
        field(random, "extinfo", &[&format!("[{}]", extinfo.join(","))]),
        field(random, "url_schemes", &[r#"["shop"]"#]),
    ]);
    match random.u8(..3) {
        0 => None,
        1 => field(random, "device_data", &[&sdks]),
        _ => field(random, "app_data", &[&metas]),
    }
}

/// What a sender may say of the event itself.
fn event_fields(random: &mut Rng) -> Vec<Option<String>> {
    let mut all = vec![
        field(random, "referrer_url", &[r#""https://shop.example/cart""#]),
        field(random, "opt_out", &["true", "false"]),
        field(random, "customer_segmentation", &[r#""new_customer_to_medium""#]),
        field(random, "messaging_channel", &[r#""whatsapp""#, r#""messenger""#]),
        field(
            random,
            "original_event_data",
            &[r#"{"event_name":"Purchase","event_time":1772270000,"order_id":"o"}"#],
        ),
        field(random, "client_user_agent", &[r#""Mozilla/5.0""#]),
    ];
    if random.bool() {
        all.push(field(random, "data_processing_options", &[r#"["LDU"]"#, "[]"]));
        all.push(field(random, "data_processing_options_country", &["0", "1"]));
        all.push(field(random, "data_processing_options_state", &["0", "1000", "1013"]));
    }
    // Most payments say little: otherwise nearly every one would be refused for one odd field.
    all.retain(|_| random.u8(..4) == 0);
    all
}

fn capture(random: &mut Rng) -> String {
    let (event_data, user_data) = (event_data(random), user_data(random));
    let occurred = BEGINNING - random.i64(0..8 * 24 * 3_600) + 30;
    let occurred = occurred.to_string();
    let mut fields = vec![
        Some(r#""user_id":"666""#.to_owned()),
        Some(r#""payment_id":"p""#.to_owned()),
        Some(format!(r#""amount":{}"#, pick(random, &["0", "5", "2000", "19.99", "25096.005"]))),
        field(
            random,
            "type",
            &[
                r#""DEFAULT""#,
                r#""FIRST_PAYMENT""#,
                r#""WALLET_TOPUP""#,
                r#""SUBSCRIPTION_CREATED""#,
            ],
        ),
        random.bool().then(|| field(random, "currency", &[r#""INR""#])).flatten(),
        field(random, "event_data", &[event_data.as_str()]),
        random.bool().then(|| field(random, "user_data", &[user_data.as_str()])).flatten(),
        random.bool().then(|| field(random, "occurred_at", &[occurred.as_str()])).flatten(),
        random
            .bool()
            .then(|| field(random, "event_source_url", &[r#""https://shop.example/""#]))
            .flatten(),
        device(random),
    ];
    fields.extend(event_fields(random));
    object(fields)
}

/// The shipped mapping for the catalogue, and one for plain events of every action source.
fn mappings() -> Vec<Mapping> {
    let commerce = include_str!("../../mappings/commerce.toml");
    let plain = commerce.replace("\"catalog\" ", "\"plain\"   ");
    let of_source = |source: &ActionSource| {
        plain.replace("action_source  = \"app\"", &format!("action_source = \"{source}\""))
    };
    let sources = ActionSource::ALL.iter().map(of_source);
    let texts = [commerce.to_owned(), SHAPED.to_owned()].into_iter().chain(sources);
    texts.map(|text| compile(&text, Datasets::Any).0.expect(&text)).collect()
}

/// Rules that take values from elsewhere, set parameters, and choose by conditions.
const SHAPED: &str = r#"
version = 1
[defaults]
dataset = "storefront"
limited_data_use = true
custom_data = { channel = "shop", score = 5 }
[payments]
DEFAULT = { event = "Purchase", value = ["event_data.net_revenue", "amount"], currency = ["event_data.cur", "INR"], num_items = "count(contents)", custom_data = { coupon = "c-{event_data.coupon}", copy = "event_data.level", plan = "{event_data.order_id}" }, event_id = "o-{payment_id}" }
FIRST_PAYMENT = { event = "Purchase", value = "sum(contents)", content_type = "product", content_id = { strip_prefix = "sku", prefix = "p-" }, external_id = "plain" }
[[payments.WALLET_TOPUP]]
when = { amount = { at_least = 1000 }, "event_data.content_type" = "product" }
event = "Subscribe"
[[payments.WALLET_TOPUP]]
when = { "event_data.value" = { exists = true } }
event = "Lead"
[[payments.SUBSCRIPTION_CREATED]]
event = "Subscribe"
send_revenue = false
"#;

/// Each field of an event has one origin, each origin is of a field, and where it is a place in the
/// payment, the value stands there.
fn disagreement(case: Case<'_>, body: &str) -> Option<String> {
    let event: Value = serde_json::from_str(body).expect("JSON");
    let mut fields = BTreeMap::new();
    for (key, value) in event.as_object().expect("an object") {
        match value.as_object().filter(|_| key.ends_with("m_data") || key == "user_data") {
            None => drop(fields.insert(key.clone(), value)),
            Some(inner) => {
                fields.extend(inner.iter().map(|(name, value)| (format!("{key}.{name}"), value)));
            }
        }
    }
    let way = way(case);
    let named: Vec<&str> = way.from.iter().map(|origin| origin.field.as_str()).collect();
    let mut sorted = named.clone();
    sorted.sort_unstable();
    if sorted != fields.keys().map(String::as_str).collect::<Vec<_>>() {
        return Some(format!("origins of {sorted:?}"));
    }
    let plain = |value: &Value| match value {
        Value::String(text) => Some(text.trim().to_lowercase()),
        Value::Array(_) | Value::Object(_) => None,
        value @ (Value::Null | Value::Bool(_) | Value::Number(_)) => Some(value.to_string()),
    };
    let view = View::of(case.payment);
    way.from.iter().find_map(|Origin { field, from }| {
        let found = Path::read(from).ok()?.find(&view)?.text()?.trim().to_lowercase();
        let sent = plain(fields[field])?;
        // 2.50 is 2.5, and 1e3 is 1000.
        let number = |text: &str| text.parse::<f64>().ok().map(|number| number.to_string());
        let is_same = found == sent || number(&found).is_some_and(|n| Some(n) == number(&sent));
        (!is_same).then(|| format!("{field} is {sent}, but {from} is {found}"))
    })
}

#[tokio::test]
async fn what_the_engine_forwards_the_sandbox_accepts() {
    let sandbox = Sandbox::new(Settings::default(), Arc::new(|| BEGINNING));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(sandbox::serve(listener, sandbox, std::future::pending()));
    let http = program::client();
    let (mappings, user) = (mappings(), User::default());
    let now = Timestamp::from_seconds(BEGINNING);
    let mut verdicts = [0_u32; 4];
    let mut disagreements = Vec::new();
    for seed in 0..seeds() {
        let body = capture(&mut Rng::with_seed(seed));
        let Ok(read) = json::read(body.as_bytes()) else { continue };
        let Some(payment) = payment::read(read, now).value else { continue };
        let mapping = &mappings[usize::try_from(seed).expect("small") % mappings.len()];
        let case = Case {
            mapping,
            payment: &payment,
            user: Some(&user),
            currency: None,
            record_id: "r",
            now,
        };
        let decision = decide(case);
        verdicts[decision.verdict as usize] += 1;
        for event in &decision.events {
            let told = disagreement(case, &event.body);
            disagreements
                .extend(told.map(|told| format!("seed {seed}: {told}\n{}\n{body}", event.body)));
            let answer = http
                .post(format!("http://{address}/v25.0/1234567890/events"))
                .bearer_auth("token")
                .body(format!(r#"{{"data":[{}]}}"#, event.body))
                .send()
                .await
                .expect("an answer");
            if !answer.status().is_success() {
                let says = answer.text().await.expect("text");
                disagreements.push(format!("seed {seed}: {says}\n{}\n{body}", event.body));
            }
        }
    }
    println!("forwarded, skipped, blocked, held: {verdicts:?}");
    let first: Vec<&String> = disagreements.iter().take(5).collect();
    assert!(
        disagreements.is_empty(),
        "{} disagreements, the first: {first:#?}",
        disagreements.len()
    );
    assert!(verdicts[Verdict::Forward as usize] > 300, "the engine forwards: {verdicts:?}");
    assert!(verdicts[Verdict::Block as usize] > 300, "and blocks: {verdicts:?}");
}

#[tokio::test]
async fn every_currency_that_the_engine_sends_the_sandbox_takes() {
    let sandbox = Sandbox::new(Settings::default(), Arc::new(|| BEGINNING));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(sandbox::serve(listener, sandbox, std::future::pending()));
    let source = "version = 1\n[defaults]\ndataset = \"a\"\n[payments]\nDEFAULT = \"Purchase\"\n";
    let mapping = compile(source, Datasets::Any).0.expect(source);
    let (now, user) = (Timestamp::from_seconds(BEGINNING), User::default());
    let letters = || 'A'..='Z';
    let mut events = Vec::new();
    for code in
        letters().flat_map(|a| letters().flat_map(move |b| letters().map(move |c| [a, b, c])))
    {
        let code: String = code.iter().collect();
        let body = format!(r#"{{"user_id":"666","amount":5,"currency":"{code}"}}"#);
        let json = json::read(body.as_bytes()).expect("JSON");
        let Some(payment) = payment::read(json, now).value else { continue };
        let decision = decide(Case {
            mapping: &mapping,
            payment: &payment,
            user: Some(&user),
            currency: None,
            record_id: &code,
            now,
        });
        events.extend(decision.events.into_iter().map(|event| event.body));
    }
    assert!(events.len() > 160, "ISO 4217 has some 170 codes: {}", events.len());
    let answer = program::client()
        .post(format!("http://{address}/v25.0/1234567890/events"))
        .bearer_auth("token")
        .body(format!(r#"{{"data":[{}]}}"#, events.join(",")))
        .send()
        .await
        .expect("an answer");
    let (status, says) = (answer.status(), answer.text().await.expect("text"));
    assert!(status.is_success(), "{says}");
}
