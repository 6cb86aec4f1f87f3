//! The people that a terminal holds, and what it makes of commands about them.

use terminal_simulator::{Call, CardWriting, HeldUser, Profile, SameCard, Update, UserLine};

use crate::line::{Line, body, codes};

#[test]
fn unknown_words_and_tables() {
    let commands = "C:651:USER ADD PIN=1\nC:652:DATA DEL PIN=1\nC:653:DATA DELETE USER PIN=1\nC:654:HELLO\n\
                    C:655:DATA QUERY tablename=user,fielddesc=*,filter=*\nC:656:DATA USER PIN=1 Name=X\n\
                    C:657:DATA UPDATE USERINFO PIN=1 Name=X\nC:658:DATA QUERY FP PIN=1\nC:659:data update USERINFO PIN=1\n";
    let mut line = Line::online(Profile::zam180());
    assert_eq!(
        line.hand_out(commands),
        ["ID=651&Return=-1002&CMD=USER ADD\nID=652&Return=-1002&CMD=DATA\nID=653&Return=-1004&CMD=DATA\n\
          ID=654&Return=-1002&CMD=HELLO\nID=655&Return=-1004&CMD=DATA\nID=656&Return=-1004&CMD=DATA\n\
          ID=657&Return=-1004&CMD=DATA\nID=658&Return=-1004&CMD=DATA\nID=659&Return=-1002&CMD=data update\n"]
    );
    let mut line = Line::online(Profile::legacy_fw());
    assert_eq!(
        line.hand_out("C:1:HELLO WORLD\nC:2:DATA UPDATE USERINFO Name=X\nC:3:DATA UPDATE USERINFO pin=1\n"),
        ["ID=1&Return=-22&CMD=UNKNOWN CMD\nID=2&Return=-2&CMD=DATA\nID=3&Return=-2&CMD=DATA\n"]
    );
}

#[test]
fn an_update_merges_or_replaces() {
    for (update, name, group) in [(Update::Merge, "Фёдор", 100), (Update::Replace, "", 100)] {
        let mut profile = Profile::zam180();
        profile.people.update = update;
        let mut line = Line::online(profile);
        line.hand_out("C:1:DATA UPDATE USERINFO PIN=1\tName=Фёдор\tCard=5\n");
        line.hand_out("C:2:DATA UPDATE USERINFO PIN=1\tGrp=100\n");
        let held = &line.terminal.users()["1"];
        assert_eq!((held.name.as_str(), held.group), (name, group));
        assert_eq!(held.card.is_some(), update == Update::Merge);
    }
}

#[test]
fn cards_in_all_their_spellings() {
    for (spelling, card) in [
        ("123456789", Some(123_456_789)),
        ("0012345678", Some(12_345_678)),
        ("[15CD5B07]", Some(123_456_789)),
        ("[15cd5b0701]", Some(0x01_07_5B_CD_15)),
        ("4294967296", Some(4_294_967_296)),
        ("0", None),
        ("", None),
        ("[0000000000]", None),
        ("15CD5B07", None),
    ] {
        let mut line = Line::online(Profile::zam180());
        line.hand_out(&format!("C:1:DATA UPDATE USERINFO PIN=1\tCard={spelling}\n"));
        assert_eq!(line.terminal.users()["1"].card, card, "{spelling}");
    }
    for (writing, wide, none) in [
        (CardWriting::FiveBytes, "[15CD5B0701]", "[0000000000]"),
        (CardWriting::FourBytes, "[15CD5B0701]", ""),
        (CardWriting::Decimal, "4418424085", ""),
    ] {
        let mut profile = Profile::zam180();
        (profile.people.card_writing, profile.people.user_line) = (writing, UserLine::Short);
        let mut line = Line::online(profile);
        line.terminal.edit_at_keypad("1", "ნინო", Some(0x01_07_5B_CD_15));
        line.terminal.edit_at_keypad("2", "ნინო", None);
        let upload = line.expect(Call::Upload, "OK");
        assert!(body(&upload).contains(&format!("PIN=1\tName=ნინო\tPri=0\tPasswd=\tCard={wide}\tGrp=")), "{upload}");
        assert!(body(&upload).contains(&format!("PIN=2\tName=ნინო\tPri=0\tPasswd=\tCard={none}\tGrp=")), "{upload}");
    }
}

#[test]
fn one_card_on_two_people() {
    for (rule, code, second) in
        [(SameCard::Shared, 0, Some(7)), (SameCard::FirstKeeps, 0, None), (SameCard::Refused(-6), -6, None)]
    {
        let mut profile = Profile::zam180();
        profile.people.same_card = rule;
        let mut line = Line::online(profile);
        line.hand_out("C:1:DATA UPDATE USERINFO PIN=1\tCard=7\nC:2:DATA UPDATE USERINFO PIN=1\tCard=7\n");
        let followed = line.hand_out("C:3:DATA UPDATE USERINFO PIN=2\tCard=7\n");
        assert_eq!(followed, [format!("ID=3&Return={code}&CMD=DATA\n")]);
        assert_eq!(line.terminal.users()["1"].card, Some(7));
        assert_eq!(line.terminal.users().get("2").and_then(|user| user.card), second);
    }
}

#[test]
fn a_full_terminal_still_changes_those_it_holds() {
    let mut profile = Profile::zam180();
    profile.people.capacity = 1;
    let mut line = Line::online(profile);
    let followed = line.hand_out(
        "C:1:DATA UPDATE USERINFO PIN=1\tName=A\nC:2:DATA UPDATE USERINFO PIN=2\tName=B\nC:3:DATA UPDATE USERINFO PIN=1\tName=C\n",
    );
    assert_eq!(followed, ["ID=1&Return=0&CMD=DATA\nID=2&Return=-1001&CMD=DATA\nID=3&Return=0&CMD=DATA\n"]);
}

#[test]
fn pins_are_text_of_a_width() {
    let commands = "C:1:DATA UPDATE USERINFO PIN=OMN006\nC:2:DATA UPDATE USERINFO PIN=123456789012345\n\
                    C:3:DATA UPDATE USERINFO PIN=007\nC:4:DATA UPDATE USERINFO PIN=\n";
    let results = |profile: Profile| codes(&Line::online(profile).hand_out(commands)[0]);
    assert_eq!(results(Profile::zam180()), [-1, -1, 0, -1]);
    assert_eq!(results(Profile::senseface_a2()), [0, 0, 0, -1]);
}

#[test]
fn a_delete_without_a_pin_removes_everybody() {
    for delete in ["DATA DELETE USERINFO", "DATA DELETE USERINFO Pin=1", "DATA DELETE USERINFO PIN="] {
        let mut line = Line::online(Profile::zam180());
        line.terminal.preload_users([HeldUser::new("1", "김민준"), HeldUser::new("2", "فاطمة")]);
        assert_eq!(line.hand_out(&format!("C:1:{delete}\n")), ["ID=1&Return=0&CMD=DATA\n"]);
        assert!(line.terminal.users().is_empty());
        assert_eq!(line.terminal.statistics().wipes_by_command, 1);
    }
    let mut line = Line::online(Profile::zam180());
    assert_eq!(line.hand_out("C:1:DATA DELETE USERINFO PIN=404\n"), ["ID=1&Return=0&CMD=DATA\n"], "absent is gone");
    assert_eq!(line.terminal.statistics().wipes_by_command, 0);
}

#[test]
fn a_chinese_unit_keeps_names_in_gb18030() {
    let mut profile = Profile::zam180();
    profile.language = 83;
    let mut line = Line::online(profile);
    line.until_poll();
    let poll = line.next();
    let body = b"C:1:DATA UPDATE USERINFO PIN=1\tName=\xC0\xEE\xD0\xA1\xC3\xF7\n";
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    line.raw(&poll, &[head.as_bytes(), body].concat());
    line.until_poll();
    assert_eq!(line.terminal.users()["1"].name, "李小明");
    line.terminal.edit_at_keypad("2", "李小明", None);
    assert_eq!(line.terminal.users()["2"].name_bytes, b"\xC0\xEE\xD0\xA1\xC3\xF7");
}

#[test]
fn faces_come_along_with_their_people() {
    let mut line = Line::online(Profile::zam180());
    line.terminal
        .preload_users([HeldUser::new("1042", "Ayşe Demir").with_face(), HeldUser::new("1043", "Jonas Weber")]);
    let followed = line.hand_out("C:1:DATA QUERY USERINFO PIN=1042\n");
    let tags: Vec<&str> = followed.iter().map(|body| body.split(' ').next().unwrap()).collect();
    assert_eq!(tags, ["USER", "BIODATA", "BIOPHOTO", "ID=1&Return=0&CMD=DATA\n"]);
    let photo: Vec<&str> = followed[2].trim_end().split('\t').collect();
    let content = photo.iter().find_map(|field| field.strip_prefix("Content=")).unwrap();
    assert!(photo.contains(&format!("Size={}", content.len()).as_str()), "Size counts base64 characters");
}
