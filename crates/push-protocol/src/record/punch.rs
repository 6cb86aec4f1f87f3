//! Attendance records: columns (ATT5.8 §9.1, MAN3.2 §2.4.1) or pairs (SEC4.8 §10.2).

use jiff::civil::{Date, DateTime, Time};

use crate::{
    fields::Fields,
    text::{Charset, Pin},
};

/// One attendance record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Punch {
    pub pin: Pin,
    /// Device-local wall clock without zone.
    pub time: DateTime,
    /// 0 in, 1 out, …; 255 = no state chosen. Text as sent, empty when absent.
    pub status: String,
    /// Verify mode; two incompatible tables exist (ATT5.8 App. 7, MAN3.2 Table 2.3). Text as sent.
    pub verify: String,
    pub work_code: String,
    /// Columns after the work code, as sent, joined by TAB; of a record of pairs, those that have no place above.
    pub rest: String,
    /// Column 11 where it is an offset: a sign and at most 50,400 seconds. An MB10 counts its records there.
    pub utc_offset_seconds: Option<i32>,
}

/// Names of a field in documents and captures, the first found counts.
const PIN: &[&str] = &["PIN"];
const TIME: &[&str] = &["time", "DateTime"];
const STATUS: &[&str] = &["inoutstatus", "Status"];
const VERIFY: &[&str] = &["verifytype", "Verified", "Verify"];
const WORK_CODE: &[&str] = &["WorkCode"];

/// `1042\t2026-03-02 08:00:03\t0\t15\t…`: at least PIN and time, at most anything.
pub(super) fn of_columns(line: &[u8], charset: Charset) -> Option<Punch> {
    let mut columns = line.splitn(6, |byte| *byte == b'\t');
    let (pin, time) = (pin(columns.next()?)?, wall_clock(columns.next()?)?);
    let mut text = || charset.decode(columns.next().unwrap_or_default()).into_owned();
    let (status, verify, work_code) = (text(), text(), text());
    let rest = columns.next().unwrap_or_default();
    Some(Punch {
        pin,
        time,
        status,
        verify,
        work_code,
        rest: charset.decode(rest).into_owned(),
        utc_offset_seconds: rest.split(|byte| *byte == b'\t').nth(5).and_then(utc_offset),
    })
}

/// `time=…\tpin=…\tinoutstatus=…\tverifytype=…`
pub(super) fn of_pairs(fields: &Fields<'_>, charset: Charset) -> Option<Punch> {
    let text = |keys| first(fields, keys).map(|value| charset.decode(value).into_owned()).unwrap_or_default();
    let has_place = |key: &[u8]| {
        let mut placed = [PIN, TIME, STATUS, VERIFY, WORK_CODE].into_iter().flatten();
        placed.any(|placed| key.eq_ignore_ascii_case(placed.as_bytes()))
    };
    let others = fields.iter().filter(|(key, _)| !has_place(key)).map(|(key, value)| [key, b"=", value].concat());
    let others: Vec<Vec<u8>> = others.collect();
    Some(Punch {
        pin: pin(first(fields, PIN)?)?,
        time: time_of(fields)?,
        status: text(STATUS),
        verify: text(VERIFY),
        work_code: text(WORK_CODE),
        rest: charset.decode(&others.join(&b'\t')).into_owned(),
        utc_offset_seconds: None,
    })
}

/// The time of a record of pairs.
pub(super) fn time_of(fields: &Fields<'_>) -> Option<DateTime> {
    wall_clock(first(fields, TIME)?)
}

fn first<'a>(fields: &Fields<'a>, keys: &[&str]) -> Option<&'a [u8]> {
    keys.iter().find_map(|key| fields.bytes(key))
}

/// `2026-03-02 08:00:03`, also with a `T`, one-digit parts or without seconds. A time that no calendar has is none; any
/// year is good, clocks are often wrong by years (SmartOps).
pub(super) fn wall_clock(text: &[u8]) -> Option<DateTime> {
    let text = str::from_utf8(text).ok()?.trim();
    let (date, time) = text.split_once([' ', 'T'])?;
    let [year, month, day] = parts(date, '-', None)?;
    let [hour, minute, second] = parts(time.trim_start(), ':', Some(0))?;
    let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    let [hour, minute, second] = [i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, i8::try_from(second).ok()?];
    Some(date.to_datetime(Time::new(hour, minute, second, 0).ok()?))
}

/// Three numbers; `last` stands in for a missing third.
fn parts(text: &str, separator: char, last: Option<i16>) -> Option<[i16; 3]> {
    let mut numbers = text.split(separator).map(|part| {
        let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse().ok().filter(|_| is_number)
    });
    let three = [numbers.next()??, numbers.next()??, numbers.next().unwrap_or(last)?];
    numbers.next().is_none().then_some(three)
}

fn pin(text: &[u8]) -> Option<Pin> {
    Pin::parse(str::from_utf8(text).ok()?.trim()).ok()
}

fn utc_offset(column: &[u8]) -> Option<i32> {
    let text = str::from_utf8(column).ok()?.trim();
    let has_sign = text.starts_with(['+', '-']);
    text.parse().ok().filter(|seconds| has_sign && (-50_400..=50_400).contains(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn punch(line: &str) -> Option<Punch> {
        of_columns(line.as_bytes(), Charset::Utf8)
    }

    #[test]
    fn four_to_sixteen_columns() {
        let short = punch("12\t2026-03-02 08:02:59\t0\t1").unwrap();
        assert_eq!((short.pin.as_str(), short.status.as_str(), short.verify.as_str()), ("12", "0", "1"));
        assert_eq!((short.work_code.as_str(), short.rest.as_str()), ("", ""));
        let long = punch("12\t2026-03-02 08:02:59\t255\t15\t\ta\tb\tc\td\te\t-18000\tf\tg\th\ti\tj").unwrap();
        assert_eq!(long.rest, "a\tb\tc\td\te\t-18000\tf\tg\th\ti\tj");
        assert_eq!(long.utc_offset_seconds, Some(-18_000));
    }

    #[test]
    fn column_eleven_needs_a_sign_and_a_sane_size() {
        let offset = |column: &str| punch(&format!("1\t2026-03-02 08:00:00{}\t{column}", "\t0".repeat(8))).unwrap();
        let offsets = ["+50400", "+50401", "44719", "-", "", "+x"].map(|column| offset(column).utc_offset_seconds);
        assert_eq!(offsets, [Some(50_400), None, None, None, None, None]);
    }

    #[test]
    fn times_are_those_of_a_calendar() {
        let read = |text: &str| wall_clock(text.as_bytes()).map(|time| time.to_string());
        assert_eq!(read("2077-03-02 08:00:00").as_deref(), Some("2077-03-02T08:00:00"));
        assert_eq!(read(" 2026-3-2T8:05 ").as_deref(), Some("2026-03-02T08:05:00"));
        for wrong in
            ["2026-02-30 08:00:00", "2026-03-02", "2026-03-02 24:00:00", "x", "2026-03-02 08:00:00:00", "-1-1-1 1:1"]
        {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn pairs_in_two_vocabularies() {
        let line = b"time=2026-03-02 08:00:03\tpin=1042\tcardno=0\tevent=0\tinoutstatus=1\tverifytype=15\tindex=21";
        let punch = of_pairs(&Fields::tabs(line), Charset::Utf8).unwrap();
        assert_eq!((punch.status.as_str(), punch.verify.as_str()), ("1", "15"));
        assert_eq!(punch.rest, "cardno=0\tevent=0\tindex=21");
        let line = b"PIN=1042 DateTime=2026-03-02 08:00:03 Verified=1 Status=0";
        let punch = of_pairs(&Fields::blanks(line), Charset::Utf8).unwrap();
        assert_eq!((punch.status.as_str(), punch.verify.as_str(), punch.rest.as_str()), ("0", "1", ""));
    }
}
