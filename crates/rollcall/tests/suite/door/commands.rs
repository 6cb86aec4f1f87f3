//! Items 24 to 32: what a terminal is told, and what it answers.

use std::pin::pin;

use futures_util::future::{Either, join_all, select};
use jiff::SignedDuration;
use rollcall::{
    devices::DeviceId,
    store::{Db, Tx},
};

use super::bench::{Bench, SERIAL, get, lines};
use crate::databases::{Database, both_databases};

both_databases! {
    item_24_ok_or_complete_commands,
    item_25_ids_are_short_numbers_that_do_not_return,
    item_26_one_command_until_more_are_known_to_work,
    item_26_a_reply_of_forty_kilobytes_at_most,
    item_27_nothing_that_a_name_holds_becomes_a_command,
    item_28_results_of_every_shape,
    item_29_positive_codes_are_success,
    item_30_an_unanswered_command_blocks_nothing_and_comes_again,
    item_31_a_word_that_a_terminal_lacks_is_not_sent_again,
    item_32_a_held_result_keeps_the_command_open,
    results_of_another_terminal_count_nothing,
    results_of_one_terminal_keep_no_other_waiting,
    an_inactive_terminal_is_given_nothing,
}

async fn status(bench: &Bench) -> Vec<String> {
    bench.column("SELECT sync_status FROM device_user_sync_status ORDER BY student_id").await
}

async fn result(bench: &Bench, id: &str, code: &str) {
    bench.post(&format!("devicecmd?SN={SERIAL}"), format!("ID={id}&Return={code}&CMD=DATA\n")).await.is(200, "OK");
}

async fn item_24_ok_or_complete_commands(database: Database) {
    let mut bench = Bench::new(database).await;
    bench.writing().await;
    assert_eq!(bench.poll().await.bytes, b"OK");
    bench.student("Ayşe Demir", "1001").await;
    bench.settle().await;
    let reply = bench.poll().await;
    let [(id, text)] = reply.commands().try_into().unwrap();
    assert_eq!(reply.body, format!("C:{id}:{text}\n"));
    assert!(text.starts_with("DATA UPDATE USERINFO PIN=1\tName=Ayşe Demir\t"), "{text}");
    bench.get(&format!("ping?SN={SERIAL}")).await.is(200, "OK");
    assert_eq!(status(&bench).await, ["sent"]);
    assert_eq!(bench.poll().await.bytes, b"OK");
    result(&bench, &id, "0").await;
    assert_eq!(status(&bench).await, ["synced"]);
    assert_eq!(bench.poll().await.bytes, b"OK");
}

async fn item_25_ids_are_short_numbers_that_do_not_return(database: Database) {
    let mut bench = Bench::new(database).await;
    bench.writing().await;
    let mut seen = Vec::new();
    for card in 0..5 {
        bench.student("Aruna Shah", &format!("{}", 1001 + card)).await;
        bench.settle().await;
        let [(id, _)] = bench.poll().await.commands().try_into().unwrap();
        assert!(id.len() <= 9 && id.bytes().all(|byte| byte.is_ascii_digit()) && !seen.contains(&id), "{id}");
        result(&bench, &id, "0").await;
        seen.push(id);
    }
}

async fn item_26_one_command_until_more_are_known_to_work(database: Database) {
    let mut bench = Bench::new(database).await;
    bench.writing().await;
    for card in 0..10 {
        bench.student("Aruna Shah", &format!("{}", 1001 + card)).await;
    }
    bench.settle().await;
    let mut sizes = Vec::new();
    loop {
        let commands = bench.poll().await.commands();
        if commands.is_empty() {
            break;
        }
        sizes.push(commands.len());
        let results = lines(0..commands.len(), |number| format!("ID={}&Return=0&CMD=DATA", commands[number].0));
        bench.post(&format!("devicecmd?SN={SERIAL}"), results).await.is(200, "OK");
    }
    assert_eq!(sizes, [1, 2, 4, 3]);
    assert!(status(&bench).await.iter().all(|status| status == "synced"));
}

async fn item_26_a_reply_of_forty_kilobytes_at_most(database: Database) {
    let mut bench = Bench::new(database).await;
    bench.writing().await;
    bench.sql("UPDATE device_delivery SET batch_size = 200, batch_is_judged = TRUE", []).await;
    bench
        .sql(
            "INSERT INTO device_commands (device_id, school_id, wire_id, command_type, command_string, word)
             SELECT d.id, d.school_id, n.n, 'add_user', $1, 'DATA UPDATE USERINFO' FROM devices d,
             (SELECT 1 AS n UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5) n",
            [format!("DATA UPDATE USERINFO PIN=1\tName={}", "x".repeat(15_000)).into()],
        )
        .await;
    bench.settle().await;
    let reply = bench.poll().await;
    assert_eq!(reply.commands().len(), 2);
    assert!(reply.bytes.len() <= 40_000);
}

async fn item_27_nothing_that_a_name_holds_becomes_a_command(database: Database) {
    let mut bench = Bench::new(database).await;
    bench.writing().await;
    bench.student("Eve\nC:9:CLEAR DATA\tPri=14 and a name that is far too long", "1001").await;
    bench.settle().await;
    let [(_, text)] = bench.poll().await.commands().try_into().unwrap();
    let name = text.split('\t').find_map(|pair| pair.strip_prefix("Name=")).unwrap();
    assert!(name.len() <= 24 && name.starts_with("Eve C:9:CLEAR DATA"), "{text}");
    assert!(!text.contains("\tPri=14"), "{text}");
    // Nobody is removed from a terminal on which nobody belongs, unless somebody decides so.
    bench.sql("INSERT INTO students (school_id, full_name, rfid_card_id) VALUES (1, 'Łucja', '1002')", []).await;
    bench.sql("UPDATE students SET is_active = FALSE WHERE full_name <> 'Łucja'", []).await;
    bench.settle().await;
    bench.app.clock.advance(SignedDuration::from_mins(5));
    bench.settle().await;
    bench.poll().await;
    let [(_, text)] = bench.poll().await.commands().try_into().unwrap();
    assert_eq!(text, "DATA DELETE USERINFO PIN=1");
}

async fn item_28_results_of_every_shape(database: Database) {
    let mut bench = Bench::new(database).await;
    bench.writing().await;
    let shapes = [
        "ID={id}&Return=0&CMD=DATA",
        "id={id}&return=0&cmd=DATA\r\n",
        "ID={id}&SN=CJX9253300417&Return=0&CMD=DATA UPDATE\nID=info8487&Return=-10&CMD=DATA\n",
        "ID={id}&Return=0&CMD=DATA\nID={id}&Return=0&CMD=DATA\n",
        "ID=999999&Return=0&CMD=DATA\nID={id}&Return=0&CMD=DATA\nID=12&Return=0&CMD=INFO\nUserCount=4\nFWVersion=Ver 9\n",
        "ID=34\nSN=x\nReturn=0\nCMD=Shell\nFILENAME=shellout.txt\nContent=ID=1&Return=0",
    ];
    for (card, shape) in shapes.iter().enumerate() {
        bench.student("Aruna Shah", &format!("{}", 1001 + card)).await;
        bench.settle().await;
        let [(id, _)] = bench.poll().await.commands().try_into().unwrap();
        bench.post(&format!("devicecmd?SN={SERIAL}"), shape.replace("{id}", &id)).await.is(200, "OK");
        if !shape.contains("{id}") {
            let in_the_address = format!("devicecmd?SN={SERIAL}&ID={id}&Return=0&CMD=DATA");
            bench.post(&in_the_address, "").await.is(200, "OK");
        }
        assert_eq!(status(&bench).await, vec!["synced"; card + 1], "{shape}");
    }
    bench.settle().await;
    assert_eq!(bench.column::<String>("SELECT firmware_version FROM devices").await, ["Ver 9"]);
    bench.post(&format!("devicecmd?SN={SERIAL}"), b"\xFF\0nonsense\nID=&Return=\n").await.is(200, "OK");
    bench.post(&format!("devicecmd?SN={SERIAL}"), "ID=1&Return=0&CMD=DATA\n".repeat(6000)).await.is(200, "OK");
}

async fn item_29_positive_codes_are_success(database: Database) {
    let mut bench = Bench::new(database).await;
    bench.writing().await;
    bench.student("Aruna Shah", "1001").await;
    bench.settle().await;
    let [(id, _)] = bench.poll().await.commands().try_into().unwrap();
    result(&bench, &id, "4294967296").await;
    assert_eq!(status(&bench).await, ["synced"]);
    assert_eq!(bench.column::<i64>("SELECT return_code FROM device_commands").await, [4_294_967_296]);
}

async fn item_30_an_unanswered_command_blocks_nothing_and_comes_again(database: Database) {
    let mut bench = Bench::new(database).await;
    bench.writing().await;
    bench.student("Aruna Shah", "1001").await;
    bench.settle().await;
    let first = bench.poll().await.commands();
    bench.student("Bhavna Shah", "1002").await;
    bench.settle().await;
    let second = bench.poll().await.commands();
    assert_eq!(second.len(), 1, "the next one does not wait");
    assert_ne!(first, second);
    bench.app.clock.advance(SignedDuration::from_secs(31));
    bench.settle().await;
    let mut again = bench.poll().await.commands();
    again.extend(bench.poll().await.commands());
    assert!(again.contains(&first[0]), "{again:?}");
}

async fn item_31_a_word_that_a_terminal_lacks_is_not_sent_again(database: Database) {
    let mut bench = Bench::new(database).await;
    bench.writing().await;
    bench.student("Aruna Shah", "1001").await;
    bench.settle().await;
    let [(id, text)] = bench.poll().await.commands().try_into().unwrap();
    assert!(text.starts_with("DATA UPDATE USERINFO "), "{text}");
    result(&bench, &id, "-1002").await;
    let [(_, text)] = bench.poll().await.commands().try_into().unwrap();
    assert!(text.starts_with("DATA USER PIN=1\t"), "{text}");
    let refused = bench.column::<String>("SELECT word || ' ' || firmware_version FROM device_words").await;
    assert_eq!(refused, ["DATA UPDATE USERINFO ZAM70-NF28VA-3.3.12"]);
}

async fn item_32_a_held_result_keeps_the_command_open(database: Database) {
    let mut bench = Bench::new(database).await;
    bench.writing().await;
    bench.student("Aruna Shah", "1001").await;
    bench.settle().await;
    let [(id, _)] = bench.poll().await.commands().try_into().unwrap();
    result(&bench, &id, "-5000").await;
    assert_eq!(status(&bench).await, ["sent"]);
    bench.app.clock.advance(SignedDuration::from_secs(60));
    bench.settle().await;
    assert_eq!(bench.poll().await.commands(), []);
    result(&bench, &id, "0").await;
    assert_eq!(status(&bench).await, ["synced"]);
}

async fn results_of_another_terminal_count_nothing(database: Database) {
    let mut bench = Bench::new(database).await;
    bench.writing().await;
    let elsewhere = bench.school(None).await;
    bench.device(elsewhere, "KQA2204560031").await;
    bench.student("Aruna Shah", "1001").await;
    bench.settle().await;
    let [(id, _)] = bench.poll().await.commands().try_into().unwrap();
    let body = format!("ID={id}&Return=0&CMD=DATA\n");
    bench.post("devicecmd?SN=KQA2204560031", &body).await.is(200, "OK");
    bench.post("devicecmd?SN=XQZ0000000001", &body).await.is(200, "OK");
    assert_eq!(status(&bench).await, ["sent"]);
}

/// However many it sends at once. Whoever waits for its lock holds a connection, of which there are few; SQLite has no lock
/// of one terminal.
async fn results_of_one_terminal_keep_no_other_waiting(database: Database) {
    const OTHER: &str = "KQA2204560031";
    let mut bench = Bench::new(database).await;
    let device = bench.writing().await;
    let school = bench.school(None).await;
    bench.device(school, OTHER).await;
    bench.student("Aruna Shah", "1001").await;
    bench.settle().await;
    let [(id, _)] = bench.poll().await.commands().try_into().unwrap();

    let elsewhere = Db::open(bench.url()).await.unwrap();
    let has_locks = bench.url().starts_with("postgres");
    let lock = if has_locks { Some(lock_of(&elsewhere, device).await) } else { None };
    let many = join_all((0..40).map(|_| result(&bench, &id, "0")));
    let other = async {
        while has_locks && waiting(&elsewhere).await == 0 {}
        bench.post(&format!("devicecmd?SN={OTHER}"), "ID=7&Return=0&CMD=DATA\n").await.is(200, "OK");
    };
    match select(pin!(many), pin!(other)).await {
        Either::Right(((), many)) => {
            assert!(!has_locks || waiting(&elsewhere).await == 1);
            drop(lock);
            many.await;
        }
        Either::Left((_, other)) => {
            assert!(!has_locks, "nothing held the terminal's lock");
            other.await;
        }
    }
    assert_eq!(status(&bench).await, ["synced"]);
}

/// A terminal's lock, held by somebody else until it is dropped.
async fn lock_of(db: &Db, device: DeviceId) -> Tx {
    let mut tx = db.write().await.unwrap();
    tx.lock("SELECT device_id FROM device_pins WHERE device_id = $1", [device.into()]).await.unwrap();
    tx
}

/// How many wait for a lock.
async fn waiting(db: &Db) -> i64 {
    let sql = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    db.read().await.unwrap().one::<(i64,), 0>(sql, []).await.unwrap().0
}

async fn an_inactive_terminal_is_given_nothing(database: Database) {
    let mut bench = Bench::new(database).await;
    bench.writing().await;
    bench.student("Aruna Shah", "1001").await;
    bench.settle().await;
    bench.sql("UPDATE devices SET is_active = FALSE", []).await;
    bench.settle().await;
    bench.send(get(&format!("getrequest?SN={SERIAL}"))).await.is(200, "OK");
    bench.upload("ATTLOG", "7\t2026-03-02 08:00:03\t0\t1\n").await.is(200, "OK: 1");
    assert!(bench.handshake("&pushver=2.4.1").await.body.starts_with("GET OPTION FROM: "));
    assert_eq!(bench.column::<String>("SELECT pin FROM punches WHERE device_id IS NOT NULL").await, ["7"]);
    bench.sql("UPDATE devices SET is_active = TRUE", []).await;
    bench.settle().await;
    assert_eq!(bench.poll().await.commands().len(), 1);
}
