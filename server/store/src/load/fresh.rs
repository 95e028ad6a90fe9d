//! Tables that were empty when the load came, and that nobody else has written to since.
//!
//! In these, a key that the load has not met is nobody's, so it need not be looked for; and the boxes of the rows that went
//! in are all that the spatial index will hold, so they need not be read again.

use crate::error::Result;
use crate::gpkg::rtree::Boxes;
use crate::schema::Table;
use citytwin_model::{ClassNo, Fid, Revision};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

#[derive(Default)]
pub(super) struct Fresh {
    /// The newest revision and the end of the feed, as the load's last link left them.
    left: Option<(Revision, i64)>,
    /// `None`: the table held rows, or others have written to it.
    tables: BTreeMap<ClassNo, Option<FreshTable>>,
}

/// What the load has put into one such table.
pub(super) struct FreshTable {
    /// What is left out of a row is null.
    is_plain: bool,
    keys: Keys,
    boxes: Boxes,
}

impl Fresh {
    /// At the beginning of a link, under the write lock: `sealed` is the newest revision then.
    pub fn begin(&mut self, conn: &Connection, served: &[&Arc<Table>], sealed: Revision) -> Result<()> {
        if self.left.is_some_and(|(revision, _)| revision != sealed) {
            self.forget();
        }
        for table in served {
            if !self.tables.contains_key(&table.no()) {
                let is_empty = !conn.prepare(&format!("SELECT 1 FROM {} LIMIT 1", table.name))?.exists([])?;
                let fresh = if is_empty { Some(FreshTable::new(conn, table)?) } else { None };
                self.tables.insert(table.no(), fresh);
            }
        }
        Ok(())
    }

    pub fn table(&mut self, class: ClassNo) -> Option<&mut FreshTable> {
        self.tables.get_mut(&class)?.as_mut()
    }

    /// At the end of a link that has written `sealed`.
    pub fn end(&mut self, conn: &Connection, sealed: Revision) -> Result<()> {
        let feed = conn.prepare_cached("SELECT coalesce(max(seq), 0) FROM ct_change")?.query_row([], |row| row.get(0))?;
        self.left = Some((sealed, feed));
        Ok(())
    }

    /// From here on every key is looked for.
    pub fn forget(&mut self) {
        self.tables.values_mut().for_each(|table| *table = None);
    }

    /// The boxes of a table's rows, where the load knows them all, with the place in the feed up to which they hold.
    pub fn take_boxes(&mut self, conn: &Connection, class: ClassNo) -> Result<Option<(Boxes, i64)>> {
        let Some((_, feed)) = self.left else { return Ok(None) };
        let changed = conn.prepare_cached("SELECT 1 FROM ct_change WHERE seq>?1 AND class=?2 LIMIT 1")?.exists((feed, class.0))?;
        let table = self.tables.remove(&class).flatten().filter(|_| !changed);
        Ok(table.map(|table| (table.boxes, feed)))
    }
}

impl FreshTable {
    fn new(conn: &Connection, table: &Table) -> Result<Self> {
        let filled = "SELECT 1 FROM pragma_table_info(?1) WHERE dflt_value IS NOT NULL";
        let is_plain = !conn.prepare(filled)?.exists([&table.class.id])?;
        Ok(Self { is_plain, keys: Keys::default(), boxes: Boxes::default() })
    }

    pub fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// Whether no row can have this key. It is met with this.
    pub fn is_new(&mut self, key: &str) -> bool {
        self.keys.is_new(key)
    }

    pub fn added(&mut self, fid: Fid, geometry: &[u8]) {
        self.boxes.add(fid, ValueRef::Blob(geometry));
    }
}

/// Keys in a Bloom filter: of those not met, one in a hundred is taken for one that was. Twelve bits each, however long they are.
#[derive(Default)]
struct Keys {
    /// Each eight times as large as the one before; the last takes what comes.
    filters: Vec<Filter>,
    hash: RandomState,
}

struct Filter {
    /// A key's bits lie in one of these, so that it costs one look into memory.
    blocks: Vec<[u64; 8]>,
    /// Keys for which there is room.
    room: usize,
}

const BITS_PER_KEY: usize = 12;
const BITS_PER_BLOCK: usize = 512;
const FIRST_BLOCKS: usize = 1 << 10;
const GROWTH: usize = 8;

impl Keys {
    fn is_new(&mut self, key: &str) -> bool {
        let hash = self.hash.hash_one(key);
        if self.filters.iter().any(|filter| filter.has(hash)) {
            return false;
        }
        if self.filters.last().is_none_or(|last| last.room == 0) {
            let blocks = self.filters.last().map_or(FIRST_BLOCKS, |last| last.blocks.len() * GROWTH);
            self.filters.push(Filter { blocks: vec![[0; 8]; blocks], room: blocks * BITS_PER_BLOCK / BITS_PER_KEY });
        }
        self.filters.last_mut().expect("just made").set(hash);
        true
    }
}

impl Filter {
    /// The block, and six bits in it.
    fn place(&self, hash: u64) -> (usize, [u16; 6]) {
        let block = (u128::from(hash) * self.blocks.len() as u128 >> 64) as usize;
        let mut bits = hash.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let bit = |_| {
            bits = bits.rotate_left(9);
            (bits & 511) as u16
        };
        (block, std::array::from_fn(bit))
    }

    fn has(&self, hash: u64) -> bool {
        let (block, bits) = self.place(hash);
        bits.iter().all(|bit| self.blocks[block][usize::from(bit / 64)] & 1 << (bit % 64) != 0)
    }

    fn set(&mut self, hash: u64) {
        let (block, bits) = self.place(hash);
        bits.iter().for_each(|bit| self.blocks[block][usize::from(bit / 64)] |= 1 << (bit % 64));
        self.room -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_was_met_is_never_new_again_and_few_others_are_taken_for_one() {
        let mut keys = Keys::default();
        let taken = (0..400_000).filter(|i| !keys.is_new(&format!("GS-{i:07}"))).count();
        assert!(taken < 8_000, "{taken} of 400 000 were taken for others");
        assert!((0..400_000).all(|i| !keys.is_new(&format!("GS-{i:07}"))));
        assert_eq!(keys.filters.len(), 3, "it has grown");
    }
}
