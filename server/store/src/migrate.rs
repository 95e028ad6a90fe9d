//! A store of an older format is copied, then brought to today's in one transaction.
//!
//! The copy (`city.format-1.gpkg`) stays beside it until the operator removes it: the older program can still open that.

use crate::backup;
use crate::error::{Result, StoreError};
use crate::files;
use crate::own;
use crate::schema::{self, FORMAT, Lacks, Table};
use crate::store::{begin_write, check_format};
use citytwin_model::Class;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) fn bring_up(conn: &mut Connection, path: &Path, catalogue: &[Arc<Class>]) -> Result<()> {
    // Under the lock, so that the copy is what is changed next.
    let tx = begin_write(conn)?;
    let from = check_format(&tx, path)?;
    if from == FORMAT {
        // Another process was faster.
        return Ok(());
    }
    copy(path, &copy_path(path, from))?;
    if from < 2 {
        to_2(&tx, catalogue)?;
    }
    tx.execute("UPDATE ct_head SET format=?1", [FORMAT])?;
    tx.commit()?;
    Ok(())
}

/// Where the store of an older format is kept.
pub(crate) fn copy_path(path: &Path, format: i64) -> PathBuf {
    path.with_extension(format!("format-{format}.gpkg"))
}

fn copy(path: &Path, to: &Path) -> Result<()> {
    let part = to.with_extension("part");
    if part.exists() {
        std::fs::remove_file(&part).map_err(StoreError::io(&part))?;
    }
    backup::copy_database(path, &part)?;
    files::publish(&part, to)
}

/// Keys that outlive their features, what a load's undo needs, spatial indexes that can be set aside.
fn to_2(conn: &Connection, catalogue: &[Arc<Class>]) -> Result<()> {
    conn.execute_batch(
        "ALTER TABLE ct_class ADD COLUMN aside INTEGER;
         ALTER TABLE ct_class ADD COLUMN whole_from INTEGER;
         ALTER TABLE ct_rev ADD COLUMN undoes INTEGER;
         ALTER TABLE ct_key RENAME TO ct_key_1;",
    )?;
    conn.execute_batch(schema::SINCE_2)?;
    conn.execute_batch("INSERT INTO ct_key SELECT source, class, key, fid FROM ct_key_1; DROP TABLE ct_key_1;")?;
    for table in ["ct_before", "ct_gone"] {
        schema::list_as_ours(conn, table)?;
    }
    let mut classes = catalogue.to_vec();
    classes.extend(own::read_all(conn)?.into_iter().map(Arc::new));
    for class in &classes {
        // A table that another program has replaced is left as it is; adoption makes it today's.
        if !schema::is_whole(conn, class)? {
            continue;
        }
        conn.execute_batch(&format!("DROP INDEX IF EXISTS {}", crate::gpkg::quoted(&format!("h_{}_to", class.id))))?;
        conn.execute_batch(&schema::history_index(class))?;
        match schema::compare(conn, class)? {
            Lacks::Nothing => schema::renew_triggers(conn, &Table::new(class.clone()))?,
            Lacks::Columns(missing) => schema::add_columns(conn, class, &missing)?,
            Lacks::Table => {}
        }
    }
    Ok(())
}
