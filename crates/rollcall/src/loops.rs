//! What runs beside the doors: each loop is a period and a tick. Ticks are ordinary functions that tests call; a tick that
//! fails is tried again at its next time.

use std::{fmt::Display, pin::Pin, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    accounts::audit::{self, Actor},
    app::App,
    attendance::{attribute, retention},
    devices::{presence, unknown},
    school::{import::drafts, students},
    store::{
        self, Tx,
        schedule::{self, Cron},
        statistics, wake,
    },
    sync::{
        self, delivery,
        erase::{self, Punches},
        reading::{self, Cause},
        unserved,
        watch::Watch,
    },
    webhooks::{self, limits, messages, outbox, silence},
};

/// Between two looks of the roster's watch, unless somebody wakes it.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Rows of one transaction, so that nobody waits for it.
const ROWS_AT_ONCE: u32 = 1_000;

/// Starts all loops; they end when `stop` is cancelled.
pub fn start(app: &App, tasks: &TaskTracker, stop: &CancellationToken) {
    let every = |seconds: u64, what: &'static str, tick: fn(App) -> Tick| {
        tasks.spawn(repeat(app.clone(), Duration::from_secs(seconds), what, tick, stop.clone()));
    };
    every(1, "begin the verification that is due", |app| Box::pin(async move { verify_on_schedule(&app).await }));
    every(2, "bring the log into the file", |app| {
        Box::pin(async move {
            app.db.tidy_up().await;
            Ok(())
        })
    });
    every(3, "store when terminals were last seen", |app| {
        Box::pin(async move { presence::flush(&app.db, &app.registry, app.clock.now()).await })
    });
    every(5, "read which devices changed", |app| Box::pin(async move { refresh(&app).await }));
    every(5, "find commands that are due", |app| Box::pin(async move { raise_due(&app).await }));
    every(5, "make rows of other programs searchable", |app| Box::pin(async move { derive(&app).await }));
    every(5, "sum up what was measured", |app| {
        Box::pin(async move {
            app.db.meters().sum_up();
            Ok(())
        })
    });
    every(5, "count again what grew", |app| Box::pin(async move { statistics::refresh(&app.db).await }));
    every(10, "show silent terminals offline", |app| Box::pin(async move { fall_offline(&app).await }));
    every(10, "end what waits for terminals that are not served", |app| {
        Box::pin(async move { unserved::tick(&app.db, app.clock.now()).await })
    });
    every(1, "send webhooks", |app| Box::pin(async move { app.courier.tick(app.clock.now()).await.map(drop) }));
    every(5, "ask whether anybody wants to be told of punches", |app| {
        Box::pin(async move { learn_who_listens(&app).await })
    });
    every(10, "note terminals that fell silent or came back", |app| Box::pin(async move { note_silences(&app).await }));
    every(10, "bound what waits for webhooks", |app| {
        Box::pin(async move { limits::tick(&app.db, limits::MOST_WAITING, app.clock.now()).await })
    });
    every(60, "forget history", |app| Box::pin(async move { forget_on_schedule(&app).await }));
    every(60, "forget files that nobody imported", |app| {
        Box::pin(async move { drafts::expire(&app.db, app.clock.now()).await })
    });
    every(60, "find the owners of punches", |app| {
        Box::pin(async move { attribute::tick(&app.db, &app.settings.timezone, app.clock.now()).await })
    });

    let (listening, db, wake) = (stop.clone(), app.db.clone(), app.wake.clone());
    tasks.spawn(async move { listening.run_until_cancelled(wake::listen(&db, &wake)).await });
    let (waiting, app) = (stop.clone(), app.clone());
    tasks.spawn(async move { waiting.run_until_cancelled(keep_watch(&app)).await });
}

type Tick = Pin<Box<dyn Future<Output = store::Result<()>> + Send>>;

/// The registry follows the table.
pub async fn refresh(app: &App) -> store::Result<()> {
    let mut tx = app.db.read().await?;
    app.registry.refresh(&mut tx, app.clock.now()).await
}

/// One statement per server and tick: whatever flag was not raised when a command was queued is raised here.
pub async fn raise_due(app: &App) -> store::Result<()> {
    let mut tx = app.db.read().await?;
    app.registry.raise(&delivery::due(&mut tx, app.clock.now()).await?);
    Ok(())
}

/// The writers of punches spend no statement on webhooks while nobody wants to be told. Whoever is new at another server
/// waits until here.
pub async fn learn_who_listens(app: &App) -> store::Result<()> {
    let mut tx = app.db.read().await?;
    app.recorder.tell(outbox::wanted_anywhere(&mut tx, webhooks::Kind::PunchStored).await?);
    Ok(())
}

/// Terminals that do not call any more, and those that do again. Who was heard here is written down first.
pub async fn note_silences(app: &App) -> store::Result<()> {
    presence::flush(&app.db, &app.registry, app.clock.now()).await?;
    silence::tick(&app.db, &app.settings.timezone, app.clock.steady_for(), app.clock.now()).await
}

/// The row of `schedules` for the reading of every terminal.
const VERIFICATION: &str = "verification";

/// Every terminal is read back when its time has come. Of several servers one says so.
pub async fn verify_on_schedule(app: &App) -> store::Result<()> {
    let now = app.clock.now();
    let Some(next) = app.settings.verify_cron.next_after(now, &app.settings.timezone) else { return Ok(()) };
    let mut tx = app.db.read().await?;
    let is_due = schedule::is_due(&mut tx, VERIFICATION, next, now).await?;
    drop(tx);
    if !is_due {
        return Ok(());
    }
    let mut tx = app.db.write().await?;
    let devices = if schedule::take(&mut tx, VERIFICATION, next, now).await? {
        tx.notify(wake::COMMANDS).await?;
        reading::want_everywhere(&mut tx, Cause::Schedule, now).await?
    } else {
        Vec::new()
    };
    tx.commit().await?;
    app.registry.raise(&devices);
    Ok(())
}

/// The row of `schedules` for forgetting.
const RETENTION: &str = "retention";
/// Transactions of one night and kind of history. What is left is forgotten in the next one.
const ROUNDS: u32 = 500;

/// Once a night history is forgotten that is older than the settings say. Of several servers one does it.
pub async fn forget_on_schedule(app: &App) -> store::Result<()> {
    let now = app.clock.now();
    let zone = &app.settings.timezone;
    let Some(next) = AT_NIGHT.parse().ok().and_then(|cron: Cron| cron.next_after(now, zone)) else { return Ok(()) };
    let mut tx = app.db.read().await?;
    let is_due = schedule::is_due(&mut tx, RETENTION, next, now).await?;
    drop(tx);
    if !is_due {
        return Ok(());
    }
    let mut tx = app.db.write().await?;
    let is_ours = schedule::take(&mut tx, RETENTION, next, now).await?;
    tx.commit().await?;
    if is_ours { forget(app, now).await } else { Ok(()) }
}

const AT_NIGHT: &str = "17 3 * * *";

type Forget =
    for<'a> fn(&'a mut Tx, Timestamp, Timestamp) -> Pin<Box<dyn Future<Output = store::Result<u64>> + Send + 'a>>;

/// Forgets what is older than the settings say, in transactions that nobody has to wait for.
pub async fn forget(app: &App, now: Timestamp) -> store::Result<()> {
    let keep = app.settings.keep;
    let kinds: [(&str, Option<u32>, Forget); 7] = [
        ("punches", keep.punches, |tx, before, _| Box::pin(retention::forget(tx, before, ROWS_AT_ONCE))),
        ("commands", keep.commands, |tx, before, _| {
            Box::pin(sync::retention::forget_commands(tx, before, ROWS_AT_ONCE))
        }),
        ("readings", keep.readings, |tx, before, _| {
            Box::pin(sync::retention::forget_readings(tx, before, ROWS_AT_ONCE))
        }),
        ("unknown terminals", Some(1), |tx, before, _| Box::pin(unknown::forget(tx, before, ROWS_AT_ONCE))),
        ("changes", keep.audit, |tx, before, _| Box::pin(audit::forget(tx, before, ROWS_AT_ONCE))),
        ("webhooks", Some(messages::KEPT_DAYS), |tx, before, _| Box::pin(messages::forget(tx, before, ROWS_AT_ONCE))),
        ("deleted students", keep.deleted_students, |tx, before, now| Box::pin(erase_one(tx, before, now))),
    ];
    for (what, days, forget) in kinds {
        let Some(before) = days.and_then(|days| now.checked_sub(SignedDuration::from_hours(24 * i64::from(days))).ok())
        else {
            continue;
        };
        let mut rows = 0;
        for _ in 0..ROUNDS {
            let mut tx = app.db.write().await?;
            let forgotten = forget(&mut tx, before, now).await?;
            tx.commit().await?;
            rows += forgotten;
            if forgotten == 0 {
                break;
            }
        }
        if rows > 0 {
            tracing::info!(what, rows, "history was forgotten");
        }
    }
    Ok(())
}

/// Erases who has been deleted for longest, if that was before then. His punches stay his.
async fn erase_one(tx: &mut Tx, before: Timestamp, now: Timestamp) -> store::Result<u64> {
    let Some((student, school)) = erase::deleted_first(tx, before).await? else { return Ok(0) };
    erase::erase(tx, student, Punches::His, now).await?;
    let change = audit::Change {
        action: "erase",
        entity: "student",
        entity_id: student.to_string(),
        school_id: Some(school),
        details: json!({"punches": "kept"}),
    };
    audit::record(tx, Actor::RETENTION, change, now).await?;
    Ok(1)
}

/// Columns that only Rust can compute, for rows that SQL wrote.
async fn derive(app: &App) -> store::Result<()> {
    let mut tx = app.db.write().await?;
    // What it writes, nothing is reconciled from.
    tx.sees_to_the_roster().await?;
    students::derive_columns(&mut tx, ROWS_AT_ONCE).await?;
    tx.commit().await
}

async fn fall_offline(app: &App) -> store::Result<()> {
    presence::fall_offline(&app.db, app.settings.poll_delay, app.clock.now()).await.map(drop)
}

/// Looks once a second, and at once when somebody said that there is something to do.
async fn keep_watch(app: &App) {
    let mut watch = Watch::new(app.db.clone(), app.clock.clone(), app.settings.command_deadline);
    loop {
        let _ = timeout(LOOK_EVERY, app.wake.changed()).await;
        let changes = app.wake.take();
        if changes.devices {
            // Before the flags of devices that are new to this server are raised.
            log(refresh(app).await, "read which devices changed");
        }
        let looked = watch.tick(changes).await;
        log(looked.map(|devices| app.registry.raise(&devices)), "look for what is out of step");
    }
}

async fn repeat(app: App, period: Duration, what: &'static str, tick: fn(App) -> Tick, stop: CancellationToken) {
    let mut times = interval(period);
    times.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(times.tick()).await.is_some() {
        log(tick(app.clone()).await, what);
    }
}

fn log(outcome: store::Result<()>, what: impl Display) {
    if let Err(error) = outcome {
        tracing::error!(error = &error as &dyn std::error::Error, "could not {what}");
    }
}
