//! What one family of terminals does differently from the next, as switches.
//!
//! A [`Profile`] is plain data: take the constructor that is nearest and change the fields that a test is about. The
//! families are named after the source that observed them; the fields say where each peculiarity is recorded.

mod families;

use jiff::SignedDuration;

/// A family of terminals.
///
/// ```
/// use terminal_simulator::{CardWriting, Profile};
///
/// let mut profile = Profile::zam180();
/// profile.http.suffix = ".aspx";
/// profile.people.card_writing = CardWriting::Decimal;
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Profile {
    /// The name by which [`Profile::by_name`] finds it.
    pub name: &'static str,
    /// Position 1 of `INFO` (ATT5.8 §7) and `FWVersion`. May hold blanks.
    pub firmware: String,
    /// `~DeviceName` (ATT5.8 §6).
    pub model: &'static str,
    /// What the handshake says beside serial number and `options=all`; `None` is push 1.x (ADMS2010).
    pub announces: Option<Announces>,
    /// `language` (ATT5.8 §3). 83 keeps names in GB18030 (ATT5.8 §9.4).
    pub language: u32,
    pub http: Http,
    pub polling: Polling,
    pub uploads: Uploads,
    pub people: People,
    pub queries: Queries,
    pub results: ResultForm,
    /// Results that were accepted are posted once more (FWSRC).
    pub posts_results_twice: bool,
    pub codes: Codes,
    pub clock: Clock,
    /// An access unit: it speaks the security dialect, whatever else stands here about words.
    pub access: Option<Access>,
}

/// What only access units do (SEC4.8, SF-repo).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Access {
    /// Rows of a table in one packet of an answer; at least 1.
    pub rows_per_packet: usize,
    /// People need a right to the door, and the unit has a table for it.
    pub has_door_rights: bool,
    /// Updates are passed on: −5000 first, and what became of them in a second result (SEC4.8 §10.4).
    pub answers_twice: bool,
}

/// The handshake's announcement (ATT5.8 §3).
#[derive(Clone, PartialEq, Debug)]
pub struct Announces {
    pub push_version: &'static str,
    pub device_type: Option<&'static str>,
    /// Further pairs, appended as they are, without a leading `&`.
    pub more: &'static str,
}

/// How requests are written and replies are read.
#[derive(Clone, PartialEq, Debug)]
pub struct Http {
    /// `HTTP/1.0` or `HTTP/1.1`.
    pub version: &'static str,
    /// The `Host` header: server and port as configured at the terminal.
    pub host: String,
    /// Appended to every path: empty or `.aspx` (VAMS).
    pub suffix: &'static str,
    /// `close` or `starting` (ATT5.8 §3.5, SEC4.8 §7).
    pub connection: &'static str,
    pub accept: &'static str,
    /// On POST only; the legacy client never sends one (FWSRC, `NoCT`).
    pub content_type: Option<&'static str>,
    /// Header lines between `Connection` and the end, each with its CR LF.
    pub more_headers: &'static str,
    /// `Content-Length` stands before `Accept` (legacy client) or behind it.
    pub length_first: bool,
    pub reader: Reader,
    /// Time that a reply may take; four times as much for a body above 10 KB (FWSRC).
    pub timeout: SignedDuration,
    /// Blanks in `INFO` go out as they are instead of as `%20` (FWSRC).
    pub raw_blanks: bool,
}

/// How a reply is taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reader {
    /// The early 2.x client: case-sensitive search in a header buffer of 2 KB, gate on `text/plain`, body to the end of
    /// the stream unless `Content-Length` stands there in exactly that spelling (FWSRC).
    Legacy,
    /// Header names in any case, `Content-Length` or chunks or end of stream. No redirects and no compression either.
    Tolerant,
}

/// How commands are fetched.
#[derive(Clone, PartialEq, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each one is a switch of its own, as the units have them")]
pub struct Polling {
    /// Seconds, until a handshake says otherwise.
    pub delay: u32,
    /// Seconds, until a handshake says otherwise.
    pub error_delay: u32,
    /// Commands taken from one reply; what stands behind them is lost (`TimeBridge`).
    pub commands_per_reply: usize,
    /// Bytes of a command id; a command with a longer one, or one that holds other characters than letters and digits,
    /// is ignored without a report (ATT5.8 §10.0, `SmartOps`).
    pub id_bytes: usize,
    /// A terminated line that is no command delays the next poll by `ErrorDelay` (FWSRC).
    pub strangers_delay: bool,
    /// Values of `INFO`: 4, 10 or 13 (ADMS2010, FWSRC, VAMS).
    pub info_values: usize,
    /// `INFO` comes along after local changes too, not only after a command.
    pub info_after_local_changes: bool,
    /// Three exchanges in a row without a whole reply end the session: handshake again.
    pub handshake_after_loss: bool,
    /// A handshake answered with a bare `OK` will do (VAMS).
    pub takes_bare_handshake: bool,
    /// How long a reboot takes.
    pub boot: SignedDuration,
}

/// How records travel.
#[derive(Clone, PartialEq, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each one is a switch of its own, as the units have them")]
pub struct Uploads {
    pub columns: Columns,
    /// Column 3 of a punch: 0, or 255 for "no state chosen" (VAMS, SF-repo).
    pub status: u16,
    /// Column 4 of a punch (ATT5.8 App. 7).
    pub verify: u16,
    /// Punches and lines per POST.
    pub rows: usize,
    /// The batch grows by 10 after a success and shrinks by 30 after a failure, between 30 and 150 (FWSRC).
    pub adaptive: bool,
    pub stamps: Stamps,
    /// Punches are posted without `table` (push 1.x, ADMS-TEST).
    pub omits_table: bool,
    pub acknowledged: Acknowledged,
    /// Posts an empty OPERLOG every 200 ms until it is answered with a count of at least 1 (`TimeBridge`).
    pub empty_operlog: bool,
    /// Every boot uploads the whole history again (MB10).
    pub replays_history: bool,
    /// Posts its options when a handshake asks for them (ATT5.8 §6).
    pub posts_options: bool,
    /// Pings between the pieces of a long answer, if the server takes pings (ATT5.8 §8).
    pub pings: bool,
    /// Answered with a 5xx it drops what it tried to deliver (`TimeBridge`).
    pub drops_on_server_error: bool,
    /// What it could not deliver it does not send again by itself, only when it is asked for its log (SF-repo 3A).
    pub forgets_undelivered: bool,
}

/// The columns of an attendance record (ATT5.8 §9.1, MAN3.2 §2.4.1, FWSRC).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Columns {
    /// `12\t2026-03-02 08:02:59\t0\t1`
    Four,
    /// Seven and a trailing TAB, the work code empty: `…\t0\t1\t\t0\t0\t`
    SevenTrailing,
    /// `…\t0\t15\t0\t0\t0\t0\t0\t0`
    Ten,
    /// Ten and a trailing TAB.
    TenTrailing,
    /// Twelve; column 11 is the offset from UTC in seconds (ATT5.8 §9.1).
    Twelve,
}

/// Whether stamps mean anything (FWSRC, VAMS).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stamps {
    /// Always 9999; what the server sends is ignored.
    Constant,
    /// ZK seconds of the newest record. A stamp of the server moves the upload position back, never forward; 0 in the
    /// operation log's stamp dumps all users.
    Zk,
}

/// When an upload counts as delivered (FWSRC, `TimeBridge`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Acknowledged {
    /// The letters `OK` anywhere in the body.
    AnyOk,
    /// `OK: n` or `OK:n` with n at least the number of rows sent, and at least 1.
    Counted,
}

/// How people are stored.
#[derive(Clone, PartialEq, Debug)]
pub struct People {
    pub update: Update,
    /// Users that fit; one more is answered −1001.
    pub capacity: usize,
    pub capacity_told: CapacityTold,
    pub pin_bytes: usize,
    /// `StringPinFunOn`: letters are taken in a PIN.
    pub pin_letters: bool,
    /// Bytes of a name; what is longer is cut there, maybe within a character (FWSRC).
    pub name_bytes: usize,
    pub card_reading: CardReading,
    pub card_writing: CardWriting,
    pub same_card: SameCard,
    pub vocabulary: Vocabulary,
    /// A command with an empty field is ignored without a report (`SmartOps`).
    pub chokes_on_empty_fields: bool,
    pub user_line: UserLine,
}

/// How a terminal tells how many people fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CapacityTold {
    /// `~MaxUserCount=60` (VAMS)
    Hundreds,
    /// `MaxUserCount=6000` (s0x90)
    People,
}

/// What `DATA UPDATE USERINFO` does to fields that it does not name (FWSRC, VAMS).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Update {
    /// They fall back to defaults.
    Replace,
    /// They stay.
    Merge,
}

/// The spellings of a card that are understood; any other one is card 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CardReading {
    /// Exactly twelve characters, `[15CD5B0700]`.
    FiveBytesOnly,
    /// Decimal, and brackets of four or five bytes.
    Any,
}

/// The spelling in which cards are uploaded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CardWriting {
    /// `[15CD5B0700]`, and `[0000000000]` for none.
    FiveBytes,
    /// `[15CD5B07]`, five bytes when four do not hold it, nothing for none.
    FourBytes,
    /// `123456789`, nothing for none.
    Decimal,
}

/// A card that another user holds already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SameCard {
    /// Both hold it.
    Shared,
    /// The first keeps it, the second is stored without a card, `Return=0`.
    FirstKeeps,
    /// The command is refused with this code.
    Refused(i64),
}

/// Which command words for people are known (ADMS2010, K40).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Vocabulary {
    /// `DATA UPDATE USERINFO`, `DATA DELETE USERINFO`
    UserInfo,
    /// `DATA USER`, `DATA DEL_USER`
    User,
    Both,
}

/// The fields of an uploaded `USER` line (FWSRC, s0x90, SF-repo).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UserLine {
    /// Up to `TZ`.
    Short,
    /// … `Verify`, `ViceCard`, `StartDatetime`, `EndDatetime`.
    Dates,
    /// … with `Expires` before the dates.
    Expires,
}

/// How questions are answered.
#[derive(Clone, PartialEq, Debug)]
pub struct Queries {
    /// It knows `DATA QUERY ATTLOG`.
    pub tells_punches: bool,
    pub list: List,
    /// The query for one PIN is answered; otherwise it is acknowledged and nothing comes.
    pub answers_people: bool,
    /// `table` of the upload that answers: `USERINFO` or `OPERLOG` (FWSRC, s0x90).
    pub table: &'static str,
    /// `USER` lines per POST of a list.
    pub users_per_post: usize,
    /// The result of a query is the number of records (legacy client) instead of 0.
    pub returns_count: bool,
    /// Users with a face bring `BIODATA` and `BIOPHOTO` lines along (VAMS).
    pub biometrics: bool,
    /// Answers leave before the result of the command that asked (FWSRC); otherwise behind it.
    pub answers_first: bool,
    pub check: Check,
}

/// `DATA QUERY USERINFO` without a PIN.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum List {
    /// All users are uploaded.
    Works,
    /// Only so many are uploaded; `Return` knows nothing of it.
    Truncated(usize),
    /// `Return=0`, nothing is uploaded (legacy client).
    AcknowledgedOnly,
    /// Collected, and nothing is ever heard of it (`TimeBridge`).
    Silent,
    /// Refused with this code each time, and nothing is uploaded.
    Fails(i64),
}

/// `CHECK` (MAN3.2 §2, ATT5.8 §10.5, FWSRC).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Check {
    /// `Return=0`, then a handshake.
    Handshake,
    /// `Return=0`, then an upload of options.
    Options,
    /// Nothing at all (`TimeBridge`).
    Ignored,
}

/// The shape of a result (MAN3.2, ATT5.8 §11, SEC4.8).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResultForm {
    /// `ID=418&Return=0&CMD=DATA`
    Flat,
    /// `ID=418&SN=CJX…&Return=0&CMD=DATA`
    WithSerial,
    /// `id=418&return=0&cmd=DATA`, lines ended by CR LF.
    LowerCase,
}

/// Codes that differ between families (MAN3.2, ATT5.8, s0x90, FWSRC).
#[derive(Clone, PartialEq, Debug)]
pub struct Codes {
    /// A command word that does not exist.
    pub unknown_word: i64,
    /// What `CMD` echoes for it; `None` = the word.
    pub unknown_word_echo: Option<&'static str>,
    /// A table that does not exist.
    pub unknown_table: i64,
    /// An update without a PIN.
    pub pin_missing: i64,
    /// A PIN that does not fit.
    pub pin_invalid: i64,
    /// A template for a user who is not there.
    pub user_missing: i64,
    /// A query for a user who is not there.
    pub absent: i64,
    /// A query for punches that finds none.
    pub no_punches: i64,
}

/// The terminal's clock.
#[derive(Clone, PartialEq, Debug)]
pub struct Clock {
    /// Set from the `Date` of handshakes and polls.
    pub from_date: bool,
    /// The option `TimeZone` before any server sent one, in minutes.
    pub factory_zone: i32,
}

impl Profile {
    /// All names that [`Profile::by_name`] knows.
    pub const NAMES: &'static [&'static str] =
        &["legacy-fw", "push1", "zam180", "senseface-a2", "mars", "chatty", "mb10", "access-s3", "hostile"];

    pub fn by_name(name: &str) -> Option<Profile> {
        match name {
            "legacy-fw" => Some(Profile::legacy_fw()),
            "push1" => Some(Profile::push1()),
            "zam180" => Some(Profile::zam180()),
            "senseface-a2" => Some(Profile::senseface_a2()),
            "mars" => Some(Profile::mars()),
            "chatty" => Some(Profile::chatty()),
            "mb10" => Some(Profile::mb10()),
            "access-s3" => Some(Profile::access_s3()),
            "hostile" => Some(Profile::hostile()),
            _ => None,
        }
    }
}
