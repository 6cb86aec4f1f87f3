-- What another program calls schools, classes and students in its OneRoster files (sourcedId).
ALTER TABLE schools ADD COLUMN oneroster_id TEXT;
ALTER TABLE classes ADD COLUMN oneroster_id TEXT;
ALTER TABLE students ADD COLUMN oneroster_id TEXT;
CREATE INDEX schools_oneroster ON schools (oneroster_id) WHERE oneroster_id IS NOT NULL;
CREATE INDEX students_oneroster ON students (oneroster_id) WHERE oneroster_id IS NOT NULL;
