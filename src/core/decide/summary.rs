//! A decision as people and the store see it: without the frozen bytes.

use serde::Serialize;

use super::{Decision, FrozenEvent};
use crate::core::mapping::DatasetName;
use crate::core::meta::EventId;

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
