//! `GET /metrics`: the books and the mapping files as numbers, for Prometheus.
//!
//! In: what the store and the live mappings say at the moment of the scrape. Out: text in the
//! form of `OpenMetrics`. Nothing is counted here: a number on a dashboard is the one in the books;
//! what never reaches the books, such as webhooks of unknown types, is counted where it ends.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{Api, answer, datasets};
use crate::core::time::Timestamp;
use crate::intake::Project;
use crate::store::{Books, DatasetState, PrunedSums};

/// What Prometheus recognises the text by.
const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InState {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DatasetName {
    dataset: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfDataset {
    dataset: String,
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfProject {
    project: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reloads {
    project: String,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WithResult {
    result: &'static str,
}

/// How the rounds of upkeep have ended since the start: they erase addresses and browsers and prune
/// what is old, so an operator wants to hear when that no longer happens.
#[derive(Debug, Clone, Default)]
pub struct UpkeepRounds(Family<WithResult, Counter>);

impl UpkeepRounds {
    /// A round has ended; a step of it may have failed.
    pub fn ended(&self, is_done: bool) {
        self.with(is_done).inc();
    }

    /// How many have ended, done or not.
    #[must_use]
    pub fn count(&self) -> u64 {
        [true, false].into_iter().map(|is_done| self.with(is_done).get()).sum()
    }

    fn with(&self, is_done: bool) -> Counter {
        let result = if is_done { "done" } else { "failed" };
        self.0.get_or_create_owned(&WithResult { result })
    }

    fn register(&self, registry: &mut Registry) {
        // Both from the start: an alert on a line that is not there yet says nothing.
        let _ = self.count();
        let help = "Rounds of erasing and pruning since the start: done, or failed at a step";
        registry.register("upkeep_rounds", help, self.0.clone());
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Version {
    project: String,
    version: String,
}

/// All numbers of this moment.
pub(super) async fn metrics(State(api): State<Api>) -> Response {
    let Ok(books) = api.shared.store.books().await else {
        return answer::unavailable("The store does not answer.");
    };
    let mut registry = Registry::with_prefix("tillpost");
    payments(&mut registry, &books);
    let Ok(states) = datasets::states(&api).await else {
        return answer::unavailable("The store does not answer.");
    };
    datasets_of(&mut registry, &states, api.shared.clock.now());
    mappings(&mut registry, &api.shared.projects);
    api.shared.webhooks.register(&mut registry);
    api.shared.admission.register(&mut registry);
    api.shared.upkeep.register(&mut registry);
    let mut page = String::new();
    match text::encode(&mut page, &registry) {
        Ok(()) => (StatusCode::OK, [(header::CONTENT_TYPE, OPEN_METRICS)], page).into_response(),
        // Writing into a text does not fail.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn payments(registry: &mut Registry, books: &Books) {
    let Books {
        recorded,
        removed,
        held,
        expired,
        deliveries: _,
        delivered,
        pending,
        retrying,
        dead,
        dropped,
        withheld,
        pruned,
    } = *books;
    let states = Family::<InState, Gauge>::default();
    for (state, count) in
        [("recorded", recorded), ("removed", removed), ("held", held), ("expired", expired)]
    {
        set(&states.get_or_create(&InState { state }), count);
    }
    registry.register("payments", "Payments in the books, by state", states);
    let fates = Family::<InState, Gauge>::default();
    for (state, count) in [
        ("delivered", delivered),
        ("pending", pending),
        ("retrying", retrying),
        ("dead", dead),
        ("dropped", dropped),
        ("withheld", withheld),
    ] {
        set(&fates.get_or_create(&InState { state }), count);
    }
    registry.register("deliveries", "Events for Meta, by state", fates);
    prunings(registry, &pruned);
}

/// What the books kept long enough: with what is kept, it makes everything that ever was accepted.
fn prunings(registry: &mut Registry, pruned: &PrunedSums) {
    let PrunedSums { payments, removed, expired, delivered, dead, dropped, withheld } = *pruned;
    let states = Family::<InState, Gauge>::default();
    for (state, count) in [("recorded", payments), ("removed", removed), ("expired", expired)] {
        set(&states.get_or_create(&InState { state }), count);
    }
    registry.register("pruned_payments", "Payments pruned for their age, by state", states);
    let fates = Family::<InState, Gauge>::default();
    for (state, count) in
        [("delivered", delivered), ("dead", dead), ("dropped", dropped), ("withheld", withheld)]
    {
        set(&fates.get_or_create(&InState { state }), count);
    }
    registry.register("pruned_deliveries", "Events pruned with their payments, by state", fates);
}

fn datasets_of(registry: &mut Registry, states: &[DatasetState], now: Timestamp) {
    let flow = Family::<OfDataset, Gauge>::default();
    let backlog = Family::<DatasetName, Gauge>::default();
    let age = Family::<DatasetName, Gauge>::default();
    for dataset in states {
        let name = || DatasetName { dataset: dataset.name.clone() };
        for state in datasets::STATES {
            let label = OfDataset { dataset: dataset.name.clone(), state };
            flow.get_or_create(&label).set(i64::from(state == datasets::state(dataset)));
        }
        backlog.get_or_create(&name()).set(dataset.pending + dataset.retrying);
        let waits = dataset.oldest.map_or(0, |oldest| now.millis_since(oldest).max(0) / 1_000);
        age.get_or_create(&name()).set(waits);
    }
    registry.register("dataset_state", "1 for the state that a dataset is in", flow);
    registry.register("dataset_backlog", "Events that wait for Meta", backlog);
    let help = "For how long the oldest event has waited for Meta; 0 if none does";
    registry.register("dataset_oldest_pending_seconds", help, age);
}

fn mappings(registry: &mut Registry, projects: &[Project]) {
    let info = Family::<Version, Gauge>::default();
    let since = Family::<OfProject, Gauge>::default();
    let refused = Family::<OfProject, Gauge>::default();
    let reloads = Family::<Reloads, Gauge>::default();
    for project in projects {
        let in_force = project.mapping.look();
        let name = || project.name.clone();
        let version = in_force.mapping.version().as_str().to_owned();
        info.get_or_create(&Version { project: name(), version }).set(1);
        let of_project = OfProject { project: name() };
        since.get_or_create(&of_project).set(in_force.since.seconds());
        refused.get_or_create(&of_project).set(i64::from(in_force.refused.is_some()));
        for (result, count) in [("taken", in_force.taken), ("refused", in_force.refusals)] {
            set(&reloads.get_or_create(&Reloads { project: name(), result }), count);
        }
    }
    registry.register("mapping", "The version of the mapping file that is in force", info);
    registry.register("mapping_since_timestamp_seconds", "Since when, in Unix seconds", since);
    let help = "1 while the mapping file has errors and an older version stays in force";
    registry.register("mapping_refused", help, refused);
    let help = "Changed mapping files since the start: taken, or refused for errors";
    registry.register("mapping_reloads", help, reloads);
}

fn set(gauge: &Gauge, count: u64) {
    gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
}
