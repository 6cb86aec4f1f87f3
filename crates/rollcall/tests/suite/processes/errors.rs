//! What goes wrong is said in words: what, where, and what to do.

use std::{fs, net::TcpListener};

use super::program::{Serving, rollcall};
use crate::databases::{Database, both_databases};

both_databases! {
    an_address_that_another_program_has_is_named,
    the_password_of_an_address_is_never_shown,
}

async fn an_address_that_another_program_has_is_named(database: Database) {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let ended = rollcall(&database.url, &["serve", "--listen", &address]).await;
    let said = ended.refused(1);
    assert!(said.contains(&address) && said.contains("another program") && said.contains("--listen"), "{said}");
}

async fn the_password_of_an_address_is_never_shown(database: Database) {
    // PostgreSQL's tests trust whoever comes; a file takes no password, and refuses the word.
    let url = database.url.replacen("postgres@", "postgres:s3cr3t@", 1);
    let serving = Serving::start(&url, &[]).await;
    serving.program.signal("TERM");
    let ended = serving.program.end().await;
    assert_eq!(ended.status, Some(0), "{ended:#?}");
    assert!(ended.err.contains("database") && !ended.err.contains("s3cr3t"), "{}", ended.err);
}

#[tokio::test]
async fn a_database_that_cannot_be_used_is_named_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("names.txt");
    fs::write(&text, "Wiremu Tāne\n".repeat(1000)).unwrap();
    let no_folder = format!("sqlite://{}/none/rollcall.db", folder.path().display());
    let no_database = format!("sqlite://{}", text.display());
    for (url, says) in [
        ("postgres://ana:s3cr3t@127.0.0.1:1/rollcall", ["…@127.0.0.1:1/rollcall", "does it run"]),
        ("postgres://127.0.0.1:1/rollcall?user=ana&password=s3cr3t", ["127.0.0.1:1/rollcall", "does it run"]),
        ("mysql://ana:s3cr3t@127.0.0.1/rollcall", ["mysql://…@127.0.0.1/rollcall", "sqlite:// or postgres://"]),
        ("ana:s3cr3t@127.0.0.1", ["…@127.0.0.1", "sqlite:// or postgres://"]),
        (&no_folder, ["none/rollcall.db", "folder must exist"]),
        (&no_database, ["names.txt", "not a database"]),
    ] {
        for command in [&["status"][..], &["serve", "--listen", "127.0.0.1:0"]] {
            let ended = rollcall(url, command).await;
            let said = ended.refused(1);
            assert!(says.iter().all(|word| said.contains(word)), "{command:?} with {url} says only: {said}");
            assert!(!said.contains("s3cr3t"), "{said}");
        }
    }
}

#[tokio::test]
async fn wrong_usage_exits_2() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/rollcall.db", folder.path().display());
    for arguments in [
        &["surve"][..],
        &[],
        &["sync"],
        &["verify"],
        &["verify", "--all", "CJX9253300417"],
        &["serve", "--poll-delay", "soon"],
        &["serve", "--listen", "everywhere"],
        &["serve", "--timezone", "Atlantis/Poseidonia"],
        &["serve", "--verify-cron", "every two hours"],
        &["serve", "--verify-cron", "0 0 30 2 *"],
        &["user", "add", "kofi@example.org", "--role", "king"],
        &["user", "add", "kofi@example.org"],
        &["token", "create"],
        &["simulate"],
        &["simulate", "--server", "http://127.0.0.1:1", "--profile", "none"],
    ] {
        rollcall(&url, arguments).await.refused(2);
    }
    assert!(!folder.path().join("rollcall.db").exists(), "nothing is made before the words are understood");
}
