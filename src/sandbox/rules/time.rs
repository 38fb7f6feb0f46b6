//! Rules about when an event happened: neither too long ago nor still to come.
//!
//! In: an [`Event`] with the clock in it. Out: 2804003 or 2804004. Deliberately absent: the clock
//! itself, and the advice to send within the hour, which Meta never enforces. Source:
//! CAPI/parameters/server-event, CAPI/offline-events, meta-capi.md 1.4 and 2.2.

use super::complaint::{IN_THE_FUTURE, TOO_OLD};
use super::{Event, Rule, Strength};

/// Days an event may be old.
const WINDOW_DAYS: i128 = 7;
/// Days an event of a physical store may be old.
const STORE_WINDOW_DAYS: i128 = 62;
/// Seconds an event may lie ahead. Meta's own tolerance is not published; a clock that is a minute
/// fast is normal, an hour is not.
const AHEAD_SECS: i128 = 60;

pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "event_time.too_old",
        strength: Strength::Known,
        answers: &TOO_OLD,
        source: "CAPI/parameters/server-event [D], CAPI/offline-events [D]; subcode [R]",
        check: is_recent,
    },
    Rule {
        name: "event_time.future",
        strength: Strength::Known,
        answers: &IN_THE_FUTURE,
        source: "Adsmurai GTM template#3 [R]; 60 seconds of tolerance and the subcode [A]",
        check: has_happened,
    },
];

fn is_recent(event: &Event<'_>) -> Option<String> {
    let store = event.source == Some("physical_store");
    let days = if store { STORE_WINDOW_DAYS } else { WINDOW_DAYS };
    (age(event)? > days * 86_400).then(|| {
        format!(
            "The timestamp for this event is too far in the past. Events need to be sent from \
             your server within {days} days of when they occurred. Enter a timestamp that has \
             occurred within the last {days} days."
        )
    })
}

fn has_happened(event: &Event<'_>) -> Option<String> {
    (-age(event)? > AHEAD_SECS).then(|| IN_THE_FUTURE.says.to_owned())
}

/// Seconds since the event.
fn age(event: &Event<'_>) -> Option<i128> {
    Some(i128::from(event.now).saturating_sub(event.time()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::sandbox::rules::cases::{NOW, assert_all, right, says, with};

    const DAY: i64 = 86_400;

    #[test]
    fn the_edges_of_the_window() {
        let rows = [
            ("/event_time", json!(NOW), ""),
            ("/event_time", json!(NOW - 7 * DAY), ""),
            ("/event_time", json!(NOW - 7 * DAY - 1), "event_time.too_old"),
            ("/event_time", json!(0), "event_time.too_old"),
            ("/event_time", json!(-1), "event_time.too_old"),
            ("/event_time", json!(NOW + 60), ""),
            ("/event_time", json!(NOW + 61), "event_time.future"),
            ("/event_time", json!(NOW * 1000), "event_time.future"),
            ("/event_time", json!(u64::MAX), "event_time.future"),
        ];
        assert_all(&right("app"), &rows);
    }

    #[test]
    fn a_store_may_report_for_two_months() {
        let rows = [
            ("/event_time", json!(NOW - 62 * DAY), ""),
            ("/event_time", json!(NOW - 62 * DAY - 1), "event_time.too_old"),
        ];
        assert_all(&right("physical_store"), &rows);
    }

    #[test]
    fn the_sentence_is_metas() {
        let old = with(right("app"), "/event_time", json!(1));
        assert!(says(&old).contains("within 7 days of when they occurred"));
    }
}
