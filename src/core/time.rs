//! Instants, as Unix seconds and milliseconds, and how they are read from a request or a flag.
//!
//! In: RFC 3339 text or a Unix number. Out: a [`Timestamp`]. Nothing here asks what time it is;
//! `clock` does, and hands the answer to the core as a value.

use jiff::Timestamp as Instant;

/// A moment with millisecond resolution: what a payment, an event and a lease are dated with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Milliseconds since the Unix epoch. Always within the years 1 to 9999.
    millis: i64,
}

/// The earliest and the latest Unix second that RFC 3339 can write (years 1 to 9999).
const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_207_200;

/// Thirteen digits: a Unix time of this size was meant in milliseconds (10¹¹ s is the year 5138).
pub const LOOKS_LIKE_MILLIS: u64 = 100_000_000_000;

/// Why a text is not a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotATime {
    /// Neither RFC 3339 nor a whole number of seconds.
    #[error("is neither RFC 3339 (2026-02-28T12:00:00Z) nor Unix seconds")]
    Unreadable,
    /// A number of seconds too large for this century: milliseconds, most likely.
    #[error("looks like milliseconds; Unix seconds have ten digits")]
    Milliseconds,
}

impl Timestamp {
    /// The moment so many seconds after the epoch, bounded to the years 1 to 9999.
    #[must_use]
    pub fn from_seconds(seconds: i64) -> Self {
        Self { millis: seconds.clamp(*SECONDS.start(), *SECONDS.end()) * 1_000 }
    }

    /// The moment so many milliseconds after the epoch, bounded to the years 1 to 9999.
    #[must_use]
    pub fn from_millis(millis: i64) -> Self {
        Self { millis: millis.clamp(SECONDS.start() * 1_000, SECONDS.end() * 1_000) }
    }

    /// Whole Unix seconds, as Meta's `event_time` wants them.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.millis.div_euclid(1_000)
    }

    /// Unix milliseconds.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.millis
    }

    /// This moment moved by so many milliseconds.
    #[must_use]
    pub fn plus_millis(self, millis: i64) -> Self {
        Self::from_millis(self.millis.saturating_add(millis))
    }

    /// Milliseconds from `earlier` to this moment; negative if `earlier` is later.
    #[must_use]
    pub const fn millis_since(self, earlier: Self) -> i64 {
        self.millis - earlier.millis
    }

    /// The calendar day in UTC.
    #[must_use]
    pub fn date(self) -> jiff::civil::Date {
        jiff::tz::Offset::UTC.to_datetime(self.instant()).date()
    }

    /// The calendar month in UTC: its first moment, and the first moment of the next.
    #[must_use]
    pub fn month(self) -> (Self, Self) {
        let first = self.date().first_of_month();
        let next = first.saturating_add(jiff::Span::new().months(1));
        (Self::midnight(first), Self::midnight(next))
    }

    /// The first moment of a day in UTC.
    #[must_use]
    pub fn midnight(day: jiff::civil::Date) -> Self {
        let instant = jiff::tz::Offset::UTC.to_timestamp(day.at(0, 0, 0, 0));
        Self::from_millis(instant.unwrap_or(Instant::MAX).as_millisecond())
    }

    /// Reads RFC 3339 text or Unix seconds (whole, or with a fraction).
    ///
    /// # Errors
    /// [`NotATime`] says which of the two usual mistakes it was.
    pub fn read(text: &str) -> Result<Self, NotATime> {
        if let Ok(instant) = text.trim().parse::<Instant>() {
            return Ok(Self::from_millis(instant.as_millisecond()));
        }
        let whole = text.trim().split('.').next().unwrap_or_default();
        let fraction = &text.trim()[whole.len()..];
        let digits = fraction.strip_prefix('.').unwrap_or("0");
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NotATime::Unreadable);
        }
        let seconds: i64 = whole.parse().map_err(|_| NotATime::Unreadable)?;
        if seconds.unsigned_abs() >= LOOKS_LIKE_MILLIS {
            return Err(NotATime::Milliseconds);
        }
        let millis: i64 = format!("{digits:0<3}")[..3].parse().map_err(|_| NotATime::Unreadable)?;
        let away_from_zero = if whole.starts_with('-') { -millis } else { millis };
        Ok(Self::from_seconds(seconds).plus_millis(away_from_zero))
    }

    fn instant(self) -> Instant {
        Instant::from_millisecond(self.millis).unwrap_or(Instant::UNIX_EPOCH)
    }
}

/// RFC 3339 in UTC, to the second, or to the millisecond where there is one.
impl std::fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}", self.instant())
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_a_moment_are_read() {
        // Expected values: `date -u -d @1772280000` and its neighbours.
        for (text, millis) in [
            ("1772280000", Ok(1_772_280_000_000)),
            (" 1772280000 ", Ok(1_772_280_000_000)),
            ("1772280000.25", Ok(1_772_280_000_250)),
            ("2026-02-28T12:00:00Z", Ok(1_772_280_000_000)),
            ("2026-02-28T17:30:00+05:30", Ok(1_772_280_000_000)),
            ("2026-02-28T12:00:00.125Z", Ok(1_772_280_000_125)),
            ("-1", Ok(-1_000)),
            ("-1.5", Ok(-1_500)),
            ("-0.25", Ok(-250)),
            ("-9223372036854775808", Err(NotATime::Milliseconds)),
            ("1772280000000", Err(NotATime::Milliseconds)),
            ("2026-02-28", Err(NotATime::Unreadable)),
            ("yesterday", Err(NotATime::Unreadable)),
            ("1772280000.", Err(NotATime::Unreadable)),
            ("", Err(NotATime::Unreadable)),
        ] {
            assert_eq!(Timestamp::read(text).map(Timestamp::millis), millis, "{text}");
        }
    }

    #[test]
    fn a_moment_prints_as_rfc_3339() {
        assert_eq!(Timestamp::from_seconds(1_772_280_000).to_string(), "2026-02-28T12:00:00Z");
        assert_eq!(Timestamp::from_millis(-1).to_string(), "1969-12-31T23:59:59.999Z");
        assert_eq!(Timestamp::from_millis(-1).seconds(), -1);
    }

    #[test]
    fn a_month_ends_where_the_next_begins() {
        // Expected values: the calendar.
        for (moment, first, next) in [
            ("2026-02-28T12:00:00Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"),
            ("2026-02-28T23:59:59.999Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"),
            ("2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z"),
            ("2028-02-29T00:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"),
            ("2026-12-31T23:00:00-02:00", "2027-01-01T00:00:00Z", "2027-02-01T00:00:00Z"),
        ] {
            let month = Timestamp::read(moment).expect(moment).month();
            assert_eq!((&*month.0.to_string(), &*month.1.to_string()), (first, next), "{moment}");
        }
        let last = Timestamp::from_seconds(i64::MAX);
        assert!(last.month().0 <= last, "no panic at the end of time");
    }

    #[test]
    fn moments_are_bounded_instead_of_overflowing() {
        let last = Timestamp::from_seconds(i64::MAX);
        assert_eq!(last.plus_millis(i64::MAX), last);
        assert_eq!(Timestamp::from_millis(i64::MIN), Timestamp::from_seconds(i64::MIN));
    }
}
