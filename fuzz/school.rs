//! What reads files, out of the program: all of it, with its databases, would take a quarter of an hour to build for this.

#[path = "import.rs"]
pub mod import;
#[path = "../crates/rollcall/src/school/names.rs"]
pub mod names;

pub mod derived {
    use push_protocol::text::Card;

    pub fn card_number(text: &str) -> Option<i64> {
        Card::parse(text.trim()).ok().and_then(|card| i64::try_from(card.number()).ok())
    }
}
