//! The database takes no changes: full on SQLite, only to be read on PostgreSQL. Nobody is told that something was stored,
//! everybody may look, and when it takes changes again nothing is missing.

use std::fmt::Write as _;

use jiff::SignedDuration;
use rollcall::devices::presence;
use sqlx::{Connection as _, Executor as _, PgConnection};
use terminal_simulator::{Profile, Terminal};

use crate::{
    databases::{Database, both_databases},
    world::World,
};

both_databases! { a_database_that_takes_no_changes_loses_nothing }

const SERIAL: &str = "CJX9253300417";
const PUNCHES: usize = 3_000;

async fn a_database_that_takes_no_changes_loses_nothing(database: Database) {
    let mut world = World::new(database).await;
    let school = world.school("Pacific/Auckland").await;
    world.student(school, "Hine", "11").await;
    let device = world.register(school, SERIAL).await;
    world.plug_in(Terminal::new(SERIAL, Profile::zam180(), 1));
    assert!(world.settle(SignedDuration::from_hours(1)).await);
    let admin = world.server.superadmin().await;
    let mut punches = String::new();
    for number in 0..PUNCHES {
        let (minute, second) = (number / 60, number % 60);
        writeln!(punches, "1\t2026-03-01 08:{minute:02}:{second:02}\t0\t1").unwrap();
    }
    let mut roster = "full_name,rfid_card_id\n".to_owned();
    for number in 0..400 {
        writeln!(roster, "Mākereti {number},{}", 5_000 + number).unwrap();
    }
    let import = async |world: &World| {
        let request = http::Request::post("/api/v1/students/import?school_id=1")
            .header("authorization", format!("Bearer {}", admin.token))
            .header("content-type", "text/csv");
        world.server.send(request.body(roster.clone().into()).unwrap()).await
    };

    take_changes(&world, false).await;
    // So that the use of a token would be written down.
    world.clock.advance(SignedDuration::from_mins(2));
    for _ in 0..2 {
        let refused = upload(&world, &punches).await;
        assert!(refused.starts_with("HTTP/1.1 503 ") && !refused.contains("OK"), "{refused}");
    }
    let polled = tells(&world, &format!("GET /iclock/getrequest?SN={SERIAL}"), "").await;
    assert!(polled.starts_with("HTTP/1.1 200 ") && polled.ends_with("OK"), "{polled}");
    let refused = import(&world).await;
    assert_eq!(refused.status, 503, "{}", refused.text);
    assert!(refused.text.contains("nothing was changed"), "{}", refused.text);
    world.server.get(&admin, "/api/v1/students").await.data(200);
    assert_eq!(world.number("SELECT COUNT(*) FROM punches").await, 0);
    let _ = presence::flush(&world.app.db, &world.app.registry, world.now()).await;

    take_changes(&world, true).await;
    let stored = upload(&world, &punches).await;
    assert!(stored.ends_with(&format!("OK: {PUNCHES}")), "{stored}");
    upload(&world, &punches).await;
    assert_eq!(world.number("SELECT COUNT(*) FROM punches").await, i64::try_from(PUNCHES).unwrap());
    assert_eq!(import(&world).await.data(200)["added"], 400);
    assert!(world.settle(SignedDuration::from_hours(2)).await);
    let summary = world.summary(device).await;
    assert_eq!((summary.total, summary.synced), (401, 401));
}

async fn upload(world: &World, punches: &str) -> String {
    tells(world, &format!("POST /iclock/cdata?SN={SERIAL}&table=ATTLOG&Stamp=9999"), punches).await
}

async fn tells(world: &World, request: &str, body: &str) -> String {
    let length = body.len();
    let request =
        format!("{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
    String::from_utf8(world.converse(request.as_bytes()).await).unwrap()
}

const READ_ONLY: &str = "DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$";
const AS_BEFORE: &str = "DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I RESET default_transaction_read_only', current_database()); END $$";
const HANG_UP: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()";

async fn take_changes(world: &World, does: bool) {
    if world.database.url.starts_with("sqlite") {
        let mut tx = world.app.db.write().await.unwrap();
        // Not below what it has.
        let most = if does { "PRAGMA max_page_count = 1073741823" } else { "PRAGMA max_page_count = 1" };
        tx.execute(most, []).await.unwrap();
        tx.commit().await.unwrap();
        return;
    }
    let mut connection = PgConnection::connect(&world.database.url).await.unwrap();
    for sql in ["SET default_transaction_read_only = off", if does { AS_BEFORE } else { READ_ONLY }, HANG_UP] {
        connection.execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    connection.close().await.unwrap();
}
