-- Webhooks: who is told of what happens here, and what has not been told yet (docs/decisions/outbox-of-ids.md).

-- Of whom nothing is known but an address. No school: all of them.
-- events: what it is told of, each with a comma before and after it.
-- former_secret: signs beside the new one for a day after it was renewed.
-- off_reason: 'admin', 'gone' (it answered 410) or 'failing' (for days), while it is not active.
-- failures: tries since then at which nothing arrived. turn_at: when it was claimed last.
-- claimed_by, claimed_until: one server talks to it at a time; when that dies, the others wait until then.
CREATE TABLE webhook_endpoints (
  id {identity},
  school_id BIGINT REFERENCES schools(id),
  url TEXT NOT NULL,
  events TEXT NOT NULL,
  secret TEXT NOT NULL,
  former_secret TEXT,
  former_secret_until {timestamp},
  is_active BOOLEAN NOT NULL DEFAULT TRUE,
  off_reason TEXT,
  made_by BIGINT,
  failing_since {timestamp},
  failures BIGINT NOT NULL DEFAULT 0,
  last_success_at {timestamp},
  last_error TEXT,
  dropped BIGINT NOT NULL DEFAULT 0,
  minute_began {timestamp},
  minute_requests BIGINT NOT NULL DEFAULT 0,
  claimed_by TEXT,
  claimed_until {timestamp},
  turn_at {timestamp},
  created_at {timestamp} NOT NULL,
  updated_at {timestamp} NOT NULL
);
CREATE INDEX webhook_endpoints_school ON webhook_endpoints (school_id);

-- Requests: a number of events of one kind, gathered once and never changed, with the id that its receiver sees.
-- No references: an endpoint may be deleted while a transaction tells it something. What is left of it is swept.
CREATE TABLE webhook_messages (
  id {identity},
  endpoint_id BIGINT NOT NULL,
  message_id TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  number BIGINT NOT NULL,
  state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'given_up')),
  attempts BIGINT NOT NULL DEFAULT 0,
  next_attempt_at {timestamp} NOT NULL,
  last_status BIGINT,
  last_error TEXT,
  created_at {timestamp} NOT NULL,
  finished_at {timestamp}
);
CREATE INDEX webhook_messages_waiting ON webhook_messages (endpoint_id, next_attempt_at) WHERE state = 'waiting';
CREATE INDEX webhook_messages_endpoint ON webhook_messages (endpoint_id, id);
CREATE INDEX webhook_messages_finished ON webhook_messages (finished_at) WHERE finished_at IS NOT NULL;

-- The outbox: what an endpoint is still to be told, written with the change that it tells of. A row is one or several
-- events of one kind. Ids only: names are read when it leaves.
-- subjects: ids of students or punches, as a JSON array. details: JSON.
CREATE TABLE webhook_events (
  id {identity},
  endpoint_id BIGINT NOT NULL,
  kind TEXT NOT NULL,
  school_id BIGINT,
  device_id BIGINT,
  subjects TEXT,
  number BIGINT NOT NULL,
  details TEXT,
  at {timestamp} NOT NULL,
  ready_at {timestamp} NOT NULL,
  message BIGINT
);
CREATE INDEX webhook_events_endpoint ON webhook_events (endpoint_id);
CREATE INDEX webhook_events_ungathered ON webhook_events (endpoint_id, kind, id) WHERE message IS NULL;
CREATE INDEX webhook_events_message ON webhook_events (message) WHERE message IS NOT NULL;

-- Terminals that were noted to be silent, or to have come back since.
CREATE TABLE terminal_silences (
  device_id BIGINT PRIMARY KEY REFERENCES devices(id),
  is_silent BOOLEAN NOT NULL,
  last_seen {timestamp} NOT NULL,
  noted_at {timestamp} NOT NULL
);

-- Failures of students that were told, so that each try of the same is not told again. The words as a digest: they may
-- name somebody.
CREATE TABLE webhook_failures (
  device_id BIGINT NOT NULL REFERENCES devices(id),
  student_id BIGINT NOT NULL,
  digest TEXT NOT NULL,
  told_at {timestamp} NOT NULL,
  PRIMARY KEY (device_id, student_id)
);
CREATE INDEX webhook_failures_student ON webhook_failures (student_id);
