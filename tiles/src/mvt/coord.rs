//! A map tile's place in the Web Mercator pyramid.

use super::{BUFFER, EXTENT};
use crate::clip::Point;
use citytwin_model::{Bounds, Position};
use std::f64::consts::PI;

/// Beyond this a unit is smaller than a centimetre.
pub const MAX_ZOOM: u8 = 22;
/// Where the square world ends.
const MAX_LAT: f64 = 85.051_128_779_806_59;

/// A tile that can exist: zoom ≤ 22, x and y inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TileCoord {
    zoom: u8,
    x: u32,
    y: u32,
}

impl TileCoord {
    /// x counts from the west, y from the north. `None` for a tile that the pyramid does not have.
    pub fn new(zoom: u8, x: u32, y: u32) -> Option<Self> {
        (zoom <= MAX_ZOOM && x < 1 << zoom && y < 1 << zoom).then_some(Self { zoom, x, y })
    }

    /// The tile of a zoom that holds a place.
    pub fn at(zoom: u8, lon: f64, lat: f64) -> Option<Self> {
        let side = f64::from(1u32.checked_shl(u32::from(zoom)).filter(|_| zoom <= MAX_ZOOM)?);
        let [x, y] = world(lon, lat).map(|v| (v * side).floor().clamp(0.0, side - 1.0) as u32);
        Self::new(zoom, x, y)
    }

    pub fn zoom(self) -> u8 {
        self.zoom
    }

    pub fn x(self) -> u32 {
        self.x
    }

    pub fn y(self) -> u32 {
        self.y
    }

    /// What a feature must meet to be in the tile: its square and the buffer.
    pub fn bounds(self) -> Bounds {
        let over = f64::from(BUFFER) / f64::from(EXTENT);
        let side = f64::from(1u32 << self.zoom);
        let lon = |x: f64| (x / side * 360.0 - 180.0).clamp(-180.0, 180.0);
        let lat = |y: f64| (PI * (1.0 - 2.0 * y / side)).sinh().atan().to_degrees();
        let (x, y) = (f64::from(self.x), f64::from(self.y));
        Bounds::new(lon(x - over), lat(y + 1.0 + over), lon(x + 1.0 + over), lat(y - over))
    }

    /// A place in units of the tile, y down.
    pub(super) fn place(self, p: &Position) -> Point {
        let [x, y] = world(p.lon, p.lat);
        let side = f64::from(1u32 << self.zoom);
        [(x * side - f64::from(self.x)) * f64::from(EXTENT), (y * side - f64::from(self.y)) * f64::from(EXTENT)]
    }
}

/// The world as a square of side 1, y down.
fn world(lon: f64, lat: f64) -> Point {
    let lat = lat.clamp(-MAX_LAT, MAX_LAT).to_radians();
    [lon / 360.0 + 0.5, 0.5 - lat.tan().asinh() / (2.0 * PI)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_places_have_their_known_tiles() {
        // Null Island at zoom 1 begins the south-eastern tile; Greenwich's well-known tile at zoom 15.
        assert_eq!(TileCoord::at(1, 0.0, 0.0), TileCoord::new(1, 1, 1));
        assert_eq!(TileCoord::at(15, -0.001, 51.477), TileCoord::new(15, 16_383, 10_900));
        assert_eq!(TileCoord::at(14, 116.0, 30.0), TileCoord::new(14, 13_471, 6_759));
    }

    #[test]
    fn tiles_that_cannot_be_are_refused() {
        assert_eq!(TileCoord::new(0, 1, 0), None);
        assert_eq!(TileCoord::new(23, 0, 0), None);
        assert_eq!(TileCoord::new(200, 0, 0), None);
        assert!(TileCoord::new(22, (1 << 22) - 1, 0).is_some());
    }

    proptest! {
        #[test]
        fn a_place_lies_in_the_bounds_of_its_tile_and_in_its_units(lon in -179.9f64..179.9, lat in -85.0f64..85.0, zoom in 0u8..=22) {
            let tile = TileCoord::at(zoom, lon, lat).unwrap();
            prop_assert!(tile.bounds().contains_point(lon, lat));
            let [x, y] = tile.place(&Position::new(lon, lat, 0.0));
            prop_assert!((-1e-3..4096.001).contains(&x) && (-1e-3..4096.001).contains(&y), "{x} {y}");
        }
    }
}
