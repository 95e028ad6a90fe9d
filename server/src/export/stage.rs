//! Where files are made until they are whole: a folder beside the target, locked while it is used.
//!
//! Nothing stands under its own name before everything is written and on disk. An export that is stopped takes the
//! folder away; one that was killed leaves it to the next one to the same target.

use crate::target::{Unplaced, is_free};
use anyhow::Context;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

const LOCK: &str = ".lock";

pub struct Stage {
    dir: PathBuf,
    /// Where the files go: the target folder, or the folder that holds the target file.
    home: PathBuf,
    /// Held as long as the folder is ours.
    lock: Option<File>,
}

impl Stage {
    /// `folder`: the target is a folder that gets several files.
    pub fn at(target: &Path, folder: bool) -> anyhow::Result<Self> {
        let target = std::path::absolute(target)?;
        let name = target.file_name().context("a target needs a name")?.to_string_lossy().into_owned();
        let parent = target.parent().context("a target needs a folder")?.to_owned();
        if !parent.is_dir() {
            return Err(Unplaced::NoFolder(parent).into());
        }
        let dir = parent.join(format!(".{name}.part"));
        fs::create_dir_all(&dir).with_context(|| dir.display().to_string())?;
        let lock = File::create(dir.join(LOCK)).with_context(|| dir.display().to_string())?;
        if lock.try_lock().is_err() {
            return Err(Unplaced::InUse(target).into());
        }
        let stage = Self { dir, home: if folder { target } else { parent }, lock: Some(lock) };
        // What one that was killed has left.
        for entry in stage.entries()? {
            fs::remove_file(&entry).with_context(|| entry.display().to_string())?;
        }
        Ok(stage)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Whether a file of this name may go where it is wanted. A folder that is still to be made takes every name.
    pub fn allows(&self, name: &str, overwrite: bool) -> Result<(), Unplaced> {
        if self.home.symlink_metadata().is_ok() { is_free(&self.home.join(name), overwrite) } else { Ok(()) }
    }

    fn entries(&self) -> anyhow::Result<Vec<PathBuf>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.dir).with_context(|| self.dir.display().to_string())? {
            let entry = entry?;
            if entry.file_name() != LOCK {
                entries.push(entry.path());
            }
        }
        entries.sort();
        Ok(entries)
    }

    /// Puts everything on disk and gives it its name. `obsolete`: names that belong to files overwritten here.
    pub fn publish(mut self, overwrite: bool, obsolete: &[String]) -> anyhow::Result<()> {
        let entries = self.entries()?;
        for entry in &entries {
            File::open(entry).and_then(|file| file.sync_all()).with_context(|| entry.display().to_string())?;
        }
        let is_new = !self.home.exists();
        if is_new {
            // A new folder appears with all that is in it.
            fs::remove_file(self.dir.join(LOCK))?;
            fs::rename(&self.dir, &self.home).with_context(|| self.home.display().to_string())?;
            self.lock = None;
        } else {
            let names: Vec<String> = entries.iter().filter_map(|entry| Some(entry.file_name()?.to_string_lossy().into_owned())).collect();
            // All are asked about before the first one is touched.
            names.iter().try_for_each(|name| self.allows(name, overwrite))?;
            let old = obsolete.iter().filter(|name| !names.contains(name)).map(|name| self.home.join(name));
            let old: Vec<PathBuf> = old.filter(|path| path.symlink_metadata().is_ok()).collect();
            old.iter().try_for_each(|path| is_free(path, overwrite))?;
            for old in old {
                fs::remove_file(&old).with_context(|| old.display().to_string())?;
            }
            for (entry, name) in entries.iter().zip(&names) {
                let to = self.home.join(name);
                fs::rename(entry, &to).with_context(|| to.display().to_string())?;
            }
        }
        // The names too: of the files in their folder, and of the folder where it is new.
        let beside = self.home.parent().filter(|_| is_new);
        for folder in [Some(self.home.as_path()), beside].into_iter().flatten() {
            File::open(folder).and_then(|folder| folder.sync_all()).with_context(|| folder.display().to_string())?;
        }
        Ok(())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if self.lock.is_some() {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_was_given_up_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.csv");
        let stage = Stage::at(&target, false).unwrap();
        fs::write(stage.path("a.csv"), "half").unwrap();
        assert!(Stage::at(&target, false).is_err(), "one at a time");
        drop(stage);
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn what_a_killed_one_left_is_taken_away_by_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let left = folder.path().join(".a.csv.part");
        fs::create_dir(&left).unwrap();
        fs::write(left.join("a.csv"), "half").unwrap();
        let stage = Stage::at(&folder.path().join("a.csv"), false).unwrap();
        fs::write(stage.path("a.credits.txt"), "whole").unwrap();
        stage.publish(false, &[]).unwrap();
        assert_eq!(names(folder.path()), ["a.credits.txt"]);
    }

    #[test]
    fn a_new_folder_appears_whole_and_an_old_one_gets_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out");
        for (name, overwrite) in [("a.fgb", false), ("b.fgb", false), ("a.fgb", true)] {
            let stage = Stage::at(&target, true).unwrap();
            assert_eq!(stage.allows(name, false).is_err(), overwrite);
            fs::write(stage.path(name), "x").unwrap();
            stage.publish(overwrite, &["b.fgb".to_owned()][..usize::from(overwrite)]).unwrap();
        }
        assert_eq!((names(folder.path()), names(&target)), (vec!["out".to_owned()], vec!["a.fgb".to_owned()]));
        let stage = Stage::at(&target, true).unwrap();
        fs::write(stage.path("a.fgb"), "y").unwrap();
        assert!(stage.publish(false, &[]).is_err());
        assert_eq!(fs::read_to_string(target.join("a.fgb")).unwrap(), "x");
    }
}
