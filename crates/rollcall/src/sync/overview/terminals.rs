//! The terminals of a school, or all: what the overview shows of each, in one statement whatever their number, and whatever
//! the number of students: what everybody who looks is told every few seconds is counted where it changes
//! (docs/decisions/counted-by-the-database.md).

use crate::{
    devices::{DeviceId, trust::Suspicion},
    school::{SchoolId, search},
    store::{Instant, Result, Tx},
    sync::{reading::Class, start::Start},
};

/// A terminal with everything that decides what a person is told of it first.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct TerminalState {
    pub id: DeviceId,
    pub school_id: SchoolId,
    pub school_name: String,
    pub serial_number: String,
    pub device_name: String,
    pub is_active: bool,
    pub is_online: bool,
    pub last_seen: Option<Instant>,
    pub start_state: String,
    /// People that the terminal says it holds.
    pub user_count: Option<i64>,
    pub readback_class: Option<String>,
    pub is_full: bool,
    pub clock_skew_seconds: Option<i64>,
    /// Why it may be another device under its serial number: `comm_key` or `addresses`.
    pub suspicion: Option<String>,
    pub last_address: Option<String>,
    pub former_address: Option<String>,
    /// Its zone, else its school's; empty: the server's.
    pub timezone: Option<String>,
    /// Commands that it is given per poll, as learnt.
    pub batch_size: i64,
    /// Seconds from the roster to its acknowledgement, of the last change.
    pub reach_seconds: Option<i64>,
    /// Students who belong on it.
    pub total: i64,
    /// Of them, those of whom it acknowledged what is wanted.
    pub synced: i64,
    /// Of the synced, those whom it itself showed to be as wanted.
    pub verified: i64,
    pub pending: i64,
    pub sent: i64,
    pub failed: i64,
    pub held_removals: i64,
    pub held_cards: i64,
    pub kept_cards: i64,
    pub missing: i64,
    pub different: i64,
    /// Students who left and are still there.
    pub extra: i64,
    pub strangers: i64,
    pub last_punch: Option<Instant>,
    pub last_verified: Option<Instant>,
    pub is_being_read: bool,
}

/// What a person is told of a terminal in a word: the first of these that is so.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Condition {
    /// It may be another device, and is handed nothing until an admin confirms it.
    Suspected,
    /// It holds people already, and an admin has to say what becomes of them.
    HoldsPeople,
    /// Removals or changes of card wait for a decision.
    Held,
    Failed,
    Offline,
    /// Registered, and it never called.
    NeverCalled,
    /// A reading found something that is not mended yet.
    Drifted,
    /// Its people are being counted before the first write.
    Counting,
    /// Commands are on their way.
    Updating,
    /// It acknowledged everybody, and is a terminal that cannot prove it.
    Unverifiable,
    /// It acknowledged everybody; not all of that is proven yet.
    Unverified,
    /// Everybody is there, and it showed that itself.
    InStep,
    /// Nobody belongs on it.
    Empty,
    /// An admin switched it off.
    SwitchedOff,
}

// What is counted is counted once, whatever PostgreSQL believes of the number of terminals. One terminal is asked for in words
// that an index understands: what others have is not read for it.
macro_rules! terminals {
    ($of_device:literal, $which:literal) => {
        concat!(
            "WITH holding AS MATERIALIZED (
       SELECT device_id, COUNT(*) FILTER (WHERE sync_status = 'held' AND NOT is_wanted) AS held_removals,
         COUNT(*) FILTER (WHERE sync_status = 'held' AND is_wanted) AS held_cards,
         COUNT(*) FILTER (WHERE sync_status = 'kept' AND is_wanted) AS kept_cards
       FROM device_user_sync_status
       WHERE decision IS NOT NULL",
            $of_device,
            " GROUP BY device_id),
     found AS MATERIALIZED (
       SELECT device_id, COUNT(DISTINCT CASE WHEN kind = 'missing' THEN device_pin END) AS missing,
         COUNT(DISTINCT CASE WHEN kind = 'different' THEN device_pin END) AS different,
         COUNT(DISTINCT CASE WHEN kind = 'extra' THEN device_pin END) AS extra,
         COUNT(DISTINCT CASE WHEN kind = 'stranger' THEN device_pin END) AS strangers,
         COUNT(*) FILTER (WHERE kind = 'stranger' AND decision = 'held') AS held_strangers
       FROM device_drift
       WHERE ended_at IS NULL",
            $of_device,
            " GROUP BY device_id)
     SELECT d.id, d.school_id, k.name AS school_name, d.serial_number, d.device_name, d.is_active, d.is_online, d.last_seen,
      d.start_state, d.user_count, d.readback_class, d.is_full, d.clock_skew_seconds,
      d.suspicion, d.last_address, d.former_address,
      COALESCE(d.timezone, k.timezone) AS timezone,
      CASE WHEN y.one_per_poll THEN 1 ELSE COALESCE(y.batch_size, 1) END AS batch_size, y.reach_seconds,
      CASE WHEN d.is_active THEN COALESCE(s.belonging, 0) ELSE 0 END AS total,
      CASE WHEN d.is_active THEN COALESCE(n.synced, 0) ELSE 0 END AS synced,
      CASE WHEN d.is_active THEN COALESCE(n.verified, 0) ELSE 0 END AS verified,
      CASE WHEN d.is_active THEN COALESCE(n.pending, 0) ELSE 0 END AS pending,
      CASE WHEN d.is_active THEN COALESCE(n.sent, 0) ELSE 0 END AS sent,
      CASE WHEN d.is_active THEN COALESCE(n.failed, 0) ELSE 0 END AS failed,
      (d.is_active AND COALESCE(n.wanted, 0) > 0
        AND (d.start_state <> 'writing' OR n.wanted <> COALESCE(s.belonging, 0))) AS is_behind,
      COALESCE(h.held_removals, 0) + COALESCE(f.held_strangers, 0) AS held_removals,
      COALESCE(h.held_cards, 0) AS held_cards, COALESCE(h.kept_cards, 0) AS kept_cards,
      COALESCE(f.missing, 0) AS missing, COALESCE(f.different, 0) AS different, COALESCE(f.extra, 0) AS extra,
      COALESCE(f.strangers, 0) AS strangers,
      (SELECT p.punched_instant FROM punches p WHERE p.device_id = d.id AND NOT p.is_from_future
        ORDER BY p.punched_at DESC LIMIT 1) AS last_punch,
      (SELECT r.finished_at FROM readings r WHERE r.device_id = d.id AND r.scope = 'all' AND r.state = 'done'
        ORDER BY r.id DESC LIMIT 1) AS last_verified,
      EXISTS (SELECT 1 FROM readings r WHERE r.device_id = d.id AND r.state = 'running') AS is_being_read
    FROM devices d
    JOIN schools k ON k.id = d.school_id
    LEFT JOIN device_delivery y ON y.device_id = d.id
    LEFT JOIN school_counts s ON s.school_id = d.school_id
    LEFT JOIN device_counts n ON n.device_id = d.id
    LEFT JOIN holding h ON h.device_id = d.id
    LEFT JOIN found f ON f.device_id = d.id
    WHERE d.deleted_at IS NULL AND k.deleted_at IS NULL
      AND ",
            $which,
            " ORDER BY k.name, k.id, d.device_name, d.id"
        )
    };
}
const TERMINALS: &str = terminals!("", "(CAST($1 AS BIGINT) IS NULL OR d.school_id = $1)");
const TERMINAL: &str = terminals!(" AND device_id = $1", "d.id = $1");

/// The ledger of a terminal that is not written to follows no roster; and what another program just wrote is not in it yet.
/// Such a terminal's students are counted one by one.
#[derive(sqlx::FromRow)]
struct Row {
    #[sqlx(flatten)]
    state: TerminalState,
    is_behind: bool,
}

const COUNTED: &str = "
    WITH v(device_id) AS (VALUES {rows})
    SELECT b.device_id, COUNT(*) FILTER (WHERE l.sync_status = 'synced') AS synced,
      COUNT(*) FILTER (WHERE l.sync_status = 'synced' AND l.verified_version = l.wanted_version) AS verified,
      COUNT(*) FILTER (WHERE l.sync_status IN ('pending', 'held')) AS pending,
      COUNT(*) FILTER (WHERE l.sync_status = 'sent') AS sent, COUNT(*) FILTER (WHERE l.sync_status = 'failed') AS failed
    FROM v JOIN belonging b ON b.device_id = v.device_id
    JOIN device_user_sync_status l ON l.device_id = b.device_id AND l.student_id = b.student_id AND l.is_wanted
    GROUP BY b.device_id";

/// The terminals of a school, or of all, by school and name; the ninth door of a school before its tenth.
pub async fn terminals(tx: &mut Tx, school: Option<SchoolId>) -> Result<Vec<TerminalState>> {
    let rows = tx.all(TERMINALS, [school.into()]).await?;
    let mut states = count_behind(tx, rows).await?;
    for of_school in states.chunk_by_mut(|one, other| one.school_id == other.school_id) {
        of_school.sort_by_cached_key(|state| search::order(&state.device_name));
    }
    Ok(states)
}

/// The same of one terminal.
pub async fn terminal(tx: &mut Tx, device: DeviceId) -> Result<Option<TerminalState>> {
    let rows = tx.all(TERMINAL, [device.into()]).await?;
    Ok(count_behind(tx, rows).await?.pop())
}

async fn count_behind(tx: &mut Tx, mut rows: Vec<Row>) -> Result<Vec<TerminalState>> {
    let behind = rows.iter().filter(|row| row.is_behind).map(|row| vec![row.state.id.into()]).collect();
    let counted: Vec<(DeviceId, i64, i64, i64, i64, i64)> = tx.all_rows(COUNTED, &[], behind).await?;
    for row in rows.iter_mut().filter(|row| row.is_behind) {
        let found = counted.iter().find(|counts| counts.0 == row.state.id);
        let (_, synced, verified, pending, sent, failed) = found.copied().unwrap_or((row.state.id, 0, 0, 0, 0, 0));
        row.state = TerminalState { synced, verified, pending, sent, failed, ..row.state.clone() };
    }
    Ok(rows.into_iter().map(|row| row.state).collect())
}

impl TerminalState {
    pub fn condition(&self) -> Condition {
        let start = Start::parse(&self.start_state);
        let waits = self.total - self.synced - self.failed - self.kept_cards > 0;
        match () {
            () if !self.is_active => Condition::SwitchedOff,
            () if self.suspicion.is_some() => Condition::Suspected,
            () if start == Start::HoldsPeople => Condition::HoldsPeople,
            () if self.last_seen.is_none() => Condition::NeverCalled,
            () if self.held() > 0 => Condition::Held,
            () if self.failed > 0 => Condition::Failed,
            () if !self.is_online => Condition::Offline,
            () if start != Start::Writing => Condition::Counting,
            () if self.missing + self.different + self.extra > 0 => Condition::Drifted,
            () if waits => Condition::Updating,
            () if self.total == 0 => Condition::Empty,
            () if self.tells_nobody() => Condition::Unverifiable,
            () if self.verified < self.total => Condition::Unverified,
            () => Condition::InStep,
        }
    }

    /// It announced another key; else its addresses take turns.
    pub fn has_another_key(&self) -> bool {
        self.suspicion.as_deref().and_then(Suspicion::parse) == Some(Suspicion::CommKey)
    }

    /// Whether the terminal tells nobody whom it holds, so that nothing it acknowledged can be proven.
    pub fn tells_nobody(&self) -> bool {
        self.readback_class.as_deref().and_then(Class::parse).is_some_and(|class| !class.tells_people())
    }

    /// Students who belong there and of whom it said neither yes nor no yet.
    pub fn waiting(&self) -> i64 {
        self.total - self.synced - self.failed
    }

    /// Nothing is queued for them yet, or the terminal keeps their former card by decision.
    pub fn not_synced(&self) -> i64 {
        self.total - self.synced - self.failed - self.pending - self.sent
    }

    /// What waits for a decision.
    pub fn held(&self) -> i64 {
        self.held_removals + self.held_cards
    }

    /// People of whom a reading found something that nothing has mended yet, strangers too.
    pub fn drift(&self) -> i64 {
        self.missing + self.different + self.extra + self.strangers
    }
}
