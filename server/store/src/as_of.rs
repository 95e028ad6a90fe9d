//! The city as it was: a class, a box or all of it at an earlier revision or time.
//!
//! What a class was at revision R are its rows that R had already seen, and of those changed since, the versions in
//! history that lived then. So the price is one walk over the class and one look-up per feature changed since.

use crate::error::{Result, StoreError};
use crate::gpkg::{blob, quoted, rtree};
use crate::read::{LEADING, feature_of};
use crate::schema::Table;
use crate::store::Store;
use crate::write::sealed;
use citytwin_model::{Bounds, ClassNo, Feature, Fid, Revision, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row};

/// A state of the city that was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
    Revision(Revision),
    /// The newest revision not younger than this.
    Time(Timestamp),
}

impl Store {
    /// The newest revision that is not younger than an instant; 0, the empty city, before the first.
    pub fn revision_at(&self, at: Timestamp) -> Result<Revision> {
        self.reading(|conn| revision_at(conn, at))
    }

    /// A class as it was, ordered by fid. The answer: the revision that was read.
    pub fn read_class_as_of(&self, class: ClassNo, as_of: AsOf, f: &mut dyn FnMut(Feature)) -> Result<Revision> {
        self.read_as_of(Some(class), None, as_of, f)
    }

    /// The whole city as it was, class by class.
    pub fn read_all_as_of(&self, as_of: AsOf, f: &mut dyn FnMut(Feature)) -> Result<Revision> {
        self.read_as_of(None, None, as_of, f)
    }

    /// What stood in a box, of one class or of all. By the features' own boxes: who needs it exact looks at the geometry.
    pub fn read_box_as_of(&self, class: Option<ClassNo>, bounds: &Bounds, as_of: AsOf, f: &mut dyn FnMut(Feature)) -> Result<Revision> {
        self.read_as_of(class, Some(bounds), as_of, f)
    }

    fn read_as_of(&self, class: Option<ClassNo>, bounds: Option<&Bounds>, as_of: AsOf, f: &mut dyn FnMut(Feature)) -> Result<Revision> {
        self.reading_tables(|conn, tables| {
            if let Some(class) = class {
                tables.get(class)?;
            }
            let revision = resolve(conn, as_of)?;
            for table in tables.served.iter().filter(|table| class.is_none_or(|class| class == table.no())) {
                require_history(conn, table, revision)?;
                match bounds {
                    None => read_table_as_of(conn, table, revision, f)?,
                    Some(bounds) if table.has_geometry => read_box(conn, table, bounds, revision, f)?,
                    Some(_) => {}
                }
            }
            Ok(revision)
        })
    }
}

fn resolve(conn: &Connection, as_of: AsOf) -> Result<Revision> {
    match as_of {
        AsOf::Time(at) => revision_at(conn, at),
        AsOf::Revision(asked) => {
            let head = sealed(conn)?;
            if asked <= head { Ok(asked) } else { Err(StoreError::FutureRevision { asked, head }) }
        }
    }
}

fn revision_at(conn: &Connection, at: Timestamp) -> Result<Revision> {
    // Texts of one length compare like the instants they stand for: the store's are in milliseconds.
    let at = Timestamp::from_micros(at.micros().div_euclid(1000) * 1000).to_string();
    let mut statement = conn.prepare_cached("SELECT rev FROM ct_rev WHERE at<=?1 ORDER BY rev DESC LIMIT 1")?;
    Ok(statement.query_row([at], |row| row.get(0)).optional()?.unwrap_or(0))
}

/// A table that was replaced from outside and adopted has no history from before.
pub(crate) fn require_history(conn: &Connection, table: &Table, revision: Revision) -> Result<()> {
    let whole_from: Option<Revision> = conn
        .prepare_cached("SELECT whole_from FROM ct_class WHERE no=?1")?
        .query_row([table.no().0], |row| row.get(0))
        .optional()?
        .flatten();
    match whole_from {
        Some(whole_from) if revision < whole_from => {
            Err(StoreError::HistoryLost { class: table.class.id.clone(), asked: revision, whole_from })
        }
        _ => Ok(()),
    }
}

/// The versions that lived at a revision and have ended since: fid and row, ordered by fid. 16 bytes for each.
fn ended_since(conn: &Connection, table: &Table, revision: Revision) -> Result<Vec<(Fid, i64)>> {
    let sql = format!(
        "SELECT fid, rowid FROM {h} INDEXED BY {index} WHERE ct_to>?1 AND ct_from<=?1",
        h = table.history(),
        index = quoted(&format!("h_{}_to", table.class.id))
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map([revision], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut ended = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    ended.sort_unstable();
    Ok(ended)
}

fn version_sql(table: &Table) -> String {
    format!("SELECT h.fid, h.ct_from, {} FROM {} h WHERE h.rowid=?1", table.selected("h"), table.history())
}

/// The rows as they are now that a revision had seen already; `WHERE` may be narrowed.
fn current_sql(table: &Table) -> String {
    format!(
        "SELECT t.fid, r.rev, {} FROM {} t CROSS JOIN ct_row r ON r.class={} AND r.fid=t.fid WHERE r.rev<=?1",
        table.selected("t"),
        table.name,
        table.no()
    )
}

pub(crate) fn read_table_as_of(conn: &Connection, table: &Table, revision: Revision, f: &mut dyn FnMut(Feature)) -> Result<()> {
    let ended = ended_since(conn, table, revision)?;
    let mut version = conn.prepare(&version_sql(table))?;
    let mut ended = ended.into_iter().peekable();
    let mut earlier = |upto: Option<Fid>, f: &mut dyn FnMut(Feature)| -> Result<()> {
        while let Some((_, row)) = ended.next_if(|(fid, _)| upto.is_none_or(|upto| *fid < upto)) {
            let mut rows = version.query([row])?;
            if let Some(row) = rows.next()? {
                f(feature_of(table, row)?);
            }
        }
        Ok(())
    };
    let mut statement = conn.prepare(&format!("{} ORDER BY t.fid", current_sql(table)))?;
    let mut rows = statement.query([revision])?;
    while let Some(row) = rows.next()? {
        earlier(Some(row.get(0)?), f)?;
        f(feature_of(table, row)?);
    }
    earlier(None, f)
}

fn read_box(conn: &Connection, table: &Table, bounds: &Bounds, revision: Revision, f: &mut dyn FnMut(Feature)) -> Result<()> {
    let meets = |row: &Row<'_>| -> Result<bool> {
        let bytes = row.get_ref(LEADING)?.as_blob().unwrap_or_default();
        Ok(blob::bounds(bytes).is_ok_and(|b| b.intersects(bounds)))
    };
    if rtree::is_usable(conn, &table.class.id)? {
        let sql = format!(
            "SELECT t.fid, r.rev, {} FROM {index} x CROSS JOIN {t} t ON t.fid=x.id CROSS JOIN ct_row r ON r.class={no} AND r.fid=t.fid
             WHERE x.maxx>=?2 AND x.maxy>=?3 AND x.minx<=?4 AND x.miny<=?5 AND r.rev<=?1",
            table.selected("t"),
            index = rtree::table_name(&table.class.id),
            t = table.name,
            no = table.no(),
        );
        let mut statement = conn.prepare_cached(&sql)?;
        let mut rows = statement.query((revision, bounds.west, bounds.south, bounds.east, bounds.north))?;
        while let Some(row) = rows.next()? {
            if meets(row)? {
                f(feature_of(table, row)?);
            }
        }
    } else {
        let mut statement = conn.prepare_cached(&current_sql(table))?;
        let mut rows = statement.query([revision])?;
        while let Some(row) = rows.next()? {
            if meets(row)? {
                f(feature_of(table, row)?);
            }
        }
    }
    let mut version = conn.prepare_cached(&version_sql(table))?;
    for (_, row) in ended_since(conn, table, revision)? {
        let mut rows = version.query([row])?;
        if let Some(row) = rows.next()?
            && meets(row)?
        {
            f(feature_of(table, row)?);
        }
    }
    Ok(())
}
