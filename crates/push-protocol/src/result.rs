//! What a terminal says became of a command (ATT5.8 §11, MAN3.2 §10, SEC4.8 §10.4).
//!
//! Terminals append results to one file and post it, so one body may hold records of several shapes. They are told apart
//! line by line; values are never percent-decoded, and only the id says which command is meant.

use crate::{
    fields::{number, pair},
    request::Query,
};

mod outcome;

pub use outcome::{Outcome, meaning};

/// One result. Values are never percent-decoded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommandResult<'a> {
    /// As sent: terminals of a former server answer with ids that are no numbers. Empty when it is no text at all.
    pub id: &'a str,
    /// `Return` as a number; `None` when it is absent or no number.
    pub code: Option<i64>,
    /// `Return` as sent.
    pub raw_code: &'a [u8],
    /// The echo of the command word. For logs; never to match on: terminals disagree about it.
    pub command: &'a [u8],
    /// The other keys of the record (`SN`, `AttlogSum`, `FILENAME`), then the lines that follow a flat one (`INFO`
    /// options).
    pub payload: Vec<(&'a [u8], &'a [u8])>,
    /// What follows `Content=`, opaque.
    pub content: Option<&'a [u8]>,
}

/// Reads all results of a `devicecmd` request: its query string when the body has none, else its body in any of the known
/// shapes, mixtures included. What belongs to no record is skipped.
pub fn parse<'a>(query: &'a Query, body: &'a [u8]) -> Vec<CommandResult<'a>> {
    let results = parse_body(body);
    if results.is_empty() { from_query(query).into_iter().collect() } else { results }
}

fn parse_body(body: &[u8]) -> Vec<CommandResult<'_>> {
    let mut results: Vec<CommandResult<'_>> = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let (line, following) = split_line(rest);
        match (Line::of(line), results.last_mut()) {
            (Line::Flat, _) => results.push(CommandResult::of(line.split(|byte| *byte == b'&').filter_map(pair))),
            (Line::Id, _) => results.push(CommandResult::of(pair(line))),
            (Line::Content { start }, Some(result)) => {
                let (content, behind) = split_content(result, &rest[start..]);
                result.content = Some(content);
                rest = behind;
                continue;
            }
            (Line::Other, Some(result)) => pair(line).into_iter().for_each(|pair| result.add(pair)),
            (Line::Content { .. } | Line::Other, None) => {}
        }
        rest = following;
    }
    results
}

fn from_query(query: &Query) -> Option<CommandResult<'_>> {
    query.get("ID")?;
    query.get("Return")?;
    let pairs = query.iter().filter(|(key, _)| !key.eq_ignore_ascii_case("SN"));
    Some(CommandResult::of(pairs.map(|(key, value)| (key.as_bytes(), value.as_bytes()))))
}

/// What a line is to the records around it.
enum Line {
    /// `ID=…&Return=…&CMD=…`: a record of its own, the following lines are its payload.
    Flat,
    /// `ID=…` alone: the first line of a record with one pair per line.
    Id,
    /// `Content=…`: the value starts at this byte and does not end with the line.
    Content {
        start: usize,
    },
    Other,
}

impl Line {
    fn of(line: &[u8]) -> Line {
        let Some((key, value)) = pair(line) else { return Line::Other };
        if key.eq_ignore_ascii_case(b"Content") {
            return Line::Content { start: line.len() - value.len() };
        }
        if !key.eq_ignore_ascii_case(b"ID") {
            return Line::Other;
        }
        let mut others = value.split(|byte| *byte == b'&').skip(1).filter_map(pair).peekable();
        let is_single = others.peek().is_none();
        let is_result = |key: &[u8]| key.eq_ignore_ascii_case(b"Return") || key.eq_ignore_ascii_case(b"CMD");
        match others.any(|(key, _)| is_result(key)) {
            true => Line::Flat,
            false if is_single => Line::Id,
            false => Line::Other,
        }
    }
}

impl<'a> CommandResult<'a> {
    fn of(pairs: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> CommandResult<'a> {
        let mut result =
            CommandResult { id: "", code: None, raw_code: b"", command: b"", payload: Vec::new(), content: None };
        pairs.into_iter().for_each(|pair| result.add(pair));
        result
    }

    /// Takes a pair into its place; the first of repeated keys counts, the others are payload.
    fn add(&mut self, (key, value): (&'a [u8], &'a [u8])) {
        if key.eq_ignore_ascii_case(b"ID") && self.id.is_empty() {
            self.id = str::from_utf8(value.trim_ascii()).unwrap_or_default();
        } else if key.eq_ignore_ascii_case(b"Return") && self.raw_code.is_empty() {
            self.raw_code = value;
            self.code = number(value);
        } else if key.eq_ignore_ascii_case(b"CMD") && self.command.is_empty() {
            self.command = value;
        } else if key.eq_ignore_ascii_case(b"Content") && self.content.is_none() {
            self.content = Some(value);
        } else {
            self.payload.push((key, value));
        }
    }
}

/// Where content ends: at the end of the body, but for a file whose size `Return` tells, if what follows that many bytes
/// is another record (MAN3.2 §10.1).
fn split_content<'a>(result: &CommandResult<'_>, bytes: &'a [u8]) -> (&'a [u8], &'a [u8]) {
    let whole = (bytes, &bytes[bytes.len()..]);
    let size = result.code.and_then(|code| usize::try_from(code).ok()).filter(|size| *size > 0);
    if !result.command.trim_ascii().eq_ignore_ascii_case(b"GetFile") {
        return whole;
    }
    let Some((content, behind)) = size.and_then(|size| bytes.split_at_checked(size)) else { return whole };
    let next = behind.trim_ascii_start();
    let is_record = next.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(b"ID="));
    if next.is_empty() || is_record { (content, next) } else { whole }
}

/// The first line without its end, and what follows it.
fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (line, following) = match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, &bytes[bytes.len()..]),
    };
    (line.strip_suffix(b"\r").unwrap_or(line), following)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &[u8]) -> Vec<CommandResult<'_>> {
        parse_body(body)
    }

    #[test]
    fn one_pair_per_line_and_one_record_per_line_mix() {
        let results = read(b"noise\nID=1&Return=0&CMD=DATA\nID=2\nReturn=12\nCMD=PutFile\nid=3&return=-2&cmd=DATA\r\n");
        let seen: Vec<_> = results.iter().map(|result| (result.id, result.code, result.command)).collect();
        assert_eq!(seen, [("1", Some(0), &b"DATA"[..]), ("2", Some(12), b"PutFile"), ("3", Some(-2), b"DATA")]);
    }

    #[test]
    fn a_code_that_is_no_number_is_kept_as_sent() {
        let results = read(b"ID=1&Return=abc&CMD=DATA\nID=2&CMD=DATA\nID=3&Return= -10 &CMD=DATA");
        let seen: Vec<_> = results.iter().map(|result| (result.code, result.raw_code)).collect();
        assert_eq!(seen, [(None, &b"abc"[..]), (None, b""), (Some(-10), b" -10 ")]);
    }

    #[test]
    fn a_file_may_hold_anything_that_looks_like_a_result() {
        let body = b"ID=1\nCMD=GetFile\nReturn=25\nContent=ID=9&Return=0&CMD=DATA\r\n\nID=2&Return=0&CMD=DATA\n";
        let results = read(body);
        assert_eq!(results[0].content, Some(&b"ID=9&Return=0&CMD=DATA\r\n\n"[..]));
        assert_eq!(results[1].id, "2");
        // A size that ends nowhere sensible is not believed.
        let results = read(b"ID=1\nCMD=GetFile\nReturn=5\nContent=0123456789\nID=2&Return=0&CMD=DATA\n");
        assert_eq!(results.len(), 1);
        assert_eq!(read(b"ID=1\nCMD=GetFile\nReturn=99\nContent=abc")[0].content, Some(&b"abc"[..]));
    }

    #[test]
    fn the_url_counts_when_the_body_is_empty() {
        let query = Query::parse("SN=1&id=436&Return=0&CMD=DATA");
        assert_eq!(parse(&query, b"\r\n").len(), 1);
        assert_eq!(parse(&query, b"ID=7&Return=0&CMD=DATA")[0].id, "7");
        assert_eq!(parse(&Query::parse("SN=1&ID=436"), b""), []);
    }
}
