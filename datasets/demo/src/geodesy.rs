//! From metres about the origin to degrees, the same to the last bit on every machine.
//!
//! [`citytwin_model::Frame`] asks the platform for sines, and platforms differ in the last bit. Here they come from
//! `libm`, whose Rust code is the same everywhere; sums, products and roots are exact by IEEE 754, and Rust never fuses
//! them. The result is rounded to 1e-9 degrees (0.1 mm) to keep the numbers short, not to hide differences.

use crate::plan::Plan;
use citytwin_model::{LonLat, Position};

/// CGCS2000.
const A: f64 = 6_378_137.0;
const F: f64 = 1.0 / 298.257_222_101;
const E2: f64 = F * (2.0 - F);

/// The tangent plane at the city's origin.
#[derive(Clone, Debug)]
pub struct Geodesy {
    origin_ecef: [f64; 3],
    east: [f64; 3],
    north: [f64; 3],
}

impl Geodesy {
    pub fn at(origin: LonLat) -> Self {
        let (sin_lon, cos_lon) = libm::sincos(origin.lon.to_radians());
        let (sin_lat, cos_lat) = libm::sincos(origin.lat.to_radians());
        let n = A / (1.0 - E2 * sin_lat * sin_lat).sqrt();
        Self {
            origin_ecef: [n * cos_lat * cos_lon, n * cos_lat * sin_lon, n * (1.0 - E2) * sin_lat],
            east: [-sin_lon, cos_lon, 0.0],
            north: [-sin_lat * cos_lon, -sin_lat * sin_lon, cos_lat],
        }
    }

    /// Degrees of a point of the plane, to 1e-9.
    pub fn degrees(&self, p: Plan) -> LonLat {
        let [x, y, z]: [f64; 3] = std::array::from_fn(|i| self.origin_ecef[i] + self.east[i] * p.e + self.north[i] * p.n);
        let r = (x * x + y * y).sqrt();
        let mut lat = libm::atan2(z, r * (1.0 - E2));
        for _ in 0..5 {
            let (sin_lat, cos_lat) = libm::sincos(lat);
            let n = A / (1.0 - E2 * sin_lat * sin_lat).sqrt();
            let height = r / cos_lat - n;
            lat = libm::atan2(z, r * (1.0 - E2 * n / (n + height)));
        }
        LonLat { lon: nano(libm::atan2(y, x).to_degrees()), lat: nano(lat.to_degrees()) }
    }

    /// The point of the plane below (or above) a place on the ellipsoid; the inverse of [`Geodesy::degrees`] to micrometres.
    pub fn plan(&self, at: LonLat) -> Plan {
        let (sin_lon, cos_lon) = libm::sincos(at.lon.to_radians());
        let (sin_lat, cos_lat) = libm::sincos(at.lat.to_radians());
        let n = A / (1.0 - E2 * sin_lat * sin_lat).sqrt();
        let p = [n * cos_lat * cos_lon, n * cos_lat * sin_lon, n * (1.0 - E2) * sin_lat];
        let d: [f64; 3] = std::array::from_fn(|i| p[i] - self.origin_ecef[i]);
        let along = |axis: &[f64; 3]| axis[0] * d[0] + axis[1] * d[1] + axis[2] * d[2];
        Plan::new(along(&self.east), along(&self.north))
    }

    /// A vertex as stored: degrees, and height to the millimetre.
    pub fn position(&self, p: Plan, height_m: f64) -> Position {
        let at = self.degrees(p);
        Position::new(at.lon, at.lat, round_to(height_m, 3))
    }
}

fn nano(degrees: f64) -> f64 {
    libm::round(degrees * 1e9) / 1e9
}

/// So many decimals, halves away from zero.
pub fn round_to(value: f64, decimals: u32) -> f64 {
    let scale = [1.0, 10.0, 100.0, 1000.0, 10_000.0][decimals as usize];
    libm::round(value * scale) / scale
}

#[cfg(test)]
mod tests {
    use super::*;
    use citytwin_model::Frame;

    #[test]
    fn it_is_the_city_frame_to_a_tenth_of_a_millimetre() {
        let origin = LonLat { lon: 116.0, lat: 30.0 };
        let (geodesy, frame) = (Geodesy::at(origin), Frame::at(origin));
        for (e, n) in [(0.0, 0.0), (812.5, -603.25), (-1399.0, 1150.0), (20_000.0, 15_000.0)] {
            let at = geodesy.degrees(Plan::new(e, n));
            // Within the city the plane and the ellipsoid part by centimetres of height, micrometres of plan.
            let back = frame.local(Position::new(at.lon, at.lat, 0.0));
            let tolerance = if e.abs() < 2000.0 { 1.5e-4 } else { 0.3 };
            assert!((back.east - e).abs() < tolerance && (back.north - n).abs() < tolerance, "{e} {n}: {back:?}");
        }
    }

    #[test]
    fn it_agrees_with_proj() {
        // PROJ 9, from geocentric to longitude and latitude on the same ellipsoid: 116.0103651051641, 30.0090205866906.
        let at = Geodesy::at(LonLat { lon: 116.0, lat: 30.0 }).degrees(Plan::new(1000.0, 1000.0));
        assert_eq!((at.lon, at.lat), (116.010_365_105, 30.009_020_587), "{at:?}");
    }
}
