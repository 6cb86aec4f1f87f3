//! The register of a day in a browser, and as a file.

use jiff::SignedDuration;
use rollcall::{accounts::Role, sync::erase};
use serde_json::json;
use terminal_simulator::Profile;

use super::{live, page};
use crate::{
    databases::{Database, both_databases},
    stories::campus::Campus,
};

both_databases! {
    a_day_shows_who_came_and_who_did_not,
    a_day_becomes_a_file,
    another_schools_days_are_not_there,
    whoever_came_later_is_not_missed_and_whoever_left_is_not_lost,
}

/// Ten o'clock of UTC is five in the morning of Guayaquil. Three students, of whom two punch: one on time, twice, one late.
async fn a_morning(database: Database) -> Campus {
    let mut campus = Campus::open(database).await;
    let class = campus.post("/api/v1/classes", json!({"school_id": campus.school, "class_name": "Décimo"})).await;
    let class = class.data(201)["id"].clone();
    let device = campus.terminal("CJX9253300417", Profile::zam180()).await;
    for (name, card) in [("=HYPERLINK(\"x\")", "4711"), ("Ñusta Guamán", "4712"), ("王秀英", "4713")] {
        let student = campus.enrol(name, card).await;
        campus.change(student, json!({"class_id": class})).await;
    }
    campus.in_step(device).await;
    let lines = "1\t2026-03-02 07:50:00\t0\t4\t\t0\t0\n2\t2026-03-02 08:25:00\t0\t4\t\t0\t0\n\
                 1\t2026-03-02 13:05:10\t0\t4\t\t0\t0\n777\t2026-03-02 08:00:00\t0\t4\t\t0\t0\n";
    campus.world.server.wait(SignedDuration::from_hours(9));
    bring(&campus, lines).await;
    campus
}

/// Punches are uploaded.
async fn bring(campus: &Campus, lines: &str) {
    let head = "POST /iclock/cdata?SN=CJX9253300417&table=ATTLOG&Stamp=9 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
    let request = format!("{head}Content-Length: {}\r\n\r\n{lines}", lines.len());
    let answer = String::from_utf8_lossy(&campus.world.converse(request.as_bytes()).await).into_owned();
    assert!(answer.contains(&format!("OK: {}", lines.lines().count())), "{answer}");
}

async fn a_day_shows_who_came_and_who_did_not(database: Database) {
    let campus = a_morning(database).await;
    let server = &campus.world.server;
    let today = page(server, &campus.admin, "/attendance").await;
    for text in ["07:50:00", "13:05:10", "08:25:00", "2 of 3 came", "PIN 777", "data-every=\"5\""] {
        assert!(today.page(200).contains(text), "{text}: {}", today.text);
    }
    let rows = |text: &str| text.matches("id=\"entry-").count();
    assert_eq!(rows(&today.text), 3);
    for (came, expected) in [("present", 1), ("late", 1), ("absent", 1), ("nonsense", 3)] {
        let narrowed = page(server, &campus.admin, &format!("/attendance?came={came}")).await;
        assert_eq!(rows(narrowed.page(200)), expected, "{came}");
    }
    assert_eq!(rows(page(server, &campus.admin, "/attendance?class=1").await.page(200)), 3);
    let yesterday = page(server, &campus.admin, "/attendance?day=2026-03-01").await;
    assert!(yesterday.page(200).contains("No punch on this day") && !yesterday.text.contains("data-every"));
    let block = live(server, &campus.admin, "/attendance", None).await;
    let etag = block.headers["etag"].to_str().unwrap();
    assert_eq!(live(server, &campus.admin, "/attendance", Some(etag)).await.status, 304);
    let punches = page(server, &campus.admin, "/attendance?student=1").await;
    assert_eq!(punches.page(200).matches("id=\"punch-").count(), 2);
}

async fn a_day_becomes_a_file(database: Database) {
    let campus = a_morning(database).await;
    let server = &campus.world.server;
    let school = campus.school;
    let path = format!("/attendance/export?school={school}&from=2026-03-02&to=2026-03-02");
    let csv = page(server, &campus.admin, &format!("{path}&format=csv")).await;
    assert_eq!(csv.headers["content-disposition"], "attachment; filename=\"attendance-2026-03-02.csv\"");
    let lines: Vec<&str> = csv.text.lines().collect();
    assert_eq!(lines.len(), 4, "{}", csv.text);
    assert!(
        csv.text.contains("2026-03-02,\"'=HYPERLINK(\"\"x\"\")\",Décimo,,,07:50:00,13:05:10,2,On time"),
        "{}",
        csv.text
    );
    assert!(csv.text.contains("王秀英,Décimo,,,,,0,No punch"), "{}", csv.text);
    let xlsx = page(server, &campus.admin, &format!("{path}&format=xlsx")).await;
    assert!(xlsx.text.starts_with("PK") && xlsx.status == 200);
    // A week has one school day.
    let week = format!("/attendance/export?school={school}&from=2026-02-24&to=2026-03-03&format=csv");
    assert_eq!(page(server, &campus.admin, &week).await.text.lines().count(), 4);
    // Whoever is asked for, it is one of the school: those who did not come are missing on it.
    let absent = page(server, &campus.admin, &format!("{week}&came=absent")).await;
    assert!(absent.text.lines().count() == 2 && absent.text.contains("王秀英"), "{}", absent.text);
    let year = format!("/attendance/export?school={school}&from=2026-01-01&to=2026-12-31&format=csv");
    assert!(page(server, &campus.admin, &year).await.page(422).contains("31 days"));
    let nonsense = format!("/attendance/export?school={school}&from=x&format=csv");
    page(server, &campus.admin, &nonsense).await.page(422);
}

async fn another_schools_days_are_not_there(database: Database) {
    let campus = a_morning(database).await;
    let server = &campus.world.server;
    let other = server.school("中关村第一小学").await;
    let stranger = server.person("li.xiaoming@example.org", Role::SchoolAdmin, Some(other)).await;
    let own = page(server, &stranger, "/attendance?day=2026-03-02").await;
    assert!(!own.page(200).contains("Guamán") && !own.text.contains("Gate"), "{}", own.text);
    let school = campus.school;
    page(server, &stranger, &format!("/attendance?school={school}")).await.page(403);
    page(server, &stranger, "/attendance?student=1").await.page(403);
    page(server, &stranger, &format!("/attendance/export?school={school}&from=2026-03-02&format=csv")).await.page(403);
    let teacher = server.person("nino@example.org", Role::Teacher, Some(school)).await;
    page(server, &teacher, "/attendance").await.page(200);
    assert!(page(server, &campus.superadmin, "/attendance").await.page(200).contains("Which school?"));
}

async fn whoever_came_later_is_not_missed_and_whoever_left_is_not_lost(database: Database) {
    let campus = a_morning(database).await;
    let server = &campus.world.server;
    // Whom the file of the month has on a day.
    let month = format!("/attendance/export?school={}&from=2026-03-01&to=2026-03-31&format=csv", campus.school);
    let on = async |day: &str| {
        let csv = page(server, &campus.admin, &month).await;
        let of_day = csv.text.lines().filter_map(|line| line.strip_prefix(&format!("{day},")));
        of_day.map(|line| line.split(',').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    // It is eleven in the evening in Guayaquil, and the next day by UTC.
    server.wait(SignedDuration::from_hours(14));
    let evening = campus.enrol("Tāne Ngata", "4714").await;
    server.wait(SignedDuration::from_hours(10));
    campus.enrol("Олена Шевченко", "4715").await;
    bring(&campus, "3\t2026-03-03 07:55:00\t0\t4\t\t0\t0\n").await;
    assert_eq!(on("2026-03-02").await, ["'=HYPERLINK(\"\"x\"\")", "Ñusta Guamán", "王秀英", "Tāne Ngata"].map(quoted));
    assert_eq!(on("2026-03-03").await.len(), 5);
    let today = page(server, &campus.admin, "/attendance").await;
    assert!(
        today.page(200).matches("id=\"entry-").count() == 5 && today.text.contains("0 of 2 came"),
        "{}",
        today.text
    );

    let gone = rollcall::school::StudentId(2);
    campus.remove(gone).await;
    campus.remove(evening).await;
    assert_eq!(on("2026-03-02").await, ["'=HYPERLINK(\"\"x\"\")", "Ñusta Guamán", "王秀英"].map(quoted), "she came");
    assert_eq!(on("2026-03-03").await, ["'=HYPERLINK(\"\"x\"\")", "王秀英", "Олена Шевченко"].map(quoted));
    let today = page(server, &campus.admin, "/attendance").await;
    assert!(
        today.page(200).matches("id=\"entry-").count() == 3 && today.text.contains("1 of 2 came"),
        "{}",
        today.text
    );
    let then = page(server, &campus.admin, "/attendance?day=2026-03-02").await;
    assert!(then.page(200).contains("2 of 3 came") && then.text.contains("<bdi>Ñusta Guamán</bdi>"), "{}", then.text);
    assert!(!then.text.contains("/attendance?student=2\""), "she has no page any more");

    let mut tx = campus.world.app.db.write().await.unwrap();
    erase::erase(&mut tx, gone, erase::Punches::His, campus.world.now()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(on("2026-03-02").await.len(), 3, "somebody came");
    assert!(!page(server, &campus.admin, &month).await.text.contains("Guamán"));
}

fn quoted(name: &str) -> String {
    if name.contains('"') { format!("\"{name}\"") } else { name.to_owned() }
}
