//! The people that a terminal holds, and what its firmware makes of a record that it is sent (ATT5.8 §9.4, FWSRC).

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    ops::{Deref, DerefMut},
};

use push_protocol::text::Charset;

use super::wire;
use crate::profile::{CardReading, CardWriting, People, SameCard, Update, UserLine};

/// The terminal has no room (ATT5.8).
const FULL: i64 = -1001;
/// What a blank within a PIN is answered with: fields were separated by blanks instead of TABs (K40).
const NO_TABS: i64 = -1004;

/// One person as the terminal holds him.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeldUser {
    pub pin: String,
    /// The name in Unicode; what the bytes do not spell became `�`.
    pub name: String,
    /// The name as the terminal keeps and uploads it, at most 24 bytes.
    pub name_bytes: Vec<u8>,
    pub card: Option<u64>,
    /// 0 user … 14 super administrator.
    pub privilege: i64,
    pub password: String,
    pub group: i64,
    pub time_zones: String,
    pub verify: i64,
    /// A face is enrolled.
    pub face: bool,
    /// Fingers enrolled.
    pub fingers: u8,
}

impl HeldUser {
    /// A person with a PIN, a name in UTF-8, and nothing else.
    pub fn new(pin: &str, name: &str) -> HeldUser {
        HeldUser {
            pin: pin.to_owned(),
            name: name.to_owned(),
            name_bytes: name.as_bytes().to_vec(),
            card: None,
            privilege: 0,
            password: String::new(),
            group: 1,
            time_zones: String::new(),
            verify: -1,
            face: false,
            fingers: 0,
        }
    }

    #[must_use]
    pub fn with_card(self, card: u64) -> HeldUser {
        HeldUser { card: Some(card), ..self }
    }

    #[must_use]
    pub fn with_privilege(self, privilege: i64) -> HeldUser {
        HeldUser { privilege, ..self }
    }

    #[must_use]
    pub fn with_face(self) -> HeldUser {
        HeldUser { face: true, ..self }
    }

    /// Keeps at most `limit` bytes of a name, cut wherever that is (FWSRC).
    pub(super) fn rename(&mut self, bytes: &[u8], limit: usize, charset: Charset) {
        self.name_bytes = bytes[..bytes.len().min(limit)].to_vec();
        self.name = match charset {
            Charset::Utf8 => String::from_utf8_lossy(&self.name_bytes).into_owned(),
            Charset::Gb18030 => charset.decode(&self.name_bytes).into_owned(),
        };
    }

    /// `USER PIN=…`, terminated.
    pub(super) fn line(&self, people: &People) -> Vec<u8> {
        let mut line = format!("USER PIN={}\tName=", self.pin).into_bytes();
        line.extend_from_slice(&self.name_bytes);
        let mut rest = format!(
            "\tPri={}\tPasswd={}\tCard={}\tGrp={}\tTZ={}",
            self.privilege,
            self.password,
            write_card(self.card, people.card_writing),
            self.group,
            self.time_zones
        );
        let more = match people.user_line {
            UserLine::Short => "",
            UserLine::Dates => "\tStartDatetime=0\tEndDatetime=0",
            UserLine::Expires => "\tExpires=0\tStartDatetime=0\tEndDatetime=0",
        };
        if !more.is_empty() {
            let _ = write!(rest, "\tVerify={}\tViceCard={more}", self.verify);
        }
        line.extend_from_slice(rest.as_bytes());
        line.push(b'\n');
        line
    }
}

/// All people of one terminal, by PIN.
#[derive(Clone, Default, Debug)]
pub(super) struct Table(BTreeMap<String, HeldUser>);

impl Deref for Table {
    type Target = BTreeMap<String, HeldUser>;
    fn deref(&self) -> &BTreeMap<String, HeldUser> {
        &self.0
    }
}

impl DerefMut for Table {
    fn deref_mut(&mut self) -> &mut BTreeMap<String, HeldUser> {
        &mut self.0
    }
}

/// Why a record was not stored: the code that the command returns.
pub(super) struct Refused(pub i64);

/// Codes for a record without a usable PIN.
#[derive(Clone, Copy)]
pub(super) struct PinCodes {
    pub missing: i64,
    pub invalid: i64,
}

impl Table {
    /// The user that these params would make, not yet stored.
    pub fn prepare(
        &self,
        params: &[u8],
        people: &People,
        codes: PinCodes,
        charset: Charset,
    ) -> Result<HeldUser, Refused> {
        let pin = value(params, "PIN").filter(|pin| !pin.is_empty()).ok_or(Refused(codes.missing))?;
        if pin.contains(&b' ') {
            return Err(Refused(NO_TABS));
        }
        let fits = pin.len() <= people.pin_bytes
            && pin.iter().all(|b| if people.pin_letters { b.is_ascii_alphanumeric() } else { b.is_ascii_digit() });
        let pin = match std::str::from_utf8(pin) {
            Ok(pin) if fits => pin,
            _ => return Err(Refused(codes.invalid)),
        };
        let held = self.get(pin);
        if held.is_none() && self.len() >= people.capacity {
            return Err(Refused(FULL));
        }
        let mut user = match (held, people.update) {
            (Some(held), Update::Merge) => held.clone(),
            // Templates live in files of their own and outlast the record that is rewritten.
            (Some(held), Update::Replace) => {
                HeldUser { face: held.face, fingers: held.fingers, group: 0, ..HeldUser::new(pin, "") }
            }
            (None, Update::Replace) => HeldUser { group: 0, ..HeldUser::new(pin, "") },
            (None, Update::Merge) => HeldUser::new(pin, ""),
        };
        if let Some(name) = value(params, "Name") {
            user.rename(name, people.name_bytes, charset);
        }
        if let Some(card) = value(params, "Card") {
            user.card = read_card(card, people.card_reading);
        }
        if let Some(privilege) = value(params, "Pri") {
            user.privilege = wire::atoi(privilege);
        }
        if let Some(password) = value(params, "Passwd") {
            user.password = text(password);
        }
        if let Some(group) = value(params, "Grp") {
            user.group = wire::atoi(group);
        }
        if let Some(time_zones) = value(params, "TZ") {
            user.time_zones = text(time_zones);
        }
        if let Some(verify) = value(params, "Verify") {
            user.verify = if verify.is_empty() { -1 } else { wire::atoi(verify) };
        }
        let taken = user.card.is_some_and(|card| self.values().any(|u| u.card == Some(card) && u.pin != user.pin));
        match people.same_card {
            SameCard::Refused(code) if taken => return Err(Refused(code)),
            SameCard::FirstKeeps if taken => user.card = None,
            SameCard::Shared | SameCard::FirstKeeps | SameCard::Refused(_) => {}
        }
        Ok(user)
    }

    pub fn store(&mut self, user: HeldUser) {
        self.0.insert(user.pin.clone(), user);
    }

    pub fn faces(&self) -> usize {
        self.values().filter(|user| user.face).count()
    }

    pub fn fingers(&self) -> usize {
        self.values().map(|user| usize::from(user.fingers)).sum()
    }

    pub fn cards(&self) -> usize {
        self.values().filter(|user| user.card.is_some()).count()
    }
}

/// A value as firmware finds it: the key in exactly this case, at the start or right behind a TAB; the value ends at the
/// next TAB (FWSRC).
pub(super) fn value<'a>(params: &'a [u8], key: &str) -> Option<&'a [u8]> {
    params.split(|&b| b == b'\t').find_map(|field| field.strip_prefix(key.as_bytes())?.strip_prefix(b"="))
}

/// Text that is kept only to be sent back.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn read_card(bytes: &[u8], reading: CardReading) -> Option<u64> {
    let hex = bytes.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]"));
    let number = match (hex, reading) {
        (Some(hex), CardReading::Any) if hex.len() == 8 => low_byte_first(hex),
        (Some(hex), _) if hex.len() == 10 => low_byte_first(hex),
        (None, CardReading::Any) => std::str::from_utf8(bytes).ok()?.parse().ok(),
        _ => None,
    };
    number.filter(|&card| card != 0)
}

fn low_byte_first(hex: &[u8]) -> Option<u64> {
    hex.chunks(2).rev().try_fold(0, |number: u64, pair| {
        let byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        Some((number << 8) | u64::from(byte))
    })
}

fn write_card(card: Option<u64>, writing: CardWriting) -> String {
    let bracket = |card: u64, bytes: usize| {
        let hex = card.to_le_bytes()[..bytes].iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02X}");
            hex
        });
        format!("[{hex}]")
    };
    match (writing, card) {
        (CardWriting::FiveBytes, card) => bracket(card.unwrap_or(0), 5),
        (_, None) => String::new(),
        (CardWriting::FourBytes, Some(card)) => bracket(card, if u32::try_from(card).is_ok() { 4 } else { 5 }),
        (CardWriting::Decimal, Some(card)) => card.to_string(),
    }
}
