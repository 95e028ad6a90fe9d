//! Tables that were empty when the load came, and that nobody else has written to since.
//!
//! In these, a key that the load has not met is nobody's, so it need not be looked for; and the boxes of the rows that went
//! in are all that the spatial index will hold, so they need not be read again.

use super::keys::Keys;
use crate::error::Result;
use crate::gpkg::rtree::Boxes;
use crate::schema::{self, Table};
use citytwin_model::{ClassNo, Fid, Revision};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Default)]
pub(super) struct Fresh {
    /// The newest revision and the end of the feed, as the load's last link left them.
    left: Option<(Revision, i64)>,
    /// `None`: the table held rows, or others have written to it.
    tables: BTreeMap<ClassNo, Option<FreshTable>>,
}

/// What the load has put into one such table.
pub(super) struct FreshTable {
    /// What is left out of a row is null.
    is_plain: bool,
    keys: Keys,
    boxes: Boxes,
}

impl Fresh {
    /// At the beginning of a link, under the write lock: `sealed` is the newest revision then. Of `served`, those count that
    /// `is_plain` says have our triggers and no others: another's could do anything, and a table that was replaced has none.
    pub fn begin(&mut self, conn: &Connection, served: &[&Arc<Table>], sealed: Revision, is_plain: impl Fn(ClassNo) -> bool) -> Result<()> {
        if self.left.is_some_and(|(revision, _)| revision != sealed) {
            self.forget();
        }
        for table in served {
            let class = table.no();
            if !is_plain(class) {
                self.tables.insert(class, None);
            } else if !self.tables.contains_key(&class) {
                let is_empty = !conn.prepare(&format!("SELECT 1 FROM {} LIMIT 1", table.name))?.exists([])?;
                let fresh = if is_empty { Some(FreshTable::new(conn, table)?) } else { None };
                self.tables.insert(class, fresh);
            }
        }
        Ok(())
    }

    pub fn table(&mut self, class: ClassNo) -> Option<&mut FreshTable> {
        self.tables.get_mut(&class)?.as_mut()
    }

    /// At the end of a link that has written `sealed`.
    pub fn end(&mut self, conn: &Connection, sealed: Revision) -> Result<()> {
        self.left = Some((sealed, feed_end(conn)?));
        Ok(())
    }

    /// From here on every key is looked for.
    pub fn forget(&mut self) {
        self.tables.values_mut().for_each(|table| *table = None);
    }

    /// The boxes of a table's rows, where the load knows them all, with the place in the feed up to which they hold. What
    /// the load itself has changed at its end is no matter: it links features and moves none.
    pub fn take_boxes(&mut self, conn: &Connection, class: ClassNo, table: &str, load: i64) -> Result<Option<(Boxes, i64)>> {
        let (Some((_, feed)), Some(fresh)) = (self.left, self.tables.remove(&class).flatten()) else { return Ok(None) };
        let changed = "SELECT 1 FROM ct_change c WHERE c.seq>?1 AND c.class=?2
            AND NOT EXISTS(SELECT 1 FROM ct_rev r WHERE r.rev=c.rev AND r.load_id=?3) LIMIT 1";
        if conn.prepare_cached(changed)?.exists((feed, class.0, load))? || !schema::has_only_our_triggers(conn, table)? {
            return Ok(None);
        }
        Ok(Some((fresh.boxes, feed_end(conn)?)))
    }
}

fn feed_end(conn: &Connection) -> Result<i64> {
    Ok(conn.prepare_cached("SELECT coalesce(max(seq), 0) FROM ct_change")?.query_row([], |row| row.get(0))?)
}

impl FreshTable {
    fn new(conn: &Connection, table: &Table) -> Result<Self> {
        let filled = "SELECT 1 FROM pragma_table_info(?1) WHERE dflt_value IS NOT NULL";
        let is_plain = !conn.prepare(filled)?.exists([&table.class.id])?;
        Ok(Self { is_plain, keys: Keys::default(), boxes: Boxes::default() })
    }

    pub fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// Meets a key; whether no row can have it.
    pub fn meet(&mut self, key: &str) -> bool {
        self.keys.meet(key)
    }

    pub fn added(&mut self, fid: Fid, geometry: &[u8]) {
        self.boxes.add(fid, ValueRef::Blob(geometry));
    }
}
