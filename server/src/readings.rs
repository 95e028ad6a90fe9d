//! The one writer of readings and alarms: a thread that owns `live.db`, gathers what arrives for a few milliseconds into
//! one durable commit, and answers each sender when it is on disk. Its queue has a bound; beyond it senders are told to
//! come again.

use crate::clock;
use crate::hub::Hub;
use crate::metrics::Metrics;
use crate::problem::{ApiError, ApiResult, Kind};
use citytwin_live::{Alarm, History, Live, LiveError};
use citytwin_model::alarm::AlarmRule;
use citytwin_model::sensor::Reading;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// A commit gathers this long, or until it holds this many rows.
const GATHER: Duration = Duration::from_millis(5);
const GATHER_ROWS: usize = 10_000;
/// Rows waiting beyond which senders are turned away.
const MAX_WAITING_ROWS: usize = 200_000;
/// The same for requests, however small.
const MAX_WAITING_JOBS: usize = 4_096;
/// Rows of one request. More could never be taken while anything else waits, so they are refused for good, with the
/// number: "come again" would be a lie.
pub const MAX_REQUEST_ROWS: usize = MAX_WAITING_ROWS / 2;

/// What became of one sender's readings.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Receipt {
    pub accepted: usize,
    pub duplicates: usize,
    /// Places of readings that are no numbers or come from a clock that is far ahead.
    pub refused: Vec<usize>,
}

type Answer<T> = oneshot::Sender<Result<T, ApiError>>;

enum Job {
    Commit { readings: Vec<Reading>, answer: Answer<Receipt> },
    Acknowledge { id: i64, by: String, answer: Answer<Alarm> },
    Rules(Vec<AlarmRule>),
    Stop,
}

/// Where readings are handed in.
pub struct Readings {
    jobs: SyncSender<Job>,
    waiting: Arc<AtomicUsize>,
    metrics: Arc<Metrics>,
    history: Arc<History>,
}

/// The thread behind [`Readings`], to be ended when nothing more is handed in.
pub struct Writer {
    thread: JoinHandle<()>,
    jobs: SyncSender<Job>,
}

impl Readings {
    /// Starts the writer. The hub learns what `live` remembers from before.
    pub fn start(mut live: Live, rules: &[AlarmRule], hub: Arc<Hub>, metrics: Arc<Metrics>) -> Result<(Self, Writer), LiveError> {
        let ended = live.sync_rules(rules, clock::now())?;
        hub.report(live.latest(), ended);
        hub.report([], live.alarms());
        let history = Arc::new(live.history()?);
        let (jobs, queue) = sync_channel(MAX_WAITING_JOBS);
        let waiting = Arc::new(AtomicUsize::new(0));
        let desk = Desk { live, queue, hub, metrics: metrics.clone(), waiting: waiting.clone() };
        let thread = std::thread::Builder::new().name("readings".to_owned()).spawn(move || desk.work());
        let thread = thread.map_err(|source| LiveError::Io { path: "thread".into(), source })?;
        let writer = Writer { thread, jobs: jobs.clone() };
        Ok((Self { jobs, waiting, metrics, history }, writer))
    }

    /// Returns when the readings are on disk.
    pub async fn commit(&self, readings: Vec<Reading>) -> ApiResult<Receipt> {
        if readings.is_empty() {
            return Ok(Receipt::default());
        }
        let rows = readings.len();
        if self.waiting.fetch_add(rows, Ordering::AcqRel) + rows > MAX_WAITING_ROWS {
            self.waiting.fetch_sub(rows, Ordering::AcqRel);
            self.metrics.readings_shed.add(1);
            return Err(Kind::Busy.into());
        }
        let (answer, answered) = oneshot::channel();
        if let Err(error) = self.send(Job::Commit { readings, answer }) {
            self.waiting.fetch_sub(rows, Ordering::AcqRel);
            self.metrics.readings_shed.add(1);
            return Err(error);
        }
        answered.await.unwrap_or_else(|_| Err(Kind::Internal.into()))
    }

    pub async fn acknowledge(&self, id: i64, by: &str) -> ApiResult<Alarm> {
        let (answer, answered) = oneshot::channel();
        self.send(Job::Acknowledge { id, by: by.to_owned(), answer })?;
        answered.await.unwrap_or_else(|_| Err(Kind::Internal.into()))
    }

    /// Takes over the rules that the city's datastreams have now. `false` when the queue is full: try again.
    pub fn set_rules(&self, rules: Vec<AlarmRule>) -> bool {
        self.send(Job::Rules(rules)).is_ok()
    }

    pub fn history(&self) -> Arc<History> {
        self.history.clone()
    }

    fn send(&self, job: Job) -> ApiResult<()> {
        self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => Kind::Busy.into(),
            TrySendError::Disconnected(_) => ApiError::internal("the writer of readings has ended"),
        })
    }
}

impl Writer {
    /// Lets it finish what waits, then end. Blocks: with a full queue there is room for the last word only later, and the
    /// thread does not end by itself while anybody could still hand something in.
    pub fn end(self) {
        let _ = self.jobs.send(Job::Stop);
        if self.thread.join().is_err() {
            tracing::error!("the writer of readings had panicked");
        }
    }
}

/// The thread's own side.
struct Desk {
    live: Live,
    queue: Receiver<Job>,
    hub: Arc<Hub>,
    metrics: Arc<Metrics>,
    waiting: Arc<AtomicUsize>,
}

/// One sender's part of a batch.
struct Sender {
    rows: usize,
    answer: Answer<Receipt>,
}

impl Desk {
    fn work(mut self) {
        while let Ok(job) = self.queue.recv() {
            let mut next = Some(job);
            while let Some(job) = next.take() {
                match job {
                    Job::Commit { readings, answer } => next = self.gather(readings, answer),
                    Job::Acknowledge { id, by, answer } => self.acknowledge(id, &by, answer),
                    Job::Rules(rules) => self.take_rules(&rules),
                    Job::Stop => return,
                }
            }
        }
    }

    /// Gathers what else arrives, commits it, answers. The job that ended the gathering comes back.
    fn gather(&mut self, readings: Vec<Reading>, answer: Answer<Receipt>) -> Option<Job> {
        let until = Instant::now() + GATHER;
        let mut senders = vec![Sender { rows: readings.len(), answer }];
        let mut batch = readings;
        let mut left_over = None;
        while batch.len() < GATHER_ROWS {
            match self.queue.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Job::Commit { mut readings, answer }) => {
                    senders.push(Sender { rows: readings.len(), answer });
                    batch.append(&mut readings);
                }
                Ok(other) => {
                    left_over = Some(other);
                    break;
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        self.commit(&batch, senders);
        left_over
    }

    fn commit(&mut self, batch: &[Reading], senders: Vec<Sender>) {
        let started = Instant::now();
        let done = self.live.commit(batch);
        self.metrics.commits.add(1);
        self.metrics.commit_micros.add(u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX));
        let left = self.waiting.fetch_sub(batch.len(), Ordering::AcqRel) - batch.len();
        self.metrics.readings_waiting.set(i64::try_from(left).unwrap_or(i64::MAX));
        match done {
            Ok(done) => {
                self.metrics.readings_accepted.add(done.accepted as u64);
                self.metrics.readings_duplicate.add(done.duplicates.len() as u64);
                self.metrics.readings_refused.add(done.refused.len() as u64);
                if !done.latest.is_empty() || !done.alarms.is_empty() {
                    self.hub.report(done.latest, done.alarms);
                }
                for (sender, receipt) in share_out(&done.duplicates, &done.refused, senders) {
                    let _ = sender.send(Ok(receipt));
                }
            }
            Err(error) => {
                let refused = refused(error);
                for sender in senders {
                    let _ = sender.answer.send(Err(refused.clone()));
                }
            }
        }
    }

    fn acknowledge(&mut self, id: i64, by: &str, answer: Answer<Alarm>) {
        let done = self.live.acknowledge(id, by, clock::now()).map_err(refused);
        if let Ok(alarm) = &done {
            self.hub.report([], [alarm.clone()]);
        }
        let _ = answer.send(done);
    }

    fn take_rules(&mut self, rules: &[AlarmRule]) {
        match self.live.sync_rules(rules, clock::now()) {
            Ok(ended) if ended.is_empty() => {}
            Ok(ended) => self.hub.report([], ended),
            Err(error) => tracing::error!(%error, "alarm rules were not taken over"),
        }
    }
}

/// Each sender's own part of what became of the whole batch. The places rise.
fn share_out(duplicates: &[usize], refused: &[usize], senders: Vec<Sender>) -> Vec<(Answer<Receipt>, Receipt)> {
    let within = |places: &[usize], from: usize, to: usize| -> Vec<usize> {
        let (first, last) = (places.partition_point(|place| *place < from), places.partition_point(|place| *place < to));
        places[first..last].iter().map(|place| place - from).collect()
    };
    let mut from = 0;
    let mut shares = Vec::with_capacity(senders.len());
    for Sender { rows, answer } in senders {
        let to = from + rows;
        let (duplicates, refused) = (within(duplicates, from, to).len(), within(refused, from, to));
        shares.push((answer, Receipt { accepted: rows - duplicates - refused.len(), duplicates, refused }));
        from = to;
    }
    shares
}

fn refused(error: LiveError) -> ApiError {
    match error {
        LiveError::NoSuchAlarm(id) => ApiError::new(Kind::AlarmUnknown).with("id", id),
        LiveError::Cleared(id) => ApiError::new(Kind::AlarmCleared).with("id", id),
        LiveError::DiskFull => Kind::DiskFull.into(),
        other => ApiError::internal(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use citytwin_model::alarm::{Direction, Severity};
    use citytwin_model::sensor::{MeasuredAt, ReceivedAt};
    use citytwin_model::{ClassNo, FeatureId, Timestamp};

    const STREAM: FeatureId = FeatureId { class: ClassNo(101), fid: 1 };

    fn reading(secs: i64, value: f64) -> Reading {
        let at = Timestamp::from_secs(1_800_000_000 + secs);
        Reading { datastream: STREAM, measured_at: MeasuredAt(at), received_at: ReceivedAt(at), value, simulated: false }
    }

    fn start(dir: &std::path::Path) -> (Readings, Writer, Arc<Hub>) {
        let hub = Arc::new(Hub::new(0, 1));
        let rule = AlarmRule { datastream: STREAM, direction: Direction::Above, limit: 10.0, hysteresis: 1.0, severity: Severity::Serious };
        let (readings, writer) = Readings::start(Live::open(dir).unwrap(), &[rule], hub.clone(), Arc::default()).unwrap();
        (readings, writer, hub)
    }

    #[tokio::test]
    async fn each_sender_hears_of_its_own_readings_only() {
        let dir = tempfile::tempdir().unwrap();
        let (readings, writer, hub) = start(dir.path());
        let (one, two, three) = tokio::join!(
            readings.commit(vec![reading(1, 1.0), reading(2, 2.0)]),
            readings.commit(vec![reading(2, 2.0), reading(3, f64::NAN), reading(4, 11.0)]),
            readings.commit(vec![]),
        );
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_eq!(three.unwrap(), Receipt::default());
        assert_eq!((one.accepted, one.duplicates, one.refused.len()), (2, 0, 0));
        assert_eq!((two.accepted, two.duplicates, two.refused), (1, 1, vec![1]));
        let news = hub.all();
        assert_eq!((news.values.len(), news.values[0].value, news.alarms.len()), (1, 11.0, 1));
        writer.end();
        // After a restart the hub knows what was there.
        let (_readings, _writer, hub) = start(dir.path());
        assert_eq!((hub.all().values, hub.all().alarms), (news.values, news.alarms));
    }

    #[tokio::test]
    async fn an_alarm_is_acknowledged_once_and_told() {
        let dir = tempfile::tempdir().unwrap();
        let (readings, _writer, hub) = start(dir.path());
        assert_eq!(readings.acknowledge(1, "duty officer").await.unwrap_err().kind, Kind::AlarmUnknown);
        readings.commit(vec![reading(1, 11.0)]).await.unwrap();
        let seen = hub.all().seq;
        let alarm = readings.acknowledge(hub.all().alarms[0].id, "duty officer").await.unwrap();
        assert_eq!(hub.since(seen).unwrap().alarms, [alarm.clone()]);
        readings.commit(vec![reading(2, 5.0)]).await.unwrap();
        assert_eq!(readings.acknowledge(alarm.id, "duty officer").await.unwrap_err().kind, Kind::AlarmCleared);
    }

    #[test]
    fn a_full_queue_does_not_keep_the_writer_from_ending() {
        let (jobs, queue) = sync_channel(1);
        jobs.send(Job::Rules(Vec::new())).unwrap();
        let (busy, free) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            let _ = free.recv();
            while !matches!(queue.recv(), Ok(Job::Stop) | Err(_)) {}
        });
        let writer = Writer { thread, jobs: jobs.clone() };
        let (done, ended) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            writer.end();
            let _ = done.send(());
        });
        // The queue is full and stays so for a while; `jobs` lives, as it does in the running server.
        assert!(ended.recv_timeout(Duration::from_millis(50)).is_err());
        drop(busy);
        ended.recv_timeout(Duration::from_secs(20)).expect("the writer ends");
        drop(jobs);
    }

    #[tokio::test]
    async fn too_much_at_once_is_turned_away() {
        let dir = tempfile::tempdir().unwrap();
        let (readings, _writer, _hub) = start(dir.path());
        let flood = vec![reading(1, 1.0); MAX_WAITING_ROWS + 1];
        assert_eq!(readings.commit(flood).await.unwrap_err().kind, Kind::Busy);
        assert_eq!(readings.metrics.readings_shed.get(), 1);
        assert_eq!(readings.commit(vec![reading(1, 1.0)]).await.unwrap().accepted, 1);
    }
}
