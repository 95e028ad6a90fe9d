//! What lies beyond the square about the city's origin: stored and mapped like all else, but the 3D scene ends there.
//!
//! Mostly it is a mistake: axes exchanged, another zone, a zero. So a load says it at its end, and the doctor at any time.

use citytwin_model::{Bounds, Feature, FeatureId, Frame, Geometry, Position};
use citytwin_store::{AsOf, CityConfig, Store, StoreError};
use citytwin_tiles::grid::SIDE_M;
use std::collections::BTreeSet;

/// The square, and a box of degrees that is surely inside: few features need more than a look at it.
pub struct Square {
    frame: Frame,
    inside: Bounds,
}

/// Half the height of that box: 31.3 km at the most, of the square's 32.8.
const HALF_DEG: f64 = 0.28;

impl Square {
    pub fn of(config: &CityConfig) -> Self {
        let [lon, lat] = config.origin;
        // Degrees of longitude are longest at the side towards the equator.
        let half_lon = HALF_DEG / (lat.abs() - HALF_DEG).max(0.0).to_radians().cos();
        let inside = Bounds::new(lon - half_lon, lat - HALF_DEG, lon + half_lon, lat + HALF_DEG);
        Self { frame: config.frame(), inside }
    }

    /// The first place of the geometry that is beyond.
    pub fn beyond(&self, geometry: &Geometry) -> Option<Position> {
        let mut beyond = None;
        geometry.for_each_vertex(|p| {
            if beyond.is_none() && !self.inside.contains_point(p.lon, p.lat) {
                let local = self.frame.local(*p);
                let is_in = local.east.abs() <= SIDE_M / 2.0 && local.north.abs() <= SIDE_M / 2.0 && local.up > -SIDE_M;
                beyond = (!is_in).then_some(*p);
            }
        });
        beyond
    }
}

/// How many are beyond, and where the first is.
#[derive(Default)]
pub struct Tally {
    pub count: u64,
    pub first: Option<(String, Position)>,
}

impl Tally {
    /// `name`: what people know the feature by.
    pub fn note(&mut self, place: Position, name: impl FnOnce() -> String) {
        self.count += 1;
        self.first.get_or_insert_with(|| (name(), place));
    }
}

/// All of the city's features that are beyond.
pub fn of_city(store: &Store) -> Result<Tally, StoreError> {
    let square = Square::of(store.config());
    let (mut tally, mut met) = (Tally::default(), BTreeSet::<FeatureId>::new());
    let (all, inside) = (Bounds::WORLD, square.inside);
    let around = [
        Bounds { east: inside.west, ..all },
        Bounds { west: inside.east, ..all },
        Bounds { north: inside.south, ..all },
        Bounds { south: inside.north, ..all },
    ];
    let now = AsOf::Revision(store.head()?);
    for strip in around {
        store.read_box_as_of(None, &strip, now, &mut |feature: Feature| {
            let beyond = feature.geometry.as_ref().and_then(|geometry| square.beyond(geometry));
            if let Some(place) = beyond
                && met.insert(feature.id)
            {
                tally.note(place, || crate::store_words::name_of(store, feature.id));
            }
        })?;
    }
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::*;
    use citytwin_model::{LocalPoint, LonLat, Shape};
    use citytwin_tiles::grid::TileId;

    #[test]
    fn the_square_is_that_of_the_tiles() {
        for origin in [LonLat { lon: 116.0, lat: 30.0 }, LonLat { lon: -70.0, lat: -53.0 }, LonLat { lon: 0.0, lat: 0.1 }] {
            let square = Square::of(&CityConfig::new("甲市", origin));
            for east in [-40_000.0, -32_768.5, -32_767.5, -31_000.0, 0.0, 31_000.0, 32_767.5, 32_768.5] {
                for north in [-32_768.5, -32_767.5, 0.0, 32_767.5, 32_768.5, 90_000.0] {
                    let at = square.frame.position(LocalPoint::new(east, north, 0.0));
                    let beyond = square.beyond(&Geometry::flat(Shape::Point(at))).is_some();
                    assert_eq!(beyond, TileId::leaf_at(east, north).is_none(), "{origin:?}: {east} {north}");
                    assert!(!beyond || !square.inside.contains_point(at.lon, at.lat));
                }
            }
            // Behind the earth.
            let antipode = Position::new(if origin.lon > 0.0 { origin.lon - 180.0 } else { origin.lon + 180.0 }, -origin.lat, 0.0);
            assert!(square.beyond(&Geometry::flat(Shape::Point(antipode))).is_some());
        }
    }

    /// Nothing in the box of degrees is beyond the square, so that a look at the box is enough.
    #[test]
    fn the_box_of_degrees_is_inside() {
        for lat in [-85.0, -60.0, -0.2, 0.0, 23.0, 45.0, 85.0] {
            let square = Square::of(&CityConfig::new("甲市", LonLat { lon: 10.0, lat }));
            let b = square.inside;
            for (lon, lat) in [(b.west, b.south), (b.west, b.north), (b.east, b.south), (b.east, b.north), (10.0, b.north), (b.west, lat)] {
                let local = square.frame.local(Position::new(lon, lat, 0.0));
                assert!(local.east.abs().max(local.north.abs()) < SIDE_M / 2.0, "{lat}: {local:?}");
            }
        }
    }
}
