//! How things stand, in numbers of now: for a supervisor who asks every few seconds.

use crate::store::{Result, Tx};

/// One statement, whatever the size of the fleet.
const STANDING: &str = "
    SELECT 'terminals' AS what, CASE WHEN NOT is_active THEN 'switched_off' WHEN suspicion IS NOT NULL THEN 'suspected'
      WHEN start_state = 'holds_people' THEN 'undecided'
      WHEN is_online THEN 'online' ELSE 'offline' END AS which, COUNT(*) AS number
    FROM devices WHERE deleted_at IS NULL GROUP BY 2
    UNION ALL SELECT 'unknown_terminals', '', COUNT(*) FROM unknown_terminals
    UNION ALL SELECT 'commands_waiting', status, COUNT(*) FROM device_commands
    WHERE status IN ('pending', 'sent') GROUP BY 2
    UNION ALL SELECT 'students_on_terminals', l.sync_status, COUNT(*) FROM device_user_sync_status l
    JOIN devices d ON d.id = l.device_id AND d.is_active AND d.deleted_at IS NULL WHERE l.is_wanted GROUP BY 2
    UNION ALL SELECT 'drift_open', kind, COUNT(*) FROM device_drift WHERE ended_at IS NULL GROUP BY 2
    UNION ALL SELECT 'held', CASE WHEN is_wanted THEN 'card' ELSE 'removal' END, COUNT(*) FROM device_user_sync_status
    WHERE decision = 'held' AND confirmed_version <> wanted_version GROUP BY 2
    UNION ALL SELECT 'held', 'stranger', COUNT(*) FROM device_drift WHERE decision = 'held' AND ended_at IS NULL
    UNION ALL SELECT 'webhook_events_waiting', '', CAST(COALESCE(SUM(number), 0) AS BIGINT) FROM webhook_events
    UNION ALL SELECT 'webhooks', CASE WHEN NOT is_active THEN 'switched_off' WHEN failing_since IS NOT NULL THEN 'failing'
      ELSE 'working' END, COUNT(*) FROM webhook_endpoints GROUP BY 2";

/// What is counted, its kind, and how many there are; kinds that do not occur are left out.
pub async fn of(tx: &mut Tx) -> Result<Vec<(String, String, i64)>> {
    tx.all(STANDING, []).await
}
