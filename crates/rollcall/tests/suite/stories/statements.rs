//! Work is done with a fixed number of statements, however many students a school has.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, PoisonError},
};

use jiff::SignedDuration;
use push_protocol::command::CommandId;
use rollcall::{
    devices::DeviceId,
    store::{Db, wake::Changes},
    sync::{
        acknowledge::{Answer, acknowledge},
        again,
        delivery::{self, Handout, Poll},
        overview,
        watch::Watch,
    },
};
use terminal_simulator::Profile;
use tracing::{Event, Instrument as _, Subscriber, info_span, span::Id};
use tracing_subscriber::{
    Layer,
    filter::dynamic_filter_fn,
    layer::{Context, SubscriberExt as _},
    registry::LookupSpan,
};

use super::campus::Campus;
use crate::databases::{Database, both_databases};

both_databases! {
    failure_9_several_statements_per_student,
    a_poll_that_brings_no_news_costs_nothing_while_an_admin_has_to_decide,
}

async fn failure_9_several_statements_per_student(database: Database) {
    let mut campus = Campus::open(database).await;
    let device = campus.terminal("CJX9253300417", Profile::zam180()).await;
    // More than are looked after one by one.
    campus.import(0..24).await;
    campus.in_step(device).await;
    let few = Work::of(&campus, device, 18).await;

    campus.import(24..424).await;
    campus.in_step(device).await;
    let many = Work::of(&campus, device, 200).await;
    assert_eq!(many, few);
}

async fn a_poll_that_brings_no_news_costs_nothing_while_an_admin_has_to_decide(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.enrol("Sólrún Þorvaldsdóttir", "4711").await;
    let device = campus.register("CJX9253300417").await;
    // A claimed terminal's whole log is asked for, once it is given commands at all.
    campus.world.foreign("UPDATE devices SET log_request = 'wanted'", []).await;
    assert!(poll(&campus, "").await > 0, "its count is not known");
    assert!(poll(&campus, "&INFO=Ver%208,3").await > 0);
    tick(&mut campus).await;
    is_read(&mut campus, "&INFO=Ver%208,3").await;

    for _ in 0..3 {
        tick(&mut campus).await;
        assert_eq!((poll(&campus, "").await, poll(&campus, "&INFO=Ver%208,3").await), (0, 0));
    }
    assert!(poll(&campus, "&INFO=Ver%208,4").await > 0, "somebody was added at its keys");
    assert_eq!(poll(&campus, "&INFO=Ver%208,4").await, 0);
    assert!(poll(&campus, "&INFO=Ver%209,4").await > 0, "its firmware is another");
    is_read(&mut campus, "&INFO=Ver%209,4").await;
    assert_eq!(poll(&campus, "&INFO=Ver%209,4").await, 0);

    // Whoever decides, this server, another one or SQL: the next poll asks.
    campus.world.foreign("UPDATE devices SET takeover = 'add'", []).await;
    tick(&mut campus).await;
    assert!(poll(&campus, "").await > 0);
    assert_eq!(campus.status(device).await.in_words(), "1 pending of 1");
}

/// It is asked who is there until it was asked everything, and never answers.
async fn is_read(campus: &mut Campus, rest: &str) {
    loop {
        campus.world.run_for(SignedDuration::from_secs(30)).await;
        poll(campus, rest).await;
        let mut tx = campus.world.app.db.read().await.unwrap();
        let sql = "SELECT (SELECT COUNT(*) FROM readings WHERE state = 'running')
          + (SELECT COUNT(*) FROM devices WHERE verify_at IS NOT NULL)";
        if tx.one::<(i64,), 0>(sql, []).await.unwrap().0 == 0 {
            break;
        }
    }
    poll(campus, rest).await;
}

/// Every loop had its turn.
async fn tick(campus: &mut Campus) {
    for _ in 0..10 {
        campus.world.run_for(SignedDuration::from_secs(1)).await;
    }
}

/// Statements that a poll takes from its first byte to its last.
async fn poll(campus: &Campus, rest: &str) -> usize {
    let request = format!("GET /iclock/getrequest?SN=CJX9253300417{rest} HTTP/1.1\r\nHost: rollcall\r\n\r\n");
    let (reply, statements) = counted_on_this_thread(campus.world.converse(request.as_bytes())).await;
    assert!(reply.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&reply));
    statements
}

/// Statements that it took.
#[derive(PartialEq, Eq, Debug)]
struct Work {
    everybody_renamed: usize,
    full_sync: usize,
    sync_status: usize,
    poll: usize,
    results: usize,
}

const DEADLINE: SignedDuration = SignedDuration::from_secs(30);

impl Work {
    async fn of(campus: &Campus, device: DeviceId, per_poll: usize) -> Work {
        let (db, now) = (&campus.world.app.db, campus.world.now());
        let rename = "UPDATE students SET full_name = full_name || '.'";
        campus.world.foreign(rename, []).await;
        let mut watch = Watch::new(db.clone(), campus.world.clock.clone(), DEADLINE);
        let (_, everybody_renamed) = counted(watch.tick(Changes { everything: true, ..Changes::default() })).await;

        let mut tx = db.write().await.unwrap();
        let (_, full_sync) = counted(again::full_sync(&mut tx, device, now)).await;
        tx.commit().await.unwrap();

        let mut tx = db.read().await.unwrap();
        let (_, sync_status) = counted(overview::students(&mut tx, device)).await;
        drop(tx);

        let mut tx = db.write().await.unwrap();
        let (handout, poll) = counted(delivery::hand_out(&mut tx, device, &Poll::default(), DEADLINE, now)).await;
        let Handout { commands, .. } = handout;
        assert_eq!(commands.len(), per_poll);
        let answers: Vec<Answer> = commands.iter().map(|(id, _)| yes(*id)).collect();
        let (_, results) = counted(acknowledge(&mut tx, device, &answers, DEADLINE, now)).await;
        // The terminal has heard nothing of this: neither has the database.
        drop(tx);

        let work = Work { everybody_renamed, full_sync, sync_status, poll, results };
        assert!(work.sync_status >= 1 && work.results > 1, "statements are counted: {work:?}");
        work
    }
}

fn yes(id: CommandId) -> Answer {
    Answer { wire_id: id.number().into(), code: 0, user_count: None, firmware: None }
}

/// Runs something and counts the statements of it, on whatever thread the database runs them.
pub async fn counted<T>(work: impl Future<Output = rollcall::store::Result<T>>) -> (T, usize) {
    LazyLock::force(&COUNTING);
    let span = info_span!(SPAN);
    let done = work.instrument(span.clone()).await.unwrap();
    let statements = span.id().and_then(|id| counts().remove(&id)).unwrap_or(0);
    (done, statements)
}

/// As [`counted`], with what the work has others do: a test and all its tasks have one thread.
pub async fn counted_on_this_thread<T>(work: impl Future<Output = T>) -> (T, usize) {
    LazyLock::force(&COUNTING);
    let span = info_span!(SPAN);
    let entered = span.enter();
    let done = work.await;
    drop(entered);
    let statements = span.id().and_then(|id| counts().remove(&id)).unwrap_or(0);
    (done, statements)
}

/// Opens the connections that SQLite has for those who read: what a new one is told is no statement of whoever comes first.
pub async fn all_readers(db: &Db) {
    let mut open = Vec::new();
    for _ in 0..4 {
        open.push(db.read().await.unwrap());
    }
}

const SPAN: &str = "counted";
/// The server's own span of a request, within which a page asks: SQLite's thread is told of no other.
const REQUEST: &str = "request";

/// Statements by span.
static COUNTS: LazyLock<Mutex<HashMap<Id, usize>>> = LazyLock::new(Mutex::default);

fn counts() -> std::sync::MutexGuard<'static, HashMap<Id, usize>> {
    COUNTS.lock().unwrap_or_else(PoisonError::into_inner)
}

static COUNTING: LazyLock<()> = LazyLock::new(|| {
    let filter = dynamic_filter_fn(|metadata, context| match metadata.target() {
        "sqlx::query" => context.lookup_current().is_some(),
        _ => metadata.is_span() && (metadata.name() == SPAN || metadata.name() == REQUEST),
    });
    let filter = filter.with_max_level_hint(tracing::Level::DEBUG);
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Counter.with_filter(filter)))
        .expect("nobody else listens");
});

struct Counter;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Counter {
    fn on_event(&self, _: &Event<'_>, context: Context<'_, S>) {
        let within = context.lookup_current();
        if let Some(span) = within.and_then(|span| span.scope().find(|span| span.name() == SPAN)) {
            *counts().entry(span.id()).or_default() += 1;
        }
    }
}
