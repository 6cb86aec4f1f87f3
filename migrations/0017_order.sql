-- A terminal's students by name come in the order of the list of all students: accents and capitals do not count. The
-- beginning suffices, and PostgreSQL would refuse to index what another program wrote at too great a length.
DROP INDEX students_belonging;
CREATE INDEX students_belonging ON students (school_id, SUBSTR(COALESCE(search_text, full_name), 1, 200))
  WHERE is_active AND deleted_at IS NULL AND TRIM(COALESCE(rfid_card_id, '')) <> '';
