//! Another program writes rows and tells nobody.

use terminal_simulator::Profile;

use super::campus::Campus;
use crate::databases::{Database, both_databases};

both_databases! { rows_written_by_sql_reach_the_next_poll_within_five_seconds }

async fn rows_written_by_sql_reach_the_next_poll_within_five_seconds(database: Database) {
    let mut campus = Campus::open(database).await;
    let device = campus.terminal("CJX9253300417", Profile::zam180()).await;
    // The terminal is never without anybody: what would empty it is held.
    campus.enrol("Stays", "4000").await;
    campus.run_for(120).await;

    let stories = [
        ("INSERT INTO students (school_id, full_name, rfid_card_id) VALUES (1, 'Ъгъл', '4001')", Some("Ъгъл 4001")),
        ("UPDATE students SET full_name = 'Ђорђе' WHERE full_name = 'Ъгъл'", Some("Ђорђе 4001")),
        ("UPDATE students SET rfid_card_id = '4002' WHERE full_name = 'Ђорђе'", Some("Ђорђе 4002")),
        ("UPDATE students SET is_active = FALSE WHERE id > 1", None),
        ("UPDATE students SET is_active = TRUE", Some("Ђорђе 4002")),
        ("UPDATE students SET rfid_card_id = NULL WHERE id > 1", None),
        ("UPDATE students SET rfid_card_id = '4003' WHERE id > 1", Some("Ђорђе 4003")),
        ("DELETE FROM students WHERE id > 1", None),
    ];
    for (sql, wanted) in stories {
        campus.world.foreign(sql, []).await;
        campus.run_for(5).await;
        let open = "SELECT COUNT(*) FROM device_commands WHERE status = 'pending'";
        let is_there = shown(&campus).as_deref() == wanted;
        assert!(is_there || campus.world.number(open).await == 1, "{sql}: the next poll would bring nothing");
        // Its poll, and the result of what it brought.
        campus.run_for(21).await;
        assert_eq!(shown(&campus).as_deref(), wanted, "{sql}");
        campus.agree(device).await;
    }
}

/// The one person that the terminal holds beside the one who stays.
fn shown(campus: &Campus) -> Option<String> {
    let people = campus.world.fleet.terminals()[0].users();
    assert!(people.len() <= 2, "{people:?}");
    people.values().find(|user| user.name != "Stays").map(|user| format!("{} {}", user.name, user.card.unwrap_or(0)))
}
