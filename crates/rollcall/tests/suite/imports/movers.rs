//! Students who change school, by a set of OneRoster files.

use serde_json::json;

use super::{
    numbers,
    oneroster::{Set, everybody, import},
    rejected,
};
use crate::{
    databases::{Database, both_databases},
    server::Server,
    stories::people,
};

both_databases! {
    what_the_guard_would_hold_is_said_before,
    a_school_that_the_set_does_not_name_loses_whom_the_set_takes,
    replace_spares_who_changes_school_and_whose_line_is_rejected,
    who_cannot_come_keeps_his_card_where_he_is,
}

async fn what_the_guard_would_hold_is_said_before(database: Database) {
    let server = Server::new(database);
    let admin = server.superadmin().await;
    let mut set = Set::of(&[("s", "Põhikool"), ("t", "Gümnaasium")]);
    for n in 0..30 {
        set.student(&format!("u{n}"), "s", "Õie", &format!("Mägi {n}"), &people::card(n));
    }
    import(&server, &admin, "", set.zip()).await.data(200);
    let gate = "INSERT INTO devices (school_id, serial_number, device_name, start_state) VALUES (1, 'GED1', 'Värav', 'writing')";
    server.sql(gate, []).await;
    import(&server, &admin, "", set.zip()).await.data(200);
    let arrived = "UPDATE device_user_sync_status SET confirmed_version = wanted_version, is_held = TRUE,
        held_card_number = (SELECT card_number FROM students WHERE students.id = student_id)";
    server.sql(arrived, []).await;
    server.sql("UPDATE device_commands SET status = 'completed'", []).await;
    // Fifteen change to the other school.
    let users = set.file("users.csv");
    for n in 0..15 {
        *users = users.replace(&format!("u{n},active,,true,\"s\""), &format!("u{n},active,,true,\"t\""));
    }
    let dry = import(&server, &admin, "dry_run=true", set.zip()).await;
    let held = &dry.data(200)["held"];
    assert_eq!((&held[0]["serial_number"], &held[0]["removals"]), (&json!("GED1"), &json!(15)), "{}", dry.text);
    assert!(held[0]["reason"].as_str().unwrap().starts_with("15 of 30 people"), "{held}");
    let run = import(&server, &admin, "", set.zip()).await;
    assert_eq!((&run.data(200)["held"], numbers(&run)), (held, [0, 15, 15, 0, 0]));
}

/// He must not open the former school's door any more.
async fn a_school_that_the_set_does_not_name_loses_whom_the_set_takes(database: Database) {
    let server = Server::new(database);
    let admin = server.superadmin().await;
    let mut set = Set::of(&[("s", "Põhikool")]);
    set.student("u1", "s", "Õie", "Mägi", "71");
    set.student("u2", "s", "Urmas", "Lepp", "72");
    import(&server, &admin, "", set.zip()).await.data(200);
    let gate = "INSERT INTO devices (school_id, serial_number, device_name, start_state) VALUES (1, 'GED1', 'Värav', 'writing')";
    server.sql(gate, []).await;
    import(&server, &admin, "", set.zip()).await.data(200);
    let arrived = "UPDATE device_user_sync_status SET confirmed_version = wanted_version, is_held = TRUE";
    server.sql(arrived, []).await;
    server.sql("UPDATE device_commands SET status = 'completed'", []).await;

    let mut other = Set::of(&[("t", "Gümnaasium")]);
    other.student("u1", "t", "Õie", "Mägi", "71");
    for query in ["dry_run=true", ""] {
        let reply = import(&server, &admin, query, other.zip()).await;
        let former = &reply.data(200)["schools"][1];
        assert_eq!((&former["name"], &former["left"], &former["changed"]), (&json!("Põhikool"), &json!(1), &json!(0)));
    }
    let audited = "SELECT details FROM audit_logs WHERE action = 'import' AND school_id = 1 ORDER BY id DESC LIMIT 1";
    let audited: Vec<(String,)> = server.rows(audited, []).await;
    assert!(audited[0].0.contains("\"left\":1"), "{audited:?}");
    let removed = "SELECT s.oneroster_id FROM device_commands c JOIN students s ON s.id = c.student_id
        WHERE c.status = 'pending' AND c.command_type = 'delete_user'";
    let removed: Vec<(String,)> = server.rows(removed, []).await;
    assert_eq!(removed, [("u1".to_owned(),)]);
}

async fn replace_spares_who_changes_school_and_whose_line_is_rejected(database: Database) {
    let server = Server::new(database);
    let admin = server.superadmin().await;
    let schools = [("s", "Escola Açaí"), ("t", "Escola Buriti")];
    let mut set = Set::of(&schools);
    set.student("a", "s", "Inês", "Araújo", "51");
    set.student("b", "t", "João", "Conceição", "52");
    import(&server, &admin, "", set.zip()).await.data(200);
    let mut set = Set::of(&schools);
    set.student("a", "t", "Inês", "Araújo", "5-1");
    set.student("b", "s", "João", "Conceição", "5-2");
    let reply = import(&server, &admin, "mode=replace", set.zip()).await;
    assert_eq!(numbers(&reply), [0, 0, 0, 0, 2], "{}", reply.text);
    let people = everybody(&server).await;
    assert_eq!((people["a"].5, people["b"].5), (true, true));
}

/// Somebody else holds his card in the school to which he would go. So he stays, and whoever would have had it there does not
/// get it; nor does who would have had that one's, in a third.
async fn who_cannot_come_keeps_his_card_where_he_is(database: Database) {
    let server = Server::new(database);
    let admin = server.superadmin().await;
    let schools = [("s", "Escola Açaí"), ("t", "Escola Buriti"), ("u", "Escola Cajá")];
    let mut set = Set::of(&schools);
    set.student("a", "s", "Inês", "Araújo", "51");
    set.student("b", "s", "João", "Conceição", "52");
    set.student("c", "t", "Zélia", "Brandão", "53");
    set.student("d", "u", "Caetano", "Simões", "54");
    import(&server, &admin, "", set.zip()).await.data(200);
    let before = everybody(&server).await;

    let mut set = Set::of(&schools);
    set.student("c", "t", "Zélia", "Brandão", "5-3");
    set.student("a", "t", "Inês", "Araújo", "53");
    set.student("b", "s", "João", "Conceição", "51");
    set.student("d", "s", "Caetano", "Simões", "52");
    for query in ["", "mode=replace"] {
        let dry = import(&server, &admin, &format!("dry_run=true&{query}"), set.zip()).await;
        let run = import(&server, &admin, query, set.zip()).await;
        assert_eq!((numbers(&dry), numbers(&run)), ([0, 0, 0, 0, 4], [0, 0, 0, 0, 4]), "{}", run.text);
        let reasons = rejected(&run).into_iter().map(|(_, reason)| reason);
        for (reason, words) in reasons.zip(["5-3", "Zélia Brandão", "Inês Araújo", "João Conceição"]) {
            assert!(reason.contains(words), "{}", run.text);
        }
        assert_eq!(everybody(&server).await, before);
    }
    // When hers is another, all go.
    let users = set.file("users.csv");
    *users = users.replace("5-3", "55");
    assert_eq!(numbers(&import(&server, &admin, "", set.zip()).await), [0, 4, 0, 0, 0]);
    let cards: Vec<(Option<String>, String)> =
        everybody(&server).await.into_values().map(|(_, _, card, school, ..)| (card, school)).collect();
    let is = |card: &str, school: usize| (Some(card.to_owned()), schools[school].1.to_owned());
    assert_eq!(cards, [is("53", 1), is("51", 0), is("55", 1), is("52", 0)]);
}
