-- Running Rollcall for years.

-- From where a terminal called before last_address, and when it last called from there again: two devices with one serial
-- number call in turn.
ALTER TABLE devices ADD COLUMN former_address TEXT;
ALTER TABLE devices ADD COLUMN contested_at {timestamp};

-- Since when the present version is wanted, if a change of the roster wanted it and not a repair: how long edits take.
ALTER TABLE device_user_sync_status ADD COLUMN wanted_at {timestamp};
