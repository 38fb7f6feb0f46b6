//! What the writer keeps in memory, beside the database.

use rusqlite::{Connection, OptionalExtension as _};

use crate::store::keys::Keys;
use crate::store::months;
use crate::store::recent::Recent;
use crate::store::under_way::UnderWay;
use crate::store::{DatasetKey, StoreError};

/// What the writer keeps in memory. A rolled-back job may leave a gap in the numbers; that is all.
#[derive(Debug)]
pub(in crate::store) struct State {
    next_payment: i64,
    next_delivery: i64,
    /// The ids of the payments in the books.
    pub(in crate::store) keys: Keys,
    /// Payments that this group takes out of the books, with the number of their id.
    gone: Vec<(i64, i64)>,
    /// Deliveries whose request is under way, or was and is not settled yet.
    pub(in crate::store) under_way: UnderWay,
    /// Whether the payments of some month are counted.
    pub(in crate::store) counts_months: bool,
    /// The newest deliveries.
    pub(in crate::store) recent: Recent,
    /// To which datasets this group appended deliveries.
    pub(super) appended: Vec<DatasetKey>,
    /// Whether something was erased that the write-ahead log still holds.
    pub(super) erased: bool,
    /// Whether somebody wants the log cut off behind this group.
    pub(super) cut_wanted: bool,
}

impl State {
    pub(in crate::store) fn read(connection: &Connection) -> Result<Self, StoreError> {
        let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
        // No number is given twice, whatever was pruned or is lost: who refers to it remembers it.
        // The last delivery stands for all of them; a salvage looks at each.
        let payment = number(
            "SELECT max(coalesce((SELECT max(seq) FROM payments), 0),
                        coalesce((SELECT max(seq) FROM removed_payments), 0),
                        coalesce((SELECT payment FROM deliveries ORDER BY seq DESC LIMIT 1), 0),
                        coalesce((SELECT max(payment) FROM former_decisions), 0),
                        coalesce((SELECT number FROM last_numbers WHERE what = 'payment'), 0))",
        )?;
        let delivery = number(
            "SELECT max(coalesce((SELECT max(seq) FROM deliveries), 0),
                        coalesce((SELECT max(cursor) FROM datasets), 0),
                        coalesce((SELECT number FROM last_numbers WHERE what = 'delivery'), 0))",
        )?;
        Ok(Self {
            next_payment: payment + 1,
            next_delivery: delivery + 1,
            keys: Keys::read(connection)?,
            gone: Vec::new(),
            under_way: UnderWay::default(),
            counts_months: months::are_counted(connection)?,
            recent: Recent::begin(delivery),
            appended: Vec::new(),
            // A process that was killed may have left something in the log.
            erased: true,
            cut_wanted: false,
        })
    }

    /// The number of the next payment.
    pub(in crate::store) fn payment(&mut self) -> i64 {
        self.next_payment += 1;
        self.next_payment - 1
    }

    /// The first of `count` numbers for deliveries.
    pub(in crate::store) fn deliveries(&mut self, count: usize) -> i64 {
        let first = self.next_delivery;
        self.next_delivery += i64::try_from(count).unwrap_or(0);
        first
    }

    /// Takes the key of a payment out of the books: its id is free, once this group is committed.
    pub(in crate::store) fn forget(
        &mut self,
        connection: &Connection,
        payment: i64,
    ) -> Result<(), StoreError> {
        let delete = "DELETE FROM payment_keys WHERE seq = ?1 RETURNING id_hash";
        let mut statement = connection.prepare_cached(delete)?;
        let hash: Option<Option<i64>> =
            statement.query_row([payment], |row| row.get(0)).optional()?;
        self.gone.extend(hash.flatten().map(|hash| (hash, payment)));
        Ok(())
    }

    /// The end of a transaction: what it took out of the books is forgotten, or not.
    pub(in crate::store) fn ended(&mut self, is_committed: bool) {
        self.under_way.end(is_committed);
        self.recent.end(is_committed);
        for (hash, payment) in std::mem::take(&mut self.gone) {
            if is_committed {
                self.keys.forget(hash, payment);
            }
        }
    }

    /// Notes that something was erased: it must not survive in the write-ahead log either.
    pub(in crate::store) fn erase(&mut self) {
        self.erased = true;
    }

    /// Tries again behind this group to cut off the log, if it still holds what was erased.
    pub(in crate::store) fn cut_log(&mut self) {
        self.cut_wanted = self.erased;
    }

    /// Notes that the dataset's forwarder has something to do once this group is committed.
    pub(in crate::store) fn ring(&mut self, dataset: DatasetKey) {
        if !self.appended.contains(&dataset) {
            self.appended.push(dataset);
        }
    }
}
