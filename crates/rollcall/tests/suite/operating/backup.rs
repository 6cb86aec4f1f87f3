//! A database comes back from a backup while its terminals have lived on: nobody is lost, mistaken or doubled.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use rollcall::{
    store::{Db, backup},
    sync::restored,
};
use serde_json::json;
use terminal_simulator::{Direction, Profile};

use crate::{
    databases::{Blank, Database, both_databases},
    processes::program::{Serving, rollcall},
    stories::campus::Campus,
};

both_databases! {
    a_terminal_that_lived_on_is_in_step_again,
    a_server_that_runs_is_not_restored_under,
    postgresql_is_told_how_and_sqlite_copied,
    nothing_of_the_former_database_comes_into_the_restored_one,
    what_is_damaged_is_replaced_and_kept,
}

const SERIAL: &str = "CJX9253300417";

/// The database as it is now, in another place.
async fn copy(database: &Database) -> Blank {
    let blank = database.blank().await;
    let Some(file) = blank.url.strip_prefix("sqlite://") else {
        let dump = tempfile::tempdir().unwrap();
        let dump = dump.path().join("dump");
        let run = |program: &str, arguments: &[&str]| {
            let output = Command::new(program).args(arguments).output().unwrap();
            assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        };
        run("pg_dump", &["--format=custom", "--file", dump.to_str().unwrap(), &plain(&database.url)]);
        run("pg_restore", &["--exit-on-error", "--no-owner", "--dbname", &plain(&blank.url), dump.to_str().unwrap()]);
        return blank;
    };
    let bytes = backup::write(&database.url, Path::new(file)).await.unwrap();
    assert_eq!(fs::metadata(file).unwrap().len(), bytes);
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600, "names and cards are in it");
    blank
}

/// An address without the parameters that only this program's library knows.
fn plain(url: &str) -> String {
    let (address, parameters) = url.split_once('?').unwrap_or((url, ""));
    let known: Vec<&str> = parameters.split('&').filter(|parameter| parameter.starts_with("host=")).collect();
    if known.is_empty() { address.to_owned() } else { format!("{address}?{}", known.join("&")) }
}

/// The numbers of the commands that the terminal was handed.
fn handed(campus: &Campus) -> BTreeSet<String> {
    let terminal = &campus.world.fleet.terminals()[0];
    let answers = terminal.transcript().messages().filter(|(direction, _)| *direction == Direction::Response);
    answers
        .flat_map(|(_, bytes)| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            let numbers = text.lines().filter_map(|line| Some(line.strip_prefix("C:")?.split(':').next()?.to_owned()));
            numbers.collect::<Vec<_>>()
        })
        .collect()
}

async fn a_terminal_that_lived_on_is_in_step_again(database: Database) {
    let mut campus = Campus::open(database).await;
    let students = campus.enrol_many(4).await;
    let device = campus.terminal(SERIAL, Profile::zam180()).await;
    campus.world.fleet.terminal(0).keep_transcript(100_000);
    campus.world.foreign("UPDATE devices SET strangers = 'remove' WHERE id = $1", [device.into()]).await;
    campus.in_step(device).await;
    campus.read_back(device).await;
    let punch = |campus: &mut Campus, pin: &str| {
        let at = campus.world.fleet.terminals()[0].local(campus.world.now());
        campus.world.fleet.terminal(0).punch(pin, at);
    };
    punch(&mut campus, "1");
    campus.run_for(60).await;
    // Under way when the copy is made.
    campus.change(students[1], json!({"full_name": "Ñusta Guamán"})).await;
    let copied = copy(&campus.world.database).await;

    // The terminal lives on: a change, a newcomer, somebody who leaves, a punch of each.
    campus.change(students[0], json!({"full_name": "Siobhán Ní Dhomhnaill"})).await;
    let newcomer = campus.enrol("Wiremu Tāne", "4242424242").await;
    campus.remove(students[3]).await;
    campus.run_for(60).await;
    campus.in_step(device).await;
    let his_pin = campus.pin(device, newcomer).await.unwrap();
    punch(&mut campus, &his_pin);
    punch(&mut campus, "1");
    campus.run_for(60).await;
    let before = handed(&campus);
    let told = "SELECT COUNT(*) FROM punches";
    assert_eq!(campus.world.number(told).await, 3);

    // The server dies, and the copy takes its place.
    let restored_db = Db::open(&copied.url).await.unwrap();
    let mut tx = restored_db.write().await.unwrap();
    let done = restored::restored(&mut tx, restored::jump(), campus.world.now()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!((done.terminals, done.withdrawn), (1, 1));
    let (former_db, former_url) = campus.world.database.change(restored_db, &copied.url);
    campus.world.restart().await;
    assert_eq!(campus.verified(device).await, 0, "nothing is proven of now");

    // Somebody new arrives before the terminal was read: the PIN of the one who is forgotten is not his.
    let other = campus.enrol("李小明", "5353535353").await;
    campus.run_for(60).await;
    campus.quiet(device).await;
    campus.read_back(device).await;
    campus.in_step(device).await;
    assert_ne!(campus.pin(device, other).await.unwrap(), his_pin, "punches of the other one would be his");
    assert_eq!(campus.verified(device).await, 5);

    let after: BTreeSet<String> = handed(&campus).difference(&before).cloned().collect();
    let again: Vec<(i64,)> = campus.world.ask("SELECT wire_id FROM device_commands WHERE status = 'completed'").await;
    assert!(!after.is_empty());
    let since: Vec<&String> = before.iter().filter(|id| again.iter().any(|(a,)| a.to_string() == **id)).collect();
    assert!(since.len() <= 5, "only those from before the copy are known: {since:?}");
    let max_before = before.iter().map(|id| id.parse::<i64>().unwrap()).max().unwrap();
    let new: Vec<i64> = after.iter().map(|id| id.parse().unwrap()).collect();
    assert!(
        new.iter().all(|id| (id - max_before).abs() > 1_000_000),
        "no number comes near one that was used: {new:?}"
    );

    let punches: Vec<(String, i64)> =
        campus.world.ask("SELECT pin, COUNT(*) FROM punches GROUP BY pin, punched_at ORDER BY pin").await;
    assert_eq!(punches.len(), 3, "what was acknowledged after the copy came again: {punches:?}");
    assert!(punches.iter().all(|(_, times)| *times == 1), "once: {punches:?}");
    // The other database is dropped with the test.
    campus.world.app.db.close().await;
    campus.world.database.change(former_db, &former_url);
    drop(campus);
    drop(copied);
}

async fn a_server_that_runs_is_not_restored_under(database: Database) {
    let serving = Serving::start(&database.url, &[]).await;
    database.db.close().await;
    let refused = rollcall(&database.url, &["restore", "--copied"]).await;
    assert!(refused.refused(1).contains("stop it first"), "{refused:?}");
    if let Some(file) = database.url.strip_prefix("sqlite://") {
        let copy = format!("{file}.copy");
        rollcall(&database.url, &["backup", &copy]).await.done();
        let refused = rollcall(&database.url, &["restore", &copy, "--force"]).await;
        assert!(refused.refused(1).contains("stop it first"), "{refused:?}");
    }
    serving.program.signal("TERM");
    serving.program.end().await;
    let done = rollcall(&database.url, &["restore", "--copied"]).await;
    assert!(done.done().contains("now start the server"), "{done:?}");
}

async fn postgresql_is_told_how_and_sqlite_copied(database: Database) {
    database.db.close().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("copy.db");
    let copy = path.to_str().unwrap();
    rollcall(&database.url, &["user", "add", "ngozi.okafor@example.org", "--role", "superadmin"]).await;
    let written = rollcall(&database.url, &["backup", copy]).await;
    if !database.url.starts_with("sqlite") {
        assert!(written.refused(1).contains("pg_dump"), "{written:?}");
        assert!(!path.exists());
        assert!(rollcall(&database.url, &["restore", copy]).await.refused(1).contains("pg_restore"));
        return;
    }
    written.done();
    assert!(rollcall(&database.url, &["backup", copy]).await.refused(1).contains("nothing is overwritten"));
    let filled = "INSERT INTO schools (name) VALUES ('Escola Tupã')";
    let db = Db::open(&database.url).await.unwrap();
    let mut tx = db.write().await.unwrap();
    tx.execute(filled, []).await.unwrap();
    tx.commit().await.unwrap();
    db.close().await;

    assert!(rollcall(&database.url, &["restore", copy]).await.refused(1).contains("--force"));
    let done = rollcall(&database.url, &["restore", copy, "--force"]).await;
    assert!(done.done().contains("is kept as"), "{done:?}");
    let db = Db::open(&database.url).await.unwrap();
    let mut tx = db.read().await.unwrap();
    let (schools, audited): (i64, i64) = tx
        .one("SELECT (SELECT COUNT(*) FROM schools), (SELECT COUNT(*) FROM audit_logs WHERE action = 'restore')", [])
        .await
        .unwrap();
    assert_eq!((schools, audited), (0, 1));
    drop(tx);
    db.close().await;

    // Into nothing at all, and what is broken not at all.
    let elsewhere = format!("sqlite://{}", folder.path().join("new.db").display());
    rollcall(&elsewhere, &["restore", copy]).await.done();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0x5a);
    fs::write(&path, bytes).unwrap();
    let elsewhere = format!("sqlite://{}", folder.path().join("other.db").display());
    assert!(rollcall(&elsewhere, &["restore", copy]).await.refused(1).contains("damaged"));
    assert!(!folder.path().join("other.db").exists());
    fs::write(&path, b"Dear parents,").unwrap();
    rollcall(&elsewhere, &["restore", copy]).await.refused(1);
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".part")), "{left:?}");
}

/// The names of the schools, and that the whole file is well.
async fn schools(url: &str) -> Vec<String> {
    let db = Db::open(url).await.unwrap();
    backup::check(Path::new(url.strip_prefix("sqlite://").unwrap())).await.unwrap();
    let mut tx = db.read().await.unwrap();
    let names: Vec<(String,)> = tx.all("SELECT name FROM schools ORDER BY id", []).await.unwrap();
    drop(tx);
    db.close().await;
    names.into_iter().map(|(name,)| name).collect()
}

async fn add_school(db: &Db, sql: &'static str) {
    let mut tx = db.write().await.unwrap();
    tx.execute(sql, []).await.unwrap();
    tx.commit().await.unwrap();
}

async fn nothing_of_the_former_database_comes_into_the_restored_one(database: Database) {
    let Some(file) = database.url.strip_prefix("sqlite://") else { return };
    let (copy, log) = (format!("{file}.copy"), format!("{file}-wal"));
    add_school(&database.db, "INSERT INTO schools (name) VALUES ('Escola Tupã')").await;
    rollcall(&database.url, &["backup", &copy]).await.done();
    add_school(&database.db, "INSERT INTO schools (name) VALUES ('Тәңірқұл мектебі')").await;
    // As a server that was killed leaves it: what was written last is in the log alone.
    let left = fs::read(&log).unwrap();
    assert!(!left.is_empty());
    database.db.close().await;
    fs::rename(file, format!("{file}.damaged")).unwrap();
    fs::write(&log, &left).unwrap();

    let done = rollcall(&database.url, &["restore", &copy]).await;
    assert!(done.done().contains("is kept as"), "{done:?}");
    assert_eq!(schools(&database.url).await, ["Escola Tupã"]);
    let folder = fs::read_dir(Path::new(file).parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
    let kept: Vec<_> = folder.filter(|path| path.to_str().unwrap().contains(".before-")).collect();
    assert!(kept.len() == 1 && kept[0].to_str().unwrap().ends_with("Z-wal"), "{kept:?}");
    assert_eq!(fs::read(&kept[0]).unwrap(), left);
}

async fn what_is_damaged_is_replaced_and_kept(database: Database) {
    let Some(file) = database.url.strip_prefix("sqlite://") else { return };
    let copy = format!("{file}.copy");
    add_school(&database.db, "INSERT INTO schools (name) VALUES ('Escola Tupã')").await;
    rollcall(&database.url, &["backup", &copy]).await.done();
    database.db.close().await;
    let open = Db::open(&database.url).await.unwrap();
    // By another process: who closes a file of his own gives up every lock that he has on it.
    let target = format!("of={file}");
    let zeroed =
        Command::new("dd").args(["if=/dev/zero", &target, "bs=100", "count=1", "conv=notrunc"]).output().unwrap();
    assert!(zeroed.status.success(), "{zeroed:?}");
    let refused = rollcall(&database.url, &["restore", &copy, "--force"]).await;
    assert!(refused.refused(1).contains("stop it first"), "{refused:?}");
    open.close().await;

    let damaged = fs::read(file).unwrap();
    assert_eq!(damaged[..100], [0; 100]);
    let refused = rollcall(&database.url, &["restore", &copy]).await;
    assert!(refused.refused(1).contains("is damaged; --force"), "{refused:?}");
    assert_eq!(fs::read(file).unwrap(), damaged);
    let done = rollcall(&database.url, &["restore", &copy, "--force"]).await;
    assert!(done.done().contains("is kept as"), "{done:?}");
    assert_eq!(schools(&database.url).await, ["Escola Tupã"]);
    let folder = fs::read_dir(Path::new(file).parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
    let kept: Vec<_> = folder.filter(|path| path.to_str().unwrap().ends_with('Z')).collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(fs::read(&kept[0]).unwrap(), damaged);
}
