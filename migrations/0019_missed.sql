-- Punches that a terminal may never bring by itself (devices::missed): where log_request is 'missed', those since log_from are asked
-- for, from log_at on. log_from stays until that was answered.
ALTER TABLE devices ADD COLUMN log_from {timestamp};
ALTER TABLE devices ADD COLUMN log_at {timestamp};
CREATE INDEX devices_log_missed ON devices (log_at) WHERE log_request = 'missed';
