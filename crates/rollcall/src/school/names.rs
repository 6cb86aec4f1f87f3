//! Names as people type them: of students, classes, sections and schools.

use push_protocol::text::clean_name;

/// A name longer than this was a mistake.
const LONGEST: usize = 200;

#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    #[error("nothing is left of the name once control characters and blanks are removed")]
    Empty,
    #[error("a name has at most {LONGEST} characters")]
    Long,
}

/// The name as it is stored: clean, and not cut to what a terminal holds; that happens on the way to the terminal.
pub fn clean(text: &str) -> Result<String, Error> {
    let name = clean_name(text).map_err(|_| Error::Empty)?;
    if name.chars().count() > LONGEST { Err(Error::Long) } else { Ok(name) }
}

/// As [`clean`], for a field that may stay empty.
pub fn clean_optional(text: Option<&str>) -> Result<Option<String>, Error> {
    match text.map(clean).transpose() {
        Err(Error::Empty) => Ok(None),
        cleaned => cleaned,
    }
}
