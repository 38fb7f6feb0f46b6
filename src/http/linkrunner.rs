//! Linkrunner's server API: capture, remove, signup; and captures in batches, which are ours.
//!
//! Each handler turns its route's words into the envelope and nothing else.
//!
//! Source: Linkrunner, "Revenue Tracking API"; rows LR-1 to LR-41 of the requirements.

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::response::Response;

use serde::Serialize;
use serde_json::value::RawValue;

use super::{Api, BATCH_BYTES_MAX, BODY_BYTES_MAX, answer};
use crate::core::finding::Findings;
use crate::core::payment::CaptureKind;
use crate::http::auth::Caller;
use crate::intake::{Captured, Project, import};

pub(super) type Body = Result<Bytes, BytesRejection>;

/// Most payments of one batch.
pub(super) const BATCH_MAX: usize = 1_000;

/// `POST /api/v1/capture-payment`
pub(super) async fn capture_payment(
    State(api): State<Api>,
    caller: Caller,
    body: Body,
) -> Response {
    let (project, body) = match ready(&api, caller, body) {
        Ok(ready) => ready,
        Err(response) => return *response,
    };
    match api.shared.intake.capture(project, CaptureKind::Payment, &body).await {
        Ok(captured) => payment_captured(captured),
        Err(refused) => answer::refused(&project.name, &refused),
    }
}

/// What a captured payment is answered.
pub(super) fn payment_captured(captured: Captured) -> Response {
    answer::enveloped(StatusCode::CREATED, message(&captured), Some(captured))
}

fn message(captured: &Captured) -> &'static str {
    match (captured.recorded, captured.duplicate) {
        (true, false) => "Payment captured",
        (true, true) => "Payment captured before; this repetition was ignored",
        (false, _) => "Payment held: its user is not known yet",
    }
}

#[derive(Serialize)]
struct Batch {
    results: Vec<OneOfBatch>,
}

/// One payment of a batch, answered as if it had come alone.
#[derive(Serialize)]
#[serde(untagged)]
enum OneOfBatch {
    Captured { status: u16, msg: &'static str, data: Captured },
    Refused { status: u16, msg: String, data: Errors },
}

#[derive(Serialize)]
struct Errors {
    errors: Findings,
}

/// `POST /api/v1/capture-payments`: an array, or one object a line. One bad payment spoils no other.
pub(super) async fn capture_payments(
    State(api): State<Api>,
    caller: Caller,
    body: Body,
) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return answer::unread(&rejection, BATCH_BYTES_MAX),
    };
    let project = &api.shared.projects[caller.project];
    let bodies = match batch(&body) {
        Ok(bodies) => bodies,
        Err(says) => return answer::plain(StatusCode::BAD_REQUEST, says),
    };
    if bodies.len() > BATCH_MAX {
        let msg = format!("A batch has at most {BATCH_MAX} payments, not {}.", bodies.len());
        return answer::plain(StatusCode::PAYLOAD_TOO_LARGE, &msg);
    }
    let captured = api.shared.intake.capture_all(project, CaptureKind::Payment, &bodies).await;
    let captured = match captured {
        Ok(captured) => captured,
        Err(error) => return answer::refused(&project.name, &error.into()),
    };
    let results = captured.into_iter().map(|result| match result {
        Ok(data) => OneOfBatch::Captured { status: 201, msg: message(&data), data },
        Err(refused) => {
            let (status, msg, errors) = answer::refused_in_batch(refused);
            OneOfBatch::Refused { status, msg, data: Errors { errors } }
        }
    });
    let results: Vec<OneOfBatch> = results.collect();
    let is_refused = |one: &&OneOfBatch| matches!(one, OneOfBatch::Refused { .. });
    let refused = results.iter().filter(is_refused).count();
    let msg = format!("{} taken, {refused} refused", results.len() - refused);
    answer::enveloped(StatusCode::OK, &msg, Some(Batch { results }))
}

/// The bodies of a batch.
fn batch(body: &[u8]) -> Result<Vec<&[u8]>, &'static str> {
    let text = body.trim_ascii();
    if text.starts_with(b"[") {
        let items: Vec<&RawValue> = serde_json::from_slice(text)
            .map_err(|_| "The batch is not a JSON array; nothing of it was recorded.")?;
        return Ok(items.into_iter().map(|item| item.get().as_bytes()).collect());
    }
    let lines: Vec<&[u8]> = import::lines(body).collect();
    if lines.is_empty() { Err("The batch is empty.") } else { Ok(lines) }
}

/// `POST /api/v1/capture-event`: the body says 200 where the status is 201, as the original does.
/// Where there is anything to say of the event, `data` says it: no 201 is silent.
pub(super) async fn capture_event(State(api): State<Api>, caller: Caller, body: Body) -> Response {
    let (project, body) = match ready(&api, caller, body) {
        Ok(ready) => ready,
        Err(response) => return *response,
    };
    match api.shared.intake.capture(project, CaptureKind::Event, &body).await {
        Ok(captured) => event_captured(captured),
        Err(refused) => answer::refused(&project.name, &refused),
    }
}

/// What a captured event is answered.
pub(super) fn event_captured(captured: Captured) -> Response {
    #[derive(Serialize)]
    struct Received {
        msg: &'static str,
        status: u16,
        data: Option<Captured>,
    }
    let data = (!captured.is_plain()).then_some(captured);
    let received = Received { msg: "Event capture request received!", status: 200, data };
    answer::json(StatusCode::CREATED, &received)
}

/// `POST /api/v1/remove-payment`
pub(super) async fn remove_payment(State(api): State<Api>, caller: Caller, body: Body) -> Response {
    let (project, body) = match ready(&api, caller, body) {
        Ok(ready) => ready,
        Err(response) => return *response,
    };
    match api.shared.intake.remove(project, &body).await {
        Ok(removed) => {
            answer::enveloped(StatusCode::OK, "Payment entry/entries deleted", Some(removed))
        }
        Err(refused) => answer::refused(&project.name, &refused),
    }
}

/// `POST /api/v1/signup`
pub(super) async fn signup(State(api): State<Api>, caller: Caller, body: Body) -> Response {
    let (project, body) = match ready(&api, caller, body) {
        Ok(ready) => ready,
        Err(response) => return *response,
    };
    // In a task of its own: a client that hangs up must not leave payments waiting.
    let (doors, project) = (api.clone(), project.clone());
    let work = async move { (doors.shared.intake.sign_up(&project, &body).await, project.name) };
    match tokio::spawn(work).await {
        Ok((Ok(signed_up), _)) => {
            answer::enveloped(StatusCode::OK, "User signed up", Some(signed_up))
        }
        Ok((Err(refused), name)) => answer::refused(&name, &refused),
        Err(_) => answer::failed(),
    }
}

fn ready(api: &Api, caller: Caller, body: Body) -> Result<(&Project, Bytes), Box<Response>> {
    let body = body.map_err(|rejection| Box::new(answer::unread(&rejection, BODY_BYTES_MAX)))?;
    Ok((&api.shared.projects[caller.project], body))
}
