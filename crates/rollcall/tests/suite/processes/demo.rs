//! `demo`: the product by itself, for a while, and nothing left of it.

use std::{fs, path::Path};

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::program::{Program, until};

#[tokio::test]
async fn the_demo_comes_in_step_is_verified_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = start(&folder);
    let said = until("the demo says how to log in", async || {
        demo.must_run();
        let out = demo.out();
        out.contains("nothing is left behind").then_some(out)
    })
    .await;
    let after = |words: &str| said.split(words).nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let page = after("Open ");
    assert!(page.starts_with("http://127.0.0.1:") && page.ends_with('/'), "{said}");
    assert_eq!(reqwest::get(&page).await.unwrap().status().as_u16(), 200);
    let body = json!({"email": after("Log in as "), "password": after("the password ")});
    let login = format!("{page}api/v1/auth/login");
    let answer: Json = reqwest::Client::new().post(login).json(&body).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["data"]["user"]["role"], "superadmin", "{answer}");
    assert!(!is_empty(folder.path()), "its database is here");

    until("the slowest terminal holds the half of them", async || {
        demo.must_run();
        (demo.out().lines().filter(|line| line.starts_with("Library")).count() >= 2).then_some(())
    })
    .await;
    until("every terminal is in step", async || {
        demo.must_run();
        demo.out().contains("Every terminal holds the whole school").then_some(())
    })
    .await;
    until("what somebody did at a keypad is found and mended", async || {
        demo.must_run();
        demo.out().contains("mended after").then_some(())
    })
    .await;
    assert!(demo.out().contains("verified 50/50"), "{}", demo.out());
    demo.signal("INT");
    let ended = demo.end().await;
    assert!(ended.done().contains("The demo is over."), "{ended:?}");
    assert!(is_empty(folder.path()), "something is left behind");
}

#[tokio::test]
async fn a_demo_that_is_ended_at_once_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let demo = start(&folder);
    until("it has begun to work", async || (!is_empty(folder.path())).then_some(())).await;
    demo.signal("INT");
    demo.end().await.done();
    assert!(is_empty(folder.path()), "something is left behind");
}

/// A demo on a free port, whose temporary folder is in this one.
fn start(folder: &TempDir) -> Program {
    let mut command = Program::command("sqlite://not-this-one.db", &["demo", "--listen", "127.0.0.1:0"]);
    command.env("TMPDIR", folder.path());
    Program::start(command, "")
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}
