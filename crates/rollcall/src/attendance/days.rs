//! Who came when: one row per student and day, made by the earliest punch of that day.
//!
//! Which is the earliest, the terminals' own clocks say, as they say which day it is: the instant of a punch depends on the
//! zone that is set, and a zone may be set or corrected in the middle of a day.

use std::collections::BTreeMap;

use jiff::{
    Timestamp,
    civil::{Date, DateTime, Time},
};

use super::wall_clock::WallClock;
use crate::{
    devices::DeviceId,
    school::{SchoolId, StudentId},
    store::{Result, Tx, Value},
};

/// A student's punch, as far as the day is concerned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub student: StudentId,
    pub school: SchoolId,
    pub device: DeviceId,
    /// What the terminal's clock showed. Its date is the day; its time is held against the school's.
    pub local: DateTime,
    pub instant: Timestamp,
}

/// A row that another program wrote may not say what the terminal's clock showed.
const ENTER: &str =
    "INSERT INTO attendance_logs (student_id, school_id, device_id, check_in_time, date, punched_at, status)
VALUES {rows}
ON CONFLICT (student_id, date) DO UPDATE SET school_id = excluded.school_id, device_id = excluded.device_id,
    check_in_time = excluded.check_in_time, punched_at = excluded.punched_at, status = excluded.status
WHERE excluded.punched_at < attendance_logs.punched_at
    OR attendance_logs.punched_at IS NULL AND excluded.check_in_time < attendance_logs.check_in_time";

/// Enters arrivals in whatever order they come: the earliest of a day wins.
pub(super) async fn enter(tx: &mut Tx, arrivals: impl Iterator<Item = Arrival>) -> Result<()> {
    // In order of student and day, so that two transactions lock in the same order.
    let mut earliest: BTreeMap<(StudentId, Date), Arrival> = BTreeMap::new();
    for arrival in arrivals {
        let entry = earliest.entry((arrival.student, arrival.local.date())).or_insert(arrival);
        if arrival.local < entry.local {
            *entry = arrival;
        }
    }
    if earliest.is_empty() {
        return Ok(());
    }
    let starts = day_starts(tx, earliest.values().map(|arrival| arrival.school)).await?;
    let rows = earliest.into_values().map(|arrival| {
        let start = starts.get(&arrival.school).copied().unwrap_or_default();
        vec![
            arrival.student.into(),
            arrival.school.into(),
            arrival.device.into(),
            arrival.instant.into(),
            arrival.local.date().into(),
            WallClock(arrival.local).to_string().into(),
            start.status(arrival.local.time()).into(),
        ]
    });
    tx.execute_rows(ENTER, &[], rows.collect()).await?;
    Ok(())
}

const DATE_ANEW: &str = "WITH v(student_id, date, punched_at, check_in_time) AS (VALUES {rows})
UPDATE attendance_logs SET check_in_time = v.check_in_time
FROM v WHERE attendance_logs.student_id = v.student_id AND attendance_logs.date = v.date
    AND attendance_logs.punched_at = v.punched_at AND attendance_logs.device_id = $1";

/// The punches of a terminal are dated anew. Days that one of them made get its instant; whether somebody was late was
/// decided by the terminal's clock, and stays.
pub(super) async fn date_anew(tx: &mut Tx, device: DeviceId, arrivals: impl Iterator<Item = Arrival>) -> Result<()> {
    let rows: Vec<Vec<Value>> = arrivals
        .map(|arrival| {
            let (date, local) = (arrival.local.date(), WallClock(arrival.local).to_string());
            vec![arrival.student.into(), date.into(), local.into(), arrival.instant.into()]
        })
        .collect();
    tx.execute_rows(DATE_ANEW, &[device.into()], rows).await?;
    Ok(())
}

/// When a school's day starts, and how long after that one is still on time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct DayStart {
    at: Time,
    grace_minutes: i64,
}

impl Default for DayStart {
    fn default() -> DayStart {
        DayStart { at: Time::constant(8, 0, 0, 0), grace_minutes: 10 }
    }
}

impl DayStart {
    /// With ten minutes of grace after 08:00, 08:10:00 is on time and 08:10:01 is late.
    fn status(self, local: Time) -> &'static str {
        let latest = seconds_of_day(self.at) + self.grace_minutes * 60;
        if seconds_of_day(local) <= latest { "present" } else { "late" }
    }
}

fn seconds_of_day(time: Time) -> i64 {
    i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second())
}

const DAY_STARTS: &str = "SELECT id, day_starts_at, grace_minutes FROM schools WHERE id IN (VALUES {rows})";

async fn day_starts(tx: &mut Tx, schools: impl Iterator<Item = SchoolId>) -> Result<BTreeMap<SchoolId, DayStart>> {
    let mut schools: Vec<SchoolId> = schools.collect();
    schools.sort_unstable();
    schools.dedup();
    let rows = schools.into_iter().map(|school| vec![school.into()]).collect();
    let found: Vec<(SchoolId, String, i64)> = tx.all_rows(DAY_STARTS, &[], rows).await?;
    // A time that somebody wrote by SQL and that is none counts as the usual one.
    let start = |at: &str, grace_minutes| DayStart { at: at.parse().unwrap_or(DayStart::default().at), grace_minutes };
    Ok(found.into_iter().map(|(school, at, grace_minutes)| (school, start(&at, grace_minutes))).collect())
}

#[cfg(test)]
mod tests {
    use jiff::civil::time;

    use super::*;

    #[test]
    fn grace_counts_to_its_last_second() {
        let start = DayStart::default();
        assert_eq!(start.status(time(6, 55, 0, 0)), "present");
        assert_eq!(start.status(time(8, 10, 0, 0)), "present");
        assert_eq!(start.status(time(8, 10, 1, 0)), "late");
    }

    #[test]
    fn grace_may_reach_past_midnight() {
        let start = DayStart { at: time(23, 55, 0, 0), grace_minutes: 10 };
        assert_eq!(start.status(time(23, 59, 59, 0)), "present");
    }
}
