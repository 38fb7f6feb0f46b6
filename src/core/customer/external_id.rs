//! The sender's own id of a person, for `external_id`.
//!
//! In: folded text. Out: the same without white space. Deliberately absent: sending it as given
//! (the mapping's `external_id = "plain"`), which needs no normalising at all.
//! Source: Meta's parameter builder and Node SDK 26, which lower-case, strip white space and
//! hash; Meta's page recommends the hash.

use std::borrow::Cow;

use super::text;

/// Removes white space; every other character belongs to the id.
pub(super) fn normalise(text: Cow<'_, str>) -> Cow<'_, str> {
    text::keep(text, |c| !c.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::normalise;

    #[test]
    fn only_white_space_leaves_an_id() {
        for (text, expected) in [
            ("user-123", "user-123"),
            ("user 123", "user123"),
            ("a\u{a0}b\tc", "abc"),
            ("_/+=é😀", "_/+=é😀"),
            ("007", "007"),
        ] {
            assert_eq!(normalise(text.into()), expected, "{text:?}");
        }
    }
}
