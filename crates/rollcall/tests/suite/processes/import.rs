//! `import`, on a database whose terminal was brought in step in this process.

use std::{fs, time::Duration};

use jiff::SignedDuration;
use serde_json::{Value as Json, json};
use terminal_simulator::{Profile, Terminal};

use super::program::{Serving, rollcall, rollcall_reading, until};
use crate::{
    databases::{Database, both_databases},
    imports::oneroster::Set,
    world::World,
};

both_databases! {
    a_roster_is_imported_at_the_command_line,
    rejected_lines_exit_one_and_the_others_are_applied,
    the_guard_is_told_of_before_and_after,
    imports_are_refused_in_words,
    a_folder_of_oneroster_files_is_imported,
    a_server_that_is_killed_while_it_imports_leaves_nothing_or_all,
}

const SERIAL: &str = "CJX9253300417";

/// A school of four and a terminal that holds them.
async fn four(database: Database) -> World {
    let mut world = World::new(database).await;
    let school = world.school("Pacific/Auckland").await;
    for (name, card) in [("Aroha", "1"), ("Ольга", "2"), ("Ѓорѓи", "3"), ("王芳", "4")] {
        world.student(school, name, card).await;
    }
    world.register(school, SERIAL).await;
    world.plug_in(Terminal::new(SERIAL, Profile::zam180(), 1));
    assert!(world.settle(SignedDuration::from_hours(1)).await);
    world
}

async fn a_roster_is_imported_at_the_command_line(database: Database) {
    let mut world = four(database).await;
    let url = world.database.url.clone();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("students.csv");
    let path = path.to_str().unwrap();
    fs::write(path, "full_name;rfid_card_id;class_name;shoes\nAroha Pārata;1;7;36\nጸሐይ;5;7;38\n").unwrap();

    let dry = rollcall(&url, &["import", path, "--school", "1", "--dry-run"]).await;
    for words in ["dry run: nothing was written", "1 added, 1 changed, 0 unchanged, 0 deactivated, 0 rejected", "shoes"]
    {
        assert!(dry.done().contains(words), "{words}: {dry:?}");
    }
    assert_eq!(world.number("SELECT COUNT(*) FROM students").await, 4);
    let done = rollcall(&url, &["import", path, "--school", "1"]).await;
    assert!(done.done().starts_with("1 added, 1 changed"), "{done:?}");
    assert!(done.out.contains("1 new classes") && done.out.contains("UTF-8"), "{done:?}");
    assert!(world.settle(SignedDuration::from_hours(1)).await);
    let mut people: Vec<&str> = world.fleet.terminals()[0].users().values().map(|user| user.name.as_str()).collect();
    people.sort_unstable();
    assert_eq!(people, ["Aroha Pārata", "Ѓорѓи", "Ольга", "ጸሐይ", "王芳"]);
    let audited = "SELECT COUNT(*) FROM audit_logs WHERE actor = 'command line' AND action = 'import'";
    assert_eq!(world.number(audited).await, 1);

    let piped = rollcall_reading(&url, &["import", "-", "--school", "1"], "full_name,rfid_card_id\nጸሐይ,5\n").await;
    assert!(piped.done().starts_with("0 added, 0 changed, 1 unchanged"), "{piped:?}");
}

async fn rejected_lines_exit_one_and_the_others_are_applied(database: Database) {
    let world = four(database).await;
    let url = world.database.url.clone();
    let file = "full_name,rfid_card_id\nጸሐይ,5\nWiremu,x-y\nZoë,2,\n";
    for (words, students) in [(&["--dry-run"][..], 4), (&[], 5)] {
        let arguments = [&["import", "-", "--school", "1"], words].concat();
        let ended = rollcall_reading(&url, &arguments, file).await;
        assert_eq!((ended.status, &*ended.err), (Some(1), ""), "{ended:?}");
        assert!(ended.out.contains("1 rejected") && ended.out.contains("  line 3: rfid_card_id \"x-y\""), "{ended:?}");
        assert_eq!(world.number("SELECT COUNT(*) FROM students").await, students);
    }
    assert_eq!(world.number("SELECT COUNT(*) FROM students WHERE full_name = 'Zoë' AND id = 2").await, 1);
}

async fn the_guard_is_told_of_before_and_after(database: Database) {
    let mut world = four(database).await;
    let url = world.database.url.clone();
    world.foreign("UPDATE schools SET guard_number = 1", []).await;
    world.foreign("UPDATE devices SET device_name = 'Tomokanga'", []).await;
    let file = "full_name,rfid_card_id\n王芳,4\n";
    let dry = rollcall_reading(&url, &["import", "-", "--school", "1", "--replace", "--dry-run"], file).await;
    let reason = "3 of 4 people on this terminal would be removed within ten minutes";
    for words in ["3 deactivated", "Tomokanga (CJX9253300417): the guard would hold 3 removals", reason] {
        assert!(dry.done().contains(words), "{words}: {dry:?}");
    }
    assert!(rollcall(&url, &["removals", SERIAL]).await.done().contains("nothing is held"));

    let run = rollcall_reading(&url, &["import", "-", "--school", "1", "--replace"], file).await;
    for words in ["the guard holds 3 removals", reason, "rollcall removals CJX9253300417 --approve"] {
        assert!(run.done().contains(words), "{words}: {run:?}");
    }
    assert!(rollcall(&url, &["removals", SERIAL]).await.done().contains("3 held since"));
    world.run_for(SignedDuration::from_mins(10)).await;
    assert_eq!(world.fleet.terminals()[0].users().len(), 4);
}

async fn imports_are_refused_in_words(database: Database) {
    let url = &database.url;
    let nowhere = rollcall(url, &["import", "none/students.csv", "--school", "1"]).await;
    assert!(nowhere.refused(1).contains("none/students.csv"), "{nowhere:?}");
    let nameless = rollcall_reading(url, &["import", "-", "--school", "1"], "name,card\nAna,1\n").await;
    assert!(nameless.refused(1).contains("full_name"), "{nameless:?}");
    let unknown = rollcall_reading(url, &["import", "-", "--school", "9"], "full_name,rfid_card_id\nAna,1\n").await;
    assert!(unknown.refused(1).contains("no school 9"), "{unknown:?}");
    for wrong in
        [&["import"][..], &["import", "students.csv"], &["import", "--school", "1"], &["import", "-", "--school", "x"]]
    {
        rollcall(url, wrong).await.refused(2);
    }
}

async fn a_folder_of_oneroster_files_is_imported(database: Database) {
    let world = World::new(database).await;
    let url = &world.database.url;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let mut set = Set::of(&[("s", "Te Kura o Waiuku")]);
    set.student("a", "s", "Aroha", "Ngata", "11");
    set.student("b", "s", "Māia", "Te Rangi", "twelve");
    for (name, text) in set.files() {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let dry = rollcall(url, &["import-oneroster", path, "--dry-run"]).await;
    assert_eq!(dry.status, Some(1), "{dry:?}");
    for words in ["Te Kura o Waiuku (new): 1 added", "dry run: nothing was written", "line 3: rfid_card_id \"twelve\""]
    {
        assert!(dry.out.contains(words), "{words}: {dry:?}");
    }
    assert_eq!(world.number("SELECT COUNT(*) FROM schools").await, 0);
    let zip = folder.path().join("set.zip");
    fs::write(&zip, set.zip()).unwrap();
    let done = rollcall(url, &["import-oneroster", zip.to_str().unwrap(), "--cards-in-identifier"]).await;
    assert!(done.out.contains("(new): 1 added") && done.out.contains("9twelve"), "{done:?}");
    assert_eq!(world.number("SELECT COUNT(*) FROM students WHERE rfid_card_id = '911'").await, 1);
    let again = rollcall(url, &["import-oneroster", path]).await;
    assert!(again.out.contains("Te Kura o Waiuku: 0 added, 1 changed"), "{again:?}");

    fs::remove_file(folder.path().join("manifest.csv")).unwrap();
    assert!(rollcall(url, &["import-oneroster", path]).await.refused(1).contains("manifest.csv"));
    assert!(rollcall(url, &["import-oneroster", "/nowhere.zip"]).await.refused(1).contains("nowhere.zip"));
    rollcall(url, &["import-oneroster"]).await.refused(2);
}

/// Rows of a file that takes a moment.
const LARGE: i64 = 3_000;

async fn a_server_that_is_killed_while_it_imports_leaves_nothing_or_all(database: Database) {
    let url = database.url.clone();
    let admin = ["user", "add", "ngozi@example.org", "--role", "superadmin", "--password-stdin"];
    rollcall_reading(&url, &admin, "ọ̀rẹ́ ni ìwé").await.done();
    let token = rollcall(&url, &["token", "create", "ngozi@example.org"]).await.done().trim().to_owned();
    let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let serving = Serving::start(&url, &[]).await;
    let call = async |path: &str, body: Json| {
        let sent = browser.post(serving.url(path)).bearer_auth(&token).json(&body).send().await.unwrap();
        assert_eq!(sent.status(), 201, "{}", sent.text().await.unwrap());
    };
    call("/api/v1/schools", json!({"name": "Colegio Yachay"})).await;
    for serial in ["CJX9253300417", "GED7242600838"] {
        call("/api/v1/devices", json!({"school_id": 1, "serial_number": serial, "device_name": serial})).await;
    }
    serving.program.kill();

    let mut expected = 0;
    for (round, moment) in [0, 60, 250, 900].into_iter().enumerate() {
        let serving = Serving::start(&url, &[]).await;
        let cookie = format!("rollcall_session={token}");
        let first = i64::try_from(round).unwrap() * LARGE + 1;
        let rows = (0..LARGE).fold(String::new(), |rows, n| rows + &format!("Inti Quispe {round} {n},{}\n", first + n));
        let file = format!(
            "--end\r\nContent-Disposition: form-data; name=\"school_id\"\r\n\r\n1\r\n--end\r\nContent-Disposition: \
             form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\nfull_name,rfid_card_id\n{rows}\r\n--end--\r\n"
        );
        let brought =
            browser.post(serving.url("/import")).header("Cookie", &cookie).header("Sec-Fetch-Site", "same-origin");
        let brought =
            brought.header("Content-Type", "multipart/form-data; boundary=end").body(file).send().await.unwrap();
        let at = brought.headers()["location"].to_str().unwrap().to_owned();
        let look = async |serving: &Serving| {
            browser.get(serving.url(&at)).header("Cookie", &cookie).send().await.unwrap().text().await.unwrap()
        };
        let shown = look(&serving).await;
        let fingerprint =
            shown.split("name=\"fingerprint\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let apply = browser.post(serving.url(&at)).header("Cookie", &cookie).header("Sec-Fetch-Site", "same-origin");
        let apply = apply.header("Content-Type", "application/x-www-form-urlencoded");
        let applied = tokio::spawn(apply.body(format!("fingerprint={fingerprint}&in_new_year=false")).send());
        tokio::time::sleep(Duration::from_millis(moment)).await;
        serving.program.kill();
        let _ = applied.await;

        let serving = Serving::start(&url, &[]).await;
        let said = until("the page says what became of it", async || {
            let text = look(&serving).await;
            (!text.contains("is being written") && !text.contains("is being queued")).then_some(text)
        })
        .await;
        let is_all = ["All of it is written", "The list is applied"].iter().any(|words| said.contains(words));
        let is_nothing = ["Nothing was written", "Nothing is written yet"].iter().any(|words| said.contains(words));
        assert!(is_all != is_nothing, "after {moment} ms: {said}");
        expected += if is_all { LARGE } else { 0 };
        let mut tx = database.db.read().await.unwrap();
        let (students,): (i64,) = tx.one("SELECT COUNT(*) FROM students", []).await.unwrap();
        assert_eq!(students, expected, "after {moment} ms");
        drop(tx);
        serving.program.kill();
    }
}
