//! Invented people.

/// Given and family names of one script, in the order in which they are written.
struct Script {
    first: &'static [&'static str],
    second: &'static [&'static str],
    between: &'static str,
}

const fn script(first: &'static [&'static str], second: &'static [&'static str]) -> Script {
    Script { first, second, between: " " }
}

const SCRIPTS: [Script; 12] = [
    script(&["Ayşe", "Çağla", "Umut", "Işıl"], &["Yıldız", "Öztürk", "Şahin"]),
    script(&["Wiremu", "Aroha", "Māia", "Tāne"], &["Ngata", "Pārata", "Te Rangi"]),
    Script { first: &["李", "欧阳", "张", "陈"], second: &["小明", "思远", "雨桐"], between: "" },
    script(&["Ольга", "Нуржан", "Їжак", "Ђорђе"], &["Шевчук", "Ахметов", "Ћосић"]),
    script(&["नन्दिनी", "अर्जुन", "कमल", "ईशा"], &["शर्मा", "जोशी", "राव"]),
    script(&["محمد", "فاطمة", "ياسمين", "عمر"], &["الأمين", "الزهراء", "حداد"]),
    script(&["Ọlámidé", "Ṣadé", "Ẹniọlá", "Tóbi"], &["Adébáyọ̀", "Ògúnlẹ́sì", "Ìdòwú"]),
    script(&["Ánh", "Đức", "Thủy", "Quỳnh"], &["Nguyễn", "Trần", "Phạm"]),
    script(&["Jürgen", "Zoë", "Łukasz", "Siân"], &["Groß", "O'Brien", "Wójcik"]),
    script(&["ქეთევან", "ნინო", "ლაშა", "თეკლა"], &["ბერიძე", "დოლიძე", "მელაძე"]),
    script(&["መስፍን", "ሰላም", "አበበ", "ትዕግስት"], &["ከበደ", "ታደሰ", "ወርቁ"]),
    script(&["Νίκος", "Ελένη", "Ωραία", "Θάλεια"], &["Δήμου", "Παππάς", "Ζώης"]),
];

/// The n-th of many people. Neighbours write in different scripts; after 144 the names begin again.
pub fn name(number: usize) -> String {
    let Script { first, second, between } = &SCRIPTS[number % SCRIPTS.len()];
    let number = number / SCRIPTS.len();
    [first[number % first.len()], between, second[number / first.len() % second.len()]].concat()
}

/// His card: nobody else's.
pub fn card(number: usize) -> String {
    (2_000_000_003 + 104_729 * number).to_string()
}
