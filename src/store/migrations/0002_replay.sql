-- What was decided about a payment before it was decided anew. at: when that happened, in
-- milliseconds. A payment is decided anew only while it has no delivery.
CREATE TABLE former_decisions (
    payment  INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    decision TEXT NOT NULL,
    PRIMARY KEY (payment, at)
) STRICT, WITHOUT ROWID;
