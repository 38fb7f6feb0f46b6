//! Linkrunner's server API: capture, remove, signup.
//!
//! Each handler turns its route's words into the envelope and nothing else.
//!
//! Source: Linkrunner, "Revenue Tracking API"; rows LR-1 to LR-41 of the requirements.

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::response::Response;

use super::{Api, BODY_BYTES_MAX, answer};
use crate::http::auth::Caller;
use crate::intake::Project;

type Body = Result<Bytes, BytesRejection>;

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
    match api.shared.intake.capture(project, &body).await {
        Ok(captured) => {
            let msg = match (captured.recorded, captured.duplicate) {
                (true, false) => "Payment captured",
                (true, true) => "Payment captured before; this repetition was ignored",
                (false, _) => "Payment held: its user is not known yet",
            };
            answer::enveloped(StatusCode::CREATED, msg, Some(captured))
        }
        Err(refused) => answer::refused(&project.name, &refused),
    }
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
        Err(_) => answer::unavailable("The signup was not finished; please try again."),
    }
}

fn ready(api: &Api, caller: Caller, body: Body) -> Result<(&Project, Bytes), Box<Response>> {
    let body = body.map_err(|rejection| Box::new(answer::unread(&rejection, BODY_BYTES_MAX)))?;
    Ok((&api.shared.projects[caller.project], body))
}
