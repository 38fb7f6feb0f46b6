//! The admin listener: the story of a payment, the sums of the books, imports, replays.
//!
//! It listens on the loopback unless configured otherwise, and then demands a token. Other
//! processes of the same program use it too: `tillpost import` hands its lines to a running
//! service, because a database has one writer.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use secrecy::ExposeSecret as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::{Api, IMPORT_BYTES_MAX, answer};
use crate::core::decide::Verdict;
use crate::core::json::shortened;
use crate::core::names::one_of;
use crate::core::payment::PaymentType;
use crate::core::time::Timestamp;
use crate::intake::import::{self, Imported};
use crate::intake::replay::Replay;
use crate::intake::{CatalogReport, Project};
use crate::store::PaymentStory;

/// Lets nobody in without the token, where one is set, and no page of another site that a browser
/// on this machine has open.
pub(super) async fn guard(State(api): State<Api>, request: Request, next: Next) -> Response {
    if request.headers().contains_key(header::ORIGIN) || !names_an_address(request.headers()) {
        let msg = "The admin API answers programs, by its address, not pages of other sites.";
        return answer::plain(StatusCode::FORBIDDEN, msg);
    }
    if let Some(token) = &api.shared.admin_token {
        let given = bearer(request.headers()).map(Sha256::digest).unwrap_or_default();
        let right = Sha256::digest(token.expose_secret().as_bytes());
        if !bool::from(given.as_slice().ct_eq(right.as_slice())) {
            let msg = "The admin API wants `Authorization: Bearer` with the admin token.";
            return answer::plain(StatusCode::UNAUTHORIZED, msg);
        }
    }
    next.run(request).await
}

/// Whether `Host` is an IP address or localhost: a name that somebody else's DNS points here is not.
fn names_an_address(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else {
        return false;
    };
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name == "localhost"
        || host.parse::<std::net::SocketAddr>().is_ok()
        || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok()
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    Some(value.strip_prefix(b"Bearer ")?.trim_ascii())
}

#[derive(Deserialize)]
pub(super) struct StoryQuery {
    r#type: Option<String>,
}

/// What is said of an address that axum cannot take apart: in our shape, not in its own.
pub(super) const UNREADABLE: &str =
    "The address cannot be read: it is not UTF-8, or names a parameter twice.";

#[derive(Serialize)]
struct Stories {
    payments: Vec<PaymentStory>,
}

/// `GET /admin/v1/payments/{payment_id}?type=`: everything that happened to a payment.
pub(super) async fn payment(
    State(api): State<Api>,
    path: Result<Path<String>, PathRejection>,
    query: Result<Query<StoryQuery>, QueryRejection>,
) -> Response {
    let (Ok(Path(payment_id)), Ok(Query(query))) = (path, query) else {
        return answer::plain(StatusCode::BAD_REQUEST, UNREADABLE);
    };
    let now = api.shared.clock.now();
    match api.shared.store.stories(payment_id, now).await {
        Ok(mut payments) => {
            payments.retain(|story| query.r#type.as_ref().is_none_or(|t| *t == story.payment_type));
            let status = if payments.is_empty() { StatusCode::NOT_FOUND } else { StatusCode::OK };
            answer::json(status, &Stories { payments })
        }
        Err(_) => answer::unavailable("The store does not answer."),
    }
}

/// `GET /admin/v1/books`: the sums that always add up.
pub(super) async fn books(State(api): State<Api>) -> Response {
    match api.shared.store.books().await {
        Ok(books) => answer::json(StatusCode::OK, &books),
        Err(_) => answer::unavailable("The store does not answer."),
    }
}

#[derive(Serialize)]
struct Catalogs {
    datasets: Vec<CatalogReport>,
}

/// `GET /admin/v1/catalog`: how many ids of the events the catalogues have, since the start.
pub(super) async fn catalog(State(api): State<Api>) -> Response {
    let shared = Arc::clone(&api.shared);
    // Looking for what was meant by thousands of ids keeps a thread busy.
    let report = move || shared.intake.match_rates(&shared.projects);
    match tokio::task::spawn_blocking(report).await {
        Ok(datasets) => answer::json(StatusCode::OK, &Catalogs { datasets }),
        Err(_) => answer::unavailable("The report could not be made."),
    }
}

#[derive(Deserialize)]
pub(super) struct ProjectQuery {
    project: Option<String>,
}

type Asked = Result<Query<ProjectQuery>, QueryRejection>;

/// The project that a call is for, and what it carries.
fn for_project(
    api: &Api,
    query: Asked,
    body: Result<Bytes, BytesRejection>,
) -> Result<(&Project, Bytes), Box<Response>> {
    let query = query.map_err(|_| answer::plain(StatusCode::BAD_REQUEST, UNREADABLE))?;
    let body = body.map_err(|rejection| answer::unread(&rejection, IMPORT_BYTES_MAX))?;
    let project = import::project(&api.shared.projects, query.project.as_deref(), "?project=");
    let project = project.map_err(|says| answer::plain(StatusCode::BAD_REQUEST, &says))?;
    Ok((project, body))
}

#[derive(Serialize)]
struct ImportAnswer {
    lines: Vec<Imported>,
}

/// `POST /admin/v1/import?project=NAME`: lines of NDJSON, signups and captures, in order.
pub(super) async fn import(
    State(api): State<Api>,
    query: Asked,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let (project, body) = match for_project(&api, query, body) {
        Ok(found) => found,
        Err(response) => return *response,
    };
    let lines: Vec<&[u8]> = import::lines(&body).collect();
    match import::lines_in(&api.shared.intake, project, &lines).await {
        Ok(lines) => answer::json(StatusCode::OK, &ImportAnswer { lines }),
        Err(_) => answer::unavailable("The store does not answer; some lines may be recorded."),
    }
}

/// `POST /admin/v1/decide?project=NAME`: what would become of a capture at this moment.
pub(super) async fn decide(
    State(api): State<Api>,
    query: Asked,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let (project, body) = match for_project(&api, query, body) {
        Ok(found) => found,
        Err(response) => return *response,
    };
    match api.shared.intake.dry_run(project, &body).await {
        Ok(run) => answer::json(StatusCode::OK, &run),
        Err(_) => answer::unavailable("The store does not answer."),
    }
}

/// Which payments are decided anew. Times are RFC 3339 or Unix seconds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplayBody {
    project: Option<String>,
    verdict: Option<String>,
    r#type: Option<String>,
    since: Option<String>,
    until: Option<String>,
    #[serde(default)]
    dry_run: bool,
    /// Everything is meant: said, so that nobody sends it all by leaving a filter out.
    #[serde(default)]
    all: bool,
    /// Where the page before ended.
    #[serde(default)]
    after: i64,
}

impl ReplayBody {
    /// Whether it says how much it means.
    fn is_bounded(&self) -> bool {
        let words = [&self.project, &self.verdict, &self.r#type, &self.since, &self.until];
        self.all || self.dry_run || words.into_iter().any(Option::is_some)
    }
}

/// `POST /admin/v1/replay`: decides payments anew that went nowhere, a page at a time.
pub(super) async fn replay(
    State(api): State<Api>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return answer::unread(&rejection, IMPORT_BYTES_MAX),
    };
    let refused = |says: &str| answer::plain(StatusCode::BAD_REQUEST, says);
    let body: ReplayBody = match question(&body) {
        Ok(body) => body,
        Err(says) => return refused(&says),
    };
    if !body.is_bounded() {
        return refused("name a filter, or send `all: true` for every payment, or `dry_run: true`");
    }
    let replay = match asked(&api, &body) {
        Ok(replay) => replay,
        Err(says) => return refused(&says),
    };
    match api.shared.intake.replay(&api.shared.projects, replay, body.after).await {
        Ok(page) => answer::json(StatusCode::OK, &page),
        Err(_) => answer::unavailable("The store does not answer; this page changed nothing."),
    }
}

/// What a body asks. It is an object: from a list serde would take the members by their order.
pub(super) fn question<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err("the body cannot be read: it is not a JSON object".to_owned());
    }
    serde_json::from_slice(body).map_err(|error| format!("the body cannot be read: {error}"))
}

fn asked<'p>(api: &'p Api, body: &ReplayBody) -> Result<Replay<'p>, String> {
    let project = body.project.as_deref();
    let project =
        project.map(|name| import::project(&api.shared.projects, Some(name), "`project`"));
    let time = |key: &str, text: &Option<String>| {
        let read = text.as_deref().map(Timestamp::read).transpose();
        read.map_err(|reason| format!("`{key}` {reason}"))
    };
    let verdict = body.verdict.as_deref().map(|word| {
        let read = Verdict::read(word).filter(|v| matches!(v, Verdict::Skip | Verdict::Block));
        read.ok_or_else(|| format!("`verdict` is `skip` or `block`, not `{}`", shortened(word)))
    });
    let payment_type = body.r#type.as_deref().map(|word| {
        let types = one_of(PaymentType::words());
        let says = || format!("`type` is {types}, not `{}`", shortened(word));
        PaymentType::read(word).ok_or_else(says)
    });
    Ok(Replay {
        project: project.transpose()?,
        verdict: verdict.transpose()?,
        payment_type: payment_type.transpose()?,
        since: time("since", &body.since)?,
        until: time("until", &body.until)?,
        dry_run: body.dry_run,
    })
}
