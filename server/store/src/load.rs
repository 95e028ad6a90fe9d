//! A data set comes in: a chain of revisions under one load id.
//!
//! Each link holds the write lock for 40 ms at most and then leaves it free for 20 ms, so that other writers and edit
//! sessions get their turn; records are checked in the gaps. Each link is visible as it lands, in whole features.
//! The same data set loaded again updates by its key (`code`, else the source's own id, else a hash of the record):
//! a record that says what it said last time changes nothing, even where the city has been corrected since.

use crate::error::{Refusal, Result, StoreError};
use crate::gpkg::blob;
use crate::outside;
use crate::references;
use crate::schema::Table;
use crate::store::{Store, Tables, begin_unchecked, begin_write};
use crate::write::{Row, check, note_revision, sealed};
use citytwin_model::{ClassNo, Feature, FeatureId, Fid, Geometry, Revision, Value};
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The write lock is held no longer than this …
const HELD: Duration = Duration::from_millis(40);
/// … and then left free for at least this.
const FREE: Duration = Duration::from_millis(20);
/// Set aside, beyond the time that commits have been taking, for what a row may still cost when time is nearly up.
const MARGIN: Duration = Duration::from_millis(6);
/// Records waiting for their link; the bound on a load's memory.
const QUEUE: usize = 4096;
/// A lock that another program holds is waited for this long, unless [`Load::on_wait`] says otherwise.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where a data set comes from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LoadInfo {
    /// Name of the source: the scope of re-load keys. By habit the file's stem and layer.
    pub source: String,
    /// Shown on the map and handed on with exports.
    pub credit: Option<String>,
    pub licence: Option<String>,
    /// The source's reference system as it named it.
    pub crs: Option<String>,
    pub file: String,
    pub sha256: Option<String>,
    pub author: String,
    /// Delete what is gone from the newer file.
    pub replace: bool,
}

/// A data set that features of the city came from; [`Feature::source`] is its number.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    pub no: i64,
    pub name: String,
    /// To be shown on the map and handed on with exports, where the licence asks for it.
    pub credit: Option<String>,
    pub licence: Option<String>,
    pub crs: Option<String>,
}

/// One record of the file, in the class's terms. References as codes.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its place in the file, for the report.
    pub number: u64,
    pub class: ClassNo,
    pub geometry: Option<Geometry>,
    pub attributes: Vec<Value>,
    /// A JSON object of what the catalogue does not know.
    pub other: Option<String>,
    /// The source's own id, where it is unique in the layer.
    pub source_id: Option<String>,
}

/// A record that was not stored, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    pub number: u64,
    pub refusal: Refusal,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    pub added: u64,
    pub changed: u64,
    pub unchanged: u64,
    /// Not in the file any more; still in the city, unless `replace` deleted them.
    pub gone: u64,
    pub deleted: u64,
    pub refused: u64,
    /// Features that name a code which no feature has.
    pub unlinked: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadState {
    Running,
    /// Its process ended before it was done; running it again completes it.
    BrokenOff,
    Complete,
}

#[derive(Clone, Debug, PartialEq)]
pub struct LoadSummary {
    pub id: i64,
    pub source: String,
    pub file: String,
    pub state: LoadState,
    pub counts: Counts,
    pub started: String,
    pub ended: Option<String>,
    /// First and last revision; `None` when it changed nothing.
    pub revisions: Option<(Revision, Revision)>,
}

/// A load in progress. Dropped before [`Load::finish`], it is broken off: what has landed stays.
pub struct Load<'s> {
    store: &'s Store,
    tables: Arc<Tables>,
    info: LoadInfo,
    id: i64,
    source: i64,
    /// Locked while the load runs, so that others can tell a running one from one whose process is gone.
    lock: (PathBuf, File),
    queue: VecDeque<(Record, Said)>,
    seen: BTreeMap<ClassNo, Seen>,
    /// Next ordinal of records that are alike and have neither code nor id.
    alike: HashMap<(ClassNo, Said), u32>,
    counts: Counts,
    refused: Vec<Refused>,
    pace: Pace,
    on_wait: Option<OnWait>,
    done: bool,
}

type OnWait = Box<dyn FnMut(Duration) -> bool + Send>;

/// Hash of what a record says.
type Said = [u8; 16];

/// Fids that a load has met, as bits.
#[derive(Default)]
struct Seen(Vec<u64>);

impl Seen {
    fn has(&self, fid: Fid) -> bool {
        self.0.get(fid as usize / 64).is_some_and(|word| word & (1 << (fid % 64)) != 0)
    }

    fn set(&mut self, fid: Fid, on: bool) {
        let word = fid as usize / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        if on {
            self.0[word] |= 1 << (fid % 64);
        } else {
            self.0[word] &= !(1 << (fid % 64));
        }
    }
}

/// How long the lock was held, and how long commits take.
struct Pace {
    commit: Duration,
    free_from: Option<Instant>,
    longest: Duration,
    links: u64,
}

impl Store {
    /// Starts a load. The records of referenced classes are best added first: what they resolve at once needs no second version.
    pub fn begin_load(&self, info: LoadInfo) -> Result<Load<'_>> {
        let (id, source) = {
            let mut conn = self.writer();
            let tx = begin_write(&mut conn)?;
            tx.execute(
                "INSERT INTO ct_source(name, credit, licence, crs, sha256) VALUES(?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT(name) DO UPDATE SET credit=coalesce(excluded.credit, credit), licence=coalesce(excluded.licence, licence),
                   crs=coalesce(excluded.crs, crs), sha256=excluded.sha256",
                (&info.source, &info.credit, &info.licence, &info.crs, &info.sha256),
            )?;
            let source: i64 = tx.query_row("SELECT no FROM ct_source WHERE name=?1", [&info.source], |row| row.get(0))?;
            tx.execute(
                "INSERT INTO ct_load(source, file, sha256, state, started) VALUES(?1, ?2, ?3, 'running', strftime('%Y-%m-%dT%H:%M:%fZ','now'))",
                (source, &info.file, &info.sha256),
            )?;
            let id = tx.last_insert_rowid();
            tx.commit()?;
            (id, source)
        };
        let path = lock_path(self, id);
        let file = File::create(&path).map_err(StoreError::io(&path))?;
        file.try_lock().map_err(|e| StoreError::Io { path: path.clone(), source: e.into() })?;
        Ok(Load {
            store: self,
            tables: self.tables(),
            info,
            id,
            source,
            lock: (path, file),
            queue: VecDeque::new(),
            seen: BTreeMap::new(),
            alike: HashMap::new(),
            counts: Counts::default(),
            refused: Vec::new(),
            pace: Pace { commit: Duration::from_millis(5), free_from: None, longest: Duration::ZERO, links: 0 },
            on_wait: None,
            done: false,
        })
    }

    /// Where the city's data come from, by name.
    pub fn sources(&self) -> Result<Vec<Source>> {
        self.reading(|conn| {
            let mut statement = conn.prepare("SELECT no, name, credit, licence, crs FROM ct_source ORDER BY name")?;
            let rows = statement.query_map([], |row| {
                Ok(Source { no: row.get(0)?, name: row.get(1)?, credit: row.get(2)?, licence: row.get(3)?, crs: row.get(4)? })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// All loads, newest first.
    pub fn loads(&self) -> Result<Vec<LoadSummary>> {
        self.reading(|conn| {
            let mut statement = conn.prepare(
                "SELECT l.id, s.name, l.file, l.state, l.counts, l.started, l.ended, (SELECT min(rev) FROM ct_rev r WHERE r.load_id=l.id),
                        (SELECT max(rev) FROM ct_rev r WHERE r.load_id=l.id)
                 FROM ct_load l JOIN ct_source s ON s.no=l.source ORDER BY l.id DESC",
            )?;
            let rows = statement.query_map([], |row| {
                let (first, last): (Option<Revision>, Option<Revision>) = (row.get(7)?, row.get(8)?);
                let counts: Option<String> = row.get(4)?;
                let state: String = row.get(3)?;
                Ok(LoadSummary {
                    id: row.get(0)?,
                    source: row.get(1)?,
                    file: row.get(2)?,
                    state: if state == "complete" { LoadState::Complete } else { LoadState::BrokenOff },
                    counts: counts.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default(),
                    started: row.get(5)?,
                    ended: row.get(6)?,
                    revisions: first.zip(last),
                })
            })?;
            let mut loads = rows.collect::<rusqlite::Result<Vec<_>>>()?;
            for load in loads.iter_mut().filter(|load| load.state != LoadState::Complete) {
                if is_locked(&lock_path(self, load.id)) {
                    load.state = LoadState::Running;
                }
            }
            Ok(loads)
        })
    }
}

fn lock_path(store: &Store, id: i64) -> PathBuf {
    store.dir().join(format!(".load-{id}.lock"))
}

fn is_locked(path: &std::path::Path) -> bool {
    File::open(path).is_ok_and(|file| matches!(file.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock)))
}

impl Load<'_> {
    pub fn id(&self) -> i64 {
        self.id
    }

    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Called every few seconds while another program's lock is waited for, with the time waited; `false` gives up.
    pub fn on_wait(&mut self, f: impl FnMut(Duration) -> bool + Send + 'static) {
        self.on_wait = Some(Box::new(f));
    }

    /// The records refused since the last call.
    pub fn take_refused(&mut self) -> Vec<Refused> {
        std::mem::take(&mut self.refused)
    }

    /// Longest time that the write lock was held, and the number of links.
    pub fn pace(&self) -> (Duration, u64) {
        (self.pace.longest, self.pace.links)
    }

    /// Adds a record. What is refused is counted and listed in [`Load::take_refused`]; it costs nothing else.
    pub fn add(&mut self, record: Record) -> Result<()> {
        let table = match self.tables.get(record.class) {
            Ok(table) => table,
            Err(_) => {
                // A collection made after this load began.
                self.tables = self.store.tables();
                self.tables.get(record.class)?
            }
        };
        if let Err(refusal) = check(table, record.geometry.as_ref(), &record.attributes, record.other.as_deref()) {
            self.refuse(record.number, refusal);
            return Ok(());
        }
        let said = said(table, &record);
        self.queue.push_back((record, said));
        if self.queue.len() >= QUEUE {
            self.land()?;
        }
        Ok(())
    }

    /// Whether every record added so far has landed.
    pub fn is_landed(&self) -> bool {
        self.queue.is_empty()
    }

    /// Lands what is waiting, links references, settles what is gone.
    pub fn finish(mut self) -> Result<LoadSummary> {
        while !self.is_landed() {
            self.land()?;
        }
        self.link_references()?;
        self.settle_gone()?;
        let counts = serde_json::to_string(&self.counts).expect("numbers become JSON");
        self.in_turn(move |load, conn, _| {
            conn.execute(
                "UPDATE ct_load SET state='complete', counts=?2, ended=strftime('%Y-%m-%dT%H:%M:%fZ','now') WHERE id=?1",
                (load.id, &counts),
            )?;
            Ok(Worked::Nothing)
        })?;
        self.done = true;
        let id = self.id;
        let loads = self.store.loads()?;
        Ok(loads.into_iter().find(|load| load.id == id).expect("the load has just been written"))
    }

    fn refuse(&mut self, number: u64, refusal: Refusal) {
        self.counts.refused += 1;
        self.refused.push(Refused { number, refusal });
    }

    /// One link of the chain: waits for its turn, lets `work` write until its time is up, closes the revision.
    /// `work` gets the moment at which to stop; when it or the commit fails, nothing of the link stays.
    fn in_turn(&mut self, work: impl FnOnce(&mut Self, &Connection, Instant) -> Result<Worked>) -> Result<()> {
        if let Some(wait) = self.pace.free_from.and_then(|at| at.checked_duration_since(Instant::now())) {
            std::thread::sleep(wait);
        }
        let store = self.store;
        let conn = store.writer();
        let waited = Instant::now();
        let tx = loop {
            match begin_unchecked(&conn) {
                Err(StoreError::Busy) if self.keeps_waiting(waited.elapsed()) => {}
                other => break other?,
            }
        };
        let start = Instant::now();
        let reserve = (self.pace.commit + MARGIN).min(HELD - Duration::from_millis(4));
        outside::seal(&tx)?;
        if work(self, &tx, start + HELD - reserve)? == Worked::Rows {
            note_revision(&tx, Some(&self.info.author), &self.info.source, Some(self.id))?;
        }
        let before_commit = Instant::now();
        tx.commit()?;
        let end = Instant::now();
        // Commits are slow now and then; half the worst is remembered for a while.
        self.pace.commit = (end - before_commit).max(self.pace.commit * 3 / 4);
        self.pace.longest = self.pace.longest.max(end - start);
        self.pace.links += 1;
        self.pace.free_from = Some(end + FREE);
        Ok(())
    }

    fn keeps_waiting(&mut self, waited: Duration) -> bool {
        match &mut self.on_wait {
            Some(f) => f(waited),
            None => waited < PATIENCE,
        }
    }

    /// Lands as many waiting records as one turn allows: one link of the chain. [`Load::add`] does so when enough wait,
    /// [`Load::finish`] for the rest.
    pub fn land(&mut self) -> Result<()> {
        let tables = self.tables.clone();
        let mut landed: Vec<Landed> = Vec::new();
        let mut ranges: BTreeMap<ClassNo, (Fid, Fid)> = BTreeMap::new();
        let result = self.in_turn(|load, conn, until| {
            // Inserted rows are noted by range, below, instead of one by one by the trigger.
            conn.prepare_cached("UPDATE ct_head SET bulk=1")?.execute([])?;
            let rev = sealed(conn)? + 1;
            for (record, said) in &load.queue {
                let table = tables.get(record.class)?;
                let fate = load_one(conn, &tables, table, record, said, load.source, rev, &load.seen, &mut load.alike)?;
                if let Fate::Added(fid) = fate {
                    let range = ranges.entry(record.class).or_insert((fid, fid));
                    debug_assert!(fid <= range.1 + 1, "under the lock nobody else takes numbers");
                    range.1 = fid;
                }
                if let Fate::Added(fid) | Fate::Changed(fid) | Fate::Unchanged(fid) = fate {
                    load.seen.entry(record.class).or_default().set(fid, true);
                }
                landed.push(Landed { class: record.class, fate });
                if Instant::now() >= until {
                    break;
                }
            }
            for (class, (from, to)) in &ranges {
                conn.prepare_cached("INSERT INTO ct_change(rev, class, fid, fid_to, op) VALUES(?1, ?2, ?3, ?4, 'i')")?
                    .execute((rev, class.0, from, to))?;
            }
            conn.prepare_cached("UPDATE ct_head SET bulk=0")?.execute([])?;
            let counts = counted(load.counts, &landed);
            conn.prepare_cached("UPDATE ct_load SET counts=?2 WHERE id=?1")?
                .execute((load.id, serde_json::to_string(&counts).expect("numbers become JSON")))?;
            let wrote = landed.iter().any(|l| matches!(l.fate, Fate::Added(_) | Fate::Changed(_)));
            Ok(if wrote { Worked::Rows } else { Worked::Nothing })
        });
        if let Err(error) = result {
            for Landed { class, fate } in landed {
                if let (Fate::Added(fid) | Fate::Changed(fid) | Fate::Unchanged(fid), Some(seen)) = (fate, self.seen.get_mut(&class)) {
                    seen.set(fid, false);
                }
            }
            return Err(error);
        }
        self.counts = counted(self.counts, &landed);
        for Landed { fate, .. } in landed {
            let (record, _) = self.queue.pop_front().expect("one fate per record");
            if let Fate::Refused(refusal) = fate {
                self.refused.push(Refused { number: record.number, refusal });
            }
        }
        Ok(())
    }

    /// Gives features that name a code their target, where it has arrived by now.
    fn link_references(&mut self) -> Result<()> {
        self.tables = self.store.tables();
        let tables = self.tables.clone();
        let mut after: (u16, Fid) = (0, 0);
        loop {
            let waiting: Vec<(u16, Fid)> = self.store.reading(|conn| {
                let mut statement =
                    conn.prepare_cached("SELECT class, fid FROM ct_unlinked WHERE (class, fid) > (?1, ?2) ORDER BY class, fid LIMIT 2000")?;
                let rows = statement.query_map(after, |row| Ok((row.get(0)?, row.get(1)?)))?;
                Ok(rows.collect::<rusqlite::Result<_>>()?)
            })?;
            if waiting.is_empty() {
                break;
            }
            let mut done = 0;
            while done < waiting.len() {
                let rest = &waiting[done..];
                let mut count = 0;
                self.in_turn(|_, conn, until| {
                    let mut wrote = false;
                    for &(class, fid) in rest {
                        wrote |= link_one(conn, &tables, FeatureId::new(ClassNo(class), fid))?;
                        count += 1;
                        if Instant::now() >= until {
                            break;
                        }
                    }
                    Ok(if wrote { Worked::Rows } else { Worked::Nothing })
                })?;
                done += count;
            }
            after = *waiting.last().expect("just found not empty");
        }
        let source = self.source;
        self.counts.unlinked = self.store.reading(|conn| {
            let mut left = 0;
            for table in tables.served.iter().filter(|table| !table.refs.is_empty()) {
                let sql =
                    format!("SELECT count(*) FROM ct_unlinked u JOIN {} t ON t.fid=u.fid WHERE u.class=?1 AND t.source=?2", table.name);
                left += conn.query_row(&sql, (table.no().0, source), |row| row.get::<_, u64>(0))?;
            }
            Ok(left)
        })?;
        Ok(())
    }

    /// Counts what the source had before and this file has not; deletes it when that was asked for.
    fn settle_gone(&mut self) -> Result<()> {
        let tables = self.tables.clone();
        let classes: Vec<ClassNo> = self.seen.keys().copied().collect();
        for class in classes {
            let table = tables.get(class)?;
            let gone: Vec<Fid> = self.store.reading(|conn| {
                let mut statement = conn.prepare(&format!("SELECT fid FROM {} WHERE source=?1", table.name))?;
                let rows = statement.query_map([self.source], |row| row.get::<_, Fid>(0))?;
                let seen = &self.seen[&class];
                Ok(rows.filter(|fid| fid.as_ref().map_or(true, |fid| !seen.has(*fid))).collect::<rusqlite::Result<_>>()?)
            })?;
            self.counts.gone += gone.len() as u64;
            let mut left = if self.info.replace { &gone[..] } else { &[] };
            while !left.is_empty() {
                let mut count = 0;
                self.in_turn(|_, conn, until| {
                    for fid in left {
                        conn.prepare_cached(&table.delete)?.execute([fid])?;
                        count += 1;
                        if Instant::now() >= until {
                            break;
                        }
                    }
                    Ok(Worked::Rows)
                })?;
                self.counts.deleted += count as u64;
                left = &left[count..];
            }
        }
        Ok(())
    }
}

impl Drop for Load<'_> {
    fn drop(&mut self) {
        if !self.done
            && let conn = self.store.writer()
            && let Ok(tx) = begin_unchecked(&conn)
        {
            let _ = tx.execute("UPDATE ct_load SET state='broken off', ended=strftime('%Y-%m-%dT%H:%M:%fZ','now') WHERE id=?1", [self.id]);
            let _ = tx.commit();
        }
        let _ = self.lock.1.unlock();
        let _ = std::fs::remove_file(&self.lock.0);
    }
}

/// Whether a link changed features, and so is a revision.
#[derive(PartialEq)]
enum Worked {
    Rows,
    Nothing,
}

enum Fate {
    Added(Fid),
    Changed(Fid),
    Unchanged(Fid),
    Refused(Refusal),
}

struct Landed {
    class: ClassNo,
    fate: Fate,
}

fn counted(mut counts: Counts, landed: &[Landed]) -> Counts {
    for Landed { fate, .. } in landed {
        match fate {
            Fate::Added(_) => counts.added += 1,
            Fate::Changed(_) => counts.changed += 1,
            Fate::Unchanged(_) => counts.unchanged += 1,
            Fate::Refused(_) => counts.refused += 1,
        }
    }
    counts
}

#[expect(
    clippy::too_many_arguments,
    reason = "the link's whole state, apart so that the borrow checker sees what is read and what is written"
)]
fn load_one(
    conn: &Connection,
    tables: &Tables,
    table: &Table,
    record: &Record,
    said: &Said,
    source: i64,
    rev: Revision,
    seen: &BTreeMap<ClassNo, Seen>,
    alike: &mut HashMap<(ClassNo, Said), u32>,
) -> Result<Fate> {
    let met = |fid: Fid| seen.get(&record.class).is_some_and(|seen| seen.has(fid));
    let class = record.class.0;
    // What has no code is found again by a key of its own.
    let (key, found) = match code(table, record) {
        Some(code) => {
            let found = conn.prepare_cached(&table.by_code)?.query_row((&code, source), |row| row.get::<_, Fid>(0)).optional()?;
            if found.is_some_and(met) {
                return Ok(Fate::Refused(Refusal::KeyTwice { key: code }));
            }
            (None, found)
        }
        None => {
            let by_id = record.source_id.as_ref().map(|id| format!("id:{id}"));
            let by_id = match by_id {
                Some(key) => {
                    let found = by_key(conn, table, source, &key)?;
                    // An id that comes twice is no id: the later record is known by what it says.
                    (!found.is_some_and(met)).then_some((key, found))
                }
                None => None,
            };
            let (key, found) = match by_id {
                Some(it) => it,
                None => {
                    let ordinal = alike.entry((record.class, *said)).or_insert(0);
                    let key = format!("is:{}:{ordinal}", hex(said));
                    *ordinal += 1;
                    let found = by_key(conn, table, source, &key)?;
                    (key, found)
                }
            };
            (Some(key), found)
        }
    };
    if let Some(fid) = found {
        let last: Option<Vec<u8>> = conn
            .prepare_cached("SELECT said FROM ct_row WHERE class=?1 AND fid=?2")?
            .query_row((class, fid), |row| row.get(0))
            .optional()?
            .flatten();
        if last.as_deref() == Some(&said[..]) {
            return Ok(Fate::Unchanged(fid));
        }
        let row = row(conn, tables, table, record, source)?;
        let same = is_stored(conn, table, fid, &row.values)?;
        if !same {
            row.update(conn, fid)?;
            row.note_unlinked(conn, fid)?;
        }
        conn.prepare_cached("UPDATE ct_row SET said=?3 WHERE class=?1 AND fid=?2")?.execute((class, fid, &said[..]))?;
        return Ok(if same { Fate::Unchanged(fid) } else { Fate::Changed(fid) });
    }
    let row = row(conn, tables, table, record, source)?;
    let fid = row.insert(conn)?;
    conn.prepare_cached("INSERT INTO ct_row(class, fid, rev, said) VALUES(?1, ?2, ?3, ?4)")?.execute((class, fid, rev, &said[..]))?;
    if let Some(key) = key {
        conn.prepare_cached("INSERT OR REPLACE INTO ct_key(source, class, key, fid) VALUES(?1, ?2, ?3, ?4)")?
            .execute((source, class, key, fid))?;
    }
    row.note_unlinked(conn, fid)?;
    Ok(Fate::Added(fid))
}

fn row<'t>(conn: &Connection, tables: &Tables, table: &'t Table, record: &Record, source: i64) -> Result<Row<'t>> {
    Row::new(conn, tables, table, record.geometry.as_ref(), &record.attributes, record.other.as_deref(), Some(source))
}

fn code(table: &Table, record: &Record) -> Option<String> {
    match &record.attributes[table.code?] {
        Value::Text(code) if !code.is_empty() => Some(code.clone()),
        Value::Int(n) => Some(n.to_string()),
        _ => None,
    }
}

fn by_key(conn: &Connection, table: &Table, source: i64, key: &str) -> Result<Option<Fid>> {
    let fid: Option<Fid> = conn
        .prepare_cached(
            "SELECT k.fid FROM ct_key k JOIN ct_row r ON r.class=k.class AND r.fid=k.fid WHERE k.source=?1 AND k.class=?2 AND k.key=?3",
        )?
        .query_row((source, table.no().0, key), |row| row.get(0))
        .optional()?;
    Ok(fid)
}

/// Whether the row holds just this already.
fn is_stored(conn: &Connection, table: &Table, fid: Fid, values: &[Sql]) -> Result<bool> {
    let mut statement = conn.prepare_cached(&format!("SELECT {} FROM {} t WHERE fid=?1", table.selected("t"), table.name))?;
    let mut rows = statement.query([fid])?;
    let Some(row) = rows.next()? else { return Ok(false) };
    for (i, value) in values.iter().enumerate() {
        let stored: Sql = row.get(i)?;
        // Another program may have written the same geometry with other bytes.
        let same = match (&stored, value) {
            (Sql::Blob(a), Sql::Blob(b)) => a == b || matches!((blob::read(a), blob::read(b)), (Ok(a), Ok(b)) if a == b),
            (a, b) => a == b,
        };
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Links one feature's references; whether it changed.
fn link_one(conn: &Connection, tables: &Tables, id: FeatureId) -> Result<bool> {
    let forget = || -> Result<bool> {
        conn.prepare_cached("DELETE FROM ct_unlinked WHERE class=?1 AND fid=?2")?.execute((id.class.0, id.fid))?;
        Ok(false)
    };
    let Ok(table) = tables.get(id.class) else { return Ok(false) };
    let Some(feature) = crate::read::feature_now(conn, table, id.fid)? else { return forget() };
    let Feature { attributes, geometry, other, source, .. } = feature;
    let mut open = 0;
    let mut resolvable = 0;
    for (i, classes) in &table.refs {
        if let Value::Text(code) = &attributes[*i] {
            open += 1;
            resolvable += usize::from(references::resolve(conn, tables, classes, code, source)?.is_some());
        }
    }
    if open == 0 {
        return forget();
    }
    // What another program left unreadable is not rewritten.
    if resolvable == 0 || check(table, geometry.as_ref(), &attributes, other.as_deref()).is_err() {
        return Ok(false);
    }
    let row = Row::new(conn, tables, table, geometry.as_ref(), &attributes, other.as_deref(), source)?;
    row.update(conn, id.fid)?;
    row.note_unlinked(conn, id.fid)?;
    Ok(true)
}

/// Hash of everything a record says: class, geometry, attributes, further attributes.
fn said(table: &Table, record: &Record) -> Said {
    let mut hash = Sha256::new();
    let mut bytes = Vec::with_capacity(64);
    if let Some(geometry) = &record.geometry {
        blob::write(geometry, table.multi, &mut bytes);
    }
    hash.update((bytes.len() as u64).to_le_bytes());
    hash.update(&bytes);
    for (attribute, value) in table.class.attributes.iter().zip(&record.attributes) {
        bytes.clear();
        match value {
            // An attribute that the catalogue gains later is null in the records that lack it, and changes no hash.
            Value::Null => continue,
            Value::Bool(b) => bytes.extend([b'b', u8::from(*b)]),
            Value::Int(n) => {
                bytes.push(b'i');
                bytes.extend(n.to_le_bytes());
            }
            Value::Real(x) => {
                bytes.push(b'r');
                bytes.extend(x.to_le_bytes());
            }
            Value::Text(text) => {
                bytes.push(b't');
                bytes.extend(text.as_bytes());
            }
        }
        for part in [attribute.id.as_bytes(), &bytes] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    hash.update(record.other.as_deref().unwrap_or_default());
    hash.finalize()[..16].try_into().expect("SHA-256 has 32 bytes")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
