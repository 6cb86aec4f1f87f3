//! A poll takes commands.
//!
//! Within the device's lock a poll first takes back what stayed unanswered past its deadline, judges the last batch, and
//! then hands out what is pending, in the order of priority and age. What it hands out has left: from now on only a result
//! or a deadline moves it.

use jiff::{SignedDuration, Timestamp, tz::Offset};
use push_protocol::{
    command::{CommandId, REPLY_BYTES},
    text::Charset,
};

use super::{
    batch::{Learnt, OfferAgainBehind},
    capacity,
    deadline::{OFFERS, later, wait},
    errand::{self, Due},
    event, queue, reading,
    reconcile::{self, Scope},
    start::{self, Decision, Start, Told},
    wire,
};
use crate::{
    devices::DeviceId,
    meters::{Noted, Outcome},
    school::{SchoolId, StudentId},
    store::{Result, Tx, Value},
    webhooks::outbox,
};

/// What a poll tells beside its serial number.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Poll {
    /// Users that the terminal says it holds, when the poll carries `INFO`.
    pub user_count: Option<u32>,
    pub firmware: Option<String>,
    /// Seconds east of UTC that this terminal should show now; `None` when none is configured.
    pub offset_seconds: Option<i32>,
    /// How long lines may still follow the result of the query that they answer.
    pub quiet: SignedDuration,
}

/// What a poll is answered with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Handout {
    /// In order. Empty: answer `OK`.
    pub commands: Vec<(CommandId, String)>,
    pub charset: Charset,
    /// The terminal's flag must stay up although nothing was handed out: its polls are counted.
    pub ask_again: bool,
}

#[derive(Debug, sqlx::FromRow)]
struct Device {
    school_id: SchoolId,
    is_served: bool,
    start_state: String,
    language: Option<i64>,
    is_full: bool,
    full_at_count: Option<i64>,
    batch_number: i64,
    learnt_firmware: Option<String>,
    #[sqlx(flatten)]
    learnt: Learnt,
}

const ENSURE: &str = "INSERT INTO device_delivery (device_id) VALUES ($1) ON CONFLICT (device_id) DO NOTHING";
const DEVICE: &str = "
    SELECT d.school_id, (d.is_active AND d.deleted_at IS NULL) AS is_served, d.start_state, d.language, d.is_full,
      d.full_at_count, y.batch_number, y.learnt_firmware, y.batch_size, y.one_per_poll, y.short_batches,
      y.batch_commands, y.batch_answered, y.batch_last_answered, y.batch_is_judged
    FROM devices d JOIN device_delivery y ON y.device_id = d.id WHERE d.id = $1";

/// Hands out what is due for a terminal, in one transaction. Two servers asked at once: one gets it, the other nothing.
pub async fn hand_out(
    tx: &mut Tx,
    device: DeviceId,
    poll: &Poll,
    first_deadline: SignedDuration,
    now: Timestamp,
) -> Result<Handout> {
    reconcile::lock(tx, Scope::Device(device)).await?;
    tx.execute(ENSURE, [device.into()]).await?;
    let Some(mut row): Option<Device> = tx.optional(DEVICE, [device.into()]).await? else {
        return Ok(nothing(Charset::Utf8, false));
    };
    let charset = Charset::of_language(row.language.and_then(|language| u32::try_from(language).ok()));
    if !row.is_served {
        return Ok(nothing(charset, false));
    }
    if poll.firmware.is_some() && poll.firmware != row.learnt_firmware {
        if row.learnt_firmware.is_some() {
            row.learnt.forget();
            tx.execute(FORGET_VOCABULARY, [device.into()]).await?;
            reading::start_over(tx, device, "the terminal got other firmware meanwhile", now).await?;
        }
        row.learnt_firmware.clone_from(&poll.firmware);
    }
    if let Some(count) = poll.user_count {
        capacity::counted(tx, device, count, now).await?;
    }
    let (mut must_ask_count, mut is_only_read) = (false, false);
    if Start::parse(&row.start_state) != Start::Writing {
        let (decision, _) = start::proceed(tx, device, Told::Poll(poll.user_count), now).await?;
        must_ask_count = decision == Decision::Ask;
        is_only_read = decision == Decision::Hold;
        if decision == Decision::Wait {
            save(tx, device, &row).await?;
            return Ok(nothing(charset, true));
        }
    }
    if row.is_full && poll.user_count.is_some_and(|count| row.full_at_count.is_none_or(|full| i64::from(count) < full))
    {
        make_room(tx, device, now).await?;
    }
    let is_overdue = take_back(tx, device, now).await? > 0;
    if let Some(OfferAgainBehind(position)) = row.learnt.judge(is_overdue) {
        offer_again(tx, device, (row.batch_number, position), now).await?;
    }
    if let Some(count) = poll.user_count {
        reading::look_at_count(tx, device, count, now).await?;
    }
    let due = if is_only_read { Due::Nothing } else { errand::due(tx, device, poll, must_ask_count, now).await? };
    if let Due::Now(errand) = &due {
        let handed = errand::hand_out(tx, device, row.school_id, errand, first_deadline, now).await?;
        save(tx, device, &row).await?;
        return Ok(Handout { commands: handed.into_iter().collect(), charset, ask_again: true });
    }
    let mut taken = take(tx, device, &mut row, charset, first_deadline, now).await?;
    save(tx, device, &row).await?;
    if taken.is_empty()
        && due == Due::Missed
        && let Some(errand) = errand::missed(tx, device, poll, now).await?
    {
        let handed = errand::hand_out(tx, device, row.school_id, &errand, first_deadline, now).await?;
        return Ok(Handout { commands: handed.into_iter().collect(), charset, ask_again: true });
    }
    if taken.is_empty() {
        let room = row.learnt.proven_room();
        let offset = Offset::from_seconds(poll.offset_seconds.unwrap_or(0)).unwrap_or(Offset::UTC);
        let local = offset.to_datetime(now).time();
        let how = reading::Questions { school: row.school_id, room, first_deadline, quiet: poll.quiet, local, now };
        taken = reading::ask(tx, device, how).await?;
        if taken.is_empty() {
            // What the reading found may be on its way at once.
            taken = take(tx, device, &mut row, charset, first_deadline, now).await?;
            save(tx, device, &row).await?;
        }
    }
    Ok(Handout { commands: taken, charset, ask_again: must_ask_count })
}

const FORGET_VOCABULARY: &str = "UPDATE devices SET vocabulary = 'userinfo' WHERE id = $1";

fn nothing(charset: Charset, ask_again: bool) -> Handout {
    Handout { commands: Vec::new(), charset, ask_again }
}

/// Somebody was added, or removed, or the count fell.
pub(super) const HAS_ROOM: &str = "UPDATE devices SET is_full = FALSE, full_at_count = NULL WHERE id = $1 AND is_full";

/// A terminal that was full is not any more, or shall be tried again.
async fn make_room(tx: &mut Tx, device: DeviceId, now: Timestamp) -> Result<()> {
    tx.execute(HAS_ROOM, [device.into()]).await?;
    queue::open_rows(tx, Scope::Device(device), now).await?;
    Ok(())
}

const GIVE_UP: &str = "
    UPDATE device_commands SET status = 'failed', completed_at = $2,
      error_message = 'the terminal collects commands but never answers'
    WHERE device_id = $1 AND status = 'sent' AND deadline_at <= $2
      AND (student_id IS NULL OR attempts >= $3)";
const GIVE_UP_STUDENT: &str = "
    UPDATE device_user_sync_status SET failed_version = wanted_version, updated_at = $2,
      error_message = 'the terminal collects commands but never answers'
    WHERE device_id = $1 AND student_id IN (
      SELECT c.student_id FROM device_commands c WHERE c.device_id = $1 AND c.status = 'failed' AND c.completed_at = $2
        AND c.wanted_version = device_user_sync_status.wanted_version)
    RETURNING student_id, error_message";
macro_rules! give_way {
    ($which:literal) => {
        concat!(
            "UPDATE device_commands SET status = 'superseded', completed_at = $2
             WHERE device_id = $1 AND status = 'sent' AND ",
            $which,
            " AND EXISTS (SELECT 1 FROM device_user_sync_status l WHERE l.device_id = device_commands.device_id
                 AND l.student_id = device_commands.student_id AND l.wanted_version > device_commands.wanted_version)"
        )
    };
}
const GIVE_WAY: &str = give_way!("deadline_at <= $2");
const GIVE_WAY_BEHIND: &str = give_way!("batch_number = $3 AND batch_position > $4");
const PUT_BACK: &str = "
    UPDATE device_commands SET status = 'pending', deadline_at = NULL
    WHERE device_id = $1 AND status = 'sent' AND deadline_at <= $2";
const OFFER_AGAIN: &str = "
    UPDATE device_commands SET status = 'pending', deadline_at = NULL
    WHERE device_id = $1 AND status = 'sent' AND batch_number = $2 AND batch_position > $3";
/// What is pending again is not sent any more.
const UNSEND: &str = "
    UPDATE device_user_sync_status SET sent_version = 0, sync_retries = sync_retries + 1
    WHERE device_id = $1 AND sent_version = wanted_version AND EXISTS (
      SELECT 1 FROM device_commands c WHERE c.device_id = $1 AND c.status = 'pending' AND c.attempts > 0
        AND c.student_id = device_user_sync_status.student_id)";

/// Ends the wait for what is past its deadline: given up, given way to something newer, or offered again. Answers how many.
async fn take_back(tx: &mut Tx, device: DeviceId, now: Timestamp) -> Result<u64> {
    let given_up = tx.execute(GIVE_UP, [device.into(), now.into(), OFFERS.into()]).await?;
    tx.note(Noted::Commands(Outcome::GivenUp, given_up));
    if given_up > 0 {
        errand::given_up(tx, device).await?;
        let failed: Vec<(StudentId, String)> = tx.all(GIVE_UP_STUDENT, [device.into(), now.into()]).await?;
        outbox::failed(tx, device, &failed, now).await?;
    }
    let given_way = tx.execute(GIVE_WAY, [device.into(), now.into()]).await?;
    let put_back = tx.execute(PUT_BACK, [device.into(), now.into()]).await?;
    tx.note(Noted::Commands(Outcome::Superseded, given_way));
    tx.note(Noted::Commands(Outcome::Unanswered, put_back));
    if put_back > 0 {
        tx.execute(UNSEND, [device.into()]).await?;
    }
    if given_way + given_up > 0 {
        queue::open_rows(tx, Scope::Device(device), now).await?;
    }
    Ok(given_up + given_way + put_back)
}

/// The terminal carried out this batch up to this position. What was behind it leaves again, unless something newer is wanted
/// meanwhile (rule 6).
async fn offer_again(tx: &mut Tx, device: DeviceId, (batch, position): (i64, i64), now: Timestamp) -> Result<()> {
    let behind = [device.into(), now.into(), batch.into(), position.into()];
    let given_way = tx.execute(GIVE_WAY_BEHIND, behind).await?;
    tx.note(Noted::Commands(Outcome::Superseded, given_way));
    tx.execute(OFFER_AGAIN, [device.into(), batch.into(), position.into()]).await?;
    tx.execute(UNSEND, [device.into()]).await?;
    if given_way > 0 {
        queue::open_rows(tx, Scope::Device(device), now).await?;
    }
    Ok(())
}

#[derive(Debug, sqlx::FromRow)]
struct Pending {
    id: i64,
    wire_id: i64,
    student_id: Option<StudentId>,
    wanted_version: Option<i64>,
    step: String,
    command_string: String,
    attempts: i64,
}

const PENDING: &str = "
    SELECT id, wire_id, student_id, wanted_version, step, command_string, attempts FROM device_commands
    WHERE device_id = $1 AND status = 'pending' AND (deadline_at IS NULL OR deadline_at <= $2)
    ORDER BY priority DESC, id LIMIT $3";
const SEND: &str = "
    WITH v(id, batch_position, deadline_at) AS (VALUES {rows})
    UPDATE device_commands SET status = 'sent', sent_at = $1, attempts = attempts + 1, batch_number = $2,
      batch_position = v.batch_position, deadline_at = v.deadline_at
    FROM v WHERE device_commands.id = v.id AND device_commands.status = 'pending'";
const SENT: &str = "
    WITH v(student_id, version) AS (VALUES {rows})
    UPDATE device_user_sync_status SET sent_version = v.version, last_sync_attempt = $1, updated_at = $1
    FROM v WHERE device_user_sync_status.device_id = (SELECT $2) AND device_user_sync_status.student_id = v.student_id";

async fn take(
    tx: &mut Tx,
    device: DeviceId,
    row: &mut Device,
    charset: Charset,
    first_deadline: SignedDuration,
    now: Timestamp,
) -> Result<Vec<(CommandId, String)>> {
    let mut pending: Vec<Pending> = tx.all(PENDING, [device.into(), now.into(), row.learnt.room().into()]).await?;
    cut_to_reply(&mut pending, charset);
    if pending.is_empty() {
        return Ok(Vec::new());
    }
    row.batch_number += 1;
    row.learnt.batch_commands = pending.len() as i64;
    row.learnt.batch_answered = 0;
    row.learnt.batch_last_answered = 0;
    row.learnt.batch_is_judged = false;
    let sent: Vec<Vec<Value>> = pending
        .iter()
        .zip(1_i64..)
        .map(|(command, position)| {
            let wait = wait(first_deadline, command.attempts + 1, pending.len());
            vec![command.id.into(), position.into(), later(now, wait).into()]
        })
        .collect();
    tx.execute_rows(SEND, &[now.into(), row.batch_number.into()], sent).await?;
    tx.note(Noted::Commands(Outcome::Sent, pending.len() as u64));
    let students = pending
        .iter()
        .filter(|command| command.step != queue::CLEAR_CARD)
        .filter_map(|command| Some(vec![command.student_id?.into(), command.wanted_version.into()]))
        .collect();
    tx.execute_rows(SENT, &[now.into(), device.into()], students).await?;
    event::wrote(tx, device, pending.iter().filter_map(|command| command.student_id)).await?;
    Ok(pending
        .into_iter()
        .filter_map(|command| Some((wire::command_id(command.wire_id)?, command.command_string)))
        .collect())
}

/// As many as one reply may hold; one command always fits.
fn cut_to_reply(pending: &mut Vec<Pending>, charset: Charset) {
    let mut bytes = 0;
    let fitting = pending.iter().take_while(|command| {
        bytes += charset.encode(&command.command_string).len() + "C:999999999:\n".len();
        bytes <= REPLY_BYTES
    });
    let fitting = fitting.count().max(1);
    pending.truncate(fitting);
}

const SAVE: &str = "
    UPDATE device_delivery SET batch_size = $2, one_per_poll = $3, short_batches = $4, learnt_firmware = $5,
      batch_number = $6, batch_commands = $7, batch_answered = $8, batch_last_answered = $9, batch_is_judged = $10
    WHERE device_id = $1";

async fn save(tx: &mut Tx, device: DeviceId, row: &Device) -> Result<()> {
    let learnt = row.learnt;
    tx.execute(
        SAVE,
        [
            device.into(),
            learnt.batch_size.into(),
            learnt.one_per_poll.into(),
            learnt.short_batches.into(),
            row.learnt_firmware.clone().into(),
            row.batch_number.into(),
            learnt.batch_commands.into(),
            learnt.batch_answered.into(),
            learnt.batch_last_answered.into(),
            learnt.batch_is_judged.into(),
        ],
    )
    .await?;
    Ok(())
}

/// Steps from terminal to terminal through an index, so that one with ten thousand commands is found as fast as one with one.
macro_rules! each_with {
    ($status:literal) => {
        concat!(
            "(SELECT MIN(device_id) FROM device_commands WHERE status = '",
            $status,
            "' UNION ALL
              SELECT (SELECT MIN(c.device_id) FROM device_commands c WHERE c.status = '",
            $status,
            "' AND c.device_id > w.device_id)
              FROM ",
            $status,
            " w WHERE w.device_id IS NOT NULL)"
        )
    };
}
const DUE: &str = concat!(
    "WITH RECURSIVE pending(device_id) AS ",
    each_with!("pending"),
    ", sent(device_id) AS ",
    each_with!("sent"),
    "SELECT w.device_id FROM pending w JOIN devices d ON d.id = w.device_id AND d.start_state <> 'holds_people'
     WHERE EXISTS (SELECT 1 FROM device_commands c WHERE c.device_id = w.device_id AND c.status = 'pending'
       AND (c.deadline_at IS NULL OR c.deadline_at <= $1) LIMIT 1 OFFSET 0)
     UNION SELECT w.device_id FROM sent w JOIN devices d ON d.id = w.device_id AND d.start_state <> 'holds_people'
     WHERE EXISTS (SELECT 1 FROM device_commands c WHERE c.device_id = w.device_id AND c.status = 'sent'
       AND c.deadline_at <= $1 LIMIT 1 OFFSET 0)
     UNION SELECT id FROM devices WHERE log_request = 'wanted' AND start_state <> 'holds_people'
     UNION SELECT id FROM devices WHERE log_request = 'missed' AND log_at <= $1 AND start_state <> 'holds_people'
       AND is_active AND deleted_at IS NULL
     UNION SELECT id FROM devices WHERE verify_at <= $1 AND start_state <> 'unknown'
     UNION SELECT device_id FROM readings WHERE state = 'running' AND (wake_at IS NULL OR wake_at <= $1)"
);

/// Devices that have commands to hand out or to take back now: one statement per server and tick. One that waits for an
/// admin's decision is only read.
pub async fn due(tx: &mut Tx, now: Timestamp) -> Result<Vec<DeviceId>> {
    let devices: Vec<(DeviceId,)> = tx.all(DUE, [now.into()]).await?;
    Ok(devices.into_iter().map(|(device,)| device).collect())
}

const SHOOK_HANDS: &str = "UPDATE device_delivery SET short_batches = 0 WHERE device_id = $1 AND short_batches > 0";

/// A handshake: the terminal may have lost the end of a batch because it restarted, so short batches are counted anew.
pub async fn shook_hands(tx: &mut Tx, device: DeviceId) -> Result<()> {
    tx.execute(SHOOK_HANDS, [device.into()]).await?;
    Ok(())
}

const SET_ONE_PER_POLL: &str = "
    INSERT INTO device_delivery (device_id, one_per_poll) VALUES ($1, $2)
    ON CONFLICT (device_id) DO UPDATE SET one_per_poll = excluded.one_per_poll, batch_size = 1, short_batches = 0";

/// An admin says how the terminal takes commands. With `false` what was learnt is forgotten and more are tried again.
pub async fn set_one_per_poll(tx: &mut Tx, device: DeviceId, one_per_poll: bool) -> Result<()> {
    tx.execute(SET_ONE_PER_POLL, [device.into(), one_per_poll.into()]).await?;
    Ok(())
}
