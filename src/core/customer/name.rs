//! First and last names for `fn` and `ln`.
//!
//! In: folded text. Out: the text without white space and punctuation, or a refusal. Also
//! [`split_name`], for senders that know one full name. Deliberately absent: removal of titles,
//! suffixes (`Jr.`) or accents; emoji and other symbols that are not ASCII stay too, since
//! nothing but white space and punctuation is ever cut.
//! Source: Meta, "Customer Information Parameters", rows `fn` and `ln` ("no punctuation"); Meta's
//! parameter builder, which also drops white space and ASCII symbols.

use std::borrow::Cow;

use super::refusal::Refusal;
use super::text;

/// Splits a full name: the first word, and everything after it.
///
/// Words are separated by Unicode white space. The last name is trimmed, and its inner white
/// space stays (`Ana María López` gives `Ana` and `María López`). A single word is a first name
/// without a last name; blank text gives an empty first name.
///
/// # Source
/// Ours: Meta has no field for a full name and no rule to split one.
#[must_use]
pub fn split_name(full: &str) -> (&str, Option<&str>) {
    let full = text::trim(full);
    match full.split_once(char::is_whitespace) {
        Some((first, rest)) => (first, Some(text::trim(rest))),
        None => (full, None),
    }
}

/// Removes white space and punctuation.
pub(super) fn normalise(text: Cow<'_, str>) -> Result<Cow<'_, str>, Refusal> {
    let name = text::keep(text, |c| !c.is_whitespace() && !text::is_punctuation(c));
    if name.chars().any(text::is_letter_or_digit) { Ok(name) } else { Err(Refusal::NothingLeft) }
}

#[cfg(test)]
mod tests {
    use super::{normalise, split_name};
    use crate::core::customer::Refusal;

    #[test]
    fn letters_marks_and_digits_of_every_script_stay() {
        for (text, expected, source) in [
            ("mary-jane", Some("maryjane"), "hyphen"),
            ("o'connor", Some("oconnor"), "ASCII apostrophe"),
            ("o’connor", Some("oconnor"), "typographic apostrophe, category P"),
            ("josé maría", Some("josémaría"), "white space"),
            ("jose\u{a0}maria\u{3000}x", Some("josemariax"), "Unicode white space"),
            ("a$b+c<d=e>f^g`h|i~j", Some("abcdefghij"), "nine ASCII symbols"),
            ("_@#%&*(){}[]\"\\/!?.,:;a", Some("a"), "ASCII punctuation"),
            ("louis 14", Some("louis14"), "digits stay"),
            ("สมชาย ใจดี", Some("สมชายใจดี"), "marks stay"),
            ("محمد", Some("محمد"), "right to left"),
            ("नरेन्द्र", Some("नरेन्द्र"), "marks stay"),
            ("mary™😀", Some("mary™😀"), "symbols that are not ASCII stay"),
            ("می\u{200c}خواهم", Some("می\u{200c}خواهم"), "joiners stay"),
            ("٣", Some("٣"), "a digit of another script"),
            ("'-'", None, "punctuation only"),
            ("😀", None, "a symbol only"),
            ("\u{301}", None, "a lone mark"),
            ("\u{200f}", None, "a mark of direction only"),
        ] {
            let expected = expected.map(Into::into).ok_or(Refusal::NothingLeft);
            assert_eq!(normalise(text.into()), expected, "{text:?}: {source}");
        }
    }

    #[test]
    fn a_full_name_splits_at_its_first_white_space() {
        for (full, expected) in [
            ("Mary Smith", ("Mary", Some("Smith"))),
            ("  Mary \t van der  Berg ", ("Mary", Some("van der  Berg"))),
            ("Mary\u{3000}Smith", ("Mary", Some("Smith"))),
            ("Mary-Jane", ("Mary-Jane", None)),
            ("Mary ", ("Mary", None)),
            ("", ("", None)),
            (" \u{feff}", ("", None)),
        ] {
            assert_eq!(split_name(full), expected, "{full:?}");
        }
    }
}
