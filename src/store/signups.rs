//! Users who become known, with what waited for that.
//!
//! One job of the writer: the user, the installation that is theirs, the captures that waited for
//! either, and the event of a first signup are recorded together or not at all.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::payments::{held_of, record, user};
use super::sources::first_record;
use super::writer::Books;
use super::{Entered, HeldPayment, NewPayment, ProjectKey, Store, StoreError, erasure};
use crate::core::payment::InstallId;
use crate::core::time::Timestamp;
use crate::core::user::User;

/// A signup on its way into the books.
#[derive(Debug, Clone)]
pub struct NewSignup {
    /// Whose books.
    pub project: ProjectKey,
    /// The sender's id of the person.
    pub user_id: String,
    /// What is known of the person.
    pub user: User,
    /// The installation of an app that is theirs from now on.
    pub install: Option<InstallId>,
    /// What is recorded if the user was not known before: the event of the signup.
    pub first: Option<NewPayment>,
}

/// A signup in the books.
#[derive(Debug)]
pub struct EnteredSignup {
    /// The event of the signup: new, or the first record of it. None where there is none.
    pub first: Option<Entered>,
    /// The captures that waited for the user and have not expired, oldest first and a hundred at
    /// most.
    pub waiting: Vec<HeldPayment>,
}

impl Store {
    /// Makes a user known, or corrects what is known. The captures that waited for that wait until
    /// [`Store::release`] takes each.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails; then nothing was changed.
    pub async fn sign_up(
        &self,
        signup: NewSignup,
        now: Timestamp,
    ) -> Result<EnteredSignup, StoreError> {
        let key = (signup.project, signup.user_id.clone());
        let work = move |books: &mut Books<'_>| sign_up(books, &signup, now);
        // In a task of its own: whoever asked may go away between the commit and the forgetting.
        let store = self.clone();
        let signed_up = tokio::spawn(async move {
            let entered = store.append(work).await?;
            store.shared.known_users.forget(&key);
            Ok(entered)
        });
        signed_up.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Whose an installation is, if a signup has said so.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn user_of_install(
        &self,
        project: ProjectKey,
        install: InstallId,
    ) -> Result<Option<String>, StoreError> {
        let select = "SELECT user_id FROM installs WHERE project = ?1 AND install = ?2";
        let read = move |connection: &Connection| {
            let mut statement = connection.prepare_cached(select)?;
            let key = params![project.0, install.as_str()];
            Ok(statement.query_row(key, |row| row.get(0)).optional()?)
        };
        self.read(read).await
    }
}

fn sign_up(
    books: &mut Books<'_>,
    signup: &NewSignup,
    now: Timestamp,
) -> Result<EnteredSignup, StoreError> {
    let NewSignup { project, user_id, user: signed_up, install, first } = signup;
    let older = user(books.connection, *project, user_id)?;
    let is_new = older.is_none();
    let known = match older {
        Some(older) => signed_up.clone().correcting(older),
        None => signed_up.clone(),
    };
    // What it does not name is kept, and no younger than it was.
    let upsert = "INSERT INTO users (project, user_id, known_at, person, seen_at)
                  VALUES (?1, ?2, ?3, ?4, ?3)
                  ON CONFLICT DO UPDATE SET person = excluded.person,
                      seen_at = iif(?5, excluded.seen_at, seen_at)";
    let brings = erasure::carries(&signed_up.to_stored());
    let row = params![project.0, user_id, now.millis(), known.to_stored(), brings];
    books.connection.prepare_cached(upsert)?.execute(row)?;
    let first = match first {
        // A signup that was taken back and comes again finds its event there already.
        Some(first) if is_new => Some(record(books, first)?),
        // Nobody registers twice: what is there is shown, and nothing is added.
        Some(first) => first_record(books, first)?.map(Entered::Duplicate),
        None => None,
    };
    if let Some(install) = install {
        adopt(books.connection, (*project, user_id), install)?;
    }
    let waiting = held_of(books.connection, *project, user_id, now)?;
    Ok(EnteredSignup { first, waiting })
}

/// Gives an installation, and what waits under its stand-in, to its user.
fn adopt(
    connection: &Connection,
    (project, user_id): (ProjectKey, &str),
    install: &InstallId,
) -> Result<(), StoreError> {
    let upsert = "INSERT INTO installs (project, install, user_id) VALUES (?1, ?2, ?3)
                  ON CONFLICT DO UPDATE SET user_id = excluded.user_id";
    let row = params![project.0, install.as_str(), user_id];
    connection.prepare_cached(upsert)?.execute(row)?;
    let stand_in = install.stand_in();
    // What waits for the user already under the same key is the same capture.
    let give = "UPDATE OR IGNORE held_payments SET user_id = ?3
                WHERE project = ?1 AND user_id = ?2";
    let row = params![project.0, stand_in.as_str(), user_id];
    connection.prepare_cached(give)?.execute(row)?;
    let rest = "DELETE FROM held_payments WHERE project = ?1 AND user_id = ?2";
    connection.prepare_cached(rest)?.execute(params![project.0, stand_in.as_str()])?;
    Ok(())
}
