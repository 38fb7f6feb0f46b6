-- CRC-32 of an event's bytes, compared before they are sent. Events of former versions have none.
ALTER TABLE deliveries ADD COLUMN checksum INTEGER;
