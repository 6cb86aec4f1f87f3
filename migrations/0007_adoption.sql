-- Terminals that hold people before Rollcall writes to them.
--
-- hold_event: from then on nothing is written until an admin decides; a reading that began later tells who is there.
ALTER TABLE devices ADD COLUMN hold_event BIGINT NOT NULL DEFAULT 0;

-- Whom a terminal holds who has a card that a student should have.
CREATE INDEX terminal_users_card ON terminal_users (device_id, card_number) WHERE card_number IS NOT NULL;

-- Those that wait for a decision already are read.
UPDATE devices SET verify_at = {now}, verify_cause = 'takeover'
WHERE start_state = 'holds_people' AND is_active AND deleted_at IS NULL AND verify_at IS NULL;
