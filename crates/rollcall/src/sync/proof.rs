//! How much of what a terminal acknowledged is proven: by what it said itself when it was read back.

use super::reading::Class;
use crate::{
    devices::DeviceId,
    store::{Instant, Result, Tx},
};

/// Those who belong on a terminal and of whom it said yes, by what is proven of them.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, utoipa::ToSchema)]
pub struct Proof {
    /// The terminal itself showed them to be as wanted.
    pub verified: i64,
    /// It said yes to their command; nothing more is known yet.
    pub acknowledged: i64,
    /// It showed them otherwise than wanted, or not at all, and has not been shown to be mended.
    pub drifted: i64,
    /// It said yes to their command, and it is a terminal that tells nobody whom it holds.
    pub unverifiable: i64,
    /// How the terminal can be read back: `list`, `per_pin`, `table`, `count` or `none`; empty before that was tried.
    pub class: Option<String>,
    /// The same for a person.
    pub words: String,
}

const CLASS: &str = "SELECT readback_class FROM devices WHERE id = $1";
/// What a person is shown to be last counts: a reading that finds him otherwise raises what is wanted, or fails him.
const PROVEN: &str = "
    SELECT CASE
        WHEN l.is_wanted AND l.sync_status = 'synced' AND l.verified_version = l.wanted_version THEN 'verified'
        WHEN EXISTS (SELECT 1 FROM device_drift r WHERE r.device_id = b.device_id AND r.student_id = b.student_id
          AND r.ended_at IS NULL) THEN 'drifted'
        WHEN l.is_wanted AND l.sync_status = 'synced' THEN 'acknowledged'
        ELSE 'under way'
      END AS proven, COUNT(*)
    FROM belonging b
    LEFT JOIN device_user_sync_status l ON l.device_id = b.device_id AND l.student_id = b.student_id
    WHERE b.device_id = $1 GROUP BY 1";

/// What is proven of one terminal.
pub async fn proof(tx: &mut Tx, device: DeviceId) -> Result<Proof> {
    let (class,): (Option<String>,) = tx.one(CLASS, [device.into()]).await?;
    let counts: Vec<(String, i64)> = tx.all(PROVEN, [device.into()]).await?;
    let count = |proven: &str| counts.iter().find(|(name, _)| name == proven).map_or(0, |(_, count)| *count);
    let kind = class.as_deref().and_then(Class::parse);
    let tells_nobody = kind.is_some_and(|class| !class.tells_people());
    let (acknowledged, unverifiable) =
        if tells_nobody { (0, count("acknowledged")) } else { (count("acknowledged"), 0) };
    let mut proof = Proof {
        verified: count("verified"),
        acknowledged,
        drifted: count("drifted"),
        unverifiable,
        class,
        words: String::new(),
    };
    proof.words = proof.in_words(kind);
    Ok(proof)
}

impl Proof {
    /// Whether the terminal tells nobody whom it holds, so that nothing it acknowledged can be proven.
    pub fn cannot_be_verified(&self) -> bool {
        self.class.as_deref().and_then(Class::parse).is_some_and(|class| !class.tells_people())
    }

    fn in_words(&self, class: Option<Class>) -> String {
        let mut parts = Vec::new();
        match class {
            Some(Class::Count) => {
                parts.push("cannot be verified: this terminal reports only how many people it holds".to_owned());
            }
            Some(Class::None) => {
                parts.push("cannot be verified: this terminal does not report whom it holds".to_owned());
            }
            None if self.verified == 0 => parts.push("not verified yet".to_owned()),
            _ => parts.push(format!("{} verified", self.verified)),
        }
        if self.acknowledged > 0 && (class.is_some() || self.verified > 0) {
            parts.push(format!("{} acknowledged and not verified yet", self.acknowledged));
        }
        if self.drifted > 0 {
            parts.push(format!("{} found to differ on the terminal", self.drifted));
        }
        parts.join(", ")
    }
}

/// People of whom a reading found something that nothing has mended yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, utoipa::ToSchema, sqlx::FromRow)]
pub struct Known {
    /// They should be on the terminal and are not.
    pub missing: i64,
    /// Their name or card is another one there.
    pub different: i64,
    /// They should not be there and are: students who left, and strangers.
    pub extra: i64,
    /// Of those, the ones who were never students of ours.
    #[serde(skip)]
    pub strangers: i64,
}

const KNOWN: &str = "
    SELECT COUNT(DISTINCT CASE WHEN kind = 'missing' THEN device_pin END) AS missing,
      COUNT(DISTINCT CASE WHEN kind = 'different' THEN device_pin END) AS different,
      COUNT(DISTINCT CASE WHEN kind IN ('extra', 'stranger') THEN device_pin END) AS extra,
      COUNT(DISTINCT CASE WHEN kind = 'stranger' THEN device_pin END) AS strangers
    FROM device_drift WHERE device_id = $1 AND ended_at IS NULL";

/// What is known to be wrong on a terminal.
pub async fn known(tx: &mut Tx, device: DeviceId) -> Result<Known> {
    tx.one(KNOWN, [device.into()]).await
}

impl Known {
    /// Whether the roster is not as wanted there. Strangers are none of the roster.
    pub fn is_drifted(&self) -> bool {
        self.missing + self.different + self.extra > self.strangers
    }

    /// `1 missing, 2 strangers`; empty when nothing is known to be wrong.
    pub fn in_words(&self) -> String {
        let left = self.extra - self.strangers;
        let strangers = if self.strangers == 1 { "stranger" } else { "strangers" };
        let counts = [
            (self.missing, "missing"),
            (self.different, "different"),
            (left, "still there"),
            (self.strangers, strangers),
        ];
        let parts = counts.into_iter().filter(|(count, _)| *count > 0);
        parts.map(|(count, what)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
    }
}

/// The last verification of a whole terminal. The numbers are those of a finished one; while it runs they are empty.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct Verification {
    /// `running`, `done` or `inconclusive`: nothing could be proven, or nothing was tried yet.
    pub state: &'static str,
    /// Why it was done: `schedule`, `asked`, `count` (its count of people was not as expected) or `sign` (it told of a
    /// change by itself).
    pub cause: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Instant>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Instant>,
    /// As many people were told as the terminal counted.
    pub complete: Option<bool>,
    /// People that the terminal counted.
    pub counted: Option<i64>,
    /// People that it told of.
    pub told: Option<i64>,
    /// Those who are as wanted.
    pub verified: Option<i64>,
    pub missing: Option<i64>,
    pub different: Option<i64>,
    /// People who should not be there: students who left, and strangers.
    pub extra: Option<i64>,
    /// Students of whom nothing was proven.
    pub unknown: Option<i64>,
    /// Students who were written or removed again because of what was found.
    pub repaired: Option<i64>,
    /// Students who had failed and were tried again.
    pub retried: Option<i64>,
    /// What it came to, for a person.
    pub words: String,
}

#[derive(Debug, sqlx::FromRow)]
struct Wish {
    is_wanted: bool,
    is_asked_now: bool,
    is_online: bool,
}

#[derive(Debug, sqlx::FromRow)]
struct Row {
    state: String,
    cause: String,
    started_at: Instant,
    finished_at: Option<Instant>,
    is_complete: bool,
    counted: Option<i64>,
    told: Option<i64>,
    verified: i64,
    missing: i64,
    different: i64,
    extra: i64,
    unknown: i64,
    repaired: i64,
    retried: i64,
    words: Option<String>,
}

/// A look at what was just repaired is a part of the verification that found it.
const WISH: &str = "
    SELECT COALESCE(verify_at IS NOT NULL AND verify_cause <> 'repair', FALSE) AS is_wanted, is_online,
      (is_online AND is_active AND start_state = 'writing') AS is_asked_now
    FROM devices WHERE id = $1";
const NEWEST: &str = "
    SELECT state, cause, started_at, finished_at, is_complete, counted, told, verified, missing, different, extra, unknown,
      repaired, retried, words
    FROM readings WHERE device_id = $1 AND scope = 'all' AND cause <> 'repair' ORDER BY id DESC LIMIT 1";

/// The last verification of a terminal, or the one that is under way.
pub async fn verification(tx: &mut Tx, device: DeviceId) -> Result<Verification> {
    let wish: Wish = tx.one(WISH, [device.into()]).await?;
    let newest: Option<Row> = tx.optional(NEWEST, [device.into()]).await?;
    Ok(match newest {
        Some(row) if row.state == "running" => Verification {
            cause: Some(row.cause),
            started_at: Some(row.started_at),
            ..Verification::without_numbers("running", "the terminal is being asked whom it holds")
        },
        _ if wish.is_wanted && wish.is_asked_now => {
            Verification::without_numbers("running", "it begins with the terminal's next polls")
        }
        Some(row) => row.finished(),
        None if wish.is_wanted && !wish.is_online => {
            let words = "never verified: the terminal is offline and is read back when it calls";
            Verification::without_numbers("inconclusive", words)
        }
        None => Verification::without_numbers("inconclusive", "never verified"),
    })
}

impl Verification {
    fn without_numbers(state: &'static str, words: &str) -> Verification {
        Verification {
            state,
            cause: None,
            started_at: None,
            finished_at: None,
            complete: None,
            counted: None,
            told: None,
            verified: None,
            missing: None,
            different: None,
            extra: None,
            unknown: None,
            repaired: None,
            retried: None,
            words: words.to_owned(),
        }
    }
}

impl Row {
    fn finished(self) -> Verification {
        Verification {
            state: if self.state == "done" { "done" } else { "inconclusive" },
            words: self.in_words(),
            cause: Some(self.cause),
            started_at: Some(self.started_at),
            finished_at: self.finished_at,
            complete: Some(self.is_complete),
            counted: self.counted,
            told: self.told,
            verified: Some(self.verified),
            missing: Some(self.missing),
            different: Some(self.different),
            extra: Some(self.extra),
            unknown: Some(self.unknown),
            repaired: Some(self.repaired),
            retried: Some(self.retried),
        }
    }

    fn in_words(&self) -> String {
        let found = [(self.missing, "missing"), (self.different, "different"), (self.extra, "extra")];
        let found: Vec<String> =
            found.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        let mut parts = Vec::new();
        parts.extend(self.words.clone());
        if !found.is_empty() {
            parts.push(format!("{}; {} written or removed again", found.join(", "), self.repaired));
        } else if parts.is_empty() {
            parts.push(format!("{} verified, nothing differs", self.verified));
        }
        parts.join("; ")
    }
}
