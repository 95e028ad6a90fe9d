//! The style texture as memory: a run of texels per tile, and which rows the graphics card has not seen yet.

use crate::style::Style;
use std::collections::BTreeMap;
use std::ops::Range;

/// Every WebGL2 has textures of 2048 × 2048: about 4 million features at once.
pub const WIDTH: u32 = 2048;
pub const MAX_ROWS: u32 = 2048;
const FIRST_ROWS: u32 = 16;

/// A tile's place in the texture: its features from the first on, then one texel for what is no feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    pub base: u32,
    pub len: u32,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the style texture is full: {wanted} more texels do not fit beside {held}; drop tiles first")]
pub struct Full {
    pub wanted: u32,
    pub held: u32,
}

/// Texels in row order. Rows double when runs do not fit; what was changed since the last look is one range of rows.
#[derive(Debug)]
pub struct Texels {
    data: Vec<[u32; 2]>,
    /// Free runs: start → length, never touching each other.
    free: BTreeMap<u32, u32>,
    dirty: Range<u32>,
    held: u32,
}

impl Default for Texels {
    fn default() -> Self {
        let cells = WIDTH * FIRST_ROWS;
        Self { data: vec![[0; 2]; cells as usize], free: BTreeMap::from([(0, cells)]), dirty: 0..0, held: 0 }
    }
}

impl Texels {
    pub fn rows(&self) -> u32 {
        self.data.len() as u32 / WIDTH
    }

    pub fn bytes(&self) -> usize {
        size_of_val(self.data.as_slice())
    }

    /// First fit: runs come and go with tiles of much the same size, so holes are filled again.
    pub fn allocate(&mut self, len: u32) -> Result<Run, Full> {
        loop {
            if let Some((&base, &space)) = self.free.iter().find(|(_, space)| **space >= len) {
                self.free.remove(&base);
                if space > len {
                    self.free.insert(base + len, space - len);
                }
                self.held += len;
                return Ok(Run { base, len });
            }
            if !self.grow() {
                return Err(Full { wanted: len, held: self.held });
            }
        }
    }

    pub fn release(&mut self, run: Run) {
        self.held -= run.len;
        let (mut base, mut len) = (run.base, run.len);
        if let Some((&before, &space)) = self.free.range(..base).next_back()
            && before + space == base
        {
            self.free.remove(&before);
            (base, len) = (before, space + len);
        }
        if let Some(space) = self.free.remove(&(base + len)) {
            len += space;
        }
        self.free.insert(base, len);
    }

    pub fn set(&mut self, at: u32, style: Style) {
        let texel = style.texel();
        let cell = &mut self.data[at as usize];
        if *cell != texel {
            *cell = texel;
            let row = at / WIDTH;
            self.dirty = if self.dirty.is_empty() { row..row + 1 } else { self.dirty.start.min(row)..self.dirty.end.max(row + 1) };
        }
    }

    pub fn get(&self, at: u32) -> Style {
        Style::from_texel(self.data[at as usize])
    }

    /// The rows that changed since the last call, with their texels.
    pub fn take_dirty(&mut self) -> Option<(Range<u32>, &[[u32; 2]])> {
        if self.dirty.is_empty() {
            return None;
        }
        let rows = std::mem::take(&mut self.dirty);
        Some((rows.clone(), &self.data[(rows.start * WIDTH) as usize..(rows.end * WIDTH) as usize]))
    }

    fn grow(&mut self) -> bool {
        let rows = self.rows();
        if rows >= MAX_ROWS {
            return false;
        }
        let old = rows * WIDTH;
        self.data.resize(old as usize * 2, [0; 2]);
        self.held += old;
        self.release(Run { base: old, len: old });
        // The new texture on the card is empty: all of it is to be written.
        self.dirty = 0..rows;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::style::Style;

    #[test]
    fn runs_never_overlap_and_freed_space_is_used_again() {
        let mut texels = Texels::default();
        let a = texels.allocate(1000).unwrap();
        let b = texels.allocate(5000).unwrap();
        let c = texels.allocate(10).unwrap();
        assert!(a.base + a.len <= b.base && b.base + b.len <= c.base);
        texels.release(a);
        texels.release(b);
        assert_eq!(texels.allocate(6000).unwrap().base, 0, "neighbouring holes are one hole");
    }

    #[test]
    fn rows_double_until_the_texture_is_full() {
        let mut texels = Texels::default();
        let half = WIDTH * MAX_ROWS / 2;
        texels.allocate(half).unwrap();
        texels.allocate(half).unwrap();
        assert_eq!(texels.rows(), MAX_ROWS);
        assert_eq!(texels.allocate(1), Err(Full { wanted: 1, held: half * 2 }));
    }

    #[test]
    fn only_changed_rows_are_handed_out_and_only_once() {
        let mut texels = Texels::default();
        texels.set(WIDTH * 3 + 7, Style::plain([9, 9, 9]));
        texels.set(WIDTH * 5, Style::plain([1, 1, 1]));
        let (rows, data) = texels.take_dirty().unwrap();
        assert_eq!((rows, data.len()), (3..6, WIDTH as usize * 3));
        assert!(texels.take_dirty().is_none());
        texels.set(WIDTH * 5, Style::plain([1, 1, 1]));
        assert!(texels.take_dirty().is_none(), "the same style again changes nothing");
    }

    #[test]
    fn growth_keeps_what_was_written_and_hands_all_of_it_out() {
        let mut texels = Texels::default();
        texels.set(5, Style::plain([7, 8, 9]));
        texels.take_dirty();
        texels.allocate(WIDTH * FIRST_ROWS + 1).unwrap();
        assert_eq!(texels.get(5), Style::plain([7, 8, 9]));
        assert!(texels.take_dirty().is_some_and(|(rows, _)| rows.start == 0 && rows.end >= FIRST_ROWS));
    }
}
