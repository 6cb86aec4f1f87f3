-- The school of 0001 is known to another program, too.

UPDATE schools SET oneroster_id = 'org-1' WHERE id = 1;
UPDATE classes SET oneroster_id = 'class-1' WHERE id = 1;
UPDATE students SET oneroster_id = 'user-' || id WHERE school_id = 1;
