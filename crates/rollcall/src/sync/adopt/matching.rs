//! Who of the roster the people on a terminal are. Pure.
//!
//! A card is evidence, a name a weaker one: a name is compared without case, accents and what the terminal cut off. Where
//! the two contradict each other, or name more than one, nobody is linked without a person's decision: a wrong link gives
//! one child the fingers of another.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use any_ascii::any_ascii;
use push_protocol::text::{Card, Charset, Name};
use strsim::jaro_winkler;

use crate::school::{StudentId, search::fold};

/// Somebody on the terminal, as it told.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Person {
    pub pin: String,
    /// Empty where only a template proved him to be there.
    pub name: String,
    /// 0: none.
    pub card: i64,
    pub privilege: Option<i64>,
    /// Whose PIN it was before, on this terminal or on the one that it replaces.
    pub owner: Option<StudentId>,
}

impl Person {
    /// Somebody with rights on the terminal: whoever writes or removes him takes them from him.
    pub fn is_administrator(&self) -> bool {
        self.privilege.is_some_and(|privilege| privilege > 1)
    }
}

/// Somebody of the school.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Student {
    pub id: StudentId,
    pub name: String,
    pub card: Option<String>,
    /// He should be on this terminal.
    pub belongs: bool,
    /// The PIN under which this terminal holds him already.
    pub held_as: Option<String>,
}

/// Who a person is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Match {
    /// One student has his card, and nothing speaks against it.
    Card(StudentId),
    /// One student has his name.
    Name(StudentId),
    /// He may be one of these; why nobody can say which.
    Conflict(Vec<StudentId>, Conflict),
    /// Somebody who had this PIN here and does not belong here any more.
    Former(StudentId),
    /// Nobody of the school.
    Stranger,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Conflict {
    /// He has rights on the terminal, which a student's record would take from him.
    Administrator,
    /// Several students have his card.
    CardOfSeveral,
    /// Several people on the terminal have this card.
    CardTwice,
    /// The card is one student's, the name another's.
    NameOfAnother,
    /// The card is a student's, whose name is quite another.
    OtherName,
    /// The student is on the terminal under this PIN, too.
    AlreadyThere(String),
    /// Several students have his name.
    NameOfSeveral,
    /// Several people on the terminal have this name.
    NameTwice,
    /// The PIN was somebody else's.
    PinOfAnother,
}

impl Match {
    pub fn as_str(&self) -> &'static str {
        match self {
            Match::Card(_) => "card",
            Match::Name(_) => "name",
            Match::Conflict(..) => "conflict",
            Match::Former(_) => "former",
            Match::Stranger => "stranger",
        }
    }

    /// The students he may be.
    pub fn students(&self) -> &[StudentId] {
        match self {
            Match::Card(student) | Match::Name(student) | Match::Former(student) => std::slice::from_ref(student),
            Match::Conflict(students, _) => students,
            Match::Stranger => &[],
        }
    }
}

impl std::fmt::Display for Conflict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Conflict::Administrator => f.write_str("an administrator of the terminal: revoke the right there first"),
            Conflict::CardOfSeveral => f.write_str("several students have this card: give all but one another"),
            Conflict::CardTwice => f.write_str("several people on the terminal have this card"),
            Conflict::NameOfAnother => f.write_str("the card is one student's, the name another's"),
            Conflict::OtherName => f.write_str("the card is a student's whose name is quite another"),
            Conflict::AlreadyThere(pin) => write!(f, "the student is on the terminal with PIN {pin}, too"),
            Conflict::NameOfSeveral => f.write_str("several students have this name"),
            Conflict::NameTwice => f.write_str("several people on the terminal have this name"),
            Conflict::PinOfAnother => f.write_str("this PIN was another student's: nobody is overwritten under it"),
        }
    }
}

/// One answer for each of `people`, in their order. `people` are those whom the terminal does not hold for Rollcall;
/// `students` all of the school.
pub fn matches(people: &[Person], students: &[Student], charset: Charset) -> Vec<Match> {
    let roster = Roster::of(students, charset);
    let mut by_card: HashMap<i64, usize> = HashMap::new();
    let mut by_name: HashMap<String, usize> = HashMap::new();
    for person in people {
        if person.card > 0 {
            *by_card.entry(person.card).or_default() += 1;
        }
        *by_name.entry(fold(&person.name)).or_default() += 1;
    }
    let mut matches: Vec<Match> = people
        .iter()
        .map(|person| {
            let is_alone = |count: Option<&usize>| count.is_none_or(|count| *count == 1);
            match roster.match_of(person) {
                Match::Card(student) if !is_alone(by_card.get(&person.card)) => {
                    Match::Conflict(vec![student], Conflict::CardTwice)
                }
                Match::Name(student) if !is_alone(by_name.get(&fold(&person.name))) => {
                    Match::Conflict(vec![student], Conflict::NameTwice)
                }
                found => found,
            }
        })
        .collect();
    // Whom a card says to be on the terminal is not there a second time by name.
    let by_card: BTreeMap<StudentId, &str> = people
        .iter()
        .zip(&matches)
        .filter_map(
            |(person, found)| if let Match::Card(student) = found { Some((*student, &*person.pin)) } else { None },
        )
        .collect();
    for found in &mut matches {
        if let Match::Name(student) = found
            && let Some(pin) = by_card.get(student)
        {
            *found = Match::Conflict(vec![*student], Conflict::AlreadyThere((*pin).to_owned()));
        }
    }
    matches
}

/// Whether what a terminal says of somebody may be said of this student: his card, or his name.
pub fn agrees(person: &Person, name: &str, card: Option<&str>, charset: Charset) -> bool {
    (person.card > 0 && card.and_then(number) == Some(person.card))
        || spellings(name, charset).contains(&fold(&person.name))
}

/// Whether it shows that this is not the student: another name, or nothing but another card. His card does not make him of
/// somebody whose name is quite another: it went to the next. Who is only known to be there shows nothing.
pub fn is_another(person: &Person, name: &str, card: Option<&str>, charset: Charset) -> bool {
    // Some terminals call whoever has no name by his PIN.
    let has_name = !fold(&person.name).is_empty() && person.name != person.pin;
    (has_name || person.card > 0)
        && (!agrees(person, name, card, charset) || (has_name && contradict(&person.name, name)))
}

/// The card's number, as terminals compare cards.
fn number(card: &str) -> Option<i64> {
    i64::try_from(Card::parse(card).ok()?.number()).ok()
}

/// How a terminal may hold a name: whole, or fitted; without case and accents.
pub fn spellings(name: &str, charset: Charset) -> BTreeSet<String> {
    let fitted = Name::fit(name, charset).map(|fitted| fold(&fitted.as_read_back(charset)));
    let mut spellings: BTreeSet<String> = fitted.into_iter().chain([fold(name)]).collect();
    spellings.remove("");
    spellings
}

/// The students of a school by what a terminal tells of people.
struct Roster<'a> {
    students: HashMap<StudentId, &'a Student>,
    cards: HashMap<i64, Vec<StudentId>>,
    names: HashMap<String, Vec<StudentId>>,
}

impl<'a> Roster<'a> {
    fn of(students: &'a [Student], charset: Charset) -> Roster<'a> {
        let mut roster = Roster { students: HashMap::new(), cards: HashMap::new(), names: HashMap::new() };
        for student in students {
            roster.students.insert(student.id, student);
            if let Some(card) = student.card.as_deref().and_then(number).filter(|_| student.belongs) {
                roster.cards.entry(card).or_default().push(student.id);
            }
            for spelling in spellings(&student.name, charset) {
                roster.names.entry(spelling).or_default().push(student.id);
            }
        }
        roster
    }

    /// By what he says himself, whoever else is on the terminal.
    fn match_of(&self, person: &Person) -> Match {
        let of_card: &[StudentId] =
            if person.card > 0 { self.cards.get(&person.card).map_or(&[], Vec::as_slice) } else { &[] };
        let of_name: &[StudentId] = self.names.get(&fold(&person.name)).map_or(&[], Vec::as_slice);
        let belonging: Vec<StudentId> =
            of_name.iter().copied().filter(|id| self.students.get(id).is_some_and(|student| student.belongs)).collect();
        let candidates = || {
            let both: BTreeSet<StudentId> = of_card.iter().chain(&belonging).copied().collect();
            both.into_iter().collect::<Vec<_>>()
        };
        if person.is_administrator() && !candidates().is_empty() {
            return Match::Conflict(candidates(), Conflict::Administrator);
        }
        let found = match of_card {
            [student] if !of_name.is_empty() && !of_name.contains(student) => {
                Match::Conflict(candidates(), Conflict::NameOfAnother)
            }
            [student] if self.students.get(student).is_some_and(|student| contradict(&person.name, &student.name)) => {
                Match::Conflict(candidates(), Conflict::OtherName)
            }
            [student] => Match::Card(*student),
            [] => match *belonging {
                [student] => Match::Name(student),
                [] => return by_pin(person, of_name),
                _ => Match::Conflict(belonging, Conflict::NameOfSeveral),
            },
            _ => Match::Conflict(candidates(), Conflict::CardOfSeveral),
        };
        let (Match::Card(student) | Match::Name(student)) = found else { return found };
        let held_as = self.students.get(&student).and_then(|student| student.held_as.clone());
        match held_as {
            Some(pin) => Match::Conflict(vec![student], Conflict::AlreadyThere(pin)),
            None if person.owner.is_some_and(|owner| owner != student) => {
                Match::Conflict(vec![student], Conflict::PinOfAnother)
            }
            None => found,
        }
    }
}

/// Nobody who belongs here has his card or his name.
fn by_pin(person: &Person, of_name: &[StudentId]) -> Match {
    match person.owner {
        Some(owner) if of_name.contains(&owner) => Match::Former(owner),
        Some(owner) => Match::Conflict(vec![owner], Conflict::PinOfAnother),
        None => Match::Stranger,
    }
}

/// Whether two names are of different people: no word of one is like a word of the other, nor one whole name like the other,
/// as they sound when written with Latin letters. Names come in the script of the office or of the keypad, and are spelt by
/// ear. No name says nothing.
fn contradict(theirs: &str, ours: &str) -> bool {
    let sounds = |name: &str| -> Vec<String> {
        let words: Vec<String> = fold(name).split_whitespace().map(sound).filter(|word| !word.is_empty()).collect();
        let whole = words.concat();
        words.into_iter().chain([whole]).filter(|word| word.len() > 1).collect()
    };
    let (theirs, ours) = (sounds(theirs), sounds(ours));
    let are_alike = |one: &String, other: &String| {
        let is_shortened = one.starts_with(other.as_str()) || other.starts_with(one.as_str());
        is_shortened || jaro_winkler(one, other) >= ALIKE
    };
    !theirs.is_empty() && !ours.is_empty() && !theirs.iter().any(|one| ours.iter().any(|other| are_alike(one, other)))
}

/// Of 1: "Shevchuk" and "Sevcuk" are alike, "Bilal" and "Belem" are not.
const ALIKE: f64 = 0.85;

/// The consonants of a word, of which some scripts write nothing else, one letter for those that are heard alike.
fn sound(word: &str) -> String {
    let latin = any_ascii(word).to_ascii_lowercase();
    let mut sound = String::new();
    for letter in latin.chars().filter(char::is_ascii_alphabetic) {
        let letter = match letter {
            'a' | 'e' | 'i' | 'o' | 'u' | 'y' | 'w' | 'h' => continue,
            'c' | 'g' | 'j' | 'k' | 'q' | 'x' => 'k',
            's' | 'z' => 's',
            'd' | 't' => 't',
            'b' | 'p' | 'v' | 'f' => 'b',
            other => other,
        };
        if !sound.ends_with(letter) {
            sound.push(letter);
        }
    }
    sound
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn student(id: i64, name: &str, card: i64) -> Student {
        let card = (card > 0).then(|| card.to_string());
        Student { id: StudentId(id), name: name.to_owned(), belongs: card.is_some(), card, held_as: None }
    }

    fn person(pin: i64, name: &str, card: i64) -> Person {
        Person { pin: pin.to_string(), name: name.to_owned(), card, ..Person::default() }
    }

    fn matched(people: &[Person], students: &[Student]) -> Vec<Match> {
        matches(people, students, Charset::Utf8)
    }

    fn one(person: Person, students: &[Student]) -> Match {
        matched(&[person], students).remove(0)
    }

    const ANA: StudentId = StudentId(1);

    #[test]
    fn a_card_is_enough_where_nothing_contradicts_it() {
        let ana = [student(1, "Ana Gómez", 11)];
        for name in ["ANA GOMEZ", "", "ana", "Gomez A.", "17", "আনা গোমেজ"] {
            assert_eq!(one(person(5, name, 11), &ana), Match::Card(ANA), "{name}");
        }
    }

    #[test]
    fn a_name_is_compared_without_case_accents_and_what_was_cut_off() {
        let long = "Wolfeschlegelsteinhausen Bergerdorff";
        let students = [student(1, "Ẹniọlá Ògúnlẹ́sì", 11), student(2, long, 22)];
        assert_eq!(one(person(5, "ENIOLA OGUNLESI", 0), &students), Match::Name(ANA));
        assert_eq!(one(person(6, "wolfeschlegelsteinhausen", 0), &students), Match::Name(StudentId(2)));
        assert_eq!(one(person(7, "Eniola", 0), &students), Match::Stranger, "part of a name is none");
        assert_eq!(one(person(8, "", 0), &students), Match::Stranger);
    }

    #[test]
    fn what_speaks_against_a_card_is_a_conflict() {
        let students = [student(1, "Ana Gómez", 11), student(2, "Bilal Khan", 22), student(3, "Chiamaka Eze", 0)];
        let conflict = |person| match one(person, &students) {
            Match::Conflict(students, why) => (students, why),
            other => panic!("{other:?}"),
        };
        let of = |ids: &[i64]| ids.iter().map(|id| StudentId(*id)).collect::<Vec<_>>();
        assert_eq!(conflict(person(5, "BILAL KHAN", 11)), (of(&[1, 2]), Conflict::NameOfAnother));
        assert_eq!(conflict(person(5, "CHIAMAKA EZE", 11)), (of(&[1]), Conflict::NameOfAnother), "he has left");
        assert_eq!(conflict(person(5, "Mallory", 11)), (of(&[1]), Conflict::OtherName));
        let chief = Person { privilege: Some(14), ..person(5, "Ana Gomez", 11) };
        assert_eq!(conflict(chief), (of(&[1]), Conflict::Administrator));
        let of_another = Person { owner: Some(StudentId(2)), ..person(5, "Ana Gomez", 11) };
        assert_eq!(conflict(of_another), (of(&[1]), Conflict::PinOfAnother));
    }

    #[test]
    fn names_are_compared_by_ear_across_scripts() {
        for (theirs, ours) in [
            ("OLGA SHEVCHUK", "Ольга Шевчук"),
            ("MOHAMED ALAMIN", "محمد الأمين"),
            ("fatima", "فاطمة الزهراء"),
            ("NILUFAR RAHMAN", "নিলুফার রহমান"),
            ("Nandini Sharma", "नन्दिनी शर्मा"),
            ("XIAOMING LI", "李小明"),
            ("ELENI PAPPA", "Ελένη Παππάς"),
            ("KETEVAN", "ქეთევან ბერიძე"),
            ("SELAM TADESE", "ሰላም ታደሰ"),
            ("KIM HANEUL", "김하늘"),
            ("Yusif", "Joseph Yusuf Okafor"),
            ("MUHAMMAD", "Mohamed Khan"),
        ] {
            assert!(!contradict(theirs, ours), "{theirs} {ours}: {} {}", sound(&fold(theirs)), sound(&fold(ours)));
        }
        for (theirs, ours) in [
            ("BILAL KHAN", "Ольга Шевчук"),
            ("INTI QUISPE", "محمد الأمين"),
            ("WIREMU NGATA", "李小明"),
            ("AYSE YILDIZ", "नन्दिनी राव"),
            ("Mallory", "Ana Gómez"),
        ] {
            assert!(contradict(theirs, ours), "{theirs} {ours}: {} {}", sound(&fold(theirs)), sound(&fold(ours)));
        }
    }

    #[test]
    fn what_is_there_twice_is_a_conflict() {
        let ana = [student(1, "Ana Gómez", 11)];
        let twice = matched(&[person(5, "Ana Gomez", 0), person(6, "ANA GOMEZ", 0)], &ana);
        assert_eq!(twice, vec![Match::Conflict(vec![ANA], Conflict::NameTwice); 2]);
        let card_twice = matched(&[person(5, "", 11), person(6, "", 11)], &ana);
        assert_eq!(card_twice, vec![Match::Conflict(vec![ANA], Conflict::CardTwice); 2]);
        let by_both = matched(&[person(5, "", 11), person(6, "ANA GOMEZ", 0)], &ana);
        assert_eq!(by_both, [Match::Card(ANA), Match::Conflict(vec![ANA], Conflict::AlreadyThere("5".into()))]);
        let siblings = [student(1, "Ana Gómez", 11), student(2, "Ana Gomez", 22)];
        assert_eq!(
            one(person(5, "ana gomez", 0), &siblings),
            Match::Conflict(vec![ANA, StudentId(2)], Conflict::NameOfSeveral)
        );
        let held = [Student { held_as: Some("9".into()), ..student(1, "Ana Gómez", 11) }];
        assert_eq!(one(person(5, "", 11), &held), Match::Conflict(vec![ANA], Conflict::AlreadyThere("9".into())));
    }

    #[test]
    fn whose_pin_it_was_is_known_again_though_he_has_left() {
        let gone = [Student { belongs: false, ..student(1, "Ana Gómez", 11) }];
        let again = Person { owner: Some(ANA), ..person(5, "ANA GOMEZ", 11) };
        assert_eq!(one(again.clone(), &gone), Match::Former(ANA));
        let another = Person { name: "Mallory".into(), ..again };
        assert_eq!(one(another, &gone), Match::Conflict(vec![ANA], Conflict::PinOfAnother));
    }

    #[test]
    fn another_has_another_name_or_nothing_but_another_card() {
        let is_another = |name, card| is_another(&person(5, name, card), "Ana Gómez", Some("0011"), Charset::Utf8);
        for (name, card) in
            [("ANA GOMEZ", 0), ("Ana Go\u{301}mez", 99), ("", 11), ("5", 11), ("GOMEZ A.", 11), ("", 0), ("5", 0)]
        {
            assert!(!is_another(name, card), "{name} {card}");
        }
        for (name, card) in [("Nomvula", 0), ("Nomvula", 99), ("Nomvula", 11), ("", 99), ("5", 99), ("Ana", 0)] {
            assert!(is_another(name, card), "{name} {card}");
        }
    }

    proptest! {
        /// However cards and names are mixed, nobody is two people, and no two people are one.
        #[test]
        fn a_match_is_one_to_one(
            people in prop::collection::vec((0..6_i64, 0..6_usize), 0..12),
            roster in prop::collection::vec((0..6_i64, 0..6_usize), 0..12),
        ) {
            let names = ["Ana Gómez", "Bilal Khan", "陈小明", "Ольга", "Δήμου Ελένη", ""];
            let people: Vec<Person> =
                people.iter().zip(1..).map(|((card, name), pin)| person(pin, names[*name], *card)).collect();
            let students: Vec<Student> =
                roster.iter().zip(1..).map(|((card, name), id)| student(id, names[*name], *card)).collect();
            let mut linked = HashSet::new();
            for (person, found) in people.iter().zip(matched(&people, &students)) {
                let (Match::Card(id) | Match::Name(id)) = found else { continue };
                prop_assert!(linked.insert(id), "{id:?} is two people");
                let student = &students[usize::try_from(id.0).unwrap() - 1];
                prop_assert!(student.belongs);
                prop_assert!(agrees(person, &student.name, student.card.as_deref(), Charset::Utf8));
                prop_assert_eq!(matches!(found, Match::Card(_)), student.card == Some(person.card.to_string()));
            }
        }
    }
}
