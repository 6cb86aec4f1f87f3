//! The wall clock is stepped, an hour back or a day ahead, without any time passing.

use jiff::{SignedDuration, Timestamp};
use rollcall::{accounts::tokens, devices::presence, loops, store::Instant};

use crate::{
    databases::{Database, both_databases},
    world::World,
};

both_databases! {
    who_was_seen_in_the_future_is_not_online,
    nothing_waits_for_a_time_that_was,
    sessions_outlive_a_step_and_guesses_are_forgotten,
    a_schedule_comes_back,
}

const SERIAL: &str = "CJX9253300417";
const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

async fn school(database: Database) -> World {
    let world = World::new(database).await;
    let school = world.school("Africa/Nairobi").await;
    world.register(school, SERIAL).await;
    world
}

async fn calls(world: &World) {
    let poll = format!("GET /iclock/getrequest?SN={SERIAL} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let reply = String::from_utf8(world.converse(poll.as_bytes()).await).unwrap();
    assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");
    presence::flush(&world.app.db, &world.app.registry, world.now()).await.unwrap();
}

async fn online(world: &World) -> (bool, Timestamp) {
    presence::fall_offline(&world.app.db, world.app.settings.poll_delay, world.now()).await.unwrap();
    let rows: Vec<(bool, Instant)> = world.ask("SELECT is_online, last_seen FROM devices").await;
    (rows[0].0, rows[0].1.into())
}

async fn who_was_seen_in_the_future_is_not_online(database: Database) {
    let world = school(database).await;
    calls(&world).await;
    assert_eq!(online(&world).await, (true, world.now()));
    world.clock.step(-HOUR);
    assert!(!online(&world).await.0, "nobody knows when that was: it may never call again");
    calls(&world).await;
    assert_eq!(online(&world).await, (true, world.now()), "it has called");
    world.clock.advance(SignedDuration::from_mins(3));
    assert!(!online(&world).await.0, "it calls no more");
    world.clock.step(DAY);
    calls(&world).await;
    assert_eq!(online(&world).await, (true, world.now()));
}

async fn nothing_waits_for_a_time_that_was(database: Database) {
    let mut world = school(database).await;
    world.run_for(SignedDuration::from_secs(1)).await;
    let later = |minutes: i64| world.now() + SignedDuration::from_mins(minutes);
    let pending = "INSERT INTO device_commands (device_id, school_id, wire_id, command_type, command_string, word,
        status, deadline_at) VALUES (1, 1, 5, 'check', 'CHECK', 'CHECK', 'pending', $1)";
    world.foreign(pending, [later(20).into()]).await;
    world.foreign("UPDATE devices SET verify_at = $1, verify_cause = 'schedule'", [later(4).into()]).await;
    world.clock.step(-HOUR);
    world.run_for(SignedDuration::from_secs(1)).await;
    let then = world.now() + world.app.settings.command_deadline;
    let waits: Vec<(Instant,)> = world
        .ask("SELECT deadline_at FROM device_commands WHERE deadline_at IS NOT NULL UNION ALL SELECT verify_at FROM devices")
        .await;
    assert_eq!(waits.len(), 2);
    assert!(waits.iter().all(|(at,)| at.0 <= then), "{waits:?} is later than {then}");
}

async fn sessions_outlive_a_step_and_guesses_are_forgotten(database: Database) {
    let world = school(database).await;
    let admin = world.server.superadmin().await;
    let mut tx = world.app.db.write().await.unwrap();
    let user = rollcall::accounts::UserId(admin.id);
    let (_, session) = tokens::start_session(&mut tx, user, world.now()).await.unwrap();
    tx.commit().await.unwrap();
    let asks = async |secret: &str| {
        world.server.call(reqwest::Method::GET, Some(secret), "/api/v1/schools", None).await.status
    };
    for (step, session_holds) in [(-HOUR, 200), (DAY, 401), (-DAY, 200), (HOUR, 200)] {
        world.clock.step(step);
        assert_eq!(asks(session.reveal()).await, session_holds, "{step}");
        assert_eq!(asks(&admin.token).await, 200, "a token ends when its date says: {step}");
    }
    world.clock.step(-HOUR);
    assert_eq!(asks(session.reveal()).await, 200);
    world.clock.advance(SignedDuration::from_hours(12) + SignedDuration::from_mins(1));
    assert_eq!(asks(session.reveal()).await, 401, "twelve hours are twelve hours");

    for _ in 0..10 {
        world.server.login("nyokabi@example.org", "guess").await.refusal(401);
    }
    world.server.login("nyokabi@example.org", "guess").await.refusal(429);
    world.clock.step(-HOUR);
    world.server.login("nyokabi@example.org", "guess").await.refusal(401);
}

async fn a_schedule_comes_back(database: Database) {
    let world = school(database).await;
    let planned = async || -> Timestamp {
        loops::verify_on_schedule(&world.app).await.unwrap();
        let rows: Vec<(Instant,)> = world.ask("SELECT next_run_at FROM schedules WHERE name = 'verification'").await;
        rows[0].0.into()
    };
    planned().await;
    for step in [DAY, -DAY, -HOUR, HOUR, -DAY] {
        world.clock.step(step);
        let next = planned().await;
        let within = next.duration_since(world.now());
        assert!(within.is_positive() && within <= HOUR * 2, "after {step} it comes in {within}");
    }
}
