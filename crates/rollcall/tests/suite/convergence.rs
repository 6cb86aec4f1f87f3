//! Whatever goes wrong, it ends well: random edits by handlers and by SQL, terminals of all kinds, the faults that an
//! acknowledgement reveals, by seed; then quiet. In the end every terminal's own table of people equals the roster, nobody
//! was removed who should have stayed, no PIN served two students, no punch was lost, doubled or given to somebody else.
//!
//! `ROLLCALL_SEEDS=300` plays so many seeds per database; `ROLLCALL_SEED=17` plays one. A seed that fails prints its story
//! and belongs into [`KEPT`].

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
};

use jiff::SignedDuration;
use push_protocol::text::{Card, Charset, Name};
use rand::{RngExt as _, SeedableRng as _, rngs::Xoshiro256PlusPlus, seq::IndexedRandom as _};
use rollcall::{
    devices::DeviceId,
    school::StudentId,
    sync::again::{self, Retry},
};
use terminal_simulator::{FaultKind, FaultKinds, Faults, Profile, Terminal};

use crate::{databases::Database, world::World};

/// Seeds that once failed.
const KEPT: &[u64] = &[4, 15, 61, 80];

/// Faults that show in a result, or in its absence. What happens behind a terminal's back is found by reading it back.
const FAULTS: FaultKinds = FaultKinds::LINE
    .with(FaultKind::RebootMidBatch)
    .with(FaultKind::RebootWithoutResults)
    .with(FaultKind::CrashBeforeResult)
    .with(FaultKind::FullMemory);

const PROFILES: [&str; 6] = ["legacy-fw", "push1", "zam180", "senseface-a2", "mars", "chatty"];

const NAMES: [&str; 12] = [
    "Ayşe Yıldız",
    "Wiremu Tāne",
    "李小明",
    "Ольга Шевчук",
    "नन्दिनी",
    "محمد الأمين",
    "Ọlámidé",
    "Nguyễn Thị Ánh",
    "Jürgen Groß",
    "ქეთევან",
    "መስፍን",
    "Inti Quispe",
];

#[tokio::test]
async fn sqlite() {
    for seed in seeds() {
        Story::play(seed, Database::sqlite().await).await;
    }
}

#[tokio::test]
async fn postgres() {
    for seed in seeds() {
        Story::play(seed, Database::postgres().await).await;
    }
}

fn seeds() -> Vec<u64> {
    let number = |name: &str| env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")));
    if let Some(seed) = number("ROLLCALL_SEED") {
        return vec![seed];
    }
    KEPT.iter().copied().chain(1..=number("ROLLCALL_SEEDS").unwrap_or(50)).collect()
}

struct Story {
    seed: u64,
    random: Xoshiro256PlusPlus,
    world: World,
    terminals: Vec<DeviceId>,
    students: Vec<StudentId>,
    /// Everybody of whom somebody once said that he does not belong on the terminals.
    once_unwanted: BTreeSet<StudentId>,
    /// (terminal, PIN, local time) → whose punch it is.
    punches: BTreeMap<(usize, String, String), Option<StudentId>>,
    /// (terminal, PIN) of people whom a terminal held and then did not.
    vanished: Vec<(usize, String)>,
    next_card: i64,
    diary: Vec<String>,
}

impl Story {
    async fn play(seed: u64, database: Database) {
        let mut story = Story::begin(seed, database).await;
        story.trouble().await;
        story.quiet().await;
        story.check().await;
    }

    async fn begin(seed: u64, database: Database) -> Story {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut world = World::new(database).await;
        let zone = *["America/Guayaquil", "Asia/Kathmandu", "UTC"].choose(&mut random).unwrap();
        let school = world.school(zone).await;
        assert_eq!(school.0, 1);
        let quiet_from = world.now() + SignedDuration::from_mins(20);
        let mut terminals = Vec::new();
        for number in 0..random.random_range(1..=3_u64) {
            let name = *PROFILES.choose(&mut random).unwrap();
            let serial = format!("SEED{seed}N{number}");
            terminals.push(world.register(school, &serial).await);
            let profile = Profile::by_name(name).unwrap();
            let faults = Faults::by_seed(seed * 10 + number, FAULTS).until(quiet_from);
            world.plug_in(Terminal::new(&serial, profile, seed * 10 + number).with_faults(faults));
        }
        Story {
            seed,
            random,
            world,
            terminals,
            students: Vec::new(),
            once_unwanted: BTreeSet::new(),
            punches: BTreeMap::new(),
            vanished: Vec::new(),
            next_card: 1_000,
            diary: Vec::new(),
        }
    }

    async fn trouble(&mut self) {
        for _ in 0..self.random.random_range(4..12) {
            self.add_student().await;
        }
        let until = self.world.now() + SignedDuration::from_mins(20);
        let mut next_event = self.world.now();
        while self.world.now() < until {
            if self.world.now() >= next_event {
                self.event().await;
                next_event = self.world.now() + SignedDuration::from_secs(self.random.random_range(5..60));
            }
            let before = self.people();
            if !self.world.act(next_event.min(until)).await {
                let left = next_event.min(until).duration_since(self.world.now());
                self.world.run_for(left.max(SignedDuration::from_secs(1))).await;
            }
            self.nobody_vanished_who_should_stay(&before);
        }
    }

    async fn quiet(&mut self) {
        for _ in 0..6 {
            let before = self.people();
            let is_settled = self.world.settle(SignedDuration::from_hours(2)).await;
            self.nobody_vanished_who_should_stay(&before);
            if !is_settled {
                self.fail("it never became quiet").await;
            }
            if self.retry_failed().await == 0 {
                return;
            }
        }
        self.fail("students fail again and again though nothing goes wrong any more").await;
    }

    async fn event(&mut self) {
        match self.random.random_range(0..10) {
            0 | 1 => self.add_student().await,
            2 => self.rename().await,
            3 => self.new_card().await,
            4 => self.swap_cards().await,
            5 => self.deactivate().await,
            6 => self.reactivate().await,
            7 => self.delete_by_sql().await,
            _ => self.punch(),
        }
    }

    async fn add_student(&mut self) {
        let name = format!("{} {}", NAMES.choose(&mut self.random).unwrap(), self.random.random_range(1..100));
        let card = self.fresh_card();
        let student = if self.random.random_bool(0.5) {
            self.world.student(rollcall::school::SchoolId(1), &name, &card).await
        } else {
            self.insert_by_sql(&name, &card).await
        };
        self.note(format_args!("{student} is {name}, card {card}"));
        self.students.push(student);
    }

    async fn insert_by_sql(&mut self, name: &str, card: &str) -> StudentId {
        let mut tx = self.world.app.db.write().await.unwrap();
        let (id,) = tx
            .one(
                "INSERT INTO students (school_id, full_name, rfid_card_id) VALUES (1, $1, $2) RETURNING id",
                [name.into(), card.into()],
            )
            .await
            .unwrap();
        tx.commit().await.unwrap();
        self.world.app.wake.tell(|changes| changes.everything = true);
        id
    }

    async fn rename(&mut self) {
        let Some(student) = self.somebody() else { return };
        self.note(format_args!("{student} is renamed"));
        self.world.edit(student, "UPDATE students SET full_name = full_name || ' ü' WHERE id = $1").await;
    }

    async fn new_card(&mut self) {
        let Some(student) = self.somebody() else { return };
        self.note(format_args!("{student} gets a new card"));
        self.world
            .edit(
                student,
                "UPDATE students SET rfid_card_id = '77' || rfid_card_id WHERE id = $1 AND LENGTH(rfid_card_id) < 10",
            )
            .await;
    }

    async fn swap_cards(&mut self) {
        let (Some(one), Some(two)) = (self.somebody(), self.somebody()) else { return };
        self.note(format_args!("{one} and {two} swap cards"));
        let mut tx = self.world.app.db.write().await.unwrap();
        let cards: Vec<(StudentId, Option<String>)> = tx
            .all("SELECT id, rfid_card_id FROM students WHERE id = $1 OR id = $2", [one.into(), two.into()])
            .await
            .unwrap();
        if let [first, second] = cards.as_slice() {
            for (student, card) in [(first.0, &second.1), (second.0, &first.1)] {
                tx.execute(
                    "UPDATE students SET rfid_card_id = $2 WHERE id = $1",
                    [student.into(), card.clone().into()],
                )
                .await
                .unwrap();
            }
        }
        tx.commit().await.unwrap();
        self.world.app.wake.tell(|changes| changes.everything = true);
    }

    async fn deactivate(&mut self) {
        let Some(student) = self.somebody() else { return };
        self.note(format_args!("{student} leaves"));
        self.once_unwanted.insert(student);
        self.world.edit(student, "UPDATE students SET is_active = FALSE WHERE id = $1").await;
    }

    async fn reactivate(&mut self) {
        let Some(student) = self.somebody() else { return };
        self.note(format_args!("{student} comes back"));
        self.world.edit(student, "UPDATE students SET is_active = TRUE WHERE id = $1").await;
    }

    async fn delete_by_sql(&mut self) {
        let Some(student) = self.somebody() else { return };
        self.note(format_args!("{student} is deleted by SQL"));
        self.once_unwanted.insert(student);
        self.students.retain(|kept| *kept != student);
        let mut tx = self.world.app.db.write().await.unwrap();
        tx.execute("DELETE FROM students WHERE id = $1", [student.into()]).await.unwrap();
        tx.commit().await.unwrap();
        self.world.app.wake.tell(|changes| changes.everything = true);
    }

    /// Somebody whom a terminal holds punches there; now and then it is somebody whom nobody knows.
    fn punch(&mut self) {
        let index = self.random.random_range(0..self.terminals.len());
        let terminal = &self.world.fleet.terminals()[index];
        let at = terminal.local(self.world.now());
        let people: Vec<String> = terminal.users().keys().cloned().collect();
        let pin = match people.choose(&mut self.random) {
            Some(pin) if self.random.random_bool(0.9) => pin.clone(),
            _ => "424242".to_owned(),
        };
        let time = at.strftime("%Y-%m-%dT%H:%M:%S").to_string();
        self.note(format_args!("{pin} punches at terminal {index} at {time}"));
        self.world.fleet.terminal(index).punch(&pin, at);
        self.punches.insert((index, pin, time), None);
    }

    fn somebody(&mut self) -> Option<StudentId> {
        self.students.choose(&mut self.random).copied()
    }

    fn fresh_card(&mut self) -> String {
        self.next_card += 1;
        self.next_card.to_string()
    }

    fn note(&mut self, line: impl std::fmt::Display) {
        self.diary.push(format!("{} {line}", self.world.now()));
    }

    fn people(&self) -> Vec<BTreeSet<String>> {
        self.world.fleet.terminals().iter().map(|terminal| terminal.users().keys().cloned().collect()).collect()
    }

    fn nobody_vanished_who_should_stay(&mut self, before: &[BTreeSet<String>]) {
        let after = self.people();
        let vanished: Vec<(usize, String)> = before
            .iter()
            .zip(&after)
            .enumerate()
            .flat_map(|(index, (before, after))| before.difference(after).map(move |pin| (index, pin.clone())))
            .collect();
        for (index, pin) in vanished {
            self.note(format_args!("PIN {pin} vanished from terminal {index}"));
            self.vanished.push((index, pin));
        }
    }

    async fn retry_failed(&mut self) -> usize {
        let mut tx = self.world.app.db.read().await.unwrap();
        let failed: Vec<(DeviceId, StudentId)> = tx
            .all(
                "SELECT device_id, student_id FROM device_user_sync_status WHERE sync_status = 'failed' AND is_wanted
                 AND COALESCE(obstacle, '') <> 'card_twice'",
                [],
            )
            .await
            .unwrap();
        drop(tx);
        for (device, student) in &failed {
            self.note(format_args!("an admin retries {student} on {device}"));
            let mut tx = self.world.app.db.write().await.unwrap();
            let retried = again::retry(&mut tx, *device, *student, self.world.now()).await.unwrap();
            assert!(matches!(retried, Retry::Queued(_)), "{retried:?}");
            tx.commit().await.unwrap();
            self.world.app.registry.raise(&[*device]);
        }
        failed.len()
    }

    async fn check(&mut self) {
        let mut tx = self.world.app.db.read().await.unwrap();
        let owners: Vec<(DeviceId, String, StudentId)> =
            tx.all("SELECT device_id, device_pin, student_id FROM device_user_mappings", []).await.unwrap();
        let roster: Vec<(DeviceId, StudentId, String, String)> =
            tx.all("SELECT device_id, student_id, full_name, rfid_card_id FROM belonging", []).await.unwrap();
        let stored: Vec<(String, String, String, Option<StudentId>)> = tx
            .all("SELECT serial_number, pin, punched_at, student_id FROM punches ORDER BY punched_at", [])
            .await
            .unwrap();
        drop(tx);
        let owners: BTreeMap<(DeviceId, String), StudentId> =
            owners.into_iter().map(|(device, pin, student)| ((device, pin), student)).collect();

        for (index, device) in self.terminals.clone().into_iter().enumerate() {
            let terminal = &self.world.fleet.terminals()[index];
            let charset = Charset::of_language(Some(terminal.profile().language));
            let wanted: BTreeMap<StudentId, (String, u64)> = roster
                .iter()
                .filter(|(on, ..)| *on == device)
                .map(|(_, student, name, card)| {
                    let name = Name::fit(name, charset).unwrap().as_str().to_owned();
                    (*student, (name, Card::parse(card).unwrap().number()))
                })
                .collect();
            let held: BTreeMap<Option<StudentId>, (String, u64)> = terminal
                .users()
                .values()
                .map(|user| {
                    let owner = owners.get(&(device, user.pin.clone())).copied();
                    (owner, (user.name.clone(), user.card.unwrap_or(0)))
                })
                .collect();
            let wanted: BTreeMap<Option<StudentId>, (String, u64)> =
                wanted.into_iter().map(|(student, fields)| (Some(student), fields)).collect();
            if held != wanted {
                self.fail(&format!("terminal {index} holds {held:#?}\nwanted is {wanted:#?}")).await;
            }
        }

        for (index, pin) in self.vanished.clone() {
            let owner = owners.get(&(self.terminals[index], pin.clone()));
            if owner.is_none_or(|owner| !self.once_unwanted.contains(owner)) {
                self.fail(&format!("PIN {pin} of {owner:?} was removed from terminal {index} without reason")).await;
            }
        }

        let serials: Vec<String> =
            self.world.fleet.terminals().iter().map(|terminal| terminal.serial().to_owned()).collect();
        let stored: BTreeMap<(usize, String, String), Vec<Option<StudentId>>> =
            stored.into_iter().fold(BTreeMap::new(), |mut all, (serial, pin, at, student)| {
                let index = serials.iter().position(|known| *known == serial).unwrap_or(usize::MAX);
                all.entry((index, pin, at)).or_insert_with(Vec::new).push(student);
                all
            });
        let expected: BTreeMap<(usize, String, String), Vec<Option<StudentId>>> = self
            .punches
            .keys()
            .map(|(index, pin, at)| {
                let owner = owners.get(&(self.terminals[*index], pin.clone())).copied();
                ((*index, pin.clone(), at.clone()), vec![owner])
            })
            .collect();
        if stored != expected {
            self.fail(&format!("punches stored: {stored:#?}\npunches made: {expected:#?}")).await;
        }
    }

    async fn fail(&self, what: &str) -> ! {
        println!("seed {}: {what}\n\nWhat people did:", self.seed);
        for line in &self.diary {
            println!("  {line}");
        }
        for (index, terminal) in self.world.fleet.terminals().iter().enumerate() {
            println!("\nTerminal {index} ({}), what happened to it:", terminal.profile().name);
            for (at, line) in terminal.story().lines() {
                println!("  {at} {line}");
            }
        }
        let mut tx = self.world.app.db.read().await.unwrap();
        let open: Vec<(DeviceId, StudentId, String, Option<String>, i64, i64)> = tx
            .all(
                "SELECT device_id, student_id, sync_status, error_message, wanted_version, confirmed_version
                 FROM device_user_sync_status WHERE sync_status NOT IN ('synced', 'deleted')",
                [],
            )
            .await
            .unwrap();
        println!("\nNot in step: {open:#?}");
        panic!("seed {} failed: play it alone with ROLLCALL_SEED={}\n{what}", self.seed, self.seed);
    }
}
