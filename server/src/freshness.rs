//! When was what a tile shows last changed? Per class and cell of the z14 grid, the last revision whose old or new box
//! touched it. A tile's ETag is the largest over its cells: the last revision *inside* it would miss what left it.

use citytwin_model::{Bounds, ClassNo, Revision};
use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Zoom of the grid.
const Z: u8 = 14;
const SIDE: u32 = 1 << Z;
/// Cells remembered one by one per class; beyond, all of the class counts as changed.
const MAX_CELLS: usize = 50_000;
/// A change larger than this many cells counts for the whole class.
const MAX_CELLS_PER_CHANGE: u64 = 4_096;

/// Cheap to clone: a change copies only what it touches.
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
    cells: HashMap<(u32, u32), Revision>,
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
            if count > MAX_CELLS_PER_CHANGE || entry.cells.len() as u64 + count > MAX_CELLS as u64 {
                entry.everywhere = entry.everywhere.max(revision);
                entry.cells.clear();
                continue;
            }
            for x in west..=east {
                for y in north..=south {
                    entry.cells.insert((x, y), revision);
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
        let touched = |((x, y), revision): (&(u32, u32), &Revision)| (xs.contains(x) && ys.contains(y)).then_some(*revision);
        entry.cells.iter().filter_map(touched).max().unwrap_or(0).max(entry.everywhere).max(self.base)
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
        for i in 0..=MAX_CELLS as u32 {
            fresh.note(PIPE, 4, [at(f64::from(i % 300) * 0.03, f64::from(i / 300) * 0.03)]);
        }
        assert_eq!(tile(&fresh, PIPE, 14, 170.0, 70.0), 4);
        assert!(fresh.classes[&PIPE].cells.len() <= MAX_CELLS);
    }

    #[test]
    fn one_without_a_place_ages_its_class_and_no_tile() {
        let mut fresh = Freshness::from(1);
        fresh.note(PIPE, 7, [None, None]);
        assert_eq!((fresh.class(PIPE), tile(&fresh, PIPE, 14, 116.0, 30.0)), (7, 1));
    }
}
