//! The reply to one request: what goes into the log, what into memory, and what over the wire.
//!
//! In: a [`Hearing`], the number of the request and the time. Out: a [`Reply`] whose record and
//! arrivals are taken by the memory before it is sent. Deliberately absent: the judgement itself.

use std::time::Duration;

use axum::http::header::{CONNECTION, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::answer::{Refusal, Usage, success, trace_id};
use super::control::{json_body, json_text};
use super::faults::Act;
use super::hearing::Hearing;
use super::line::Line;
use super::memory::{Answered, Arrival, Objection, RequestRecord};
use super::{trickle, version};

/// An answer on its way.
pub(crate) struct Reply {
    pub(crate) record: RequestRecord,
    pub(crate) arrivals: Vec<Arrival>,
    wire: Wire,
    pace: Pace,
    version: String,
    usage: Vec<(&'static str, String)>,
}

/// What the client gets to see.
enum Wire {
    Json {
        status: u16,
        text: String,
        answer: Answered,
    },
    Html {
        status: u16,
    },
    Empty {
        status: u16,
    },
    /// No answer at all.
    Cut,
}

/// How the answer travels.
#[derive(Clone, Copy)]
enum Pace {
    Whole,
    /// Byte by byte, over this time.
    Drip(Duration),
    /// This many bytes of the body, then the end of the connection.
    Cut(usize),
}

impl Reply {
    pub(crate) fn new(hearing: Hearing, number: u64, now: i64) -> Self {
        let trace = trace_id(number);
        let wire = Wire::of(&hearing, &trace);
        let pace = Pace::of(hearing.fault.as_ref());
        let version = hearing.address.as_ref().map(|address| address.served.clone());
        let version = version.unwrap_or_else(|| version::fallback(now));
        let usage = hearing.fault.as_ref().and_then(Act::usage).map(|usage: Usage| {
            usage.headers(hearing.address.as_ref().map_or("", |address| &address.dataset))
        });
        let answered = (wire.answer(pace), wire.status());
        let (record, arrivals) = record(hearing, answered, (number, now, trace));
        Self { record, arrivals, wire, pace, version, usage: usage.unwrap_or_default() }
    }

    /// The response; a cut closes `line` instead, where there is one.
    pub(crate) fn send(self, line: Option<&Line>) -> Response {
        let mut response = match self.wire {
            Wire::Json { status, text, answer: _ } => match self.pace {
                Pace::Whole => json_text(code(status), text),
                Pace::Drip(over) => json_body(code(status), trickle::drip(text, over, line)),
                Pace::Cut(bytes) => json_body(code(status), trickle::broken(text, bytes)),
            },
            Wire::Html { status } => {
                let page = "<html><head><title>Error</title></head><body>\
                            <h1>Sorry, something went wrong.</h1></body></html>";
                (code(status), [(CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response()
            }
            Wire::Empty { status } => code(status).into_response(),
            Wire::Cut => return cut(line),
        };
        let headers = response.headers_mut();
        let version = [("facebook-api-version", self.version)];
        for (name, value) in version.into_iter().chain(self.usage) {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        response
    }
}

impl Pace {
    fn of(fault: Option<&Act>) -> Self {
        match fault {
            Some(Act::Drip { ms }) => Self::Drip(Duration::from_millis(*ms)),
            Some(Act::Cut { bytes, .. }) => Self::Cut(*bytes),
            Some(
                Act::Throttle { .. }
                | Act::Fail { .. }
                | Act::Stall { .. }
                | Act::Reset { .. }
                | Act::WrongJson { .. }
                | Act::Html { .. }
                | Act::RefuseEvent { .. }
                | Act::RefuseEventId { .. }
                | Act::TokenRevoked
                | Act::DatasetMissing
                | Act::Usage { .. },
            )
            | None => Self::Whole,
        }
    }
}

impl Wire {
    fn of(hearing: &Hearing, trace: &str) -> Self {
        match hearing.fault {
            Some(Act::Reset { .. }) => Self::Cut,
            Some(Act::Html { status, .. }) => Self::Html { status },
            Some(Act::WrongJson { status, .. }) => Self::Json {
                status,
                text: "{\"events_received\":1,\"messages\":[".to_owned(),
                answer: Answered::WrongJson,
            },
            Some(Act::Fail { status, empty: true, .. }) => Self::Empty { status },
            Some(
                Act::Throttle { .. }
                | Act::Fail { .. }
                | Act::Stall { .. }
                | Act::Drip { .. }
                | Act::Cut { .. }
                | Act::RefuseEvent { .. }
                | Act::RefuseEventId { .. }
                | Act::TokenRevoked
                | Act::DatasetMissing
                | Act::Usage { .. },
            )
            | None => match (&hearing.ordered, &hearing.verdict) {
                (Some(refusal), _) | (None, Err(refusal)) => Self::Json {
                    status: refusal.status,
                    text: refusal.body(trace),
                    answer: Answered::Error,
                },
                (None, Ok(arrivals)) => Self::Json {
                    status: 200,
                    text: success(arrivals.len(), trace),
                    answer: Answered::Success,
                },
            },
        }
    }

    fn status(&self) -> u16 {
        match self {
            Self::Json { status, .. } | Self::Html { status } | Self::Empty { status } => *status,
            Self::Cut => 0,
        }
    }

    fn answer(&self, pace: Pace) -> Answered {
        match (self, pace) {
            (Self::Json { text, .. }, Pace::Cut(bytes)) if bytes < text.len() => Answered::Cut,
            (Self::Json { answer, .. }, _) => *answer,
            (Self::Html { .. }, _) => Answered::Html,
            (Self::Empty { .. }, _) => Answered::Empty,
            (Self::Cut, _) => Answered::Nothing,
        }
    }
}

/// What the log says of a request, and the events to remember.
fn record(
    hearing: Hearing,
    (answer, status): (Answered, u16),
    (number, received_at, fbtrace_id): (u64, i64, String),
) -> (RequestRecord, Vec<Arrival>) {
    let accepts = hearing.fault.as_ref().is_none_or(Act::accepts);
    let (arrivals, refusal) = match hearing.verdict {
        Ok(arrivals) => (if accepts { arrivals } else { Vec::new() }, None),
        Err(refusal) => (Vec::new(), Some(refusal)),
    };
    let verdict = refusal.as_ref().map(objection);
    let answered = hearing.ordered.or(refusal).filter(|_| answer == Answered::Error);
    let (version, dataset_id) =
        hearing.address.map_or((None, None), |to| (to.version, Some(to.dataset)));
    let mut record = RequestRecord {
        number,
        received_at,
        method: hearing.method,
        path: hearing.path,
        dataset_id,
        version,
        events: hearing.events,
        accepted: arrivals.len(),
        answer,
        status,
        verdict,
        warnings: hearing.warnings,
        fault: hearing.fault.as_ref().map(Act::name),
        fbtrace_id,
        bytes: hearing.bytes,
        event_ids: hearing.event_ids,
        test_event_code: hearing.test_event_code,
        ..RequestRecord::default()
    };
    if let Some(refusal) = answered {
        record.code = Some(refusal.code);
        record.subcode = refusal.subcode;
        record.rule = refusal.rule;
        record.says = Some(sentence(&refusal));
        record.title = refusal.title.map(Into::into);
    }
    (record, arrivals)
}

fn objection(refusal: &Refusal) -> Objection {
    let Refusal { code, subcode, rule, .. } = *refusal;
    Objection { code, subcode, rule, says: sentence(refusal) }
}

fn sentence(refusal: &Refusal) -> String {
    refusal.says.as_deref().unwrap_or(&refusal.message).to_owned()
}

fn code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Closes the line. Where there is none to close, the nearest thing to silence is a gateway's
/// empty answer.
fn cut(line: Option<&Line>) -> Response {
    if let Some(line) = line {
        line.cut();
    }
    (StatusCode::BAD_GATEWAY, [(CONNECTION, "close")]).into_response()
}
