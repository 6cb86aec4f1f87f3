//! Instructions handed out on a poll (ATT5.8 §10, MAN3.2 §7, SEC4.8 §12). A command is a typed value; its text is rendered
//! per dialect, so that no TAB, CR, LF or other control character of a name can reach the wire, and no delete can lack its
//! PIN.

use jiff::civil::DateTime;

use crate::{
    dialect::Dialect,
    text::{Card, CardForm, Charset, Name, Pin, TextError},
};

mod security;

/// The number of a command on the wire: 1 to 999,999,999 (SmartOps, MAN3.2: short decimal ids are the only kind that all
/// terminals take).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct CommandId(u32);

/// What a terminal can be told. `Display` of the rendered text is UTF-8; [`Charset::encode`] makes the bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Writes a person: every field that we own, always (some terminals replace the record, some merge: FWSRC, VAMS).
    /// `card: None` clears the card.
    PutUser {
        pin: Pin,
        name: Name,
        card: Option<Card>,
    },
    /// Removes a person with templates and pictures.
    DeleteUser {
        pin: Pin,
    },
    /// Lets a person through the door at any time. Security dialect only: without it a person is known and denied (SF-repo).
    PutDoorRight {
        pin: Pin,
    },
    /// Takes that away. Security dialect only.
    DeleteDoorRight {
        pin: Pin,
    },
    /// How many people the terminal holds.
    CountUsers,
    QueryUsers,
    QueryUser {
        pin: Pin,
    },
    /// Punches between two device-local times, both inclusive.
    QueryPunches {
        from: DateTime,
        to: DateTime,
    },
    /// Options and counts, as the result's payload.
    Info,
    /// Makes the terminal shake hands again.
    Check,
    ReloadOptions,
    /// One option; control characters of the value become blanks.
    SetOption {
        key: &'static str,
        value: String,
    },
    Reboot,
}

/// Which of a dialect's two spellings for people a terminal takes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Vocabulary {
    /// `DATA UPDATE USERINFO`, `DATA DELETE USERINFO` (MAN3.2, ATT5.8)
    UserInfo,
    /// `DATA USER`, `DATA DEL_USER` (ADMS2010, MAN3.2 §7.4)
    User,
}

/// How a terminal wants to be spoken to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Manner {
    pub dialect: Dialect,
    pub vocabulary: Vocabulary,
    pub card_form: CardForm,
    pub charset: Charset,
}

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RenderError {
    #[error(transparent)]
    Text(#[from] TextError),
    #[error("terminals of this dialect have no such command")]
    Dialect,
}

/// Bytes of one reply (MAN3.2, ADMS2010: below 40 KB); a single larger command is allowed on its own.
pub const REPLY_BYTES: usize = 40_000;
/// Commands of one reply (MAN3.2, ADMS2010).
pub const REPLY_COMMANDS: usize = 200;

impl CommandId {
    pub const MAX: u32 = 999_999_999;

    /// `None` outside 1 to [`CommandId::MAX`].
    pub fn new(number: u32) -> Option<CommandId> {
        (1..=CommandId::MAX).contains(&number).then_some(CommandId(number))
    }

    pub fn number(self) -> u32 {
        self.0
    }

    /// The id that follows; after [`CommandId::MAX`] comes 1.
    #[must_use]
    pub fn next(self) -> CommandId {
        CommandId(if self.0 == CommandId::MAX { 1 } else { self.0 + 1 })
    }
}

impl Command {
    /// The text behind `C:<id>:`, without line end. It holds no control character but the TAB between fields.
    ///
    /// A person is written with `Pri=0` and `Grp=1`, the values of an ordinary user, although neither is ours to change.
    /// Left out, a terminal that replaces the record would set the group to 0, which no access rule covers (FWSRC). All
    /// other fields (password, time zone, verify mode) are left out: empty ones made one firmware ignore the command
    /// (SmartOps). Only a card is spelt out when it is empty, because a terminal that merges would keep the old one.
    pub fn render(&self, manner: Manner) -> Result<String, RenderError> {
        if manner.dialect == Dialect::Security {
            return security::render(self);
        }
        let word = self.word(manner);
        Ok(match self {
            Command::PutUser { pin, name, card } => {
                let card = match card {
                    Some(card) => card.to_wire(manner.card_form)?,
                    None => manner.card_form.no_card().to_owned(),
                };
                format!("{word} PIN={pin}\tName={}\tPri=0\tCard={card}\tGrp=1", name.as_str())
            }
            Command::DeleteUser { pin } => format!("{word} PIN={pin}"),
            // The PIN ends the line: the legacy client takes all that follows as its value (FWSRC).
            Command::QueryUser { pin } => format!("DATA QUERY USERINFO PIN={pin}"),
            Command::QueryPunches { from, to } => {
                format!("{word} StartTime={}\tEndTime={}", wall_clock(*from), wall_clock(*to))
            }
            Command::SetOption { key, value } => format!("{word} {key}={}", without_controls(value)),
            Command::PutDoorRight { .. } | Command::DeleteDoorRight { .. } => return Err(RenderError::Dialect),
            Command::CountUsers
            | Command::QueryUsers
            | Command::Info
            | Command::Check
            | Command::ReloadOptions
            | Command::Reboot => word.to_owned(),
        })
    }

    /// The words that a terminal may refuse as unknown, e.g. `DATA UPDATE USERINFO`: what is remembered per firmware.
    ///
    /// The query of one person has a name of its own, because terminals answer it that ignore the list (VAMS, TimeBridge).
    pub fn word(&self, manner: Manner) -> &'static str {
        if manner.dialect == Dialect::Security {
            return security::word(self);
        }
        match (self, manner.vocabulary) {
            (Command::PutUser { .. }, Vocabulary::UserInfo) => "DATA UPDATE USERINFO",
            (Command::PutUser { .. }, Vocabulary::User) => "DATA USER",
            (Command::DeleteUser { .. }, Vocabulary::UserInfo) => "DATA DELETE USERINFO",
            (Command::DeleteUser { .. }, Vocabulary::User) => "DATA DEL_USER",
            (Command::QueryUsers, _) => "DATA QUERY USERINFO",
            (Command::QueryUser { .. }, _) => "DATA QUERY USERINFO PIN",
            (Command::QueryPunches { .. }, _) => "DATA QUERY ATTLOG",
            // Words that only the security dialect has.
            (Command::PutDoorRight { .. } | Command::DeleteDoorRight { .. }, _) => security::word(self),
            // Its result brings the count among other options (ATT5.8 §10.6).
            (Command::Info | Command::CountUsers, _) => "INFO",
            (Command::Check, _) => "CHECK",
            (Command::ReloadOptions, _) => "RELOAD OPTIONS",
            (Command::SetOption { .. }, _) => "SET OPTION",
            (Command::Reboot, _) => "REBOOT",
        }
    }

    /// Whether repeating it changes nothing: true for everything but [`Command::Reboot`].
    pub fn is_idempotent(&self) -> bool {
        !matches!(self, Command::Reboot)
    }
}

/// A command line as a terminal receives it, for simulators: `C:<id>:<verb> …` split, nothing interpreted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Received<'a> {
    pub id: &'a str,
    pub text: &'a [u8],
}

/// The terminated lines of a poll's reply that start with `C:`; everything else is dropped, as terminals drop it (FWSRC,
/// VAMS). A line ends at CR or LF.
pub fn received(reply: &[u8]) -> Vec<Received<'_>> {
    let Some(end) = reply.iter().rposition(|byte| matches!(byte, b'\r' | b'\n')) else {
        return Vec::new();
    };
    reply[..end].split(|byte| matches!(byte, b'\r' | b'\n')).filter_map(receive).collect()
}

fn receive(line: &[u8]) -> Option<Received<'_>> {
    let line = line.strip_prefix(b"C:")?;
    let colon = line.iter().position(|byte| *byte == b':')?;
    let id = str::from_utf8(&line[..colon]).ok()?;
    Some(Received { id, text: &line[colon + 1..] })
}

/// `2026-03-02 08:00:00` (ATT5.8); MAN3.2 prints a `T` instead of the blank.
fn wall_clock(time: DateTime) -> String {
    let (year, month, day) = (time.year(), time.month(), time.day());
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

fn without_controls(value: &str) -> String {
    value.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    const MODERN: Manner = Manner {
        dialect: Dialect::Attendance,
        vocabulary: Vocabulary::UserInfo,
        card_form: CardForm::Decimal,
        charset: Charset::Utf8,
    };
    const OLD: Manner =
        Manner { dialect: Dialect::Legacy, vocabulary: Vocabulary::User, card_form: CardForm::Bracket, ..MODERN };

    fn put(card: Option<u64>) -> Command {
        let card = card.map(|number| Card::new(number).unwrap());
        Command::PutUser { pin: Pin::from(1042), name: Name::fit("Ayşe Demir", Charset::Utf8).unwrap(), card }
    }

    #[test]
    fn a_person_in_both_spellings_and_card_forms() {
        let written = |card, manner| put(card).render(manner).unwrap();
        assert_eq!(
            written(Some(123_456_789), MODERN),
            "DATA UPDATE USERINFO PIN=1042\tName=Ayşe Demir\tPri=0\tCard=123456789\tGrp=1"
        );
        assert_eq!(
            written(Some(123_456_789), OLD),
            "DATA USER PIN=1042\tName=Ayşe Demir\tPri=0\tCard=[15CD5B0700]\tGrp=1"
        );
        assert_eq!(written(None, MODERN), "DATA UPDATE USERINFO PIN=1042\tName=Ayşe Demir\tPri=0\tCard=\tGrp=1");
        assert_eq!(written(None, OLD), "DATA USER PIN=1042\tName=Ayşe Demir\tPri=0\tCard=[0000000000]\tGrp=1");
        assert_eq!(put(Some(1 << 41)).render(OLD), Err(RenderError::Text(TextError::CardTooWideForBracket)));
    }

    #[test]
    fn the_other_words() {
        let pin = Pin::from(1043);
        let texts = [
            (Command::DeleteUser { pin: pin.clone() }, MODERN, "DATA DELETE USERINFO PIN=1043"),
            (Command::DeleteUser { pin: pin.clone() }, OLD, "DATA DEL_USER PIN=1043"),
            (Command::QueryUsers, MODERN, "DATA QUERY USERINFO"),
            (Command::QueryUser { pin }, OLD, "DATA QUERY USERINFO PIN=1043"),
            (
                Command::QueryPunches { from: date(2026, 3, 1).at(10, 0, 0, 0), to: date(2026, 3, 1).at(12, 0, 0, 0) },
                MODERN,
                "DATA QUERY ATTLOG StartTime=2026-03-01 10:00:00\tEndTime=2026-03-01 12:00:00",
            ),
            (Command::Info, MODERN, "INFO"),
            (Command::CountUsers, OLD, "INFO"),
            (Command::Check, OLD, "CHECK"),
            (Command::ReloadOptions, MODERN, "RELOAD OPTIONS"),
            (Command::SetOption { key: "VOLUME", value: "4\r\n0".to_owned() }, MODERN, "SET OPTION VOLUME=4  0"),
            (Command::Reboot, MODERN, "REBOOT"),
        ];
        for (command, manner, text) in texts {
            assert_eq!(command.render(manner).unwrap(), text);
            assert!(text.starts_with(command.word(manner)), "{text}");
        }
    }

    #[test]
    fn ids_run_round() {
        assert_eq!(CommandId::new(0), None);
        assert_eq!(CommandId::new(CommandId::MAX + 1), None);
        assert_eq!(CommandId::new(7).unwrap().next().number(), 8);
        assert_eq!(CommandId::new(CommandId::MAX).unwrap().next().number(), 1);
    }

    #[test]
    fn only_terminated_lines_with_a_prefix_are_received() {
        let ids = |reply: &[u8]| received(reply).iter().map(|line| line.id.to_owned()).collect::<Vec<_>>();
        assert_eq!(ids(b"OK"), [""; 0]);
        assert_eq!(ids(b"C:15:INFO\r\n\r\nC:16:CHECK"), ["15"]);
        assert_eq!(ids(b"DATA QUERY USERINFO\nC:abc:INFO\nC:1\n"), ["abc"]);
        assert_eq!(received(b"C:7:SET OPTION A=b:c\n"), [Received { id: "7", text: b"SET OPTION A=b:c" }]);
    }
}
