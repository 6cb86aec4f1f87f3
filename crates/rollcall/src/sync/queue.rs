//! Queues commands for ledger rows that are not as wanted and have none under way.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use push_protocol::{command::Command, dialect::Dialect};

use super::{
    adopt::others::{self, Newcomer},
    capacity,
    manner::{self, Terminal},
    plan::{self, CardUse, CardUses, Open, Stays, Step, Wanted},
    reconcile::Reconciled,
    rights,
    scope::{Scope, rows_of_student},
};
use crate::{
    devices::DeviceId,
    school::StudentId,
    store::{Result, Tx, Value, wake},
    webhooks::outbox,
};

/// Rows that one transaction plans anew: other writers wait no longer than for these.
const ROWS_PER_TRANSACTION: i64 = 2_000;

#[derive(Clone, Debug, sqlx::FromRow)]
struct Row {
    device_id: DeviceId,
    student_id: StudentId,
    device_pin: String,
    is_wanted: bool,
    wanted_name: Option<String>,
    wanted_card: Option<String>,
    wanted_card_number: Option<i64>,
    wanted_version: i64,
    failed_version: i64,
    is_held: bool,
    obstacle: Option<String>,
    error_message: Option<String>,
    priority: i64,
    was_written: bool,
}

macro_rules! columns {
    () => {
        "l.device_id, l.student_id, l.device_pin, l.is_wanted, l.wanted_name, l.wanted_card, l.wanted_card_number,
         l.wanted_version, l.failed_version, l.is_held, l.obstacle, l.error_message, l.priority,
         l.written_event > 0 AS was_written"
    };
}
macro_rules! written_to {
    () => {
        " JOIN devices d ON d.id = l.device_id AND d.is_active AND d.deleted_at IS NULL AND d.start_state = 'writing'"
    };
}
macro_rules! open {
    ($rows:expr, $scope:literal, $limit:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM ",
            $rows,
            " l",
            written_to!(),
            " WHERE ",
            $scope,
            " AND l.confirmed_version <> l.wanted_version AND l.failed_version <> l.wanted_version
               AND COALESCE(l.decision, '') NOT IN ('held', 'kept') AND NOT EXISTS (SELECT 1 FROM device_commands c WHERE c.device_id = l.device_id
                 AND c.student_id = l.student_id AND c.status IN ('pending', 'sent') LIMIT 1 OFFSET 0)
             ORDER BY l.device_id, l.priority DESC, l.student_id LIMIT ",
            $limit
        )
    };
}
const OPEN_OF_STUDENT: &str = open!(rows_of_student!(), "l.student_id = $1", "$2");
/// Those who were planned and wait take no room from those who were not: a full terminal may keep thousands waiting.
const OPEN_ON_DEVICE: &str = open!(
    "device_user_sync_status",
    "l.device_id = $1",
    "$2 + (SELECT COUNT(*) FROM device_user_sync_status w WHERE w.device_id = $1 AND w.obstacle IS NOT NULL)"
);

/// Plans and queues what is open in scope. The caller holds the locks of the devices.
pub(super) async fn open_rows(tx: &mut Tx, scope: Scope, now: Timestamp) -> Result<Reconciled> {
    open(tx, scope, None, now).await
}

/// The same, and this student is tried although the terminal said that nobody else fits.
pub(super) async fn open_asked(
    tx: &mut Tx,
    device: DeviceId,
    student: StudentId,
    now: Timestamp,
) -> Result<Reconciled> {
    open(tx, Scope::Device(device), Some(student), now).await
}

async fn open(tx: &mut Tx, scope: Scope, asked: Option<StudentId>, now: Timestamp) -> Result<Reconciled> {
    let limit = ROWS_PER_TRANSACTION.into();
    let (rows, freed): (Vec<Row>, Vec<DeviceId>) = match scope {
        Scope::Student(student) => {
            let freed = forget_cards_no_longer_twice(tx, FORGET_TWICE_OF_STUDENT, student.0).await?;
            (tx.all(OPEN_OF_STUDENT, [student.into(), limit]).await?, freed)
        }
        Scope::Device(device) => {
            let freed = forget_cards_no_longer_twice(tx, FORGET_TWICE_ON_DEVICE, device.0).await?;
            capacity::let_in(tx, device).await?;
            (tx.all(OPEN_ON_DEVICE, [device.into(), limit]).await?, freed)
        }
    };
    let is_partial = rows.iter().filter(|row| row.obstacle.is_none()).count() as i64 >= ROWS_PER_TRANSACTION;
    let mut by_device = by_device(rows);
    for device in freed {
        by_device.entry(device).or_default();
    }
    if let Scope::Student(_) = scope {
        add_those_who_wait(tx, &mut by_device).await?;
    }
    plan(tx, by_device, asked, now).await?.write(tx, now, is_partial).await
}

/// Whoever waits for what another had, a card or a place, has an obstacle, as have those whom only a person can help; and
/// what did not fit into one transaction is queued when the rest has left. Asks for the command that goes next: PostgreSQL
/// would look for any by reading all that the terminal was ever given.
const EVERYBODY_COUNTS: &str = "
    SELECT EXISTS (SELECT 1 FROM device_user_sync_status WHERE device_id = $1 AND obstacle IS NOT NULL)
      OR (SELECT id FROM device_commands WHERE device_id = $1 AND status = 'pending' AND deadline_at IS NULL
        ORDER BY priority DESC, id LIMIT 1) IS NULL";
const OPEN_OF_STUDENTS: &str = concat!(
    "WITH v(student_id) AS (VALUES {rows}) ",
    open!(
        "(SELECT o.* FROM v JOIN device_user_sync_status o ON o.device_id = (SELECT $1) AND o.student_id = v.student_id
          LIMIT 1000000 OFFSET 0)",
        "l.device_id = $1",
        "$2"
    )
);

/// The same after a terminal did what these students' commands said. Nobody else is looked at where nothing can have
/// become open for them: a terminal that is being filled has thousands whose commands are under way.
pub(super) async fn open_answered(
    tx: &mut Tx,
    device: DeviceId,
    students: impl Iterator<Item = StudentId>,
    now: Timestamp,
) -> Result<Reconciled> {
    let (everybody_counts,): (bool,) = tx.one(EVERYBODY_COUNTS, [device.into()]).await?;
    if everybody_counts {
        return open_rows(tx, Scope::Device(device), now).await;
    }
    let students: Vec<Vec<Value>> = students.map(|student| vec![student.into()]).collect();
    let fixed = [device.into(), ROWS_PER_TRANSACTION.into()];
    let rows: Vec<Row> = tx.all_rows(OPEN_OF_STUDENTS, &fixed, students).await?;
    plan(tx, by_device(rows), None, now).await?.write(tx, now, false).await
}

fn by_device(rows: Vec<Row>) -> BTreeMap<DeviceId, Vec<Row>> {
    let mut by_device: BTreeMap<DeviceId, Vec<Row>> = BTreeMap::new();
    for row in rows {
        by_device.entry(row.device_id).or_default().push(row);
    }
    by_device
}

async fn plan(
    tx: &mut Tx,
    by_device: BTreeMap<DeviceId, Vec<Row>>,
    asked: Option<StudentId>,
    now: Timestamp,
) -> Result<Writing> {
    let mut writing = Writing::default();
    let terminals = manner::terminals(tx, by_device.keys().copied()).await?;
    let mut uses = card_uses(tx, &by_device).await?;
    let others = others::in_the_way(tx, &newcomers(&by_device)).await?;
    for (device, rows) in by_device {
        let Some(terminal) = terminals.get(&device) else { continue };
        let open: Vec<Open> =
            rows.iter().map(|row| Open { is_asked: asked == Some(row.student_id), ..row.open() }).collect();
        let newcomers = rows.iter().filter(|row| row.is_wanted && !row.is_held).count() as i64;
        let seats =
            if newcomers > 0 && terminal.has_capacity { capacity::seats(tx, device, newcomers).await? } else { None };
        let uses = uses.remove(&device).unwrap_or_default();
        let others = others.get(&device).map_or(&[][..], Vec::as_slice);
        let steps = plan::plan(&open, &uses, others, terminal.limits(seats));
        for ((row, open), step) in rows.iter().zip(&open).zip(steps) {
            writing.step(row, plan::wanted_number(open), step, terminal, now);
        }
    }
    Ok(writing)
}

macro_rules! forget_twice {
    ($scope:literal) => {
        concat!(
            "UPDATE device_user_sync_status SET failed_version = 0, obstacle = 'card_busy', error_message = NULL
             WHERE obstacle = 'card_twice' AND device_id IN (",
            $scope,
            ") AND NOT EXISTS (SELECT 1 FROM device_user_sync_status o WHERE o.device_id = device_user_sync_status.device_id
                 AND o.student_id <> device_user_sync_status.student_id AND o.is_wanted
                 AND o.wanted_card_number = device_user_sync_status.wanted_card_number)
             RETURNING device_id"
        )
    };
}
const FORGET_TWICE_ON_DEVICE: &str = forget_twice!("$1");
const FORGET_TWICE_OF_STUDENT: &str =
    forget_twice!("SELECT device_id FROM device_user_sync_status WHERE student_id = $1");

/// Of two who were to have one card only one is left: he waits for it from now on, until he is planned. Answers where.
async fn forget_cards_no_longer_twice(tx: &mut Tx, sql: &'static str, id: i64) -> Result<Vec<DeviceId>> {
    let devices: Vec<(DeviceId,)> = tx.all(sql, [id.into()]).await?;
    Ok(devices.into_iter().map(|(device,)| device).collect())
}

const WAITING: &str = concat!(
    "WITH v(device_id) AS (VALUES {rows}) SELECT ",
    columns!(),
    " FROM v JOIN device_user_sync_status l ON l.device_id = v.device_id",
    written_to!(),
    " WHERE l.obstacle = 'card_busy' AND l.confirmed_version <> l.wanted_version AND l.failed_version <> l.wanted_version
       AND COALESCE(l.decision, '') NOT IN ('held', 'kept') AND NOT EXISTS (SELECT 1 FROM device_commands c WHERE c.device_id = l.device_id
         AND c.student_id = l.student_id AND c.status IN ('pending', 'sent') LIMIT 1 OFFSET 0)
     ORDER BY l.device_id, l.student_id LIMIT 500"
);

/// Two who swap cards are edited one after the other: the first waits already when the second comes.
async fn add_those_who_wait(tx: &mut Tx, by_device: &mut BTreeMap<DeviceId, Vec<Row>>) -> Result<()> {
    let devices = by_device.keys().map(|device| vec![(*device).into()]).collect();
    let waiting: Vec<Row> = tx.all_rows(WAITING, &[], devices).await?;
    for row in waiting {
        let rows = by_device.entry(row.device_id).or_default();
        if rows.iter().all(|known| known.student_id != row.student_id) {
            rows.push(row);
        }
    }
    Ok(())
}

const CARD_USES: &str = "
    WITH v(device_id, card_number) AS (VALUES {rows}),
    uses(device_id, card_number, student_id, may_hold, wants) AS (
      SELECT v.device_id, v.card_number, l.student_id, 1, 0 FROM v
        JOIN device_user_sync_status l ON l.device_id = v.device_id AND l.held_card_number = v.card_number
      UNION ALL
      SELECT v.device_id, v.card_number, l.student_id, 0, 1 FROM v
        JOIN device_user_sync_status l ON l.device_id = v.device_id AND l.wanted_card_number = v.card_number
        WHERE l.is_wanted
      UNION ALL
      SELECT v.device_id, v.card_number, c.student_id, 1, 0 FROM v
        JOIN device_commands c ON c.device_id = v.device_id AND c.card_number = v.card_number
        WHERE c.attempts > 0 OR c.status = 'pending')
    SELECT u.device_id, u.card_number, u.student_id, CAST(MAX(u.may_hold) AS BIGINT) AS may_hold,
      CAST(MAX(u.wants) AS BIGINT) AS wants,
      COALESCE((SELECT s.full_name FROM students s WHERE s.id = u.student_id), 'a former student') AS name,
      (SELECT l.sync_status FROM device_user_sync_status l WHERE l.device_id = u.device_id AND l.student_id = u.student_id
        AND l.sync_status IN ('held', 'kept')) AS decision
    FROM uses u GROUP BY u.device_id, u.card_number, u.student_id";

#[derive(Debug, sqlx::FromRow)]
struct Use {
    device_id: DeviceId,
    card_number: i64,
    student_id: StudentId,
    may_hold: i64,
    wants: i64,
    name: String,
    decision: Option<String>,
}

/// Who on the terminals has, or should have, one of the cards that the open rows want. Their own wishes are added here:
/// the ledger learns a card's number only when it is planned.
async fn card_uses(tx: &mut Tx, by_device: &BTreeMap<DeviceId, Vec<Row>>) -> Result<BTreeMap<DeviceId, CardUses>> {
    let mut answer: BTreeMap<DeviceId, CardUses> = BTreeMap::new();
    let mut cards: BTreeSet<(DeviceId, i64)> = BTreeSet::new();
    for (device, rows) in by_device {
        for row in rows {
            if let Some(card) = plan::wanted_number(&row.open()) {
                cards.insert((*device, card));
                let name = row.wanted_name.clone().unwrap_or_default();
                let own =
                    CardUse { card, student: row.student_id, name, may_hold: false, wants: true, stays: Stays::No };
                answer.entry(*device).or_default().add(own);
            }
        }
    }
    let rows = cards.into_iter().map(|(device, card)| vec![device.into(), card.into()]).collect();
    let uses: Vec<Use> = tx.all_rows(CARD_USES, &[], rows).await?;
    for found in uses {
        answer.entry(found.device_id).or_default().add(CardUse {
            card: found.card_number,
            student: found.student_id,
            name: found.name,
            may_hold: found.may_hold == 1,
            wants: found.wants == 1,
            stays: match found.decision.as_deref() {
                Some("held") => Stays::UntilDecided,
                Some("kept") => Stays::ByDecision,
                _ => Stays::No,
            },
        });
    }
    Ok(answer)
}

impl Row {
    fn open(&self) -> Open {
        let wanted = Wanted::of(self.is_wanted, self.wanted_name.clone(), self.wanted_card.clone());
        let former_name = self.wanted_name.clone().filter(|_| !self.is_wanted);
        let (pin, is_held, was_written) = (self.device_pin.clone(), self.is_held, self.was_written);
        Open { student: self.student_id, pin, wanted, is_held, was_written, former_name, is_asked: false }
    }
}

fn newcomers(by_device: &BTreeMap<DeviceId, Vec<Row>>) -> Vec<Newcomer> {
    let rows = by_device.values().flatten();
    let newcomer = |row: &Row| Newcomer {
        device: row.device_id,
        pin: row.device_pin.clone(),
        card: plan::wanted_number(&row.open()),
    };
    rows.map(newcomer).collect()
}

/// What a run is going to write, collected so that it takes few statements however many rows there are.
#[derive(Default)]
struct Writing {
    commands: Vec<NewCommand>,
    ledger: Vec<Vec<Value>>,
    failed: BTreeMap<DeviceId, Vec<(StudentId, String)>>,
}

struct NewCommand {
    device: DeviceId,
    /// Everything but the wire id.
    values: Vec<Value>,
}

const LEDGER: &str = "
    WITH v(device_id, student_id, wanted_card_number, failed_version, obstacle, error_message) AS (VALUES {rows})
    UPDATE device_user_sync_status SET wanted_card_number = v.wanted_card_number, failed_version = v.failed_version,
      obstacle = v.obstacle, error_message = v.error_message, updated_at = $1
    FROM v WHERE device_user_sync_status.device_id = v.device_id AND device_user_sync_status.student_id = v.student_id";
const COMMANDS: &str = "
    INSERT INTO device_commands (device_id, school_id, student_id, command_type, command_string, word, step,
      wanted_version, card_number, priority, created_at, wire_id) VALUES {rows}";

/// The stored `step` of a command that does all that is wanted of a student, and of one that only frees his card.
const WHOLE: &str = "whole";
pub(super) const CLEAR_CARD: &str = "clear_card";

impl Writing {
    fn step(&mut self, row: &Row, card: Option<i64>, step: Step, terminal: &Terminal, now: Timestamp) {
        let (command, step_word) = match step {
            Step::Whole(command) => (command, WHOLE),
            Step::ClearCard(command) => (command, CLEAR_CARD),
            Step::Wait(obstacle, words) => {
                self.note(row, card, 0, Some(obstacle.as_str()), Some(words));
                return;
            }
            Step::Fail(obstacle, words) => {
                self.note(row, card, row.wanted_version, obstacle.map(plan::Obstacle::as_str), Some(words));
                return;
            }
        };
        let manner = terminal.manner();
        let step_word = match step_word {
            WHOLE if manner.dialect == Dialect::Security => rights::USER,
            word => word,
        };
        match command.render(manner) {
            Ok(text) => {
                let (kind, sets_card) = match &command {
                    Command::PutUser { card, .. } if row.is_held => ("update_user", card.is_some()),
                    Command::PutUser { card, .. } => ("add_user", card.is_some()),
                    _ => ("delete_user", false),
                };
                self.commands.push(NewCommand {
                    device: row.device_id,
                    values: vec![
                        row.device_id.into(),
                        terminal.school_id.into(),
                        row.student_id.into(),
                        kind.into(),
                        text.into(),
                        command.word(manner).into(),
                        step_word.into(),
                        row.wanted_version.into(),
                        card.filter(|_| sets_card).into(),
                        row.priority.into(),
                        now.into(),
                    ],
                });
                self.note(row, card, 0, None, None);
            }
            Err(error) => self.note(row, card, row.wanted_version, None, Some(error.to_string())),
        }
    }

    /// What the planning of a row says of it, where the ledger does not say it already.
    fn note(
        &mut self,
        row: &Row,
        card: Option<i64>,
        failed: i64,
        obstacle: Option<&'static str>,
        words: Option<String>,
    ) {
        if failed > 0 {
            let words = words.clone().unwrap_or_default();
            self.failed.entry(row.device_id).or_default().push((row.student_id, words));
        }
        let known = (row.wanted_card_number, row.failed_version, row.obstacle.as_deref(), &row.error_message);
        if known == (card, failed, obstacle, &words) {
            return;
        }
        self.ledger.push(vec![
            row.device_id.into(),
            row.student_id.into(),
            card.into(),
            failed.into(),
            obstacle.into(),
            words.into(),
        ]);
    }

    async fn write(self, tx: &mut Tx, now: Timestamp, is_partial: bool) -> Result<Reconciled> {
        tx.execute_rows(LEDGER, &[now.into()], self.ledger).await?;
        for (device, failed) in &self.failed {
            outbox::failed(tx, *device, failed, now).await?;
        }
        let mut devices: BTreeMap<DeviceId, i64> = BTreeMap::new();
        for command in &self.commands {
            *devices.entry(command.device).or_default() += 1;
        }
        let mut wire_ids = super::wire::take(tx, &devices).await?;
        let queued = self.commands.len() as u64;
        let rows = self.commands.into_iter().map(|command| {
            let mut values = command.values;
            values.push(wire_ids.next(command.device).into());
            values
        });
        tx.execute_rows(COMMANDS, &[], rows.collect()).await?;
        if queued > 0 {
            tx.notify(wake::COMMANDS).await?;
        }
        Ok(Reconciled { queued, devices: devices.into_keys().collect(), is_partial })
    }
}
