//! What a terminal must keep to be worth testing against, one test or more for each item. It
//!
//! 1. takes commands from its own polls only, and executes none before the reply is complete;
//! 2. repeats an unacknowledged upload unchanged, three times, then waits `ErrorDelay`;
//! 3. knows a failure: not 200, no `OK`, for some no `text/plain`, no reply in time;
//! 4. executes terminated `C:` lines and no others;
//! 5. keeps results until they are accepted, and repeats the whole file;
//! 6. stores people as its firmware does, so that an acknowledgement may be without effect;
//! 7. goes wrong on demand (more in `faults.rs`);
//! 8. keeps every byte in both directions;
//! 9. counts what it holds, unless it is made to miscount;
//! 10. in the legacy family, breaks on the replies that broke the real one.

use jiff::SignedDuration;
use terminal_simulator::{Call, Direction, FaultKind, FaultKinds, Faults, HeldUser, Profile, Reply, Step, Terminal};

use crate::line::{Line, OPTIONS, body, target, text};

const PUT: &str = "C:418:DATA UPDATE USERINFO PIN=1042\tName=Ayşe Demir\tPri=0\tCard=123456789\tGrp=1\n";

#[test]
fn a_student_is_written_and_read_back() {
    let mut line = Line::online(Profile::zam180());
    assert_eq!(line.hand_out(PUT), ["ID=418&Return=0&CMD=DATA\n"]);
    let held = &line.terminal.users()["1042"];
    assert_eq!((held.name.as_str(), held.card), ("Ayşe Demir", Some(123_456_789)));
    assert_eq!(
        line.hand_out("C:419:DATA QUERY USERINFO PIN=1042\n"),
        [
            "USER PIN=1042\tName=Ayşe Demir\tPri=0\tPasswd=\tCard=[15CD5B07]\tGrp=1\tTZ=\tVerify=-1\tViceCard=\
             \tStartDatetime=0\tEndDatetime=0\n",
            "ID=419&Return=0&CMD=DATA\n"
        ]
    );
    line.expect(Call::Poll, "OK");
    assert!(line.terminal.is_idle());
}

#[test]
fn item_1_commands_are_looked_for_in_no_reply_but_a_polls() {
    let mut line = Line::new(Profile::zam180());
    line.expect(Call::Handshake, &format!("{OPTIONS}C:1:CLEAR DATA\n"));
    line.terminal.preload_users([HeldUser::new("1", "Νίκος Αθανασίου")]);
    line.expect(Call::Poll, "C:2:INFO\n");
    line.expect(Call::Results, "OK\nC:3:CLEAR DATA\n");
    line.terminal.punch("1", "2026-03-02T08:00:00".parse().unwrap());
    line.expect(Call::Upload, "OK: 1\nC:4:CLEAR DATA\n");
    assert_eq!(line.terminal.users().len(), 1);
    assert_eq!(line.terminal.statistics().commands_executed, 1);
}

#[test]
fn item_1_nothing_is_executed_before_the_reply_is_complete() {
    for profile in [Profile::zam180(), Profile::legacy_fw()] {
        let mut line = Line::online(profile);
        line.until_poll();
        let poll = line.next();
        let whole = line.http(PUT);
        line.raw(&poll, &whole[..whole.len() - 1]);
        line.until_poll();
        assert!(line.terminal.users().is_empty());
        assert_eq!(line.terminal.statistics().failures, 1);
    }
}

#[test]
fn item_2_an_unacknowledged_upload_is_repeated_unchanged_and_then_rests() {
    let mut line = Line::online(Profile::zam180());
    line.terminal.punch("1042", "2026-03-02T08:00:03".parse().unwrap());
    let first = line.next();
    let start = line.now;
    line.lose(&first);
    line.terminal.punch("1043", "2026-03-02T08:00:04".parse().unwrap());
    let mut at = Vec::new();
    for _ in 0..2 {
        let again = line.next();
        at.push(line.now.duration_since(start).as_millis());
        assert_eq!(text(&again.bytes), text(&first.bytes));
        line.lose(&again);
    }
    assert_eq!(at, [300, 900]);
    let after = line.next();
    assert_eq!(line.now.duration_since(start), SignedDuration::from_millis(300 + 600 + 900 + 30_000));
    assert_eq!(after.call, Call::Handshake, "three losses look like a lost network");
    line.answer(&after, OPTIONS);
    line.expect(Call::Poll, "OK");
    assert_eq!(text(&line.next().bytes), text(&first.bytes));
    assert_eq!(line.terminal.undelivered_punches(), 2);
}

#[test]
fn item_2_a_server_that_refuses_uploads_is_still_polled() {
    let mut line = Line::online(Profile::zam180());
    line.terminal.punch("1042", "2026-03-02T08:00:03".parse().unwrap());
    for _ in 0..3 {
        let upload = line.next();
        assert_eq!(upload.call, Call::Upload);
        line.raw(&upload, b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
    }
    line.expect(Call::Poll, "OK");
    line.expect(Call::Upload, "OK: 1");
    assert_eq!(line.terminal.undelivered_punches(), 0);
}

#[test]
fn item_3_what_counts_as_a_failure() {
    let plain = "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nOK";
    let refused = [
        format!("HTTP/1.1 201 Created\r\n{plain}"),
        format!("HTTP/1.1 500 Internal Server Error\r\n{plain}"),
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nfine!".to_owned(),
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n".to_owned(),
    ];
    for reply in &refused {
        let mut line = Line::online(Profile::zam180());
        line.terminal.punch("1", "2026-03-02T08:00:03".parse().unwrap());
        let upload = line.next();
        line.raw(&upload, reply.as_bytes());
        assert_eq!((line.terminal.undelivered_punches(), line.terminal.statistics().failures), (1, 1), "{reply}");
    }
    let mut line = Line::online(Profile::zam180());
    line.terminal.punch("1", "2026-03-02T08:00:03".parse().unwrap());
    let upload = line.next();
    assert_eq!(line.terminal.next(upload.deadline - SignedDuration::from_secs(1)), Step::Wait(upload.deadline));
    assert!(matches!(line.terminal.next(upload.deadline), Step::Wait(_)));
    assert_eq!(line.terminal.statistics().failures, 1, "a timeout");
}

#[test]
fn item_3_the_legacy_client_needs_text_plain_for_results() {
    let html = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nOK";
    for (profile, accepted) in [(Profile::legacy_fw(), 0), (Profile::zam180(), 1)] {
        let mut line = Line::online(profile);
        line.until_poll();
        line.expect(Call::Poll, "C:7:LOG\n");
        let results = line.next();
        line.raw(&results, html);
        assert_eq!(line.terminal.statistics().results_accepted, accepted);
    }
}

#[test]
fn item_4_an_unterminated_command_is_not_executed() {
    let mut line = Line::online(Profile::legacy_fw());
    let followed = line.hand_out("C:15:DATA DELETE USERINFO PIN=1\nC:16:DATA DELETE USERINFO PIN=2");
    assert_eq!(followed, ["ID=15&Return=0&CMD=DATA\n"]);
}

#[test]
fn item_4_lines_without_a_prefix_are_ignored() {
    let mut line = Line::online(Profile::zam180());
    line.terminal.preload_users([HeldUser::new("1", "李小明")]);
    assert!(line.hand_out("DATA DELETE USERINFO PIN=1\n").is_empty());
    assert!(line.hand_out("c:5:DATA DELETE USERINFO PIN=1\n").is_empty());
    assert_eq!(line.terminal.users().len(), 1);
    assert_eq!(line.terminal.statistics().strange_lines, 2);
}

#[test]
fn item_4_either_line_end_will_do_and_a_line_break_in_a_name_is_a_second_command() {
    let mut line = Line::online(Profile::zam180());
    let followed = line.hand_out("C:1:DATA UPDATE USERINFO PIN=1\tName=Eve\r\n\r\nC:9:CLEAR DATA\n");
    assert_eq!(followed, ["ID=1&Return=0&CMD=DATA\nID=9&Return=0&CMD=CLEAR_DATA\n"]);
    assert_eq!(line.terminal.statistics().wipes_by_command, 1);
}

#[test]
fn item_5_the_whole_file_of_results_is_repeated_until_it_is_accepted() {
    let mut line = Line::online(Profile::zam180());
    line.until_poll();
    line.expect(Call::Poll, PUT);
    for _ in 0..2 {
        let results = line.next();
        assert_eq!(body(&text(&results.bytes)), "ID=418&Return=0&CMD=DATA\n");
        line.lose(&results);
    }
    line.expect(Call::Poll, "C:419:LOG\n");
    let both = line.expect(Call::Results, "OK");
    assert_eq!(body(&both), "ID=418&Return=0&CMD=DATA\nID=419&Return=0&CMD=LOG\n");
    assert!(line.until_poll().is_empty());
}

#[test]
fn item_6_an_acknowledgement_without_effect() {
    let mut line = Line::online(Profile::legacy_fw());
    let long = "C:1:DATA UPDATE USERINFO PIN=12\tName=Θεοδώρα Παπαδοπούλου\tCard=123456789\n";
    assert_eq!(line.hand_out(long), ["ID=1&Return=0&CMD=DATA\n"]);
    let held = &line.terminal.users()["12"];
    assert_eq!(held.card, None, "a decimal card is no card to this family");
    assert_eq!(held.name_bytes.len(), 24);
    assert!(held.name.ends_with('\u{FFFD}'), "cut within a character: {}", held.name);
    assert_eq!(line.hand_out("C:2:DATA UPDATE USERINFO PIN=12\tCard=[15CD5B0700]\n"), ["ID=2&Return=0&CMD=DATA\n"]);
    let held = &line.terminal.users()["12"];
    assert_eq!((held.name.as_str(), held.card), ("", Some(123_456_789)), "what an update does not name is gone");
}

#[test]
fn item_7_every_fault_can_be_ordered_and_strikes() {
    for kind in FaultKind::ALL {
        let mut line = Line::new(Profile::zam180());
        line.terminal.faults().once(kind);
        line.converse(
            "C:1:DATA UPDATE USERINFO PIN=1\tName=Ada Novák\tCard=77\nC:2:DATA QUERY USERINFO\nC:3:INFO\n",
            SignedDuration::from_mins(10),
        );
        assert_eq!(line.terminal.faults().outstanding(), 0, "{kind:?}\n{}", line.terminal.story());
    }
}

#[test]
fn item_8_every_byte_is_kept_in_the_format_of_the_examples() {
    let mut line = Line::new(Profile::zam180());
    let sent = line.next();
    let reply = line.http(OPTIONS);
    line.raw(&sent, &reply);
    let file = line.terminal.transcript().to_bytes("Handshake");
    let expected = [
        format!("# Handshake\n%%% REQUEST {}\n", sent.bytes.len()).as_bytes(),
        &sent.bytes,
        format!("\n%%% RESPONSE {}\n", reply.len()).as_bytes(),
        &reply,
        b"\n",
    ]
    .concat();
    assert_eq!(text(&file), text(&expected));
    line.terminal.keep_transcript(1);
    line.expect(Call::Poll, "OK");
    let kept: Vec<Direction> = line.terminal.transcript().messages().map(|(direction, _)| direction).collect();
    assert_eq!(kept, [Direction::Response]);
}

#[test]
fn item_9_counts_come_from_the_table_except_when_stale() {
    let mut line = Line::new(Profile::zam180());
    let users = ["Ayşe Demir", "田中さくら"].into_iter().zip(["1", "2"]);
    line.terminal.preload_users(users.map(|(name, pin)| HeldUser::new(pin, name).with_card(7 + pin.len() as u64)));
    line.expect(Call::Handshake, OPTIONS);
    let poll = line.expect(Call::Poll, "OK");
    assert!(target(&poll).ends_with("&INFO=ZAM180-NF50VA-Ver3.4.99,2,0,0,192.0.2.8,10,39,12,0,111,2,0,0"), "{poll}");
    assert!(!line.expect(Call::Poll, "OK").contains("INFO="), "only when something changed");
    assert_eq!(line.hand_out("C:1:INFO\n")[0].lines().find(|l| l.starts_with("UserCount")), Some("UserCount=2"));
    line.terminal.faults().once(FaultKind::StaleCount);
    let poll = line.hand_out("C:2:INFO\n");
    let count = poll[0].lines().find(|l| l.starts_with("UserCount")).unwrap();
    assert_ne!(count, "UserCount=2");
}

#[test]
fn item_9_the_legacy_client_counts_aloud_only_after_a_data_command() {
    let mut line = Line::online(Profile::legacy_fw());
    line.terminal.edit_at_keypad("5", "Łukasz Wójcik", None);
    line.until_poll();
    assert!(!line.expect(Call::Poll, "C:1:INFO\n").contains("INFO="));
    line.until_poll();
    assert!(!line.expect(Call::Poll, "C:2:DATA UPDATE USERINFO PIN=6\tName=X\n").contains("INFO="));
    line.until_poll();
    assert!(line.expect(Call::Poll, "OK").contains("&INFO=Ver 6.60 May 14 2018,2,0,0,"), "blanks and all");
}

/// What the legacy client makes of one reply to its poll.
fn legacy(reply: &[u8]) -> Terminal {
    let mut line = Line::online(Profile::legacy_fw());
    line.until_poll();
    let poll = line.next();
    line.raw(&poll, reply);
    line.until_poll();
    line.terminal
}

#[test]
fn item_10_the_legacy_client_breaks_on_more_than_two_kilobytes_of_header() {
    let reply = |bytes: usize, lines: usize| {
        let cookies = format!("Set-Cookie: {}\r\n", "x".repeat(bytes)).repeat(lines);
        format!("HTTP/1.1 200 OK\r\n{cookies}Content-Type: text/plain\r\n\r\nC:1:LOG\n").into_bytes()
    };
    assert_eq!(legacy(&reply(100, 5)).statistics().commands_executed, 1);
    assert_eq!(legacy(&reply(500, 5)).statistics().commands_executed, 0, "2 KB in total");
    assert_eq!(legacy(&reply(1100, 1)).statistics().commands_executed, 0, "1 KB in a line");
}

#[test]
fn item_10_the_legacy_client_passes_chunk_framing_through_unless_the_header_is_exact() {
    let reply = |name: &str| {
        format!("HTTP/1.1 200 OK\r\n{name}: chunked\r\nContent-Type: text/plain\r\n\r\n8\r\nC:1:LOG\n\r\n0\r\n\r\n")
            .into_bytes()
    };
    let exact = legacy(&reply("Transfer-Encoding"));
    assert_eq!((exact.statistics().commands_executed, exact.statistics().strange_lines), (1, 0));
    let through = legacy(&reply("transfer-encoding"));
    assert_eq!(through.statistics().strange_lines, 2, "the sizes are lines to it");
}

#[test]
fn item_10_the_legacy_client_reads_to_the_end_unless_the_length_is_exact() {
    let terminal = Terminal::new("1", Profile::legacy_fw(), 1);
    let reply = |name: &str| format!("HTTP/1.1 200 OK\r\n{name}: 2\r\n\r\nOK").into_bytes();
    assert!(terminal.is_whole_reply(&reply("Content-Length")));
    assert!(!terminal.is_whole_reply(&reply("content-length")));
    assert!(Terminal::new("1", Profile::zam180(), 1).is_whole_reply(&reply("content-length")));
    let more = "HTTP/1.1 200 OK\r\ncontent-length: 8\r\nContent-Type: text/plain\r\n\r\nC:1:LOG\nC:2:LOG\n";
    assert_eq!(legacy(more.as_bytes()).statistics().commands_executed, 2, "it took everything that came");
}

#[test]
fn item_10_redirects_and_compression_are_failures() {
    let moved = b"HTTP/1.1 302 Found\r\nLocation: /iclock/\r\nContent-Length: 0\r\n\r\n";
    let packed = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 8\r\n\r\nC:1:LOG\n";
    for reply in [&moved[..], packed] {
        let terminal = legacy(reply);
        assert_eq!((terminal.statistics().commands_executed, terminal.statistics().failures), (0, 1));
    }
}

#[test]
fn item_10_only_a_title_case_date_with_one_blank_sets_the_clock_of_the_legacy_client() {
    let clock = |date: &str| {
        let mut line = Line::new(Profile::legacy_fw());
        let handshake = line.next();
        let reply = format!("HTTP/1.1 200 OK\r\n{date}\r\nContent-Type: text/plain\r\n\r\nTimeZone=330\n");
        line.raw(&handshake, reply.as_bytes());
        line.terminal.local(line.now).to_string()
    };
    assert_eq!(clock("Date: Mon, 02 Mar 2026 05:00:35 GMT"), "2026-03-02T10:30:35");
    assert_eq!(clock("date: Mon, 02 Mar 2026 05:00:35 GMT"), "2026-03-02T05:00:05");
    assert_eq!(clock("Date:  Mon, 02 Mar 2026 05:00:35 GMT"), "2026-03-02T05:00:05");
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let run = |seed: u64| {
        let mut line = Line::new(Profile::chatty());
        line.terminal = Terminal::new("SAME1", Profile::chatty(), seed)
            .with_faults(Faults::by_seed(seed, FaultKinds::ALL).chance(150));
        line.terminal.keep_transcript(10_000);
        line.terminal.preload_users((1..20).map(|n| HeldUser::new(&n.to_string(), "José Ñuñez").with_face()));
        line.converse(
            "C:1:DATA UPDATE USERINFO PIN=1\tName=X\nC:2:DATA QUERY USERINFO\n",
            SignedDuration::from_hours(2),
        );
        line.terminal.transcript().to_bytes("")
    };
    assert_eq!(text(&run(5)), text(&run(5)));
    assert_ne!(text(&run(5)), text(&run(6)));
}

#[test]
fn a_reply_to_anything_but_the_request_under_way_is_ignored() {
    let mut line = Line::new(Profile::zam180());
    let handshake = line.next();
    line.lose(&handshake);
    line.answer(&handshake, OPTIONS);
    assert_eq!(line.terminal.statistics().handshakes, 0);
    line.terminal.reply(handshake.id, Reply::Lost, line.now);
    assert_eq!(line.terminal.statistics().failures, 1);
}
