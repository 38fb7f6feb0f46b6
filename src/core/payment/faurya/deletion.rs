//! Which payments a call of `DELETE /api/v1/payments` means.
//!
//! In: its JSON body. Out: a [`Deletion`]: one transaction, or whatever lies within a visitor and a
//! range of time. A transaction's id wins over all else. A filter that is named and blank is
//! refused: leaving it out would delete more than was meant.
//!
//! Source: Faurya, "Delete Payments" (requirements, 4.1 and FA-17). Ours: what blank filters mean,
//! and that a bare date stands for its whole day in UTC.

use jiff::civil::Date;

use super::optional_id;
use crate::core::finding::{Code, Finding};
use crate::core::json::{self, Json};
use crate::core::payment::reader::BodyReader;
use crate::core::payment::{PaymentId, Reading, UserId};
use crate::core::time::Timestamp;

/// Milliseconds of a day.
const DAY_MILLIS: i64 = 24 * 3_600_000;

/// Length of `2026-02-28`.
const DATE_CHARS: usize = 10;

/// Every field of a deletion. Another one may be meant as a limit, and is refused.
pub const FILTERS: [&str; 7] =
    ["transaction_id", "tx_id", "faurya_visitor_id", "startAt", "startDate", "endAt", "endDate"];

/// Which payments are to be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deletion {
    /// The one of this id.
    Transaction(PaymentId),
    /// All that match. At least one of the three is given.
    Matching {
        /// Whose; everybody's if absent.
        visitor: Option<UserId>,
        /// Received then or later; since the beginning if absent.
        from: Option<Timestamp>,
        /// Received then or before; until now if absent.
        to: Option<Timestamp>,
    },
}

/// Which end of a range a time is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    First,
    Last,
}

/// Reads the body of a deletion.
#[must_use]
pub fn read_deletion(body: &Json<'_>) -> Reading<Deletion> {
    let Some(fields) = json::fields(body) else { return BodyReader::not_an_object(body) };
    let mut reader = BodyReader::new(fields);
    reader.nothing_but(&FILTERS, &[], "leave it out: no deletion is narrowed by it");
    let transaction = ["transaction_id", "tx_id"].into_iter().find(|key| names(key, &reader));
    if let Some(key) = transaction {
        let id = named_id(key, &mut reader).and_then(PaymentId::read);
        let id = id.filter(|_| !reader.findings.has_error());
        return Reading { value: id.map(Deletion::Transaction), findings: reader.findings };
    }
    let visitor = named_id("faurya_visitor_id", &mut reader).and_then(UserId::read);
    let from = time(["startAt", "startDate"], End::First, &mut reader);
    let to = time(["endAt", "endDate"], End::Last, &mut reader);
    if let (Some(from), Some(to)) = (from, to)
        && from > to
    {
        let says = "the range ends before it starts";
        reader.findings.push(Finding::in_body(Code::TimeUnreadable, "", says));
    }
    if visitor.is_none() && from.is_none() && to.is_none() && reader.findings.is_empty() {
        let says = "transaction_id, faurya_visitor_id, startAt or endAt is required";
        reader.findings.push(Finding::in_body(Code::FieldMissing, "", says));
    }
    let value = (!reader.findings.has_error()).then_some(Deletion::Matching { visitor, from, to });
    Reading { value, findings: reader.findings }
}

/// Whether the body names this field, with whatever value.
fn names(key: &str, reader: &BodyReader<'_, '_>) -> bool {
    reader.fields().iter().any(|(name, _)| name == key)
}

/// An id that may be absent, but not blank.
fn named_id<'f>(key: &str, reader: &mut BodyReader<'f, '_>) -> Option<&'f str> {
    not_blank(key, reader).then(|| optional_id(key, reader)).flatten()
}

/// Whether a field says something. One that is there and blank is an error.
fn not_blank(key: &str, reader: &mut BodyReader<'_, '_>) -> bool {
    if names(key, reader) && reader.get(key).is_none_or(json::is_blank) {
        let says = format!("{key} is blank");
        let finding = Finding::in_body(Code::FieldMissing, reader.pointer(key), says);
        reader.findings.push(finding.help(format!("give {key} a value, or leave it out")));
        return false;
    }
    true
}

/// A time under the first of two names: RFC 3339, Unix seconds, or a date for its whole day.
fn time(keys: [&str; 2], end: End, reader: &mut BodyReader<'_, '_>) -> Option<Timestamp> {
    let key = keys.into_iter().find(|key| names(key, reader))?;
    if !not_blank(key, reader) {
        return None;
    }
    match reader.get(key).and_then(json::text).and_then(date) {
        Some(date) => Some(of_day(date, end)),
        None => reader.time(key),
    }
}

/// A date and nothing behind it: a local time without its offset is no moment.
fn date(text: &str) -> Option<Date> {
    let text = text.trim();
    if text.len() == DATE_CHARS { text.parse().ok() } else { None }
}

fn of_day(date: Date, end: End) -> Timestamp {
    let first = Timestamp::midnight(date);
    match end {
        End::First => first,
        End::Last => first.plus_millis(DAY_MILLIS - 1),
    }
}
