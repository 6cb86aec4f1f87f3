-- Somebody whose row was deleted by SQL and whose removal the guard holds, as left by a server of version 2.

INSERT INTO device_seen_pins (device_id, pin) VALUES (1, '6');
INSERT INTO device_user_mappings (device_id, student_id, device_pin, valid_from) VALUES
  (1, 77, '6', '2026-09-01T12:00:00.000000Z');
INSERT INTO device_user_sync_status (device_id, student_id, device_pin, school_id, is_wanted, wanted_name, wanted_version,
  sent_version, confirmed_version, is_held, held_card_number, error_message, removal_wanted_at, decision, decided_at) VALUES
  (1, 77, '6', 1, FALSE, 'Þórdís Ægisdóttir', 2, 1, 1, TRUE, 12345699, 'nobody belongs on this terminal any more',
    '2026-11-20T12:00:00.000000Z', 'held', '2026-11-20T12:00:00.000000Z');
