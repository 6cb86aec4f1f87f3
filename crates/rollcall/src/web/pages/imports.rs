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
    Message, Refuse, Reply, View, Visitor,
    applying::{run_page, state},
    show,
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
            runs::{self, Run, State as RunState},
            table::{self, COLUMNS, Places, Table},
        },
        years,
    },
    sync::import::{self, Import},
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
    let names_schools = is_zip(&brought.content);
    let school = brought.school.or(view.school).filter(|_| !names_schools);
    if school.is_none() && !names_schools {
        return import_page(view, Some(i.no_school)).refused();
    }
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
    pub(super) mode: Mode,
    #[serde(default)]
    pub(super) cards: Cards,
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
    pub(super) fingerprint: String,
    #[serde(default)]
    pub(super) in_new_year: Option<bool>,
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
    /// Why it is shown again.
    note: Option<String>,
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
    let (draft, run) = find(&app, &caller, &id).await?;
    let note = run.as_ref().and_then(|run| Note::of(state(&app, run)));
    match (draft, run) {
        (_, Some(run)) if note.is_none() => run_page(&app, view, run).await,
        // The page that asks has become another one.
        _ if view.is_fragment => Ok(StatusCode::RESET_CONTENT.into_response()),
        (Some(draft), _) => preview_page(&app, view, draft, how, note).await,
        (None, _) => view.go("/import", Some(Message::problem(view.w.imports.gone))),
    }
}

/// The file, and what became of it.
pub(super) async fn find(app: &App, caller: &Caller, id: &str) -> Result<(Option<Draft>, Option<Run>), ApiError> {
    caller.may_change()?;
    let mut tx = app.db.read().await?;
    let draft = drafts::find(&mut tx, caller.id(), id, app.clock.now()).await?;
    let run = runs::find(&mut tx, caller.id(), id).await?;
    // He may have lost a right since he brought it.
    if let Some(draft) = &draft {
        may_import(caller, draft.school)?;
    }
    if let Some(run) = &run {
        may_import(caller, run.school_id)?;
    }
    Ok((draft, run))
}

/// Why the file is shown again after somebody wanted it applied: nothing was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Note {
    /// The roster has changed since the look.
    Otherwise,
    /// The server was stopped.
    Interrupted,
    /// As a room said it.
    Failed(String),
}

impl Note {
    fn of(state: RunState<'_>) -> Option<Note> {
        match state {
            RunState::Otherwise => Some(Note::Otherwise),
            RunState::Interrupted => Some(Note::Interrupted),
            RunState::Failed(why) => Some(Note::Failed(why.to_owned())),
            RunState::Writing | RunState::Following | RunState::LeftToOthers | RunState::Done => None,
        }
    }

    fn in_words(&self, w: &Words) -> String {
        let i = &w.imports;
        match self {
            Note::Otherwise => i.otherwise.into(),
            Note::Interrupted => i.interrupted.into(),
            Note::Failed(why) => i.not_applied.with("why", w.say_or_keep(why)).into(),
        }
    }
}

pub(super) async fn preview_page(app: &App, view: View, draft: Draft, how: How, note: Option<Note>) -> Reply {
    let mut view = view;
    if view.is_of_many {
        let mut tx = app.db.read().await?;
        view.know(&mut tx, draft.school).await?;
    }
    let mut page = PreviewPage {
        note: note.map(|note| note.in_words(view.w)),
        w: view.w,
        view,
        how,
        names: Vec::new(),
        places: [None; COLUMNS.len()],
        problem: None,
        found: None,
        schools: Vec::new(),
        in_new_year: false,
        draft,
    };
    match page.draft.school {
        Some(school) => page.look_at_table(app, school).await?,
        None => page.look_at_oneroster(app).await?,
    }
    show(&page.view, &page)
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
        self.draft.school.map_or("", |school| self.view.name_of(school))
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
    pub(super) fn places(&self) -> Option<Places> {
        self.columns.as_ref()?;
        let given = [&self.c0, &self.c1, &self.c2, &self.c3, &self.c4, &self.c5];
        Some(given.map(|place| place.as_deref().and_then(|place| place.parse().ok())))
    }

    /// The same again, as fields of a form.
    pub(super) fn fields(&self) -> Vec<(&'static str, String)> {
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

pub async fn drop_file(State(app): State<App>, visitor: Visitor, Path(id): Path<String>) -> Reply {
    let Visitor { caller, view } = visitor;
    let mut tx = app.db.write().await?;
    drafts::drop(&mut tx, caller.id(), &id).await?;
    tx.commit().await?;
    view.go("/import", Some(Message::good(view.w.imports.dropped)))
}
