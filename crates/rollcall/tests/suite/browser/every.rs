//! Every page, in the light and in the dark, on a phone and on a wide screen: judged by axe-core, not wider than its screen,
//! and kept as a picture.

use rollcall::web::pages::words::Words;
use serde_json::json;

use super::{Page, browse, office, school::School};
use crate::{
    databases::Database,
    pages::{schools, words::INVENTED},
    server::{Person, Server},
};

const PAGES: &[(&str, &str)] = &[
    ("overview", "/"),
    ("terminal", "/terminals/2?sort=status"),
    ("terminal-new", "/terminals/4"),
    ("differences", "/terminals/2/drift"),
    ("commands", "/terminals/1/commands"),
    ("about", "/terminals/3/about"),
    ("settings", "/terminals/1/settings"),
    ("timeline", "/terminals/2/students/7"),
    ("connect", "/connect"),
    ("account", "/account"),
    ("first-school", "/first-start/school"),
    ("not-found", "/terminals/99"),
];

const PHONE: (u32, u32) = (360, 800);
const DESK: (u32, u32) = (1360, 900);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_can_be_used_by_everybody() {
    let school = School::open(Database::sqlite().await).await;
    browse(async |page| {
        page.goto(&school.url("/sign-in")).await;
        look_at(page, "sign-in").await;
        sign_in(page, &school).await;
        for (name, path) in PAGES {
            page.goto(&school.url(path)).await;
            look_at(page, name).await;
        }
    })
    .await;
}

/// More schools than a list holds, more terminals than a page.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_of_many_schools_can_be_used_by_everybody() {
    let school = School::open(Database::sqlite().await).await;
    let server = &school.campus.world.server;
    schools::found(server, 2..131).await;
    schools::equip(server, 2..121).await;
    browse(async |page| {
        page.goto(&school.url("/sign-in")).await;
        sign_in(page, &school).await;
        for (name, path) in [
            ("many-overview", "/"),
            ("many-overview-last", "/?page=3"),
            ("many-schools", "/schools"),
            ("many-found", "/schools?search=skola&one=yes&back=%2Fattendance"),
            ("many-connect", "/connect"),
            ("many-users", "/users"),
        ] {
            page.goto(&school.url(path)).await;
            look_at(page, name).await;
        }
        // A page that needs a school sends one to choose it.
        page.goto(&school.url("/attendance?day=2026-11-23")).await;
        page.wait_for("That page is about one school").await;
        page.fill("search", "skola bila ruze 12").await;
        page.press("Show").await;
        page.press("Škola Bílá Růže 120").await;
        page.wait_for("No student here.").await;
        let address = page.client.current_url().await.unwrap();
        assert_eq!((address.path(), address.query()), ("/attendance", Some("day=2026-11-23")));
        assert!(page.text("header.top").await.contains("Škola Bílá Růže 120"), "the frame says so");
        for (name, path) in
            [("many-chosen", "/"), ("many-chosen-connect", "/connect"), ("many-chosen-schools", "/schools")]
        {
            page.goto(&school.url(path)).await;
            look_at(page, name).await;
        }
        page.press("All schools").await;
        page.wait_for("of 123").await;
        page.is_self_contained(&school.url("/")).await;
    })
    .await;
}

/// Other words are longer, and have to fit as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_has_room_for_spanish() {
    let school = School::open(Database::sqlite().await).await;
    browse(async |page| {
        page.goto(&school.url("/sign-in")).await;
        sign_in(page, &school).await;
        page.set_cookie("rollcall_language", "es").await;
        for (name, path) in PAGES.iter().chain(office::PAGES) {
            for (screen, size) in [("phone", PHONE), ("desk", DESK)] {
                page.look_like("light", size).await;
                page.goto(&school.url(path)).await;
                page.fits(name).await;
                page.keep_picture(&format!("{name}-spanish-{screen}")).await;
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_start_can_be_used_by_everybody() {
    let server = Server::new(Database::sqlite().await);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/first-start", listener.local_addr().unwrap());
    let router = rollcall::web::router(server.app.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    browse(async |page| {
        page.goto(&address).await;
        look_at(page, "first-start").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_language_from_right_to_left_needs_nothing_of_its_own() {
    let school = School::open(Database::sqlite().await).await;
    let words: &'static Words = &INVENTED;
    let address = school.in_language(words).await;
    browse(async |page| {
        page.goto(&format!("http://{address}/sign-in")).await;
        sign_in(page, &school).await;
        for (name, path) in &PAGES[..3] {
            for (screen, size) in [("phone", PHONE), ("desk", DESK)] {
                page.look_like("light", size).await;
                page.goto(&format!("http://{address}{path}")).await;
                page.fits(name).await;
                page.keep_picture(&format!("{name}-mirrored-{screen}")).await;
            }
        }
    })
    .await;
}

/// The admin's session, without typing a password.
async fn sign_in(page: &Page, school: &School) {
    sign_in_as(page, &school.campus.superadmin).await;
}

pub async fn sign_in_as(page: &Page, person: &Person) {
    page.set_cookie("rollcall_session", &person.token).await;
}

pub async fn look_at(page: &Page, name: &str) {
    for scheme in ["light", "dark"] {
        for (screen, size) in [("phone", PHONE), ("desk", DESK)] {
            page.look_like(scheme, size).await;
            page.fits(name).await;
            page.is_accessible(&format!("{name}, {scheme}, {screen}")).await;
            page.keep_picture(&format!("{name}-{scheme}-{screen}")).await;
        }
    }
}

impl Page {
    async fn set_cookie(&self, name: &str, value: &str) {
        let cookie = json!({"name": name, "value": value, "domain": "127.0.0.1", "path": "/"});
        self.tell_browser("Network.setCookie", cookie).await;
    }

    /// Nobody has to move the page sideways to read it, nor the audit log within it.
    async fn fits(&self, name: &str) {
        let script = "const moving = [...document.querySelectorAll('.log')].map(log => log.parentElement)
              .filter(box => box.scrollWidth > box.clientWidth).map(() => 'the audit log');
            if (moving.length) return moving;
            const width = document.documentElement.clientWidth;
            if (document.documentElement.scrollWidth <= width) return [];
            return [...document.body.querySelectorAll('*')].filter(one => one.getBoundingClientRect().right > width)
              .map(one => one.outerHTML.slice(0, 120)).slice(0, 5)";
        let over = self.client.execute(script, vec![]).await.unwrap();
        assert_eq!(over, json!([]), "{name} is wider than its screen");
    }
}
