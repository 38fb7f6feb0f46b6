//! What the webhooks of payment providers mean: Stripe, Lemon Squeezy, Polar.
//!
//! In: the body of a webhook whose signature is right ([`signature`]). Out: a [`Meaning`]: the body
//! of a capture as our own API takes it, the ids of a payment whose money went back, or why nothing
//! is to be done. Each provider has its file; what they share (whose payment it is, which id it has,
//! what its metadata may say) stands in `draft`.
//!
//! Deliberately absent: recording. A capture goes the one way through `intake`, where it is read,
//! checked, hashed and deduplicated like every other. No amount is rounded and none is guessed.

mod draft;
mod lemonsqueezy;
mod object;
mod polar;
pub mod signature;
mod stripe;

use super::json;
use super::names::closed_list;
use super::payment::PaymentType;
use object::Object;

closed_list! {
    /// Who sends webhooks that we read.
    pub enum Provider {
        /// Stripe.
        Stripe = "stripe",
        /// Lemon Squeezy.
        LemonSqueezy = "lemonsqueezy",
        /// Polar.
        Polar = "polar",
    }
}

/// What a webhook means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// Money arrived.
    Capture(Capture),
    /// All of a payment's money went back. The ids under which the payment may be recorded, the
    /// most likely first.
    Refund(Vec<String>),
    /// The provider knows a payment under another id as well, and may tell of it by that one.
    Alias {
        /// The other id.
        alias: String,
        /// The id under which the payment is captured.
        payment_id: String,
    },
    /// Part of a payment's money went back. Meta cannot be told, so nothing changes.
    PartialRefund,
    /// A type of event that is read, but this one is no payment; the sentence says why.
    Ignored(&'static str),
    /// A type of event that is not read.
    Unknown,
    /// An event that should be a payment and cannot be understood; the sentence says what misses.
    Fault(&'static str),
}

/// A payment as a webhook tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    /// Its transaction id.
    pub payment_id: String,
    /// Its type.
    pub payment_type: PaymentType,
    /// Another id of it, by which a refund may name it.
    pub alias: Option<String>,
    /// The body of `capture-payment` that says the same. Personal fields are in the clear here;
    /// whoever reads it hashes them.
    pub body: String,
}

/// What the body of a webhook means. The signature must have been verified before.
#[must_use]
pub fn read(provider: Provider, body: &[u8]) -> Meaning {
    let Ok(body) = json::read(body) else { return Meaning::Fault("the body is not JSON") };
    let event = Object::new(&body);
    let meaning = match provider {
        Provider::Stripe => stripe::read(event),
        Provider::LemonSqueezy => lemonsqueezy::read(event),
        Provider::Polar => polar::read(event),
    };
    meaning.unwrap_or_else(|meaning| meaning)
}

/// What an event means; `Err` where reading it ended early.
type Read = Result<Meaning, Meaning>;

#[cfg(test)]
mod tests;
