//! The user behind a request, and what he may do.

use super::{Role, TokenId, UserId, audit::Actor, users::User};
use crate::school::SchoolId;

/// The user behind a request, as his token showed.
#[derive(Clone, Debug)]
pub struct Caller {
    pub user: User,
    pub token: TokenId,
}

/// Why a caller may not do what he asked for; the message is for him.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Denied {
    #[error("that belongs to another school")]
    OtherSchool,
    #[error("a teacher may look, not change")]
    ReadOnly,
    #[error("this is for administrators")]
    AdminOnly,
    #[error("this is for the superadmin")]
    SuperadminOnly,
}

impl Caller {
    pub fn id(&self) -> UserId {
        self.user.id
    }

    /// Who the audit log names.
    pub fn actor(&self) -> Actor<'_> {
        Actor { user_id: Some(self.user.id), name: &self.user.email }
    }

    pub fn is_superadmin(&self) -> bool {
        self.user.role == Role::Superadmin
    }

    pub fn may_see_school(&self, school: SchoolId) -> Result<(), Denied> {
        if self.is_superadmin() || self.user.school_id == Some(school) { Ok(()) } else { Err(Denied::OtherSchool) }
    }

    pub fn may_change_school(&self, school: SchoolId) -> Result<(), Denied> {
        self.may_see_school(school)?;
        self.may_change()
    }

    /// Whether he may change anything at all; which school is asked later.
    pub fn may_change(&self) -> Result<(), Denied> {
        if self.user.role == Role::Teacher { Err(Denied::ReadOnly) } else { Ok(()) }
    }

    /// For what teachers do not see: users and the audit log.
    pub fn admin(&self) -> Result<(), Denied> {
        if self.user.role == Role::Teacher { Err(Denied::AdminOnly) } else { Ok(()) }
    }

    pub fn superadmin(&self) -> Result<(), Denied> {
        if self.is_superadmin() { Ok(()) } else { Err(Denied::SuperadminOnly) }
    }

    /// The school that a list is narrowed to: the one asked for, else his own, else (superadmin) none.
    pub fn school_to_list(&self, asked: Option<SchoolId>) -> Result<Option<SchoolId>, Denied> {
        match asked {
            Some(school) => self.may_see_school(school).map(|()| Some(school)),
            None if self.is_superadmin() => Ok(None),
            // A user without a school sees none: no school has this number.
            None => Ok(Some(self.user.school_id.unwrap_or(SchoolId(0)))),
        }
    }
}
