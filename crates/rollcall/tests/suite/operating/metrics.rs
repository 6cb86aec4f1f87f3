//! `/metrics`: in Prometheus' format, with numbers that move, for those whom it concerns.

#![expect(clippy::float_cmp, reason = "counts are whole numbers")]

use std::{collections::BTreeMap, net::SocketAddr};

use axum::{body::Body, extract::ConnectInfo};
use http::{Request, header};
use rollcall::{accounts::Role, app::App, config::Settings};
use serde_json::json;
use terminal_simulator::Profile;

use crate::{
    databases::{Database, both_databases},
    server::{Reply, Server},
    stories::campus::Campus,
};

both_databases! {
    what_happened_is_counted,
    a_repair_is_no_edit,
    who_may_look,
    without_its_database_a_server_still_says_so,
}

const HERE: [u8; 4] = [127, 0, 0, 1];
const ELSEWHERE: [u8; 4] = [192, 0, 2, 7];

async fn ask(server: &Server, from: [u8; 4], headers: &[(&str, &str)]) -> Reply {
    let mut request = Request::builder().uri("/metrics").extension(ConnectInfo(SocketAddr::from((from, 40_000))));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    server.send(request.body(Body::empty()).unwrap()).await
}

/// The page as a scraper reads it: every sample has a type and a help text, and stands once.
fn parse(page: &str) -> BTreeMap<String, f64> {
    let (mut samples, mut types, mut helps) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    for line in page.lines().filter(|line| !line.is_empty()) {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "counters end in _total: {line}");
            assert_eq!(types.insert(name.to_owned(), kind.to_owned()), None, "one type each: {line}");
        } else if let Some(rest) = line.strip_prefix("# HELP ") {
            helps.push(rest.split_once(' ').unwrap().0.to_owned());
        } else {
            let (sample, value) = line.rsplit_once(' ').unwrap();
            let name = sample.split('{').next().unwrap();
            assert!(name.starts_with("rollcall_"), "{line}");
            let family = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part)).unwrap_or(name);
            assert!(types.contains_key(family) || types.contains_key(name), "{line} has no type");
            assert!(helps.iter().any(|help| help == family || help == name), "{line} has no help");
            assert_eq!(samples.insert(sample.to_owned(), value.parse().unwrap()), None, "once: {line}");
        }
    }
    samples
}

async fn metrics(server: &Server) -> BTreeMap<String, f64> {
    let reply = ask(server, HERE, &[]).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert!(reply.headers[header::CONTENT_TYPE].to_str().unwrap().starts_with("text/plain; version=0.0.4"));
    parse(&reply.text)
}

async fn what_happened_is_counted(database: Database) {
    let mut campus = Campus::open(database).await;
    let before = metrics(&campus.world.server).await;
    for name in [
        "rollcall_polls_total",
        "rollcall_handshakes_total",
        "rollcall_commands_total{outcome=\"completed\"}",
        "rollcall_punches_stored_total",
        "rollcall_punches_refused_total{reason=\"busy\"}",
        "rollcall_drift_open{kind=\"missing\"}",
        "rollcall_held{change=\"removal\"}",
        "rollcall_unknown_terminals",
    ] {
        assert_eq!(before.get(name), Some(&0.0), "{name} is there before anything happens");
    }
    assert_eq!(before["rollcall_database_up"], 1.0);
    assert!(before.keys().any(|name| name.starts_with("rollcall_build_info{") && name.contains("version=\"")));

    campus.enrol_many(5).await;
    let device = campus.terminal("CJX9253300417", Profile::zam180()).await;
    campus.in_step(device).await;
    campus.read_back(device).await;
    let morning = campus.world.fleet.terminals()[0].local(campus.world.now());
    campus.world.fleet.terminal(0).punch("1", morning);
    campus.run_for(60).await;
    campus.world.fleet.add(terminal_simulator::Terminal::new("QPR8231700021", Profile::zam180(), 2));
    campus.run_for(60).await;

    let after = metrics(&campus.world.server).await;
    assert!(after["rollcall_polls_total"] > 3.0 && after["rollcall_handshakes_total"] >= 2.0);
    assert!(after["rollcall_commands_total{outcome=\"sent\"}"] >= 5.0);
    assert!(after["rollcall_commands_total{outcome=\"completed\"}"] >= 5.0);
    assert_eq!(after["rollcall_punches_stored_total"], 1.0);
    assert_eq!(after["rollcall_edit_to_acknowledged_seconds_count"], 5.0);
    assert_eq!(after["rollcall_edit_to_verified_seconds_count"], 5.0);
    assert!(after["rollcall_edit_to_acknowledged_seconds_sum"] > 0.0);
    assert!(
        after["rollcall_edit_to_verified_seconds_sum"] >= after["rollcall_edit_to_acknowledged_seconds_sum"],
        "nobody is verified before he is acknowledged"
    );
    assert_eq!(
        after["rollcall_edit_to_verified_seconds_bucket{le=\"+Inf\"}"],
        after["rollcall_edit_to_verified_seconds_count"]
    );
    assert!(after["rollcall_write_transaction_seconds_count"] > before["rollcall_write_transaction_seconds_count"]);
    assert_eq!(after["rollcall_terminals{state=\"online\"}"], 1.0);
    assert_eq!(after["rollcall_unknown_terminals"], 1.0);
    assert_eq!(after["rollcall_students_on_terminals{status=\"synced\"}"], 5.0);

    let numbers: Vec<_> = after.keys().filter(|name| name.contains("CJX") || name.contains("Colegio")).collect();
    assert!(numbers.is_empty(), "nothing about anybody: {numbers:?}");
}

async fn a_repair_is_no_edit(database: Database) {
    let mut campus = Campus::open(database).await;
    let students = campus.enrol_many(2).await;
    let device = campus.terminal("CJX9253300417", Profile::zam180()).await;
    campus.in_step(device).await;
    campus.read_back(device).await;
    let arrived = |samples: &BTreeMap<String, f64>| {
        ["acknowledged", "verified"].map(|what| samples[&format!("rollcall_edit_to_{what}_seconds_count")])
    };
    assert_eq!(arrived(&metrics(&campus.world.server).await), [2.0, 2.0]);

    campus.world.fleet.terminal(0).remove_at_keypad("1");
    campus.read_back(device).await;
    campus.read_back(device).await;
    campus.agree(device).await;
    assert_eq!(arrived(&metrics(&campus.world.server).await), [2.0, 2.0], "he was wanted all the time");

    campus.change(students[0], json!({"full_name": "Sione Tāufaʻāhau"})).await;
    campus.in_step(device).await;
    campus.read_back(device).await;
    assert_eq!(arrived(&metrics(&campus.world.server).await), [3.0, 3.0]);
}

async fn who_may_look(database: Database) {
    let server = Server::new(database);
    let school = server.school("Escola Tupã").await;
    let admin = server.person("aroha.ngata@example.org", Role::SchoolAdmin, Some(school)).await;
    let superadmin = server.superadmin().await;
    let bearer = |token: &str| format!("Bearer {token}");

    assert_eq!(ask(&server, HERE, &[]).await.status, 200);
    assert_eq!(ask(&server, ELSEWHERE, &[]).await.status, 401);
    assert_eq!(ask(&server, ELSEWHERE, &[("authorization", &bearer(&admin.token))]).await.status, 403);
    assert_eq!(ask(&server, ELSEWHERE, &[("authorization", &bearer(&superadmin.token))]).await.status, 200);
    for header in ["x-forwarded-for", "forwarded", "via"] {
        let reply = ask(&server, HERE, &[(header, "203.0.113.9")]).await;
        assert_eq!(reply.status, 401, "a proxy on this machine is not everybody behind it: {header}");
    }
    assert_eq!(server.call(http::Method::GET, None, "/metrics", None).await.status, 401, "nobody knows from where");

    // Where there are proxies, one that says nothing of whom it speaks for looks like this machine.
    let settings = Settings { trusted_proxies: "10.0.0.1".parse().unwrap(), ..(*server.app.settings).clone() };
    let behind = Server::of(&App { settings: settings.into(), ..server.app.clone() });
    assert_eq!(ask(&behind, HERE, &[]).await.status, 401);
    assert_eq!(ask(&behind, HERE, &[("authorization", &bearer(&superadmin.token))]).await.status, 200);
}

async fn without_its_database_a_server_still_says_so(database: Database) {
    let server = Server::new(database);
    assert_eq!(metrics(&server).await["rollcall_database_up"], 1.0);
    server.app.db.close().await;
    let samples = metrics(&server).await;
    assert_eq!(samples["rollcall_database_up"], 0.0);
    assert!(samples["rollcall_unknown_terminals"].is_nan());
    assert!(samples.contains_key("rollcall_polls_total"));
}
