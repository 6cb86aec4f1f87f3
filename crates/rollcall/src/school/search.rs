//! Finding people by what somebody typed, whatever the accents and capitals.

use unicode_normalization::{UnicodeNormalization, char::canonical_combining_class};

/// The text without accents and capitals; both sides of a search go through this.
///
/// NFKD, without the marks that sit on a letter as an accent does, letters with a stroke as their base, one case. Signs
/// that are letters of their own stay: the vowels of the Indic scripts, the voicing mark of kana.
pub fn fold(text: &str) -> String {
    let bare = text.nfkd().filter(|&c| !is_accent(c) && !is_joiner(c));
    // Up and down again: ß and SS, ς and Σ, ı and I fall together.
    let folded = bare.flat_map(char::to_uppercase).flat_map(char::to_lowercase).map(plain).collect::<String>();
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What names are sorted by where numbers in them, of the digits 0 to 9, count as numbers: the ninth school comes before the
/// tenth.
pub fn order(text: &str) -> String {
    let folded = fold(text);
    let mut key = String::with_capacity(folded.len() + 20);
    let mut rest = folded.as_str();
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len());
        let number = from[..end].trim_start_matches('0');
        key.extend([before, &"0".repeat(20_usize.saturating_sub(number.len())), number]);
        rest = &from[end..];
    }
    key + rest
}

/// A pattern for `LIKE … ESCAPE '\'` that finds the text anywhere.
pub fn pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// Whether somebody who searches for `wanted` means one of these texts. Nothing wanted means all.
pub fn finds(wanted: Option<&str>, texts: &[&str]) -> bool {
    let Some(wanted) = wanted.map(fold) else { return true };
    texts.iter().any(|text| fold(text).contains(&wanted))
}

/// Accents of Latin, Greek and Cyrillic, vowel points of Hebrew and Arabic, the nukta: by combining class. Class 0 has the
/// Indic vowels, 8 the voicing mark of kana, 9 the viramas, 100 to 130 the signs of Thai, Lao and Tibetan.
fn is_accent(c: char) -> bool {
    matches!(canonical_combining_class(c), 1 | 7 | 10..=36 | 200..=240)
}

/// Persian is written with and without them.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}')
}

/// Letters that Unicode does not take apart, as people type them: without the stroke, or on the keyboard of a neighbour.
fn plain(c: char) -> char {
    match c {
        'ø' => 'o',
        'đ' | 'ð' => 'd',
        'ł' => 'l',
        'ħ' => 'h',
        'ŧ' => 't',
        'ي' | 'ى' => 'ی',
        'ك' => 'ک',
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accents_and_capitals_do_not_matter() {
        for (typed, stored) in [
            ("nguyen thi anh", "Nguyễn Thị Ánh"),
            ("JOSE nunez", "José  Núñez"),
            ("strasse", "Straße"),
            ("lukasz", "Łukasz"),
            ("soren", "Søren"),
            ("isil", "Işıl"),
            ("IŞIL", "ışıl"),
            ("γιωργος", "Γιώργος"),
            ("семен", "Семён"),
            ("احمد", "أحمد"),
            ("محمد", "مُحَمَّد"),
            ("عليرضا", "علی\u{200C}رضا"),
            ("שלום", "שָׁלוֹם"),
            ("カタカナ", "ｶﾀｶﾅ"),
            ("김", "김하늘"),
        ] {
            assert!(fold(stored).contains(&fold(typed)), "{typed} {stored}: {} {}", fold(typed), fold(stored));
        }
    }

    #[test]
    fn letters_of_their_own_stay() {
        for (one, other) in [("रमा", "रीमा"), ("はな", "ばな"), ("มา", "มี"), ("คา", "ค้า")]
        {
            assert_ne!(fold(one), fold(other));
        }
    }

    #[test]
    fn numbers_count_as_numbers() {
        let mut names = ["Škola 10", "skola 9 b", "Škola 9", "Academia", "škola 009 a", "Škola 120"];
        names.sort_by_cached_key(|name| order(name));
        assert_eq!(names, ["Academia", "Škola 9", "škola 009 a", "skola 9 b", "Škola 10", "Škola 120"]);
    }

    #[test]
    fn a_pattern_means_its_text() {
        assert_eq!(pattern(r"50%_a\b"), r"%50\%\_a\\b%");
    }
}
