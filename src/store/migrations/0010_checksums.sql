-- CRC-32 of a delivery's number, dataset and bytes, compared before they are sent. Deliveries of
-- former versions have none.
ALTER TABLE deliveries ADD COLUMN checksum INTEGER;
