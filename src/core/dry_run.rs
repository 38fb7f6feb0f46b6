//! A payment decided without being taken: what would become of it, and why.
//!
//! In: the bytes of a capture and what it would be decided by. Out: a [`DryRun`], the one value
//! behind `tillpost decide`, its JSON, and the admin API. It reads and decides by the same
//! functions as a real capture; nothing is sent or stored.

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::value::RawValue;

use super::decide::{Case, Decision, FrozenEvent, Way, decide, way};
use super::finding::{Code, Finding, Findings};
use super::json::{self, NotJson};
use super::mapping::{DatasetName, Mapping};
use super::meta::EventId;
use super::money::Currency;
use super::payment::{self, Arrival, CaptureKind, PaymentId};
use super::time::Timestamp;
use super::user::User;

/// By what a payment is decided.
#[derive(Debug, Clone, Copy)]
pub struct Ruling<'r> {
    /// The table.
    pub mapping: &'r Mapping,
    /// What is known of the user; `None` if the user is not known.
    pub user: Option<&'r User>,
    /// The project's currency, the last resort.
    pub currency: Option<Currency>,
    /// What time it is.
    pub now: Timestamp,
}

/// What would become of a payment.
#[derive(Debug, Clone, PartialEq)]
pub struct DryRun {
    /// The sender's id of the payment, also of one that is refused, where it can be read.
    pub payment_id: Option<String>,
    /// The decision and its way; none where the body is refused.
    pub decided: Option<(Decision, Way)>,
    /// Everything there is to say, of the reading and of the decision.
    pub findings: Findings,
}

/// Decides without taking.
#[must_use]
pub fn dry_run(body: &[u8], ruling: Ruling<'_>) -> DryRun {
    let json = match json::read(body) {
        Ok(json) => json,
        Err(fault) => return DryRun::not_json(&fault),
    };
    let written = json::fields(&json).and_then(|fields| json::get(fields, "payment_id"));
    let written = written.and_then(json::text_or_number).map(|id| json::shortened(id).into_owned());
    let refused = |findings| DryRun { payment_id: written, decided: None, findings };
    let Ruling { mapping, user, currency, now } = ruling;
    let default_country = mapping.default_country();
    let arrival = Arrival { received_at: now, default_country };
    let reading = payment::read_as(CaptureKind::Either, json, arrival);
    let Some(payment) = reading.value else { return refused(reading.findings) };
    // A payment without an id gets one only when it is taken.
    let record_id = "(an id of its own)";
    let case = Case { mapping, payment: &payment, user, currency, record_id, now };
    let decision = decide(case);
    let mut findings = reading.findings;
    findings.extend(decision.findings.clone());
    let payment_id = payment.payment_id.as_ref().map(PaymentId::as_str).map(str::to_owned);
    DryRun { payment_id, decided: Some((decision, way(case))), findings }
}

impl DryRun {
    /// What is said of a body that is no JSON.
    #[must_use]
    pub fn not_json(fault: &NotJson) -> Self {
        let says = format!("the body is not JSON: {fault}");
        let findings = Findings::from_iter([Finding::in_body(Code::NotJson, "", says)]);
        Self { payment_id: None, decided: None, findings }
    }
}

#[derive(serde::Serialize)]
struct PrintedEvent<'d> {
    event_name: &'d str,
    event_id: &'d EventId,
    dataset: &'d DatasetName,
    /// The exact bytes for Meta.
    event: Box<RawValue>,
}

impl PrintedEvent<'_> {
    fn of(event: &FrozenEvent) -> Option<PrintedEvent<'_>> {
        let FrozenEvent { event_name, event_id, dataset, body, .. } = event;
        let event = RawValue::from_string(body.clone()).ok()?;
        Some(PrintedEvent { event_name, event_id, dataset, event })
    }
}

/// As `decide --format json` prints it and the admin API answers it.
impl Serialize for DryRun {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("payment_id", &self.payment_id)?;
        if let Some((decision, way)) = &self.decided {
            let events: Vec<_> = decision.events.iter().filter_map(PrintedEvent::of).collect();
            map.serialize_entry("verdict", &decision.verdict)?;
            map.serialize_entry("reason", &decision.reason)?;
            map.serialize_entry("because", &decision.because)?;
            map.serialize_entry("events", &events)?;
            map.serialize_entry("mapping", &decision.mapping)?;
            map.serialize_entry("way", way)?;
        }
        map.serialize_entry("refused", &self.decided.is_none())?;
        map.serialize_entry("findings", &self.findings)?;
        map.end()
    }
}
