//! `POST cdata`, `fdata`, `querydata`: what a terminal brings (ATT5.8 §9, MAN3.2 §2.4, SEC4.8 §10).
//!
//! The answer is given after the commit. It counts every line, also those that were there already or that nobody could
//! read: terminals send the whole batch again until the number is theirs.

use jiff::Timestamp;
use push_protocol::{
    dialect::Dialect,
    fields::Fields,
    limits::Limits,
    record::{self, Content, Lines, Photo},
    reply,
    request::{Packet, QueryData, Upload},
    text::{Card, Pin},
};

use super::{
    Caller, Door, Reply, Visit,
    portions::{Brought, Portions},
};
use crate::{
    attendance::{
        recorder::{self, NotStored},
        wall_clock,
    },
    devices::{DeviceId, cards, held, registry::Told, stamps},
    meters::Refusal,
    store,
    sync::{
        capacity,
        reading::{self, Line},
    },
};

pub async fn answer(door: &Door, visit: &Visit, upload: &Upload) -> Reply {
    let table = upload.table.as_deref().unwrap_or("ATTLOG");
    match record::parse(upload, &visit.body, visit.charset(&door.app.registry)) {
        Content::Options(options) => note_options(door, visit, &options).await,
        Content::Photo(photo) => keep_photo(door, visit, upload, &photo).await,
        // Nothing that is kept comes packed, unless it is punches: those must not be lost.
        Content::Packed if table == "ATTLOG" => Reply::try_again(),
        Content::Packed => Reply::text(reply::counted(0)),
        Content::Records(lines) => {
            let named = Named { table: table.to_owned(), stamp: position(visit, upload) };
            match take_in(door, visit, &named, &lines, None).await {
                Ok(received) => accepted(table, upload.table_name.as_deref(), received),
                Err(refused) => refused,
            }
        }
    }
}

/// The table and the position that are said back in the next handshake: of whole uploads only, because it is that of the last
/// record, and the terminal would skip those that never came; and of a terminal that nobody doubts.
fn position(visit: &Visit, upload: &Upload) -> Option<(String, String)> {
    visit.terminal().filter(|_| !visit.is_cut)?;
    upload.stamp.clone().filter(|(_, stamp)| stamps::is_plausible(stamp))
}

/// The answer to a query arrives on a path of its own.
pub async fn query_data(door: &Door, visit: &Visit, query: &QueryData) -> Reply {
    let table = query.table_name.as_deref().unwrap_or("user");
    match query.kind.as_str() {
        "options" => note_options(door, visit, &Fields::commas(&visit.body)).await,
        "count" => match record::parse_count(table, &visit.body).filter(|_| table == "user") {
            Some(count) => note_count(door, visit, query, count).await,
            None => Reply::ok(),
        },
        "tabledata" => {
            let content = record::parse_table(table, &visit.body, visit.charset(&door.app.registry));
            let Content::Records(lines) = content else { return Reply::ok() };
            let named = Named { table: table.to_owned(), stamp: None };
            match take_in(door, visit, &named, &lines, Some(query).filter(|_| table == "user")).await {
                Ok(received) => Reply::text(reply::table_counted(table, received)),
                Err(refused) => refused,
            }
        }
        _ => Reply::ok(),
    }
}

/// The number of the command that is answered.
fn wire_id(query: &QueryData) -> Option<i64> {
    query.command_id.as_deref()?.trim().parse().ok()
}

/// An access unit tells how many people it holds.
async fn note_count(door: &Door, visit: &Visit, query: &QueryData, count: u32) -> Reply {
    let told = Told { address: visit.address, firmware: None, user_count: Some(count) };
    let terminal = match &visit.caller {
        Caller::Known(terminal) => terminal,
        Caller::Suspected(_) => return Reply::ok(),
        Caller::Unknown { .. } => {
            door.app.registry.callers().seen(&visit.serial, told, None, visit.now);
            return Reply::ok();
        }
    };
    let device = terminal.device();
    let kept = async {
        let _turn = door.turns.take(device).await;
        let mut tx = door.app.db.write().await?;
        reading::counted(&mut tx, device, wire_id(query).unwrap_or(0), count, visit.now).await?;
        tx.commit().await
    };
    match kept.await {
        Ok(()) => {
            door.app.registry.seen(terminal, told, visit.now);
            door.app.registry.raise(&[device]);
            Reply::ok()
        }
        Err(error) => door.could_not("store how many people a terminal holds", &error),
    }
}

/// `POST fdata`: a photo of an old unit.
pub async fn photo(door: &Door, visit: &Visit) -> Reply {
    let photo = record::parse_photo(&visit.body);
    let upload = Upload { table: Some("ATTPHOTO".to_owned()), stamp: None, table_name: None };
    keep_photo(door, visit, &upload, &photo).await
}

/// Takes the counts, the firmware and the limits out of a list of options. What could not be stored is told again with the
/// next handshake, so that the answer is a yes in any case.
pub async fn note_options(door: &Door, visit: &Visit, options: &Fields<'_>) -> Reply {
    let charset = visit.charset(&door.app.registry);
    let firmware = options.text("FWVersion", charset).or_else(|| options.text("FirmVer", charset));
    let told = Told {
        address: visit.address,
        firmware: firmware.as_deref().map(str::trim).filter(|firmware| !firmware.is_empty()),
        user_count: options.number("UserCount").and_then(|count| u32::try_from(count).ok()),
    };
    let limits = Limits::told(|key| options.number(key));
    match &visit.caller {
        Caller::Known(terminal) => {
            door.app.registry.seen(terminal, told, visit.now);
            if let Err(error) = keep_limits(door, terminal.device(), limits, visit.now).await {
                door.oddities.log_failure("store what a terminal can hold", &error, visit.now);
            }
        }
        Caller::Suspected(_) => {}
        Caller::Unknown { .. } => {
            door.app.registry.callers().seen(&visit.serial, told, None, visit.now);
            door.app.registry.callers().can_hold(&visit.serial, limits);
        }
    }
    Reply::ok()
}

async fn keep_limits(door: &Door, device: DeviceId, limits: Limits, now: Timestamp) -> store::Result<()> {
    if limits.is_empty() {
        return Ok(());
    }
    let mut tx = door.app.db.write().await?;
    let is_news = capacity::told(&mut tx, device, limits, now).await?;
    tx.commit().await?;
    if is_news {
        door.app.registry.raise(&[device]);
    }
    Ok(())
}

/// What an upload says of itself: the table, and the position that the terminal gave.
struct Named {
    table: String,
    /// [`position`]
    stamp: Option<(String, String)>,
}

/// Stores the lines of an upload, portion by portion, and answers how many there were. Should a portion fail, those before it
/// stay: the terminal is told no, brings all of it again, and what is there already is stored once. `query`: what the lines
/// answer.
async fn take_in(
    door: &Door,
    visit: &Visit,
    named: &Named,
    lines: &Lines<'_>,
    query: Option<&QueryData>,
) -> Result<usize, Reply> {
    let mut portions = Portions::of(&visit.caller, &visit.body, lines, visit.charset(&door.app.registry));
    loop {
        let brought;
        (portions, brought) = portions.next().await.map_err(|error| door.could_not("read an upload", &error))?;
        if brought.is_too_much {
            return Err(too_much(door, visit, brought.punches.len()));
        }
        if !brought.is_last {
            // Where the terminal stands is kept with the last portion, and not before.
            store(door, visit, &Named { table: named.table.clone(), stamp: None }, None, brought).await?;
            continue;
        }
        if !brought.unread.is_empty() {
            let lines = portions.unread_lines();
            tracing::warn!(serial = %visit.serial, table = named.table, lines, "lines that nobody could read");
        }
        let received = portions.received();
        let packet = query.and_then(|query| Some((wire_id(query)?, Packet::of(query, received as u64))));
        store(door, visit, named, packet, brought).await?;
        return Ok(received);
    }
}

/// More than an unregistered terminal may bring, or anything of one that nobody will remember.
fn too_much(door: &Door, visit: &Visit, punches: usize) -> Reply {
    if let Caller::Unknown { is_remembered: true } = visit.caller {
        door.app.db.meters().punches_refused(Refusal::QuarantineFull, punches);
        door.oddities.log(&visit.request, visit.address, visit.now, QUARANTINE_FULL);
    }
    Reply::try_again()
}

const QUARANTINE_FULL: &str = "its quarantine is full";

/// Stores punches and lines that nobody could read through the recorder, the rest in a transaction of its own. Refuses only
/// when nothing was stored: some firmware drops what is refused.
async fn store(
    door: &Door,
    visit: &Visit,
    named: &Named,
    packet: Option<(i64, Packet)>,
    brought: Brought,
) -> Result<(), Reply> {
    let Brought { punches, users, pins, operations, unknown_card, unread, is_whole, .. } = brought;
    let table = &named.table;
    let has_punches = !punches.is_empty();
    if has_punches || !unread.is_empty() {
        let upload = recorder::Upload {
            serial: visit.serial.clone(),
            device: visit.registered().map(|terminal| (terminal.device(), terminal.school())),
            zone: visit.registered().map(|terminal| terminal.zone()),
            punches,
            unread: unread
                .into_iter()
                .map(|line| (table[..table.floor_char_boundary(TABLE)].to_owned(), line))
                .collect(),
            stamp: named.stamp.clone(),
        };
        let alone = alone(&upload).filter(|_| is_whole);
        match door.app.recorder.record(upload).await {
            Ok(_) => note_skew(visit, alone),
            Err(NotStored::QuarantineFull) => {
                door.oddities.log(&visit.request, visit.address, visit.now, QUARANTINE_FULL);
                return Err(Reply::try_again());
            }
            Err(error) => return Err(door.could_not("store punches", &error)),
        }
    }
    let stamp = named.stamp.clone().filter(|_| !has_punches);
    if let (Some(card), Some(terminal)) = (unknown_card, visit.terminal())
        && let Err(error) = presented(door, terminal.device(), card, visit.now).await
    {
        // It helps somebody who makes a student now; a terminal that sends it again later would not.
        door.oddities.log_failure("store a card that nobody knows", &error, visit.now);
    }
    let line = Line { users: &users, pins: &pins, operations: &operations, packet };
    match keep(door, visit, stamp, line).await {
        Err(error) if !has_punches => Err(door.could_not("store what a terminal holds", &error)),
        Err(error) => {
            door.oddities.log_failure("store what a terminal holds", &error, visit.now);
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// Bytes of a table's name that go with each line that nobody could read.
const TABLE: usize = 100;

/// When a punch that came alone was made, by the terminal's clock.
fn alone(upload: &recorder::Upload) -> Option<Timestamp> {
    match upload.punches.as_slice() {
        [punch] => Some(wall_clock::instant(punch.time, punch.utc_offset_seconds, upload.zone.as_ref())),
        _ => None,
    }
}

fn note_skew(visit: &Visit, punched_at: Option<Timestamp>) {
    if let (Some(terminal), Some(at)) = (visit.terminal(), punched_at) {
        let seconds = at.duration_since(visit.now).as_secs();
        terminal.punched(i32::try_from(seconds).unwrap_or(if seconds > 0 { i32::MAX } else { i32::MIN }));
    }
}

async fn presented(door: &Door, device: DeviceId, card: Card, now: Timestamp) -> store::Result<()> {
    let mut tx = door.app.db.write().await?;
    cards::presented(&mut tx, device, card, now).await?;
    tx.commit().await
}

async fn keep(door: &Door, visit: &Visit, stamp: Option<(String, String)>, line: Line<'_>) -> store::Result<()> {
    let Some(terminal) = visit.terminal() else { return Ok(()) };
    // An empty upload moves nothing.
    if line.is_empty() && (stamp.is_none() || visit.body.is_empty()) {
        return Ok(());
    }
    let device = terminal.device();
    let card_form = held::card_form(line.users).filter(|form| terminal.card_form() != Some(*form));
    let _turn = door.turns.take(device).await;
    let mut tx = door.app.db.write().await?;
    let asks = !line.is_empty() && reading::keep(&mut tx, device, line, terminal.charset(), visit.now).await?;
    if let Some((table, stamp)) = stamp {
        stamps::keep(&mut tx, device, &table, &stamp).await?;
    }
    // Access units write cards in decimal only; what their forms are is no question.
    if let Some(form) = card_form.filter(|_| terminal.dialect() != Some(Dialect::Security)) {
        held::learn_card_form(&mut tx, device, form, visit.now).await?;
    }
    tx.commit().await?;
    if asks {
        door.app.registry.raise(&[device]);
    }
    if card_form.is_some() {
        let mut tx = door.app.db.read().await?;
        door.app.registry.reread(&mut tx, device).await?;
    }
    Ok(())
}

/// A photo is acknowledged and dropped; that its person is there is kept.
async fn keep_photo(door: &Door, visit: &Visit, upload: &Upload, photo: &Photo<'_>) -> Reply {
    let pins: Vec<Pin> = photo.pin.clone().into_iter().collect();
    let stamp = position(visit, upload).map(|(_, stamp)| ("ATTPHOTO".to_owned(), stamp));
    let line = Line { users: &[], pins: &pins, operations: &[], packet: None };
    match keep(door, visit, stamp, line).await {
        Ok(()) => Reply::ok(),
        Err(error) => door.could_not("store what a terminal holds", &error),
    }
}

fn accepted(table: &str, table_name: Option<&str>, received: usize) -> Reply {
    match table {
        "OPTIONS" | "ATTPHOTO" | "RTLOG" | "RTSTATE" => Reply::ok(),
        "TABLEDATA" => Reply::text(reply::table_counted(table_name.unwrap_or("user"), received)),
        _ => Reply::text(reply::counted(received)),
    }
}
