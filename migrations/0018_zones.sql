-- The zone in which a terminal's punches are dated, '' for the server's. Where it has another one by now they are dated anew
-- as soon as redate_at has come (attendance::redating). What is there was dated in the zones of now.
ALTER TABLE devices ADD COLUMN dated_in TEXT;
ALTER TABLE devices ADD COLUMN redate_at {timestamp};
CREATE INDEX devices_redate ON devices (redate_at) WHERE redate_at IS NOT NULL;
UPDATE devices SET dated_in = COALESCE(timezone, (SELECT s.timezone FROM schools s WHERE s.id = devices.school_id), '');

-- What the clock of the terminal showed at the first punch of the day, as in punches. Which punch of a day is the first it
-- says in every zone, and check_in_time only in the right one.
ALTER TABLE attendance_logs ADD COLUMN punched_at TEXT;
UPDATE attendance_logs SET punched_at = (
  SELECT MIN(p.punched_at) FROM punches p
  WHERE p.student_id = attendance_logs.student_id AND p.punched_at >= CAST(attendance_logs.date AS TEXT) || 'T00'
    AND p.punched_at < CAST(attendance_logs.date AS TEXT) || 'T24' AND p.punched_instant = attendance_logs.check_in_time);
