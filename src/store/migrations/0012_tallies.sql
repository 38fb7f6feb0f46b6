-- Sums of what only grows, so that whoever asks for them counts the rows since and not all of them.
-- A row of 'log', 'passed' or 'payments' is the number of rows up to a number, both of this moment:
--   log       deliveries up to up_to; appended: those of each dataset up to the same number
--   passed    deliveries of a dataset up to up_to, which is never behind its cursor
--   payments  payments up to up_to
-- They are moved forward behind the payments, never while one is entered: an insert writes nothing
-- here. late counts rows that went before they were counted, so that a count that crosses with a
-- deletion is noticed. The rest is exact at every moment: removed, dropped, withheld, and dead of a dataset.
CREATE TABLE tallies (
    what    TEXT NOT NULL,
    dataset INTEGER NOT NULL,
    count   INTEGER NOT NULL,
    up_to   INTEGER NOT NULL DEFAULT 0,
    late    INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (what, dataset)
) STRICT, WITHOUT ROWID;

INSERT INTO tallies (what, dataset, count, up_to)
    SELECT 'payments', 0, count(*), coalesce(max(seq), 0) FROM payments;
INSERT INTO tallies (what, dataset, count)
    SELECT 'appended', dataset, count(*) FROM deliveries GROUP BY dataset;
INSERT INTO tallies (what, dataset, count, up_to)
    SELECT 'log', 0, coalesce(sum(count), 0), coalesce((SELECT max(seq) FROM deliveries), 0)
    FROM tallies WHERE what = 'appended';
-- Where all is passed, nothing is read a second time.
INSERT INTO tallies (what, dataset, count, up_to)
    SELECT 'passed', s.id,
           CASE WHEN s.cursor >= l.up_to THEN coalesce(a.count, 0)
                ELSE (SELECT count(*) FROM deliveries d WHERE d.seq <= s.cursor AND d.dataset = s.id)
           END, min(s.cursor, l.up_to)
    FROM datasets s JOIN tallies l ON l.what = 'log' AND l.dataset = 0
    LEFT JOIN tallies a ON a.what = 'appended' AND a.dataset = s.id;
INSERT INTO tallies (what, dataset, count) SELECT 'removed', 0, count(*) FROM removed_payments;
INSERT INTO tallies (what, dataset, count) SELECT 'withheld', 0, count(*) FROM withheld;
INSERT INTO tallies (what, dataset, count)
    SELECT 'dropped', 0, count(*) FROM ended_letters e
    WHERE how = 'dropped' AND NOT EXISTS (SELECT 1 FROM withheld w WHERE w.delivery = e.delivery);
INSERT INTO tallies (what, dataset, count)
    SELECT 'dead', dataset, sum(
        NOT EXISTS (SELECT 1 FROM withheld w WHERE w.delivery = l.delivery)
        AND NOT EXISTS (SELECT 1 FROM retries r WHERE r.delivery = l.delivery))
    FROM dead_letters l GROUP BY dataset;

-- Whoever deletes a row keeps the sums right in the same transaction, whether they think of it or not.
CREATE TRIGGER tally_payment_gone AFTER DELETE ON payments BEGIN
    UPDATE tallies SET count = count - (old.seq <= up_to), late = late + (old.seq > up_to)
    WHERE what = 'payments' AND dataset = 0;
END;
CREATE TRIGGER tally_delivery_gone AFTER DELETE ON deliveries BEGIN
    UPDATE tallies SET count = count - 1 WHERE what = 'appended' AND dataset = old.dataset
        AND old.seq <= (SELECT up_to FROM tallies WHERE what = 'log' AND dataset = 0);
    UPDATE tallies SET count = count - 1
        WHERE what = 'passed' AND dataset = old.dataset AND old.seq <= up_to;
    UPDATE tallies SET count = count - (old.seq <= up_to), late = late + (old.seq > coalesce(
            (SELECT up_to FROM tallies WHERE what = 'passed' AND dataset = old.dataset), 0))
        WHERE what = 'log' AND dataset = 0;
END;

CREATE TRIGGER tally_removed AFTER INSERT ON removed_payments BEGIN
    UPDATE tallies SET count = count + 1 WHERE what = 'removed' AND dataset = 0;
END;
CREATE TRIGGER tally_removed_gone AFTER DELETE ON removed_payments BEGIN
    UPDATE tallies SET count = count - 1 WHERE what = 'removed' AND dataset = 0;
END;

-- A dead letter counts as dead while it is neither withheld nor to be sent again.
CREATE TRIGGER tally_dead AFTER INSERT ON dead_letters BEGIN
    INSERT INTO tallies (what, dataset, count) VALUES ('dead', new.dataset, 0) ON CONFLICT DO NOTHING;
    UPDATE tallies SET count = count + 1 WHERE what = 'dead' AND dataset = new.dataset
        AND NOT EXISTS (SELECT 1 FROM withheld WHERE delivery = new.delivery)
        AND NOT EXISTS (SELECT 1 FROM retries WHERE delivery = new.delivery);
END;
CREATE TRIGGER tally_dead_gone AFTER DELETE ON dead_letters
WHEN NOT EXISTS (SELECT 1 FROM withheld WHERE delivery = old.delivery)
 AND NOT EXISTS (SELECT 1 FROM retries WHERE delivery = old.delivery) BEGIN
    UPDATE tallies SET count = count - 1 WHERE what = 'dead' AND dataset = old.dataset;
END;
CREATE TRIGGER tally_retry AFTER INSERT ON retries
WHEN EXISTS (SELECT 1 FROM dead_letters WHERE delivery = new.delivery)
 AND NOT EXISTS (SELECT 1 FROM withheld WHERE delivery = new.delivery) BEGIN
    UPDATE tallies SET count = count - 1 WHERE what = 'dead'
        AND dataset = (SELECT dataset FROM dead_letters WHERE delivery = new.delivery);
END;
CREATE TRIGGER tally_retry_gone AFTER DELETE ON retries
WHEN EXISTS (SELECT 1 FROM dead_letters WHERE delivery = old.delivery)
 AND NOT EXISTS (SELECT 1 FROM withheld WHERE delivery = old.delivery) BEGIN
    UPDATE tallies SET count = count + 1 WHERE what = 'dead'
        AND dataset = (SELECT dataset FROM dead_letters WHERE delivery = old.delivery);
END;
CREATE TRIGGER tally_dropped AFTER INSERT ON ended_letters
WHEN new.how = 'dropped' AND NOT EXISTS (SELECT 1 FROM withheld WHERE delivery = new.delivery) BEGIN
    UPDATE tallies SET count = count + 1 WHERE what = 'dropped' AND dataset = 0;
END;
CREATE TRIGGER tally_dropped_gone AFTER DELETE ON ended_letters
WHEN old.how = 'dropped' AND NOT EXISTS (SELECT 1 FROM withheld WHERE delivery = old.delivery) BEGIN
    UPDATE tallies SET count = count - 1 WHERE what = 'dropped' AND dataset = 0;
END;
CREATE TRIGGER tally_withheld AFTER INSERT ON withheld BEGIN
    UPDATE tallies SET count = count + 1 WHERE what = 'withheld' AND dataset = 0;
    UPDATE tallies SET count = count - 1 WHERE what = 'dropped' AND dataset = 0
        AND EXISTS (SELECT 1 FROM ended_letters WHERE delivery = new.delivery AND how = 'dropped');
    UPDATE tallies SET count = count - 1 WHERE what = 'dead'
        AND dataset = (SELECT dataset FROM dead_letters WHERE delivery = new.delivery)
        AND NOT EXISTS (SELECT 1 FROM retries WHERE delivery = new.delivery);
END;
CREATE TRIGGER tally_withheld_gone AFTER DELETE ON withheld BEGIN
    UPDATE tallies SET count = count - 1 WHERE what = 'withheld' AND dataset = 0;
    UPDATE tallies SET count = count + 1 WHERE what = 'dropped' AND dataset = 0
        AND EXISTS (SELECT 1 FROM ended_letters WHERE delivery = old.delivery AND how = 'dropped');
    UPDATE tallies SET count = count + 1 WHERE what = 'dead'
        AND dataset = (SELECT dataset FROM dead_letters WHERE delivery = old.delivery)
        AND NOT EXISTS (SELECT 1 FROM retries WHERE delivery = old.delivery);
END;

-- Since when a dataset is paused, as somebody outside has heard; null if they believe that it flows. A
-- pause of a former version counts as heard: it was told when it began.
ALTER TABLE circuits ADD COLUMN heard INTEGER;
UPDATE circuits SET heard = since WHERE why = 'setup';

-- When somebody last brought a user's address or browser, which Meta wants in clear: they are erased
-- from the user in their time. The index holds the users that have one.
ALTER TABLE users ADD COLUMN seen_at INTEGER NOT NULL DEFAULT 0;
UPDATE users SET seen_at = known_at
    WHERE instr(person, '"client_ip_address":') OR instr(person, '"client_user_agent":');
CREATE INDEX users_passing ON users (seen_at)
    WHERE instr(person, '"client_ip_address":') OR instr(person, '"client_user_agent":');
