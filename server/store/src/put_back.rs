//! One feature is put back to an earlier version, or brought back after its deletion under its old id.

use crate::as_of::require_history;
use crate::error::{Result, StoreError};
use crate::outside;
use crate::read;
use crate::schema::Table;
use crate::store::{Store, begin_write};
use crate::write::{Written, note_revision, sealed};
use citytwin_model::{FeatureId, Fid, Revision, Value};
use rusqlite::{Connection, OptionalExtension};

impl Store {
    /// Makes a feature what it was at a revision: a new version of it, by `author`. Deleted since, it comes back under its
    /// own id. What it already is, it stays: then no revision is made. To undo its creation, delete it.
    pub fn put_back(&self, id: FeatureId, revision: Revision, author: &str, source: &str) -> Result<Written> {
        let tables = self.tables();
        let table = tables.get(id.class)?;
        let mut conn = self.writer();
        let tx = begin_write(&mut conn)?;
        outside::seal(&tx)?;
        let head = sealed(&tx)?;
        if revision > head {
            return Err(StoreError::FutureRevision { asked: revision, head });
        }
        require_history(&tx, table, revision)?;
        let written = match version_at(&tx, table, id.fid, revision)? {
            Lived::Never => return Err(StoreError::NoSuchVersion { id, revision }),
            Lived::StillDoes => head,
            Lived::From(version) if is_as_then(&tx, table, id.fid, version)? => head,
            Lived::From(version) => {
                bring_to(&tx, table, id.fid, Some(version))?;
                note_revision(&tx, Some(author), source, None)?
            }
        };
        tx.commit()?;
        Ok(Written { revision: written, ids: vec![id] })
    }
}

enum Lived {
    Never,
    StillDoes,
    /// In the version of history that began so.
    From(Revision),
}

fn version_at(conn: &Connection, table: &Table, fid: Fid, revision: Revision) -> Result<Lived> {
    let sql = format!("SELECT ct_from FROM {} WHERE fid=?1 AND ct_from<=?2 AND ct_to>?2", table.history());
    if let Some(from) = conn.prepare_cached(&sql)?.query_row((fid, revision), |row| row.get(0)).optional()? {
        return Ok(Lived::From(from));
    }
    let now = conn.prepare_cached("SELECT 1 FROM ct_row WHERE class=?1 AND fid=?2 AND rev<=?3")?.exists((table.no().0, fid, revision))?;
    Ok(if now { Lived::StillDoes } else { Lived::Never })
}

/// Whether a row says what it said then, though it was otherwise in between.
fn is_as_then(conn: &Connection, table: &Table, fid: Fid, version: Revision) -> Result<bool> {
    let same = table.columns.iter().map(|column| format!("t.{column} IS h.{column}")).collect::<Vec<_>>().join(" AND ");
    let sql =
        format!("SELECT 1 FROM {} t JOIN {} h ON h.fid=t.fid WHERE t.fid=?1 AND h.ct_from=?2 AND {same}", table.name, table.history());
    Ok(conn.prepare_cached(&sql)?.exists((fid, version))?)
}

/// What happened to a feature that was brought to another version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Brought {
    /// It was not there before, and is again.
    Back,
    Changed,
    Removed,
    /// It was not there, and is not to be.
    Nowhere,
}

/// Makes a row what the version of history that began with `version` was, bit for bit, or nothing. The triggers note it.
pub(crate) fn bring_to(conn: &Connection, table: &Table, fid: Fid, version: Option<Revision>) -> Result<Brought> {
    let (t, h, columns) = (&table.name, table.history(), table.columns.join(","));
    let is_there = conn.prepare_cached(&format!("SELECT 1 FROM {t} WHERE fid=?1"))?.exists([fid])?;
    let brought = match (version, is_there) {
        (None, false) => Brought::Nowhere,
        (None, true) => {
            conn.prepare_cached(&table.delete)?.execute([fid])?;
            Brought::Removed
        }
        (Some(version), true) => {
            // A geometry that stays what it is leaves the spatial index alone.
            let stays = table.has_geometry
                && conn
                    .prepare_cached(&format!(
                        "SELECT 1 FROM {t} t JOIN {h} h ON h.fid=t.fid WHERE t.fid=?1 AND h.ct_from=?2 AND t.geom IS h.geom"
                    ))?
                    .exists((fid, version))?;
            let columns = table.columns[usize::from(stays)..].join(",");
            let sql = format!("UPDATE {t} SET ({columns})=(SELECT {columns} FROM {h} WHERE fid=?1 AND ct_from=?2) WHERE fid=?1");
            conn.prepare_cached(&sql)?.execute((fid, version))?;
            Brought::Changed
        }
        (Some(version), false) => {
            // Nobody else may give an id again.
            conn.prepare_cached("UPDATE ct_head SET restoring=1")?.execute([])?;
            let sql = format!("INSERT INTO {t}(fid,{columns}) SELECT fid,{columns} FROM {h} WHERE fid=?1 AND ct_from=?2");
            conn.prepare_cached(&sql)?.execute((fid, version))?;
            conn.prepare_cached("UPDATE ct_head SET restoring=0")?.execute([])?;
            Brought::Back
        }
    };
    note_unlinked(conn, table, fid)?;
    Ok(brought)
}

/// Whether it waits for a reference's target may have changed.
fn note_unlinked(conn: &Connection, table: &Table, fid: Fid) -> Result<()> {
    if table.refs.is_empty() {
        return Ok(());
    }
    let waits = read::feature_now(conn, table, fid)?
        .is_some_and(|feature| table.refs.iter().any(|(i, _)| matches!(feature.attributes[*i], Value::Text(_))));
    let sql = if waits {
        "INSERT OR IGNORE INTO ct_unlinked(class, fid) VALUES(?1, ?2)"
    } else {
        "DELETE FROM ct_unlinked WHERE class=?1 AND fid=?2"
    };
    conn.prepare_cached(sql)?.execute((table.no().0, fid))?;
    Ok(())
}
