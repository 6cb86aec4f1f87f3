//! Webhooks: other programs are told what happens here, by requests that they can trust and that never flood them.
//!
//! | word | means |
//! |---|---|
//! | endpoint | an address that somebody wants to be told at, with the kinds of events it is told of and a secret |
//! | event | something that became so: a punch was stored, a terminal fell silent |
//! | outbox | what endpoints are still to be told: rows that the transaction writes in which it became so |
//! | message | one request: events of one kind, gathered once, with an id; sent until it is delivered or given up |
//!
//! The outbox holds ids, no names: those are read when a message leaves, so that somebody who was erased meanwhile is named
//! to nobody. Nothing is written where nobody wants to be told. The other rooms know [`outbox`] alone.
//!
//! Invariant: an endpoint is talked to by one server at a time, one request after the other ([`courier`]).
//!
//! | module | what |
//! |---|---|
//! | [`kind`] | what can be told |
//! | [`outbox`] | something became so |
//! | [`silence`] | terminals that do not call any more, and those that do again |
//! | [`endpoints`] | who is told |
//! | [`secret`] | what signs a message |
//! | `target` | where it may go |
//! | [`messages`] | gathering, what became of each, forgetting |
//! | `body` | what a message says |
//! | `reason` | why somebody cannot be written, without names and cards |
//! | `post` | one request |
//! | [`courier`] | the loop that sends |
//! | [`limits`] | how much may wait |

mod body;
pub mod courier;
pub mod endpoints;
pub mod kind;
pub mod limits;
pub mod messages;
pub mod outbox;
mod post;
mod reason;
pub mod secret;
pub mod silence;
mod target;

pub use kind::Kind;

use crate::store::ids::id;

id!(
    /// A row of `webhook_endpoints`.
    EndpointId
);
