-- Imports that somebody agreed to, while they are done and for an hour after: what the page shows of them. Under the id of
-- the file. written_at is set in the transaction that writes the roster: without it nothing of the file is written.
CREATE TABLE import_runs (
  id TEXT PRIMARY KEY,
  user_id BIGINT NOT NULL REFERENCES users(id) ON DELETE CASCADE,
  school_id BIGINT,
  file_name TEXT NOT NULL,
  begun_at {timestamp} NOT NULL,
  alive_at {timestamp} NOT NULL,
  written_at {timestamp},
  ended_at {timestamp},
  added BIGINT NOT NULL DEFAULT 0,
  changed BIGINT NOT NULL DEFAULT 0,
  deactivated BIGINT NOT NULL DEFAULT 0,
  rejected BIGINT NOT NULL DEFAULT 0,
  terminals BIGINT NOT NULL DEFAULT 0,
  terminals_done BIGINT NOT NULL DEFAULT 0,
  held BIGINT NOT NULL DEFAULT 0,
  -- Why nothing was written: 'otherwise' (the roster had changed since the look), or words
  problem TEXT
);
CREATE INDEX import_runs_begun ON import_runs (begun_at);
