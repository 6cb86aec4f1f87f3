-- A small school in the tables of migration 1. Every table has a row, so that later migrations are tested on full tables.
-- One text for both databases; ids are left to the database and begin at 1.

INSERT INTO schools (name, timezone, day_starts_at, created_at, updated_at) VALUES
  ('Unidad Educativa Yachay', 'America/Guayaquil', '07:15', '2026-08-31T13:00:00.000000Z', '2026-08-31T13:00:00.000000Z'),
  ('დავით აღმაშენებლის სკოლა', NULL, '09:00', '2026-09-01T05:00:00.000000Z', '2026-09-01T05:00:00.000000Z');

INSERT INTO classes (school_id, class_name) VALUES (1, 'Décimo'), (2, 'VII');
INSERT INTO sections (class_id, section_name) VALUES (1, 'A'), (1, 'Ñ');

INSERT INTO students (school_id, class_id, section_id, full_name, rfid_card_id, roll_number, is_active, search_text,
  card_number, derived_from, deleted_at) VALUES
  (1, 1, 1, 'Ana Sofía Quishpe', '0012345678', '1', TRUE, 'ana sofia quishpe
0012345678', 12345678, 'Ana Sofía Quishpe
0012345678', NULL),
  (1, 1, 2, 'Ñusta Sisa Guamán', '12345679', '2', TRUE, 'nusta sisa guaman
12345679', 12345679, 'Ñusta Sisa Guamán
12345679', NULL),
  (1, NULL, NULL, '王秀英', '0xBC6150', NULL, TRUE, NULL, NULL, NULL, NULL),
  (1, 1, 1, 'Taita Rumi', NULL, '4', TRUE, 'taita rumi
', NULL, 'Taita Rumi
', NULL),
  (1, 1, 1, 'Óscar Ibáñez', '12345681', '5', FALSE, NULL, NULL, NULL, NULL),
  (2, 2, NULL, 'ნინო ბერიძე', '777', NULL, TRUE, NULL, NULL, NULL, '2026-10-01T08:00:00.000000Z');

INSERT INTO devices (school_id, serial_number, device_name, is_online, last_seen, last_address, firmware_version,
  user_count, timezone, takeover, start_state, dialect, push_version, device_type, language, readback_class) VALUES
  (1, 'GED7242600838', 'Puerta principal', TRUE, '2026-11-20T12:00:05.250000Z', '192.0.2.17', 'ZAM180-NF50VA-Ver3.4.99',
    3, NULL, 'add', 'writing', 'attendance', '2.2.14', 'att', 69, 'list'),
  (2, 'CJX9253300417', 'კარი', FALSE, NULL, NULL, NULL, NULL, 'Asia/Tbilisi', NULL, 'unknown', NULL, NULL, NULL, NULL, NULL);

INSERT INTO device_pins (device_id, floor_pin, next_pin, next_wire_id) VALUES (1, 1, 5, 4711), (2, 1, 1, 90210);
INSERT INTO device_seen_pins (device_id, pin) VALUES (1, '1'), (1, '2'), (1, '3'), (1, '4'), (1, '900');
INSERT INTO device_delivery (device_id, batch_size, learnt_firmware) VALUES (1, 64, 'ZAM180-NF50VA-Ver3.4.99');
INSERT INTO device_words (device_id, firmware_version, word, return_code, refused_at) VALUES
  (1, 'ZAM180-NF50VA-Ver3.4.99', 'user', -1002, '2026-09-02T12:00:00.000000Z');
INSERT INTO device_stamps (device_id, table_name, stamp) VALUES (1, 'ATTLOG', '9999');

INSERT INTO device_user_mappings (device_id, student_id, device_pin, valid_from, valid_to) VALUES
  (1, 1, '1', '2026-09-01T12:00:00.000000Z', NULL),
  (1, 2, '2', '2026-09-01T12:00:00.000000Z', NULL),
  (1, 3, '3', '2026-09-01T12:00:00.000000Z', NULL),
  (1, 5, '4', '2026-09-01T12:00:00.000000Z', '2026-10-05T12:00:00.000000Z');

INSERT INTO device_user_sync_status (device_id, student_id, device_pin, is_wanted, wanted_name, wanted_card,
  wanted_card_number, wanted_version, sent_version, confirmed_version, is_held, held_card_number, last_sync_attempt,
  last_sync_success, acknowledged_at, verified_at, sync_retries, error_message) VALUES
  (1, 1, '1', TRUE, 'Ana Sofía Quishpe', '0012345678', 12345678, 1, 1, 1, TRUE, 12345678, '2026-09-01T12:00:10.000000Z',
    '2026-09-01T12:00:12.000000Z', '2026-09-01T12:00:12.000000Z', '2026-09-01T14:00:00.000000Z', 0, NULL),
  (1, 2, '2', TRUE, 'Ñusta Sisa Guamán', '12345679', 12345679, 3, 3, 3, TRUE, 12345679, '2026-09-20T12:00:10.000000Z',
    '2026-09-20T12:00:12.000000Z', '2026-09-20T12:00:12.000000Z', NULL, 1, NULL),
  (1, 3, '3', TRUE, '王秀英', '0xBC6150', 12345680, 1, 1, 1, TRUE, 12345680, '2026-09-01T12:00:10.000000Z',
    '2026-09-01T12:00:12.000000Z', '2026-09-01T12:00:12.000000Z', NULL, 0, NULL),
  (1, 5, '4', FALSE, NULL, NULL, NULL, 2, 2, 2, FALSE, NULL, '2026-10-05T12:00:00.000000Z',
    '2026-10-05T12:00:02.000000Z', '2026-10-05T12:00:02.000000Z', NULL, 0, NULL);

INSERT INTO device_commands (device_id, school_id, student_id, wire_id, command_type, command_string, word,
  wanted_version, card_number, priority, status, attempts, created_at, sent_at, completed_at, return_code,
  error_message) VALUES
  (1, 1, 1, 4708, 'add_user', 'DATA UPDATE USERINFO PIN=1', 'userinfo', 1, 12345678, 10, 'completed', 1,
    '2026-09-01T12:00:00.000000Z', '2026-09-01T12:00:10.000000Z', '2026-09-01T12:00:12.000000Z', 0, NULL),
  (1, 1, 2, 4709, 'update_user', 'DATA UPDATE USERINFO PIN=2', 'userinfo', 2, 12345679, 10, 'failed', 2,
    '2026-09-19T12:00:00.000000Z', '2026-09-19T12:00:10.000000Z', '2026-09-19T12:00:12.000000Z', -1002,
    'the terminal does not know this command'),
  (1, 1, 5, 4710, 'delete_user', 'DATA DELETE USERINFO PIN=4', 'userinfo', 2, NULL, 20, 'completed', 1,
    '2026-10-05T12:00:00.000000Z', '2026-10-05T12:00:01.000000Z', '2026-10-05T12:00:02.000000Z', 0, NULL);

INSERT INTO punches (serial_number, device_id, school_id, student_id, pin, punched_at, punched_instant, status, verify,
  work_code, rest, utc_offset_seconds, received_at) VALUES
  ('GED7242600838', 1, 1, 1, '1', '2026-11-20T07:01:44', '2026-11-20T12:01:44.000000Z', '0', '15', '0', '', -18000,
    '2026-11-20T12:01:46.123456Z'),
  ('GED7242600838', 1, 1, NULL, '900', '2026-11-20T07:02:00', '2026-11-20T12:02:00.000000Z', '0', '1', '', '', NULL,
    '2026-11-20T12:02:01.000000Z'),
  ('OYT8123456789', NULL, NULL, NULL, '12', '2026-11-20T07:03:00', '2026-11-20T07:03:00.000000Z', '0', '1', '', '',
    NULL, '2026-11-20T12:03:00.000000Z');

INSERT INTO attendance_logs (student_id, school_id, device_id, check_in_time, date, status) VALUES
  (1, 1, 1, '2026-11-20T12:01:44.000000Z', '2026-11-20', 'present');

INSERT INTO unread_lines (serial_number, table_name, line, received_at) VALUES
  ('GED7242600838', 'ATTLOG', 'no punch at all', '2026-11-20T12:02:01.000000Z');
INSERT INTO terminal_users (device_id, pin, name, card_number, card_text, privilege, seen_at) VALUES
  (1, '1', 'Ana Sofía Quishpe', 12345678, '[4E61BC0000]', 0, '2026-11-20T04:00:00.000000Z');
INSERT INTO unknown_terminals (serial_number, address, user_count, first_seen, last_seen) VALUES
  ('OYT8123456789', '192.0.2.44', 12, '2026-11-20T12:00:00.000000Z', '2026-11-20T12:03:00.000000Z');

INSERT INTO users (email, password_hash, role, school_id, full_name) VALUES
  ('rectora@yachay.example', '$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA', 'school_admin', 1,
    'Rosa Túqueres');
INSERT INTO access_tokens (user_id, kind, name, secret_hash, created_at, last_used_at) VALUES
  (1, 'token', 'horario', '5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8',
    '2026-09-01T12:00:00.000000Z', '2026-11-20T12:00:00.000000Z');
INSERT INTO login_failures (email_hash, address, at) VALUES ('9f86d081884c7d65', '192.0.2.3', '2026-11-20T11:59:00.000000Z');
INSERT INTO audit_logs (at, user_id, actor, action, entity, entity_id, school_id, details) VALUES
  ('2026-09-01T12:00:00.000000Z', 1, 'rectora@yachay.example', 'create', 'student', '1', 1, '{"name": "Ana Sofía Quishpe"}');
