//! Lemon Squeezy's events.
//!
//! The first payment of everything is an order, also that of a subscription; its first invoice says
//! the same and does not name the order, so it is passed over. Renewals are invoices. An order's
//! transaction id is its `identifier`, because its number is one that any shop counts to.
//!
//! Source: Lemon Squeezy, "Webhooks / Event types", "The Order Object", "The Subscription Invoice
//! Object", "Passing custom data" (`meta.custom_data`, repeated with each payment of a subscription).

use super::draft::{Draft, Line, Metadata};
use super::object::Object;
use super::{Meaning, Provider, Read};
use crate::core::payment::PaymentType;

/// Reads an event.
pub(super) fn read(event: Object<'_, '_>) -> Read {
    let kind = event.text("meta/event_name").ok_or(Meaning::Fault("the event has no name"))?;
    let object = event.at("data/attributes").ok_or(Meaning::Fault("the event has no object"))?;
    match kind {
        "order_created" => order(event, object),
        "subscription_payment_success" => invoice(event, object),
        "order_refunded" => {
            let metadata = own(event);
            let ids = [metadata.payment_id(), object.text("identifier")];
            Ok(refund(object, ids.into_iter().flatten().map(str::to_owned).collect()))
        }
        "subscription_payment_refunded" => {
            let id = invoice_id(event)?;
            Ok(refund(object, vec![id]))
        }
        _ => Ok(Meaning::Unknown),
    }
}

fn order(event: Object<'_, '_>, order: Object<'_, '_>) -> Read {
    if order.text("status") != Some("paid") {
        return Err(Meaning::Ignored("the order is not paid"));
    }
    let metadata = own(event);
    let payment_id = metadata.payment_id().or(order.text("identifier"));
    let draft = Draft {
        payment_type: metadata.payment_type().unwrap_or(PaymentType::Default),
        payment_id: payment_id.ok_or(Meaning::Fault("the order has no identifier"))?.to_owned(),
        alias: None,
        metadata,
        lines: line(order).into_iter().collect(),
        ..draft(order)
    };
    Ok(draft.meaning())
}

fn invoice(event: Object<'_, '_>, invoice: Object<'_, '_>) -> Read {
    let payment_type = match invoice.text("billing_reason") {
        Some("initial") => {
            return Err(Meaning::Ignored("the order of this subscription tells its first payment"));
        }
        Some("renewal") => PaymentType::SubscriptionRenewed,
        Some(_) | None => PaymentType::Default,
    };
    let shared = event.at("meta/custom_data").into_iter().collect();
    let draft = Draft {
        payment_type,
        payment_id: invoice_id(event)?,
        alias: None,
        metadata: Metadata { own: Vec::new(), shared },
        ..draft(invoice)
    };
    Ok(draft.meaning())
}

/// What orders and invoices say in the same words.
fn draft<'j, 'a>(object: Object<'j, 'a>) -> Draft<'j, 'a> {
    Draft {
        provider: Provider::LemonSqueezy,
        payment_type: PaymentType::Default,
        payment_id: String::new(),
        alias: None,
        minor_units: object.whole("total"),
        currency: object.text("currency"),
        occurred_at: object.time("created_at"),
        metadata: Metadata::default(),
        user_ids: Vec::new(),
        customer: object.text("customer_id"),
        person: vec![("email", object.text("user_email")), ("name", object.text("user_name"))],
        lines: Vec::new(),
    }
}

fn own<'j, 'a>(event: Object<'j, 'a>) -> Metadata<'j, 'a> {
    Metadata { own: event.at("meta/custom_data").into_iter().collect(), shared: Vec::new() }
}

fn line<'j>(order: Object<'j, '_>) -> Option<Line<'j>> {
    let item = order.at("first_order_item")?;
    let quantity = item.whole("quantity").filter(|quantity| *quantity > 0).unwrap_or(1);
    Some(Line { id: item.text("product_id")?, quantity, price: item.whole("price") })
}

/// An invoice has a number and nothing else; the words before it keep it apart from other numbers.
fn invoice_id(event: Object<'_, '_>) -> Result<String, Meaning> {
    let number = event.text("data/id").ok_or(Meaning::Fault("the invoice has no id"))?;
    Ok(format!("lemonsqueezy-invoice-{number}"))
}

fn refund(object: Object<'_, '_>, ids: Vec<String>) -> Meaning {
    let back = object.whole("refunded_amount");
    let whole = back.zip(object.whole("total")).map(|(back, total)| back >= total);
    if object.is_true("refunded") && whole.unwrap_or(true) {
        return Meaning::Refund(ids);
    }
    Meaning::PartialRefund
}
