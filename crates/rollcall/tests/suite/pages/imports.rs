//! A file in a browser: brought, looked through, applied as it was looked at.

use std::{
    future::{Future as _, poll_fn},
    pin::pin,
    task::Poll,
};

use jiff::SignedDuration;
use rollcall::{
    accounts::{Role, UserId, audit::Actor},
    school::{
        import::{Mode, Report, drafts, progress::Counted, runs, table::Table},
        years,
    },
    sync::import::{self, Agreed, Fingerprint},
};
use terminal_simulator::Profile;

use super::{page, submit, submit_file};
use crate::{
    databases::{Database, both_databases},
    imports::oneroster::Set,
    server::Reply,
    stories::{campus::Campus, people},
};

both_databases! {
    a_file_is_looked_through_and_applied,
    columns_with_other_names_are_told_apart,
    what_changed_meanwhile_is_looked_at_again,
    a_new_school_year_lets_go_what_was_looked_at,
    a_file_is_its_owners_for_an_hour,
    what_is_no_list_is_said_so,
    a_set_of_oneroster_files_is_looked_through,
    an_import_shows_how_far_it_is,
    an_import_counts_the_students_that_are_written,
    an_import_that_failed_is_at_no_number,
    who_applies_twice_applies_once,
    an_import_that_was_interrupted_says_what_is_written,
}

/// Brings a file, and answers where its preview is.
async fn bring(campus: &Campus, mode: &str, file: &str) -> String {
    let school = campus.school.to_string();
    let fields = [("school_id", &*school), ("mode", mode)];
    let reply = submit_file(&campus.world.server, &campus.admin, &fields, "décimo.csv", file.as_bytes()).await;
    reply.goes_to().to_owned()
}

async fn look(campus: &Campus, at: &str) -> Reply {
    let reply = page(&campus.world.server, &campus.admin, at).await;
    reply.page(200);
    reply
}

/// The hidden fields of the form that applies a preview.
fn hidden(page: &str) -> Vec<(String, String)> {
    let form = page.split("<form class=\"row deed\"").nth(1).expect("a form").split("</form>").next().unwrap();
    let inputs = form.split("<input type=\"hidden\" name=\"").skip(1);
    inputs
        .map(|input| {
            let (name, rest) = input.split_once("\" value=\"").unwrap();
            (name.to_owned(), rest.split_once('"').unwrap().0.to_owned())
        })
        .collect()
}

async fn apply(campus: &Campus, at: &str, shown: &Reply) -> Reply {
    let fields = hidden(&shown.text);
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
    submit(&campus.world.server, Some(&campus.admin), at.split('?').next().unwrap(), &fields).await
}

async fn names(campus: &Campus) -> Vec<String> {
    let reply = campus.get("/api/v1/students?limit=500&is_active=true").await;
    reply.column("full_name").iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

async fn a_file_is_looked_through_and_applied(database: Database) {
    let campus = Campus::open(database).await;
    campus.enrol("Ana Quishpe", "101").await;
    campus.enrol("Óscar Ibáñez", "102").await;
    campus.enrol("Rumi Taita", "103").await;
    let file = "full_name,rfid_card_id,class_name\nAna Quishpe,101,5\nSisa Guamán,104,5\nRumi Tayta,103,\nBad,gate,5\n";
    let at = bring(&campus, "replace", file).await;
    let shown = look(&campus, &at).await;
    for text in ["décimo.csv", "Sisa Guamán", "Rumi Taita", "Rumi Tayta", "Óscar Ibáñez", "rfid_card_id", "1 new class"]
    {
        assert!(shown.text.contains(text), "{text}: {}", shown.text);
    }
    assert!(shown.text.contains("<th scope=\"row\">5</th>"), "the line that is wrong: {}", shown.text);
    assert_eq!(names(&campus).await.len(), 3, "nothing is written");
    let done = apply(&campus, &at, &shown).await;
    assert!(done.goes_to().starts_with(at.split('?').next().unwrap()), "{done:?}");
    let result = look(&campus, done.goes_to()).await;
    assert!(
        result.text.contains("The list is applied") && result.text.contains("<dt>Added</dt><dd>1</dd>"),
        "{result:?}"
    );
    assert_eq!(names(&campus).await, ["Ana Quishpe", "Rumi Tayta", "Sisa Guamán"]);
    campus.world.server.wait(SignedDuration::from_mins(61));
    drafts::expire(&campus.world.app.db, campus.world.now()).await.unwrap();
    let gone = page(&campus.world.server, &campus.admin, &at).await;
    assert_eq!(gone.goes_to(), "/import", "what it came to is kept for an hour");
}

async fn columns_with_other_names_are_told_apart(database: Database) {
    let campus = Campus::open(database).await;
    let at = bring(&campus, "merge", "Curso;Alumno;Código;Tarjeta\n5;Ana Quishpe;x9;101\n").await;
    let shown = look(&campus, &at).await;
    assert!(shown.text.contains("Say which is which"), "{}", shown.text);
    assert!(shown.text.contains("<option value=\"1\" selected data-name>Alumno"), "a guess: {}", shown.text);
    let mapped = format!("{at}?columns=given&c0=1&c1=3&c2=0&c3=&c4=2&c5=");
    let shown = look(&campus, &mapped).await;
    assert!(shown.text.contains("5 · x9"), "{}", shown.text);
    apply(&campus, &mapped, &shown).await.goes_to();
    let rows = campus.get("/api/v1/students").await;
    assert_eq!((rows.column("class_name"), rows.column("roll_number")), (vec!["5".into()], vec!["x9".into()]));
    let twice =
        look(&campus, &format!("{}?columns=given&c0=1&c1=1", bring(&campus, "merge", "a,b\nx,1\n").await)).await;
    assert!(twice.text.contains("twice"), "{}", twice.text);
}

async fn what_changed_meanwhile_is_looked_at_again(database: Database) {
    let campus = Campus::open(database).await;
    let at = bring(&campus, "replace", "full_name,rfid_card_id\nAna Quishpe,101\n").await;
    let shown = look(&campus, &at).await;
    campus.enrol("Newcomer Wang", "900").await;
    let again = apply(&campus, &at, &shown).await;
    assert!(again.page(409).contains("Somebody changed students meanwhile"), "{}", again.text);
    assert!(again.text.contains("Newcomer Wang"), "he would be deactivated now: {}", again.text);
    assert_eq!(names(&campus).await, ["Newcomer Wang"]);
    apply(&campus, &at, &again).await.goes_to();
    assert_eq!(names(&campus).await, ["Ana Quishpe"]);
}

async fn a_new_school_year_lets_go_what_was_looked_at(database: Database) {
    let mut campus = Campus::open(database).await;
    let gate = campus.terminal("CJX9253300417", Profile::zam180()).await;
    let students = campus.enrol_many(40).await;
    campus.in_step(gate).await;
    let rows = |range: std::ops::Range<usize>| {
        range.fold("full_name,rfid_card_id\n".to_owned(), |file, n| {
            file + &format!("\"{}\",{}\n", people::name(n), people::card(n))
        })
    };
    let start = async |campus: &Campus| {
        let mut tx = campus.world.app.db.write().await.unwrap();
        years::start(&mut tx, campus.school, UserId(1), campus.world.now()).await.unwrap();
        tx.commit().await.unwrap();
    };

    // Fifteen leave: without a new year that waits for a decision.
    let at = bring(&campus, "replace", &rows(15..40)).await;
    let shown = look(&campus, &at).await;
    assert!(shown.text.contains("15 removals will wait for a decision"), "{}", shown.text);
    start(&campus).await;
    let again = apply(&campus, &at, &shown).await;
    assert_eq!(again.status, 409, "he was not told that it would be let go");
    assert!(again.text.contains("15 removals leave at once"), "{}", again.text);
    let done = apply(&campus, &at, &again).await;
    assert!(!look(&campus, done.goes_to()).await.text.contains("for a decision"), "nothing waits");
    campus.in_step(gate).await;
    assert_eq!(campus.held(gate, students[0]).await, None);

    // What nobody looked at is held as ever, also on the day of the new year.
    campus.world.foreign("UPDATE students SET is_active = FALSE WHERE id <= 35", []).await;
    campus.run_for(120).await;
    let removals = campus.get(&format!("/api/v1/device/{gate}/removals")).await;
    assert_eq!(removals.data(200)["held"], 20);
    // And a file lets go its own people alone.
    let at = bring(&campus, "replace", &rows(36..40)).await;
    let shown = look(&campus, &at).await;
    apply(&campus, &at, &shown).await.goes_to();
    let removals = campus.get(&format!("/api/v1/device/{gate}/removals")).await;
    assert_eq!(removals.data(200)["held"], 20, "the twenty are still nobody's decision");
    let approvals = campus.world.server.get(&campus.admin, "/api/v1/audit?action=approve").await;
    assert!(!approvals.data(200).as_array().unwrap().is_empty(), "{}", approvals.text);

    // A day later it is over.
    campus.world.server.wait(SignedDuration::from_hours(25));
    let at = bring(&campus, "replace", "full_name,rfid_card_id\nNobody Else,77\n").await;
    assert!(!look(&campus, &at).await.text.contains("leave at once"));
}

async fn a_file_is_its_owners_for_an_hour(database: Database) {
    let campus = Campus::open(database).await;
    let server = &campus.world.server;
    let at = bring(&campus, "merge", "full_name,rfid_card_id\nAna Quishpe,101\n").await;
    let shown = look(&campus, &at).await;
    let colleague = server.person("ana.colleague@example.org", Role::SchoolAdmin, Some(campus.school)).await;
    let teacher = server.person("nino@example.org", Role::Teacher, Some(campus.school)).await;
    assert_eq!(page(server, &colleague, &at).await.goes_to(), "/import");
    assert_eq!(page(server, &campus.superadmin, &at).await.goes_to(), "/import");
    page(server, &teacher, &at).await.page(403);
    assert_eq!(submit(server, Some(&colleague), &at, &[]).await.goes_to(), "/import");
    assert_eq!(names(&campus).await, Vec::<String>::new());

    let other = server.school("中关村第一小学").await.to_string();
    let fields = [("school_id", &*other)];
    submit_file(server, &campus.admin, &fields, "a.csv", b"full_name,rfid_card_id\nX,1\n").await.page(403);
    let cross = super::request(Some(&campus.admin), "/import").header("sec-fetch-site", "cross-site").method("POST");
    server.send(cross.body(axum::body::Body::empty()).unwrap()).await.page(403);

    server.wait(SignedDuration::from_mins(61));
    let gone = apply(&campus, &at, &shown).await;
    assert_eq!(gone.goes_to(), "/import");
    assert_eq!(names(&campus).await, Vec::<String>::new());
}

async fn what_is_no_list_is_said_so(database: Database) {
    let campus = Campus::open(database).await;
    let server = &campus.world.server;
    assert!(submit_file(server, &campus.admin, &[], "", b"").await.page(422).contains("Choose a file first"));
    let large = vec![b'x'; 11 * 1024 * 1024];
    assert!(submit_file(server, &campus.admin, &[], "a.csv", &large).await.page(413).contains("at most 10 MB"));
    submit_file(server, &campus.admin, &[], "a.zip", b"PK\x03\x04").await.page(403);
    let at = bring(&campus, "merge", "nothing of the kind").await;
    look(&campus, &at).await;
    let template = page(server, &campus.admin, "/import/template").await;
    assert_eq!((template.status, template.text.contains("full_name")), (200, true));
    let reply = submit(server, Some(&campus.admin), &format!("{at}/drop"), &[]).await;
    assert_eq!(reply.goes_to(), "/import");
    assert_eq!(page(server, &campus.admin, &at).await.goes_to(), "/import");
}

async fn a_set_of_oneroster_files_is_looked_through(database: Database) {
    let campus = Campus::open(database).await;
    let server = &campus.world.server;
    let broken = submit_file(server, &campus.superadmin, &[], "set.zip", b"PK\x03\x04 and nothing").await;
    let shown = page(server, &campus.superadmin, broken.goes_to()).await;
    assert!(shown.page(200).contains("no zip file"), "{}", shown.text);
    let mut set = Set::of(&[("north", "Liceo del Norte")]);
    set.student("u1", "north", "Inti", "Quispe", "4711");
    let set = set.zip();
    let at = submit_file(server, &campus.superadmin, &[], "set.zip", &set).await.goes_to().to_owned();
    let shown = page(server, &campus.superadmin, &at).await;
    assert!(shown.page(200).contains("Schools in the files"), "{}", shown.text);
    assert!(shown.text.contains("Inti Quispe") && shown.text.contains("4711"), "student by student: {}", shown.text);

    let apply = async |shown: &str| {
        let fields = hidden(shown);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        submit(server, Some(&campus.superadmin), &at, &fields).await
    };
    server.school("Liceo del Norte").await;
    let otherwise = apply(&shown.text).await;
    assert!(otherwise.page(409).contains("Inti Quispe"), "shown again: {}", otherwise.text);
    assert!(server.get(&campus.superadmin, "/api/v1/students").await.column("id").is_empty(), "nothing was written");
    apply(&otherwise.text).await.goes_to();
    let students = server.get(&campus.superadmin, "/api/v1/students").await;
    assert_eq!(students.column("full_name"), ["Inti Quispe"]);
}

const THREE: &str = "full_name,rfid_card_id\nAna Quishpe,101\nÓscar Ibáñez,102\nRumi Taita,103\n";

/// As the server that is at it notes it: begun, and nothing else yet.
async fn begin(campus: &Campus, at: &str) -> String {
    let id = at.trim_start_matches("/import/").split('?').next().unwrap().to_owned();
    let (me, now) = (UserId(campus.admin.id), campus.world.now());
    let mut tx = campus.world.app.db.write().await.unwrap();
    let draft = drafts::find(&mut tx, me, &id, now).await.unwrap().unwrap();
    assert!(runs::begin(&mut tx, me, &draft, now).await.unwrap());
    assert!(!runs::begin(&mut tx, me, &draft, now).await.unwrap(), "once");
    tx.commit().await.unwrap();
    id
}

async fn an_import_shows_how_far_it_is(database: Database) {
    let campus = Campus::open(database).await;
    let server = &campus.world.server;
    let at = bring(&campus, "merge", THREE).await;
    let shown = look(&campus, &at).await;
    let id = begin(&campus, &at).await;
    let writing = look(&campus, &at).await;
    assert!(
        writing.text.contains("The list is being written") && writing.text.contains("<progress"),
        "{}",
        writing.text
    );
    assert!(!writing.text.contains("name=\"fingerprint\""), "nothing is there to be pressed: {}", writing.text);
    let block = super::live(server, &campus.admin, &at, None).await;
    assert!(block.page(200).contains("The list is being written") && !block.text.contains("<html"), "{}", block.text);
    assert!(apply(&campus, &at, &shown).await.goes_to().starts_with(&at), "who presses again sees how far it is");
    assert_eq!(names(&campus).await, Vec::<String>::new());

    let mut tx = campus.world.app.db.write().await.unwrap();
    let report = Report { added: 3, ..Report::default() };
    runs::written(&mut tx, &id, &report, campus.world.now()).await.unwrap();
    runs::step(&mut tx, &id, (1, 2), campus.world.now()).await.unwrap();
    tx.commit().await.unwrap();
    let following = look(&campus, &at).await;
    assert!(following.text.contains("1 of 2 terminals"), "{}", following.text);
    assert!(following.text.contains("<progress id=\"going\" max=\"2\" value=\"1\">"), "{}", following.text);
    assert!(following.text.contains("<dt>Added</dt><dd>3</dd>"), "{}", following.text);
    let colleague = server.person("ana.colleague@example.org", Role::SchoolAdmin, Some(campus.school)).await;
    assert_eq!(page(server, &colleague, &at).await.goes_to(), "/import", "it is his who brought the file");
}

async fn an_import_counts_the_students_that_are_written(database: Database) {
    let campus = Campus::open(database).await;
    let app = campus.world.app.clone();
    let rows = (0..2_500).map(|n| format!("\"{}\",{}\n", people::name(n), people::card(n)));
    let file: String = std::iter::once("full_name,rfid_card_id\n".to_owned()).chain(rows).collect();
    let at = bring(&campus, "merge", &file).await;
    let shown = look(&campus, &at).await;
    let id = begin(&campus, &at).await;
    let here = app.imports.begin(&id);
    let planning = look(&campus, &at).await;
    assert!(planning.text.contains("<progress id=\"going\"></progress>"), "nothing is counted yet: {}", planning.text);

    let fields = hidden(&shown.text);
    let (_, of) = fields.iter().find(|(name, _)| name == "fingerprint").unwrap();
    let agreed = Fingerprint { run: &id, progress: &here.progress, of, in_new_year: false };
    let me = Actor { user_id: Some(UserId(campus.admin.id)), name: "inti.quispe@example.org" };
    let meant = (Table::read(file.as_bytes()).unwrap(), Mode::Merge);
    let mut work = pin!(import::run_agreed(&app.db, &app.clock, me, campus.school, meant, &agreed));
    // Whoever does not go on with it holds it up where it is: within the transaction, with a part of the rows written.
    poll_fn(|context| {
        assert!(work.as_mut().poll(context).is_pending(), "it ended before anything was counted");
        let is_counted = here.progress.seen().is_some_and(|counted| counted.done > 0);
        if is_counted { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    assert_eq!(here.progress.seen(), Some(Counted { done: 1_000, all: 2_500 }));
    let writing = look(&campus, &at).await;
    let block = super::live(&campus.world.server, &campus.admin, &at, None).await;
    for text in [&*writing.text, block.page(200)] {
        assert!(text.contains("The list is being written, all of it or nothing: 1000 of 2500 students."), "{text}");
        assert!(text.contains("<progress id=\"going\" max=\"2500\" value=\"1000\">"), "{text}");
    }
    assert_eq!(names(&campus).await, Vec::<String>::new(), "nobody sees a part of a list");

    assert!(matches!(work.await, Ok(Some(Agreed::Done(_)))));
    assert_eq!(here.progress.seen(), Some(Counted { done: 2_500, all: 2_500 }));
    let written = look(&campus, &at).await;
    assert!(
        written.text.contains("<dt>Added</dt><dd>2500</dd>") && !written.text.contains("being written"),
        "{written:?}"
    );
}

async fn an_import_that_failed_is_at_no_number(database: Database) {
    let campus = Campus::open(database).await;
    let at = bring(&campus, "merge", THREE).await;
    let shown = look(&campus, &at).await;
    campus.world.foreign("ALTER TABLE audit_logs RENAME TO elsewhere", []).await;
    apply(&campus, &at, &shown).await.page(500);
    campus.world.foreign("ALTER TABLE elsewhere RENAME TO audit_logs", []).await;
    let left = look(&campus, &at).await;
    assert!(left.text.contains("It could not be applied, and nothing was written"), "{}", left.text);
    assert!(!left.text.contains("<progress"), "{}", left.text);
    assert_eq!(names(&campus).await, Vec::<String>::new());
    let done = apply(&campus, &at, &left).await;
    assert!(look(&campus, done.goes_to()).await.text.contains("<dt>Added</dt><dd>3</dd>"));
}

async fn who_applies_twice_applies_once(database: Database) {
    let mut campus = Campus::open(database).await;
    let gate = campus.terminal("CJX9253300417", Profile::zam180()).await;
    let at = bring(&campus, "merge", THREE).await;
    let shown = look(&campus, &at).await;
    let (one, other) = futures_util::future::join(apply(&campus, &at, &shown), apply(&campus, &at, &shown)).await;
    assert!(one.goes_to().starts_with(&at) && other.goes_to().starts_with(&at), "{one:?} {other:?}");
    assert!(apply(&campus, &at, &shown).await.goes_to().starts_with(&at));
    let done = look(&campus, &at).await;
    assert!(
        done.text.contains("The list is applied") && done.text.contains("<dt>Added</dt><dd>3</dd>"),
        "{}",
        done.text
    );
    assert_eq!(names(&campus).await.len(), 3);
    let audit = campus.get("/api/v1/audit?action=import").await;
    assert_eq!(audit.data(200).as_array().unwrap().len(), 1, "{}", audit.text);
    assert!(done.text.contains("0 of 3"), "how far the terminal is: {}", done.text);
    campus.in_step(gate).await;
    assert!(look(&campus, &at).await.text.contains("3 of 3"));
}

async fn an_import_that_was_interrupted_says_what_is_written(database: Database) {
    let campus = Campus::open(database).await;
    let at = bring(&campus, "merge", THREE).await;
    begin(&campus, &at).await;
    campus.world.server.wait(SignedDuration::from_secs(21));
    let block = super::live(&campus.world.server, &campus.admin, &at, None).await;
    assert_eq!((block.status, &*block.text), (205, ""), "the page loads itself anew");
    let left = look(&campus, &at).await;
    assert!(left.text.contains("Nothing was written: apply it again"), "{}", left.text);
    let done = apply(&campus, &at, &left).await;
    assert!(look(&campus, done.goes_to()).await.text.contains("The list is applied"));
    assert_eq!(names(&campus).await.len(), 3);

    let at = bring(&campus, "merge", "full_name,rfid_card_id\nZoë Groß,104\n").await;
    let id = begin(&campus, &at).await;
    let mut tx = campus.world.app.db.write().await.unwrap();
    runs::written(&mut tx, &id, &Report::default(), campus.world.now()).await.unwrap();
    tx.commit().await.unwrap();
    campus.world.server.wait(SignedDuration::from_secs(21));
    let left = look(&campus, &at).await;
    assert!(left.text.contains("All of it is written. The server was stopped meanwhile"), "{}", left.text);
}
