//! Every field of every body, in every shape: one table says what must come of it.
//!
//! A row names a route, a field and a rule; a rule says for each shape whether the body is taken
//! and what is said, and where. To add a field, add its row; to add a route, add its base body. A
//! field that the reader of captures or of persons knows and the table has not fails the test.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tillpost::core::customer::Field;
use tillpost::core::payment::reader::TEXT_CHARS_MAX;
use tillpost::core::payment::{CAPTURE_FIELDS, ID_CHARS_MAX};
use tillpost::core::user_data::ClearField;

use crate::engine::{Engine, Plan};

const CAPTURE: &str = "/api/v1/capture-payment";
const SIGNUP: &str = "/api/v1/signup";
const REMOVE: &str = "/api/v1/remove-payment";

/// How a field may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Absent,
    Null,
    Blank,
    Text,
    Number,
    Bool,
    List,
    Object,
    AtLimit,
    OverLimit,
}

impl Shape {
    const ALL: [Self; 10] = [
        Self::Absent,
        Self::Null,
        Self::Blank,
        Self::Text,
        Self::Number,
        Self::Bool,
        Self::List,
        Self::Object,
        Self::AtLimit,
        Self::OverLimit,
    ];
}

/// What a field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// An id without which there is nothing.
    RequiredId,
    /// An id that may be absent.
    Id,
    /// A word of a closed list; the code of an unknown one.
    Word(&'static str),
    /// The amount.
    Amount,
    /// A code of ISO 4217.
    Currency,
    /// A time.
    Time,
    /// An object without which there is nothing.
    RequiredObject,
    /// An object that may be absent.
    Object,
    /// A device: what is wrong with it never costs the body.
    Device,
    /// The address of a page.
    Address,
    /// True or false.
    Flag,
    /// A word of Meta's; an unknown one is left out.
    MetasWord,
    /// An earlier event.
    Earlier,
    /// The options of limited data use, and the places beside them: what cannot be read blocks the
    /// event, since it may have been a refusal.
    Options,
    Place,
    /// A person's field that is hashed.
    Hashed,
    /// A person's full name.
    Name,
    /// A person's field that is sent in clear; whether it is limited to a form of its own.
    Clear {
        has_form: bool,
    },
    /// No field of the body, which takes none but its own.
    Foreign,
    /// Only used together with others: nothing is said of it alone.
    Silent,
}

/// What must come of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// It is taken, and nothing is said of the field.
    Taken,
    /// It is taken; the rule of the value itself is tested elsewhere.
    TakenAnyhow,
    /// It is taken, and this is said of the field.
    Warned(&'static str),
    /// It is a 400, for this.
    Refused(&'static str),
}

use Expected::{Refused, Taken, TakenAnyhow, Warned};

impl Rule {
    fn limit(self) -> usize {
        if matches!(self, Self::RequiredId | Self::Id) { ID_CHARS_MAX } else { TEXT_CHARS_MAX }
    }

    /// The value of a shape; nothing where the field is to be absent.
    fn value(self, shape: Shape) -> Option<Value> {
        let text = |length: usize| {
            let start = if self == Self::Address { "https://" } else { "" };
            format!("{start}{}", "x".repeat(length - start.len()))
        };
        Some(match shape {
            Shape::Absent => return None,
            Shape::Null => Value::Null,
            Shape::Blank => json!("  "),
            Shape::Text => json!("x"),
            Shape::Number => json!(7),
            Shape::Bool => json!(true),
            Shape::List => json!([]),
            Shape::Object => json!({}),
            Shape::AtLimit => json!(text(self.limit())),
            Shape::OverLimit => json!(text(self.limit() + 1)),
        })
    }

    #[expect(clippy::match_same_arms, reason = "a table: its rows go by the kind of the field")]
    fn expected(self, shape: Shape) -> Expected {
        use Shape::{Absent, AtLimit, Blank, Bool, List, Null, Number, OverLimit, Text};
        match (self, shape) {
            (Self::RequiredId | Self::Amount | Self::RequiredObject, Absent | Null)
            | (Self::RequiredId, Blank)
            | (Self::RequiredObject, Shape::Object) => Refused("P102"),
            (Self::Foreign, shape) if shape != Absent => Refused("P206"),
            (_, Absent | Null) => Taken,

            (Self::RequiredId | Self::Id, Text | Number | AtLimit) | (Self::Id, Blank) => Taken,
            (Self::RequiredId | Self::Id, OverLimit) => Refused("P109"),

            (Self::Word(_) | Self::Currency | Self::Time, Blank) => Taken,
            (Self::Word(_) | Self::Currency | Self::Time, OverLimit) => Refused("P109"),
            (Self::Word(code), Text | AtLimit) => Refused(code),
            (Self::Currency, Text | AtLimit) => Refused("P110"),
            (Self::Time, Text | AtLimit) => Refused("P108"),
            // A payment of 1970 is read, and too old for Meta.
            (Self::Amount | Self::Time, Number) => TakenAnyhow,
            (Self::Amount, Blank | Text | AtLimit | OverLimit) => Refused("P104"),

            (Self::Object, Shape::Object) => TakenAnyhow,
            (Self::Device, Shape::Object) => Taken,
            (Self::Device, _) => Warned("U306"),

            (Self::Address | Self::Flag | Self::MetasWord | Self::Earlier, Blank) => Taken,
            (Self::Address, AtLimit) | (Self::Flag, Bool) => Taken,
            (Self::Address | Self::MetasWord, Text | AtLimit | OverLimit)
            | (Self::Earlier, Shape::Object) => Warned("P205"),

            (Self::Options, List) => Taken,
            (Self::Options | Self::Place, _) => Warned("E239"),

            (Self::Hashed | Self::Name | Self::Clear { .. }, Blank) => Taken,
            (Self::Hashed, List) => Taken,
            (Self::Hashed | Self::Name, Text | AtLimit | OverLimit) | (Self::Hashed, Number) => {
                TakenAnyhow
            }
            (Self::Hashed | Self::Name, _) => Warned("U301"),
            (Self::Clear { .. }, OverLimit | Bool | List | Shape::Object) => Warned("U301"),
            (Self::Clear { has_form: true }, Text | Number | AtLimit) => TakenAnyhow,
            (Self::Clear { has_form: false }, Text | Number | AtLimit) => Taken,
            (Self::Silent, _) => TakenAnyhow,

            // Whatever is left has the wrong kind.
            _ => Refused("P103"),
        }
    }
}

/// The names of hashed fields: Meta's keys and plain words.
const HASHED: [&str; 25] = [
    "em",
    "email",
    "ph",
    "phone",
    "fn",
    "first_name",
    "ln",
    "last_name",
    "db",
    "date_of_birth",
    "birthday",
    "dob",
    "ge",
    "gender",
    "ct",
    "city",
    "st",
    "state",
    "zp",
    "zip",
    "zip_code",
    "postal_code",
    "country",
    "country_code",
    "external_id",
];

/// Every field of every route, as a pointer into its body.
fn table() -> Vec<(&'static str, String, Rule)> {
    let own = [
        (CAPTURE, "user_id", Rule::RequiredId),
        (CAPTURE, "payment_id", Rule::Id),
        (CAPTURE, "type", Rule::Word("P106")),
        (CAPTURE, "status", Rule::Word("P107")),
        (CAPTURE, "amount", Rule::Amount),
        (CAPTURE, "currency", Rule::Currency),
        (CAPTURE, "event_data", Rule::Object),
        (CAPTURE, "user_data", Rule::Object),
        (CAPTURE, "app_data", Rule::Device),
        (CAPTURE, "device_data", Rule::Device),
        (CAPTURE, "platform", Rule::Silent),
        (CAPTURE, "tracking", Rule::Silent),
        (CAPTURE, "event_source_url", Rule::Address),
        (CAPTURE, "referrer_url", Rule::Address),
        (CAPTURE, "opt_out", Rule::Flag),
        (CAPTURE, "data_processing_options", Rule::Options),
        (CAPTURE, "data_processing_options_country", Rule::Place),
        (CAPTURE, "data_processing_options_state", Rule::Place),
        (CAPTURE, "original_event_data", Rule::Earlier),
        (CAPTURE, "customer_segmentation", Rule::MetasWord),
        (CAPTURE, "messaging_channel", Rule::MetasWord),
        (CAPTURE, "occurred_at", Rule::Time),
        // Row LR-29: what nobody knows is passed over.
        (CAPTURE, "warehouse", Rule::Silent),
        (SIGNUP, "user_data", Rule::RequiredObject),
        (SIGNUP, "user_data/id", Rule::RequiredId),
        (SIGNUP, "app_data", Rule::Device),
        (SIGNUP, "device_data", Rule::Device),
        (SIGNUP, "platform", Rule::Silent),
        (REMOVE, "user_id", Rule::Id),
        (REMOVE, "payment_id", Rule::Id),
        (REMOVE, "paymentId", Rule::Foreign),
        (REMOVE, "type", Rule::Foreign),
    ];
    let mut table: Vec<_> =
        own.map(|(route, field, rule)| (route, format!("/{field}"), rule)).into();
    for key in ["client_ip_address", "client_user_agent", "fbc", "fbp"] {
        let has_form = key != "client_user_agent";
        table.push((CAPTURE, format!("/{key}"), Rule::Clear { has_form }));
    }
    for route in [CAPTURE, SIGNUP] {
        let mut of_person =
            |key: &str, rule| table.push((route, format!("/user_data/{key}"), rule));
        for key in HASHED {
            of_person(key, Rule::Hashed);
        }
        of_person("name", Rule::Name);
        of_person("fbclid", Rule::Silent);
        of_person("fbclid_at", Rule::Silent);
        for key in ClearField::words() {
            let free = ["client_user_agent", "anon_id", "subscription_id", "ctwa_clid"];
            of_person(key, Rule::Clear { has_form: !free.contains(&key) });
        }
    }
    table
}

/// A body of the route that is taken as it stands.
fn base(route: &str, number: usize) -> Value {
    match route {
        CAPTURE => json!({
            "user_id": "u", "payment_id": format!("p{number}"), "amount": 7,
            "user_data": {"external_id": "e"},
        }),
        SIGNUP => json!({"user_data": {"id": "u", "external_id": "e"}}),
        REMOVE => json!({"user_id": "nobody", "payment_id": "nothing"}),
        other => panic!("a route without a body: {other}"),
    }
}

/// Puts a value at a pointer, or takes it away.
fn put(body: &mut Value, pointer: &str, value: Option<Value>) {
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    let parent = body.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object");
    match value {
        Some(value) => drop(parent.insert(key.to_owned(), value)),
        None => drop(parent.remove(key)),
    }
}

/// The codes that are said of a field: at it, in it, or at the one that it belongs to.
fn said(answer: &Value, pointer: &str) -> BTreeSet<String> {
    let data = &answer["data"];
    let findings = data["findings"].as_array().or(data["errors"].as_array());
    let of_field = findings.into_iter().flatten().filter(|finding| {
        let at = finding["at"].as_str().unwrap_or_default();
        let within = |inner: &str, outer: &str| {
            inner == outer || inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'))
        };
        let is_place = pointer.starts_with("/data_processing_options_");
        within(at, pointer) || is_place && at == "/data_processing_options"
    });
    of_field.filter_map(|finding| finding["code"].as_str().map(str::to_owned)).collect()
}

/// What is wrong with an answer, if anything is.
fn fault(expected: Expected, answer: &crate::engine::Answer, pointer: &str) -> Option<String> {
    let is_taken = answer.body["data"]["errors"].is_null();
    let said = said(&answer.body, pointer);
    // Of the events' own checks, only the choice of data processing is about a field of these.
    let own = said.iter().filter(|code| !code.starts_with('E') || *code == "E239").count();
    let holds = match expected {
        Taken => is_taken && own == 0,
        TakenAnyhow => is_taken,
        Warned(code) => is_taken && said.contains(code),
        Refused(code) => answer.status == 400 && !is_taken && said.contains(code),
    };
    let in_envelope = answer.body["status"] == answer.status && answer.body["msg"].is_string();
    (!(holds && in_envelope)).then(|| format!("{} {}", answer.status, answer.body))
}

#[tokio::test]
async fn every_field_in_every_shape_is_taken_or_named() {
    let engine = Plan::default().project("users = \"open\"").start().await;
    let mut faults = Vec::new();
    let mut number = 0;
    for (route, pointer, rule) in table() {
        for shape in Shape::ALL {
            number += 1;
            let mut body = base(route, number);
            put(&mut body, &pointer, rule.value(shape));
            let answer = engine.post(route, &body.to_string()).await;
            let expected = rule.expected(shape);
            let statuses: &[u16] = match (expected, route) {
                (Refused(_), _) => &[400],
                (_, CAPTURE) => &[201],
                (_, SIGNUP) => &[200],
                // Nothing of the kind was ever captured, so a removal that is read finds nothing.
                _ => &[200, 400],
            };
            if !statuses.contains(&answer.status) || fault(expected, &answer, &pointer).is_some() {
                let body = answer.body.to_string();
                let body: String = body.chars().take(600).collect();
                faults.push(format!(
                    "{route} {pointer} {shape:?}: {expected:?}, not {} {body}",
                    answer.status
                ));
            }
        }
    }
    println!("{number} bodies");
    assert!(faults.is_empty(), "{} of {number}:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn the_table_has_every_field_that_the_readers_know() {
    let table = table();
    let has = |route: &str, pointer: String| {
        assert!(table.iter().any(|row| row.0 == route && row.1 == pointer), "{route} {pointer}");
    };
    for key in CAPTURE_FIELDS {
        has(CAPTURE, format!("/{key}"));
    }
    for route in [CAPTURE, SIGNUP] {
        for field in Field::ALL {
            has(route, format!("/user_data/{}", field.key()));
        }
        for key in ClearField::words() {
            has(route, format!("/user_data/{key}"));
        }
    }
    assert!(HASHED.iter().all(|key| Field::from_key(key).is_some()));
}

#[tokio::test]
async fn the_judge_of_the_table_notices_a_wrong_answer() {
    let engine = Engine::start().await;
    let body = r#"{"user_id":true,"amount":7}"#;
    let answer = engine.post(CAPTURE, body).await;
    assert_eq!(fault(Refused("P103"), &answer, "/user_id"), None);
    for (expected, pointer) in [
        (Taken, "/user_id"),
        (Refused("P102"), "/user_id"),
        (Refused("P103"), "/amount"),
        (Warned("P103"), "/user_id"),
    ] {
        assert!(fault(expected, &answer, pointer).is_some(), "{expected:?} {pointer}");
    }
}
