//! The one operation of the webhooks of payment providers.

use serde_json::json;

use super::operation::{Answer, Call, Family, Method, Operation};
use super::shapes::{envelope, failure, or_null, part, refusals, text, words};
use crate::core::schema::{Schema, meanings};
use crate::core::webhook::Provider;
use crate::core::webhook::signature::TOLERANCE_SECS;
use crate::http::BODY_BYTES_MAX;

/// The operations.
pub(super) fn operations() -> Vec<Operation> {
    vec![receive()]
}

fn receive() -> Operation {
    let data = Schema::any_of([part("Captured"), part("Removed"), part("Errors")]);
    let body = Schema::open_table([]).says(
        "What the provider sends. The metadata of the payment says whose it is: `user_id`, and \
         whatever else a capture may say.",
    );
    let operation = Operation::new(Family::Webhooks, Method::Post, "/webhooks/{provider}/{project}", "webhook")
        .says(
            "Receive a provider's webhook",
            format!(
                "Records the payments that a provider tells of, and takes back what it refunds in \
                 full. The signature over the raw bytes is judged before anything is read; one that \
                 bears a time may be {TOLERANCE_SECS} seconds old. Whatever is believed is answered \
                 200, also where it can never be recorded, because a provider would only send it \
                 again; `msg` says what became of it. A payment that the backend tells too is one."
            ),
        )
        .at("provider", words("Who sends.", meanings!(Provider)))
        .at("project", text("A name of `[[projects]]` that has a secret of this provider."))
        .takes(body, BODY_BYTES_MAX)
        .call(
            Call::new("A checkout at Stripe", 200, A_CHECKOUT)
                .with("provider", "stripe")
                .with("project", "shop")
                .after("signUp", "A person with an e-mail address"),
        )
        .call(
            Call::new("An event that is not read", 200, r#"{"id": "evt_2", "type": "customer.created", "data": {"object": {}}}"#)
                .with("provider", "stripe")
                .with("project", "shop"),
        )
        .call(
            Call::new("Without a signature", 400, A_CHECKOUT)
                .with("provider", "stripe")
                .with("project", "shop")
                .anonymous(),
        )
        .call(
            Call::new("A project without a secret of this provider", 404, "{}")
                .with("provider", "polar")
                .with("project", "shop")
                .anonymous(),
        );
    let failed = |status| failure(Family::Webhooks, status);
    refusals(Family::Webhooks, operation)
        .answers(Answer::new(
            200,
            "It is believed; `msg` says what became of it.",
            envelope(200, or_null(data)),
        ))
        .answers(Answer::new(400, "It is not believed; nothing of it was read.", failed(400)))
        .answers(Answer::new(
            404,
            "No project of this name has a secret for this provider.",
            failed(404),
        ))
}

/// The headers that bear the signatures, and what stands in them.
pub(super) fn signatures() -> [(Provider, &'static str, &'static str); 3] {
    [
        (Provider::Stripe, "stripe-signature", "t=UNIX_SECONDS,v1=HEX"),
        (Provider::LemonSqueezy, "x-signature", "HEX"),
        (Provider::Polar, "webhook-signature", "v1,BASE64"),
    ]
}

/// The security schemes of the providers.
pub(super) fn schemes() -> Vec<(&'static str, serde_json::Value)> {
    let scheme = |(provider, header, holds): (Provider, &'static str, &'static str)| {
        let says = format!(
            "The signature that {} makes: `{holds}`, HMAC-SHA-256 with the secret of the endpoint.",
            provider.meaning().trim_end_matches('.')
        );
        let scheme = json!({"type": "apiKey", "in": "header", "name": header, "description": says});
        (provider.as_str(), scheme)
    };
    signatures().map(scheme).into()
}

const A_CHECKOUT: &str = r#"{
  "id": "evt_1",
  "type": "checkout.session.completed",
  "created": 1772280000,
  "data": {"object": {
    "object": "checkout.session",
    "id": "cs_1",
    "mode": "payment",
    "payment_status": "paid",
    "payment_intent": "pi_1",
    "invoice": null,
    "amount_total": 200000,
    "currency": "inr",
    "metadata": {"user_id": "666", "content_ids": "whshct4mwc"}
  }}
}"#;
