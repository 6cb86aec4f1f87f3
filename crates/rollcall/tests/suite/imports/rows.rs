//! Whom a row means, and why a row is rejected.

use rollcall::{
    school::import::{self, Mode, progress::Progress, table::Table},
    store::Instant,
};

use super::{Office, Stored, numbers, rejected};
use crate::{
    databases::{Database, both_databases},
    stories::{people, statements::counted},
};

both_databases! {
    the_same_file_again_writes_nothing,
    a_row_means_the_one_with_its_card,
    a_row_without_a_known_card_means_the_one_with_its_name,
    a_former_students_card_is_free,
    cards_change_hands_within_one_file,
    every_rejected_line_has_its_reason,
    two_of_one_name_are_told_apart_or_rejected,
    namesakes_who_are_promoted_stay_who_they_are,
    a_card_that_a_namesake_left_is_his_who_has_it_now,
    a_card_of_somebody_else_is_rejected_with_his_name,
    cards_that_moved_down_by_a_line_change_nobody,
    whom_a_rejected_row_spares_keeps_his_card,
    replace_deactivates_whom_the_file_does_not_name,
    replace_spares_whom_a_rejected_line_may_mean,
    classes_and_sections_are_made_once,
    five_thousand_rows_take_a_handful_of_statements,
}

const CLASS: &str = "full_name,rfid_card_id,class_name,section_name,roll_number,is_active
Ọlámidé Adébáyọ̀,0001001,5,a,1,yes
Quỳnh Phạm,1002,5,b,2,no
ትዕግስት ወርቁ,,6,a,3,yes
李小明,0x3EC,,,,
";

async fn the_same_file_again_writes_nothing(database: Database) {
    let office = Office::open(database).await;
    let dry = office.import_with("&dry_run=true", CLASS).await;
    assert_eq!((numbers(&dry), &dry.data(200)["dry_run"]), ([4, 0, 0, 0, 0], &true.into()));
    let classes: Vec<(String,)> = office.server.rows("SELECT class_name FROM classes", []).await;
    assert!(office.names().await.is_empty() && classes.is_empty());
    let audited = "SELECT COUNT(*) FROM audit_logs WHERE action = 'import' AND entity = 'school'";
    assert_eq!(office.server.rows::<(i64,), 0>(audited, []).await, [(0,)]);

    assert_eq!(numbers(&office.import(CLASS).await), [4, 0, 0, 0, 0]);
    let stored = office.students().await;
    assert_eq!(stored.iter().map(|row| row.5).collect::<Vec<_>>(), [true, false, true, true]);
    let times =
        async || -> Vec<(Instant,)> { office.server.rows("SELECT updated_at FROM students ORDER BY id", []).await };
    let before = times().await;
    office.server.wait(jiff::SignedDuration::from_hours(1));
    for query in ["", "&mode=replace", "&mode=merge", "&dry_run=false"] {
        assert_eq!(numbers(&office.import_with(query, CLASS).await), [0, 0, 4, 0, 0], "{query}");
    }
    assert_eq!((times().await, office.students().await), (before, stored));
    assert_eq!(office.server.rows::<(i64,), 0>(audited, []).await, [(1,)]);
    let details: Vec<(String,)> =
        office.server.rows("SELECT details FROM audit_logs WHERE action = 'import'", []).await;
    assert!(details[0].0.contains("\"added\":4") && !details[0].0.contains("Quỳnh"), "{details:?}");
    // What is searched for is filled with the row.
    let found = office.server.get(&office.admin, "/api/v1/students?search=olamide").await;
    assert_eq!(found.column("rfid_card_id"), ["0001001"]);
}

async fn a_row_means_the_one_with_its_card(database: Database) {
    let office = Office::open(database).await;
    office.import(CLASS).await.data(200);
    let reply = office.import("full_name,rfid_card_id,class_name\nỌlámidé Ìdòwú,1001,7\nLǐ Xiǎomíng,0001004,\n").await;
    assert_eq!(numbers(&reply), [0, 2, 0, 0, 0], "{}", reply.text);
    let students = office.students().await;
    // Another spelling of the card is the same card; a section goes with its class.
    assert_eq!((&*students[0].0, students[0].1.as_deref()), ("Ọlámidé Ìdòwú", Some("0001001")));
    assert_eq!((students[0].2.as_deref(), students[0].3.as_deref()), (Some("7"), None));
    assert_eq!((&*students[3].0, students[3].1.as_deref()), ("Lǐ Xiǎomíng", Some("0x3EC")));
}

async fn a_row_without_a_known_card_means_the_one_with_its_name(database: Database) {
    let office = Office::open(database).await;
    office.import(CLASS).await.data(200);
    let header = "full_name,rfid_card_id,class_name,section_name,roll_number\n";
    let reply = office.import(format!("{header}ትዕግስት ወርቁ,2003,6,a,3\nỌlámidé Adébáyọ̀,,5,a,1\n")).await;
    assert_eq!(numbers(&reply), [0, 2, 0, 0, 0], "{}", reply.text);
    let students = office.students().await;
    assert_eq!((students[2].1.as_deref(), students[0].1.as_deref()), (Some("2003"), None));
    // Another class, or another roll number, and no card: somebody else.
    let reply = office.import(format!("{header}ትዕግስት ወርቁ,,7,a,3\nትዕግስት ወርቁ,,6,a,4\n")).await;
    assert_eq!(numbers(&reply), [2, 0, 0, 0, 0], "{}", reply.text);
}

async fn a_former_students_card_is_free(database: Database) {
    let office = Office::open(database).await;
    office.import(CLASS).await.data(200);
    let reply = office.import("full_name,rfid_card_id\nWiremu Ngata,1002\n").await;
    assert_eq!(numbers(&reply), [1, 0, 0, 0, 0], "{}", reply.text);
    assert_eq!(office.students().await[1].0, "Quỳnh Phạm");
    // When he comes back himself, he is himself, and his card is not free any more.
    let reply = office.import("full_name,rfid_card_id\nQuỳnh Phạm,1002\n").await;
    assert_eq!(rejected(&reply).len(), 1, "{}", reply.text);
    assert!(rejected(&reply)[0].1.contains("Wiremu Ngata"), "{}", reply.text);
    let reply = office.import("full_name,rfid_card_id\nQuỳnh Phạm,1005\n").await;
    assert_eq!(numbers(&reply), [0, 1, 0, 0, 0], "{}", reply.text);
    assert!(office.students().await[1].5, "who is in the file is active");
}

async fn cards_change_hands_within_one_file(database: Database) {
    let office = Office::open(database).await;
    let header = "full_name,rfid_card_id,is_active\n";
    office.import(format!("{header}Aroha,1,\nMāia,2,\nTāne,3,\n")).await.data(200);
    let cards = async || -> Vec<(String, Option<String>)> {
        office.students().await.into_iter().map(|(name, card, ..)| (name, card)).collect()
    };
    let is = |pairs: &[(&str, &str)]| -> Vec<(String, Option<String>)> {
        pairs.iter().map(|(name, card)| ((*name).to_owned(), Some((*card).to_owned()))).collect()
    };
    let reply = office.import(format!("{header}Aroha,2,\nMāia,1,\n")).await;
    assert_eq!(numbers(&reply), [0, 2, 0, 0, 0], "{}", reply.text);
    assert_eq!(cards().await, is(&[("Aroha", "2"), ("Māia", "1"), ("Tāne", "3")]));
    // Who leaves hands on his card.
    let reply = office.import(format!("{header}Tāne,3,no\nWiremu,3,yes\n")).await;
    assert_eq!(numbers(&reply), [1, 1, 0, 0, 0], "{}", reply.text);
    assert_eq!(cards().await, is(&[("Aroha", "2"), ("Māia", "1"), ("Tāne", "3"), ("Wiremu", "3")]));
    // Whose row is rejected gives nothing up, so that the next one is rejected, too.
    let reply = office.import(format!("{header}Aroha,1,\nMāia,3,\n")).await;
    assert_eq!(numbers(&reply), [0, 0, 0, 0, 2], "{}", reply.text);
    assert!(rejected(&reply)[0].1.contains("Māia") && rejected(&reply)[1].1.contains("Wiremu"), "{}", reply.text);
}

async fn every_rejected_line_has_its_reason(database: Database) {
    let office = Office::open(database).await;
    let file = "full_name,rfid_card_id,class_name,section_name,roll_number,is_active
Nino,1,5,a,1,yes
Lasha,12-34,5,a,2,yes
Tekla,0,5,a,3,yes
Giorgi,99999999999999999999,5,a,4,yes
,5,5,a,5,yes
\u{200B},6,5,a,6,yes
Ana,7,5,a,7,perhaps
Keti,8,5,a,8,yes
Eka,0008,5,a,9,yes
Mari \"Mari,10,5,a,10,yes
Luka,11,5,a,11,yes,12
Zura
Nana,13,,b,13,yes
Nino,1,5,a,1,yes
Gio,,5,a,15,yes
Lela,16
";
    let reply = office.import(file).await;
    assert_eq!(numbers(&reply), [3, 0, 0, 0, 13], "{}", reply.text);
    let expected = [
        (3, "rfid_card_id \"12-34\""),
        (4, "card 0"),
        (5, "at most 63 bits"),
        (6, "no name"),
        (7, "full_name: nothing is left"),
        (8, "is_active \"perhaps\""),
        (9, "line 10 has the same card"),
        (10, "line 9 has the same card"),
        (11, "quotation mark"),
        (12, "has 7 cells, the header names 6"),
        (13, "ends before"),
        (14, "section_name: a section belongs to a class"),
        (15, "line 2 says the same"),
    ];
    let rejected = rejected(&reply);
    for ((line, reason), (expected, words)) in rejected.iter().zip(expected) {
        assert!(*line == expected && reason.contains(words), "line {line}: {reason}, not line {expected}: {words}");
    }
    assert_eq!(office.names().await, ["Nino", "Gio", "Lela"]);
}

async fn two_of_one_name_are_told_apart_or_rejected(database: Database) {
    let office = Office::open(database).await;
    let header = "full_name,rfid_card_id,roll_number\n";
    let file = format!("{header}Nguyễn Ánh,1,\nNguyễn Ánh,2,\nNguyễn Ánh,,9\n");
    assert_eq!(numbers(&office.import(&file).await), [3, 0, 0, 0, 0]);
    assert_eq!(numbers(&office.import(&file).await), [0, 0, 3, 0, 0]);
    let reply = office.import("full_name,rfid_card_id\nNguyễn Ánh,5\n").await;
    let (line, reason) = &rejected(&reply)[0];
    assert!(*line == 2 && reason.starts_with("ambiguous") && reason.contains("1, 2, 3"), "{}", reply.text);
    // Two are known by their cards, so the third row is the third.
    let reply = office.import("full_name,rfid_card_id\nNguyễn Ánh,5\nNguyễn Ánh,1\nNguyễn Ánh,2\n").await;
    assert_eq!(numbers(&reply), [0, 1, 2, 0, 0], "{}", reply.text);
    let reply = office.import(format!("{header}Nguyễn Ánh,1,\nNguyễn Ánh,7,9\nNguyễn Ánh,8,9\n")).await;
    let reasons = rejected(&reply);
    assert_eq!(reasons.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [3, 4], "{}", reply.text);
    assert!(reasons[0].1.contains("line 4 means Nguyễn Ánh (student 3)"), "{}", reply.text);
}

/// The one comes to the class that the other leaves.
async fn namesakes_who_are_promoted_stay_who_they_are(database: Database) {
    let office = Office::open(database).await;
    let header = "full_name,rfid_card_id,class_name\n";
    let is = |rows: [(&str, &str); 2]| -> Vec<Stored> {
        let row = |(card, class): (&str, &str)| {
            ("Juan Pérez".to_owned(), Some(card.to_owned()), Some(class.to_owned()), None, None, true)
        };
        rows.into_iter().map(row).collect()
    };
    office.import(format!("{header}Juan Pérez,1,5\nJuan Pérez,2,6\n")).await.data(200);
    let reply = office.import_with("&mode=merge", format!("{header}Juan Pérez,1,6\nJuan Pérez,2,7\n")).await;
    assert_eq!(numbers(&reply), [0, 2, 0, 0, 0], "{}", reply.text);
    assert_eq!(office.students().await, is([("1", "6"), ("2", "7")]));
    let reply = office.import_with("&mode=replace", format!("{header}Juan Pérez,2,8\nJuan Pérez,1,7\n")).await;
    assert_eq!(numbers(&reply), [0, 2, 0, 0, 0], "{}", reply.text);
    assert_eq!(office.students().await, is([("1", "7"), ("2", "8")]));
    // However it is typed.
    let reply = office.import_with("&mode=replace", format!("{header}JUAN PEREZ,1,8\nJuan Pérez,2,7\n")).await;
    assert_eq!(numbers(&reply), [0, 2, 0, 0, 0], "{}", reply.text);
}

async fn a_card_that_a_namesake_left_is_his_who_has_it_now(database: Database) {
    let office = Office::open(database).await;
    let header = "full_name,rfid_card_id,class_name,is_active\n";
    let both = format!("{header}梅田さくら,1,6,no\n梅田さくら,1,5,yes\n");
    assert_eq!(numbers(&office.import(&both).await), [2, 0, 0, 0, 0]);
    assert_eq!(numbers(&office.import_with("&mode=replace", &both).await), [0, 0, 2, 0, 0]);
    // She comes to the class that the other was in.
    let reply = office.import_with("&mode=replace", format!("{header}梅田さくら,1,6,yes\n")).await;
    assert_eq!(numbers(&reply), [0, 1, 0, 0, 0], "{}", reply.text);
    let after: Vec<_> = office.students().await.into_iter().map(|row| (row.2, row.5)).collect();
    assert_eq!(after, [(Some("6".to_owned()), false), (Some("6".to_owned()), true)]);
}

async fn a_card_of_somebody_else_is_rejected_with_his_name(database: Database) {
    let office = Office::open(database).await;
    office.import("full_name,rfid_card_id\nÑusta,1\nSisa,2\n").await.data(200);
    let sql = "INSERT INTO students (school_id, full_name, rfid_card_id) VALUES ($1, 'Killa', '0003')";
    office.server.sql(sql, [office.school.into()]).await;
    let reply = office.import("full_name,rfid_card_id\nÑusta,0x2\nInti,9\nSisa,3\n").await;
    assert_eq!(numbers(&reply), [1, 0, 0, 0, 2], "{}", reply.text);
    let reasons = rejected(&reply);
    assert!(reasons[0].0 == 2 && reasons[0].1.contains("Sisa (student 2) has this card"), "{}", reply.text);
    assert!(reasons[1].0 == 4 && reasons[1].1.contains("Killa (student 3) has this card"), "{}", reply.text);
}

/// The first line gives nothing up, so the second gets nothing, and so on to the last.
async fn cards_that_moved_down_by_a_line_change_nobody(database: Database) {
    let office = Office::open(database).await;
    let file = |cards: &mut dyn Iterator<Item = String>| {
        let rows = cards.enumerate().map(|(n, card)| format!("{} {n},{card}\n", people::name(n)));
        std::iter::once("full_name,rfid_card_id\n".to_owned()).chain(rows).collect::<String>()
    };
    office.import(file(&mut (0..2000).map(people::card))).await.data(200);
    let before = office.students().await;
    for mode in ["", "&mode=replace"] {
        let moved = file(&mut std::iter::once("card".to_owned()).chain((0..1999).map(people::card)));
        let reply = office.import_with(mode, moved).await;
        assert_eq!(numbers(&reply), [0, 0, 0, 0, 2000]);
        let (line, reason) = &rejected(&reply)[1999];
        let holder = format!("rfid_card_id: {} 1998 (student 1999) has this card", people::name(1998));
        assert_eq!((*line, reason), (2001, &holder));
    }
    assert!(office.students().await == before);
}

/// A row may count on the card of somebody who goes, or has another name now. He does not where a rejected line may mean him.
async fn whom_a_rejected_row_spares_keeps_his_card(database: Database) {
    let office = Office::open(database).await;
    let header = "full_name,rfid_card_id,class_name\n";
    office.import(format!("{header}Kenji,1,5\nAoi,2,5\nHaruto,3,5\nYui,4,5\n")).await.data(200);
    let before = office.students().await;
    // Yui's card cannot be read, and Kenji's row, of another class, gives hers; Aoi's counts on his, and Haruto's on hers.
    let file = format!("{header}Haruto,2,5\nAoi,1,5\nYui,4?,5\nKenji,4,6\n");
    for mode in ["", "&mode=replace"] {
        let dry = office.import_with(&format!("{mode}&dry_run=true"), &file).await;
        let reply = office.import_with(mode, &file).await;
        assert_eq!((numbers(&dry), numbers(&reply)), ([0, 0, 0, 0, 4], [0, 0, 0, 0, 4]), "{}", reply.text);
        let reasons = rejected(&reply).into_iter().map(|(_, reason)| reason);
        for (reason, words) in reasons.zip(["Aoi (student 2)", "Kenji (student 1)", "4?", "Yui (student 4)"]) {
            assert!(reason.contains(words), "{}", reply.text);
        }
    }
    assert_eq!(office.students().await, before);
}

async fn replace_deactivates_whom_the_file_does_not_name(database: Database) {
    let office = Office::open(database).await;
    office.import(CLASS).await.data(200);
    let other = office.server.school("Colegio Ñandú").await;
    let elsewhere = "INSERT INTO students (school_id, full_name) VALUES ($1, 'Ana')";
    office.server.sql(elsewhere, [other.into()]).await;
    let half = "full_name,rfid_card_id\nỌlámidé Adébáyọ̀,1001\n李小明,1004\n";
    assert_eq!(numbers(&office.import(half).await), [0, 0, 2, 0, 0]);
    let dry = office.import_with("&mode=replace&dry_run=true", half).await;
    assert_eq!(numbers(&dry), [0, 0, 2, 1, 0]);
    assert_eq!(numbers(&office.import_with("&mode=replace", half).await), [0, 0, 2, 1, 0]);
    let active: Vec<bool> = office.students().await.iter().map(|row| row.5).collect();
    assert_eq!(active, [true, false, false, true]);
    let elsewhere = "SELECT is_active FROM students WHERE school_id = $1";
    assert_eq!(office.server.rows::<(bool,), 1>(elsewhere, [other.into()]).await, [(true,)]);
    assert_eq!(numbers(&office.import(CLASS).await), [0, 1, 3, 0, 0], "whoever comes back is active again");
    office.import_with("&mode=both", half).await.refusal(422);
    office.import_with("&dry_run=perhaps", half).await.refusal(422);
}

async fn replace_spares_whom_a_rejected_line_may_mean(database: Database) {
    let office = Office::open(database).await;
    let people = "full_name,rfid_card_id\nΝίκος,1\nΕλένη,2\nΘάλεια,3\nΩραία,4\nΖώης,5\n\"Δήμου, Άννα\",6\n";
    office.import(people).await.data(200);
    let file = "full_name,rfid_card_id\nΝίκος,1\nΕλένη,oops\nΔήμου, Άννα,6\nΚάποιος,3,?\n\"Ωραία,4\n";
    let reply = office.import_with("&mode=replace", file).await;
    assert_eq!(numbers(&reply), [0, 0, 1, 1, 4], "{}", reply.text);
    let gone: Vec<String> = office.students().await.into_iter().filter(|row| !row.5).map(|(name, ..)| name).collect();
    assert_eq!(gone, ["Ζώης"]);
}

async fn classes_and_sections_are_made_once(database: Database) {
    let office = Office::open(database).await;
    let class = "INSERT INTO classes (school_id, class_name) VALUES ($1, '5')";
    office.server.sql(class, [office.school.into()]).await;
    let header = "full_name,rfid_card_id,class_name,section_name\n";
    let reply = office.import(format!("{header}Ana,1,5,a\nBea,2,5,a\nCai,3,6,a\nDea,4,6,\n")).await;
    assert_eq!((&reply.data(200)["new_classes"], &reply.data(200)["new_sections"]), (&1.into(), &2.into()));
    let sections = "SELECT class_name, section_name FROM sections JOIN classes ON classes.id = class_id ORDER BY 1";
    let sections: Vec<(String, String)> = office.server.rows(sections, []).await;
    let pair = |class: &str| (class.to_owned(), "a".to_owned());
    assert_eq!(sections, [pair("5"), pair("6")]);
    let classes: Vec<(String,)> = office.server.rows("SELECT class_name FROM classes", []).await;
    assert_eq!(classes.len(), 2);
    // A rejected row makes no class.
    let reply = office.import(format!("{header}Eos,x,7,a\n")).await;
    assert_eq!(reply.data(200)["new_classes"], 0);
    let classes: Vec<(String,)> = office.server.rows("SELECT class_name FROM classes", []).await;
    assert_eq!(classes.len(), 2);
}

async fn five_thousand_rows_take_a_handful_of_statements(database: Database) {
    let office = Office::open(database).await;
    let file = |mark: &str, count: usize| {
        let rows = (0..count).map(|n| format!("{}{mark},{},{},{}\n", people::name(n), people::card(n), n % 40, n % 4));
        let text = std::iter::once("full_name,rfid_card_id,class_name,section_name\n".to_owned()).chain(rows);
        Table::read(text.collect::<String>().as_bytes()).unwrap()
    };
    let run = async |table: Table| {
        let mut tx = office.server.app.db.write().await.unwrap();
        let work = async {
            import::lock(&mut tx, office.school).await?;
            let plan = import::plan(&mut tx, office.school, table, Mode::Replace).await?.unwrap();
            plan.write(&mut tx, &Progress::default(), office.server.now()).await?;
            Ok(plan.report())
        };
        let (report, statements) = counted(work).await;
        tx.commit().await.unwrap();
        ([report.added, report.changed, report.unchanged, report.deactivated, report.rejected.len()], statements)
    };
    let most = |(numbers, statements): ([usize; 5], usize), most: usize| {
        assert!((3..=most).contains(&statements), "{statements} statements for {numbers:?}");
        numbers
    };
    assert_eq!(most(run(file("", 5000)).await, 14), [5000, 0, 0, 0, 0]);
    assert_eq!(most(run(file("", 5000)).await, 8), [0, 0, 5000, 0, 0]);
    assert_eq!(most(run(file(" II", 5000)).await, 14), [0, 5000, 0, 0, 0]);
    assert_eq!(most(run(file(" II", 1000)).await, 12), [0, 0, 1000, 4000, 0]);
}
