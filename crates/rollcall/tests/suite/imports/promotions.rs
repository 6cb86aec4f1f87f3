//! A new school year: who comes to another class and gets another card in the same file stays who he is.

use super::{
    Office, numbers,
    oneroster::{Set, everybody, import},
    rejected,
};
use crate::{
    databases::{Database, both_databases},
    server::Server,
};

both_databases! {
    whoever_is_promoted_with_another_card_stays_who_he_is,
    a_card_that_was_handed_on_makes_nobody_another,
    in_a_file_of_some_a_name_in_another_class_is_somebody_else,
    a_name_that_is_not_ones_alone_tells_nothing,
    a_former_namesake_does_not_come_back_instead,
    students_without_an_identifier_are_adopted_when_they_are_promoted,
}

const HEADER: &str = "full_name,rfid_card_id,class_name\n";

/// id, name, card, class, active.
type Who = (i64, String, String, String, bool);

async fn everyone(office: &Office) -> Vec<Who> {
    let sql = "SELECT students.id, full_name, rfid_card_id, class_name, is_active
        FROM students JOIN classes ON classes.id = class_id ORDER BY students.id";
    office.server.rows(sql, []).await
}

fn who(id: i64, name: &str, card: &str, class: &str, is_active: bool) -> Who {
    (id, name.to_owned(), card.to_owned(), class.to_owned(), is_active)
}

async fn whoever_is_promoted_with_another_card_stays_who_he_is(database: Database) {
    let office = Office::open(database).await;
    office.import(format!("{HEADER}Anahí,1,5\nBùi,2,5\nÇelik,3,5\nĐào,4,5\n")).await.data(200);
    // Their cards go round, but for one who gets a new one, and is typed otherwise.
    let file = format!("{HEADER}Anahí,2,6\nBùi,3,6\nÇelik,1,6\nDAO,7,6\n");
    let dry = office.import_with("&mode=replace&dry_run=true", &file).await;
    let reply = office.import_with("&mode=replace", &file).await;
    assert_eq!((numbers(&dry), numbers(&reply)), ([0, 4, 0, 0, 0], [0, 4, 0, 0, 0]), "{}", reply.text);
    let expected = [("Anahí", "2"), ("Bùi", "3"), ("Çelik", "1"), ("DAO", "7")];
    let expected = (1..).zip(expected).map(|(id, (name, card))| who(id, name, card, "6", true));
    assert_eq!(everyone(&office).await, expected.collect::<Vec<_>>());
}

/// She leaves, and he gets her card: by the card alone he would become her.
async fn a_card_that_was_handed_on_makes_nobody_another(database: Database) {
    let office = Office::open(database).await;
    office.import(format!("{HEADER}Anahí,1,5\nBùi,2,5\n")).await.data(200);
    let reply = office.import_with("&mode=replace", format!("{HEADER}Bùi,1,6\nÇelik,2,5\n")).await;
    assert_eq!(numbers(&reply), [1, 1, 0, 1, 0], "{}", reply.text);
    let expected = [who(1, "Anahí", "1", "5", false), who(2, "Bùi", "1", "6", true), who(3, "Çelik", "2", "5", true)];
    assert_eq!(everyone(&office).await, expected);
}

async fn in_a_file_of_some_a_name_in_another_class_is_somebody_else(database: Database) {
    let office = Office::open(database).await;
    office.import(format!("{HEADER}Anahí,1,5\nBùi,2,5\nÇelik,3,5\n")).await.data(200);
    let before = everyone(&office).await;
    let reply = office.import(format!("{HEADER}Anahí,2,6\nBùi,3,6\nÇelik,1,6\n")).await;
    assert_eq!(numbers(&reply), [0, 0, 0, 0, 3], "{}", reply.text);
    assert!(rejected(&reply)[0].1.contains("Bùi (student 2) has this card"), "{}", reply.text);
    assert_eq!(everyone(&office).await, before);
    let reply = office.import(format!("{HEADER}Anahí,7,1\n")).await;
    assert_eq!(numbers(&reply), [1, 0, 0, 0, 0], "{}", reply.text);
    assert_eq!(everyone(&office).await[..3], before);
}

async fn a_name_that_is_not_ones_alone_tells_nothing(database: Database) {
    let office = Office::open(database).await;
    office.import(format!("{HEADER}Anahí,1,4\nAnahí,2,5\nBùi,3,5\nÇelik,4,5\nĐào,5,5\n")).await.data(200);
    // Two have it in the school, two lines have it, and the line that is his may be one that was rejected.
    let file = format!("{HEADER}Anahí,11,6\nBùi,13,6\nBùi,14,7\nÇelik,15,6\nÇelik,1-6,7\nĐào,5,6\n");
    let reply = office.import_with("&mode=replace", file).await;
    assert_eq!(numbers(&reply), [4, 1, 0, 3, 1], "{}", reply.text);
    let active: Vec<(i64, bool)> = everyone(&office).await.into_iter().map(|row| (row.0, row.4)).collect();
    assert_eq!(active[..5], [(1, false), (2, false), (3, false), (4, true), (5, true)]);
}

async fn a_former_namesake_does_not_come_back_instead(database: Database) {
    let office = Office::open(database).await;
    let header = "full_name,rfid_card_id,class_name,is_active\n";
    office.import(format!("{header}Anahí,1,6,no\nAnahí,2,5,yes\n")).await.data(200);
    let reply = office.import_with("&mode=replace", format!("{HEADER}Anahí,7,6\n")).await;
    assert_eq!(numbers(&reply), [0, 1, 0, 0, 0], "{}", reply.text);
    assert_eq!(everyone(&office).await, [who(1, "Anahí", "1", "6", false), who(2, "Anahí", "7", "6", true)]);
}

async fn students_without_an_identifier_are_adopted_when_they_are_promoted(database: Database) {
    let server = Server::new(database);
    let admin = server.superadmin().await;
    let school = server.school("Ysgol Gyfun Gŵyr").await;
    server.sql("INSERT INTO classes (school_id, class_name) VALUES ($1, '5')", [school.into()]).await;
    for (name, card) in [("Anahí Ruiz", "1"), ("Bùi Minh", "2"), ("Çelik Yılmaz", "3")] {
        let sql = "INSERT INTO students (school_id, class_id, full_name, rfid_card_id) VALUES ($1, 1, $2, $3)";
        server.sql(sql, [school.into(), name.into(), card.into()]).await;
    }
    let year = |ids: [&str; 3], cards: [&str; 3]| {
        let mut set = Set::of(&[("s", "Ysgol Gyfun Gŵyr")]);
        set.class("c", "s", "6", "homeroom");
        let names = [("Anahí", "Ruiz"), ("Bùi", "Minh"), ("Çelik", "Yılmaz")];
        for ((id, (given, family)), card) in ids.into_iter().zip(names).zip(cards) {
            set.student(id, "s", given, family, card);
            set.enrol(id, "c", "s");
        }
        set.zip()
    };
    let set = year(["a", "b", "c"], ["2", "3", "1"]);
    let reply = import(&server, &admin, "mode=merge", set.clone()).await;
    assert_eq!(numbers(&reply), [0, 0, 0, 0, 3], "{}", reply.text);
    let reply = import(&server, &admin, "mode=replace", set).await;
    assert_eq!(numbers(&reply), [0, 3, 0, 0, 0], "{}", reply.text);
    let people = everybody(&server).await;
    let ids = |keys: [&str; 3]| keys.map(|key| (people[key].0, people[key].2.as_deref()));
    assert_eq!(ids(["a", "b", "c"]), [(1, Some("2")), (2, Some("3")), (3, Some("1"))]);
    // An identifier on both sides decides alone.
    let reply = import(&server, &admin, "mode=replace", year(["a", "b", "z"], ["2", "3", "9"])).await;
    assert_eq!(numbers(&reply), [1, 0, 2, 1, 0], "{}", reply.text);
    assert!(!everybody(&server).await["c"].5);
}
