//! Is a city whole? Its files, SQLite's own checks, and the books: history, feed, keys, spatial indexes.
//!
//! The same for a city in use and for a backup, whose files are compared with its manifest too. Nothing is changed.

use crate::backup::{self, MANIFEST_FILE, hash_of, read_manifest, read_only};
use crate::error::{NotOurs, Result, StoreError};
use crate::gpkg::{literal, quoted, rtree};
use crate::indexing;
use crate::schema;
use crate::store::{FILE, check_format};
use rusqlite::{Connection, OptionalExtension};
use std::collections::BTreeSet;
use std::path::Path;

/// Something that is not as it should be. Its sentence stands under `verify.KEY`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub key: &'static str,
    pub values: Vec<(&'static str, String)>,
}

impl Finding {
    /// Every key that there is.
    pub const KEYS: [&str; 17] = [
        "missing",
        "extra",
        "changed",
        "damaged",
        "older",
        "table_gone",
        "triggers",
        "unnoted",
        "ghosts",
        "backwards",
        "overlap",
        "future",
        "numbers",
        "revisions",
        "feed",
        "index",
        "aside",
    ];

    fn new(key: &'static str, values: &[(&'static str, &dyn ToString)]) -> Self {
        debug_assert!(Self::KEYS.contains(&key), "{key}");
        Self { key, values: values.iter().map(|(name, value)| (*name, value.to_string())).collect() }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.key)?;
        self.values.iter().try_for_each(|(name, value)| write!(f, ", {name}: {value}"))
    }
}

/// Looks a city over, or a backup of one. No findings: all is well.
pub fn verify(dir: &Path) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut databases = vec![FILE.to_owned(), "live.db".to_owned()];
    if dir.join(MANIFEST_FILE).exists() {
        let manifest = read_manifest(dir)?;
        databases.retain(|name| manifest.files.iter().any(|file| file.path == *name));
        let mut listed: BTreeSet<String> = BTreeSet::from([MANIFEST_FILE.to_owned()]);
        for file in &manifest.files {
            let path = dir.join(&file.path);
            if !path.is_file() {
                findings.push(Finding::new("missing", &[("file", &file.path)]));
                databases.retain(|name| *name != file.path);
            } else if hash_of(&path)? != (file.bytes, file.sha256.clone()) {
                findings.push(Finding::new("changed", &[("file", &file.path)]));
            }
            listed.insert(file.path.clone());
        }
        let mut there = Vec::new();
        list(dir, "", &mut there)?;
        findings.extend(there.iter().filter(|name| !listed.contains(*name)).map(|name| Finding::new("extra", &[("file", name)])));
    } else {
        for name in [FILE, crate::config::FILE] {
            if !dir.join(name).is_file() {
                findings.push(Finding::new("missing", &[("file", &name)]));
            }
        }
        databases.retain(|name| dir.join(name).is_file());
    }
    for name in &databases {
        let told = look_into(&dir.join(name), name == FILE);
        match told {
            Ok(told) => findings.extend(told),
            Err(StoreError::NotACity { why: NotOurs::Unreadable(detail), .. }) => {
                findings.push(Finding::new("damaged", &[("file", name), ("detail", &detail)]))
            }
            Err(e @ (StoreError::Sqlite(_) | StoreError::NotACity { why: NotOurs::DamagedHead, .. })) => {
                findings.push(Finding::new("damaged", &[("file", name), ("detail", &e)]))
            }
            // A store of a newer program, a file that is no store, a lock, a full disk: nothing that a backup would mend.
            Err(e) => return Err(e),
        }
    }
    Ok(findings)
}

fn list(dir: &Path, inside: &str, names: &mut Vec<String>) -> Result<()> {
    for entry in std::fs::read_dir(dir.join(inside)).map_err(crate::StoreError::io(dir))? {
        let entry = entry.map_err(crate::StoreError::io(dir))?;
        let name = format!("{inside}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() { list(dir, &format!("{name}/"), names)? } else { names.push(name) }
    }
    Ok(())
}

fn look_into(path: &Path, is_store: bool) -> Result<Vec<Finding>> {
    let conn = read_only(path)?;
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    // One state of the file for all questions.
    let tx = conn.unchecked_transaction()?;
    let mut findings = Vec::new();
    let told: String = tx.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if told != "ok" {
        findings.push(Finding::new("damaged", &[("file", &file), ("detail", &told)]));
    }
    if is_store {
        let format = check_format(&tx, path)?;
        if format < schema::FORMAT {
            findings.push(Finding::new("older", &[("format", &format)]));
            return Ok(findings);
        }
        books(&tx, &mut findings)?;
    }
    Ok(findings)
}

fn books(conn: &Connection, findings: &mut Vec<Finding>) -> Result<()> {
    let count = |sql: &str| -> Result<i64> { Ok(conn.query_row(sql, [], |row| row.get(0))?) };
    let sealed = count("SELECT sealed FROM ct_head")?;
    // Revisions are numbered without gaps, and neither time nor the feed runs backwards.
    let known: (i64, i64, i64) =
        conn.query_row("SELECT count(*), coalesce(min(rev), 1), coalesce(max(rev), 0) FROM ct_rev", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    let turned = count(
        "SELECT count(*) FROM (SELECT at, last_seq, lag(at) OVER (ORDER BY rev) AS at0, lag(last_seq) OVER (ORDER BY rev) AS seq0 FROM ct_rev)
         WHERE at0>at OR seq0>last_seq",
    )?;
    if known != (sealed, 1, sealed) || turned > 0 {
        findings.push(Finding::new("revisions", &[("head", &sealed), ("known", &known.0), ("turned", &turned)]));
    }
    let astray = count("SELECT count(*) FROM (SELECT rev, lag(rev) OVER (ORDER BY seq) AS rev0 FROM ct_change) WHERE rev0>rev")?
        + count("SELECT count(*) FROM ct_change WHERE rev > (SELECT sealed+1 FROM ct_head)")?;
    if astray > 0 {
        findings.push(Finding::new("feed", &[("count", &astray)]));
    }
    let mut statement = conn.prepare("SELECT no, tbl, aside FROM ct_class ORDER BY no")?;
    let classes = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<Vec<(u16, String, Option<i64>)>>>()?;
    for (no, class, aside) in classes {
        look_at_class(conn, no, &class, aside, findings)?;
    }
    Ok(())
}

fn look_at_class(conn: &Connection, no: u16, class: &str, aside: Option<i64>, findings: &mut Vec<Finding>) -> Result<()> {
    let is_table = |name: &str| conn.prepare_cached("SELECT 1 FROM sqlite_master WHERE type='table' AND name=?1")?.exists([name]);
    if !is_table(class)? || !is_table(&format!("h_{class}"))? {
        findings.push(Finding::new("table_gone", &[("class", &class)]));
        return Ok(());
    }
    if !schema::has_triggers(conn, class)? {
        // What such a table holds nobody has noted: there is nothing to compare it with.
        findings.push(Finding::new("triggers", &[("class", &class)]));
        return Ok(());
    }
    let (t, h) = (quoted(class), quoted(&format!("h_{class}")));
    let mut counted = |key: &'static str, sql: String| -> Result<()> {
        let count: i64 = conn.query_row(&sql, [], |row| row.get(0))?;
        if count > 0 {
            findings.push(Finding::new(key, &[("class", &class), ("count", &count)]));
        }
        Ok(())
    };
    counted("unnoted", format!("SELECT count(*) FROM {t} t WHERE NOT EXISTS(SELECT 1 FROM ct_row r WHERE r.class={no} AND r.fid=t.fid)"))?;
    counted("ghosts", format!("SELECT count(*) FROM ct_row r WHERE r.class={no} AND NOT EXISTS(SELECT 1 FROM {t} t WHERE t.fid=r.fid)"))?;
    counted("backwards", format!("SELECT count(*) FROM {h} WHERE ct_from>=ct_to"))?;
    counted(
        "overlap",
        format!(
            "SELECT (SELECT count(*) FROM (SELECT ct_to, lead(ct_from) OVER (PARTITION BY fid ORDER BY ct_from) AS next FROM {h}) WHERE next<ct_to)
                  + (SELECT count(*) FROM {h} h JOIN ct_row r ON r.class={no} AND r.fid=h.fid WHERE r.rev<h.ct_to)"
        ),
    )?;
    counted(
        "future",
        format!(
            "SELECT (SELECT count(*) FROM {h} WHERE ct_to > (SELECT sealed+1 FROM ct_head))
                  + (SELECT count(*) FROM ct_row WHERE class={no} AND rev > (SELECT sealed+1 FROM ct_head))"
        ),
    )?;
    counted(
        "numbers",
        format!(
            "SELECT coalesce((SELECT max(fid) FROM {t}), 0) > coalesce((SELECT seq FROM sqlite_sequence WHERE name={}), 0)",
            literal(class)
        ),
    )?;
    if rtree::is_registered(conn, class)? {
        let trouble = indexing::trouble(conn, class).unwrap_or_else(|e| Some(e.to_string()));
        findings.extend(trouble.map(|detail| Finding::new("index", &[("class", &class), ("detail", &detail)])));
    } else if aside.is_some() {
        findings.push(Finding::new("aside", &[("class", &class)]));
    }
    Ok(())
}

/// The revision of a city or a backup, without opening it for writing.
pub fn revision_of(dir: &Path) -> Result<Option<citytwin_model::Revision>> {
    let conn = backup::read_only(&dir.join(FILE))?;
    Ok(conn.query_row("SELECT sealed FROM ct_head", [], |row| row.get(0)).optional()?)
}
