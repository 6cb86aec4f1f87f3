//! Query strings. Terminals encode values only sometimes and are not agreed on the case of names (SmartOps, MAN3.2).

use std::borrow::Cow;

use crate::text::Charset;

/// Query pairs; names compare without case, `%XX` is decoded, `+` stays `+`. Bytes that are not UTF-8 are read as
/// Windows-1252, so that nothing is lost.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a query string without its `?`. Never fails: a part without `=` is a name with an empty value.
    pub fn parse(raw: &str) -> Query {
        let parts = raw.split('&').filter(|part| !part.is_empty());
        Query(parts.map(|part| part.split_once('=').unwrap_or((part, ""))).map(decoded).collect())
    }

    /// The first value of a name, compared without case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// All pairs in the order received.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(super) fn is(&self, name: &str, value: &str) -> bool {
        self.get(name).is_some_and(|sent| sent.trim().eq_ignore_ascii_case(value))
    }
}

/// Decodes `%XX`; a `%` without two hexadecimal digits stays as it is.
pub(super) fn percent_decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, following @ ..] = rest {
        let encoded = following.split_at_checked(2).filter(|_| *first == b'%');
        let decoded = encoded.and_then(|(digits, behind)| Some((hexadecimal(digits)?, behind)));
        let (byte, behind) = decoded.unwrap_or((*first, following));
        bytes.push(byte);
        rest = behind;
    }
    Cow::Owned(Charset::Utf8.decode(&bytes).into_owned())
}

fn hexadecimal(digits: &[u8]) -> Option<u8> {
    let is_hexadecimal = digits.iter().all(u8::is_ascii_hexdigit);
    str::from_utf8(digits).ok().filter(|_| is_hexadecimal).and_then(|digits| u8::from_str_radix(digits, 16).ok())
}

fn decoded((name, value): (&str, &str)) -> (String, String) {
    (percent_decode(name).into_owned(), percent_decode(value).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_no_case_and_values_are_decoded_once() {
        let query = Query::parse("sn=1&&INFO=Ver%206.8+x,2&flag&Name=a=b&bad=%zz%2&utf=%C3%A9&latin=%E9&twice=%2541");
        assert_eq!(query.get("SN"), Some("1"));
        assert_eq!(query.get("info"), Some("Ver 6.8+x,2"));
        assert_eq!(query.get("flag"), Some(""));
        assert_eq!(query.get("name"), Some("a=b"));
        assert_eq!(query.get("bad"), Some("%zz%2"));
        assert_eq!(query.get("utf"), Some("é"));
        assert_eq!(query.get("latin"), Some("é"));
        assert_eq!(query.get("twice"), Some("%41"));
        assert_eq!(query.get("none"), None);
        assert_eq!(Query::parse(""), Query::default());
    }
}
