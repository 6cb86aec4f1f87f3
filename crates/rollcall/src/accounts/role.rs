//! What kind of user somebody is.

use std::{fmt, str::FromStr};

/// What kind of user somebody is. Stored and shown as `superadmin`, `school_admin`, `teacher`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything, in every school.
    Superadmin,
    /// Everything in one school.
    SchoolAdmin,
    /// Reads one school.
    Teacher,
}

impl Role {
    pub const ALL: [Role; 3] = [Role::Superadmin, Role::SchoolAdmin, Role::Teacher];

    pub fn as_str(self) -> &'static str {
        match self {
            Role::Superadmin => "superadmin",
            Role::SchoolAdmin => "school_admin",
            Role::Teacher => "teacher",
        }
    }
}

/// The text is none of the three roles.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("\"{0}\" is no role: superadmin, school_admin or teacher")]
pub struct UnknownRole(pub String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Role, UnknownRole> {
        Role::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

impl TryFrom<String> for Role {
    type Error = UnknownRole;

    fn try_from(text: String) -> Result<Role, UnknownRole> {
        text.parse()
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
