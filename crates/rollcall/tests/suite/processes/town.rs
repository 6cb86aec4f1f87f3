//! Several servers on one PostgreSQL, and what people and terminals say to each of them.

use std::net::SocketAddr;

use reqwest::Method;
use rollcall::{devices::DeviceId, store::Db};
use serde_json::{Value as Json, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::program::{Serving, rollcall, rollcall_reading};

pub struct Town {
    pub db: Db,
    pub url: String,
    pub token: String,
    /// `None` once one was killed.
    pub servers: Vec<Option<Serving>>,
    client: reqwest::Client,
}

/// Terminals of these tests answer fast, or another server answers for them: no command is to be offered twice for a slow
/// machine's sake.
const ARGUMENTS: [&str; 4] = ["--poll-delay", "2s", "--command-deadline", "10m"];

impl Town {
    /// A school with its superadmin, and so many servers.
    pub async fn of(servers: usize, db: Db, url: &str) -> Town {
        Town::with(servers, db, url, &ARGUMENTS).await
    }

    pub async fn with(servers: usize, db: Db, url: &str, arguments: &[&str]) -> Town {
        let admin = ["user", "add", "ngozi@example.org", "--role", "superadmin", "--password-stdin"];
        rollcall_reading(url, &admin, "ọ̀rẹ́ ni ìwé").await.done();
        let token = rollcall(url, &["token", "create", "ngozi@example.org"]).await.done().trim().to_owned();
        let mut town = Town { db, url: url.to_owned(), token, servers: Vec::new(), client: reqwest::Client::new() };
        town.sql("INSERT INTO schools (name, guard_percent, guard_number) VALUES ('Colegio Yachay', 100, 100000)")
            .await;
        for _ in 0..servers {
            town.servers.push(Some(Serving::start(url, arguments).await));
        }
        town
    }

    pub fn serving(&self, server: usize) -> &Serving {
        self.servers[server].as_ref().expect("it runs")
    }

    pub fn addresses(&self) -> Vec<SocketAddr> {
        (0..self.servers.len()).map(|server| self.serving(server).address).collect()
    }

    /// A call of the API at one server: the status, and what it says.
    pub async fn call(&self, server: usize, method: Method, path: &str, body: Option<Json>) -> (u16, Json) {
        self.call_with(&self.token, server, method, path, body).await
    }

    pub async fn call_with(
        &self,
        token: &str,
        server: usize,
        method: Method,
        path: &str,
        body: Option<Json>,
    ) -> (u16, Json) {
        let mut request = self.client.request(method, self.serving(server).url(path)).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    /// A call that must be answered yes. What it says.
    pub async fn done(&self, server: usize, method: Method, path: &str, body: Option<Json>) -> Json {
        let (status, answer) = self.call(server, method, path, body).await;
        assert!((200..300).contains(&status), "{path} at server {server}: {status} {answer}");
        answer["data"].clone()
    }

    pub async fn student(&self, server: usize, name: &str, card: i64) -> i64 {
        let body = json!({"school_id": 1, "full_name": name, "rfid_card_id": card.to_string()});
        self.done(server, Method::POST, "/api/v1/students", Some(body)).await["id"].as_i64().unwrap()
    }

    pub async fn device(&self, server: usize, serial: &str) -> DeviceId {
        let body = json!({"school_id": 1, "serial_number": serial, "device_name": serial});
        DeviceId(self.done(server, Method::POST, "/api/v1/devices", Some(body)).await["id"].as_i64().unwrap())
    }

    pub async fn sql(&self, sql: &'static str) {
        let mut tx = self.db.write().await.unwrap();
        tx.execute(sql, []).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        tx.commit().await.unwrap();
    }

    pub async fn number(&self, sql: &'static str) -> i64 {
        let mut tx = self.db.read().await.unwrap();
        let (number,) = tx.one(sql, []).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        number
    }

    /// What a terminal is told that asks this server: head and body.
    pub async fn ask(&self, server: usize, request: &str, body: &str) -> String {
        converse(self.serving(server).address, request, body).await
    }

    pub async fn shake_hands(&self, server: usize, serial: &str) {
        let hands = format!("GET /iclock/cdata?SN={serial}&options=all&pushver=2.4.1&language=69");
        assert!(self.ask(server, &hands, "").await.contains("GET OPTION FROM"), "{serial} at server {server}");
    }

    /// The commands that a terminal without anybody is given at a poll: their numbers and texts.
    pub async fn poll(&self, server: usize, serial: &str) -> Vec<(String, String)> {
        let poll = format!("GET /iclock/getrequest?SN={serial}&INFO=ZAM70-NF28VA-3.3.12,0,0,0");
        commands(&self.ask(server, &poll, "").await)
    }

    /// The terminal says that it did what it was told.
    pub async fn acknowledge(&self, server: usize, serial: &str, given: &[(String, String)]) {
        let lines: Vec<String> = given.iter().map(|(id, _)| format!("ID={id}&Return=0&CMD=DATA\n")).collect();
        let said = self.ask(server, &format!("POST /iclock/devicecmd?SN={serial}"), &lines.concat()).await;
        assert!(said.starts_with("HTTP/1.1 200 "), "{said}");
    }
}

/// One request on a connection of its own; nothing when nobody answers.
pub async fn converse(address: SocketAddr, request: &str, body: &str) -> String {
    let head = format!(
        "{request} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut answer = String::new();
    let conversation = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(head.as_bytes()).await?;
        stream.read_to_string(&mut answer).await
    };
    let _ = conversation.await;
    answer
}

fn commands(reply: &str) -> Vec<(String, String)> {
    let lines = reply.lines().filter_map(|line| line.strip_prefix("C:")?.split_once(':'));
    lines.map(|(id, text)| (id.to_owned(), text.to_owned())).collect()
}
