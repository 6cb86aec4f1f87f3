//! A message arrives, however often its receiver or a server fails; and nobody is sent where nobody may go.

use jiff::SignedDuration;
use rollcall::{
    config::TlsFiles,
    networks::Networks,
    server::tls::Tls,
    webhooks::{
        courier::{CLAIM, Courier},
        messages::{OFF_AFTER, TRIED_FOR},
    },
};
use serde_json::json;
use tokio::net::TcpListener;

use super::{
    Told,
    receiver::{Answer, Receiver},
};
use crate::databases::{Database, both_databases};

both_databases! {
    what_failed_is_sent_again_under_the_same_id,
    a_receiver_that_asks_for_time_gets_it,
    after_three_days_a_message_is_given_up_and_after_five_the_webhook_is_switched_off,
    a_server_that_was_off_gives_nothing_up_at_the_first_try,
    a_clock_that_was_stepped_back_holds_up_nothing,
    whoever_had_no_turn_for_longest_comes_first,
    a_receiver_that_is_gone_is_left_alone,
    of_two_servers_one_sends,
    another_server_follows_one_that_died,
    a_slow_receiver_holds_up_nobody_else,
    nothing_is_followed_elsewhere,
    where_nobody_may_go_nobody_is_sent,
    whoever_presses_the_button_need_not_wait,
    what_did_not_happen_is_not_told,
    a_secret_that_is_renewed_signs_beside_the_new_one_for_a_day,
    a_certificate_of_nobody_is_not_trusted,
}

/// A courier of another server, or of one with other settings.
fn courier(told: &Told, networks: &str) -> Courier {
    let app = &told.campus.world.app;
    let networks: Networks = networks.parse().unwrap();
    Courier::new(app.db.clone(), app.clock.clone(), networks, app.tasks.clone())
}

async fn what_failed_is_sent_again_under_the_same_id(database: Database) {
    let told = Told::of(database, &["punch.stored"]).await;
    told.receiver.answers([Answer::Status(503), Answer::Status(500)]);
    told.test().await;
    told.send().await;
    let first = told.receiver.one();
    assert_eq!(first.kind(), "webhook.test");
    assert_eq!(told.deliveries().await[0]["last_error"], "it answered 503");
    let endpoint = told.endpoint().await;
    assert_eq!((&endpoint["last_error"], &endpoint["waiting"]), (&json!("it answered 503"), &json!(1)));
    assert!(endpoint["failing_since"].is_string());
    told.send().await;
    assert_eq!(told.receiver.take().len(), 0, "not at once");
    told.campus.world.clock.advance(SignedDuration::from_secs(12));
    told.send().await;
    told.campus.world.clock.advance(SignedDuration::from_secs(12));
    told.send().await;
    let second = told.receiver.one();
    told.campus.world.clock.advance(SignedDuration::from_secs(24));
    told.send().await;
    let third = told.receiver.one();
    for again in [&second, &third] {
        assert_eq!((&again.id, &again.text), (&first.id, &first.text));
        assert!(again.timestamp > first.timestamp && again.is_signed_with(&told.secret));
    }
    let delivery = &told.deliveries().await[0];
    assert_eq!((&delivery["state"], &delivery["attempts"]), (&json!("delivered"), &json!(3)));
    assert_eq!((&delivery["event"], &delivery["last_status"]), (&json!("webhook.test"), &json!(204)));
    assert!(told.endpoint().await["failing_since"].is_null());
    told.campus.world.clock.advance(SignedDuration::from_hours(24));
    told.send().await;
    assert_eq!((told.receiver.take().len(), told.waiting().await), (0, 0));
}

async fn a_receiver_that_asks_for_time_gets_it(database: Database) {
    let told = Told::of(database, &["punch.stored"]).await;
    told.receiver.answers([Answer::Busy(3_600)]);
    told.test().await;
    told.send().await;
    told.receiver.one();
    told.campus.world.clock.advance(SignedDuration::from_secs(3_500));
    told.send().await;
    assert_eq!(told.receiver.take().len(), 0);
    told.campus.world.clock.advance(SignedDuration::from_secs(100));
    told.send().await;
    told.receiver.one();
}

async fn after_three_days_a_message_is_given_up_and_after_five_the_webhook_is_switched_off(database: Database) {
    let told = Told::of(database, &["punch.stored"]).await;
    told.receiver.answers(vec![Answer::Status(500); 1_000]);
    told.test().await;
    let mut passed = SignedDuration::ZERO;
    let mut attempts = 0;
    while told.deliveries().await.first().is_none_or(|delivery| delivery["state"] == "waiting") {
        told.send().await;
        attempts += told.receiver.take().len();
        told.campus.world.clock.advance(SignedDuration::from_hours(1));
        passed += SignedDuration::from_hours(1);
        assert!(passed < OFF_AFTER, "{:#?}", told.deliveries().await);
    }
    assert!(passed > TRIED_FOR && (12..20).contains(&attempts), "{passed:?} {attempts}");
    assert_eq!(told.deliveries().await[0]["state"], "given_up");
    assert_eq!((told.endpoint().await["is_active"].clone(), told.waiting().await), (json!(true), 0));

    told.campus.world.clock.advance(OFF_AFTER - passed);
    told.test().await;
    told.send().await;
    let endpoint = told.endpoint().await;
    assert_eq!((&endpoint["is_active"], &endpoint["off_reason"]), (&json!(false), &json!("failing")));
    let refused = told.campus.post(&format!("/api/v1/webhooks/{}/test", told.id), json!({})).await;
    assert!(refused.refusal(409).contains("switched off"));
    let path = format!("/api/v1/webhooks/{}", told.id);
    let on = told.campus.world.server.patch(&told.campus.admin, &path, json!({"is_active": true})).await;
    assert_eq!((&on.data(200)["off_reason"], &on.data(200)["failing_since"]), (&json!(null), &json!(null)));
}

async fn a_server_that_was_off_gives_nothing_up_at_the_first_try(database: Database) {
    let told = Told::of(database, &["punch.stored"]).await;
    told.receiver.answers([Answer::Status(500), Answer::Status(500)]);
    told.test().await;
    told.send().await;
    told.campus.world.clock.advance(OFF_AFTER + SignedDuration::from_hours(24));
    told.send().await;
    assert_eq!(told.receiver.take().len(), 2);
    assert_eq!(told.deliveries().await[0]["state"], "waiting");
    assert_eq!(told.endpoint().await["is_active"], true);
    told.campus.world.clock.advance(SignedDuration::from_mins(1));
    told.send().await;
    assert_eq!((told.receiver.one().kind(), told.waiting().await), ("webhook.test", 0));
    let failing = "SELECT COUNT(*) FROM webhook_endpoints WHERE failures <> 0 OR failing_since IS NOT NULL";
    assert_eq!(told.campus.world.number(failing).await, 0, "a success ends it");
}

async fn a_clock_that_was_stepped_back_holds_up_nothing(database: Database) {
    let told = Told::of(database, &["punch.stored"]).await;
    let clock = &told.campus.world.clock;
    // A minute that was full, a claim of a server that died, and another try: all of them tomorrow.
    let tomorrow = told.campus.world.now() + SignedDuration::from_hours(24);
    clock.step(SignedDuration::from_hours(24));
    told.receiver.answers([Answer::Status(500)]);
    told.test().await;
    told.send().await;
    told.receiver.one();
    let sql =
        "UPDATE webhook_endpoints SET minute_requests = 120, minute_began = $1, claimed_by = 'x', claimed_until = $2";
    let until = tomorrow + CLAIM;
    told.campus.world.foreign(sql, [tomorrow.into(), until.into()]).await;
    clock.step(-SignedDuration::from_hours(24));
    told.send().await;
    assert_eq!((told.receiver.one().kind(), told.waiting().await), ("webhook.test", 0));

    // What was to linger until tomorrow.
    told.test().await;
    told.campus.world.foreign("UPDATE webhook_events SET ready_at = $1", [tomorrow.into()]).await;
    told.send().await;
    assert_eq!((told.receiver.one().kind(), told.waiting().await), ("webhook.test", 0));
}

async fn whoever_had_no_turn_for_longest_comes_first(database: Database) {
    let told = Told::of(database, &["punch.stored"]).await;
    let app = &told.campus.world.app;
    let now = app.clock.now();
    let mut tx = app.db.write().await.unwrap();
    let insert = "INSERT INTO webhook_endpoints (url, events, secret, created_at, updated_at) VALUES {rows}";
    let row = |n: usize| {
        let url = format!("{}&number={n}", told.receiver.url);
        vec![url.into(), ",punch.stored,".into(), told.secret.clone().into(), now.into(), now.into()]
    };
    // More than one server talks to at a time.
    tx.execute_rows(insert, &[], (1..70).map(row).collect()).await.unwrap();
    tx.commit().await.unwrap();
    let tell = "INSERT INTO webhook_events (endpoint_id, kind, number, at, ready_at)
        SELECT id, 'webhook.test', 1, $1, $1 FROM webhook_endpoints";
    let mut paths = std::collections::BTreeSet::new();
    for _ in 0..2 {
        told.campus.world.clock.advance(SignedDuration::from_secs(1));
        told.campus.world.foreign(tell, [told.campus.world.now().into()]).await;
        assert_eq!(app.courier.tick(app.clock.now()).await.unwrap(), 64);
        app.courier.idle().await;
        paths.extend(told.receiver.take().into_iter().map(|got| got.path));
    }
    assert_eq!(paths.len(), 70, "nobody was left out twice");
}

async fn a_receiver_that_is_gone_is_left_alone(database: Database) {
    let told = Told::of(database, &["punch.stored"]).await;
    told.receiver.answers([Answer::Status(410)]);
    told.test().await;
    told.send().await;
    told.receiver.one();
    let endpoint = told.endpoint().await;
    assert_eq!((&endpoint["is_active"], &endpoint["off_reason"]), (&json!(false), &json!("gone")));
    assert_eq!((&endpoint["waiting"], &told.deliveries().await[0]["state"]), (&json!(0), &json!("given_up")));
    told.campus.world.clock.advance(SignedDuration::from_hours(24));
    told.send().await;
    assert_eq!(told.receiver.take().len(), 0);
}

async fn of_two_servers_one_sends(database: Database) {
    let told = Told::of(database, &["punch.stored"]).await;
    let other = courier(&told, "127.0.0.0/8");
    for _ in 0..5 {
        told.test().await;
        let (app, now) = (&told.campus.world.app, told.campus.world.now());
        let (here, there) = tokio::join!(app.courier.tick(now), other.tick(now));
        // Both, where one of them has sent it and given it back before the other claims what it saw to be due.
        assert!(here.unwrap() + there.unwrap() >= 1, "one of them claimed it");
        app.courier.idle().await;
        other.idle().await;
        told.receiver.one();
    }
    assert_eq!(told.deliveries().await.len(), 5);
}

async fn another_server_follows_one_that_died(database: Database) {
    let told = Told::of(database, &["punch.stored"]).await;
    let died = courier(&told, "127.0.0.0/8");
    told.receiver.answers([Answer::Hang]);
    told.test().await;
    assert_eq!(died.tick(told.campus.world.now()).await.unwrap(), 1);
    told.receiver.hangs().await;
    let first = told.receiver.one();
    told.send().await;
    assert_eq!(told.receiver.take().len(), 0, "it may be alive");
    told.campus.world.clock.advance(CLAIM);
    told.send().await;
    let again = told.receiver.one();
    assert_eq!((again.id, again.text), (first.id, first.text));
    assert_eq!(told.deliveries().await[0]["state"], "delivered");

    // It was not dead after all: that changes nothing.
    told.receiver.let_go();
    died.idle().await;
    let delivery = &told.deliveries().await[0];
    assert_eq!((&delivery["state"], &delivery["attempts"]), (&json!("delivered"), &json!(1)));
}

async fn a_slow_receiver_holds_up_nobody_else(database: Database) {
    let told = Told::of(database, &["punch.stored"]).await;
    let quick = Receiver::start().await;
    let body = json!({"school_id": told.campus.school, "url": quick.url, "events": ["punch.stored"]});
    let made = told.campus.post("/api/v1/webhooks", body).await.data(201)["id"].clone();
    told.receiver.answers([Answer::Hang]);
    told.test().await;
    let app = &told.campus.world.app;
    assert_eq!(app.courier.tick(app.clock.now()).await.unwrap(), 1);
    told.receiver.hangs().await;
    told.campus.post(&format!("/api/v1/webhooks/{made}/test"), json!({})).await.data(202);
    // A courier of the same database with all its places free: so one sees when it is done.
    let other = courier(&told, "127.0.0.0/8");
    assert_eq!(other.tick(app.clock.now()).await.unwrap(), 1);
    other.idle().await;
    assert_eq!(quick.one().kind(), "webhook.test");
    told.receiver.let_go();
    app.courier.idle().await;
}

async fn nothing_is_followed_elsewhere(database: Database) {
    let told = Told::of(database, &["punch.stored"]).await;
    let elsewhere = Receiver::start().await;
    told.receiver.answers([Answer::Redirect(elsewhere.url.clone())]);
    told.test().await;
    told.send().await;
    told.receiver.one();
    assert_eq!(elsewhere.take().len(), 0);
    assert_eq!(told.deliveries().await[0]["last_error"], "it answered 307");
}

async fn where_nobody_may_go_nobody_is_sent(database: Database) {
    let told = Told::of(database, &["punch.stored"]).await;
    told.test().await;
    // Another server, whose operator named no network.
    let strict = courier(&told, "10.0.0.0/8");
    assert_eq!(strict.tick(told.campus.world.now()).await.unwrap(), 1);
    strict.idle().await;
    assert_eq!(told.receiver.take().len(), 0);
    let why = told.deliveries().await[0]["last_error"].clone();
    assert!(why.as_str().unwrap().contains("127.0.0.1 is no public address"), "{why}");

    // A name is looked at with each message, whatever it stood for when it was written.
    let port = told.receiver.url.split(['/', ':']).find(|part| part.parse::<u16>().is_ok()).unwrap();
    let body = json!({"url": format!("http://localhost:{port}/"), "events": ["punch.stored"]});
    let path = format!("/api/v1/webhooks/{}", told.id);
    told.campus.world.server.patch(&told.campus.admin, &path, body).await.data(200);
    told.campus.world.clock.advance(SignedDuration::from_mins(1));
    assert_eq!(strict.tick(told.campus.world.now()).await.unwrap(), 1);
    strict.idle().await;
    assert_eq!(told.receiver.take().len(), 0);
    let why = told.deliveries().await[0]["last_error"].clone();
    assert!(why.as_str().unwrap().starts_with("localhost stands for no public address"), "{why}");
    assert!(!why.as_str().unwrap().contains("127.0.0.1") && !why.as_str().unwrap().contains("::1"), "{why}");
    told.campus.world.clock.advance(SignedDuration::from_mins(2));
    told.send().await;
    assert_eq!(told.receiver.one().kind(), "webhook.test", "here it may");
}

async fn what_did_not_happen_is_not_told(database: Database) {
    let told = Told::of(database, &["student.failed"]).await;
    let device = told.campus.world.register(told.campus.school, "CJX9253300417").await;
    let student = told.campus.enrol("Zoë Adjei", "4711").await;
    let app = &told.campus.world.app;
    let mut tx = app.db.write().await.unwrap();
    let failed = [(student, "it refused".to_owned())];
    rollcall::webhooks::outbox::failed(&mut tx, device, &failed, app.clock.now()).await.unwrap();
    drop(tx);
    assert_eq!(told.waiting().await, 0);
    let mut tx = app.db.write().await.unwrap();
    rollcall::webhooks::outbox::failed(&mut tx, device, &failed, app.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(told.waiting().await, 1, "nothing was remembered of the first");
}

async fn a_secret_that_is_renewed_signs_beside_the_new_one_for_a_day(database: Database) {
    let told = Told::of(database, &["punch.stored"]).await;
    let renewed = told.campus.post(&format!("/api/v1/webhooks/{}/renew-secret", told.id), json!({})).await;
    let new = renewed.data(200)["secret"].as_str().unwrap().to_owned();
    assert_ne!(new, told.secret);
    told.test().await;
    told.send().await;
    let got = told.receiver.one();
    assert!(got.signatures.len() == 2 && got.is_signed_with(&new) && got.is_signed_with(&told.secret), "{got:#?}");
    told.campus.world.clock.advance(SignedDuration::from_hours(24));
    told.test().await;
    told.send().await;
    let got = told.receiver.one();
    assert!(got.signatures.len() == 1 && got.is_signed_with(&new), "{got:#?}");
    super::sweep(&told.campus).await;
    let former =
        "SELECT COUNT(*) FROM webhook_endpoints WHERE former_secret IS NOT NULL OR former_secret_until IS NOT NULL";
    assert_eq!(told.campus.world.number(former).await, 0, "nor is it kept");
}

async fn a_certificate_of_nobody_is_not_trusted(database: Database) {
    let told = Told::of(database, &["punch.stored"]).await;
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let files = TlsFiles { certificate: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    let tls = Tls::load(files).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        let (io, _) = listener.accept().await.unwrap();
        tls.accept(io).await.is_some()
    });
    let body = json!({"url": format!("https://localhost:{port}/hooks")});
    let path = format!("/api/v1/webhooks/{}", told.id);
    told.campus.world.server.patch(&told.campus.admin, &path, body).await.data(200);
    told.test().await;
    told.send().await;
    assert!(!serving.await.unwrap(), "the handshake was broken off, and nothing sent");
    let why = told.deliveries().await[0]["last_error"].clone();
    assert!(why.as_str().unwrap().starts_with("no connection that can be trusted"), "{why}");
}

async fn whoever_presses_the_button_need_not_wait(database: Database) {
    let told = Told::of(database, &["punch.stored"]).await;
    told.receiver.answers(vec![Answer::Status(503); 4]);
    told.test().await;
    for _ in 0..4 {
        told.campus.world.clock.advance(SignedDuration::from_mins(10));
        told.send().await;
    }
    let first = told.receiver.take().remove(0);
    told.test().await;
    told.send().await;
    let again = told.receiver.one();
    assert_eq!((&again.id, told.waiting().await), (&first.id, 0), "the same test, now, and no second one");
}
