//! `/device/{id}/takeover…`: the people whom a terminal held before, and what becomes of them. The same at
//! `/device-management/{id}/…`.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::{
    devices,
    sync::{change, finish, to_change, to_see},
};
use crate::{
    accounts::{Caller, audit},
    app::App,
    devices::{
        DeviceId,
        known::{Device, Error},
    },
    school::{StudentId, search},
    store::Tx,
    sync::{
        adopt::{
            decide::{self, Done, Outcome, What, Whom, Wish},
            view::{self, Adoption},
        },
        reconcile::Reconciled,
        start::{self, Takeover},
    },
    web::{
        envelope::{Answer, PageOf, PageReply, Reply},
        error::ApiError,
        extract::{Json, Paging, Path, Query, not_null},
        openapi::Refusals,
    },
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// Only people whose match is this: `card`, `name`, `conflict`, `former` or `stranger`.
    #[serde(rename = "match")]
    matched: Option<String>,
    /// A part of a name, or of a PIN or a card.
    search: Option<String>,
}

/// Who is on a terminal whom Rollcall did not write
///
/// By PIN, with the students whom they may be. The numbers of `summary` are of everybody, whatever is listed.
#[utoipa::path(get, path = "/{id}/takeover", tag = "takeover", params(("id" = DeviceId, Path), Wanted, Paging),
    responses((status = 200, body = PageOf<Adoption>), Refusals))]
pub async fn show_takeover(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<DeviceId>,
    Query(wanted): Query<Wanted>,
    paging: Paging,
) -> PageReply<Adoption> {
    let mut tx = app.db.read().await?;
    to_see(&mut tx, &caller, id).await?;
    let mut adoption = view::view(&mut tx, id).await?;
    let Wanted { matched, search } = wanted;
    adoption.people.retain(|person| {
        matched.as_deref().is_none_or(|matched| person.matched == matched)
            && search::finds(
                search.as_deref(),
                &[&person.pin, &person.name, person.card.as_deref().unwrap_or_default()],
            )
    });
    let total = adoption.people.len() as i64;
    let before = usize::try_from(paging.offset()).unwrap_or(usize::MAX);
    adoption.people = adoption.people.into_iter().skip(before).take(paging.limit as usize).collect();
    Ok(PageOf::new(adoption, total, paging))
}

#[derive(Deserialize, ToSchema)]
pub struct TakeoverMode {
    /// `add`: write the students beside the people who are there. `link_cards`: link everybody whose card is one student's;
    /// students who may be somebody else there wait for a decision. `replace`: as `link_cards`, and everybody else is
    /// removed, administrators of the terminal excepted; what would remove too many at once waits for an approval.
    pub(in crate::web) mode: String,
}

/// The terminal, and where its takeover stands.
#[derive(Serialize, ToSchema)]
pub struct TakeoverState {
    #[serde(flatten)]
    device: Device,
    /// Without the people, who are listed page by page.
    adoption: Adoption,
}

/// Decide about the people whom a terminal already holds
///
/// The terminal is read before anything is written to it. Whoever is linked keeps the PIN that he has there, so that his
/// fingers and his face stay; what he punched before is his. Given again, it is about whoever is there now.
#[utoipa::path(post, path = "/{id}/takeover", tag = "takeover", params(("id" = DeviceId, Path)),
    request_body = TakeoverMode, responses((status = 200, body = Answer<TakeoverState>), Refusals))]
pub async fn take_over_device(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<DeviceId>,
    Json(TakeoverMode { mode }): Json<TakeoverMode>,
) -> Reply<TakeoverState> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    to_change(&mut tx, &caller, id).await?;
    let Some(takeover) = Takeover::parse(&mode) else {
        return Err(ApiError::invalid("mode", Error::Takeover(mode)));
    };
    let reconciled = start::take_over(&mut tx, id, takeover, now).await?;
    let device = to_see(&mut tx, &caller, id).await?;
    let adoption = without_people(&mut tx, id).await?;
    audit::record(&mut tx, caller.actor(), change("takeover", &device, json!({"mode": mode})), now).await?;
    tx.commit().await?;
    finish(&app, id, reconciled).await?;
    devices::follow(&app, id, &Reconciled::default()).await;
    Ok(Answer::ok(adoption.words.clone(), TakeoverState { device, adoption }))
}

async fn without_people(tx: &mut Tx, id: DeviceId) -> Result<Adoption, ApiError> {
    Ok(Adoption { people: Vec::new(), ..view::view(tx, id).await? })
}

/// What is to become of somebody, or of everybody with the same match.
// A field that is spelt wrongly must not mean everybody.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonDecision {
    #[serde(default, deserialize_with = "not_null", skip_serializing_if = "Option::is_none")]
    pub(in crate::web) pin: Option<String>,
    /// Instead of a PIN: everybody undecided whose match is this.
    #[serde(default, rename = "match", deserialize_with = "not_null", skip_serializing_if = "Option::is_none")]
    pub(in crate::web) matched: Option<String>,
    pub(in crate::web) decision: What,
    /// Whom to link, where the match does not say it.
    #[serde(default, deserialize_with = "not_null", skip_serializing_if = "Option::is_none")]
    pub(in crate::web) student_id: Option<StudentId>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PeopleDecisions {
    /// All of them are carried out, or none.
    pub(in crate::web) decisions: Vec<PersonDecision>,
}

/// What was decided.
#[derive(Serialize, ToSchema)]
pub struct DecidedPeople {
    pub(in crate::web) linked: u64,
    pub(in crate::web) kept: u64,
    pub(in crate::web) removed: u64,
    #[serde(flatten)]
    pub(in crate::web) adoption: Adoption,
}

/// Decide about single people on a terminal
///
/// `link`: he is a student, and the student keeps the PIN that he has there. `keep`: he stays, as a stranger. `remove`: he
/// goes, as soon as anything is written to the terminal. Who was to be removed stays if that has not left for the terminal yet;
/// while it has left and is not answered, `link` and `keep` are refused.
#[utoipa::path(post, path = "/{id}/takeover/people", tag = "takeover", params(("id" = DeviceId, Path)),
    request_body = PeopleDecisions, responses((status = 200, body = Answer<DecidedPeople>), Refusals))]
pub async fn decide_people(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<DeviceId>,
    Json(PeopleDecisions { decisions }): Json<PeopleDecisions>,
) -> Reply<DecidedPeople> {
    let now = app.clock.now();
    let wishes = decisions.iter().map(PersonDecision::wish).collect::<Result<Vec<Wish>, ApiError>>()?;
    let mut tx = app.db.write().await?;
    let device = to_change(&mut tx, &caller, id).await?;
    let Done { linked, kept, removed, reconciled } = match decide::decide(&mut tx, id, &wishes, now).await? {
        Outcome::Done(done) => done,
        Outcome::Refused(reasons) => return Err(ApiError::invalid("decisions", reasons.join("; "))),
        Outcome::HaveLeft(reasons) => return Err(ApiError::conflict(reasons.join("; "))),
    };
    let adoption = without_people(&mut tx, id).await?;
    let details = json!({ "decisions": decisions });
    audit::record(&mut tx, caller.actor(), change("takeover", &device, details), now).await?;
    tx.commit().await?;
    finish(&app, id, reconciled).await?;
    let message = format!("{linked} linked, {kept} kept, {removed} removed");
    Ok(Answer::ok(message, DecidedPeople { linked, kept, removed, adoption }))
}

impl PersonDecision {
    fn wish(&self) -> Result<Wish, ApiError> {
        let whom = match (&self.pin, &self.matched) {
            (Some(pin), None) => Whom::Pin(pin.clone()),
            (None, Some(matched)) if self.student_id.is_none() => Whom::Matched(matched.clone()),
            _ => return Err(ApiError::invalid("decisions", "each needs a pin, or a match without a student_id")),
        };
        Ok(Wish { whom, what: self.decision, student: self.student_id })
    }
}
