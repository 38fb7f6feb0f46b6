//! City, state and postal code for `ct`, `st` and `zp`.
//!
//! In: folded text, and the country where it is known. Out: the normalised text, or a refusal.
//! Deliberately absent: cutting a region to two letters and searching for a state inside a longer
//! name (Meta's parameter builder does both and makes `ka` of Karnataka), and folding of accents.
//! Source: Meta, "Customer Information Parameters", rows `ct`, `st`, `zp`; Meta's Business SDKs
//! (digits leave a city, a postal code ends at its first hyphen).

use std::borrow::Cow;

use super::country::CountryCode;
use super::refusal::Refusal;
use super::state_table::STATES;
use super::text;

/// Letters of a state's code: text of this length is no name.
const CODE_LETTERS: usize = 2;
/// Fewest characters of a postal code. Source: Meta's Ruby, Java and Node SDKs.
const ZIP_CHARS_MIN: usize = 2;
/// Digits of a ZIP+4 code written without its hyphen.
const ZIP_PLUS_4_DIGITS: usize = 9;
/// Digits of a U.S. ZIP code.
const US_ZIP_DIGITS: usize = 5;

/// Keeps letters and their marks.
pub(super) fn city(text: Cow<'_, str>) -> Result<Cow<'_, str>, Refusal> {
    let city = text::keep(text, |c| text::is_letter(c) || text::is_mark(c));
    if city.chars().any(text::is_letter) { Ok(city) } else { Err(Refusal::NothingLeft) }
}

/// Does as [`city`]; the full name of a U.S. state becomes its two letters, unless the country is
/// known to be another one.
pub(super) fn state(
    text: Cow<'_, str>,
    country: Option<CountryCode>,
) -> Result<Cow<'_, str>, Refusal> {
    let state = city(text)?;
    let may_be_name = state.len() > CODE_LETTERS && country.is_none_or(is_us);
    let code = if may_be_name { us_code(&state) } else { None };
    Ok(code.map_or(state, Cow::Borrowed))
}

/// Removes white space and everything from the first hyphen on; nine digits of the U.S. become
/// five.
pub(super) fn zip(
    text: Cow<'_, str>,
    country: Option<CountryCode>,
) -> Result<Cow<'_, str>, Refusal> {
    let mut zip = text::keep(text, |c| !c.is_whitespace());
    let end = zip.find('-').unwrap_or(zip.len());
    if end < zip.len() {
        zip.to_mut().truncate(end);
    }
    if country.is_some_and(is_us) && is_zip_plus_4(&zip) {
        zip.to_mut().truncate(US_ZIP_DIGITS);
    }
    if zip.chars().nth(ZIP_CHARS_MIN - 1).is_none() {
        return Err(Refusal::ZipTooShort);
    }
    if zip.chars().any(text::is_letter_or_digit) { Ok(zip) } else { Err(Refusal::NothingLeft) }
}

fn is_zip_plus_4(zip: &str) -> bool {
    zip.len() == ZIP_PLUS_4_DIGITS && zip.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_us(country: CountryCode) -> bool {
    country.as_str() == "us"
}

fn us_code(name: &str) -> Option<&'static str> {
    let place = STATES.binary_search_by_key(&name, |&(name, _)| name).ok()?;
    STATES.get(place).map(|&(_, code)| code)
}

#[cfg(test)]
mod tests {
    use super::{city, state, zip};
    use crate::core::customer::{CountryCode, Refusal};

    #[test]
    fn a_city_is_letters_and_marks() {
        for (text, expected, source) in [
            ("new york", Some("newyork"), "Meta's page"),
            ("washington d.c", Some("washingtondc"), "SDK tests"),
            ("l'aquila", Some("laquila"), "apostrophe"),
            ("são paulo", Some("sãopaulo"), "accents stay"),
            ("stanley park 1234", Some("stanleypark"), "digits"),
            ("กรุงเทพ", Some("กรุงเทพ"), "marks stay"),
            ("北京", Some("北京"), "every script"),
            ("القاهرة", Some("القاهرة"), "right to left"),
            ("par\0is\u{200d}™😀٣", Some("paris"), "everything else is dropped"),
            ("75001", None, "digits only"),
            ("\u{301}", None, "a lone mark"),
            ("😀", None, "a symbol only"),
        ] {
            let expected = expected.map(Into::into).ok_or(Refusal::NothingLeft);
            assert_eq!(city(text.into()), expected, "{text:?}: {source}");
        }
    }

    #[test]
    fn full_names_of_us_states_become_codes() {
        for (text, country, expected, source) in [
            ("california", Some("us"), "ca", "country known"),
            ("california", None, "ca", "country unknown"),
            ("california", Some("mx"), "california", "another country"),
            ("new york", None, "ny", "compared by letters"),
            ("district of columbia", None, "dc", "beyond the 50"),
            ("puerto rico", None, "pr", "beyond the 50"),
            ("guam", None, "gu", "beyond the 50"),
            ("ca", None, "ca", "already a code"),
            ("baja california", None, "bajacalifornia", "never inside a longer name"),
            ("california state", None, "californiastate", "never inside a longer name"),
            ("ontario", None, "ontario", "never cut"),
            ("karnataka", Some("in"), "karnataka", "never cut"),
            ("virgin islands", None, "virginislands", "not in the list"),
        ] {
            let country = country.and_then(CountryCode::read);
            let found = state(text.into(), country);
            assert_eq!(found, Ok(expected.into()), "{text:?}, {country:?}: {source}");
        }
    }

    #[test]
    fn a_postal_code_ends_at_its_first_hyphen() {
        let too_short = Err(Refusal::ZipTooShort);
        for (text, country, expected, source) in [
            ("94035", None, Ok("94035"), "as it is"),
            ("sw1a 1aa", Some("gb"), Ok("sw1a1aa"), "white space"),
            ("m1\u{a0}1ae", Some("gb"), Ok("m11ae"), "Unicode white space"),
            ("12345-67890", None, Ok("12345"), "hyphen"),
            ("641041-abc-xyz", None, Ok("641041"), "the first of two"),
            ("100-0001", Some("jp"), Ok("100"), "in every country"),
            ("981219431", Some("us"), Ok("98121"), "ZIP+4 without hyphen"),
            ("98 121 9431", Some("us"), Ok("98121"), "ZIP+4 without hyphen"),
            ("981219431", None, Ok("981219431"), "country unknown"),
            ("981219431", Some("mx"), Ok("981219431"), "another country"),
            ("98121943", Some("us"), Ok("98121943"), "8 digits"),
            ("9812194310", Some("us"), Ok("9812194310"), "10 digits"),
            ("98121943a", Some("us"), Ok("98121943a"), "9 characters, not all digits"),
            ("12", None, Ok("12"), "2 characters"),
            ("1", None, too_short, "1 character"),
            ("１", None, too_short, "1 character of 3 bytes"),
            ("d-10115", None, too_short, "1 before the hyphen"),
            ("-10115", None, too_short, "0 before the hyphen"),
            ("!!", None, Err(Refusal::NothingLeft), "no letter, no digit"),
        ] {
            let country = country.and_then(CountryCode::read);
            let found = zip(text.into(), country);
            assert_eq!(found, expected.map(Into::into), "{text:?}, {country:?}: {source}");
        }
    }
}
