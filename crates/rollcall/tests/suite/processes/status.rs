//! `status`, `sync` and `verify`, on a database whose terminals were brought in step in this process.

use jiff::SignedDuration;
use serde_json::{Value as Json, json};
use terminal_simulator::{Profile, Terminal};

use super::program::rollcall;
use crate::{
    databases::{Database, both_databases},
    world::World,
};

both_databases! {
    status_tells_by_its_exit_whether_terminals_are_in_step,
    strict_status_wants_to_have_seen_it,
    status_without_terminals_says_so,
    status_tells_what_was_found,
    status_never_calls_a_terminal_in_step_that_cannot_be_verified,
    verify_asks_a_terminal_and_tells_what_is_known,
    verify_asks_every_terminal,
    sync_queues_everybody_again,
}

const SERIAL: &str = "CJX9253300417";

/// Two students and a terminal that holds them.
async fn in_step(database: Database) -> World {
    let mut world = World::new(database).await;
    let school = world.school("America/Guayaquil").await;
    world.student(school, "Ọlámidé Adébáyọ̀", "1001").await;
    world.student(school, "Ольга Шевчук", "1002").await;
    world.register(school, SERIAL).await;
    world.plug_in(Terminal::new(SERIAL, Profile::zam180(), 1));
    assert!(world.settle(SignedDuration::from_hours(1)).await);
    world
}

async fn status_tells_by_its_exit_whether_terminals_are_in_step(database: Database) {
    let world = in_step(database).await;
    let url = &world.database.url;
    let whole = rollcall(url, &["status"]).await;
    assert!(whole.done().contains(SERIAL) && whole.out.contains("2/2") && whole.out.contains("in step"), "{whole:?}");
    rollcall(url, &["status", SERIAL]).await.done();

    world.foreign("INSERT INTO students (school_id, full_name, rfid_card_id) VALUES (1, 'ქეთევან', '1003')", []).await;
    for arguments in [&["status"][..], &["status", SERIAL]] {
        let ended = rollcall(url, arguments).await;
        assert_eq!(ended.status, Some(3), "{ended:?}");
        assert!(ended.out.contains("2/3") && ended.err.is_empty(), "{ended:?}");
    }
    let ended = rollcall(url, &["status", "--json", SERIAL]).await;
    assert_eq!(ended.status, Some(3), "{ended:?}");
    let lines: Json = serde_json::from_str(&ended.out).unwrap();
    let line = &lines[0];
    assert_eq!(
        json!([line["serial_number"], line["in_step"], line["total"], line["synced"], line["not_synced"]]),
        json!([SERIAL, false, 3, 2, 1]),
        "{lines:#}"
    );

    let unknown = rollcall(url, &["status", "NOBODY1"]).await;
    assert!(unknown.refused(1).contains("NOBODY1"), "{unknown:?}");
    rollcall(url, &["status", "--json", "NOBODY1"]).await.refused(1);
}

async fn strict_status_wants_to_have_seen_it(database: Database) {
    let world = in_step(database).await;
    let statuses = async || {
        let plain = rollcall(&world.database.url, &["status"]).await.status;
        (plain, rollcall(&world.database.url, &["status", "--strict"]).await.status)
    };
    world.foreign("UPDATE devices SET is_online = TRUE, readback_class = NULL", []).await;
    assert_eq!(statuses().await, (Some(0), Some(3)), "nobody can tell");
    world.foreign("UPDATE devices SET readback_class = 'count'", []).await;
    assert_eq!(statuses().await, (Some(0), Some(3)), "it tells only how many");
    world.foreign("UPDATE devices SET readback_class = 'list'", []).await;
    assert_eq!(statuses().await, (Some(0), Some(0)), "online, and can be read");
    world.foreign("UPDATE devices SET is_online = FALSE", []).await;
    assert_eq!(statuses().await, (Some(0), Some(3)), "offline");
}

async fn status_without_terminals_says_so(database: Database) {
    assert_eq!(rollcall(&database.url, &["status"]).await.done(), "no terminals are registered\n");
    assert_eq!(rollcall(&database.url, &["status", "--json"]).await.done(), "[]\n");
}

/// What `status --json` says of the only terminal, and the exit status.
async fn json_line(world: &World) -> (Json, Option<i32>) {
    let ended = rollcall(&world.database.url, &["status", "--json"]).await;
    let lines: Json = serde_json::from_str(&ended.out).unwrap();
    (lines[0].clone(), ended.status)
}

async fn status_tells_what_was_found(database: Database) {
    let world = in_step(database).await;
    let url = &world.database.url;
    let unread = rollcall(url, &["status"]).await;
    assert!(unread.done().contains("in step, not verified yet"), "{unread:?}");

    let verified = "UPDATE device_user_sync_status SET verified_version = wanted_version, verified_at = $1";
    world.foreign(verified, [world.now().into()]).await;
    world.foreign("UPDATE devices SET readback_class = 'list'", []).await;
    let whole = rollcall(url, &["status"]).await;
    assert!(whole.done().contains("in step, 2/2 verified"), "{whole:?}");

    let stranger = "INSERT INTO device_drift (device_id, device_pin, kind, theirs, found_at, found_last_at)
        VALUES (1, '7000', 'stranger', 'Νίκος', $1, $1)";
    world.foreign(stranger, [world.now().into()]).await;
    let beside = rollcall(url, &["status"]).await;
    assert!(beside.done().contains("in step, 2/2 verified, found there: 1 stranger"), "{beside:?}");

    let missing = "INSERT INTO device_drift (device_id, device_pin, student_id, kind, found_at, found_last_at)
        VALUES (1, '1', 1, 'missing', $1, $1)";
    world.foreign(missing, [world.now().into()]).await;
    world.foreign("UPDATE device_user_sync_status SET verified_version = 0 WHERE student_id = 1", []).await;
    let drifted = rollcall(url, &["status"]).await;
    assert_eq!(drifted.status, Some(3), "{drifted:?}");
    assert!(drifted.out.contains("1/2 verified, found there: 1 missing, 1 stranger"), "{drifted:?}");
    assert!(!drifted.out.contains("in step"), "{drifted:?}");
    let (line, status) = json_line(&world).await;
    assert_eq!((&line["in_step"], status), (&json!(false), Some(3)));
    assert_eq!(line["drift"], json!({"missing": 1, "different": 0, "extra": 0, "strangers": 1}));
    assert_eq!(
        json!([line["proof"]["verified"], line["proof"]["drifted"], line["proof"]["class"]]),
        json!([1, 1, "list"])
    );

    world.foreign("UPDATE device_drift SET ended_at = $1 WHERE kind = 'missing'", [world.now().into()]).await;
    let mended = rollcall(url, &["status"]).await;
    assert!(mended.done().contains("in step, 1/2 verified"), "{mended:?}");
}

async fn status_never_calls_a_terminal_in_step_that_cannot_be_verified(database: Database) {
    let world = in_step(database).await;
    for class in ["count", "none"] {
        for is_online in [true, false] {
            let to = "UPDATE devices SET readback_class = $1, is_online = $2";
            world.foreign(to, [class.into(), is_online.into()]).await;
            let ended = rollcall(&world.database.url, &["status"]).await;
            let says = ended.done();
            assert!(says.contains("2/2") && says.contains("cannot be verified"), "{says}");
            assert!(!says.contains("in step"), "{says}");
            let (line, status) = json_line(&world).await;
            assert_eq!((&line["in_step"], &line["proof"]["unverifiable"], status), (&json!(false), &json!(2), Some(0)));
        }
    }
}

async fn verify_asks_a_terminal_and_tells_what_is_known(database: Database) {
    let mut world = in_step(database).await;
    let url = world.database.url.clone();
    world.foreign("UPDATE devices SET is_online = TRUE", []).await;
    let ended = rollcall(&url, &["verify", SERIAL]).await;
    let asked = "the terminal is asked with its next polls; nothing is known to differ";
    assert_eq!(ended.done(), format!("{SERIAL} ({SERIAL}): {asked}\n"));
    assert_eq!(world.number("SELECT COUNT(*) FROM devices WHERE verify_cause = 'asked'").await, 1);
    assert_eq!(world.number("SELECT COUNT(*) FROM audit_logs WHERE action = 'verify'").await, 1);

    // Its own clock is the machine's: a wish of now, in this world's time.
    world.foreign("UPDATE devices SET verify_at = $1", [world.now().into()]).await;
    world.run_for(SignedDuration::from_mins(5)).await;
    let whole = rollcall(&url, &["status", SERIAL]).await;
    assert!(whole.done().contains("in step, 2/2 verified"), "{whole:?}");

    let fail = "UPDATE device_user_sync_status SET failed_version = wanted_version WHERE student_id = 1";
    world.foreign(fail, []).await;
    let missing = "INSERT INTO device_drift (device_id, device_pin, student_id, kind, found_at, found_last_at)
        VALUES (1, '1', 1, 'missing', $1, $1)";
    world.foreign(missing, [world.now().into()]).await;
    world.foreign("UPDATE devices SET is_online = FALSE", []).await;
    let ended = rollcall(&url, &["verify", SERIAL]).await;
    let says = ended.done();
    assert!(
        says.contains("offline") && says.contains("known so far: 1 missing; one who failed is tried again"),
        "{says}"
    );
    assert_eq!(world.number("SELECT COUNT(*) FROM device_commands WHERE status = 'pending'").await, 1);

    assert!(rollcall(&url, &["verify", "NOBODY1"]).await.refused(1).contains("NOBODY1"));
}

async fn verify_asks_every_terminal(database: Database) {
    let world = in_step(database).await;
    world.register(rollcall::school::SchoolId(1), "BRCN193460021").await;
    world.foreign("UPDATE devices SET is_online = TRUE", []).await;
    let ended = rollcall(&world.database.url, &["verify", "--all"]).await;
    let lines: Vec<&str> = ended.done().lines().collect();
    let line = |serial: &str| *lines.iter().find(|line| line.contains(serial)).unwrap();
    assert_eq!(lines.len(), 2);
    assert!(line(SERIAL).contains("asked with its next polls") && line("BRCN193460021").contains("not"), "{lines:?}");
    assert_eq!(world.number("SELECT COUNT(*) FROM devices WHERE verify_cause = 'asked'").await, 1);

    world.foreign("UPDATE devices SET is_active = FALSE", []).await;
    assert_eq!(rollcall(&world.database.url, &["verify", "--all"]).await.done(), "no terminals are in use\n");
}

async fn sync_queues_everybody_again(database: Database) {
    let world = in_step(database).await;
    let pending = "SELECT COUNT(*) FROM device_commands WHERE status = 'pending' AND student_id IS NOT NULL";
    assert_eq!(world.number(pending).await, 0);
    let ended = rollcall(&world.database.url, &["sync", SERIAL]).await;
    assert_eq!(ended.done(), format!("{SERIAL}: 2 of 2 students queued\n"));
    assert_eq!(world.number(pending).await, 2);
    assert_eq!(world.number("SELECT COUNT(*) FROM audit_logs WHERE action = 'sync'").await, 1);

    let unknown = rollcall(&world.database.url, &["sync", "NOBODY1"]).await;
    assert!(unknown.refused(1).contains("NOBODY1"), "{unknown:?}");
}
