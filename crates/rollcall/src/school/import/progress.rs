//! How far a roster is written, while it is: of that nothing is seen in the database, because it is there at once or not at all.
//!
//! So it is counted in the memory of the server that writes, and is gone with it. What the database says of a run counts; this is
//! for whoever waits.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// How many of the rows are written.
#[derive(Default, Debug)]
pub struct Progress(Mutex<Option<Counted>>);

/// So many of so many rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Counted {
    pub done: usize,
    pub all: usize,
}

impl Progress {
    /// So many rows are to be written.
    pub(crate) fn expect(&self, all: usize) {
        *held(&self.0) = Some(Counted { done: 0, all });
    }

    /// So many more of them are.
    pub(super) fn wrote(&self, rows: usize) {
        if let Some(counted) = &mut *held(&self.0) {
            counted.done += rows;
        }
    }

    /// `None` before it is known what is to be written, and where nothing is.
    pub fn seen(&self) -> Option<Counted> {
        held(&self.0).filter(|counted| counted.all > 0)
    }
}

/// The imports that a server is at.
#[derive(Clone, Default, Debug)]
pub struct UnderWay(Arc<Mutex<BTreeMap<String, Arc<Progress>>>>);

impl UnderWay {
    /// This server is at it until what is answered is dropped, however that comes.
    pub fn begin(&self, id: &str) -> Begun {
        let progress = Arc::new(Progress::default());
        held(&self.0).insert(id.to_owned(), progress.clone());
        Begun { under_way: self.clone(), id: id.to_owned(), progress }
    }

    /// How far it is; `None` when this server is not at it.
    pub fn find(&self, id: &str) -> Option<Arc<Progress>> {
        held(&self.0).get(id).cloned()
    }
}

/// An import that this server is at.
#[derive(Debug)]
pub struct Begun {
    under_way: UnderWay,
    id: String,
    pub progress: Arc<Progress>,
}

impl Drop for Begun {
    fn drop(&mut self) {
        held(&self.under_way.0).remove(&self.id);
    }
}

/// A number or a list is right after a panic, too.
fn held<T>(one: &Mutex<T>) -> MutexGuard<'_, T> {
    one.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_once_it_is_known_how_many_there_are() {
        let progress = Progress::default();
        progress.wrote(7);
        assert_eq!(progress.seen(), None);
        progress.expect(2_500);
        progress.wrote(1_000);
        progress.wrote(1_000);
        assert_eq!(progress.seen(), Some(Counted { done: 2_000, all: 2_500 }));
        progress.expect(0);
        assert_eq!(progress.seen(), None, "where nothing is to be written there is no number");
    }

    #[test]
    fn an_import_that_ended_is_not_under_way_and_begins_anew() {
        let here = UnderWay::default();
        let begun = here.begin("a");
        begun.progress.expect(3);
        begun.progress.wrote(2);
        assert_eq!(here.find("a").unwrap().seen(), Some(Counted { done: 2, all: 3 }));
        assert!(here.find("b").is_none());
        drop(begun);
        assert!(here.find("a").is_none());
        let _again = here.begin("a");
        assert_eq!(here.find("a").unwrap().seen(), None);
    }
}
