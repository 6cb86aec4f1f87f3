//! What is so of every page: who is shown it, how it is protected, that all of its text is in the table of words, how large
//! it gets, and that a larger school costs no more statements.

use axum::body::Body;
use rollcall::{accounts::Role, web::pages::words::Words};
use terminal_simulator::Profile;

use super::{
    anonymous, live, page, request,
    words::{INVENTED, outside_of_the_table},
};
use crate::{
    databases::{Database, both_databases},
    server::{Person, Reply, Server},
    stories::{
        campus::Campus,
        statements::{all_readers, counted_on_this_thread},
    },
};

both_databases! {
    every_page_is_shown_to_whom_it_is_for,
    no_page_has_a_text_outside_of_the_table,
    a_large_school_costs_no_page_more,
    a_live_block_is_sent_when_it_differs,
    a_superadmin_looks_at_one_school,
}

/// Who may see a page. Everybody else who is signed in is told that he may not.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Least {
    Anybody,
    Teacher,
    Admin,
    Superadmin,
}

/// Every page, with one school that has one terminal: school 1, device 1, student 1. Who may see it, and the statements that
/// it asks for a superadmin, two of them for the frame (docs/decisions/queries-of-a-page.md).
const PAGES: &[(&str, Least, usize)] = &[
    ("/sign-in", Least::Anybody, 1),
    ("/", Least::Teacher, 6),
    ("/account", Least::Teacher, 2),
    ("/terminals/1", Least::Teacher, 5),
    ("/terminals/1?search=a&state=synced&sort=status", Least::Teacher, 5),
    ("/terminals/1/drift", Least::Teacher, 5),
    ("/terminals/1/commands", Least::Teacher, 5),
    ("/terminals/1/about", Least::Teacher, 7),
    ("/terminals/1/students/1", Least::Teacher, 8),
    ("/terminals/1/settings", Least::Admin, 5),
    ("/connect", Least::Admin, 4),
    ("/first-start/school", Least::Superadmin, 2),
    ("/students", Least::Teacher, 4),
    ("/students/new", Least::Admin, 5),
    ("/students/1", Least::Teacher, 6),
    ("/import", Least::Admin, 2),
    ("/attendance", Least::Teacher, 6),
    ("/attendance?student=1", Least::Teacher, 6),
    ("/school", Least::Admin, 7),
    ("/schools", Least::Superadmin, 4),
    ("/users", Least::Admin, 3),
    ("/users/1", Least::Superadmin, 3),
    ("/tokens", Least::Teacher, 3),
    ("/webhooks", Least::Admin, 3),
    ("/audit", Least::Admin, 5),
    ("/terminals/unknown", Least::Admin, 7),
    ("/terminals/1/takeover", Least::Teacher, 9),
];

/// Bytes of a page, without what it loads.
pub const LARGEST: usize = 100 * 1024;

async fn every_page_is_shown_to_whom_it_is_for(database: Database) {
    let mut campus = Campus::open(database).await;
    let device = campus.terminal("CJX9253300417", Profile::zam180()).await;
    campus.enrol_many(12).await;
    campus.in_step(device).await;
    let server = &campus.world.server;
    let teacher = server.person("nino.beridze@example.org", Role::Teacher, Some(campus.school)).await;
    let other = server.school("中关村第一小学").await;
    let stranger = server.person("li.xiaoming@example.org", Role::SchoolAdmin, Some(other)).await;
    let people = [(&campus.superadmin, Least::Superadmin), (&campus.admin, Least::Admin), (&teacher, Least::Teacher)];
    for (path, least, _) in PAGES {
        for (person, is) in people {
            let reply = page(server, person, path).await;
            reply.page(if is >= *least { 200 } else { 403 });
            is_protected(&reply);
        }
        if path.starts_with("/terminals/1") || *path == "/students/1" {
            page(server, &stranger, path).await.page(403);
        }
        let reply = anonymous(server, path).await;
        if *least == Least::Anybody {
            reply.page(200);
        } else {
            assert!(reply.goes_to().starts_with("/sign-in"), "{path}");
        }
        is_protected(&reply);
    }
}

fn is_protected(reply: &Reply) {
    let policy = reply.headers["content-security-policy"].to_str().unwrap();
    for rule in ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"] {
        assert!(policy.contains(rule), "{policy}");
    }
    assert_eq!(reply.headers["cache-control"], "no-store");
    assert_eq!(reply.headers["x-content-type-options"], "nosniff");
    for inline in ["style=", "onclick", "javascript:", "<style", "http://", "https://"] {
        assert!(!reply.text.contains(inline), "{inline}: {}", reply.text);
    }
    let scripts = reply.text.matches("<script").count();
    assert_eq!(scripts, reply.text.matches("<script src=\"/assets/live.js?v=").count(), "{}", reply.text);
}

async fn no_page_has_a_text_outside_of_the_table(database: Database) {
    let mut campus = Campus::open(database).await;
    let device = campus.terminal("CJX9253300417", Profile::zam180()).await;
    campus.enrol_many(12).await;
    campus.in_step(device).await;
    let words: &'static Words = &INVENTED;
    for (path, ..) in PAGES {
        let mut request = request(Some(&campus.superadmin), path).body(Body::empty()).unwrap();
        request.extensions_mut().insert(words);
        let reply = campus.world.server.send(request).await;
        let text = reply.page(200);
        assert!(text.contains("dir=\"rtl\""), "{path}");
        assert_eq!(outside_of_the_table(text), Vec::<String>::new(), "{path}");
    }
}

async fn a_large_school_costs_no_page_more(database: Database) {
    let mut campus = Campus::open(database).await;
    let device = campus.terminal("CJX9253300417", Profile::zam180()).await;
    campus.import(0..4).await;
    campus.in_step(device).await;
    let few = statements(&campus.world.server, &campus.superadmin).await;
    assert_eq!(few, PAGES.iter().map(|(path, _, number)| (*path, *number)).collect::<Vec<_>>());
    campus.import(4..10_000).await;
    campus.run_for(120).await;
    let many = statements(&campus.world.server, &campus.superadmin).await;
    assert_eq!(many, few);

    // However bad it is, too.
    let fail =
        "UPDATE device_user_sync_status SET failed_version = wanted_version, confirmed_version = 0, error_message =
        'the terminal refused the card: it has it for another person, whose name is Ọlámidé Adébáyọ̀'";
    campus.world.foreign(fail, []).await;
    assert_eq!(statements(&campus.world.server, &campus.superadmin).await, few);
}

/// Statements of every page. Each is small enough to be read over a mobile connection.
async fn statements(server: &Server, person: &Person) -> Vec<(&'static str, usize)> {
    let mut all = Vec::new();
    all_readers(&server.app.db).await;
    // That a session was used is written down once a minute.
    page(server, person, "/account").await.page(200);
    for (path, ..) in PAGES {
        let (reply, statements) = counted_on_this_thread(page(server, person, path)).await;
        assert!(reply.page(200).len() < LARGEST, "{path}: {} bytes", reply.text.len());
        all.push((*path, statements));
    }
    all
}

async fn a_live_block_is_sent_when_it_differs(database: Database) {
    let mut campus = Campus::open(database).await;
    let device = campus.terminal("CJX9253300417", Profile::zam180()).await;
    campus.enrol_many(3).await;
    campus.in_step(device).await;
    let server = &campus.world.server;
    let first = live(server, &campus.admin, "/", None).await;
    assert!(first.page(200).contains("CJX9253300417") && !first.text.contains("<html"), "{}", first.text);
    let etag = first.headers["etag"].to_str().unwrap();
    let same = live(server, &campus.admin, "/", Some(etag)).await;
    assert_eq!((same.status, &*same.text), (304, ""));
    assert!(
        page(server, &campus.admin, "/").await.page(200).contains(first.text.trim()),
        "the page has the same block"
    );

    campus.enrol("Wiremu Ngata", "4711").await;
    let server = &campus.world.server;
    let other = live(server, &campus.admin, "/", Some(etag)).await;
    assert!(other.page(200).contains("of 4"), "{}", other.text);

    let nobody = Person { token: "rc_0".to_owned(), id: 0 };
    assert_eq!(live(server, &nobody, "/", Some(etag)).await.status, 401);
    let other = server.school("中关村第一小学").await;
    let elsewhere = server.person("li.xiaoming@example.org", Role::SchoolAdmin, Some(other)).await;
    assert!(!live(server, &elsewhere, "/", None).await.page(200).contains("CJX9253300417"));
}

async fn a_superadmin_looks_at_one_school(database: Database) {
    let campus = Campus::open(database).await;
    campus.register("CJX9253300417").await;
    let server = &campus.world.server;
    let other = server.school("中关村第一小学").await;
    let look = async |person: &Person, school: &str| {
        let cookies = format!("rollcall_session={}; rollcall_school={school}", person.token);
        let request = request(None, "/").header("cookie", cookies).body(Body::empty()).unwrap();
        server.send(request).await
    };
    let all = look(&campus.superadmin, "").await;
    assert!(all.page(200).contains("CJX9253300417") && all.text.contains("action=\"/school\""), "{}", all.text);
    assert!(!look(&campus.superadmin, &other.to_string()).await.page(200).contains("CJX9253300417"));
    assert!(look(&campus.superadmin, "99").await.page(200).contains("CJX9253300417"), "a school that is gone is none");
    // It is no way to another school.
    let admin = look(&campus.admin, &other.to_string()).await;
    assert!(admin.page(200).contains("CJX9253300417") && !admin.text.contains("action=\"/school\""), "{}", admin.text);
    let fields = [("chosen", "2"), ("back", "/terminals/1")];
    let reply = super::submit(server, Some(&campus.superadmin), "/school", &fields).await;
    assert_eq!((reply.goes_to(), reply.cookie("rollcall_school").as_deref()), ("/terminals/1", Some("2")));
}
