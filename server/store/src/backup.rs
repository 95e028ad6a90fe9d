//! A city is copied while it is in use, and put back into an empty folder.
//!
//! A backup is a folder: the city's files under their own names, and `manifest.json` with the length and SHA-256 of each,
//! written last. SQLite files are copied by SQLite, page by page from one state of the file: writers go on meanwhile. Both
//! ways the folder gets its name only when it is whole and on disk.

use crate::config::CityConfig;
use crate::error::{Result, StoreError, Why};
use crate::files;
use crate::store::{FILE, check_format};
use citytwin_model::{Revision, Timestamp};
use rusqlite::backup::{Backup as Pages, StepResult};
use rusqlite::ffi::SQLITE_READONLY_ROLLBACK;
use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

pub const MANIFEST_FILE: &str = "manifest.json";

/// Version of the manifest.
const FORMAT: u32 = 1;
/// Pages copied in one step: 8 MiB, then others get the disk.
const PAGES: i32 = 2048;
const PAUSE: Duration = Duration::from_millis(3);
/// Another program's lock is waited for so long.
const BUSY: Duration = Duration::from_secs(5);

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    /// When it was begun, UTC.
    pub made_at: String,
    /// The city's name.
    pub city: String,
    /// The newest revision in it.
    pub revision: Revision,
    pub files: Vec<BackupFile>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupFile {
    /// Relative to the folder, with `/`.
    pub path: String,
    pub bytes: u64,
    pub sha256: String,
}

/// A backup being made. Dropped before [`Backup::finish`], it leaves nothing.
pub struct Backup {
    dir: PathBuf,
    target: PathBuf,
    part: PathBuf,
    manifest: Manifest,
    done: bool,
}

/// Backs up what belongs to this room: the store, the city's description, its own classes, its terrain. `now`: the time.
pub fn backup(dir: &Path, target: &Path, now: Timestamp) -> Result<Manifest> {
    Backup::begin(dir, target, now)?.finish()
}

impl Backup {
    /// Copies the store and what belongs to it. `target` must not exist, or be empty.
    pub fn begin(dir: &Path, target: &Path, now: Timestamp) -> Result<Self> {
        if !dir.join(FILE).exists() {
            return Err(StoreError::NoCity { dir: dir.to_owned() });
        }
        let part = prepare(target)?;
        let config = CityConfig::read(dir)?;
        let manifest = Manifest { format: FORMAT, made_at: now.to_string(), city: config.name.zh, revision: 0, files: Vec::new() };
        let mut backup = Self { dir: dir.to_owned(), target: target.to_owned(), part, manifest, done: false };
        backup.database(FILE)?;
        let copy = backup.part.join(FILE);
        backup.manifest.revision = read_only(&copy)?.query_row("SELECT sealed FROM ct_head", [], |row| row.get(0))?;
        for name in [crate::config::FILE, "classes.toml", "script.json"] {
            backup.file(name)?;
        }
        backup.folder("terrain")?;
        // Records that wait for their correction stand nowhere else.
        backup.folder("refused")?;
        Ok(backup)
    }

    /// Copies an SQLite file of the city that other programs may be writing to. Whether it was there.
    pub fn database(&mut self, name: &str) -> Result<bool> {
        let from = self.dir.join(name);
        if !from.exists() {
            return Ok(false);
        }
        let copy = self.part.join(name);
        copy_database(&from, &copy)?;
        // A copy of damage would be found when it is needed.
        let told = match read_only(&copy).and_then(|conn| Ok(conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?)) {
            Ok(told) => told,
            Err(StoreError::Sqlite(e)) => e.to_string(),
            Err(e) => return Err(e),
        };
        if told != "ok" {
            return Err(StoreError::Damaged { path: from, detail: told });
        }
        self.list(name)?;
        Ok(true)
    }

    /// Copies a file of the city. Whether it was there.
    pub fn file(&mut self, name: &str) -> Result<bool> {
        let from = self.dir.join(name);
        if !from.is_file() {
            return Ok(false);
        }
        let to = self.part.join(name);
        if let Some(folder) = to.parent() {
            std::fs::create_dir_all(folder).map_err(StoreError::io(folder))?;
        }
        std::fs::copy(&from, &to).map_err(StoreError::io(&to))?;
        self.list(name)?;
        Ok(true)
    }

    /// Copies a folder of the city with all that is in it, if it is there. Half-written files are not part of it.
    pub fn folder(&mut self, name: &str) -> Result<()> {
        let from = self.dir.join(name);
        let Ok(entries) = std::fs::read_dir(&from) else { return Ok(()) };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(StoreError::io(&from))?;
            // Our own names are plain; another program's need not be.
            let Ok(inside) = entry.file_name().into_string() else { continue };
            names.push((entry.path().is_dir(), format!("{name}/{inside}")));
        }
        names.sort();
        for (is_folder, name) in names.into_iter().filter(|(_, name)| !name.ends_with(".part")) {
            if is_folder {
                self.folder(&name)?;
            } else {
                self.file(&name)?;
            }
        }
        Ok(())
    }

    /// Writes the manifest and gives the folder its name.
    pub fn finish(mut self) -> Result<Manifest> {
        let text = serde_json::to_string_pretty(&self.manifest).expect("texts and numbers become JSON");
        files::write_text(&self.part.join(MANIFEST_FILE), &text)?;
        publish_folder(&self.part, &self.target)?;
        self.done = true;
        Ok(self.manifest.clone())
    }

    fn list(&mut self, name: &str) -> Result<()> {
        let path = self.part.join(name);
        File::open(&path).and_then(|f| f.sync_all()).map_err(StoreError::io(&path))?;
        let (bytes, sha256) = hash_of(&path)?;
        self.manifest.files.push(BackupFile { path: name.to_owned(), bytes, sha256 });
        Ok(())
    }
}

impl Drop for Backup {
    fn drop(&mut self) {
        if !self.done {
            let _ = std::fs::remove_dir_all(&self.part);
        }
    }
}

/// Puts a backup into a folder that is empty or does not exist. Every file is compared with the manifest on the way.
pub fn restore(backup: &Path, dir: &Path) -> Result<Manifest> {
    let manifest = read_manifest(backup)?;
    let part = prepare(dir)?;
    let result = restore_into(backup, &manifest, &part).and_then(|()| publish_folder(&part, dir));
    if result.is_err() {
        let _ = std::fs::remove_dir_all(&part);
    }
    result.map(|()| manifest)
}

fn restore_into(backup: &Path, manifest: &Manifest, part: &Path) -> Result<()> {
    for file in &manifest.files {
        let (from, to) = (backup.join(&file.path), part.join(&file.path));
        if let Some(folder) = to.parent() {
            std::fs::create_dir_all(folder).map_err(StoreError::io(folder))?;
        }
        std::fs::copy(&from, &to).map_err(StoreError::io(&from))?;
        File::open(&to).and_then(|f| f.sync_all()).map_err(StoreError::io(&to))?;
        // The copy is compared, so that what was read is what was written down.
        if hash_of(&to)? != (file.bytes, file.sha256.clone()) {
            return Err(bad(backup, Why::of("backup_changed", &[("file", &file.path)])));
        }
    }
    // A store that this program cannot open is not put back.
    check_format(&read_only(&part.join(FILE))?, &backup.join(FILE))?;
    Ok(())
}

/// The manifest of a backup, if its paths stay inside.
pub fn read_manifest(backup: &Path) -> Result<Manifest> {
    let path = backup.join(MANIFEST_FILE);
    let text = std::fs::read_to_string(&path).map_err(|_| StoreError::NoBackup { dir: backup.to_owned() })?;
    let manifest: Manifest =
        serde_json::from_str(&text).map_err(|e| bad(backup, Why::of("backup_manifest", &[("file", &MANIFEST_FILE), ("detail", &e)])))?;
    if manifest.format > FORMAT {
        return Err(StoreError::FutureFormat { path, found: i64::from(manifest.format), known: i64::from(FORMAT) });
    }
    let inside = |file: &BackupFile| Path::new(&file.path).components().all(|part| matches!(part, Component::Normal(_)));
    if let Some(file) = manifest.files.iter().find(|file| !inside(file)) {
        return Err(bad(backup, Why::of("backup_outside", &[("file", &file.path)])));
    }
    if !manifest.files.iter().any(|file| file.path == FILE) {
        return Err(bad(backup, Why::of("backup_no_store", &[("file", &FILE)])));
    }
    Ok(manifest)
}

fn bad(backup: &Path, why: Why) -> StoreError {
    StoreError::BadBackup { dir: backup.to_owned(), why }
}

/// Makes the folder in which `target` comes to be, beside it. What an earlier try has left is removed.
fn prepare(target: &Path) -> Result<PathBuf> {
    match std::fs::read_dir(target).map(|mut entries| entries.next().is_some()) {
        Ok(true) => return Err(StoreError::NotEmpty { dir: target.to_owned() }),
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(StoreError::io(target)(e)),
        _ => {}
    }
    let mut part = std::path::absolute(target).map_err(StoreError::io(target))?.into_os_string();
    part.push(".part");
    let part = PathBuf::from(part);
    if part.exists() {
        std::fs::remove_dir_all(&part).map_err(StoreError::io(&part))?;
    }
    std::fs::create_dir_all(&part).map_err(StoreError::io(&part))?;
    Ok(part)
}

/// A rename puts a folder in the place of an empty one.
fn publish_folder(part: &Path, target: &Path) -> Result<()> {
    sync_folders(part)?;
    std::fs::rename(part, target).map_err(StoreError::io(target))?;
    files::sync_folder_of(&std::path::absolute(target).map_err(StoreError::io(target))?)
}

fn sync_folders(folder: &Path) -> Result<()> {
    for entry in std::fs::read_dir(folder).map_err(StoreError::io(folder))? {
        let path = entry.map_err(StoreError::io(folder))?.path();
        if path.is_dir() {
            sync_folders(&path)?;
        }
    }
    File::open(folder).and_then(|f| f.sync_all()).map_err(StoreError::io(folder))
}

/// Copies an SQLite file that others may be writing to, as it is at one moment. The copy needs no log beside it.
pub(crate) fn copy_database(from: &Path, to: &Path) -> Result<()> {
    let source = read_only(from)?;
    // One read transaction from first page to last: otherwise every write from outside would begin the copy anew.
    let moment = source.unchecked_transaction()?;
    moment.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(()))?;
    let mut copy = Connection::open(to)?;
    copy.execute_batch("PRAGMA synchronous=OFF")?;
    let pages = Pages::new(&source, &mut copy)?;
    loop {
        match pages.step(PAGES)? {
            StepResult::Done => break,
            StepResult::More => std::thread::sleep(PAUSE),
            _ => return Err(StoreError::Busy),
        }
    }
    drop(pages);
    copy.query_row("PRAGMA journal_mode=DELETE", [], |_| Ok(()))?;
    copy.close().map_err(|(_, e)| e)?;
    File::open(to).and_then(|f| f.sync_all()).map_err(StoreError::io(to))
}

/// A connection that changes nothing. What a program killed in mid-write has left half done, beside its journal, is taken
/// back first, as whoever opens the file next would: read as it is, it would look damaged.
pub(crate) fn read_only(path: &Path) -> Result<Connection> {
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.busy_timeout(BUSY)?;
    crate::gpkg::register_functions(&conn)?;
    conn.execute_batch("PRAGMA trusted_schema=OFF")?;
    let look = |conn: &Connection| conn.query_row("PRAGMA schema_version", [], |_| Ok(()));
    match look(&conn) {
        Err(rusqlite::Error::SqliteFailure(e, _)) if e.extended_code == SQLITE_READONLY_ROLLBACK => {
            let writer = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
            writer.busy_timeout(BUSY)?;
            look(&writer)?;
        }
        // Whatever else is wrong is told to who asks for more.
        _ => {}
    }
    Ok(conn)
}

/// Length and SHA-256 of a file.
pub(crate) fn hash_of(path: &Path) -> Result<(u64, String)> {
    let mut file = File::open(path).map_err(StoreError::io(path))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut bytes = 0;
    loop {
        let n = file.read(&mut buffer).map_err(StoreError::io(path))?;
        if n == 0 {
            break;
        }
        hash.update(&buffer[..n]);
        bytes += n as u64;
    }
    Ok((bytes, hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
}
