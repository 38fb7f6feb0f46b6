//! The mapping in force: one that may be exchanged while payments are taken.
//!
//! In: a compiled mapping, and later others. Out: whoever decides gets the whole table of one
//! moment and keeps it until the decision is taken; nobody ever sees half of two. A file that is
//! refused changes nothing but what is said about it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::watch;

use crate::core::finding::Placed;
use crate::core::mapping::{Mapping, MappingVersion};
use crate::core::time::Timestamp;

/// A mapping file while the service runs. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct LiveMapping {
    path: Arc<PathBuf>,
    now: watch::Sender<InForce>,
}

/// What is in force at one moment, and what there is to say of the file.
#[derive(Debug, Clone)]
pub struct InForce {
    /// The table by which payments are decided.
    pub mapping: Arc<Mapping>,
    /// Since when.
    pub since: Timestamp,
    /// What stands in the file instead, if it could not be taken.
    pub refused: Option<Arc<RefusedFile>>,
    /// How often a changed file was taken since the start.
    pub taken: u64,
    /// How often one was refused since the start.
    pub refusals: u64,
}

/// The text of a mapping file that could not be taken.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RefusedFile {
    /// Which text; none if the file could not be read.
    pub version: Option<MappingVersion>,
    /// When it was looked at.
    pub at: Timestamp,
    /// What is wrong with it.
    pub findings: Vec<Placed>,
}

impl LiveMapping {
    /// The mapping of this file, in force from now on.
    #[must_use]
    pub fn new(path: &Path, mapping: Mapping, since: Timestamp) -> Self {
        let (mapping, refused) = (Arc::new(mapping), None);
        let in_force = InForce { mapping, since, refused, taken: 0, refusals: 0 };
        Self { path: Arc::new(path.to_owned()), now: watch::Sender::new(in_force) }
    }

    /// Where the file stands.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The table in force.
    #[must_use]
    pub fn mapping(&self) -> Arc<Mapping> {
        Arc::clone(&self.now.borrow().mapping)
    }

    /// Everything there is to say at this moment.
    #[must_use]
    pub fn look(&self) -> InForce {
        self.now.borrow().clone()
    }

    /// Puts another table in force.
    pub fn take(&self, mapping: Mapping, now: Timestamp) {
        self.now.send_modify(|in_force| {
            in_force.mapping = Arc::new(mapping);
            in_force.since = now;
            in_force.refused = None;
            in_force.taken += 1;
        });
    }

    /// Notes that the file cannot be taken; the table in force stays.
    pub fn refuse(&self, refused: RefusedFile) {
        self.now.send_modify(|in_force| {
            in_force.refused = Some(Arc::new(refused));
            in_force.refusals += 1;
        });
    }

    /// Notes that the file says again what is in force.
    pub fn restored(&self) {
        self.now.send_modify(|in_force| in_force.refused = None);
    }
}
