//! What Meta answered, classified.
//!
//! In: the HTTP status and the body, or the fact that none came. Out: an [`Outcome`]. Decisions
//! are taken on `code` and `error_subcode`, never on the status alone (throttling arrives as 400)
//! and never on the text (it is translated). What the next step is, `delivery` decides.
//!
//! Source: Meta, "Graph API / Handling errors", "Marketing API / Error reference"; codes seen in
//! the wild as collected in rudder-transformer's `networkHandler.js`.

use serde::Deserialize;

use crate::core::names::closed_list;

closed_list! {
    /// Whose fault a refusal is, which decides what may be done about it.
    pub enum Fault {
        /// Ours to wait out: Meta is busy, broken or unreachable.
        Transient = "transient",
        /// We send too much.
        Throttled = "throttled",
        /// An event of the request; Meta stores none of them.
        Event = "event",
        /// Token, permission or dataset: no event of this dataset can pass until a person acts.
        Setup = "setup",
        /// A code that no page names.
        Unknown = "unknown",
    }
}

/// What one request to Meta met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Meta took every event of the request.
    Accepted {
        /// Meta's id of the request, for its support.
        trace_id: Option<String>,
    },
    /// Meta took none of them and said why.
    Refused(Refusal),
    /// No answer that could be read as Meta's.
    Unanswered {
        /// What happened instead, without the address: "timed out", "HTTP 502 with text".
        says: String,
    },
}

impl Outcome {
    /// Whether a request with a single event may have met this for that event's sake: no answer,
    /// or one that names no cause. Throttling and set-up faults concern the dataset.
    #[must_use]
    pub fn may_be_the_events(&self) -> bool {
        match self {
            Self::Accepted { .. } => false,
            Self::Unanswered { .. } => true,
            Self::Refused(refusal) => match refusal.fault {
                Fault::Transient | Fault::Event | Fault::Unknown => true,
                Fault::Throttled | Fault::Setup => false,
            },
        }
    }

    /// Whether Meta took a stand on the events, rather than being in trouble.
    #[must_use]
    pub fn is_metas_word(&self) -> bool {
        match self {
            Self::Accepted { .. } => true,
            Self::Unanswered { .. } => false,
            Self::Refused(refusal) => match refusal.fault {
                Fault::Event | Fault::Unknown => true,
                Fault::Transient | Fault::Throttled | Fault::Setup => false,
            },
        }
    }
}

/// Meta's error, as far as we use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Whose fault it is.
    pub fault: Fault,
    /// HTTP status.
    pub status: u16,
    /// `error.code`.
    pub code: i64,
    /// `error.error_subcode`.
    pub subcode: Option<i64>,
    /// Title and text for people, in Meta's words.
    pub says: String,
    /// Meta's id of the request.
    pub trace_id: Option<String>,
    /// Which event of the request is at fault, where Meta says so.
    pub index: Option<usize>,
    /// For how long Meta wants to hear nothing, in milliseconds, where it says so.
    pub regain_millis: Option<u64>,
}

/// How long a block for abuse is waited out before the next look, in milliseconds: an hour.
///
/// # Source
/// Codes 368 and 613/1996 of meta-capi.md 1.7 and 1.9: hours, without a stated end.
const ABUSE_MILLIS: u64 = 3_600_000;

/// Longest text of Meta's that is kept, in characters.
const SAYS_CHARS_MAX: usize = 500;

#[derive(Deserialize)]
struct Envelope {
    error: Option<GraphError>,
    events_received: Option<u64>,
    fbtrace_id: Option<String>,
}

#[derive(Deserialize)]
struct GraphError {
    #[serde(default)]
    message: String,
    #[serde(default)]
    code: i64,
    error_subcode: Option<i64>,
    is_transient: Option<bool>,
    error_user_title: Option<String>,
    error_user_msg: Option<String>,
    fbtrace_id: Option<String>,
}

/// Classifies the answer to a request with so many events.
///
/// Accepted is only what Meta counts: a proxy that answers 200 with `{}` has delivered nothing.
#[must_use]
pub fn read(status: u16, body: &[u8], sent: usize) -> Outcome {
    let silence = |what: &str| Outcome::Unanswered { says: format!("HTTP {status} {what}") };
    let is_object = body.trim_ascii_start().first() == Some(&b'{');
    let Some(envelope) = is_object.then(|| serde_json::from_slice::<Envelope>(body).ok()).flatten()
    else {
        return silence("without Meta's JSON");
    };
    let received = envelope.events_received.and_then(|count| usize::try_from(count).ok());
    match (envelope.error, received) {
        (Some(error), _) => Outcome::Refused(refusal(status, error)),
        (None, Some(count)) if (200..300).contains(&status) && count == sent => {
            Outcome::Accepted { trace_id: envelope.fbtrace_id }
        }
        (None, Some(_)) => silence("with another number of events than were sent"),
        (None, None) => silence("without a count of events"),
    }
}

/// Classifies the answer to a look at a dataset: accepted if Meta shows it.
#[must_use]
pub fn read_look(status: u16, body: &[u8]) -> Outcome {
    #[derive(Deserialize)]
    struct Shown {
        error: Option<GraphError>,
        id: Option<String>,
    }
    match serde_json::from_slice::<Shown>(body) {
        Ok(Shown { error: Some(error), .. }) => Outcome::Refused(refusal(status, error)),
        Ok(Shown { id: Some(_), .. }) if (200..300).contains(&status) => {
            Outcome::Accepted { trace_id: None }
        }
        Ok(_) | Err(_) => Outcome::Unanswered { says: format!("HTTP {status} without a dataset") },
    }
}

fn refusal(status: u16, error: GraphError) -> Refusal {
    let fault = fault(status, &error);
    let texts = [error.error_user_title, error.error_user_msg, Some(error.message)];
    let texts: Vec<String> = texts.into_iter().flatten().filter(|text| !text.is_empty()).collect();
    let index = texts.iter().find_map(|text| index(text));
    Refusal {
        fault,
        status,
        code: error.code,
        subcode: error.error_subcode,
        says: texts.join(": ").chars().take(SAYS_CHARS_MAX).collect(),
        trace_id: error.fbtrace_id,
        index,
        regain_millis: is_abuse(error.code, error.error_subcode).then_some(ABUSE_MILLIS),
    }
}

/// Whether Meta blocks us for what it takes for abuse.
fn is_abuse(code: i64, subcode: Option<i64>) -> bool {
    matches!((code, subcode), (368, _) | (613, Some(1_996)))
}

/// The table: code and subcode, then the hints that stand in for a missing code.
fn fault(status: u16, error: &GraphError) -> Fault {
    match (error.code, error.error_subcode) {
        (4 | 17 | 32 | 368 | 613 | 80_000..=80_014, _) => Fault::Throttled,
        (1 | 2 | 341 | 5_000 | 21_009, _) => Fault::Transient,
        // 2804030 asks for a choice in the account's settings.
        (100, Some(33 | 34 | 38 | 2_804_030)) | (3 | 10 | 102 | 104 | 190 | 803 | 2_635, _) => {
            Fault::Setup
        }
        (200..=299, _) => Fault::Setup,
        (100 | 105, _) => Fault::Event,
        _ if error.is_transient == Some(true) || status >= 500 => Fault::Transient,
        _ if status == 429 => Fault::Throttled,
        _ => Fault::Unknown,
    }
}

/// The index in `$['data'][7]['user_data']`.
///
/// # Source
/// Error 2804019 as quoted in facebook/facebook-nodejs-business-sdk#258.
fn index(text: &str) -> Option<usize> {
    let (_, rest) = text.split_once("$['data'][")?;
    rest.split_once(']')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: i64, subcode: Option<i64>, extra: &str) -> String {
        let subcode = subcode.map(|s| format!(r#","error_subcode":{s}"#)).unwrap_or_default();
        format!(
            r#"{{"error":{{"message":"Invalid parameter","type":"OAuthException","code":{code}{subcode}{extra},"fbtrace_id":"T1"}}}}"#
        )
    }

    #[test]
    fn every_code_of_the_fact_sheet_has_its_fault() {
        use Fault::{Event, Setup, Throttled, Transient, Unknown};
        // reference/meta-capi.md 1.7 and 1.8; the HTTP status must not matter.
        for (code, subcode, fault) in [
            (1, None, Transient),
            (1, Some(99), Transient),
            (2, None, Transient),
            (3, None, Setup),
            (4, None, Throttled),
            (4, Some(1_504_022), Throttled),
            (10, None, Setup),
            (17, Some(2_446_079), Throttled),
            (32, None, Throttled),
            (100, None, Event),
            (100, Some(33), Setup),
            (100, Some(2_804_003), Event),
            (100, Some(2_804_019), Event),
            (100, Some(2_804_030), Setup),
            (100, Some(2_804_050), Event),
            (100, Some(2_804_999), Event),
            (102, None, Setup),
            (104, None, Setup),
            (190, Some(463), Setup),
            (200, None, Setup),
            (294, None, Setup),
            (341, None, Transient),
            (368, None, Throttled),
            (613, Some(1_996), Throttled),
            (803, None, Setup),
            (2_635, None, Setup),
            (5_000, None, Transient),
            (21_009, None, Transient),
            (80_004, None, Throttled),
            (80_014, None, Throttled),
            (80_015, None, Unknown),
            (999, None, Unknown),
        ] {
            for status in [400, 401, 403] {
                let Outcome::Refused(refusal) =
                    read(status, error(code, subcode, "").as_bytes(), 1)
                else {
                    unreachable!("an error envelope is a refusal")
                };
                assert_eq!(refusal.fault, fault, "{code}/{subcode:?} with HTTP {status}");
            }
        }
    }

    #[test]
    fn a_block_for_abuse_lasts_an_hour_at_least() {
        for (code, subcode, millis) in [
            (368, None, Some(3_600_000)),
            (613, Some(1_996), Some(3_600_000)),
            (613, None, None),
            (17, None, None),
            (190, None, None),
        ] {
            let Outcome::Refused(refusal) = read(400, error(code, subcode, "").as_bytes(), 1)
            else {
                unreachable!("an error envelope is a refusal")
            };
            assert_eq!(refusal.regain_millis, millis, "{code}/{subcode:?}");
        }
    }

    #[test]
    fn a_dataset_is_shown_refused_or_not_there() {
        let shown = read_look(200, br#"{"id":"1234567890","name":"Shop"}"#);
        assert!(matches!(shown, Outcome::Accepted { .. }), "{shown:?}");
        let refused = read_look(400, error(190, Some(463), "").as_bytes());
        assert!(matches!(&refused, Outcome::Refused(refusal) if refusal.fault == Fault::Setup));
        for (status, body) in [(200, "{}"), (502, "<html>"), (500, r#"{"id":"1"}"#)] {
            let silent = read_look(status, body.as_bytes());
            assert!(matches!(silent, Outcome::Unanswered { .. }), "{silent:?}");
        }
    }

    #[test]
    fn an_unknown_code_is_read_by_its_hints() {
        for (status, extra, fault) in [
            (400, r#","is_transient":true"#, Fault::Transient),
            (500, "", Fault::Transient),
            (429, "", Fault::Throttled),
            (400, r#","is_transient":false"#, Fault::Unknown),
        ] {
            let body = error(4_711, None, extra);
            let Outcome::Refused(refusal) = read(status, body.as_bytes(), 1) else {
                unreachable!("an error envelope is a refusal")
            };
            assert_eq!(refusal.fault, fault, "HTTP {status} {extra}");
        }
    }

    #[test]
    fn the_event_at_fault_is_named_where_meta_names_it() {
        let msg = r#","error_user_msg":"Unexpected key \"index\" on param \"$['data'][7]['custom_data']['contents'][0]\"""#;
        let body = error(100, Some(2_804_019), msg);
        let Outcome::Refused(refusal) = read(400, body.as_bytes(), 9) else {
            unreachable!("an error envelope is a refusal")
        };
        assert_eq!((refusal.index, refusal.trace_id.as_deref()), (Some(7), Some("T1")));
        assert!(refusal.says.starts_with("Unexpected key"), "{}", refusal.says);
    }

    #[test]
    fn success_and_silence() {
        let body = br#"{"events_received":2,"messages":[],"fbtrace_id":"T2"}"#;
        assert_eq!(read(200, body, 2), Outcome::Accepted { trace_id: Some("T2".into()) });
        for (status, body) in [
            (200, "<html>"),
            (502, ""),
            (503, "{}"),
            (200, "[]"),
            (200, "[null,2,null]"),
            (400, "null"),
            (200, "{}"),
            (200, r#"{"success":true}"#),
            (200, r#"{"events_received":0}"#),
            (200, r#"{"events_received":3}"#),
            (500, r#"{"events_received":2}"#),
        ] {
            let outcome = read(status, body.as_bytes(), 2);
            assert!(matches!(outcome, Outcome::Unanswered { .. }), "{status} {body}: {outcome:?}");
        }
    }
}
