//! What a terminal says by not knowing a word: another spelling of its dialect is tried, or it was taken for a terminal of
//! another dialect, or nothing can be written to it.
//!
//! Whoever was not written because of a word is queued again at once with the words that are tried next.

use jiff::Timestamp;
use push_protocol::{dialect::Dialect, result::meaning};

use super::{
    manner, reading,
    reconcile::{self, Scope},
    repair::{REPAIRS, RETRY},
};
use crate::{
    devices::{DeviceId, announced},
    school::StudentId,
    store::{Result, Tx},
    webhooks::outbox,
};

/// Words that a terminal refused, as far as they are of the firmware that it has now.
macro_rules! of_this_firmware {
    () => {
        "device_words w JOIN device_delivery y ON y.device_id = w.device_id
           AND COALESCE(y.learnt_firmware, '') = w.firmware_version"
    };
}

/// Whether the firmware of this device refused one of these words.
macro_rules! refuses {
    ($device:literal, $words:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM ",
            $crate::sync::words::of_this_firmware!(),
            " WHERE w.device_id = ",
            $device,
            " AND w.word IN (",
            $words,
            "))"
        )
    };
}
pub(super) use {of_this_firmware, refuses};

/// Access units say so of the attendance dialect's table of people (SEC4.8 App. 1, SF-repo).
const WRONG_TABLE: i64 = -629;
/// Attendance units say one of these of the security dialect's tables (SF-repo, s0x90, FWSRC).
const NO_SUCH_TABLE: [i64; 3] = [-1004, -1002, -22];

/// What follows from a refused word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Follows {
    /// It is remembered, and that is all.
    Nothing,
    /// The terminal speaks the security dialect, or does not.
    Security,
    Attendance,
    /// The attendance dialect has another spelling for people.
    Vocabulary(&'static str),
    /// Every word for people that its dialect has was refused.
    TakesNobody,
}

/// `refused`: every word that this firmware refused and with which code, the last one included.
fn follows(dialect: Option<Dialect>, word: &str, code: i64, refused: &[(String, i64)]) -> Follows {
    let is_wrong_table = |word: &str, code: i64| code == WRONG_TABLE && is_of_attendance(word);
    let is_no_such_table = |word: &str, code: i64| NO_SUCH_TABLE.contains(&code) && is_of_tables(word);
    let any = |is: &dyn Fn(&str, i64) -> bool| refused.iter().any(|(word, code)| is(word, *code));
    if dialect == Some(Dialect::Security) {
        return if is_no_such_table(word, code) && !any(&is_wrong_table) {
            Follows::Attendance
        } else if any(&|word, _| is_written_to_tables(word)) {
            Follows::TakesNobody
        } else {
            Follows::Nothing
        };
    }
    if is_wrong_table(word, code) && !any(&|word, _| is_of_tables(word)) {
        return Follows::Security;
    }
    let is_refused = |speaks_user: bool| any(&|word, _| manner::is_user_word(word) == Some(speaks_user));
    match (is_refused(false), is_refused(true)) {
        (true, false) => Follows::Vocabulary(manner::USER),
        (false, true) => Follows::Vocabulary(manner::USER_INFO),
        (false, false) => Follows::Nothing,
        (true, true) => Follows::TakesNobody,
    }
}

/// Words about people that only the attendance dialects have.
fn is_of_attendance(word: &str) -> bool {
    manner::is_user_word(word).is_some() || word.starts_with("DATA QUERY USERINFO")
}

/// Words about people that only the security dialect has. Reading one person by a filter is not among them: it may be
/// refused by a unit that takes all the others.
fn is_of_tables(word: &str) -> bool {
    is_written_to_tables(word) || matches!(word, "DATA COUNT user" | "DATA QUERY tablename=user,fielddesc=*,filter=*")
}

fn is_written_to_tables(word: &str) -> bool {
    matches!(word, "DATA UPDATE user" | "DATA DELETE user")
}

const REMEMBER: &str = "
    INSERT INTO device_words (device_id, firmware_version, word, return_code, refused_at)
    SELECT y.device_id, COALESCE(y.learnt_firmware, ''), CAST($2 AS TEXT), CAST($3 AS BIGINT), $4
    FROM device_delivery y WHERE y.device_id = $1
    ON CONFLICT (device_id, firmware_version, word) DO NOTHING";
const DIALECT: &str = "SELECT dialect FROM devices WHERE id = $1";
const REFUSED: &str = concat!("SELECT w.word, w.return_code FROM ", of_this_firmware!(), " WHERE w.device_id = $1");
const SET_VOCABULARY: &str = "UPDATE devices SET vocabulary = $2 WHERE id = $1 AND vocabulary <> $2";
const WITHDRAW: &str = "
    UPDATE device_commands SET status = 'superseded', completed_at = $2
    WHERE device_id = $1 AND status = 'pending' AND student_id IS NOT NULL";
const FAIL_OPEN: &str = "
    UPDATE device_user_sync_status SET failed_version = wanted_version, error_message = $2, updated_at = $3
    WHERE device_id = $1 AND confirmed_version <> wanted_version AND failed_version <> wanted_version
      AND COALESCE(decision, '') NOT IN ('held', 'kept')
      AND NOT EXISTS (SELECT 1 FROM device_commands c WHERE c.device_id = device_user_sync_status.device_id
        AND c.student_id = device_user_sync_status.student_id AND c.status IN ('pending', 'sent'))
    RETURNING student_id, error_message";

/// The words that a terminal's firmware refused as unknown, each with its code.
pub(super) async fn refused(tx: &mut Tx, device: DeviceId) -> Result<Vec<(String, i64)>> {
    tx.all(REFUSED, [device.into()]).await
}

/// A terminal does not know a word. The caller queues afterwards what is open.
pub(super) async fn is_lacking(tx: &mut Tx, device: DeviceId, word: &str, code: i64, now: Timestamp) -> Result<()> {
    tx.execute(REMEMBER, [device.into(), word.into(), code.into(), now.into()]).await?;
    let (dialect,): (Option<String>,) = tx.one(DIALECT, [device.into()]).await?;
    let dialect = dialect.as_deref().and_then(Dialect::parse);
    match follows(dialect, word, code, &refused(tx, device).await?) {
        Follows::Nothing => {}
        Follows::Security => {
            announced::speaks(tx, device, Dialect::Security, now).await?;
            start_anew(tx, device, now).await?;
        }
        Follows::Attendance => {
            announced::speaks(tx, device, Dialect::Attendance, now).await?;
            start_anew(tx, device, now).await?;
        }
        Follows::Vocabulary(vocabulary) => {
            if tx.execute(SET_VOCABULARY, [device.into(), vocabulary.into()]).await? > 0 {
                tx.execute(WITHDRAW, [device.into(), now.into()]).await?;
            }
        }
        Follows::TakesNobody => {
            tx.execute(WITHDRAW, [device.into(), now.into()]).await?;
            let words = format!("this terminal takes none of the commands for people: {}", meaning(code));
            let failed: Vec<(StudentId, String)> = tx.all(FAIL_OPEN, [device.into(), words.into(), now.into()]).await?;
            outbox::failed(tx, device, &failed, now).await?;
        }
    }
    Ok(())
}

const KNOWN_BETTER: &str =
    concat!("SELECT ", refuses!("$1", "'DATA UPDATE user', 'DATA DELETE user', 'DATA COUNT user'"));

/// A terminal called as only those of the security dialect do: `push`, `rtlog`, `rtstate`, `tabledata`. One that refused
/// that dialect's words is believed to know better.
pub async fn shows_security(tx: &mut Tx, device: DeviceId, now: Timestamp) -> Result<()> {
    reconcile::lock(tx, Scope::Device(device)).await?;
    let (knows_better,): (bool,) = tx.one(KNOWN_BETTER, [device.into()]).await?;
    if !knows_better && announced::speaks(tx, device, Dialect::Security, now).await? {
        start_anew(tx, device, now).await?;
        reconcile::reconcile(tx, Scope::Device(device), now).await?;
    }
    Ok(())
}

/// What was handed out in the other dialect is refused when it is answered at all.
const WITHDRAW_ALL: &str = "
    UPDATE device_commands SET status = 'superseded', completed_at = $2
    WHERE device_id = $1 AND status IN ('pending', 'sent') AND student_id IS NOT NULL";
const UNSEND: &str = "
    UPDATE device_user_sync_status SET sent_version = 0, updated_at = $2
    WHERE device_id = $1 AND sent_version = wanted_version AND confirmed_version <> wanted_version";

/// Everything that was said in the other dialect is said again in the right one, to those who failed, too.
async fn start_anew(tx: &mut Tx, device: DeviceId, now: Timestamp) -> Result<()> {
    tracing::warn!(device_id = %device, "the terminal speaks another dialect than it announced: what is wanted is said again");
    tx.execute(WITHDRAW_ALL, [device.into(), now.into()]).await?;
    tx.execute(UNSEND, [device.into(), now.into()]).await?;
    tx.execute(RETRY, [device.into(), now.into(), REPAIRS.into()]).await?;
    reading::start_over(tx, device, "the terminal turned out to speak another dialect", now).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const ATTENDANCE: Option<Dialect> = Some(Dialect::Attendance);
    const SECURITY: Option<Dialect> = Some(Dialect::Security);

    /// The last of these words is the one that was just refused.
    fn after(dialect: Option<Dialect>, refused: &[(&str, i64)]) -> Follows {
        let all: Vec<(String, i64)> = refused.iter().map(|(word, code)| ((*word).to_owned(), *code)).collect();
        let (word, code) = refused.last().unwrap();
        follows(dialect, word, *code, &all)
    }

    #[test]
    fn the_first_refusal_of_a_table_tells_the_dialect() {
        for word in ["DATA UPDATE USERINFO", "DATA USER", "DATA QUERY USERINFO", "DATA QUERY USERINFO PIN"] {
            assert_eq!(after(ATTENDANCE, &[(word, -629)]), Follows::Security, "{word}");
            assert_eq!(after(None, &[(word, -629)]), Follows::Security, "{word}");
        }
        for word in ["DATA UPDATE user", "DATA COUNT user", "DATA QUERY tablename=user,fielddesc=*,filter=*"] {
            for code in NO_SUCH_TABLE {
                assert_eq!(after(SECURITY, &[(word, code)]), Follows::Attendance, "{word}");
            }
        }
    }

    #[test]
    fn other_refusals_tell_nothing_of_it() {
        assert_eq!(after(ATTENDANCE, &[("DATA QUERY ATTLOG", -629)]), Follows::Nothing);
        assert_eq!(after(ATTENDANCE, &[("DATA UPDATE USERINFO", -1004)]), Follows::Vocabulary(manner::USER));
        assert_eq!(after(SECURITY, &[("DATA UPDATE userauthorize", -629)]), Follows::Nothing);
        assert_eq!(after(SECURITY, &[("DATA QUERY tablename=user,fielddesc=*,filter=Pin", -1004)]), Follows::Nothing);
        assert_eq!(after(SECURITY, &[("DATA UPDATE USERINFO", -629)]), Follows::Nothing, "a late answer");
    }

    #[test]
    fn a_terminal_that_refuses_both_dialects_is_not_asked_for_ever() {
        let to_and_fro = [("DATA UPDATE USERINFO", -629), ("DATA UPDATE user", -1004)];
        assert_eq!(after(SECURITY, &to_and_fro), Follows::TakesNobody);
        let fro_and_to = [("DATA UPDATE user", -1004), ("DATA UPDATE USERINFO", -629)];
        assert_eq!(after(ATTENDANCE, &fro_and_to), Follows::Vocabulary(manner::USER));
        let everything = [fro_and_to[0], fro_and_to[1], ("DATA USER", -629)];
        assert_eq!(after(ATTENDANCE, &everything), Follows::TakesNobody);
    }
}
