//! What is wrong with the database itself, as opposed to what was asked of it: the same may work later.

use super::{Error, server::is_shutting_down};

/// Nothing was changed; whoever asked may ask again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// Away, or too busy.
    Unreachable,
    /// Its disk is full, or cannot be written.
    NoRoom,
    /// It may be read, not written.
    ReadOnly,
}

impl Trouble {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Trouble::Unreachable => "the database cannot be reached; try again later",
            Trouble::NoRoom => "the database cannot write to its disk, which is probably full: nothing was changed",
            Trouble::ReadOnly => "the database may only be read at present: nothing was changed",
        }
    }
}

impl Error {
    /// What is wrong with the database itself, if that is it.
    pub fn trouble(&self) -> Option<Trouble> {
        use sqlx::Error as Sql;
        match self {
            Error::Statement(Sql::Io(_) | Sql::PoolTimedOut | Sql::PoolClosed | Sql::WorkerCrashed) => {
                Some(Trouble::Unreachable)
            }
            Error::Statement(Sql::Database(error)) => error.code().and_then(|code| of_code(&code)),
            _ => None,
        }
    }
}

/// SQLite's are numbers whose lowest byte is the kind; PostgreSQL's have five letters.
fn of_code(code: &str) -> Option<Trouble> {
    match code {
        "53100" => return Some(Trouble::NoRoom),
        "25006" => return Some(Trouble::ReadOnly),
        _ if is_shutting_down(code) || code == "53300" => return Some(Trouble::Unreachable),
        _ if code.len() == 5 => return None,
        _ => {}
    }
    match code.parse::<u32>().ok()? & 0xff {
        5 | 6 => Some(Trouble::Unreachable),
        8 => Some(Trouble::ReadOnly),
        10 | 13 | 14 => Some(Trouble::NoRoom),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_databases_say_it_in_their_own_way() {
        for (code, trouble) in [
            ("13", Some(Trouble::NoRoom)),
            ("778", Some(Trouble::NoRoom)),
            ("8", Some(Trouble::ReadOnly)),
            ("1032", Some(Trouble::ReadOnly)),
            ("517", Some(Trouble::Unreachable)),
            ("2067", None),
            ("53100", Some(Trouble::NoRoom)),
            ("25006", Some(Trouble::ReadOnly)),
            ("57P01", Some(Trouble::Unreachable)),
            ("23505", None),
        ] {
            assert_eq!(of_code(code), trouble, "{code}");
        }
    }
}
