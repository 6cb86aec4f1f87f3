
-- A terminal that is registered, changed or deleted at one server is known at the others at once. Calls of terminals, which
-- write presence every few seconds, notify nobody.

CREATE FUNCTION rollcall_devices_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('rollcall_devices', '');
  RETURN NULL;
END $$;

CREATE TRIGGER rollcall_devices_came_or_went AFTER INSERT OR DELETE ON devices
  FOR EACH ROW EXECUTE FUNCTION rollcall_devices_changed();
CREATE TRIGGER rollcall_devices_changed AFTER UPDATE OF school_id, serial_number, timezone, is_active, start_state, takeover,
  dialect, language, card_form, shown_offset_seconds, deleted_at ON devices
  FOR EACH ROW WHEN ((OLD.school_id, OLD.serial_number, OLD.timezone, OLD.is_active, OLD.start_state, OLD.takeover,
    OLD.dialect, OLD.language, OLD.card_form, OLD.shown_offset_seconds, OLD.deleted_at)
  IS DISTINCT FROM (NEW.school_id, NEW.serial_number, NEW.timezone, NEW.is_active, NEW.start_state, NEW.takeover,
    NEW.dialect, NEW.language, NEW.card_form, NEW.shown_offset_seconds, NEW.deleted_at))
  EXECUTE FUNCTION rollcall_devices_changed();
