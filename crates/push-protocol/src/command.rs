//! Instructions handed out on a poll (§7). A command is a typed value; its text is rendered per dialect, so that no TAB,
//! CR, LF or other control character of a name can reach the wire, and no delete can lack its PIN.

use jiff::civil::DateTime;

use crate::{
    dialect::Dialect,
    text::{Card, CardForm, Charset, Name, Pin, TextError},
};

/// The number of a command on the wire: 1 to 999,999,999 (§5.2: short decimal ids are the only kind that all terminals take).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct CommandId(u32);

/// What a terminal can be told. `Display` of the rendered text is UTF-8; [`Charset::encode`] makes the bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Writes a person: every field that we own, always (§7.2: some terminals replace, some merge).
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
    SetOption {
        key: &'static str,
        value: String,
    },
    Reboot,
}

/// Which of a dialect's two spellings for people a terminal takes (§7.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Vocabulary {
    /// `DATA UPDATE USERINFO`, `DATA DELETE USERINFO`
    UserInfo,
    /// `DATA USER`, `DATA DEL_USER`
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
    /// Security terminals are recognised and answered; their commands have their place here and no words yet.
    #[error("commands for terminals of the security dialect are not supported yet")]
    Dialect,
}

/// Bytes of one reply (§5.2); a single larger command is allowed on its own.
pub const REPLY_BYTES: usize = 40_000;
/// Commands of one reply (§5.2).
pub const REPLY_COMMANDS: usize = 200;

impl CommandId {
    pub const MAX: u32 = 999_999_999;
    /// `None` outside 1 to [`CommandId::MAX`].
    pub fn new(number: u32) -> Option<CommandId> {
        todo!()
    }
    pub fn number(self) -> u32 {
        self.0
    }
    /// The id that follows; after [`CommandId::MAX`] comes 1.
    #[must_use]
    pub fn next(self) -> CommandId {
        todo!()
    }
}

impl Command {
    /// The text behind `C:<id>:`, without line end.
    pub fn render(&self, manner: Manner) -> Result<String, RenderError> {
        todo!()
    }
    /// The words that a terminal may refuse as unknown, e.g. `DATA UPDATE USERINFO`: what is remembered per firmware.
    pub fn word(&self, manner: Manner) -> &'static str {
        todo!()
    }
    /// Whether repeating it changes nothing: true for everything but [`Command::Reboot`] (§5.2).
    pub fn is_idempotent(&self) -> bool {
        todo!()
    }
}

/// A command line as a terminal receives it, for simulators: `C:<id>:<verb> …` split, nothing interpreted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Received<'a> {
    pub id: &'a str,
    pub text: &'a [u8],
}

/// The terminated lines of a poll's reply that start with `C:`; everything else is dropped, as terminals drop it (§5.2).
pub fn received(reply: &[u8]) -> Vec<Received<'_>> {
    todo!()
}
