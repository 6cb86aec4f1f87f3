//! Database and terminals become equal.
//!
//! Everything here is level-triggered: [`reconcile`] looks at what is wanted and at what has been done about it, and
//! writes the commands that are missing. Running it twice, or on two servers at once, changes nothing more. It is told
//! how wide to look, never what changed.
//!
//! | module | what |
//! |---|---|
//! | [`pins`] | which PIN a student has on a terminal, for ever |
//! | [`reconcile`] | wanted → ledger → commands |
//! | [`guard`] | what would remove, or change, too many at once is held |
//! | [`removals`] | a person decides about what is held |
//! | [`plan`] | which of them may leave now, and which must wait for another |
//! | [`again`] | everything once more, or those who failed, by hand |
//! | [`capacity`] | how many people fit on a terminal, and who does not |
//! | [`delivery`] | a poll takes commands |
//! | [`batch`] | how many a terminal takes at once, as learnt |
//! | [`deadline`] | how long an answer is waited for |
//! | [`acknowledge`] | a terminal says what became of them |
//! | [`words`] | it lacks a word, or speaks another dialect than it announced |
//! | [`reading`] | a terminal is read back |
//! | [`verdict`] | what a reading proves |
//! | [`repair`] | what was found becomes commands |
//! | `refill` | when a terminal is refilled that counts nobody |
//! | [`verify`] | somebody wants to know now |
//! | [`proof`] | how much of what a terminal acknowledged is proven |
//! | [`found`] | whom it says it holds, and what of that is not as wanted |
//! | [`timeline`] | what happened to one student on one terminal |
//! | [`start`] | how writing to a terminal begins |
//! | [`adopt`] | whom it held before that, and who of the roster they are |
//! | [`restored`] | the database came back from a backup |
//! | [`inherit`] | a terminal takes the place of another |
//! | [`anew`] | a terminal that was registered before comes back |
//! | [`unserved`] | what waits for a terminal that was switched off ends |
//! | [`doubts`] | which terminals need somebody |
//! | [`erase`], [`export`], `traces` | one student goes, or is shown everything that is known of him |
//! | [`retention`] | history is forgotten |
//! | [`standing`] | how things stand, in numbers |
//! | [`overview`] | what people are shown |
//! | [`import`] | a whole roster comes from a file |
//! | [`watch`] | the loop that finds what nobody told us |

pub mod acknowledge;
pub mod adopt;
pub mod again;
pub mod anew;
pub mod batch;
pub mod capacity;
pub mod deadline;
pub mod delivery;
pub mod doubts;
pub mod erase;
mod errand;
mod event;
pub mod export;
pub mod found;
pub mod guard;
pub mod import;
pub mod inherit;
mod manner;
pub mod overview;
pub mod pins;
pub mod plan;
pub mod proof;
mod queue;
pub mod reading;
pub mod reconcile;
mod refill;
pub mod removals;
pub mod repair;
pub mod restored;
pub mod retention;
mod rights;
mod scope;
pub mod standing;
pub mod start;
mod stepped;
mod strangers;
pub mod timeline;
mod traces;
pub mod unserved;
pub mod verdict;
pub mod verify;
pub mod watch;
mod wire;
pub mod words;
