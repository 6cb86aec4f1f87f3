//! The first admin, and what he needs, from an empty database on.

use serde_json::{Value as Json, json};

use super::program::{Serving, rollcall, rollcall_reading};
use crate::databases::{Database, both_databases};

both_databases! {
    the_first_serve_says_how_to_make_the_first_admin,
    an_admin_made_before_the_first_serve_logs_in_until_his_password_is_changed,
    a_user_who_cannot_be_made_is_refused_in_words,
    a_token_is_printed_alone_and_opens_the_api,
}

const PASSWORD: &str = "ñandú y cóndor";
const ADMIN: [&str; 6] = ["user", "add", "inti.quispe@example.org", "--role", "superadmin", "--password-stdin"];

async fn the_first_serve_says_how_to_make_the_first_admin(database: Database) {
    let blank = database.blank().await;
    let advice = "rollcall user add you@example.org --role superadmin";
    let serving = Serving::start(&blank.url, &[]).await;
    serving.program.signal("TERM");
    let ended = serving.program.end().await;
    assert!(ended.err.contains(advice), "{}", ended.err);
    ended.done();

    rollcall_reading(&blank.url, &ADMIN, PASSWORD).await.done();
    let serving = Serving::start(&blank.url, &[]).await;
    serving.program.signal("TERM");
    let ended = serving.program.end().await;
    assert!(!ended.err.contains(advice), "{}", ended.err);
}

async fn an_admin_made_before_the_first_serve_logs_in_until_his_password_is_changed(database: Database) {
    let blank = database.blank().await;
    let made = rollcall_reading(&blank.url, &ADMIN, &format!("{PASSWORD}\n")).await;
    assert_eq!(made.done(), "inti.quispe@example.org may log in as superadmin\n");
    let listed = rollcall(&blank.url, &["user", "list"]).await;
    assert_eq!(listed.done(), "inti.quispe@example.org  superadmin\n");

    let serving = Serving::start(&blank.url, &[]).await;
    let login = async |password: &str| {
        let body = json!({"email": "inti.quispe@example.org", "password": password});
        let answer = reqwest::Client::new().post(serving.url("/api/v1/auth/login")).json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Json>().await.unwrap())
    };
    let (status, answer) = login(PASSWORD).await;
    assert_eq!((status, &answer["data"]["user"]["role"]), (200, &json!("superadmin")), "{answer}");
    let token = answer["data"]["accessToken"].as_str().unwrap();
    assert_eq!(schools(&serving, token).await, 200);
    assert_eq!(login("condor").await.0, 401);

    let change = ["user", "password", "inti.quispe@example.org", "--password-stdin"];
    rollcall_reading(&blank.url, &change, "tres llamas blancas").await.done();
    assert_eq!(schools(&serving, token).await, 401, "whoever knew the old password is out");
    assert_eq!((login(PASSWORD).await.0, login("tres llamas blancas").await.0), (401, 200));
}

async fn a_user_who_cannot_be_made_is_refused_in_words(database: Database) {
    rollcall_reading(&database.url, &ADMIN, PASSWORD).await.done();
    let again = rollcall_reading(&database.url, &ADMIN, PASSWORD).await;
    assert!(again.refused(1).contains("inti.quispe@example.org"), "{again:?}");

    let short = ["user", "add", "aroha@example.org", "--role", "superadmin", "--password-stdin"];
    let short = rollcall_reading(&database.url, &short, "abc").await;
    assert!(short.refused(1).contains("at least"), "{short:?}");

    let nowhere = ["user", "add", "aroha@example.org", "--role", "teacher", "--password-stdin"];
    let nowhere = rollcall_reading(&database.url, &nowhere, PASSWORD).await;
    assert!(nowhere.refused(1).contains("school"), "{nowhere:?}");

    let nobody = rollcall(&database.url, &["user", "add", "aroha@example.org", "--role", "superadmin"]).await;
    assert!(nobody.refused(1).contains("--password-stdin"), "{nobody:?}");
    assert_eq!(rollcall(&database.url, &["user", "list"]).await.done().lines().count(), 1);
}

async fn a_token_is_printed_alone_and_opens_the_api(database: Database) {
    rollcall_reading(&database.url, &ADMIN, PASSWORD).await.done();
    let ended = rollcall(&database.url, &["token", "create", "inti.quispe@example.org"]).await;
    let token = ended.done().strip_suffix('\n').unwrap();
    assert!(token.len() > 20 && token.chars().all(|letter| letter.is_ascii_graphic()), "{token:?}");

    let serving = Serving::start(&database.url, &[]).await;
    assert_eq!(schools(&serving, token).await, 200);
    let (front, last) = token.split_at(token.len() - 1);
    let other = format!("{front}{}", if last == "0" { "1" } else { "0" });
    assert_eq!(schools(&serving, &other).await, 401);

    let nobody = rollcall(&database.url, &["token", "create", "nobody@example.org"]).await;
    assert!(nobody.refused(1).contains("nobody@example.org"), "{nobody:?}");
    let past = ["token", "create", "inti.quispe@example.org", "--until", "2001-01-01"];
    rollcall(&database.url, &past).await.refused(1);
}

/// What a list of the schools is answered.
async fn schools(serving: &Serving, token: &str) -> u16 {
    let schools = reqwest::Client::new().get(serving.url("/api/v1/schools")).bearer_auth(token);
    schools.send().await.unwrap().status().as_u16()
}
