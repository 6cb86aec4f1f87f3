-- How many people are wanted on a terminal is compared with how many belong there, at every look (sync::reconcile).
CREATE INDEX device_user_sync_status_wanted ON device_user_sync_status (device_id) WHERE is_wanted;
