//! What is bound to a statement.

use super::{Day, Instant};

/// A bound parameter.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    Int(Option<i64>),
    Text(Option<String>),
    Bool(Option<bool>),
    Time(Option<Instant>),
    Day(Option<Day>),
}

macro_rules! value_from {
    ($($from:ty => $variant:ident),*) => { $(
        impl From<$from> for Value {
            fn from(value: $from) -> Value {
                Value::$variant(Some(value.into()))
            }
        }
        impl From<Option<$from>> for Value {
            fn from(value: Option<$from>) -> Value {
                Value::$variant(value.map(Into::into))
            }
        }
    )* };
}
value_from!(i64 => Int, u32 => Int, &str => Text, String => Text, bool => Bool, jiff::Timestamp => Time, Instant => Time,
    jiff::civil::Date => Day, Day => Day);
