//! The documents name commands, options and settings that there are, and every setting.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crate::{layers::text_files, processes::program::rollcall};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const NO_DATABASE: &str = "sqlite://nowhere.db";

#[tokio::test]
async fn every_command_in_the_documents_is_one() {
    let mut helps = BTreeMap::new();
    let mut seen = 0;
    for file in documents() {
        let text = fs::read_to_string(&file).unwrap();
        for command in commands(&text) {
            let words: Vec<&str> = command.iter().map(String::as_str).collect();
            let is_nested = matches!(words[0], "user" | "token") && words.len() > 1 && !words[1].starts_with('-');
            let name = words[..if is_nested { 2 } else { 1 }].to_vec();
            if !helps.contains_key(&command[..name.len()]) {
                let ended = rollcall(NO_DATABASE, &[&name[..], &["--help"]].concat()).await;
                assert_eq!(ended.status, Some(0), "{}: there is no {command:?}", file.display());
                helps.insert(command[..name.len()].to_vec(), ended.out);
            }
            let help = &helps[&command[..name.len()]];
            for option in words.iter().filter(|word| word.starts_with("--")) {
                let option = option.split('=').next().unwrap();
                let has = help.split_whitespace().any(|word| word.trim_end_matches(',') == option);
                assert!(has, "{}: {command:?} has no {option}", file.display());
            }
            seen += 1;
        }
    }
    assert!(seen > 50, "only {seen} commands were found");
}

#[tokio::test]
async fn every_setting_of_the_server_is_in_operations() {
    let operations = fs::read_to_string(format!("{ROOT}/docs/operations.md")).unwrap();
    let settings = rollcall(NO_DATABASE, &["serve", "--print-config"]).await;
    let options: Vec<&str> = settings.done().lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(options.len() > 15, "{options:?}");
    for option in options {
        let in_table = operations.lines().any(|line| line.starts_with("| ") && line.contains(&format!("`{option}`")));
        assert!(in_table, "no line of a table says what {option} is");
    }
}

#[test]
fn every_number_in_the_name_of_a_test_is_in_the_rules() {
    let rules = fs::read_to_string(format!("{ROOT}/docs/rules.md")).unwrap();
    let files = text_files(&PathBuf::from(ROOT).join("crates/rollcall"));
    let (_, failures) = rules.split_once("\n## Failures").expect("a list of failures");
    let (failures, items) = failures.split_once("\n## Items").expect("a list of items");
    let mut seen = 0;
    for file in files.into_iter().filter(|file| file.extension().is_some_and(|kind| kind == "rs")) {
        let text = fs::read_to_string(&file).unwrap();
        for name in text.split("fn ").skip(1).map(|rest| rest.split('(').next().unwrap_or_default()) {
            let mut words = name.split('_');
            let (Some(list), Some(Ok(number))) = (words.next(), words.next().map(str::parse::<u32>)) else { continue };
            let (list, start, end) = match list {
                "rule" => (&*rules, format!("\n{number}. **"), ". **"),
                "failure" => (failures, format!("\n| {number} | "), "\n"),
                "item" => (items, format!("\n| {number} | "), "\n"),
                _ => continue,
            };
            let Some((_, line)) = list.split_once(&start) else { panic!("{name} has no line in docs/rules.md") };
            let line = line.split(end).next().unwrap_or_default();
            let file = short_name(&file);
            assert!(line.contains(&format!("`{file}`")), "docs/rules.md does not say that {name} is in {file}: {line}");
            seen += 1;
        }
    }
    assert!(seen > 100, "only {seen} names were found");
}

/// As the rules name a file: below `tests/suite` or `src`, without its ending.
fn short_name(file: &Path) -> String {
    let name = file.with_extension("").display().to_string();
    let below =
        ["/tests/suite/", "/rollcall/src/"].iter().find_map(|folder| Some(name.split_once(folder)?.1.to_owned()));
    below.unwrap_or(name)
}

/// What people read, and what they copy to a machine.
fn documents() -> Vec<PathBuf> {
    let root = PathBuf::from(ROOT);
    let mut files: Vec<PathBuf> =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].iter().map(|name| root.join(name)).collect();
    for folder in ["docs", "docs/decisions", "packaging"] {
        let entries = fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        files.extend(entries.filter(|path| path.is_file()));
    }
    files.sort();
    files
}

/// The words after `rollcall`, of each command line in a fence, between backticks, or behind `ExecStart=` or `#`.
fn commands(text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut is_fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
        } else if is_fenced {
            found.extend(commands_of(line));
        } else if line.contains('`') {
            found.extend(line.split('`').skip(1).step_by(2).flat_map(commands_of));
        } else {
            found.extend(line.split("ExecStart=").flat_map(|part| part.split('#')).flat_map(commands_of));
        }
    }
    found
}

fn commands_of(line: &str) -> Vec<Vec<String>> {
    let line = line.split(" # ").next().unwrap_or_default();
    let pieces = line.split(['|', ';', '&', '(', ')', '\'', '"']);
    let command = |piece: &str| {
        let mut words = piece.split_whitespace().skip_while(|word| word.contains('=') || *word == "exec");
        let program = words.next()?.rsplit('/').next()?;
        let command: Vec<String> = words.map(str::to_owned).collect();
        let is_one = matches!(program, "rollcall" | "rollcall-admin");
        let has_name = command.first()?.starts_with(|first: char| first.is_ascii_lowercase());
        (is_one && has_name).then_some(command)
    };
    pieces.filter_map(command).collect()
}
