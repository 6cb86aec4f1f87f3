//! What terminals upload: stored once, whose it is, who came when.

use jiff::{Timestamp, tz::TimeZone};
use push_protocol::{
    record::{self, Content, Record},
    request,
    text::{Charset, SerialNumber},
};
use rollcall::{
    attendance::{
        attribute,
        punches::{self, Filter, Moment},
        quarantine::{self, Claimed},
        recorder::{NotStored, Recorded, Recorder, Upload},
    },
    clock::Clock,
    devices::DeviceId,
    school::{SchoolId, StudentId},
    store::{Db, Instant, Value},
};

use crate::databases::{Database, both_databases};

both_databases! {
    a_batch_that_is_sent_twice_is_stored_once,
    two_uploads_at_once_store_each_punch_once,
    lines_of_any_number_of_columns_are_stored,
    a_punch_belongs_to_whoever_held_the_pin_then,
    a_pin_that_nobody_held_is_remembered,
    the_earliest_punch_of_a_day_wins_in_any_order,
    rule_28_grace_decides_who_is_late_in_the_terminals_own_time,
    rule_28_punches_from_the_future_are_kept_and_make_nobody_present,
    the_quarantine_has_a_limit,
    a_claim_releases_the_quarantine_in_the_zone_of_the_school,
    a_punch_that_came_during_the_claim_is_found_by_the_tick,
    a_late_link_finds_its_punches,
    unread_lines_are_kept_within_bounds,
    what_no_index_can_hold_is_kept_as_an_unread_line,
    the_position_of_a_known_terminal_is_kept,
    an_upload_that_fails_does_not_fail_the_others,
    what_could_not_be_stored_left_nothing_behind,
    a_full_queue_says_so_at_once,
    a_stopping_recorder_stores_what_it_took,
    punches_are_listed_by_day_and_school,
}

async fn a_batch_that_is_sent_twice_is_stored_once(database: Database) {
    let gate = Gate::new(&database).await;
    let batch = ["7\t2026-11-23 07:58:00", "8\t2026-11-23 07:58:01", "7\t2026-11-23 07:58:00"];
    assert_eq!(gate.upload(&batch).await.unwrap(), Recorded { new: 2, repeated: 1 });
    assert_eq!(gate.upload(&batch).await.unwrap(), Recorded { new: 0, repeated: 3 });
    assert_eq!(gate.count("SELECT COUNT(*) FROM punches").await, 2);

    // Another status is another punch.
    assert_eq!(gate.upload(&["7\t2026-11-23 07:58:00\t1"]).await.unwrap(), Recorded { new: 1, repeated: 0 });
}

async fn two_uploads_at_once_store_each_punch_once(database: Database) {
    let gate = Gate::new(&database).await;
    let lines: Vec<String> = (0..300).map(|n| format!("{n}\t2026-11-23 07:{:02}:{:02}", n / 60, n % 60)).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let other_server = Gate { recorder: start(&gate.db, &gate.clock), ..gate.clone() };
    let (first, second, third) =
        tokio::join!(gate.upload(&lines), gate.upload(&lines[100..]), other_server.upload(&lines[..200]));
    let new = first.unwrap().new + second.unwrap().new + third.unwrap().new;
    assert_eq!(new, 300);
    assert_eq!(gate.count("SELECT COUNT(*) FROM punches").await, 300);
}

async fn lines_of_any_number_of_columns_are_stored(database: Database) {
    let gate = Gate::new(&database).await;
    let all = "1042\t2026-11-23 08:00:03\t0\t15\t0\t0\t0\t0\t36.2\t97.2\t+28800\teyJncHMiOiIifQ==";
    let columns: Vec<&str> = all.split('\t').collect();
    let lines: Vec<String> =
        (2..=columns.len()).map(|count| [&[&*format!("{count}")], &columns[1..count]].concat().join("\t")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert_eq!(gate.upload(&lines).await.unwrap().new, lines.len());

    let stored: Vec<(String, String, String, String, String, Option<i64>)> =
        gate.all("SELECT pin, status, verify, work_code, rest, utc_offset_seconds FROM punches ORDER BY id").await;
    let of = |pin: &str| stored.iter().find(|row| row.0 == pin).cloned().unwrap();
    assert_eq!(of("2"), ("2".into(), String::new(), String::new(), String::new(), String::new(), None));
    assert_eq!(of("4"), ("4".into(), "0".into(), "15".into(), String::new(), String::new(), None));
    let twelve = of("12");
    assert_eq!((twelve.4.as_str(), twelve.5), ("0\t0\t0\t36.2\t97.2\t+28800\teyJncHMiOiIifQ==", Some(28_800)));
    assert_eq!(gate.instant_of("12").await, "2026-11-23T00:00:03Z", "the terminal's own offset wins over its zone");
    assert_eq!(gate.instant_of("2").await, "2026-11-23T02:15:03Z", "Asia/Kathmandu");
}

async fn a_punch_belongs_to_whoever_held_the_pin_then(database: Database) {
    let gate = Gate::new(&database).await;
    let meera = gate.student("Meera Iyer").await;
    // In Kathmandu from 08:00 to 17:00.
    gate.holds(meera, "7", "2026-11-20T02:15:00Z", Some("2026-11-21T11:15:00Z")).await;
    gate.upload(&[
        "7\t2026-11-19 12:00:00",
        "7\t2026-11-20 07:44:59",
        "7\t2026-11-20 07:45:00",
        "7\t2026-11-20 12:00:00",
        "7\t2026-11-21 17:00:00",
        "7\t2026-11-21 17:00:01",
    ])
    .await
    .unwrap();
    assert_eq!(
        gate.owned_punches(meera).await,
        ["2026-11-20T07:45:00", "2026-11-20T12:00:00", "2026-11-21T17:00:00"],
        "a quarter of an hour before, for slow clocks, and never beyond"
    );
    assert_eq!(gate.count("SELECT COUNT(*) FROM punches WHERE student_id IS NULL").await, 3, "kept all the same");
    assert_eq!(gate.count("SELECT COUNT(*) FROM attendance_logs").await, 2);
}

async fn a_pin_that_nobody_held_is_remembered(database: Database) {
    let gate = Gate::new(&database).await;
    let student = gate.student("Nguyễn Thị Hoa").await;
    gate.holds(student, "7", "2026-11-20T00:00:00Z", None).await;
    gate.upload(&["7\t2026-11-23 08:00:00", "4711\t2026-11-23 08:00:00", "007\t2026-11-23 08:00:00"]).await.unwrap();
    let seen: Vec<(String,)> = gate.all("SELECT pin FROM device_seen_pins ORDER BY pin").await;
    assert_eq!(seen, [("007".to_owned(),), ("4711".to_owned(),)]);
}

async fn the_earliest_punch_of_a_day_wins_in_any_order(database: Database) {
    let gate = Gate::new(&database).await;
    let student = gate.student("Олена Шевченко").await;
    gate.holds(student, "7", "2026-11-01T00:00:00Z", None).await;
    let day = |time: &str| format!("7\t2026-11-23 {time}");
    gate.upload(&[&day("12:30:00"), &day("16:00:00")]).await.unwrap();
    assert_eq!(gate.days().await, [("2026-11-23".to_owned(), "2026-11-23T06:45:00Z".to_owned(), "late".to_owned())]);
    gate.upload(&[&day("07:59:00")]).await.unwrap();
    gate.upload(&[&day("08:30:00")]).await.unwrap();
    gate.upload(&["7\t2026-11-22 08:20:00"]).await.unwrap();
    assert_eq!(
        gate.days().await,
        [
            ("2026-11-22".to_owned(), "2026-11-22T02:35:00Z".to_owned(), "late".to_owned()),
            ("2026-11-23".to_owned(), "2026-11-23T02:14:00Z".to_owned(), "present".to_owned()),
        ]
    );
}

async fn rule_28_grace_decides_who_is_late_in_the_terminals_own_time(database: Database) {
    let gate = Gate::new(&database).await;
    gate.run("UPDATE schools SET day_starts_at = '09:15', grace_minutes = 5").await;
    for (pin, name) in [("1", "Amina Wanjiru"), ("2", "Łukasz Wójcik"), ("3", "王小明")] {
        let student = gate.student(name).await;
        gate.holds(student, pin, "2026-11-01T00:00:00Z", None).await;
    }
    gate.upload(&["1\t2026-11-23 09:20:00", "2\t2026-11-23 09:20:01", "3\t2026-11-23 06:00:00"]).await.unwrap();
    let statuses: Vec<(String,)> = gate.all("SELECT status FROM attendance_logs ORDER BY student_id").await;
    assert_eq!(statuses, [("present".to_owned(),), ("late".to_owned(),), ("present".to_owned(),)]);
}

async fn rule_28_punches_from_the_future_are_kept_and_make_nobody_present(database: Database) {
    let gate = Gate::new(&database).await;
    let student = gate.student("Zoë Ångström").await;
    gate.holds(student, "7", "2026-11-01T00:00:00Z", None).await;
    // The clock shows 2026-11-23 15:45 in Kathmandu.
    gate.upload(&["7\t2026-11-24 15:45:00", "7\t2026-11-25 08:00:00", "7\t2099-01-01 00:00:00"]).await.unwrap();
    let flagged: Vec<(String, bool)> =
        gate.all("SELECT punched_at, is_from_future FROM punches ORDER BY punched_at").await;
    assert_eq!(flagged.iter().map(|row| row.1).collect::<Vec<_>>(), [false, true, true]);
    assert_eq!(gate.owned_punches(student).await.len(), 3);
    assert_eq!(gate.days().await.len(), 1);
}

async fn the_quarantine_has_a_limit(database: Database) {
    let gate = Gate::new(&database).await;
    let stranger = gate.unregistered("AYTE214960001");
    let lines: Vec<String> = (0..quarantine::PER_SERIAL).map(|n| format!("{n}\t2026-11-23 08:00:00")).collect();
    let mut lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert_eq!(stranger.upload(&lines[..9_999]).await.unwrap().new, 9_999);

    lines.push("stranger\t2026-11-23 08:00:00");
    let beyond = stranger.upload(&lines[9_998..]).await;
    assert!(matches!(beyond, Err(NotStored::QuarantineFull)), "{beyond:?}");
    assert_eq!(stranger.upload(&lines[9_990..10_000]).await.unwrap(), Recorded { new: 1, repeated: 9 });
    assert_eq!(
        stranger.upload(&lines[..10]).await.unwrap(),
        Recorded { new: 0, repeated: 10 },
        "a repeat needs no room"
    );
    assert!(matches!(stranger.upload(&lines[10_000..]).await, Err(NotStored::QuarantineFull)));

    let other = gate.unregistered("AYTE214960002");
    let (full, room, known) =
        tokio::join!(stranger.upload(&lines[10_000..]), other.upload(&lines[..2]), gate.upload(&lines[..2]));
    assert!(matches!(full, Err(NotStored::QuarantineFull)));
    assert_eq!((room.unwrap().new, known.unwrap().new), (2, 2), "the others of its group are stored");
    assert_eq!(gate.count("SELECT COUNT(*) FROM punches WHERE device_id IS NULL").await, 10_002);
}

async fn a_claim_releases_the_quarantine_in_the_zone_of_the_school(database: Database) {
    let gate = Gate::new(&database).await;
    let stranger = gate.unregistered("AYTE214960001");
    let lines: Vec<String> = (0..4_500).map(|n| format!("{n}\t2026-11-20 08:00:00")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    stranger.upload(&lines).await.unwrap();
    stranger.upload(&["own\t2026-11-20 08:00:00\t0\t1\t0\t0\t0\t0\t0\t0\t+3600"]).await.unwrap();
    let student = gate.student("Itzel Quispe").await;

    let device = gate.device("AYTE214960001").await;
    let claimed = Claimed {
        serial: "AYTE214960001".to_owned(),
        device,
        school: gate.school,
        zone: TimeZone::get("Asia/Kathmandu").unwrap(),
    };
    gate.at(device).holds(student, "7", "2026-11-01T00:00:00Z", None).await;
    attribute::after_claim(&gate.db, &claimed, gate.clock.now()).await.unwrap();

    assert_eq!(gate.count("SELECT COUNT(*) FROM punches WHERE device_id IS NULL OR school_id IS NULL").await, 0);
    assert_eq!(gate.instant_of("8").await, "2026-11-20T02:15:00Z");
    assert_eq!(gate.instant_of("own").await, "2026-11-20T07:00:00Z");
    assert_eq!(gate.owned_punches(student).await, ["2026-11-20T08:00:00"]);
    assert_eq!(gate.days().await.len(), 1);
    assert_eq!(gate.count("SELECT COUNT(*) FROM device_seen_pins").await, 4_501);
}

async fn a_punch_that_came_during_the_claim_is_found_by_the_tick(database: Database) {
    let gate = Gate::new(&database).await;
    let stranger = gate.unregistered("AYTE214960001");
    let device = gate.device("AYTE214960001").await;
    let student = gate.student("Mbali Dlamini").await;
    gate.at(device).holds(student, "7", "2026-11-01T00:00:00Z", None).await;
    gate.run("UPDATE schools SET timezone = 'Asia/Kathmandu'").await;
    // The registry of that server did not know of the claim yet.
    stranger.upload(&["7\t2026-11-20 08:00:00", "4711\t2026-11-20 08:00:00"]).await.unwrap();

    attribute::tick(&gate.db, &TimeZone::UTC, gate.clock.now()).await.unwrap();
    assert_eq!(gate.owned_punches(student).await, ["2026-11-20T08:00:00"]);
    assert_eq!(gate.instant_of("7").await, "2026-11-20T02:15:00Z");
    assert_eq!(gate.count("SELECT COUNT(*) FROM device_seen_pins WHERE pin = '4711'").await, 1);
}

async fn a_late_link_finds_its_punches(database: Database) {
    let gate = Gate::new(&database).await;
    gate.upload(&["7\t2026-11-19 08:00:00", "7\t2026-11-20 08:00:00", "7\t2026-11-20 13:00:00"]).await.unwrap();
    let student = gate.student("ربيع حداد").await;
    gate.holds(student, "7", "2026-11-20T00:00:00Z", None).await;
    attribute::tick(&gate.db, &TimeZone::UTC, gate.clock.now()).await.unwrap();
    assert_eq!(gate.owned_punches(student).await, ["2026-11-20T08:00:00", "2026-11-20T13:00:00"]);
    assert_eq!(gate.days().await, [("2026-11-20".to_owned(), "2026-11-20T02:15:00Z".to_owned(), "present".to_owned())]);
}

async fn unread_lines_are_kept_within_bounds(database: Database) {
    let gate = Gate::new(&database).await;
    let upload = |lines: Vec<Vec<u8>>| Upload {
        unread: lines.into_iter().map(|line| ("OPERLOG".to_owned(), line)).collect(),
        ..gate.lines(&[])
    };
    let numbered = |from: usize, to: usize| (from..to).map(|n| format!("?? {n:04}").into_bytes()).collect::<Vec<_>>();
    gate.recorder.record(upload(numbered(0, 600))).await.unwrap();
    gate.recorder.record(upload(numbered(0, 600))).await.unwrap();
    assert_eq!(gate.count("SELECT COUNT(*) FROM unread_lines").await, 600, "a repeat is kept once");
    gate.recorder.record(upload(numbered(600, 1_300))).await.unwrap();
    assert_eq!(gate.count("SELECT COUNT(*) FROM unread_lines").await, 1_000);
    assert_eq!(gate.count("SELECT COUNT(*) FROM unread_lines WHERE line < '?? 0300'").await, 0, "the newest stay");

    gate.recorder.record(upload(vec![b"USER PIN=\xff\0\\".to_vec(), b"x".repeat(100_000)])).await.unwrap();
    let lines: Vec<(String,)> =
        gate.all("SELECT line FROM unread_lines WHERE line LIKE 'USER%' OR line LIKE 'x%'").await;
    assert_eq!(lines[0].0, r"USER PIN=\xFF\x00\\");
    assert!(lines[1].0.len() <= 2_000 && lines[1].0.ends_with('…'));
}

async fn what_no_index_can_hold_is_kept_as_an_unread_line(database: Database) {
    let gate = Gate::new(&database).await;
    let long = format!("7\t2026-11-23 08:00:00\t0\t1\t{}", "9".repeat(5_000));
    assert_eq!(gate.upload(&[&long, "8\t2026-11-23 08:00:00"]).await.unwrap().new, 1);
    assert_eq!(gate.count("SELECT COUNT(*) FROM unread_lines WHERE line LIKE '7%'").await, 1);
}

async fn the_position_of_a_known_terminal_is_kept(database: Database) {
    let gate = Gate::new(&database).await;
    for stamp in ["9998", "9999"] {
        let upload = Upload { stamp: Some(("ATTLOG".to_owned(), stamp.to_owned())), ..gate.lines(&[]) };
        gate.recorder.record(upload.clone()).await.unwrap();
        gate.recorder.record(Upload { device: None, ..upload }).await.unwrap();
    }
    let stamps: Vec<(DeviceId, String, String)> =
        gate.all("SELECT device_id, table_name, stamp FROM device_stamps").await;
    assert_eq!(stamps, [(gate.device, "ATTLOG".to_owned(), "9999".to_owned())]);
}

async fn an_upload_that_fails_does_not_fail_the_others(database: Database) {
    let gate = Gate::new(&database).await;
    let gone = Some((DeviceId(999_999), gate.school));
    let bad = Upload { device: gone, ..gate.lines(&["7\t2026-11-23 08:00:00"]) };
    let (before, failed, after) = tokio::join!(
        gate.upload(&["1\t2026-11-23 08:00:00"]),
        gate.recorder.record(bad),
        gate.upload(&["2\t2026-11-23 08:00:00"]),
    );
    assert!(matches!(failed, Err(NotStored::Failed(_))), "{failed:?}");
    assert_eq!((before.unwrap().new, after.unwrap().new), (1, 1));
    let stored: Vec<(String,)> = gate.all("SELECT pin FROM punches ORDER BY pin").await;
    assert_eq!(stored, [("1".to_owned(),), ("2".to_owned(),)]);
}

async fn what_could_not_be_stored_left_nothing_behind(database: Database) {
    let gate = Gate::new(&database).await;
    gate.run("DROP TABLE unread_lines").await;
    let upload = Upload {
        unread: vec![("ATTLOG".to_owned(), b"?".to_vec())],
        stamp: Some(("ATTLOG".to_owned(), "1".to_owned())),
        ..gate.lines(&["7\t2026-11-23 08:00:00"])
    };
    assert!(matches!(gate.recorder.record(upload).await, Err(NotStored::Failed(_))));
    assert_eq!(gate.count("SELECT COUNT(*) FROM punches").await, 0);
    assert_eq!(gate.count("SELECT COUNT(*) FROM device_stamps").await, 0);
    assert_eq!(gate.upload(&["7\t2026-11-23 08:00:00"]).await.unwrap().new, 1, "the writer lives");

    gate.db.close().await;
    let (one, other) = tokio::join!(gate.upload(&["8\t2026-11-23 08:00:00"]), gate.upload(&["9\t2026-11-23 08:00:00"]));
    assert!(matches!((one, other), (Err(NotStored::Failed(_)), Err(NotStored::Failed(_)))));
}

async fn a_full_queue_says_so_at_once(database: Database) {
    let gate = Gate::new(&database).await;
    let huge = Upload { unread: vec![("ATTLOG".to_owned(), vec![b'x'; 40_000_000])], ..gate.lines(&[]) };
    let (alone, beside) = tokio::join!(gate.recorder.record(huge), gate.upload(&["7\t2026-11-23 08:00:00"]));
    assert!(matches!(beside, Err(NotStored::Busy)), "{beside:?}");
    alone.unwrap();
    gate.upload(&["7\t2026-11-23 08:00:00"]).await.unwrap();
}

async fn a_stopping_recorder_stores_what_it_took(database: Database) {
    let gate = Gate::new(&database).await;
    let (recorder, ended) = Recorder::start(gate.db.clone(), gate.clock.clone());
    let gate = Gate { recorder, ..gate };
    let stop = async { gate.recorder.stop() };
    let (taken, ()) = tokio::join!(gate.upload(&["7\t2026-11-23 08:00:00"]), stop);
    ended.await;
    assert_eq!(taken.unwrap().new, 1);
    assert!(matches!(gate.upload(&["8\t2026-11-23 08:00:00"]).await, Err(NotStored::Stopping)));
}

async fn punches_are_listed_by_day_and_school(database: Database) {
    let gate = Gate::new(&database).await;
    let student = gate.student("Дмитро Коваль").await;
    gate.holds(student, "7", "2026-11-01T00:00:00Z", None).await;
    gate.upload(&["7\t2026-11-22 08:00:00", "7\t2026-11-23 08:00:00", "8\t2026-11-23 23:59:59"]).await.unwrap();
    gate.unregistered("AYTE214960001").upload(&["7\t2026-11-23 09:00:00"]).await.unwrap();
    let listed = |filter: Filter| {
        let db = gate.db.clone();
        async move {
            let mut tx = db.read().await.unwrap();
            let (rows, total) = punches::list(&mut tx, &filter, 2, 0).await.unwrap();
            (rows.into_iter().map(|row| row.punched_at).collect::<Vec<_>>(), total)
        }
    };
    let moment = |text| Moment::parse(text);
    assert_eq!(
        listed(Filter::default()).await,
        (vec!["2026-11-23T23:59:59".to_owned(), "2026-11-23T08:00:00".to_owned()], 3),
        "the latest first, without the quarantine"
    );
    let day = Filter { from: moment("2026-11-23"), to: moment("2026-11-23"), ..Filter::default() };
    assert_eq!(listed(day).await.1, 2);
    let noon = Filter { to: moment("2026-11-23T08:00:00"), ..Filter::default() };
    assert_eq!(listed(noon).await.0, ["2026-11-22T08:00:00"], "the end is exclusive");
    let his =
        Filter { student: Some(student), school: Some(gate.school), device: Some(gate.device), ..Filter::default() };
    assert_eq!(listed(his).await.1, 2);
    assert_eq!(listed(Filter { device: Some(gate.device), ..Filter::default() }).await.1, 3);
    assert_eq!(listed(Filter { school: Some(SchoolId(999)), ..Filter::default() }).await.1, 0);
}

/// A registered terminal at the gate of a school in Kathmandu, and the recorder behind it.
#[derive(Clone)]
struct Gate {
    db: Db,
    clock: Clock,
    recorder: Recorder,
    school: SchoolId,
    device: DeviceId,
    serial: SerialNumber,
    is_registered: bool,
}

impl Gate {
    async fn new(database: &Database) -> Gate {
        let db = database.db.clone();
        let clock = Clock::manual("2026-11-23T10:00:00Z".parse().unwrap());
        let mut tx = db.write().await.unwrap();
        let (school,): (SchoolId,) =
            tx.one("INSERT INTO schools (name) VALUES ($1) RETURNING id", ["श्री सरस्वती विद्यालय".into()]).await.unwrap();
        tx.commit().await.unwrap();
        let gate = Gate {
            recorder: start(&db, &clock),
            db,
            clock,
            school,
            device: DeviceId(0),
            serial: SerialNumber::parse("GED7242600838").unwrap(),
            is_registered: true,
        };
        Gate { device: gate.device("GED7242600838").await, ..gate }
    }

    async fn device(&self, serial: &'static str) -> DeviceId {
        let sql = "INSERT INTO devices (school_id, serial_number, device_name) VALUES ($1, $2, 'Gate') RETURNING id";
        let mut tx = self.db.write().await.unwrap();
        let (device,): (DeviceId,) = tx.one(sql, [self.school.into(), serial.into()]).await.unwrap();
        tx.commit().await.unwrap();
        device
    }

    fn unregistered(&self, serial: &str) -> Gate {
        Gate { serial: SerialNumber::parse(serial).unwrap(), is_registered: false, ..self.clone() }
    }

    fn at(&self, device: DeviceId) -> Gate {
        Gate { device, ..self.clone() }
    }

    async fn student(&self, name: &'static str) -> StudentId {
        let sql = "INSERT INTO students (school_id, full_name) VALUES ($1, $2) RETURNING id";
        let mut tx = self.db.write().await.unwrap();
        let (student,): (StudentId,) = tx.one(sql, [self.school.into(), name.into()]).await.unwrap();
        tx.commit().await.unwrap();
        student
    }

    /// The student holds a PIN on this terminal.
    async fn holds(&self, student: StudentId, pin: &'static str, from: &str, to: Option<&str>) {
        let sql = "INSERT INTO device_user_mappings (device_id, student_id, device_pin, valid_from, valid_to)
            VALUES ($1, $2, $3, $4, $5)";
        let instant = |text: &str| text.parse::<Timestamp>().unwrap();
        let to: Value = to.map(instant).into();
        let mut tx = self.db.write().await.unwrap();
        tx.execute(sql, [self.device.into(), student.into(), pin.into(), instant(from).into(), to]).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn upload(&self, lines: &[&str]) -> Result<Recorded, NotStored> {
        self.recorder.record(self.lines(lines)).await
    }

    /// An upload of punches as the terminal writes them.
    fn lines(&self, lines: &[&str]) -> Upload {
        let body = lines.join("\n");
        let told = request::Upload { table: Some("ATTLOG".to_owned()), ..request::Upload::default() };
        let Content::Records(records) = record::parse(&told, body.as_bytes(), Charset::Utf8) else {
            panic!("no records: {body}")
        };
        let punch = |record| match record {
            Record::Punch(punch) => punch,
            other => panic!("no punch: {other:?}"),
        };
        Upload {
            serial: self.serial.clone(),
            device: self.is_registered.then_some((self.device, self.school)),
            zone: self.is_registered.then(|| TimeZone::get("Asia/Kathmandu").unwrap()),
            punches: records.map(punch).collect(),
            unread: Vec::new(),
            stamp: None,
        }
    }

    async fn owned_punches(&self, student: StudentId) -> Vec<String> {
        let sql = "SELECT punched_at FROM punches WHERE student_id = $1 ORDER BY punched_at";
        let rows: Vec<(String,)> = self.db.read().await.unwrap().all(sql, [student.into()]).await.unwrap();
        rows.into_iter().map(|(punched_at,)| punched_at).collect()
    }

    async fn instant_of(&self, pin: &'static str) -> String {
        let sql = "SELECT punched_instant FROM punches WHERE pin = $1";
        let (instant,): (Instant,) = self.db.read().await.unwrap().one(sql, [pin.into()]).await.unwrap();
        instant.0.to_string()
    }

    /// The days of everybody: date, first punch, status.
    async fn days(&self) -> Vec<(String, String, String)> {
        let sql = "SELECT date, check_in_time, status FROM attendance_logs ORDER BY date";
        let rows: Vec<(rollcall::store::Day, Instant, String)> = self.all(sql).await;
        rows.into_iter().map(|(day, first, status)| (day.0.to_string(), first.0.to_string(), status)).collect()
    }

    async fn all<T: rollcall::store::Record>(&self, sql: &'static str) -> Vec<T> {
        self.db.read().await.unwrap().all(sql, []).await.unwrap()
    }

    async fn count(&self, sql: &'static str) -> i64 {
        self.all::<(i64,)>(sql).await[0].0
    }

    async fn run(&self, sql: &'static str) {
        let mut tx = self.db.write().await.unwrap();
        tx.execute(sql, []).await.unwrap();
        tx.commit().await.unwrap();
    }
}

fn start(db: &Db, clock: &Clock) -> Recorder {
    Recorder::start(db.clone(), clock.clone()).0
}
