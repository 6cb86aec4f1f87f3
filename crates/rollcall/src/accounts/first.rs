//! The code that lets somebody make the first admin in a browser: whoever reads the server's start lines may.
//!
//! It is random, kept in memory as a hash only, and works while there is no user and until the server stops. Several servers
//! of one database have a code each; the row lock of [`create`] lets one of them win.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{
    Role,
    passwords::PasswordHash,
    users::{self, NewUser, User},
};
use crate::store::{self, Tx};

/// The code of a running server, if it has one.
#[derive(Default)]
pub struct FirstCode(Mutex<Option<[u8; 32]>>);

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("somebody can log in already")]
    NotFirst,
    #[error(transparent)]
    User(#[from] users::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl FirstCode {
    /// Makes a new code out of random bits, to be shown where only those who run the server look. An older one is void.
    pub fn issue(&self, random: u64) -> String {
        let mut code = String::new();
        for at in 0..LETTERS {
            if at > 0 && at % 4 == 0 {
                code.push('-');
            }
            let index = (random >> (5 * at)) & 31;
            code.push(char::from(ALPHABET[usize::try_from(index).unwrap_or(0)]));
        }
        *self.hash() = Some(digest(&code));
        code
    }

    /// Whether this is the code; blanks, hyphens and capitals do not matter.
    pub fn is(&self, typed: &str) -> bool {
        *self.hash() == Some(digest(typed))
    }

    /// There is a user now.
    pub fn forget(&self) {
        *self.hash() = None;
    }

    fn hash(&self) -> std::sync::MutexGuard<'_, Option<[u8; 32]>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for FirstCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FirstCode(…)")
    }
}

/// Makes the first user, a superadmin; refused when there is one already, also for the later of two at once. The caller has
/// seen the code.
pub async fn create(
    tx: &mut Tx,
    email: String,
    full_name: Option<String>,
    password: PasswordHash,
    now: Timestamp,
) -> Result<User, Error> {
    tx.lock_word("the first admin").await?;
    if users::any(tx).await? {
        return Err(Error::NotFirst);
    }
    let new = NewUser { email, password, role: Role::Superadmin, school_id: None, full_name };
    Ok(users::create(tx, new, now).await?)
}

/// Five bits each, none that looks like another.
const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz123456789";
/// 60 bits: nobody guesses them over a network before somebody else has read them.
const LETTERS: usize = 12;

fn digest(code: &str) -> [u8; 32] {
    let bare: String = code.chars().filter(|c| !c.is_whitespace() && *c != '-').flat_map(char::to_lowercase).collect();
    Sha256::digest(bare.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let first = FirstCode::default();
        assert!(!first.is(""), "without a code nothing opens");
        let code = first.issue(0x0123_4567_89ab_cdef);
        assert_eq!(code.len(), LETTERS + 2, "{code}");
        assert!(first.is(&code) && first.is(&format!(" {} ", code.to_uppercase().replace('-', " "))));
        assert!(!first.is(&code[1..]) && !first.is(""));
        first.issue(1);
        assert!(!first.is(&code), "a newer one makes it void");
        first.forget();
        assert!(!first.is(&first.issue(2)[1..]));
    }
}
