//! The log of `tillpost sandbox` for people: one line a request.
//!
//! In: a [`RequestRecord`]. Out: when, what, where to, and how it was answered, with colours that
//! [`terminal`](super::terminal) strips where nobody sees them. Deliberately absent: values of events;
//! what a client sent cannot steer the terminal.

use std::fmt::Write as _;

use crate::sandbox::{Answered, RequestRecord};

const GREEN: &str = "\u{1b}[32m";
const RED: &str = "\u{1b}[31m";
const YELLOW: &str = "\u{1b}[33m";
const PLAIN: &str = "\u{1b}[0m";

/// `12:11:12 #212 ds 77 v25.0 1 event  REFUSED 100/2804023 currency.with_value: …`, in UTC.
pub(super) fn line(request: &RequestRecord) -> String {
    let second = request.received_at.rem_euclid(86_400);
    let time = format!("{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60);
    let (colour, answer) = answer(request);
    let mut line = format!(
        "{time} #{} {}  {colour}{}{PLAIN}",
        request.number,
        plain(&target(request)),
        plain(&answer)
    );
    // Writing to a `String` does not fail.
    if let Some(fault) = request.fault {
        let _ = write!(line, "  {YELLOW}fault {fault}{PLAIN}");
    }
    if let [first, rest @ ..] = request.warnings.as_slice() {
        let more = if rest.is_empty() { String::new() } else { format!(" (and {})", rest.len()) };
        let says = format!("{}: {}{more}", first.rule, first.says);
        let _ = write!(line, "  {YELLOW}warning{PLAIN} {}", plain(&says));
    }
    line
}

/// Where it went: a dataset, or a path that leads nowhere.
fn target(request: &RequestRecord) -> String {
    let RequestRecord { method, path, events, .. } = request;
    match (&request.dataset_id, &request.version) {
        (None, _) => format!("{method} {path}"),
        (Some(dataset), Some(version)) => {
            format!("ds {dataset} {version} {}", counted(*events, "event"))
        }
        (Some(dataset), None) => {
            format!("ds {dataset} unversioned {}", counted(*events, "event"))
        }
    }
}

fn answer(request: &RequestRecord) -> (&'static str, String) {
    let status = request.status;
    let odd = |what: &str| (YELLOW, format!("{what}{}", kept(request)));
    match request.answer {
        Answered::Success => {
            let copies = match request.seen_before {
                0 => String::new(),
                copies => format!(", {copies} seen before"),
            };
            (GREEN, format!("ACCEPTED {}{copies}", counted(request.accepted, "event")))
        }
        Answered::Error => (RED, format!("REFUSED {}", refusal(request))),
        Answered::WrongJson => odd(&format!("ANSWERED {status} broken JSON")),
        Answered::Html => odd(&format!("ANSWERED {status} HTML")),
        Answered::Empty => odd(&format!("ANSWERED {status} nothing")),
        Answered::Cut => odd(&format!("CUT the answer {status}")),
        Answered::Nothing => odd("RESET the connection"),
    }
}

/// Code, subcode, rule and sentence.
fn refusal(request: &RequestRecord) -> String {
    let code = request.code.unwrap_or_default();
    let subcode = request.subcode.map(|subcode| format!("/{subcode}")).unwrap_or_default();
    let rule = request.rule.map(|rule| format!(" {rule}")).unwrap_or_default();
    format!("{code}{subcode}{rule}: {}", request.says.as_deref().unwrap_or_default())
}

/// What a client that hears nothing good may not know.
fn kept(request: &RequestRecord) -> String {
    match (request.accepted, &request.verdict) {
        (0, Some(verdict)) => format!(", would refuse {}", verdict.code),
        (0, None) => String::new(),
        (accepted, _) => format!(", and kept {}", counted(accepted, "event")),
    }
}

fn counted(number: usize, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
}

/// Text in one line that steers no terminal.
fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::{Objection, Warning};

    fn record() -> RequestRecord {
        RequestRecord {
            number: 212,
            // 2026-09-21 14:13:20 UTC.
            received_at: 1_790_000_000,
            method: "POST".to_owned(),
            path: "/v25.0/77/events".to_owned(),
            dataset_id: Some("77".to_owned()),
            version: Some("v25.0".to_owned()),
            events: 1,
            status: 200,
            ..RequestRecord::default()
        }
    }

    fn refused() -> RequestRecord {
        RequestRecord {
            answer: Answered::Error,
            status: 400,
            code: Some(100),
            subcode: Some(2_804_023),
            rule: Some("currency.with_value"),
            says: Some("a\u{1b}[2J\nb".to_owned()),
            ..record()
        }
    }

    fn shown(request: &RequestRecord) -> String {
        [GREEN, RED, YELLOW, PLAIN]
            .iter()
            .fold(line(request), |line, colour| line.replace(colour, ""))
    }

    #[test]
    fn one_line_tells_what_became_of_a_request() {
        let html = RequestRecord { answer: Answered::Html, status: 502, ..record() };
        let objection = Objection { code: 100, subcode: None, rule: None, says: "x".to_owned() };
        let warning = Warning { event: 0, rule: "value.negative", says: "y".to_owned() };
        let many = RequestRecord { answer: Answered::Success, events: 3, accepted: 3, ..record() };
        for (request, expect) in [
            (
                RequestRecord { seen_before: 1, ..many.clone() },
                "14:13:20 #212 ds 77 v25.0 3 events  ACCEPTED 3 events, 1 seen before",
            ),
            (
                RequestRecord { version: None, warnings: vec![warning.clone(); 3], ..many },
                "14:13:20 #212 ds 77 unversioned 3 events  ACCEPTED 3 events  warning \
                 value.negative: y (and 2)",
            ),
            (
                refused(),
                "14:13:20 #212 ds 77 v25.0 1 event  REFUSED 100/2804023 currency.with_value: \
                 a?[2J?b",
            ),
            (
                RequestRecord {
                    dataset_id: None,
                    subcode: None,
                    rule: None,
                    code: Some(2500),
                    path: "/x".to_owned(),
                    ..refused()
                },
                "14:13:20 #212 POST /x  REFUSED 2500: a?[2J?b",
            ),
            (
                RequestRecord { fault: Some("html"), accepted: 1, ..html.clone() },
                "14:13:20 #212 ds 77 v25.0 1 event  ANSWERED 502 HTML, and kept 1 event  fault html",
            ),
            (
                RequestRecord { verdict: Some(objection), ..html },
                "14:13:20 #212 ds 77 v25.0 1 event  ANSWERED 502 HTML, would refuse 100",
            ),
            (
                RequestRecord { status: 0, ..record() },
                "14:13:20 #212 ds 77 v25.0 1 event  RESET the connection",
            ),
        ] {
            assert_eq!(shown(&request), expect);
        }
    }
}
