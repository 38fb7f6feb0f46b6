//! Faurya's API: payments of visitors, deletions, visitors.
//!
//! Each handler turns its route's words into Faurya's answers and nothing else. A success is bare
//! or wrapped as Faurya documents it; every refusal is `{"status": "error", "error": {"code": …,
//! "message": …}}`, the shape of its nearest relative, because its own is not documented. Since the
//! body of a recorded payment is fixed, the header `tillpost-verdict` says what becomes of it.
//!
//! Source: Faurya, "POST Payment", "Delete Payments"; rows FA-1 to FA-21 of the requirements.

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::Response;
use serde::Serialize;

use super::{Api, BODY_BYTES_MAX, answer};
use crate::core::finding::{Finding, Findings};
use crate::core::json::shortened;
use crate::core::payment::faurya::Deletion;
use crate::core::time::Timestamp;
use crate::http::auth::SiteCaller;
use crate::intake::faurya::{Deleted, KnownVisitor, NotServed, Recorded, VisitorMade};
use crate::store::StoreError;
use crate::telemetry::{self, Panicked};

type Body = Result<Bytes, BytesRejection>;

/// Says what becomes of a payment: `forward`, `skip` or `block`.
const VERDICT: HeaderName = HeaderName::from_static("tillpost-verdict");

#[derive(Serialize)]
struct Failure<'m> {
    status: &'static str,
    error: Fault<'m>,
    /// A word for programs, where the message is not enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_id: Option<&'m str>,
}

#[derive(Serialize)]
struct Fault<'m> {
    code: u16,
    message: &'m str,
}

/// The only success without a wrapper.
#[derive(Serialize)]
struct PaymentRecorded<'t> {
    message: &'static str,
    transaction_id: &'t str,
}

#[derive(Serialize)]
struct PaymentsDeleted<'t> {
    status: &'static str,
    message: String,
    deleted: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_id: Option<&'t str>,
    #[serde(rename = "timeRange", skip_serializing_if = "Option::is_none")]
    time_range: Option<TimeRange>,
    /// How many of their events Meta has or is being sent.
    already_sent: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TimeRange {
    /// None: since the beginning.
    start_at: Option<Timestamp>,
    end_at: Timestamp,
}

#[derive(Serialize)]
struct Success<D> {
    status: &'static str,
    data: D,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VisitorId<'v> {
    visitor_id: &'v str,
    /// What could not be used of the person's fields; absent if there is nothing to say.
    #[serde(skip_serializing_if = "Findings::is_empty")]
    findings: Findings,
}

#[derive(Serialize)]
struct Visitor {
    #[serde(rename = "visitorId")]
    id: String,
    identity: Identity,
    activity: Activity,
}

/// Meta's names of the fields that are known of the person. No value of them is ever told.
#[derive(Serialize)]
struct Identity {
    fields: Vec<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Activity {
    first_visit_at: Timestamp,
}

/// `POST /api/v1/payments`
pub(super) async fn record(State(api): State<Api>, caller: SiteCaller, body: Body) -> Response {
    let project = &api.shared.projects[caller.project];
    let body = match whole(body) {
        Ok(body) => body,
        Err(response) => return *response,
    };
    match api.shared.intake.record_of_site(project, &body).await {
        Ok(Recorded { transaction_id, captured }) => {
            let message = "Payment recorded successfully";
            let recorded = PaymentRecorded { message, transaction_id: &transaction_id };
            let mut response = answer::json(StatusCode::OK, &recorded);
            if let Ok(verdict) = HeaderValue::from_str(captured.verdict()) {
                response.headers_mut().insert(VERDICT, verdict);
            }
            response
        }
        Err(reason) => not_served(&project.name, &reason),
    }
}

/// `DELETE /api/v1/payments`
pub(super) async fn delete(State(api): State<Api>, caller: SiteCaller, body: Body) -> Response {
    let project = &api.shared.projects[caller.project];
    let body = match whole(body) {
        Ok(body) => body,
        Err(response) => return *response,
    };
    match api.shared.intake.delete_of_site(project, &body).await {
        Ok(deleted) => answer::json(StatusCode::OK, &PaymentsDeleted::of(&deleted)),
        Err(reason) => not_served(&project.name, &reason),
    }
}

/// `POST /api/v1/visitors`
pub(super) async fn make_visitor(
    State(api): State<Api>,
    caller: SiteCaller,
    body: Body,
) -> Response {
    let project = api.shared.projects[caller.project].clone();
    let body = match whole(body) {
        Ok(body) => body,
        Err(response) => return *response,
    };
    let name = project.name.clone();
    // In a task of its own: a client that hangs up must not leave payments waiting.
    let work = async move { api.shared.intake.make_visitor(&project, &body).await };
    match tokio::spawn(work).await {
        Ok(Ok(VisitorMade { id, findings })) => success(&VisitorId { visitor_id: &id, findings }),
        Ok(Err(reason)) => not_served(&name, &reason),
        Err(_) => failed(),
    }
}

/// `GET /api/v1/visitors/{id}`
pub(super) async fn visitor(
    State(api): State<Api>,
    caller: SiteCaller,
    path: Result<Path<String>, PathRejection>,
) -> Response {
    let project = &api.shared.projects[caller.project];
    // What is no text is nobody's id.
    let Ok(Path(id)) = path else { return not_served(&project.name, &NotServed::NoVisitor) };
    match api.shared.intake.look_at_visitor(project, &id).await {
        Ok(KnownVisitor { id, since, fields }) => success(&Visitor {
            id,
            identity: Identity { fields },
            activity: Activity { first_visit_at: since },
        }),
        Err(reason) => not_served(&project.name, &reason),
    }
}

/// What Faurya has and Tillpost has not: goals and analytics.
pub(super) async fn not_here(State(api): State<Api>, caller: SiteCaller) -> Response {
    if api.shared.projects[caller.project].site.closed {
        return error(StatusCode::NOT_FOUND, NO_SITE);
    }
    let message = "Tillpost has no goals and no analytics; it takes payments and visitors";
    error(StatusCode::NOT_IMPLEMENTED, message)
}

/// 405 for a path that exists under another method.
pub(super) async fn wrong_method(method: Method, uri: Uri) -> Response {
    let message = format!("{method} is not allowed on {}", shortened(uri.path()));
    error(StatusCode::METHOD_NOT_ALLOWED, &message)
}

/// A refusal in Faurya's shape.
pub(super) fn error(status: StatusCode, message: &str) -> Response {
    let error = Fault { code: status.as_u16(), message };
    answer::json(status, &Failure { status: "error", error, code: None, transaction_id: None })
}

/// 429 of a key that is used too often.
pub(super) fn too_often(seconds: u64) -> Response {
    let message = "Rate limit exceeded; please try again later";
    answer::with_retry_after(error(StatusCode::TOO_MANY_REQUESTS, message), seconds)
}

/// 413 of a body that is larger than a site may send.
pub(super) fn too_large() -> Response {
    let message = format!("The body is larger than {} MB", BODY_BYTES_MAX / 1024 / 1024);
    error(StatusCode::PAYLOAD_TOO_LARGE, &message)
}

const NO_SITE: &str = "Site not found";

fn not_served(project: &str, reason: &NotServed) -> Response {
    match reason {
        NotServed::Body(findings) => error(StatusCode::BAD_REQUEST, &sentence(findings)),
        NotServed::NoSite => error(StatusCode::NOT_FOUND, NO_SITE),
        NotServed::NoVisitor => {
            let message = "Visitor not found; make the visitor known with POST /api/v1/visitors";
            error(StatusCode::NOT_FOUND, message)
        }
        NotServed::NothingToDelete => {
            error(StatusCode::NOT_FOUND, "No payment matches; nothing was deleted")
        }
        NotServed::Duplicate { transaction_id } => {
            let status = StatusCode::BAD_REQUEST;
            let error = Fault { code: status.as_u16(), message: "duplicate transaction" };
            let code = Some("duplicate_transaction");
            let transaction_id = Some(&**transaction_id);
            answer::json(status, &Failure { status: "error", error, code, transaction_id })
        }
        NotServed::LimitReached { seconds } => {
            let message = "Account event limit reached; nothing was recorded";
            answer::with_retry_after(error(StatusCode::TOO_MANY_REQUESTS, message), *seconds)
        }
        NotServed::Store(StoreError::Full) => unavailable(NO_ROOM),
        NotServed::Store(StoreError::Panicked) => failed(),
        NotServed::Store(fault) => {
            telemetry::intake_failed(project, fault);
            unavailable("The store does not answer; nothing was promised, please try again")
        }
    }
}

/// Everything that is wrong with a body, as one message.
fn sentence(findings: &Findings) -> String {
    let one = |finding: &Finding| match &finding.help {
        Some(help) => format!("{} ({help})", finding.says),
        None => finding.says.clone(),
    };
    let all: Vec<String> = findings.iter().map(one).collect();
    all.join("; ")
}

fn whole(body: Body) -> Result<Bytes, Box<Response>> {
    body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Box::new(too_large()),
        _ => Box::new(error(StatusCode::BAD_REQUEST, "The body did not arrive whole")),
    })
}

fn success(data: &impl Serialize) -> Response {
    answer::json(StatusCode::OK, &Success { status: "success", data })
}

/// Lets no panic of ours through: the caller is answered as Faurya answers.
pub(super) async fn caught(request: Request, next: Next) -> Response {
    telemetry::caught(next.run(request)).await.unwrap_or_else(|Panicked| failed())
}

fn failed() -> Response {
    let message = "A fault of Tillpost's own met this request; nothing of it is promised";
    error(StatusCode::INTERNAL_SERVER_ERROR, message)
}

/// What a site reads while the disk is full.
const NO_ROOM: &str =
    "There is no room to record this; nothing was promised, please try again later";

fn unavailable(message: &str) -> Response {
    answer::with_retry_after(error(StatusCode::SERVICE_UNAVAILABLE, message), 1)
}

impl<'t> PaymentsDeleted<'t> {
    fn of(deleted: &'t Deleted) -> Self {
        let count = deleted.removed.payments + deleted.removed.held;
        let already_sent = deleted.removed.sent;
        let (message, transaction_id, time_range) = match &deleted.deletion {
            Deletion::Transaction(id) => {
                ("Payment event deleted".to_owned(), Some(id.as_str()), None)
            }
            Deletion::Matching { from, to, .. } => {
                let range = TimeRange { start_at: *from, end_at: to.unwrap_or(deleted.now) };
                (format!("{count} payment event(s) deleted"), None, Some(range))
            }
        };
        Self {
            status: "success",
            message,
            deleted: count,
            transaction_id,
            time_range,
            already_sent,
        }
    }
}
