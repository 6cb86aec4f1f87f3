//! Getting in and out: logins, sessions, tokens, passwords.

use std::sync::Arc;

use http::Method;
use jiff::SignedDuration;
use rollcall::accounts::{
    Role, login, passwords,
    users::{self, NewUser},
};
use serde_json::json;
use tokio::task::JoinSet;

use crate::{
    databases::{Database, both_databases},
    server::{Person, Server},
};

both_databases! {
    a_login_answers_a_token_that_opens_the_door,
    a_wrong_password_and_an_unknown_address_sound_the_same,
    ten_failures_close_the_door_for_a_quarter_of_an_hour,
    guesses_made_at_once_count_as_made_one_by_one,
    the_right_password_behind_many_guesses_of_a_burst_is_refused,
    an_attempt_counts_while_its_password_is_looked_at,
    whoever_gets_it_right_is_never_refused,
    a_session_ends_when_idle_and_a_token_does_not,
    logout_ends_the_session,
    a_new_password_ends_the_other_sessions,
    a_user_who_was_switched_off_is_out_at_once,
    ones_own_password_is_not_changed_without_the_current_one,
    a_token_makes_none_that_outlives_it,
}

const EMAIL: &str = "soumaya.el-idrissi@example.org";
const PASSWORD: &str = "مفتاح الباب الأزرق";

async fn a_login_answers_a_token_that_opens_the_door(database: Database) {
    let server = Server::new(database);
    let school = server.school("Colégio São Tomé").await;
    user(&server, Role::SchoolAdmin, Some(school.0)).await;

    let reply = server.login("  Soumaya.EL-Idrissi@Example.org ", PASSWORD).await;
    let data = reply.data(200);
    assert_eq!(data["user"]["email"], EMAIL);
    assert_eq!(data["user"]["role"], "school_admin");
    assert_eq!(data["user"]["school_id"], school.0);
    assert_eq!(data["user"]["full_name"], "Soumaya El Idrissi");
    assert!(!reply.text.contains("argon2"), "{}", reply.text);

    let me = server.get(&bearer(data), "/api/v1/auth/me").await;
    assert_eq!(me.data(200)["email"], EMAIL);

    let nobody = server.call(Method::GET, None, "/api/v1/auth/me", None).await;
    nobody.refusal(401);
    assert_eq!(nobody.headers["www-authenticate"], "Bearer");
    server.call(Method::GET, Some("rc_0000"), "/api/v1/auth/me", None).await.refusal(401);
}

async fn a_wrong_password_and_an_unknown_address_sound_the_same(database: Database) {
    let server = Server::new(database);
    user(&server, Role::Superadmin, None).await;

    let wrong = server.login(EMAIL, "not this one").await;
    let unknown = server.login("nobody@example.org", PASSWORD).await;
    assert_eq!(wrong.refusal(401), unknown.refusal(401));
    assert_eq!(wrong.text, unknown.text);
    server.login(EMAIL, &"x".repeat(100_000)).await.refusal(401);
}

async fn ten_failures_close_the_door_for_a_quarter_of_an_hour(database: Database) {
    let server = Server::new(database);
    user(&server, Role::Superadmin, None).await;

    for email in [EMAIL, "nobody@example.org"] {
        for _ in 0..10 {
            server.login(email, "wrong").await.refusal(401);
        }
        server.login(email, PASSWORD).await.refusal(429);
    }
    server.wait(SignedDuration::from_mins(15));
    server.login(EMAIL, PASSWORD).await.data(200);
}

async fn guesses_made_at_once_count_as_made_one_by_one(database: Database) {
    let server = Arc::new(Server::new(database));
    user(&server, Role::Superadmin, None).await;

    let mut burst = JoinSet::new();
    for number in 0..20 {
        let server = Arc::clone(&server);
        burst.spawn(async move { server.login(EMAIL, &format!("guess {number}")).await.status });
    }
    let statuses = burst.join_all().await;
    let answered = |wanted| statuses.iter().filter(|status| **status == wanted).count();
    assert_eq!((answered(401), answered(429)), (10, 10));
    server.login(EMAIL, PASSWORD).await.refusal(429);
    server.wait(SignedDuration::from_mins(15));
    server.login(EMAIL, PASSWORD).await.data(200);
}

/// Connections are given in the order in which they are asked for, and a server has twelve: when the thirty-first attempt
/// begins, eighteen others at least have been counted or refused.
async fn the_right_password_behind_many_guesses_of_a_burst_is_refused(database: Database) {
    let server = Arc::new(Server::new(database));
    user(&server, Role::Superadmin, None).await;

    let mut burst: Vec<_> = (0..30).map(|number| format!("guess {number}")).collect();
    burst.push(PASSWORD.to_owned());
    let attempts: Vec<_> = burst
        .into_iter()
        .map(|password| {
            let server = Arc::clone(&server);
            tokio::spawn(async move { server.login(EMAIL, &password).await.status })
        })
        .collect();
    let mut statuses = Vec::new();
    for attempt in attempts {
        statuses.push(attempt.await.unwrap());
    }
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 10, "{statuses:?}");
    assert_eq!(statuses.last(), Some(&429), "{statuses:?}");
}

async fn an_attempt_counts_while_its_password_is_looked_at(database: Database) {
    let server = Server::new(database);
    user(&server, Role::Superadmin, None).await;

    let mut attempts = Vec::new();
    for _ in 0..10 {
        let mut tx = server.app.db.write().await.unwrap();
        attempts.push(login::begin(&mut tx, EMAIL, None, server.now()).await.unwrap());
        tx.commit().await.unwrap();
    }
    server.login(EMAIL, PASSWORD).await.refusal(429);

    // The tenth is right: it and those before it are forgiven.
    let right = attempts.pop().unwrap();
    let (_, counted) = right.verify(PASSWORD.to_owned()).await.unwrap().unwrap();
    let mut tx = server.app.db.write().await.unwrap();
    login::forgive(&mut tx, counted).await.unwrap();
    tx.commit().await.unwrap();
    server.login(EMAIL, PASSWORD).await.data(200);
}

async fn whoever_gets_it_right_is_never_refused(database: Database) {
    let server = Server::new(database);
    user(&server, Role::Superadmin, None).await;

    for _ in 0..50 {
        server.login(EMAIL, PASSWORD).await.data(200);
    }
    let session = bearer(server.login(EMAIL, PASSWORD).await.data(200));
    for _ in 0..12 {
        let same = json!({"current_password": PASSWORD, "new_password": PASSWORD});
        server.post(&session, "/api/v1/auth/password", same).await.data(200);
    }
    assert_eq!(server.rows::<(i64,), 0>("SELECT COUNT(*) FROM login_failures", []).await, [(0,)]);
}

async fn a_session_ends_when_idle_and_a_token_does_not(database: Database) {
    let server = Server::new(database);
    user(&server, Role::Superadmin, None).await;
    let session = bearer(server.login(EMAIL, PASSWORD).await.data(200));
    let token = server.person("token@example.org", Role::Superadmin, None).await;

    for _ in 0..3 {
        server.wait(SignedDuration::from_hours(11));
        server.get(&session, "/api/v1/auth/me").await.data(200);
    }
    server.wait(SignedDuration::from_hours(12));
    server.get(&session, "/api/v1/auth/me").await.refusal(401);
    server.get(&token, "/api/v1/auth/me").await.data(200);
}

async fn logout_ends_the_session(database: Database) {
    let server = Server::new(database);
    user(&server, Role::Superadmin, None).await;
    let session = bearer(server.login(EMAIL, PASSWORD).await.data(200));
    let other = bearer(server.login(EMAIL, PASSWORD).await.data(200));

    server.post(&session, "/api/v1/auth/logout", json!({})).await.data(200);
    server.get(&session, "/api/v1/auth/me").await.refusal(401);
    server.get(&other, "/api/v1/auth/me").await.data(200);
}

async fn a_new_password_ends_the_other_sessions(database: Database) {
    let server = Server::new(database);
    user(&server, Role::Superadmin, None).await;
    let mine = bearer(server.login(EMAIL, PASSWORD).await.data(200));
    let stolen = bearer(server.login(EMAIL, PASSWORD).await.data(200));
    let change = |current: &str, new: &str| json!({"current_password": current, "new_password": new});

    let wrong = server.post(&mine, "/api/v1/auth/password", change("guess", "a longer one")).await;
    assert!(wrong.refusal(422).starts_with("current_password:"));
    let short = server.post(&mine, "/api/v1/auth/password", change(PASSWORD, "short")).await;
    assert!(short.refusal(422).starts_with("new_password:"));

    server.post(&mine, "/api/v1/auth/password", change(PASSWORD, "шесть зелёных дверей")).await.data(200);
    server.get(&mine, "/api/v1/auth/me").await.data(200);
    server.get(&stolen, "/api/v1/auth/me").await.refusal(401);
    server.login(EMAIL, PASSWORD).await.refusal(401);
    server.login(EMAIL, "шесть зелёных дверей").await.data(200);
}

async fn a_user_who_was_switched_off_is_out_at_once(database: Database) {
    let server = Server::new(database);
    let school = server.school("Trường Lê Quý Đôn").await;
    user(&server, Role::Teacher, Some(school.0)).await;
    let session = bearer(server.login(EMAIL, PASSWORD).await.data(200));

    server.sql("UPDATE users SET is_active = FALSE", []).await;
    server.get(&session, "/api/v1/auth/me").await.refusal(401);
    server.login(EMAIL, PASSWORD).await.refusal(401);

    server.sql("UPDATE users SET is_active = TRUE", []).await;
    server.sql("UPDATE schools SET deleted_at = $1", [server.now().into()]).await;
    server.get(&session, "/api/v1/auth/me").await.refusal(401);
    server.login(EMAIL, PASSWORD).await.refusal(401);
}

async fn ones_own_password_is_not_changed_without_the_current_one(database: Database) {
    let server = Server::new(database);
    user(&server, Role::Superadmin, None).await;
    let found = bearer(server.login(EMAIL, PASSWORD).await.data(200));
    let other = server.person("inti.quispe@example.org", Role::Superadmin, None).await;
    let new = json!({"password": "шесть зелёных дверей", "full_name": "Soumaya"});

    let own = format!("/api/v1/users/{}", found.id);
    let refused = server.put(&found, &own, new.clone()).await;
    assert!(refused.refusal(422).starts_with("password: one's own"), "{}", refused.text);
    assert_eq!(server.get(&found, "/api/v1/auth/me").await.data(200)["full_name"], "Soumaya El Idrissi");
    server.put(&found, &own, json!({"full_name": "Soumaya"})).await.data(200);
    server.login(EMAIL, PASSWORD).await.data(200);
    // Whoever forgot his own asks another one.
    server.put(&other, &own, new).await.data(200);
    server.login(EMAIL, "шесть зелёных дверей").await.data(200);
}

async fn a_token_makes_none_that_outlives_it(database: Database) {
    let server = Server::new(database);
    let admin = server.superadmin().await;
    let make = async |by: &Person, name: &str, ends: Option<&str>| {
        server.post(by, "/api/v1/tokens", json!({"name": name, "expires_at": ends})).await
    };
    let of = |reply: &crate::server::Reply| Person {
        token: reply.data(201)["access_token"].as_str().unwrap().to_owned(),
        id: admin.id,
    };
    let day = |days: i64| (server.now() + SignedDuration::from_hours(24 * days)).to_string();
    let (soon, later) = (day(1), day(2));
    let limited = of(&make(&admin, "Bücherei", Some(&later)).await);

    let without = make(&limited, "Schatten", None).await;
    assert_eq!(without.data(201)["expires_at"], later);
    let shorter = make(&limited, "kurz", Some(&soon)).await;
    assert_eq!(shorter.data(201)["expires_at"], soon);
    let longer = make(&limited, "lang", Some(&day(3))).await;
    assert_eq!(longer.refusal(422), "expires_at: the token that makes it ends before that");
    // Also by way of those that it made.
    let grandchild = make(&of(&without), "Enkel", None).await;
    assert_eq!(grandchild.data(201)["expires_at"], later);
    assert_eq!(make(&admin, "ohne Ende", None).await.data(201)["expires_at"], json!(null));

    server.wait(SignedDuration::from_hours(48));
    for token in [&limited, &of(&without), &of(&grandchild)] {
        server.get(token, "/api/v1/auth/me").await.refusal(401);
    }
}

async fn user(server: &Server, role: Role, school: Option<i64>) {
    let password = passwords::hash(PASSWORD.to_owned()).await.unwrap();
    let mut tx = server.app.db.write().await.unwrap();
    let new = NewUser {
        email: EMAIL.to_owned(),
        password,
        role,
        school_id: school.map(rollcall::school::SchoolId),
        full_name: Some(" Soumaya  El Idrissi".to_owned()),
    };
    users::create(&mut tx, new, server.now()).await.unwrap();
    tx.commit().await.unwrap();
}

fn bearer(data: &serde_json::Value) -> Person {
    Person { token: data["accessToken"].as_str().unwrap().to_owned(), id: data["user"]["id"].as_i64().unwrap() }
}
