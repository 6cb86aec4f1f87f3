//! From an e-mail address and a password to a session, or to a failure that says nothing about which of them was wrong.
//!
//! Failures are counted in the database, so that several servers count together, and for unknown addresses as for
//! known ones. A locked address still works through sessions and tokens that exist.

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

/// Failures older than this are forgotten.
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
    key: Key,
}

/// Whose failures count together. E-mail addresses are kept as a hash: people type passwords into the wrong field.
#[derive(Clone, Debug)]
pub struct Key {
    email: String,
    address: String,
}

/// Looks up who it might be. The password is checked with [`Attempt::verify`] after this transaction, which hashing would
/// hold open for long.
pub async fn begin(tx: &mut Tx, email: &str, address: Option<IpAddr>, now: Timestamp) -> Result<Attempt, Error> {
    let key = Key::new(email, address);
    check_open(tx, &key, now).await?;
    let Some(user) = users::by_email(tx, email).await? else {
        return Ok(Attempt { user: None, hash: None, key });
    };
    let hash = users::password_of(tx, user.id).await?;
    let school_is_gone = match user.school_id {
        Some(school) => schools::find(tx, school).await?.is_none(),
        None => false,
    };
    Ok(Attempt { user: Some(user).filter(|user| user.is_active && !school_is_gone), hash, key })
}

const COUNT: &str = "
SELECT COUNT(*) FILTER (WHERE address = $2), COUNT(*) FROM login_failures WHERE email_hash = $1 AND at > $3";

/// Whether there were not too many failures. Ask again when the password was right: of a thousand guesses made at once all
/// are begun before the first one fails.
pub async fn check_open(tx: &mut Tx, key: &Key, now: Timestamp) -> Result<(), Error> {
    let values = [key.email.as_str().into(), key.address.as_str().into(), (now - WINDOW).into()];
    let (here, anywhere): (i64, i64) = tx.one(COUNT, values).await?;
    if here >= FROM_ONE_PLACE || anywhere >= FROM_ANYWHERE { Err(Error::TooMany) } else { Ok(()) }
}

impl Attempt {
    /// The user, when the password is his and he may log in. Takes the same time whatever is wrong.
    pub async fn verify(self, password: String) -> Result<Result<User, Key>, passwords::Error> {
        let matches = passwords::verify(password, self.hash).await?;
        Ok(self.user.filter(|_| matches).ok_or(self.key))
    }
}

const FORGET: &str = "DELETE FROM login_failures WHERE at <= $1";
const FAIL: &str = "INSERT INTO login_failures (email_hash, address, at) VALUES ($1, $2, $3)";

/// Counts a failure.
pub async fn fail(tx: &mut Tx, key: Key, now: Timestamp) -> store::Result<()> {
    tx.execute(FORGET, [(now - WINDOW).into()]).await?;
    tx.execute(FAIL, [key.email.into(), key.address.into(), now.into()]).await?;
    Ok(())
}

const FORGIVE: &str = "DELETE FROM login_failures WHERE email_hash = $1 AND address = $2";

/// Forgets the failures of somebody who got it right.
pub async fn forgive(tx: &mut Tx, key: Key) -> store::Result<()> {
    tx.execute(FORGIVE, [key.email.into(), key.address.into()]).await?;
    Ok(())
}

impl Key {
    /// `address` is where the connection came from, when that is known.
    pub fn new(email: &str, address: Option<IpAddr>) -> Key {
        let digest = Sha256::digest(email.trim().to_lowercase().as_bytes());
        Key {
            email: super::tokens::hex(&digest),
            address: address.map(|address| address.to_string()).unwrap_or_default(),
        }
    }
}
