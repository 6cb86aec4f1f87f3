-- Access units (security dialect) are written to and read back.
--
-- The packets of a table that a reading asked for: rows_told came, rows_announced is what the unit said would. The answer is
-- whole when every packet is there, with as many rows as the result of the command says.
CREATE TABLE reading_packets (
  reading_id BIGINT NOT NULL REFERENCES readings(id) ON DELETE CASCADE,
  wire_id BIGINT NOT NULL,
  packet_index BIGINT NOT NULL,
  packet_count BIGINT NOT NULL,
  rows_told BIGINT NOT NULL,
  rows_announced BIGINT,
  PRIMARY KEY (reading_id, wire_id, packet_index)
);

-- device_commands.step: 'user' and then 'door_right' are the two steps of a version on an access unit.

-- Everybody whom an access unit did not get because its dialect could not be written is queued again.
UPDATE device_user_sync_status SET failed_version = 0, error_message = NULL
WHERE failed_version = wanted_version AND obstacle IS NULL
  AND device_id IN (SELECT d.id FROM devices d WHERE d.dialect = 'security');
