//! Who may import, and how much.

use rollcall::accounts::Role;
use serde_json::json;

use super::{Office, import, numbers};
use crate::databases::{Database, both_databases};

both_databases! {
    teachers_and_strangers_may_not_import,
    a_file_of_more_than_ten_megabytes_is_refused,
    an_import_is_audited_by_its_numbers,
}

const ONE: &str = "full_name,rfid_card_id\nAïssatou Diallo,1\n";

async fn teachers_and_strangers_may_not_import(database: Database) {
    let office = Office::open(database).await;
    let (server, school) = (&office.server, office.school);
    let other = server.school("Lycée Léopold Senghor").await;
    let admin = server.person("inti.quispe@example.org", Role::SchoolAdmin, Some(school)).await;
    let teacher = server.person("ioana@example.org", Role::Teacher, Some(school)).await;
    let stranger = server.person("moussa@example.org", Role::SchoolAdmin, Some(other)).await;
    for query in ["", "&dry_run=true"] {
        import(server, &teacher, school, query, ONE).await.refusal(403);
        import(server, &stranger, school, query, ONE).await.refusal(403);
    }
    assert!(office.names().await.is_empty());
    assert_eq!(numbers(&import(server, &admin, school, "", ONE).await), [1, 0, 0, 0, 0]);
    let nowhere = import(server, &office.admin, rollcall::school::SchoolId(99), "", ONE).await;
    assert!(nowhere.refusal(422).starts_with("school_id:"), "{}", nowhere.text);
    let missing = server.post(&admin, "/api/v1/students/import", json!({})).await;
    assert!(missing.refusal(422).contains("school_id"), "{}", missing.text);
    server.call(http::Method::POST, None, "/api/v1/students/import?school_id=1", None).await.refusal(401);
    server.call(http::Method::GET, None, "/api/v1/students/import/template", None).await.refusal(401);
}

async fn a_file_of_more_than_ten_megabytes_is_refused(database: Database) {
    let office = Office::open(database).await;
    let mut file = ONE.to_owned();
    file.extend(std::iter::repeat_n('\n', 10 * 1024 * 1024 - file.len()));
    assert_eq!(numbers(&office.import(&file).await), [1, 0, 0, 0, 0], "ten are not too many");
    file.push('\n');
    assert!(office.import(&file).await.refusal(413).contains("10 MB"));
}

async fn an_import_is_audited_by_its_numbers(database: Database) {
    let office = Office::open(database).await;
    office.import(ONE).await.data(200);
    let rows = office.server.get(&office.admin, "/api/v1/audit?action=import").await;
    let row = &rows.data(200)[0];
    assert_eq!((&row["entity"], &row["entity_id"]), (&json!("school"), &json!(office.school.to_string())));
    assert_eq!(row["actor"], "ngozi.okafor@example.org");
    assert!(row.to_string().contains("\"added\":1") || row["details"]["added"] == 1, "{row}");
    assert!(!row.to_string().contains("Diallo"), "{row}");
}
