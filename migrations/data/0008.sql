-- The school of 0001 is on holiday at Christmas, began a school year, and somebody is about to import a file.

INSERT INTO presented_cards (device_id, card_number, presented_at) VALUES (1, 12345690, '2026-11-20T12:00:01.000000Z');

INSERT INTO import_drafts (id, user_id, school_id, file_name, content, created_at) VALUES
  ('c0ffee', 1, 1, 'décimo.csv', 'ZnVsbF9uYW1lLHJmaWRfY2FyZF9pZA==', '2026-11-20T12:00:00.000000Z');

INSERT INTO holidays (school_id, first_day, last_day, name) VALUES (1, '2026-12-24', '2027-01-02', 'Navidad');

INSERT INTO school_years (school_id, started_by, started_at, ends_at) VALUES
  (1, 1, '2026-09-01T12:00:00.000000Z', '2026-09-02T12:00:00.000000Z');
