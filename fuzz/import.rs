#[path = "../crates/rollcall/src/school/import/table.rs"]
pub mod table;
#[path = "../crates/rollcall/src/school/import/text.rs"]
mod text;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rejected {
    pub line: usize,
    pub reason: String,
}
