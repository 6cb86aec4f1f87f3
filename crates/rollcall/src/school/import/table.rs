//! The lines of a file as rows of students. Nothing here knows the database.

use push_protocol::text::Card;

use super::{
    super::{derived::card_number, names},
    Rejected, text,
};

/// What a file says.
#[derive(Clone, Debug)]
pub struct Table {
    /// In the order of the file.
    pub rows: Vec<Row>,
    pub columns: Columns,
    pub unknown_columns: Vec<String>,
    pub encoding: &'static str,
    pub(super) bad: Vec<Bad>,
}

/// Which of the columns are there that may be missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Columns {
    pub card: bool,
    pub class_name: bool,
    pub section_name: bool,
    pub roll_number: bool,
}

/// What a line says of a student. A cell that is empty says that there is none; a column that is missing says nothing.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Row {
    pub line: usize,
    pub full_name: String,
    pub card: Option<CardCell>,
    pub class_name: Option<String>,
    pub section_name: Option<String>,
    pub roll_number: Option<String>,
    /// Who is in the file is active, unless it says no.
    pub is_active: bool,
    /// What another program calls him, where it says so.
    pub oneroster_id: Option<String>,
}

/// A card as it was typed, and as a number: equal numbers are the same card.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct CardCell {
    pub text: String,
    pub number: i64,
}

/// A line that makes no row, and what is known of the student whom it means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Bad {
    pub rejected: Rejected,
    pub about: About,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum About {
    Student {
        full_name: String,
        card: Option<i64>,
        oneroster_id: Option<String>,
    },
    /// The cells of the line could not be told apart.
    Unreadable {
        text: String,
        oneroster_id: Option<String>,
    },
}

impl About {
    pub(super) fn oneroster_id(&self) -> Option<&String> {
        match self {
            About::Student { oneroster_id, .. } | About::Unreadable { oneroster_id, .. } => oneroster_id.as_ref(),
        }
    }
}

/// Why a file is refused as a whole.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    #[error("this is a spreadsheet, not CSV: save it as CSV first")]
    Spreadsheet,
    #[error("the file is empty: its first line names the columns, at least full_name and rfid_card_id")]
    Empty,
    #[error(
        "the first line names no column {missing}: it must name full_name and rfid_card_id, and may name class_name, \
         section_name, roll_number and is_active; it says \"{found}\""
    )]
    Missing { missing: &'static str, found: String },
    #[error("the first line names the column {0} twice")]
    Twice(&'static str),
    #[error("a section belongs to a class: with section_name the file needs class_name")]
    SectionWithoutClass,
}

/// The columns, as the template has them.
pub const COLUMNS: [&str; 6] = ["full_name", "rfid_card_id", "class_name", "section_name", "roll_number", "is_active"];
const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];

/// A file to fill in: the header and two invented students. Spreadsheets know UTF-8 by the mark at its beginning.
pub const TEMPLATE: &str = "\u{FEFF}full_name,rfid_card_id,class_name,section_name,roll_number,is_active\r
Inti Quispe,0012345678,5,A,1,yes\r
Ольга Шевчук,0x00BC614F,5,B,2,yes\r
";

impl Table {
    /// Reads a whole file. Fails when it cannot be told what its columns are; single lines that are wrong are kept with the
    /// reason.
    pub fn read(bytes: &[u8]) -> Result<Table, Error> {
        Table::read_as(bytes, None)
    }

    /// As [`Table::read`]; a person said where each of the columns is, whatever the first line calls them.
    pub fn read_as(bytes: &[u8], places: Option<Places>) -> Result<Table, Error> {
        let (text, encoding) = text::decode(bytes)?;
        let mut lines = rows(&text);
        let (_, header) = lines.next().ok_or(Error::Empty)?;
        let header = match places {
            Some(places) => Header::given(header, places)?,
            None => Header::read(header)?,
        };
        let mut table = Table {
            rows: Vec::new(),
            columns: header.columns(),
            unknown_columns: header.unknown.clone(),
            encoding,
            bad: Vec::new(),
        };
        for (line, text) in lines {
            match header.row(line, text) {
                Ok(Some(row)) => table.rows.push(row),
                Ok(None) => {}
                Err((reason, about)) => table.bad.push(Bad { rejected: Rejected { line, reason }, about }),
            }
        }
        Ok(table)
    }
}

/// For each of [`COLUMNS`], which column of a file it is, counted from 0.
pub type Places = [Option<usize>; COLUMNS.len()];

/// What a file calls its columns, and which of ours each seems to be.
pub fn names(bytes: &[u8]) -> Result<(Vec<String>, Places), Error> {
    let (text, _) = text::decode(bytes)?;
    let (_, line) = rows(&text).next().ok_or(Error::Empty)?;
    let (_, cells) = split(line).ok_or_else(|| Error::Missing { missing: COLUMNS[NAME], found: shortened(line) })?;
    let mut places = [None; COLUMNS.len()];
    for (place, cell) in cells.iter().enumerate() {
        if let Some(index) = looks_like(&column(cell)).filter(|index| places[*index].is_none()) {
            places[index] = Some(place);
        }
    }
    Ok((cells, places))
}

/// Which of our columns a name of another program may mean: a guess that a person is shown, and corrects.
fn looks_like(name: &str) -> Option<usize> {
    COLUMNS.iter().position(|own| *own == name).or(match name {
        "name" | "student" | "student_name" | "nombre" | "nombres" | "nombre_completo" | "alumno" | "estudiante" => {
            Some(NAME)
        }
        "card" | "card_no" | "card_number" | "card_id" | "rfid" | "tarjeta" | "no_tarjeta" | "uid" => Some(CARD),
        "class" | "grade" | "clase" | "curso" | "grado" => Some(CLASS),
        "section" | "group" | "seccion" | "sección" | "paralelo" | "grupo" => Some(SECTION),
        "roll" | "roll_no" | "number" | "no" | "numero" | "número" | "lista" => Some(ROLL),
        "active" | "status" | "activo" | "estado" => Some(ACTIVE),
        _ => None,
    })
}

/// The lines that say something. Some spreadsheets say first what separates the cells.
fn rows(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut lines = lines(text).filter(|(_, line)| !line.trim().is_empty()).peekable();
    lines.next_if(|(_, line)| line.trim().to_ascii_lowercase().starts_with("sep="));
    lines
}

/// A first line of whatever names: what separates its cells, and the cells.
fn split(line: &str) -> Option<(u8, Vec<String>)> {
    let known = |cells: &Vec<String>| cells.iter().filter(|cell| COLUMNS.contains(&&*column(cell))).count();
    // Of equals the first, which is the last one looked at.
    let candidates = SEPARATORS.into_iter().rev();
    let candidates = candidates.filter_map(|separator| Some((separator, cells(line, separator)?)));
    candidates.max_by_key(|(_, cells)| (known(cells), cells.len()))
}

/// Lines with their numbers. A cell over several lines is not read as one: a quotation mark that somebody forgot would
/// swallow everybody behind it.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let end = if text.contains('\n') { '\n' } else { '\r' };
    text.split(end).map(|line| line.trim_end_matches('\r')).enumerate().map(|(index, line)| (index + 1, line))
}

/// The cells of a line; `None` when its quotation marks do not pair.
pub(super) fn cells(line: &str, separator: u8) -> Option<Vec<String>> {
    if line.matches('"').count() % 2 == 1 {
        return None;
    }
    seeming_cells(line, separator)
}

/// The cells of a line; a quotation mark that is not closed makes one of everything behind it.
pub(super) fn seeming_cells(line: &str, separator: u8) -> Option<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator)
        .buffer_capacity(line.len().max(1))
        .from_reader(line.as_bytes());
    let record = reader.records().next()?.ok()?;
    Some(record.iter().map(|cell| cell.trim().to_owned()).collect())
}

pub(super) const UNCLOSED: &str = "a quotation mark is not closed on this line";

pub(super) fn wrong_width(has: usize, width: usize) -> String {
    format!("the line has {has} cells, the header names {width}")
}

/// Where each column is.
struct Header {
    separator: u8,
    places: [Option<usize>; COLUMNS.len()],
    unknown: Vec<String>,
    width: usize,
}

impl Header {
    fn read(line: &str) -> Result<Header, Error> {
        let (separator, cells) =
            split(line).ok_or_else(|| Error::Missing { missing: COLUMNS[NAME], found: shortened(line) })?;
        let mut places = [None; COLUMNS.len()];
        let mut unknown = Vec::new();
        for (place, cell) in cells.iter().enumerate() {
            match COLUMNS.iter().position(|name| *name == column(cell)) {
                Some(index) if places[index].is_some() => return Err(Error::Twice(COLUMNS[index])),
                Some(index) => places[index] = Some(place),
                None if cell.is_empty() => {}
                None => unknown.push(cell.clone()),
            }
        }
        let header = Header { separator, places, unknown, width: cells.len() };
        header.checked(line)
    }

    fn given(line: &str, places: Places) -> Result<Header, Error> {
        let (separator, cells) =
            split(line).ok_or_else(|| Error::Missing { missing: COLUMNS[NAME], found: shortened(line) })?;
        let used = |place: usize| places.iter().flatten().filter(|used| **used == place).count();
        if let Some(index) = (0..COLUMNS.len()).find(|index| places[*index].is_some_and(|place| used(place) > 1)) {
            return Err(Error::Twice(COLUMNS[index]));
        }
        let places = places.map(|place| place.filter(|place| *place < cells.len()));
        let unknown = cells.iter().enumerate().filter(|(place, cell)| used(*place) == 0 && !cell.is_empty());
        let unknown = unknown.map(|(_, cell)| cell.clone()).collect();
        Header { separator, places, unknown, width: cells.len() }.checked(line)
    }

    fn checked(self, line: &str) -> Result<Header, Error> {
        if let Some(index) = (0..2).find(|index| self.places[*index].is_none()) {
            return Err(Error::Missing { missing: COLUMNS[index], found: shortened(line) });
        }
        if self.places[SECTION].is_some() && self.places[CLASS].is_none() {
            return Err(Error::SectionWithoutClass);
        }
        Ok(self)
    }

    fn columns(&self) -> Columns {
        Columns {
            card: true,
            class_name: self.places[CLASS].is_some(),
            section_name: self.places[SECTION].is_some(),
            roll_number: self.places[ROLL].is_some(),
        }
    }

    /// A line's row; none for a line of empty cells.
    fn row(&self, line: usize, text: &str) -> Result<Option<Row>, (String, About)> {
        let unreadable = |reason: String| (reason, About::Unreadable { text: text.to_owned(), oneroster_id: None });
        if text.contains(char::REPLACEMENT_CHARACTER) {
            return Err(unreadable("the line has bytes that are no letters in this file's encoding".to_owned()));
        }
        let cells = cells(text, self.separator).ok_or_else(|| unreadable(UNCLOSED.to_owned()))?;
        if cells.iter().all(String::is_empty) {
            return Ok(None);
        }
        if cells.iter().skip(self.width).any(|cell| !cell.is_empty()) {
            return Err(unreadable(wrong_width(cells.len(), self.width)));
        }
        // Spreadsheets leave out empty cells at the end. A line that ends before its card was cut.
        if self.places[..2].iter().flatten().any(|place| *place >= cells.len()) {
            return Err(unreadable("the line ends before its name or its card".to_owned()));
        }
        let cell = |index: usize| {
            let text = self.places[index].and_then(|place| cells.get(place))?;
            (!text.is_empty()).then_some(&**text)
        };
        read_row(line, cell).map(Some).map_err(|reason| {
            let about = About::Student {
                full_name: cell(NAME).unwrap_or_default().to_owned(),
                card: cell(CARD).and_then(card_number),
                oneroster_id: None,
            };
            (reason, about)
        })
    }
}

const NAME: usize = 0;
const CARD: usize = 1;
const CLASS: usize = 2;
const SECTION: usize = 3;
const ROLL: usize = 4;
const ACTIVE: usize = 5;

fn read_row<'a>(line: usize, cell: impl Fn(usize) -> Option<&'a str>) -> Result<Row, String> {
    let full_name = cell(NAME).ok_or("the line has no name")?;
    let full_name = names::clean(full_name).map_err(|error| format!("full_name: {error}"))?;
    let card = cell(CARD).map(CardCell::read).transpose()?;
    let (class_name, section_name) = (names::clean_optional(cell(CLASS)), names::clean_optional(cell(SECTION)));
    if section_name.is_some() && class_name.is_none() {
        return Err("section_name: a section belongs to a class, and the line names none".to_owned());
    }
    let is_active = cell(ACTIVE).map_or(Ok(true), yes_or_no)?;
    Ok(Row {
        line,
        full_name,
        card,
        class_name,
        section_name,
        roll_number: names::clean_optional(cell(ROLL)),
        is_active,
        oneroster_id: None,
    })
}

impl CardCell {
    pub(super) fn read(text: &str) -> Result<CardCell, String> {
        match Card::parse(text) {
            Ok(card) => {
                Ok(CardCell { text: text.to_owned(), number: i64::try_from(card.number()).unwrap_or(i64::MAX) })
            }
            Err(error) => Err(format!("rfid_card_id \"{}\": {error}", shortened(text))),
        }
    }
}

/// Also as spreadsheets write it in other languages.
fn yes_or_no(text: &str) -> Result<bool, String> {
    match &*text.to_lowercase() {
        "true" | "yes" | "y" | "t" | "1" | "active" | "wahr" | "ja" | "vrai" | "oui" | "verdadero" | "verdadeiro"
        | "sí" | "si" | "sim" | "истина" | "да" => Ok(true),
        "false" | "no" | "n" | "f" | "0" | "inactive" | "falsch" | "nein" | "faux" | "non" | "falso" | "não"
        | "ложь" | "нет" => Ok(false),
        _ => Err(format!("is_active \"{}\": write yes or no", shortened(text))),
    }
}

/// A column's name, however it was typed.
fn column(cell: &str) -> String {
    cell.trim().trim_start_matches('\u{FEFF}').to_lowercase().replace([' ', '-'], "_")
}

/// Enough of a line to recognise it.
fn shortened(line: &str) -> String {
    line.chars().take(120).collect()
}
