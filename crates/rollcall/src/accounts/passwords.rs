//! Passwords as argon2id hashes.

use std::sync::LazyLock;

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc},
};
use tokio::{sync::Semaphore, task};

/// An argon2id hash as text (PHC: `$argon2id$v=19$…`).
#[derive(Clone, Debug)]
pub struct PasswordHash(String);

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("a password has at least {SHORTEST} characters")]
    Short,
    #[error("a password has at most {LONGEST} bytes")]
    Long,
    #[error("the password could not be hashed")]
    Hash(#[source] argon2::password_hash::Error),
    #[error("the password could not be hashed: the thread for it ended")]
    Thread(#[source] task::JoinError),
}

/// Hashes a new password. Takes tens of milliseconds of a thread of its own: do it before a transaction begins.
pub async fn hash(password: String) -> Result<PasswordHash, Error> {
    if password.chars().count() < SHORTEST {
        return Err(Error::Short);
    }
    if password.len() > LONGEST {
        return Err(Error::Long);
    }
    on_a_thread(move || hash_now(password.as_bytes())).await?
}

/// Whether the password is the one that was hashed. Without a hash, because there is no such user, the answer is no and
/// takes as long, so that nobody can learn from the time which addresses exist.
pub async fn verify(password: String, hash: Option<PasswordHash>) -> Result<bool, Error> {
    // Longer ones cannot have been set; hashing them would be work for nothing.
    if password.len() > LONGEST {
        return Ok(false);
    }
    on_a_thread(move || {
        let matches = matches(password.as_bytes(), hash.as_ref().unwrap_or(&NOBODY));
        matches && hash.is_some()
    })
    .await
}

impl PasswordHash {
    /// A hash as the database gave it.
    pub fn stored(text: String) -> PasswordHash {
        PasswordHash(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    // Closing is the only way to fail, and nobody closes it.
    let _permit = AT_ONCE.acquire().await.ok();
    task::spawn_blocking(work).await.map_err(Error::Thread)
}

fn matches(password: &[u8], hash: &PasswordHash) -> bool {
    // A text that is no hash is like any wrong password to the person, and there is nothing he could do about it.
    phc::PasswordHash::new(&hash.0).is_ok_and(|hash| Argon2::default().verify_password(password, &hash).is_ok())
}

fn hash_now(password: &[u8]) -> Result<PasswordHash, Error> {
    let hash: phc::PasswordHash = Argon2::default().hash_password(password).map_err(Error::Hash)?;
    Ok(PasswordHash(hash.to_string()))
}

const SHORTEST: usize = 8;
const LONGEST: usize = 1024;

/// Each hash takes 19 MB for its time, and anybody may try to log in.
static AT_ONCE: Semaphore = Semaphore::const_new(4);

/// What an unknown e-mail address is measured against. Its password is not reachable: [`verify`] answers no.
static NOBODY: LazyLock<PasswordHash> =
    LazyLock::new(|| hash_now(b"nobody").unwrap_or_else(|_| PasswordHash(String::new())));
