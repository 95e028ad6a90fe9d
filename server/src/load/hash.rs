//! SHA-256 of a file, by which a load can be told to be of the very same bytes.

use anyhow::Context;
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::Path;

/// Of a folder: of the names and bytes of its files, in the order of their names.
pub(super) fn of_file(path: &Path) -> anyhow::Result<String> {
    let mut hash = Sha256::new();
    if path.is_dir() {
        let mut files: Vec<_> =
            std::fs::read_dir(path).with_context(|| path.display().to_string())?.filter_map(|e| Some(e.ok()?.path())).collect();
        files.sort();
        for file in files.iter().filter(|file| file.is_file()) {
            hash.update(file.file_name().unwrap_or_default().as_encoded_bytes());
            add(&mut hash, file)?;
        }
    } else {
        add(&mut hash, path)?;
    }
    Ok(hash.finalize().iter().map(|b| format!("{b:02x}")).collect())
}

fn add(hash: &mut Sha256, path: &Path) -> anyhow::Result<()> {
    let mut file = std::fs::File::open(path).with_context(|| path.display().to_string())?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        let n = file.read(&mut buffer).with_context(|| path.display().to_string())?;
        if n == 0 {
            return Ok(());
        }
        hash.update(&buffer[..n]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_published_one() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "abc").unwrap();
        assert_eq!(of_file(file.path()).unwrap(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn a_folder_changes_with_any_of_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let hash = || of_file(folder.path()).unwrap();
        std::fs::write(folder.path().join("a00000001.gdbtable"), "one").unwrap();
        let first = hash();
        std::fs::write(folder.path().join("a00000002.gdbtable"), "two").unwrap();
        let second = hash();
        std::fs::write(folder.path().join("a00000001.gdbtable"), "One").unwrap();
        assert!(first != second && second != hash() && first.len() == 64);
    }
}
