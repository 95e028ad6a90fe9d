//! The SQL of a city's store: the bookkeeping, and a class's table with its history, view and triggers.
//!
//! Triggers use built-in SQL only, so that what GDAL, QGIS or a plain sqlite3 changes is caught too.

use crate::error::{BadName, Result, StoreError};
use crate::gpkg::{self, blob, column_type, literal, quoted, rtree, stored_as_multi};
use citytwin_model::{AttributeType, Class, ClassNo, GeometryKind};
use rusqlite::{Connection, OptionalExtension};
use std::sync::Arc;

/// Version of the bookkeeping. A store with a higher one is refused.
pub const FORMAT: i64 = 2;

/// Columns that are ours; no attribute may be called so.
pub(crate) const RESERVED: [&str; 6] = ["fid", "geom", "source", "other", "ct_from", "ct_to"];

const BOOKKEEPING: &str = "
CREATE TABLE ct_head(one INTEGER PRIMARY KEY CHECK(one=1), format INTEGER NOT NULL, city TEXT, sealed INTEGER NOT NULL,
  bulk INTEGER NOT NULL DEFAULT 0, restoring INTEGER NOT NULL DEFAULT 0);
CREATE TABLE ct_class(no INTEGER PRIMARY KEY, tbl TEXT NOT NULL UNIQUE, entry TEXT, -- entry: a city's own class, as JSON
  aside INTEGER, whole_from INTEGER); -- aside: the load that set its spatial index aside; whole_from: history before this revision is lost
CREATE TABLE ct_rev(rev INTEGER PRIMARY KEY, at TEXT NOT NULL, author TEXT, source TEXT NOT NULL, load_id INTEGER, last_seq INTEGER NOT NULL,
  undoes INTEGER); -- undoes: the load that it takes back
CREATE TABLE ct_source(no INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, credit TEXT, licence TEXT, crs TEXT, sha256 TEXT);
CREATE TABLE ct_load(id INTEGER PRIMARY KEY AUTOINCREMENT, source INTEGER, file TEXT, sha256 TEXT, state TEXT NOT NULL, counts TEXT,
  started TEXT NOT NULL, ended TEXT, origin TEXT); -- origin: how coordinates became degrees, class by class, as JSON
CREATE TABLE ct_change(seq INTEGER PRIMARY KEY AUTOINCREMENT, rev INTEGER NOT NULL, class INTEGER NOT NULL, fid INTEGER NOT NULL,
  fid_to INTEGER NOT NULL, op TEXT NOT NULL, at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now'))); -- a load link = one row
CREATE INDEX ct_change_rev ON ct_change(rev);
CREATE TABLE ct_row(class INTEGER, fid INTEGER, rev INTEGER NOT NULL, said BLOB, PRIMARY KEY(class,fid)) WITHOUT ROWID; -- said: hash of what its source last said
CREATE TABLE ct_unlinked(class INTEGER, fid INTEGER, PRIMARY KEY(class,fid)) WITHOUT ROWID; -- features that name a code not found so far
INSERT INTO gpkg_extensions VALUES(NULL,NULL,'gdal_aspatial','http://gdal.org/geopackage_aspatial.html','read-write');
";

/// What format 2 brought; a migrated store gets it too.
pub(crate) const SINCE_2: &str = "
CREATE TABLE ct_key(source INTEGER, class INTEGER, key TEXT, fid INTEGER NOT NULL, PRIMARY KEY(source,class,key,fid)) WITHOUT ROWID; -- re-load key of what has no code
CREATE TABLE ct_before(load INTEGER, class INTEGER, fid INTEGER, was BLOB, became BLOB, PRIMARY KEY(load,class,fid)) WITHOUT ROWID; -- what a load changed ct_row.said from and to
CREATE TABLE ct_gone(class INTEGER, fid INTEGER, said BLOB, PRIMARY KEY(class,fid)) WITHOUT ROWID; -- ct_row.said of what was deleted, for its return
";

const EXTENSION: &str = "https://citytwin.example/store-1";

/// Tables that are ours alone: listed as an extension, so that other programs know to leave them.
const OWN_TABLES: [&str; 11] =
    ["ct_head", "ct_class", "ct_rev", "ct_source", "ct_load", "ct_change", "ct_row", "ct_unlinked", "ct_key", "ct_before", "ct_gone"];

/// Fills an empty file with the base tables, the bookkeeping and the classes.
pub(crate) fn create(conn: &Connection, city: &str, classes: &[Arc<Class>]) -> Result<()> {
    gpkg::create_base(conn)?;
    conn.execute_batch(BOOKKEEPING)?;
    conn.execute_batch(SINCE_2)?;
    conn.execute("INSERT INTO ct_head(one, format, city, sealed) VALUES(1, ?1, ?2, 0)", (FORMAT, city))?;
    for table in OWN_TABLES {
        list_as_ours(conn, table)?;
    }
    for class in classes {
        create_class(conn, class, None)?;
    }
    Ok(())
}

/// Columns of the bookkeeping that came without a new format: older programs pass over them, and a store that was made
/// before them gets them here.
pub(crate) fn lacks_later_columns(conn: &Connection) -> rusqlite::Result<bool> {
    let has: bool =
        conn.query_row("SELECT EXISTS(SELECT 1 FROM pragma_table_info('ct_load') WHERE name='origin')", [], |row| row.get(0))?;
    Ok(!has)
}

pub(crate) fn add_later_columns(conn: &Connection) -> Result<()> {
    if lacks_later_columns(conn)? {
        conn.execute_batch("ALTER TABLE ct_load ADD COLUMN origin TEXT")?;
    }
    Ok(())
}

pub(crate) fn list_as_ours(conn: &Connection, table: &str) -> rusqlite::Result<()> {
    // 'write-only': 'read-write' makes GDAL warn that it does not know how to read the file.
    conn.execute("INSERT INTO gpkg_extensions VALUES(?1, NULL, 'citytwin_store', ?2, 'write-only')", (table, EXTENSION))?;
    Ok(())
}

/// A class's table and the SQL that reads and writes it.
#[derive(Debug)]
pub(crate) struct Table {
    pub class: Arc<Class>,
    pub name: String,
    /// `geom` (if any), attributes, `source`, `other`: quoted, in the order in which rows are read and written.
    pub columns: Vec<String>,
    pub multi: bool,
    pub has_geometry: bool,
    /// Index of the attribute `code`, the key of a re-load.
    pub code: Option<usize>,
    /// Indices of the attributes that name other features, with the ids of the classes they may be of.
    pub refs: Vec<(usize, Vec<String>)>,
    pub insert: String,
    pub update: String,
    /// All but the geometry: the spatial index is then left alone.
    pub update_rest: String,
    pub delete: String,
    /// The feature of a source that has a code.
    pub by_code: String,
}

impl Table {
    pub fn new(class: Arc<Class>) -> Self {
        let has_geometry = class.geometry != GeometryKind::None;
        let mut columns: Vec<String> = Vec::with_capacity(class.attributes.len() + 3);
        if has_geometry {
            columns.push("geom".into());
        }
        columns.extend(class.attributes.iter().map(|attribute| quoted(&attribute.id)));
        columns.extend(["source".into(), "other".into()]);
        let name = quoted(&class.id);
        let marks = vec!["?"; columns.len()].join(",");
        let sets = |columns: &[String]| columns.iter().map(|c| format!("{c}=?")).collect::<Vec<_>>().join(",");
        Self {
            insert: format!("INSERT INTO {name}({}) VALUES({marks})", columns.join(",")),
            update: format!("UPDATE {name} SET {} WHERE fid=?", sets(&columns)),
            update_rest: format!("UPDATE {name} SET {} WHERE fid=?", sets(&columns[usize::from(has_geometry)..])),
            delete: format!("DELETE FROM {name} WHERE fid=?"),
            by_code: format!("SELECT fid FROM {name} WHERE code=?1 AND source=?2 ORDER BY fid LIMIT 1"),
            multi: stored_as_multi(&class),
            code: class.attribute_index("code"),
            refs: class
                .attributes
                .iter()
                .enumerate()
                .filter_map(|(i, attribute)| match &attribute.ty {
                    AttributeType::Ref(classes) => Some((i, classes.clone())),
                    _ => None,
                })
                .collect(),
            name,
            columns,
            has_geometry,
            class,
        }
    }

    pub fn no(&self) -> ClassNo {
        self.class.no
    }

    pub fn history(&self) -> String {
        quoted(&format!("h_{}", self.class.id))
    }

    /// `t.geom, t."code", …` for a select.
    pub fn selected(&self, alias: &str) -> String {
        self.columns.iter().map(|c| format!("{alias}.{c}")).collect::<Vec<_>>().join(",")
    }
}

/// Creates a class's table with everything that belongs to it. `entry`: its definition, when it is the city's own.
pub(crate) fn create_class(conn: &Connection, class: &Arc<Class>, entry: Option<&str>) -> Result<()> {
    if let Some(bad) = class.attributes.iter().find(|a| RESERVED.contains(&a.id.to_lowercase().as_str())) {
        return Err(StoreError::CollectionName(bad.id.clone(), BadName::StoresColumn));
    }
    let table = Table::new(class.clone());
    conn.execute("INSERT INTO ct_class(no, tbl, entry) VALUES(?1, ?2, ?3)", (class.no.0, &class.id, entry))?;
    create_table(conn, &table)?;
    create_history(conn, &table)?;
    conn.execute_batch(&view_and_triggers(&table))?;
    register(conn, &table)?;
    list_as_ours(conn, &format!("h_{}", class.id))?;
    list_as_ours(conn, &format!("ct_old_{}", class.id))?;
    Ok(())
}

fn create_history(conn: &Connection, table: &Table) -> Result<()> {
    conn.execute_batch(&format!(
        "CREATE TABLE {}(fid INTEGER{}, source INTEGER, other TEXT, ct_from INTEGER, ct_to INTEGER, PRIMARY KEY(fid,ct_from)); {}",
        table.history(),
        data_columns(&table.class),
        history_index(&table.class)
    ))?;
    Ok(())
}

/// Makes the history of an adopted table where it has gone with the old one, and the columns that it lacks.
pub(crate) fn complete_history(conn: &Connection, table: &Table) -> Result<()> {
    let name = format!("h_{}", table.class.id);
    let mut statement = conn.prepare("SELECT lower(name) FROM pragma_table_info(?1)")?;
    let there: Vec<String> = statement.query_map([&name], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    if there.is_empty() {
        return create_history(conn, table);
    }
    for attribute in table.class.attributes.iter().filter(|attribute| !there.contains(&attribute.id.to_lowercase())) {
        conn.execute_batch(&format!(
            "ALTER TABLE {} ADD COLUMN {} {}",
            table.history(),
            quoted(&attribute.id),
            column_type(&attribute.ty, "INTEGER")
        ))?;
    }
    conn.execute_batch(&format!("DROP INDEX IF EXISTS {}; {}", quoted(&format!("{name}_to")), history_index(&table.class)))?;
    Ok(())
}

/// `, geom POINT, "code" TEXT, …`
fn data_columns(class: &Class) -> String {
    let geometry = gpkg::geometry_type(class).map(|ty| format!(", geom {ty}")).unwrap_or_default();
    let attributes: String = class.attributes.iter().map(|a| format!(", {} {}", quoted(&a.id), column_type(&a.ty, "INTEGER"))).collect();
    geometry + &attributes
}

/// Finds the versions that ended after a revision without reading them.
pub(crate) fn history_index(class: &Class) -> String {
    format!("CREATE INDEX {} ON {}(ct_to,ct_from,fid);", quoted(&format!("h_{}_to", class.id)), quoted(&format!("h_{}", class.id)))
}

/// The table itself and the index on its code.
pub(crate) fn create_table(conn: &Connection, table: &Table) -> Result<()> {
    let (t, class) = (&table.name, &table.class);
    conn.execute_batch(&format!(
        "CREATE TABLE {t}(fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL CHECK(fid BETWEEN 1 AND 4294967295){}, source INTEGER, other TEXT);",
        data_columns(class)
    ))?;
    if table.code.is_some() {
        conn.execute_batch(&format!("CREATE INDEX {} ON {t}(code)", quoted(&format!("ct_{}_code", class.id))))?;
    }
    Ok(())
}

/// Enters the table as a layer of the GeoPackage, with its spatial index.
pub(crate) fn register(conn: &Connection, table: &Table) -> Result<()> {
    let class = &table.class;
    gpkg::register_layer(conn, class, 2)?;
    if table.has_geometry {
        rtree::create(conn, &class.id)?;
    }
    Ok(())
}

/// The view of what is about to become history, and the triggers. See store-schema: BEFORE triggers move the sealed
/// version into history, AFTER triggers note the change for the next revision.
fn view_and_triggers(table: &Table) -> String {
    let id = &table.class.id;
    let no = table.class.no;
    let (t, h) = (&table.name, table.history());
    let old = quoted(&format!("ct_old_{id}"));
    let columns = table.columns.join(",");
    let trigger = |suffix: &str| quoted(&format!("ct_{id}_{suffix}"));
    let keep = |row: &str| {
        format!("INSERT INTO {h}(fid,{columns},ct_from,ct_to) SELECT fid,{columns},ct_from,ct_to FROM {old} WHERE fid={row}.fid;")
    };
    let note = |row: &str, op: &str| {
        format!("INSERT INTO ct_change(rev,class,fid,fid_to,op) SELECT sealed+1,{no},{row}.fid,{row}.fid,'{op}' FROM ct_head;")
    };
    format!(
        "CREATE VIEW {old} AS SELECT t.fid,{selected}, r.rev AS ct_from, n.sealed+1 AS ct_to
           FROM {t} t JOIN ct_row r ON r.class={no} AND r.fid=t.fid CROSS JOIN ct_head n
           WHERE r.rev<=n.sealed AND NOT EXISTS(SELECT 1 FROM {h} h WHERE h.fid=t.fid AND h.ct_from=r.rev);
         CREATE TRIGGER {id_trigger} BEFORE INSERT ON {t} WHEN NEW.fid > 0 BEGIN
           SELECT RAISE(ABORT,'this id was used before') WHERE NEW.fid <= (SELECT seq FROM sqlite_sequence WHERE name={name})
             AND NOT EXISTS(SELECT 1 FROM {t} WHERE fid=NEW.fid) AND (SELECT restoring=0 FROM ct_head); END;
         CREATE TRIGGER {i0} BEFORE INSERT ON {t} WHEN NEW.fid > 0 BEGIN {keep_new} END;
         CREATE TRIGGER {u0} BEFORE UPDATE ON {t} BEGIN SELECT RAISE(ABORT,'a feature keeps its id') WHERE OLD.fid<>NEW.fid; {keep_old} END;
         CREATE TRIGGER {d0} BEFORE DELETE ON {t} BEGIN {keep_old} END;
         CREATE TRIGGER {i1} AFTER INSERT ON {t} WHEN (SELECT bulk=0 FROM ct_head) BEGIN
           INSERT INTO ct_row(class,fid,rev,said) SELECT {no},NEW.fid,sealed+1,(SELECT said FROM ct_gone WHERE class={no} AND fid=NEW.fid)
             FROM ct_head WHERE true ON CONFLICT(class,fid) DO UPDATE SET rev=excluded.rev;
           {note_i} END;
         CREATE TRIGGER {u1} AFTER UPDATE ON {t} BEGIN
           UPDATE ct_row SET rev=(SELECT sealed+1 FROM ct_head) WHERE class={no} AND fid=OLD.fid; {note_u} END;
         CREATE TRIGGER {d1} AFTER DELETE ON {t} BEGIN DELETE FROM ct_gone WHERE class={no} AND fid=OLD.fid;
           INSERT INTO ct_gone(class,fid,said) SELECT class,fid,said FROM ct_row WHERE class={no} AND fid=OLD.fid AND said NOT NULL;
           DELETE FROM ct_row WHERE class={no} AND fid=OLD.fid; {note_d} END;",
        selected = table.selected("t"),
        name = literal(id),
        id_trigger = trigger("id"),
        i0 = trigger("i0"),
        u0 = trigger("u0"),
        d0 = trigger("d0"),
        i1 = trigger("i1"),
        u1 = trigger("u1"),
        d1 = trigger("d1"),
        keep_new = keep("NEW"),
        keep_old = keep("OLD"),
        note_i = note("NEW", "i"),
        note_u = note("OLD", "u"),
        note_d = note("OLD", "d"),
    )
}

/// Names of the triggers that a class's table must have.
fn trigger_names(class: &str) -> impl Iterator<Item = String> + '_ {
    ["id", "i0", "u0", "d0", "i1", "u1", "d1"].into_iter().map(move |suffix| format!("ct_{class}_{suffix}"))
}

/// Whether the table is still the one we made: another program may have replaced it, and with it our triggers.
pub(crate) fn is_whole(conn: &Connection, class: &Class) -> rusqlite::Result<bool> {
    has_triggers(conn, &class.id)
}

pub(crate) fn has_triggers(conn: &Connection, class: &str) -> rusqlite::Result<bool> {
    let mut there = conn.prepare_cached("SELECT 1 FROM sqlite_master WHERE type='trigger' AND name=?1 AND tbl_name=?2")?;
    for name in trigger_names(class) {
        if !there.exists((&name, class))? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether nothing but our own triggers would run: the spatial index is aside, other programs have added none.
pub(crate) fn has_only_our_triggers(conn: &Connection, class: &str) -> rusqlite::Result<bool> {
    let all: usize = conn
        .prepare_cached("SELECT count(*) FROM sqlite_master WHERE type='trigger' AND tbl_name=?1 COLLATE NOCASE")?
        .query_row([class], |row| row.get(0))?;
    Ok(all == trigger_names(class).count() && has_triggers(conn, class)?)
}

/// What a class's table still lacks.
pub(crate) enum Lacks {
    Nothing,
    /// The class is new.
    Table,
    /// The class got these attributes.
    Columns(Vec<usize>),
}

pub(crate) fn compare(conn: &Connection, class: &Class) -> Result<Lacks> {
    let known: Option<String> = conn.query_row("SELECT tbl FROM ct_class WHERE no=?1", [class.no.0], |row| row.get(0)).optional()?;
    match known {
        None => return Ok(Lacks::Table),
        Some(table) if table != class.id => {
            return Err(StoreError::CollectionName(class.id.clone(), BadName::NumberTaken));
        }
        Some(_) => {}
    }
    let mut statement = conn.prepare("SELECT lower(name) FROM pragma_table_info(?1)")?;
    let there: Vec<String> = statement.query_map([&class.id], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let missing: Vec<usize> = (0..class.attributes.len()).filter(|&i| !there.contains(&class.attributes[i].id.to_lowercase())).collect();
    Ok(if missing.is_empty() { Lacks::Nothing } else { Lacks::Columns(missing) })
}

/// Adds columns for new attributes to table and history, and makes view and triggers carry them.
pub(crate) fn add_columns(conn: &Connection, class: &Arc<Class>, missing: &[usize]) -> Result<()> {
    let table = Table::new(class.clone());
    for &i in missing {
        let attribute = &class.attributes[i];
        let column = format!("{} {}", quoted(&attribute.id), column_type(&attribute.ty, "INTEGER"));
        conn.execute_batch(&format!(
            "ALTER TABLE {} ADD COLUMN {column}; ALTER TABLE {} ADD COLUMN {column};",
            table.name,
            table.history()
        ))?;
    }
    renew_triggers(conn, &table)
}

/// Makes the view and the triggers anew, as this program would.
pub(crate) fn renew_triggers(conn: &Connection, table: &Table) -> Result<()> {
    let class = &table.class;
    for name in trigger_names(&class.id) {
        conn.execute_batch(&format!("DROP TRIGGER IF EXISTS {}", quoted(&name)))?;
    }
    conn.execute_batch(&format!("DROP VIEW IF EXISTS {}", quoted(&format!("ct_old_{}", class.id))))?;
    Ok(conn.execute_batch(&view_and_triggers(table))?)
}

/// The geometry column's bytes.
pub(crate) fn geometry_blob(table: &Table, geometry: &citytwin_model::Geometry) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64);
    blob::write(geometry, table.multi, &mut bytes);
    bytes
}
