//! What a school's office does: a list is imported, a student is added, a terminal that called is claimed and its people
//! are taken over. And every page of it, as [`super::every`] looks at the others.

use std::fs;

use fantoccini::Locator;
use jiff::SignedDuration;
use rollcall::accounts::Role;
use serde_json::json;
use terminal_simulator::{Profile, Terminal};

use super::{
    Page, browse,
    every::{look_at, sign_in_as},
    school::{School, serve},
};
use crate::{
    databases::{Database, both_databases},
    processes::program::until,
    stories::campus::Campus,
};

both_databases! {
    a_list_is_looked_through_and_imported,
    a_student_is_added_and_seen_to_arrive,
    a_terminal_that_called_is_claimed_and_taken_over,
    a_school_admin_sees_his_own_school_alone,
}

pub const PAGES: &[(&str, &str)] = &[
    ("students", "/students"),
    ("student", "/students/7"),
    ("student-new", "/students/new"),
    ("import", "/import"),
    ("attendance", "/attendance"),
    ("punches", "/attendance?student=7"),
    ("school", "/school"),
    ("schools", "/schools"),
    ("users", "/users"),
    ("user", "/users/1"),
    ("tokens", "/tokens"),
    ("webhooks", "/webhooks"),
    ("webhook", "/webhooks/1"),
    ("audit", "/audit"),
    ("unknown", "/terminals/unknown"),
    ("takeover", "/terminals/4/takeover"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_of_the_office_can_be_used_by_everybody() {
    let school = School::open(Database::sqlite().await).await;
    let holiday = json!({"school_id": school.campus.school, "class_name": "7.º A"});
    school.campus.post("/api/v1/classes", holiday).await.data(201);
    let webhook = json!({"school_id": school.campus.school, "url": "https://hooks.example.org/rollcall/a-long-path/with-a-token"});
    school.campus.post("/api/v1/webhooks", webhook).await.data(201);
    school.campus.post("/api/v1/webhooks/1/test", json!({})).await.data(202);
    something_was_changed(&school.campus).await;
    browse(async |page| {
        page.goto(&school.url("/sign-in")).await;
        sign_in_as(page, &school.campus.superadmin).await;
        for (name, path) in PAGES {
            page.goto(&school.url(path)).await;
            look_at(page, name).await;
        }
        choose_file(page, &school.url("/import"), LIST).await;
        look_at(page, "preview").await;
        choose_file(page, &school.url("/import"), "Curso;Alumno;Código;Tarjeta\n5;Ana Quishpe;x9;101\n").await;
        look_at(page, "columns").await;
        choose_file(page, &school.url("/import"), LIST).await;
        page.press("Apply").await;
        page.wait_for("The list is applied").await;
        look_at(page, "import-run").await;
    })
    .await;
}

/// For the audit log to tell.
async fn something_was_changed(campus: &Campus) {
    let fields = json!({"email": "aroha.tamati@example.org", "password": "pōhutukawa 1", "role": "teacher",
        "school_id": campus.school});
    campus.world.server.post(&campus.superadmin, "/api/v1/users", fields).await.data(201);
    for (path, fields) in [
        ("users/3", json!({"role": "school_admin", "full_name": "Aroha Tāmati", "password": "kōwhai ngutukākā"})),
        ("students/7", json!({"full_name": "Ọlámidé Adébáyọ̀-Ogúnlẹ́yẹ", "roll_number": "7"})),
        ("schools/1", json!({"guard_percent": 30, "grace_minutes": 5, "timezone": "America/Guayaquil"})),
        ("schools/1", json!({"timezone": "Asia/Dubai"})),
        ("devices/2", json!({"device_name": "Library, upper floor", "strangers": "remove"})),
        ("devices/2", json!({"device_name": "Library", "strangers": "report"})),
    ] {
        campus.world.server.put(&campus.superadmin, &format!("/api/v1/{path}"), fields).await.data(200);
    }
    campus.post("/api/v1/device/1/sync-students", json!(null)).await.data(200);
    let holiday = json!({"first_day": "2026-12-24", "last_day": "2027-01-02", "name": "Navidad"});
    campus.post(&format!("/api/v1/schools/{}/holidays", campus.school), holiday).await.data(201);
}

const LIST: &str = "full_name,rfid_card_id,class_name,roll_number\nAna Quishpe,90101,5.º A,1\nÓscar Ibáñez,90102,5.º A,2\n\
                    Лариса Шевчук,90103,6.º A,3\nBroken Card,gate,6.º A,4\n";

/// Brings a file; those who are not in it would be deactivated.
async fn choose_file(page: &Page, import: &str, content: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("students.csv");
    fs::write(&file, content).unwrap();
    page.goto(import).await;
    let input = page.client.find(Locator::Css("input[type=file]")).await.unwrap();
    input.send_keys(&file.display().to_string()).await.unwrap();
    let mode = page.client.find(Locator::Css("select[name=mode]")).await.unwrap();
    mode.select_by_value("replace").await.unwrap();
    page.press("Look at what it would do").await;
    page.wait_for("What it would do").await;
}

async fn a_list_is_looked_through_and_imported(database: Database) {
    let mut campus = Campus::open(database).await;
    let gate = campus.terminal("CJX9253300417", Profile::zam180()).await;
    campus.enrol("Ana Quishpe", "90101").await;
    campus.enrol("Rumi Taita", "90109").await;
    campus.in_step(gate).await;
    let address = serve(&campus, None).await;
    browse(async |page| {
        page.goto(&format!("http://{address}/sign-in")).await;
        sign_in_as(page, &campus.admin).await;
        choose_file(page, &format!("http://{address}/import"), LIST).await;
        let text = page.wait_for("Nothing is written yet.").await;
        for words in ["Лариса Шевчук", "Rumi Taita", "rfid_card_id", "Rejected lines"] {
            assert!(text.contains(words), "{words}: {text}");
        }
        assert_eq!(campus.status(gate).await.numbers["total"], 2, "nothing is written");
        page.press("Apply").await;
        let text = page.wait_for("The list is applied").await;
        for words in ["Added\n2", "Deactivated\n1", "CJX9253300417"] {
            assert!(text.contains(words), "{words}: {text}");
        }
        campus.in_step(gate).await;
        page.goto(&format!("http://{address}/students?active=yes")).await;
        let text = page.wait_for("1 of 1 terminals").await;
        assert!(text.contains("Óscar Ibáñez") && !text.contains("Rumi Taita"), "{text}");
        page.is_self_contained(&format!("http://{address}")).await;
    })
    .await;
}

async fn a_student_is_added_and_seen_to_arrive(database: Database) {
    let mut campus = Campus::open(database).await;
    let gate = campus.terminal("CJX9253300417", Profile::zam180()).await;
    // Whoever would be the last to leave is kept until somebody decides.
    campus.enrol("Ana Quishpe", "101").await;
    campus.in_step(gate).await;
    let address = serve(&campus, None).await;
    browse(async |page| {
        page.goto(&format!("http://{address}/sign-in")).await;
        sign_in_as(page, &campus.admin).await;
        page.goto(&format!("http://{address}/students/new")).await;
        page.fill("full_name", "Hine Parata").await;
        page.fill("rfid_card_id", "00471100").await;
        page.press("Add the student").await;
        page.wait_for("on the way to 1 terminal").await;
        page.wait_for("Pending").await;
        campus.in_step(gate).await;
        // The page finds out by itself.
        until("the page says that he is there", async || {
            let text = page.text("body").await;
            (text.contains("Synced") || text.contains("Verified")).then_some(())
        })
        .await;
        let held = campus.held(gate, rollcall::school::StudentId(2)).await;
        assert_eq!(held, Some(("Hine Parata".to_owned(), Some(471_100))));
        page.press("Delete this student").await;
        page.press("Yes, delete Hine Parata").await;
        page.wait_for("Hine Parata is deleted.").await;
        campus.in_step(gate).await;
        assert_eq!(campus.held(gate, rollcall::school::StudentId(2)).await, None);
    })
    .await;
}

async fn a_terminal_that_called_is_claimed_and_taken_over(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.enrol("Ana Quishpe", "4711").await;
    campus.enrol("Rumi Taita", "4712").await;
    let mut terminal = Terminal::new("CJX9253300999", Profile::zam180(), 1);
    terminal.edit_at_keypad("7", "Ana Quishpe", Some(4711));
    terminal.edit_at_keypad("8", "Caretaker", Some(99));
    campus.world.plug_in(terminal);
    campus.run_for(120).await;
    let address = serve(&campus, None).await;
    browse(async |page| {
        page.goto(&format!("http://{address}/sign-in")).await;
        sign_in_as(page, &campus.admin).await;
        page.goto(&format!("http://{address}/terminals/unknown")).await;
        page.wait_for("CJX9253300999").await;
        let claim = page.client.find(Locator::Css("details.claim summary")).await.unwrap();
        claim.click().await.unwrap();
        page.fill("device_name", "Library").await;
        page.client.find(Locator::Css("details.claim button")).await.unwrap().click().await.unwrap();
        page.wait_for("Library is yours").await;
        campus.run_for(600).await;
        page.goto(&format!("http://{address}/terminals/1/takeover")).await;
        page.wait_for("Caretaker").await;
        page.press("Link by card").await;
        page.wait_for("The decision is saved.").await;
        assert!(campus.world.settle(SignedDuration::from_mins(30)).await, "it becomes quiet");
        assert_eq!(
            campus.pin(rollcall::devices::DeviceId(1), rollcall::school::StudentId(1)).await.as_deref(),
            Some("7")
        );
        page.press("Keep PIN 8 as a stranger").await;
        page.wait_for("0 linked, 1 kept, 0 removed.").await;
    })
    .await;
}

async fn a_school_admin_sees_his_own_school_alone(database: Database) {
    let mut campus = Campus::open(database).await;
    let gate = campus.terminal("CJX9253300417", Profile::zam180()).await;
    campus.enrol("Ana Quishpe", "4711").await;
    campus.in_step(gate).await;
    let server = &campus.world.server;
    let other = server.school("中关村第一小学").await;
    let stranger = server.person("li.xiaoming@example.org", Role::SchoolAdmin, Some(other)).await;
    let address = serve(&campus, None).await;
    browse(async |page| {
        page.goto(&format!("http://{address}/sign-in")).await;
        sign_in_as(page, &stranger).await;
        for path in ["/students", "/attendance", "/school", "/users", "/audit", "/import", "/terminals/unknown", "/"] {
            page.goto(&format!("http://{address}{path}")).await;
            let text = page.text("body").await;
            for foreign in ["Quishpe", "Yachay", "inti.quispe", "CJX9253300417"] {
                assert!(!text.contains(foreign), "{foreign} on {path}: {text}");
            }
        }
        for path in ["/students/1", "/attendance?student=1", "/school?school=1", "/terminals/1/takeover"] {
            page.goto(&format!("http://{address}{path}")).await;
            page.wait_for("another school").await;
        }
    })
    .await;
}
