-- Somebody applied a list, and one terminal of two is looked through.

INSERT INTO import_runs (id, user_id, school_id, file_name, begun_at, alive_at, written_at, added, terminals, terminals_done)
VALUES ('c0ffee', 1, 1, 'décimo.csv', '2026-11-20T12:00:10.000000Z', '2026-11-20T12:00:12.000000Z',
  '2026-11-20T12:00:11.000000Z', 1, 2, 1);
