//! What the API is, as a value: every operation with its fields, answers and examples.
//!
//! In: the lists, limits and words that the program itself uses. Out: the operations, the OpenAPI
//! 3.1 document made of them (`/openapi.json`, `tillpost schema openapi`) and the page for people
//! (`/docs`). `tests/it/openapi.rs` holds it to the program: a route without a description fails,
//! every example is sent, and every answer of every story is compared with its shape.
//!
//! A new route is described in the file of its family: one function, one line in its `operations`.

mod admin;
mod admin_state;
mod admin_work;
mod bodies;
mod client;
mod curl;
mod document;
mod faurya;
mod letters;
mod linkrunner;
pub mod operation;
mod page;
mod service;
mod shapes;
mod webhooks;

use std::sync::LazyLock;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

pub use document::{document, text};
use operation::Operation;

/// Every operation, family by family, in the order in which a person reads them.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let families = [
        linkrunner::operations(),
        client::operations(),
        faurya::operations(),
        webhooks::operations(),
        service::operations(),
        admin::operations(),
    ];
    families.into_iter().flatten().collect()
}

/// What is served, made when somebody asks for the first time.
static DOCUMENT: LazyLock<String> = LazyLock::new(|| document().to_string());
static PAGE: LazyLock<page::Page> = LazyLock::new(page::page);

/// `GET /openapi.json`
pub(super) async fn described() -> Response {
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (StatusCode::OK, kind, DOCUMENT.as_str()).into_response()
}

/// `GET /docs`: nothing in it may be run, and nothing may be fetched by it.
pub(super) async fn docs() -> Response {
    let policy = HeaderValue::from_str(&PAGE.policy);
    let policy = policy.unwrap_or(HeaderValue::from_static("default-src 'none'"));
    let headers: [(HeaderName, HeaderValue); 4] = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (StatusCode::OK, headers, PAGE.html.as_str()).into_response()
}
