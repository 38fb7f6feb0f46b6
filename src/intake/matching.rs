//! How many ids of the events the catalogues have, since the process started.
//!
//! In: what each decision looked up. Out: a running match rate for each project and dataset. Only what
//! is forwarded for the first time counts. It is kept in memory and begins anew with the process:
//! Meta keeps the rate that lasts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

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
pub(super) struct Matching(Arc<Mutex<BTreeMap<(String, DatasetName), MatchRate>>>);

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
        let mut rates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for dataset in &lookup.datasets {
            rates.entry((project.name.clone(), dataset.clone())).or_default().note(lookup);
        }
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
            let key = (project.name.clone(), dataset.clone());
            let rates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // A copy, so that no payment waits while hints are looked for.
            let rate = rates.get(&key).cloned().unwrap_or_default();
            drop(rates);
            CatalogReport {
                project: key.0,
                dataset: key.1.as_str().to_owned(),
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
