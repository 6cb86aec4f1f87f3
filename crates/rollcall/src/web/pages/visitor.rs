//! Who looks at a page: somebody who is signed in, or anybody.

use std::convert::Infallible;

use axum::{
    extract::{FromRequestParts, OriginalUri},
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderMap, Method, StatusCode, header, request::Parts};

use super::{
    html::{cookie, percent},
    session::SESSION,
    view::{Message, SCRIPT, Signed, View},
    words::{LANGUAGES, Words},
};
use crate::{
    accounts::{Caller, tokens},
    app::App,
    devices::zone,
    school::{SchoolId, schools},
    web::{caller::let_in, error::ApiError, origin::Origin},
};

/// Somebody who is signed in. A handler that takes one sends everybody else to the sign-in page.
#[derive(Debug)]
pub struct Visitor {
    pub caller: Caller,
    pub view: View,
}

/// Anybody: for the pages in front of the sign-in.
#[derive(Debug)]
pub struct Anybody {
    pub view: View,
}

/// The cookie with the school that a superadmin looks at.
pub const SCHOOL: &str = "rollcall_school";

/// So many schools fit into a list that one looks through. Of more, the frame reads the chosen one alone, and one chooses on
/// a page of its own: [`super::schools`].
const FEW: i64 = 50;

impl FromRequestParts<App> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Visitor, Response> {
        let mut view = view(parts, app);
        let caller = recognised(app, &mut view, &parts.headers).await.map_err(IntoResponse::into_response)?;
        match caller {
            Some(caller) => Ok(Visitor { caller, view }),
            None => Err(sign_in_first(parts, &view)),
        }
    }
}

impl FromRequestParts<App> for Anybody {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Anybody, Infallible> {
        Ok(Anybody { view: view(parts, app) })
    }
}

fn view(parts: &Parts, app: &App) -> View {
    let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |OriginalUri(uri)| uri);
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    View {
        w: parts.extensions.get::<&'static Words>().copied().unwrap_or(LANGUAGES[0]),
        path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        now: app.clock.now(),
        zone: app.settings.timezone.clone(),
        signed: None,
        schools: Vec::new(),
        is_of_many: false,
        others: Vec::new(),
        school: None,
        message: cookie(&parts.headers, Message::COOKIE).and_then(Message::parse),
        is_script: parts.headers.contains_key(SCRIPT),
        is_fragment: text(SCRIPT) == Some("live"),
        known_etag: text(header::IF_NONE_MATCH.as_str()).map(str::to_owned),
        is_secure: Origin::of_request(parts, app).is_encrypted,
    }
}

/// A script is told so; the page that it runs in then loads itself anew.
fn sign_in_first(parts: &Parts, view: &View) -> Response {
    if view.is_script {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if parts.method == Method::GET && view.path != "/" {
        return Redirect::to(&format!("/sign-in?next={}", percent(&view.path))).into_response();
    }
    Redirect::to("/sign-in").into_response()
}

/// Who sent the session's cookie, with what the frame of his page shows: two statements, in one transaction.
async fn recognised(app: &App, view: &mut View, headers: &HeaderMap) -> Result<Option<Caller>, ApiError> {
    let Some(secret) = cookie(headers, SESSION) else { return Ok(None) };
    let mut tx = app.db.read().await?;
    let Some(authenticated) = tokens::authenticate(&mut tx, secret, view.now).await? else { return Ok(None) };
    let caller = &authenticated.caller;
    if caller.is_superadmin() {
        let chosen = cookie(headers, SCHOOL).and_then(|id| id.parse().ok()).map(SchoolId);
        view.schools = schools::first(&mut tx, FEW + 1, chosen).await?;
        view.school = chosen.filter(|school| view.schools.iter().any(|row| row.id == *school));
        view.is_of_many = i64::try_from(view.schools.len()).unwrap_or(i64::MAX) > FEW;
        if view.is_of_many {
            view.schools.retain(|school| Some(school.id) == view.school);
        }
    } else {
        // Nobody's, where he has none.
        view.school = Some(caller.user.school_id.unwrap_or(SchoolId(0)));
        view.schools = schools::list(&mut tx, view.school).await?;
    }
    drop(tx);
    let only = if view.schools.len() == 1 { view.schools.first() } else { view.chosen_school() };
    view.zone = zone::of(None, only.and_then(|school| school.timezone.as_deref()), &app.settings.timezone);
    view.signed = Some(Signed {
        name: caller.user.full_name.clone().unwrap_or_else(|| caller.user.email.clone()),
        role: caller.user.role,
    });
    Ok(Some(let_in(app, authenticated).await))
}
