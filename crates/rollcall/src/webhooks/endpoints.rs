//! Who is told: the rows of `webhook_endpoints`.

use jiff::{SignedDuration, Timestamp};

use super::{
    EndpointId, Kind,
    kind::UnknownKind,
    secret::Secret,
    target::{self, NoTarget},
};
use crate::{
    accounts::UserId,
    networks::Networks,
    school::SchoolId,
    store::{self, Instant, Tx, Value},
};

/// A row of `webhook_endpoints`, without its secret.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, utoipa::ToSchema, sqlx::FromRow)]
pub struct Endpoint {
    pub id: EndpointId,
    /// Without one it is told of all schools.
    pub school_id: Option<SchoolId>,
    pub url: String,
    /// What it is told of.
    #[sqlx(try_from = "String")]
    #[schema(value_type = Vec<String>)]
    pub events: Events,
    pub is_active: bool,
    /// Why it is not active: `admin` (a person), `gone` (it answered 410) or `failing` (it failed for five days).
    pub off_reason: Option<String>,
    /// Since when nothing arrives there.
    pub failing_since: Option<Instant>,
    pub last_success_at: Option<Instant>,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// Events that wait to be told.
    pub waiting: i64,
    /// Events that were given up because too many waited.
    pub dropped: i64,
    /// The last four characters of its secret, to tell secrets apart.
    pub secret_hint: String,
    /// Until then the former secret signs beside the new one.
    pub former_secret_until: Option<Instant>,
    pub created_at: Instant,
    pub updated_at: Instant,
}

/// Kinds of events, each once, in the order of [`Kind::CHOSEN`].
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(into = "Vec<&'static str>")]
pub struct Events(Vec<Kind>);

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Target(#[from] NoTarget),
    #[error(transparent)]
    Kind(#[from] UnknownKind),
    #[error("name at least one event")]
    NoEvents,
    #[error("there are {MOST_OF_SCHOOL} of them already, and a school has no more: delete one first")]
    TooMany,
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Endpoints of one school, and of all schools together.
pub const MOST_OF_SCHOOL: i64 = 10;

/// A secret that was renewed signs so much longer, so that a receiver can be changed without losing anything.
pub const FORMER_SECRET: SignedDuration = SignedDuration::from_hours(24);

impl Events {
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Events, Error> {
        let wanted = names.into_iter().map(str::parse).collect::<Result<Vec<Kind>, _>>()?;
        let events = Events(Kind::CHOSEN.into_iter().filter(|kind| wanted.contains(kind)).collect());
        if events.0.is_empty() { Err(Error::NoEvents) } else { Ok(events) }
    }

    pub fn contains(&self, kind: Kind) -> bool {
        self.0.contains(&kind)
    }

    pub fn kinds(&self) -> &[Kind] {
        &self.0
    }

    fn stored(&self) -> String {
        self.0.iter().fold(",".to_owned(), |text, kind| text + kind.as_str() + ",")
    }
}

/// What a database holds, whatever version of the program wrote it.
impl From<String> for Events {
    fn from(stored: String) -> Events {
        Events(stored.split(',').filter_map(|name| name.parse().ok()).collect())
    }
}

impl From<Events> for Vec<&'static str> {
    fn from(events: Events) -> Vec<&'static str> {
        events.0.into_iter().map(Kind::as_str).collect()
    }
}

macro_rules! columns {
    () => {
        "id, school_id, url, events, is_active, off_reason, failing_since, last_success_at, last_error, dropped,
         former_secret_until, created_at, updated_at, SUBSTR(secret, LENGTH(secret) - 3) AS secret_hint,
         CASE WHEN is_active THEN (SELECT CAST(COALESCE(SUM(w.number), 0) AS BIGINT) FROM webhook_events w
           WHERE w.endpoint_id = webhook_endpoints.id) ELSE 0 END AS waiting"
    };
}

const LIST: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM webhook_endpoints WHERE CAST($1 AS BIGINT) IS NULL OR school_id = $1 ORDER BY school_id, id"
);

/// Those of a school, or all.
pub async fn list(tx: &mut Tx, school: Option<SchoolId>) -> store::Result<Vec<Endpoint>> {
    tx.all(LIST, [school.into()]).await
}

const FIND: &str = concat!("SELECT ", columns!(), " FROM webhook_endpoints WHERE id = $1");

pub async fn find(tx: &mut Tx, id: EndpointId) -> store::Result<Option<Endpoint>> {
    tx.optional(FIND, [id.into()]).await
}

/// An endpoint to be made.
#[derive(Clone, Debug)]
pub struct NewEndpoint<'a> {
    pub school: Option<SchoolId>,
    pub url: &'a str,
    pub events: &'a Events,
    pub made_by: UserId,
    pub secret: &'a Secret,
}

const COUNT: &str = "SELECT COUNT(*) FROM webhook_endpoints WHERE school_id IS NOT DISTINCT FROM $1";
const CREATE: &str = concat!(
    "INSERT INTO webhook_endpoints (school_id, url, events, secret, made_by, created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6, $6) RETURNING ",
    columns!()
);

pub async fn create(tx: &mut Tx, new: NewEndpoint<'_>, networks: &Networks, now: Timestamp) -> Result<Endpoint, Error> {
    let url = target::parse(new.url, networks)?;
    tx.lock_word("webhook endpoints").await?;
    let (there,): (i64,) = tx.one(COUNT, [new.school.into()]).await?;
    if there >= MOST_OF_SCHOOL {
        return Err(Error::TooMany);
    }
    let values: [Value; 6] = [
        new.school.into(),
        url.as_str().into(),
        new.events.stored().into(),
        new.secret.reveal().into(),
        new.made_by.into(),
        now.into(),
    ];
    Ok(tx.one(CREATE, values).await?)
}

/// What a person changes; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct Update<'a> {
    pub url: Option<&'a str>,
    pub events: Option<&'a Events>,
    pub is_active: Option<bool>,
}

const UPDATE: &str = concat!(
    "UPDATE webhook_endpoints SET url = COALESCE(CAST($2 AS TEXT), url), events = COALESCE(CAST($3 AS TEXT), events),
       updated_at = $4 WHERE id = $1 RETURNING ",
    columns!()
);
const SWITCH_ON: &str = "
    UPDATE webhook_endpoints SET is_active = TRUE, off_reason = NULL, failing_since = NULL, failures = 0
    WHERE id = $1 AND NOT is_active";

/// Changes the fields given. Whoever is switched on begins anew.
pub async fn update(
    tx: &mut Tx,
    id: EndpointId,
    update: Update<'_>,
    networks: &Networks,
    now: Timestamp,
) -> Result<Option<Endpoint>, Error> {
    let url = update.url.map(|url| target::parse(url, networks)).transpose()?;
    match update.is_active {
        Some(true) => switch_on(tx, id).await?,
        Some(false) => drop(switch_off(tx, id, Off::Admin, now).await?),
        None => {}
    }
    let values =
        [id.into(), url.as_ref().map(url::Url::as_str).into(), update.events.map(Events::stored).into(), now.into()];
    Ok(tx.optional(UPDATE, values).await?)
}

async fn switch_on(tx: &mut Tx, id: EndpointId) -> store::Result<()> {
    if tx.execute(SWITCH_ON, [id.into()]).await? > 0 {
        // What the sweep has left.
        tx.execute(FORGET_WAITING, [id.into()]).await?;
    }
    Ok(())
}

/// Why an endpoint is told nothing any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Off {
    Admin,
    /// It answered 410.
    Gone,
    /// Nothing arrived for days.
    Failing,
}

impl Off {
    fn as_str(self) -> &'static str {
        match self {
            Off::Admin => "admin",
            Off::Gone => "gone",
            Off::Failing => "failing",
        }
    }
}

const SWITCH_OFF: &str = "
    UPDATE webhook_endpoints SET is_active = FALSE, off_reason = $2, updated_at = $3,
      dropped = dropped + (SELECT CAST(COALESCE(SUM(w.number), 0) AS BIGINT) FROM webhook_events w
        WHERE w.endpoint_id = webhook_endpoints.id)
    WHERE id = $1 AND is_active";
const GIVE_UP_ALL: &str = "
    UPDATE webhook_messages SET state = 'given_up', finished_at = $2 WHERE endpoint_id = $1 AND state = 'waiting'";
const FORGET_WAITING: &str = "DELETE FROM webhook_events WHERE endpoint_id = $1";

/// Tells an endpoint nothing any more; what waited for it is given up, and swept by [`super::limits`]. Whether it was active.
pub async fn switch_off(tx: &mut Tx, id: EndpointId, why: Off, now: Timestamp) -> store::Result<bool> {
    if tx.execute(SWITCH_OFF, [id.into(), why.as_str().into(), now.into()]).await? == 0 {
        return Ok(false);
    }
    tx.execute(GIVE_UP_ALL, [id.into(), now.into()]).await?;
    Ok(true)
}

const RENEW: &str = concat!(
    "UPDATE webhook_endpoints SET former_secret = secret, former_secret_until = $3, secret = $2, updated_at = $4
     WHERE id = $1 RETURNING ",
    columns!()
);

/// Another secret; the former one signs beside it for a day.
pub async fn renew(tx: &mut Tx, id: EndpointId, secret: &Secret, now: Timestamp) -> store::Result<Option<Endpoint>> {
    tx.optional(RENEW, [id.into(), secret.reveal().into(), (now + FORMER_SECRET).into(), now.into()]).await
}

const DELETE: &str = "DELETE FROM webhook_endpoints WHERE id = $1";

/// Deletes it; what waits for it is swept by [`super::limits`]. Whether it was there.
pub async fn delete(tx: &mut Tx, id: EndpointId) -> store::Result<bool> {
    Ok(tx.execute(DELETE, [id.into()]).await? > 0)
}

const TEST: &str = "
    INSERT INTO webhook_events (endpoint_id, kind, school_id, number, at, ready_at)
    SELECT id, $2, school_id, 1, $3, $3 FROM webhook_endpoints WHERE id = $1 AND is_active
      AND NOT EXISTS (SELECT 1 FROM webhook_events w WHERE w.endpoint_id = $1 AND w.kind = $2)";

/// A message that only says that messages arrive, unless one waits already.
pub async fn test(tx: &mut Tx, id: EndpointId, now: Timestamp) -> store::Result<()> {
    tx.execute(TEST, [id.into(), Kind::Test.as_str().into(), now.into()]).await?;
    Ok(())
}

/// An endpoint that needs somebody.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Ailing {
    pub id: EndpointId,
    pub school_name: Option<String>,
    pub url: String,
    pub off_reason: Option<String>,
    pub failing_since: Option<Instant>,
    pub last_error: Option<String>,
}

const AILING: &str = "
    SELECT e.id, k.name AS school_name, e.url, e.off_reason, e.failing_since, e.last_error
    FROM webhook_endpoints e LEFT JOIN schools k ON k.id = e.school_id
    WHERE ((NOT e.is_active AND e.off_reason <> 'admin') OR (e.is_active AND e.failing_since <= $1))
      AND (CAST($2 AS BIGINT) IS NULL OR e.school_id = $2)
    ORDER BY e.id LIMIT 100";
/// A receiver that is restarted is none to worry about.
const WORRY_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// Endpoints that were switched off by themselves, or fail for an hour: of a school, or all.
pub async fn ailing(tx: &mut Tx, school: Option<SchoolId>, now: Timestamp) -> store::Result<Vec<Ailing>> {
    tx.all(AILING, [(now - WORRY_AFTER).into(), school.into()]).await
}

impl Ailing {
    /// Its address as far as it may be shown in a log or a terminal.
    pub fn origin(&self) -> String {
        target::origin(&self.url)
    }
}
