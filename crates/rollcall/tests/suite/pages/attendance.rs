//! The register of a day in a browser, and as a file.

use jiff::SignedDuration;
use rollcall::accounts::Role;
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
    let head = "POST /iclock/cdata?SN=CJX9253300417&table=ATTLOG&Stamp=9 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
    let request = format!("{head}Content-Length: {}\r\n\r\n{lines}", lines.len());
    let answer = campus.world.converse(request.as_bytes()).await;
    assert!(String::from_utf8_lossy(&answer).contains("OK: 4"), "{}", String::from_utf8_lossy(&answer));
    campus
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
