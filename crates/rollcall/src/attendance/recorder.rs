//! The writer that all uploads go through: a bounded queue, one commit for everything that queued during the last one.
//!
//! A commit to disk costs far more than the rows in it. So whatever arrives while one commit runs is written by the next,
//! together; a lone upload waits for nobody. Uploads of one terminal go through one writer, in the order they came.

use std::{
    collections::VecDeque,
    future::Future,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use jiff::tz::TimeZone;
use push_protocol::{record::Punch, text::SerialNumber};
use tokio::sync::{Notify, oneshot};

use super::storing;
use crate::{
    clock::Clock,
    devices::DeviceId,
    meters::{Meters, Refusal},
    school::SchoolId,
    store::{self, Db},
};

/// Stores uploads. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Recorder {
    lanes: Arc<[Lane]>,
    meters: Meters,
    /// Somebody may want to be told of punches. Nobody is asked before the first answer, so that nobody misses one.
    tells: Arc<AtomicBool>,
}

/// What one upload of a terminal brought.
#[derive(Clone, Debug)]
pub struct Upload {
    pub serial: SerialNumber,
    /// `None`: the terminal is not registered, its punches go into quarantine.
    pub device: Option<(DeviceId, SchoolId)>,
    /// The zone of the terminal's wall clock; `None` counts as UTC.
    pub zone: Option<TimeZone>,
    pub punches: Vec<Punch>,
    /// Lines that could not be read, with the table that the upload named.
    pub unread: Vec<(String, Vec<u8>)>,
    /// The table and the position that the terminal gave, to be echoed in its next handshake. Ignored in quarantine.
    pub stamp: Option<(String, String)>,
}

/// What became of an upload that was stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Recorded {
    /// Punches that were not there before.
    pub new: usize,
    /// Punches that were there already.
    pub repeated: usize,
}

/// Why an upload was not stored. Nothing of it was: answer 503, the terminal keeps its data and sends it again.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NotStored {
    #[error("too many uploads are waiting to be stored")]
    Busy,
    #[error("the quarantine of this unregistered terminal is full")]
    QuarantineFull,
    #[error("the upload could not be stored")]
    Failed(#[source] Arc<store::Error>),
    #[error("the server is stopping")]
    Stopping,
    #[error("the writer gave the upload up")]
    Abandoned,
}

impl NotStored {
    fn refusal(&self) -> Refusal {
        match self {
            NotStored::Busy => Refusal::Busy,
            NotStored::QuarantineFull => Refusal::QuarantineFull,
            NotStored::Failed(_) | NotStored::Abandoned => Refusal::Database,
            NotStored::Stopping => Refusal::Stopping,
        }
    }
}

impl Recorder {
    /// Starts the writers. The future ends when [`Recorder::stop`] was called and everything that queued before is stored.
    pub fn start(db: Db, clock: Clock) -> (Recorder, impl Future<Output = ()> + Send + 'static) {
        let meters = db.meters().clone();
        let lanes: Arc<[Lane]> = (0..db.writers()).map(|_| Lane::default()).collect();
        let tells = Arc::new(AtomicBool::new(true));
        let store = Store { db, clock, tells: Arc::clone(&tells) };
        let writers: Vec<_> =
            (0..lanes.len()).map(|lane| tokio::spawn(keep_writing(lanes.clone(), lane, store.clone()))).collect();
        let ended = async move {
            for writer in writers {
                let _ = writer.await;
            }
        };
        (Recorder { lanes, meters, tells }, ended)
    }

    /// Waits until the upload is committed. Dropping the future does not take the upload back.
    pub async fn record(&self, upload: Upload) -> Result<Recorded, NotStored> {
        let punches = upload.punches.len();
        let outcome = self.recorded(upload).await;
        match &outcome {
            Ok(recorded) => self.meters.punches_stored(recorded.new, recorded.repeated),
            Err(why) => self.meters.punches_refused(why.refusal(), punches),
        }
        outcome
    }

    async fn recorded(&self, upload: Upload) -> Result<Recorded, NotStored> {
        let (answer, answered) = oneshot::channel();
        self.lane_of(&upload.serial).put(Job { bytes: bytes_of(&upload), upload, answer })?;
        answered.await.unwrap_or(Err(NotStored::Abandoned))
    }

    /// Uploads that wait for their commit, and what they take in memory.
    pub fn waiting(&self) -> (usize, usize) {
        self.lanes.iter().fold((0, 0), |(uploads, bytes), lane| {
            let waiting = lane.waiting();
            (uploads + waiting.uploads, bytes + waiting.bytes)
        })
    }

    /// Whether webhooks are told of punches.
    pub fn tell(&self, anybody_wants_it: bool) {
        self.tells.store(anybody_wants_it, Ordering::Relaxed);
    }

    /// From now on every upload is refused with [`NotStored::Stopping`].
    pub fn stop(&self) {
        for lane in self.lanes.iter() {
            lane.waiting().stopping = true;
            lane.arrived.notify_one();
        }
    }

    fn lane_of(&self, serial: &SerialNumber) -> &Lane {
        let mut hasher = DefaultHasher::new();
        serial.hash(&mut hasher);
        let lane = hasher.finish() % self.lanes.len() as u64;
        &self.lanes[usize::try_from(lane).unwrap_or(0)]
    }
}

/// The queue of one writer.
#[derive(Default, Debug)]
struct Lane {
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

#[derive(Default, Debug)]
struct Waiting {
    jobs: VecDeque<Job>,
    /// Uploads and bytes of `jobs` and of the group that is being written.
    uploads: usize,
    bytes: usize,
    stopping: bool,
}

#[derive(Debug)]
struct Job {
    upload: Upload,
    bytes: usize,
    answer: oneshot::Sender<Result<Recorded, NotStored>>,
}

/// What a lane holds before it answers [`NotStored::Busy`].
const MAX_UPLOADS: usize = 10_000;
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// Lines of one transaction, unless a single upload has more: the terminals' door brings a long one in portions. Keeps other writers of the database from waiting long.
pub const LINES_PER_GROUP: usize = 5_000;

impl Lane {
    fn put(&self, job: Job) -> Result<(), NotStored> {
        let mut waiting = self.waiting();
        if waiting.stopping {
            return Err(NotStored::Stopping);
        }
        // An upload alone is always taken: it could never be stored otherwise.
        let full = waiting.uploads >= MAX_UPLOADS || waiting.bytes + job.bytes > MAX_BYTES;
        if full && waiting.uploads > 0 {
            return Err(NotStored::Busy);
        }
        waiting.uploads += 1;
        waiting.bytes += job.bytes;
        waiting.jobs.push_back(job);
        drop(waiting);
        self.arrived.notify_one();
        Ok(())
    }

    /// Waits for uploads. `None` when none will come any more.
    async fn next_group(&self) -> Option<Group<'_>> {
        loop {
            {
                let mut waiting = self.waiting();
                if !waiting.jobs.is_empty() {
                    return Some(Group { jobs: take_group(&mut waiting.jobs), lane: self });
                }
                if waiting.stopping {
                    return None;
                }
            }
            self.arrived.notified().await;
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take_group(jobs: &mut VecDeque<Job>) -> Vec<Job> {
    let mut lines = 0;
    let mut group = Vec::new();
    while let Some(job) = jobs.pop_front() {
        lines += job.upload.punches.len() + job.upload.unread.len() + 1;
        if lines > LINES_PER_GROUP && !group.is_empty() {
            jobs.push_front(job);
            break;
        }
        group.push(job);
    }
    group
}

/// Uploads that are written together. They count as waiting until they are dropped, also when their writer panics.
struct Group<'a> {
    jobs: Vec<Job>,
    lane: &'a Lane,
}

impl Group<'_> {
    fn answer(&mut self, outcomes: Vec<Result<Recorded, NotStored>>) {
        for (job, outcome) in self.take_jobs().into_iter().zip(outcomes) {
            // The terminal may have hung up; its punches are stored all the same.
            let _ = job.answer.send(outcome);
        }
    }

    fn take_jobs(&mut self) -> Vec<Job> {
        let jobs = std::mem::take(&mut self.jobs);
        let mut waiting = self.lane.waiting();
        waiting.uploads -= jobs.len();
        waiting.bytes -= jobs.iter().map(|job| job.bytes).sum::<usize>();
        jobs
    }
}

impl Drop for Group<'_> {
    fn drop(&mut self) {
        self.take_jobs();
    }
}

/// What an upload takes in memory, near enough.
fn bytes_of(upload: &Upload) -> usize {
    let punches: usize = upload
        .punches
        .iter()
        .map(|punch| {
            let texts = [&punch.status, &punch.verify, &punch.work_code, &punch.rest];
            size_of::<Punch>() + texts.map(String::len).iter().sum::<usize>()
        })
        .sum();
    let unread: usize = upload.unread.iter().map(|(table, line)| 64 + table.len() + line.len()).sum();
    size_of::<Job>() + punches + unread
}

/// What every writer has.
#[derive(Clone)]
struct Store {
    db: Db,
    clock: Clock,
    tells: Arc<AtomicBool>,
}

/// Runs a lane's writer, again if it panics: uploads after the one that it died of must be stored.
async fn keep_writing(lanes: Arc<[Lane]>, lane: usize, store: Store) {
    loop {
        let writer = tokio::spawn(write(lanes.clone(), lane, store.clone()));
        match writer.await {
            Err(error) if error.is_panic() => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a writer of punches ended, starting it again"
                );
            }
            _ => return,
        }
    }
}

async fn write(lanes: Arc<[Lane]>, lane: usize, store: Store) {
    while let Some(mut group) = lanes[lane].next_group().await {
        let uploads: Vec<&Upload> = group.jobs.iter().map(|job| &job.upload).collect();
        let outcomes = store_group(&store, &uploads).await;
        group.answer(outcomes);
    }
}

/// Stores uploads in one transaction; when that fails, each in its own, so that one cannot fail the others.
async fn store_group(store: &Store, uploads: &[&Upload]) -> Vec<Result<Recorded, NotStored>> {
    let first_failure = match store_together(store, uploads).await {
        Ok(outcomes) => return outcomes,
        Err(failure) => failure,
    };
    tracing::error!(
        error = first_failure.error() as &dyn std::error::Error,
        uploads = uploads.len(),
        "uploads could not be stored"
    );
    if uploads.len() == 1 {
        return vec![Err(first_failure.into())];
    }
    let mut unreachable = match first_failure {
        Failure::Unreachable(error) => Some(error),
        Failure::Refused(_) => None,
    };
    let mut outcomes = Vec::with_capacity(uploads.len());
    for upload in uploads {
        if let Some(error) = &unreachable {
            outcomes.push(Err(NotStored::Failed(error.clone())));
            continue;
        }
        match store_together(store, &[upload]).await {
            Ok(alone) => outcomes.extend(alone),
            Err(failure) => {
                tracing::error!(
                    error = failure.error() as &dyn std::error::Error,
                    serial = upload.serial.as_str(),
                    "an upload could not be stored"
                );
                if let Failure::Unreachable(error) = &failure {
                    unreachable = Some(error.clone());
                }
                outcomes.push(Err(failure.into()));
            }
        }
    }
    outcomes
}

enum Failure {
    /// Not even a transaction could be begun: the same would happen to every upload, one long wait after the other.
    Unreachable(Arc<store::Error>),
    Refused(Arc<store::Error>),
}

impl Failure {
    fn error(&self) -> &store::Error {
        match self {
            Failure::Unreachable(error) | Failure::Refused(error) => error,
        }
    }
}

impl From<Failure> for NotStored {
    fn from(failure: Failure) -> NotStored {
        match failure {
            Failure::Unreachable(error) | Failure::Refused(error) => NotStored::Failed(error),
        }
    }
}

async fn store_together(store: &Store, uploads: &[&Upload]) -> Result<Vec<Result<Recorded, NotStored>>, Failure> {
    let refused = |error| Failure::Refused(Arc::new(error));
    let mut tx = store.db.write().await.map_err(|error| Failure::Unreachable(Arc::new(error)))?;
    let tells = store.tells.load(Ordering::Relaxed);
    let outcomes = storing::store(&mut tx, uploads, tells, store.clock.now()).await.map_err(refused)?;
    tx.commit().await.map_err(refused)?;
    Ok(outcomes)
}
