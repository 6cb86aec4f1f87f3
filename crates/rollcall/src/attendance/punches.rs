//! What people are shown.
