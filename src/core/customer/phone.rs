//! Phone numbers for `ph`.
//!
//! In: folded text. Out: digits with the country code first, or a refusal. Deliberately absent:
//! guessing a country code. A number in national form is hashed as it stands; completing it from
//! a mapping's `default_country` is a step of its own, before this one.
//! Source: Meta, "Customer Information Parameters", row `ph` (no symbols, letters or leading
//! zeros); the length is that of Meta's Ruby and Node SDKs.

use super::refusal::Refusal;
use super::text;

/// Fewest digits. Source: Meta's Ruby and Node SDKs.
const DIGITS_MIN: usize = 7;
/// Most digits. Source: Meta's Ruby and Node SDKs (E.164 itself ends at 15).
const DIGITS_MAX: usize = 16;

/// Keeps the digits, as ASCII and without leading zeros.
pub(super) fn normalise(text: &str) -> Result<String, Refusal> {
    if has_extension(text) {
        return Err(Refusal::PhoneExtension);
    }
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
    use super::normalise;
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
            assert_eq!(normalise(text), expected.map(Into::into), "{text}: {source}");
        }
    }
}
