-- A change reached a terminal.

UPDATE device_delivery SET reach_seconds = 21;
