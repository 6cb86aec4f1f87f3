-- The last card that nobody knows, as each terminal told of it: whoever makes a student takes it from there.
CREATE TABLE presented_cards (
  device_id BIGINT PRIMARY KEY REFERENCES devices(id),
  card_number BIGINT NOT NULL,
  presented_at {timestamp} NOT NULL
);

-- Files that somebody looks through before they are imported: kept here between the preview and the deed, for whoever
-- brought them, for an hour.
CREATE TABLE import_drafts (
  id TEXT PRIMARY KEY,
  user_id BIGINT NOT NULL REFERENCES users(id) ON DELETE CASCADE,
  school_id BIGINT,
  file_name TEXT NOT NULL,
  content TEXT NOT NULL,
  created_at {timestamp} NOT NULL
);
CREATE INDEX import_drafts_created ON import_drafts (created_at);

-- Days on which nobody comes: a terminal that is silent then is none to worry about.
CREATE TABLE holidays (
  id {identity},
  school_id BIGINT NOT NULL REFERENCES schools(id),
  first_day TEXT NOT NULL,
  last_day TEXT NOT NULL,
  name TEXT NOT NULL,
  created_at {timestamp} NOT NULL DEFAULT {now}
);
CREATE INDEX holidays_school ON holidays (school_id, first_day);

-- The new school year of a school: until then the guard lets go what was previewed (docs/decisions/new-school-year.md).
CREATE TABLE school_years (
  id {identity},
  school_id BIGINT NOT NULL REFERENCES schools(id),
  started_by BIGINT NOT NULL,
  started_at {timestamp} NOT NULL,
  ends_at {timestamp} NOT NULL,
  ended_at {timestamp}
);
CREATE INDEX school_years_open ON school_years (school_id) WHERE ended_at IS NULL;
