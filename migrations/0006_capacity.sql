-- What a terminal says it can hold: people, and digits of a PIN.
ALTER TABLE devices ADD COLUMN user_capacity BIGINT;
ALTER TABLE devices ADD COLUMN pin_width BIGINT;
ALTER TABLE unknown_terminals ADD COLUMN user_capacity BIGINT;
ALTER TABLE unknown_terminals ADD COLUMN pin_width BIGINT;

-- others: people whom it counted beside ours when it last told a count. is_nearly_full: that is in the log already.
ALTER TABLE device_delivery ADD COLUMN others BIGINT NOT NULL DEFAULT 0;
ALTER TABLE device_delivery ADD COLUMN is_nearly_full BOOLEAN NOT NULL DEFAULT FALSE;

-- How many of ours are there is counted often.
CREATE INDEX device_user_sync_status_held ON device_user_sync_status (device_id) WHERE is_held;
