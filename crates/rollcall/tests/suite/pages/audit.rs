//! The audit log as a school's office reads it: what was changed, in words.

use axum::body::Body;
use http::header;
use rollcall::{
    accounts::audit::{self, Actor, Change},
    web::pages::words::Words,
};
use serde_json::{Value as Json, json};
use terminal_simulator::{Profile, Terminal};

use super::{
    page, request,
    words::{INVENTED, outside_of_the_table},
};
use crate::{
    databases::{Database, both_databases},
    server::{Person, Reply},
    stories::{campus::Campus, people},
};

both_databases! {
    what_was_changed_is_said_in_words,
    who_went_to_another_school_has_no_name_in_the_former_one,
    what_nobody_knows_keeps_its_name,
    a_full_page_is_light,
}

/// Nearly everything that an office does once.
async fn everything(campus: &mut Campus) {
    let gate = campus.terminal("CJX9253300417", Profile::zam180()).await;
    campus.enrol_many(30).await;
    campus.in_step(gate).await;
    let school = format!("schools/{}", campus.school);
    let (admin, superadmin) = (&campus.admin, &campus.superadmin);
    put(campus, admin, &school, json!({"guard_percent": 50, "timezone": null, "day_starts_at": "07:15"})).await;
    post(campus, admin, "classes", json!({"school_id": campus.school, "class_name": "5.º A"})).await;
    post(campus, admin, "sections", json!({"class_id": 1, "section_name": "Ñ"})).await;
    put(campus, admin, "students/1", json!({"full_name": "დავით ბერიძე", "class_id": 1})).await;
    let fields = json!({"device_name": "Главный вход", "strangers": "remove", "maintenance_window": "22:00-04:00"});
    put(campus, admin, &format!("devices/{gate}"), fields).await;
    let fields = json!({"email": "aroha@example.org", "password": "kōwhai ngutukākā", "role": "teacher",
        "school_id": campus.school});
    let user = post(campus, superadmin, "users", fields).await["id"].clone();
    let fields = json!({"role": "school_admin", "full_name": "Aroha Tāmati", "password": "pōhutukawa 1"});
    put(campus, superadmin, &format!("users/{user}"), fields).await;
    let token = post(campus, admin, "tokens", json!({"name": "Nómina", "expires_at": "2027-03-01T05:00:00Z"})).await;
    delete(campus, &format!("tokens/{}", token["id"])).await;
    let fields = json!({"first_day": "2026-12-24", "last_day": "2027-01-02", "name": "Navidad"});
    post(campus, admin, &format!("{school}/holidays"), fields).await;
    post(campus, admin, &format!("{school}/new-year"), json!(null)).await;
    delete(campus, &format!("{school}/new-year")).await;
    let fields = json!({"school_id": campus.school, "url": "https://hooks.example.org/", "events": ["punch.stored"]});
    post(campus, admin, "webhooks", fields).await;
    for (path, body) in [
        ("webhooks/1/test", json!({})),
        ("webhooks/1/renew-secret", json!({})),
        ("device/1/sync-students", json!(null)),
        ("device/1/verify-sync", json!(null)),
        ("device/1/students/1/push", json!(null)),
    ] {
        post(campus, admin, path, body).await;
    }
    let suspected =
        "UPDATE devices SET suspicion = 'addresses', suspected_at = updated_at, former_address = '198.51.100.9'";
    campus.world.foreign(suspected, []).await;
    post(campus, admin, "device/1/confirm", json!({})).await;

    // Most leave, which waits for somebody, who lets one go.
    campus.run_for(120).await;
    let file = format!("full_name,rfid_card_id\n\"{}\",{}\n", people::name(1), people::card(1));
    let call = request(None, &format!("/api/v1/students/import?school_id={}&mode=replace", campus.school))
        .method("POST")
        .header(header::AUTHORIZATION, format!("Bearer {}", campus.admin.token))
        .header(header::CONTENT_TYPE, "text/csv");
    campus.world.server.send(call.body(Body::from(file)).unwrap()).await.data(200);
    let (held, all) = (json!({"student_ids": [7, 8, 9, 10, 11, 12, 13]}), json!({}));
    post(campus, &campus.admin, "device/1/removals/approve", held).await;
    post(campus, &campus.admin, "device/1/removals/reject", all).await;

    // Another terminal is claimed with the people who are on it.
    let mut full = Terminal::new("CJX9253300999", Profile::zam180(), 1);
    full.edit_at_keypad("7", "Caretaker", Some(99));
    campus.world.plug_in(full);
    campus.run_for(120).await;
    let fields = json!({"school_id": campus.school, "device_name": "Biblioteca"});
    post(campus, &campus.admin, "devices/unknown/CJX9253300999/claim", fields).await;
    campus.run_for(600).await;
    post(campus, &campus.admin, "device/2/takeover", json!({"mode": "link_cards"})).await;
    let fields = json!({"decisions": [{"pin": "7", "decision": "keep"}]});
    post(campus, &campus.admin, "device/2/takeover/people", fields).await;
}

async fn post(campus: &Campus, by: &Person, path: &str, body: Json) -> Json {
    done(&campus.world.server.post(by, &format!("/api/v1/{path}"), body).await)
}

async fn put(campus: &Campus, by: &Person, path: &str, body: Json) -> Json {
    done(&campus.world.server.put(by, &format!("/api/v1/{path}"), body).await)
}

async fn delete(campus: &Campus, path: &str) {
    done(&campus.world.server.delete(&campus.admin, &format!("/api/v1/{path}")).await);
}

#[track_caller]
fn done(reply: &Reply) -> Json {
    assert!((200..300).contains(&reply.status), "{}", reply.text);
    reply.data(reply.status).clone()
}

/// The log in a language, all of it.
async fn log(campus: &Campus, language: &str) -> String {
    let cookies = format!("rollcall_session={}; rollcall_language={language}", campus.superadmin.token);
    let mut whole = String::new();
    for number in 1..=2 {
        let path = format!("/audit?page={number}");
        let request = request(None, &path).header(header::COOKIE, &cookies).body(Body::empty()).unwrap();
        whole += campus.world.server.send(request).await.page(200);
    }
    whole
}

/// A field as the page has it, the arrow between two values as `→`.
fn fields(page: &str) -> Vec<String> {
    let bare = page
        .replace("<i aria-hidden=\"true\">→</i><span class=\"unseen\">becomes</span>", "→")
        .replace("<i aria-hidden=\"true\">→</i><span class=\"unseen\">pasa a ser</span>", "→");
    let fields = bare.split("<dt>").skip(1).filter_map(|field| field.split_once("</dd>")).map(|(field, _)| {
        let mut text = field.replace("</dt><dd>", ": ");
        while let Some((start, end)) = text.find('<').zip(text.find('>')) {
            text.replace_range(start..=end, "");
        }
        text
    });
    fields.collect()
}

async fn what_was_changed_is_said_in_words(database: Database) {
    let mut campus = Campus::open(database).await;
    everything(&mut campus).await;
    let english = fields(&log(&campus, "en").await);
    for field in [
        "Guard, percent of people: 20 → 50",
        "Time zone: America/Guayaquil → —",
        "The day starts at: 08:00 → 07:15",
        "Class: 5.º A",
        "Section: Ñ",
        "Changed: Class, Name",
        "Name: Gate CJX9253300417 → Главный вход",
        "Strangers: are reported → are removed",
        "Maintenance window: — → 22:00-04:00",
        "Role: Teacher",
        "Role: Teacher → School admin",
        "Name: — → Aroha Tāmati",
        "Password: changed",
        "Active: Yes",
        "School: Colegio Yachay",
        "Ends: 2027-03-01 05:00",
        "First day: 2026-12-24",
        "What it is told about: A punch was stored",
        "Student: 1",
        "What was doubted: calls from 192.0.2.10 and 198.51.100.9 in turn",
        "Deactivated: 29",
        "Students who are not in the file: are deactivated",
        "Students: 7, 8, 9, 10, 11, and 2 more",
        "People on the terminal: Link by card",
        "Decision: PIN: 7, Decision: Keep",
    ] {
        assert!(english.iter().any(|said| said == field), "{field}: {english:#?}");
    }
    let spanish = log(&campus, "es").await;
    for field in [
        "Protección, porcentaje de personas: 20 → 50",
        "Cambios: Clase, Nombre",
        "Extraños: se informan → se eliminan",
        "Rol: Docente → Administrador del colegio",
        "Contraseña: cambiada",
        "Activo: Sí",
        "Lo que se dudaba: llama por turnos desde 192.0.2.10 y 198.51.100.9",
        "Estudiantes: 7, 8, 9, 10, 11, y 2 más",
        "Decisión: PIN: 7, Decisión: Conservar",
    ] {
        assert!(fields(&spanish).iter().any(|said| said == field), "{field}: {:#?}", fields(&spanish));
    }
    assert!(!spanish.contains("<bdi lang=\"en\">") && !spanish.contains("<span lang=\"en\">"), "{spanish}");

    let words: &'static Words = &INVENTED;
    for number in 1..=2 {
        let mut request =
            request(Some(&campus.superadmin), &format!("/audit?page={number}")).body(Body::empty()).unwrap();
        request.extensions_mut().insert(words);
        let reply = campus.world.server.send(request).await;
        assert_eq!(outside_of_the_table(reply.page(200)), Vec::<String>::new());
    }
    let office = page(&campus.world.server, &campus.admin, "/audit").await;
    for name in ["დავით ბერიძე", "Главный вход", "5.º A", "Colegio Yachay"] {
        assert!(office.page(200).contains(&format!("<bdi class=\"soft\">{name}</bdi>")), "{name}: {}", office.text);
    }
    let csv = page(&campus.world.server, &campus.superadmin, "/audit/export?entity=school").await;
    assert!(csv.text.contains("guard_percent"), "a file is for machines: {}", csv.text);
}

async fn who_went_to_another_school_has_no_name_in_the_former_one(database: Database) {
    let campus = Campus::open(database).await;
    let student = format!("students/{}", campus.enrol("Tevita Fifita", "77").await);
    put(&campus, &campus.admin, &student, json!({"roll_number": "12"})).await;
    let is_named = async |campus: &Campus, person: &Person| {
        let log = page(&campus.world.server, person, "/audit?entity=student").await;
        assert!(log.page(200).contains("<dd>Roll number</dd>"), "{}", log.text);
        log.text.contains("<bdi class=\"soft\">Tevita")
    };
    assert!(is_named(&campus, &campus.admin).await);
    post(&campus, &campus.superadmin, "schools", json!({"name": "Kolisi Tonga"})).await;
    put(&campus, &campus.superadmin, &student, json!({"school_id": campus.school.0 + 1, "full_name": "Tevita F."}))
        .await;
    assert!(!is_named(&campus, &campus.admin).await);
    assert!(is_named(&campus, &campus.superadmin).await);
}

async fn what_nobody_knows_keeps_its_name(database: Database) {
    let campus = Campus::open(database).await;
    let mut tx = campus.world.app.db.write().await.unwrap();
    for details in [
        json!({"retry_count": 3, "is_odd": true, "a_list": [1, 2, 3, 4, 5, 6, 7, 8, 9], "empty": [], "none": null}),
        json!({"deep": {"er": {"than_usual": "<b>"}}, "full_name": {"from": "", "to": "Nguyễn ".repeat(60)}}),
        json!("moved by hand"),
        json!([{"role": "janitor"}, {"school_id": 4711, "ends_at": "some day"}]),
    ] {
        let (entity_id, school_id) = (campus.school.to_string(), Some(campus.school));
        let change = Change { action: "update", entity: "school", entity_id, school_id, details };
        audit::record(&mut tx, Actor::COMMAND_LINE, change, campus.world.now()).await.unwrap();
    }
    tx.commit().await.unwrap();
    let foreign = "INSERT INTO audit_logs (at, actor, action, entity, school_id, details)
        SELECT at, 'psql', 'mend', 'clock', school_id, 'it was {wrong' FROM audit_logs WHERE action = 'create'";
    campus.world.foreign(foreign, []).await;
    let shown = page(&campus.world.server, &campus.admin, "/audit").await;
    let shown = shown.page(200);
    for text in [
        "<dt><span lang=\"en\">retry count</span></dt><dd>3</dd>",
        "<dt><span lang=\"en\">is odd</span></dt><dd>Yes</dd>",
        "<dd>1, 2, 3, 4, 5, and 4 more</dd>",
        "<dt><span lang=\"en\">empty</span></dt><dd>—</dd>",
        "than usual</span>: <bdi>&#60;b&#62;</bdi>",
        "Nguyễn Nguyễn…</bdi>",
        "moved by hand",
        "it was {wrong",
        "mend</bdi>",
        "Role: <bdi>janitor</bdi>; School: 4711, Ends: <bdi>some day</bdi>",
    ] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    assert!(!shown.contains("none"), "what was not given is not said: {shown}");
}

/// A page of rows of those with the most fields.
async fn a_full_page_is_light(database: Database) {
    let campus = Campus::open(database).await;
    for _ in 0..6 {
        let again = "INSERT INTO audit_logs (at, actor, action, entity, entity_id, school_id, details)
            SELECT at, actor, action, entity, entity_id, school_id, details FROM audit_logs WHERE entity = 'school'";
        campus.world.foreign(again, []).await;
    }
    let shown = page(&campus.world.server, &campus.admin, "/audit").await;
    assert_eq!(shown.page(200).matches("Guard, percent of people").count(), 50);
    assert!(shown.text.len() < 100 * 1024, "{} bytes", shown.text.len());
}
