//! The ten items that a simulated terminal must keep (§11.2), one test or more for each.

use terminal_simulator::{Call, Profile};

use crate::line::Line;

#[test]
fn a_student_is_written_and_read_back() {
    let mut line = Line::online(Profile::zam180());
    let followed =
        line.hand_out("C:418:DATA UPDATE USERINFO PIN=1042\tName=Ayşe Demir\tPri=0\tCard=123456789\tGrp=1\n");
    assert_eq!(followed, ["ID=418&Return=0&CMD=DATA\n"]);
    let held = &line.terminal.users()["1042"];
    assert_eq!((held.name.as_str(), held.card), ("Ayşe Demir", Some(123_456_789)));
    let followed = line.hand_out("C:419:DATA QUERY USERINFO PIN=1042\n");
    assert_eq!(
        followed,
        [
            "USER PIN=1042\tName=Ayşe Demir\tPri=0\tPasswd=\tCard=[15CD5B07]\tGrp=1\tTZ=\tVerify=-1\tViceCard=\
             \tStartDatetime=0\tEndDatetime=0\n",
            "ID=419&Return=0&CMD=DATA\n"
        ]
    );
    line.expect(Call::Poll, "OK");
    assert!(line.terminal.is_idle());
}
