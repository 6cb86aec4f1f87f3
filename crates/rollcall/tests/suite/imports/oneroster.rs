//! OneRoster files of several schools: imported, changed, imported again.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Cursor, Write as _},
};

use axum::body::Body;
use http::{Method, Request, header};
use rollcall::{accounts::Role, store::Instant};
use serde_json::json;
use zip::write::SimpleFileOptions;

use super::{numbers, rejected};
use crate::{
    databases::{Database, both_databases},
    server::{Person, Reply, Server},
    stories::people,
};

both_databases! {
    three_schools_are_imported_changed_and_imported_again,
    schools_and_students_that_are_there_are_adopted,
    a_school_is_adopted_by_a_name_that_is_its_own,
    roles_stand_in_a_file_of_their_own_since_1_2,
    cards_come_from_where_the_admin_says,
    replace_spares_whose_line_is_rejected,
    classes_are_renamed_all_at_once,
    a_set_that_cannot_be_read_is_refused_in_words,
    only_a_superadmin_imports_schools,
}

/// The files of a set, by name.
#[derive(Clone)]
pub struct Set(BTreeMap<&'static str, String>);

pub const MANIFEST: &str = "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\nfile.orgs,bulk\n";
const ORGS: &str = "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId\n";
const USERS: &str = "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,\
                     middleName,identifier,email,metadata.rfid_card_id\n";
const CLASSES: &str = "sourcedId,status,dateLastModified,title,grades,courseSourcedId,classCode,classType,location,\
                       schoolSourcedId,termSourcedIds\n";
const ENROLLMENTS: &str =
    "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,endDate\n";

impl Set {
    /// 1.1, with one district and these schools; nobody yet.
    pub fn of(schools: &[(&str, &str)]) -> Set {
        let rows = schools.iter().map(|(id, name)| format!("{id},,,\"{name}\",school,,district\n"));
        let orgs: String = std::iter::once(format!("{ORGS}district,,,Distrito,district,,\n")).chain(rows).collect();
        Set([
            ("manifest.csv", MANIFEST.to_owned()),
            ("orgs.csv", orgs),
            ("users.csv", USERS.to_owned()),
            ("classes.csv", CLASSES.to_owned()),
            ("enrollments.csv", ENROLLMENTS.to_owned()),
        ]
        .into())
    }

    pub fn file(&mut self, name: &'static str) -> &mut String {
        self.0.entry(name).or_default()
    }

    pub fn student(&mut self, id: &str, school: &str, given: &str, family: &str, card: &str) {
        let row = format!("{id},active,,true,\"{school}\",student,{id},,{given},{family},,9{card},,{card}\n");
        self.file("users.csv").push_str(&row);
    }

    pub(super) fn class(&mut self, id: &str, school: &str, title: &str, kind: &str) {
        let row = format!("{id},,,{title},,course,,{kind},,{school},term\n");
        self.file("classes.csv").push_str(&row);
    }

    pub(super) fn enrol(&mut self, user: &str, class: &str, school: &str) {
        let row = format!("{user}-{class},,,{class},{school},{user},student,,,\n");
        self.file("enrollments.csv").push_str(&row);
    }

    pub fn files(&self) -> impl Iterator<Item = (&&'static str, &String)> {
        self.0.iter()
    }

    pub fn zip(&self) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, text) in &self.0 {
            zip.start_file(format!("export/{name}"), SimpleFileOptions::default()).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }
}

pub(super) async fn import(server: &Server, by: &Person, query: &str, zip: Vec<u8>) -> Reply {
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("/api/v1/schools/import-oneroster?{query}"))
        .header(header::AUTHORIZATION, format!("Bearer {}", by.token))
        .header(header::CONTENT_TYPE, "application/zip")
        .body(Body::from(zip))
        .unwrap();
    server.send(request).await
}

/// id, name, card, school's name, class, active.
pub(super) type Row = (i64, String, Option<String>, String, Option<String>, bool);

/// [`Row`], its identifier first.
type KeyedRow = (String, i64, String, Option<String>, String, Option<String>, bool);

pub(super) async fn everybody(server: &Server) -> BTreeMap<String, Row> {
    let rows: Vec<KeyedRow> = server
        .rows(
            "SELECT COALESCE(students.oneroster_id, full_name), students.id, full_name, rfid_card_id, name, class_name,
               is_active
             FROM students JOIN schools ON schools.id = students.school_id
             LEFT JOIN classes ON classes.id = students.class_id",
            [],
        )
        .await;
    rows.into_iter()
        .map(|(key, id, name, card, school, class, active)| (key, (id, name, card, school, class, active)))
        .collect()
}

const SCHOOLS: [(&str, &str); 3] = [("s0", "Escuela Quitumbe"), ("s1", "中关村第一小学"), ("s2", "Ysgol Gyfun, Gŵyr")];

/// Two thousand people with names of many scripts, a third of them in each school, in classes of forty.
fn large() -> Set {
    let mut set = Set::of(&SCHOOLS);
    for class in 0..51 {
        set.class(&format!("c{class}"), SCHOOLS[class % 3].0, &format!("Aula {}", class / 3), "homeroom");
        set.class(&format!("m{class}"), SCHOOLS[class % 3].0, &format!("Mathe {}", class / 3), "scheduled");
    }
    for n in 0..2000 {
        let (id, school) = (format!("u{n}"), SCHOOLS[n % 3].0);
        let name = people::name(n);
        let (given, family) = name.split_once(' ').unwrap_or((&name, ""));
        set.student(&id, school, given, family, &people::card(n));
        let class = n % 51;
        set.enrol(&id, &format!("m{class}"), school);
        set.enrol(&id, &format!("c{class}"), school);
    }
    set
}

async fn three_schools_are_imported_changed_and_imported_again(database: Database) {
    let server = Server::new(database);
    let admin = server.superadmin().await;
    let mut set = large();
    let dry = import(&server, &admin, "dry_run=true", set.zip()).await;
    assert_eq!(numbers(&dry), [2000, 0, 0, 0, 0], "{}", dry.text);
    assert!(everybody(&server).await.is_empty());
    let reply = import(&server, &admin, "", set.zip()).await;
    assert_eq!(numbers(&reply), [2000, 0, 0, 0, 0], "{}", reply.text);
    assert_eq!(reply.data(200)["new_classes"], 102);
    let schools = reply.data(200)["schools"].as_array().unwrap();
    assert_eq!(
        (&schools[1]["name"], &schools[1]["is_new"], &schools[1]["added"]),
        (&json!(SCHOOLS[1].1), &json!(true), &json!(667))
    );
    let before = everybody(&server).await;
    let (_, name, card, school, class, active) = &before["u100"];
    assert_eq!((name, card, &**school, *active), (&people::name(100), &Some(people::card(100)), SCHOOLS[1].1, true));
    assert_eq!(class.as_deref(), Some("Aula 16"), "the homeroom, not the first lesson");

    // The same again writes nothing.
    let times = async || -> Vec<(Instant,)> { server.rows("SELECT updated_at FROM students ORDER BY id", []).await };
    let written = times().await;
    server.wait(jiff::SignedDuration::from_hours(1));
    for query in ["", "mode=replace", "dry_run=true&mode=replace"] {
        assert_eq!(numbers(&import(&server, &admin, query, set.zip()).await), [0, 0, 2000, 0, 0], "{query}");
    }
    assert_eq!(times().await, written);
    let audited: Vec<(i64,)> = server.rows("SELECT COUNT(*) FROM audit_logs WHERE action = 'import'", []).await;
    assert_eq!(audited, [(3,)]);

    // A name, a card, a school, a status, a newcomer; one line is wrong, one is gone.
    let users = set.file("users.csv");
    *users = users.replace("u7,active,,true,\"s1\"", "u7,tobedeleted,,true,\"s1\"");
    *users = users.replace("u8,active,,true,", "u8,active,,false,");
    *users = users.replace("u9,active,,true,\"s0\"", "u9,active,,true,\"s2\"");
    *users = users.replace(&format!(",{}\n", people::card(10)), ",4711\n");
    *users = users.replace(&format!(",{}\n", people::card(11)), ",oops\n");
    *users = users.split_inclusive('\n').filter(|line| !line.starts_with("u12,")).collect();
    *users = users.replace(",u13,,", ",u13,,Te ");
    set.student("u9999", "s0", "小明", "欧阳", "815");
    let dry = import(&server, &admin, "dry_run=true", set.zip()).await;
    let reply = import(&server, &admin, "", set.zip()).await;
    assert_eq!(numbers(&reply), [1, 5, 1993, 0, 1], "{}", reply.text);
    assert_eq!(numbers(&dry), numbers(&reply));
    assert!(rejected(&reply)[0].0 == 13 && rejected(&reply)[0].1.contains("oops"), "{}", reply.text);
    let after = everybody(&server).await;
    let is_same = |key: &str| before[key] == after[key];
    assert!(is_same("u11") && is_same("u12") && is_same("u14"));
    assert!(!after["u7"].5 && !after["u8"].5);
    assert_eq!((after["u9"].0, &*after["u9"].3, &after["u9"].4), (before["u9"].0, SCHOOLS[2].1, &None));
    assert_eq!(after["u10"].2.as_deref(), Some("4711"));
    assert_eq!(after["u13"].1, format!("Te {}", before["u13"].1));
    assert_eq!(after["u9999"].1, "欧阳小明");
    // Who is missing is deactivated only when one says so, and never because his line was wrong.
    let reply = import(&server, &admin, "mode=replace", set.zip()).await;
    assert_eq!(numbers(&reply), [0, 0, 1999, 1, 1], "{}", reply.text);
    assert_eq!((everybody(&server).await["u12"].5, everybody(&server).await["u11"].5), (false, true));
}

async fn schools_and_students_that_are_there_are_adopted(database: Database) {
    let server = Server::new(database);
    let admin = server.superadmin().await;
    let school = server.school("Colegio Yachay").await;
    for (name, card) in [("Inti Quispe", "0011"), ("Killa Mamani", "12"), ("Sisa", "13")] {
        let sql = "INSERT INTO students (school_id, full_name, rfid_card_id) VALUES ($1, $2, $3)";
        server.sql(sql, [school.into(), name.into(), card.into()]).await;
    }
    server.sql("INSERT INTO classes (school_id, class_name) VALUES ($1, '5')", [school.into()]).await;
    let mut set = Set::of(&[("s", "Colegio Yachay")]);
    set.class("c", "s", "5", "homeroom");
    set.student("a", "s", "Inti", "Quispe", "11");
    set.student("b", "s", "Killa", "Condori", "12");
    set.enrol("a", "c", "s");
    set.enrol("b", "c", "s");
    let reply = import(&server, &admin, "", set.zip()).await;
    assert_eq!(numbers(&reply), [0, 2, 0, 0, 0], "{}", reply.text);
    assert_eq!(reply.data(200)["new_classes"], 0);
    let people = everybody(&server).await;
    let row = |id, name: &str, card: &str| {
        (id, name.to_owned(), Some(card.to_owned()), "Colegio Yachay".to_owned(), Some("5".to_owned()), true)
    };
    assert_eq!((&people["a"], &people["b"]), (&row(1, "Inti Quispe", "0011"), &row(2, "Killa Condori", "12")));
    // From now on his identifier is he, whatever his name and card; a namesake with another is not.
    let mut set = Set::of(&[("s", "Unidad Educativa Yachay")]);
    set.student("a", "s", "Iñaki", "Quishpe", "99");
    set.student("z", "s", "Killa", "Condori", "98");
    let reply = import(&server, &admin, "", set.zip()).await;
    assert_eq!(numbers(&reply), [1, 1, 0, 0, 0], "{}", reply.text);
    let people = everybody(&server).await;
    assert_eq!((people["a"].0, &*people["a"].1, &*people["a"].3), (1, "Iñaki Quishpe", "Unidad Educativa Yachay"));
    assert_eq!((people["b"].0, people["z"].0), (2, 4));
}

async fn a_school_is_adopted_by_a_name_that_is_its_own(database: Database) {
    let server = Server::new(database);
    let admin = server.superadmin().await;
    server.school("Escola Buriti").await;
    let schools = async |set: Set| -> Vec<(i64, bool)> {
        let reply = import(&server, &admin, "", set.zip()).await;
        let schools = reply.data(200)["schools"].as_array().unwrap();
        let row =
            |school: &serde_json::Value| (school["school_id"].as_i64().unwrap(), school["is_new"].as_bool().unwrap());
        schools.iter().map(row).collect()
    };
    // Of two that are called so, neither is it.
    let two = [("s", "Escola Buriti"), ("t", "Escola Buriti")];
    assert_eq!(schools(Set::of(&two)).await, [(2, true), (3, true)]);
    // Once they are known, a third may be.
    assert_eq!(schools(Set::of(&[two[0], two[1], ("u", "Escola Buriti")])).await, [(2, false), (3, false), (1, false)]);
    // Nor is either of two that are there.
    server.school("Õismäe Kool").await;
    server.school("Õismäe Kool").await;
    assert_eq!(schools(Set::of(&[("v", "Õismäe Kool")])).await, [(6, true)]);
}

async fn roles_stand_in_a_file_of_their_own_since_1_2(database: Database) {
    let server = Server::new(database);
    let admin = server.superadmin().await;
    let mut set = Set::of(&[("s", "Škola Bílá"), ("t", "Škola Černá")]);
    *set.file("manifest.csv") = MANIFEST.replace("version,1.1", "version,1.2");
    let users = "sourcedId,status,enabledUser,givenName,familyName,metadata.rfid_card_id\n\
        a,active,true,Růžena,Šťastná,1\nb,active,true,Žofie,Dvořáková,2\nc,active,true,Učitel,Novák,3\n";
    users.clone_into(set.file("users.csv"));
    let roles = "sourcedId,status,userSourcedId,roleType,role,orgSourcedId\n1,active,a,secondary,student,t\n\
        2,active,a,primary,student,s\n3,active,b,primary,student,t\n4,active,c,primary,teacher,s\n";
    roles.clone_into(set.file("roles.csv"));
    assert_eq!(numbers(&import(&server, &admin, "", set.zip()).await), [2, 0, 0, 0, 0]);
    let people = everybody(&server).await;
    assert_eq!((&*people["a"].3, &*people["b"].3), ("Škola Bílá", "Škola Černá"));
    // Who is no student any more is not active.
    *set.file("roles.csv") = roles.replace("3,active", "3,tobedeleted");
    assert_eq!(numbers(&import(&server, &admin, "", set.zip()).await), [0, 1, 1, 0, 0]);
    assert!(!everybody(&server).await["b"].5);
}

async fn cards_come_from_where_the_admin_says(database: Database) {
    let server = Server::new(database);
    let admin = server.superadmin().await;
    let mut set = Set::of(&[("s", "Oulun koulu")]);
    set.student("a", "s", "Väinö", "Hämäläinen", "17");
    let card = async || everybody(&server).await["a"].2.clone();
    import(&server, &admin, "", set.zip()).await.data(200);
    assert_eq!(card().await.as_deref(), Some("17"));
    import(&server, &admin, "cards=identifier", set.zip()).await.data(200);
    assert_eq!(card().await.as_deref(), Some("917"));
    // A set that says nothing of cards takes none away.
    let users = set.file("users.csv");
    *users = users.replace(",metadata.rfid_card_id", "").replace(",17\n", "\n");
    assert_eq!(numbers(&import(&server, &admin, "", set.zip()).await), [0, 0, 1, 0, 0]);
    assert_eq!(card().await.as_deref(), Some("917"));
    import(&server, &admin, "cards=elsewhere", set.zip()).await.refusal(422);
}

/// His identifier says who he is, also where nothing else does any more.
async fn replace_spares_whose_line_is_rejected(database: Database) {
    let server = Server::new(database);
    let admin = server.superadmin().await;
    let mut set = Set::of(&[("s", "Colegio Andino")]);
    set.student("a", "s", "Ana", "Ruiz", "111");
    set.student("b", "s", "Ніна", "Бойко", "112");
    set.student("c", "s", "Yaw", "Mensah", "113");
    set.student("d", "s", "Ama", "Owusu", "114");
    import(&server, &admin, "", set.zip()).await.data(200);
    let mut set = Set::of(&[("s", "Colegio Andino")]);
    // A card that cannot be read, and one that two lines have.
    set.student("a", "s", "Ana", "Ruiz Vega", "11x1");
    set.student("b", "s", "Ніна", "Шевчук", "200");
    set.student("c", "s", "Kwaku", "Mensah", "200");
    let reply = import(&server, &admin, "mode=replace", set.zip()).await;
    assert_eq!(numbers(&reply), [0, 0, 0, 1, 3], "{}", reply.text);
    let active: Vec<(String, bool)> = everybody(&server).await.into_iter().map(|(id, row)| (id, row.5)).collect();
    let expected = [("a", true), ("b", true), ("c", true), ("d", false)];
    assert_eq!(active, expected.map(|(id, is_active)| (id.to_owned(), is_active)));
}

async fn classes_are_renamed_all_at_once(database: Database) {
    let server = Server::new(database);
    let admin = server.superadmin().await;
    let year = |titles: [&str; 3]| {
        let mut set = Set::of(&[("s", "Liceul Mihai Eminescu")]);
        for (n, title) in titles.into_iter().enumerate() {
            set.class(&format!("c{n}"), "s", title, "homeroom");
            set.student(&format!("u{n}"), "s", "Ștefan", &format!("Țepeș {n}"), &(n + 1).to_string());
            set.enrol(&format!("u{n}"), &format!("c{n}"), "s");
        }
        set.zip()
    };
    let classes = async || -> BTreeSet<(i64, String, String)> {
        server.rows("SELECT id, class_name, oneroster_id FROM classes", []).await.into_iter().collect()
    };
    import(&server, &admin, "", year(["5a", "6a", "7a"])).await.data(200);
    let before = classes().await;
    let reply = import(&server, &admin, "", year(["6a", "7a", "8a"])).await;
    assert_eq!(numbers(&reply), [0, 0, 3, 0, 0], "a class that is called otherwise is the same class: {}", reply.text);
    let next = |title: &str| match title {
        "5a" => "6a".to_owned(),
        "6a" => "7a".to_owned(),
        _ => "8a".to_owned(),
    };
    let expected: BTreeSet<_> = before.into_iter().map(|(id, title, key)| (id, next(&title), key)).collect();
    assert_eq!(classes().await, expected);
    assert_eq!(everybody(&server).await["u2"].4.as_deref(), Some("8a"));
}

async fn a_set_that_cannot_be_read_is_refused_in_words(database: Database) {
    let server = Server::new(database);
    let admin = server.superadmin().await;
    let broken = |name: &'static str, text: Option<&str>| {
        let mut set = Set::of(&SCHOOLS);
        match text {
            Some(text) => text.clone_into(set.file(name)),
            None => drop(set.0.remove(name)),
        }
        set.zip()
    };
    for (zip, says) in [
        (b"full_name,rfid_card_id\n".to_vec(), "no zip"),
        (b"PK\x03\x04 and nothing else".to_vec(), "no zip"),
        (broken("manifest.csv", None), "manifest.csv"),
        (broken("manifest.csv", Some("propertyName,value\noneroster.version,1.0\n")), "1.0"),
        (broken("users.csv", None), "users.csv is missing"),
        (broken("orgs.csv", Some(ORGS)), "no org of type school"),
    ] {
        let reply = import(&server, &admin, "", zip).await;
        assert!(reply.refusal(422).contains(says), "{says}: {}", reply.text);
    }
    let schools: Vec<(i64,)> = server.rows("SELECT COUNT(*) FROM schools", []).await;
    assert_eq!(schools, [(0,)]);
}

async fn only_a_superadmin_imports_schools(database: Database) {
    let server = Server::new(database);
    let school = server.school("Escola Açaí").await;
    for role in [Role::SchoolAdmin, Role::Teacher] {
        let person = server.person(&format!("{role}@example.org"), role, Some(school)).await;
        import(&server, &person, "dry_run=true", Set::of(&SCHOOLS).zip()).await.refusal(403);
    }
    server.call(Method::POST, None, "/api/v1/schools/import-oneroster", None).await.refusal(401);
}
