//! The only file that knows `reqwest` and the address of Meta.
//!
//! In: the body of a request. Out: an [`Outcome`]; silence is one too, so nothing here fails. The
//! token travels in a header, never in the address, and no error text carries the address.
//!
//! Source: Meta, "Conversions API / Using the API".

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};

use crate::config::Dataset;
use crate::core::meta::answer::{self, Outcome};

/// Most bytes of an answer that are read. Meta's have a few hundred.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Sends requests to one dataset.
#[derive(Debug, Clone)]
pub struct MetaClient {
    http: reqwest::Client,
    address: String,
    token: SecretString,
    test_event_code: Option<String>,
}

/// Why a client cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The TLS library or the address does not work.
    #[error("cannot prepare requests to Meta")]
    Build(#[source] reqwest::Error),
}

impl MetaClient {
    /// A client for this dataset.
    ///
    /// # Errors
    /// [`ClientError`] if the machine's TLS set-up does not work.
    pub fn new(dataset: &Dataset) -> Result<Self, ClientError> {
        // A second call in one process finds the provider installed, which is all we want.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .timeout(Duration::from_millis(dataset.sending.timeout_ms))
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .pool_max_idle_per_host(dataset.sending.max_in_flight)
            .build()
            .map_err(ClientError::Build)?;
        let address = format!("{}/{}/{}/events", dataset.endpoint, dataset.version, dataset.id);
        let token = dataset.access_token.clone();
        let test_event_code = dataset.test_event_code.clone();
        Ok(Self { http, address, token, test_event_code })
    }

    /// The code under which Meta shows the events as tests.
    #[must_use]
    pub fn test_event_code(&self) -> Option<&str> {
        self.test_event_code.as_deref()
    }

    /// Sends one request with so many events and reads the answer.
    pub async fn send(&self, body: String, events: usize) -> Outcome {
        match self.exchange(body, events).await {
            Ok(outcome) => outcome,
            Err(error) if error.is_timeout() => silence("timed out"),
            Err(error) if error.is_connect() => silence("cannot be reached"),
            Err(_) => silence("broke off the connection"),
        }
    }

    async fn exchange(&self, body: String, events: usize) -> Result<Outcome, reqwest::Error> {
        let bearer = format!("Bearer {}", self.token.expose_secret());
        let Ok(mut bearer) = HeaderValue::from_str(&bearer) else {
            return Ok(silence("was not asked: the token has characters that no header takes"));
        };
        bearer.set_sensitive(true);
        let request = self
            .http
            .post(&self.address)
            .header(AUTHORIZATION, bearer)
            .header(CONTENT_TYPE, "application/json")
            .body(body);
        let mut response = request.send().await?;
        let status = response.status().as_u16();
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if answer.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Ok(silence("sent an endless answer"));
            }
            answer.extend_from_slice(&chunk);
        }
        Ok(answer::read(status, &answer, events))
    }
}

fn silence(says: &str) -> Outcome {
    Outcome::Unanswered { says: says.to_owned() }
}
