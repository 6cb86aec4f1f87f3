-- The terminals of before said what they can hold; the first has no room for one of its students any more.

UPDATE devices SET user_capacity = 3, pin_width = 9 WHERE id = 1;
UPDATE devices SET user_capacity = 3000 WHERE serial_number = 'SFA2251700031';
UPDATE device_delivery SET others = 1, is_nearly_full = TRUE WHERE device_id = 1;
UPDATE unknown_terminals SET user_capacity = 6000, pin_width = 14;
