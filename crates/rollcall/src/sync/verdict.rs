//! What a reading proves of each person (docs/decisions/what-silence-proves.md). Pure.
//!
//! Order is an event number of the device, never a clock: a line counts as the answer to a query when it came after the
//! query was handed out, and a query says something about a write when it was handed out after that write's result. Silence
//! is no evidence by itself: somebody is absent only if a list was complete, if the terminal holds nobody at all, or if
//! somebody who is known to be there answered to the same question right afterwards.

mod former;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use push_protocol::text::{Card, Charset, Name};
use unicode_normalization::UnicodeNormalization as _;

pub use self::former::Former;
use super::plan::Wanted;
use crate::school::StudentId;

/// Super administrator of the terminal (ATT5.8 §9.4): never removed.
pub const ADMINISTRATOR: i64 = 14;

/// Somebody of the roster, now or formerly, as the ledger has him.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Person {
    pub student: StudentId,
    pub pin: String,
    pub wanted: Wanted,
    /// Event of the last command for him that left, or of its result.
    pub written: i64,
    /// Nothing is under way for him and nothing newer is wanted: the terminal should be as `wanted` says.
    pub is_settled: bool,
    /// Something newer is wanted and waits, for an obstacle or a decision; nothing is under way for him.
    pub is_waiting: bool,
    /// Since when that is wanted which no reading has shown yet.
    pub unverified_since: Option<Timestamp>,
    /// The terminal was seen not to hold him, and nothing was written for him since: whoever has his PIN now came later.
    pub is_gone: Option<Former>,
}

/// What a terminal said of a PIN, last.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    /// Event of the line.
    pub at: i64,
    pub name: String,
    /// 0 and none are the same.
    pub card: Option<i64>,
    pub privilege: Option<i64>,
    /// Another line of the same reading said something else.
    pub is_disputed: bool,
}

/// The query for one PIN.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asked {
    pub at: i64,
    /// The terminal reported a result for the query itself.
    pub is_answered: bool,
}

/// The query for everybody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Listed {
    pub at: i64,
    /// As many people were told as the terminal counted afterwards.
    pub is_complete: bool,
}

/// One read-back, as far as it matters to who is there.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reading {
    pub list: Option<Listed>,
    pub own: BTreeMap<String, Asked>,
    /// Queries for people who should answer: the control of those that stayed silent.
    pub controls: Vec<(String, i64)>,
    /// The terminal counted nobody, asked at this event.
    pub counted_nobody: Option<i64>,
    pub told: BTreeMap<String, Told>,
}

/// What a reading proves of one PIN.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    pub pin: String,
    pub student: Option<StudentId>,
    pub verdict: Verdict,
    /// As the person's.
    pub unverified_since: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// There, as wanted.
    Verified,
    /// Not wanted, and not there.
    Gone,
    /// Wanted, and not there.
    Missing,
    /// There, with other fields than wanted.
    Different(Vec<Difference>),
    /// Not wanted any more, and still there: he answered for himself, or stands in a complete list.
    StillThere { privilege: Option<i64>, card: Option<i64> },
    /// There, and nobody of ours. `is_sure`: he answered for himself, or stands in a complete list.
    Stranger { told: Told, is_sure: bool },
    /// The reading proves nothing of him.
    Unknown,
}

/// A field that the terminal holds otherwise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    pub field: Field,
    pub ours: String,
    pub theirs: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Field {
    Name,
    Card,
}

impl Field {
    pub fn as_str(self) -> &'static str {
        match self {
            Field::Name => "name",
            Field::Card => "card",
        }
    }
}

/// What is known of one PIN after a reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Evidence<'a> {
    Seen(&'a Told),
    Absent,
    Nothing,
}

/// One finding for each of `people`, in their order, and one for each stranger who was seen, or asked for and gone.
pub fn findings(people: &[Person], reading: &Reading, charset: Charset) -> Vec<Finding> {
    let ours: BTreeSet<&str> = people.iter().map(|person| person.pin.as_str()).collect();
    let known = people.iter().map(|person| {
        let verdict = judge(person, reading, charset);
        let owner = Some(person).filter(|_| !matches!(verdict, Verdict::Stranger { .. }));
        Finding {
            pin: person.pin.clone(),
            student: owner.map(|owner| owner.student),
            verdict,
            unverified_since: owner.and_then(|owner| owner.unverified_since),
        }
    });
    let others: BTreeSet<&String> = reading.told.keys().chain(reading.own.keys()).collect();
    let strangers = others.into_iter().filter(|pin| !ours.contains(pin.as_str())).filter_map(|pin| {
        let verdict = match reading.evidence(pin, i64::MIN) {
            Evidence::Seen(told) => Verdict::Stranger { told: told.clone(), is_sure: reading.is_sure(pin, i64::MIN) },
            Evidence::Absent => Verdict::Gone,
            Evidence::Nothing => return None,
        };
        Some(Finding { pin: pin.clone(), student: None, verdict, unverified_since: None })
    });
    known.chain(strangers).collect()
}

fn judge(person: &Person, reading: &Reading, charset: Charset) -> Verdict {
    if let Evidence::Seen(told) = reading.evidence(&person.pin, person.written)
        && (person.is_settled || person.is_waiting)
        && person.is_not(told, charset)
    {
        let is_sure = reading.is_sure(&person.pin, person.written);
        return if is_sure { Verdict::Stranger { told: told.clone(), is_sure } } else { Verdict::Unknown };
    }
    if !person.is_settled {
        return Verdict::Unknown;
    }
    match (reading.evidence(&person.pin, person.written), &person.wanted) {
        (Evidence::Nothing, _) => Verdict::Unknown,
        (Evidence::Absent, Wanted::Absent) => Verdict::Gone,
        (Evidence::Absent, Wanted::Present { .. }) => Verdict::Missing,
        (Evidence::Seen(_), Wanted::Absent) if !reading.is_sure(&person.pin, person.written) => Verdict::Unknown,
        (Evidence::Seen(told), Wanted::Absent) => {
            Verdict::StillThere { privilege: told.privilege, card: told.card.filter(|card| *card > 0) }
        }
        (Evidence::Seen(told), Wanted::Present { name, card }) => match differences(name, card, told, charset) {
            differences if differences.is_empty() => Verdict::Verified,
            differences => Verdict::Different(differences),
        },
    }
}

impl Person {
    /// Whether somebody else has his PIN: he is gone, and what the terminal tells is of another.
    pub fn is_not(&self, told: &Told, charset: Charset) -> bool {
        self.is_gone.as_ref().is_some_and(|former| former.is_not(&self.pin, told, charset))
    }
}

impl Reading {
    /// PINs that were asked for and are not there, whoever they belong to and whatever is under way for them.
    pub fn absent(&self) -> impl Iterator<Item = &str> {
        let is_absent = |pin: &&String| matches!(self.evidence(pin, i64::MIN), Evidence::Absent);
        self.own.keys().filter(is_absent).map(String::as_str)
    }

    /// Of a PIN whose last write left or was answered at the event `written`.
    pub fn evidence(&self, pin: &str, written: i64) -> Evidence<'_> {
        let own = self.own.get(pin).filter(|asked| asked.at > written);
        let list = self.list.filter(|listed| listed.at > written);
        let asked_at = [own.map(|asked| asked.at), list.map(|listed| listed.at)].into_iter().flatten().min();
        let told = self.told.get(pin).filter(|told| asked_at.is_some_and(|asked| told.at > asked));
        match told {
            Some(told) if told.is_disputed => return Evidence::Nothing,
            Some(told) => return Evidence::Seen(told),
            None => {}
        }
        let is_absent = self.counted_nobody.is_some_and(|at| at > written)
            || list.is_some_and(|listed| listed.is_complete)
            || own.is_some_and(|asked| asked.is_answered && self.is_controlled(asked.at));
        if is_absent { Evidence::Absent } else { Evidence::Nothing }
    }

    /// Whether what was seen of a PIN may lead to a removal: it stands in a complete list, or he answered for himself.
    fn is_sure(&self, pin: &str, written: i64) -> bool {
        self.list.is_some_and(|listed| listed.is_complete && listed.at > written)
            || self
                .own
                .get(pin)
                .is_some_and(|asked| asked.at > written && self.told.get(pin).is_some_and(|told| told.at > asked.at))
    }

    /// Whether the first person to be asked after this event who should answer did so.
    fn is_controlled(&self, asked: i64) -> bool {
        let control = self.controls.iter().filter(|(_, at)| *at > asked).min_by_key(|(_, at)| *at);
        control.is_some_and(|(pin, at)| self.told.get(pin).is_some_and(|told| told.at > *at))
    }
}

/// The fields of ours that the terminal holds otherwise. A name is compared as the terminal can hold it, in its normal form;
/// a card as a number.
pub fn differences(name: &str, card: &str, told: &Told, charset: Charset) -> Vec<Difference> {
    let mut differences = Vec::new();
    if let Ok(ours) = Name::fit(name, charset) {
        let ours = normal(&ours.as_read_back(charset));
        let theirs = normal(&told.name);
        if ours != theirs {
            differences.push(Difference { field: Field::Name, ours, theirs });
        }
    }
    if let Ok(ours) = Card::parse(card) {
        let theirs = told.card.unwrap_or(0);
        if i64::try_from(ours.number()) != Ok(theirs) {
            let theirs = if theirs == 0 { String::new() } else { theirs.to_string() };
            differences.push(Difference { field: Field::Card, ours: ours.number().to_string(), theirs });
        }
    }
    differences
}

fn normal(name: &str) -> String {
    name.trim_end().nfc().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STILL_THERE: Verdict = Verdict::StillThere { privilege: Some(0), card: Some(17) };

    fn person(pin: &str, wanted: Wanted) -> Person {
        Person {
            student: StudentId(7),
            pin: pin.to_owned(),
            wanted,
            written: 10,
            is_settled: true,
            is_waiting: false,
            unverified_since: None,
            is_gone: None,
        }
    }

    fn zeynep() -> Wanted {
        Wanted::Present { name: "Zeynep Şahin".to_owned(), card: "0017".to_owned() }
    }

    fn told(at: i64, name: &str, card: i64) -> Told {
        Told { at, name: name.to_owned(), card: Some(card), privilege: Some(0), is_disputed: false }
    }

    fn verdict(wanted: Wanted, reading: &Reading) -> Verdict {
        findings(&[person("1", wanted)], reading, Charset::Utf8).remove(0).verdict
    }

    fn listed(is_complete: bool, told: impl IntoIterator<Item = (&'static str, Told)>) -> Reading {
        let told = told.into_iter().map(|(pin, told)| (pin.to_owned(), told)).collect();
        Reading { list: Some(Listed { at: 20, is_complete }), told, ..Reading::default() }
    }

    /// Asked for PIN 1 at 20, for the sentinel 9 at 21.
    fn asked(told: impl IntoIterator<Item = (&'static str, Told)>) -> Reading {
        Reading {
            own: [("1".to_owned(), Asked { at: 20, is_answered: true })].into(),
            controls: vec![("9".to_owned(), 21)],
            told: told.into_iter().map(|(pin, told)| (pin.to_owned(), told)).collect(),
            ..Reading::default()
        }
    }

    #[test]
    fn fields_are_compared_as_the_terminal_can_hold_them() {
        let decomposed: String = "Zeynep Şahin ".nfd().collect();
        let reading = listed(true, [("1", told(25, &decomposed, 17))]);
        assert_eq!(verdict(zeynep(), &reading), Verdict::Verified);
        let long = Wanted::Present { name: "Nguyễn Thị Ánh Tuyết Mai".to_owned(), card: "0x11".to_owned() };
        let cut = Name::fit("Nguyễn Thị Ánh Tuyết Mai", Charset::Utf8).unwrap();
        assert_eq!(verdict(long, &listed(true, [("1", told(25, cut.as_str(), 17))])), Verdict::Verified);
    }

    #[test]
    fn what_differs_is_named_with_both_values() {
        let reading = listed(false, [("1", told(25, "Zeynep", 0))]);
        let Verdict::Different(differences) = verdict(zeynep(), &reading) else { panic!("{reading:?}") };
        let words: Vec<_> = differences.iter().map(|d| (d.field.as_str(), &*d.ours, &*d.theirs)).collect();
        assert_eq!(words, [("name", "Zeynep Şahin", "Zeynep"), ("card", "17", "")]);
    }

    #[test]
    fn rule_16_a_line_from_before_the_question_and_a_question_from_before_the_result_prove_nothing() {
        assert_eq!(verdict(zeynep(), &listed(false, [("1", told(20, "Zeynep Şahin", 17))])), Verdict::Unknown);
        let mut late = person("1", zeynep());
        late.written = 20;
        let reading = listed(true, [("1", told(25, "Zeynep Şahin", 17))]);
        assert_eq!(findings(&[late], &reading, Charset::Utf8)[0].verdict, Verdict::Unknown);
    }

    #[test]
    fn rule_16_people_with_a_command_under_way_are_unknown() {
        let busy = Person { is_settled: false, ..person("1", zeynep()) };
        for reading in [listed(true, []), listed(true, [("1", told(25, "Zeynep Şahin", 17))])] {
            assert_eq!(findings(std::slice::from_ref(&busy), &reading, Charset::Utf8)[0].verdict, Verdict::Unknown);
        }
    }

    #[test]
    fn absence_needs_a_complete_list_or_a_control_that_answered() {
        assert_eq!(verdict(zeynep(), &listed(true, [])), Verdict::Missing);
        assert_eq!(verdict(zeynep(), &listed(false, [])), Verdict::Unknown);
        assert_eq!(verdict(zeynep(), &asked([("9", told(22, "Ọmọlará", 5))])), Verdict::Missing);
        assert_eq!(verdict(Wanted::Absent, &asked([("9", told(22, "Ọmọlará", 5))])), Verdict::Gone);
        assert_eq!(verdict(zeynep(), &asked([])), Verdict::Unknown);
        assert_eq!(verdict(zeynep(), &asked([("9", told(21, "Ọmọlará", 5))])), Verdict::Unknown);
    }

    #[test]
    fn the_control_is_the_one_that_was_asked_next() {
        let mut reading = asked([("8", told(40, "Хадиджа", 6))]);
        reading.controls.push(("8".to_owned(), 31));
        assert_eq!(verdict(zeynep(), &reading), Verdict::Unknown);
    }

    #[test]
    fn a_question_without_a_result_proves_no_absence() {
        let mut reading = asked([("9", told(22, "Ọmọlará", 5))]);
        reading.own.insert("1".to_owned(), Asked { at: 20, is_answered: false });
        assert_eq!(verdict(zeynep(), &reading), Verdict::Unknown);
    }

    #[test]
    fn a_terminal_that_counts_nobody_holds_nobody() {
        let reading = Reading { counted_nobody: Some(30), ..Reading::default() };
        assert_eq!(verdict(zeynep(), &reading), Verdict::Missing);
        assert_eq!(verdict(Wanted::Absent, &reading), Verdict::Gone);
    }

    #[test]
    fn a_list_that_stops_early_removes_nobody() {
        let told = [("1", told(25, "Zeynep Şahin", 17))];
        assert_eq!(verdict(Wanted::Absent, &listed(false, told.clone())), Verdict::Unknown);
        assert_eq!(verdict(Wanted::Absent, &listed(true, told.clone())), STILL_THERE);
        assert_eq!(verdict(Wanted::Absent, &asked(told.clone())), STILL_THERE);
        // Asked for himself he said nothing; what the list said came before.
        let silent = Asked { at: 30, is_answered: true };
        let reading = Reading { own: [("1".to_owned(), silent)].into(), ..listed(false, told) };
        assert_eq!(verdict(Wanted::Absent, &reading), Verdict::Unknown);
    }

    #[test]
    fn whoever_has_the_pin_of_somebody_who_is_gone_is_himself_or_a_stranger() {
        let former = Former { name: "Zeynep Şahin".to_owned(), card: Some("0017".to_owned()) };
        let gone = Person { is_gone: Some(former), ..person("1", Wanted::Absent) };
        let judged = |person: &Person, name, card| judge(person, &asked([("1", told(25, name, card))]), Charset::Utf8);
        let is_stranger = |verdict: Verdict| matches!(verdict, Verdict::Stranger { is_sure: true, .. });
        assert!(is_stranger(judged(&gone, "Nomvula", 99)));
        assert_eq!(judged(&gone, "Zeynep Şahin", 17), STILL_THERE);
        assert_eq!(judged(&person("1", Wanted::Absent), "Nomvula", 17), STILL_THERE, "he was never seen to be gone");
        assert_eq!(judge(&gone, &listed(false, [("1", told(25, "Nomvula", 99))]), Charset::Utf8), Verdict::Unknown);
        let nameless = Person { is_gone: Some(Former { name: String::new(), card: None }), ..gone.clone() };
        assert!(is_stranger(judged(&nameless, "Zeynep Şahin", 17)), "nobody knows who had it");
        // He is written, or is to come back and waits for whoever has his PIN.
        let busy = Person { is_settled: false, ..gone };
        assert_eq!(judged(&busy, "Nomvula", 99), Verdict::Unknown);
        assert!(is_stranger(judged(&Person { wanted: zeynep(), is_waiting: true, ..busy }, "Nomvula", 99)));
    }

    #[test]
    fn two_lines_that_disagree_prove_nothing() {
        let disputed = Told { is_disputed: true, ..told(25, "Zeynep Şahin", 17) };
        assert_eq!(verdict(zeynep(), &listed(true, [("1", disputed)])), Verdict::Unknown);
    }

    #[test]
    fn who_is_not_ours_is_a_stranger_only_if_he_was_seen_in_this_reading() {
        let reading = listed(false, [("70", told(25, "Στέφανος", 3)), ("71", told(12, "Άννα", 4))]);
        let found = findings(&[person("1", zeynep())], &reading, Charset::Utf8);
        let strangers: Vec<&str> = found
            .iter()
            .filter(|f| matches!(f.verdict, Verdict::Stranger { is_sure: false, .. }))
            .map(|f| f.pin.as_str())
            .collect();
        assert_eq!(strangers, ["70"]);
    }

    fn any_told() -> impl Strategy<Value = Told> {
        (0..60_i64, "[a-cé ]{1,6}", proptest::option::of(0..4_i64), any::<bool>())
            .prop_map(|(at, name, card, is_disputed)| Told { at, name, card, privilege: Some(0), is_disputed })
    }

    prop_compose! {
        fn any_reading()(
            list in proptest::option::of((0..60_i64, any::<bool>())),
            own in proptest::collection::btree_map("[1-5]", (0..60_i64, any::<bool>()), 0..4),
            controls in proptest::collection::vec(("[1-5]", 0..60_i64), 0..3),
            counted_nobody in proptest::option::of(0..60_i64),
            told in proptest::collection::btree_map("[1-7]", any_told(), 0..6),
        ) -> Reading {
            Reading {
                list: list.map(|(at, is_complete)| Listed { at, is_complete }),
                own: own.into_iter().map(|(pin, (at, is_answered))| (pin, Asked { at, is_answered })).collect(),
                controls,
                counted_nobody,
                told,
            }
        }
    }

    prop_compose! {
        fn any_person()(
            pin in "[1-5]", written in 0..60_i64, is_settled in any::<bool>(), present in any::<bool>(),
            name in "[a-cé]{1,6}", card in 1..4_i64,
        ) -> Person {
            let wanted = if present { Wanted::Present { name, card: card.to_string() } } else { Wanted::Absent };
            Person { written, is_settled, ..person(&pin, wanted) }
        }
    }

    proptest! {
        /// Whatever is claimed of a person rests on something that was asked after the last write to him.
        #[test]
        fn every_verdict_rests_on_a_question_after_the_write(person in any_person(), reading in any_reading()) {
            let verdict = findings(std::slice::from_ref(&person), &reading, Charset::Utf8).remove(0).verdict;
            let asked_after = reading.list.is_some_and(|listed| listed.at > person.written)
                || reading.own.get(&person.pin).is_some_and(|asked| asked.at > person.written)
                || reading.counted_nobody.is_some_and(|at| at > person.written);
            if verdict != Verdict::Unknown {
                prop_assert!(asked_after && person.is_settled);
            }
        }

        /// Absence is never concluded from one silent question.
        #[test]
        fn absence_always_has_a_positive_control(person in any_person(), mut reading in any_reading()) {
            reading.counted_nobody = None;
            reading.list = reading.list.map(|listed| Listed { is_complete: false, ..listed });
            let verdict = findings(std::slice::from_ref(&person), &reading, Charset::Utf8).remove(0).verdict;
            if matches!(verdict, Verdict::Missing | Verdict::Gone) {
                let control_spoke = reading.controls.iter().any(|(pin, at)| {
                    *at > reading.own[&person.pin].at && reading.told.get(pin).is_some_and(|told| told.at > *at)
                });
                prop_assert!(control_spoke);
            }
        }

        /// Verified means that the last thing the terminal said is what is wanted.
        #[test]
        fn verified_means_equal(person in any_person(), reading in any_reading()) {
            let verdict = findings(std::slice::from_ref(&person), &reading, Charset::Utf8).remove(0).verdict;
            if let (Verdict::Verified, Wanted::Present { name, card }) = (verdict, &person.wanted) {
                let told = &reading.told[&person.pin];
                prop_assert!(!told.is_disputed && told.at > person.written);
                prop_assert_eq!(told.name.trim_end(), name.as_str());
                prop_assert_eq!(told.card.unwrap_or(0).to_string(), card.clone());
            }
        }
    }
}
