//! Which terminals need somebody, why, and what he can do.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::{capacity, start::Start};
use crate::{
    devices::{
        DeviceId,
        trust::{Suspected, Suspicion},
        zone,
    },
    school::{SchoolId, holidays},
    store::{Instant, Result, Tx},
};

/// What is wrong with a terminal, in words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Doubt {
    pub serial_number: String,
    pub device_name: String,
    pub kind: Kind,
    pub says: String,
    pub advice: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Silent,
    Refuses,
    Full,
    NearlyFull,
    Undecided,
    /// Another device may use its serial number: it calls from two addresses in turn.
    TwoAddresses,
    /// The same: it announced another communication key.
    CommKey,
    /// Somebody calls under its serial number from outside its list of addresses.
    Elsewhere,
    Clock,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Silent => "silent",
            Kind::Refuses => "refuses",
            Kind::Full => "full",
            Kind::NearlyFull => "nearly_full",
            Kind::Undecided => "undecided",
            Kind::TwoAddresses => "two_addresses",
            Kind::CommKey => "comm_key",
            Kind::Elsewhere => "elsewhere",
            Kind::Clock => "clock",
        }
    }
}

#[derive(Debug, sqlx::FromRow)]
struct Row {
    id: DeviceId,
    serial_number: String,
    device_name: String,
    school_id: SchoolId,
    timezone: Option<String>,
    last_seen: Option<Instant>,
    created_at: Instant,
    start_state: String,
    user_count: Option<i64>,
    is_full: bool,
    clock_skew_seconds: Option<i64>,
    last_address: Option<String>,
    former_address: Option<String>,
    suspicion: Option<String>,
    refused_address: Option<String>,
    refused_at: Option<Instant>,
    failed: i64,
    failed_words: Option<String>,
    held: i64,
}

const TERMINALS: &str = "
    SELECT d.id, d.serial_number, d.device_name, d.school_id, COALESCE(d.timezone, k.timezone) AS timezone, d.last_seen, d.created_at, d.start_state, d.user_count, d.is_full,
      d.clock_skew_seconds, d.last_address, d.former_address, d.suspicion, d.refused_address,
      d.refused_at,
      COALESCE(f.failed, 0) AS failed, f.failed_words, COALESCE(h.held, 0) AS held
    FROM devices d JOIN schools k ON k.id = d.school_id
    LEFT JOIN (SELECT l.device_id, COUNT(*) AS failed, MIN(l.error_message) AS failed_words FROM device_user_sync_status l
      WHERE l.failed_version = l.wanted_version AND COALESCE(l.obstacle, '') <> 'terminal_full' GROUP BY l.device_id) f
      ON f.device_id = d.id
    LEFT JOIN (SELECT l.device_id, COUNT(*) AS held FROM device_user_sync_status l
      WHERE l.decision = 'held' AND l.confirmed_version <> l.wanted_version GROUP BY l.device_id) h ON h.device_id = d.id
    WHERE d.is_active AND d.deleted_at IS NULL ORDER BY d.id";

/// Nobody worries about a terminal that was switched off for a moment.
const SILENT_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// Further off, and punches are at the wrong time.
const SKEW: i64 = 180;
/// What was refused so long ago is no news any more.
const REFUSED: SignedDuration = SignedDuration::from_hours(24);

/// Everything that is wrong with any terminal that is served. `zone` is that of schools that name none. On a holiday of its
/// school nobody minds that a terminal is silent.
pub async fn of(tx: &mut Tx, zone: &TimeZone, now: Timestamp) -> Result<Vec<Doubt>> {
    let rows: Vec<Row> = tx.all(TERMINALS, []).await?;
    let silent = rows.iter().filter(|row| row.silent_for(now) > SILENT_AFTER).map(|row| row.school_id);
    let today = holidays::Today::of(tx, silent, now).await?;
    let nearly_full = capacity::warnings(tx, rows.iter().map(|row| row.id)).await?;
    let mut doubts = Vec::new();
    for row in &rows {
        let mut found = |kind, says: String, advice: &str| {
            doubts.push(Doubt {
                serial_number: row.serial_number.clone(),
                device_name: row.device_name.clone(),
                kind,
                says,
                advice: advice.replace("SERIAL", &row.serial_number),
            });
        };
        if !today.is_holiday(row.school_id, zone::of(row.timezone.as_deref(), None, zone)) {
            row.look_for_silence(now, &mut found);
        }
        row.look(now, &mut found);
        let warning = nearly_full.iter().find(|(device, _)| *device == row.id).filter(|_| !row.is_full);
        if let Some((_, words)) = warning {
            found(Kind::NearlyFull, words.clone(), "remove people who do not belong there, or plan for a larger unit");
        }
    }
    Ok(doubts)
}

impl Row {
    fn silent_for(&self, now: Timestamp) -> SignedDuration {
        now.duration_since(self.last_seen.unwrap_or(self.created_at).0)
    }

    fn look_for_silence(&self, now: Timestamp, found: &mut impl FnMut(Kind, String, &str)) {
        let silent = self.silent_for(now);
        if silent > SILENT_AFTER {
            let says = match self.last_seen {
                Some(_) => format!("has not called for {}", in_words(silent)),
                None => "has never called".to_owned(),
            };
            found(
                Kind::Silent,
                says,
                "look whether it has power and network, and whether its server address is this one",
            );
        }
    }

    fn look(&self, now: Timestamp, found: &mut impl FnMut(Kind, String, &str)) {
        if self.failed > 0 {
            let why = self.failed_words.as_deref().unwrap_or("no reason was given");
            let says = format!("{} students failed there: {why}", self.failed);
            found(Kind::Refuses, says, "see `rollcall status SERIAL` and its page; retry, or `rollcall sync SERIAL`");
        }
        if self.is_full {
            found(
                Kind::Full,
                "says that it is full".to_owned(),
                "remove people who do not belong there, or use a larger unit",
            );
        }
        if Start::parse(&self.start_state) == Start::HoldsPeople {
            let people = self.user_count.map_or_else(|| "people".to_owned(), |count| format!("{count} people"));
            let says = format!("holds {people} from before, and nothing is written until somebody decides");
            found(Kind::Undecided, says, "`rollcall takeover SERIAL`");
        }
        if self.held > 0 {
            let says = format!("{} removals or changes of card wait for a decision", self.held);
            found(Kind::Undecided, says, "`rollcall removals SERIAL`");
        }
        if let Some(skew) = self.clock_skew_seconds.filter(|skew| skew.abs() > SKEW) {
            let way = if skew > 0 { "ahead" } else { "behind" };
            let says = format!("its clock is {} {way}", in_words(SignedDuration::from_secs(skew.abs())));
            found(
                Kind::Clock,
                says,
                "look at the zone of the school and of the device; a restart of the terminal sets its clock",
            );
        }
        self.look_at_trust(now, found);
    }

    fn look_at_trust(&self, now: Timestamp, found: &mut impl FnMut(Kind, String, &str)) {
        if let Some(suspicion) = &self.suspicion {
            let is_key = Suspicion::parse(suspicion) == Some(Suspicion::CommKey);
            let suspected = Suspected {
                suspicion: suspicion.clone(),
                last_address: self.last_address.clone(),
                former_address: self.former_address.clone(),
            };
            let kind = if is_key { Kind::CommKey } else { Kind::TwoAddresses };
            let says = format!("{}: nothing is handed to it until somebody confirms it", suspected.says());
            let advice = "two devices may use one serial number: find both. If it is yours (a reset, cable and radio, a \
                          router with two ways out), `rollcall confirm SERIAL`";
            found(kind, says, advice);
        }
        if let (Some(address), Some(at)) = (&self.refused_address, self.refused_at)
            && now.duration_since(at.0) < REFUSED
        {
            let says = format!("somebody called under its serial number from {address}, outside its list of addresses");
            found(
                Kind::Elsewhere,
                says,
                "if it is the terminal, mend the list in its settings; if not, find who it is",
            );
        }
    }
}

fn in_words(time: SignedDuration) -> String {
    let (days, hours, minutes) = (time.as_hours() / 24, time.as_hours(), time.as_mins());
    match (days, hours) {
        (2.., _) => format!("{days} days"),
        (_, 2..) => format!("{hours} hours"),
        _ => format!("{minutes} minutes"),
    }
}
