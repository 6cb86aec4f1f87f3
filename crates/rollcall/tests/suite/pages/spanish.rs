//! A Spanish reader reads Spanish, whatever state a terminal is in: also why something failed, waits, or was refused.

use axum::body::Body;
use http::header;
use jiff::SignedDuration;
use rollcall::accounts::Role;
use serde_json::json;
use terminal_simulator::{Profile, Terminal};

use super::{form, request, submit_file};
use crate::{
    browser::school::School,
    databases::{Database, both_databases},
    server::{Person, Reply},
    stories::{campus::Campus, people},
};

both_databases! {
    every_page_of_a_school_in_trouble_is_spanish,
    what_is_held_or_waits_or_was_refused_is_said_in_spanish,
    what_is_wrong_with_a_file_is_said_in_spanish,
    what_is_refused_is_said_in_spanish,
}

async fn look(campus: &Campus, by: &Person, path: &str) -> Reply {
    let cookies = format!("rollcall_session={}; rollcall_language=es", by.token);
    let request = request(None, path).header(header::COOKIE, cookies).body(Body::empty()).unwrap();
    campus.world.server.send(request).await
}

/// The page, in which nothing is marked as English but the name of that language.
async fn spanish(campus: &Campus, path: &str) -> String {
    let reply = look(campus, &campus.superadmin, path).await;
    is_spanish(path, reply.page(200));
    reply.text
}

#[track_caller]
fn is_spanish(what: &str, page: &str) {
    assert!(page.contains("<html lang=\"es\""), "{what}: {page}");
    let english: Vec<&str> = page.split("<bdi").skip(1).filter_map(|bdi| bdi.split("</bdi>").next()).collect();
    let english: Vec<&&str> = english.iter().filter(|bdi| bdi.contains("lang=\"en\"")).collect();
    assert!(english.is_empty(), "{what}: {english:?}");
}

async fn every_page_of_a_school_in_trouble_is_spanish(database: Database) {
    let School { campus, .. } = School::open(database).await;
    for path in [
        "/",
        "/account",
        "/terminals/1",
        "/terminals/2?sort=status",
        "/terminals/2/drift",
        "/terminals/1/commands",
        "/terminals/2/commands",
        "/terminals/4/commands",
        "/terminals/1/about",
        "/terminals/2/about",
        "/terminals/3/about",
        "/terminals/4/about",
        "/terminals/1/settings",
        "/terminals/2/students/6",
        "/terminals/2/students/7",
        "/terminals/2/students/9",
        "/terminals/3/students/1",
        "/terminals/4",
        "/terminals/4/takeover",
        "/terminals/unknown",
        "/connect",
        "/students",
        "/students/6",
        "/students/9",
        "/students/new",
        "/import",
        "/attendance",
        "/attendance?student=7",
        "/school",
        "/schools",
        "/users",
        "/users/1",
        "/tokens",
        "/audit",
    ] {
        spanish(&campus, path).await;
    }
    let failed = spanish(&campus, "/terminals/2?state=failed").await;
    assert!(failed.contains("el terminal dice que los datos no son válidos (-6)"), "{failed}");
    let timeline = spanish(&campus, "/terminals/1/students/1").await;
    for words in [
        "debe estar en este terminal, con el PIN",
        "un comando para añadir al estudiante",
        "el terminal respondió: hecho",
    ] {
        assert!(timeline.contains(words), "{words}: {timeline}");
    }
}

async fn what_is_held_or_waits_or_was_refused_is_said_in_spanish(database: Database) {
    let mut campus = Campus::open(database).await;
    let gate = campus.terminal("CJX9253300417", Profile::zam180()).await;
    let students = campus.enrol_many(30).await;
    campus.in_step(gate).await;
    // By SQL, which nobody checks: a card twice, and no card at all. And too many who leave at once.
    campus
        .world
        .foreign(
            "INSERT INTO students (school_id, full_name, rfid_card_id) VALUES (1, 'Ұлан Әбдіқадыр', $1)",
            [people::card(0).into()],
        )
        .await;
    campus
        .world
        .foreign("INSERT INTO students (school_id, full_name, rfid_card_id) VALUES (1, 'Zoë Groß', 'gate')", [])
        .await;
    campus.world.foreign("UPDATE students SET is_active = FALSE WHERE id BETWEEN 11 AND 27", []).await;
    campus.run_for(60).await;
    let shown = spanish(&campus, "/terminals/1").await;
    for words in [
        "Se eliminaría a 17 de 30 personas de este terminal en diez minutos",
        "más del 20 % y más de 10 personas esperan una decisión",
        "también es de",
        "un número de tarjeta son cifras decimales",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    spanish(&campus, &format!("/terminals/{gate}/students/{}", students[12])).await;
    spanish(&campus, &format!("/students/{}", students[12])).await;

    // Somebody there has a card that a student wants.
    campus.world.fleet.terminal(0).edit_at_keypad("9001", "Visitor", Some(4711));
    campus.post("/api/v1/device/1/verify-sync", json!(null)).await.data(202);
    campus.run_for(1800).await;
    campus.enrol("Wiremu Ngata", "4711").await;
    campus.run_for(60).await;
    let shown = spanish(&campus, "/terminals/1?search=Wiremu").await;
    assert!(shown.contains("vincule o elimine a esa persona"), "{shown}");
    spanish(&campus, "/terminals/1/drift").await;
    spanish(&campus, "/terminals/1/about").await;

    // One with few seats, and one that was switched off while something waited for it.
    campus.register("GED7242600838").await;
    let mut small = Profile::zam180();
    small.people.capacity = 12;
    campus.world.plug_in(Terminal::new("GED7242600838", small, 2));
    campus.run_for(1800).await;
    let full = spanish(&campus, "/terminals/2?state=failed").await;
    assert!(full.contains("el terminal está lleno"), "{full}");
    campus.world.foreign("UPDATE devices SET is_active = FALSE WHERE id = 2", []).await;
    campus.run_for(60).await;
    spanish(&campus, "/terminals/2/commands").await;
}

async fn what_is_wrong_with_a_file_is_said_in_spanish(database: Database) {
    let campus = Campus::open(database).await;
    campus.enrol("Ana Quishpe", "101").await;
    campus.enrol("Rumi Taita", "102").await;
    let server = &campus.world.server;
    let bring = async |file: &str| {
        let reply = submit_file(server, &campus.admin, &[], "décimo.csv", file.as_bytes()).await;
        let reply = look(&campus, &campus.admin, reply.goes_to()).await;
        is_spanish(file, reply.page(200));
        reply.text
    };
    let rows = "full_name,rfid_card_id,class_name,section_name,is_active\n,7,,,\nZoë,gate,,,\nZoë,0,,,\nZoë,8,,B,\n\
                Zoë,9,5,B,vielleicht\n\"Zoë,10,,,\nZoë,11,,,,,extra\nZoë\nHine,12,,,\nHine,12,,,\nWang,13,,,\nLi,13,,,\nOtro,101,,,\n";
    let shown = bring(rows).await;
    for words in [
        "la línea no tiene nombre",
        "un número de tarjeta son cifras decimales",
        "la tarjeta 0 significa «sin tarjeta»",
        "una sección pertenece a una clase, y la línea no nombra ninguna",
        "activo &#34;vielleicht&#34;: escriba sí o no",
        "en esta línea una comilla no se cierra",
        "la línea termina antes de su nombre o su tarjeta",
        "la línea 10 dice lo mismo",
        "tarjeta: la línea 13 tiene la misma",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(bring("Curso;Alumno\n5;Ana\n").await.contains("La primera línea no nombra ninguna columna"));
    assert!(bring("full_name,full_name,rfid_card_id\n").await.contains("nombra dos veces la columna full_name"));
}

async fn what_is_refused_is_said_in_spanish(database: Database) {
    let campus = Campus::open(database).await;
    campus.register("CJX9253300417").await;
    let student = campus.enrol("Ana Quishpe", "101").await;
    let server = &campus.world.server;
    let send = async |by: &Person, path: &str, fields: &[(&str, &str)]| {
        let cookies = format!("rollcall_session={}; rollcall_language=es", by.token);
        let own = request(None, path).header(header::COOKIE, cookies).header("sec-fetch-site", "same-origin");
        server.send(form(own, fields)).await
    };
    let refused = async |path: &str, fields: &[(&str, &str)], words: &str| {
        let reply = send(&campus.admin, path, fields).await;
        let status = reply.status;
        is_spanish(path, reply.page(status));
        assert!((400..500).contains(&status) && reply.text.contains(words), "{words}: {}", reply.text);
    };
    let (school_id, name) = (("school_id", "1"), ("full_name", "Zoë Groß"));
    refused("/students", &[school_id, name, ("rfid_card_id", "101")], "Ana Quishpe (estudiante 1) tiene esta tarjeta")
        .await;
    refused("/students", &[school_id, name, ("rfid_card_id", "gate")], "un número de tarjeta son cifras").await;
    refused("/students", &[school_id, ("full_name", " "), ("rfid_card_id", "")], "no queda nada del nombre").await;
    let school = format!("/school/{}", campus.school);
    let settings = |zone: &'static str, percent: &'static str| {
        [
            ("name", "Colegio Yachay"),
            ("timezone", zone),
            ("day_starts_at", "07:00"),
            ("grace_minutes", "5"),
            ("guard_percent", percent),
            ("guard_number", "10"),
        ]
    };
    refused(&school, &settings("America/Nowhere", "20"), "no es una zona horaria").await;
    refused(&school, &settings("", "120"), "entre 0 y 100").await;
    let user = |email: &'static str, password: &'static str| {
        [("email", email), ("full_name", ""), ("role", "teacher"), ("school_id", "1"), ("password", password)]
    };
    refused("/users", &user("nobody", "ნინო ბერიძე"), "no es una dirección de correo").await;
    refused("/users", &user("nino@example.org", "kurz"), "una contraseña tiene como mínimo").await;
    refused("/tokens", &[("name", "Nómina"), ("expires", "2020-01-01")], "eso ya pasó").await;
    let terminal = |window: &'static str, addresses: &'static str| {
        [
            ("device_name", "Main gate"),
            ("timezone", ""),
            ("strangers", "report"),
            ("maintenance_window", window),
            ("allowed_addresses", addresses),
            ("is_active", "yes"),
        ]
    };
    refused("/terminals/1/settings", &terminal("nachts", ""), "no son horas").await;
    refused("/terminals/1/settings", &terminal("", "überall"), "no es una dirección ni una red").await;

    // What is said on the next page is said in the same language.
    let retry = send(&campus.admin, &format!("/terminals/1/students/{student}/retry"), &[]).await;
    let said = retry.cookie("rollcall_message").unwrap();
    assert!(said.starts_with("0este%20estudiante%20no%20ha%20fallado"), "{said}");
    let teacher = server.person("nino@example.org", Role::Teacher, Some(campus.school)).await;
    let denied = look(&campus, &teacher, "/audit").await;
    is_spanish("a teacher", denied.page(403));
    assert!(denied.text.contains("Esto es para administradores."), "{}", denied.text);
    server.wait(SignedDuration::from_hours(1));
    is_spanish("nothing there", look(&campus, &campus.admin, "/terminals/99").await.page(404));
}
