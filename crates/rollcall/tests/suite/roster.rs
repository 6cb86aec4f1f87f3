//! Schools, classes, sections and students through the API.

use jiff::SignedDuration;
use rollcall::{
    accounts::Role,
    school::{SchoolId, students},
};
use serde_json::{Value as Json, json};

use crate::{
    databases::{Database, both_databases},
    server::{Person, Server},
};

both_databases! {
    a_student_is_created_changed_and_deleted,
    every_change_of_a_student_is_queued_at_once,
    names_are_cleaned_and_kept_whole,
    a_card_is_written_in_two_ways_and_held_by_one,
    a_card_of_somebody_whom_sql_wrote_is_held_too,
    two_admins_cannot_give_one_card_away_at_once,
    null_clears_and_silence_keeps,
    class_and_section_follow_the_student,
    classes_and_sections_go_and_their_students_stay,
    lists_are_filtered_and_paged,
    people_are_found_in_every_script,
    rows_that_sql_wrote_are_found_before_and_after_the_tick,
    a_school_has_its_times_and_its_guard,
    a_deleted_school_takes_its_roster_along,
    a_school_has_holidays,
    a_new_school_year_is_opened_for_a_day,
}

async fn a_student_is_created_changed_and_deleted(database: Database) {
    let (server, admin, school) = start(database).await;
    let new = json!({"school_id": school, "full_name": "Nguyễn Thị Ánh", "rfid_card_id": "0012345678"});
    let created = server.post(&admin, "/api/v1/students", new).await;
    let student = created.data(201);
    assert_eq!(student["full_name"], "Nguyễn Thị Ánh");
    assert_eq!(student["rfid_card_id"], "0012345678");
    assert_eq!(student["is_active"], true);
    assert_eq!(student["class_name"], Json::Null);
    assert_eq!(student["created_at"], "2026-11-23T10:00:00Z");
    let path = format!("/api/v1/students/{}", student["id"]);
    assert_eq!(server.get(&admin, &path).await.data(200), student);

    let changed = server.put(&admin, &path, json!({"full_name": "Nguyễn Thị Ánh Tuyết"})).await;
    assert_eq!(changed.data(200)["full_name"], "Nguyễn Thị Ánh Tuyết");
    assert_eq!(changed.data(200)["rfid_card_id"], "0012345678");

    server.delete(&admin, &path).await.data(200);
    server.get(&admin, &path).await.refusal(404);
    server.delete(&admin, &path).await.refusal(404);
    assert!(server.get(&admin, "/api/v1/students").await.column("id").is_empty());
    let kept: Vec<(bool, bool)> = server.rows("SELECT is_active, deleted_at IS NOT NULL FROM students", []).await;
    assert_eq!(kept, [(false, true)]);
}

async fn every_change_of_a_student_is_queued_at_once(database: Database) {
    let (server, admin, school) = start(database).await;
    for sql in [
        "INSERT INTO devices (school_id, serial_number, device_name, start_state) VALUES ($1, 'GED1', 'Gate', 'writing')",
        "INSERT INTO devices (school_id, serial_number, device_name, start_state) VALUES ($1, 'GED2', 'Hall', 'writing')",
    ] {
        server.sql(sql, [school.into()]).await;
    }
    let pending = async || -> Vec<(String,)> {
        server.rows("SELECT command_string FROM device_commands WHERE status = 'pending' ORDER BY device_id", []).await
    };

    let new = json!({"school_id": school, "full_name": "Kwame Boateng", "rfid_card_id": "00777"});
    let created = server.post(&admin, "/api/v1/students", new).await;
    let path = format!("/api/v1/students/{}", created.data(201)["id"]);
    let queued = pending().await;
    assert_eq!(queued.len(), 2);
    assert!(
        queued.iter().all(|(text,)| text.contains("Kwame Boateng") && text.contains("Card=[0903000000]")),
        "{queued:?}"
    );

    server.patch(&admin, &path, json!({"full_name": "Kwame Boateng Mensah"})).await.data(200);
    let queued = pending().await;
    assert_eq!(queued.len(), 2, "ten edits become one command");
    assert!(queued.iter().all(|(text,)| text.contains("Mensah")), "{queued:?}");

    server.patch(&admin, &path, json!({"rfid_card_id": null})).await.data(200);
    assert!(pending().await.iter().all(|(text,)| !text.contains("Mensah")));
    server.patch(&admin, &path, json!({"rfid_card_id": "778"})).await.data(200);
    assert!(pending().await.iter().all(|(text,)| text.contains("Card=[0A03000000]")));
    server.delete(&admin, &path).await.data(200);
    assert!(pending().await.iter().all(|(text,)| !text.contains("[0A03000000]")));
}

async fn names_are_cleaned_and_kept_whole(database: Database) {
    let (server, admin, school) = start(database).await;
    let create = |name: &str| server.post(&admin, "/api/v1/students", json!({"school_id": school, "full_name": name}));
    let long = "Wolfgang Maximilian Hubertus von und zu Schlüter-Ødegård";
    assert_eq!(create(long).await.data(201)["full_name"], long);
    let endless = "Ольга Шевчук ".repeat(40);
    assert_eq!(
        create(&endless).await.data(201)["full_name"],
        endless[..endless.floor_char_boundary(endless.char_indices().nth(200).unwrap().0)].trim_end()
    );
    assert_eq!(create("  कमला\t\r\nदेवी\u{202e} ").await.data(201)["full_name"], "कमला देवी");
    for nothing in ["", " \t", "\u{200B}\u{7}"] {
        assert!(create(nothing).await.refusal(422).starts_with("full_name:"));
    }
    let missing = server.post(&admin, "/api/v1/students", json!({"school_id": school})).await;
    assert!(missing.refusal(422).contains("`full_name`"), "{}", missing.text);
    let nowhere = server.post(&admin, "/api/v1/students", json!({"school_id": 99, "full_name": "Ali"})).await;
    assert!(nowhere.refusal(422).starts_with("school_id:"), "{}", nowhere.text);
}

async fn a_card_is_written_in_two_ways_and_held_by_one(database: Database) {
    let (server, admin, school) = start(database).await;
    let other = server.school("Colegio Ñandú").await;
    let create = |school: SchoolId, name: &str, card: &str, active: bool| {
        let new = json!({"school_id": school, "full_name": name, "rfid_card_id": card, "is_active": active});
        server.post(&admin, "/api/v1/students", new)
    };
    let first = create(school, "Μαρία Παπαδοπούλου", "0x00BC614E", true).await;
    let path = format!("/api/v1/students/{}", first.data(201)["id"]);

    for same in ["12345678", "00012345678", "bc614e", " BC614E "] {
        let refused = create(school, "Ana", same, true).await;
        assert!(refused.refusal(409).contains("Μαρία Παπαδοπούλου"), "{same}: {}", refused.text);
    }
    for wrong in ["12 34", "card", "-5", "0", "0x", "99999999999999999999"] {
        let refused = create(school, "Ana", wrong, true).await;
        assert!(refused.refusal(422).starts_with("rfid_card_id:"), "{wrong}: {}", refused.text);
    }
    assert_eq!(create(school, "Blank", "  ", true).await.data(201)["rfid_card_id"], Json::Null);
    create(other, "Elsewhere", "12345678", true).await.data(201);
    let waiting = create(school, "Παναγιώτης", "12345678", false).await;
    let waiting = format!("/api/v1/students/{}", waiting.data(201)["id"]);

    // He who has it may keep it and write it anew; the other gets it once it is free.
    server.patch(&admin, &path, json!({"rfid_card_id": "12345678"})).await.data(200);
    server.patch(&admin, &waiting, json!({"is_active": true})).await.refusal(409);
    server.patch(&admin, &path, json!({"is_active": false})).await.data(200);
    server.patch(&admin, &waiting, json!({"is_active": true})).await.data(200);
    server.patch(&admin, &path, json!({"is_active": true})).await.refusal(409);
    server.delete(&admin, &waiting).await.data(200);
    server.patch(&admin, &path, json!({"is_active": true})).await.data(200);
}

async fn a_card_of_somebody_whom_sql_wrote_is_held_too(database: Database) {
    let (server, admin, school) = start(database).await;
    server
        .sql(
            "INSERT INTO students (school_id, full_name, rfid_card_id) VALUES ($1, 'Юлія Коваль', '0007788')",
            [school.into()],
        )
        .await;
    let new = json!({"school_id": school, "full_name": "Olena", "rfid_card_id": "7788"});
    let refused = server.post(&admin, "/api/v1/students", new.clone()).await;
    assert!(refused.refusal(409).contains("Юлія Коваль"), "{}", refused.text);

    server.sql("UPDATE students SET rfid_card_id = '7789'", []).await;
    server.post(&admin, "/api/v1/students", new).await.data(201);
    // A card that nobody can read does not hinder a change of the name.
    server.sql("UPDATE students SET rfid_card_id = 'lost?' WHERE id = 1", []).await;
    server.patch(&admin, "/api/v1/students/1", json!({"full_name": "Юлія Бойко"})).await.data(200);
}

async fn two_admins_cannot_give_one_card_away_at_once(database: Database) {
    let (server, admin, school) = start(database).await;
    let create = |name: &str| {
        let new = json!({"school_id": school, "full_name": name, "rfid_card_id": "4711"});
        server.post(&admin, "/api/v1/students", new)
    };
    let (one, two, three) = tokio::join!(create("Ifeoma"), create("Chidi"), create("Amara"));
    let mut statuses = [one.status, two.status, three.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409]);
}

async fn null_clears_and_silence_keeps(database: Database) {
    let (server, admin, school) = start(database).await;
    let (class, section) = class_and_section(&server, &admin, school, "7", "б").await;
    let new = json!({"school_id": school, "full_name": "Gulnora Karimova", "rfid_card_id": "5", "roll_number": "12",
        "class_id": class, "section_id": section});
    let created = server.post(&admin, "/api/v1/students", new).await;
    let path = format!("/api/v1/students/{}", created.data(201)["id"]);
    assert_eq!(created.data(201)["class_name"], "7");
    assert_eq!(created.data(201)["section_name"], "б");

    let same = server.patch(&admin, &path, json!({})).await;
    assert_eq!(same.data(200), created.data(201));
    let cleared = server.put(&admin, &path, json!({"rfid_card_id": null, "section_id": null})).await;
    assert_eq!(cleared.data(200)["rfid_card_id"], Json::Null);
    assert_eq!(cleared.data(200)["section_id"], Json::Null);
    assert_eq!(cleared.data(200)["class_id"], class);
    assert_eq!(cleared.data(200)["roll_number"], "12");
    for field in ["full_name", "school_id", "is_active"] {
        let refused = server.patch(&admin, &path, json!({field: null})).await;
        assert!(refused.refusal(422).starts_with(field), "{}", refused.text);
    }
    let number = server.patch(&admin, &path, json!({"rfid_card_id": 5})).await;
    assert!(number.refusal(422).starts_with("rfid_card_id:"), "{}", number.text);
}

async fn class_and_section_follow_the_student(database: Database) {
    let (server, admin, school) = start(database).await;
    let other = server.school("Skóla Ísafjarðar").await;
    let (five, a) = class_and_section(&server, &admin, school, "5", "a").await;
    let (six, b) = class_and_section(&server, &admin, school, "6", "b").await;
    let (elsewhere, c) = class_and_section(&server, &admin, other, "5", "c").await;

    let new = json!({"school_id": school, "full_name": "Sigríður Þórsdóttir", "section_id": a});
    let created = server.post(&admin, "/api/v1/students", new).await;
    assert_eq!(created.data(201)["class_id"], five, "a section says its class");
    let path = format!("/api/v1/students/{}", created.data(201)["id"]);

    let refused = server.patch(&admin, &path, json!({"class_id": elsewhere})).await;
    assert!(refused.refusal(422).starts_with("class_id:"));
    let refused = server.patch(&admin, &path, json!({"section_id": c})).await;
    assert!(refused.refusal(422).starts_with("section_id:"));
    let refused = server.patch(&admin, &path, json!({"class_id": six, "section_id": 99})).await;
    assert!(refused.refusal(422).starts_with("section_id:"));
    let refused = server.post(
        &admin,
        "/api/v1/students",
        json!({"school_id": school, "full_name": "Jón", "class_id": five, "section_id": b}),
    );
    assert!(refused.await.refusal(422).starts_with("section_id:"));

    let moved = server.patch(&admin, &path, json!({"class_id": six})).await;
    assert_eq!((&moved.data(200)["class_id"], &moved.data(200)["section_id"]), (&json!(six), &Json::Null));
    let moved = server.patch(&admin, &path, json!({"section_id": a})).await;
    assert_eq!((&moved.data(200)["class_id"], &moved.data(200)["section_id"]), (&json!(five), &json!(a)));
    let moved = server.patch(&admin, &path, json!({"school_id": other})).await;
    assert_eq!((&moved.data(200)["class_id"], &moved.data(200)["section_id"]), (&Json::Null, &Json::Null));
}

async fn classes_and_sections_go_and_their_students_stay(database: Database) {
    let (server, admin, school) = start(database).await;
    let (class, section) = class_and_section(&server, &admin, school, "Sexta", "Ã").await;
    let taken = server.post(&admin, "/api/v1/classes", json!({"school_id": school, "class_name": " Sexta "})).await;
    assert!(taken.refusal(409).contains("Sexta"));
    let taken = server.post(&admin, "/api/v1/sections", json!({"class_id": class, "section_name": "Ã"})).await;
    taken.refusal(409);
    let renamed = server.put(&admin, &format!("/api/v1/classes/{class}"), json!({"class_name": "Sétima"})).await;
    assert_eq!(renamed.data(200)["class_name"], "Sétima");
    let renamed = server.put(&admin, &format!("/api/v1/sections/{section}"), json!({"section_name": "B"})).await;
    assert_eq!(renamed.data(200)["class_name"], "Sétima");

    let new = json!({"school_id": school, "full_name": "Inês Conceição", "section_id": section});
    let created = server.post(&admin, "/api/v1/students", new).await;
    let path = format!("/api/v1/students/{}", created.data(201)["id"]);
    server.delete(&admin, &format!("/api/v1/sections/{section}")).await.data(200);
    let student = server.get(&admin, &path).await;
    assert_eq!((&student.data(200)["class_id"], &student.data(200)["section_id"]), (&json!(class), &Json::Null));
    server.delete(&admin, &format!("/api/v1/classes/{class}")).await.data(200);
    assert_eq!(server.get(&admin, &path).await.data(200)["class_id"], Json::Null);
}

async fn lists_are_filtered_and_paged(database: Database) {
    let (server, admin, school) = start(database).await;
    let other = server.school("Sekolah Dasar").await;
    let (class, section) = class_and_section(&server, &admin, school, "1", "A").await;
    for number in 1..=7 {
        let new = json!({"school_id": school, "full_name": format!("Siti {number}"), "is_active": number != 4,
            "section_id": if number > 5 { json!(section) } else { Json::Null }});
        server.post(&admin, "/api/v1/students", new).await.data(201);
    }
    server.post(&admin, "/api/v1/students", json!({"school_id": other, "full_name": "Wayan"})).await.data(201);
    let list = |query: &str| {
        let path = format!("/api/v1/students?{query}");
        let (server, admin) = (&server, &admin);
        async move { server.get(admin, &path).await }
    };

    let page = list("school_id=1&limit=3&page=3").await;
    assert_eq!(page.column("full_name"), ["Siti 7"]);
    assert_eq!(page.body["pagination"], json!({"page": 3, "limit": 3, "total": 7, "totalPages": 3}));
    assert_eq!(list("").await.body["pagination"], json!({"page": 1, "limit": 50, "total": 8, "totalPages": 1}));
    let beyond = list("page=9").await;
    assert!(beyond.column("id").is_empty());
    assert_eq!(beyond.body["pagination"]["total"], 8);
    assert_eq!(list("school_id=1&is_active=false").await.column("full_name"), ["Siti 4"]);
    assert_eq!(list(&format!("class_id={class}")).await.column("full_name"), ["Siti 6", "Siti 7"]);
    assert_eq!(list(&format!("section_id={section}&is_active=true")).await.column("id").len(), 2);
    assert_eq!(list("school_id=&class_id=&search=wayan").await.column("full_name"), ["Wayan"]);
    for (query, field) in [
        ("page=0", "page:"),
        ("limit=0", "limit:"),
        ("limit=501", "limit:"),
        ("limit=many", "limit:"),
        ("page=-1", "page:"),
        ("is_active=perhaps", "is_active:"),
        ("school_id=x", "school_id:"),
    ] {
        let refused = list(query).await;
        assert!(refused.refusal(422).starts_with(field), "{query}: {}", refused.text);
    }
    list("limit=500").await.data(200);

    let classes = server.get(&admin, "/api/v1/classes?limit=1&page=1").await;
    assert_eq!(classes.body["pagination"], json!({"page": 1, "limit": 1, "total": 1, "totalPages": 1}));
    assert_eq!(server.get(&admin, "/api/v1/sections?class_id=1&search=a").await.column("section_name"), ["A"]);
}

async fn people_are_found_in_every_script(database: Database) {
    let (server, admin, school) = start(database).await;
    for (name, card) in [
        ("Nguyễn Thị Ánh", "9001"),
        ("Łukasz Żółć", "ABCDEF"),
        ("Гүлнұр Сейітқызы", "9003"),
        ("Γιώργος Νικολαΐδης", "9004"),
        ("أحمد المصري", "9005"),
        ("प्रिया शर्मा", "9006"),
        ("王小明", "9007"),
        ("김하늘", "9008"),
        ("100% José_Ñ", "9009"),
    ] {
        let new = json!({"school_id": school, "full_name": name, "rfid_card_id": card, "roll_number": "R-".to_owned() + card});
        server.post(&admin, "/api/v1/students", new).await.data(201);
    }
    for (typed, name) in [
        ("nguyen thi", "Nguyễn Thị Ánh"),
        ("NGUYỄN", "Nguyễn Thị Ánh"),
        ("lukasz zolc", "Łukasz Żółć"),
        ("abcdef", "Łukasz Żółć"),
        ("сеиіткызы", "Гүлнұр Сейітқызы"),
        ("γιωργοσ", "Γιώργος Νικολαΐδης"),
        ("احمد", "أحمد المصري"),
        ("शर्मा", "प्रिया शर्मा"),
        ("小明", "王小明"),
        ("하늘", "김하늘"),
        ("%", "100% José_Ñ"),
        ("e_n", "100% José_Ñ"),
        ("9004", "Γιώργος Νικολαΐδης"),
        ("r-9006", "प्रिया शर्मा"),
    ] {
        let path = format!("/api/v1/students?search={}", percent_encoded(typed));
        let found = server.get(&admin, &path).await;
        let expected: &[&str] = if typed == "сеиіткызы" { &[] } else { &[name] };
        assert_eq!(found.column("full_name"), expected, "{typed}");
    }
    let found = server.get(&admin, &format!("/api/v1/students?search={}", percent_encoded("сейіт"))).await;
    assert_eq!(found.column("full_name"), ["Гүлнұр Сейітқызы"]);
}

async fn rows_that_sql_wrote_are_found_before_and_after_the_tick(database: Database) {
    let (server, admin, school) = start(database).await;
    for sql in [
        "INSERT INTO students (school_id, full_name, rfid_card_id) VALUES ($1, 'Élodie Béranger', '00FF11')",
        "INSERT INTO students (school_id, full_name, rfid_card_id) VALUES ($1, 'Jürgen', 'not a card')",
        "INSERT INTO students (school_id, full_name) VALUES ($1, 'Åsa')",
    ] {
        server.sql(sql, [school.into()]).await;
    }
    assert_eq!(server.get(&admin, "/api/v1/students?search=lodie").await.column("full_name"), ["Élodie Béranger"]);
    assert_eq!(server.get(&admin, "/api/v1/students?search=00ff").await.column("full_name"), ["Élodie Béranger"]);
    assert!(server.get(&admin, "/api/v1/students?search=elodie").await.column("id").is_empty());

    assert_eq!(tick(&server, 2).await, 2);
    assert_eq!(tick(&server, 2).await, 1);
    assert_eq!(tick(&server, 2).await, 0);
    assert_eq!(server.get(&admin, "/api/v1/students?search=elodie").await.column("full_name"), ["Élodie Béranger"]);
    let cards: Vec<(Option<i64>,)> = server.rows("SELECT card_number FROM students ORDER BY id", []).await;
    assert_eq!(cards, [(Some(0xff11),), (None,), (None,)]);

    server.sql("UPDATE students SET full_name = 'Jörg' WHERE full_name = 'Jürgen'", []).await;
    assert_eq!(tick(&server, 2).await, 1);
    assert_eq!(server.get(&admin, "/api/v1/students?search=jorg").await.column("full_name"), ["Jörg"]);
}

async fn a_school_has_its_times_and_its_guard(database: Database) {
    let server = Server::new(database);
    let superadmin = server.superadmin().await;
    let created = server.post(&superadmin, "/api/v1/schools", json!({"name": "काठमाडौं विद्यालय"})).await;
    let school = created.data(201);
    assert_eq!(school["timezone"], Json::Null);
    assert_eq!(
        (&school["day_starts_at"], &school["grace_minutes"], &school["guard_percent"], &school["guard_number"]),
        (&json!("08:00"), &json!(10), &json!(20), &json!(10))
    );
    let path = format!("/api/v1/schools/{}", school["id"]);
    let changed =
        server.patch(&superadmin, &path, json!({"timezone": "asia/kathmandu", "day_starts_at": "9:05"})).await;
    assert_eq!(changed.data(200)["timezone"], "Asia/Kathmandu");
    assert_eq!(changed.data(200)["day_starts_at"], "09:05");
    let cleared = server.patch(&superadmin, &path, json!({"timezone": null})).await;
    assert_eq!(cleared.data(200)["timezone"], Json::Null);
    for (field, wrong) in [
        ("name", json!(" ")),
        ("timezone", json!("Mars/Olympus")),
        ("day_starts_at", json!("25:00")),
        ("day_starts_at", json!("eight")),
        ("grace_minutes", json!(-1)),
        ("guard_percent", json!(101)),
        ("guard_number", json!(1.5)),
    ] {
        let refused = server.patch(&superadmin, &path, json!({field: wrong})).await;
        assert!(refused.refusal(422).starts_with(&format!("{field}:")), "{}", refused.text);
    }
    let found = server.get(&superadmin, &format!("/api/v1/schools?search={}", percent_encoded("विद्यालय"))).await;
    assert_eq!(found.column("id"), [school["id"].clone()]);
}

async fn a_deleted_school_takes_its_roster_along(database: Database) {
    let (server, admin, school) = start(database).await;
    let (class, section) = class_and_section(&server, &admin, school, "2", "Đ").await;
    let new = json!({"school_id": school, "full_name": "Đorđe Živković", "class_id": class});
    let student = server.post(&admin, "/api/v1/students", new).await.data(201)["id"].clone();

    server.delete(&admin, &format!("/api/v1/schools/{school}")).await.data(200);
    for path in [
        format!("schools/{school}"),
        format!("classes/{class}"),
        format!("sections/{section}"),
        format!("students/{student}"),
    ] {
        server.get(&admin, &format!("/api/v1/{path}")).await.refusal(404);
    }
    for path in ["schools", "classes", "sections", "students"] {
        assert!(server.get(&admin, &format!("/api/v1/{path}")).await.column("id").is_empty());
    }
    assert!(server.app.wake.take().schools.contains(&school.0));
}

async fn start(database: Database) -> (Server, Person, SchoolId) {
    let server = Server::new(database);
    let superadmin = server.superadmin().await;
    let school = server.school("Escola Açaí").await;
    (server, superadmin, school)
}

async fn class_and_section(server: &Server, by: &Person, school: SchoolId, class: &str, section: &str) -> (i64, i64) {
    let class = server.post(by, "/api/v1/classes", json!({"school_id": school, "class_name": class})).await;
    let class = class.data(201)["id"].as_i64().unwrap();
    let section = server.post(by, "/api/v1/sections", json!({"class_id": class, "section_name": section})).await;
    (class, section.data(201)["id"].as_i64().unwrap())
}

async fn tick(server: &Server, limit: u32) -> u64 {
    let mut tx = server.app.db.write().await.unwrap();
    let filled = students::derive_columns(&mut tx, limit).await.unwrap();
    tx.commit().await.unwrap();
    filled
}

fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |encoded, byte| encoded + &format!("%{byte:02X}"))
}

async fn a_school_has_holidays(database: Database) {
    let (server, admin, school) = start(database).await;
    let path = format!("/api/v1/schools/{school}/holidays");
    let add = async |body: Json| server.post(&admin, &path, body).await;
    let inti = add(json!({"first_day": "2026-06-24", "name": "Inti Raymi"})).await;
    assert_eq!(inti.data(201)["last_day"], "2026-06-24", "one day, unless said otherwise");
    add(json!({"first_day": "2026-02-16", "last_day": "2026-02-17", "name": "Carnaval"})).await.data(201);
    assert!(add(json!({"first_day": "24.6.", "name": "Inti Raymi"})).await.refusal(422).contains("first_day"));
    let backwards = json!({"first_day": "2026-02-17", "last_day": "2026-02-16", "name": "Carnaval"});
    assert!(add(backwards).await.refusal(422).contains("last_day"));
    assert!(add(json!({"first_day": "2026-06-24", "name": " "})).await.refusal(422).contains("name"));
    assert_eq!(server.get(&admin, &path).await.column("name"), ["Carnaval", "Inti Raymi"]);
    assert_eq!(server.get(&admin, &format!("{path}?search=raymi")).await.column("name"), ["Inti Raymi"]);

    let other = server.school("中关村第一小学").await;
    let stranger = server.person("li.xiaoming@example.org", Role::SchoolAdmin, Some(other)).await;
    server.get(&stranger, &path).await.refusal(403);
    server.delete(&stranger, &format!("{path}/1")).await.refusal(403);
    let elsewhere = format!("/api/v1/schools/{other}/holidays/1");
    server.delete(&stranger, &elsewhere).await.refusal(404);
    server.delete(&admin, &format!("{path}/1")).await.data(200);
    server.delete(&admin, &format!("{path}/1")).await.refusal(404);
    assert_eq!(server.get(&admin, &path).await.column("name"), ["Carnaval"]);
}

async fn a_new_school_year_is_opened_for_a_day(database: Database) {
    let (server, admin, school) = start(database).await;
    let path = format!("/api/v1/schools/{school}/new-year");
    assert_eq!(server.get(&admin, &path).await.data(200)["new_year"], Json::Null);
    let begun = server.post(&admin, &path, Json::Null).await.data(200).clone();
    assert_eq!(begun["new_year"]["ends_at"], "2026-11-24T10:00:00Z");
    assert_eq!(*server.post(&admin, &path, Json::Null).await.data(200), begun, "one is open already");
    server.delete(&admin, &path).await.data(200);
    assert_eq!(server.get(&admin, &path).await.data(200)["new_year"], Json::Null);
    server.post(&admin, &path, Json::Null).await.data(200);
    server.wait(SignedDuration::from_hours(25));
    let teacher = server.person("nino@example.org", Role::Teacher, Some(school)).await;
    assert_eq!(server.get(&teacher, &path).await.data(200)["new_year"], Json::Null, "it ends by itself");
    server.post(&teacher, &path, Json::Null).await.refusal(403);
}
