//! The corpus of the fuzz targets, replayed: what was found once is not to be found again.

use std::fs;

#[path = "../../../../fuzz/checks.rs"]
mod checks;

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus");

#[test]
fn the_corpus_is_read_without_stopping() {
    type Check = fn(&[u8]);
    let (heads, exchanges, results): (Check, Check, Check) = (checks::heads, checks::exchanges, checks::results);
    for (name, check) in [("heads", heads), ("exchanges", exchanges), ("results", results)] {
        let mut files: Vec<_> =
            fs::read_dir(format!("{CORPUS}/{name}")).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        assert!(files.len() >= 10, "{name}: {}", files.len());
        for file in files {
            println!("{}", file.display());
            check(&fs::read(&file).unwrap());
        }
    }
}
