
CREATE TRIGGER device_counts_inserted AFTER INSERT ON device_user_sync_status WHEN NEW.is_wanted BEGIN
  INSERT INTO device_counts (device_id, wanted, synced, verified, pending, sent, failed)
  VALUES (NEW.device_id, 1, NEW.sync_status = 'synced',
    NEW.sync_status = 'synced' AND NEW.verified_version = NEW.wanted_version,
    NEW.sync_status IN ('pending', 'held'), NEW.sync_status = 'sent', NEW.sync_status = 'failed')
  ON CONFLICT (device_id) DO UPDATE SET wanted = wanted + 1, synced = synced + excluded.synced,
    verified = verified + excluded.verified, pending = pending + excluded.pending, sent = sent + excluded.sent,
    failed = failed + excluded.failed;
END;

CREATE TRIGGER device_counts_deleted AFTER DELETE ON device_user_sync_status WHEN OLD.is_wanted BEGIN
  UPDATE device_counts SET wanted = wanted - 1, synced = synced - (OLD.sync_status = 'synced'),
    verified = verified - (OLD.sync_status = 'synced' AND OLD.verified_version = OLD.wanted_version),
    pending = pending - (OLD.sync_status IN ('pending', 'held')), sent = sent - (OLD.sync_status = 'sent'),
    failed = failed - (OLD.sync_status = 'failed')
  WHERE device_id = OLD.device_id;
END;

-- Only the columns that what is counted follows from.
CREATE TRIGGER device_counts_updated
AFTER UPDATE OF device_id, is_wanted, wanted_version, sent_version, confirmed_version, failed_version, verified_version,
  decision ON device_user_sync_status
WHEN (OLD.is_wanted OR NEW.is_wanted) AND (OLD.device_id <> NEW.device_id OR OLD.is_wanted <> NEW.is_wanted
  OR OLD.sync_status <> NEW.sync_status
  OR (OLD.verified_version = OLD.wanted_version) <> (NEW.verified_version = NEW.wanted_version))
BEGIN
  UPDATE device_counts SET wanted = wanted - 1, synced = synced - (OLD.sync_status = 'synced'),
    verified = verified - (OLD.sync_status = 'synced' AND OLD.verified_version = OLD.wanted_version),
    pending = pending - (OLD.sync_status IN ('pending', 'held')), sent = sent - (OLD.sync_status = 'sent'),
    failed = failed - (OLD.sync_status = 'failed')
  WHERE device_id = OLD.device_id AND OLD.is_wanted;
  INSERT INTO device_counts (device_id, wanted, synced, verified, pending, sent, failed)
  SELECT NEW.device_id, 1, NEW.sync_status = 'synced',
    NEW.sync_status = 'synced' AND NEW.verified_version = NEW.wanted_version,
    NEW.sync_status IN ('pending', 'held'), NEW.sync_status = 'sent', NEW.sync_status = 'failed'
  WHERE NEW.is_wanted
  ON CONFLICT (device_id) DO UPDATE SET wanted = wanted + 1, synced = synced + excluded.synced,
    verified = verified + excluded.verified, pending = pending + excluded.pending, sent = sent + excluded.sent,
    failed = failed + excluded.failed;
END;

CREATE TRIGGER school_counts_inserted AFTER INSERT ON students
WHEN NEW.is_active AND NEW.deleted_at IS NULL AND TRIM(COALESCE(NEW.rfid_card_id, '')) <> '' BEGIN
  INSERT INTO school_counts (school_id, belonging) VALUES (NEW.school_id, 1)
  ON CONFLICT (school_id) DO UPDATE SET belonging = belonging + 1;
END;

CREATE TRIGGER school_counts_deleted AFTER DELETE ON students
WHEN OLD.is_active AND OLD.deleted_at IS NULL AND TRIM(COALESCE(OLD.rfid_card_id, '')) <> '' BEGIN
  UPDATE school_counts SET belonging = belonging - 1 WHERE school_id = OLD.school_id;
END;

CREATE TRIGGER school_counts_updated AFTER UPDATE OF school_id, is_active, deleted_at, rfid_card_id ON students BEGIN
  UPDATE school_counts SET belonging = belonging - 1
  WHERE school_id = OLD.school_id
    AND OLD.is_active AND OLD.deleted_at IS NULL AND TRIM(COALESCE(OLD.rfid_card_id, '')) <> '';
  INSERT INTO school_counts (school_id, belonging) SELECT NEW.school_id, 1
  WHERE NEW.is_active AND NEW.deleted_at IS NULL AND TRIM(COALESCE(NEW.rfid_card_id, '')) <> ''
  ON CONFLICT (school_id) DO UPDATE SET belonging = belonging + 1;
END;
