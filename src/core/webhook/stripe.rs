//! Stripe's events.
//!
//! One purchase makes many events: of the checkout, its payment intent, its charge, its invoice. So
//! that it is one payment, its transaction id is chosen in one order: the invoice where there is
//! one, else what the merchant's metadata names, else the payment intent, else the checkout. A
//! checkout that starts a subscription and the first invoice of it have the same key by that, and
//! whichever comes first counts.
//!
//! Source: Stripe API reference, Events, Checkout Session, Invoice, Charge, `PaymentIntent`, with the
//! versions before and since 2025-03-31 (an invoice's `subscription_details` moved under `parent`, and
//! a charge no longer names its invoice: `invoice_payment.paid` tells which payment intent paid it).

use super::draft::{Draft, Line, Metadata};
use super::object::Object;
use super::{Meaning, Provider, Read};
use crate::core::payment::PaymentType;

/// Reads an event.
pub(super) fn read(event: Object<'_, '_>) -> Read {
    let kind = event.text("type").ok_or(Meaning::Fault("the event has no type"))?;
    let object = event.at("data/object").ok_or(Meaning::Fault("the event has no object"))?;
    match kind {
        "checkout.session.completed" | "checkout.session.async_payment_succeeded" => {
            checkout(event, object)
        }
        "invoice.paid" | "invoice.payment_succeeded" => invoice(event, object),
        "payment_intent.succeeded" => payment_intent(event, object),
        "charge.refunded" => Ok(refund(object)),
        "invoice_payment.paid" => invoice_payment(object),
        _ => Ok(Meaning::Unknown),
    }
}

fn checkout(event: Object<'_, '_>, session: Object<'_, '_>) -> Read {
    if session.text("payment_status") != Some("paid") {
        return Err(Meaning::Ignored("the checkout is not paid yet, or nothing was due"));
    }
    let metadata = Metadata { own: session.at("metadata").into_iter().collect(), shared: vec![] };
    let invoice = session.id("invoice");
    let (payment_type, payment_id) = match (session.text("mode"), invoice) {
        (Some("subscription"), Some(invoice)) => (PaymentType::SubscriptionCreated, invoice),
        (Some("subscription"), None) => {
            return Err(Meaning::Ignored("the checkout names no invoice; invoice.paid will tell"));
        }
        (_, Some(invoice)) => (PaymentType::Default, invoice),
        (_, None) => {
            let own = session.id("payment_intent").or(session.text("id"));
            let id = metadata.payment_id().or(own);
            let id = id.ok_or(Meaning::Fault("the checkout has no id"))?;
            (metadata.payment_type().unwrap_or(PaymentType::Default), id)
        }
    };
    let draft = Draft {
        provider: Provider::Stripe,
        payment_type,
        payment_id: payment_id.to_owned(),
        alias: session.id("payment_intent"),
        minor_units: session.whole("amount_total"),
        currency: session.text("currency"),
        occurred_at: event.time("created"),
        user_ids: vec![session.text("client_reference_id")],
        customer: session.id("customer"),
        person: person(session, "customer_details"),
        lines: Vec::new(),
        metadata,
    };
    Ok(draft.meaning())
}

fn invoice(event: Object<'_, '_>, invoice: Object<'_, '_>) -> Read {
    let payment_type = match invoice.text("billing_reason") {
        Some("subscription_create") => PaymentType::SubscriptionCreated,
        Some("subscription_cycle") => PaymentType::SubscriptionRenewed,
        // A changed plan, a threshold, an invoice written by hand: no kind of their own.
        Some(_) | None => PaymentType::Default,
    };
    let payment_id = invoice.text("id").ok_or(Meaning::Fault("the invoice has no id"))?;
    let details = ["parent/subscription_details/metadata", "subscription_details/metadata"];
    let metadata = Metadata {
        own: invoice.at("metadata").into_iter().collect(),
        shared: details.into_iter().filter_map(|path| invoice.at(path)).collect(),
    };
    let draft = Draft {
        provider: Provider::Stripe,
        payment_type,
        payment_id: payment_id.to_owned(),
        alias: None,
        minor_units: invoice.whole("amount_paid"),
        currency: invoice.text("currency"),
        occurred_at: invoice.time("status_transitions/paid_at").or(event.time("created")),
        user_ids: Vec::new(),
        customer: invoice.id("customer"),
        person: vec![
            ("email", invoice.text("customer_email")),
            ("name", invoice.text("customer_name")),
            ("phone", invoice.text("customer_phone")),
            ("city", invoice.text("customer_address/city")),
            ("state", invoice.text("customer_address/state")),
            ("zip", invoice.text("customer_address/postal_code")),
            ("country", invoice.text("customer_address/country")),
        ],
        lines: lines(invoice).unwrap_or_default(),
        metadata,
    };
    Ok(draft.meaning())
}

/// The lines of an invoice by the ids of their products; none unless all of them are here, name a
/// product and cost something: half a list, or one with credits, says something wrong.
fn lines<'j>(invoice: Object<'j, '_>) -> Option<Vec<Line<'j>>> {
    if invoice.is_true("lines/has_more") {
        return None;
    }
    let line = |line: Object<'j, '_>| {
        let product = ["pricing/price_details/product", "price/product", "plan/product"];
        let id = product.into_iter().find_map(|path| line.id(path))?;
        let quantity = line.whole("quantity").filter(|quantity| *quantity > 0)?;
        let amount = line.whole("amount").filter(|amount| *amount > 0)?;
        let price = (amount % quantity == 0).then_some(amount / quantity);
        Some(Line { id, quantity, price })
    };
    invoice.items("lines/data").into_iter().map(line).collect()
}

/// A payment intent stands behind every checkout and every paid invoice, which tell more and are
/// read themselves. Who uses neither says so in the intent's metadata.
fn payment_intent(event: Object<'_, '_>, intent: Object<'_, '_>) -> Read {
    if intent.text("metadata/tillpost") != Some("capture") {
        return Err(Meaning::Ignored(
            "its checkout or invoice tells the payment; metadata says no `tillpost = capture`",
        ));
    }
    let metadata = Metadata { own: intent.at("metadata").into_iter().collect(), shared: vec![] };
    let payment_id = metadata.payment_id().or(intent.text("id"));
    let draft = Draft {
        provider: Provider::Stripe,
        payment_type: metadata.payment_type().unwrap_or(PaymentType::Default),
        payment_id: payment_id.ok_or(Meaning::Fault("the payment intent has no id"))?.to_owned(),
        alias: intent.text("id"),
        minor_units: intent.whole("amount_received"),
        currency: intent.text("currency"),
        occurred_at: event.time("created"),
        user_ids: Vec::new(),
        customer: intent.id("customer"),
        person: vec![
            ("email", intent.text("receipt_email")),
            ("name", intent.text("shipping/name")),
            ("phone", intent.text("shipping/phone")),
            ("city", intent.text("shipping/address/city")),
            ("state", intent.text("shipping/address/state")),
            ("zip", intent.text("shipping/address/postal_code")),
            ("country", intent.text("shipping/address/country")),
        ],
        lines: Vec::new(),
        metadata,
    };
    Ok(draft.meaning())
}

/// Which payment intent, or which charge without one, pays an invoice. Since version 2025-03-31 no
/// other object says so, and a refund names only these.
///
/// # Source
/// Stripe API reference, The Invoice Payment object; its events, `invoice_payment.paid`.
fn invoice_payment(object: Object<'_, '_>) -> Read {
    let invoice = object.id("invoice").ok_or(Meaning::Fault("the payment names no invoice"))?;
    let paid_by = object.id("payment/payment_intent").or(object.id("payment/charge"));
    let alias = paid_by.ok_or(Meaning::Ignored("the invoice was paid outside of Stripe"))?;
    Ok(Meaning::Alias { alias: alias.to_owned(), payment_id: invoice.to_owned() })
}

fn refund(charge: Object<'_, '_>) -> Meaning {
    if !charge.is_true("refunded") {
        return Meaning::PartialRefund;
    }
    let metadata = Metadata { own: charge.at("metadata").into_iter().collect(), shared: vec![] };
    let ids = [
        metadata.payment_id(),
        charge.id("invoice"),
        charge.id("payment_intent"),
        charge.text("id"),
    ];
    Meaning::Refund(ids.into_iter().flatten().map(str::to_owned).collect())
}

fn person<'j>(object: Object<'j, '_>, base: &str) -> Vec<(&'static str, Option<&'j str>)> {
    let Some(details) = object.at(base) else { return Vec::new() };
    vec![
        ("email", details.text("email")),
        ("name", details.text("individual_name").or(details.text("name"))),
        ("phone", details.text("phone")),
        ("city", details.text("address/city")),
        ("state", details.text("address/state")),
        ("zip", details.text("address/postal_code")),
        ("country", details.text("address/country")),
    ]
}
