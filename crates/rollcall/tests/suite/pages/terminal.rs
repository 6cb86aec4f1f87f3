//! The pages of a terminal: what they show, and what their buttons do.

use jiff::SignedDuration;
use rollcall::{accounts::Role, devices::DeviceId, school::search};
use serde_json::json;
use terminal_simulator::{Profile, Terminal};

use super::{page, submit};
use crate::{
    databases::{Database, both_databases},
    server::Reply,
    stories::campus::Campus,
};

both_databases! {
    the_students_of_a_terminal_are_searched_filtered_and_sorted,
    everybody_is_sent_again,
    a_terminal_that_is_offline_keeps_its_buttons,
    held_removals_are_decided,
    a_terminal_that_holds_people_waits_for_a_decision,
    a_difference_is_shown_side_by_side,
    what_differs_is_decided_where_it_is_shown,
    settings_are_changed_and_refused,
    a_terminal_that_may_be_another_is_confirmed,
    a_teacher_has_no_buttons,
    the_overview_says_how_long_a_change_takes,
}

const SERIAL: &str = "CJX9253300417";

async fn look(campus: &Campus, path: &str) -> Reply {
    page(&campus.world.server, &campus.admin, path).await
}

async fn press(campus: &Campus, path: &str) -> Reply {
    submit(&campus.world.server, Some(&campus.admin), path, &[]).await
}

async fn in_step(database: Database, students: usize) -> (Campus, DeviceId) {
    let mut campus = Campus::open(database).await;
    let device = campus.terminal(SERIAL, Profile::zam180()).await;
    campus.enrol_many(students).await;
    campus.in_step(device).await;
    (campus, device)
}

/// Names in the table, in its order.
fn names(reply: &Reply) -> Vec<String> {
    let rows = reply.page(200).split("<th scope=\"row\"><a").skip(1);
    rows.map(|row| row.split_once("<bdi>").unwrap().1.split_once("</bdi>").unwrap().0.to_owned()).collect()
}

async fn the_students_of_a_terminal_are_searched_filtered_and_sorted(database: Database) {
    let (mut campus, _) = in_step(database, 3).await;
    campus.enrol("Zoë Groß", "4711").await;
    campus.run_for(0).await;
    let all = look(&campus, "/terminals/1").await;
    assert_eq!(names(&all).len(), 4, "{}", all.text);
    assert_eq!(names(&look(&campus, "/terminals/1?search=ZOE").await), ["Zoë Groß"]);
    assert_eq!(names(&look(&campus, "/terminals/1?search=4711").await), ["Zoë Groß"]);
    assert_eq!(names(&look(&campus, "/terminals/1?state=pending").await), ["Zoë Groß"]);
    assert_eq!(names(&look(&campus, "/terminals/1?state=synced").await).len(), 3);
    assert_eq!(names(&look(&campus, "/terminals/1?sort=status").await)[0], "Zoë Groß");
    assert!(look(&campus, "/terminals/1?state=failed").await.page(200).contains("Nothing found."));
    assert!(look(&campus, "/terminals/1?search=%25").await.page(200).contains("Nothing found."));

    // Neither an accent nor a capital moves anybody.
    campus.enrol("Éva Kovács", "4712").await;
    campus.enrol("zz top", "4713").await;
    campus.run_for(0).await;
    let ordered = names(&look(&campus, "/terminals/1").await);
    let place = |name: &str| ordered.iter().position(|other| other == name).unwrap();
    assert!(place("Éva Kovács") < place("Zoë Groß") && place("Zoë Groß") < place("zz top"), "{ordered:?}");
    assert_eq!(names(&look(&campus, "/terminals/1?search=o").await), keep(&ordered, "o"), "however they are found");

    campus.import(10..60).await;
    campus.run_for(2).await;
    let second = look(&campus, "/terminals/1?sort=pin&page=2").await;
    assert_eq!(names(&second).len(), 6, "{}", second.text);
    assert!(second.text.contains("51–56 of 56") && second.text.contains("?sort=pin&#38;page=1"), "{}", second.text);
    assert_eq!(names(&look(&campus, "/terminals/1?page=9").await).len(), 50, "beyond the last is the first");
    page(&campus.world.server, &campus.admin, "/terminals/99").await.page(404);
}

/// Those with a letter in their names.
fn keep(names: &[String], letter: &str) -> Vec<String> {
    names.iter().filter(|name| search::fold(name).contains(letter)).cloned().collect()
}

async fn everybody_is_sent_again(database: Database) {
    let (mut campus, device) = in_step(database, 5).await;
    let reply = press(&campus, "/terminals/1/sync").await;
    assert_eq!(reply.goes_to(), "/terminals/1");
    assert!(reply.cookie("rollcall_message").unwrap().contains("5%20students"));
    assert_eq!(campus.status(device).await.numbers["pending"], 5);
    campus.in_step(device).await;

    assert_eq!(press(&campus, "/terminals/1/verify").await.goes_to(), "/terminals/1");
    campus.run_for(600).await;
    let shown = look(&campus, "/terminals/1?state=verified").await;
    assert_eq!(names(&shown).len(), 5, "{}", shown.text);

    let reply = press(&campus, "/terminals/1/students/1/retry").await;
    let message = reply.cookie("rollcall_message").unwrap();
    assert!(message.starts_with('0') && message.contains("not%20failed"), "he is not failed: {message}");
}

async fn a_terminal_that_is_offline_keeps_its_buttons(database: Database) {
    let (mut campus, _) = in_step(database, 2).await;
    campus.world.foreign("UPDATE devices SET is_online = FALSE", []).await;
    let shown = look(&campus, "/terminals/1").await;
    assert!(shown.page(200).contains("will run when it connects"), "{}", shown.text);
    assert!(shown.text.contains("action=\"/terminals/1/sync\"") && shown.text.contains("/terminals/1/verify"));
    press(&campus, "/terminals/1/sync").await.goes_to();
    campus.run_for(300).await;
    assert_eq!(names(&look(&campus, "/terminals/1?state=synced").await).len(), 2);
}

async fn held_removals_are_decided(database: Database) {
    let (mut campus, device) = in_step(database, 30).await;
    campus.world.foreign("UPDATE students SET is_active = FALSE WHERE id > 10", []).await;
    campus.run_for(120).await;
    let overview = look(&campus, "/").await;
    assert!(overview.page(200).contains("20 changes wait for your decision"), "{}", overview.text);
    let shown = look(&campus, "/terminals/1").await;
    assert!(shown.page(200).contains("20 changes wait for your decision"), "{}", shown.text);
    assert_eq!(shown.text.matches("would be removed</span>").count(), 20);
    assert_eq!(press(&campus, "/terminals/1/removals/reject").await.goes_to(), "/terminals/1");
    assert!(!look(&campus, "/terminals/1").await.page(200).contains("wait for your decision"));
    assert_eq!(campus.status(device).await.numbers["synced"], 10);
}

async fn a_terminal_that_holds_people_waits_for_a_decision(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.enrol("Ọlámidé Adébáyọ̀", "4711").await;
    campus.register(SERIAL).await;
    let mut terminal = Terminal::new(SERIAL, Profile::zam180(), 1);
    terminal.edit_at_keypad("7", "Somebody", None);
    campus.world.plug_in(terminal);
    campus.run_for(120).await;
    let overview = look(&campus, "/").await;
    assert!(overview.page(200).contains("already holds 1 person"), "{}", overview.text);
    assert!(look(&campus, "/terminals/1").await.page(200).contains("action=\"/terminals/1/takeover\""));
    press(&campus, "/terminals/1/takeover").await.goes_to();
    campus.run_for(300).await;
    assert_eq!(names(&look(&campus, "/terminals/1?state=synced").await), ["Ọlámidé Adébáyọ̀"]);
}

async fn a_difference_is_shown_side_by_side(database: Database) {
    let (mut campus, _) = in_step(database, 3).await;
    press(&campus, "/terminals/1/verify").await.goes_to();
    campus.run_for(600).await;
    assert!(look(&campus, "/terminals/1/drift").await.page(200).contains("Nothing differs"));
    campus
        .world
        .foreign(
            "INSERT INTO device_drift (device_id, device_pin, student_id, kind, field, ours, theirs, found_at, found_last_at)
             SELECT 1, '2', 2, 'different', 'name', 'Wiremu', 'Wiermu', created_at, created_at FROM devices
             UNION ALL SELECT 1, '77', NULL, 'stranger', NULL, NULL, 'Nobody knows', created_at, created_at FROM devices",
            [],
        )
        .await;
    let shown = look(&campus, "/terminals/1/drift").await;
    let text = shown.page(200);
    for part in ["<bdi>Wiremu</bdi>", "<bdi>Wiermu</bdi>", "<bdi>Nobody knows</bdi>", ">stranger<", "Different"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(look(&campus, "/").await.page(200).contains("1 differs"));
    let timeline = look(&campus, "/terminals/1/students/2").await;
    assert!(timeline.page(200).contains("Difference found") && timeline.text.contains("Acknowledged"));
}

async fn what_differs_is_decided_where_it_is_shown(database: Database) {
    let (mut campus, device) = in_step(database, 3).await;
    for (pin, name, card) in [("9001", "Zoë", Some(555)), ("9002", "Visitor", None), ("9003", "Caretaker", None)] {
        campus.world.fleet.terminal(0).edit_at_keypad(pin, name, card);
    }
    press(&campus, "/terminals/1/verify").await.goes_to();
    campus.run_for(600).await;
    // Her card is on the terminal already, so she is not written beside herself.
    let zoe = campus.enrol("Zoë Groß", "555").await;
    campus.run_for(600).await;
    let shown = look(&campus, "/terminals/1/drift").await;
    assert!(shown.page(200).contains("Link 9001 to Zoë Groß"), "{}", shown.text);

    let path = "/terminals/1/takeover/people";
    let decide = async |campus: &Campus, pin: &str, decision: &str, student: &str| {
        let fields = [("from", "drift"), ("pin", pin), ("decision", decision), ("student_id", student)];
        let given = fields.iter().filter(|(_, value)| !value.is_empty()).copied().collect::<Vec<_>>();
        let reply = submit(&campus.world.server, Some(&campus.admin), path, &given).await;
        assert_eq!(reply.goes_to(), "/terminals/1/drift");
    };
    decide(&campus, "9001", "link", &zoe.to_string()).await;
    decide(&campus, "9002", "remove", "").await;
    decide(&campus, "9003", "keep", "").await;
    campus.run_for(1200).await;
    assert_eq!(campus.held(device, zoe).await, Some(("Zoë Groß".to_owned(), Some(555))));
    assert_eq!(campus.pin(device, zoe).await.as_deref(), Some("9001"));
    let there: Vec<&str> = campus.world.fleet.terminals()[0].users().keys().map(String::as_str).collect();
    assert!(!there.contains(&"9002") && there.contains(&"9003"), "{there:?}");
    let shown = look(&campus, "/terminals/1/drift").await;
    assert!(shown.page(200).contains("stays by decision") && !shown.text.contains("Keep PIN 9003"), "{}", shown.text);

    assert_eq!(press(&campus, "/terminals/1/students/1/push").await.goes_to(), "/terminals/1/drift");
    assert_eq!(campus.status(device).await.numbers["pending"], 1, "he is written again");
    campus.run_for(120).await;
    assert_eq!(campus.status(device).await.numbers["synced"], 4);
    campus.world.foreign("UPDATE students SET is_active = FALSE", []).await;
    campus.run_for(60).await;
    let refused = campus.post("/api/v1/device/1/students/1/push", json!(null)).await;
    assert!(refused.status == 409 && refused.text.contains("approve or reject"), "{}", refused.text);
}

async fn the_overview_says_how_long_a_change_takes(database: Database) {
    let (mut campus, device) = in_step(database, 1).await;
    campus.cut_the_line(0, SignedDuration::from_secs(600));
    campus.enrol("Zoë Groß", "4711").await;
    campus.run_for(700).await;
    campus.in_step(device).await;
    let seconds = campus.world.number("SELECT reach_seconds FROM device_delivery").await;
    assert!((600..1200).contains(&seconds), "as long as the line was cut: {seconds}");
    let minutes = format!("<dd>{} minutes</dd>", (seconds + 30) / 60);
    let overview = look(&campus, "/").await;
    assert!(
        overview.page(200).contains("From edit to terminal") && overview.text.contains(&minutes),
        "{}",
        overview.text
    );
}

async fn settings_are_changed_and_refused(database: Database) {
    let (campus, device) = in_step(database, 1).await;
    let save = async |name: &str, zone: &str, window: &str, addresses: &str| {
        let fields = [
            ("device_name", name),
            ("timezone", zone),
            ("strangers", "remove"),
            ("maintenance_window", window),
            ("allowed_addresses", addresses),
            ("is_active", "yes"),
        ];
        submit(&campus.world.server, Some(&campus.admin), "/terminals/1/settings", &fields).await
    };
    assert!(save("Puerta", "Mars/Olympus", "", "").await.page(422).contains("Mars/Olympus"));
    assert!(save("Puerta", "", "at night", "").await.page(422).contains("no hours"));
    assert!(save("Puerta", "", "", "the gate").await.page(422).contains("no network"));
    let saved = save("Puerta norte", "Asia/Kathmandu", "22:00-04:00", "10.20.3.4/16 192.0.2.7").await;
    assert_eq!(saved.goes_to(), "/terminals/1/settings");
    assert!(look(&campus, "/terminals/1/settings").await.page(200).contains("value=\"10.20.0.0/16, 192.0.2.7\""));
    let shown = campus.get(&format!("/api/v1/devices/{device}")).await;
    let shown = shown.data(200);
    assert_eq!(
        json!([shown["device_name"], shown["timezone"], shown["strangers"], shown["is_active"]]),
        json!(["Puerta norte", "Asia/Kathmandu", "remove", true])
    );
}

async fn a_terminal_that_may_be_another_is_confirmed(database: Database) {
    let (campus, device) = in_step(database, 1).await;
    let path = format!("/api/v1/device/{device}/confirm");
    assert_eq!(campus.post(&path, json!({})).await.refusal(409), "nobody doubts this terminal");
    let suspected =
        "UPDATE devices SET suspicion = 'addresses', suspected_at = updated_at, former_address = '198.51.100.9'";
    campus.world.foreign(suspected, []).await;
    let overview = look(&campus, "/").await;
    assert!(overview.page(200).contains("may be another device under its serial number"), "{}", overview.text);
    let shown = look(&campus, "/terminals/1").await;
    assert!(shown.page(200).contains("It calls from 192.0.2.10 and 198.51.100.9 in turn."), "{}", shown.text);
    assert_eq!(campus.get(&format!("/api/v1/devices/{device}")).await.data(200)["suspicion"], "addresses");
    let metrics = "rollcall_terminals{state=\"suspected\"} 1\n";
    let told = campus.world.server.get(&campus.superadmin, "/metrics").await;
    assert!(told.text.contains(metrics), "{}", told.text);

    let reply = press(&campus, "/terminals/1/confirm").await;
    assert_eq!(reply.goes_to(), "/terminals/1");
    assert!(reply.cookie("rollcall_message").unwrap().contains("Confirmed"));
    assert!(!look(&campus, "/terminals/1").await.page(200).contains("in turn"));
    assert!(look(&campus, "/audit").await.page(200).contains("confirm"));
}

async fn a_teacher_has_no_buttons(database: Database) {
    let (campus, _) = in_step(database, 1).await;
    let server = &campus.world.server;
    let teacher = server.person("nino.beridze@example.org", Role::Teacher, Some(campus.school)).await;
    let shown = page(server, &teacher, "/terminals/1").await;
    assert!(!shown.page(200).contains("method=\"post\" action=\"/terminals/"), "{}", shown.text);
    for deed in ["sync", "verify", "students/1/retry", "removals/approve", "removals/reject", "takeover", "confirm"] {
        submit(server, Some(&teacher), &format!("/terminals/1/{deed}"), &[]).await.page(403);
    }
}
