//! What is known under a payment's id, whatever its type: for senders who tell a payment by its id
//! alone.

use rusqlite::{Connection, params};

use super::{ProjectKey, Store, StoreError};

/// What is known under an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KnownAs {
    /// Nothing.
    Nothing,
    /// Payments are recorded under it, of these types.
    Recorded(Vec<String>),
    /// What was recorded under it was removed, and nothing has been since.
    Removed,
}

impl Store {
    /// What is known under this id at this moment.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn known_as(
        &self,
        project: ProjectKey,
        payment_id: String,
    ) -> Result<KnownAs, StoreError> {
        let read = move |connection: &Connection| {
            let key = params![project.0, payment_id];
            let select = "SELECT type FROM payments WHERE project = ?1 AND payment_id = ?2";
            let mut statement = connection.prepare_cached(select)?;
            let types = statement.query_map(key, |row| row.get(0))?;
            let types = types.collect::<Result<Vec<String>, _>>()?;
            if !types.is_empty() {
                return Ok(KnownAs::Recorded(types));
            }
            let select = "SELECT 1 FROM removed_payments WHERE project = ?1 AND payment_id = ?2";
            let was_removed = connection.prepare_cached(select)?.exists(key)?;
            Ok(if was_removed { KnownAs::Removed } else { KnownAs::Nothing })
        };
        self.read(read).await
    }
}
