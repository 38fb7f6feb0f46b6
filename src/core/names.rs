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
    if wrong.chars().nth(CHARS_MAX).is_some() {
        return None;
    }
    let letters = Letters::of(wrong);
    let near = |word: &'k str| {
        let meant = Letters::of(word);
        // Beyond ASCII lower case may change which letters there are: the Kelvin sign becomes a `k`.
        if wrong.is_ascii() && !letters.may_mean(meant) {
            return None;
        }
        let distance = strsim::osa_distance(&wrong.to_lowercase(), &word.to_lowercase());
        (distance <= meant.steps_max()).then_some((distance, word))
    };
    known.into_iter().filter_map(near).min_by_key(|(distance, _)| *distance).map(|(_, word)| word)
}

/// What is compared of two texts before their letters are: how many characters, and which.
#[derive(Debug, Clone, Copy)]
pub struct Letters {
    chars: usize,
    /// One bit for each letter, whatever its case, and for each digit; other characters share bits.
    pub which: u64,
}

impl Letters {
    /// Those of a text.
    #[must_use]
    pub const fn of(text: &str) -> Self {
        let (bytes, mut which, mut inner, mut at) = (text.as_bytes(), 0, 0, 0);
        while at < bytes.len() {
            which |= 1 << LETTER_BITS[bytes[at] as usize];
            // Beyond ASCII a character has bytes that are not its first.
            inner += (bytes[at] & 0xC0 == 0x80) as usize;
            at += 1;
        }
        Self { chars: bytes.len() - inner, which }
    }

    /// Up to how many steps away a text may still mean this word: a third of it, three at most.
    #[must_use]
    const fn steps_max(self) -> usize {
        match self.chars / 3 {
            0 => 1,
            third @ 1..=3 => third,
            _ => 3,
        }
    }

    /// Whether a text of ASCII may mean a word: a step changes one character of each at most, and one
    /// that makes a text longer changes none of the other's. Most texts are found too far off in a few nanoseconds:
    /// good payments ask here too, whether a field is almost a refusal.
    #[must_use]
    pub const fn may_mean(self, word: Self) -> bool {
        let (longer, shorter) =
            (self.chars.saturating_sub(word.chars), word.chars.saturating_sub(self.chars));
        let most = word.steps_max();
        if longer > most || shorter > most {
            return false;
        }
        let only_here = (self.which & !word.which).count_ones() as usize;
        let only_there = (word.which & !self.which).count_ones() as usize;
        only_here + shorter <= most && only_there + longer <= most
    }
}

/// The bit of each byte: letters and digits have their own, whatever stands between them shares the
/// next ones, and beyond ASCII, where the cases of a letter have other bytes, all share the last.
const LETTER_BITS: [u8; 256] = {
    let (mut bits, mut byte) = ([63; 256], 0_u8);
    while byte.is_ascii() {
        bits[byte as usize] = match byte.to_ascii_lowercase() {
            letter @ b'a'..=b'z' => letter - b'a',
            digit @ b'0'..=b'9' => 26 + digit - b'0',
            other => 36 + other % 27,
        };
        byte += 1;
    }
    bits
};

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

    proptest::proptest! {
        /// Whatever is near enough by its letters must not be passed over by its outline.
        #[test]
        fn no_near_word_is_passed_over(
            word in "[opt_u]{0,12}|[a-z_é]{0,20}",
            edits in proptest::collection::vec((0_usize..20, 0..4, "[optu_.xÉ]"), 0..4),
        ) {
            let mut wrong: Vec<char> = word.chars().collect();
            for (at, edit, letter) in edits {
                let (at, letter) = (at.min(wrong.len()), letter.chars().next().unwrap_or('x'));
                match edit {
                    0 => wrong.insert(at, letter),
                    1 if at < wrong.len() => drop(wrong.remove(at)),
                    2 if at < wrong.len() => wrong[at] = letter.to_ascii_uppercase(),
                    3 if at + 1 < wrong.len() => wrong.swap(at, at + 1),
                    _ => {}
                }
            }
            let wrong: String = wrong.into_iter().collect();
            let most = (word.chars().count() / 3).clamp(1, 3);
            let distance = strsim::osa_distance(&wrong.to_lowercase(), &word.to_lowercase());
            let may_mean = !wrong.is_ascii() || Letters::of(&wrong).may_mean(Letters::of(&word));
            proptest::prop_assert!(may_mean || distance > most, "{wrong} is near {word}");
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
