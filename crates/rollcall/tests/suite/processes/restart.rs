//! PostgreSQL is restarted, and away for a while, in the middle of everything: nothing that was promised is lost, and
//! everything comes in step by itself.

use rand::{RngExt as _, SeedableRng as _, rngs::Xoshiro256PlusPlus};
use reqwest::Method;
use rollcall::store::Db;
use serde_json::json;
use terminal_simulator::Profile;
use tokio_util::sync::CancellationToken;

use super::{
    balancer::Balancer,
    plugged::Plugged,
    program::until,
    reckoning,
    town::{Town, converse},
};
use crate::databases::Cluster;

#[tokio::test]
async fn postgresql_is_restarted_in_the_middle_of_everything() {
    let cluster = Cluster::start().await;
    let db = Db::open(&cluster.url).await.unwrap();
    let arguments = ["--poll-delay", "4s", "--command-deadline", "1s"];
    let town = Town::with(2, db, &cluster.url, &arguments).await;
    let balancer = Balancer::before(town.addresses()).await;
    let mut random = Xoshiro256PlusPlus::seed_from_u64(11);
    let unplug = CancellationToken::new();
    let mut terminals = Vec::new();
    for (number, name) in (0_u64..).zip(["zam180", "push1"]) {
        let serial = format!("AWAY{number}");
        let device = town.device(0, &serial).await;
        let profile = Profile::by_name(name).unwrap();
        terminals.push(Plugged::plug_in(device, &serial, profile, number, balancer.address, unplug.clone()));
    }
    let mut students = Vec::new();
    for card in 1..=15 {
        students.push(town.student(0, "Tūī", card).await);
    }
    for how in ["immediate", "fast", "immediate"] {
        let mut promised = Vec::new();
        let stopped = tokio::spawn(cluster.stop(how));
        for number in 0..20 {
            let (server, student) = (random.random_range(0..2), students[random.random_range(0..students.len())]);
            let (name, path) = (format!("Tūī {how} {number}"), format!("/api/v1/students/{student}"));
            let (status, answer) = town.call(server, Method::PUT, &path, Some(json!({"full_name": name}))).await;
            match status {
                200 => {
                    promised.retain(|(promised, _)| *promised != student);
                    promised.push((student, name));
                }
                503 => {
                    // Whether the commit that broke off was made nobody can know.
                    promised.retain(|(promised, _)| *promised != student);
                    if number > 3 {
                        break;
                    }
                }
                _ => panic!("{status}: {answer}"),
            }
        }
        stopped.await.unwrap();

        // Away: nobody is lied to, and everybody is answered.
        for address in town.addresses() {
            assert_eq!(reqwest::get(format!("http://{address}/readyz")).await.unwrap().status(), 503);
            assert_eq!(reqwest::get(format!("http://{address}/healthz")).await.unwrap().status(), 200);
            let punch = "7\t2026-03-02 07:58:11\t0\t15\t0\t0\t0\n";
            let upload = "POST /iclock/cdata?SN=AWAY0&table=ATTLOG&Stamp=9999";
            let answer = converse(address, upload, punch).await;
            assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
            let answer = converse(address, "GET /iclock/getrequest?SN=AWAY0", "").await;
            assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("OK"), "{answer}");
        }
        let (status, answer) = town.call(1, Method::GET, "/api/v1/schools", None).await;
        assert!(
            status == 503 && answer["message"].as_str().unwrap().contains("cannot be reached"),
            "{status} {answer}"
        );

        cluster.go_on().await;
        until("both servers are ready", async || {
            for address in town.addresses() {
                if reqwest::get(format!("http://{address}/readyz")).await.unwrap().status() != 200 {
                    return None;
                }
            }
            Some(())
        })
        .await;
        // Connections that died with the server cost nobody an answer.
        for number in 0..30 {
            let (status, answer) = town.call(number % 2, Method::GET, "/api/v1/students", None).await;
            assert_eq!(status, 200, "{answer}");
        }
        for (student, name) in promised {
            let now = town.done(0, Method::GET, &format!("/api/v1/students/{student}"), None).await;
            assert_eq!(now["full_name"], name, "the API said yes");
        }
        // First what they were told: the terminals go on while the database is read.
        let acknowledged: Vec<_> = terminals.iter().flat_map(Plugged::acknowledged).collect();
        let stored = reckoning::stored(&town.db).await;
        for punch in acknowledged {
            assert_eq!(stored.get(&punch).map_or(0, Vec::len), 1, "acknowledged: {punch:?}");
        }
    }
    until("somebody has punched at each terminal", async || {
        terminals.iter().all(|plugged| !plugged.seen.lock().unwrap().punches.is_empty()).then_some(())
    })
    .await;
    reckoning::come_to_rest(&town.db, &terminals, "").await;
    unplug.cancel();
    let others = reckoning::account_for_punches(&town.db, terminals).await;
    assert!(others.is_empty(), "nobody made these: {others:?}");
    for server in &town.servers {
        let logged = server.as_ref().unwrap().program.err();
        assert!(!logged.contains("panicked"), "{logged}");
    }
}
