//! What holds for every call: the envelope, the statuses, the headers, the open doors.

use axum::body::Body;
use http::{Method, Request, header};
use serde_json::json;

use crate::{
    databases::{Database, both_databases},
    server::Server,
};

both_databases! {
    the_open_doors_say_nothing_else,
    unknown_addresses_and_methods_answer_in_the_envelope,
    a_body_that_cannot_be_read_is_refused_in_words,
    the_pages_load_nothing_from_elsewhere,
    a_server_without_its_database_is_not_ready,
    what_cannot_be_written_down_is_not_done,
    requests_are_numbered,
}

async fn the_open_doors_say_nothing_else(database: Database) {
    let server = Server::new(database);
    for path in ["/healthz", "/readyz"] {
        let reply = server.call(Method::GET, None, path, None).await;
        assert_eq!((reply.status, &*reply.text), (200, "ok\n"));
    }
}

async fn unknown_addresses_and_methods_answer_in_the_envelope(database: Database) {
    let server = Server::new(database);
    for path in ["/api/v1/nothing", "/nothing", "/api", "/api/v1/device/nothing"] {
        server.call(Method::GET, None, path, None).await.refusal(404);
    }
    let reply = server.call(Method::DELETE, None, "/api/v1/auth/login", None).await;
    reply.refusal(405);
    assert_eq!(reply.headers["allow"], "POST");
}

async fn a_body_that_cannot_be_read_is_refused_in_words(database: Database) {
    let server = Server::new(database);
    let post = |content_type: &str, body: String| {
        let request = Request::post("/api/v1/auth/login").header(header::CONTENT_TYPE, content_type);
        server.send(request.body(Body::from(body)).unwrap())
    };

    post("application/json", "{\"email\": ".to_owned()).await.refusal(400);
    post("application/json", String::new()).await.refusal(400);
    post("text/plain", "{}".to_owned()).await.refusal(415);
    post("application/json", format!("{{\"email\": \"{}\"}}", "x".repeat(3_000_000))).await.refusal(413);
    let wrong = post("application/json", json!({"email": 5, "password": "p"}).to_string()).await;
    assert!(wrong.refusal(422).starts_with("email: "), "{}", wrong.text);
    let missing = post("application/json", json!({"email": "a@example.org"}).to_string()).await;
    assert!(missing.refusal(422).contains("`password`"), "{}", missing.text);
}

async fn the_pages_load_nothing_from_elsewhere(database: Database) {
    let server = Server::new(database);
    for (path, kind) in [
        ("/assets/rollcall.css", "text/css; charset=utf-8"),
        ("/assets/live.js", "text/javascript; charset=utf-8"),
        ("/assets/icon.svg", "image/svg+xml"),
    ] {
        let asset = server.call(Method::GET, None, path, None).await;
        assert_eq!((asset.status, asset.headers["content-type"].to_str().unwrap()), (200, kind));
        assert!(!asset.text.replace("http://www.w3.org/2000/svg", "").contains("//www"), "{}", asset.text);
        assert!(!asset.text.contains("@import") && !asset.text.contains("url("), "{}", asset.text);
        assert!(asset.headers["cache-control"].to_str().unwrap().contains("immutable"));
    }
    let script = server.call(Method::GET, None, "/assets/live.js", None).await;
    assert!(script.text.lines().count() < 150, "the script stays small");

    let moved = server.call(Method::GET, None, "/api/docs", None).await;
    assert!(moved.status == 200 || moved.headers["location"] == "/api/docs/", "{moved:?}");
    let docs = server.call(Method::GET, None, "/api/docs/", None).await;
    assert_eq!(docs.status, 200);
    assert!(!docs.text.contains("//") && !docs.text.contains("<script>"), "{}", docs.text);
    assert!(docs.headers["content-security-policy"].to_str().unwrap().contains("script-src 'self'"));
    let script = server.call(Method::GET, None, "/api/docs/swagger-initializer.js", None).await;
    assert!(script.text.contains("/api/v1/openapi.json"), "{}", script.text);
    assert!(script.text.contains("\"validatorUrl\": \"none\""), "{}", script.text);
    let missing = server.call(Method::GET, None, "/api/docs/nothing.js", None).await;
    assert_eq!(missing.status, 404);
}

async fn a_server_without_its_database_is_not_ready(database: Database) {
    let server = Server::new(database);
    server.app.db.close().await;
    let reply = server.call(Method::GET, None, "/readyz", None).await;
    assert_eq!((reply.status, &*reply.text), (503, "unavailable\n"));
    let reply = server.call(Method::GET, Some("rc_1"), "/api/v1/auth/me", None).await;
    assert!(reply.refusal(503).contains("database"));
}

async fn what_cannot_be_written_down_is_not_done(database: Database) {
    let server = Server::new(database);
    let superadmin = server.superadmin().await;
    server.sql("ALTER TABLE audit_logs RENAME TO elsewhere", []).await;
    let reply = server.post(&superadmin, "/api/v1/schools", json!({"name": "Kolegji Kristal"})).await;
    assert!(!reply.refusal(500).contains("audit"), "{}", reply.text);
    assert!(server.get(&superadmin, "/api/v1/schools").await.column("id").is_empty());
    assert_eq!(reply.headers["cache-control"], "no-store");
}

async fn requests_are_numbered(database: Database) {
    let server = Server::new(database);
    let reply = server.call(Method::GET, None, "/healthz", None).await;
    assert_eq!(reply.headers["x-request-id"].len(), 16);

    let request = Request::get("/healthz").header("x-request-id", "from-the-proxy-1");
    let reply = server.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(reply.headers["x-request-id"], "from-the-proxy-1");
}
