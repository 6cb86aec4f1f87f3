//! The roster in a browser: somebody is added, changed, switched off and deleted, and his terminals follow.

use rollcall::{accounts::Role, school::StudentId};
use terminal_simulator::Profile;

use super::{live, page, submit};
use crate::{
    databases::{Database, both_databases},
    stories::campus::Campus,
};

both_databases! {
    a_student_is_added_and_arrives,
    a_student_is_changed_switched_off_and_deleted,
    lists_are_searched_and_narrowed,
    a_card_is_taken_from_a_terminal,
    students_of_another_school_are_not_there,
}

async fn a_student_is_added_and_arrives(database: Database) {
    let mut campus = Campus::open(database).await;
    let device = campus.terminal("CJX9253300417", Profile::zam180()).await;
    campus.in_step(device).await;
    let school = campus.school.to_string();
    let fields = [("school_id", &*school), ("full_name", "Tāne Mahuta"), ("rfid_card_id", "00471100")];
    let reply = submit(&campus.world.server, Some(&campus.admin), "/students", &fields).await;
    assert_eq!(reply.goes_to(), "/students/1");
    assert!(reply.cookie("rollcall_message").unwrap().contains("on%20the%20way%20to%201%20terminal"));
    assert!(page(&campus.world.server, &campus.admin, "/students").await.page(200).contains("0 of 1 terminals"));
    campus.in_step(device).await;
    let server = &campus.world.server;
    assert!(page(server, &campus.admin, "/students").await.page(200).contains("1 of 1 terminals"));
    let shown = page(server, &campus.admin, "/students/1").await;
    assert!(shown.page(200).contains("/terminals/1/students/1"), "{}", shown.text);
    let block = live(server, &campus.admin, "/students/1", None).await;
    assert!(block.page(200).contains("Synced") && !block.text.contains("<html"), "{}", block.text);

    let again = [("school_id", &*school), ("full_name", "<b>Hine</b>"), ("rfid_card_id", "471100")];
    let refused = submit(server, Some(&campus.admin), "/students", &again).await;
    assert!(refused.page(409).contains("Tāne Mahuta (student 1) has this card"), "{}", refused.text);
    assert!(refused.text.contains("value=\"&#60;b&#62;Hine&#60;/b&#62;\""), "what was typed stays, escaped");
    let unreadable = [("school_id", &*school), ("full_name", "Hine"), ("rfid_card_id", "gate card")];
    assert!(submit(server, Some(&campus.admin), "/students", &unreadable).await.page(422).contains("card-hint"));
}

async fn a_student_is_changed_switched_off_and_deleted(database: Database) {
    let mut campus = Campus::open(database).await;
    let device = campus.terminal("CJX9253300417", Profile::zam180()).await;
    let student = campus.enrol("Ayşe Demir", "4711").await;
    campus.enrol("Şükrü Öztürk", "4712").await;
    campus.in_step(device).await;
    let path = format!("/students/{student}");
    let class =
        campus.post("/api/v1/classes", serde_json::json!({"school_id": campus.school, "class_name": "5"})).await;
    let class = class.data(201)["id"].to_string();
    let section = campus.post("/api/v1/sections", serde_json::json!({"class_id": 1, "section_name": "Ç"})).await;
    let section = section.data(201)["id"].to_string();
    let change = async |campus: &Campus, place: &str| {
        let fields = [("full_name", "Ayşe Yılmaz"), ("rfid_card_id", "4711"), ("roll_number", "7"), ("place", place)];
        submit(&campus.world.server, Some(&campus.admin), &path, &fields).await.goes_to();
        campus.get(&format!("/api/v1{path}")).await.data(200).clone()
    };
    let row = change(&campus, &format!("s{section}")).await;
    assert_eq!((row["class_name"].as_str(), row["section_name"].as_str()), (Some("5"), Some("Ç")));
    let row = change(&campus, &format!("s{section}")).await;
    assert_eq!(row["section_name"], "Ç", "written again as it is");
    let row = change(&campus, &format!("c{class}")).await;
    assert_eq!((row["class_name"].as_str(), row["section_name"].as_str()), (Some("5"), None));
    assert_eq!((row["full_name"].as_str(), row["roll_number"].as_str()), (Some("Ayşe Yılmaz"), Some("7")));

    campus.in_step(device).await;
    let shown = page(&campus.world.server, &campus.admin, &path).await;
    assert!(shown.page(200).contains("The student will be removed from 1 terminal"), "{}", shown.text);
    let to = format!("{path}/active");
    submit(&campus.world.server, Some(&campus.admin), &to, &[("active", "false")]).await.goes_to();
    campus.in_step(device).await;
    assert_eq!(campus.held(device, student).await, None);
    submit(&campus.world.server, Some(&campus.admin), &to, &[("active", "true")]).await.goes_to();
    campus.in_step(device).await;
    assert!(campus.held(device, student).await.is_some());

    let teacher = campus.world.server.person("nino@example.org", Role::Teacher, Some(campus.school)).await;
    for (to, fields) in [("", [("full_name", "X")]), ("/active", [("active", "false")]), ("/delete", [("sure", "1")])] {
        submit(&campus.world.server, Some(&teacher), &format!("{path}{to}"), &fields).await.page(403);
    }
    let read_only = page(&campus.world.server, &teacher, &path).await;
    assert!(!read_only.page(200).contains(&format!("action=\"{path}")), "{}", read_only.text);
    let reply = submit(&campus.world.server, Some(&campus.admin), &format!("{path}/delete"), &[]).await;
    assert_eq!(reply.goes_to(), "/students");
    campus.in_step(device).await;
    assert_eq!(campus.held(device, student).await, None);
    page(&campus.world.server, &campus.admin, &path).await.page(404);
}

async fn lists_are_searched_and_narrowed(database: Database) {
    let campus = Campus::open(database).await;
    campus.import(0..80).await;
    let server = &campus.world.server;
    let rows = async |path: &str| page(server, &campus.admin, path).await.page(200).matches("id=\"student-").count();
    assert_eq!(rows("/students").await, 50);
    assert_eq!(rows("/students?page=2").await, 30);
    campus.enrol("Ñusta Sisa Guamán", "99887766").await;
    assert_eq!(rows("/students?search=nusta").await, 1);
    assert_eq!(rows("/students?search=99887766").await, 1);
    assert_eq!(rows("/students?search=nobody").await, 0);
    assert_eq!(rows("/students?active=no").await, 0);
    assert_eq!(rows("/students?active=yes&page=2").await, 31);
}

async fn a_card_is_taken_from_a_terminal(database: Database) {
    let mut campus = Campus::open(database).await;
    let device = campus.terminal("CJX9253300417", Profile::zam180()).await;
    campus.enrol("Ayşe Demir", "4711").await;
    campus.in_step(device).await;
    let school = campus.school.to_string();
    let terminal = device.to_string();
    let fields = [("school_id", &*school), ("full_name", "Wiremu"), ("terminal", &*terminal), ("deed", "capture")];
    let take = async |campus: &Campus| {
        let reply = submit(&campus.world.server, Some(&campus.admin), "/students", &fields).await;
        assert!(reply.page(200).contains("value=\"Wiremu\""), "what was typed stays: {}", reply.text);
        reply.text
    };
    let upload = async |campus: &Campus, query: &str, body: &str| {
        let head = format!("POST /iclock/cdata?SN=CJX9253300417&{query} HTTP/1.1\r\nHost: x\r\n");
        let request = format!("{head}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
        campus.world.converse(request.as_bytes()).await;
    };
    let form = take(&campus).await;
    assert!(form.contains("reported no unknown card"));
    let place = |deed: &str| form.find(&format!("name=\"deed\" value=\"{deed}\"")).unwrap();
    assert!(place("save") < place("capture"), "Enter presses the first button of a form");

    let event = "time=2026-11-23 05:00:01\tpin=0\tcardno=12345678\teventaddr=1\tevent=27\tindex=9\n";
    upload(&campus, "table=rtlog", event).await;
    let taken = take(&campus).await;
    assert!(taken.contains("value=\"12345678\"") && taken.contains("was presented at"), "{taken}");
    campus.world.server.wait(jiff::SignedDuration::from_secs(61));
    assert!(take(&campus).await.contains("reported no unknown card"), "a minute later it counts no more");

    let known = "time=2026-11-23 05:00:01\tpin=0\tcardno=4711\teventaddr=1\tevent=27\tindex=10\n";
    upload(&campus, "table=rtlog", known).await;
    assert!(take(&campus).await.contains("reported no unknown card"), "it is Ayşe's");

    // Somebody was enrolled at the keypad with a card.
    upload(&campus, "table=OPERLOG&Stamp=1", "USER PIN=900\tName=Pita\tPri=0\tCard=777001\n").await;
    let taken = take(&campus).await;
    assert!(taken.contains("value=\"777001\"") && taken.contains("Pita"), "{taken}");
    assert_eq!(campus.get("/api/v1/students").await.column("full_name"), ["Ayşe Demir"], "nothing is written yet");
}

async fn students_of_another_school_are_not_there(database: Database) {
    let campus = Campus::open(database).await;
    let student = campus.enrol("Ayşe Demir", "4711").await;
    let server = &campus.world.server;
    let other = server.school("中关村第一小学").await;
    let stranger = server.person("li.xiaoming@example.org", Role::SchoolAdmin, Some(other)).await;
    assert!(!page(server, &stranger, "/students").await.page(200).contains("Ayşe"));
    page(server, &stranger, &format!("/students?school_id={}", campus.school)).await.page(200);
    page(server, &stranger, &format!("/students/new?school={}", campus.school)).await.page(403);
    let school = campus.school.to_string();
    for (path, fields) in [
        ("/students".to_owned(), vec![("school_id", &*school), ("full_name", "X")]),
        (format!("/students/{student}"), vec![("full_name", "X")]),
        (format!("/students/{student}/delete"), vec![]),
        (format!("/students/{student}/active"), vec![("active", "false")]),
    ] {
        submit(server, Some(&stranger), &path, &fields).await.page(403);
    }
    assert_eq!(campus.get("/api/v1/students").await.column("full_name"), ["Ayşe Demir"]);
    // A superadmin says for which school.
    assert!(page(server, &campus.superadmin, "/students/new").await.page(200).contains("Which school?"));
    let list = page(server, &campus.superadmin, "/students").await;
    assert!(list.page(200).contains("Colegio Yachay"), "{}", list.text);
    assert_ne!(student, StudentId(0));
}
