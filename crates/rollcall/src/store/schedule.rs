//! What runs at set times, by whichever server comes first: `schedules(name, next_run_at)`.
//!
//! There is no leader. Every server looks; the one whose UPDATE moves `next_run_at` on runs it. A time that passed while no
//! server was up is found late and run once, however many were missed.

use std::str::FromStr;

use croner::{
    errors::CronError,
    parser::{CronParser, Year},
};
use jiff::{Timestamp, tz::TimeZone};

use super::{Instant, Result, Tx};

/// A cron pattern: five fields (minute, hour, day of the month, month, weekday), or six with seconds first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cron(Box<croner::Cron>);

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "{0:?} is no schedule ({1}): write minute, hour, day of the month, month and weekday, such as \"0 */2 * * *\" for \
         every two hours; with six fields the first is seconds"
    )]
    Pattern(String, CronError),
    #[error("{0:?} never comes: no calendar has such a day")]
    Never(String),
}

impl FromStr for Cron {
    type Err = Error;

    fn from_str(text: &str) -> std::result::Result<Cron, Error> {
        let parser = CronParser::builder().year(Year::Disallowed).build();
        let cron = parser
            .parse(text)
            .map(|cron| Cron(Box::new(cron)))
            .map_err(|error| Error::Pattern(text.to_owned(), error))?;
        match cron.next_after(Timestamp::UNIX_EPOCH, &TimeZone::UTC) {
            Some(_) => Ok(cron),
            None => Err(Error::Never(text.to_owned())),
        }
    }
}

impl Default for Cron {
    /// Every two hours.
    fn default() -> Cron {
        const EVERY_TWO_HOURS: &str = "0 */2 * * *";
        EVERY_TWO_HOURS.parse().expect("a pattern")
    }
}

impl Cron {
    /// The first time after `now`, by the clocks of a zone.
    pub fn next_after(&self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let next = self.0.find_next_occurrence(&now.to_zoned(zone.clone()), false).ok()?;
        Some(next.timestamp())
    }
}

const NEXT_RUN: &str = "SELECT next_run_at FROM schedules WHERE name = $1";

/// Whether there is something to [`take`]: it is due, was never planned, or is planned for later than it should be. Reads
/// only.
pub async fn is_due(tx: &mut Tx, name: &'static str, next: Timestamp, now: Timestamp) -> Result<bool> {
    let planned: Option<(Instant,)> = tx.optional(NEXT_RUN, [name.into()]).await?;
    Ok(planned.is_none_or(|(planned,)| planned.0 <= now || planned.0 > next))
}

const TAKE: &str = "UPDATE schedules SET next_run_at = $2 WHERE name = $1 AND next_run_at <= $3";
const PLAN: &str = "
    INSERT INTO schedules (name, next_run_at) VALUES ($1, $2)
    ON CONFLICT (name) DO UPDATE SET next_run_at = excluded.next_run_at
    WHERE schedules.next_run_at > excluded.next_run_at";

/// Takes the run that is due, if one is: answers true to one server only, who runs it in this transaction. The run after it
/// is planned for `next`; so is a schedule that never ran, or whose pattern became a closer one.
pub async fn take(tx: &mut Tx, name: &'static str, next: Timestamp, now: Timestamp) -> Result<bool> {
    if tx.execute(TAKE, [name.into(), next.into(), now.into()]).await? > 0 {
        return Ok(true);
    }
    tx.execute(PLAN, [name.into(), next.into()]).await?;
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first so many times after `from` in a zone, as its clocks show them, with the offset.
    fn times(pattern: &str, zone: &str, from: &str, count: usize) -> Vec<String> {
        let (cron, zone): (Cron, _) = (pattern.parse().unwrap(), TimeZone::get(zone).unwrap());
        let from: Timestamp = from.parse().unwrap();
        let times = std::iter::successors(cron.next_after(from, &zone), |last| cron.next_after(*last, &zone));
        times.take(count).map(|at| at.to_zoned(zone.clone()).strftime("%m-%d %H:%M:%S%:z").to_string()).collect()
    }

    #[test]
    fn times_are_those_of_the_zone_across_summer_time() {
        assert_eq!(
            times("0 4 * * *", "Europe/Berlin", "2026-03-27T12:00:00Z", 3),
            ["03-28 04:00:00+01:00", "03-29 04:00:00+02:00", "03-30 04:00:00+02:00"]
        );
        assert_eq!(
            times("0 */2 * * *", "Europe/Berlin", "2026-10-24T22:30:00Z", 4),
            ["10-25 02:00:00+02:00", "10-25 02:00:00+01:00", "10-25 04:00:00+01:00", "10-25 06:00:00+01:00"]
        );
        // What is set for an hour that does not exist that night happens once, at the end of it.
        assert_eq!(
            times("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 2),
            ["03-29 03:00:00+02:00", "03-30 02:30:00+02:00"]
        );
    }

    #[test]
    fn five_fields_or_six_with_seconds_first() {
        assert_eq!(times("*/15 * * * *", "Asia/Kathmandu", "2026-03-02T05:00:00Z", 1), ["03-02 11:00:00+05:45"]);
        assert_eq!(times("*/20 * * * * *", "UTC", "2026-03-02T05:00:00Z", 1), ["03-02 05:00:20+00:00"]);
    }

    #[test]
    fn what_is_no_pattern_is_refused_in_words() {
        for wrong in ["", "every hour", "* * * *", "61 * * * *", "0 0 0 1 1 * 2030", "0 25 * * *"] {
            let words = wrong.parse::<Cron>().unwrap_err().to_string();
            assert!(words.contains(&format!("{wrong:?}")) && words.contains("minute, hour"), "{words}");
        }
        assert!("0 0 30 2 *".parse::<Cron>().unwrap_err().to_string().contains("never comes"));
    }
}
