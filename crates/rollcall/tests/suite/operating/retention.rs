//! History is forgotten when its time has come, and a student when somebody asks for it.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::{SignedDuration, Timestamp};
use rollcall::{
    accounts::UserId,
    app::App,
    config::{Keep, Settings},
    loops,
    school::{
        StudentId,
        import::drafts::{self, Draft},
    },
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
    whoever_was_deleted_long_ago_has_no_name_and_his_punches_stay_his,
    students_of_a_deleted_school_have_no_names_a_year_later,
    files_that_nobody_imports_go_within_the_hour,
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

    let keep = Keep { punches: Some(100), commands: None, audit: Some(100), readings: None, deleted_students: None };
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

const COLUMNS: &str = "
    SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT) FROM information_schema.columns WHERE table_schema = 'public'";
const COLUMNS_OF_SQLITE: &str = "
    SELECT m.name, p.name FROM sqlite_master m JOIN pragma_table_xinfo(m.name) p
    WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite%'";

/// Every value of every column of every table, whatever tables there are, as lines that begin with table and column.
async fn everything(campus: &Campus) -> String {
    let app = &campus.world.app;
    let columns = if app.db.product() == "SQLite" { COLUMNS_OF_SQLITE } else { COLUMNS };
    let mut texts = Vec::new();
    for (table, column) in all::<(String, String)>(app, columns).await {
        if table == "_sqlx_migrations" {
            continue;
        }
        let sql = format!("SELECT CAST({column} AS TEXT) FROM {table} WHERE {column} IS NOT NULL");
        let values: Vec<(String,)> = all(app, sql.leak()).await;
        texts.extend(values.into_iter().map(|(value,)| {
            // Files are kept as base64.
            let decoded = BASE64_STANDARD.decode(&value).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            let value = if column == "content" { decoded.unwrap_or(value) } else { value };
            format!("{table}.{column}: {}", value.replace('\n', " "))
        }));
    }
    assert!(texts.iter().any(|line| line.starts_with("students.full_name: ")), "the walk finds the students");
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
    // Lines that nobody can read, in two charsets and by two serial numbers; others', too.
    let app = campus.world.app.clone();
    let line = "INSERT INTO unread_lines (serial_number, table_name, line, received_at)
        VALUES ('CJX9253300417', 'USERINFO', 'garbled\\tNAME=NGOZI OKAFOR\\tx', $1),
          ('XQZ0000000001', 'ATTLOG', '7315522019\\tno time', $1), ('XQZ0000000001', 'ATTLOG', 'Ngozika Okaforu', $1)";
    run(&app, line, campus.world.now()).await;
    run(
        &app,
        "INSERT INTO presented_cards (device_id, card_number, presented_at) SELECT id, 7315522019, $1 FROM devices",
        campus.world.now(),
    )
    .await;
    // What is said of others names him, and a file that waits.
    run(&app, "UPDATE device_user_sync_status SET error_message = 'PIN 3 is Ngozi Okafor there', updated_at = $1 WHERE student_id = 1", campus.world.now()).await;
    run(&app, "UPDATE readings SET words = 'Ngozi Okafor answered', finished_at = $1", campus.world.now()).await;
    let draft = Draft {
        id: "d".to_owned(),
        school: Some(campus.school),
        file_name: "Ngozi Okafor.csv".to_owned(),
        content: format!("full_name,rfid_card_id\n{NAME},{CARD}\n").into_bytes(),
    };
    let mut tx = app.db.write().await.unwrap();
    let (user,): (UserId,) = tx.one("SELECT MIN(id) FROM users", []).await.unwrap();
    drafts::keep(&mut tx, user, draft, campus.world.now()).await.unwrap();
    tx.commit().await.unwrap();
    let traces = everything(&campus).await;
    for place in ["students.full_name", "import_drafts.content", "unread_lines.line", "readings.words"] {
        assert!(traces.lines().any(|line| line.starts_with(place) && line.to_lowercase().contains("ngozi")), "{place}");
    }
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
    assert_eq!(export["unread_lines"].as_array().unwrap().len(), 2, "{export:#}");
    for list in ["commands", "found", "days", "changes", "files_waiting"] {
        assert!(!export[list].as_array().unwrap().is_empty(), "{list}: {export:#}");
    }

    let erased = rollcall(&url, &["erase-student", &id]).await;
    assert!(!erased.done().contains("Ngozi") && erased.out.contains("2 punches were kept"), "{erased:?}");
    assert!(erased.out.contains("1 files that waited to be imported were dropped"), "{erased:?}");
    campus.in_step(device).await;
    campus.read_back(device).await;
    campus.run_for(120).await;
    let left = everything(&campus).await;
    assert!(left.contains("unread_lines.line: Ngozika Okaforu"), "what names somebody else stays");
    for trace in ["ngozi", CARD, "r-17", "okafor"] {
        let names = |line: &&str| line.to_lowercase().contains(trace) && !line.contains("ngozi.okafor@");
        let line = left.lines().find(|line| names(line) && !line.contains("Ngozika"));
        assert_eq!(line, None, "{trace}");
    }
    let app = campus.world.app.clone();
    let mut held = campus.world.fleet.terminals()[0].users().values();
    assert!(!held.any(|user| user.name.contains("Ngozi")), "the terminal let go of him, too");
    assert_eq!(number(&app, "SELECT COUNT(*) FROM punches WHERE student_id IS NULL").await, 2);
    rollcall::attendance::attribute::tick(&app.db, &app.settings.timezone, campus.world.now()).await.unwrap();
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
    assert!(erased.done().contains("1 terminals hold the student"), "{erased:?}");
    assert_eq!(number(&campus.world.app, "SELECT COUNT(*) FROM punches").await, 0);
}

async fn whoever_was_deleted_long_ago_has_no_name_and_his_punches_stay_his(database: Database) {
    let (mut campus, student, device) = with_traces(database).await;
    let app = campus.world.app.clone();
    campus.remove(StudentId(student)).await;
    campus.in_step(device).await;
    let deleted = campus.world.now();
    let days = |days: i64| deleted + SignedDuration::from_hours(24 * days);
    let names = async |campus: &Campus| everything(campus).await.to_lowercase().contains("ngozi okafor");
    loops::forget(&app, days(364)).await.unwrap();
    assert!(names(&campus).await, "a year is not over");

    let forever = Keep { deleted_students: None, ..Keep::default() };
    let settings = Settings { keep: forever, ..(*app.settings).clone() };
    loops::forget(&App { settings: settings.into(), ..app.clone() }, days(366)).await.unwrap();
    assert!(names(&campus).await);

    loops::forget(&app, days(366)).await.unwrap();
    assert!(!names(&campus).await);
    let his = "SELECT COUNT(*) FROM punches WHERE student_id = 3";
    assert_eq!((student, number(&app, his).await), (3, 2));
    assert_eq!(number(&app, "SELECT COUNT(*) FROM attendance_logs WHERE student_id = 3").await, 1);
    let audit: Vec<(String, String)> =
        all(&app, "SELECT actor, entity_id FROM audit_logs WHERE action = 'erase'").await;
    assert_eq!(audit, [("retention".to_owned(), "3".to_owned())]);
    loops::forget(&app, days(400)).await.unwrap();
    assert_eq!(number(&app, "SELECT COUNT(*) FROM audit_logs WHERE action = 'erase'").await, 1, "once");
    campus.agree(device).await;
}

async fn students_of_a_deleted_school_have_no_names_a_year_later(database: Database) {
    let mut campus = Campus::open(database).await;
    let app = campus.world.app.clone();
    let stays = campus.world.server.school("Trường Trần Phú").await;
    campus.enrol("Ngozi Okafor", "4711").await;
    campus.enrol("Ольга Шевчук", "4712").await;
    campus.world.student(stays, "Thủy Phạm", "4713").await;
    campus.run_for(60).await;
    let deleted = campus.world.now();
    let path = format!("/api/v1/schools/{}", campus.school);
    campus.world.server.delete(&campus.superadmin, &path).await.data(200);
    let days = |days: i64| deleted + SignedDuration::from_hours(24 * days);
    let names = "SELECT COUNT(*) FROM students WHERE full_name <> '(erased)'";
    loops::forget(&app, days(364)).await.unwrap();
    assert_eq!(number(&app, names).await, 3, "a year is not over");

    loops::forget(&app, days(366)).await.unwrap();
    let left: Vec<(String,)> = all(&app, "SELECT full_name FROM students WHERE full_name <> '(erased)'").await;
    assert_eq!(left, [("Thủy Phạm".to_owned(),)]);
    loops::forget(&app, days(400)).await.unwrap();
    assert_eq!(number(&app, "SELECT COUNT(*) FROM audit_logs WHERE action = 'erase'").await, 2, "each once");
}

async fn files_that_nobody_imports_go_within_the_hour(database: Database) {
    let (campus, ..) = with_traces(database).await;
    let app = campus.world.app.clone();
    drafts::expire(&app.db, campus.world.now() + SignedDuration::from_mins(59)).await.unwrap();
    assert_eq!(number(&app, "SELECT COUNT(*) FROM import_drafts").await, 1);
    drafts::expire(&app.db, campus.world.now() + SignedDuration::from_mins(61)).await.unwrap();
    assert_eq!(number(&app, "SELECT COUNT(*) FROM import_drafts").await, 0);
}
