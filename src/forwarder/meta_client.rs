//! The only file that knows `reqwest` and the address of Meta.
//!
//! In: the body of a request. Out: an [`Outcome`]; silence is one too, so nothing here fails. The
//! token travels in a header, never in the address, and no error text carries the address.
//!
//! Source: Meta, "Conversions API / Using the API".

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::watch;

use crate::config::Dataset;
use crate::core::meta::answer::{self, Outcome};
use crate::core::meta::usage::{self, Usage};

/// Most bytes of an answer that are read. Meta's have a few hundred.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Sends requests to one dataset.
#[derive(Debug, Clone)]
pub struct MetaClient {
    http: reqwest::Client,
    address: String,
    token: watch::Receiver<SecretString>,
    test_event_code: Option<String>,
}

/// What a look at the dataset met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// Accepted means that the token opens the dataset.
    pub outcome: Outcome,
    /// What time it is there, as the header `Date` says it.
    pub date: Option<String>,
}

/// What is said of a token that cannot travel.
const UNSENDABLE: &str = "was not asked: the token has characters that no header takes";

/// Why a client cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The TLS library or the address does not work.
    #[error("cannot prepare requests to Meta")]
    Build(#[source] reqwest::Error),
}

impl MetaClient {
    /// A client for this dataset, which sends whatever token stands in `token` at the moment.
    ///
    /// # Errors
    /// [`ClientError`] if the machine's TLS set-up does not work.
    pub fn new(
        dataset: &Dataset,
        token: watch::Receiver<SecretString>,
    ) -> Result<Self, ClientError> {
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
        let test_event_code = dataset.test_event_code.clone();
        Ok(Self { http, address, token, test_event_code })
    }

    /// A client for one look: its token does not change.
    ///
    /// # Errors
    /// [`ClientError`] if the machine's TLS set-up does not work.
    pub fn for_a_look(dataset: &Dataset) -> Result<Self, ClientError> {
        Self::new(dataset, watch::channel(dataset.access_token.clone()).1)
    }

    /// The code under which Meta shows the events as tests.
    #[must_use]
    pub fn test_event_code(&self) -> Option<&str> {
        self.test_event_code.as_deref()
    }

    /// The token, and when it changes.
    #[must_use]
    pub fn token(&self) -> watch::Receiver<SecretString> {
        self.token.clone()
    }

    /// Sends one request with so many events and reads the answer, and what its headers say of
    /// Meta's budgets.
    pub async fn send(&self, body: String, events: usize) -> (Outcome, Usage) {
        let outcome = match self.exchange(body, events).await {
            Ok(answered) => return answered,
            Err(error) if error.is_timeout() => silence("timed out"),
            Err(error) if error.is_connect() => silence("cannot be reached"),
            Err(_) => silence("broke off the connection"),
        };
        (outcome, Usage::default())
    }

    /// Looks at the dataset with its token, which sends no event.
    ///
    /// # Source
    /// Meta, "Graph API / Reading objects": any object is read by its id, with `fields`.
    pub async fn look(&self) -> Looked {
        let silent = |says: &str| Looked { outcome: silence(says), date: None };
        let Some(bearer) = self.bearer() else { return silent(UNSENDABLE) };
        let address = self.address.trim_end_matches("/events");
        let url = format!("{address}?fields=id,name");
        let response = match self.http.get(url).header(AUTHORIZATION, bearer).send().await {
            Ok(response) => response,
            Err(error) if error.is_timeout() => return silent("timed out"),
            Err(_) => return silent("cannot be reached"),
        };
        let status = response.status().as_u16();
        let date = response.headers().get(DATE).and_then(|date| date.to_str().ok());
        let date = date.map(str::to_owned);
        match read_bounded(response).await {
            Ok(Some(body)) => Looked { outcome: answer::read_look(status, &body), date },
            Ok(None) => Looked { outcome: silence("sent an endless answer"), date },
            Err(_) => Looked { outcome: silence("broke off the connection"), date },
        }
    }

    fn bearer(&self) -> Option<HeaderValue> {
        let bearer = format!("Bearer {}", self.token.borrow().expose_secret());
        let mut bearer = HeaderValue::from_str(&bearer).ok()?;
        bearer.set_sensitive(true);
        Some(bearer)
    }

    async fn exchange(
        &self,
        body: String,
        events: usize,
    ) -> Result<(Outcome, Usage), reqwest::Error> {
        let Some(bearer) = self.bearer() else {
            return Ok((silence(UNSENDABLE), Usage::default()));
        };
        let request = self
            .http
            .post(&self.address)
            .header(AUTHORIZATION, bearer)
            .header(CONTENT_TYPE, "application/json")
            .body(body);
        let response = request.send().await?;
        let status = response.status().as_u16();
        let usage = usage_of(response.headers());
        let Some(answer) = read_bounded(response).await? else {
            return Ok((silence("sent an endless answer"), usage));
        };
        let mut outcome = answer::read(status, &answer, events);
        if let Outcome::Refused(refusal) = &mut outcome {
            refusal.regain_millis = refusal.regain_millis.max(usage.regain_millis);
        }
        Ok((outcome, usage))
    }
}

fn usage_of(headers: &HeaderMap) -> Usage {
    let all =
        usage::HEADERS.iter().flat_map(|name| headers.get_all(*name).iter().map(|v| (*name, v)));
    usage::read(all.filter_map(|(name, value)| Some((name, value.to_str().ok()?))))
}

/// The body of an answer; `None` of one that is too long to be Meta's.
async fn read_bounded(mut response: reqwest::Response) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut answer = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if answer.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Ok(None);
        }
        answer.extend_from_slice(&chunk);
    }
    Ok(Some(answer))
}

fn silence(says: &str) -> Outcome {
    Outcome::Unanswered { says: says.to_owned() }
}
