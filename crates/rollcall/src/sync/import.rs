//! A whole roster comes from a file: its rows in one transaction, then each terminal in its own, as the loop would do it.
//!
//! A dry run makes the same plan and asks the guard what it would hold; nothing is written.

use serde_json::json;

use super::{
    guard::{self, Held},
    reconcile,
    removals::{self, Decision},
    watch,
};
use crate::{
    accounts::audit::{self, Actor},
    clock::Clock,
    devices::DeviceId,
    school::{
        SchoolId, StudentId,
        import::{
            self, Mode, Plan, Report,
            oneroster::{self, Plans, Roster, SchoolReport},
            preview::Preview,
            progress::Progress,
            runs,
            table::Table,
        },
        schools, years,
    },
    store::{Db, Result, Tx},
};

/// What an import did, or would do, to the roster and to terminals.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct Import {
    #[serde(flatten)]
    pub report: Report,
    /// Nothing was written.
    pub dry_run: bool,
    /// What waits for a decision on terminals that the import changes; in a dry run what would.
    pub held: Vec<Held>,
    /// Terminals that have something to collect.
    #[serde(skip)]
    pub devices: Vec<DeviceId>,
}

/// What the file would do. `None` when there is no such school.
pub async fn rehearse(db: &Db, clock: &Clock, school: SchoolId, table: Table, mode: Mode) -> Result<Option<Import>> {
    Ok(preview(db, clock, school, table, mode).await?.map(|(import, _)| import))
}

/// What the file would do, student by student. `None` when there is no such school.
pub async fn preview(
    db: &Db,
    clock: &Clock,
    school: SchoolId,
    table: Table,
    mode: Mode,
) -> Result<Option<(Import, Preview)>> {
    let mut tx = db.read().await?;
    let Some(plan) = import::plan(&mut tx, school, table, mode).await? else { return Ok(None) };
    let (after, newcomers) = plan.belonging();
    let held = guard::foresee(&mut tx, school, &after, newcomers, clock.now()).await?;
    let import = Import { report: plan.report(), dry_run: true, held, devices: Vec::new() };
    Ok(Some((import, plan.preview())))
}

/// What came of a file that somebody had agreed to.
#[derive(Debug)]
pub enum Agreed {
    Done(Import),
    /// The roster is another than the one that he was shown: nothing was written.
    Otherwise,
}

/// Writes the file if it does what somebody agreed to (the fingerprint of its [`Preview`]), and keeps its run up to date. In a
/// new school year the guard lets go what it holds of that, and only that, in his name. `None` when there is no such school.
pub async fn run_agreed(
    db: &Db,
    clock: &Clock,
    actor: Actor<'_>,
    school: SchoolId,
    (table, mode): (Table, Mode),
    agreed: &Fingerprint<'_>,
) -> Result<Option<Agreed>> {
    let mut tx = db.write().await?;
    import::lock(&mut tx, school).await?;
    let Some(plan) = import::plan(&mut tx, school, table, mode).await? else { return Ok(None) };
    let is_new_year = years::open(&mut tx, school, clock.now()).await?.is_some();
    let is_as_shown = plan.fingerprint() == agreed.of && is_new_year == agreed.in_new_year;
    if !is_as_shown || !runs::is_open(&mut tx, agreed.run).await? {
        return Ok(Some(Agreed::Otherwise));
    }
    let touched = plan.touched();
    let mut done = write(db, clock, actor, tx, school, (plan, mode), Some(agreed)).await?;
    if is_new_year && !done.held.is_empty() {
        let_go(db, clock, actor, school, &done.held, &touched).await?;
        let mut tx = db.read().await?;
        done.held = guard::held(&mut tx, &done.devices).await?;
    }
    Ok(Some(Agreed::Done(done)))
}

/// What somebody was shown and said yes to.
#[derive(Clone, Copy, Debug)]
pub struct Fingerprint<'a> {
    /// The id of the run that does it.
    pub run: &'a str,
    /// Where it is counted how far that is.
    pub progress: &'a Progress,
    pub of: &'a str,
    /// He was told that the guard would let it go.
    pub in_new_year: bool,
}

/// Approves what is held of these students, and of nobody else.
async fn let_go(
    db: &Db,
    clock: &Clock,
    actor: Actor<'_>,
    school: SchoolId,
    held: &[Held],
    students: &[StudentId],
) -> Result<()> {
    for device in held.iter().map(|held| held.device_id) {
        let now = clock.now();
        let mut tx = db.write().await?;
        let found = removals::list(&mut tx, device).await?;
        let meant = found.students.iter().filter_map(|row| row.student_id).filter(|id| students.contains(id));
        let meant: Vec<StudentId> = meant.collect();
        if meant.is_empty() {
            continue;
        }
        removals::decide(&mut tx, device, Decision::Approve, Some(&meant), now).await?;
        let details = json!({"removals": meant.len(), "new_school_year": true});
        let (entity_id, school_id) = (device.to_string(), Some(school));
        let change = audit::Change { action: "approve", entity: "device", entity_id, school_id, details };
        audit::record(&mut tx, actor, change, now).await?;
        tx.commit().await?;
    }
    // What a decision could not queue at once.
    watch::look(db, clock, Some(school)).await?;
    Ok(())
}

/// Writes the file into the roster, and what follows of it onto terminals. `None` when there is no such school.
pub async fn run(
    db: &Db,
    clock: &Clock,
    actor: Actor<'_>,
    school: SchoolId,
    table: Table,
    mode: Mode,
) -> Result<Option<Import>> {
    let mut tx = db.write().await?;
    import::lock(&mut tx, school).await?;
    let Some(plan) = import::plan(&mut tx, school, table, mode).await? else { return Ok(None) };
    Ok(Some(write(db, clock, actor, tx, school, (plan, mode), None).await?))
}

async fn write(
    db: &Db,
    clock: &Clock,
    actor: Actor<'_>,
    mut tx: Tx,
    school: SchoolId,
    (plan, mode): (Plan, Mode),
    agreed: Option<&Fingerprint<'_>>,
) -> Result<Import> {
    let report = plan.report();
    let (run, unseen) = (agreed.map(|agreed| agreed.run), Progress::default());
    if !plan.is_empty() {
        let progress = agreed.map_or(&unseen, |agreed| agreed.progress);
        progress.expect(report.students());
        plan.write(&mut tx, progress, clock.now()).await?;
        audit::record(&mut tx, actor, change(school, &plan, mode), clock.now()).await?;
    }
    if let Some(run) = run {
        runs::written(&mut tx, run, &report, clock.now()).await?;
    }
    tx.commit().await?;
    // Whatever ends this server from here on, the roster is written, and the loop finds what it means.
    let devices = follow(db, clock, Some(school), run).await?;
    let mut tx = db.read().await?;
    let held = guard::held(&mut tx, &devices).await?;
    Ok(Import { report, dry_run: false, held, devices })
}

/// Queues what a roster means on terminals, one after the other, and says how far that is.
async fn follow(db: &Db, clock: &Clock, school: Option<SchoolId>, run: Option<&str>) -> Result<Vec<DeviceId>> {
    let mut tx = db.read().await?;
    let devices = reconcile::out_of_step(&mut tx, school).await?;
    drop(tx);
    for done in 0..=devices.len() {
        if let Some(run) = run {
            let mut tx = db.write().await?;
            runs::step(&mut tx, run, (done, devices.len()), clock.now()).await?;
            tx.commit().await?;
        }
        if let Some(device) = devices.get(done) {
            watch::settle(db, clock, *device).await?;
        }
    }
    Ok(devices)
}

/// What a set of OneRoster files did, or would do.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct OneRosterImport {
    #[serde(flatten)]
    pub import: Import,
    pub schools: Vec<SchoolReport>,
}

/// What the files would do.
pub async fn rehearse_oneroster(db: &Db, clock: &Clock, roster: Roster, mode: Mode) -> Result<OneRosterImport> {
    Ok(preview_oneroster(db, clock, roster, mode).await?.0)
}

/// What the files would do, student by student.
pub async fn preview_oneroster(
    db: &Db,
    clock: &Clock,
    roster: Roster,
    mode: Mode,
) -> Result<(OneRosterImport, Preview)> {
    let mut tx = db.read().await?;
    let plans = oneroster::plan(&mut tx, roster, mode).await?;
    let mut held = Vec::new();
    for (school, after, newcomers) in plans.belonging() {
        held.extend(guard::foresee(&mut tx, school, &after, newcomers, clock.now()).await?);
    }
    let import = Import { report: plans.report(), dry_run: true, held, devices: Vec::new() };
    Ok((OneRosterImport { import, schools: plans.schools() }, plans.preview()))
}

/// Writes the files into the rosters of all their schools at once, and what follows onto terminals.
pub async fn run_oneroster(
    db: &Db,
    clock: &Clock,
    actor: Actor<'_>,
    roster: Roster,
    mode: Mode,
) -> Result<OneRosterImport, schools::Error> {
    let mut tx = db.write().await?;
    oneroster::lock(&mut tx, &roster).await?;
    let plans = oneroster::plan(&mut tx, roster, mode).await?;
    write_oneroster(db, clock, actor, tx, (plans, mode), None).await
}

/// The same if the files do what somebody agreed to (the fingerprint of their [`Preview`]), else nothing.
pub async fn run_oneroster_agreed(
    db: &Db,
    clock: &Clock,
    actor: Actor<'_>,
    (roster, mode): (Roster, Mode),
    agreed: &Fingerprint<'_>,
) -> Result<Option<OneRosterImport>, schools::Error> {
    let mut tx = db.write().await?;
    oneroster::lock(&mut tx, &roster).await?;
    let plans = oneroster::plan(&mut tx, roster, mode).await?;
    if plans.fingerprint() != agreed.of || !runs::is_open(&mut tx, agreed.run).await? {
        return Ok(None);
    }
    Ok(Some(write_oneroster(db, clock, actor, tx, (plans, mode), Some(agreed)).await?))
}

async fn write_oneroster(
    db: &Db,
    clock: &Clock,
    actor: Actor<'_>,
    mut tx: Tx,
    (mut plans, mode): (Plans, Mode),
    agreed: Option<&Fingerprint<'_>>,
) -> Result<OneRosterImport, schools::Error> {
    let report = plans.report();
    let (run, unseen) = (agreed.map(|agreed| agreed.run), Progress::default());
    if !plans.is_empty() {
        let progress = agreed.map_or(&unseen, |agreed| agreed.progress);
        progress.expect(report.students());
        plans.write(&mut tx, progress, clock.now()).await?;
        for school in plans.schools() {
            let change = change_of_school(&school, mode);
            audit::record(&mut tx, actor, change, clock.now()).await?;
        }
    }
    if let Some(run) = run {
        runs::written(&mut tx, run, &report, clock.now()).await?;
    }
    tx.commit().await?;
    let schools = plans.schools();
    let devices = follow(db, clock, None, run).await?;
    let mut tx = db.read().await?;
    let held = guard::held(&mut tx, &devices).await?;
    Ok(OneRosterImport { import: Import { report, dry_run: false, held, devices }, schools })
}

fn change_of_school(school: &SchoolReport, mode: Mode) -> audit::Change {
    let SchoolReport { school_id, added, changed, unchanged, deactivated, left, .. } = school;
    let details = json!({"format": "oneroster", "added": added, "changed": changed, "unchanged": unchanged,
        "deactivated": deactivated, "left": left, "replace": mode == Mode::Replace});
    let entity_id = school_id.map(|id| id.to_string()).unwrap_or_default();
    audit::Change { action: "import", entity: "school", entity_id, school_id: *school_id, details }
}

/// Numbers only: people's data is erased one day, and must not live on in the audit log.
fn change(school: SchoolId, plan: &Plan, mode: Mode) -> audit::Change {
    let Report { added, changed, unchanged, deactivated, rejected, .. } = plan.report();
    let details = json!({"added": added, "changed": changed, "unchanged": unchanged, "deactivated": deactivated,
        "rejected": rejected.len(), "replace": mode == Mode::Replace});
    let (entity_id, school_id) = (school.to_string(), Some(school));
    audit::Change { action: "import", entity: "school", entity_id, school_id, details }
}
