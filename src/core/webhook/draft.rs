//! A payment as a provider tells it, on its way to the body of a capture: the rules that hold for
//! all providers.
//!
//! In: what a provider's file found in its object. Out: a [`Capture`]. Here stand the order in
//! which ids name the user, which keys of metadata the merchant may use, how minor units become
//! money, and what becomes of the lines. The body is read by the one reader of captures, so nothing
//! is checked twice here; what that reader would refuse for its form alone (an id that is too long)
//! is passed over for the next best.

use std::collections::BTreeMap;

use serde::Serialize;

use super::object::Object;
use super::{Capture, Meaning, Provider};
use crate::core::money::{Amount, Currency};
use crate::core::payment::{PaymentId, PaymentType, UserId};
use crate::core::time::Timestamp;

/// The keys of metadata that name the user, the plainest last.
const USER_KEYS: [&str; 3] = ["tillpost_user_id", "user_id", "faurya_visitor_id"];

/// The keys of metadata that name the payment.
const PAYMENT_KEYS: [&str; 2] = ["transaction_id", "payment_id"];

/// Why a payment of nothing is passed over: the start of a trial, an order that is free.
const NO_MONEY: &str = "no money moved";

/// What the merchant wrote beside a payment: its own, and what it shares with others because it was
/// written beside their subscription. The first that has a key counts.
#[derive(Debug, Clone, Default)]
pub(super) struct Metadata<'j, 'a> {
    /// Of this payment alone.
    pub(super) own: Vec<Object<'j, 'a>>,
    /// Of a subscription or a customer: each of their payments repeats it.
    pub(super) shared: Vec<Object<'j, 'a>>,
}

impl<'j> Metadata<'j, '_> {
    /// What is true of this payment alone: its id, its type, the id of its event. A subscription's
    /// metadata cannot say it, or each renewal would be taken for the first payment.
    pub(super) fn of_payment(&self, key: &str) -> Option<&'j str> {
        self.own.iter().find_map(|object| object.text(key))
    }

    /// What may be true of several payments: the user, its browser, the products.
    fn of_anything(&self, key: &str) -> Option<&'j str> {
        self.own.iter().chain(&self.shared).find_map(|object| object.text(key))
    }

    /// The transaction id that the merchant gave this payment.
    pub(super) fn payment_id(&self) -> Option<&'j str> {
        let mut named = PAYMENT_KEYS.into_iter().filter_map(|key| self.of_payment(key));
        named.find(|id| PaymentId::read(id).is_some())
    }

    /// The type that the merchant gave this payment.
    pub(super) fn payment_type(&self) -> Option<PaymentType> {
        self.of_payment("payment_type").and_then(PaymentType::read)
    }
}

/// One line of an order.
#[derive(Debug, Clone)]
pub(super) struct Line<'j> {
    pub(super) id: &'j str,
    pub(super) quantity: i64,
    /// What one piece cost, in minor units, where it is known exactly.
    pub(super) price: Option<i64>,
}

/// A payment as a provider tells it.
#[derive(Debug, Clone)]
pub(super) struct Draft<'j, 'a> {
    pub(super) provider: Provider,
    pub(super) payment_type: PaymentType,
    /// Its transaction id.
    pub(super) payment_id: String,
    /// Another id by which a refund may name it.
    pub(super) alias: Option<&'j str>,
    pub(super) minor_units: Option<i64>,
    pub(super) currency: Option<&'j str>,
    pub(super) occurred_at: Option<Timestamp>,
    pub(super) metadata: Metadata<'j, 'a>,
    /// Ids of the user that stand beside the metadata, the best first.
    pub(super) user_ids: Vec<Option<&'j str>>,
    /// The provider's id of its customer.
    pub(super) customer: Option<&'j str>,
    /// The person's fields by the names that `user_data` takes.
    pub(super) person: Vec<(&'static str, Option<&'j str>)>,
    pub(super) lines: Vec<Line<'j>>,
}

/// The body of `capture-payment`.
#[derive(Serialize)]
struct Body<'d> {
    r#type: PaymentType,
    payment_id: &'d str,
    user_id: &'d str,
    amount: Amount,
    currency: Currency,
    #[serde(skip_serializing_if = "Option::is_none")]
    occurred_at: Option<Timestamp>,
    #[serde(flatten)]
    browser: BTreeMap<&'static str, &'d str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    user_data: BTreeMap<&'static str, &'d str>,
    event_data: EventData<'d>,
}

/// Only what Meta knows: what else stood here would be sent to Meta as the merchant's own.
#[derive(Serialize)]
struct EventData<'d> {
    order_id: &'d str,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<&'d str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    num_items: Option<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    content_ids: Vec<&'d str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    contents: Vec<Content<'d>>,
}

#[derive(Serialize)]
struct Content<'d> {
    id: &'d str,
    quantity: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    item_price: Option<Amount>,
}

impl Draft<'_, '_> {
    /// The capture that says the same.
    pub(super) fn meaning(self) -> Meaning {
        let Some(minor_units) = self.minor_units else {
            return Meaning::Fault("the amount is missing or no whole number");
        };
        if minor_units <= 0 {
            return Meaning::Ignored(NO_MONEY);
        }
        let Some(currency) = self.currency.and_then(Currency::read) else {
            return Meaning::Fault("the currency is missing or not of ISO 4217");
        };
        let scale = decimals(self.provider, currency);
        let user_id = self.user_id();
        let browser = ["client_ip_address", "client_user_agent", "event_source_url", "fbc", "fbp"];
        let browser = browser.map(|key| (key, self.metadata.of_anything(key)));
        let body = Body {
            r#type: self.payment_type,
            payment_id: &self.payment_id,
            user_id: &user_id,
            amount: Amount::new(minor_units, scale),
            currency,
            occurred_at: self.occurred_at,
            browser: present(browser),
            user_data: present(self.person.iter().copied()),
            event_data: self.event_data(minor_units, scale),
        };
        // Texts and exact numbers under fixed keys: there is nothing that could fail to serialise.
        let body = serde_json::to_string(&body).unwrap_or_default();
        let Self { payment_id, payment_type, alias, .. } = self;
        let alias = alias.filter(|alias| *alias != payment_id).map(str::to_owned);
        Meaning::Capture(Capture { payment_id, payment_type, alias, body })
    }

    /// Whose payment it is: what the merchant wrote, else the provider's customer, else a guest
    /// whom no other payment has.
    fn user_id(&self) -> String {
        let named = USER_KEYS.into_iter().map(|key| self.metadata.of_anything(key));
        let mut named = named.chain(self.user_ids.iter().copied()).flatten();
        if let Some(id) = named.find(|id| UserId::read(id).is_some()) {
            return id.to_owned();
        }
        format!("{}:{}", self.provider, self.customer.unwrap_or(&self.payment_id))
    }

    /// The merchant's own list of products, else the lines of the order. Lines bear their prices
    /// only where these add up to what was paid: with taxes or a discount they would not.
    fn event_data(&self, minor_units: i64, scale: u32) -> EventData<'_> {
        let named = self.metadata.of_anything("content_ids").unwrap_or_default();
        let named: Vec<&str> =
            named.split(',').map(str::trim).filter(|id| !id.is_empty()).collect();
        let lines: &[Line<'_>] = if named.is_empty() { &self.lines } else { &[] };
        let costs = lines
            .iter()
            .try_fold(0_i64, |sum, line| sum.checked_add(line.price?.checked_mul(line.quantity)?));
        let adds_up = costs == Some(minor_units);
        let price = |line: &Line<'_>| line.price.filter(|_| adds_up);
        let contents: Vec<Content<'_>> = lines
            .iter()
            .map(|line| Content {
                id: line.id,
                quantity: line.quantity,
                item_price: price(line).map(|price| Amount::new(price, scale)),
            })
            .collect();
        let pieces = lines.iter().fold(0_i64, |sum, line| sum.saturating_add(line.quantity));
        let content_ids =
            if named.is_empty() { lines.iter().map(|line| line.id).collect() } else { named };
        let count = if lines.is_empty() { content_ids.len().try_into().ok() } else { Some(pieces) };
        EventData {
            order_id: &self.payment_id,
            event_id: self.metadata.of_payment("event_id"),
            content_type: (!content_ids.is_empty()).then_some("product"),
            num_items: count.filter(|_| !content_ids.is_empty()),
            content_ids,
            contents,
        }
    }
}

/// How many of an amount's digits stand behind the point: ISO 4217's minor units, but where the
/// provider counts otherwise.
///
/// # Source
/// Stripe, "Supported currencies", Zero-decimal currencies (MGA, of which ISO 4217 has two) and
/// Special cases (ISK and UGX are charged in hundredths though they have none; HUF and TWD are
/// special for payouts alone). Lemon Squeezy, "Orders", and Polar, "Orders": the smallest unit.
fn decimals(provider: Provider, currency: Currency) -> u32 {
    match (provider, currency.code()) {
        (Provider::Stripe, "ISK" | "UGX") => 2,
        (Provider::Stripe, "MGA") => 0,
        (Provider::Stripe | Provider::LemonSqueezy | Provider::Polar, _) => currency.minor_digits(),
    }
}

fn present<'d>(
    fields: impl IntoIterator<Item = (&'static str, Option<&'d str>)>,
) -> BTreeMap<&'static str, &'d str> {
    fields.into_iter().filter_map(|(key, text)| Some((key, text?))).collect()
}
