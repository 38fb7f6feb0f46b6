//! Whether a payment was taken back: what is left of it is its key and when that was.

use rusqlite::{Connection, params};

use super::{ProjectKey, Store, StoreError};

impl Store {
    /// Whether a payment of this id was removed and none has been recorded under it since.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn was_removed(
        &self,
        project: ProjectKey,
        payment_id: String,
    ) -> Result<bool, StoreError> {
        let select = "SELECT EXISTS (SELECT 1 FROM removed_payments
                                     WHERE project = ?1 AND payment_id = ?2)
                         AND NOT EXISTS (SELECT 1 FROM payments
                                         WHERE project = ?1 AND payment_id = ?2)";
        let read = move |connection: &Connection| {
            let mut statement = connection.prepare_cached(select)?;
            Ok(statement.query_row(params![project.0, payment_id], |row| row.get(0))?)
        };
        self.read(read).await
    }
}
