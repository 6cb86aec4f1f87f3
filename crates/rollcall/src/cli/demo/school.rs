//! The demo's school: invented people with names from many scripts, and what happens to them.

use rand::{RngExt as _, seq::IndexedRandom as _};

use crate::{
    app::App,
    devices::{
        claim::{self, NewDevice},
        known::Strangers,
    },
    school::{
        SchoolId, StudentId, classes,
        schools::{self, NewSchool},
        students::{self, Draft, Student},
    },
    sync::reconcile::{Scope, reconcile},
};

pub(super) struct School {
    pub id: SchoolId,
    pub terminals: Vec<Place>,
}

/// A terminal and where it hangs.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub device: crate::devices::DeviceId,
    pub serial: &'static str,
    pub name: &'static str,
    /// The simulator's profile.
    pub profile: &'static str,
    /// What is special about this family, for the person who watches.
    pub remark: &'static str,
}

/// Something that happened in the school.
pub(super) enum Event {
    Renamed { before: String, after: String },
    Left { name: String },
    Joined { name: String },
}

const TERMINALS: [(&str, &str, &str, &str); 3] = [
    ("DEMO24120001", "Main gate", "zam180", "takes many commands at once"),
    ("DEMO24120002", "Library", "mars", "takes one command per poll"),
    ("DEMO24120003", "Sports hall", "legacy-fw", "speaks HTTP/1.0, writes cards backwards"),
];

const PEOPLE: [&str; 50] = [
    "Ayşe Demir",
    "Mateo Quispe",
    "李小明",
    "Ngozi Okafor",
    "Zoë Vandenberghe",
    "Ольга Шевчук",
    "محمد الأمين",
    "Siti Nurhaliza",
    "Jürgen Groß",
    "नन्दिनी शर्मा",
    "Wiremu Tāne",
    "Łukasz Wójcik",
    "Nguyễn Thị Ánh",
    "ქეთევან ბერიძე",
    "Inti Mamani",
    "শিউলি আক্তার",
    "Chloé Lefèvre",
    "佐藤さくら",
    "Kwame Mensah",
    "Þóra Jónsdóttir",
    "Δήμητρα Παππά",
    "மலர்விழி",
    "Oyelarán Adé",
    "Aroha Ngata",
    "Михаил Орлов",
    "מיכל לוי",
    "Bolat Nurlan",
    "Tomás Guerrero",
    "김하늘",
    "Elif Yıldız",
    "Fatoumata Diallo",
    "สมชาย ใจดี",
    "José Chimborazo",
    "Čeněk Dvořák",
    "Amara Perera",
    "Յուրի Սարգսյան",
    "Mele Kalani",
    "Ximena Ortiz",
    "عائشة بنت سالم",
    "Eetu Mäkinen",
    "Nomvula Dlamini",
    "Ilse de Vries",
    "መስፍን ታደሰ",
    "Gunārs Bērziņš",
    "Priya Nair",
    "Batbayar Ganbold",
    "Lucía Ñahui",
    "Søren Kjær",
    "Маріям Ткач",
    "Rosalind Achieng",
];

const NEWCOMERS: [&str; 8] =
    ["Yaretzi Luna", "Дария Петрова", "王芳", "Abebe Kebede", "Noor Hadid", "Sólveig Ása", "Tau Molefe", "ณัฐพล ศรีสุข"];

impl School {
    /// Writes the school, its class, its terminals and its students.
    pub(super) async fn found(app: &App) -> anyhow::Result<School> {
        let now = app.clock.now();
        let mut tx = app.db.write().await?;
        let new = NewSchool {
            name: "Demo School".to_owned(),
            timezone: None,
            day_starts_at: None,
            grace_minutes: None,
            guard_percent: None,
            // People come and go by the minute here; a bad import is still more than that.
            guard_number: Some(25),
        };
        let school = schools::create(&mut tx, new, now).await?.id;
        let class = classes::create(&mut tx, school, "7 A", now).await?.id;
        let mut terminals = Vec::new();
        for (serial, name, profile, remark) in TERMINALS {
            let new = NewDevice {
                school,
                serial_number: serial.to_owned(),
                device_name: name.to_owned(),
                timezone: None,
                strangers: Strangers::Remove,
                takeover: None,
                replaces: None,
            };
            let device = claim::create(&mut tx, new, &app.settings.timezone, now).await?.device;
            terminals.push(Place { device, serial, name, profile, remark });
        }
        for (name, card) in PEOPLE.into_iter().zip(4_200_001_u32..) {
            let draft = Draft { class_id: Some(class), ..someone(school, name, &card.to_string()) };
            students::create(&mut tx, draft, now).await?;
        }
        tx.commit().await?;
        Ok(School { id: school, terminals })
    }

    /// Makes the next thing happen, as the API would: the row and its consequences in one transaction.
    pub(super) async fn happen(&self, app: &App, turn: usize) -> anyhow::Result<Event> {
        let now = app.clock.now();
        let mut tx = app.db.write().await?;
        let filter =
            students::Filter { school_id: Some(self.id), is_active: Some(true), ..students::Filter::default() };
        let (people, _) = students::list(&mut tx, &filter, 500, 0).await?;
        // Where 24 bytes are full already, nobody would see a new name arrive.
        let visible: Vec<&Student> = people.iter().filter(|student| student.full_name.len() < 20).collect();
        let chosen = visible.choose(&mut rand::rng()).copied();
        let (student, event) = match (turn % 3, chosen) {
            (0, Some(student)) => renamed(&mut tx, student, now).await?,
            (1, Some(student)) if people.len() > 40 => {
                students::delete(&mut tx, student.id, now).await?;
                (student.id, Event::Left { name: student.full_name.clone() })
            }
            _ => {
                let name = NEWCOMERS[turn / 3 % NEWCOMERS.len()];
                let card = rand::rng().random_range(5_000_000..900_000_000_u32).to_string();
                let student = students::create(&mut tx, someone(self.id, name, &card), now).await?;
                (student.id, Event::Joined { name: name.to_owned() })
            }
        };
        let reconciled = reconcile(&mut tx, Scope::Student(student), now).await?;
        tx.commit().await?;
        app.registry.raise(&reconciled.devices);
        Ok(event)
    }
}

/// So many students does the bad import switch off.
pub(super) const SWITCHED_OFF: i64 = 30;

const ACTIVE: &str = "
    SELECT id FROM students WHERE school_id = $1 AND is_active AND deleted_at IS NULL ORDER BY id LIMIT $2";
const SWITCH: &str = "UPDATE students SET is_active = $2 WHERE id = $1 AND deleted_at IS NULL";

impl School {
    /// Another program writes its file into the database, and the file is wrong. Whom it switched off.
    pub(super) async fn import_badly(&self, app: &App) -> anyhow::Result<Vec<StudentId>> {
        let mut tx = app.db.read().await?;
        let active: Vec<(StudentId,)> = tx.all(ACTIVE, [self.id.into(), SWITCHED_OFF.into()]).await?;
        drop(tx);
        let students: Vec<StudentId> = active.into_iter().map(|(student,)| student).collect();
        write_as_another_program(app, &students, false).await?;
        Ok(students)
    }

    /// Somebody saw it, and the file is right now. Whomever a visitor switched off stays so.
    pub(super) async fn import_well(app: &App, students: &[StudentId]) -> anyhow::Result<()> {
        write_as_another_program(app, students, true).await
    }
}

async fn write_as_another_program(app: &App, students: &[StudentId], is_active: bool) -> anyhow::Result<()> {
    let mut tx = app.db.write().await?;
    for student in students {
        tx.execute(SWITCH, [(*student).into(), is_active.into()]).await?;
    }
    tx.commit().await?;
    app.wake.tell(|changes| changes.everything = true);
    Ok(())
}

async fn renamed(
    tx: &mut crate::store::Tx,
    student: &Student,
    now: jiff::Timestamp,
) -> anyhow::Result<(StudentId, Event)> {
    let before = student.full_name.clone();
    let after = match before.strip_suffix(" ★") {
        Some(plain) => plain.to_owned(),
        None => format!("{before} ★"),
    };
    let draft = Draft { full_name: after.clone(), ..Draft::from(student) };
    students::update(tx, student, draft, now).await?;
    Ok((student.id, Event::Renamed { before, after }))
}

fn someone(school: SchoolId, name: &str, card: &str) -> Draft {
    Draft {
        school_id: school,
        class_id: None,
        section_id: None,
        full_name: name.to_owned(),
        rfid_card_id: Some(card.to_owned()),
        roll_number: None,
        is_active: true,
    }
}

impl Event {
    /// Whether a terminal that holds these names has heard of it.
    pub(super) fn has_arrived(&self, names: &[String]) -> bool {
        let holds = |name: &str| names.contains(&fitted(name));
        match self {
            Event::Renamed { before, after } => holds(after) && (!holds(before) || fitted(before) == fitted(after)),
            Event::Left { name } => !holds(name),
            Event::Joined { name } => holds(name),
        }
    }

    pub(super) fn in_words(&self) -> String {
        match self {
            Event::Renamed { before, after } => format!("{before} is renamed to {after}"),
            Event::Left { name } => format!("{name} leaves the school"),
            Event::Joined { name } => format!("{name} joins the school"),
        }
    }
}

/// The name as terminals hold it.
fn fitted(name: &str) -> String {
    use push_protocol::text::{Charset, Name};
    Name::fit(name, Charset::Utf8).map_or_else(|_| name.to_owned(), |name| name.as_str().to_owned())
}
