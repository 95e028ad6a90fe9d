//! What is near a place: distances in metres, nearest first.
//!
//! Everything is drawn around the place asked about, at its true distance and direction (azimuthal equidistant): within
//! 1 mm of the geodesic at 10 km, 0.3 m at 100 km. Edges count as straight in that picture.

use crate::class_index::ClassIndex;
use crate::meets::inside;
use citytwin_model::geometry::Rings;
use citytwin_model::{Bounds, Feature, Frame, Geometry, LonLat, Position, Shape};
use std::f64::consts::PI;
use std::sync::Arc;

/// Smallest radius of curvature of the ellipsoid, at the equator along the meridian, a little less: boxes made with it hold the disc.
const SMALL_RADIUS_M: f64 = 6_335_000.0;
/// The earth as a ball; only the correction for its roundness hangs on it.
const MEAN_RADIUS_M: f64 = 6_371_000.0;
/// Nothing is farther.
const HALF_ROUND_M: f64 = 20_040_000.0;
/// First guess of [`nearest`]; each further one doubles it.
const FIRST_RADIUS_M: f64 = 50.0;

/// Metres from a place to the nearest point of a geometry, heights ignored; 0 inside an area, infinite for an empty geometry.
pub fn distance_m(geometry: &Geometry, at: LonLat) -> f64 {
    Plane::at(at).distance(geometry)
}

/// Features within `radius_m` of a place, nearest first; the same distance by number.
pub fn within(class: &ClassIndex, at: LonLat, radius_m: f64) -> Vec<(Arc<Feature>, f64)> {
    let mut near = Vec::new();
    if !(at.lon.is_finite() && at.lat.is_finite() && radius_m >= 0.0) {
        return near;
    }
    let plane = Plane::at(at);
    class.hits(&around(at, radius_m), false, &mut |feature| {
        let distance = feature.geometry.as_ref().map_or(f64::INFINITY, |geometry| plane.distance(geometry));
        if distance <= radius_m {
            near.push((feature.clone(), distance));
        }
    });
    near.sort_unstable_by(|a, b| a.1.total_cmp(&b.1).then(a.0.id.fid.cmp(&b.0.id.fid)));
    near
}

/// The `count` nearest features no farther than `max_m`.
pub fn nearest(class: &ClassIndex, at: LonLat, max_m: f64, count: usize) -> Vec<(Arc<Feature>, f64)> {
    if max_m.is_nan() {
        return Vec::new();
    }
    let max_m = max_m.min(HALF_ROUND_M);
    let mut radius = FIRST_RADIUS_M;
    loop {
        let last = radius >= max_m;
        let mut near = within(class, at, radius.min(max_m));
        if last || near.len() >= count {
            near.truncate(count);
            return near;
        }
        radius *= 2.0;
    }
}

/// One box that holds the disc, or two where it crosses the antimeridian.
fn around(at: LonLat, radius_m: f64) -> Vec<Bounds> {
    // One part in a thousand for the ellipsoid's shape and for rounding.
    let angle = radius_m * 1.001 / SMALL_RADIUS_M + 1e-12;
    let (south, north) = (at.lat - angle.to_degrees(), at.lat + angle.to_degrees());
    if angle >= PI / 2.0 || south <= -90.0 || north >= 90.0 {
        return vec![Bounds::new(-180.0, south.max(-90.0), 180.0, north.min(90.0))];
    }
    // The disc is widest where a meridian touches it, poleward of its centre.
    let sine = angle.sin() / at.lat.to_radians().cos();
    if sine >= 1.0 {
        return vec![Bounds::new(-180.0, south, 180.0, north)];
    }
    let half = sine.asin().to_degrees();
    let (west, east) = (at.lon - half, at.lon + half);
    let mut boxes = vec![Bounds::new(west.max(-180.0), south, east.min(180.0), north)];
    if west < -180.0 {
        boxes.push(Bounds::new(west + 360.0, south, 180.0, north));
    }
    if east > 180.0 {
        boxes.push(Bounds::new(-180.0, south, east - 360.0, north));
    }
    boxes
}

struct Plane {
    frame: Frame,
    at: LonLat,
}

impl Plane {
    fn at(at: LonLat) -> Self {
        Self { frame: Frame::at(at), at }
    }

    fn distance(&self, geometry: &Geometry) -> f64 {
        let vertices = |line: &[Position]| line.iter().map(|p| self.point(p)).collect::<Vec<_>>();
        let along = |line: &[Position]| {
            let points = vertices(line);
            points.windows(2).map(|pair| from_origin(pair[0], pair[1])).fold(first(&points), f64::min)
        };
        let area = |rings: &Rings| {
            if inside(rings, self.at.lon, self.at.lat) {
                return 0.0;
            }
            rings.iter().map(|ring| along(ring)).fold(f64::INFINITY, f64::min)
        };
        match &geometry.shape {
            Shape::Point(p) => length(self.point(p)),
            Shape::MultiPoint(points) => points.iter().map(|p| length(self.point(p))).fold(f64::INFINITY, f64::min),
            Shape::Line(line) => along(line),
            Shape::MultiLine(lines) => lines.iter().map(|line| along(line)).fold(f64::INFINITY, f64::min),
            Shape::Polygon(rings) => area(rings),
            Shape::MultiPolygon(parts) => parts.iter().map(area).fold(f64::INFINITY, f64::min),
        }
    }

    fn point(&self, p: &Position) -> (f64, f64) {
        let local = self.frame.local(Position::new(p.lon, p.lat, 0.0));
        // In the plane that touches the place; then outward, from the sine of the angle at the earth's centre to its arc.
        let sine = local.east.hypot(local.north);
        let stretch = if sine > 0.0 { MEAN_RADIUS_M * sine.atan2(MEAN_RADIUS_M + local.up) / sine } else { 1.0 };
        (local.east * stretch, local.north * stretch)
    }
}

fn length(p: (f64, f64)) -> f64 {
    p.0.hypot(p.1)
}

fn first(points: &[(f64, f64)]) -> f64 {
    points.first().map_or(f64::INFINITY, |p| length(*p))
}

/// From the plane's origin to a segment.
fn from_origin(a: (f64, f64), b: (f64, f64)) -> f64 {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let squared = dx * dx + dy * dy;
    let t = if squared > 0.0 { (-(a.0 * dx + a.1 * dy) / squared).clamp(0.0, 1.0) } else { 0.0 };
    length((a.0 + t * dx, a.1 + t * dy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousandth_of_a_degree_is_what_the_ellipsoid_says() {
        let at = LonLat { lon: 116.0, lat: 30.0 };
        let to = |lon: f64, lat: f64| distance_m(&Geometry::flat(Shape::Point(Position::new(lon, lat, 900.0))), at);
        assert!((to(116.001, 30.0) - 96.486).abs() < 0.002);
        assert!((to(116.0, 30.001) - 110.853).abs() < 0.002);
    }

    #[test]
    fn distances_are_geodesics() {
        use geo::{Destination, Geodesic};
        for (lon, lat) in [(116.0, 30.0), (-60.0, -55.0), (0.0, 0.0), (179.9, 80.0)] {
            for (distance, tolerance) in [(10.0, 1e-6), (1_000.0, 1e-4), (10_000.0, 1e-3), (100_000.0, 0.3), (2_000_000.0, 10_000.0)] {
                for azimuth in [0.0, 37.0, 90.0, 200.0] {
                    let there = Geodesic.destination(geo::Point::new(lon, lat), azimuth, distance);
                    let found = distance_m(&Geometry::flat(Shape::Point(Position::new(there.x(), there.y(), 0.0))), LonLat { lon, lat });
                    assert!((found - distance).abs() < tolerance, "{found} is not {distance} at {lon} {lat}, {azimuth}°");
                }
            }
        }
    }

    #[test]
    fn inside_an_area_is_no_distance_and_in_its_hole_there_is_one() {
        let ring = |r: f64| -> Vec<Position> {
            [(-r, -r), (r, -r), (r, r), (-r, r), (-r, -r)].iter().map(|(x, y)| Position::new(116.0 + x, 30.0 + y, 0.0)).collect()
        };
        let courtyard = Geometry::flat(Shape::Polygon(vec![ring(0.002), ring(0.001)]));
        assert_eq!(distance_m(&courtyard, LonLat { lon: 116.0015, lat: 30.0 }), 0.0);
        assert!((distance_m(&courtyard, LonLat { lon: 116.0, lat: 30.0 }) - 96.486).abs() < 0.01);
    }

    #[test]
    fn a_disc_over_the_antimeridian_is_two_boxes_and_one_over_the_pole_the_whole_round() {
        assert_eq!(around(LonLat { lon: 179.999, lat: 0.0 }, 1_000.0).len(), 2);
        assert_eq!(around(LonLat { lon: 0.0, lat: 89.999 }, 1_000.0)[0].east, 180.0);
        assert_eq!(around(LonLat { lon: 116.0, lat: 30.0 }, 1_000.0).len(), 1);
    }
}
