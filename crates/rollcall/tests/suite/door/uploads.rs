//! Items 15 to 23: what a terminal brings.

use super::bench::{Bench, SERIAL, lines};
use crate::databases::{Database, both_databases};

both_databases! {
    item_15_every_line_counts,
    item_16_a_batch_is_stored_once,
    item_17_punches_of_four_to_sixteen_columns,
    item_18_the_tag_tells_what_a_line_is,
    item_19_pairs_are_split_at_tabs_and_the_first_equals_sign,
    item_20_photos_are_dropped_whole,
    item_21_names_never_fail_an_upload,
    item_22_without_a_table_the_content_tells,
    item_23_tables_are_acknowledged_by_name,
    options_tell_counts_and_firmware,
    the_spelling_of_cards_is_learnt,
    what_people_are_called_cannot_break_the_database,
}

async fn item_15_every_line_counts(database: Database) {
    let bench = Bench::new(database).await;
    bench.registered().await;
    let mixed = "OPLOG 30\t0\t2026-03-02 09:14:20\t1042\t0\t0\t0\nUSER PIN=1042\tName=Ayşe Demir\tPri=0\nFP PIN=1042\tFID=6\tTMP=Sm\n";
    bench.upload("OPERLOG", mixed).await.is(200, "OK: 3");
    bench.upload("OPERLOG", "").await.is(200, "OK: 1");
    bench.upload("BIODATA", "BIODATA Pin=1042\tNo=0\tType=9\tTmp=AA==\n").await.is(200, "OK: 1");
    bench.upload("USERINFO", "USER PIN=1043\tName=B\r\n\r\nUSER PIN=1044\tName=C").await.is(200, "OK: 2");
    bench.upload("ERRORLOG", "ERRORLOG ErrCode=D01E0001\tErrMsg=\tCmdId=431\n").await.is(200, "OK: 1");
    bench.upload("NEWTABLE", "a\tb\nc\td\n").await.is(200, "OK: 2");
    bench.upload("rtstate", "time=2026-03-02 08:00:03\tsensor=00\n").await.is(200, "OK");
    bench.upload("options", "UserCount=7,FWVersion=Ver 6.60").await.is(200, "OK");
    let seen = bench.column::<String>("SELECT pin FROM device_seen_pins ORDER BY pin").await;
    assert_eq!(seen, ["1042", "1043", "1044"]);
}

async fn item_16_a_batch_is_stored_once(database: Database) {
    let bench = Bench::new(database).await;
    bench.registered().await;
    let history = lines(0..128, |row| format!("{row}\t2026-02-01 08:00:{:02}\t0\t1\t0", row % 60));
    for _ in 0..3 {
        bench.upload("ATTLOG", &history).await.is(200, "OK: 128");
    }
    assert_eq!(bench.column::<i64>("SELECT COUNT(*) FROM punches").await, [128]);
}

async fn item_17_punches_of_four_to_sixteen_columns(database: Database) {
    let bench = Bench::new(database).await;
    bench.registered().await;
    let lines = "1\t2026-03-02 08:00:01\t0\t1\r\n\
                 2\t2026-03-02 08:00:02\t255\t15\t\t0\t0\t\r\n\r\n\
                 3\t2026-03-02 08:00:03\t1\t1\t0\t0\t0\t0\t36.2\t0\t+10800\t\r\n\
                 4\t2026-03-02 08:00:04\t0\t1\t9\t0\t0\ta\tb\tc\td\te\tf\tg\th\ti";
    bench.upload("ATTLOG", lines).await.is(200, "OK: 4");
    let stored =
        bench.column::<String>("SELECT pin || ' ' || status || ' ' || work_code FROM punches ORDER BY pin").await;
    assert_eq!(stored, ["1 0 ", "2 255 ", "3 1 0", "4 0 9"]);
}

async fn item_18_the_tag_tells_what_a_line_is(database: Database) {
    let bench = Bench::new(database).await;
    bench.registered().await;
    for (pin, table) in ["OPERLOG", "USERINFO", "ATTLOG", "FINGERTMP", "WHATEVER"].iter().enumerate() {
        bench.upload(table, format!("USER PIN={}\tName=N\tPri=14\n", pin + 1)).await.is(200, "OK: 1");
    }
    assert_eq!(bench.column::<String>("SELECT pin FROM terminal_users ORDER BY pin").await, ["1", "2", "3", "4", "5"]);
}

async fn item_19_pairs_are_split_at_tabs_and_the_first_equals_sign(database: Database) {
    let bench = Bench::new(database).await;
    bench.registered().await;
    let line = "USER pin=7\tNAME=O'Brien = Test\tpri=14\tCard=[15CD5B07]\tNewKey=x=y\n";
    bench.upload("OPERLOG", line).await.is(200, "OK: 1");
    assert_eq!(bench.column::<String>("SELECT name FROM terminal_users").await, ["O'Brien = Test"]);
    assert_eq!(bench.column::<i64>("SELECT card_number FROM terminal_users").await, [123_456_789]);
    assert_eq!(bench.column::<i64>("SELECT privilege FROM terminal_users").await, [14]);
}

async fn item_20_photos_are_dropped_whole(database: Database) {
    let bench = Bench::new(database).await;
    bench.registered().await;
    let mut photo = b"PIN=20260302080003-1042.jpg\nSN=CJX9253300417\nsize=12\nCMD=uploadphoto\0".to_vec();
    photo.extend_from_slice(b"\xFF\xD8\xFF\0\r\nCMD=x\n7\t2026-03-02 08:00:03\t0\t1\n");
    bench.upload("ATTPHOTO", &photo).await.is(200, "OK");
    bench.post(&format!("fdata?SN={SERIAL}&table=ATTPHOTO&PhotoStamp=1"), &photo).await.is(200, "OK");
    bench.post(&format!("fdata?SN={SERIAL}"), b"\xFF\xD8\xFF\xE0rest").await.is(200, "OK");
    bench.post(&format!("cdata?SN={SERIAL}&Stamp=9999"), &photo).await.is(200, "OK");
    assert_eq!(bench.column::<i64>("SELECT COUNT(*) FROM punches").await, [0]);
    assert_eq!(bench.column::<String>("SELECT pin FROM device_seen_pins").await, ["1042"]);
}

async fn item_21_names_never_fail_an_upload(database: Database) {
    let bench = Bench::new(database).await;
    bench.registered().await;
    let names: [&[u8]; 4] = [b"\xC0\xEE\xD0\xA1\xC3\xF7", b"Ay\xC5", b"\xFF\xFE", "Ayşe".as_bytes()];
    for (pin, name) in names.iter().enumerate() {
        let line = [format!("USER PIN={pin}\tName=").as_bytes(), name, b"\n"].concat();
        bench.upload("OPERLOG", line).await.is(200, "OK: 1");
    }
    assert_eq!(bench.column::<i64>("SELECT COUNT(*) FROM terminal_users").await, [4]);
}

async fn item_22_without_a_table_the_content_tells(database: Database) {
    let bench = Bench::new(database).await;
    bench.registered().await;
    let target = format!("cdata?sn={SERIAL}&Stamp=82983982");
    bench.post(&target, "7\t2026-03-02 08:00:03\t0\t1\n").await.is(200, "OK: 1");
    bench.post(&target, "USER PIN=8\tName=N\n").await.is(200, "OK: 1");
    bench.post(&target, "~DeviceName=F18,UserCount=4,FWVersion=Ver 1").await.is(200, "OK");
    assert_eq!(bench.column::<String>("SELECT pin FROM punches").await, ["7"]);
    assert_eq!(bench.column::<String>("SELECT pin FROM terminal_users").await, ["8"]);
    assert_eq!(bench.column::<String>("SELECT stamp FROM device_stamps").await, ["82983982"]);
}

async fn item_23_tables_are_acknowledged_by_name(database: Database) {
    let bench = Bench::new(database).await;
    bench.registered().await;
    let users = "user uid=1\tcardno=\tpin=1\tname=A\nuser uid=3\tcardno=\tpin=1042\tname=B\n";
    let query = format!("querydata?SN={SERIAL}&type=tabledata&cmdid=415&tablename=user&count=3&packcnt=2&packidx=1");
    bench.post(&query, users).await.is(200, "user=2");
    bench.post(&query.replace("packidx=1", "packidx=2"), "user uid=4\tpin=1044\tname=C\n").await.is(200, "user=1");
    bench.post(&format!("querydata?SN={SERIAL}&type=count&cmdid=416&tablename=user"), "user=3").await.is(200, "OK");
    bench
        .post(&format!("cdata?SN={SERIAL}&table=tablename=user&count=1"), "user uid=5\tpin=1045\n")
        .await
        .is(200, "user=1");
    let photo = "biophoto pin=1042\tfilename=1042.jpg\ttype=9\tsize=4\tcontent=AAAA\n";
    let table = format!("cdata?SN={SERIAL}&table=tabledata&tablename=biophoto&count=1");
    bench.post(&table, photo).await.is(200, "biophoto=1");
    let held = bench.column::<String>("SELECT pin FROM terminal_users ORDER BY pin").await;
    assert_eq!(held, ["1", "1042", "1044", "1045"]);
}

async fn options_tell_counts_and_firmware(database: Database) {
    let mut bench = Bench::new(database).await;
    bench.registered().await;
    bench.upload("options", "~DeviceName=F18,UserCount=17,FWVersion=Ver 6.60 May 14 2018,FaceCount=0").await;
    bench.settle().await;
    assert_eq!(bench.column::<i64>("SELECT user_count FROM devices").await, [17]);
    assert_eq!(bench.column::<String>("SELECT firmware_version FROM devices").await, ["Ver 6.60 May 14 2018"]);
    bench.poll().await;
    assert_eq!(bench.column::<String>("SELECT start_state FROM devices").await, ["holds_people"]);
}

async fn the_spelling_of_cards_is_learnt(database: Database) {
    let bench = Bench::new(database).await;
    bench.registered().await;
    bench.handshake("&pushver=2.4.1").await;
    let form = || bench.column::<String>("SELECT card_form FROM devices");
    assert_eq!(form().await, ["decimal"]);
    bench.upload("OPERLOG", "USER PIN=7\tName=A\tCard=[15CD5B0700]\n").await;
    assert_eq!(form().await, ["bracket"]);
    bench.handshake("&pushver=2.4.2").await;
    assert_eq!(form().await, ["bracket"], "what was seen counts more than what is announced");
}

async fn what_people_are_called_cannot_break_the_database(database: Database) {
    let mut bench = Bench::new(database).await;
    bench.registered().await;
    bench.upload("OPERLOG", "USER PIN=7\tName=A\0B\u{7}\tCard=\0\n").await.is(200, "OK: 1");
    bench.upload("options", "FWVersion=a\0b,UserCount=3").await.is(200, "OK");
    bench.handshake("&pushver=2%00.4&DeviceType=a%00").await;
    bench.get("cdata?SN=XQZ0000000001&options=all&pushver=%00&DeviceType=%00%ff").await;
    bench.settle().await;
    assert_eq!(bench.column::<String>("SELECT firmware_version FROM devices").await, ["ab"]);
    assert_eq!(bench.column::<i64>("SELECT COUNT(*) FROM unknown_terminals").await, [1]);
}
