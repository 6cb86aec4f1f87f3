//! What a plan would do, student by student, for somebody who decides whether it is meant.

use std::{collections::HashMap, fmt};

use sha2::{Digest, Sha256};

use super::{Fields, Plan};
use crate::school::StudentId;

/// Whom a plan adds, changes and deactivates.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Preview {
    pub added: Vec<Fields>,
    pub changed: Vec<Change>,
    pub deactivated: Vec<Fields>,
    /// Changes when the plan does. Whoever agrees to a plan agrees to this.
    pub fingerprint: String,
}

/// A student as he is and as he would be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    pub before: Fields,
    pub after: Fields,
}

/// The same for what looks the same.
pub fn fingerprint(what: &impl fmt::Debug) -> String {
    let digest = Sha256::digest(format!("{what:?}").as_bytes());
    digest.iter().take(16).fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"))
}

impl Plan {
    pub fn preview(&self) -> Preview {
        let known: HashMap<StudentId, Fields> = self.known.iter().map(|known| (known.id, known.fields())).collect();
        let changed = self
            .changed
            .iter()
            .filter_map(|(id, after)| Some(Change { before: known.get(id)?.clone(), after: after.clone() }));
        let mut changed: Vec<Change> = changed.collect();
        changed.sort_by(|one, other| one.after.full_name.cmp(&other.after.full_name));
        let deactivated = self.deactivated.iter().filter_map(|id| known.get(id).cloned()).collect();
        Preview { added: self.added.clone(), changed, deactivated, fingerprint: self.fingerprint() }
    }

    /// The same for the same plan over the same students.
    pub fn fingerprint(&self) -> String {
        fingerprint(&(self.school, &self.added, &self.changed, &self.deactivated, &self.rejected))
    }

    /// Those whom the plan changes or deactivates.
    pub fn touched(&self) -> Vec<StudentId> {
        self.changed.keys().chain(&self.deactivated).copied().collect()
    }
}
