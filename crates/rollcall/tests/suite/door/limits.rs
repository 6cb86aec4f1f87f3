//! How long a connection may take. On the runtime's own clock, which is stopped: it moves only when everything waits.

#![expect(clippy::disallowed_methods, reason = "the runtime's clock stands still unless everything waits")]

use std::time::Duration;

use rollcall::{config::TlsFiles, server::tls::Tls};

use super::bench::{Bench, Line, SERIAL};
use crate::databases::Database;

/// A bench whose waits cost nothing. The database is opened before time stops, because its threads would not be waited for.
async fn bench() -> Bench {
    let bench = Bench::new(Database::sqlite().await).await;
    bench.writing().await;
    bench.poll().await;
    tokio::time::pause();
    bench
}

async fn seconds_until_it_ends(line: &mut Line) -> u64 {
    let began = tokio::time::Instant::now();
    assert!(line.ends().await, "it said something");
    began.elapsed().as_secs()
}

#[tokio::test]
async fn a_head_within_ten_seconds() {
    let bench = bench().await;
    assert_eq!(seconds_until_it_ends(&mut bench.line()).await, 10);
    let mut line = bench.line();
    line.write("GET /iclock/getrequest?SN=CJX").await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    line.write("9253300417 HTTP/1.1\r\nHost:").await;
    assert_eq!(seconds_until_it_ends(&mut line).await, 4, "a slow trickle gains nothing");
}

#[tokio::test]
async fn an_idle_connection_for_fifteen() {
    let bench = bench().await;
    let mut line = bench.line();
    let poll = format!("GET /iclock/getrequest?SN={SERIAL} HTTP/1.1\r\nHost: x\r\n\r\n");
    for _ in 0..3 {
        line.write(&poll).await;
        line.reply().await.is(200, "OK");
        tokio::time::sleep(Duration::from_secs(14)).await;
    }
    line.write(&poll).await;
    line.reply().await.is(200, "OK");
    assert_eq!(seconds_until_it_ends(&mut line).await, 15);
    let mut line = bench.line();
    line.write(&poll).await;
    line.reply().await.is(200, "OK");
    tokio::time::sleep(Duration::from_secs(14)).await;
    line.write(&poll[..20]).await;
    assert_eq!(seconds_until_it_ends(&mut line).await, 10, "from the first byte of the next head");
}

#[tokio::test]
async fn a_body_of_a_kilobyte_a_second() {
    let bench = bench().await;
    let head = format!("POST /iclock/cdata?SN={SERIAL}&table=X HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
    let mut line = bench.line();
    line.write(&head).await;
    let began = tokio::time::Instant::now();
    assert_eq!(line.reply().await.status(), 408);
    assert_eq!(began.elapsed().as_secs(), 10);
    assert!(line.ends().await);

    let mut line = bench.line();
    line.write(&head).await;
    for _ in 0..100 {
        line.write("x".repeat(1100)).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(line.reply().await.status(), 408, "it stopped");
    assert_eq!(began.elapsed().as_secs(), 10 + 100 + 20, "10 s of grace and 110 for what came");
}

#[tokio::test]
async fn a_reply_that_nobody_takes_for_thirty() {
    let bench = bench().await;
    let mut line = bench.line();
    let poll = format!("GET /iclock/getrequest?SN={SERIAL} HTTP/1.1\r\nHost: x\r\n\r\n");
    let began = tokio::time::Instant::now();
    // More replies than the pipe holds: the server is stuck until somebody takes them.
    while line.can_write(&poll).await {}
    assert_eq!(began.elapsed().as_secs(), 30);
}

#[tokio::test]
async fn an_answer_within_five_seconds() {
    let bench = Bench::new(Database::sqlite().await).await;
    let device = bench.writing().await;
    let writing = bench.app.db.write().await.unwrap();
    tokio::time::pause();
    bench.app.registry.raise(&[device]);
    let began = tokio::time::Instant::now();
    bench.poll().await.is(200, "OK");
    assert_eq!(began.elapsed().as_secs(), 4);
    assert_eq!(bench.upload("ATTLOG", "7\t2026-03-02 08:00:03\t0\t1\n").await.status(), 503);
    assert_eq!(began.elapsed().as_secs(), 8);
    drop(writing);
}

#[tokio::test]
async fn a_head_of_a_hundred_headers_and_sixty_four_kilobytes() {
    let bench = bench().await;
    let head = |headers: usize, length: usize| {
        let each = format!("X-Long: {}\r\n", "a".repeat(length));
        format!("GET /iclock/ping?SN={SERIAL} HTTP/1.1\r\n{}\r\n", each.repeat(headers))
    };
    let mut line = bench.line();
    line.write(head(100, 500)).await;
    line.reply().await.is(200, "OK");
    for (headers, length) in [(101, 5), (40, 2_000)] {
        let mut line = bench.line();
        let _ = line.can_write(head(headers, length)).await;
        assert_eq!(line.reply().await.status(), 431, "{headers} headers of {length}");
        assert!(line.ends().await);
    }
}

#[tokio::test]
async fn a_handshake_of_tls_within_ten_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["rollcall.example.org".to_owned()]).unwrap();
    let files = TlsFiles { certificate: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    let tls = Tls::load(files).unwrap();
    assert!(!tls.reload().unwrap(), "nothing changed");
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let (_silent, served) = tokio::io::duplex(1024);
    assert!(tls.accept(served).await.is_none());
    assert_eq!(began.elapsed().as_secs(), 10);
}
