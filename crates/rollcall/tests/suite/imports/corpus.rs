//! The corpus of the fuzz target for files, replayed.

use std::fs;

use rollcall::school::import::table;

#[path = "../../../../../fuzz/rows.rs"]
mod rows;

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/csv");

#[test]
fn the_corpus_of_files_is_read_without_stopping() {
    let mut files: Vec<_> = fs::read_dir(CORPUS).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 5, "{}", files.len());
    for file in files {
        println!("{}", file.display());
        rows::csv(&fs::read(&file).unwrap());
    }
}
