//! What people do with the dashboard, from the first start on: the real program, real terminals over HTTP, a real browser.

use fantoccini::Locator;
use serde_json::{Value as Json, json};

use super::{Page, browse, browse_with};
use crate::{
    databases::{Database, both_databases},
    processes::program::{Program, Serving, rollcall_reading, until},
};

both_databases! {
    from_the_first_start_to_the_first_terminal_in_step,
    somebody_who_failed_is_retried_and_everybody_is_sent_again,
    guesses_end_at_a_closed_door,
    the_main_path_works_without_script,
}

const EMAIL: &str = "thuy.nguyen@example.org";
const PASSWORD: &str = "một hai ba bốn";
/// A terminal calls every second, so that nobody waits.
const QUICK: [&str; 2] = ["--poll-delay", "1s"];

async fn from_the_first_start_to_the_first_terminal_in_step(database: Database) {
    let serving = Serving::start(&database.url, &QUICK).await;
    let code = until("the server prints a code", async || {
        let text = serving.program.err();
        let (_, rest) = text.split_once("with the code")?;
        Some(rest.split_whitespace().next()?.to_owned())
    })
    .await;
    browse(async |page| {
        page.goto(&serving.url("/")).await;
        page.wait_for("Make yourself the first admin").await;
        page.fill("code", "aaaa-bbbb-cccc").await;
        page.fill("full_name", "Nguyễn Thủy").await;
        page.fill("email", EMAIL).await;
        page.fill("password", PASSWORD).await;
        page.press("Continue").await;
        page.wait_for("This is not the code").await;
        page.fill("code", &code).await;
        page.fill("password", PASSWORD).await;
        page.press("Continue").await;

        page.wait_for("Name of the school").await;
        page.fill("name", "Trường Lê Lợi").await;
        page.fill("timezone", "Asia/Ho_Chi_Minh").await;
        page.press("Create the school").await;
        page.wait_for("No terminal has called yet").await;
        page.is_self_contained(&serving.url("/")).await;

        let _terminal = simulate(&serving, &database.url);
        page.wait_for("SIM0001").await;
        page.fill("device_name", "Cổng chính").await;
        page.press("Claim SIM0001").await;
        page.wait_for("Cổng chính is yours").await;
        page.wait_for("Nobody belongs on this terminal yet").await;

        let token = token(&serving).await;
        for number in 0..5 {
            enrol(&serving, &token, number).await;
        }
        page.wait_for("5 of 5").await;
        page.press("Verify now").await;
        page.wait_for("In step").await;
        page.is_self_contained(&serving.url("/")).await;

        assert!(page.text("#link").await.contains("Live"));
        serving.program.kill();
        page.wait_for("Reconnecting").await;
    })
    .await;
}

async fn somebody_who_failed_is_retried_and_everybody_is_sent_again(database: Database) {
    let (serving, _terminal) = running(&database).await;
    browse(async |page| {
        sign_in(page, &serving).await;
        page.press("Gate").await;
        page.wait_for("5 of 5").await;
        page.client.execute("window.stays = 'as it was'", vec![]).await.unwrap();
        page.press("Sync all students").await;
        page.fill("search", "typed").await;
        let mut tx = database.db.write().await.unwrap();
        let fail = "UPDATE device_user_sync_status SET failed_version = wanted_version, confirmed_version = 0,
            error_message = 'the terminal refused the card' WHERE student_id = 2";
        tx.execute(fail, []).await.unwrap();
        tx.commit().await.unwrap();
        page.wait_for("Needs attention").await;
        let kept = "return [document.activeElement.name, document.activeElement.value,
            document.querySelector('details.ask').open]";
        let kept = page.client.execute(kept, vec![]).await.unwrap();
        assert_eq!(kept, json!(["search", "typed", true]), "what somebody was doing stays");
        page.press("Sync all students").await;
        let retry = format!("Retry {}", person(1));
        page.press(&retry).await;
        page.wait_for("Queued again.").await;
        page.wait_for("5 of 5").await;

        page.press("Sync all students").await;
        page.wait_for("Nobody is removed first").await;
        page.press("Send all 5").await;
        page.wait_for("Queued for 5 students.").await;
        page.wait_for("0 of 5").await;
        page.wait_for("5 of 5").await;
        let stays = page.client.execute("return window.stays", vec![]).await.unwrap();
        assert_eq!(stays, json!("as it was"), "all of that without another page");
        page.is_self_contained(&serving.url("/")).await;
    })
    .await;
}

async fn guesses_end_at_a_closed_door(database: Database) {
    let serving = Serving::start(&database.url, &[]).await;
    add_user(&database.url).await;
    browse(async |page| {
        page.goto(&serving.url("/")).await;
        for _ in 0..10 {
            page.fill("email", EMAIL).await;
            page.fill("password", "a guess").await;
            page.press("Sign in").await;
            page.wait_for("is wrong").await;
        }
        page.fill("email", EMAIL).await;
        page.fill("password", PASSWORD).await;
        page.press("Sign in").await;
        page.wait_for("Try again in a quarter of an hour").await;
    })
    .await;
}

async fn the_main_path_works_without_script(database: Database) {
    let (serving, _terminal) = running(&database).await;
    let without_script = json!({"profile.managed_default_content_settings.javascript": 2});
    browse_with(without_script, async |page| {
        sign_in(page, &serving).await;
        page.press("Gate").await;
        page.wait_for("What it is").await;
        let scripted = page.client.find(Locator::Css("html.scripted")).await;
        assert!(scripted.is_err(), "no script runs");
        page.press("Sync all students").await;
        page.press("Send all 5").await;
        page.wait_for("Queued for 5 students.").await;
        until("everybody is there again", async || {
            page.client.refresh().await.ok()?;
            let main = page.client.find(Locator::Css("main")).await.ok()?;
            main.text().await.ok()?.contains("5 of 5").then_some(())
        })
        .await;
        page.press("Verify now").await;
        page.wait_for("on its next calls").await;
        page.fill("search", &person(3)).await;
        page.press("Show").await;
        page.wait_for(&person(3)).await;
        assert!(!page.text("main").await.contains(&person(2)));
        page.press("Commands").await;
        page.wait_for("DATA UPDATE").await;
    })
    .await;
}

/// A server with a school, a terminal named Gate in step with five students, and somebody who can sign in.
async fn running(database: &Database) -> (Serving, Program) {
    let serving = Serving::start(&database.url, &QUICK).await;
    add_user(&database.url).await;
    let token = token(&serving).await;
    let school = json!({"name": "Trường Lê Lợi", "timezone": "Asia/Ho_Chi_Minh"});
    call(&serving, &token, "/api/v1/schools", school).await;
    let device = json!({"school_id": 1, "serial_number": "SIM0001", "device_name": "Gate"});
    call(&serving, &token, "/api/v1/devices", device).await;
    for number in 0..5 {
        enrol(&serving, &token, number).await;
    }
    let terminal = simulate(&serving, &database.url);
    (serving, terminal)
}

async fn sign_in(page: &Page, serving: &Serving) {
    page.goto(&serving.url("/")).await;
    page.fill("email", EMAIL).await;
    page.fill("password", PASSWORD).await;
    page.press("Sign in").await;
    page.wait_for("Terminals").await;
}

fn simulate(serving: &Serving, url: &str) -> Program {
    Program::rollcall(url, &["simulate", "--server", &serving.url(""), "--terminals", "1", "--profile", "zam180"], "")
}

async fn add_user(url: &str) {
    let add = ["user", "add", EMAIL, "--role", "superadmin", "--password-stdin"];
    rollcall_reading(url, &add, &format!("{PASSWORD}\n")).await.done();
}

async fn token(serving: &Serving) -> String {
    let credentials = json!({"email": EMAIL, "password": PASSWORD});
    let answer =
        reqwest::Client::new().post(serving.url("/api/v1/auth/login")).json(&credentials).send().await.unwrap();
    let answer: Json = answer.json().await.unwrap();
    answer["data"]["accessToken"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

async fn call(serving: &Serving, token: &str, path: &str, body: Json) {
    let request = reqwest::Client::new().post(serving.url(path)).bearer_auth(token).json(&body);
    let answer = request.send().await.unwrap();
    assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
}

async fn enrol(serving: &Serving, token: &str, number: usize) {
    let fields = json!({"school_id": 1, "full_name": person(number), "rfid_card_id": (4_700 + number).to_string()});
    call(serving, token, "/api/v1/students", fields).await;
}

fn person(number: usize) -> String {
    crate::stories::people::name(number)
}
