
-- Once per statement, in the order of the rows that are locked. A branch sees the tables of its own trigger only.

CREATE FUNCTION rollcall_count_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO device_counts AS c (device_id, wanted, synced, verified, pending, sent, failed)
    SELECT device_id, wanted, synced, verified, pending, sent, failed FROM (
      SELECT device_id, SUM(n) AS wanted, SUM(CASE WHEN sync_status = 'synced' THEN n ELSE 0 END) AS synced,
        SUM(CASE WHEN sync_status = 'synced' AND verified_version = wanted_version THEN n ELSE 0 END) AS verified,
        SUM(CASE WHEN sync_status IN ('pending', 'held') THEN n ELSE 0 END) AS pending,
        SUM(CASE WHEN sync_status = 'sent' THEN n ELSE 0 END) AS sent,
        SUM(CASE WHEN sync_status = 'failed' THEN n ELSE 0 END) AS failed
      FROM (SELECT 1 AS n, * FROM after) AS changed
      WHERE is_wanted GROUP BY device_id) AS d
    WHERE (wanted, synced, verified, pending, sent, failed) <> (0, 0, 0, 0, 0, 0) ORDER BY device_id
    ON CONFLICT (device_id) DO UPDATE SET wanted = c.wanted + excluded.wanted, synced = c.synced + excluded.synced,
      verified = c.verified + excluded.verified, pending = c.pending + excluded.pending, sent = c.sent + excluded.sent,
      failed = c.failed + excluded.failed;
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO device_counts AS c (device_id, wanted, synced, verified, pending, sent, failed)
    SELECT device_id, wanted, synced, verified, pending, sent, failed FROM (
      SELECT device_id, SUM(n) AS wanted, SUM(CASE WHEN sync_status = 'synced' THEN n ELSE 0 END) AS synced,
        SUM(CASE WHEN sync_status = 'synced' AND verified_version = wanted_version THEN n ELSE 0 END) AS verified,
        SUM(CASE WHEN sync_status IN ('pending', 'held') THEN n ELSE 0 END) AS pending,
        SUM(CASE WHEN sync_status = 'sent' THEN n ELSE 0 END) AS sent,
        SUM(CASE WHEN sync_status = 'failed' THEN n ELSE 0 END) AS failed
      FROM (SELECT -1 AS n, * FROM before) AS changed
      WHERE is_wanted GROUP BY device_id) AS d
    WHERE (wanted, synced, verified, pending, sent, failed) <> (0, 0, 0, 0, 0, 0) ORDER BY device_id
    ON CONFLICT (device_id) DO UPDATE SET wanted = c.wanted + excluded.wanted, synced = c.synced + excluded.synced,
      verified = c.verified + excluded.verified, pending = c.pending + excluded.pending, sent = c.sent + excluded.sent,
      failed = c.failed + excluded.failed;
  ELSE
    INSERT INTO device_counts AS c (device_id, wanted, synced, verified, pending, sent, failed)
    SELECT device_id, wanted, synced, verified, pending, sent, failed FROM (
      SELECT device_id, SUM(n) AS wanted, SUM(CASE WHEN sync_status = 'synced' THEN n ELSE 0 END) AS synced,
        SUM(CASE WHEN sync_status = 'synced' AND verified_version = wanted_version THEN n ELSE 0 END) AS verified,
        SUM(CASE WHEN sync_status IN ('pending', 'held') THEN n ELSE 0 END) AS pending,
        SUM(CASE WHEN sync_status = 'sent' THEN n ELSE 0 END) AS sent,
        SUM(CASE WHEN sync_status = 'failed' THEN n ELSE 0 END) AS failed
      FROM (SELECT 1 AS n, * FROM after UNION ALL SELECT -1 AS n, * FROM before) AS changed
      WHERE is_wanted GROUP BY device_id) AS d
    WHERE (wanted, synced, verified, pending, sent, failed) <> (0, 0, 0, 0, 0, 0) ORDER BY device_id
    ON CONFLICT (device_id) DO UPDATE SET wanted = c.wanted + excluded.wanted, synced = c.synced + excluded.synced,
      verified = c.verified + excluded.verified, pending = c.pending + excluded.pending, sent = c.sent + excluded.sent,
      failed = c.failed + excluded.failed;
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION rollcall_count_students() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO school_counts AS c (school_id, belonging)
    SELECT school_id, SUM(n) FROM (SELECT 1 AS n, * FROM after) AS changed
    WHERE is_active AND deleted_at IS NULL AND TRIM(COALESCE(rfid_card_id, '')) <> ''
    GROUP BY school_id HAVING SUM(n) <> 0 ORDER BY school_id
    ON CONFLICT (school_id) DO UPDATE SET belonging = c.belonging + excluded.belonging;
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO school_counts AS c (school_id, belonging)
    SELECT school_id, SUM(n) FROM (SELECT -1 AS n, * FROM before) AS changed
    WHERE is_active AND deleted_at IS NULL AND TRIM(COALESCE(rfid_card_id, '')) <> ''
    GROUP BY school_id HAVING SUM(n) <> 0 ORDER BY school_id
    ON CONFLICT (school_id) DO UPDATE SET belonging = c.belonging + excluded.belonging;
  ELSE
    INSERT INTO school_counts AS c (school_id, belonging)
    SELECT school_id, SUM(n) FROM (SELECT 1 AS n, * FROM after UNION ALL SELECT -1 AS n, * FROM before) AS changed
    WHERE is_active AND deleted_at IS NULL AND TRIM(COALESCE(rfid_card_id, '')) <> ''
    GROUP BY school_id HAVING SUM(n) <> 0 ORDER BY school_id
    ON CONFLICT (school_id) DO UPDATE SET belonging = c.belonging + excluded.belonging;
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER device_counts_inserted AFTER INSERT ON device_user_sync_status REFERENCING NEW TABLE AS after
  FOR EACH STATEMENT EXECUTE FUNCTION rollcall_count_ledger();
CREATE TRIGGER device_counts_deleted AFTER DELETE ON device_user_sync_status REFERENCING OLD TABLE AS before
  FOR EACH STATEMENT EXECUTE FUNCTION rollcall_count_ledger();
CREATE TRIGGER device_counts_updated AFTER UPDATE ON device_user_sync_status REFERENCING OLD TABLE AS before NEW TABLE AS after
  FOR EACH STATEMENT EXECUTE FUNCTION rollcall_count_ledger();
CREATE TRIGGER school_counts_inserted AFTER INSERT ON students REFERENCING NEW TABLE AS after
  FOR EACH STATEMENT EXECUTE FUNCTION rollcall_count_students();
CREATE TRIGGER school_counts_deleted AFTER DELETE ON students REFERENCING OLD TABLE AS before
  FOR EACH STATEMENT EXECUTE FUNCTION rollcall_count_students();
CREATE TRIGGER school_counts_updated AFTER UPDATE ON students REFERENCING OLD TABLE AS before NEW TABLE AS after
  FOR EACH STATEMENT EXECUTE FUNCTION rollcall_count_students();
