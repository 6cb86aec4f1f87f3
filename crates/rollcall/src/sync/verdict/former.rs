//! Whoever has the PIN of somebody who is gone. Pure.

use push_protocol::text::Charset;

use super::Told;
use crate::sync::adopt::matching::{self, Person};

/// What is remembered of somebody who is gone: his name, empty when nobody knows it any more, and his card.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Former {
    pub name: String,
    pub card: Option<String>,
}

impl Former {
    /// Whether what the terminal tells of his PIN is of another. Of whom nobody knows any more what he was called, whoever
    /// comes after him is another: a person who was taken for him would be removed.
    pub fn is_not(&self, pin: &str, told: &Told, charset: Charset) -> bool {
        let there =
            Person { pin: pin.to_owned(), name: told.name.clone(), card: told.card.unwrap_or(0), ..Person::default() };
        matching::is_another(&there, &self.name, self.card.as_deref(), charset)
    }
}
