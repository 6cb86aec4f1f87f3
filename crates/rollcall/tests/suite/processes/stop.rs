//! A server that is asked to stop finishes what it does and remembers what it knows.

use jiff::Timestamp;
use rollcall::{clock::Clock, devices::DeviceId, store::Instant};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::program::{Serving, until};
use crate::databases::{Database, both_databases};

both_databases! {
    a_server_that_is_terminated_ends_well,
    a_server_that_is_interrupted_ends_well,
}

const SERIAL: &str = "CJX9253300417";

async fn a_server_that_is_terminated_ends_well(database: Database) {
    ends_well(database, "TERM").await;
}

async fn a_server_that_is_interrupted_ends_well(database: Database) {
    ends_well(database, "INT").await;
}

async fn ends_well(database: Database, signal: &str) {
    register(&database).await;
    let serving = Serving::start(&database.url, &[]).await;

    let punch = b"7\t2026-03-02 07:58:11\t0\t15\t0\t0\t0\n";
    let mut upload = TcpStream::connect(serving.address).await.unwrap();
    let head = format!(
        "POST /iclock/cdata?SN={SERIAL}&table=ATTLOG&Stamp=9999 HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\
         Expect: 100-continue\r\n\r\n",
        serving.address,
        punch.len()
    );
    upload.write_all(head.as_bytes()).await.unwrap();
    // Whoever is told to go on has been heard.
    assert!(read_to(&mut upload, b"\r\n\r\n").await.starts_with("HTTP/1.1 100 "));

    let polled_at = Clock::machine().now();
    let mut poll = TcpStream::connect(serving.address).await.unwrap();
    let request = format!("GET /iclock/getrequest?SN={SERIAL} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    poll.write_all(request.as_bytes()).await.unwrap();
    assert!(read_to(&mut poll, b"OK").await.starts_with("HTTP/1.1 200 "));

    serving.program.signal(signal);
    until("it says that it stops", async || serving.program.logged("stopping").pop()).await;
    upload.write_all(punch).await.unwrap();
    let answer = read_to(&mut upload, b"OK: 1").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("OK: 1"), "{answer}");

    let ended = serving.program.end().await;
    ended.done();
    let mut tx = database.db.read().await.unwrap();
    let (last_seen,): (Option<Instant>,) =
        tx.one("SELECT last_seen FROM devices WHERE serial_number = $1", [SERIAL.into()]).await.unwrap();
    let last_seen: Timestamp = last_seen.expect("it was seen").into();
    // The server keeps the database's time, which may differ a little from this machine's.
    let about_then = polled_at - jiff::SignedDuration::from_secs(1);
    assert!(last_seen >= about_then, "the poll of {polled_at} is forgotten, last seen is {last_seen}");
    let stored: Vec<(String, String)> = tx.all("SELECT pin, punched_at FROM punches", []).await.unwrap();
    assert_eq!(stored, [("7".to_owned(), "2026-03-02T07:58:11".to_owned())]);
}

async fn register(database: &Database) -> DeviceId {
    let mut tx = database.db.write().await.unwrap();
    tx.execute("INSERT INTO schools (name) VALUES ('Te Kura o Ōtautahi')", []).await.unwrap();
    let (device,) = tx
        .one(
            "INSERT INTO devices (school_id, serial_number, device_name) VALUES (1, $1, 'Gate') RETURNING id",
            [SERIAL.into()],
        )
        .await
        .unwrap();
    tx.commit().await.unwrap();
    device
}

/// Reads to the end of these bytes, or of the stream.
async fn read_to(stream: &mut TcpStream, end: &[u8]) -> String {
    let mut read = Vec::new();
    while !read.ends_with(end) && stream.read_buf(&mut read).await.unwrap() > 0 {}
    String::from_utf8_lossy(&read).into_owned()
}
