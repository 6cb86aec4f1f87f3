//! A roster from a file: what is read, whom a row means, what it does to terminals, and who may.

mod corpus;
mod damage;
mod doors;
mod files;
mod movers;
pub mod oneroster;
mod promotions;
mod rows;
mod terminals;

use axum::body::Body;
use http::{Method, Request, header};
use rollcall::school::SchoolId;
use serde_json::{Value as Json, json};

use crate::{
    databases::Database,
    server::{Person, Reply, Server},
};

/// A school whose admin has files.
struct Office {
    server: Server,
    admin: Person,
    school: SchoolId,
}

/// Name, card, class, section, roll number, active.
type Stored = (String, Option<String>, Option<String>, Option<String>, Option<String>, bool);

impl Office {
    async fn open(database: Database) -> Office {
        let server = Server::new(database);
        let school = server.school("Ysgol Gyfun Gŵyr").await;
        let admin = server.superadmin().await;
        Office { server, admin, school }
    }

    async fn import(&self, file: impl AsRef<[u8]>) -> Reply {
        self.import_with("", file).await
    }

    async fn import_with(&self, query: &str, file: impl AsRef<[u8]>) -> Reply {
        import(&self.server, &self.admin, self.school, query, file).await
    }

    /// Everybody, by name and id.
    async fn students(&self) -> Vec<Stored> {
        self.server
            .rows(
                "SELECT full_name, rfid_card_id, class_name, section_name, roll_number, is_active FROM students
                 LEFT JOIN classes ON classes.id = students.class_id
                 LEFT JOIN sections ON sections.id = students.section_id
                 WHERE students.school_id = $1 AND deleted_at IS NULL ORDER BY students.id",
                [self.school.into()],
            )
            .await
    }

    async fn names(&self) -> Vec<String> {
        self.students().await.into_iter().map(|(name, ..)| name).collect()
    }
}

async fn import(server: &Server, by: &Person, school: SchoolId, query: &str, file: impl AsRef<[u8]>) -> Reply {
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("/api/v1/students/import?school_id={school}{query}"))
        .header(header::AUTHORIZATION, format!("Bearer {}", by.token))
        .header(header::CONTENT_TYPE, "text/csv")
        .body(Body::from(file.as_ref().to_vec()))
        .unwrap();
    server.send(request).await
}

/// added, changed, unchanged, deactivated, and how many were rejected.
#[track_caller]
fn numbers(reply: &Reply) -> [u64; 5] {
    let data = reply.data(200);
    let number = |name: &str| data[name].as_u64().unwrap_or_else(|| panic!("{name} is no number: {data}"));
    [number("added"), number("changed"), number("unchanged"), number("deactivated"), rejected(reply).len() as u64]
}

/// Lines and reasons.
#[track_caller]
fn rejected(reply: &Reply) -> Vec<(u64, String)> {
    let rows = reply.data(200)["rejected"].as_array().unwrap();
    let row = |row: &Json| (row["line"].as_u64().unwrap(), row["reason"].as_str().unwrap().to_owned());
    assert!(rows.iter().all(|row| row.as_object().unwrap().len() == 2), "{}", json!(rows));
    rows.iter().map(row).collect()
}
