//! What an event is called: one of Meta's standard events, or a name of the advertiser's own.
//!
//! In: a name with its place. Out: the event's name, or a finding with what was probably meant.

use super::{Compiler, Placed};
use crate::core::finding::{At, Code, Finding};
use crate::core::meta::standard_event::{CUSTOM_NAME_CHARS_MAX, RESERVED};
use crate::core::meta::{EventName, StandardEvent};

impl Compiler<'_> {
    pub(super) fn standard(&mut self, name: &Placed<&str>) -> Option<EventName> {
        let found = StandardEvent::read(name.value).map(EventName::Standard);
        if found.is_none() {
            let says = format!("`{}` is not one of Meta's standard events", name.value);
            let own = format!(
                r#"for an event of your own write {{ event = "{}", custom_event = true }}"#,
                name.value
            );
            let elsewhere = StandardEvent::known_elsewhere_as(name.value);
            let help = match (elsewhere, StandardEvent::meant_by(name.value)) {
                (Some(event), _) => format!("Meta calls it `{event}`; {own}"),
                (None, Some(near)) => {
                    format!("did you mean `{near}`? Names are case-sensitive at Meta")
                }
                (None, None) => own,
            };
            let at = At::Span(name.span.clone());
            self.findings.push(Finding::new(Code::MappingEvent, at, says).help(help));
        }
        found
    }

    pub(super) fn custom(&mut self, name: &Placed<&str>) -> Option<EventName> {
        let at = At::Span(name.span.clone());
        let length = name.value.chars().count();
        if name.value.trim().is_empty() || length > CUSTOM_NAME_CHARS_MAX {
            let says = format!("a custom event name has 1 to {CUSTOM_NAME_CHARS_MAX} characters");
            self.findings.push(Finding::new(Code::MappingEvent, at, says));
            return None;
        }
        if let Some(standard) = StandardEvent::read(name.value) {
            let says = format!("`{standard}` is a standard event");
            let finding = Finding::new(Code::MappingEvent, at, says);
            self.findings.push(finding.help("leave out `custom_event`"));
            return None;
        }
        if RESERVED.contains(&name.value) {
            let says = format!("`{}` is a name that Meta keeps for itself", name.value);
            self.findings.push(Finding::new(Code::MappingEvent, at, says).help("choose another"));
            return None;
        }
        if let Some(near) = StandardEvent::meant_by(name.value) {
            let says = format!("`{}` is a custom event, but looks like `{near}`", name.value);
            let finding = Finding::new(Code::MappingEventNear, at, says);
            self.findings.push(finding.help(format!("did you mean `{near}`?")));
        }
        Some(EventName::Custom(name.value.to_owned()))
    }
}
