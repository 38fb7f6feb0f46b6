//! Gender for `ge`.
//!
//! In: folded text. Out: `f` or `m`, or a refusal. Deliberately absent: words of other languages,
//! and any guess from `man`, `woman` or a title.
//! Source: Meta, "Customer Information Parameters", row `ge` (`f` or `m`); the two long words are
//! those of Meta's Ruby and Node SDKs.

use std::borrow::Cow;

use super::refusal::Refusal;
use super::text;

/// Reads `f`, `female`, `m` or `male`; only letters count.
pub(super) fn normalise(text: Cow<'_, str>) -> Result<Cow<'static, str>, Refusal> {
    match &*text::keep(text, text::is_letter) {
        "f" | "female" => Ok(Cow::Borrowed("f")),
        "m" | "male" => Ok(Cow::Borrowed("m")),
        _ => Err(Refusal::NotAGender),
    }
}

#[cfg(test)]
mod tests {
    use super::normalise;
    use crate::core::customer::Refusal;

    #[test]
    fn four_words_are_known() {
        for (text, expected) in [
            ("f", Some("f")),
            ("female", Some("f")),
            ("m", Some("m")),
            ("male", Some("m")),
            ("f.", Some("f")),
            ("(m)", Some("m")),
            ("fe male", Some("f")),
            ("x", None),
            ("woman", None),
            ("mf", None),
            ("male/female", None),
            ("1", None),
            ("ｍ", None),
            ("♀", None),
        ] {
            let expected = expected.map(Into::into).ok_or(Refusal::NotAGender);
            assert_eq!(normalise(text.into()), expected, "{text:?}");
        }
    }
}
