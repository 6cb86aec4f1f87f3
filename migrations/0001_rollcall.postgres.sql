-- Rows that another program writes wake the reconciler: one notification per statement and school, with the school's id.

CREATE FUNCTION rollcall_roster_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('rollcall_roster', school_id::text) FROM (SELECT DISTINCT school_id FROM changed) AS schools;
  RETURN NULL;
END $$;

CREATE TRIGGER rollcall_students_inserted AFTER INSERT ON students
  REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION rollcall_roster_changed();
CREATE TRIGGER rollcall_students_updated_to AFTER UPDATE ON students
  REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION rollcall_roster_changed();
CREATE TRIGGER rollcall_students_updated_from AFTER UPDATE ON students
  REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION rollcall_roster_changed();
CREATE TRIGGER rollcall_students_deleted AFTER DELETE ON students
  REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION rollcall_roster_changed();
