//! The files of a OneRoster set, from a zip or a folder, as lines of named cells.

use std::{
    collections::HashMap,
    fs,
    io::{self, Cursor, Read as _},
    path::Path,
};

use super::{super::table, Error};

/// The files that are looked at, by name without folder.
const FILES: [&str; 6] = ["manifest.csv", "orgs.csv", "users.csv", "roles.csv", "classes.csv", "enrollments.csv"];

/// Bytes of one file, unpacked: a zip may say it is small and be anything.
const LARGEST: u64 = 200 * 1024 * 1024;

#[derive(Clone, Debug, Default)]
pub struct Package(HashMap<&'static str, Vec<u8>>);

/// A line: its number, and its cells by the name of their column.
pub(super) struct Record {
    pub line: usize,
    cells: HashMap<String, String>,
}

/// A file of which no line may be lost.
#[derive(Default)]
pub(super) struct Lines {
    columns: Vec<String>,
    pub whole: Vec<Record>,
    pub damaged: Vec<Damaged>,
}

/// A line whose cells cannot be told apart for certain, and those that it seems to have.
pub(super) struct Damaged {
    pub record: Record,
    pub text: String,
    pub reason: String,
}

impl Package {
    pub fn of_zip(bytes: &[u8]) -> Result<Package, Error> {
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|_| Error::NoZip)?;
        let mut package = Package::default();
        for index in 0..archive.len() {
            let file = archive.by_index(index).map_err(|_| Error::NoZip)?;
            let path = file.name().map_err(|_| Error::NoZip)?.into_owned();
            let Some(name) = path.rsplit('/').next().and_then(known) else { continue };
            let mut text = Vec::new();
            file.take(LARGEST + 1).read_to_end(&mut text).map_err(|_| Error::NoZip)?;
            package.put(name, text)?;
        }
        Ok(package)
    }

    pub fn of_folder(folder: &Path) -> io::Result<Result<Package, Error>> {
        let mut package = Package::default();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let Some(name) = known(&entry.file_name().to_string_lossy()) else { continue };
            if let Err(error) = package.put(name, fs::read(entry.path())?) {
                return Ok(Err(error));
            }
        }
        Ok(Ok(package))
    }

    fn put(&mut self, name: &'static str, text: Vec<u8>) -> Result<(), Error> {
        if text.len() as u64 > LARGEST {
            return Err(Error::Large(name));
        }
        self.0.insert(name, text);
        Ok(())
    }

    /// The lines of a file; none when the file is not there, or the manifest says that it does not count.
    pub(super) fn records(&self, name: &'static str) -> Result<Vec<Record>, Error> {
        let text = self.text(name)?;
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
        let unreadable = |error: csv::Error| Error::Unreadable(name, error.to_string());
        let columns: Vec<String> =
            reader.headers().map_err(unreadable)?.iter().map(|column| column.trim().to_lowercase()).collect();
        let mut records = Vec::new();
        for record in reader.records() {
            let record = record.map_err(unreadable)?;
            let line = record.position().map_or(0, csv::Position::line);
            records.push(Record::of(usize::try_from(line).unwrap_or(0), &columns, record.iter()));
        }
        Ok(records)
    }

    /// The lines of a file, each by itself: a quotation mark that somebody forgot damages one line, not all behind it. A cell
    /// over several lines is not read as one. None when the file is not there.
    pub(super) fn lines(&self, name: &'static str) -> Result<Lines, Error> {
        let mut texts = table::lines(self.text(name)?).filter(|(_, text)| !text.trim().is_empty());
        let Some((_, header)) = texts.next() else { return Ok(Lines::default()) };
        let unreadable = || Error::Unreadable(name, table::UNCLOSED.to_owned());
        let columns = table::cells(header, b',').ok_or_else(unreadable)?;
        let columns: Vec<String> = columns.iter().map(|column| column.to_lowercase()).collect();
        let (mut whole, mut damaged) = (Vec::new(), Vec::new());
        for (line, text) in texts {
            let reason = match table::cells(text, b',') {
                Some(cells) if cells.iter().all(String::is_empty) => continue,
                Some(cells) if cells.len() == columns.len() => {
                    whole.push(Record::of(line, &columns, cells.iter().map(String::as_str)));
                    continue;
                }
                Some(cells) => table::wrong_width(cells.len(), columns.len()),
                None => table::UNCLOSED.to_owned(),
            };
            let cells = table::seeming_cells(text, b',').unwrap_or_default();
            let record = Record::of(line, &columns, cells.iter().map(String::as_str));
            damaged.push(Damaged { record, text: text.to_owned(), reason });
        }
        Ok(Lines { columns, whole, damaged })
    }

    fn text(&self, name: &'static str) -> Result<&str, Error> {
        let bytes = self.0.get(name).map_or(&[][..], |bytes| bytes);
        let text = std::str::from_utf8(bytes).map_err(|_| Error::NotUtf8(name))?;
        Ok(text.trim_start_matches('\u{FEFF}'))
    }

    pub(super) fn has(&self, name: &'static str) -> bool {
        self.0.contains_key(name)
    }
}

fn known(name: &str) -> Option<&'static str> {
    FILES.into_iter().find(|file| file.eq_ignore_ascii_case(name))
}

impl Lines {
    pub(super) fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|own| own == column)
    }
}

impl Record {
    fn of<'a>(line: usize, columns: &[String], cells: impl Iterator<Item = &'a str>) -> Record {
        Record { line, cells: columns.iter().cloned().zip(cells.map(|cell| cell.trim().to_owned())).collect() }
    }

    /// A cell by its column's name in lower case; none when it is empty.
    pub(super) fn get(&self, column: &str) -> Option<&str> {
        self.cells.get(column).map(String::as_str).filter(|cell| !cell.is_empty())
    }

    pub(super) fn is(&self, column: &str, value: &str) -> bool {
        self.get(column).is_some_and(|cell| cell.eq_ignore_ascii_case(value))
    }

    pub(super) fn is_gone(&self) -> bool {
        self.is("status", "tobedeleted")
    }
}
