//! What each family of terminals does differently.

use jiff::{SignedDuration, civil::DateTime};
use terminal_simulator::{Call, HeldUser, List, Profile, ResultForm, Terminal, Vocabulary};

use crate::line::{Line, OPTIONS, SERIAL, body, target, text};

fn at(time: &str) -> DateTime {
    time.parse().unwrap()
}

#[test]
fn every_name_finds_its_profile() {
    for name in Profile::NAMES {
        assert_eq!(Profile::by_name(name).unwrap().name, *name);
    }
    assert_eq!(Profile::by_name("zam180 "), None);
}

#[test]
fn the_exact_bytes_of_a_legacy_handshake() {
    let mut line = Line::new(Profile::legacy_fw());
    assert_eq!(
        text(&line.next().bytes),
        "GET /iclock/cdata?SN=CJX9253300417&options=all&pushver=2.0.1&language=69 HTTP/1.0\r\n\
         Host: push.example.net:8081\r\nUser-Agent: iClock Proxy/1.09\r\nConnection: close\r\nAccept: */*\r\n\r\n"
    );
}

#[test]
fn the_exact_bytes_of_a_legacy_upload() {
    let mut line = Line::online(Profile::legacy_fw());
    line.terminal.punch("12", at("2026-03-02T08:02:59"));
    line.terminal.punch("13", at("2026-03-02T08:03:05"));
    assert_eq!(
        line.expect(Call::Upload, "OK"),
        "POST /iclock/cdata?SN=CJX9253300417&table=ATTLOG&Stamp=841132985 HTTP/1.0\r\n\
         Host: push.example.net:8081\r\nUser-Agent: iClock Proxy/1.09\r\nConnection: close\r\nContent-Length: 54\r\n\
         Accept: */*\r\n\r\n12\t2026-03-02 08:02:59\t0\t1\n13\t2026-03-02 08:03:05\t0\t1\n"
    );
    assert_eq!(line.terminal.undelivered_punches(), 0);
}

#[test]
fn the_exact_bytes_of_a_newer_upload() {
    let mut line = Line::online(Profile::senseface_a2());
    line.terminal.punch("3", at("2026-09-15T15:35:43"));
    assert_eq!(
        line.expect(Call::Upload, "OK: 1"),
        "POST /iclock/cdata?SN=CJX9253300417&table=ATTLOG&Stamp=9999 HTTP/1.1\r\nHost: push.example.net:8081\r\n\
         User-Agent: iClock Proxy/1.09\r\nConnection: starting\r\nAccept: application/push\r\nAccept-Charset: UTF-8\r\n\
         Accept-Language: zh-CN\r\nContent-Type: application/push;charset=UTF-8\r\nContent-Length: 42\r\n\r\n\
         3\t2026-09-15 15:35:43\t255\t15\t0\t0\t0\t0\t0\t0\t\n"
    );
}

#[test]
fn an_aspx_unit_says_so_everywhere() {
    let mut profile = Profile::zam180();
    profile.http.suffix = ".aspx";
    let mut line = Line::new(profile);
    assert!(line.expect(Call::Handshake, OPTIONS).starts_with("GET /iclock/cdata.aspx?SN="));
    assert!(line.expect(Call::Poll, "C:1:LOG\n").starts_with("GET /iclock/getrequest.aspx?SN="));
    assert!(line.expect(Call::Results, "OK").starts_with("POST /iclock/devicecmd.aspx?SN="));
    line.terminal.punch("1", at("2026-03-02T08:00:00"));
    assert!(line.expect(Call::Upload, "OK").starts_with("POST /iclock/cdata.aspx?SN="));
}

#[test]
fn polls_stretch_from_one_second_to_the_delay() {
    let mut line = Line::online(Profile::zam180());
    let mut pauses = Vec::new();
    for _ in 0..7 {
        let before = line.now;
        line.expect(Call::Poll, "OK");
        pauses.push(line.now.duration_since(before).as_secs());
    }
    assert_eq!(pauses, [3, 5, 7, 9, 10, 10, 10]);
    line.expect(Call::Poll, "C:1:LOG\n");
    line.expect(Call::Results, "OK");
    let before = line.now;
    line.expect(Call::Poll, "OK");
    assert_eq!(line.now.duration_since(before).as_secs(), 1);
    let poll = line.next();
    line.lose(&poll);
    let before = line.now;
    line.expect(Call::Poll, "OK");
    assert_eq!(line.now.duration_since(before).as_secs(), 30, "ErrorDelay");
}

#[test]
fn a_handshake_is_repeated_until_it_brings_a_terminated_line() {
    let mut line = Line::new(Profile::legacy_fw());
    for bad in ["OK", "Delay=10", "UNKNOWN DEVICE\n", "RETRY\n", ""] {
        line.expect(Call::Handshake, bad);
    }
    line.expect(Call::Handshake, "Delay=10\n");
    line.expect(Call::Poll, "OK");
    let mut line = Line::new(Profile::zam180());
    line.expect(Call::Handshake, "OK");
    line.expect(Call::Poll, "OK");
}

#[test]
fn the_legacy_client_waits_after_a_terminated_ok() {
    let mut line = Line::online(Profile::legacy_fw());
    line.expect(Call::Poll, "OK\n");
    let before = line.now;
    line.expect(Call::Poll, "OK");
    assert_eq!(line.now.duration_since(before).as_secs(), 30);
    let poll = line.next();
    line.answer(&poll, "");
    assert_eq!(line.terminal.statistics().failures, 1, "zero bytes count as offline");
}

#[test]
fn time_zones_in_three_spellings() {
    for (spelling, local) in [
        ("TimeZone=3", "2026-03-02T08:00:05"),
        ("TimeZone=-5", "2026-03-02T00:00:05"),
        ("TimeZone=345", "2026-03-02T10:45:05"),
        ("TimeZone=-05:30", "2026-03-01T23:30:05"),
        ("TimeZone=99999999999", "2026-03-03T05:00:05"),
        ("Delay=9", "2026-03-02T05:00:05"),
    ] {
        let mut line = Line::new(Profile::zam180());
        line.terminal.set_clock_skew(SignedDuration::from_hours(-900));
        line.expect(Call::Handshake, &format!("{spelling}\n"));
        assert_eq!(line.terminal.local(line.now), at(local), "{spelling}");
    }
}

#[test]
fn a_clock_is_left_alone_when_the_reply_took_long() {
    let mut line = Line::new(Profile::zam180());
    line.terminal.set_clock_skew(SignedDuration::from_hours(1));
    let handshake = line.next();
    line.now += SignedDuration::from_secs(5);
    line.answer(&handshake, OPTIONS);
    assert_eq!(line.terminal.local(line.now), at("2026-03-02T06:00:10"));
}

#[test]
fn the_first_dialect_announces_nothing_and_names_no_table() {
    let mut line = Line::new(Profile::push1());
    let handshake =
        line.expect(Call::Handshake, "Stamp=9999\nOpStamp=9999\nTransFlag=TransData AttLog\tOpLog\tEnrollUser\n");
    assert_eq!(target(&handshake), "/iclock/cdata?SN=CJX9253300417&options=all");
    assert!(line.expect(Call::Poll, "OK").contains("&INFO=Ver%206.21%20Nov%2019%202012,0,0,0 HTTP/1.0"));
    line.terminal.punch("12", at("2026-03-02T08:02:59"));
    assert_eq!(target(&line.expect(Call::Upload, "OK")), "/iclock/cdata?SN=CJX9253300417&Stamp=841132979");
    line.terminal.edit_at_keypad("12", "Weber", Some(123_456_789));
    let upload = line.expect(Call::Upload, "OK");
    assert_eq!(target(&upload), "/iclock/cdata?SN=CJX9253300417&table=OPERLOG&OpStamp=841122005");
    assert_eq!(
        body(&upload),
        "OPLOG 30\t0\t2026-03-02 05:00:05\t12\t0\t0\t0\n\
         USER PIN=12\tName=Weber\tPri=0\tPasswd=\tCard=[15CD5B0700]\tGrp=1\tTZ=\n"
    );
}

#[test]
fn the_first_dialect_takes_the_old_words_only() {
    let mut line = Line::online(Profile::push1());
    assert_eq!(
        line.hand_out(
            "C:1:DATA UPDATE USERINFO PIN=1\tName=Ada\nC:2:DATA USER PIN=1\tName=Ada\nC:3:DATA DELETE USERINFO PIN=1\n\
             C:4:DATA USER PIN=1234567890\tName=Too long\nC:5:DATA QUERY USERINFO PIN=1\nC:6:DATA DEL_USER PIN=1\n"
        ),
        [
            "USER PIN=1\tName=Ada\tPri=0\tPasswd=\tCard=[0000000000]\tGrp=0\tTZ=\n",
            "ID=1&Return=-1004&CMD=DATA\nID=2&Return=0&CMD=DATA\nID=3&Return=-1004&CMD=DATA\n\
             ID=4&Return=-2&CMD=DATA\nID=5&Return=1&CMD=DATA\nID=6&Return=0&CMD=DATA\n"
        ]
    );
    assert!(line.terminal.users().is_empty());
}

#[test]
fn the_legacy_client_answers_one_pin_and_not_the_list() {
    let mut line = Line::online(Profile::legacy_fw());
    line.terminal.preload_users([HeldUser::new("12", "Weber").with_card(123_456_789)]);
    let followed = line.hand_out("C:561:DATA QUERY USERINFO PIN=12\n");
    assert_eq!(followed.last().unwrap(), "ID=561&Return=1&CMD=DATA\n");
    assert_eq!(line.hand_out("C:562:DATA QUERY USERINFO PIN=99\n"), ["ID=562&Return=0&CMD=DATA\n"]);
    assert_eq!(line.hand_out("C:563:DATA QUERY USERINFO\n"), ["ID=563&Return=0&CMD=DATA\n"]);
    let more = line.hand_out("C:564:DATA QUERY USERINFO PIN=12\tName=\n");
    assert_eq!(more, ["ID=564&Return=0&CMD=DATA\n"], "the rest of the line is the PIN");
    line.until_poll();
    line.expect(Call::Poll, "C:565:DATA QUERY USERINFO PIN=12\n");
    assert_eq!(target(&line.expect(Call::Upload, "OK")), "/iclock/cdata?SN=CJX9253300417&table=USERINFO&Stamp=0");
}

#[test]
fn a_zero_operation_stamp_makes_the_legacy_client_dump_everybody() {
    let options = |punches: i64, operations: i64| {
        format!(
            "ATTLOGStamp={punches}\nOPERLOGStamp={operations}\nTransFlag=TransData AttLog\tOpLog\tEnrollUser\n\
             ServerVer=2.2.14\n"
        )
    };
    let mut line = Line::online(Profile::legacy_fw());
    line.terminal.preload_users([HeldUser::new("1", "Admin").with_privilege(14), HeldUser::new("12", "Weber")]);
    line.terminal.punch("1", at("2026-03-02T08:00:00"));
    line.until_poll();
    line.expect(Call::Poll, "C:571:CHECK\n");
    line.expect(Call::Handshake, &options(841_132_800, 0));
    assert_eq!(body(&line.expect(Call::Results, "OK")), "ID=571&Return=0&CMD=CHECK\n");
    line.expect(Call::Poll, "OK");
    let dump = line.expect(Call::Upload, "OK");
    assert!(dump.contains("table=OPERLOG") && body(&dump).lines().count() == 2, "{dump}");
    assert_eq!(line.terminal.undelivered_punches(), 0, "the stamp is the last punch's");
    line.terminal.reboot();
    line.expect(Call::Handshake, &options(9999, 9999));
    assert_eq!(line.terminal.undelivered_punches(), 1, "an ancient stamp replays");
}

#[test]
fn stamps_count_under_the_names_of_their_dialect_only() {
    for (reply, replayed) in [
        ("ATTLOGStamp=0\nServerVer=2.2.14\n", 1),
        ("ATTLOGStamp=0\n", 0),
        ("Stamp=0\n", 1),
        ("Stamp=0\nServerVer=2.2.14\n", 0),
        ("ATTLOGSTAMP=0\nServerVer=2.2.14\n", 0),
    ] {
        let mut line = Line::online(Profile::legacy_fw());
        line.terminal.punch("1", at("2026-03-02T08:00:00"));
        line.expect(Call::Upload, "OK: 1");
        line.terminal.reboot();
        line.expect(Call::Handshake, reply);
        assert_eq!(line.terminal.undelivered_punches(), replayed, "{reply}");
    }
}

#[test]
fn the_legacy_client_batches_by_success() {
    let mut line = Line::online(Profile::legacy_fw());
    for minute in 0..60 {
        for second in 0..10 {
            line.terminal.punch("1", at("2026-03-02T08:00:00") + SignedDuration::from_secs(minute * 60 + second));
        }
    }
    let mut sizes = Vec::new();
    let mut failures = 3;
    while line.terminal.undelivered_punches() > 0 {
        let exchange = line.next();
        let rows = body(&text(&exchange.bytes)).lines().count();
        match exchange.call {
            Call::Upload if rows == 110 && failures > 0 => {
                failures -= 1;
                line.lose(&exchange);
            }
            Call::Upload => {
                sizes.push(rows);
                line.answer(&exchange, "OK");
            }
            Call::Handshake => line.answer(&exchange, "Delay=60\n"),
            _ => line.answer(&exchange, "OK"),
        }
    }
    assert_eq!(sizes, [100, 80, 90, 100, 110, 120]);
}

#[test]
fn a_newer_unit_reports_before_it_answers() {
    let mut line = Line::online(Profile::senseface_a2());
    line.terminal.preload_users([HeldUser::new("1044", "Jonas Weber").with_card(3_735_928_559)]);
    assert_eq!(
        line.hand_out("C:531:DATA QUERY USERINFO\nC:532:DATA QUERY USERINFO PIN=5\n"),
        [
            "ID=531&Return=0&CMD=DATA\nID=532&Return=-1&CMD=DATA\n",
            "USER PIN=1044\tName=Jonas Weber\tPri=0\tPasswd=\tCard=3735928559\tGrp=1\tTZ=\tVerify=-1\tViceCard=\
             \tExpires=0\tStartDatetime=0\tEndDatetime=0\n"
        ]
    );
}

#[test]
fn long_lists_come_in_pieces_and_may_stop_early() {
    for (list, sizes) in [(List::Works, vec![50, 50, 20]), (List::Truncated(60), vec![50, 10])] {
        let mut profile = Profile::zam180();
        profile.queries.list = list;
        let mut line = Line::online(profile);
        line.terminal.preload_users((1..=120).map(|n| HeldUser::new(&n.to_string(), "Nguyễn Thị Hoa")));
        let followed = line.hand_out("C:1:DATA QUERY USERINFO\n");
        let (result, lists) = followed.split_last().unwrap();
        assert_eq!(result, "ID=1&Return=0&CMD=DATA\n");
        assert_eq!(lists.iter().map(|body| body.lines().count()).collect::<Vec<_>>(), sizes);
    }
}

#[test]
fn mars_takes_one_command_per_poll_and_is_deaf_to_lists_and_check() {
    let mut line = Line::online(Profile::mars());
    line.terminal.preload_users([HeldUser::new("1", "Admin")]);
    let followed = line.hand_out("C:761:DATA QUERY USERINFO PIN=1\nC:762:DATA QUERY USERINFO PIN=2\n");
    assert_eq!(followed.last().unwrap(), "ID=761&Return=0&CMD=DATA\n");
    assert!(line.hand_out("C:763:DATA QUERY USERINFO\n").is_empty());
    assert!(line.hand_out("C:764:CHECK\n").is_empty());
    assert_eq!(line.terminal.statistics().commands_ignored, 1);
}

#[test]
fn mars_sends_its_rows_again_until_all_of_them_are_counted() {
    let mut line = Line::online(Profile::mars());
    for second in 0..200 {
        line.terminal.punch("1", at("2026-03-02T08:00:00") + SignedDuration::from_secs(second));
    }
    let first = line.expect(Call::Upload, "OK");
    assert_eq!(body(&first).lines().count(), 128);
    for uncounted in ["OK: 0", "OK: 127"] {
        assert_eq!(line.expect(Call::Upload, uncounted), first);
    }
    line.expect(Call::Poll, "OK");
    assert_eq!(line.expect(Call::Upload, "OK:128\nPOST from: CJX9253300417\n"), first);
    assert_eq!(line.terminal.undelivered_punches(), 72);
}

#[test]
fn chatty_posts_nothing_five_times_a_second_until_it_is_counted() {
    let mut line = Line::new(Profile::chatty());
    line.expect(Call::Handshake, "Delay=10\n");
    line.expect(Call::Poll, "OK");
    let start = line.now;
    for _ in 0..5 {
        let empty = line.expect(Call::Upload, "OK: 0");
        assert_eq!((target(&empty), body(&empty)), ("/iclock/cdata?SN=CJX9253300417&table=OPERLOG&Stamp=9999", ""));
    }
    assert_eq!(line.now.duration_since(start), SignedDuration::from_millis(800));
    assert!(!line.terminal.is_idle());
    line.expect(Call::Upload, "OK: 1");
    line.expect(Call::Poll, "OK");
    assert!(line.terminal.is_idle());
}

#[test]
fn mb10_replays_its_history_at_every_boot() {
    let mut line = Line::online(Profile::mb10());
    for second in 0..130 {
        line.terminal.punch("1", at("2026-03-02T08:00:00") + SignedDuration::from_secs(second));
    }
    line.expect(Call::Upload, "OK: 128");
    line.expect(Call::Upload, "OK: 2");
    line.terminal.reboot();
    assert_eq!(line.terminal.undelivered_punches(), 130);
}

#[test]
fn a_reboot_forgets_the_rest_of_a_batch_and_comes_back_by_itself() {
    let mut line = Line::online(Profile::zam180());
    line.until_poll();
    line.expect(Call::Poll, "C:1:LOG\nC:2:REBOOT\nC:3:DATA UPDATE USERINFO PIN=1\n");
    let before = line.now;
    line.expect(Call::Handshake, OPTIONS);
    assert_eq!(line.now.duration_since(before).as_secs(), 40);
    assert_eq!(body(&line.expect(Call::Results, "OK")), "ID=1&Return=0&CMD=LOG\nID=2&Return=0&CMD=REBOOT\n");
    assert!(line.expect(Call::Poll, "OK").contains("&INFO="));
    assert!(line.terminal.users().is_empty());
}

#[test]
fn new_firmware_shows_in_the_first_poll() {
    let mut line = Line::online(Profile::zam180());
    line.terminal.upgrade_firmware("ZAM180-NF50VA-Ver4.0.0");
    line.expect(Call::Handshake, OPTIONS);
    line.until_poll();
    assert!(line.expect(Call::Poll, "OK").contains("INFO=ZAM180-NF50VA-Ver4.0.0,"));
}

#[test]
fn a_command_id_that_is_no_short_word_is_ignored() {
    let mut line = Line::online(Profile::zam180());
    assert!(line.hand_out("C:5f0c1d7b-9a3e-48d2:LOG\nC:12345678901234567:LOG\nC::LOG\nC:9\n").is_empty());
    assert_eq!(line.terminal.statistics().commands_ignored, 4);
}

#[test]
fn an_unknown_device_drops_its_session() {
    let mut line = Line::online(Profile::legacy_fw());
    line.terminal.punch("1", at("2026-03-02T08:00:00"));
    line.expect(Call::Upload, "UNKNOWN DEVICE");
    line.expect(Call::Handshake, OPTIONS);
    assert_eq!(line.terminal.undelivered_punches(), 1);
}

#[test]
fn some_units_drop_what_a_server_error_refused() {
    let mut profile = Profile::zam180();
    profile.uploads.drops_on_server_error = true;
    let mut line = Line::online(profile);
    line.terminal.punch("1", at("2026-03-02T08:00:00"));
    let upload = line.next();
    line.raw(&upload, b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
    assert_eq!((line.terminal.undelivered_punches(), line.terminal.statistics().punches_acknowledged), (0, 0));
}

#[test]
fn some_units_forget_what_they_could_not_deliver_until_they_are_asked() {
    let mut profile = Profile::senseface_a2();
    profile.uploads.forgets_undelivered = true;
    let mut line = Line::online(profile);
    line.terminal.punch("1", at("2026-03-02T08:00:00"));
    for _ in 0..3 {
        let upload = line.next();
        line.raw(&upload, b"");
    }
    assert_eq!((line.terminal.undelivered_punches(), line.terminal.statistics().punches_acknowledged), (0, 0));
    let query = "C:1:DATA QUERY ATTLOG StartTime=2026-03-02 07:00:00\tEndTime=2026-03-03 08:00:00\n";
    line.hand_out(query);
    let told = line.terminal.transcript().messages().map(|(_, message)| String::from_utf8_lossy(message).into_owned());
    assert!(told.into_iter().any(|message| message.contains("2026-03-02 08:00:00\t")));

    line.terminal.profile_mut().queries.tells_punches = false;
    line.terminal.profile_mut().codes.unknown_table = -1002;
    assert_eq!(line.hand_out(query).len(), 1);
}

#[test]
fn some_units_choke_on_empty_fields() {
    let mut profile = Profile::zam180();
    profile.people.chokes_on_empty_fields = true;
    profile.people.vocabulary = Vocabulary::Both;
    let mut line = Line::online(profile);
    assert!(line.hand_out("C:1:DATA UPDATE USERINFO PIN=1\tCard=\n").is_empty());
    assert_eq!(line.hand_out("C:2:DATA USER PIN=1\tCard=5\n").len(), 1);
}

#[test]
fn punches_are_recorded_while_nobody_listens() {
    let mut terminal = Terminal::new(SERIAL, Profile::zam180(), 1);
    terminal.punch("1", at("2026-03-02T08:00:00"));
    assert_eq!(terminal.undelivered_punches(), 1);
    assert!(!terminal.is_idle());
}

#[test]
fn a_newer_unit_pings_between_the_pieces_of_a_long_answer() {
    let mut profile = Profile::senseface_a2();
    profile.queries.users_per_post = 1;
    let mut line = Line::new(profile);
    line.expect(Call::Handshake, "Delay=10\nSupportPing=1\n");
    line.terminal.preload_users((1..=9).map(|n| HeldUser::new(&n.to_string(), "José")));
    line.expect(Call::Poll, "C:1:DATA QUERY USERINFO\n");
    let mut calls = Vec::new();
    while !line.terminal.is_idle() {
        let exchange = line.next();
        if exchange.call == Call::Ping {
            assert_eq!(target(&text(&exchange.bytes)), "/iclock/ping?SN=CJX9253300417");
        }
        calls.push(exchange.call);
        line.answer(&exchange, "OK: 1");
    }
    assert_eq!(calls.iter().filter(|call| **call == Call::Upload).count(), 9);
    assert_eq!(calls.iter().filter(|call| **call == Call::Ping).count(), 2);
}

#[test]
fn results_in_their_shapes() {
    for (form, result) in [
        (ResultForm::Flat, "ID=1&Return=0&CMD=LOG\n"),
        (ResultForm::WithSerial, "ID=1&SN=CJX9253300417&Return=0&CMD=LOG\n"),
        (ResultForm::LowerCase, "id=1&return=0&cmd=LOG\r\n"),
    ] {
        let mut line = Line::online(Profile { results: form, ..Profile::zam180() });
        assert_eq!(line.hand_out("C:1:LOG\n"), [result]);
    }
    let mut line = Line::online(Profile { posts_results_twice: true, ..Profile::zam180() });
    assert_eq!(line.hand_out("C:1:LOG\n"), ["ID=1&Return=0&CMD=LOG\n", "ID=1&Return=0&CMD=LOG\n"]);
    assert!(line.hand_out("OK").is_empty());
}

#[test]
fn a_hostile_unit_is_odd_in_many_ways() {
    let mut line = Line::new(Profile::hostile());
    let handshake = line.expect(Call::Handshake, "Delay=10\n");
    assert!(target(&handshake).contains("&DeviceType=middle%20east&language=69&PushOptionsFlag=2&c=registry"));
    assert!(
        line.expect(Call::Poll, "OK")
            .starts_with("GET /iclock/getrequest.aspx?SN=CJX9253300417&INFO=Ver 8.0.4.2 (build 77),")
    );
}

#[test]
fn a_count_may_be_wrong_on_purpose() {
    let mut line = Line::online(Profile::zam180());
    line.terminal.miscount(3);
    assert!(line.hand_out("C:1:INFO\n")[0].contains("\nUserCount=3\n"));
    line.terminal.profile_mut().queries.list = List::Silent;
    assert!(line.hand_out("C:2:DATA QUERY USERINFO\n").is_empty());
}
