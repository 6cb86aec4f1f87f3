//! A server as its callers see it: the router in this process, a clock that the test moves.

use axum::{Router, body::Body};
use http::{HeaderMap, Method, Request, header};
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};
use rollcall::{
    accounts::{
        Role,
        passwords::PasswordHash,
        tokens,
        users::{self, NewUser},
    },
    app::App,
    clock::Clock,
    config::Settings,
    devices::registry::Registry,
    school::{SchoolId, schools},
    store::{Record, Value},
};
use serde_json::{Value as Json, json};
use tower::ServiceExt;

use crate::databases::Database;

/// A Monday, ten in the morning of UTC.
pub const START: &str = "2026-11-23T10:00:00Z";

/// A running server.
pub struct Server {
    pub app: App,
    router: Router,
    /// Lives as long as the server, where the server has one of its own.
    _database: Option<Database>,
}

/// What a call answered.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    /// `null` when the answer was no JSON.
    pub body: Json,
    pub text: String,
    pub bytes: bytes::Bytes,
}

/// Somebody with a token.
#[derive(Clone, Debug)]
pub struct Person {
    pub token: String,
    pub id: i64,
}

impl Server {
    pub fn new(database: Database) -> Server {
        let clock = Clock::manual(START.parse().expect("a time"));
        let app = App::with(database.db.clone(), Settings::default(), clock, Registry::default());
        Server { _database: Some(database), ..Server::of(&app) }
    }

    /// What people see of a server that runs already.
    pub fn of(app: &App) -> Server {
        Server { router: rollcall::web::router(app.clone()), app: app.clone(), _database: None }
    }

    pub fn now(&self) -> Timestamp {
        self.app.clock.now()
    }

    pub fn wait(&self, time: SignedDuration) {
        self.app.clock.advance(time);
    }

    pub async fn get(&self, by: &Person, path: &str) -> Reply {
        self.call(Method::GET, Some(&by.token), path, None).await
    }

    pub async fn post(&self, by: &Person, path: &str, body: Json) -> Reply {
        self.call(Method::POST, Some(&by.token), path, Some(body)).await
    }

    pub async fn patch(&self, by: &Person, path: &str, body: Json) -> Reply {
        self.call(Method::PATCH, Some(&by.token), path, Some(body)).await
    }

    pub async fn put(&self, by: &Person, path: &str, body: Json) -> Reply {
        self.call(Method::PUT, Some(&by.token), path, Some(body)).await
    }

    pub async fn delete(&self, by: &Person, path: &str) -> Reply {
        self.call(Method::DELETE, Some(&by.token), path, None).await
    }

    /// A login; the token, when there is one.
    pub async fn login(&self, email: &str, password: &str) -> Reply {
        let body = json!({"email": email, "password": password});
        self.call(Method::POST, None, "/api/v1/auth/login", Some(body)).await
    }

    pub async fn call(&self, method: Method, token: Option<&str>, path: &str, body: Option<Json>) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = match body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        self.send(request.body(body).expect("a request")).await
    }

    pub async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.expect("a router never fails");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("the whole body").to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Reply {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: serde_json::from_str(&text).unwrap_or(Json::Null),
            text,
            bytes,
        }
    }

    /// A school, made without the API.
    pub async fn school(&self, name: &str) -> SchoolId {
        let mut tx = self.app.db.write().await.expect("a transaction");
        let new = schools::NewSchool { name: name.to_owned(), ..schools::NewSchool::default() };
        let school = schools::create(&mut tx, new, self.now()).await.expect("a school");
        tx.commit().await.expect("a commit");
        school.id
    }

    /// A user with a token, made without the API; he has no password that could be typed.
    pub async fn person(&self, email: &str, role: Role, school: Option<SchoolId>) -> Person {
        let mut tx = self.app.db.write().await.expect("a transaction");
        let new = NewUser {
            email: email.to_owned(),
            password: PasswordHash::stored("none".to_owned()),
            role,
            school_id: school,
            full_name: None,
        };
        let user = users::create(&mut tx, new, self.now()).await.expect("a user");
        let (_, secret) = tokens::create(&mut tx, user.id, "test", None, self.now()).await.expect("a token");
        tx.commit().await.expect("a commit");
        Person { token: secret.reveal().to_owned(), id: user.id.0 }
    }

    pub async fn superadmin(&self) -> Person {
        self.person("ngozi.okafor@example.org", Role::Superadmin, None).await
    }

    /// What SQL shows.
    pub async fn rows<T: Record, const N: usize>(&self, sql: &'static str, values: [Value; N]) -> Vec<T> {
        let mut tx = self.app.db.read().await.expect("a transaction");
        tx.all(sql, values).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }

    /// SQL as another program runs it.
    pub async fn sql<const N: usize>(&self, sql: &'static str, values: [Value; N]) {
        let mut tx = self.app.db.write().await.expect("a transaction");
        tx.execute(sql, values).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        tx.commit().await.expect("a commit");
    }
}

impl Reply {
    /// The `data` of an answer of this status; anything else fails the test with the whole answer.
    #[track_caller]
    pub fn data(&self, status: u16) -> &Json {
        assert_eq!((self.status, &self.body["success"]), (status, &json!(true)), "{}", self.text);
        assert!(self.body["message"].is_string(), "{}", self.text);
        self.body.get("data").unwrap_or_else(|| panic!("no data: {}", self.text))
    }

    /// The message of a refusal of this status.
    #[track_caller]
    pub fn refusal(&self, status: u16) -> &str {
        assert_eq!((self.status, &self.body["success"]), (status, &json!(false)), "{}", self.text);
        assert_eq!(self.body.as_object().map(serde_json::Map::len), Some(2), "{}", self.text);
        self.body["message"].as_str().unwrap_or_else(|| panic!("no message: {}", self.text))
    }

    /// One field of every row of a list.
    #[track_caller]
    pub fn column(&self, field: &str) -> Vec<Json> {
        self.data(200).as_array().expect("a list").iter().map(|row| row[field].clone()).collect()
    }
}
