//! Whatever goes wrong, it ends well: random edits by handlers, by SQL and at the keypads, terminals of all kinds, every
//! fault that there is, by seed; then quiet. In the end every terminal's own table of people equals the roster and a reading
//! has verified it, no PIN served two students, no punch was lost, doubled or given to somebody else. At every step: nobody
//! is removed by a command unless the roster, the device's policy or an admin decided it. Some terminals were in use before,
//! and are taken over in the middle of it all.
//!
//! Schools differ in what is too much at once. What the guard holds waits: now and then an admin decides in the middle of
//! it all, and he approves what is left once it is quiet.
//!
//! `ROLLCALL_SEEDS=300` plays so many seeds per database, `ROLLCALL_SEEDS=301-500` these; `ROLLCALL_SEED=17` plays one. A seed that fails prints its story
//! and belongs into [`KEPT`].

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
};

use jiff::{SignedDuration, Timestamp};
use push_protocol::text::{Card, Charset, Name};
use rand::{RngExt as _, SeedableRng as _, rngs::Xoshiro256PlusPlus, seq::IndexedRandom as _};
use rollcall::{
    attendance::attribute,
    devices::DeviceId,
    school::StudentId,
    sync::{
        again::{self, Again, Wish},
        reading::{self, Cause},
        removals::{self, Decided, Decision},
        repair::CARD_IN_HIDING,
    },
};
use terminal_simulator::{FaultKind, FaultKinds, Faults, HeldUser, Profile, Terminal};

use self::{adoption::Adoption, keypad::Keypad};

use crate::{databases::Database, sync::counts, world::World};

mod adoption;
mod events;
mod keypad;

/// Seeds that once failed.
const KEPT: &[u64] = &[4, 15, 32, 33, 61, 67, 80, 98, 99, 105, 245];

/// Faults that show in a result or in its absence, and what happens behind everybody's back and only a reading finds.
const FAULTS: FaultKinds = FaultKinds::ALL.without(FaultKind::WrongClock).without(FaultKind::MisreadZone);

const PROFILES: [&str; 8] = ["legacy-fw", "push1", "zam180", "senseface-a2", "mars", "chatty", "mb10", "access-s3"];

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
    let told = |name: &str| env::var(name).ok();
    let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("{text:?} is no number of a seed"));
    if let Some(seed) = told("ROLLCALL_SEED") {
        return vec![number(&seed)];
    }
    let seeds = told("ROLLCALL_SEEDS").unwrap_or_else(|| "50".to_owned());
    if let Some((first, last)) = seeds.split_once('-') {
        return (number(first)..=number(last)).collect();
    }
    let last = number(&seeds);
    KEPT.iter().copied().filter(|seed| *seed > last).chain(1..=last).collect()
}

/// Somebody whom a terminal keeps until it is decided, or by decision; no removal of an earlier day is still on its way.
const HELD: &str = "
    SELECT l.id FROM device_user_sync_status l
    WHERE l.device_id = $1 AND l.device_pin = $2 AND l.sync_status IN ('held', 'kept') AND NOT EXISTS (
      SELECT 1 FROM device_commands c WHERE c.device_id = l.device_id AND c.student_id = l.student_id
        AND c.command_type = 'delete_user' AND c.attempts > 0 AND c.return_code IS NULL)";

/// Whoever has this PIN was removed as a stranger, at some time.
const AS_STRANGER: &str = "
    SELECT id FROM device_commands WHERE device_id = $1 AND device_pin = $2 AND step = 'stranger' AND attempts > 0 LIMIT 1";

struct Story {
    seed: u64,
    random: Xoshiro256PlusPlus,
    world: World,
    quiet_from: Timestamp,
    terminals: Vec<DeviceId>,
    /// Terminals whose policy is to remove strangers.
    removing: BTreeSet<usize>,
    students: Vec<StudentId>,
    /// Everybody of whom somebody once said that he does not belong on the terminals.
    once_unwanted: BTreeSet<StudentId>,
    /// (terminal, PIN, local time) → whose punch it is.
    punches: BTreeMap<(usize, String, String), Option<StudentId>>,
    /// How many removals by command have been looked at, by terminal.
    judged: Vec<usize>,
    next_card: i64,
    adoption: Adoption,
    keypad: Keypad,
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
        // What is too much: two people, four, or ten, and a fifth of them.
        let guard_number = *[2_i64, 4, 10].choose(&mut random).unwrap();
        world.foreign("UPDATE schools SET guard_number = $1", [guard_number.into()]).await;
        let mut terminals = Vec::new();
        let mut removing = BTreeSet::new();
        for number in 0..random.random_range(1..=3_u64) {
            let name = *PROFILES.choose(&mut random).unwrap();
            let serial = format!("SEED{seed}N{number}");
            let device = world.register(school, &serial).await;
            terminals.push(device);
            if random.random_bool(0.5) {
                removing.insert(terminals.len() - 1);
                world.foreign("UPDATE devices SET strangers = 'remove' WHERE id = $1", [device.into()]).await;
            }
            let profile = Profile::by_name(name).unwrap();
            let faults = Faults::by_seed(seed * 10 + number, FAULTS).until(quiet_from);
            world.plug_in(Terminal::new(&serial, profile, seed * 10 + number).with_faults(faults));
        }
        Story {
            seed,
            random,
            world,
            judged: vec![0; terminals.len()],
            quiet_from,
            terminals,
            removing,
            students: Vec::new(),
            once_unwanted: BTreeSet::new(),
            punches: BTreeMap::new(),
            next_card: 1_000,
            adoption: Adoption::of(seed),
            keypad: Keypad::of(seed),
            diary: Vec::new(),
        }
    }

    async fn trouble(&mut self) {
        for _ in 0..self.random.random_range(4..12) {
            self.add_student().await;
        }
        self.people_were_there().await;
        let until = self.world.now() + SignedDuration::from_mins(20);
        let mut next_event = self.world.now();
        while self.world.now() < until {
            if self.world.now() >= next_event {
                self.event().await;
                self.adopt_now_and_then().await;
                self.enrol_under_a_former_pin_now_and_then().await;
                next_event = self.world.now() + SignedDuration::from_secs(self.random.random_range(5..60));
            }
            if !self.world.act(next_event.min(until)).await {
                let left = next_event.min(until).duration_since(self.world.now());
                self.world.run_for(left.max(SignedDuration::from_secs(1))).await;
            }
            self.every_removal_was_decided().await;
        }
    }

    async fn quiet(&mut self) {
        self.take_over().await;
        for _ in 0..8 {
            if !self.world.settle(SignedDuration::from_hours(2)).await {
                self.fail("it never became quiet").await;
            }
            self.every_removal_was_decided().await;
            let decided = self.decide(Decision::Approve).await
                + self.decide_about_people().await
                + self.remove_who_stands_in_the_way().await;
            let retried = self.retry_failed().await;
            self.verify().await;
            // What the last reading found may be too much at once, and wait for an approval.
            if decided == 0 && retried == 0 && self.unverified().await == 0 && self.held().await == 0 {
                return;
            }
        }
        self.fail("students fail, or are not verified, though nothing goes wrong any more").await;
    }

    /// Reads all terminals back, until nothing is left to be done.
    async fn verify(&mut self) {
        for device in self.terminals.clone() {
            let mut tx = self.world.app.db.write().await.unwrap();
            reading::want(&mut tx, device, Cause::Asked, self.world.now()).await.unwrap();
            tx.commit().await.unwrap();
        }
        for _ in 0..120 {
            self.world.run_for(SignedDuration::from_mins(1)).await;
            self.every_removal_was_decided().await;
            let busy = self
                .world
                .number(
                    "SELECT (SELECT COUNT(*) FROM readings WHERE state = 'running')
                       + (SELECT COUNT(*) FROM devices WHERE verify_at IS NOT NULL)
                       + (SELECT COUNT(*) FROM device_commands WHERE status IN ('pending', 'sent'))",
                )
                .await;
            if busy == 0 {
                return;
            }
        }
        self.fail("readings never end").await;
    }

    async fn held(&self) -> i64 {
        self.world
            .number(
                "SELECT (SELECT COUNT(*) FROM device_drift WHERE decision = 'held' AND ended_at IS NULL)
                   + (SELECT COUNT(*) FROM device_user_sync_status WHERE sync_status = 'held')",
            )
            .await
    }

    async fn unverified(&self) -> i64 {
        self.world
            .number(
                "SELECT COUNT(*) FROM device_user_sync_status WHERE is_wanted AND COALESCE(obstacle, '') <> 'card_twice'
                   AND NOT (verified_version = wanted_version AND confirmed_version = wanted_version)",
            )
            .await
    }

    /// Whoever a command removed: the roster did not want him at some time, or he is a stranger and the policy says so.
    async fn every_removal_was_decided(&mut self) {
        for index in 0..self.terminals.len() {
            let removed = self.world.fleet.terminals()[index].removed_by_command()[self.judged[index]..].to_vec();
            self.judged[index] += removed.len();
            for pin in removed {
                self.note(format_args!("PIN {pin} was removed from terminal {index}"));
                let mut tx = self.world.app.db.read().await.unwrap();
                let owner: Option<(StudentId,)> = tx
                    .optional(
                        "SELECT student_id FROM device_user_mappings WHERE device_id = $1 AND device_pin = $2",
                        [self.terminals[index].into(), pin.clone().into()],
                    )
                    .await
                    .unwrap();
                let held: Option<(i64,)> =
                    tx.optional(HELD, [self.terminals[index].into(), pin.clone().into()]).await.unwrap();
                let as_stranger: Option<(i64,)> =
                    tx.optional(AS_STRANGER, [self.terminals[index].into(), pin.clone().into()]).await.unwrap();
                drop(tx);
                if held.is_some() {
                    self.fail(&format!("PIN {pin} was removed from terminal {index} while that was held, or rejected"))
                        .await;
                }
                let was_decided = match owner {
                    Some((student,)) if as_stranger.is_none() => self.once_unwanted.contains(&student),
                    _ => self.removing.contains(&index) || self.adoption.lets_go(index, &pin),
                };
                if !was_decided {
                    self.fail(&format!("PIN {pin} of {owner:?} was removed from terminal {index} without reason"))
                        .await;
                }
            }
        }
    }

    fn fresh_card(&mut self) -> String {
        self.next_card += 1;
        self.next_card.to_string()
    }

    fn note(&mut self, line: impl std::fmt::Display) {
        self.diary.push(format!("{} {line}", self.world.now()));
    }

    /// An admin decides what is held on every terminal. At the end of it all he also thinks better of what he rejected.
    async fn decide(&mut self, decision: Decision) -> u64 {
        let is_end = self.world.now() >= self.quiet_from;
        let mut people = 0;
        for device in self.terminals.clone() {
            let mut tx = self.world.app.db.write().await.unwrap();
            let found = removals::list(&mut tx, device).await.unwrap();
            let kept = found.kept.iter().filter(|_| is_end);
            let chosen: Vec<StudentId> = found.students.iter().chain(kept).filter_map(|row| row.student_id).collect();
            let decided = removals::decide(&mut tx, device, decision, Some(&chosen), self.world.now()).await.unwrap();
            let Decided::Done { people: decided, .. } = decided else { panic!("{decided:?}") };
            assert_eq!(decided, chosen.len() as u64);
            // Strangers whom a policy would remove are many, too, and are meant.
            if found.students.iter().any(|row| row.student_id.is_none()) && decision == Decision::Approve {
                let all = removals::decide(&mut tx, device, decision, None, self.world.now()).await.unwrap();
                let Decided::Done { people: strangers, .. } = all else { panic!("{all:?}") };
                people += strangers;
            }
            tx.commit().await.unwrap();
            self.world.app.registry.raise(&[device]);
            if decided > 0 {
                self.note(format_args!("an admin decides to {} {chosen:?} on {device}", decision.verb()));
            }
            people += decided;
        }
        people
    }

    async fn retry_failed(&mut self) -> usize {
        let mut tx = self.world.app.db.read().await.unwrap();
        let failed: Vec<(DeviceId, StudentId, Option<String>, String)> = tx
            .all(
                "SELECT l.device_id, l.student_id, l.error_message, s.rfid_card_id FROM device_user_sync_status l
                 JOIN students s ON s.id = l.student_id
                 WHERE l.sync_status = 'failed' AND l.is_wanted AND COALESCE(l.obstacle, '') <> 'card_twice'",
                [],
            )
            .await
            .unwrap();
        drop(tx);
        for (device, student, words, card) in &failed {
            if words.as_deref().is_some_and(|words| words.ends_with(CARD_IN_HIDING)) {
                self.delete_who_hides(*device, Card::parse(card).unwrap().number()).await;
            }
            self.note(format_args!("an admin retries {student} on {device}"));
            let mut tx = self.world.app.db.write().await.unwrap();
            let retried = again::student(&mut tx, *device, *student, Wish::Retry, self.world.now()).await.unwrap();
            assert!(matches!(retried, Again::Queued(_)), "{retried:?}");
            tx.commit().await.unwrap();
            self.world.app.registry.raise(&[*device]);
        }
        failed.len()
    }

    /// An admin goes to the terminal and deletes whoever has this card and of whom it never told.
    async fn delete_who_hides(&mut self, device: DeviceId, card: u64) {
        let index = self.terminals.iter().position(|known| *known == device).unwrap();
        let mut tx = self.world.app.db.read().await.unwrap();
        let told: Vec<(String,)> =
            tx.all("SELECT pin FROM terminal_users WHERE device_id = $1", [device.into()]).await.unwrap();
        drop(tx);
        let users = self.world.fleet.terminals()[index].users().values();
        let hides = |user: &&HeldUser| user.card == Some(card) && !told.contains(&(user.pin.clone(),));
        let Some(pin) = users.into_iter().find(hides).map(|user| user.pin.clone()) else { return };
        self.world.fleet.terminal(index).remove_at_keypad(&pin);
        self.note(format_args!("an admin deletes PIN {pin} at the menu of terminal {index}: he has card {card}"));
    }

    async fn check(&mut self) {
        counts::are_right(&self.world.app.db).await;
        self.nothing_left_under_a_stranger().await;
        // What was punched before a PIN was linked.
        attribute::tick(&self.world.app.db, &self.world.app.settings.timezone, self.world.now()).await.unwrap();
        let mut tx = self.world.app.db.read().await.unwrap();
        let owners: Vec<(DeviceId, String, StudentId)> =
            tx.all("SELECT device_id, device_pin, student_id FROM device_user_mappings", []).await.unwrap();
        let roster: Vec<(DeviceId, StudentId, String, String)> =
            tx.all("SELECT device_id, student_id, full_name, rfid_card_id FROM belonging", []).await.unwrap();
        // Of others than these a terminal that lists nobody does not tell.
        let told: Vec<(DeviceId, String)> = tx.all("SELECT device_id, pin FROM terminal_users", []).await.unwrap();
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
            let held: BTreeMap<StudentId, (String, u64)> = terminal
                .users()
                .values()
                .filter_map(|user| {
                    let owner = owners.get(&(device, user.pin.clone())).copied()?;
                    if self.is_enrolled(index, user, wanted.get(&owner)) {
                        return None;
                    }
                    Some((owner, (user.name.clone(), user.card.unwrap_or(0))))
                })
                .collect();
            let is_ours = |pin: &String| owners.contains_key(&(device, pin.clone()));
            let is_stranger = |(pin, user): &(&String, &HeldUser)| {
                let is_told = told.contains(&(device, (*pin).clone()));
                let student = owners.get(&(device, (*pin).clone())).and_then(|owner| wanted.get(owner));
                is_told
                    && (!is_ours(pin) || self.is_enrolled(index, user, student))
                    && user.privilege < 2
                    && !self.adoption.keeps(index, pin)
            };
            let strangers = terminal.users().iter().filter(is_stranger).count();
            if strangers > 0 && self.removing.contains(&index) {
                self.fail(&format!("terminal {index} still holds {strangers} strangers")).await;
            }
            let is_closed = |pin: &&String| terminal.profile().access.is_some() && !terminal.opens_door(pin);
            let ours = terminal.users().keys().filter(|pin| is_ours(pin) && !self.keypad.knows(index, pin));
            if let Some(pin) = ours.into_iter().find(is_closed) {
                self.fail(&format!("the door of terminal {index} stays closed to {pin}")).await;
            }
            if held != wanted {
                self.fail(&format!("terminal {index} holds {held:#?}\nwanted is {wanted:#?}")).await;
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
