//! Settings are shown with where they come from, and a password nowhere.

use crate::processes::program::{Program, rollcall};

const PASSWORD: &str = "s3cr3t/Пароль";
const URL: &str = "postgres://rollcall:s3cr3t%2F%D0%9F%D0%B0%D1%80%D0%BE%D0%BB%D1%8C@127.0.0.1:9/rollcall";

#[tokio::test]
async fn every_setting_says_where_it_comes_from() {
    let mut command = Program::command(URL, &["serve", "--print-config", "--poll-delay", "7s"]);
    command.env("ROLLCALL_TIMEZONE", "America/Guayaquil");
    let printed = Program::start(command, "").end().await;
    let shown = |name: &str| {
        let line = printed.done().lines().find(|line| line.split_whitespace().next() == Some(name));
        line.unwrap_or_else(|| panic!("no {name}: {}", printed.out)).split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(shown("--poll-delay"), "--poll-delay 7s option");
    assert_eq!(shown("--timezone"), "--timezone America/Guayaquil environment ROLLCALL_TIMEZONE");
    assert_eq!(shown("--listen"), "--listen 0.0.0.0:8081 default");
    assert_eq!(shown("--terminal-listen"), "--terminal-listen – not set");
    assert_eq!(shown("--verify-cron"), "--verify-cron 0 */2 * * * default");
    assert_eq!(shown("--database-url"), "--database-url postgres://…@127.0.0.1:9/rollcall environment DATABASE_URL");
    assert_eq!(shown("RUST_LOG"), "RUST_LOG info default");
    for option in ["--trusted-proxies", "--command-deadline", "--log-format"] {
        shown(option);
    }
}

#[tokio::test]
async fn a_password_is_written_nowhere() {
    let parts = ["s3cr3t", "%D0%9F", "Пароль", PASSWORD];
    for arguments in [
        &["serve", "--print-config"][..],
        &["serve", "--listen", "127.0.0.1:0"],
        &["serve", "--listen", "127.0.0.1:0", "--log-format", "json"],
        &["status"],
        &["status", "--json"],
        &["doctor"],
        &["doctor", "--json"],
        &["backup", "copy.db"],
        &["restore", "copy.db"],
        &["restore", "--copied"],
        &["user", "list"],
        &["import", "students.csv", "--school", "1"],
    ] {
        let mut command = Program::command(URL, arguments);
        command.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "full");
        let ended = Program::start(command, "").end().await;
        for part in parts {
            assert!(!ended.out.contains(part) && !ended.err.contains(part), "{arguments:?}: {ended:#?}");
        }
        assert!(!ended.err.contains("panicked"), "{ended:#?}");
    }
}

#[tokio::test]
async fn a_password_among_the_arguments_is_warned_of() {
    let warned = rollcall("sqlite://unused.db", &["--database-url", URL, "serve", "--print-config"]).await;
    assert!(warned.err.contains("can read the password"), "{warned:?}");
    assert!(!warned.err.contains("s3cr3t") && !warned.out.contains("s3cr3t"), "{warned:?}");
    let silent = rollcall(
        "sqlite://unused.db",
        &["--database-url", "postgres://rollcall@db/rollcall", "serve", "--print-config"],
    )
    .await;
    assert_eq!(silent.err, "");
}
