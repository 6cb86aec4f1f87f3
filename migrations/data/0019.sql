-- A terminal was silent for a while.

UPDATE devices SET log_request = 'missed', log_from = '2026-10-05T12:00:00.000000Z', log_at = '2026-10-05T12:30:00.000000Z'
  WHERE id = 1;
