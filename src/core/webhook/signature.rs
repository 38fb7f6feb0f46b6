//! Whether a webhook comes from whom it says: the providers' signatures over the raw bytes.
//!
//! In: the secrets of the endpoint, the headers, the bytes as they arrived, the time. Out: yes, or
//! why not. Digests are compared in constant time, and every secret is tried whether or not an
//! earlier one fits, so that neither the answer nor its timing tells a secret. Nothing of the body
//! is looked at before.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use super::Provider;
use crate::core::time::Timestamp;

/// How far the time of a signature may be from ours, in seconds. What is older may be a recording
/// that somebody plays again; what is newer tells of a clock that is wrong.
///
/// # Source
/// Stripe, "Receive Stripe events in your webhook endpoint", Preventing replay attacks: 5 minutes
/// in Stripe's libraries. Standard Webhooks, its libraries: 5 minutes either way.
pub const TOLERANCE_SECS: u64 = 300;

/// Most signatures of one request that are looked at. Ours: a provider that changes its secret
/// signs with two for a day.
pub const SIGNATURES_MAX: usize = 16;

type Digest = [u8; 32];

/// Why a webhook is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsigned {
    /// A header that the provider always sends is missing or unreadable.
    #[error("the signature's headers are missing or unreadable")]
    NoSignature,
    /// It was signed too long ago, or in the future.
    #[error("the signature is more than 5 minutes away from our clock")]
    Untimely,
    /// No secret of the endpoint makes this signature of these bytes.
    #[error("the signature fits no secret of this endpoint")]
    Wrong,
}

/// Whether one of the secrets signed these bytes. `header` gives the value of a header by its name
/// in small letters.
///
/// # Errors
/// [`Unsigned`] says what is wrong with the signature.
pub fn verify<'h>(
    provider: Provider,
    secrets: &[&str],
    header: &dyn Fn(&str) -> Option<&'h str>,
    (body, now): (&[u8], Timestamp),
) -> Result<(), Unsigned> {
    let claim = match provider {
        Provider::Stripe => stripe(header),
        Provider::LemonSqueezy => lemon_squeezy(header),
        Provider::Polar => polar(header),
    };
    let claim = claim.ok_or(Unsigned::NoSignature)?;
    let keys = secrets.iter().flat_map(|secret| keys(provider, secret));
    let fits = keys.fold(false, |fits, key| claim.fits(&key, body) | fits);
    match claim.signed_at {
        _ if !fits => Err(Unsigned::Wrong),
        Some(time) if time.abs_diff(now.seconds()) > TOLERANCE_SECS => Err(Unsigned::Untimely),
        Some(_) | None => Ok(()),
    }
}

/// What the headers claim.
struct Claim {
    /// What was signed in front of the body.
    before: String,
    signed_at: Option<i64>,
    signatures: Vec<Digest>,
}

impl Claim {
    fn of(before: String, signed_at: Option<i64>, signatures: Vec<Digest>) -> Option<Self> {
        (!signatures.is_empty()).then_some(Self { before, signed_at, signatures })
    }

    fn fits(&self, key: &[u8], body: &[u8]) -> bool {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return false };
        mac.update(self.before.as_bytes());
        mac.update(body);
        let digest: Digest = mac.finalize().into_bytes().into();
        self.signatures
            .iter()
            .fold(false, |fits, signature| bool::from(signature.ct_eq(&digest)) | fits)
    }
}

/// `Stripe-Signature: t=1772280000,v1=5257a869…,v1=…,v0=…`, hex digits over `{t}.{body}`.
///
/// # Source
/// Stripe, "Receive Stripe events in your webhook endpoint", Verify webhook signatures manually:
/// schemes other than `v1` are passed over.
fn stripe<'h>(header: &dyn Fn(&str) -> Option<&'h str>) -> Option<Claim> {
    let parts: Vec<(&str, &str)> = header("stripe-signature")?
        .split(',')
        .filter_map(|part| part.trim().split_once('='))
        .collect();
    let (_, time) = parts.iter().find(|(key, _)| *key == "t")?;
    let signed = parts.iter().filter(|(key, _)| *key == "v1").take(SIGNATURES_MAX);
    let signatures = signed.filter_map(|(_, digits)| hex(digits)).collect();
    Claim::of(format!("{time}."), Some(time.parse().ok()?), signatures)
}

/// `X-Signature: 5257a869…`, hex digits over the body. It bears no time: a recording can be played
/// again, and the key of deduplication makes it a repetition.
///
/// # Source
/// Lemon Squeezy, "Signing requests".
fn lemon_squeezy<'h>(header: &dyn Fn(&str) -> Option<&'h str>) -> Option<Claim> {
    Claim::of(String::new(), None, vec![hex(header("x-signature")?.trim())?])
}

/// `webhook-signature: v1,base64 v1,base64` over `{webhook-id}.{webhook-timestamp}.{body}`.
///
/// # Source
/// Standard Webhooks, "Signature scheme"; Polar, "Webhooks / Verify signature", follows it.
fn polar<'h>(header: &dyn Fn(&str) -> Option<&'h str>) -> Option<Claim> {
    let (id, time) = (header("webhook-id")?, header("webhook-timestamp")?);
    let signed = header("webhook-signature")?.split_ascii_whitespace();
    let signed = signed.filter_map(|part| part.strip_prefix("v1,")).take(SIGNATURES_MAX);
    let signatures = signed.filter_map(|text| BASE64.decode(text).ok()?.try_into().ok()).collect();
    Claim::of(format!("{id}.{time}."), Some(time.parse().ok()?), signatures)
}

/// The keys that a secret may stand for. Stripe and Lemon Squeezy sign with the secret's own bytes.
/// Polar does so with the secrets that it made before 8 September 2026; since then they are those of
/// Standard Webhooks: `whsec_` and the key in base64. Both ways are tried, since either needs the
/// secret. An empty key is none.
///
/// # Source
/// Polar's SDK for JavaScript, `webhooks.ts` (own bytes); Standard Webhooks, "Signature scheme".
fn keys(provider: Provider, secret: &str) -> Vec<Vec<u8>> {
    let mut keys = vec![secret.as_bytes().to_vec()];
    let decoded = || BASE64.decode(secret.strip_prefix("whsec_")?).ok();
    match provider {
        Provider::Stripe | Provider::LemonSqueezy => {}
        Provider::Polar => keys.extend(decoded()),
    }
    keys.retain(|key| !key.is_empty());
    keys
}

fn hex(digits: &str) -> Option<Digest> {
    const_hex::decode_to_array(digits).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"id":"evt_1","type":"plan.created"}"#;
    const NOW: i64 = 1_772_280_000;

    // printf '1772280000.%s' "$BODY" | openssl dgst -sha256 -hmac SECRET
    const OF_TEST: &str = "9ea1cbf8865a7f762282656c2cdc5a1ab0f8b80a59ff17cba7fd84bf4263e867";
    const OF_OLD: &str = "cd51156c2ed25a17c4870cb1c60c8037f94c890f541fe83670bf23fe4af6dd84";
    const OF_WRONG: &str = "665738e4479186f6a153ef1ff9e20df7cafbd5f345a79873fe863fdcdcd02c56";
    // printf '%s' "$BODY" | openssl dgst -sha256 -hmac ls_secret
    const OF_LEMON: &str = "a63826367bad50b6c1923ae112f955ca5f74fd6eafe370382ac0c2f092265b39";
    // printf 'msg_1.1772280000.%s' "$BODY" | openssl dgst -sha256 -hmac SECRET -binary | base64
    // with the secrets polar_whs_test and 0123456789abcdef
    const OF_BYTES: &str = "v1,ULF1ymOVf3neZqRa1wK+5wP6YjLF6Zg3EeKO07j3df8=";
    const OF_DECODED: &str = "v1,FLGm9yp08dEARLGRA/ulm+pkiuxMBG3K9TdR8YE0F/M=";
    /// `printf 0123456789abcdef | base64`
    const STANDARD: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZg==";

    type Headers<'h> = &'h [(&'h str, &'h str)];

    fn judged(
        provider: Provider,
        secrets: &[&str],
        headers: Headers<'_>,
        (body, now): (&str, i64),
    ) -> Result<(), Unsigned> {
        let header =
            |name: &str| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        verify(provider, secrets, &header, (body.as_bytes(), Timestamp::from_seconds(now)))
    }

    #[test]
    fn stripes_signature_is_right_or_says_what_is_wrong() {
        use Unsigned::{NoSignature, Untimely, Wrong};
        let t = "t=1772280000";
        for (header, secrets, body, now, expected) in [
            (format!("{t},v1={OF_TEST}"), &["whsec_test"][..], BODY, NOW, Ok(())),
            (format!("{t}, v1={OF_TEST} "), &["whsec_test"], BODY, NOW, Ok(())),
            (format!("{t},v1={OF_WRONG},v1={OF_TEST},v0=x"), &["whsec_test"], BODY, NOW, Ok(())),
            (format!("{t},v1={OF_OLD}"), &["whsec_test", "old_secret"], BODY, NOW, Ok(())),
            (format!("{t},v1={OF_OLD}"), &["whsec_test"], BODY, NOW, Err(Wrong)),
            (format!("{t},v1={OF_TEST}"), &[], BODY, NOW, Err(Wrong)),
            (format!("{t},v1={OF_TEST}"), &["whsec_test"], "{}", NOW, Err(Wrong)),
            (format!("{t},v1={OF_TEST}"), &["whsec_test"], "", NOW, Err(Wrong)),
            // The time is part of what is signed.
            (format!("t=1772280001,v1={OF_TEST}"), &["whsec_test"], BODY, NOW, Err(Wrong)),
            (format!("{t},v1={OF_TEST}"), &["whsec_test"], BODY, NOW + 300, Ok(())),
            (format!("{t},v1={OF_TEST}"), &["whsec_test"], BODY, NOW + 301, Err(Untimely)),
            (format!("{t},v1={OF_TEST}"), &["whsec_test"], BODY, NOW - 300, Ok(())),
            (format!("{t},v1={OF_TEST}"), &["whsec_test"], BODY, NOW - 301, Err(Untimely)),
            (format!("{t},v0={OF_TEST}"), &["whsec_test"], BODY, NOW, Err(NoSignature)),
            (format!("v1={OF_TEST}"), &["whsec_test"], BODY, NOW, Err(NoSignature)),
            (format!("t=now,v1={OF_TEST}"), &["whsec_test"], BODY, NOW, Err(NoSignature)),
            (format!("{t},v1=abc"), &["whsec_test"], BODY, NOW, Err(NoSignature)),
            (t.to_owned(), &["whsec_test"], BODY, NOW, Err(NoSignature)),
            (String::new(), &["whsec_test"], BODY, NOW, Err(NoSignature)),
        ] {
            let headers = [("stripe-signature", header.as_str())];
            let found = judged(Provider::Stripe, secrets, &headers, (body, now));
            assert_eq!(found, expected, "{header} with {secrets:?} at {now}");
        }
        let none = judged(Provider::Stripe, &["whsec_test"], &[], (BODY, NOW));
        assert_eq!(none, Err(NoSignature));
    }

    #[test]
    fn no_more_signatures_are_looked_at_than_a_provider_sends() {
        let wrong = |count: usize| format!(",v1={OF_WRONG}").repeat(count);
        for (before, expected) in
            [(SIGNATURES_MAX - 1, Ok(())), (SIGNATURES_MAX, Err(Unsigned::Wrong))]
        {
            let header = format!("t=1772280000{},v1={OF_TEST}", wrong(before));
            let headers = [("stripe-signature", header.as_str())];
            let found = judged(Provider::Stripe, &["whsec_test"], &headers, (BODY, NOW));
            assert_eq!(found, expected, "{before} before the right one");
        }
    }

    #[test]
    fn lemon_squeezys_signature_is_right_or_says_what_is_wrong() {
        let capitals = OF_LEMON.to_ascii_uppercase();
        for (header, secret, body, expected) in [
            (OF_LEMON, "ls_secret", BODY, Ok(())),
            (&capitals, "ls_secret", BODY, Ok(())),
            (OF_LEMON, "other", BODY, Err(Unsigned::Wrong)),
            (OF_LEMON, "ls_secret", "{}", Err(Unsigned::Wrong)),
            (&OF_LEMON[1..], "ls_secret", BODY, Err(Unsigned::NoSignature)),
            ("", "ls_secret", BODY, Err(Unsigned::NoSignature)),
        ] {
            let headers = [("x-signature", header)];
            // It bears no time, so none is too late.
            let found = judged(Provider::LemonSqueezy, &[secret], &headers, (body, 0));
            assert_eq!(found, expected, "{header} with {secret}");
        }
    }

    #[test]
    fn polars_signature_is_made_with_either_kind_of_secret() {
        use Unsigned::{NoSignature, Untimely, Wrong};
        let both = format!("v1,AAAA {OF_DECODED} v1a,x {OF_BYTES}");
        for (header, secret, id, now, expected) in [
            (OF_BYTES, "polar_whs_test", "msg_1", NOW, Ok(())),
            (OF_DECODED, STANDARD, "msg_1", NOW, Ok(())),
            (&both, STANDARD, "msg_1", NOW, Ok(())),
            (&both, "polar_whs_test", "msg_1", NOW, Ok(())),
            (OF_BYTES, STANDARD, "msg_1", NOW, Err(Wrong)),
            (OF_BYTES, "polar_whs_test", "msg_2", NOW, Err(Wrong)),
            (OF_BYTES, "polar_whs_test", "msg_1", NOW + 301, Err(Untimely)),
            ("v1,AAAA", STANDARD, "msg_1", NOW, Err(NoSignature)),
            ("v2,AAAA", STANDARD, "msg_1", NOW, Err(NoSignature)),
        ] {
            let headers = [
                ("webhook-id", id),
                ("webhook-timestamp", "1772280000"),
                ("webhook-signature", header),
            ];
            let found = judged(Provider::Polar, &[secret], &headers, (BODY, now));
            assert_eq!(found, expected, "{header} with {secret} at {now}");
            let found = judged(Provider::Polar, &[secret], &headers[1..], (BODY, now));
            assert_eq!(found, Err(NoSignature), "no webhook-id");
        }
    }

    #[test]
    fn a_secret_of_nothing_signs_nothing() {
        assert_eq!(keys(Provider::Polar, "whsec_"), [b"whsec_".to_vec()]);
        assert_eq!(keys(Provider::Stripe, ""), Vec::<Vec<u8>>::new());
    }
}
