//! Graph versions: which serves a call that asks for another, an old one, or none.
//!
//! In: the version of a path and the time. Out: the version that answers, for the header
//! `facebook-api-version`; `None` for one that Meta never had. Deliberately absent: differences
//! between versions, since the events route has none that we know of. Source: GRAPH/changelog as of
//! 2026-08-13, meta-capi.md 1.3. The Marketing API retires versions sooner; Meta's page counts events
//! as its calls, but names no day for them.

use jiff::Timestamp;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;

/// A version's number before the point, and the first day it is no longer served; `None` where that
/// day is not announced.
type Served = (u32, Option<Date>);

/// Oldest first. Older ones expired before these.
const VERSIONS: [Served; 9] = [
    (18, Some(date(2026, 1, 26))),
    (19, Some(date(2026, 5, 21))),
    (20, Some(date(2026, 9, 24))),
    (21, Some(date(2027, 1, 21))),
    (22, Some(date(2027, 5, 20))),
    (23, Some(date(2027, 10, 8))),
    (24, Some(date(2028, 2, 18))),
    (25, Some(date(2028, 7, 29))),
    (26, None),
];

/// What serves a call at `now` (Unix seconds) that asks for `v25.0`, or for nothing: an expired or
/// unnamed version is served by the oldest that still is.
pub(crate) fn served(asked: Option<&str>, now: i64) -> Option<String> {
    let oldest = oldest(now);
    let major = match asked {
        None => oldest,
        Some(version) => {
            let (major, minor) = numbers(version)?;
            let known = VERSIONS.last().is_some_and(|(newest, _)| major <= *newest);
            if minor != 0 || !known {
                return None;
            }
            major.max(oldest)
        }
    };
    Some(format!("v{major}.0"))
}

/// The version every call without a good one is answered by.
pub(crate) fn fallback(now: i64) -> String {
    format!("v{}.0", oldest(now))
}

/// Whether text reads `v25.0`, known or not.
pub(crate) fn is_version(text: &str) -> bool {
    numbers(text).is_some()
}

/// The versions, each with the day it ends, for people.
pub(crate) fn listed() -> impl Iterator<Item = String> {
    VERSIONS.iter().map(|(major, until)| match until {
        Some(day) => format!("v{major}.0 until {day}"),
        None => format!("v{major}.0"),
    })
}

fn oldest(now: i64) -> u32 {
    let today = today(now);
    let usable = VERSIONS.iter().find(|(_, until)| until.is_none_or(|day| today < day));
    usable.map_or(0, |(major, _)| *major)
}

/// The day in UTC; a time beyond the calendar is its nearest end.
fn today(now: i64) -> Date {
    let end = if now < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_second(now).unwrap_or(end).to_zoned(TimeZone::UTC).date()
}

fn numbers(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.strip_prefix('v')?.split_once('.')?;
    let number = |text: &str| {
        let digits = (1..=3).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten()
    };
    Some((number(major)?, number(minor)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn midnight(day: Date) -> i64 {
        day.to_zoned(TimeZone::UTC).unwrap().timestamp().as_second()
    }

    #[test]
    fn old_and_missing_versions_roll_forward() {
        let now = midnight(date(2026, 11, 21));
        for (asked, expect) in [
            (Some("v26.0"), Some("v26.0")),
            (Some("v25.0"), Some("v25.0")),
            (Some("v21.0"), Some("v21.0")),
            (Some("v20.0"), Some("v21.0")),
            (Some("v3.0"), Some("v21.0")),
            (None, Some("v21.0")),
            (Some("v27.0"), None),
            (Some("v99.0"), None),
            (Some("v25.1"), None),
            (Some("v3.1"), None),
            (Some("25.0"), None),
            (Some("v25"), None),
            (Some("v1000.0"), None),
            (Some("v+5.0"), None),
        ] {
            assert_eq!(served(asked, now).as_deref(), expect, "{asked:?}");
        }
    }

    #[test]
    fn a_version_ends_with_the_day_before_its_last() {
        for (major, until) in VERSIONS {
            let asked = format!("v{major}.0");
            let Some(day) = until else { continue };
            let (last, first) = (midnight(day) - 1, midnight(day));
            assert_eq!(served(Some(&asked), last), Some(asked.clone()), "{asked}");
            assert_eq!(served(Some(&asked), first), Some(format!("v{}.0", major + 1)), "{asked}");
            assert_eq!(fallback(first), format!("v{}.0", major + 1));
        }
        assert_eq!(fallback(i64::MAX), "v26.0");
        assert_eq!(fallback(i64::MIN), "v18.0");
    }
}
