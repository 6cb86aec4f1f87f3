//! What every door and loop of a running server shares.

use std::sync::Arc;

use tokio_util::task::TaskTracker;

use crate::{
    accounts::first::FirstCode,
    attendance::recorder::Recorder,
    clock::Clock,
    config::Settings,
    devices::{presence, registry::Registry},
    school::import::progress::UnderWay,
    store::{self, Db, wake::Wake},
    webhooks::courier::Courier,
};

/// A running server's parts. Cheap to clone.
#[derive(Clone, Debug)]
pub struct App {
    pub db: Db,
    pub clock: Clock,
    pub settings: Arc<Settings>,
    /// Known terminals, in memory.
    pub registry: Registry,
    /// Stores what terminals upload.
    pub recorder: Recorder,
    /// Sends webhooks.
    pub courier: Courier,
    /// Where somebody said that there is something to do.
    pub wake: Wake,
    /// What lets somebody make the first admin in a browser.
    pub first_code: Arc<FirstCode>,
    /// The imports that this server is at, and how far they are.
    pub imports: UnderWay,
    /// What must have ended before the database may be closed.
    pub tasks: TaskTracker,
}

impl App {
    /// Opens the database that the settings name, reads the terminals and starts the writer of uploads. Nothing listens
    /// and no loop runs yet: [`crate::server::run`].
    pub async fn open(settings: Settings, clock: Clock) -> store::Result<App> {
        let db = Db::open_behind(&settings.database_url, settings.listen_database_url.as_deref()).await?;
        App::start(db, settings, clock).await
    }

    /// As [`App::open`], with a database that is open.
    pub async fn start(db: Db, settings: Settings, clock: Clock) -> store::Result<App> {
        if let Some(now) = db.clock().await? {
            clock.follow(now);
        }
        let mut tx = db.read().await?;
        let registry = Registry::load(&mut tx, settings.timezone.clone()).await?;
        drop(tx);
        Ok(App::with(db, settings, clock, registry))
    }

    /// The parts put together, and the writer of uploads started.
    pub fn with(db: Db, settings: Settings, clock: Clock, registry: Registry) -> App {
        registry.set_silent_after(presence::online_for(settings.poll_delay));
        let tasks = TaskTracker::new();
        let (recorder, writers) = Recorder::start(db.clone(), clock.clone());
        tasks.spawn(writers);
        let courier = Courier::new(db.clone(), clock.clone(), settings.webhook_networks.clone(), tasks.clone());
        App {
            db,
            clock,
            settings: Arc::new(settings),
            registry,
            recorder,
            courier,
            wake: Wake::default(),
            first_code: Arc::default(),
            imports: UnderWay::default(),
            tasks,
        }
    }
}
