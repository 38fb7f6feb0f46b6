//! A decision as people and the store see it: without the frozen bytes.

use serde::Serialize;

use super::{Decision, FrozenEvent, Reason};
use crate::core::json::write_quoted;
use crate::core::mapping::DatasetName;
use crate::core::meta::EventId;
use crate::core::money::Currency;

/// As `--format json` prints it and the store keeps it, without the frozen bytes.
impl Serialize for Decision {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut decision = serializer.serialize_struct("Decision", 7)?;
        decision.serialize_field("verdict", &self.verdict)?;
        decision.serialize_field("reason", &self.reason)?;
        decision.serialize_field("because", &self.because)?;
        decision.serialize_field("currency", &self.currency)?;
        let events: Vec<EventSummary<'_>> = self.events.iter().map(EventSummary::of).collect();
        decision.serialize_field("events", &events)?;
        decision.serialize_field("findings", &self.findings)?;
        decision.serialize_field("mapping", &self.mapping)?;
        decision.end()
    }
}

impl Decision {
    /// The decision as the store keeps it. Written by hand, since each payment pays for it; what
    /// `Serialize` says is what must stand here.
    #[must_use]
    pub fn to_json(&self) -> String {
        /// A decision with one event and nothing to say has 230 bytes.
        const ROOM: usize = 320;
        let mut text = String::with_capacity(ROOM);
        text.push_str(r#"{"verdict":"#);
        write_quoted(self.verdict.as_str(), &mut text);
        let mut optional = |key: &str, value: Option<&str>| {
            text.push_str(key);
            match value {
                Some(value) => write_quoted(value, &mut text),
                None => text.push_str("null"),
            }
        };
        optional(r#","reason":"#, self.reason.map(Reason::as_str));
        optional(r#","because":"#, self.because.as_deref());
        optional(r#","currency":"#, self.currency.map(Currency::code));
        text.push_str(r#","events":["#);
        for (index, event) in self.events.iter().enumerate() {
            text.push_str(if index > 0 { r#",{"event_name":"# } else { r#"{"event_name":"# });
            write_quoted(&event.event_name, &mut text);
            text.push_str(r#","event_id":"#);
            write_quoted(event.event_id.as_str(), &mut text);
            text.push_str(r#","dataset":"#);
            write_quoted(event.dataset.as_str(), &mut text);
            text.push('}');
        }
        text.push_str(r#"],"findings":"#);
        if self.findings.is_empty() {
            text.push_str("[]");
        } else {
            // Text keys and texts: there is nothing that could fail to serialise.
            text.push_str(&serde_json::to_string(&self.findings).unwrap_or_default());
        }
        text.push_str(r#","mapping":"#);
        write_quoted(self.mapping.as_str(), &mut text);
        text.push('}');
        debug_assert_eq!(serde_json::to_string(self).ok().as_ref(), Some(&text));
        text
    }
}

/// An event as the answer to a capture names it.
#[derive(Debug, Serialize)]
pub struct EventSummary<'e> {
    event_name: &'e str,
    event_id: &'e EventId,
    dataset: &'e DatasetName,
}

impl<'e> EventSummary<'e> {
    /// The summary of a frozen event.
    #[must_use]
    pub fn of(event: &'e FrozenEvent) -> Self {
        let FrozenEvent { event_name, event_id, dataset, .. } = event;
        Self { event_name, event_id, dataset }
    }
}
