//! A value that is ready for the wire: a digest, never clear text.
//!
//! In: normalised text (from this folder only), or text that already is a digest. Out: [`Hashed`].
//! There is no other way to make one, so clear text cannot reach an event by mistake.
//! Deliberately absent: `Deserialize`, `From<String>` and any other open door.
//! Source: Meta, "Customer Information Parameters" (SHA-256, lower-case hex); Meta's Business
//! SDKs (64 and 32 hex digits pass) and parameter builder (digest with a suffix) in their code.

use sha2::{Digest, Sha256};

/// Hex digits of a SHA-256 digest.
const SHA256_DIGITS: usize = 64;
/// Hex digits of an MD5 digest.
const MD5_DIGITS: usize = 32;
/// A SHA-256 digest, a dot and the former suffix of 2 characters.
const SUFFIXED_SHORT: usize = SHA256_DIGITS + 1 + 2;
/// A SHA-256 digest, a dot and the suffix of 8 characters.
const SUFFIXED_LONG: usize = SHA256_DIGITS + 1 + 8;
/// What SHA-256 and MD5 make of no bytes. Source: FIPS 180-4 and RFC 1321, their test suites.
const OF_NOTHING: [&str; 2] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "d41d8cd98f00b204e9800998ecf8427e",
];
/// Digits that `Debug` shows: enough to tell two values apart, too few to look one up.
const SHOWN_DIGITS: usize = 8;

/// A hashed value: 64 lower-case hex digits (SHA-256), 32 (MD5, made by the sender), or
/// `<64 hex digits>.<suffix>` exactly as Meta's parameter builder made it.
///
/// Held in place instead of on the heap: each payment copies those of its person.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hashed {
    /// The text, then zeros, so that values are ordered as their texts are.
    bytes: [u8; SUFFIXED_LONG],
    length: u8,
}

impl Hashed {
    /// The value as it goes on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // It was text when it came in.
        std::str::from_utf8(&self.bytes[..self.length.into()]).unwrap_or_default()
    }

    /// Text that is known to be a digest, and so no longer than the longest.
    fn held(digest: &str) -> Self {
        let mut bytes = [0; SUFFIXED_LONG];
        bytes[..digest.len()].copy_from_slice(digest.as_bytes());
        Self { bytes, length: u8::try_from(digest.len()).unwrap_or_default() }
    }

    /// Reads text that already is hashed; `None` for everything else.
    ///
    /// 64 or 32 hex digits are lower-cased. 64 hex digits, a dot and a suffix of 2 or 8
    /// characters of base64url stay as they are.
    ///
    /// # Source
    /// normalisation.md, row "all". The suffix: Meta's parameter builder, which appends 8
    /// characters of base64url, formerly a language token of 2.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.len() {
            SHA256_DIGITS | MD5_DIGITS if is_hex(text) => {
                let mut hash = Self::held(text);
                hash.bytes.make_ascii_lowercase();
                Some(hash)
            }
            SUFFIXED_SHORT | SUFFIXED_LONG if is_suffixed(text) => Some(Self::held(text)),
            _ => None,
        }
    }

    /// Hashes normalised text: SHA-256 of its UTF-8 bytes.
    pub(super) fn of(normalised: &str) -> Self {
        let digest: [u8; SHA256_DIGITS / 2] = Sha256::digest(normalised.as_bytes()).into();
        Self::held(const_hex::Buffer::<{ SHA256_DIGITS / 2 }>::new().format(&digest))
    }

    /// Whether this is the digest of an empty text, which would match everybody without a value.
    pub(super) fn is_of_nothing(&self) -> bool {
        let digest = self.as_str().split('.').next().unwrap_or_default();
        OF_NOTHING.iter().any(|nothing| digest.eq_ignore_ascii_case(nothing))
    }

    /// Whether this is a sender's MD5.
    pub(super) fn is_md5(&self) -> bool {
        usize::from(self.length) == MD5_DIGITS
    }
}

impl serde::Serialize for Hashed {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl std::fmt::Debug for Hashed {
    /// Shows the first 8 digits only.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Hashed({}…)", self.as_str().get(..SHOWN_DIGITS).unwrap_or_default())
    }
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_suffixed(text: &str) -> bool {
    text.split_once('.').is_some_and(|(digest, suffix)| {
        digest.len() == SHA256_DIGITS && is_hex(digest) && suffix.bytes().all(is_base64url)
    })
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::Hashed;

    const UPPER: &str = "62A14E44F765419D10FEA99367361A727C12365E2520F32218D505ED9AA0F62F";
    const LOWER: &str = "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f";

    #[test]
    fn digests_pass_and_nothing_else_does() {
        let suffixed = |suffix: &str| format!("{LOWER}.{suffix}");
        for (text, expected, source) in [
            (LOWER.into(), Some(LOWER.into()), "64 hex digits"),
            (UPPER.into(), Some(LOWER.into()), "sent in lower case"),
            (LOWER[..63].into(), None, "63 digits"),
            (format!("{LOWER}0"), None, "65 digits"),
            (LOWER.replacen('6', "g", 1), None, "64 characters, one no hex digit"),
            (UPPER[..32].into(), Some(LOWER[..32].into()), "MD5"),
            (LOWER[..31].into(), None, "31 digits"),
            ("abcdefghijabcdefghijabcdefghijzz".into(), None, "32 letters: Java passes them raw"),
            ("６".repeat(32), None, "full-width digits are no hex digits"),
            (suffixed("AQQCAQIB"), Some(suffixed("AQQCAQIB")), "parameter builder, 8 characters"),
            (suffixed("en"), Some(suffixed("en")), "parameter builder, 2 characters"),
            (suffixed("-_"), Some(suffixed("-_")), "base64url"),
            (format!("{UPPER}.en"), Some(format!("{UPPER}.en")), "passed as it is"),
            (suffixed("e"), None, "suffix of 1"),
            (suffixed("eng"), None, "suffix of 3"),
            (suffixed("AQQCAQI"), None, "suffix of 7"),
            (suffixed("AQQCAQIBA"), None, "suffix of 9"),
            (suffixed("John Doe"), None, "8 characters, not base64url"),
            (suffixed("é"), None, "2 bytes, not base64url"),
            (format!("{}.en", &LOWER[..32]), None, "MD5 with a suffix is not made by anybody"),
            (String::new(), None, "empty"),
        ] {
            let found = Hashed::parse(&text).map(|hash| hash.as_str().to_owned());
            assert_eq!(found, expected, "{source}");
        }
    }

    #[test]
    fn debug_shows_eight_digits_and_json_all() {
        let hash = Hashed::parse(LOWER).unwrap();
        assert_eq!(format!("{hash:?}"), "Hashed(62a14e44…)");
        assert_eq!(serde_json::to_string(&hash).unwrap(), format!("\"{LOWER}\""));
    }
}
