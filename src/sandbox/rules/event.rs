//! Rules about the event itself: which keys it may carry, which it must, and of what kind.
//!
//! In: an [`Event`]. Out: Meta's schema fault with the path. Deliberately absent: time,
//! privacy options and the insides of the parts, which have files of their own. Source:
//! CAPI/parameters/server-event, meta-capi.md 2.1, 2.2 and 5.4.

use super::complaint::SCHEMA;
use super::view::{Kind, is_one_of, must_be, must_be_one_of, required, unexpected};
use super::{Event, Rule, Strength};

/// The nine values of `action_source`.
pub(crate) const ACTION_SOURCES: [&str; 9] = [
    "email",
    "website",
    "app",
    "phone_call",
    "chat",
    "physical_store",
    "system_generated",
    "business_messaging",
    "other",
];

/// Longest event name, in characters.
const NAME_MAX: usize = 50;

/// Keys an event may carry.
const KEYS: [&str; 19] = [
    "event_name",
    "event_time",
    "event_id",
    "event_source_url",
    "action_source",
    "user_data",
    "custom_data",
    "app_data",
    "opt_out",
    "referrer_url",
    "data_processing_options",
    "data_processing_options_country",
    "data_processing_options_state",
    "original_event_data",
    "attribution_data",
    "customer_segmentation",
    "messaging_channel",
    "advanced_measurement_table",
    "extinfo",
];

const SEGMENTS: [&str; 9] = [
    "new_customer_to_business",
    "new_customer_to_business_line",
    "new_customer_to_product_area",
    "new_customer_to_medium",
    "existing_customer_to_business",
    "existing_customer_to_business_line",
    "existing_customer_to_product_area",
    "existing_customer_to_medium",
    "customer_in_loyalty_program",
];

pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "event_name.required",
        strength: Strength::Known,
        answers: &SCHEMA,
        source: "CAPI/parameters/server-event [D]; Diagnostics `s2s_missing_event_name` [R]",
        check: |event| event.requires("event_name"),
    },
    Rule {
        name: "event_name.text",
        strength: Strength::Known,
        answers: &SCHEMA,
        source: "CAPI/parameters/server-event [D]",
        check: |event| event.demands("event_name", Kind::Text),
    },
    Rule {
        name: "event_name.length",
        strength: Strength::Assumed,
        answers: &SCHEMA,
        source: "PIX/implementation/conversion-tracking, restated by Segment [R]; subcode [A]",
        check: name_is_short,
    },
    Rule {
        name: "event_time.required",
        strength: Strength::Known,
        answers: &SCHEMA,
        source: "CAPI/parameters/server-event [D]",
        check: |event| event.requires("event_time"),
    },
    Rule {
        name: "event_time.kind",
        strength: Strength::Known,
        answers: &SCHEMA,
        source: "CAPI/parameters/server-event [D]: Unix seconds",
        check: time_can_be_read,
    },
    Rule {
        name: "event_time.whole",
        strength: Strength::Assumed,
        answers: &SCHEMA,
        source: "CAPI/parameters/server-event [D]: an integer; that Meta refuses an ISO date [A], \
                 which action-destinations#588 says it converts [R]",
        check: |event| event.demands("event_time", Kind::Whole),
    },
    Rule {
        name: "action_source.required",
        strength: Strength::Known,
        answers: &SCHEMA,
        source: "CAPI/parameters/server-event [D]",
        check: |event| event.requires("action_source"),
    },
    Rule {
        name: "action_source.known",
        strength: Strength::Known,
        answers: &SCHEMA,
        source: "CAPI/parameters/server-event [D]",
        check: |event| one_of(event, "action_source", &ACTION_SOURCES),
    },
    Rule {
        name: "user_data.required",
        strength: Strength::Known,
        answers: &SCHEMA,
        source: "CAPI/parameters/server-event [D]; sentence seen live [R]",
        check: user_data_is_there,
    },
    Rule {
        name: "user_data.object",
        strength: Strength::Known,
        answers: &SCHEMA,
        source: "CAPI/parameters/customer-information-parameters [D]",
        check: |event| event.demands("user_data", Kind::Object),
    },
    Rule {
        name: "custom_data.object",
        strength: Strength::Known,
        answers: &SCHEMA,
        source: "CAPI/parameters/custom-data [D]",
        check: |event| event.demands("custom_data", Kind::Object),
    },
    Rule {
        name: "event.unknown_key",
        strength: Strength::Known,
        answers: &SCHEMA,
        source: "facebook-nodejs-business-sdk#258 [R]",
        check: keys_are_known,
    },
    Rule {
        name: "event_id.text",
        strength: Strength::Assumed,
        answers: &SCHEMA,
        source: "CAPI/parameters/server-event [D]; that Meta refuses a number [A]",
        check: |event| event.demands("event_id", Kind::Text),
    },
    Rule {
        name: "opt_out.flag",
        strength: Strength::Assumed,
        answers: &SCHEMA,
        source: "CAPI/parameters/server-event [D]; that Meta refuses other kinds [A]",
        check: |event| event.demands("opt_out", Kind::Flag),
    },
    Rule {
        name: "referrer_url.text",
        strength: Strength::Assumed,
        answers: &SCHEMA,
        source: "CAPI/parameters/server-event [D]; that Meta refuses other kinds [A]",
        check: |event| event.demands("referrer_url", Kind::Text),
    },
    Rule {
        name: "event_source_url.required",
        strength: Strength::Assumed,
        answers: &SCHEMA,
        source: "CAPI/parameters/server-event [D]: required for website; never probed live",
        check: |event| event.requires("event_source_url").filter(|_| is_website(event)),
    },
    Rule {
        name: "event_source_url.http",
        strength: Strength::Assumed,
        answers: &SCHEMA,
        source: "CAPI/parameters/server-event [D]: begins with http:// or https://",
        check: url_is_http,
    },
    Rule {
        name: "customer_segmentation.known",
        strength: Strength::Assumed,
        answers: &SCHEMA,
        source: "CAPI/parameters/server-event [D]; that Meta refuses other words [A]",
        check: |event| one_of(event, "customer_segmentation", &SEGMENTS),
    },
];

fn time_can_be_read(event: &Event<'_>) -> Option<String> {
    let unreadable = event.body.get("event_time").is_some() && event.time().is_none();
    unreadable.then(|| must_be(&event.at(&["event_time"]), "a Unix time in seconds"))
}

fn name_is_short(event: &Event<'_>) -> Option<String> {
    let long = event.name?.chars().nth(NAME_MAX).is_some();
    long.then(|| must_be(&event.at(&["event_name"]), "at most 50 characters long"))
}

fn user_data_is_there(event: &Event<'_>) -> Option<String> {
    event.body.get("user_data").is_none().then(|| required(&event.at(&["user_data"])))
}

fn keys_are_known(event: &Event<'_>) -> Option<String> {
    let unknown = event.body.keys().find(|key| !KEYS.contains(key))?;
    Some(unexpected(unknown, &event.at(&[])))
}

fn url_is_http(event: &Event<'_>) -> Option<String> {
    let url = event.body.given("event_source_url")?;
    let right = url.text().is_some_and(|url| {
        let lower = url.get(..8).unwrap_or(url).to_ascii_lowercase();
        let rest = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://"));
        rest.is_some_and(|rest| url.len() > lower.len() - rest.len())
    });
    let path = || event.at(&["event_source_url"]);
    (!right).then(|| must_be(&path(), "a URL that begins with http:// or https://"))
}

fn one_of(event: &Event<'_>, key: &str, words: &[&str]) -> Option<String> {
    let value = event.body.get(key)?;
    (!is_one_of(value, words)).then(|| must_be_one_of(&event.at(&[key]), words))
}

fn is_website(event: &Event<'_>) -> bool {
    event.source == Some("website")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::sandbox::rules::cases::{assert_all, right, says, with};

    #[test]
    fn names_times_and_kinds() {
        let rows = [
            ("/event_name", json!(""), "event_name.required"),
            ("/event_name", json!("x".repeat(50)), ""),
            ("/event_name", json!("é".repeat(50)), ""),
            ("/event_name", json!("é".repeat(51)), "event_name.length"),
            ("/event_name", json!(["Purchase"]), "event_name.text"),
            ("/event_time", json!("1790000000"), "event_time.whole"),
            ("/event_time", json!("2026-09-21T12:00:00Z"), "event_time.whole"),
            ("/event_time", json!("yesterday"), "event_time.kind"),
            ("/event_time", json!(true), "event_time.kind"),
            ("/event_time", json!(1_790_000_000.5), "event_time.whole"),
            ("/action_source", json!("Other"), "action_source.known"),
            ("/action_source", json!(1), "action_source.known"),
            ("/event_id", json!(""), ""),
            ("/opt_out", json!(true), ""),
            ("/opt_out", json!(1), ""),
            ("/opt_out", json!(2), "opt_out.flag"),
            ("/extinfo", json!([]), ""),
            ("/event_source_url", json!(7), "event_source_url.http"),
        ];
        assert_all(&right("other"), &rows);
    }

    #[test]
    fn a_website_event_needs_the_address_of_its_page() {
        let rows = [
            ("/event_source_url", json!("HTTPS://Shop.example/é"), ""),
            ("/event_source_url", json!("http://s"), ""),
            ("/event_source_url", json!("http://"), "event_source_url.http"),
            ("/event_source_url", json!("https://"), "event_source_url.http"),
            ("/event_source_url", json!("shop.example"), "event_source_url.http"),
            ("/event_source_url", json!("ééééé"), "event_source_url.http"),
            ("/event_source_url", json!(""), "event_source_url.required"),
            ("/user_data/client_user_agent", json!(null), ""),
        ];
        assert_all(&right("website"), &rows);
    }

    #[test]
    fn the_sentences_are_metas() {
        for (pointer, value, sentence) in [
            ("/user_data", json!(null), "The parameter $['data'][0]['user_data'] is required"),
            ("/index", json!(1), "Unexpected key \"index\" on param \"$['data'][0]\""),
        ] {
            assert_eq!(says(&with(right("other"), pointer, value)), sentence);
        }
    }
}
