//! Who may use whom, who may write what, and a few words that have no place here: read from the sources themselves.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The rooms: what the product is about.
const ROOMS: [&str; 6] = ["school", "devices", "sync", "attendance", "accounts", "webhooks"];
/// The doors: how people and terminals come in, and what starts everything.
const DOORS: [&str; 6] = ["cli", "web", "server", "loops", "telemetry", "main"];

/// Written by `sync` alone.
const TABLES_OF_SYNC: [&str; 3] = ["device_commands", "device_user_mappings", "device_user_sync_status"];

const LONGEST_FILE: usize = 500;

/// A Rust source: where it is, and its text without comments.
struct Source {
    path: PathBuf,
    text: String,
    code: String,
}

#[test]
fn rooms_do_not_use_doors_and_the_store_uses_no_room() {
    let mut wrong = Vec::new();
    for source in product() {
        let here = room_of(&source.path);
        for used in uses(&source) {
            let is_wrong = match here.as_str() {
                "store" => used != "store" && used != "clock" && used != "meters",
                room if ROOMS.contains(&room) => DOORS.contains(&used.as_str()) || used == "app",
                "clock" | "config" | "meters" | "telemetry" => {
                    ROOMS.contains(&used.as_str()) || DOORS.contains(&used.as_str())
                }
                _ => used == "cli" && here != "main" && here != "cli",
            };
            if is_wrong {
                wrong.push(format!("{} uses {used}", source.path.display()));
            }
        }
    }
    none(&wrong, "imports point one way: cli and web → rooms → store");
}

#[test]
fn terminals_and_protocol_know_no_server() {
    let mut wrong = Vec::new();
    for (part, foreign) in [
        ("crates/terminal-simulator", &["rollcall", "sqlx"][..]),
        ("crates/push-protocol", &["rollcall", "tokio", "sqlx", "terminal_simulator", "terminal-simulator"]),
    ] {
        let manifest = fs::read_to_string(root().join(part).join("Cargo.toml")).unwrap();
        let dependencies = manifest.split("[dependencies]").nth(1).unwrap();
        for name in foreign {
            if dependencies.lines().any(|line| line.starts_with(name)) {
                wrong.push(format!("{part}/Cargo.toml needs {name}"));
            }
        }
        for source in sources(&root().join(part)) {
            for name in foreign.iter().filter(|name| words(&source.code).any(|word| word == **name)) {
                wrong.push(format!("{} uses {name}", source.path.display()));
            }
        }
    }
    none(&wrong, "the protocol does no I/O, and a simulated terminal knows only what came over the wire");
}

#[test]
fn only_sync_writes_the_ledger_the_commands_and_the_pins() {
    let mut wrong = Vec::new();
    for source in product().filter(|source| room_of(&source.path) != "sync") {
        let words: Vec<&str> = words(&source.code).collect();
        for pair in words.windows(3) {
            let (["INSERT" | "REPLACE", "INTO", written] | ["DELETE", "FROM", written] | ["UPDATE", written, _]) = pair
            else {
                continue;
            };
            if TABLES_OF_SYNC.contains(written) {
                wrong.push(format!("{}: {}", source.path.display(), pair.join(" ")));
            }
        }
    }
    none(&wrong, "a stored status has one writer: crate::sync");
}

#[test]
fn only_the_store_asks_which_database_it_is() {
    let mut wrong = Vec::new();
    for source in product().filter(|source| room_of(&source.path) != "store") {
        let asks = |word: &&str| {
            ["Postgres", "Sqlite", "PgPool", "SqlitePool", "PgConnection", "SqliteConnection"].contains(word)
        };
        wrong.extend(words(&source.code).filter(asks).map(|word| format!("{} says {word}", source.path.display())));
        let squeezed: String = source.code.split_whitespace().collect();
        if ["product()==", "product()!=", "matchapp.db.product()", "matchdb.product()", "matchself.db.product()"]
            .iter()
            .any(|question| squeezed.contains(question))
        {
            wrong.push(format!("{} asks for the product", source.path.display()));
        }
    }
    none(&wrong, "what differs between databases is hidden in store::db");
}

#[test]
fn a_file_has_one_idea() {
    let long = every_source().filter_map(|source| {
        let lines = source.text.lines().count();
        (lines > LONGEST_FILE).then(|| format!("{}: {lines} lines", source.path.display()))
    });
    none(&long.collect::<Vec<_>>(), "more than 500 lines: which second idea moved in? Give it a file of its own");
}

#[test]
fn nothing_names_the_machine_it_was_written_on() {
    // In two halves, so that this file may be read, too.
    let foreign = [
        ("/wo", "rk/"),
        ("/ho", "me/"),
        ("/ro", "ot/"),
        ("/tmp/", "wt"),
        ("/tmp/", "pg"),
        ("crates", ".io"),
        ("pypi", ".org"),
        ("npmjs", "."),
    ];
    let mut wrong = Vec::new();
    for file in text_files(&root()) {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        for (number, line) in text.lines().enumerate() {
            for (front, back) in foreign {
                if line.contains(&format!("{front}{back}")) {
                    wrong.push(format!("{}:{}: {line}", file.display(), number + 1));
                }
            }
        }
    }
    none(&wrong, "paths of one machine and hosts of package registries do not belong here");
}

#[test]
fn the_reader_of_sources_sees_what_it_should() {
    let source = Source::of(
        PathBuf::from("school/students.rs"),
        "//! crate::web\nuse crate::{\n    accounts::{audit, users},\n    store::{self, Tx},\n};\nfn f() { crate::sync::pins::x(); } // crate::cli\n"
            .to_owned(),
    );
    let expected: BTreeSet<String> = ["accounts", "store", "sync"].map(str::to_owned).into();
    assert_eq!(uses(&source), expected);
    let shorthand = Source::of(PathBuf::from("loops.rs"), "use super::web;\nuse crate::cli;".to_owned());
    assert_eq!(uses(&shorthand), ["cli", "web"].map(str::to_owned).into());
}

/// Fails with every line of it.
#[track_caller]
fn none(wrong: &[String], rule: &str) {
    assert!(wrong.is_empty(), "{rule}\n  {}", wrong.join("\n  "));
}

/// The product's sources, with paths from `crates/rollcall/src` on.
fn product() -> impl Iterator<Item = Source> {
    let src = root().join("crates/rollcall/src");
    sources(&src)
        .into_iter()
        .map(move |source| Source { path: source.path.strip_prefix(&src).unwrap().to_owned(), ..source })
}

fn every_source() -> impl Iterator<Item = Source> {
    let root = root();
    sources(&root.join("crates"))
        .into_iter()
        .map(move |source| Source { path: source.path.strip_prefix(&root).unwrap().to_owned(), ..source })
}

fn sources(folder: &Path) -> Vec<Source> {
    let files: Vec<PathBuf> =
        text_files(folder).into_iter().filter(|file| file.extension().is_some_and(|kind| kind == "rs")).collect();
    assert!(files.len() > 5, "{} has hardly any sources", folder.display());
    files.into_iter().map(|file| Source::of(file.clone(), fs::read_to_string(file).unwrap())).collect()
}

/// Everything that people wrote: no build results, no locks, nothing of git's.
pub fn text_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if entry.file_type().unwrap().is_dir() {
            if name != "target" && name != ".git" {
                files.extend(text_files(&path));
            }
        } else if name != "Cargo.lock" && name != ".git" {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The first part of a path below `src`, without its ending: `sync`, or `loops` for `loops.rs`.
fn room_of(path: &Path) -> String {
    let first = path.iter().next().unwrap().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// The modules of the crate's first level that a source names.
fn uses(source: &Source) -> BTreeSet<String> {
    let mut starts = vec!["crate::"];
    let is_first_level = source.path.iter().count() == 1;
    if is_first_level {
        starts.push("super::");
    }
    let mut used = BTreeSet::new();
    for start in starts {
        for (at, _) in source.code.match_indices(start) {
            // `$crate::` and `my_crate::` are others' names.
            if source.code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_') {
                continue;
            }
            match source.code[at + start.len()..].strip_prefix('{') {
                Some(group) => used.extend(firsts(group)),
                None => used.extend(words(&source.code[at + start.len()..]).next().map(str::to_owned)),
            }
        }
    }
    used
}

/// The first name of each element of a `use` group, whose opening brace has been read.
fn firsts(group: &str) -> Vec<String> {
    let (mut depth, mut element, mut elements) = (0, String::new(), Vec::new());
    for letter in group.chars() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => elements.push(std::mem::take(&mut element)),
            _ if depth == 0 => element.push(letter),
            _ => {}
        }
    }
    elements.push(element);
    elements.iter().filter_map(|element| words(element).next()).map(str::to_owned).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').filter(|word| !word.is_empty())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

impl Source {
    fn of(path: PathBuf, text: String) -> Source {
        let code = text.lines().map(without_comment).collect::<Vec<_>>().join("\n");
        Source { path, text, code }
    }
}

/// A line up to its comment. The slashes of an address are none.
fn without_comment(line: &str) -> &str {
    let comment = line.match_indices("//").find(|(at, _)| !line[..*at].ends_with(':'));
    comment.map_or(line, |(at, _)| &line[..at])
}
