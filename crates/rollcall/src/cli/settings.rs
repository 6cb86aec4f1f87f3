//! `rollcall serve --print-config`: every setting, its value, and where that comes from. Never a secret.

use clap::{ArgMatches, Command, parser::ValueSource};

use super::without_password;

/// What is printed. `matches` are those of the command.
pub(super) fn shown(command: &Command, matches: &ArgMatches) -> String {
    let mut lines: Vec<[String; 3]> = Vec::new();
    for argument in command.get_arguments() {
        let id = argument.get_id().as_str();
        let Some(long) = argument.get_long().filter(|long| !["help", "version", "print-config"].contains(long)) else {
            continue;
        };
        let source = match matches.value_source(id) {
            Some(ValueSource::CommandLine) => "option".to_owned(),
            Some(ValueSource::EnvVariable) => {
                format!("environment {}", argument.get_env().unwrap_or_default().to_string_lossy())
            }
            Some(_) => "default".to_owned(),
            None => "not set".to_owned(),
        };
        let values = matches.get_raw(id).into_iter().flatten().map(|value| value.to_string_lossy().into_owned());
        let value = values.collect::<Vec<_>>().join(" ");
        // Whatever looks like an address of a database may hold a password, also in a setting of tomorrow.
        let value = if value.contains("://") { without_password(&value) } else { value };
        lines.push([format!("--{long}"), if value.is_empty() { "–".to_owned() } else { value }, source]);
    }
    let logged = std::env::var("RUST_LOG").ok();
    let source = if logged.is_some() { "environment RUST_LOG" } else { "default" };
    lines.push(["RUST_LOG".to_owned(), logged.unwrap_or_else(|| "info".to_owned()), source.to_owned()]);
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let (names, values) = (width(0), width(1));
    let text = lines.iter().map(|[name, value, source]| format!("{name:names$}  {value:values$}  {source}\n"));
    text.collect()
}

/// Everybody on a machine can read with which words a program was started.
pub(super) fn gives_password_away(matches: &ArgMatches) -> bool {
    ["database_url", "listen_database_url"].into_iter().any(|name| {
        matches.value_source(name) == Some(ValueSource::CommandLine)
            && matches.get_one::<String>(name).is_some_and(|url| holds_password(url))
    })
}

fn holds_password(url: &str) -> bool {
    without_password(url).contains('…') && url.contains("://") && {
        let user = url.split_once("://").map_or("", |(_, rest)| rest.split('@').next().unwrap_or_default());
        url.contains("password=") || (url.contains('@') && user.contains(':'))
    }
}
