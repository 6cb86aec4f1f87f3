//! Which other programs are told: made, tested, switched and deleted in the dashboard.

use rollcall::accounts::Role;
use serde_json::json;

use super::{
    page, submit,
    words::{INVENTED, outside_of_the_table},
};
use crate::{
    databases::{Database, both_databases},
    stories::campus::Campus,
    webhooks::{Told, receiver::Answer},
};

both_databases! {
    a_webhook_is_made_tested_and_deleted,
    a_wrong_address_is_shown_again,
    what_fails_is_shown_on_the_overview,
    every_state_of_a_webhook_is_in_words_of_ours,
}

async fn a_webhook_is_made_tested_and_deleted(database: Database) {
    let campus = Campus::open(database).await;
    let server = &campus.world.server;
    assert!(page(server, &campus.admin, "/webhooks").await.page(200).contains("No webhook yet."));
    let fields = [("url", "https://hooks.example.org/in?a=<b>"), ("terminal.silent", "on"), ("terminal.back", "on")];
    let made = submit(server, Some(&campus.admin), "/webhooks", &fields).await;
    let secret = made.page(200).split("tabindex=\"0\">whsec_").nth(1).unwrap().split('<').next().unwrap().to_owned();
    assert_eq!(secret.len(), 32);
    let known = campus.get("/api/v1/webhooks/1").await.data(200).clone();
    assert_eq!(
        (&known["events"], &known["school_id"]),
        (&json!(["terminal.silent", "terminal.back"]), &json!(campus.school))
    );

    let list = page(server, &campus.admin, "/webhooks").await;
    assert!(list.page(200).contains("hooks.example.org") && list.text.contains("Nothing sent yet"), "{}", list.text);
    let shown = page(server, &campus.admin, "/webhooks/1").await;
    assert!(shown.page(200).contains("No message yet.") && !shown.text.contains(&secret), "{}", shown.text);

    submit(server, Some(&campus.admin), "/webhooks/1/test", &[]).await.goes_to();
    assert_eq!(campus.get("/api/v1/webhooks/1").await.data(200)["waiting"], 1);
    let change = [("url", "https://hooks.example.org/other"), ("removals.held", "on")];
    assert_eq!(submit(server, Some(&campus.admin), "/webhooks/1", &change).await.goes_to(), "/webhooks/1");
    let none = submit(server, Some(&campus.admin), "/webhooks/1", &change[..1]).await;
    assert!(none.page(422).contains("name at least one event"), "{}", none.text);
    let renewed = submit(server, Some(&campus.admin), "/webhooks/1/renew-secret", &[]).await;
    assert!(renewed.page(200).contains(">whsec_") && !renewed.text.contains(&secret), "{}", renewed.text);
    assert!(renewed.text.contains("The former secret signs beside it until"), "{}", renewed.text);
    submit(server, Some(&campus.admin), "/webhooks/1/switch", &[("is_active", "no")]).await.goes_to();
    let off = page(server, &campus.admin, "/webhooks/1").await;
    assert!(off.page(200).contains("Somebody switched it off.") && off.text.contains("Switch it on"), "{}", off.text);

    let other = server.school("中关村第一小学").await;
    let stranger = server.person("li.xiaoming@example.org", Role::SchoolAdmin, Some(other)).await;
    let teacher = server.person("nino.beridze@example.org", Role::Teacher, Some(campus.school)).await;
    for person in [&stranger, &teacher] {
        page(server, person, "/webhooks/1").await.page(403);
        for deed in ["test", "renew-secret", "switch", "delete"] {
            submit(server, Some(person), &format!("/webhooks/1/{deed}"), &[]).await.page(403);
        }
    }
    assert!(!page(server, &stranger, "/webhooks").await.page(200).contains("hooks.example.org"));
    assert_eq!(submit(server, Some(&campus.admin), "/webhooks/1/delete", &[]).await.goes_to(), "/webhooks");
    page(server, &campus.admin, "/webhooks/1").await.page(404);
}

async fn a_wrong_address_is_shown_again(database: Database) {
    let campus = Campus::open(database).await;
    let server = &campus.world.server;
    let fields = [("url", "http://192.168.1.7/hooks"), ("punch.stored", "on")];
    let wrong = submit(server, Some(&campus.admin), "/webhooks", &fields).await;
    let text = wrong.page(422);
    assert!(text.contains("is no public address") && text.contains("value=\"http://192.168.1.7/hooks\""), "{text}");
    assert_eq!(text.matches(" checked").count(), 1, "{text}");
}

async fn what_fails_is_shown_on_the_overview(database: Database) {
    let told = Told::of(database, &["punch.stored"]).await;
    let server = &told.campus.world.server;
    let overview = async || page(server, &told.campus.admin, "/").await.page(200).to_owned();
    told.receiver.answers([Answer::Status(503), Answer::Status(410)]);
    told.test().await;
    told.send().await;
    assert!(!overview().await.contains("A webhook"), "it may be restarted");
    let shown = page(server, &told.campus.admin, &format!("/webhooks/{}", told.id)).await;
    assert!(shown.page(200).contains("it answered 503") && shown.text.contains("Is tried again"), "{}", shown.text);
    told.campus.world.clock.advance(jiff::SignedDuration::from_hours(2));
    assert!(overview().await.contains("A webhook fails"));
    told.send().await;
    assert!(overview().await.contains("A webhook was switched off"));
    let shown = page(server, &told.campus.admin, &format!("/webhooks/{}", told.id)).await;
    assert!(shown.page(200).contains("It answered 410") && shown.text.contains("Given up"), "{}", shown.text);
    let teacher = server.person("nino.beridze@example.org", Role::Teacher, Some(told.campus.school)).await;
    assert!(!page(server, &teacher, "/").await.page(200).contains("A webhook"));
}

const LATER: &str = "UPDATE webhook_endpoints SET dropped = 7, former_secret_until = '2036-01-01T00:00:00.000000Z'";

async fn every_state_of_a_webhook_is_in_words_of_ours(database: Database) {
    let told = Told::of(database, &["punch.stored"]).await;
    let path = format!("/webhooks/{}", told.id);
    let words: &'static rollcall::web::pages::words::Words = &INVENTED;
    let sql = |sql| told.campus.world.foreign(sql, []);
    told.receiver.answers([Answer::Status(500)]);
    for step in 0..6 {
        match step {
            0 => {}
            1 | 2 => {
                told.test().await;
                told.campus.world.clock.advance(jiff::SignedDuration::from_mins(1));
                told.send().await;
            }
            3 => sql(LATER).await,
            4 => sql("UPDATE webhook_endpoints SET is_active = FALSE, off_reason = 'failing'").await,
            _ => sql("UPDATE webhook_messages SET state = 'given_up'").await,
        }
        for path in ["/webhooks", &path, "/"] {
            let mut request =
                super::request(Some(&told.campus.superadmin), path).body(axum::body::Body::empty()).unwrap();
            request.extensions_mut().insert(words);
            let reply = told.campus.world.server.send(request).await;
            assert_eq!(outside_of_the_table(reply.page(200)), Vec::<String>::new(), "{path} in step {step}");
        }
    }
}
