//! `GET /admin/v1/datasets`: whether events flow to each dataset, and if not, why and what to do.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use super::{Api, answer};
use crate::core::delivery::{Circuit, Why};
use crate::core::time::Timestamp;
use crate::store::DatasetState;

#[derive(Serialize)]
struct Datasets {
    datasets: Vec<Dataset>,
}

#[derive(Serialize)]
struct Dataset {
    name: String,
    /// `flowing`, or why nothing is sent.
    state: &'static str,
    pending: i64,
    retrying: i64,
    dead: i64,
    /// When the payment of the oldest unfinished delivery arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_pending: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<Stopped>,
}

#[derive(Serialize)]
struct Stopped {
    since: String,
    /// When the next request goes.
    next_request: String,
    failures: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subcode: Option<i64>,
    says: String,
    what: &'static str,
    help: String,
}

/// Lists the datasets.
pub(super) async fn datasets(State(api): State<Api>) -> Response {
    match states(&api).await {
        Ok(states) => {
            let datasets = states.into_iter().map(Dataset::of).collect();
            answer::json(StatusCode::OK, &Datasets { datasets })
        }
        Err(()) => answer::unavailable("The store does not answer."),
    }
}

/// The datasets that events can go to; the books may know more from former configurations.
pub(super) async fn states(api: &Api) -> Result<Vec<DatasetState>, ()> {
    let keys = api.shared.intake.datasets().values().copied().collect();
    api.shared.store.datasets(keys).await.map_err(|_| ())
}

/// The word for the state of a dataset.
pub(super) fn state(dataset: &DatasetState) -> &'static str {
    match dataset.circuit.as_ref().map(|circuit| circuit.why) {
        None => "flowing",
        Some(Why::Trouble) => "waiting",
        Some(Why::Budget) => "slowed",
        Some(Why::Throttled) => "throttled",
        Some(Why::Setup) => "paused",
    }
}

/// The words for all states.
pub(super) const STATES: [&str; 5] = ["flowing", "waiting", "slowed", "throttled", "paused"];

/// What to do. Where only an event can show that it is done, and none waits, that is said.
fn help(circuit: &Circuit, nothing_waits: bool) -> String {
    let help = circuit.help();
    if nothing_waits && circuit.is_paused() && !circuit.is_seen_by_a_look() {
        return format!(
            "{help}; nothing waits for this dataset, so the next event is the next try"
        );
    }
    help.to_owned()
}

impl Dataset {
    fn of(dataset: DatasetState) -> Self {
        let state = state(&dataset);
        let nothing_waits = dataset.pending + dataset.retrying == 0;
        let stopped = dataset.circuit.map(|circuit| Stopped {
            since: circuit.since.to_string(),
            next_request: circuit.until.to_string(),
            failures: circuit.failures,
            code: circuit.code,
            subcode: circuit.subcode,
            what: circuit.what(),
            help: help(&circuit, nothing_waits),
            says: circuit.says,
        });
        Self {
            name: dataset.name,
            state,
            pending: dataset.pending,
            retrying: dataset.retrying,
            dead: dataset.dead,
            oldest_pending: dataset.oldest.map(|at: Timestamp| at.to_string()),
            stopped,
        }
    }
}
