//! Servers to be asked, each on threads of its own, so that what they take of the processor can be told from the load's.

use std::net::SocketAddr;

use axum::{Router, extract::State, routing::get};
use jiff::Timestamp;
use rollcall::{
    app::App,
    clock::Clock,
    config::Settings,
    server::{self, Listeners, Site},
    store::{self, Db},
};
use tokio::{net::TcpListener, runtime::Runtime, sync::oneshot, task::JoinHandle};

use crate::machine;

/// The name of the threads of servers.
pub const THREADS: &str = "server";

/// A server that runs until it is stopped.
pub struct Host {
    pub address: SocketAddr,
    /// Of the product.
    pub app: Option<App>,
    stop: Option<oneshot::Sender<()>>,
    ended: JoinHandle<()>,
    runtime: Option<Runtime>,
}

impl Host {
    /// The product as `rollcall serve` starts it, with everything that runs beside the doors.
    pub async fn product(url: &str) -> Host {
        Host::of_product(url, true).await
    }

    /// The product's doors alone, so that nothing else is measured.
    pub async fn still(url: &str) -> Host {
        Host::of_product(url, false).await
    }

    async fn of_product(url: &str, runs_loops: bool) -> Host {
        let settings = Settings { database_url: url.to_owned(), ..Settings::default() };
        let (told, listening) = oneshot::channel();
        let mut host = Host::start(move |listener, stop| async move {
            let app = App::open(settings, Clock::machine()).await.expect("the product");
            let _ = told.send(app.clone());
            if runs_loops {
                let stopped = async { drop(stop.await) };
                server::run(app, Listeners { main: listener, terminals: None, tls: None }, stopped).await;
            } else {
                let accepting = tokio::spawn(accept(Site::new(app.clone()), listener));
                drop(stop.await);
                accepting.abort();
                app.recorder.stop();
                app.db.close().await;
            }
        });
        host.app = Some(listening.await.expect("the product"));
        host
    }

    /// What a handler of axum can do that does nothing.
    pub fn bare() -> Host {
        Host::start(|listener, stop| async move {
            let nothing = Router::new().route("/iclock/getrequest", get(|| async { "OK" }));
            let served = axum::serve(listener, nothing).with_graceful_shutdown(async { drop(stop.await) });
            served.await.expect("a server");
        })
    }

    /// What others do: three queries for every poll.
    pub async fn three_queries(url: &str) -> Host {
        let url = url.to_owned();
        let (told, listening) = oneshot::channel();
        let host = Host::start(move |listener, stop| async move {
            let db = Db::open(&url).await.expect("a database");
            let asking = Router::new().route("/iclock/getrequest", get(ask_thrice)).with_state(db.clone());
            let _ = told.send(());
            let served = axum::serve(listener, asking).with_graceful_shutdown(async { drop(stop.await) });
            served.await.expect("a server");
            db.close().await;
        });
        listening.await.expect("a server");
        host
    }

    fn start<F, S>(serve: F) -> Host
    where
        F: FnOnce(TcpListener, oneshot::Receiver<()>) -> S + Send + 'static,
        S: Future<Output = ()> + Send,
    {
        let runtime = machine::runtime(THREADS);
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        listener.set_nonblocking(true).expect("an option");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel();
        let ended = runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).expect("a listener");
            serve(listener, stopped).await;
        });
        Host { address, app: None, stop: Some(stop), ended, runtime: Some(runtime) }
    }

    pub async fn stop(mut self) {
        drop(self.stop.take());
        let _ = (&mut self.ended).await;
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn accept(site: Site, listener: TcpListener) {
    loop {
        let (stream, peer) = listener.accept().await.expect("a connection");
        stream.set_nodelay(true).expect("an option");
        tokio::spawn(site.clone().serve(stream, peer));
    }
}

const DEVICE: &str = "SELECT id FROM devices WHERE serial_number = $1";
const SEEN: &str = "UPDATE devices SET last_seen = $2, is_online = TRUE WHERE id = $1";
const COMMANDS: &str = "
    SELECT wire_id, command_string FROM device_commands WHERE device_id = $1 AND status = 'pending'
    ORDER BY priority DESC, id LIMIT 100";

async fn ask_thrice(State(db): State<Db>, uri: http::Uri) -> &'static str {
    let serial = uri.query().and_then(|query| query.strip_prefix("SN=")).unwrap_or_default();
    let asked = async {
        let mut tx = db.write().await?;
        let (device,): (i64,) = tx.one(DEVICE, [serial.into()]).await?;
        tx.execute(SEEN, [device.into(), Clock::machine().now().into()]).await?;
        let commands: Vec<(i64, String)> = tx.all(COMMANDS, [device.into()]).await?;
        tx.commit().await?;
        Ok::<_, store::Error>(commands)
    };
    assert!(asked.await.expect("three queries").is_empty());
    "OK"
}

/// The time at which everything begins.
pub fn beginning() -> Timestamp {
    "2026-03-02T05:00:00Z".parse().expect("a time")
}
