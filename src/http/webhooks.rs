//! The webhooks of payment providers: `POST /webhooks/{stripe,lemonsqueezy,polar}/{project}`.
//!
//! The path says whose it is before the body is read; the signature over its raw bytes says whether
//! it is believed. What is believed is answered 200 also where it can never be recorded: a provider
//! would only send it again, for days. Only the store's failing is 503. Each is counted by what
//! became of it, because most of it leaves nothing in the books.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use secrecy::ExposeSecret;
use serde::Serialize;

use super::{Api, BODY_BYTES_MAX, answer};
use crate::core::finding::Findings;
use crate::core::webhook::signature::{Unsigned, verify};
use crate::core::webhook::{self, Provider};
use crate::intake::webhook::Heard;
use crate::intake::{Captured, Project, Refused};
use crate::telemetry;

/// An endpoint that exists: a project that has a secret of this provider.
#[derive(Debug, Clone, Copy)]
pub(super) struct Endpoint {
    provider: Provider,
    /// Index of the project.
    project: usize,
}

impl FromRequestParts<Api> for Endpoint {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Response> {
        let path = Path::<(String, String)>::from_request_parts(parts, api).await.ok();
        let found = path.and_then(|Path((provider, name))| {
            let provider = Provider::read(&provider)?;
            let is_meant = |project: &Project| {
                project.name == name && project.webhooks.contains_key(&provider)
            };
            let project = api.shared.projects.iter().position(is_meant)?;
            Some(Self { provider, project })
        });
        let msg = "No such webhook: no project of this name has a secret for this provider.";
        found.ok_or_else(|| answer::plain(StatusCode::NOT_FOUND, msg))
    }
}

/// `POST /webhooks/{provider}/{project}`
pub(super) async fn receive(
    State(api): State<Api>,
    endpoint: Endpoint,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return answer::unread(&rejection, BODY_BYTES_MAX),
    };
    let Endpoint { provider, project } = endpoint;
    let project = &api.shared.projects[project];
    if let Err(unsigned) = believed(&api, endpoint, &headers, &body) {
        telemetry::webhook_unsigned(&project.name, provider, &unsigned);
        api.shared.webhooks.count(project, provider, "unsigned");
        return answer::plain(StatusCode::BAD_REQUEST, &format!("Not believed: {unsigned}."));
    }
    // In a task of its own: a provider that hangs up must not leave a refund half done.
    let (doors, owner) = (api.clone(), project.clone());
    let work =
        async move { doors.shared.intake.hear(&owner, webhook::read(provider, &body)).await };
    match tokio::spawn(work).await {
        Ok(Ok(heard)) => {
            let (result, response) = drawn(&project.name, provider, heard);
            api.shared.webhooks.count(project, provider, result);
            response
        }
        Ok(Err(error)) => answer::refused(&project.name, &Refused::Store(error)),
        Err(_) => answer::failed(),
    }
}

fn believed(
    api: &Api,
    endpoint: Endpoint,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(), Unsigned> {
    let project = &api.shared.projects[endpoint.project];
    let secrets = project.webhooks.get(&endpoint.provider).map(Vec::as_slice).unwrap_or_default();
    let secrets: Vec<&str> = secrets.iter().map(ExposeSecret::expose_secret).collect();
    let header = |name: &str| headers.get(name)?.to_str().ok();
    verify(endpoint.provider, &secrets, &header, (body, api.shared.clock.now()))
}

/// Nothing but what became of it.
#[derive(Serialize)]
struct Errors {
    errors: Findings,
}

/// What became of a webhook, as a word for the count and as an answer.
fn drawn(project: &str, provider: Provider, heard: Heard) -> (&'static str, Response) {
    let ok = |msg: &str| answer::plain(StatusCode::OK, msg);
    match heard {
        Heard::Captured(captured) => captured_as(*captured),
        Heard::TakenBackBefore => {
            ("taken_back_before", ok("This payment was taken back before; it stays so"))
        }
        Heard::TakenBack(removed) => {
            let msg = "Payment taken back";
            ("taken_back", answer::enveloped(StatusCode::OK, msg, Some(removed)))
        }
        Heard::NothingToTakeBack => ("refund_unknown", ok("No payment is known for this refund")),
        Heard::Noted => ("noted", ok("Noted; a refund of this payment is known by it")),
        Heard::PartialRefund => {
            ("partial_refund", ok("Part of the money went back; the payment stays as it is"))
        }
        Heard::Ignored(because) => ("ignored", ok(&format!("Ignored: {because}"))),
        Heard::Unknown => ("unknown", ok("Events of this type are not read")),
        Heard::Fault(says) => {
            telemetry::webhook_lost(project, provider, says);
            ("fault", ok(&format!("Not recorded: {says}")))
        }
        Heard::Refused(errors) => {
            let says = errors.iter().next().map_or("its body", |finding| finding.says.as_str());
            telemetry::webhook_lost(project, provider, says);
            let msg = format!("Not recorded: {says}");
            ("refused", answer::enveloped(StatusCode::OK, &msg, Some(Errors { errors })))
        }
    }
}

fn captured_as(captured: Captured) -> (&'static str, Response) {
    let (result, msg) = match (captured.recorded, captured.duplicate) {
        (true, false) => ("recorded", "Payment recorded"),
        (true, true) => ("duplicate", "Payment recorded before"),
        (false, _) => ("held", "Payment held: its user is not known yet"),
    };
    (result, answer::enveloped(StatusCode::OK, msg, Some(captured)))
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    project: String,
    provider: &'static str,
    result: &'static str,
}

/// How many webhooks came to what, since the start.
#[derive(Debug, Default)]
pub(super) struct Tally(Family<Labels, Counter>);

impl Tally {
    fn count(&self, project: &Project, provider: Provider, result: &'static str) {
        let labels = Labels { project: project.name.clone(), provider: provider.as_str(), result };
        self.0.get_or_create(&labels).inc();
    }

    /// Shows the counts on a page of metrics.
    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Webhooks of payment providers since the start, by what became of them";
        registry.register("webhooks", help, self.0.clone());
    }
}
