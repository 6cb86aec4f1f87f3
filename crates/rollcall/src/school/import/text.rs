//! The bytes of a file as text. Spreadsheets write what their country is used to, and do not say what.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::table::Error;

/// The text, and the name of its encoding. What cannot be read is U+FFFD in it.
pub(super) fn decode(bytes: &[u8]) -> Result<(String, &'static str), Error> {
    // What spreadsheets are saved as: a zip, and the compound file of older ones.
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\xD0\xCF\x11\xE0") {
        return Err(Error::Spreadsheet);
    }
    let (encoding, marked) = match Encoding::for_bom(bytes) {
        Some((encoding, length)) => (encoding, length),
        None => (recognise(bytes), 0),
    };
    let (text, _) = encoding.decode_without_bom_handling(&bytes[marked..]);
    Ok((text.into_owned(), encoding.name()))
}

fn recognise(bytes: &[u8]) -> &'static Encoding {
    // A header is ASCII: in UTF-16 every other byte of it is zero.
    match bytes {
        [first, 0, ..] if *first != 0 => return UTF_16LE,
        [0, second, ..] if *second != 0 => return UTF_16BE,
        _ => {}
    }
    if is_mostly_utf8(bytes) {
        return UTF_8;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    detector.guess(None, Utf8Detection::Deny)
}

/// One broken byte must not make other letters of all the others.
fn is_mostly_utf8(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let broken = text.chars().filter(|letter| *letter == char::REPLACEMENT_CHARACTER).count();
    let whole = text.chars().filter(|letter| !letter.is_ascii()).count() - broken;
    broken == 0 || whole > broken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of(bytes: &[u8]) -> &'static str {
        decode(bytes).map_or("none", |(_, name)| name)
    }

    #[test]
    fn one_broken_byte_leaves_the_rest_utf8() {
        let mut bytes = "full_name,rfid_card_id\nAyşe Öztürk,1\nÇağla Yıldız,2\n".as_bytes().to_vec();
        bytes.extend(b"Jos\xE9,3\n");
        let (text, name) = decode(&bytes).unwrap();
        assert_eq!(name, "UTF-8");
        assert!(text.contains("Çağla Yıldız") && text.contains("Jos\u{FFFD}"), "{text}");
    }

    #[test]
    fn plain_letters_are_utf8() {
        assert_eq!(name_of(b"full_name,rfid_card_id\nAna,1\n"), "UTF-8");
        assert_eq!(name_of(b""), "UTF-8");
    }

    #[test]
    fn a_spreadsheet_is_no_text() {
        assert!(decode(b"PK\x03\x04\x14\0").is_err());
        assert!(decode(b"\xD0\xCF\x11\xE0\xA1\xB1").is_err());
    }
}
