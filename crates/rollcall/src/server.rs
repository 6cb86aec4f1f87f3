//! Listening, serving and stopping.
//!
//! Terminals and people share a listener unless terminals have one of their own; then each answers only its own. The main
//! listener speaks TLS where it was given a certificate ([`tls`]), that of terminals never does: many could not. How many
//! connections there may be is in [`places`]; what a connection may do, and for how long, in [`connection`].

mod connection;
pub mod pace;
mod places;
mod stream;
pub mod tls;
mod watch;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    connection::{Peer, Serves},
    places::Places,
    tls::Tls,
};
use crate::{app::App, devices::presence, loops, web, web::terminals::Door};

/// Where a server listens.
#[derive(Debug)]
pub struct Listeners {
    pub main: TcpListener,
    /// For terminals alone; then the main one does not answer them.
    pub terminals: Option<TcpListener>,
    /// With it the main one speaks TLS and nothing else.
    pub tls: Option<Arc<Tls>>,
}

/// What answers requests: the door of terminals and the pages of people. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Site {
    app: App,
    door: Arc<Door>,
    pages: axum::Router,
}

/// What is under way when a server stops has so long to end.
const FAREWELL: Duration = Duration::from_secs(10);
/// After a failure to accept, most likely for want of file descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

impl Listeners {
    /// Binds the addresses that the settings name.
    pub async fn bind(listen: SocketAddr, terminal_listen: Option<SocketAddr>) -> std::io::Result<Listeners> {
        let main = TcpListener::bind(listen).await?;
        let terminals = match terminal_listen {
            Some(address) => Some(TcpListener::bind(address).await?),
            None => None,
        };
        Ok(Listeners { main, terminals, tls: None })
    }
}

/// Serves until `shutdown` is ready, then stops: accepts no more, finishes what is under way, stores what is in memory and
/// closes the database.
pub async fn run(app: App, listeners: Listeners, shutdown: impl Future<Output = ()>) {
    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    let site = Site::new(app.clone());
    loops::start(&app, &tasks, &stop);
    let serves = if listeners.terminals.is_some() { Serves::People } else { Serves::Everybody };
    if let Some(tls) = &listeners.tls {
        let (tls, stop) = (Arc::clone(tls), stop.clone());
        tasks.spawn(async move { stop.run_until_cancelled(tls.follow()).await });
    }
    let way = |serves, tls| Way { serves, tls, places: site.places(), tasks: tasks.clone(), stop: stop.clone() };
    let (main, apart) = (way(serves, listeners.tls), way(Serves::Terminals, None));
    tasks.spawn(accept(listeners.main, site.clone(), main));
    if let Some(listener) = listeners.terminals {
        tasks.spawn(accept(listener, site, apart));
    }
    shutdown.await;
    tracing::info!("stopping");
    stop.cancel();
    app.courier.stop();
    tasks.close();
    end_of(&tasks, "connections").await;
    app.recorder.stop();
    app.tasks.close();
    end_of(&app.tasks, "uploads").await;
    if let Err(error) = presence::flush(&app.db, &app.registry, app.clock.now()).await {
        tracing::error!(error = &error as &dyn std::error::Error, "could not store when terminals were last seen");
    }
    // Whatever still writes is given up, and leaves nothing behind.
    let _ = tokio::time::timeout(FAREWELL, app.db.close()).await;
    tracing::info!("stopped");
}

/// What a listener does with a connection.
struct Way {
    serves: Serves,
    tls: Option<Arc<Tls>>,
    places: Places,
    tasks: TaskTracker,
    stop: CancellationToken,
}

async fn accept(listener: TcpListener, site: Site, way: Way) {
    loop {
        let accepted = tokio::select! {
            () = way.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((io, address)) => {
                let Some(place) = way.places.take(address.ip(), site.app.clock.now()) else { continue };
                // Replies are small and complete: nothing is gained by waiting for more.
                let _ = io.set_nodelay(true);
                let (site, serves, stop, tls) = (site.clone(), way.serves, way.stop.clone(), way.tls.clone());
                way.tasks.spawn(async move {
                    let _place = place;
                    let peer = Peer { address, is_encrypted: tls.is_some() };
                    let Some(tls) = tls else { return connection::serve(site, serves, io, peer, stop).await };
                    if let Some(Some(io)) = stop.run_until_cancelled(tls.accept(io)).await {
                        connection::serve(site, serves, io, peer, stop).await;
                    }
                });
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

async fn end_of(tasks: &TaskTracker, what: &str) {
    if tokio::time::timeout(FAREWELL, tasks.wait()).await.is_err() {
        tracing::warn!(left = tasks.len(), "stopping without waiting longer for {what}");
    }
}

impl Site {
    pub fn new(app: App) -> Site {
        Site { door: Door::new(app.clone()), pages: web::router(app.clone()), app }
    }

    fn places(&self) -> Places {
        let settings = &self.app.settings;
        let (all, each) = (settings.connections, settings.connections_per_address);
        Places::new(all, each, settings.trusted_proxies.clone(), self.app.db.meters().clone())
    }

    /// Serves one connection as the main listener does, to its end. A story needs no sockets: any pair of pipes will do.
    pub async fn serve<IO>(self, io: IO, peer: SocketAddr)
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let peer = Peer { address: peer, is_encrypted: false };
        connection::serve(self, Serves::Everybody, io, peer, CancellationToken::new()).await;
    }
}
