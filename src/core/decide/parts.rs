//! The parts of an event: what was bought, whose it is, on which device, under which id.
//!
//! In: the case, the rule, what was read of `event_data`. Out: values for the wire, none of them
//! judged yet.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::Case;
use crate::core::catalog::rate::Lookup;
use crate::core::check::FUTURE_MAX_MILLIS;
use crate::core::customer::{self, Context, Field};
use crate::core::device::Tracking;
use crate::core::event_data::EventData;
use crate::core::finding::{Code, Finding, Findings};
use crate::core::json;
use crate::core::mapping::path::View;
use crate::core::mapping::{ExternalId, Forward, Mapping};
use crate::core::meta::{ActionSource, AppData, ContentType, CustomData, EventId};
use crate::core::money::{Amount, Currency};
use crate::core::payment::{Occasion, Payment, PaymentId};
use crate::core::time::Timestamp;
use crate::core::user::User;
use crate::core::user_data::{ClearField, UserData};

/// Ids of groups are of groups, whatever was said; of both kinds, products win where nothing is.
pub(super) fn content_type(sent: &EventData<'_>) -> Option<ContentType> {
    match (sent.groups, sent.both_kinds) {
        (true, _) => Some(ContentType::ProductGroup),
        (false, true) => Some(sent.content_type.unwrap_or(ContentType::Product)),
        (false, false) => sent.content_type,
    }
}

/// What was bought. The lines, the properties and the id of the order move over from what was sent:
/// from here on they are read as Meta gets them.
pub(super) fn custom_data<'a>(
    case: Case<'_>,
    forward: &Forward,
    sent: &mut EventData<'a>,
    findings: &mut Findings,
) -> CustomData<'a> {
    let value = value(case, forward, sent);
    let currency = value_currency(case, forward, sent, findings);
    CustomData {
        value,
        currency: currency.filter(|_| forward.send_revenue),
        content_ids: content_ids(sent),
        contents: std::mem::take(&mut sent.contents),
        content_type: content_type(sent),
        num_items: sent.num_items,
        order_id: sent.order_id.take(),
        properties: std::mem::take(&mut sent.properties),
    }
}

/// What the rule names, else what was sent, else the payment's amount.
pub(super) fn value(case: Case<'_>, forward: &Forward, sent: &EventData<'_>) -> Option<Amount> {
    if !forward.send_revenue || sent.is_unreadable("value") {
        return None;
    }
    // Where the rule says where the value is, another number would be a guess.
    let last = case.payment.amount.filter(|_| forward.shape.value.is_empty());
    sent.value.or(last)
}

/// The ids as sent, else those of `contents`: Meta takes either, the catalogue wants both.
pub(super) fn content_ids<'a>(sent: &EventData<'a>) -> Vec<Cow<'a, str>> {
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
pub(super) fn value_currency(
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
pub(super) fn payment_currency(
    case: Case<'_>,
    forward: &Forward,
    sent: &EventData<'_>,
) -> Option<Currency> {
    // A code that cannot be read is an error of its own; guessing another would hide it.
    let unreadable = sent.is_unreadable("currency");
    let named = case.payment.currency.or(sent.currency);
    named.or_else(|| if unreadable { None } else { forward.currency.or(case.currency) })
}

/// The currency of a payment that makes no event.
pub(super) fn own_currency(case: Case<'_>) -> Option<Currency> {
    let inner = || {
        let fields = json::fields(case.payment.event_data.as_ref()?)?;
        Currency::read(json::text(json::get(fields, "currency")?)?)
    };
    case.payment.currency.or_else(inner).or(case.currency)
}

/// The person: what came with the payment, what the signup said, and the id both share.
pub(super) fn user_data(
    payment: &Payment<'_>,
    forward: &Forward,
    user: &User,
    now: Timestamp,
) -> UserData {
    let mut known = payment.user_data.clone().completed_with(&user.user_data);
    if payment.tracking.or(user.tracking) == Some(Tracking::Denied) {
        known.remove(ClearField::Madid);
    }
    let id = payment.user_id.as_str();
    // An id that may be an e-mail address is a person's field, whatever the mapping file says.
    if forward.external_id == ExternalId::Plain && !id.contains('@') {
        known.set_plain_external_id(id.to_owned());
        return known;
    }
    let context = Context { country: None, default_country: None, today: now.date() };
    let id = customer::hash(Field::ExternalId, id, &context).ok().flatten();
    known.add(Field::ExternalId, id.map(|kept| kept.hash));
    known
}

/// What the catalogue has of the event's ids, for the match rate.
pub(super) fn lookup(
    mapping: &Mapping,
    forward: &Forward,
    sent: &EventData<'_>,
    custom_data: &CustomData<'_>,
) -> Option<Lookup> {
    let catalog = mapping.catalog()?;
    let ids = catalog.look_up(custom_data, sent.groups && sent.both_kinds);
    Some(Lookup { datasets: forward.datasets.clone(), kind: custom_data.content_type, ids })
}

/// The device of the payment, else that of the signup.
pub(super) fn device<'c>(payment: &'c Payment<'_>, user: &'c User) -> Option<&'c AppData> {
    payment.app_data.as_ref().or(user.app_data.as_ref())
}

/// The device as Meta gets it: what the person last said of being followed holds, whichever device
/// it came with.
pub(super) fn sent_device(payment: &Payment<'_>, user: &User, device: &AppData) -> AppData {
    let mut app_data = device.clone();
    if payment.tracking.or(user.tracking) == Some(Tracking::Denied) {
        app_data.advertiser_tracking_enabled = false;
    }
    app_data
}

/// What the rule says; for an app event without a device, what the rule says of those.
pub(super) fn action_source(forward: &Forward, app_data: Option<&AppData>) -> ActionSource {
    match (forward.action_source, app_data, forward.without_device) {
        (ActionSource::App, None, Some(other)) => other,
        (source, ..) => source,
    }
}

/// The id of a copy that a browser or an app sends, else one made from the payment's key.
pub(super) fn event_id(
    case: Case<'_>,
    view: &View<'_>,
    forward: &Forward,
    sent: &EventData<'_>,
) -> EventId {
    if let Some(shared) = &sent.event_id {
        return EventId::new(shared.trim());
    }
    // A template with an empty place would give many payments one id.
    if let Some(made) = forward.event_id.as_ref().and_then(|template| template.fill(view)) {
        return EventId::new(made);
    }
    let own = case.payment.payment_id.as_ref().map(PaymentId::as_str);
    match (&case.payment.occasion, own) {
        // The id that the sender's browser or app gives its copy.
        (Occasion::Event(_), Some(own)) => EventId::new(own),
        (occasion, own) => {
            EventId::new([occasion.as_str(), ".", own.unwrap_or(case.record_id)].concat())
        }
    }
}

/// A time a moment ahead is taken as now.
pub(super) fn event_time(time: Timestamp, now: Timestamp) -> Timestamp {
    let ahead = time.millis_since(now);
    if (1..=FUTURE_MAX_MILLIS).contains(&ahead) { now } else { time }
}
