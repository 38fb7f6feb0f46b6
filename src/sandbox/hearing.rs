//! The hearing of one call: token, dataset, events, and the fault it may meet.
//!
//! In: a [`Call`], the settings, the time, and whoever knows the fault script. Out: a [`Hearing`]
//! with the verdict and what the request log wants to know. The first fault of the first wrong
//! event refuses the whole request. Deliberately absent: remembering, answering, waiting. Source:
//! CAPI/using-the-api "Batch Requests", meta-capi.md 1.1, 1.4 and 1.7.

use std::borrow::Cow;

use axum::http::Method;

use super::Settings;
use super::answer::{Refusal, clip};
use super::envelope::{Address, Call, Envelope};
use super::faults::{Act, Subject};
use super::json::Json;
use super::memory::Arrival;
use super::rules::{self, Event, SCHEMA, Warning};

/// Most events of one request.
///
/// # Source
/// CAPI/using-the-api: "up to 1,000 events in data".
pub const EVENTS_MAX: usize = 1_000;

/// Longest event that is read, in bytes. Meta publishes no limit; this one keeps a body of nothing
/// but brackets from filling the memory.
const EVENT_MAX_BYTES: usize = 1_048_576;

/// Most warnings of one request that its record keeps.
const WARNINGS_MAX: usize = 20;

/// What a call came to.
#[derive(Debug)]
pub(crate) struct Hearing {
    pub(crate) address: Option<Address>,
    pub(crate) method: String,
    /// Clipped, and without the query, which may hold a token.
    pub(crate) path: String,
    pub(crate) bytes: usize,
    pub(crate) events: usize,
    /// The first three.
    pub(crate) event_ids: Vec<String>,
    pub(crate) test_event_code: Option<String>,
    pub(crate) fault: Option<Act>,
    /// What is wrong with the events that Meta may take; the first [`WARNINGS_MAX`].
    pub(crate) warnings: Vec<Warning>,
    /// The refusal that the fault orders, where it orders one, whatever the rules say.
    pub(crate) ordered: Option<Refusal>,
    /// What the rules say: the events to remember, or Meta's answer to a wrong request.
    pub(crate) verdict: Result<Vec<Arrival>, Refusal>,
}

/// The events of a request, each read once: their ids, and the verdict on all of them.
struct Reading<'a> {
    ids: Vec<Option<Cow<'a, str>>>,
    warnings: Vec<Warning>,
    verdict: Result<Vec<Arrival>, Refusal>,
}

/// Hears a call at `now` (Unix seconds). `fault` is asked once, for a call that goes to a dataset.
pub(crate) fn hear(
    call: &Call,
    settings: &Settings,
    now: i64,
    fault: impl FnOnce(&Subject<'_>) -> Option<Act>,
) -> Hearing {
    let body = call.read_body();
    let envelope = body.open();
    let reading = read_events(&envelope, (now, settings.strict));
    let mut hearing = Hearing {
        address: None,
        method: clip(call.method.as_str()).to_owned(),
        path: clip(&call.path).to_owned(),
        bytes: call.bytes,
        events: envelope.events.as_ref().map_or(0, Vec::len),
        event_ids: reading.ids.iter().flatten().take(3).map(ToString::to_string).collect(),
        test_event_code: envelope.test_event_code.as_deref().map(str::to_owned),
        fault: None,
        warnings: reading.warnings,
        ordered: None,
        verdict: Ok(Vec::new()),
    };
    let address = match call.address(now) {
        Ok(address) => address,
        Err(refusal) => {
            let refusal = look(call, settings).and_then(Result::err).unwrap_or(refusal);
            return Hearing { verdict: Err(refusal), ..hearing };
        }
    };
    let event_ids = reading.ids.iter().map(Option::as_deref).collect();
    let subject = Subject { dataset: &address.dataset, event_ids };
    hearing.fault = fault(&subject);
    hearing.ordered = hearing.fault.as_ref().and_then(|act| act.refusal(&subject));
    let token = call.token().or_else(|| envelope.token.clone());
    hearing.verdict = admit(token, &address.dataset, settings).and(reading.verdict);
    hearing.address = Some(address);
    hearing
}

/// A look at the dataset itself, `GET /{version}/{dataset_id}` with a token: its id. `None` for any
/// other call.
pub(crate) fn look(call: &Call, settings: &Settings) -> Option<Result<String, Refusal>> {
    let (version, dataset) = call.path.strip_prefix('/')?.split_once('/')?;
    let is_number = !dataset.is_empty() && dataset.bytes().all(|byte| byte.is_ascii_digit());
    let is_look = call.method == Method::GET && version.starts_with('v') && is_number;
    let token = call.token().filter(|_| is_look)?;
    Some(admit(Some(token), dataset, settings).map(|()| dataset.to_owned()))
}

/// Whether the token opens the dataset.
fn admit(token: Option<Cow<'_, str>>, dataset: &str, settings: &Settings) -> Result<(), Refusal> {
    let token = token.unwrap_or_default();
    let readable = token.bytes().all(|byte| byte.is_ascii_graphic());
    let known = settings.tokens.as_ref().is_none_or(|tokens| tokens.contains(&*token));
    let open = settings.datasets.as_ref().is_none_or(|ids| ids.contains(dataset));
    if token.is_empty() {
        Err(Refusal::token_missing())
    } else if !(readable && known) {
        Err(Refusal::token_malformed())
    } else if !open {
        Err(Refusal::dataset_missing(dataset))
    } else {
        Ok(())
    }
}

fn read_events<'a>(envelope: &'a Envelope<'_>, by: (i64, bool)) -> Reading<'a> {
    let refused = |refusal| Reading { ids: vec![], warnings: vec![], verdict: Err(refusal) };
    let texts = match &envelope.events {
        Ok(texts) => texts,
        Err(refusal) => return refused(refusal.clone()),
    };
    if texts.is_empty() {
        return refused(Refusal::of_request("param data must be non-empty."));
    }
    if texts.len() > EVENTS_MAX {
        return refused(Refusal::of_request("param data must have at most 1000 events."));
    }
    let mut ids = Vec::with_capacity(texts.len());
    let mut warnings = Vec::new();
    let mut verdict = Ok(Vec::with_capacity(texts.len()));
    for (index, text) in texts.iter().enumerate() {
        let (id, judged) = read_event(text, index, by, verdict.is_ok());
        ids.push(id);
        match (&mut verdict, judged) {
            (Ok(arrivals), Ok(arrival)) => {
                let room = WARNINGS_MAX.saturating_sub(warnings.len());
                let found = arrival.iter().flat_map(|arrival| &arrival.warnings);
                warnings.extend(found.take(room).cloned());
                arrivals.extend(arrival);
            }
            (Ok(_), Err(refusal)) => verdict = Err(refusal),
            (Err(_), _) => {}
        }
    }
    Reading { ids, warnings, verdict }
}

/// The id of one event, and, as long as a verdict is wanted, what it becomes.
fn read_event(
    text: &str,
    index: usize,
    by: (i64, bool),
    wanted: bool,
) -> (Option<Cow<'_, str>>, Result<Option<Arrival>, Refusal>) {
    if text.len() > EVENT_MAX_BYTES {
        let says = format!("Param $['data'][{index}] must be shorter than {EVENT_MAX_BYTES} bytes");
        return (None, Err(SCHEMA.refusal(says, "event.size")));
    }
    let tree = Json::read(text).unwrap_or(Json::Null);
    let judged = if wanted {
        rules::judge(&tree, index, by).map(|warnings| arrival(&tree, text, warnings))
    } else {
        Ok(None)
    };
    (into_id(tree), judged)
}

fn arrival(tree: &Json<'_>, text: &str, warnings: Vec<Warning>) -> Option<Arrival> {
    let event = Event::new(tree.object()?, 0, 0);
    let id = event.body.get("event_id");
    let id =
        id.and_then(|id| id.text().map(str::to_owned).or_else(|| Some(id.whole()?.to_string())));
    Some(Arrival {
        event_name: event.name?.to_owned(),
        event_id: id.filter(|id| !id.is_empty()),
        event_time: i64::try_from(event.time()?).ok()?,
        raw: text.to_owned(),
        warnings,
    })
}

fn into_id(tree: Json<'_>) -> Option<Cow<'_, str>> {
    match tree.into_member("event_id")? {
        Json::Text(id) => Some(id),
        Json::Whole(id) => Some(id.to_string().into()),
        Json::Null | Json::Bool(_) | Json::Fraction(_) | Json::List(_) | Json::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use axum::body::Bytes;
    use serde_json::{Value, json};

    use super::*;
    use crate::sandbox::body::Received;
    use crate::sandbox::rules::cases::{NOW, right, with};

    fn call(body: &str) -> Call {
        Call {
            method: Method::POST,
            path: "/v25.0/7/events".to_owned(),
            query: String::new(),
            bearer: Some("token".to_owned()),
            content_type: "application/json".to_owned(),
            bytes: body.len(),
            body: Ok(Received::Bytes(Bytes::copy_from_slice(body.as_bytes()))),
        }
    }

    fn request(events: &[Value]) -> Call {
        call(&json!({"data": events}).to_string())
    }

    fn heard(call: &Call) -> Hearing {
        hear(call, &Settings::default(), NOW, |_| None)
    }

    fn refusal(hearing: &Hearing) -> Option<(u16, i64, Option<u32>)> {
        let refusal = hearing.verdict.as_ref().err()?;
        Some((refusal.status, refusal.code, refusal.subcode))
    }

    #[test]
    fn tokens_and_datasets() {
        let known = Settings {
            datasets: Some(BTreeSet::from(["7".to_owned()])),
            tokens: Some(BTreeSet::from(["good".to_owned()])),
            ..Settings::default()
        };
        let any = Settings::default();
        for (bearer, dataset, settings, expect) in [
            (Some("x"), "8", &any, None),
            (None, "8", &any, Some((400, 104, None))),
            (Some(""), "8", &any, Some((400, 104, None))),
            (Some("two words"), "8", &any, Some((401, 190, None))),
            (Some("tök"), "8", &any, Some((401, 190, None))),
            (Some("good"), "7", &known, None),
            (Some("bad"), "7", &known, Some((401, 190, None))),
            (Some("good"), "8", &known, Some((400, 100, Some(33)))),
            (Some("bad"), "8", &known, Some((401, 190, None))),
            (None, "8", &known, Some((400, 104, None))),
        ] {
            let mut call = request(&[right("other")]);
            call.bearer = bearer.map(str::to_owned);
            call.path = format!("/v25.0/{dataset}/events");
            let hearing = hear(&call, settings, NOW, |_| None);
            assert_eq!(refusal(&hearing), expect, "{bearer:?} {dataset}");
        }
    }

    #[test]
    fn the_token_of_the_body_is_enough_and_the_headers_wins() {
        let body = json!({"data": [right("other")], "access_token": "x"}).to_string();
        let mut call = call(&body);
        call.bearer = None;
        assert_eq!(refusal(&heard(&call)), None);
        call.query = "access_token=a%20b".to_owned();
        assert_eq!(refusal(&heard(&call)), Some((401, 190, None)));
        call.bearer = Some("fine".to_owned());
        assert_eq!(refusal(&heard(&call)), None);
    }

    #[test]
    fn a_call_without_a_token_is_told_so_before_anything_else() {
        let mut call = call("not json");
        call.bearer = None;
        assert_eq!(refusal(&heard(&call)), Some((400, 104, None)));
    }

    #[test]
    fn the_number_of_events() {
        for (count, expect) in
            [(0, Some((400, 100, None))), (1, None), (1_000, None), (1_001, Some((400, 100, None)))]
        {
            let hearing = heard(&request(&vec![right("other"); count]));
            assert_eq!((hearing.events, refusal(&hearing)), (count, expect));
            let kept = if expect.is_none() { count } else { 0 };
            assert_eq!(hearing.verdict.map_or(0, |arrivals| arrivals.len()), kept);
        }
    }

    #[test]
    fn the_first_wrong_event_refuses_the_whole_request_and_is_named() {
        let wrong = with(right("other"), "/nonsense", json!(1));
        let old = with(right("other"), "/event_time", json!(1));
        let hearing = heard(&request(&[right("other"), right("app"), wrong, old]));
        let refusal = hearing.verdict.unwrap_err();
        let says = "Unexpected key \"nonsense\" on param \"$['data'][2]\"";
        assert_eq!(refusal.says.as_deref(), Some(says));
        assert_eq!((refusal.rule, hearing.events), (Some("event.unknown_key"), 4));
    }

    #[test]
    fn an_arrival_keeps_the_text_that_was_sent() {
        let text = right("app").to_string().replacen('{', "{  ", 1);
        let inside = json!({"data": [text], "test_event_code": "TEST1"}).to_string();
        for body in [format!("{{\"data\":[{text}],\"test_event_code\":\"TEST1\"}}"), inside] {
            let hearing = heard(&call(&body));
            assert_eq!(hearing.event_ids, ["DEFAULT.ABC"]);
            assert_eq!(hearing.test_event_code.as_deref(), Some("TEST1"));
            assert_eq!(hearing.bytes, body.len());
            let arrivals = hearing.verdict.unwrap();
            let expect = Arrival {
                event_name: "Purchase".to_owned(),
                event_id: Some("DEFAULT.ABC".to_owned()),
                event_time: NOW,
                raw: text.clone(),
                warnings: vec![],
            };
            assert_eq!(arrivals, [expect]);
        }
    }

    #[test]
    fn absurd_events_are_schema_faults() {
        let deep = "[".repeat(300) + &"]".repeat(300);
        let long = format!("[{}0]", "0,".repeat(EVENT_MAX_BYTES / 2));
        for event in ["1e999", "\"{\"", "null", deep.as_str(), long.as_str()] {
            let hearing = heard(&call(&format!("{{\"data\":[{event}]}}")));
            let (status, code, _) = refusal(&hearing).unwrap();
            assert_eq!((status, code), (400, 100), "{}", &event[..4]);
        }
    }

    #[test]
    fn the_fault_is_asked_with_dataset_and_ids_and_answers_for_meta() {
        let nameless = with(right("other"), "/event_id", json!(null));
        let call = request(&[right("other"), nameless, with(right("other"), "/x", json!(1))]);
        let hearing = hear(&call, &Settings::default(), NOW, |subject| {
            assert_eq!(subject.dataset, "7");
            assert_eq!(subject.event_ids, [Some("DEFAULT.ABC"), None, Some("DEFAULT.ABC")]);
            Some(Act::TokenRevoked)
        });
        assert_eq!(hearing.ordered.as_ref().map(|refusal| refusal.code), Some(190));
        assert_eq!(refusal(&hearing), Some((400, 100, Some(2_804_019))), "the rules' own verdict");
        let passing = |_: &Subject<'_>| Some(Act::Drip { ms: 0 });
        let hearing = hear(&call, &Settings::default(), NOW, passing);
        assert_eq!(hearing.ordered, None);
        assert_eq!(refusal(&hearing), Some((400, 100, Some(2_804_019))));
    }

    #[test]
    fn a_call_that_goes_nowhere_meets_no_fault() {
        let mut call = request(&[right("other")]);
        call.path = "/v25.0/shop/events".to_owned();
        let hearing = hear(&call, &Settings::default(), NOW, |_| unreachable!());
        assert_eq!(refusal(&hearing), Some((400, 100, Some(33))));
        assert_eq!(hearing.address, None);
    }
}
