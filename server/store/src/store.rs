//! One open city: its folder, its configuration, one writing connection, a few reading ones.

use crate::config::CityConfig;
use crate::error::{NotOurs, Result, StoreError};
use crate::files::FileLock;
use crate::from_backup;
use crate::gpkg;
use crate::migrate;
use crate::mounts::refuse_network_share;
use crate::outside::{self, Watch};
use crate::own;
use crate::own_file;
use crate::schema::{self, FORMAT, Lacks, Table};
use citytwin_model::{Class, ClassNo, Kept, Revision};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, RwLock};
use std::time::{Duration, Instant};

/// The store's file in a city's folder.
pub const FILE: &str = "city.gpkg";

/// How long a write waits for another program's lock.
const BUSY_WAIT: Duration = Duration::from_secs(5);
const BUSY_STEP: Duration = Duration::from_millis(2);

/// Reading connections kept for reuse.
const IDLE_READERS: usize = 4;

/// An open city. Shared between threads; every call blocks, so the server calls it from its compute pool.
pub struct Store {
    dir: PathBuf,
    path: PathBuf,
    config: CityConfig,
    /// The catalogue's classes, as given at opening.
    catalogue: Vec<Arc<Class>>,
    tables: RwLock<Arc<Tables>>,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
    watch: Mutex<Watch>,
    /// A backup, which is read where it lies and never changed (`from_backup`).
    pub(crate) is_backup: bool,
}

/// The classes that are served, in order of their numbers.
#[derive(Default)]
pub(crate) struct Tables {
    /// SQLite's count of changes to the schema when this list was read.
    schema_version: i64,
    pub served: Vec<Arc<Table>>,
    /// Tables that another program has replaced: not served until they are adopted.
    pub estranged: Vec<String>,
}

impl Tables {
    pub fn get(&self, no: ClassNo) -> Result<&Arc<Table>> {
        let place = self.served.binary_search_by_key(&no, |table| table.no()).map_err(|_| StoreError::UnknownClass(no.0))?;
        Ok(&self.served[place])
    }
}

impl Store {
    /// Makes a new city in `dir`: `city.toml` and an empty `city.gpkg` with a table for each class that is kept there.
    /// Refused when the folder already holds one. `classes` are the catalogue's.
    pub fn create(dir: &Path, config: &CityConfig, classes: &[Arc<Class>]) -> Result<Self> {
        refuse_network_share(dir)?;
        let path = dir.join(FILE);
        if path.exists() {
            return Err(StoreError::AlreadyThere { dir: dir.to_owned() });
        }
        std::fs::create_dir_all(dir).map_err(StoreError::io(dir))?;
        // Two who begin at once must not both make it: the later one would put an empty city over the other's.
        let _making = sole_maker(dir)?;
        if path.exists() {
            return Err(StoreError::AlreadyThere { dir: dir.to_owned() });
        }
        config.write(dir)?;
        // Under another name until it is whole, so that a power cut leaves no half city.
        let part = dir.join("city.gpkg.part");
        if part.exists() {
            std::fs::remove_file(&part).map_err(StoreError::io(&part))?;
        }
        let mut conn = Connection::open(&part)?;
        gpkg::register_functions(&conn)?;
        conn.execute_batch("PRAGMA journal_mode=MEMORY; PRAGMA synchronous=FULL;")?;
        let tx = conn.transaction()?;
        schema::create(&tx, &config.name.zh, &kept_in_city(classes))?;
        tx.commit()?;
        conn.close().map_err(|(_, e)| e)?;
        crate::files::publish(&part, &path)?;
        Self::open(dir, classes)
    }

    /// Opens a city. Tables and columns that the catalogue has gained are added; what other programs changed while
    /// nobody looked becomes a revision. A backup is refused: it would be none any more.
    pub fn open(dir: &Path, classes: &[Arc<Class>]) -> Result<Self> {
        let path = dir.join(FILE);
        if !path.exists() {
            return Err(StoreError::NoCity { dir: dir.to_owned() });
        }
        if from_backup::is_backup(dir) {
            return Err(StoreError::IsBackup { dir: dir.to_owned() });
        }
        refuse_network_share(dir)?;
        let config = CityConfig::read(dir)?;
        let mut writer = connect(&path)?;
        // Before anything is set: a file that is not ours stays as it is.
        let format = check_format(&writer, &path)?;
        tune(&writer, &path)?;
        let catalogue = kept_in_city(classes);
        if format < FORMAT {
            migrate::bring_up(&mut writer, &path, &catalogue)?;
        }
        own_file::check(&mut writer, &catalogue)?;
        grow(&mut writer, &catalogue)?;
        let tables = Arc::new(load_tables(&writer, &catalogue)?);
        let tx = begin_write(&mut writer)?;
        outside::seal(&tx)?;
        tx.commit()?;
        let watch = Watch::new(connect_to_read(&path)?)?;
        Ok(Self::of_parts(dir, config, catalogue, tables, writer, watch, false))
    }

    pub(crate) fn of_parts(
        dir: &Path,
        config: CityConfig,
        catalogue: Vec<Arc<Class>>,
        tables: Arc<Tables>,
        writer: Connection,
        watch: Watch,
        is_backup: bool,
    ) -> Self {
        Self {
            dir: dir.to_owned(),
            path: dir.join(FILE),
            config,
            catalogue,
            tables: RwLock::new(tables),
            writer: Mutex::new(writer),
            readers: Mutex::new(Vec::new()),
            watch: Mutex::new(watch),
            is_backup,
        }
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn config(&self) -> &CityConfig {
        &self.config
    }

    /// The classes that are served: the catalogue's and the city's own, in order of their numbers.
    pub fn classes(&self) -> Vec<Arc<Class>> {
        self.tables().served.iter().map(|table| table.class.clone()).collect()
    }

    /// Tables that another program has replaced, and that are therefore not served.
    pub fn estranged(&self) -> Vec<String> {
        self.tables().estranged.clone()
    }

    /// The newest revision.
    pub fn head(&self) -> Result<Revision> {
        self.reading(|conn| Ok(conn.query_row("SELECT sealed FROM ct_head", [], |row| row.get(0))?))
    }

    pub(crate) fn tables(&self) -> Arc<Tables> {
        self.tables.read().expect("nothing panics under this lock").clone()
    }

    /// The catalogue's classes and the city's own, served or not.
    pub(crate) fn known_classes(&self, conn: &Connection) -> Result<Vec<Arc<Class>>> {
        let mut classes = self.catalogue.clone();
        classes.extend(own::read_all(conn)?.into_iter().map(Arc::new));
        Ok(classes)
    }

    /// Reads the list of tables again: another process may have added a collection.
    pub(crate) fn reload_tables(&self, conn: &Connection) -> Result<()> {
        let tables = Arc::new(load_tables(conn, &self.catalogue)?);
        *self.tables.write().expect("nothing panics under this lock") = tables;
        Ok(())
    }

    /// The list of tables as the reading transaction sees it. Another process may have added a collection or a column
    /// since the last look: a list that is older than what is read would pass over its features without a word.
    fn tables_seen_by(&self, conn: &Connection) -> Result<Arc<Tables>> {
        let known = self.tables();
        let version = outside::schema_version(conn)?;
        if version == known.schema_version {
            return Ok(known);
        }
        let seen = Arc::new(load_tables(conn, &self.catalogue)?);
        // One that reads an older state than the newest list keeps its own to itself.
        let mut tables = self.tables.write().expect("nothing panics under this lock");
        if tables.schema_version < version {
            *tables = seen.clone();
        }
        Ok(seen)
    }

    /// The writing connection. A panic elsewhere rolled its transaction back, so a poisoned lock is still good.
    pub(crate) fn writer(&self) -> MutexGuard<'_, Connection> {
        self.writer.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// For work beside the writer's.
    pub(crate) fn another_connection(&self) -> Result<Connection> {
        if self.is_backup {
            return Err(StoreError::IsBackup { dir: self.dir.clone() });
        }
        let conn = connect(&self.path)?;
        tune(&conn, &self.path)?;
        Ok(conn)
    }

    pub(crate) fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Runs `f` in one read transaction: it sees one state of the city from first to last.
    pub(crate) fn reading<T>(&self, f: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let idle = self.readers.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop();
        let mut conn = match idle {
            Some(conn) => conn,
            None if self.is_backup => from_backup::connect(&self.path)?,
            None => connect_to_read(&self.path)?,
        };
        let tx = conn.transaction()?;
        let result = f(&tx);
        tx.finish()?;
        let mut readers = self.readers.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if readers.len() < IDLE_READERS {
            readers.push(conn);
        }
        result
    }

    /// The same, with the list of tables as that state has it.
    pub(crate) fn reading_tables<T>(&self, f: impl FnOnce(&Connection, &Tables) -> Result<T>) -> Result<T> {
        self.reading(|conn| f(conn, &*self.tables_seen_by(conn)?))
    }

    /// For the fault tests only: gives up the promise that what was written is on disk, to see that they notice.
    #[doc(hidden)]
    pub fn without_sync_for_fault_tests(&self) -> Result<()> {
        Ok(self.writer().pragma_update(None, "synchronous", "OFF")?)
    }
}

/// Held while a city is made; waited for as long as for any other lock.
fn sole_maker(dir: &Path) -> Result<FileLock> {
    let start = Instant::now();
    loop {
        match FileLock::try_take(dir.join(".making.lock"))? {
            Some(lock) => return Ok(lock),
            None if start.elapsed() < BUSY_WAIT => std::thread::sleep(BUSY_STEP),
            None => return Err(StoreError::Busy),
        }
    }
}

pub(crate) fn kept_in_city(classes: &[Arc<Class>]) -> Vec<Arc<Class>> {
    classes.iter().filter(|class| class.kept == Kept::City).cloned().collect()
}

/// Opens the write lock now, not at the first change, so that a wait happens before any work is done.
pub(crate) fn begin_write(conn: &mut Connection) -> Result<Transaction<'_>> {
    Ok(conn.transaction_with_behavior(TransactionBehavior::Immediate)?)
}

/// The same for a caller that may have to try again: the guard is kept through the waiting.
pub(crate) fn begin_unchecked(conn: &Connection) -> Result<Transaction<'_>> {
    Ok(Transaction::new_unchecked(conn, TransactionBehavior::Immediate)?)
}

fn connect(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = Connection::open_with_flags(path, flags)?;
    // Short, even steps: SQLite's own handler backs off, and then starves beside a load that frees the lock for 20 ms.
    conn.busy_handler(Some(|tries| {
        std::thread::sleep(BUSY_STEP);
        (tries as u128) * BUSY_STEP.as_millis() < BUSY_WAIT.as_millis()
    }))?;
    prepare(&conn)?;
    Ok(conn)
}

/// What every connection to the store has, however it came to be.
pub(crate) fn prepare(conn: &Connection) -> Result<()> {
    gpkg::register_functions(conn)?;
    // One plan per statement: without this, SQLite compiles a statement anew whenever a value bound to it might ask for
    // another plan, which here is at every call.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.set_prepared_statement_cache_capacity(256);
    Ok(())
}

/// WAL, set at each opening because other programs may have changed it; every commit synced.
fn tune(conn: &Connection, path: &Path) -> Result<()> {
    // The file may come from anywhere: its triggers and views get no functions but the innocuous.
    conn.execute_batch("PRAGMA trusted_schema=OFF; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-65536;")?;
    let mode: String = conn.query_row("PRAGMA journal_mode=WAL", [], |row| row.get(0)).map_err(|e| not_a_city(path, e))?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(StoreError::NotACity { path: path.to_owned(), why: NotOurs::Journal(mode) });
    }
    // The log is cut back after a large load instead of keeping its size for ever.
    conn.execute_batch("PRAGMA synchronous=FULL; PRAGMA journal_size_limit=67108864;")?;
    Ok(())
}

fn connect_to_read(path: &Path) -> Result<Connection> {
    let conn = connect(path)?;
    tune(&conn, path)?;
    conn.execute_batch("PRAGMA query_only=ON; PRAGMA cache_size=-16384;")?;
    Ok(conn)
}

fn not_a_city(path: &Path, error: rusqlite::Error) -> StoreError {
    match StoreError::from(error) {
        StoreError::Sqlite(e) => StoreError::NotACity { path: path.to_owned(), why: NotOurs::Unreadable(e.to_string()) },
        other => other,
    }
}

/// The store's format, if it is one that this program knows.
pub(crate) fn check_format(conn: &Connection, path: &Path) -> Result<i64> {
    let refuse = |why| Err(StoreError::NotACity { path: path.to_owned(), why });
    let id: i64 = conn.query_row("PRAGMA application_id", [], |row| row.get(0)).map_err(|e| not_a_city(path, e))?;
    if id != i64::from(gpkg::APPLICATION_ID) {
        return refuse(NotOurs::NoGeoPackage);
    }
    let ours: bool =
        conn.query_row("SELECT EXISTS(SELECT 1 FROM sqlite_master WHERE type='table' AND name='ct_head')", [], |row| row.get(0))?;
    if !ours {
        return refuse(NotOurs::PlainGeoPackage);
    }
    let format: Option<i64> = conn.query_row("SELECT format FROM ct_head", [], |row| row.get(0)).optional()?;
    match format {
        Some(found) if found > FORMAT => Err(StoreError::FutureFormat { path: path.to_owned(), found, known: FORMAT }),
        Some(known @ 1..=FORMAT) => Ok(known),
        _ => refuse(NotOurs::DamagedHead),
    }
}

/// Classes whose tables lack something, or are not there.
pub(crate) fn wanting<'c>(conn: &Connection, catalogue: &'c [Arc<Class>]) -> Result<Vec<&'c Arc<Class>>> {
    let mut wanting = Vec::new();
    for class in catalogue {
        match schema::compare(conn, class)? {
            Lacks::Nothing => {}
            _ => wanting.push(class),
        }
    }
    Ok(wanting)
}

/// Adds what the catalogue has gained since the city was last opened.
fn grow(conn: &mut Connection, catalogue: &[Arc<Class>]) -> Result<()> {
    let wanting = wanting(conn, catalogue)?;
    if wanting.is_empty() && !schema::lacks_later_columns(conn)? {
        return Ok(());
    }
    let tx = begin_write(conn)?;
    schema::add_later_columns(&tx)?;
    for class in wanting {
        // Looked at again under the lock: another process may have been faster.
        match schema::compare(&tx, class)? {
            Lacks::Nothing => {}
            Lacks::Table => schema::create_class(&tx, class, None)?,
            Lacks::Columns(missing) if schema::is_whole(&tx, class)? => schema::add_columns(&tx, class, &missing)?,
            Lacks::Columns(_) => {}
        }
    }
    tx.commit()?;
    Ok(())
}

pub(crate) fn load_tables(conn: &Connection, catalogue: &[Arc<Class>]) -> Result<Tables> {
    // The version first: a list that is newer than its number is only read once more.
    let mut tables = Tables { schema_version: outside::schema_version(conn)?, ..Tables::default() };
    let mut classes = catalogue.to_vec();
    classes.extend(own::read_all(conn)?.into_iter().map(Arc::new));
    classes.sort_by_key(|class| class.no);
    for class in classes {
        if schema::is_whole(conn, &class)? && matches!(schema::compare(conn, &class)?, Lacks::Nothing) {
            tables.served.push(Arc::new(Table::new(class)));
        } else {
            tables.estranged.push(class.id.clone());
        }
    }
    Ok(tables)
}
