//! Terminals that never bring by themselves what they could not deliver: whoever was silent, or was refused punches, is asked.

use jiff::SignedDuration;
use rollcall::devices::DeviceId;
use terminal_simulator::Profile;

use super::campus::Campus;
use crate::databases::{Database, both_databases};

both_databases! {
    what_a_terminal_kept_back_while_the_server_was_away_is_asked_for,
    each_silence_is_asked_for_once,
    one_that_lacks_the_word_is_not_asked_again,
    what_was_not_answered_is_asked_again_from_its_beginning,
}

const AWAY: SignedDuration = SignedDuration::from_mins(10);

/// A terminal in step that forgets what it could not deliver. Its index, too.
async fn forgetful(campus: &mut Campus) -> (DeviceId, usize) {
    let mut profile = Profile::senseface_a2();
    profile.uploads.forgets_undelivered = true;
    let device = campus.terminal("NYU7251100042", profile).await;
    campus.enrol("Sólveig Þórðardóttir", "4711").await;
    campus.in_step(device).await;
    (device, campus.index_of(device).await)
}

/// Nothing reaches the server for ten minutes; somebody punches in each of them.
async fn outage(campus: &mut Campus, index: usize) {
    campus.cut_the_line(index, AWAY);
    for _ in 0..10 {
        let now = campus.world.fleet.terminals()[index].local(campus.world.now());
        campus.world.fleet.terminal(index).punch("1", now);
        campus.run_for(60).await;
    }
}

async fn questions(campus: &Campus, device: DeviceId) -> Vec<String> {
    let commands = campus.commands(device).await.into_iter().rev();
    let questions = commands.filter(|command| command["command_type"] == "query_punches");
    questions.map(|command| command["command_string"].as_str().unwrap().to_owned()).collect()
}

async fn what_a_terminal_kept_back_while_the_server_was_away_is_asked_for(database: Database) {
    let mut campus = Campus::open(database).await;
    let (device, index) = forgetful(&mut campus).await;
    assert_eq!(questions(&campus, device).await, [""; 0], "nothing was missed");
    let began = campus.world.fleet.terminals()[index].local(campus.world.now());
    outage(&mut campus, index).await;
    let terminal = &campus.world.fleet.terminals()[index];
    let forgotten = terminal.undelivered_punches() == 0 || terminal.statistics().punches_acknowledged == 0;
    assert!(forgotten && campus.world.number("SELECT COUNT(*) FROM punches").await == 0, "{}", terminal.story());

    // The server is another process by now.
    campus.world.restart().await;
    campus.in_step(device).await;
    campus.run_for(120).await;
    let terminal = &campus.world.fleet.terminals()[index];
    assert_eq!(campus.world.number("SELECT COUNT(*) FROM punches").await, 10, "{}", terminal.story());
    let asked = questions(&campus, device).await;
    let [question] = asked.as_slice() else { panic!("{asked:?}") };
    let (from, to) = question.strip_prefix("DATA QUERY ATTLOG StartTime=").unwrap().split_once("\tEndTime=").unwrap();
    let local = |text: &str| text.parse::<jiff::civil::DateTime>().unwrap();
    let before = began.duration_since(local(from));
    assert!((3_600..3_700).contains(&before.as_secs()), "{question}, since {began}");
    let ahead = local(to).duration_since(began);
    assert!((24 * 3_600..25 * 3_600).contains(&ahead.as_secs()), "{question}, since {began}");
}

async fn each_silence_is_asked_for_once(database: Database) {
    let mut campus = Campus::open(database).await;
    let (device, index) = forgetful(&mut campus).await;
    for silences in 1..=2 {
        outage(&mut campus, index).await;
        campus.in_step(device).await;
        campus.run_for(600).await;
        assert_eq!(questions(&campus, device).await.len(), silences);
    }
    assert_eq!(campus.world.number("SELECT COUNT(*) FROM punches").await, 20);
    let states = "SELECT COUNT(*) FROM devices WHERE log_request = 'answered' AND log_from IS NULL";
    assert_eq!(campus.world.number(states).await, 1);
}

async fn one_that_lacks_the_word_is_not_asked_again(database: Database) {
    let mut campus = Campus::open(database).await;
    let (device, index) = forgetful(&mut campus).await;
    campus.world.fleet.terminal(index).profile_mut().queries.tells_punches = false;
    campus.world.fleet.terminal(index).profile_mut().codes.unknown_table = -1002;
    for _ in 0..2 {
        outage(&mut campus, index).await;
        campus.in_step(device).await;
        campus.run_for(600).await;
        assert_eq!(questions(&campus, device).await.len(), 1);
    }
    assert_eq!(campus.world.number("SELECT COUNT(*) FROM devices WHERE log_request = 'answered'").await, 1);
}

async fn what_was_not_answered_is_asked_again_from_its_beginning(database: Database) {
    let mut campus = Campus::open(database).await;
    let (device, index) = forgetful(&mut campus).await;
    outage(&mut campus, index).await;
    while questions(&campus, device).await.is_empty() {
        campus.run_for(1).await;
    }
    // It goes away with the question.
    outage(&mut campus, index).await;
    campus.in_step(device).await;
    campus.run_for(600).await;
    let asked = questions(&campus, device).await;
    assert!(asked.len() <= 2, "{asked:?}");
    assert_eq!(campus.world.number("SELECT COUNT(*) FROM punches").await, 20, "{asked:?}");
}
