//! One mapping file: read and compiled, with what there is to say about it.
//!
//! In: a path and a [`World`] to read it from. Out: the mapping, unless an error forbids it, and
//! the report. Everybody who needs a mapping (`tillpost.toml`, the reload of a running service,
//! `check`, `decide`, `test`) gets it here, so that all see the same file in the same way.

use std::io;
use std::path::Path;

use super::super::{FileReport, World};
use crate::core::mapping::{self, Datasets, Mapping};

/// Reads and compiles a mapping file.
///
/// # Errors
/// Whatever the file system says, if the file cannot be read; faults of its text are findings.
pub fn mapping_file(
    path: &Path,
    datasets: Datasets<'_>,
    world: &dyn World,
) -> io::Result<(Option<Mapping>, FileReport)> {
    let text = world.file(path)?;
    Ok(compiled(path, text, datasets))
}

/// Compiles the text of a mapping file that stands, or would stand, at `path`.
#[must_use]
pub fn compiled(
    path: &Path,
    text: String,
    datasets: Datasets<'_>,
) -> (Option<Mapping>, FileReport) {
    let (mapping, findings) = mapping::compile(&text, datasets);
    (mapping, FileReport { path: path.to_owned(), text, findings })
}
