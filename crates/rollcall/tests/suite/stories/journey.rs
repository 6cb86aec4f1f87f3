//! An admin's first day, at either address of the original's calls.

use http::Method;
use jiff::SignedDuration;
use rollcall::{accounts::Role, devices::DeviceId, school::StudentId};
use serde_json::{Value as Json, json};
use terminal_simulator::{Profile, Terminal};

use super::campus::{A_WHILE, Campus, Status, id};
use crate::{
    databases::{Database, both_databases},
    server::Person,
};

both_databases! {
    a_first_day_at_the_api,
    a_first_day_at_the_addresses_of_the_original,
    whoever_may_not_is_told_so,
}

async fn a_first_day_at_the_api(database: Database) {
    first_day(database, "/api/v1/device").await;
}

async fn a_first_day_at_the_addresses_of_the_original(database: Database) {
    first_day(database, "/api/v1/device-management").await;
}

async fn first_day(database: Database, prefix: &str) {
    let mut campus = Campus::open(database).await;
    let school = campus.school;

    // Somebody gives her an account; she logs in.
    let account = json!({
        "email": "Nandini@example.org", "password": "नीला दरवाज़ा", "role": "school_admin", "school_id": school,
        "full_name": "नन्दिनी राव",
    });
    campus.world.server.post(&campus.superadmin, "/api/v1/users", account).await.data(201);
    let login = campus.world.server.login("nandini@example.org", "नीला दरवाज़ा").await;
    let token = login.data(200)["accessToken"].as_str().unwrap().to_owned();
    campus.admin = Person { token, id: id(&login.data(200)["user"]) };
    assert_eq!(login.data(200)["user"]["role"], "school_admin");
    assert_eq!(campus.get("/api/v1/auth/me").await.data(200)["id"], campus.admin.id);

    // A class, a section; students with and without them, one without a card, one who has left.
    let class = campus.post("/api/v1/classes", json!({"school_id": school, "class_name": "Décimo"})).await;
    let class = class.data(201)["id"].clone();
    let section = campus.post("/api/v1/sections", json!({"class_id": class, "section_name": "B"})).await;
    let section = section.data(201)["id"].clone();
    let placed = json!({
        "school_id": school, "full_name": "Quỳnh Trần", "rfid_card_id": "3001", "class_id": class, "section_id": section,
    });
    campus.post("/api/v1/students", placed).await.data(201);
    for (name, card) in [("أمل حداد", "0003002"), ("Σωτήρης Δήμου", "0xBBB"), ("Łukasz Groß", "3004")]
    {
        campus.enrol(name, card).await;
    }
    campus.enrol("No Card", "").await;
    let left = json!({"school_id": school, "full_name": "Left", "rfid_card_id": "3006", "is_active": false});
    campus.post("/api/v1/students", left).await.data(201);

    // The terminal is registered before it hangs. It has room for three.
    let fields = json!({"school_id": school, "serial_number": "GED7242600838", "device_name": "Puerta Ñ"});
    let device = DeviceId(id(campus.post("/api/v1/devices", fields).await.data(201)));
    let call = |what: &str| format!("{prefix}/{device}/{what}");
    let status = Status::of(campus.get(&call("sync-status")).await.data(200));
    assert_eq!(status.in_words(), "4 not_synced of 4");

    let mut profile = Profile::senseface_a2();
    profile.people.capacity = 3;
    let index = campus.world.plug_in(Terminal::new("GED7242600838", profile, 1));
    let mut seen = Vec::new();
    let until = campus.world.now() + SignedDuration::from_secs(40);
    while campus.world.act(until).await {
        let words = Status::of(campus.get(&call("sync-status")).await.data(200)).in_words();
        if seen.last() != Some(&words) {
            seen.push(words);
        }
    }
    assert_eq!(
        seen,
        [
            "4 not_synced of 4",
            "3 pending, 1 sent of 4",
            "3 pending, 1 synced of 4",
            "1 pending, 2 sent, 1 synced of 4",
            "1 pending, 3 synced of 4",
            "1 sent, 3 synced of 4",
            "1 failed, 3 synced of 4",
        ]
    );

    let students = campus.get(&call("sync-status")).await.data(200)["students"].clone();
    let of = |name: &str| students.as_array().unwrap().iter().find(|row| row["full_name"] == name).unwrap().clone();
    let row = of("Quỳnh Trần");
    assert_eq!((&row["class_name"], &row["section_name"]), (&json!("Décimo"), &json!("B")));
    assert_eq!(of("أمل حداد")["class_name"], Json::Null);
    for field in FIELDS {
        assert!(row.get(field).is_some(), "{field} is missing: {row}");
    }
    let failed = students.as_array().unwrap().iter().find(|row| row["sync_status"] == "failed").unwrap().clone();
    let words = failed["error_message"].as_str().unwrap();
    assert!(words.contains("full"), "{words}");

    // What was sent, newest first, and what the terminal said to it.
    let log = campus.get(&call("commands")).await;
    assert_eq!(log.body["pagination"], json!({"page": 1, "limit": 50, "total": 4, "totalPages": 1}));
    assert_eq!(log.column("command_type"), ["add_user"; 4]);
    let refused = log.data(200).as_array().unwrap().iter().find(|row| row["status"] == "failed").unwrap();
    assert_eq!((&refused["return_code"], &refused["student_id"]), (&json!(-1001), &failed["id"]));

    // Retry: not for whom it went well; for the other one as soon as there is room.
    let retry = |student: &Json| call(&format!("students/{}/retry", student["id"]));
    let conflict = campus.post(&retry(&row), json!({})).await;
    assert!(conflict.refusal(409).ends_with("but synced"), "{}", conflict.text);
    campus.world.fleet.terminal(index).profile_mut().people.capacity = 100;
    campus.post(&retry(&failed), json!({})).await.data(200);
    let status = Status::of(campus.get(&call("sync-status")).await.data(200));
    assert_eq!(status.in_words(), "1 pending, 3 synced of 4");
    let conflict = campus.post(&retry(&failed), json!({})).await;
    assert!(conflict.refusal(409).ends_with("but pending"), "{}", conflict.text);
    campus.in_step(device).await;

    // Sync all students: every one again, with the original's words.
    let pressed = campus.post(&call("sync-students"), json!({})).await;
    assert_eq!(pressed.body["message"], "Full sync queued for device Puerta Ñ");
    let data = pressed.data(200);
    assert_eq!((&data["deviceId"], &data["totalStudents"]), (&json!(device), &json!(4)));
    assert_eq!((&data["commandsQueued"], data["message"].is_string()), (&json!(4), true));
    let status = Status::of(campus.get(&call("sync-status")).await.data(200));
    assert_eq!(status.in_words(), "4 pending of 4");
    let written = campus.world.fleet.terminals()[index].statistics().users_written;
    campus.in_step(device).await;
    assert_eq!(campus.world.fleet.terminals()[index].statistics().users_written, written + 4);
    assert_eq!(campus.world.fleet.terminals()[index].statistics().users_removed, 0, "nothing is removed first");
    assert_eq!(campus.get(&call("commands")).await.body["pagination"]["total"], 9);
}

/// What the original's pages read of a student.
const FIELDS: [&str; 11] = [
    "id",
    "full_name",
    "rfid_card_id",
    "class_name",
    "section_name",
    "sync_status",
    "last_sync_success",
    "last_sync_attempt",
    "sync_retries",
    "error_message",
    "device_pin",
];

async fn whoever_may_not_is_told_so(database: Database) {
    let mut campus = Campus::open(database).await;
    let device = campus.terminal("GED7242600838", Profile::zam180()).await;
    let student = campus.enrol("Umut Yıldız", "4001").await;
    let other = campus.world.server.school("Lycée Toussaint").await;
    let server = &campus.world.server;
    let stranger = server.person("fabienne@example.org", Role::SchoolAdmin, Some(other)).await;
    let teacher = server.person("efua@example.org", Role::Teacher, Some(campus.school)).await;

    for prefix in ["/api/v1/device", "/api/v1/device-management"] {
        for (method, what) in calls(student) {
            let call = |device: DeviceId| format!("{prefix}/{device}/{what}");
            let body = || (method == Method::POST).then(|| json!({}));
            server.call(method.clone(), None, &call(device), body()).await.refusal(401);
            server.call(method.clone(), Some("rc_0000"), &call(device), body()).await.refusal(401);
            server.call(method.clone(), Some(&stranger.token), &call(device), body()).await.refusal(403);
            server.call(method.clone(), Some(&campus.admin.token), &call(DeviceId(999)), body()).await.refusal(404);
            let taught = server.call(method.clone(), Some(&teacher.token), &call(device), body()).await;
            assert_eq!(taught.status, if method == Method::GET { 200 } else { 403 }, "{}", taught.text);
        }
        let nobody = format!("{prefix}/{device}/students/999/retry");
        campus.post(&nobody, json!({})).await.refusal(404);
    }
    assert!(campus.world.settle(A_WHILE).await);
    campus.agree(device).await;
}

fn calls(student: StudentId) -> [(Method, String); 4] {
    [
        (Method::POST, "sync-students".to_owned()),
        (Method::GET, "sync-status".to_owned()),
        (Method::GET, "commands".to_owned()),
        (Method::POST, format!("students/{student}/retry")),
    ]
}
