//! What an operator sets.

use std::{net::SocketAddr, path::PathBuf};

use jiff::{SignedDuration, tz::TimeZone};

use crate::{networks::Networks, store::schedule::Cron};

/// The settings of a server.
#[derive(Clone, Debug)]
pub struct Settings {
    pub database_url: String,
    /// PostgreSQL's own address, where a pooler is in front of it.
    pub listen_database_url: Option<String>,
    pub listen: SocketAddr,
    /// A listener for terminals alone; then the main one does not answer `/iclock`.
    pub terminal_listen: Option<SocketAddr>,
    /// The zone of schools that set none.
    pub timezone: TimeZone,
    /// First wait for a command's result; each further one doubles, up to sixty times it.
    pub command_deadline: SignedDuration,
    /// Seconds between a terminal's polls, as told in the handshake.
    pub poll_delay: SignedDuration,
    /// When every terminal is read back, by the clocks of `timezone`.
    pub verify_cron: Cron,
    /// Proxies in front, whose word counts about who calls and whether that was encrypted.
    pub trusted_proxies: Networks,
    /// Where webhooks may go beside public addresses.
    pub webhook_networks: Networks,
    /// Connections at a time of one listener.
    pub connections: usize,
    /// Of them, from one address; loopback and proxies have no such limit.
    pub connections_per_address: usize,
    /// How long history is kept.
    pub keep: Keep,
}

/// The certificate and its key, in PEM, with which the main listener speaks TLS.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsFiles {
    /// The server's own certificate first, then those that it rests on.
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Days after which history is forgotten; `None` is never.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Keep {
    pub punches: Option<u32>,
    pub commands: Option<u32>,
    pub audit: Option<u32>,
    /// Readings, and what they found and was mended.
    pub readings: Option<u32>,
    /// What names a student, from when he was deleted.
    pub deleted_students: Option<u32>,
}

impl Default for Keep {
    fn default() -> Keep {
        Keep { punches: None, commands: Some(180), audit: Some(730), readings: Some(180), deleted_students: Some(365) }
    }
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            database_url: "sqlite://rollcall.db".to_owned(),
            listen_database_url: None,
            listen: SocketAddr::from(([0, 0, 0, 0], 8081)),
            terminal_listen: None,
            timezone: TimeZone::UTC,
            command_deadline: SignedDuration::from_secs(30),
            poll_delay: SignedDuration::from_secs(20),
            verify_cron: Cron::default(),
            trusted_proxies: Networks::default(),
            webhook_networks: Networks::default(),
            connections: 10_000,
            connections_per_address: 500,
            keep: Keep::default(),
        }
    }
}
