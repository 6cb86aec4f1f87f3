//! The rows of `access_tokens`: sessions and named tokens.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::{Caller, TokenId, UserId, users::User};
use crate::store::{Instant, Result, Tx};

/// A session ends when it was not used for this long.
pub const IDLE_END: SignedDuration = SignedDuration::from_hours(12);

/// `last_used_at` is written at most this often.
const TOUCH_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// What a person shows to be let in: `rc_` and 256 random bits in hexadecimal. It can be read once, when it is made.
pub struct Secret(String);

/// A row of `access_tokens` without its secret.
#[derive(Clone, Debug, sqlx::FromRow, serde::Serialize, utoipa::ToSchema)]
pub struct Token {
    pub id: TokenId,
    pub user_id: UserId,
    pub email: String,
    #[sqlx(try_from = "String")]
    pub kind: Kind,
    /// What its maker called it; sessions have none.
    pub name: Option<String>,
    pub created_at: Instant,
    /// Exact to the minute.
    pub last_used_at: Instant,
    pub expires_at: Option<Instant>,
    pub revoked_at: Option<Instant>,
}

/// How a token came to be, which decides how it ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// By a login; ends by logout or when idle.
    Session,
    /// By a person, with a name; ends at its date or when revoked.
    Token,
}

const CREATE: &str = "
INSERT INTO access_tokens (user_id, kind, name, secret_hash, created_at, last_used_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $5, $6)
RETURNING id, user_id, (SELECT email FROM users WHERE users.id = user_id) AS email, kind, name, created_at, last_used_at,
  expires_at, revoked_at";

/// Makes a named token for a user, valid until `expires_at` or until it is revoked.
pub async fn create(
    tx: &mut Tx,
    user: UserId,
    name: &str,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<(Token, Secret)> {
    issue(tx, user, Kind::Token, Some(name), expires_at, now).await
}

/// Makes a session for a user whose password was right.
pub async fn start_session(tx: &mut Tx, user: UserId, now: Timestamp) -> Result<(Token, Secret)> {
    forget_ended_sessions(tx, user, now).await?;
    issue(tx, user, Kind::Session, None, None, now).await
}

async fn issue(
    tx: &mut Tx,
    user: UserId,
    kind: Kind,
    name: Option<&str>,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<(Token, Secret)> {
    let secret = Secret::generate();
    let values =
        [user.into(), kind.as_str().into(), name.into(), digest(&secret.0).into(), now.into(), expires_at.into()];
    Ok((tx.one(CREATE, values).await?, secret))
}

const FORGET_ENDED_SESSIONS: &str = "
DELETE FROM access_tokens WHERE user_id = $1 AND kind = 'session' AND (last_used_at <= $2 OR revoked_at IS NOT NULL)";

async fn forget_ended_sessions(tx: &mut Tx, user: UserId, now: Timestamp) -> Result<()> {
    tx.execute(FORGET_ENDED_SESSIONS, [user.into(), (now - IDLE_END).into()]).await?;
    Ok(())
}

/// Whom a secret stands for.
#[derive(Clone, Debug)]
pub struct Authenticated {
    pub caller: Caller,
    /// His use of it should be written down with [`touch`].
    pub wants_touch: bool,
}

const AUTHENTICATE: &str = "
SELECT users.id, email, role, users.school_id, full_name, is_active, users.created_at, users.updated_at,
  access_tokens.id AS token_id, last_used_at
FROM access_tokens
JOIN users ON users.id = access_tokens.user_id
LEFT JOIN schools ON schools.id = users.school_id
WHERE secret_hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)
  AND (kind <> 'session' OR last_used_at > $3)
  AND is_active AND schools.deleted_at IS NULL";

/// Whom a secret stands for; nobody when it is unknown, ended or revoked, or when its user or his school is.
pub async fn authenticate(tx: &mut Tx, secret: &str, now: Timestamp) -> Result<Option<Authenticated>> {
    let values = [digest(secret).into(), now.into(), (now - IDLE_END).into()];
    let row: Option<Row> = tx.optional(AUTHENTICATE, values).await?;
    Ok(row.map(|row| Authenticated {
        wants_touch: now.duration_since(row.last_used_at.0).abs() >= TOUCH_EVERY,
        caller: Caller { user: row.user, token: row.token_id },
    }))
}

#[derive(sqlx::FromRow)]
struct Row {
    #[sqlx(flatten)]
    user: User,
    token_id: TokenId,
    last_used_at: Instant,
}

const TOUCH: &str = "UPDATE access_tokens SET last_used_at = $2 WHERE id = $1";

/// Writes down that a token was used, also when it seems to have been used later, before the clock was stepped back.
pub async fn touch(tx: &mut Tx, token: TokenId, now: Timestamp) -> Result<()> {
    tx.execute(TOUCH, [token.into(), now.into()]).await?;
    Ok(())
}

const LIST: &str = "
SELECT access_tokens.id, user_id, email, kind, name, access_tokens.created_at, last_used_at, expires_at, revoked_at
FROM access_tokens JOIN users ON users.id = user_id
WHERE (CAST($1 AS BIGINT) IS NULL OR user_id = $1) AND revoked_at IS NULL
  AND (expires_at IS NULL OR expires_at > $2) AND (kind <> 'session' OR last_used_at > $3)
ORDER BY access_tokens.id DESC";

/// Tokens and sessions that still open the door, newest first: of a user, or of everybody.
pub async fn list(tx: &mut Tx, user: Option<UserId>, now: Timestamp) -> Result<Vec<Token>> {
    tx.all(LIST, [user.into(), now.into(), (now - IDLE_END).into()]).await
}

const FIND: &str = "
SELECT access_tokens.id, user_id, email, kind, name, access_tokens.created_at, last_used_at, expires_at, revoked_at
FROM access_tokens JOIN users ON users.id = user_id WHERE access_tokens.id = $1";

pub async fn find(tx: &mut Tx, id: TokenId) -> Result<Option<Token>> {
    tx.optional(FIND, [id.into()]).await
}

const REVOKE: &str = "UPDATE access_tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";

/// Ends a token or session at once.
pub async fn revoke(tx: &mut Tx, id: TokenId, now: Timestamp) -> Result<()> {
    tx.execute(REVOKE, [id.into(), now.into()]).await?;
    Ok(())
}

const END_SESSIONS: &str = "
UPDATE access_tokens SET revoked_at = $3
WHERE user_id = $1 AND kind = 'session' AND revoked_at IS NULL AND (CAST($2 AS BIGINT) IS NULL OR id <> $2)";

/// Ends a user's sessions, all but the one he is using: somebody else may have known the old password.
pub async fn end_sessions(tx: &mut Tx, user: UserId, except: Option<TokenId>, now: Timestamp) -> Result<()> {
    tx.execute(END_SESSIONS, [user.into(), except.into(), now.into()]).await?;
    Ok(())
}

const END_ALL_SESSIONS: &str = "UPDATE access_tokens SET revoked_at = $1 WHERE kind = 'session' AND revoked_at IS NULL";

/// Ends everybody's sessions: some of them had ended before the database came back from a backup.
pub async fn end_all_sessions(tx: &mut Tx, now: Timestamp) -> Result<()> {
    tx.execute(END_ALL_SESSIONS, [now.into()]).await?;
    Ok(())
}

impl Secret {
    fn generate() -> Secret {
        Secret(format!("rc_{}", hex(&rand::random::<[u8; 32]>())))
    }

    /// The text to hand to its owner, once.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Kind::Session => "session",
            Kind::Token => "token",
        }
    }
}

impl TryFrom<String> for Kind {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Kind, String> {
        match text.as_str() {
            "session" => Ok(Kind::Session),
            "token" => Ok(Kind::Token),
            _ => Err(format!("{text:?} is no kind of token")),
        }
    }
}

fn digest(secret: &str) -> String {
    hex(&Sha256::digest(secret.as_bytes()))
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        for digit in [byte >> 4, byte & 0xf] {
            text.push(char::from_digit(u32::from(digit), 16).unwrap_or('?'));
        }
        text
    })
}
