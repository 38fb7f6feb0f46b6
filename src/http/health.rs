//! Whether the service lives, and whether it can take payments.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use super::{Api, answer};

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

/// `GET /health/live`: the process answers.
pub(super) async fn live() -> Response {
    answer::json(StatusCode::OK, &Health { status: "live" })
}

/// `GET /health/ready`: the writer answers, so a payment would be taken.
pub(super) async fn ready(State(api): State<Api>) -> Response {
    match api.shared.store.ping().await {
        Ok(()) => answer::json(StatusCode::OK, &Health { status: "ready" }),
        Err(_) => answer::unavailable("The store does not answer; payments are not taken."),
    }
}
