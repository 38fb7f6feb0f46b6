//! Rules about `user_data`: personal fields arrive hashed, and there are enough of them to match.
//!
//! In: an [`Event`]. Out: 2804001, 2804016, 2804036 or 2804050. Deliberately absent: hashing, normalising,
//! and a guess at what a digest was made of. Values never appear in a sentence, only keys. Source:
//! CAPI/parameters/customer-information-parameters, meta-capi.md 3.1, 3.2 and 3.4.

use super::complaint::{CLICK_ID, LEAD_ID, NOT_HASHED, TOO_BROAD};
use super::{Event, Rule, Strength};
use crate::sandbox::json::Json;

/// Keys whose values must be digests. `external_id` may be one, but need not.
pub(super) const HASHED: [&str; 16] = [
    "em", "ph", "fn", "ln", "db", "ge", "ct", "st", "zp", "country", "dobd", "dobm", "doby",
    "f5first", "f5last", "fi",
];

/// Other keys that say who the person is.
pub(super) const PLAIN: [&str; 18] = [
    "external_id",
    "client_ip_address",
    "client_user_agent",
    "fbc",
    "fbp",
    "subscription_id",
    "fb_login_id",
    "lead_id",
    "anon_id",
    "madid",
    "page_id",
    "page_scoped_user_id",
    "ctwa_clid",
    "ig_account_id",
    "ig_sid",
    "whatsapp_business_account_id",
    "instagram_business_account_id",
    "app_user_id",
];

/// Sets of keys that are too broad when nothing else is there.
const TOO_BROAD_SETS: [&[&str]; 4] = [
    &["ct", "country", "st", "zp", "ge", "client_user_agent"],
    &["db", "client_user_agent"],
    &["fn", "ge"],
    &["ln", "ge"],
];

pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "user_data.hashed",
        strength: Strength::Known,
        answers: &NOT_HASHED,
        source: "facebook-java-business-sdk#421 [R]; digest forms from the SDKs and ParamBuilder [S]",
        check: fields_are_hashed,
    },
    Rule {
        name: "user_data.lead_id",
        strength: Strength::Known,
        answers: &LEAD_ID,
        source: "CAPI/parameters/customer-information-parameters [D]: 15 to 17 digits; subcode [R]",
        check: lead_id_is_one,
    },
    Rule {
        name: "user_data.fbc",
        strength: Strength::Known,
        answers: &CLICK_ID,
        source: "peers.md \"Meta's answers seen in the wild\" [R]; form: CAPI/parameters/fbp-and-fbc \
                 [D], capi-param-builder [S]",
        check: click_id_has_its_form,
    },
    Rule {
        name: "user_data.too_broad",
        strength: Strength::Known,
        answers: &TOO_BROAD,
        source: "CAPI/parameters/customer-information-parameters [D]; live probe of 2026-09 [R]",
        check: is_narrow,
    },
];

fn fields_are_hashed(event: &Event<'_>) -> Option<String> {
    let mut personal = event.user?.members().filter(|(key, _)| HASHED.contains(key));
    let (key, _) = personal.find(|(_, value)| !all_hashed(value))?;
    Some(format!(
        "The {key} parameter isn't hashed. Hash all user parameters as SHA256, except for client \
         user agent, click ID, and browser ID"
    ))
}

fn lead_id_is_one(event: &Event<'_>) -> Option<String> {
    let right = match event.user?.given("lead_id")? {
        Json::Whole(number) => (10_i128.pow(14)..10_i128.pow(17)).contains(number),
        Json::Text(text) => {
            (15..=17).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
        }
        Json::Null | Json::Bool(_) | Json::Fraction(_) | Json::List(_) | Json::Object(_) => false,
    };
    (!right).then(|| LEAD_ID.says.to_owned())
}

fn click_id_has_its_form(event: &Event<'_>) -> Option<String> {
    let right = event.user?.given("fbc")?.text().is_some_and(has_cookie_form);
    (!right).then(|| CLICK_ID.says.to_owned())
}

fn is_narrow(event: &Event<'_>) -> Option<String> {
    let known = |key: &&str| HASHED.contains(key) || PLAIN.contains(key);
    let keys: Vec<&str> = event.user?.members().map(|(key, _)| key).filter(known).collect();
    let covers = |set: &&[&str]| keys.iter().all(|key| set.contains(key));
    TOO_BROAD_SETS.iter().any(covers).then(|| TOO_BROAD.says.to_owned())
}

/// Whether a value is a digest or a list of digests; blank entries are passed over.
fn all_hashed(value: &Json<'_>) -> bool {
    let one = |value: &Json<'_>| value.is_blank() || value.text().is_some_and(is_digest);
    value.list().map_or_else(|| one(value), |values| values.iter().all(one))
}

/// Whether text is a digest: 64 or 32 hex digits, or 64 with the suffix of Meta's own library.
fn is_digest(text: &str) -> bool {
    let (hex, suffix) = text.split_once('.').map_or((text, None), |(hex, end)| (hex, Some(end)));
    let sized = match suffix {
        None => matches!(hex.len(), 32 | 64),
        Some(suffix) => hex.len() == 64 && is_suffix(suffix),
    };
    sized && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether text is what Meta's own library appends to ids, addresses and digests: eight base64url
/// letters, formerly two for a language.
pub(super) fn is_suffix(text: &str) -> bool {
    let base64url = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    matches!(text.len(), 2 | 8) && text.bytes().all(base64url)
}

/// Whether text has the form of Meta's two cookies: `fb`, the index of the domain, milliseconds, and
/// an id, with or without a suffix.
///
/// # Source
/// CAPI/parameters/fbp-and-fbc, capi-param-builder; meta-capi.md 3.3.
pub(super) fn has_cookie_form(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    let (index, time, id, suffix) = match parts[..] {
        ["fb", index, time, id] => (index, time, id, None),
        ["fb", index, time, id, suffix] => (index, time, id, Some(suffix)),
        _ => return false,
    };
    let time_fits = time.len() >= 10 && time.bytes().all(|byte| byte.is_ascii_digit());
    matches!(index, "0" | "1" | "2") && time_fits && !id.is_empty() && suffix.is_none_or(is_suffix)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::is_digest;
    use crate::sandbox::rules::cases::{assert_all, right, says, verdict, with};

    const HASH: &str = "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f";

    #[test]
    fn digests_and_what_only_looks_like_one() {
        let md5 = &HASH[..32];
        let upper = HASH.to_uppercase();
        for text in [HASH, md5, &upper, &format!("{HASH}.AQQCAQIB"), &format!("{HASH}.en")] {
            assert!(is_digest(text), "{text}");
        }
        let near = [
            &HASH[..63],
            &format!("{HASH}0"),
            &format!("{md5}.AQQCAQIB"),
            &format!("{HASH}.abc"),
            &format!("{HASH}.a!"),
            &format!("{HASH}.en.en"),
            &format!(" {HASH}"),
            &HASH.replace('6', "g"),
            "mary@example.com",
            "",
        ];
        for text in near {
            assert!(!is_digest(text), "{text}");
        }
    }

    #[test]
    fn personal_fields_must_be_hashed_in_every_element() {
        let rows = [
            ("/user_data/ph", json!(HASH), ""),
            ("/user_data/ph", json!([HASH, HASH]), ""),
            ("/user_data/ph", json!([HASH, "16505551212"]), "user_data.hashed"),
            ("/user_data/ph", json!(16_505_551_212_u64), "user_data.hashed"),
            ("/user_data/fn", json!("mary"), "user_data.hashed"),
            ("/user_data/country", json!({"code": "us"}), "user_data.hashed"),
            ("/user_data/country", json!([[HASH]]), "user_data.hashed"),
            ("/user_data/zp", json!([]), ""),
            ("/user_data/zp", json!(""), ""),
            ("/user_data/external_id", json!("user-42"), ""),
            ("/user_data/client_ip_address", json!("203.0.113.7"), ""),
            ("/user_data/email", json!("mary@example.com"), ""),
            ("/user_data/lead_id", json!(123_456_789_012_345_u64), ""),
            ("/user_data/lead_id", json!("12345678901234567"), ""),
            ("/user_data/lead_id", json!("123456789012345678"), "user_data.lead_id"),
            ("/user_data/lead_id", json!("12345678901234x"), "user_data.lead_id"),
            ("/user_data/lead_id", json!(99_999_999_999_999_u64), "user_data.lead_id"),
        ];
        assert_all(&right("other"), &rows);
    }

    #[test]
    fn a_click_id_has_the_form_of_the_cookie() {
        let rows = [
            (
                "/user_data/fbc",
                json!("fb.1.1554763741205.AbCdEfGhIjKlMnOpQrStUvWxYz1234567890"),
                "",
            ),
            ("/user_data/fbc", json!("fb.2.1554763741205.IwAR2F4-dbP0l7Mn1_"), ""),
            ("/user_data/fbc", json!("fb.0.1554763741.x.AQQCAQIB"), ""),
            ("/user_data/fbc", json!("fb.1.1554763741205.x.en"), ""),
            ("/user_data/fbc", json!(""), ""),
            ("/user_data/fbc", json!("IwAR2F4-dbP0l7Mn1"), "user_data.fbc"),
            ("/user_data/fbc", json!("fb.1.1554763741205."), "user_data.fbc"),
            ("/user_data/fbc", json!("fb.1.155476374.x"), "user_data.fbc"),
            ("/user_data/fbc", json!("fb.3.1554763741205.x"), "user_data.fbc"),
            ("/user_data/fbc", json!("FB.1.1554763741205.x"), "user_data.fbc"),
            ("/user_data/fbc", json!("fb.1.now.x"), "user_data.fbc"),
            ("/user_data/fbc", json!("fb.1.1554763741205.x.AQQCAQIB.x"), "user_data.fbc"),
            ("/user_data/fbc", json!(["fb.1.1554763741205.x"]), "user_data.fbc"),
        ];
        assert_all(&right("other"), &rows);
    }

    #[test]
    fn the_sentence_names_the_key_and_not_the_value() {
        let raw = with(right("other"), "/user_data/ct", json!("paris"));
        assert!(says(&raw).starts_with("The ct parameter isn't hashed"));
        assert!(!says(&raw).contains("paris"));
    }

    #[test]
    fn combinations_that_are_too_broad() {
        let refused = [
            json!({}),
            json!({"em": ""}),
            json!({"em": [""], "ph": []}),
            json!({"unknown": "x"}),
            json!({"client_user_agent": "curl"}),
            json!({"ct": HASH, "country": HASH, "st": HASH, "zp": HASH, "ge": HASH, "client_user_agent": "x"}),
            json!({"db": HASH, "client_user_agent": "x"}),
            json!({"fn": HASH, "ge": HASH}),
            json!({"ln": HASH, "ge": HASH}),
        ];
        let accepted = [
            json!({"client_user_agent": "curl", "client_ip_address": "203.0.113.7"}),
            json!({"external_id": "user-42"}),
            json!({"fn": HASH, "ln": HASH}),
            json!({"db": HASH, "ge": HASH}),
            json!({"fn": HASH, "ct": HASH}),
            json!({"madid": "38400000-8cf0-11bd-b23e-10b96e40000d"}),
        ];
        let judged = |user: &Value| verdict(&with(right("other"), "/user_data", user.clone()));
        for user in &refused {
            assert_eq!(judged(user), Some(("user_data.too_broad", 2_804_050)), "{user}");
        }
        for user in &accepted {
            assert_eq!(judged(user), None, "{user}");
        }
    }
}
