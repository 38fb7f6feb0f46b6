//! Birth dates for `db`.
//!
//! In: text and the current day. Out: `YYYYMMDD`, with a caution where day and month could change
//! places, or a refusal. Only groups of digits are read, whatever stands between them.
//! Deliberately absent: names of months, two-digit years and times of day.
//! Source: Meta, "Customer Information Parameters", row `db` (`2/16/1997` gives `19970216`); the
//! order of the groups is that of Meta's parameter builder, less its impossible days.

use jiff::civil::Date;

use super::refusal::{Caution, Refusal};
use super::text;

/// Earliest year of birth. Source: Meta, "Customer Information Parameters", row `db`.
const YEAR_MIN: i16 = 1900;
/// Groups above this are a year when they come first: no month and no day is larger.
const DAY_MAX: i16 = 31;
/// Groups above this are no month.
const MONTH_MAX: i16 = 12;

/// Year, month, day as numbers, not yet checked against the calendar.
type Parts = (i16, i16, i16);

/// Reads a date and writes it as `YYYYMMDD`.
pub(super) fn normalise(text: &str, today: Date) -> Result<(String, Option<Caution>), Refusal> {
    let (parts, caution) = read(text)?;
    let (year, month, day) = parts;
    if !(YEAR_MIN..=today.year()).contains(&year) {
        return Err(Refusal::YearOutOfRange);
    }
    if !exists(parts) {
        return Err(Refusal::NoSuchDay);
    }
    Ok((format!("{year:04}{month:02}{day:02}"), caution))
}

fn read(text: &str) -> Result<(Parts, Option<Caution>), Refusal> {
    let mut groups = text.split(|c| text::digit(c).is_none()).filter(|group| !group.is_empty());
    match (groups.next(), groups.next(), groups.next(), groups.next()) {
        (Some(whole), None, ..) => Ok((compact(whole)?, None)),
        (Some(first), Some(second), Some(third), None) => {
            Ok(in_order(number(first)?, number(second)?, number(third)?))
        }
        _ => Err(Refusal::NotADate),
    }
}

/// One group of 8 digits: `YYYYMMDD`.
fn compact(group: &str) -> Result<Parts, Refusal> {
    let digits: Vec<u8> = group.chars().take(9).filter_map(text::digit).collect();
    let [y1, y2, y3, y4, m1, m2, d1, d2] = digits[..] else { return Err(Refusal::NotADate) };
    let year = [y1, y2, y3, y4].map(i16::from).iter().fold(0, |sum, digit| sum * 10 + digit);
    Ok((year, i16::from(m1 * 10 + m2), i16::from(d1 * 10 + d2)))
}

/// A group of 1 to 4 digits.
fn number(group: &str) -> Result<i16, Refusal> {
    if group.chars().nth(4).is_some() {
        return Err(Refusal::NotADate);
    }
    let digits = group.chars().filter_map(text::digit);
    Ok(digits.fold(0, |sum, digit| sum * 10 + i16::from(digit)))
}

/// Decides which of three groups is the year, the month and the day.
fn in_order(first: i16, second: i16, third: i16) -> (Parts, Option<Caution>) {
    if first > DAY_MAX {
        let swapped = second > MONTH_MAX;
        let parts = if swapped { (first, third, second) } else { (first, second, third) };
        return (parts, None);
    }
    if first > MONTH_MAX {
        return ((third, second, first), None);
    }
    let doubtful = second <= MONTH_MAX && first != second;
    ((third, first, second), doubtful.then_some(Caution::AmbiguousDate))
}

fn exists((year, month, day): Parts) -> bool {
    i8::try_from(month)
        .and_then(|month| i8::try_from(day).map(|day| Date::new(year, month, day)))
        .is_ok_and(|date| date.is_ok())
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::normalise;
    use crate::core::customer::Caution::{self, AmbiguousDate};
    use crate::core::customer::Refusal::{self, NoSuchDay, NotADate, YearOutOfRange};

    #[test]
    fn groups_of_digits_make_a_date() {
        type Expected = Result<(&'static str, Option<Caution>), Refusal>;
        let rows: &[(&str, Expected, &str)] = &[
            ("19970216", Ok(("19970216", None)), "one group of 8"),
            ("1997-02-16", Ok(("19970216", None)), "year first"),
            ("1997-2-3", Ok(("19970203", None)), "year first is not doubtful"),
            ("1997/16/02", Ok(("19970216", None)), "year first, swapped"),
            ("2/16/1997", Ok(("19970216", None)), "month first"),
            ("16.02.1997", Ok(("19970216", None)), "first above 12"),
            ("02/03/2001", Ok(("20010203", Some(AmbiguousDate))), "both ways"),
            ("12/01/2001", Ok(("20011201", Some(AmbiguousDate))), "12 can be a month"),
            ("13/01/2001", Ok(("20010113", None)), "13 cannot"),
            ("03/03/2001", Ok(("20010303", None)), "both ways say the same"),
            ("1997年2月16日", Ok(("19970216", None)), "letters separate groups"),
            ("１９９７－０２－１６", Ok(("19970216", None)), "full-width digits"),
            ("١٩٩٧/٠٢/١٦", Ok(("19970216", None)), "Arabic-Indic digits"),
            ("1900-01-01", Ok(("19000101", None)), "first day"),
            ("1899-12-31", Err(YearOutOfRange), "one day before"),
            ("2026-12-31", Ok(("20261231", None)), "the current year counts whole"),
            ("2027-01-01", Err(YearOutOfRange), "next year"),
            ("97-02-16", Err(YearOutOfRange), "two-digit year"),
            ("2/16/97", Err(YearOutOfRange), "two-digit year"),
            ("31-12-1999", Ok(("19991231", None)), "31 is a day"),
            ("32-12-1999", Err(YearOutOfRange), "32 is a year"),
            ("02161997", Err(YearOutOfRange), "8 digits are YYYYMMDD, nothing else"),
            ("2/30/1997", Err(NoSuchDay), "February 30"),
            ("29.02.2000", Ok(("20000229", None)), "leap year"),
            ("29.02.1900", Err(NoSuchDay), "no leap year"),
            ("19970230", Err(NoSuchDay), "February 30"),
            ("1997-00-16", Err(NoSuchDay), "month 0"),
            ("1997-02-00", Err(NoSuchDay), "day 0"),
            ("13/13/1997", Err(NoSuchDay), "month 13"),
            ("1997-02-9999", Err(NoSuchDay), "day 9999"),
            ("1997-02", Err(NotADate), "two groups"),
            ("1997-02-16T00:00:00Z", Err(NotADate), "six groups"),
            ("February 16, 1997", Err(NotADate), "two groups"),
            ("1997021", Err(NotADate), "7 digits"),
            ("199702160", Err(NotADate), "9 digits"),
            ("856051200000", Err(NotADate), "a time in milliseconds"),
            ("01997-02-16", Err(NotADate), "a group of 5"),
            ("birthday", Err(NotADate), "no digits"),
            ("\0", Err(NotADate), "no digits"),
        ];
        for &(text, expected, source) in rows {
            let expected = expected.map(|(date, caution)| (date.to_owned(), caution));
            assert_eq!(normalise(text, date(2026, 11, 21)), expected, "{text:?}: {source}");
        }
    }
}
