-- Whether whoever speaks under a serial number is the terminal that was claimed
-- (docs/decisions/whether-it-is-the-terminal.md).

-- A digest is kept of the key that a terminal announces, no longer the key: the next handshake brings it.
UPDATE devices SET comm_key = NULL;
UPDATE unknown_terminals SET comm_key = NULL;
ALTER TABLE devices RENAME COLUMN comm_key TO comm_key_digest;
ALTER TABLE unknown_terminals RENAME COLUMN comm_key TO comm_key_digest;

-- Why it is doubted, 'comm_key' or 'addresses', and since when; nothing is handed out until an admin confirms it.
ALTER TABLE devices ADD COLUMN suspicion TEXT;
ALTER TABLE devices ADD COLUMN suspected_at {timestamp};
-- The digest of the other key, which counts once an admin confirms the terminal.
ALTER TABLE devices ADD COLUMN other_key_digest TEXT;
-- When former_address last called.
ALTER TABLE devices ADD COLUMN former_seen {timestamp};
-- Addresses between which it may change as it likes, each with a comma before and after it: an admin confirmed them.
ALTER TABLE devices ADD COLUMN accepted_addresses TEXT;

-- From where it may call at all, as networks with commas between them; NULL is from anywhere. And who was refused last.
ALTER TABLE devices ADD COLUMN allowed_addresses TEXT;
ALTER TABLE devices ADD COLUMN refused_address TEXT;
ALTER TABLE devices ADD COLUMN refused_at {timestamp};
