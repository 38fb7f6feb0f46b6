//! The decision: one payment in, what becomes of it out. The one function behind every door.
//!
//! In: a [`Case`], everything that is known of a payment, the time among it. Out: a [`Decision`]:
//! the verdict, the exact bytes for Meta, everything there is to say. It is taken once; attempts
//! send the frozen bytes, so event id, time and hashes never differ between two tries.
//!
//! Deliberately absent: the clock, the store, randomness. The caller hands in `now`, what is known
//! of the user, and an id for payments that have none.

mod summary;

use std::borrow::Cow;
use std::collections::BTreeSet;

pub use summary::EventSummary;

use super::check::{self, Evidence, FUTURE_MAX_MILLIS, expiry};
use super::customer::{self, Context, Field};
use super::device::Tracking;
use super::event_data::{self, EventData};
use super::finding::{Code, Finding, Findings};
use super::json;
use super::mapping::{DatasetName, Forward, Mapping, MappingVersion, Rule};
use super::meta::{
    ActionSource, AppData, ContentType, CustomData, DataProcessing, EventId, ServerEvent,
};
use super::money::Currency;
use super::names::closed_list;
use super::payment::Payment;
use super::time::Timestamp;
use super::user::User;
use super::user_data::{ClearField, UserData};

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
}

/// Decides.
#[must_use]
pub fn decide(case: Case<'_>) -> Decision {
    match rule(case) {
        Ok((forward, user)) => forwarded(case, forward, user),
        Err((verdict, reason, because)) => Decision {
            verdict,
            reason: Some(reason),
            because: Some(because),
            currency: own_currency(case),
            events: Vec::new(),
            findings: Findings::default(),
            mapping: case.mapping.version().clone(),
        },
    }
}

type Stop = (Verdict, Reason, String);

/// The rule that forwards the payment, or what stops it before any check.
fn rule(case: Case<'_>) -> Result<(&Forward, &User), Stop> {
    let Case { mapping, payment, user, now, .. } = case;
    let skip = |reason, because: String| (Verdict::Skip, reason, because);
    let Some(user) = user else {
        let because = "the user is not known yet; the payment waits for the signup";
        return Err((Verdict::Hold, Reason::UserNotKnown, because.to_owned()));
    };
    let kind = payment.payment_type;
    let forward = match mapping.rule(kind) {
        Some(Rule::Forward(forward)) => forward,
        Some(Rule::Withhold { because }) => return Err(skip(Reason::Rule, because.clone())),
        None => {
            let because = format!("the mapping file binds no event to {kind}");
            return Err(skip(Reason::NoMapping, because));
        }
    };
    if !forward.statuses.contains(&payment.status) {
        let because = format!("payments with status {} are not forwarded", payment.status);
        return Err(skip(Reason::Status, because));
    }
    let source = action_source(forward, device(payment, user));
    if now > expiry(payment.time(), source) {
        let days = source.age_max_millis() / (24 * 3_600 * 1_000);
        let because = format!("it happened more than {days} days ago; Meta takes nothing older");
        return Err(skip(Reason::TooOld, because));
    }
    Ok((forward, user))
}

fn forwarded(case: Case<'_>, forward: &Forward, user: &User) -> Decision {
    let payment = case.payment;
    let app_data = device(payment, user);
    let (sent, mut findings) = event_data::read(payment.event_data.as_ref());
    let custom_data = custom_data(case, forward, &sent, &mut findings);
    let user_data = user_data(payment, user, case.now);
    let action_source = action_source(forward, app_data);
    let data_processing =
        DataProcessing::stricter(payment.data_processing, forward.data_processing);
    findings.extend(check::check(Evidence {
        event: &forward.event,
        profile: forward.profile,
        sent: &sent,
        custom_data: &custom_data,
        user_data: &user_data,
        action_source,
        app_data,
        event_fields: &payment.event_fields,
        data_processing,
        amount: payment.amount,
        currency: payment_currency(case, forward, &sent),
        time: payment.time(),
        now: case.now,
    }));
    let findings = forward.checks.weigh(findings);
    let event_id = event_id(case, &sent);
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
    }
}

/// One frozen copy for each dataset of the rule.
fn freeze(forward: &Forward, event: &ServerEvent<'_>, event_time: Timestamp) -> Vec<FrozenEvent> {
    let body = event.freeze();
    let copy = |dataset: &DatasetName| FrozenEvent {
        dataset: dataset.clone(),
        event_name: event.event_name.as_str().to_owned(),
        event_id: event.event_id.clone(),
        event_time,
        expires_at: expiry(event_time, event.action_source),
        body: body.clone(),
    };
    forward.datasets.iter().map(copy).collect()
}

/// Ids of groups are of groups, whatever was said; of both kinds, products win where nothing is.
fn content_type(sent: &EventData<'_>) -> Option<ContentType> {
    match (sent.groups, sent.both_kinds) {
        (true, _) => Some(ContentType::ProductGroup),
        (false, true) => Some(sent.content_type.unwrap_or(ContentType::Product)),
        (false, false) => sent.content_type,
    }
}

fn custom_data<'a>(
    case: Case<'_>,
    forward: &Forward,
    sent: &EventData<'a>,
    findings: &mut Findings,
) -> CustomData<'a> {
    CustomData {
        value: (!sent.is_unreadable("value")).then(|| sent.value.unwrap_or(case.payment.amount)),
        currency: value_currency(case, forward, sent, findings),
        content_ids: content_ids(sent),
        contents: sent.contents.clone(),
        content_type: content_type(sent),
        num_items: sent.num_items,
        order_id: sent.order_id.clone(),
        properties: sent.properties.clone(),
    }
}

/// The ids as sent, else those of `contents`: Meta takes either, the catalogue wants both.
fn content_ids<'a>(sent: &EventData<'a>) -> Vec<Cow<'a, str>> {
    let unclear = ["content_ids", "item_group_ids", "product_id", "contents"]
        .map(|key| sent.is_unreadable(key));
    if !sent.content_ids.is_empty() || unclear.contains(&true) {
        return sent.content_ids.clone();
    }
    let mut seen = BTreeSet::new();
    let ids = sent.contents.iter().map(|item| &item.id);
    ids.filter(|id| seen.insert(&***id)).cloned().collect()
}

/// The currency of the event's `value`. A number and its currency belong together: where both come
/// from `event_data`, the payment's own currency does not touch them.
fn value_currency(
    case: Case<'_>,
    forward: &Forward,
    sent: &EventData<'_>,
    findings: &mut Findings,
) -> Option<Currency> {
    let of_payment = payment_currency(case, forward, sent);
    let (Some(own), Some(inner)) = (case.payment.currency, sent.currency) else {
        return of_payment;
    };
    if own == inner {
        return of_payment;
    }
    let (source, currency) = match sent.value {
        Some(_) => ("`event_data.value`", inner),
        None => ("`amount`", own),
    };
    let says = format!(
        "the payment says {}, `event_data` says {}; Meta gets {source} in {}",
        own.code(),
        inner.code(),
        currency.code()
    );
    let finding = Finding::in_body(Code::CurrenciesDisagree, "/currency", says);
    findings.push(finding.help("send one currency; nothing is converted"));
    Some(currency)
}

/// The payment's own, then `event_data`'s, then the mapping's, then the project's (row LR-28).
fn payment_currency(case: Case<'_>, forward: &Forward, sent: &EventData<'_>) -> Option<Currency> {
    // A code that cannot be read is an error of its own; guessing another would hide it.
    let unreadable = sent.is_unreadable("currency");
    let named = case.payment.currency.or(sent.currency);
    named.or_else(|| if unreadable { None } else { forward.currency.or(case.currency) })
}

/// The currency of a payment that makes no event.
fn own_currency(case: Case<'_>) -> Option<Currency> {
    let inner = || {
        let fields = json::fields(case.payment.event_data.as_ref()?)?;
        Currency::read(json::text(json::get(fields, "currency")?)?)
    };
    case.payment.currency.or_else(inner).or(case.currency)
}

/// The person: what came with the payment, what the signup said, and the id both share.
fn user_data(payment: &Payment<'_>, user: &User, now: Timestamp) -> UserData {
    let mut known = payment.user_data.clone().completed_with(&user.user_data);
    if payment.tracking.or(user.tracking) == Some(Tracking::Denied) {
        known.remove(ClearField::Madid);
    }
    let context = Context { country: None, default_country: None, today: now.date() };
    let id = customer::hash_all(Field::ExternalId, [payment.user_id.as_str()], &context);
    known.add(Field::ExternalId, id.kept);
    known
}

/// The device of the payment, else that of the signup.
fn device<'c>(payment: &'c Payment<'_>, user: &'c User) -> Option<&'c AppData> {
    payment.app_data.as_ref().or(user.app_data.as_ref())
}

/// The device as Meta gets it: what the person last said of being followed holds, whichever device
/// it came with.
fn sent_device(payment: &Payment<'_>, user: &User, device: &AppData) -> AppData {
    let mut app_data = device.clone();
    if payment.tracking.or(user.tracking) == Some(Tracking::Denied) {
        app_data.advertiser_tracking_enabled = false;
    }
    app_data
}

/// What the rule says; for an app event without a device, what the rule says of those.
fn action_source(forward: &Forward, app_data: Option<&AppData>) -> ActionSource {
    match (forward.action_source, app_data, forward.without_device) {
        (ActionSource::App, None, Some(other)) => other,
        (source, ..) => source,
    }
}

/// The id of a copy that a browser or an app sends, else one made from the payment's key.
fn event_id(case: Case<'_>, sent: &EventData<'_>) -> EventId {
    if let Some(shared) = &sent.event_id {
        return EventId::new(shared.trim());
    }
    let own = case.payment.payment_id.as_ref().map_or(case.record_id, |id| id.as_str());
    EventId::new(format!("{}.{own}", case.payment.payment_type))
}

/// A time a moment ahead is taken as now.
fn event_time(time: Timestamp, now: Timestamp) -> Timestamp {
    let ahead = time.millis_since(now);
    if (1..=FUTURE_MAX_MILLIS).contains(&ahead) { now } else { time }
}

#[cfg(test)]
mod tests;
