//! Names in any script arrive as they are, and nothing that a name holds becomes anything but a name.

use serde_json::json;
use terminal_simulator::Profile;

use super::campus::{A_WHILE, Campus};
use crate::databases::{Database, both_databases};

both_databases! {
    failure_10_names_lose_every_letter_that_is_not_ascii,
    a_terminal_that_speaks_chinese_is_sent_gb18030,
    a_name_of_several_lines_is_one_command,
}

/// A name as somebody typed it, and as a terminal with 24 bytes for it shows it.
const NAMES: [(&str, &str); 12] = [
    ("Çağla Öztürk", "Çağla Öztürk"),
    ("李小明", "李小明"),
    ("Ольга Шевчук", "Ольга Шевчук"),
    ("Александра Шевченко", "Александра Ш"),
    ("محمد الأمين", "محمد الأمين"),
    // No letter is parted from its vowel sign or its accent.
    ("नन्दिनी सुब्रमण्यम", "नन्दिनी"),
    ("Ọlámidé Adébáyọ̀", "Ọlámidé Adébáy"),
    ("Nguyễn Thị Ánh Tuyết", "Nguyễn Thị Ánh Tuy"),
    ("Jürgen Groß-O'Brien", "Jürgen Groß-O'Brien"),
    ("ქეთევან", "ქეთევან"),
    ("መስፍን", "መስፍን"),
    ("  Zoë \u{a0} Siân  ", "Zoë Siân"),
];

async fn failure_10_names_lose_every_letter_that_is_not_ascii(database: Database) {
    let mut campus = Campus::open(database).await;
    let device = campus.terminal("CJX9253300417", Profile::zam180()).await;
    let mut students = Vec::new();
    for (number, (typed, _)) in NAMES.iter().enumerate() {
        students.push(campus.enrol(typed, &format!("{}", 4_001 + number)).await);
    }
    campus.in_step(device).await;
    for (student, (_, shown)) in students.into_iter().zip(NAMES) {
        assert!(shown.len() <= 24, "{shown}");
        assert_eq!(campus.held(device, student).await.unwrap().0, shown);
    }
}

async fn a_terminal_that_speaks_chinese_is_sent_gb18030(database: Database) {
    let mut campus = Campus::open(database).await;
    let device = campus.terminal("CJX9253300417", Profile { language: 83, ..Profile::zam180() }).await;
    let student = campus.enrol("李小明", "4001").await;
    let long = campus.enrol("欧阳思远的弟弟也叫思远呢", "4002").await;
    campus.in_step(device).await;

    let bytes = |pin: &str| campus.world.fleet.terminals()[0].users()[pin].name_bytes.clone();
    assert_eq!(bytes(&campus.pin(device, student).await.unwrap()), *b"\xC0\xEE\xD0\xA1\xC3\xF7");
    assert_eq!(bytes(&campus.pin(device, long).await.unwrap()).len(), 24, "two bytes a letter: all twelve");

    // What it sends back is read as it is written.
    campus.world.fleet.terminal(0).edit_at_keypad("900001", "陈雨桐", None);
    campus.run_for(60).await;
    let said: Vec<(Option<String>,)> = campus.world.ask("SELECT name FROM terminal_users WHERE pin = '900001'").await;
    assert_eq!(said, [(Some("陈雨桐".to_owned()),)]);
}

async fn a_name_of_several_lines_is_one_command(database: Database) {
    let mut campus = Campus::open(database).await;
    let device = campus.terminal("CJX9253300417", Profile::zam180()).await;
    let innocent = campus.enrol("თეკლა", "4001").await;
    campus.in_step(device).await;
    campus.world.fleet.terminal(0).keep_transcript(200);

    let sql = "INSERT INTO students (school_id, full_name, rfid_card_id) VALUES ($1, $2, $3)";
    let school = campus.school;
    let names = [
        "A\nC:9:CLEAR DATA",
        "B\r\nC:10:DATA DELETE USERINFO PIN=1\r\n",
        "C\tPri=14\tPasswd=1",
        "D\u{2028}C:11:REBOOT\u{85}E\u{b}F\u{200b}",
    ];
    for (name, card) in names.into_iter().zip(["4011", "4012", "4013", "4014"]) {
        campus.world.foreign(sql, [school.into(), name.into(), card.into()]).await;
    }
    // A card may hold as much as a name.
    campus.world.foreign(sql, [school.into(), "Σ".into(), "4015\nC:12:CLEAR DATA".into()]).await;
    assert!(campus.world.settle(A_WHILE).await);

    let terminal = &campus.world.fleet.terminals()[0];
    let held: Vec<&str> = terminal.users().values().map(|user| user.name.as_str()).collect();
    assert_eq!(
        held,
        ["თეკლა", "A C:9:CLEAR DATA", "B C:10:DATA DELETE USERI", "C Pri=14 Passwd=1", "D C:11:REBOOT E F"]
    );
    assert!(terminal.users().values().all(|user| user.privilege == 0 && user.password.is_empty()));
    assert_eq!((terminal.statistics().strange_lines, terminal.statistics().reboots), (0, 0));
    for id in ["9", "10", "11", "12"] {
        let line = format!("\nC:{id}:");
        let mut replies = terminal.transcript().messages().map(|(_, bytes)| String::from_utf8_lossy(bytes));
        assert!(!replies.any(|reply| reply.contains(&line)), "{line}");
    }
    let status = campus.status(device).await;
    assert_eq!(status.in_words(), "1 failed, 5 synced of 6");
    let failed = status.students.values().find(|student| student.name == "Σ").unwrap();
    assert!(failed.error.as_ref().is_some_and(|words| words.starts_with("card ")), "{failed:?}");
    assert!(campus.held(device, innocent).await.is_some());

    // At the API such a name is cleaned as soon as it is typed.
    let fields = json!({"school_id": campus.school, "full_name": "Ωραία\nC:9:CLEAR DATA", "rfid_card_id": "4016"});
    let reply = campus.post("/api/v1/students", fields).await;
    assert_eq!(reply.data(201)["full_name"], "Ωραία C:9:CLEAR DATA");
}
