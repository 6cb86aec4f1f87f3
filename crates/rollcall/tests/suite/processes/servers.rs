//! Several servers on one PostgreSQL are one: whatever is said to one of them holds at the others, each command leaves once,
//! and any of them may die.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use rand::{RngExt as _, SeedableRng as _, rngs::Xoshiro256PlusPlus};
use reqwest::Method;
use rollcall::clock::Stopwatch;
use serde_json::json;
use terminal_simulator::Profile;
use tokio_util::sync::CancellationToken;

use super::{
    balancer::Balancer,
    plugged::Plugged,
    program::{Serving, until},
    reckoning,
    town::Town,
};
use crate::databases::Database;

const GATE: &str = "CJX9253300417";
const NAMES: [&str; 8] =
    ["Ayşe Yıldız", "Wiremu Tāne", "李小明", "Ольга Шевчук", "नन्दिनी", "محمد الأمين", "ქეთევან", "Inti Quispe"];

async fn town(servers: usize) -> (Town, Database) {
    let database = Database::postgres().await;
    (Town::of(servers, database.db.clone(), &database.url).await, database)
}

/// A terminal that both servers know and that is written to.
async fn gate(town: &Town) {
    town.device(0, GATE).await;
    town.shake_hands(0, GATE).await;
    until("the terminal has said that nobody is there", async || {
        for server in 0..town.servers.len() {
            let given = town.poll(server, GATE).await;
            town.acknowledge(server, GATE, &given).await;
        }
        let waits = "SELECT COUNT(*) FROM devices WHERE start_state <> 'writing'";
        (town.number(waits).await == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_command_leaves_once_however_many_servers_are_asked_at_once() {
    let (town, _database) = town(2).await;
    gate(&town).await;
    let mut written = BTreeSet::new();
    for class in 0..4 {
        for number in 0..10 {
            let card = 1_000 + class * 10 + number;
            written.insert(town.student(usize::try_from(number % 2).unwrap(), NAMES[0], card).await);
        }
        let mut left = BTreeMap::new();
        until("everybody was given to the terminal", async || {
            let polls = tokio::join!(town.poll(0, GATE), town.poll(1, GATE), town.poll(1, GATE), town.poll(0, GATE));
            let given = [polls.0, polls.1, polls.2, polls.3].concat();
            for (id, text) in &given {
                let before = left.insert(id.clone(), text.clone());
                assert_eq!(before, None, "command {id} left twice");
            }
            town.acknowledge(left.len() % 2, GATE, &given).await;
            let open = "SELECT COUNT(*) FROM device_user_sync_status WHERE sync_status <> 'synced'";
            (town.number(open).await == 0).then_some(())
        })
        .await;
    }
    assert_eq!(town.number("SELECT COUNT(*) FROM device_user_sync_status").await, 40);
    assert_eq!(town.number("SELECT COUNT(*) FROM device_commands WHERE attempts > 1").await, 0);
}

/// Its student's name, as a terminal is told it that asks this server, from now on.
async fn arrives(town: &Town, server: usize, name: &str) -> Duration {
    let began = Stopwatch::start();
    until("the edit arrives", async || {
        let given = town.poll(server, GATE).await;
        town.acknowledge(server, GATE, &given).await;
        given.iter().any(|(_, text)| text.contains(name)).then_some(())
    })
    .await;
    began.elapsed()
}

#[tokio::test]
async fn an_edit_at_one_server_reaches_a_terminal_that_asks_another_at_once() {
    let (town, _database) = town(2).await;
    gate(&town).await;
    let student = town.student(0, "Aroha", 77).await;
    arrives(&town, 1, "Aroha").await;
    let mut took = Vec::new();
    for number in 0..5 {
        let (name, path) = (format!("Aroha {number}"), format!("/api/v1/students/{student}"));
        town.done(0, Method::PUT, &path, Some(json!({"full_name": name}))).await;
        took.push(arrives(&town, 1, &name).await);
    }
    for number in 5..10 {
        let (name, mut tx) = (format!("Aroha {number}"), town.db.write().await.unwrap());
        tx.execute("UPDATE students SET full_name = $1", [name.as_str().into()]).await.unwrap();
        tx.commit().await.unwrap();
        took.push(arrives(&town, 1, &name).await);
    }
    // Without a notification a tick would find it, later than this. One of them may have met a machine that was busy.
    took.sort_unstable();
    assert!(took[took.len() / 2] < Duration::from_secs(2), "{took:?}");
}

const HANG_UP: &str = "
    SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'rollcall, listening'";

#[tokio::test]
async fn a_lost_notification_costs_seconds_and_no_command() {
    let (town, _database) = town(2).await;
    gate(&town).await;
    let student = town.student(0, "Kahu", 78).await;
    arrives(&town, 1, "Kahu").await;
    for number in 0..4 {
        assert_eq!(town.number(HANG_UP).await, 2, "both servers listen");
        let (name, path) = (format!("Kahu {number}"), format!("/api/v1/students/{student}"));
        town.done(0, Method::PUT, &path, Some(json!({"full_name": name}))).await;
        arrives(&town, 1, &name).await;
        until("both listen again", async || {
            let listening = "SELECT COUNT(*) FROM pg_stat_activity
                WHERE datname = current_database() AND application_name = 'rollcall, listening'";
            (town.number(listening).await == 2).then_some(())
        })
        .await;
    }
    assert_eq!(town.number("SELECT COUNT(*) FROM device_commands WHERE attempts > 1").await, 0);
}

#[tokio::test]
async fn what_is_said_to_one_server_holds_at_the_others() {
    let (town, _database) = town(2).await;
    let schools =
        async |token: &str, server| town.call_with(token, server, Method::GET, "/api/v1/schools", None).await.0;

    // Sessions and tokens.
    let login = json!({"email": "ngozi@example.org", "password": "ọ̀rẹ́ ni ìwé"});
    let session = town.done(0, Method::POST, "/api/v1/auth/login", Some(login)).await["accessToken"].clone();
    let session = session.as_str().unwrap();
    assert_eq!(schools(session, 1).await, 200);
    assert_eq!(town.call_with(session, 0, Method::POST, "/api/v1/auth/logout", None).await.0, 200);
    assert_eq!(schools(session, 1).await, 401, "signed out there, signed out here");
    let made = town.done(0, Method::POST, "/api/v1/tokens", Some(json!({"name": "timetable"}))).await;
    let secret = made["access_token"].as_str().unwrap_or_else(|| panic!("{made}"));
    assert_eq!(schools(secret, 1).await, 200);
    town.done(1, Method::DELETE, &format!("/api/v1/tokens/{}", made["id"]), None).await;
    assert_eq!(schools(secret, 0).await, 401, "revoked there, revoked here");

    // A terminal that calls at one and is claimed at the other.
    assert!(town.poll(1, GATE).await.is_empty());
    until("it is shown", async || {
        let unknown = town.done(0, Method::GET, "/api/v1/devices/unknown", None).await;
        unknown.as_array().is_some_and(|unknown| unknown.len() == 1).then_some(())
    })
    .await;
    town.student(0, "Ngaio", 79).await;
    let claim = json!({"school_id": 1, "device_name": "Gate"});
    let device = town.done(0, Method::POST, &format!("/api/v1/devices/unknown/{GATE}/claim"), Some(claim)).await;
    assert!(arrives(&town, 1, "Ngaio").await < Duration::from_mins(1));

    // Switched off, on again, and deleted at one; asked is the other.
    let path = format!("/api/v1/devices/{}", device["id"]);
    let knows = async |is_active: bool| {
        town.done(0, Method::PUT, &path, Some(json!({"is_active": is_active}))).await;
        let name = format!("Ngaio {is_active}");
        town.done(0, Method::PUT, "/api/v1/students/1", Some(json!({"full_name": name}))).await;
        name
    };
    knows(false).await;
    for _ in 0..5 {
        assert_eq!(town.poll(1, GATE).await, []);
    }
    let name = knows(true).await;
    arrives(&town, 1, &name).await;
    town.done(0, Method::DELETE, &path, None).await;
    town.sql("UPDATE students SET full_name = 'Nobody is told'").await;
    for _ in 0..5 {
        assert_eq!(town.poll(1, GATE).await, []);
    }

    // What was seen at both is one presence.
    town.device(0, "BRCN193460021").await;
    for server in [0, 1, 0, 1] {
        town.poll(server, "BRCN193460021").await;
    }
    until("it is online", async || {
        let online = "SELECT COUNT(*) FROM devices WHERE serial_number = 'BRCN193460021' AND is_online
            AND last_seen <= clock_timestamp() AND contested_at IS NULL";
        (town.number(online).await == 1).then_some(())
    })
    .await;
}

/// Three servers, and terminals whose calls go to each of them in turn, while people edit at all of them. One is killed at
/// a random moment and comes back later; in the end everything is as if there had been one.
#[tokio::test]
async fn any_of_three_servers_may_die() {
    let database = Database::postgres().await;
    let arguments = ["--poll-delay", "4s", "--command-deadline", "1s"];
    let mut town = Town::with(3, database.db.clone(), &database.url, &arguments).await;
    let balancer = Balancer::before(town.addresses()).await;
    let mut random = Xoshiro256PlusPlus::seed_from_u64(7);
    let unplug = CancellationToken::new();
    let mut terminals = Vec::new();
    for (number, name) in (0_u64..).zip(["zam180", "push1", "senseface-a2"]) {
        let serial = format!("MANY{number}");
        let device = town.device(usize::try_from(number).unwrap(), &serial).await;
        let profile = Profile::by_name(name).unwrap();
        terminals.push(Plugged::plug_in(device, &serial, profile, number, balancer.address, unplug.clone()));
    }
    let (mut students, mut card) = (Vec::new(), 10_000);
    for round in 0..3 {
        let victim = round % 3;
        for step in 0..30 {
            if step == 10 {
                town.servers[victim].take().unwrap().program.kill();
            }
            let alive: Vec<usize> = (0..3).filter(|server| town.servers[*server].is_some()).collect();
            let server = alive[random.random_range(0..alive.len())];
            let name = format!("{} {}", NAMES[random.random_range(0..NAMES.len())], random.random_range(1..1_000));
            if students.len() < 20 || random.random_bool(0.3) {
                card += 1;
                students.push(town.student(server, &name, card).await);
            } else {
                let path = format!("/api/v1/students/{}", students[random.random_range(0..students.len())]);
                let leaves = random.random_bool(0.1);
                let body = if leaves { json!({"is_active": false}) } else { json!({"full_name": name}) };
                town.done(server, Method::PUT, &path, Some(body)).await;
            }
            // Not to wait for anything: this is how fast people type.
            tokio::time::sleep(Duration::from_millis(random.random_range(5..60))).await;
        }
        let again = Serving::start(&town.url, &arguments).await;
        balancer.replace(victim, again.address);
        town.servers[victim] = Some(again);
    }
    reckoning::come_to_rest(&town.db, &terminals, "").await;
    unplug.cancel();
    let others = reckoning::account_for_punches(&town.db, terminals).await;
    assert!(others.is_empty(), "nobody made these: {others:?}");
}
