-- The guard (sync::guard): removals and changes of card that wait for a person to decide.
--
-- decision: NULL, or held (waits for somebody), approved, kept (the terminal keeps what it has). removal_wanted_at is when
-- somebody whom the terminal may hold ceased to belong there, card_change_wanted_at when a card other than the terminal's
-- became wanted; an approval sets them anew. school_id is the school whose roster the row follows: another than the
-- device's means that the device was moved since.
ALTER TABLE device_user_sync_status ADD COLUMN school_id BIGINT;
ALTER TABLE device_user_sync_status ADD COLUMN removal_wanted_at {timestamp};
ALTER TABLE device_user_sync_status ADD COLUMN card_change_wanted_at {timestamp};
ALTER TABLE device_user_sync_status ADD COLUMN decision TEXT;
ALTER TABLE device_user_sync_status ADD COLUMN decided_at {timestamp};

UPDATE device_user_sync_status SET
  school_id = (SELECT d.school_id FROM devices d WHERE d.id = device_user_sync_status.device_id),
  removal_wanted_at = CASE WHEN is_wanted THEN NULL ELSE updated_at END;

-- Still computed by the database; it says held and kept, too.
ALTER TABLE device_user_sync_status DROP COLUMN sync_status;
ALTER TABLE device_user_sync_status ADD COLUMN sync_status TEXT GENERATED ALWAYS AS (
  CASE
    WHEN confirmed_version <> wanted_version AND decision IN ('held', 'kept') THEN decision
    WHEN failed_version = wanted_version THEN 'failed'
    WHEN confirmed_version = wanted_version AND is_wanted THEN 'synced'
    WHEN confirmed_version = wanted_version THEN 'deleted'
    WHEN sent_version = wanted_version THEN 'sent'
    ELSE 'pending'
  END
) {derived};

CREATE INDEX device_user_sync_status_decision ON device_user_sync_status (device_id) WHERE decision IS NOT NULL;
-- What the last ten minutes brought is counted without reading everybody.
CREATE INDEX device_user_sync_status_removal ON device_user_sync_status (device_id, removal_wanted_at)
  WHERE removal_wanted_at IS NOT NULL;
CREATE INDEX device_user_sync_status_removed ON device_user_sync_status (device_id, acknowledged_at)
  WHERE removal_wanted_at IS NOT NULL;
CREATE INDEX device_user_sync_status_card_change ON device_user_sync_status (device_id, card_change_wanted_at)
  WHERE card_change_wanted_at IS NOT NULL;
