//! History is forgotten when its time has come, and a student when somebody asks for it.

use jiff::{SignedDuration, Timestamp};
use rollcall::{
    app::App,
    config::{Keep, Settings},
    loops,
    store::Record,
};
use serde_json::{Value as Json, json};
use terminal_simulator::Profile;

use crate::{
    databases::{Database, both_databases},
    processes::program::rollcall,
    stories::campus::Campus,
};

both_databases! {
    history_is_forgotten_and_what_decides_is_kept,
    one_server_forgets_once_a_night,
    a_student_is_shown_everything_and_erased_everywhere,
    punches_go_with_him_where_somebody_says_so,
}

const SERIAL: &str = "CJX9253300417";

async fn all<T: Record>(app: &App, sql: &'static str) -> Vec<T> {
    let mut tx = app.db.read().await.unwrap();
    tx.all(sql, []).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
}

async fn number(app: &App, sql: &'static str) -> i64 {
    all::<(i64,)>(app, sql).await[0].0
}

async fn run(app: &App, sql: &'static str, at: Timestamp) {
    let mut tx = app.db.write().await.unwrap();
    tx.execute(sql, [at.into()]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    tx.commit().await.unwrap();
}

async fn history_is_forgotten_and_what_decides_is_kept(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.enrol_many(3).await;
    let device = campus.terminal(SERIAL, Profile::zam180()).await;
    campus.in_step(device).await;
    campus.read_back(device).await;
    campus.read_back(device).await;
    let at = campus.world.fleet.terminals()[0].local(campus.world.now());
    campus.world.fleet.terminal(0).punch("1", at);
    campus.run_for(60).await;
    let app = campus.world.app.clone();
    let now = campus.world.now();
    let old = now - SignedDuration::from_hours(24 * 200);
    run(&app, "UPDATE device_commands SET created_at = $1, completed_at = $1", old).await;
    run(&app, "UPDATE readings SET finished_at = $1", old).await;
    run(&app, "UPDATE audit_logs SET at = $1 WHERE id = 1", old).await;
    run(&app, "UPDATE punches SET punched_instant = $1", old).await;
    run(
        &app,
        "INSERT INTO device_commands (device_id, school_id, wire_id, command_type, command_string, word, status, created_at)
         SELECT id, school_id, 1000000, 'x', 'x', 'x', 'sent', $1 FROM devices",
        old,
    )
    .await;
    run(
        &app,
        "INSERT INTO device_commands (device_id, school_id, wire_id, command_type, command_string, word, status, card_number,
           created_at) SELECT id, school_id, 1000001, 'x', 'x', 'x', 'failed', 17, $1 FROM devices",
        old,
    )
    .await;
    let changes = number(&app, "SELECT COUNT(*) FROM audit_logs").await;

    loops::forget(&app, now).await.unwrap();
    let left: Vec<(String, String)> =
        all(&app, "SELECT command_type, status FROM device_commands ORDER BY status").await;
    let kept = [("x", "failed"), ("x", "sent")].map(|(kind, status)| (kind.to_owned(), status.to_owned()));
    assert_eq!(left, kept, "what is under way, and cards that may be there");
    assert_eq!(number(&app, "SELECT COUNT(*) FROM readings").await, 1, "the last one says what is proven");
    assert_eq!(number(&app, "SELECT COUNT(*) FROM audit_logs").await, changes, "two years are not over");
    assert_eq!(number(&app, "SELECT COUNT(*) FROM punches").await, 1, "punches are kept for ever");
    run(&app, "DELETE FROM device_commands WHERE command_type = 'x' AND created_at = $1", old).await;
    campus.agree(device).await;

    let keep = Keep { punches: Some(100), commands: None, audit: Some(100), readings: None };
    let settings = Settings { keep, ..(*app.settings).clone() };
    let stricter = App { settings: settings.into(), ..app.clone() };
    loops::forget(&stricter, now).await.unwrap();
    assert_eq!(number(&app, "SELECT COUNT(*) FROM punches").await, 0);
    assert_eq!(number(&app, "SELECT COUNT(*) FROM audit_logs").await, changes - 1);
}

async fn one_server_forgets_once_a_night(database: Database) {
    let campus = Campus::open(database).await;
    let app = campus.world.app.clone();
    let insert = "INSERT INTO audit_logs (at, actor, action, entity) VALUES ($1, 'a', 'b', 'old')";
    let left = "SELECT COUNT(*) FROM audit_logs WHERE entity = 'old'";
    loops::forget_on_schedule(&app).await.unwrap();
    run(&app, insert, "2001-01-01T00:00:00Z".parse().unwrap()).await;
    loops::forget_on_schedule(&app).await.unwrap();
    assert_eq!(number(&app, left).await, 1, "it is not night yet");
    campus.world.clock.advance(SignedDuration::from_hours(24));
    loops::forget_on_schedule(&app).await.unwrap();
    assert_eq!(number(&app, left).await, 0);
    run(&app, insert, "2001-01-01T00:00:00Z".parse().unwrap()).await;
    loops::forget_on_schedule(&app).await.unwrap();
    assert_eq!(number(&app, left).await, 1, "once");
}

const NAME: &str = "Ngozi Okafor";
const CARD: &str = "7315522019";

/// Every text of every table of the database, as one.
async fn everything(campus: &Campus) -> String {
    let app = &campus.world.app;
    let mut texts = Vec::new();
    for sql in [
        "SELECT full_name || COALESCE(rfid_card_id, '') || COALESCE(roll_number, '') || COALESCE(search_text, '')
           || COALESCE(derived_from, '') || COALESCE(CAST(card_number AS TEXT), '') || COALESCE(oneroster_id, '')
         FROM students",
        "SELECT COALESCE(wanted_name, '') || COALESCE(wanted_card, '') || COALESCE(CAST(wanted_card_number AS TEXT), '')
           || COALESCE(CAST(held_card_number AS TEXT), '') || COALESCE(error_message, '') FROM device_user_sync_status",
        "SELECT command_string || COALESCE(error_message, '') || COALESCE(CAST(card_number AS TEXT), '') FROM device_commands",
        "SELECT COALESCE(name, '') || COALESCE(card_text, '') || COALESCE(CAST(card_number AS TEXT), '') FROM terminal_users",
        "SELECT COALESCE(ours, '') || COALESCE(theirs, '') || COALESCE(words, '') FROM device_drift",
        "SELECT actor || action || entity || COALESCE(entity_id, '') || COALESCE(details, '') FROM audit_logs",
        "SELECT line FROM unread_lines",
    ] {
        texts.extend(all::<(String,)>(app, sql).await.into_iter().map(|(text,)| text));
    }
    texts.join("\n")
}

/// A campus with somebody on its terminal who left traces everywhere.
async fn with_traces(database: Database) -> (Campus, i64, rollcall::devices::DeviceId) {
    let mut campus = Campus::open(database).await;
    campus.enrol_many(2).await;
    let student = campus.enrol(NAME, CARD).await;
    campus.change(student, json!({"roll_number": "R-17"})).await;
    let device = campus.terminal(SERIAL, Profile::zam180()).await;
    campus.in_step(device).await;
    let pin = campus.pin(device, student).await.unwrap();
    // Found otherwise, and mended.
    campus.world.fleet.terminal(0).edit_at_keypad(&pin, "Ngozi O.", Some(99));
    campus.read_back(device).await;
    campus.read_back(device).await;
    for _ in 0..2 {
        let at = campus.world.fleet.terminals()[0].local(campus.world.now());
        campus.world.fleet.terminal(0).punch(&pin, at);
        campus.run_for(60).await;
    }
    assert!(everything(&campus).await.contains(NAME));
    (campus, student.0, device)
}

async fn a_student_is_shown_everything_and_erased_everywhere(database: Database) {
    let (mut campus, student, device) = with_traces(database).await;
    let url = campus.world.database.url.clone();
    let id = student.to_string();
    let shown = rollcall(&url, &["export-student", &id]).await;
    let export: Json = serde_json::from_str(shown.done()).unwrap();
    assert_eq!((&export["student"]["full_name"], &export["student"]["rfid_card_id"]), (&json!(NAME), &json!(CARD)));
    assert_eq!(export["terminals"][0]["wanted_name"], NAME);
    assert_eq!(export["punches"].as_array().unwrap().len(), 2);
    for list in ["commands", "found", "days", "changes"] {
        assert!(!export[list].as_array().unwrap().is_empty(), "{list}: {export:#}");
    }

    let erased = rollcall(&url, &["erase-student", &id]).await;
    assert!(!erased.done().contains("Ngozi") && erased.out.contains("2 punches were kept"), "{erased:?}");
    campus.in_step(device).await;
    campus.read_back(device).await;
    campus.run_for(120).await;
    let left = everything(&campus).await;
    for trace in ["Ngozi", "ngozi", CARD, "R-17", "Okafor"] {
        let line = left.lines().find(|line| line.contains(trace) && !line.contains("ngozi.okafor@"));
        assert_eq!(line, None, "{trace}");
    }
    let app = campus.world.app.clone();
    let mut held = campus.world.fleet.terminals()[0].users().values();
    assert!(!held.any(|user| user.name.contains("Ngozi")), "the terminal let go of him, too");
    assert_eq!(number(&app, "SELECT COUNT(*) FROM punches WHERE student_id IS NULL").await, 2);
    rollcall::attendance::attribute::tick(&app.db, &app.settings.timezone).await.unwrap();
    assert_eq!(number(&app, "SELECT COUNT(*) FROM punches WHERE student_id IS NOT NULL").await, 0, "nobody's");
    let audit: Vec<(String, Option<String>)> =
        all(&app, "SELECT actor, details FROM audit_logs WHERE action = 'erase'").await;
    assert_eq!(audit.len(), 1);
    assert_eq!(audit[0].0, "command line");
    let next = campus.enrol("李小明", "42").await;
    campus.in_step(device).await;
    let pin = campus.pin(device, next).await.unwrap();
    assert_eq!(number(&app, "SELECT COUNT(*) FROM device_user_mappings").await, 4, "his PIN stays his: {pin}");

    let unknown = rollcall(&url, &["erase-student", "4711"]).await;
    assert!(unknown.refused(1).contains("nothing is known of a student 4711"));
    rollcall(&url, &["export-student", "4711"]).await.refused(1);
}

async fn punches_go_with_him_where_somebody_says_so(database: Database) {
    let (campus, student, _) = with_traces(database).await;
    let id = student.to_string();
    let erased = rollcall(&campus.world.database.url, &["erase-student", &id, "--punches", "delete"]).await;
    assert!(erased.done().contains("1 terminals hold him"), "{erased:?}");
    assert_eq!(number(&campus.world.app, "SELECT COUNT(*) FROM punches").await, 0);
}
