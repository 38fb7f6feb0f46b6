//! The decision: one payment in, what becomes of it out. The one function behind every door.
//!
//! In: a [`Case`], everything that is known of a payment, the time among it. Out: a [`Decision`]:
//! the verdict, the exact bytes for Meta, everything there is to say. It is taken once; attempts
//! send the frozen bytes, so event id, time and hashes never differ between two tries.
//!
//! Deliberately absent: the clock, the store, randomness. The caller hands in `now`, what is known
//! of the user, and an id for payments that have none.

mod parts;
mod summary;
mod way;

pub use summary::EventSummary;
pub use way::{Origin, RuleOutcome, TriedRule, Way, way};

use super::catalog::rate::Lookup;
use super::check::{self, Evidence, expiry};
use super::event_data;
use super::finding::Findings;
use super::json;
use super::mapping::path::{Found, View};
use super::mapping::{Action, DatasetName, Forward, Mapping, MappingVersion};
use super::meta::{ActionSource, DataProcessing, EventId, ServerEvent};
use super::money::Currency;
use super::names::closed_list;
use super::payment::{Occasion, Payment};
use super::time::Timestamp;
use super::user::User;
use parts::{
    action_source, custom_data, device, event_id, event_time, lookup, own_currency,
    payment_currency, sent_device, user_data,
};

closed_list! {
    /// What becomes of a payment.
    pub enum Verdict {
        /// It goes to Meta as one or more events.
        Forward = "forward",
        /// It is recorded and goes nowhere, as the mapping file wants it.
        Skip = "skip",
        /// It is recorded; an error forbids its event.
        Block = "block",
        /// It waits until its user is known.
        Hold = "hold",
    }
}

closed_list! {
    /// Why a payment is skipped or held.
    pub enum Reason {
        /// The mapping file does not name its type.
        NoMapping = "no_mapping",
        /// Its status is not one that is forwarded.
        Status = "status",
        /// A rule says `forward = false`.
        Rule = "rule",
        /// It is older than Meta takes.
        TooOld = "too_old",
        /// The person did not consent.
        NoConsent = "no_consent",
        /// Nobody has signed its user up.
        UserNotKnown = "user_not_known",
    }
}

/// Everything that is known when a payment is decided.
#[derive(Debug, Clone, Copy)]
pub struct Case<'c> {
    /// The table in force.
    pub mapping: &'c Mapping,
    /// The payment.
    pub payment: &'c Payment<'c>,
    /// What is known of its user; `None` if the user is not known.
    pub user: Option<&'c User>,
    /// The project's currency, the last resort.
    pub currency: Option<Currency>,
    /// An id for the event of a payment that has none, unique for ever.
    pub record_id: &'c str,
    /// What time it is.
    pub now: Timestamp,
}

/// One event, frozen: what the log of deliveries keeps and every attempt sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrozenEvent {
    /// Where it goes.
    pub dataset: DatasetName,
    /// Its name.
    pub event_name: String,
    /// Its id.
    pub event_id: EventId,
    /// When it happened.
    pub event_time: Timestamp,
    /// The latest moment at which Meta takes it.
    pub expires_at: Timestamp,
    /// The bytes.
    pub body: String,
}

/// What was decided, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// What becomes of the payment.
    pub verdict: Verdict,
    /// Why it is skipped or held.
    pub reason: Option<Reason>,
    /// The reason in words, for the answer and the story.
    pub because: Option<String>,
    /// The payment's currency: its own, else `event_data`'s, the mapping's or the project's.
    pub currency: Option<Currency>,
    /// The events, if it is forwarded.
    pub events: Vec<FrozenEvent>,
    /// Everything there is to say.
    pub findings: Findings,
    /// Which mapping file decided.
    pub mapping: MappingVersion,
    /// What was looked up in the catalogue, if there is one. Neither stored nor shown.
    pub lookup: Option<Lookup>,
}

/// Decides.
#[must_use]
pub fn decide(case: Case<'_>) -> Decision {
    let view = View::of(case.payment);
    match rule(case, &view) {
        Ok((forward, user)) => forwarded(case, &view, forward, user),
        Err((verdict, reason, because)) => Decision {
            verdict,
            reason: Some(reason),
            because: Some(because),
            currency: own_currency(case),
            events: Vec::new(),
            findings: Findings::default(),
            mapping: case.mapping.version().clone(),
            lookup: None,
        },
    }
}

type Stop = (Verdict, Reason, String);

/// What a capture is about, as a sentence names it.
struct Kind<'k>(&'k Occasion<'k>);

impl std::fmt::Display for Kind<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Occasion::Payment(payment_type) => payment_type.fmt(formatter),
            Occasion::Event(name) => write!(formatter, "the event `{}`", json::shortened(name)),
        }
    }
}

/// The rule that forwards the payment, or what stops it before any check.
fn rule<'c>(case: Case<'c>, view: &View<'_>) -> Result<(&'c Forward, &'c User), Stop> {
    let Case { mapping, payment, user, now, .. } = case;
    let skip = |reason, because: String| (Verdict::Skip, reason, because);
    let Some(user) = user else {
        let because = "the user is not known yet; the payment waits for the signup";
        return Err((Verdict::Hold, Reason::UserNotKnown, because.to_owned()));
    };
    let kind = Kind(&payment.occasion);
    let rules = mapping.rules_of(&payment.occasion);
    let holds = rules.iter().find(|rule| rule.when.refuted_by(view).is_none());
    let forward = match holds.map(|rule| &rule.action) {
        Some(Action::Forward(forward)) => forward,
        Some(Action::Withhold { because }) => return Err(skip(Reason::Rule, because.clone())),
        None => {
            let because = match rules.len() {
                0 if payment.occasion.is_payment() => {
                    format!("the mapping file binds no event to {kind}")
                }
                0 => format!("[events] of the mapping file does not bind {kind}"),
                1 => format!("the condition of the rule for {kind} does not hold"),
                count => format!("the condition of none of the {count} rules for {kind} holds"),
            };
            return Err(skip(Reason::NoMapping, because));
        }
    };
    if payment.occasion.is_payment() && !forward.statuses.contains(&payment.status) {
        let because = format!("payments with status {} are not forwarded", payment.status);
        return Err(skip(Reason::Status, because));
    }
    let source = action_source(forward, device(payment, user));
    if now > expiry(payment.time(), source) {
        let days = source.age_max_millis() / (24 * 3_600 * 1_000);
        let because = format!("it happened more than {days} days ago; Meta takes nothing older");
        return Err(skip(Reason::TooOld, because));
    }
    if let Some(consent) = &forward.consent
        && consent.find(view).and_then(Found::text) != Some("true")
    {
        return Err(skip(Reason::NoConsent, format!("`{consent}` is not true")));
    }
    Ok((forward, user))
}

fn forwarded(case: Case<'_>, view: &View<'_>, forward: &Forward, user: &User) -> Decision {
    let payment = case.payment;
    let app_data = device(payment, user);
    let shaped = forward.shape.before(view);
    let event_data = match &shaped {
        Some((event_data, _)) => Some(event_data),
        None => payment.event_data.as_ref(),
    };
    let (mut sent, mut findings) = event_data::read(event_data);
    forward.shape.after(&mut sent, &mut findings);
    let custom_data = custom_data(case, forward, &mut sent, &mut findings);
    let user_data = user_data(payment, forward, user, case.now);
    let action_source = action_source(forward, app_data);
    let data_processing =
        DataProcessing::stricter(payment.data_processing, forward.data_processing);
    findings.extend(check::check(&Evidence {
        event: &forward.event,
        profile: forward.profile,
        sent: &sent,
        custom_data: &custom_data,
        user_data: &user_data,
        action_source,
        app_data,
        event_fields: &payment.event_fields,
        data_processing,
        amount: payment.amount.filter(|_| forward.shape.value.is_empty()),
        currency: payment_currency(case, forward, &sent),
        time: payment.time(),
        now: case.now,
        catalog: case.mapping.catalog(),
    }));
    let findings = match &shaped {
        Some((_, moves)) => moves.follow(findings),
        None => findings,
    };
    let findings = forward.checks.weigh(findings);
    let event_id = event_id(case, view, forward, &sent);
    let of_app = app_data.filter(|_| action_source == ActionSource::App);
    let sent_device = of_app.map(|device| sent_device(payment, user, device));
    let event_time = event_time(payment.time(), case.now);
    let event = ServerEvent {
        event_name: &forward.event,
        event_time: event_time.seconds(),
        event_id: &event_id,
        action_source,
        fields: &payment.event_fields,
        data_processing,
        user_data: &user_data,
        app_data: sent_device.as_ref(),
        custom_data: &custom_data,
    };
    let blocked = findings.has_error();
    let events = if blocked { Vec::new() } else { freeze(forward, &event, event_time) };
    Decision {
        verdict: if blocked { Verdict::Block } else { Verdict::Forward },
        reason: None,
        because: None,
        currency: payment_currency(case, forward, &sent),
        events,
        findings,
        mapping: case.mapping.version().clone(),
        lookup: lookup(case.mapping, forward, &sent, &custom_data),
    }
}

/// One frozen copy for each dataset of the rule.
fn freeze(forward: &Forward, event: &ServerEvent<'_>, event_time: Timestamp) -> Vec<FrozenEvent> {
    let copy = |dataset: &DatasetName, body: String| FrozenEvent {
        dataset: dataset.clone(),
        event_name: event.event_name.as_str().to_owned(),
        event_id: event.event_id.clone(),
        event_time,
        expires_at: expiry(event_time, event.action_source),
        body,
    };
    // Nearly every rule has one dataset: the body is copied for the others alone.
    let Some((last, others)) = forward.datasets.split_last() else { return Vec::new() };
    let body = event.freeze();
    let mut events = Vec::with_capacity(others.len() + 1);
    events.extend(others.iter().map(|dataset| copy(dataset, body.clone())));
    events.push(copy(last, body));
    events
}

#[cfg(test)]
mod cases;
#[cfg(test)]
mod tests;
