//! What Linkrunner-shaped routes answer: `{"msg": …, "status": …, "data": …}`, right and wrong.
//!
//! The one place where a refusal becomes a status. The caller learns the field; the log learns
//! the cause; neither learns the other's part.

use axum::body::Body;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::core::finding::Findings;
use crate::core::json::shortened;
use crate::intake::Refused;
use crate::store::StoreError;
use crate::telemetry;

/// Seconds after which a sender may try again when the store failed. Ours: a stall of the disk
/// passes within one.
pub(super) const RETRY_AFTER_SECS: u64 = 1;

/// What a sender reads while the disk is full; the log says it once, not with every request.
const NO_ROOM: &str =
    "There is no room to record this. Please try again later; repeating a request is safe.";

#[derive(Serialize)]
struct Envelope<'e, D> {
    msg: &'e str,
    status: u16,
    data: Option<D>,
}

/// An answer in the envelope.
pub(super) fn enveloped<D: Serialize>(status: StatusCode, msg: &str, data: Option<D>) -> Response {
    let envelope = Envelope { msg, status: status.as_u16(), data };
    json(status, &envelope)
}

/// An answer in the envelope that carries nothing but its message.
pub(super) fn plain(status: StatusCode, msg: &str) -> Response {
    enveloped::<()>(status, msg, None)
}

/// Any value as JSON.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(bytes) => {
            let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
            (status, kind, Body::from(bytes)).into_response()
        }
        // Our answers have text keys and exact numbers: this does not happen.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// A refusal by `intake`.
pub(super) fn refused(project: &str, refused: &Refused) -> Response {
    match refused {
        Refused::Body(findings) => bad_body(findings),
        Refused::NothingToRemove => {
            plain(StatusCode::BAD_REQUEST, "No payment found with the given payment id or user id")
        }
        Refused::Store(StoreError::Full) => unavailable(NO_ROOM),
        Refused::Store(StoreError::Panicked) => failed(),
        Refused::Store(error) => {
            telemetry::intake_failed(project, error);
            unavailable("The store does not answer. Please try again; repeating a request is safe.")
        }
    }
}

/// 500: our own code failed on this request, and would again.
pub(super) fn failed() -> Response {
    plain(StatusCode::INTERNAL_SERVER_ERROR, FAULT_OF_OURS)
}

/// What a sender reads over whose request our own code panicked; the log has the place.
pub(super) const FAULT_OF_OURS: &str =
    "A fault of Tillpost's own met this request; nothing of it is promised. Please report it.";

/// 503: nothing was promised, and the sender may try again.
pub(super) fn unavailable(msg: &str) -> Response {
    with_retry_after(plain(StatusCode::SERVICE_UNAVAILABLE, msg), RETRY_AFTER_SECS)
}

/// 429 with the seconds to wait.
pub(super) fn too_many(seconds: u64) -> Response {
    let msg = "Rate limit exceeded. Please try again later.";
    with_retry_after(plain(StatusCode::TOO_MANY_REQUESTS, msg), seconds)
}

/// 413 of a body that is larger than its route takes.
pub(super) fn too_large(bytes_max: usize) -> Response {
    let msg = format!("The body is larger than {} MB.", bytes_max / 1024 / 1024);
    plain(StatusCode::PAYLOAD_TOO_LARGE, &msg)
}

/// A body that did not arrive whole; `bytes_max` is what the route takes.
pub(super) fn unread(rejection: &BytesRejection, bytes_max: usize) -> Response {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(bytes_max),
        _ => cut_off(),
    }
}

/// 400 of a body that ends before its end.
pub(super) fn cut_off() -> Response {
    plain(StatusCode::BAD_REQUEST, "The body did not arrive whole.")
}

/// 404 for a path that leads nowhere.
pub(super) async fn no_such_route(uri: Uri) -> Response {
    let msg = format!("No such route: {}", shortened(uri.path()));
    plain(StatusCode::NOT_FOUND, &msg)
}

/// 405 for a path that exists under another method.
pub(super) async fn wrong_method(method: Method, uri: Uri) -> Response {
    let msg = format!("{method} is not allowed on {}", shortened(uri.path()));
    plain(StatusCode::METHOD_NOT_ALLOWED, &msg)
}

#[derive(Serialize)]
struct Errors<'f> {
    errors: &'f Findings,
}

fn bad_body(findings: &Findings) -> Response {
    let errors = Some(Errors { errors: findings });
    enveloped(StatusCode::BAD_REQUEST, &first_sentence(findings), errors)
}

/// What a caller reads who reads one sentence.
pub(super) fn first_sentence(findings: &Findings) -> String {
    let first = findings.iter().next().map(|finding| finding.says.clone());
    first.unwrap_or_else(|| "The body cannot be read".to_owned())
}

/// A refusal among the answers of a batch: status, one sentence, and what is wrong.
pub(super) fn refused_in_batch(refused: Refused) -> (u16, String, Findings) {
    match refused {
        Refused::Store(_) => (500, FAULT_OF_OURS.to_owned(), Findings::default()),
        Refused::Body(findings) => (400, first_sentence(&findings), findings),
        Refused::NothingToRemove => {
            (400, first_sentence(&Findings::default()), Findings::default())
        }
    }
}

/// The same answer with the seconds to wait.
pub(super) fn with_retry_after(mut response: Response, seconds: u64) -> Response {
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    response
}
