//! The classes of the city's own file, `classes.toml`, against what the store holds of them.
//!
//! A class may be added, and given further attributes. While it has rows it can be neither taken out nor narrowed: no other
//! number, no other kind of geometry, no attribute less that holds something, no other type. While it is empty and never held
//! anything, it may change as it likes and is made anew. A value that its code list no longer knows is a finding of the check,
//! as it is for our own classes.

use crate::error::{OwnChange, Result, StoreError};
use crate::gpkg::{self, column_type, quoted};
use crate::schema::RESERVED;
use crate::store::begin_write;
use citytwin_model::Class;
use citytwin_model::class::FIRST_OWN_CLASS;
use rusqlite::{Connection, OptionalExtension};
use std::sync::Arc;

/// Compares every class that came from the file with what it is now. Before anything else is changed at opening.
pub(crate) fn check(conn: &mut Connection, catalogue: &[Arc<Class>]) -> Result<()> {
    let mut anew = Vec::new();
    for (no, name) in stored(conn)? {
        let difference = match catalogue.iter().find(|class| class.id == name) {
            // Its tables stay: put back, it is served again, with its history.
            None if rows(conn, &name)? == 0 => continue,
            None => Some(OwnChange::Gone),
            Some(class) if class.no.0 != no => Some(OwnChange::Number { was: no, now: class.no.0 }),
            Some(class) => narrowed(conn, class)?,
        };
        let Some(change) = difference else { continue };
        let rows = rows(conn, &name)?;
        if rows > 0 || ever_held(conn, no, &name)? {
            return Err(StoreError::OwnClass { class: name, change, rows });
        }
        anew.push(name);
    }
    if !anew.is_empty() {
        let tx = begin_write(conn)?;
        anew.iter().try_for_each(|name| forget(&tx, name))?;
        tx.commit()?;
    }
    Ok(())
}

/// Number and name of the classes that came from the file. Those made by `load --as` bring their own entry.
fn stored(conn: &Connection) -> Result<Vec<(u16, String)>> {
    let mut statement = conn.prepare("SELECT no, tbl FROM ct_class WHERE no >= ?1 AND entry IS NULL ORDER BY no")?;
    let rows = statement.query_map([FIRST_OWN_CLASS.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn rows(conn: &Connection, name: &str) -> Result<u64> {
    Ok(conn.query_row(&format!("SELECT count(*) FROM {}", quoted(name)), [], |row| row.get(0))?)
}

/// Whether there is anything to remember of an empty class: its history, or its place on the change feed.
fn ever_held(conn: &Connection, no: u16, name: &str) -> Result<bool> {
    let history = quoted(&format!("h_{name}"));
    let sql = format!("SELECT EXISTS(SELECT 1 FROM {history}) OR EXISTS(SELECT 1 FROM ct_change WHERE class=?1)");
    Ok(conn.query_row(&sql, [no], |row| row.get(0))?)
}

/// What the class can no longer hold that its table can; `None` when nothing is lost.
fn narrowed(conn: &Connection, class: &Class) -> Result<Option<OwnChange>> {
    let geometry: Option<String> = conn
        .query_row("SELECT geometry_type_name FROM gpkg_geometry_columns WHERE table_name=?1", [&class.id], |row| row.get(0))
        .optional()?;
    if geometry.as_deref() != gpkg::geometry_type(class) {
        return Ok(Some(OwnChange::Geometry));
    }
    // What an outside program added stands in the table alone; ours stand in the history too.
    let mut statement =
        conn.prepare("SELECT h.name, h.type FROM pragma_table_info(?1) h WHERE lower(h.name) NOT IN (?2, ?3, ?4, ?5, ?6, ?7)")?;
    let [fid, geom, source, other, from, to] = RESERVED;
    let columns: Vec<(String, String)> = statement
        .query_map((format!("h_{}", class.id), fid, geom, source, other, from, to), |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (column, declared) in columns {
        match class.attributes.iter().find(|attribute| attribute.id == column) {
            Some(attribute) => {
                if column_type(&attribute.ty, "INTEGER") != declared {
                    return Ok(Some(OwnChange::AttributeType(column)));
                }
            }
            None => {
                let sql = format!("SELECT EXISTS(SELECT 1 FROM {} WHERE {} NOT NULL)", quoted(&class.id), quoted(&column));
                if conn.query_row(&sql, [], |row| row.get(0))? {
                    return Ok(Some(OwnChange::AttributeGone(column)));
                }
            }
        }
    }
    Ok(None)
}

/// Takes an empty class out with all that belongs to it.
fn forget(conn: &Connection, name: &str) -> Result<()> {
    let view = format!("ct_old_{name}");
    let (history, rtree) = (format!("h_{name}"), format!("rtree_{name}_geom"));
    conn.execute_batch(&format!("DROP VIEW IF EXISTS {}", quoted(&view)))?;
    for table in [rtree.as_str(), history.as_str(), name] {
        conn.execute_batch(&format!("DROP TABLE IF EXISTS {}", quoted(table)))?;
    }
    for table in [name, history.as_str(), view.as_str()] {
        conn.execute("DELETE FROM gpkg_extensions WHERE table_name=?1", [table])?;
    }
    conn.execute("DELETE FROM gpkg_geometry_columns WHERE table_name=?1", [name])?;
    conn.execute("DELETE FROM gpkg_contents WHERE table_name=?1", [name])?;
    conn.execute("DELETE FROM ct_class WHERE tbl=?1", [name])?;
    Ok(())
}
