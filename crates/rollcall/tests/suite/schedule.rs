//! What runs at set times: once, by one server of several, by a clock that the test turns.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use rollcall::{
    app::App,
    clock::Clock,
    config::Settings,
    loops,
    store::{
        Db, Instant,
        schedule::{self, Cron},
    },
};

use crate::databases::{Database, both_databases};

both_databases! {
    of_several_servers_one_runs_it,
    runs_that_were_missed_are_made_up_for_once,
    a_closer_pattern_counts_at_once,
    the_zones_clocks_count_across_summer_time,
}

const NAME: &str = "verification";

/// A server of several on one database.
async fn server(database: &Database, clock: &Clock, cron: &str, zone: &str) -> App {
    let settings = Settings {
        database_url: database.url.clone(),
        verify_cron: cron.parse().unwrap(),
        timezone: TimeZone::get(zone).unwrap(),
        ..Settings::default()
    };
    App::start(Db::open(&database.url).await.unwrap(), settings, clock.clone()).await.unwrap()
}

async fn a_terminal(database: &Database) {
    let mut tx = database.db.write().await.unwrap();
    tx.execute("INSERT INTO schools (name) VALUES ('Škola Bílá')", []).await.unwrap();
    let device = "INSERT INTO devices (school_id, serial_number, device_name, start_state)
        VALUES (1, 'CJX9253300417', 'Vrátnice', 'writing')";
    tx.execute(device, []).await.unwrap();
    tx.commit().await.unwrap();
}

/// Why and since when a reading of the terminal is wanted; nothing is wanted afterwards.
async fn taken_wish(database: &Database) -> Option<(String, Timestamp)> {
    let mut tx = database.db.write().await.unwrap();
    let wish: Option<(String, Instant)> =
        tx.optional("SELECT verify_cause, verify_at FROM devices WHERE verify_at IS NOT NULL", []).await.unwrap();
    tx.execute("UPDATE devices SET verify_at = NULL, verify_cause = NULL", []).await.unwrap();
    tx.commit().await.unwrap();
    wish.map(|(cause, at)| (cause, at.0))
}

async fn planned(database: &Database) -> String {
    let mut tx = database.db.read().await.unwrap();
    let (at,): (Instant,) = tx.one("SELECT next_run_at FROM schedules", []).await.unwrap();
    at.0.to_string()
}

fn clock(at: &str) -> Clock {
    Clock::manual(at.parse().unwrap())
}

async fn of_several_servers_one_runs_it(database: Database) {
    a_terminal(&database).await;
    let clock = clock("2026-03-02T05:10:00Z");
    let one = server(&database, &clock, "0 */2 * * *", "UTC").await;
    let other = server(&database, &clock, "0 */2 * * *", "UTC").await;
    loops::verify_on_schedule(&one).await.unwrap();
    loops::verify_on_schedule(&other).await.unwrap();
    assert_eq!((planned(&database).await.as_str(), taken_wish(&database).await), ("2026-03-02T06:00:00Z", None));

    clock.advance(SignedDuration::from_mins(50));
    loops::verify_on_schedule(&other).await.unwrap();
    assert_eq!(taken_wish(&database).await, Some(("schedule".to_owned(), clock.now())));
    loops::verify_on_schedule(&one).await.unwrap();
    assert_eq!(taken_wish(&database).await, None, "the other server has run it");

    // At the same moment, whoever is first.
    for _ in 0..5 {
        clock.advance(SignedDuration::from_hours(2));
        let next = Cron::default().next_after(clock.now(), &TimeZone::UTC).unwrap();
        let take = async |app: &App| {
            let mut tx = app.db.write().await.unwrap();
            let is_ours = schedule::take(&mut tx, NAME, next, clock.now()).await.unwrap();
            tx.commit().await.unwrap();
            is_ours
        };
        let (one, other) = tokio::join!(take(&one), take(&other));
        assert!(one != other, "one of two: {one}, {other}");
    }
}

async fn runs_that_were_missed_are_made_up_for_once(database: Database) {
    a_terminal(&database).await;
    let clock = clock("2026-03-02T05:10:00Z");
    let server = server(&database, &clock, "0 */2 * * *", "UTC").await;
    loops::verify_on_schedule(&server).await.unwrap();
    clock.advance(SignedDuration::from_hours(72) + SignedDuration::from_mins(7));
    loops::verify_on_schedule(&server).await.unwrap();
    assert!(taken_wish(&database).await.is_some(), "as soon as a server is up again");
    assert_eq!(planned(&database).await, "2026-03-05T06:00:00Z");
    loops::verify_on_schedule(&server).await.unwrap();
    assert_eq!(taken_wish(&database).await, None, "35 runs were missed and one is made");
}

async fn a_closer_pattern_counts_at_once(database: Database) {
    let clock = clock("2026-03-02T05:10:00Z");
    loops::verify_on_schedule(&server(&database, &clock, "0 4 * * SUN", "UTC").await).await.unwrap();
    assert_eq!(planned(&database).await, "2026-03-08T04:00:00Z");
    loops::verify_on_schedule(&server(&database, &clock, "*/20 * * * * *", "UTC").await).await.unwrap();
    assert_eq!(planned(&database).await, "2026-03-02T05:10:20Z");
}

async fn the_zones_clocks_count_across_summer_time(database: Database) {
    a_terminal(&database).await;
    let clock = clock("2026-03-27T12:00:00Z");
    let server = server(&database, &clock, "0 4 * * *", "Europe/Berlin").await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        loops::verify_on_schedule(&server).await.unwrap();
        seen.push(planned(&database).await);
        clock.advance(SignedDuration::from_hours(24));
    }
    assert_eq!(seen, ["2026-03-28T03:00:00Z", "2026-03-29T02:00:00Z", "2026-03-30T02:00:00Z"], "four in the morning");
}
