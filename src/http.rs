//! The doors for backend services: every route on one screen.
//!
//! In: HTTP requests. Out: HTTP answers, each a JSON object in the shape of its route's family.
//! A handler checks the key, hands the body to `intake`, and draws what comes back; it decides
//! nothing. Deliberately absent: SQL, mapping, checks.

mod admin;
mod admission;
mod answer;
mod auth;
mod client;
mod datasets;
mod dead;
mod express;
mod faurya;
mod health;
mod linkrunner;
mod listener;
mod mapping;
mod metrics;
pub mod openapi;
mod parameters;
mod payments;
mod taker;
mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn;
use axum::routing::{MethodRouter, delete, get, post};
use secrecy::SecretString;

pub use admission::CAPTURES_MAX;
pub use express::Doors;
pub use listener::{Patience, files_max, serve};
pub use metrics::UpkeepRounds;

use crate::clock::Clock;
use crate::intake::{Intake, Project};
use crate::store::Store;
use admission::{Admission, Gate, Shape};
use auth::Keyring;

/// Largest body of the public API, in bytes (row LR-30).
pub const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Largest body of a batch of captures, in bytes. Ours: a thousand payments of usual size, and room.
pub const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Largest body of an import, in bytes: a thousand payments of usual size, and room.
pub const IMPORT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What the handlers share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Api {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    intake: Intake,
    store: Store,
    clock: Clock,
    projects: Vec<Project>,
    keyring: Keyring,
    admin_token: Option<SecretString>,
    webhooks: webhooks::Tally,
    admission: Admission,
    upkeep: UpkeepRounds,
}

impl Api {
    /// The API of these projects. `admin_token` is demanded on the admin listener if there is one.
    #[must_use]
    pub fn new(
        (intake, store): (Intake, Store),
        clock: Clock,
        projects: Vec<Project>,
        admin_token: Option<SecretString>,
    ) -> Self {
        let keyring = Keyring::of(&projects, &clock);
        let webhooks = webhooks::Tally::default();
        let admission = Admission::default();
        let upkeep = UpkeepRounds::default();
        let shared = Shared {
            intake,
            store,
            clock,
            projects,
            keyring,
            admin_token,
            webhooks,
            admission,
            upkeep,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Where the rounds of upkeep are counted, for the page of metrics.
    #[must_use]
    pub fn upkeep_rounds(&self) -> &UpkeepRounds {
        &self.shared.upkeep
    }
}

/// The routes of the public listener. What takes something new passes a gate; what takes something
/// back passes one that only counts the memory of bodies.
pub fn public(api: Api) -> Doors {
    let gate = Gate { api: api.clone(), shape: Shape::Envelope, bytes_max: BODY_BYTES_MAX };
    let batches = Gate { bytes_max: BATCH_BYTES_MAX, ..gate.clone() };
    let sites = Gate { shape: Shape::Site, ..gate.clone() };
    let takes = |handlers| gate.captures(handlers);
    let removal = |handlers| gate.bodies(handlers);
    let router = Router::new()
        .route("/api/v1/capture-payment", takes(post(linkrunner::capture_payment)))
        .route("/api/v1/capture-event", takes(post(linkrunner::capture_event)))
        .route(
            "/api/v1/capture-payments",
            batches
                .captures(post(linkrunner::capture_payments))
                .layer(DefaultBodyLimit::max(BATCH_BYTES_MAX)),
        )
        .route("/api/v1/remove-payment", removal(post(linkrunner::remove_payment)))
        .route("/api/v1/signup", takes(post(linkrunner::signup)))
        .route("/api/client/init", takes(post(client::init)))
        .route("/api/client/trigger", takes(post(client::sign_up)))
        .route("/api/client/set-user-data", takes(post(client::sign_up)))
        .route("/api/client/capture-payment", takes(post(client::capture_payment)))
        .route("/api/client/remove-captured-payment", removal(post(client::remove_payment)))
        .route("/api/client/capture-event", takes(post(client::capture_event)))
        .route(
            "/api/v1/payments",
            site(sites.captures(post(faurya::record)).merge(sites.bodies(delete(faurya::delete)))),
        )
        .route("/api/v1/visitors", site(sites.captures(post(faurya::make_visitor))))
        .route("/api/v1/visitors/{id}", site(get(faurya::visitor)))
        .route("/api/v1/goals", site(post(faurya::not_here).delete(faurya::not_here)))
        .route("/api/v1/analytics/{*dimension}", site(get(faurya::not_here)))
        .route("/webhooks/{provider}/{project}", takes(post(webhooks::receive)))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/openapi.json", get(openapi::described))
        .route("/docs", get(openapi::docs))
        .fallback(answer::no_such_route)
        .method_not_allowed_fallback(answer::wrong_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(api);
    Doors::with_captures(router, gate)
}

/// A route of Faurya's, which refuses other methods, and fails, in Faurya's shape.
fn site(routes: MethodRouter<Api>) -> MethodRouter<Api> {
    routes.fallback(faurya::wrong_method).layer(from_fn(faurya::caught))
}

/// The routes of the admin listener.
pub fn admin(api: Api) -> Router {
    Router::new()
        .route("/admin/v1/payments", get(payments::payments))
        .route("/admin/v1/payments/{payment_id}", get(admin::payment))
        .route("/admin/v1/dead-letters", get(dead::list))
        .route("/admin/v1/dead-letters/{id}", get(dead::show))
        .route("/admin/v1/dead-letters/retry", post(dead::retry))
        .route("/admin/v1/dead-letters/drop", post(dead::discard))
        .route("/admin/v1/books", get(admin::books))
        .route("/admin/v1/datasets", get(datasets::datasets))
        .route("/admin/v1/mapping", get(mapping::mapping))
        .route("/metrics", get(metrics::metrics))
        .route("/admin/v1/catalog", get(admin::catalog))
        .route("/admin/v1/import", post(admin::import))
        .route("/admin/v1/decide", post(admin::decide))
        .route("/admin/v1/replay", post(admin::replay))
        .route_layer(axum::middleware::from_fn_with_state(api.clone(), admin::guard))
        .fallback(answer::no_such_route)
        .method_not_allowed_fallback(answer::wrong_method)
        .layer(DefaultBodyLimit::max(IMPORT_BYTES_MAX))
        .with_state(api)
}
