//! A school with terminals in every state, for looking at: served in this process, on a clock that stands still.

use std::net::SocketAddr;

use axum::Extension;
use jiff::SignedDuration;
use rollcall::web::pages::words::Words;
use serde_json::json;
use terminal_simulator::{Profile, Terminal};
use tokio::net::TcpListener;

use crate::{
    databases::Database,
    stories::{campus::Campus, people},
};

/// Where the pages are, and what keeps them alive.
pub struct School {
    pub campus: Campus,
    pub address: SocketAddr,
}

const GATE: &str = "CJX9253300417";
const LIBRARY: &str = "GED7242600838";
const HALL: &str = "OIN7030067032";

impl School {
    /// Four terminals: one in step, one with failures and differences, one offline, and one that already holds people. Two more called and are not registered.
    pub async fn open(database: Database) -> School {
        let mut campus = Campus::open(database).await;
        // There it is a quarter past ten when the school is looked at.
        let zone = json!({"timezone": "Asia/Dubai", "name": "Colegio Yachay"});
        let school = format!("/api/v1/schools/{}", campus.school);
        campus.world.server.put(&campus.admin, &school, zone).await.data(200);
        let classes = classes(&campus).await;
        for (number, class) in (0..64).zip(classes.iter().cycle()) {
            let fields = json!({"school_id": campus.school, "full_name": people::name(number),
                "rfid_card_id": people::card(number), "class_id": class});
            campus.post("/api/v1/students", fields).await.data(201);
        }
        for (serial, name, profile) in [
            (GATE, "Main gate", Profile::zam180()),
            (LIBRARY, "Library", Profile::zam180()),
            (HALL, "Sports hall", Profile::legacy_fw()),
        ] {
            plug_in(&mut campus, serial, name, profile).await;
        }
        assert!(campus.world.settle(SignedDuration::from_mins(60)).await, "three terminals get in step");
        // A visitor was enrolled at the library's keypad.
        campus.world.fleet.terminal(1).edit_at_keypad("9001", "Visitor", None);
        for device in 1..=3 {
            campus.post(&format!("/api/v1/device/{device}/verify-sync"), json!(null)).await.data(202);
        }
        campus.run_for(1800).await;
        punch(&mut campus).await;
        something_is_wrong(&mut campus).await;
        something_is_new(&mut campus).await;
        let address = serve(&campus, None).await;
        School { campus, address }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The same pages in another language.
    pub async fn in_language(&self, words: &'static Words) -> SocketAddr {
        serve(&self.campus, Some(words)).await
    }
}

/// Serves the pages until the test ends.
pub async fn serve(campus: &Campus, words: Option<&'static Words>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = rollcall::web::router(campus.world.app.clone());
    let router = match words {
        Some(words) => router.layer(Extension(words)),
        None => router,
    };
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn classes(campus: &Campus) -> Vec<i64> {
    let mut classes = Vec::new();
    for name in ["5.º A", "5.º B", "6.º A"] {
        let fields = json!({"school_id": campus.school, "class_name": name});
        classes.push(campus.post("/api/v1/classes", fields).await.data(201)["id"].as_i64().unwrap());
    }
    classes
}

async fn plug_in(campus: &mut Campus, serial: &str, name: &str, profile: Profile) {
    let fields = json!({"school_id": campus.school, "serial_number": serial, "device_name": name});
    campus.post("/api/v1/devices", fields).await.data(201);
    campus.world.plug_in(Terminal::new(serial, profile, 1));
}

/// Half of the school came this morning, most of them just in time.
async fn punch(campus: &mut Campus) {
    let now = campus.world.now();
    for (index, minutes) in [(0, 3), (0, 9), (1, 14), (0, 17), (1, 22), (0, 61), (2, 64), (0, 130), (0, 190)] {
        let terminal = campus.world.fleet.terminal(index);
        let at = terminal.local(now - SignedDuration::from_mins(minutes));
        let pins: Vec<String> =
            terminal.users().keys().take(30 - usize::try_from(minutes).unwrap() / 8).cloned().collect();
        for pin in pins {
            terminal.punch(&pin, at);
        }
    }
    campus.run_for(120).await;
}

/// What a reading of the library's terminal found, and a student who failed there.
async fn something_is_wrong(campus: &mut Campus) {
    let world = &campus.world;
    world
        .foreign(
            "INSERT INTO device_drift (device_id, device_pin, student_id, kind, field, ours, theirs, found_at, found_last_at)
             SELECT 2, '7', 7, 'different', 'name', 'Ọlámidé Adébáyọ̀', 'OLAMIDE ADEBAYO', last_seen, last_seen FROM devices WHERE id = 2
             UNION ALL SELECT 2, '9', 9, 'missing', NULL, NULL, NULL, last_seen, last_seen FROM devices WHERE id = 2",
            [],
        )
        .await;
    world
        .foreign(
            "UPDATE device_user_sync_status SET failed_version = wanted_version, confirmed_version = 0, sent_version = 0,
               verified_version = 0, sync_retries = 3, error_message = 'the terminal says that the data is invalid (-6)'
             WHERE device_id = 2 AND student_id IN (6, 12)",
            [],
        )
        .await;
    world.foreign("UPDATE devices SET is_online = FALSE, clock_skew_seconds = 420 WHERE id = 3", []).await;
}

/// A new terminal that holds people, and two that nobody registered.
async fn something_is_new(campus: &mut Campus) {
    let mut full = Terminal::new("BRM9211160042", Profile::zam180(), 1);
    for pin in ["1", "2", "3"] {
        full.edit_at_keypad(pin, "Somebody", None);
    }
    let fields = json!({"school_id": campus.school, "serial_number": "BRM9211160042", "device_name": "Cafeteria"});
    campus.post("/api/v1/devices", fields).await.data(201);
    campus.world.plug_in(full);
    campus.world.plug_in(Terminal::new("NYU7250100123", Profile::zam180(), 1));
    campus.world.plug_in(Terminal::new("CQQ9240700551", Profile::senseface_a2(), 1));
    campus.run_for(120).await;
    campus.world.foreign("UPDATE devices SET is_online = FALSE, last_seen = created_at WHERE id = 3", []).await;
}
