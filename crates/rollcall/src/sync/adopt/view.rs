//! What an admin is shown of the people on a terminal whom Rollcall did not write.

use std::collections::HashMap;

use super::{
    matching::{Match, Student},
    people::{self, Decision, Found, Known},
};
use crate::{
    devices::DeviceId,
    school::StudentId,
    store::{Instant, Result, Tx},
    sync::start::Start,
};

/// The people on a terminal whom Rollcall did not write, and what is to be decided.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct Adoption {
    /// `unknown`, `holds_people` (nothing is written until somebody decides) or `writing`.
    pub state: String,
    /// `add`, `link_cards` or `replace`, once somebody decided.
    pub mode: Option<String>,
    /// Where it stands and what to do.
    pub words: String,
    /// The last reading told as many people as the terminal counted.
    pub complete: bool,
    /// People that the terminal counted.
    pub counted: Option<i64>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub read_at: Option<Instant>,
    pub summary: Numbers,
    pub people: Vec<Adoptee>,
}

/// How many people are what. The first five are undecided, the others decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, utoipa::ToSchema)]
#[schema(as = AdoptionNumbers)]
pub struct Numbers {
    /// A student by his card.
    pub card: i64,
    /// A student by his name alone.
    pub name: i64,
    /// May be a student, but something contradicts it.
    pub conflict: i64,
    /// A student who does not belong here any more.
    pub former: i64,
    /// Nobody of the school.
    pub stranger: i64,
    pub kept: i64,
    /// On their way out.
    pub removed: i64,
    /// Their removal waits for an approval.
    pub held: i64,
}

/// Somebody on a terminal whom Rollcall did not write.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct Adoptee {
    pub pin: String,
    /// Empty when only a template or a picture proved him to be there.
    pub name: String,
    /// The card's number in decimal digits; empty without a card.
    pub card: Option<String>,
    /// 14 is a super administrator of the terminal.
    pub privilege: Option<i64>,
    /// `card`, `name` (weaker), `conflict`, `former` or `stranger`.
    #[serde(rename = "match")]
    pub matched: &'static str,
    /// What contradicts the match.
    pub words: Option<String>,
    pub decision: Option<Decision>,
    /// Whom he may be.
    pub students: Vec<Candidate>,
}

/// A student who may be somebody on a terminal.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = AdoptionCandidate)]
pub struct Candidate {
    pub id: StudentId,
    pub full_name: String,
    pub rfid_card_id: Option<String>,
}

const DEVICE: &str = "SELECT start_state, takeover FROM devices WHERE id = $1";

/// Everybody, by PIN.
pub async fn view(tx: &mut Tx, device: DeviceId) -> Result<Adoption> {
    let (state, mode): (String, Option<String>) = tx.one(DEVICE, [device.into()]).await?;
    let students = people::students(tx, device).await?;
    let found = people::find(tx, device, &students).await?;
    let known = people::known(tx, device).await?;
    let by_id: HashMap<StudentId, &Student> = students.iter().map(|student| (student.id, student)).collect();
    let summary = Numbers::of(&found);
    Ok(Adoption {
        words: words(Start::parse(&state), mode.as_deref(), &known, summary),
        state,
        mode,
        complete: known.is_complete,
        counted: known.counted,
        read_at: known.read_at,
        summary,
        people: found.into_iter().map(|found| Adoptee::of(found, &by_id)).collect(),
    })
}

impl Numbers {
    fn of(found: &[Found]) -> Numbers {
        let mut numbers = Numbers::default();
        for found in found {
            *match (found.decision, &found.matched) {
                (Some(Decision::Kept), _) => &mut numbers.kept,
                (Some(Decision::Removed), _) => &mut numbers.removed,
                (Some(Decision::Held), _) => &mut numbers.held,
                (None, Match::Card(_)) => &mut numbers.card,
                (None, Match::Name(_)) => &mut numbers.name,
                (None, Match::Conflict(..)) => &mut numbers.conflict,
                (None, Match::Former(_)) => &mut numbers.former,
                (None, Match::Stranger) => &mut numbers.stranger,
            } += 1;
        }
        numbers
    }

    /// People who may be students and of whom nobody has said whether they are.
    pub fn undecided(self) -> i64 {
        self.card + self.name + self.conflict
    }
}

impl Adoptee {
    fn of(found: Found, students: &HashMap<StudentId, &Student>) -> Adoptee {
        let Found { person, matched, decision, .. } = found;
        let candidate = |id: &StudentId| {
            let student = students.get(id)?;
            Some(Candidate { id: *id, full_name: student.name.clone(), rfid_card_id: student.card.clone() })
        };
        Adoptee {
            students: matched.students().iter().filter_map(candidate).collect(),
            matched: matched.as_str(),
            words: if let Match::Conflict(_, conflict) = &matched { Some(conflict.to_string()) } else { None },
            decision,
            card: Some(person.card).filter(|card| *card > 0).map(|card| card.to_string()),
            pin: person.pin,
            name: person.name,
            privilege: person.privilege,
        }
    }
}

fn words(state: Start, mode: Option<&str>, known: &Known, numbers: Numbers) -> String {
    let of_counted = || known.counted.map_or_else(|| known.told.to_string(), |n| format!("{} of {n}", known.told));
    match (state, mode) {
        (Start::Unknown, _) => "the terminal has not said yet how many people it holds".to_owned(),
        (Start::HoldsPeople, _) if known.is_reading && !known.is_complete => {
            format!("the terminal is being read, {} people so far: nothing is written to it", of_counted())
        }
        (Start::HoldsPeople, Some("link_cards" | "replace") | None) if !known.is_complete => {
            format!(
                "the terminal told {} people: students are linked only when it tells everybody. It is read again with the \
             next verification, or now if you verify it; the mode add needs no list",
                of_counted()
            )
        }
        (Start::HoldsPeople, _) => {
            "nothing is written to the terminal until you decide: add, link_cards or replace".to_owned()
        }
        (Start::Writing, Some("link_cards")) if numbers.undecided() > 0 => {
            format!("{} people may be students: link, keep or remove them", numbers.undecided())
        }
        (Start::Writing, _) => "the students are written to the terminal".to_owned(),
    }
}
