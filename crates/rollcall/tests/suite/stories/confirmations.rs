//! "In the terminal" means that the terminal said so.

use jiff::SignedDuration;
use rollcall::{devices::DeviceId, school::StudentId};
use serde_json::json;
use terminal_simulator::{Call, FaultKind, Profile};

use super::campus::Campus;
use crate::databases::{Database, both_databases};

both_databases! {
    failure_1_fifty_students_take_fifty_polls,
    failure_2_a_command_whose_reply_was_lost_stays_sent_for_ever,
    failure_2_a_command_that_a_reboot_swallowed_counts_as_fine,
    failure_4_a_changed_name_or_card_is_not_seen,
    failure_5_a_removal_is_recorded_before_the_terminal_confirmed_it,
    failure_7_any_terminal_can_confirm_any_command,
}

async fn failure_1_fifty_students_take_fifty_polls(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.enrol_many(50).await;
    let device = campus.terminal("CJX9253300417", Profile::zam180()).await;

    campus.run_for(60).await;
    campus.agree(device).await;
    let polls = campus.world.fleet.terminals()[0].statistics().polls_with_commands;
    assert!(polls <= 7, "{polls} polls");
}

async fn failure_2_a_command_whose_reply_was_lost_stays_sent_for_ever(database: Database) {
    let mut campus = Campus::open(database).await;
    let device = campus.terminal("CJX9253300417", Profile::zam180()).await;
    campus.enrol("Aroha Pārata", "4001").await;
    campus.in_step(device).await;

    campus.world.fleet.terminal(0).faults().once_at(FaultKind::LoseReply, Call::Poll);
    let student = campus.enrol("Wiremu Ngata", "4002").await;
    campus.run_for(25).await;
    assert_eq!(campus.world.fleet.terminal(0).faults().outstanding(), 0);
    assert_eq!(campus.held(device, student).await, None);
    assert_eq!(campus.status(device).await.in_words(), "1 sent, 1 synced of 2");
    assert_eq!(ledger(&campus, student).await, "sent");

    // Nor is it forgotten by a server that is started anew.
    campus.world.restart().await;
    campus.run_for(300).await;
    let status = campus.agree(device).await;
    assert_eq!(status.students[&student].retries, 1);
    let log = campus.commands(device).await;
    assert_eq!((&log[0]["status"], &log[0]["attempts"]), (&json!("completed"), &json!(2)), "{}", log[0]);
}

async fn failure_2_a_command_that_a_reboot_swallowed_counts_as_fine(database: Database) {
    let mut campus = Campus::open(database).await;
    let device = campus.terminal("CJX9253300417", Profile::zam180()).await;
    let students = campus.enrol_many(3).await;
    campus.in_step(device).await;

    // Two of three commands of a batch are lost with the power, and so are the results of all.
    for (number, student) in students.iter().enumerate() {
        campus.change(*student, json!({"full_name": format!("Solomon Bekele {number}")})).await;
    }
    campus.world.fleet.terminal(0).faults().once(FaultKind::RebootWithoutResults);
    campus.run_for(25).await;
    let renamed = |campus: &Campus| {
        let people = campus.world.fleet.terminals()[0].users().values();
        people.filter(|user| user.name.starts_with("Solomon")).count()
    };
    assert_eq!((campus.world.fleet.terminals()[0].statistics().reboots, renamed(&campus)), (1, 1));
    assert_eq!(campus.status(device).await.numbers["synced"], 0, "nobody said that anything was done");

    campus.run_for(300).await;
    campus.agree(device).await;
    assert_eq!(renamed(&campus), 3);
}

async fn failure_4_a_changed_name_or_card_is_not_seen(database: Database) {
    let mut campus = Campus::open(database).await;
    let device = campus.terminal("CJX9253300417", Profile::zam180()).await;
    let renamed = campus.enrol("Çağla Şahin", "4001").await;
    let with_new_card = campus.enrol("Umut Öztürk", "4002").await;
    let by_sql = campus.enrol("Işıl Yıldız", "4003").await;
    let moved_away = campus.enrol("Ayşe Öztürk", "4004").await;
    let untouched = campus.enrol("Deniz Kaya", "4005").await;
    campus.in_step(device).await;
    let written = campus.world.fleet.terminals()[0].statistics().users_written;

    campus.change(renamed, json!({"full_name": "Çağla Demir"})).await;
    let path = format!("/api/v1/students/{with_new_card}");
    campus.world.server.patch(&campus.admin, &path, json!({"rfid_card_id": "5002"})).await.data(200);
    campus
        .world
        .foreign("UPDATE students SET full_name = 'Işıl Kılıç', rfid_card_id = '5003' WHERE id = $1", [by_sql.into()])
        .await;
    campus.change(moved_away, json!({"is_active": false})).await;
    campus.run_for(60).await;

    campus.agree(device).await;
    assert_eq!(campus.held(device, renamed).await, Some(("Çağla Demir".to_owned(), Some(4001))));
    assert_eq!(campus.held(device, with_new_card).await, Some(("Umut Öztürk".to_owned(), Some(5002))));
    assert_eq!(campus.held(device, by_sql).await, Some(("Işıl Kılıç".to_owned(), Some(5003))));
    assert_eq!(campus.held(device, moved_away).await, None);
    assert_eq!(campus.held(device, untouched).await, Some(("Deniz Kaya".to_owned(), Some(4005))));
    assert_eq!(campus.world.fleet.terminals()[0].statistics().users_written, written + 3, "one command for each");
}

async fn failure_5_a_removal_is_recorded_before_the_terminal_confirmed_it(database: Database) {
    let mut campus = Campus::open(database).await;
    let device = campus.terminal("CJX9253300417", Profile::zam180()).await;
    let leaver = campus.enrol("ნინო ბერიძე", "4001").await;
    campus.enrol("ლაშა დოლიძე", "4002").await;
    campus.in_step(device).await;

    campus.cut_the_line(0, SignedDuration::from_mins(10));
    campus.remove(leaver).await;
    campus.run_for(540).await;
    assert_eq!(ledger(&campus, leaver).await, "pending");
    assert_eq!(campus.status(device).await.in_words(), "1 synced of 1", "he does not belong there any more");
    assert!(campus.held(device, leaver).await.is_some());

    // The line comes back, and the first reply is lost: it has left, and was not confirmed.
    campus.world.fleet.terminal(0).faults().once_at(FaultKind::LoseReply, Call::Poll);
    campus.run_for(150).await;
    assert_eq!(ledger(&campus, leaver).await, "sent");
    assert!(campus.held(device, leaver).await.is_some());

    campus.run_for(300).await;
    assert_eq!(ledger(&campus, leaver).await, "deleted");
    assert_eq!(campus.held(device, leaver).await, None);
    campus.agree(device).await;
}

async fn failure_7_any_terminal_can_confirm_any_command(database: Database) {
    let mut campus = Campus::open(database).await;
    let device = campus.terminal("CJX9253300417", Profile::zam180()).await;
    campus.enrol("Ṣadé Ìdòwú", "4001").await;
    campus.in_step(device).await;
    let other = json!({"name": "Lycée Toussaint"});
    let other = campus.world.server.post(&campus.superadmin, "/api/v1/schools", other).await.data(201)["id"].clone();
    let theirs = json!({"school_id": other, "serial_number": "AEUB221160009", "device_name": "Portail"});
    campus.world.server.post(&campus.superadmin, "/api/v1/devices", theirs).await.data(201);

    campus.world.fleet.terminal(0).faults().once_at(FaultKind::LoseReply, Call::Poll);
    let student = campus.enrol("Tóbi Adébáyọ̀", "4002").await;
    campus.run_for(25).await;
    let sent = campus.commands(device).await[0].clone();
    assert_eq!(sent["status"], "sent");

    for serial in ["AEUB221160009", "NOBODY00000001"] {
        for code in [0, -1001, -10] {
            let body = format!("ID={}&Return={code}&CMD=DATA\n", sent["id"]);
            let reply = campus.world.converse(&results(serial, &body)).await;
            assert!(String::from_utf8_lossy(&reply).ends_with("\r\n\r\nOK"), "{}", String::from_utf8_lossy(&reply));
        }
    }
    assert_eq!(campus.commands(device).await[0], sent);
    assert_eq!(campus.status(device).await.in_words(), "1 sent, 1 synced of 2");
    assert_eq!(campus.held(device, student).await, None);

    campus.in_step(device).await;
}

fn results(serial: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST /iclock/devicecmd?SN={serial} HTTP/1.1\r\nHost: push.example.net:8081\r\nConnection: close\r\n\
         Content-Type: application/push;charset=UTF-8\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// What the operator's own query finds.
async fn ledger(campus: &Campus, student: StudentId) -> String {
    let rows: Vec<(i64, DeviceId, String)> =
        campus.world.ask("SELECT student_id, device_id, sync_status FROM device_user_sync_status").await;
    rows.into_iter().find(|(id, ..)| *id == student.0).unwrap().2
}
