//! An event as the rules look at it, and the sentences Meta complains in.
//!
//! In: the object of one event, its index, the time. Out: its parts, paths such as
//! `$['data'][0]['custom_data']`, and Meta's three schema sentences. Deliberately absent: rules.
//! Source of the sentences: meta-capi.md 9.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::sandbox::answer::clip;
use crate::sandbox::json::{Json, Object};

/// One event under judgement.
pub(crate) struct Event<'a> {
    /// The event's own object.
    pub(crate) body: &'a Object<'a>,
    /// The clock, in Unix seconds.
    pub(crate) now: i64,
    index: usize,
    /// `event_name`, where it is text.
    pub(crate) name: Option<&'a str>,
    /// `action_source`, where it is text.
    pub(crate) source: Option<&'a str>,
    /// `user_data`, where it is an object.
    pub(crate) user: Option<&'a Object<'a>>,
    /// `custom_data`, where it is an object.
    pub(crate) custom: Option<&'a Object<'a>>,
}

/// What a value must be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Text,
    Whole,
    /// A JSON number, or text that reads as one: Meta's own samples send both.
    Number,
    /// `true`, `false`, 0 or 1.
    Flag,
    Object,
}

impl<'a> Event<'a> {
    pub(crate) fn new(body: &'a Object<'a>, index: usize, now: i64) -> Self {
        let text = |key| body.get(key).and_then(Json::text);
        let part = |key| body.get(key).and_then(Json::object);
        let (name, source) = (text("event_name"), text("action_source"));
        let (user, custom) = (part("user_data"), part("custom_data"));
        Self { body, now, index, name, source, user, custom }
    }

    /// The path of a value of this event: `at(&["custom_data", "value"])`.
    pub(crate) fn at(&self, steps: &[&str]) -> String {
        let start = format!("$['data'][{}]", self.index);
        steps.iter().fold(start, |path, step| format!("{path}['{}']", clip(step)))
    }

    /// `event_time` in Unix seconds, as far as it can be read: as Meta wants it, as text or with a
    /// fraction, or as a date of ISO 8601.
    pub(crate) fn time(&self) -> Option<i128> {
        match self.body.get("event_time")? {
            Json::Whole(seconds) => Some(*seconds),
            Json::Fraction(seconds) => whole(*seconds),
            Json::Text(text) => text.parse().ok().or_else(|| date(text)),
            Json::Null | Json::Bool(_) | Json::List(_) | Json::Object(_) => None,
        }
    }

    /// The complaint about a required key of the event that is absent.
    pub(crate) fn requires(&self, key: &str) -> Option<String> {
        self.body.given(key).is_none().then(|| required(&self.at(&[key])))
    }

    /// The complaint about a key of the event that is of the wrong kind.
    pub(crate) fn demands(&self, key: &str, kind: Kind) -> Option<String> {
        let value = self.body.get(key)?;
        (!kind.fits(value)).then(|| must_be(&self.at(&[key]), kind.says()))
    }

    /// The complaint about a key of `custom_data` that is of the wrong kind.
    pub(crate) fn demands_custom(&self, key: &str, kind: Kind) -> Option<String> {
        let value = self.custom?.get(key)?;
        (!kind.fits(value)).then(|| must_be(&self.at(&["custom_data", key]), kind.says()))
    }
}

impl Kind {
    pub(crate) fn fits(self, value: &Json<'_>) -> bool {
        match self {
            Self::Text => value.text().is_some(),
            Self::Whole => value.whole().is_some(),
            Self::Number => is_number(value),
            Self::Flag => matches!(value, Json::Bool(_) | Json::Whole(0 | 1)),
            Self::Object => value.object().is_some(),
        }
    }

    pub(crate) fn says(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Whole => "an integer",
            Self::Number => "a number",
            Self::Flag => "a boolean",
            Self::Object => "an object",
        }
    }
}

/// A number without its fraction; `None` beyond what a clock can show.
fn whole(number: f64) -> Option<i128> {
    format!("{:.0}", number.trunc()).parse().ok()
}

/// A date, or a date with a time and an offset, as Unix seconds.
fn date(text: &str) -> Option<i128> {
    let midnight = |day: Date| Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp());
    let time = text.parse::<Timestamp>().ok().or_else(|| midnight(text.parse().ok()?));
    time.map(|time| time.as_second().into())
}

pub(crate) fn required(path: &str) -> String {
    format!("The parameter {path} is required")
}

pub(crate) fn must_be(path: &str, what: &str) -> String {
    format!("Param {path} must be {what}")
}

pub(crate) fn must_be_one_of(path: &str, words: &[&str]) -> String {
    must_be(path, &format!("one of the following values: {}", words.join(", ")))
}

pub(crate) fn unexpected(key: &str, path: &str) -> String {
    format!("Unexpected key \"{}\" on param \"{path}\"", clip(key))
}

/// Whether a value is text out of a closed list.
pub(crate) fn is_one_of(value: &Json<'_>, words: &[&str]) -> bool {
    value.text().is_some_and(|text| words.contains(&text))
}

/// Whether a value is a finite number, or text of digits that reads as one.
fn is_number(value: &Json<'_>) -> bool {
    match value {
        Json::Whole(_) => true,
        Json::Fraction(number) => number.is_finite(),
        Json::Text(text) => {
            text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'))
                && text.parse::<f64>().is_ok_and(f64::is_finite)
        }
        Json::Null | Json::Bool(_) | Json::List(_) | Json::Object(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_written_as_meta_writes_them() {
        let tree = Json::read("{}").unwrap();
        let event = Event::new(tree.object().unwrap(), 12, 0);
        assert_eq!(event.at(&[]), "$['data'][12]");
        assert_eq!(event.at(&["custom_data", "value"]), "$['data'][12]['custom_data']['value']");
    }

    #[test]
    fn times_in_every_form_that_can_be_read() {
        for (text, expect) in [
            ("1790000000", Some(1_790_000_000)),
            ("1790000000.9", Some(1_790_000_000)),
            ("\"1790000000\"", Some(1_790_000_000)),
            ("\"2026-09-21T14:13:20Z\"", Some(1_790_000_000)),
            ("\"2026-09-21T19:43:20+05:30\"", Some(1_790_000_000)),
            ("\"2026-09-21\"", Some(1_789_948_800)),
            ("\"soon\"", None),
            ("true", None),
            ("[1790000000]", None),
            ("null", None),
        ] {
            let tree = format!("{{\"event_time\":{text}}}");
            let tree = Json::read(&tree).unwrap();
            assert_eq!(Event::new(tree.object().unwrap(), 0, 0).time(), expect, "{text}");
        }
    }

    #[test]
    fn numbers_in_both_forms() {
        for text in ["0", "-1", "1.5", "1e3", "\"142.52\"", "\"-1\"", "\"1e3\""] {
            assert!(is_number(&Json::read(text).unwrap()), "{text}");
        }
        for text in
            ["\"\"", "\" 1\"", "\"1,000\"", "\"inf\"", "\"NaN\"", "\"1e999\"", "true", "[1]"]
        {
            assert!(!is_number(&Json::read(text).unwrap()), "{text}");
        }
    }
}
