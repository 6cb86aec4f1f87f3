//! Request lines of old clients, which paste their firmware version into the target as it is (FWSRC, MAN3.2 §2.4.5).

/// What became of the head of a connection's first request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Mended {
    /// No line end within the bytes given: read more.
    Incomplete,
    /// Any HTTP parser takes it as it is, or it is not for `/iclock`.
    Fine,
    /// The whole request line, line end included, in a form that parsers take; it replaces the first `replaces` bytes.
    Line { line: Vec<u8>, replaces: usize },
}

/// Percent-encodes blanks, bytes outside visible ASCII and the few visible ones that no URI may hold in the target of a
/// request line for `/iclock`: first token is the method, last one the version, all between is the target.
pub fn mend_request_line(head: &[u8]) -> Mended {
    // Parsers skip empty lines before a request.
    let blank_lines = head.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let rest = &head[blank_lines..];
    let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
        // What does not even start like a method (a TLS handshake, say) need not be waited for.
        let may_be_http = rest.first().is_none_or(|byte| byte.is_ascii_alphabetic() || is_blank(*byte));
        return if may_be_http { Mended::Incomplete } else { Mended::Fine };
    };
    match mended(&rest[..end]) {
        Some(line) => Mended::Line { line, replaces: blank_lines + end + 1 },
        None => Mended::Fine,
    }
}

/// Whether a path belongs to terminals: `/iclock` or anything below it, in any case.
pub fn is_terminal_path(path: &str) -> bool {
    is_terminal(path.as_bytes())
}

/// `None` when nothing needs mending or can be mended.
fn mended(line: &[u8]) -> Option<Vec<u8>> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let tokens = trim(line);
    let (method, rest) = tokens.split_at(tokens.iter().position(|byte| is_blank(*byte))?);
    let (target, version) = rest.split_at(rest.iter().rposition(|byte| is_blank(*byte))? + 1);
    let target = trim(target);
    // A version that no parser takes is left to it: whatever were written here would be refused all the same.
    let is_request = method.iter().all(u8::is_ascii_alphabetic) && matches!(version, b"HTTP/1.0" | b"HTTP/1.1");
    if !is_request || !is_terminal(path_of(target)) {
        return None;
    }

    let mut mended = [method, b" "].concat();
    for byte in target {
        if byte.is_ascii_graphic() && !NOT_IN_URIS.contains(byte) {
            mended.push(*byte);
        } else {
            mended.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    mended.push(b' ');
    mended.extend_from_slice(version);
    (mended != line).then(|| [&mended, &b"\r\n"[..]].concat())
}

/// Visible, but refused or cut at by parsers.
const NOT_IN_URIS: &[u8] = b"\"#<>\\^`{|}";

/// The path of a target; through a proxy terminals send the absolute form (FWSRC).
fn path_of(target: &[u8]) -> &[u8] {
    let scheme = target.get(..7).filter(|start| start.eq_ignore_ascii_case(b"http://")).map(<[u8]>::len);
    let secure = target.get(..8).filter(|start| start.eq_ignore_ascii_case(b"https://")).map(<[u8]>::len);
    let origin_form = match scheme.or(secure) {
        Some(length) => {
            let authority = &target[length..];
            &authority[authority.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(authority.len())..]
        }
        None => target,
    };
    let end = origin_form.iter().position(|byte| *byte == b'?' || is_blank(*byte));
    &origin_form[..end.unwrap_or(origin_form.len())]
}

fn is_terminal(path: &[u8]) -> bool {
    let Some((start, below)) = path.split_at_checked("/iclock".len()) else { return false };
    start.eq_ignore_ascii_case(b"/iclock") && matches!(below.first(), None | Some(b'/'))
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_blank(*first)
    {
        bytes = rest;
    }
    while let [rest @ .., last] = bytes
        && is_blank(*last)
    {
        bytes = rest;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(head: &[u8]) -> String {
        match mend_request_line(head) {
            Mended::Line { line, replaces } => {
                assert_eq!(head[replaces - 1], b'\n');
                String::from_utf8(line).unwrap()
            }
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn what_parsers_take_is_left_alone() {
        for head in [
            "GET /iclock/cdata?SN=1&options=all HTTP/1.0\r\nHost: x\r\n\r\n",
            "GET /iclock/getrequest?SN=1&INFO=Ver%206.60(x),2 HTTP/1.1\n\n",
            "GET http://push.example.net:8081/iclock/cdata?SN=1 HTTP/1.0\r\n\r\n",
            "\r\nGET /iclock/ping?SN=1 HTTP/1.1\r\n",
        ] {
            assert_eq!(mend_request_line(head.as_bytes()), Mended::Fine, "{head}");
        }
    }

    #[test]
    fn blanks_and_other_bytes_are_encoded() {
        assert_eq!(
            line(b"GET /iclock/getrequest?SN=1&INFO=Ver 6.60 May 14 2018,2 HTTP/1.0\r\nHost: x\r\n\r\n"),
            "GET /iclock/getrequest?SN=1&INFO=Ver%206.60%20May%2014%202018,2 HTTP/1.0\r\n"
        );
        assert_eq!(
            line("\r\nGET /ICLOCK/cdata?SN=1&x=\u{E9}\t<#\0 HTTP/1.1\n".as_bytes()),
            "GET /ICLOCK/cdata?SN=1&x=%C3%A9%09%3C%23%00 HTTP/1.1\r\n"
        );
        assert_eq!(
            line(b"GET HTTP://push.example.net:8081/iclock/cdata?INFO=a b HTTP/1.0\n"),
            "GET HTTP://push.example.net:8081/iclock/cdata?INFO=a%20b HTTP/1.0\r\n"
        );
        assert_eq!(line(b"POST  /iclock/cdata?SN=1   HTTP/1.1 \r\n"), "POST /iclock/cdata?SN=1 HTTP/1.1\r\n");
        assert_eq!(line(b"GET /iclock/a b HTTP/1.1\r\n"), "GET /iclock/a%20b HTTP/1.1\r\n");
    }

    #[test]
    fn other_requests_are_none_of_ours() {
        for head in [
            &b"GET /api/v1/students?search=a b HTTP/1.1\r\n"[..],
            b"GET /iclocks?a b HTTP/1.1\r\n",
            b"GET http://example.net?/iclock/a b HTTP/1.1\r\n",
            b"GET /iclock/cdata?a b\r\n",
            // No parser takes these versions, whatever the target.
            b"GET /iclock/cdata?a b HTTP/1.1GET\0\r\n",
            b"GET /iclock/cdata?a b HTTP/1.1\r\r\n",
            b"GET /iclock/cdata?a b HTTP/2.0\r\n",
            b"GET /iclock/cdata\r\n",
            b"\x16\x03\x01",
            b"\r\n\r\n\n",
            b" \n",
        ] {
            let is_empty = head.iter().all(|byte| matches!(byte, b'\r' | b'\n'));
            let expected = if is_empty { Mended::Incomplete } else { Mended::Fine };
            assert_eq!(mend_request_line(head), expected, "{}", head.escape_ascii());
        }
    }

    #[test]
    fn half_a_line_waits_for_the_rest() {
        for head in [&b""[..], b"G", b"GET /iclock/cdata?SN=1 HTTP/1.1\r", b"\r\n"] {
            assert_eq!(mend_request_line(head), Mended::Incomplete, "{}", head.escape_ascii());
        }
    }

    #[test]
    fn mending_twice_changes_nothing() {
        let once = line(b"GET /iclock/getrequest?INFO=a b HTTP/1.0\n");
        assert_eq!(mend_request_line(once.as_bytes()), Mended::Fine);
    }

    #[test]
    fn terminal_paths() {
        for path in ["/iclock", "/iclock/", "/IClock/cdata.aspx"] {
            assert!(is_terminal_path(path), "{path}");
        }
        for path in ["", "/", "/iclockx", "/icloc", "/éclock/x"] {
            assert!(!is_terminal_path(path), "{path}");
        }
    }
}
