//! The square about the city's origin that 3D tiles divide, and the tiles of it.
//!
//! x counts from the west, y from the south, as implicit tiling wants it. All metres are those of the city frame.

/// Side of the square. What lies beyond is a finding of `check`, not drawn.
pub const SIDE_M: f64 = 65_536.0;
/// Leaves are 256 m wide.
pub const LEAF_LEVEL: u8 = 8;
/// Levels that one subtree file describes; with this, two files deep reach the leaves.
pub const SUBTREE_LEVELS: u8 = 5;

/// A tile of the square. It exists by construction: level ≤ 8, x and y inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TileId {
    level: u8,
    x: u32,
    y: u32,
}

impl TileId {
    pub const ROOT: Self = Self { level: 0, x: 0, y: 0 };

    pub fn new(level: u8, x: u32, y: u32) -> Option<Self> {
        let inside = level <= LEAF_LEVEL && x < 1 << level && y < 1 << level;
        inside.then_some(Self { level, x, y })
    }

    /// The leaf that owns a place. West and south borders belong to the leaf, east and north ones to its neighbour.
    pub fn leaf_at(east: f64, north: f64) -> Option<Self> {
        let column = |metres: f64| {
            let n = ((metres + SIDE_M / 2.0) / leaf_side_m()).floor();
            (0.0..f64::from(1u32 << LEAF_LEVEL)).contains(&n).then_some(n as u32)
        };
        Some(Self { level: LEAF_LEVEL, x: column(east)?, y: column(north)? })
    }

    pub fn level(self) -> u8 {
        self.level
    }

    pub fn x(self) -> u32 {
        self.x
    }

    pub fn y(self) -> u32 {
        self.y
    }

    pub fn is_leaf(self) -> bool {
        self.level == LEAF_LEVEL
    }

    pub fn side_m(self) -> f64 {
        SIDE_M / f64::from(1u32 << self.level)
    }

    /// What it covers: borders are whole metres, so they are exact.
    pub fn rect(self) -> Rect {
        let side = self.side_m();
        let west = f64::from(self.x) * side - SIDE_M / 2.0;
        let south = f64::from(self.y) * side - SIDE_M / 2.0;
        Rect { west, south, east: west + side, north: south + side }
    }

    /// The tile of a coarser level that holds this one.
    pub fn at_level(self, level: u8) -> Self {
        let up = self.level.saturating_sub(level);
        Self { level: self.level - up, x: self.x >> up, y: self.y >> up }
    }

    /// The subtree file that describes this tile, by its root.
    pub fn subtree_root(self) -> Self {
        self.at_level(self.level / SUBTREE_LEVELS * SUBTREE_LEVELS)
    }
}

pub const fn leaf_side_m() -> f64 {
    SIDE_M / (1u32 << LEAF_LEVEL) as f64
}

/// Place of a tile in its level's row of bits: x and y interleaved, x in the lowest bit.
pub fn morton(x: u32, y: u32) -> u64 {
    spread(x) | (spread(y) << 1)
}

fn spread(n: u32) -> u64 {
    let mut n = u64::from(n);
    for (shift, mask) in [
        (16, 0x0000_ffff_0000_ffff),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333),
        (1, 0x5555_5555_5555_5555),
    ] {
        n = (n | (n << shift)) & mask;
    }
    n
}

/// A rectangle in the city frame's plane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rect {
    pub west: f64,
    pub south: f64,
    pub east: f64,
    pub north: f64,
}

impl Rect {
    pub fn centre(&self) -> (f64, f64) {
        ((self.west + self.east) / 2.0, (self.south + self.north) / 2.0)
    }

    /// Half-open, as leaves own places.
    pub fn owns(&self, east: f64, north: f64) -> bool {
        self.west <= east && east < self.east && self.south <= north && north < self.north
    }
}

/// A box in the city frame: east, north, up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Box3 {
    pub min: [f64; 3],
    pub max: [f64; 3],
}

impl Box3 {
    /// Holds nothing; grows by [`Box3::include`].
    pub const EMPTY: Self = Self { min: [f64::INFINITY; 3], max: [f64::NEG_INFINITY; 3] };

    pub fn is_empty(&self) -> bool {
        !(0..3).all(|axis| self.min[axis] <= self.max[axis])
    }

    pub fn include(&mut self, point: [f64; 3]) {
        for (axis, value) in point.into_iter().enumerate() {
            self.min[axis] = self.min[axis].min(value);
            self.max[axis] = self.max[axis].max(value);
        }
    }

    pub fn union(mut self, other: &Self) -> Self {
        if !other.is_empty() {
            self.include(other.min);
            self.include(other.max);
        }
        self
    }

    pub fn contains(&self, other: &Self) -> bool {
        (0..3).all(|axis| self.min[axis] <= other.min[axis] && other.max[axis] <= self.max[axis])
    }

    /// Centre and the three half axes: what a tileset's `box` and TILE_BOUNDING_BOX hold.
    pub fn to_volume(&self) -> [f64; 12] {
        let centre: [f64; 3] = std::array::from_fn(|i| (self.min[i] + self.max[i]) / 2.0);
        let half: [f64; 3] = std::array::from_fn(|i| (self.max[i] - self.min[i]) / 2.0);
        [centre[0], centre[1], centre[2], half[0], 0.0, 0.0, 0.0, half[1], 0.0, 0.0, 0.0, half[2]]
    }

    /// The upright box about a volume; `None` when a number is not finite.
    pub fn from_volume(volume: &[f64; 12]) -> Option<Self> {
        if !volume.iter().all(|x| x.is_finite()) {
            return None;
        }
        let reach: [f64; 3] = std::array::from_fn(|i| volume[3 + i].abs() + volume[6 + i].abs() + volume[9 + i].abs());
        Some(Self { min: std::array::from_fn(|i| volume[i] - reach[i]), max: std::array::from_fn(|i| volume[i] + reach[i]) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn morton_order_is_that_of_the_3d_tiles_specification() {
        // x counts in the lowest bit: (1,0) is 1, (0,1) is 2; the specification's example is (5, 1) at level 3.
        assert_eq!([(0, 0), (1, 0), (0, 1), (1, 1), (2, 0)].map(|(x, y)| morton(x, y)), [0, 1, 2, 3, 4]);
        assert_eq!(morton(0b101, 0b001), 0b01_00_11);
        assert_eq!(morton(u32::MAX, 0), 0x5555_5555_5555_5555);
    }

    #[test]
    fn the_origin_stands_at_the_corner_of_four_leaves() {
        let leaf = TileId::leaf_at(0.0, 0.0).unwrap();
        assert_eq!((leaf.x(), leaf.y()), (128, 128));
        assert_eq!(leaf.rect(), Rect { west: 0.0, south: 0.0, east: 256.0, north: 256.0 });
        assert_eq!(TileId::leaf_at(-0.001, 0.0).unwrap().x(), 127);
    }

    #[test]
    fn what_lies_beyond_the_square_has_no_tile() {
        assert_eq!(TileId::leaf_at(32_768.0, 0.0), None);
        assert_eq!(TileId::leaf_at(0.0, -32_768.1), None);
        assert_eq!(TileId::leaf_at(f64::NAN, 0.0), None);
        assert!(TileId::leaf_at(32_767.99, -32_768.0).is_some());
        assert_eq!(TileId::new(8, 256, 0), None);
        assert_eq!(TileId::new(9, 0, 0), None);
    }

    #[test]
    fn leaves_are_described_by_the_second_subtree() {
        let leaf = TileId::new(8, 131, 7).unwrap();
        assert_eq!(leaf.subtree_root(), TileId::new(5, 16, 0).unwrap());
        assert_eq!(TileId::new(4, 3, 3).unwrap().subtree_root(), TileId::ROOT);
    }

    proptest! {
        #[test]
        fn every_place_is_owned_by_its_leaf_and_all_above(east in -32_768.0f64..32_767.9, north in -32_768.0f64..32_767.9) {
            let leaf = TileId::leaf_at(east, north).unwrap();
            for level in 0..=LEAF_LEVEL {
                prop_assert!(leaf.at_level(level).rect().owns(east, north));
            }
        }
    }
}
