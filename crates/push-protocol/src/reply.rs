//! The bodies a server answers with (ATT5.8 §3 and §9, SEC4.8 §7). Always `text/plain`, never empty.

use jiff::{Timestamp, civil::DateTime, tz::Offset};

use crate::{command::CommandId, record::Content, request::Upload};

mod options;

pub use options::{Options, SecurityOptions};

/// The idle reply and the plain acknowledgement: two bytes, no line end. The legacy client takes a terminated line that
/// is no command as an error and waits (FWSRC).
pub const OK: &[u8] = b"OK";

/// The acknowledgement that belongs to an upload: photos, options and the security dialect's live records are answered
/// `OK`, its tables `<table>=<n>`, everything else `OK: <n>`.
pub fn acknowledgement(upload: &Upload, content: &Content<'_>) -> Vec<u8> {
    let is_live = matches!(upload.table.as_deref(), Some("RTLOG" | "RTSTATE"));
    match content {
        Content::Photo(_) | Content::Options(_) => OK.to_vec(),
        Content::Records(_) if is_live => OK.to_vec(),
        Content::Records(lines) => match &upload.table_name {
            Some(table_name) => table_counted(table_name, lines.received()),
            None => counted(lines.received()),
        },
        Content::Packed => counted(1),
    }
}

/// `OK: n`. `received` counts every non-empty line of the upload, duplicates and unread ones included: a terminal that is
/// told less sends the whole batch again for ever. An empty upload is answered `OK: 1` (TimeBridge).
pub fn counted(received: usize) -> Vec<u8> {
    format!("OK: {}", received.max(1)).into_bytes()
}

/// `user=3`: the acknowledgement of `tabledata` and `querydata` (SEC4.8 §10.5). Control characters of the name, which
/// comes from the terminal, are dropped. All tables are written in small letters but one.
pub fn table_counted(table_name: &str, received: usize) -> Vec<u8> {
    let table_name = if table_name == "attphoto" { "ATTPHOTO" } else { table_name };
    let table_name: String = table_name.chars().filter(|character| !character.is_control()).collect();
    format!("{table_name}={received}").into_bytes()
}

/// `TimeZone` as terminals read it: hours when whole, else minutes, e.g. `3`, `-5`, `330` (ATT5.8 §3.2). The legacy client
/// takes anything below 25 as hours (FWSRC), so an offset of 1 to 24 minutes could not be told; no zone in use has one.
pub fn time_zone(offset: Offset) -> String {
    let seconds = offset.seconds();
    if seconds % 3600 == 0 { (seconds / 3600).to_string() } else { (seconds / 60).to_string() }
}

/// The answer to `type=time`: `Time=2026-03-02T08:00:05+03:00` (MAN3.2 §2.3).
pub fn time(now: Timestamp, offset: Offset) -> Vec<u8> {
    let local = offset.to_datetime(now);
    let (sign, hours, minutes) = sign_hours_minutes(offset);
    format!("Time={}{sign}{hours:02}:{minutes:02}", local.strftime("%Y-%m-%dT%H:%M:%S")).into_bytes()
}

/// The answer to `rtdata?type=time`: `DateTime=<ZK seconds of GMT>,ServerTZ=+0300` (SEC4.8).
pub fn security_time(now: Timestamp, offset: Offset) -> Vec<u8> {
    let (sign, hours, minutes) = sign_hours_minutes(offset);
    let greenwich = zk_seconds(Offset::UTC.to_datetime(now));
    format!("DateTime={greenwich},ServerTZ={sign}{hours:02}{minutes:02}").into_bytes()
}

/// ZK seconds: an encoding of a civil time since 2000 in which every month has 31 days, not an epoch (SEC4.8).
pub fn zk_seconds(time: DateTime) -> i64 {
    let months = (i64::from(time.year()) - 2000) * 12 + i64::from(time.month()) - 1;
    let days = months * 31 + i64::from(time.day()) - 1;
    let hours = days * 24 + i64::from(time.hour());
    (hours * 60 + i64::from(time.minute())) * 60 + i64::from(time.second())
}

/// The reply of a poll with commands: `C:<id>:<text>` lines, each terminated: the legacy client does not execute a last
/// line without end (FWSRC). `commands` must not be empty; if it is, the reply is [`OK`].
///
/// A text is one line: control characters other than TAB, which [`crate::command::Command::render`] never writes but a
/// stored row may hold, become blanks.
pub fn commands<'a>(commands: impl IntoIterator<Item = (CommandId, &'a [u8])>) -> Vec<u8> {
    let mut reply = Vec::new();
    for (id, text) in commands {
        reply.extend_from_slice(format!("C:{}:", id.number()).as_bytes());
        reply.extend(text.iter().map(|byte| match byte {
            b'\t' => b'\t',
            control if control.is_ascii_control() => b' ',
            other => *other,
        }));
        reply.push(b'\n');
    }
    if reply.is_empty() { OK.to_vec() } else { reply }
}

fn sign_hours_minutes(offset: Offset) -> (char, i32, i32) {
    let minutes = offset.seconds().abs() / 60;
    (if offset.is_negative() { '-' } else { '+' }, minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn minutes(minutes: i32) -> Offset {
        Offset::from_seconds(minutes * 60).unwrap()
    }

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn whole_zones_are_hours_and_others_minutes() {
        let cases = [(0, "0"), (180, "3"), (-300, "-5"), (330, "330"), (345, "345"), (-210, "-210"), (840, "14")];
        for (offset, sent) in cases {
            assert_eq!(time_zone(minutes(offset)), sent);
        }
    }

    #[test]
    fn times_carry_their_offset() {
        let now: Timestamp = "2026-03-02T05:00:05Z".parse().unwrap();
        assert_eq!(text(time(now, minutes(180))), "Time=2026-03-02T08:00:05+03:00");
        assert_eq!(text(time(now, minutes(-210))), "Time=2026-03-02T01:30:05-03:30");
        assert_eq!(text(security_time(now, minutes(-210))), "DateTime=841122005,ServerTZ=-0330");
    }

    #[test]
    fn zk_months_have_31_days() {
        assert_eq!(zk_seconds(date(2000, 1, 1).at(0, 0, 0, 0)), 0);
        assert_eq!(zk_seconds(date(2000, 2, 1).at(0, 0, 1, 0)), 31 * 86_400 + 1);
        assert_eq!(zk_seconds(date(2026, 3, 2).at(5, 0, 5, 0)), 841_122_005);
        assert!(zk_seconds(date(1999, 12, 31).at(0, 0, 0, 0)) < 0);
    }

    #[test]
    fn counts_are_never_zero() {
        assert_eq!(text(counted(0)), "OK: 1");
        assert_eq!(text(counted(128)), "OK: 128");
        assert_eq!(text(table_counted("us\ner", 0)), "user=0");
    }

    #[test]
    fn a_command_is_one_terminated_line() {
        let id = CommandId::new(741).unwrap();
        let line = |text: &'static [u8]| commands([(id, text)]);
        assert_eq!(line(b"INFO"), b"C:741:INFO\n");
        assert_eq!(
            line(b"DATA USER PIN=1\tName=Eve\r\nC:9:CLEAR DATA\0"),
            b"C:741:DATA USER PIN=1\tName=Eve  C:9:CLEAR DATA \n"
        );
        assert_eq!(commands([]), OK);
    }
}
