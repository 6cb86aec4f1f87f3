-- A school is told of its punches; its receiver was away for a while. And one receiver for all schools, which is gone.

INSERT INTO webhook_endpoints (school_id, url, events, secret, made_by, failing_since, last_error, created_at, updated_at)
VALUES (1, 'https://hooks.example.org/rollcall', ',punch.stored,terminal.silent,', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 1,
  '2026-10-05T12:00:00.000000Z', 'it answered 503', '2026-10-01T08:00:00.000000Z', '2026-10-05T12:00:00.000000Z');
INSERT INTO webhook_endpoints (url, events, secret, is_active, off_reason, created_at, updated_at)
VALUES ('https://vendor.example.org/in', ',student.failed,', 'whsec_plJ3nmyCDGBKInavdOK15jsl3plJ3nmy', FALSE, 'gone',
  '2026-10-01T08:00:00.000000Z', '2026-10-02T08:00:00.000000Z');
INSERT INTO webhook_messages (endpoint_id, message_id, kind, number, attempts, next_attempt_at, last_status, created_at)
VALUES (1, 'msg_5e1f', 'punch.stored', 2, 3, '2026-10-05T12:05:00.000000Z', 503, '2026-10-05T11:59:00.000000Z');
INSERT INTO webhook_events (endpoint_id, kind, school_id, subjects, number, at, ready_at, message)
VALUES (1, 'punch.stored', 1, '[1,2]', 2, '2026-10-05T11:58:55.000000Z', '2026-10-05T11:59:00.000000Z', 1);
INSERT INTO webhook_events (endpoint_id, kind, school_id, device_id, number, details, at, ready_at)
VALUES (1, 'terminal.silent', 1, 1, 1, '{"last_seen":"2026-10-05T11:50:00Z"}', '2026-10-05T12:00:00.000000Z', '2026-10-05T12:00:00.000000Z');
INSERT INTO terminal_silences (device_id, is_silent, last_seen, noted_at)
VALUES (1, TRUE, '2026-10-05T11:50:00.000000Z', '2026-10-05T12:00:00.000000Z');
INSERT INTO webhook_failures (device_id, student_id, digest, told_at) VALUES (1, 2, '9f86d081884c7d65', '2026-10-05T12:00:00.000000Z');
