//! Names as people type them: of students, classes, sections and schools.

use push_protocol::text::clean_name;

/// Characters of a name. Nobody is refused because his is longer; what is behind them is not kept.
const LONGEST: usize = 200;

#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    #[error("nothing is left of the name once control characters and blanks are removed")]
    Empty,
}

/// The name as it is stored: clean, and not cut to what a terminal holds; that happens on the way to the terminal.
pub fn clean(text: &str) -> Result<String, Error> {
    let name = clean_name(text).map_err(|_| Error::Empty)?;
    Ok(match name.char_indices().nth(LONGEST) {
        Some((end, _)) => name[..end].trim_end().to_owned(),
        None => name,
    })
}

/// As [`clean`], for a field that may stay empty.
pub fn clean_optional(text: Option<&str>) -> Option<String> {
    text.and_then(|text| clean(text).ok())
}
