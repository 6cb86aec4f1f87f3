//! What has to hold for any file that somebody imports.

use super::table::{self, Table};

/// A file of students: whatever it is, it is read or refused in words.
pub fn csv(data: &[u8]) {
    if let Err(error) = Table::read(data) {
        assert!(!error.to_string().is_empty());
    }
    if let Ok((names, places)) = table::names(data) {
        let is_one = |place: usize| place < names.len();
        assert!(places.into_iter().flatten().all(is_one), "a column that the file does not have");
        let _ = Table::read_as(data, Some(places));
    }
}
