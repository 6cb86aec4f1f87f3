//! Punches: stored once, owner found, shown by day.
//!
//! A terminal forgets a punch as soon as it is told `OK`, so that answer is given after the commit and never instead of
//! it. What a terminal sends twice is stored once; what cannot be attributed is kept without an owner; what comes from an
//! unregistered terminal is kept in quarantine until somebody claims the terminal.
//!
//! | module | what |
//! |---|---|
//! | [`recorder`] | the writer that all uploads go through |
//! | `storing` | what one of its transactions writes |
//! | `wall_clock` | from a terminal's clock to an instant |
//! | `owners` | whose punch it is |
//! | `days` | who came when |
//! | [`quarantine`] | punches of terminals that nobody registered |
//! | [`attribute`] | owners that are found later |
//! | `redating` | punches are dated anew when a terminal's zone is set or corrected |
//! | `unread` | lines that no one could read |
//! | [`register`] | the register of a day |
//! | [`punches`] | what people are shown |

pub mod attribute;
mod days;
mod owners;
pub mod punches;
pub mod quarantine;
pub mod recorder;
mod redating;
pub mod register;
pub mod retention;
mod storing;
pub mod unread;
pub mod wall_clock;
