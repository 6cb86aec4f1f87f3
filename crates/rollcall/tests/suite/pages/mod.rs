//! The dashboard as a browser without a script gets it: status, headers, markup, cookies.

mod attendance;
mod audit;
mod compression;
mod every;
mod first;
mod imports;
pub mod schools;
mod settings;
mod signing;
mod spanish;
mod students;
mod terminal;
mod unknown;
mod webhooks;
pub mod words;

use axum::body::Body;
use http::{Request, header};

use crate::server::{Person, Reply, Server};

/// The page that a person is shown.
pub async fn page(server: &Server, by: &Person, path: &str) -> Reply {
    server.send(request(Some(by), path).body(Body::empty()).unwrap()).await
}

/// The page that nobody in particular is shown.
pub async fn anonymous(server: &Server, path: &str) -> Reply {
    server.send(request(None, path).body(Body::empty()).unwrap()).await
}

/// The live block of a page, as the script asks for it.
pub async fn live(server: &Server, by: &Person, path: &str, known: Option<&str>) -> Reply {
    let mut request = request(Some(by), path).header("rollcall-script", "live");
    if let Some(etag) = known {
        request = request.header(header::IF_NONE_MATCH, etag);
    }
    server.send(request.body(Body::empty()).unwrap()).await
}

/// A form that a page of ours sent.
pub async fn submit(server: &Server, by: Option<&Person>, path: &str, fields: &[(&str, &str)]) -> Reply {
    let own = request(by, path).header(header::ORIGIN, "http://rollcall.example:8081");
    server.send(form(own, fields)).await
}

pub fn request(by: Option<&Person>, path: &str) -> http::request::Builder {
    let mut request = Request::builder().uri(path).header(header::HOST, "rollcall.example:8081");
    if let Some(person) = by {
        request = request.header(header::COOKIE, format!("rollcall_session={}", person.token));
    }
    request
}

pub fn form(request: http::request::Builder, fields: &[(&str, &str)]) -> Request<Body> {
    let encode = |text: &str| text.bytes().fold(String::new(), |coded, byte| coded + &format!("%{byte:02x}"));
    let body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    let kind = (header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    request.method("POST").header(kind.0, kind.1).body(Body::from(body.join("&"))).unwrap()
}

/// A form with a file.
pub async fn submit_file(server: &Server, by: &Person, fields: &[(&str, &str)], name: &str, file: &[u8]) -> Reply {
    let mut body = Vec::new();
    for (field, value) in fields {
        let head = format!("--end\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(head.as_bytes());
    }
    let head = format!("--end\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n");
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(file);
    body.extend_from_slice(b"\r\n--end--\r\n");
    let request = request(Some(by), "/import").header("sec-fetch-site", "same-origin").method("POST");
    let request = request.header(header::CONTENT_TYPE, "multipart/form-data; boundary=end");
    server.send(request.body(Body::from(body)).unwrap()).await
}

impl Reply {
    /// A page of this status.
    #[track_caller]
    pub fn page(&self, status: u16) -> &str {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.headers["content-type"], "text/html; charset=utf-8", "{}", self.text);
        &self.text
    }

    /// A deed was done: where the browser is sent.
    #[track_caller]
    pub fn goes_to(&self) -> &str {
        assert_eq!(self.status, 303, "{}", self.text);
        self.headers["location"].to_str().unwrap()
    }

    /// The value of a cookie that the answer sets.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.headers.get_all(header::SET_COOKIE).iter().find_map(|cookie| {
            let (value, _) = cookie.to_str().ok()?.strip_prefix(name)?.strip_prefix('=')?.split_once(';')?;
            Some(value.to_owned())
        })
    }
}
