//! Commands, understood the way the firmware does. This reading is the simulator's own, so that it checks what a
//! server writes instead of agreeing with it.

use jiff::civil::DateTime;

use super::{
    Terminal,
    table::{HeldUser, PinCodes, Refused, value},
    wire,
};
use crate::{
    faults::FaultKind,
    profile::{Check, List, Vocabulary},
};

/// A command word that is known and does nothing here.
const NOT_SUPPORTED: i64 = -1002;

/// A command taken from a poll's reply.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Instruction {
    pub id: String,
    pub text: Vec<u8>,
}

/// What a poll's reply held.
#[derive(PartialEq, Eq, Debug, Default)]
pub(super) struct Handed {
    pub commands: Vec<Instruction>,
    /// Terminated lines that are no commands.
    pub strangers: usize,
    /// Commands beyond what this family takes from one reply, and those with an id that it does not take.
    pub ignored: usize,
}

/// How a command ended.
pub(super) enum Ending {
    /// `Return`, and what `CMD` echoes; with lines that follow in the same record, as `INFO` has them.
    Return(i64, String, String),
    /// No result will ever be posted.
    Silent,
}

impl Handed {
    /// Terminated `C:<id>:<text>` lines; a NUL ends a line early (FWSRC).
    pub fn read(body: &[u8], at_most: usize, id_bytes: usize) -> Handed {
        let mut handed = Handed::default();
        for line in wire::lines(body) {
            let Some(rest) = line.strip_prefix(b"C:") else {
                handed.strangers += 1;
                continue;
            };
            let mut parts = rest.splitn(2, |&b| b == b':');
            let (id, text) = (parts.next().unwrap_or_default(), parts.next());
            let id_fits = !id.is_empty() && id.len() <= id_bytes && id.iter().all(u8::is_ascii_alphanumeric);
            match text {
                Some(text) if id_fits && handed.commands.len() < at_most => handed.commands.push(Instruction {
                    id: String::from_utf8_lossy(id).into_owned(),
                    text: text.split(|&b| b == 0).next().unwrap_or_default().to_vec(),
                }),
                _ => handed.ignored += 1,
            }
        }
        handed
    }
}

impl Terminal {
    /// Carries one command out.
    pub(super) fn execute(&mut self, command: &Instruction) -> Ending {
        if let Some(access) = self.profile.access.clone() {
            return self.execute_access(&access, command);
        }
        let text = command.text.as_slice();
        let (verb, rest) = split_word(text);
        match verb {
            b"DATA" => self.data(rest),
            b"INFO" => done_with("INFO", self.info_lines()),
            b"CHECK" => self.check(),
            b"LOG" => {
                self.outbox.held_until = self.now;
                done("LOG")
            }
            b"RELOAD" if rest == b"OPTIONS" => {
                self.reload_options();
                done("RELOAD OPTIONS")
            }
            b"SET" => self.set_option(rest),
            b"GET" => self.show_option(rest),
            b"CLEAR" => self.clear(rest),
            b"REBOOT" => {
                self.reboot_due = true;
                done("REBOOT")
            }
            b"VERIFY" => self.verify_sum(rest),
            b"AC_UNLOCK" | b"AC_UNALARM" => done(&ascii(verb)),
            b"ENROLL_FP" | b"ENROLL_BIO" | b"ENROLL_MF" => self.enrol(verb, rest),
            b"SHELL" | b"GetFile" | b"PutFile" | b"UPGRADE" | b"ACCOUNT" => {
                Ending::Return(NOT_SUPPORTED, ascii(verb), String::new())
            }
            _ => self.unknown_word(text),
        }
    }

    fn unknown_word(&self, text: &[u8]) -> Ending {
        let codes = &self.profile.codes;
        let words: Vec<&[u8]> = text.split(|&b| b == b' ').take(2).collect();
        let echo = codes.unknown_word_echo.map_or_else(|| ascii(&words.join(&b' ')), str::to_owned);
        Ending::Return(codes.unknown_word, echo, String::new())
    }

    fn data(&mut self, rest: &[u8]) -> Ending {
        let (action, rest) = split_word(rest);
        let vocabulary = self.profile.people.vocabulary;
        let unknown_table = self.profile.codes.unknown_table;
        let empty_field = rest.split(|&b| b == b'\t').any(|field| field.ends_with(b"="));
        if self.profile.people.chokes_on_empty_fields && empty_field {
            return Ending::Silent;
        }
        let code = match action {
            b"USER" if vocabulary != Vocabulary::UserInfo => self.update_user(rest),
            b"DEL_USER" if vocabulary != Vocabulary::UserInfo => self.delete_user(rest),
            b"USER" | b"DEL_USER" => unknown_table,
            b"UPDATE" | b"DELETE" | b"QUERY" => {
                let (table, params) = split_word(rest);
                match (action, table) {
                    (b"UPDATE" | b"DELETE", b"USERINFO") if vocabulary == Vocabulary::User => unknown_table,
                    (b"UPDATE", b"USERINFO") => self.update_user(params),
                    (b"DELETE", b"USERINFO") => self.delete_user(params),
                    (b"QUERY", b"USERINFO") => match self.query_user(params) {
                        Some(code) => code,
                        None => return Ending::Silent,
                    },
                    (b"QUERY", b"ATTLOG") if self.profile.queries.tells_punches => self.query_punches(params),
                    (b"QUERY", b"FINGERTMP") => self.query_biometrics(params, "PIN"),
                    (b"QUERY", b"BIODATA") => self.query_biometrics(params, "Pin"),
                    (b"UPDATE", b"FINGERTMP" | b"FACE" | b"FVEIN" | b"BIODATA" | b"BIOPHOTO" | b"USERPIC") => {
                        self.update_biometrics(table, params)
                    }
                    (b"DELETE", b"FINGERTMP" | b"FACE" | b"FVEIN" | b"BIODATA" | b"BIOPHOTO" | b"USERPIC") => {
                        self.delete_biometrics(table, params)
                    }
                    (b"UPDATE" | b"DELETE", b"SMS" | b"USER_SMS" | b"WORKCODE" | b"AccGroup" | b"AccTimeZone") => 0,
                    _ => unknown_table,
                }
            }
            _ => self.profile.codes.unknown_word,
        };
        Ending::Return(code, "DATA".to_owned(), String::new())
    }

    fn update_user(&mut self, params: &[u8]) -> i64 {
        let codes = PinCodes { missing: self.profile.codes.pin_missing, invalid: self.profile.codes.pin_invalid };
        if params.iter().any(|&b| (b < 0x20 && b != b'\t') || b == 0x7F) {
            self.statistics.control_characters += 1;
        }
        match self.table.prepare(params, &self.profile.people, codes, self.charset()) {
            Ok(user) => self.keep_user(user),
            Err(Refused(code)) => code,
        }
    }

    /// Without a PIN everybody goes (MAN3.2 §7.6). Removing somebody who is not there is a success (FWSRC).
    fn delete_user(&mut self, params: &[u8]) -> i64 {
        if let Some(pin) = value(params, "PIN").filter(|pin| !pin.is_empty()) {
            let removed = self.table.remove(ascii(pin).as_str()).is_some();
            self.statistics.users_removed += u64::from(removed);
            if removed {
                self.removed_by_command.push(ascii(pin));
            }
        } else {
            self.story.tell(self.now, "a delete without PIN removes everybody");
            self.statistics.wipes_by_command += 1;
            self.table.clear();
        }
        self.info_due = true;
        0
    }

    /// `None` = no result at all.
    fn query_user(&mut self, params: &[u8]) -> Option<i64> {
        let count = self.profile.queries.returns_count;
        let Some(pin) = value(params, "PIN") else { return self.query_all_users() };
        if !self.profile.queries.answers_people {
            return Some(0);
        }
        // Nothing may follow the PIN: the rest of the line is its value (FWSRC).
        let pin = params.strip_prefix(b"PIN=").unwrap_or(pin);
        let Some(user) = self.table.get(ascii(pin).as_str()).cloned() else { return Some(self.profile.codes.absent) };
        self.answer_users(&[user]);
        Some(i64::from(count))
    }

    fn query_all_users(&mut self) -> Option<i64> {
        let mut users: Vec<HeldUser> = match self.profile.queries.list {
            List::Silent => return None,
            List::AcknowledgedOnly => return Some(0),
            List::Fails(code) => return Some(code),
            List::Works => self.table.values().cloned().collect(),
            List::Truncated(most) => self.table.values().take(most).cloned().collect(),
        };
        if self.faults.strikes(FaultKind::TruncateList, self.now) {
            users.truncate(self.faults.index(users.len()));
            self.story.tell(self.now, format!("its list stops after {}", users.len()));
        }
        self.answer_users(&users);
        Some(self.returned(users.len()))
    }

    /// The code of a query that found `records`.
    fn returned(&self, records: usize) -> i64 {
        if self.profile.queries.returns_count { i64::try_from(records).unwrap_or(i64::MAX) } else { 0 }
    }

    fn query_punches(&mut self, params: &[u8]) -> i64 {
        let Some((from, to)) = period(params) else { return -1 };
        match self.answer_punches(from, to) {
            0 => self.profile.codes.no_punches,
            found => self.returned(found),
        }
    }

    fn query_biometrics(&mut self, params: &[u8], key: &str) -> i64 {
        let users: Vec<HeldUser> = match value(params, key) {
            Some(pin) => self.table.get(ascii(pin).as_str()).cloned().into_iter().collect(),
            None => self.table.values().cloned().collect(),
        };
        let found = if key == "PIN" { self.answer_fingers(&users) } else { self.answer_faces(&users) };
        self.returned(found)
    }

    fn update_biometrics(&mut self, table: &[u8], params: &[u8]) -> i64 {
        let pin = value(params, "PIN").or_else(|| value(params, "Pin")).unwrap_or_default();
        let Some(user) = self.table.get_mut(ascii(pin).as_str()) else { return self.profile.codes.user_missing };
        match table {
            b"FINGERTMP" => user.fingers = (user.fingers + 1).min(10),
            b"USERPIC" | b"FVEIN" => {}
            _ => user.face = true,
        }
        self.info_due = true;
        0
    }

    /// Without a PIN everybody's go (MAN3.2 §7.7).
    fn delete_biometrics(&mut self, table: &[u8], params: &[u8]) -> i64 {
        let pin = value(params, "PIN").or_else(|| value(params, "Pin")).map(ascii);
        for user in self.table.values_mut().filter(|user| pin.as_ref().is_none_or(|pin| *pin == user.pin)) {
            match table {
                b"FINGERTMP" => user.fingers = 0,
                b"USERPIC" | b"FVEIN" => {}
                _ => user.face = false,
            }
        }
        self.info_due = true;
        0
    }

    fn check(&mut self) -> Ending {
        match self.profile.queries.check {
            Check::Ignored => return Ending::Silent,
            Check::Handshake => self.link.session = false,
            Check::Options => self.outbox.options = Some(self.options_line(None)),
        }
        done("CHECK")
    }

    /// `SET OPTION <Key>=<Value>`: one option; the rest of the line is its value, TABs and all (SF-repo). Keys with `~`
    /// are read-only.
    fn set_option(&mut self, rest: &[u8]) -> Ending {
        let pair = rest.strip_prefix(b"OPTION ").map(ascii);
        let code = match pair.as_deref().and_then(|pair| pair.split_once('=')) {
            Some((key, _)) if key.starts_with('~') => -1,
            Some((key, value)) => {
                self.options.insert(key.to_owned(), value.to_owned());
                0
            }
            None => -1,
        };
        Ending::Return(code, "SET OPTION".to_owned(), String::new())
    }

    /// Options that were set take effect.
    fn reload_options(&mut self) {
        let set = |key: &str| self.options.get(key).map(String::as_bytes);
        self.settings.delay = set("Delay").and_then(wire::span).unwrap_or(self.settings.delay);
        self.settings.error_delay = set("ErrorDelay").and_then(wire::span).unwrap_or(self.settings.error_delay);
        self.settings.zone = set("TimeZone").map_or(self.settings.zone, super::settings::zone);
    }

    fn show_option(&mut self, rest: &[u8]) -> Ending {
        let Some(key) = rest.strip_prefix(b"OPTION FROM ") else { return self.unknown_word(b"GET") };
        let line = self.options_line(Some(&[ascii(key)]));
        if line.is_empty() {
            return Ending::Return(-1, "GET OPTION".to_owned(), String::new());
        }
        self.outbox.options = Some(line);
        done("GET OPTION")
    }

    fn clear(&mut self, what: &[u8]) -> Ending {
        match what {
            b"LOG" => self.clear_punches(),
            b"PHOTO" => {}
            b"BIODATA" => self.table.values_mut().for_each(|user| (user.face, user.fingers) = (false, 0)),
            b"DATA" => {
                self.statistics.wipes_by_command += 1;
                self.table.clear();
                self.clear_punches();
            }
            b"ALL USERINFO" => {
                self.statistics.wipes_by_command += 1;
                self.table.clear();
                return done("CLEAR ALL USERINFO");
            }
            _ => return self.unknown_word(b"CLEAR"),
        }
        self.info_due = true;
        done(&format!("CLEAR_{}", ascii(what)))
    }

    fn clear_punches(&mut self) {
        self.outbox.punches.clear();
        self.outbox.acknowledged = 0;
        self.outbox.sending.take_if(|upload| upload.content == super::upload::Content::Punches);
    }

    /// `VERIFY SUM ATTLOG`: the number of punches of a period (FWSRC).
    fn verify_sum(&mut self, rest: &[u8]) -> Ending {
        let params = rest.strip_prefix(b"SUM ATTLOG ").unwrap_or_default();
        let Some((from, to)) = period(params) else { return self.unknown_word(b"VERIFY") };
        let count = self.outbox.punches.iter().filter(|punch| (from..=to).contains(&punch.at)).count();
        let (start, end) = (ascii(value(params, "StartTime").unwrap_or_default()), wire::stamp(to));
        let echo = format!("VERIFY SUM ATTLOG&StartTime={start}&EndTime={end}&AttlogCount={count}");
        Ending::Return(1, echo, String::new())
    }

    /// Somebody stands there and does as asked, at once.
    fn enrol(&mut self, verb: &[u8], params: &[u8]) -> Ending {
        let pin = value(params, "PIN").map(ascii).unwrap_or_default();
        let code = match self.table.get_mut(pin.as_str()) {
            Some(user) if verb == b"ENROLL_FP" => {
                user.fingers = (user.fingers + 1).min(10);
                0
            }
            Some(user) => {
                user.face = true;
                0
            }
            None => -2,
        };
        Ending::Return(code, ascii(verb), String::new())
    }
}

pub(super) fn done(echo: &str) -> Ending {
    done_with(echo, String::new())
}

fn done_with(echo: &str, lines: String) -> Ending {
    Ending::Return(0, echo.to_owned(), lines)
}

/// The first word and what stands behind its blank. A TAB is part of a word.
pub(super) fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    match text.iter().position(|&b| b == b' ') {
        Some(blank) => (&text[..blank], &text[blank + 1..]),
        None => (text, b""),
    }
}

/// `StartTime` and `EndTime`, with a blank or a `T` within (ATT5.8 §10.3, MAN3.2).
fn period(params: &[u8]) -> Option<(DateTime, DateTime)> {
    let time = |key: &str| std::str::from_utf8(value(params, key)?).ok()?.parse().ok();
    Some((time("StartTime")?, time("EndTime")?))
}

pub(super) fn ascii(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
