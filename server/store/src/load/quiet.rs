//! Rows that are new go in without their table's triggers, where these would do nothing.
//!
//! For a row that gets a new number in a load, none of our own triggers has anything to do: there is no version to keep,
//! and the feed gets one range for the whole link. Yet each is a program that SQLite enters for every row, and while there
//! is one that may refuse, it keeps a journal for every row too. So they are left out while a load only adds, to tables that
//! have no other triggers than ours: their index set aside, nothing of other programs. With the first row that is to be
//! changed they are back, and stay for the rest of the load.

use crate::error::Result;
use crate::outside;
use crate::schema::{self, Table};
use citytwin_model::ClassNo;
use rusqlite::Connection;
use rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Default)]
pub(super) struct Quiet {
    /// The load has changed a row.
    woken: bool,
    /// Whether a table has our triggers and no others, and at which version of the schema that was found.
    plain: BTreeMap<ClassNo, (i64, bool)>,
}

/// Puts the triggers back when it goes.
pub(super) struct Triggers<'q, 'c> {
    conn: &'c Connection,
    woken: &'q mut bool,
    off: bool,
}

impl Quiet {
    /// Sees what triggers there are. At the beginning of a link, under the write lock.
    pub fn look(&mut self, conn: &Connection, tables: &[&Arc<Table>]) -> Result<()> {
        let version = outside::schema_version(conn)?;
        for table in tables {
            if self.plain.get(&table.no()).is_none_or(|(at, _)| *at != version) {
                self.plain.insert(table.no(), (version, schema::has_only_our_triggers(conn, &table.class.id)?));
            }
        }
        Ok(())
    }

    /// Leaves the triggers out, where all of the link's tables allow it.
    pub fn begin<'q, 'c>(&'q mut self, conn: &'c Connection, tables: &[&Arc<Table>]) -> Result<Triggers<'q, 'c>> {
        let off = !self.woken && tables.iter().all(|table| self.is_plain(table.no()));
        let triggers = Triggers { conn, woken: &mut self.woken, off };
        if off {
            conn.set_db_config(SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
        }
        Ok(triggers)
    }
}

impl Quiet {
    /// Whether the table has our triggers and no others, as was last seen.
    pub fn is_plain(&self, class: ClassNo) -> bool {
        self.plain.get(&class).is_some_and(|(_, plain)| *plain)
    }
}

impl Triggers<'_, '_> {
    /// A row is about to be changed, which its history has to see. SQLite compiles the statements anew by itself.
    pub fn wake(&mut self) -> Result<()> {
        *self.woken = true;
        if self.off {
            self.conn.set_db_config(SQLITE_DBCONFIG_ENABLE_TRIGGER, true)?;
            self.off = false;
        }
        Ok(())
    }
}

impl Drop for Triggers<'_, '_> {
    fn drop(&mut self) {
        if self.off {
            self.conn.set_db_config(SQLITE_DBCONFIG_ENABLE_TRIGGER, true).expect("a setting that cannot fail");
        }
    }
}
