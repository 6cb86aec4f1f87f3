//! What the guard would hold if the roster were another: the same judgement, over what the ledger would say, without
//! writing anything.
//!
//! Each ledger row is taken as reconciling would leave it ([`Row::with`] says what `WANT`, `UNWANT` and
//! [`super::find_card_changes`] say in SQL), counted and judged. A test plays both and compares.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Numbers, Reason, judge_cards, judge_removals, window};
use crate::{
    devices::DeviceId,
    school::{SchoolId, StudentId, derived::card_number, import::Belonging},
    store::{Instant, Result, Tx},
    sync::removals,
};

/// What waits for a decision on a terminal, or would.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = HeldOnDevice)]
pub struct Held {
    pub device_id: DeviceId,
    pub serial_number: String,
    pub device_name: String,
    /// People who would be removed.
    pub removals: usize,
    /// People who would get another card.
    pub card_changes: usize,
    /// Why, in words.
    pub reason: Option<String>,
}

#[derive(Debug, sqlx::FromRow)]
struct Terminal {
    device_id: DeviceId,
    serial_number: String,
    device_name: String,
    guard_percent: i64,
    guard_number: i64,
    strangers_removed: i64,
}

const TERMINALS: &str = "
    SELECT d.id AS device_id, d.serial_number, d.device_name, k.guard_percent, k.guard_number,
      (SELECT COUNT(DISTINCT c.device_pin) FROM device_commands c
        WHERE c.device_id = d.id AND c.created_at > $2
        AND c.student_id IS NULL AND c.command_type = 'delete_user' AND c.status NOT IN ('superseded', 'failed'))
        AS strangers_removed
    FROM devices d JOIN schools k ON k.id = d.school_id
    WHERE d.school_id = $1 AND d.is_active AND d.deleted_at IS NULL AND d.start_state = 'writing'
    ORDER BY d.id";

/// What would be held on the terminals of a school on which something changed, if these students belonged on them, and so
/// many whom nobody knows yet.
pub async fn foresee(
    tx: &mut Tx,
    school: SchoolId,
    after: &BTreeMap<StudentId, Belonging>,
    newcomers: usize,
    now: Timestamp,
) -> Result<Vec<Held>> {
    let terminals: Vec<Terminal> = tx.all(TERMINALS, [school.into(), window(now).into()]).await?;
    let mut foreseen = Vec::new();
    for terminal in terminals {
        let rows: Vec<Row> = tx.all(ROWS, [terminal.device_id.into(), school.into()]).await?;
        foreseen.extend(terminal.judge(rows, after, newcomers, now));
    }
    Ok(foreseen)
}

const TERMINAL: &str = "SELECT serial_number, device_name FROM devices WHERE id = $1";

/// What is held on these terminals, in the same words.
pub async fn held(tx: &mut Tx, devices: &[DeviceId]) -> Result<Vec<Held>> {
    let mut all = Vec::new();
    for device in devices {
        let found = removals::list(tx, *device).await?;
        let of = |change: &str| found.students.iter().filter(|row| row.change == change).count();
        let (removals, card_changes) = (of("removal"), of("card"));
        if removals + card_changes == 0 {
            continue;
        }
        let (serial_number, device_name) = tx.one(TERMINAL, [(*device).into()]).await?;
        let reason = found.reason;
        all.push(Held { device_id: *device, serial_number, device_name, removals, card_changes, reason });
    }
    Ok(all)
}

/// A row of the ledger. `may_hold`: the terminal has him, or may have him. `has_left`: a command of this version is out.
#[derive(Clone, Debug, sqlx::FromRow)]
struct Row {
    student_id: StudentId,
    is_wanted: bool,
    is_of_school: bool,
    wanted_name: Option<String>,
    wanted_card: Option<String>,
    is_held: bool,
    may_hold: bool,
    held_card_number: Option<i64>,
    decision: Option<String>,
    decided_at: Option<Instant>,
    reason: Option<String>,
    removal_wanted_at: Option<Instant>,
    card_change_wanted_at: Option<Instant>,
    acknowledged_at: Option<Instant>,
    is_confirmed: bool,
    is_open: bool,
    has_left: bool,
}

const ROWS: &str = "
    SELECT l.student_id, l.is_wanted, NOT COALESCE(l.school_id <> $2, FALSE) AS is_of_school, l.wanted_name,
      l.wanted_card, l.is_held,
      l.is_held OR EXISTS (SELECT 1 FROM device_commands c WHERE c.device_id = l.device_id
        AND c.student_id = l.student_id AND c.card_number IS NOT NULL AND c.attempts > 0) AS may_hold,
      l.held_card_number, l.decision, l.decided_at, l.error_message AS reason, l.removal_wanted_at,
      l.card_change_wanted_at, l.acknowledged_at, l.confirmed_version = l.wanted_version AS is_confirmed,
      l.confirmed_version <> l.wanted_version AND l.failed_version <> l.wanted_version AS is_open,
      EXISTS (SELECT 1 FROM device_commands c WHERE c.device_id = l.device_id AND c.student_id = l.student_id
        AND c.status IN ('pending', 'sent') AND c.attempts > 0 AND c.wanted_version = l.wanted_version) AS has_left
    FROM device_user_sync_status l WHERE l.device_id = $1";

impl Terminal {
    /// `None` when nothing changes on it, or nothing is held.
    fn judge(
        self,
        rows: Vec<Row>,
        after: &BTreeMap<StudentId, Belonging>,
        newcomers: usize,
        now: Timestamp,
    ) -> Option<Held> {
        let window = window(now);
        let known = rows.iter().filter(|row| after.contains_key(&row.student_id)).count();
        let mut is_changed = newcomers > 0 || known < after.len();
        let rows: Vec<Row> = rows
            .into_iter()
            .map(|row| match row.with(after.get(&row.student_id), now) {
                Some(changed) => {
                    is_changed = true;
                    changed
                }
                None => row,
            })
            .collect();
        if !is_changed {
            return None;
        }
        let count = |is: &dyn Fn(&Row) -> bool| rows.iter().filter(|row| is(row)).count() as i64;
        let is_judged = rows.iter().any(Row::is_judged);
        let numbers = Numbers {
            holds: count(&|row| row.was_held(window)),
            removals: self.strangers_removed + count(&|row| row.is_removal(window)),
            card_changes: count(&|row| row.is_card_change(window)),
            of_former_school: count(&|row| !row.is_wanted && !row.is_of_school && row.is_judged_removal()),
            is_roster_empty: after.is_empty() && newcomers == 0,
            guard_percent: self.guard_percent,
            guard_number: self.guard_number,
        };
        let of_removals = Verdict::of(judge_removals(&numbers).filter(|_| is_judged), false, &rows, window);
        let of_cards = Verdict::of(judge_cards(&numbers).filter(|_| is_judged), true, &rows, window);
        if of_removals.people + of_cards.people == 0 {
            return None;
        }
        let reasons: Vec<String> = [of_removals.reason, of_cards.reason].into_iter().flatten().collect();
        Some(Held {
            device_id: self.device_id,
            serial_number: self.serial_number,
            device_name: self.device_name,
            removals: of_removals.people,
            card_changes: of_cards.people,
            reason: (!reasons.is_empty()).then(|| reasons.join(". ")),
        })
    }
}

/// Whom a judgement holds, beside those who are held already, and the newest words about it.
struct Verdict {
    people: usize,
    reason: Option<String>,
}

impl Verdict {
    fn of(reason: Option<Reason>, is_wanted: bool, rows: &[Row], window: Timestamp) -> Verdict {
        let rows = || rows.iter().filter(|row| row.is_wanted == is_wanted);
        let before = || rows().filter(|row| row.decision.as_deref() == Some("held") && !row.is_confirmed);
        let anew = match reason {
            Some(reason) => rows().filter(|row| row.would_be_held(reason.since(window))).count(),
            None => 0,
        };
        let words = match reason {
            Some(reason) if anew > 0 => Some(reason.to_string()),
            _ => before().max_by_key(|row| row.decided_at).and_then(|row| row.reason.clone()),
        };
        Verdict { people: before().count() + anew, reason: words }
    }
}

impl Row {
    /// The row as reconciling would leave it; `None` when it stays as it is.
    fn with(&self, belonging: Option<&Belonging>, now: Timestamp) -> Option<Row> {
        let raised = Row { is_confirmed: false, is_open: true, has_left: false, ..self.clone() };
        let undecided = Row { decision: None, decided_at: None, reason: None, card_change_wanted_at: None, ..raised };
        let Some(belonging) = belonging else {
            let removal_wanted_at = self.may_hold.then_some(Instant(now));
            return self.is_wanted.then_some(Row {
                is_wanted: false,
                wanted_card: None,
                removal_wanted_at,
                ..undecided
            });
        };
        let has_card = self.is_wanted && self.wanted_card.as_ref() == Some(&belonging.rfid_card_id);
        if has_card && self.is_of_school && self.wanted_name.as_ref() == Some(&belonging.full_name) {
            return None;
        }
        let mut row = Row {
            is_wanted: true,
            is_of_school: true,
            wanted_name: Some(belonging.full_name.clone()),
            wanted_card: Some(belonging.rfid_card_id.clone()),
            removal_wanted_at: None,
            ..undecided
        };
        if has_card && self.decision.as_deref() != Some("kept") {
            row.decision.clone_from(&self.decision);
            row.decided_at = self.decided_at;
            row.reason.clone_from(&self.reason);
            row.card_change_wanted_at = self.card_change_wanted_at;
        }
        if let Some(card) = card_number(&belonging.rfid_card_id).filter(|_| self.is_held) {
            if self.held_card_number != Some(card) {
                row.card_change_wanted_at.get_or_insert(Instant(now));
            } else if row.card_change_wanted_at.take().is_some() {
                row.decision = None;
            }
        }
        Some(row)
    }

    fn is_kept(&self) -> bool {
        self.decision.as_deref() == Some("kept")
    }

    fn was_held(&self, window: Timestamp) -> bool {
        let is_within = |at: Option<Instant>| at.is_some_and(|at| at.0 > window);
        let is_gone =
            self.removal_wanted_at.is_some() && (is_within(self.removal_wanted_at) || is_within(self.acknowledged_at));
        self.is_held || (!self.is_wanted && is_gone)
    }

    fn is_removal(&self, window: Timestamp) -> bool {
        let Some(at) = self.removal_wanted_at.filter(|_| !self.is_wanted) else { return false };
        if at.0 > window {
            !self.is_kept()
        } else {
            self.is_confirmed && self.acknowledged_at.is_some_and(|at| at.0 > window)
        }
    }

    fn is_card_change(&self, window: Timestamp) -> bool {
        self.is_wanted && !self.is_kept() && self.card_change_wanted_at.is_some_and(|at| at.0 > window)
    }

    fn is_undecided(&self) -> bool {
        self.is_open && (self.decision.is_none() || self.is_kept())
    }

    fn is_judged(&self) -> bool {
        self.is_undecided() && (self.removal_wanted_at.is_some() || self.card_change_wanted_at.is_some())
    }

    fn is_judged_removal(&self) -> bool {
        self.is_undecided() && self.removal_wanted_at.is_some()
    }

    fn would_be_held(&self, since: Timestamp) -> bool {
        if !self.is_open || self.has_left {
            return false;
        }
        if self.is_wanted {
            let is_change = self.card_change_wanted_at.is_some_and(|at| at.0 > since);
            is_change && self.decision.is_none() && self.is_held && self.held_card_number.is_some()
        } else {
            let may_be = self.decision.is_none() || (self.is_kept() && !self.is_of_school);
            may_be && self.removal_wanted_at.is_some_and(|at| at.0 > since)
        }
    }
}
