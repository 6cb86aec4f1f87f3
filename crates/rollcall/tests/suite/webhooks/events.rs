//! Each event has its real cause, and is told once.

use jiff::SignedDuration;
use rollcall::{
    loops,
    webhooks::silence::{NOTED_AGAIN, SILENT_AFTER},
};
use serde_json::{Value as Json, json};
use terminal_simulator::{CapacityTold, HeldUser, Profile, Terminal};

use super::{
    Told,
    receiver::{Got, Receiver},
};
use crate::databases::{Database, both_databases};

both_databases! {
    a_punch_is_told_with_its_student,
    whoever_is_verified_is_told_in_one_message,
    whoever_failed_is_told_once_with_the_reason,
    why_somebody_failed_names_no_card_and_nobody_else,
    whoever_is_of_another_school_is_named_to_nobody,
    a_terminal_falls_silent_and_comes_back,
    a_terminal_that_comes_and_goes_floods_nobody,
    a_silent_terminal_on_a_holiday_is_no_alarm,
    a_server_that_was_just_started_accuses_nobody,
    a_server_whose_clock_was_stepped_accuses_nobody,
    whoever_was_heard_just_now_is_not_silent,
    back_is_who_was_seen_after_it_was_silent,
    removals_that_are_held_are_told,
    strangers_who_are_held_are_told,
    a_terminal_that_is_nearly_full_is_told_once,
    punches_out_of_quarantine_are_told,
    nobody_is_told_of_another_school,
    whoever_was_erased_is_named_to_nobody,
}

const SERIAL: &str = "CJX9253300417";

fn column<'a>(got: &'a [Got], pointer: &str) -> Vec<&'a Json> {
    got.iter().flat_map(Got::events).map(|event| event.pointer(pointer).unwrap_or(&Json::Null)).collect()
}

async fn a_punch_is_told_with_its_student(database: Database) {
    let mut told = Told::of(database, &["punch.stored"]).await;
    let campus = &mut told.campus;
    let student = campus.enrol("Ayşe Yılmaz", "4711").await;
    let gate = campus.terminal(SERIAL, Profile::zam180()).await;
    campus.in_step(gate).await;
    let at = campus.world.fleet.terminals()[0].local(campus.world.now());
    let before = campus.world.now();
    campus.world.fleet.terminal(0).punch("1", at);
    campus.run_for(30).await;

    told.send().await;
    let got = told.receiver.one();
    assert!(got.is_signed_with(&told.secret), "{got:#?}");
    assert!(!got.is_signed_with("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
    assert!(got.id.starts_with("msg_") && got.path == "/hooks/very-secret?of=us", "{got:#?}");
    assert_eq!(got.timestamp, told.campus.world.now().as_second());
    assert_eq!((got.kind(), got.events().len()), ("punch.stored", 1));
    let event = &got.events()[0];
    assert_eq!(event["school"], json!({"id": told.campus.school, "name": "Colegio Yachay"}));
    assert_eq!(event["terminal"], json!({"id": gate, "serial_number": SERIAL, "name": format!("Gate {SERIAL}")}));
    let known = json!({"id": student, "full_name": "Ayşe Yılmaz", "class_name": null, "section_name": null,
        "roll_number": null});
    assert_eq!(event["student"], known);
    let punch = &event["punch"];
    assert_eq!(punch["pin"], "1");
    assert_eq!(punch["punched_at_local"], at.strftime("%Y-%m-%dT%H:%M:%S").to_string());
    // Quito is five hours behind.
    assert_eq!(punch["punched_at"], before.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());

    // The terminal did not hear the answer and sends it again.
    told.campus.world.fleet.terminal(0).punch("1", at);
    told.campus.run_for(60).await;
    assert_eq!(told.send_all().await.len(), 0);
    assert_eq!(told.waiting().await, 0);
}

async fn whoever_is_verified_is_told_in_one_message(database: Database) {
    let mut told = Told::of(database, &["student.verified"]).await;
    let gate = told.campus.terminal(SERIAL, Profile::zam180()).await;
    told.campus.import(0..1_000).await;
    told.campus.in_step(gate).await;
    assert_eq!(told.send_all().await.len(), 0, "the terminal said yes, which proves nothing");
    told.campus.read_back(gate).await;
    let got = told.send_all().await;
    let events: usize = got.iter().map(|got| got.events().len()).sum();
    assert_eq!((got.len(), events), (1, 1_000));
    assert!(column(&got, "/on_terminal").iter().all(|held| **held == json!(true)));
    let first = &got[0].events()[0]["student"];
    assert!(first["full_name"].is_string() && first["id"].is_i64(), "{first}");
    let mut ids = column(&got, "/id");
    ids.dedup();
    assert_eq!(ids.len(), 1_000);

    told.campus.read_back(gate).await;
    assert_eq!(told.send_all().await.len(), 0, "that is no news any more");

    let gone = rollcall::school::StudentId(1);
    told.campus.remove(gone).await;
    told.campus.in_step(gate).await;
    told.campus.read_back(gate).await;
    let got = told.send_all().await;
    assert_eq!(column(&got, "/student/id"), [&json!(gone)]);
    assert_eq!(column(&got, "/on_terminal"), [&json!(false)]);
}

async fn whoever_failed_is_told_once_with_the_reason(database: Database) {
    let mut told = Told::of(database, &["student.failed"]).await;
    let gate = told.campus.terminal(SERIAL, Profile::zam180()).await;
    told.campus.enrol("Mbali Dlamini", "4711").await;
    told.campus.in_step(gate).await;
    let sql = "INSERT INTO students (school_id, full_name, rfid_card_id) VALUES ($1, 'Ольга Іваненко', 'no card')";
    told.campus.world.foreign(sql, [told.campus.school.into()]).await;
    told.campus.run_for(60).await;
    let got = told.send_all().await;
    assert_eq!(column(&got, "/student/full_name"), [&json!("Ольга Іваненко")]);
    assert_eq!(column(&got, "/reason"), [&json!("the card cannot be represented on the terminal")]);
    assert_eq!(got[0].events()[0]["terminal"]["serial_number"], SERIAL);

    // He is tried again with a reading, three times, and when somebody wants it.
    told.campus.read_back(gate).await;
    let retry = format!("/api/v1/device/{gate}/students/{}/retry", got[0].events()[0]["student"]["id"]);
    told.campus.post(&retry, json!({})).await.data(200);
    assert_eq!(told.send_all().await.len(), 0, "the same is told once a day");
    told.campus.world.clock.advance(SignedDuration::from_hours(24));
    told.campus.post(&retry, json!({})).await.data(200);
    assert_eq!(column(&told.send_all().await, "/student/full_name"), [&json!("Ольга Іваненко")]);
}

async fn why_somebody_failed_names_no_card_and_nobody_else(database: Database) {
    let mut told = Told::of(database, &["student.failed"]).await;
    let gate = told.campus.terminal(SERIAL, Profile::zam180()).await;
    told.campus.enrol("Mbali Dlamini", "471147").await;
    let kept = told.campus.enrol("Þórdís Jónsdóttir", "815815").await;
    told.campus.in_step(gate).await;
    let sql = "INSERT INTO students (school_id, full_name, rfid_card_id) VALUES ($1, 'Ольга Іваненко', '471147')";
    told.campus.world.foreign(sql, [told.campus.school.into()]).await;
    told.campus.run_for(60).await;
    let got = told.send_all().await;
    assert_eq!(column(&got, "/student/full_name"), [&json!("Ольга Іваненко")]);
    assert_eq!(column(&got, "/reason"), [&json!("another student of the school has the same card")]);
    assert!(!got[0].text.contains("471147") && !got[0].text.contains("Mbali"), "{}", got[0].text);

    // What is stored for a person has the card, and what the terminal has instead.
    let words = "the terminal keeps changing it back: card should be \"815815\" and is \"471147\"";
    let sql =
        "UPDATE device_user_sync_status SET failed_version = wanted_version, error_message = $2 WHERE student_id = $1";
    told.campus.world.foreign(sql, [kept.into(), words.into()]).await;
    let app = told.campus.world.app.clone();
    let mut tx = app.db.write().await.unwrap();
    let failed = [(kept, words.to_owned())];
    rollcall::webhooks::outbox::failed(&mut tx, gate, &failed, app.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    let got = told.send_all().await;
    assert_eq!(column(&got, "/student/full_name"), [&json!("Þórdís Jónsdóttir")]);
    assert_eq!(column(&got, "/reason"), [&json!("the terminal keeps changing it back")]);
    assert!(!got[0].text.contains("815815") && !got[0].text.contains("471147"), "{}", got[0].text);
}

async fn whoever_is_of_another_school_is_named_to_nobody(database: Database) {
    let mut told = Told::of(database, &["student.verified", "punch.stored"]).await;
    let student = told.campus.enrol("Ngozi Okafor", "4711").await;
    let gate = told.campus.terminal(SERIAL, Profile::zam180()).await;
    told.campus.in_step(gate).await;
    told.campus.read_back(gate).await;
    assert_eq!(column(&told.send_all().await, "/student/full_name"), [&json!("Ngozi Okafor")]);

    // The terminal moves to a school whose programs never knew her, and she is taken from it.
    let other = told.campus.world.server.school("中关村第一小学").await;
    let there = Receiver::start().await;
    let body = json!({"school_id": other, "url": there.url, "events": ["student.verified", "punch.stored"]});
    told.campus.world.server.post(&told.campus.superadmin, "/api/v1/webhooks", body).await.data(201);
    let path = format!("/api/v1/devices/{gate}");
    told.campus.world.server.put(&told.campus.superadmin, &path, json!({"school_id": other})).await.data(200);
    let at = told.campus.world.fleet.terminals()[0].local(told.campus.world.now());
    told.campus.world.fleet.terminal(0).punch("1", at);
    told.campus.quiet(gate).await;
    let approve = format!("/api/v1/device/{gate}/removals/approve");
    told.campus.world.server.post(&told.campus.superadmin, &approve, json!({})).await.data(200);
    told.campus.read_back(gate).await;
    assert_eq!(told.send_all().await.len(), 0, "it is not theirs any more");
    let got = there.take();
    let of = |kind: &str| got.iter().filter(|got| got.kind() == kind).cloned().collect::<Vec<_>>();
    assert_eq!(column(&of("punch.stored"), "/student"), [&Json::Null]);
    assert_eq!(column(&of("student.verified"), "/student"), [&json!({"id": student})]);
    assert_eq!(column(&of("student.verified"), "/on_terminal"), [&json!(false)]);
    assert!(got.iter().all(|got| !got.text.contains("Ngozi")), "{got:#?}");
}

/// Time passes, with what the loops do about it.
async fn pass(told: &mut Told, time: SignedDuration) {
    told.campus.world.run_for(time).await;
    loops::note_silences(&told.campus.world.app).await.unwrap();
    told.send().await;
}

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

async fn a_terminal_falls_silent_and_comes_back(database: Database) {
    let mut told = Told::of(database, &["terminal.silent", "terminal.back"]).await;
    let gate = told.campus.terminal(SERIAL, Profile::zam180()).await;
    pass(&mut told, minutes(10)).await;
    assert_eq!(told.receiver.take().len(), 0);
    let now = told.campus.world.now();
    told.campus.cut_the_line(0, minutes(67));
    pass(&mut told, SILENT_AFTER - minutes(1)).await;
    assert_eq!(told.receiver.take().len(), 0, "it may have been restarted");
    pass(&mut told, minutes(2)).await;
    let silent = told.receiver.one();
    assert_eq!(silent.kind(), "terminal.silent");
    let event = &silent.events()[0];
    assert_eq!((&event["terminal"]["id"], &event["school"]["name"]), (&json!(gate), &json!("Colegio Yachay")));
    let seen: jiff::Timestamp = event["last_seen"].as_str().unwrap().parse().unwrap();
    assert!(now.duration_since(seen).abs() < minutes(1), "{event}");
    pass(&mut told, minutes(60)).await;
    assert_eq!(told.receiver.take().len(), 0, "once");

    pass(&mut told, minutes(5)).await;
    let back = told.receiver.one();
    assert_eq!(back.kind(), "terminal.back");
    assert_eq!(back.events()[0]["silent_since"], event["last_seen"]);
    let seconds = back.events()[0]["silent_for_seconds"].as_i64().unwrap();
    assert!((66 * 60..72 * 60).contains(&seconds), "{seconds}");
}

async fn a_terminal_that_comes_and_goes_floods_nobody(database: Database) {
    let mut told = Told::of(database, &["terminal.silent", "terminal.back"]).await;
    told.campus.terminal(SERIAL, Profile::zam180()).await;
    pass(&mut told, minutes(10)).await;
    let mut kinds = Vec::new();
    // Six minutes away, two minutes there, for more than an hour and a half.
    for _ in 0..13 {
        told.campus.cut_the_line(0, minutes(6));
        pass(&mut told, minutes(6)).await;
        pass(&mut told, minutes(2)).await;
        kinds.extend(told.receiver.take().iter().map(|got| got.kind().to_owned()));
    }
    let silent = kinds.iter().filter(|kind| *kind == "terminal.silent").count() as i64;
    assert!((3..=104 / NOTED_AGAIN.as_mins() + 1).contains(&silent), "{kinds:?}");
    for pair in kinds.chunks(2) {
        assert_eq!(pair, ["terminal.silent", "terminal.back"], "{kinds:?}");
    }
}

async fn a_silent_terminal_on_a_holiday_is_no_alarm(database: Database) {
    let mut told = Told::of(database, &["terminal.silent"]).await;
    told.campus.terminal(SERIAL, Profile::zam180()).await;
    pass(&mut told, minutes(10)).await;
    // By the school's own clock: it is five in the morning in London, and midnight in Quito.
    let holiday = json!({"first_day": "2026-03-02", "name": "Carnaval"});
    told.campus.post(&format!("/api/v1/schools/{}/holidays", told.campus.school), holiday).await.data(201);
    told.campus.cut_the_line(0, SignedDuration::from_hours(48));
    pass(&mut told, SignedDuration::from_hours(23)).await;
    assert_eq!(told.receiver.take().len(), 0);
    pass(&mut told, SignedDuration::from_hours(1)).await;
    assert_eq!(told.receiver.one().kind(), "terminal.silent", "the holiday is over, and it is still silent");
}

async fn a_server_that_was_just_started_accuses_nobody(database: Database) {
    let mut told = Told::of(database, &["terminal.silent"]).await;
    told.campus.terminal(SERIAL, Profile::zam180()).await;
    told.campus.run_for(60).await;
    let app = &told.campus.world.app;
    let later = told.campus.world.now() + SignedDuration::from_hours(8);
    let zone = &app.settings.timezone;
    let tick = |up_for| rollcall::webhooks::silence::tick(&app.db, zone, up_for, later);
    tick(minutes(1)).await.unwrap();
    assert_eq!(told.waiting().await, 0, "nobody listened to the terminals for hours");
    tick(SILENT_AFTER).await.unwrap();
    assert_eq!(told.waiting().await, 1);
    tick(SILENT_AFTER).await.unwrap();
    assert_eq!(told.waiting().await, 1, "another server has noted it");
}

async fn a_server_whose_clock_was_stepped_accuses_nobody(database: Database) {
    let mut told = Told::of(database, &["terminal.silent"]).await;
    told.campus.terminal(SERIAL, Profile::zam180()).await;
    pass(&mut told, minutes(10)).await;
    told.campus.cut_the_line(0, minutes(120));
    told.campus.world.clock.step(minutes(60));
    let note = async |told: &Told| loops::note_silences(&told.campus.world.app).await.unwrap();
    note(&told).await;
    assert_eq!(told.waiting().await, 0, "it was heard a moment ago");
    told.campus.world.clock.advance(SILENT_AFTER - minutes(1));
    note(&told).await;
    assert_eq!(told.waiting().await, 0);
    told.campus.world.clock.advance(minutes(1));
    note(&told).await;
    assert_eq!(told.waiting().await, 1, "now it has been silent for so long by any clock");
}

async fn whoever_was_heard_just_now_is_not_silent(database: Database) {
    let mut told = Told::of(database, &["terminal.silent"]).await;
    told.campus.terminal(SERIAL, Profile::zam180()).await;
    pass(&mut told, minutes(10)).await;
    let long_ago = told.campus.world.now() - minutes(20);
    told.campus.world.foreign("UPDATE devices SET last_seen = $1", [long_ago.into()]).await;
    let poll = format!("GET /iclock/getrequest?SN={SERIAL} HTTP/1.1\r\nHost: a\r\n\r\n");
    told.campus.world.converse(poll.as_bytes()).await;
    loops::note_silences(&told.campus.world.app).await.unwrap();
    assert_eq!(told.waiting().await, 0, "that it was heard was not written down yet");
}

async fn back_is_who_was_seen_after_it_was_silent(database: Database) {
    let mut told = Told::of(database, &["terminal.silent", "terminal.back"]).await;
    let gate = told.campus.terminal(SERIAL, Profile::zam180()).await;
    told.campus.run_for(60).await;
    let app = told.campus.world.app.clone();
    let now = told.campus.world.now();
    let tick =
        async || rollcall::webhooks::silence::tick(&app.db, &app.settings.timezone, minutes(60), now).await.unwrap();
    let seen = "UPDATE devices SET last_seen = $1";
    told.campus.world.foreign(seen, [(now - minutes(2)).into()]).await;
    let noted = "INSERT INTO terminal_silences (device_id, is_silent, last_seen, noted_at) VALUES ($1, TRUE, $2, $3)";
    let values = [gate.into(), (now - minutes(20)).into(), (now - minutes(1)).into()];
    told.campus.world.foreign(noted, values).await;
    tick().await;
    assert_eq!(told.waiting().await, 0, "nobody has seen it since");
    told.campus.world.foreign(seen, [now.into()]).await;
    tick().await;
    assert_eq!(told.waiting().await, 1, "it is back");

    // Noted by a clock that was stepped back since.
    told.campus.world.foreign(seen, [(now - minutes(20)).into()]).await;
    told.campus.world.foreign("UPDATE terminal_silences SET noted_at = $1", [(now + minutes(600)).into()]).await;
    tick().await;
    assert_eq!(told.waiting().await, 2, "that does not mute it");
}

async fn strangers_who_are_held_are_told(database: Database) {
    let mut told = Told::of(database, &["removals.held"]).await;
    told.campus.enrol_many(20).await;
    let gate = told.campus.terminal(SERIAL, Profile::zam180()).await;
    told.campus.in_step(gate).await;
    told.campus.world.foreign("UPDATE devices SET strangers = 'remove' WHERE id = $1", [gate.into()]).await;
    let strangers = (0..15).map(|n| HeldUser::new(&format!("{}", 700 + n), "Ἄγνωστος"));
    told.campus.world.fleet.terminal(0).preload_users(strangers);
    told.campus.read_back(gate).await;
    let got = told.send_all().await;
    assert_eq!((column(&got, "/held"), column(&got, "/number")), (vec![&json!("strangers")], vec![&json!(15)]));
    assert!(!got[0].text.contains("Ἄγνωστος"), "{}", got[0].text);
    told.campus.read_back(gate).await;
    assert_eq!(told.send_all().await.len(), 0, "there is something to decide already");
}

async fn removals_that_are_held_are_told(database: Database) {
    let mut told = Told::of(database, &["removals.held"]).await;
    let gate = told.campus.terminal(SERIAL, Profile::zam180()).await;
    told.campus.import(0..50).await;
    told.campus.in_step(gate).await;
    told.campus.world.foreign("UPDATE students SET is_active = FALSE WHERE id <= 45", []).await;
    told.campus.run_for(60).await;
    told.send().await;
    let got = told.receiver.one();
    let event = &got.events()[0];
    assert_eq!((got.kind(), &event["held"], &event["number"]), ("removals.held", &json!("removals"), &json!(45)));
    assert_eq!(event["terminal"]["id"], json!(gate));
    assert!(event["reason"].as_str().unwrap().contains("45 of 50 people"), "{event}");

    told.campus.world.foreign("UPDATE students SET is_active = FALSE WHERE id <= 47", []).await;
    told.campus.run_for(60).await;
    assert_eq!(told.send_all().await.len(), 0, "there is something to decide already");
}

async fn a_terminal_that_is_nearly_full_is_told_once(database: Database) {
    let mut told = Told::of(database, &["terminal.nearly_full"]).await;
    let mut small = Profile::zam180();
    small.people.capacity = 20;
    small.people.capacity_told = CapacityTold::People;
    let gate = told.campus.terminal(SERIAL, small).await;
    told.campus.import(0..17).await;
    told.campus.in_step(gate).await;
    assert_eq!(told.send_all().await.len(), 0);
    told.campus.import(17..19).await;
    told.campus.in_step(gate).await;
    let got = told.send_all().await;
    assert_eq!(got.len(), 1, "{got:#?}");
    let event = &got[0].events()[0];
    assert_eq!((&event["capacity"], &event["terminal"]["id"]), (&json!(20), &json!(gate)));
    assert!(event["people"].as_i64().unwrap() >= 18, "{event}");
}

async fn punches_out_of_quarantine_are_told(database: Database) {
    let mut told = Told::of(database, &["punch.stored"]).await;
    told.campus.world.plug_in(Terminal::new(SERIAL, Profile::zam180(), 1));
    let at = told.campus.world.fleet.terminals()[0].local(told.campus.world.now());
    told.campus.world.fleet.terminal(0).punch("17", at);
    told.campus.run_for(120).await;
    assert_eq!(told.waiting().await, 0, "it is nobody's terminal");
    let claim = json!({"school_id": told.campus.school, "device_name": "Puerta"});
    let path = format!("/api/v1/devices/unknown/{SERIAL}/claim");
    told.campus.world.server.post(&told.campus.superadmin, &path, claim).await.data(201);
    let got = told.send_all().await;
    assert_eq!(column(&got, "/punch/pin"), [&json!("17")]);
    assert_eq!(column(&got, "/student"), [&Json::Null]);
    assert_eq!(column(&got, "/terminal/name"), [&json!("Puerta")]);
}

async fn nobody_is_told_of_another_school(database: Database) {
    let mut told = Told::of(database, &["punch.stored"]).await;
    let other = told.campus.world.server.school("中关村第一小学").await;
    told.campus.world.register(other, SERIAL).await;
    told.campus.world.plug_in(Terminal::new(SERIAL, Profile::zam180(), 1));
    told.campus.run_for(60).await;
    let at = told.campus.world.fleet.terminals()[0].local(told.campus.world.now());
    told.campus.world.fleet.terminal(0).punch("1", at);
    told.campus.run_for(60).await;
    assert_eq!(told.campus.world.number("SELECT COUNT(*) FROM punches").await, 1);
    assert_eq!(told.waiting().await, 0);

    // Whoever is told of all schools is.
    let all = Receiver::start().await;
    let body = json!({"url": all.url, "events": ["punch.stored", "student.failed"]});
    told.campus.world.server.post(&told.campus.superadmin, "/api/v1/webhooks", body).await.data(201);
    let at = told.campus.world.fleet.terminals()[0].local(told.campus.world.now());
    told.campus.world.fleet.terminal(0).punch("2", at);
    told.campus.run_for(60).await;
    assert_eq!(told.send_all().await.len(), 0);
    assert_eq!(column(&all.take(), "/school/name"), [&json!("中关村第一小学")]);
}

async fn whoever_was_erased_is_named_to_nobody(database: Database) {
    let mut told = Told::of(database, &["student.verified"]).await;
    let student = told.campus.enrol("Ngozi Okafor", "4711").await;
    let gate = told.campus.terminal(SERIAL, Profile::zam180()).await;
    told.campus.in_step(gate).await;
    told.campus.read_back(gate).await;
    assert_eq!(told.waiting().await, 1);
    let app = told.campus.world.app.clone();
    let mut tx = app.db.write().await.unwrap();
    let nobodys = rollcall::sync::erase::Punches::Nobodys;
    rollcall::sync::erase::erase(&mut tx, student, nobodys, app.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    let got = told.send_all().await;
    assert_eq!(column(&got, "/student/id"), [&json!(student)]);
    assert!(!got[0].text.contains("Ngozi"), "{}", got[0].text);
}
