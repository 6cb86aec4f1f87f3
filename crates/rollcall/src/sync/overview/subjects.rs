//! What the things are called that the audit log tells of by number.

use std::collections::{BTreeSet, HashMap};

use crate::{
    accounts::audit::Record,
    school::SchoolId,
    store::{Result, Tx},
};

/// Names by kind of thing and number.
#[derive(Clone, Default, Debug)]
pub struct Subjects(HashMap<(String, i64), String>);

// Of a school's admin only what is of that school has a name: a student may have gone to another one.
const NAMES: &str = "
    WITH v(entity, id) AS (VALUES {rows})
    SELECT v.entity, v.id, CASE v.entity
      WHEN 'student' THEN (SELECT s.full_name FROM students s
        WHERE s.id = v.id AND (CAST($1 AS BIGINT) IS NULL OR s.school_id = $1))
      WHEN 'device' THEN (SELECT d.device_name FROM devices d
        WHERE d.id = v.id AND (CAST($1 AS BIGINT) IS NULL OR d.school_id = $1))
      WHEN 'class' THEN (SELECT c.class_name FROM classes c
        WHERE c.id = v.id AND (CAST($1 AS BIGINT) IS NULL OR c.school_id = $1))
      WHEN 'section' THEN (SELECT t.section_name FROM sections t JOIN classes c ON c.id = t.class_id
        WHERE t.id = v.id AND (CAST($1 AS BIGINT) IS NULL OR c.school_id = $1))
      WHEN 'user' THEN (SELECT u.email FROM users u
        WHERE u.id = v.id AND (CAST($1 AS BIGINT) IS NULL OR u.school_id = $1))
      WHEN 'school' THEN (SELECT k.name FROM schools k
        WHERE k.id = v.id AND (CAST($1 AS BIGINT) IS NULL OR k.id = $1))
    END AS name
    FROM v";

/// The names of what these rows are about, as far as it is there.
pub async fn subjects(tx: &mut Tx, records: &[Record], school: Option<SchoolId>) -> Result<Subjects> {
    let things: BTreeSet<(&str, i64)> = records.iter().filter_map(thing).collect();
    let rows = things.into_iter().map(|(entity, id)| vec![entity.into(), id.into()]).collect();
    let names: Vec<(String, i64, Option<String>)> = tx.all_rows(NAMES, &[school.into()], rows).await?;
    Ok(Subjects(names.into_iter().filter_map(|(entity, id, name)| Some(((entity, id), name?))).collect()))
}

impl Subjects {
    pub fn name(&self, record: &Record) -> Option<&str> {
        let (entity, id) = thing(record)?;
        self.0.get(&(entity.to_owned(), id)).map(String::as_str)
    }
}

fn thing(record: &Record) -> Option<(&str, i64)> {
    Some((&record.entity, record.entity_id.as_deref()?.parse().ok()?))
}
