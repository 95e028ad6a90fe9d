//! Boxes on a fixed world grid: 16 bytes instead of 32, and no question answered wrongly for it.
//!
//! A cell is 360°/2³², 9 mm at the equator. Each side of a box is the number of the cell that holds it, and that numbering
//! never falls as the coordinate rises. So cells that differ tell the order of the coordinates for certain; only equal
//! cells leave it open, and then the geometry itself is asked.

use citytwin_model::Bounds;

const CELLS_PER_DEGREE: f64 = (1u64 << 32) as f64 / 360.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cells {
    pub west: u32,
    pub south: u32,
    pub east: u32,
    pub north: u32,
}

/// In rising order, so that the best of several boxes is the largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Relation {
    /// Certainly no meeting.
    Apart,
    Maybe,
    /// Certainly a meeting.
    Sure,
}

impl Cells {
    /// Grows by [`Cells::union`].
    pub const EMPTY: Self = Self { west: u32::MAX, south: u32::MAX, east: 0, north: 0 };

    /// What lies outside the world is drawn to its edge, which keeps the order.
    pub fn of(bounds: &Bounds) -> Self {
        // `as` rounds down, and keeps what is too small or too large at the ends.
        let lon = |degrees: f64| ((degrees + 180.0) * CELLS_PER_DEGREE) as u32;
        let lat = |degrees: f64| ((degrees + 90.0) * CELLS_PER_DEGREE) as u32;
        Self { west: lon(bounds.west), south: lat(bounds.south), east: lon(bounds.east), north: lat(bounds.north) }
    }

    pub fn union(self, other: &Self) -> Self {
        Self {
            west: self.west.min(other.west),
            south: self.south.min(other.south),
            east: self.east.max(other.east),
            north: self.north.max(other.north),
        }
    }

    /// Whether a box with these cells could reach beyond, or up to, a side of `inner`.
    pub fn could_widen(&self, inner: &Self) -> bool {
        (self.west <= inner.west) | (self.south <= inner.south) | (self.east >= inner.east) | (self.north >= inner.north)
    }

    // Plain `&` and `|` below, so that the comparisons stay without branches.

    /// Of a node and a window: all rows of the node meet the window when its box lies inside.
    #[inline]
    pub fn node_relation(&self, window: &Self) -> Relation {
        let inside = (window.west < self.west) & (self.east < window.east) & (window.south < self.south) & (self.north < window.north);
        self.relation(window, inside)
    }

    /// Of a row and a window. A geometry touches all four sides of its own box; so when the box sticks out of the window to one
    /// side only, the vertex on the opposite side is inside, and the geometry need not be looked at. Only boxes over a corner,
    /// or right across, or with a border in the same cell, stay open.
    #[inline]
    pub fn row_relation(&self, window: &Self) -> Relation {
        let lon_within = |cell: u32| (window.west < cell) & (cell < window.east);
        let lat_within = |cell: u32| (window.south < cell) & (cell < window.north);
        let (west, east) = (lon_within(self.west), lon_within(self.east));
        let (south, north) = (lat_within(self.south), lat_within(self.north));
        self.relation(window, (west & east & (south | north)) | (south & north & (west | east)))
    }

    #[inline]
    fn relation(&self, window: &Self, sure: bool) -> Relation {
        let apart = (self.west > window.east) | (self.east < window.west) | (self.south > window.north) | (self.north < window.south);
        match (apart, sure) {
            (true, _) => Relation::Apart,
            (false, true) => Relation::Sure,
            (false, false) => Relation::Maybe,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Coordinates near a common place, so that cells are often equal and often neighbours; some outside the world.
    fn bounds() -> impl Strategy<Value = Bounds> {
        let near = |middle: f64| (-30i32..30).prop_map(move |step| middle + f64::from(step) * 2.5e-8);
        let lon = || prop_oneof![near(116.0), near(180.0), near(-180.0)];
        let lat = || prop_oneof![near(30.0), near(90.0), near(-90.0)];
        (lon(), lat(), lon(), lat()).prop_map(|(a, b, c, d)| Bounds::new(a.min(c), b.min(d), a.max(c), b.max(d)))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn what_is_certain_is_true(own in bounds(), window in bounds()) {
            let (cells, frame) = (Cells::of(&own), Cells::of(&window));
            match cells.node_relation(&frame) {
                Relation::Apart => prop_assert!(!own.intersects(&window)),
                Relation::Sure => prop_assert!(window.contains(&own)),
                Relation::Maybe => {}
            }
            match cells.row_relation(&frame) {
                Relation::Apart => prop_assert!(!own.intersects(&window)),
                // One whole side of the box within the window, so whatever vertex lies on that side.
                Relation::Sure => {
                    let sides = [
                        Bounds { east: own.west, ..own },
                        Bounds { west: own.east, ..own },
                        Bounds { north: own.south, ..own },
                        Bounds { south: own.north, ..own },
                    ];
                    prop_assert!(sides.iter().any(|side| window.contains(side)));
                }
                Relation::Maybe => {}
            }
        }
    }
}
