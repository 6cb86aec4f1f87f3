//! What has to hold for any bytes that reach the terminals' door.

use push_protocol::{
    fields::Fields,
    record::{self, Content, Record},
    request::{Call, Mended, Query, Request, is_terminal_path, mend_request_line},
    result::{self, meaning},
    text::{Charset, NAME_BYTES, Name, SerialNumber},
};

const CHARSETS: [Charset; 2] = [Charset::Utf8, Charset::Gb18030];

/// The beginning of a connection. Whatever it is, it is mended to something that needs no mending, and read.
pub fn heads(data: &[u8]) {
    let mut line = data.to_vec();
    if let Mended::Line { line: mended, replaces } = mend_request_line(data) {
        assert!(replaces <= data.len() && mended.ends_with(b"\r\n"));
        let (text, end) = mended.split_at(mended.len() - 2);
        assert!(end == b"\r\n" && text.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' '));
        assert_eq!(mend_request_line(&mended), Mended::Fine, "what was mended needs no mending");
        line = mended;
    }
    let text = String::from_utf8_lossy(&line);
    let Some(request) = request(text.lines().next().unwrap_or_default()) else { return };
    if let Ok(serial) = SerialNumber::parse(&request.serial_number) {
        assert!(!serial.as_str().is_empty() && !serial.as_str().contains(char::is_control));
    }
}

/// A request line and a body behind it.
pub fn exchanges(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (line, body) = data.split_at(end);
    let body = body.strip_prefix(b"\n").unwrap_or(body);
    let Some(request) = request(&String::from_utf8_lossy(line)) else { return };
    for charset in CHARSETS {
        match &request.call {
            Call::Upload(upload) => content(record::parse(upload, body, charset), charset),
            Call::QueryData(query) => {
                let table = query.table_name.as_deref().unwrap_or("user");
                content(record::parse_table(table, body, charset), charset);
                let _ = record::parse_count(table, body);
            }
            Call::Photo => {
                let _ = record::parse_photo(body);
            }
            Call::Results => all_results(&request.query, body),
            _ => {
                let _ = Fields::commas(body).number("UserCount");
            }
        }
    }
}

/// The body of `devicecmd`.
pub fn results(data: &[u8]) {
    all_results(&Query::parse(""), data);
}

fn all_results(query: &Query, body: &[u8]) {
    for result in result::parse(query, body) {
        if let Some(code) = result.code {
            let _ = meaning(code);
        }
    }
}

fn content(content: Content<'_>, charset: Charset) {
    let Content::Records(lines) = content else { return };
    assert_eq!(lines.clone().count(), lines.received(), "each record is a line that is counted");
    for record in lines {
        if let Record::User(user) = record {
            // What came from one terminal may be written to another: nothing of it may end a field or a command there.
            if let Ok(name) = Name::fit(&user.name, charset) {
                assert!(!name.as_str().contains(char::is_control));
                assert!(charset.encode(name.as_str()).len() <= NAME_BYTES);
            }
        }
    }
}

/// As the server takes a request line apart.
fn request(line: &str) -> Option<Request> {
    let mut tokens = line.split(' ');
    let (method, target) = (tokens.next()?, tokens.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let request = Request::parse(method, path, query)?;
    assert!(is_terminal_path(path), "{path}");
    Some(request)
}
