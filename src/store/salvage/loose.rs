//! What refers to rows that a salvage could not read.
//!
//! In: the new books, just filled. Out: the same, in which no lost number is given again and no event
//! of a lost payment is sent. Deliberately absent: taking anything out of the books.

use rusqlite::{Connection, params};

use crate::core::time::Timestamp;
use crate::store::StoreError;

/// Remembers the highest numbers and withholds events without a payment: how many.
pub(super) fn tie(books: &Connection, now: Timestamp) -> Result<u64, StoreError> {
    remember(books)?;
    withhold(books, now)
}

/// Everything that names a payment or a delivery is asked for the highest: a number that was lost
/// must not go to a stranger, to whom old deliveries and letters would belong then.
fn remember(books: &Connection) -> Result<(), StoreError> {
    let payment = "SELECT seq AS number FROM payments UNION ALL SELECT seq FROM removed_payments
                   UNION ALL SELECT payment FROM deliveries
                   UNION ALL SELECT payment FROM former_decisions
                   UNION ALL SELECT payment FROM clear_fields";
    let delivery = "SELECT seq AS number FROM deliveries UNION ALL SELECT cursor FROM datasets
                    UNION ALL SELECT first_delivery + deliveries - 1 FROM payments
                    UNION ALL SELECT first_delivery + deliveries - 1 FROM removed_payments
                    UNION ALL SELECT delivery FROM retries UNION ALL SELECT delivery FROM withheld
                    UNION ALL SELECT delivery FROM dead_letters
                    UNION ALL SELECT delivery FROM ended_letters
                    UNION ALL SELECT last FROM attempts";
    for (what, numbers) in [("payment", payment), ("delivery", delivery)] {
        let insert = format!(
            "INSERT INTO last_numbers (what, number)
             SELECT ?1, coalesce(max(number), 0) FROM ({numbers}) WHERE true
             ON CONFLICT (what) DO UPDATE SET number = max(number, excluded.number)"
        );
        books.execute(&insert, [what])?;
    }
    Ok(())
}

/// What is not delivered and has no payment is not sent, as after a removal: nobody knows any more
/// whether it was taken back.
fn withhold(books: &Connection, now: Timestamp) -> Result<u64, StoreError> {
    let insert = "INSERT OR IGNORE INTO withheld (delivery, dataset, at)
         SELECT d.seq, d.dataset, ?1 FROM deliveries d LEFT JOIN datasets s ON s.id = d.dataset
         WHERE NOT EXISTS (SELECT 1 FROM payments p WHERE p.seq = d.payment)
           AND (d.seq > coalesce(s.cursor, 0)
                OR EXISTS (SELECT 1 FROM retries r WHERE r.delivery = d.seq)
                OR EXISTS (SELECT 1 FROM dead_letters l WHERE l.delivery = d.seq)
                OR EXISTS (SELECT 1 FROM ended_letters e
                           WHERE e.delivery = d.seq AND e.how = 'dropped'))
           AND NOT EXISTS (SELECT 1 FROM withheld w WHERE w.delivery = d.seq)";
    let withheld = books.execute(insert, params![now.millis()])?;
    let delete = "DELETE FROM retries WHERE delivery IN (SELECT delivery FROM withheld)";
    books.execute(delete, [])?;
    Ok(withheld as u64)
}
