//! Faults made to happen: what is around the server goes wrong, and each ends as docs/operations.md says. Kills and restarts
//! are in `processes`, faults of terminals and of the line to them in `convergence`.

mod clock;
mod crowds;
mod disk;
mod storage;
