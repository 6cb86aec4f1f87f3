//! The disk of a server on SQLite is full: a limit on how long its files may get stands in for it.

use std::{fmt::Write as _, process::Command};

use crate::{
    databases::Database,
    processes::{
        program::{Program, Serving, until},
        town::converse,
    },
};

const SERIAL: &str = "CJX9253300417";
const PUNCHES: usize = 2_000;

#[tokio::test]
async fn a_full_disk_is_said_and_outlived() {
    let database = Database::sqlite().await;
    let mut tx = database.db.write().await.unwrap();
    tx.execute("INSERT INTO schools (name) VALUES ('Te Kura o Ōtautahi')", []).await.unwrap();
    let device = "INSERT INTO devices (school_id, serial_number, device_name) VALUES (1, $1, 'Gate')";
    tx.execute(device, [SERIAL.into()]).await.unwrap();
    tx.commit().await.unwrap();
    database.db.close().await;

    let words = ["serve", "--listen", "127.0.0.1:0", "--log-format", "json"];
    let program = Program::start(limited(&Program::command(&database.url, &words)), "");
    let mut serving = Serving::of(program).await;
    let day = |day: usize| {
        let mut lines = String::new();
        for number in 0..PUNCHES {
            let (minute, second) = (number / 60, number % 60);
            writeln!(lines, "{day}\t2026-03-01 08:{minute:02}:{second:02}\t0\t1").unwrap();
        }
        lines
    };
    let upload = async |number| {
        let request = format!("POST /iclock/cdata?SN={SERIAL}&table=ATTLOG&Stamp=9999");
        converse(serving.address, &request, &day(number)).await
    };
    let mut acknowledged = 0;
    let refused = loop {
        let answer = upload(acknowledged + 1).await;
        if !answer.ends_with(&format!("OK: {PUNCHES}")) {
            break answer;
        }
        acknowledged += 1;
        assert!(acknowledged < 100, "its files never got too long");
    };
    assert!(refused.starts_with("HTTP/1.1 503 ") && !refused.contains("OK"), "{refused}");
    let polled = converse(serving.address, &format!("GET /iclock/getrequest?SN={SERIAL}"), "").await;
    assert!(polled.starts_with("HTTP/1.1 200 "), "{polled}");
    assert_eq!(reqwest::get(serving.url("/readyz")).await.unwrap().status(), 200, "it can be looked at");

    let room = format!("--fsize=unlimited --pid={}", serving.program.id());
    assert!(Command::new("prlimit").args(room.split(' ')).status().expect("prlimit").success());
    until("it stores again", async || {
        serving.program.must_run();
        upload(acknowledged + 1).await.ends_with(&format!("OK: {PUNCHES}")).then_some(())
    })
    .await;
    let again = rollcall::store::Db::open(&database.url).await.unwrap();
    let mut tx = again.read().await.unwrap();
    let (stored, kinds): (i64, i64) = tx.one("SELECT COUNT(*), COUNT(DISTINCT pin) FROM punches", []).await.unwrap();
    assert_eq!(
        (usize::try_from(stored).unwrap(), usize::try_from(kinds).unwrap()),
        ((acknowledged + 1) * PUNCHES, acknowledged + 1)
    );
}

/// The same command, whose files may have two megabytes until somebody allows it more.
fn limited(command: &Command) -> Command {
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; exec prlimit --fsize=2000000:unlimited \"$@\"", "sh"]);
    limited.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    limited
}
