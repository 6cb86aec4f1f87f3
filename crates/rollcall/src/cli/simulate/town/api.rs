//! What a town's people say to the server.

use anyhow::{Context as _, ensure};
use http::Method;
use jiff::Timestamp;
use serde_json::{Value as Json, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

pub(super) struct Api {
    /// `host:port`.
    address: String,
    token: String,
}

#[derive(Clone)]
pub(super) struct Student {
    pub id: i64,
    pub name: String,
    pub card: u64,
    pub is_active: bool,
}

/// Rows of one page.
const PAGE: usize = 500;

impl Api {
    pub fn new(address: &str, token: &str) -> Api {
        Api { address: address.to_owned(), token: token.to_owned() }
    }

    pub async fn create(&self, path: &str, body: Json) -> anyhow::Result<i64> {
        let answer = self.ask(Method::POST, path, &body.to_string()).await?;
        answer["data"]["id"].as_i64().with_context(|| format!("{path} made something without an id: {answer}"))
    }

    pub async fn import(&self, school: i64, file: &str) -> anyhow::Result<()> {
        self.ask(Method::POST, &format!("/api/v1/students/import?school_id={school}"), file).await.map(drop)
    }

    pub async fn students(&self, school: i64) -> anyhow::Result<Vec<Student>> {
        let mut students = Vec::new();
        for page in 1.. {
            let path = format!("/api/v1/students?school_id={school}&limit={PAGE}&page={page}");
            let answer = self.ask(Method::GET, &path, "").await?;
            let rows = answer["data"].as_array().context("a list of students")?;
            for row in rows {
                students.push(Student {
                    id: row["id"].as_i64().context("a student's id")?,
                    name: row["full_name"].as_str().context("a student's name")?.to_owned(),
                    card: row["rfid_card_id"]
                        .as_str()
                        .and_then(|card| card.parse().ok())
                        .context("a student's card")?,
                    is_active: row["is_active"].as_bool().context("whether a student is active")?,
                });
            }
            if rows.len() < PAGE {
                break;
            }
        }
        Ok(students)
    }

    pub async fn change(&self, student: &Student) -> anyhow::Result<()> {
        let body = json!({
            "full_name": student.name, "rfid_card_id": student.card.to_string(), "is_active": student.is_active
        });
        self.ask(Method::PUT, &format!("/api/v1/students/{}", student.id), &body.to_string()).await.map(drop)
    }

    pub async fn verify(&self, device: i64) -> anyhow::Result<()> {
        self.ask(Method::POST, &format!("/api/v1/device/{device}/verify-sync"), "").await.map(drop)
    }

    /// Whether a verification that began then or later has ended.
    pub async fn verified_since(&self, device: i64, since: Timestamp) -> anyhow::Result<bool> {
        let answer = self.ask(Method::GET, &format!("/api/v1/device/{device}/verification"), "").await?;
        let told = &answer["data"];
        let started = told["started_at"].as_str().and_then(|at| at.parse::<Timestamp>().ok());
        Ok(told["finished_at"].is_string() && started.is_some_and(|started| started >= since))
    }

    /// How many rows a list has.
    pub async fn count(&self, path: &str) -> anyhow::Result<u64> {
        let answer = self.ask(Method::GET, &format!("{path}?limit=1"), "").await?;
        answer["pagination"]["total"].as_u64().with_context(|| format!("how many {path} there are"))
    }

    pub async fn metrics(&self) -> anyhow::Result<String> {
        let (status, page) = self.converse(&Method::GET, "/metrics", "").await?;
        ensure!(status == 200, "/metrics: {status}");
        Ok(page)
    }

    async fn ask(&self, method: Method, path: &str, body: &str) -> anyhow::Result<Json> {
        let (status, said) = self.converse(&method, path, body).await?;
        let said: Json = serde_json::from_str(&said).unwrap_or_default();
        let words = said["message"].as_str().unwrap_or_default();
        ensure!((200..300).contains(&status), "{method} {path}: {status} {words}");
        Ok(said)
    }

    /// One request on a connection of its own: the status, and the body.
    async fn converse(&self, method: &Method, path: &str, body: &str) -> anyhow::Result<(u16, String)> {
        let (address, token, length) = (&self.address, &self.token, body.len());
        let kind = if body.starts_with('{') { "application/json" } else { "text/csv" };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\
             Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        let mut stream = TcpStream::connect(address).await.context("the server does not answer")?;
        stream.write_all(request.as_bytes()).await.context("the server hung up")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.context("the server hung up")?;
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").with_context(|| format!("{path}: no answer"))?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Ok((status.with_context(|| format!("{path}: {head}"))?, body.to_owned()))
    }
}
