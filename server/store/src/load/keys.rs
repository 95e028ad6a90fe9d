//! Keys that were met, as a Bloom filter: of those that were not, few are taken for one that was.
//!
//! Twelve bits each, however long they are; up to three times as many while the newest filter fills.

use std::hash::{BuildHasher, RandomState};

#[derive(Default)]
pub(super) struct Keys {
    /// Each four times as large as the one before; the last takes what comes.
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
const GROWTH: usize = 4;

impl Keys {
    /// Whether it is surely met for the first time.
    pub fn meet(&mut self, key: &str) -> bool {
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
        let block = ((u128::from(hash) * self.blocks.len() as u128) >> 64) as usize;
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
        let taken = (0..400_000).filter(|i| !keys.meet(&format!("GS-{i:07}"))).count();
        assert!(taken < 8_000, "{taken} of 400 000 were taken for others");
        assert!((0..400_000).all(|i| !keys.meet(&format!("GS-{i:07}"))));
        assert_eq!(keys.filters.len(), 3, "it has grown");
    }
}
