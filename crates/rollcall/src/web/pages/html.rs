//! Small things of HTML and HTTP: cookies, addresses, pieces of markup.

use std::fmt::{self, Write as _};

use askama::filters::{Escaper, Html as HtmlEscaper, HtmlSafe};
use http::{HeaderMap, header};
use sha2::{Digest, Sha256};

/// Markup that is escaped already.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Markup(pub String);

impl fmt::Display for Markup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HtmlSafe for Markup {}

/// Text as it stands in markup.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let _ = HtmlEscaper.write_escaped_str(&mut escaped, text);
    escaped
}

/// A cookie's value.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

/// Text as it may stand in an address or a cookie.
pub fn percent(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

/// The text again; nothing when that was no such text.
pub fn from_percent(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// What changes with a text, in a few characters.
pub fn fingerprint(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(10).fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// A place on this server to go to, as a form or a link gave it; the overview for everything else.
pub fn own_path(path: &str) -> &str {
    let is_own = path.starts_with('/')
        && !path.starts_with("//")
        && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_own { path } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_survives_a_cookie() {
        for text in ["Ọlámidé Adébáyọ̀ was queued again; 100 %", "", "a=b, c"] {
            let value = percent(text);
            assert!(value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~%".contains(&byte)), "{value}");
            assert_eq!(from_percent(&value).as_deref(), Some(text));
        }
        assert_eq!(from_percent("%4"), None);
        assert_eq!(from_percent("%ff"), None);
    }

    #[test]
    fn nobody_is_sent_elsewhere() {
        assert_eq!(own_path("/terminals/3?page=2"), "/terminals/3?page=2");
        for elsewhere in ["", "https://evil.example", "//evil.example", "/\\evil.example", "/a\r\nSet-Cookie: x"] {
            assert_eq!(own_path(elsewhere), "/", "{elsewhere}");
        }
    }

    #[test]
    fn cookies_are_found_by_their_whole_name() {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, "a=1; rollcall_session_old=2;rollcall_session=3".parse().unwrap());
        assert_eq!(cookie(&headers, "rollcall_session"), Some("3"));
        assert_eq!(cookie(&headers, "rollcall"), None);
    }

    #[test]
    fn markup_is_escaped() {
        assert_eq!(escape("<a b=\"c\">&"), "&#60;a b=&#34;c&#34;&#62;&#38;");
    }
}
