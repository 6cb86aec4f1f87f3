//! How each terminal wants to be spoken to, from what it announced and what it refused.

use std::collections::BTreeMap;

use push_protocol::{
    command::{Manner, Vocabulary},
    dialect::{Announcement, Dialect},
    text::{CardForm, Charset},
};

use super::{
    capacity::Seats,
    plan::{Limits, Room},
    words::refuses,
};
use crate::{
    devices::DeviceId,
    school::SchoolId,
    store::{Result, Tx},
};

/// A terminal as far as writing to it goes.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(super) struct Terminal {
    id: DeviceId,
    pub(super) school_id: SchoolId,
    dialect: Option<String>,
    push_version: Option<String>,
    language: Option<i64>,
    vocabulary: String,
    card_form: Option<String>,
    is_full: bool,
    pin_width: Option<i64>,
    /// It said how many people fit.
    pub(super) has_capacity: bool,
    refuses_userinfo: bool,
    refuses_user: bool,
    refuses_tables: bool,
    may_try: bool,
}

const TERMINALS: &str = concat!(
    "WITH v(id) AS (VALUES {rows})
    SELECT d.id, d.school_id, d.dialect, d.push_version, d.language, d.vocabulary, d.card_form, d.is_full,
      d.pin_width, d.user_capacity IS NOT NULL AS has_capacity,
      d.is_full AND NOT EXISTS (SELECT 1 FROM device_user_sync_status l WHERE l.device_id = d.id
          AND l.is_wanted AND NOT l.is_held AND l.failed_version = l.wanted_version)
        AND NOT EXISTS (SELECT 1 FROM device_commands c WHERE c.device_id = d.id
          AND c.command_type = 'add_user' AND c.status IN ('pending', 'sent')) AS may_try, ",
    refuses!("d.id", "'DATA UPDATE USERINFO', 'DATA DELETE USERINFO'"),
    " AS refuses_userinfo, ",
    refuses!("d.id", "'DATA USER', 'DATA DEL_USER'"),
    " AS refuses_user, ",
    refuses!("d.id", "'DATA UPDATE user', 'DATA DELETE user'"),
    " AS refuses_tables FROM v JOIN devices d ON d.id = v.id"
);

pub(super) async fn terminals(
    tx: &mut Tx,
    devices: impl Iterator<Item = DeviceId>,
) -> Result<BTreeMap<DeviceId, Terminal>> {
    let terminals: Vec<Terminal> =
        tx.all_rows(TERMINALS, &[], devices.map(|device| vec![device.into()]).collect()).await?;
    Ok(terminals.into_iter().map(|terminal| (terminal.id, terminal)).collect())
}

/// How one terminal wants to be spoken to.
pub(super) async fn of(tx: &mut Tx, device: DeviceId) -> Result<Manner> {
    Ok(terminals(tx, std::iter::once(device)).await?.values().next().map_or_else(default, Terminal::manner))
}

impl Terminal {
    pub(super) fn manner(&self) -> Manner {
        Manner {
            dialect: self.dialect(),
            vocabulary: if self.vocabulary == USER { Vocabulary::User } else { Vocabulary::UserInfo },
            card_form: self.card_form(),
            charset: self.charset(),
        }
    }

    pub(super) fn limits(&self, seats: Option<Seats>) -> Limits {
        let room = match (self.is_full, self.may_try) {
            (false, _) => seats.map_or(Room::Enough, Room::For),
            (true, true) => Room::ForOneToTry,
            (true, false) => Room::None,
        };
        Limits {
            charset: self.charset(),
            card_form: self.card_form(),
            room,
            pin_width: self.pin_width.and_then(|width| usize::try_from(width).ok()),
            takes_nobody: match self.dialect() {
                Dialect::Security => self.refuses_tables,
                Dialect::Legacy | Dialect::Attendance => self.refuses_userinfo && self.refuses_user,
            },
        }
    }

    pub(super) fn charset(&self) -> Charset {
        Charset::of_language(self.language.and_then(|language| u32::try_from(language).ok()))
    }

    fn dialect(&self) -> Dialect {
        self.dialect.as_deref().and_then(Dialect::parse).unwrap_or(Dialect::Attendance)
    }

    fn card_form(&self) -> CardForm {
        if self.dialect() == Dialect::Security {
            return CardForm::Decimal;
        }
        match self.card_form.as_deref() {
            Some("decimal") => CardForm::Decimal,
            Some("bracket") => CardForm::Bracket,
            _ => Announcement { push_version: self.push_version.clone(), ..Announcement::default() }.card_form(),
        }
    }
}

/// For a terminal of which nothing is known.
fn default() -> Manner {
    Manner {
        dialect: Dialect::Attendance,
        vocabulary: Vocabulary::UserInfo,
        card_form: CardForm::Decimal,
        charset: Charset::Utf8,
    }
}

/// The stored words for [`Vocabulary`].
pub(super) const USER: &str = "user";
pub(super) const USER_INFO: &str = "userinfo";

/// Whether a refused word belongs to [`Vocabulary::User`], to [`Vocabulary::UserInfo`], or to neither.
pub(super) fn is_user_word(word: &str) -> Option<bool> {
    match word {
        "DATA USER" | "DATA DEL_USER" => Some(true),
        "DATA UPDATE USERINFO" | "DATA DELETE USERINFO" => Some(false),
        _ => None,
    }
}
