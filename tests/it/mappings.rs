//! Mapping files that must compile for ever, beside what they mean; and the pages of the findings.
//!
//! `tests/corpus/mappings/v1` freezes the meaning of the language: its README says how. The
//! settings that must be used there are asked of the compiler itself, by what it lists as known.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tillpost::config::{self, World};
use tillpost::core::decide::{Case, Decision, decide};
use tillpost::core::finding::{Code, Findings, Severity};
use tillpost::core::json;
use tillpost::core::mapping::{Action, DatasetName, Datasets, Mapping, compile};
use tillpost::core::payment::{self, Arrival};
use tillpost::core::signup::read_signup;
use tillpost::core::time::Timestamp;
use tillpost::core::user::User;

/// 2026-02-28T12:00:00Z
const NOW: i64 = 1_772_280_000;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/mappings/v1")
}

/// Every file of the corpus, by name.
pub(crate) fn corpus() -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = std::fs::read_dir(folder())
        .expect("the corpus")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .map(|path| {
            let name = path.file_stem().expect("a name").display().to_string();
            (name, std::fs::read_to_string(&path).expect("text"))
        })
        .collect();
    files.sort();
    files
}

fn decided(mapping: &Mapping, row: &Value) -> (Decision, Vec<&'static str>) {
    let now = Timestamp::from_seconds(NOW);
    let arrival = Arrival { received_at: now, default_country: mapping.default_country() };
    let body = row["payment"].to_string();
    let reading = payment::read(json::read(body.as_bytes()).expect("JSON"), arrival);
    let user = row.get("user").map_or_else(User::default, |signup| {
        let signup = signup.to_string();
        let body = json::read(signup.as_bytes()).expect("JSON");
        read_signup(&body, arrival).value.expect("a signup").user
    });
    let payment = reading.value.expect("a payment");
    let (payment, user) = (&payment, Some(&user));
    let decision = decide(Case { mapping, payment, user, currency: None, record_id: "r", now });
    let said = reading.findings.iter().chain(&decision.findings);
    let codes: BTreeSet<&str> = said
        .filter(|finding| finding.severity != Severity::Note)
        .map(|finding| finding.code.as_str())
        .collect();
    let codes = codes.into_iter().collect();
    (decision, codes)
}

/// Where `found` differs from what is expected of it, member by member.
fn differs(expected: &Value, found: Option<&Value>, at: &str) -> Option<String> {
    match (expected, found) {
        (Value::Null, None) => None,
        (Value::Object(members), Some(Value::Object(found))) => members
            .iter()
            .find_map(|(key, expected)| differs(expected, found.get(key), &format!("{at}/{key}"))),
        (Value::Array(items), Some(Value::Array(found))) if items.len() == found.len() => items
            .iter()
            .zip(found)
            .find_map(|(expected, found)| differs(expected, Some(found), &format!("{at}/*"))),
        (Value::Number(expected), Some(Value::Number(found)))
            if expected.as_f64() == found.as_f64() =>
        {
            None
        }
        (expected, Some(found)) if expected == found => None,
        (expected, found) => Some(format!("{at}: expected {expected}, got {found:?}")),
    }
}

/// What is wrong with one line of expectations.
fn fault(mapping: &Mapping, row: &Value) -> Option<String> {
    let expect = &row["expect"];
    if let Some(name) = row["event_named"].as_str() {
        let named = mapping.event(name).map(|rule| match &rule.action {
            Action::Forward(forward) => Value::from(forward.event.as_str()),
            Action::Withhold { .. } => Value::Null,
        });
        let found = named.as_ref().expect("a rule for this name");
        return (expect["event_name"] != *found).then(|| format!("{name} is {found}"));
    }
    let (decision, codes) = decided(mapping, row);
    let findings = expect.get("findings").map(|wanted| {
        let wanted: Vec<&str> =
            wanted.as_array().expect("a list").iter().filter_map(Value::as_str).collect();
        (wanted != codes).then(|| format!("findings: {codes:?}"))
    });
    let has = expect["has"].as_array().into_iter().flatten();
    let lacking = has.filter_map(Value::as_str).find(|code| !codes.contains(code));
    let event = decision.events.first();
    let event: Option<Value> =
        event.map(|event| serde_json::from_str(&event.body).expect("a frozen event is JSON"));
    let datasets: Vec<&str> = decision.events.iter().map(|event| event.dataset.as_str()).collect();
    let of_decision = serde_json::json!({
        "verdict": decision.verdict, "reason": decision.reason,
        "because": decision.because, "datasets": datasets,
    });
    let about = ["verdict", "reason", "because", "datasets"];
    about
        .iter()
        .filter(|key| expect.get(**key).is_some())
        .find_map(|key| differs(&expect[*key], of_decision.get(*key), key))
        .or_else(|| differs(expect.get("event")?, event.as_ref(), ""))
        .or_else(|| findings.flatten())
        .or_else(|| lacking.map(|code| format!("{code} is not found: {codes:?}")))
}

#[test]
fn what_compiled_once_compiles_for_ever_and_means_the_same() {
    let corpus = corpus();
    assert!(corpus.len() >= 28, "files are only ever added: {}", corpus.len());
    let mut faults = Vec::new();
    for (name, _) in corpus {
        let path = folder().join(format!("{name}.toml"));
        let (mapping, report) =
            config::mapping_file(&path, Datasets::Any, &config::System).expect("a file");
        let findings = report.findings.iter();
        let said: Vec<&str> = findings.map(|finding| finding.says.as_str()).collect();
        assert_eq!(said, [""; 0], "{name}");
        let mapping = mapping.expect(&name);
        let expectations = folder().join(format!("{name}.expect.ndjson"));
        let expectations = std::fs::read_to_string(&expectations)
            .unwrap_or_else(|_| panic!("{name}.toml has no expectations"));
        assert!(!expectations.trim().is_empty(), "{name}.expect.ndjson expects nothing");
        for (number, line) in expectations.lines().enumerate() {
            let row: Value = serde_json::from_str(line).expect(line);
            assert!(row["expect"].is_object(), "{name}: {line}");
            let found = fault(&mapping, &row);
            faults.extend(found.map(|found| format!("{name}:{}: {found}", number + 1)));
        }
    }
    assert_eq!(faults, Vec::<String>::new());
}

/// What a table of the language knows, in the words of the compiler about a stranger in it.
fn known(table: &str) -> BTreeSet<String> {
    let text = format!("version = 1\n{table}\n").replace('@', "zzzzzzzzzzzz = 1");
    let (_, findings) = compile(&text, Datasets::Any);
    let help = findings
        .iter()
        .filter(|finding| finding.code == Code::MappingKey)
        .find_map(|finding| finding.help.clone()?.strip_prefix("known here: ").map(str::to_owned))
        .unwrap_or_else(|| panic!("{table} lists what it knows: {findings:?}"));
    help.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn tables(value: &toml::Value) -> Vec<&toml::Table> {
    match value {
        toml::Value::Table(table) => vec![table],
        toml::Value::Array(items) => items.iter().flat_map(tables).collect(),
        toml::Value::String(_)
        | toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_) => Vec::new(),
    }
}

#[test]
fn every_setting_of_the_language_is_used_somewhere() {
    let files: Vec<toml::Table> =
        corpus().iter().map(|(name, text)| text.parse().expect(name)).collect();
    let below = |parents: &[&toml::Table], key: &str| -> Vec<toml::Table> {
        parents.iter().filter_map(|parent| parent.get(key)).flat_map(tables).cloned().collect()
    };
    let tops: Vec<&toml::Table> = files.iter().collect();
    let each = |parents: Vec<toml::Table>| -> Vec<toml::Table> {
        parents.iter().flat_map(|parent| parent.values()).flat_map(tables).cloned().collect()
    };
    let defaults = below(&tops, "defaults");
    let mut rules = each(below(&tops, "payments"));
    rules.extend(each(below(&tops, "events")));
    let refs: Vec<&toml::Table> = rules.iter().collect();
    let both: Vec<&toml::Table> = rules.iter().chain(&defaults).collect();
    let (whens, tests) = (below(&refs, "when"), below(&tops, "test"));
    let rule = |inner: &str| format!("[payments]\nDEFAULT = {{ event = \"Lead\", {inner} }}");
    let test = "[[test]]\nname = \"a\"\npayment = {}\nexpect = {}\n@";
    let expect = test.replace("{}\n@", "{ @ }");
    let own = |tables: &[&toml::Table]| -> Vec<toml::Table> {
        tables.iter().map(|table| (*table).clone()).collect()
    };
    for (table, used) in [
        ("@".to_owned(), own(&tops)),
        ("[catalog]\nfeed = \"a.csv\"\n@".to_owned(), below(&tops, "catalog")),
        // A default of each kind is in `every-form`; that all of them can be is the compiler's.
        (rule("@"), own(&both)),
        (rule("contents = { @ }"), below(&both, "contents")),
        (rule("content_id = { @ }"), below(&both, "content_id")),
        (rule("limited_data_use = { @ }"), below(&both, "limited_data_use")),
        (rule("when = { amount = { @ } }"), each(whens)),
        (test.to_owned(), tests.clone()),
        (expect, below(&tests.iter().collect::<Vec<_>>(), "expect")),
    ] {
        let used: BTreeSet<&str> = used.iter().flat_map(|t| t.keys()).map(String::as_str).collect();
        let unused: Vec<String> =
            known(&table).into_iter().filter(|key| !used.contains(key.as_str())).collect();
        assert_eq!(unused, Vec::<String>::new(), "no file of the corpus uses these in {table}");
    }
}

#[test]
fn every_form_of_a_value_is_used_somewhere() {
    let all: String = corpus().into_iter().map(|(_, text)| text).collect();
    let plain = all.split_whitespace().collect::<Vec<_>>().join(" ");
    for form in [
        r#"ONE_TIME = "Lead""#,
        "[payments.RECURRING]",
        "[[payments.RECURRING]]",
        r#"when = { "event_data.trial" = true }"#,
        "when = { amount = 0 }",
        r#""event_data.plan" = "gold""#,
        "exists = false",
        "dataset = [",
        "statuses = [",
        r#"statuses = ""#,
        r#"value = "event_data."#,
        "value = [",
        "value = 9.99",
        r#"value = "sum(contents)""#,
        r#", "sum(contents)"]"#,
        r#"num_items = "count(contents)""#,
        "num_items = [",
        "currency = [",
        "without_device = \"block\"",
        "limited_data_use = true",
        "limited_data_use = false",
        "limited_data_use = { country",
        "score = 5",
        "vip = true",
        r#"plan = "event_data.plan""#,
        r#"level = "{event_data.level}""#,
        r#"label = "{event_data.plan} of {type}""#,
        r#"braces = "{{x}}""#,
        r#"E240 = "block""#,
        r#"E240 = "warn""#,
        r#"E240 = "off""#,
        r#"case = "upper""#,
        r#"case = "lower""#,
    ] {
        assert!(plain.contains(form), "no file of the corpus has {form}");
    }
}

/// The configuration that the pages are about: their files, their variables.
#[derive(Debug)]
struct OfPages(String);

impl World for OfPages {
    fn file(&self, path: &Path) -> io::Result<String> {
        match path.to_str() {
            Some("/etc/tillpost.toml") => Ok(self.0.clone()),
            Some("/etc/mappings/commerce.toml") => {
                Ok(include_str!("../../mappings/commerce.toml").to_owned())
            }
            _ => Err(io::Error::from(io::ErrorKind::NotFound)),
        }
    }

    fn variable(&self, name: &str) -> Option<String> {
        let value = match name {
            "META_ACCESS_TOKEN" => "token",
            "SHOP_SERVER_KEY" => "5b1f0c9a7de24836",
            "SHOP_CLIENT_TOKEN" => "c07d1e93ab5f4628",
            "SHOP_TEST_KEY" => "test",
            _ => return None,
        };
        Some(value.to_owned())
    }
}

/// The example of a page under this headline.
fn example(code: Code, part: &str) -> String {
    let after = code.page().split(&format!("**{part}**")).nth(1).expect("the part");
    let inner = after.split("\n**").next().expect("its text");
    let lines: Vec<&str> = inner.lines().filter_map(|line| line.strip_prefix("    ")).collect();
    lines.join("\n") + "\n"
}

/// How often each code is found in an example, at its own weight.
fn codes_in(family: char, text: &str) -> BTreeMap<Code, usize> {
    let names = ["storefront", "app_store"].into_iter().filter_map(DatasetName::read).collect();
    let (mapping, config);
    let all: Vec<&Findings> = if family == 'M' {
        mapping = compile(text, Datasets::Known(&names)).1;
        vec![&mapping]
    } else {
        let world = OfPages(text.to_owned());
        config = config::load(Path::new("/etc/tillpost.toml"), &world).1;
        config.files.iter().map(|file| &file.findings).collect()
    };
    let mut counts = BTreeMap::new();
    for finding in all.into_iter().flatten() {
        let own_weight = finding.severity == finding.code.severity();
        *counts.entry(finding.code).or_default() += usize::from(own_weight);
    }
    counts
}

#[test]
fn the_example_of_every_page_is_wrong_and_right_as_it_says() {
    let mut looked_at = 0;
    for code in Code::ALL {
        let family = code.as_str().chars().next().expect("a letter");
        // What is wrong with a feed stands in the feed: `config` tests these.
        let of_feed = [Code::FeedUnreadable, Code::FeedRows, Code::FeedEmpty];
        if !matches!(family, 'M' | 'C') || of_feed.contains(code) {
            continue;
        }
        let (wrong, right) = (example(*code, "Wrong"), example(*code, "Right"));
        let (in_wrong, in_right) = (codes_in(family, &wrong), codes_in(family, &right));
        let count = |of: &BTreeMap<Code, usize>| of.get(code).copied().unwrap_or_default();
        // Pages about tillpost.toml show a part of a file: what else is missing stays missing.
        assert!(count(&in_wrong) > count(&in_right), "{code}: {wrong}{in_wrong:?}{in_right:?}");
        if family == 'M' && *code != Code::MappingMissing {
            assert!(in_right.is_empty(), "{code}: {right}{in_right:?}");
        }
        looked_at += 1;
    }
    assert!(looked_at > 20, "{looked_at}");
}
