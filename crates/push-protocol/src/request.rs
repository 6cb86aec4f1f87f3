//! What a terminal asks for: the path below `/iclock/`, the query, and the mending of request lines that no HTTP parser
//! accepts.

use crate::{dialect::Announcement, text::Pin};

mod info;
mod line;
mod packet;
mod query;

pub use info::Info;
pub use line::{Mended, is_terminal_path, mend_request_line};
pub use packet::{Packet, is_whole};
pub use query::Query;

/// One request as its URL tells it; bodies are read by [`crate::record`] and [`crate::result`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// As sent, percent-decoded; empty when absent. Whether it is a serial number is for the caller to check.
    pub serial_number: String,
    pub call: Call,
    /// All query pairs in order, percent-decoded, names as sent.
    pub query: Query,
}

/// What is asked (MAN3.2 §2, ATT5.8, SEC4.8).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Call {
    /// `GET cdata` with `options=all`, or with nothing that says otherwise.
    Handshake(Announcement),
    /// `GET cdata?type=time`
    Time,
    /// `GET cdata?table=RemoteAtt&PIN=`, in old units `GET cdata?PIN=`: a person whom the terminal does not know.
    RemoteAttendance { pin: Option<Pin> },
    /// `GET cdata?type=LastPunch&PIN=`
    LastPunch,
    /// `POST cdata`
    Upload(Upload),
    /// `POST cdata?type=PostVerifyData` and `?AuthType=`: approval services that are not offered.
    Approval,
    /// `GET getrequest`
    Poll { info: Option<Info> },
    /// `POST devicecmd`
    Results,
    /// `GET ping`
    Ping,
    /// `POST fdata`: photos of old units.
    Photo,
    /// `POST event`
    Event,
    /// `POST registry`, security dialect.
    Registry,
    /// `GET` or `POST push`, security dialect.
    PushConfiguration,
    /// `POST exchange?type=publickey|factors`: must never come while `PushProtVer` stays below 2.4.0.
    KeyExchange,
    /// `GET rtdata?type=time`, security dialect.
    SecurityTime,
    /// `POST querydata`: answers of queries, security dialect and some attendance units.
    QueryData(QueryData),
    /// A file asked for by name: `GET file?url=`, or `GET /iclock/<name>` with `=` or a `.` in the name.
    File { name: String },
    /// Anything else. The name is the path below `/iclock/`.
    Unknown { name: String },
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Upload {
    /// Upper-cased; `None` when absent: push 1.x posts punches without it (ADMS-TEST).
    pub table: Option<String>,
    /// The table that the position is of, and `Stamp`, `OpStamp` or `PhotoStamp` as sent. Without `table` the parameter's name
    /// tells the table.
    pub stamp: Option<(String, String)>,
    /// `tablename=` of `table=tabledata`, lower-cased. Also read from the misspelt `table=tablename=user`.
    pub table_name: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct QueryData {
    /// `tabledata`, `count` or `options`, lower-cased.
    pub kind: String,
    pub command_id: Option<String>,
    /// Lower-cased.
    pub table_name: Option<String>,
    pub count: Option<u64>,
    /// How many packets there are.
    pub packet_count: Option<u64>,
    /// Which one this is, from 1.
    pub packet_index: Option<u64>,
}

impl Request {
    /// Reads method, path and raw query (without `?`) of a request below `/iclock/`; `None` for any other path. The path
    /// compares without case, a trailing `.aspx` is dropped, an absolute-form target must have been reduced to its path.
    /// Never fails on a path below `/iclock/`: what is not understood is [`Call::Unknown`].
    pub fn parse(method: &str, path: &str, query: &str) -> Option<Request> {
        if !is_terminal_path(path) {
            return None;
        }
        let name = endpoint(path);
        let query = Query::parse(query);
        let call = call(method.eq_ignore_ascii_case("POST"), name, &query);
        Some(Request { serial_number: query.get("SN").unwrap_or_default().to_owned(), call, query })
    }
}

/// The path below `/iclock/`, percent-decoded, without `.aspx` (units made for an ASP.NET server, VAMS).
fn endpoint(path: &str) -> String {
    let below = query::percent_decode(&path["/iclock".len()..]);
    let name = below.trim_matches('/');
    let bare = name.len().checked_sub(".aspx".len());
    match bare.filter(|bare| name.is_char_boundary(*bare) && name[*bare..].eq_ignore_ascii_case(".aspx")) {
        Some(bare) => name[..bare].to_owned(),
        None => name.to_owned(),
    }
}

fn call(is_post: bool, name: String, query: &Query) -> Call {
    match name.to_ascii_lowercase().as_str() {
        "cdata" if is_post => posted_data(name, query),
        "cdata" => asked_data(name, query),
        "getrequest" => Call::Poll { info: query.get("INFO").map(Info::parse) },
        "devicecmd" => Call::Results,
        "ping" => Call::Ping,
        "fdata" => Call::Photo,
        "event" => Call::Event,
        "registry" => Call::Registry,
        "push" => Call::PushConfiguration,
        "exchange" => Call::KeyExchange,
        "rtdata" if query.is("type", "time") => Call::SecurityTime,
        "querydata" => Call::QueryData(query_data(query)),
        "file" if query.get("url").is_some() => Call::File { name: query.get("url").unwrap_or_default().to_owned() },
        _ if !is_post && name.contains(['=', '.']) => Call::File { name },
        _ => Call::Unknown { name },
    }
}

/// `GET cdata`. Old units may leave out `options=all`, so everything without another meaning is a handshake.
fn asked_data(name: String, query: &Query) -> Call {
    let has = |key: &str| query.get(key).is_some();
    if has("options") {
        Call::Handshake(announcement(query))
    } else if query.is("type", "time") {
        Call::Time
    } else if query.is("type", "LastPunch") {
        Call::LastPunch
    } else if query.is("table", "RemoteAtt") || (has("PIN") && !has("table") && !has("type")) {
        Call::RemoteAttendance { pin: query.get("PIN").and_then(|pin| Pin::parse(pin.trim()).ok()) }
    } else if has("AuthType") {
        Call::Approval
    } else if has("table") || has("type") {
        Call::Unknown { name }
    } else {
        Call::Handshake(announcement(query))
    }
}

/// `POST cdata`.
fn posted_data(name: String, query: &Query) -> Call {
    if query.get("AuthType").is_some() || query.is("type", "PostVerifyData") {
        return Call::Approval;
    }
    if query.is("type", "registry") {
        // Sub-controllers announcing themselves: nothing is counted (SEC4.8).
        return Call::Unknown { name };
    }
    let table = query.get("table").filter(|table| !table.is_empty());
    if table.is_none() && query.get("options").is_some() {
        return Call::Handshake(announcement(query));
    }
    let misspelt =
        table.and_then(|table| table.split_once('=')).filter(|(key, _)| key.eq_ignore_ascii_case("tablename"));
    let table_name = misspelt.map(|(_, name)| name).or_else(|| query.get("tablename"));
    let table = if misspelt.is_some() { Some("TABLEDATA".to_owned()) } else { table.map(str::to_ascii_uppercase) };
    let stamp = STAMPS.iter().find_map(|(key, of)| Some((*of, query.get(key)?)));
    Call::Upload(Upload {
        stamp: stamp.map(|(of, stamp)| (table.clone().unwrap_or_else(|| of.to_owned()), stamp.to_owned())),
        table,
        table_name: table_name.map(str::to_ascii_lowercase),
    })
}

/// What positions are called, and the table that each is of (MAN3.2).
const STAMPS: [(&str, &str); 3] = [("Stamp", "ATTLOG"), ("OpStamp", "OPERLOG"), ("PhotoStamp", "ATTPHOTO")];

fn announcement(query: &Query) -> Announcement {
    let text = |key: &str| query.get(key).map(str::trim).filter(|value| !value.is_empty());
    Announcement {
        push_version: text("pushver").map(str::to_owned),
        device_type: text("DeviceType").map(str::to_owned),
        language: text("language").and_then(|language| language.parse().ok()),
        comm_key: text("pushcommkey").map(str::to_owned),
        push_options_flag: text("PushOptionsFlag").and_then(|flag| flag.parse().ok()),
    }
}

fn query_data(query: &Query) -> QueryData {
    let number = |key: &str| query.get(key).and_then(|value| value.trim().parse().ok());
    QueryData {
        kind: query.get("type").unwrap_or_default().to_ascii_lowercase(),
        command_id: query.get("cmdid").filter(|id| !id.is_empty()).map(str::to_owned),
        table_name: query.get("tablename").map(str::to_ascii_lowercase),
        count: number("count"),
        packet_count: number("packcnt"),
        packet_index: number("packidx"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str, query: &str) -> Call {
        Request::parse("GET", path, query).unwrap().call
    }

    fn post(path: &str, query: &str) -> Call {
        Request::parse("POST", path, query).unwrap().call
    }

    fn upload(table: Option<&str>, stamp: Option<(&str, &str)>, table_name: Option<&str>) -> Call {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let stamp = stamp.map(|(table, stamp)| (table.to_owned(), stamp.to_owned()));
        Call::Upload(Upload { table: owned(table), stamp, table_name: owned(table_name) })
    }

    #[test]
    fn paths_compare_without_case_and_suffix() {
        for path in ["/iclock/getrequest", "/ICLOCK/GetRequest.ASPX", "/iclock//getrequest/", "/iclock/%67etrequest"] {
            assert_eq!(get(path, "sn=1"), Call::Poll { info: None }, "{path}");
        }
        for path in ["/", "/iclocks/cdata", "/api/iclock/cdata", "iclock/cdata"] {
            assert_eq!(Request::parse("GET", path, "SN=1"), None, "{path}");
        }
        assert_eq!(get("/iclock", ""), Call::Unknown { name: String::new() });
    }

    #[test]
    fn the_serial_number_is_as_sent() {
        let serial = |query| Request::parse("GET", "/iclock/ping", query).unwrap().serial_number;
        assert_eq!(serial("sn=CJX%2F1&SN=2"), "CJX/1");
        assert_eq!(serial("x=1"), "");
    }

    #[test]
    fn a_get_of_cdata_is_a_handshake_unless_it_says_otherwise() {
        assert_eq!(get("/iclock/cdata", "SN=1"), Call::Handshake(Announcement::default()));
        assert_eq!(get("/iclock/cdata", "SN=1&type=time"), Call::Time);
        assert_eq!(get("/iclock/cdata", "SN=1&type=LastPunch&PIN=7"), Call::LastPunch);
        assert_eq!(get("/iclock/cdata", "SN=1&PIN=7"), Call::RemoteAttendance { pin: Some(Pin::from(7)) });
        assert_eq!(get("/iclock/cdata", "SN=1&table=remoteatt&PIN=-"), Call::RemoteAttendance { pin: None });
        assert_eq!(get("/iclock/cdata", "SN=1&table=SELFSERVICEDATA"), Call::Unknown { name: "cdata".to_owned() });
        assert_eq!(get("/iclock/cdata", "SN=1&AuthType=CARD"), Call::Approval);
    }

    #[test]
    fn uploads_name_their_table_and_stamp() {
        let posted = |query: &str| post("/iclock/cdata", query);
        assert_eq!(posted("SN=1&table=attlog&Stamp=9"), upload(Some("ATTLOG"), Some(("ATTLOG", "9")), None));
        assert_eq!(posted("SN=1&table=operlog&Stamp=9"), upload(Some("OPERLOG"), Some(("OPERLOG", "9")), None));
        for (name, table) in [("Stamp", "ATTLOG"), ("OpStamp", "OPERLOG"), ("PhotoStamp", "ATTPHOTO")] {
            assert_eq!(posted(&format!("SN=1&{name}=9")), upload(None, Some((table, "9")), None));
        }
        assert_eq!(posted("SN=1&table=tablename=User&count=1"), upload(Some("TABLEDATA"), None, Some("user")));
        assert_eq!(
            post("/iclock/cdata", "SN=1&table=tabledata&tablename=biophoto"),
            upload(Some("TABLEDATA"), None, Some("biophoto"))
        );
        assert_eq!(post("/iclock/cdata", "SN=1&type=PostVerifyData"), Call::Approval);
        let announced = "SN=1&type=registry&table=tablename=DeviceAuthorization&count=1";
        assert_eq!(post("/iclock/cdata", announced), Call::Unknown { name: "cdata".to_owned() });
    }

    #[test]
    fn files_are_asked_for_by_name() {
        let file = |name: &str| Call::File { name: name.to_owned() };
        assert_eq!(get("/iclock/FileName=options.cfg", ""), file("FileName=options.cfg"));
        assert_eq!(get("/iclock/sub/a.bin", ""), file("sub/a.bin"));
        assert_eq!(get("/iclock/file", "SN=1&url=fw%2Fa.bin"), file("fw/a.bin"));
        assert_eq!(get("/iclock/heartbeat.aspx", "SN=1"), Call::Unknown { name: "heartbeat".to_owned() });
        assert_eq!(post("/iclock/a.bin", ""), Call::Unknown { name: "a.bin".to_owned() });
    }

    #[test]
    fn the_rest_of_the_endpoints() {
        assert_eq!(get("/iclock/rtdata", "type=time"), Call::SecurityTime);
        assert_eq!(get("/iclock/rtdata", ""), Call::Unknown { name: "rtdata".to_owned() });
        assert_eq!(get("/iclock/push", ""), Call::PushConfiguration);
        assert_eq!(post("/iclock/push", ""), Call::PushConfiguration);
        assert_eq!(post("/iclock/registry", ""), Call::Registry);
        assert_eq!(post("/iclock/exchange", "type=factors"), Call::KeyExchange);
        assert_eq!(post("/iclock/event", ""), Call::Event);
        assert_eq!(post("/iclock/devicecmd", ""), Call::Results);
        let Call::QueryData(data) = post("/iclock/querydata", "type=TableData&cmdid=7&count=x&packcnt=2") else {
            panic!("no query data")
        };
        assert_eq!((data.kind.as_str(), data.command_id.as_deref()), ("tabledata", Some("7")));
        assert_eq!((data.count, data.packet_count, data.packet_index), (None, Some(2), None));
    }
}
