//! Items 1 to 9: how bytes come and go.

use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::MakeWriter;

use super::bench::{Bench, SERIAL, post};
use crate::databases::{Database, both_databases};

both_databases! {
    item_01_both_versions_both_forms_any_case_with_and_without_aspx,
    item_02_raw_blanks_in_a_request_line,
    item_02_what_the_parser_refuses_is_logged,
    item_03_query_names_in_any_case_and_order,
    item_04_bodies_are_bytes_whatever_the_content_type,
    item_05_sixteen_megabytes,
    item_05_of_other_calls_the_first_64_kilobytes_count,
    item_05_a_peer_that_closes_early,
    item_06_every_path_is_answered_but_files,
    item_07_headers_are_title_case_and_small,
    item_07_the_connection_closes_when_the_terminal_expects_it,
    item_08_nothing_is_acknowledged_that_is_not_stored,
    item_09_a_record_is_never_a_reason_to_refuse,
    an_idle_poll_runs_no_statement,
}

async fn item_01_both_versions_both_forms_any_case_with_and_without_aspx(database: Database) {
    let bench = Bench::new(database).await;
    bench.writing().await;
    let targets = [
        "GET /iclock/getrequest?SN=CJX9253300417 HTTP/1.1",
        "GET /iclock/getrequest?SN=CJX9253300417 HTTP/1.0",
        "GET /iclock/getrequest.aspx?SN=CJX9253300417 HTTP/1.1",
        "GET /ICLOCK/GetRequest.ASPX?SN=CJX9253300417 HTTP/1.1",
        "GET http://push.example.net:8081/iclock/getrequest?SN=CJX9253300417 HTTP/1.0",
        "GET http://push.example.net:8081/iclock/getrequest?SN=CJX9253300417 HTTP/1.1",
    ];
    for line in targets {
        let reply = bench.send(format!("{line}\r\nHost: push.example.net:8081\r\n\r\n")).await;
        reply.is(200, "OK");
    }
    let reply = bench.send("GET /iclock/cdata.aspx?SN=CJX9253300417&options=all HTTP/1.0\r\n\r\n").await;
    assert!(reply.body.starts_with("GET OPTION FROM: CJX9253300417\n"), "{}", reply.body);
}

async fn item_02_raw_blanks_in_a_request_line(database: Database) {
    let mut bench = Bench::new(database).await;
    bench.registered().await;
    let mut line = bench.line();
    let target = "/iclock/getrequest?SN=CJX9253300417&INFO=Ver 6.60 May 14 2018,2,0,16,192.168.0.25,10,7,15,0,111";
    line.write(format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
    let reply = line.reply().await;
    assert_eq!(reply.status(), 200);
    assert_eq!(reply.header("Connection"), Some("close"));
    assert!(line.ends().await);
    bench.settle().await;
    assert_eq!(bench.column::<String>("SELECT firmware_version FROM devices").await, ["Ver 6.60 May 14 2018"]);
    assert_eq!(bench.column::<i64>("SELECT user_count FROM devices").await, [2]);
}

async fn item_02_what_the_parser_refuses_is_logged(database: Database) {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let bench = Bench::new(database).await;
    let mut line = bench.line();
    line.write("GET /iclock/getrequest?SN=CJX9253300417 HTTP/9.7\r\n\r\n").await;
    assert_eq!(line.reply().await.status(), 400);
    assert!(line.ends().await);
    let said = log.text();
    assert!(said.contains("a request head was refused") && said.contains("/iclock/getrequest"), "{said}");
    assert!(!said.contains("CJX9253300417"), "{said}");
}

async fn item_03_query_names_in_any_case_and_order(database: Database) {
    let mut bench = Bench::new(database).await;
    bench.registered().await;
    bench.get("getrequest?info=Ver%206.60+a,17&foo=1&FOO=2&sn=CJX9253300417").await;
    bench.settle().await;
    assert_eq!(bench.column::<String>("SELECT firmware_version FROM devices").await, ["Ver 6.60+a"]);
    let reply = bench.post("CDATA?stamp=9999&TABLE=attlog&Sn=CJX9253300417", "7\t2026-03-02 08:00:03\t0\t1\n").await;
    reply.is(200, "OK: 1");
    assert_eq!(bench.column::<String>("SELECT pin FROM punches").await, ["7"]);
}

async fn item_04_bodies_are_bytes_whatever_the_content_type(database: Database) {
    let bench = Bench::new(database).await;
    bench.registered().await;
    let kinds = [
        "",
        "Content-Type: text/plain\r\n",
        "Content-Type: application/x-www-form-urlencoded\r\n",
        "Content-Type: application-push; charset=UTF-8\r\n",
        "Content-Type: application/json\r\n",
        "Content-Type: nonsense\r\n",
    ];
    for (minute, kind) in kinds.iter().enumerate() {
        let body = format!("7\t2026-03-02 08:{minute:02}:00\t0\t1\ta+b%20c&d\t0\n");
        let request = format!(
            "POST /iclock/cdata?SN={SERIAL}&table=ATTLOG&Stamp=9999 HTTP/1.1\r\nHost: x\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        bench.send(request).await.is(200, "OK: 1");
    }
    assert_eq!(bench.column::<String>("SELECT DISTINCT work_code FROM punches").await, ["a+b%20c&d"]);
    assert_eq!(bench.column::<i64>("SELECT COUNT(*) FROM punches").await, [6]);
}

async fn item_05_sixteen_megabytes(database: Database) {
    let bench = Bench::new(database).await;
    bench.registered().await;
    let photo = format!("BIOPHOTO PIN=7\tFileName=7.jpg\tType=9\tSize=9\tContent={}\n", "A".repeat(15_990_000));
    bench.upload("OPERLOG", photo).await.is(200, "OK: 1");
    let length = 16 * 1024 * 1024 + 1;
    for path in ["cdata", "fdata", "querydata"] {
        let mut line = bench.line();
        line.write(format!("POST /iclock/{path}?SN={SERIAL} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n")).await;
        assert_eq!(line.reply().await.status(), 413, "{path}");
        assert!(line.ends().await);
    }
    let file = vec![0xFF; 15_990_000];
    bench.post(&format!("fdata?SN={SERIAL}&table=ATTPHOTO&PhotoStamp=1"), file).await.is(200, "OK");
}

/// Results that were refused would come again for ever, and all later ones behind them.
async fn item_05_of_other_calls_the_first_64_kilobytes_count(database: Database) {
    let mut bench = Bench::new(database).await;
    bench.writing().await;
    bench.student("Ọlámidé Adébáyọ̀", "4711").await;
    bench.settle().await;
    let [(id, _)] = bench.poll().await.commands().try_into().unwrap();
    let much = "nothing that is a result\n".repeat(10_000);
    let result = format!("ID={id}&Return=0&CMD=DATA\n");
    let path = format!("devicecmd?SN={SERIAL}");
    bench.post(&path, format!("{much}{result}")).await.is(200, "OK");
    let open = "SELECT COUNT(*) FROM device_commands WHERE status = 'sent'";
    assert_eq!(bench.column::<i64>(open).await, [1], "what is behind them is not read");
    bench.post(&path, format!("{result}{much}")).await.is(200, "OK");
    assert_eq!(bench.column::<i64>(open).await, [0]);
}

async fn item_05_a_peer_that_closes_early(database: Database) {
    let bench = Bench::new(database).await;
    bench.registered().await;
    let body = "208\t2026-03-02 08:00:41\t0\t4\t0\t0\t0\n209\t2026-03-02 08:00:4";
    let mut request = post(&format!("cdata?SN={SERIAL}&table=ATTLOG&Stamp=9999"), body);
    request = String::from_utf8(request).unwrap().replace("Content-Length: ", "Content-Length: 1").into_bytes();
    let mut line = bench.line();
    line.write(request).await;
    line.shut().await;
    line.reply().await.is(200, "OK: 1");
    assert!(line.ends().await);
    assert_eq!(bench.column::<String>("SELECT pin FROM punches").await, ["208"]);
}

async fn item_06_every_path_is_answered_but_files(database: Database) {
    let bench = Bench::new(database).await;
    bench.registered().await;
    let asked = [
        "ping?SN=CJX9253300417",
        "heartbeat.aspx?SN=CJX9253300417",
        "rtdata?SN=CJX9253300417&type=time",
        "cdata?SN=CJX9253300417&type=time",
        "cdata?SN=CJX9253300417&table=RemoteAtt&PIN=7",
        "cdata?SN=CJX9253300417&type=LastPunch&PIN=7",
        "cdata?SN=CJX9253300417&table=SELFSERVICEDATA",
        "push?SN=CJX9253300417",
        "nothing/that/exists?SN=CJX9253300417",
        "getrequest",
        "getrequest?SN=",
        "getrequest?SN=%0d%0a",
        "",
    ];
    for target in asked {
        assert_eq!(bench.get(target).await.status(), 200, "{target}");
    }
    let posted = ["event", "exchange", "registry", "fdata", "querydata", "devicecmd", "whatever"];
    for name in posted {
        assert_eq!(bench.post(&format!("{name}?SN={SERIAL}"), "x=1").await.status(), 200, "{name}");
    }
    for target in ["FileName=options.cfg?", "file?SN=CJX9253300417&url=firmware.tgz"] {
        assert_eq!(bench.get(target).await.status(), 404, "{target}");
    }
}

async fn item_07_headers_are_title_case_and_small(database: Database) {
    let bench = Bench::new(database).await;
    bench.writing().await;
    let reply = bench.poll().await;
    assert_eq!(
        reply.head,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: Mon, 02 Mar 2026 05:00:05 GMT\r\nConnection: close\r\n\
         Content-Length: 2\r\n\r\n"
    );
    let handshake = bench.handshake("&pushver=2.4.1").await;
    assert!(handshake.head.len() < 1000, "{}", handshake.head);
    assert_eq!(handshake.header("Content-Length"), Some(&*handshake.bytes.len().to_string()));
    let old = bench.send(format!("GET /iclock/getrequest?SN={SERIAL} HTTP/1.0\r\n\r\n")).await;
    assert!(old.head.starts_with("HTTP/1.0 200 OK\r\n") && old.head.contains("\r\nDate: Mon, "), "{}", old.head);
}

async fn item_07_the_connection_closes_when_the_terminal_expects_it(database: Database) {
    let bench = Bench::new(database).await;
    bench.writing().await;
    let closing = [
        ("HTTP/1.0", ""),
        ("HTTP/1.0", "Connection: keep-alive\r\n"),
        ("HTTP/1.1", "Connection: close\r\n"),
        ("HTTP/1.1", "Connection: Close\r\n"),
        ("HTTP/1.1", "Connection: starting\r\n"),
    ];
    for (version, header) in closing {
        let mut line = bench.line();
        line.write(format!("GET /iclock/getrequest?SN={SERIAL} {version}\r\nHost: x\r\n{header}\r\n")).await;
        assert_eq!(line.reply().await.header("Connection"), Some("close"), "{version} {header}");
        assert!(line.ends().await, "{version} {header}");
    }
    let mut line = bench.line();
    for _ in 0..3 {
        line.write(format!("GET /iclock/getrequest?SN={SERIAL} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
        assert_eq!(line.reply().await.header("Connection"), None);
    }
}

async fn item_08_nothing_is_acknowledged_that_is_not_stored(database: Database) {
    let bench = Bench::new(database).await;
    bench.writing().await;
    let punch = "7\t2026-03-02 08:00:03\t0\t1\n";
    bench.upload("ATTLOG", punch).await.is(200, "OK: 1");
    let elsewhere = bench.another().await;
    assert_eq!(elsewhere.column::<String>("SELECT pin FROM punches").await, ["7"]);
    elsewhere.app.db.close().await;
    bench.app.db.close().await;
    let unstored = [
        bench.upload("ATTLOG", punch).await,
        bench.upload("OPERLOG", "USER PIN=7\tName=Aruna\n").await,
        bench.post(&format!("devicecmd?SN={SERIAL}"), "ID=5&Return=0&CMD=DATA\n").await,
    ];
    for reply in unstored {
        assert_eq!(reply.status(), 503);
        assert!(!reply.body.contains("OK"), "{}", reply.body);
    }
}

async fn item_09_a_record_is_never_a_reason_to_refuse(database: Database) {
    let bench = Bench::new(database).await;
    bench.registered().await;
    let body = "7\t2026-03-02 08:00:03\t0\t1\n7\t2026-03-02 08:00:03\t0\t1\nnonsense\n99999\t2026-03-02 08:00:09\t0\t1\n=\t=\n";
    bench.upload("ATTLOG", body).await.is(200, "OK: 5");
    bench.upload("ATTLOG", body).await.is(200, "OK: 5");
    assert_eq!(bench.column::<i64>("SELECT COUNT(*) FROM punches").await, [2]);
}

async fn an_idle_poll_runs_no_statement(database: Database) {
    let bench = Bench::new(database).await;
    bench.writing().await;
    bench.poll().await.is(200, "OK");
    bench.get("getrequest?SN=XQZ0000000001").await.is(200, "OK");
    bench.app.db.close().await;
    bench.poll().await.is(200, "OK");
    bench.get("getrequest?SN=XQZ0000000001").await.is(200, "OK");
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Log;

    fn make_writer(&'a self) -> Log {
        self.clone()
    }
}
