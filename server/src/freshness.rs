//! When was what a tile shows last changed? Per class and cell of the z14 grid, the last revision whose old or new box
//! touched it. A tile's ETag is the largest over its cells: the last revision *inside* it would miss what left it.

use citytwin_model::{Bounds, ClassNo, Revision};
use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Zoom of the grid.
const Z: u8 = 14;
const SIDE: u32 = 1 << Z;
/// Cells stand together in blocks of this many by as many.
const BLOCK: u32 = 8;
/// Blocks remembered one by one per class; beyond, all of the class counts as changed. A city of 40 km has about ten.
const MAX_BLOCKS: usize = 4_096;
/// A change larger than this many cells counts for the whole class.
const MAX_CELLS_PER_CHANGE: u64 = 4_096;

/// Cheap to clone: a change copies the blocks that it touches, and the short list of blocks.
#[derive(Clone, Debug, Default)]
pub struct Freshness {
    /// Everything is at least as old as this: the revision at which the server started.
    base: Revision,
    classes: HashMap<ClassNo, Arc<ClassFreshness>>,
}

#[derive(Clone, Debug, Default)]
struct ClassFreshness {
    newest: Revision,
    /// What is not remembered cell by cell.
    everywhere: Revision,
    blocks: HashMap<(u32, u32), Arc<Block>>,
}

#[derive(Clone, Debug, Default)]
struct Block {
    newest: Revision,
    /// Row by row from the north.
    cells: [[Revision; BLOCK as usize]; BLOCK as usize],
}

impl Freshness {
    pub fn from(base: Revision) -> Self {
        Self { base, classes: HashMap::new() }
    }

    /// A feature of a class changed within these boxes (old and new; `None` for one without a place).
    pub fn note(&mut self, class: ClassNo, revision: Revision, boxes: impl IntoIterator<Item = Option<Bounds>>) {
        let entry = Arc::make_mut(self.classes.entry(class).or_default());
        entry.newest = entry.newest.max(revision);
        for bounds in boxes.into_iter().flatten() {
            let (west, north) = cell(bounds.west, bounds.north);
            let (east, south) = cell(bounds.east, bounds.south);
            let count = u64::from(east - west + 1) * u64::from(south - north + 1);
            if count > MAX_CELLS_PER_CHANGE {
                entry.forget(revision);
                continue;
            }
            for y in north..=south {
                for x in west..=east {
                    entry.set(x, y, revision);
                }
            }
        }
    }

    /// The last revision that touched anything of a class.
    pub fn class(&self, class: ClassNo) -> Revision {
        self.classes.get(&class).map_or(self.base, |entry| entry.newest.max(self.base))
    }

    /// What nothing has changed since is of this revision.
    pub fn base(&self) -> Revision {
        self.base
    }

    /// The last revision that touched a box or its surroundings.
    pub fn within(&self, class: ClassNo, bounds: &Bounds) -> Revision {
        let (west, north) = cell(bounds.west, bounds.north);
        let (east, south) = cell(bounds.east, bounds.south);
        self.cells(class, west..=east, north..=south)
    }

    /// The last revision that touched a tile or its surroundings.
    pub fn tile(&self, class: ClassNo, z: u8, x: u32, y: u32) -> Revision {
        let (first, last) = if z >= Z {
            let up = z - Z;
            ((x >> up, y >> up), (x >> up, y >> up))
        } else {
            let down = Z - z;
            ((x << down, y << down), (((x + 1) << down) - 1, ((y + 1) << down) - 1))
        };
        // A tile draws a little beyond its border: 64 of 4096 units.
        let margin = if z >= Z { 1 } else { (1u32 << (Z - z)).div_ceil(64) };
        let xs = first.0.saturating_sub(margin)..=(last.0 + margin).min(SIDE - 1);
        let ys = first.1.saturating_sub(margin)..=(last.1 + margin).min(SIDE - 1);
        self.cells(class, xs, ys)
    }

    fn cells(&self, class: ClassNo, xs: RangeInclusive<u32>, ys: RangeInclusive<u32>) -> Revision {
        let Some(entry) = self.classes.get(&class) else { return self.base };
        entry.within(&xs, &ys).max(entry.everywhere).max(self.base)
    }
}

impl ClassFreshness {
    fn set(&mut self, x: u32, y: u32, revision: Revision) {
        let at = (x / BLOCK, y / BLOCK);
        if self.blocks.len() == MAX_BLOCKS && !self.blocks.contains_key(&at) {
            return self.forget(revision);
        }
        let block = Arc::make_mut(self.blocks.entry(at).or_default());
        block.newest = block.newest.max(revision);
        block.cells[(y % BLOCK) as usize][(x % BLOCK) as usize] = revision;
    }

    /// From here on all of the class counts as changed at this revision.
    fn forget(&mut self, revision: Revision) {
        self.everywhere = self.everywhere.max(revision);
        self.blocks.clear();
    }

    /// The last revision remembered for these cells. Looks at no more blocks than the cells lie in, nor than there are: a
    /// deep tile costs a handful of look-ups however much was edited, and a wide one the blocks of the city.
    fn within(&self, xs: &RangeInclusive<u32>, ys: &RangeInclusive<u32>) -> Revision {
        let (columns, rows) = (xs.start() / BLOCK..=xs.end() / BLOCK, ys.start() / BLOCK..=ys.end() / BLOCK);
        let lie_in = u64::from(columns.end() - columns.start() + 1) * u64::from(rows.end() - rows.start() + 1);
        if lie_in <= self.blocks.len() as u64 {
            let found = rows.flat_map(|row| columns.clone().map(move |column| (column, row)));
            found.filter_map(|at| self.blocks.get(&at).map(|block| block.within(at, xs, ys))).max().unwrap_or(0)
        } else {
            let touched = self.blocks.iter().filter(|((column, row), _)| columns.contains(column) && rows.contains(row));
            touched.map(|(at, block)| block.within(*at, xs, ys)).max().unwrap_or(0)
        }
    }
}

impl Block {
    fn within(&self, (column, row): (u32, u32), xs: &RangeInclusive<u32>, ys: &RangeInclusive<u32>) -> Revision {
        let (west, north) = (column * BLOCK, row * BLOCK);
        if *xs.start() <= west && *xs.end() >= west + BLOCK - 1 && *ys.start() <= north && *ys.end() >= north + BLOCK - 1 {
            return self.newest;
        }
        let cells = (north..).zip(&self.cells).filter(|(y, _)| ys.contains(y));
        cells.flat_map(|(_, row)| (west..).zip(row)).filter(|(x, _)| xs.contains(x)).map(|(_, revision)| *revision).max().unwrap_or(0)
    }
}

/// The cell of the Web Mercator grid that a place lies in; places beyond its edge belong to the edge.
fn cell(lon: f64, lat: f64) -> (u32, u32) {
    let side = f64::from(SIDE);
    let x = (lon + 180.0) / 360.0 * side;
    let sin = lat.clamp(-85.06, 85.06).to_radians().sin();
    let y = (0.5 - ((1.0 + sin) / (1.0 - sin)).ln() / (4.0 * std::f64::consts::PI)) * side;
    let clamp = |v: f64| v.clamp(0.0, side - 1.0) as u32;
    (clamp(x), clamp(y))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIPE: ClassNo = ClassNo(40);
    const VALVE: ClassNo = ClassNo(41);

    fn at(lon: f64, lat: f64) -> Option<Bounds> {
        Some(Bounds::new(lon, lat, lon, lat))
    }

    /// The tile at a zoom that holds a place.
    fn tile(fresh: &Freshness, class: ClassNo, z: u8, lon: f64, lat: f64) -> Revision {
        let (x, y) = cell(lon, lat);
        if z <= Z { fresh.tile(class, z, x >> (Z - z), y >> (Z - z)) } else { fresh.tile(class, z, x << (z - Z), y << (z - Z)) }
    }

    #[test]
    fn a_change_ages_the_tiles_it_left_and_those_it_entered_and_no_others() {
        let mut fresh = Freshness::from(5);
        fresh.note(PIPE, 9, [at(116.0, 30.0), at(116.2, 30.2)]);
        for z in [0, 6, 12, 14, 18] {
            assert_eq!(tile(&fresh, PIPE, z, 116.0, 30.0), 9, "left, z{z}");
            assert_eq!(tile(&fresh, PIPE, z, 116.2, 30.2), 9, "entered, z{z}");
            assert_eq!(tile(&fresh, VALVE, z, 116.0, 30.0), 5, "another class, z{z}");
        }
        assert_eq!(tile(&fresh, PIPE, 14, 116.1, 30.1), 5);
        assert_eq!(tile(&fresh, PIPE, 17, 116.1, 30.1), 5);
        assert_eq!((fresh.class(PIPE), fresh.class(VALVE)), (9, 5));
    }

    #[test]
    fn a_neighbour_within_the_buffer_is_aged_too() {
        let (x, y) = cell(116.0, 30.0);
        let mut fresh = Freshness::from(1);
        fresh.note(PIPE, 2, [at(116.0, 30.0)]);
        assert_eq!(fresh.tile(PIPE, 14, x + 1, y), 2);
        assert_eq!(fresh.tile(PIPE, 14, x + 2, y), 1);
    }

    #[test]
    fn what_is_too_wide_or_too_much_counts_for_the_whole_class() {
        let mut fresh = Freshness::from(1);
        fresh.note(PIPE, 3, [Some(Bounds::new(100.0, 20.0, 120.0, 40.0))]);
        assert_eq!(tile(&fresh, PIPE, 14, 0.0, 0.0), 3);
        let mut fresh = Freshness::from(1);
        let apart = 360.0 / f64::from(SIDE) * f64::from(BLOCK);
        for i in 0..=MAX_BLOCKS as u32 {
            fresh.note(PIPE, 4, [at(f64::from(i % 100) * apart, f64::from(i / 100) * apart)]);
        }
        assert_eq!(tile(&fresh, PIPE, 14, 170.0, 70.0), 4);
        assert!(fresh.classes[&PIPE].blocks.len() <= MAX_BLOCKS);
    }

    #[test]
    fn a_change_copies_only_the_block_that_it_touches() {
        let mut fresh = Freshness::from(1);
        for i in 0..50 {
            fresh.note(PIPE, 2, [at(110.0 + 0.5 * f64::from(i), 30.0)]);
        }
        let before = fresh.clone();
        fresh.note(PIPE, 3, [at(110.0, 30.0)]);
        let blocks = |fresh: &Freshness| fresh.classes[&PIPE].blocks.clone();
        let now = blocks(&fresh);
        let copied = blocks(&before).iter().filter(|(place, block)| !Arc::ptr_eq(block, &now[*place])).count();
        assert_eq!(copied, 1);
    }

    /// The same questions to a plain list of every cell that was ever touched.
    #[test]
    fn every_answer_is_that_of_a_plain_list() {
        let mut state = 7u64;
        let mut next = |below: u32| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 33) as u32) % below
        };
        let (mut fresh, mut plain) = (Freshness::from(1), Vec::new());
        for revision in 2..400u64 {
            // Around a city, and now and then far away.
            let far = if next(20) == 0 { 5_000 } else { 0 };
            let (x, y, w, h) = (13_400 - far + next(40), 6_700 - far + next(40), next(4), next(4));
            let degrees = |cell: u32| f64::from(cell) / f64::from(SIDE) * 360.0 - 180.0;
            let lat = |y: u32| (std::f64::consts::PI * (1.0 - 2.0 * f64::from(y) / f64::from(SIDE))).sinh().atan().to_degrees();
            // Middles of cells, so that rounding has no say.
            let middle = |a: f64, b: f64| f64::midpoint(a, b);
            let bounds = Bounds::new(
                middle(degrees(x), degrees(x + 1)),
                middle(lat(y + h), lat(y + h + 1)),
                middle(degrees(x + w), degrees(x + w + 1)),
                middle(lat(y), lat(y + 1)),
            );
            fresh.note(PIPE, revision, [Some(bounds)]);
            plain.push((x..=x + w, y..=y + h, revision));
            for _ in 0..20 {
                let z = next(20) as u8;
                let at = |cell: u32| if z >= Z { cell << (z - Z) } else { cell >> (Z - z) };
                let (tx, ty) = (at(13_395 - far + next(50)), at(6_695 - far + next(50)));
                let (first, last, margin) = if z >= Z {
                    ((tx >> (z - Z), ty >> (z - Z)), (tx >> (z - Z), ty >> (z - Z)), 1)
                } else {
                    ((tx << (Z - z), ty << (Z - z)), (((tx + 1) << (Z - z)) - 1, ((ty + 1) << (Z - z)) - 1), (1u32 << (Z - z)).div_ceil(64))
                };
                let meets =
                    |range: &RangeInclusive<u32>, low: u32, high: u32| *range.start() <= high + margin && *range.end() + margin >= low;
                let touched = plain.iter().filter(|(xs, ys, _)| meets(xs, first.0, last.0) && meets(ys, first.1, last.1));
                let expected = touched.map(|(_, _, revision)| *revision).max().unwrap_or(1);
                assert_eq!(fresh.tile(PIPE, z, tx, ty), expected, "z{z} {tx} {ty} at revision {revision}");
            }
        }
    }

    #[test]
    fn one_without_a_place_ages_its_class_and_no_tile() {
        let mut fresh = Freshness::from(1);
        fresh.note(PIPE, 7, [None, None]);
        assert_eq!((fresh.class(PIPE), tile(&fresh, PIPE, 14, 116.0, 30.0)), (7, 1));
    }
}
