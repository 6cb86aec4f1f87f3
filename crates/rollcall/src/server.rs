//! Listening, serving and stopping.
//!
//! Terminals and people share a listener unless terminals have one of their own; then each answers only its own. What a
//! connection may do, and for how long, is in [`connection`].

mod connection;
pub mod pace;
mod stream;
mod watch;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::connection::Serves;
use crate::{app::App, devices::presence, loops, web, web::terminals::Door};

/// Where a server listens.
#[derive(Debug)]
pub struct Listeners {
    pub main: TcpListener,
    /// For terminals alone; then the main one does not answer them.
    pub terminals: Option<TcpListener>,
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
        Ok(Listeners { main, terminals })
    }
}

/// Serves until `shutdown` is ready, then stops: accepts no more, finishes what is under way, stores what is in memory and
/// closes the database.
pub async fn run(app: App, listeners: Listeners, shutdown: impl Future<Output = ()>) {
    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    let site = Site::new(app.clone());
    loops::start(&app, &tasks, &stop);
    let main = if listeners.terminals.is_some() { Serves::People } else { Serves::Everybody };
    tasks.spawn(accept(listeners.main, site.clone(), main, tasks.clone(), stop.clone()));
    if let Some(listener) = listeners.terminals {
        tasks.spawn(accept(listener, site, Serves::Terminals, tasks.clone(), stop.clone()));
    }
    shutdown.await;
    tracing::info!("stopping");
    stop.cancel();
    tasks.close();
    end_of(&tasks, "connections").await;
    app.recorder.stop();
    app.tasks.close();
    end_of(&app.tasks, "uploads").await;
    if let Err(error) = presence::flush(&app.db, &app.registry, app.clock.now()).await {
        tracing::error!(error = &error as &dyn std::error::Error, "could not store when terminals were last seen");
    }
    app.db.close().await;
    tracing::info!("stopped");
}

async fn accept(listener: TcpListener, site: Site, serves: Serves, tasks: TaskTracker, stop: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((io, peer)) => {
                // Replies are small and complete: nothing is gained by waiting for more.
                let _ = io.set_nodelay(true);
                tasks.spawn(connection::serve(site.clone(), serves, io, peer, stop.clone()));
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

    /// Serves one connection as the main listener does, to its end. A story needs no sockets: any pair of pipes will do.
    pub async fn serve<IO>(self, io: IO, peer: SocketAddr)
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        connection::serve(self, Serves::Everybody, io, peer, CancellationToken::new()).await;
    }
}
