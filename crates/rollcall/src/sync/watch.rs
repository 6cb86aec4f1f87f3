//! Finds what nobody told us: rows that another program wrote, notifications that were lost, a wall clock that was stepped.
//!
//! A tick looks as wide as somebody said, and everywhere when nobody can have said it. It is the only loop of this room;
//! handlers reconcile what they touched in their own transaction.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{
    delivery,
    reconcile::{Scope, few_out_of_step, out_of_step, reconcile},
    stepped,
};
use crate::{
    clock::{Clock, STEP},
    devices::DeviceId,
    school::SchoolId,
    store::{Db, Result, wake::Changes},
};

/// A row that SQL wrote is available to a terminal's next poll within 5 s of its commit: this long for the look
/// everywhere, the rest for doing it.
const LOOK_EVERYWHERE_EVERY: SignedDuration = SignedDuration::from_millis(3_500);
/// Looking everywhere takes at most this part of the time, however large the fleet.
const SHARE_OF_TIME: i32 = 20;

/// What the loop remembers between ticks.
#[derive(Debug)]
pub struct Watch {
    db: Db,
    clock: Clock,
    first_deadline: SignedDuration,
    foreign_commits: Option<i64>,
    looked_everywhere: Option<SignedDuration>,
    last_look_took: SignedDuration,
    wall: Timestamp,
    monotonic: SignedDuration,
}

impl Watch {
    pub fn new(db: Db, clock: Clock, first_deadline: SignedDuration) -> Watch {
        Watch {
            wall: clock.now(),
            monotonic: clock.monotonic(),
            db,
            clock,
            first_deadline,
            foreign_commits: None,
            looked_everywhere: None,
            last_look_took: SignedDuration::ZERO,
        }
    }

    /// One look. Answers the devices whose flags are to be raised. After one that failed the next looks everywhere.
    pub async fn tick(&mut self, changes: Changes) -> Result<Vec<DeviceId>> {
        let looked = self.look_at(changes).await;
        if looked.is_err() {
            (self.foreign_commits, self.looked_everywhere) = (None, None);
        }
        looked
    }

    async fn look_at(&mut self, mut changes: Changes) -> Result<Vec<DeviceId>> {
        self.outlive_a_step().await?;
        changes.everything |= self.must_look_everywhere().await?;
        let mut devices = Vec::new();
        if changes.everything {
            if let Some(now) = self.db.clock().await? {
                self.clock.follow(now);
            }
            let began = self.clock.monotonic();
            devices.extend(look(&self.db, &self.clock, None).await?);
            self.looked_everywhere = Some(self.clock.monotonic());
            self.last_look_took = self.clock.monotonic() - began;
        } else {
            for school in changes.schools {
                devices.extend(look(&self.db, &self.clock, Some(SchoolId(school))).await?);
            }
        }
        if changes.commands {
            let mut tx = self.db.read().await?;
            devices.extend(delivery::due(&mut tx, self.clock.now()).await?);
        }
        Ok(devices)
    }

    /// On SQLite another process's commit tells that there is something to find. On PostgreSQL rows that were written while
    /// a notification got lost are found by looking now and then.
    async fn must_look_everywhere(&mut self) -> Result<bool> {
        if let Some(commits) = self.db.foreign_commits().await? {
            return Ok(self.foreign_commits.replace(commits) != Some(commits));
        }
        let pause = LOOK_EVERYWHERE_EVERY.max(self.last_look_took * SHARE_OF_TIME);
        Ok(self.looked_everywhere.is_none_or(|last| self.clock.monotonic() - last >= pause))
    }

    async fn outlive_a_step(&mut self) -> Result<()> {
        let (wall, monotonic) = (self.clock.now(), self.clock.monotonic());
        let parted = wall.duration_since(self.wall) - (monotonic - self.monotonic);
        if parted.abs() > STEP {
            tracing::warn!(seconds = parted.as_secs(), "the wall clock was stepped: deadlines begin again");
            // Where the database has a clock, that one counts, and only this machine's may have been stepped.
            if let Some(now) = self.db.clock().await? {
                self.clock.follow(now);
            }
            let mut tx = self.db.write().await?;
            stepped::reanchor(&mut tx, self.first_deadline, self.clock.now()).await?;
            tx.commit().await?;
            (self.wall, self.monotonic) = (self.clock.now(), self.clock.monotonic());
        } else {
            (self.wall, self.monotonic) = (wall, monotonic);
        }
        Ok(())
    }
}

/// Reconciles the devices of a school, or of all, that are out of step, each in transactions of its own. Where that is
/// because of a few students, these come first: what one of them takes does not grow with the others.
pub(super) async fn look(db: &Db, clock: &Clock, school: Option<SchoolId>) -> Result<Vec<DeviceId>> {
    let mut found = out_of_step_now(db, school).await?;
    let mut devices = BTreeSet::from_iter(found.clone());
    if !found.is_empty() {
        let students = few_out_of_step(&mut db.read().await?, school).await?;
        for student in &students {
            let mut tx = db.write().await?;
            let done = reconcile(&mut tx, Scope::Student(*student), clock.now()).await?;
            tx.commit().await?;
            devices.extend(done.devices);
        }
        if !students.is_empty() {
            found = out_of_step_now(db, school).await?;
        }
    }
    for device in found {
        settle(db, clock, device).await?;
        devices.insert(device);
    }
    Ok(devices.into_iter().collect())
}

async fn out_of_step_now(db: &Db, school: Option<SchoolId>) -> Result<Vec<DeviceId>> {
    out_of_step(&mut db.read().await?, school).await
}

/// Reconciles one device, in as many transactions as it takes.
pub(super) async fn settle(db: &Db, clock: &Clock, device: DeviceId) -> Result<()> {
    loop {
        let mut tx = db.write().await?;
        let done = reconcile(&mut tx, Scope::Device(device), clock.now()).await?;
        tx.commit().await?;
        if !done.is_partial {
            return Ok(());
        }
    }
}
