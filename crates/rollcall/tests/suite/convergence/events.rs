//! What people do while terminals and lines fail: edits by handlers and by SQL, swaps of cards, punches.

use rand::{RngExt as _, seq::IndexedRandom as _};
use rollcall::{school::StudentId, sync::removals::Decision};

use super::{NAMES, Story};

impl Story {
    /// Something happens.
    pub(super) async fn event(&mut self) {
        match self.random.random_range(0..11) {
            0 | 1 => self.add_student().await,
            2 => self.rename().await,
            3 => self.new_card().await,
            4 => self.swap_cards().await,
            5 => self.deactivate().await,
            6 => self.reactivate().await,
            7 => self.delete_by_sql().await,
            8 => {
                let decision = if self.random.random_bool(0.5) { Decision::Approve } else { Decision::Reject };
                self.decide(decision).await;
            }
            _ => self.punch(),
        }
    }

    pub(super) async fn add_student(&mut self) {
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
        // Which of the two it was depends on when the server hears of the other.
        if self.keypad.knows(index, &pin) {
            return;
        }
        let time = at.strftime("%Y-%m-%dT%H:%M:%S").to_string();
        self.note(format_args!("{pin} punches at terminal {index} at {time}"));
        self.world.fleet.terminal(index).punch(&pin, at);
        self.punches.insert((index, pin, time), None);
    }

    fn somebody(&mut self) -> Option<StudentId> {
        self.students.choose(&mut self.random).copied()
    }
}
