//! The list of payments, newest first: what arrived, what was decided, what became of it.
//!
//! In: what is asked for, and where the page before ended. Out: a page, and where the next begins.
//! A payment's place is the moment at which it arrived, which never changes, so pages stay true
//! while payments arrive, are released or are removed. Three tables are read side by side, each by
//! an index: by payment id or user where one is given, else by time. Type, status and verdict have
//! no index: they are looked for in what the index gives, at most [`LOOKED_AT_MAX`] payments a page.

use rusqlite::{Connection, Row, Statement, params};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::keys::{self, Sought};
use super::story::{self, Fate, PaymentState};
use super::{Store, StoreError};
use crate::core::decide::Verdict;
use crate::core::payment::{PaymentStatus, PaymentType};
use crate::core::time::Timestamp;

/// Most payments that one page looks at. Ours: some hundred milliseconds; a page that found too
/// little by then says where to go on.
pub const LOOKED_AT_MAX: usize = 20_000;

/// Which payments are listed. What is absent does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// With this id.
    pub payment_id: Option<String>,
    /// Of this type.
    pub payment_type: Option<PaymentType>,
    /// Of this user. Of a removed payment nobody knows the user any more.
    pub user_id: Option<String>,
    /// About which this was decided.
    pub verdict: Option<Verdict>,
    /// Of this status. Of a removed payment nobody knows it any more.
    pub status: Option<PaymentStatus>,
    /// That arrived then or later.
    pub since: Option<Timestamp>,
    /// That arrived before.
    pub until: Option<Timestamp>,
}

/// The place of a payment in the list, and so the end of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    received_at: i64,
    /// 1 for what was recorded, 0 for what waits: two tables number their rows apart.
    rank: i64,
    id: i64,
}

/// Some payments, and where to go on.
#[derive(Debug, Serialize)]
pub struct Page {
    /// Newest first.
    pub payments: Vec<Listed>,
    /// Where the next page begins; none behind the last.
    pub next: Option<Cursor>,
}

/// One payment of the list.
#[derive(Debug, Serialize)]
pub struct Listed {
    /// Whose books.
    pub project: String,
    /// The sender's id.
    pub payment_id: Option<String>,
    /// Its type.
    pub r#type: String,
    /// Where it stands.
    pub state: PaymentState,
    /// How far it got; absent once it is removed.
    pub status: Option<String>,
    /// Whose it is; absent once it is removed.
    pub user_id: Option<String>,
    /// How much; absent once it is removed.
    pub amount: Option<Box<RawValue>>,
    /// In which currency.
    pub currency: Option<String>,
    /// When it arrived.
    pub received_at: Timestamp,
    /// What was decided.
    pub verdict: Option<String>,
    /// Why it is skipped or held.
    pub reason: Option<String>,
    /// The same in words.
    pub because: Option<String>,
    /// Its events, each with what became of it.
    pub events: Vec<ListedEvent>,
}

/// One event of a payment.
#[derive(Debug, Serialize, Deserialize)]
pub struct ListedEvent {
    /// Its name.
    pub event_name: String,
    /// Its id.
    pub event_id: String,
    /// Where it goes.
    pub dataset: String,
    /// Where it stands.
    #[serde(skip_deserializing)]
    pub fate: Option<Fate>,
    /// Why it is dead, in words.
    #[serde(skip_deserializing)]
    pub because: Option<String>,
    /// When it will be sent again.
    #[serde(skip_deserializing)]
    pub due_at: Option<Timestamp>,
}

/// What the list shows of a capture.
#[derive(Debug, Default, Deserialize)]
struct Capture {
    status: Option<String>,
    amount: Option<Box<RawValue>>,
}

/// What the list shows of a decision.
#[derive(Debug, Default, Deserialize)]
struct Decided {
    verdict: Option<String>,
    reason: Option<String>,
    because: Option<String>,
    currency: Option<String>,
    #[serde(default)]
    events: Vec<ListedEvent>,
}

impl Cursor {
    /// The place before everything.
    const NEWEST: Self = Self { received_at: i64::MAX, rank: 0, id: 0 };

    /// Reads what a page gave as `next`.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '-').map(|part| part.parse().ok().filter(|n| *n >= 0));
        let (received_at, rank, id) = (parts.next()??, parts.next()??, parts.next()??);
        Some(Self { received_at, rank, id })
    }

    /// Before which number the rows of this rank go on, at the cursor's own moment.
    fn before(self, rank: i64) -> i64 {
        match rank.cmp(&self.rank) {
            std::cmp::Ordering::Less => i64::MAX,
            std::cmp::Ordering::Equal => self.id,
            std::cmp::Ordering::Greater => i64::MIN,
        }
    }
}

impl Serialize for Cursor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}-{}-{}", self.received_at, self.rank, self.id))
    }
}

impl Store {
    /// A page of at most `limit` payments behind a cursor, newest first. It may be short, even
    /// empty, and have a next one: see [`LOOKED_AT_MAX`].
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn list(
        &self,
        listing: Listing,
        after: Option<Cursor>,
        (limit, now): (usize, Timestamp),
    ) -> Result<Page, StoreError> {
        let after = after.unwrap_or(Cursor::NEWEST);
        // Who looks for an id or a user reads all keys.
        let is_search = listing.payment_id.is_some() || listing.user_id.is_some();
        let read = move |connection: &Connection| page(connection, &listing, after, (limit, now));
        if is_search { self.read_keys(read).await } else { self.read(read).await }
    }
}

/// A table of payments and what it calls its columns.
struct Table {
    state: &'static str,
    name: &'static str,
    rank: i64,
    /// Number, user, capture, first delivery, deliveries.
    columns: &'static str,
    has_user: bool,
}

const TABLES: [Table; 3] = [
    Table {
        state: "recorded",
        name: "payments",
        rank: 1,
        columns: "p.seq, p.user_id, p.capture, p.first_delivery, p.deliveries, p.received_at",
        has_user: true,
    },
    Table {
        state: "removed",
        name: "removed_payments",
        rank: 1,
        columns: "p.seq, NULL, NULL, p.first_delivery, p.deliveries, p.received_at",
        has_user: false,
    },
    Table {
        state: "held",
        name: "held_payments",
        rank: 0,
        columns: "p.id, p.user_id, p.capture, 0, 0, p.expires_at",
        has_user: true,
    },
];

/// A row of one of the tables.
struct Found {
    at: Cursor,
    row: Listed,
    deliveries: std::ops::Range<i64>,
    decision: String,
}

impl Table {
    /// The rows that an index finds, newest first. All forms take the same parameters.
    fn select(&self, listing: &Listing) -> Option<String> {
        let Self { state, name, columns, .. } = self;
        // The others have an index of their own for each.
        let is_keyed = *name == "payments";
        let among = if is_keyed { "AND p.seq IN (SELECT value FROM json_each(?6))" } else { "" };
        // The plus keeps SQLite from making an index for this one question.
        let plus = if is_keyed { "+" } else { "" };
        // CROSS JOIN keeps the order in which the tables are read.
        let by = match (&listing.payment_id, &listing.user_id) {
            (Some(_), _) => format!(
                "projects j CROSS JOIN {name} p ON {plus}p.project = j.id AND {plus}p.payment_id = ?4 {among}"
            ),
            (None, Some(_)) if self.has_user => format!(
                "projects j CROSS JOIN {name} p ON {plus}p.project = j.id AND {plus}p.user_id = ?5 {among}"
            ),
            (None, Some(_)) => return None,
            (None, None) => format!(
                "{name} p INDEXED BY {name}_received CROSS JOIN projects j ON j.id = p.project"
            ),
        };
        // The plus keeps an index by time away where an id is named: that finds fewer rows.
        let is_by_time = listing.payment_id.is_none() && listing.user_id.is_none();
        let time = if is_by_time { "p.received_at" } else { "+p.received_at" };
        Some(format!(
            "SELECT {columns}, j.name, '{state}', p.payment_id, p.type, p.received_at, p.decision
             FROM {by} WHERE ({time}, p.rowid) < (?1, ?2) AND {time} >= ?3
               AND (?4, ?5, ?6) IS (?4, ?5, ?6)
             ORDER BY p.received_at DESC, p.rowid DESC"
        ))
    }
}

fn page(
    connection: &Connection,
    listing: &Listing,
    after: Cursor,
    (limit, now): (usize, Timestamp),
) -> Result<Page, StoreError> {
    // One snapshot for all tables: a payment that moves between them is seen once.
    let snapshot = connection.unchecked_transaction()?;
    let mut statements = Vec::with_capacity(TABLES.len());
    for table in &TABLES {
        let Some(select) = table.select(listing) else { continue };
        statements.push((table.rank, snapshot.prepare_cached(&select)?));
    }
    let sought = match (&listing.payment_id, &listing.user_id) {
        (Some(id), _) => Some(Sought::Id(id)),
        (None, user) => user.as_deref().map(Sought::User),
    };
    let among = sought.map(|sought| keys::look_up(&snapshot, sought, i64::MIN)).transpose()?;
    let among = among.map(|among| keys::list(&among));
    let mut sources = Vec::with_capacity(statements.len());
    for (rank, statement) in &mut statements {
        let mut rows = rows(statement, listing, (after, *rank, among.as_deref()))?;
        sources.push((next_row(&mut rows, (*rank, now))?, rows, *rank));
    }
    let mut page = Page { payments: Vec::new(), next: None };
    let mut last = after;
    let mut looked_at = 0;
    loop {
        let newest = sources.iter_mut().filter(|(row, ..)| row.is_some());
        let newest = newest.max_by_key(|(row, ..)| row.as_ref().map(|row| row.at));
        let Some((head, rows, rank)) = newest else { return Ok(page) };
        if page.payments.len() == limit || looked_at == LOOKED_AT_MAX {
            page.next = Some(last);
            return Ok(page);
        }
        let Some(found) = std::mem::replace(head, next_row(rows, (*rank, now))?) else {
            return Ok(page);
        };
        last = found.at;
        looked_at += 1;
        page.payments.extend(wanted(&snapshot, listing, found)?);
    }
}

fn rows<'s>(
    statement: &'s mut Statement<'_>,
    listing: &Listing,
    (after, rank, among): (Cursor, i64, Option<&str>),
) -> Result<rusqlite::Rows<'s>, StoreError> {
    let until = listing.until.map_or(i64::MAX, Timestamp::millis);
    let (before, id) = if until <= after.received_at {
        (until, i64::MIN)
    } else {
        (after.received_at, after.before(rank))
    };
    let since = listing.since.map_or(i64::MIN, Timestamp::millis);
    let (payment_id, user_id) = (&listing.payment_id, &listing.user_id);
    Ok(statement.query(params![before, id, since, payment_id, user_id, among])?)
}

fn next_row(
    rows: &mut rusqlite::Rows<'_>,
    (rank, now): (i64, Timestamp),
) -> Result<Option<Found>, StoreError> {
    Ok(rows.next()?.map(|row| found(row, rank, now)).transpose()?)
}

fn found(row: &Row<'_>, rank: i64, now: Timestamp) -> rusqlite::Result<Found> {
    let capture: Option<String> = row.get(2)?;
    let capture: Capture =
        capture.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let (first, count): (i64, i64) = (row.get(3)?, row.get(4)?);
    let (state, ends): (String, i64) = (row.get(7)?, row.get(5)?);
    let mut state = PaymentState::read(&state).unwrap_or(PaymentState::Recorded);
    if state == PaymentState::Held && ends <= now.millis() {
        state = PaymentState::Expired;
    }
    let received_at: i64 = row.get(10)?;
    Ok(Found {
        at: Cursor { received_at, rank, id: row.get(0)? },
        row: Listed {
            project: row.get(6)?,
            payment_id: row.get(8)?,
            r#type: row.get(9)?,
            state,
            status: capture.status,
            user_id: row.get(1)?,
            amount: capture.amount,
            currency: None,
            received_at: Timestamp::from_millis(received_at),
            verdict: None,
            reason: None,
            because: None,
            events: Vec::new(),
        },
        deliveries: first..first + count,
        decision: row.get(11)?,
    })
}

/// The payment, if it is asked for, with its decision and the fates of its events.
fn wanted(
    connection: &Connection,
    listing: &Listing,
    found: Found,
) -> Result<Option<Listed>, StoreError> {
    let Found { mut row, deliveries, decision, .. } = found;
    let other = |wanted: Option<&str>, is: Option<&str>| wanted.is_some() && wanted != is;
    if other(listing.payment_type.map(PaymentType::as_str), Some(&row.r#type))
        || other(listing.status.map(PaymentStatus::as_str), row.status.as_deref())
        || other(listing.user_id.as_deref(), row.user_id.as_deref())
    {
        return Ok(None);
    }
    // A decision that a damaged database gives back broken is shown as none.
    let decided: Decided = serde_json::from_str(&decision).unwrap_or_default();
    if other(listing.verdict.map(Verdict::as_str), decided.verdict.as_deref()) {
        return Ok(None);
    }
    let Decided { verdict, reason, because, currency, events } = decided;
    (row.verdict, row.reason, row.because) = (verdict, reason, because);
    (row.currency, row.events) = (currency, events);
    for (event, delivery) in row.events.iter_mut().zip(deliveries) {
        let Some((_, story)) = story::standing(connection, delivery)? else { continue };
        event.fate = Some(story.fate);
        event.because = story.because;
        event.due_at = story.due_at;
    }
    Ok(Some(row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::schema;

    /// How `SQLite` goes about the query of a table.
    fn plan(table: &Table, listing: &Listing) -> String {
        let mut connection = Connection::open_in_memory().expect("a database in memory");
        schema::migrate(&mut connection).expect("a schema");
        let select = table.select(listing).expect("a query");
        let mut statement =
            connection.prepare(&format!("EXPLAIN QUERY PLAN {select}")).expect("a statement");
        let nothing: Option<i64> = None;
        let steps = statement
            .query_map(params![0, 0, 0, nothing, nothing, "[]"], |row| row.get::<_, String>(3))
            .expect("a plan");
        steps.collect::<Result<Vec<_>, _>>().expect("its steps").join("; ")
    }

    #[test]
    fn no_query_reads_a_whole_table_and_the_list_by_time_is_sorted_within_a_moment_at_most() {
        let (by_id, by_user) = (Some("p".to_owned()), Some("u".to_owned()));
        for table in &TABLES {
            let plan_of = |payment_id: &Option<String>, user_id: &Option<String>| {
                let (payment_id, user_id) = (payment_id.clone(), user_id.clone());
                plan(table, &Listing { payment_id, user_id, ..Listing::default() })
            };
            let newest = plan_of(&None, &None);
            let index = format!("SEARCH p USING INDEX {}_received", table.name);
            assert!(newest.starts_with(&index), "{newest}");
            // Payments of one millisecond stand in the index by their project: those are a batch at most.
            let sorts_all = newest.contains("TEMP B-TREE FOR ORDER BY");
            assert!(!sorts_all, "{newest}");
            assert!(!newest.contains("SCAN"), "{newest}");
            let of_id = plan_of(&by_id, &None);
            if table.name == "payments" {
                // The numbers come from the table of keys.
                let of_user = plan_of(&None, &by_user);
                for plan in [of_id, of_user] {
                    assert!(plan.contains("SEARCH p USING INTEGER PRIMARY KEY"), "{plan}");
                }
                continue;
            }
            assert!(of_id.contains("(project=? AND payment_id=?)"), "{of_id}");
            if table.has_user {
                let of_user = plan_of(&None, &by_user);
                assert!(of_user.contains("(project=? AND user_id=?)"), "{of_user}");
            }
        }
    }

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is_one() {
        let cursor = Cursor { received_at: 1_772_280_000_123, rank: 1, id: 42 };
        let written = serde_json::to_string(&cursor).expect("a text");
        assert_eq!(written, r#""1772280000123-1-42""#);
        assert_eq!(Cursor::read(written.trim_matches('"')), Some(cursor));
        for text in ["", "1", "1-2", "1-2-3-4", "a-1-2", "-1-2-3", "1--2-3", "1-2-3 "] {
            assert_eq!(Cursor::read(text), None, "{text}");
        }
    }
}
