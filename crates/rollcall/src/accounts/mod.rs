//! Who may do what: users with roles, their passwords, sessions and tokens, and the record of what they changed.
//!
//! | word | means |
//! |---|---|
//! | user | a person with an e-mail address, a password and a [`Role`] |
//! | token | a secret that stands for a user. A *session* is one made by a login and ends when idle; a named token is made by a person and ends by date or when revoked |
//! | caller | the user behind a request, as his token showed |
//! | actor | whoever a change is attributed to: a caller, the command line, or the nightly retention |
//!
//! Invariant: a secret or a password is never stored or logged, only its SHA-256 or its argon2id hash is.

pub mod audit;
pub mod caller;
pub mod first;
pub mod login;
pub mod passwords;
pub mod role;
pub mod tokens;
pub mod users;

pub use caller::{Caller, Denied};
pub use role::Role;

use crate::store::ids::id;

id!(
    /// A row of `users`.
    UserId
);
id!(
    /// A row of `access_tokens`.
    TokenId
);
