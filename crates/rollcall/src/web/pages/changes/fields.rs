//! What the fields of the log are called, and what the words in them mean.

use crate::{
    accounts::Role,
    web::pages::{
        webhooks::kind_in_words,
        words::{Text, Words},
    },
    webhooks::kind::Kind,
};

/// What it is called on a page.
type Name = fn(&Words) -> Text;

/// Every field that the log knows, by the name that it has there, in the order in which they are shown.
const FIELDS: &[(&str, Name)] = &[
    // People and places
    ("name", |w| w.settings.name),
    ("full_name", |w| w.students.name),
    ("device_name", |w| w.terminal.device_name),
    ("email", |w| w.settings.email),
    ("role", |w| w.settings.role),
    ("first", |w| w.changes.is_first),
    ("rfid_card_id", |w| w.students.card),
    ("class_name", |w| w.students.class),
    ("class_id", |w| w.students.class),
    ("section_name", |w| w.students.section),
    ("section_id", |w| w.students.section),
    ("roll_number", |w| w.students.roll_number),
    ("school_id", |w| w.common.school),
    ("password", |w| w.settings.password),
    // A school and its days
    ("timezone", |w| w.settings.timezone),
    ("day_starts_at", |w| w.settings.day_starts_at),
    ("grace_minutes", |w| w.settings.grace),
    ("guard_percent", |w| w.changes.guard_percent),
    ("guard_number", |w| w.changes.guard_number),
    ("first_day", |w| w.settings.first_day),
    ("last_day", |w| w.settings.last_day),
    ("ends_at", |w| w.settings.ends),
    // Programs
    ("expires_at", |w| w.settings.ends),
    ("address", |w| w.webhooks.address),
    ("url", |w| w.webhooks.address),
    ("events", |w| w.webhooks.events),
    ("is_active", |w| w.students.active),
    // Files
    ("format", |w| w.changes.format),
    ("added", |w| w.imports.added),
    ("changed", |w| w.changes.changed),
    ("unchanged", |w| w.imports.unchanged),
    ("deactivated", |w| w.imports.deactivated),
    ("left", |w| w.imports.left),
    ("rejected", |w| w.imports.rejected),
    ("replace", |w| w.imports.missing_students),
    // A terminal: what somebody sets
    ("serial_number", |w| w.terminal.serial),
    ("strangers", |w| w.changes.strangers),
    ("takeover", |w| w.adoption.title),
    ("mode", |w| w.adoption.title),
    ("replaces", |w| w.adoption.replaces),
    ("maintenance_window", |w| w.terminal.window),
    ("allowed_addresses", |w| w.terminal.addresses),
    ("one_per_poll", |w| w.changes.one_per_poll),
    // A terminal: what follows of that, or what it says itself
    ("start", |w| w.terminal.state),
    ("start_state", |w| w.terminal.state),
    ("is_online", |w| w.changes.online),
    ("last_seen", |w| w.overview.contact),
    ("last_address", |w| w.changes.last_address),
    ("firmware_version", |w| w.terminal.model),
    ("device_type", |w| w.terminal.kind),
    ("dialect", |w| w.terminal.dialect),
    ("push_version", |w| w.terminal.push_version),
    ("language", |w| w.common.language),
    ("user_count", |w| w.terminal.holds),
    ("user_capacity", |w| w.changes.capacity),
    ("pin_width", |w| w.changes.pin_width),
    ("readback_class", |w| w.terminal.readback),
    ("readback_slow", |w| w.changes.readback_slow),
    ("batch_size", |w| w.terminal.batch),
    ("is_full", |w| w.changes.is_full),
    ("clock_skew_seconds", |w| w.changes.clock_skew),
    ("suspicion", |w| w.changes.suspicion),
    ("suspected_at", |w| w.changes.suspected_at),
    ("verify_at", |w| w.changes.verify_at),
    ("warnings", |w| w.changes.warnings),
    // What was done to terminals and people
    ("was", |w| w.changes.doubt),
    ("students", |w| w.common.students),
    ("commands", |w| w.terminal.commands),
    ("terminals", |w| w.overview.terminals),
    ("retried", |w| w.changes.queued_again),
    ("removals", |w| w.changes.people),
    ("student_ids", |w| w.common.students),
    ("new_school_year", |w| w.settings.new_year),
    ("decisions", |w| w.adoption.decision),
    ("pin", |w| w.adoption.pin),
    ("match", |w| w.adoption.match_word),
    ("decision", |w| w.adoption.decision),
    ("student_id", |w| w.changes.student),
    ("linked", |w| w.changes.linked),
    ("kept", |w| w.changes.kept),
    ("removed", |w| w.changes.removed),
    ("punches", |w| w.attendance.punches),
    ("number", |w| w.changes.punches_number),
    ("from", |w| w.changes.backup),
    ("withdrawn", |w| w.changes.withdrawn),
];

/// What is not said where this stands beside it: the same once more, as a number or as a word.
pub(super) const SAID_BESIDE: [(&str, &str); 3] =
    [("class_id", "class_name"), ("section_id", "section_name"), ("start_state", "start")];
/// The page says of what it speaks.
pub(super) const SAID_BEFORE: &str = "id";

pub(super) fn known(w: &Words, name: &str) -> Option<Text> {
    FIELDS.iter().find(|(field, _)| *field == name).map(|(_, text)| text(w))
}

/// Where a field stands among the others; those that nobody knows come last.
pub(super) fn place(name: &str) -> usize {
    FIELDS.iter().position(|(field, _)| *field == name).unwrap_or(FIELDS.len())
}

pub(super) fn yes_or_no(w: &Words, name: &str, is_so: bool) -> Text {
    match (name, is_so) {
        ("replace", true) => w.imports.replace,
        ("replace", false) => w.imports.merge,
        (_, true) => w.settings.yes,
        (_, false) => w.settings.no,
    }
}

/// What a word of the API means in this field; `None` for what somebody typed.
pub(super) fn word(w: &Words, name: &str, value: &str) -> Option<Text> {
    let (c, a, t) = (&w.changes, &w.adoption, &w.terminal);
    Some(match (name, value) {
        ("role", _) => match value.parse().ok()? {
            Role::Superadmin => w.common.superadmin,
            Role::SchoolAdmin => w.common.school_admin,
            Role::Teacher => w.common.teacher,
        },
        ("events", _) => kind_in_words(w, &Kind::parse(value)?),
        ("password", "changed") => c.was_changed,
        ("strangers", "report") => a.report,
        ("strangers", "remove") => a.remove,
        ("takeover" | "mode", "add") => a.add,
        ("takeover" | "mode", "link_cards") => a.link_cards,
        ("takeover" | "mode", "replace") => a.replace,
        ("decision", "link") => a.link,
        ("decision", "keep") => a.keep,
        ("decision", "remove") => a.remove_one,
        ("match", "card") => a.by_card,
        ("match", "name") => a.by_name,
        ("match", "conflict") => a.conflict,
        ("match", "former") => a.former,
        ("match", "stranger") => a.stranger,
        ("punches", "kept") => c.punches_kept,
        ("punches", "deleted") => c.punches_deleted,
        ("suspicion", "comm_key") => c.suspected_key,
        ("suspicion", "addresses") => c.suspected_addresses,
        ("readback_class", "list") => t.class_list,
        ("readback_class", "per_pin") => t.class_per_pin,
        ("readback_class", "table") => t.class_table,
        ("readback_class", "count") => t.class_count,
        ("readback_class", "none") => t.class_none,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use utoipa::PartialSchema;

    use super::*;
    use crate::{
        accounts::users::User,
        devices::known::Device,
        school::{classes::Class, schools::School, sections::Section, students::Student},
        web::{
            api::{devices::DeviceCreation, takeover::PersonDecision, unknown_devices::DeviceClaim},
            pages::words::LANGUAGES,
        },
    };

    /// What is handed whole to the log, by the name that it has there.
    fn rows() -> Vec<(&'static str, Vec<String>)> {
        vec![
            ("school", fields::<School>()),
            ("class", fields::<Class>()),
            ("section", fields::<Section>()),
            ("student", fields::<Student>()),
            ("user", fields::<User>()),
            ("device", fields::<Device>()),
            ("fields", fields::<DeviceCreation>()),
            ("claim", fields::<DeviceClaim>()),
            ("decisions", fields::<PersonDecision>()),
        ]
    }

    fn fields<T: PartialSchema>() -> Vec<String> {
        let schema = serde_json::to_value(T::schema()).unwrap();
        schema["properties"].as_object().expect("a row has fields").keys().cloned().collect()
    }

    /// Not kept: the log says itself when it was.
    const NOT_KEPT: [&str; 2] = ["created_at", "updated_at"];

    #[test]
    fn every_field_that_is_written_down_has_a_name() {
        let rows = rows();
        let mut written: BTreeSet<String> = rows.iter().flat_map(|(_, fields)| fields.iter().cloned()).collect();
        written.retain(|field| !NOT_KEPT.contains(&&**field));
        let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
        let recording: Vec<&String> =
            sources.iter().filter(|source| source.contains(concat!("audit::", "record("))).collect();
        assert!(recording.len() > 20, "the sources are read");
        for source in recording {
            for whole in wholes(source) {
                assert!(
                    rows.iter().any(|(name, _)| *name == whole),
                    "{whole} is handed to the log: which fields has it?"
                );
            }
            written.extend(keys(source));
        }
        // Of students: the names of the fields.
        written.insert("changed".to_owned());
        assert!(written.contains("guard_percent") && written.contains("retried") && written.contains("password"));
        let nameless: Vec<&String> =
            written.iter().filter(|field| *field != SAID_BEFORE && known(LANGUAGES[0], field).is_none()).collect();
        assert!(nameless.is_empty(), "written down, and without words: {nameless:?}");
    }

    /// The keys of each `json!({"key": …})`, and of `details["key"]`.
    fn keys(source: &str) -> Vec<String> {
        let objects = source.split("json!({").skip(1).filter_map(|rest| rest.split_once("})"));
        let keys = objects.flat_map(|(object, _)| object.split('"').zip(object.split('"').skip(1)).skip(1).step_by(2));
        let keys = keys.filter(|(_, behind)| behind.trim_start().starts_with(':')).map(|(key, _)| key);
        let added = source.split("details[\"").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0));
        keys.chain(added).map(str::to_owned).collect()
    }

    /// What is handed over as it is: the last of `created(&row)`, `between(&before, &row)`, `json!(row)`.
    fn wholes(source: &str) -> Vec<String> {
        let calls = ["changes::created(", "changes::between(", "changes::names_between(", "json!("];
        let calls = calls.into_iter().flat_map(|call| source.split(call).skip(1));
        let arguments = calls.filter_map(|rest| Some(rest.split_once(')')?.0)).filter(|text| !text.starts_with('{'));
        let last = arguments.filter_map(|text| text.rsplit(',').next()).map(|text| text.trim().trim_start_matches('&'));
        last.filter(|text| *text != "null").map(str::to_owned).collect()
    }

    fn sources(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries
            .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![fs::read_to_string(path).unwrap()] })
            .collect()
    }

    #[test]
    fn keys_are_found_in_the_sources() {
        let source = r#"let a = json!({"one": x, "two": y["three"], "four":
            mode == "five"}); details["six"] = "seven".into(); json!(null); json!(claim); changes::between(&before, &user)"#;
        assert_eq!(keys(source), ["one", "two", "four", "six"]);
        assert_eq!(wholes(source), ["user", "claim"]);
    }

    #[test]
    fn no_field_stands_twice() {
        let names: BTreeSet<&str> = FIELDS.iter().map(|(name, _)| *name).collect();
        assert_eq!(names.len(), FIELDS.len());
    }
}
