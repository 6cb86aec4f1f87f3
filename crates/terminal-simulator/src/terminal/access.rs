//! An access unit: commands of the security dialect, understood the way its firmware does (SEC4.8 §12, SF-repo). What it
//! does not understand it mostly acknowledges, and its traps are set: a key that it does not know is no filter.

use super::{
    Terminal,
    execute::{Ending, Instruction, ascii, done, split_word},
    table::{HeldUser, value},
    upload::{Content, Punch, Upload},
    wire,
};
use crate::{
    faults::FaultKind,
    profile::{Access, SameCard},
};

/// No such table (SEC4.8 App. 1); also what words of the attendance dialect are answered with (SF-repo, F22-gym).
const WRONG_TABLE: i64 = -629;
/// The data has the wrong format.
const BAD_FORMAT: i64 = -620;
/// The command could not be taken apart.
const BAD_COMMAND: i64 = -801;
/// It will answer once more.
const ANSWERS_AGAIN: i64 = -5000;
const FULL: i64 = -1001;

impl Terminal {
    /// Whether this person gets through the door: known, and with a right to it (SF-repo: otherwise it is event 23).
    pub fn opens_door(&self, pin: &str) -> bool {
        self.table.contains_key(pin) && self.door_rights.contains(pin)
    }

    /// Carries a command out. The first result of a unit that passes it on says no more than that.
    pub(super) fn execute_access(&mut self, access: &Access, command: &Instruction) -> Ending {
        let ending = self.access_command(access, command);
        match ending {
            Ending::Return(code, echo, payload) if access.answers_twice && echo.starts_with("DATA UPDATE") => {
                let again = format!("{echo}&SN=SUB{:010}", self.seed);
                let second = self.result(&command.id, code, &again, &payload);
                self.results.second.extend_from_slice(&second);
                Ending::Return(ANSWERS_AGAIN, echo, String::new())
            }
            ending => ending,
        }
    }

    fn access_command(&mut self, access: &Access, command: &Instruction) -> Ending {
        let (verb, rest) = split_word(&command.text);
        match verb {
            b"DATA" => self.access_data(access, &command.id, rest),
            b"SET" => self.set_access_options(rest),
            b"GET" => self.get_access_options(&command.id, rest),
            b"CONTROL" => {
                // Outputs and other things are operated and leave no trace here.
                self.reboot_due |= rest == b"DEVICE 03000000";
                done("CONTROL DEVICE")
            }
            _ => Ending::Return(BAD_COMMAND, ascii(verb), String::new()),
        }
    }

    fn access_data(&mut self, access: &Access, id: &str, rest: &[u8]) -> Ending {
        let (action, rest) = split_word(rest);
        let (table, params) = split_word(rest);
        let code = match (action, table) {
            (_, b"userauthorize") if !access.has_door_rights => WRONG_TABLE,
            (b"UPDATE", b"user") => self.update_access_user(params),
            (b"UPDATE", b"userauthorize") => self.authorize(params),
            (b"DELETE", b"user") => self.delete_access_users(params),
            (b"DELETE", b"userauthorize") => self.unauthorize(params),
            (b"COUNT", b"user") => {
                let count = format!("user={}", self.user_count());
                self.answer_query(id, "type=count", "&tablename=user&count=1&packcnt=1&packidx=1", count, 1);
                0
            }
            (b"QUERY", query) => self.query_access_table(access, id, query),
            _ => WRONG_TABLE,
        };
        Ending::Return(code, format!("DATA {}", ascii(action)), String::new())
    }

    /// Keys in exactly this case; any other is passed over. Without `Pin` it becomes somebody without a PIN (SF-repo).
    fn update_access_user(&mut self, params: &[u8]) -> i64 {
        if params.iter().any(|&b| (b < 0x20 && b != b'\t') || b == 0x7F) {
            self.statistics.control_characters += 1;
        }
        let pin = ascii(value(params, "Pin").unwrap_or_default());
        let people = &self.profile.people;
        if pin.len() > people.pin_bytes || !pin.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return BAD_FORMAT;
        }
        let held = self.table.get(&pin);
        if held.is_none() && self.table.len() >= people.capacity {
            return FULL;
        }
        let mut user = held.cloned().unwrap_or_else(|| HeldUser::new(&pin, ""));
        if let Some(name) = value(params, "Name") {
            user.rename(name, people.name_bytes, self.charset());
        }
        if let Some(card) = value(params, "CardNo") {
            user.card = std::str::from_utf8(card).ok().and_then(|card| card.parse().ok()).filter(|&card| card != 0);
        }
        if let Some(privilege) = value(params, "Privilege") {
            user.privilege = wire::atoi(privilege);
        }
        if let Some(password) = value(params, "Password") {
            user.password = ascii(password);
        }
        if let Some(group) = value(params, "Group") {
            user.group = wire::atoi(group);
        }
        let taken = user.card.is_some_and(|card| self.table.values().any(|u| u.card == Some(card) && u.pin != pin));
        match people.same_card {
            SameCard::Refused(code) if taken => return code,
            SameCard::FirstKeeps if taken => user.card = None,
            SameCard::Shared | SameCard::FirstKeeps | SameCard::Refused(_) => {}
        }
        if pin.is_empty() {
            self.story.tell(self.now, "stores somebody without a PIN");
            self.statistics.users_without_pin += 1;
        }
        self.keep_user(user)
    }

    /// A right needs all three; anything less is acknowledged and is none.
    fn authorize(&mut self, params: &[u8]) -> i64 {
        let number = |key| value(params, key).map(wire::atoi);
        let pin = value(params, "Pin").filter(|pin| !pin.is_empty()).map(ascii);
        if let (Some(pin), Some(1), Some(1)) = (pin, number("AuthorizeTimezoneId"), number("AuthorizeDoorId")) {
            self.door_rights.insert(pin);
        }
        0
    }

    fn delete_access_users(&mut self, params: &[u8]) -> i64 {
        if let Some(pin) = only_pin(params) {
            if self.table.remove(&pin).is_some() {
                self.statistics.users_removed += 1;
                self.removed_by_command.push(pin);
            }
        } else {
            self.story.tell(self.now, "a delete with another key than Pin removes everybody");
            self.statistics.wipes_by_command += 1;
            self.table.clear();
        }
        0
    }

    fn unauthorize(&mut self, params: &[u8]) -> i64 {
        if let Some(pin) = only_pin(params) {
            self.door_rights.remove(&pin);
        } else {
            self.story.tell(self.now, "a delete with another key than Pin takes everybody's rights");
            self.statistics.wipes_by_command += 1;
            self.door_rights.clear();
        }
        0
    }

    /// `tablename=user,fielddesc=*,filter=*`: `Return` is the number of rows (SF-repo).
    fn query_access_table(&mut self, access: &Access, id: &str, query: &[u8]) -> i64 {
        let query = ascii(query);
        let Some(filter) = query.strip_prefix("tablename=user,fielddesc=*,filter=") else { return WRONG_TABLE };
        let only = match filter.split_once('=') {
            None if filter == "*" => None,
            Some(("Pin", pin)) => Some(pin.to_owned()),
            _ => return BAD_FORMAT,
        };
        let rows: Vec<Vec<u8>> = (1_usize..)
            .zip(self.table.values())
            .filter(|(_, user)| only.as_ref().is_none_or(|pin| *pin == user.pin))
            .map(|(uid, user)| access_line(uid, user))
            .collect();
        let all = rows.len();
        let mut packets: Vec<&[Vec<u8>]> = rows.chunks(access.rows_per_packet).collect();
        let of = packets.len();
        if self.faults.strikes(FaultKind::TruncateList, self.now) {
            packets.truncate(self.faults.index(of));
            self.story.tell(self.now, format!("sends {} of {of} packets", packets.len()));
        }
        for (index, packet) in (1..).zip(packets) {
            let rest = format!("&tablename=user&count={}&packcnt={of}&packidx={index}", packet.len());
            self.answer_query(id, "type=tabledata", &rest, packet.concat(), packet.len());
        }
        i64::try_from(all).unwrap_or(i64::MAX)
    }

    fn answer_query(&mut self, id: &str, kind: &str, rest: &str, body: impl Into<Vec<u8>>, rows: usize) {
        let target = self.target("querydata", &format!("&{kind}&cmdid={id}{rest}"));
        let answer = Upload { target, body: body.into(), rows, counted: true, content: Content::Answer };
        self.outbox.answers.push_back(answer);
    }

    /// `OPTIONS a=1,b=2`: unlike an attendance unit it takes several, and a comma ends a value (SEC4.8 §12).
    fn set_access_options(&mut self, rest: &[u8]) -> Ending {
        let Some(pairs) = rest.strip_prefix(b"OPTIONS ").map(ascii) else {
            return Ending::Return(BAD_COMMAND, "SET".to_owned(), String::new());
        };
        let set = pairs.split(',').filter_map(|pair| pair.split_once('='));
        self.options.extend(set.map(|(key, value)| (key.to_owned(), value.to_owned())));
        done("SET OPTIONS")
    }

    fn get_access_options(&mut self, id: &str, rest: &[u8]) -> Ending {
        let Some(names) = rest.strip_prefix(b"OPTIONS ").map(ascii) else {
            return Ending::Return(BAD_COMMAND, "GET".to_owned(), String::new());
        };
        let names: Vec<String> = names.split(',').map(str::to_owned).collect();
        let line = self.options_line(Some(&names));
        self.answer_query(id, "type=options", "&tablename=options&count=1&packcnt=1&packidx=1", line, 1);
        done("GET OPTIONS")
    }

    /// The next upload on the unit's own account: people changed here, then events at the door.
    pub(super) fn take_access_upload(&self) -> Option<Upload> {
        if !self.outbox.lines.is_empty() {
            let lines: Vec<Vec<u8>> = self.outbox.lines.iter().take(self.outbox.rows).cloned().collect();
            let rows = lines.len();
            let target = self.target("cdata", &format!("&table=tabledata&tablename=user&count={rows}"));
            return Some(Upload { target, rows, body: lines.concat(), counted: true, content: Content::Lines });
        }
        let from = self.outbox.acknowledged;
        let to = self.outbox.punches.len().min(from + self.outbox.rows);
        let events: Vec<String> = (from + 1..).zip(&self.outbox.punches[from..to]).map(access_event).collect();
        let target = self.target("cdata", "&table=rtlog");
        let (rows, body) = (events.len(), events.concat().into_bytes());
        (rows > 0).then_some(Upload { target, body, rows, counted: false, content: Content::Punches })
    }

    /// The line of somebody who was changed here.
    pub(super) fn access_line_of(&self, pin: &str) -> Option<Vec<u8>> {
        let uid = self.table.keys().position(|held| held == pin)?;
        Some(access_line(uid + 1, self.table.get(pin)?))
    }
}

/// Whether this body acknowledges an access unit's upload: rows of a table are counted under its name, everything else is
/// answered `OK` (SEC4.8 §10).
pub(super) fn acknowledges(upload: &Upload, body: &[u8]) -> bool {
    let is_table = upload.target.contains("tablename=user") && !upload.target.contains("type=count");
    match body.strip_prefix(b"user=") {
        Some(count) if is_table => wire::atoi(count) >= i64::try_from(upload.rows).unwrap_or(i64::MAX),
        _ => !is_table && super::http::find(body, b"OK").is_some(),
    }
}

/// The value of `Pin` when that is the only field; a key that the unit does not know is no filter (SF-repo).
fn only_pin(params: &[u8]) -> Option<String> {
    let pin = params.strip_prefix(b"Pin=")?;
    (!pin.is_empty() && !pin.contains(&b'\t')).then(|| ascii(pin))
}

/// `user uid=1\tcardno=…`: keys in small letters on the way up (SEC4.8 §10.5).
fn access_line(uid: usize, user: &HeldUser) -> Vec<u8> {
    let HeldUser { pin, password, group, privilege, name_bytes, .. } = user;
    let card = user.card.map_or_else(String::new, |card| card.to_string());
    let start = format!(
        "user uid={uid}\tcardno={card}\tpin={pin}\tpassword={password}\tgroup={group}\tstarttime=0\tendtime=0\tname="
    );
    let end = format!("\tprivilege={privilege}\tdisable=0\tverify=0\n");
    [start.as_bytes(), name_bytes, end.as_bytes()].concat()
}

/// One line of `rtlog` (SEC4.8 §10.2).
fn access_event((index, punch): (usize, &Punch)) -> String {
    let Punch { pin, at, status, verify } = punch;
    format!(
        "time={}\tpin={pin}\tcardno=0\teventaddr=1\tevent=0\tinoutstatus={status}\tverifytype={verify}\tindex={index}\n",
        wire::stamp(*at)
    )
}
