//! Return codes (ATT5.8 App. 1, MAN3.2 Table 2.7, SEC4.8 App. 1, FWSRC, s0x90). The same number may mean different things
//! for different commands; sorted here is what to do next, which is enough for writing and removing people.

/// What a code means for the command.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// ≥ 0, and −10 on a delete.
    Done,
    /// −5000: a second result with the same id follows.
    Held,
    /// −1003, −1005, −1007, −1008: worth another try.
    TryLater,
    /// −1002, −1004, −22, −629, −7xx: this terminal lacks the word.
    LacksWord,
    /// −1001: the terminal is full.
    Full,
    /// Any other negative code: refused for this content.
    Refused,
}

impl Outcome {
    /// `is_delete`: whether the command removed a person, so that "no such PIN" is what was wanted.
    ///
    /// Codes above 0 are counts or sizes, success for every command of this crate; only for enrolling at the terminal,
    /// which it does not send, they are failures.
    pub fn of(code: i64, is_delete: bool) -> Outcome {
        match code {
            0.. => Outcome::Done,
            -10 if is_delete => Outcome::Done,
            -5000 => Outcome::Held,
            -1008 | -1007 | -1005 | -1003 => Outcome::TryLater,
            -1004 | -1002 | -799..=-700 | -629 | -22 => Outcome::LacksWord,
            -1001 => Outcome::Full,
            _ => Outcome::Refused,
        }
    }
}

/// A code in words for a person, e.g. "the terminal is full (-1001)".
pub fn meaning(code: i64) -> String {
    let words = match code {
        0 => return "done".to_owned(),
        1.. => return format!("done ({code})"),
        -1 => "the terminal refused the parameters or has no such data",
        -2 => "the terminal misses a PIN or was given a wrong size",
        -3 => "the terminal could not read or write its memory",
        -4 => "nothing on the terminal matches",
        -5 => "the terminal has no space left for this",
        -6 => "the terminal says that the data is invalid",
        -9 => "the size of the template does not match",
        -10 => "no such PIN on the terminal",
        -11 => "the terminal says that a parameter is malformed",
        -12 => "the template is invalid",
        -22 => "the terminal does not know this command",
        -30 => "the template is for another version of the algorithm",
        -106 => "the command is too large",
        -620 => "the terminal says that the data has the wrong format",
        -621 => "the terminal does not know one of the fields",
        -629 => "the terminal does not know this table: it speaks another dialect",
        -725 => "the terminal waited too long",
        -726 => "the terminal could not reach the server",
        -799..=-700 => "the terminal does not support this feature",
        -801 => "the terminal could not take the command apart",
        -1001 => "the terminal is full",
        -1002 => "the terminal does not support this command",
        -1003 => "the terminal ran out of time",
        -1004 => "the terminal does not know this table",
        -1005 => "the terminal is busy",
        -1006 => "the command is too long for the terminal",
        -1007 => "the terminal has no memory left at the moment",
        -1008 => "the terminal could not fetch a file from the server",
        -5000 => "the terminal passed it on and will answer again",
        _ => "the terminal refused it",
    };
    format!("{words} ({code})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_by_what_to_do_next() {
        let cases = [
            (Outcome::Done, [0, 1, 3].as_slice()),
            (Outcome::Held, &[-5000]),
            (Outcome::TryLater, &[-1003, -1005, -1007, -1008]),
            (Outcome::LacksWord, &[-1002, -1004, -22, -629, -700, -725, -799]),
            (Outcome::Full, &[-1001]),
            (Outcome::Refused, &[-1, -2, -10, -12, -30, -620, -800, -1006, -1009, i64::MIN]),
        ];
        for (outcome, codes) in cases {
            for code in codes {
                assert_eq!(Outcome::of(*code, false), outcome, "{code}");
            }
        }
        assert_eq!(Outcome::of(-10, true), Outcome::Done);
    }

    #[test]
    fn a_person_reads_words_and_the_number() {
        assert_eq!(meaning(-1001), "the terminal is full (-1001)");
        assert_eq!(meaning(0), "done");
        assert_eq!(meaning(3), "done (3)");
        assert_eq!(meaning(-4711), "the terminal refused it (-4711)");
    }
}
