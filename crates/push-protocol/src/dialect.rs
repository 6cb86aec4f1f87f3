//! Which of three vocabularies a terminal speaks (§0.1). The URLs are the same, the words are not.

/// A decision that must be stored per serial number: a terminal with a session does not announce itself again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Dialect {
    /// Push 1.x: announces no `pushver`.
    Legacy,
    /// Attendance push 2.x.
    Attendance,
    /// Security (access control) push 3.x.
    Security,
}

/// What a terminal says of itself in a handshake.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Announcement {
    pub push_version: Option<String>,
    pub device_type: Option<String>,
    pub language: Option<u32>,
    pub comm_key: Option<String>,
    pub push_options_flag: Option<u32>,
}

impl Dialect {
    /// `legacy`, `attendance`, `security`: the words stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Dialect::Legacy => "legacy",
            Dialect::Attendance => "attendance",
            Dialect::Security => "security",
        }
    }
    pub fn parse(word: &str) -> Option<Dialect> {
        todo!()
    }
    /// From a handshake: `DeviceType=acc` or `pushver` ≥ 3 is security; otherwise attendance, or legacy without `pushver`.
    pub fn recognise(announced: &Announcement) -> Dialect {
        todo!()
    }
}

impl Announcement {
    /// Rule of thumb for cards until a reading corrects it: no `pushver`, or one below 2.2, takes the bracket form.
    pub fn card_form(&self) -> crate::text::CardForm {
        todo!()
    }
}
