-- Why nothing is sent to a dataset at the moment; why is null while it flows. epoch and change order
-- the writes: an older one that comes late changes nothing. Times in milliseconds.
CREATE TABLE circuits (
    dataset  INTEGER PRIMARY KEY,
    epoch    INTEGER NOT NULL,
    change   INTEGER NOT NULL,
    why      TEXT,
    since    INTEGER NOT NULL,
    until    INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    code     INTEGER,
    subcode  INTEGER,
    says     TEXT NOT NULL
) STRICT;
