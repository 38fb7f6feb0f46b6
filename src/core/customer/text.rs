//! What every field has in common: trimming, Unicode, placeholders, and classes of characters.
//!
//! In: text as somebody sent it. Out: text in Unicode's composed form and in lower case, or
//! nothing where there is nothing. ASCII takes a short way without allocation. Deliberately
//! absent: anything that holds for one field only.
//! Source: normalisation.md, row "all" (Meta's page asks for lower case and UTF-8; NFC because
//! Meta's printed hash of `valéry` is that of the composed letter).

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// Words that stand for "no value", in lower case.
///
/// What programs print for an absent value: SQL and JSON (`null`, `(null)`), JavaScript
/// (`undefined`, `[object object]`), Python and Ruby (`none`, `nil`), spreadsheets and people
/// (`n/a`, `#n/a`, `-`, `--`, `unknown`). Deliberately absent: `na` (Namibia, and a surname) and
/// `nan` (a name).
const PLACEHOLDERS: [&str; 11] = [
    "null",
    "(null)",
    "undefined",
    "[object object]",
    "none",
    "nil",
    "n/a",
    "#n/a",
    "-",
    "--",
    "unknown",
];

/// Removes Unicode `White_Space` and U+FEFF at both ends.
pub(in crate::core) fn trim(text: &str) -> &str {
    let is_plain = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_graphic);
    if is_plain(text.as_bytes().first()) && is_plain(text.as_bytes().last()) {
        return text;
    }
    text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}')
}

/// Whether trimmed text says nothing: empty, or a placeholder in any case.
pub(in crate::core) fn is_absent(trimmed: &str) -> bool {
    /// The length of the longest placeholder.
    const BYTES_MAX: usize = "[object object]".len();
    trimmed.is_empty()
        || trimmed.len() <= BYTES_MAX
            && PLACEHOLDERS.iter().any(|word| trimmed.eq_ignore_ascii_case(word))
}

/// Composes (NFC) and lower-cases text by Unicode's default rules.
pub(super) fn fold(text: &str) -> Cow<'_, str> {
    if !text.is_ascii() {
        return compose(Cow::Owned(compose(Cow::Borrowed(text)).to_lowercase()));
    }
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Owned(text.to_ascii_lowercase());
    }
    Cow::Borrowed(text)
}

/// Brings text into NFC.
///
/// Lower-casing can undo it (`J̌` has no composed letter, `ǰ` has one), so [`fold`] asks twice.
fn compose(text: Cow<'_, str>) -> Cow<'_, str> {
    match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => text,
        IsNormalized::No | IsNormalized::Maybe => Cow::Owned(text.nfc().collect()),
    }
}

/// Keeps the characters that are wanted; allocates only if one is not.
pub(super) fn keep(text: Cow<'_, str>, wanted: impl Fn(char) -> bool) -> Cow<'_, str> {
    if text.chars().all(&wanted) {
        return text;
    }
    let mut text = text.into_owned();
    text.retain(wanted);
    Cow::Owned(text)
}

/// Whether a character is a letter of any script (category L).
pub(in crate::core) fn is_letter(c: char) -> bool {
    match c {
        '\0'..='\x7f' => c.is_ascii_alphabetic(),
        _ => c.general_category_group() == GeneralCategoryGroup::Letter,
    }
}

/// Whether a character is a mark that belongs to a letter (category M).
pub(super) fn is_mark(c: char) -> bool {
    !c.is_ascii() && c.general_category_group() == GeneralCategoryGroup::Mark
}

/// Whether a character is a letter or a digit of any script (categories L and N).
pub(super) fn is_letter_or_digit(c: char) -> bool {
    match c {
        '\0'..='\x7f' => c.is_ascii_alphanumeric(),
        _ => matches!(
            c.general_category_group(),
            GeneralCategoryGroup::Letter | GeneralCategoryGroup::Number
        ),
    }
}

/// Whether a character is punctuation (category P) or one of the ASCII symbols ``$+<=>^`|~``.
pub(super) fn is_punctuation(c: char) -> bool {
    match c {
        '\0'..='\x7f' => c.is_ascii_punctuation(),
        _ => c.general_category_group() == GeneralCategoryGroup::Punctuation,
    }
}

/// The value of a decimal digit of any script, 0 to 9.
///
/// Unicode lays decimal digits out in runs of ten that begin with zero, and gapless runs side by
/// side, so the place within the gapless stretch tells the value.
pub(super) fn digit(c: char) -> Option<u8> {
    if c.is_ascii() {
        return c.is_ascii_digit().then(|| c as u8 - b'0');
    }
    if !is_decimal(c) {
        return None;
    }
    let before = (0..u32::from(c)).rev().map_while(char::from_u32);
    let place = before.take_while(|&c| is_decimal(c)).count();
    u8::try_from(place % 10).ok()
}

fn is_decimal(c: char) -> bool {
    c.general_category() == GeneralCategory::DecimalNumber
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::{digit, fold, is_absent, is_punctuation, trim};

    #[test]
    fn ends_are_trimmed_of_unicode_white_space_and_byte_order_marks() {
        for (text, expected) in [
            (" a b\t", "a b"),
            ("\u{feff}a\u{feff}", "a"),
            ("\u{a0}\u{2003}\u{3000}a\u{85}\u{2028}\r\n", "a"),
            ("\u{feff} \u{feff}", ""),
            ("\u{200b}a", "\u{200b}a"), // zero width, not White_Space
        ] {
            assert_eq!(trim(text), expected, "{text:?}");
        }
    }

    #[test]
    fn placeholders_are_absent_in_any_case() {
        for (text, expected) in [
            ("", true),
            ("null", true),
            ("NULL", true),
            ("(null)", true),
            ("undefined", true),
            ("N/A", true),
            ("#N/A", true),
            ("None", true),
            ("nil", true),
            ("-", true),
            ("--", true),
            ("[object Object]", true),
            ("Unknown", true),
            ("na", false),
            ("nan", false),
            ("nulla", false),
            ("0", false),
        ] {
            assert_eq!(is_absent(text), expected, "{text:?}");
        }
    }

    #[test]
    fn text_is_composed_and_lower_cased() {
        for (text, expected, source) in [
            ("MARY", "mary", "ASCII"),
            ("VALE\u{301}RY", "val\u{e9}ry", "NFD becomes NFC"),
            ("ŞAHİN", "şahi\u{307}n", "Unicode's default: İ is i and a dot above"),
            ("ΠΑΠΑΔΟΠΟΥΛΟΣ", "παπαδοπουλος", "final sigma"),
            ("J\u{30c}", "\u{1f0}", "composes after lower-casing only"),
            ("\u{212a}", "k", "Kelvin sign"),
            ("\u{301}", "\u{301}", "a lone mark stays"),
            ("李", "李", "no case"),
        ] {
            assert_eq!(fold(text), expected, "{source}");
        }
    }

    #[test]
    fn lower_case_ascii_is_borrowed() {
        assert!(matches!(fold("mary@example.com"), Cow::Borrowed(_)));
    }

    #[test]
    fn punctuation_is_category_p_and_nine_ascii_symbols() {
        for (class, expected) in [
            ("!\"#%&'()*,-./:;?@[\\]_{}", true),
            ("$+<=>^`|~", true),
            ("’“”–—·、。¿¡״।", true),
            ("€™❤😀´¨×\u{200d}\0", false),
            ("aé1٣\u{301} ", false),
        ] {
            for c in class.chars() {
                assert_eq!(is_punctuation(c), expected, "{c:?}");
            }
        }
    }

    #[test]
    fn decimal_digits_of_every_script_have_their_value() {
        for (digits, expected) in [
            ("0123456789", 0),
            ("٠١٢٣٤٥٦٧٨٩", 0),
            ("۰۱۲۳۴۵۶۷۸۹", 0),
            ("०१२३४५६७८९", 0),
            ("０１２３４５６７８９", 0),
            ("\u{1d7f6}\u{1d7f7}", 0), // the last of five runs side by side
            ("\u{1d7d7}\u{1d7d8}", 9), // 9 of the first run, then 0 of the second
            ("\u{1fbf9}", 9),
        ] {
            for (c, value) in digits.chars().zip(expected..) {
                assert_eq!(digit(c), Some(value % 10), "{c:?}");
            }
        }
        for c in "a²½Ⅷ一\u{0}😀".chars() {
            assert_eq!(digit(c), None, "{c:?}");
        }
    }
}
