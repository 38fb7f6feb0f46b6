//! Advice: what Meta takes without a word and that is wrong or costs something all the same.
//!
//! In: an [`Event`]. Out: warnings for the request log and the listing; nothing here refuses an
//! event. A row is a name, a source and a check, as in the tables of the rules. Deliberately absent:
//! Meta's own `messages`, which stay as documented, and values of a person in a sentence. Source:
//! meta-capi.md 1.4, 2.3, 3.2, 3.3, 4.4, 5.4 and 7.

use std::net::IpAddr;

use super::Event;
use super::user_data::{HASHED, PLAIN, has_cookie_form, is_suffix};
use crate::sandbox::answer::clip;
use crate::sandbox::json::Json;

/// One piece of advice.
pub(crate) struct Advice {
    /// Fixed name, `part.what`, distinct from the rules'.
    pub(crate) name: &'static str,
    /// Who says so, for the reader of this table and its test.
    #[cfg_attr(not(test), expect(dead_code, reason = "the table is read by people"))]
    source: &'static str,
    /// What is wrong; `None` for an event that needs no advice.
    pub(crate) check: fn(&Event<'_>) -> Option<String>,
}

/// Seconds after which an event is late: "within 1 h of the event".
const LATE_SECS: i128 = 3_600;

/// Digests of the empty text: SHA-256 and MD5.
const EMPTY: [&str; 2] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "d41d8cd98f00b204e9800998ecf8427e",
];

/// What programs, not browsers, call themselves.
const PROGRAMS: [&str; 8] =
    ["curl", "python", "go-http-client", "okhttp", "axios", "node", "java", "guzzle"];

/// Events that Meta's ads know by name.
const STANDARD: [&str; 18] = [
    "AddPaymentInfo",
    "AddToCart",
    "AddToWishlist",
    "CompleteRegistration",
    "Contact",
    "CustomizeProduct",
    "Donate",
    "FindLocation",
    "InitiateCheckout",
    "Lead",
    "PageView",
    "Purchase",
    "Schedule",
    "Search",
    "StartTrial",
    "SubmitApplication",
    "Subscribe",
    "ViewContent",
];

pub(crate) const ADVICE: &[Advice] = &[
    Advice {
        name: "event_name.near_miss",
        source: "meta-capi.md 5.4: a misspelt standard name is silently a custom event",
        check: name_is_nearly_standard,
    },
    Advice {
        name: "event_id.missing",
        source: "CAPI/deduplicate-pixel-and-server-events [D]; best practices [D]",
        check: id_is_missing,
    },
    Advice {
        name: "event_time.late",
        source: "CAPI/best-practices [D]: in real time, else within an hour",
        check: is_late,
    },
    Advice {
        name: "client_user_agent.missing",
        source: "CAPI/parameters/server-event [D]; taken all the same, live probe of 2026-09 [R]",
        check: agent_is_missing,
    },
    Advice {
        name: "client_user_agent.form",
        source: "Diagnostics: invalid `user_agent` [R]",
        check: agent_is_a_browser,
    },
    Advice {
        name: "client_ip_address.form",
        source: "CAPI/parameters/customer-information-parameters [D]; Diagnostics [R]",
        check: address_is_public,
    },
    Advice {
        name: "fbp.form",
        source: "CAPI/parameters/fbp-and-fbc [D]; Diagnostics: invalid `fbp` [R]",
        check: browser_id_has_its_form,
    },
    Advice {
        name: "user_data.empty_hash",
        source: "meta-capi.md 3.8, vector 97: some SDKs hash a blank name [S]",
        check: |event| {
            digest(event, "is the digest of the empty text", |text| {
                EMPTY.iter().any(|empty| empty.eq_ignore_ascii_case(text))
            })
        },
    },
    Advice {
        name: "user_data.md5",
        source: "MAPI/audiences/guides/custom-audiences [D]: only SHA-256",
        check: |event| {
            digest(event, "is an MD5 digest; Meta matches SHA-256 only", |text| {
                text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
            })
        },
    },
    Advice {
        name: "user_data.unknown_key",
        source: "meta-capi.md 2.1: not reported to be refused; the SDKs send none [S]",
        check: key_is_unknown,
    },
    Advice {
        name: "value.negative",
        source: "meta-capi.md 2.5 and 4.4: refunds are not supported [R]",
        check: value_is_negative,
    },
];

fn name_is_nearly_standard(event: &Event<'_>) -> Option<String> {
    let name = event.name.filter(|name| !STANDARD.contains(name))?;
    if event.source == Some("business_messaging") || name.len() > 30 {
        return None;
    }
    let near = |standard: &&str| {
        // Two letters of four would make "Lead" of any word.
        let most = if standard.len() < 6 { 1 } else { 2 };
        standard.eq_ignore_ascii_case(name) || strsim::osa_distance(standard, name) <= most
    };
    let meant = STANDARD.into_iter().find(near)?;
    Some(format!("\"{name}\" is a custom event; the standard event is written \"{meant}\""))
}

fn id_is_missing(event: &Event<'_>) -> Option<String> {
    let missing = event.body.given("event_id").is_none();
    missing.then(|| "There is no event_id, so copies of this event count twice".to_owned())
}

fn is_late(event: &Event<'_>) -> Option<String> {
    let age = i128::from(event.now).saturating_sub(event.time()?);
    let late = age > LATE_SECS && event.source != Some("physical_store");
    late.then(|| {
        let minutes = age / 60;
        format!("The event is {minutes} minutes old; Meta asks for events within the hour")
    })
}

fn agent_is_missing(event: &Event<'_>) -> Option<String> {
    let missing = event.user?.given("client_user_agent").is_none();
    (missing && event.source == Some("website"))
        .then(|| "A website event should bring client_user_agent".to_owned())
}

fn agent_is_a_browser(event: &Event<'_>) -> Option<String> {
    let agent = event.user?.given("client_user_agent")?;
    let right = agent.text().is_some_and(|agent| {
        let lower = agent.to_ascii_lowercase();
        let program = PROGRAMS.iter().any(|program| lower.starts_with(program));
        !program && agent.contains('/') && !agent.contains(char::is_control)
    });
    (!right).then(|| "client_user_agent isn't that of a person's browser or device".to_owned())
}

fn address_is_public(event: &Event<'_>) -> Option<String> {
    let address = event.user?.given("client_ip_address")?;
    let Some(address) = address.text().and_then(read_address) else {
        return Some("client_ip_address isn't an IPv4 or IPv6 address".to_owned());
    };
    let inner = match address {
        IpAddr::V4(four) => four.is_private() || four.is_link_local(),
        IpAddr::V6(six) => six.is_unique_local() || six.is_unicast_link_local(),
    };
    let inner = inner || address.is_loopback() || address.is_unspecified();
    inner.then(|| "client_ip_address is one of an inner network, not the person's own".to_owned())
}

/// An address, with or without the suffix of Meta's own library.
fn read_address(text: &str) -> Option<IpAddr> {
    text.parse().ok().or_else(|| {
        let (address, suffix) = text.rsplit_once('.')?;
        is_suffix(suffix).then(|| address.parse().ok()).flatten()
    })
}

fn browser_id_has_its_form(event: &Event<'_>) -> Option<String> {
    let right = event.user?.given("fbp")?.text().is_some_and(|id| {
        let number = id.split('.').nth(3).unwrap_or_default();
        has_cookie_form(id) && number.bytes().all(|byte| byte.is_ascii_digit())
    });
    (!right).then(|| "fbp isn't a browser ID. It reads fb.1.1596403881668.1116446470".to_owned())
}

/// The complaint about a hashed field one of whose digests is bad. Names the key only.
fn digest(event: &Event<'_>, says: &str, bad: impl Fn(&str) -> bool) -> Option<String> {
    let is_bad = |value: &Json<'_>| {
        let one = |value: &Json<'_>| value.text().is_some_and(&bad);
        value.list().map_or_else(|| one(value), |values| values.iter().any(one))
    };
    let mut fields = event.user?.members().filter(|(key, _)| HASHED.contains(key));
    let (key, _) = fields.find(|(_, value)| is_bad(value))?;
    Some(format!("{key} {says}"))
}

fn key_is_unknown(event: &Event<'_>) -> Option<String> {
    let known = |key: &&str| HASHED.contains(key) || PLAIN.contains(key);
    let unknown = event.user?.keys().find(|key| !known(key))?;
    Some(format!("user_data has the key \"{}\", which Meta does not know", clip(unknown)))
}

fn value_is_negative(event: &Event<'_>) -> Option<String> {
    let negative = match event.custom?.get("value")? {
        Json::Whole(number) => *number < 0,
        Json::Fraction(number) => *number < 0.0,
        Json::Text(text) => text.parse::<f64>().is_ok_and(|number| number < 0.0),
        Json::Null | Json::Bool(_) | Json::List(_) | Json::Object(_) => false,
    };
    negative.then(|| "value is negative; Meta has no refunds".to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::*;
    use crate::sandbox::rules::cases::{NOW, lenient, right, with};
    use crate::sandbox::rules::rules;

    const HASH: &str = "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f";

    /// Asserts a table of changes to one event without fault: pointer, value, the advice or `""`.
    fn assert_advice(base: &Value, rows: &[(&str, Value, &str)]) {
        for (pointer, value, name) in rows {
            let event = with(base.clone(), pointer, value.clone());
            let expect = if name.is_empty() { vec![] } else { vec![*name] };
            assert_eq!(lenient(&event), Ok(expect), "{pointer} = {value}");
        }
    }

    #[test]
    fn every_advice_has_a_name_of_its_own_and_a_source() {
        let rules: BTreeSet<&str> = rules().map(|rule| rule.name).collect();
        let names: BTreeSet<&str> = ADVICE.iter().map(|advice| advice.name).collect();
        assert_eq!(names.len(), ADVICE.len());
        assert!(rules.is_disjoint(&names));
        assert!(ADVICE.iter().all(|advice| advice.source.contains(['[', ':'])));
    }

    #[test]
    fn names_ids_times_and_money() {
        let rows = [
            ("/event_name", json!("purchase"), "event_name.near_miss"),
            ("/event_name", json!("Purchases"), "event_name.near_miss"),
            ("/event_name", json!("ViewContnet"), "event_name.near_miss"),
            ("/event_name", json!("LEAD"), "event_name.near_miss"),
            ("/event_name", json!("Leed"), "event_name.near_miss"),
            ("/event_name", json!("Load2"), ""),
            ("/event_name", json!("WalletTopup"), ""),
            ("/event_name", json!("fb_mobile_purchase"), ""),
            ("/event_id", json!(null), "event_id.missing"),
            ("/event_id", json!(""), "event_id.missing"),
            ("/event_time", json!(NOW - 3_600), ""),
            ("/event_time", json!(NOW - 3_601), "event_time.late"),
            ("/custom_data/value", json!(-0.5), "value.negative"),
            ("/custom_data/value", json!("-5"), "value.negative"),
            ("/custom_data/value", json!(0), ""),
        ];
        assert_advice(&right("other"), &rows);
        let rows = [("/event_time", json!(NOW - 86_400), "")];
        assert_advice(&right("physical_store"), &rows);
    }

    #[test]
    fn persons() {
        let agent = "Mozilla/5.0 (Macintosh)";
        let base = with(right("website"), "/user_data/client_user_agent", json!(agent));
        let rows = [
            ("/user_data/client_user_agent", json!(null), "client_user_agent.missing"),
            ("/user_data/client_user_agent", json!("curl/8.5.0"), "client_user_agent.form"),
            ("/user_data/client_user_agent", json!("unknown"), "client_user_agent.form"),
            ("/user_data/client_user_agent", json!("Mozilla/5.0\n"), "client_user_agent.form"),
            ("/user_data/client_user_agent", json!(7), "client_user_agent.form"),
            ("/user_data/client_ip_address", json!("168.212.226.204"), ""),
            ("/user_data/client_ip_address", json!("2001:0db8:85a3::8a2e:0370:7334"), ""),
            ("/user_data/client_ip_address", json!("168.212.226.204.AQQCAQIB"), ""),
            ("/user_data/client_ip_address", json!("168.212.226"), "client_ip_address.form"),
            ("/user_data/client_ip_address", json!(" 8.8.8.8"), "client_ip_address.form"),
            ("/user_data/client_ip_address", json!("10.0.0.7"), "client_ip_address.form"),
            ("/user_data/client_ip_address", json!("::1"), "client_ip_address.form"),
            ("/user_data/fbp", json!("fb.1.1596403881668.1116446470"), ""),
            ("/user_data/fbp", json!("fb.1.1596403881668.1116446470.AQQCAQIB"), ""),
            ("/user_data/fbp", json!("fb.1.1596403881668.abc"), "fbp.form"),
            ("/user_data/fbp", json!("1116446470"), "fbp.form"),
            ("/user_data/fn", json!([HASH, EMPTY[0]]), "user_data.empty_hash"),
            ("/user_data/fn", json!(EMPTY[0].to_uppercase()), "user_data.empty_hash"),
            ("/user_data/fn", json!(&HASH[..32]), "user_data.md5"),
            ("/user_data/external_id", json!(&HASH[..32]), ""),
            ("/user_data/email", json!(HASH), "user_data.unknown_key"),
        ];
        assert_advice(&base, &rows);
    }

    #[test]
    fn no_sentence_holds_a_person() {
        let base = with(right("other"), "/user_data/client_ip_address", json!("10.11.12.13"));
        let event = with(base, "/user_data/fbp", json!("fb.private")).to_string();
        let tree = Json::read(&event).unwrap();
        let event = Event::new(tree.object().unwrap(), 0, NOW);
        let said: Vec<String> = ADVICE.iter().filter_map(|advice| (advice.check)(&event)).collect();
        assert_eq!(said.len(), 2);
        assert!(!said.concat().contains("10.11") && !said.concat().contains("private"));
    }
}
