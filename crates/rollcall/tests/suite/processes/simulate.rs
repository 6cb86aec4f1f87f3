//! `simulate` against a server of its own: two terminals call, are claimed, and come in step.

use serde_json::{Value as Json, json};

use super::program::{Program, Serving, rollcall, rollcall_reading, until};
use crate::databases::{Database, both_databases};

both_databases! { simulated_terminals_are_claimed_and_come_in_step }

const NAMES: [&str; 4] = ["Nguyễn Thị Ánh", "مریم رضایی", "Jürgen Groß", "አበበ በቀለ"];

async fn simulated_terminals_are_claimed_and_come_in_step(database: Database) {
    let admin = ["user", "add", "aroha@example.org", "--role", "superadmin", "--password-stdin"];
    rollcall_reading(&database.url, &admin, "kākāpō and kea").await.done();
    let token = rollcall(&database.url, &["token", "create", "aroha@example.org"]).await;
    let token = token.done().trim();
    let serving = Serving::start(&database.url, &["--poll-delay", "1s", "--command-deadline", "5s"]).await;
    let client = reqwest::Client::new();
    let get = async |path: &str| -> Json {
        client.get(serving.url(path)).bearer_auth(token).send().await.unwrap().json().await.unwrap()
    };
    let post = async |path: &str, body: Json| -> Json {
        let answer = client.post(serving.url(path)).bearer_auth(token).json(&body).send().await.unwrap();
        let answer: Json = answer.json().await.unwrap();
        assert_eq!(answer["success"], true, "{path} {body}: {answer}");
        answer["data"].clone()
    };

    let school = post("/api/v1/schools", json!({"name": "Sekolah Garuda"})).await["id"].clone();
    for (number, name) in NAMES.iter().enumerate() {
        let card = (5001 + number).to_string();
        post("/api/v1/students", json!({"school_id": school, "full_name": name, "rfid_card_id": card})).await;
    }

    let simulate = ["simulate", "--server", &serving.url(""), "--terminals", "2", "--profile", "zam180"];
    let mut simulated = Program::rollcall(&database.url, &simulate, "");
    let unknown = until("two terminals have called", async || {
        simulated.must_run();
        let unknown = get("/api/v1/devices/unknown").await;
        unknown["data"].as_array().filter(|unknown| unknown.len() == 2).cloned()
    })
    .await;
    let mut serials: Vec<&str> = unknown.iter().map(|terminal| terminal["serial_number"].as_str().unwrap()).collect();
    serials.sort_unstable();
    assert_eq!(serials, ["SIM0001", "SIM0002"]);

    for serial in &serials {
        let name = json!({"school_id": school, "device_name": format!("Gate {serial}")});
        post(&format!("/api/v1/devices/unknown/{serial}/claim"), name).await;
    }
    until("the terminals are in step", async || {
        simulated.must_run();
        let ended = rollcall(&database.url, &["status", "--json"]).await;
        let lines: Json = serde_json::from_str(&ended.out).unwrap();
        assert_eq!(lines.as_array().map(Vec::len), Some(2), "{ended:?}");
        (ended.status == Some(0)).then_some(())
    })
    .await;

    let waited = rollcall(&database.url, &["sync", "SIM0001", "--wait"]).await;
    assert!(waited.done().contains("4 of 4"), "{waited:?}");
    rollcall(&database.url, &["status"]).await.done();

    simulated.signal("INT");
    simulated.end().await.done();
}

/// What `make fleet` does for long and with many, for a moment and with few.
#[tokio::test]
async fn a_town_is_played_and_found_to_be_well() {
    let database = Database::sqlite().await;
    let admin = ["user", "add", "aroha@example.org", "--role", "superadmin", "--password-stdin"];
    rollcall_reading(&database.url, &admin, "kākāpō and kea").await.done();
    let token = rollcall(&database.url, &["token", "create", "aroha@example.org"]).await;
    let serving = Serving::start(&database.url, &["--poll-delay", "1s", "--command-deadline", "5s"]).await;
    let (server, pid) = (serving.url(""), serving.program.id().to_string());
    // Those of which none has to be asked in the end whom it holds, which takes long.
    let kinds = "senseface-a2,access-s3";
    let town = ["--students", "20", "--lasts", "3s", "--punch-every", "2s", "--token", token.done().trim()];
    let simulate =
        [&["simulate", "--server", &server, "--terminals", "3", "--profile", kinds, "--server-pid", &pid], &town[..]]
            .concat();
    let mut simulated = Program::rollcall(&database.url, &simulate, "");
    until("everybody is where he belongs", async || {
        simulated.must_run();
        simulated.out().contains("now people edit").then_some(())
    })
    .await;
    let ended = simulated.end().await;
    let said = ended.done();
    assert!(said.contains("in step             yes") && said.contains("all is well"), "{said}");

    let alone = ["simulate", "--server", &server, "--students", "20"];
    rollcall(&database.url, &alone).await.refused(2);
}
