//! Too much of everything: a backlog of half a megabyte, and more serial numbers than anybody can remember.

use std::{fmt::Write as _, net::IpAddr};

use jiff::SignedDuration;
use push_protocol::text::SerialNumber;
use rollcall::{
    app::App,
    devices::{
        presence,
        registry::Told,
        unknown::{PER_ADDRESS, REMEMBERED},
    },
    loops,
    store::Db,
};

use crate::{
    databases::{Database, both_databases},
    world::World,
};

both_databases! {
    a_backlog_of_half_a_megabyte_is_stored_at_once_and_once,
    more_serial_numbers_than_can_be_remembered,
}

async fn a_backlog_of_half_a_megabyte_is_stored_at_once_and_once(database: Database) {
    let world = World::new(database).await;
    let school = world.school("America/Bogota").await;
    world.register(school, "CJX9253300417").await;
    let (mut lines, mut count) = (String::new(), 0);
    while lines.len() < 500_000 {
        let (day, second) = (1 + count / 2_000, count % 2_000);
        let (minute, pin) = (second / 60, 1 + count % 700);
        writeln!(lines, "{pin}\t2026-02-{day:02} 07:{minute:02}:{:02}\t0\t1\t0\t0\t0", second % 60).unwrap();
        count += 1;
    }
    let request = format!(
        "POST /iclock/cdata?SN=CJX9253300417&table=ATTLOG&Stamp=9999 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{lines}",
        lines.len()
    );
    for _ in 0..2 {
        let reply = String::from_utf8(world.converse(request.as_bytes()).await).unwrap();
        assert!(reply.ends_with(&format!("OK: {count}")), "{reply}");
    }
    assert_eq!(world.number("SELECT COUNT(*) FROM punches").await, count);
    assert_eq!(world.app.recorder.waiting(), (0, 0), "nothing is kept in memory");
}

/// Each server remembers so many; what a server that is gone remembered is forgotten at night.
async fn more_serial_numbers_than_can_be_remembered(database: Database) {
    let world = World::new(database).await;
    assert_eq!(call_many(&world.app, "A").await, REMEMBERED);
    assert_eq!(rows(&world).await, REMEMBERED);
    let other = {
        let db = Db::open(&world.database.url).await.unwrap();
        let app = App::start(db, (*world.app.settings).clone(), world.clock.clone()).await.unwrap();
        assert_eq!(call_many(&app, "B").await, 0, "it found a full list");
        app
    };
    world.clock.advance(SignedDuration::from_hours(25));
    assert_eq!(call_many(&other, "B").await, REMEMBERED, "silent ones make room");
    other.db.close().await;
    // The first server knows nothing of that, and writes whom it remembers.
    assert_eq!(call_many(&world.app, "A").await, REMEMBERED);
    let both = rows(&world).await;
    assert!(both > REMEMBERED && both <= 2 * REMEMBERED, "{both}");
    world.clock.advance(SignedDuration::from_hours(25));
    loops::forget(&world.app, world.now()).await.unwrap();
    assert_eq!(rows(&world).await, REMEMBERED);
}

/// More serial numbers call than may be remembered, from more addresses than needed. How many are.
async fn call_many(app: &App, prefix: &str) -> usize {
    let mut remembered = 0;
    for number in 0..REMEMBERED + 2_000 {
        let serial = SerialNumber::parse(&format!("{prefix}{number:09}")).unwrap();
        let place = u32::try_from(number / PER_ADDRESS).unwrap();
        let address = IpAddr::from((0x0a00_0000 + place).to_be_bytes());
        let told = Told { address, firmware: None, user_count: None };
        remembered += usize::from(app.registry.callers().seen(&serial, told, None, app.clock.now()));
    }
    presence::flush(&app.db, &app.registry, app.clock.now()).await.unwrap();
    remembered
}

async fn rows(world: &World) -> usize {
    usize::try_from(world.number("SELECT COUNT(*) FROM unknown_terminals").await).unwrap()
}
