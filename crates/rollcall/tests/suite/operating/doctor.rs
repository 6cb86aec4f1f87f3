//! `rollcall doctor` finds what goes wrong in practice, each thing in words.

use std::net::TcpListener;

use rollcall::{devices::presence, loops, store::Db};
use serde_json::Value as Json;
use terminal_simulator::Profile;

use crate::{
    databases::{Database, both_databases},
    processes::program::{Ended, Serving, rollcall},
    stories::campus::Campus,
};

both_databases! {
    a_school_that_is_well,
    every_terminal_that_needs_somebody,
    two_devices_with_one_serial_number_are_seen,
    a_clock_that_went_back_and_a_missing_zone,
    a_database_that_is_not_whole,
}

async fn doctor(url: &str, arguments: &[&str]) -> (Ended, Vec<Json>) {
    let ended = rollcall(url, &[&["doctor", "--json"], arguments].concat()).await;
    let findings = serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    (ended, findings)
}

/// The kinds of what is wrong with this.
fn wrong<'a>(findings: &'a [Json], about: &str) -> Vec<&'a str> {
    let wrong = findings.iter().filter(|finding| finding["about"] == about && finding["is_fine"] == false);
    wrong
        .map(|finding| {
            assert!(!finding["says"].as_str().unwrap().is_empty(), "{finding}");
            assert!(!finding["advice"].as_str().unwrap().is_empty(), "what to do: {finding}");
            finding["kind"].as_str().unwrap()
        })
        .collect()
}

async fn sql(database: &Database, statements: &[&'static str]) {
    let db = Db::open(&database.url).await.unwrap();
    let mut tx = db.write().await.unwrap();
    for statement in statements {
        tx.execute(statement, []).await.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    }
    tx.commit().await.unwrap();
    db.close().await;
}

async fn a_school_that_is_well(database: Database) {
    sql(&database, &["INSERT INTO schools (name, timezone) VALUES ('Escola Tupã', 'America/Manaus')"]).await;
    let serving = Serving::start(&database.url, &[]).await;
    let address = serving.address.to_string();
    let (ended, findings) = doctor(&database.url, &["--listen", &address]).await;
    assert_eq!(ended.status, Some(0), "{findings:#?}");
    let text = rollcall(&database.url, &["doctor", "--listen", &address]).await;
    assert!(text.done().contains(&format!("a server of Rollcall answers at {address}")), "{}", text.out);

    // A container's health is its server's: a database that cannot be had is no reason to start it anew.
    let alive = ["doctor", "--alive", "--listen", &address];
    let nowhere = format!("sqlite:///nowhere/{}.db", std::process::id());
    let ended = rollcall(&nowhere, &alive).await;
    assert_eq!((ended.status, ended.out.lines().count()), (Some(0), 1), "{ended:?}");
    assert_eq!(rollcall(&nowhere, &["doctor", "--listen", &address]).await.status, Some(1));

    // The same, with the server's port closed, or somebody else's.
    serving.program.signal("TERM");
    serving.program.end().await;
    let (ended, findings) = doctor(&database.url, &["--listen", &address]).await;
    assert_eq!((ended.status, wrong(&findings, "port")), (Some(1), vec!["closed"]));
    assert_eq!(rollcall(&nowhere, &alive).await.status, Some(1), "nobody is there any more");
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        while let Ok((mut stream, _)) = other.accept() {
            // Whoever closes with something unread resets the line, and the answer is lost.
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let (_, findings) = doctor(&database.url, &["--listen", &taken, "--terminal-listen", &taken]).await;
    assert_eq!((wrong(&findings, "port"), wrong(&findings, "terminal_port")), (vec!["taken"], vec!["taken"]));
}

async fn every_terminal_that_needs_somebody(database: Database) {
    sql(
        &database,
        &[
            "INSERT INTO schools (name, timezone) VALUES ('Kura Kaupapa', 'Pacific/Auckland')",
            "INSERT INTO devices (school_id, serial_number, device_name, start_state, last_seen, is_online)
             SELECT 1, 'WELL1', 'Gate', 'writing', CURRENT_TIMESTAMP, TRUE WHERE FALSE",
            "INSERT INTO devices (school_id, serial_number, device_name, start_state, created_at) VALUES
               (1, 'SILENT1', 'Gate', 'writing', '2020-01-01T00:00:00.000000Z'),
               (1, 'FULL1', 'Library', 'writing', '2999-01-01T00:00:00.000000Z'),
               (1, 'NEARLY1', 'Hall', 'writing', '2999-01-01T00:00:00.000000Z'),
               (1, 'HOLDS1', 'Patio', 'holds_people', '2999-01-01T00:00:00.000000Z'),
               (1, 'CLOCK1', 'Lab', 'writing', '2999-01-01T00:00:00.000000Z'),
               (1, 'REFUSES1', 'Pool', 'writing', '2999-01-01T00:00:00.000000Z'),
               (1, 'OFF1', 'Cellar', 'writing', '2020-01-01T00:00:00.000000Z')",
            "UPDATE devices SET is_active = FALSE WHERE serial_number = 'OFF1'",
            "UPDATE devices SET is_full = TRUE WHERE serial_number = 'FULL1'",
            "UPDATE devices SET user_capacity = 10, user_count = 10 WHERE serial_number = 'NEARLY1'",
            "UPDATE devices SET user_count = 7 WHERE serial_number = 'HOLDS1'",
            "UPDATE devices SET clock_skew_seconds = -4000 WHERE serial_number = 'CLOCK1'",
            "INSERT INTO device_delivery (device_id, others) SELECT id, 10 FROM devices WHERE serial_number = 'NEARLY1'",
            "INSERT INTO device_user_sync_status (device_id, student_id, device_pin, is_wanted, failed_version, error_message)
             SELECT id, 1, '1', TRUE, 1, 'the terminal lacks the word' FROM devices WHERE serial_number = 'REFUSES1'",
            "INSERT INTO device_user_sync_status (device_id, student_id, device_pin, is_wanted, decision)
             SELECT id, 2, '2', FALSE, 'held' FROM devices WHERE serial_number = 'REFUSES1'",
        ],
    )
    .await;
    let (ended, findings) = doctor(&database.url, &[]).await;
    assert_eq!(ended.status, Some(1));
    for (serial, kinds) in [
        ("SILENT1", &["silent"][..]),
        ("FULL1", &["full"]),
        ("NEARLY1", &["nearly_full"]),
        ("HOLDS1", &["undecided"]),
        ("CLOCK1", &["clock"]),
        ("REFUSES1", &["refuses", "undecided"]),
        ("OFF1", &[]),
    ] {
        assert_eq!(wrong(&findings, serial), kinds, "{serial}: {findings:#?}");
    }
    let holiday =
        "INSERT INTO holidays (school_id, first_day, last_day, name) VALUES (1, '2020-01-01', '2999-01-01', 'Навруз')";
    sql(&database, &[holiday]).await;
    let (_, on_a_holiday) = doctor(&database.url, &[]).await;
    assert_eq!(wrong(&on_a_holiday, "SILENT1"), Vec::<&str>::new());
    assert_eq!(wrong(&on_a_holiday, "REFUSES1"), ["refuses", "undecided"]);
    let advice = findings.iter().find(|finding| finding["about"] == "HOLDS1").unwrap();
    assert!(advice["advice"].as_str().unwrap().contains("rollcall takeover HOLDS1"), "{advice}");
}

async fn two_devices_with_one_serial_number_are_seen(database: Database) {
    let mut campus = Campus::open(database).await;
    let device = campus.terminal("CJX9253300417", Profile::zam180()).await;
    campus.run_for(60).await;
    let contested = "SELECT COUNT(*) FROM devices WHERE contested_at IS NOT NULL";
    let terminal =
        campus.world.app.registry.find(&push_protocol::text::SerialNumber::parse("CJX9253300417").unwrap()).unwrap();
    for (address, times) in [("192.0.2.77", 0), ("192.0.2.77", 0), ("192.0.2.10", 1)] {
        let told =
            rollcall::devices::registry::Told { address: address.parse().unwrap(), firmware: None, user_count: None };
        campus.world.app.registry.seen(&terminal, told, campus.world.now());
        presence::flush(&campus.world.app.db, &campus.world.app.registry, campus.world.now()).await.unwrap();
        assert_eq!(campus.world.number(contested).await, times, "{address}");
    }
    loops::refresh(&campus.world.app).await.unwrap();
    let mut tx = campus.world.app.db.read().await.unwrap();
    let doubts =
        rollcall::sync::doubts::of(&mut tx, &campus.world.app.settings.timezone, campus.world.now()).await.unwrap();
    let says: Vec<&str> = doubts.iter().map(|doubt| doubt.says.as_str()).collect();
    let [says] = says.try_into().unwrap();
    assert!(says.starts_with("calls from 192.0.2.10 and 192.0.2.77 in turn: nothing is handed"), "{device}: {says}");
    drop(tx);

    // Everybody is told, and somebody says that both are ours.
    let url = campus.world.database.url.clone();
    let status = rollcall(&url, &["status"]).await;
    assert_eq!(status.status, Some(3), "{status:?}");
    assert!(status.out.contains("may be another device") && status.out.contains("rollcall confirm CJX9253300417"));
    let (_, findings) = doctor(&url, &[]).await;
    assert!(wrong(&findings, "CJX9253300417").contains(&"two_addresses"), "{findings:#?}");
    assert!(rollcall(&url, &["confirm", "CJX9253300417"]).await.done().contains("is believed again"));
    assert!(rollcall(&url, &["confirm", "CJX9253300417"]).await.done().contains("nobody doubts"));
    let confirmed = "SELECT COUNT(*) FROM audit_logs WHERE action = 'confirm' AND entity = 'device'";
    assert_eq!(campus.world.number(confirmed).await, 1);
    let (_, findings) = doctor(&url, &[]).await;
    assert!(!wrong(&findings, "CJX9253300417").contains(&"two_addresses"), "{findings:#?}");
}

async fn a_clock_that_went_back_and_a_missing_zone(database: Database) {
    sql(
        &database,
        &[
            "INSERT INTO schools (name) VALUES ('მე-5 სკოლა')",
            "INSERT INTO audit_logs (at, actor, action, entity) VALUES ('2999-01-01T00:00:00.000000Z', 'a', 'b', 'c')",
        ],
    )
    .await;
    let (_, findings) = doctor(&database.url, &[]).await;
    assert_eq!((wrong(&findings, "clock"), wrong(&findings, "zone")), (vec!["went_back"], vec!["unset"]));
    let (_, findings) = doctor(&database.url, &["--timezone", "Asia/Tbilisi"]).await;
    assert_eq!(wrong(&findings, "zone"), [""; 0]);
}

async fn a_database_that_is_not_whole(database: Database) {
    if database.url.starts_with("sqlite") {
        let (ended, findings) = doctor("sqlite:///nowhere/at/all.db", &[]).await;
        assert_eq!((ended.status, wrong(&findings, "database")), (Some(1), vec!["unreachable"]));
        return;
    }
    sql(&database, &["DROP INDEX device_commands_open"]).await;
    let (_, findings) = doctor(&database.url, &[]).await;
    assert_eq!(wrong(&findings, "database"), ["damaged"], "{findings:#?}");
}
