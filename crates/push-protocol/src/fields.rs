//! `Key=Value` pairs as they stand on the wire: split at TAB (or at `,` in option lists), then at the first `=`; keys
//! compare without case; unknown keys are kept (Appendix B).

use std::borrow::Cow;

use crate::text::Charset;

/// The pairs of one record, in the order received. Values are bytes: a name may be in any character set.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Fields<'a>(Vec<(&'a [u8], &'a [u8])>);

impl<'a> Fields<'a> {
    /// Pairs joined by TAB.
    pub fn tabs(line: &'a [u8]) -> Fields<'a> {
        todo!()
    }
    /// Option lists joined by `,`: split only before a key, because values may hold commas (Appendix B).
    pub fn commas(line: &'a [u8]) -> Fields<'a> {
        todo!()
    }
    /// The first value of a key, compared without case.
    pub fn bytes(&self, key: &str) -> Option<&'a [u8]> {
        todo!()
    }
    pub fn text(&self, key: &str, charset: Charset) -> Option<Cow<'a, str>> {
        todo!()
    }
    /// A decimal number; `None` when the key is absent or its value is no number.
    pub fn number(&self, key: &str) -> Option<i64> {
        todo!()
    }
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + '_ {
        self.0.iter().copied()
    }
}
