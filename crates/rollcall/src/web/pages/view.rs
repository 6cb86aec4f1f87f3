//! What every page is rendered with, and how a page becomes an answer.

#![expect(clippy::trivially_copy_pass_by_ref, clippy::ref_option, reason = "templates hand over references")]

use askama::Template;
use axum::response::{Html, IntoResponse, Redirect};
use http::{HeaderName, HeaderValue, StatusCode, header};
use jiff::{Timestamp, tz::TimeZone};

use super::{
    Reply,
    html::{Markup, escape, fingerprint, from_percent, percent},
    nav::{self, Link},
    words::Words,
};
use crate::{
    accounts::Role,
    devices::zone,
    school::{
        SchoolId,
        schools::{self, School},
    },
    store::{self, Instant, Tx},
    web::{envelope, error::ApiError},
};

/// What `live.js` sends: `live` when it wants the live block alone, `form` when it submits one.
pub const SCRIPT: &str = "rollcall-script";
/// Where `live.js` should go, instead of a redirect that it could not see.
const GO: HeaderName = HeaderName::from_static("rollcall-go");

/// What every page is rendered with.
#[derive(Clone, Debug)]
pub struct View {
    /// The texts.
    pub w: &'static Words,
    /// Of this page, with its query.
    pub path: String,
    pub now: Timestamp,
    /// The zone in which times are shown.
    pub zone: TimeZone,
    /// Nobody on the pages in front of the sign-in.
    pub signed: Option<Signed>,
    /// The schools that he may see; where those are many, the chosen one alone.
    pub schools: Vec<School>,
    /// He may see too many to list them.
    pub is_of_many: bool,
    /// Of many, those that the page itself names: [`View::know`].
    pub(super) others: Vec<School>,
    /// The school that lists are narrowed to; all for a superadmin who chose none.
    pub school: Option<SchoolId>,
    pub(super) message: Option<Message>,
    pub(super) is_script: bool,
    pub(super) is_fragment: bool,
    pub(super) known_etag: Option<String>,
    /// The connection is encrypted, as the proxy in front says.
    pub(super) is_secure: bool,
}

/// Who is signed in.
#[derive(Clone, Debug)]
pub struct Signed {
    pub name: String,
    pub role: Role,
}

/// What the last deed came to, shown once, on the next page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    pub text: String,
    pub is_good: bool,
}

/// A page without parts that move.
pub fn show(view: &View, page: &impl Template) -> Reply {
    let mut response = Html(page.render().map_err(ApiError::internal)?).into_response();
    if view.message.is_some() {
        let gone = view.cookie(Message::COOKIE, "", "; Max-Age=0");
        response.headers_mut().append(header::SET_COOKIE, gone);
    }
    Ok(response)
}

/// A page with a live block: the block alone when a script asks for it, and nothing when it has the same already.
pub fn show_live(view: &View, page: &impl Template, live: impl Template) -> Reply {
    if !view.is_fragment {
        return show(view, page);
    }
    let block = live.render().map_err(ApiError::internal)?;
    // Weak: the block is the same whether it is compressed on its way or not.
    let etag = format!("W/\"{}\"", fingerprint(&block));
    let tag = HeaderValue::try_from(&etag).map_err(ApiError::internal)?;
    if view.known_etag.as_deref() == Some(&etag) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    Ok(([(header::ETAG, tag)], Html(block)).into_response())
}

impl View {
    /// After a deed: on to a page, which shows the message once.
    pub fn go(&self, to: &str, message: Option<Message>) -> Reply {
        let mut response = if self.is_script {
            let to = HeaderValue::try_from(to).map_err(ApiError::internal)?;
            (StatusCode::OK, [(GO, to)]).into_response()
        } else {
            Redirect::to(to).into_response()
        };
        if let Some(message) = message {
            let cookie = self.cookie(Message::COOKIE, &message.to_value(), "; Max-Age=60");
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        Ok(response)
    }

    /// After a deed: to a page with what it came to, or what stands against it. Any other error is a page of its own.
    pub fn back<T, W: Into<String>>(&self, to: &str, done: envelope::Reply<T>, says: impl FnOnce(&T) -> W) -> Reply {
        match done {
            Ok(answer) => self.go(to, Some(Message::good(says(answer.data())))),
            Err(error) => match error.problem() {
                Some((_, why)) => self.go(to, Some(Message::problem(self.w.say_or_keep(why)))),
                None => Err(error),
            },
        }
    }

    /// What a room said, in the reader's language; marked as English where it stays so.
    pub fn say(&self, said: &str) -> Markup {
        self.w.said(said)
    }

    /// The same with a class.
    pub fn say_as(&self, class: &str, said: &str) -> Markup {
        self.w.said_as(class, said)
    }

    /// A cookie of this server, out of reach for scripts.
    pub fn cookie(&self, name: &str, value: &str, rest: &str) -> HeaderValue {
        let secure = if self.is_secure { "; Secure" } else { "" };
        HeaderValue::try_from(format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{rest}"))
            .unwrap_or(HeaderValue::from_static(""))
    }

    /// The message to show, once.
    pub fn message(&self) -> Option<&Message> {
        self.message.as_ref()
    }

    /// The pages that he may go to.
    pub fn links(&self) -> Vec<Link> {
        nav::links(self)
    }

    pub fn is_superadmin(&self) -> bool {
        self.signed.as_ref().is_some_and(|signed| signed.role == Role::Superadmin)
    }

    /// Whether he may change anything at all.
    pub fn may_change(&self) -> bool {
        self.signed.as_ref().is_some_and(|signed| signed.role != Role::Teacher)
    }

    pub fn chosen_school(&self) -> Option<&School> {
        self.school.and_then(|id| self.schools.iter().find(|school| school.id == id))
    }

    /// The school that a page is about: the one asked for, the chosen one, or the only one there is.
    pub fn school_or(&self, asked: Option<SchoolId>) -> Option<SchoolId> {
        let is_only = self.schools.len() == 1 && !self.is_of_many;
        asked.or(self.school).or_else(|| self.schools.first().filter(|_| is_only).map(|school| school.id))
    }

    /// Whether there is more than one school that a page may be about.
    pub fn has_several(&self) -> bool {
        self.is_of_many || self.schools.len() > 1
    }

    /// Whether there is no school yet.
    pub fn has_none(&self) -> bool {
        !self.is_of_many && self.schools.is_empty()
    }

    /// Reads what the page says of schools and the frame did not read: of many it knows the chosen one alone.
    pub async fn know(&mut self, tx: &mut Tx, schools: impl IntoIterator<Item = SchoolId>) -> store::Result<()> {
        if self.is_of_many {
            let unknown = schools.into_iter().filter(|school| self.known(*school).is_none()).collect();
            let found = schools::these(tx, unknown).await?;
            self.others.extend(found);
        }
        Ok(())
    }

    fn known(&self, school: SchoolId) -> Option<&School> {
        self.schools.iter().chain(&self.others).find(|known| known.id == school)
    }

    /// Where one chooses among many schools and comes back to this page.
    pub fn to_schools(&self) -> String {
        if self.is_at_schools() {
            self.path.clone()
        } else {
            format!("/schools?back={}", percent(&self.of_any_school()))
        }
    }

    /// This page's address without the school, or the class of one, that it was asked about.
    pub fn of_any_school(&self) -> String {
        let (page, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let is_kept = |field: &&str| !field.is_empty() && !field.starts_with("school=") && !field.starts_with("class=");
        let fields: Vec<&str> = query.split('&').filter(is_kept).collect();
        if fields.is_empty() { page.to_owned() } else { format!("{page}?{}", fields.join("&")) }
    }

    /// The same for a page that has to be about one.
    pub fn to_one_school(&self) -> String {
        format!("/schools?one=yes&back={}", percent(&self.of_any_school()))
    }

    pub fn is_at_schools(&self) -> bool {
        self.path.split('?').next() == Some("/schools")
    }

    /// The same in the zone of a school.
    #[must_use]
    pub fn at_school(mut self, school: SchoolId, usual: &TimeZone) -> View {
        self.zone = zone::of(None, self.known(school).and_then(|school| school.timezone.as_deref()), usual);
        self
    }

    /// What a school is called.
    pub fn name_of(&self, school: SchoolId) -> &str {
        self.known(school).map_or("", |school| &school.name)
    }

    pub fn is_chosen(&self, school: &SchoolId) -> bool {
        self.school == Some(*school)
    }

    /// His role in words.
    pub fn role(&self) -> &'static str {
        let c = &self.w.common;
        match self.signed.as_ref().map(|signed| signed.role) {
            Some(Role::Superadmin) => c.superadmin.0,
            Some(Role::SchoolAdmin) => c.school_admin.0,
            Some(Role::Teacher) => c.teacher.0,
            None => "",
        }
    }

    /// How long ago that was, in words that change once a minute at most; the exact time is its title.
    pub fn ago(&self, at: &Instant) -> Markup {
        let c = &self.w.common;
        let minutes = self.now.duration_since(at.0).as_secs() / 60;
        let words = match minutes {
            ..1 => c.just_now.to_string(),
            1..60 => c.minutes_ago.count(minutes).to_string(),
            60..1440 => c.hours_ago.count(minutes / 60).to_string(),
            _ => c.days_ago.count(minutes / 1440).to_string(),
        };
        self.time(at, &words)
    }

    /// As [`View::ago`], for what may never have happened.
    pub fn ago_or_never(&self, at: &Option<Instant>) -> Markup {
        at.as_ref().map_or_else(|| Markup(escape(self.w.common.never.0)), |at| self.ago(at))
    }

    /// The date and time in the page's zone.
    pub fn at(&self, at: &Instant) -> Markup {
        self.time(at, &self.local(at, "%Y-%m-%d %H:%M:%S"))
    }

    /// The date and time of a moment to come, to the minute.
    pub fn minute(&self, at: &Instant) -> String {
        self.local(at, "%Y-%m-%d %H:%M")
    }

    fn time(&self, at: &Instant, words: &str) -> Markup {
        let exact = self.local(at, "%Y-%m-%d %H:%M:%S %Z");
        Markup(format!("<time datetime=\"{:.0}\" title=\"{}\">{}</time>", at.0, escape(&exact), escape(words)))
    }

    fn local(&self, at: &Instant, format: &str) -> String {
        at.0.to_zoned(self.zone.clone()).strftime(format).to_string()
    }
}

impl Message {
    pub const COOKIE: &'static str = "rollcall_message";

    pub fn good(text: impl Into<String>) -> Message {
        Message { text: text.into(), is_good: true }
    }

    /// Something was not done.
    pub fn problem(text: impl Into<String>) -> Message {
        Message { text: text.into(), is_good: false }
    }

    pub(super) fn parse(value: &str) -> Option<Message> {
        let text = from_percent(value.get(1..)?)?;
        Some(Message { text, is_good: value.starts_with('1') })
    }

    /// Short enough for a cookie.
    fn to_value(&self) -> String {
        let text: String = self.text.chars().take(300).collect();
        format!("{}{}", u8::from(self.is_good), percent(&text))
    }
}
