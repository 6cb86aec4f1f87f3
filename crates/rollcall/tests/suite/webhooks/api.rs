//! Who may have somebody told, and what is shown of it.

use http::Method;
use rollcall::accounts::Role;
use serde_json::{Value as Json, json};

use super::Told;
use crate::{
    databases::{Database, both_databases},
    processes::program::rollcall,
    server::Server,
    stories::campus::Campus,
};

both_databases! {
    administrators_alone,
    a_secret_is_shown_once,
    the_webhooks_of_a_deleted_school_are_switched_off,
    an_address_is_looked_at_when_it_is_saved,
    every_change_is_written_down,
    what_fails_is_shown_to_whoever_looks,
}

async fn administrators_alone(database: Database) {
    let server = Server::new(database);
    let superadmin = server.superadmin().await;
    let school = server.school("Escuela República de Panamá").await;
    let other = server.school("中关村第一小学").await;
    let admin = server.person("tendai.moyo@example.org", Role::SchoolAdmin, Some(school)).await;
    let teacher = server.person("nino.beridze@example.org", Role::Teacher, Some(school)).await;
    let stranger = server.person("li.xiaoming@example.org", Role::SchoolAdmin, Some(other)).await;
    let of_school = json!({"school_id": school, "url": "https://hooks.example.org/in"});
    let of_all = json!({"url": "https://vendor.example.org/in"});
    assert_eq!(server.post(&superadmin, "/api/v1/webhooks", of_school.clone()).await.data(201)["id"], 1);
    let all = server.post(&superadmin, "/api/v1/webhooks", of_all.clone()).await;
    assert_eq!((&all.data(201)["id"], &all.data(201)["school_id"]), (&json!(2), &json!(null)));

    let none = || json!(null);
    let lines: Vec<(Method, &str, Json, [u16; 4])> = vec![
        (Method::GET, "/api/v1/webhooks", none(), [200, 200, 403, 200]),
        (Method::GET, "/api/v1/webhooks?school_id=1", none(), [200, 200, 403, 403]),
        (Method::POST, "/api/v1/webhooks", of_school, [201, 201, 403, 403]),
        (Method::GET, "/api/v1/webhooks/1", none(), [200, 200, 403, 403]),
        (Method::GET, "/api/v1/webhooks/2", none(), [200, 403, 403, 403]),
        (Method::PUT, "/api/v1/webhooks/1", json!({"events": ["punch.stored"]}), [200, 200, 403, 403]),
        (Method::PATCH, "/api/v1/webhooks/2", json!({"is_active": true}), [200, 403, 403, 403]),
        (Method::POST, "/api/v1/webhooks/1/renew-secret", none(), [200, 200, 403, 403]),
        (Method::GET, "/api/v1/webhooks/1/deliveries", none(), [200, 200, 403, 403]),
        (Method::POST, "/api/v1/webhooks/1/test", none(), [202, 202, 403, 403]),
        (Method::GET, "/api/v1/webhooks/99", none(), [404, 404, 403, 404]),
        (Method::DELETE, "/api/v1/webhooks/2", none(), [200, 404, 403, 404]),
        (Method::DELETE, "/api/v1/webhooks/1", none(), [200, 404, 403, 404]),
    ];
    for (method, path, body, statuses) in lines {
        let body = (!body.is_null()).then_some(body);
        for (person, status) in [&superadmin, &admin, &teacher, &stranger].into_iter().zip(statuses) {
            let reply = server.call(method.clone(), Some(&person.token), path, body.clone()).await;
            assert_eq!(reply.status, status, "{method} {path} by user {}: {}", person.id, reply.text);
        }
        server.call(method, None, path, body).await.refusal(401);
    }
    // His own school counts, and nobody makes one for all but the superadmin.
    let own = server.post(&admin, "/api/v1/webhooks", of_all.clone()).await;
    assert_eq!(own.data(201)["school_id"], json!(school));
    let theirs = server.get(&stranger, "/api/v1/webhooks").await;
    assert_eq!(theirs.data(200), &json!([]));
    let nowhere =
        server.post(&superadmin, "/api/v1/webhooks", json!({"school_id": 99, "url": "https://x.example"})).await;
    assert!(nowhere.refusal(422).starts_with("school_id:"));
}

async fn the_webhooks_of_a_deleted_school_are_switched_off(database: Database) {
    let told = Told::of(database, &["punch.stored"]).await;
    let (server, superadmin) = (&told.campus.world.server, &told.campus.superadmin);
    server.delete(superadmin, &format!("/api/v1/schools/{}", told.campus.school)).await.data(200);
    let left = server.get(superadmin, &format!("/api/v1/webhooks/{}", told.id)).await;
    assert_eq!((&left.data(200)["is_active"], &left.data(200)["off_reason"]), (&json!(false), &json!("admin")));
}

async fn a_secret_is_shown_once(database: Database) {
    let told = Told::of(database, &["punch.stored"]).await;
    let kept = told.secret.strip_prefix("whsec_").unwrap();
    assert_eq!(kept.len(), 32);
    told.test().await;
    told.send().await;
    let deliveries = format!("/api/v1/webhooks/{}/deliveries", told.id);
    for (list, id, found, missed) in [
        ("/api/v1/webhooks", "id", "127.0.0.1", "hooks.example.org"),
        (&deliveries, "message_id", "WEBHOOK.test", "punch"),
    ] {
        let all = told.campus.get(list).await.column(id);
        assert_eq!(told.campus.get(&format!("{list}?search={found}")).await.column(id), all, "{list}");
        assert!(!all.is_empty() && told.campus.get(&format!("{list}?search={missed}")).await.column(id).is_empty());
    }
    for path in ["/api/v1/webhooks".to_owned(), format!("/api/v1/webhooks/{}", told.id), "/api/v1/audit".to_owned()] {
        let shown = told.campus.get(&path).await;
        shown.data(200);
        assert!(!shown.text.contains(kept), "{path}: {}", shown.text);
    }
    let hint = told.endpoint().await["secret_hint"].clone();
    assert!(kept.ends_with(hint.as_str().unwrap()) && hint.as_str().unwrap().len() == 4, "{hint}");
    let path = format!("/api/v1/webhooks/{}", told.id);
    let changed = told.campus.world.server.patch(&told.campus.admin, &path, json!({"is_active": false})).await;
    changed.data(200);
    assert!(!changed.text.contains("whsec_"), "{}", changed.text);
}

async fn an_address_is_looked_at_when_it_is_saved(database: Database) {
    let campus = Campus::open(database).await;
    let create = |url: &str, events: Json| {
        campus.post("/api/v1/webhooks", json!({"school_id": campus.school, "url": url, "events": events}))
    };
    for (url, why) in [
        ("hooks.example.org", "url: it is no address"),
        ("ftp://hooks.example.org", "url: it begins with"),
        ("https://user:pass@hooks.example.org", "url: no user and password"),
        ("http://127.0.0.1:8081/", "url: 127.0.0.1 is no public address"),
        ("http://[fd00::7]/", "url: fd00::7 is no public address"),
        ("http://169.254.169.254/latest/meta-data/", "url: 169.254.169.254 is no public address"),
    ] {
        let refused = create(url, json!(["punch.stored"])).await;
        assert!(refused.refusal(422).starts_with(why), "{url}: {}", refused.text);
    }
    let url = "https://hooks.example.org/";
    assert!(create(url, json!(["punch.lost"])).await.refusal(422).starts_with("events: \"punch.lost\" is no event"));
    assert!(create(url, json!(["webhook.test"])).await.refusal(422).starts_with("events: "));
    assert!(create(url, json!([])).await.refusal(422).starts_with("events: name at least one"));
    let made = create(url, json!(["terminal.back", "punch.stored", "punch.stored"])).await;
    assert_eq!(made.data(201)["events"], json!(["punch.stored", "terminal.back"]));
    let all = create(url, json!(null)).await;
    assert_eq!(all.data(201)["events"].as_array().unwrap().len(), 7);
}

async fn every_change_is_written_down(database: Database) {
    let told = Told::of(database, &["punch.stored"]).await;
    let path = format!("/api/v1/webhooks/{}", told.id);
    let server = &told.campus.world.server;
    server.patch(&told.campus.admin, &path, json!({"events": ["removals.held"]})).await.data(200);
    told.campus.post(&format!("{path}/renew-secret"), json!({})).await.data(200);
    told.test().await;
    server.delete(&told.campus.admin, &path).await.data(200);
    let log = told.campus.get("/api/v1/audit?entity=webhook").await;
    assert_eq!(log.column("action"), ["delete", "test", "renew-secret", "update", "create"]);
    assert!(log.column("actor").iter().all(|actor| actor == "inti.quispe@example.org"));
    super::sweep(&told.campus).await;
    assert_eq!(told.waiting().await, 0, "what waited for it went with it");
}

async fn what_fails_is_shown_to_whoever_looks(database: Database) {
    let told = Told::of(database, &["punch.stored"]).await;
    let url = told.campus.world.database.url.clone();
    let doctor = async || rollcall(&url, &["doctor", "--listen", "127.0.0.1:9"]).await;
    assert!(!doctor().await.out.contains("webhook"), "nothing to say");
    told.receiver.answers(vec![super::receiver::Answer::Status(500); 20]);
    let long_ago = "UPDATE webhook_endpoints SET failing_since = created_at, last_error = 'it answered 500'";
    told.campus.world.foreign(long_ago, []).await;
    let said = doctor().await.out;
    assert!(said.contains("it answered 500") && said.contains("http://127.0.0.1"), "{said}");
    assert!(!said.contains("very-secret"), "{said}");
    let off = "UPDATE webhook_endpoints SET is_active = FALSE, off_reason = 'gone'";
    told.campus.world.foreign(off, []).await;
    let said = doctor().await.out;
    assert!(said.contains("switched off"), "{said}");
}
