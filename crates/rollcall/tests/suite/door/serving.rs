//! A server on real sockets: who is answered where, and how it stops.

use std::net::SocketAddr;

use rollcall::{
    app::App,
    clock::Clock,
    config::Settings,
    server::{self, Listeners},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};

use super::bench::{Bench, SERIAL, START, get, post};
use crate::databases::{Database, both_databases};

both_databases! {
    one_listener_serves_everybody,
    terminals_may_have_a_listener_of_their_own,
    what_is_under_way_when_a_server_stops_is_finished,
    more_connections_than_there_are_places_are_closed,
}

struct Serving {
    main: SocketAddr,
    terminals: Option<SocketAddr>,
    stop: oneshot::Sender<()>,
    stopped: JoinHandle<()>,
}

async fn serve(bench: &Bench, with_terminals: bool) -> Serving {
    serve_with(bench, with_terminals, Settings::default()).await
}

async fn serve_with(bench: &Bench, with_terminals: bool, settings: Settings) -> Serving {
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let listeners = Listeners::bind(loopback, with_terminals.then_some(loopback)).await.unwrap();
    let main = listeners.main.local_addr().unwrap();
    let terminals = listeners.terminals.as_ref().map(|listener| listener.local_addr().unwrap());
    let settings = Settings { database_url: bench.url().to_owned(), ..settings };
    let app = App::open(settings, Clock::manual(START.parse().unwrap())).await.unwrap();
    let (stop, asked) = oneshot::channel();
    let stopped = tokio::spawn(server::run(app, listeners, async move { drop(asked.await) }));
    Serving { main, terminals, stop, stopped }
}

async fn status(address: SocketAddr, request: impl AsRef<[u8]>) -> String {
    let mut io = TcpStream::connect(address).await.unwrap();
    io.write_all(request.as_ref()).await.unwrap();
    let mut reply = String::new();
    io.read_to_string(&mut reply).await.unwrap();
    reply[9..12].to_owned()
}

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

async fn one_listener_serves_everybody(database: Database) {
    let bench = Bench::new(database).await;
    let serving = serve(&bench, false).await;
    assert_eq!(status(serving.main, get("getrequest?SN=XQZ0000000001")).await, "200");
    assert_eq!(status(serving.main, HEALTH).await, "200");
    serving.stop.send(()).unwrap();
    serving.stopped.await.unwrap();
    assert!(TcpStream::connect(serving.main).await.is_err());
}

async fn terminals_may_have_a_listener_of_their_own(database: Database) {
    let bench = Bench::new(database).await;
    let serving = serve(&bench, true).await;
    let terminals = serving.terminals.unwrap();
    assert_eq!(status(terminals, get("getrequest?SN=XQZ0000000001")).await, "200");
    assert_eq!(status(terminals, HEALTH).await, "404");
    assert_eq!(status(serving.main, get("getrequest?SN=XQZ0000000001")).await, "404");
    assert_eq!(status(serving.main, HEALTH).await, "200");
    serving.stop.send(()).unwrap();
    serving.stopped.await.unwrap();
}

async fn what_is_under_way_when_a_server_stops_is_finished(database: Database) {
    let bench = Bench::new(database).await;
    bench.registered().await;
    let serving = serve(&bench, false).await;
    let mut idle = TcpStream::connect(serving.main).await.unwrap();
    idle.write_all(format!("GET /iclock/ping?SN={SERIAL} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut reply = [0; 1024];
    assert!(idle.read(&mut reply).await.unwrap() > 0);
    let request = post(&format!("cdata?SN={SERIAL}&table=ATTLOG&Stamp=9"), "7\t2026-03-02 08:00:03\t0\t1\n");
    let (first, rest) = request.split_at(request.len() - 10);
    let mut uploading = TcpStream::connect(serving.main).await.unwrap();
    uploading.write_all(first).await.unwrap();
    // A second connection that is answered shows that the first one was accepted.
    assert_eq!(status(serving.main, HEALTH).await, "200");
    serving.stop.send(()).unwrap();
    assert_eq!(idle.read(&mut reply).await.unwrap(), 0, "who waits is not waited for");
    uploading.write_all(rest).await.unwrap();
    let mut reply = String::new();
    uploading.read_to_string(&mut reply).await.unwrap();
    assert!(reply.ends_with("\r\n\r\nOK: 1"), "{reply}");
    serving.stopped.await.unwrap();
    assert_eq!(bench.column::<String>("SELECT pin FROM punches").await, ["7"]);
    assert_eq!(bench.column::<String>("SELECT last_address FROM devices").await, ["127.0.0.1"]);
}

async fn more_connections_than_there_are_places_are_closed(database: Database) {
    let bench = Bench::new(database).await;
    let serving = serve_with(&bench, true, Settings { connections: 2, ..Settings::default() }).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut io = TcpStream::connect(serving.main).await.unwrap();
        io.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        assert!(io.read(&mut [0; 1024]).await.unwrap() > 0);
        held.push(io);
    }
    let mut third = TcpStream::connect(serving.main).await.unwrap();
    let _ = third.write_all(HEALTH.as_bytes()).await;
    assert_eq!(third.read(&mut [0; 1024]).await.unwrap_or(0), 0, "it is closed without a word");
    // Terminals have places of their own, and a place that is left is free again.
    assert_eq!(status(serving.terminals.unwrap(), get("getrequest?SN=XQZ0000000001")).await, "200");
    drop(held.pop());
    crate::processes::program::until("there is a place again", async || {
        let mut io = TcpStream::connect(serving.main).await.ok()?;
        io.write_all(HEALTH.as_bytes()).await.ok()?;
        let mut reply = String::new();
        io.read_to_string(&mut reply).await.ok()?;
        reply.starts_with("HTTP/1.1 200").then_some(())
    })
    .await;
    serving.stop.send(()).unwrap();
    serving.stopped.await.unwrap();
}
