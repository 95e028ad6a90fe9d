//! A backup is read where it lies, and not a byte of it is changed: its files must stay those of its manifest.
//!
//! SQLite is told that nobody will change the file (`immutable`), so that it makes no log beside it and takes no lock. What a
//! store gets at each opening (today's format, columns that the catalogue has gained, a revision for what other programs
//! changed) a backup gets only when it is restored: one that wants it is not read.

use crate::backup::MANIFEST_FILE;
use crate::config::CityConfig;
use crate::error::{Result, StoreError};
use crate::outside::{self, Watch};
use crate::own_file;
use crate::schema::{self, FORMAT, Lacks};
use crate::store::{FILE, Store, check_format, kept_in_city, load_tables, prepare, wanting};
use citytwin_model::Class;
use rusqlite::{Connection, OpenFlags};
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

pub(crate) fn is_backup(dir: &Path) -> bool {
    dir.join(MANIFEST_FILE).exists()
}

impl Store {
    /// Opens a city or a backup of one for a command that only reads. What would change a backup's features then fails.
    pub fn open_to_read(dir: &Path, classes: &[Arc<Class>]) -> Result<Self> {
        let path = dir.join(FILE);
        if !is_backup(dir) || !path.exists() {
            return Self::open(dir, classes);
        }
        let unread = || StoreError::UnreadBackup { dir: dir.to_owned() };
        let config = CityConfig::read(dir)?;
        let mut conn = connect(&path)?;
        if check_format(&conn, &path)? < FORMAT || schema::lacks_later_columns(&conn)? || outside::has_pending(&conn)? {
            return Err(unread());
        }
        let catalogue = kept_in_city(classes);
        // Where the city's own file says otherwise now, the check makes tables anew, which here it cannot.
        own_file::check(&mut conn, &catalogue).map_err(|error| if is_refused_write(&error) { unread() } else { error })?;
        for class in wanting(&conn, &catalogue)? {
            // A table that another program has replaced lacks columns too; that is for the doctor to say.
            let replaced = matches!(schema::compare(&conn, class)?, Lacks::Columns(_)) && !schema::is_whole(&conn, class)?;
            if !replaced {
                return Err(unread());
            }
        }
        let tables = Arc::new(load_tables(&conn, &catalogue)?);
        let watch = Watch::new(connect(&path)?)?;
        Ok(Self::of_parts(dir, config, catalogue, tables, conn, watch, true))
    }

    /// Whether it was opened from a backup, which is not changed.
    pub fn is_backup(&self) -> bool {
        self.is_backup
    }
}

/// A connection that changes nothing, and leaves nothing beside the file.
pub(crate) fn connect(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let conn = Connection::open_with_flags(address(path)?, flags)?;
    prepare(&conn)?;
    conn.execute_batch("PRAGMA trusted_schema=OFF; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-16384; PRAGMA query_only=ON;")?;
    Ok(conn)
}

/// The file's address; whatever means something in one is written as its number.
fn address(path: &Path) -> Result<String> {
    let path = std::path::absolute(path).map_err(StoreError::io(path))?;
    let mut address = "file://".to_owned();
    for &byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte) {
            address.push(char::from(byte));
        } else {
            write!(address, "%{byte:02X}").expect("writing to a String");
        }
    }
    Ok(address + "?immutable=1")
}

fn is_refused_write(error: &StoreError) -> bool {
    matches!(error, StoreError::Sqlite(e) if e.sqlite_error_code() == Some(rusqlite::ErrorCode::ReadOnly))
}
