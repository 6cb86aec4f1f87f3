//! The families themselves: each constructor says what was observed, the fields say where.

use jiff::SignedDuration;

use super::{
    Access, Acknowledged, Announces, CapacityTold, CardReading, CardWriting, Check, Clock, Codes, Columns, Http, List,
    People, Polling, Profile, Queries, Reader, ResultForm, SameCard, Stamps, Update, Uploads, UserLine, Vocabulary,
};

impl Profile {
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
                pings: false,
                drops_on_server_error: false,
                forgets_undelivered: false,
            },
            people: People {
                update: Update::Merge,
                capacity: 6000,
                capacity_told: CapacityTold::Hundreds,
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
                tells_punches: true,
                list: List::Works,
                answers_people: true,
                table: "OPERLOG",
                users_per_post: 50,
                returns_count: false,
                biometrics: true,
                answers_first: true,
                check: Check::Handshake,
            },
            results: ResultForm::Flat,
            posts_results_twice: false,
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
            access: None,
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

    /// A newer attendance unit (SF-repo, `SenseFace` 3A): decimal cards, ten columns with a trailing TAB, the HTTP headers
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
            uploads: Uploads { columns: Columns::TenTrailing, status: 255, pings: true, ..base.uploads },
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

    /// One command per poll, deaf to bare lists and `CHECK`, wants every row counted (`TimeBridge`, AI Face Mars).
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

    /// Posts an empty OPERLOG five times a second until it is counted (`TimeBridge`, "Fabrixcel Gate").
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
            results: ResultForm::WithSerial,
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

    /// An access unit that speaks the security dialect (SEC4.8; SF-repo, `SenseFace` 2A): it registers, tells no count with
    /// its polls, and sends its table in packets.
    pub fn access_s3() -> Profile {
        let base = Profile::senseface_a2();
        Profile {
            name: "access-s3",
            firmware: "ZAM70-NF24HA-Ver3.0.99".to_owned(),
            model: "SenseTest 2A",
            announces: Some(Announces { push_version: "3.1.2", device_type: Some("acc"), more: "" }),
            uploads: Uploads { status: 0, posts_options: false, pings: false, ..base.uploads },
            people: People { same_card: SameCard::FirstKeeps, ..base.people },
            clock: Clock { from_date: false, ..base.clock },
            access: Some(Access { rows_per_packet: 20, has_door_rights: true, answers_twice: false }),
            ..base
        }
    }

    /// Many oddities in one unit that no single factory made: odd announcements, form content, results in lower
    /// case and twice, a list that stops early, one command per poll, a history replayed at every boot.
    pub fn hostile() -> Profile {
        let base = Profile::mars();
        Profile {
            name: "hostile",
            firmware: "Ver 8.0.4.2 (build 77)".to_owned(),
            model: "OddTest, Inc.",
            announces: Some(Announces {
                push_version: "2.3.0",
                device_type: Some("middle%20east"),
                more: "PushOptionsFlag=2&c=registry",
            }),
            http: Http {
                suffix: ".aspx",
                connection: "starting",
                content_type: Some("application/x-www-form-urlencoded"),
                raw_blanks: true,
                ..base.http
            },
            uploads: Uploads { columns: Columns::Twelve, empty_operlog: true, replays_history: true, ..base.uploads },
            people: People {
                update: Update::Replace,
                pin_bytes: 24,
                pin_letters: true,
                same_card: SameCard::Refused(-1),
                ..base.people
            },
            queries: Queries {
                list: List::Truncated(7),
                returns_count: true,
                biometrics: true,
                answers_first: false,
                ..base.queries
            },
            results: ResultForm::LowerCase,
            posts_results_twice: true,
            codes: Codes { absent: -10, ..base.codes },
            ..base
        }
    }
}
