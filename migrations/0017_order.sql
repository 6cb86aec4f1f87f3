-- A terminal's students by name come in the order of the list of all students: accents and capitals do not count.
DROP INDEX students_belonging;
CREATE INDEX students_belonging ON students (school_id, COALESCE(search_text, full_name))
  WHERE is_active AND deleted_at IS NULL AND TRIM(COALESCE(rfid_card_id, '')) <> '';
