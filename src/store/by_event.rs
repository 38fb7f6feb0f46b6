//! Finding a payment by the id of its event, as Meta's Events Manager shows it.
//!
//! In: an event id. Out: the stories of its payment. The id that a mapping file gives unless told
//! otherwise names the key of the payment, which has an index. For the sender's own ids and those
//! of a template there is none, because it would cost every capture: all decisions are read,
//! newest first, so only a command that somebody waits for does that.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _};

use super::story::{PaymentStory, stories, story_of};
use super::{StoreError, schema};
use crate::core::payment::PaymentType;
use crate::core::time::Timestamp;

/// Reads the stories of the payment with this event id from a database that may be in use by
/// another process. It may read the whole database.
///
/// # Errors
/// [`StoreError`] if it cannot be opened or read.
pub fn stories_of_event(
    path: &Path,
    event_id: &str,
    now: Timestamp,
) -> Result<Vec<PaymentStory>, StoreError> {
    let connection = schema::connect_reader(path)?;
    let found = by_key(&connection, event_id, now)?;
    if found.is_empty() { by_search(&connection, event_id, now) } else { Ok(found) }
}

/// The payments whose key stands in the event id: `{type}.{payment_id}`.
pub(super) fn by_key(
    connection: &Connection,
    event_id: &str,
    now: Timestamp,
) -> Result<Vec<PaymentStory>, StoreError> {
    let key = event_id.split_once('.').filter(|(word, _)| PaymentType::read(word).is_some());
    let Some((payment_type, payment_id)) = key else { return Ok(Vec::new()) };
    let mut found = stories(connection, payment_id, now)?;
    found.retain(|story| story.payment_type == payment_type);
    Ok(found)
}

/// The newest payment, and the newest removed one, whose decision names the event.
fn by_search(
    connection: &Connection,
    event_id: &str,
    now: Timestamp,
) -> Result<Vec<PaymentStory>, StoreError> {
    // As the decision was written; inside another text its quotes would be escaped.
    let name = format!(r#""event_id":{}"#, serde_json::Value::from(event_id));
    let mut found = Vec::new();
    for select in [
        "SELECT seq FROM payments WHERE instr(decision, ?1) > 0 ORDER BY seq DESC LIMIT 1",
        "SELECT seq FROM removed_payments WHERE instr(decision, ?1) > 0 ORDER BY seq DESC LIMIT 1",
    ] {
        let mut statement = connection.prepare_cached(select)?;
        let seq: Option<i64> = statement.query_row([&name], |row| row.get(0)).optional()?;
        if let Some(seq) = seq {
            found.extend(story_of(connection, seq, now)?);
        }
    }
    found.sort_by_key(|story| story.received_at);
    Ok(found)
}
