//! Where it happened: what an action source demands of an event.
//!
//! An app event needs the data of a device, a website event the address of its page; Meta refuses
//! the request of an event without. A website event without the person's browser was accepted live,
//! though the page demands it: a warning. Devices come with signups or payments; a rule's
//! `without_device` says what the event of a person without one is sent as instead.
//!
//! Source: Meta, "Conversions API / Parameters / Server event", `action_source`,
//! `event_source_url`, `client_user_agent`; "/ App events".

use super::Evidence;
use crate::core::finding::{Code, Finding};
use crate::core::meta::ActionSource;
use crate::core::user_data::ClearField;

pub(super) fn check(evidence: &Evidence<'_>) -> Vec<Finding> {
    match evidence.action_source {
        ActionSource::App => no_device(evidence).into_iter().collect(),
        ActionSource::Website => no_page(evidence).into_iter().chain(no_agent(evidence)).collect(),
        ActionSource::Email
        | ActionSource::PhoneCall
        | ActionSource::Chat
        | ActionSource::PhysicalStore
        | ActionSource::SystemGenerated
        | ActionSource::BusinessMessaging
        | ActionSource::Other => Vec::new(),
    }
}

fn no_device(evidence: &Evidence<'_>) -> Option<Finding> {
    if evidence.app_data.is_some() {
        return None;
    }
    let says = "an app event needs device data, and no device of the user is known";
    let finding = Finding::in_body(Code::NoDevice, "/user_id", says);
    Some(finding.help(
        r#"send `device_data` with the signup, or set `without_device = "system_generated"` in the mapping file"#,
    ))
}

fn no_page(evidence: &Evidence<'_>) -> Option<Finding> {
    if evidence.event_fields.event_source_url.is_some() {
        return None;
    }
    let says = "a website event needs `event_source_url`";
    let finding = Finding::in_body(Code::PageMissing, "/event_source_url", says);
    Some(
        finding.help(
            "send the address of the page, or set another `action_source` in the mapping file",
        ),
    )
}

fn no_agent(evidence: &Evidence<'_>) -> Option<Finding> {
    let agent = ClearField::ClientUserAgent.as_str();
    if evidence.user_data.keys().any(|key| key == agent) {
        return None;
    }
    let says = "a website event should say `client_user_agent`, the person's browser";
    let finding = Finding::in_body(Code::AgentMissing, "/client_user_agent", says);
    Some(finding.help("send the User-Agent header of the person's request, not your server's"))
}
