//! What a person decides about dead letters: to retry or to drop them.
//!
//! In: numbers of letters, and what is to become of them. Out: what became of each. Ending a letter
//! is one job of the writer that asks again where the delivery stands, so that neither a settlement
//! nor a removal comes between. A letter that is retried goes into the retries with the bytes it
//! always had, and is a delivery on its way again. Each ended letter is kept, as it was, for the
//! story; nothing is dropped without a record.

use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Serialize;

use super::writer::Books;
use super::{DatasetKey, Store, StoreError, erasure};
use crate::core::batch;
use crate::core::names::closed_list;
use crate::core::time::Timestamp;

/// A letter that a person ended, as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EndedLetter {
    /// Since when it was dead.
    pub at: Timestamp,
    /// Why it was.
    pub reason: String,
    /// Meta's code.
    pub code: Option<i64>,
    /// Meta's subcode.
    pub subcode: Option<i64>,
    /// Meta's words, or ours.
    pub says: String,
    /// Meta's id of the request.
    pub trace_id: Option<String>,
    /// When it was ended.
    pub ended_at: Timestamp,
    /// `retried` or `dropped`.
    pub how: String,
    /// The words of whoever dropped it.
    pub because: Option<String>,
}

/// What is to become of a dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// It is sent again, the same bytes.
    Retry,
    /// It is never sent.
    Drop {
        /// Why, in the words of whoever decided it.
        because: Option<String>,
    },
}

closed_list! {
    /// What became of a dead letter that a person wanted to end.
    pub enum LetterEnd {
        /// It is on its way again.
        Retried = "retried",
        /// It is never sent.
        Dropped = "dropped",
        /// Meta would refuse it for its age: it stays a dead letter.
        TooOld = "too_old",
        /// Its payment was removed, and its bytes with it.
        Removed = "removed",
        /// It is no dead letter: there is none of this number, or somebody ended it.
        NotDead = "not_dead",
    }
}

impl Ending {
    const fn word(&self) -> LetterEnd {
        match self {
            Self::Retry => LetterEnd::Retried,
            Self::Drop { .. } => LetterEnd::Dropped,
        }
    }

    fn because(&self) -> Option<&str> {
        match self {
            Self::Retry => None,
            Self::Drop { because } => because.as_deref(),
        }
    }
}

impl Store {
    /// Ends dead letters, all in one transaction, and says what became of each, in their order. A
    /// dry run says the same and changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails; then none was ended.
    pub async fn end_letters(
        &self,
        ids: Vec<i64>,
        (ending, dry_run): (Ending, bool),
        now: Timestamp,
    ) -> Result<Vec<LetterEnd>, StoreError> {
        if dry_run {
            let look = move |connection: &Connection| {
                let look = |id: &i64| Ok(outcome(connection, *id, (&ending, now))?.0);
                ids.iter().map(look).collect()
            };
            return self.read(look).await;
        }
        let work = move |books: &mut Books<'_>| {
            ids.iter().map(|id| end(books, *id, (&ending, now))).collect()
        };
        self.write(work).await
    }
}

/// What becomes of a letter, and to which dataset it goes.
fn outcome(
    connection: &Connection,
    id: i64,
    (ending, now): (&Ending, Timestamp),
) -> Result<(LetterEnd, DatasetKey), StoreError> {
    let select = "SELECT l.dataset, d.expires_at,
                         EXISTS (SELECT 1 FROM withheld w WHERE w.delivery = l.delivery),
                         EXISTS (SELECT 1 FROM retries r WHERE r.delivery = l.delivery)
                  FROM dead_letters l JOIN deliveries d ON d.seq = l.delivery
                  WHERE l.delivery = ?1";
    let mut statement = connection.prepare_cached(select)?;
    let found = statement.query_row([id], |row| {
        let expires_at = Timestamp::from_millis(row.get(1)?);
        Ok((DatasetKey(row.get(0)?), expires_at, row.get(2)?, row.get(3)?))
    });
    let Some((dataset, expires_at, removed, retrying)): Option<(_, _, bool, bool)> =
        found.optional()?
    else {
        return Ok((LetterEnd::NotDead, DatasetKey(0)));
    };
    let end = if removed {
        LetterEnd::Removed
    } else if retrying {
        LetterEnd::NotDead
    } else if *ending == Ending::Retry && batch::is_too_old(expires_at, now) {
        LetterEnd::TooOld
    } else {
        ending.word()
    };
    Ok((end, dataset))
}

fn end(
    books: &mut Books<'_>,
    id: i64,
    (ending, now): (&Ending, Timestamp),
) -> Result<LetterEnd, StoreError> {
    let connection = books.connection;
    let (end, dataset) = outcome(connection, id, (ending, now))?;
    if end != ending.word() {
        return Ok(end);
    }
    let keep = "INSERT INTO ended_letters (delivery, ended_at, how, because, at, reason, code,
                                           subcode, says, trace_id)
                SELECT delivery, ?2, ?3, ?4, at, reason, code, subcode, says, trace_id
                FROM dead_letters WHERE delivery = ?1";
    let row = params![id, now.millis(), end.as_str(), ending.because()];
    connection.prepare_cached(keep)?.execute(row)?;
    connection.prepare_cached("DELETE FROM dead_letters WHERE delivery = ?1")?.execute([id])?;
    match ending {
        Ending::Retry => {
            let insert = "INSERT INTO retries (delivery, dataset, tries, due_at)
                          VALUES (?1, ?2, 0, ?3)";
            connection.prepare_cached(insert)?.execute(params![id, dataset.0, now.millis()])?;
            books.state.ring(dataset);
        }
        Ending::Drop { .. } => erasure::finished(books, id, now)?,
    }
    Ok(end)
}

/// The letters of a delivery that persons ended, oldest first.
pub(super) fn ended(connection: &Connection, seq: i64) -> Result<Vec<EndedLetter>, StoreError> {
    let select = "SELECT at, reason, code, subcode, says, trace_id, ended_at, how, because
                  FROM ended_letters WHERE delivery = ?1 ORDER BY id";
    let mut statement = connection.prepare_cached(select)?;
    let rows = statement.query_map([seq], |row| {
        Ok(EndedLetter {
            at: Timestamp::from_millis(row.get(0)?),
            reason: row.get(1)?,
            code: row.get(2)?,
            subcode: row.get(3)?,
            says: row.get(4)?,
            trace_id: row.get(5)?,
            ended_at: Timestamp::from_millis(row.get(6)?),
            how: row.get(7)?,
            because: row.get(8)?,
        })
    })?;
    Ok(rows.collect::<Result<Vec<_>, _>>()?)
}
