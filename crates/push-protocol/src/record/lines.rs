//! The lines of an upload, one after the other.

use crate::text::Charset;

use super::{Record, line};

/// The lines of an upload that are left. Each is read when it is taken: sixteen megabytes of short lines are a hundred times as
/// much once they are read, so whoever takes them decides what of it he holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lines<'a> {
    table: String,
    rest: &'a [u8],
    charset: Charset,
}

impl<'a> Lines<'a> {
    /// `table`, upper-cased, tells what a line without tag is.
    pub fn new(table: &str, body: &'a [u8], charset: Charset) -> Lines<'a> {
        Lines { table: table.to_owned(), rest: body, charset }
    }

    pub fn table(&self) -> &str {
        &self.table
    }

    /// What was not taken yet, from the beginning of a line on.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// How many lines are left: every non-empty one, readable or not.
    pub fn received(&self) -> usize {
        let mut rest = self.rest;
        std::iter::from_fn(|| next(&mut rest)).count()
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        next(&mut self.rest).map(|line| line::read(line, &self.table, self.charset))
    }
}

/// Takes the next line that is not empty, without its end.
fn next<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let line = without_end(&rest[..end]);
        *rest = &rest[rest.len().min(end + 1)..];
        if !line.trim_ascii().is_empty() {
            return Some(line);
        }
    }
    None
}

/// Drops the CR of a CR LF, and NULs that a C string left behind.
fn without_end(mut line: &[u8]) -> &[u8] {
    while let [rest @ .., b'\r' | b'\0'] = line {
        line = rest;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_begins_with_a_line() {
        let mut lines = Lines::new("ATTLOG", b"\nx\r\n\ny\nz", Charset::Utf8);
        assert_eq!((lines.received(), lines.next()), (3, Some(Record::Unread(b"x"))));
        assert_eq!((lines.received(), lines.rest()), (2, &b"\ny\nz"[..]));
        let gone_on = Lines::new(lines.table(), lines.rest(), Charset::Utf8);
        assert_eq!(gone_on.collect::<Vec<_>>(), [Record::Unread(b"y"), Record::Unread(b"z")]);
    }
}
