//! Nobody is flooded, and nothing fills the database.

use jiff::SignedDuration;
use rollcall::{
    loops,
    school::SchoolId,
    webhooks::{
        courier::PER_MINUTE,
        endpoints::MOST_OF_SCHOOL,
        limits,
        messages::{self, MOST_EVENTS},
        outbox,
    },
};
use serde_json::json;

use super::{Told, receiver::Answer};
use crate::{
    databases::{Database, both_databases},
    stories::{campus::Campus, statements::counted_on_this_thread},
};

both_databases! {
    what_is_too_much_is_given_up_oldest_punches_first,
    what_waits_fills_few_messages,
    a_minute_has_room_for_so_many_requests,
    after_a_failure_everything_waits_for_one_success,
    whoever_refuses_one_kind_hears_of_the_others,
    nothing_is_left_of_a_webhook_that_was_deleted,
    what_waited_when_it_was_switched_off_is_swept,
    a_school_has_so_many_webhooks,
    what_ended_is_forgotten,
    where_nobody_listens_a_punch_costs_no_statement,
}

/// Punches that were stored, as the recorder tells of them: those of one commit.
async fn punches(told: &Told, ids: std::ops::Range<i64>) {
    let app = &told.campus.world.app;
    let mut tx = app.db.write().await.unwrap();
    let rows = ids.clone().map(|id| {
        let (school, now) = (told.campus.school, app.clock.now());
        let at = format!("2026-03-02T05:{:02}:{:02}", id / 60 % 60, id % 60);
        vec![id.into(), "CJX1".into(), school.into(), id.to_string().into(), at.into(), now.into(), now.into()]
    });
    let insert = "INSERT INTO punches (id, serial_number, school_id, pin, punched_at, punched_instant, received_at,
        status, verify, work_code, rest) SELECT v.*, '0', '1', '0', '' FROM (VALUES {rows}) AS v";
    tx.execute_rows(insert, &[], rows.collect()).await.unwrap();
    outbox::punches(&mut tx, ids.map(|id| (told.campus.school, id)), app.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
}

async fn what_is_too_much_is_given_up_oldest_punches_first(database: Database) {
    let told = Told::of(database, &["punch.stored", "terminal.silent"]).await;
    let app = told.campus.world.app.clone();
    for commit in 0..10 {
        punches(&told, 1 + commit * 100..101 + commit * 100).await;
    }
    told.test().await;
    limits::tick(&app.db, 1_001, app.clock.now()).await.unwrap();
    assert_eq!(told.waiting().await, 1_001, "as much as may wait");
    limits::tick(&app.db, 650, app.clock.now()).await.unwrap();
    assert_eq!(told.endpoint().await["dropped"], 400);
    punches(&told, 1_001..1_101).await;
    limits::tick(&app.db, 650, app.clock.now()).await.unwrap();

    let got = told.send_all().await;
    let of = |kind: &str| got.iter().filter(|got| got.kind() == kind).collect::<Vec<_>>();
    assert_eq!(of("webhook.test").len(), 1, "what is rare is kept");
    let dropped = of("webhook.dropped");
    assert_eq!(dropped.len(), 1, "one event, until it has left");
    assert_eq!(dropped[0].events()[0]["events"], 500);
    let told_of: Vec<i64> = of("punch.stored")
        .into_iter()
        .flat_map(|got| got.events().iter().map(|event| event["punch"]["id"].as_i64().unwrap()))
        .collect();
    assert_eq!((told_of.len(), told_of[0], told_of[599]), (600, 501, 1_100));
}

async fn what_waits_fills_few_messages(database: Database) {
    let told = Told::of(database, &["punch.stored"]).await;
    // A commit for every punch, as in the morning at the gate.
    for punch in 1..=50 {
        punches(&told, punch..punch + 1).await;
    }
    told.send().await;
    assert_eq!(told.receiver.take().len(), 0, "others may follow");
    let got = told.send_all().await;
    assert_eq!((got.len(), got[0].events().len()), (1, 50));
    // More than one message may hold.
    punches(&told, 1_000..3_500).await;
    let sizes: Vec<i64> = told.send_all().await.iter().map(|got| got.events().len() as i64).collect();
    assert_eq!(sizes, [MOST_EVENTS, MOST_EVENTS, 500]);
}

async fn a_minute_has_room_for_so_many_requests(database: Database) {
    let told = Told::of(database, &["punch.stored"]).await;
    // Each test is a message of its own kind, so that each round has one.
    for _ in 0..PER_MINUTE {
        told.test().await;
        told.send().await;
    }
    assert_eq!(told.receiver.take().len() as i64, PER_MINUTE);
    told.test().await;
    told.send().await;
    assert_eq!(told.receiver.take().len(), 0);
    told.campus.world.clock.advance(SignedDuration::from_secs(59));
    told.send().await;
    assert_eq!(told.receiver.take().len(), 0);
    told.campus.world.clock.advance(SignedDuration::from_secs(1));
    told.send().await;
    assert_eq!(told.receiver.take().len(), 1);
}

async fn after_a_failure_everything_waits_for_one_success(database: Database) {
    let told = Told::of(database, &["punch.stored"]).await;
    told.receiver.answers(vec![Answer::Status(500); 1_000]);
    for commit in 0..40 {
        punches(&told, 1 + commit * 10..11 + commit * 10).await;
        told.campus.world.clock.advance(SignedDuration::from_secs(6));
        told.send().await;
    }
    let tried = told.receiver.take().len();
    let messages = told.deliveries().await.len();
    assert!(messages == 5 && (10..30).contains(&tried), "{messages} messages, {tried} requests in four minutes");

    told.receiver.works();
    told.campus.world.clock.advance(SignedDuration::from_mins(10));
    let got = told.send_all().await;
    assert_eq!(got.len(), 6, "those that waited, and one for all others");
    let mut ids: Vec<i64> =
        got.iter().flat_map(|got| got.events().iter().map(|event| event["punch"]["id"].as_i64().unwrap())).collect();
    ids.sort_unstable();
    assert_eq!(ids, (1..=400).collect::<Vec<i64>>(), "each once");
    assert_eq!(told.waiting().await, 0);
}

async fn whoever_refuses_one_kind_hears_of_the_others(database: Database) {
    let told = Told::of(database, &["punch.stored", "terminal.silent"]).await;
    told.receiver.refuses("punch.stored");
    for commit in 0..10 {
        punches(&told, 1 + commit * 10..11 + commit * 10).await;
        told.campus.world.clock.advance(SignedDuration::from_secs(6));
        told.send().await;
    }
    assert_eq!(told.deliveries().await.len(), 5, "no more punches are gathered");
    assert!(told.receiver.take().iter().all(|got| got.kind() == "punch.stored"));
    told.test().await;
    told.send().await;
    let arrived = told.receiver.take();
    assert!(arrived.iter().any(|got| got.kind() == "webhook.test"), "{arrived:#?}");
    told.receiver.works();
    told.campus.world.clock.advance(SignedDuration::from_hours(1));
    told.send_all().await;
    assert_eq!(told.waiting().await, 0);
}

/// A transaction tells an endpoint something, and ends after the endpoint was deleted or switched off.
async fn tell_too_late(told: &Told) {
    let late =
        "INSERT INTO webhook_events (endpoint_id, kind, number, at, ready_at) VALUES ($1, 'punch.stored', 1, $2, $2)";
    told.campus.world.foreign(late, [told.id.into(), told.campus.world.now().into()]).await;
}

async fn nothing_is_left_of_a_webhook_that_was_deleted(database: Database) {
    let told = Told::of(database, &["punch.stored"]).await;
    told.receiver.answers([Answer::Status(500)]);
    punches(&told, 1..101).await;
    told.send_all().await;
    // More rows than one portion.
    for hundred in 1..=25 {
        punches(&told, 100 * hundred + 1..100 * hundred + 101).await;
    }
    let rows = "INSERT INTO webhook_events (endpoint_id, kind, number, at, ready_at)
        SELECT w.endpoint_id, w.kind, 1, w.at, w.ready_at FROM webhook_events w, webhook_events x, webhook_events y LIMIT 2500";
    told.campus.world.foreign(rows, []).await;
    let path = format!("/api/v1/webhooks/{}", told.id);
    told.campus.world.server.delete(&told.campus.admin, &path).await.data(200);
    tell_too_late(&told).await;
    told.send().await;
    assert_eq!(told.receiver.take().len(), 0);
    super::sweep(&told.campus).await;
    assert_eq!(told.waiting().await, 0);
    loops::forget(&told.campus.world.app, told.campus.world.now()).await.unwrap();
    assert_eq!(told.campus.world.number("SELECT COUNT(*) FROM webhook_messages").await, 0);
}

async fn what_waited_when_it_was_switched_off_is_swept(database: Database) {
    let told = Told::of(database, &["punch.stored"]).await;
    punches(&told, 1..101).await;
    let path = format!("/api/v1/webhooks/{}", told.id);
    let switch = async |is_active: bool| {
        let body = json!({"is_active": is_active});
        told.campus.world.server.patch(&told.campus.admin, &path, body).await.data(200).clone()
    };
    let off = switch(false).await;
    assert_eq!((&off["waiting"], &off["dropped"]), (&json!(0), &json!(100)));
    tell_too_late(&told).await;
    // Somebody may be quicker than the sweep.
    switch(true).await;
    assert_eq!(told.send_all().await.len(), 0, "it begins anew");
    switch(false).await;
    tell_too_late(&told).await;
    super::sweep(&told.campus).await;
    assert_eq!(told.waiting().await, 0);
    switch(true).await;
    punches(&told, 101..102).await;
    super::sweep(&told.campus).await;
    assert_eq!(told.send_all().await.len(), 1);
}

async fn a_school_has_so_many_webhooks(database: Database) {
    let told = Told::of(database, &["punch.stored"]).await;
    let create = |number: i64| {
        let url = format!("https://hooks.example.org/{number}");
        told.campus.post("/api/v1/webhooks", json!({"school_id": told.campus.school, "url": url}))
    };
    for number in 1..MOST_OF_SCHOOL {
        create(number).await.data(201);
    }
    assert!(create(99).await.refusal(409).contains("there are 10 of them already"));
    let other: SchoolId = told.campus.world.server.school("Scoil Bhríde").await;
    let body = json!({"school_id": other, "url": "https://hooks.example.org/"});
    told.campus.world.server.post(&told.campus.superadmin, "/api/v1/webhooks", body).await.data(201);
}

async fn what_ended_is_forgotten(database: Database) {
    let told = Told::of(database, &["punch.stored"]).await;
    told.test().await;
    told.send().await;
    assert_eq!(told.waiting().await, 0, "nobody needs any more what was told");
    let days = |days: u32| SignedDuration::from_hours(24 * i64::from(days));
    told.campus.world.clock.advance(days(messages::KEPT_DAYS - 1));
    loops::forget(&told.campus.world.app, told.campus.world.now()).await.unwrap();
    assert_eq!(told.deliveries().await.len(), 1);
    told.campus.world.clock.advance(days(2));
    loops::forget(&told.campus.world.app, told.campus.world.now()).await.unwrap();
    assert_eq!(told.deliveries().await.len(), 0);
}

async fn where_nobody_listens_a_punch_costs_no_statement(database: Database) {
    let campus = Campus::open(database).await;
    campus.register("CJX9253300417").await;
    loops::refresh(&campus.world.app).await.unwrap();
    // The terminal is seen, and its upload position kept, before anything is counted.
    upload(&campus, 1).await;
    let asked = upload(&campus, 2).await;
    loops::learn_who_listens(&campus.world.app).await.unwrap();
    assert_eq!(
        upload(&campus, 3).await + 1,
        asked,
        "one statement for a commit, and none when it is known that nobody listens"
    );
    let all = json!({"url": "https://hooks.example.org/", "events": ["punch.stored"]});
    campus.world.server.post(&campus.superadmin, "/api/v1/webhooks", all).await.data(201);
    assert_eq!(upload(&campus, 4).await, asked, "this server knows at once");
    loops::learn_who_listens(&campus.world.app).await.unwrap();
    assert_eq!(upload(&campus, 5).await, asked);
    assert_eq!(campus.world.number("SELECT COUNT(*) FROM webhook_events").await, 2);
}

/// Statements that the upload of a punch takes.
async fn upload(campus: &Campus, minute: u32) -> usize {
    let body = format!("17\t2026-03-02 00:{minute:02}:00\t0\t1\t0\t0\r\n");
    let head = "POST /iclock/cdata?SN=CJX9253300417&table=ATTLOG&Stamp=9999 HTTP/1.1\r\nHost: rollcall\r\n";
    let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    let (reply, statements) = counted_on_this_thread(campus.world.converse(request.as_bytes())).await;
    assert!(String::from_utf8_lossy(&reply).contains("OK: 1"), "{}", String::from_utf8_lossy(&reply));
    statements
}
