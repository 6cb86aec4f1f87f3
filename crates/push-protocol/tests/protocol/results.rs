//! Results of commands, in every shape.

use push_protocol::result::{CommandResult, Outcome};

use crate::transcript::Transcript;

pub fn code(id: &str, code: i64) -> (String, Option<i64>) {
    (id.to_owned(), Some(code))
}

pub fn payload<'a>(result: &CommandResult<'a>, key: &str) -> Option<&'a str> {
    let pair = result.payload.iter().find(|(name, _)| *name == key.as_bytes())?;
    str::from_utf8(pair.1).ok()
}

pub fn devicecmd_batch(transcript: &Transcript) {
    assert_eq!(transcript.codes(), [code("info8487", 0), code("info8488", 0), code("fp7464", -10)]);
    assert_eq!(Outcome::of(-10, false), Outcome::Refused);
    assert_eq!(Outcome::of(-10, true), Outcome::Done);
}

pub fn devicecmd_crlf_lowercase_sn(transcript: &Transcript) {
    assert_eq!(transcript.codes(), [code("430", 0), code("431", -1001)]);
    let [first, second] = transcript.results().try_into().unwrap();
    assert_eq!((first.command, payload(&first, "SN")), (&b"CHECK"[..], Some("CJX9253300417")));
    assert_eq!((second.command, second.raw_code), (&b"DATA"[..], &b"-1001"[..]));
    assert_eq!(Outcome::of(-1001, false), Outcome::Full);
}

pub fn devicecmd_info(transcript: &Transcript) {
    let [result] = transcript.results().try_into().unwrap();
    assert_eq!((result.id, result.code, result.command), ("802", Some(0), &b"INFO"[..]));
    assert_eq!(payload(&result, "UserCount"), Some("17"));
    assert_eq!(payload(&result, "~DeviceName"), Some("x9001"));
    assert_eq!(payload(&result, "MainTime"), Some("1970-01-01 00:00:00"));
    assert_eq!(result.payload.len(), 13);
}

pub fn devicecmd_shell(transcript: &Transcript) {
    let [result] = transcript.results().try_into().unwrap();
    assert_eq!((result.id, result.code, result.command), ("433", Some(0), &b"Shell"[..]));
    assert_eq!(result.content, Some(&b"a=1&b=2\nID=fake&Return=0&CMD=DATA is only text\n"[..]));
    assert_eq!(payload(&result, "FILENAME"), Some("shellout.txt"));
}

pub fn devicecmd_getfile_binary(transcript: &Transcript) {
    assert_eq!(transcript.codes(), [code("434", 57), code("435", 0)]);
    let content = transcript.results()[0].content.unwrap();
    assert_eq!(content.len(), 57);
    assert!(content.ends_with(b"ID=9&Return=0&CMD=DATA\n"));
}

pub fn devicecmd_mixture(transcript: &Transcript) {
    assert_eq!(transcript.codes(), [code("11", 0), code("12", 0), code("13", -22)]);
    let payloads: Vec<usize> = transcript.results().iter().map(|result| result.payload.len()).collect();
    assert_eq!(payloads, [0, 2, 0]);
    assert_eq!(transcript.results()[2].command, b"UNKNOWN CMD");
}

pub fn devicecmd_in_query_string(transcript: &Transcript) {
    let [result] = transcript.results().try_into().unwrap();
    assert_eq!((result.id, result.code, result.command), ("436", Some(0), &b"DATA"[..]));
    assert_eq!(result.payload, []);
}

pub fn devicecmd_duplicate_and_unknown(transcript: &Transcript) {
    assert_eq!(transcript.codes(), [code("437", 0), code("437", 0), code("99887", 0)]);
}

pub fn devicecmd_form_content_type(transcript: &Transcript) {
    let [result] = transcript.results().try_into().unwrap();
    assert_eq!((result.id, result.content), ("438", Some(&b"50%+tax a+b%20c\n"[..])));
}
