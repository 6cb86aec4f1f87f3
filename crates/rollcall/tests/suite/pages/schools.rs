//! One server of many schools: pages stay as small as they are for one, a school is found, and nobody else sees the list.

use axum::body::Body;
use rollcall::{accounts::Role, school::SchoolId, web::pages::words::Words};
use terminal_simulator::{Profile, Terminal};

use super::{
    every::LARGEST,
    live, page, request, submit,
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
    ten_thousand_schools_cost_no_page_more,
    a_school_is_found_and_chosen,
    what_needs_a_school_sends_one_to_choose_it,
    the_names_of_schools_are_known_where_they_are_shown,
    what_needs_somebody_is_found_among_many_terminals,
    the_terminals_of_a_school_stand_by_their_numbers,
    what_is_said_of_many_comes_from_the_table_of_words,
    a_school_admin_does_not_see_the_others,
}

const NAMES: [&str; 12] = [
    "Škola Bílá Růže",
    "Escuela Ñandú",
    "中关村小学",
    "مدرسة النور",
    "विद्या मन्दिर",
    "Гімназія Їжак",
    "Ilé-Ẹ̀kọ́ Ọlọ́run",
    "Trường Ánh Dương",
    "Grundschule Groß-Öls",
    "სკოლა იმედი",
    "ተስፋ ትምህርት ቤት",
    "Σχολείο Ωραίο",
];

/// What the n-th of many schools is called.
pub fn name(number: usize) -> String {
    format!("{} {number}", NAMES[number % NAMES.len()])
}

/// So many schools more, written by another program.
pub async fn found(server: &Server, schools: std::ops::Range<usize>) {
    let mut tx = server.app.db.write().await.unwrap();
    let rows = schools.map(|number| vec![name(number).into()]).collect();
    tx.execute_rows("INSERT INTO schools (name) VALUES {rows}", &[], rows).await.unwrap();
    tx.commit().await.unwrap();
}

/// So many terminals more, the n-th in the n-th school: every fifth is silent, every tenth already holds people, and the
/// others have nobody to hold.
pub async fn equip(server: &Server, terminals: std::ops::Range<i64>) {
    let mut tx = server.app.db.write().await.unwrap();
    let row = |number: i64| {
        vec![
            number.into(),
            format!("CQQ92407{number:05}").into(),
            format!("Puerta {number}").into(),
            (number % 5 != 0).into(),
            server.now().into(),
            if number % 10 == 0 { "holds_people" } else { "writing" }.into(),
        ]
    };
    let sql = "INSERT INTO devices (school_id, serial_number, device_name, is_online, last_seen, start_state)
        VALUES {rows}";
    tx.execute_rows(sql, &[], terminals.map(row).collect()).await.unwrap();
    tx.commit().await.unwrap();
}

/// The page with a school chosen.
async fn look(server: &Server, by: &Person, school: SchoolId, path: &str) -> Reply {
    let cookies = format!("rollcall_session={}; rollcall_school={school}", by.token);
    server.send(request(None, path).header("cookie", cookies).body(Body::empty()).unwrap()).await
}

/// Pages that are about no school in particular.
const OF_ALL: [&str; 8] =
    ["/", "/?page=6", "/?search=nobody", "/connect", "/terminals/unknown", "/import", "/terminals/1", "/account"];

async fn ten_thousand_schools_cost_no_page_more(database: Database) {
    let server = Server::new(database);
    let superadmin = server.superadmin().await;
    found(&server, 1..2).await;
    equip(&server, 1..2).await;
    server.sql("UPDATE devices SET is_online = FALSE", []).await;
    let one = statements(&server, &superadmin).await;

    found(&server, 2..10_001).await;
    equip(&server, 2..301).await;
    assert_eq!(statements(&server, &superadmin).await, one);
    let text = page(&server, &superadmin, "/").await.text;
    assert_eq!(text.matches("<li class=\"card ").count(), 50);
    assert_eq!(text.matches("<option").count(), 2, "languages, and no school");
    let list = page(&server, &superadmin, "/schools").await;
    assert!(list.page(200).len() < LARGEST, "{} bytes", list.text.len());
    let (_, asked) = counted_on_this_thread(page(&server, &superadmin, "/schools?page=100")).await;
    assert_eq!(asked, 4, "two for the frame, the names, and the sizes of those shown");
}

/// Statements of each of these pages, none of which is too large.
async fn statements(server: &Server, person: &Person) -> Vec<(&'static str, usize)> {
    all_readers(&server.app.db).await;
    // That a session was used is written down once a minute.
    page(server, person, "/account").await.page(200);
    let mut all = Vec::new();
    for path in OF_ALL {
        let (reply, statements) = counted_on_this_thread(page(server, person, path)).await;
        assert!(reply.page(200).len() < LARGEST, "{path}: {} bytes", reply.text.len());
        all.push((path, statements));
    }
    all
}

async fn a_school_is_found_and_chosen(database: Database) {
    let server = Server::new(database);
    let superadmin = server.superadmin().await;
    found(&server, 1..51).await;
    equip(&server, 1..4).await;
    let few = page(&server, &superadmin, "/").await;
    assert_eq!(few.page(200).matches("<option").count(), 53, "fifty schools, all of them, and two languages");
    assert!(!few.text.contains("/schools"), "{}", few.text);

    found(&server, 51..131).await;
    let many = page(&server, &superadmin, "/").await;
    assert!(
        many.page(200).contains("href=\"/schools?back=%2F\"") && many.text.contains("All schools"),
        "{}",
        many.text
    );
    let list = page(&server, &superadmin, "/schools?back=%2Fconnect").await;
    assert_eq!(list.page(200).matches("name=\"chosen\"").count(), 51, "a page of schools, and the language");
    assert!(list.text.contains("/schools?back=%2Fconnect&#38;page=2"), "{}", list.text);
    let found = page(&server, &superadmin, "/schools?search=skola%20BILA%20ruze%2012&back=%2Fconnect").await;
    assert!(found.page(200).contains("<bdi>Škola Bílá Růže 12</bdi>"), "{}", found.text);
    assert_eq!(found.text.matches("id=\"school-").count(), 2, "12 and 120: {}", found.text);
    assert!(page(&server, &superadmin, "/schools?search=%25").await.page(200).contains("Nothing found."));

    let chosen = submit(&server, Some(&superadmin), "/school", &[("chosen", "120"), ("back", "/connect")]).await;
    assert_eq!((chosen.goes_to(), chosen.cookie("rollcall_school").as_deref()), ("/connect", Some("120")));
    let overview = look(&server, &superadmin, SchoolId(120), "/").await;
    assert!(overview.page(200).contains("Škola Bílá Růže 120") && !overview.text.contains("Puerta"));
    let overview = look(&server, &superadmin, SchoolId(3), "/").await;
    assert!(overview.page(200).contains("Puerta 3") && !overview.text.contains("Puerta 2"), "{}", overview.text);
    let list = look(&server, &superadmin, SchoolId(3), "/schools?back=https://evil.example&page=2").await;
    assert!(list.page(200).contains("Chosen") && list.text.contains(">All schools</button>"), "{}", list.text);
    assert!(!list.text.contains("value=\"https://evil"), "{}", list.text);
    let gone = look(&server, &superadmin, SchoolId(999), "/").await;
    assert!(gone.page(200).contains("Puerta 2"), "a school that is gone is none");
}

async fn what_needs_a_school_sends_one_to_choose_it(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.world.plug_in(Terminal::new("NYU7250100123", Profile::zam180(), 1));
    campus.run_for(120).await;
    let (server, superadmin) = (&campus.world.server, &campus.superadmin);
    found(server, 2..80).await;
    for path in ["/attendance", "/school", "/students/new"] {
        let there = page(server, superadmin, path).await.goes_to().to_owned();
        assert_eq!(there, format!("/schools?one=yes&back={}", path.replace('/', "%2F")));
        let list = page(server, superadmin, &there).await;
        assert!(
            list.page(200).contains("That page is about one school") && !list.text.contains(">All schools</button>")
        );
        assert!(list.text.contains(&format!("name=\"back\" value=\"{path}\"")), "{}", list.text);
        let shown = look(server, superadmin, SchoolId(12), path).await;
        assert!(shown.page(200).contains("Škola Bílá Růže 12"), "{path}: {}", shown.text);
    }
    assert_eq!(live(server, superadmin, "/attendance", None).await.status, 205, "the page loads itself anew");

    for path in ["/connect", "/terminals/unknown", "/users", "/import"] {
        let link = format!("/schools?one=yes&#38;back={}", path.replace('/', "%2F"));
        let none = page(server, superadmin, path).await;
        assert!(none.page(200).contains(&link), "{path}: {}", none.text);
        assert!(!none.text.contains("name=\"school_id\""), "{path}: {}", none.text);
        let chosen = look(server, superadmin, SchoolId(12), path).await;
        assert!(chosen.page(200).contains("name=\"school_id\" value=\"12\""), "{path}: {}", chosen.text);
        assert!(chosen.text.contains("Another school") && chosen.text.contains(&link), "{path}: {}", chosen.text);
    }
    let none = page(server, superadmin, "/connect").await;
    assert!(none.page(200).contains("NYU7250100123") && !none.text.contains("device_name"), "{}", none.text);
    // A webhook may be told of all schools, so nothing has to be chosen.
    let webhooks = look(server, superadmin, SchoolId(12), "/webhooks").await;
    assert!(webhooks.page(200).contains("<option value=\"12\" selected data-name>Škola Bílá Růže 12"));
}

async fn the_names_of_schools_are_known_where_they_are_shown(database: Database) {
    let server = Server::new(database);
    let superadmin = server.superadmin().await;
    found(&server, 1..80).await;
    let admin = server.person("li.xiaoming@example.org", Role::SchoolAdmin, Some(SchoolId(74))).await;
    let webhook = "INSERT INTO webhook_endpoints (school_id, url, events, secret, created_at, updated_at)
        VALUES (61, 'https://hooks.example.org/', ',test,', 'secret', $1, $1)";
    server.sql(webhook, [server.now().into()]).await;
    for (path, school) in [
        ("/users", 74),
        ("/webhooks", 61),
        ("/attendance?school=75", 75),
        ("/school?school=76", 76),
        ("/students/new?school=77", 77),
    ] {
        let shown = page(&server, &superadmin, path).await;
        assert!(path.starts_with("/students") || shown.page(200).contains(&name(school)), "{path}: {}", shown.text);
        shown.page(200);
    }
    // He stays at his school, or comes to the chosen one.
    let user = look(&server, &superadmin, SchoolId(12), &format!("/users/{}", admin.id)).await;
    for option in [
        format!("<option value=\"74\" selected data-name>{}", name(74)),
        format!("<option value=\"12\" data-name>{}", name(12)),
    ] {
        assert!(user.page(200).contains(&option), "{option}: {}", user.text);
    }
    let fields = [("email", "li@example.org"), ("role", "school_admin"), ("school_id", "12")];
    submit(&server, Some(&superadmin), &format!("/users/{}", admin.id), &fields).await.goes_to();
    assert!(page(&server, &superadmin, "/users").await.page(200).contains(&name(12)));
}

async fn what_needs_somebody_is_found_among_many_terminals(database: Database) {
    let server = Server::new(database);
    let superadmin = server.superadmin().await;
    found(&server, 1..301).await;
    equip(&server, 1..301).await;
    let first = page(&server, &superadmin, "/").await;
    // Every fifth is silent or holds people.
    assert!(first.page(200).contains("60 terminals need you"), "{}", first.text);
    assert!(first.text.contains("1–50 of 300"), "{}", first.text);
    assert_eq!(first.text.matches("may already hold people").count(), 3, "{}", first.text);
    assert!(first.text.contains("27 more terminals wait for a decision."), "{}", first.text);
    let (_, link) = first.text.split_once("href=\"/#").unwrap();
    let (id, _) = link.split_once('"').unwrap();
    assert!(first.text.contains(&format!("id=\"{id}\"")), "the next of them is on the page");
    assert_eq!(first.text.matches("Already holds people").count(), 30, "all that wait stand first");
    assert_eq!(first.text.matches(">Offline").count(), 20);

    let second = page(&server, &superadmin, "/?page=2").await;
    assert_eq!(second.page(200).matches(">Offline").count(), 10);
    assert!(second.text.contains("60 terminals need you"), "the head counts all");
    assert!(second.text.contains("30 terminals wait for a decision."), "{}", second.text);
    assert!(!second.text.contains("may already hold people"), "named where they are: {}", second.text);
    let block = live(&server, &superadmin, "/?page=2", None).await;
    assert!(second.text.contains(block.page(200).trim()), "what is brought up to date is the same page");
    assert_eq!(page(&server, &superadmin, "/?page=2").await.text, second.text, "the order stays");
    assert!(page(&server, &superadmin, "/?page=99").await.page(200).contains("251–300 of 300"));

    for (search, terminals) in [("puerta%20299", 1), ("cqq9240700042", 1), ("ecole", 0), ("SKOLA", 25), ("groß", 25)] {
        let found = page(&server, &superadmin, &format!("/?search={search}")).await;
        assert_eq!(found.page(200).matches("<li class=\"card ").count(), terminals, "{search}: {}", found.text);
        assert!(found.text.contains("60 terminals need you"), "{}", found.text);
        assert_eq!(found.text.contains("Nothing found."), terminals == 0);
    }
    let one = look(&server, &superadmin, SchoolId(7), "/").await;
    assert!(!one.page(200).contains("role=\"search\""), "of one terminal nobody searches: {}", one.text);
}

async fn the_terminals_of_a_school_stand_by_their_numbers(database: Database) {
    let server = Server::new(database);
    let superadmin = server.superadmin().await;
    found(&server, 1..3).await;
    let doors = "INSERT INTO devices (school_id, serial_number, device_name) VALUES (2, 'CQQ1', 'Porte 10'), (2, 'CQQ2', 'Porte 1'),
        (2, 'CQQ3', 'porte 9'), (1, 'CQQ4', 'Porte 11')";
    server.sql(doors, []).await;
    let shown = page(&server, &superadmin, "/").await;
    let place = |serial: &str| shown.page(200).find(&format!("{serial}<")).unwrap();
    assert!(["CQQ2", "CQQ3", "CQQ1"].is_sorted_by_key(|serial| place(serial)), "{}", shown.text);
    // Schools by name: `Escuela …` before `中…`.
    assert!(place("CQQ4") < place("CQQ2"));
    let shown = page(&server, &superadmin, "/students/new?school=2").await;
    let place = |name: &str| shown.page(200).find(&format!("{name}<")).unwrap();
    assert!(["Porte 1", "porte 9", "Porte 10"].is_sorted_by_key(|name| place(name)), "{}", shown.text);
}

async fn what_is_said_of_many_comes_from_the_table_of_words(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.world.plug_in(Terminal::new("NYU7250100123", Profile::zam180(), 1));
    campus.run_for(120).await;
    let server = &campus.world.server;
    found(server, 2..131).await;
    equip(server, 2..131).await;
    let paths = [
        "/",
        "/?page=2",
        "/?search=nobody",
        "/schools",
        "/schools?one=yes&back=%2Fconnect",
        "/connect",
        "/terminals/unknown",
        "/users",
        "/users/2",
        "/import",
        "/webhooks",
    ];
    for path in paths {
        for school in ["", "12"] {
            let cookies = format!("rollcall_session={}; rollcall_school={school}", campus.superadmin.token);
            let mut request = request(None, path).header("cookie", cookies).body(Body::empty()).unwrap();
            request.extensions_mut().insert::<&'static Words>(&INVENTED);
            let reply = server.send(request).await;
            assert_eq!(outside_of_the_table(reply.page(200)), Vec::<String>::new(), "{path} of {school:?}");
        }
    }
}

async fn a_school_admin_does_not_see_the_others(database: Database) {
    let server = Server::new(database);
    found(&server, 1..80).await;
    equip(&server, 1..80).await;
    let admin = server.person("inti.quispe@example.org", Role::SchoolAdmin, Some(SchoolId(7))).await;
    let teacher = server.person("nino.beridze@example.org", Role::Teacher, Some(SchoolId(7))).await;
    for person in [&admin, &teacher] {
        let denied = look(&server, person, SchoolId(12), "/schools?search=skola").await;
        assert!(!denied.page(403).contains("Škola"), "{}", denied.text);
        for path in ["/", "/?search=skola", "/?page=2", "/students", "/attendance", "/account"] {
            let shown = look(&server, person, SchoolId(12), path).await;
            assert!(!shown.page(200).contains("Škola") && !shown.text.contains("/schools"), "{path}: {}", shown.text);
        }
        let own = page(&server, person, "/").await;
        assert!(own.page(200).contains("Puerta 7") && own.text.contains(&name(7)), "{}", own.text);
        assert_eq!(own.text.matches("<li class=\"card ").count(), 1);
    }
}
