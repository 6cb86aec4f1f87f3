-- One text for SQLite and PostgreSQL. Words in braces are substituted when it is loaded (store::migrations).

CREATE TABLE schools (
  id {identity},
  name TEXT NOT NULL,
  timezone TEXT,
  day_starts_at TEXT NOT NULL DEFAULT '08:00',
  grace_minutes BIGINT NOT NULL DEFAULT 10,
  guard_percent BIGINT NOT NULL DEFAULT 20,
  guard_number BIGINT NOT NULL DEFAULT 10,
  deleted_at {timestamp},
  created_at {timestamp} NOT NULL DEFAULT {now},
  updated_at {timestamp} NOT NULL DEFAULT {now}
);

CREATE TABLE classes (
  id {identity},
  school_id BIGINT NOT NULL REFERENCES schools(id),
  class_name TEXT NOT NULL,
  created_at {timestamp} NOT NULL DEFAULT {now}
);
CREATE INDEX classes_school ON classes (school_id);

CREATE TABLE sections (
  id {identity},
  class_id BIGINT NOT NULL REFERENCES classes(id) ON DELETE CASCADE,
  section_name TEXT NOT NULL,
  created_at {timestamp} NOT NULL DEFAULT {now}
);
CREATE INDEX sections_class ON sections (class_id);

-- search_text and card_number are filled by Rust; derived_from is what they were computed from, so that rows which
-- another program wrote are recognised (full_name, a line feed, rfid_card_id).
CREATE TABLE students (
  id {identity},
  school_id BIGINT NOT NULL REFERENCES schools(id),
  class_id BIGINT REFERENCES classes(id) ON DELETE SET NULL,
  section_id BIGINT REFERENCES sections(id) ON DELETE SET NULL,
  full_name TEXT NOT NULL,
  rfid_card_id TEXT,
  roll_number TEXT,
  is_active BOOLEAN NOT NULL DEFAULT TRUE,
  search_text TEXT,
  card_number BIGINT,
  derived_from TEXT,
  deleted_at {timestamp},
  created_at {timestamp} NOT NULL DEFAULT {now},
  updated_at {timestamp} NOT NULL DEFAULT {now}
);
CREATE INDEX students_school ON students (school_id, id);
CREATE INDEX students_class ON students (class_id) WHERE class_id IS NOT NULL;
CREATE INDEX students_section ON students (section_id) WHERE section_id IS NOT NULL;
CREATE INDEX students_underived ON students (id)
  WHERE derived_from IS DISTINCT FROM full_name || '
' || COALESCE(rfid_card_id, '');
CREATE INDEX students_card ON students (school_id, card_number) WHERE card_number IS NOT NULL;

-- No index holds a presence column (is_online, last_seen, last_address, firmware_version, user_count): they are
-- rewritten every few seconds.
CREATE TABLE devices (
  id {identity},
  school_id BIGINT NOT NULL REFERENCES schools(id),
  serial_number TEXT NOT NULL UNIQUE,
  device_name TEXT NOT NULL,
  is_active BOOLEAN NOT NULL DEFAULT TRUE,
  is_online BOOLEAN NOT NULL DEFAULT FALSE,
  last_seen {timestamp},
  last_address TEXT,
  firmware_version TEXT,
  user_count BIGINT,
  timezone TEXT,
  strangers TEXT NOT NULL DEFAULT 'report',
  takeover TEXT,
  start_state TEXT NOT NULL DEFAULT 'unknown',
  start_polls BIGINT NOT NULL DEFAULT 0,
  dialect TEXT,
  push_version TEXT,
  device_type TEXT,
  language BIGINT,
  comm_key TEXT,
  vocabulary TEXT NOT NULL DEFAULT 'userinfo',
  card_form TEXT,
  readback_class TEXT,
  is_full BOOLEAN NOT NULL DEFAULT FALSE,
  full_at_count BIGINT,
  shown_offset_seconds BIGINT,
  log_request TEXT,
  clock_skew_seconds BIGINT,
  deleted_at {timestamp},
  created_at {timestamp} NOT NULL DEFAULT {now},
  updated_at {timestamp} NOT NULL DEFAULT {now}
){fillfactor};
CREATE INDEX devices_school ON devices (school_id, id);
CREATE INDEX devices_updated ON devices (updated_at);
CREATE INDEX devices_log_request ON devices (id) WHERE log_request = 'wanted';

-- A student belongs on a device when: same school, active, with a card.
CREATE VIEW belonging AS
  SELECT d.id AS device_id, s.id AS student_id, s.school_id, s.full_name, s.rfid_card_id, s.class_id, s.section_id
  FROM devices d
  JOIN students s ON s.school_id = d.school_id
  JOIN schools k ON k.id = s.school_id
  WHERE d.is_active AND d.deleted_at IS NULL AND k.deleted_at IS NULL
    AND s.is_active AND s.deleted_at IS NULL AND TRIM(COALESCE(s.rfid_card_id, '')) <> '';

-- The row that reconciling, delivery and acknowledgement lock, in device id order.
CREATE TABLE device_pins (
  device_id BIGINT PRIMARY KEY REFERENCES devices(id),
  floor_pin BIGINT NOT NULL DEFAULT 1,
  next_pin BIGINT NOT NULL DEFAULT 1,
  next_wire_id BIGINT NOT NULL
);

-- Every PIN that a terminal ever mentioned, whoever it belonged to: none of them is ever given to a student.
CREATE TABLE device_seen_pins (
  device_id BIGINT NOT NULL REFERENCES devices(id),
  pin TEXT NOT NULL,
  PRIMARY KEY (device_id, pin)
);

-- How many commands a terminal takes per poll, as learnt (sync::batch).
CREATE TABLE device_delivery (
  device_id BIGINT PRIMARY KEY REFERENCES devices(id),
  batch_size BIGINT NOT NULL DEFAULT 1,
  one_per_poll BOOLEAN NOT NULL DEFAULT FALSE,
  short_batches BIGINT NOT NULL DEFAULT 0,
  learnt_firmware TEXT,
  batch_number BIGINT NOT NULL DEFAULT 0,
  batch_commands BIGINT NOT NULL DEFAULT 0,
  batch_answered BIGINT NOT NULL DEFAULT 0,
  batch_last_answered BIGINT NOT NULL DEFAULT 0,
  batch_is_judged BOOLEAN NOT NULL DEFAULT TRUE
);

-- Words that a terminal refused as unknown, per firmware: never sent again to that firmware.
CREATE TABLE device_words (
  device_id BIGINT NOT NULL REFERENCES devices(id),
  firmware_version TEXT NOT NULL,
  word TEXT NOT NULL,
  return_code BIGINT NOT NULL,
  refused_at {timestamp} NOT NULL,
  PRIMARY KEY (device_id, firmware_version, word)
);

-- The upload position that a terminal last told us, echoed in its next handshake.
CREATE TABLE device_stamps (
  device_id BIGINT NOT NULL REFERENCES devices(id),
  table_name TEXT NOT NULL,
  stamp TEXT NOT NULL,
  PRIMARY KEY (device_id, table_name)
);

-- The PIN history. Rows end, they are never deleted. Students may be deleted by SQL, so no reference to them.
CREATE TABLE device_user_mappings (
  id {identity},
  device_id BIGINT NOT NULL REFERENCES devices(id),
  student_id BIGINT NOT NULL,
  device_pin TEXT NOT NULL,
  valid_from {timestamp} NOT NULL DEFAULT {now},
  valid_to {timestamp},
  UNIQUE (device_id, device_pin),
  UNIQUE (device_id, student_id)
);
CREATE INDEX device_user_mappings_student ON device_user_mappings (student_id);

-- The ledger. What is wanted of a student on a terminal, and how far that has come. sync_status follows from the versions:
-- it is computed by the database and cannot disagree with them. is_held and held_card_number are what the terminal holds
-- for the student by the last confirmed command; obstacle is why nothing is queued for what is wanted (sync::plan).
CREATE TABLE device_user_sync_status (
  id {identity},
  device_id BIGINT NOT NULL REFERENCES devices(id),
  student_id BIGINT NOT NULL,
  device_pin TEXT NOT NULL,
  is_wanted BOOLEAN NOT NULL,
  wanted_name TEXT,
  wanted_card TEXT,
  wanted_card_number BIGINT,
  wanted_version BIGINT NOT NULL DEFAULT 1,
  sent_version BIGINT NOT NULL DEFAULT 0,
  confirmed_version BIGINT NOT NULL DEFAULT 0,
  failed_version BIGINT NOT NULL DEFAULT 0,
  is_held BOOLEAN NOT NULL DEFAULT FALSE,
  held_card_number BIGINT,
  obstacle TEXT,
  priority BIGINT NOT NULL DEFAULT 10,
  sync_status TEXT GENERATED ALWAYS AS (
    CASE
      WHEN failed_version = wanted_version THEN 'failed'
      WHEN confirmed_version = wanted_version AND is_wanted THEN 'synced'
      WHEN confirmed_version = wanted_version THEN 'deleted'
      WHEN sent_version = wanted_version THEN 'sent'
      ELSE 'pending'
    END
  ) {derived},
  last_sync_attempt {timestamp},
  last_sync_success {timestamp},
  acknowledged_at {timestamp},
  verified_at {timestamp},
  sync_retries BIGINT NOT NULL DEFAULT 0,
  error_message TEXT,
  created_at {timestamp} NOT NULL DEFAULT {now},
  updated_at {timestamp} NOT NULL DEFAULT {now},
  UNIQUE (device_id, student_id)
);
CREATE INDEX device_user_sync_status_student ON device_user_sync_status (student_id);
CREATE INDEX device_user_sync_status_open ON device_user_sync_status (device_id)
  WHERE confirmed_version <> wanted_version AND failed_version <> wanted_version;
CREATE INDEX device_user_sync_status_obstacle ON device_user_sync_status (device_id) WHERE obstacle IS NOT NULL;
CREATE INDEX device_user_sync_status_wanted_card ON device_user_sync_status (device_id, wanted_card_number);
CREATE INDEX device_user_sync_status_held_card ON device_user_sync_status (device_id, held_card_number);

-- card_number is the card that a command leaves on the terminal if it is carried out: emptied when the command is refused,
-- or when a later one of the same student is confirmed.
CREATE TABLE device_commands (
  id {identity},
  device_id BIGINT NOT NULL REFERENCES devices(id),
  school_id BIGINT NOT NULL,
  student_id BIGINT,
  wire_id BIGINT NOT NULL,
  command_type TEXT NOT NULL,
  command_string TEXT NOT NULL,
  word TEXT NOT NULL,
  step TEXT NOT NULL DEFAULT 'whole',
  wanted_version BIGINT,
  card_number BIGINT,
  priority BIGINT NOT NULL DEFAULT 0,
  status TEXT NOT NULL DEFAULT 'pending',
  attempts BIGINT NOT NULL DEFAULT 0,
  batch_number BIGINT,
  batch_position BIGINT,
  created_at {timestamp} NOT NULL DEFAULT {now},
  sent_at {timestamp},
  deadline_at {timestamp},
  completed_at {timestamp},
  return_code BIGINT,
  error_message TEXT,
  UNIQUE (device_id, wire_id)
);
CREATE INDEX device_commands_open ON device_commands (device_id, priority DESC, id) WHERE status IN ('pending', 'sent');
CREATE INDEX device_commands_newest ON device_commands (device_id, created_at DESC, id DESC);
CREATE INDEX device_commands_card ON device_commands (device_id, card_number) WHERE card_number IS NOT NULL;
CREATE UNIQUE INDEX device_commands_one_outstanding ON device_commands (device_id, student_id)
  WHERE status IN ('pending', 'sent') AND student_id IS NOT NULL;

-- One row per punch: the content decides (serial number, PIN, time, status, verify, work code). device_id is empty while
-- the serial number is unknown. punched_at is the terminal's own wall clock, YYYY-MM-DDTHH:MM:SS; utc_offset_seconds is
-- set where the terminal itself said how far that is from UTC.
CREATE TABLE punches (
  id {identity},
  serial_number TEXT NOT NULL,
  device_id BIGINT,
  school_id BIGINT,
  student_id BIGINT,
  pin TEXT NOT NULL,
  punched_at TEXT NOT NULL,
  punched_instant {timestamp} NOT NULL,
  status TEXT NOT NULL,
  verify TEXT NOT NULL,
  work_code TEXT NOT NULL,
  rest TEXT NOT NULL,
  utc_offset_seconds BIGINT,
  is_from_future BOOLEAN NOT NULL DEFAULT FALSE,
  received_at {timestamp} NOT NULL,
  UNIQUE (serial_number, pin, punched_at, status, verify, work_code)
);
CREATE INDEX punches_device ON punches (device_id, punched_at);
CREATE INDEX punches_school ON punches (school_id, punched_at);
CREATE INDEX punches_student ON punches (student_id, punched_at);
CREATE INDEX punches_ownerless ON punches (device_id, pin) WHERE student_id IS NULL;
CREATE INDEX punches_quarantine ON punches (serial_number, id) WHERE device_id IS NULL;

CREATE TABLE attendance_logs (
  id {identity},
  student_id BIGINT NOT NULL,
  school_id BIGINT NOT NULL,
  device_id BIGINT NOT NULL,
  check_in_time {timestamp} NOT NULL,
  date {date} NOT NULL,
  status TEXT NOT NULL,
  created_at {timestamp} NOT NULL DEFAULT {now},
  UNIQUE (student_id, date)
);
CREATE INDEX attendance_logs_school ON attendance_logs (school_id, date);

-- Lines that no one could read, kept for the person who asks what a terminal said. Bounded per serial number.
CREATE TABLE unread_lines (
  id {identity},
  serial_number TEXT NOT NULL,
  table_name TEXT NOT NULL,
  line TEXT NOT NULL,
  received_at {timestamp} NOT NULL,
  UNIQUE (serial_number, table_name, line)
);

-- What a terminal itself said of the people it holds.
CREATE TABLE terminal_users (
  device_id BIGINT NOT NULL REFERENCES devices(id),
  pin TEXT NOT NULL,
  name TEXT,
  card_number BIGINT,
  card_text TEXT,
  privilege BIGINT,
  seen_at {timestamp} NOT NULL,
  PRIMARY KEY (device_id, pin)
);

-- Terminals that called and are not registered.
CREATE TABLE unknown_terminals (
  serial_number TEXT PRIMARY KEY,
  address TEXT NOT NULL,
  dialect TEXT,
  push_version TEXT,
  device_type TEXT,
  language BIGINT,
  comm_key TEXT,
  firmware_version TEXT,
  user_count BIGINT,
  first_seen {timestamp} NOT NULL,
  last_seen {timestamp} NOT NULL
);
CREATE INDEX unknown_terminals_address ON unknown_terminals (address);

CREATE TABLE users (
  id {identity},
  email TEXT NOT NULL UNIQUE,
  password_hash TEXT NOT NULL,
  role TEXT NOT NULL,
  school_id BIGINT REFERENCES schools(id),
  full_name TEXT,
  is_active BOOLEAN NOT NULL DEFAULT TRUE,
  created_at {timestamp} NOT NULL DEFAULT {now},
  updated_at {timestamp} NOT NULL DEFAULT {now}
);

-- Sessions (made by a login, ended when idle) and tokens (made by a person, ended by date or revoked). Only the SHA-256
-- of the secret is stored.
CREATE TABLE access_tokens (
  id {identity},
  user_id BIGINT NOT NULL REFERENCES users(id) ON DELETE CASCADE,
  kind TEXT NOT NULL,
  name TEXT,
  secret_hash TEXT NOT NULL UNIQUE,
  created_at {timestamp} NOT NULL,
  last_used_at {timestamp} NOT NULL,
  expires_at {timestamp},
  revoked_at {timestamp}
);
CREATE INDEX access_tokens_user ON access_tokens (user_id);

-- Failed logins of the last quarter of an hour, for addresses of users and for any others.
CREATE TABLE login_failures (
  id {identity},
  email_hash TEXT NOT NULL,
  address TEXT NOT NULL,
  at {timestamp} NOT NULL
);
CREATE INDEX login_failures_email ON login_failures (email_hash, at);
CREATE INDEX login_failures_at ON login_failures (at);

CREATE TABLE audit_logs (
  id {identity},
  at {timestamp} NOT NULL,
  user_id BIGINT,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  entity TEXT NOT NULL,
  entity_id TEXT,
  school_id BIGINT,
  details TEXT
);
CREATE INDEX audit_logs_at ON audit_logs (at);
CREATE INDEX audit_logs_school ON audit_logs (school_id, at);
