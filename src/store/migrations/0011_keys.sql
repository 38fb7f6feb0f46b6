-- The keys of payments, as numbers, in the order of arrival. An index on ids would be written in as
-- many places as there are payments in a group, because ids come in no order; this table grows at
-- its end. The writer keeps the ids in memory (store::keys), and looks at the payment itself whenever
-- one is found there. id_hash is null where there is no id, and of a reported event.
CREATE TABLE payment_keys (
    seq       INTEGER PRIMARY KEY,
    id_hash   INTEGER,
    user_hash INTEGER NOT NULL
) STRICT;

-- What the numbers are made with, so that nobody outside can choose ids that have the same.
CREATE TABLE key_salt (
    salt BLOB NOT NULL
) STRICT;
INSERT INTO key_salt VALUES (randomblob(16));

DROP INDEX payments_key;
DROP INDEX payments_user;

-- Reports of events keep an index: one id may stand under as many names as an app makes up, and
-- whoever looks for one of them must not read them all.
CREATE UNIQUE INDEX payments_events ON payments (project, payment_id, type) WHERE source = 'event';
