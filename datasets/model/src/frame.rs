//! The city frame: a rigid plane that touches the ellipsoid at the city's origin.
//!
//! East, north, up in metres, for drawing and for plan coordinates. Its *up* is not height: the earth falls away
//! from the plane, 31 m at 20 km. Heights, slopes and covers come from the stored z.

use crate::space::{LonLat, Position};

/// Semi-major axis of the CGCS2000 ellipsoid in metres (GB 22021-2008).
const A: f64 = 6_378_137.0;
/// Its flattening.
const F: f64 = 1.0 / 298.257_222_101;
const E2: f64 = F * (2.0 - F);

/// Metres east, north and up of the city's origin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LocalPoint {
    pub east: f64,
    pub north: f64,
    pub up: f64,
}

impl LocalPoint {
    pub const fn new(east: f64, north: f64, up: f64) -> Self {
        Self { east, north, up }
    }

    /// Distance in the plane, heights ignored.
    pub fn plan_distance(self, other: Self) -> f64 {
        ((self.east - other.east).powi(2) + (self.north - other.north).powi(2)).sqrt()
    }
}

/// Earth-centred, earth-fixed coordinates in metres.
pub type Ecef = [f64; 3];

/// The plane and its way to and from degrees. Ellipsoidal heights in and out: the caller adds the geoid offset.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    origin: LonLat,
    origin_ecef: Ecef,
    /// Rows: east, north, up, as directions in ECEF.
    axes: [[f64; 3]; 3],
}

impl Frame {
    /// A frame that touches the ellipsoid (height 0) at `origin`.
    pub fn at(origin: LonLat) -> Self {
        let (sin_lon, cos_lon) = origin.lon.to_radians().sin_cos();
        let (sin_lat, cos_lat) = origin.lat.to_radians().sin_cos();
        Self {
            origin,
            origin_ecef: ecef_from_geodetic(origin.lon, origin.lat, 0.0),
            axes: [
                [-sin_lon, cos_lon, 0.0],
                [-sin_lat * cos_lon, -sin_lat * sin_lon, cos_lat],
                [cos_lat * cos_lon, cos_lat * sin_lon, sin_lat],
            ],
        }
    }

    pub fn origin(&self) -> LonLat {
        self.origin
    }

    /// `position.z` is taken as height above the ellipsoid.
    pub fn local(&self, position: Position) -> LocalPoint {
        self.local_from_ecef(ecef_from_geodetic(position.lon, position.lat, position.z))
    }

    pub fn local_from_ecef(&self, p: Ecef) -> LocalPoint {
        let d = [p[0] - self.origin_ecef[0], p[1] - self.origin_ecef[1], p[2] - self.origin_ecef[2]];
        let along = |axis: [f64; 3]| axis[0] * d[0] + axis[1] * d[1] + axis[2] * d[2];
        LocalPoint::new(along(self.axes[0]), along(self.axes[1]), along(self.axes[2]))
    }

    pub fn ecef(&self, p: LocalPoint) -> Ecef {
        let [e, n, u] = self.axes;
        std::array::from_fn(|i| self.origin_ecef[i] + e[i] * p.east + n[i] * p.north + u[i] * p.up)
    }

    /// Degrees, and height above the ellipsoid.
    pub fn position(&self, p: LocalPoint) -> Position {
        geodetic_from_ecef(self.ecef(p))
    }

    /// Column-major 4 × 4 matrix from this frame to ECEF, as a tileset's root transform wants it.
    pub fn ecef_from_local(&self) -> [f64; 16] {
        let [e, n, u] = self.axes;
        let o = self.origin_ecef;
        [e[0], e[1], e[2], 0.0, n[0], n[1], n[2], 0.0, u[0], u[1], u[2], 0.0, o[0], o[1], o[2], 1.0]
    }
}

pub fn ecef_from_geodetic(lon_deg: f64, lat_deg: f64, height_m: f64) -> Ecef {
    let (sin_lon, cos_lon) = lon_deg.to_radians().sin_cos();
    let (sin_lat, cos_lat) = lat_deg.to_radians().sin_cos();
    let n = A / (1.0 - E2 * sin_lat * sin_lat).sqrt();
    [(n + height_m) * cos_lat * cos_lon, (n + height_m) * cos_lat * sin_lon, (n * (1.0 - E2) + height_m) * sin_lat]
}

/// Iterates latitude and height; three rounds are below a micrometre anywhere near the surface.
pub fn geodetic_from_ecef(p: Ecef) -> Position {
    let [x, y, z] = p;
    let r = x.hypot(y);
    let mut lat = z.atan2(r * (1.0 - E2));
    let mut height = 0.0;
    for _ in 0..5 {
        let sin_lat = lat.sin();
        let n = A / (1.0 - E2 * sin_lat * sin_lat).sqrt();
        height = if lat.abs() < 1.0 { r / lat.cos() - n } else { z / sin_lat - n * (1.0 - E2) };
        lat = z.atan2(r * (1.0 - E2 * n / (n + height)));
    }
    Position::new(y.atan2(x).to_degrees(), lat.to_degrees(), height)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ORIGIN: LonLat = LonLat { lon: 116.0, lat: 30.0 };

    #[test]
    fn the_origin_is_zero_and_axes_point_east_north_up() {
        let frame = Frame::at(ORIGIN);
        let at = |lon, lat, z| frame.local(Position::new(lon, lat, z));
        let o = at(116.0, 30.0, 0.0);
        assert!(o.east.abs() < 1e-8 && o.north.abs() < 1e-8 && o.up.abs() < 1e-8, "{o:?}");
        assert!((at(116.0, 30.0, 12.5).up - 12.5).abs() < 1e-8);
        // One thousandth of a degree: radii of curvature of the ellipsoid at 30°.
        assert!((at(116.001, 30.0, 0.0).east - 96.486).abs() < 0.002);
        assert!((at(116.0, 30.001, 0.0).north - 110.853).abs() < 0.002);
    }

    #[test]
    fn up_is_not_height_far_from_the_origin() {
        let p = Frame::at(ORIGIN).local(Position::new(116.2078, 30.0, 0.0));
        assert!((p.east - 20_050.0).abs() < 60.0);
        assert!((-32.5..-30.5).contains(&p.up), "{}", p.up);
    }

    proptest! {
        #[test]
        fn there_and_back_is_below_a_tenth_of_a_millimetre(dlon in -0.3f64..0.3, dlat in -0.3f64..0.3, z in -500.0f64..3000.0) {
            let frame = Frame::at(ORIGIN);
            let p = Position::new(116.0 + dlon, 30.0 + dlat, z);
            let q = frame.position(frame.local(p));
            prop_assert!((p.lon - q.lon).abs() < 1e-9 && (p.lat - q.lat).abs() < 1e-9 && (p.z - q.z).abs() < 1e-4, "{:?} {:?}", p, q);
        }
    }
}
