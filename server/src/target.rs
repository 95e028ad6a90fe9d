//! May a file be written here? Asked before anything is made, for every file that a command writes where the operator says.
//!
//! Nothing that stands is written over unless that was asked for; and what is no plain file, or belongs to a city, never is.

use citytwin_assets::{Lang, say};
use citytwin_store::{CONFIG_FILE, MANIFEST_FILE, STORE_FILE};
use std::path::{Path, PathBuf};

/// Why files cannot stand where they are wanted; said in the operator's words by [`Unplaced::said`].
#[derive(Debug, thiserror::Error)]
pub enum Unplaced {
    #[error("another export is writing {}", .0.display())]
    InUse(PathBuf),
    #[error("{} is there already", .0.display())]
    There(PathBuf),
    #[error("there is no folder {}", .0.display())]
    NoFolder(PathBuf),
    #[error("{} is no plain file", .0.display())]
    NoPlainFile(PathBuf),
    #[error("{} belongs to a city", .0.display())]
    OfACity(PathBuf),
}

impl Unplaced {
    pub fn said(&self, lang: Lang) -> String {
        let (key, path) = match self {
            Self::InUse(path) => ("export.in_use", path),
            Self::There(path) => ("export.there", path),
            Self::NoFolder(path) => ("export.no_folder", path),
            Self::NoPlainFile(path) => ("export.no_plain_file", path),
            Self::OfACity(path) => ("export.of_a_city", path),
        };
        say(lang, key, &[("file", &path.display())])
    }
}

/// What a city's folder holds beside the store and its log.
const CITYS_OWN: [&str; 6] = [CONFIG_FILE, crate::classes::FILE_NAME, "live.db", "admin.key", "script.json", MANIFEST_FILE];
const SUFFIXES: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// Whether a file may be made at `path`. A rename would put it in the place of a device, a folder or a link's target too.
pub fn is_free(path: &Path, overwrite: bool) -> Result<(), Unplaced> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if is_of_a_city(folder, path) {
        return Err(Unplaced::OfACity(path.to_owned()));
    }
    match path.symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && folder.is_dir() => Ok(()),
        Err(_) => Err(Unplaced::NoFolder(folder.to_owned())),
        Ok(there) if !there.is_file() => Err(Unplaced::NoPlainFile(path.to_owned())),
        Ok(_) if !overwrite => Err(Unplaced::There(path.to_owned())),
        Ok(_) => Ok(()),
    }
}

/// By its name in the folder of a city, or of a backup, by whatever way that folder is reached.
fn is_of_a_city(folder: &Path, path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return false };
    let stores = [STORE_FILE, "live.db"].iter().any(|file| SUFFIXES.iter().any(|suffix| name == format!("{file}{suffix}")));
    // A backup holds what its manifest names, and nothing else.
    let of_backup = folder.join(MANIFEST_FILE).exists() && folder.join(STORE_FILE).exists();
    of_backup || (stores || CITYS_OWN.contains(&name)) && folder.join(CONFIG_FILE).exists() | folder.join(STORE_FILE).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_file_of_nobodys_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("old.gpkg"), "x").unwrap();
        std::fs::create_dir(at("dir.gpkg")).unwrap();
        std::os::unix::fs::symlink(at("old.gpkg"), at("link.gpkg")).unwrap();
        std::os::unix::fs::symlink(at("nowhere"), at("broken.gpkg")).unwrap();
        assert!(is_free(&at("new.gpkg"), false).is_ok() && is_free(&at("old.gpkg"), true).is_ok());
        assert!(matches!(is_free(&at("old.gpkg"), false), Err(Unplaced::There(_))));
        for path in [at("dir.gpkg"), at("link.gpkg"), at("broken.gpkg"), "/dev/null".into()] {
            assert!(matches!(is_free(&path, true), Err(Unplaced::NoPlainFile(_))), "{}", path.display());
        }
        assert!(matches!(is_free(&at("none/x.gpkg"), false), Err(Unplaced::NoFolder(_))));
    }

    #[test]
    fn what_belongs_to_a_city_is_never_written() {
        let folder = tempfile::tempdir().unwrap();
        let city = folder.path().join("city");
        std::fs::create_dir(&city).unwrap();
        assert!(is_free(&city.join("city.gpkg"), false).is_ok(), "no city yet");
        std::fs::write(city.join(CONFIG_FILE), "x").unwrap();
        std::os::unix::fs::symlink(&city, folder.path().join("way")).unwrap();
        for name in ["city.gpkg", "city.gpkg-wal", "city.gpkg-shm", "live.db", "live.db-wal", "city.toml", "admin.key"] {
            for folder in [city.clone(), folder.path().join("way"), city.join("..").join("city")] {
                assert!(matches!(is_free(&folder.join(name), true), Err(Unplaced::OfACity(_))), "{name}");
            }
        }
        assert!(is_free(&city.join("report.gpkg"), false).is_ok());
        std::fs::write(city.join(STORE_FILE), "x").unwrap();
        std::fs::write(city.join(MANIFEST_FILE), "{}").unwrap();
        assert!(matches!(is_free(&city.join("report.gpkg"), false), Err(Unplaced::OfACity(_))), "a backup holds nothing else");
    }
}
