//! The pages as a browser shows them. Chromium runs without a window; without Chromium these tests fail.

mod every;
mod office;
mod proof;
pub mod school;
mod stories;

use std::{fs, net::TcpListener, panic::AssertUnwindSafe, path::PathBuf, process::Command};

use fantoccini::{Client, ClientBuilder, Locator};
use futures_util::FutureExt as _;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::{
    databases::{Database, both_databases},
    processes::program::{Program, Serving, until},
};

both_databases! {
    the_page_of_the_api_lists_its_operations,
}

async fn the_page_of_the_api_lists_its_operations(database: Database) {
    let serving = Serving::start(&database.url, &[]).await;
    let address = serving.url("/api/docs");
    browse(async |page| {
        page.client.goto(&address).await.unwrap();
        page.wait_for("students").await;
        for group in page.client.find_all(Locator::Css(".opblock-tag")).await.unwrap() {
            group.click().await.unwrap();
        }
        let text = page.wait_for("sync-students").await;
        for operation in ["/api/v1/auth/login", "/api/v1/students", "/api/v1/devices", "/sync-status"] {
            assert!(text.contains(operation), "{operation} is missing: {text}");
        }
        page.is_self_contained(&address).await;
    })
    .await;
}

/// A tab of a browser.
struct Page {
    client: Client,
    driver: String,
}

/// Runs this with a browser of its own, which is closed in the end, however that comes.
async fn browse(visit: impl AsyncFnOnce(&Page)) {
    browse_with(json!({}), visit).await;
}

/// The same with a browser in which somebody changed something.
async fn browse_with(preferences: Json, visit: impl AsyncFnOnce(&Page)) {
    let profile = tempfile::tempdir().unwrap();
    // Free a moment ago; the driver says so if it is not any more.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = Command::new("chromedriver");
    command.arg(format!("--port={port}"));
    let mut driver = Program::start(command, "");
    until("chromedriver has started", async || {
        driver.must_run();
        driver.out().contains("started successfully").then_some(())
    })
    .await;

    let driver_address = format!("http://127.0.0.1:{port}");
    let client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
        .capabilities(capabilities(&profile, &preferences))
        .connect(&driver_address)
        .await
        .expect("Chromium starts");
    let page = Page { client: client.clone(), driver: driver_address };
    let visited = AssertUnwindSafe(visit(&page)).catch_unwind().await;
    client.close().await.unwrap();
    driver.kill();
    visited.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

fn capabilities(profile: &TempDir, preferences: &Json) -> fantoccini::wd::Capabilities {
    let arguments = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        "--window-size=1280,900",
    ];
    let own = format!("--user-data-dir={}", profile.path().display());
    let arguments: Vec<&str> = arguments.into_iter().chain([own.as_str()]).collect();
    let capabilities = json!({
        "goog:chromeOptions": {"args": arguments, "prefs": preferences},
        "goog:loggingPrefs": {"browser": "ALL"},
    });
    capabilities.as_object().cloned().unwrap_or_default()
}

impl Page {
    /// What can be read there. Where an address may break into lines, the page has characters of no width.
    async fn text(&self, place: &str) -> String {
        let text = self.client.find(Locator::Css(place)).await.unwrap().text().await.unwrap();
        text.replace('\u{200b}', "")
    }

    /// The page's text once this is in it.
    async fn wait_for(&self, words: &str) -> String {
        until(&format!("the page says {words:?}"), async || {
            // Between two pages there is none.
            let body = self.client.find(Locator::Css("body")).await.ok()?;
            let text = body.text().await.ok()?.replace('\u{200b}', "");
            text.contains(words).then_some(text)
        })
        .await
    }

    /// Everything came from where the page came from, and the browser has nothing to complain about: no missing file, no
    /// script's error, nothing that the page's own policy forbids.
    async fn is_self_contained(&self, address: &str) {
        let origin = address.split('/').take(3).collect::<Vec<_>>().join("/");
        let script = "return performance.getEntries().map(entry => entry.name).filter(name => name.includes('://'))";
        let loaded = self.client.execute(script, vec![]).await.unwrap();
        let loaded: Vec<&str> = loaded.as_array().unwrap().iter().filter_map(Json::as_str).collect();
        assert!(loaded.len() > 1, "nothing beside the page itself was loaded: {loaded:?}");
        let foreign: Vec<_> = loaded.iter().filter(|name| !name.starts_with(&origin)).collect();
        assert!(foreign.is_empty(), "loaded from elsewhere: {foreign:?}");

        let session = self.client.session_id().await.unwrap().unwrap();
        let log = reqwest::Client::new().post(format!("{}/session/{session}/se/log", self.driver));
        let log: Json = log.json(&json!({"type": "browser"})).send().await.unwrap().json().await.unwrap();
        let complaints: Vec<&Json> = log["value"]
            .as_array()
            .unwrap_or_else(|| panic!("no log: {log}"))
            .iter()
            .filter(|line| !is_refusal(line))
            .collect();
        assert!(complaints.is_empty(), "{complaints:#?}");
    }

    async fn goto(&self, address: &str) {
        self.client.goto(address).await.unwrap();
    }

    /// Types into the field with this name, whatever was there before.
    async fn fill(&self, name: &str, text: &str) {
        let field = self.client.find(Locator::Css(&format!("[name={name}]"))).await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Presses what can be seen with these words on it, or that is said to be so.
    async fn press(&self, words: &str) {
        let path = format!(
            "//*[self::button or self::a or self::summary][normalize-space() = '{words}' or @aria-label = '{words}']"
        );
        until(&format!("{words:?} can be pressed"), async || {
            for found in self.client.find_all(Locator::XPath(&path)).await.ok()? {
                if found.is_displayed().await.unwrap_or(false) && found.click().await.is_ok() {
                    return Some(());
                }
            }
            None
        })
        .await;
    }

    /// A command of the browser's own protocol.
    async fn tell_browser(&self, command: &str, parameters: Json) {
        let session = self.client.session_id().await.unwrap().unwrap();
        let address = format!("{}/session/{session}/goog/cdp/execute", self.driver);
        let body = json!({"cmd": command, "params": parameters});
        let answer = reqwest::Client::new().post(address).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// Shows pages in the light or in the dark, on a screen of this size.
    async fn look_like(&self, scheme: &str, (width, height): (u32, u32)) {
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.tell_browser("Emulation.setEmulatedMedia", media).await;
        let screen = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.tell_browser("Emulation.setDeviceMetricsOverride", screen).await;
    }

    /// Keeps what is seen in `target/screenshots`, for people to look at.
    async fn keep_picture(&self, name: &str) {
        let folder = target().join("screenshots");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{name}.png")), self.client.screenshot().await.unwrap()).unwrap();
    }

    /// What is hard to use for somebody who sees little, or hears the page: judged by axe-core.
    async fn is_accessible(&self, what: &str) {
        let axe = fs::read_to_string(target().join("axe-core/package/axe.min.js"))
            .expect("axe-core is there: `make tools` fetches it");
        self.client.execute(&axe, vec![]).await.unwrap();
        let run = "const done = arguments[arguments.length - 1];
            axe.run(document, {resultTypes: ['violations']}).then(result => done(result.violations.map(violation =>
              violation.id + ': ' + violation.help + ' ' + violation.nodes.map(node => node.html).slice(0, 3).join(' | '))))";
        let found = self.client.execute_async(run, vec![]).await.unwrap();
        assert_eq!(found, json!([]), "{what}");
    }
}

/// A form that was filled in wrongly is shown again, which the browser notes as well.
fn is_refusal(line: &Json) -> bool {
    line["message"].as_str().is_some_and(|message| message.contains("the server responded with a status of 422"))
}

/// The folder of what is built.
fn target() -> PathBuf {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_rollcall"));
    program.ancestors().nth(2).expect("target/debug/rollcall").to_owned()
}
