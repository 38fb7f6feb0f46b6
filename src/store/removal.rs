//! Removals: payments taken back, with the identifiers of their person.
//!
//! One job of the writer: either all of it happened or nothing. Where each delivery stands is asked
//! at that moment, so the answer is exact: what is under way or delivered counts as sent, what is
//! not finished will not be sent.

use std::fmt::Write as _;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, params, params_from_iter};

use super::keys::{self, Sought};
use super::writer::Books;
use super::{ProjectKey, Store, StoreError};
use crate::core::time::Timestamp;

/// What a removal found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// Payments taken out of the books.
    pub payments: usize,
    /// Payments that were still waiting for their user.
    pub held: usize,
    /// Deliveries that will not be sent.
    pub withheld: usize,
    /// Deliveries that were sent, or are being sent this moment.
    pub sent: usize,
}

/// Which payments a removal means. Held ones are found too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doomed {
    /// All of this user.
    User(String),
    /// All with this id, of whatever type.
    Payment(String),
    /// Those of this user that have this id.
    UserAndPayment(String, String),
    /// The one with this type and id, which a provider may have told under another type, and those
    /// that wait under this key.
    Key(&'static str, String),
    /// All that arrived from the first moment to the last, both included; of one user or of all.
    Arrived(Option<String>, (Timestamp, Timestamp)),
}

impl Doomed {
    /// Whose payments, where that is said.
    fn user(&self) -> Option<&str> {
        match self {
            Self::User(user) | Self::UserAndPayment(user, _) | Self::Arrived(Some(user), _) => {
                Some(user)
            }
            Self::Payment(_) | Self::Key(..) | Self::Arrived(None, _) => None,
        }
    }

    /// With which id, where that is said.
    fn payment_id(&self) -> Option<&str> {
        match self {
            Self::Payment(id) | Self::UserAndPayment(_, id) | Self::Key(_, id) => Some(id),
            Self::User(_) | Self::Arrived(..) => None,
        }
    }

    /// The condition on a table of payments and its parameters behind the project's.
    fn condition(&self) -> (&'static str, Vec<Value>) {
        match self.clone() {
            Self::User(user) => ("user_id = ?2", vec![user.into()]),
            Self::Payment(id) => ("payment_id = ?2", vec![id.into()]),
            Self::UserAndPayment(user, id) => {
                ("user_id = ?2 AND payment_id = ?3", vec![user.into(), id.into()])
            }
            Self::Key(kind, id) => (
                "payment_id = ?3 AND (type = ?2 OR source = 'provider')",
                vec![kind.to_owned().into(), id.into()],
            ),
            Self::Arrived(None, (first, last)) => {
                ("received_at BETWEEN ?2 AND ?3", vec![first.millis().into(), last.millis().into()])
            }
            Self::Arrived(Some(user), (first, last)) => (
                // The plus sign: a user has few payments, a range may have all.
                "user_id = ?4 AND +received_at BETWEEN ?2 AND ?3",
                vec![first.millis().into(), last.millis().into(), user.into()],
            ),
        }
    }
}

/// The payments that a user has up to a number, and that number.
type OfUser = (Vec<i64>, i64);

fn of_user(connection: &Connection, user: &str) -> Result<OfUser, StoreError> {
    let snapshot = connection.unchecked_transaction()?;
    let last = "SELECT coalesce(max(seq), 0) FROM payment_keys";
    let last = snapshot.query_row(last, [], |row| row.get(0))?;
    Ok((keys::look_up(&snapshot, Sought::User(user), i64::MIN)?, last))
}

/// The numbers among which the payments are that a removal means; `None` where nothing but their
/// own columns tells.
fn candidates(
    books: &Books<'_>,
    project: ProjectKey,
    (doomed, looked): (&Doomed, Option<&OfUser>),
) -> Result<Option<Vec<i64>>, StoreError> {
    Ok(match (doomed.payment_id(), doomed.user(), looked) {
        (Some(id), ..) => Some(keys::with_id(books, project, id)?),
        (None, Some(user), Some((found, last))) => {
            let since = keys::look_up(books.connection, Sought::User(user), *last)?;
            Some(found.iter().copied().chain(since).collect())
        }
        (None, ..) => None,
    })
}

impl Store {
    /// Removes payments by user, by id, or by both, with the identifiers of their person. What was
    /// not yet on its way is withheld; the keys are free again.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails; then nothing was removed.
    pub async fn remove(
        &self,
        project: ProjectKey,
        user_id: Option<String>,
        payment_id: Option<String>,
        now: Timestamp,
    ) -> Result<Removed, StoreError> {
        let doomed = match (user_id, payment_id) {
            (Some(user), Some(id)) => Doomed::UserAndPayment(user, id),
            (Some(user), None) => Doomed::User(user),
            (None, Some(id)) => Doomed::Payment(id),
            (None, None) => return Ok(Removed::default()),
        };
        self.remove_all(project, doomed, now).await
    }

    /// Removes all payments that a description fits, as [`Store::remove`] does, in one transaction.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails; then nothing was removed.
    pub async fn remove_all(
        &self,
        project: ProjectKey,
        doomed: Doomed,
        now: Timestamp,
    ) -> Result<Removed, StoreError> {
        // All but the latest payments of a user are looked for here, where nobody waits for it.
        let looked = match doomed.user().map(str::to_owned) {
            Some(user) => Some(self.read_keys(move |books| of_user(books, &user)).await?),
            None => None,
        };
        let work = move |books: &mut Books<'_>| {
            remove_these(books, project, (&doomed, looked.as_ref()), now)
        };
        self.write(work).await
    }
}

fn remove_these(
    books: &mut Books<'_>,
    project: ProjectKey,
    (doomed, looked): (&Doomed, Option<&OfUser>),
    now: Timestamp,
) -> Result<Removed, StoreError> {
    let among = candidates(books, project, (doomed, looked))?;
    let (condition, mut parameters) = doomed.condition();
    parameters.insert(0, project.0.into());
    remove(books, (condition, parameters, among), now)
}

fn remove(
    books: &mut Books<'_>,
    (condition, parameters, among): (&str, Vec<Value>, Option<Vec<i64>>),
    now: Timestamp,
) -> Result<Removed, StoreError> {
    let connection = books.connection;
    let condition = format!("project = ?1 AND {condition}");
    let mut of_recorded = parameters.clone();
    // Where the numbers are known, no other index is asked: it would read all of the project.
    let by = if among.is_some() { "NOT INDEXED" } else { "" };
    let mut select =
        format!("SELECT seq, first_delivery, deliveries FROM payments {by} WHERE {condition}");
    if let Some(among) = among {
        of_recorded.push(keys::list(&among).into());
        let last = of_recorded.len();
        // Writing to a text cannot fail.
        let _ = write!(select, " AND seq IN (SELECT value FROM json_each(?{last}))");
    }
    let found: Vec<(i64, i64, i64)> = connection
        .prepare_cached(&select)?
        .query_map(params_from_iter(of_recorded), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?
        .collect::<Result<_, _>>()?;
    let mut removed = Removed { payments: found.len(), ..Removed::default() };
    for (seq, first, count) in found {
        withhold(books, first..first + count, now, &mut removed)?;
        bury(connection, seq, now)?;
        books.state.forget(connection, seq)?;
    }
    let select = format!("SELECT id FROM held_payments WHERE {condition}");
    let held: Vec<i64> = connection
        .prepare_cached(&select)?
        .query_map(params_from_iter(&parameters), |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    removed.held = held.len();
    for id in held {
        let seq = books.state.payment();
        bury_held(connection, id, (seq, now))?;
    }
    if removed.payments + removed.held > 0 {
        books.state.erase();
    }
    Ok(removed)
}

/// Erases the frozen events of a removed payment; what is not finished will not be sent.
fn withhold(
    books: &mut Books<'_>,
    deliveries: std::ops::Range<i64>,
    now: Timestamp,
    removed: &mut Removed,
) -> Result<(), StoreError> {
    let connection = books.connection;
    let select = "SELECT d.dataset, d.seq <= s.cursor AND r.delivery IS NULL AND l.delivery IS NULL
                                    AND e.delivery IS NULL
                  FROM deliveries d JOIN datasets s ON s.id = d.dataset
                  LEFT JOIN retries r ON r.delivery = d.seq
                  LEFT JOIN dead_letters l ON l.delivery = d.seq
                  LEFT JOIN ended_letters e ON e.delivery = d.seq AND e.how = 'dropped'
                  WHERE d.seq = ?1";
    for delivery in deliveries {
        let mut statement = connection.prepare_cached(select)?;
        let found = statement.query_row([delivery], |row| Ok((row.get(0)?, row.get(1)?)));
        let Some((dataset, delivered)): Option<(i64, bool)> = found.optional()? else { continue };
        if !delivered {
            let insert = "INSERT INTO withheld (delivery, dataset, at) VALUES (?1, ?2, ?3)";
            let row = params![delivery, dataset, now.millis()];
            connection.prepare_cached(insert)?.execute(row)?;
            let delete = "DELETE FROM retries WHERE delivery = ?1";
            connection.prepare_cached(delete)?.execute([delivery])?;
        }
        if delivered || books.state.under_way.contains(delivery) {
            removed.sent += 1;
        } else {
            removed.withheld += 1;
        }
        books.state.recent.changed(delivery);
        for erase in [
            "UPDATE deliveries SET body = '', checksum = NULL WHERE seq = ?1",
            // What a person wrote about a dead letter may be about the other person.
            "UPDATE ended_letters SET because = NULL WHERE delivery = ?1",
        ] {
            connection.prepare_cached(erase)?.execute([delivery])?;
        }
    }
    Ok(())
}

/// Moves a payment out of the books, leaving no trace of its person.
fn bury(connection: &Connection, seq: i64, now: Timestamp) -> Result<(), StoreError> {
    let insert = "INSERT INTO removed_payments (seq, project, type, payment_id, received_at,
                                                removed_at, decision, first_delivery, deliveries, source)
                  SELECT seq, project, type, payment_id, received_at, ?2, decision,
                         first_delivery, deliveries, source FROM payments WHERE seq = ?1";
    connection.prepare_cached(insert)?.execute(params![seq, now.millis()])?;
    connection.prepare_cached("DELETE FROM payments WHERE seq = ?1")?.execute([seq])?;
    Ok(())
}

/// The same for a payment that waited for its user.
fn bury_held(
    connection: &Connection,
    id: i64,
    (seq, now): (i64, Timestamp),
) -> Result<(), StoreError> {
    let insert = "INSERT INTO removed_payments (seq, project, type, payment_id, received_at,
                                                removed_at, decision, first_delivery, deliveries, source)
                  SELECT ?2, project, type, payment_id, received_at, ?3, decision, 0, 0, source
                  FROM held_payments WHERE id = ?1";
    connection.prepare_cached(insert)?.execute(params![id, seq, now.millis()])?;
    connection.prepare_cached("DELETE FROM held_payments WHERE id = ?1")?.execute([id])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::store::writer::State;
    use crate::store::{DatasetKey, Entry, NewPayment, Source, schema};

    const NOW: i64 = 1_772_280_000_000;

    /// A payment of a person with no other; all of them arrive in one moment.
    fn payment(project: ProjectKey, dataset: DatasetKey, name: &str) -> NewPayment {
        NewPayment {
            project,
            payment_type: "DEFAULT".to_owned(),
            payment_id: Some(format!("p-{name}")),
            user_id: format!("u-{name}"),
            source: Source::Sender,
            received_at: Timestamp::from_millis(NOW),
            capture: "{}".to_owned(),
            decision: "{}".to_owned(),
            deliveries: vec![(dataset, Timestamp::from_millis(NOW), "{}".into())],
        }
    }

    /// How many steps `SQLite` takes for each of these removals in books with so many payments of
    /// the project, recorded and held, besides.
    async fn steps(others: usize) -> Vec<(Doomed, u64)> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("books.db");
        let store = Store::open(&path).expect("a store");
        let project = store.project("shop").await.expect("its number");
        let dataset = store.dataset("storefront").await.expect("its number");
        let now = Timestamp::from_millis(NOW);
        let all = (now, now);
        let (user, id) = (|name: &str| format!("u-{name}"), |name: &str| format!("p-{name}"));
        let removals = [
            ("a", Doomed::Payment(id("a")), (1, 1)),
            ("b", Doomed::User(user("b")), (1, 1)),
            ("c", Doomed::UserAndPayment(user("c"), id("c")), (1, 1)),
            ("d", Doomed::Key("DEFAULT", id("d")), (1, 0)),
            ("e", Doomed::Arrived(Some(user("e")), all), (1, 1)),
            // Whoever takes nothing back must not read everything either.
            ("f", Doomed::Payment("nobody's".to_owned()), (0, 0)),
        ];
        let others = (0..others).map(|number| number.to_string());
        let names: Vec<String> =
            others.chain(removals.iter().map(|(name, ..)| (*name).to_owned())).collect();
        let recorded = names.iter().map(|name| Entry::Record(payment(project, dataset, name)));
        let held = names.iter().map(|name| {
            let held = NewPayment { deliveries: Vec::new(), ..payment(project, dataset, name) };
            // Of another type: a key that is in the books does not wait as well.
            let held = NewPayment { payment_type: "HELD".to_owned(), ..held };
            Entry::Hold(held, now.plus_millis(1))
        });
        store.enter(recorded.chain(held).collect()).await.expect("entered");
        store.close().await;
        let mut connection = schema::connect(&path).expect("a database");
        let mut state = State::read(&connection).expect("the numbers");
        let counted = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&counted);
        let step = move || {
            count.fetch_add(1, Ordering::Relaxed);
            false
        };
        connection.progress_handler(1, Some(step)).expect("a count");
        let mut steps = Vec::new();
        for (_, doomed, expected) in removals {
            // All keys are looked at for a user, beside the writer: that is not counted here.
            let looked = doomed.user().map(|user| of_user(&connection, user).expect("a look"));
            let before = counted.load(Ordering::Relaxed);
            let books = &mut Books::new(&connection, &mut state);
            let removed = remove_these(books, project, (&doomed, looked.as_ref()), now);
            let removed = removed.expect("removed");
            steps.push((doomed, counted.load(Ordering::Relaxed) - before));
            assert_eq!((removed.payments, removed.held), expected, "{steps:?}");
        }
        steps
    }

    /// While one payment is taken back everybody waits. By an index of time, or of anything else,
    /// the removal of one would read all payments of its project.
    #[tokio::test]
    async fn a_removal_by_id_or_user_costs_the_same_however_much_stands_in_the_books() {
        let few = steps(10).await;
        assert!(few.iter().all(|(_, steps)| *steps > 0), "they are counted: {few:?}");
        assert_eq!(few, steps(1_000).await);
    }
}
