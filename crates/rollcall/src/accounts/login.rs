//! From an e-mail address and a password to a session, or to a failure that says nothing about which of them was wrong.
//!
//! An attempt is counted before its password is looked at, and taken back when the password was right: of a thousand
//! guesses made at once only so many are looked at as of a thousand made one by one. Attempts are counted in the database,
//! so that several servers count together, and for unknown addresses as for known ones. A locked address still works
//! through sessions and tokens that exist.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::{
    passwords::{self, PasswordHash},
    users::{self, User},
};
use crate::{
    school::schools,
    store::{self, Tx},
};

/// Attempts older than this are forgotten.
const WINDOW: SignedDuration = SignedDuration::from_mins(15);
/// Failures for one e-mail address from one network address.
const FROM_ONE_PLACE: i64 = 10;
/// Failures for one e-mail address from anywhere: many machines guessing at one person.
const FROM_ANYWHERE: i64 = 100;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("too many failed logins: try again in a quarter of an hour")]
    TooMany,
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Somebody is at the door.
#[derive(Debug)]
pub struct Attempt {
    /// Nobody, too, when he exists and may not log in.
    user: Option<User>,
    hash: Option<PasswordHash>,
    counted: Counted,
}

/// An attempt as it stands among the failures, until it is [forgiven](forgive).
#[derive(Debug)]
pub struct Counted {
    id: i64,
    key: Key,
}

/// Whose failures count together. E-mail addresses are kept as a hash: people type passwords into the wrong field.
#[derive(Debug)]
struct Key {
    email: String,
    address: String,
}

const COUNT: &str = "
    SELECT COUNT(*) FILTER (WHERE address = $2), COUNT(*) FROM login_failures WHERE email_hash = $1 AND at > $3 AND at <= $4";
const ATTEMPT: &str = "INSERT INTO login_failures (email_hash, address, at) VALUES ($1, $2, $3) RETURNING id";

/// Counts an attempt and looks up who it might be; refused when there were too many. `address` is where the connection came
/// from, when that is known. Commit, and then check the password with [`Attempt::verify`], which takes long.
pub async fn begin(tx: &mut Tx, email: &str, address: Option<IpAddr>, now: Timestamp) -> Result<Attempt, Error> {
    let key = Key::new(email, address);
    tx.lock_word(&key.email).await?;
    // What seems to come was counted before the clock was stepped back.
    let (from, to) = (now - WINDOW, now + WINDOW);
    let values = [key.email.as_str().into(), key.address.as_str().into(), from.into(), to.into()];
    let (here, anywhere): (i64, i64) = tx.one(COUNT, values).await?;
    if here >= FROM_ONE_PLACE || anywhere >= FROM_ANYWHERE {
        return Err(Error::TooMany);
    }
    forget(tx, now).await?;
    let (id,) = tx.one(ATTEMPT, [key.email.as_str().into(), key.address.as_str().into(), now.into()]).await?;
    let counted = Counted { id, key };
    let Some(user) = users::by_email(tx, email).await? else {
        return Ok(Attempt { user: None, hash: None, counted });
    };
    let hash = users::password_of(tx, user.id).await?;
    let school_is_gone = match user.school_id {
        Some(school) => schools::find(tx, school).await?.is_none(),
        None => false,
    };
    Ok(Attempt { user: Some(user).filter(|user| user.is_active && !school_is_gone), hash, counted })
}

const OLD: &str = "SELECT id FROM login_failures WHERE at <= $1 ORDER BY id";
const FORGET: &str = "DELETE FROM login_failures WHERE at <= $1";

/// Locked in order first: attempts for other addresses forget the same rows at the same time.
async fn forget(tx: &mut Tx, now: Timestamp) -> store::Result<()> {
    tx.lock(OLD, [(now - WINDOW).into()]).await?;
    tx.execute(FORGET, [(now - WINDOW).into()]).await?;
    Ok(())
}

impl Attempt {
    /// The user, when the password is his and he may log in; then [`forgive`] what was counted. Takes the same time
    /// whatever is wrong.
    pub async fn verify(self, password: String) -> Result<Option<(User, Counted)>, passwords::Error> {
        let matches = passwords::verify(password, self.hash).await?;
        Ok(self.user.filter(|_| matches).map(|user| (user, self.counted)))
    }
}

const FORGIVE: &str = "DELETE FROM login_failures WHERE email_hash = $1 AND address = $2 AND id <= $3";

/// Takes back the attempt of somebody who got it right, and his failures before it.
pub async fn forgive(tx: &mut Tx, Counted { id, key }: Counted) -> store::Result<()> {
    tx.execute(FORGIVE, [key.email.into(), key.address.into(), id.into()]).await?;
    Ok(())
}

impl Key {
    fn new(email: &str, address: Option<IpAddr>) -> Key {
        let digest = Sha256::digest(email.trim().to_lowercase().as_bytes());
        Key {
            email: super::tokens::hex(&digest),
            address: address.map(|address| address.to_string()).unwrap_or_default(),
        }
    }
}
