//! How many ids of the events the catalogues have, since the process started.
//!
//! In: what each decision looked up. Out: a running match rate for each project and dataset. Only what
//! is forwarded for the first time counts. It is kept in memory and begins anew with the process:
//! Meta keeps the rate that lasts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use serde::Serialize;

use super::Project;
use crate::core::catalog::Catalog;
use crate::core::catalog::rate::{Lookup, MatchRate, RateReport};
use crate::core::decide::{Decision, Verdict};
use crate::core::mapping::DatasetName;

/// How many ids a report names.
const WORST_SHOWN: usize = 20;

/// The rates of all projects. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Matching(Arc<RwLock<BTreeMap<String, Arc<OfProject>>>>);

/// The rates of one project: the payments of others do not wait for them.
type OfProject = Mutex<BTreeMap<DatasetName, MatchRate>>;

/// The match rate of one dataset, with the catalogue that is in force.
#[derive(Debug, Serialize)]
pub struct CatalogReport {
    project: String,
    dataset: String,
    /// The feed, as the mapping file names it.
    feed: String,
    /// Whether it could be read.
    loaded: bool,
    products: usize,
    groups: usize,
    #[serde(flatten)]
    rate: RateReport,
}

/// Takes out of a decision what was looked up, if its events go out.
pub(super) fn looked_up(decision: &mut Decision) -> Option<Lookup> {
    decision.lookup.take().filter(|_| decision.verdict == Verdict::Forward)
}

impl Matching {
    /// Counts an event that was recorded just now.
    pub(super) fn note(&self, project: &Project, lookup: &Lookup) {
        let of_project = self.rates(&project.name);
        let mut rates = of_project.lock().unwrap_or_else(PoisonError::into_inner);
        for dataset in &lookup.datasets {
            match rates.get_mut(dataset) {
                Some(rate) => rate.note(lookup),
                None => rates.entry(dataset.clone()).or_default().note(lookup),
            }
        }
    }

    fn rates(&self, project: &str) -> Arc<OfProject> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).get(project).cloned();
        known.unwrap_or_else(|| {
            let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry(project.to_owned()).or_default())
        })
    }

    /// The rates of every project whose mapping file names a feed.
    pub(super) fn report(&self, projects: &[Project]) -> Vec<CatalogReport> {
        let of_project = |project| self.of_project(project);
        projects.iter().flat_map(of_project).collect()
    }

    fn of_project(&self, project: &Project) -> Vec<CatalogReport> {
        let mapping = project.mapping.mapping();
        let Some(feed) = mapping.feed() else { return Vec::new() };
        let catalog = mapping.catalog();
        let of_dataset = |dataset: &DatasetName| {
            let of_project = self.rates(&project.name);
            let rates = of_project.lock().unwrap_or_else(PoisonError::into_inner);
            // A copy, so that no payment waits while hints are looked for.
            let rate = rates.get(dataset).cloned().unwrap_or_default();
            drop(rates);
            CatalogReport {
                project: project.name.clone(),
                dataset: dataset.as_str().to_owned(),
                feed: feed.path.clone(),
                loaded: catalog.is_some(),
                products: catalog.map_or(0, Catalog::products),
                groups: catalog.map_or(0, Catalog::groups),
                rate: rate.report(catalog, WORST_SHOWN),
            }
        };
        mapping.datasets().into_iter().map(of_dataset).collect()
    }
}
