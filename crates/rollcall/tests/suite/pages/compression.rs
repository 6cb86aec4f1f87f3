//! Which answers are made smaller: what people and programs look at, and nothing that a terminal is told.

use axum::body::Body;
use http::{Request, header};
use serde_json::json;
use terminal_simulator::Profile;

use super::{form, request};
use crate::{
    databases::{Database, both_databases},
    server::{Person, Reply},
    stories::campus::Campus,
};

both_databases! {
    pages_and_answers_are_as_small_as_the_browser_can_read,
    what_answers_a_deed_is_left_as_it_is,
    a_terminal_is_never_told_anything_compressed,
}

async fn get(campus: &Campus, by: &Person, path: &str, reads: &str) -> Reply {
    let request = request(Some(by), path).header(header::ACCEPT_ENCODING, reads);
    campus.world.server.send(request.body(Body::empty()).unwrap()).await
}

fn encoding(reply: &Reply) -> Option<&str> {
    reply.headers.get(header::CONTENT_ENCODING).map(|value| value.to_str().unwrap())
}

async fn pages_and_answers_are_as_small_as_the_browser_can_read(database: Database) {
    let mut campus = Campus::open(database).await;
    let device = campus.terminal("CJX9253300417", Profile::zam180()).await;
    campus.enrol_many(40).await;
    campus.in_step(device).await;
    for path in
        ["/", "/terminals/1", "/students", "/assets/rollcall.css", "/assets/live.js", "/api/docs/swagger-ui.css"]
    {
        let plain = get(&campus, &campus.admin, path, "identity").await;
        assert_eq!((plain.status, encoding(&plain)), (200, None), "{path}");
        assert!(
            plain.headers[header::VARY].to_str().unwrap().contains("accept-encoding"),
            "{path}: {:?}",
            plain.headers
        );
        for (reads, comes) in [("gzip", "gzip"), ("gzip, deflate, br", "br"), ("gzip, br;q=0", "gzip")] {
            let small = get(&campus, &campus.admin, path, reads).await;
            assert_eq!(encoding(&small), Some(comes), "{path} for {reads}");
            let bytes = small.bytes.len();
            assert!(bytes * 2 < plain.bytes.len(), "{path}: {bytes} of {} bytes", plain.bytes.len());
        }
    }
    // The same of an API call, which takes a token and no cookie.
    let call = Request::builder()
        .uri("/api/v1/students")
        .header(header::AUTHORIZATION, format!("Bearer {}", campus.admin.token))
        .header(header::ACCEPT_ENCODING, "gzip");
    let reply = campus.world.server.send(call.body(Body::empty()).unwrap()).await;
    assert_eq!((reply.status, encoding(&reply)), (200, Some("gzip")));
    // What fits in a packet stays readable.
    assert_eq!(encoding(&get(&campus, &campus.admin, "/healthz", "gzip, br").await), None);
    assert_eq!(encoding(&get(&campus, &campus.admin, "/assets/icon.svg", "gzip, br").await), None);

    // A live block is the same block, however it came.
    let live = async |reads: &str, known: Option<&str>| {
        let mut asked = request(Some(&campus.admin), "/terminals/1").header("rollcall-script", "live");
        asked = asked.header(header::ACCEPT_ENCODING, reads);
        if let Some(known) = known {
            asked = asked.header(header::IF_NONE_MATCH, known);
        }
        campus.world.server.send(asked.body(Body::empty()).unwrap()).await
    };
    let (plain, small) = (live("identity", None).await, live("br", None).await);
    assert_eq!((encoding(&plain), encoding(&small)), (None, Some("br")));
    let tag = plain.headers["etag"].to_str().unwrap().to_owned();
    assert_eq!(small.headers["etag"], *tag);
    assert!(tag.starts_with("W/\""), "{tag}");
    for reads in ["identity", "br"] {
        let same = live(reads, Some(&tag)).await;
        assert_eq!((same.status, same.bytes.len(), encoding(&same)), (304, 0, None), "{reads}");
    }
}

async fn what_answers_a_deed_is_left_as_it_is(database: Database) {
    let campus = Campus::open(database).await;
    let own = request(Some(&campus.admin), "/tokens")
        .header(header::ORIGIN, "http://rollcall.example:8081")
        .header(header::ACCEPT_ENCODING, "gzip, br");
    let made = campus.world.server.send(form(own, &[("name", "Nómina"), ("expires", "")])).await;
    assert!(made.page(200).contains("rc_"), "{}", made.text);
    assert_eq!(encoding(&made), None, "a token is shown there");
}

async fn a_terminal_is_never_told_anything_compressed(database: Database) {
    let mut campus = Campus::open(database).await;
    let device = campus.terminal("CJX9253300417", Profile::zam180()).await;
    let students = campus.enrol_many(40).await;
    campus.in_step(device).await;
    for student in students {
        campus.change(student, json!({"full_name": format!("Sisa Guamán {student}")})).await;
    }
    let poll = b"GET /iclock/getrequest?SN=CJX9253300417 HTTP/1.1\r\nHost: rollcall.example\r\nAccept-Encoding: gzip, br\r\n\r\n";
    let reply = campus.world.converse(poll).await;
    let text = String::from_utf8(reply).expect("text that a terminal can read");
    assert!(text.len() > 1_024 && text.contains("C:"), "{text}");
    assert!(!text.to_lowercase().contains("content-encoding"), "{text}");
}
