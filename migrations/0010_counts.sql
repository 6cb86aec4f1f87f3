-- What the overview says of every terminal, each few seconds, to everybody who looks: counted where the rows change, by the
-- database itself (0010_counts.sqlite.sql, 0010_counts.postgres.sql), so that no statement, ours or another program's, can
-- forget it.

-- The ledger's rows of a terminal that want somebody there, by what became of them. pending: with those who wait for a
-- decision. Whoever is in none of the others is not synced.
CREATE TABLE device_counts (
  device_id BIGINT PRIMARY KEY,
  wanted BIGINT NOT NULL,
  synced BIGINT NOT NULL,
  verified BIGINT NOT NULL,
  pending BIGINT NOT NULL,
  sent BIGINT NOT NULL,
  failed BIGINT NOT NULL
){fillfactor};

INSERT INTO device_counts (device_id, wanted, synced, verified, pending, sent, failed)
SELECT device_id, COUNT(*), COUNT(*) FILTER (WHERE sync_status = 'synced'),
  COUNT(*) FILTER (WHERE sync_status = 'synced' AND verified_version = wanted_version),
  COUNT(*) FILTER (WHERE sync_status IN ('pending', 'held')), COUNT(*) FILTER (WHERE sync_status = 'sent'),
  COUNT(*) FILTER (WHERE sync_status = 'failed')
FROM device_user_sync_status WHERE is_wanted GROUP BY device_id;

-- Students of a school who belong on its terminals.
CREATE TABLE school_counts (
  school_id BIGINT PRIMARY KEY,
  belonging BIGINT NOT NULL
){fillfactor};

INSERT INTO school_counts (school_id, belonging)
SELECT school_id, COUNT(*) FROM students
WHERE is_active AND deleted_at IS NULL AND TRIM(COALESCE(rfid_card_id, '')) <> '' GROUP BY school_id;

-- A page of them by name. Without the id: before it knows how large tables are, PostgreSQL would take this index to find it.
CREATE INDEX students_belonging ON students (school_id, full_name)
  WHERE is_active AND deleted_at IS NULL AND TRIM(COALESCE(rfid_card_id, '')) <> '';

-- What is looked for among the commands that wait, or that left and were not answered, must not be looked for in a terminal's
-- whole history: SQLite does not see that who asks for one state asks for one of the two of device_commands_open.
CREATE INDEX device_commands_pending ON device_commands (device_id, priority DESC, id) WHERE status = 'pending';
CREATE INDEX device_commands_left ON device_commands (device_id, deadline_at) WHERE status = 'sent';
CREATE INDEX device_commands_waiting ON device_commands (student_id) WHERE status = 'pending';
-- The cards that commands of one student may have left on a terminal.
CREATE INDEX device_commands_student ON device_commands (device_id, student_id) WHERE card_number IS NOT NULL;
