-- A terminal was switched off and on again.

UPDATE devices SET is_active = FALSE WHERE id = 1;
UPDATE devices SET is_active = TRUE WHERE id = 1;
