//! Which events of a refused request our own reading suspects, before any is sent alone.
//!
//! In: frozen events, and the subcode of Meta's refusal. Out: the indexes of those that show the
//! very fault that the subcode names. Such events are blocked when they are decided, unless a
//! mapping file's `checks` let them pass; so this finds in one step what somebody allowed. An event
//! that is suspected wrongly costs one request more, never its delivery.

use crate::core::json::{self, Fields, Json};
use crate::core::meta::app_data::EXTINFO_LEN;

/// The fields of a person that Meta takes as digests only.
///
/// # Source
/// Meta, "Conversions API / Parameters / Customer information".
const HASHED: [&str; 10] = ["em", "ph", "fn", "ln", "ge", "db", "ct", "st", "zp", "country"];

/// The fields of a person that are too broad on their own.
///
/// # Source
/// Error 2804050; meta-capi.md 3.4.
const BROAD: [&str; 9] = ["fn", "ln", "ge", "db", "ct", "st", "zp", "country", "client_user_agent"];

/// The indexes of the events that show what this subcode names. Empty if the subcode names nothing
/// that can be seen, and if all are suspect: then nothing is gained.
#[must_use]
pub(super) fn suspects<'e>(
    events: impl ExactSizeIterator<Item = &'e str>,
    subcode: Option<i64>,
) -> Vec<usize> {
    let Some(shows) = subcode.and_then(fault) else { return Vec::new() };
    let count = events.len();
    let is_suspect = |body: &str| {
        let event = json::read(body.as_bytes()).ok();
        event.as_ref().and_then(json::fields).is_some_and(shows)
    };
    let found: Vec<usize> =
        events.enumerate().filter(|(_, body)| is_suspect(body)).map(|(index, _)| index).collect();
    if found.len() < count { found } else { Vec::new() }
}

/// Whether an event shows the fault of a subcode, for the subcodes that name one.
///
/// # Source
/// The table of meta-capi.md 1.8.
fn fault(subcode: i64) -> Option<fn(&Fields<'_>) -> bool> {
    match subcode {
        2_804_008 => Some(|event| {
            let contents = custom(event, "contents");
            contents.is_some_and(|contents| !matches!(contents, Json::Array(items) if items.iter().all(|item| json::fields(item).is_some())))
        }),
        2_804_009 => Some(|event| is_purchase(event) && custom(event, "value").is_none()),
        2_804_010 => Some(|event| is_purchase(event) && custom(event, "currency").is_none()),
        2_804_011 => Some(|event| {
            let currency = custom(event, "currency").and_then(json::text);
            currency.is_some_and(|code| {
                code == "MRU" || crate::core::money::Currency::read(code).is_none()
            })
        }),
        2_804_016 => Some(|event| {
            HASHED.iter().filter_map(|key| person(event, key)).any(|value| !is_digest(value))
        }),
        2_804_023 => {
            Some(|event| custom(event, "value").is_some() && custom(event, "currency").is_none())
        }
        2_804_043 => Some(|event| {
            let app = json::get(event, "app_data").and_then(json::fields);
            let extinfo = app.and_then(|app| json::get(app, "extinfo"));
            !matches!(extinfo, None | Some(Json::Array(_)))
                || matches!(extinfo, Some(Json::Array(facts))
                    if facts.len() != EXTINFO_LEN || facts.get(4).is_none_or(json::is_blank))
        }),
        2_804_050 => Some(|event| {
            let person = json::get(event, "user_data").and_then(json::fields);
            person.is_none_or(|person| person.iter().all(|(key, _)| BROAD.contains(&key.as_ref())))
        }),
        _ => None,
    }
}

fn is_purchase(event: &Fields<'_>) -> bool {
    json::get(event, "event_name").and_then(json::text) == Some("Purchase")
}

fn custom<'j, 'a>(event: &'j Fields<'a>, key: &str) -> Option<&'j Json<'a>> {
    json::get(json::fields(json::get(event, "custom_data")?)?, key)
}

fn person<'j, 'a>(event: &'j Fields<'a>, key: &str) -> Option<&'j Json<'a>> {
    json::get(json::fields(json::get(event, "user_data")?)?, key)
}

/// Whether a value is a digest or a list of them.
fn is_digest(value: &Json<'_>) -> bool {
    let is_one = |value: &Json<'_>| {
        json::text(value).is_some_and(|text| {
            text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
    };
    if let Json::Array(values) = value { values.iter().all(is_one) } else { is_one(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"event_name":"Purchase","user_data":{"em":["973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"]},"custom_data":{"value":10,"currency":"INR","contents":[{"id":"a"}]}}"#;

    #[test]
    fn each_subcode_suspects_its_own_fault() {
        for (subcode, from, to) in [
            (2_804_008, r#"[{"id":"a"}]"#, r#"["a"]"#),
            (2_804_008, r#"[{"id":"a"}]"#, r#""a""#),
            (2_804_009, r#""value":10,"#, ""),
            (2_804_010, r#","currency":"INR""#, ""),
            (2_804_011, "INR", "MRU"),
            (2_804_011, "INR", "XQX"),
            (2_804_016, "973dfe463ec8", "mary@example"),
            (2_804_023, r#","currency":"INR""#, ""),
            (2_804_043, r#","custom_data""#, r#","app_data":{"extinfo":["a2"]},"custom_data""#),
            (2_804_050, r#""em""#, r#""country""#),
        ] {
            let bad = GOOD.replace(from, to);
            assert_ne!(bad, GOOD);
            let request = [GOOD, &bad, GOOD];
            assert_eq!(suspects(request.into_iter(), Some(subcode)), [1], "{subcode}: {bad}");
        }
    }

    #[test]
    fn nothing_is_suspected_without_a_reason() {
        for subcode in [None, Some(33), Some(2_804_003), Some(2_804_009), Some(2_804_050)] {
            assert_eq!(suspects([GOOD, GOOD].into_iter(), subcode), [0; 0], "{subcode:?}");
        }
        // Where all are suspect, sending the others first is sending nothing.
        assert_eq!(suspects(["{}", "{}"].into_iter(), Some(2_804_050)), [0; 0]);
    }
}
