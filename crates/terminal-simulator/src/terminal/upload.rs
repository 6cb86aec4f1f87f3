//! What waits to be uploaded, and in which pieces it travels.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp, civil::DateTime};
use push_protocol::reply::zk_seconds;

use super::{Terminal, table::HeldUser, wire};
use crate::profile::{Acknowledged, Columns, Stamps};

/// The batch of the legacy client stays between these (FWSRC).
const ADAPTIVE_ROWS: (usize, usize) = (30, 150);
/// The base64 characters of an uploaded template and of a photo. Real ones are ten times as long.
const TEMPLATE_LETTERS: usize = 300;
const PHOTO_LETTERS: usize = 1200;

/// A unit that pings does so after this many pieces of an answer.
const PIECES_PER_PING: usize = 4;

/// One attendance record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Punch {
    pub pin: String,
    pub at: DateTime,
    pub status: u16,
    pub verify: u16,
}

/// One POST. It stays as it is until it is acknowledged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Upload {
    /// Path and query.
    pub target: String,
    pub body: Vec<u8>,
    pub rows: usize,
    /// Its acknowledgement holds a count.
    pub counted: bool,
    pub content: Content,
}

/// What an acknowledgement sets free.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Content {
    Punches,
    Lines,
    Answer,
    Options,
    /// The chatty unit's empty OPERLOG.
    Nothing,
}

/// Everything that has not been acknowledged yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbox {
    /// The attendance log, whole; acknowledging deletes nothing (MB10).
    pub punches: Vec<Punch>,
    /// How many of them were acknowledged.
    pub acknowledged: usize,
    /// Lines of the operation log and of people changed here.
    pub lines: VecDeque<Vec<u8>>,
    /// Answers of queries.
    pub answers: VecDeque<Upload>,
    /// Options to show.
    pub options: Option<String>,
    /// The chatty unit owes its empty OPERLOG, not before this time.
    pub nothing: Option<Timestamp>,
    /// The one that is being delivered.
    pub sending: Option<Upload>,
    pub attempts: u32,
    /// Pieces of answers sent since the last ping.
    pub since_ping: usize,
    pub rows: usize,
    /// With `Realtime=0`, punches wait until then.
    pub held_until: Timestamp,
}

impl Outbox {
    pub fn undelivered(&self) -> usize {
        self.punches.len() - self.acknowledged
    }

    /// Forgets answers, as a reboot does; what is in flash stays.
    pub fn forget_answers(&mut self) {
        self.answers.clear();
        self.attempts = 0;
        self.sending = None;
    }
}

impl Terminal {
    pub(super) fn has_uploads(&self) -> bool {
        let outbox = &self.outbox;
        outbox.sending.is_some()
            || !outbox.answers.is_empty()
            || outbox.options.is_some()
            || outbox.nothing.is_some()
            || !outbox.lines.is_empty()
            || (self.settings.transfers.punches && outbox.undelivered() > 0)
    }

    pub(super) fn ping_is_due(&self) -> bool {
        let pings = self.profile.uploads.pings && self.settings.server_takes_pings;
        pings && self.outbox.since_ping >= PIECES_PER_PING && !self.outbox.answers.is_empty()
    }

    /// What is being delivered already, else the next answer to a query.
    pub(super) fn next_answer(&mut self) -> Option<&Upload> {
        if self.outbox.sending.is_none() {
            self.outbox.sending = Some(self.outbox.answers.pop_front()?);
        }
        self.outbox.sending.as_ref()
    }

    /// The next upload of any kind, or the time at which there may be one.
    pub(super) fn next_upload(&mut self, now: Timestamp) -> Result<&Upload, Option<Timestamp>> {
        if self.outbox.sending.is_none() {
            let upload = self.take_upload(now);
            self.outbox.sending = Some(upload?);
        }
        self.outbox.sending.as_ref().ok_or(None)
    }

    fn take_upload(&mut self, now: Timestamp) -> Result<Upload, Option<Timestamp>> {
        if let Some(answer) = self.outbox.answers.pop_front() {
            return Ok(answer);
        }
        if self.profile.access.is_some() {
            return self.take_access_upload().ok_or(None);
        }
        if let Some(options) = self.outbox.options.take() {
            return Ok(Upload {
                target: self.target("cdata", "&table=options"),
                body: options.into_bytes(),
                rows: 1,
                counted: false,
                content: Content::Options,
            });
        }
        if !self.outbox.lines.is_empty() {
            let lines: Vec<Vec<u8>> = self.outbox.lines.iter().take(self.outbox.rows).cloned().collect();
            let stamp = self.stamp(if self.settings.old_stamps { "OpStamp" } else { "Stamp" }, self.local(now));
            let target = self.target("cdata", &format!("&table=OPERLOG{stamp}"));
            return Ok(Upload {
                target,
                rows: lines.len(),
                body: lines.concat(),
                counted: true,
                content: Content::Lines,
            });
        }
        let held = !self.settings.realtime && now < self.outbox.held_until;
        if self.settings.transfers.punches && self.outbox.undelivered() > 0 && !held {
            let from = self.outbox.acknowledged;
            let to = self.outbox.punches.len().min(from + self.outbox.rows);
            let table = if self.profile.uploads.omits_table { "" } else { "&table=ATTLOG" };
            return Ok(self.punches_upload(from..to, table, Content::Punches));
        }
        match self.outbox.nothing {
            Some(due) if due <= now => {
                let stamp = self.stamp("Stamp", self.local(now));
                let target = self.target("cdata", &format!("&table=OPERLOG{stamp}"));
                Ok(Upload { target, body: Vec::new(), rows: 0, counted: true, content: Content::Nothing })
            }
            due if held => Err(Some(due.map_or(self.outbox.held_until, |due| due.min(self.outbox.held_until)))),
            due => Err(due),
        }
    }

    fn punches_upload(&self, range: std::ops::Range<usize>, table: &str, content: Content) -> Upload {
        let punches = &self.outbox.punches[range];
        let newest = punches.iter().map(|punch| punch.at).max().unwrap_or_default();
        let target = self.target("cdata", &format!("{table}{}", self.stamp("Stamp", newest)));
        let body = punches.iter().map(|punch| self.punch_line(punch)).collect::<String>().into_bytes();
        Upload { target, body, rows: punches.len(), counted: true, content }
    }

    fn punch_line(&self, punch: &Punch) -> String {
        let Punch { pin, at, status, verify } = punch;
        let start = format!("{pin}\t{}\t{status}\t{verify}", wire::stamp(*at));
        match self.profile.uploads.columns {
            Columns::Four => start + "\n",
            Columns::SevenTrailing => start + "\t\t0\t0\t\n",
            Columns::Ten => start + "\t0\t0\t0\t0\t0\t0\n",
            Columns::TenTrailing => start + "\t0\t0\t0\t0\t0\t0\t\n",
            Columns::Twelve => format!("{start}\t0\t0\t0\t0\t36.4\t36.4\t{:+}\t\n", self.settings.zone * 60),
        }
    }

    /// `&Stamp=…` as this family means it (FWSRC, VAMS).
    fn stamp(&self, name: &str, newest: DateTime) -> String {
        match self.profile.uploads.stamps {
            Stamps::Constant => format!("&{name}=9999"),
            Stamps::Zk => format!("&{name}={}", zk_seconds(newest)),
        }
    }

    /// Answers `DATA QUERY ATTLOG` from the log; returns the number of records.
    pub(super) fn answer_punches(&mut self, from: DateTime, to: DateTime) -> usize {
        let found: Vec<Punch> =
            self.outbox.punches.iter().filter(|punch| (from..=to).contains(&punch.at)).cloned().collect();
        for rows in found.chunks(self.profile.uploads.rows) {
            let body = rows.iter().map(|punch| self.punch_line(punch)).collect::<String>().into_bytes();
            let target = self.target("cdata", &format!("&table=ATTLOG{}", self.stamp("Stamp", from)));
            let answer = Upload { target, body, rows: rows.len(), counted: true, content: Content::Answer };
            self.outbox.answers.push_back(answer);
        }
        found.len()
    }

    /// Answers a query for people: `USER` lines, and what is enrolled of them (s0x90, VAMS).
    pub(super) fn answer_users(&mut self, users: &[HeldUser]) {
        let stamp = if self.profile.uploads.stamps == Stamps::Zk { "&Stamp=0" } else { "&Stamp=9999" };
        for users in users.chunks(self.profile.queries.users_per_post) {
            let lines: Vec<Vec<u8>> = users.iter().map(|user| user.line(&self.profile.people)).collect();
            self.answer(self.profile.queries.table, stamp, &lines);
            if !self.profile.queries.biometrics {
                continue;
            }
            let faces: Vec<&HeldUser> = users.iter().filter(|user| user.face).collect();
            let templates: Vec<Vec<u8>> = faces.iter().map(|user| self.template_line(user)).collect();
            let photos: Vec<Vec<u8>> = faces.iter().map(|user| self.photo_line(user)).collect();
            self.answer("BIODATA", stamp, &templates);
            self.answer(self.profile.queries.table, stamp, &photos);
        }
    }

    /// Answers `DATA QUERY FINGERTMP`.
    pub(super) fn answer_fingers(&mut self, users: &[HeldUser]) -> usize {
        let lines: Vec<Vec<u8>> = users
            .iter()
            .flat_map(|user| (0..user.fingers).map(move |finger| (user, finger)))
            .map(|(user, finger)| {
                let template = wire::template(self.seed + u64::from(finger), &user.pin, TEMPLATE_LETTERS);
                let pin = &user.pin;
                format!("FP PIN={pin}\tFID={finger}\tSize={TEMPLATE_LETTERS}\tValid=1\tTMP={template}\n").into_bytes()
            })
            .collect();
        let table = if self.profile.queries.table == "USERINFO" { "FINGERTMP" } else { "OPERLOG" };
        self.answer(table, "&Stamp=9999", &lines);
        lines.len()
    }

    /// Answers `DATA QUERY BIODATA`.
    pub(super) fn answer_faces(&mut self, users: &[HeldUser]) -> usize {
        let lines: Vec<Vec<u8>> = users.iter().filter(|user| user.face).map(|user| self.template_line(user)).collect();
        self.answer("BIODATA", "&Stamp=9999", &lines);
        lines.len()
    }

    fn answer(&mut self, table: &str, stamp: &str, lines: &[Vec<u8>]) {
        if lines.is_empty() {
            return;
        }
        let target = self.target("cdata", &format!("&table={table}{stamp}"));
        let (rows, body) = (lines.len(), lines.concat());
        self.outbox.answers.push_back(Upload { target, body, rows, counted: true, content: Content::Answer });
    }

    fn template_line(&self, user: &HeldUser) -> Vec<u8> {
        let template = wire::template(self.seed, &user.pin, TEMPLATE_LETTERS);
        format!(
            "BIODATA Pin={}\tNo=0\tIndex=0\tValid=1\tDuress=0\tType=9\tMajorVer=39\tMinorVer=3\tFormat=0\tTmp={template}\n",
            user.pin
        )
        .into_bytes()
    }

    fn photo_line(&self, user: &HeldUser) -> Vec<u8> {
        let (pin, photo) = (&user.pin, wire::template(self.seed ^ 9, &user.pin, PHOTO_LETTERS));
        format!("BIOPHOTO PIN={pin}\tFileName={pin}.jpg\tType=9\tSize={PHOTO_LETTERS}\tContent={photo}\n").into_bytes()
    }

    /// One line of the operation log (ATT5.8 App. 3), if those are wanted.
    pub(super) fn log_operation(&mut self, code: u32, object: &str) {
        if self.settings.transfers.operations && self.profile.access.is_none() {
            let time = wire::stamp(self.local(self.now));
            let object = if object.is_empty() { "0" } else { object };
            self.outbox.lines.push_back(format!("OPLOG {code}\t0\t{time}\t{object}\t0\t0\t0\n").into_bytes());
        }
    }

    /// The `USER` line of somebody changed here, if those are wanted.
    pub(super) fn log_user(&mut self, pin: &str) {
        let line = if self.profile.access.is_some() {
            self.access_line_of(pin)
        } else {
            self.table.get(pin).map(|user| user.line(&self.profile.people))
        };
        self.outbox.lines.extend(line.filter(|_| self.settings.transfers.users));
    }

    /// Moves upload positions to what a handshake's stamps say. A stamp never moves a position forward: a real unit whose
    /// clock was changed loses punches that way (ATT5.8 §3.4), and then nobody could tell a server's fault from a terminal's.
    pub(super) fn rewind(&mut self, punch_stamp: Option<i64>, operation_stamp: Option<i64>) {
        if self.profile.uploads.stamps == Stamps::Constant {
            return;
        }
        if let Some(stamp) = punch_stamp {
            let future = stamp > zk_seconds(self.local(self.now));
            let newer = self.outbox.punches.iter().position(|punch| future || zk_seconds(punch.at) > stamp);
            self.outbox.acknowledged = newer.unwrap_or(self.outbox.punches.len()).min(self.outbox.acknowledged);
        }
        if operation_stamp == Some(0) && self.settings.transfers.users {
            self.story.tell(self.now, "dumps all users: the operation log's stamp is 0");
            let lines: Vec<Vec<u8>> = self.table.values().map(|user| user.line(&self.profile.people)).collect();
            self.outbox.lines.extend(lines);
        }
    }

    /// Whether this body acknowledges what is being sent (ATT5.8 §9.1, MAN3.2 §2.4.1).
    pub(super) fn acknowledges(&self, body: &[u8]) -> Result<(), super::Failure> {
        let Some(upload) = &self.outbox.sending else { return Ok(()) };
        if self.profile.access.is_some() {
            let is_done = super::access::acknowledges(upload, body);
            return if is_done { Ok(()) } else { Err(super::Failure::Uncounted) };
        }
        let Some(ok) = super::http::find(body, b"OK") else { return Err(super::Failure::NotOk) };
        let wants_count = self.profile.uploads.acknowledged == Acknowledged::Counted && upload.counted;
        let count = body[ok..].strip_prefix(b"OK:").map(wire::atoi);
        match count {
            _ if !wants_count => Ok(()),
            Some(count) if count >= i64::try_from(upload.rows.max(1)).unwrap_or(i64::MAX) => Ok(()),
            _ => Err(super::Failure::Uncounted),
        }
    }

    /// The upload was acknowledged.
    pub(super) fn delivered(&mut self) {
        let Some(upload) = self.outbox.sending.take() else { return };
        self.outbox.attempts = 0;
        self.statistics.uploads_acknowledged += 1;
        match upload.content {
            Content::Punches => {
                self.outbox.acknowledged = (self.outbox.acknowledged + upload.rows).min(self.outbox.punches.len());
                self.statistics.punches_acknowledged += upload.rows as u64;
                if self.outbox.undelivered() == 0 {
                    let wait = SignedDuration::from_mins(i64::from(self.settings.interval));
                    self.outbox.held_until = self.now + wait;
                }
            }
            Content::Lines => {
                self.outbox.lines.drain(..upload.rows.min(self.outbox.lines.len()));
                if self.profile.uploads.empty_operlog && self.outbox.lines.is_empty() {
                    self.outbox.nothing = Some(self.now);
                }
            }
            Content::Nothing => self.outbox.nothing = None,
            Content::Answer | Content::Options => {}
        }
        if self.profile.uploads.adaptive {
            self.outbox.rows = (self.outbox.rows + 10).min(ADAPTIVE_ROWS.1);
        }
    }

    /// Three attempts failed. The legacy client makes smaller batches from now on, out of the same records (FWSRC).
    pub(super) fn undeliverable(&mut self) {
        self.outbox.attempts = 0;
        if self.profile.uploads.forgets_undelivered {
            return self.dropped();
        }
        if self.profile.uploads.adaptive {
            self.outbox.rows = self.outbox.rows.saturating_sub(30).max(ADAPTIVE_ROWS.0);
            self.outbox.sending.take_if(|upload| matches!(upload.content, Content::Punches | Content::Lines));
        }
    }

    /// The server answered 5xx and this unit drops what it could not deliver (`TimeBridge`).
    pub(super) fn dropped(&mut self) {
        let punches = self.statistics.punches_acknowledged;
        self.delivered();
        self.statistics.punches_acknowledged = punches;
    }
}
