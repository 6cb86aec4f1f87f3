//! Another program that is told: it listens on loopback, checks what it gets, and answers as the test wants.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Bytes, extract::State, response::IntoResponse};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, StatusCode, Uri, header};
use serde_json::Value as Json;
use sha2::Sha256;
use tokio::{net::TcpListener, sync::Semaphore, task::JoinHandle};

/// A program that is told.
pub struct Receiver {
    pub url: String,
    inner: Arc<Inner>,
    serving: JoinHandle<()>,
}

struct Inner {
    got: Mutex<Vec<Got>>,
    /// What it answers next; then 204.
    answers: Mutex<VecDeque<Answer>>,
    /// The kind of events that it never takes.
    refused: Mutex<Option<&'static str>>,
    hung: Semaphore,
    let_go: Semaphore,
}

#[derive(Clone, Debug)]
pub enum Answer {
    Status(u16),
    /// Come back after so many seconds.
    Busy(u32),
    Redirect(String),
    /// Nothing, until it is let go.
    Hang,
}

/// A message as it came.
#[derive(Clone, Debug)]
pub struct Got {
    pub path: String,
    pub id: String,
    pub timestamp: i64,
    pub signatures: Vec<String>,
    pub text: String,
    pub body: Json,
}

impl Receiver {
    pub async fn start() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let inner = Arc::new(Inner {
            got: Mutex::default(),
            answers: Mutex::default(),
            refused: Mutex::default(),
            hung: Semaphore::new(0),
            let_go: Semaphore::new(0),
        });
        let router = Router::new().fallback(take).with_state(Arc::clone(&inner));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Receiver { url: format!("http://{address}/hooks/very-secret?of=us"), inner, serving }
    }

    pub fn answers(&self, answers: impl IntoIterator<Item = Answer>) {
        self.inner.answers.lock().unwrap().extend(answers);
    }

    /// From now on it takes everything but this kind of events.
    pub fn refuses(&self, kind: &'static str) {
        *self.inner.refused.lock().unwrap() = Some(kind);
    }

    /// From now on it takes everything.
    pub fn works(&self) {
        *self.inner.refused.lock().unwrap() = None;
        self.inner.answers.lock().unwrap().clear();
    }

    /// What came since the last time.
    pub fn take(&self) -> Vec<Got> {
        std::mem::take(&mut *self.inner.got.lock().unwrap())
    }

    /// The one message that came since the last time.
    #[track_caller]
    pub fn one(&self) -> Got {
        let mut got = self.take();
        assert_eq!(got.len(), 1, "{got:#?}");
        got.remove(0)
    }

    /// Until a request hangs here.
    pub async fn hangs(&self) {
        self.inner.hung.acquire().await.unwrap().forget();
    }

    pub fn let_go(&self) {
        self.inner.let_go.add_permits(1);
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Got {
    pub fn kind(&self) -> &str {
        self.body["type"].as_str().unwrap()
    }

    pub fn events(&self) -> &Vec<Json> {
        self.body["data"]["events"].as_array().unwrap()
    }

    /// Whether one of its signatures was made with this secret, as docs/webhooks.md says how to see it.
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let key = BASE64_STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(format!("{}.{}.{}", self.id, self.timestamp, self.text).as_bytes());
        let expected = format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
        self.signatures.contains(&expected)
    }
}

async fn take(State(inner): State<Arc<Inner>>, uri: Uri, headers: HeaderMap, body: Bytes) -> axum::response::Response {
    let text = |name: &str| headers[name].to_str().unwrap().to_owned();
    assert_eq!(text("content-type"), "application/json");
    let got = Got {
        path: uri.to_string(),
        id: text("webhook-id"),
        timestamp: text("webhook-timestamp").parse().unwrap(),
        signatures: text("webhook-signature").split(' ').map(str::to_owned).collect(),
        text: String::from_utf8(body.to_vec()).unwrap(),
        body: serde_json::from_slice(&body).unwrap(),
    };
    let is_refused = inner.refused.lock().unwrap().is_some_and(|kind| kind == got.kind());
    inner.got.lock().unwrap().push(got);
    if is_refused {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let answer = inner.answers.lock().unwrap().pop_front();
    match answer {
        None => StatusCode::NO_CONTENT.into_response(),
        Some(Answer::Status(status)) => StatusCode::from_u16(status).unwrap().into_response(),
        Some(Answer::Busy(seconds)) => {
            (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, seconds.to_string())]).into_response()
        }
        Some(Answer::Redirect(to)) => (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, to)]).into_response(),
        Some(Answer::Hang) => {
            inner.hung.add_permits(1);
            inner.let_go.acquire().await.unwrap().forget();
            StatusCode::NO_CONTENT.into_response()
        }
    }
}
