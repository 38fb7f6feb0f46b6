-- Payments are listed newest first, in the order in which they arrived. Times only grow, so each of
-- these indexes is written at its end.
CREATE INDEX payments_received ON payments (received_at);
CREATE INDEX removed_payments_received ON removed_payments (received_at);
CREATE INDEX held_payments_received ON held_payments (received_at);
