//! Whether the service lives, and whether it can take payments.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use super::{Api, answer};
use crate::store::StoreError;
use crate::telemetry;

#[derive(Serialize)]
struct Health {
    status: &'static str,
    /// What works and should be looked at all the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// `GET /health/live`: the process answers.
pub(super) async fn live() -> Response {
    answer::json(StatusCode::OK, &Health { status: "live", warnings: Vec::new() })
}

/// `GET /health/ready`: the writer answers, so a payment would be taken. A mapping file that is
/// refused does not make the service unready: it goes on with the one before. Nor does a dataset
/// that is paused: payments are taken, and wait.
pub(super) async fn ready(State(api): State<Api>) -> Response {
    let refused = api.shared.projects.iter().filter(|p| p.mapping.look().refused.is_some());
    let mut warnings: Vec<String> = refused
        .map(|project| {
            format!("the mapping file of `{}` is refused; the one before is in force", project.name)
        })
        .collect();
    // Anybody may ask this: it must cost next to nothing, however much waits.
    let stopped = api.shared.store.stopped().await.unwrap_or_default();
    let known = |name: &str| api.shared.intake.datasets().keys().any(|key| key.as_str() == name);
    let paused = stopped.iter().filter(|(name, circuit)| circuit.is_paused() && known(name));
    warnings.extend(paused.map(|(name, circuit)| {
        format!("`{name}` is paused: {}; {}", circuit.what(), circuit.help())
    }));
    match api.shared.store.ping().await {
        Ok(()) => {
            let health = Health { status: "ready", warnings };
            answer::json(StatusCode::OK, &health)
        }
        Err(StoreError::Full) => {
            answer::unavailable("The disk is full; payments are not taken until there is room.")
        }
        Err(error @ (StoreError::Broken(_) | StoreError::Damaged(_))) => {
            let why = telemetry::chain(&error);
            answer::unavailable(&format!("The service stops: {why}. Payments are not taken."))
        }
        Err(_) => answer::unavailable("The store does not answer; payments are not taken."),
    }
}
