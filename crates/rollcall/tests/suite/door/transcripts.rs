//! All transcripts of `push-protocol`'s tests, sent to the door as they stand: every answer is one that a terminal
//! accepts, and what does not depend on the story around it is the answer that stands there.

use std::{collections::BTreeSet, fs};

use push_protocol::{
    record::{self, Content},
    request::{Call, Mended, Request, mend_request_line},
    text::Charset,
};

use super::bench::Bench;
use crate::databases::{Database, both_databases};

both_databases! { every_transcript_is_answered }

const TRANSCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../push-protocol/tests/transcripts");

async fn every_transcript_is_answered(database: Database) {
    let bench = Bench::new(database).await;
    let school = bench.school(Some("Africa/Nairobi")).await;
    let mut registered = BTreeSet::new();
    let mut names: Vec<_> = fs::read_dir(TRANSCRIPTS).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| path.extension().is_some_and(|end| end == "http"));
    names.sort();
    assert!(names.len() > 80);
    for path in names {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        for (request, expected) in exchanges(&fs::read(&path).unwrap()) {
            let asked = read(&request);
            let serial = asked.serial_number.clone();
            if !name.contains("unknown-device") && registered.insert(serial.clone()) {
                bench.device(school, &serial).await;
            }
            let mut line = bench.line();
            line.write(&request).await;
            line.shut().await;
            let reply = line.reply().await;
            assert!(reply.head.len() < 1000, "{name}: {}", reply.head);
            assert!(reply.header("Date").is_some(), "{name}: {}", reply.head);
            assert_eq!(reply.header("Content-Type"), Some("text/plain"), "{name}");
            assert!(!reply.bytes.is_empty(), "{name}");
            assert_eq!(reply.status(), if matches!(asked.call, Call::File { .. }) { 404 } else { 200 }, "{name}");
            if is_settled_by_the_request(&asked, &request) {
                assert_eq!(reply.bytes.escape_ascii().to_string(), expected.escape_ascii().to_string(), "{name}");
            }
        }
    }
}

/// Whether the answer follows from the request alone, whoever asks.
fn is_settled_by_the_request(asked: &Request, request: &[u8]) -> bool {
    match &asked.call {
        Call::Results | Call::Ping | Call::Photo | Call::Event | Call::KeyExchange | Call::Unknown { .. } => true,
        Call::Upload(upload) => {
            let body =
                request.windows(4).position(|window| window == b"\r\n\r\n").map_or(&[][..], |end| &request[end + 4..]);
            !matches!(record::parse(upload, body, Charset::Utf8), Content::Packed) || upload.table_name.is_none()
        }
        _ => false,
    }
}

fn read(request: &[u8]) -> Request {
    let mended = match mend_request_line(request) {
        Mended::Line { line, .. } => line,
        _ => request.to_vec(),
    };
    let line = String::from_utf8_lossy(&mended).lines().next().unwrap().to_owned();
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    let path = target.find("/iclock").map_or(target, |at| &target[at..]);
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    Request::parse(method, path, query).unwrap()
}

/// Requests with the bodies of their answers.
fn exchanges(mut file: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut messages = Vec::new();
    while let Some(end) = file.iter().position(|byte| *byte == b'\n') {
        let line = std::str::from_utf8(&file[..end]).unwrap();
        file = &file[end + 1..];
        if let Some(marker) = line.strip_prefix("%%% ") {
            let length = marker.split_once(' ').unwrap().1.parse().unwrap();
            messages.push(file[..length].to_vec());
            file = &file[length + 1..];
        }
    }
    let body = |message: &[u8]| {
        let end = message.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        message[end..].to_vec()
    };
    messages.chunks(2).map(|pair| (pair[0].clone(), body(&pair[1]))).collect()
}
