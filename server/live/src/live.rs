//! `live.db`: readings and alarm state, written together, on disk before anyone is told.

use crate::alarms::{Acknowledgement, Alarm, AlarmEvent, Happening, step};
use crate::columns;
use crate::error::{LiveError, Result};
use crate::history::{self, History, Series, second};
use crate::latest::{Known, Latest};
use crate::rules::{direction_of, direction_text, severity_of, severity_text};
use citytwin_model::alarm::{AlarmRule, AlarmState, Direction};
use citytwin_model::sensor::{MeasuredAt, Reading};
use citytwin_model::{FeatureId, Timestamp};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};

/// The file in a city's folder.
pub const FILE: &str = "live.db";

/// A reading measured further ahead of its arrival than this comes from a clock that is wrong, and would hold back
/// every right one after it: it is refused.
pub const MAX_AHEAD_SECS: i64 = 600;

const FORMAT: i64 = 1;
const APPLICATION_ID: i32 = 0x4354_4C56; // CTLV

/// The latest values are written down anew when reading them from the batches would take this many readings.
const REPLAY: usize = 20_000;

const SCHEMA: &str = "
CREATE TABLE batch(seq INTEGER PRIMARY KEY AUTOINCREMENT, readings BLOB NOT NULL);
CREATE VIRTUAL TABLE span USING rtree_i32(seq, from_s, to_s);
CREATE TABLE latest(one INTEGER PRIMARY KEY CHECK(one=1), seq INTEGER NOT NULL, readings BLOB NOT NULL);
CREATE TABLE alarm(id INTEGER PRIMARY KEY AUTOINCREMENT, datastream INTEGER NOT NULL, direction TEXT NOT NULL, limit_value REAL NOT NULL,
  hysteresis REAL NOT NULL, severity TEXT NOT NULL, since INTEGER NOT NULL, value REAL NOT NULL, simulated INTEGER NOT NULL,
  acknowledged_by TEXT, acknowledged_at INTEGER, cleared_at INTEGER);
CREATE UNIQUE INDEX alarm_active ON alarm(datastream, direction) WHERE cleared_at IS NULL; -- raised once, whatever happens
";

/// Readings and alarms of a city. One writer; [`Live::history`] gives readers a connection of their own.
pub struct Live {
    conn: Connection,
    path: PathBuf,
    /// Held as long as the server runs: a second one on the same city would raise every alarm again.
    _lock: File,
    rules: HashMap<FeatureId, Vec<AlarmRule>>,
    /// Alarms that are raised or acknowledged.
    active: BTreeMap<(FeatureId, Side), Alarm>,
    latest: Latest,
    seq: i64,
    /// Readings in batches that the written-down latest values do not cover.
    to_replay: usize,
}

/// [`Direction`], ordered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Side(u8);

impl From<Direction> for Side {
    fn from(direction: Direction) -> Self {
        Self(match direction {
            Direction::Above => 0,
            Direction::Below => 1,
        })
    }
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Committed {
    /// Number of the batch on disk; the last one's when nothing of this was new.
    pub seq: i64,
    pub accepted: usize,
    /// Places in the batch of readings that were there before, or stand in it twice.
    pub duplicates: Vec<usize>,
    /// Places in the batch of readings that are no numbers or measured in the future.
    pub refused: Vec<usize>,
    /// The values that are now the latest of their datastreams.
    pub latest: Vec<Reading>,
    /// The alarms that were raised or cleared, as they are now, in the order of what happened.
    pub alarms: Vec<Alarm>,
}

impl Live {
    /// Opens a city's `live.db`, or makes it.
    pub fn open(dir: &Path) -> Result<Self> {
        let path = dir.join(FILE);
        let lock_path = dir.join(".live.lock");
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| LiveError::Io { path, source }
        };
        let lock = File::create(&lock_path).map_err(io(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Err(LiveError::InUse),
            Err(std::fs::TryLockError::Error(e)) => return Err(io(&lock_path)(e)),
        }
        let new = !path.exists();
        let mut conn = Connection::open(&path)?;
        conn.busy_timeout(std::time::Duration::from_secs(5))?;
        conn.set_prepared_statement_cache_capacity(64);
        prepare(&mut conn, &path)?;
        if new {
            File::open(dir).and_then(|d| d.sync_all()).map_err(io(dir))?;
        }
        let mut live = Self {
            conn,
            path,
            _lock: lock,
            rules: HashMap::new(),
            active: BTreeMap::new(),
            latest: Latest::default(),
            seq: 0,
            to_replay: 0,
        };
        live.recall()?;
        Ok(live)
    }

    /// Reads latest values and active alarms back from disk.
    fn recall(&mut self) -> Result<()> {
        let kept: Option<(i64, Vec<u8>)> =
            self.conn.query_row("SELECT seq, readings FROM latest", [], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let (covered, blob) = kept.unzip();
        for reading in blob.map(|blob| columns::decode(&blob)).transpose()?.unwrap_or_default() {
            self.latest.take(&reading, false);
        }
        self.seq = covered.unwrap_or(0);
        let mut statement = self.conn.prepare("SELECT seq, readings FROM batch WHERE seq>?1 ORDER BY seq")?;
        let mut rows = statement.query([self.seq])?;
        while let Some(row) = rows.next()? {
            self.seq = row.get(0)?;
            for reading in columns::decode(row.get_ref(1)?.as_blob().unwrap_or_default())? {
                self.latest.take(&reading, false);
                self.to_replay += 1;
            }
        }
        drop(rows);
        drop(statement);
        for alarm in select_alarms(&self.conn, "WHERE cleared_at IS NULL ORDER BY id", [])? {
            self.active.insert((alarm.rule.datastream, alarm.rule.direction.into()), alarm);
        }
        Ok(())
    }

    /// Takes over the rules of all datastreams. An alarm whose rule is gone is over at `at`; the answer lists those.
    pub fn sync_rules(&mut self, rules: &[AlarmRule], at: Timestamp) -> Result<Vec<Alarm>> {
        let mut by_stream: HashMap<FeatureId, Vec<AlarmRule>> = HashMap::new();
        for rule in rules.iter().filter(|rule| rule.limit.is_finite() && rule.hysteresis.is_finite()) {
            let rule = AlarmRule { hysteresis: rule.hysteresis.max(0.0), ..*rule };
            let of_stream = by_stream.entry(rule.datastream).or_default();
            of_stream.retain(|other| other.direction != rule.direction);
            of_stream.push(rule);
        }
        let ruled = |alarm: &Alarm| {
            by_stream.get(&alarm.rule.datastream).is_some_and(|rules| rules.iter().any(|rule| rule.direction == alarm.rule.direction))
        };
        let mut over: Vec<Alarm> = self.active.values().filter(|alarm| !ruled(alarm)).cloned().collect();
        if !over.is_empty() {
            let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for alarm in &mut over {
                alarm.cleared_at = Some(at);
                tx.prepare_cached("UPDATE alarm SET cleared_at=?2 WHERE id=?1")?.execute((alarm.id, at.micros()))?;
            }
            tx.commit()?;
            for alarm in &over {
                self.active.remove(&(alarm.rule.datastream, alarm.rule.direction.into()));
            }
        }
        self.rules = by_stream;
        Ok(over)
    }

    /// Writes a batch and what it does to the alarms. When this returns, both are on disk.
    /// A reading whose datastream and time are known is a duplicate and changes nothing; a late one is kept, but moves
    /// neither the latest value nor an alarm.
    pub fn commit(&mut self, batch: &[Reading]) -> Result<Committed> {
        let mut done = Committed { seq: self.seq, ..Committed::default() };
        let mut sound: Vec<(usize, Reading)> = Vec::with_capacity(batch.len());
        for (i, reading) in batch.iter().enumerate() {
            let ahead = reading.measured_at.0.micros().saturating_sub(reading.received_at.0.micros()) > MAX_AHEAD_SECS * 1_000_000;
            if reading.value.is_finite() && !ahead {
                sound.push((i, *reading));
            } else {
                done.refused.push(i);
            }
        }
        // By datastream and time, so that alarms see values in the order in which they were measured. Stable: of two
        // with the same time the first stays.
        sound.sort_by_key(|(_, r)| (r.datastream, r.measured_at));
        sound.dedup_by(|(place, later), (_, first)| {
            let same = (later.datastream, later.measured_at) == (first.datastream, first.measured_at);
            if same {
                done.duplicates.push(*place);
            }
            same
        });

        let mut asked: Vec<(FeatureId, MeasuredAt)> = Vec::new();
        sound.retain(|(place, r)| match self.latest.knows(r.datastream, r.measured_at) {
            Known::Newest | Known::Late => true,
            Known::Duplicate => {
                done.duplicates.push(*place);
                false
            }
            Known::Ask => {
                asked.push((r.datastream, r.measured_at));
                true
            }
        });
        if !asked.is_empty() {
            let there: BTreeSet<_> = history::on_disk(&self.conn, &asked)?;
            sound.retain(|(place, r)| {
                let known = there.contains(&(r.datastream, r.measured_at));
                if known {
                    done.duplicates.push(*place);
                }
                !known
            });
        }
        done.duplicates.sort_unstable();
        let mut sound: Vec<Reading> = sound.into_iter().map(|(_, reading)| reading).collect();
        if sound.is_empty() {
            return Ok(done);
        }

        let mut active = ActiveAlarms { before: &self.active, now: BTreeMap::new() };
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for reading in sound.iter().filter(|r| self.latest.get(r.datastream).is_none_or(|latest| r.measured_at > latest.measured_at)) {
            for rule in self.rules.get(&reading.datastream).into_iter().flatten() {
                let key = (rule.datastream, Side::from(rule.direction));
                let state = active.get(key).map_or(AlarmState::Quiet, Alarm::state);
                if let (_, Some(event)) = step(rule, state, reading) {
                    let alarm = note(&tx, rule, reading, event, active.get(key))?;
                    active.now.insert(key, alarm.clone());
                    done.alarms.push(alarm);
                }
            }
        }
        let (from, to) = sound.iter().fold((i32::MAX, i32::MIN), |(from, to), r| {
            let s = second(r.measured_at.0);
            (from.min(s), to.max(s))
        });
        let blob = columns::encode(&mut sound);
        tx.prepare_cached("INSERT INTO batch(readings) VALUES(?1)")?.execute([blob])?;
        let seq = tx.last_insert_rowid();
        tx.prepare_cached("INSERT INTO span(seq, from_s, to_s) VALUES(?1, ?2, ?3)")?.execute((seq, from, to))?;
        let mut to_replay = self.to_replay + sound.len();
        if to_replay > REPLAY.max(2 * self.latest.len()) {
            // What is in memory covers all batches before this one.
            let mut values: Vec<Reading> = self.latest.readings().copied().collect();
            tx.prepare_cached("INSERT OR REPLACE INTO latest(one, seq, readings) VALUES(1, ?1, ?2)")?
                .execute((self.seq, columns::encode(&mut values)))?;
            to_replay = sound.len();
        }
        tx.commit()?;

        // Only now does memory follow.
        for (key, alarm) in active.now {
            if alarm.cleared_at.is_some() {
                self.active.remove(&key);
            } else {
                self.active.insert(key, alarm);
            }
        }
        (self.seq, self.to_replay, done.seq, done.accepted) = (seq, to_replay, seq, sound.len());
        for run in sound.chunk_by(|a, b| a.datastream == b.datastream) {
            let newest = &run[run.len() - 1];
            if self.latest.get(newest.datastream).is_none_or(|latest| newest.measured_at > latest.measured_at) {
                done.latest.push(*newest);
            }
            run.iter().for_each(|reading| self.latest.take(reading, true));
        }
        done.alarms.sort_by_key(|alarm| alarm.cleared_at.unwrap_or(alarm.since));
        Ok(done)
    }

    /// Number of the last batch.
    pub fn seq(&self) -> i64 {
        self.seq
    }

    /// The latest value of every datastream that has reported, in order of the datastreams.
    pub fn latest(&self) -> Vec<Reading> {
        let mut readings: Vec<Reading> = self.latest.readings().copied().collect();
        readings.sort_by_key(|r| r.datastream);
        readings
    }

    pub fn latest_of(&self, datastream: FeatureId) -> Option<Reading> {
        self.latest.get(datastream).copied()
    }

    /// The alarms that are raised or acknowledged, oldest first.
    pub fn alarms(&self) -> Vec<Alarm> {
        let mut alarms: Vec<Alarm> = self.active.values().cloned().collect();
        alarms.sort_by_key(|alarm| alarm.id);
        alarms
    }

    /// The newest alarms, those that are over too.
    pub fn past_alarms(&self, limit: usize) -> Result<Vec<Alarm>> {
        select_alarms(&self.conn, "ORDER BY id DESC LIMIT ?1", [limit])
    }

    /// Notes that someone has seen an alarm; on disk when it returns. Who was first stays.
    pub fn acknowledge(&mut self, id: i64, by: &str, at: Timestamp) -> Result<Alarm> {
        let Some(alarm) = self.active.values_mut().find(|alarm| alarm.id == id) else {
            let there = select_alarms(&self.conn, "WHERE id=?1", [id])?;
            return Err(if there.is_empty() { LiveError::NoSuchAlarm(id) } else { LiveError::Cleared(id) });
        };
        if alarm.acknowledged.is_none() {
            self.conn.prepare_cached("UPDATE alarm SET acknowledged_by=?2, acknowledged_at=?3 WHERE id=?1")?.execute((
                id,
                by,
                at.micros(),
            ))?;
            alarm.acknowledged = Some(Acknowledgement { by: by.to_owned(), at });
        }
        Ok(alarm.clone())
    }

    /// The newest readings of a datastream measured from `from` to `to`; no more than `limit`.
    pub fn series(&self, datastream: FeatureId, from: Timestamp, to: Timestamp, limit: usize) -> Result<Series> {
        history::series(&self.conn, datastream, from, to, limit)
    }

    /// For readers beside the writer.
    pub fn history(&self) -> Result<History> {
        History::open(&self.path)
    }

    /// For the fault tests only: gives up the promise that what was committed is on disk, to see that they notice.
    #[doc(hidden)]
    pub fn without_sync_for_fault_tests(&self) -> Result<()> {
        Ok(self.conn.pragma_update(None, "synchronous", "OFF")?)
    }
}

/// The alarms as they were before a batch, and what the batch has made of them so far.
struct ActiveAlarms<'a> {
    before: &'a BTreeMap<(FeatureId, Side), Alarm>,
    now: BTreeMap<(FeatureId, Side), Alarm>,
}

impl ActiveAlarms<'_> {
    fn get(&self, key: (FeatureId, Side)) -> Option<&Alarm> {
        self.now.get(&key).or_else(|| self.before.get(&key))
    }
}

/// Writes an event down; the alarm as it is after it.
fn note(conn: &Connection, rule: &AlarmRule, reading: &Reading, event: AlarmEvent, current: Option<&Alarm>) -> Result<Alarm> {
    match (event.happening, current) {
        (Happening::Cleared, Some(alarm)) => {
            conn.prepare_cached("UPDATE alarm SET cleared_at=?2 WHERE id=?1")?.execute((alarm.id, event.at.micros()))?;
            Ok(Alarm { cleared_at: Some(event.at), ..alarm.clone() })
        }
        (Happening::Raised, _) | (Happening::Cleared, None) => {
            conn.prepare_cached(
                "INSERT INTO alarm(datastream, direction, limit_value, hysteresis, severity, since, value, simulated) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute((
                rule.datastream.wire() as i64,
                direction_text(rule.direction),
                rule.limit,
                rule.hysteresis,
                severity_text(rule.severity),
                event.at.micros(),
                event.value,
                reading.simulated,
            ))?;
            let id = conn.last_insert_rowid();
            Ok(Alarm {
                id,
                rule: *rule,
                since: event.at,
                value: event.value,
                simulated: reading.simulated,
                acknowledged: None,
                cleared_at: None,
            })
        }
    }
}

fn select_alarms(conn: &Connection, which: &str, params: impl rusqlite::Params) -> Result<Vec<Alarm>> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT id, datastream, direction, limit_value, hysteresis, severity, since, value, simulated, acknowledged_by, acknowledged_at, cleared_at FROM alarm {which}"
    ))?;
    let mut rows = statement.query(params)?;
    let mut alarms = Vec::new();
    while let Some(row) = rows.next()? {
        let micros = |i| row.get::<_, Option<i64>>(i).map(|micros| micros.map(Timestamp::from_micros));
        let damaged = || LiveError::Damaged("an alarm's row");
        let rule = AlarmRule {
            datastream: u64::try_from(row.get::<_, i64>(1)?).ok().and_then(FeatureId::from_wire).ok_or_else(damaged)?,
            direction: direction_of(row.get_ref(2)?.as_str().unwrap_or_default()).ok_or_else(damaged)?,
            limit: row.get(3)?,
            hysteresis: row.get(4)?,
            severity: severity_of(row.get_ref(5)?.as_str().unwrap_or_default()).ok_or_else(damaged)?,
        };
        let by: Option<String> = row.get(9)?;
        alarms.push(Alarm {
            id: row.get(0)?,
            rule,
            since: Timestamp::from_micros(row.get(6)?),
            value: row.get(7)?,
            simulated: row.get(8)?,
            acknowledged: by.zip(micros(10)?).map(|(by, at)| Acknowledgement { by, at }),
            cleared_at: micros(11)?,
        });
    }
    Ok(alarms)
}

/// Checks the file, or fills a new one; then WAL, every commit synced.
fn prepare(conn: &mut Connection, path: &Path) -> Result<()> {
    let not_live = |e: rusqlite::Error| LiveError::NotLive { path: path.to_owned(), detail: format!("it is not a readings' store ({e})") };
    let number = |conn: &Connection, pragma: &str| conn.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0));
    let empty = number(conn, "schema_version").map_err(not_live)? == 0;
    if !empty && number(conn, "application_id").map_err(not_live)? != i64::from(APPLICATION_ID) {
        return Err(LiveError::NotLive { path: path.to_owned(), detail: "it is not a readings' store".into() });
    }
    let found = number(conn, "user_version")?;
    if !empty && found > FORMAT {
        return Err(LiveError::FutureFormat { path: path.to_owned(), found, known: FORMAT });
    }
    let mode: String = conn.query_row("PRAGMA journal_mode=WAL", [], |row| row.get(0))?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(LiveError::NotLive {
            path: path.to_owned(),
            detail: format!("its journal stays in mode {mode}; another program holds it open"),
        });
    }
    conn.execute_batch("PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-16384;")?;
    if empty {
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        tx.execute_batch(SCHEMA)?;
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.pragma_update(None, "user_version", FORMAT)?;
        tx.commit()?;
    }
    Ok(())
}
