//! The tests that a mapping file brings along: a payment, and what must become of it.
//!
//! In: a compiled mapping and one of its [`TestCase`]s. Out: every expectation that was not met,
//! with what came instead. A test names only what it cares about; numbers are compared by worth.

use serde::Serialize;

use super::decide::{Case, Decision, TriedRule, decide, way};
use super::finding::{Finding, Findings, Severity};
use super::json::{self, Json};
use super::mapping::{Mapping, TestCase};
use super::payment::{self, Arrival, CaptureKind};
use super::time::Timestamp;
use super::user::User;

/// What came of a test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trial {
    /// The expectations that were not met: the verdict first, then in the file's order.
    pub differences: Vec<Difference>,
    /// What was said of the payment.
    pub findings: Findings,
    /// Where an expectation was not met: the rule that was taken, and why not the others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<TriedRule>,
}

/// One expectation that was not met. Values are JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What was looked at: `value`, `custom_data.plan`.
    pub key: String,
    /// What the test expects.
    pub expected: String,
    /// What came instead.
    pub got: String,
}

impl Trial {
    /// Whether every expectation was met.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Runs one test at a moment.
#[must_use]
pub fn run(mapping: &Mapping, test: &TestCase, now: Timestamp) -> Trial {
    let refused = |findings: Findings| {
        let expected = format!("{{{}}}", member_list(&test.expect));
        let difference =
            Difference { key: "payment".to_owned(), expected, got: json::quoted("refused") };
        Trial { differences: vec![difference], findings, rules: Vec::new() }
    };
    let arrival = Arrival { received_at: now, default_country: mapping.default_country() };
    let Ok(body) = json::read(test.payment.as_bytes()) else { return refused(Findings::default()) };
    let reading = payment::read_as(CaptureKind::Either, body, arrival);
    let Some(payment) = reading.value else { return refused(reading.findings) };
    let user = User::default();
    let case = Case {
        mapping,
        payment: &payment,
        user: Some(&user),
        currency: None,
        record_id: "test",
        now,
    };
    let decision = decide(case);
    let mut findings = reading.findings;
    findings.extend(decision.findings.clone());
    let event = decision.events.first().and_then(|event| json::read(event.body.as_bytes()).ok());
    let mut differences = Vec::new();
    for (key, expected) in &test.expect {
        let Ok(wanted) = json::read(expected.as_bytes()) else { continue };
        match key.as_str() {
            "findings" => differences.extend(unexpected(&wanted, &findings)),
            "custom_data" | "user_data" => {
                let inner = event.as_ref().and_then(|event| json::get(json::fields(event)?, key));
                // What is no table names nothing to compare, and must not pass by that.
                let Some(members) = json::fields(&wanted) else {
                    let (key, got) = (key.clone(), "a table of fields".to_owned());
                    differences.push(Difference { key, expected: expected.clone(), got });
                    continue;
                };
                for (name, wanted) in members {
                    let got = inner.and_then(|inner| json::get(json::fields(inner)?, name));
                    differences.extend(difference(&format!("{key}.{name}"), wanted, got));
                }
            }
            _ => {
                let got = of_decision(key, &decision, event.as_ref());
                let got = got.as_deref().and_then(|text| json::read(text.as_bytes()).ok());
                differences.extend(difference(key, &wanted, got.as_ref()));
            }
        }
    }
    // What became of the payment explains the rest.
    differences.sort_by_key(|difference| difference.key != "verdict");
    let rules = if differences.is_empty() { Vec::new() } else { way(case).rules };
    Trial { differences, findings, rules }
}

/// A value of the decision or of its event, as JSON.
fn of_decision(key: &str, decision: &Decision, event: Option<&Json<'_>>) -> Option<String> {
    let first = decision.events.first();
    let member = |name: &str| Some(json::printed(json::get(json::fields(event?)?, name)?));
    match key {
        "verdict" => Some(json::quoted(decision.verdict.as_str())),
        "reason" => decision.reason.map(|reason| json::quoted(reason.as_str())),
        "event" => first.map(|event| json::quoted(&event.event_name)),
        "dataset" => {
            let names: Vec<String> =
                decision.events.iter().map(|event| json::quoted(event.dataset.as_str())).collect();
            match names.as_slice() {
                [] => None,
                [only] => Some(only.clone()),
                several => Some(format!("[{}]", several.join(","))),
            }
        }
        "value" | "currency" => {
            let data = json::get(json::fields(event?)?, "custom_data")?;
            Some(json::printed(json::get(json::fields(data)?, key)?))
        }
        "event_id" | "action_source" => member(key),
        _ => None,
    }
}

fn difference(key: &str, expected: &Json<'_>, got: Option<&Json<'_>>) -> Option<Difference> {
    if got.is_some_and(|got| json::same(expected, got)) {
        return None;
    }
    let got = got.map_or_else(|| "nothing".to_owned(), json::printed);
    Some(Difference { key: key.to_owned(), expected: json::printed(expected), got })
}

/// `findings` names every error and warning there is. Notes need not be named.
fn unexpected(wanted: &Json<'_>, findings: &Findings) -> Option<Difference> {
    let Json::Array(items) = wanted else { return difference("findings", wanted, None) };
    let codes: Option<Vec<&str>> = items.iter().map(json::text).collect();
    let Some(mut wanted) = codes else { return difference("findings", wanted, None) };
    let is_asked = |finding: &&Finding| {
        finding.severity != Severity::Note || wanted.contains(&finding.code.as_str())
    };
    let mut got: Vec<&str> =
        findings.iter().filter(is_asked).map(|finding| finding.code.as_str()).collect();
    for list in [&mut wanted, &mut got] {
        list.sort_unstable();
        list.dedup();
    }
    let list = |codes: &[&str]| {
        let codes: Vec<String> = codes.iter().map(|code| json::quoted(code)).collect();
        format!("[{}]", codes.join(","))
    };
    (wanted != got).then(|| Difference {
        key: "findings".to_owned(),
        expected: list(&wanted),
        got: list(&got),
    })
}

fn member_list(members: &[(String, String)]) -> String {
    let members: Vec<String> =
        members.iter().map(|(key, value)| format!("{}:{value}", json::quoted(key))).collect();
    members.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::mapping::{Datasets, compile};

    fn differences(expect: &str) -> Vec<(String, String)> {
        let source = format!(
            "version = 1\n[defaults]\ndataset = \"shop\"\ncurrency = \"INR\"\n[payments]\nDEFAULT = {{ event = \"Lead\", custom_data = {{ plan = \"{{event_data.plan}}\" }} }}\n\
             [[test]]\nname = \"a\"\npayment = {{ user_id = \"u\", payment_id = \"p\", amount = 2000, event_data = {{ plan = \"gold\", content_ids = [\"a,b\"] }} }}\nexpect = {expect}\n"
        );
        let mapping = compile(&source, Datasets::Any).0.expect(&source);
        let trial = run(&mapping, &mapping.tests()[0], Timestamp::from_seconds(1_772_280_000));
        trial.differences.into_iter().map(|found| (found.key, found.got)).collect()
    }

    #[test]
    fn what_is_expected_is_compared_and_nothing_else_is() {
        for (expect, expected) in [
            (
                r#"{ verdict = "forward", event = "Lead", value = 2000.0, currency = "INR" }"#,
                vec![],
            ),
            (
                r#"{ event_id = "DEFAULT.p", dataset = "shop", action_source = "system_generated" }"#,
                vec![],
            ),
            (r#"{ custom_data = { plan = "gold" }, findings = ["E240"] }"#, vec![]),
            (r#"{ verdict = "block" }"#, vec![("verdict", "\"forward\"")]),
            ("{ value = 1999 }", vec![("value", "2000")]),
            ("{ findings = [] }", vec![("findings", "[\"E240\"]")]),
            (r#"{ findings = ["E240", 5] }"#, vec![("findings", "nothing")]),
            (
                r#"{ custom_data = { plan = "x", no = 1 } }"#,
                vec![("custom_data.no", "nothing"), ("custom_data.plan", "\"gold\"")],
            ),
            (r#"{ reason = "status" }"#, vec![("reason", "nothing")]),
            (
                r#"{ verdict = "forward", user_data = "x" }"#,
                vec![("user_data", "a table of fields")],
            ),
        ] {
            let expected: Vec<(String, String)> =
                expected.into_iter().map(|(key, got)| (key.to_owned(), got.to_owned())).collect();
            assert_eq!(differences(expect), expected, "{expect}");
        }
    }

    #[test]
    fn a_payment_that_is_refused_fails_its_test() {
        let source = "version = 1\n[defaults]\ndataset = \"shop\"\n[payments]\nDEFAULT = \"Lead\"\n[[test]]\nname = \"a\"\npayment = { amount = 5 }\nexpect = { verdict = \"forward\" }\n";
        let mapping = compile(source, Datasets::Any).0.expect(source);
        let trial = run(&mapping, &mapping.tests()[0], Timestamp::from_seconds(0));
        assert!(!trial.passed() && trial.findings.has_error(), "{trial:?}");
    }
}
