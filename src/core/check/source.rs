//! Where it happened: what an action source demands of an event.
//!
//! An app event needs the data of a device, a website event the address of its page; Meta refuses
//! the request of an event without. Device data is not kept yet, so every app event lacks it; a
//! rule's `without_device` says what such an event is sent as instead.
//!
//! Source: Meta, "Conversions API / Parameters / Server event", `action_source` and
//! `event_source_url`; "/ App events".

use super::Evidence;
use crate::core::finding::{Code, Finding};
use crate::core::meta::ActionSource;

pub(super) fn check(evidence: Evidence<'_>) -> Vec<Finding> {
    match evidence.action_source {
        ActionSource::App => vec![no_device()],
        ActionSource::Website if evidence.event_source_url.is_none() => vec![no_page()],
        ActionSource::Website
        | ActionSource::Email
        | ActionSource::PhoneCall
        | ActionSource::Chat
        | ActionSource::PhysicalStore
        | ActionSource::SystemGenerated
        | ActionSource::BusinessMessaging
        | ActionSource::Other => Vec::new(),
    }
}

fn no_device() -> Finding {
    let says = "an app event needs device data, and no device of the user is known";
    Finding::in_body(Code::NoDevice, "/user_id", says)
        .help(r#"set `without_device = "system_generated"` in the mapping file"#)
}

fn no_page() -> Finding {
    let says = "a website event needs `event_source_url`";
    Finding::in_body(Code::PageMissing, "/event_source_url", says)
        .help("send the address of the page, or set another `action_source` in the mapping file")
}
