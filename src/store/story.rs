//! Reading back: the story of a payment.
//!
//! In: a payment id. Out: everything the books know of it, in order. The fate of a delivery is
//! derived, never stored: what stands in `dead_letters`, `withheld` or `retries` has that fate,
//! what a person dropped is dropped, what the cursor has passed is delivered, the rest is pending.
//! What waits says why, as long as the books know a reason.

use std::path::Path;

use rusqlite::types::Null;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::Serialize;
use serde_json::value::RawValue;

use super::ending::{self, EndedLetter};
use super::keys::{self, Sought};
use super::{DatasetKey, Store, StoreError, by_event, circuits, schema};
use crate::core::names::closed_list;
use crate::core::time::Timestamp;

closed_list! {
    /// Where a delivery stands.
    pub enum Fate {
        /// Meta took it.
        Delivered = "delivered",
        /// It waits for its turn.
        Pending = "pending",
        /// It left the order and will be sent again.
        Retrying = "retrying",
        /// It needs a person.
        Dead = "dead",
        /// A person decided that it is never sent.
        Dropped = "dropped",
        /// Its payment was removed before it was sent.
        Withheld = "withheld",
    }
}

closed_list! {
    /// Where a payment stands.
    pub enum PaymentState {
        /// It is in the books.
        Recorded = "recorded",
        /// It waits for its user.
        Held = "held",
        /// It waited for its user longer than it may.
        Expired = "expired",
        /// It was taken back.
        Removed = "removed",
    }
}

/// One request that carried a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttemptStory {
    /// When it was sent.
    pub at: Timestamp,
    /// How long the answer took, in milliseconds.
    pub millis: i64,
    /// How many events it carried.
    pub events: i64,
    /// What it met.
    pub outcome: String,
    /// HTTP status.
    pub status: Option<u16>,
    /// Meta's code.
    pub code: Option<i64>,
    /// Meta's subcode.
    pub subcode: Option<i64>,
    /// Meta's words.
    pub says: String,
    /// Meta's id of the request.
    pub trace_id: Option<String>,
}

/// What became of one delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeliveryStory {
    /// Where it goes.
    pub dataset: String,
    /// Where it stands.
    pub fate: Fate,
    /// Why it is dead or dropped, or why nothing is sent to its dataset while it waits, in words.
    pub because: Option<String>,
    /// When it will be sent again.
    pub due_at: Option<Timestamp>,
    /// The requests that carried it, in order.
    pub attempts: Vec<AttemptStory>,
    /// How often it was a dead letter before, and what persons decided about that, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<EndedLetter>,
}

/// Everything the books know of one payment.
#[derive(Debug, Clone, Serialize)]
pub struct PaymentStory {
    /// Whose books.
    pub project: String,
    /// The sender's id.
    pub payment_id: Option<String>,
    /// Where it stands.
    pub state: PaymentState,
    /// Its type.
    #[serde(rename = "type")]
    pub payment_type: String,
    /// When it arrived.
    pub received_at: Timestamp,
    /// What becomes of it while another payment has, or waits under, the same key, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// When it was removed, when its waiting ends, or since when its user is known.
    pub until: Option<Timestamp>,
    /// The payment as understood; absent once it is removed.
    pub capture: Option<Box<RawValue>>,
    /// The decision; absent while it is held.
    pub decision: Option<Box<RawValue>>,
    /// What was decided before, oldest first.
    pub former: Vec<FormerDecision>,
    /// Its deliveries, in order.
    pub deliveries: Vec<DeliveryStory>,
}

/// A decision that was replaced by a later one.
#[derive(Debug, Clone, Serialize)]
pub struct FormerDecision {
    /// Until when it stood.
    pub until: Timestamp,
    /// The decision.
    pub decision: Option<Box<RawValue>>,
}

impl Store {
    /// The stories of all payments with this id, in every project; if there are none, of those
    /// whose event has it, by their key.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn stories(
        &self,
        payment_id: String,
        now: Timestamp,
    ) -> Result<Vec<PaymentStory>, StoreError> {
        let read = move |connection: &Connection| {
            let found = stories(connection, &payment_id, now)?;
            if found.is_empty() {
                by_event::by_key(connection, &payment_id, now)
            } else {
                Ok(found)
            }
        };
        self.read_keys(read).await
    }
}

/// Reads stories from a database that may be in use by another process.
///
/// # Errors
/// [`StoreError`] if it cannot be opened or read.
pub fn stories_of(
    path: &Path,
    payment_id: &str,
    now: Timestamp,
) -> Result<Vec<PaymentStory>, StoreError> {
    stories(&schema::connect_reader(path)?, payment_id, now)
}

/// A row of the three tables in which a payment may stand.
struct Entry {
    seq: i64,
    story: PaymentStory,
    deliveries: std::ops::Range<i64>,
}

pub(super) fn stories(
    connection: &Connection,
    payment_id: &str,
    now: Timestamp,
) -> Result<Vec<PaymentStory>, StoreError> {
    // Each with the payment's id, so that every table uses its index.
    let candidates = keys::list(&keys::look_up(connection, Sought::Id(payment_id), i64::MIN)?);
    // The plus keeps SQLite from making an index for this one question.
    let recorded = "+p.payment_id = ?1 AND p.seq IN (SELECT value FROM json_each(?2))";
    select(connection, ["payment_id = ?1", recorded], &[&payment_id, &candidates], now)
}

/// The story of the payment with this number in the books, recorded or removed.
pub(super) fn story_of(
    connection: &Connection,
    seq: i64,
    now: Timestamp,
) -> Result<Vec<PaymentStory>, StoreError> {
    select(connection, ["seq = ?1", "seq = ?1 AND ?2 IS NULL"], &[&seq, &Null], now)
}

fn select(
    connection: &Connection,
    [condition, of_recorded]: [&str; 2],
    parameters: &[&dyn rusqlite::ToSql],
    now: Timestamp,
) -> Result<Vec<PaymentStory>, StoreError> {
    let select = format!(
        "SELECT j.name, 'recorded', type, received_at, u.known_at, capture, decision,
                first_delivery, deliveries, seq, payment_id
         FROM projects j CROSS JOIN payments p ON +p.project = j.id AND {of_recorded}
         LEFT JOIN users u ON u.project = p.project AND u.user_id = p.user_id
         UNION ALL SELECT j.name, 'removed', type, received_at, removed_at, NULL, decision,
                first_delivery, deliveries, seq, payment_id
         FROM projects j CROSS JOIN removed_payments p ON p.project = j.id AND {condition}
         UNION ALL SELECT j.name, 'held', type, received_at, expires_at, capture, NULL, 0, 0, 0,
                payment_id
         FROM projects j CROSS JOIN (SELECT *, 0 AS seq FROM held_payments) p
              ON p.project = j.id AND {condition}
         ORDER BY 4, 10"
    );
    let mut statement = connection.prepare_cached(&select)?;
    let entries = statement.query_map(parameters, entry)?.collect::<Result<Vec<_>, _>>()?;
    let told = |entry| told(connection, entry, now);
    let mut stories = entries.into_iter().map(told).collect::<Result<Vec<_>, _>>()?;
    let becauses: Vec<_> = stories.iter().map(|story| rivalry(story, &stories)).collect();
    for (story, because) in stories.iter_mut().zip(becauses) {
        story.because = because;
    }
    Ok(stories)
}

/// What the other payments of the same key mean for one that waits: a key is recorded once.
fn rivalry(story: &PaymentStory, all: &[PaymentStory]) -> Option<String> {
    let key = |story: &PaymentStory| {
        (story.project.clone(), story.payment_type.clone(), story.payment_id.clone())
    };
    if story.state != PaymentState::Held || story.payment_id.is_none() {
        return None;
    }
    let others = |state| all.iter().filter(move |other| other.state == state);
    let is_rival = |other: &&PaymentStory| key(other) == key(story);
    if others(PaymentState::Recorded).any(|other| is_rival(&other)) {
        return Some(
            "the payment of another user is recorded under this key: when the user of this one signs \
             up, it is a repetition and nothing is sent for it"
                .to_owned(),
        );
    }
    (others(PaymentState::Held).filter(is_rival).count() > 1).then(|| {
        "payments of several users wait under this key: whoever signs up first gets it, and the \
         others are repetitions then"
            .to_owned()
    })
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let first: i64 = row.get(7)?;
    let count: i64 = row.get(8)?;
    let state: String = row.get(1)?;
    let story = PaymentStory {
        project: row.get(0)?,
        payment_id: row.get(10)?,
        state: PaymentState::read(&state).unwrap_or(PaymentState::Recorded),
        payment_type: row.get(2)?,
        received_at: Timestamp::from_millis(row.get(3)?),
        because: None,
        until: row.get::<_, Option<i64>>(4)?.map(Timestamp::from_millis),
        capture: raw(row.get(5)?),
        decision: raw(row.get(6)?),
        former: Vec::new(),
        deliveries: Vec::new(),
    };
    Ok(Entry { seq: row.get(9)?, story, deliveries: first..first + count })
}

/// A stored JSON text; nothing, if a damaged database gives back something else.
fn raw(text: Option<String>) -> Option<Box<RawValue>> {
    text.and_then(|text| RawValue::from_string(text).ok())
}

fn told(connection: &Connection, entry: Entry, now: Timestamp) -> Result<PaymentStory, StoreError> {
    let mut story = entry.story;
    if story.state == PaymentState::Held && story.until.is_some_and(|until| until <= now) {
        story.state = PaymentState::Expired;
    }
    story.former = former(connection, entry.seq)?;
    for delivery in entry.deliveries {
        story.deliveries.extend(delivery_story(connection, delivery)?);
    }
    Ok(story)
}

fn former(connection: &Connection, seq: i64) -> Result<Vec<FormerDecision>, StoreError> {
    let select = "SELECT at, decision FROM former_decisions WHERE payment = ?1 ORDER BY at";
    let mut statement = connection.prepare_cached(select)?;
    let rows = statement.query_map([seq], |row| {
        let until = Timestamp::from_millis(row.get(0)?);
        Ok(FormerDecision { until, decision: raw(row.get(1)?) })
    })?;
    Ok(rows.collect::<Result<Vec<_>, _>>()?)
}

pub(super) fn delivery_story(
    connection: &Connection,
    seq: i64,
) -> Result<Option<DeliveryStory>, StoreError> {
    let Some((dataset, mut story)) = standing(connection, seq)? else { return Ok(None) };
    if matches!(story.fate, Fate::Pending | Fate::Retrying) {
        let circuit = circuits::circuit(connection, DatasetKey(dataset))?;
        story.because = circuit.map(|circuit| circuit.why_it_waits(&story.dataset));
    }
    story.attempts = attempts(connection, dataset, seq)?;
    story.ended = ending::ended(connection, seq)?;
    Ok(Some(story))
}

/// The number of a delivery's dataset and where it stands, without the requests that carried it.
pub(super) fn standing(
    connection: &Connection,
    seq: i64,
) -> Result<Option<(i64, DeliveryStory)>, StoreError> {
    let select = "SELECT s.id, s.name, d.seq <= s.cursor, r.due_at, l.reason, l.says,
                         w.delivery IS NOT NULL, e.delivery IS NOT NULL, e.because
                  FROM deliveries d JOIN datasets s ON s.id = d.dataset
                  LEFT JOIN retries r ON r.delivery = d.seq
                  LEFT JOIN dead_letters l ON l.delivery = d.seq
                  LEFT JOIN withheld w ON w.delivery = d.seq
                  LEFT JOIN ended_letters e ON e.delivery = d.seq AND e.how = 'dropped'
                  WHERE d.seq = ?1";
    let mut statement = connection.prepare_cached(select)?;
    let found = statement.query_row([seq], |row| {
        let passed: bool = row.get(2)?;
        let due_at: Option<i64> = row.get(3)?;
        let reason: Option<String> = row.get(4)?;
        let says: Option<String> = row.get(5)?;
        let (withheld, dropped): (bool, bool) = (row.get(6)?, row.get(7)?);
        let fate = match (withheld, due_at, &reason, passed) {
            (true, ..) => Fate::Withheld,
            (false, Some(_), ..) => Fate::Retrying,
            (false, None, Some(_), _) => Fate::Dead,
            (false, None, None, _) if dropped => Fate::Dropped,
            (false, None, None, true) => Fate::Delivered,
            (false, None, None, false) => Fate::Pending,
        };
        let because = match fate {
            Fate::Dead => {
                Some(format!("{}: {}", reason.unwrap_or_default(), says.unwrap_or_default()))
            }
            Fate::Dropped => row.get(8)?,
            Fate::Delivered | Fate::Pending | Fate::Retrying | Fate::Withheld => None,
        };
        let story = DeliveryStory {
            dataset: row.get(1)?,
            fate,
            because,
            due_at: due_at.map(Timestamp::from_millis),
            attempts: Vec::new(),
            ended: Vec::new(),
        };
        Ok((row.get::<_, i64>(0)?, story))
    });
    Ok(found.optional()?)
}

fn attempts(
    connection: &Connection,
    dataset: i64,
    seq: i64,
) -> Result<Vec<AttemptStory>, StoreError> {
    let select =
        "SELECT at, millis, events, outcome, status, code, subcode, says, trace_id, members
                  FROM attempts WHERE dataset = ?1 AND last >= ?2 AND first <= ?2 ORDER BY id";
    let mut statement = connection.prepare_cached(select)?;
    let rows = statement.query_map(params![dataset, seq], |row| {
        let members: Option<String> = row.get(9)?;
        let story = AttemptStory {
            at: Timestamp::from_millis(row.get(0)?),
            millis: row.get(1)?,
            events: row.get(2)?,
            outcome: row.get(3)?,
            status: row.get(4)?,
            code: row.get(5)?,
            subcode: row.get(6)?,
            says: row.get(7)?,
            trace_id: row.get(8)?,
        };
        Ok(carried(members.as_deref(), seq).then_some(story))
    })?;
    Ok(rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// Whether a list of members (absent: all between first and last) names the delivery.
fn carried(members: Option<&str>, seq: i64) -> bool {
    let Some(members) = members else { return true };
    let numbers: Vec<i64> = serde_json::from_str(members).unwrap_or_default();
    numbers.binary_search(&seq).is_ok()
}
