//! What one family of terminals does differently from the next, as switches.
//!
//! A [`Profile`] is plain data: take the constructor that is nearest and change the fields that a test is about. The
//! families are those of §11.2; [`Profile::push1`] and the fields' documentation say where each peculiarity is recorded.

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
    /// Position 1 of `INFO` (§5.1) and `FWVersion`. May hold blanks.
    pub firmware: String,
    /// `~DeviceName` (§4.7).
    pub model: &'static str,
    /// What the handshake says beside serial number and `options=all`; `None` is push 1.x (§0.1).
    pub announces: Option<Announces>,
    /// `language` (§2.1). 83 keeps names in GB18030 (§1.5).
    pub language: u32,
    pub http: Http,
    pub polling: Polling,
    pub uploads: Uploads,
    pub people: People,
    pub queries: Queries,
    pub codes: Codes,
    pub clock: Clock,
}

/// The handshake's announcement (§2.1).
#[derive(Clone, PartialEq, Debug)]
pub struct Announces {
    pub push_version: &'static str,
    pub device_type: Option<&'static str>,
    /// Further pairs, appended as they are, without a leading `&`.
    pub more: &'static str,
}

/// How requests are written and replies are read (§1.1, §1.2).
#[derive(Clone, PartialEq, Debug)]
pub struct Http {
    /// `HTTP/1.0` or `HTTP/1.1`.
    pub version: &'static str,
    /// The `Host` header: server and port as configured at the terminal.
    pub host: String,
    /// Appended to every path: empty or `.aspx` (§10.1).
    pub suffix: &'static str,
    /// `close` or `starting` (§10.6).
    pub connection: &'static str,
    pub accept: &'static str,
    /// On POST only; the legacy client never sends one (§10.2).
    pub content_type: Option<&'static str>,
    /// Header lines between `Connection` and the end, each with its CR LF.
    pub more_headers: &'static str,
    /// `Content-Length` stands before `Accept` (legacy client) or behind it.
    pub length_first: bool,
    pub reader: Reader,
    /// Time that a reply may take; four times as much for a body above 10 KB (§1.3).
    pub timeout: SignedDuration,
    /// Blanks in `INFO` go out as they are instead of as `%20` (§10.4).
    pub raw_blanks: bool,
}

/// How a reply is taken apart (§1.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reader {
    /// The early 2.x client: case-sensitive search in a header buffer of 2 KB, gate on `text/plain`, body to the end of
    /// the stream unless `Content-Length` stands there in exactly that spelling (§11.2 item 10).
    Legacy,
    /// Header names in any case, `Content-Length` or chunks or end of stream. No redirects and no compression either.
    Tolerant,
}

/// How commands are fetched (§5).
#[derive(Clone, PartialEq, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each one is a switch of its own, as the units have them")]
pub struct Polling {
    /// Seconds, until a handshake says otherwise.
    pub delay: u32,
    /// Seconds, until a handshake says otherwise.
    pub error_delay: u32,
    /// Commands taken from one reply; what stands behind them is lost (§10.16).
    pub commands_per_reply: usize,
    /// Bytes of a command id; a command with a longer one, or one that holds other characters than letters and digits,
    /// is ignored without a report (§5.2, §10.18).
    pub id_bytes: usize,
    /// A terminated line that is no command delays the next poll by `ErrorDelay` (§5.2).
    pub strangers_delay: bool,
    /// Values of `INFO`: 4, 10 or 13 (§5.1).
    pub info_values: usize,
    /// `INFO` comes along after local changes too, not only after a command.
    pub info_after_local_changes: bool,
    /// An upload or a result that three attempts could not deliver ends the session: handshake again (§2.1).
    pub handshake_after_loss: bool,
    /// A handshake answered with a bare `OK` will do (§2.2).
    pub takes_bare_handshake: bool,
    /// How long a reboot takes.
    pub boot: SignedDuration,
}

/// How records travel (§4).
#[derive(Clone, PartialEq, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each one is a switch of its own, as the units have them")]
pub struct Uploads {
    pub columns: Columns,
    /// Column 3 of a punch: 0, or 255 for "no state chosen" (§10.33).
    pub status: u16,
    /// Column 4 of a punch (App. A.2).
    pub verify: u16,
    /// Punches and lines per POST.
    pub rows: usize,
    /// The batch grows by 10 after a success and shrinks by 30 after a failure, between 30 and 150 (§1.3).
    pub adaptive: bool,
    pub stamps: Stamps,
    /// Punches are posted without `table` (push 1.x, §4.8).
    pub omits_table: bool,
    pub acknowledged: Acknowledged,
    /// Posts an empty OPERLOG every 200 ms until it is answered with a count of at least 1 (§10.12).
    pub empty_operlog: bool,
    /// Every boot uploads the whole history again (§10.14).
    pub replays_history: bool,
    /// Posts its options when a handshake asks for them (§4.7).
    pub posts_options: bool,
    /// Answered with a 5xx it drops what it tried to deliver (§10.13).
    pub drops_on_server_error: bool,
}

/// The columns of an attendance record (§4.2).
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

/// Whether stamps mean anything (§2.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stamps {
    /// Always 9999; what the server sends is ignored.
    Constant,
    /// ZK seconds of the newest record. A stamp of the server moves the upload position back, never forward; 0 in the
    /// operation log's stamp dumps all users.
    Zk,
}

/// When an upload counts as delivered (§4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Acknowledged {
    /// The letters `OK` anywhere in the body.
    AnyOk,
    /// `OK: n` or `OK:n` with n at least the number of rows sent, and at least 1.
    Counted,
}

/// How people are stored (§7.2, §7.3).
#[derive(Clone, PartialEq, Debug)]
pub struct People {
    pub update: Update,
    /// Users that fit; one more is answered −1001.
    pub capacity: usize,
    pub pin_bytes: usize,
    /// `StringPinFunOn`: letters are taken in a PIN.
    pub pin_letters: bool,
    /// Bytes of a name; what is longer is cut there, maybe within a character (§1.5).
    pub name_bytes: usize,
    pub card_reading: CardReading,
    pub card_writing: CardWriting,
    pub same_card: SameCard,
    pub vocabulary: Vocabulary,
    /// A command with an empty field is ignored without a report (§10.45).
    pub chokes_on_empty_fields: bool,
    pub user_line: UserLine,
}

/// What `DATA UPDATE USERINFO` does to fields that it does not name (§7.2).
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

/// Which command words for people are known (§7.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Vocabulary {
    /// `DATA UPDATE USERINFO`, `DATA DELETE USERINFO`
    UserInfo,
    /// `DATA USER`, `DATA DEL_USER`
    User,
    Both,
}

/// The fields of an uploaded `USER` line (§4.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UserLine {
    /// Up to `TZ`.
    Short,
    /// … `Verify`, `ViceCard`, `StartDatetime`, `EndDatetime`.
    Dates,
    /// … with `Expires` before the dates.
    Expires,
}

/// How questions are answered (§8.2).
#[derive(Clone, PartialEq, Debug)]
pub struct Queries {
    pub list: List,
    /// `table` of the upload that answers: `USERINFO` or `OPERLOG` (§4.4).
    pub table: &'static str,
    /// `USER` lines per POST of a list.
    pub users_per_post: usize,
    /// The result of a query is the number of records (legacy client) instead of 0.
    pub returns_count: bool,
    /// Users with a face bring `BIODATA` and `BIOPHOTO` lines along (§7.6).
    pub biometrics: bool,
    /// Answers leave before the result of the command that asked (§1.3); otherwise behind it.
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
    /// Collected, and nothing is ever heard of it (§10.27, §10.54).
    Silent,
}

/// `CHECK` (§7.7).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Check {
    /// `Return=0`, then a handshake.
    Handshake,
    /// `Return=0`, then an upload of options.
    Options,
    /// Nothing at all (§10.27).
    Ignored,
}

/// Codes that differ between families (§6.3).
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

/// The terminal's clock (§1.4).
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
        &["legacy-fw", "push1", "zam180", "senseface-a2", "mars", "chatty", "mb10"];

    pub fn by_name(name: &str) -> Option<Profile> {
        match name {
            "legacy-fw" => Some(Profile::legacy_fw()),
            "push1" => Some(Profile::push1()),
            "zam180" => Some(Profile::zam180()),
            "senseface-a2" => Some(Profile::senseface_a2()),
            "mars" => Some(Profile::mars()),
            "chatty" => Some(Profile::chatty()),
            "mb10" => Some(Profile::mb10()),
            _ => None,
        }
    }

    /// Visible-light units that speak attendance push 2.x by the book (s0x90, VAMS).
    pub fn zam180() -> Profile {
        Profile {
            name: "zam180",
            firmware: "ZAM180-NF50VA-Ver3.4.99".to_owned(),
            model: "SpeedTest-V5",
            announces: Some(Announces { push_version: "2.2.14", device_type: Some("att"), more: "PushOptionsFlag=1" }),
            language: 69,
            http: Http {
                version: "HTTP/1.1",
                host: "push.example.net:8081".to_owned(),
                suffix: "",
                connection: "close",
                accept: "*/*",
                content_type: Some("application/push;charset=UTF-8"),
                more_headers: "",
                length_first: false,
                reader: Reader::Tolerant,
                timeout: SignedDuration::from_secs(60),
                raw_blanks: false,
            },
            polling: Polling {
                delay: 10,
                error_delay: 30,
                commands_per_reply: 200,
                id_bytes: 16,
                strangers_delay: false,
                info_values: 13,
                info_after_local_changes: true,
                handshake_after_loss: true,
                takes_bare_handshake: true,
                boot: SignedDuration::from_secs(40),
            },
            uploads: Uploads {
                columns: Columns::Ten,
                status: 0,
                verify: 15,
                rows: 100,
                adaptive: false,
                stamps: Stamps::Constant,
                omits_table: false,
                acknowledged: Acknowledged::AnyOk,
                empty_operlog: false,
                replays_history: false,
                posts_options: true,
                drops_on_server_error: false,
            },
            people: People {
                update: Update::Merge,
                capacity: 6000,
                pin_bytes: 14,
                pin_letters: false,
                name_bytes: 24,
                card_reading: CardReading::Any,
                card_writing: CardWriting::FourBytes,
                same_card: SameCard::FirstKeeps,
                vocabulary: Vocabulary::UserInfo,
                chokes_on_empty_fields: false,
                user_line: UserLine::Dates,
            },
            queries: Queries {
                list: List::Works,
                table: "OPERLOG",
                users_per_post: 50,
                returns_count: false,
                biometrics: true,
                answers_first: true,
                check: Check::Handshake,
            },
            codes: Codes {
                unknown_word: -1002,
                unknown_word_echo: None,
                unknown_table: -1004,
                pin_missing: -1,
                pin_invalid: -1,
                user_missing: -10,
                absent: 0,
                no_punches: -1,
            },
            clock: Clock { from_date: true, factory_zone: 0 },
        }
    }

    /// The early 2.x client whose source was read (FWSRC).
    pub fn legacy_fw() -> Profile {
        let base = Profile::zam180();
        Profile {
            name: "legacy-fw",
            firmware: "Ver 6.60 May 14 2018".to_owned(),
            model: "iTest 100",
            announces: Some(Announces { push_version: "2.0.1", device_type: None, more: "" }),
            http: Http {
                version: "HTTP/1.0",
                content_type: None,
                length_first: true,
                reader: Reader::Legacy,
                raw_blanks: true,
                ..base.http
            },
            polling: Polling {
                id_bytes: 20,
                strangers_delay: true,
                info_values: 10,
                info_after_local_changes: false,
                takes_bare_handshake: false,
                ..base.polling
            },
            uploads: Uploads {
                columns: Columns::Four,
                verify: 1,
                adaptive: true,
                stamps: Stamps::Zk,
                posts_options: false,
                ..base.uploads
            },
            people: People {
                update: Update::Replace,
                capacity: 3000,
                pin_bytes: 24,
                card_reading: CardReading::FiveBytesOnly,
                card_writing: CardWriting::FiveBytes,
                vocabulary: Vocabulary::Both,
                user_line: UserLine::Short,
                ..base.people
            },
            queries: Queries {
                list: List::AcknowledgedOnly,
                table: "USERINFO",
                returns_count: true,
                biometrics: false,
                ..base.queries
            },
            codes: Codes {
                unknown_word: -22,
                unknown_word_echo: Some("UNKNOWN CMD"),
                pin_missing: -2,
                pin_invalid: -2,
                user_missing: -1,
                no_punches: 0,
                ..base.codes
            },
            ..base
        }
    }

    /// Push 1.x: the legacy client without `pushver`, with the old words for people and punches without `table`
    /// (ADMS2010, ADMS-TEST).
    pub fn push1() -> Profile {
        let base = Profile::legacy_fw();
        Profile {
            name: "push1",
            firmware: "Ver 6.21 Nov 19 2012".to_owned(),
            model: "iTest 10",
            announces: None,
            http: Http { raw_blanks: false, ..base.http },
            polling: Polling { info_values: 4, ..base.polling },
            uploads: Uploads { omits_table: true, ..base.uploads },
            people: People { pin_bytes: 9, vocabulary: Vocabulary::User, ..base.people },
            ..base
        }
    }

    /// A newer attendance unit (SF-repo, SenseFace 3A): decimal cards, ten columns with a trailing TAB, the HTTP headers
    /// of the newer documents.
    pub fn senseface_a2() -> Profile {
        let base = Profile::zam180();
        Profile {
            name: "senseface-a2",
            firmware: "ZAM70-NF28VA-3.3.99".to_owned(),
            model: "SenseTest 3A",
            announces: Some(Announces {
                push_version: "2.4.1",
                device_type: Some("att"),
                more: "pushcommkey=5f0c1d7b9a3e48d2860b4c6e2f9d1a37&PushOptionsFlag=1",
            }),
            http: Http {
                connection: "starting",
                accept: "application/push",
                more_headers: "Accept-Charset: UTF-8\r\nAccept-Language: zh-CN\r\n",
                timeout: SignedDuration::from_secs(10),
                ..base.http
            },
            polling: Polling { handshake_after_loss: false, takes_bare_handshake: false, ..base.polling },
            uploads: Uploads { columns: Columns::TenTrailing, status: 255, ..base.uploads },
            people: People {
                pin_letters: true,
                pin_bytes: 24,
                card_writing: CardWriting::Decimal,
                same_card: SameCard::Refused(-1),
                user_line: UserLine::Expires,
                ..base.people
            },
            queries: Queries { answers_first: false, ..base.queries },
            codes: Codes { absent: -1, no_punches: 0, ..base.codes },
            ..base
        }
    }

    /// One command per poll, deaf to bare lists and `CHECK`, wants every row counted (TimeBridge, AIFace MARS).
    pub fn mars() -> Profile {
        let base = Profile::zam180();
        Profile {
            name: "mars",
            firmware: "MARS-NF20VA-Ver1.2.7".to_owned(),
            model: "FaceTest Mars",
            http: Http { content_type: Some("text/plain"), ..base.http },
            polling: Polling { commands_per_reply: 1, ..base.polling },
            uploads: Uploads {
                columns: Columns::SevenTrailing,
                status: 255,
                rows: 128,
                acknowledged: Acknowledged::Counted,
                ..base.uploads
            },
            people: People { card_writing: CardWriting::Decimal, ..base.people },
            queries: Queries { list: List::Silent, check: Check::Ignored, biometrics: false, ..base.queries },
            ..base
        }
    }

    /// Posts an empty OPERLOG five times a second until it is counted (TimeBridge, "Fabrixcel Gate").
    pub fn chatty() -> Profile {
        let base = Profile::zam180();
        Profile {
            name: "chatty",
            firmware: "GATE-T8-Ver2.0.15".to_owned(),
            model: "GateTest 8",
            http: Http { content_type: Some("application/x-www-form-urlencoded"), ..base.http },
            uploads: Uploads {
                columns: Columns::Twelve,
                acknowledged: Acknowledged::Counted,
                empty_operlog: true,
                ..base.uploads
            },
            people: People { update: Update::Replace, ..base.people },
            queries: Queries { check: Check::Options, answers_first: false, ..base.queries },
            ..base
        }
    }

    /// Replays its whole history at every boot, 128 rows at a time, whatever the stamps say (MB10).
    pub fn mb10() -> Profile {
        let base = Profile::zam180();
        Profile {
            name: "mb10",
            firmware: "ZLM60-NF10-Ver8.4.2".to_owned(),
            model: "MBTest 10",
            announces: Some(Announces { push_version: "2.4.0", device_type: None, more: "" }),
            http: Http { content_type: None, ..base.http },
            uploads: Uploads { rows: 128, status: 255, verify: 1, replays_history: true, ..base.uploads },
            people: People { same_card: SameCard::Shared, card_writing: CardWriting::Decimal, ..base.people },
            ..base
        }
    }
}
