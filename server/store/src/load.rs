//! A data set comes in: a chain of revisions under one load id.
//!
//! Where others have the store open, each link holds the write lock for 40 ms at most and then leaves it free for 20 ms, so
//! that other writers and edit sessions get their turn; records are checked in the gaps. Each link is visible as it lands, in whole features.
//! The same data set loaded again updates by its key (`code`, else the source's own id, else a hash of the record):
//! a record that says what it said last time changes nothing, even where the city has been corrected since.

mod checker;
mod fresh;
mod gone;
mod keys;
mod one;
mod origin;
mod quiet;
mod statements;

use crate::error::{Refusal, Result, StoreError};
use crate::fids::Fids;
use crate::files::FileLock;
use crate::indexing;
use crate::store::{Store, Tables, begin_unchecked, begin_write};
use crate::turns::Turns;
use crate::write::{note_revision, sealed};
pub use checker::{Checked, Checker};
use citytwin_model::{ClassNo, FeatureId, Fid, Geometry, Revision, Value};
pub use gone::Unstored;
pub use origin::{SourceSystem, Way};

use fresh::Fresh;
use gone::Spared;
use one::{Fate, Link, Past, Said, Waiting, link_one, load_one};
use origin::Origin;
use quiet::Quiet;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use statements::Hands;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Records waiting for their link; the bound on a load's memory.
const QUEUE: usize = 4096;
/// The same where turns may be long.
const QUEUE_ALONE: usize = 16 << 10;

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

/// What a file has columns for. Of the rest it says nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Columns {
    /// By the attributes' places.
    pub attributes: Vec<bool>,
    /// Names of those that the class does not know; `None`: the file speaks for all that there are.
    pub others: Option<BTreeSet<String>>,
}

/// `None`: the file speaks for everything.
type Filled = Option<Arc<Columns>>;

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
    /// It is being taken back, or that was broken off; asking for it again completes it.
    Undoing,
    /// Taken back.
    Undone,
}

impl LoadState {
    /// As `ct_load` says it: there a load that runs and one that was killed look alike.
    fn of(state: &str) -> Self {
        match state {
            "complete" => Self::Complete,
            "undoing" => Self::Undoing,
            "undone" => Self::Undone,
            _ => Self::BrokenOff,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct LoadSummary {
    pub id: i64,
    pub source: String,
    pub file: String,
    pub state: LoadState,
    pub counts: Counts,
    /// The same by class, of a load that has just ended; a list of loads does not have it.
    pub by_class: BTreeMap<ClassNo, Counts>,
    /// Classes of which something is gone and nothing was deleted: a refused record might be it. Of a load that has just ended.
    pub undeleted: Vec<ClassNo>,
    /// How the coordinates became degrees.
    pub ways: Vec<Way>,
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
    _lock: FileLock,
    queue: VecDeque<Waiting>,
    /// Records that may wait.
    room: usize,
    seen: BTreeMap<ClassNo, Fids>,
    spared: Spared,
    origin: Origin,
    /// Next ordinal of records that are alike and have neither code nor id.
    alike: HashMap<(ClassNo, Said), u32>,
    counts: Counts,
    by_class: BTreeMap<ClassNo, Counts>,
    refused: Vec<Refused>,
    turns: Turns<'s>,
    quiet: Quiet,
    fresh: Fresh,
    done: bool,
}

impl Store {
    /// Starts a load. The records of referenced classes are best added first: what they resolve at once needs no second version.
    pub fn begin_load(&self, info: LoadInfo) -> Result<Load<'_>> {
        let (id, source) = {
            let mut conn = self.writer();
            let tx = begin_write(&mut conn)?;
            tx.execute(
                "INSERT INTO ct_source(name, credit, licence) VALUES(?1, ?2, ?3)
                 ON CONFLICT(name) DO UPDATE SET credit=coalesce(excluded.credit, credit), licence=coalesce(excluded.licence, licence)",
                (&info.source, &info.credit, &info.licence),
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
        let lock = FileLock::try_take(lock_path(self, id))?.ok_or(StoreError::Busy)?;
        Ok(Load {
            store: self,
            tables: self.tables(),
            info,
            id,
            source,
            _lock: lock,
            queue: VecDeque::new(),
            room: QUEUE,
            seen: BTreeMap::new(),
            spared: Spared::default(),
            origin: Origin::default(),
            alike: HashMap::new(),
            counts: Counts::default(),
            by_class: BTreeMap::new(),
            refused: Vec::new(),
            turns: Turns::new(self)?,
            quiet: Quiet::default(),
            fresh: Fresh::default(),
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
                        (SELECT max(rev) FROM ct_rev r WHERE r.load_id=l.id), l.origin
                 FROM ct_load l JOIN ct_source s ON s.no=l.source ORDER BY l.id DESC",
            )?;
            let rows = statement.query_map([], |row| {
                let (first, last): (Option<Revision>, Option<Revision>) = (row.get(7)?, row.get(8)?);
                let counts: Option<String> = row.get(4)?;
                let (state, origin): (String, Option<String>) = (row.get(3)?, row.get(9)?);
                Ok(LoadSummary {
                    by_class: BTreeMap::new(),
                    undeleted: Vec::new(),
                    ways: Origin::read(origin.as_deref()).ways,
                    id: row.get(0)?,
                    source: row.get(1)?,
                    file: row.get(2)?,
                    state: LoadState::of(&state),
                    counts: counts.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default(),
                    started: row.get(5)?,
                    ended: row.get(6)?,
                    revisions: first.zip(last),
                })
            })?;
            let mut loads = rows.collect::<rusqlite::Result<Vec<_>>>()?;
            for load in loads.iter_mut().filter(|load| load.state == LoadState::BrokenOff) {
                if is_running(self, load.id) {
                    load.state = LoadState::Running;
                }
            }
            Ok(loads)
        })
    }
}

pub(crate) fn lock_path(store: &Store, id: i64) -> PathBuf {
    store.dir().join(format!(".load-{id}.lock"))
}

/// Whether the process that does the load is there.
pub(crate) fn is_running(store: &Store, id: i64) -> bool {
    FileLock::is_held(&lock_path(store, id))
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
        self.turns.on_wait(Box::new(f));
    }

    /// The records refused since the last call.
    pub fn take_refused(&mut self) -> Vec<Refused> {
        std::mem::take(&mut self.refused)
    }

    /// Nothing else in this process uses the store: while no other process has it open either, links may be long.
    pub fn own_process(&mut self) {
        self.turns.own_process(true);
        self.room = QUEUE_ALONE;
    }

    /// Longest time that the write lock was held, and the number of links.
    pub fn pace(&self) -> (Duration, u64) {
        self.turns.pace()
    }

    /// Adds a record. What is refused is counted and listed in [`Load::take_refused`]; it costs nothing else.
    pub fn add(&mut self, record: Record) -> Result<()> {
        self.add_filled(record, None)
    }

    /// The same, of a file that has columns for the `filled` attributes only. Of the others it says nothing, so where the
    /// feature is there already they stay as they are.
    pub fn add_filled(&mut self, record: Record, filled: Filled) -> Result<()> {
        self.know(record.class)?;
        let (number, checker) = (record.number, Checker { tables: self.tables.clone() });
        self.add_checked(number, checker.check(record, filled)?)
    }

    /// The same of a record that a [`Checker`] has looked at; `number` is its place in the file.
    pub fn add_checked(&mut self, number: u64, checked: Checked) -> Result<()> {
        match checked.0 {
            Ok(mut waiting) => {
                self.know(waiting.class)?;
                if waiting.columns() != self.tables.get(waiting.class)?.columns.len() {
                    self.know_anew()?;
                }
                let columns = self.tables.get(waiting.class)?.columns.len();
                if waiting.columns() == columns {
                    waiting.belongs(number, self.source);
                    self.queue.push_back(waiting);
                } else {
                    self.refuse(number, Refusal::AttributeCount { found: waiting.columns(), wanted: columns });
                }
            }
            Err(refusal) => self.refuse(number, refusal),
        }
        if self.queue.len() >= self.room {
            self.land()?;
        }
        Ok(())
    }

    /// A collection that was made after this load began.
    fn know(&mut self, class: ClassNo) -> Result<()> {
        if self.tables.get(class).is_err() {
            self.know_anew()?;
        }
        self.tables.get(class).map(|_| ())
    }

    /// Collections come, and get further columns, while a load goes on. What waits was made for those that were known.
    fn know_anew(&mut self) -> Result<()> {
        while !self.is_landed() {
            self.land()?;
        }
        self.tables = self.store.tables();
        Ok(())
    }

    /// Whether every record added so far has landed.
    pub fn is_landed(&self) -> bool {
        self.queue.is_empty()
    }

    /// The first record that waits for its link; those before it can be forgotten, once [`Load::take_refused`] has been heard.
    pub fn waits(&self) -> Option<u64> {
        self.queue.front().map(|waiting| waiting.number)
    }

    /// Lands what is waiting, links references, settles what is gone, packs spatial indexes.
    pub fn finish(mut self) -> Result<LoadSummary> {
        while !self.is_landed() {
            self.land()?;
        }
        self.link_references()?;
        let undeleted = self.settle_gone()?;
        indexing::complete(&mut self.turns, Some(self.id), &mut |conn, table| {
            self.fresh.take_boxes(conn, table.no(), &table.class.id, self.id)
        })?;
        let counts = serde_json::to_string(&self.counts).expect("numbers become JSON");
        let (id, source) = (self.id, self.source);
        self.turns.take(|conn, _| {
            self.origin.note(conn, id)?;
            // The source is what its whole file is, not what was corrected of it.
            if !self.origin.partial {
                conn.execute(
                    "UPDATE ct_source SET crs=coalesce(?2, crs), sha256=?3 WHERE no=?1",
                    (source, &self.info.crs, &self.info.sha256),
                )?;
            }
            conn.execute(
                "UPDATE ct_load SET state='complete', counts=?2, ended=strftime('%Y-%m-%dT%H:%M:%fZ','now') WHERE id=?1",
                (id, &counts),
            )?;
            Ok(())
        })?;
        self.done = true;
        let loads = self.store.loads()?;
        let summary = loads.into_iter().find(|load| load.id == id).expect("the load has just been written");
        Ok(LoadSummary { by_class: std::mem::take(&mut self.by_class), undeleted, ..summary })
    }

    fn refuse(&mut self, number: u64, refusal: Refusal) {
        self.counts.refused += 1;
        self.refused.push(Refused { number, refusal });
    }

    /// Lands as many waiting records as one turn allows: one link of the chain. [`Load::add`] does so when enough wait,
    /// [`Load::finish`] for the rest.
    pub fn land(&mut self) -> Result<()> {
        let tables = self.tables.clone();
        let mut landed: Vec<Landed> = Vec::new();
        let mut ranges: BTreeMap<ClassNo, (Fid, Fid)> = BTreeMap::new();
        let waiting = self.waiting_by_class();
        let classes: Vec<ClassNo> = waiting.keys().copied().collect();
        let (load, source) = (self.id, self.source);
        let (queue, quiet, fresh) = (&mut self.queue, &mut self.quiet, &mut self.fresh);
        let result = self.turns.take(|conn, until| {
            for (class, _) in waiting.iter().filter(|(_, count)| **count >= indexing::MANY) {
                indexing::consider(conn, tables.get(*class)?, load, until)?;
            }
            // Inserted rows are noted by range, below, instead of one by one by the trigger.
            conn.prepare_cached("UPDATE ct_head SET bulk=1")?.execute([])?;
            let link = Link { tables: &tables, load, source, rev: sealed(conn)? + 1 };
            let served = classes.iter().map(|class| tables.get(*class)).collect::<Result<Vec<_>>>()?;
            // Given back at the end, whatever happens.
            quiet.look(conn, &served)?;
            fresh.begin(conn, &served, link.rev - 1, |class| quiet.is_plain(class))?;
            let mut triggers = quiet.begin(conn, &served)?;
            let mut hands = served.iter().map(|table| Ok((table.no(), Hands::new(conn, table)?))).collect::<Result<BTreeMap<_, _>>>()?;
            for record in queue.iter_mut() {
                let table = tables.get(record.class)?;
                let hands = hands.get_mut(&record.class).expect("one for each class that waits");
                let mut past = Past { seen: &self.seen, alike: &mut self.alike, fresh: &mut *fresh };
                let fate = load_one(&link, hands, table, record, &mut past, &mut || triggers.wake())?;
                if let Fate::Added(fid) = fate {
                    let range = ranges.entry(record.class).or_insert((fid, fid));
                    debug_assert!(fid <= range.1 + 1, "under the lock nobody else takes numbers");
                    range.1 = fid;
                }
                if let Fate::Added(fid) | Fate::Changed(fid) | Fate::Unchanged(fid) = fate {
                    self.seen.entry(record.class).or_default().set(fid, true);
                }
                landed.push(Landed { class: record.class, fate });
                if Instant::now() >= until {
                    break;
                }
            }
            for (class, (from, to)) in &ranges {
                conn.prepare_cached("INSERT INTO ct_change(rev, class, fid, fid_to, op) VALUES(?1, ?2, ?3, ?4, 'i')")?
                    .execute((link.rev, class.0, from, to))?;
            }
            hands.iter_mut().try_for_each(|(class, hands)| hands.write_notes(&link, *class))?;
            drop(hands);
            drop(triggers);
            conn.prepare_cached("UPDATE ct_head SET bulk=0")?.execute([])?;
            let counts = counted(self.counts, &landed);
            conn.prepare_cached("UPDATE ct_load SET counts=?2 WHERE id=?1")?
                .execute((self.id, serde_json::to_string(&counts).expect("numbers become JSON")))?;
            self.origin.note(conn, self.id)?;
            if landed.iter().any(|l| matches!(l.fate, Fate::Added(_) | Fate::Changed(_))) {
                note_load_revision(conn, &self.info, self.id)?;
            }
            fresh.end(conn, sealed(conn)?)
        });
        if let Err(error) = result {
            self.fresh.forget();
            for Landed { class, fate } in landed {
                if let (Fate::Added(fid) | Fate::Changed(fid) | Fate::Unchanged(fid), Some(seen)) = (fate, self.seen.get_mut(&class)) {
                    seen.set(fid, false);
                }
            }
            return Err(error);
        }
        self.counts = counted(self.counts, &landed);
        for it in &landed {
            let counts = self.by_class.entry(it.class).or_default();
            *counts = counted(*counts, std::slice::from_ref(it));
        }
        for Landed { fate, .. } in landed {
            let record = self.queue.pop_front().expect("one fate per record");
            if let Fate::Refused(refusal) = fate {
                self.refused.push(Refused { number: record.number, refusal });
            }
        }
        Ok(())
    }

    fn waiting_by_class(&self) -> BTreeMap<ClassNo, usize> {
        let mut counts: BTreeMap<ClassNo, usize> = BTreeMap::new();
        self.queue.iter().for_each(|waiting| *counts.entry(waiting.class).or_default() += 1);
        counts
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
                self.turns.take(|conn, until| {
                    let mut wrote = false;
                    for &(class, fid) in rest {
                        wrote |= link_one(conn, &tables, FeatureId::new(ClassNo(class), fid))?;
                        count += 1;
                        if Instant::now() >= until {
                            break;
                        }
                    }
                    if wrote {
                        note_load_revision(conn, &self.info, self.id)?;
                    }
                    Ok(())
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
    }
}

/// Closes one link of the chain.
fn note_load_revision(conn: &Connection, info: &LoadInfo, load: i64) -> Result<()> {
    note_revision(conn, Some(&info.author), &info.source, Some(load))?;
    Ok(())
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
