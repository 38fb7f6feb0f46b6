//! Whether a request comes from the app that it names: the signatures of the mobile SDKs.
//!
//! In: the names and secrets of a project's apps, the headers, the bytes as they arrived, the time.
//! Out: yes, or why not. A signature is looked at only where the project has a secret. A request
//! that somebody plays again on the same route within the tolerance is harmless where it has an id: it
//! is a repetition. The SDKs sign neither path nor method: whoever can read a signed call can within
//! that time take its payment back with the same bytes.
//! Deliberately absent: `Authorization: HMAC`, which the SDK sends as well and which says nothing.
//!
//! Source: reference/payment-apis.md 2.4, Optional signing; row SDK-7.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::core::time::Timestamp;

/// How far the time of a signature may be from ours, in milliseconds. Ours: what the libraries of
/// payment providers allow; a phone takes its time from the network.
pub const TOLERANCE_MILLIS: u64 = 300_000;

/// The headers of a signature, in small letters: the secret's name, the time, the signature.
pub const HEADERS: [&str; 3] = ["x-key-id", "x-timestamp", "x-signature"];

/// Why a request is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSigned {
    /// A header is missing or unreadable.
    #[error("Signature missing: x-key-id, x-timestamp and x-signature are needed.")]
    Missing,
    /// It was signed too long ago, or in the future.
    #[error("Signature expired: x-timestamp is more than 5 minutes away from the server's clock.")]
    Untimely,
    /// No secret of this name makes this signature of these bytes.
    #[error("Signature invalid!")]
    Wrong,
}

/// Whether one of these secrets, each with its name, signed these bytes. `header` gives the value of
/// a header by its name in small letters.
///
/// # Errors
/// [`NotSigned`] says what is wrong with the signature.
///
/// # Source
/// Linkrunner's SDK for iOS: `HmacSignatureGenerator.swift`, `RequestSigningInterceptor.swift`.
pub fn verify<'h>(
    secrets: &[(&str, &str)],
    header: &dyn Fn(&str) -> Option<&'h str>,
    (body, now): (&[u8], Timestamp),
) -> Result<(), NotSigned> {
    let present = |name| header(name).map(str::trim).filter(|text| !text.is_empty());
    let [Some(id), Some(time), Some(signature)] = HEADERS.map(present) else {
        return Err(NotSigned::Missing);
    };
    let signed_at: i64 = time.parse().map_err(|_| NotSigned::Missing)?;
    let signature = BASE64.decode(signature).map_err(|_| NotSigned::Missing)?;
    let digest = if body.is_empty() { String::new() } else { BASE64.encode(Sha256::digest(body)) };
    let signed = format!("{time}\n{digest}");
    // Every secret is tried, whether or not an earlier one fits.
    let fits = secrets.iter().fold(false, |fits, (name, secret)| {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return fits };
        mac.update(signed.as_bytes());
        fits | (mac.verify_slice(&signature).is_ok() && *name == id)
    });
    if !fits {
        return Err(NotSigned::Wrong);
    }
    let is_timely = signed_at.abs_diff(now.millis()) <= TOLERANCE_MILLIS;
    if is_timely { Ok(()) } else { Err(NotSigned::Untimely) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"token":"t","amount":5}"#;
    const NOW: i64 = 1_772_280_000_000;

    // import base64, hashlib, hmac
    // body = base64.b64encode(hashlib.sha256(BODY).digest())   # b"" of no body
    // base64.b64encode(hmac.new(SECRET, b"1772280000000\n" + body, hashlib.sha256).digest())
    const OF_APP: &str = "1pH1LxJRgOgWYJujv186VELJ6fqsK2pnwgkx1m+K8h4=";
    const OF_OLD: &str = "DfLWhYkHfRcTV1gO0BDlxvNjJM6UXWQOufq03ZIauCU=";
    const OF_NO_BODY: &str = "6ClsUWJpSQa60mmYtmBvISDP+5UGbid7ZjM6HvXAAc0=";

    const KEYS: [(&str, &str); 2] = [("app-1", "app_secret"), ("app-0", "old_secret")];

    fn judged(headers: [&str; 3], body: &str, now: i64) -> Result<(), NotSigned> {
        let header = |name: &str| {
            let at = ["x-key-id", "x-timestamp", "x-signature"]
                .iter()
                .position(|known| *known == name)?;
            Some(headers[at]).filter(|value| *value != "-")
        };
        verify(&KEYS, &header, (body.as_bytes(), Timestamp::from_millis(now)))
    }

    #[test]
    fn a_signature_is_right_or_says_what_is_wrong() {
        use NotSigned::{Missing, Untimely, Wrong};
        let t = "1772280000000";
        for (headers, body, now, expected) in [
            (["app-1", t, OF_APP], BODY, NOW, Ok(())),
            ([" app-1 ", t, OF_APP], BODY, NOW, Ok(())),
            // While one secret is replaced both count, each under its own name.
            (["app-0", t, OF_OLD], BODY, NOW, Ok(())),
            (["app-0", t, OF_APP], BODY, NOW, Err(Wrong)),
            (["app-2", t, OF_APP], BODY, NOW, Err(Wrong)),
            (["app-1", t, OF_APP], "{}", NOW, Err(Wrong)),
            (["app-1", t, OF_APP], "", NOW, Err(Wrong)),
            (["app-1", t, OF_NO_BODY], "", NOW, Ok(())),
            (["app-1", t, OF_NO_BODY], BODY, NOW, Err(Wrong)),
            // The time is part of what is signed.
            (["app-1", "1772280000001", OF_APP], BODY, NOW, Err(Wrong)),
            (["app-1", t, OF_APP], BODY, NOW + 300_000, Ok(())),
            (["app-1", t, OF_APP], BODY, NOW + 300_001, Err(Untimely)),
            (["app-1", t, OF_APP], BODY, NOW - 300_000, Ok(())),
            (["app-1", t, OF_APP], BODY, NOW - 300_001, Err(Untimely)),
            (["-", t, OF_APP], BODY, NOW, Err(Missing)),
            (["app-1", "-", OF_APP], BODY, NOW, Err(Missing)),
            (["app-1", t, "-"], BODY, NOW, Err(Missing)),
            (["", t, OF_APP], BODY, NOW, Err(Missing)),
            (["app-1", "now", OF_APP], BODY, NOW, Err(Missing)),
            (["app-1", t, "?"], BODY, NOW, Err(Missing)),
            (["app-1", t, "AAAA"], BODY, NOW, Err(Wrong)),
        ] {
            assert_eq!(judged(headers, body, now), expected, "{headers:?} of {body} at {now}");
        }
    }
}
