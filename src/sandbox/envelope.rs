//! Reading a request: where it goes, who sends it, which events it carries.
//!
//! In: path, headers and body of a `POST`. Out: an [`Address`] and an [`Envelope`] whose events are
//! slices of the body. Both of Meta's body forms are read: JSON, where `data` is a list of objects
//! or of JSON-encoded strings, and a form, where `data` is such a list as text. Deliberately absent:
//! judging the events, and bytes (`body.rs`). Source: CAPI/using-the-api, meta-capi.md 1.1.

mod data;

use std::borrow::Cow;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::Method;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::request::Parts;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::Refusal;
use super::body::{Form, Received, receive};
use super::version::{self, is_version};
use data::Data;

/// One call of Meta's part of the routes, as it came in.
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) bearer: Option<String>,
    pub(crate) content_type: String,
    /// Length of the body as it was sent.
    pub(crate) bytes: usize,
    /// The body, or why it could not be read to its end.
    pub(crate) body: Result<Received, Refusal>,
}

/// Where a call goes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Address {
    /// As asked for, `v25.0`; `None` for an unversioned call.
    pub(crate) version: Option<String>,
    /// The version that answers.
    pub(crate) served: String,
    pub(crate) dataset: String,
}

/// A body of either form, before its JSON is read.
pub(crate) enum Body<'a> {
    Json(&'a str),
    Form(Cow<'a, Form>),
    Unreadable(Refusal),
}

/// What a body says.
pub(crate) struct Envelope<'a> {
    pub(crate) token: Option<Cow<'a, str>>,
    pub(crate) test_event_code: Option<Cow<'a, str>>,
    /// The text of each event, or why there are none.
    pub(crate) events: Result<Vec<Cow<'a, str>>, Refusal>,
}

impl Call {
    /// Takes what the judgement needs out of a request.
    pub(crate) async fn new(head: &Parts, body: Result<Bytes, BytesRejection>) -> Self {
        let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
        let bearer = header(AUTHORIZATION).and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
        });
        Self {
            method: head.method.clone(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            bearer,
            content_type: header(CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase(),
            bytes: body.as_ref().map_or(0, Bytes::len),
            body: receive(head, body).await,
        }
    }

    /// Where the call goes at `now` (Unix seconds). A slash at the end of the path changes nothing.
    ///
    /// # Errors
    /// Meta's answer to a version it never had, an id that is not made of digits, a path that leads
    /// nowhere, and a method other than `POST`.
    pub(crate) fn address(&self, now: i64) -> Result<Address, Refusal> {
        let path = self.path.trim_start_matches('/');
        let path = path.strip_suffix('/').unwrap_or(path);
        let steps: Vec<&str> = path.split('/').collect();
        let (version, steps) = match steps.as_slice() {
            [version, rest @ ..] if is_version(version) => (Some(*version), rest),
            all => (None, all),
        };
        let (dataset, is_edge) = match steps {
            [dataset, "events"] => (*dataset, true),
            [object] if is_id(object) => (*object, false),
            [_, dataset, "events"] => {
                return Err(Refusal::path_unknown(&format!("/{dataset}/events")));
            }
            _ => return Err(Refusal::path_unknown(&format!("/{}", steps.join("/")))),
        };
        if !(is_edge && is_id(dataset) && self.method == Method::POST) {
            return Err(Refusal::object_missing(&self.method, dataset));
        }
        let served = version::served(version, now);
        let served = served.ok_or_else(|| Refusal::path_unknown(&format!("/{dataset}/events")))?;
        let (version, dataset) = (version.map(str::to_owned), dataset.to_owned());
        Ok(Address { version, served, dataset })
    }

    /// The token outside the body: the header's, else the query's.
    pub(crate) fn token(&self) -> Option<Cow<'_, str>> {
        let in_query = || {
            let mut pairs = form_urlencoded::parse(self.query.as_bytes());
            pairs.find(|(name, _)| name == "access_token").map(|(_, token)| token)
        };
        self.bearer.as_deref().map(Cow::Borrowed).or_else(in_query)
    }

    /// The body in the form its type says; without a type it is told by its first letter.
    pub(crate) fn read_body(&self) -> Body<'_> {
        let bytes = match &self.body {
            Ok(Received::Bytes(bytes)) => bytes,
            Ok(Received::Form(form)) => return Body::Form(Cow::Borrowed(form)),
            Err(refusal) => return Body::Unreadable(refusal.clone()),
        };
        let Ok(text) = std::str::from_utf8(bytes) else { return Body::Unreadable(not_json()) };
        if self.content_type.starts_with("application/x-www-form-urlencoded") {
            read_form(text)
        } else if self.content_type.contains("json") || text.trim_start().starts_with('{') {
            Body::Json(text)
        } else {
            read_form(text)
        }
    }
}

impl Body<'_> {
    /// Reads the JSON of the body down to the text of each event.
    pub(crate) fn open(&self) -> Envelope<'_> {
        match self {
            Self::Json(text) => open_json(text),
            Self::Form(form) => Envelope {
                token: form.token.as_deref().map(Cow::Borrowed),
                test_event_code: form.test_event_code.as_deref().map(Cow::Borrowed),
                events: match &form.data {
                    Some(data) => serde_json::from_str(data).unwrap_or(Data::Other).events(),
                    None => Err(no_data()),
                },
            },
            Self::Unreadable(refusal) => Envelope::without_events(refusal.clone()),
        }
    }
}

impl Envelope<'_> {
    fn without_events(refusal: Refusal) -> Self {
        Self { token: None, test_event_code: None, events: Err(refusal) }
    }
}

fn read_form(text: &str) -> Body<'static> {
    let mut form = Form::default();
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        form.set(&name, value.into_owned());
    }
    Body::Form(Cow::Owned(form))
}

fn open_json(text: &str) -> Envelope<'_> {
    let Ok(body) = serde_json::from_str::<JsonBody<'_>>(text) else {
        return Envelope::without_events(not_json());
    };
    let plain = |raw: &RawValue| {
        let text = serde_json::from_str::<String>(raw.get());
        text.ok().map(Cow::Owned)
    };
    Envelope {
        token: body.access_token.and_then(plain),
        test_event_code: body.test_event_code.and_then(plain),
        events: body.data.map_or_else(|| Err(no_data()), Data::events),
    }
}

fn not_json() -> Refusal {
    Refusal::of_request("The request body is not valid JSON")
}

fn no_data() -> Refusal {
    Refusal::of_request("The parameter data is required")
}

/// Whether text can be the id of an object: digits only.
fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[derive(Deserialize)]
struct JsonBody<'a> {
    #[serde(borrow)]
    data: Option<Data<'a>>,
    #[serde(borrow)]
    access_token: Option<&'a RawValue>,
    #[serde(borrow)]
    test_event_code: Option<&'a RawValue>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::rules::cases::NOW;

    fn call(content_type: &str, body: &str) -> Call {
        Call {
            method: Method::POST,
            path: "/v25.0/7/events".to_owned(),
            query: String::new(),
            bearer: None,
            content_type: content_type.to_owned(),
            bytes: body.len(),
            body: Ok(Received::Bytes(Bytes::copy_from_slice(body.as_bytes()))),
        }
    }

    fn events(content_type: &str, body: &str) -> Result<Vec<String>, String> {
        let call = call(content_type, body);
        let body = call.read_body();
        let events = body.open().events.map_err(|refusal| refusal.message.into_owned())?;
        Ok(events.into_iter().map(Cow::into_owned).collect())
    }

    #[test]
    fn addresses() {
        let address = |path: &str| Call { path: path.to_owned(), ..call("", "") }.address(NOW);
        let right = |version: Option<&str>, served: &str| {
            let (version, served) = (version.map(str::to_owned), served.to_owned());
            Ok(Address { version, served, dataset: "1234567890".to_owned() })
        };
        assert_eq!(address("/v25.0/1234567890/events"), right(Some("v25.0"), "v25.0"));
        assert_eq!(address("/v25.0/1234567890/events/"), right(Some("v25.0"), "v25.0"));
        assert_eq!(address("/v19.0/1234567890/events"), right(Some("v19.0"), "v20.0"));
        assert_eq!(address("/1234567890/events"), right(None, "v20.0"));
        for (path, code, subcode) in [
            ("/25.0/7/events", 2500, None),
            ("/v25/7/events", 2500, None),
            ("/v25.x/7/events", 2500, None),
            ("/v9999.0/7/events", 2500, None),
            ("/v27.0/7/events", 2500, None),
            ("/v25.1/7/events", 2500, None),
            ("/v25.0/shop/events", 100, Some(33)),
            ("/v25.0//events", 100, Some(33)),
            ("/act_7/events", 100, Some(33)),
            ("/v25.0/7/event", 2500, None),
            ("/v25.0/v25.0/7/events", 2500, None),
            ("/v25.0/7/events//", 2500, None),
            ("/v25.0/7", 100, Some(33)),
            ("/7/", 100, Some(33)),
            ("/v25.0", 2500, None),
            ("/shop", 2500, None),
            ("/", 2500, None),
        ] {
            let refusal = address(path).unwrap_err();
            assert_eq!(
                (refusal.status, refusal.code, refusal.subcode),
                (400, code, subcode),
                "{path}"
            );
        }
    }

    #[test]
    fn other_methods_find_no_object() {
        for (method, path, says) in [
            (Method::GET, "/v25.0/7", "Unsupported get request. Object with ID '7'"),
            (Method::GET, "/v25.0/7/events", "Unsupported get request. Object with ID '7'"),
            (Method::DELETE, "/7/events", "Unsupported delete request. Object with ID '7'"),
            (Method::POST, "/v25.0/7", "Unsupported post request. Object with ID '7'"),
            (Method::GET, "/v25.0/7/evnts", "Unknown path components: /7/evnts"),
        ] {
            let call = Call { method, path: path.to_owned(), ..call("", "") };
            let refusal = call.address(NOW).unwrap_err();
            assert!(refusal.message.starts_with(says), "{path}: {}", refusal.message);
        }
    }

    #[test]
    fn every_form_of_data_gives_the_same_events() {
        let expect = Ok(vec![r#"{"a": "é\n"}"#.to_owned(), "7".to_owned()]);
        let json = "application/json; charset=utf-8";
        let form = "application/x-www-form-urlencoded";
        for (content_type, body) in [
            (json, r#"{"x":{},"data":[{"a": "é\n"},7]}"#),
            (json, r#"{"data":["{\"a\": \"é\\n\"}","7"]}"#),
            ("", "  {\"data\":[{\"a\": \"é\\n\"},7]}"),
            (form, "data=%5B%7B%22a%22%3A+%22%C3%A9%5Cn%22%7D%2C7%5D&other=1"),
            ("text/plain", "other=1&data=[{\"a\": \"é\\n\"},7]"),
        ] {
            assert_eq!(events(content_type, body), expect, "{body}");
        }
    }

    #[test]
    fn bodies_without_events() {
        let (json, form) = ("application/json", "application/x-www-form-urlencoded");
        let array = "(#100) param data must be an array.";
        let required = "(#100) The parameter data is required";
        let broken = "(#100) The request body is not valid JSON";
        for (content_type, body, message) in [
            (json, "{}", required),
            (json, r#"{"data":null}"#, required),
            (json, r#"{"data":{"a":1}}"#, array),
            (json, r#"{"data":"[]"}"#, array),
            (json, r#"{"data":7}"#, array),
            (json, "", broken),
            (json, "[]", broken),
            (json, r#"{"data":[{]}"#, broken),
            (json, r#"{"data":[]} x"#, broken),
            (form, "", required),
            (form, "data=", array),
            (form, "data=%5B%7B", array),
            (form, "data=%zz", array),
            ("", "", required),
        ] {
            assert_eq!(
                events(content_type, body),
                Err(message.to_owned()),
                "{content_type} {body}"
            );
        }
        assert_eq!(events(json, r#"{"data":[]}"#), Ok(vec![]));
    }

    #[test]
    fn a_body_that_is_not_text_is_not_json() {
        let call =
            Call { body: Ok(Received::Bytes(Bytes::from_static(&[0x7B, 0xFF]))), ..call("", "") };
        assert_eq!(call.read_body().open().events, Err(not_json()));
    }

    #[test]
    fn tokens_are_found_wherever_they_stand() {
        let form =
            call("application/x-www-form-urlencoded", "access_token=a%2Bb&test_event_code=T");
        let body = form.read_body();
        let envelope = body.open();
        assert_eq!(envelope.token.as_deref(), Some("a+b"));
        assert_eq!(envelope.test_event_code.as_deref(), Some("T"));
        let json = call("", r#"{"data":[],"access_token":"t\u006fk","test_event_code":7}"#);
        let body = json.read_body();
        let envelope = body.open();
        assert_eq!((envelope.token.as_deref(), envelope.test_event_code), (Some("tok"), None));
        let query = Call { query: "x=1&access_token=q%20".to_owned(), ..call("", "") };
        assert_eq!(query.token().as_deref(), Some("q "));
        let header = Call { bearer: Some("h".to_owned()), ..query };
        assert_eq!(header.token().as_deref(), Some("h"));
    }
}
