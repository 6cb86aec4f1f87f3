//! Which page of a list, and the links to the others.

use super::{html::percent, words::Words};

/// Rows of a page.
pub const ROWS: i64 = 100;

/// A list that is cut into pages.
#[derive(Clone, Debug)]
pub struct Pager {
    /// Where the list is, with the rest of its query, ready for `page=`.
    base: String,
    page: i64,
    total: i64,
}

impl Pager {
    /// `path` is the page's own without a query; `query` its other fields, of which empty ones are left out.
    pub fn new(path: &str, query: &[(&str, &str)], page: i64, total: i64) -> Pager {
        let given = query.iter().filter(|(_, value)| !value.is_empty());
        let fields = given.fold(String::new(), |fields, (name, value)| fields + name + "=" + &percent(value) + "&");
        let last = total.div_euclid(ROWS) + i64::from(total.rem_euclid(ROWS) > 0);
        Pager { base: format!("{path}?{fields}"), page: page.clamp(1, last.max(1)), total }
    }

    /// Rows before this page.
    pub fn offset(page: Option<i64>) -> i64 {
        (page.unwrap_or(1).clamp(1, 1_000_000) - 1) * ROWS
    }

    /// One page of a list that is in memory, as [`Pager::new`] describes it.
    pub fn cut<T>(path: &str, query: &[(&str, &str)], page: Option<i64>, rows: Vec<T>) -> (Vec<T>, Pager) {
        let pager = Pager::new(path, query, page.unwrap_or(1), i64::try_from(rows.len()).unwrap_or(i64::MAX));
        let (before, shown) = ((pager.page - 1) * ROWS, usize::try_from(ROWS).unwrap_or(usize::MAX));
        (rows.into_iter().skip(usize::try_from(before).unwrap_or(usize::MAX)).take(shown).collect(), pager)
    }

    pub fn is_needed(&self) -> bool {
        self.total > ROWS
    }

    pub fn previous(&self) -> Option<String> {
        (self.page > 1).then(|| format!("{}page={}", self.base, self.page - 1))
    }

    pub fn next(&self) -> Option<String> {
        (self.page * ROWS < self.total).then(|| format!("{}page={}", self.base, self.page + 1))
    }

    /// `101–200 of 950`
    pub fn range(&self, words: &Words) -> String {
        let from = (self.page - 1) * ROWS + 1;
        let to = (self.page * ROWS).min(self.total);
        words.common.range.with("from", from).with("to", to).with("total", self.total).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_cut_at_a_hundred() {
        let pager = |page, total| Pager::new("/t", &[("search", "á b"), ("state", "")], page, total);
        assert!(!pager(1, 100).is_needed() && pager(1, 101).is_needed());
        assert_eq!(pager(1, 101).next().as_deref(), Some("/t?search=%C3%A1%20b&page=2"));
        assert_eq!((pager(2, 101).next(), pager(1, 101).previous()), (None, None));
        assert_eq!(pager(9, 101).previous().as_deref(), Some("/t?search=%C3%A1%20b&page=1"));
        assert_eq!((Pager::offset(None), Pager::offset(Some(3)), Pager::offset(Some(-4))), (0, 200, 0));
    }
}
