//! The file as it was named: what it is, what lies beside it and belongs to it, and whether it may be looked at.
//!
//! A data set is one file with siblings of the same stem (`pipes.shp`, `pipes.dbf`, …), or one folder (`pipes.gdb`).
//! Nothing else of the folder belongs to it. A sibling that is a link may lead anywhere and is not followed.

use citytwin_datasets::pipe::Fail;
use std::path::{Path, PathBuf};

#[derive(Debug, PartialEq)]
pub struct Named {
    /// Absolute, links resolved: no driver takes it for a connection string or a virtual file.
    pub path: PathBuf,
    pub is_folder: bool,
    /// Plain files of the same stem, the named one among them; a folder stands for all that is in it.
    pub belongs: Vec<PathBuf>,
}

impl Named {
    /// Whether a file of this ending belongs to it.
    pub fn has_sibling(&self, ending: &str) -> bool {
        self.belongs.iter().any(|p| p.extension().is_some_and(|e| e.eq_ignore_ascii_case(ending)))
    }
}

pub fn find(path: &Path) -> Result<Named, Fail> {
    let fail = |key: &str, detail: String| Fail { key: key.to_owned(), detail };
    let path = path.canonicalize().map_err(|error| fail("no_file", format!("{}: {error}", path.display())))?;
    if path.starts_with("/proc") || path.starts_with("/sys") || path.starts_with("/dev") {
        return Err(fail("no_file", path.display().to_string()));
    }
    if path.is_dir() {
        let is_geodatabase = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gdb")) && path.join("a00000001.gdbtable").is_file();
        if !is_geodatabase {
            return Err(fail("folder", path.display().to_string()));
        }
        refuse_links(&path, |_| true)?;
        return Ok(Named { belongs: vec![path.clone()], path, is_folder: true });
    }
    if !path.is_file() {
        return Err(fail("no_file", path.display().to_string()));
    }
    let folder = path.parent().unwrap_or(Path::new("/")).to_owned();
    let beside = |name: &str| is_sibling(&path, name);
    refuse_links(&folder, beside)?;
    let mut belongs = vec![path.clone()];
    for name in names(&folder).into_iter().filter(|name| beside(name)) {
        let sibling = folder.join(name);
        if sibling != path && sibling.is_file() {
            belongs.push(sibling);
        }
    }
    belongs.sort();
    let named = Named { path, is_folder: false, belongs };
    if named.path.extension().is_some_and(|e| e.eq_ignore_ascii_case("shp")) && !named.has_sibling("shx") {
        return Err(fail("shx_missing", named.path.display().to_string()));
    }
    unread_log(&named.path)?;
    Ok(named)
}

/// `pipes.dbf` and `pipes.shp.xml` beside `pipes.shp`, `city.gpkg-wal` beside `city.gpkg`.
fn is_sibling(path: &Path, name: &str) -> bool {
    let lower = |text: Option<&std::ffi::OsStr>| text.unwrap_or_default().to_string_lossy().to_lowercase();
    let (whole, stem, name) = (lower(path.file_name()), lower(path.file_stem()), name.to_lowercase());
    name == whole
        || name.strip_prefix(&stem).is_some_and(|rest| rest.starts_with('.'))
        || name.strip_prefix(&whole).is_some_and(|rest| ["-wal", "-shm", "-journal"].contains(&rest))
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
}

fn refuse_links(folder: &Path, belongs: impl Fn(&str) -> bool) -> Result<(), Fail> {
    for name in names(folder).into_iter().filter(|name| belongs(name)) {
        let path = folder.join(&name);
        if path.symlink_metadata().is_ok_and(|m| m.file_type().is_symlink()) {
            return Err(Fail { key: "link".into(), detail: path.display().to_string() });
        }
    }
    Ok(())
}

/// Changes of another program that stand in a log which cannot be read without writing beside the file.
fn unread_log(path: &Path) -> Result<(), Fail> {
    let beside = |ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let (log, index) = (beside("-wal"), beside("-shm"));
    let waits = log.metadata().is_ok_and(|m| m.len() > 0) && !index.is_file();
    if waits { Err(Fail { key: "log_unread".into(), detail: log.display().to_string() }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(path: &Path) -> String {
        find(path).map_or_else(|fail| fail.key, |_| "found".into())
    }

    #[test]
    fn siblings_belong_and_neighbours_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for name in ["pipes.shp", "pipes.shx", "PIPES.DBF", "pipes.shp.xml", "pipes2.shp", "secret.txt", "pipes"] {
            std::fs::write(root.join(name), "x").unwrap();
        }
        let named = find(&root.join("pipes.shp")).unwrap();
        let found: Vec<_> = named.belongs.iter().map(|p| p.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(found, ["PIPES.DBF", "pipes.shp", "pipes.shp.xml", "pipes.shx"]);
    }

    #[test]
    fn links_folders_and_what_is_no_file_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::write(root.join("a.shp"), "x").unwrap();
        assert_eq!(key(&root.join("a.shp")), "shx_missing");
        std::fs::write(root.join("a.shx"), "x").unwrap();
        assert_eq!(key(&root.join("a.shp")), "found");
        std::os::unix::fs::symlink("/etc/passwd", root.join("a.dbf")).unwrap();
        assert_eq!(key(&root.join("a.shp")), "link");
        // A link that the operator names is his own word.
        std::fs::write(root.join("b.csv"), "x").unwrap();
        std::os::unix::fs::symlink(root.join("b.csv"), root.join("c.csv")).unwrap();
        assert_eq!(find(&root.join("c.csv")).unwrap().path, root.join("b.csv"));
        for (path, wanted) in [
            (root.as_path(), "folder"),
            (Path::new("/vsicurl/http://127.0.0.1:9/x.geojson"), "no_file"),
            (Path::new("/vsizip/x.zip/a.shp"), "no_file"),
            (Path::new("/dev/zero"), "no_file"),
            (Path::new("/proc/self/environ"), "no_file"),
        ] {
            assert_eq!(key(path), wanted, "{}", path.display());
        }
    }

    #[test]
    fn a_log_without_its_index_is_not_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::write(root.join("a.gpkg"), "x").unwrap();
        std::fs::write(root.join("a.gpkg-wal"), "").unwrap();
        assert_eq!(key(&root.join("a.gpkg")), "found");
        std::fs::write(root.join("a.gpkg-wal"), "changes").unwrap();
        assert_eq!(key(&root.join("a.gpkg")), "log_unread");
        std::fs::write(root.join("a.gpkg-shm"), "index").unwrap();
        assert_eq!(key(&root.join("a.gpkg")), "found");
    }
}
