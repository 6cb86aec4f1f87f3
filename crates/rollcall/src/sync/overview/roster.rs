//! A page of the students of a terminal: searched, filtered and sorted by the database.

use super::StudentState;
use crate::{
    devices::DeviceId,
    school::{ClassId, search},
    store::{Result, Tx, Value},
};

/// Which students, and in which order. What is `None` does not narrow.
#[derive(Clone, Default, Debug)]
pub struct Filter {
    /// A part of the name, the beginning of a card, or a PIN.
    pub search: Option<String>,
    pub state: Option<Shown>,
    pub class: Option<ClassId>,
    pub sort: Sort,
}

/// A state as one filters by it. The six numbers of a terminal and two that divide the synced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shown {
    Synced,
    /// Synced, and the terminal itself showed it.
    Verified,
    /// Synced, and nothing shows it yet.
    Unverified,
    Pending,
    Sent,
    Failed,
    NotSynced,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Sort {
    #[default]
    Name,
    Class,
    Pin,
    /// What needs somebody first.
    Status,
    /// The latest first.
    Synced,
}

macro_rules! roster {
    ($order:literal) => {
        concat!(
            "SELECT b.student_id AS id, b.full_name, b.rfid_card_id, k.class_name, t.section_name,
               CASE WHEN l.is_wanted THEN l.sync_status ELSE 'not_synced' END AS sync_status,
               l.last_sync_success, l.last_sync_attempt, COALESCE(l.sync_retries, 0) AS sync_retries,
               l.error_message, l.device_pin, l.acknowledged_at,
               CASE WHEN l.is_wanted AND l.sync_status = 'synced' AND l.verified_version = l.wanted_version
                 THEN l.verified_at END AS verified_at,
               COUNT(*) OVER () AS total
             FROM belonging b
             JOIN students s ON s.id = b.student_id
             LEFT JOIN device_user_sync_status l ON l.device_id = b.device_id AND l.student_id = b.student_id
             LEFT JOIN classes k ON k.id = b.class_id
             LEFT JOIN sections t ON t.id = b.section_id
             WHERE b.device_id = $1
               AND (CAST($2 AS TEXT) IS NULL OR s.search_text LIKE $2 ESCAPE '\\' OR LOWER(b.full_name) LIKE $2 ESCAPE '\\'
                 OR b.rfid_card_id LIKE $3 ESCAPE '\\' OR l.device_pin = $4)
               AND (CAST($5 AS BIGINT) IS NULL OR b.class_id = $5)
               AND (CAST($6 AS TEXT) IS NULL OR $6 = CASE
                 WHEN NOT COALESCE(l.is_wanted, FALSE) THEN 'not_synced'
                 WHEN l.sync_status = 'kept' THEN 'not_synced'
                 WHEN l.sync_status = 'held' THEN 'pending'
                 ELSE l.sync_status END)
               AND (CAST($7 AS BOOLEAN) IS NULL OR $7 = COALESCE(l.verified_version = l.wanted_version, FALSE))
             ORDER BY ",
            $order,
            ", SUBSTR(COALESCE(s.search_text, b.full_name), 1, 200), b.student_id LIMIT $8 OFFSET $9"
        )
    };
}
const BY_NAME: &str = roster!("1 = 1");
const BY_CLASS: &str = roster!("k.class_name NULLS LAST, t.section_name NULLS LAST");
const BY_PIN: &str = roster!("LENGTH(l.device_pin) NULLS LAST, l.device_pin NULLS LAST");
const BY_STATUS: &str = roster!(
    "CASE CASE WHEN l.is_wanted THEN l.sync_status ELSE 'not_synced' END WHEN 'failed' THEN 0 WHEN 'held' THEN 1
       WHEN 'kept' THEN 2 WHEN 'not_synced' THEN 3 WHEN 'pending' THEN 4 WHEN 'sent' THEN 5 ELSE 6 END,
     CASE WHEN l.verified_version = l.wanted_version THEN 1 ELSE 0 END"
);
const BY_SYNCED: &str = roster!("l.last_sync_success DESC NULLS LAST");

/// Everybody by name: a page of that is asked for far more often than all others. The columns of [`roster`], of students
/// who belong there as the view `belonging` says; written so that an index has them in this order, and only those of the
/// page are joined with anything. The database counts how many there are.
const BY_NAME_ALONE: &str = "
    SELECT s.id, s.full_name, s.rfid_card_id, k.class_name, t.section_name,
      CASE WHEN l.is_wanted THEN l.sync_status ELSE 'not_synced' END AS sync_status,
      l.last_sync_success, l.last_sync_attempt, COALESCE(l.sync_retries, 0) AS sync_retries,
      l.error_message, l.device_pin, l.acknowledged_at,
      CASE WHEN l.is_wanted AND l.sync_status = 'synced' AND l.verified_version = l.wanted_version
        THEN l.verified_at END AS verified_at,
      (SELECT n.belonging FROM school_counts n WHERE n.school_id = s.school_id) AS total
    FROM (
      SELECT id, school_id, class_id, section_id, full_name, rfid_card_id,
        SUBSTR(COALESCE(search_text, full_name), 1, 200) AS sorted_by
      FROM students
      WHERE school_id = (SELECT d.school_id FROM devices d JOIN schools o ON o.id = d.school_id
          WHERE d.id = $1 AND d.is_active AND d.deleted_at IS NULL AND o.deleted_at IS NULL)
        AND is_active AND deleted_at IS NULL AND TRIM(COALESCE(rfid_card_id, '')) <> ''
      ORDER BY SUBSTR(COALESCE(search_text, full_name), 1, 200), id {page}
    ) s
    LEFT JOIN device_user_sync_status l ON l.device_id = $1 AND l.student_id = s.id
    LEFT JOIN classes k ON k.id = s.class_id
    LEFT JOIN sections t ON t.id = s.section_id
    ORDER BY s.sorted_by, s.id";

#[derive(sqlx::FromRow)]
struct Row {
    #[sqlx(flatten)]
    student: StudentState,
    total: i64,
}

/// A page of them, and how many there are on all pages. A page beyond the last is the first.
pub async fn roster(tx: &mut Tx, device: DeviceId, filter: &Filter, limit: i64, offset: i64) -> Result<Page> {
    let sql = match filter.sort {
        Sort::Name => BY_NAME,
        Sort::Class => BY_CLASS,
        Sort::Pin => BY_PIN,
        Sort::Status => BY_STATUS,
        Sort::Synced => BY_SYNCED,
    };
    let search = filter.search.as_deref().map(str::trim).filter(|text| !text.is_empty());
    let (state, is_verified) = filter.state.map_or((None, None), Shown::in_columns);
    let values = |offset: i64| -> [Value; 9] {
        [
            device.into(),
            search.map(|text| search::pattern(&search::fold(text))).into(),
            search.map(|text| search::pattern(text).trim_start_matches('%').to_owned()).into(),
            search.into(),
            filter.class.into(),
            state.into(),
            is_verified.into(),
            limit.into(),
            offset.into(),
        ]
    };
    let is_everybody =
        search.is_none() && filter.class.is_none() && filter.state.is_none() && filter.sort == Sort::Name;
    let mut rows: Vec<Row> = Vec::new();
    let mut is_beyond = false;
    for at in [offset, 0] {
        rows = if is_everybody {
            tx.page(BY_NAME_ALONE, [device.into()], (limit, at)).await?
        } else {
            tx.all(sql, values(at)).await?
        };
        if !rows.is_empty() || at == 0 {
            break;
        }
        is_beyond = true;
    }
    let total = rows.first().map_or(0, |row| row.total);
    let students = rows.into_iter().map(|row| row.student).collect();
    Ok(Page { students, total, offset: if is_beyond { 0 } else { offset } })
}

/// A page of students.
#[derive(Clone, Debug)]
pub struct Page {
    pub students: Vec<StudentState>,
    /// On all pages.
    pub total: i64,
    /// Before this page.
    pub offset: i64,
}

impl Shown {
    pub const ALL: [Shown; 7] = [
        Shown::Synced,
        Shown::Verified,
        Shown::Unverified,
        Shown::Pending,
        Shown::Sent,
        Shown::Failed,
        Shown::NotSynced,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Shown::Synced => "synced",
            Shown::Verified => "verified",
            Shown::Unverified => "unverified",
            Shown::Pending => "pending",
            Shown::Sent => "sent",
            Shown::Failed => "failed",
            Shown::NotSynced => "not_synced",
        }
    }

    pub fn parse(word: &str) -> Option<Shown> {
        Shown::ALL.into_iter().find(|shown| shown.as_str() == word)
    }

    /// A state of the ledger, and whether it is proven.
    fn in_columns(self) -> (Option<&'static str>, Option<bool>) {
        match self {
            Shown::Verified => (Some("synced"), Some(true)),
            Shown::Unverified => (Some("synced"), Some(false)),
            state => (Some(state.as_str()), None),
        }
    }
}

impl Sort {
    pub const ALL: [Sort; 5] = [Sort::Name, Sort::Class, Sort::Pin, Sort::Status, Sort::Synced];

    pub fn as_str(self) -> &'static str {
        match self {
            Sort::Name => "name",
            Sort::Class => "class",
            Sort::Pin => "pin",
            Sort::Status => "status",
            Sort::Synced => "synced",
        }
    }

    pub fn parse(word: &str) -> Option<Sort> {
        Sort::ALL.into_iter().find(|sort| sort.as_str() == word)
    }
}
