-- How long the last change took from the roster to a terminal's acknowledgement, in seconds.
ALTER TABLE device_delivery ADD COLUMN reach_seconds BIGINT;
