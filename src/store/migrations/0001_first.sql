-- The first schema. Migrations are forward only: this file never changes once it is released.
--
-- What grows with every payment is appended in arrival order and never changes state: payments,
-- deliveries, attempts, dead_letters. Which deliveries are done is one number per dataset, its
-- cursor; what leaves that order goes into the small tables retries, withheld and dead_letters.

CREATE TABLE projects (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

-- cursor: every delivery of the dataset up to this number is finished, or stands in retries.
-- lease_epoch: fencing; whoever took the lease last is the only one whose settlement counts.
CREATE TABLE datasets (
    id          INTEGER PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE,
    cursor      INTEGER NOT NULL DEFAULT 0,
    lease_owner TEXT,
    lease_epoch INTEGER NOT NULL DEFAULT 0,
    lease_until INTEGER NOT NULL DEFAULT 0
) STRICT;

-- person: hashed identifiers and the data of a device, as JSON. Clear ones are never stored.
CREATE TABLE users (
    project   INTEGER NOT NULL,
    user_id   TEXT NOT NULL,
    known_at  INTEGER NOT NULL,
    person    TEXT NOT NULL,
    PRIMARY KEY (project, user_id)
) STRICT, WITHOUT ROWID;

-- capture: the payment as understood, hashed, in the shape of the API. decision: verdict, reason,
-- events, findings, mapping version. The deliveries of a payment are numbered without a gap.
CREATE TABLE payments (
    seq            INTEGER PRIMARY KEY,
    project        INTEGER NOT NULL,
    type           TEXT NOT NULL,
    payment_id     TEXT,
    user_id        TEXT NOT NULL,
    received_at    INTEGER NOT NULL,
    capture        TEXT NOT NULL,
    decision       TEXT NOT NULL,
    first_delivery INTEGER NOT NULL,
    deliveries     INTEGER NOT NULL
) STRICT;
-- The key of deduplication; payments without an id are all different. The id stands before the
-- type because removals and traces know only the id.
CREATE UNIQUE INDEX payments_key ON payments (project, payment_id, type);
CREATE INDEX payments_user ON payments (project, user_id);

-- What is left of a removed payment: no person, no capture, a key that is free again.
CREATE TABLE removed_payments (
    seq            INTEGER PRIMARY KEY,
    project        INTEGER NOT NULL,
    type           TEXT NOT NULL,
    payment_id     TEXT,
    received_at    INTEGER NOT NULL,
    removed_at     INTEGER NOT NULL,
    decision       TEXT NOT NULL,
    first_delivery INTEGER NOT NULL,
    deliveries     INTEGER NOT NULL
) STRICT;
CREATE INDEX removed_payments_id ON removed_payments (project, payment_id);

-- Payments of users who are not known yet. They use up no key; an equal one is kept once. The id
-- is never given twice: whoever releases one by its id must not meet another.
CREATE TABLE held_payments (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    project     INTEGER NOT NULL,
    type        TEXT NOT NULL,
    payment_id  TEXT,
    user_id     TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    capture     TEXT NOT NULL,
    decision    TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX held_payments_key ON held_payments (project, payment_id, type, user_id);
CREATE INDEX held_payments_user ON held_payments (project, user_id);

-- The log: one frozen event on its way to one dataset. expires_at: the latest moment at which Meta
-- takes it, in milliseconds.
CREATE TABLE deliveries (
    seq        INTEGER PRIMARY KEY,
    dataset    INTEGER NOT NULL,
    payment    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    body       TEXT NOT NULL
) STRICT;

-- Deliveries that left the order and are to be sent again. due_at in milliseconds.
CREATE TABLE retries (
    delivery INTEGER PRIMARY KEY,
    dataset  INTEGER NOT NULL,
    tries    INTEGER NOT NULL,
    due_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX retries_due ON retries (dataset, due_at);

-- Deliveries of removed payments that were not finished: not sent any more. One that was under way
-- and turns out to be accepted is taken out again.
CREATE TABLE withheld (
    delivery INTEGER PRIMARY KEY,
    dataset  INTEGER NOT NULL,
    at       INTEGER NOT NULL
) STRICT;

CREATE TABLE dead_letters (
    delivery INTEGER PRIMARY KEY,
    dataset  INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    reason   TEXT NOT NULL,
    code     INTEGER,
    subcode  INTEGER,
    says     TEXT NOT NULL,
    trace_id TEXT
) STRICT;

-- One row per request to Meta, not per event. members: the deliveries it carried, as a JSON list,
-- where they are not simply all of the dataset from first to last.
CREATE TABLE attempts (
    id       INTEGER PRIMARY KEY,
    dataset  INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    millis   INTEGER NOT NULL,
    first    INTEGER NOT NULL,
    last     INTEGER NOT NULL,
    events   INTEGER NOT NULL,
    members  TEXT,
    outcome  TEXT NOT NULL,
    status   INTEGER,
    code     INTEGER,
    subcode  INTEGER,
    says     TEXT NOT NULL,
    trace_id TEXT
) STRICT;
CREATE INDEX attempts_range ON attempts (dataset, last, first);
