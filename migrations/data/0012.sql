-- Somebody speaks under the serial number of a terminal, and was refused from elsewhere before.

UPDATE devices SET suspicion = 'addresses', suspected_at = '2026-11-22T12:00:00.000000Z', former_address = '192.0.2.7',
  former_seen = '2026-11-22T11:59:40.000000Z', accepted_addresses = ',192.0.2.7,192.0.2.8,', allowed_addresses = '192.0.2.0/24',
  refused_address = '198.51.100.1', refused_at = '2026-11-22T11:00:00.000000Z' WHERE id = 1;
