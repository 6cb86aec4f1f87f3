//! The simulator's own tests: hand-written replies on one side, the exact bytes of a terminal on the other.

mod checklist;
mod line;
