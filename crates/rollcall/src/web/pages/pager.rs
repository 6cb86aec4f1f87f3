//! Which page of a list, and the links to the others.

use super::{html::percent, words::Words};

/// Rows of a page.
pub const ROWS: i64 = 50;

/// A list that is cut into pages.
#[derive(Clone, Debug)]
pub struct Pager {
    /// Where the list is, with the rest of its query, ready for `page=`.
    base: String,
    page: i64,
    total: i64,
    /// Of a page.
    rows: i64,
}

impl Pager {
    /// `path` is the page's own without a query; `query` its other fields, of which empty ones are left out.
    pub fn new(path: &str, query: &[(&str, &str)], page: i64, total: i64) -> Pager {
        Pager::of(ROWS, path, query, page, total)
    }

    fn of(rows: i64, path: &str, query: &[(&str, &str)], page: i64, total: i64) -> Pager {
        let given = query.iter().filter(|(_, value)| !value.is_empty());
        let fields = given.fold(String::new(), |fields, (name, value)| fields + name + "=" + &percent(value) + "&");
        let last = total.div_euclid(rows) + i64::from(total.rem_euclid(rows) > 0);
        Pager { base: format!("{path}?{fields}"), page: page.clamp(1, last.max(1)), total, rows }
    }

    /// Rows before this page.
    pub fn offset(page: Option<i64>) -> i64 {
        (page.unwrap_or(1).clamp(1, 1_000_000) - 1) * ROWS
    }

    /// One page of a list that is in memory, as [`Pager::new`] describes it.
    pub fn cut<T>(path: &str, query: &[(&str, &str)], page: Option<i64>, rows: Vec<T>) -> (Vec<T>, Pager) {
        Pager::cut_at(ROWS, path, query, page, rows)
    }

    /// The same with so many on a page.
    pub fn cut_at<T>(
        shown: i64,
        path: &str,
        query: &[(&str, &str)],
        page: Option<i64>,
        rows: Vec<T>,
    ) -> (Vec<T>, Pager) {
        let pager = Pager::of(shown, path, query, page.unwrap_or(1), i64::try_from(rows.len()).unwrap_or(i64::MAX));
        let number = |rows: i64| usize::try_from(rows).unwrap_or(usize::MAX);
        (rows.into_iter().skip(number((pager.page - 1) * shown)).take(number(shown)).collect(), pager)
    }

    pub fn is_needed(&self) -> bool {
        self.total > self.rows
    }

    pub fn previous(&self) -> Option<String> {
        (self.page > 1).then(|| format!("{}page={}", self.base, self.page - 1))
    }

    pub fn next(&self) -> Option<String> {
        (self.page * self.rows < self.total).then(|| format!("{}page={}", self.base, self.page + 1))
    }

    /// `51–100 of 950`
    pub fn range(&self, words: &Words) -> String {
        let from = (self.page - 1) * self.rows + 1;
        let to = (self.page * self.rows).min(self.total);
        words.common.range.with("from", from).with("to", to).with("total", self.total).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_in_memory_is_cut_where_its_page_wants_it() {
        let (rows, pager) = Pager::cut_at(3, "/", &[], Some(2), (1..=7).collect());
        assert_eq!((rows, pager.is_needed()), (vec![4, 5, 6], true));
        assert_eq!((pager.previous().as_deref(), pager.next().as_deref()), (Some("/?page=1"), Some("/?page=3")));
        let (rows, pager) = Pager::cut_at(3, "/", &[], Some(9), (1..=7).collect());
        assert_eq!((rows, pager.next()), (vec![7], None), "beyond the last is the last");
    }

    #[test]
    fn a_list_is_cut_at_fifty() {
        let pager = |page, total| Pager::new("/t", &[("search", "á b"), ("state", "")], page, total);
        assert!(!pager(1, 50).is_needed() && pager(1, 51).is_needed());
        assert_eq!(pager(1, 51).next().as_deref(), Some("/t?search=%C3%A1%20b&page=2"));
        assert_eq!((pager(2, 51).next(), pager(1, 51).previous()), (None, None));
        assert_eq!(pager(9, 51).previous().as_deref(), Some("/t?search=%C3%A1%20b&page=1"));
        assert_eq!((Pager::offset(None), Pager::offset(Some(3)), Pager::offset(Some(-4))), (0, 100, 0));
    }
}
