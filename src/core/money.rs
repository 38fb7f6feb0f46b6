//! Money: exact decimals and ISO 4217 currencies, never floats.
//!
//! In: the digits of a JSON number or of a text. Out: [`Amount`], [`Currency`]. What cannot be
//! held exactly is refused, not rounded. Printing gives plain decimals, as JSON numbers without
//! an exponent, with the sender's trailing zeros.
//!
//! Deliberately absent: conversion between currencies, and any guess about minor units.

use rust_decimal::Decimal;
use serde::Serialize;

use super::customer::is_letter;
use super::json::write_whole;

/// Most significant digits of an amount (row LR-23): beyond, two senders no longer mean the same.
pub const AMOUNT_DIGITS_MAX: u8 = 18;

/// A finite decimal number of at most [`AMOUNT_DIGITS_MAX`] digits, as money or a unit price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(Decimal);

/// Why a text is not an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAmount {
    /// Symbols, thousands separators, words, nothing at all.
    #[error("is not a plain number such as 250.50")]
    Unreadable,
    /// More digits, or a larger exponent, than can be kept exactly.
    #[error("cannot be held exactly: it has more than 18 digits")]
    TooManyDigits,
}

impl Amount {
    /// Reads a JSON number or the same in text. A sign and an exponent are understood.
    ///
    /// # Errors
    /// [`NotAnAmount`] if the text is anything but a number, or has too many digits.
    pub fn read(text: &str) -> Result<Self, NotAnAmount> {
        Self::read_plain(text).map_or_else(|| Self::read_any(text), Ok)
    }

    /// Reads a few digits, perhaps with a point among them: nearly every number is no more.
    fn read_plain(text: &str) -> Option<Self> {
        if text.len() > AMOUNT_DIGITS_MAX.into() {
            return None;
        }
        let (mut units, mut scale) = (0, None);
        for byte in text.bytes() {
            match byte {
                b'0'..=b'9' => {
                    units = 10 * units + i64::from(byte - b'0');
                    scale = scale.map(|scale: u32| scale + 1);
                }
                b'.' if scale.is_none() => scale = Some(0),
                _ => return None,
            }
        }
        let has_ends = !text.is_empty() && !text.starts_with('.') && scale != Some(0);
        has_ends.then(|| Self(Decimal::new(units, scale.unwrap_or(0))))
    }

    fn read_any(text: &str) -> Result<Self, NotAnAmount> {
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], exponent(&text[at + 1..])?),
            None => (text, 0),
        };
        let unsigned = mantissa.strip_prefix('-').unwrap_or(mantissa);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) {
            return Err(NotAnAmount::Unreadable);
        }
        let scale = i32::try_from(unsigned.split_once('.').map_or(0, |(_, part)| part.len()));
        let scale = scale.map_err(|_| NotAnAmount::TooManyDigits)? - exponent;
        Self::from_digits(unsigned, scale, mantissa.starts_with('-'))
    }

    /// An amount of so many units of 10⁻ˢᶜᵃˡᵉ, for constants and minor units.
    #[must_use]
    pub fn new(units: i64, scale: u32) -> Self {
        Self(Decimal::new(units, scale.min(u32::from(AMOUNT_DIGITS_MAX))))
    }

    /// The number itself, for arithmetic.
    #[must_use]
    pub const fn decimal(self) -> Decimal {
        self.0
    }

    /// Whether the amount is below zero.
    #[must_use]
    pub fn is_negative(self) -> bool {
        self.0 < Decimal::ZERO
    }

    /// Writes the amount as it is displayed: a plain JSON number with all its digits.
    pub fn write(self, into: &mut String) {
        let (units, scale) = (self.0.mantissa(), self.0.scale());
        match (u64::try_from(units), scale) {
            (Ok(whole), 0) => write_whole(whole, into),
            (Ok(units), 1..=18) => {
                let one = 10_u64.pow(scale);
                write_whole(units / one, into);
                // A one before the fraction keeps its leading zeros; a point takes its place.
                let at = into.len();
                write_whole(units % one + one, into);
                into.replace_range(at..=at, ".");
            }
            // Below zero, or longer than what is read: a sum.
            _ => into.push_str(&self.0.to_string()),
        }
    }

    /// The amount of digits, with a point among them that is passed over.
    fn from_digits(digits: &str, scale: i32, negative: bool) -> Result<Self, NotAnAmount> {
        let digits = digits.bytes().filter(u8::is_ascii_digit).map(|digit| digit - b'0');
        let digits = digits.skip_while(|digit| *digit == 0);
        let (mut units, mut count) = (0_i64, u32::try_from(-scale).unwrap_or(0));
        let zeros = std::iter::repeat_n(0, usize::try_from(count).unwrap_or(usize::MAX));
        if count > AMOUNT_DIGITS_MAX.into() || scale > AMOUNT_DIGITS_MAX.into() {
            return Err(NotAnAmount::TooManyDigits);
        }
        for digit in digits {
            count += 1;
            if count > AMOUNT_DIGITS_MAX.into() {
                return Err(NotAnAmount::TooManyDigits);
            }
            units = 10 * units + i64::from(digit);
        }
        let units = zeros.fold(units, |units, _: i32| 10 * units);
        let signed = if negative { -units } else { units };
        Ok(Self(Decimal::new(signed, u32::try_from(scale).unwrap_or(0))))
    }
}

impl std::fmt::Display for Amount {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A plain JSON number with all its digits.
impl Serialize for Amount {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::Error;
        let digits = self.0.to_string();
        let raw = serde_json::value::RawValue::from_string(digits).map_err(S::Error::custom)?;
        raw.serialize(serializer)
    }
}

/// A currency of ISO 4217.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// Reads a code by its letters alone, in any case (`usd`, `US D`, `₹INR`), if ISO 4217 knows
    /// it as money. Gold, drawing rights and test codes (`XAU`, `XDR`, `XTS`, `XXX`) have no minor
    /// unit there, and nobody pays with them.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let known = if text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
            iso_currency::Currency::from_code(text)?
        } else {
            let letters: String = text.chars().filter(|c| is_letter(*c)).collect();
            iso_currency::Currency::from_code(&letters.to_ascii_uppercase())?
        };
        known.exponent().map(|_| Self(known))
    }

    /// Every currency that is read, by its letters. The table of ISO 4217 has no list of its own, so
    /// each word of three letters is asked for.
    pub fn all() -> impl Iterator<Item = Self> {
        let letters = || b'A'..=b'Z';
        let words = letters()
            .flat_map(move |a| letters().flat_map(move |b| letters().map(move |c| [a, b, c])));
        words.filter_map(|word| Self::read(std::str::from_utf8(&word).ok()?))
    }

    /// The three capital letters.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// Digits after the decimal point in everyday money: 2 for INR and USD, 0 for JPY, 3 for KWD.
    #[must_use]
    pub fn minor_digits(self) -> u32 {
        self.0.exponent().map_or(2, u32::from)
    }
}

impl Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

fn exponent(text: &str) -> Result<i32, NotAnAmount> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(NotAnAmount::Unreadable);
    }
    let size: i32 = digits.parse().map_err(|_| NotAnAmount::TooManyDigits)?;
    if size > i32::from(AMOUNT_DIGITS_MAX) {
        return Err(NotAnAmount::TooManyDigits);
    }
    Ok(if text.starts_with('-') { -size } else { size })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_keep_every_digit() {
        for (text, printed) in [
            ("25096", "25096"),
            ("2000.0", "2000.0"),
            ("19.99", "19.99"),
            ("0.1", "0.1"),
            ("25096.005", "25096.005"),
            ("1e3", "1000"),
            ("1.5E+2", "150"),
            ("25e-2", "0.25"),
            ("0", "0"),
            ("0.00", "0.00"),
            ("-3", "-3"),
            ("0e5", "0"),
            ("123456789012345678", "123456789012345678"),
            ("0.000000000000000001", "0.000000000000000001"),
        ] {
            let amount = Amount::read(text).expect(text);
            assert_eq!(amount.to_string(), printed, "{text}");
            let mut written = String::new();
            amount.write(&mut written);
            assert_eq!(written, printed, "{text} as written");
            assert_eq!(serde_json::to_string(&amount).expect(text), printed, "{text} as JSON");
        }
    }

    proptest::proptest! {
        #[test]
        fn an_amount_is_written_as_it_is_displayed(units: i64, scale in 0_u32..25) {
            for amount in [Amount::new(units, scale), Amount(Decimal::new(units, scale))] {
                let mut written = String::new();
                amount.write(&mut written);
                proptest::prop_assert_eq!(written, amount.to_string());
            }
        }
    }

    #[test]
    fn an_ordinary_number_is_read_the_short_way() {
        for text in ["0", "7", "2000.50", "25096.005", "007"] {
            assert!(Amount::read_plain(text).is_some(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn few_digits_are_read_as_any_number_is(text in r"-?[0-9]{0,12}\.?[0-9]{0,12}") {
            let printed = |amount: Amount| amount.to_string();
            if let Some(amount) = Amount::read_plain(&text) {
                let read = Amount::read_any(&text).map(printed);
                proptest::prop_assert_eq!(read, Ok(printed(amount)));
            }
        }
    }

    #[test]
    fn what_is_not_exact_is_refused() {
        use NotAnAmount::{TooManyDigits, Unreadable};
        for (text, reason) in [
            ("", Unreadable),
            ("₹250", Unreadable),
            ("1,000", Unreadable),
            ("NaN", Unreadable),
            ("Infinity", Unreadable),
            ("1.", Unreadable),
            (".5", Unreadable),
            ("1e", Unreadable),
            ("--1", Unreadable),
            ("1.2.3", Unreadable),
            ("0x10", Unreadable),
            ("١٢", Unreadable),
            ("1234567890123456789", TooManyDigits),
            ("1e400", TooManyDigits),
            ("1e-400", TooManyDigits),
            ("1e18", TooManyDigits),
            ("0.0000000000000000001", TooManyDigits),
        ] {
            assert_eq!(Amount::read(text), Err(reason), "{text}");
        }
    }

    #[test]
    fn sums_do_not_drift() {
        let tenth = Amount::read("0.1").expect("a number").decimal();
        let sum: Decimal = std::iter::repeat_n(tenth, 10).sum();
        assert_eq!(sum.to_string(), "1.0");
    }

    #[test]
    fn currencies_are_iso_4217() {
        // Minor units: ISO 4217 list one.
        for (text, expected) in [
            ("INR", Some(("INR", 2))),
            ("usd", Some(("USD", 2))),
            (" us d ", Some(("USD", 2))),
            ("USD $", Some(("USD", 2))),
            ("₹INR", Some(("INR", 2))),
            ("us!", None),
            ("ＵＳＤ", None),
            ("XXX", None),
            ("XTS", None),
            ("XAU", None),
            ("XDR", None),
            ("XAF", Some(("XAF", 0))),
            ("XOF", Some(("XOF", 0))),
            ("UⅧSD", Some(("USD", 2))),
            ("XCD", Some(("XCD", 2))),
            ("JPY", Some(("JPY", 0))),
            ("KWD", Some(("KWD", 3))),
            ("ABC", None),
            ("XBT", None),
            ("US", None),
            ("$", None),
            ("", None),
        ] {
            let read = Currency::read(text).map(|c| (c.code(), c.minor_digits()));
            assert_eq!(read, expected, "{text}");
        }
    }
}
