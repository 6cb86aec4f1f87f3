-- A third terminal of the school of 0001 held people when it was connected; who they are was read.

INSERT INTO devices (school_id, serial_number, device_name, start_state, hold_event, takeover)
  VALUES (1, 'K40F204860119', 'Patio', 'holds_people', 4, 'link_cards');
INSERT INTO device_pins (device_id, next_wire_id, event)
  SELECT id, 70, 9 FROM devices WHERE serial_number = 'K40F204860119';
INSERT INTO terminal_users (device_id, pin, name, card_number, seen_at, seen_event, told_event)
  SELECT id, '17', 'KHADIJA', 4711, '2026-11-22T12:00:00.000000Z', 8, 8 FROM devices
  WHERE serial_number = 'K40F204860119';
INSERT INTO device_drift (device_id, device_pin, kind, theirs, decision, found_at, found_last_at)
  SELECT id, '17', 'stranger', 'KHADIJA', 'kept', '2026-11-22T12:00:00.000000Z', '2026-11-22T12:00:00.000000Z'
  FROM devices WHERE serial_number = 'K40F204860119';
