//! The list of dead letters, newest first.
//!
//! In: which letters are meant, and where the page before ended. Out: a page, and where the next
//! begins; or one letter with its story. Their place is the moment at which they died. Only time
//! has an index: the rest is looked for among the dead letters, which are few or a disaster.
//! Deliberately absent: what a person decides about them (`ending`), and advice (`core`).

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::{Deserialize, Serialize};

use super::{DeliveryStory, Store, StoreError, schema, story};
use crate::core::delivery::DeathReason;
use crate::core::payment::PaymentType;
use crate::core::time::Timestamp;

/// Most letters that one page looks at, as [`super::LOOKED_AT_MAX`] is for payments.
const LOOKED_AT_MAX: usize = 20_000;

/// Which dead letters are meant. What is absent does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Letters {
    /// Of payments of this project.
    pub project: Option<String>,
    /// To this dataset.
    pub dataset: Option<String>,
    /// Dead for this reason.
    pub reason: Option<DeathReason>,
    /// Refused with this code.
    pub code: Option<i64>,
    /// Refused with this subcode.
    pub subcode: Option<i64>,
    /// Of payments of this type.
    pub payment_type: Option<PaymentType>,
    /// Of the payment with this id.
    pub payment_id: Option<String>,
    /// Whose event has this name.
    pub event_name: Option<String>,
    /// Dead since then or later.
    pub since: Option<Timestamp>,
    /// Dead before.
    pub until: Option<Timestamp>,
}

/// The place of a letter in the list, and so the end of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LetterCursor {
    at: i64,
    id: i64,
}

/// One dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Its number: that of its delivery.
    pub id: i64,
    /// Whose books.
    pub project: String,
    /// The sender's id of the payment.
    pub payment_id: Option<String>,
    /// The type of the payment.
    pub payment_type: String,
    /// When the payment arrived.
    pub received_at: Timestamp,
    /// Where it goes.
    pub dataset: String,
    /// The event's name.
    pub event_name: String,
    /// The event's id.
    pub event_id: String,
    /// Until when Meta takes it.
    pub expires_at: Timestamp,
    /// Since when it is dead.
    pub since: Timestamp,
    /// Why.
    pub reason: String,
    /// Meta's code.
    pub code: Option<i64>,
    /// Meta's subcode.
    pub subcode: Option<i64>,
    /// Meta's words, or ours.
    pub says: String,
    /// Meta's id of the request.
    pub trace_id: Option<String>,
    /// What was found when the payment was decided: codes and sentences.
    pub found: Vec<(String, String)>,
}

/// Some letters, and where to go on.
#[derive(Debug, PartialEq, Eq)]
pub struct LetterPage {
    /// Newest first.
    pub letters: Vec<Letter>,
    /// Where the next page begins; none behind the last.
    pub next: Option<LetterCursor>,
}

impl LetterCursor {
    /// The place before everything.
    const NEWEST: Self = Self { at: i64::MAX, id: i64::MAX };

    /// Reads what a page gave as `next`.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (at, id) = text.split_once('-')?;
        let number = |text: &str| text.parse().ok().filter(|number| *number >= 0);
        Some(Self { at: number(at)?, id: number(id)? })
    }
}

impl Serialize for LetterCursor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}-{}", self.at, self.id))
    }
}

impl Store {
    /// A page of at most `limit` dead letters behind a cursor, newest first. It may be short, even
    /// empty, and have a next one: a page looks at twenty thousand letters and no more.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn letters(
        &self,
        which: Letters,
        after: Option<LetterCursor>,
        limit: usize,
    ) -> Result<LetterPage, StoreError> {
        self.read(move |connection| page(connection, &which, (after, limit))).await
    }

    /// The letter of this number, dead or ended, with everything that happened to its delivery;
    /// `None` if it never was a dead letter, or if its payment was removed.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn letter(&self, id: i64) -> Result<Option<(Letter, DeliveryStory)>, StoreError> {
        self.read(move |connection| letter(connection, id)).await
    }
}

/// Reads a page of dead letters from a database that may be in use by another process.
///
/// # Errors
/// [`StoreError`] if it cannot be opened or read.
pub fn letters_of(
    path: &Path,
    which: &Letters,
    after: Option<LetterCursor>,
    limit: usize,
) -> Result<LetterPage, StoreError> {
    page(&schema::connect_reader(path)?, which, (after, limit))
}

/// Reads one letter from a database that may be in use by another process.
///
/// # Errors
/// [`StoreError`] if it cannot be opened or read.
pub fn letter_of(path: &Path, id: i64) -> Result<Option<(Letter, DeliveryStory)>, StoreError> {
    letter(&schema::connect_reader(path)?, id)
}

/// What stands beside a letter. The order of the joins is given: from the letter to its payment.
const BESIDE: &str = "CROSS JOIN deliveries d ON d.seq = l.delivery
    CROSS JOIN datasets s ON s.id = d.dataset CROSS JOIN payments p ON p.seq = d.payment
    CROSS JOIN projects j ON j.id = p.project";

/// The columns of [`row`].
const COLUMNS: &str = "l.delivery, l.at, l.reason, l.code, l.subcode, l.says, l.trace_id, s.name,
    d.expires_at, j.name, p.payment_id, p.type, p.received_at, p.decision,
    d.seq - p.first_delivery";

fn page(
    connection: &Connection,
    which: &Letters,
    (after, limit): (Option<LetterCursor>, usize),
) -> Result<LetterPage, StoreError> {
    let after = after.unwrap_or(LetterCursor::NEWEST);
    let until = which.until.map_or(i64::MAX, Timestamp::millis);
    let before = if until <= after.at { (until, i64::MIN) } else { (after.at, after.id) };
    let since = which.since.map_or(i64::MIN, Timestamp::millis);
    let select = format!(
        "SELECT {COLUMNS} FROM dead_letters l {BESIDE}
         WHERE (l.at, l.delivery) < (?1, ?2) AND l.at >= ?3
           AND NOT EXISTS (SELECT 1 FROM retries r WHERE r.delivery = l.delivery)
           AND NOT EXISTS (SELECT 1 FROM withheld w WHERE w.delivery = l.delivery)
         ORDER BY l.at DESC, l.delivery DESC"
    );
    let mut statement = connection.prepare_cached(&select)?;
    let mut rows = statement.query(params![before.0, before.1, since])?;
    let mut page = LetterPage { letters: Vec::new(), next: None };
    let mut last = after;
    let mut looked_at = 0;
    while let Some(found) = rows.next()? {
        if page.letters.len() == limit || looked_at == LOOKED_AT_MAX {
            page.next = Some(last);
            break;
        }
        let letter = row(found)?;
        last = LetterCursor { at: letter.since.millis(), id: letter.id };
        looked_at += 1;
        if which.means(&letter) {
            page.letters.push(letter);
        }
    }
    Ok(page)
}

impl Letters {
    fn means(&self, letter: &Letter) -> bool {
        let is = |wanted: Option<&str>, is: Option<&str>| wanted.is_none() || wanted == is;
        let number = |wanted: Option<i64>, is: Option<i64>| wanted.is_none() || wanted == is;
        is(self.project.as_deref(), Some(&letter.project))
            && is(self.dataset.as_deref(), Some(&letter.dataset))
            && is(self.reason.map(DeathReason::as_str), Some(&letter.reason))
            && number(self.code, letter.code)
            && number(self.subcode, letter.subcode)
            && is(self.payment_type.map(PaymentType::as_str), Some(&letter.payment_type))
            && is(self.payment_id.as_deref(), letter.payment_id.as_deref())
            && is(self.event_name.as_deref(), Some(&letter.event_name))
    }
}

fn letter(connection: &Connection, id: i64) -> Result<Option<(Letter, DeliveryStory)>, StoreError> {
    // One snapshot: a letter that is ended meanwhile is told as it was or as it is.
    let snapshot = connection.unchecked_transaction()?;
    for table in ["dead_letters", "ended_letters"] {
        let select = format!(
            "SELECT {COLUMNS} FROM {table} l {BESIDE}
             WHERE l.delivery = ?1 ORDER BY l.rowid DESC LIMIT 1"
        );
        let mut statement = snapshot.prepare_cached(&select)?;
        let Some(letter) = statement.query_row([id], row).optional()? else { continue };
        let story = story::delivery_story(&snapshot, id)?;
        return Ok(story.map(|story| (letter, story)));
    }
    Ok(None)
}

/// What a letter shows of a decision.
#[derive(Debug, Default, Deserialize)]
struct Decided {
    #[serde(default)]
    events: Vec<Event>,
    #[serde(default)]
    findings: Vec<Found>,
}

#[derive(Debug, Default, Deserialize)]
struct Event {
    event_name: String,
    event_id: String,
}

#[derive(Debug, Deserialize)]
struct Found {
    code: String,
    says: String,
}

fn row(row: &Row<'_>) -> rusqlite::Result<Letter> {
    let decision: String = row.get(13)?;
    // A decision that a damaged database gives back broken is shown as none.
    let decided: Decided = serde_json::from_str(&decision).unwrap_or_default();
    let place: i64 = row.get(14)?;
    let place = usize::try_from(place).unwrap_or(usize::MAX);
    let event = decided.events.into_iter().nth(place).unwrap_or_default();
    let found = decided.findings.into_iter().map(|found| (found.code, found.says));
    Ok(Letter {
        id: row.get(0)?,
        since: Timestamp::from_millis(row.get(1)?),
        reason: row.get(2)?,
        code: row.get(3)?,
        subcode: row.get(4)?,
        says: row.get(5)?,
        trace_id: row.get(6)?,
        dataset: row.get(7)?,
        expires_at: Timestamp::from_millis(row.get(8)?),
        project: row.get(9)?,
        payment_id: row.get(10)?,
        payment_type: row.get(11)?,
        received_at: Timestamp::from_millis(row.get(12)?),
        event_name: event.event_name,
        event_id: event.event_id,
        found: found.collect(),
    })
}
