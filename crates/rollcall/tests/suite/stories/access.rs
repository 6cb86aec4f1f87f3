//! Access units: people and their rights to the door are written, read back and mended like on any other terminal.

use jiff::SignedDuration;
use rollcall::devices::DeviceId;
use serde_json::json;
use terminal_simulator::{Announces, FaultKind, HeldUser, Profile, Terminal};

use super::{campus::Campus, people};
use crate::databases::{Database, both_databases};

both_databases! {
    from_first_contact_to_verified,
    a_rename_and_a_leaver_and_everybody_else_still_gets_in,
    rule_14_a_version_counts_when_the_door_opens_too,
    who_is_removed_between_the_steps_is_gone,
    a_unit_without_door_rights_says_so,
    a_unit_that_answers_twice_is_waited_for,
    a_unit_that_was_taken_for_an_attendance_terminal_is_corrected_by_its_first_refusal,
    an_attendance_terminal_that_was_taken_for_an_access_unit_is_corrected_by_its_first_refusal,
    what_was_changed_at_its_keypad_is_healed,
    a_packet_that_is_missing_proves_no_absence,
    a_wiped_unit_is_refilled_and_opens_again,
    a_unit_that_holds_people_waits_for_a_decision,
    events_of_its_door_are_punches,
    somebody_without_a_pin_whom_another_server_made_is_left_alone,
}

const SERIAL: &str = "SFA2251700031";

impl Campus {
    async fn access(&mut self) -> DeviceId {
        self.terminal(SERIAL, Profile::access_s3()).await
    }

    async fn unit(&mut self, device: DeviceId) -> &mut Terminal {
        let index = self.index_of(device).await;
        self.world.fleet.terminal(index)
    }

    /// Words of all commands that a terminal was ever handed, without what follows them.
    async fn words(&self, device: DeviceId) -> Vec<String> {
        let mut words: Vec<String> = self
            .commands(device)
            .await
            .iter()
            .filter(|row| row["attempts"].as_i64() > Some(0))
            .map(|row| row["command_string"].as_str().unwrap().split(' ').take(3).collect::<Vec<_>>().join(" "))
            .collect();
        words.sort();
        words.dedup();
        words
    }

    async fn dialect(&self, device: DeviceId) -> Option<String> {
        let mut tx = self.world.app.db.read().await.unwrap();
        let (dialect,) = tx.one("SELECT dialect FROM devices WHERE id = $1", [device.into()]).await.unwrap();
        dialect
    }

    /// Another program forgets, or knows better, which dialect a terminal speaks.
    async fn believe(&self, device: DeviceId, dialect: Option<&'static str>) {
        let sql = "UPDATE devices SET dialect = $2 WHERE id = $1";
        self.world.foreign(sql, [device.into(), dialect.map(str::to_owned).into()]).await;
        let mut tx = self.world.app.db.read().await.unwrap();
        self.world.app.registry.reread(&mut tx, device).await.unwrap();
    }
}

async fn from_first_contact_to_verified(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.enrol_many(50).await;
    let device = campus.access().await;
    let status = campus.in_step(device).await;
    assert_eq!(status.in_words(), "50 synced of 50");
    let pins: Vec<&str> = status.students.values().filter_map(|student| student.pin.as_deref()).collect();
    assert!(pins.contains(&"1") && pins.contains(&"50"), "it was counted, and empty: {pins:?}");
    let words = campus.words(device).await;
    assert_eq!(words, ["DATA COUNT user", "DATA UPDATE user", "DATA UPDATE userauthorize"]);

    let shown = campus.read_back(device).await;
    assert_eq!(shown.readback_class.as_deref(), Some("table"), "{shown:?}");
    assert_eq!((shown.state.as_str(), shown.is_complete, shown.verified, shown.repaired), ("done", true, 50, 0));
    assert_eq!(campus.verified(device).await, 50);
    let again = campus.read_back(device).await;
    assert_eq!((again.is_complete, again.verified), (true, 50), "now that the class is known");
}

async fn a_rename_and_a_leaver_and_everybody_else_still_gets_in(database: Database) {
    let mut campus = Campus::open(database).await;
    let students = campus.enrol_many(6).await;
    let device = campus.access().await;
    campus.in_step(device).await;
    let leaver = campus.pin(device, students[5]).await.unwrap();
    assert!(campus.unit(device).await.opens_door(&leaver));

    campus.change(students[0], json!({"full_name": "Ayşe Öztürk Yıldız"})).await;
    campus.change(students[1], json!({"rfid_card_id": "0x7FFFFFFE"})).await;
    campus.remove(students[5]).await;
    campus.in_step(device).await;
    let unit = campus.unit(device).await;
    assert_eq!((unit.users().len(), unit.removed_by_command()), (5, &[leaver.clone()][..]));
    // Even if somebody enrolled that PIN there again, its right is gone with him.
    unit.edit_at_keypad(&leaver, "Στέφανος", None);
    assert!(!unit.opens_door(&leaver));
}

async fn rule_14_a_version_counts_when_the_door_opens_too(database: Database) {
    let mut campus = Campus::open(database).await;
    let device = campus.access().await;
    campus.run_for(120).await;
    let student = campus.enrol("Nandini Śarmā", "4711").await;
    // The person is written, and the command for the right is lost with the poll that it came by.
    while campus.unit(device).await.users().is_empty() {
        campus.run_for(1).await;
    }
    campus.unit(device).await.faults().once_at(FaultKind::LoseReply, terminal_simulator::Call::Poll);
    campus.run_for(10).await;
    let pin = campus.pin(device, student).await.unwrap();
    assert!(!campus.unit(device).await.opens_door(&pin));
    let status = campus.status(device).await;
    assert_eq!(status.numbers["synced"], 0, "known, and not let in: {status:?}");
    campus.in_step(device).await;
    assert!(campus.unit(device).await.opens_door(&pin));
    let version = "SELECT wanted_version FROM device_user_sync_status WHERE confirmed_version = wanted_version";
    assert_eq!(campus.world.number(version).await, 1, "it is one version, whatever it took");
}

async fn who_is_removed_between_the_steps_is_gone(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.enrol_many(9).await;
    let device = campus.access().await;
    campus.in_step(device).await;
    let student = campus.enrol("Wiremu Tāne", "4712").await;
    while campus.unit(device).await.users().len() < 10 {
        campus.run_for(1).await;
    }
    campus.remove(student).await;
    assert!(campus.world.settle(SignedDuration::from_mins(30)).await);
    let pin = campus.pin(device, student).await.unwrap();
    let unit = campus.unit(device).await;
    assert!(unit.users().len() == 9 && !unit.users().contains_key(&pin), "{}", unit.story());
    assert_eq!(unit.removed_by_command(), [pin]);
    assert_eq!(
        campus.world.number("SELECT COUNT(*) FROM device_user_sync_status WHERE sync_status = 'deleted'").await,
        1
    );
}

async fn a_unit_without_door_rights_says_so(database: Database) {
    let mut campus = Campus::open(database).await;
    let mut profile = Profile::access_s3();
    profile.access.as_mut().unwrap().has_door_rights = false;
    let device = campus.terminal(SERIAL, profile).await;
    let students = campus.enrol_many(8).await;
    assert!(campus.world.settle(SignedDuration::from_mins(30)).await);
    let status = campus.status(device).await;
    let shown = &status.students[&students[0]];
    assert_eq!(shown.status, "failed");
    assert!(shown.error.as_ref().unwrap().contains("its door stays closed"), "{shown:?}");
    assert_eq!(campus.dialect(device).await.as_deref(), Some("security"));
    // That he stands in its table proves nothing of its door. And who leaves leaves.
    campus.read_back(device).await;
    assert_eq!(campus.status(device).await.numbers["failed"], 8);
    campus.remove(students[0]).await;
    assert!(campus.world.settle(SignedDuration::from_mins(30)).await);
    assert_eq!(campus.unit(device).await.users().len(), 7);
    assert_eq!(
        campus.world.number("SELECT COUNT(*) FROM device_user_sync_status WHERE sync_status = 'deleted'").await,
        1
    );
}

async fn a_unit_that_answers_twice_is_waited_for(database: Database) {
    let mut campus = Campus::open(database).await;
    let mut profile = Profile::access_s3();
    profile.access.as_mut().unwrap().answers_twice = true;
    let device = campus.terminal(SERIAL, profile).await;
    campus.enrol_many(4).await;
    campus.in_step(device).await;
    let again = "SELECT COUNT(*) FROM device_commands WHERE attempts > 1";
    assert_eq!(campus.world.number(again).await, 0, "-5000 is no reason to say it again");
    let held = "SELECT COUNT(*) FROM device_commands WHERE status = 'completed' AND return_code = 0 AND student_id IS NOT NULL";
    assert_eq!(campus.world.number(held).await, 8);
}

async fn a_unit_that_was_taken_for_an_attendance_terminal_is_corrected_by_its_first_refusal(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.enrol_many(5).await;
    let device = campus.access().await;
    campus.in_step(device).await;
    // It has a session and does not announce itself again: the database that knew it is another now.
    for forgotten in [None, Some("attendance")] {
        campus.believe(device, forgotten).await;
        let newcomer = campus.enrol("Хадиджа", if forgotten.is_none() { "808" } else { "809" }).await;
        campus.in_step(device).await;
        assert_eq!(campus.dialect(device).await.as_deref(), Some("security"));
        let pin = campus.pin(device, newcomer).await.unwrap();
        assert!(campus.unit(device).await.opens_door(&pin));
    }
    assert_eq!(campus.unit(device).await.statistics().refusals, 2, "one word was refused, each time");
    // A new session brings the same announcement, and changes nothing.
    campus.unit(device).await.reboot();
    campus.enrol("Ọmọlará", "810").await;
    campus.in_step(device).await;
}

async fn an_attendance_terminal_that_was_taken_for_an_access_unit_is_corrected_by_its_first_refusal(
    database: Database,
) {
    let mut campus = Campus::open(database).await;
    campus.enrol_many(5).await;
    let mut profile = Profile::senseface_a2();
    profile.announces = Some(Announces { push_version: "3.1.2", device_type: None, more: "" });
    let device = campus.terminal(SERIAL, profile).await;
    campus.in_step(device).await;
    assert_eq!(campus.dialect(device).await.as_deref(), Some("attendance"));
    let words = campus.words(device).await;
    assert_eq!(words, ["CHECK", "DATA UPDATE USERINFO", "DATA UPDATE user"], "it was greeted again");
    assert_eq!(campus.unit(device).await.statistics().refusals, 1, "once");
    let shown = campus.read_back(device).await;
    assert_eq!((shown.readback_class.as_deref(), shown.verified), (Some("list"), 5), "{shown:?}");
    // It announces the same again, and stays what it is.
    campus.unit(device).await.reboot();
    campus.enrol("ქეთევან", "810").await;
    campus.in_step(device).await;
    assert_eq!(campus.dialect(device).await.as_deref(), Some("attendance"));
}

async fn what_was_changed_at_its_keypad_is_healed(database: Database) {
    let mut campus = Campus::open(database).await;
    let students = campus.enrol_many(25).await;
    let device = campus.access().await;
    campus.in_step(device).await;
    campus.read_back(device).await;
    let (renamed, removed) =
        (campus.pin(device, students[3]).await.unwrap(), campus.pin(device, students[4]).await.unwrap());
    campus.unit(device).await.edit_at_keypad(&renamed, "Captain", None);
    campus.quiet(device).await;
    campus.agree(device).await;
    let found: Vec<_> =
        campus.drift(device).await.into_iter().map(|(kind, pin, field, _, ended)| (kind, pin, field, ended)).collect();
    let different = |field: &str| ("different".to_owned(), renamed.clone(), Some(field.to_owned()), true);
    assert_eq!(found, [different("name"), different("card")]);

    // It says nothing of somebody who was removed there; the next reading finds it.
    campus.unit(device).await.remove_at_keypad(&removed);
    let shown = campus.read_back(device).await;
    assert_eq!((shown.cause.as_str(), shown.missing), ("repair", 0), "{shown:?}");
    campus.agree(device).await;
    assert_eq!(campus.verified(device).await, 25);
}

async fn a_packet_that_is_missing_proves_no_absence(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.enrol_many(45).await;
    let device = campus.access().await;
    campus.in_step(device).await;
    let unit = campus.unit(device).await;
    // Both lists of the reading stop early, and the count agrees with what came.
    for _ in 0..2 {
        unit.faults().once(FaultKind::TruncateList);
    }
    let shown = campus.read_back(device).await;
    assert_eq!((shown.missing, shown.repaired), (0, 0), "{shown:?}");
    let unit = campus.unit(device).await;
    assert_eq!((unit.statistics().users_written, unit.faults().outstanding()), (45, 0));
    let whole = campus.read_back(device).await;
    assert_eq!((whole.is_complete, whole.verified), (true, 45), "{whole:?}");
}

async fn a_wiped_unit_is_refilled_and_opens_again(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.enrol_many(30).await;
    let device = campus.access().await;
    campus.in_step(device).await;
    let before = campus.unit(device).await.users().clone();
    campus.unit(device).await.wipe();
    campus.read_back(device).await;
    campus.agree(device).await;
    assert_eq!(*campus.unit(device).await.users(), before);
    assert_eq!(campus.verified(device).await, 30);
}

async fn a_unit_that_holds_people_waits_for_a_decision(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.enrol_many(3).await;
    let device = campus.access().await;
    campus.unit(device).await.preload_users((1..=4).map(|n| HeldUser::new(&n.to_string(), &people::name(100 + n))));
    campus.run_for(600).await;
    assert_eq!(campus.unit(device).await.users().len(), 4, "nothing was written");
    campus.post(&format!("/api/v1/device/{device}/takeover"), json!({"mode": "add"})).await.data(200);
    campus.run_for(600).await;
    let unit = campus.unit(device).await;
    assert!(unit.users().len() == 7 && unit.opens_door("10001"), "{}", unit.story());
}

/// The traps of such a unit are set: one command of somebody else would empty it.
async fn somebody_without_a_pin_whom_another_server_made_is_left_alone(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.enrol_many(6).await;
    let device = campus.access().await;
    campus.world.foreign("UPDATE devices SET strangers = 'remove' WHERE id = $1", [device.into()]).await;
    campus.in_step(device).await;
    let strangers = [HeldUser::new("", "nobody"), HeldUser::new("777", "Mallory"), HeldUser::new("uid7", "Oscar")];
    campus.unit(device).await.preload_users(strangers);
    campus.read_back(device).await;
    campus.read_back(device).await;
    let unit = campus.unit(device).await;
    let held: Vec<&str> = unit.users().keys().map(String::as_str).collect();
    assert_eq!(held, ["", "1", "2", "3", "4", "5", "6"], "{}", unit.story());
    for row in campus.commands(device).await {
        let text = row["command_string"].as_str().unwrap();
        if let Some(what) = text.strip_prefix("DATA DELETE ") {
            let (_, filter) = what.split_once(' ').unwrap();
            let pin = filter.strip_prefix("Pin=").unwrap_or_else(|| panic!("{text}"));
            assert!(!pin.is_empty() && pin.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{text}");
        }
    }
}

async fn events_of_its_door_are_punches(database: Database) {
    let mut campus = Campus::open(database).await;
    let student = campus.enrol("Lautaro Curin", "4713").await;
    let device = campus.access().await;
    campus.in_step(device).await;
    let pin = campus.pin(device, student).await.unwrap();
    let now = campus.world.now();
    let unit = campus.unit(device).await;
    let at = unit.local(now);
    unit.punch(&pin, at);
    campus.run_for(60).await;
    assert_eq!(campus.unit(device).await.undelivered_punches(), 0);
    let punches: Vec<(i64, String)> = campus.world.ask("SELECT student_id, punched_at FROM punches").await;
    assert_eq!(punches, [(student.0, at.strftime("%Y-%m-%dT%H:%M:%S").to_string())]);
    assert_eq!(at.hour(), 0, "it asked for the time, and shows that of Quito: {at}");
}
