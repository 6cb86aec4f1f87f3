//! Tokens, and the audit log.

use jiff::SignedDuration;
use rollcall::accounts::{
    Role,
    audit::{self, Actor, Change},
};
use serde_json::{Value as Json, json};

use crate::{
    databases::{Database, both_databases},
    server::{Person, Server},
};

both_databases! {
    a_token_is_shown_once_and_revoked,
    a_token_ends_at_its_date,
    use_of_a_token_is_written_at_most_once_a_minute,
    every_change_is_written_down,
    a_school_sees_its_own_log,
}

async fn a_token_is_shown_once_and_revoked(database: Database) {
    let server = Server::new(database);
    let school = server.school("Scoil Bhríde").await;
    let superadmin = server.superadmin().await;
    let teacher = server.person("aoife.ní.bhriain@example.org", Role::Teacher, Some(school)).await;

    let created = server.post(&teacher, "/api/v1/tokens", json!({"name": " Timetable\tbot "})).await;
    let data = created.data(201);
    assert_eq!((&data["name"], &data["kind"]), (&json!("Timetable bot"), &json!("token")));
    let bot = Person { token: data["access_token"].as_str().unwrap().to_owned(), id: teacher.id };
    assert_eq!(bot.token.len(), "rc_".len() + 64);
    server.get(&bot, "/api/v1/auth/me").await.data(200);

    let listed = server.get(&bot, "/api/v1/tokens").await;
    assert_eq!(listed.column("name"), ["Timetable bot", "test"]);
    assert!(!listed.text.contains(&bot.token) && !listed.text.contains("hash"), "{}", listed.text);
    let stored: Vec<(String,)> = server.rows("SELECT secret_hash FROM access_tokens", []).await;
    assert!(stored.iter().all(|(hash,)| hash.len() == 64 && !bot.token.contains(hash)));

    let path = format!("/api/v1/tokens/{}", data["id"]);
    let stranger = server.person("padraig@example.org", Role::Teacher, Some(school)).await;
    server.delete(&stranger, &path).await.refusal(403);
    server.delete(&teacher, &path).await.data(200);
    server.get(&bot, "/api/v1/auth/me").await.refusal(401);
    server.delete(&teacher, &path).await.refusal(404);

    let all = server.get(&superadmin, "/api/v1/tokens?all=true&search=aoife").await;
    assert_eq!(all.column("email"), ["aoife.ní.bhriain@example.org"]);
    let theirs = server.get(&superadmin, &format!("/api/v1/tokens?user_id={}", teacher.id)).await;
    server.delete(&superadmin, &format!("/api/v1/tokens/{}", theirs.column("id")[0])).await.data(200);
    server.get(&teacher, "/api/v1/auth/me").await.refusal(401);
}

async fn a_token_ends_at_its_date(database: Database) {
    let server = Server::new(database);
    let superadmin = server.superadmin().await;
    let create =
        |end: &str| server.post(&superadmin, "/api/v1/tokens", json!({"name": "night job", "expires_at": end}));

    assert!(create("2026-11-23T10:00:00Z").await.refusal(422).starts_with("expires_at:"));
    assert!(create("next week").await.refusal(422).starts_with("expires_at:"));
    let token = create("2026-11-24T11:30:00+01:30").await;
    assert_eq!(token.data(201)["expires_at"], "2026-11-24T10:00:00Z");
    let job = Person { token: token.data(201)["access_token"].as_str().unwrap().to_owned(), id: 0 };
    server.wait(SignedDuration::from_secs(24 * 60 * 60 - 1));
    server.get(&job, "/api/v1/auth/me").await.data(200);
    server.wait(SignedDuration::from_secs(1));
    server.get(&job, "/api/v1/auth/me").await.refusal(401);
}

async fn use_of_a_token_is_written_at_most_once_a_minute(database: Database) {
    let server = Server::new(database);
    let superadmin = server.superadmin().await;
    let last_used = async || server.get(&superadmin, "/api/v1/tokens").await.column("last_used_at")[0].clone();

    server.wait(SignedDuration::from_secs(59));
    assert_eq!(last_used().await, "2026-11-23T10:00:00Z");
    server.wait(SignedDuration::from_secs(1));
    assert_eq!(last_used().await, "2026-11-23T10:01:00Z");
    server.wait(SignedDuration::from_secs(30));
    assert_eq!(last_used().await, "2026-11-23T10:01:00Z");
}

async fn every_change_is_written_down(database: Database) {
    let server = Server::new(database);
    let superadmin = server.superadmin().await;
    let id = |data: &Json| data["id"].as_i64().unwrap();
    let create =
        async |what: &str, body: Json| id(server.post(&superadmin, &format!("/api/v1/{what}"), body).await.data(201));

    let school = create("schools", json!({"name": "Hekupu Dél"})).await;
    let class = create("classes", json!({"school_id": school, "class_name": "3"})).await;
    let section = create("sections", json!({"class_id": class, "section_name": "Z"})).await;
    let student =
        create("students", json!({"school_id": school, "full_name": "Ximena Quispe", "rfid_card_id": "77"})).await;
    let user = create(
        "users",
        json!({"email": "x@example.org", "password": "p4ssw0rd!", "role": "teacher", "school_id": school}),
    )
    .await;
    let token = create("tokens", json!({"name": "t"})).await;
    for (path, body) in [
        (format!("students/{student}"), json!({"full_name": "Ximena Mamani", "rfid_card_id": null})),
        (format!("schools/{school}"), json!({"guard_percent": 50})),
        (format!("users/{user}"), json!({"password": "n3w p4ssw0rd"})),
    ] {
        server.patch(&superadmin, &format!("/api/v1/{path}"), body).await.data(200);
    }
    server.delete(&superadmin, &format!("/api/v1/tokens/{token}")).await.data(200);
    for path in [format!("users/{user}"), format!("students/{student}"), format!("sections/{section}")] {
        server.delete(&superadmin, &format!("/api/v1/{path}")).await.data(200);
    }

    let log = server.get(&superadmin, "/api/v1/audit?search=NGOZI").await;
    let lines = log.data(200).as_array().unwrap().iter();
    let lines: Vec<_> =
        lines.map(|row| format!("{} {} {}", text(row, "action"), text(row, "entity"), row["details"])).collect();
    assert_eq!(
        lines,
        [
            r#"delete section {"class_id":1,"class_name":"3","id":1,"school_id":1,"section_name":"Z"}"#,
            "delete student null",
            r#"delete user {"email":"x@example.org","full_name":null,"id":2,"is_active":true,"role":"teacher","school_id":1}"#,
            r#"revoke token {"email":"ngozi.okafor@example.org","name":"t"}"#,
            r#"update user {"password":"changed"}"#,
            r#"update school {"guard_percent":{"from":20,"to":50}}"#,
            r#"update student {"changed":["full_name","rfid_card_id"]}"#,
            r#"create token {"expires_at":null,"name":"t"}"#,
            r#"create user {"email":"x@example.org","full_name":null,"id":2,"is_active":true,"role":"teacher","school_id":1}"#,
            "create student null",
            r#"create section {"class_id":1,"class_name":"3","id":1,"school_id":1,"section_name":"Z"}"#,
            r#"create class {"class_name":"3","id":1,"school_id":1}"#,
            r#"create school {"day_starts_at":"08:00","grace_minutes":10,"guard_number":10,"guard_percent":20,"id":1,"name":"Hekupu Dél","timezone":null}"#,
        ]
    );
    assert!(!log.text.contains("Ximena") && !log.text.contains("p4ssw0rd"), "{}", log.text);

    let path = format!("/api/v1/audit?entity=student&entity_id={student}&action=update");
    let update = server.get(&superadmin, &path).await;
    let row = &update.data(200)[0];
    assert_eq!((&row["actor"], &row["school_id"]), (&json!("ngozi.okafor@example.org"), &json!(school)));
    assert_eq!(row["at"], "2026-11-23T10:00:00Z");
}

async fn a_school_sees_its_own_log(database: Database) {
    let server = Server::new(database);
    let [here, there] = [server.school("Sabhal Mòr").await, server.school("Ysgol y Preseli").await];
    let admin = server.person("catrin@example.org", Role::SchoolAdmin, Some(here)).await;
    let mut tx = server.app.db.write().await.unwrap();
    for (number, school) in [Some(here), Some(there), None].into_iter().enumerate() {
        let change = Change {
            action: "approve",
            entity: "removal",
            entity_id: number.to_string(),
            school_id: school,
            details: Json::Null,
        };
        audit::record(&mut tx, Actor::COMMAND_LINE, change, server.now()).await.unwrap();
    }
    tx.commit().await.unwrap();
    let log = server.get(&admin, "/api/v1/audit").await;
    assert_eq!(log.column("entity_id"), ["0"]);
    assert_eq!(log.column("actor"), ["command line"]);
    assert_eq!(log.column("details"), [Json::Null]);
}

fn text<'a>(row: &'a Json, field: &str) -> &'a str {
    row[field].as_str().unwrap()
}
