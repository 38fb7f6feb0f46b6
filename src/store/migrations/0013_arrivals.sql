-- One index of time instead of two: every payment writes an entry into each, and every group of them the
-- last page of each. The project stands in it, so that whoever asks for one of several reads its entries
-- and no row of another's. Times hardly ever go back, so it is written at its end.
DROP INDEX payments_received;
DROP INDEX payments_arrival;
CREATE INDEX payments_received ON payments (received_at, project);
