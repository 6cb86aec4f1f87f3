//! A PostgreSQL server: its connections, how they survive its restarts, and what a pooler in front of it must not see.
//!
//! A pooler that gives out connections for one transaction each knows neither notifications nor statements that were
//! prepared by name, and a migration's lock would be taken on one connection and given back on another. With the server's
//! own address, listening and migrating go there, and statements have no names.

use std::{io::ErrorKind, str::FromStr, sync::Arc, time::Duration};

use sqlx::{
    ConnectOptions, Connection, PgPool, Postgres, Transaction,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};

use super::{Error, Result, db::not_migrated, migrations};

/// Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pool: PgPool,
    /// Goes past a pooler.
    own: Arc<PgConnectOptions>,
    pub keeps_statements: bool,
}

const CONNECTIONS: u32 = 12;
/// The first edit of a connection takes several times as long as the others, because PostgreSQL reads what it plans with. So
/// connections stay, also through a quiet night; what a long-lived one gathers is given back once a day.
const LIFETIME: Duration = Duration::from_hours(24);
/// Somebody waits for a page meanwhile. Terminals are answered sooner.
const PATIENCE: Duration = Duration::from_secs(10);

impl Server {
    /// Connects and brings the tables to a version.
    pub async fn open(url: &str, own: Option<&str>, version: i64) -> Result<Server> {
        let options = |url| PgConnectOptions::from_str(url).map_err(Error::Server);
        let through = options(url)?.application_name("rollcall");
        let through = match own {
            // Poolers refuse what they do not know.
            Some(_) => through.extra_float_digits(None).statement_cache_capacity(0),
            // What is estimated to be costly would be compiled first, which takes longer than our statements do.
            None => through.options([("jit", "off")]),
        };
        // A pool would try again for long and then say nothing but that it took too long.
        through.connect().await.map_err(Error::Server)?.close().await.map_err(Error::Server)?;
        let pool = |connections| {
            PgPoolOptions::new().max_connections(connections).acquire_timeout(PATIENCE).test_before_acquire(false)
        };
        let own_options = options(own.unwrap_or(url))?;
        let migrating = pool(1).connect_with(own_options.clone().application_name("rollcall")).await;
        let migrating = migrating.map_err(Error::Server)?;
        migrations::postgres().run_to(version, &migrating).await.map_err(not_migrated)?;
        migrating.close().await;
        Ok(Server {
            pool: pool(CONNECTIONS)
                .idle_timeout(None)
                .max_lifetime(LIFETIME)
                .connect_with(through)
                .await
                .map_err(Error::Server)?,
            own: Arc::new(own_options.application_name("rollcall, listening")),
            keeps_statements: own.is_none(),
        })
    }

    /// Begins a transaction. After a restart of the server each idle connection is dead and says so when it is used:
    /// nobody's request is to fail of that.
    pub async fn begin(&self) -> Result<Transaction<'static, Postgres>> {
        for _ in 0..CONNECTIONS {
            match self.pool.begin().await {
                Err(error) if is_broken(&error) => {}
                begun => return Ok(begun?),
            }
        }
        Ok(self.pool.begin().await?)
    }

    /// A connection that hears what is said on these channels.
    pub async fn listen(&self, channels: impl IntoIterator<Item = &'static str>) -> Result<PgListener> {
        let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(PATIENCE);
        let mut listener = PgListener::connect_with(&pool.connect_with((*self.own).clone()).await?).await?;
        listener.listen_all(channels).await?;
        Ok(listener)
    }

    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// Whether a connection turned out to be dead, as opposed to the server.
fn is_broken(error: &sqlx::Error) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    match error {
        sqlx::Error::Io(error) => {
            matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
        }
        sqlx::Error::Database(error) => error.code().is_some_and(|code| is_shutting_down(&code)),
        _ => false,
    }
}

/// Somebody stopped the server or ended this connection, or it crashed (class 57 of PostgreSQL's error codes).
pub(super) fn is_shutting_down(code: &str) -> bool {
    matches!(code, "57P01" | "57P02" | "57P03" | "57P05")
}
