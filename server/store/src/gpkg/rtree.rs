//! The spatial index of a layer (GeoPackage extension `gpkg_rtree_index`): its triggers, and how to pack one bottom-up.
//!
//! Row by row a million boxes take half a minute. Packed they take seconds: boxes sorted along a Hilbert curve, cut into
//! nodes, the nodes of a level cut into those of the next, all written in order into the tables that stand behind SQLite's
//! R-tree (`_node`, `_rowid`, `_parent`). A node is its depth (root only) and its number of cells as u16, then cells of an
//! i64 and four f32, big-endian, padded to the size that the table was made with.

use super::{blob, quoted};
use citytwin_index::place_code;
use citytwin_model::{Bounds, Fid};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Result};
use std::ops::Range;
use std::time::Instant;

const CELL_BYTES: usize = 24;
/// The share of a node that is filled, so that later rows find room.
const FILLED_PERCENT: usize = 92;
/// Rows written between two looks at the clock.
const LOOK_EVERY: usize = 32;

pub(crate) fn table_name(table: &str) -> String {
    quoted(&plain_name(table))
}

fn plain_name(table: &str) -> String {
    format!("rtree_{table}_geom")
}

fn shadow(table: &str, suffix: &str) -> String {
    quoted(&format!("rtree_{table}_geom_{suffix}"))
}

fn create_sql(table: &str) -> String {
    format!("CREATE VIRTUAL TABLE {} USING rtree(id, minx, maxx, miny, maxy)", table_name(table))
}

const TRIGGERS: [&str; 6] = ["insert", "update1", "update2", "update3", "update4", "delete"];

/// Creates a layer's index, filled from the rows that are there, and the triggers that keep it.
pub(crate) fn create(conn: &Connection, table: &str) -> Result<()> {
    conn.execute_batch(&create_sql(table))?;
    Packing::new(table, node_bytes(conn)?, Boxes::of(conn, table)?).write(conn, None)?;
    register(conn, table)
}

/// Creates the tables that stand behind an index, empty. For everybody else there is no index yet: a table `rtree_…` that
/// is not registered would make the GeoPackage invalid.
pub(crate) fn create_nodes(conn: &Connection, table: &str) -> Result<usize> {
    let bytes = node_bytes(conn)?;
    conn.execute_batch(&format!(
        "CREATE TABLE {}(rowid INTEGER PRIMARY KEY,nodeno);
         CREATE TABLE {node}(nodeno INTEGER PRIMARY KEY,data);
         CREATE TABLE {}(nodeno INTEGER PRIMARY KEY,parentnode);
         INSERT INTO {node} VALUES(1, zeroblob({bytes}));",
        shadow(table, "rowid"),
        shadow(table, "parent"),
        node = shadow(table, "node"),
    ))?;
    Ok(bytes)
}

/// Makes an index of the tables that [`create_nodes`] made and a [`Packing`] filled, as SQLite's own dumps do. The triggers
/// that [`register`] makes after this tell the other connections.
pub(crate) fn put_on(conn: &Connection, table: &str) -> Result<()> {
    conn.execute_batch("PRAGMA writable_schema=ON")?;
    let done = conn.execute(
        "INSERT INTO sqlite_schema(type, name, tbl_name, rootpage, sql) VALUES('table', ?1, ?1, 0, ?2)",
        (plain_name(table), create_sql(table)),
    );
    conn.execute_batch("PRAGMA writable_schema=RESET")?;
    done.map(|_| ())
}

/// From here on the layer has no index: other programs look at its rows one by one. What was behind it stays, for [`clear`].
pub(crate) fn take_off(conn: &Connection, table: &str) -> Result<()> {
    conn.execute_batch("PRAGMA writable_schema=ON")?;
    let done = conn.execute("DELETE FROM sqlite_schema WHERE type='table' AND name=?1", [plain_name(table)]);
    conn.execute_batch("PRAGMA writable_schema=RESET")?;
    done?;
    for suffix in TRIGGERS {
        conn.execute_batch(&format!("DROP TRIGGER IF EXISTS {}", shadow(table, suffix)))?;
    }
    conn.execute("DELETE FROM gpkg_extensions WHERE table_name=?1 AND extension_name='gpkg_rtree_index'", [table])?;
    Ok(())
}

/// Size of a node: as much as fits a page, 51 cells at most. SQLite's own rule.
fn node_bytes(conn: &Connection) -> Result<usize> {
    let page: usize = conn.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    Ok((page - 64).min(4 + 51 * CELL_BYTES))
}

fn is_table(conn: &Connection, name: &str) -> Result<bool> {
    conn.prepare_cached("SELECT 1 FROM sqlite_schema WHERE type='table' AND name=?1")?.exists([name])
}

/// Whether the index can be asked.
pub(crate) fn is_usable(conn: &Connection, table: &str) -> Result<bool> {
    Ok(is_registered(conn, table)? && is_table(conn, &plain_name(table))?)
}

pub(crate) fn is_registered(conn: &Connection, table: &str) -> Result<bool> {
    conn.prepare_cached("SELECT 1 FROM gpkg_extensions WHERE table_name=?1 AND extension_name='gpkg_rtree_index'")?.exists([table])
}

/// From here on the index is kept by triggers, and other programs use it.
pub(crate) fn register(conn: &Connection, table: &str) -> Result<()> {
    let t = quoted(table);
    let r = table_name(table);
    let trigger = |suffix: &str| shadow(table, suffix);
    let values = "ST_MinX(NEW.geom), ST_MaxX(NEW.geom), ST_MinY(NEW.geom), ST_MaxY(NEW.geom)";
    conn.execute_batch(&format!(
        "CREATE TRIGGER {insert} AFTER INSERT ON {t} WHEN (NEW.geom NOT NULL AND NOT ST_IsEmpty(NEW.geom))
           BEGIN INSERT OR REPLACE INTO {r} VALUES (NEW.fid, {values}); END;
         CREATE TRIGGER {update1} AFTER UPDATE OF geom ON {t} WHEN OLD.fid = NEW.fid AND (NEW.geom NOTNULL AND NOT ST_IsEmpty(NEW.geom))
           BEGIN INSERT OR REPLACE INTO {r} VALUES (NEW.fid, {values}); END;
         CREATE TRIGGER {update2} AFTER UPDATE OF geom ON {t} WHEN OLD.fid = NEW.fid AND (NEW.geom ISNULL OR ST_IsEmpty(NEW.geom))
           BEGIN DELETE FROM {r} WHERE id = OLD.fid; END;
         CREATE TRIGGER {update3} AFTER UPDATE ON {t} WHEN OLD.fid != NEW.fid AND (NEW.geom NOTNULL AND NOT ST_IsEmpty(NEW.geom))
           BEGIN DELETE FROM {r} WHERE id = OLD.fid; INSERT OR REPLACE INTO {r} VALUES (NEW.fid, {values}); END;
         CREATE TRIGGER {update4} AFTER UPDATE ON {t} WHEN OLD.fid != NEW.fid AND (NEW.geom ISNULL OR ST_IsEmpty(NEW.geom))
           BEGIN DELETE FROM {r} WHERE id IN (OLD.fid, NEW.fid); END;
         CREATE TRIGGER {delete} AFTER DELETE ON {t} WHEN OLD.geom NOT NULL BEGIN DELETE FROM {r} WHERE id = OLD.fid; END;",
        insert = trigger("insert"),
        update1 = trigger("update1"),
        update2 = trigger("update2"),
        update3 = trigger("update3"),
        update4 = trigger("update4"),
        delete = trigger("delete"),
    ))?;
    conn.execute(
        "INSERT INTO gpkg_extensions VALUES(?1, 'geom', 'gpkg_rtree_index', 'http://www.geopackage.org/spec120/#extension_rtree', 'write-only')",
        [table],
    )?;
    Ok(())
}

/// Removes what is left of an index that was taken off, as much of it as there is time for; true when it is gone.
pub(crate) fn clear(conn: &Connection, table: &str, until: Instant) -> Result<bool> {
    if is_table(conn, &plain_name(table))? {
        take_off(conn, table)?;
    }
    for (suffix, key) in [("rowid", "rowid"), ("parent", "nodeno"), ("node", "nodeno")] {
        if !is_table(conn, &format!("rtree_{table}_geom_{suffix}"))? {
            continue;
        }
        // A table is dropped page by page under the lock; emptied before in pieces, there is little left to drop.
        let t = shadow(table, suffix);
        let sql = format!("DELETE FROM {t} WHERE {key} IN (SELECT {key} FROM {t} LIMIT 500)");
        while conn.prepare_cached(&sql)?.execute([])? > 0 {
            if Instant::now() >= until {
                return Ok(false);
            }
        }
        conn.execute_batch(&format!("DROP TABLE {t}"))?;
    }
    Ok(true)
}

/// The four sides of a geometry column as the index holds them: minx, maxx, miny, maxy in f32, rounded outwards.
/// `None` for what is not indexed: nothing, an empty geometry, one that cannot be read.
pub(crate) fn sides(value: ValueRef<'_>) -> Option<(Bounds, [f32; 4])> {
    let ValueRef::Blob(bytes) = value else { return None };
    let b = blob::bounds(bytes).ok()?;
    let sound = b.west <= b.east && b.south <= b.north && [b.west, b.east, b.south, b.north].iter().all(|x| x.is_finite());
    sound.then(|| (b, [down(b.west), up(b.east), down(b.south), up(b.north)]))
}

fn down(x: f64) -> f32 {
    let near = x as f32;
    if f64::from(near) > x { near.next_down() } else { near }
}

fn up(x: f64) -> f32 {
    let near = x as f32;
    if f64::from(near) < x { near.next_up() } else { near }
}

struct Entry {
    fid: Fid,
    sides: [f32; 4],
}

/// The boxes of a layer, being collected. 20 bytes each.
#[derive(Default)]
pub(crate) struct Boxes(Vec<Entry>);

impl Boxes {
    /// Those of all rows as they are now.
    pub fn of(conn: &Connection, table: &str) -> Result<Self> {
        let mut boxes = Self::default();
        let mut statement = conn.prepare(&format!("SELECT fid, geom FROM {} WHERE geom NOT NULL", quoted(table)))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            boxes.add(row.get(0)?, row.get_ref(1)?);
        }
        Ok(boxes)
    }

    /// That of one row; nothing, where its geometry is none that is indexed.
    pub fn add(&mut self, fid: Fid, geometry: ValueRef<'_>) {
        if let Some((_, sides)) = sides(geometry) {
            self.0.push(Entry { fid, sides });
        }
    }
}

/// An index being written: [`Packing::write`] until it says that all is done.
pub(crate) struct Packing {
    table: String,
    node_bytes: usize,
    /// Nodes of each level, leaves first; the last level is the root alone.
    levels: Vec<Level>,
    entries: Vec<Entry>,
    /// Which leaf each row is in, by row.
    leaf_of: Vec<(Fid, u32)>,
    at: Step,
}

struct Level {
    /// Number of its first node. The root is 1, the leaves begin at 2.
    first: i64,
    boxes: Vec<[f32; 4]>,
}

#[derive(Clone, Copy)]
enum Step {
    Node { level: usize, i: usize },
    Row(usize),
    Root,
    Done,
}

impl Packing {
    /// Sorts and cuts the boxes, to be written into tables made for nodes of this size.
    pub fn new(table: &str, node_bytes: usize, boxes: Boxes) -> Self {
        let capacity = (node_bytes - 4) / CELL_BYTES * FILLED_PERCENT / 100;
        let mut entries = boxes.0;
        let extent = around(entries.iter().map(|entry| entry.sides));
        entries.sort_by_cached_key(|entry| (code_within(&extent, &entry.sides), entry.fid));
        let mut levels: Vec<Level> = Vec::new();
        let mut first = 2;
        loop {
            let below = levels.last().map_or(entries.len(), |level| level.boxes.len());
            let nodes = below.div_ceil(capacity).max(1);
            let boxes = (0..nodes).map(|i| {
                let range = share(below, nodes, i);
                match levels.last() {
                    None => around(entries[range].iter().map(|entry| entry.sides)),
                    Some(level) => around(level.boxes[range].iter().copied()),
                }
            });
            let boxes = boxes.collect();
            levels.push(Level { first: if nodes == 1 { 1 } else { first }, boxes });
            first += nodes as i64;
            if nodes == 1 {
                break;
            }
        }
        let leaves = levels[0].boxes.len();
        let mut leaf_of: Vec<(Fid, u32)> = Vec::with_capacity(entries.len());
        for i in 0..leaves {
            let number = (levels[0].first + i as i64) as u32;
            leaf_of.extend(entries[share(entries.len(), leaves, i)].iter().map(|entry| (entry.fid, number)));
        }
        leaf_of.sort_unstable();
        Self { table: table.to_owned(), node_bytes, levels, entries, leaf_of, at: Step::Node { level: 0, i: 0 } }
    }

    /// Writes on until the time is up; true when all is written. Nobody may use the index before.
    pub fn write(&mut self, conn: &Connection, until: Option<Instant>) -> Result<bool> {
        let (node, rowid) = (shadow(&self.table, "node"), shadow(&self.table, "rowid"));
        let mut put_node = conn.prepare_cached(&format!("INSERT INTO {node}(nodeno, data) VALUES(?1, ?2)"))?;
        let mut put_parent =
            conn.prepare_cached(&format!("INSERT INTO {}(nodeno, parentnode) VALUES(?1, ?2)", shadow(&self.table, "parent")))?;
        let mut put_row = conn.prepare_cached(&format!("INSERT INTO {rowid}(rowid, nodeno) VALUES(?1, ?2)"))?;
        let mut bytes = Vec::with_capacity(self.node_bytes);
        let mut steps = 0;
        loop {
            steps += 1;
            if steps % LOOK_EVERY == 0 && until.is_some_and(|until| Instant::now() >= until) {
                return Ok(false);
            }
            match self.at {
                Step::Node { level, i } if level + 1 == self.levels.len() => {
                    debug_assert_eq!(i, 0, "the last level is the root");
                    self.at = Step::Row(0);
                }
                Step::Node { level, i } if i == self.levels[level].boxes.len() => self.at = Step::Node { level: level + 1, i: 0 },
                Step::Node { level, i } => {
                    let number = self.levels[level].first + i as i64;
                    for child in self.node(level, i, &mut bytes) {
                        put_parent.execute((child, number))?;
                    }
                    put_node.execute((number, &bytes))?;
                    self.at = Step::Node { level, i: i + 1 };
                }
                Step::Row(i) => match self.leaf_of.get(i) {
                    Some(pair) => {
                        put_row.execute(*pair)?;
                        self.at = Step::Row(i + 1);
                    }
                    None => self.at = Step::Root,
                },
                Step::Root => {
                    for child in self.node(self.levels.len() - 1, 0, &mut bytes) {
                        put_parent.execute((child, 1))?;
                    }
                    conn.execute(&format!("UPDATE {node} SET data=?1 WHERE nodeno=1"), [&bytes])?;
                    self.at = Step::Done;
                }
                Step::Done => return Ok(true),
            }
        }
    }

    /// The bytes of a node; its children's numbers, if these are nodes.
    fn node(&self, level: usize, i: usize, bytes: &mut Vec<u8>) -> Range<i64> {
        let nodes = self.levels[level].boxes.len();
        let is_root = level + 1 == self.levels.len();
        let below = if level == 0 { self.entries.len() } else { self.levels[level - 1].boxes.len() };
        let range = share(below, nodes, i);
        bytes.clear();
        bytes.extend((if is_root { level as u16 } else { 0 }).to_be_bytes());
        bytes.extend((range.len() as u16).to_be_bytes());
        let mut cell = |id: i64, sides: &[f32; 4]| {
            bytes.extend(id.to_be_bytes());
            sides.iter().for_each(|side| bytes.extend(side.to_be_bytes()));
        };
        let children = if level == 0 {
            self.entries[range].iter().for_each(|entry| cell(i64::from(entry.fid), &entry.sides));
            0..0
        } else {
            let below = &self.levels[level - 1];
            range.clone().for_each(|child| cell(below.first + child as i64, &below.boxes[child]));
            below.first + range.start as i64..below.first + range.end as i64
        };
        bytes.resize(self.node_bytes, 0);
        children
    }
}

/// The things that fall to the ith of so many nodes: all nodes get alike many.
fn share(things: usize, nodes: usize, i: usize) -> Range<usize> {
    things * i / nodes..things * (i + 1) / nodes
}

/// Place of a box's middle along the Hilbert curve, on a grid over the layer's extent: in degrees or in metres.
fn code_within(extent: &[f32; 4], sides: &[f32; 4]) -> u64 {
    let share = |low: usize| {
        let (from, to) = (f64::from(extent[low]), f64::from(extent[low + 1]));
        let middle = (f64::from(sides[low]) + f64::from(sides[low + 1])) / 2.0;
        if to > from { (middle - from) / (to - from) - 0.5 } else { 0.0 }
    };
    let (lon, lat) = (share(0) * 360.0, share(2) * 180.0);
    place_code(&Bounds::new(lon, lat, lon, lat))
}

fn around(boxes: impl Iterator<Item = [f32; 4]>) -> [f32; 4] {
    boxes.fold([f32::INFINITY, f32::NEG_INFINITY, f32::INFINITY, f32::NEG_INFINITY], |a, b| {
        [a[0].min(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].max(b[3])]
    })
}

/// Brings one row's entry up to date, whatever it was.
pub(crate) fn refresh(conn: &Connection, table: &str, fid: Fid) -> Result<()> {
    let found = conn
        .prepare_cached(&format!("SELECT geom FROM {} WHERE fid=?1", quoted(table)))?
        .query_row([fid], |row| Ok(sides(row.get_ref(0)?)))
        .optional()?
        .flatten();
    let r = table_name(table);
    match found {
        Some((b, _)) => conn
            .prepare_cached(&format!("INSERT OR REPLACE INTO {r} VALUES(?1, ?2, ?3, ?4, ?5)"))?
            .execute((fid, b.west, b.east, b.south, b.north))?,
        None => conn.prepare_cached(&format!("DELETE FROM {r} WHERE id=?1"))?.execute([fid])?,
    };
    Ok(())
}

/// What SQLite finds wrong with an index; `None` when it is sound.
pub(crate) fn trouble(conn: &Connection, table: &str) -> Result<Option<String>> {
    let told: String = conn.query_row("SELECT rtreecheck(?1)", [format!("rtree_{table}_geom")], |row| row.get(0))?;
    Ok((told != "ok").then_some(told))
}
