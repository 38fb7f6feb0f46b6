//! The JSON Schemas of mapping files and of `tillpost.toml` against the readers of both.
//!
//! The law: a schema refuses nothing that its reader takes (but tests that could never pass), knows
//! exactly the keys that the reader knows, and refuses each wrong kind and unknown word that it can see. The judge of schemas is
//! another crate's (`boon`); what the readers know is asked of their own findings.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tillpost::config::{self, World};
use tillpost::core::finding::{Code, Findings};
use tillpost::core::mapping::{Action, Datasets, Mapping, compile, schema};
use tillpost::core::payment::PaymentType;
use tillpost::core::time::Timestamp;
use tillpost::core::trial;

use crate::program::run;

/// A kind of file: its schema, and its reader.
struct Kind {
    document: Value,
    schemas: boon::Schemas,
    index: boon::SchemaIndex,
    findings: fn(&str) -> Findings,
}

impl Kind {
    fn of(text: &str, findings: fn(&str) -> Findings) -> Self {
        let document: Value = serde_json::from_str(text).expect("JSON");
        let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
        compiler.add_resource("file:///s.json", document.clone()).expect("a resource");
        let index = compiler.compile("file:///s.json", &mut schemas).expect("a schema");
        Self { document, schemas, index, findings }
    }

    fn mapping() -> Self {
        Self::of(&schema::schema(), |text| compile(text, Datasets::Any).1)
    }

    fn config() -> Self {
        Self::of(&config::schema(), |text| loaded(text).1)
    }

    /// What the schema says against a file.
    fn refusal(&self, text: &str) -> Option<String> {
        self.refusal_of(&json(text))
    }

    fn refusal_of(&self, value: &Value) -> Option<String> {
        self.schemas.validate(value, self.index).err().map(|error| error.to_string())
    }

    /// The codes of the errors that the reader finds.
    fn errors(&self, text: &str) -> Vec<&'static str> {
        let findings = (self.findings)(text);
        let errors = findings.iter().filter(|finding| finding.severity.as_str() == "error");
        errors.map(|finding| finding.code.as_str()).collect()
    }

    /// The keys that the reader names where it meets one that it does not know.
    fn known_to_reader(&self, text: &str) -> Option<BTreeSet<String>> {
        let findings = (self.findings)(text);
        let finding = findings.iter().find(|finding| finding.says.contains(UNKNOWN))?;
        let help = finding.help.as_deref()?;
        let lists = ["known here: ", "the payment types are "];
        let list = lists.iter().find_map(|start| help.strip_prefix(start))?;
        Some(list.split('`').skip(1).step_by(2).map(str::to_owned).collect())
    }

    fn properties(&self, pointer: &str) -> BTreeMap<String, Value> {
        let table = self.document.pointer(pointer).unwrap_or_else(|| panic!("no {pointer}"));
        let keys = table["properties"].as_object().expect(pointer);
        keys.iter().map(|(key, schema)| (key.clone(), schema.clone())).collect()
    }
}

/// Nobody's key, and near to none.
const UNKNOWN: &str = "zzzzzzzzzzzz";

fn json(text: &str) -> Value {
    let table: toml::Table = toml::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    serde_json::to_value(table).expect("JSON")
}

/// A configuration beside one mapping file; every variable is set.
#[derive(Debug)]
struct Beside(String);

impl World for Beside {
    fn file(&self, path: &Path) -> io::Result<String> {
        match path.file_name().and_then(|name| name.to_str()) {
            Some("tillpost.toml") => Ok(self.0.clone()),
            _ if path.to_string_lossy().contains("key") => {
                Ok(format!("https://secret.example{}", path.display()))
            }
            _ => Ok("version = 1\n[payments]\nDEFAULT = { forward = false, because = \"x\" }"
                .to_owned()),
        }
    }

    fn variable(&self, name: &str) -> Option<String> {
        // One that is an address besides, since that of alarms must be one.
        Some(format!("https://secret.example/{name}"))
    }
}

fn loaded(text: &str) -> (Option<config::Config>, Findings) {
    let (config, report) = config::load(Path::new("/etc/tillpost.toml"), &Beside(text.to_owned()));
    (config, report.files.into_iter().next().expect("a file").findings)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A table of a file: where it stands in the schema, and how to write one with a key of choice.
struct Place {
    pointer: String,
    before: String,
    /// What must be there anyway.
    base: &'static [(&'static str, &'static str)],
    gap: &'static str,
    after: &'static str,
}

impl Place {
    fn with(&self, key: &str, value: &str) -> String {
        let base = self.base.iter().filter(|(known, _)| *known != key);
        let key = format!("{key:?}");
        let mut lines: Vec<String> = base.map(|(key, value)| format!("{key} = {value}")).collect();
        lines.push(format!("{key} = {value}"));
        format!("{}{}{}", self.before, lines.join(self.gap), self.after)
    }

    fn is_of_tests(&self) -> bool {
        self.pointer.starts_with("/properties/test/items")
    }
}

fn place(
    pointer: impl Into<String>,
    before: impl Into<String>,
    base: &'static [(&'static str, &'static str)],
    after: &'static str,
) -> Place {
    let gap = if after.starts_with(" }") { ", " } else { "\n" };
    Place { pointer: pointer.into(), before: before.into(), base, gap, after }
}

const HEAD: &str = "version = 1\n[payments]\nDEFAULT = { forward = false, because = \"x\" }\n";

const RULE: &str = "version = 1\n[defaults]\ndataset = \"a\"\n[[payments.DEFAULT]]\nevent = \"Lead\"\n\
    statuses = [\"PAYMENT_INITIATED\", \"PAYMENT_COMPLETED\", \"PAYMENT_FAILED\", \"PAYMENT_CANCELLED\"]\n";

/// Every table of a mapping file.
fn tables_of_a_mapping() -> Vec<Place> {
    const VERSION: &[(&str, &str)] = &[("version", "1"), ("payments", "{}")];
    const EVENT: &[(&str, &str)] = &[("event", "\"Lead\""), ("dataset", "\"a\"")];
    const EACH: &[(&str, &str)] = &[("each", "\"event_data.lines\"")];
    const REGION: &[(&str, &str)] = &[("country", "1"), ("state", "1000")];
    const TEST: &[(&str, &str)] = &[("name", "\"x\""), ("payment", "{}"), ("expect", "{}")];
    const ASKS: &[(&str, &str)] = &[("exists", "true")];
    let rule = "/definitions/rule";
    let payments = "version = 1\n[defaults]\ndataset = \"a\"\n[payments]\n";
    let mut all = vec![
        place("", "", VERSION, "\n"),
        place("/properties/defaults", format!("{HEAD}[defaults]\n"), &[], "\n"),
        place("/properties/payments", payments, &[], "\n"),
        place(rule, "version = 1\n[[payments.DEFAULT]]\n", EVENT, "\n"),
        place(format!("{rule}/properties/when"), format!("{RULE}when = {{ "), &[], " }"),
        place("/properties/catalog", format!("{HEAD}[catalog]\n"), &[("feed", "\"f.csv\"")], "\n"),
        place("/properties/test/items", format!("{HEAD}[[test]]\n"), TEST, "\n"),
        place(
            "/properties/test/items/properties/expect",
            format!("{HEAD}[[test]]\nname = \"x\"\npayment = {{}}\n[test.expect]\n"),
            &[],
            "\n",
        ),
    ];
    for (table, start) in
        [("/properties/defaults", format!("{HEAD}[defaults]\n")), (rule, RULE.to_owned())]
    {
        for (key, base) in [("contents", EACH), ("content_id", &[]), ("checks", &[])] {
            let pointer = format!("{table}/properties/{key}");
            all.push(place(pointer, format!("{start}{key} = {{ "), base, " }"));
        }
        let pointer = format!("{table}/properties/limited_data_use/anyOf/1");
        all.push(place(pointer, format!("{start}limited_data_use = {{ "), REGION, " }"));
    }
    for root in
        ["type", "status", "amount", "currency", "payment_id", "user_id", "event_source_url"]
    {
        let pointer = format!("{rule}/properties/when/properties/{root}/anyOf/1");
        all.push(place(pointer, format!("{RULE}when = {{ {root} = {{ "), ASKS, " } }"));
    }
    let pointer = format!("{rule}/properties/when/additionalProperties/anyOf/1");
    all.push(place(pointer, format!("{RULE}when = {{ \"event_data.x\" = {{ "), ASKS, " } }"));
    all
}

const PROJECT: &str =
    "[[projects]]\nname = \"shop\"\nserver_key = { env = \"KEY\" }\nmapping = \"m.toml\"\n";
const DATASET: &str = "[datasets.storefront]\nid = \"1\"\naccess_token = { env = \"TOKEN\" }\n";

/// Every table of a configuration.
fn tables_of_a_configuration() -> Vec<Place> {
    const BOTH: &[(&str, &str)] = &[
        ("projects", "[{ name = \"shop\", server_key = { env = \"KEY\" }, mapping = \"m.toml\" }]"),
        ("datasets", "{ a = { id = \"1\", access_token = { env = \"TOKEN\" } } }"),
    ];
    const OF_PROJECT: &[(&str, &str)] =
        &[("name", "\"shop\""), ("server_key", "{ env = \"KEY\" }"), ("mapping", "\"m.toml\"")];
    const OF_SIGNING: &[(&str, &str)] = &[("key_id", "\"a\""), ("secret", "{ env = \"KEY\" }")];
    const OF_ALERTS: &[(&str, &str)] = &[("webhook", "{ env = \"KEY\" }")];
    const OF_DATASET: &[(&str, &str)] = &[("id", "\"1\""), ("access_token", "{ env = \"TOKEN\" }")];
    let (project, dataset) =
        ("/properties/projects/items", "/properties/datasets/additionalProperties");
    let good = format!("{PROJECT}{DATASET}");
    let mut all = vec![
        place("", "", BOTH, "\n"),
        place("/properties/http", format!("{good}[http]\n"), &[], "\n"),
        place("/properties/store", format!("{good}[store]\n"), &[], "\n"),
        place("/properties/alerts", format!("{good}[alerts]\n"), OF_ALERTS, "\n"),
        place(project, format!("{DATASET}[[projects]]\n"), OF_PROJECT, "\n"),
        place(dataset, format!("{PROJECT}[datasets.a]\n"), OF_DATASET, "\n"),
    ];
    let webhooks = "/properties/projects/items/properties/webhooks";
    let in_webhooks = format!("{DATASET}{PROJECT}[projects.webhooks]\n");
    all.push(place(webhooks, in_webhooks.clone(), &[], "\n"));
    let signing = |choice: &str| format!("{project}/properties/client_signing/{choice}");
    let in_signing = |header: &str| format!("{DATASET}{PROJECT}{header}\n");
    let (alone, listed) = ("[projects.client_signing]", "[[projects.client_signing]]");
    all.push(place(signing("anyOf/0"), in_signing(alone), OF_SIGNING, "\n"));
    all.push(place(signing("anyOf/1/items"), in_signing(listed), OF_SIGNING, "\n"));
    let project_without = "[[projects]]\nname = \"shop\"\nmapping = \"m.toml\"\n";
    for (table, key, before) in [
        ("/properties/http", "admin_token", format!("{good}[http]\n")),
        ("/properties/alerts", "webhook", format!("{good}[alerts]\n")),
        (project, "server_key", format!("{DATASET}{project_without}")),
        (project, "site_key", good.replace(DATASET, "")),
        (project, "client_token", good.replace(DATASET, "")),
        (dataset, "access_token", format!("{PROJECT}[datasets.storefront]\nid = \"1\"\n")),
        (webhooks, "stripe", in_webhooks.clone()),
        (webhooks, "lemonsqueezy", in_webhooks.clone()),
        (webhooks, "polar", in_webhooks),
        (&signing("anyOf/0"), "secret", in_signing(alone) + "key_id = \"a\"\n"),
        (&signing("anyOf/1/items"), "secret", in_signing(listed) + "key_id = \"a\"\n"),
    ] {
        let tail =
            if before.contains("[datasets") || key == "server_key" { " }" } else { OPEN_END };
        for (choice, start, end) in [("anyOf/0", "{ ", tail), ("anyOf/1/items", "[{ ", LIST_END)] {
            let end = if tail == OPEN_END && end == LIST_END { OPEN_LIST_END } else { end };
            let pointer = format!("{table}/properties/{key}/{choice}");
            all.push(place(pointer, format!("{before}{key} = {start}"), &[], end));
        }
    }
    all
}

/// The ends of a secret, alone and in a list, and with the dataset that its file still lacks.
const LIST_END: &str = " }]";
const OPEN_END: &str =
    " }\n[datasets.storefront]\nid = \"1\"\naccess_token = { env = \"TOKEN\" }\n";
const OPEN_LIST_END: &str =
    " }]\n[datasets.storefront]\nid = \"1\"\naccess_token = { env = \"TOKEN\" }\n";

fn kinds() -> [(Kind, Vec<Place>); 2] {
    [(Kind::mapping(), tables_of_a_mapping()), (Kind::config(), tables_of_a_configuration())]
}

#[test]
fn the_committed_schemas_are_what_the_command_prints() {
    for (kind, path) in
        [("mapping", "schemas/mapping.schema.json"), ("config", "schemas/tillpost.schema.json")]
    {
        let output = run(root(), &["schema", kind]);
        let printed = String::from_utf8(output.stdout).expect("UTF-8");
        let committed = std::fs::read_to_string(root().join(path)).unwrap_or_default();
        assert!(printed == committed, "run: cargo run -- schema {kind} > {path}");
    }
}

/// Tables with fixed keys, anywhere in a schema.
fn closed_tables(value: &Value, pointer: &str, found: &mut BTreeSet<String>) {
    if value["additionalProperties"] == Value::Bool(false) {
        found.insert(pointer.to_owned());
    }
    match value {
        Value::Object(members) => {
            for (key, inner) in members {
                closed_tables(inner, &format!("{pointer}/{key}"), found);
            }
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                closed_tables(inner, &format!("{pointer}/{index}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn schema_and_reader_know_the_same_keys() {
    for (kind, places) in kinds() {
        let mut closed = BTreeSet::new();
        closed_tables(&kind.document, "", &mut closed);
        let visited: BTreeSet<String> = places.iter().map(|place| place.pointer.clone()).collect();
        let left_out: Vec<&String> = closed.difference(&visited).collect();
        assert!(left_out.is_empty(), "a table of the schema that no place visits: {left_out:?}");
        for place in places.iter().filter(|place| closed.contains(&place.pointer)) {
            let text = place.with(UNKNOWN, "1");
            assert!(kind.refusal(&text).is_some(), "the schema takes any key: {text}");
            let keys = kind.properties(&place.pointer).into_keys();
            if place.pointer.ends_with("/checks") {
                let keys: BTreeSet<String> = keys.collect();
                for code in Code::ALL {
                    let weighed = kind.errors(&place.with(code.as_str(), "\"block\"")).is_empty();
                    assert_eq!(weighed, keys.contains(code.as_str()), "{code} in `checks`");
                }
                continue;
            }
            let Some(known) = kind.known_to_reader(&text) else {
                // The reader may not know a feature yet that its schema already explains.
                assert!(is_not_read_yet(&place.pointer), "no list of keys for {text}");
                continue;
            };
            let keys: BTreeSet<String> =
                keys.filter(|key| known.contains(key) || !is_not_read_yet(key)).collect();
            assert_eq!(keys, known, "{}", place.pointer);
        }
    }
}

/// What the schema explains before its reader reads it.
fn is_not_read_yet(key: &str) -> bool {
    const NOT_YET: [&str; 0] = [];
    NOT_YET.contains(&key.trim_start_matches("/properties/"))
}

/// Codes of faults that a schema can see: unknown keys, types, events, words, versions; wrong kinds.
const SEEN: [&str; 12] = [
    "M402", "M403", "M404", "M405", "M406", "M408", "M411", "C502", "C503", "C504", "C505", "C508",
];

/// Keys whose words are too many for a schema: currencies, countries, addresses of this machine; and
/// templates, whose inside a regular expression only glances at.
const UNSEEN: [&str; 8] = [
    "currency",
    "default_country",
    "listen",
    "admin_listen",
    "event_id",
    "one_of",
    "when",
    "custom_data",
];

const DATE: &str = "1979-05-27";

/// Values to try at a key: of every kind, and those that its schema itself names.
fn values(schema: &Value) -> BTreeSet<String> {
    let kinds = [
        "0",
        "1",
        "-1",
        "1.5",
        "true",
        "false",
        "\"zzz\"",
        "\"\"",
        "\" \"",
        "[]",
        "{}",
        DATE,
        "[\"zzz\"]",
        "[5]",
        "[true]",
        "[{}]",
        "[[]]",
        "{ zzz = 1 }",
        "9007199254740993",
        "\"Purchase\"",
        "[\"Purchase\"]",
        "\"purchase\"",
        "\"event_data.x\"",
        "\"event_data..x\"",
        "\"event_data\"",
        "\"amount\"",
        "[\"amount\", 5]",
    ];
    let mut all: BTreeSet<String> = kinds.map(str::to_owned).into();
    named(schema, &mut all);
    all
}

fn named(schema: &Value, all: &mut BTreeSet<String>) {
    for word in schema["enum"].as_array().into_iter().flatten() {
        all.insert(word.to_string());
        all.insert(format!("[{word}]"));
        all.insert(word.to_string().to_uppercase());
    }
    for (limit, step) in [("minimum", -1), ("maximum", 1)] {
        let Some(limit) = schema[limit].as_i64() else { continue };
        all.extend([limit.to_string(), (limit + step).to_string()]);
    }
    for inner in schema["anyOf"].as_array().into_iter().flatten() {
        named(inner, all);
    }
}

#[test]
fn the_schema_refuses_nothing_that_its_reader_takes_and_sees_what_it_can() {
    let mut tried = 0;
    for (kind, places) in kinds() {
        for place in places.iter().filter(|place| !place.is_of_tests()) {
            for (key, schema) in kind.properties(&place.pointer) {
                if is_not_read_yet(&place.pointer) || is_not_read_yet(&key) {
                    continue;
                }
                for value in values(&schema) {
                    let text = place.with(&key, &value);
                    let (errors, refusal) = (kind.errors(&text), kind.refusal(&text));
                    tried += 1;
                    assert!(
                        !errors.is_empty() || refusal.is_none(),
                        "the reader takes what the schema refuses:\n{text}\n{refusal:?}"
                    );
                    let seen = errors.iter().any(|code| SEEN.contains(code));
                    assert!(
                        !seen || refusal.is_some() || UNSEEN.contains(&key.as_str()),
                        "the schema does not see {errors:?}:\n{text}"
                    );
                }
            }
        }
    }
    assert!(tried > 5_000, "{tried}");
}

/// The one place where a schema is stricter: it refuses a test that could never pass.
#[test]
fn what_the_schema_refuses_in_a_test_could_never_pass() {
    const PAYMENT: &[(&str, &str)] =
        &[("user_id", "\"1\""), ("amount", "5"), ("currency", "\"INR\"")];
    let kind = Kind::mapping();
    let start = "version = 1\n[payments]\nDEFAULT = { event = \"Lead\", dataset = \"a\" }\n[[test]]\nname = \"x\"\n";
    let payment = "payment = { user_id = \"1\", amount = 5, currency = \"INR\" }\n";
    let item = "/properties/test/items/properties";
    let places = [
        place(format!("{item}/expect"), format!("{start}{payment}expect = {{ "), &[], " }"),
        place(
            format!("{item}/payment"),
            format!("{start}expect = {{}}\npayment = {{ "),
            PAYMENT,
            " }",
        ),
    ];
    let mut refused = 0;
    for place in &places {
        for (key, schema) in kind.properties(&place.pointer) {
            for value in values(&schema) {
                let text = place.with(&key, &value);
                // A date of TOML is a text to the compiler, and to each editor something else; a
                // blank text in a payment counts as absent.
                let is_none = [DATE, "\"\"", "\" \""].contains(&value.as_str());
                if is_none || kind.refusal(&text).is_none() || !kind.errors(&text).is_empty() {
                    continue;
                }
                let mapping = compiled(&text);
                let now = Timestamp::from_seconds(1_772_280_000);
                let trial = trial::run(&mapping, &mapping.tests()[0], now);
                assert!(!trial.passed(), "this test passes, and the schema refuses it:\n{text}");
                refused += 1;
            }
        }
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn examples_and_defaults_are_right() {
    for (kind, places) in kinds() {
        for place in &places {
            for (key, schema) in kind.properties(&place.pointer) {
                if is_not_read_yet(&place.pointer) || is_not_read_yet(&key) {
                    continue;
                }
                assert!(
                    schema["description"].is_string() || schema["enum"].is_array(),
                    "no sentence for {}/{key}",
                    place.pointer
                );
                let examples = schema["examples"].as_array().into_iter().flatten();
                for value in examples.chain(schema.get("default")) {
                    let text = place.with(&key, &toml_of(value));
                    assert_eq!(kind.errors(&text), Vec::<&str>::new(), "{text}");
                    assert_eq!(kind.refusal(&text), None, "{text}");
                }
            }
        }
    }
}

fn toml_of(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|(key, value)| format!("{key:?} = {}", toml_of(value)))
                .collect();
            format!("{{ {} }}", members.join(", "))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(toml_of).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

fn compiled(text: &str) -> Mapping {
    compile(text, Datasets::Any).0.expect(text)
}

#[test]
fn defaults_are_what_holds_where_nothing_is_written() {
    let mapping =
        compiled("version = 1\n[payments]\nDEFAULT = { event = \"Lead\", dataset = \"a\" }\n");
    let Action::Forward(rule) = &mapping.rules(PaymentType::Default)[0].action else {
        panic!("it forwards");
    };
    let document = Kind::mapping().document;
    for table in ["/definitions/rule", "/properties/defaults"] {
        let default = |key: &str| {
            &document.pointer(&format!("{table}/properties/{key}")).expect(key)["default"]
        };
        assert_eq!(default("action_source"), rule.action_source.as_str());
        assert_eq!(default("profile"), rule.profile.as_str());
        assert_eq!(default("external_id"), rule.external_id.as_str());
        assert_eq!(default("send_revenue"), rule.send_revenue);
        assert_eq!(default("statuses")[0], rule.statuses[0].as_str());
        assert_eq!(
            (default("without_device") == "block", rule.statuses.len()),
            (rule.without_device.is_none(), 1)
        );
    }
    let config = loaded(&format!("{PROJECT}{DATASET}")).0.expect("a configuration");
    let dataset = config.datasets.values().next().expect("a dataset");
    let project = &config.projects[0];
    let document = Kind::config().document;
    let sending = dataset.sending;
    for (pointer, holds) in [
        ("/properties/http/properties/listen", config.http.listen.to_string()),
        ("/properties/http/properties/admin_listen", config.http.admin_listen.to_string()),
        ("/properties/projects/items/properties/users", project.users.to_string()),
        ("/properties/projects/items/properties/hold_days", project.hold_days.to_string()),
        ("/properties/datasets/additionalProperties/properties/endpoint", dataset.endpoint.clone()),
        ("/properties/datasets/additionalProperties/properties/version", dataset.version.clone()),
        (
            "/properties/datasets/additionalProperties/properties/batch_events",
            sending.batch_events.to_string(),
        ),
        (
            "/properties/datasets/additionalProperties/properties/batch_bytes",
            sending.batch_bytes.to_string(),
        ),
        (
            "/properties/datasets/additionalProperties/properties/batch_wait_ms",
            sending.batch_wait_ms.to_string(),
        ),
        (
            "/properties/datasets/additionalProperties/properties/max_in_flight",
            sending.max_in_flight.to_string(),
        ),
        (
            "/properties/datasets/additionalProperties/properties/timeout_ms",
            sending.timeout_ms.to_string(),
        ),
    ] {
        let default = &document.pointer(pointer).expect(pointer)["default"];
        let default = default.as_str().map_or_else(|| default.to_string(), str::to_owned);
        assert_eq!(default, holds, "{pointer}");
    }
}

/// Every file below a folder.
fn files(folder: &str) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![root().join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

#[test]
fn every_mapping_file_there_is_passes() {
    let kind = Kind::mapping();
    let mut passed = 0;
    for folder in ["mappings", "tests/corpus/mappings", "fuzz/corpus/mapping"] {
        for path in files(folder) {
            let is_mapping = path.extension().is_none_or(|ending| ending == "toml");
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            if !is_mapping || !kind.errors(&text).is_empty() {
                continue;
            }
            assert_eq!(kind.refusal(&text), None, "{}", path.display());
            passed += 1;
        }
    }
    assert!(passed > 20, "{passed}");
    let shipped =
        files("mappings").into_iter().filter(|path| path.extension().is_some_and(|e| e == "toml"));
    for path in shipped {
        let text = std::fs::read_to_string(&path).expect("a file");
        let first = text.lines().next().expect("a line");
        assert_eq!(first, "#:schema ../schemas/mapping.schema.json", "{}", path.display());
    }
}

/// The example of a page under this headline.
fn example(page: &str, headline: &str) -> String {
    let after = page.split(headline).nth(1).expect(headline);
    let lines = after.lines().skip_while(|line| !line.starts_with("    "));
    let lines = lines.take_while(|line| line.starts_with("    ") || line.is_empty());
    lines.map(str::trim).collect::<Vec<&str>>().join("\n")
}

/// A part of a configuration, with what a whole one needs besides.
fn completed(mut value: Value) -> Value {
    let base = json(&format!("{PROJECT}{DATASET}"));
    let fill = |value: &mut Value, base: &Value| {
        for (key, inner) in base.as_object().expect("a table") {
            let table = value.as_object_mut().expect("a table");
            table.entry(key).or_insert_with(|| inner.clone());
        }
    };
    fill(&mut value, &base);
    for project in value["projects"].as_array_mut().into_iter().flatten() {
        fill(project, &base["projects"][0]);
    }
    for dataset in value["datasets"].as_object_mut().into_iter().flatten() {
        fill(dataset.1, &base["datasets"]["storefront"]);
    }
    value
}

#[test]
fn the_pages_right_examples_pass_and_the_wrong_ones_that_can_be_seen_do_not() {
    let (mapping, config) = (Kind::mapping(), Kind::config());
    let mut judged = 0;
    for code in Code::ALL {
        let family = code.as_str().chars().next().expect("a letter");
        let judge = |text: &str| {
            let table: toml::Table = toml::from_str(text).ok()?;
            let value = serde_json::to_value(table).expect("JSON");
            Some(match family {
                'M' => mapping.refusal_of(&value),
                _ => config.refusal_of(&completed(value)),
            })
        };
        if !matches!(family, 'M' | 'C') {
            continue;
        }
        let (wrong, right) = (example(code.page(), "**Wrong**"), example(code.page(), "**Right**"));
        if family == 'M' && !mapping.errors(&right).is_empty() {
            continue;
        }
        assert_eq!(judge(&right), Some(None), "{code}: {right}");
        judged += 1;
        // Completed, a part of a configuration lacks nothing.
        if SEEN.contains(&code.as_str()) && code.as_str() != "C504" {
            assert!(matches!(judge(&wrong), Some(Some(_))), "{code}: {wrong}");
        }
    }
    assert!(judged > 15, "{judged}");
}
