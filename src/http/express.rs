//! Captures without the router: nearly every request of a busy service is one.
//!
//! In: requests of a listener. Out: their answers, by the same handler, gate and key as in the
//! table of routes. axum puts each route and each layer into a box, and copies them for every
//! request; past them a payment took some 15 % less processor time (docs/performance.md). Here the one
//! route that is called tens of thousands of times a second is called by its name; everything else
//! goes to the router, which knows this route as well.
//!
//! Deliberately absent: anything that the router's way would answer otherwise.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;

use axum::Router;
use axum::body::Bytes;
use axum::extract::FromRequestParts as _;
use axum::extract::State;
use axum::http::{Method, Request};
use axum::response::Response;
use hyper::body::{Body as _, Incoming};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;

use super::admission::{Gate, Weighed};
use super::auth::Caller;
use super::{answer, linkrunner};

/// The route that is taken here; `http.rs` has it in its table.
pub(super) const CAPTURE_PAYMENT: &str = "/api/v1/capture-payment";

/// What a listener serves. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Doors {
    router: Router,
    capture: Option<Gate>,
}

impl Doors {
    /// These routes, with captures past the router through this gate.
    pub(super) fn with_captures(router: Router, gate: Gate) -> Self {
        Self { router, capture: Some(gate) }
    }

    /// Answers a request.
    pub(super) async fn answer(self, request: Request<Incoming>) -> Response {
        match &self.capture {
            Some(gate)
                if request.uri().path() == CAPTURE_PAYMENT && request.method() == Method::POST =>
            {
                gate.pass(true, request, |request| capture(gate, request)).await
            }
            _ => {
                let answered: Result<Response, Infallible> =
                    TowerToHyperService::new(self.router).call(request).await;
                answered.unwrap_or_else(|never| match never {})
            }
        }
    }
}

/// Routes without a shorter way.
impl From<Router> for Doors {
    fn from(router: Router) -> Self {
        Self { router, capture: None }
    }
}

async fn capture(gate: &Gate, request: Request<Weighed<Incoming>>) -> Response {
    let (mut parts, body) = request.into_parts();
    let caller = match Caller::from_request_parts(&mut parts, &gate.api).await {
        Ok(caller) => caller,
        Err(response) => return response,
    };
    match whole(body).await {
        // In a box: hyper keeps the place of a whole answer for as long as a connection is open.
        Ok(body) => {
            Box::pin(linkrunner::capture_payment(State(gate.api.clone()), caller, Ok(body))).await
        }
        Err(_) => answer::cut_off(),
    }
}

/// The whole of a body. Nearly every one comes in one piece, and is not copied.
async fn whole(mut body: Weighed<Incoming>) -> Result<Bytes, axum::Error> {
    let mut first = Bytes::new();
    let mut more = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let Ok(bytes) = frame?.into_data() else { continue };
        if first.is_empty() {
            first = bytes;
        } else {
            if more.is_empty() {
                more.extend_from_slice(&first);
            }
            more.extend_from_slice(&bytes);
        }
    }
    Ok(if more.is_empty() { first } else { more.into() })
}

#[cfg(test)]
mod tests;
