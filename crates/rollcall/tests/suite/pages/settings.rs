//! The settings of a school, its users, one's tokens, and who did what.

use rollcall::accounts::Role;
use serde_json::json;

use super::{page, submit};
use crate::{
    databases::{Database, both_databases},
    server::Person,
    stories::campus::Campus,
};

both_databases! {
    a_school_is_set_up,
    classes_and_sections_are_made_renamed_and_deleted,
    the_new_school_year_is_opened_and_closed,
    users_are_made_changed_and_switched_off,
    a_token_is_shown_once,
    who_did_what_is_found_and_exported,
    nobody_sets_up_another_school,
    long_lists_come_in_pages,
}

async fn a_school_is_set_up(database: Database) {
    let campus = Campus::open(database).await;
    let server = &campus.world.server;
    let shown = page(server, &campus.admin, "/school").await;
    assert!(shown.page(200).contains("value=\"America/Guayaquil\""), "{}", shown.text);
    let save = async |timezone: &str, percent: &str| {
        let fields = [
            ("name", "Colegio Yachay Wasi"),
            ("timezone", timezone),
            ("day_starts_at", "07:15:00"),
            ("grace_minutes", "5"),
            ("guard_percent", percent),
            ("guard_number", "12"),
        ];
        submit(server, Some(&campus.admin), &format!("/school/{}", campus.school), &fields).await
    };
    assert!(save("America/Nowhere", "25").await.page(422).contains("no time zone"));
    let wrong = save("America/Lima", "125").await;
    assert!(wrong.page(422).contains("between 0 and 100") && wrong.text.contains("Yachay Wasi"), "{}", wrong.text);
    save("America/Lima", "25").await.goes_to();
    let school = campus.get(&format!("/api/v1/schools/{}", campus.school)).await.data(200).clone();
    assert_eq!((&school["day_starts_at"], &school["guard_percent"]), (&json!("07:15"), &json!(25)));

    let holidays = format!("/school/{}/holidays", campus.school);
    let add = async |first: &str, last: &str, name: &str| {
        let fields = [("first_day", first), ("last_day", last), ("name", name)];
        submit(server, Some(&campus.admin), &holidays, &fields).await.cookie("rollcall_message").unwrap()
    };
    assert!(add("2026-12-24", "2027-01-02", "Navidad").await.starts_with('1'));
    assert!(add("2026-03-02", "", "Día del maestro").await.starts_with('1'));
    assert!(add("2026-12-24", "2026-12-01", "Verkehrt").await.starts_with('0'));
    assert!(add("soon", "", "Verkehrt").await.starts_with('0'));
    let shown = page(server, &campus.admin, "/school").await;
    assert!(shown.page(200).contains("Navidad") && !shown.text.contains("Verkehrt"), "{}", shown.text);
    assert!(page(server, &campus.admin, "/attendance").await.page(200).contains("Holiday: Día del maestro"));
    submit(server, Some(&campus.admin), &format!("{holidays}/2/delete"), &[]).await.goes_to();
    assert!(!page(server, &campus.admin, "/attendance").await.page(200).contains("Holiday:"));
    submit(server, Some(&campus.admin), &format!("{holidays}/2/delete"), &[]).await.page(404);
}

async fn classes_and_sections_are_made_renamed_and_deleted(database: Database) {
    let campus = Campus::open(database).await;
    let student = campus.enrol("Ana Quishpe", "101").await;
    let server = &campus.world.server;
    let deed = async |path: &str, name: &str| {
        submit(server, Some(&campus.admin), path, &[("name", name)]).await.cookie("rollcall_message").unwrap()
    };
    let classes = format!("/school/{}/classes", campus.school);
    assert!(deed(&classes, "Décimo").await.starts_with('1'));
    assert!(deed(&classes, "Décimo").await.starts_with('0'), "there is one already");
    assert!(deed("/classes/1/sections", "Ñ").await.starts_with('1'));
    assert!(deed("/sections/1/rename", "Ñandú").await.starts_with('1'));
    assert!(deed("/classes/1/rename", "10").await.starts_with('1'));
    let place = [("full_name", "Ana Quishpe"), ("rfid_card_id", "101"), ("place", "s1")];
    submit(server, Some(&campus.admin), &format!("/students/{student}"), &place).await.goes_to();
    let shown = page(server, &campus.admin, "/school").await;
    assert!(shown.page(200).contains("Ñandú"), "{}", shown.text);
    assert!(page(server, &campus.admin, "/students?class=1").await.page(200).contains("10 – Ñandú"));
    assert!(deed("/sections/1/delete", "").await.starts_with('1'));
    assert!(deed("/classes/1/delete", "").await.starts_with('1'));
    let row = campus.get(&format!("/api/v1/students/{student}")).await.data(200).clone();
    assert_eq!((&row["class_name"], &row["is_active"]), (&json!(null), &json!(true)));
    submit(server, Some(&campus.admin), "/classes/1/delete", &[]).await.page(404);
}

async fn the_new_school_year_is_opened_and_closed(database: Database) {
    let campus = Campus::open(database).await;
    let server = &campus.world.server;
    let at = format!("/school/{}/new-year", campus.school);
    submit(server, Some(&campus.admin), &at, &[]).await.goes_to();
    submit(server, Some(&campus.admin), &at, &[]).await.goes_to();
    let shown = page(server, &campus.admin, "/school").await;
    assert!(shown.page(200).contains("is open until 2026-03-03 00:00"), "in the school's zone: {}", shown.text);
    submit(server, Some(&campus.admin), &format!("{at}/end"), &[]).await.goes_to();
    assert!(!page(server, &campus.admin, "/school").await.page(200).contains("is open until"));
    let audit = campus.get("/api/v1/audit?entity=school_year").await;
    assert_eq!(audit.column("action"), ["close", "open", "open"]);
}

async fn users_are_made_changed_and_switched_off(database: Database) {
    let campus = Campus::open(database).await;
    let server = &campus.world.server;
    let school = campus.school.to_string();
    let make = async |by: &Person, email: &str, role: &str, password: &str| {
        let fields =
            [("email", email), ("full_name", "Nino"), ("role", role), ("school_id", &*school), ("password", password)];
        submit(server, Some(by), "/users", &fields).await
    };
    assert_eq!(make(&campus.admin, "nino@example.org", "teacher", "ნინო ბერიძე").await.goes_to(), "/users");
    assert!(
        make(&campus.admin, "nino@example.org", "teacher", "ნინო ბერიძე").await.page(409).contains("nino@example.org")
    );
    assert!(make(&campus.admin, "short@example.org", "teacher", "x").await.page(422).contains("password-hint"));
    make(&campus.admin, "boss@example.org", "superadmin", "ნინო ბერიძე").await.page(403);
    let list = page(server, &campus.admin, "/users").await;
    assert!(
        list.page(200).contains("nino@example.org") && !list.text.contains("value=\"superadmin\""),
        "{}",
        list.text
    );
    let login = server.login("nino@example.org", "ნინო ბერიძე").await;
    let id = login.data(200)["user"]["id"].to_string();
    let at = format!("/users/{id}");
    let change =
        [("email", "nino@example.org"), ("role", "school_admin"), ("school_id", &*school), ("is_active", "no")];
    submit(server, Some(&campus.admin), &at, &change).await.goes_to();
    assert_eq!(server.login("nino@example.org", "ნინო ბერიძე").await.status, 401);
    assert!(page(server, &campus.admin, "/users?search=nino").await.page(200).contains("Switched off"));
    // Who is the last superadmin stays.
    let me = format!("/users/{}", campus.superadmin.id);
    let refused = submit(server, Some(&campus.superadmin), &format!("{me}/delete"), &[]).await;
    assert!(refused.cookie("rollcall_message").unwrap().starts_with('0'));
    submit(server, Some(&campus.admin), &format!("{at}/delete"), &[]).await.goes_to();
    page(server, &campus.admin, &at).await.page(404);
    page(server, &campus.admin, &me).await.page(403);
}

async fn a_token_is_shown_once(database: Database) {
    let campus = Campus::open(database).await;
    let server = &campus.world.server;
    let fields = [("name", "Nómina <b>"), ("expires", "2026-12-31")];
    let made = submit(server, Some(&campus.admin), "/tokens", &fields).await;
    let token = made.page(200).split("tabindex=\"0\">rc_").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let person = Person { token: format!("rc_{token}"), id: 0 };
    assert_eq!(server.get(&person, "/api/v1/students").await.status, 200);
    let list = page(server, &campus.admin, "/tokens").await;
    assert!(list.page(200).contains("N\u{f3}mina &#60;b&#62;") && !list.text.contains(&token), "{}", list.text);
    let past = submit(server, Some(&campus.admin), "/tokens", &[("name", "Alt"), ("expires", "2020-01-01")]).await;
    assert!(past.page(422).contains("past"), "{}", past.text);
    for day in ["31.12.2026", "9999-12-31"] {
        let unread = submit(server, Some(&campus.admin), "/tokens", &[("name", "Alt"), ("expires", day)]).await;
        assert!(unread.page(422).contains("YYYY-MM-DD"), "never one that does not end: {}", unread.text);
    }
    let id = list.text.split("id=\"token-").filter(|row| row.contains("mina")).last().unwrap();
    let id = id.split('"').next().unwrap();
    let teacher = server.person("nino@example.org", Role::Teacher, Some(campus.school)).await;
    submit(server, Some(&teacher), &format!("/tokens/{id}/revoke"), &[]).await.page(403);
    submit(server, Some(&campus.admin), &format!("/tokens/{id}/revoke"), &[]).await.goes_to();
    assert_eq!(server.get(&person, "/api/v1/students").await.status, 401);
}

async fn who_did_what_is_found_and_exported(database: Database) {
    let campus = Campus::open(database).await;
    let student = campus.enrol("Ana Quishpe", "101").await;
    let server = &campus.world.server;
    let rows = async |path: &str| page(server, &campus.admin, path).await.page(200).matches("<tr>").count() - 1;
    let all = rows("/audit").await;
    assert_eq!((all, rows("/audit?entity=student&action=create").await), (2, 1), "the school's own and Ana");
    assert_eq!(rows("/audit?search=inti").await, 1);
    let shown = page(server, &campus.admin, "/audit").await;
    assert!(shown.text.contains(&format!("/students/{student}")), "{}", shown.text);
    let csv = page(server, &campus.admin, "/audit/export?entity=student").await;
    assert_eq!(csv.headers["content-type"], "text/csv; charset=utf-8");
    assert_eq!(csv.text.lines().count(), 2, "{}", csv.text);
    let other = server.school("中关村第一小学").await;
    let stranger = server.person("li.xiaoming@example.org", Role::SchoolAdmin, Some(other)).await;
    assert!(!page(server, &stranger, "/audit").await.page(200).contains("inti.quispe"));
    assert!(!page(server, &stranger, "/audit/export").await.text.contains("inti.quispe"));
    let teacher = server.person("nino@example.org", Role::Teacher, Some(campus.school)).await;
    page(server, &teacher, "/audit/export").await.page(403);
}

async fn nobody_sets_up_another_school(database: Database) {
    let campus = Campus::open(database).await;
    campus.post("/api/v1/classes", json!({"school_id": campus.school, "class_name": "5"})).await.data(201);
    campus.post("/api/v1/sections", json!({"class_id": 1, "section_name": "A"})).await.data(201);
    let server = &campus.world.server;
    let other = server.school("中关村第一小学").await;
    let stranger = server.person("li.xiaoming@example.org", Role::SchoolAdmin, Some(other)).await;
    let teacher = server.person("nino@example.org", Role::Teacher, Some(campus.school)).await;
    let school = campus.school;
    let set = [
        ("name", "X"),
        ("timezone", ""),
        ("day_starts_at", "08:00"),
        ("grace_minutes", "1"),
        ("guard_percent", "1"),
        ("guard_number", "1"),
    ];
    for person in [&stranger, &teacher] {
        page(server, person, &format!("/school?school={school}")).await.page(403);
        submit(server, Some(person), &format!("/school/{school}"), &set).await.page(403);
        submit(server, Some(person), &format!("/school/{school}/new-year"), &[]).await.page(403);
        submit(server, Some(person), &format!("/school/{school}/new-year/end"), &[]).await.page(403);
        let holiday = [("first_day", "2026-03-02"), ("last_day", ""), ("name", "X")];
        submit(server, Some(person), &format!("/school/{school}/holidays"), &holiday).await.page(403);
        for path in [
            "/classes/1/rename",
            "/classes/1/delete",
            "/classes/1/sections",
            "/sections/1/rename",
            "/sections/1/delete",
        ] {
            submit(server, Some(person), path, &[("name", "X")]).await.page(403);
        }
        submit(server, Some(person), &format!("/school/{school}/classes"), &[("name", "X")]).await.page(403);
    }
    assert!(page(server, &campus.superadmin, "/school").await.page(200).contains("Which school?"));
}

async fn long_lists_come_in_pages(database: Database) {
    let campus = Campus::open(database).await;
    let server = &campus.world.server;
    for number in 0..60 {
        let email = format!("lorenzo.{number:03}@example.org");
        server.person(&email, Role::Teacher, Some(campus.school)).await;
        campus
            .post("/api/v1/classes", json!({"school_id": campus.school, "class_name": format!("Clase {number:03}")}))
            .await;
        campus.post("/api/v1/tokens", json!({"name": format!("Nómina {number}")})).await.data(201);
    }
    let rows = async |path: &str, row: &str| {
        let shown = page(server, &campus.admin, path).await;
        assert!(shown.page(200).len() < 100 * 1024, "{path}: {} bytes", shown.text.len());
        shown.text.matches(row).count()
    };
    for (path, row) in [("/users", "id=\"user-"), ("/tokens", "id=\"token-"), ("/school", "<li id=\"class-")] {
        assert_eq!(rows(path, row).await, 50, "{path}");
        let others = rows(&format!("{path}?page=2"), row).await;
        assert!((10..20).contains(&others), "{path}: {others}");
        assert_eq!(rows(&format!("{path}?page=9"), row).await, others, "{path}: behind the last page is the last page");
    }
    assert_eq!(rows("/users?search=lorenzo.05", "id=\"user-").await, 10);
    let open = page(server, &campus.admin, "/school?class=7").await;
    assert!(
        open.page(200).contains("action=\"/classes/7/rename\"") && !open.text.contains("/classes/8/rename"),
        "one is open"
    );
    let late = page(server, &campus.admin, "/school?class=55").await;
    assert!(late.page(200).contains("action=\"/classes/55/rename\""), "on whatever page it is");
}
