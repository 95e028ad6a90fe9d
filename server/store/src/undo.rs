//! A whole load is taken back as one: every feature that it touched is again what it was before.
//!
//! In turns, as the load itself came, each turn a revision that names the load it takes back. Broken off, it is completed by
//! being asked for again. Features that somebody else has edited since are named, and the undo is refused; or they are
//! left as they are, when that was asked for.

use crate::error::{Result, StoreError};
use crate::fids::Fids;
use crate::files::FileLock;
use crate::gpkg::rtree;
use crate::indexing;
use crate::load;
use crate::put_back::{Brought, bring_to};
use crate::read::feature_at;
use crate::schema::Table;
use crate::store::{Store, Tables};
use crate::turns::Turns;
use crate::write::note_revision;
use citytwin_model::{ClassNo, Feature, FeatureId, Fid, Revision, Timestamp};
use rusqlite::{Connection, OptionalExtension};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Later edits that are named; all are counted.
const NAMED: usize = 20;

/// What taking a load back did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Undone {
    pub load: i64,
    /// Features that the load had added.
    pub removed: u64,
    /// Features that the load had changed.
    pub changed: u64,
    /// Features that the load had deleted: back under their old ids.
    pub brought_back: u64,
    /// Features edited later, and left as they are; the first of them by name.
    pub kept: u64,
    pub kept_first: Vec<LaterEdit>,
    /// First and last revision; `None` when nothing was left to do.
    pub revisions: Option<(Revision, Revision)>,
}

/// An edit that came after a load, of a feature that the load had touched.
#[derive(Clone, Debug, PartialEq)]
pub struct LaterEdit {
    pub id: FeatureId,
    /// The newest such edit.
    pub revision: Revision,
    pub at: Option<Timestamp>,
    /// `None` when another program made it.
    pub author: Option<String>,
    pub source: String,
}

/// What a load did to one feature.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadChange {
    pub id: FeatureId,
    pub before: Option<Feature>,
    pub after: Option<Feature>,
}

impl Store {
    /// Takes a load back. `keep_later`: leave what was edited later, instead of refusing. `on_wait` is called while another
    /// program's lock is waited for, with the time waited; `false` gives up.
    pub fn undo_load(
        &self,
        id: i64,
        keep_later: bool,
        author: &str,
        on_wait: impl FnMut(Duration) -> bool + Send + 'static,
    ) -> Result<Undone> {
        let Some(_lock) = FileLock::try_take(load::lock_path(self, id))? else { return Err(StoreError::LoadRunning(id)) };
        let (trace, later) = self.reading_tables(|conn, tables| {
            let state: Option<String> = conn.query_row("SELECT state FROM ct_load WHERE id=?1", [id], |row| row.get(0)).optional()?;
            match state.as_deref() {
                None => return Err(StoreError::NoSuchLoad(id)),
                Some("undone") => return Err(StoreError::AlreadyUndone(id)),
                Some(_) => {}
            }
            let trace = Trace::of(conn, tables, id)?;
            let later = trace.later_edits(conn, tables)?;
            Ok((trace, later))
        })?;
        if later.0 > 0 && !keep_later {
            return Err(StoreError::EditedLater { load: id, count: later.0, first: later.1 });
        }
        let mut turns = Turns::new(self)?;
        turns.on_wait(Box::new(on_wait));
        let undone = trace.take_back(&mut turns, &self.tables(), author)?;
        indexing::complete(&mut turns, Some(id), &mut indexing::unknown)?;
        turns.take(|conn, _| {
            conn.execute("UPDATE ct_load SET state='undone', ended=strftime('%Y-%m-%dT%H:%M:%fZ','now') WHERE id=?1", [id])?;
            Ok(())
        })?;
        Ok(undone)
    }

    /// What a load did, feature by feature, as a layer of before and after. Features that it left as they were are not in it.
    /// `f` says whether to go on.
    pub fn load_changes(&self, id: i64, f: &mut dyn FnMut(LoadChange) -> bool) -> Result<()> {
        self.reading_tables(|conn, tables| {
            let known = conn.prepare("SELECT 1 FROM ct_load WHERE id=?1")?.exists([id])?;
            if !known {
                return Err(StoreError::NoSuchLoad(id));
            }
            let trace = Trace::of(conn, tables, id)?;
            for (class, fids) in &trace.touched {
                let table = tables.get(*class)?;
                for fid in fids.iter() {
                    let turns = boundaries(conn, table, fid)?;
                    let mut own = turns.iter().filter(|rev| trace.own.contains(rev));
                    let Some(&first) = own.next() else { continue };
                    let last = own.next_back().copied().unwrap_or(first);
                    let go_on = f(LoadChange {
                        id: FeatureId::new(*class, fid),
                        before: feature_at(conn, table, fid, first - 1)?,
                        after: feature_at(conn, table, fid, last)?,
                    });
                    if !go_on {
                        return Ok(());
                    }
                }
            }
            Ok(())
        })
    }
}

/// What a load has left in the books.
struct Trace {
    load: i64,
    /// Its revisions, and those that have been taking it back.
    own: BTreeSet<Revision>,
    undoing: BTreeSet<Revision>,
    /// Those of other loads that have been taken back since, and of their taking back: as if they had not been.
    void: BTreeSet<Revision>,
    touched: BTreeMap<ClassNo, Fids>,
}

/// How a feature stands to the load.
enum Standing {
    /// What the load did to it is to be taken back, to the version that began so, or to nothing.
    Due(Option<Revision>),
    EditedLater(Revision),
    /// Taken back already, or only compared by the load.
    Settled,
}

impl Trace {
    fn of(conn: &Connection, tables: &Tables, load: i64) -> Result<Self> {
        let revisions = |sql: &str| -> Result<BTreeSet<Revision>> {
            let mut statement = conn.prepare(sql)?;
            let rows = statement.query_map([load], |row| row.get(0))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        };
        let own = revisions("SELECT rev FROM ct_rev WHERE load_id=?1")?;
        let undoing = revisions("SELECT rev FROM ct_rev WHERE undoes=?1")?;
        let void = revisions(
            "SELECT r.rev FROM ct_rev r JOIN ct_load l ON l.id=coalesce(r.undoes, r.load_id) WHERE l.state='undone' AND l.id<>?1",
        )?;
        let mut touched: BTreeMap<ClassNo, Fids> = BTreeMap::new();
        let mut statement = conn.prepare(
            "SELECT c.class, c.fid, c.fid_to FROM ct_rev r CROSS JOIN ct_change c ON c.rev=r.rev WHERE r.load_id=?1
             UNION ALL SELECT class, fid, fid FROM ct_before WHERE load=?1",
        )?;
        let mut rows = statement.query([load])?;
        while let Some(row) = rows.next()? {
            touched.entry(ClassNo(row.get(0)?)).or_default().set_range(row.get(1)?, row.get(2)?);
        }
        for class in touched.keys() {
            if tables.get(*class).is_err() {
                let name: Option<String> =
                    conn.query_row("SELECT tbl FROM ct_class WHERE no=?1", [class.0], |row| row.get(0)).optional()?;
                return Err(StoreError::Estranged(name.unwrap_or_else(|| class.to_string())));
            }
        }
        Ok(Self { load, own, undoing, void, touched })
    }

    fn standing(&self, conn: &Connection, table: &Table, fid: Fid) -> Result<Standing> {
        let turns = boundaries(conn, table, fid)?;
        let Some(first) = turns.iter().find(|rev| self.own.contains(rev)).copied() else { return Ok(Standing::Settled) };
        let after = turns.range(first..);
        let counts = |rev: &&Revision| ![&self.own, &self.undoing, &self.void].iter().any(|set| set.contains(rev));
        if let Some(later) = after.clone().rev().find(counts) {
            return Ok(Standing::EditedLater(*later));
        }
        if after.clone().any(|rev| self.undoing.contains(rev)) {
            return Ok(Standing::Settled);
        }
        let sql = format!("SELECT ct_from FROM {} WHERE fid=?1 AND ct_from<?2 AND ct_to>=?2", table.history());
        let before = conn.prepare_cached(&sql)?.query_row((fid, first), |row| row.get(0)).optional()?;
        Ok(Standing::Due(before))
    }

    /// How many features were edited later, and the first of them.
    fn later_edits(&self, conn: &Connection, tables: &Tables) -> Result<(u64, Vec<LaterEdit>)> {
        let (mut count, mut first) = (0, Vec::new());
        for (class, fids) in &self.touched {
            let table = tables.get(*class)?;
            for fid in fids.iter() {
                if let Standing::EditedLater(revision) = self.standing(conn, table, fid)? {
                    count += 1;
                    if first.len() < NAMED {
                        first.push(later_edit(conn, FeatureId::new(*class, fid), revision)?);
                    }
                }
            }
        }
        Ok((count, first))
    }

    fn take_back(&self, turns: &mut Turns, tables: &Tables, author: &str) -> Result<Undone> {
        let mut undone = Undone { load: self.load, ..Undone::default() };
        let source = format!("undo of load {}", self.load);
        turns.take(|conn, _| {
            conn.execute("UPDATE ct_load SET state='undoing' WHERE id=?1", [self.load])?;
            for (class, fids) in &self.touched {
                let table = tables.get(*class)?;
                if fids.len() >= indexing::MANY as u64 && empties(conn, table, fids.len())? {
                    indexing::set_aside(conn, table, self.load)?;
                }
            }
            Ok(())
        })?;
        for (class, fids) in &self.touched {
            let table = tables.get(*class)?;
            let mut left = fids.iter().peekable();
            while left.peek().is_some() {
                let revision = turns.take(|conn, until| {
                    let mut wrote = false;
                    for fid in left.by_ref() {
                        wrote |= self.settle(conn, table, fid, &mut undone)?;
                        if Instant::now() >= until {
                            break;
                        }
                    }
                    if !wrote {
                        return Ok(None);
                    }
                    let revision = note_revision(conn, Some(author), &source, None)?;
                    conn.prepare_cached("UPDATE ct_rev SET undoes=?1 WHERE rev=?2")?.execute((self.load, revision))?;
                    Ok(Some(revision))
                })?;
                if let Some(revision) = revision {
                    undone.revisions = Some((undone.revisions.map_or(revision, |(first, _)| first), revision));
                }
            }
        }
        Ok(undone)
    }

    /// Takes back what the load did to one feature; whether a row was written.
    fn settle(&self, conn: &Connection, table: &Table, fid: Fid, undone: &mut Undone) -> Result<bool> {
        let id = FeatureId::new(table.no(), fid);
        let wrote = match self.standing(conn, table, fid)? {
            Standing::EditedLater(revision) => {
                undone.kept += 1;
                if undone.kept_first.len() < NAMED {
                    undone.kept_first.push(later_edit(conn, id, revision)?);
                }
                return Ok(false);
            }
            Standing::Settled => false,
            Standing::Due(version) => match bring_to(conn, table, fid, version)? {
                Brought::Back => {
                    undone.brought_back += 1;
                    true
                }
                Brought::Changed => {
                    undone.changed += 1;
                    true
                }
                Brought::Removed => {
                    undone.removed += 1;
                    true
                }
                Brought::Nowhere => false,
            },
        };
        // What its source last said, unless a later load has heard otherwise.
        conn.prepare_cached(
            "UPDATE ct_row SET said=b.was FROM ct_before b
             WHERE b.load=?1 AND b.class=?2 AND b.fid=?3 AND ct_row.class=?2 AND ct_row.fid=?3 AND ct_row.said IS b.became",
        )?
        .execute((self.load, table.no().0, fid))?;
        Ok(wrote)
    }
}

/// Whether a class loses most of its rows: then its spatial index is quicker packed anew.
fn empties(conn: &Connection, table: &Table, leaving: u64) -> Result<bool> {
    if !rtree::is_usable(conn, &table.class.id)? {
        return Ok(false);
    }
    let sql = format!("SELECT count(*) FROM (SELECT 1 FROM {} LIMIT ?1)", table.name);
    let rows: u64 = conn.query_row(&sql, [leaving.saturating_mul(2)], |row| row.get(0))?;
    Ok(rows < leaving.saturating_mul(2))
}

/// The revisions at which a feature became something else.
fn boundaries(conn: &Connection, table: &Table, fid: Fid) -> Result<BTreeSet<Revision>> {
    let mut turns = BTreeSet::new();
    let mut statement = conn.prepare_cached(&format!("SELECT ct_from, ct_to FROM {} WHERE fid=?1", table.history()))?;
    let mut rows = statement.query([fid])?;
    while let Some(row) = rows.next()? {
        turns.extend([row.get::<_, Revision>(0)?, row.get(1)?]);
    }
    let now: Option<Revision> = conn
        .prepare_cached("SELECT rev FROM ct_row WHERE class=?1 AND fid=?2")?
        .query_row((table.no().0, fid), |row| row.get(0))
        .optional()?;
    turns.extend(now);
    Ok(turns)
}

fn later_edit(conn: &Connection, id: FeatureId, revision: Revision) -> Result<LaterEdit> {
    type Told = (String, Option<String>, String);
    let told: Option<Told> = conn
        .prepare_cached("SELECT at, author, source FROM ct_rev WHERE rev=?1")?
        .query_row([revision], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    // Not sealed yet: another program has just made it.
    let (at, author, source) = told.unwrap_or_else(|| (String::new(), None, "outside".into()));
    Ok(LaterEdit { id, revision, at: at.parse().ok(), author, source })
}
