//! `/import`: a file is brought, looked through, and applied as it was looked at.

#![expect(clippy::trivially_copy_pass_by_ref, clippy::ref_option, reason = "templates hand over references")]

use std::fmt::Write as _;

use askama::Template;
use axum::{
    extract::{Multipart, State},
    response::IntoResponse,
};
use http::{StatusCode, header};
use serde::Deserialize;

use super::{
    Form, Message, Refuse, Reply, View, Visitor, show,
    words::{Text, Words},
};
use crate::{
    accounts::Caller,
    app::App,
    school::{
        SchoolId,
        import::{
            Fields, Mode,
            drafts::{self, Draft},
            oneroster::{Cards, Package, Roster, SchoolReport},
            preview::Preview,
            table::{self, COLUMNS, Places, Table},
        },
        years,
    },
    sync::import::{self, Agreed, Fingerprint, Import},
    web::{
        error::ApiError,
        extract::{LARGEST_FILE, Path, Query},
    },
};

/// Rows of each kind that a preview shows.
const SHOWN: usize = 60;

#[derive(Template)]
#[template(path = "import.html")]
struct ImportPage {
    w: &'static Words,
    view: View,
    problem: Option<Text>,
}

pub async fn show_import(visitor: Visitor) -> Reply {
    visitor.caller.may_change()?;
    import_page(visitor.view, None)
}

fn import_page(view: View, problem: Option<Text>) -> Reply {
    let page = ImportPage { w: view.w, view, problem };
    show(&page.view, &page)
}

pub async fn show_template(visitor: Visitor) -> Reply {
    visitor.caller.may_change()?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"students.csv\""),
    ];
    Ok((headers, table::TEMPLATE).into_response())
}

/// What the form with a file brings.
#[derive(Default)]
struct Brought {
    school: Option<SchoolId>,
    is_replace: bool,
    file_name: String,
    content: Vec<u8>,
}

pub async fn keep_file(State(app): State<App>, visitor: Visitor, mut form: Multipart) -> Reply {
    let Visitor { caller, view } = visitor;
    caller.may_change()?;
    let i = &view.w.imports;
    let brought = match Brought::read(&mut form).await {
        Ok(brought) if brought.content.len() > LARGEST_FILE => {
            return import_page(view, Some(i.too_large)).with_status(StatusCode::PAYLOAD_TOO_LARGE);
        }
        Ok(brought) => brought,
        Err(StatusCode::PAYLOAD_TOO_LARGE) => {
            return import_page(view, Some(i.too_large)).with_status(StatusCode::PAYLOAD_TOO_LARGE);
        }
        Err(status) => return Err(ApiError::new(status, "the form could not be read")),
    };
    if brought.content.is_empty() {
        return import_page(view, Some(i.no_file)).refused();
    }
    // A set of OneRoster files names its schools itself.
    let school = if is_zip(&brought.content) { None } else { brought.school.or(view.school) };
    may_import(&caller, school)?;
    let id = format!("{:032x}", rand::random::<u128>());
    let draft = Draft { id: id.clone(), school, file_name: brought.file_name, content: brought.content };
    let mut tx = app.db.write().await?;
    drafts::keep(&mut tx, caller.id(), draft, app.clock.now()).await?;
    tx.commit().await?;
    view.go(&format!("/import/{id}{}", if brought.is_replace { "?mode=replace" } else { "" }), None)
}

impl Brought {
    async fn read(form: &mut Multipart) -> Result<Brought, StatusCode> {
        let mut brought = Brought::default();
        while let Some(field) = form.next_field().await.map_err(|error| error.status())? {
            let name = field.name().unwrap_or_default().to_owned();
            let file_name = field.file_name().unwrap_or_default().to_owned();
            let content = field.bytes().await.map_err(|error| error.status())?;
            let text = || String::from_utf8_lossy(&content).into_owned();
            match name.as_str() {
                "file" => {
                    brought.file_name = file_name.chars().filter(|letter| !letter.is_control()).take(120).collect();
                    brought.content = content.to_vec();
                }
                "school_id" => brought.school = text().parse().ok().map(SchoolId),
                "mode" => brought.is_replace = text() == "replace",
                _ => {}
            }
        }
        Ok(brought)
    }
}

fn is_zip(content: &[u8]) -> bool {
    content.starts_with(b"PK\x03\x04")
}

fn may_import(caller: &Caller, school: Option<SchoolId>) -> Result<(), ApiError> {
    match school {
        Some(school) => Ok(caller.may_change_school(school)?),
        None => Ok(caller.superadmin()?),
    }
}

/// How a file is to be read, and what is to become of those who are not in it. The same names in the address of a preview
/// and in the form that applies it.
#[derive(Clone, Default, Deserialize)]
pub struct How {
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    cards: Cards,
    /// Somebody said which column is which.
    columns: Option<String>,
    c0: Option<String>,
    c1: Option<String>,
    c2: Option<String>,
    c3: Option<String>,
    c4: Option<String>,
    c5: Option<String>,
    /// Only with the deed: what he was shown.
    #[serde(default)]
    fingerprint: String,
    #[serde(default)]
    in_new_year: Option<bool>,
}

#[derive(Template)]
#[template(path = "import_preview.html")]
struct PreviewPage {
    w: &'static Words,
    view: View,
    draft: Draft,
    how: How,
    /// What the file calls its columns, and which of ours each is taken for. None for OneRoster.
    names: Vec<String>,
    places: Places,
    /// Why the file cannot be read as it is.
    problem: Option<String>,
    is_otherwise: bool,
    found: Option<(Import, Preview)>,
    schools: Vec<SchoolReport>,
    in_new_year: bool,
}

pub async fn show_preview(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(how): Query<How>,
) -> Reply {
    let Visitor { caller, view } = visitor;
    match find(&app, &caller, &id).await? {
        Some(draft) => preview_page(&app, view, draft, how, false).await,
        None => view.go("/import", Some(Message::problem(view.w.imports.gone))),
    }
}

async fn find(app: &App, caller: &Caller, id: &str) -> Result<Option<Draft>, ApiError> {
    caller.may_change()?;
    let mut tx = app.db.read().await?;
    let draft = drafts::find(&mut tx, caller.id(), id, app.clock.now()).await?;
    if let Some(draft) = &draft {
        // He may have lost a right since he brought it.
        may_import(caller, draft.school)?;
    }
    Ok(draft)
}

async fn preview_page(app: &App, view: View, draft: Draft, how: How, is_otherwise: bool) -> Reply {
    let mut page = PreviewPage {
        w: view.w,
        view,
        how,
        names: Vec::new(),
        places: [None; COLUMNS.len()],
        problem: None,
        is_otherwise,
        found: None,
        schools: Vec::new(),
        in_new_year: false,
        draft,
    };
    match page.draft.school {
        Some(school) => page.look_at_table(app, school).await?,
        None => page.look_at_oneroster(app).await?,
    }
    let status = if page.is_otherwise { StatusCode::CONFLICT } else { StatusCode::OK };
    show(&page.view, &page).with_status(status)
}

impl PreviewPage {
    async fn look_at_table(&mut self, app: &App, school: SchoolId) -> Result<(), ApiError> {
        let mut tx = app.db.read().await?;
        self.in_new_year = years::open(&mut tx, school, app.clock.now()).await?.is_some();
        drop(tx);
        match table::names(&self.draft.content) {
            Ok((names, guessed)) => {
                self.places = self.how.places().unwrap_or(guessed);
                self.names = names;
            }
            Err(error) => {
                self.problem = Some(error.to_string());
                return Ok(());
            }
        }
        match Table::read_as(&self.draft.content, self.how.places()) {
            Ok(table) => self.found = import::preview(&app.db, &app.clock, school, table, self.how.mode).await?,
            Err(error) => self.problem = Some(error.to_string()),
        }
        Ok(())
    }

    async fn look_at_oneroster(&mut self, app: &App) -> Result<(), ApiError> {
        let roster = Package::of_zip(&self.draft.content).and_then(|files| Roster::read(&files, self.how.cards));
        match roster {
            Ok(roster) => {
                let (done, preview) = import::preview_oneroster(&app.db, &app.clock, roster, self.how.mode).await?;
                self.schools = done.schools;
                self.found = Some((done.import, preview));
            }
            Err(error) => self.problem = Some(error.to_string()),
        }
        Ok(())
    }

    /// Our columns in words, each with the one of the file that it is.
    fn columns(&self) -> Vec<(usize, Text, Option<usize>)> {
        let (s, i) = (&self.w.students, &self.w.imports);
        let words = [s.name, s.card, s.class, s.section, s.roll_number, i.active];
        words.into_iter().enumerate().map(|(index, word)| (index, word, self.places[index])).collect()
    }

    fn is_place(place: &Option<usize>, index: &usize) -> bool {
        *place == Some(*index)
    }

    fn is_replace(&self) -> bool {
        self.how.mode == Mode::Replace
    }

    fn is_by_identifier(&self) -> bool {
        self.how.cards == Cards::Identifier
    }

    fn is_oneroster(&self) -> bool {
        self.draft.school.is_none()
    }

    /// Names that a person did not choose, which do not match ours: the columns are shown open.
    fn asks_for_columns(&self) -> bool {
        self.problem.is_some() && !self.names.is_empty()
    }

    fn school_name(&self) -> &str {
        let school = self.view.schools.iter().find(|school| Some(school.id) == self.draft.school);
        school.map_or("", |school| &school.name)
    }
}

/// The first of a list, and how many there are beside.
pub fn first<T>(rows: &[T]) -> (&[T], usize) {
    let shown = rows.len().min(SHOWN);
    (&rows[..shown], rows.len() - shown)
}

impl Fields {
    /// Class, section and roll number in a line.
    fn place(&self) -> String {
        let mut place = self.class_name.clone().unwrap_or_default();
        if let Some(section) = &self.section_name {
            let _ = write!(place, " – {section}");
        }
        if let Some(roll) = &self.roll_number {
            let _ = write!(place, " · {roll}");
        }
        place
    }

    fn card(&self) -> &str {
        self.rfid_card_id.as_deref().unwrap_or("—")
    }
}

impl How {
    fn places(&self) -> Option<Places> {
        self.columns.as_ref()?;
        let given = [&self.c0, &self.c1, &self.c2, &self.c3, &self.c4, &self.c5];
        Some(given.map(|place| place.as_deref().and_then(|place| place.parse().ok())))
    }

    /// The same again, as fields of a form.
    fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = vec![
            ("mode", if self.mode == Mode::Replace { "replace" } else { "merge" }.to_owned()),
            ("cards", if self.cards == Cards::Identifier { "identifier" } else { "metadata" }.to_owned()),
        ];
        if self.columns.is_some() {
            let given = [&self.c0, &self.c1, &self.c2, &self.c3, &self.c4, &self.c5];
            let names = ["c0", "c1", "c2", "c3", "c4", "c5"];
            fields.push(("columns", "given".to_owned()));
            fields.extend(names.into_iter().zip(given).map(|(name, place)| (name, place.clone().unwrap_or_default())));
        }
        fields
    }
}

pub async fn run_import(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Form(how): Form<How>,
) -> Reply {
    let Visitor { caller, view } = visitor;
    let i = &view.w.imports;
    let Some(draft) = find(&app, &caller, &id).await? else {
        return view.go("/import", Some(Message::problem(i.gone)));
    };
    let done = if let Some(school) = draft.school {
        let table = Table::read_as(&draft.content, how.places())?;
        let agreed = Fingerprint { of: &how.fingerprint, in_new_year: how.in_new_year.unwrap_or(false) };
        let done = import::run_agreed(&app.db, &app.clock, caller.actor(), school, (table, how.mode), &agreed).await?;
        match done {
            Some(Agreed::Done(done)) => done,
            Some(Agreed::Otherwise) => return preview_page(&app, view, draft, how, true).await,
            None => return Err(ApiError::no_such("school", school)),
        }
    } else {
        let roster = Package::of_zip(&draft.content).and_then(|files| Roster::read(&files, how.cards))?;
        let meant = (roster, how.mode);
        let done = import::run_oneroster_agreed(&app.db, &app.clock, caller.actor(), meant, &how.fingerprint).await?;
        match done {
            Some(done) => done.import,
            None => return preview_page(&app, view, draft, how, true).await,
        }
    };
    app.registry.raise(&done.devices);
    let mut tx = app.db.write().await?;
    drafts::drop(&mut tx, caller.id(), &id).await?;
    tx.commit().await?;
    let report = &done.report;
    let mut words = i.done.with("added", report.added).with("changed", report.changed);
    words = words.with("deactivated", report.deactivated).with("rejected", report.rejected.len());
    let held: usize = done.held.iter().map(|held| held.removals + held.card_changes).sum();
    if held == 0 {
        return view.go("/students", Some(Message::good(words)));
    }
    // Where one decides about it.
    view.go("/", Some(Message::good(format!("{words} {}", i.done_held.count(held)))))
}

pub async fn drop_file(State(app): State<App>, visitor: Visitor, Path(id): Path<String>) -> Reply {
    let Visitor { caller, view } = visitor;
    let mut tx = app.db.write().await?;
    drafts::drop(&mut tx, caller.id(), &id).await?;
    tx.commit().await?;
    view.go("/import", Some(Message::good(view.w.imports.dropped)))
}
