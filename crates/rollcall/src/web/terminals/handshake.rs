//! `GET cdata`: a terminal announces itself and is told its options (ATT5.8 §3, MAN3.2 §2.2).

use jiff::tz::Offset;
use push_protocol::{
    dialect::{Announcement, Dialect},
    reply::{self, Options},
};

use super::{Door, Reply, Visit, security};
use crate::{
    devices::{
        announced,
        registry::Terminal,
        stamps::{self, Stamps},
    },
    store,
    sync::{delivery, reading},
};

/// Seconds until a terminal tries again after a failure.
pub const ERROR_DELAY: u32 = 30;

pub async fn answer(door: &Door, visit: &Visit, announced: &Announcement) -> Reply {
    door.app.db.meters().shook_hands();
    let Some(terminal) = visit.registered() else { return to_unknown(door, visit, announced) };
    match shake_hands(door, visit, terminal, announced).await {
        Ok(Greeting { dialect: Dialect::Security, .. }) => security::registered(door, visit),
        Ok(Greeting { dialect, stamps, offset }) => options(door, visit, dialect, stamps, offset),
        Err(error) => door.could_not("store a handshake", &error),
    }
}

/// The answer to `type=time`. A terminal of which nobody said where it hangs keeps its own time.
pub fn time(visit: &Visit) -> Reply {
    match visit.offset() {
        Some(offset) => Reply::text(reply::time(visit.now, offset)),
        None => Reply::ok(),
    }
}

/// A valid handshake that says nothing of anybody and leaves the terminal's clock alone. A security terminal that is not
/// registered is answered `OK` (SEC4.8 §7.1).
fn to_unknown(door: &Door, visit: &Visit, announced: &Announcement) -> Reply {
    match Dialect::recognise(announced) {
        Dialect::Security => Reply::ok(),
        dialect => options(door, visit, dialect, Stamps::default(), None),
    }
}

#[derive(Debug)]
struct Greeting {
    dialect: Dialect,
    stamps: Stamps,
    offset: Option<Offset>,
}

async fn shake_hands(
    door: &Door,
    visit: &Visit,
    terminal: &Terminal,
    announced: &Announcement,
) -> store::Result<Greeting> {
    let device = terminal.device();
    let offset = terminal.offset(visit.now);
    let mut tx = door.app.db.write().await?;
    let known = announced::store(&mut tx, device, announced, visit.now).await?;
    if known.is_suspected {
        let stamps = stamps::of(&mut tx, device).await?;
        tx.commit().await?;
        if known.is_new {
            let mut tx = door.app.db.read().await?;
            door.app.registry.reread(&mut tx, device).await?;
        }
        return Ok(Greeting { dialect: known.dialect, stamps, offset });
    }
    let shows_another = announced::shown_offset(&mut tx, device, offset.map(Offset::seconds)).await?;
    if announced::wants_log_by_stamp(&mut tx, device).await? {
        stamps::forget(&mut tx, device, "ATTLOG").await?;
    }
    let mut stamps = stamps::of(&mut tx, device).await?;
    if reading::wants_dump(&mut tx, device).await? {
        stamps.operations = Some("0".to_owned());
    }
    delivery::shook_hands(&mut tx, device).await?;
    tx.commit().await?;
    if known.is_new || shows_another {
        let mut tx = door.app.db.read().await?;
        door.app.registry.reread(&mut tx, device).await?;
    }
    // A terminal that starts anew may have lost what it was given.
    door.app.registry.raise(&[device]);
    Ok(Greeting { dialect: known.dialect, stamps, offset })
}

fn options(door: &Door, visit: &Visit, dialect: Dialect, stamps: Stamps, time_zone: Option<Offset>) -> Reply {
    let options = Options {
        serial_number: visit.serial.clone(),
        dialect,
        punch_stamp: stamps.punches,
        operation_stamp: stamps.operations,
        photo_stamp: stamps.photos,
        delay: delay(door),
        error_delay: ERROR_DELAY,
        time_zone,
    };
    Reply::text(options.to_bytes())
}

/// Seconds between polls, whole ones and at least one, as terminals take them.
pub fn delay(door: &Door) -> u32 {
    u32::try_from(door.app.settings.poll_delay.as_secs()).unwrap_or(20).clamp(1, 3600)
}
