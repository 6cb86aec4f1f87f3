//! Lines that no one could read, kept for the person who asks what a terminal said.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use jiff::Timestamp;

use crate::store::{Instant, Result, Tx};

/// A line that is kept.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, sqlx::FromRow)]
pub struct Unread {
    #[serde(skip)]
    pub id: i64,
    pub serial_number: String,
    pub table_name: String,
    pub line: String,
    pub received_at: Instant,
}

/// Lines kept per serial number: the newest.
pub const PER_SERIAL: usize = 1_000;

/// Bytes kept of a line once it is escaped. An index holds them, whose entries PostgreSQL limits.
const MAX_LINE: usize = 2_000;

/// Bytes of a line that decide what is kept of it: what is longer is cut in any case, before its last character.
pub const BYTES: usize = MAX_LINE + 4;

const MAX_TABLE: usize = 64;

const KEEP: &str = "INSERT INTO unread_lines (serial_number, table_name, line, received_at) VALUES {rows}
ON CONFLICT (serial_number, table_name, line) DO NOTHING";

const DROP_OLDEST: &str = "DELETE FROM unread_lines WHERE serial_number = $1 AND id <= (
    SELECT id FROM unread_lines WHERE serial_number = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)";

/// Keeps lines: serial number, table, bytes. A line that is kept already is not kept twice.
pub(super) async fn keep(tx: &mut Tx, lines: &[(&str, &str, Cow<'_, [u8]>)], now: Timestamp) -> Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let mut per_serial: BTreeMap<&str, BTreeSet<(String, String)>> = BTreeMap::new();
    for (serial, table, line) in lines.iter().rev() {
        let kept = per_serial.entry(serial).or_default();
        if kept.len() < PER_SERIAL {
            kept.insert((escape(table.as_bytes(), MAX_TABLE), escape(line, MAX_LINE)));
        }
    }
    let serials: Vec<&str> = per_serial.keys().copied().collect();
    let rows = per_serial.into_iter().flat_map(|(serial, kept)| {
        kept.into_iter().map(move |(table, line)| vec![serial.into(), table.into(), line.into(), now.into()])
    });
    tx.execute_rows(KEEP, &[], rows.collect()).await?;
    for serial in serials {
        tx.execute(DROP_OLDEST, [serial.into(), i64::try_from(PER_SERIAL).unwrap_or(i64::MAX).into()]).await?;
    }
    Ok(())
}

const DROP: &str = "DELETE FROM unread_lines WHERE id = $1";

/// Forgets one line.
pub async fn drop(tx: &mut Tx, line: &Unread) -> Result<()> {
    tx.execute(DROP, [line.id.into()]).await?;
    Ok(())
}

/// How these bytes stand in a line.
pub fn escape_line(bytes: &[u8]) -> String {
    escape(bytes, MAX_LINE)
}

/// Bytes as text from which they can be got back: UTF-8 as it is, `\\`, `\t`, `\r`, `\n`, every other control character
/// and every byte that is not UTF-8 as `\xNN`. Cut at `limit` bytes, where it ends with `…`.
fn escape(bytes: &[u8], limit: usize) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => text.push_str("\\\\"),
                '\t' => text.push_str("\\t"),
                '\r' => text.push_str("\\r"),
                '\n' => text.push_str("\\n"),
                control if control.is_ascii_control() => {
                    let _ = write!(text, "\\x{:02X}", u32::from(control));
                }
                other => text.push(other),
            }
            if text.len() > limit {
                return cut(text, limit);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02X}");
        }
        if text.len() > limit {
            return cut(text, limit);
        }
    }
    text
}

fn cut(mut text: String, limit: usize) -> String {
    text.truncate(text.floor_char_boundary(limit - '…'.len_utf8()));
    text.push('…');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_can_be_got_back() {
        assert_eq!(escape("1042\tआरव शर्मा\r\n".as_bytes(), MAX_LINE), "1042\\tआरव शर्मा\\r\\n");
        assert_eq!(escape(b"a\\b\0\x7f\xff\xc3", MAX_LINE), "a\\\\b\\x00\\x7F\\xFF\\xC3");
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let cut = escape("ऊ".repeat(1_000).as_bytes(), MAX_LINE);
        assert!(cut.len() <= MAX_LINE && cut.ends_with("ऊ…"), "{} bytes", cut.len());
    }
}
