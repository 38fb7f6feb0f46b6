//! One process per database: a lock on a file beside it.
//!
//! The operating system releases the lock when the process ends, however it ends, so a crash
//! leaves nothing to clean up. `SQLite`'s own locks would let two processes write in turns; the
//! numbers that the writer keeps in memory would then be wrong.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;

use super::StoreError;

/// The lock, held until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// Whether somebody holds the lock of this file.
pub(super) fn is_held(file: &Path) -> bool {
    let tried = File::open(file).map(|file| file.try_lock());
    matches!(tried, Ok(Err(TryLockError::WouldBlock)))
}

impl Lock {
    /// Takes the lock of this database, making its folder if there is none.
    pub(super) fn take(path: &Path) -> Result<Self, StoreError> {
        let open = |source: std::io::Error| StoreError::Open {
            path: path.to_owned(),
            source: Arc::new(source),
        };
        // Payments are nobody else's business: the folder, if it is ours to make, and the files
        // are for this user alone. SQLite gives its side files the mode of the database.
        if let Some(folder) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(open)?;
        }
        let own = |path: &Path| {
            OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)
        };
        let beside = super::beside(path, "lock");
        let file = own(&beside).map_err(open)?;
        match file.try_lock() {
            Ok(()) => {
                // Only now: closing it would take the locks away that this process may have on it.
                drop(own(path).map_err(open)?);
                Ok(Self { _file: file })
            }
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => Err(open(source)),
        }
    }
}
