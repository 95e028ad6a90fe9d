//! Putting files on disk so that a power cut leaves the old one or the new one, never half.

use crate::error::{Result, StoreError};
use std::fs::File;
use std::path::Path;

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
