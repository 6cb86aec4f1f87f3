-- Somebody was renamed, and a terminal may call from its own network only.

UPDATE students SET full_name = full_name WHERE id = 1;
UPDATE devices SET allowed_addresses = '10.20.0.0/16' WHERE id = 1;
