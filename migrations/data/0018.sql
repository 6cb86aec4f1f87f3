-- A school got its zone: the punches of its terminal are to be dated anew.

UPDATE schools SET timezone = 'America/Guayaquil' WHERE id = 1;
UPDATE devices SET dated_in = 'America/Guayaquil', redate_at = '2026-10-06T12:00:00.000000Z' WHERE id = 1;
