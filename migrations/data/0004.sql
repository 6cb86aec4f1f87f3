-- A second terminal of the school of 0001 is an access unit whose table is being read.

INSERT INTO devices (school_id, serial_number, device_name, dialect, push_version, device_type, start_state,
  readback_class) VALUES (1, 'SFA2251700031', 'Laboratorio', 'security', '3.1.2', 'acc', 'writing', 'table');
INSERT INTO device_pins (device_id, next_wire_id, event)
  SELECT id, 900, 12 FROM devices WHERE serial_number = 'SFA2251700031';
INSERT INTO device_commands (device_id, school_id, student_id, wire_id, command_type, command_string, word, step,
  wanted_version, status, attempts)
  SELECT id, 1, 1, 801, 'add_door_right', 'DATA UPDATE userauthorize Pin=1', 'DATA UPDATE userauthorize', 'door_right', 1,
    'sent', 1 FROM devices WHERE serial_number = 'SFA2251700031';
INSERT INTO readings (device_id, cause, scope, phase, lists, began_event, started_at)
  SELECT id, 'schedule', 'all', 'list', 1, 10, '2026-11-22T12:00:00.000000Z' FROM devices
  WHERE serial_number = 'SFA2251700031';
INSERT INTO reading_packets (reading_id, wire_id, packet_index, packet_count, rows_told, rows_announced)
  SELECT id, 802, 1, 2, 20, 20 FROM readings WHERE cause = 'schedule' AND phase = 'list';
