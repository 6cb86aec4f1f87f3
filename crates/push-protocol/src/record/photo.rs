//! Punch photos: a text header, a NUL, the image (ATT5.8 §9.2, MAN3.2 §2.4.4).

use std::borrow::Cow;

use crate::{
    fields::Fields,
    text::{Charset, Pin},
};

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Photo<'a> {
    /// The file name, e.g. `20260302080003-1042.jpg`; `None` for raw JPEG without header.
    pub name: Option<Cow<'a, str>>,
    /// `None` for a failed attempt and for raw JPEG.
    pub pin: Option<Pin>,
    /// As sent: JPEG, or its base64 where the terminal was told so. The header's `size` is not trusted.
    pub image: &'a [u8],
}

/// Reads the body of `POST fdata`. Some units send nothing but the JPEG (TimeBridge).
pub fn parse_photo(body: &[u8]) -> Photo<'_> {
    if is_jpeg(body) {
        return Photo { name: None, pin: None, image: body };
    }
    let header_end = body.iter().position(|byte| *byte == 0).unwrap_or(body.len());
    let image = body.get(header_end + 1..).unwrap_or_default();
    let pairs = body[..header_end].split(|byte| *byte == b'\n').map(Fields::tabs);
    let name = pairs.filter_map(|pair| pair.bytes("PIN")).map(|name| Charset::Utf8.decode(name.trim_ascii())).next();
    let pin = name.as_deref().and_then(pin_of);
    Photo { name, pin, image }
}

/// A header is a few lines: it is not looked for in all of a long upload.
const HEADER_BYTES: usize = 64 * 1024;

/// Whether a body is a photo, whatever its table says.
pub(super) fn is_photo(body: &[u8]) -> bool {
    let begins = &body[..body.len().min(HEADER_BYTES)];
    let header = begins.iter().position(|byte| *byte == 0).map(|end| &body[..end]);
    let is_command = |line: &[u8]| line.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"CMD="));
    is_jpeg(body) || header.is_some_and(|header| header.split(|byte| *byte == b'\n').any(is_command))
}

fn is_jpeg(body: &[u8]) -> bool {
    body.starts_with(&[0xFF, 0xD8, 0xFF])
}

/// `<time>-<pin>.jpg`; ID-card readers name `<time>-<kind>-<pin>-<number>.jpg`.
fn pin_of(name: &str) -> Option<Pin> {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let parts: Vec<&str> = stem.splitn(5, '-').collect();
    Pin::parse(parts.get(if parts.len() == 4 { 2 } else { 1 })?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_name_holds_the_pin() {
        assert_eq!(pin_of("20260302080003-1042.jpg"), Some(Pin::from(1042)));
        assert_eq!(pin_of("20260302080003-1-1042-110101.jpg"), Some(Pin::from(1042)));
        assert_eq!(pin_of("20260302081502.jpg"), None);
        assert_eq!(pin_of(""), None);
    }

    #[test]
    fn only_the_first_nul_splits() {
        let photo = parse_photo(b"PIN=1-7.jpg\r\nSN=1\nsize=3\nCMD=uploadphoto\0a\0b");
        assert_eq!((photo.name.as_deref(), photo.image), (Some("1-7.jpg"), &b"a\0b"[..]));
        assert_eq!(parse_photo(b"").image, b"");
        assert_eq!(parse_photo(b"no header").image, b"");
    }
}
