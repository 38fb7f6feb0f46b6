-- Payments with fields that Meta wants in clear and only until it has the event. due_at: when it is
-- looked at again whether everything of the payment is finished; then the fields are erased from
-- its capture and its events, and the row goes.
CREATE TABLE clear_fields (
    due_at  INTEGER NOT NULL,
    payment INTEGER NOT NULL,
    PRIMARY KEY (due_at, payment)
) STRICT, WITHOUT ROWID;
INSERT INTO clear_fields (due_at, payment)
    SELECT 0, seq FROM payments
    WHERE instr(capture, '"client_ip_address":') OR instr(capture, '"client_user_agent":')
    UNION SELECT 0, payment FROM deliveries
    WHERE instr(body, '"client_ip_address":') OR instr(body, '"client_user_agent":');

-- How much was pruned since the books were begun: payments, removed payments, held ones that waited
-- in vain, deliveries by their fate, attempts.
CREATE TABLE pruned (
    what  TEXT PRIMARY KEY,
    count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The highest number that was given to a pruned row of a table: none is given twice.
CREATE TABLE last_numbers (
    what   TEXT PRIMARY KEY,
    number INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- 1 once a held payment has waited in vain: it is told and counted apart until it is pruned.
ALTER TABLE held_payments ADD COLUMN ended INTEGER NOT NULL DEFAULT 0;
CREATE INDEX held_payments_waiting ON held_payments (expires_at) WHERE ended = 0;
