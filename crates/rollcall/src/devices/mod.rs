//! Terminals: those that are registered, those that merely called, and when each was last seen.
//!
//! What a poll needs is in memory ([`registry`], [`unknown`]) and follows the database by a tick; what calls leave behind
//! (last seen, address, counts) is collected in memory and written in batches ([`presence`]). So an idle poll costs no
//! statement, whoever calls.
//!
//! | module | what |
//! |---|---|
//! | [`registry`] | registered terminals in memory, and the flag that says that something waits for one |
//! | [`presence`] | last seen, written in batches; who is online |
//! | [`unknown`] | terminals that called and are not registered |
//! | [`cards`] | cards that were held out to a terminal and belong to nobody |
//! | [`claim`] | a terminal becomes known |
//! | [`known`] | registered terminals as people see and change them |
//! | [`announced`] | what a terminal says of itself in a handshake; which dialect it speaks |
//! | [`trust`] | whether whoever speaks under a serial number is the terminal that was claimed |
//! | [`stamps`] | upload positions, echoed in the next handshake |
//! | [`held`] | whom a terminal says it holds |
//! | [`window`] | the time of day at which a terminal may be burdened |
//! | [`zone`] | the zone of a terminal's wall clock |

pub mod announced;
pub mod cards;
pub mod claim;
pub mod held;
pub mod known;
mod missed;
pub mod presence;
pub mod registry;
pub mod stamps;
pub mod trust;
pub mod unknown;
pub mod window;
pub mod zone;

use std::borrow::Cow;

use crate::store::ids::id;

id!(
    /// A row of `devices`.
    DeviceId
);

/// Text of a terminal's own choosing as it is kept: without control characters, which no database row and no log line
/// should hold, and of at most 64 characters, which is more than any honest one has.
fn kept(text: &str) -> Cow<'_, str> {
    let is_fine = text.len() <= KEPT_CHARS && !text.contains(char::is_control);
    if is_fine {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().filter(|character| !character.is_control()).take(KEPT_CHARS).collect())
}

const KEPT_CHARS: usize = 64;
