//! What a handshake and commands set, and what follows from it.

use jiff::{SignedDuration, civil::DateTime};
use terminal_simulator::{Call, CapacityTold, Profile};

use crate::line::{Line, body, codes, target};

fn at(time: &str) -> DateTime {
    time.parse().unwrap()
}

#[test]
fn options_are_set_one_at_a_time_and_shown_on_request() {
    let mut line = Line::online(Profile::zam180());
    let followed = line.hand_out(
        "C:1:SET OPTION VOLUME=40\nC:2:SET OPTION ~MaxUserCount=9\nC:3:SET OPTION Delay=3\tErrorDelay=4\n\
         C:4:SET OPTION TimeZone=330\nC:5:RELOAD OPTIONS\nC:6:GET OPTION FROM VOLUME\n",
    );
    assert_eq!(codes(&followed[0]), [0, -1, 0, 0, 0, 0]);
    assert_eq!(followed[1], "VOLUME=40");
    assert_eq!(line.hand_out("C:7:GET OPTION FROM Delay\n")[1], "Delay=3\tErrorDelay=4", "a damaged value");
}

#[test]
fn wanted_options_are_posted_after_the_handshake() {
    let mut line = Line::new(Profile::zam180());
    line.expect(
        Call::Handshake,
        "Delay=10\nPushOptionsFlag=1\nPushOptions=FingerFunOn,UserCount,MaxUserCount,Nonsense\n",
    );
    line.expect(Call::Poll, "OK");
    let options = line.expect(Call::Upload, "OK");
    assert_eq!(target(&options), "/iclock/cdata?SN=CJX9253300417&table=options");
    assert_eq!(body(&options), "UserCount=0,~MaxUserCount=60,FingerFunOn=1");
}

#[test]
fn how_many_people_fit_is_told_in_hundreds_or_in_people() {
    let mut profile = Profile::zam180();
    assert!(Line::online(profile.clone()).hand_out("C:1:INFO\n")[0].contains("\n~MaxUserCount=60\n"));
    profile.people.capacity_told = CapacityTold::People;
    profile.people.capacity = 20;
    assert!(Line::online(profile).hand_out("C:1:INFO\n")[0].contains("\nMaxUserCount=20\n"));
}

#[test]
fn punches_of_a_period_are_read_again() {
    let mut line = Line::online(Profile::zam180());
    for minute in 0..5 {
        line.terminal.punch("1", at("2026-03-02T08:00:00") + SignedDuration::from_mins(minute));
    }
    line.until_poll();
    let period = "StartTime=2026-03-02 08:01:00\tEndTime=2026-03-02T08:03:00";
    let followed = line.hand_out(&format!("C:1:DATA QUERY ATTLOG {period}\nC:2:VERIFY SUM ATTLOG {period}\n"));
    assert_eq!(followed[0].lines().count(), 3);
    assert!(followed[1].ends_with("&AttlogCount=3\n"), "{}", followed[1]);
    let none = line.hand_out("C:3:DATA QUERY ATTLOG StartTime=2020-01-01 00:00:00\tEndTime=2020-01-02 00:00:00\n");
    assert_eq!(none, ["ID=3&Return=-1&CMD=DATA\n"]);
}

#[test]
fn transfers_follow_the_flag() {
    let mut line = Line::new(Profile::zam180());
    line.expect(Call::Handshake, "TransFlag=TransData AttLog\n");
    line.expect(Call::Poll, "OK");
    line.terminal.edit_at_keypad("1", "Ada", None);
    line.terminal.punch("1", at("2026-03-02T08:00:00"));
    assert!(line.expect(Call::Upload, "OK").contains("table=ATTLOG"));
    line.expect(Call::Poll, "OK");
    assert!(line.terminal.is_idle());
}

#[test]
fn punches_wait_for_their_interval_when_not_in_real_time() {
    let mut line = Line::new(Profile::zam180());
    line.expect(Call::Handshake, "Realtime=0\nTransInterval=5\nDelay=60\n");
    line.expect(Call::Poll, "OK");
    line.terminal.punch("1", at("2026-03-02T08:00:00"));
    line.expect(Call::Upload, "OK");
    let start = line.now;
    line.terminal.punch("1", at("2026-03-02T08:00:01"));
    loop {
        let exchange = line.next();
        line.answer(&exchange, "OK");
        if exchange.call == Call::Upload {
            break;
        }
    }
    assert_eq!(line.now.duration_since(start), SignedDuration::from_mins(5));
}
