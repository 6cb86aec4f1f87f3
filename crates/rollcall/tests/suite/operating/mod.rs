//! What keeps a server running for years, as the person sees it who has to.

mod backup;
mod doctor;
mod documents;
mod metrics;
mod retention;
mod secrets;
mod statistics;
