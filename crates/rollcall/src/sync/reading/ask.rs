//! A reading's questions leave with a poll, and are answered.
//!
//! They wait in `reading_steps` and become commands only when they leave, so that commands which wait are the roster and
//! nothing else (rule 8). A question that stays unanswered is asked once more; then its silence stands. One that is answered
//! "later" is asked again after a pause, and in the end counts as one that nobody answered.

use jiff::{SignedDuration, Timestamp, civil::Time};
use push_protocol::{
    command::{Command, CommandId},
    dialect::Dialect,
    result::Outcome,
    text::Pin,
};

use super::{
    Class, Phase, Question, begin, finish, gather, packets,
    script::{self, Facts, Next},
    search, sentinel,
};
use crate::{
    devices::{DeviceId, window::Window},
    school::SchoolId,
    store::{Instant, Result, Tx, Value},
    sync::{
        acknowledge::Answer,
        deadline::{later, wait},
        event, manner,
        start::Start,
        wire,
    },
};

/// How questions may leave now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Questions {
    pub school: SchoolId,
    /// Commands that the terminal takes per poll.
    pub room: i64,
    pub first_deadline: SignedDuration,
    /// The terminal's wall clock, as far as anybody knows its zone.
    pub local: Time,
    /// After a result, what belongs to it may still be on its way for so long.
    pub quiet: SignedDuration,
    pub now: Timestamp,
}

/// Single people asked for in one reply: each may answer with templates and pictures.
const PEOPLE_AT_ONCE: i64 = 8;
/// How often a question is asked that nobody answers.
const ATTEMPTS: i64 = 2;
/// How often one is asked that the terminal answers with "later": a busy terminal takes up no more time than a silent one.
const TIMES_LATER: i64 = 3;

#[derive(Debug, sqlx::FromRow)]
pub(super) struct Row {
    pub id: i64,
    pub cause: String,
    pub scope: String,
    pub phase: String,
    pub began_event: i64,
    pub lists: i64,
    pub sweeps: i64,
    pub has_written: bool,
    pub counted: Option<i64>,
    pub last_line_at: Option<Instant>,
    pub readback_class: Option<String>,
    pub readback_slow: bool,
    pub maintenance_window: Option<String>,
    pub dialect: Option<String>,
    start_state: String,
    operation_stamp: Option<String>,
    /// People whom the terminal said it holds, last.
    user_count: Option<i64>,
}

impl Row {
    pub(super) fn is_access(&self) -> bool {
        self.dialect.as_deref().and_then(Dialect::parse) == Some(Dialect::Security)
    }

    /// Nothing was written yet: the people who were there before are looked for (rule 4).
    pub(super) fn is_search(&self) -> bool {
        Start::parse(&self.start_state) == Start::HoldsPeople && self.scope == "all"
    }
}

const ROW: &str = "
    SELECT r.id, r.cause, r.scope, r.phase, r.began_event, r.lists, r.sweeps, r.has_written, r.counted, r.last_line_at,
      d.readback_class, d.readback_slow, d.maintenance_window, d.user_count, d.dialect,
      d.start_state,
      (SELECT t.stamp FROM device_stamps t WHERE t.device_id = d.id AND t.table_name = 'OPERLOG') AS operation_stamp
    FROM readings r JOIN devices d ON d.id = r.device_id WHERE r.device_id = $1 AND r.state = 'running'";

const OVERDUE: &str = "
    UPDATE reading_steps SET state = CASE WHEN attempts < $3 THEN 'waiting' ELSE 'silent' END, answered_at = $2
    WHERE reading_id = $1 AND state = 'sent' AND deadline_at <= $2";
/// Until when an answer is waited for, or a terminal that said "later" is left alone.
const OUT: &str = "
    SELECT MIN(deadline_at) FROM reading_steps
    WHERE reading_id = $1 AND state IN ('sent', 'waiting') AND deadline_at > $2";
const WAKE_AT: &str = "UPDATE readings SET wake_at = $2 WHERE id = $1";

/// Goes on with the device's reading, or begins the one that is due. The questions to hand out now, if any.
pub(crate) async fn ask(tx: &mut Tx, device: DeviceId, how: Questions) -> Result<Vec<(CommandId, String)>> {
    begin::begin_if_due(tx, device, how.now).await?;
    // Each turn goes on by a phase; the script's length bounds them.
    for _ in 0..20 {
        let Some(row) = tx.optional::<Row, 1>(ROW, [device.into()]).await? else { return Ok(Vec::new()) };
        tx.execute(OVERDUE, [row.id.into(), how.now.into(), ATTEMPTS.into()]).await?;
        let (out,): (Option<Instant>,) = tx.one(OUT, [row.id.into(), how.now.into()]).await?;
        if let Some(deadline) = out {
            tx.execute(WAKE_AT, [row.id.into(), deadline.into()]).await?;
            return Ok(Vec::new());
        }
        if row.is_search() && Phase::parse(&row.phase) == Phase::Sweep && search::is_over(tx, device, &row).await? {
            tx.execute(FORGET_WAITING, [row.id.into()]).await?;
        }
        let waiting: Vec<Step> = tx.all(WAITING, [row.id.into(), how.room.min(PEOPLE_AT_ONCE).into()]).await?;
        if !waiting.is_empty() {
            let asked = hand_out(tx, device, &row, waiting, how).await?;
            if asked.is_empty() {
                continue;
            }
            return Ok(asked);
        }
        if let Some(until) = quiet_until(tx, device, &row, how).await? {
            tx.execute(WAKE_AT, [row.id.into(), until.into()]).await?;
            return Ok(Vec::new());
        }
        if !proceed(tx, device, &row, how).await? {
            return Ok(Vec::new());
        }
    }
    Ok(Vec::new())
}

#[derive(Debug, sqlx::FromRow)]
struct Step {
    id: i64,
    kind: String,
    pin: Option<String>,
    attempts: i64,
}

const FORGET_WAITING: &str = "DELETE FROM reading_steps WHERE reading_id = $1 AND state = 'waiting'";
/// Questions for single people go together, others alone.
const WAITING: &str = "
    SELECT id, kind, pin, attempts FROM reading_steps WHERE reading_id = $1 AND state = 'waiting' ORDER BY id LIMIT $2";
const ASKED: &str = "
    WITH v(id, pin, wire_id, asked_event, deadline_at) AS (VALUES {rows})
    UPDATE reading_steps SET state = 'sent', attempts = attempts + 1, pin = v.pin, wire_id = v.wire_id,
      asked_event = v.asked_event, deadline_at = v.deadline_at
    FROM v WHERE reading_steps.id = v.id";
const COMMANDS: &str = "
    INSERT INTO device_commands (device_id, school_id, wire_id, command_type, command_string, word, device_pin, sent_at,
      created_at, deadline_at, step, status, attempts) VALUES {rows}";
const UNASKABLE: &str = "UPDATE reading_steps SET state = 'silent', answered_at = $2 WHERE id = $1";

async fn hand_out(
    tx: &mut Tx,
    device: DeviceId,
    reading: &Row,
    waiting: Vec<Step>,
    how: Questions,
) -> Result<Vec<(CommandId, String)>> {
    let Questions { school, now, .. } = how;
    let mut questions: Vec<(i64, Command, Option<String>)> = Vec::new();
    let mut attempts = 1;
    for step in waiting {
        let command = match Question::parse(&step.kind) {
            Question::Count => Command::CountUsers,
            Question::List => Command::QueryUsers,
            Question::Dump => {
                tx.execute(DUMP, [reading.id.into()]).await?;
                Command::Check
            }
            Question::Person | Question::Control => {
                let pin = match step.pin.clone() {
                    Some(pin) => Some(pin),
                    None => sentinel::choose(tx, device, reading.id, reading.began_event).await?,
                };
                let Some(Ok(pin)) = pin.as_deref().map(Pin::parse) else {
                    tx.execute(UNASKABLE, [step.id.into(), now.into()]).await?;
                    continue;
                };
                Command::QueryUser { pin }
            }
        };
        let is_single = matches!(command, Command::QueryUser { .. });
        if !is_single && !questions.is_empty() {
            break;
        }
        let pin = if let Command::QueryUser { pin } = &command { Some(pin.as_str().to_owned()) } else { None };
        attempts = attempts.max(step.attempts + 1);
        questions.push((step.id, command, pin));
        if !is_single {
            break;
        }
    }
    if questions.is_empty() {
        return Ok(Vec::new());
    }
    let many = questions.len() as i64;
    let manner = manner::of(tx, device).await?;
    let mut wire_ids = wire::take(tx, &[(device, many)].into()).await?;
    let first = event::next(tx, device, many).await?;
    let deadline = later(now, wait(how.first_deadline, attempts, questions.len()));
    let mut asked: Vec<Vec<Value>> = Vec::new();
    let mut commands: Vec<Vec<Value>> = Vec::new();
    let mut texts = Vec::new();
    for ((step, command, pin), at) in questions.into_iter().zip(first..) {
        let wire_id = wire_ids.next(device);
        // Questions hold no text of ours that could be refused.
        let text = command.render(manner).unwrap_or_default();
        let kind = match command {
            Command::CountUsers => "info",
            Command::QueryUsers => "query_users",
            Command::Check => "check",
            _ => "query_user",
        };
        asked.push(vec![step.into(), pin.clone().into(), wire_id.into(), at.into(), deadline.into()]);
        commands.push(vec![
            device.into(),
            school.into(),
            wire_id.into(),
            kind.into(),
            text.clone().into(),
            command.word(manner).into(),
            pin.into(),
            now.into(),
            now.into(),
            deadline.into(),
            READING.into(),
            "sent".into(),
            1_i64.into(),
        ]);
        texts.extend(wire::command_id(wire_id).map(|id| (id, text)));
    }
    tx.execute_rows(ASKED, &[], asked).await?;
    tx.execute_rows(COMMANDS, &[], commands).await?;
    tx.execute(WAKE_AT, [reading.id.into(), deadline.into()]).await?;
    Ok(texts)
}

/// The stored `step` of commands that are questions.
pub(crate) const READING: &str = "reading";

#[derive(Debug, sqlx::FromRow)]
struct LastStep {
    kind: String,
    state: String,
    answered_at: Option<Instant>,
    asked_event: Option<i64>,
}

const LAST_STEP: &str = "
    SELECT kind, state, answered_at, asked_event FROM reading_steps WHERE reading_id = $1 AND asked_event IS NOT NULL
    ORDER BY asked_event DESC LIMIT 1";

/// What the last questions asked for may still be on its way, until then.
async fn quiet_until(tx: &mut Tx, device: DeviceId, row: &Row, how: Questions) -> Result<Option<Timestamp>> {
    let Some(last) = tx.optional::<LastStep, 1>(LAST_STEP, [row.id.into()]).await? else { return Ok(None) };
    let kind = Question::parse(&last.kind);
    // Access units bring the count apart from the result.
    let is_counted = kind == Question::Count && (row.counted.is_some() || !row.is_access());
    if is_counted || last.state == "refused" || last.state == "silent" {
        return Ok(None);
    }
    let asked = last.asked_event.unwrap_or(0);
    let has_everything = match kind {
        Question::Count => false,
        Question::List if row.is_access() => packets::are_all(tx, row.id).await?,
        Question::List | Question::Dump => {
            gather::told_since(tx, device, asked).await? == row.counted.or(row.user_count).unwrap_or(-1)
        }
        Question::Person | Question::Control => gather::everybody_spoke(tx, row.id).await?,
    };
    if has_everything {
        return Ok(None);
    }
    let quiet = if row.lists > 1 { how.quiet * 2 } else { how.quiet };
    let heard = last.answered_at.max(row.last_line_at).map_or(how.now, |at| at.0);
    let until = later(heard, quiet);
    Ok((until > how.now).then_some(until))
}

const PHASE: &str = "
    UPDATE readings SET phase = $2, wake_at = NULL, counted = CASE WHEN $3 THEN NULL ELSE counted END WHERE id = $1";
const ADD_STEP: &str = "INSERT INTO reading_steps (reading_id, device_id, kind) VALUES ($1, $2, $3)";
const LISTED: &str = "UPDATE readings SET lists = lists + 1 WHERE id = $1";
const WRITTEN: &str = "UPDATE readings SET has_written = TRUE WHERE id = $1";

/// Takes the next step of the script. False: there is nothing more to do at this poll.
async fn proceed(tx: &mut Tx, device: DeviceId, row: &Row, how: Questions) -> Result<bool> {
    let now = how.now;
    let phase = Phase::parse(&row.phase);
    if phase == Phase::Write && !sentinel::write_is_over(tx, device).await? {
        tx.execute(WAKE_AT, [row.id.into(), later(now, SignedDuration::from_secs(5)).into()]).await?;
        return Ok(false);
    }
    let mut gathered = gather::gather(tx, device, row).await?;
    let can_dump = row.lists == 0 && row.scope == "all" && can_dump(row, how.local);
    let class = match row.readback_class.as_deref().and_then(Class::parse) {
        // By day single people are asked for.
        Some(Class::List) if row.readback_slow => Some(Class::PerPin),
        class => class,
    };
    let facts = Facts {
        phase,
        lists: row.lists,
        sweeps: row.sweeps,
        class,
        can_dump,
        is_search: row.is_search(),
        is_access: row.is_access(),
        is_narrow: row.scope == "some",
        is_about_count: row.cause == "count",
        counted: row.counted,
        told: gathered.told,
        is_whole: gathered.is_whole,
        refuses_list: gathered.refuses_list,
        refuses_people: gathered.refuses_people,
        somebody_spoke: gathered.somebody_spoke,
        sentinels_left: gathered.sentinels_left,
        somebody_was_written: row.has_written,
        can_write: gathered.can_write,
        unresolved: gathered.unresolved.len() as i64,
    };
    let (phase, question) = match script::next(&facts) {
        Next::Count(phase) => (phase, Question::Count),
        Next::List => {
            tx.execute(LISTED, [row.id.into()]).await?;
            (Phase::List, Question::List)
        }
        Next::Dump => {
            tx.execute(LISTED, [row.id.into()]).await?;
            (Phase::Dump, Question::Dump)
        }
        Next::Sentinel => (Phase::Sentinel, Question::Control),
        Next::Write => {
            tx.execute(WRITTEN, [row.id.into()]).await?;
            tx.execute(PHASE, [row.id.into(), Phase::Write.as_str().into(), false.into()]).await?;
            sentinel::write_somebody(tx, device, now).await?;
            return Ok(false);
        }
        Next::Sweep => {
            let pins = std::mem::take(&mut gathered.unresolved);
            begin::add_people(tx, row.id, device, pins.iter()).await?;
            return Ok(true);
        }
        Next::End(ending) => {
            finish::finish(tx, device, row, gathered, ending, now).await?;
            return Ok(false);
        }
    };
    tx.execute(PHASE, [row.id.into(), phase.as_str().into(), (question == Question::Count).into()]).await?;
    tx.execute(ADD_STEP, [row.id.into(), device.into(), question.as_str().into()]).await?;
    Ok(true)
}

/// Whether the terminal may be made to tell everybody by stamp reset now: an admin chose a window, it is in it, it is known
/// not to list, and its stamps are real ones that it reads itself (FWSRC).
fn can_dump(row: &Row, local: Time) -> bool {
    let class = row.readback_class.as_deref().and_then(Class::parse);
    let lists = class.is_none() || (class == Some(Class::List) && !row.readback_slow);
    let stamp: Option<i64> = row.operation_stamp.as_deref().and_then(|stamp| stamp.parse().ok());
    let is_real = stamp.is_some_and(|stamp| stamp > 9_999);
    let window = row.maintenance_window.as_deref().and_then(Window::parse);
    !lists && is_real && window.is_some_and(|window| window.contains(local))
}

const DUMP: &str = "UPDATE readings SET wants_dump = TRUE WHERE id = $1";
const DUMPED: &str = "
    UPDATE readings SET wants_dump = FALSE WHERE device_id = $1 AND state = 'running' AND wants_dump";

/// A handshake: whether its reply shall ask for everybody by a stamp of 0. Once per question.
pub async fn wants_dump(tx: &mut Tx, device: DeviceId) -> Result<bool> {
    Ok(tx.execute(DUMPED, [device.into()]).await? > 0)
}

const ANSWERED: &str = "
    UPDATE reading_steps SET state = $3, answered_at = $4, return_code = $5, counted = COALESCE($6, counted)
    WHERE device_id = $1 AND wire_id = $2 AND state IN ('sent', 'waiting', 'silent')
    RETURNING reading_id, kind";
const COUNT: &str = "UPDATE readings SET counted = COALESCE($2, counted) WHERE id = $1 AND state = 'running'";
const HELD_OPEN: &str = "
    UPDATE reading_steps SET deadline_at = $3 WHERE device_id = $1 AND wire_id = $2 AND state = 'sent'";
const ASKED_SO_OFTEN: &str = "SELECT attempts FROM reading_steps WHERE device_id = $1 AND wire_id = $2";
const PUT_OFF: &str = "
    UPDATE reading_steps SET state = CASE WHEN attempts < $5 THEN 'waiting' ELSE 'silent' END, deadline_at = $3,
      answered_at = $4, return_code = $6
    WHERE device_id = $1 AND wire_id = $2 AND state = 'sent' RETURNING reading_id";
const WAKE: &str = "UPDATE readings SET wake_at = NULL WHERE id = $1";

/// The result of a question.
pub(crate) async fn answered(
    tx: &mut Tx,
    device: DeviceId,
    answer: &Answer,
    first_deadline: SignedDuration,
    now: Timestamp,
) -> Result<()> {
    let Answer { wire_id, code, user_count, .. } = *answer;
    let state = match Outcome::of(code, false) {
        Outcome::LacksWord => "refused",
        Outcome::TryLater => return put_off(tx, device, answer, first_deadline, now).await,
        Outcome::Held => {
            // Another result follows, at the latest when the command itself is given up.
            let deadline = later(now, SignedDuration::from_mins(30));
            tx.execute(HELD_OPEN, [device.into(), wire_id.into(), deadline.into()]).await?;
            return Ok(());
        }
        Outcome::Done | Outcome::Full | Outcome::Refused => "answered",
    };
    let count = user_count.map(i64::from);
    let values = [device.into(), wire_id.into(), state.into(), now.into(), code.into(), count.into()];
    let Some((reading, kind)) = tx.optional::<(i64, String), 6>(ANSWERED, values).await? else { return Ok(()) };
    if Question::parse(&kind) == Question::Count {
        tx.execute(COUNT, [reading.into(), count.into()]).await?;
    }
    tx.execute(WAKE, [reading.into()]).await?;
    Ok(())
}

/// The terminal is busy, or takes too long for this question: it is asked again after a pause that grows, and then no more.
async fn put_off(
    tx: &mut Tx,
    device: DeviceId,
    answer: &Answer,
    first_deadline: SignedDuration,
    now: Timestamp,
) -> Result<()> {
    let question = [device.into(), answer.wire_id.into()];
    let Some((attempts,)) = tx.optional::<(i64,), 2>(ASKED_SO_OFTEN, question).await? else { return Ok(()) };
    let until = later(now, wait(first_deadline, attempts, 0));
    let values =
        [device.into(), answer.wire_id.into(), until.into(), now.into(), TIMES_LATER.into(), answer.code.into()];
    if let Some((reading,)) = tx.optional::<(i64,), 6>(PUT_OFF, values).await? {
        tx.execute(WAKE, [reading.into()]).await?;
    }
    Ok(())
}
