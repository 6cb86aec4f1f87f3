
-- Who reconciles what he writes in the same transaction says so (store::wake): nobody has to look at the whole school then.

CREATE OR REPLACE FUNCTION rollcall_roster_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('rollcall.roster_is_seen_to', true) = 'yes' THEN
    RETURN NULL;
  END IF;
  PERFORM pg_notify('rollcall_roster', school_id::text) FROM (SELECT DISTINCT school_id FROM changed) AS schools;
  RETURN NULL;
END $$;

-- As before, and when a terminal comes to be doubted or is confirmed, and when it may call from elsewhere.

DROP TRIGGER rollcall_devices_changed ON devices;
CREATE TRIGGER rollcall_devices_changed AFTER UPDATE OF school_id, serial_number, timezone, is_active, start_state, takeover,
  dialect, language, card_form, shown_offset_seconds, suspicion, accepted_addresses, allowed_addresses, deleted_at ON devices
  FOR EACH ROW WHEN ((OLD.school_id, OLD.serial_number, OLD.timezone, OLD.is_active, OLD.start_state, OLD.takeover,
    OLD.dialect, OLD.language, OLD.card_form, OLD.shown_offset_seconds, OLD.suspicion, OLD.accepted_addresses,
    OLD.allowed_addresses, OLD.deleted_at)
  IS DISTINCT FROM (NEW.school_id, NEW.serial_number, NEW.timezone, NEW.is_active, NEW.start_state, NEW.takeover,
    NEW.dialect, NEW.language, NEW.card_form, NEW.shown_offset_seconds, NEW.suspicion, NEW.accepted_addresses,
    NEW.allowed_addresses, NEW.deleted_at))
  EXECUTE FUNCTION rollcall_devices_changed();
