//! Who told of a payment, and which records are therefore one payment.
//!
//! Senders keep their payments apart by type and id. A provider of payments knows no types of ours:
//! its webhook names a transaction, and a sender may have told the same one under another type. So
//! what one of them told under an id and the other tells again is one payment. The rule is asked
//! inside the writer's transaction; outside of it two copies that arrive at once would be two.

use std::sync::LazyLock;

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::writer::Books;
use super::{NewPayment, ProjectKey, Store, StoreError, StoredPayment, keys};
use crate::core::names::closed_list;
use crate::core::payment::PaymentType;
use crate::core::time::Timestamp;

closed_list! {
    /// Who told of a payment.
    pub enum Source {
        /// A backend, an app, a site, an import.
        Sender = "sender",
        /// One of these, of an event that is no payment.
        Event = "event",
        /// A provider of payments, by its webhook.
        Provider = "provider",
    }
}

impl Source {
    /// The source in a column; anything else is a damaged database.
    pub(super) fn of_row(row: &Row<'_>, column: usize) -> rusqlite::Result<Self> {
        let text: String = row.get(column)?;
        Self::read(&text).ok_or_else(|| {
            let fault = format!("`{text}` is no source").into();
            rusqlite::Error::FromSqlConversionFailure(column, Type::Text, fault)
        })
    }

    /// The condition on a row with the same project (?1) and id (?2) under which it is the same
    /// payment as one of the type ?3 from this source. The types are listed, so that each is one
    /// look into an index however many reports of events, or held payments, have the same id.
    fn same(self) -> String {
        static TYPES: LazyLock<String> =
            LazyLock::new(|| PaymentType::words().collect::<Vec<_>>().join("', '"));
        let types = TYPES.as_str();
        match self {
            Self::Sender => format!("type IN ('{types}') AND (type = ?3 OR source = 'provider')"),
            Self::Event => "type = ?3".to_owned(),
            Self::Provider => format!("type IN ('{types}')"),
        }
    }
}

impl Store {
    /// Notes that a provider knows a payment under another id as well.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn note_alias(
        &self,
        project: ProjectKey,
        (alias, payment_id): (String, String),
    ) -> Result<(), StoreError> {
        let work = move |books: &mut Books<'_>| {
            let insert = "INSERT INTO aliases (project, alias, payment_id) VALUES (?1, ?2, ?3)
                          ON CONFLICT DO NOTHING";
            let row = params![project.0, alias, payment_id];
            books.connection.prepare_cached(insert)?.execute(row)?;
            Ok(())
        };
        self.write(work).await
    }

    /// The payments that a provider knows under this id as well, and under no other: what several
    /// have paid does not go back with one of them.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn of_alias(
        &self,
        project: ProjectKey,
        alias: String,
    ) -> Result<Vec<String>, StoreError> {
        let read = move |connection: &Connection| {
            let select = "SELECT payment_id FROM aliases a WHERE project = ?1 AND alias = ?2
                          AND NOT EXISTS (SELECT 1 FROM aliases b WHERE b.project = a.project
                              AND b.payment_id = a.payment_id AND b.alias <> a.alias)";
            let mut statement = connection.prepare_cached(select)?;
            let rows = statement.query_map(params![project.0, alias], |row| row.get(0))?;
            Ok(rows.collect::<Result<Vec<String>, _>>()?)
        };
        self.read(read).await
    }
}

/// The record that a payment repeats: of its own type if there is one, else the oldest.
pub(super) fn first_record(
    books: &Books<'_>,
    payment: &NewPayment,
) -> Result<Option<StoredPayment>, StoreError> {
    let Some(payment_id) = &payment.payment_id else { return Ok(None) };
    match payment.source {
        Source::Event => return first_report(books.connection, payment),
        Source::Sender | Source::Provider => {}
    }
    let candidates = books.state.keys.of_id(payment.project, payment_id);
    // Almost every payment is new, and that is known without a look into the database.
    if candidates.is_empty() {
        return Ok(None);
    }
    let select = among_candidates(payment.source);
    let mut statement = books.connection.prepare_cached(&select)?;
    let (kind, candidates) = (&payment.payment_type, keys::list(&candidates));
    let key = params![payment.project.0, payment_id, kind, candidates];
    Ok(statement.query_row(key, stored_payment).optional()?)
}

/// Looks at the candidates alone. A find is only a hint, and with ten million payments one new
/// payment in four hundred has a false one: were it looked for by another index, that one payment
/// would read all of its project while everybody waits.
fn among_candidates(source: Source) -> String {
    format!(
        "SELECT received_at, capture, decision FROM payments NOT INDEXED
         WHERE seq IN (SELECT value FROM json_each(?4))
           AND project = ?1 AND payment_id = ?2 AND {}
         ORDER BY type = ?3 DESC, seq LIMIT 1",
        source.same()
    )
}

/// The record of the event that is reported again. One id may stand under many names.
fn first_report(
    connection: &Connection,
    payment: &NewPayment,
) -> Result<Option<StoredPayment>, StoreError> {
    let select = "SELECT received_at, capture, decision FROM payments INDEXED BY payments_events
                  WHERE project = ?1 AND payment_id = ?2 AND type = ?3 AND source = 'event'";
    let key = params![payment.project.0, payment.payment_id, payment.payment_type];
    Ok(connection.prepare_cached(select)?.query_row(key, stored_payment).optional()?)
}

/// The payment of this user that waits, has not expired, and is repeated by this one; with its
/// number among the held.
pub(super) fn waiting(
    connection: &Connection,
    payment: &NewPayment,
) -> Result<Option<(i64, StoredPayment)>, StoreError> {
    let select = format!(
        "SELECT received_at, capture, decision, id
         FROM held_payments INDEXED BY held_payments_key
         WHERE project = ?1 AND payment_id = ?2 AND {} AND user_id = ?4 AND expires_at > ?5
         ORDER BY type = ?3 DESC, id LIMIT 1",
        payment.source.same()
    );
    let key = params![
        payment.project.0,
        payment.payment_id,
        payment.payment_type,
        payment.user_id,
        payment.received_at.millis(),
    ];
    let mut statement = connection.prepare_cached(&select)?;
    Ok(statement.query_row(key, |row| Ok((row.get(3)?, stored_payment(row)?))).optional()?)
}

/// Whether a payment of another user waits that this one would repeat, were both users known.
pub(super) fn beside_another(
    connection: &Connection,
    payment: &NewPayment,
) -> Result<bool, StoreError> {
    let select = format!(
        "SELECT 1 FROM held_payments INDEXED BY held_payments_key
         WHERE project = ?1 AND payment_id = ?2 AND {} AND user_id <> ?4 AND expires_at > ?5",
        payment.source.same()
    );
    let key = params![
        payment.project.0,
        payment.payment_id,
        payment.payment_type,
        payment.user_id,
        payment.received_at.millis(),
    ];
    Ok(connection.prepare_cached(&select)?.exists(key)?)
}

/// Whether a provider tells late of a payment that was taken back and not told again by its sender.
pub(super) fn taken_back(books: &Books<'_>, payment: &NewPayment) -> Result<bool, StoreError> {
    match payment.source {
        Source::Sender | Source::Event => return Ok(false),
        Source::Provider => {}
    }
    let select = "SELECT 1 FROM removed_payments
                  WHERE project = ?1 AND payment_id = ?2 AND source <> 'event'";
    let key = params![payment.project.0, payment.payment_id];
    Ok(books.connection.prepare_cached(select)?.exists(key)?
        && first_record(books, payment)?.is_none()
        && waiting(books.connection, payment)?.is_none())
}

fn stored_payment(row: &Row<'_>) -> rusqlite::Result<StoredPayment> {
    Ok(StoredPayment {
        received_at: Timestamp::from_millis(row.get(0)?),
        capture: row.get(1)?,
        decision: row.get(2)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::schema;

    /// How the database would look for what a payment repeats.
    fn plan(connection: &Connection, table: &str, source: Source) -> String {
        let select = format!(
            "EXPLAIN QUERY PLAN SELECT 1 FROM {table}
             WHERE project = ?1 AND payment_id = ?2 AND {} AND user_id = ?4",
            source.same()
        );
        let key = params![1, "p", "DEFAULT", "u"];
        connection.query_row(&select, key, |row| row.get(3)).expect("a plan")
    }

    #[test]
    fn no_look_for_another_telling_reads_more_than_a_row_a_type() {
        let mut connection = Connection::open_in_memory().expect("a database in memory");
        schema::migrate(&mut connection).expect("the schema");
        for source in Source::ALL {
            let held = plan(&connection, "held_payments INDEXED BY held_payments_key", *source);
            assert!(held.contains("type=? AND user_id=?"), "{source}: {held}");
        }
    }

    #[test]
    fn what_stood_in_the_books_before_was_told_by_its_sender() {
        let mut connection = Connection::open_in_memory().expect("a database in memory");
        schema::migrate_to(&mut connection, 5).expect("the schema before");
        let insert = "INSERT INTO payments (seq, project, type, payment_id, user_id, received_at,
                                            capture, decision, first_delivery, deliveries)
                      VALUES (?1, 1, ?2, 'p', 'u', 0, '{}', '{}', 1, 0)";
        for (seq, kind) in [(1, "DEFAULT"), (2, "event:add_to_cart")] {
            connection.execute(insert, params![seq, kind]).expect("a row");
        }
        schema::migrate(&mut connection).expect("the schema of today");
        let mut select =
            connection.prepare("SELECT source FROM payments ORDER BY seq").expect("SQL");
        let sources = select.query_map([], |row| Source::of_row(row, 0)).expect("rows");
        let sources: Vec<Source> = sources.collect::<Result<_, _>>().expect("sources");
        assert_eq!(sources, [Source::Sender, Source::Event]);
    }
}
