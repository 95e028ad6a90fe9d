//! The city as the scene sees it: stored degrees and heights become metres in the city frame, and back.
//!
//! Heights in the city's datum become ellipsoidal here, by the city's geoid offset, and nowhere else.

use crate::grid::Rect;
use citytwin_model::{Bounds, City, Frame, LocalPoint, LonLat, Position};

/// Height of the ground where no terrain is known: the datum's zero.
const UNKNOWN_GROUND_M: f64 = 0.0;
/// Mean radius, for first guesses only.
const EARTH_M: f64 = 6_371_000.0;
/// The highest a feature is taken to stand or lie, for the width of searches.
const HIGHEST_M: f64 = 9_000.0;

pub(crate) struct Stage<'a> {
    pub city: &'a dyn City,
    pub frame: &'a Frame,
    geoid_offset_m: f64,
}

impl<'a> Stage<'a> {
    pub fn new(city: &'a dyn City) -> Self {
        Self { city, frame: city.frame(), geoid_offset_m: city.geoid_offset_m() }
    }

    /// A place and its height in the city's datum.
    pub fn local(&self, at: LonLat, height: f64) -> LocalPoint {
        self.frame.local(Position::new(at.lon, at.lat, height + self.geoid_offset_m))
    }

    pub fn ground(&self, at: LonLat) -> f64 {
        self.known_ground(at).unwrap_or(UNKNOWN_GROUND_M)
    }

    pub fn known_ground(&self, at: LonLat) -> Option<f64> {
        self.city.ground_height(at).filter(|height| height.is_finite())
    }

    /// The point of the frame that lies at this place of the plane and at this height of the datum.
    pub fn at_height(&self, east: f64, north: f64, height: f64) -> (LonLat, LocalPoint) {
        self.settle(east, north, height, |_| height)
    }

    /// The point of the ground at this place of the plane, and its height if that is known. `guess` is a height nearby.
    pub fn at_ground(&self, east: f64, north: f64, guess: f64) -> (LocalPoint, Option<f64>) {
        let mut known = None;
        let (_, point) = self.settle(east, north, guess, |at| {
            known = self.known_ground(at);
            known.unwrap_or(UNKNOWN_GROUND_M)
        });
        (point, known)
    }

    /// Up in the frame is not height: the plane's place and the height are brought together in a few steps, each
    /// hundreds of times closer.
    fn settle(&self, east: f64, north: f64, guess: f64, mut height_at: impl FnMut(LonLat) -> f64) -> (LonLat, LocalPoint) {
        const CLOSE_M: f64 = 1e-5;
        let mut up = guess + self.geoid_offset_m - (east * east + north * north) / (2.0 * EARTH_M);
        let mut at = self.frame.origin();
        for _ in 0..5 {
            let position = self.frame.position(LocalPoint::new(east, north, up));
            at = position.lonlat();
            let step = height_at(at) + self.geoid_offset_m - position.z;
            up += step;
            if step.abs() < CLOSE_M {
                break;
            }
        }
        (at, LocalPoint::new(east, north, up))
    }

    /// Degrees that hold all that may stand over a rectangle of the plane, widened by `margin_m`.
    pub fn bounds(&self, rect: &Rect, margin_m: f64) -> Bounds {
        let reach = rect.west.abs().max(rect.east.abs()).hypot(rect.south.abs().max(rect.north.abs()));
        let margin = margin_m + 1.0 + reach / EARTH_M * HIGHEST_M;
        let mut bounds = Bounds::EMPTY;
        for (east, north) in [(rect.west, rect.south), (rect.east, rect.south), (rect.east, rect.north), (rect.west, rect.north)] {
            let (at, _) = self.at_height(east, north, 0.0);
            bounds.include(at.lon, at.lat);
        }
        let degree_m = 111_000.0;
        let cos_lat = self.frame.origin().lat.to_radians().cos().max(0.05);
        // A little more than the margin: no degree is shorter than 110.5 km but those of longitude.
        bounds.grown(margin * 1.02 / degree_m / cos_lat, margin * 1.02 / degree_m)
    }
}
