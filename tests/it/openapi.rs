//! The description of the API against the program: routes, examples, shapes.
//!
//! The law: every route is described and every description is a route; every example is sent and
//! answered as it says; and [`judge`] compares each call of each story with its description. It says
//! what must be sent and what is answered, both ways. The judge of schemas is another crate's
//! (`boon`); the answers that examples got are kept in `src/http/openapi/answers.json`.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::LazyLock;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use tillpost::http::openapi;
use tillpost::http::openapi::operation::{Call, Family, Method, Operation};

use crate::engine::{Answer, Engine, KEY, Plan};
use crate::program::run;

/// The codes of faults that a schema can see.
const SEEN: [&str; 7] = ["P102", "P103", "P106", "P107", "P108", "P109", "P110"];

/// The document, and a judge for each of its schemas.
struct Described {
    document: &'static Value,
    compiled: RefCell<(boon::Schemas, boon::Compiler, BTreeMap<String, boon::SchemaIndex>)>,
}

static DOCUMENT: LazyLock<Value> = LazyLock::new(openapi::document);

thread_local! {
    static DESCRIBED: Rc<Described> = Rc::new(Described::of(&DOCUMENT));
}

fn described() -> Rc<Described> {
    DESCRIBED.with(Rc::clone)
}

impl Described {
    fn of(document: &'static Value) -> Self {
        let mut compiler = boon::Compiler::new();
        compiler.set_default_draft(boon::Draft::V2020_12);
        compiler.enable_format_assertions();
        compiler.add_resource("file:///o.json", document.clone()).expect("a resource");
        let compiled = RefCell::new((boon::Schemas::new(), compiler, BTreeMap::new()));
        Self { document, compiled }
    }

    /// What the schema at this place says against a value.
    fn refusal(&self, pointer: &str, value: &Value) -> Option<String> {
        let mut compiled = self.compiled.borrow_mut();
        let (schemas, compiler, known) = &mut *compiled;
        let index = *known.entry(pointer.to_owned()).or_insert_with(|| {
            // A pointer in the fragment of an address.
            let fragment = pointer.replace('%', "%25").replace('{', "%7B").replace('}', "%7D");
            let place = format!("file:///o.json#{fragment}");
            compiler.compile(&place, schemas).unwrap_or_else(|error| panic!("{place}: {error}"))
        });
        schemas.validate(value, index).err().map(|error| format!("{error:#}"))
    }

    /// The path of the document that an address means.
    fn path(&self, address: &str) -> Option<&str> {
        let address = address.split('?').next().unwrap_or_default();
        let paths = self.document["paths"].as_object().expect("paths");
        let fits = |path: &str| {
            let (own, asked): (Vec<_>, Vec<_>) =
                (path.split('/').collect(), address.split('/').collect());
            own.len() == asked.len()
                && own
                    .iter()
                    .zip(&asked)
                    .all(|(own, asked)| own == asked || own.starts_with('{') && !asked.is_empty())
        };
        // What is named exactly comes before what a parameter takes.
        let mut found: Vec<&String> = paths.keys().filter(|path| fits(path)).collect();
        found.sort_by_key(|path| path.matches('{').count());
        found.first().map(|path| path.as_str())
    }

    /// What is wrong with an answer.
    fn fault(&self, (method, path): (&str, &str), answer: &Answer) -> Option<String> {
        let responses =
            format!("/paths/{}/{method}/responses/{}", path.replace('/', "~1"), answer.status);
        let Some(response) = self.document.pointer(&responses) else {
            return Some(format!("{} is not described", answer.status));
        };
        let (media, _) = response["content"].as_object()?.iter().next()?;
        let sent = answer.headers.get("content-type").map(|value| value.to_str().expect("text"));
        let sent = sent.unwrap_or_default().split(';').next().unwrap_or_default();
        if sent != media {
            return Some(format!("`{sent}` is not `{media}`"));
        }
        for name in response["headers"].as_object().into_iter().flatten().map(|(name, _)| name) {
            // The limit of a month is no limit of a second: only that 429 has no seconds to wait.
            let is_month = answer.body["error"]["message"].as_str().unwrap_or_default();
            if !answer.headers.contains_key(name) && !is_month.starts_with("Account event limit") {
                return Some(format!("the header {name} is missing"));
            }
        }
        let schema = format!("{responses}/content/{}/schema", media.replace('/', "~1"));
        self.refusal(&schema, &answer.body)
    }

    /// What is wrong with a body, if the schema of the operation says anything.
    fn body(&self, (method, path): (&str, &str), body: &Value) -> Option<String> {
        let schema = format!(
            "/paths/{}/{method}/requestBody/content/application~1json/schema",
            path.replace('/', "~1")
        );
        self.document.pointer(&schema)?;
        self.refusal(&schema, body)
    }
}

/// Compares a call of a story with its description.
///
/// # Panics
/// Where they differ: the story, or the description, is wrong.
pub(crate) fn judge(method: &str, address: &str, body: &[u8], answer: &Answer) {
    if let Some(fault) = fault((method, address), body, answer) {
        panic!("{fault}");
    }
}

/// Where a call differs from its description.
fn fault((method, address): (&str, &str), body: &[u8], answer: &Answer) -> Option<String> {
    let described = described();
    let path = described.path(address)?;
    if described.document["paths"][path][method].is_null() {
        let told = format!("{method} {path} is not described and answers {}", answer.status);
        return (![404, 405].contains(&answer.status)).then_some(told);
    }
    let told = |fault: &str| {
        let body = String::from_utf8_lossy(body);
        let body: String = body.chars().take(2_000).collect();
        format!("{method} {path}: {fault}\nsent {body}\nanswered {} {}", answer.status, answer.body)
    };
    if let Some(fault) = described.fault((method, path), answer) {
        return Some(told(&fault));
    }
    let sent = plain(&serde_json::from_slice::<Value>(body).ok()?);
    let refusal = described.body((method, path), &sent);
    if answer.status < 300 {
        let refusal = refusal?;
        return Some(told(&format!("it was taken, and its schema refuses it: {refusal}")));
    }
    let codes = answer.codes();
    let seen = codes.iter().any(|code| SEEN.contains(code));
    let is_unseen = answer.status == 400 && seen && refusal.is_none();
    is_unseen.then(|| told("it was refused, and its schema takes it"))
}

/// A body without what readers take beyond what is described: text of blanks alone, and the word
/// that the Flutter SDK has for `DEFAULT`.
fn plain(sent: &Value) -> Value {
    match sent {
        Value::String(text) if text.trim().is_empty() => Value::from(""),
        Value::String(text) if text == "DEFAULT_PAYMENT" => Value::from("DEFAULT"),
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Object(members) => {
            Value::Object(members.iter().map(|(key, value)| (key.clone(), plain(value))).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => sent.clone(),
    }
}

const MAPPING: &str = r#"version = 1
[defaults]
dataset = "storefront"
action_source = "system_generated"
[payments]
FIRST_PAYMENT = "Purchase"
ONE_TIME = "Purchase"
DEFAULT = "Purchase"
[events]
add_to_cart = "AddToCart"
"#;

/// A story for this example: nothing is sent before its clock moves, so that answers never depend
/// on who is faster; or at once, where the example wants to see Meta's answer.
async fn start_for(call: &Call) -> Engine {
    if !call.refused {
        return start("batch_wait_ms = 1000").await;
    }
    let engine = start("batch_wait_ms = 0").await;
    engine.faults(
        r#"{"faults":[{"do":"refuse_event_id","event_id":"FIRST_PAYMENT.ABC","subcode":2804011}]}"#,
    );
    engine
}

async fn start(dataset: &str) -> Engine {
    let lines = r#"client_token = { env = "CLIENT" }
site_key = { env = "STORY_SITE_KEY" }
webhooks = { stripe = { env = "HOOK" } }
"#;
    Plan::default().project(lines).mapping(MAPPING).dataset(dataset).start().await
}

/// Sends an example as the document shows it, with the keys of the story.
async fn send(engine: &Engine, operation: &Operation, call: &Call) -> Answer {
    let Operation { family, method, path, .. } = operation;
    let mut address = (*path).to_owned();
    let mut query = Vec::new();
    for (name, value) in &call.with {
        let place = format!("{{{name}}}");
        if address.contains(&place) {
            address = address.replace(&place, value);
        } else {
            query.push(format!("{name}={value}"));
        }
    }
    if !query.is_empty() {
        address = format!("{address}?{}", query.join("&"));
    }
    let body = call.body.replace("YOUR_CLIENT_TOKEN", "story-client-token");
    if *family == Family::Admin {
        return match method {
            Method::Get => engine.admin(&address).await,
            Method::Post => engine.admin_post(&address, body.into_bytes()).await,
            Method::Delete => panic!("no such method there"),
        };
    }
    let mut request = engine.request(&method.as_str().to_uppercase(), &address);
    let signature = format!("t={},v1={}", engine.clock_seconds(), signed(engine, &body));
    let (name, value) = match family {
        Family::Linkrunner => ("linkrunner-key", KEY),
        Family::Faurya => ("authorization", "Bearer story_site_key"),
        Family::Webhooks => ("stripe-signature", signature.as_str()),
        Family::Client | Family::Service | Family::Admin => ("x-nothing", ""),
    };
    if call.keyed {
        request = request.header(name, value);
    }
    let answer = request.body(body.clone()).send().await.expect("an answer");
    Answer::of(answer).await
}

fn signed(engine: &Engine, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(b"story-webhook-secret").expect("a key");
    mac.update(format!("{}.{body}", engine.clock_seconds()).as_bytes());
    const_hex::encode(mac.finalize().into_bytes())
}

fn example<'o>(all: &'o [Operation], (id, name): (&str, &str)) -> (&'o Operation, &'o Call) {
    let operation = all.iter().find(|operation| operation.id == id);
    let operation = operation.unwrap_or_else(|| panic!("no operation {id}"));
    let call = operation.calls.iter().find(|call| call.name == name);
    (operation, call.unwrap_or_else(|| panic!("no example `{name}` of {id}")))
}

#[tokio::test]
async fn every_example_is_answered_as_it_says() {
    let all = openapi::operations();
    let mut answers = json!({});
    let (mut count, mut faults) = (0, Vec::new());
    for operation in &all {
        let good = operation.calls.iter().filter(|call| call.status < 400).count();
        assert!(
            good > 0 || operation.answers.iter().all(|answer| answer.status >= 400),
            "{} has no good example",
            operation.id
        );
        for call in &operation.calls {
            let engine = start_for(call).await;
            for before in &call.after {
                let (operation, call) = example(&all, *before);
                let answer = send(&engine, operation, call).await;
                assert_eq!(answer.status, call.status, "{before:?}: {}", answer.body);
            }
            while call.refused && engine.books().await.dead == 0 {
                tokio::task::yield_now().await;
            }
            let answer = send(&engine, operation, call).await;
            if answer.status != call.status {
                let Answer { status, body, .. } = &answer;
                faults.push(format!("{}, `{}`: {status} {body}", operation.id, call.name));
            }
            let method = operation.method.as_str();
            faults.extend(fault((method, operation.path), call.body.as_bytes(), &answer));
            count += 1;
            if answer.body.is_object() && operation.id != "openapi" {
                let folder = engine.folder.path().display().to_string();
                let text = answer.body.to_string().replace(&folder, "/etc/tillpost");
                answers[operation.id][call.name] = serde_json::from_str(&text).expect("JSON");
            }
        }
    }
    println!("{count} examples of {} operations", all.len());
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
    let text = format!("{answers:#}\n");
    let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/src/http/openapi/answers.json");
    if std::fs::read_to_string(kept).expect("the file") != text {
        let fresh = concat!(env!("CARGO_TARGET_TMPDIR"), "/answers.json");
        std::fs::write(fresh, text).expect("a file");
        panic!("the answers have changed; look at them, and if they are right: cp {fresh} {kept}");
    }
}

/// The routes as `src/http.rs` has them: path and method.
fn routes() -> BTreeSet<(String, String)> {
    let source = include_str!("../../src/http.rs");
    let mut found = BTreeSet::new();
    for route in source.split(".route(").skip(1) {
        let path = route.split('"').nth(1).expect("a path").replace("{*", "{");
        let end = route.find("\n        .").unwrap_or(route.len());
        let handlers = &route[..end];
        for method in ["get", "post", "delete", "put", "patch", "any"] {
            let starts = [format!(" {method}("), format!("({method}("), format!(".{method}(")];
            if starts.iter().any(|start| handlers.contains(start)) {
                found.insert((path.clone(), method.to_owned()));
            }
        }
    }
    found
}

#[test]
fn every_route_is_described_and_every_description_is_a_route() {
    let described: BTreeSet<(String, String)> = openapi::operations()
        .iter()
        .map(|operation| (operation.path.to_owned(), operation.method.to_string()))
        .collect();
    let routes = routes();
    let bare: Vec<_> = routes.difference(&described).collect();
    assert!(bare.is_empty(), "describe them in src/http/openapi/: {bare:?}");
    let lost: Vec<_> = described.difference(&routes).collect();
    assert!(lost.is_empty(), "src/http.rs has no such routes: {lost:?}");
    assert!(routes.len() > 20, "{routes:?}");
}

#[test]
fn names_are_unique_and_references_lead_somewhere() {
    let all = openapi::operations();
    let ids: BTreeSet<&str> = all.iter().map(|operation| operation.id).collect();
    assert_eq!(ids.len(), all.len());
    for operation in &all {
        let names: BTreeSet<&str> = operation.calls.iter().map(|call| call.name).collect();
        assert_eq!(names.len(), operation.calls.len(), "{}", operation.id);
        assert!(!operation.says.is_empty() && !operation.calls.is_empty(), "{}", operation.id);
    }
    let text = openapi::text();
    for place in text.split("\"$ref\": \"#").skip(1) {
        let pointer = place.split('"').next().expect("its end");
        assert!(DOCUMENT.pointer(pointer).is_some(), "{pointer}");
    }
}

#[test]
fn the_command_and_the_repository_have_the_same_document() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = run(folder.path(), &["schema", "openapi"]);
    let printed = String::from_utf8(output.stdout).expect("text");
    assert_eq!(printed, openapi::text());
    let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/openapi.json");
    let committed = std::fs::read_to_string(kept).expect("the file");
    assert!(committed == printed, "{kept} is old: tillpost schema openapi > schemas/openapi.json");
}

#[tokio::test]
async fn the_document_and_the_page_are_served_to_anybody_and_name_nobody() {
    let engine = start("").await;
    let get = |path: &'static str| engine.request("GET", path).send();
    let document = Answer::of(get("/openapi.json").await.expect("an answer")).await;
    assert_eq!(document.body, openapi::document());
    let page = Answer::of(get("/docs").await.expect("an answer")).await;
    let html = page.body.as_str().expect("a page");
    let policy = page.headers["content-security-policy"].to_str().expect("text");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert_eq!(page.headers["x-content-type-options"], "nosniff");
    for secret in
        [KEY, "story-client-token", "story_site_key", "story-webhook-secret", "storefront.toml"]
    {
        assert!(!html.contains(secret) && !document.body.to_string().contains(secret), "{secret}");
    }
    for path in ["/openapi.json", "/docs"] {
        let head = engine.request("HEAD", path).send().await.expect("an answer");
        assert_eq!(head.status(), 200, "{path}");
        let posted =
            Answer::of(engine.request("POST", path).send().await.expect("an answer")).await;
        assert_eq!((posted.status, &posted.body["status"]), (405, &json!(405)), "{path}");
    }
}

#[tokio::test]
async fn other_methods_and_other_paths_are_refused_in_the_familys_shape() {
    let engine = start("").await;
    let described = &DOCUMENT["paths"];
    for (path, methods) in described.as_object().expect("paths") {
        if methods["servers"].is_array() {
            continue;
        }
        for method in ["GET", "POST", "DELETE", "PUT", "PATCH", "OPTIONS"] {
            if methods[method.to_lowercase()].is_object() {
                continue;
            }
            let answer = engine.request(method, &path.replace(['{', '}'], "")).send();
            let answer = Answer::of(answer.await.expect("an answer")).await;
            assert_eq!(answer.status, 405, "{method} {path}: {}", answer.body);
            assert!(answer.headers.contains_key("allow"), "{method} {path}: {:?}", answer.headers);
            let is_site = ["/payments", "/visitors", "/goals", "/analytics"]
                .iter()
                .any(|part| path.starts_with(&format!("/api/v1{part}")));
            let code = if is_site { &answer.body["error"]["code"] } else { &answer.body["status"] };
            assert_eq!(code, 405, "{method} {path}: {}", answer.body);
        }
    }
    let lost = Answer::of(engine.request("GET", "/api/v2").send().await.expect("an answer")).await;
    assert_eq!((lost.status, &lost.body["status"]), (404, &json!(404)));
}

/// Each answer of an example, changed in one way, does not fit its schema any more.
#[test]
fn the_shapes_of_answers_are_strict() {
    let all = openapi::operations();
    let answers: Value =
        serde_json::from_str(include_str!("../../src/http/openapi/answers.json")).expect("JSON");
    let mut changes = 0;
    for (id, calls) in answers.as_object().expect("operations") {
        for (name, body) in calls.as_object().expect("calls") {
            let (operation, call) = example(&all, (id, name));
            let schema = format!(
                "/paths/{}/{}/responses/{}/content/application~1json/schema",
                operation.path.replace('/', "~1"),
                operation.method,
                call.status
            );
            assert_eq!(described().refusal(&schema, body), None, "{id}, `{name}`");
            for changed in changed(body) {
                changes += 1;
                assert!(
                    described().refusal(&schema, &changed).is_some(),
                    "{id}, `{name}`: {changed}"
                );
            }
        }
    }
    println!("{changes} changed answers");
    assert!(changes > 500, "{changes}");
}

/// Members that are there only where there is something to say.
const SOMETIMES: [&str; 7] =
    ["warnings", "transaction_id", "code", "timeRange", "findings", "verdict", "reason"];

/// A value with one member less, one more, or one of another kind, at each of its objects.
fn changed(value: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    for pointer in objects(value, "") {
        // What Meta receives, what the sender sent and what a mapping file says is theirs to shape.
        let is_metas = pointer.starts_with("/events/") && pointer.contains("/event");
        let is_metas = is_metas && pointer.matches("/event").count() > 1;
        let is_table = ["/projects/0/payments", "/projects/0/events"];
        let is_table = is_table.iter().any(|start| pointer.starts_with(start));
        if is_metas || is_table || pointer.contains("/capture") {
            continue;
        }
        let members = value.pointer(&pointer).and_then(Value::as_object).expect("an object");
        for name in members.keys() {
            let object =
                |value: &mut Value, change: &dyn Fn(&mut serde_json::Map<String, Value>)| {
                    change(
                        value
                            .pointer_mut(&pointer)
                            .and_then(Value::as_object_mut)
                            .expect("an object"),
                    );
                };
            let (mut less, mut other, mut more) = (value.clone(), value.clone(), value.clone());
            object(&mut less, &|members| drop(members.remove(name)));
            object(&mut other, &|members| drop(members.insert(name.clone(), json!({"a": [1]}))));
            object(&mut more, &|members| drop(members.insert("zzz".to_owned(), json!(1))));
            if !SOMETIMES.contains(&name.as_str()) {
                all.push(less);
            }
            // The sender's own body may be any object.
            if name != "capture" {
                all.push(other);
            }
            all.push(more);
        }
    }
    all
}

/// The places of the objects in a value.
fn objects(value: &Value, pointer: &str) -> Vec<String> {
    let of = |name: &str, inner: &Value| {
        objects(inner, &format!("{pointer}/{}", name.replace('/', "~1")))
    };
    match value {
        Value::Object(members) => {
            let inner = members.iter().flat_map(|(name, inner)| of(name, inner));
            [pointer.to_owned()].into_iter().chain(inner).collect()
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .flat_map(|(index, inner)| of(&index.to_string(), inner))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}
