//! SHA-256 of a file, by which a load can be told to be of the very same bytes.

use anyhow::Context;
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::Path;
use std::thread::JoinHandle;

/// A file being hashed while other things are done.
pub(super) struct Hashing(JoinHandle<anyhow::Result<String>>);

impl Hashing {
    pub fn begin(path: &Path) -> Self {
        let path = path.to_owned();
        Self(std::thread::spawn(move || of_file(&path)))
    }

    pub fn end(self) -> anyhow::Result<String> {
        self.0.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// Of a folder, and of a file that has its attributes or its coordinate system in others beside it: of the names and bytes of
/// all of them, in the order of their names. Of any other file: of its bytes alone.
pub(super) fn of_file(path: &Path) -> anyhow::Result<String> {
    let mut hash = Sha256::new();
    let (folder, wanted) = match path.is_dir() {
        true => (path.to_owned(), None),
        false => (path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned(), Some(companions(path))),
    };
    let belongs = |file: &Path| match &wanted {
        None => true,
        Some(endings) => {
            let ending = file.extension().unwrap_or_default().to_string_lossy().to_lowercase();
            file.file_stem() == path.file_stem() && endings.contains(&ending.as_str())
        }
    };
    let mut files: Vec<_> = match wanted.as_ref().is_none_or(|endings| !endings.is_empty()) {
        true => std::fs::read_dir(&folder).with_context(|| folder.display().to_string())?.filter_map(|e| Some(e.ok()?.path())).collect(),
        false => Vec::new(),
    };
    files.retain(|file| file.is_file() && belongs(file));
    if wanted.is_some() && files.len() < 2 {
        add(&mut hash, path)?;
    } else {
        files.sort();
        for file in &files {
            hash.update(file.file_name().unwrap_or_default().as_encoded_bytes());
            add(&mut hash, file)?;
        }
    }
    Ok(hash.finalize().iter().map(|b| format!("{b:02x}")).collect())
}

/// Endings of the files of one name that are read together, by the ending of the one that is named; itself among them.
fn companions(path: &Path) -> &'static [&'static str] {
    match path.extension().unwrap_or_default().to_string_lossy().to_lowercase().as_str() {
        "shp" => &["shp", "shx", "dbf", "prj", "cpg"],
        "tab" => &["tab", "dat", "map", "id", "ind"],
        "mif" => &["mif", "mid"],
        "asc" => &["asc", "prj"],
        "tif" => &["tif", "tfw", "prj"],
        "tiff" => &["tiff", "tfw", "prj"],
        "csv" => &["csv", "csvt", "prj"],
        _ => &[],
    }
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

    /// The attributes of a shapefile stand in its .dbf, its system in its .prj.
    #[test]
    fn a_shapefile_changes_with_any_of_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let hash = || of_file(&folder.path().join("pipes.shp")).unwrap();
        write("pipes.shp", "abc");
        let mut met = vec![hash()];
        assert_eq!(met[0], "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        for (name, text) in [("pipes.dbf", "one"), ("pipes.dbf", "two"), ("pipes.PRJ", "x"), ("pipes.cpg", "GBK"), ("pipes.shx", "i")] {
            write(name, text);
            met.push(hash());
        }
        for other in ["pipes2.dbf", "pipes.qix", "pipes.txt"] {
            write(other, "other");
            assert_eq!(hash(), *met.last().unwrap(), "{other}");
        }
        met.sort();
        met.dedup();
        assert_eq!(met.len(), 6);
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
