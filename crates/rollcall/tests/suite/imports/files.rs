//! Files as spreadsheets of many countries write them.

use encoding_rs::{
    Encoding, UTF_8, WINDOWS_1250, WINDOWS_1251, WINDOWS_1252, WINDOWS_1253, WINDOWS_1254, WINDOWS_1256,
};
use serde_json::json;

use super::{Office, numbers, rejected};
use crate::databases::{Database, both_databases};

both_databases! {
    every_encoding_gives_the_names_that_were_typed,
    a_broken_byte_rejects_its_line_alone,
    every_separator_is_recognised,
    columns_come_in_any_order_and_spelling,
    a_header_that_names_too_little_is_refused,
    the_template_can_be_imported,
}

async fn every_encoding_gives_the_names_that_were_typed(database: Database) {
    let office = Office::open(database).await;
    let files: [(&'static Encoding, &[&str]); 6] = [
        (WINDOWS_1250, &["Łukasz Wójcik", "Růžena Šťastná", "Žofie Dvořáková", "Grażyna Ścibor"]),
        (WINDOWS_1251, &["Ольга Шевчук", "Їжак Ґалаґан", "Ђорђе Ћосић", "Нуржан Ахметов"]),
        (WINDOWS_1252, &["Jürgen Groß", "Françoise Lefèvre", "Sólrún Þorvaldsdóttir", "Iñaki Muñoz"]),
        (WINDOWS_1253, &["Νίκος Παππάς", "Ελένη Δήμου", "Θάλεια Ζώη", "Γιώργος Αγγελόπουλος"]),
        (WINDOWS_1254, &["Ayşe Yıldız", "Çağla Öztürk", "Işıl Şahin", "Gülşen Doğan"]),
        (WINDOWS_1256, &["محمد الأمين", "فاطمة الزهراء", "ياسمين حداد", "عمر الخطيب"]),
    ];
    let mut card = 1000;
    for (encoding, names) in files {
        let lines = names.iter().zip(card + 1..).map(|(name, card)| format!("{name},{card}\r\n"));
        let text: String = std::iter::once("full_name,rfid_card_id\r\n".to_owned()).chain(lines).collect();
        card += names.len();
        let (bytes, used, had_errors) = encoding.encode(&text);
        assert!(used == encoding && !had_errors, "{text} can be written in {}", encoding.name());
        let reply = office.import_with("&mode=replace", &bytes).await;
        assert_eq!(numbers(&reply)[0], 4, "{}", reply.text);
        assert_eq!(reply.data(200)["encoding"], encoding.name());
        assert_eq!(office.names().await[card - 1004..], *names);
    }

    // The same people in all forms of Unicode: nobody is added or changed.
    let text = "full_name,rfid_card_id\nمحمد الأمين,1021\nفاطمة الزهراء,1022\nياسمين حداد,1023\nعمر الخطيب,1024\n";
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for (bytes, name) in [
        (UTF_8.encode(text).0.into_owned(), "UTF-8"),
        ([b"\xEF\xBB\xBF", text.as_bytes()].concat(), "UTF-8"),
        (little.clone(), "UTF-16LE"),
        ([&[0xFF, 0xFE], &*little].concat(), "UTF-16LE"),
        (big.clone(), "UTF-16BE"),
        ([&[0xFE, 0xFF], &*big].concat(), "UTF-16BE"),
    ] {
        let reply = office.import(&bytes).await;
        assert_eq!(numbers(&reply), [0, 0, 4, 0, 0], "{}", reply.text);
        assert_eq!(reply.data(200)["encoding"], name);
    }
}

async fn a_broken_byte_rejects_its_line_alone(database: Database) {
    let office = Office::open(database).await;
    let mut bytes = "full_name,rfid_card_id\nअर्जुन जोशी,1\n".as_bytes().to_vec();
    bytes.extend(b"Jos\xE9,2\n");
    bytes.extend("नन्दिनी राव,3\n".as_bytes());
    let reply = office.import(&bytes).await;
    assert_eq!(rejected(&reply).iter().map(|(line, _)| *line).collect::<Vec<_>>(), [3]);
    assert!(rejected(&reply)[0].1.contains("encoding"), "{}", reply.text);
    assert_eq!(office.names().await, ["अर्जुन जोशी", "नन्दिनी राव"]);
}

async fn every_separator_is_recognised(database: Database) {
    let office = Office::open(database).await;
    for (card, (separator, end)) in
        [(",", "\n"), (";", "\r\n"), ("\t", "\r")].into_iter().enumerate().map(|(n, form)| (n + 1, form))
    {
        let lines = [
            ["full_name", "rfid_card_id", "class_name"].join(separator),
            [&format!("\"Te Rangi{separator} \"\"Māia\"\"\""), &*card.to_string(), "5; a, b"].join(separator),
        ];
        // A cell that has the separator in it stands in quotation marks.
        let file = lines.join(end).replace("5; a, b", "\"5; a, b\"");
        assert_eq!(numbers(&office.import(&file).await), [1, 0, 0, 0, 0], "{file}");
        let name = format!("Te Rangi{} \"Māia\"", separator.replace('\t', ""));
        assert_eq!(office.names().await[card - 1], name, "{file}");
        let classes: Vec<(String,)> = office.server.rows("SELECT class_name FROM classes", []).await;
        assert_eq!(classes, [("5; a, b".to_owned(),)]);
    }
    let told = office.import("sep=;\nfull_name;rfid_card_id\n李小明;4\n").await;
    assert_eq!(numbers(&told), [1, 0, 0, 0, 0]);
}

async fn columns_come_in_any_order_and_spelling(database: Database) {
    let office = Office::open(database).await;
    let file = " Is_Active ,Height,ROLL_NUMBER, section_name,CLASS_NAME,\"RFID_Card_ID\", Full_Name ,Boots\n\
                yes,171,7,б,5,0x00BC614F, Їжак  Ґалаґан ,40\n\nNo,,8,б,5,77,ქეთევან ბერიძე\n,,,,,,,\n";
    let reply = office.import(file).await;
    assert_eq!(numbers(&reply), [2, 0, 0, 0, 0], "{}", reply.text);
    assert_eq!(reply.data(200)["unknown_columns"], json!(["Height", "Boots"]));
    assert_eq!((&reply.data(200)["new_classes"], &reply.data(200)["new_sections"]), (&json!(1), &json!(1)));
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        office.students().await,
        [
            ("Їжак Ґалаґан".to_owned(), text("0x00BC614F"), text("5"), text("б"), text("7"), true),
            ("ქეთევან ბერიძე".to_owned(), text("77"), text("5"), text("б"), text("8"), false),
        ]
    );
    // What the file has no column for stays.
    let reply = office.import("rfid_card_id,full_name\n12345679,Їжак Галаган\n").await;
    assert_eq!(numbers(&reply), [0, 1, 0, 0, 0], "{}", reply.text);
    assert_eq!(
        office.students().await[0],
        ("Їжак Галаган".to_owned(), text("0x00BC614F"), text("5"), text("б"), text("7"), true)
    );
}

async fn a_header_that_names_too_little_is_refused(database: Database) {
    let office = Office::open(database).await;
    for (file, says) in [
        (&b""[..], "empty"),
        (b"\n \n", "empty"),
        (b"full_name,class_name\nAna,5\n", "rfid_card_id"),
        (b"name,card\nAna,5\n", "full_name"),
        (b"Ana,5\nTendai,6\n", "full_name"),
        (b"full_name,rfid_card_id,Full_Name\nAna,5,Ana\n", "twice"),
        (b"full_name,rfid_card_id,section_name\nAna,5,b\n", "class_name"),
        (b"PK\x03\x04\x14\x00\x06\x00", "spreadsheet"),
    ] {
        let refused = office.import(file).await;
        let said = refused.refusal(422);
        assert!(said.starts_with("file:") && said.contains(says), "{says}: {said}");
    }
    assert!(office.names().await.is_empty());
}

async fn the_template_can_be_imported(database: Database) {
    let office = Office::open(database).await;
    let template = office.server.get(&office.admin, "/api/v1/students/import/template").await;
    assert_eq!(
        (template.status, &template.headers["content-type"]),
        (200, &"text/csv; charset=utf-8".parse().unwrap())
    );
    assert!(template.headers["content-disposition"].to_str().unwrap().contains("students.csv"));
    let reply = office.import(&template.text).await;
    assert_eq!(numbers(&reply), [2, 0, 0, 0, 0], "{}", reply.text);
    assert_eq!(reply.data(200)["unknown_columns"], json!([]));
}
