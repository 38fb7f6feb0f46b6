//! What the mobile SDKs call: the project's token stands in the body, the rest is the server API.
//!
//! Each handler finds the project by the token, turns the body into the server API's words, and
//! hands it to the same `intake`. Every answer has `msg`, `status` and `data`: an SDK takes an
//! answer without a JSON object for a failure and sends again.
//!
//! Source: reference/payment-apis.md 2.1 to 2.4; rows SDK-1 to SDK-8.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::linkrunner::{Body, event_captured, payment_captured};
use super::{Api, BODY_BYTES_MAX, answer};
use crate::core::client::{ClientBody, signature};
use crate::core::json;
use crate::core::payment::CaptureKind;
use crate::core::time::Timestamp;
use crate::intake::Project;

/// What a refusal before `intake` is answered.
type Early = Box<Response>;

/// `POST /api/client/init`: an app was opened. There is no campaign to tell of.
pub(super) async fn init(State(api): State<Api>, headers: HeaderMap, body: Body) -> Response {
    let bytes = match bytes(body) {
        Ok(bytes) => bytes,
        Err(early) => return *early,
    };
    let (project, body) = match caller(&api, &headers, &bytes) {
        Ok(caller) => caller,
        Err(early) => return *early,
    };
    match api.shared.intake.opened(project, &body).await {
        Ok(()) => {
            let data = json!({
                "deeplink": null,
                "root_domain": false,
                "ip_location_data": null,
                "campaign_data": { "id": "", "name": "", "type": "ORGANIC", "ad_network": null },
            });
            answer::enveloped(StatusCode::OK, "Initialised", Some(data))
        }
        Err(refused) => answer::refused(&project.name, &refused),
    }
}

/// `POST /api/client/trigger` and `/set-user-data`: a signup, or what it did not know yet.
pub(super) async fn sign_up(State(api): State<Api>, headers: HeaderMap, body: Body) -> Response {
    let bytes = match bytes(body) {
        Ok(bytes) => bytes,
        Err(early) => return *early,
    };
    let (project, body, doubts) = match caller(&api, &headers, &bytes) {
        Ok((project, body)) => (project.clone(), body.for_server(None), body.doubts()),
        Err(early) => return *early,
    };
    // In a task of its own: a client that hangs up must not leave payments waiting.
    let doors = api.clone();
    let work =
        async move { (doors.shared.intake.sign_up(&project, body.as_bytes()).await, project.name) };
    match tokio::spawn(work).await {
        Ok((Ok(mut signed_up), _)) => {
            signed_up.findings.extend(doubts);
            answer::enveloped(StatusCode::OK, "User signed up", Some(signed_up))
        }
        Ok((Err(refused), name)) => answer::refused(&name, &refused),
        Err(_) => answer::unavailable("The signup was not finished; please try again."),
    }
}

/// `POST /api/client/capture-payment`
pub(super) async fn capture_payment(
    State(api): State<Api>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    capture(&api, &headers, (body, CaptureKind::Payment)).await
}

/// `POST /api/client/capture-event`
pub(super) async fn capture_event(
    State(api): State<Api>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    capture(&api, &headers, (body, CaptureKind::Event)).await
}

async fn capture(api: &Api, headers: &HeaderMap, (body, kind): (Body, CaptureKind)) -> Response {
    let bytes = match bytes(body) {
        Ok(bytes) => bytes,
        Err(early) => return *early,
    };
    let (project, body) = match caller(api, headers, &bytes) {
        Ok(caller) => caller,
        Err(early) => return *early,
    };
    match api.shared.intake.client_capture(project, kind, &body).await {
        Ok(captured) if kind == CaptureKind::Event => event_captured(captured),
        Ok(captured) => payment_captured(captured),
        Err(refused) => answer::refused(&project.name, &refused),
    }
}

/// `POST /api/client/remove-captured-payment`: SDKs send both keys, the one they do not mean blank.
pub(super) async fn remove_payment(
    State(api): State<Api>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let bytes = match bytes(body) {
        Ok(bytes) => bytes,
        Err(early) => return *early,
    };
    let (project, body) = match caller(&api, &headers, &bytes) {
        Ok((project, body)) => (project, body.for_server(None)),
        Err(early) => return *early,
    };
    match api.shared.intake.remove(project, body.as_bytes()).await {
        Ok(removed) => {
            answer::enveloped(StatusCode::OK, "Payment entry/entries deleted", Some(removed))
        }
        Err(refused) => answer::refused(&project.name, &refused),
    }
}

fn bytes(body: Body) -> Result<Bytes, Early> {
    body.map_err(|rejection| Box::new(answer::unread(&rejection, BODY_BYTES_MAX)))
}

/// Whose app this is, and what it says.
fn caller<'c>(
    api: &'c Api,
    headers: &HeaderMap,
    bytes: &'c [u8],
) -> Result<(&'c Project, ClientBody<'c>), Early> {
    let refused = |says: String| Box::new(answer::plain(StatusCode::BAD_REQUEST, &says));
    let body = json::read(bytes).map_err(|fault| refused(format!("the body is not JSON: {fault}")));
    let body = ClientBody::read(body?);
    let body = body.ok_or_else(|| refused("the body must be a JSON object".to_owned()))?;
    let caller = api.shared.keyring.app(body.token())?;
    let project = &api.shared.projects[caller.project];
    signed(project, headers, (bytes, api.shared.clock.now()))?;
    Ok((project, body))
}

/// Whether the request is signed, where the project's apps must sign (row SDK-7).
fn signed(
    project: &Project,
    headers: &HeaderMap,
    (bytes, now): (&[u8], Timestamp),
) -> Result<(), Early> {
    if project.client_signing.is_empty() {
        return Ok(());
    }
    let keys = project.client_signing.iter();
    let keys: Vec<_> = keys.map(|key| (key.id.as_str(), key.secret.expose_secret())).collect();
    let header = |name: &str| headers.get(name)?.to_str().ok();
    signature::verify(&keys, &header, (bytes, now)).map_err(|not_signed| {
        Box::new(answer::plain(StatusCode::UNAUTHORIZED, &not_signed.to_string()))
    })
}
