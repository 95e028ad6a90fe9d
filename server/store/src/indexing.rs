//! A first load's spatial index: set aside while the rows come in, packed bottom-up after them.
//!
//! While it is aside the layer is one without an index, which every program can read. The packed index grows in turns,
//! registered with nobody; what others changed in the meantime is replayed from the feed; then it is registered. A load
//! that ends before that leaves a mark, and whoever comes next completes it: [`Store::complete_indexes`].

use crate::error::Result;
use crate::files::FileLock;
use crate::gpkg::{quoted, rtree};
use crate::load;
use crate::schema::Table;
use crate::store::Store;
use crate::turns::Turns;
use citytwin_model::Fid;
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// A load that brings so many rows at once …
pub(crate) const MANY: usize = 1000;
/// … to a class that holds no more than these sets its index aside.
const FEW: i64 = 1000;

impl Store {
    /// The classes whose spatial index a load has set aside: other programs find their features, only more slowly.
    pub fn unindexed(&self) -> Result<Vec<String>> {
        self.reading(|conn| Ok(marked(conn)?.into_iter().map(|(_, class, _)| class).collect()))
    }

    /// Builds the spatial indexes that loads broken off have left aside. A load still running builds its own. The answer:
    /// the classes that have their index again.
    pub fn complete_indexes(&self) -> Result<Vec<String>> {
        if self.unindexed()?.is_empty() {
            return Ok(Vec::new());
        }
        complete(&mut Turns::new(self)?, None, &mut unknown)
    }
}

/// Sets a class's index aside if that is worth its while. Within a turn of the load `load`.
pub(crate) fn consider(conn: &Connection, table: &Table, load: i64, until: Instant) -> Result<()> {
    let class = &table.class.id;
    if !table.has_geometry || !rtree::is_registered(conn, class)? {
        return Ok(());
    }
    let rows: i64 =
        conn.query_row(&format!("SELECT count(*) FROM (SELECT 1 FROM {} LIMIT {})", table.name, FEW + 1), [], |row| row.get(0))?;
    if rows <= FEW {
        set_aside(conn, table, load)?;
        rtree::clear(conn, class, until)?;
    }
    Ok(())
}

/// From here on rows go in, and out, without the index.
pub(crate) fn set_aside(conn: &Connection, table: &Table, load: i64) -> Result<()> {
    rtree::take_off(conn, &table.class.id)?;
    mark(conn, table, Some(load))
}

/// Number, name, and the load that set its index aside.
fn marked(conn: &Connection) -> Result<Vec<(u16, String, i64)>> {
    let mut statement = conn.prepare_cached("SELECT no, tbl, aside FROM ct_class WHERE aside NOT NULL ORDER BY no")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn lock_path(store: &Store) -> PathBuf {
    store.dir().join(".indexing.lock")
}

/// A class's boxes where they are known already, with the place in the feed up to which they hold.
type Known<'k> = dyn FnMut(&Connection, &Table) -> Result<Option<(rtree::Boxes, i64)>> + 'k;

/// For those who know none.
pub(crate) fn unknown(_: &Connection, _: &Table) -> Result<Option<(rtree::Boxes, i64)>> {
    Ok(None)
}

/// Packs what is aside, for a load at its end (`own`), or for whoever finds it.
pub(crate) fn complete(turns: &mut Turns, own: Option<i64>, known: &mut Known) -> Result<Vec<String>> {
    let store = turns.store();
    // One packer at a time; the other is as good.
    let Some(_lock) = FileLock::try_take(lock_path(store))? else { return Ok(Vec::new()) };
    let mut done = Vec::new();
    for (no, class, by) in store.reading(marked)? {
        if own != Some(by) && load::is_running(store, by) {
            continue;
        }
        let tables = store.tables();
        match tables.served.iter().find(|table| table.no().0 == no && table.has_geometry) {
            Some(table) => pack(turns, table, known)?,
            // Replaced from outside: adoption makes its index.
            None => continue,
        }
        done.push(class);
    }
    Ok(done)
}

fn pack(turns: &mut Turns, table: &Arc<Table>, known: &mut Known) -> Result<()> {
    let class = &table.class.id;
    let store = turns.store();
    // What an earlier try has left, and what was there before the load.
    while !turns.take(|conn, until| Ok(rtree::is_registered(conn, class)? || rtree::clear(conn, class, until)?))? {}
    // Of one moment: the rows, and the place in the feed from which on changes are replayed.
    let (mut seen, boxes) = store.reading(|conn| {
        if let Some((boxes, feed)) = known(conn, table)? {
            return Ok(((feed, Fid::MAX), boxes));
        }
        let seq: i64 = conn.query_row("SELECT coalesce(max(seq), 0) FROM ct_change", [], |row| row.get(0))?;
        Ok(((seq, Fid::MAX), rtree::Boxes::of(conn, class)?))
    })?;
    let Some(node_bytes) =
        turns.take(|conn, _| if rtree::is_registered(conn, class)? { Ok(None) } else { Ok(Some(rtree::create_nodes(conn, class)?)) })?
    else {
        return forget(turns, table);
    };
    let mut packing = rtree::Packing::new(class, node_bytes, boxes);
    while !turns.take(|conn, until| Ok(packing.write(conn, Some(until))?))? {}
    drop(packing);
    // An index from here on, though not a known one before the last row that changed meanwhile is in it: all in one turn,
    // or the next turn begins with another try.
    while !turns.take(|conn, until| {
        rtree::put_on(conn, class)?;
        if replay(conn, table, &mut seen, until)? {
            rtree::register(conn, class)?;
            mark(conn, table, None)?;
            return Ok(true);
        }
        rtree::take_off(conn, class)?;
        Ok(false)
    })? {}
    Ok(())
}

/// Another program was asked for an index meanwhile, and made it.
fn forget(turns: &mut Turns, table: &Table) -> Result<()> {
    turns.take(|conn, _| mark(conn, table, None))
}

fn mark(conn: &Connection, table: &Table, aside: Option<i64>) -> Result<()> {
    conn.execute("UPDATE ct_class SET aside=?2 WHERE no=?1", (table.no().0, aside))?;
    Ok(())
}

/// Refreshes the rows that the feed names after `seen` (place in the feed, last fid of a range); true when there are no more.
fn replay(conn: &Connection, table: &Table, seen: &mut (i64, Fid), until: Instant) -> Result<bool> {
    let mut statement = conn.prepare_cached("SELECT seq, fid, fid_to FROM ct_change WHERE seq>=?1 AND class=?2 ORDER BY seq")?;
    let mut rows = statement.query((seen.0, table.no().0))?;
    while let Some(row) = rows.next()? {
        let (seq, from, to): (i64, Fid, Fid) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let from = if seq == seen.0 { from.max(seen.1.saturating_add(1)) } else { from };
        if seq == seen.0 && (seen.1 >= to) {
            continue;
        }
        for fid in from..=to {
            rtree::refresh(conn, &table.class.id, fid)?;
            *seen = (seq, fid);
            if Instant::now() >= until {
                return Ok(false);
            }
        }
        *seen = (seq, Fid::MAX);
    }
    Ok(true)
}

/// What is wrong with a class's index: its structure, or rows that it lacks or has too many.
pub(crate) fn trouble(conn: &Connection, table: &str) -> Result<Option<String>> {
    if let Some(told) = rtree::trouble(conn, table)? {
        return Ok(Some(told));
    }
    let r = rtree::table_name(table);
    let mut statement = conn.prepare(&format!(
        "SELECT t.fid, t.geom, r.minx, r.maxx, r.miny, r.maxy FROM {t} t LEFT JOIN {r} r ON r.id=t.fid",
        t = quoted(table)
    ))?;
    let mut rows = statement.query([])?;
    let mut indexed: i64 = 0;
    while let Some(row) = rows.next()? {
        let fid: i64 = row.get(0)?;
        let there: Option<[f64; 4]> = match row.get::<_, Option<f64>>(2)? {
            Some(minx) => Some([minx, row.get(3)?, row.get(4)?, row.get(5)?]),
            None => None,
        };
        indexed += i64::from(there.is_some());
        match (rtree::sides(row.get_ref(1)?), there) {
            (Some((b, _)), Some(box_)) => {
                if box_[0] > b.west || box_[1] < b.east || box_[2] > b.south || box_[3] < b.north {
                    return Ok(Some(format!("feature {fid} is indexed in the wrong place")));
                }
            }
            (Some(_), None) => return Ok(Some(format!("feature {fid} is not indexed"))),
            (None, _) => {}
        }
    }
    let entries: i64 = conn.query_row(&format!("SELECT count(*) FROM {r}"), [], |row| row.get(0))?;
    Ok((entries != indexed).then(|| format!("{} entries of no feature", entries - indexed)))
}
