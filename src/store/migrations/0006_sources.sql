-- Who told of a payment: 'sender' (a backend, an app, a site, an import), 'event' (a report of one of
-- these, which is no payment), 'provider' (a webhook). A provider knows no types of ours, so a payment
-- that it tells is the one that a sender told under the same id, whatever its type, and the other way
-- round. What stood in the books before counts as told by its sender.
ALTER TABLE payments ADD COLUMN source TEXT NOT NULL DEFAULT 'sender';
ALTER TABLE held_payments ADD COLUMN source TEXT NOT NULL DEFAULT 'sender';
ALTER TABLE removed_payments ADD COLUMN source TEXT NOT NULL DEFAULT 'sender';
UPDATE payments SET source = 'event' WHERE type LIKE 'event:%';
UPDATE held_payments SET source = 'event' WHERE type LIKE 'event:%';
UPDATE removed_payments SET source = 'event' WHERE type LIKE 'event:%';

-- Other ids of a payment, of which a provider tells apart from it: Stripe's refunds name the payment
-- intent of an invoice, and a message of its own says which invoice that pays.
CREATE TABLE aliases (
    project    INTEGER NOT NULL,
    alias      TEXT NOT NULL,
    payment_id TEXT NOT NULL,
    PRIMARY KEY (project, alias, payment_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX aliases_payment ON aliases (project, payment_id);
