//! The three queries that operators type today, as they type them.

use jiff::SignedDuration;
use rollcall::store::Instant;
use terminal_simulator::Profile;

use super::{
    campus::{A_WHILE, Campus},
    people,
};
use crate::databases::{Database, both_databases};

both_databases! {
    fifty_students_later_the_counts_are_fifty_fifty_nothing,
    the_last_ten_commands_are_shown_newest_first,
    every_student_is_shown_with_his_state,
}

const IN_STEP: &str = "
SELECT
  (SELECT COUNT(*) FROM students WHERE school_id = 1 AND is_active = TRUE AND rfid_card_id IS NOT NULL) AS total_students,
  (SELECT COUNT(*) FROM device_user_sync_status WHERE device_id = (SELECT id FROM devices WHERE serial_number = 'GED7242600838') AND sync_status = 'synced') AS synced_students,
  (SELECT COUNT(*) FROM device_commands WHERE device_id = (SELECT id FROM devices WHERE serial_number = 'GED7242600838') AND status = 'pending') AS pending_commands;";

const LAST_COMMANDS: &str = "
SELECT id, command_type, command_string, status, created_at FROM device_commands
WHERE device_id = (SELECT id FROM devices WHERE serial_number = 'GED7242600838') ORDER BY created_at DESC LIMIT 10;";

const STUDENTS: &str = "
SELECT s.id, s.full_name, s.rfid_card_id, COALESCE(dss.sync_status, 'not_synced') AS sync_status, dss.last_sync_success, dss.sync_retries
FROM students s LEFT JOIN device_user_sync_status dss ON s.id = dss.student_id AND dss.device_id = 1
WHERE s.school_id = 1 AND s.is_active = TRUE AND s.rfid_card_id IS NOT NULL ORDER BY s.full_name;";

const SERIAL: &str = "GED7242600838";

async fn fifty_students_later_the_counts_are_fifty_fifty_nothing(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.enrol_many(50).await;
    let device = campus.terminal(SERIAL, Profile::zam180()).await;
    assert_eq!((campus.school.0, device.0), (1, 1));
    assert_eq!(counts(&campus).await, (50, 0, 0), "the terminal has not called yet");

    let mut seen = Vec::new();
    let until = campus.world.now() + SignedDuration::from_mins(1);
    while campus.world.act(until).await {
        seen.push(counts(&campus).await);
    }
    let is_between = |(total, synced, pending)| total == 50 && synced > 0 && pending > 0 && synced + pending <= 50;
    assert!(seen.iter().any(|counts| is_between(*counts)), "{seen:?}");
    assert!(seen.is_sorted_by_key(|(_, synced, _)| *synced), "{seen:?}");

    campus.in_step(device).await;
    assert_eq!(counts(&campus).await, (50, 50, 0));
}

async fn the_last_ten_commands_are_shown_newest_first(database: Database) {
    let mut campus = Campus::open(database).await;
    let device = campus.terminal(SERIAL, Profile::zam180()).await;
    let students = campus.enrol_many(50).await;
    campus.in_step(device).await;
    campus.remove(students[7]).await;

    let newest = last_commands(&campus).await;
    assert_eq!(newest.len(), 10);
    assert!(newest.is_sorted_by(|(.., one), (.., next)| one >= next), "{newest:?}");
    let pin = campus.pin(device, students[7]).await.unwrap();
    let (_, kind, text, status, _) = &newest[0];
    assert_eq!((kind.as_str(), status.as_str()), ("delete_user", "pending"));
    assert_eq!(*text, format!("DATA DELETE USERINFO PIN={pin}"));
    for (_, kind, text, status, _) in &newest[1..] {
        assert_eq!((kind.as_str(), status.as_str()), ("add_user", "completed"));
        assert!(text.starts_with("DATA UPDATE USERINFO PIN="), "{text}");
    }

    assert!(campus.world.settle(A_WHILE).await);
    assert_eq!(last_commands(&campus).await[0].3, "completed");
}

async fn every_student_is_shown_with_his_state(database: Database) {
    let mut campus = Campus::open(database).await;
    let students = campus.enrol_many(3).await;
    campus.enrol("Without a Card", "").await;
    let device = campus.terminal(SERIAL, Profile::zam180()).await;
    assert!(states(&campus).await.iter().all(|(.., state, at, _)| state == "not_synced" && at.is_none()));

    campus.in_step(device).await;
    campus.world.foreign("INSERT INTO students (school_id, full_name, rfid_card_id) VALUES (1, 'Tāne', 'x')", []).await;
    assert!(campus.world.settle(A_WHILE).await);

    let states = states(&campus).await;
    assert_eq!(states.len(), 4, "who has no card is not asked for: {states:?}");
    for (number, student) in students.iter().enumerate() {
        let (_, name, card, state, confirmed, retries) =
            states.iter().find(|(id, ..)| *id == student.0).cloned().unwrap();
        assert_eq!((name, card), (people::name(number), people::card(number)));
        assert_eq!((state.as_str(), retries), ("synced", Some(0)));
        assert!(confirmed.is_some_and(|at| at.0 <= campus.world.now()), "{confirmed:?}");
    }
    let (.., state, confirmed, _) = states.iter().find(|(_, name, ..)| name == "Tāne").cloned().unwrap();
    assert_eq!((state.as_str(), confirmed), ("failed", None), "x is no card");
}

async fn counts(campus: &Campus) -> (i64, i64, i64) {
    campus.world.ask(IN_STEP).await[0]
}

type Command = (i64, String, String, String, Instant);

async fn last_commands(campus: &Campus) -> Vec<Command> {
    campus.world.ask(LAST_COMMANDS).await
}

type State = (i64, String, String, String, Option<Instant>, Option<i64>);

async fn states(campus: &Campus) -> Vec<State> {
    campus.world.ask(STUDENTS).await
}
