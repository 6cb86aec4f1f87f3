//! Who may do what, as one table.

use http::Method;
use rollcall::accounts::Role;
use serde_json::{Value as Json, json};

use crate::{
    databases::{Database, both_databases},
    server::{Person, Server},
};

both_databases! {
    every_role_gets_its_answers,
    lists_show_the_own_school,
    a_school_admin_manages_the_people_of_his_school,
    the_last_superadmin_stays,
}

/// A call, and what a superadmin, the school's admin, its teacher and another school's admin are answered, in this order:
/// once the superadmin has deleted something, the others are told that it is not there.
type Line = (Method, &'static str, Json, [u16; 4]);

async fn every_role_gets_its_answers(database: Database) {
    let server = Server::new(database);
    let superadmin = server.superadmin().await;
    let school = server.school("Escuela República de Panamá").await;
    let other = server.school("中关村第一小学").await;
    let admin = server.person("tendai.moyo@example.org", Role::SchoolAdmin, Some(school)).await;
    let teacher = server.person("nino.beridze@example.org", Role::Teacher, Some(school)).await;
    let stranger = server.person("li.xiaoming@example.org", Role::SchoolAdmin, Some(other)).await;

    let class = server.post(&admin, "/api/v1/classes", json!({"school_id": school, "class_name": "5"})).await;
    assert_eq!(class.data(201)["id"], 1);
    server.post(&admin, "/api/v1/sections", json!({"class_id": 1, "section_name": "Ä"})).await.data(201);
    let student = json!({"school_id": school, "full_name": "Zoë Adjei", "rfid_card_id": "1001", "section_id": 1});
    server.post(&admin, "/api/v1/students", student).await.data(201);

    let gate = json!({"school_id": school, "serial_number": "CJX9253300417", "device_name": "Puerta"});
    assert_eq!(server.post(&admin, "/api/v1/devices", gate).await.data(201)["id"], 1);

    let none = || json!(null);
    let lines: Vec<Line> = vec![
        (Method::GET, "/api/v1/schools/1", none(), [200, 200, 200, 403]),
        (Method::PUT, "/api/v1/schools/1", json!({"grace_minutes": 5}), [200, 200, 403, 403]),
        (Method::POST, "/api/v1/schools", json!({"name": "Škola Bílá"}), [201, 403, 403, 403]),
        (Method::DELETE, "/api/v1/schools/3", none(), [200, 404, 404, 404]),
        (Method::GET, "/api/v1/classes/1", none(), [200, 200, 200, 403]),
        (Method::PATCH, "/api/v1/classes/1", json!({"class_name": "5"}), [200, 200, 403, 403]),
        (Method::POST, "/api/v1/classes", json!({"school_id": 1, "class_name": ""}), [422, 422, 403, 403]),
        (Method::GET, "/api/v1/classes?school_id=1", none(), [200, 200, 200, 403]),
        (Method::GET, "/api/v1/sections/1", none(), [200, 200, 200, 403]),
        (Method::PATCH, "/api/v1/sections/1", json!({}), [200, 200, 403, 403]),
        (Method::POST, "/api/v1/sections", json!({"class_id": 1, "section_name": " "}), [422, 422, 403, 403]),
        (Method::GET, "/api/v1/students/1", none(), [200, 200, 200, 403]),
        (Method::PUT, "/api/v1/students/1", json!({"roll_number": "7"}), [200, 200, 403, 403]),
        (Method::PATCH, "/api/v1/students/1", json!({"school_id": 2, "section_id": 1}), [422, 403, 403, 403]),
        (Method::POST, "/api/v1/students", json!({"school_id": 1, "full_name": ""}), [422, 422, 403, 403]),
        (Method::GET, "/api/v1/students?school_id=1", none(), [200, 200, 200, 403]),
        (Method::GET, "/api/v1/students/99", none(), [404, 404, 404, 404]),
        (Method::GET, "/api/v1/students/one", none(), [404, 404, 404, 404]),
        (Method::GET, "/api/v1/users", none(), [200, 200, 403, 200]),
        (Method::GET, "/api/v1/users/3", none(), [200, 200, 403, 403]),
        (Method::GET, "/api/v1/users/1", none(), [200, 403, 403, 403]),
        (Method::GET, "/api/v1/tokens", none(), [200, 200, 200, 200]),
        (Method::GET, "/api/v1/tokens?all=true", none(), [200, 403, 403, 403]),
        (Method::GET, "/api/v1/audit", none(), [200, 200, 403, 200]),
        (Method::GET, "/api/v1/audit?school_id=1", none(), [200, 200, 403, 403]),
        (Method::GET, "/api/v1/device/1/removals", none(), [200, 200, 200, 403]),
        (Method::POST, "/api/v1/device/1/confirm", none(), [409, 409, 403, 403]),
        (Method::POST, "/api/v1/device/1/removals/approve", json!({}), [200, 200, 403, 403]),
        (Method::POST, "/api/v1/device-management/1/removals/reject", none(), [200, 200, 403, 403]),
        (Method::GET, "/api/v1/device/99/removals", none(), [404, 404, 404, 404]),
        (Method::DELETE, "/api/v1/sections/1", none(), [200, 404, 404, 404]),
        (Method::DELETE, "/api/v1/classes/1", none(), [200, 404, 404, 404]),
    ];
    // So that the section of the table is one that is chosen, not kept.
    server.sql("UPDATE students SET section_id = NULL, class_id = NULL", []).await;
    for (method, path, body, statuses) in lines {
        let body = (!body.is_null()).then_some(body);
        for (person, status) in [&superadmin, &admin, &teacher, &stranger].into_iter().zip(statuses) {
            let reply = server.call(method.clone(), Some(&person.token), path, body.clone()).await;
            assert_eq!(reply.status, status, "{method} {path} by user {}: {}", person.id, reply.text);
            assert_eq!(reply.body["success"], status < 400, "{}", reply.text);
        }
        server.call(method, None, path, body).await.refusal(401);
    }
}

async fn lists_show_the_own_school(database: Database) {
    let server = Server::new(database);
    let superadmin = server.superadmin().await;
    let [here, there] = [server.school("Liceul Mihai Eminescu").await, server.school("Lycée Léopold Senghor").await];
    let teacher = server.person("ioana.ștefănescu@example.org", Role::Teacher, Some(here)).await;
    for (school, name) in [(here, "Ștefan Țepeș"), (there, "Aïssatou Diallo")] {
        server.post(&superadmin, "/api/v1/classes", json!({"school_id": school, "class_name": "I"})).await.data(201);
        server.post(&superadmin, "/api/v1/students", json!({"school_id": school, "full_name": name})).await.data(201);
    }
    for (path, field) in [("schools", "id"), ("classes", "school_id"), ("students", "school_id")] {
        let path = format!("/api/v1/{path}");
        assert_eq!(server.get(&teacher, &path).await.column(field), [json!(here)], "{path}");
        let mut all = server.get(&superadmin, &path).await.column(field);
        all.sort_by_key(Json::as_i64);
        assert_eq!(all, [json!(here), json!(there)], "{path}");
    }
}

async fn a_school_admin_manages_the_people_of_his_school(database: Database) {
    let server = Server::new(database);
    let superadmin = server.superadmin().await;
    let [here, there] = [server.school("Oulun koulu").await, server.school("Põhikool").await];
    let admin = server.person("väinö.hämäläinen@example.org", Role::SchoolAdmin, Some(here)).await;
    let user = |role: &str, school: Json| json!({"email": "Oğuz.Şahin@Example.org", "password": "on iki sandalye", "role": role, "school_id": school});

    server.post(&admin, "/api/v1/users", user("superadmin", json!(null))).await.refusal(403);
    server.post(&admin, "/api/v1/users", user("teacher", json!(there))).await.refusal(403);
    let unknown = server.post(&superadmin, "/api/v1/users", user("teacher", json!(99))).await;
    assert!(unknown.refusal(422).starts_with("school_id:"));
    let missing = server.post(&superadmin, "/api/v1/users", user("teacher", json!(null))).await;
    assert!(missing.refusal(422).starts_with("school_id:"));
    let given = server.post(&superadmin, "/api/v1/users", user("superadmin", json!(here))).await;
    assert!(given.refusal(422).starts_with("school_id:"));
    let headmaster = server.post(&superadmin, "/api/v1/users", user("headmaster", json!(here))).await;
    assert!(headmaster.refusal(422).starts_with("role:"), "{}", headmaster.text);

    let created = server.post(&admin, "/api/v1/users", user("teacher", json!(null))).await;
    let teacher = created.data(201);
    assert_eq!(teacher["email"], "oğuz.şahin@example.org");
    assert_eq!(teacher["school_id"], json!(here));
    let path = format!("/api/v1/users/{}", teacher["id"]);
    server.post(&admin, "/api/v1/users", user("teacher", json!(here))).await.refusal(409);
    server.patch(&admin, &path, json!({"role": "superadmin"})).await.refusal(403);
    server.patch(&admin, &path, json!({"school_id": there})).await.refusal(403);
    server.patch(&admin, &path, json!({"email": null})).await.refusal(422);
    let named = server.patch(&admin, &path, json!({"full_name": "Oğuz Şahin"})).await;
    assert_eq!(named.data(200)["full_name"], "Oğuz Şahin");

    let session = server.login("oğuz.şahin@example.org", "on iki sandalye").await;
    let session = Person { token: session.data(200)["accessToken"].as_str().unwrap().to_owned(), id: 0 };
    server.patch(&admin, &path, json!({"password": "yedi cüceler"})).await.data(200);
    server.get(&session, "/api/v1/auth/me").await.refusal(401);
    server.login("oğuz.şahin@example.org", "yedi cüceler").await.data(200);

    assert_eq!(server.get(&admin, "/api/v1/users?search=OGUZ").await.column("email"), ["oğuz.şahin@example.org"]);
    assert_eq!(server.get(&admin, "/api/v1/users?role=school_admin").await.column("id"), [admin.id]);
    server.delete(&admin, &path).await.data(200);
    server.get(&admin, &path).await.refusal(404);
}

async fn the_last_superadmin_stays(database: Database) {
    let server = Server::new(database);
    let superadmin = server.superadmin().await;
    let path = format!("/api/v1/users/{}", superadmin.id);
    server.delete(&superadmin, &path).await.refusal(409);
    server.patch(&superadmin, &path, json!({"is_active": false})).await.refusal(409);

    let second = server.person("anahit.sargsyan@example.org", Role::Superadmin, None).await;
    server.delete(&superadmin, &path).await.data(200);
    server.get(&superadmin, "/api/v1/auth/me").await.refusal(401);
    server.delete(&second, &format!("/api/v1/users/{}", second.id)).await.refusal(409);
}
