//! Phone numbers for `ph`.
//!
//! In: folded text, and the country of numbers in national form where a mapping names one. Out:
//! digits with the country code first, or a refusal. Deliberately absent: guessing a country code.
//! Without a `default_country` the digits are hashed as they stand, which is what Meta's own code
//! does; with one, libphonenumber's rules complete the number and take out a trunk zero.
//! Source: Meta, "Customer Information Parameters", row `ph` (no symbols, letters or leading
//! zeros); the length is that of Meta's Ruby and Node SDKs.

use rlibphonenumber::{
    NumberLengthType, PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat, Region,
};

use super::country::CountryCode;
use super::refusal::{Caution, Refusal};
use super::text;

/// Fewest digits. Source: Meta's Ruby and Node SDKs.
const DIGITS_MIN: usize = 7;
/// Most digits. Source: Meta's Ruby and Node SDKs (E.164 itself ends at 15).
const DIGITS_MAX: usize = 16;

/// Keeps the digits, as ASCII and without leading zeros; completes a national number where
/// `country` says with what.
pub(super) fn normalise(
    text: &str,
    country: Option<CountryCode>,
) -> Result<(String, Option<Caution>), Refusal> {
    if has_extension(text) {
        return Err(Refusal::PhoneExtension);
    }
    let digits = digits(text)?;
    let Some(country) = country else {
        let caution = is_countryless(text, &digits).then_some(Caution::NoCountry);
        return Ok((digits, caution));
    };
    Ok(completed(text, &digits, country).unwrap_or((digits, None)))
}

/// Whether a number has neither a sign of its country, nor the length of one with a country code,
/// nor digits that are one of the world's.
fn is_countryless(text: &str, digits: &str) -> bool {
    let is_short = digits.len() <= LENGTH_OF_NATIONAL && !is_international(text);
    is_short && !parsed(&format!("+{digits}"), None).is_some_and(|number| is_valid(&number))
}

/// The number with its country code, if libphonenumber knows what to make of it.
///
/// `digits` are those of `text` without leading zeros. In this order: a number that begins with
/// `+` or `00` names its country; one that begins with the country's own code is complete; then
/// the national reading counts, since that is what `default_country` says of numbers, and then
/// any reading at all.
fn completed(text: &str, digits: &str, country: CountryCode) -> Option<(String, Option<Caution>)> {
    let world = parsed(&format!("+{digits}"), None);
    if is_international(text) {
        return world.map(|number| (written(&number), None));
    }
    let region = Region::try_from(country.as_str().to_ascii_uppercase().as_str()).ok()?;
    let ascii: String =
        text.chars().filter_map(text::digit).map(|digit| char::from(b'0' + digit)).collect();
    let national = parsed(&ascii, Some(region))?;
    let abroad = world.filter(is_valid);
    let has_trunk = ascii.starts_with('0');
    let is_own = |number: &PhoneNumber| number.country_code == national.country_code;
    if abroad.as_ref().is_some_and(|number| is_own(number) && !has_trunk) {
        return Some((digits.to_owned(), None));
    }
    if is_valid(&national) {
        let doubt = abroad.is_some() && !has_trunk && digits.len() > LENGTH_OF_NATIONAL;
        return Some((written(&national), doubt.then_some(Caution::PerhapsAbroad)));
    }
    if abroad.is_some() {
        return Some((digits.to_owned(), None));
    }
    // A number that only its own town can dial is not the whole number.
    let possible = PHONE_NUMBER_UTIL.is_possible_number_with_reason(&national);
    (possible == Ok(NumberLengthType::IsPossible)).then(|| (written(&national), None))
}

/// Digits of most countries' national numbers, at most: a longer one that is valid abroad as well
/// deserves a word.
const LENGTH_OF_NATIONAL: usize = 10;

fn is_valid(number: &PhoneNumber) -> bool {
    PHONE_NUMBER_UTIL.is_valid_number(number)
}

fn is_international(text: &str) -> bool {
    let start = text.trim_start_matches(|c| text::digit(c).is_none() && !matches!(c, '+' | '＋'));
    let mut digits = start.chars().filter_map(text::digit);
    start.starts_with(['+', '＋']) || (digits.next() == Some(0) && digits.next() == Some(0))
}

fn parsed(text: &str, region: Option<Region>) -> Option<PhoneNumber> {
    PHONE_NUMBER_UTIL.parse(text, region).ok()
}

fn written(number: &PhoneNumber) -> String {
    let written = PHONE_NUMBER_UTIL.format(number, PhoneNumberFormat::E164);
    written.trim_start_matches('+').to_owned()
}

/// The digits as ASCII, without leading zeros.
fn digits(text: &str) -> Result<String, Refusal> {
    let mut digits = String::with_capacity(DIGITS_MAX);
    for digit in text.chars().filter_map(text::digit).skip_while(|&digit| digit == 0) {
        if digits.len() == DIGITS_MAX {
            return Err(Refusal::PhoneLength);
        }
        digits.push(char::from(b'0' + digit));
    }
    if digits.len() < DIGITS_MIN { Err(Refusal::PhoneLength) } else { Ok(digits) }
}

/// Whether the text holds `ext`, a number sign, or an `x` with a digit behind it.
///
/// White space and punctuation may stand between the `x` and its digit.
fn has_extension(text: &str) -> bool {
    // Few numbers hold any of the four characters that every marker begins with or contains.
    text.contains(['#', '＃', 'x', 'ｘ'])
        && (text.contains(['#', '＃'])
            || text.contains("ext")
            || text.split(['x', 'ｘ']).skip(1).any(begins_with_digit))
}

fn begins_with_digit(text: &str) -> bool {
    text.chars().find(|&c| text::is_letter_or_digit(c)).is_some_and(|c| text::digit(c).is_some())
}

#[cfg(test)]
mod tests {
    use super::{Caution, CountryCode, normalise};
    use crate::core::customer::Refusal::{self, PhoneExtension, PhoneLength};

    #[test]
    fn digits_are_all_that_counts() {
        let rows: &[(&str, Result<&str, Refusal>, &str)] = &[
            ("+1 (650) 555-1212", Ok("16505551212"), "symbols"),
            ("650.555.1212", Ok("6505551212"), "dots; no country code is guessed"),
            ("44-12390821300a", Ok("4412390821300"), "letters"),
            ("0044 20 7946 0958", Ok("442079460958"), "all leading zeros"),
            ("000000016505551212", Ok("16505551212"), "all leading zeros"),
            ("+44 (0)20 7946 0958", Ok("4402079460958"), "no default country: the trunk 0 stays"),
            ("٠٠٩٧١٥٠١٢٣٤٥٦٧", Ok("971501234567"), "Arabic-Indic digits"),
            ("＋８１　３　５８４３　２３０１", Ok("81358432301"), "full-width digits"),
            ("1234567", Ok("1234567"), "7 digits"),
            ("123456", Err(PhoneLength), "6 digits"),
            ("0123456", Err(PhoneLength), "7 digits, one a leading zero"),
            ("1234567890123456", Ok("1234567890123456"), "16 digits"),
            ("12345678901234567", Err(PhoneLength), "17 digits"),
            ("00000000", Err(PhoneLength), "zeros only"),
            ("call me", Err(PhoneLength), "no digit"),
            ("12345", Err(PhoneLength), "refuse list of 3.8"),
            ("+1-650-555-1212 ext. 123", Err(PhoneExtension), "refuse list of 3.8"),
            ("+16505551212;ext=123", Err(PhoneExtension), "RFC 3966"),
            ("+1 650 555 1212 extension 5", Err(PhoneExtension), "ext"),
            ("16505551212x123", Err(PhoneExtension), "x123"),
            ("16505551212 x. 1", Err(PhoneExtension), "x, a gap, a digit"),
            ("16505551212 x٣", Err(PhoneExtension), "x and a digit of another script"),
            ("16505551212#12", Err(PhoneExtension), "number sign"),
            ("16505551212 x", Ok("16505551212"), "an x without a digit is a letter"),
            ("xx 16505551212", Err(PhoneExtension), "x, a gap, a digit"),
            ("16505551212\0", Ok("16505551212"), "NUL is no digit"),
            ("\u{202b}+97250 123 4567\u{202c}", Ok("972501234567"), "marks of direction"),
            ("16505551212😀²", Ok("16505551212"), "no decimal digits"),
        ];
        for &(text, expected, source) in rows {
            assert_eq!(
                normalise(text, None).map(|(digits, _)| digits),
                expected.map(Into::into),
                "{text}: {source}"
            );
        }
    }

    #[test]
    fn a_national_number_is_completed() {
        // The numbering plans of ITU-T E.164's national annexes, as libphonenumber holds them.
        for (text, country, expected, source) in [
            ("98765 43210", "in", "919876543210", "mobile"),
            ("098765 43210", "in", "919876543210", "trunk zero"),
            ("919876543210", "in", "919876543210", "country code without a plus"),
            ("0091 98765 43210", "in", "919876543210", "00 is the way abroad"),
            ("+44 (0)20 7946 0958", "in", "442079460958", "a plus names the country; (0) goes"),
            ("+442079460958", "us", "442079460958", "a plus names the country"),
            ("16505551212", "in", "16505551212", "no Indian number, but one of the world"),
            ("020 7946 0958", "gb", "442079460958", "trunk zero"),
            (
                "07700 900123",
                "gb",
                "447700900123",
                "possible, though nobody's (Ofcom's drama range)",
            ),
            ("(650) 555-1212", "us", "16505551212", "Meta's worked example with country US"),
            ("8 495 123-45-67", "ru", "74951234567", "trunk 8"),
            ("06 1234 5678", "it", "390612345678", "Italy keeps its zero"),
            ("+39 06 1234 5678", "us", "390612345678", "Italy keeps its zero"),
            ("٠٥٠١٢٣٤٥٦٧", "ae", "971501234567", "Arabic-Indic digits"),
            ("4915123456789", "de", "4915123456789", "the country's own code"),
            ("015123456789", "de", "4915123456789", "trunk zero"),
            ("15123456789", "de", "4915123456789", "neither"),
            ("4366412345678", "at", "4366412345678", "the country's own code"),
            ("1234567", "in", "1234567", "no number anywhere: the digits as they stand"),
        ] {
            let country = CountryCode::read(country);
            let number = normalise(text, country).map(|(digits, _)| digits);
            assert_eq!(number.as_deref(), Ok(expected), "{text}: {source}");
        }
    }

    #[test]
    fn a_number_that_may_be_another_countrys_is_said_to_be() {
        for (text, country, expected) in [
            ("9876543210", "", Some(Caution::NoCountry)),
            ("098765 43210", "", Some(Caution::NoCountry)),
            ("919876543210", "", None),
            ("+91 98765 43210", "", None),
            ("0091 98765 43210", "", None),
            ("16505551212", "", None),
            ("98765 43210", "in", None),
            ("447911123456", "de", Some(Caution::PerhapsAbroad)),
            ("015123456789", "de", None),
        ] {
            let caution = normalise(text, CountryCode::read(country)).map(|(_, caution)| caution);
            assert_eq!(caution, Ok(expected), "{text} {country}");
        }
    }
}
