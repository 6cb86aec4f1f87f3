//! Access units: their way to a session, what they make of commands, and their traps.

use jiff::civil::DateTime;
use push_protocol::{
    command::{Command, Manner, Vocabulary},
    dialect::Dialect,
    text::{Card, CardForm, Charset, Name, Pin},
};
use terminal_simulator::{Call, FaultKind, HeldUser, Profile, SameCard};

use crate::line::{ACCESS, Line, body, codes, target};

const MANNER: Manner = Manner {
    dialect: Dialect::Security,
    vocabulary: Vocabulary::UserInfo,
    card_form: CardForm::Decimal,
    charset: Charset::Utf8,
};

fn online() -> Line {
    Line::online(Profile::access_s3())
}

/// A unit that holds two people who open its door.
fn with_two() -> Line {
    let mut line = online();
    line.terminal.preload_users([HeldUser::new("1", "Οδυσσέας"), HeldUser::new("2", "ܐܫܘܪ").with_card(17)]);
    for pin in ["1", "2"] {
        line.hand_out(&format!(
            "C:{pin}:DATA UPDATE userauthorize Pin={pin}\tAuthorizeTimezoneId=1\tAuthorizeDoorId=1\n"
        ));
        assert!(line.terminal.opens_door(pin));
    }
    line
}

#[test]
fn a_unit_that_is_not_known_registers_and_shows_its_token_from_then_on() {
    let mut line = Line::new(Profile::access_s3());
    let first = line.expect(Call::Handshake, "OK");
    assert!(target(&first).contains("options=all&pushver=3.1.2&DeviceType=acc"), "{first}");
    let registry = line.expect(Call::Handshake, "RegistryCode=Qv8mT2xLp0\n");
    assert_eq!(target(&registry), "/iclock/registry?SN=CJX9253300417");
    assert!(body(&registry).starts_with("DeviceType=acc,~DeviceName=SenseTest 2A,FirmVer="), "{registry}");
    let push = line.expect(Call::Handshake, "SessionID=7C1D0E5A94B24F6F8E3A2B1C0D9E8F70\nRequestDelay=2\n");
    assert_eq!(target(&push), "/iclock/push?SN=CJX9253300417");
    let time = line.expect(Call::Handshake, "DateTime=841122005,ServerTZ=+0545");
    assert_eq!(target(&time), "/iclock/rtdata?SN=CJX9253300417&type=time");
    assert_eq!(line.terminal.local(line.now).to_string(), "2026-03-02T10:45:05");
    let poll = line.expect(Call::Poll, "OK");
    assert_eq!(target(&poll), "/iclock/getrequest?SN=CJX9253300417", "no INFO: it tells no count with a poll");
    assert!(poll.contains("\r\nCookie: token="), "{poll}");
}

#[test]
fn a_unit_begins_anew_when_a_step_fails() {
    let mut line = Line::new(Profile::access_s3());
    line.expect(Call::Handshake, ACCESS);
    line.expect(Call::Handshake, "OK");
    assert!(target(&line.expect(Call::Handshake, "OK")).starts_with("/iclock/cdata"), "no session id came");
    line.expect(Call::Handshake, "406");
    assert!(target(&line.expect(Call::Handshake, "OK")).starts_with("/iclock/cdata"));
}

#[test]
fn what_is_written_by_the_book_opens_the_door() {
    let mut line = online();
    let pin = Pin::from(1042);
    let name = Name::fit("Ayşe Demir", Charset::Utf8).unwrap();
    let person = Command::PutUser { pin: pin.clone(), name, card: Card::new(123_456_789).ok() };
    let right = Command::PutDoorRight { pin: pin.clone() };
    let written = line.hand_out(&format!("C:1:{}\n", person.render(MANNER).unwrap()));
    assert_eq!(written, ["ID=1&Return=0&CMD=DATA UPDATE\n"]);
    let held = line.terminal.users()["1042"].clone();
    assert_eq!((held.name.as_str(), held.card, held.privilege, held.group), ("Ayşe Demir", Some(123_456_789), 0, 1));
    assert!(!line.terminal.opens_door("1042"), "known, and denied");
    line.hand_out(&format!("C:2:{}\n", right.render(MANNER).unwrap()));
    assert!(line.terminal.opens_door("1042"));

    line.hand_out("C:3:DATA UPDATE user CardNo=\tPin=1042\tName=Ayşe Öztürk\n");
    let held = &line.terminal.users()["1042"];
    assert_eq!((held.name.as_str(), held.card), ("Ayşe Öztürk", None));
    assert!(line.terminal.opens_door("1042"), "an update keeps the right");

    for (id, command) in [(4, Command::DeleteUser { pin: pin.clone() }), (5, Command::DeleteDoorRight { pin })] {
        line.hand_out(&format!("C:{id}:{}\n", command.render(MANNER).unwrap()));
    }
    assert!(line.terminal.users().is_empty());
    assert_eq!(
        (line.terminal.removed_by_command(), line.terminal.statistics().wipes_by_command),
        (&["1042".to_owned()][..], 0)
    );
}

#[test]
fn an_unknown_key_in_a_delete_is_no_filter() {
    for delete in ["uid=1", "pin=1", "PIN=1", "Pin=", "Pin=1\tuid=1", "*", ""] {
        let mut line = with_two();
        assert_eq!(codes(&line.hand_out(&format!("C:7:DATA DELETE user {delete}\n"))[0]), [0], "{delete}");
        assert!(line.terminal.users().is_empty(), "{delete}");
        assert_eq!(line.terminal.statistics().wipes_by_command, 1);
        let mut line = with_two();
        line.hand_out(&format!("C:7:DATA DELETE userauthorize {delete}\n"));
        assert!(!line.terminal.opens_door("1") && !line.terminal.opens_door("2"), "{delete}");
        assert_eq!(line.terminal.statistics().wipes_by_command, 1);
    }
    let mut line = with_two();
    line.hand_out("C:7:DATA DELETE user Pin=404\nC:8:DATA DELETE user Pin=1\n");
    assert_eq!(line.terminal.users().keys().collect::<Vec<_>>(), ["2"]);
}

#[test]
fn a_key_in_small_letters_makes_somebody_without_a_pin() {
    for params in ["pin=1042\tname=Ayşe", "PIN=1042", "Name=Ayşe"] {
        let mut line = online();
        assert_eq!(codes(&line.hand_out(&format!("C:7:DATA UPDATE user {params}\n"))[0]), [0]);
        assert!(line.terminal.users().contains_key(""), "{params}");
        assert_eq!(line.terminal.statistics().users_without_pin, 1);
    }
}

#[test]
fn fields_of_the_other_dialect_are_passed_over() {
    let mut line = online();
    line.hand_out("C:7:DATA UPDATE user Pin=1042\tCard=17\tPri=14\tPasswd=1\tGrp=3\n");
    let held = line.terminal.users()["1042"].clone();
    assert_eq!((held.card, held.privilege, held.password.as_str(), held.group), (None, 0, "", 1));
    line.hand_out("C:8:DATA UPDATE user Pin=1042\tCardNo=17\tPrivilege=14\tPassword=1\tGroup=3\n");
    let held = line.terminal.users()["1042"].clone();
    assert_eq!((held.card, held.privilege, held.password.as_str(), held.group), (Some(17), 14, "1", 3));
    line.hand_out("C:9:DATA UPDATE userauthorize Pin=1042\tTimezoneId=1\tDoorId=1\n");
    assert!(!line.terminal.opens_door("1042"));
}

#[test]
fn words_of_the_attendance_dialect_are_another_table() {
    let commands = "C:1:DATA UPDATE USERINFO PIN=1\nC:2:DATA QUERY USERINFO\nC:3:DATA USER PIN=1\nC:4:DATA DELETE USERINFO PIN=1\n\
                    C:5:DATA DEL_USER PIN=1\nC:6:INFO\nC:7:CHECK\nC:8:DATA QUERY ATTLOG StartTime=1\n";
    let results = online().hand_out(commands);
    assert_eq!(codes(&results[0]), [-629, -629, -629, -629, -629, -801, -801, -629]);
}

#[test]
fn a_table_comes_in_packets_and_its_result_is_the_number_of_rows() {
    let mut line = online();
    line.terminal.preload_users((1..=45).map(|n| HeldUser::new(&n.to_string(), "Ọlámidé")));
    line.until_poll();
    line.expect(Call::Poll, "C:711:DATA QUERY tablename=user,fielddesc=*,filter=*\n");
    let requests = line.until_poll();
    let targets: Vec<&str> = requests.iter().map(|request| target(request)).collect();
    let packet = |count, index| {
        format!(
            "/iclock/querydata?SN=CJX9253300417&type=tabledata&cmdid=711&tablename=user&count={count}&packcnt=3&packidx={index}"
        )
    };
    let expected = ["/iclock/devicecmd?SN=CJX9253300417".to_owned(), packet(20, 1), packet(20, 2), packet(5, 3)];
    assert_eq!(targets, expected);
    assert_eq!(body(&requests[0]), "ID=711&Return=45&CMD=DATA QUERY\n");
    let first = body(&requests[1]).lines().next().unwrap();
    assert_eq!(
        first,
        "user uid=1\tcardno=\tpin=1\tpassword=\tgroup=1\tstarttime=0\tendtime=0\tname=Ọlámidé\tprivilege=0\tdisable=0\tverify=0"
    );

    let counted = line.hand_out("C:712:DATA COUNT user\n");
    assert_eq!(counted, ["ID=712&Return=0&CMD=DATA COUNT\n", "user=45"]);
    let one = line.hand_out("C:713:DATA QUERY tablename=user,fielddesc=*,filter=Pin=7\n");
    assert_eq!((codes(&one[0]), one[1].contains("\tpin=7\t")), (vec![1], true));
    let nobody = line.hand_out("C:714:DATA QUERY tablename=user,fielddesc=*,filter=Pin=99\n");
    assert_eq!(nobody, ["ID=714&Return=0&CMD=DATA QUERY\n"]);
    line.terminal.faults().once(FaultKind::TruncateList);
    let part = line.hand_out("C:715:DATA QUERY tablename=user,fielddesc=*,filter=*\n");
    assert!(part.len() < 4 && codes(&part[0]) == [45], "{part:?}");
}

#[test]
fn doors_and_keypads_tell_what_happens_there() {
    let mut line = with_two();
    line.until_poll();
    let at: DateTime = "2026-03-02T08:00:03".parse().unwrap();
    line.terminal.punch("1", at);
    let event = line.expect(Call::Upload, "OK");
    assert_eq!(target(&event), "/iclock/cdata?SN=CJX9253300417&table=rtlog");
    assert_eq!(
        body(&event),
        "time=2026-03-02 08:00:03\tpin=1\tcardno=0\teventaddr=1\tevent=0\tinoutstatus=0\tverifytype=15\tindex=1\n"
    );
    line.terminal.edit_at_keypad("2", "Captain", Some(18));
    let change = line.expect(Call::Upload, "OK: 1");
    assert!(target(&change).ends_with("&table=tabledata&tablename=user&count=1"), "{change}");
    assert!(body(&change).starts_with("user uid=2\tcardno=18\tpin=2\t"), "{change}");
    let again = line.expect(Call::Upload, "user=1");
    assert_eq!(change, again, "it was not counted under its table's name");
    assert_eq!(line.terminal.undelivered_punches(), 0);
}

#[test]
fn a_unit_that_passes_commands_on_answers_twice() {
    let mut profile = Profile::access_s3();
    profile.access.as_mut().unwrap().answers_twice = true;
    let mut line = Line::online(profile);
    assert_eq!(line.hand_out("C:731:DATA UPDATE user Pin=1\n"), ["ID=731&Return=-5000&CMD=DATA UPDATE\n"]);
    line.expect(Call::Poll, "OK");
    let mut later = Vec::new();
    while later.is_empty() {
        later = line.until_poll();
        line.expect(Call::Poll, "OK");
    }
    assert_eq!(body(&later[0]), "ID=731&Return=0&CMD=DATA UPDATE&SN=SUB0000000007\n");
}

#[test]
fn what_goes_wrong_elsewhere_goes_wrong_here() {
    let mut line = online();
    line.terminal.faults().once(FaultKind::DropUser);
    assert_eq!(codes(&line.hand_out("C:1:DATA UPDATE user Pin=1\tName=Нуржан\n")[0]), [0]);
    assert!(line.terminal.users().is_empty());
    line.terminal.faults().once(FaultKind::CutField);
    line.hand_out("C:2:DATA UPDATE user Pin=1\tName=Нуржан\n");
    assert_eq!(line.terminal.users()["1"].name, "Нур");

    line.terminal.profile_mut().people.capacity = 1;
    assert_eq!(codes(&line.hand_out("C:3:DATA UPDATE user Pin=2\n")[0]), [-1001]);
    line.terminal.profile_mut().people.capacity = 9;
    line.terminal.profile_mut().people.same_card = SameCard::Refused(-6);
    let codes =
        codes(&line.hand_out("C:4:DATA UPDATE user Pin=1\tCardNo=5\nC:5:DATA UPDATE user Pin=2\tCardNo=5\n")[0]);
    assert_eq!(codes, [0, -6]);
    assert_eq!(line.hand_out("C:6:CONTROL DEVICE 03000000\n").len(), 4, "a reboot, and a new session");
    assert_eq!(line.terminal.statistics().reboots, 1);
}
