//! Punches: stored once, owner found, shown by day.
//!
//! A terminal forgets a punch as soon as it is told `OK`, so that answer is given after the commit and never instead of
//! it. What a terminal sends twice is stored once; what cannot be attributed is kept without an owner; what comes from an
//! unregistered terminal is kept in quarantine until somebody claims the terminal.
//!
//! | module | what |
//! |---|---|
//! | [`recorder`] | the writer that all uploads go through |

pub mod recorder;
