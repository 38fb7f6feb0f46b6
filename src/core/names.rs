//! Closed lists of words: one macro, so that every list reads, prints and suggests the same way.
//!
//! In: a list of variants with their spelling on the wire and a sentence each. Out: an enum with
//! `as_str`, `says`, `ALL` and `read`. [`suggestion`] finds the word that somebody probably meant.

/// Declares a closed list of words: an enum, its spelling, and the way back.
macro_rules! closed_list {
    (
        $(#[$meta:meta])*
        pub enum $name:ident { $( $(#[doc = $says:literal])+ $variant:ident = $text:literal ),+ $(,)? }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $( $(#[doc = $says])+ $variant ),+ }

        impl $name {
            /// Every word of the list, in its documented order.
            pub const ALL: &'static [Self] = &[ $( Self::$variant ),+ ];

            /// The word as it is spelt on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $text ),+ }
            }

            /// What the word means: the sentence that documents its variant, for editors.
            #[must_use]
            #[allow(dead_code, reason = "not every list is one that people write")]
            pub const fn meaning(self) -> &'static str {
                match self { $( Self::$variant => concat!($($says),+).trim_ascii() ),+ }
            }

            /// The variant of exactly this spelling.
            #[must_use]
            pub fn read(text: &str) -> Option<Self> {
                match text { $( $text => Some(Self::$variant), )+ _ => None }
            }

            /// The spelling of every word of the list.
            pub fn words() -> impl Iterator<Item = &'static str> + Clone {
                Self::ALL.iter().map(|word| word.as_str())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.pad(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}
pub(crate) use closed_list;

/// The word of `known` that was probably meant by `wrong`, if one is near enough.
///
/// Letters are compared without case; up to a third of the word may differ. An unknown word
/// without a near neighbour gets no suggestion: a wrong hint is worse than none.
pub fn suggestion<'k>(wrong: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    /// No list has a longer word; a longer text is no misspelling of one.
    const CHARS_MAX: usize = 48;
    let length = wrong.chars().take(CHARS_MAX + 1).count();
    if length > CHARS_MAX {
        return None;
    }
    let letters = letters_of(wrong);
    let near = |word: &'k str| {
        let count = if word.is_ascii() { word.len() } else { word.chars().count() };
        let most = (count / 3).clamp(1, 3);
        // Each step changes two letters at most. Most words have too many others, and that is seen
        // in a few nanoseconds: good payments ask here too, whether a field is almost a refusal.
        let differ = || (letters_of(word) ^ letters).count_ones() as usize;
        if count.abs_diff(length) > most || differ() > 2 * most {
            return None;
        }
        let distance = strsim::osa_distance(&wrong.to_lowercase(), &word.to_lowercase());
        (distance <= most).then_some((distance, word))
    };
    known.into_iter().filter_map(near).min_by_key(|(distance, _)| *distance).map(|(_, word)| word)
}

/// Which characters a text has, whatever their case, one bit each; different ones may share a bit.
#[must_use]
pub const fn letters_of(text: &str) -> u64 {
    let (bytes, mut letters, mut at) = (text.as_bytes(), 0, 0);
    while at < bytes.len() {
        // Beyond ASCII the cases of a letter have other bytes: all of these share one bit.
        let byte = if bytes[at].is_ascii() { bytes[at].to_ascii_lowercase() } else { 0 };
        letters |= 1 << (byte % 64);
        at += 1;
    }
    letters
}

/// The one word of `known` that begins or ends with `part`: `PAYMENT_COMPLETED` for `COMPLETED`.
pub fn completion<'k>(part: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    /// Shorter parts are parts of too much.
    const CHARS_MIN: usize = 3;
    let part = part.to_lowercase();
    let is_part = |word: &&str| {
        let word = word.to_lowercase();
        part.chars().count() >= CHARS_MIN && (word.starts_with(&part) || word.ends_with(&part))
    };
    let mut found = known.into_iter().filter(is_part);
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// How many of something, as a sentence says it: "1 error", "2 errors".
#[must_use]
pub fn counted(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}

/// A name as a sentence mentions one of its kind: "a Purchase", "an order".
#[must_use]
pub fn with_article(name: &str) -> String {
    let is_vowel = name.starts_with(['A', 'E', 'I', 'O', 'a', 'e', 'i', 'o']);
    format!("{} {name}", if is_vowel { "an" } else { "a" })
}

/// The words as a sentence lists them: "`a`, `b` or `c`".
pub fn one_of<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    let quoted: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [head @ .., last] => format!("{} or {last}", head.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_one_word_is_completed() {
        let known = ["PAYMENT_COMPLETED", "PAYMENT_FAILED", "website"];
        for (part, expected) in [
            ("completed", Some("PAYMENT_COMPLETED")),
            ("web", Some("website")),
            ("PAYMENT", None),
            ("ED", None),
            ("", None),
        ] {
            assert_eq!(completion(part, known), expected, "{part}");
        }
    }

    #[test]
    fn a_suggestion_is_near_or_absent() {
        let known = ["FIRST_PAYMENT", "SECOND_PAYMENT", "WALLET_TOPUP", "DEFAULT"];
        for (wrong, expected) in [
            ("FIRST_PAYMNT", Some("FIRST_PAYMENT")),
            ("first_payment", Some("FIRST_PAYMENT")),
            ("WALET_TOPUP", Some("WALLET_TOPUP")),
            ("default", Some("DEFAULT")),
            ("SALE", None),
            ("", None),
        ] {
            assert_eq!(suggestion(wrong, known), expected, "{wrong}");
        }
    }

    #[test]
    fn a_name_has_its_article() {
        for (name, expected) in [
            ("Purchase", "a Purchase"),
            ("AddToCart", "an AddToCart"),
            ("InitiateCheckout", "an InitiateCheckout"),
            ("", "a "),
        ] {
            assert_eq!(with_article(name), expected);
        }
    }

    #[test]
    fn words_are_listed_as_in_a_sentence() {
        assert_eq!(one_of(["a"]), "`a`");
        assert_eq!(one_of(["a", "b", "c"]), "`a`, `b` or `c`");
    }
}
