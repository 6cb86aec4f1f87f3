//! How many people a terminal holds and how many fit, as it says itself: whoever does not fit fails with words instead of
//! being sent, and gets in by himself when somebody leaves.
//!
//! What a terminal says of its limits may be misread (their units differ by model). So it is believed only until it holds
//! more, a student whom a person retries is sent in any case, and the terminal's own "full" counts whatever it announced.

use jiff::Timestamp;
use push_protocol::limits::Limits;
use serde_json::json;

use super::{
    queue,
    reconcile::{self, Scope},
};
use crate::{
    devices::DeviceId,
    store::{Result, Tx},
    webhooks::{Kind, outbox},
};

/// Room for newcomers on a terminal that said how many people fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seats {
    pub capacity: i64,
    pub free: i64,
}

/// Of so many of a hundred seats taken on, people are warned.
const NEARLY_FULL: i64 = 90;

#[derive(Clone, Copy, Debug, sqlx::FromRow)]
struct People {
    id: DeviceId,
    capacity: Option<i64>,
    is_full: bool,
    user_count: Option<i64>,
    /// Students of ours who are there.
    held: i64,
    /// People beside ours, as counted.
    others: i64,
    /// People beside ours, as read.
    strangers: i64,
}

const PEOPLE: &str = "
    WITH v(id) AS (VALUES {rows})
    SELECT d.id, d.user_capacity AS capacity, d.is_full, d.user_count, COALESCE(y.others, 0) AS others,
      (SELECT COUNT(*) FROM device_user_sync_status l WHERE l.device_id = d.id AND l.is_held) AS held,
      (SELECT COUNT(DISTINCT r.device_pin) FROM device_drift r
        WHERE r.device_id = d.id AND r.kind = 'stranger' AND r.ended_at IS NULL) AS strangers
    FROM v JOIN devices d ON d.id = v.id LEFT JOIN device_delivery y ON y.device_id = d.id
    WHERE d.user_capacity IS NOT NULL OR d.is_full";

async fn people(tx: &mut Tx, devices: impl Iterator<Item = DeviceId>) -> Result<Vec<People>> {
    tx.all_rows(PEOPLE, &[], devices.map(|device| vec![device.into()]).collect()).await
}

async fn people_on(tx: &mut Tx, device: DeviceId) -> Result<Option<People>> {
    Ok(people(tx, std::iter::once(device)).await?.pop())
}

impl People {
    fn there(&self) -> i64 {
        self.held + self.others.max(self.strangers)
    }

    /// `None` when it said nothing, or when it holds more than it said.
    fn believed(&self) -> Option<i64> {
        self.capacity.filter(|capacity| self.user_count.unwrap_or(0).max(self.there()) <= *capacity)
    }

    fn nearly_full(&self) -> Option<i64> {
        self.believed().filter(|capacity| self.there() * 100 >= capacity * NEARLY_FULL)
    }

    fn warning(&self) -> Option<String> {
        let there = self.there();
        match self.nearly_full() {
            Some(capacity) if there < capacity => {
                Some(format!("nearly full: it holds {there} of the {capacity} people who fit"))
            }
            Some(capacity) => Some(format!("full: {capacity} people fit")),
            None if self.is_full => Some("full: it refused to take more people".to_owned()),
            None => None,
        }
    }
}

const OUT: &str = "
    SELECT COUNT(*) FROM device_commands c
    WHERE c.device_id = $1 AND c.status IN ('pending', 'sent') AND c.command_type = 'add_user'";
const COMING: &str = "
    SELECT COUNT(*) FROM device_commands c
    JOIN device_user_sync_status l ON l.device_id = c.device_id AND l.student_id = c.student_id AND NOT l.is_held
    WHERE c.device_id = $1 AND c.status IN ('pending', 'sent') AND c.command_type = 'add_user'";

/// The room on a terminal for people whom it does not hold and who are not on their way; where it suffices for so many as
/// told, there may be a little more. `None`: nobody knows.
pub(super) async fn seats(tx: &mut Tx, device: DeviceId, needed: i64) -> Result<Option<Seats>> {
    let Some(people) = people_on(tx, device).await? else { return Ok(None) };
    let Some(capacity) = people.believed() else { return Ok(None) };
    let (out,): (i64,) = tx.one(OUT, [device.into()]).await?;
    let free = capacity - people.there() - out;
    if free >= needed {
        return Ok(Some(Seats { capacity, free }));
    }
    // Some of them may be there already.
    let (coming,): (i64,) = tx.one(COMING, [device.into()]).await?;
    Ok(Some(Seats { capacity, free: capacity - people.there() - coming }))
}

/// What people should know of these terminals before it is too late, for a person.
pub async fn warnings(tx: &mut Tx, devices: impl Iterator<Item = DeviceId>) -> Result<Vec<(DeviceId, String)>> {
    let people = people(tx, devices).await?;
    Ok(people.into_iter().filter_map(|people| Some((people.id, people.warning()?))).collect())
}

const SAID: &str = "SELECT user_capacity, pin_width FROM devices WHERE id = $1";
const SAY: &str = "UPDATE devices SET user_capacity = $2, pin_width = $3, updated_at = $4 WHERE id = $1";
/// A terminal tells its limits; what it does not tell stays as it was. Whoever was queued and does not fit is not sent.
/// Whether that was news.
pub async fn told(tx: &mut Tx, device: DeviceId, limits: Limits, now: Timestamp) -> Result<bool> {
    let known: (Option<i64>, Option<i64>) = tx.one(SAID, [device.into()]).await?;
    let said = (limits.people.map(i64::from).or(known.0), limits.pin_digits.map(i64::from).or(known.1));
    if said == known {
        return Ok(false);
    }
    reconcile::lock(tx, Scope::Device(device)).await?;
    tx.execute(SAY, [device.into(), said.0.into(), said.1.into(), now.into()]).await?;
    withdraw(tx, device, now).await?;
    reconcile::reconcile(tx, Scope::Device(device), now).await?;
    look(tx, device, now).await?;
    Ok(true)
}

const ENSURE: &str = "INSERT INTO device_delivery (device_id) VALUES ($1) ON CONFLICT (device_id) DO NOTHING";
/// Of those whose command left nobody knows whether they are counted: they are taken to be.
const OURS: &str = "
    SELECT (SELECT COUNT(*) FROM device_user_sync_status l WHERE l.device_id = $1 AND l.is_held)
      + (SELECT COUNT(*) FROM device_commands c WHERE c.device_id = $1 AND c.status = 'sent'
        AND c.command_type = 'add_user')";
const OTHERS: &str = "UPDATE device_delivery SET others = $2 WHERE device_id = $1 AND others <> $2";

/// A terminal tells how many people it holds. The caller holds its lock.
pub(super) async fn counted(tx: &mut Tx, device: DeviceId, count: u32, now: Timestamp) -> Result<()> {
    tx.execute(ENSURE, [device.into()]).await?;
    let (ours,): (i64,) = tx.one(OURS, [device.into()]).await?;
    let others = (i64::from(count) - ours).max(0);
    if tx.execute(OTHERS, [device.into(), others.into()]).await? > 0 {
        look(tx, device, now).await?;
        withdraw(tx, device, now).await?;
        queue::open_rows(tx, Scope::Device(device), now).await?;
    }
    Ok(())
}

/// Those who were queued last, as many as do not fit.
const WITHDRAW: &str = "
    UPDATE device_commands SET status = 'superseded', completed_at = $2 WHERE id IN (
      SELECT c.id FROM device_commands c WHERE c.device_id = $1 AND c.status = 'pending' AND c.attempts = 0
        AND c.command_type = 'add_user' ORDER BY c.priority, c.id DESC LIMIT $3)";

async fn withdraw(tx: &mut Tx, device: DeviceId, now: Timestamp) -> Result<()> {
    if let Some(seats) = seats(tx, device, 0).await?.filter(|seats| seats.free < 0) {
        tx.execute(WITHDRAW, [device.into(), now.into(), (-seats.free).into()]).await?;
    }
    Ok(())
}

const LEFT_OUT: &str = "
    SELECT COUNT(*) FROM device_user_sync_status WHERE device_id = $1 AND obstacle = 'terminal_full'
      AND failed_version = wanted_version";
const LET_IN: &str = "
    UPDATE device_user_sync_status SET failed_version = 0, obstacle = NULL, error_message = NULL
    WHERE device_id = $1 AND student_id IN (
      SELECT l.student_id FROM device_user_sync_status l WHERE l.device_id = $1 AND l.obstacle = 'terminal_full'
        AND l.failed_version = l.wanted_version ORDER BY l.priority DESC, l.student_id LIMIT $2)";

/// As many of those who did not fit as fit now are looked at again.
pub(super) async fn let_in(tx: &mut Tx, device: DeviceId) -> Result<()> {
    let (left_out,): (i64,) = tx.one(LEFT_OUT, [device.into()]).await?;
    if left_out > 0 {
        let free = seats(tx, device, left_out).await?.map_or(left_out, |seats| seats.free.max(0));
        tx.execute(LET_IN, [device.into(), free.into()]).await?;
    }
    Ok(())
}

const NOTE: &str = "UPDATE device_delivery SET is_nearly_full = $2 WHERE device_id = $1 AND is_nearly_full <> $2";

/// Says in the log and to webhooks, once, that a terminal has become nearly full.
pub(super) async fn look(tx: &mut Tx, device: DeviceId, now: Timestamp) -> Result<()> {
    let Some(people) = people_on(tx, device).await? else { return Ok(()) };
    let nearly_full = people.nearly_full();
    let is_news = tx.execute(NOTE, [device.into(), nearly_full.is_some().into()]).await? > 0;
    if let Some(capacity) = nearly_full.filter(|_| is_news) {
        tracing::warn!(device_id = %device, people = people.there(), capacity, "a terminal is nearly full");
        let details = json!({"people": people.there(), "capacity": capacity});
        outbox::terminal(tx, Kind::TerminalNearlyFull, device, details, now).await?;
    }
    Ok(())
}
