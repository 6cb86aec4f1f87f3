-- The school of 0001 is read back: what each table and column of migration 3 holds after that.

UPDATE device_pins SET event = 40 WHERE device_id = 1;
UPDATE device_user_sync_status SET written_event = 12, verified_version = wanted_version WHERE device_id = 1;
UPDATE devices SET readback_firmware = firmware_version, maintenance_window = '22:00-04:00', verify_cause = 'schedule',
  verify_at = '2026-11-21T08:00:00.000000Z' WHERE id = 1;
UPDATE terminal_users SET seen_event = 30, told_event = 30;

INSERT INTO readings (device_id, cause, scope, state, phase, lists, began_event, counted, told, is_complete, verified,
  different, repaired, started_at, finished_at) VALUES
  (1, 'schedule', 'all', 'done', 'recount', 1, 20, 3, 3, TRUE, 2, 1, 1, '2026-11-20T12:00:00.000000Z',
    '2026-11-20T12:00:45.000000Z'),
  (1, 'repair', 'some', 'running', 'sweep', 0, 35, NULL, NULL, FALSE, 0, 0, 0, '2026-11-20T12:01:00.000000Z', NULL);
INSERT INTO reading_steps (reading_id, device_id, kind, pin, state, attempts, wire_id, asked_event) VALUES
  (2, 1, 'person', '2', 'sent', 1, 4710, 36), (2, 1, 'control', NULL, 'waiting', 0, NULL, NULL);
INSERT INTO device_drift (device_id, device_pin, student_id, kind, field, ours, theirs, found_at, found_last_at, ended_at) VALUES
  (1, '2', 2, 'different', 'name', 'Ñusta Sisa Guamán', 'Sisa', '2026-11-20T12:00:45.000000Z', '2026-11-20T12:00:45.000000Z', NULL),
  (1, '900', NULL, 'stranger', NULL, NULL, 'Администратор', '2026-11-20T12:00:45.000000Z', '2026-11-20T12:00:45.000000Z',
    '2026-11-20T13:00:00.000000Z');
INSERT INTO schedules (name, next_run_at) VALUES ('verification', '2026-11-22T08:00:00.000000Z');
