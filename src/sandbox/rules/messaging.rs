//! Rules about business messaging events.
//!
//! In: an [`Event`]. Out: the schema fault, or 2804066 for a name outside Meta's closed list.
//! Deliberately absent: which page and click ids each channel needs, since Meta's pages show them
//! in samples only. Source: CAPI/business-messaging, meta-capi.md 2.2 and 5.4.

use super::complaint::{MESSAGING_EVENT, SCHEMA};
use super::view::{is_one_of, must_be_one_of, required};
use super::{Event, Rule, Strength};

const CHANNELS: [&str; 3] = ["messenger", "whatsapp", "instagram"];

const NAMES: [&str; 14] = [
    "Purchase",
    "LeadSubmitted",
    "InitiateCheckout",
    "AddToCart",
    "ViewContent",
    "OrderCreated",
    "OrderShipped",
    "OrderDelivered",
    "OrderCanceled",
    "OrderReturned",
    "CartAbandoned",
    "QualifiedLead",
    "RatingProvided",
    "ReviewProvided",
];

pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "messaging.channel",
        strength: Strength::Known,
        answers: &SCHEMA,
        source: "CAPI/business-messaging [D]; subcode [A]",
        check: channel_is_known,
    },
    Rule {
        name: "messaging.event_name",
        strength: Strength::Known,
        answers: &MESSAGING_EVENT,
        source: "CAPI/business-messaging [D]; subcode and title [R]",
        check: name_is_listed,
    },
];

fn channel_is_known(event: &Event<'_>) -> Option<String> {
    let path = || event.at(&["messaging_channel"]);
    match event.body.given("messaging_channel") {
        Some(channel) if is_one_of(channel, &CHANNELS) => None,
        Some(_) => Some(must_be_one_of(&path(), &CHANNELS)),
        None => is_messaging(event).then(|| required(&path())),
    }
}

fn name_is_listed(event: &Event<'_>) -> Option<String> {
    let unlisted = is_messaging(event) && !NAMES.contains(&event.name?);
    unlisted.then(|| format!("Messaging events must be one of: {}", NAMES.join(", ")))
}

fn is_messaging(event: &Event<'_>) -> bool {
    event.source == Some("business_messaging")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::sandbox::rules::cases::{assert_all, right};

    #[test]
    fn messaging_has_a_closed_list() {
        let rows = [
            ("/event_name", json!("LeadSubmitted"), ""),
            ("/event_name", json!("purchase"), "messaging.event_name"),
            ("/messaging_channel", json!("instagram"), ""),
            ("/messaging_channel", json!(""), "messaging.channel"),
            ("/messaging_channel", json!("sms"), "messaging.channel"),
        ];
        assert_all(&right("business_messaging"), &rows);
        let rows = [
            ("/event_name", json!("Lead"), ""),
            ("/messaging_channel", json!("sms"), "messaging.channel"),
        ];
        assert_all(&right("chat"), &rows);
    }
}
