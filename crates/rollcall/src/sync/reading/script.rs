//! What a reading does next, from what it knows so far. Pure.
//!
//! A terminal whose class is known is asked the way it answers. One of unknown class is tried: a count, a list, the count
//! again; if the list does not hold as many as the count, single people who should be there.

use super::{Class, Phase};

/// Where a reading stands when nothing of it is waiting or out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Facts {
    pub phase: Phase,
    /// How often everybody was asked for at once.
    pub lists: i64,
    /// How often people were asked for one by one.
    pub sweeps: i64,
    /// Nobody of ours is there yet: who is, is found by trying PINs where there is no list.
    pub is_search: bool,
    /// It speaks the security dialect: what it lists is a table.
    pub is_access: bool,
    /// As it was proven for this firmware; unknown while the terminal is tried.
    pub class: Option<Class>,
    /// Only some people are asked about.
    pub is_narrow: bool,
    /// It may be made to tell everybody by stamp reset now, and was not yet.
    pub can_dump: bool,
    /// A count of the terminal is what this reading began with.
    pub is_about_count: bool,
    /// Its last answer to a question for the count.
    pub counted: Option<i64>,
    /// People told since the list was asked for.
    pub told: i64,
    /// Nothing of the list is known to be missing: all packets of a table came, with as many rows as its result says. Other
    /// lists have no such sign.
    pub is_whole: bool,
    /// The terminal refused the word for the list.
    pub refuses_list: bool,
    /// The terminal refused the word for single people.
    pub refuses_people: bool,
    /// Somebody answered for himself in this reading.
    pub somebody_spoke: bool,
    /// People who are known to be there and were not asked in vain yet.
    pub sentinels_left: i64,
    /// One was written for this reading, to be asked then.
    pub somebody_was_written: bool,
    /// Somebody is wanted who could be written again.
    pub can_write: bool,
    /// People of whom nothing is proven and who can still be asked.
    pub unresolved: i64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// Ask for the count.
    Count(Phase),
    /// Ask for everybody.
    List,
    /// Make it tell everybody by stamp reset.
    Dump,
    /// Ask for one who should be there.
    Sentinel,
    /// Write one of the wanted again, so that there is somebody to be asked.
    Write,
    /// Ask for people one by one.
    Sweep,
    End(Ending),
}

/// How a reading ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ending {
    /// What the terminal proved to be able to; `None`: nothing new.
    pub class: Option<Class>,
    /// As many were told as counted.
    pub is_complete: bool,
    /// Something was proven.
    pub is_conclusive: bool,
}

const LISTS: i64 = 2;
const SWEEPS: i64 = 3;

pub fn next(facts: &Facts) -> Next {
    match facts.phase {
        Phase::Begin if facts.is_about_count => Next::Count(Phase::Count),
        Phase::Begin if facts.can_dump => Next::Dump,
        Phase::Begin => begin(facts),
        Phase::Count if facts.counted == Some(0) => end(None, true, true),
        Phase::Count => match facts.class {
            Some(Class::Count | Class::None) => end(Some(by_count(facts)), false, false),
            None if !facts.refuses_list => Next::List,
            None => try_single_people(facts),
            Some(Class::PerPin) => Next::Sweep,
            Some(_) => begin(facts),
        },
        Phase::List | Phase::Dump => Next::Count(Phase::Recount),
        Phase::Recount => after_list(facts),
        Phase::Sentinel if facts.somebody_spoke => Next::Sweep,
        Phase::Sentinel if facts.refuses_people => end(Some(by_count(facts)), false, false),
        Phase::Sentinel if facts.sentinels_left > 0 => Next::Sentinel,
        Phase::Sentinel if facts.somebody_was_written => end(Some(by_count(facts)), false, false),
        Phase::Sentinel if facts.can_write => Next::Write,
        Phase::Sentinel => end(None, false, false),
        Phase::Write if facts.sentinels_left == 0 => end(facts.class.is_none().then(|| by_count(facts)), false, false),
        Phase::Write if facts.class.is_none() => Next::Sentinel,
        Phase::Write => Next::Sweep,
        Phase::Sweep if !facts.somebody_spoke && facts.sentinels_left > 0 && facts.sweeps < SWEEPS => Next::Sweep,
        Phase::Sweep if facts.somebody_spoke && facts.unresolved > 0 && facts.sweeps < SWEEPS => Next::Sweep,
        Phase::Sweep if facts.is_narrow => end(None, false, facts.somebody_spoke),
        Phase::Sweep => Next::Count(Phase::LastCount),
        Phase::LastCount if facts.counted == Some(0) => end(None, !facts.somebody_spoke, true),
        Phase::LastCount if !facts.somebody_spoke && facts.can_write && !facts.somebody_was_written => Next::Write,
        Phase::LastCount if lists(facts) => end(None, false, facts.unresolved == 0),
        Phase::LastCount => end(
            Some(if facts.somebody_spoke { Class::PerPin } else { by_count(facts) }),
            facts.somebody_spoke && facts.counted == Some(facts.told),
            facts.somebody_spoke,
        ),
    }
}

fn begin(facts: &Facts) -> Next {
    match facts.class {
        Some(Class::List | Class::Table) => Next::List,
        // How many there are tells when everybody is found.
        Some(Class::PerPin) if facts.is_search => Next::Count(Phase::Count),
        Some(Class::PerPin) => Next::Sweep,
        Some(Class::Count | Class::None) | None => Next::Count(Phase::Count),
    }
}

fn after_list(facts: &Facts) -> Next {
    if facts.counted == Some(facts.told) && facts.is_whole && (facts.told > 0 || lists(facts)) {
        let class = if facts.is_access { Class::Table } else { Class::List };
        return end((facts.told > 0).then_some(class), true, true);
    }
    if facts.told == 0 && facts.counted == Some(0) {
        return end(None, true, true);
    }
    // Part of it may have got lost: once more, listening for longer.
    if facts.lists < LISTS && (facts.told > 0 || lists(facts)) && !facts.refuses_list {
        return Next::List;
    }
    match facts.class {
        Some(Class::PerPin) => Next::Sweep,
        Some(Class::Count | Class::None) => end(None, false, false),
        None => try_single_people(facts),
        Some(_) if facts.unresolved > 0 => Next::Sweep,
        Some(_) => end(None, false, facts.told > 0),
    }
}

/// It was proven to tell everybody when asked for all.
fn lists(facts: &Facts) -> bool {
    matches!(facts.class, Some(Class::List | Class::Table))
}

fn try_single_people(facts: &Facts) -> Next {
    match facts.refuses_people {
        true => end(Some(by_count(facts)), false, false),
        false if facts.is_search => Next::Sweep,
        false => Next::Sentinel,
    }
}

fn by_count(facts: &Facts) -> Class {
    if facts.counted.is_some() { Class::Count } else { Class::None }
}

fn end(class: Option<Class>, is_complete: bool, is_conclusive: bool) -> Next {
    Next::End(Ending { class, is_complete, is_conclusive })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: Facts = Facts {
        phase: Phase::Begin,
        lists: 0,
        sweeps: 0,
        is_search: false,
        is_access: false,
        class: None,
        is_narrow: false,
        is_about_count: false,
        counted: None,
        told: 0,
        is_whole: true,
        can_dump: false,
        refuses_list: false,
        refuses_people: false,
        somebody_spoke: false,
        sentinels_left: 2,
        somebody_was_written: false,
        can_write: true,
        unresolved: 0,
    };

    #[test]
    fn a_terminal_that_lists_as_many_as_it_counts_is_read_by_list() {
        assert_eq!(next(&NEW), Next::Count(Phase::Count));
        let counted = Facts { phase: Phase::Count, counted: Some(3), ..NEW };
        assert_eq!(next(&counted), Next::List);
        let listed = Facts { phase: Phase::List, told: 3, ..counted };
        assert_eq!(next(&listed), Next::Count(Phase::Recount));
        let recounted = Facts { phase: Phase::Recount, ..listed };
        assert_eq!(next(&recounted), end(Some(Class::List), true, true));
    }

    #[test]
    fn an_access_unit_is_read_by_table_when_packets_rows_and_count_agree() {
        let new = Facts { is_access: true, ..NEW };
        assert_eq!(next(&new), Next::Count(Phase::Count));
        assert_eq!(next(&Facts { phase: Phase::Count, counted: Some(3), ..new }), Next::List);
        let recounted = Facts { phase: Phase::Recount, lists: 1, counted: Some(3), told: 3, ..new };
        assert_eq!(next(&recounted), end(Some(Class::Table), true, true));
        let part = Facts { is_whole: false, ..recounted };
        assert_eq!(next(&part), Next::List, "a packet is missing, whatever the count says");
        assert_eq!(next(&Facts { lists: 2, ..part }), Next::Sentinel);

        let known = Facts { class: Some(Class::Table), ..new };
        assert_eq!(next(&known), Next::List);
        assert_eq!(next(&Facts { class: Some(Class::Table), lists: 2, ..part }), end(None, false, true));
        let emptied = Facts { told: 0, counted: Some(0), class: Some(Class::Table), ..recounted };
        assert_eq!(next(&emptied), end(None, true, true));
    }

    #[test]
    fn a_terminal_that_is_deaf_to_lists_is_asked_for_single_people() {
        let silent = Facts { phase: Phase::Recount, counted: Some(3), ..NEW };
        assert_eq!(next(&silent), Next::Sentinel);
        let spoke = Facts { phase: Phase::Sentinel, somebody_spoke: true, ..silent };
        assert_eq!(next(&spoke), Next::Sweep);
        let swept = Facts { phase: Phase::Sweep, ..spoke };
        assert_eq!(next(&swept), Next::Count(Phase::LastCount));
        let counted = Facts { phase: Phase::LastCount, told: 3, ..swept };
        assert_eq!(next(&counted), end(Some(Class::PerPin), true, true));
        let one_more = Facts { counted: Some(4), ..counted };
        assert_eq!(next(&one_more), end(Some(Class::PerPin), false, true));
    }

    #[test]
    fn a_partial_list_is_tried_twice_before_it_counts_as_none() {
        let partial = Facts { phase: Phase::Recount, lists: 1, counted: Some(9), told: 7, ..NEW };
        assert_eq!(next(&partial), Next::List);
        assert_eq!(next(&Facts { lists: 2, ..partial }), Next::Sentinel);
        let known = Facts { lists: 2, class: Some(Class::List), unresolved: 2, ..partial };
        assert_eq!(next(&known), Next::Sweep);
    }

    #[test]
    fn rule_18_silent_sentinels_are_replaced_then_one_is_written_then_it_is_count_or_none() {
        let silent = Facts { phase: Phase::Sentinel, counted: Some(3), ..NEW };
        assert_eq!(next(&silent), Next::Sentinel);
        assert_eq!(next(&Facts { sentinels_left: 0, ..silent }), Next::Write);
        let written = Facts { sentinels_left: 0, somebody_was_written: true, ..silent };
        assert_eq!(next(&written), end(Some(Class::Count), false, false));
        assert_eq!(next(&Facts { counted: None, ..written }), end(Some(Class::None), false, false));
    }

    #[test]
    fn a_terminal_that_counts_nobody_needs_no_further_question() {
        let nobody = Facts { phase: Phase::Count, counted: Some(0), is_about_count: true, ..NEW };
        assert_eq!(next(&nobody), end(None, true, true));
    }

    #[test]
    fn a_terminal_that_dumps_by_stamp_reset_is_swept_when_the_dump_falls_short() {
        let swept = Facts { class: Some(Class::PerPin), can_dump: true, ..NEW };
        assert_eq!(next(&swept), Next::Dump);
        let dumped = Facts { phase: Phase::Dump, can_dump: false, lists: 2, told: 3, ..swept };
        assert_eq!(next(&dumped), Next::Count(Phase::Recount));
        let counted = Facts { phase: Phase::Recount, counted: Some(3), ..dumped };
        assert_eq!(next(&counted), end(Some(Class::List), true, true));
        assert_eq!(next(&Facts { counted: Some(4), ..counted }), Next::Sweep);
    }

    #[test]
    fn some_people_are_asked_for_without_a_count() {
        let swept = Facts { is_narrow: true, phase: Phase::Sweep, somebody_spoke: true, ..NEW };
        let swept = Facts { class: Some(Class::List), ..swept };
        assert_eq!(next(&swept), end(None, false, true));
    }

    #[test]
    fn rule_4_who_was_there_before_is_found_by_trying_pins_where_there_is_no_list() {
        let search = Facts { is_search: true, sentinels_left: 0, can_write: false, ..NEW };
        let silent = Facts { phase: Phase::Recount, counted: Some(3), lists: 1, ..search };
        assert_eq!(next(&silent), Next::Sweep);
        let known = Facts { class: Some(Class::PerPin), ..search };
        assert_eq!(next(&known), Next::Count(Phase::Count));
        assert_eq!(next(&Facts { phase: Phase::Count, counted: Some(3), ..known }), Next::Sweep);
        let swept = Facts { phase: Phase::Sweep, sweeps: 1, somebody_spoke: true, told: 3, ..silent };
        assert_eq!(next(&swept), Next::Count(Phase::LastCount));
        assert_eq!(next(&Facts { phase: Phase::LastCount, ..swept }), end(Some(Class::PerPin), true, true));
        let deaf = Facts { phase: Phase::LastCount, somebody_spoke: false, told: 0, ..swept };
        assert_eq!(next(&deaf), end(Some(Class::Count), false, false));
    }

    #[test]
    fn whatever_happens_a_reading_ends() {
        for (class, is_search) in Class::ALL.into_iter().map(Some).chain([None]).flat_map(|c| [(c, false), (c, true)]) {
            for spoke in [false, true] {
                let facts = Facts { class, is_search, somebody_spoke: spoke, unresolved: 5, told: 2, ..NEW };
                let mut facts = Facts { counted: Some(7), ..facts };
                let mut steps = 0;
                loop {
                    steps += 1;
                    assert!(steps < 30, "{facts:?}");
                    let phase = match next(&facts) {
                        Next::Count(phase) => phase,
                        Next::List | Next::Dump => {
                            facts.lists += 1;
                            Phase::List
                        }
                        Next::Sentinel => {
                            facts.sentinels_left -= 1;
                            Phase::Sentinel
                        }
                        Next::Write => {
                            facts.somebody_was_written = true;
                            Phase::Write
                        }
                        Next::Sweep => {
                            facts.sweeps += 1;
                            Phase::Sweep
                        }
                        Next::End(_) => break,
                    };
                    facts.phase = phase;
                }
            }
        }
    }
}
