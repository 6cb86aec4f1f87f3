//! Schools, classes, sections and students: the roster as the database has it.
//!
//! Nothing here knows of terminals. Whoever changes a roster calls `sync::reconcile` in the same transaction.

pub mod classes;
pub mod derived;
pub mod holidays;
pub mod import;
pub mod names;
pub mod placement;
pub mod schools;
pub mod search;
pub mod sections;
pub mod students;
pub mod years;

use crate::store::ids::id;

id!(
    /// A row of `schools`.
    SchoolId
);
id!(
    /// A row of `classes`.
    ClassId
);
id!(
    /// A row of `sections`.
    SectionId
);
id!(
    /// A row of `students`.
    StudentId
);
