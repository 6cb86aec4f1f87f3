//! From an empty database to the first school, and who may not.

use rollcall::accounts::Role;

use super::{anonymous, page, submit};
use crate::{
    databases::{Database, both_databases},
    server::{Person, Server},
};

both_databases! {
    whoever_has_the_code_becomes_the_first_admin,
    there_is_one_first_admin,
}

const FIELDS: [(&str, &str); 4] =
    [("code", ""), ("email", "Thuy.Nguyen@example.org"), ("full_name", "Nguyễn Thủy"), ("password", "một hai ba bốn")];

fn with_code(code: &str) -> Vec<(&str, &str)> {
    FIELDS.into_iter().map(|(name, value)| (name, if name == "code" { code } else { value })).collect()
}

async fn whoever_has_the_code_becomes_the_first_admin(database: Database) {
    let server = Server::new(database);
    assert_eq!(anonymous(&server, "/").await.goes_to(), "/sign-in");
    assert_eq!(anonymous(&server, "/sign-in").await.goes_to(), "/first-start");
    anonymous(&server, "/first-start").await.page(200);
    let refused = submit(&server, None, "/first-start", &with_code("")).await;
    assert!(refused.page(422).contains("This is not the code"), "without a code there is none that is right");

    let code = server.app.first_code.issue(42);
    submit(&server, None, "/first-start", &with_code("abcd-efgh-jkmn")).await.page(422);
    let refused = submit(&server, None, "/first-start", &with_code(&code)[..3]).await;
    assert_eq!(refused.status, 422, "a field is missing");
    let reply = submit(&server, None, "/first-start", &with_code(&code.to_uppercase())).await;
    assert_eq!(reply.goes_to(), "/first-start/school");
    let me = Person { token: reply.cookie("rollcall_session").unwrap(), id: 0 };
    assert_eq!(page(&server, &me, "/").await.goes_to(), "/first-start/school");

    let school = [("name", "Trường Lê Lợi"), ("timezone", "Asia/Nowhere")];
    let refused = submit(&server, Some(&me), "/first-start/school", &school).await;
    assert!(refused.page(422).contains("Trường Lê Lợi") && refused.text.contains("no time zone"), "{}", refused.text);
    let school = [("name", "Trường Lê Lợi"), ("timezone", "Asia/Ho_Chi_Minh")];
    let reply = submit(&server, Some(&me), "/first-start/school", &school).await;
    assert_eq!(reply.goes_to(), "/connect");
    assert!(page(&server, &me, "/connect").await.page(200).contains("8081"));
    assert!(page(&server, &me, "/").await.page(200).contains("No terminal yet"));
    let audit = server.get(&me, "/api/v1/audit").await;
    assert_eq!(audit.column("entity"), ["school", "user"]);
}

async fn there_is_one_first_admin(database: Database) {
    let server = Server::new(database);
    let code = server.app.first_code.issue(7);
    server.person("inti.quispe@example.org", Role::Superadmin, None).await;
    assert_eq!(anonymous(&server, "/first-start").await.goes_to(), "/");
    assert_eq!(submit(&server, None, "/first-start", &with_code(&code)).await.goes_to(), "/");
    let users: Vec<(i64,)> = server.rows("SELECT COUNT(*) FROM users", []).await;
    assert_eq!(users, [(1,)]);
}
