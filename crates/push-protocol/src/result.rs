//! What a terminal says became of a command (§6, Appendix B).

/// One result. Values are never percent-decoded (§6.1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommandResult<'a> {
    /// As sent: terminals of a former server answer with ids that are no numbers.
    pub id: &'a str,
    /// `Return` as a number; `None` when it is absent or no number.
    pub code: Option<i64>,
    /// `Return` as sent.
    pub raw_code: &'a [u8],
    /// The echo of the command word. For logs; never to match on (§6.2).
    pub command: &'a [u8],
    /// Lines that follow a flat record (`INFO` options), or the other keys of a multi-line one.
    pub payload: Vec<(&'a [u8], &'a [u8])>,
    /// What follows `Content=`, opaque.
    pub content: Option<&'a [u8]>,
}

/// What a code means for the command (§6.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// ≥ 0, and −10 on a delete.
    Done,
    /// −5000: a second result with the same id follows.
    Held,
    /// −1003, −1005, −1007, −1008: worth another try.
    TryLater,
    /// −1002, −1004, −22, −629, −7xx: this terminal lacks the word.
    LacksWord,
    /// −1001: the terminal is full.
    Full,
    /// Any other negative code: refused for this content.
    Refused,
}

/// Reads all results of a `devicecmd` request: its query string when the body is empty, else its body in any of the
/// shapes of §6.1, mixtures included.
pub fn parse<'a>(query: &'a crate::request::Query, body: &'a [u8]) -> Vec<CommandResult<'a>> {
    todo!()
}

impl Outcome {
    /// `is_delete`: whether the command was a delete. `is_user_command`: whether it wrote or removed a person.
    pub fn of(code: i64, is_delete: bool) -> Outcome {
        todo!()
    }
}

/// A code in words for a person, e.g. "the terminal is full (-1001)".
pub fn meaning(code: i64) -> String {
    todo!()
}
