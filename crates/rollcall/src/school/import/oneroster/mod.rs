//! OneRoster 1.1 and 1.2, the files that school administration programs write: several schools at once, everybody with an
//! identifier that stays.
//!
//! A school, a class or a student whom we know by that identifier is renamed, moved or deactivated; one without is adopted as
//! a row of a CSV file would be (a school and a class by name, a school only where no other may be meant), and has the
//! identifier from then on.

mod apply;
mod package;
mod people;
mod plan;

use self::people::OfSchool;
pub use self::{
    package::Package,
    plan::{Plans, lock, plan},
};
use super::table::Bad;
use crate::school::SchoolId;

/// Where a set has its cards.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cards {
    /// In the column `metadata.rfid_card_id` of users.csv.
    #[default]
    Metadata,
    /// In the column `identifier` of users.csv.
    Identifier,
}

impl Cards {
    fn column(self) -> &'static str {
        match self {
            Cards::Metadata => "metadata.rfid_card_id",
            Cards::Identifier => "identifier",
        }
    }
}

/// Why a set is refused as a whole.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    #[error("this is no zip file that can be read")]
    NoZip,
    #[error("there is no manifest.csv that names oneroster.version: is this a set of OneRoster files?")]
    NoManifest,
    #[error("OneRoster {0} is not known here: 1.1 and 1.2 are")]
    Version(String),
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("orgs.csv names no org of type school")]
    NoSchool,
    #[error("{0} is not UTF-8, which OneRoster asks for")]
    NotUtf8(&'static str),
    #[error("{0} cannot be read: {1}")]
    Unreadable(&'static str, String),
    #[error("{0} is larger than 200 MB")]
    Large(&'static str),
}

/// What a set did, or would do, to one school.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, utoipa::ToSchema)]
pub struct SchoolReport {
    /// `null` for a school that a dry run would make.
    pub school_id: Option<SchoolId>,
    pub name: String,
    pub is_new: bool,
    pub added: usize,
    pub changed: usize,
    pub unchanged: usize,
    pub deactivated: usize,
    /// Who go to another school of the set. They are counted among those whom it changes.
    pub left: usize,
}

/// A set, read.
#[derive(Debug)]
pub struct Roster {
    schools: Vec<OfSchool>,
    /// Lines of users.csv that belong to no school: whom they mean may be of any.
    rejected: Vec<Bad>,
    /// Students of whom no school is known: most are of schools that the set does not have, and are no matter here.
    unplaced: Vec<Bad>,
}

impl Roster {
    pub fn read(package: &Package, cards: Cards) -> Result<Roster, Error> {
        people::read(package, cards)
    }
}
