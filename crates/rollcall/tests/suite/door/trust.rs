//! Whoever speaks under a serial number may be another device: what gives him away, what he gets, and how it ends.

use jiff::SignedDuration;
use rollcall::{
    config::Settings,
    devices::{DeviceId, presence, trust},
    loops,
    sync::doubts::{self, Kind},
};

use super::bench::{Bench, Reply, SERIAL, get, post};
use crate::databases::{Database, both_databases};

both_databases! {
    another_key_is_handed_nothing_until_somebody_confirms,
    a_key_is_remembered_from_before_the_claim_and_never_as_it_is,
    addresses_that_take_turns_are_handed_nothing,
    a_terminal_that_was_given_another_address_is_served_there,
    a_server_that_starts_anew_knows_a_new_address,
    addresses_that_were_confirmed_may_take_turns,
    turns_on_two_servers_are_seen_in_the_database,
    calls_from_outside_the_list_are_refused,
    a_terminal_behind_a_proxy_has_its_own_address,
}

const KEY: &str = "&pushver=2.4.1&DeviceType=att&language=69&pushcommkey=5f0c1d7b";
const OTHER: &str = "&pushver=2.4.1&DeviceType=att&language=83&pushcommkey=00000000";
const HERE: &str = "192.0.2.7:40217";
const THERE: &str = "198.51.100.9:40217";

/// Takes commands, and one waits for it.
async fn waited_for(database: Database) -> (Bench, DeviceId) {
    let mut bench = Bench::new(database).await;
    let device = bench.registered().await;
    bench.handshake(KEY).await;
    bench.get(&format!("getrequest?SN={SERIAL}&INFO=ZAM70-NF28VA-3.3.12,0")).await;
    bench.student("Seo-yeon Kim", "1001").await;
    bench.settle().await;
    (bench, device)
}

async fn from(bench: &Bench, peer: &str, request: Vec<u8>) -> Reply {
    let mut line = bench.line_from(peer);
    line.write(request).await;
    line.reply().await
}

async fn poll_from(bench: &Bench, peer: &str) -> Reply {
    from(bench, peer, get(&format!("getrequest?SN={SERIAL}"))).await
}

fn punch(pin: &str, second: u8) -> Vec<u8> {
    post(&format!("cdata?SN={SERIAL}&table=ATTLOG&Stamp=9999"), format!("{pin}\t2026-03-02 08:00:{second:02}\t0\t1\n"))
}

async fn flush(bench: &Bench) {
    presence::flush(&bench.app.db, &bench.app.registry, bench.app.clock.now()).await.unwrap();
}

async fn doubted(bench: &Bench) -> Vec<(Kind, String)> {
    let mut tx = bench.app.db.read().await.unwrap();
    let doubts = doubts::of(&mut tx, &bench.app.settings.timezone, bench.app.clock.now()).await.unwrap();
    doubts.into_iter().map(|doubt| (doubt.kind, doubt.says)).collect()
}

async fn confirm(bench: &Bench, device: DeviceId) {
    let mut tx = bench.app.db.write().await.unwrap();
    assert!(trust::confirm(&mut tx, device, bench.app.clock.now()).await.unwrap().is_some());
    tx.commit().await.unwrap();
    loops::refresh(&bench.app).await.unwrap();
}

async fn another_key_is_handed_nothing_until_somebody_confirms(database: Database) {
    let (bench, device) = waited_for(database).await;
    let [(id, _)] = bench.poll().await.commands().try_into().unwrap();
    let greeted = bench.handshake(OTHER).await;
    assert!(greeted.body.starts_with("GET OPTION FROM: ") && greeted.body.contains("TimeZone=3\n"), "{}", greeted.body);
    assert_eq!(bench.column::<i64>("SELECT language FROM devices").await, [69], "nothing that it said was believed");

    // It is told nothing, and nothing of what it says counts, but its punches.
    bench.app.clock.advance(SignedDuration::from_mins(10));
    bench.student("Wanjirũ Kamau", "1002").await;
    bench.poll().await.is(200, "OK");
    bench.post(&format!("devicecmd?SN={SERIAL}"), format!("ID={id}&Return=0&CMD=DATA\n")).await.is(200, "OK");
    bench.upload("OPERLOG", "USER PIN=70\tName=Mallory\tPri=14\n").await.is(200, "OK: 1");
    from(&bench, HERE, punch("70", 3)).await.is(200, "OK: 1");
    let greeted = bench.handshake(OTHER).await;
    assert!(greeted.body.contains("\nATTLOGStamp=None\n"), "the terminal would skip what is older: {}", greeted.body);
    assert_eq!(bench.column::<String>("SELECT sync_status FROM device_user_sync_status").await, ["sent"]);
    assert_eq!(bench.column::<i64>("SELECT COUNT(*) FROM terminal_users").await, [0]);
    assert_eq!(bench.column::<String>("SELECT pin FROM punches").await, ["70"]);
    assert_eq!(bench.column::<i64>("SELECT COUNT(*) FROM unknown_terminals").await, [0]);
    flush(&bench).await;
    let [(kind, says)] = doubted(&bench).await.try_into().unwrap();
    assert_eq!(kind, Kind::CommKey);
    assert!(says.starts_with("announced another communication key than before, calling from 192.0.2.7"), "{says}");

    // The former key alone does not end it: both may be calling. A server that starts anew remembers.
    bench.handshake(KEY).await;
    bench.poll().await.is(200, "OK");
    let restarted = bench.another().await;
    loops::raise_due(&restarted.app).await.unwrap();
    restarted.poll().await.is(200, "OK");

    bench.handshake(OTHER).await;
    confirm(&bench, device).await;
    loops::raise_due(&bench.app).await.unwrap();
    assert!(!bench.poll().await.commands().is_empty());
    assert_eq!(doubted(&bench).await, []);
    bench.handshake(OTHER).await;
    assert!(bench.column::<Option<String>>("SELECT suspicion FROM devices").await[0].is_none(), "it is the key now");
    bench.handshake(&KEY.replace("&pushcommkey=5f0c1d7b", "")).await;
    let suspicion = bench.column::<Option<String>>("SELECT suspicion FROM devices").await;
    assert_eq!(suspicion, [Some("comm_key".to_owned())], "no key any more is another key");
    restarted.app.db.close().await;
}

async fn a_key_is_remembered_from_before_the_claim_and_never_as_it_is(database: Database) {
    let mut bench = Bench::new(database).await;
    bench.handshake(KEY).await;
    bench.settle().await;
    let kept = bench.column::<String>("SELECT comm_key_digest FROM unknown_terminals").await;
    assert!(kept[0].len() == 64 && !kept[0].contains("5f0c1d7b"), "{kept:?}");
    let school = bench.school(None).await;
    bench
        .sql(
            "INSERT INTO devices (school_id, serial_number, device_name, comm_key_digest) VALUES ($1, $2, 'Gate', $3)",
            [school.into(), SERIAL.into(), kept[0].as_str().into()],
        )
        .await;
    bench.handshake(KEY).await;
    assert_eq!(doubted(&bench).await, []);
    bench.handshake("").await;
    assert_eq!(doubted(&bench).await, [], "a bare request says nothing of keys");
    bench.handshake(OTHER).await;
    assert_eq!(doubted(&bench).await.len(), 1);
}

async fn addresses_that_take_turns_are_handed_nothing(database: Database) {
    let (bench, _) = waited_for(database).await;
    let other = "ID=1&Return=0&CMD=DATA\n";
    poll_from(&bench, THERE).await.is(200, "OK");
    from(&bench, THERE, post(&format!("devicecmd?SN={SERIAL}"), other)).await.is(200, "OK");
    bench.app.clock.advance(SignedDuration::from_secs(15));
    poll_from(&bench, HERE).await.is(200, "OK");
    bench.app.clock.advance(SignedDuration::from_mins(10));
    for peer in [HERE, THERE, HERE] {
        poll_from(&bench, peer).await.is(200, "OK");
    }
    from(&bench, THERE, punch("1", 4)).await.is(200, "OK: 1");
    flush(&bench).await;
    loops::refresh(&bench.app).await.unwrap();
    poll_from(&bench, HERE).await.is(200, "OK");
    assert_eq!(bench.column::<String>("SELECT suspicion FROM devices").await, ["addresses"]);
    assert_eq!(bench.column::<i64>("SELECT COUNT(*) FROM punches").await, [1]);
    let [(kind, says)] = doubted(&bench).await.try_into().unwrap();
    assert_eq!(kind, Kind::TwoAddresses);
    assert!(says.contains("198.51.100.9") && says.contains("192.0.2.7") && says.contains("in turn"), "{says}");
}

async fn a_terminal_that_was_given_another_address_is_served_there(database: Database) {
    let (bench, _) = waited_for(database).await;
    poll_from(&bench, HERE).await;
    bench.student("Ingrid Ødegård", "1002").await;
    loops::raise_due(&bench.app).await.unwrap();
    bench.app.clock.advance(SignedDuration::from_secs(20));
    poll_from(&bench, THERE).await.is(200, "OK");
    flush(&bench).await;
    bench.app.clock.advance(SignedDuration::from_secs(75));
    loops::raise_due(&bench.app).await.unwrap();
    assert!(!poll_from(&bench, THERE).await.commands().is_empty(), "the former address fell silent");
    // The lease ends in the night, and the first address is given again.
    bench.app.clock.advance(SignedDuration::from_hours(12));
    poll_from(&bench, THERE).await;
    bench.app.clock.advance(SignedDuration::from_secs(20));
    poll_from(&bench, HERE).await;
    flush(&bench).await;
    assert_eq!(doubted(&bench).await, []);
}

async fn a_server_that_starts_anew_knows_a_new_address(database: Database) {
    let (bench, _) = waited_for(database).await;
    poll_from(&bench, HERE).await;
    bench.student("Ana Quispe", "1002").await;
    flush(&bench).await;
    bench.app.clock.advance(SignedDuration::from_secs(10));
    let restarted = bench.another().await;
    loops::raise_due(&restarted.app).await.unwrap();
    poll_from(&restarted, THERE).await.is(200, "OK");
    poll_from(&restarted, HERE).await.is(200, "OK");
    flush(&restarted).await;
    assert_eq!(bench.column::<String>("SELECT suspicion FROM devices").await, ["addresses"]);
    restarted.app.db.close().await;
}

async fn addresses_that_were_confirmed_may_take_turns(database: Database) {
    let (bench, device) = waited_for(database).await;
    for peer in [HERE, THERE, HERE] {
        poll_from(&bench, peer).await;
    }
    flush(&bench).await;
    confirm(&bench, device).await;
    for peer in [THERE, HERE, THERE] {
        poll_from(&bench, peer).await;
        flush(&bench).await;
        bench.app.clock.advance(SignedDuration::from_secs(20));
    }
    assert_eq!(doubted(&bench).await, []);
    bench.student("Ho‘onani Kealoha", "1003").await;
    bench.app.clock.advance(SignedDuration::from_mins(5));
    loops::raise_due(&bench.app).await.unwrap();
    assert!(!poll_from(&bench, HERE).await.commands().is_empty());
    for peer in ["203.0.113.5:40000", HERE] {
        poll_from(&bench, peer).await;
    }
    flush(&bench).await;
    assert_eq!(doubted(&bench).await.len(), 1, "a third address was not confirmed");
}

async fn turns_on_two_servers_are_seen_in_the_database(database: Database) {
    let (bench, _) = waited_for(database).await;
    let another = bench.another().await;
    for (server, peer) in [(&bench, HERE), (&another, THERE), (&bench, HERE)] {
        poll_from(server, peer).await;
        flush(server).await;
        bench.app.clock.advance(SignedDuration::from_secs(20));
    }
    assert_eq!(bench.column::<String>("SELECT suspicion FROM devices").await, ["addresses"]);
    for server in [&bench, &another] {
        loops::refresh(&server.app).await.unwrap();
        loops::raise_due(&server.app).await.unwrap();
        poll_from(server, HERE).await.is(200, "OK");
    }
    another.app.db.close().await;
}

async fn calls_from_outside_the_list_are_refused(database: Database) {
    let (bench, _) = waited_for(database).await;
    bench
        .sql(
            "UPDATE devices SET allowed_addresses = '198.51.100.0/24', updated_at = $1",
            [bench.app.clock.now().into()],
        )
        .await;
    loops::refresh(&bench.app).await.unwrap();
    let seen = "SELECT last_address FROM devices";
    flush(&bench).await;
    let before = bench.column::<String>(seen).await;
    bench.app.clock.advance(SignedDuration::from_mins(1));
    bench.poll().await.is(200, "OK");
    assert_eq!(bench.handshake(KEY).await.body, "OK");
    assert_eq!(from(&bench, HERE, punch("1", 5)).await.status(), 503, "it keeps its punches");
    flush(&bench).await;
    assert_eq!(bench.column::<String>(seen).await, before, "nothing was noted of it");
    assert_eq!(bench.column::<i64>("SELECT COUNT(*) FROM punches").await, [0]);
    assert!(bench.app.db.meters().render().contains("rollcall_terminal_calls_refused_total 3\n"));
    let [(kind, says)] = doubted(&bench).await.try_into().unwrap();
    assert_eq!(kind, Kind::Elsewhere);
    assert!(says.contains("from 192.0.2.7"), "{says}");

    bench.app.clock.advance(SignedDuration::from_mins(5));
    loops::raise_due(&bench.app).await.unwrap();
    assert_eq!(poll_from(&bench, THERE).await.commands().len(), 1);
    from(&bench, THERE, punch("1", 5)).await.is(200, "OK: 1");
}

async fn a_terminal_behind_a_proxy_has_its_own_address(database: Database) {
    let settings = Settings { trusted_proxies: "198.51.100.0/24".parse().unwrap(), ..Settings::default() };
    let bench = Bench::with(database, settings).await;
    bench.registered().await;
    let poll = |hops: &str| {
        let poll = String::from_utf8(get(&format!("getrequest?SN={SERIAL}"))).unwrap();
        poll.replace("Accept:", &format!("X-Forwarded-For: {hops}\r\nAccept:")).into_bytes()
    };
    for (peer, hops, address) in [
        (THERE, "203.0.113.9", "203.0.113.9"),
        ("198.51.100.10:40217", "192.0.2.1, 203.0.113.9", "203.0.113.9"),
        (HERE, "203.0.113.9", "192.0.2.7"),
    ] {
        assert_eq!(from(&bench, peer, poll(hops)).await.status(), 200);
        flush(&bench).await;
        assert_eq!(bench.column::<String>("SELECT last_address FROM devices").await, [address], "{peer} {hops}");
    }
    assert_eq!(doubted(&bench).await, [], "two proxies are not two terminals");
}
