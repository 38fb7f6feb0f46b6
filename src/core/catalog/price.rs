//! The prices of a feed: `9.99 USD`.
//!
//! In: the text of `price` or `sale_price`. Out: a [`Price`], or nothing where it cannot be read.
//! A decimal comma is refused: `1,500` could be either number, and Meta takes the point only.
//!
//! # Source
//! Meta, "Catalog fields", `price`: a number, a blank and an ISO 4217 code, with a point as the
//! decimal mark. Thousands separators, a missing blank and a code in front are taken because feeds
//! have them; a number without a currency is in the catalogue's own.

use crate::core::money::{Amount, Currency};

/// A price of a feed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Price {
    /// The number.
    pub amount: Amount,
    /// Its currency; none where the feed leaves it to the catalogue.
    pub currency: Option<Currency>,
}

impl Price {
    /// Reads a price.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let letter = |c: char| c.is_ascii_alphabetic();
        let (number, code) = if text.starts_with(letter) {
            let (code, number) = text.split_at(text.find(|c| !letter(c))?);
            (number, code)
        } else {
            text.split_at(text.find(letter).unwrap_or(text.len()))
        };
        let currency = match code.trim() {
            "" => None,
            code if code.len() == 3 => Some(Currency::read(code)?),
            _ => return None,
        };
        let amount = Amount::read(&without_separators(number.trim())?).ok()?;
        (!amount.is_negative()).then_some(Self { amount, currency })
    }
}

/// `1,234.50` without its commas; nothing where they do not part thousands.
fn without_separators(number: &str) -> Option<String> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let mut parts = whole.split(',');
    let first = parts.next().unwrap_or_default();
    let rest: Vec<&str> = parts.collect();
    let thousands = rest.iter().all(|part| part.len() == 3);
    // `1,500` alone may be one and a half: only a fraction or a second comma tells.
    let is_clear = rest.is_empty() || rest.len() > 1 || number.contains('.');
    let fits = rest.is_empty() || (1..=3).contains(&first.len()) && thousands && is_clear;
    let point = if number.contains('.') { "." } else { "" };
    (fits && !fraction.contains(',')).then(|| format!("{first}{}{point}{fraction}", rest.concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_read_as_meta_documents_them_and_as_feeds_have_them() {
        // Meta, "Catalog fields" and its sample feeds, for those with a blank and a code.
        for (text, expected) in [
            ("9.99 USD", Some(("9.99", Some("USD")))),
            ("10 GBP", Some(("10", Some("GBP")))),
            ("4.99 eur", Some(("4.99", Some("EUR")))),
            (" 9.99USD ", Some(("9.99", Some("USD")))),
            ("USD 9.99", Some(("9.99", Some("USD")))),
            ("INR1000", Some(("1000", Some("INR")))),
            ("1,234.50 USD", Some(("1234.50", Some("USD")))),
            ("1,234,567 INR", Some(("1234567", Some("INR")))),
            ("9.99", Some(("9.99", None))),
            ("0 USD", Some(("0", Some("USD")))),
            ("1,500 EUR", None),
            ("9,99 EUR", None),
            ("1,23,456 INR", None),
            ("1.234,50 EUR", None),
            ("$9.99", None),
            ("45$", None),
            ("9.99 XYZ", None),
            ("9.99 dollars", None),
            ("-1 USD", None),
            ("free", None),
            ("USD", None),
            ("", None),
        ] {
            let read = Price::read(text);
            let shown = read.map(|p| (p.amount.to_string(), p.currency.map(Currency::code)));
            let expected = expected.map(|(amount, code)| (amount.to_owned(), code));
            assert_eq!(shown, expected, "{text}");
        }
    }
}
