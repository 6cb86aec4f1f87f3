-- Another program takes a card away and gives it back: what the database counts follows.

UPDATE students SET rfid_card_id = NULL WHERE id = 1;
UPDATE students SET rfid_card_id = '0012345678' WHERE id = 1;
