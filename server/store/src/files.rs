//! Putting files on disk so that a power cut leaves the old one or the new one, never half; files as locks.

use crate::error::{Result, StoreError};
use std::fs::{File, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Syncs `part`, renames it to `path` and syncs the folder.
pub(crate) fn publish(part: &Path, path: &Path) -> Result<()> {
    File::open(part).and_then(|f| f.sync_all()).map_err(StoreError::io(part))?;
    std::fs::rename(part, path).map_err(StoreError::io(path))?;
    sync_folder_of(path)
}

/// Makes the names in the folder that holds `path` durable.
pub(crate) fn sync_folder_of(path: &Path) -> Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder).and_then(|f| f.sync_all()).map_err(StoreError::io(folder))
}

/// Writes a small text whole.
pub(crate) fn write_text(path: &Path, text: &str) -> Result<()> {
    let part = path.with_extension("part");
    std::fs::write(&part, text).map_err(StoreError::io(&part))?;
    publish(&part, path)
}

/// A file that is locked while its holder lives: how another process tells work in progress from work broken off.
pub(crate) struct FileLock {
    path: PathBuf,
    file: File,
}

impl FileLock {
    /// `None` when somebody holds it.
    pub fn try_take(path: PathBuf) -> Result<Option<Self>> {
        loop {
            let file = File::create(&path).map_err(StoreError::io(&path))?;
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(e @ TryLockError::Error(_)) => return Err(StoreError::Io { path, source: e.into() }),
                Ok(()) => {}
            }
            // Its last holder may have removed the file between our opening and our locking it.
            let ours = file.metadata().map_err(StoreError::io(&path))?.ino();
            if std::fs::metadata(&path).is_ok_and(|there| there.ino() == ours) {
                return Ok(Some(Self { path, file }));
            }
        }
    }

    pub fn is_held(path: &Path) -> bool {
        File::open(path).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
        let _ = self.file.unlock();
    }
}
