//! Items 10 to 14: how a terminal is greeted.

use jiff::SignedDuration;
use rollcall::devices::unknown;

use super::bench::{Bench, Reply, SERIAL, post};
use crate::databases::{Database, both_databases};

both_databases! {
    item_10_options_in_terminated_lines,
    item_10_legacy_names_only_without_pushver,
    item_10_stamps_echo_the_last_accepted_upload,
    an_upload_that_is_cut_moves_no_stamp,
    item_22_without_a_table_a_stamp_is_filed_by_its_name,
    item_11_the_time_zone_is_the_terminals_own,
    item_11_no_time_zone_when_nobody_set_one,
    item_12_no_encryption_is_offered,
    item_13_an_unknown_terminal_is_greeted_and_its_data_kept_apart,
    item_13_unknown_terminals_are_remembered_with_what_they_said,
    item_14_the_dialect_outlives_the_server,
    item_14_requests_of_access_units_tell_the_dialect,
    access_units_are_registered_and_configured,
}

fn option<'r>(reply: &'r Reply, key: &str) -> Option<&'r str> {
    reply.body.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
}

async fn item_10_options_in_terminated_lines(database: Database) {
    let bench = Bench::new(database).await;
    bench.registered().await;
    let reply = bench.handshake("&pushver=2.4.1&DeviceType=att&language=69").await;
    assert!(reply.body.starts_with("GET OPTION FROM: CJX9253300417\n"), "{}", reply.body);
    assert!(reply.body.ends_with('\n') && !reply.body.contains('\r'), "{}", reply.body);
    assert_eq!(option(&reply, "Delay"), Some("20"));
    assert_eq!(option(&reply, "Realtime"), Some("1"));
    let old = bench.get(&format!("cdata?SN={SERIAL}")).await;
    assert!(old.body.starts_with("GET OPTION FROM: "), "a handshake may come without options=all: {}", old.body);
}

async fn item_10_legacy_names_only_without_pushver(database: Database) {
    let bench = Bench::new(database).await;
    bench.registered().await;
    let typed = ["ATTLOGStamp", "OPERLOGStamp", "ATTPHOTOStamp", "ServerVer", "PushProtVer"];
    let untyped = ["Stamp", "OpStamp", "PhotoStamp"];
    let newer = bench.handshake("&pushver=2.2.14").await;
    let older = bench.handshake("").await;
    assert!(typed.iter().all(|key| option(&newer, key).is_some() && option(&older, key).is_none()));
    assert!(untyped.iter().all(|key| option(&newer, key).is_none() && option(&older, key).is_some()));
}

async fn item_10_stamps_echo_the_last_accepted_upload(database: Database) {
    let bench = Bench::new(database).await;
    bench.registered().await;
    let first = bench.handshake("&pushver=2.2.14").await;
    assert_eq!(option(&first, "ATTLOGStamp"), Some("None"));
    bench.post(&format!("cdata?SN={SERIAL}&table=ATTLOG&Stamp=841132803"), "7\t2026-03-02 08:00:03\t0\t1\n").await;
    bench.post(&format!("cdata?SN={SERIAL}&table=OPERLOG&OpStamp=841132900"), "USER PIN=7\tName=Aruna\n").await;
    bench.post(&format!("cdata?SN={SERIAL}&table=OPERLOG&OpStamp=5%0aX=1"), "USER PIN=7\tName=Aruna\n").await;
    let next = bench.handshake("&pushver=2.2.14").await;
    assert_eq!(option(&next, "ATTLOGStamp"), Some("841132803"));
    assert_eq!(option(&next, "OPERLOGStamp"), Some("841132900"));
    assert_eq!(option(&next, "X"), None);
    let older = bench.handshake("").await;
    assert_eq!(option(&older, "Stamp"), Some("841132803"));
}

/// The stamp is that of the upload's last record, and a terminal skips whatever is not newer.
async fn an_upload_that_is_cut_moves_no_stamp(database: Database) {
    let bench = Bench::new(database).await;
    bench.registered().await;
    let upload =
        |table: &str, stamp: u32, body: &str| post(&format!("cdata?SN={SERIAL}&table={table}&Stamp={stamp}"), body);
    let cut = async |request: Vec<u8>| {
        let longer = String::from_utf8(request).unwrap().replace("Content-Length: ", "Content-Length: 1");
        let mut line = bench.line();
        line.write(longer).await;
        line.shut().await;
        line.reply().await.is(200, "OK: 1");
    };
    bench.send(upload("ATTLOG", 841_132_803, "7\t2026-03-02 08:00:03\t0\t1\n")).await.is(200, "OK: 1");
    bench.send(upload("OPERLOG", 841_132_804, "USER PIN=7\tName=Aruna\n")).await.is(200, "OK: 1");
    cut(upload("ATTLOG", 841_140_000, "8\t2026-03-02 08:00:41\t0\t1\n9\t2026-03-02 10:0")).await;
    cut(upload("OPERLOG", 841_140_001, "USER PIN=8\tName=Tāne\nUSER PIN=9\tNa")).await;
    assert_eq!(bench.column::<String>("SELECT pin FROM punches ORDER BY pin").await, ["7", "8"]);
    assert_eq!(bench.column::<String>("SELECT pin FROM terminal_users ORDER BY pin").await, ["7", "8"]);
    let next = bench.handshake("&pushver=2.2.14").await;
    assert_eq!(option(&next, "ATTLOGStamp"), Some("841132803"));
    assert_eq!(option(&next, "OPERLOGStamp"), Some("841132804"));

    let whole = "8\t2026-03-02 08:00:41\t0\t1\n9\t2026-03-02 10:00:00\t0\t1\n";
    bench.send(upload("ATTLOG", 841_140_000, whole)).await.is(200, "OK: 2");
    assert_eq!(option(&bench.handshake("&pushver=2.2.14").await, "ATTLOGStamp"), Some("841140000"));
}

async fn item_22_without_a_table_a_stamp_is_filed_by_its_name(database: Database) {
    let bench = Bench::new(database).await;
    bench.registered().await;
    let upload = async |stamp: &str, body: &str| bench.post(&format!("cdata?SN={SERIAL}&{stamp}"), body).await;
    upload("Stamp=841132803", "7\t2026-03-02 08:00:03\t0\t1\n").await.is(200, "OK: 1");
    upload("OpStamp=841140000", "OPLOG 30\t0\t2026-03-02 09:14:20\t7\t0\t0\t0\n").await.is(200, "OK: 1");
    upload("PhotoStamp=841140001", "PIN=20260302080003-7.jpg\nSN=X\nsize=3\nCMD=uploadphoto\0\u{1}\u{2}\u{3}").await;
    let older = bench.handshake("").await;
    assert_eq!(option(&older, "Stamp"), Some("841132803"));
    assert_eq!(option(&older, "OpStamp"), Some("841140000"));
    assert_eq!(option(&older, "PhotoStamp"), Some("841140001"));
}

async fn item_11_the_time_zone_is_the_terminals_own(database: Database) {
    let mut bench = Bench::new(database).await;
    let device = bench.registered().await;
    let zones = [("Asia/Kathmandu", "345"), ("America/Bogota", "-5"), ("+02:00", "2"), ("Asia/Kolkata", "330")];
    assert_eq!(option(&bench.handshake("").await, "TimeZone"), Some("3"), "the school's");
    for (zone, sent) in zones {
        bench.sql("UPDATE devices SET timezone = $2 WHERE id = $1", [device.into(), zone.into()]).await;
        bench.settle().await;
        assert_eq!(option(&bench.handshake("").await, "TimeZone"), Some(sent));
    }
    let time = bench.get(&format!("cdata?SN={SERIAL}&type=time")).await;
    assert_eq!(time.body, "Time=2026-03-02T10:30:25+05:30");
}

async fn item_11_no_time_zone_when_nobody_set_one(database: Database) {
    let bench = Bench::new(database).await;
    let school = bench.school(None).await;
    bench.device(school, SERIAL).await;
    assert_eq!(option(&bench.handshake("&pushver=2.4.1").await, "TimeZone"), None);
    bench.get(&format!("cdata?SN={SERIAL}&type=time")).await.is(200, "OK");
}

async fn item_12_no_encryption_is_offered(database: Database) {
    let bench = Bench::new(database).await;
    bench.registered().await;
    let reply = bench.handshake("&pushver=2.4.2").await;
    assert_eq!(option(&reply, "Encrypt"), Some("0"));
    assert_eq!(option(&reply, "PushProtVer"), Some("2.2.14"));
    assert_eq!(option(&reply, "EncryptFlag"), None);
}

async fn item_13_an_unknown_terminal_is_greeted_and_its_data_kept_apart(database: Database) {
    let bench = Bench::new(database).await;
    bench.registered().await;
    bench.student("Aruna Shah", "1001").await;
    let greeted = bench.get("cdata?SN=XQZ0000000001&options=all&pushver=2.2.14&language=69").await;
    assert!(greeted.body.starts_with("GET OPTION FROM: XQZ0000000001\nATTLOGStamp=None\n"), "{}", greeted.body);
    assert_eq!(option(&greeted, "TimeZone"), None);
    bench.get("getrequest?SN=XQZ0000000001").await.is(200, "OK");
    let punch = "77\t2026-03-02 08:01:00\t0\t1\t0\t0\t0\n";
    bench.post("cdata?SN=XQZ0000000001&table=ATTLOG&Stamp=9999", punch).await.is(200, "OK: 1");
    bench.post("cdata?SN=XQZ0000000001&table=OPERLOG&Stamp=9999", "USER PIN=7\tName=A\n").await.is(200, "OK: 1");
    bench.post("devicecmd?SN=XQZ0000000001", "ID=1&Return=0&CMD=DATA\n").await.is(200, "OK");
    let kept = bench.column::<String>("SELECT pin FROM punches WHERE device_id IS NULL AND school_id IS NULL").await;
    assert_eq!(kept, ["77"]);
    assert_eq!(bench.column::<i64>("SELECT COUNT(*) FROM terminal_users").await, [0]);
}

async fn item_13_unknown_terminals_are_remembered_with_what_they_said(database: Database) {
    let mut bench = Bench::new(database).await;
    bench.get("cdata?SN=XQZ0000000001&options=all&pushver=2.4.1&DeviceType=middle%20east&language=69").await;
    bench.app.clock.advance(SignedDuration::from_secs(60));
    bench.get("getrequest?SN=XQZ0000000001&INFO=Ver%206.60,12").await;
    bench.settle().await;
    let mut tx = bench.app.db.write().await.unwrap();
    let (listed, total) = unknown::list(&mut tx, Some("xqz"), 10, 0).await.unwrap();
    assert_eq!(total, 1);
    assert_eq!(listed[0].serial_number, "XQZ0000000001");
    assert_eq!(listed[0].address, "192.0.2.7");
    assert_eq!(listed[0].dialect.as_deref(), Some("attendance"));
    assert_eq!(listed[0].device_type.as_deref(), Some("middle east"));
    assert_eq!((listed[0].firmware_version.as_deref(), listed[0].user_count), (Some("Ver 6.60"), Some(12)));
    assert_eq!(listed[0].first_seen.0.to_string(), "2026-03-02T05:00:05Z");
    assert_eq!(listed[0].last_seen.0.to_string(), "2026-03-02T05:01:05Z");
    let serial = push_protocol::text::SerialNumber::parse("XQZ0000000001").unwrap();
    let taken = unknown::take(&mut tx, &serial).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(taken, listed.into_iter().next());
    let school = bench.school(None).await;
    bench.device(school, "XQZ0000000001").await;
    bench.get("getrequest?SN=XQZ0000000001").await;
    bench.settle().await;
    assert_eq!(bench.column::<i64>("SELECT COUNT(*) FROM unknown_terminals").await, [0]);
}

async fn item_14_the_dialect_outlives_the_server(database: Database) {
    let bench = Bench::new(database).await;
    bench.registered().await;
    bench.handshake("&pushver=2.4.1&DeviceType=att&language=83&pushcommkey=4a1f").await;
    let dialects = bench.column::<String>("SELECT dialect FROM devices").await;
    assert_eq!(dialects, ["attendance"]);
    assert_eq!(bench.column::<String>("SELECT comm_key_digest FROM devices").await[0].len(), 64);
    assert_eq!(bench.column::<String>("SELECT card_form FROM devices").await, ["decimal"]);
    let restarted = bench.another().await;
    restarted.upload("OPERLOG", b"USER PIN=1042\tName=\xC0\xEE\xD0\xA1\xC3\xF7\tPri=0\n").await;
    assert_eq!(restarted.column::<String>("SELECT name FROM terminal_users").await, ["李小明"]);
    restarted.app.db.close().await;
    bench.handshake("").await;
    assert_eq!(bench.column::<String>("SELECT dialect FROM devices").await, ["legacy"]);
}

async fn item_14_requests_of_access_units_tell_the_dialect(database: Database) {
    let bench = Bench::new(database).await;
    bench.registered().await;
    bench.handshake("&pushver=2.4.1").await;
    bench.upload("rtlog", "time=2026-03-02 08:00:03\tpin=1042\tcardno=0\teventaddr=1\tevent=0\n").await.is(200, "OK");
    assert_eq!(bench.column::<String>("SELECT dialect FROM devices").await, ["security"]);
    assert_eq!(bench.column::<String>("SELECT pin FROM punches").await, ["1042"]);
    let again = bench.handshake("&pushver=2.4.1").await;
    assert!(again.body.starts_with("registry=ok\n"), "the announcement says nothing new: {}", again.body);
    let flashed = bench.handshake("&pushver=2.4.2").await;
    assert!(flashed.body.starts_with("GET OPTION FROM: "), "{}", flashed.body);
}

async fn access_units_are_registered_and_configured(database: Database) {
    let mut bench = Bench::new(database).await;
    bench.registered().await;
    let ask = "cdata?SN=SFA2251700031&pushver=3.0.1&options=all&DeviceType=acc";
    bench.get(ask).await.is(200, "OK");
    let registered = bench.post("registry?SN=SFA2251700031", "DeviceType=acc,FirmVer=Ver 8.0.1.3,MAC=00").await;
    let code = option(&registered, "RegistryCode").unwrap().to_owned();
    assert!(code.len() <= 32);
    let configured = bench.post("push?SN=SFA2251700031", "").await;
    assert_eq!(option(&configured, "Realtime"), Some("1"));
    let again = bench.another().await.post("registry?SN=SFA2251700031", "DeviceType=acc").await;
    assert_eq!(option(&again, "RegistryCode"), Some(&*code), "the same on every server");
    bench.settle().await;
    let firmware = bench.column::<String>("SELECT firmware_version FROM unknown_terminals").await;
    assert_eq!(firmware, ["Ver 8.0.1.3"]);

    let known = bench.handshake("&pushver=3.1.2&DeviceType=acc").await;
    assert!(known.body.starts_with("registry=ok\nRegistryCode="), "{}", known.body);
    let time = bench.get(&format!("rtdata?SN={SERIAL}&type=time")).await;
    assert_eq!(time.body, "DateTime=841122010,ServerTZ=+0300");
    let users = "user uid=1\tcardno=1001\tpin=1042\tname=Aruna\tprivilege=0\nuser uid=2\tcardno=\tpin=1043\tname=B\n";
    let table = format!("cdata?SN={SERIAL}&table=tabledata&tablename=user&count=2");
    bench.post(&table, users).await.is(200, "user=2");
    assert_eq!(bench.column::<String>("SELECT pin FROM terminal_users ORDER BY pin").await, ["1042", "1043"]);
}
