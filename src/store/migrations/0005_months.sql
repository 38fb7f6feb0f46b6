-- How many payments of a project were recorded in a calendar month, removed ones among them. A row
-- is made from the books when somebody first asks for its month, and kept from then on. Times in
-- milliseconds; ends_at is the first moment of the next month.
CREATE TABLE months (
    project   INTEGER NOT NULL,
    starts_at INTEGER NOT NULL,
    ends_at   INTEGER NOT NULL,
    payments  INTEGER NOT NULL,
    PRIMARY KEY (project, starts_at)
) STRICT, WITHOUT ROWID;

-- For removals by time, and for the first look at a month. Arrivals ascend, so it grows at its end.
CREATE INDEX payments_arrival ON payments (project, received_at);
