//! Polar's events.
//!
//! Every payment is an order, first ones and renewals alike. The metadata of a checkout is repeated
//! in each order of the subscription that it started, so only a first order takes its id from there.
//!
//! Source: Polar API reference, Webhooks `order.paid` and `order.refunded`, "Order" (`billing_reason`,
//! `status`, amounts in the smallest unit, `total_amount` with taxes).

use super::draft::{Draft, Line, Metadata};
use super::object::Object;
use super::{Meaning, Provider, Read};
use crate::core::payment::PaymentType;

/// Reads an event.
pub(super) fn read(event: Object<'_, '_>) -> Read {
    let kind = event.text("type").ok_or(Meaning::Fault("the event has no type"))?;
    let object = event.at("data").ok_or(Meaning::Fault("the event has no object"))?;
    match kind {
        "order.paid" => paid(event, object),
        "order.refunded" => refund(object),
        "order.created" | "order.updated" => {
            Ok(Meaning::Ignored("order.paid and order.refunded tell what becomes of an order"))
        }
        _ => Ok(Meaning::Unknown),
    }
}

fn paid(event: Object<'_, '_>, order: Object<'_, '_>) -> Read {
    let metadata = metadata(order);
    let payment_type = match order.text("billing_reason") {
        Some("subscription_create") => PaymentType::SubscriptionCreated,
        Some("subscription_cycle" | "subscription_cycle_after_trial") => {
            PaymentType::SubscriptionRenewed
        }
        Some(_) | None => metadata.payment_type().unwrap_or(PaymentType::Default),
    };
    let draft = Draft {
        provider: Provider::Polar,
        payment_type,
        payment_id: ids(order)?.swap_remove(0),
        alias: None,
        minor_units: order.whole("total_amount"),
        currency: order.text("currency"),
        occurred_at: event.time("timestamp").or(order.time("created_at")),
        user_ids: vec![order.text("customer/external_id")],
        customer: order.text("customer_id").or(order.text("customer/id")),
        person: vec![
            ("email", order.text("customer/email")),
            ("name", order.text("billing_name").or(order.text("customer/name"))),
            ("city", address(order, "city")),
            ("state", address(order, "state").map(state)),
            ("zip", address(order, "postal_code")),
            ("country", address(order, "country")),
        ],
        lines: line(order).into_iter().collect(),
        metadata,
    };
    Ok(draft.meaning())
}

fn refund(order: Object<'_, '_>) -> Read {
    match order.text("status") {
        Some("refunded") => Ok(Meaning::Refund(ids(order)?)),
        Some(_) | None => Ok(Meaning::PartialRefund),
    }
}

/// The merchant's id of the order and Polar's, the one that counts first.
fn ids(order: Object<'_, '_>) -> Result<Vec<String>, Meaning> {
    let own = order.text("id").ok_or(Meaning::Fault("the order has no id"))?;
    Ok(metadata(order).payment_id().into_iter().chain([own]).map(str::to_owned).collect())
}

fn metadata<'j, 'a>(order: Object<'j, 'a>) -> Metadata<'j, 'a> {
    let is_first = matches!(order.text("billing_reason"), Some("purchase" | "subscription_create"));
    let of_order: Vec<_> = order.at("metadata").into_iter().collect();
    let mut shared: Vec<_> = order.at("customer/metadata").into_iter().collect();
    if is_first {
        return Metadata { own: of_order, shared };
    }
    shared.splice(0..0, of_order);
    Metadata { own: Vec::new(), shared }
}

/// The address on the invoice, else the customer's.
fn address<'j>(order: Object<'j, '_>, key: &str) -> Option<&'j str> {
    let base = if order.at("billing_address").is_some() { "" } else { "customer/" };
    order.text(&format!("{base}billing_address/{key}"))
}

/// `CA` of `US-CA`: Polar writes states as ISO 3166-2 does.
fn state(text: &str) -> &str {
    text.split_once('-').map_or(text, |(_, state)| state)
}

/// The product; its price where no tax stands beside it.
fn line<'j>(order: Object<'j, '_>) -> Option<Line<'j>> {
    Some(Line { id: order.text("product_id")?, quantity: 1, price: order.whole("net_amount") })
}
