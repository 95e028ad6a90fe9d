//! Reading: whole classes, one feature, its history, and what changed since a revision.
//!
//! Everything is read as of a sealed revision. Rows that another program has just changed, and that are not sealed yet,
//! have their sealed version in history: a reader never sees half of an edit session.

use crate::as_of::read_table_as_of;
use crate::error::{Result, StoreError};
use crate::gpkg::blob;
use crate::references;
use crate::row;
use crate::schema::Table;
use crate::store::{Store, Tables};
use crate::write::sealed;
use citytwin_model::{Bounds, ClassNo, Feature, FeatureId, Fid, Revision, Timestamp};
use rusqlite::{Connection, OptionalExtension};
use std::collections::{BTreeMap, BTreeSet};

/// What a change did to a feature, seen from one revision to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    Created,
    Changed,
    Deleted,
}

/// `ct_change.op` of what was gone with a table that another program replaced: nobody has its last version.
pub(crate) const LOST: &str = "x";

/// One feature changed by one revision.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub rev: Revision,
    /// Place in the feed; rises with the revisions.
    pub seq: i64,
    pub class: ClassNo,
    pub fid: Fid,
    pub op: Op,
    /// Where it was; `None` when it was not there or has no place.
    pub old_bounds: Option<Bounds>,
    /// Where it is; `None` when it is gone or has no place.
    pub new_bounds: Option<Bounds>,
}

/// A piece of the change feed: whole revisions only.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Changes {
    pub changes: Vec<Change>,
    /// The last revision that is in here: ask for what is since this next.
    pub upto: Revision,
    /// The newest revision of the city.
    pub head: Revision,
}

/// What an index needs to follow the city: the changes, and the features as they are at `changes.upto`.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Delta {
    pub changes: Changes,
    pub changed: Vec<Feature>,
    pub gone: Vec<FeatureId>,
}

/// One version of a feature.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    pub revision: Revision,
    /// When this row was changed.
    pub at: Option<Timestamp>,
    /// `None` when another program made it.
    pub author: Option<String>,
    pub source: String,
    pub load: Option<i64>,
    pub op: Op,
    /// `None` when it was deleted.
    pub feature: Option<Feature>,
}

impl Store {
    /// Reads a class whole, ordered by fid. The answer is the revision that was read.
    pub fn read_class(&self, class: ClassNo, f: &mut dyn FnMut(Feature)) -> Result<Revision> {
        self.reading_tables(|conn, tables| {
            let head = sealed(conn)?;
            read_table_as_of(conn, tables.get(class)?, head, f)?;
            Ok(head)
        })
    }

    /// Reads the whole city at one revision, class by class.
    pub fn read_all(&self, f: &mut dyn FnMut(Feature)) -> Result<Revision> {
        self.reading_tables(|conn, tables| {
            let head = sealed(conn)?;
            tables.served.iter().try_for_each(|table| read_table_as_of(conn, table, head, f))?;
            Ok(head)
        })
    }

    /// When the first revision was made, as it was written down: tells a city from one that was made in its place. `None`
    /// while there is nothing in it.
    pub fn founded(&self) -> Result<Option<String>> {
        self.reading(|conn| Ok(conn.query_row("SELECT at FROM ct_rev ORDER BY rev LIMIT 1", [], |row| row.get(0)).optional()?))
    }

    /// A feature as it is now.
    pub fn feature(&self, id: FeatureId) -> Result<Option<Feature>> {
        self.feature_as_of(id, Revision::MAX)
    }

    /// A feature as it was at a revision; `None` when it was not there.
    pub fn feature_as_of(&self, id: FeatureId, revision: Revision) -> Result<Option<Feature>> {
        self.reading_tables(|conn, tables| {
            let revision = revision.min(sealed(conn)?);
            feature_at(conn, tables.get(id.class)?, id.fid, revision)
        })
    }

    /// All versions of a feature, oldest first; empty for one that never was.
    pub fn history(&self, id: FeatureId) -> Result<Vec<Version>> {
        self.reading_tables(|conn, tables| history(conn, tables.get(id.class)?, id.fid))
    }

    /// What changed since a revision: whole revisions, the next ones, at least one and no more than about `limit` features.
    pub fn changes_since(&self, since: Revision, limit: usize) -> Result<Changes> {
        self.reading_tables(|conn, tables| changes(conn, tables, since, limit))
    }

    /// The same, with the features as they are at the end of it.
    pub fn delta_since(&self, since: Revision, limit: usize) -> Result<Delta> {
        self.reading_tables(|conn, tables| {
            let changes = changes(conn, tables, since, limit)?;
            let ids: BTreeSet<FeatureId> = changes.changes.iter().map(|c| FeatureId::new(c.class, c.fid)).collect();
            let mut delta = Delta { changes, ..Delta::default() };
            for id in ids {
                match feature_at(conn, tables.get(id.class)?, id.fid, delta.changes.upto)? {
                    Some(feature) => delta.changed.push(feature),
                    None => delta.gone.push(id),
                }
            }
            Ok(delta)
        })
    }
}

/// Columns before those of [`Table::columns`] in every select here: fid and the revision that made the version.
pub(crate) const LEADING: usize = 2;

pub(crate) fn feature_of(table: &Table, row: &rusqlite::Row<'_>) -> Result<Feature> {
    let class = &table.class;
    let mut i = LEADING;
    let geometry = if table.has_geometry {
        i += 1;
        row::geometry_value(class, row.get_ref(LEADING)?)
    } else {
        None
    };
    let mut attributes = Vec::with_capacity(class.attributes.len());
    for attribute in &class.attributes {
        attributes.push(row::attribute_value(&attribute.ty, row.get_ref(i)?));
        i += 1;
    }
    let source = row.get_ref(i)?.as_i64().ok();
    let mut other = row.get_ref(i + 1)?.as_str().ok().map(str::to_owned);
    if !table.refs.is_empty() {
        other = references::take_unresolved(other, &table.refs, class, &mut attributes);
    }
    Ok(Feature { id: FeatureId::new(class.no, row.get(0)?), revision: row.get(1)?, geometry, attributes, other, source })
}

pub(crate) fn feature_at(conn: &Connection, table: &Table, fid: Fid, revision: Revision) -> Result<Option<Feature>> {
    let sql = format!(
        "SELECT t.fid, r.rev, {now} FROM {t} t JOIN ct_row r ON r.class={no} AND r.fid=t.fid WHERE t.fid=?1 AND r.rev<=?2
         UNION ALL SELECT h.fid, h.ct_from, {then} FROM {h} h WHERE h.fid=?1 AND h.ct_from<=?2 AND h.ct_to>?2",
        now = table.selected("t"),
        t = table.name,
        no = table.no(),
        then = table.selected("h"),
        h = table.history(),
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query((fid, revision))?;
    rows.next()?.map(|row| feature_of(table, row)).transpose()
}

/// A feature as the table holds it, sealed or not.
pub(crate) fn feature_now(conn: &Connection, table: &Table, fid: Fid) -> Result<Option<Feature>> {
    feature_at(conn, table, fid, i64::MAX as Revision)
}

/// Whether a feature was there at a revision, and its box if it has one.
fn place_at(conn: &Connection, table: &Table, fid: Fid, revision: Revision) -> Result<Option<Option<Bounds>>> {
    let geom = if table.has_geometry { "geom" } else { "NULL" };
    let sql = format!(
        "SELECT t.{geom} FROM {t} t JOIN ct_row r ON r.class={no} AND r.fid=t.fid WHERE t.fid=?1 AND r.rev<=?2
         UNION ALL SELECT h.{geom} FROM {h} h WHERE h.fid=?1 AND h.ct_from<=?2 AND h.ct_to>?2",
        t = table.name,
        no = table.no(),
        h = table.history(),
    )
    .replace("t.NULL", "NULL")
    .replace("h.NULL", "NULL");
    let bounds = conn
        .prepare_cached(&sql)?
        .query_row((fid, revision), |row| Ok(row.get_ref(0)?.as_blob().ok().and_then(|bytes| blob::bounds(bytes).ok())))
        .optional()?;
    Ok(bounds)
}

fn changes(conn: &Connection, tables: &Tables, since: Revision, limit: usize) -> Result<Changes> {
    let head = sealed(conn)?;
    if since > head {
        return Err(StoreError::FutureRevision { asked: since, head });
    }
    let upto = last_within(conn, since, head, limit)?;
    // A feature touched several times within one revision changed once.
    let mut touched: BTreeMap<(Revision, ClassNo, Fid), (i64, bool)> = BTreeMap::new();
    let mut statement =
        conn.prepare_cached("SELECT seq, rev, class, fid, fid_to, op FROM ct_change WHERE rev>?1 AND rev<=?2 ORDER BY rev, seq")?;
    let mut rows = statement.query((since, upto))?;
    while let Some(row) = rows.next()? {
        let (seq, rev, class, from, to): (i64, Revision, u16, Fid, Fid) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
        let is_lost = row.get_ref(5)?.as_str().is_ok_and(|op| op == LOST);
        for fid in from..=to {
            touched.insert((rev, ClassNo(class), fid), (seq, is_lost));
        }
    }
    let mut changes = Vec::with_capacity(touched.len());
    for ((rev, class, fid), (seq, is_lost)) in touched {
        // The list is that of this very state: a class that it lacks is not served any more, and has no changes to tell.
        let Ok(table) = tables.get(class) else { continue };
        let old = place_at(conn, table, fid, rev - 1)?;
        let new = place_at(conn, table, fid, rev)?;
        let op = match (&old, &new) {
            (None, Some(_)) => Op::Created,
            (Some(_), Some(_)) => Op::Changed,
            (Some(_), None) => Op::Deleted,
            (None, None) if is_lost => Op::Deleted,
            (None, None) => continue, // came and went between two looks
        };
        changes.push(Change { rev, seq, class, fid, op, old_bounds: old.flatten(), new_bounds: new.flatten() });
    }
    changes.sort_by_key(|change| (change.rev, change.seq, change.class, change.fid));
    Ok(Changes { changes, upto, head })
}

/// The last revision such that the changes up to it stay within `limit`; at least the next one.
fn last_within(conn: &Connection, since: Revision, head: Revision, limit: usize) -> Result<Revision> {
    let mut statement =
        conn.prepare_cached("SELECT rev, sum(fid_to-fid+1) FROM ct_change WHERE rev>?1 AND rev<=?2 GROUP BY rev ORDER BY rev")?;
    let mut rows = statement.query((since, head))?;
    let mut total = 0;
    let mut last = None;
    while let Some(row) = rows.next()? {
        total += row.get::<_, usize>(1)?;
        if let Some(last) = last
            && total > limit
        {
            return Ok(last);
        }
        last = Some(row.get(0)?);
    }
    // Revisions that changed nothing come along.
    Ok(head)
}

fn history(conn: &Connection, table: &Table, fid: Fid) -> Result<Vec<Version>> {
    let head = sealed(conn)?;
    let sql = format!(
        "SELECT h.fid, h.ct_from, {then}, h.ct_to FROM {h} h WHERE h.fid=?1 AND h.ct_from<=?2
         UNION ALL SELECT t.fid, r.rev, {now}, NULL FROM {t} t JOIN ct_row r ON r.class={no} AND r.fid=t.fid WHERE t.fid=?1 AND r.rev<=?2
         ORDER BY 2",
        then = table.selected("h"),
        now = table.selected("t"),
        t = table.name,
        no = table.no(),
        h = table.history(),
    );
    let mut features: Vec<(Feature, Option<Revision>)> = Vec::new();
    {
        let mut statement = conn.prepare_cached(&sql)?;
        let mut rows = statement.query((fid, head))?;
        while let Some(row) = rows.next()? {
            let ended: Option<Revision> = row.get(LEADING + table.columns.len())?;
            features.push((feature_of(table, row)?, ended.filter(|&ended| ended <= head)));
        }
    }
    let mut versions: Vec<Version> = Vec::new();
    let mut there = false;
    for i in 0..features.len() {
        let (feature, ended) = &features[i];
        let op = if there { Op::Changed } else { Op::Created };
        versions.push(version(conn, table, fid, feature.revision, op, Some(feature.clone()))?);
        let goes_on = features.get(i + 1).is_some_and(|(next, _)| Some(next.revision) == *ended);
        there = ended.is_none() || goes_on;
        if let Some(ended) = ended
            && !goes_on
        {
            versions.push(version(conn, table, fid, *ended, Op::Deleted, None)?);
        }
    }
    Ok(versions)
}

fn version(conn: &Connection, table: &Table, fid: Fid, revision: Revision, op: Op, feature: Option<Feature>) -> Result<Version> {
    let (sealed_at, author, source, load): (String, Option<String>, String, Option<i64>) = conn
        .prepare_cached("SELECT at, author, source, load_id FROM ct_rev WHERE rev=?1")?
        .query_row([revision], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    // One revision may gather days of edits made while no server ran: each keeps its own time. Our own writes are dated as
    // as-of dates them, by the moment they were sealed.
    let row_at: Option<String> = conn
        .prepare_cached("SELECT at FROM ct_change WHERE rev=?1 AND class=?2 AND fid<=?3 AND fid_to>=?3 ORDER BY seq DESC LIMIT 1")?
        .query_row((revision, table.no().0, fid), |row| row.get(0))
        .optional()?
        .filter(|_| source == "outside");
    let at = row_at.unwrap_or(sealed_at).parse().ok();
    Ok(Version { revision, at, author, source, load, op, feature })
}
