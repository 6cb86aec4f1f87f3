-- Reading terminals back. Order is an event number per device, taken under the lock of its row in device_pins: never a clock.
ALTER TABLE device_pins ADD COLUMN event BIGINT NOT NULL DEFAULT 0;

-- written_event: when the last command for him left, or its result came. verified_version: what a reading showed, last at
-- verified_at. repairs: how often in a row what a reading found was written again.
ALTER TABLE device_user_sync_status ADD COLUMN written_event BIGINT NOT NULL DEFAULT 0;
ALTER TABLE device_user_sync_status ADD COLUMN verified_version BIGINT NOT NULL DEFAULT 0;
ALTER TABLE device_user_sync_status ADD COLUMN repairs BIGINT NOT NULL DEFAULT 0;
-- Whose PIN it is that a terminal tells of.
CREATE INDEX device_user_sync_status_pin ON device_user_sync_status (device_id, device_pin);

-- seen_event: any line about the PIN; told_event: the line that says what stands here. is_disputed: another line of the same
-- reading said something else.
ALTER TABLE terminal_users ADD COLUMN seen_event BIGINT NOT NULL DEFAULT 0;
ALTER TABLE terminal_users ADD COLUMN told_event BIGINT NOT NULL DEFAULT 0;
ALTER TABLE terminal_users ADD COLUMN is_disputed BOOLEAN NOT NULL DEFAULT FALSE;

-- readback_class is true of readback_firmware; readback_slow: its list comes by stamp reset, within maintenance_window only. verify_at: a reading is wanted from then on, because of verify_cause.
-- count_looked_into: a count of people that differed from what was expected and led to a reading.
ALTER TABLE devices ADD COLUMN readback_firmware TEXT;
ALTER TABLE devices ADD COLUMN readback_slow BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE devices ADD COLUMN maintenance_window TEXT;
ALTER TABLE devices ADD COLUMN verify_at {timestamp};
ALTER TABLE devices ADD COLUMN verify_cause TEXT;
ALTER TABLE devices ADD COLUMN count_looked_into BIGINT;
CREATE INDEX devices_verify ON devices (verify_at) WHERE verify_at IS NOT NULL;

-- The PIN that a command without a student is about: a stranger's.
ALTER TABLE device_commands ADD COLUMN device_pin TEXT;

-- One read-back of a terminal. A device has one that is running. wake_at: nothing is to be done for it before then.
-- wants_dump: the next handshake asks for everybody by a stamp of 0.
CREATE TABLE readings (
  id {identity},
  device_id BIGINT NOT NULL REFERENCES devices(id),
  cause TEXT NOT NULL,
  scope TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'running',
  phase TEXT NOT NULL,
  lists BIGINT NOT NULL DEFAULT 0,
  sweeps BIGINT NOT NULL DEFAULT 0,
  has_written BOOLEAN NOT NULL DEFAULT FALSE,
  wants_dump BOOLEAN NOT NULL DEFAULT FALSE,
  began_event BIGINT NOT NULL,
  wake_at {timestamp},
  last_line_at {timestamp},
  counted BIGINT,
  told BIGINT,
  is_complete BOOLEAN NOT NULL DEFAULT FALSE,
  verified BIGINT NOT NULL DEFAULT 0,
  missing BIGINT NOT NULL DEFAULT 0,
  extra BIGINT NOT NULL DEFAULT 0,
  different BIGINT NOT NULL DEFAULT 0,
  unknown BIGINT NOT NULL DEFAULT 0,
  repaired BIGINT NOT NULL DEFAULT 0,
  retried BIGINT NOT NULL DEFAULT 0,
  words TEXT,
  started_at {timestamp} NOT NULL,
  finished_at {timestamp}
);
CREATE UNIQUE INDEX readings_running ON readings (device_id) WHERE state = 'running';
CREATE INDEX readings_device ON readings (device_id, id);

-- The questions of a reading. They become a command when they are asked (wire_id), and wait here until then.
CREATE TABLE reading_steps (
  id {identity},
  reading_id BIGINT NOT NULL REFERENCES readings(id) ON DELETE CASCADE,
  device_id BIGINT NOT NULL,
  kind TEXT NOT NULL,
  pin TEXT,
  state TEXT NOT NULL DEFAULT 'waiting',
  attempts BIGINT NOT NULL DEFAULT 0,
  wire_id BIGINT,
  asked_event BIGINT,
  deadline_at {timestamp},
  answered_at {timestamp},
  return_code BIGINT,
  counted BIGINT
);
CREATE INDEX reading_steps_reading ON reading_steps (reading_id, state, id);
CREATE INDEX reading_steps_asked ON reading_steps (device_id, wire_id) WHERE wire_id IS NOT NULL;

-- What readings found, first and last. A row is open until a later reading shows that it is as it should be; ended ones are
-- its history. decision: of a stranger whose removal the guard held.
CREATE TABLE device_drift (
  id {identity},
  device_id BIGINT NOT NULL REFERENCES devices(id),
  device_pin TEXT NOT NULL,
  student_id BIGINT,
  kind TEXT NOT NULL,
  field TEXT,
  ours TEXT,
  theirs TEXT,
  words TEXT,
  decision TEXT,
  found_at {timestamp} NOT NULL,
  found_last_at {timestamp} NOT NULL,
  ended_at {timestamp}
);
CREATE INDEX device_drift_open ON device_drift (device_id, device_pin) WHERE ended_at IS NULL;
CREATE INDEX device_drift_student ON device_drift (device_id, student_id);

-- Who runs what next: the server that moves next_run_at does it.
CREATE TABLE schedules (
  name TEXT PRIMARY KEY,
  next_run_at {timestamp} NOT NULL
);
