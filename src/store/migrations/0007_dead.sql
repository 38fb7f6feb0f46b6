-- What persons decided about dead letters, and the letters as they were: one row for each time that
-- a delivery was dead and somebody ended that. how: retried (it is in the retries again, or
-- delivered, or dead anew) or dropped (it is never sent). because: the person's own words.
CREATE TABLE ended_letters (
    id       INTEGER PRIMARY KEY,
    delivery INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    how      TEXT NOT NULL,
    because  TEXT,
    at       INTEGER NOT NULL,
    reason   TEXT NOT NULL,
    code     INTEGER,
    subcode  INTEGER,
    says     TEXT NOT NULL,
    trace_id TEXT
) STRICT;
CREATE INDEX ended_letters_delivery ON ended_letters (delivery);
-- A letter is dropped once.
CREATE UNIQUE INDEX ended_letters_dropped ON ended_letters (delivery) WHERE how = 'dropped';

-- Dead letters are listed newest first.
CREATE INDEX dead_letters_at ON dead_letters (at);
