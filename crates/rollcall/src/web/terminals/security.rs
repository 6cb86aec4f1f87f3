//! The security dialect, as far as it is answered: recognised, registered, configured (SEC4.8 §7).

use push_protocol::{
    dialect::Dialect,
    fields::Fields,
    reply::{self, SecurityOptions},
    request::Call,
};
use sha2::{Digest, Sha256};

use super::{Door, Reply, Visit, handshake, upload};
use crate::{store, sync::words};

/// The handshake of a terminal that is registered here.
pub fn registered(door: &Door, visit: &Visit) -> Reply {
    Reply::text(options(door, visit).registered())
}

/// `POST registry`: a terminal introduces itself, with what it can do. One that nobody registered is let through as well,
/// so that its punches reach the quarantine; it is told nothing of anybody.
pub async fn registry(door: &Door, visit: &Visit) -> Reply {
    upload::note_options(door, visit, &Fields::commas(&visit.body)).await;
    Reply::text(options(door, visit).registry())
}

/// `push`: a terminal fetches its configuration.
pub fn push(door: &Door, visit: &Visit) -> Reply {
    Reply::text(options(door, visit).push())
}

/// `rtdata?type=time`
pub fn time(visit: &Visit) -> Reply {
    match visit.offset() {
        Some(offset) => Reply::text(reply::security_time(visit.now, offset)),
        None => Reply::ok(),
    }
}

/// Notes a request that only terminals of the security dialect make, whatever this one announced. Handshakes have their
/// own way.
pub async fn recognise(door: &Door, visit: &Visit) -> store::Result<()> {
    let call = &visit.request.call;
    if matches!(call, Call::Handshake(_)) || Dialect::shown_by(call) != Some(Dialect::Security) {
        return Ok(());
    }
    let Some(terminal) = visit.terminal() else {
        door.app.registry.callers().speaks_security(&visit.serial);
        return Ok(());
    };
    if terminal.dialect() == Some(Dialect::Security) {
        return Ok(());
    }
    let mut tx = door.app.db.write().await?;
    words::shows_security(&mut tx, terminal.device(), visit.now).await?;
    tx.commit().await?;
    let mut tx = door.app.db.read().await?;
    door.app.registry.reread(&mut tx, terminal.device()).await
}

/// The codes follow from the serial number: every server gives the same ones, and none is lost in a restart. They protect
/// nothing, and nothing relies on them: whoever knows a serial number can speak in its name.
fn options(door: &Door, visit: &Visit) -> SecurityOptions {
    SecurityOptions {
        registry_code: derived("registry", visit, 10),
        session_id: derived("session", visit, 32),
        request_delay: handshake::delay(door),
        error_delay: handshake::ERROR_DELAY,
    }
}

fn derived(what: &str, visit: &Visit, digits: usize) -> String {
    let hash = Sha256::digest(format!("rollcall {what} {}", visit.serial));
    hash.iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .take(digits)
        .filter_map(|nibble| char::from_digit(nibble.into(), 16))
        .collect()
}
