//! Signing in and out, and forms that other sites send.

use std::net::SocketAddr;

use axum::{body::Body, extract::ConnectInfo};
use http::header;
use jiff::SignedDuration;
use rollcall::{
    accounts::{
        Role, passwords,
        users::{self, NewUser},
    },
    app::App,
    config::Settings,
    devices::registry::Registry,
};

use super::{anonymous, form, page, request, submit};
use crate::{
    databases::{Database, both_databases},
    server::{Person, Reply, Server},
};

both_databases! {
    somebody_signs_in_and_out,
    a_session_ends_when_nobody_uses_it,
    guesses_are_throttled,
    a_form_of_another_site_is_not_carried_out,
    the_own_password_is_changed,
    a_cookie_is_secure_where_the_proxy_says_so,
    who_guesses_through_a_proxy_is_counted_by_his_own_address,
    a_language_is_chosen,
    errors_are_pages,
}

const EMAIL: &str = "aroha.parata@example.org";
const PASSWORD: &str = "kākā in the rātā";

async fn with_somebody(database: Database) -> Server {
    let server = Server::new(database);
    let school = server.school("Te Kura o Ōtepoti").await;
    let mut tx = server.app.db.write().await.unwrap();
    let password = passwords::hash(PASSWORD.to_owned()).await.unwrap();
    let new = NewUser {
        email: EMAIL.to_owned(),
        password,
        role: Role::SchoolAdmin,
        school_id: Some(school),
        full_name: Some("Aroha Pārata".to_owned()),
    };
    users::create(&mut tx, new, server.now()).await.unwrap();
    tx.commit().await.unwrap();
    server
}

async fn sign_in(server: &Server, password: &str) -> Reply {
    submit(server, None, "/sign-in", &[("email", EMAIL), ("password", password), ("next", "/account")]).await
}

fn session(reply: &Reply) -> Person {
    Person { token: reply.cookie("rollcall_session").expect("a session"), id: 0 }
}

async fn somebody_signs_in_and_out(database: Database) {
    let server = with_somebody(database).await;
    assert_eq!(anonymous(&server, "/account").await.goes_to(), "/sign-in?next=%2Faccount");
    assert!(anonymous(&server, "/sign-in?next=%2Faccount").await.page(200).contains("value=\"/account\""));

    let wrong = sign_in(&server, "kākā").await;
    assert!(wrong.page(401).contains(EMAIL) && wrong.text.contains("role=\"alert\""), "{}", wrong.text);
    assert!(!wrong.text.contains("kākā") && wrong.cookie("rollcall_session").is_none());

    let reply = sign_in(&server, PASSWORD).await;
    assert_eq!(reply.goes_to(), "/account");
    let cookie = reply.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("; Path=/; HttpOnly; SameSite=Lax") && !cookie.contains("Secure"), "{cookie}");
    let me = session(&reply);
    assert!(page(&server, &me, "/account").await.page(200).contains("Aroha Pārata"));

    let reply = submit(&server, Some(&me), "/sign-out", &[]).await;
    assert_eq!((reply.goes_to(), reply.cookie("rollcall_session").as_deref()), ("/sign-in", Some("")));
    assert_eq!(page(&server, &me, "/account").await.goes_to(), "/sign-in?next=%2Faccount");
    assert_eq!(server.get(&me, "/api/v1/auth/me").await.status, 401, "it is the same session");
}

async fn a_session_ends_when_nobody_uses_it(database: Database) {
    let server = with_somebody(database).await;
    let me = session(&sign_in(&server, PASSWORD).await);
    server.wait(SignedDuration::from_hours(11));
    page(&server, &me, "/account").await.page(200);
    server.wait(SignedDuration::from_hours(11));
    page(&server, &me, "/account").await.page(200);
    server.wait(SignedDuration::from_hours(12));
    page(&server, &me, "/account").await.goes_to();
}

async fn guesses_are_throttled(database: Database) {
    let server = with_somebody(database).await;
    for _ in 0..10 {
        sign_in(&server, "a guess").await.page(401);
    }
    let reply = sign_in(&server, PASSWORD).await;
    assert!(reply.page(429).contains("quarter of an hour"), "{}", reply.text);
    server.wait(SignedDuration::from_mins(16));
    sign_in(&server, PASSWORD).await.goes_to();
}

async fn a_form_of_another_site_is_not_carried_out(database: Database) {
    let server = with_somebody(database).await;
    let me = session(&sign_in(&server, PASSWORD).await);
    let send = async |name: &'static str, value: &'static str| {
        server.send(form(request(Some(&me), "/sign-out").header(name, value), &[])).await
    };
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("referer", "http://rollcall.example:8081/"),
    ] {
        let reply = send(name, value).await;
        assert!(reply.page(403).contains("another site"), "{}", reply.text);
    }
    page(&server, &me, "/account").await.page(200);
    send("sec-fetch-site", "same-origin").await.goes_to();
    page(&server, &me, "/account").await.goes_to();

    // The API takes no cookies, so a form of another site can do nothing there either.
    let reply = server.send(form(request(Some(&me), "/api/v1/auth/logout"), &[])).await;
    assert_eq!(reply.status, 401);
}

async fn the_own_password_is_changed(database: Database) {
    let server = with_somebody(database).await;
    let me = session(&sign_in(&server, PASSWORD).await);
    let other = session(&sign_in(&server, PASSWORD).await);
    let change = async |current: &str, new: &str| {
        let fields = [("current_password", current), ("new_password", new)];
        submit(&server, Some(&me), "/account/password", &fields).await
    };
    assert!(change("wrong", "tūī and kererū").await.page(422).contains("not your current"));
    assert!(change(PASSWORD, "short").await.page(422).contains("at least 8"));
    let reply = change(PASSWORD, "tūī and kererū").await;
    assert_eq!(reply.goes_to(), "/account");

    let message =
        format!("rollcall_message={}; rollcall_session={}", reply.cookie("rollcall_message").unwrap(), me.token);
    let request = request(None, "/account").header(header::COOKIE, message).body(Body::empty()).unwrap();
    let shown = server.send(request).await;
    assert!(shown.page(200).contains("The password is changed."), "{}", shown.text);
    assert_eq!(shown.cookie("rollcall_message").as_deref(), Some(""), "it is shown once");
    page(&server, &other, "/account").await.goes_to();
    sign_in(&server, PASSWORD).await.page(401);
}

async fn a_cookie_is_secure_where_the_proxy_says_so(database: Database) {
    let server = with_somebody(database).await;
    let is_secure = async |server: &Server, scheme: &str| {
        let origin = format!("{scheme}://rollcall.example:8081");
        let request = from(PROXY, "/sign-in").header("x-forwarded-proto", scheme).header("origin", origin);
        let reply = server.send(form(request, &[("email", EMAIL), ("password", PASSWORD)])).await;
        reply.goes_to();
        reply.headers["set-cookie"].to_str().unwrap().contains("; Secure")
    };
    assert!(!is_secure(&server, "https").await, "nobody said that there is a proxy");
    let behind = behind(&server, "192.0.2.8/31");
    assert!(is_secure(&behind, "https").await);
    assert!(!is_secure(&behind, "http").await);
    assert!(!is_secure(&self::behind(&server, "192.0.2.10"), "https").await, "another one is trusted");
}

async fn who_guesses_through_a_proxy_is_counted_by_his_own_address(database: Database) {
    let server = with_somebody(database).await;
    let behind = behind(&server, "192.0.2.8/31");
    let guess = async |hops: &str| {
        let request =
            from(PROXY, "/sign-in").header("x-forwarded-for", hops).header("origin", "http://rollcall.example:8081");
        behind.send(form(request, &[("email", EMAIL), ("password", "qwertyuiop")])).await.status
    };
    for number in 0..10 {
        assert_eq!(
            guess(&format!("192.0.2.{number}, 203.0.113.7")).await,
            401,
            "what he writes himself counts nothing"
        );
    }
    assert_eq!(guess("203.0.113.7").await, 429);
    assert_eq!(guess("203.0.113.8").await, 401);
}

const PROXY: [u8; 4] = [192, 0, 2, 9];

fn from(peer: [u8; 4], path: &str) -> http::request::Builder {
    request(None, path).extension(ConnectInfo(SocketAddr::from((peer, 40_000))))
}

/// The same with proxies in front.
fn behind(server: &Server, proxies: &str) -> Server {
    let settings = Settings { trusted_proxies: proxies.parse().unwrap(), ..Settings::default() };
    Server::of(&App::with(server.app.db.clone(), settings, server.app.clock.clone(), Registry::default()))
}

async fn a_language_is_chosen(database: Database) {
    let server = with_somebody(database).await;
    let ask = async |name: &'static str, value: &str| {
        server.send(request(None, "/sign-in").header(name, value).body(Body::empty()).unwrap()).await
    };
    assert!(ask("accept-language", "es-EC,es;q=0.9").await.page(200).contains("<html lang=\"es\" dir=\"ltr\">"));
    assert!(ask("accept-language", "de").await.page(200).contains("<html lang=\"en\""));
    let reply = submit(&server, None, "/language", &[("chosen", "es"), ("back", "/sign-in")]).await;
    assert_eq!((reply.goes_to(), reply.cookie("rollcall_language").as_deref()), ("/sign-in", Some("es")));
    assert!(ask("cookie", "rollcall_language=es").await.page(200).contains("Iniciar sesión"));
    let reply = submit(&server, None, "/language", &[("chosen", "xx"), ("back", "//evil.example/")]).await;
    assert_eq!((reply.goes_to(), reply.cookie("rollcall_language").as_deref()), ("/", Some("en")));
}

async fn errors_are_pages(database: Database) {
    let server = with_somebody(database).await;
    let me = session(&sign_in(&server, PASSWORD).await);
    let ask = async |path: &str, accept: &str| {
        server.send(request(Some(&me), path).header("accept", accept).body(Body::empty()).unwrap()).await
    };
    let reply = ask("/nowhere", "text/html,application/xhtml+xml").await;
    assert!(reply.page(404).contains("There is nothing here"), "{}", reply.text);
    assert!(ask("/nowhere", "*/*").await.refusal(404).contains("nothing"));
    assert!(ask("/api/v1/nowhere", "text/html").await.refusal(404).contains("nothing"));
    let reply = ask("/first-start/school", "text/html").await;
    assert!(reply.page(403).contains("superadmin"), "{}", reply.text);
}
