//! Many terminals on one clock.

use jiff::{SignedDuration, Timestamp};
use terminal_simulator::{Call, Fleet, Profile, Reply, Terminal};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nOK";

fn start() -> Timestamp {
    "2026-03-02T05:00:00Z".parse().unwrap()
}

#[test]
fn an_empty_fleet_has_nothing_to_do() {
    let mut fleet = Fleet::default();
    assert_eq!((fleet.earliest(), fleet.step(start())), (None, None));
}

#[test]
fn requests_of_several_terminals_are_under_way_at_once() {
    let mut fleet = Fleet::new((1..=3).map(|n| Terminal::new(&format!("T{n}"), Profile::zam180(), n)));
    let mut under_way = Vec::new();
    while let Some((index, exchange)) = fleet.step(start()) {
        under_way.push((index, exchange));
    }
    assert_eq!(under_way.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(fleet.earliest(), Some(start() + SignedDuration::from_secs(60)), "when the first reply is given up");
    for (index, exchange) in under_way.into_iter().rev() {
        fleet.reply(index, exchange.id, Reply::Bytes(OK), start());
    }
    let (index, exchange) = fleet.step(start()).unwrap();
    assert_eq!((index, exchange.call), (0, Call::Poll));
}

#[test]
fn time_jumps_to_whoever_acts_next_and_a_touched_terminal_acts_at_once() {
    let mut fleet = Fleet::new([Terminal::new("A", Profile::zam180(), 1), Terminal::new("B", Profile::zam180(), 2)]);
    let mut now = start();
    for _ in 0..50 {
        while let Some((index, exchange)) = fleet.step(now) {
            fleet.reply(index, exchange.id, Reply::Bytes(OK), now);
        }
        let next = fleet.earliest().unwrap();
        assert!(next > now);
        now = next;
    }
    let polls: Vec<u64> = fleet.terminals().iter().map(|terminal| terminal.statistics().polls).collect();
    assert!(polls.iter().all(|polls| *polls >= 45), "{polls:?}");
    while let Some((index, exchange)) = fleet.step(now) {
        fleet.reply(index, exchange.id, Reply::Bytes(OK), now);
    }
    fleet.terminal(1).punch("7", "2026-03-02T08:00:00".parse().unwrap());
    let (index, exchange) = fleet.step(now).unwrap();
    assert_eq!((index, exchange.call), (1, Call::Upload));
}
