//! A table that another program has replaced (`ogr2ogr -overwrite` drops the triggers with it) becomes the class's again.
//!
//! What its features said before is gone with the old table, and is recorded as lost: versions older than the adoption are
//! not shown. A row whose number a feature had until then is that feature; a number that was used by one long deleted is
//! never given again, so such a row gets a new one. Columns that the class does not know go into `other`.

use crate::error::{Result, StoreError, Why};
use crate::fids::Fids;
use crate::gpkg::{blob, quoted};
use crate::outside;
use crate::own;
use crate::read::LOST;
use crate::schema::{self, Table, geometry_blob};
use crate::store::{Store, begin_write};
use crate::stranger;
use crate::write::{note_revision, sealed};
use citytwin_model::{Fid, Revision};
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OptionalExtension};
use std::sync::Arc;

/// What an adoption found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Adopted {
    pub class: String,
    pub revision: Revision,
    pub features: u64,
    /// Rows that got a new number, because theirs had been another feature's.
    pub renumbered: u64,
    /// Features that were there before and are not in the new table.
    pub lost: u64,
    /// Rows whose geometry cannot be read; they are served without one.
    pub unreadable: u64,
    /// Columns that the class does not know, now in `other`.
    pub kept_in_other: Vec<String>,
}

/// Under this name while its rows are taken over.
const THEIRS: &str = "ct_adopted";

impl Store {
    /// Adopts a table that was replaced from outside, as one revision; or one that was added from outside, as a collection of
    /// the city's own.
    pub fn adopt(&self, name: &str, author: &str) -> Result<Adopted> {
        let mut conn = self.writer();
        // A rename is not to look into everybody's views and triggers: some are broken just now.
        conn.pragma_update(None, "legacy_alter_table", true)?;
        let adopted = (|| {
            let tx = begin_write(&mut conn)?;
            let class = self.known_classes(&tx)?.into_iter().find(|class| class.id == name);
            let class = class.filter(|class| !schema::is_whole(&tx, class).unwrap_or(true));
            let is_new = class.is_none();
            let class = match class {
                Some(class) => class,
                None if stranger::list(&tx)?.iter().any(|stranger| stranger == name) => {
                    let schema = stranger::schema_of(&tx, name)?;
                    let class = own::new_class(&tx, name, &schema)?;
                    tx.execute("INSERT INTO ct_class(no, tbl, entry) VALUES(?1, ?2, ?3)", (class.no.0, name, own::entry_text(&schema)))?;
                    schema::list_as_ours(&tx, &format!("h_{name}"))?;
                    schema::list_as_ours(&tx, &format!("ct_old_{name}"))?;
                    Arc::new(class)
                }
                None => return Err(StoreError::NotEstranged(name.to_owned())),
            };
            outside::seal(&tx)?;
            let adopted = adopt(&tx, &Arc::new(Table::new(class)), author, is_new)?;
            tx.commit()?;
            Ok(adopted)
        })();
        conn.pragma_update(None, "legacy_alter_table", false)?;
        self.reload_tables(&conn)?;
        adopted
    }
}

fn adopt(conn: &Connection, table: &Table, author: &str, is_new: bool) -> Result<Adopted> {
    let (class, no) = (&table.class, table.no().0);
    let theirs = Theirs::set_apart(conn, table)?;
    schema::create_table(conn, table)?;
    schema::complete_history(conn, table)?;
    let mut known = Fids::default();
    {
        let mut statement = conn.prepare("SELECT fid FROM ct_row WHERE class=?1")?;
        let mut rows = statement.query([no])?;
        while let Some(row) = rows.next()? {
            known.set(row.get(0)?, true);
        }
    }
    let sql = format!(
        "SELECT max(coalesce((SELECT max(fid) FROM ct_row WHERE class=?1), 0), coalesce((SELECT max(fid_to) FROM ct_change WHERE class=?1), 0),
                    coalesce((SELECT max(fid) FROM {}), 0))",
        table.history()
    );
    let used: Fid = conn.query_row(&sql, [no], |row| row.get(0))?;
    let mut adopted = Adopted { class: class.id.clone(), ..Adopted::default() };
    let mut there = Fids::default();
    if let Some(theirs) = &theirs {
        adopted.kept_in_other = theirs.unknown.iter().map(|(_, name)| name.clone()).collect();
        theirs.take_over(conn, table, &known, used, &mut there, &mut adopted)?;
        conn.execute_batch(&format!("DROP TABLE {THEIRS}"))?;
    }
    // The counter never goes back.
    conn.execute("DELETE FROM sqlite_sequence WHERE name=?1", [&class.id])?;
    let highest = there.iter().last().unwrap_or(0).max(used);
    conn.execute("INSERT INTO sqlite_sequence(name, seq) VALUES(?1, ?2)", (&class.id, highest))?;
    schema::renew_triggers(conn, table)?;
    schema::register(conn, table)?;

    let rev = sealed(conn)? + 1;
    for (from, to, is_there) in runs(&known, &there) {
        let op = match (is_there, is_new) {
            (true, true) => "i",
            (true, false) => "u",
            (false, _) => LOST,
        };
        conn.prepare_cached("INSERT INTO ct_change(rev, class, fid, fid_to, op) VALUES(?1, ?2, ?3, ?4, ?5)")?
            .execute((rev, no, from, to, op))?;
        if !is_there {
            adopted.lost += u64::from(to - from) + 1;
            conn.prepare_cached("DELETE FROM ct_row WHERE class=?1 AND fid BETWEEN ?2 AND ?3")?.execute((no, from, to))?;
        }
    }
    for fid in there.iter() {
        conn.prepare_cached(
            "INSERT INTO ct_row(class, fid, rev) VALUES(?1, ?2, ?3) ON CONFLICT(class, fid) DO UPDATE SET rev=excluded.rev",
        )?
        .execute((no, fid, rev))?;
    }
    // Before it was added there was nothing to lose.
    conn.execute("UPDATE ct_class SET whole_from=?2, aside=NULL WHERE no=?1", (no, (!is_new).then_some(rev)))?;
    adopted.revision = note_revision(conn, Some(author), "adopted", None)?;
    Ok(adopted)
}

/// Neighbouring fids that are there now, or that were and are not: (from, to, there).
fn runs(known: &Fids, there: &Fids) -> Vec<(Fid, Fid, bool)> {
    let mut all = known.clone();
    there.iter().for_each(|fid| all.set(fid, true));
    let mut runs: Vec<(Fid, Fid, bool)> = Vec::new();
    for fid in all.iter() {
        let now = there.has(fid);
        match runs.last_mut() {
            Some((_, to, is_there)) if *to + 1 == fid && *is_there == now => *to = fid,
            _ => runs.push((fid, fid, now)),
        }
    }
    runs
}

/// The table that stands where ours stood.
struct Theirs {
    fid: String,
    geometry: Option<String>,
    /// For each column of ours after the geometry: theirs of the same name.
    columns: Vec<Option<String>>,
    /// Columns that we do not have: quoted, and by name.
    unknown: Vec<(String, String)>,
}

impl Theirs {
    /// Takes it off everything that names it, and gives it another name. `None`: it was dropped, and nothing stands there.
    fn set_apart(conn: &Connection, table: &Table) -> Result<Option<Self>> {
        let class = &table.class;
        let refuse = |why: Why| Err(StoreError::NotAdoptable { table: class.id.clone(), why });
        let found: Option<(String, i64)> = conn
            .query_row("SELECT column_name, srs_id FROM gpkg_geometry_columns WHERE lower(table_name)=lower(?1)", [&class.id], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        if let Some((_, srs)) = &found
            && table.has_geometry
            && ![i64::from(blob::SRS_ID), 4326].contains(srs)
        {
            return refuse(Why::of("adopt_system", &[("system", srs)]));
        }
        let mut statement = conn.prepare("SELECT name, pk FROM pragma_table_info(?1) ORDER BY cid")?;
        let columns: Vec<(String, i64)> =
            statement.query_map([&class.id], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
        drop(statement);
        conn.execute_batch(&format!("DROP VIEW IF EXISTS {}", quoted(&format!("ct_old_{}", class.id))))?;
        for tables in ["gpkg_extensions", "gpkg_geometry_columns", "gpkg_ogr_contents", "gpkg_contents"] {
            if conn.prepare("SELECT 1 FROM sqlite_master WHERE type='table' AND name=?1")?.exists([tables])? {
                conn.execute(&format!("DELETE FROM {tables} WHERE lower(table_name)=lower(?1)"), [&class.id])?;
            }
        }
        let geometry = found.map(|(column, _)| column);
        for column in geometry.iter().map(String::as_str).chain(["geom"]) {
            conn.execute_batch(&format!("DROP TABLE IF EXISTS {}", quoted(&format!("rtree_{}_{column}", class.id))))?;
            for suffix in ["node", "rowid", "parent"] {
                conn.execute_batch(&format!("DROP TABLE IF EXISTS {}", quoted(&format!("rtree_{}_{column}_{suffix}", class.id))))?;
            }
        }
        if columns.is_empty() {
            return Ok(None);
        }
        let mut statement = conn.prepare(
            "SELECT type, name FROM sqlite_master WHERE lower(tbl_name)=lower(?1) AND type IN ('trigger', 'index') AND sql NOT NULL",
        )?;
        let theirs: Vec<(String, String)> =
            statement.query_map([&class.id], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
        drop(statement);
        for (kind, name) in theirs {
            conn.execute_batch(&format!("DROP {kind} {}", quoted(&name)))?;
        }
        let keys: Vec<&String> = columns.iter().filter(|(_, pk)| *pk > 0).map(|(name, _)| name).collect();
        let fid = if let [one] = keys[..] { quoted(one) } else { "rowid".to_owned() };
        conn.execute_batch(&format!("ALTER TABLE {} RENAME TO {THEIRS}", table.name))?;

        let plain = |column: &str| column.trim_matches('"').replace("\"\"", "\"").to_lowercase();
        let ours: Vec<String> = table.columns.iter().skip(usize::from(table.has_geometry)).map(|c| plain(c)).collect();
        let like = |name: &str| columns.iter().find(|(theirs, _)| theirs.to_lowercase() == name).map(|(theirs, _)| quoted(theirs));
        let unknown = columns
            .iter()
            .filter(|(name, pk)| *pk == 0 && Some(name) != geometry.as_ref() && !ours.contains(&name.to_lowercase()))
            .map(|(name, _)| (quoted(name), name.clone()))
            .collect();
        let columns = ours.iter().map(|name| like(name)).collect();
        Ok(Some(Self { fid, geometry: geometry.map(|g| quoted(&g)), columns, unknown }))
    }

    fn take_over(&self, conn: &Connection, table: &Table, known: &Fids, used: Fid, there: &mut Fids, adopted: &mut Adopted) -> Result<()> {
        let highest: Option<i64> = conn.query_row(&format!("SELECT max({}) FROM {THEIRS}", self.fid), [], |row| row.get(0))?;
        let mut next = i64::from(used).max(highest.unwrap_or(0)) + 1;
        let null = "NULL".to_owned();
        let mut wanted = vec![self.fid.clone()];
        wanted.extend(table.has_geometry.then(|| self.geometry.clone().unwrap_or_else(|| null.clone())));
        wanted.extend(self.columns.iter().map(|column| column.clone().unwrap_or_else(|| null.clone())));
        wanted.extend(self.unknown.iter().map(|(column, _)| column.clone()));
        let mut insert = conn.prepare(&format!(
            "INSERT INTO {}(fid,{}) VALUES({})",
            table.name,
            table.columns.join(","),
            vec!["?"; table.columns.len() + 1].join(",")
        ))?;
        let mut statement = conn.prepare(&format!("SELECT {} FROM {THEIRS} ORDER BY 1", wanted.join(",")))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let number: i64 = row.get(0)?;
            let mut values: Vec<Sql> = (0..=table.columns.len()).map(|i| row.get(i)).collect::<rusqlite::Result<_>>()?;
            let fid = Fid::try_from(number).ok().filter(|fid| *fid > 0 && (known.has(*fid) || *fid > used));
            let fid = match fid {
                Some(fid) => fid,
                None => {
                    adopted.renumbered += 1;
                    next += 1;
                    Fid::try_from(next - 1)
                        .map_err(|_| StoreError::NotAdoptable { table: table.class.id.clone(), why: Why::of("adopt_numbers", &[]) })?
                }
            };
            there.set(fid, true);
            values[0] = Sql::Integer(i64::from(fid));
            if table.has_geometry
                && let Sql::Blob(bytes) = &values[1]
            {
                match blob::read(bytes) {
                    Ok(geometry) => values[1] = Sql::Blob(geometry_blob(table, &geometry)),
                    Err(_) => adopted.unreadable += 1,
                }
            }
            let first_unknown = table.columns.len() + 1;
            let unknown: Vec<Sql> = (0..self.unknown.len()).map(|i| row.get(first_unknown + i)).collect::<rusqlite::Result<_>>()?;
            let other = values.last_mut().expect("every table has `other`");
            self.add_to_other(other, unknown);
            insert.execute(rusqlite::params_from_iter(&values))?;
            adopted.features += 1;
        }
        Ok(())
    }

    fn add_to_other(&self, other: &mut Sql, unknown: Vec<Sql>) {
        let mut object: serde_json::Map<String, serde_json::Value> = match other {
            Sql::Text(text) => serde_json::from_str(text).unwrap_or_default(),
            _ => serde_json::Map::new(),
        };
        for ((_, name), value) in self.unknown.iter().zip(unknown) {
            let value = match value {
                Sql::Integer(n) => n.into(),
                Sql::Real(x) => x.into(),
                Sql::Text(text) => text.into(),
                // Nothing, or bytes that no text holds.
                Sql::Null | Sql::Blob(_) => continue,
            };
            object.entry(name.clone()).or_insert(value);
        }
        if !object.is_empty() {
            *other = Sql::Text(serde_json::to_string(&object).expect("an object becomes JSON"));
        }
    }
}
