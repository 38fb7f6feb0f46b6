//! Faults on order: a script that makes the sandbox misbehave as Meta, or the way to Meta, does.
//!
//! In: a [`Script`], and for each request its dataset and event ids. Out: the one fault it meets,
//! which is the first of the list that concerns it and has not been used up. Deliberately absent:
//! reading scripts (`script.rs`), sleeping and cutting connections (`sandbox.rs`, `line.rs`).
//! Source of what goes wrong: meta-capi.md 1.6 to 1.9, peers.md section 3.

use std::borrow::Cow;
use std::time::Duration;

use serde::Serialize;

use super::answer::{AccountUsage, Refusal, Usage};
use super::codes;
use super::rules::unexpected;

/// How long a throttle lasts where the script does not say, in minutes: the block of an app in
/// development, meta-capi.md 1.9.
const BLOCK_MINUTES: u32 = 5;

/// Faults in the order they are met.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Script {
    /// Each request meets the first of these that concerns it.
    pub faults: Vec<Fault>,
}

/// One fault and how long it lasts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// What happens.
    #[serde(flatten)]
    pub act: Act,
    /// Requests it still meets; `None` lasts until the script is cleared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// The only dataset it concerns, where one is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset_id: Option<String>,
    /// Only requests that hold the event of this id, where one is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holding: Option<String>,
}

/// What a fault does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Act {
    /// Answers a rate limit, with usage headers at 100 %.
    Throttle {
        /// Meta's code: 4, 17, 32, 613 or 80000 to 80014.
        code: i64,
        /// Meta's subcode.
        #[serde(skip_serializing_if = "Option::is_none")]
        subcode: Option<u32>,
        /// HTTP status; Meta sends 400.
        status: u16,
        /// Minutes of `estimated_time_to_regain_access`; codes from 80000 on have always some.
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_minutes: Option<u32>,
    },
    /// Answers an error of Meta's.
    Fail {
        /// HTTP status.
        status: u16,
        /// Meta's code.
        code: i64,
        /// Meta's subcode.
        #[serde(skip_serializing_if = "Option::is_none")]
        subcode: Option<u32>,
        /// Sends no body at all, as proxies do.
        empty: bool,
        /// What the answer says instead of the code's usual words.
        #[serde(flatten)]
        words: Words,
    },
    /// Answers late.
    Stall {
        /// Milliseconds.
        ms: u64,
        /// Whether the events are remembered before the wait, so that a client which gives up has
        /// delivered all the same. Otherwise after it, and only if the client is still there.
        accepted: bool,
    },
    /// Closes the connection without an answer.
    Reset {
        /// Whether the events are remembered although nobody hears of it.
        accepted: bool,
    },
    /// Answers as usual, byte by byte.
    Drip {
        /// Milliseconds from the first byte of the body to the last.
        ms: u64,
    },
    /// Closes the connection in the middle of the answer.
    Cut {
        /// Bytes of the body that are sent.
        bytes: usize,
        /// Whether the events are remembered although nobody hears all of it.
        accepted: bool,
    },
    /// Answers JSON that breaks off.
    WrongJson {
        /// HTTP status.
        status: u16,
        /// Whether the events are remembered although nobody hears of it.
        accepted: bool,
    },
    /// Answers a page of HTML, as gateways do.
    Html {
        /// HTTP status.
        status: u16,
        /// Whether the events are remembered although nobody hears of it.
        accepted: bool,
    },
    /// Refuses requests that have an event at this index, as if it broke a rule.
    RefuseEvent {
        /// Counts from 0.
        index: usize,
        /// Whether the answer names the index, as Meta's schema fault does.
        name_index: bool,
        /// Meta's subcode under 100.
        subcode: u32,
    },
    /// Refuses requests that hold this event, as if it broke a rule.
    RefuseEventId {
        /// The `event_id`.
        event_id: String,
        /// Whether the answer names the index, as Meta's schema fault does.
        name_index: bool,
        /// Meta's subcode under 100.
        subcode: u32,
    },
    /// Answers that the token is no longer good.
    TokenRevoked,
    /// Answers that the dataset does not exist or is not the token's.
    DatasetMissing,
    /// Answers as usual, with usage headers that warn.
    Usage {
        /// Percent of the hour's calls.
        call_count: u8,
        /// Percent of the hour's time.
        total_time: u8,
        /// Percent of the hour's computing time.
        total_cputime: u8,
        /// Minutes of `estimated_time_to_regain_access`.
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_minutes: Option<u32>,
        /// Percent of the ad account's limit, in a header of its own.
        #[serde(skip_serializing_if = "Option::is_none")]
        account_percent: Option<u8>,
        /// Seconds until the ad account's limit is free again.
        #[serde(skip_serializing_if = "Option::is_none")]
        reset_seconds: Option<u32>,
    },
}

/// Members of Meta's error object that a script sets itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Words {
    /// `message`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// `error_user_title`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// `error_user_msg`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_msg: Option<String>,
    /// `type`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// `is_transient`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_transient: Option<bool>,
}

/// What a fault is chosen by.
#[derive(Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) dataset: &'a str,
    /// The id of each event, in order.
    pub(crate) event_ids: Vec<Option<&'a str>>,
}

impl Script {
    /// The fault this request meets. One use of it is gone with that.
    pub(crate) fn take(&mut self, subject: &Subject<'_>) -> Option<Act> {
        let place = self.faults.iter().position(|fault| fault.concerns(subject))?;
        let fault = &mut self.faults[place];
        let act = fault.act.clone();
        fault.times = fault.times.map(|times| times.saturating_sub(1));
        if fault.times == Some(0) {
            self.faults.remove(place);
        }
        Some(act)
    }
}

impl Fault {
    fn concerns(&self, subject: &Subject<'_>) -> bool {
        let here = self.dataset_id.as_deref().is_none_or(|id| id == subject.dataset);
        let holds = |id: &str| subject.event_ids.contains(&Some(id));
        let here = here && self.holding.as_deref().is_none_or(holds);
        here && self.times != Some(0) && self.act.place(subject).is_some()
    }
}

impl Act {
    /// The fault's name in a script.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Throttle { .. } => "throttle",
            Self::Fail { .. } => "fail",
            Self::Stall { .. } => "stall",
            Self::Reset { .. } => "reset",
            Self::Drip { .. } => "drip",
            Self::Cut { .. } => "cut",
            Self::WrongJson { .. } => "wrong_json",
            Self::Html { .. } => "html",
            Self::RefuseEvent { .. } => "refuse_event",
            Self::RefuseEventId { .. } => "refuse_event_id",
            Self::TokenRevoked => "token_revoked",
            Self::DatasetMissing => "dataset_missing",
            Self::Usage { .. } => "usage",
        }
    }

    /// Meta's answer, where the fault is an answer of Meta's.
    pub(crate) fn refusal(&self, subject: &Subject<'_>) -> Option<Refusal> {
        let usual =
            |status, code, subcode| Some(codes::refusal(status, code, subcode, subject.dataset));
        match self {
            Self::Throttle { code, status, subcode, .. } => usual(*status, *code, *subcode),
            Self::Fail { status, code, subcode, words, .. } => {
                usual(*status, *code, *subcode).map(|refusal| words.over(refusal))
            }
            Self::RefuseEvent { name_index, subcode, .. }
            | Self::RefuseEventId { name_index, subcode, .. } => {
                let place = self.place(subject).filter(|_| *name_index);
                usual(400, 100, Some(*subcode)).map(|refusal| naming(place, refusal))
            }
            Self::TokenRevoked => usual(400, 190, Some(460)),
            Self::DatasetMissing => usual(400, 100, Some(33)),
            Self::Stall { .. }
            | Self::Reset { .. }
            | Self::Drip { .. }
            | Self::Cut { .. }
            | Self::WrongJson { .. }
            | Self::Html { .. }
            | Self::Usage { .. } => None,
        }
    }

    /// Whether right events are remembered although this fault is met.
    pub(crate) fn accepts(&self) -> bool {
        match self {
            Self::Stall { .. } | Self::Drip { .. } | Self::Usage { .. } => true,
            Self::Reset { accepted }
            | Self::Cut { accepted, .. }
            | Self::WrongJson { accepted, .. }
            | Self::Html { accepted, .. } => *accepted,
            Self::Throttle { .. }
            | Self::Fail { .. }
            | Self::RefuseEvent { .. }
            | Self::RefuseEventId { .. }
            | Self::TokenRevoked
            | Self::DatasetMissing => false,
        }
    }

    /// How long the answer is held back, and whether the events are remembered before that.
    pub(crate) fn stall(&self) -> Option<(Duration, bool)> {
        let Self::Stall { ms, accepted } = self else { return None };
        Some((Duration::from_millis(*ms), *accepted))
    }

    /// The usage that the answer's headers tell.
    pub(crate) fn usage(&self) -> Option<Usage> {
        match self {
            Self::Throttle { code, retry_minutes, .. } => Some(exhausted(*code, *retry_minutes)),
            Self::Usage {
                call_count,
                total_time,
                total_cputime,
                retry_minutes,
                account_percent,
                reset_seconds,
            } => Some(Usage {
                call_count: *call_count,
                total_time: *total_time,
                total_cputime: *total_cputime,
                minutes: *retry_minutes,
                account: account_percent.map(|percent| AccountUsage {
                    percent,
                    reset_seconds: reset_seconds.unwrap_or(BLOCK_MINUTES * 60),
                }),
            }),
            Self::Fail { .. }
            | Self::Stall { .. }
            | Self::Reset { .. }
            | Self::Drip { .. }
            | Self::Cut { .. }
            | Self::WrongJson { .. }
            | Self::Html { .. }
            | Self::RefuseEvent { .. }
            | Self::RefuseEventId { .. }
            | Self::TokenRevoked
            | Self::DatasetMissing => None,
        }
    }

    /// Where in the request the fault strikes: the index of the event it is about, 0 for a fault
    /// about the whole request, `None` where it does not concern the request.
    fn place(&self, subject: &Subject<'_>) -> Option<usize> {
        match self {
            Self::RefuseEvent { index, .. } => {
                Some(*index).filter(|index| *index < subject.event_ids.len())
            }
            Self::RefuseEventId { event_id, .. } => {
                subject.event_ids.iter().position(|id| *id == Some(event_id.as_str()))
            }
            Self::Throttle { .. }
            | Self::Fail { .. }
            | Self::Stall { .. }
            | Self::Reset { .. }
            | Self::Drip { .. }
            | Self::Cut { .. }
            | Self::WrongJson { .. }
            | Self::Html { .. }
            | Self::TokenRevoked
            | Self::DatasetMissing
            | Self::Usage { .. } => Some(0),
        }
    }
}

impl Words {
    /// These words, and the usual ones where nothing is set.
    fn over(&self, usual: Refusal) -> Refusal {
        let own = |text: &Option<String>| text.clone().map(Cow::Owned);
        let short = |text: &Option<String>| text.clone().map(Into::into);
        Refusal {
            message: own(&self.message).unwrap_or(usual.message),
            title: short(&self.title).or(usual.title),
            says: short(&self.user_msg).or(usual.says),
            kind: own(&self.kind).unwrap_or(usual.kind),
            transient: self.is_transient.or(usual.transient),
            ..usual
        }
    }
}

/// The usage that comes with a throttle: everything is used up.
fn exhausted(code: i64, retry_minutes: Option<u32>) -> Usage {
    let minutes = retry_minutes.unwrap_or(BLOCK_MINUTES);
    let is_business = codes::is_business_limit(code) || retry_minutes.is_some();
    let account = AccountUsage { percent: 100, reset_seconds: minutes.saturating_mul(60) };
    Usage {
        call_count: 100,
        total_time: 100,
        total_cputime: 100,
        minutes: is_business.then_some(minutes),
        account: codes::is_account_limit(code).then_some(account),
    }
}

/// A refusal whose sentence names the event at `index`, where one is to be named.
fn naming(index: Option<usize>, refusal: Refusal) -> Refusal {
    let says = index.map(|index| unexpected("sandbox_fault", &format!("$['data'][{index}]")));
    Refusal { says: says.map(Into::into).or(refusal.says), ..refusal }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(act: Act, times: Option<u32>) -> Fault {
        Fault { act, times, dataset_id: None, holding: None }
    }

    fn bad(name_index: bool, subcode: u32) -> Act {
        Act::RefuseEventId { event_id: "bad".to_owned(), name_index, subcode }
    }

    fn subject<'a>(dataset: &'a str, ids: &[&'a str]) -> Subject<'a> {
        Subject { dataset, event_ids: ids.iter().map(|id| Some(*id)).collect() }
    }

    #[test]
    fn faults_are_met_in_order_and_used_up() {
        let throttle = Act::Throttle { code: 4, subcode: None, status: 400, retry_minutes: None };
        let mut script = Script {
            faults: vec![
                fault(throttle, Some(2)),
                Fault { dataset_id: Some("8".to_owned()), ..fault(Act::TokenRevoked, Some(1)) },
                fault(bad(true, 2_804_019), None),
                fault(Act::RefuseEvent { index: 1, name_index: true, subcode: 2_804_019 }, Some(1)),
            ],
        };
        let mut met = |dataset: &str, ids: &[&str]| {
            script.take(&subject(dataset, ids)).map_or("none", |act| act.name())
        };
        assert_eq!(met("7", &["a"]), "throttle");
        assert_eq!(met("8", &["bad"]), "throttle");
        assert_eq!(met("7", &["a"]), "none", "too short for index 1, and not dataset 8");
        assert_eq!(met("8", &["bad"]), "token_revoked");
        assert_eq!(met("8", &["a", "bad"]), "refuse_event_id");
        assert_eq!(met("8", &["a", "b"]), "refuse_event");
        assert_eq!(met("8", &["a", "b"]), "none");
        assert_eq!(met("8", &["bad"]), "refuse_event_id", "lasts until cleared");
        assert_eq!(script.faults.len(), 1);
    }

    #[test]
    fn a_refused_event_is_named_or_not() {
        let named = bad(true, 2_804_019);
        let says = |act: &Act| act.refusal(&subject("7", &["a", "b", "bad"])).unwrap();
        let refusal = says(&named);
        assert_eq!(refusal.subcode, Some(2_804_019));
        assert_eq!(
            refusal.says.as_deref(),
            Some("Unexpected key \"sandbox_fault\" on param \"$['data'][2]\"")
        );
        for (subcode, title) in [
            (2_804_009, Some("Missing Value for Purchase Event")),
            (2_804_019, Some("Server Side Api Parameter Error")),
            (2_804_048, None),
        ] {
            let refusal = says(&bad(false, subcode));
            assert_eq!((refusal.subcode, refusal.title.as_deref()), (Some(subcode), title));
            assert!(!refusal.says.unwrap_or_default().contains("$["), "{subcode}");
        }
    }

    #[test]
    fn a_throttle_shows_the_limit_that_was_met() {
        let headers = |code, retry_minutes| -> Vec<&str> {
            let act = Act::Throttle { code, subcode: None, status: 400, retry_minutes };
            act.usage().unwrap().headers("7").iter().map(|(name, _)| *name).collect()
        };
        let (app, business, account) =
            ("x-app-usage", "x-business-use-case-usage", "x-ad-account-usage");
        for (code, minutes, expect) in [
            (4, None, vec![app]),
            (32, None, vec![app]),
            (4, Some(1), vec![app, business]),
            (17, None, vec![app, account]),
            (613, None, vec![app, account]),
            (80_004, None, vec![app, business]),
        ] {
            assert_eq!(headers(code, minutes), expect, "{code} {minutes:?}");
        }
    }

    #[test]
    fn a_failure_says_the_usual_words_where_it_has_none_of_its_own() {
        let fail = |subcode, words| {
            let act = Act::Fail { status: 400, code: 100, subcode, empty: false, words };
            act.refusal(&subject("7", &["a"])).unwrap()
        };
        let usual = fail(Some(2_804_009), Words::default());
        assert_eq!(usual.title.as_deref(), Some("Missing Value for Purchase Event"));
        let own = Words {
            title: Some("T".to_owned()),
            kind: Some("CodedException".to_owned()),
            is_transient: Some(true),
            ..Words::default()
        };
        let set = fail(Some(2_804_009), own);
        assert_eq!((set.title.as_deref(), &*set.kind), (Some("T"), "CodedException"));
        assert_eq!((set.transient, set.message), (Some(true), usual.message));
        assert_eq!(set.says, usual.says);
        assert_eq!(fail(Some(33), Words::default()).kind, "GraphMethodException");
    }

    #[test]
    fn a_fault_is_shown_as_it_is_written() {
        let script = Script { faults: vec![fault(Act::Reset { accepted: true }, Some(1))] };
        let shown = serde_json::to_string(&script).unwrap();
        assert_eq!(shown, r#"{"faults":[{"do":"reset","accepted":true,"times":1}]}"#);
        let act = Act::RefuseEvent { index: 7, name_index: true, subcode: 2_804_019 };
        let shown = serde_json::to_string(&fault(act, None)).unwrap();
        assert_eq!(shown, r#"{"do":"refuse_event","index":7,"name_index":true,"subcode":2804019}"#);
    }
}
