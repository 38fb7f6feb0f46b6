//! The control routes: what arrived, what was answered, and faults on order.
//!
//! In: requests of tests and people. Out: JSON, except for the page at `/`. Deliberately absent:
//! a lock on these routes; the sandbox holds nothing but what was sent to it, and listens on
//! loopback unless told otherwise.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use super::Sandbox;
use super::answer::clip;
use super::duplicates;
use super::faults::Script;
use super::manual::{self, ROUTES};
use super::memory::ArrivedEvent;
use super::rules::Warning;

/// What `GET /sandbox/events` was asked for.
#[derive(Debug, Default, PartialEq)]
struct Filter {
    event_id: Option<String>,
    event_name: Option<String>,
    dataset_id: Option<String>,
    limit: Option<usize>,
}

pub(crate) async fn about() -> String {
    manual::page()
}

pub(crate) async fn list_events(State(sandbox): State<Sandbox>, uri: Uri) -> Response {
    match Filter::read(uri.query().unwrap_or_default()) {
        Ok(filter) => {
            let (events, received) = sandbox.snapshot();
            json_text(StatusCode::OK, list_of(&filter, &events, received))
        }
        Err(mistakes) => wrong("the question was not understood", &mistakes),
    }
}

pub(crate) async fn list_duplicates(State(sandbox): State<Sandbox>, uri: Uri) -> Response {
    match Filter::read(uri.query().unwrap_or_default()) {
        Ok(filter) => {
            let (events, _) = sandbox.snapshot();
            let mut found = duplicates::find(events.iter().filter(|event| filter.takes(event)));
            found.truncate(filter.limit.unwrap_or(usize::MAX));
            json_value(StatusCode::OK, &json!({"duplicates": found}))
        }
        Err(mistakes) => wrong("the question was not understood", &mistakes),
    }
}

pub(crate) async fn forget(State(sandbox): State<Sandbox>) -> Response {
    let (events, requests) = sandbox.clear();
    json_value(StatusCode::OK, &json!({"forgotten": {"events": events, "requests": requests}}))
}

pub(crate) async fn list_requests(State(sandbox): State<Sandbox>) -> Response {
    let requests = sandbox.request_records();
    let requests: Vec<_> = requests.iter().map(|record| &**record).collect();
    json_value(StatusCode::OK, &json!({"requests": requests}))
}

pub(crate) async fn show_faults(State(sandbox): State<Sandbox>) -> Response {
    json_value(StatusCode::OK, &sandbox.faults())
}

pub(crate) async fn order_faults(
    State(sandbox): State<Sandbox>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return wrong_as(rejection.status(), "the script cannot be read", &[]),
    };
    match Script::read(&body) {
        Ok(script) => {
            sandbox.set_faults(script);
            json_value(StatusCode::OK, &sandbox.faults())
        }
        Err(mistakes) => wrong("the script was not taken, and nothing was changed", &mistakes),
    }
}

pub(crate) async fn clear_faults(State(sandbox): State<Sandbox>) -> Response {
    let cleared = sandbox.faults().faults.len();
    sandbox.set_faults(Script::default());
    json_value(StatusCode::OK, &json!({"cleared": cleared}))
}

/// A dataset, as Meta shows it to a token that opens it.
pub(crate) fn dataset(id: &str) -> Response {
    let dataset = serde_json::json!({ "id": id, "name": "Dataset of the sandbox" });
    let kind = [(CONTENT_TYPE, "application/json")];
    (kind, dataset.to_string()).into_response()
}

pub(crate) async fn unknown_route(request: Request) -> Response {
    let (method, path) = (request.method(), clip(request.uri().path()));
    let error = format!("there is no route {method} {path}");
    json_value(StatusCode::NOT_FOUND, &json!({"error": error, "routes": ROUTES}))
}

pub(crate) fn wrong_method(request: &Request) -> Response {
    let (method, path) = (request.method(), clip(request.uri().path()));
    let error = format!("{path} does not take {method}");
    json_value(StatusCode::METHOD_NOT_ALLOWED, &json!({"error": error, "routes": ROUTES}))
}

/// A response of JSON text that is already written.
pub(crate) fn json_text(status: StatusCode, text: String) -> Response {
    json_body(status, Body::from(text))
}

/// A response of JSON text that comes in its own time.
pub(crate) fn json_body(status: StatusCode, body: Body) -> Response {
    (status, [(CONTENT_TYPE, "application/json; charset=UTF-8")], body).into_response()
}

impl Filter {
    fn read(query: &str) -> Result<Self, Vec<String>> {
        let (mut filter, mut mistakes) = (Self::default(), Vec::new());
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "event_id" => filter.event_id = Some(value.into_owned()),
                "event_name" => filter.event_name = Some(value.into_owned()),
                "dataset_id" => filter.dataset_id = Some(value.into_owned()),
                "limit" => match value.parse() {
                    Ok(limit) => filter.limit = Some(limit),
                    Err(_) => mistakes.push("`limit` is a whole number".to_owned()),
                },
                name => mistakes.push(format!(
                    "`{}` is not a filter (known: event_id, event_name, dataset_id, limit)",
                    clip(name)
                )),
            }
        }
        if mistakes.is_empty() { Ok(filter) } else { Err(mistakes) }
    }

    fn takes(&self, event: &ArrivedEvent) -> bool {
        let same =
            |asked: &Option<String>, is: &str| asked.as_ref().is_none_or(|asked| asked == is);
        same(&self.dataset_id, &event.dataset_id)
            && same(&self.event_name, &event.event_name)
            && self.event_id.as_ref().is_none_or(|id| event.event_id.as_ref() == Some(id))
    }
}

/// The listing, as JSON text: what passes the filter, newest last.
fn list_of(filter: &Filter, events: &[Arc<ArrivedEvent>], received: u64) -> String {
    let newest = events.iter().rev().filter(|event| filter.takes(event));
    let mut listed: Vec<_> = newest.take(filter.limit.unwrap_or(usize::MAX)).collect();
    listed.reverse();
    let length: usize = listed.iter().map(|event| event.raw.len() + 200).sum();
    let mut text = String::with_capacity(length + 60);
    text.push_str("{\"events\":[");
    for (number, event) in listed.into_iter().enumerate() {
        text.push_str(if number == 0 { "" } else { "," });
        write_event(&mut text, event);
    }
    let kept = events.len();
    let dropped = received - kept as u64;
    let duplicates = events.iter().filter(|event| event.seen > 1).count();
    let counts = format!("\"kept\":{kept},\"dropped\":{dropped},\"duplicates\":{duplicates}");
    // Writing to a `String` does not fail.
    let _ = write!(text, "],\"received\":{received},{counts}}}");
    text
}

/// The event's own object with the key `sandbox` added. No accepted event has that key already,
/// and none is empty.
fn write_event(text: &mut String, event: &ArrivedEvent) {
    let about = About {
        dataset_id: &event.dataset_id,
        version: Some(&*event.version).filter(|version| !version.is_empty()),
        received_at: event.received_at,
        request: event.request,
        seen: event.seen,
        test_event_code: event.test_event_code.as_deref(),
        warnings: &event.warnings,
    };
    let object = event.raw.trim_end();
    text.push_str(object.strip_suffix('}').unwrap_or(object));
    text.push_str(",\"sandbox\":");
    text.push_str(&serde_json::to_string(&about).unwrap_or_default());
    text.push('}');
}

/// What the sandbox adds to an event it lists.
#[derive(Serialize)]
struct About<'a> {
    dataset_id: &'a str,
    version: Option<&'a str>,
    received_at: i64,
    request: u64,
    seen: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    test_event_code: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    warnings: &'a [Warning],
}

fn json_value(status: StatusCode, value: &impl Serialize) -> Response {
    json_text(status, serde_json::to_string(value).unwrap_or_default())
}

fn wrong(error: &str, mistakes: &[String]) -> Response {
    wrong_as(StatusCode::BAD_REQUEST, error, mistakes)
}

fn wrong_as(status: StatusCode, error: &str, mistakes: &[String]) -> Response {
    json_value(status, &json!({"error": error, "mistakes": mistakes}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(dataset: &str, name: &str, id: Option<&str>) -> Arc<ArrivedEvent> {
        Arc::new(ArrivedEvent {
            dataset_id: dataset.into(),
            version: "v25.0".into(),
            event_name: name.to_owned(),
            event_id: id.map(str::to_owned),
            event_time: 5,
            raw: format!("{{ \"event_name\": \"{name}\" }}\n"),
            received_at: 6,
            request: 7,
            seen: 1,
            test_event_code: None,
            warnings: vec![],
        })
    }

    fn names(query: &str) -> String {
        let events = [
            event("7", "Purchase", Some("a")),
            event("7", "Lead", Some("b")),
            event("8", "Purchase", Some("a b")),
            event("8", "Search", None),
        ];
        let text = list_of(&Filter::read(query).unwrap(), &events, 9);
        let listing: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&listing["received"], &listing["kept"]), (&json!(9), &json!(4)));
        assert_eq!(listing["dropped"], 5);
        let events = listing["events"].as_array().unwrap().iter();
        let name = |e: &serde_json::Value| {
            format!("{}{}", &e["event_name"].as_str().unwrap()[..1], e["sandbox"]["dataset_id"])
        };
        events.map(name).collect::<Vec<_>>().join(" ").replace('"', "")
    }

    #[test]
    fn filters() {
        for (query, expect) in [
            ("", "P7 L7 P8 S8"),
            ("dataset_id=8", "P8 S8"),
            ("event_name=Purchase", "P7 P8"),
            ("event_name=purchase", ""),
            ("event_id=a+b", "P8"),
            ("event_id=a%20b&dataset_id=7", ""),
            ("limit=2", "P8 S8"),
            ("limit=1&event_name=Purchase", "P8"),
            ("limit=0", ""),
            ("limit=99", "P7 L7 P8 S8"),
        ] {
            assert_eq!(names(query), expect, "{query}");
        }
        let mistakes = Filter::read("limit=-1&event=Purchase&event_id=a").unwrap_err();
        assert_eq!(mistakes.len(), 2, "{mistakes:?}");
    }

    #[test]
    fn an_entry_is_the_event_with_one_key_more() {
        let mut text = String::new();
        write_event(&mut text, &event("7", "Lead", None));
        let sandbox =
            r#"{"dataset_id":"7","version":"v25.0","received_at":6,"request":7,"seen":1}"#;
        assert_eq!(text, format!(r#"{{ "event_name": "Lead" ,"sandbox":{sandbox}}}"#));
    }
}
