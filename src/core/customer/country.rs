//! Countries for `country`, and for the fields whose rule depends on one.
//!
//! In: text as somebody sent it. Out: a [`CountryCode`], or nothing. Deliberately absent: names in
//! other languages, numeric codes, and guessing from a part of a name (`England`).
//! Source: Meta, "Customer Information Parameters", row `country` (ISO 3166-1 alpha-2, lower
//! case; `United States` gives `us`).

use std::borrow::Cow;

use super::country_table::{COUNTRIES, Row};
use super::refusal::Refusal;
use super::text;

/// A country of ISO 3166-1: its alpha-2 code in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CountryCode(&'static str);

impl CountryCode {
    /// Reads an alpha-2 code, an alpha-3 code or an English short name, in any case.
    ///
    /// Only letters count (`U.S.A.` is `usa`), and `uk` is read as `gb`. In a name the words
    /// `the` and `and` make no difference, and `St` is `Saint`.
    ///
    /// # Source
    /// normalisation.md, row `country`; the list of countries is that of ISO 3166-1.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        Self::find(&text::fold(text::trim(text)))
    }

    /// Two lower-case letters.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    fn find(folded: &str) -> Option<Self> {
        let letters = text::keep(Cow::Borrowed(folded), text::is_letter);
        match letters.len() {
            2 => Self::of_alpha_2(if letters == "uk" { "gb" } else { &letters }),
            3 => Self::of_row(|(_, alpha_3, _)| *alpha_3 == letters),
            _ => Self::of_name(&name_key(folded)),
        }
    }

    fn of_alpha_2(code: &str) -> Option<Self> {
        let place =
            COUNTRIES.binary_search_by_key(&two(code), |&(alpha_2, _, _)| two(alpha_2)).ok()?;
        COUNTRIES.get(place).map(|&(alpha_2, _, _)| Self(alpha_2))
    }

    fn of_name(key: &str) -> Option<Self> {
        Self::of_row(|(_, _, names)| names.contains(&key))
    }

    fn of_row(wanted: impl Fn(&&Row) -> bool) -> Option<Self> {
        COUNTRIES.iter().find(wanted).map(|&(alpha_2, _, _)| Self(alpha_2))
    }
}

/// Reads a country and writes its alpha-2 code.
pub(super) fn normalise(folded: &str) -> Result<Cow<'static, str>, Refusal> {
    let country = CountryCode::find(folded).ok_or(Refusal::NotACountry)?;
    Ok(Cow::Borrowed(country.as_str()))
}

/// A name as the table has it: its letters, without `the` and `and`, with `st` as `saint`.
fn name_key(folded: &str) -> String {
    let words = folded.split(|c| !text::is_letter(c));
    words
        .map(|word| if word == "st" { "saint" } else { word })
        .filter(|word| !is_filler(word))
        .collect()
}

/// The bytes of two ASCII letters, which compare faster than text does.
fn two(code: &str) -> Option<&[u8; 2]> {
    code.as_bytes().first_chunk()
}

fn is_filler(word: &str) -> bool {
    matches!(word, "the" | "and")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{COUNTRIES, CountryCode, name_key};

    #[test]
    fn codes_and_names_lead_to_alpha_2() {
        for (text, expected, source) in [
            ("US", Some("us"), "alpha-2"),
            (" in ", Some("in"), "trimmed"),
            ("us!", Some("us"), "letters only"),
            ("U.S.A.", Some("us"), "letters only, then alpha-3"),
            ("USA", Some("us"), "alpha-3"),
            ("AND", Some("ad"), "alpha-3 of Andorra, not the word"),
            ("UK", Some("gb"), "uk is read as gb"),
            ("GBR", Some("gb"), "alpha-3"),
            ("NA", Some("na"), "Namibia is no placeholder"),
            ("United States", Some("us"), "Meta's page"),
            ("United States of America (the)", Some("us"), "as ISO prints it"),
            ("The Netherlands", Some("nl"), "article"),
            ("Korea (the Republic of)", Some("kr"), "as ISO prints it"),
            ("Republic of Korea", Some("kr"), "natural order"),
            ("Korea (the Democratic People's Republic of)", Some("kp"), "as ISO prints it"),
            ("Viet Nam", Some("vn"), "as ISO prints it"),
            ("Vietnam", Some("vn"), "short form"),
            ("CÔTE D’IVOIRE", Some("ci"), "accents, typographic apostrophe"),
            ("Cote d'Ivoire", Some("ci"), "without accents"),
            ("Co\u{302}te d'Ivoire", Some("ci"), "decomposed"),
            ("TÜRKİYE", Some("tr"), "the dot above i is a mark, no letter"),
            ("Türkiye", Some("tr"), "accent"),
            ("Trinidad & Tobago", Some("tt"), "and"),
            ("St. Kitts & Nevis", Some("kn"), "saint"),
            ("Virgin Islands (U.S.)", Some("vi"), "as ISO prints it"),
            ("Guinea-Bissau", Some("gw"), "not Guinea"),
            ("XX", None, "user-assigned"),
            ("XK", None, "user-assigned"),
            ("EU", None, "reserved"),
            ("England", None, "part of a country"),
            ("Österreich", None, "another language"),
            ("united", None, "part of a name"),
            ("840", None, "numeric"),
            ("", None, "empty"),
            ("\u{301}", None, "a lone mark"),
            ("é", None, "one letter of two bytes"),
        ] {
            assert_eq!(CountryCode::read(text).map(CountryCode::as_str), expected, "{source}");
        }
    }

    #[test]
    fn the_table_is_sorted_unique_and_in_the_form_it_is_compared_in() {
        assert!(COUNTRIES.is_sorted_by(|(a, _, _), (b, _, _)| a < b));
        let mut seen = BTreeSet::new();
        for (alpha_2, alpha_3, names) in COUNTRIES {
            assert!(alpha_2.len() == 2 && alpha_3.len() == 3 && seen.insert(alpha_3), "{alpha_2}");
            for name in names {
                assert!(seen.insert(name) && name.len() > 3, "{alpha_2}: {name}");
                assert_eq!(name_key(name), *name, "{alpha_2}");
                assert_eq!(CountryCode::read(name).map(CountryCode::as_str), Some(alpha_2));
            }
        }
    }
}
