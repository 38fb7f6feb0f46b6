//! Tells somebody outside that a dataset is paused, and that it flows again: once each.
//!
//! In: the configured address. Out: a small JSON object by POST, whose `text` chat services show as
//! it is. An alarm that cannot be delivered is a line in the log and holds nothing up.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use super::ClientError;
use crate::clock::Clock;
use crate::core::delivery::Circuit;
use crate::core::mapping::DatasetName;
use crate::core::time::Timestamp;
use crate::telemetry;

/// How often an alarm is sent until somebody takes it.
const TRIES_MAX: u32 = 5;

/// How long one try may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long to wait after the first try, in milliseconds; it doubles.
const WAIT_MILLIS: i64 = 2_000;

/// Whom to tell. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Alarm(Option<Arc<Bell>>);

#[derive(Debug)]
struct Bell {
    http: reqwest::Client,
    /// An address that whoever knows it can write to: a secret.
    address: SecretString,
    clock: Clock,
}

#[derive(Debug, Serialize)]
struct Notice {
    event: &'static str,
    dataset: String,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subcode: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'static str>,
    text: String,
}

impl Alarm {
    /// An alarm that posts to this address, or is only written into the log.
    ///
    /// # Errors
    /// [`ClientError`] if the machine's TLS set-up does not work.
    pub fn new(address: Option<SecretString>, clock: &Clock) -> Result<Self, ClientError> {
        let Some(address) = address else { return Ok(Self(None)) };
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .build()
            .map_err(ClientError::Build)?;
        Ok(Self(Some(Arc::new(Bell { http, address, clock: clock.clone() }))))
    }

    /// Nothing goes to this dataset until a person acts.
    pub(super) fn paused(&self, dataset: &DatasetName, circuit: &Circuit) {
        self.ring(Notice {
            event: "dataset_paused",
            dataset: dataset.to_string(),
            at: circuit.since.to_string(),
            code: circuit.code,
            subcode: circuit.subcode,
            help: Some(circuit.help()),
            text: format!(
                "Tillpost: `{dataset}` is paused: {}. Nothing is lost. To do: {}.",
                circuit.what(),
                circuit.help()
            ),
        });
    }

    /// Events go to this dataset again.
    pub(super) fn resumed(&self, dataset: &DatasetName, now: Timestamp) {
        self.ring(Notice {
            event: "dataset_resumed",
            dataset: dataset.to_string(),
            at: now.to_string(),
            code: None,
            subcode: None,
            help: None,
            text: format!("Tillpost: events flow to `{dataset}` again."),
        });
    }

    fn ring(&self, notice: Notice) {
        let Some(bell) = &self.0 else { return };
        let bell = Arc::clone(bell);
        tokio::spawn(async move {
            for tries in 0..TRIES_MAX {
                if bell.is_heard(&notice).await {
                    return;
                }
                bell.clock.sleep_millis(WAIT_MILLIS << tries).await;
            }
            telemetry::alarm_unheard(notice.event);
        });
    }
}

impl Bell {
    async fn is_heard(&self, notice: &Notice) -> bool {
        let Ok(body) = serde_json::to_string(notice) else { return false };
        let request = self
            .http
            .post(self.address.expose_secret())
            .header(CONTENT_TYPE, "application/json")
            .body(body);
        request.send().await.is_ok_and(|response| response.status().is_success())
    }
}
