//! A terminal against a real socket.

use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use terminal_simulator::{Call, FaultKind, Profile, Terminal, over_http};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::oneshot,
};

use crate::line::{OPTIONS, body, text};

/// A server that knows what to say to each request, and keeps what it read.
async fn serve(listener: TcpListener, requests: Arc<Mutex<Vec<String>>>, length_name: &str, close: bool) {
    let mut open = Vec::new();
    let mut commands = Some("C:1:DATA UPDATE USERINFO PIN=1042\tName=José Ñuñez\tCard=[15CD5B0700]\n");
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = Vec::new();
        let request = loop {
            stream.read_buf(&mut bytes).await.unwrap();
            let request = text(&bytes);
            let Some((head, body)) = request.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                break request;
            }
        };
        let reply = match () {
            () if request.contains("options=all") => OPTIONS,
            () if request.contains("getrequest") => commands.take().unwrap_or("OK"),
            () => "OK",
        };
        requests.lock().unwrap().push(request);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n{length_name}: {}\r\n\r\n", reply.len());
        stream.write_all(&[head.as_bytes(), reply.as_bytes()].concat()).await.unwrap();
        if !close {
            open.push(stream);
        }
    }
}

async fn run(
    profile: Profile,
    length_name: &'static str,
    close: bool,
    fault: Option<FaultKind>,
) -> (Terminal, Vec<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let requests = Arc::new(Mutex::new(Vec::new()));
    let server = tokio::spawn(serve(listener, Arc::clone(&requests), length_name, close));
    let mut terminal = Terminal::new("CJX9253300417", profile, 1);
    if let Some(fault) = fault {
        terminal.faults().once_at(fault, Call::Results);
    }
    let (stop, stopped) = oneshot::channel();
    let mut stop = Some(stop);
    let start: Timestamp = "2026-03-02T05:00:05Z".parse().unwrap();
    let work = over_http::run(
        &mut terminal,
        &address,
        || start,
        async { stopped.await.unwrap_or_default() },
        |terminal, state| {
            if matches!(state, over_http::State::Waiting(_))
                && let Some(stop) = stop.take_if(|_| terminal.statistics().results_accepted > 0)
            {
                stop.send(()).ok();
            }
        },
    );
    work.await;
    server.abort();
    let requests = requests.lock().unwrap().clone();
    (terminal, requests)
}

#[tokio::test]
async fn a_terminal_is_written_to_over_a_socket() {
    let (terminal, requests) = run(Profile::zam180(), "content-length", false, None).await;
    assert_eq!(terminal.users()["1042"].name, "José Ñuñez");
    assert!(requests[0].starts_with("GET /iclock/cdata?SN=CJX9253300417&options=all&pushver=2.2.14"));
    assert!(requests[0].contains("\r\nHost: 127.0.0.1:"));
    assert!(requests.iter().any(|request| body(request) == "ID=1&Return=0&CMD=DATA\n"));
}

#[tokio::test]
async fn a_legacy_terminal_reads_to_the_end_of_the_stream() {
    let (terminal, _) = run(Profile::legacy_fw(), "content-length", true, None).await;
    assert_eq!(terminal.users()["1042"].card, Some(123_456_789));
    let (terminal, _) = run(Profile::legacy_fw(), "Content-Length", false, None).await;
    assert_eq!(terminal.users().len(), 1, "or to the length, when it finds it");
}

#[tokio::test]
async fn a_repeated_request_is_really_sent_twice() {
    let (_, requests) = run(Profile::zam180(), "Content-Length", true, Some(FaultKind::RepeatRequest)).await;
    assert_eq!(requests.iter().filter(|request| request.contains("devicecmd")).count(), 2);
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let mut terminal = Terminal::new("CJX9253300417", Profile::zam180(), 1);
    let (stop, stopped) = oneshot::channel::<()>();
    let mut stop = Some(stop);
    let mut states = Vec::new();
    let start = "2026-03-02T05:00:05Z".parse().unwrap();
    over_http::run(
        &mut terminal,
        &address,
        || start,
        async { drop(stopped.await) },
        |_, state| {
            states.push(state);
            if states.len() == 3 {
                stop.take();
            }
        },
    )
    .await;
    assert_eq!(states[..2], [over_http::State::Asking(Call::Handshake), over_http::State::Unanswered(Call::Handshake)]);
}
