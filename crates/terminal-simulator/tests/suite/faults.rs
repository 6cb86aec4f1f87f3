//! What goes wrong, one thing at a time, and everything at once.

use std::collections::BTreeSet;

use jiff::{SignedDuration, civil::DateTime};
use terminal_simulator::{Call, Fate, FaultKind, FaultKinds, Faults, HeldUser, Profile, Reply, Step, Terminal};

use crate::line::{Line, OPTIONS, SERIAL, body, text};

const TWO: &str = "C:1:DATA UPDATE USERINFO PIN=1\tName=田中さくら\tCard=77\nC:2:LOG\n";

/// A terminal that shook hands and is about to poll, with one fault ordered.
fn about_to(kind: FaultKind) -> Line {
    let mut line = Line::online(Profile::zam180());
    line.until_poll();
    line.terminal.faults().once(kind);
    line
}

#[test]
fn a_lost_request_is_not_delivered_and_a_lost_reply_is() {
    let mut line = Line::online(Profile::zam180());
    line.terminal.faults().once_at(FaultKind::LoseReply, Call::Results);
    line.until_poll();
    line.expect(Call::Poll, TWO);
    let results = line.next();
    assert_eq!((results.fate, results.fate.deliveries()), (Fate::ReplyLost, 1));
    line.answer(&results, "OK");
    assert_eq!(line.terminal.statistics().results_accepted, 0, "the server acted, the terminal does not know it");
    let again = line.next();
    assert_eq!(text(&again.bytes), text(&results.bytes));
    line.terminal.faults().once(FaultKind::LoseRequest);
    line.answer(&again, "OK");
    let poll = line.next();
    assert_eq!((poll.call, poll.fate, poll.fate.deliveries()), (Call::Poll, Fate::RequestLost, 0));
}

#[test]
fn a_request_may_arrive_twice() {
    let mut line = about_to(FaultKind::RepeatRequest);
    let poll = line.next();
    assert_eq!((poll.fate, poll.fate.deliveries()), (Fate::Repeated, 2));
    line.answer(&poll, TWO);
    assert_eq!(line.next().call, Call::Results);
}

#[test]
fn a_late_reply_is_waited_for_within_the_time_limit_and_lost_behind_it() {
    let mut seen = BTreeSet::new();
    for seed in 0..40 {
        let faults = Faults::by_seed(seed, FaultKinds::of(&[FaultKind::LateReply])).chance(1000);
        let mut terminal = Terminal::new(SERIAL, Profile::zam180(), 1).with_faults(faults);
        let now = "2026-03-02T05:00:00Z".parse().unwrap();
        let Step::Send(handshake) = terminal.next(now) else { panic!("it waits") };
        terminal.reply(handshake.id, Reply::Bytes(b"HTTP/1.1 200 OK\r\n\r\nDelay=9\n"), now);
        let Step::Wait(due) = terminal.next(now) else { panic!("it did not wait for the reply") };
        assert!(due > now && due <= handshake.deadline);
        terminal.next(due);
        seen.insert(terminal.statistics().handshakes);
    }
    assert_eq!(seen, BTreeSet::from([0, 1]));
}

#[test]
fn results_may_be_held_back_while_polls_go_on() {
    let mut line = about_to(FaultKind::LateResults);
    line.expect(Call::Poll, TWO);
    let polls = line.until(Call::Results);
    assert!(polls > 0);
    assert_eq!(line.terminal.users().len(), 1);
}

#[test]
fn answers_and_results_may_change_places() {
    let mut line = about_to(FaultKind::Reorder);
    line.terminal.preload_users([HeldUser::new("1", "فاطمة الزهراء")]);
    assert!(line.hand_out("C:1:DATA QUERY USERINFO PIN=1\n")[1].starts_with("USER PIN=1\t"));
    assert!(line.hand_out("C:2:DATA QUERY USERINFO PIN=1\n")[0].starts_with("USER PIN=1\t"), "for one batch only");
}

#[test]
fn a_reboot_within_a_batch_loses_the_rest_and_perhaps_what_was_done() {
    for (kind, reported) in [(FaultKind::RebootMidBatch, true), (FaultKind::RebootWithoutResults, false)] {
        let mut line = about_to(kind);
        line.expect(Call::Poll, TWO);
        line.expect(Call::Handshake, OPTIONS);
        let results = line.until_poll().iter().any(|request| body(request) == "ID=1&Return=0&CMD=DATA\n");
        assert_eq!(results, reported);
        assert_eq!((line.terminal.statistics().commands_executed, line.terminal.users().len()), (1, 1));
    }
}

#[test]
fn a_crash_between_execution_and_result() {
    let mut line = about_to(FaultKind::CrashBeforeResult);
    assert!(!line.hand_out(TWO).iter().any(|body| body.starts_with("ID=")));
    assert_eq!((line.terminal.users().len(), line.terminal.statistics().reboots), (1, 1));
}

#[test]
fn memory_is_full_for_a_while() {
    let mut line = about_to(FaultKind::FullMemory);
    assert_eq!(line.hand_out("C:1:DATA UPDATE USERINFO PIN=1\n"), ["ID=1&Return=-1001&CMD=DATA\n"]);
    line.now += SignedDuration::from_mins(16);
    assert_eq!(line.hand_out("C:2:DATA UPDATE USERINFO PIN=1\n"), ["ID=2&Return=0&CMD=DATA\n"]);
}

#[test]
fn everybody_may_be_gone() {
    let mut line = Line::online(Profile::zam180());
    line.terminal.preload_users([HeldUser::new("1", "अनन्या शर्मा")]);
    line.until_poll();
    line.terminal.faults().once(FaultKind::Wipe);
    assert!(line.expect(Call::Poll, "OK").contains(",0,0,0,192.0.2.8,"), "the count tells");
    assert!(body(&line.expect(Call::Upload, "OK: 1")).starts_with("OPLOG 13\t0\t2026-03-02 08:00:"));
    assert!(line.terminal.users().is_empty());
}

#[test]
fn an_update_may_be_dropped_or_cut_in_silence() {
    let mut line = about_to(FaultKind::DropUser);
    assert_eq!(line.hand_out(TWO), ["ID=1&Return=0&CMD=DATA\nID=2&Return=0&CMD=LOG\n"]);
    assert!(line.terminal.users().is_empty());
    line.terminal.faults().once(FaultKind::CutField);
    assert_eq!(line.hand_out(TWO), ["ID=1&Return=0&CMD=DATA\nID=2&Return=0&CMD=LOG\n"]);
    let held = &line.terminal.users()["1"];
    assert!(held.card.is_none() || held.name != "田中さくら");
}

#[test]
fn clocks_and_zones_go_wrong() {
    let mut line = about_to(FaultKind::WrongClock);
    line.terminal.faults().once(FaultKind::LoseRequest);
    let poll = line.next();
    let right: DateTime = "2026-03-02T08:00:05".parse().unwrap();
    assert!(line.terminal.local(line.now).duration_since(right).as_mins().abs() > 1);
    line.lose(&poll);
    line.expect(Call::Poll, "OK");
    assert_eq!(line.terminal.local(line.now).date(), right.date(), "the next Date mends it");
    let mut line = Line::new(Profile::zam180());
    line.terminal.faults().once(FaultKind::MisreadZone);
    line.expect(Call::Handshake, "TimeZone=3\n");
    assert_eq!(line.terminal.local(line.now), "2026-03-02T05:03:05".parse().unwrap(), "three minutes, not hours");
}

#[test]
fn somebody_at_the_keypad() {
    for seed in 0..20 {
        let mut line = Line::online(Profile::zam180());
        line.terminal = line.terminal.with_faults(Faults::by_seed(seed, FaultKinds::NONE));
        line.terminal.preload_users([HeldUser::new("1", "Jonas Weber").with_card(5)]);
        let before = line.terminal.users().clone();
        line.terminal.faults().once(FaultKind::KeypadEdit);
        line.until_poll();
        line.expect(Call::Poll, "OK");
        assert_ne!(line.terminal.users(), &before);
        assert!(body(&line.expect(Call::Upload, "OK: 9")).starts_with("OPLOG "));
    }
}

#[test]
fn a_list_may_stop_early() {
    let mut line = about_to(FaultKind::TruncateList);
    line.terminal.preload_users((1..=9).map(|n| HeldUser::new(&n.to_string(), "Łukasz")));
    let followed = line.hand_out("C:1:DATA QUERY USERINFO\n");
    assert!(followed.concat().matches("USER PIN=").count() < 9);
    assert_eq!(followed.last().unwrap(), "ID=1&Return=0&CMD=DATA\n");
}

#[test]
fn a_kind_that_is_not_enabled_never_strikes() {
    for kind in FaultKind::ALL {
        let mut line = Line::online(Profile::zam180());
        line.terminal =
            line.terminal.with_faults(Faults::by_seed(3, FaultKinds::ALL.without(kind).without(FaultKind::LateReply)));
        assert!(!FaultKinds::ALL.without(kind).has(kind) && FaultKinds::NONE.with(kind).has(kind));
    }
    let mut line = Line::online(Profile::zam180());
    line.terminal = line.terminal.with_faults(Faults::by_seed(3, FaultKinds::of(&[FaultKind::DropUser])).chance(1000));
    line.hand_out(TWO);
    assert_eq!((line.terminal.users().len(), line.terminal.statistics().failures), (0, 0));
}

/// Every family, every fault, many seeds: once it is quiet, every punch arrived, every result was posted, nothing hangs.
/// `SEEDS` in the environment asks for more of them.
#[test]
fn after_the_storm_every_terminal_comes_to_rest() {
    let seeds = std::env::var("SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(32);
    for (seed, name) in (0..seeds).zip(Profile::NAMES.iter().cycle()) {
        let mut line = Line::new(Profile::by_name(name).unwrap());
        let quiet = line.now + SignedDuration::from_mins(60);
        line.terminal = line.terminal.with_faults(Faults::by_seed(seed, FaultKinds::ALL).until(quiet));
        line.terminal.preload_users((1..=30).map(|n| HeldUser::new(&n.to_string(), "Νίκος Αθανασίου")));
        let mut punched = BTreeSet::new();
        for minute in 0..60 {
            let time = "2026-03-02T08:00:00".parse::<DateTime>().unwrap() + SignedDuration::from_mins(minute);
            line.terminal.punch("7", time);
            punched.insert(time.strftime("7\t%F %T\t").to_string());
            line.converse(
                "C:1:DATA UPDATE USERINFO PIN=1\tName=X\tCard=9\nC:2:DATA QUERY USERINFO\nC:3:DATA USER PIN=4\tName=Y\n",
                SignedDuration::from_mins(1),
            );
        }
        line.converse("OK", SignedDuration::from_mins(30));
        let terminal = &line.terminal;
        assert!(terminal.is_idle(), "{name} seed {seed}\n{}", terminal.story());
        assert_eq!(terminal.undelivered_punches(), 0, "{name} seed {seed}\n{}", terminal.story());
        let missing: Vec<&String> = punched.iter().filter(|punch| !line.heard.contains(*punch)).collect();
        assert!(missing.is_empty(), "{name} seed {seed} {missing:?}\n{}", terminal.story());
        assert!(terminal.statistics().commands_executed > 0, "{name} seed {seed}\n{}", terminal.story());
    }
}
