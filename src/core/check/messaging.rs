//! Business messages: a channel, an event of Meta's closed list, and the ids of the channel.
//!
//! Meta refuses an event with another name (2804066) or without a channel. Which ids a channel
//! needs stands in Meta's samples only, so a missing one is a warning.
//!
//! Source: Meta, "Conversions API / Business messaging".

use super::Evidence;
use crate::core::finding::{Code, Finding, Severity};
use crate::core::meta::ActionSource;
use crate::core::meta::event_fields::MessagingChannel;
use crate::core::names::{one_of, suggestion};

/// Every event that may happen in messages.
const EVENTS: [&str; 14] = [
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

/// The sets of ids of which a channel's samples show one.
const fn ids(channel: MessagingChannel) -> &'static [&'static [&'static str]] {
    match channel {
        MessagingChannel::Messenger => &[&["page_id", "page_scoped_user_id"]],
        MessagingChannel::Whatsapp => {
            &[&["ctwa_clid", "page_id"], &["ctwa_clid", "whatsapp_business_account_id"]]
        }
        MessagingChannel::Instagram => {
            &[&["ig_account_id", "ig_sid"], &["instagram_business_account_id", "ig_sid"]]
        }
    }
}

pub(super) fn check(evidence: &Evidence<'_>) -> Vec<Finding> {
    if evidence.action_source != ActionSource::BusinessMessaging {
        return Vec::new();
    }
    let all = [name(evidence), channel(evidence), known(evidence)];
    all.into_iter().flatten().collect()
}

fn name(evidence: &Evidence<'_>) -> Option<Finding> {
    let name = evidence.event.as_str();
    if EVENTS.contains(&name) {
        return None;
    }
    let says = format!("{name} is no event of business messages; Meta refuses it");
    let finding = Finding::in_body(Code::MessagingIncomplete, "/type", says);
    Some(finding.help(match suggestion(name, EVENTS) {
        Some(near) => format!("bind the type to `{near}` in the mapping file"),
        None => format!("bind the type to {}", one_of(EVENTS)),
    }))
}

fn channel(evidence: &Evidence<'_>) -> Option<Finding> {
    if evidence.event_fields.messaging_channel.is_some() {
        return None;
    }
    let says = "an event of business messages needs `messaging_channel`";
    let finding = Finding::in_body(Code::MessagingIncomplete, "/messaging_channel", says);
    Some(finding.help(format!("send {}", one_of(MessagingChannel::words()))))
}

fn known(evidence: &Evidence<'_>) -> Option<Finding> {
    let channel = evidence.event_fields.messaging_channel?;
    let sets = ids(channel);
    let keys: Vec<&str> = evidence.user_data.keys().collect();
    if sets.iter().any(|set| set.iter().all(|key| keys.contains(key))) {
        return None;
    }
    let wanted: Vec<String> = sets.iter().map(|set| format!("`{}`", set.join("` and `"))).collect();
    let says = format!("an event of {channel} should name {}", wanted.join(", or "));
    let finding = Finding::in_body(Code::MessagingIncomplete, "/user_data", says);
    Some(
        finding.weighing(Severity::Warning).help("send the ids of the conversation in `user_data`"),
    )
}
