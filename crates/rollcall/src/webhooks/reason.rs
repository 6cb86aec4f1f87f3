//! Why a student cannot be written to a terminal, as receivers hear it. The words that a person sees may name somebody else,
//! or a card: whoever knows it could be its owner. So a receiver hears one of the sentences here, whatever the words are.

use push_protocol::result::meaning;

/// What is said of each obstacle, by its stored word.
const OBSTACLES: [(&str, &str); 4] = [
    ("card_twice", "another student of the school has the same card"),
    ("card_busy", "somebody else on the terminal still has the card"),
    ("terminal_full", "the terminal is full"),
    ("person_there", "somebody whom Rollcall did not write has this place on the terminal"),
];

/// What is said of words without an obstacle, by how they begin.
const BEGINNINGS: [(&str, &str); 12] = [
    ("the terminal keeps changing it back", "the terminal keeps changing it back"),
    ("the terminal loses this person", "the terminal loses this person again and again"),
    ("the terminal brings this person back", "the terminal brings this person back again and again"),
    ("the terminal collects commands", "the terminal collects commands but never answers"),
    ("the terminal was switched off", "the terminal was switched off or deleted"),
    ("an administrator of the terminal", "an administrator of the terminal"),
    ("this terminal takes none", "this terminal takes none of the commands for people"),
    ("name ", "the name cannot be represented on the terminal"),
    ("card ", "the card cannot be represented on the terminal"),
    ("no PIN is left", "no PIN is left on the terminal"),
    ("the PIN ", "the PIN is too long for the terminal"),
    ("\"", "the PIN cannot be represented on the terminal"),
];

/// Where nothing else may be said.
const LOOK: &str = "cannot be written: the terminal's page in Rollcall says why";

pub(super) fn reason(obstacle: Option<&str>, words: &str) -> String {
    let of_obstacle = OBSTACLES.iter().find(|(stored, _)| Some(*stored) == obstacle);
    let of_beginning = || BEGINNINGS.iter().find(|(beginning, _)| words.starts_with(beginning));
    if let Some((_, sentence)) = of_obstacle.or_else(of_beginning) {
        return (*sentence).to_owned();
    }
    returned(words).unwrap_or_else(|| LOOK.to_owned())
}

/// The words are the meaning of a code that the terminal returned, and nothing beside it.
fn returned(words: &str) -> Option<String> {
    let (_, code) = words.strip_suffix(')')?.rsplit_once('(')?;
    Some(meaning(code.parse().ok()?)).filter(|meaning| meaning == words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::plan::Obstacle;

    #[test]
    fn every_obstacle_has_its_sentence() {
        for obstacle in [Obstacle::CardBusy, Obstacle::CardTwice, Obstacle::TerminalFull, Obstacle::PersonThere] {
            let said = reason(Some(obstacle.as_str()), "card 4711 also belongs to Tatiana Лебедева");
            assert!(said != LOOK && !said.contains("4711") && !said.contains("Tatiana"), "{obstacle:?}: {said}");
        }
    }

    #[test]
    fn nothing_of_the_words_is_said() {
        let cases = [
            ("the terminal keeps changing it back: card should be \"4711\" and is \"815\"", BEGINNINGS[0].1),
            ("name \"Tatiana\": the terminal's character set has none of its characters", BEGINNINGS[7].1),
            ("card \"no card\": a card number is decimal digits", BEGINNINGS[8].1),
            ("card 4711: this terminal takes card numbers of at most 40 bits", BEGINNINGS[8].1),
            ("the PIN 4711 is too long: this terminal takes 3 digits", BEGINNINGS[10].1),
            ("\"4711\" is no PIN that a terminal can hold", BEGINNINGS[11].1),
            ("(erased)", LOOK),
            ("Tatiana took card 4711 (-1001)", LOOK),
            ("", LOOK),
        ];
        for (words, said) in cases {
            assert_eq!(reason(None, words), said, "{words}");
        }
        assert_eq!(reason(None, &meaning(-620)), "the terminal says that the data has the wrong format (-620)");
    }
}
