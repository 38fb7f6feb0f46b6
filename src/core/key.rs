//! The key of a caller, as it is kept: a digest, never the key.
//!
//! In: a key as it was configured, or as a caller sends it. Out: its SHA-256 digest, which is
//! compared in constant time. Keys are long and random, so their digests need no salt and no work;
//! whoever reads our memory or our files finds nothing to call with.

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// The digest of a key. It does not print.
#[derive(Clone, Copy)]
pub struct KeyDigest([u8; 32]);

impl KeyDigest {
    /// The digest of this key.
    #[must_use]
    pub fn of(key: &[u8]) -> Self {
        Self(Sha256::digest(key).into())
    }

    /// Whether both are of one key, in the same time whatever they are.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl std::fmt::Debug for KeyDigest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("KeyDigest(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_of_one_key_and_does_not_print_it() {
        let key = KeyDigest::of(b"shop-key");
        for (other, same) in
            [("shop-key", true), ("shop-kez", false), ("shop-key ", false), ("", false)]
        {
            assert_eq!(key.is(&KeyDigest::of(other.as_bytes())), same, "{other}");
        }
        // printf shop-key | sha256sum
        let digits = "44cfdcdd88354fa1412781f5a01a901c9112db33bfa8b165fbec9b618d9cf112";
        assert_eq!(const_hex::encode(key.0), digits);
        assert_eq!(format!("{key:?}"), "KeyDigest(…)");
    }
}
