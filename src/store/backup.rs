//! A copy of the books while they are in use.
//!
//! In: a database, which another process may be writing. Out: one file that can take its place, with
//! everything that was answered before the copy began. The pages are copied in one step under one
//! snapshot, so that no writer makes it begin anew; the writer goes on meanwhile. The copy appears
//! under its name only when it is whole and on stable storage, and nothing is ever overwritten.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::{Books, StoreError, beside, books_of, integrity, schema};

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is such a file; it may be the last good copy.
    #[error("{0} exists already and is left as it is; name another file")]
    Exists(PathBuf),
    /// The copy cannot be written.
    #[error("cannot write {path}")]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The database cannot be read, or the copy is not whole.
    #[error("the books cannot be copied")]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for BackupError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Copies the database at `path` into a new file and says what is in it.
///
/// # Errors
/// [`BackupError`]; then there is no file under that name that was not there before.
pub fn backup(path: &Path, to: &Path) -> Result<Books, BackupError> {
    if to.exists() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let draft = beside(to, "part");
    let written = copy(path, &draft).and_then(|books| {
        publish(&draft, to)?;
        Ok(books)
    });
    drop(std::fs::remove_file(&draft));
    written
}

fn copy(path: &Path, draft: &Path) -> Result<Books, BackupError> {
    let failed = |source| BackupError::Write { path: draft.to_owned(), source };
    // For this user alone, as the database is; what an earlier try left is cut off.
    let made = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(draft);
    drop(made.map_err(failed)?);
    let source = schema::connect_reader(path)?;
    let mut target = Connection::open(draft)?;
    let done = Backup::new(&source, &mut target)?.step(-1)?;
    if done != StepResult::Done {
        return Err(StoreError::from(locked()).into());
    }
    // One file, and none beside it.
    target.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;
    if let Some(damage) = integrity::damages(&target)?.into_iter().next() {
        return Err(StoreError::from(damage).into());
    }
    drop(target);
    let books = books_of(draft)?;
    File::open(draft).and_then(|file| file.sync_all()).map_err(failed)?;
    Ok(books)
}

fn locked() -> rusqlite::Error {
    let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
    rusqlite::Error::SqliteFailure(busy, Some("another program has the database locked".to_owned()))
}

/// Gives the copy its name, unless somebody took it meanwhile.
fn publish(draft: &Path, to: &Path) -> Result<(), BackupError> {
    let failed = |source: std::io::Error| {
        if source.kind() == std::io::ErrorKind::AlreadyExists {
            BackupError::Exists(to.to_owned())
        } else {
            BackupError::Write { path: to.to_owned(), source }
        }
    };
    std::fs::hard_link(draft, to).map_err(failed)?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}
