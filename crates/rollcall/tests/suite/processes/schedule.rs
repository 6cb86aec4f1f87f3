//! `serve --verify-cron`: a server that runs wants every terminal read back when the time has come.

use super::program::{Program, Serving, until};
use crate::databases::{Database, both_databases};

both_databases! { a_running_server_verifies_by_its_schedule }

async fn a_running_server_verifies_by_its_schedule(database: Database) {
    let mut tx = database.db.write().await.unwrap();
    tx.execute("INSERT INTO schools (name) VALUES ('Escuela República de Panamá')", []).await.unwrap();
    let device = "INSERT INTO devices (school_id, serial_number, device_name, start_state)
        VALUES (1, 'CJX9253300417', 'Entrada', 'writing')";
    tx.execute(device, []).await.unwrap();
    tx.commit().await.unwrap();
    let mut serving =
        Serving::start(&database.url, &["--verify-cron", "* * * * * *", "--timezone", "Asia/Kathmandu"]).await;
    let cause = until("a reading is wanted", async || {
        serving.program.must_run();
        let mut tx = database.db.read().await.unwrap();
        let (cause,): (Option<String>,) = tx.one("SELECT verify_cause FROM devices", []).await.unwrap();
        cause
    })
    .await;
    assert_eq!(cause, "schedule");
}

#[tokio::test]
async fn the_schedule_may_come_from_the_environment() {
    let mut command = Program::command("sqlite://not-this-one.db", &["serve", "--listen", "127.0.0.1:0"]);
    command.env("ROLLCALL_VERIFY_CRON", "now and then");
    let ended = Program::start(command, "").end().await;
    let said = ended.refused(2);
    assert!(said.contains("--verify-cron") && said.contains("now and then") && said.contains("0 */2 * * *"), "{said}");
}
