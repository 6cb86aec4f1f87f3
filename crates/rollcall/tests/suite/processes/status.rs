//! `status` and `sync`, on a database whose terminals were brought in step in this process.

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
    world.foreign("UPDATE devices SET readback_class = 'list'", []).await;
    assert_eq!(statuses().await, (Some(0), Some(0)), "online, and can be read");
    world.foreign("UPDATE devices SET is_online = FALSE", []).await;
    assert_eq!(statuses().await, (Some(0), Some(3)), "offline");
}

async fn status_without_terminals_says_so(database: Database) {
    assert_eq!(rollcall(&database.url, &["status"]).await.done(), "no terminals are registered\n");
    assert_eq!(rollcall(&database.url, &["status", "--json"]).await.done(), "[]\n");
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
