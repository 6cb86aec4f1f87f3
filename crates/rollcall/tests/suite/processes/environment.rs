//! What the environment says, and what is meant where it says nothing.

use std::{path::Path, process::Command};

use super::program::{Program, Serving, until};

/// `rollcall` in this folder, with nothing set.
fn bare(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Program::command("", arguments);
    command.env_remove("DATABASE_URL").current_dir(folder);
    command
}

#[tokio::test]
async fn a_server_is_told_where_to_listen_and_what_to_open() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = bare(folder.path(), &["serve", "--log-format", "json"]);
    command.env("ROLLCALL_LISTEN", "127.0.0.1:0").env("ROLLCALL_TERMINAL_LISTEN", "127.0.0.1:0");
    command.env("DATABASE_URL", "sqlite://school.db");
    let serving = Serving::of(Program::start(command, "")).await;
    assert!(folder.path().join("school.db").is_file(), "relative to the folder in which it is started");
    let terminals = until("it says where terminals may call", async || {
        serving.program.logged("serving terminals").first().map(|line| line["address"].as_str().unwrap().to_owned())
    })
    .await;
    let poll = "/iclock/getrequest?SN=CJX9253300417";
    let answered = reqwest::get(format!("http://{terminals}{poll}")).await.unwrap();
    assert_eq!((answered.status().as_u16(), answered.text().await.unwrap().as_str()), (200, "OK"));
    assert_eq!(reqwest::get(serving.url(poll)).await.unwrap().status(), 404, "they have an address of their own");
}

#[tokio::test]
async fn without_an_address_the_database_is_a_file_in_this_folder() {
    let folder = tempfile::tempdir().unwrap();
    let ended = Program::start(bare(folder.path(), &["status"]), "").end().await;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert!(folder.path().join("rollcall.db").is_file(), "made and migrated by the first command");
}
