-- A student was edited, and his terminal has not answered yet.

UPDATE device_user_sync_status SET wanted_at = '2026-11-22T12:00:00.000000Z' WHERE device_id = 1;
