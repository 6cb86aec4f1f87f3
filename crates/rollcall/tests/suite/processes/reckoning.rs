//! What terminals, people and the database say, held against each other.

use std::collections::BTreeMap;

use push_protocol::text::{Card, Name};
use rollcall::{devices::DeviceId, school::StudentId, store::Db};

use super::{plugged::Plugged, program::until_right};

/// (serial number, PIN, time) → whose, as often as it is stored.
pub type Stored = BTreeMap<(String, String, String), Vec<Option<StudentId>>>;

/// Who has a PIN.
#[derive(Clone, Copy, Debug)]
struct Owner {
    student: StudentId,
    has_left: bool,
}

/// Nobody punches any more, and everything comes in step: whom these terminals hold, and what the database says of all but one.
pub async fn come_to_rest(db: &Db, terminals: &[Plugged], but: &str) {
    for plugged in terminals {
        plugged.seen.lock().unwrap().is_quiet = true;
    }
    until_right(async || differing(db, terminals).await).await;
    until_right(async || unfinished(db, but).await).await;
}

/// Where terminals and roster differ, in words; nothing when they do not.
async fn differing(db: &Db, terminals: &[Plugged]) -> String {
    let owners = owners(db).await;
    let mut tx = db.read().await.unwrap();
    let roster: Vec<(DeviceId, StudentId, String, String)> =
        tx.all("SELECT device_id, student_id, full_name, rfid_card_id FROM belonging", []).await.unwrap();
    let mut differing = Vec::new();
    for plugged in terminals {
        let wanted: BTreeMap<Option<StudentId>, (String, u64)> = roster
            .iter()
            .filter(|(on, ..)| *on == plugged.device)
            .map(|(_, student, name, card)| {
                let name = Name::fit(name, plugged.charset).unwrap().as_str().to_owned();
                (Some(*student), (name, Card::parse(card).unwrap().number()))
            })
            .collect();
        let seen = plugged.seen.lock().unwrap();
        let held: BTreeMap<Option<StudentId>, (String, u64)> = seen
            .people
            .iter()
            .map(|(pin, fields)| {
                let owner = owners.get(&(plugged.device, pin.clone()));
                (owner.map(|owner| owner.student), fields.clone())
            })
            .collect();
        if held != wanted {
            differing.push(format!("{} holds {held:?}\nwanted is {wanted:?}", plugged.serial));
        }
        if seen.acknowledged < seen.punches.len() {
            let (acknowledged, made) = (seen.acknowledged, seen.punches.len());
            differing.push(format!("{} has delivered {acknowledged} of {made} punches", plugged.serial));
        }
    }
    differing.join("\n")
}

/// What the ledger and the commands say of these terminals that their people do not; nothing when they agree. What a
/// terminal holds it acknowledged, and nothing that it acknowledged is waited for.
async fn unfinished(db: &Db, but: &str) -> String {
    let mut tx = db.read().await.unwrap();
    let rows: Vec<(String, String, i64)> = tx
        .all(
            "SELECT d.serial_number, l.sync_status, COUNT(*) FROM device_user_sync_status l
             JOIN devices d ON d.id = l.device_id
             WHERE d.serial_number <> $1 AND l.sync_status NOT IN ('synced', 'deleted') GROUP BY 1, 2
             UNION ALL
             SELECT d.serial_number, c.status, COUNT(*) FROM device_commands c JOIN devices d ON d.id = c.device_id
             WHERE d.serial_number <> $1 AND c.student_id IS NOT NULL AND c.status IN ('pending', 'sent')
             GROUP BY 1, 2",
            [but.into()],
        )
        .await
        .unwrap();
    let words: Vec<_> = rows.iter().map(|(serial, status, count)| format!("{serial}: {count} {status}")).collect();
    words.join("\n")
}

/// Every punch that somebody made at these terminals, which have delivered all of them, is stored: once, and his. Answers
/// what is stored beside.
pub async fn account_for_punches(db: &Db, terminals: Vec<Plugged>) -> Stored {
    let owners = owners(db).await;
    let mut stored = stored(db).await;
    let mut wrong = Vec::new();
    for plugged in terminals {
        plugged.running.await.unwrap();
        let seen = plugged.seen.lock().unwrap();
        assert!(!seen.punches.is_empty(), "nobody punched at {}", plugged.serial);
        for (pin, at) in &seen.punches {
            let found = stored.remove(&(plugged.serial.clone(), pin.clone(), at.clone())).unwrap_or_default();
            let Some(owner) = owners.get(&(plugged.device, pin.clone())) else { panic!("{pin} is nobody's PIN") };
            // These terminals' clocks are fast: who has left may seem to punch after he did.
            let is_right = found == [Some(owner.student)] || (found == [None] && owner.has_left);
            if !is_right {
                wrong.push(format!("{}: {pin} at {at} is {found:?}, and was made by {owner:?}", plugged.serial));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    stored
}

/// (serial number, PIN, time) → whose, as often as it is stored.
pub async fn stored(db: &Db) -> Stored {
    let mut tx = db.read().await.unwrap();
    let stored: Vec<(String, String, String, Option<StudentId>)> =
        tx.all("SELECT serial_number, pin, punched_at, student_id FROM punches", []).await.unwrap();
    stored.into_iter().fold(BTreeMap::new(), |mut all, (serial, pin, at, student)| {
        all.entry((serial, pin, at)).or_insert_with(Vec::new).push(student);
        all
    })
}

async fn owners(db: &Db) -> BTreeMap<(DeviceId, String), Owner> {
    let mut tx = db.read().await.unwrap();
    let owners: Vec<(DeviceId, String, StudentId, bool)> = tx
        .all("SELECT device_id, device_pin, student_id, valid_to IS NOT NULL FROM device_user_mappings", [])
        .await
        .unwrap();
    owners.into_iter().map(|(device, pin, student, has_left)| ((device, pin), Owner { student, has_left })).collect()
}
